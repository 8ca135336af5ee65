/*
 * host_call.c: host functions: arguments in, exactly one answer out.
 *
 * Trust: arguments come from workers; they are a checked ConstValue before the host sees them.
 */
#include "supervisor/host_call.h"

#include <string.h>

#include "base/alloc.h"
#include "bytecode/unit_layout.h"
#include "supervisor/error.h"
#include "supervisor/value.h"

/* Bytes of an error message that the script gets. */
#define MESSAGE_MAX 4096u

static void unref(rune_host_call *host_call)
{
    if (atomic_fetch_sub_explicit(&host_call->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; host_call->items && i < host_call->count; i++) {
        rune_value_unref(host_call->items[i]);
    }
    rn_free(host_call->items);
    rune_value_unref(host_call->args);
    rn_call_host_bytes_freed(host_call->call, host_call->size);
    rn_call_unref(host_call->call);
    rn_free(host_call);
}

/* Gives the worker its answer if the call still runs, be it in a second run. */
static rune_status send_reply(struct rn_call *call, uint32_t number, bool failed, const void *body,
                              size_t size)
{
    rune_status status = RUNE_E_STALE;
    struct rn_peer *peer = rn_call_lock(call);
    if (call->open && call->state.state != RN_STATE_DONE) {
        struct rn_step step = {.kind = failed ? RN_STEP_FAILURE : RN_STEP_ANSWER,
                               .number = number,
                               .body = body,
                               .size = size};
        status = rn_replay_give(call, &step);
    }
    pthread_mutex_unlock(&peer->lock);
    return status;
}

static rune_status answer_failed(struct rn_call *call, uint32_t number, const char *message)
{
    size_t size = strlen(message);
    if (!rn_utf8_valid(message, size, NULL)) {
        message = "the host function failed";
        size = strlen(message);
    }
    while (size > MESSAGE_MAX || !rn_utf8_is_boundary(message, strlen(message), size)) {
        size = size > MESSAGE_MAX ? MESSAGE_MAX : size - 1;
    }
    return send_reply(call, number, true, message, size);
}

/* The host's first answer; true once. */
static bool claim(rune_host_call *host_call)
{
    return !atomic_exchange_explicit(&host_call->answered, true, memory_order_acq_rel);
}

/* An answered async call is neither the host's nor the call's any more. */
static void release_async(rune_host_call *host_call)
{
    if (!host_call->entry->is_async) {
        return;
    }
    bool listed = false;
    struct rn_peer *peer = rn_call_lock(host_call->call);
    while (host_call->telling && !pthread_equal(host_call->teller, pthread_self())) {
        pthread_cond_wait(&host_call->call->cond, &peer->lock);
    }
    if (host_call->link) {
        *host_call->link = host_call->next;
        if (host_call->next) {
            host_call->next->link = host_call->link;
        }
        host_call->link = NULL;
        listed = true;
    }
    pthread_mutex_unlock(&peer->lock);
    if (listed) {
        unref(host_call);
    }
    unref(host_call);
}

rune_status rune_host_call_reply(rune_host_call *host_call, const rune_const_value *value)
{
    if (!value) {
        return rune_host_call_fail(host_call, "the host function gave no value");
    }
    if (!claim(host_call)) {
        return RUNE_E_STALE;
    }
    rune_status status;
    if (value->size > RN_REPLY_BODY_MAX) {
        status = answer_failed(host_call->call, host_call->number,
                               "the host function's value is too large");
        status = status == RUNE_OK ? RUNE_E_TOO_LARGE : status;
    } else {
        status = send_reply(host_call->call, host_call->number, false, value->bytes, value->size);
    }
    release_async(host_call);
    return status;
}

rune_status rune_host_call_fail(rune_host_call *host_call, const char *message)
{
    if (!claim(host_call)) {
        return RUNE_E_STALE;
    }
    rune_status status = answer_failed(host_call->call, host_call->number, message);
    release_async(host_call);
    return status;
}

rune_status rune_host_call_drop(rune_host_call *host_call)
{
    return rune_host_call_fail(host_call, "the host gave up the call");
}

rune_status rune_host_call_on_cancel(rune_host_call *host_call, void (*fn)(void *user), void *user)
{
    struct rn_call *call = host_call->call;
    rune_status status = RUNE_E_BUSY;
    if (!host_call->entry->is_async) {
        return RUNE_E_UNSUPPORTED; // it has answered before the call can end
    }
    struct rn_peer *peer = rn_call_lock(call);
    if (call->open) {
        host_call->on_cancel = fn;
        host_call->on_cancel_user = user;
        status = RUNE_OK;
    }
    pthread_mutex_unlock(&peer->lock);
    return status;
}

size_t rune_host_call_arg_count(const rune_host_call *host_call)
{
    return host_call->count;
}

const rune_const_value *rune_host_call_arg(const rune_host_call *host_call, size_t index)
{
    return index < host_call->count ? host_call->items[index] : NULL;
}

void *rune_host_call_user(const rune_host_call *host_call)
{
    return host_call->call->user;
}

const char *rune_host_call_item(const rune_host_call *host_call)
{
    return host_call->entry->path;
}

/* As many as the function takes. */
static bool is_right_count(const rune_host_call *host_call, size_t count)
{
    int arity = host_call->entry->arity;
    return arity < 0 ? count <= RN_ARGUMENTS_MAX : count == (size_t)arity;
}

static bool take_items(rune_host_call *host_call, size_t count)
{
    rune_value_iter at;
    host_call->items = rn_alloc_array(count, sizeof(*host_call->items));
    if (!host_call->items) {
        return false;
    }
    rune_value_iter_init(&at, host_call->args);
    while (host_call->count < count) {
        if (rune_value_iter_next(&at, &host_call->items[host_call->count]) != RUNE_OK) {
            return false;
        }
        host_call->count++;
    }
    return true;
}

/* Takes the arguments apart: elements of a tuple. */
static bool take_args(rune_host_call *host_call, struct rn_event *event)
{
    uint8_t *data = RN_TAKE(event->data);
    if (event->size == 0) {
        rn_free(data);
        return is_right_count(host_call, 0);
    }
    if (rn_value_take(data, event->size, &host_call->args) != RN_OK) {
        return false;
    }
    rune_value_kind kind = rune_value_kind_of(host_call->args);
    size_t count = rune_value_count(host_call->args);
    if ((kind != RUNE_VALUE_TUPLE && kind != RUNE_VALUE_UNIT) ||
        !is_right_count(host_call, count)) {
        return false;
    }
    return kind == RUNE_VALUE_UNIT || take_items(host_call, count);
}

static rune_host_call *make(struct rn_call *call, const struct rn_host_entry *entry,
                            struct rn_event *event)
{
    rune_host_call *host_call = rn_alloc(sizeof(*host_call));
    if (!host_call) {
        return NULL;
    }
    atomic_init(&host_call->refs, 1);
    host_call->size = event->size;
    host_call->call = rn_call_ref(call);
    host_call->entry = entry;
    host_call->number = event->number;
    host_call->budget = event->budget;
    if (!take_args(host_call, event)) {
        unref(host_call);
        return NULL;
    }
    return host_call;
}

/* Lists an async call in its call, which counts it. */
static void list(struct rn_call *call, rune_host_call *host_call)
{
    call->has_async = true;
    pthread_mutex_lock(&call->peer->lock);
    atomic_fetch_add(&host_call->refs, 1);
    host_call->next = call->host_calls;
    host_call->link = &call->host_calls;
    if (host_call->next) {
        host_call->next->link = &host_call->next;
    }
    call->host_calls = host_call;
    pthread_mutex_unlock(&call->peer->lock);
}

void rn_host_call_run(struct rn_call *call, struct rn_event *event)
{
    const struct rn_host_entry *entry = rn_runtime_function(call->runtime, event->function);
    rune_host_call *host_call = entry ? make(call, entry, event) : NULL;
    if (!host_call) {
        (void)answer_failed(call, event->number, "the host function cannot be called like this");
        return;
    }
    call->had_effect = true;
    uint64_t begun_ns = rn_now_ns();
    if (entry->is_async) {
        list(call, host_call);
        entry->fn(entry->user, host_call);
    } else {
        entry->fn(entry->user, host_call);
        if (claim(host_call)) {
            (void)answer_failed(call, host_call->number, "the host function gave no answer");
        }
        unref(host_call);
    }
    call->host_ns += rn_now_ns() - begun_ns;
}

/* Runs the host's callback; whoever answers meanwhile waits until it has returned. */
static void tell(struct rn_call *call, rune_host_call *host_call)
{
    host_call->on_cancel(host_call->on_cancel_user);
    pthread_mutex_lock(&call->peer->lock);
    host_call->telling = false;
    pthread_cond_broadcast(&call->cond);
    pthread_mutex_unlock(&call->peer->lock);
}

void rn_host_calls_end(struct rn_call *call)
{
    while (call->has_async) {
        pthread_mutex_lock(&call->peer->lock);
        rune_host_call *host_call = call->host_calls;
        if (host_call) {
            call->host_calls = host_call->next;
            if (host_call->next) {
                host_call->next->link = &call->host_calls;
            }
            host_call->link = NULL;
            host_call->telling = host_call->on_cancel && !atomic_load(&host_call->answered);
            host_call->teller = pthread_self();
        }
        pthread_mutex_unlock(&call->peer->lock);
        if (!host_call) {
            return;
        }
        if (host_call->telling) {
            tell(call, host_call);
        }
        unref(host_call);
    }
}
