/*
 * A taken-over compiler against its supervisor: every misbehaviour ends its own build, in time and
 * with a named error; the next build works, and nothing is left over.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <runeward/runeward.h>

#define WALL_MS 300
#define TEXT_MAX 65536

static rune_supervisor *supervisor;
static rune_context *context;
static char good[TEXT_MAX]; /* " IMAGE DEBUG" of a good Unit, in hexadecimal digits */
static char folder[] = "/tmp/rn-evil-XXXXXX";
static char path[64];

static rune_supervisor *new_supervisor(const char *helpers)
{
    rune_supervisor *made = NULL;
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    if (helpers) {
        assert_int_equal(rune_supervisor_options_set_helpers(options, helpers), RUNE_OK);
    }
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_spares(options, 1);
    if (rune_supervisor_new(options, &made, &error) != RUNE_OK) {
        fail_msg("no supervisor: %s", rune_error_message(error));
    }
    rune_supervisor_options_free(options);
    return made;
}

static void append_hex(const void *bytes, size_t size)
{
    const uint8_t *data = bytes;
    size_t at = strlen(good);
    assert_true(at + 2 * size + 2 < TEXT_MAX / 2);
    good[at++] = ' ';
    for (size_t i = 0; i < size; i++) {
        at += (size_t)sprintf(good + at, "%02x", data[i]);
    }
}

/* By the real compiler. */
static void make_good_unit(void)
{
    static const char source[] = "pub fn main() { 40 + 2 }";
    rune_unit *unit = NULL;
    size_t size;
    rune_supervisor *real = new_supervisor(NULL);
    rune_sources *sources = rune_sources_new();
    assert_int_equal(
        rune_sources_insert_memory(sources, "good.rn", source, sizeof(source) - 1, NULL), RUNE_OK);
    assert_int_equal(rune_build(real, sources, context, NULL, NULL, &unit, NULL), RUNE_OK);
    const void *image = rune_unit_image(unit, &size);
    append_hex(image, size);
    const void *debug = rune_unit_debug(unit, &size);
    append_hex(debug, size);
    rune_unit_unref(unit);
    rune_sources_free(sources);
    rune_supervisor_free(real);
}

static int set_up(void **state)
{
    (void)state;
    context = rune_context_with_default_modules();
    make_good_unit();
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/main.rn", folder);
    supervisor = new_supervisor(RN_EVIL_COMPILER);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rune_supervisor_free(supervisor);
    rune_context_free(context);
    (void)unlink(path);
    return rmdir(folder);
}

/* A source in a file, so that there is a folder to ask for modules in. */
static rune_sources *source_of(int number)
{
    rune_sources *sources = rune_sources_new();
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "evil %d%s", number, good);
    fclose(file);
    assert_int_equal(rune_sources_insert_file(sources, path, NULL), RUNE_OK);
    return sources;
}

/* The Unit, or NULL and why not. */
static rune_unit *build(int number, uint64_t wall_ms, rune_reason *out_reason)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_options *options = rune_options_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_sources *sources = source_of(number);
    rune_options_set_wall(options, wall_ms * 1000000);
    rune_status status =
        rune_build(supervisor, sources, context, options, diagnostics, &unit, &error);
    *out_reason = status == RUNE_OK ? RUNE_REASON_OK : rune_error_reason(error);
    assert_true((status == RUNE_OK) == (unit != NULL));
    assert_true(status == RUNE_OK || strlen(rune_error_message(error)) > 0);
    rune_error_free(error);
    rune_sources_free(sources);
    rune_diagnostics_free(diagnostics);
    rune_options_free(options);
    return unit;
}

static rune_reason reason_of(int number, uint64_t wall_ms)
{
    rune_reason reason;
    rune_unit_unref(build(number, wall_ms, &reason));
    return reason;
}

static const struct {
    const char *name;
    int number;
    rune_reason reason;
} cases[] = {
#define EVIL(name, number, reason, text) {#name, number, RUNE_REASON_##reason},
#include "tests/hostile/compiler_misbehaviours.def"
#undef EVIL
};

/* A sanitizer's compiler may open files: for its reports. */
static bool is_permitted(const char *name)
{
#ifdef __SANITIZE_ADDRESS__
    return strcmp(name, "READS_A_FILE") == 0;
#else
    (void)name;
    return false;
#endif
}

static void every_misbehaviour_ends_its_own_build(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t wall_ms = cases[i].reason == RUNE_REASON_WALL ? WALL_MS : 20000;
        rune_reason reason = reason_of(cases[i].number, wall_ms);
        rune_reason next = reason_of(0, 20000);
        if ((reason != cases[i].reason && !is_permitted(cases[i].name)) || next != RUNE_REASON_OK) {
            print_error("%s: %s, expected %s; the next build: %s\n", cases[i].name,
                        rune_reason_name(reason), rune_reason_name(cases[i].reason),
                        rune_reason_name(next));
            failed++;
        }
    }
    print_message("%zu misbehaviours\n", sizeof(cases) / sizeof(cases[0]));
    assert_int_equal(failed, 0);
}

static int64_t time_deadline(int number)
{
    struct timespec begun;
    struct timespec ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    assert_int_equal(reason_of(number, WALL_MS), RUNE_REASON_WALL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
}

static void deadlines_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].reason != RUNE_REASON_WALL) {
            continue;
        }
        int64_t ms = time_deadline(cases[i].number);
        for (int again = 0; again < 9 && ms > WALL_MS + 700; again++) {
            ms = time_deadline(cases[i].number);
        }
        // Beyond the deadline: making a source file and a compiler, on a machine that is busy.
        assert_in_range(ms, WALL_MS - 1, WALL_MS + 700);
    }
}

static void what_an_honest_build_gives_runs(void **state)
{
    (void)state;
    rune_reason reason;
    rune_vm *vm = NULL;
    rune_runtime *runtime = NULL;
    rune_const_value *value = NULL;
    int64_t number = 0;
    rune_unit *unit = build(0, 20000, &reason);
    assert_non_null(unit);
    assert_int_equal(rune_context_runtime(context, &runtime, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call(vm, "main", NULL, 0, NULL, &value, NULL), RUNE_OK);
    assert_true(rune_value_get_i64(value, &number));
    assert_int_equal(number, 42);
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_runtime_unref(runtime);
    rune_unit_unref(unit);
}

/* Nothing of what the compiler does gives a text: neither a build instead, nor what is no UTF-8. */
static void texts_end_as_well(void **state)
{
    (void)state;
    static const int numbers[] = {0, 1, 15, 21, 34};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        rune_text *text = NULL;
        rune_sources *sources = source_of(numbers[i]);
        rune_status status = rune_format(supervisor, sources, NULL, NULL, &text, NULL);
        assert_int_equal(status, RUNE_E_VIOLATION);
        status = rune_outline(supervisor, sources, NULL, NULL, &text, NULL);
        assert_int_equal(status, RUNE_E_VIOLATION);
        status = rune_names(supervisor, sources, NULL, NULL, &text, NULL);
        assert_int_equal(status, RUNE_E_VIOLATION);
        assert_null(text);
        rune_sources_free(sources);
    }
}

static int count_fds(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

/* Once the spare compiler has been made and the dead are buried. */
static int settled_fds(void)
{
    int count = count_fds();
    for (int quiet = 0; quiet < 50; quiet++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        if (count_fds() != count) {
            count = count_fds();
            quiet = 0;
        }
    }
    return count;
}

static void nothing_is_left(void **state)
{
    (void)state;
    static const int numbers[] = {21, 31, 41, 72, 73, 77, 78};
    assert_int_equal(reason_of(0, 20000), RUNE_REASON_OK);
    int before = settled_fds();
    for (int i = 0; i < 70; i++) {
        (void)reason_of(numbers[i % 7], 20000);
    }
    assert_int_equal(reason_of(0, 20000), RUNE_REASON_OK);
    assert_int_equal(settled_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_misbehaviour_ends_its_own_build),
        cmocka_unit_test(deadlines_hold),
        cmocka_unit_test(what_an_honest_build_gives_runs),
        cmocka_unit_test(texts_end_as_well),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
