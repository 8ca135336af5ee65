/*
 * command_bench.c: bench: functions with #[bench], measured from outside.
 *
 * Scripts have no clock. A Bencher (std::test) is told how often to run a closure, so that one call
 * runs it `count` times; what a call costs with count 0 is taken off. The budget of an iteration comes out
 * the same way, exactly, and is the same on every run and machine.
 */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/filter.h"
#include "cli/option_value.h"
#include "cli/paths.h"
#include "cli/quantity.h"
#include "cli/roots.h"
#include "cli/visible.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_MIN 3u
#define SAMPLES_MAX 1000u
#define SAMPLE_US 10000u /* what one sample should take */
#define CLOSURES_MAX 1000

struct bench {
    struct rn_session *session;
    struct rn_filter filter;
    uint64_t warmup_us;
    uint64_t iter_us;
    const char *file;
    unsigned measured;
    unsigned failed;
    bool first; /* JSON */
};

/* One closure of one function. */
struct subject {
    rune_unit *unit;
    const char *item;
    int closure;
};

struct cost {
    uint64_t wall_us;
    uint64_t budget;
    uint64_t memory_peak;
    uint64_t budget_max; /* that was permitted */
};

struct figures {
    double mean_ns;
    double deviation_ns;
    double median_ns;
    double min_ns;
    unsigned samples;
    uint64_t iterations;
    uint64_t budget; /* of an iteration */
    bool varies;     /* not every iteration costs the same */
    uint64_t memory_peak;
};

/* ---- Calling ---- */

static rune_const_value *make_bencher(uint64_t count, int closure)
{
    rune_const_value *fields[] = {rune_value_i64((int64_t)count), rune_value_i64(closure),
                                  rune_value_i64(0)};
    rune_const_value *bencher =
        rune_value_struct("std::test::Bencher", (const rune_const_value *const *)fields, 3);
    for (size_t i = 0; i < 3; i++) {
        rune_value_unref(fields[i]);
    }
    return bencher;
}

static void say_failure(struct bench *bench, const struct subject *subject,
                        const struct rn_call *call, const rune_record *record)
{
    bench->failed++;
    if (bench->session->console.format != RN_FORMAT_TEXT) {
        bool lines = bench->session->console.format == RN_FORMAT_JSONL;
        fputs(lines          ? "{\"event\":\"bench\",\"file\":"
              : bench->first ? "{\"file\":"
                             : ",{\"file\":",
              stdout);
        bench->first = false;
        rn_console_json_string(bench->file, strlen(bench->file));
        fputs(",\"item\":", stdout);
        rn_console_json_string(subject->item, strlen(subject->item));
        fputs(",\"record\":", stdout);
        rune_text *text = NULL;
        if (rune_unit_record_to_json(call->unit, record, call->output.data, call->output.size,
                                     &text) == RUNE_OK) {
            rn_console_take_text(text);
        } else {
            fputs("null", stdout);
        }
        fputs(lines ? "}\n" : "}", stdout);
        return;
    }
    fputs("FAIL   ", stdout);
    rn_visible_put(stdout, subject->item, strlen(subject->item), false);
    printf(": %s\n", rune_reason_name(rune_record_reason(record)));
    fwrite(call->output.data, 1, call->output.size, stdout);
    rn_call_report(call, record, false);
}

/* False after a failure, which was told unless only the budget was too small and `probing`. */
static bool run(struct bench *bench, const struct subject *subject, uint64_t count, bool probing,
                struct cost *out_cost)
{
    struct rn_call call = {
        .session = bench->session, .unit = subject->unit, .item = subject->item, .collect = true};
    call.args[0] = make_bencher(count, subject->closure);
    call.arg_count = call.args[0] != NULL;
    rune_record *record = rn_call_make(&call);
    bool good = record != NULL && rune_record_reason(record) == RUNE_REASON_OK;
    if (record == NULL) {
        bench->failed++;
    } else if (good) {
        const rune_usage *usage = rune_record_usage(record);
        *out_cost = (struct cost){usage->wall_us, usage->budget, usage->memory_peak,
                                  rune_record_limit(record, RUNE_LIMIT_BUDGET)};
    } else if (!probing) {
        say_failure(bench, subject, &call, record);
    }
    rune_record_free(record);
    rn_call_done(&call);
    return good;
}

/* ---- Measuring ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(double *samples, struct figures *figures)
{
    double sum = 0;
    double squares = 0;
    unsigned count = figures->samples;
    qsort(samples, count, sizeof *samples, by_value);
    for (unsigned i = 0; i < count; i++) {
        sum += samples[i];
    }
    figures->mean_ns = sum / count;
    for (unsigned i = 0; i < count; i++) {
        squares += (samples[i] - figures->mean_ns) * (samples[i] - figures->mean_ns);
    }
    figures->deviation_ns = count > 1 ? sqrt(squares / (count - 1)) : 0;
    figures->min_ns = samples[0];
    figures->median_ns =
        count % 2 == 1 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

/* What a call costs without an iteration: the least of a few. */
static bool measure_empty(struct bench *bench, const struct subject *subject, struct cost *out_cost)
{
    struct cost best = {.wall_us = UINT64_MAX};
    for (int i = 0; i < 5; i++) {
        struct cost cost;
        if (!run(bench, subject, 0, false, &cost)) {
            return false;
        }
        best = cost.wall_us < best.wall_us ? cost : best;
    }
    *out_cost = best;
    return true;
}

/* The budget of the second and third iteration, when the first may do something once. */
static bool measure_budget(struct bench *bench, const struct subject *subject,
                           struct figures *figures)
{
    struct cost costs[3];
    for (uint64_t i = 0; i < 3; i++) {
        if (!run(bench, subject, i + 1, false, &costs[i])) {
            return false;
        }
    }
    figures->budget = costs[1].budget - costs[0].budget;
    figures->varies = costs[2].budget - costs[1].budget != figures->budget;
    figures->memory_peak = costs[2].memory_peak;
    return true;
}

/* Iterations of one sample: it should take a while, and no more budget than there is. */
static bool choose_count(struct bench *bench, const struct subject *subject,
                         const struct cost *empty, uint64_t *out_count)
{
    uint64_t count = 1;
    uint64_t spent_us = 0;
    for (;;) {
        struct cost cost;
        if (!run(bench, subject, count, count > 1, &cost)) {
            *out_count = count > 2 ? count / 4 : 1;
            return count > 1;
        }
        spent_us += cost.wall_us;
        bool enough = cost.wall_us >= empty->wall_us + SAMPLE_US || count > UINT32_MAX;
        bool scarce = cost.budget > cost.budget_max / 4;
        if (enough || scarce || spent_us > bench->warmup_us + bench->iter_us) {
            *out_count = count;
            return true;
        }
        count *= 2;
    }
}

static bool warm_up(struct bench *bench, const struct subject *subject, uint64_t count)
{
    for (uint64_t spent_us = 0; spent_us < bench->warmup_us;) {
        struct cost cost;
        if (!run(bench, subject, count, false, &cost)) {
            return false;
        }
        spent_us += cost.wall_us + 1;
    }
    return true;
}

static bool take_samples(struct bench *bench, const struct subject *subject, uint64_t count,
                         const struct cost *empty, struct figures *figures)
{
    double samples[SAMPLES_MAX];
    uint64_t spent_us = 0;
    struct cost cost = {0};
    while (figures->samples < SAMPLES_MAX &&
           (spent_us < bench->iter_us || figures->samples < SAMPLES_MIN)) {
        if (!run(bench, subject, count, false, &cost)) {
            return false;
        }
        double net_us = cost.wall_us > empty->wall_us ? (double)(cost.wall_us - empty->wall_us) : 0;
        samples[figures->samples++] = net_us * 1000 / (double)count;
        figures->iterations += count;
        spent_us += cost.wall_us + 1;
    }
    if (figures->varies) {
        figures->budget = (cost.budget - empty->budget) / count;
    }
    summarise(samples, figures);
    return true;
}

static bool measure(struct bench *bench, const struct subject *subject, const struct cost *empty,
                    struct figures *out_figures)
{
    uint64_t count;
    *out_figures = (struct figures){.samples = 0};
    return measure_budget(bench, subject, out_figures) &&
           choose_count(bench, subject, empty, &count) && warm_up(bench, subject, count) &&
           take_samples(bench, subject, count, empty, out_figures);
}

/* ---- What is said ---- */

static const char *time_text(double ns, char *buffer, size_t size)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
    size_t i = 0;
    while (i < 3 && ns < units[i].unit) {
        i++;
    }
    snprintf(buffer, size, "%.3g %s", ns / units[i].unit, units[i].name);
    return buffer;
}

static void say_text(const struct subject *subject, const struct figures *f)
{
    char mean[32];
    char deviation[32];
    char least[32];
    char name[300];
    if (subject->closure == 0) {
        rn_visible_copy(subject->item, strlen(subject->item), name, sizeof name);
    } else {
        char item[280];
        rn_visible_copy(subject->item, strlen(subject->item), item, sizeof item);
        snprintf(name, sizeof name, "%s #%d", item, subject->closure + 1);
    }
    printf("bench  %-28s %10s/iter (+/- %s, least %s)  %s%llu instructions/iter, %llu iterations\n",
           name, time_text(f->mean_ns, mean, sizeof mean),
           time_text(f->deviation_ns, deviation, sizeof deviation),
           time_text(f->min_ns, least, sizeof least), f->varies ? "about " : "",
           (unsigned long long)f->budget, (unsigned long long)f->iterations);
    fflush(stdout);
}

static void say_json(struct bench *bench, const struct subject *subject, const struct figures *f)
{
    bool lines = bench->session->console.format == RN_FORMAT_JSONL;
    fputs(lines          ? "{\"event\":\"bench\",\"file\":"
          : bench->first ? "{\"file\":"
                         : ",{\"file\":",
          stdout);
    bench->first = false;
    rn_console_json_string(bench->file, strlen(bench->file));
    fputs(",\"item\":", stdout);
    rn_console_json_string(subject->item, strlen(subject->item));
    printf(",\"closure\":%d,\"mean_ns\":%.3f,\"deviation_ns\":%.3f,\"median_ns\":%.3f,"
           "\"min_ns\":%.3f,\"samples\":%u,\"iterations\":%llu,\"budget\":%llu,"
           "\"budget_varies\":%s,\"memory_peak\":%llu}",
           subject->closure, f->mean_ns, f->deviation_ns, f->median_ns, f->min_ns, f->samples,
           (unsigned long long)f->iterations, (unsigned long long)f->budget,
           f->varies ? "true" : "false", (unsigned long long)f->memory_peak);
    fputs(lines ? "\n" : "", stdout);
    fflush(stdout);
}

/* ---- Files ---- */

/* Closures are found by what they cost: one more iteration of none costs nothing. */
static void run_function(struct bench *bench, rune_unit *unit, const char *item)
{
    struct subject subject = {.unit = unit, .item = item};
    for (; subject.closure < CLOSURES_MAX; subject.closure++) {
        struct cost empty;
        struct cost once;
        struct figures figures;
        if (!measure_empty(bench, &subject, &empty) || !run(bench, &subject, 1, false, &once)) {
            return;
        }
        if (once.budget == empty.budget) {
            break;
        }
        if (!measure(bench, &subject, &empty, &figures)) {
            return;
        }
        bench->measured++;
        if (bench->session->console.format == RN_FORMAT_TEXT) {
            say_text(&subject, &figures);
        } else {
            say_json(bench, &subject, &figures);
        }
    }
    if (subject.closure == 0) {
        rn_console_complain("%s: nothing was given to `iter` of the Bencher", item);
        bench->failed++;
    }
}

static void run_file(struct bench *bench, const char *path)
{
    rune_export export;
    bench->file = path;
    rune_unit *unit = rn_session_unit(bench->session, path, false);
    if (unit == NULL) {
        bench->failed++;
        return;
    }
    for (size_t i = 0; !bench->session->interrupted && rune_unit_export(unit, i, &export); i++) {
        if (export.is_bench && rn_filter_takes(&bench->filter, export.item)) {
            run_function(bench, unit, export.item);
        }
    }
    rune_unit_unref(unit);
}

static int run_files(struct bench *bench, const struct rn_paths *paths)
{
    enum rn_format format = bench->session->console.format;
    fputs(format == RN_FORMAT_JSON ? "{\"v\":1,\"benches\":[" : "", stdout);
    for (const char *path = rn_paths_next(paths, NULL);
         path != NULL && !bench->session->interrupted; path = rn_paths_next(paths, path)) {
        run_file(bench, path);
    }
    if (format == RN_FORMAT_JSON) {
        printf("],\"reason\":\"%s\"}\n", bench->failed == 0 ? "ok" : "failed");
    } else if (format == RN_FORMAT_TEXT && (bench->failed > 0 || bench->measured == 0)) {
        printf("%u measured, %u failed\n", bench->measured, bench->failed);
    }
    return bench->failed == 0 ? 0 : RN_EXIT_FAILED;
}

static bool read_time(const struct rn_session *session, enum rn_option option, uint64_t default_us,
                      uint64_t *out_us)
{
    const char *text = session->args->values[option];
    uint64_t nanoseconds = default_us * 1000;
    if (text != NULL && !(rn_option_is_good(option, text) &&
                          rn_quantity_parse(text, RN_QUANTITY_TIME, &nanoseconds))) {
        return false;
    }
    *out_us = nanoseconds / 1000;
    return true;
}

int rn_command_bench(struct rn_session *session)
{
    struct bench bench = {.session = session, .filter = rn_filter_of(session->args), .first = true};
    struct rn_paths paths;
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (!read_time(session, RN_OPTION_WARMUP, 500000, &bench.warmup_us) ||
        !read_time(session, RN_OPTION_ITER, 2000000, &bench.iter_us)) {
        return RN_EXIT_USAGE;
    }
    if (bench.filter.file_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_paths_expand(session, bench.filter.file_count, &paths)) {
        return session->code;
    }
    session->keeps_failures = true;
    bool good = rn_session_start(session) && rn_roots_only(session, &paths);
    int code = good ? run_files(&bench, &paths) : session->code;
    rn_paths_done(&paths);
    return code;
}
