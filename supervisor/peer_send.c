/*
 * peer_send.c: sending to a worker without ever waiting.
 *
 * What does not fit the socket is copied into the queue; whoever receives, or the runner, goes on with it
 * when the socket has room, and with what waits in the lane's parcel. Order: the parcel goes first; the queue
 * is first in, first out; CREDIT and CANCEL overtake it, but not the CALL that they are about. Credit for a call
 * that has some in the queue is added to that; P8.
 */
#include "supervisor/peer.h"

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
    return peer->queue.first || peer->lane.stuck;
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

enum rn_error rn_peer_send(struct rn_peer *peer, const struct rn_message *message, int fd)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    if (!peer->queue.first) {
        enum rn_error error = send_some(peer, &outgoing, fd, NULL);
        if (error != RN_E_WOULD_BLOCK) {
            return error;
        }
    }
    enum rn_error error = rn_peer_queue_append(&peer->queue, &outgoing, fd);
    if (error == RN_OK) {
        ask_runner(peer);
    } else if (outgoing.started) {
        rn_child_kill(&peer->child); // half a message cannot be taken back
    }
    return error;
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
    if (message->type == RN_MESSAGE_CREDIT && rn_peer_queue_add_credit(&peer->queue, message)) {
        return; // P8
    }
    rn_outgoing_init(&outgoing, message);
    if (send_some(peer, &outgoing, -1, NULL) != RN_E_WOULD_BLOCK) {
        return;
    }
    if (rn_peer_queue_overtake(&peer->queue, &outgoing) != RN_OK) {
        rn_child_kill(&peer->child);
        return;
    }
    ask_runner(peer);
}

/* Its call has ended before it began to go. */
static bool is_void(struct rn_peer *peer, const struct rn_queued *queued)
{
    return !queued->outgoing.started && !sequence_of(peer, queued->outgoing.message.call);
}

/* False: there is no room for all of it yet, or the kernel refused it: of a worker that has gone, asking for each of
 * them would only hold up others. */
static bool flush_first(struct rn_peer *peer)
{
    struct rn_queued *queued = peer->queue.first;
    enum rn_error error = RN_OK;
    if (!is_void(peer, queued)) {
        error = send_some(peer, &queued->outgoing, queued->fd, &queued->sequence);
    }
    if (error == RN_E_WOULD_BLOCK) {
        if (queued->outgoing.started) {
            rn_peer_queue_note_half(&peer->queue);
        }
        return false;
    }
    rn_peer_queue_remove_first(&peer->queue);
    return error == RN_OK;
}

void rn_peer_flush(struct rn_peer *peer)
{
    if (peer->lane.stuck) {
        rn_peer_ring(peer);
    }
    while (!peer->lane.stuck && peer->queue.first && flush_first(peer)) {
    }
}

void rn_peer_send_on(struct rn_peer *peer, const struct rn_call *call)
{
    struct rn_queued *half = peer->queue.half_sent;
    if (half && half->outgoing.message.call == call->id) {
        half->sequence = call->sequence_out;
    }
}
