/*
 * send.c: what a worker says, under credit.
 *
 * The supervisor is woken for many packets at once: the loop rings before it sleeps and after each turn
 * that used up its slice, and this file when some have come together.
 *
 * A packet that does not fit the ring goes out by sendto, which waits only while the socket is full:
 * credit keeps that to the moments in which the supervisor is behind with several calls at once.
 */
#include "worker/worker.h"

#include <string.h>

#include "base/cursor.h"
#include "base/math.h"

/* Packets that may wait for the supervisor's being woken. */
#define SILENT_MAX 32u

/* The supervisor sleeps on its socket. If that is full, it has something to wake up for. */
static enum rn_error send_wake(struct rn_worker *worker)
{
    struct rn_message message = {.type = RN_MESSAGE_RING};
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &message);
    size_t size = rn_outgoing_packet(&outgoing, 0, worker->packet_out);
    enum rn_error error =
        rn_lane_send_socket(&worker->lane, worker->packet_out, size, RN_WAIT_NEVER);
    return error == RN_E_WOULD_BLOCK ? RN_OK : error;
}

enum rn_error rn_worker_ring(struct rn_worker *worker)
{
    bool wake;
    RN_TRY(rn_lane_ring(&worker->lane, RN_WAIT_ALLOWED, &wake));
    return wake ? send_wake(worker) : RN_OK;
}

/* What is in `packet_out`. */
static enum rn_error send_packet(struct rn_worker *worker, size_t size)
{
    RN_TRY(rn_lane_send_silently(&worker->lane, worker->packet_out, size, RN_WAIT_ALLOWED));
    bool rings = rn_lane_is_silent_for_long(&worker->lane, SILENT_MAX);
    return rings ? rn_worker_ring(worker) : RN_OK;
}

enum rn_error rn_worker_send_one(struct rn_worker *worker, struct rn_slot *slot,
                                 const struct rn_message *message)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    size_t packet_size = rn_outgoing_packet(&outgoing, slot->sequence_out, worker->packet_out);
    RN_TRY(send_packet(worker, packet_size));
    slot->sequence_out++;
    return RN_OK;
}

/* One OUTPUT packet with `size` bytes. */
static enum rn_error send_output_packet(struct rn_worker *worker, struct rn_slot *slot,
                                        uint32_t stream, const uint8_t *data, size_t size)
{
    struct rn_message message = {.type = RN_MESSAGE_OUTPUT,
                                 .call = slot->id,
                                 .body = data,
                                 .body_size = size,
                                 .as.OUTPUT = {.stream = stream}};
    RN_TRY(rn_worker_send_one(worker, slot, &message));
    slot->credit--;
    return RN_OK;
}

/* The run of output at `offset`: its stream and size; true unless at the end. */
static bool next_run(const struct rn_vm_output *output, size_t offset, uint32_t *out_stream,
                     size_t *out_size)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, output->data, output->size);
    (void)rn_cursor_bytes(&cursor, offset);
    *out_stream = rn_cursor_u8(&cursor);
    *out_size = rn_cursor_u32(&cursor);
    (void)rn_cursor_bytes(&cursor, *out_size);
    return rn_cursor_status(&cursor) == RN_OK;
}

enum rn_error rn_worker_send_output(struct rn_worker *worker, struct rn_slot *slot, bool *out_done)
{
    struct rn_vm_output output = rn_vm_output(slot->vm);
    uint32_t stream;
    size_t size;
    *out_done = output.size == 0;
    if (output.size == 0) {
        return RN_OK;
    }
    while (slot->output_offset < output.size &&
           next_run(&output, slot->output_offset, &stream, &size)) {
        const uint8_t *data = output.data + slot->output_offset + 5;
        while (slot->output_sent < size) {
            if (slot->credit == 0) {
                return RN_OK;
            }
            size_t part = rn_min_size(size - slot->output_sent, RN_PACKET_BODY_MAX);
            RN_TRY(send_output_packet(worker, slot, stream, data + slot->output_sent, part));
            slot->output_sent += part;
        }
        slot->output_offset += 5 + size;
        slot->output_sent = 0;
    }
    slot->output_offset = 0;
    rn_vm_output_taken(slot->vm);
    *out_done = true;
    return RN_OK;
}

enum rn_error rn_worker_send_outgoing(struct rn_worker *worker, struct rn_slot *slot,
                                      bool *out_done)
{
    *out_done = false;
    while (slot->sending) {
        bool needs_credit =
            slot->outgoing.message.type != RN_MESSAGE_RESULT || slot->outgoing.started;
        if (needs_credit && slot->credit == 0) {
            return RN_OK;
        }
        size_t size = rn_outgoing_packet(&slot->outgoing, slot->sequence_out, worker->packet_out);
        RN_TRY(send_packet(worker, size));
        slot->sequence_out++;
        slot->credit -= needs_credit;
        slot->sending = !rn_outgoing_sent(&slot->outgoing);
        if (!slot->sending && slot->outgoing.message.type == RN_MESSAGE_HOST_CALL) {
            rn_vm_host_call_taken(slot->vm);
        }
    }
    *out_done = true;
    return RN_OK;
}

enum rn_error rn_worker_send_ready(struct rn_worker *worker, uint64_t layers)
{
    struct rn_message message = {
        .type = RN_MESSAGE_READY,
        .as.READY = {.isa_digest = rn_isa_digest(), .layers = layers},
    };
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &message);
    size_t size = rn_outgoing_packet(&outgoing, 0, worker->packet_out);
    return rn_lane_send_socket(&worker->lane, worker->packet_out, size, RN_WAIT_ALLOWED);
}
