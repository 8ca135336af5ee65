/*
 * call_receive.c: what a worker says of a call: checked, copied out, noted for its owner. All of it under the
 * peer's lock.
 *
 * Trust: receives packets from workers, after the state machine has let them pass.
 */
#include "supervisor/call.h"

#include <string.h>

#include "base/alloc.h"
#include "shm/fault.h"
#include "supervisor/profile.h"
#include "supervisor/supervisor.h"
#include "supervisor/timeline.h"

void rn_event_free(struct rn_event *event)
{
    rn_free(event->data);
    rn_free(event);
}

/* Bytes that count on RN_CALL_HOST_BYTES_MAX as long as they are there. */
static size_t host_bytes_of(const struct rn_event *event)
{
    bool counts = event->type == RN_MESSAGE_HOST_CALL && event->data &&
                  event->size > RN_CALL_HOST_BYTES_SMALL;
    return counts ? event->size : 0;
}

static void give_room_back(struct rn_call *call, size_t *held)
{
    if (*held > 0) {
        call->room->args_over(call->forward_user, *held);
        *held = 0;
    }
}

void rn_call_give_room_back(struct rn_call *call, struct rn_event *event)
{
    give_room_back(call, &event->held);
}

void rn_call_give_all_room_back(struct rn_call *call)
{
    for (struct rn_event *event = call->events; event; event = event->next) {
        rn_call_give_room_back(call, event);
    }
    if (call->assembly) {
        give_room_back(call, &call->assembly->held);
    }
}

static void drop_event(struct rn_call *call, struct rn_event *event)
{
    call->host_bytes -= host_bytes_of(event);
    rn_call_give_room_back(call, event);
    rn_event_free(event);
}

static void drop_events(struct rn_call *call)
{
    while (call->events) {
        struct rn_event *event = call->events;
        call->events = event->next;
        drop_event(call, event);
    }
    call->events_end = &call->events;
}

static void drop_assembly(struct rn_call *call)
{
    if (call->assembly) {
        give_room_back(call, &call->assembly->held);
        rn_free(call->assembly->data);
        rn_free(RN_TAKE(call->assembly));
    }
}

void rn_call_drop_received(struct rn_call *call)
{
    drop_events(call);
    drop_assembly(call);
    rune_profile_free(RN_TAKE(call->profile));
}

/* Credit */

/* A result that has begun comes through in any case, and what comes before it: host calls may be out that
 * nobody awaits. */
static bool may_send_more(const struct rn_call *call)
{
    return call->host_bytes <= RN_CALL_HOST_BYTES_MAX || call->state.counted ||
           call->state.fragment == RN_MESSAGE_RESULT;
}

static void give_credit(struct rn_call *call, uint32_t packets)
{
    call->ungranted += packets;
    bool wanted = call->state.state != RN_STATE_DONE && call->in_table &&
                  call->ungranted >= RN_CALL_CREDIT / 2 && may_send_more(call);
    if (wanted) {
        struct rn_message message = {
            .type = RN_MESSAGE_CREDIT, .call = call->id, .as.CREDIT = {.packets = call->ungranted}};
        rn_call_state_grant(&call->state, call->ungranted);
        call->ungranted = 0;
        rn_peer_send_urgent(call->peer, &message);
    }
}

void rn_call_host_bytes_freed(struct rn_call *call, size_t size)
{
    if (size > RN_CALL_HOST_BYTES_SMALL) {
        struct rn_peer *peer = rn_call_lock(call);
        call->host_bytes -= size;
        give_credit(call, 0);
        pthread_mutex_unlock(&peer->lock);
    }
}

void rn_call_acted_upon(struct rn_call *call, struct rn_event *event)
{
    call->host_bytes -= host_bytes_of(event); // unless a host call has them now
    rn_call_give_room_back(call, event);
    give_credit(call, 1);
}

/* Behind one for which there was no memory comes none: what the host sees has no holes. */
static void add_event(struct rn_call *call, struct rn_event *event)
{
    if (call->failed) {
        drop_event(call, event);
        return;
    }
    *call->events_end = event;
    call->events_end = &event->next;
}

static void receive_output(struct rn_call *call, const struct rn_message *message)
{
    call->output_bytes += message->body_size;
    if (!call->output || message->body_size == 0) {
        give_credit(call, 1);
        return;
    }
    struct rn_event *event = rn_alloc(sizeof(*event));
    uint8_t *data = (uint8_t *)rn_strndup((const char *)message->body, message->body_size);
    if (!event || !data) {
        rn_free(event);
        rn_free(data);
        call->failed = true;
        return;
    }
    event->type = RN_MESSAGE_OUTPUT;
    event->number = message->as.OUTPUT.stream;
    event->data = data;
    event->size = message->body_size;
    add_event(call, event);
}

/* True: there is room. *out_held: so much is to be given back. */
static bool take_room(const struct rn_call *call, const struct rn_message *message,
                      size_t *out_held)
{
    *out_held = 0;
    if (!call->room) {
        return true;
    }
    if (message->type == RN_MESSAGE_RESULT) {
        return call->room->result(call->forward_user, message->body_total);
    }
    bool has_room = call->room->args(call->forward_user, message->body_total);
    *out_held = has_room ? message->body_total : 0;
    return has_room;
}

static struct rn_call_assembly *new_assembly(const struct rn_message *message)
{
    struct rn_call_assembly *assembly = rn_alloc(sizeof(*assembly));
    uint8_t *data = rn_alloc((size_t)message->body_total + 1);
    if (!assembly || !data) {
        rn_free(assembly);
        rn_free(data);
        return NULL;
    }
    assembly->data = data;
    if (message->type == RN_MESSAGE_HOST_CALL) {
        assembly->fields = message->as.HOST_CALL;
    }
    return assembly;
}

/* Begins to collect a body. Without memory or room there is no assembly, and what comes is let pass. */
static void begin_assembly(struct rn_call *call, const struct rn_message *message)
{
    size_t held;
    bool is_result = message->type == RN_MESSAGE_RESULT;
    drop_assembly(call);
    if (call->failed) {
        return; // how it ends is known
    }
    if (!take_room(call, message, &held)) {
        call->unread = is_result ? RN_CALL_UNREAD : RN_CALL_ARGS_UNREAD;
        call->failed = !is_result; // by its result it ends in any case
        return;
    }
    call->assembly = new_assembly(message);
    if (call->assembly) {
        call->assembly->held = held;
    } else {
        give_room_back(call, &held);
        call->failed = true;
    }
}

/* Collects a body; true when it is whole. */
static bool assemble(struct rn_call *call, const struct rn_message *message)
{
    if (message->first) {
        begin_assembly(call, message);
    }
    // The credit of a host call's last packet comes back when the call is made.
    bool costs_credit = message->type == RN_MESSAGE_RESULT ? !message->first : !message->last;
    if (costs_credit) {
        give_credit(call, 1);
    }
    struct rn_call_assembly *assembly = call->assembly;
    if (assembly && message->body_size > 0) {
        memcpy(assembly->data + assembly->size, message->body, message->body_size);
        assembly->size += message->body_size;
    }
    return message->last;
}

/* A body that has come, the call's; `bytes` NULL: there was no memory for it. */
struct body {
    uint8_t *bytes;
    size_t size;
    size_t held;
};

static struct body take_assembly(struct rn_call *call)
{
    struct body body = {NULL, 0, 0};
    if (call->assembly) {
        body = (struct body){call->assembly->data, call->assembly->size, call->assembly->held};
        rn_free(RN_TAKE(call->assembly));
    }
    return body;
}

/* Of a message of one packet. */
static struct body copy_body(struct rn_call *call, const struct rn_message *message)
{
    struct body body = {(uint8_t *)rn_strndup((const char *)message->body, message->body_size),
                        message->body_size, 0};
    call->failed = call->failed || !body.bytes;
    return body;
}

static void receive_host_call(struct rn_call *call, const struct rn_fields_HOST_CALL *fields,
                              struct body body)
{
    struct rn_event *event = rn_alloc(sizeof(*event));
    call->host_call_count++;
    if (!event || !body.bytes) {
        rn_free(event);
        rn_free(body.bytes);
        give_room_back(call, &body.held);
        call->failed = true;
        return;
    }
    event->type = RN_MESSAGE_HOST_CALL;
    event->number = fields->number;
    event->function = fields->function;
    event->budget = fields->budget;
    event->pc = fields->pc;
    event->size = body.size;
    event->data = body.bytes;
    event->held = body.held;
    call->host_bytes += host_bytes_of(event);
    add_event(call, event);
}

/* For a reason that a worker can know, and no more used than there was. They come with the first packet. */
static enum rn_error receive_result_fields(struct rn_call *call,
                                           const struct rn_fields_RESULT *fields)
{
    const uint64_t *limits = call->limits.values;
    if (!rn_reason_is_workers(fields->reason) || fields->kept > 1 ||
        fields->budget > limits[RUNE_LIMIT_BUDGET] ||
        fields->memory_peak > limits[RUNE_LIMIT_MEMORY]) {
        return RN_E_MESSAGE_INVALID;
    }
    call->result.fields = *fields;
    return RN_OK;
}

/* A result is a value, or an error that decodes. The body is consumed. */
static enum rn_error receive_result(struct rn_call *call, struct body body)
{
    call->result.size = body.size;
    call->result.body = body.bytes;
    if (call->result.fields.reason != RN_REASON_OK && call->result.body) {
        struct rn_fault fault;
        return rn_fault_decode(call->result.body, call->result.size, &fault);
    }
    return RN_OK;
}

/* In one packet, as nearly all come: no block is made for it. */
static enum rn_error receive_small_result(struct rn_call *call, const struct rn_message *message)
{
    if (message->body_size > 0) {
        memcpy(call->result.small, message->body, message->body_size);
    }
    return receive_result(call, (struct body){call->result.small, message->body_size, 0});
}

/* When a sleep ends. One that is asked for again, for an answer that came in between, goes on. */
static uint64_t find_sleep_end(struct rn_call *call, const struct rn_fields_SLEEP *fields)
{
    if (rn_timeline_has(call->timeline, call->timeline_at)) {
        return rn_now_ns();
    }
    if (call->sleep_due_ns == 0 || call->sleep_until_ns != fields->until) {
        call->sleep_until_ns = fields->until;
        call->sleep_due_ns = rn_after_ns(rn_now_ns(), fields->ns);
    }
    return call->sleep_due_ns;
}

/* The owner has nothing to do with it: the clock's thread answers. */
static void receive_sleep(struct rn_call *call, const struct rn_message *message)
{
    const struct rn_fields_SLEEP *fields = &message->as.SLEEP;
    call->sleep_number = fields->number;
    bool wanted = !call->ending && call->state.sleep_out && !rn_replay_sleep(call);
    call->slept = call->slept || wanted;
    if (wanted && rn_clock_set(call->supervisor->clock, &call->sleep_timer,
                               find_sleep_end(call, fields)) != RN_OK) {
        call->failed = true;
    }
    give_credit(call, 1);
}

/* Of a worker that diagnoses; it will be dead soon. */
static enum rn_error receive_trap(struct rn_call *call, const struct rn_message *message)
{
    struct rn_fault fault;
    if (!call->supervisor->options.diagnose || call->trap || !message->last) {
        return RN_E_MESSAGE_STATE;
    }
    RN_TRY(rn_fault_decode(message->body, message->body_size, &fault));
    struct rn_call_trap *trap = rn_alloc(sizeof(*trap) + message->body_size);
    if (trap) {
        trap->fields = message->as.TRAP;
        trap->size = message->body_size;
        memcpy(trap->body, message->body, message->body_size); // an error has no empty body
        call->trap = trap;
    }
    return RN_OK;
}

/* Of a worker that profiles. What there is no memory for ends the call, as any message does. */
static enum rn_error receive_profile(struct rn_call *call, const struct rn_message *message)
{
    if (!call->supervisor->options.profile || !message->last) {
        return RN_E_MESSAGE_STATE;
    }
    enum rn_error error = RN_OK;
    give_credit(call, 1);
    if (call->failed) {
        return RN_OK; // it is not whole: what follows makes no sense without what is lost
    }
    if (!call->profile) {
        error = (enum rn_error)rune_profile_new(call->unit, &call->profile, NULL);
    }
    if (error == RN_OK) {
        error = rn_profile_receive(call->profile, message);
    }
    call->failed = error == RN_E_NO_MEMORY;
    return call->failed ? RN_OK : error;
}

/* A host call or a result in one packet, as nearly all are: nothing has to be kept until there is more. */
static enum rn_error receive_whole(struct rn_call *call, const struct rn_message *message)
{
    if (message->type == RN_MESSAGE_HOST_CALL) {
        receive_host_call(call, &message->as.HOST_CALL, copy_body(call, message));
        return RN_OK;
    }
    return message->body_size <= RN_RECORD_SMALL_MAX
               ? receive_small_result(call, message)
               : receive_result(call, copy_body(call, message));
}

static enum rn_error receive_assembled(struct rn_call *call, enum rn_message_type type)
{
    if (type == RN_MESSAGE_RESULT) {
        return receive_result(call, take_assembly(call));
    }
    struct rn_fields_HOST_CALL fields = {0};
    if (call->assembly) {
        fields = call->assembly->fields;
    }
    receive_host_call(call, &fields, take_assembly(call));
    return RN_OK;
}

static enum rn_error receive(struct rn_call *call, const struct rn_message *message)
{
    RN_TRY(rn_call_state_receive(&call->state, message));
    if (message->type == RN_MESSAGE_TRAP) {
        return receive_trap(call, message);
    }
    if (message->type == RN_MESSAGE_PROFILE) {
        return receive_profile(call, message);
    }
    if (message->type == RN_MESSAGE_SLEEP) {
        receive_sleep(call, message);
        return RN_OK;
    }
    if (message->type == RN_MESSAGE_OUTPUT) {
        if (message->as.OUTPUT.stream > 1) {
            return RN_E_MESSAGE_INVALID;
        }
        receive_output(call, message);
        return RN_OK;
    }
    if (message->type == RN_MESSAGE_RESULT && message->first) {
        RN_TRY(receive_result_fields(call, &message->as.RESULT));
    }
    if (message->first && message->last) {
        return receive_whole(call, message);
    }
    return assemble(call, message) ? receive_assembled(call, message->type) : RN_OK;
}

enum rn_error rn_call_receive(struct rn_call *call, const struct rn_message *message)
{
    enum rn_error error = receive(call, message);
    call->lied = call->lied || error != RN_OK;
    return error;
}

bool rn_call_is_done(const struct rn_call *call)
{
    return call->state.state == RN_STATE_DONE && !call->lied;
}

bool rn_call_has_news(const struct rn_call *call)
{
    return call->events || rn_call_is_done(call) || call->failed || call->peer->dead ||
           call->replay.divergence != RN_SAME;
}
