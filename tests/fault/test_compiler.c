/*
 * The n-th allocation of a compilation, of the formatter, of an outline and of names fails, for every n, once or from then on; and
 * a heap that is one range of memory, as in a jail, is too small: NO_MEMORY, or the very result that memory enough gives;
 * and nothing is left. Scripts and what RUNEWARD_FAULT_ALL adds: scripts.h.
 */
#include "tests/fault/scripts.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/context.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "compiler/format.h"
#include "compiler/names.h"
#include "compiler/outline.h"

#define RESULT_MAX ((size_t)64 << 20)
#define MEMORY_MAX ((size_t)64 << 20)
#define PIECE 16u
#define RANGE_MAX ((size_t)16 << 20)

static const struct rn_context *context;
static size_t memory_max = MEMORY_MAX;

/* Of one script; what came out is appended to `result`, once nothing fails any more. */
typedef enum rn_error work(const struct script *script, struct rn_buf *result);

static void append_diagnostics(struct rn_buf *result, const struct rn_diagnostics *diagnostics)
{
    rn_alloc_fail_at(0, false);
    assert_int_equal(rn_diagnostics_encode(diagnostics, false, result), RN_OK);
}

static struct rn_compile_input input_of(const struct script *script,
                                        const struct rn_module_loader *loader)
{
    return (struct rn_compile_input){.name = script->path,
                                     .text = script->text,
                                     .size = script->size,
                                     .context = context,
                                     .loader = loader,
                                     .memory_max = memory_max};
}

static enum rn_error compile_one(const struct script *script, struct rn_buf *result)
{
    struct rn_files files = {.root = script->path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = input_of(script, &loader);
    struct rn_compile_output output;
    enum rn_error error = rn_compile(&input, &output);
    append_diagnostics(result, &output.diagnostics);
    assert_true(error == RN_OK || output.image.size == 0);
    rn_buf_append(result, output.image.data, output.image.size);
    rn_buf_append(result, output.debug.data, output.debug.size);
    rn_compile_output_done(&output);
    return error;
}

static enum rn_error outline_one(const struct script *script, struct rn_buf *result)
{
    struct rn_files files = {.root = script->path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = input_of(script, &loader);
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&out, RESULT_MAX);
    enum rn_error error = rn_outline(&input, &diagnostics, &out);
    append_diagnostics(result, &diagnostics);
    rn_buf_append(result, out.data, out.size);
    return error;
}

static enum rn_error names_one(const struct script *script, struct rn_buf *result)
{
    struct rn_files files = {.root = script->path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = input_of(script, &loader);
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&out, RESULT_MAX);
    enum rn_error error = rn_names(&input, &diagnostics, &out);
    append_diagnostics(result, &diagnostics);
    rn_buf_append(result, out.data, out.size);
    return error;
}

static enum rn_error format_one(const struct script *script, struct rn_buf *result)
{
    struct rn_format_input input = {
        .name = script->path, .text = script->text, .size = script->size, .memory_max = memory_max};
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&out, RESULT_MAX);
    enum rn_error error = rn_format(&input, &diagnostics, &out);
    append_diagnostics(result, &diagnostics);
    rn_buf_append(result, out.data, out.size);
    return error;
}

static bool is_same(const struct rn_buf *a, const struct rn_buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* What memory enough gives. */
struct good {
    const struct script *script;
    work *one;
    enum rn_error error;
    struct rn_buf result;
};

static bool is_as_good(const struct good *good, enum rn_error error, const struct rn_buf *result)
{
    return error == RN_E_NO_MEMORY || (error == good->error && is_same(result, &good->result));
}

/* True if the n-th allocation was asked for. */
static bool fail_one(const struct good *good, uint64_t n, bool persistent, struct rn_buf *result)
{
    uint64_t live = rn_alloc_live();
    uint64_t before = rn_alloc_count();
    rn_buf_clear(result);
    rn_alloc_fail_at(n, persistent);
    enum rn_error error = good->one(good->script, result);
    rn_alloc_fail_at(0, false);
    if (!is_as_good(good, error, result)) {
        fail_msg("%s: allocation %llu%s: %s, not %s", good->script->path, (unsigned long long)n,
                 persistent ? " and all after it" : "", rn_error_name(error),
                 rn_error_name(good->error));
    }
    uint64_t asked = rn_alloc_count() - before;
    assert_in_range(rn_alloc_live(), 0, live + (result->capacity > 0));
    return asked >= n && error == RN_E_NO_MEMORY;
}

static void fail_each(work *one, const char *name)
{
    uint64_t tried = 0;
    uint64_t refused = 0;
    for (size_t i = 0; i < scripts_count(); i++) {
        struct good good = {.script = scripts_at(i), .one = one};
        RN_AUTO(rn_buf) struct rn_buf result;
        rn_buf_init(&good.result, RESULT_MAX);
        rn_buf_init(&result, RESULT_MAX);
        good.error = one(good.script, &good.result);
        uint64_t before = rn_alloc_count();
        (void)one(good.script, &result);
        uint64_t needed = rn_alloc_count() - before;
        for (uint64_t n = good.script->first; n <= needed; n += good.script->step) {
            refused += fail_one(&good, n, false, &result);
            refused += fail_one(&good, n, true, &result);
            tried += 2;
        }
        rn_buf_done(&good.result);
    }
    print_message("%s: %zu scripts, %llu allocations failed, %llu times NO_MEMORY\n", name,
                  scripts_count(), (unsigned long long)tried, (unsigned long long)refused);
    assert_in_range(refused, tried / 2, tried);
}

static void compiled(void **state)
{
    (void)state;
    fail_each(compile_one, "compiled");
}

static void formatted(void **state)
{
    (void)state;
    fail_each(format_one, "formatted");
}

static void outlined(void **state)
{
    (void)state;
    fail_each(outline_one, "outlined");
}

static void named(void **state)
{
    (void)state;
    fail_each(names_one, "named");
}

/* ---- A limit ---- */

/* Every piece of the tree, names, constants is the first one that does not fit, by a limit that grows by the size of the
 * smallest piece until all is well. */
static uint64_t narrow(const struct good *good, size_t first, size_t step)
{
    RN_AUTO(rn_buf) struct rn_buf result;
    rn_buf_init(&result, RESULT_MAX);
    uint64_t refused = 0;
    enum rn_error error = RN_E_NO_MEMORY;
    for (size_t max = first; error == RN_E_NO_MEMORY && max < RANGE_MAX; max += step) {
        uint64_t live = rn_alloc_live();
        rn_buf_clear(&result);
        memory_max = max;
        error = good->one(good->script, &result);
        memory_max = MEMORY_MAX;
        if (!is_as_good(good, error, &result)) {
            fail_msg("%s with %zu bytes: %s, not %s", good->script->path, max, rn_error_name(error),
                     rn_error_name(good->error));
        }
        assert_in_range(rn_alloc_live(), 0, live + 1);
        refused += error == RN_E_NO_MEMORY;
    }
    assert_int_equal(error, good->error);
    return refused;
}

static void limited(void **state)
{
    static work *const works[] = {compile_one, format_one, outline_one, names_one};
    (void)state;
    uint64_t refused = 0;
    for (size_t i = 0; i < scripts_count(); i++) {
        const struct script *script = scripts_at(i);
        size_t step = script->step == 1 && !sweeps_take_all() ? PIECE * 3 : script->step * PIECE;
        for (size_t w = 0; w < RN_COUNT_OF(works); w++) {
            struct good good = {.script = script, .one = works[w]};
            rn_buf_init(&good.result, RESULT_MAX);
            good.error = works[w](script, &good.result);
            refused += narrow(&good, script->first * PIECE, step);
            rn_buf_done(&good.result);
        }
    }
    print_message("limited: %llu limits were too low\n", (unsigned long long)refused);
    assert_true(refused > 1000);
}

/* ---- A range ---- */

enum end {
    END_GOOD = 0,
    END_NO_MEMORY = 10,
    END_OTHER = 11,
};

/* In a child, whose heap is the range from then on. */
static void work_in(const struct good *good, void *range, size_t size)
{
    static uint8_t storage[1 << 20];
    struct rn_buf result;
    rn_buf_init_fixed(&result, storage, sizeof(storage));
    rn_alloc_set_region(range, size);
    enum rn_error error = good->one(good->script, &result);
    bool fits = rn_buf_status(&result) == RN_OK;
    if (error == RN_E_NO_MEMORY) {
        _exit(END_NO_MEMORY);
    }
    _exit(fits && is_as_good(good, error, &result) ? END_GOOD : END_OTHER);
}

static enum end end_of(const struct good *good, void *range, size_t size)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        work_in(good, range, size);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == END_OTHER) {
        fail_msg("%s in %zu bytes: status %x", good->script->path, size, (unsigned)status);
    }
    return (enum end)WEXITSTATUS(status);
}

/* Sizes from nothing to what is enough. */
static unsigned shrink(const struct good *good, void *range)
{
    unsigned refused = 0;
    size_t step = sweeps_take_all() ? 256 : 8192;
    for (size_t size = 16; size < RANGE_MAX; size += step) {
        if (end_of(good, range, size) == END_GOOD) {
            return refused;
        }
        refused++;
    }
    fail_msg("%s: %zu bytes are not enough", good->script->path, RANGE_MAX);
    return 0;
}

static void ranges(void **state)
{
    static work *const works[] = {compile_one, format_one, outline_one, names_one};
    (void)state;
    unsigned refused = 0;
    void *range = mmap(NULL, RANGE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(range, MAP_FAILED);
    for (size_t i = 0; i < scripts_count(); i += scripts_count() / 4 + 1) {
        for (size_t w = 0; w < RN_COUNT_OF(works); w++) {
            struct good good = {.script = scripts_at(i), .one = works[w]};
            rn_buf_init(&good.result, RESULT_MAX);
            good.error = works[w](good.script, &good.result);
            refused += shrink(&good, range);
            rn_buf_done(&good.result);
        }
    }
    print_message("ranges: %u were too small\n", refused);
    assert_true(refused > 0);
    assert_int_equal(munmap(range, RANGE_MAX), 0);
}

static int set_up(void **state)
{
    struct rn_context *made;
    assert_int_equal(rn_context_new(&made), RN_OK);
    context = made;
    *state = made;
    return scripts_set_up(NULL);
}

static int tear_down(void **state)
{
    rn_context_free(*state);
    return scripts_tear_down(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled), cmocka_unit_test(formatted), cmocka_unit_test(outlined),
        cmocka_unit_test(named),    cmocka_unit_test(limited),   cmocka_unit_test(ranges),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
