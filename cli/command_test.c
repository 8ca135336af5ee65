/*
 * command_test.c: test: functions with #[test], and the code in doc comments.
 *
 * Every test has a Vm of its own. Code of a doc comment is compiled as a script, behind as many empty
 * lines as stand before it in its file, so that errors name the right line.
 */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/fence.h"
#include "cli/filter.h"
#include "cli/outline.h"
#include "cli/paths.h"
#include "cli/report.h"
#include "cli/roots.h"
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

struct tests {
    struct rn_session *session;
    struct rn_report report;
    struct rn_filter filter;
    const char *file; /* at hand */
};

/* ---- Which tests ---- */

/* Why no more tests are run; NULL: there may be more. */
static const char *why_enough(const struct tests *tests)
{
    const unsigned *counts = tests->report.counts;
    bool failed = counts[RN_TEST_FAILED] + counts[RN_TEST_BUILD_ERROR] > 0;
    if (tests->session->interrupted) {
        return "interrupted";
    }
    return failed && rn_args_has(tests->session->args, RN_OPTION_FAIL_FAST)
               ? "after the first failure"
               : NULL;
}

static void skip(struct tests *tests, const char *name, const char *why)
{
    struct rn_test_result result = {
        .file = tests->file, .name = name, .outcome = RN_TEST_SKIPPED, .why = why};
    rn_report_add(&tests->report, &result);
}

/* True if it is to be left out. */
static bool leaves_out(struct tests *tests, const char *name)
{
    if (!rn_filter_takes(&tests->filter, name)) {
        tests->report.unchosen++;
        return true;
    }
    const char *enough = why_enough(tests);
    if (enough != NULL) {
        skip(tests, name, enough);
        return true;
    }
    return false;
}

/* ---- One test ---- */

static void run(struct tests *tests, rune_unit *unit, const char *item, const char *name,
                bool should_panic)
{
    struct rn_call call = {.session = tests->session, .unit = unit, .item = item, .collect = true};
    rune_record *record = rn_call_make(&call);
    char room[RN_VERDICT_MAX];
    const char *why = record == NULL ? "could not be called"
                      : should_panic ? rn_verdict_of_panic(record)
                                     : rn_verdict(unit, record, room);
    struct rn_test_result result = {
        .file = tests->file,
        .name = name,
        .outcome = why == NULL ? RN_TEST_PASSED : RN_TEST_FAILED,
        .why = why,
        .error = record == NULL ? NULL : rune_record_error(record),
        .record = record,
        .unit = unit,
        .output = &call.output,
        .wall_us = record == NULL ? 0 : rune_record_usage(record)->wall_us,
    };
    rn_report_add(&tests->report, &result);
    rune_record_free(record);
    rn_call_done(&call);
}

static void fail_build(struct tests *tests, const char *name)
{
    struct rn_test_result result = {
        .file = tests->file,
        .name = name,
        .outcome = RN_TEST_BUILD_ERROR,
        .why = "does not compile",
        .diagnostics = tests->session->remarks,
    };
    rn_report_add(&tests->report, &result);
}

/* ---- Functions ---- */

static void refuse(struct tests *tests, const rune_export *export)
{
    char why[RN_VERDICT_MAX];
    (void)snprintf(why, sizeof why, "a test takes no arguments, `%s` takes %u", export->item,
                   (unsigned)export->arity);
    struct rn_test_result result = {
        .file = tests->file, .name = export->item, .outcome = RN_TEST_FAILED, .why = why};
    rn_report_add(&tests->report, &result);
}

static void run_functions(struct tests *tests, rune_unit *unit)
{
    rune_export export;
    for (size_t i = 0; rune_unit_export(unit, i, &export); i++) {
        if (!export.is_test || leaves_out(tests, export.item)) {
            continue;
        }
        if (export.arity > 0) {
            refuse(tests, &export);
        } else {
            run(tests, unit, export.item, export.item, false);
        }
    }
}

/* ---- Doc comments ---- */

/* Empty lines, so that the code begins where it does in its file. */
static bool place(const struct rn_fenced *fenced, uint32_t docs_line, struct rn_bytes *out)
{
    bool good = true;
    for (uint32_t i = 1; i < docs_line + fenced->line && good; i++) {
        good = rn_bytes_append(out, "\n", 1);
    }
    return good && rn_bytes_append(out, fenced->code.data, fenced->code.size);
}

static void run_fenced(struct tests *tests, const struct rn_outline_item *item,
                       const struct rn_fenced *fenced, const char *name)
{
    struct rn_bytes text = {0};
    rune_unit *unit = NULL;
    if (place(fenced, item->docs_line, &text)) {
        unit = rn_session_build(tests->session, item->source, &text, true);
    }
    if (unit == NULL) {
        fail_build(tests, name);
    } else if (fenced->fence.no_run) {
        struct rn_test_result result = {
            .file = tests->file, .name = name, .outcome = RN_TEST_PASSED};
        rn_report_add(&tests->report, &result);
    } else {
        run(tests, unit, "", name, fenced->fence.should_panic);
    }
    rune_unit_unref(unit);
    rn_bytes_done(&text);
}

static void run_docs(struct tests *tests, const struct rn_outline_item *item)
{
    struct rn_fenced fenced;
    const char *at = item->docs;
    uint32_t line = 0;
    while (rn_fence_next(&at, &line, &fenced)) {
        char name[512];
        snprintf(name, sizeof name, "%s (line %u)", item->path[0] == '\0' ? "crate" : item->path,
                 (unsigned)(item->docs_line + fenced.line));
        if (fenced.fence.is_rune && fenced.fence.ignore) {
            skip(tests, name, "ignored");
        } else if (fenced.fence.is_rune && !leaves_out(tests, name)) {
            run_fenced(tests, item, &fenced, name);
        }
        rn_bytes_done(&fenced.code);
    }
}

static void run_doc_tests(struct tests *tests, const char *path)
{
    struct rn_outline outline;
    if (!rn_outline_read(tests->session, path, true, &outline)) {
        return; // what is wrong was told when the file was built
    }
    for (size_t i = 0; i < outline.count; i++) {
        run_docs(tests, rn_outline_at(&outline, i));
    }
    rn_outline_done(&outline);
}

/* ---- Files ---- */

static bool has_sources(const char *path)
{
    size_t size = strlen(path);
    return strcmp(path, "-") != 0 && !(size > 4 && strcmp(path + size - 4, ".rnu") == 0);
}

static void run_file(struct tests *tests, const char *path)
{
    tests->file = path;
    rune_unit *unit = rn_session_unit(tests->session, path, false);
    if (unit == NULL) {
        fail_build(tests, "");
        return;
    }
    run_functions(tests, unit);
    rune_unit_unref(unit);
    if (has_sources(path) && !rn_args_has(tests->session->args, RN_OPTION_NO_DOC_TESTS)) {
        run_doc_tests(tests, path);
    }
}

static int run_files(struct tests *tests, const struct rn_paths *paths)
{
    for (const char *path = rn_paths_next(paths, NULL); path != NULL && why_enough(tests) == NULL;
         path = rn_paths_next(paths, path)) {
        run_file(tests, path);
    }
    return rn_report_finish(&tests->report);
}

int rn_command_test(struct rn_session *session)
{
    struct tests tests = {.session = session, .filter = rn_filter_of(session->args)};
    struct rn_paths paths;
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (tests.filter.file_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_paths_expand(session, tests.filter.file_count, &paths)) {
        return session->code;
    }
    session->keeps_failures = true;
    bool good = rn_session_start(session) && rn_roots_only(session, &paths) &&
                rn_report_init(&tests.report, session);
    int code = good ? run_files(&tests, &paths) : session->code;
    rn_paths_done(&paths);
    return code;
}
