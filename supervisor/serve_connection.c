/*
 * serve_connection.c: one client's socket: packets in, whole requests out of them, answers queued.
 *
 * Trust: reads packets of clients. A packet is decoded once, by rn_message_decode; what is not
 * permitted ends this connection, with a sentence that says what it was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/math.h"
#include "shm/fd.h"
#include "shm/transport.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/seldom.h"
#include "supervisor/serve.h"
#include "supervisor/supervisor.h"
#include "supervisor/wire.h"

/* Packets of one connection in one turn of the loop, and their bytes. */
#define PACKETS_MAX 16u
#define RECEIVE_BYTES_MAX ((size_t)32 << 10)
/* Bytes for one connection in one turn. */
#define FLUSH_BYTES_MAX (128u << 10)
/* Packets thrown away at a close; a socket holds about this many small ones. */
#define DISCARDED_MAX 512u

static void set_stalled(struct rn_serve_connection *connection, uint64_t since_ns)
{
    connection->server->stalled_count -= connection->stalled_ns != 0;
    connection->server->stalled_count += since_ns != 0;
    connection->stalled_ns = since_ns;
}

/* Opening and closing */

static void update_events(struct rn_serve_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    bool waits = connection->out != NULL;
    bool full = connection->out_bytes > RN_SERVE_OUT_HIGH;
    pthread_mutex_unlock(&connection->lock);
    bool reads = !connection->blocked && !connection->leaving && !full;
    uint32_t events = (reads ? EPOLLIN | EPOLLRDHUP : 0u) | (waits ? EPOLLOUT : 0u);
    if (connection->fd >= 0 && events != connection->events) {
        struct epoll_event event = {.events = events, .data.ptr = connection};
        if (epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) != 0) {
            // What is wanted next would never be seen: the end of it is, whatever was asked for.
            (void)shutdown(connection->fd, SHUT_RDWR);
        }
        connection->events = events;
    }
}

static void welcome(struct rn_serve_connection *connection)
{
    const struct rune_server *server = connection->server;
    uint64_t calls = server->limits[RUNE_PEER_CALLS];
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_WELCOME,
                                 .as.DAEMON_WELCOME = {.rights = connection->account->rights,
                                                       .calls_max = calls < RN_SERVE_CALLS_MAX
                                                                        ? (uint32_t)calls
                                                                        : RN_SERVE_CALLS_MAX}};
    (void)rn_serve_send(connection, &message, NULL, true);
}

void rn_serve_connection_open(struct rune_server *server, struct rn_serve_account *account, int fd,
                              uint32_t pid)
{
    struct rn_serve_connection *connection = rn_alloc(sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
    if (!connection || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        rn_free(connection);
        rn_fd_close(fd);
        rn_serve_leave_account(server, account);
        return;
    }
    connection->server = server;
    connection->account = account;
    connection->serial = ++server->next_serial;
    connection->fd = fd;
    connection->pid = pid;
    connection->events = event.events;
    connection->out_end = &connection->out;
    pthread_mutex_init(&connection->lock, NULL);
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
    pthread_mutex_lock(&server->lock);
    server->counts.accepted++;
    pthread_mutex_unlock(&server->lock);
    welcome(connection);
    update_events(connection);
}

static void free_out(struct rn_serve_connection *connection, struct rn_serve_out *out)
{
    connection->out_bytes -= out->size;
    atomic_fetch_sub(&connection->account->bytes, out->size);
    rn_free(out->body);
    rn_free(out);
}

static void drop_body(struct rn_serve_connection *connection)
{
    atomic_fetch_sub(&connection->account->bytes, connection->body_capacity);
    rn_free(RN_TAKE(connection->body));
    connection->body_capacity = 0;
    connection->body_size = 0;
    connection->assembling = false;
}

static void drop_out(struct rn_serve_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    while (connection->out) {
        struct rn_serve_out *out = connection->out;
        connection->out = out->next;
        free_out(connection, out);
    }
    connection->out_end = &connection->out;
    pthread_mutex_unlock(&connection->lock);
}

/* What is unread at a close makes the kernel tell the client of that instead of the goodbye. */
static void discard_input(const struct rn_serve_connection *connection)
{
    char byte;
    for (unsigned i = 0; i < DISCARDED_MAX; i++) {
        if (recv(connection->fd, &byte, 1, MSG_DONTWAIT) < 0) {
            return;
        }
    }
}

void rn_serve_connection_close(struct rn_serve_connection *connection)
{
    if (connection->fd < 0) {
        return;
    }
    if (connection->leaving) {
        discard_input(connection);
    }
    (void)epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    pthread_mutex_lock(&connection->lock);
    rn_fd_close(RN_TAKE_FD(connection->fd));
    pthread_mutex_unlock(&connection->lock);
    set_stalled(connection, 0);
    connection->server->closed_count++;
    drop_out(connection);
    drop_body(connection);
    rn_serve_cancel_all(connection);
    rn_serve_abandon_builds(connection);
}

static bool is_listed(struct rn_serve_connection *connection)
{
    pthread_mutex_lock(&connection->server->lock);
    bool listed = connection->is_unsent;
    pthread_mutex_unlock(&connection->server->lock);
    return listed;
}

bool rn_serve_connection_settle(struct rn_serve_connection *connection)
{
    if (connection->fd >= 0 || connection->calls || connection->jobs > 0) {
        return false;
    }
    // Nobody queues any more: what lists it now is flushed, to no effect, in the next turn.
    if (is_listed(connection)) {
        rn_serve_wake(connection->server);
        return false;
    }
    // Giving up Vms may take jobs of its own, after which this is asked again.
    rn_serve_drop_all(connection);
    if (connection->jobs > 0) {
        return false;
    }
    struct rune_server *server = connection->server;
    struct rn_serve_connection **at = &server->connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    server->connection_count--;
    server->closed_count--;
    drop_out(connection);
    rn_serve_leave_account(server, connection->account);
    pthread_mutex_destroy(&connection->lock);
    rn_free(connection);
    return true;
}

/* Sending */

/* Under the connection's lock. */
static bool has_room(const struct rn_serve_connection *connection, size_t size)
{
    uint64_t max = connection->server->limits[RUNE_PEER_BYTES];
    uint64_t held = atomic_load(&connection->account->bytes);
    return held <= max && size <= max - held;
}

bool rn_serve_hold(struct rn_serve_connection *connection, size_t size)
{
    uint64_t max = connection->server->limits[RUNE_PEER_BYTES];
    uint64_t held = atomic_load(&connection->account->bytes);
    while (held <= max && size <= max - held) {
        if (atomic_compare_exchange_weak(&connection->account->bytes, &held, held + size)) {
            return true;
        }
    }
    return false;
}

void rn_serve_unhold(struct rn_serve_connection *connection, size_t size)
{
    atomic_fetch_sub(&connection->account->bytes, size);
}

void rn_serve_starve(struct rn_serve_connection *connection)
{
    atomic_store(&connection->starved, true);
    rn_serve_flush_soon(connection);
    rn_serve_wake(connection->server);
}

bool rn_serve_send(struct rn_serve_connection *connection, const struct rn_message *message,
                   uint8_t *body, bool insist)
{
    struct rn_serve_out *out = rn_alloc(sizeof(*out));
    pthread_mutex_lock(&connection->lock);
    // What goes to a closed connection is as good as sent, and nothing comes after a goodbye.
    bool closed = connection->fd < 0 || connection->leaving;
    bool goes = out && !closed && (insist || has_room(connection, message->body_size));
    if (goes) {
        rn_outgoing_init(&out->outgoing, message);
        out->outgoing.message.body = body;
        out->body = body;
        out->size = message->body_size + sizeof(*out);
        connection->out_bytes += out->size;
        atomic_fetch_add(&connection->account->bytes, out->size);
        *connection->out_end = out;
        connection->out_end = &out->next;
    }
    pthread_mutex_unlock(&connection->lock);
    if (goes) {
        rn_serve_flush_soon(connection);
    } else if (!out && !closed && insist) {
        rn_serve_starve(connection);
    }
    if (!goes) {
        rn_free(body);
        rn_free(out);
    }
    return goes || closed;
}

/* Sends packets of the first message, as long as the bytes that are left suffice. WOULD_BLOCK, CLOSED. */
static enum rn_error send_first(struct rn_serve_connection *connection, size_t *left)
{
    uint8_t *packet = connection->server->packet_out;
    struct rn_serve_out *out = connection->out;
    for (;;) {
        size_t size = rn_outgoing_packet(&out->outgoing, connection->sequence_out, packet);
        if (size > *left) {
            return RN_E_WOULD_BLOCK;
        }
        RN_TRY(rn_transport_send(connection->fd, packet, size, RN_WAIT_NEVER));
        *left -= size;
        connection->sequence_out++;
        set_stalled(connection, 0);
        if (rn_outgoing_sent(&out->outgoing)) {
            return RN_OK;
        }
    }
}

/* Under the lock. */
static enum rn_error send_out(struct rn_serve_connection *connection)
{
    enum rn_error error = RN_OK;
    size_t left = FLUSH_BYTES_MAX;
    while (connection->out && error == RN_OK) {
        error = send_first(connection, &left);
        if (error == RN_OK) {
            struct rn_serve_out *out = connection->out;
            connection->out = out->next;
            if (!connection->out) {
                connection->out_end = &connection->out;
            }
            free_out(connection, out);
        }
    }
    return error;
}

void rn_serve_flush(struct rn_serve_connection *connection)
{
    if (connection->fd < 0) {
        return;
    }
    if (atomic_load(&connection->starved) && !connection->leaving) {
        rn_serve_goodbye(connection, RUNE_E_NO_MEMORY, "the daemon has no memory");
        return;
    }
    pthread_mutex_lock(&connection->lock);
    enum rn_error error = send_out(connection);
    bool empty = connection->out == NULL;
    pthread_mutex_unlock(&connection->lock);
    if (!empty && connection->stalled_ns == 0) {
        set_stalled(connection, rn_now_ns());
    }
    if ((error != RN_OK && error != RN_E_WOULD_BLOCK && error != RN_E_NO_MEMORY) ||
        (empty && connection->leaving)) {
        rn_serve_connection_close(connection);
        return;
    }
    update_events(connection);
}

void rn_serve_goodbye(struct rn_serve_connection *connection, rune_status status,
                      const char *sentence)
{
    size_t size = strlen(sentence);
    uint8_t *body = (uint8_t *)rn_strndup(sentence, size);
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_GOODBYE,
                                 .body_size = body ? size : 0,
                                 .as.DAEMON_GOODBYE = {.status = (uint32_t)-status}};
    if (connection->leaving || connection->fd < 0) {
        rn_free(body);
        return;
    }
    // Whatever else was to be said: a client that breaks the protocol gets this alone.
    drop_body(connection);
    rn_serve_cancel_all(connection);
    rn_serve_abandon_builds(connection);
    (void)rn_serve_send(connection, &message, body, true);
    pthread_mutex_lock(&connection->lock);
    connection->leaving = true;
    pthread_mutex_unlock(&connection->lock);
    rn_serve_flush(connection);
}

void rn_serve_unblock(struct rn_serve_connection *connection)
{
    connection->blocked--;
    update_events(connection);
}

void rn_serve_answer(struct rn_serve_connection *connection, uint64_t id, uint64_t value)
{
    struct rn_message message = {
        .type = RN_MESSAGE_DAEMON_ANSWER, .call = id, .as.DAEMON_ANSWER = {.value = value}};
    (void)rn_serve_send(connection, &message, NULL, true);
}

void rn_serve_answer_error(struct rn_serve_connection *connection, uint64_t id, rune_status status,
                           rune_error *error)
{
    struct rn_buf body;
    rn_buf_init(&body, RN_CLIENT_RECORD_MAX);
    if (!error) {
        (void)rn_fail_plain(&error, (enum rn_error)status);
    }
    rn_wire_put_error(&body, error, status);
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_ANSWER,
                                 .call = id,
                                 .body_size = body.size,
                                 .as.DAEMON_ANSWER = {.status = (uint32_t)-status}};
    rune_error_free(error);
    if (rn_buf_status(&body) != RN_OK) {
        rn_buf_done(&body);
        rn_serve_goodbye(connection, RUNE_E_NO_MEMORY, "the daemon has no memory");
        return;
    }
    (void)rn_serve_send(connection, &message, body.data, true);
}

/* Receiving */

/* Room for the announced body grows with what has come, so that a promise costs nothing. */
static enum rn_error grow_body(struct rn_serve_connection *connection, size_t size)
{
    size_t wanted = connection->body_size + size;
    if (wanted <= connection->body_capacity) {
        return RN_OK;
    }
    size_t capacity = rn_grown_size(connection->body_capacity, wanted, connection->head.body_total);
    size_t more = capacity - connection->body_capacity;
    if (!has_room(connection, more)) {
        return RN_E_OVERLOADED;
    }
    uint8_t *body = rn_realloc(connection->body, capacity);
    if (!body) {
        return RN_E_NO_MEMORY;
    }
    connection->body = body;
    connection->body_capacity = capacity;
    atomic_fetch_add(&connection->account->bytes, more);
    return RN_OK;
}

static enum rn_error assemble(struct rn_serve_connection *connection,
                              const struct rn_message *message)
{
    if (message->first == connection->assembling ||
        (connection->assembling &&
         (message->type != connection->head.type || message->call != connection->head.call))) {
        return RN_E_MESSAGE_STATE;
    }
    if (message->first) {
        connection->head = *message;
        connection->assembling = true;
    }
    size_t left = connection->head.body_total - connection->body_size;
    if (message->body_size > left || message->last != (message->body_size == left)) {
        return RN_E_MESSAGE_INVALID;
    }
    RN_TRY(grow_body(connection, message->body_size));
    memcpy(connection->body + connection->body_size, message->body, message->body_size);
    connection->body_size += message->body_size;
    return RN_OK;
}

static enum rn_error take_packet(struct rn_serve_connection *connection,
                                 struct rn_wire_message wire)
{
    struct rn_message message;
    RN_TRY(rn_message_decode(wire, RN_FROM_CLIENT, &message));
    if (message.sequence != connection->sequence_in) {
        return RN_E_MESSAGE_STATE;
    }
    connection->sequence_in++;
    if (message.first && message.last && !connection->assembling) {
        return rn_serve_request(connection, &message, message.body, message.body_size);
    }
    RN_TRY(assemble(connection, &message));
    if (!message.last) {
        return RN_OK;
    }
    // A request may close the connection, and with it what is being assembled.
    connection->request = RN_TAKE(connection->body);
    size_t size = connection->body_size;
    drop_body(connection);
    enum rn_error error =
        rn_serve_request(connection, &connection->head, connection->request, size);
    rn_free(RN_TAKE(connection->request));
    return error;
}

uint8_t *rn_serve_claim(struct rn_serve_connection *connection, const uint8_t *body, size_t size)
{
    bool assembled = connection->request && connection->request == body;
    return assembled ? RN_TAKE(connection->request)
                     : (uint8_t *)rn_strndup((const char *)body, size);
}

void rn_serve_fail(struct rn_serve_connection *connection, enum rn_error error)
{
    char sentence[160];
    struct rune_server *server = connection->server;
    bool own = error == RN_E_NO_MEMORY || error == RN_E_OVERLOADED;
    pthread_mutex_lock(&server->lock);
    server->counts.protocol_errors += !own;
    pthread_mutex_unlock(&server->lock);
    (void)snprintf(sentence, sizeof(sentence), "packet %u: %s", connection->sequence_in,
                   error == RN_E_OVERLOADED ? "more is held for this user than may be"
                                            : rn_error_message(error));
    rn_supervisor_log_seldom(
        server->supervisor, RN_SELDOM_ENDED, "serve: connection %llu of uid %u: %s",
        (unsigned long long)connection->serial, connection->account->uid, sentence);
    rn_serve_goodbye(connection, (rune_status)error, sentence);
}

/* True: there may be more, and what is left of the turn's bytes is not nothing. */
static bool receive_one(struct rn_serve_connection *connection, size_t *left)
{
    uint8_t *packet = connection->server->packet_in;
    struct rn_wire_message wire = {.bytes = packet};
    enum rn_error error = rn_transport_receive(connection->fd, packet, RN_WAIT_NEVER, &wire.size);
    if (error == RN_E_WOULD_BLOCK) {
        return false;
    }
    *left -= rn_min_size(wire.size, *left);
    if (error == RN_E_CLOSED || error == RN_E_SYSTEM) {
        // Half of a conversation is none: who does not write any more gets no answers.
        rn_serve_connection_close(connection);
        return false;
    }
    if (error == RN_OK) {
        error = take_packet(connection, wire);
    }
    if (error != RN_OK) {
        rn_serve_fail(connection, error);
        return false;
    }
    return *left > 0 && connection->fd >= 0 && !connection->blocked && !connection->leaving;
}

void rn_serve_connection_ready(struct rn_serve_connection *connection, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        rn_serve_connection_close(connection);
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) && !connection->blocked && !connection->leaving) {
        size_t left = RECEIVE_BYTES_MAX;
        for (unsigned i = 0; i < PACKETS_MAX && receive_one(connection, &left); i++) {
        }
    }
    rn_serve_flush(connection);
}
