/* command_repl.c: repl: lines to entries and commands, until the end. */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/repl_command.h"
#include "cli/repl_line.h"

#include <stdio.h>
#include <string.h>

/* A session and what is typed. */
struct typing {
    struct rn_repl repl;
    struct rn_repl_names names;
    struct rn_repl_lines *lines;
    struct rn_bytes entry; /* so far */
};

static bool is_blank(const struct rn_bytes *text)
{
    for (size_t i = 0; i < text->size; i++) {
        if (strchr(" \t\r\n", text->data[i]) == NULL || text->data[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Without its line end; a terminal's zero byte cannot be told from the end of a command. */
static bool run_command(struct typing *typing)
{
    struct rn_bytes *entry = &typing->entry;
    while (entry->size > 0 && strchr(" \t\r\n", entry->data[entry->size - 1]) != NULL) {
        entry->size--;
    }
    bool good = rn_bytes_append(entry, "", 1) &&
                rn_repl_command(&typing->repl, &typing->names, entry->data);
    entry->size = 0;
    return good;
}

/* `ended`: nothing more comes. */
static void take_entry(struct typing *typing, bool ended)
{
    char name[48];
    snprintf(name, sizeof name, "<entry %u>", typing->repl.number + 1);
    enum rn_repl_state state =
        rn_repl_enter(&typing->repl, name, typing->entry.data, typing->entry.size, !ended);
    if (state != RN_REPL_MORE || ended) {
        typing->entry.size = 0;
        typing->repl.number++;
    }
}

/* What was typed, with another line. False: the session ends. */
static bool take_line(struct typing *typing, bool first)
{
    if (first && is_blank(&typing->entry)) {
        typing->entry.size = 0;
        return true;
    }
    if (first && typing->entry.data[0] == ':' &&
        (typing->entry.size < 2 || typing->entry.data[1] != ':')) {
        return run_command(typing);
    }
    take_entry(typing, false);
    return !typing->repl.hung_up;
}

static void converse(struct typing *typing)
{
    bool goes_on = true;
    while (goes_on) {
        bool first = typing->entry.size == 0;
        fflush(stdout);
        switch (rn_repl_lines_next(typing->lines, first ? "> " : ". ", &typing->entry)) {
        case RN_REPL_LINE:
            goes_on = take_line(typing, first);
            break;
        case RN_REPL_INTERRUPT:
            typing->entry.size = 0;
            break;
        case RN_REPL_END:
            goes_on = false;
        }
    }
    if (typing->entry.size > 0 && !typing->repl.hung_up) {
        take_entry(typing, true);
    }
}

/* What is typed by somebody may fail; what comes from elsewhere is a script, and ends like one. */
static int run_session(struct typing *typing)
{
    const struct rn_args *args = typing->repl.session->args;
    if (args->operand_count > 0) {
        rn_repl_load(&typing->repl, args->operands[0]);
    }
    bool edited = rn_repl_lines_edited(typing->lines);
    if (edited && !typing->repl.session->console.quiet) {
        puts("runeward, a session; :help says what there is");
    }
    converse(typing);
    if (typing->repl.hung_up) {
        return RN_EXIT_CANCELLED;
    }
    return edited ? 0 : typing->repl.code;
}

static int begin(struct rn_session *session)
{
    struct typing typing = {.names = {.repl = &typing.repl}};
    int code = session->code;
    if (rn_repl_init(&typing.repl, session)) {
        typing.lines = rn_repl_lines_new(!rn_args_has(session->args, RN_OPTION_NO_HISTORY),
                                         rn_repl_names_complete, &typing.names);
        code = typing.lines ? run_session(&typing) : rn_console_take_error(&session->console, NULL);
    } else {
        code = session->code;
    }
    rn_repl_lines_free(typing.lines);
    rn_repl_names_done(&typing.names);
    rn_repl_done(&typing.repl);
    rn_bytes_done(&typing.entry);
    return code;
}

int rn_command_repl(struct rn_session *session)
{
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(session->args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (session->args->operand_count > 1) {
        return rn_command_misused(session);
    }
    if (session->console.format != RN_FORMAT_TEXT) {
        rn_console_complain("repl: a session is text; for programs there are `run` and `call`");
        return RN_EXIT_USAGE;
    }
    return rn_session_start(session) ? begin(session) : session->code;
}
