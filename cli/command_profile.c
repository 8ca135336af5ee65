/*
 * command_profile.c: profile: what one call spends, by functions, by lines, and by paths of calls.
 *
 * The script's output is not shown: the profile is the result.
 */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"
#include "cli/out_file.h"
#include "cli/quantity.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOP_DEFAULT 10u

struct profile {
    struct rn_session *session;
    uint64_t top;
    const rune_profile *counts;
    rune_profile_report *report;
    uint64_t spent;
};

/* Text */

static double percent(const struct profile *profile, uint64_t part)
{
    return profile->spent == 0 ? 0 : 100.0 * (double)part / (double)profile->spent;
}

static void print_name(const char *name)
{
    rn_visible_put(stdout, name, strlen(name), false);
}

static void print_place(const char *source, uint32_t line)
{
    if (line > 0) {
        print_name(source);
        printf(":%u", line);
    }
}

static void print_function(const struct profile *profile, const rune_profile_function *function)
{
    char self[RN_QUANTITY_GROUPED_MAX];
    char calls[RN_QUANTITY_GROUPED_MAX];
    printf("%16s %5.1f %% %7.1f %% %12s  ", rn_quantity_group(function->self, self),
           percent(profile, function->self), percent(profile, function->total),
           rn_quantity_group(function->calls, calls));
    print_name(function->function[0] == 0 ? "(the script's body)" : function->function);
    fputs("  ", stdout);
    print_place(function->source, function->line);
    puts("");
}

static void print_functions(const struct profile *profile)
{
    rune_profile_function function;
    size_t count = 0;
    printf("%16s %16s %14s\n", "self", "with calls", "calls");
    for (; rune_profile_report_function(profile->report, count, &function); count++) {
        if (count < profile->top) {
            print_function(profile, &function);
        }
    }
    if (count > profile->top) {
        printf("%16s  %zu more functions; --top %zu shows all\n", "", count - (size_t)profile->top,
               count);
    }
}

static void print_line(const struct profile *profile, const rune_profile_line *line, size_t index)
{
    char spent[RN_QUANTITY_GROUPED_MAX];
    char hits[RN_QUANTITY_GROUPED_MAX];
    rune_text *text = NULL;
    printf("%16s %5.1f %% %22s  ", rn_quantity_group(line->spent, spent),
           percent(profile, line->spent), rn_quantity_group(line->hits, hits));
    print_place(line->source, line->line);
    if (rune_profile_report_text(profile->report, index, &text) == RUNE_OK) {
        fputs("  ", stdout);
        const char *data = rune_text_data(text);
        size_t indent = strspn(data, " \t");
        rn_visible_put(stdout, data + indent, rune_text_size(text) - indent, false);
    }
    rune_text_free(text);
    puts("");
}

static void print_lines(const struct profile *profile)
{
    rune_profile_line line;
    printf("\n%16s %31s  %s\n", "spent", "runs", "line");
    for (uint64_t rank = 0; rank < profile->top; rank++) {
        size_t index = rune_profile_report_dearest(profile->report, (size_t)rank);
        if (!rune_profile_report_line(profile->report, index, &line) || line.spent == 0) {
            return;
        }
        print_line(profile, &line, index);
    }
}

static void print_text(const struct profile *profile)
{
    char spent[RN_QUANTITY_GROUPED_MAX];
    printf("%s instructions\n\n", rn_quantity_group(profile->spent, spent));
    print_functions(profile);
    print_lines(profile);
}

/* JSON */

static void print_json_function(const rune_profile_function *function)
{
    fputs("{\"function\":", stdout);
    rn_console_json_string(function->function, strlen(function->function));
    rn_console_json_member("source", function->source);
    printf(",\"line\":%u,\"calls\":%llu,\"self\":%llu,\"total\":%llu}", function->line,
           (unsigned long long)function->calls, (unsigned long long)function->self,
           (unsigned long long)function->total);
}

static void print_json_line(const rune_profile_line *line)
{
    fputs("{\"source\":", stdout);
    rn_console_json_string(line->source, strlen(line->source));
    printf(",\"line\":%u,\"hits\":%llu,\"spent\":%llu}", line->line, (unsigned long long)line->hits,
           (unsigned long long)line->spent);
}

/* Members of an object that is open, or lines of their own. */
static void print_json(const struct profile *profile)
{
    bool lines = profile->session->console.format == RN_FORMAT_JSONL;
    rune_profile_function function;
    rune_profile_line line;
    fputs(lines ? "" : "\"functions\":[", stdout);
    for (size_t i = 0; rune_profile_report_function(profile->report, i, &function); i++) {
        fputs(lines ? "{\"event\":\"function\",\"at\":" : i > 0 ? "," : "", stdout);
        print_json_function(&function);
        fputs(lines ? "}\n" : "", stdout);
    }
    fputs(lines ? "" : "],\"lines\":[", stdout);
    for (size_t i = 0; rune_profile_report_line(profile->report, i, &line); i++) {
        fputs(lines ? "{\"event\":\"line\",\"at\":" : i > 0 ? "," : "", stdout);
        print_json_line(&line);
        fputs(lines ? "}\n" : "", stdout);
    }
    fputs(lines ? "" : "],", stdout);
}

static void print_json_record(const struct profile *profile, const rune_unit *unit,
                              const rune_record *record)
{
    rune_text *text = NULL;
    printf("\"spent\":%llu,\"record\":", (unsigned long long)profile->spent);
    if (rune_unit_record_to_json(unit, record, NULL, 0, &text) == RUNE_OK) {
        rn_console_take_text(text);
    } else {
        fputs("null", stdout);
    }
    puts("}");
}

/* Stacks */

static bool write_text(const char *path, const rune_text *text)
{
    struct rn_out_file file = {.stream = NULL};
    FILE *out = rn_out_file_open(&file, path);
    bool good = out != NULL &&
                fwrite(rune_text_data(text), 1, rune_text_size(text), out) == rune_text_size(text);
    return rn_out_file_close(&file, good) && good;
}

/* False: `session->code` is set. */
static bool write_stacks(const struct profile *profile)
{
    const char *path = profile->session->args->values[RN_OPTION_STACKS];
    rune_text *text = NULL;
    if (path == NULL) {
        return true;
    }
    errno = EFBIG;
    bool good = rune_profile_stacks(profile->counts, &text) == RUNE_OK && write_text(path, text);
    if (!good) {
        rn_console_complain("%s: %s", path, strerror(errno));
        profile->session->code = RN_EXIT_OUTPUT;
    }
    rune_text_free(text);
    return good;
}

/* The call */

static int show(struct profile *profile, const rune_unit *unit, const rune_record *record)
{
    enum rn_format format = profile->session->console.format;
    rune_error *error = NULL;
    profile->spent = rune_profile_spent(profile->counts);
    if (rune_profile_report_new(profile->counts, &profile->report, &error) != RUNE_OK) {
        return rn_console_take_error(&profile->session->console, error);
    }
    if (format == RN_FORMAT_TEXT) {
        print_text(profile);
    } else {
        fputs(format == RN_FORMAT_JSON ? "{\"v\":1," : "", stdout);
        print_json(profile);
        fputs(format == RN_FORMAT_JSONL ? "{\"event\":\"result\"," : "", stdout);
        print_json_record(profile, unit, record);
    }
    rune_profile_report_free(profile->report);
    return write_stacks(profile) ? 0 : profile->session->code;
}

/* However the call ended: a profile of what ran into a limit is the one that is wanted most. */
static int report(struct profile *profile, const struct rn_call *call, const rune_record *record)
{
    int code = 0;
    profile->counts = rune_record_profile(record);
    if (profile->counts != NULL) {
        code = show(profile, call->unit, record);
    } else {
        rn_console_complain("nothing was counted: the worker had to be killed before it could "
                            "tell; a --budget that "
                            "ends the script earlier leaves it time");
    }
    int end = rn_call_report_end(call, record);
    return code == 0 ? end : code;
}

static int profile_unit(struct profile *profile, rune_unit *unit)
{
    struct rn_call call = {.session = profile->session, .unit = unit, .collect = true};
    int code = RN_EXIT_USAGE;
    if (rn_call_aim(&call, profile->session->args)) {
        rune_record *record = rn_call_make(&call);
        code = record == NULL ? profile->session->code : report(profile, &call, record);
        rune_record_free(record);
    }
    rn_call_done(&call);
    return code;
}

static bool read_top(const struct rn_args *args, uint64_t *out_top)
{
    const char *text = args->values[RN_OPTION_TOP];
    *out_top = TOP_DEFAULT;
    return text == NULL || (rn_option_is_good(RN_OPTION_TOP, text) &&
                            rn_quantity_parse(text, RN_QUANTITY_COUNT, out_top));
}

int rn_command_profile(struct rn_session *session)
{
    struct profile profile = {.session = session};
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    if (!read_top(session->args, &profile.top)) {
        return RN_EXIT_USAGE;
    }
    if (!rn_session_start(session)) {
        return session->code;
    }
    bool body = session->args->values[RN_OPTION_ITEM] == NULL;
    rune_unit *unit = rn_session_unit(session, session->args->operands[0], body);
    int code = unit == NULL ? session->code : profile_unit(&profile, unit);
    rune_unit_unref(unit);
    return code;
}
