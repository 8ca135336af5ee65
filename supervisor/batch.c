/*
 * batch.c: calls of different Vms at once, of one Vm in order, with one thread that begins, receives
 * for, steps and ends them all.
 *
 *     begin while the next one's Vm and a worker are free ─► ring ─► wait for news of any
 *        ▲                                                                │
 *        └───────── step each call with news; end those that are over ◄───┘
 *
 * So a call costs no thread its wake-up: while a worker is busy with some, the results of others are
 * taken and further ones sent. If all calls are at one peer, this thread waits as its receiver does;
 * if they are at several, it polls, with the role of all where no other thread has it: those others note
 * what comes for it, and call it when they leave (P6).
 */
#include "supervisor/batch.h"

#include <poll.h>
#include <time.h>

#include "base/alloc.h"
#include "supervisor/call.h"
#include "supervisor/group.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"
#include "supervisor/wake.h"

/* What refused, be it a sink or the kernel, is asked again after this many milliseconds. */
#define RETRY_MS 5

/* A call of the batch. */
struct entry {
    struct rn_call *call; /* counted; NULL: not begun, or ended */
    struct place *place;
    struct entry *next; /* of those that run, the newest first */
    struct entry **link;
};

/* A peer with calls of the batch. */
struct place {
    struct place *next;
    struct rn_peer *peer; /* counted, and so is its domain's user; NULL: none yet */
    uint32_t calls;       /* 0: free */
    uint32_t idle;        /* loads of calls that have ended, for others to begin with */
    uint32_t begun;       /* such, which the pool has not counted yet */
    bool watched;         /* by this thread, which polls */
    struct rn_peer_poller poller;
};

struct batch {
    const rune_batch_call *calls;
    struct entry *entries;
    rune_record **records;
    struct rn_group group;
    struct entry *first;   /* that runs */
    struct place *places;  /* owned */
    struct pollfd *polled; /* room for all of them and one more */
    size_t place_count;
    size_t next; /* not begun yet */
    size_t running;
    uint64_t now_ns; /* what is stepped had come by then */
    bool refused;    /* by a sink, of a call that is noted again */
};

/* Places */

static struct place *new_place(struct batch *batch)
{
    struct place *place = rn_alloc(sizeof(*place));
    struct pollfd *polled =
        rn_realloc(batch->polled, (batch->place_count + 2) * sizeof(*batch->polled));
    batch->polled = polled ? polled : batch->polled;
    if (!place || !polled) {
        rn_free(place);
        return NULL;
    }
    place->poller.group = &batch->group;
    place->next = batch->places;
    batch->places = place;
    batch->place_count++;
    return place;
}

/* The domain goes before what is left of its peers. */
static void leave_peer(struct place *place)
{
    if (place->peer) {
        rn_pool_domain_release(place->peer->domain);
        rn_peer_unref(RN_TAKE(place->peer));
    }
}

/* Where calls at that peer are counted. NULL without memory. */
static struct place *find_place(struct batch *batch, struct rn_peer *peer)
{
    struct place *unused = NULL;
    for (struct place *place = batch->places; place; place = place->next) {
        if (place->peer == peer) {
            return place;
        }
        bool is_free = place->calls == 0 && place->idle == 0 && place->begun == 0;
        unused = is_free ? place : unused;
    }
    struct place *place = unused ? unused : new_place(batch);
    if (place) {
        leave_peer(place);
        place->peer = rn_peer_ref(peer);
        rn_pool_domain_hold(peer->domain);
    }
    return place;
}

/* Counts the call where it is now. */
static rune_status enter(struct batch *batch, struct entry *entry)
{
    entry->place = find_place(batch, entry->call->peer);
    if (!entry->place) {
        return RUNE_E_NO_MEMORY;
    }
    entry->place->calls++;
    return RUNE_OK;
}

static void leave(struct entry *entry)
{
    if (entry->place) {
        entry->place->calls--;
    }
    entry->place = NULL;
}

/* Loads: one that a call leaves behind serves the next one at once, without the pool's lock. */

static void give_loads_back(struct batch *batch)
{
    for (struct place *place = batch->places; place; place = place->next) {
        if (place->idle > 0 || place->begun > 0) {
            rn_pool_put_loads(place->peer->supervisor, place->peer, place->idle, place->begun);
            place->idle = 0;
            place->begun = 0;
        }
    }
}

static struct place *find_load(struct batch *batch, const struct rn_call *call)
{
    rune_vm *vm = call->vm;
    struct rn_pool_request request = rn_vm_wanted_worker(vm);
    request.keeps = call->keeps;
    for (struct place *place = batch->places; place; place = place->next) {
        bool may =
            place->idle > 0 && !vm->home && !vm->lost && !rn_pool_domain_is_broken(vm->domain);
        if (may && rn_pool_may_go_on(place->peer, &request)) {
            return place;
        }
    }
    return NULL;
}

/* At a peer whose load is at hand, or wherever the pool wants it. */
static rune_status begin_somewhere(struct batch *batch, struct rn_call *call, rune_error **why)
{
    struct place *place = find_load(batch, call);
    if (!place) {
        give_loads_back(batch); // they may be what it lacks
        return rn_call_begin(call, why);
    }
    call->offered = place->peer;
    place->idle--;
    rune_status status = rn_call_begin(call, why);
    if (status == RUNE_OK && call->peer == place->peer) {
        place->begun++; // elsewhere the pool has counted it
    }
    return status;
}

/* Beginning */

/* Whether one of the batch has the Vm. */
static bool is_ours(const struct batch *batch, const rune_vm *vm)
{
    const struct entry *entry = batch->first;
    while (entry && entry->call->vm != vm) {
        entry = entry->next;
    }
    return entry != NULL;
}

static void list(struct batch *batch, struct entry *entry)
{
    entry->next = batch->first;
    entry->link = &batch->first;
    if (entry->next) {
        entry->next->link = &entry->next;
    }
    batch->first = entry;
    batch->running++;
}

static void unlist(struct batch *batch, struct entry *entry)
{
    *entry->link = entry->next;
    if (entry->next) {
        entry->next->link = entry->link;
    }
    batch->running--;
}

/* A claimed Vm's. On failure the Vm is still claimed. */
static rune_status begin_claimed(struct batch *batch, size_t index, rune_error **why)
{
    const rune_batch_call *wanted = &batch->calls[index];
    struct entry *entry = &batch->entries[index];
    struct rn_request request = {
        .args = {wanted->args, wanted->arg_count}, .options = wanted->options, .wants_usage = true};
    struct rn_call *call = NULL;
    rune_status status = rn_vm_find_item(wanted->vm, wanted->item, &request.target, why);
    if (status == RUNE_OK) {
        status = rn_vm_prepare(wanted->vm, &request, &call, why);
    }
    if (status == RUNE_OK) {
        call->group = &batch->group;
        call->owner = entry;
        call->wait = call->wait && batch->running == 0; // else for one of ours to end
        status = begin_somewhere(batch, call, why);
    }
    if (status != RUNE_OK) {
        rn_vm_take_back(wanted->vm, call);
        return status;
    }
    rn_vm_watch(call, wanted->options);
    entry->call = call;
    list(batch, entry);
    return RUNE_OK;
}

static rune_status keep_failure(struct batch *batch, size_t index, rune_error *why)
{
    const rune_batch_call *wanted = &batch->calls[index];
    batch->records[index] = why ? rn_record_of_failure(wanted->vm, wanted->item, why) : NULL;
    if (!batch->records[index]) {
        rune_error_free(why);
        return RUNE_E_NO_MEMORY;
    }
    return RUNE_OK;
}

static rune_status claim(struct batch *batch, size_t index, bool *out_wait, rune_error **why)
{
    const rune_batch_call *wanted = &batch->calls[index];
    struct rn_args args = {wanted->args, wanted->arg_count};
    rune_status status = rn_call_check(wanted->item, args, why);
    if (status != RUNE_OK) {
        return status;
    }
    *out_wait = wanted->vm->busy && is_ours(batch, wanted->vm);
    return *out_wait ? RUNE_E_BUSY : rn_vm_claim(wanted->vm, why);
}

/* Begins the next call, or makes the record that says why it cannot. *out_wait: it has to wait for
 * another one to end. */
static rune_status begin_next(struct batch *batch, bool *out_wait)
{
    size_t index = batch->next;
    rune_error *why = NULL;
    *out_wait = false;
    rune_status status = claim(batch, index, out_wait, &why);
    if (*out_wait) {
        return RUNE_OK;
    }
    if (status == RUNE_OK) {
        status = begin_claimed(batch, index, &why);
        if (status != RUNE_OK) {
            rn_vm_release(batch->calls[index].vm);
        }
    }
    *out_wait = status == RUNE_E_OVERLOADED && batch->running > 0;
    if (*out_wait) {
        rune_error_free(why);
        return RUNE_OK;
    }
    batch->next++;
    return status == RUNE_OK ? enter(batch, &batch->entries[index])
                             : keep_failure(batch, index, why);
}

/* Stepping */

/* One that was noted again meanwhile is still in the group's list. */
static rune_status end(struct batch *batch, struct entry *entry)
{
    size_t index = (size_t)(entry - batch->entries);
    struct rn_call *call = RN_TAKE(entry->call);
    struct place *place = entry->place;
    leave(entry);
    unlist(batch, entry);
    call->keeps_load = place && place->peer == call->peer;
    rune_status status = rn_call_end(call, &batch->records[index]);
    if (call->has_load) {
        place->idle++;
    }
    call->owner = NULL;
    if (!atomic_load(&call->is_noted)) {
        rn_vm_take_back(batch->calls[index].vm, call);
    }
    rn_vm_release(batch->calls[index].vm);
    return status;
}

/* The next call with news that still runs. */
static struct rn_call *next_call(struct batch *batch)
{
    struct rn_call *call;
    while ((call = rn_group_next(&batch->group)) != NULL && !call->owner) {
        rn_call_unref(call);
    }
    return call;
}

/* Code of the host may run now: it may need what we have of the pool, and take its time. */
static enum rn_call_step act(struct batch *batch, struct rn_call *call)
{
    give_loads_back(batch);
    enum rn_call_step step = rn_call_step(call);
    batch->now_ns = rn_now_ns();
    return step;
}

static rune_status step(struct batch *batch, struct rn_call *call)
{
    struct entry *entry = call->owner;
    enum rn_call_step step = rn_call_close(call, batch->now_ns) ? RN_CALL_ENDED : act(batch, call);
    if (step == RN_CALL_ENDED) {
        return end(batch, entry);
    }
    if (step == RN_CALL_REFUSED || step == RN_CALL_MORE) {
        batch->refused = batch->refused || step == RN_CALL_REFUSED;
        rn_group_note(&batch->group, call);
    }
    if (entry->place && entry->place->peer == call->peer) {
        return RUNE_OK;
    }
    leave(entry); // it runs again at another one
    return enter(batch, entry);
}

/* Everything that has news, once. */
static rune_status step_all(struct batch *batch)
{
    rune_status status = RUNE_OK;
    struct rn_call *call;
    batch->now_ns = rn_now_ns();
    while (!batch->refused && (call = next_call(batch)) != NULL) {
        rune_status stepped = step(batch, call);
        status = status == RUNE_OK ? stepped : status;
    }
    return status;
}

/* Waiting */

/* The only peer that has calls of ours; NULL: there are several. */
static struct place *only_place(const struct batch *batch)
{
    struct place *found = NULL;
    for (struct place *place = batch->places; place; place = place->next) {
        if (place->calls > 0 && found) {
            return NULL;
        }
        found = place->calls > 0 ? place : found;
    }
    return found;
}

static void wait_at(struct batch *batch, const struct place *place)
{
    rn_peer_wait_group(place->peer, &batch->group, batch->first->call);
}

/* Takes the role of receiving wherever it is free, and gives for how many milliseconds to poll. */
static int watch_all(struct batch *batch, nfds_t *out_count)
{
    int wait_ms = -1;
    nfds_t count = 0;
    for (struct place *place = batch->places; place; place = place->next) {
        struct rn_peer_watch watch = {.events = 0};
        place->watched = place->calls > 0 && rn_peer_watch(place->peer, &place->poller, &watch);
        if (watch.events != 0) {
            batch->polled[count++] = (struct pollfd){.fd = place->peer->fd, .events = watch.events};
        }
        if (watch.at_hand) {
            wait_ms = 0;
        } else if (watch.soon && wait_ms < 0) {
            wait_ms = RETRY_MS;
        }
    }
    *out_count = count;
    return wait_ms;
}

static rune_status wait_anywhere(struct batch *batch)
{
    nfds_t count;
    int wait_ms = watch_all(batch, &count);
    rune_status status = RUNE_OK;
    if (wait_ms != 0) {
        bool may;
        status = (rune_status)rn_group_fall_asleep(&batch->group, &may);
        if (status == RUNE_OK && may) {
            batch->polled[count] = (struct pollfd){.fd = batch->group.event_fd, .events = POLLIN};
            (void)poll(batch->polled, count + 1, wait_ms);
        }
        if (status == RUNE_OK) {
            rn_group_wake_up(&batch->group);
        }
    }
    for (struct place *place = batch->places; place; place = place->next) {
        if (place->watched) {
            rn_peer_unwatch(place->peer, &place->poller);
        }
    }
    return status;
}

/* A sink refused: other calls go on meanwhile. */
static void pause(struct batch *batch)
{
    struct timespec time = {.tv_nsec = RETRY_MS * 1000000L};
    batch->refused = false;
    for (struct place *place = batch->places; place; place = place->next) {
        if (place->calls > 0) {
            rn_peer_tend(place->peer);
        }
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static rune_status wait_for_news(struct batch *batch)
{
    give_loads_back(batch);
    if (batch->refused) {
        pause(batch);
        return RUNE_OK;
    }
    const struct place *place = only_place(batch);
    if (place) {
        wait_at(batch, place);
        return RUNE_OK;
    }
    return wait_anywhere(batch);
}

/* All of it */

static rune_status run(struct batch *batch, size_t count)
{
    rune_status status = RUNE_OK;
    while (status == RUNE_OK && (batch->next < count || batch->running > 0)) {
        bool must_wait = false;
        while (status == RUNE_OK && batch->next < count && !must_wait) {
            status = begin_next(batch, &must_wait);
        }
        if (status == RUNE_OK && batch->running > 0) {
            status = wait_for_news(batch);
        }
        if (status == RUNE_OK) {
            status = step_all(batch);
        }
    }
    return status;
}

/* No memory: what runs is cancelled, one after the other, and nothing comes of any. */
static void give_up(struct batch *batch, size_t count)
{
    for (struct entry *entry = batch->first; entry; entry = entry->next) {
        rn_call_stop(entry->call, RN_REASON_CANCELLED);
    }
    while (batch->first) {
        struct entry *entry = batch->first;
        rn_call_drive(entry->call);
        (void)end(batch, entry);
    }
    give_loads_back(batch);
    for (size_t i = 0; i < count; i++) {
        rune_record_free(RN_TAKE(batch->records[i]));
    }
}

rune_status rn_batch_run(const rune_batch_call *calls, size_t count, rune_record **out_records)
{
    RN_AUTO_FREE struct entry *entries = rn_alloc_array(count, sizeof(*entries));
    if (!entries) {
        return RUNE_E_NO_MEMORY;
    }
    struct batch batch = {.calls = calls, .entries = entries, .records = out_records};
    rn_group_init(&batch.group);
    rune_status status = run(&batch, count);
    if (status != RUNE_OK) {
        give_up(&batch, count);
    }
    RN_CHECK(!next_call(&batch)); // those that have ended are let go
    give_loads_back(&batch);
    while (batch.places) {
        struct place *place = batch.places;
        batch.places = place->next;
        leave_peer(place);
        rn_free(place);
    }
    rn_free(batch.polled);
    rn_group_done(&batch.group);
    return status;
}
