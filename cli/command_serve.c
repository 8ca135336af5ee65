/*
 * command_serve.c: the daemon as a process: its options, its signals, its service manager.
 *
 * SIGTERM and SIGINT drain (a second one cuts that short), SIGHUP builds every script again. The
 * process cannot gain privileges and is not dumpable.
 */
#include "cli/bytes.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/exit_codes.h"
#include "cli/log.h"
#include "cli/option_value.h"
#include "cli/quantity.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Options */

static const struct {
    const char *name;
    unsigned right;
} right_names[] = {
    {"call", RUNE_RIGHT_CALL},
    {"build", RUNE_RIGHT_BUILD},
    {"host-functions", RUNE_RIGHT_HOST_FUNCTIONS},
    {"control", RUNE_RIGHT_CONTROL},
    {"all", RUNE_RIGHT_ALL},
};

// "call+build"; 0: one of them is none.
static unsigned parse_rights(char *text)
{
    unsigned rights = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, "+", &rest); word != NULL; word = strtok_r(NULL, "+", &rest)) {
        unsigned right = 0;
        for (size_t i = 0; i < sizeof(right_names) / sizeof(right_names[0]); i++) {
            right = strcmp(word, right_names[i].name) == 0 ? right_names[i].right : right;
        }
        if (right == 0) {
            return 0;
        }
        rights |= right;
    }
    return rights;
}

static bool parse_user(const char *text, uint32_t *out_uid)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == 0 && number < UINT32_MAX) {
        *out_uid = (uint32_t)number;
        return true;
    }
    struct passwd entry;
    struct passwd *found = NULL;
    char room[4096];
    bool known = getpwnam_r(text, &entry, room, sizeof(room), &found) == 0 && found != NULL;
    *out_uid = known ? found->pw_uid : 0;
    return known;
}

// "alice:call+build" or "1000": calls alone.
static bool allow_one(rune_server_options *options, char *word)
{
    char *colon = strchr(word, ':');
    uint32_t uid = 0;
    if (colon != NULL) {
        *colon = 0;
    }
    unsigned rights = colon == NULL ? RUNE_RIGHT_CALL : parse_rights(colon + 1);
    if (!parse_user(word, &uid)) {
        rn_console_complain("--allow: there is no user %s", word);
        return false;
    }
    if (rights == 0) {
        rn_console_complain("--allow: the rights of %s are call, build, host-functions, control, "
                            "with + between them, or all",
                            word);
        return false;
    }
    if (rune_server_options_allow(options, uid, rights) != RUNE_OK) {
        rn_console_complain("--allow: %s stands for nobody in particular, or is one too many",
                            word);
        return false;
    }
    return true;
}

static bool allow(const struct rn_session *session, rune_server_options *options)
{
    const char *given = session->args->values[RN_OPTION_ALLOW];
    struct rn_bytes copy = {.data = NULL};
    char *rest = NULL;
    if (given == NULL) {
        return true;
    }
    rn_bytes_append(&copy, given, strlen(given) + 1);
    char *word = copy.data == NULL ? NULL : strtok_r(copy.data, ",", &rest);
    bool sound = word != NULL;
    for (; sound && word != NULL; word = strtok_r(NULL, ",", &rest)) {
        sound = allow_one(options, word);
    }
    rn_bytes_done(&copy);
    return sound;
}

static bool set_cache(const struct rn_session *session, rune_server_options *options)
{
    const char *cache = session->args->values[RN_OPTION_CACHE];
    rune_options *build = rune_options_new();
    bool good = build != NULL &&
                (cache == NULL || rune_options_set_cache(build, cache, 0) == RUNE_OK) &&
                rune_server_options_set_build(options, build) == RUNE_OK;
    rune_options_free(build);
    return good;
}

static bool set_drain(const struct rn_session *session, rune_server_options *options)
{
    const char *text = session->args->values[RN_OPTION_DRAIN];
    uint64_t ns = 0;
    if (text == NULL) {
        return true;
    }
    if (!rn_option_is_good(RN_OPTION_DRAIN, text) ||
        !rn_quantity_parse(text, RN_QUANTITY_TIME, &ns)) {
        return false;
    }
    rune_server_options_set_drain(options, ns);
    return true;
}

static rune_server_options *read_options(struct rn_session *session)
{
    char socket[RN_SOCKET_PATH_MAX];
    rune_server_options *options = rune_server_options_new();
    int inherited = rn_daemon_inherited();
    bool good = options != NULL && allow(session, options) && set_cache(session, options) &&
                set_drain(session, options) &&
                rune_server_options_set_directory(options, session->args->operands[0]) == RUNE_OK;
    if (good && inherited >= 0) {
        rune_server_options_set_listener(options, inherited);
    } else if (good) {
        good = rn_daemon_socket(session, socket) &&
               rune_server_options_set_socket(options, socket) == RUNE_OK;
    }
    if (!good) {
        session->code = RN_EXIT_USAGE;
        rune_server_options_free(options);
        return NULL;
    }
    return options;
}

static bool read_workers(struct rn_session *session)
{
    const char *text = session->args->values[RN_OPTION_WORKERS];
    uint64_t count = 0;
    if (text == NULL || (rn_option_is_good(RN_OPTION_WORKERS, text) &&
                         rn_quantity_parse(text, RN_QUANTITY_COUNT, &count))) {
        session->workers = (unsigned)count;
        return true;
    }
    session->code = RN_EXIT_USAGE;
    return false;
}

/* The log */

static void write_log(void *user, int level, const char *line)
{
    const struct rn_session *session = user;
    if (level > 0 || !session->console.quiet) {
        rn_log_say(level > 0, line);
    }
}

/* The process */

struct daemon {
    struct rn_session *session;
    rune_server *server;
    pthread_t thread;
    int ended_fd;
    int signal_fd;
    unsigned stops; /* signals that asked for the end */
};

static void *run(void *argument)
{
    struct daemon *daemon = argument;
    uint64_t one = 1;
    rune_server_run(daemon->server);
    (void)!write(daemon->ended_fd, &one, sizeof(one));
    return NULL;
}

static void on_signal(struct daemon *daemon)
{
    struct signalfd_siginfo info;
    char state[96];
    struct timespec now;
    if (read(daemon->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
                       (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        rn_daemon_notify(state);
        rune_server_reload(daemon->server);
        rn_daemon_notify("READY=1");
        return;
    }
    rn_daemon_notify("STOPPING=1");
    rune_server_drain(daemon->server, daemon->stops++ == 0 ? RUNE_DRAIN_DEFAULT : 0);
}

// Milliseconds between signs of life, or -1.
static int watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    long long us = usec == NULL ? 0 : strtoll(usec, NULL, 10);
    bool ours = pid == NULL || strtoll(pid, NULL, 10) == getpid();
    return us > 1000 && us < INT32_MAX && ours ? (int)(us / 2000) : -1;
}

// The server's lock can be had: it is alive.
static void show_life(struct daemon *daemon)
{
    rune_text *text = NULL;
    if (rune_server_metrics(daemon->server, &text) == RUNE_OK) {
        rn_daemon_notify("WATCHDOG=1");
    }
    rune_text_free(text);
}

// Signals that come one after the other are no reason to be silent.
static void wait_for_end(struct daemon *daemon)
{
    struct pollfd polled[] = {{.fd = daemon->ended_fd, .events = POLLIN},
                              {.fd = daemon->signal_fd, .events = POLLIN}};
    int rest_ms = watchdog_ms();
    for (;;) {
        (void)poll(polled, 2, rest_ms);
        if (polled[0].revents != 0) {
            return;
        }
        if (rest_ms >= 0) {
            show_life(daemon);
        }
        if (polled[1].revents != 0) {
            on_signal(daemon);
        }
    }
}

static bool take_signals(struct daemon *daemon)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    daemon->ended_fd = eventfd(0, EFD_CLOEXEC);
    return daemon->signal_fd >= 0 && daemon->ended_fd >= 0;
}

static void say_serving(const struct daemon *daemon)
{
    char line[RN_LOG_LINE_MAX];
    (void)snprintf(line, sizeof(line), "serving %s", daemon->session->args->operands[0]);
    write_log(daemon->session, 0, line);
    rn_daemon_notify("READY=1\nSTATUS=serving");
}

static bool serve(struct daemon *daemon)
{
    errno = pthread_create(&daemon->thread, NULL, run, daemon);
    if (errno != 0) {
        return false;
    }
    say_serving(daemon);
    wait_for_end(daemon);
    pthread_join(daemon->thread, NULL);
    return true;
}

/* False: there is an error, or errno. */
static bool make_and_serve(struct daemon *daemon, const rune_server_options *options,
                           rune_error **error)
{
    rune_supervisor *supervisor = daemon->session->supervisor;
    if (!take_signals(daemon) || !rn_log_begin()) {
        return false;
    }
    rune_supervisor_set_log(supervisor, write_log, daemon->session);
    bool good = rune_server_new(supervisor, options, &daemon->server, error) == RUNE_OK;
    if (good) {
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        good = serve(daemon);
    }
    int why = errno;
    rune_server_free(daemon->server);
    rune_supervisor_set_log(supervisor, NULL, NULL);
    rn_log_end();
    errno = why;
    return good;
}

static int complain(struct rn_session *session, rune_error *error, int why)
{
    if (error != NULL) {
        return rn_console_take_error(&session->console, error);
    }
    rn_console_complain("%s", strerror(why));
    return rune_reason_exit_code(RUNE_REASON_INTERNAL, 0);
}

static int serve_with(struct rn_session *session, const rune_server_options *options)
{
    rune_error *error = NULL;
    struct daemon daemon = {.session = session};
    sigset_t before;
    if (!read_workers(session)) {
        return session->code;
    }
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!rn_session_start(session)) {
        return session->code;
    }
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    bool good = make_and_serve(&daemon, options, &error);
    int why = errno;
    // A complaint may wait for its reader: signals end that.
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good ? 0 : complain(session, error, why);
}

int rn_command_serve(struct rn_session *session)
{
    if (session->args->operand_count != 1) {
        return rn_command_misused(session);
    }
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    rune_server_options *options = read_options(session);
    if (options == NULL) {
        return session->code;
    }
    rune_limits *limits = rn_call_limits(session);
    session->limits = limits;
    int code = serve_with(session, options);
    session->limits = NULL;
    rune_limits_free(limits);
    rune_server_options_free(options);
    return code;
}
