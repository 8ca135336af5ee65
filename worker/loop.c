/*
 * loop.c: the worker's main loop, behind the wall.
 *
 * It sleeps in its lane when no call can run; otherwise it looks for a message between two turns
 * without waiting. A message that makes a call runnable is followed by its first turn at once, so
 * that a short call costs one receive, one run and one send.
 *
 * Towards a worker messages do not interleave: one large message at a time comes in fragments, with
 * CREDIT, CANCEL and WAKE between them.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/hash_key.h"
#include "worker/std/library.h"
#include "worker/worker.h"

enum {
    EXIT_DONE = 0,
    EXIT_NO_ARENA = 66,
    EXIT_PROTOCOL = 65,
};

/* Memory that a large message touched goes back to the kernel. */
#define ASSEMBLY_KEEP (256u << 10)

static enum rn_error dispatch(struct rn_worker *worker, const struct rn_message *message,
                              const uint8_t *body, size_t size, int fd)
{
    const struct rn_message_info *info = rn_message_info(message->type);
    if ((fd >= 0) != (info->fds > 0)) {
        return RN_E_MESSAGE_STATE;
    }
    switch ((uint32_t)message->type) {
    case RN_MESSAGE_ATTACH:
    case RN_MESSAGE_CONTEXT:
        return rn_worker_attach(worker, message, fd);
    case RN_MESSAGE_DETACH:
    case RN_MESSAGE_CONTEXT_DETACH:
        return rn_worker_detach(worker, message);
    case RN_MESSAGE_VM_DROP:
        return rn_worker_vm_drop(worker, message->as.VM_DROP.vm);
    case RN_MESSAGE_FUNCTION_DROP:
        return rn_worker_function_drop(worker, message->as.FUNCTION_DROP.vm,
                                       message->as.FUNCTION_DROP.function);
    case RN_MESSAGE_CALL:
        return rn_worker_call(worker, message, body, size);
    default:
        return rn_worker_call_message(worker, message, body, size);
    }
}

static bool may_interrupt(enum rn_message_type type)
{
    return type == RN_MESSAGE_CREDIT || type == RN_MESSAGE_CANCEL || type == RN_MESSAGE_WAKE;
}

/* Adds a fragment; dispatches the message once it is whole. */
static enum rn_error assemble(struct rn_worker *worker, const struct rn_message *message)
{
    struct rn_inbox *inbox = &worker->inbox;
    if (message->first) {
        inbox->message = *message;
        inbox->size = 0;
        inbox->open = true;
    } else if (!inbox->open || inbox->message.type != message->type ||
               inbox->message.call != message->call) {
        return RN_E_MESSAGE_STATE;
    }
    uint32_t total = inbox->message.body_total;
    if (message->body_size > total - inbox->size ||
        message->last != (message->body_size == total - inbox->size)) {
        return RN_E_MESSAGE_STATE;
    }
    memcpy(worker->assembly + inbox->size, message->body, message->body_size);
    inbox->size += (uint32_t)message->body_size;
    if (!message->last) {
        return RN_OK;
    }
    inbox->open = false;
    enum rn_error error = dispatch(worker, &inbox->message, worker->assembly, total, -1);
    if (total > ASSEMBLY_KEEP) {
        (void)madvise(worker->assembly, RN_CALL_BODY_MAX, MADV_DONTNEED);
    }
    return error;
}

static enum rn_error handle_packet(struct rn_worker *worker, const struct rn_lane_packet *packet)
{
    struct rn_wire_message wire = {packet->bytes, packet->size};
    int fd = packet->fd;
    struct rn_message message;
    RN_TRY(rn_message_decode(wire, RN_TO_WORKER, &message));
    if (message.first && message.last && (!worker->inbox.open || may_interrupt(message.type))) {
        return dispatch(worker, &message, message.body, message.body_size, fd);
    }
    if (fd >= 0 || (message.first && worker->inbox.open)) {
        return RN_E_MESSAGE_STATE;
    }
    return assemble(worker, &message);
}

/* What is at hand; then the supervisor is told of everything sent so far, and if no call can run the next
 * packet is waited for. */
static enum rn_error next_packet(struct rn_worker *worker, struct rn_lane_packet *out_packet)
{
    bool runnable = worker->queue_first != RN_NONE;
    if (runnable || rn_lane_may_look(&worker->lane)) {
        enum rn_error error = rn_lane_receive(&worker->lane, RN_WAIT_NEVER, out_packet);
        if (runnable || error != RN_E_WOULD_BLOCK) {
            return error;
        }
        if (rn_lane_linger(&worker->lane)) {
            return rn_lane_receive(&worker->lane, RN_WAIT_NEVER, out_packet);
        }
    }
    RN_TRY(rn_worker_ring(worker));
    return rn_lane_receive(&worker->lane, RN_WAIT_ALLOWED, out_packet);
}

static enum rn_error serve(struct rn_worker *worker)
{
    for (;;) {
        struct rn_lane_packet packet;
        enum rn_error error = next_packet(worker, &packet);
        if (error == RN_OK) {
            RN_TRY(handle_packet(worker, &packet));
        } else if (error != RN_E_WOULD_BLOCK) {
            return error;
        }
        if (worker->queue_first != RN_NONE) {
            RN_TRY(rn_worker_turn(worker));
        }
    }
}

/* Lays the worker's own state and the engine out in the arena. What is seldom used lies last: pages
 * are small at the beginning only. */
static struct rn_worker *lay_out(struct rn_process *process)
{
    size_t own = (sizeof(struct rn_worker) + 4095) & ~(size_t)4095;
    size_t assembly = (RN_CALL_BODY_MAX + 4095) & ~(size_t)4095;
    size_t slots = (RN_SLOTS_MAX - RN_WORKER_FIRST_SLOTS) * sizeof(struct rn_slot);
    size_t behind = assembly + ((slots + 4095) & ~(size_t)4095);
    if (process->arena.size < own + behind + (1u << 20)) {
        return NULL;
    }
    size_t size = (process->arena.size - own - behind) & ~(size_t)4095;
    struct rn_worker *worker = (void *)process->arena.data;
    uint8_t *region = process->arena.data + own;
    worker->more_slots = (void *)(region + size);
    worker->assembly = region + size + behind - assembly;
    const struct rn_mapping *ring = &process->segments[RN_SEGMENT_RING];
    rn_lane_init(&worker->lane, process->socket_fd,
                 ring->size >= sizeof(struct rn_ring) ? (void *)ring->data : NULL, true,
                 worker->packet_in);
    worker->queue_first = RN_NONE;
    worker->queue_last = RN_NONE;
    const struct rn_mapping *control = &process->segments[RN_SEGMENT_CONTROL];
    if (control->data && control->size >= sizeof(struct rn_control)) {
        worker->control = (const void *)control->data;
    }
    if (rn_engine_new(region, size, &rn_std_library, &worker->engine) != RN_OK) {
        return NULL;
    }
    rn_engine_set_hash_key(worker->engine, rn_hash_key());
    return worker;
}

int rn_worker_main(struct rn_process *process)
{
    struct rn_worker *worker = lay_out(process);
    if (!worker) {
        return EXIT_NO_ARENA;
    }
    enum rn_error error = rn_worker_send_ready(worker, process->report.active);
    if (error == RN_OK) {
        rn_worker_warm(worker); // while the supervisor looks at the wall
        error = serve(worker);
    }
    return error == RN_E_CLOSED ? EXIT_DONE : EXIT_PROTOCOL;
}
