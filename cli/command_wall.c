/* command_wall.c: doctor and policy. What they print is the library's JSON, read back and laid out.
 */
#include "cli/commands.h"

#include <runeward/tools.h>

#include "cli/exit_codes.h"
#include "cli/explain.h"
#include "cli/members.h"
#include "cli/wall_page.h"

#include <stdio.h>
#include <string.h>

static rune_const_value *parse(const rune_text *text)
{
    rune_const_value *value = NULL;
    if (rune_value_from_json(rune_text_data(text), rune_text_size(text), &value, NULL) != RUNE_OK) {
        return NULL;
    }
    return value;
}

// How a member that is text is laid out; nothing is printed for an empty one.
struct layout {
    const char *before;
    int width;
    const char *after;
};

static void print_member(const rune_const_value *object, const char *key, struct layout layout)
{
    const char *data;
    size_t size;
    rune_const_value *value = rune_value_get(object, key);
    if (value != NULL && rune_value_get_string(value, &data, &size) && size > 0) {
        printf("%s%-*.*s%s", layout.before, layout.width, (int)size, data, layout.after);
    }
    rune_value_unref(value);
}

/* doctor, policy report */

static void print_layer(void *unused, const rune_const_value *layer)
{
    (void)unused;
    bool active = rn_member_flag(layer, "active");
    bool required = rn_member_flag(layer, "required");
    bool given_up = rn_member_flag(layer, "given_up");
    fputs(active     ? "  ok       "
          : required ? "  MISSING  "
          : given_up ? "  given up "
                     : "  -        ",
          stdout);
    print_member(layer, "name", (struct layout){"", 20, ""});
    fputs(required ? " required  " : "           ", stdout);
    print_member(layer, "protects", (struct layout){"", 0, ""});
    fputc('\n', stdout);
    if (!active) {
        print_member(layer, "error", (struct layout){"           why: ", 0, "\n"});
        print_member(layer, "remedy", (struct layout){"           how: ", 0, "\n"});
    }
}

static void print_report(const rune_const_value *report)
{
    print_member(report, "policy", (struct layout){"policy ", 0, ""});
    print_member(report, "flavour", (struct layout){", ", 0, " build: "});
    puts(rn_member_flag(report, "complete") ? "every required layer is active"
                                            : "a required layer is missing");
    rn_member_each(report, "layers", print_layer, NULL);
}

static bool print_page(const rune_const_value *report)
{
    rune_text *text = NULL;
    rune_const_value *policy = rune_tools_policy(&text) == RUNE_OK ? parse(text) : NULL;
    bool printed = policy != NULL && rn_wall_page(report, policy);
    rune_value_unref(policy);
    rune_text_free(text);
    return printed;
}

static int show_report(struct rn_session *session)
{
    rune_text *text = NULL;
    rune_error *error = NULL;
    if (rune_supervisor_report(session->supervisor, &text, &error) != RUNE_OK) {
        return rn_console_take_error(&session->console, error);
    }
    rune_const_value *report = parse(text);
    bool complete = report != NULL && rn_member_flag(report, "complete");
    if (report != NULL && rn_args_has(session->args, RN_OPTION_HTML)) {
        complete = print_page(report) && complete;
    } else if (session->console.format == RN_FORMAT_TEXT && report != NULL) {
        print_report(report);
    } else {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stdout);
        fputc('\n', stdout);
    }
    rune_value_unref(report);
    rune_text_free(text);
    return complete ? 0 : rune_reason_exit_code(RUNE_REASON_SETUP, 0);
}

/* The state of the wall, whole or not. */
static int report(struct rn_session *session)
{
    if (rn_session_start(session)) {
        return show_report(session);
    }
    // Without a required layer nothing starts; the weaker policy shows what is there.
    int code = session->code;
    session->best_effort = true;
    if (session->wall_missing && rn_session_start(session)) {
        show_report(session);
    }
    return code;
}

int rn_command_doctor(struct rn_session *session)
{
    return session->args->operand_count == 0 ? report(session) : rn_command_misused(session);
}

/* policy show */

static void print_call(void *unused, const rune_const_value *call)
{
    (void)unused;
    print_member(call, "call", (struct layout){"  ", 11, " "});
    print_member(call, "reason", (struct layout){"", 0, "\n"});
    print_member(call, "when", (struct layout){"              when ", 0, "\n"});
}

static void print_role(void *unused, const rune_const_value *role)
{
    (void)unused;
    print_member(role, "role",
                 (struct layout){"", 0, ": every other system call ends the process\n"});
    rn_member_each(role, "calls", print_call, NULL);
}

static void print_layer_rule(void *unused, const rune_const_value *layer)
{
    (void)unused;
    bool strict = rn_member_flag(layer, "strict");
    print_member(layer, "name", (struct layout){"  ", 20, ""});
    fputs(rn_member_flag(layer, "best_effort") ? " both         "
                                               : (strict ? " strict       " : " extra        "),
          stdout);
    print_member(layer, "protects", (struct layout){"", 0, "\n"});
}

static int show_policy(struct rn_session *session)
{
    rune_text *text = NULL;
    if (rune_tools_policy(&text) != RUNE_OK) {
        return rn_console_take_error(&session->console, NULL);
    }
    rune_const_value *policy = parse(text);
    if (session->console.format == RN_FORMAT_TEXT && policy != NULL) {
        rn_member_each(policy, "roles", print_role, NULL);
        puts("layers, and the policies that require them:");
        rn_member_each(policy, "layers", print_layer_rule, NULL);
    } else {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stdout);
        fputc('\n', stdout);
    }
    rune_value_unref(policy);
    rune_text_free(text);
    return 0;
}

/* Complains when --html would be left unheard. */
static bool may_be_page(const struct rn_session *session, const char *what)
{
    if (strcmp(what, "report") != 0) {
        rn_console_complain("--html is for policy report");
        return false;
    }
    if (session->console.format != RN_FORMAT_TEXT &&
        rn_args_given(session->args, RN_OPTION_FORMAT)) {
        rn_console_complain("--html and --format exclude each other");
        return false;
    }
    return true;
}

int rn_command_policy(struct rn_session *session)
{
    size_t count = session->args->operand_count;
    const char *what = count > 0 ? session->args->operands[0] : "";
    if (rn_args_has(session->args, RN_OPTION_HTML) && !may_be_page(session, what)) {
        return RN_EXIT_USAGE;
    }
    if (count == 1 && strcmp(what, "show") == 0) {
        return show_policy(session);
    }
    if (count == 1 && strcmp(what, "report") == 0) {
        return report(session);
    }
    if (count == 2 && strcmp(what, "explain") == 0) {
        return rn_explain(session, session->args->operands[1]);
    }
    return rn_command_misused(session);
}
