/* serve.c: options of the daemon, its loop, its end. See serve.h. */
#include "supervisor/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/build.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"
#include "supervisor/text.h"
#include "supervisor/wake.h"
#include "supervisor/watch_state.h"

#define EVENTS_MAX 64
/* What was cancelled at the end of a drain gets this long to end. */
#define CANCEL_NS UINT64_C(2000000000)
#define TICK_NS UINT64_C(1000000000)
#define DRAIN_DEFAULT_NS UINT64_C(10000000000)

/* Options */

rune_server_options *rune_server_options_new(void)
{
    rune_server_options *options = rn_alloc(sizeof(*options));
    if (options) {
        options->listener = -1;
        options->drain_ns = DRAIN_DEFAULT_NS;
        options->limits[RUNE_PEER_CONNECTIONS] = 128;
        options->limits[RUNE_PEER_CALLS] = 1024;
        options->limits[RUNE_PEER_BYTES] = UINT64_C(64) << 20;
        options->limits[RUNE_PEER_DOMAINS] = 16;
        options->limits[RUNE_PEER_FUNCTIONS] = 16384;
    }
    return options;
}

static rune_status set_text(char **text, const char *value)
{
    char *copy = rn_strndup(value, strlen(value));
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    rn_free(*text);
    *text = copy;
    return RUNE_OK;
}

rune_status rune_server_options_set_directory(rune_server_options *options, const char *directory)
{
    return options && directory ? set_text(&options->directory, directory)
                                : RUNE_E_INVALID_ARGUMENT;
}

rune_status rune_server_options_set_socket(rune_server_options *options, const char *path)
{
    return options && path ? set_text(&options->socket, path) : RUNE_E_INVALID_ARGUMENT;
}

void rune_server_options_set_listener(rune_server_options *options, int fd)
{
    if (options) {
        options->listener = fd;
    }
}

rune_status rune_server_options_allow(rune_server_options *options, uint32_t uid, unsigned rights)
{
    if (!options || uid == RN_SERVE_UID_NEVER || uid == UINT32_MAX ||
        (rights & ~RUNE_RIGHT_ALL) != 0 || options->allowed_count == RN_SERVE_ALLOWED_MAX) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    options->allowed[options->allowed_count++] = (struct rn_serve_allowed){uid, rights};
    return RUNE_OK;
}

rune_status rune_server_options_set_peer_limit(rune_server_options *options, rune_peer_limit limit,
                                               uint64_t value)
{
    if (!options || (unsigned)limit >= RUNE_PEER_LIMIT_COUNT || value == 0) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    options->limits[limit] = value;
    return RUNE_OK;
}

void rune_server_options_set_context(rune_server_options *options, const rune_context *context)
{
    if (options) {
        options->context = context;
    }
}

void rune_server_options_set_drain(rune_server_options *options, uint64_t deadline_ns)
{
    if (options) {
        options->drain_ns = deadline_ns;
    }
}

rune_status rune_server_options_set_build(rune_server_options *options, const rune_options *build)
{
    if (!options || !build) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    rune_options *copy = rn_options_copy(build);
    if (!copy) {
        return RUNE_E_NO_MEMORY;
    }
    rune_options_free(options->build);
    options->build = copy;
    return RUNE_OK;
}

void rune_server_options_free(rune_server_options *options)
{
    if (options) {
        rn_free(options->directory);
        rn_free(options->socket);
        rune_options_free(options->build);
        rn_free(options);
    }
}

/* Notes */

void rn_serve_wake(struct rune_server *server)
{
    if (!atomic_exchange(&server->woken, true)) {
        rn_wake(server->event_fd);
    }
}

void rn_serve_flush_soon(struct rn_serve_connection *connection)
{
    struct rune_server *server = connection->server;
    pthread_mutex_lock(&server->lock);
    if (!connection->is_unsent) {
        connection->is_unsent = true;
        connection->unsent_next = NULL;
        *server->unsent_end = connection;
        server->unsent_end = &connection->unsent_next;
    }
    pthread_mutex_unlock(&server->lock);
}

void rn_serve_post(struct rune_server *server, struct rn_serve_note *note)
{
    note->next = NULL;
    pthread_mutex_lock(&server->lock);
    *server->notes_end = note;
    server->notes_end = &note->next;
    pthread_mutex_unlock(&server->lock);
    rn_serve_wake(server);
}

static struct rn_serve_note *take_notes(struct rune_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct rn_serve_note *first = server->notes;
    server->notes = NULL;
    server->notes_end = &server->notes;
    pthread_mutex_unlock(&server->lock);
    return first;
}

static void read_notes(struct rune_server *server)
{
    struct rn_serve_note *note = take_notes(server);
    while (note) {
        struct rn_serve_note *next = note->next;
        note->done(note);
        note = next;
    }
}

/* Making */

/* Says where it does not compile, or what else kept it from being built. */
static void log_broken(struct rune_server *server, const rune_change *change)
{
    rune_diagnostic first;
    size_t count = change->diagnostics ? rune_diagnostics_count(change->diagnostics) : 0;
    for (size_t i = 0; i < count; i++) {
        if (rune_diagnostics_at(change->diagnostics, i, &first) &&
            first.severity == RUNE_SEVERITY_ERROR) {
            rn_supervisor_log(server->supervisor, 1, "serve: %s: does not compile: %s:%u:%u: %s",
                              change->name, first.source, first.line, first.column, first.message);
            return;
        }
    }
    rn_supervisor_log(server->supervisor, 1, "serve: %s: was not built: %s", change->name,
                      change->error ? rune_error_message(change->error) : "no memory");
}

static void on_broken_at_start(void *user, const rune_change *change)
{
    log_broken(user, change);
}

static void on_change(void *user, const rune_change *change)
{
    struct rune_server *server = user;
    if (change->kind == RUNE_CHANGE_BROKEN) {
        log_broken(server, change);
    } else {
        rn_supervisor_log(server->supervisor, 0, "serve: %s: %s", change->name,
                          change->kind == RUNE_CHANGE_LOADED ? "loaded" : "gone");
    }
    pthread_mutex_lock(&server->lock);
    server->counts.reloads += change->kind == RUNE_CHANGE_LOADED;
    server->counts.broken += change->kind == RUNE_CHANGE_BROKEN;
    pthread_mutex_unlock(&server->lock);
}

static rune_status start_watch(struct rune_server *server, const rune_server_options *options,
                               rune_error **error)
{
    rune_watch_options *watch = rune_watch_options_new();
    rune_status status =
        watch ? rune_watch_options_set_build(watch, server->build) : RUNE_E_NO_MEMORY;
    if (status == RUNE_OK) {
        rune_watch_options_set_context(watch, server->context);
        rn_watch_options_set_broken(watch, on_broken_at_start, server);
        status =
            rune_watch_new(server->supervisor, options->directory, watch, &server->watch, error);
    } else {
        status = rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_watch_options_free(watch);
    if (status == RUNE_OK) {
        rune_watch_on_change(server->watch, on_change, server);
    }
    return status;
}

static enum rn_error open_fds(struct rune_server *server)
{
    server->epoll_fd = rn_fd_take_above_standard(epoll_create1(EPOLL_CLOEXEC));
    server->event_fd = rn_fd_take_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->event_fd};
    if (server->epoll_fd < 0 || server->event_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->event_fd, &event) != 0) {
        return RN_E_SYSTEM;
    }
    return RN_OK;
}

static void init_server(struct rune_server *server, rune_supervisor *supervisor,
                        const rune_server_options *options)
{
    pthread_mutex_init(&server->lock, NULL);
    for (int lane = 0; lane < RN_SERVE_LANES; lane++) {
        server->queues[lane].last = &server->queues[lane].first;
        pthread_cond_init(&server->queues[lane].work, NULL);
    }
    rn_supervisor_ref(supervisor);
    server->supervisor = supervisor;
    server->context = options->context;
    server->listen_fd = -1;
    server->spare_fd = -1;
    server->epoll_fd = -1;
    server->event_fd = -1;
    server->notes_end = &server->notes;
    server->unsent_end = &server->unsent;
    server->begun_ns = rn_now_ns();
    server->allowed_count = options->allowed_count;
    memcpy(server->allowed, options->allowed, sizeof(server->allowed));
    memcpy(server->limits, options->limits, sizeof(server->limits));
    server->drain_ns = options->drain_ns;
    atomic_init(&server->drain_until_ns, RN_NEVER_NS);
}

static rune_status start(struct rune_server *server, const rune_server_options *options,
                         rune_error **error)
{
    server->build = rn_options_copy(options->build);
    enum rn_error failed = server->build ? open_fds(server) : RN_E_NO_MEMORY;
    if (failed == RN_OK && server->context) {
        failed = (enum rn_error)rune_context_runtime(server->context, &server->runtime, NULL);
    }
    if (failed == RN_OK) {
        failed = rn_serve_jobs_start(server);
    }
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    rune_status status = rn_build_check_cache(server->build, error);
    if (status == RUNE_OK && options->directory) {
        status = start_watch(server, options, error);
    }
    return status == RUNE_OK ? rn_serve_listen(server, options, error) : status;
}

rune_status rune_server_new(rune_supervisor *supervisor, const rune_server_options *options,
                            rune_server **out_server, rune_error **error)
{
    if (!supervisor || !options) {
        return rn_fail_null(error, supervisor ? "options" : "supervisor");
    }
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (supervisor->remote) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "a daemon cannot serve through another daemon");
    }
    if (supervisor->options.external_loop) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "a server needs a supervisor with its own loop");
    }
    rune_server *server = rn_alloc(sizeof(*server));
    if (!server) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    init_server(server, supervisor, options);
    rune_status status = start(server, options, error);
    if (status != RUNE_OK) {
        rune_server_free(server);
        return status;
    }
    *out_server = server;
    return RUNE_OK;
}

void rune_server_free(rune_server *server)
{
    if (!server || rn_supervisor_is_forked(server->supervisor)) {
        return;
    }
    RN_CHECK(!server->connections);
    rune_watch_free(server->watch);
    rn_serve_jobs_stop(server);
    rn_serve_stop_listening(server);
    rn_fd_close(server->epoll_fd);
    rn_fd_close(server->event_fd);
    rune_runtime_unref(server->runtime);
    rune_options_free(server->build);
    for (int lane = 0; lane < RN_SERVE_LANES; lane++) {
        pthread_cond_destroy(&server->queues[lane].work);
    }
    pthread_mutex_destroy(&server->lock);
    rune_supervisor *supervisor = server->supervisor;
    rn_free(server);
    rune_supervisor_free(supervisor);
}

/* The loop */

/* Who took nothing for too long goes. */
static void close_stalled(struct rune_server *server, uint64_t now_ns)
{
    struct rn_serve_connection *at = server->stalled_count > 0 ? server->connections : NULL;
    for (; at; at = at->next) {
        if (at->stalled_ns != 0 && now_ns >= rn_after_ns(at->stalled_ns, RN_SERVE_STALL_NS)) {
            pthread_mutex_lock(&server->lock);
            server->counts.stalled++;
            pthread_mutex_unlock(&server->lock);
            rn_serve_connection_close(at);
        }
    }
}

static void listen_or_pause(struct rune_server *server, bool listens)
{
    struct epoll_event event = {.events = listens ? EPOLLIN : 0, .data.ptr = &server->listen_fd};
    if (server->listen_fd >= 0) {
        (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->listen_fd, &event);
    }
}

static void settle_all(struct rune_server *server)
{
    struct rn_serve_connection *next;
    struct rn_serve_connection *at = server->closed_count > 0 ? server->connections : NULL;
    for (; at; at = next) {
        next = at->next;
        (void)rn_serve_connection_settle(at);
    }
}

/* True: nothing runs and nothing waits to be sent. */
static bool is_idle(const struct rune_server *server)
{
    for (const struct rn_serve_connection *at = server->connections; at; at = at->next) {
        if (at->calls || at->jobs > 0 || at->builds) {
            return false;
        }
    }
    return server->stalled_count == 0;
}

static void say_goodbye(struct rune_server *server)
{
    for (struct rn_serve_connection *at = server->connections; at; at = at->next) {
        rn_serve_goodbye(at, RUNE_E_CLOSED, "the daemon ends");
    }
}

/* The end comes when everything is done, or at the deadline; true: now. */
static bool drain(struct rune_server *server, uint64_t now_ns)
{
    if (!atomic_load(&server->draining)) {
        return false;
    }
    if (!server->drained) {
        server->drained = true;
        rn_serve_stop_listening(server);
    }
    uint64_t until = atomic_load(&server->drain_until_ns);
    if (is_idle(server) || now_ns >= until) {
        say_goodbye(server);
    }
    if (now_ns >= rn_after_ns(until, CANCEL_NS)) {
        for (struct rn_serve_connection *at = server->connections; at; at = at->next) {
            rn_serve_connection_close(at);
        }
    }
    return server->connections == NULL;
}

/* At the latest `at`. */
static int timeout_ms(const struct rune_server *server, uint64_t now_ns, uint64_t at)
{
    uint64_t tick = server->stalled_count > 0 ? rn_after_ns(now_ns, TICK_NS) : RN_NEVER_NS;
    at = tick < at ? tick : at;
    if (server->accept_ns != 0 && server->accept_ns < at) {
        at = server->accept_ns;
    }
    if (atomic_load(&server->draining)) {
        uint64_t step = rn_after_ns(now_ns, TICK_NS / 20);
        at = step < at ? step : at;
    }
    if (at == RN_NEVER_NS) {
        return -1;
    }
    return at > now_ns ? (int)((at - now_ns) / 1000000) + 1 : 0;
}

/* What is left for the loop from here on wakes it again. */
static void drain_event(struct rune_server *server)
{
    rn_wake_clear(server->event_fd);
    atomic_store(&server->woken, false);
    read_notes(server);
}

/* The first of them, off the list; NULL: none. */
static struct rn_serve_connection *take_unsent(struct rune_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct rn_serve_connection *connection = server->unsent;
    if (connection) {
        server->unsent = connection->unsent_next;
        if (!server->unsent) {
            server->unsent_end = &server->unsent;
        }
        connection->is_unsent = false;
    }
    pthread_mutex_unlock(&server->lock);
    return connection;
}

/* Each of them once: for what other threads queue meanwhile they wake the loop. */
static void flush_unsent(struct rune_server *server)
{
    struct rn_serve_connection *connection;
    for (uint32_t left = server->connection_count;
         left > 0 && (connection = take_unsent(server)) != NULL; left--) {
        rn_serve_flush(connection);
    }
}

static void turn(struct rune_server *server)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t begun_ns = rn_now_ns();
    uint64_t rest_ns = rn_supervisor_log_rest(server->supervisor, begun_ns);
    int count =
        epoll_wait(server->epoll_fd, events, EVENTS_MAX, timeout_ms(server, begun_ns, rest_ns));
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &server->event_fd) {
            drain_event(server);
        } else if (events[i].data.ptr == &server->listen_fd) {
            rn_serve_accept(server);
        } else {
            rn_serve_connection_ready(events[i].data.ptr, events[i].events);
        }
    }
    uint64_t now_ns = rn_now_ns();
    if (server->accept_ns != 0) {
        bool over = now_ns >= server->accept_ns;
        server->accept_ns = over ? 0 : server->accept_ns;
        listen_or_pause(server, over);
    }
    close_stalled(server, now_ns);
    flush_unsent(server);
    // Memory goes only here, after every event of this turn has been looked at.
    settle_all(server);
}

void rune_server_run(rune_server *server)
{
    while (!drain(server, rn_now_ns())) {
        turn(server);
    }
    (void)rn_supervisor_log_rest(server->supervisor, RN_NEVER_NS);
}

void rune_server_drain(rune_server *server, uint64_t deadline_ns)
{
    bool is_own = deadline_ns == RUNE_DRAIN_DEFAULT;
    uint64_t until = rn_after_ns(rn_now_ns(), is_own ? server->drain_ns : deadline_ns);
    uint64_t before = atomic_load(&server->drain_until_ns);
    while (until < before &&
           !atomic_compare_exchange_weak(&server->drain_until_ns, &before, until)) {
    }
    atomic_store(&server->draining, true);
    rn_serve_wake(server);
}

void rune_server_reload(rune_server *server)
{
    if (server->watch) {
        rune_watch_reload(server->watch);
    }
}

rune_status rune_server_metrics(rune_server *server, rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, 1u << 20);
    rune_status status = rn_serve_report(server, 2, &out, NULL);
    return status == RUNE_OK ? rn_text_take(&out, out_text) : status;
}
