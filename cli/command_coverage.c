/*
 * command_coverage.c: coverage: which lines the tests of a file run.
 *
 * Functions with #[test] only: code in doc comments is a script of its own, and runs nothing of the file.
 */
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/filter.h"
#include "cli/out_file.h"
#include "cli/paths.h"
#include "cli/roots.h"
#include "cli/verdict.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct coverage {
    struct rn_session *session;
    struct rn_filter filter;
    FILE *lcov; /* NULL: it was not asked for */
    unsigned tests;
    unsigned failed; /* files that do not compile, too */
    size_t lines;
    size_t ran;
    bool first; /* JSON */
};

/* Of the lines of one source. */
struct source {
    const char *name;
    size_t first; /* index in the report, as is: */
    size_t end;
    size_t ran;
};

/* ---- Sources ---- */

/* The source whose lines begin at `first`; false at the end. */
static bool next_source(const rune_profile_report *report, size_t first, struct source *out_source)
{
    rune_profile_line line;
    *out_source = (struct source){.first = first, .end = first};
    for (; rune_profile_report_line(report, out_source->end, &line); out_source->end++) {
        out_source->name = out_source->name == NULL ? line.source : out_source->name;
        if (strcmp(line.source, out_source->name) != 0) {
            break;
        }
        out_source->ran += line.hits > 0;
    }
    return out_source->end > first;
}

static double percent(size_t part, size_t all)
{
    return all == 0 ? 0.0 : 100.0 * (double)part / (double)all;
}

/* Lines that did not run, those in a row together: "3, 7-9". What stands between two of them and has no
 * instructions does not part them. */
static void print_missed(const rune_profile_report *report, const struct source *source)
{
    rune_profile_line line;
    const char *comma = "  not run: ";
    for (size_t i = source->first; i < source->end; i++) {
        (void)rune_profile_report_line(report, i, &line);
        if (line.hits > 0) {
            continue;
        }
        uint32_t first = line.line;
        uint32_t last = first;
        while (i + 1 < source->end && rune_profile_report_line(report, i + 1, &line) &&
               line.hits == 0) {
            last = line.line;
            i++;
        }
        printf(last > first ? "%s%u-%u" : "%s%u", comma, first, last);
        comma = ", ";
    }
}

static void print_text(const rune_profile_report *report, const struct source *source)
{
    size_t all = source->end - source->first;
    printf("%5.1f %% %6zu of %6zu lines  ", percent(source->ran, all), source->ran, all);
    rn_visible_put(stdout, source->name, strlen(source->name), false);
    print_missed(report, source);
    puts("");
}

static void print_json(struct coverage *coverage, const rune_profile_report *report,
                       const struct source *source)
{
    bool lines = coverage->session->console.format == RN_FORMAT_JSONL;
    rune_profile_line line;
    fputs(lines             ? "{\"event\":\"source\",\"source\":"
          : coverage->first ? "{\"source\":"
                            : ",{\"source\":",
          stdout);
    coverage->first = false;
    rn_console_json_string(source->name, strlen(source->name));
    printf(",\"lines\":%zu,\"ran\":%zu,\"hits\":{", source->end - source->first, source->ran);
    for (size_t i = source->first; i < source->end; i++) {
        (void)rune_profile_report_line(report, i, &line);
        printf("%s\"%u\":%llu", i > source->first ? "," : "", line.line,
               (unsigned long long)line.hits);
    }
    fputs(lines ? "}}\n" : "}}", stdout);
}

/* As gcov's tools write and read it. A name with a line break in it is none of a source that can be found. */
static void write_lcov(FILE *out, const rune_profile_report *report, const struct source *source)
{
    rune_profile_line line;
    fprintf(out, "TN:\nSF:%.*s\n", (int)strcspn(source->name, "\n"), source->name);
    for (size_t i = source->first; i < source->end; i++) {
        (void)rune_profile_report_line(report, i, &line);
        fprintf(out, "DA:%u,%llu\n", line.line, (unsigned long long)line.hits);
    }
    fprintf(out, "LF:%zu\nLH:%zu\nend_of_record\n", source->end - source->first, source->ran);
}

static void show(struct coverage *coverage, const rune_profile *profile)
{
    rune_profile_report *report = NULL;
    rune_error *error = NULL;
    struct source source;
    if (rune_profile_report_new(profile, &report, &error) != RUNE_OK) {
        coverage->failed++;
        (void)rn_console_take_error(&coverage->session->console, error);
        return;
    }
    for (size_t at = 0; next_source(report, at, &source); at = source.end) {
        coverage->lines += source.end - source.first;
        coverage->ran += source.ran;
        if (coverage->session->console.format == RN_FORMAT_TEXT) {
            print_text(report, &source);
        } else {
            print_json(coverage, report, &source);
        }
        if (coverage->lcov != NULL) {
            write_lcov(coverage->lcov, report, &source);
        }
    }
    rune_profile_report_free(report);
}

/* ---- Tests ---- */

static void say_failure(struct coverage *coverage, const char *name, const char *why,
                        const rune_error *error)
{
    rune_text *text = NULL;
    coverage->failed++;
    fflush(stdout);
    fputs("FAIL  ", stderr);
    rn_visible_put(stderr, name, strlen(name), false);
    fputs(": ", stderr);
    rn_visible_put(stderr, why, strlen(why), false);
    fputs("\n", stderr);
    if (error != NULL &&
        rune_error_render(error, coverage->session->console.color, &text) == RUNE_OK) {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stderr);
    }
    rune_text_free(text);
}

/* What a test ran before it failed has run. */
static void run_test(struct coverage *coverage, rune_unit *unit, const char *item,
                     rune_profile *profile)
{
    struct rn_call call = {
        .session = coverage->session, .unit = unit, .item = item, .collect = true};
    rune_record *record = rn_call_make(&call);
    char room[RN_VERDICT_MAX];
    const char *why = record == NULL ? "could not be called" : rn_verdict(unit, record, room);
    const rune_profile *counted = rune_record_profile(record);
    rune_error *error = NULL;
    coverage->tests++;
    if (why != NULL) {
        say_failure(coverage, item, why, rune_record_error(record));
    }
    if (counted != NULL && rune_profile_add(profile, counted, &error) != RUNE_OK) {
        coverage->failed++;
        (void)rn_console_take_error(&coverage->session->console, error);
    }
    rune_record_free(record);
    rn_call_done(&call);
}

static void run_tests(struct coverage *coverage, rune_unit *unit, rune_profile *profile)
{
    rune_export export;
    for (size_t i = 0; !coverage->session->interrupted && rune_unit_export(unit, i, &export); i++) {
        if (export.is_test && rn_filter_takes(&coverage->filter, export.item)) {
            run_test(coverage, unit, export.item, profile);
        }
    }
}

static void run_file(struct coverage *coverage, const char *path)
{
    rune_profile *profile = NULL;
    rune_error *error = NULL;
    rune_unit *unit = rn_session_unit(coverage->session, path, false);
    if (unit == NULL) {
        coverage->failed++;
        return;
    }
    if (rune_profile_new(unit, &profile, &error) == RUNE_OK) {
        run_tests(coverage, unit, profile);
        show(coverage, profile);
    } else {
        coverage->failed++;
        (void)rn_console_take_error(&coverage->session->console, error);
    }
    rune_profile_free(profile);
    rune_unit_unref(unit);
}

static void say_all(const struct coverage *coverage)
{
    enum rn_format format = coverage->session->console.format;
    if (format == RN_FORMAT_TEXT) {
        printf("%5.1f %% %6zu of %6zu lines  by %u test%s, %u failed\n",
               percent(coverage->ran, coverage->lines), coverage->ran, coverage->lines,
               coverage->tests, coverage->tests == 1 ? "" : "s", coverage->failed);
        return;
    }
    fputs(format == RN_FORMAT_JSONL ? "{\"event\":\"result\"," : "],", stdout);
    printf("\"lines\":%zu,\"ran\":%zu,\"tests\":%u,\"failed\":%u}\n", coverage->lines,
           coverage->ran, coverage->tests, coverage->failed);
}

static int run_files(struct coverage *coverage, const struct rn_paths *paths)
{
    if (coverage->session->console.format == RN_FORMAT_JSON) {
        fputs("{\"v\":1,\"sources\":[", stdout);
    }
    for (const char *path = rn_paths_next(paths, NULL);
         path != NULL && !coverage->session->interrupted; path = rn_paths_next(paths, path)) {
        run_file(coverage, path);
    }
    say_all(coverage);
    return coverage->failed == 0 ? 0 : RN_EXIT_FAILED;
}

/* With the file of --lcov, which is there whole or not at all. */
static int run_to_file(struct coverage *coverage, const struct rn_paths *paths)
{
    const char *path = coverage->session->args->values[RN_OPTION_LCOV];
    struct rn_out_file file = {.stream = NULL};
    if (path == NULL) {
        return run_files(coverage, paths);
    }
    coverage->lcov = rn_out_file_open(&file, path);
    int code = coverage->lcov == NULL ? 0 : run_files(coverage, paths);
    bool whole = !coverage->session->interrupted;
    bool written = coverage->lcov != NULL && rn_out_file_close(&file, whole);
    if (whole && !written) {
        rn_console_complain("%s: %s", path, strerror(errno));
        return RN_EXIT_OUTPUT;
    }
    return code;
}

int rn_command_coverage(struct rn_session *session)
{
    struct coverage coverage = {
        .session = session, .filter = rn_filter_of(session->args), .first = true};
    struct rn_paths paths;
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (coverage.filter.file_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_paths_expand(session, coverage.filter.file_count, &paths)) {
        return session->code;
    }
    bool good = rn_session_start(session) && rn_roots_only(session, &paths);
    int code = good ? run_to_file(&coverage, &paths) : session->code;
    rn_paths_done(&paths);
    return code;
}
