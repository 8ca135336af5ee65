/* command_unit.c: check, compile, disasm and verify. */
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/paths.h"
#include "cli/roots.h"
#include "cli/visible.h"

#include <runeward/tools.h>

#include <stdio.h>
#include <string.h>

static void print_good(const struct rn_session *session)
{
    const rune_text *remarks = session->remarks;
    fputs("{\"v\":1,\"reason\":\"ok\",\"diagnostics\":", stdout);
    if (remarks == NULL) {
        fputs("[]", stdout);
    } else {
        fwrite(rune_text_data(remarks), 1, rune_text_size(remarks), stdout);
    }
    puts("}");
}

static int check_files(struct rn_session *session, const struct rn_paths *paths)
{
    int code = 0;
    for (const char *path = rn_paths_next(paths, NULL); path != NULL;
         path = rn_paths_next(paths, path)) {
        rune_unit *unit = rn_session_unit(session, path, true);
        if (unit == NULL) {
            code = session->code;
        } else if (session->console.format != RN_FORMAT_TEXT) {
            print_good(session);
        }
        rune_unit_unref(unit);
    }
    return code;
}

int rn_command_check(struct rn_session *session)
{
    struct rn_paths paths;
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    if (!rn_paths_expand(session, session->args->operand_count, &paths)) {
        return session->code;
    }
    bool good = rn_session_start(session) && rn_roots_only(session, &paths);
    int code = good ? check_files(session, &paths) : session->code;
    rn_paths_done(&paths);
    return code;
}

static int save(struct rn_session *session, rune_unit *unit, const char *path)
{
    rune_error *error = NULL;
    rune_status status = rune_unit_save_file(unit, path, &error);
    if (status != RUNE_OK) {
        int code = rn_console_take_error(&session->console, error);
        return status == RUNE_E_SYSTEM ? RN_EXIT_OUTPUT : code;
    }
    if (session->console.verbose) {
        rn_visible_put(stderr, path, strlen(path), false);
        fprintf(stderr, ": %s\n", rune_unit_id_text(unit));
    }
    return 0;
}

int rn_command_compile(struct rn_session *session)
{
    const char *out = session->args->values[RN_OPTION_OUT];
    if (session->args->operand_count != 1 || out == NULL) {
        return rn_command_misused(session);
    }
    if (!rn_session_start(session)) {
        return session->code;
    }
    rune_unit *unit = rn_session_unit(session, session->args->operands[0], true);
    int code = unit == NULL ? session->code : save(session, unit, out);
    rune_unit_unref(unit);
    return code;
}

static int list(struct rn_session *session, rune_unit *unit)
{
    rune_text *text = NULL;
    rune_status status = rune_tools_disassemble(unit, &text);
    if (status != RUNE_OK) {
        rn_console_complain("%s: %s", session->args->operands[0], rune_status_message(status));
        return rune_reason_exit_code(RUNE_REASON_INTERNAL, 0);
    }
    rn_console_take_text(text);
    return 0;
}

int rn_command_disasm(struct rn_session *session)
{
    if (session->args->operand_count != 1) {
        return rn_command_misused(session);
    }
    const char *path = session->args->operands[0];
    if (!rn_session_is_unit_file(path) && !rn_session_start(session)) {
        return session->code;
    }
    rune_unit *unit = rn_session_unit(session, path, true);
    int code = unit == NULL ? session->code : list(session, unit);
    rune_unit_unref(unit);
    return code;
}

// Loading is verifying: there is no other way in.
static int verify(struct rn_session *session, const char *path)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    if (rune_unit_load_file(path, &unit, &error) != RUNE_OK) {
        rn_visible_put(stderr, path, strlen(path), false);
        fputs(": ", stderr);
        return rn_console_take_error(&session->console, error);
    }
    if (session->console.format == RN_FORMAT_TEXT) {
        rn_visible_list(path, strlen(path), false);
        printf(": ok, %s\n", rune_unit_id_text(unit));
    } else {
        fputs("{\"v\":1,\"reason\":\"ok\",\"file\":", stdout);
        rn_console_json_string(path, strlen(path));
        printf(",\"unit\":\"%s\"}\n", rune_unit_id_text(unit));
    }
    rune_unit_unref(unit);
    return 0;
}

int rn_command_verify(struct rn_session *session)
{
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    int code = 0;
    for (size_t i = 0; i < session->args->operand_count; i++) {
        int result = verify(session, session->args->operands[i]);
        code = result == 0 ? code : result;
    }
    return code;
}
