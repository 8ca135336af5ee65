/* command_run.c: run, call and test. */
#include "cli/call.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 64

/* run */

static bool find_export(const rune_unit *unit, const char *item, rune_export *out_export)
{
    for (size_t i = 0; rune_unit_export(unit, i, out_export); i++) {
        if (strcmp(out_export->item, item) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_string(struct rn_call *call, const char *text)
{
    rune_const_value *value = rune_value_text(text);
    if (value == NULL) {
        rn_console_complain("an argument is not UTF-8");
        return false;
    }
    call->args[call->arg_count++] = value;
    return true;
}

// Each word is one string, or all of them one vector for a main with a single parameter.
static bool add_words(struct rn_call *call, char *const *words, size_t count, uint32_t arity)
{
    if (count > RN_CALL_ARGS_MAX || (arity != 1 && count != arity)) {
        rn_console_complain("main takes %u arguments, %zu were given", (unsigned)arity, count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_string(call, words[i])) {
            return false;
        }
    }
    if (arity != 1) {
        return true;
    }
    rune_const_value *all =
        rune_value_vec((const rune_const_value *const *)call->args, call->arg_count);
    rn_call_done(call);
    call->args[0] = all;
    call->arg_count = all == NULL ? 0 : 1;
    return all != NULL;
}

static int run_unit(struct rn_session *session, rune_unit *unit)
{
    struct rn_call call = {.session = session, .unit = unit, .item = "main"};
    rune_export main_export = {0};
    if (!find_export(unit, "main", &main_export)) {
        call.item = "";
        main_export.arity = 0;
        if (!rune_unit_has(unit, "")) {
            rn_console_complain("%s: there is no function main", session->args->operands[0]);
            return EXIT_USAGE;
        }
    }
    int code = EXIT_USAGE;
    if (add_words(&call, session->args->operands + 1, session->args->operand_count - 1,
                  main_export.arity)) {
        rune_record *record = rn_call_make(&call);
        code = record == NULL ? session->code : rn_call_report(&call, record, false);
        rune_record_free(record);
    }
    rn_call_done(&call);
    return code;
}

int rn_command_run(struct rn_session *session)
{
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_session_start(session)) {
        return session->code;
    }
    rune_unit *unit = rn_session_unit(session, session->args->operands[0], true);
    int code = unit == NULL ? session->code : run_unit(session, unit);
    rune_unit_unref(unit);
    return code;
}

/* call */

static bool add_json(struct rn_call *call, const char *text)
{
    rune_error *error = NULL;
    if (call->arg_count == RN_CALL_ARGS_MAX) {
        rn_console_complain("more than %u arguments", RN_CALL_ARGS_MAX);
        return false;
    }
    if (rune_value_from_json(text, strlen(text), &call->args[call->arg_count], &error) != RUNE_OK) {
        rn_console_complain("argument %zu: %s: %s", call->arg_count + 1, text,
                            error == NULL ? "out of memory" : rune_error_message(error));
        rune_error_free(error);
        return false;
    }
    call->arg_count++;
    return true;
}

static int call_unit(struct rn_session *session, rune_unit *unit)
{
    struct rn_call call = {.session = session, .unit = unit, .item = session->args->operands[1]};
    for (size_t i = 2; i < session->args->operand_count; i++) {
        if (!add_json(&call, session->args->operands[i])) {
            rn_call_done(&call);
            return EXIT_USAGE;
        }
    }
    rune_record *record = rn_call_make(&call);
    int code = record == NULL ? session->code : rn_call_report(&call, record, true);
    rune_record_free(record);
    rn_call_done(&call);
    return code;
}

int rn_command_call(struct rn_session *session)
{
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (session->args->operand_count < 2) {
        return rn_command_misused(session);
    }
    if (!rn_session_start(session)) {
        return session->code;
    }
    rune_unit *unit = rn_session_unit(session, session->args->operands[0], false);
    int code = unit == NULL ? session->code : call_unit(session, unit);
    rune_unit_unref(unit);
    return code;
}

/* test */

struct tally {
    unsigned passed;
    unsigned failed;
    unsigned skipped;
};

// A result that cannot leave the worker, such as an iterator, is neither Err nor None.
static bool returned_inner(const rune_record *record)
{
    const rune_error *error = rune_record_error(record);
    return rune_record_reason(record) == RUNE_REASON_SCRIPT_ERROR && error != NULL &&
           rune_error_frame_count(error) == 0 &&
           strcmp(rune_error_kind(error), "ConstNotSupported") == 0;
}

// A test fails by an error, and by returning Err or None.
static const char *verdict(const rune_record *record)
{
    const rune_const_value *value = rune_record_value(record);
    if (returned_inner(record)) {
        return NULL;
    }
    if (rune_record_reason(record) != RUNE_REASON_OK) {
        return rune_reason_name(rune_record_reason(record));
    }
    if (rune_value_kind_of(value) == RUNE_VALUE_RESULT && !rune_value_is_ok(value)) {
        return "returned Err";
    }
    if (rune_value_kind_of(value) == RUNE_VALUE_OPTION && !rune_value_is_some(value)) {
        return "returned None";
    }
    return NULL;
}

static void print_verdict_json(const struct rn_call *call, const char *path, const char *failure,
                               const rune_record *record)
{
    rune_text *text = NULL;
    fputs("{\"event\":\"test\",\"file\":", stdout);
    rn_console_json_string(path, strlen(path));
    fputs(",\"item\":", stdout);
    rn_console_json_string(call->item, strlen(call->item));
    printf(",\"passed\":%s,\"why\":\"%s\"", failure == NULL ? "true" : "false",
           failure == NULL ? "" : failure);
    if (failure != NULL &&
        rune_record_to_json(record, call->output.data, call->output.size, &text) == RUNE_OK) {
        fputs(",\"record\":", stdout);
        rn_console_take_text(text);
    }
    puts("}");
}

static void print_verdict(const struct rn_call *call, const char *path, const rune_record *record)
{
    const char *failure = verdict(record);
    const struct rn_console *console = &call->session->console;
    if (console->format != RN_FORMAT_TEXT) {
        print_verdict_json(call, path, failure, record);
        return;
    }
    if (failure == NULL) {
        if (!console->quiet) {
            printf("ok    %s\n", call->item);
        }
        return;
    }
    printf("FAIL  %s: %s\n", call->item, failure);
    if (call->output.size > 0) {
        fwrite(call->output.data, 1, call->output.size, stdout);
    }
    if (rune_record_error(record) != NULL) {
        rn_call_report(call, record, false);
    }
}

static void run_test(struct rn_session *session, rune_unit *unit, const char *path,
                     const char *item, struct tally *tally)
{
    struct rn_call call = {.session = session, .unit = unit, .item = item, .collect = true};
    rune_record *record = rn_call_make(&call);
    if (record == NULL || verdict(record) != NULL) {
        tally->failed++;
    } else {
        tally->passed++;
    }
    if (record != NULL) {
        print_verdict(&call, path, record);
    }
    rune_record_free(record);
    rn_call_done(&call);
}

static void run_tests(struct rn_session *session, rune_unit *unit, const char *path,
                      struct tally *tally)
{
    const char *filter = session->args->values[RN_OPTION_FILTER];
    rune_export export;
    for (size_t i = 0; rune_unit_export(unit, i, &export); i++) {
        if (!export.is_test) {
            continue;
        }
        bool enough = tally->failed > 0 && rn_args_has(session->args, RN_OPTION_FAIL_FAST);
        if (enough || (filter != NULL && strstr(export.item, filter) == NULL)) {
            tally->skipped++;
            continue;
        }
        run_test(session, unit, path, export.item, tally);
    }
}

static void print_tally(const struct rn_session *session, const struct tally *tally)
{
    if (session->console.format == RN_FORMAT_TEXT) {
        printf("%u passed, %u failed, %u skipped\n", tally->passed, tally->failed, tally->skipped);
    } else {
        printf("{\"event\":\"tests\",\"passed\":%u,\"failed\":%u,\"skipped\":%u}\n", tally->passed,
               tally->failed, tally->skipped);
    }
}

int rn_command_test(struct rn_session *session)
{
    struct tally tally = {0};
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_session_start(session)) {
        return session->code;
    }
    for (size_t i = 0; i < session->args->operand_count; i++) {
        const char *path = session->args->operands[i];
        rune_unit *unit = rn_session_unit(session, path, false);
        if (unit == NULL) {
            tally.failed++;
            continue;
        }
        run_tests(session, unit, path, &tally);
        rune_unit_unref(unit);
    }
    print_tally(session, &tally);
    return tally.failed == 0 ? 0 : rune_reason_exit_code(RUNE_REASON_FAILED, 0);
}
