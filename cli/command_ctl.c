/* command_ctl.c: looks into a daemon, or steers it. */
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/exit_codes.h"
#include "cli/members.h"
#include "cli/quantity.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* status */

static void print_script(void *unused, const rune_const_value *row)
{
    (void)unused;
    char name[256];
    char unit[80];
    printf("  %-40s %.16s%s\n", rn_member_text(row, "name", name, sizeof(name)),
           rn_member_text(row, "unit", unit, sizeof(unit)),
           rn_member_flag(row, "broken") ? "  does not compile" : "");
}

static void print_status(const rune_const_value *status)
{
    char version[32];
    printf("version       %s%s\n", rn_member_text(status, "version", version, sizeof(version)),
           rn_member_flag(status, "draining") ? ", draining" : "");
    printf("up            %lld s\n", rn_member_number(status, "uptime_ms") / 1000);
    printf("connections   %lld now, %lld accepted, %lld refused, %lld ended for what they sent\n",
           rn_member_number(status, "connections"), rn_member_number(status, "accepted"),
           rn_member_number(status, "refused"), rn_member_number(status, "protocol_errors"));
    printf("calls         %lld now, %lld ended\n", rn_member_number(status, "calls_now"),
           rn_member_number(status, "calls"));
    printf("builds        %lld\n", rn_member_number(status, "builds"));
    printf("workers       %lld now, %lld of them spare; %lld started, %lld lost\n",
           rn_member_number(status, "workers"), rn_member_number(status, "spares"),
           rn_member_number(status, "workers_started"), rn_member_number(status, "workers_lost"));
    puts("scripts");
    rn_member_each(status, "scripts", print_script, NULL);
}

/* ps */

static void print_connection(void *unused, const rune_const_value *row)
{
    (void)unused;
    printf("%-12lld %-8lld %-8lld %-5lld %-6lld %-10lld %-6lld %lld\n",
           rn_member_number(row, "connection"), rn_member_number(row, "uid"),
           rn_member_number(row, "pid"), rn_member_number(row, "vms"),
           rn_member_number(row, "units"), rn_member_number(row, "functions"),
           rn_member_number(row, "calls"), rn_member_number(row, "waiting_bytes"));
}

static void print_call(void *unused, const rune_const_value *row)
{
    (void)unused;
    char script[256];
    printf("%-12lld %-8lld %-8lld %-8lld %s\n", rn_member_number(row, "connection"),
           rn_member_number(row, "uid"), rn_member_number(row, "call"), rn_member_number(row, "ms"),
           rn_member_text(row, "script", script, sizeof(script)));
}

static void print_worker(void *unused, const rune_const_value *row)
{
    (void)unused;
    char state[32];
    char domain[256];
    printf("%-8lld %-10s %-6lld %-10lld %s\n", rn_member_number(row, "pid"),
           rn_member_text(row, "state", state, sizeof(state)), rn_member_number(row, "calls"),
           rn_member_number(row, "served"), rn_member_text(row, "domain", domain, sizeof(domain)));
}

static void print_ps(const rune_const_value *ps)
{
    puts("CONNECTION   UID      PID      VMS   UNITS  FUNCTIONS  CALLS  WAITING");
    rn_member_each(ps, "connections", print_connection, NULL);
    puts("\nCONNECTION   UID      CALL     MS       SCRIPT");
    rn_member_each(ps, "calls", print_call, NULL);
    puts("\nWORKER   STATE      CALLS  SERVED     DOMAIN");
    rn_member_each(ps, "workers", print_worker, NULL);
}

/* Asking */

// False: `code` is set.
static bool ask(struct rn_session *session, rune_query query, rune_text **out_text)
{
    rune_error *error = NULL;
    if (rune_connect_query(session->supervisor, query, out_text, &error) == RUNE_OK) {
        return true;
    }
    session->code = rn_console_take_error(&session->console, error);
    return false;
}

static bool show(struct rn_session *session, rune_query query,
                 void (*print)(const rune_const_value *value))
{
    rune_text *json = NULL;
    rune_const_value *value = NULL;
    if (!ask(session, query, &json)) {
        return false;
    }
    if (session->console.format != RN_FORMAT_TEXT) {
        rn_console_take_text(json);
        puts("");
        return true;
    }
    rune_error *error = NULL;
    if (rune_value_from_json(rune_text_data(json), rune_text_size(json), &value, &error) ==
        RUNE_OK) {
        print(value);
        rune_value_unref(value);
    } else {
        session->code = rn_console_take_error(&session->console, error);
    }
    rune_text_free(json);
    return session->code == 0;
}

static void show_status(struct rn_session *session)
{
    (void)show(session, RUNE_QUERY_STATUS, print_status);
}

static void show_ps(struct rn_session *session)
{
    (void)show(session, RUNE_QUERY_PS, print_ps);
}

// Once a second on a terminal, once elsewhere.
static void show_top(struct rn_session *session)
{
    bool again = isatty(STDOUT_FILENO) == 1 || session->console.format == RN_FORMAT_JSONL;
    do {
        if (session->console.format == RN_FORMAT_TEXT && again) {
            fputs("\033[H\033[2J", stdout);
        }
        if (!show(session, RUNE_QUERY_PS, print_ps)) {
            return;
        }
        if (fflush(stdout) != 0) {
            return;
        }
    } while (again && poll(NULL, 0, 1000) == 0);
}

static void show_metrics(struct rn_session *session)
{
    rune_text *metrics = NULL;
    if (ask(session, RUNE_QUERY_METRICS, &metrics)) {
        rn_console_take_text(metrics);
    }
}

/* Steering */

static void control(struct rn_session *session, rune_control what, uint64_t value)
{
    rune_error *error = NULL;
    if (rune_connect_control(session->supervisor, what, value, &error) != RUNE_OK) {
        session->code = rn_console_take_error(&session->console, error);
    } else if (session->console.format != RN_FORMAT_TEXT) {
        puts("{\"v\":1,\"reason\":\"ok\"}");
    }
}

// The number that follows a verb; false after a complaint.
static bool read_number(struct rn_session *session, const char *what, enum rn_quantity quantity,
                        uint64_t *out_number)
{
    if (session->args->operand_count == 2 &&
        rn_quantity_parse(session->args->operands[1], quantity, out_number)) {
        return true;
    }
    rn_console_complain("%s needs %s", session->args->operands[0], what);
    session->code = RN_EXIT_USAGE;
    return false;
}

static void reload(struct rn_session *session)
{
    control(session, RUNE_CONTROL_RELOAD, 0);
}

static void kill_worker(struct rn_session *session)
{
    uint64_t pid = 0;
    if (read_number(session, "the process id of a worker, as ps shows it", RN_QUANTITY_COUNT,
                    &pid)) {
        control(session, RUNE_CONTROL_KILL, pid);
    }
}

static void drain(struct rn_session *session)
{
    uint64_t ns = 0;
    if (session->args->operand_count == 1) {
        control(session, RUNE_CONTROL_DRAIN, UINT64_MAX);
    } else if (read_number(session, "a time such as 10s", RN_QUANTITY_TIME, &ns)) {
        control(session, RUNE_CONTROL_DRAIN, ns / 1000000);
    }
}

/* Verbs */

struct verb {
    const char *name;
    void (*run)(struct rn_session *session);
    size_t operands; /* that may follow */
    bool has_json;
};

static const struct verb verbs[] = {
    {"status", show_status, 0, true},    {"ps", show_ps, 0, true},    {"top", show_top, 0, true},
    {"metrics", show_metrics, 0, false}, {"reload", reload, 0, true}, {"drain", drain, 1, true},
    {"kill", kill_worker, 1, true},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

// NULL after a complaint.
static const struct verb *find_verb(const char *name)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &verbs[i];
        }
    }
    const char *near = rn_args_suggest(name, names, VERB_COUNT);
    if (near != NULL) {
        rn_console_complain("ctl has no %s (did you mean %s?)", name, near);
    }
    return NULL;
}

static bool is_used_well(const struct rn_session *session, const struct verb *verb)
{
    if (session->args->operand_count > 1 + verb->operands) {
        rn_console_complain("%s does not take %s", verb->name,
                            session->args->operands[1 + verb->operands]);
        return false;
    }
    if (!verb->has_json && session->console.format != RN_FORMAT_TEXT &&
        rn_args_given(session->args, RN_OPTION_FORMAT)) {
        rn_console_complain("%s has no --format: it is text for Prometheus", verb->name);
        return false;
    }
    return true;
}

int rn_command_ctl(struct rn_session *session)
{
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    const struct verb *verb = find_verb(session->args->operands[0]);
    if (verb == NULL) {
        return rn_command_misused(session);
    }
    if (!is_used_well(session, verb)) {
        return RN_EXIT_USAGE;
    }
    if (rn_daemon_connect(session)) {
        session->code = 0;
        verb->run(session);
    }
    return session->code;
}
