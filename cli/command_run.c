/* command_run.c: run and call. */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/exit_codes.h"

#include <stdio.h>
#include <string.h>

/* run */

static int run_unit(struct rn_session *session, rune_unit *unit)
{
    struct rn_call call = {.session = session, .unit = unit};
    int code = RN_EXIT_USAGE;
    if (rn_call_aim_at_main(&call, session->args->operands[0], session->args->operands + 1,
                            session->args->operand_count - 1)) {
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

static int call_item(struct rn_session *session, rune_unit *unit, const char *script)
{
    struct rn_call call = {
        .session = session, .unit = unit, .script = script, .item = session->args->operands[1]};
    if (!rn_call_take_json(&call, session->args->operands + 2, session->args->operand_count - 2)) {
        rn_call_done(&call);
        return RN_EXIT_USAGE;
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
        if (rn_args_given(session->args, options[i])) {
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
