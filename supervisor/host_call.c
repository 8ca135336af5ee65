/*
 * host_call.c: host functions: arguments in, exactly one answer out.
 *
 * Trust: arguments come from workers, or by way of a daemon; they are a checked ConstValue before the host
 * sees them. Those that are forwarded to a client, and its answers, nobody reads here.
 */
#include "supervisor/host_call.h"

#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/utf8.h"
#include "bytecode/unit_layout.h"
#include "supervisor/error.h"
#include "supervisor/probes.h"
#include "supervisor/remote_host.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"

/* Bytes that wait for a worker which does not read, while its host calls are still answered: by a client, whom it
 * costs nothing; by the host, whose own memory it is. */
#define CLIENTS_WAITING_MAX ((size_t)64 << 20)
#define HOSTS_WAITING_MAX ((size_t)256 << 20)

/* What a list of host calls hangs on: the call here, or what stands for it in a client. */
struct place {
    pthread_mutex_t *lock;
    pthread_cond_t *told;
    bool *open;
    rune_host_call **first;
};

static struct place enter(struct rn_call *call, struct rn_remote_hosts *hosts)
{
    if (hosts) {
        pthread_mutex_lock(&hosts->lock);
        return (struct place){&hosts->lock, &hosts->told, &hosts->open, &hosts->first};
    }
    struct rn_peer *peer = rn_call_lock(call);
    return (struct place){&peer->lock, &peer->told, &call->open, &call->host_calls};
}

rune_host_call *rn_host_call_ref(rune_host_call *host_call)
{
    atomic_fetch_add_explicit(&host_call->refs, 1, memory_order_relaxed);
    return host_call;
}

void rn_host_call_unref(rune_host_call *host_call)
{
    if (!host_call || atomic_fetch_sub_explicit(&host_call->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < host_call->count; i++) {
        rune_value_unref(host_call->items[i]);
    }
    rune_value_unref(host_call->args);
    if (host_call->call) {
        rn_call_host_bytes_freed(host_call->call, host_call->size);
    }
    rn_call_unref(host_call->call);
    rn_remote_hosts_unref(host_call->hosts);
    rn_free(host_call);
}

/* Under the lock: true if that may be held for a worker that has not come to read it. */
static bool has_room(const struct rn_call *call, const struct rn_peer *peer, size_t size)
{
    size_t max = call->forward_user ? CLIENTS_WAITING_MAX : HOSTS_WAITING_MAX;
    return peer->queue.bytes <= max && rn_replay_has_room(call, size);
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
        status = has_room(call, peer, size) ? rn_replay_give(call, &step) : RUNE_E_OVERLOADED;
    }
    pthread_mutex_unlock(&peer->lock);
    if (status == RUNE_E_OVERLOADED) {
        rn_call_stop(call, RN_REASON_MEMORY);
    }
    return status;
}

/* As much of a text as there is room for, up to a character's border. False: that was not all. */
static bool put(struct rn_host_message *out, const char *text, size_t size)
{
    size_t part = rn_min_size(size, sizeof(out->text) - out->size);
    while (!rn_utf8_is_boundary(text, size, part)) {
        part--;
    }
    memcpy(out->text + out->size, text, part);
    out->size += part;
    return part == size;
}

void rn_host_message_init(struct rn_host_message *out, const char *message)
{
    static const char replacement[] = "\xef\xbf\xbd"; // for each byte, as in diagnostics
    size_t left = strlen(message);
    size_t good = 0;
    out->size = 0;
    while (!rn_utf8_valid(message, left, &good)) {
        if (!put(out, message, good) || !put(out, replacement, sizeof(replacement) - 1)) {
            return;
        }
        message += good + 1;
        left -= good + 1;
    }
    (void)put(out, message, left);
}

static rune_status answer_failed(struct rn_call *call, uint32_t number, const char *message)
{
    struct rn_host_message sent;
    rn_host_message_init(&sent, message);
    return send_reply(call, number, true, sent.text, sent.size);
}

static rune_status fail(const rune_host_call *host_call, const char *message)
{
    return host_call->hosts ? rn_remote_host_fail(host_call->hosts, host_call->number, message)
                            : answer_failed(host_call->call, host_call->number, message);
}

static rune_status give(const rune_host_call *host_call, const void *body, size_t size)
{
    return host_call->hosts ? rn_remote_host_give(host_call->hosts, host_call->number, body, size)
                            : send_reply(host_call->call, host_call->number, false, body, size);
}

/* While a script waits for a function that somebody else runs, that is the host's time. */
static void count_time(const rune_host_call *host_call)
{
    const struct rn_host_entry *entry = host_call->entry;
    if (entry->forward && !entry->is_async) {
        atomic_fetch_add(&host_call->call->host_ns, rn_now_ns() - host_call->begun_ns);
    }
}

/* The host's first answer; true once. */
static bool claim(rune_host_call *host_call)
{
    return !atomic_exchange_explicit(&host_call->answered, true, memory_order_acq_rel);
}

/* An answered async call is neither the host's nor the call's any more. */
static void release_async(rune_host_call *host_call)
{
    if (!host_call->entry->is_async && !host_call->entry->forward) {
        return;
    }
    bool listed = false;
    struct place place = enter(host_call->call, host_call->hosts);
    while (host_call->telling && !pthread_equal(host_call->teller, pthread_self())) {
        pthread_cond_wait(place.told, place.lock);
    }
    if (host_call->link) {
        *host_call->link = host_call->next;
        if (host_call->next) {
            host_call->next->link = host_call->link;
        }
        host_call->link = NULL;
        listed = true;
    }
    pthread_mutex_unlock(place.lock);
    if (listed) {
        rn_host_call_unref(host_call);
    }
    rn_host_call_unref(host_call);
}

rune_status rune_host_call_reply(rune_host_call *host_call, const rune_const_value *value)
{
    if (!host_call) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    if (!value) {
        rune_status status = rune_host_call_fail(host_call, "the host function gave no value");
        return status == RUNE_OK ? RUNE_E_INVALID_ARGUMENT : status;
    }
    if (!claim(host_call)) {
        return RUNE_E_STALE;
    }
    rune_status status;
    if (value->size > RN_REPLY_BODY_MAX) {
        status = fail(host_call, "the host function's value is too large");
        status = status == RUNE_OK ? RUNE_E_TOO_LARGE : status;
    } else {
        status = give(host_call, value->bytes, value->size);
    }
    release_async(host_call);
    return status;
}

rune_status rune_host_call_fail(rune_host_call *host_call, const char *message)
{
    if (!host_call) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    if (!claim(host_call)) {
        return RUNE_E_STALE;
    }
    count_time(host_call);
    rune_status status = fail(host_call, message ? message : "the host function failed");
    release_async(host_call);
    return status;
}

rune_status rune_host_call_drop(rune_host_call *host_call)
{
    return rune_host_call_fail(host_call, "the host gave up the call");
}

rune_status rune_host_call_on_cancel(rune_host_call *host_call, void (*fn)(void *user), void *user)
{
    rune_status status = RUNE_E_BUSY;
    if (!host_call->entry->is_async) {
        return RUNE_E_UNSUPPORTED; // it has answered before the call can end
    }
    struct place place = enter(host_call->call, host_call->hosts);
    if (*place.open) {
        host_call->on_cancel = fn;
        host_call->on_cancel_user = user;
        status = RUNE_OK;
    }
    pthread_mutex_unlock(place.lock);
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
    return host_call->user;
}

const char *rune_host_call_item(const rune_host_call *host_call)
{
    return host_call->entry->path;
}

uint64_t rune_host_call_budget(const rune_host_call *host_call)
{
    return host_call->budget;
}

/* As many as the function takes. */
static bool is_right_count(const struct rn_host_entry *entry, size_t count)
{
    int arity = entry->arity;
    return arity < 0 ? count <= RN_ARGUMENTS_MAX : count == (size_t)arity;
}

/* Arguments that are right for their function. */
struct args {
    rune_const_value *whole; /* a tuple, or unit; counted; NULL: none */
    uint32_t count;
};

/* Checks the bytes, which are consumed. */
static bool take_args(const struct rn_host_entry *entry, uint8_t *data, size_t size,
                      struct args *out_args)
{
    rune_const_value *whole = NULL;
    if (size == 0) {
        rn_free(data);
        return is_right_count(entry, 0);
    }
    if (rn_value_take(data, size, &whole) != RN_OK) {
        return false;
    }
    rune_value_kind kind = rune_value_kind_of(whole);
    size_t count = kind == RUNE_VALUE_TUPLE ? rune_value_count(whole) : 0;
    if ((kind != RUNE_VALUE_TUPLE && kind != RUNE_VALUE_UNIT) || !is_right_count(entry, count)) {
        rune_value_unref(whole);
        return false;
    }
    *out_args = (struct args){whole, (uint32_t)count};
    return true;
}

/* With the arguments, which are consumed; NULL without memory. */
static rune_host_call *make(const struct rn_host_entry *entry, struct args args)
{
    rune_value_iter at;
    rune_host_call *host_call =
        rn_alloc(sizeof(*host_call) + args.count * sizeof(host_call->items[0]));
    if (!host_call) {
        rune_value_unref(args.whole);
        return NULL;
    }
    atomic_init(&host_call->refs, 1);
    host_call->entry = entry;
    host_call->args = args.whole;
    if (args.count > 0) {
        rune_value_iter_init(&at, args.whole);
    }
    while (host_call->count < args.count) {
        if (rune_value_iter_next(&at, &host_call->items[host_call->count]) != RUNE_OK) {
            rn_host_call_unref(host_call);
            return NULL;
        }
        host_call->count++;
    }
    return host_call;
}

/* Of one that is not forwarded its data is consumed, and given back to the call's account with the host call,
 * or if there is none. */
static rune_host_call *make_here(struct rn_call *call, const struct rn_host_entry *entry,
                                 struct rn_event *event)
{
    struct args args = {NULL, 0};
    bool good = entry->forward || take_args(entry, RN_TAKE(event->data), event->size, &args);
    rune_host_call *host_call = good ? make(entry, args) : NULL;
    if (host_call) {
        host_call->size = event->size;
        host_call->call = rn_call_ref(call);
        host_call->user = call->vm->user;
        host_call->number = event->number;
        host_call->function = event->function;
        host_call->budget = event->budget;
        host_call->begun_ns = rn_now_ns();
    } else if (!entry->forward) {
        rn_call_host_bytes_freed(call, event->size);
    }
    return host_call;
}

/* Lists a call that answers later in its call, which counts it. */
static void list(rune_host_call *host_call)
{
    if (host_call->call) {
        host_call->call->has_async = true;
    }
    struct place place = enter(host_call->call, host_call->hosts);
    atomic_fetch_add(&host_call->refs, 1);
    host_call->next = *place.first;
    host_call->link = place.first;
    if (host_call->next) {
        host_call->next->link = &host_call->next;
    }
    *place.first = host_call;
    pthread_mutex_unlock(place.lock);
}

/* Runs the host's function, in whose hands the call is from then on if it is async. */
static void invoke(rune_host_call *host_call)
{
    const struct rn_host_entry *entry = host_call->entry;
    if (entry->is_async) {
        list(host_call);
        entry->fn(entry->user, host_call);
        return;
    }
    entry->fn(entry->user, host_call);
    if (claim(host_call)) {
        (void)fail(host_call, "the host function gave no answer");
    }
    rn_host_call_unref(host_call);
}

/* Hands it on; then its arguments are no longer this call's. */
static void forward(struct rn_call *call, rune_host_call *host_call, struct rn_event *event)
{
    host_call->size = 0;
    list(host_call);
    rn_call_give_room_back(call, event); // what is sent is counted anew
    host_call->entry->forward(call->forward_user, host_call, RN_TAKE(event->data), event->size);
    rn_call_host_bytes_freed(call, event->size);
}

void rn_host_call_run(struct rn_call *call, struct rn_event *event)
{
    const struct rn_host_entry *entry = rn_runtime_function(call->runtime, event->function);
    rune_host_call *host_call = entry ? make_here(call, entry, event) : NULL;
    if (!host_call) {
        (void)answer_failed(call, event->number, "the host function cannot be called like this");
        return;
    }
    call->had_effect = true;
    rn_probe_host_call(call->id, event->number, entry->path);
    if (entry->forward) {
        forward(call, host_call, event);
        return;
    }
    uint64_t begun_ns = rn_now_ns();
    invoke(host_call);
    atomic_fetch_add(&call->host_ns, rn_now_ns() - begun_ns);
}

bool rn_host_call_run_remote(struct rn_remote_hosts *hosts, uint32_t number,
                             const struct rn_host_entry *entry, uint8_t *args, size_t size)
{
    struct args taken = {NULL, 0};
    rune_host_call *host_call = take_args(entry, args, size, &taken) ? make(entry, taken) : NULL;
    if (!host_call) {
        return false;
    }
    host_call->hosts = rn_remote_hosts_ref(hosts);
    host_call->user = hosts->user;
    host_call->number = number;
    invoke(host_call);
    return true;
}

rune_status rn_host_call_answer(rune_host_call *host_call, const void *bytes, size_t size)
{
    struct rn_call *call = host_call->call;
    if (!claim(host_call)) {
        return RUNE_E_STALE;
    }
    count_time(host_call);
    rune_status status = send_reply(call, host_call->number, false, bytes, size);
    release_async(host_call);
    return status;
}

/* Runs the host's callback; whoever answers meanwhile waits until it has returned. */
static void tell(rune_host_call *host_call)
{
    host_call->on_cancel(host_call->on_cancel_user);
    struct place place = enter(host_call->call, host_call->hosts);
    host_call->telling = false;
    pthread_cond_broadcast(place.told);
    pthread_mutex_unlock(place.lock);
}

/* The next that is out, no longer listed; NULL: none is left, nor will be. */
static rune_host_call *take_listed(struct rn_call *call, struct rn_remote_hosts *hosts)
{
    struct place place = enter(call, hosts);
    *place.open = false;
    rune_host_call *host_call = *place.first;
    if (host_call) {
        *place.first = host_call->next;
        if (host_call->next) {
            host_call->next->link = place.first;
        }
        host_call->link = NULL;
        host_call->telling = host_call->on_cancel && !atomic_load(&host_call->answered);
        host_call->teller = pthread_self();
    }
    pthread_mutex_unlock(place.lock);
    return host_call;
}

void rn_host_calls_end(struct rn_call *call, struct rn_remote_hosts *hosts)
{
    rune_host_call *host_call;
    if (call && !call->has_async) {
        return; // none was ever out, and no answer is taken any more (C3)
    }
    while ((host_call = take_listed(call, hosts)) != NULL) {
        if (host_call->telling) {
            tell(host_call);
        }
        if (!atomic_load(&host_call->answered)) {
            count_time(host_call);
        }
        rn_host_call_unref(host_call);
    }
}
