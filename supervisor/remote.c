/*
 * remote.c: the connection to a daemon. Trust: see remote.h.
 */
#include "supervisor/remote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/utf8.h"
#include "shm/call_state.h"
#include "shm/fd.h"
#include "shm/transport.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/remote_host.h"
#include "supervisor/remote_state.h"
#include "supervisor/supervisor.h"
#include "supervisor/wake.h"
#include "supervisor/wire.h"

/* A sink that refused output is asked again after this many milliseconds. */
#define RETRY_MS 5
/* How long a daemon may take to say that it lets this client in. */
#define WELCOME_MS 10000
#define CLOSE_STEP_NS UINT64_C(50000000)
#define CANCEL_NS UINT64_C(1000000000)

/* The end */

rune_status rn_remote_unsupported(rune_error **error, const char *what)
{
    return rn_fail(error, RUNE_E_UNSUPPORTED, "%s not offered by a supervisor in a daemon", what);
}

rune_status rn_remote_fail(struct rn_remote *remote, rune_error **error)
{
    pthread_mutex_lock(&remote->lock);
    rune_status status = remote->why != RUNE_OK ? remote->why : RUNE_E_CLOSED;
    bool closed = remote->closing && !remote->dead;
    rn_fail_reason(error, status, RUNE_REASON_UNAVAILABLE, closed ? "closed" : "daemon_lost", "%s",
                   remote->why_text[0] ? remote->why_text
                   : closed            ? "the supervisor was closed"
                                       : "the daemon has gone");
    pthread_mutex_unlock(&remote->lock);
    return status;
}

static void set_why(struct rn_remote *remote, rune_status status, const char *text, size_t size)
{
    size_t keep = size < sizeof(remote->why_text) - 1 ? size : sizeof(remote->why_text) - 1;
    if (remote->why == RUNE_OK && rn_utf8_valid(text, keep, NULL)) {
        remote->why = status;
        memcpy(remote->why_text, text, keep);
        remote->why_text[keep] = 0;
    }
}

/* Every request ends. On the receiving thread, once. */
static void die(struct rn_remote *remote)
{
    struct rn_remote_request *orphans = NULL;
    pthread_mutex_lock(&remote->lock);
    remote->dead = true;
    struct rn_remote_request *request = RN_TAKE(remote->requests);
    while (request) {
        struct rn_remote_request *next = request->next;
        request->lost = !request->done;
        request->done = true;
        if (request->on_done) {
            request->next = orphans;
            orphans = request;
        } else {
            pthread_cond_signal(&request->changed);
        }
        request = next;
    }
    for (struct rn_remote_listener *at = remote->listeners; at; at = at->next) {
        rn_wake(at->event_fd);
    }
    pthread_mutex_unlock(&remote->lock);
    while (orphans) {
        struct rn_remote_request *next = orphans->next;
        orphans->on_done(orphans);
        orphans = next;
    }
}

void rn_remote_listen(struct rn_remote *remote, struct rn_remote_listener *listener)
{
    pthread_mutex_lock(&remote->lock);
    listener->next = remote->listeners;
    remote->listeners = listener;
    if (remote->dead) {
        rn_wake(listener->event_fd);
    }
    pthread_mutex_unlock(&remote->lock);
}

void rn_remote_unlisten(struct rn_remote *remote, const struct rn_remote_listener *listener)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_listener **at = &remote->listeners;
    while (*at && *at != listener) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = listener->next;
    }
    pthread_mutex_unlock(&remote->lock);
}

bool rn_remote_is_lost(struct rn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    bool lost = remote->dead;
    pthread_mutex_unlock(&remote->lock);
    return lost;
}

/* Requests */

void rn_remote_request_init(struct rn_remote_request *request)
{
    *request = (struct rn_remote_request){.next = NULL};
    request->events_end = &request->events;
    pthread_cond_init(&request->changed, NULL);
}

void rn_remote_event_free(struct rn_remote_event *event)
{
    rn_free(event->data);
    rn_free(event);
}

void rn_remote_request_done(struct rn_remote_request *request)
{
    while (request->events) {
        struct rn_remote_event *event = request->events;
        request->events = event->next;
        rn_remote_event_free(event);
    }
    rn_free(RN_TAKE(request->answer.body));
    pthread_cond_destroy(&request->changed);
}

/* Under the lock. */
static struct rn_remote_request **find(struct rn_remote *remote, uint64_t id)
{
    struct rn_remote_request **at = &remote->requests;
    while (*at && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

/* Under the lock: the request that the daemon may still speak of, or NULL. */
static struct rn_remote_request *find_open(struct rn_remote *remote, uint64_t id)
{
    struct rn_remote_request *request = *find(remote, id);
    return request && !request->done ? request : NULL;
}

/* Sending */

/* Under the send lock. WOULD_BLOCK: the rest is for later. */
static enum rn_error send_packets(struct rn_remote *remote, struct rn_outgoing *outgoing,
                                  enum rn_wait wait)
{
    bool more = true;
    while (more) {
        size_t size = rn_outgoing_packet(outgoing, remote->sequence_out, remote->packet_out);
        RN_TRY(rn_transport_send(remote->fd, remote->packet_out, size, wait));
        remote->sequence_out++;
        more = !rn_outgoing_sent(outgoing);
    }
    return RN_OK;
}

static struct rn_remote_out *first_out(struct rn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_out *out = remote->out;
    pthread_mutex_unlock(&remote->lock);
    return out;
}

static void drop_first_out(struct rn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_out *out = remote->out;
    remote->out = out->next;
    if (!remote->out) {
        remote->out_end = &remote->out;
    }
    pthread_mutex_unlock(&remote->lock);
    rn_free(out->body);
    rn_free(out);
}

/* Under the send lock: sends what was queued. */
static enum rn_error flush(struct rn_remote *remote, enum rn_wait wait)
{
    struct rn_remote_out *out;
    while ((out = first_out(remote)) != NULL) {
        RN_TRY(send_packets(remote, &out->outgoing, wait));
        drop_first_out(remote);
    }
    return RN_OK;
}

/* On the receiving thread. Whoever has the send lock looks at the queue after he has given it back. */
static enum rn_error try_flush(struct rn_remote *remote)
{
    enum rn_error error = RN_OK;
    if (first_out(remote) && pthread_mutex_trylock(&remote->send_lock) == 0) {
        error = flush(remote, RN_WAIT_NEVER);
        pthread_mutex_unlock(&remote->send_lock);
    }
    remote->out_waits = error == RN_E_WOULD_BLOCK;
    return remote->out_waits ? RN_OK : error;
}

/* Credit for a call that has some in the queue is added to that, so that the queue stays as short as
 * there are calls. The first in the queue may be on its way. */
static bool add_credit(struct rn_remote *remote, const struct rn_message *message)
{
    bool added = false;
    if (message->type != RN_MESSAGE_CLIENT_CREDIT) {
        return false;
    }
    pthread_mutex_lock(&remote->lock);
    for (struct rn_remote_out *out = remote->out ? remote->out->next : NULL; out && !added;
         out = out->next) {
        struct rn_message *queued = &out->outgoing.message;
        added = queued->type == RN_MESSAGE_CLIENT_CREDIT && queued->call == message->call;
        queued->as.CLIENT_CREDIT.packets += added ? message->as.CLIENT_CREDIT.packets : 0;
    }
    pthread_mutex_unlock(&remote->lock);
    return added;
}

static enum rn_error queue_message(struct rn_remote *remote, const struct rn_message *message)
{
    struct rn_remote_out *out = rn_alloc(sizeof(*out));
    const char *bytes = message->body_size > 0 ? (const char *)message->body : "";
    uint8_t *body = (uint8_t *)rn_strndup(bytes, message->body_size);
    if (!out || !body) {
        rn_free(out);
        rn_free(body);
        return RN_E_NO_MEMORY;
    }
    rn_outgoing_init(&out->outgoing, message);
    out->outgoing.message.body = body;
    out->body = body;
    pthread_mutex_lock(&remote->lock);
    *remote->out_end = out;
    remote->out_end = &out->next;
    pthread_mutex_unlock(&remote->lock);
    return RN_OK;
}

static enum rn_error send_later(struct rn_remote *remote, const struct rn_message *message)
{
    if (!add_credit(remote, message)) {
        RN_TRY(queue_message(remote, message));
    }
    return try_flush(remote);
}

static enum rn_error send_now(struct rn_remote *remote, const struct rn_message *message)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    pthread_mutex_lock(&remote->send_lock);
    enum rn_error error = flush(remote, RN_WAIT_ALLOWED);
    if (error == RN_OK) {
        error = send_packets(remote, &outgoing, RN_WAIT_ALLOWED);
    }
    pthread_mutex_unlock(&remote->send_lock);
    while (error == RN_OK && first_out(remote) && pthread_mutex_trylock(&remote->send_lock) == 0) {
        error = flush(remote, RN_WAIT_ALLOWED);
        pthread_mutex_unlock(&remote->send_lock);
    }
    return error;
}

uint64_t rn_remote_next_id(struct rn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    uint64_t id = ++remote->next_id;
    pthread_mutex_unlock(&remote->lock);
    return id;
}

enum rn_error rn_remote_enter(struct rn_remote *remote, struct rn_remote_request *request,
                              uint64_t id)
{
    pthread_mutex_lock(&remote->lock);
    bool refused = remote->dead || remote->closing;
    if (!refused) {
        request->id = id;
        if (request->hosts) {
            request->hosts->id = id;
        }
        request->next = remote->requests;
        remote->requests = request;
    }
    pthread_mutex_unlock(&remote->lock);
    return refused ? RN_E_CLOSED : RN_OK;
}

enum rn_error rn_remote_begin(struct rn_remote *remote, struct rn_remote_request *request,
                              struct rn_message *message)
{
    message->call = rn_remote_next_id(remote);
    RN_TRY(rn_remote_enter(remote, request, message->call));
    rn_remote_tell(remote, message);
    return RN_OK;
}

void rn_remote_tell(struct rn_remote *remote, struct rn_message *message)
{
    enum rn_error error =
        rn_remote_in_callback(remote) ? send_later(remote, message) : send_now(remote, message);
    // What cannot be sent ends with the connection, as the receiving thread finds out.
    if (error != RN_OK) {
        (void)shutdown(remote->fd, SHUT_RDWR);
    }
}

void rn_remote_cancel(struct rn_remote *remote, uint64_t id)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_CANCEL, .call = id};
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_request *request = *find(remote, id);
    if (request) {
        request->hurried = true;
    }
    pthread_mutex_unlock(&remote->lock);
    rn_remote_tell(remote, &message);
}

/* Under the lock. */
static struct rn_remote_event *pop(struct rn_remote_request *request)
{
    struct rn_remote_event *event = request->events;
    if (event) {
        request->events = event->next;
        if (!request->events) {
            request->events_end = &request->events;
        }
    }
    return event;
}

struct rn_remote_event *rn_remote_take_event(struct rn_remote *remote,
                                             struct rn_remote_request *request)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_event *event = pop(request);
    pthread_mutex_unlock(&remote->lock);
    return event;
}

bool rn_remote_is_done(struct rn_remote *remote, const struct rn_remote_request *request)
{
    pthread_mutex_lock(&remote->lock);
    bool done = request->done;
    pthread_mutex_unlock(&remote->lock);
    return done;
}

void rn_remote_put_back(struct rn_remote *remote, struct rn_remote_request *request,
                        struct rn_remote_event *event)
{
    pthread_mutex_lock(&remote->lock);
    event->next = request->events;
    request->events = event;
    if (!event->next) {
        request->events_end = &event->next;
    }
    pthread_mutex_unlock(&remote->lock);
}

struct rn_remote_event *rn_remote_wait(struct rn_remote *remote, struct rn_remote_request *request)
{
    pthread_mutex_lock(&remote->lock);
    while (!request->events && !request->done && !(request->stop && atomic_load(request->stop))) {
        pthread_cond_wait(&request->changed, &remote->lock);
    }
    struct rn_remote_event *event = pop(request);
    pthread_mutex_unlock(&remote->lock);
    return event;
}

void rn_remote_nudge(struct rn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    for (struct rn_remote_request *request = remote->requests; request; request = request->next) {
        if (request->stop) {
            pthread_cond_signal(&request->changed);
        }
    }
    pthread_mutex_unlock(&remote->lock);
}

bool rn_remote_abandon(struct rn_remote *remote, struct rn_remote_request *request,
                       bool (*on_events)(struct rn_remote_request *request),
                       void (*on_done)(struct rn_remote_request *request))
{
    pthread_mutex_lock(&remote->lock);
    bool out = !request->done && !request->events;
    if (out) {
        request->stop = NULL;
        request->on_events = on_events;
        request->on_done = on_done;
    }
    pthread_mutex_unlock(&remote->lock);
    return out;
}

rune_status rn_remote_may_wait(const struct rn_remote *remote, rune_error **error)
{
    return rn_remote_in_callback(remote)
               ? rn_fail(
                     error, RUNE_E_BUSY,
                     "a sink or callback of an execution may not wait for the daemon: its answer "
                     "comes on the same thread")
               : RUNE_OK;
}

/* Receiving */

/* Whether the request is one that host calls come for, and not too many. */
static bool takes_host_calls(const struct rn_remote_request *request)
{
    return request->hosts && atomic_fetch_add(&request->hosts->out, 1) < RN_HOST_CALLS_OUT_MAX;
}

/* To the request with this number, if it may come there; `event` is consumed. */
static enum rn_error hand_out(struct rn_remote *remote, uint64_t id, struct rn_remote_event *event)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_request *request = find_open(remote, id);
    bool goes =
        request && (event->type != RN_MESSAGE_DAEMON_HOST_CALL || takes_host_calls(request));
    if (goes) {
        *request->events_end = event;
        request->events_end = &event->next;
        pthread_cond_signal(&request->changed);
        remote->refused = remote->refused || request->on_events;
    }
    pthread_mutex_unlock(&remote->lock);
    if (!goes) {
        rn_remote_event_free(event);
        return RN_E_MESSAGE_STATE;
    }
    return RN_OK;
}

static enum rn_error add_event(struct rn_remote *remote, const struct rn_message *message)
{
    struct rn_remote_event *event = rn_alloc(sizeof(*event));
    uint8_t *data = (uint8_t *)rn_strndup((const char *)message->body, message->body_size);
    if (!event || !data) {
        rn_free(event);
        rn_free(data);
        return RN_E_NO_MEMORY;
    }
    *event = (struct rn_remote_event){.type = message->type};
    event->stream =
        message->type == RN_MESSAGE_DAEMON_OUTPUT ? message->as.DAEMON_OUTPUT.stream : 0;
    event->data = data;
    event->size = message->body_size;
    return hand_out(remote, message->call, event);
}

/* A host call; `body` is consumed. */
static enum rn_error add_host_call(struct rn_remote *remote, const struct rn_message *head,
                                   uint8_t *body, size_t size)
{
    struct rn_remote_event *event = rn_alloc(sizeof(*event));
    if (!event) {
        rn_free(body);
        return RN_E_NO_MEMORY;
    }
    *event = (struct rn_remote_event){.type = head->type,
                                      .number = head->as.DAEMON_HOST_CALL.number,
                                      .function = head->as.DAEMON_HOST_CALL.function,
                                      .data = body,
                                      .size = size};
    return hand_out(remote, head->call, event);
}

/* An answer or an end: the request is over. `body` is consumed. */
static enum rn_error finish(struct rn_remote *remote, const struct rn_message *head, uint8_t *body,
                            size_t size)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_request *request = find_open(remote, head->call);
    void (*on_done)(struct rn_remote_request *) = NULL;
    if (request) {
        // An execution whose output has not been taken yet ends in step_executions.
        bool later = request->on_events && request->events && !request->hurried;
        if (!later) {
            *find(remote, head->call) = request->next;
            on_done = request->on_done;
        }
        remote->refused = remote->refused || later;
        if (head->type == RN_MESSAGE_DAEMON_ANSWER) {
            request->answer.fields = head->as.DAEMON_ANSWER;
        } else {
            request->taken = head->as.DAEMON_END.taken != 0;
            request->kept =
                (struct rn_kept_name){head->as.DAEMON_END.function, head->as.DAEMON_END.epoch};
        }
        request->answer.body = body;
        request->answer.size = size;
        request->done = true;
        pthread_cond_signal(&request->changed);
    }
    pthread_mutex_unlock(&remote->lock);
    if (!request) {
        rn_free(body);
        return RN_E_MESSAGE_STATE;
    }
    if (on_done) {
        on_done(request);
    }
    return RN_OK;
}

/* Room for what is announced grows with what has come: a daemon's promise costs nothing. */
static enum rn_error grow_body(struct rn_remote *remote, size_t size)
{
    size_t wanted = remote->body_size + size + 1;
    if (remote->body && wanted <= remote->body_capacity) {
        return RN_OK;
    }
    size_t whole = (size_t)remote->head.body_total + 1;
    size_t capacity = rn_grown_size(remote->body_capacity, wanted, whole);
    uint8_t *body = rn_realloc(remote->body, capacity);
    if (!body) {
        return RN_E_NO_MEMORY;
    }
    remote->body = body;
    remote->body_capacity = capacity;
    return RN_OK;
}

static enum rn_error assemble(struct rn_remote *remote, const struct rn_message *message)
{
    if (message->first) {
        if (remote->assembling) {
            return RN_E_MESSAGE_STATE;
        }
        remote->head = *message;
        remote->body_size = 0;
        remote->body_capacity = 0;
        remote->assembling = true;
    }
    if (!remote->assembling || message->type != remote->head.type ||
        message->call != remote->head.call ||
        message->body_size > remote->head.body_total - remote->body_size ||
        message->last != (message->body_size == remote->head.body_total - remote->body_size)) {
        return RN_E_MESSAGE_INVALID;
    }
    RN_TRY(grow_body(remote, message->body_size));
    if (message->body_size > 0) {
        memcpy(remote->body + remote->body_size, message->body, message->body_size);
    }
    remote->body_size += message->body_size;
    remote->body[remote->body_size] = 0;
    if (!message->last) {
        return RN_OK;
    }
    remote->assembling = false;
    return remote->head.type == RN_MESSAGE_DAEMON_HOST_CALL
               ? add_host_call(remote, &remote->head, RN_TAKE(remote->body), remote->body_size)
               : finish(remote, &remote->head, RN_TAKE(remote->body), remote->body_size);
}

static enum rn_error handle(struct rn_remote *remote, const struct rn_message *message)
{
    switch ((uint32_t)message->type) {
    case RN_MESSAGE_DAEMON_ANSWER:
    case RN_MESSAGE_DAEMON_END:
    case RN_MESSAGE_DAEMON_HOST_CALL:
        return assemble(remote, message);
    case RN_MESSAGE_DAEMON_OUTPUT:
    case RN_MESSAGE_DAEMON_NEED:
        return message->first && message->last && !remote->assembling ? add_event(remote, message)
                                                                      : RN_E_MESSAGE_STATE;
    case RN_MESSAGE_DAEMON_GOODBYE: {
        uint32_t status = message->as.DAEMON_GOODBYE.status;
        pthread_mutex_lock(&remote->lock);
        set_why(remote, status > 0 && status <= 1000 ? (rune_status) - (int)status : RUNE_E_CLOSED,
                (const char *)message->body, message->body_size);
        pthread_mutex_unlock(&remote->lock);
        return RN_E_CLOSED;
    }
    default:
        return RN_E_MESSAGE_STATE;
    }
}

static enum rn_error receive(struct rn_remote *remote, struct rn_message *out_message)
{
    struct rn_wire_message wire = {.bytes = remote->packet_in};
    RN_TRY(rn_transport_receive(remote->fd, remote->packet_in, RN_WAIT_NEVER, &wire.size));
    RN_TRY(rn_message_decode(wire, RN_TO_CLIENT, out_message));
    return out_message->sequence == remote->sequence_in++ ? RN_OK : RN_E_MESSAGE_STATE;
}

/* Lets executions act on their output, and ends those that have no more of it to come. True: one of
 * them refused. The request stays in the list meanwhile, since only this thread ends it. */
static bool step_executions(struct rn_remote *remote)
{
    bool refused = false;
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_request *request = remote->requests;
    while (request) {
        if (request->on_events && request->events) {
            pthread_mutex_unlock(&remote->lock);
            refused = !request->on_events(request) || refused;
            pthread_mutex_lock(&remote->lock);
        }
        struct rn_remote_request *next = request->next;
        if (request->on_events && request->done && (!request->events || request->hurried)) {
            *find(remote, request->id) = next;
            pthread_mutex_unlock(&remote->lock);
            request->on_done(request);
            pthread_mutex_lock(&remote->lock);
        }
        request = next;
    }
    remote->refused = refused;
    pthread_mutex_unlock(&remote->lock);
    return refused;
}

/* A daemon that closes with packets of ours unread makes the kernel report a reset first, and what
 * it said before that afterwards. */
static void read_last_words(struct rn_remote *remote)
{
    struct rn_message message;
    while (receive(remote, &message) == RN_OK && handle(remote, &message) == RN_OK) {
    }
}

static void *serve(void *argument)
{
    struct rn_remote *remote = argument;
    enum rn_error error = RN_OK;
    bool refused = false;
    while (error == RN_OK || error == RN_E_WOULD_BLOCK) {
        short events = POLLIN | (remote->out_waits ? POLLOUT : 0);
        struct pollfd polled = {.fd = remote->fd, .events = events};
        (void)poll(&polled, 1, refused ? RETRY_MS : -1);
        if (remote->out_waits && try_flush(remote) != RN_OK) {
            (void)shutdown(remote->fd, SHUT_RDWR);
        }
        struct rn_message message;
        while ((error = receive(remote, &message)) == RN_OK &&
               (error = handle(remote, &message)) == RN_OK) {
        }
        pthread_mutex_lock(&remote->lock);
        bool news = remote->refused;
        pthread_mutex_unlock(&remote->lock);
        refused = news && step_executions(remote);
    }
    if (error == RN_E_CLOSED || error == RN_E_SYSTEM) {
        read_last_words(remote);
    }
    pthread_mutex_lock(&remote->lock);
    if (error != RN_E_CLOSED && error != RN_E_SYSTEM) {
        static const char text[] = "the daemon sent what is not permitted";
        set_why(remote, (rune_status)error, text, sizeof(text) - 1);
    }
    pthread_mutex_unlock(&remote->lock);
    (void)shutdown(remote->fd, SHUT_RDWR);
    die(remote);
    rn_remote_unref(remote);
    return NULL;
}

/* Connecting */

static rune_status open_socket(struct rn_remote *remote, const char *path, rune_error **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return rn_fail(error, RUNE_E_TOO_LARGE, "%s: the path of a socket has at most %zu bytes",
                       path, sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path));
    remote->fd = rn_fd_take_above_standard(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (remote->fd >= 0 &&
        connect(remote->fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        return RUNE_OK;
    }
    bool none = errno == ENOENT || errno == ENOTDIR;
    bool refused = errno == ECONNREFUSED || errno == EPROTOTYPE || errno == ENOTSOCK;
    bool denied = errno == EACCES || errno == EPERM;
    const char *what = none      ? "there is no daemon (`runeward serve` with --socket starts one)"
                       : refused ? "no daemon answers there"
                       : denied  ? "this user may not talk to the daemon"
                                 : strerrordesc_np(errno);
    return rn_fail_reason(error,
                          none      ? RUNE_E_NOT_FOUND
                          : refused ? RUNE_E_CLOSED
                          : denied  ? RUNE_E_DENIED
                                    : RUNE_E_SYSTEM,
                          denied ? RUNE_REASON_DENIED : RUNE_REASON_UNAVAILABLE, "no_daemon",
                          "%s: %s", path, what);
}

/* The first packet says whether the daemon lets this client in. */
static rune_status await_welcome(struct rn_remote *remote, const char *path, rune_error **error)
{
    struct pollfd polled = {.fd = remote->fd, .events = POLLIN};
    struct rn_message message;
    int ready;
    do {
        ready = poll(&polled, 1, WELCOME_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    enum rn_error failed = ready > 0 ? receive(remote, &message) : RN_E_TIMED_OUT;
    if (failed == RN_OK && message.type == RN_MESSAGE_DAEMON_WELCOME) {
        remote->rights = message.as.DAEMON_WELCOME.rights;
        return RUNE_OK;
    }
    if (failed == RN_OK && message.type == RN_MESSAGE_DAEMON_GOODBYE) {
        (void)!handle(remote, &message);
        bool denied = remote->why == RUNE_E_DENIED;
        return rn_fail_reason(error, remote->why,
                              denied                             ? RUNE_REASON_DENIED
                              : remote->why == RUNE_E_OVERLOADED ? RUNE_REASON_OVERLOADED
                                                                 : RUNE_REASON_UNAVAILABLE,
                              denied ? "denied" : "refused", "%s: %s", path, remote->why_text);
    }
    return rn_fail_reason(error, RUNE_E_CLOSED, RUNE_REASON_UNAVAILABLE, "no_daemon",
                          "%s: what answers there is no runeward daemon", path);
}

static enum rn_error start_thread(struct rn_remote *remote)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&remote->thread, NULL, serve, rn_remote_ref(remote));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    remote->has_thread = failed == 0;
    if (failed) {
        rn_remote_unref(remote);
    }
    errno = failed;
    return remote->has_thread ? RN_OK : RN_E_SYSTEM;
}

enum rn_error rn_remote_new(const char *path, struct rn_remote **out_remote, rune_error **error)
{
    struct rn_remote *remote = rn_alloc(sizeof(*remote));
    if (!remote) {
        return (enum rn_error)rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    atomic_init(&remote->refs, 1);
    remote->fd = -1;
    remote->out_end = &remote->out;
    pthread_mutex_init(&remote->lock, NULL);
    pthread_mutex_init(&remote->send_lock, NULL);
    rune_status status = open_socket(remote, path, error);
    if (status == RUNE_OK) {
        status = await_welcome(remote, path, error);
    }
    if (status == RUNE_OK && start_thread(remote) != RN_OK) {
        status = rn_fail_plain(error, RN_E_SYSTEM);
    }
    if (status != RUNE_OK) {
        rn_remote_free(remote);
        return (enum rn_error)status;
    }
    *out_remote = remote;
    return RN_OK;
}

void rn_remote_free(struct rn_remote *remote)
{
    if (!remote) {
        return;
    }
    if (remote->has_thread) {
        (void)shutdown(remote->fd, SHUT_RDWR);
        // The last handle may go in a callback of this thread, which then ends by itself.
        if (rn_remote_in_callback(remote)) {
            pthread_detach(remote->thread);
        } else {
            pthread_join(remote->thread, NULL);
        }
    }
    rn_remote_unref(remote);
}

struct rn_remote *rn_remote_ref(struct rn_remote *remote)
{
    atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
    return remote;
}

void rn_remote_unref(struct rn_remote *remote)
{
    if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    while (remote->out) {
        drop_first_out(remote);
    }
    rn_fd_close(remote->fd);
    rn_free(remote->body);
    pthread_mutex_destroy(&remote->lock);
    pthread_mutex_destroy(&remote->send_lock);
    rn_free(remote);
}

static bool wait_idle(struct rn_remote *remote, uint64_t until_ns)
{
    struct timespec step = {.tv_nsec = (long)(CLOSE_STEP_NS / 50)};
    for (;;) {
        pthread_mutex_lock(&remote->lock);
        bool idle = remote->requests == NULL && atomic_load(&remote->calling) == 0;
        pthread_mutex_unlock(&remote->lock);
        if (idle || rn_now_ns() >= until_ns) {
            return idle;
        }
        (void)nanosleep(&step, NULL);
    }
}

bool rn_remote_in_callback(const struct rn_remote *remote)
{
    return remote->has_thread && pthread_equal(remote->thread, pthread_self());
}

rune_status rn_remote_close(struct rn_remote *remote, uint64_t deadline_ns)
{
    pthread_mutex_lock(&remote->lock);
    remote->closing = true;
    pthread_mutex_unlock(&remote->lock);
    if (wait_idle(remote, rn_after_ns(rn_now_ns(), deadline_ns))) {
        return RUNE_OK;
    }
    (void)shutdown(remote->fd, SHUT_RDWR);
    (void)wait_idle(remote, rn_after_ns(rn_now_ns(), CANCEL_NS));
    return RUNE_E_TIMED_OUT;
}
