/*
 * peer_attach.c: what a worker has mapped: found, attached, detached.
 *
 * Index 0 of contexts stands for none.
 */
#include "supervisor/peer_attach.h"

#include "bytecode/unit.h"
#include "policy/policy.h"
#include "supervisor/context.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

/* A mapping is rounded up by less than this. */
#define PAGE_SIZE 4096u
/* Between attaching and the sweep: later than a peer's other timers of that time, which wake the clock. */
#define SWEEP_NS UINT64_C(60000000)
/* Soon again, if there is more than one sweep detaches: freeing them keeps the clock from its timers. */
#define SWEEP_AGAIN_NS UINT64_C(10000000)
#define SWEEP_MAX 16u

/* Attaching */

static enum rn_error attach_message(struct rn_peer *peer, enum rn_message_type type, uint32_t index,
                                    const struct rn_segment *segment)
{
    struct rn_message message = {.type = type};
    if (type == RN_MESSAGE_ATTACH) {
        message.as.ATTACH.unit = index;
        message.as.ATTACH.size = (uint32_t)segment->size;
    } else {
        message.as.CONTEXT.context = index;
        message.as.CONTEXT.size = (uint32_t)segment->size;
    }
    return rn_peer_send(peer, &message, segment->fd);
}

/* What a Unit takes of the address space that a worker was given for them. */
static uint64_t mapped_bytes(const struct rune_unit *unit)
{
    return (uint64_t)unit->segment.size + PAGE_SIZE;
}

/* False: the worker has gone. */
static bool detach_unit(struct rn_peer *peer, uint32_t index)
{
    struct rn_message message = {.type = RN_MESSAGE_DETACH, .as.DETACH = {.unit = index}};
    if (rn_peer_send(peer, &message, -1) != RN_OK) {
        return false;
    }
    struct rune_unit *unit = peer->units[index];
    peer->units[index] = NULL;
    peer->unit_bytes -= mapped_bytes(unit);
    atomic_fetch_sub(&unit->attachments, 1);
    rune_unit_unref(unit);
    return true;
}

static bool detach_context(struct rn_peer *peer, uint32_t index)
{
    struct rn_message message = {.type = RN_MESSAGE_CONTEXT_DETACH,
                                 .as.CONTEXT_DETACH = {.context = index}};
    if (rn_peer_send(peer, &message, -1) != RN_OK) {
        return false;
    }
    struct rune_runtime *runtime = peer->contexts[index];
    peer->contexts[index] = NULL;
    atomic_fetch_sub(&runtime->attachments, 1);
    rune_runtime_unref(runtime);
    return true;
}

/* A free index, by detaching an unused Unit if it must be; RN_NONE if all are in use. */
static uint32_t free_unit_index(struct rn_peer *peer)
{
    uint32_t unused = RN_NONE;
    for (uint32_t i = 0; i < peer->units_end; i++) {
        if (!peer->units[i]) {
            return i;
        }
        if (peer->unit_uses[i] == 0) {
            unused = i;
        }
    }
    if (peer->units_end < RN_PEER_UNITS_MAX) {
        return peer->units_end++;
    }
    if (unused != RN_NONE) {
        (void)detach_unit(peer, unused);
    }
    return unused != RN_NONE && !peer->units[unused] ? unused : RN_NONE;
}

/* Detaches Units that nobody uses until `bytes` more fit. */
static bool make_room(struct rn_peer *peer, uint64_t bytes)
{
    for (uint32_t i = 0; i < peer->units_end; i++) {
        if (peer->unit_bytes + bytes <= RN_WALL_UNITS_MAX) {
            return true;
        }
        if (peer->units[i] && peer->unit_uses[i] == 0) {
            (void)detach_unit(peer, i);
        }
    }
    return peer->unit_bytes + bytes <= RN_WALL_UNITS_MAX;
}

static enum rn_error attach_unit(struct rn_peer *peer, struct rune_unit *unit, uint32_t *out_index)
{
    if (!make_room(peer, mapped_bytes(unit))) {
        return RN_E_WOULD_BLOCK;
    }
    uint32_t index = free_unit_index(peer);
    if (index == RN_NONE) {
        return RN_E_WOULD_BLOCK;
    }
    RN_TRY(attach_message(peer, RN_MESSAGE_ATTACH, index, &unit->segment));
    peer->units[index] = rune_unit_ref(unit);
    peer->unit_bytes += mapped_bytes(unit);
    atomic_fetch_add(&unit->attachments, 1);
    peer->sweep_wanted = true;
    *out_index = index;
    return RN_OK;
}

enum rn_error rn_peer_use_unit(struct rn_peer *peer, struct rune_unit *unit, uint32_t *out_index)
{
    uint32_t index = 0;
    while (index < peer->units_end && peer->units[index] != unit) {
        index++;
    }
    if (index == peer->units_end) {
        RN_TRY(attach_unit(peer, unit, &index));
    }
    peer->unit_uses[index]++;
    *out_index = index;
    return RN_OK;
}

static uint32_t free_context_index(struct rn_peer *peer)
{
    uint32_t unused = RN_NONE;
    for (uint32_t i = 1; i < RN_PEER_CONTEXTS_MAX; i++) {
        if (!peer->contexts[i]) {
            return i;
        }
        if (peer->context_uses[i] == 0) {
            unused = i;
        }
    }
    if (unused != RN_NONE) {
        (void)detach_context(peer, unused);
    }
    return unused != RN_NONE && !peer->contexts[unused] ? unused : RN_NONE;
}

enum rn_error rn_peer_use_context(struct rn_peer *peer, struct rune_runtime *runtime,
                                  uint32_t *out_index)
{
    *out_index = 0;
    if (!runtime) {
        return RN_OK;
    }
    for (uint32_t i = 1; i < RN_PEER_CONTEXTS_MAX; i++) {
        if (peer->contexts[i] == runtime) {
            peer->context_uses[i]++;
            *out_index = i;
            return RN_OK;
        }
    }
    uint32_t index = free_context_index(peer);
    if (index == RN_NONE) {
        return RN_E_WOULD_BLOCK;
    }
    RN_TRY(attach_message(peer, RN_MESSAGE_CONTEXT, index, &runtime->segment));
    peer->contexts[index] = rune_runtime_ref(runtime);
    atomic_fetch_add(&runtime->attachments, 1);
    peer->context_uses[index] = 1;
    *out_index = index;
    return RN_OK;
}

/* What is mapped ahead has the lowest indices, being the first. */

void rn_peer_map_ahead(struct rn_peer *peer, struct rune_unit *unit, struct rune_runtime *runtime)
{
    uint32_t index;
    pthread_mutex_lock(&peer->lock);
    if (!peer->dead && rn_peer_use_unit(peer, unit, &index) == RN_OK) {
        peer->unit_uses[index]--;
        peer->mapped_ahead = true;
        if (rn_peer_use_context(peer, runtime, &index) == RN_OK && index != 0) {
            peer->context_uses[index]--;
        }
    }
    pthread_mutex_unlock(&peer->lock);
}

/* A worker that is to run this alone has nothing of others in it. */
void rn_peer_drop_mapped_ahead(struct rn_peer *peer, const struct rune_unit *unit,
                               const struct rune_runtime *runtime)
{
    peer->mapped_ahead = false;
    if (peer->units[0] && peer->units[0] != unit) {
        (void)detach_unit(peer, 0);
    }
    if (peer->contexts[1] && peer->contexts[1] != runtime) {
        (void)detach_context(peer, 1);
    }
}

void rn_peer_unuse(struct rn_peer *peer, const struct rune_unit *unit,
                   const struct rune_runtime *runtime)
{
    for (uint32_t i = 0; i < peer->units_end; i++) {
        peer->unit_uses[i] -= peer->units[i] == unit;
    }
    for (uint32_t i = 1; i < RN_PEER_CONTEXTS_MAX; i++) {
        peer->context_uses[i] -= runtime && peer->contexts[i] == runtime;
    }
}

/* Sweeping */

static bool is_left_unit(const struct rn_peer *peer, uint32_t index)
{
    struct rune_unit *unit = peer->units[index];
    return unit && peer->unit_uses[index] == 0 &&
           atomic_load(&unit->refs) == atomic_load(&unit->attachments);
}

static bool is_left_context(const struct rn_peer *peer, uint32_t index)
{
    struct rune_runtime *runtime = peer->contexts[index];
    return runtime && peer->context_uses[index] == 0 &&
           atomic_load(&runtime->refs) == atomic_load(&runtime->attachments);
}

/* Detaches what only workers still hold. False: there may be more. */
static bool sweep(struct rn_peer *peer)
{
    uint32_t detached = 0;
    bool lives = true;
    for (uint32_t i = 0; i < peer->units_end && lives && detached < SWEEP_MAX; i++) {
        if (is_left_unit(peer, i)) {
            lives = detach_unit(peer, i);
            detached++;
        }
    }
    for (uint32_t i = 1; i < RN_PEER_CONTEXTS_MAX && lives && detached < SWEEP_MAX; i++) {
        if (is_left_context(peer, i)) {
            lives = detach_context(peer, i);
            detached++;
        }
    }
    return !lives || detached < SWEEP_MAX;
}

static void set_sweep(struct rn_peer *peer, uint64_t at_ns);

static void on_sweep_timer(struct rn_timer *timer)
{
    struct rn_peer *peer = (void *)((char *)timer - offsetof(struct rn_peer, sweep_timer));
    pthread_mutex_lock(&peer->lock);
    peer->sweep_awaited = false;
    bool again = !peer->dead && !sweep(peer);
    if (again || (peer->sweep_wanted && !peer->dead)) {
        set_sweep(peer, rn_after_ns(rn_now_ns(), again ? SWEEP_AGAIN_NS : SWEEP_NS));
    }
    pthread_mutex_unlock(&peer->lock);
}

/* Without memory for it, the next call that begins tries again. */
static void set_sweep(struct rn_peer *peer, uint64_t at_ns)
{
    peer->sweep_timer.fire = on_sweep_timer;
    enum rn_error error = rn_clock_set(peer->supervisor->clock, &peer->sweep_timer, at_ns);
    peer->sweep_awaited = error == RN_OK;
    peer->sweep_wanted = error != RN_OK;
}

void rn_peer_await_sweep(struct rn_peer *peer, uint64_t now_ns)
{
    if (peer->sweep_wanted && !peer->sweep_awaited) {
        set_sweep(peer, rn_after_ns(now_ns, SWEEP_NS));
    }
}

void rn_peer_end_sweeps(struct rn_peer *peer)
{
    rn_clock_clear(peer->supervisor->clock, &peer->sweep_timer);
}

void rn_peer_forget_attached(struct rn_peer *peer)
{
    for (uint32_t i = 0; i < RN_PEER_UNITS_MAX; i++) {
        if (peer->units[i]) {
            atomic_fetch_sub(&peer->units[i]->attachments, 1);
            rune_unit_unref(peer->units[i]);
        }
    }
    for (uint32_t i = 0; i < RN_PEER_CONTEXTS_MAX; i++) {
        if (peer->contexts[i]) {
            atomic_fetch_sub(&peer->contexts[i]->attachments, 1);
            rune_runtime_unref(peer->contexts[i]);
        }
    }
}
