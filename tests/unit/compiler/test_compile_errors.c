/*
 * Every script of the conformance area compile_errors is refused at the place that its `.err`
 * names, every other script compiles. All diagnostics are rendered and go over the wire and back.
 */
#include "base/alloc.h"
#include "compiler/compile.h"
#include "compiler/files.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static struct rn_context *context;

static int set_up(void **state)
{
    (void)state;
    return rn_context_new(&context) == RN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rn_context_free(context);
    return 0;
}

static enum rn_error compile(const char *path, struct rn_compile_output *output)
{
    struct rn_files files = {.root = path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {.name = path, .context = context, .loader = &loader};
    char *text;
    assert_int_equal(rn_files_read(path, &text, &input.size), RN_OK);
    input.text = text;
    enum rn_error error = rn_compile(&input, output);
    rn_free(text);
    return error;
}

static void check_wire(const struct rn_diagnostics *list)
{
    struct rn_render_options options = {.color = true};
    RN_AUTO(rn_buf) struct rn_buf wire;
    RN_AUTO(rn_buf) struct rn_buf before;
    RN_AUTO(rn_buf) struct rn_buf after;
    rn_buf_init(&wire, 1u << 22);
    rn_buf_init(&before, 1u << 22);
    rn_buf_init(&after, 1u << 22);
    assert_int_equal(rn_diagnostics_encode(list, true, &wire), RN_OK);
    struct rn_diagnostics decoded;
    rn_diagnostics_init(&decoded);
    assert_int_equal(rn_diagnostics_decode(&decoded, wire.data, wire.size), RN_OK);
    rn_diagnostics_render(list, &options, &before);
    rn_diagnostics_render(&decoded, &options, &after);
    assert_int_equal(before.size, after.size);
    if (before.size != 0) {
        assert_memory_equal(before.data, after.data, before.size);
    }
    rn_diagnostics_done(&decoded);
}

static const struct rn_diagnostic *first_error(const struct rn_diagnostics *list)
{
    const struct rn_diagnostic *d = list->first;
    while (d != NULL && d->severity != RN_SEVERITY_ERROR) {
        d = d->next;
    }
    return d;
}

static void check_refused(const char *path)
{
    char place[1024];
    snprintf(place, sizeof place, "%.*s.err", (int)(strlen(path) - 3), path);
    struct rn_position expected = {.line = 0};
    FILE *file = fopen(place, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u:%u", &expected.line, &expected.column), 2);
    fclose(file);
    struct rn_compile_output output;
    if (compile(path, &output) != RN_E_COMPILE_FAILED) {
        fail_msg("%s compiles", path);
    }
    const struct rn_diagnostic *d = first_error(&output.diagnostics);
    assert_non_null(d);
    struct rn_position found =
        rn_source_position(&output.diagnostics.sources[d->span.source], d->span.start);
    if (found.line != expected.line || found.column != expected.column) {
        fail_msg("%s: %u:%u %.*s", path, found.line, found.column, (int)d->message.size,
                 d->message.data);
    }
    check_wire(&output.diagnostics);
    rn_compile_output_done(&output);
}

static void check_compiles(const char *path)
{
    struct rn_compile_output output;
    enum rn_error error = compile(path, &output);
    const struct rn_diagnostic *d = first_error(&output.diagnostics);
    if (error != RN_OK) {
        fail_msg("%s: %.*s", path, d == NULL ? 0 : (int)d->message.size,
                 d == NULL ? "" : d->message.data);
    }
    check_wire(&output.diagnostics);
    rn_compile_output_done(&output);
}

/* Calls `check` for each script of a folder that has an expected output. */
static unsigned each_script(const char *folder, void (*check)(const char *path))
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        size_t size = strlen(entry->d_name);
        if (size > 4 && strcmp(entry->d_name + size - 4, ".out") == 0) {
            snprintf(path, sizeof path, "%s/%.*s.rn", folder, (int)size - 4, entry->d_name);
            check(path);
            count++;
        }
    }
    closedir(dir);
    return count;
}

static void test_refused(void **state)
{
    (void)state;
    assert_true(each_script(RN_CONFORMANCE "/compile_errors", check_refused) >= 68);
}

static void test_compiles(void **state)
{
    (void)state;
    unsigned count = 0;
    DIR *dir = opendir(RN_CONFORMANCE);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            strcmp(entry->d_name, "compile_errors") == 0) {
            continue;
        }
        snprintf(path, sizeof path, RN_CONFORMANCE "/%s", entry->d_name);
        count += each_script(path, check_compiles);
    }
    closedir(dir);
    assert_true(count > 300);
}

/* The n-th allocation fails, for every n: a named error or none, and nothing is left behind. */
static void test_memory_ends(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        RN_CONFORMANCE "/modules/04_reexports.rn",
        RN_CONFORMANCE "/compile_errors/30_duplicate_function.rn",
        RN_CONFORMANCE "/files/02_directory_modules.rn",
    };
    for (size_t i = 0; i < RN_COUNT_OF(scripts); i++) {
        enum rn_error expected;
        enum rn_error error = RN_E_NO_MEMORY;
        struct rn_compile_output output;
        expected = compile(scripts[i], &output);
        rn_compile_output_done(&output);
        for (uint64_t n = 3; error == RN_E_NO_MEMORY; n++) {
            uint64_t alive = rn_alloc_live();
            rn_alloc_fail_at(n, false);
            error = compile(scripts[i], &output);
            rn_alloc_fail_at(0, false);
            rn_compile_output_done(&output);
            assert_int_equal(rn_alloc_live(), alive);
            assert_true(error == RN_E_NO_MEMORY || error == expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_compiles),
        cmocka_unit_test(test_memory_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
