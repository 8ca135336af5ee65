/*
 * calls.c: the life of a call in a worker: start, turns, host calls, end.
 *
 *      CALL ─► RUNNABLE ──turn──► output or message to send ─► BLOCKED (no credit) ─► CREDIT
 *                 ▲                         │ all sent
 *                 │                         ├─► WAITING (for a reply, also when S5 permits no
 *                 │                         │   further host call, or for time to pass) ─►
 *                 │                         │   HOST_REPLY, WAKE
 *                 └─────────────────────────┴─► ended: the slot is free again
 */
#include "worker/worker.h"

#include <string.h>

/* A fault without kind, message and frames. */
static const uint8_t no_room_fault[RN_FAULT_SIZE_MIN];

static uint32_t index_of(const struct rn_slot *slot)
{
    return (uint32_t)(slot->id % RN_SLOTS_MAX);
}

/* The run queue: a list through the slots. */

static void enqueue(struct rn_worker *worker, struct rn_slot *slot)
{
    RN_ASSERT(slot->phase != RN_PHASE_RUNNABLE);
    slot->phase = RN_PHASE_RUNNABLE;
    slot->next = RN_NONE;
    slot->previous = worker->queue_last;
    if (worker->queue_last == RN_NONE) {
        worker->queue_first = index_of(slot);
    } else {
        rn_worker_slot(worker, worker->queue_last)->next = index_of(slot);
    }
    worker->queue_last = index_of(slot);
}

static void unqueue(struct rn_worker *worker, const struct rn_slot *slot)
{
    if (slot->previous == RN_NONE) {
        worker->queue_first = slot->next;
    } else {
        rn_worker_slot(worker, slot->previous)->next = slot->next;
    }
    if (slot->next == RN_NONE) {
        worker->queue_last = slot->previous;
    } else {
        rn_worker_slot(worker, slot->next)->previous = slot->previous;
    }
}

static struct rn_slot *dequeue(struct rn_worker *worker)
{
    struct rn_slot *slot = rn_worker_slot(worker, worker->queue_first);
    unqueue(worker, slot);
    return slot;
}

struct rn_slot *rn_worker_find(struct rn_worker *worker, uint64_t id)
{
    struct rn_slot *slot = rn_worker_slot(worker, (uint32_t)(id % RN_SLOTS_MAX));
    return slot->phase != RN_PHASE_FREE && slot->id == id ? slot : NULL;
}

/* Vms */

static enum rn_error take_vm(struct rn_worker *worker, struct rn_slot *slot)
{
    struct rn_link *link = worker->links[slot->link].link;
    if (worker->spare_vm_count > 0) {
        slot->vm = worker->spare_vms[--worker->spare_vm_count];
        rn_vm_reset(slot->vm, link);
        return RN_OK;
    }
    return rn_vm_new(worker->engine, link, &slot->vm);
}

static void give_back_vm(struct rn_worker *worker, struct rn_vm *vm)
{
    if (worker->spare_vm_count < RN_WORKER_SPARE_VMS) {
        rn_vm_reset(vm, rn_engine_standard(worker->engine)); // the script's may be unmapped
        worker->spare_vms[worker->spare_vm_count++] = vm;
    } else {
        rn_vm_free(vm);
    }
}

/* Ends */

/* Frees the slot; the Vm stays for the next call if its Globals are to be kept. */
static void release(struct rn_worker *worker, struct rn_slot *slot)
{
    if (slot->vm) {
        rn_vm_end(slot->vm);
        if (slot->vm_handle != 0 && rn_vm_has_state(slot->vm)) {
            worker->vms[slot->vm_handle] = (struct rn_kept_vm){slot->vm, slot->link};
        } else {
            worker->vms[slot->vm_handle].vm = NULL;
            give_back_vm(worker, slot->vm);
            rn_worker_link_put(worker, slot->link);
        }
    }
    if (slot->fault) {
        rn_engine_give_back(worker->engine, slot->fault, slot->fault_size);
    }
    slot->fault = NULL;
    slot->vm = NULL;
    slot->id = 0;
    slot->phase = RN_PHASE_FREE;
}

static void set_result(struct rn_slot *slot, enum rn_reason reason, const uint8_t *body,
                       size_t size)
{
    struct rn_vm_usage usage = {0};
    bool kept = false;
    if (slot->vm) {
        usage = rn_vm_usage(slot->vm);
        kept = slot->vm_handle != 0 && rn_vm_has_state(slot->vm);
    }
    struct rn_message message = {.type = RN_MESSAGE_RESULT,
                                 .call = slot->id,
                                 .body = body,
                                 .body_size = size,
                                 .as.RESULT = {.reason = reason,
                                               .kept = kept,
                                               .budget = usage.budget,
                                               .memory_peak = usage.memory_peak,
                                               .output_bytes = usage.output_bytes,
                                               .host_calls = usage.host_calls}};
    rn_outgoing_init(&slot->outgoing, &message);
    slot->sending = true;
    slot->ended = true;
}

/* It lies where the next one will: whoever calls this sends it, or moves it, before anything else. */
static void set_fault(struct rn_worker *worker, struct rn_slot *slot, enum rn_reason reason,
                      const struct rn_fault *fault)
{
    struct rn_buf out;
    rn_buf_init_fixed(&out, worker->fault, sizeof(worker->fault));
    rn_fault_encode(fault, &out);
    RN_CHECK(out.error == RN_OK);
    set_result(slot, reason, worker->fault, out.size);
}

/* No credit for what has to go before it: out of the next one's way. Without room the reason alone is
 * told. */
static void move_fault(struct rn_worker *worker, struct rn_slot *slot)
{
    struct rn_message *message = &slot->outgoing.message;
    slot->fault_size = (uint32_t)message->body_size;
    slot->fault = rn_engine_take(worker->engine, slot->fault_size);
    if (slot->fault) {
        memcpy(slot->fault, message->body, message->body_size);
        message->body = slot->fault;
    } else {
        message->body = no_room_fault;
        message->body_size = sizeof(no_room_fault);
    }
}

/* An end that is not the script's doing: `kind` and `message` are literals. */
static void set_failure(struct rn_worker *worker, struct rn_slot *slot, enum rn_reason reason,
                        const char *kind, const char *message)
{
    struct rn_fault fault = {.kind = {kind, strlen(kind)}, .message = {message, strlen(message)}};
    set_fault(worker, slot, reason, &fault);
}

/* What the Vm says about the error; it is gone with the next run of any Vm. */
static void set_raised(struct rn_worker *worker, struct rn_slot *slot, enum rn_reason reason)
{
    const struct rn_vm_error_report *report = rn_vm_error(slot->vm);
    if (!report) {
        set_failure(worker, slot, reason, "", "");
        return;
    }
    const char *kind = report->kind_name ? report->kind_name : "";
    struct rn_fault fault = {.kind = {kind, strlen(kind)},
                             .message = {report->message, report->message_size},
                             .frames_total = report->frames_total,
                             .frame_count = report->frame_count};
    if (fault.frame_count > RN_FAULT_FRAMES_MAX) {
        fault.frame_count = RN_FAULT_FRAMES_MAX;
    }
    for (uint32_t i = 0; i < fault.frame_count; i++) {
        fault.frames[i] = (struct rn_fault_frame){.function = report->frames[i].function,
                                                  .pc = report->frames[i].pc,
                                                  .standard = report->frames[i].standard};
    }
    set_fault(worker, slot, reason, &fault);
}

static enum rn_reason reason_of_limit(enum rn_limit limit)
{
    switch (limit) {
    case RN_LIMIT_BUDGET:
        return RN_REASON_BUDGET;
    case RN_LIMIT_MEMORY:
        return RN_REASON_MEMORY;
    case RN_LIMIT_OUTPUT:
        return RN_REASON_OUTPUT;
    case RN_LIMIT_HOST_CALLS:
        return RN_REASON_HOST_CALLS;
    case RN_LIMIT_DEPTH:
        return RN_REASON_DEPTH;
    case RN_LIMIT_REGION:
        return RN_REASON_OVERLOADED;
    case RN_LIMIT_NONE:
        break;
    }
    return RN_REASON_INTERNAL;
}

static void set_cancelled(struct rn_worker *worker, struct rn_slot *slot)
{
    if (slot->no_room) {
        set_failure(worker, slot, RN_REASON_OVERLOADED, "Overloaded",
                    "no room for a reply of the host");
        return;
    }
    set_failure(worker, slot, RN_REASON_CANCELLED, "Cancelled", "cancelled by the host");
}

static void set_done(struct rn_worker *worker, struct rn_slot *slot)
{
    const uint8_t *data = NULL;
    size_t size = 0;
    enum rn_error error = rn_vm_result(slot->vm, &data, &size);
    if (error == RN_OK) {
        set_result(slot, RN_REASON_OK, data, size);
    } else if (error == RN_E_CONST_UNSUPPORTED) {
        set_raised(worker, slot, RN_REASON_SCRIPT_ERROR);
    } else if (error == RN_E_CANCELLED) {
        set_cancelled(worker, slot);
    } else {
        enum rn_reason reason = reason_of_limit(rn_vm_limit(slot->vm));
        set_failure(worker, slot, reason, reason == RN_REASON_MEMORY ? "Memory" : "Overloaded",
                    "no room to encode the result");
    }
}

/* Turns */

/* Sends what is there; then decides what the slot does next. */
static enum rn_error go_on(struct rn_worker *worker, struct rn_slot *slot)
{
    bool done = true;
    if (slot->vm) {
        RN_TRY(rn_worker_send_output(worker, slot, &done));
    }
    if (done && slot->ended) {
        RN_TRY(rn_worker_send_profile(worker, slot, &done));
    }
    if (done) {
        RN_TRY(rn_worker_send_outgoing(worker, slot, &done));
    }
    if (done && slot->cancelled && !slot->ended) {
        // A message in fragments had to be completed first.
        set_cancelled(worker, slot);
        return go_on(worker, slot); // it has ended now
    }
    if (!done) {
        slot->phase = RN_PHASE_BLOCKED;
        if (slot->sending && slot->outgoing.message.body == worker->fault) {
            move_fault(worker, slot);
        }
    } else if (slot->ended) {
        release(worker, slot);
    } else if (slot->must_wait || slot->host_calls_out >= RN_HOST_CALLS_OUT_MAX) {
        slot->phase = RN_PHASE_WAITING;
    } else {
        enqueue(worker, slot);
    }
    return RN_OK;
}

static void set_host_call(struct rn_slot *slot)
{
    const struct rn_vm_host_call *call = rn_vm_host_call(slot->vm);
    struct rn_message message = {.type = RN_MESSAGE_HOST_CALL,
                                 .call = slot->id,
                                 .body = call->args,
                                 .body_size = call->args_size,
                                 .as.HOST_CALL = {.number = call->id,
                                                  .function = call->function,
                                                  .budget = call->budget_position,
                                                  .pc = call->pc}};
    rn_outgoing_init(&slot->outgoing, &message);
    slot->sending = true;
    slot->host_calls_out++;
    slot->must_wait = !call->is_async;
}

/* Nothing can run: perhaps until some time has passed. */
static void set_waiting(struct rn_slot *slot)
{
    uint64_t ns;
    slot->must_wait = true;
    if (!rn_vm_take_sleep(slot->vm, &ns)) {
        return;
    }
    struct rn_message message = {.type = RN_MESSAGE_SLEEP,
                                 .call = slot->id,
                                 .as.SLEEP = {.number = ++slot->sleeps,
                                              .seen = slot->replies,
                                              .ns = ns,
                                              .until = rn_vm_sleep_until(slot->vm)}};
    rn_outgoing_init(&slot->outgoing, &message);
    slot->sending = true;
}

static void handle_event(struct rn_worker *worker, struct rn_slot *slot, enum rn_event event)
{
    switch (event) {
    case RN_EVENT_SLICE:
    case RN_EVENT_OUTPUT:
        break;
    case RN_EVENT_HOST_CALL:
        set_host_call(slot);
        break;
    case RN_EVENT_WAITING:
        set_waiting(slot);
        break;
    case RN_EVENT_DONE:
        set_done(worker, slot);
        break;
    case RN_EVENT_RAISED:
        set_raised(worker, slot, RN_REASON_SCRIPT_ERROR);
        break;
    case RN_EVENT_LIMIT:
        set_raised(worker, slot, reason_of_limit(rn_vm_limit(slot->vm)));
        break;
    case RN_EVENT_CANCELLED:
        set_raised(worker, slot, RN_REASON_CANCELLED);
        break;
    }
}

enum rn_error rn_worker_turn(struct rn_worker *worker)
{
    struct rn_slot *slot = dequeue(worker);
    slot->phase = RN_PHASE_BLOCKED;
    slot->must_wait = false;
    enum rn_event event = rn_vm_run(slot->vm, RN_WORKER_SLICE);
    handle_event(worker, slot, event);
    RN_TRY(go_on(worker, slot));
    return event == RN_EVENT_SLICE ? rn_worker_ring(worker) : RN_OK;
}

/* Starts */

_Static_assert(RN_HOST_CALL_BODY_MAX == RN_RESULT_BODY_MAX, "one limit of a Vm for both");

static struct rn_vm_limits limits_of_tags(const struct rn_call_tags *tags)
{
    // Tags that are absent are 0, which means no limit; but host calls may be limited to 0.
    bool none_allowed = (tags->present >> RN_CALL_TAG_HOST_CALLS & 1u) != 0 &&
                        tags->values[RN_CALL_TAG_HOST_CALLS] == 0;
    return (struct rn_vm_limits){.budget = tags->values[RN_CALL_TAG_BUDGET],
                                 .memory = tags->values[RN_CALL_TAG_MEMORY],
                                 .output = tags->values[RN_CALL_TAG_OUTPUT_BYTES],
                                 .host_calls = tags->values[RN_CALL_TAG_HOST_CALLS],
                                 .no_host_calls = none_allowed,
                                 .depth = tags->values[RN_CALL_TAG_DEPTH],
                                 .encoded_size = RN_RESULT_BODY_MAX};
}

/* A Vm for the call: the kept one, or a fresh one. NO_MEMORY: no room now. MESSAGE_STATE: the supervisor
 * has not attached what it names. */
static enum rn_error prepare_vm(struct rn_worker *worker, struct rn_slot *slot,
                                const struct rn_message *message)
{
    struct rn_kept_vm *kept = &worker->vms[slot->vm_handle];
    if (slot->vm_handle != 0 && kept->vm) {
        slot->vm = kept->vm;
        slot->link = kept->link;
        kept->vm = NULL;
        return RN_OK;
    }
    RN_TRY(
        rn_worker_link_get(worker, message->as.CALL.unit, message->as.CALL.context, &slot->link));
    enum rn_error error = take_vm(worker, slot);
    if (error != RN_OK) {
        rn_worker_link_put(worker, slot->link);
    }
    return error;
}

/* This call cannot be run; others of this worker can. */
static void set_unprepared(struct rn_worker *worker, struct rn_slot *slot, enum rn_error error)
{
    if (error == RN_E_NO_MEMORY) {
        set_failure(worker, slot, RN_REASON_OVERLOADED, "Overloaded", "no room in the worker");
    } else if (error == RN_E_CANCELLED) {
        set_cancelled(worker, slot);
    } else {
        set_failure(worker, slot, RN_REASON_USAGE, rn_error_name(error), rn_error_message(error));
    }
}

/* What follows the tags: values of statics, then the arguments. */
static void start_vm(struct rn_worker *worker, struct rn_slot *slot,
                     const struct rn_message *message, const struct rn_call_tags *tags,
                     struct rn_utf8 rest)
{
    size_t statics_size = (size_t)tags->values[RN_CALL_TAG_STATICS_SIZE];
    struct rn_utf8 args = {rest.data + statics_size, rest.size - statics_size};
    const volatile uint32_t *cancel =
        worker->control ? (const volatile uint32_t *)&worker->control->stop[index_of(slot)] : NULL;
    bool hinted = tags->present >> RN_CALL_TAG_EXPORT & 1;
    uint64_t hint = hinted ? tags->values[RN_CALL_TAG_EXPORT] : RN_NONE;
    struct rn_vm_call call = {.target = (enum rn_call_target)tags->values[RN_CALL_TAG_TARGET],
                              .item = message->as.CALL.item,
                              .export_hint = hint < RN_NONE ? (uint32_t)hint : RN_NONE,
                              .statics = statics_size > 0 ? (const uint8_t *)rest.data : NULL,
                              .statics_size = statics_size,
                              .keep = (uint32_t)tags->values[RN_CALL_TAG_KEEP],
                              .args = args.size > 0 ? (const uint8_t *)args.data : NULL,
                              .args_size = args.size,
                              .seed = tags->values[RN_CALL_TAG_SEED],
                              .clock_ns = tags->values[RN_CALL_TAG_CLOCK],
                              .limits = limits_of_tags(tags),
                              .cancel = cancel};
    enum rn_error error = rn_vm_start(slot->vm, &call);
    if (error != RN_OK) {
        set_unprepared(worker, slot, error);
    }
}

enum rn_error rn_worker_call(struct rn_worker *worker, const struct rn_message *message,
                             const uint8_t *body, size_t size)
{
    uint32_t index = message->as.CALL.slot;
    uint32_t tags_size = message->as.CALL.tags_size;
    if (index >= RN_SLOTS_MAX || message->call % RN_SLOTS_MAX != index || message->call == 0 ||
        rn_worker_slot(worker, index)->phase != RN_PHASE_FREE || message->sequence != 0 ||
        tags_size > size || message->as.CALL.vm >= RN_WORKER_VMS_MAX) {
        return RN_E_MESSAGE_STATE;
    }
    RN_UNCLEARED struct rn_call_tags tags;
    RN_TRY(rn_call_tags_decode(body, tags_size, &tags));
    if (tags.values[RN_CALL_TAG_STATICS_SIZE] > size - tags_size ||
        tags.values[RN_CALL_TAG_TARGET] >= RN_CALL_TARGET_COUNT ||
        tags.values[RN_CALL_TAG_KEEP] > RN_VM_FUNCTIONS_MAX) {
        return RN_E_MESSAGE_STATE;
    }
    struct rn_slot *slot = rn_worker_slot(worker, index);
    slot->id = message->call;
    slot->vm_handle = message->as.CALL.vm;
    slot->phase = RN_PHASE_BLOCKED;
    slot->sequence_out = 0;
    slot->credit = message->as.CALL.credit;
    slot->host_calls_out = 0;
    slot->sleeps = 0;
    slot->replies = 0;
    slot->no_room = false;
    slot->output_offset = 0;
    slot->output_sent = 0;
    slot->sending = false;
    slot->must_wait = false;
    slot->ended = false;
    slot->cancelled = false;
    slot->profile_nodes = 0;
    slot->profile_place = 0;
    slot->profile_sent = false;
    enum rn_error error = prepare_vm(worker, slot, message);
    if (error == RN_OK) {
        struct rn_utf8 rest = {(const char *)body + tags_size, size - tags_size};
        start_vm(worker, slot, message, &tags, rest);
    } else if (error == RN_E_MESSAGE_STATE) {
        return error;
    } else {
        set_unprepared(worker, slot, error);
    }
    return go_on(worker, slot);
}

/* Messages to a call */

static enum rn_error handle_credit(struct rn_worker *worker, struct rn_slot *slot, uint32_t packets)
{
    if (packets > UINT32_MAX - slot->credit) {
        return RN_E_MESSAGE_STATE;
    }
    slot->credit += packets;
    return slot->phase == RN_PHASE_BLOCKED ? go_on(worker, slot) : RN_OK;
}

/* What the call waits for may have come. While a host call is being sent, that must go first. */
static void look_again(struct rn_worker *worker, struct rn_slot *slot)
{
    if (!slot->sending || slot->outgoing.message.type == RN_MESSAGE_SLEEP) {
        slot->must_wait = false;
    }
    if (slot->phase == RN_PHASE_WAITING) {
        enqueue(worker, slot);
    }
}

static void drop_output(struct rn_slot *slot)
{
    rn_vm_output_taken(slot->vm);
    slot->output_offset = 0;
    slot->output_sent = 0;
}

/* Ends it at once, or after the message that is half sent. */
static enum rn_error end_early(struct rn_worker *worker, struct rn_slot *slot)
{
    if (slot->phase == RN_PHASE_RUNNABLE) {
        unqueue(worker, slot);
    }
    slot->phase = RN_PHASE_BLOCKED;
    slot->cancelled = true;
    if (!slot->sending || !slot->outgoing.started) {
        drop_output(slot);
        set_cancelled(worker, slot);
    }
    return go_on(worker, slot);
}

/* A reply that there is no room for would be missed by the script: the call is no function of its
 * inputs any more, and ends. */
static enum rn_error handle_reply(struct rn_worker *worker, struct rn_slot *slot,
                                  const struct rn_message *message, const uint8_t *body,
                                  size_t size)
{
    uint32_t number = message->as.HOST_REPLY.number;
    if (slot->ended) {
        return RN_OK;
    }
    enum rn_error error = message->as.HOST_REPLY.failed
                              ? rn_vm_reply_error(slot->vm, number, (const char *)body, size)
                              : rn_vm_reply(slot->vm, number, body, size);
    if (error == RN_E_NO_MEMORY) {
        slot->no_room = true;
        return end_early(worker, slot);
    }
    RN_TRY(error);
    slot->host_calls_out--;
    slot->replies++;
    look_again(worker, slot);
    return RN_OK;
}

/* One for a SLEEP that another has replaced, or a reply made void, is late, and let pass. */
static enum rn_error handle_wake(struct rn_worker *worker, struct rn_slot *slot,
                                 const struct rn_fields_WAKE *wake)
{
    if (slot->ended || wake->number != slot->sleeps) {
        return RN_OK;
    }
    rn_vm_wake(slot->vm, wake->now_ns);
    look_again(worker, slot);
    return RN_OK;
}

/* The supervisor knows the reason: whatever it is, it is reported as cancelled from here. */
static enum rn_error handle_cancel(struct rn_worker *worker, struct rn_slot *slot)
{
    return slot->ended ? RN_OK : end_early(worker, slot);
}

enum rn_error rn_worker_call_message(struct rn_worker *worker, const struct rn_message *message,
                                     const uint8_t *body, size_t size)
{
    struct rn_slot *slot = rn_worker_find(worker, message->call);
    if (!slot) {
        return RN_OK;
    }
    switch ((uint32_t)message->type) {
    case RN_MESSAGE_CREDIT:
        return handle_credit(worker, slot, message->as.CREDIT.packets);
    case RN_MESSAGE_HOST_REPLY:
        return handle_reply(worker, slot, message, body, size);
    case RN_MESSAGE_WAKE:
        return handle_wake(worker, slot, &message->as.WAKE);
    case RN_MESSAGE_CANCEL:
        return handle_cancel(worker, slot);
    default:
        return RN_E_MESSAGE_STATE;
    }
}
