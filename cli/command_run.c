/* command_run.c: run and call. */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/exit_codes.h"

#include <stdio.h>
#include <string.h>

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
        rn_console_complain("main takes %u argument%s, %zu %s given", (unsigned)arity,
                            arity == 1 ? "" : "s", count, count == 1 ? "was" : "were");
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
            rn_console_complain(
                "%s: nothing to run: there is no `pub fn main`, and no code outside "
                "functions",
                session->args->operands[0]);
            return RN_EXIT_USAGE;
        }
    }
    int code = RN_EXIT_USAGE;
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

static int call_item(struct rn_session *session, rune_unit *unit, const char *script)
{
    struct rn_call call = {
        .session = session, .unit = unit, .script = script, .item = session->args->operands[1]};
    for (size_t i = 2; i < session->args->operand_count; i++) {
        if (!add_json(&call, session->args->operands[i])) {
            rn_call_done(&call);
            return RN_EXIT_USAGE;
        }
    }
    rune_record *record = rn_call_make(&call);
    int code = record == NULL ? session->code : rn_call_report(&call, record, true);
    rune_record_free(record);
    rn_call_done(&call);
    return code;
}

// Files are built, here or there; any other word names a script of the daemon's folder.
static bool is_file(const char *target)
{
    const char *dot = strrchr(target, '.');
    return strcmp(target, "-") == 0 ||
           (dot != NULL && (strcmp(dot, ".rn") == 0 || strcmp(dot, ".rnu") == 0));
}

// What a daemon has built already is not built in another way.
static bool is_called_as_built(const struct rn_session *session)
{
    static const enum rn_option options[] = {RN_OPTION_SCRIPT, RN_OPTION_BUILD_WALL};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (rn_args_has(session->args, options[i])) {
            rn_console_complain("--%s: the daemon has built its scripts already; for a file, "
                                "write its path with .rn",
                                rn_option_info(options[i])->name);
            return false;
        }
    }
    return true;
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
    const char *target = session->args->operands[0];
    bool elsewhere = rn_args_has(session->args, RN_OPTION_SOCKET);
    if (elsewhere && rn_args_has(session->args, RN_OPTION_JOURNAL)) {
        rn_console_complain("--journal: a daemon keeps its own calls, see `runeward help serve`");
        return RN_EXIT_USAGE;
    }
    bool is_daemons = elsewhere && !is_file(target);
    if (is_daemons && !is_called_as_built(session)) {
        return RN_EXIT_USAGE;
    }
    if (!(elsewhere ? rn_daemon_connect(session) : rn_session_start(session))) {
        return session->code;
    }
    if (is_daemons) {
        return call_item(session, NULL, target);
    }
    rune_unit *unit = rn_session_unit(session, target, false);
    int code = unit == NULL ? session->code : call_item(session, unit, NULL);
    rune_unit_unref(unit);
    return code;
}
