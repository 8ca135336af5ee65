/*
 * peer_send.c: sending to a worker without ever waiting.
 *
 * What does not fit the socket is copied into the queue; whoever receives, or the runner, goes on with it
 * when the socket has room, and with what waits in the lane's parcel. Order: the parcel goes first; the queue
 * is first in, first out; CREDIT and CANCEL overtake it, but not the CALL that they are about.
 */
#include "supervisor/peer.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/runner.h"
#include "supervisor/supervisor.h"

/* Packets that may wait for the worker's being woken. */
#define SILENT_MAX 16u

/* The counter of the message's call, or of the peer; NULL if the call is over. */
static uint32_t *sequence_of(struct rn_peer *peer, uint64_t id)
{
    if (id == 0) {
        return &peer->sequence_out;
    }
    struct rn_call *call = rn_slots_at(&peer->slots, (uint32_t)(id % RN_SLOTS_MAX));
    return call && call->id == id ? &call->sequence_out : NULL;
}

/* It sends on what waits for room. */
static void ask_runner(struct rn_peer *peer)
{
    struct rn_runner *runner = rn_supervisor_runner(peer->supervisor);
    if (runner) {
        rn_runner_watch(runner, peer, peer->async_count > 0 && !peer->receiving, true);
    }
}

/* What came of sending: OK, WOULD_BLOCK or CLOSED. A worker that has not got what everybody takes for sent is
 * of no use any more, if it lives. */
static enum rn_error judge(struct rn_peer *peer, enum rn_error error)
{
    if (error == RN_OK) {
        return RN_OK;
    }
    if (error == RN_E_WOULD_BLOCK || error == RN_E_NO_MEMORY) {
        return RN_E_WOULD_BLOCK;
    }
    if (peer->lane.lost) {
        rn_child_kill(&peer->child);
    }
    return RN_E_CLOSED;
}

void rn_peer_ring(struct rn_peer *peer)
{
    bool wake; // a worker never sleeps on its socket
    enum rn_error error = rn_lane_ring(&peer->lane, RN_WAIT_NEVER, &wake);
    if (judge(peer, error) == RN_E_WOULD_BLOCK) {
        ask_runner(peer);
    }
}

bool rn_peer_has_unsent(const struct rn_peer *peer)
{
    return peer->queue || peer->lane.stuck;
}

/* What is in `packet_out`. */
static enum rn_error send_packet(struct rn_peer *peer, size_t size, int fd)
{
    bool wake;
    if (fd >= 0) {
        return rn_lane_send_fd(&peer->lane, peer->packet_out, size, fd, RN_WAIT_NEVER);
    }
    return peer->hushed ? rn_lane_send_silently(&peer->lane, peer->packet_out, size, RN_WAIT_NEVER)
                        : rn_lane_send(&peer->lane, peer->packet_out, size, RN_WAIT_NEVER, &wake);
}

/* Sends packets while they fit, numbered from *left on if the call is over. WOULD_BLOCK: some are left.
 * CLOSED: they can never go. */
static enum rn_error send_some(struct rn_peer *peer, struct rn_outgoing *outgoing, int fd,
                               uint32_t *left)
{
    uint32_t *sequence = sequence_of(peer, outgoing->message.call);
    if (!sequence && outgoing->started) {
        sequence = left; // the worker takes nothing else before the rest
    }
    if (!sequence || peer->dead) {
        return RN_E_CLOSED;
    }
    for (;;) {
        size_t size = rn_outgoing_packet(outgoing, *sequence, peer->packet_out);
        enum rn_error error = judge(peer, send_packet(peer, size, outgoing->started ? -1 : fd));
        if (!peer->hushed || rn_lane_is_silent_for_long(&peer->lane, SILENT_MAX)) {
            rn_peer_ring(peer);
        }
        RN_TRY(error);
        (*sequence)++;
        if (rn_outgoing_sent(outgoing)) {
            return RN_OK;
        }
    }
}

static void free_queued(struct rn_queued *queued)
{
    rn_fd_close(queued->fd);
    rn_free(queued->body);
    rn_free(queued);
}

static struct rn_queued *make_queued(const struct rn_outgoing *outgoing, int fd)
{
    struct rn_queued *queued = rn_alloc(sizeof(*queued));
    if (!queued) {
        return NULL;
    }
    queued->outgoing = *outgoing;
    queued->fd = -1;
    size_t size = outgoing->message.body_size;
    if (size > 0) {
        queued->body = (uint8_t *)rn_strndup((const char *)outgoing->message.body, size);
        queued->outgoing.message.body = queued->body;
    }
    if (fd >= 0 && !outgoing->started) {
        queued->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    if ((size > 0 && !queued->body) || (fd >= 0 && !outgoing->started && queued->fd < 0)) {
        free_queued(queued);
        return NULL;
    }
    return queued;
}

enum rn_error rn_peer_send(struct rn_peer *peer, const struct rn_message *message, int fd)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    if (!peer->queue) {
        enum rn_error error = send_some(peer, &outgoing, fd, NULL);
        if (error != RN_E_WOULD_BLOCK) {
            return error;
        }
    }
    struct rn_queued *queued = make_queued(&outgoing, fd);
    if (!queued) {
        // Half a message cannot be taken back.
        if (outgoing.started) {
            rn_child_kill(&peer->child);
        }
        return RN_E_NO_MEMORY;
    }
    *peer->queue_end = queued;
    peer->queue_end = &queued->next;
    ask_runner(peer);
    return RN_OK;
}

void rn_peer_send_urgent(struct rn_peer *peer, const struct rn_message *message)
{
    struct rn_outgoing outgoing;
    const uint32_t *sequence = sequence_of(peer, message->call);
    if (sequence && *sequence == 0) {
        // Its CALL is in the queue.
        if (rn_peer_send(peer, message, -1) == RN_E_NO_MEMORY) {
            rn_child_kill(&peer->child);
        }
        return;
    }
    rn_outgoing_init(&outgoing, message);
    if (send_some(peer, &outgoing, -1, NULL) != RN_E_WOULD_BLOCK) {
        return;
    }
    struct rn_queued *queued = make_queued(&outgoing, -1);
    if (!queued) {
        rn_child_kill(&peer->child);
        return;
    }
    queued->next = peer->queue;
    peer->queue = queued;
    if (!queued->next) {
        peer->queue_end = &queued->next;
    }
    ask_runner(peer);
}

void rn_peer_flush(struct rn_peer *peer)
{
    struct rn_queued *queued;
    if (peer->lane.stuck) {
        rn_peer_ring(peer);
    }
    while (!peer->lane.stuck && (queued = peer->queue) != NULL &&
           send_some(peer, &queued->outgoing, queued->fd, &queued->sequence) != RN_E_WOULD_BLOCK) {
        peer->queue = queued->next;
        if (!peer->queue) {
            peer->queue_end = &peer->queue;
        }
        free_queued(queued);
    }
}

void rn_peer_send_on(struct rn_peer *peer, const struct rn_call *call)
{
    for (struct rn_queued *queued = peer->queue; queued; queued = queued->next) {
        if (queued->outgoing.started && queued->outgoing.message.call == call->id) {
            queued->sequence = call->sequence_out;
        }
    }
}
