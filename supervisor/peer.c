/*
 * peer.c: the life of one worker process: start, calls in its table, what it has mapped, end.
 */
#include "supervisor/peer.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "bytecode/unit.h"
#include "policy/policy.h"
#include "shm/fd.h"
#include "shm/transport.h"
#include "supervisor/call.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/peer_attach.h"
#include "supervisor/pool.h"
#include "supervisor/probes.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

/* Idle for longer than this, a worker that does not tell is asked for before it gets a call. */
#define IDLE_CHECK_NS UINT64_C(100000)

struct rn_peer *rn_peer_ref(struct rn_peer *peer)
{
    atomic_fetch_add_explicit(&peer->refs, 1, memory_order_relaxed);
    return peer;
}

void rn_peer_unref(struct rn_peer *peer)
{
    if (!peer || atomic_fetch_sub_explicit(&peer->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (peer->child.pidfd >= 0) {
        rn_child_kill(&peer->child);
        rn_fd_close(peer->child.pidfd);
    }
    rn_peer_forget_attached(peer);
    rn_peer_queue_done(&peer->queue);
    rn_slots_done(&peer->slots);
    rn_fd_close(peer->fd);
    rn_control_unmap(peer->control);
    rn_ring_unmap(peer->ring);
    RN_ASSERT(peer->backstop_timer.index == 0 && peer->young_timer.index == 0 &&
              peer->sweep_timer.index == 0); // P5
    pthread_cond_destroy(&peer->told);
    pthread_mutex_destroy(&peer->lock);
    rn_free(peer->packet_out);
    rn_free(peer);
}

/* Starting */

static enum rn_error spawn(struct rn_peer *peer, struct rn_spawn_failure *out_failure)
{
    int fds[2];
    RN_TRY(rn_transport_pair(fds));
    peer->fd = fds[0];
    RN_AUTO_FD int theirs = fds[1];
    RN_AUTO_FD int control_fd = -1;
    RN_AUTO_FD int ring_fd = -1;
    RN_TRY(rn_control_make(&peer->control, &control_fd));
    if (!peer->supervisor->options.no_ring) {
        RN_TRY(rn_ring_make(&peer->ring, &ring_fd));
    }
    rn_lane_init(&peer->lane, peer->fd, peer->ring, false, peer->packet_in);
    struct rn_spawn_request request = {
        .role = RN_ROLE_WORKER,
        .socket_fd = theirs,
        .segment_fds = {[RN_SEGMENT_CONTROL] = control_fd,
                        [RN_SEGMENT_RING] = ring_fd,
                        [RN_SEGMENT_CONTEXT] = -1},
        .arena_size = RN_ARENA_SIZE,
    };
    return rn_zygote_spawn(peer->domain->zygote, &request, &peer->child, out_failure);
}

static enum rn_error wait_ready(struct rn_peer *peer)
{
    struct pollfd polled = {.fd = peer->fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&polled, 1, RN_START_TIMEOUT_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return ready == 0 ? RN_E_TIMED_OUT : RN_E_SYSTEM;
    }
    struct rn_lane_packet packet;
    struct rn_message message;
    RN_TRY(rn_lane_receive(&peer->lane, RN_WAIT_NEVER, &packet));
    struct rn_wire_message wire = {packet.bytes, packet.size};
    RN_TRY(rn_message_decode(wire, RN_FROM_WORKER, &message));
    if (message.type != RN_MESSAGE_READY || message.call != 0 || message.sequence != 0) {
        return RN_E_MESSAGE_STATE;
    }
    peer->layers_said = message.as.READY.layers;
    return message.as.READY.isa_digest == rn_isa_digest() ? RN_OK : RN_E_UNIT_VERSION;
}

/* In one system call for many, which libsodium would make several of. */
static void fill_random(struct rn_peer *peer)
{
    if (getrandom(peer->random, sizeof(peer->random), 0) != (ssize_t)sizeof(peer->random)) {
        randombytes_buf(peer->random, sizeof(peer->random));
    }
    peer->random_left = RN_PEER_RANDOM;
}

/* What a first call would find cold on this side, while the worker starts. */
static void warm(struct rn_peer *peer)
{
    (void)atomic_load_explicit(&peer->control->stop[0], memory_order_relaxed);
    if (peer->ring) {
        (void)*(const volatile uint8_t *)peer->ring->to_worker.data;
        (void)*(const volatile uint8_t *)peer->ring->to_supervisor.data;
    }
    fill_random(peer);
}

/* The wall as seen from outside; never the worker's own word. */
static enum rn_error check_wall(struct rn_peer *peer, const struct rn_wall_report *early,
                                struct rn_spawn_failure *out_failure)
{
    const rune_supervisor *supervisor = peer->supervisor;
    enum rn_policy policy =
        supervisor->options.policy == RUNE_POLICY_STRICT ? RN_POLICY_STRICT : RN_POLICY_BEST_EFFORT;
    struct rn_wall_report report;
    RN_TRY(rn_child_report_late(peer->domain->zygote, &peer->child, early, &report));
    // A worker that survives what the filter forbids is for diagnosing, and only that is done with it.
    if (report.catches_traps != supervisor->options.diagnose) {
        rn_wall_report_refused(&report, RN_LAYER_SECCOMP, 0);
        report.active &= ~RN_LAYER_BIT(RN_LAYER_SECCOMP);
    }
    enum rn_layer missing;
    enum rn_error error = rn_wall_report_check(&report, rn_policy_required(policy), &missing);
    if (error != RN_OK) {
        *out_failure =
            (struct rn_spawn_failure){.step = "layer", .has_layer = true, .layer = missing};
    }
    return error;
}

static void explain_end(struct rn_peer *peer, struct rn_spawn_failure *out_failure)
{
    rn_child_kill(&peer->child);
    (void)rn_domain_wait_exit(peer->domain, peer, rn_after_ns(rn_now_ns(), RN_DOMAIN_EXIT_WAIT_NS));
    if (atomic_load(&peer->has_exit)) {
        rn_start_explain(&peer->exit, out_failure);
    }
}

/* Makes the peer known to its domain, so that its end can be told. */
static void enlist(struct rn_peer *peer)
{
    struct rn_pool *pool = &peer->supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    peer->next = peer->domain->peers;
    peer->domain->peers = rn_peer_ref(peer);
    pthread_mutex_unlock(&pool->lock);
}

static struct rn_peer *new_peer(struct rn_domain *domain)
{
    struct rn_peer *peer = rn_alloc(sizeof(*peer));
    uint8_t *packets = rn_realloc(NULL, (size_t)2 * RN_PACKET_MAX);
    if (!peer || !packets) {
        rn_free(peer);
        rn_free(packets);
        return NULL;
    }
    peer->packet_out = packets;
    peer->packet_in = packets + RN_PACKET_MAX;
    atomic_init(&peer->refs, 1);
    peer->domain = domain;
    peer->supervisor = domain->supervisor;
    peer->serial = atomic_fetch_add(&domain->supervisor->next_serial, 1) + 1;
    peer->fd = -1;
    peer->child.pidfd = -1;
    peer->place = RN_PLACE_STARTING;
    rn_peer_queue_init(&peer->queue);
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->told, NULL);
    return peer;
}

rune_status rn_peer_start(struct rn_domain *domain, struct rn_peer **out_peer, rune_error **error)
{
    uint64_t begun_ns = rn_now_ns();
    struct rn_peer *peer = new_peer(domain);
    if (!peer) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    struct rn_spawn_failure failure = {.step = "worker"};
    struct rn_wall_report early;
    enum rn_error failed = spawn(peer, &failure);
    bool spawned = failed == RN_OK;
    if (spawned) {
        rn_peer_find_cpu_clock(peer);
        enlist(peer);
        warm(peer);
        rn_child_look_early(&peer->child, &early);
        failure.step = "waiting for it";
        failed = wait_ready(peer);
    }
    if (failed == RN_OK) {
        failure.step = "looking at it";
        failed = check_wall(peer, &early, &failure);
    }
    if (failed != RN_OK) {
        int why = errno;
        if (spawned) {
            explain_end(peer, &failure);
        }
        if (failure.error == 0 && (!spawned || rn_start_has_errno(failed))) {
            failure.error = why;
        }
        rn_peer_retire(peer);
        rn_peer_unref(peer);
        return rn_fail_spawn(error, failed, &failure);
    }
    rn_probe_worker_start(peer->child.pid, domain->name, rn_now_ns() - begun_ns);
    *out_peer = peer;
    return RUNE_OK;
}

/* Ending */

void rn_peer_kill_locked(struct rn_peer *peer, uint64_t culprit)
{
    if (peer->death.culprit == 0 && !peer->dead) {
        peer->death.culprit = culprit;
    }
    rn_child_kill(&peer->child);
}

void rn_peer_kill(struct rn_peer *peer, uint64_t culprit)
{
    pthread_mutex_lock(&peer->lock);
    rn_peer_kill_locked(peer, culprit);
    pthread_mutex_unlock(&peer->lock);
}

bool rn_peer_leave(struct rn_peer *peer)
{
    struct rn_pool *pool = &peer->supervisor->pool;
    bool found = false;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_peer **at = &peer->domain->peers; *at; at = &(*at)->next) {
        if (*at == peer) {
            *at = peer->next;
            found = true;
            break;
        }
    }
    peer->place = RN_PLACE_GONE;
    pthread_mutex_unlock(&pool->lock);
    if (found) {
        rn_child_kill(&peer->child);
        rn_clock_clear(peer->supervisor->clock, &peer->backstop_timer);
        rn_clock_clear(peer->supervisor->clock, &peer->young_timer);
        rn_clock_clear(peer->supervisor->clock, &peer->sweep_timer);
    }
    return found;
}

void rn_peer_retire(struct rn_peer *peer)
{
    if (rn_peer_leave(peer)) {
        rn_peer_unref(peer);
    }
}

/* Handles */

/* Handles start at 1: 0 says that nothing is kept. */
static uint32_t find_vm_handle(struct rn_peer *peer)
{
    peer->vms[0] |= 1;
    for (uint32_t word = 0; word < RN_PEER_VMS_MAX / 64; word++) {
        if (peer->vms[word] != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~peer->vms[word]);
            peer->vms[word] |= UINT64_C(1) << bit;
            return word * 64 + bit;
        }
    }
    return 0;
}

static void free_vm_handle(struct rn_peer *peer, uint32_t handle)
{
    peer->vms[handle / 64] &= ~(UINT64_C(1) << (handle % 64));
}

/* Under what the worker is to keep what the call leaves behind. Handles are of this peer: a call that
 * could not begin here takes none along. */
static enum rn_error take_vm_handle(struct rn_peer *peer, struct rn_call *call)
{
    if (call->was_pinned || !call->keeps) {
        return RN_OK;
    }
    call->vm_handle = find_vm_handle(peer);
    return call->vm_handle != 0 ? RN_OK : RN_E_WOULD_BLOCK;
}

static void give_vm_handle_back(struct rn_peer *peer, struct rn_call *call)
{
    if (!call->was_pinned && call->vm_handle != 0) {
        free_vm_handle(peer, call->vm_handle);
        call->vm_handle = 0;
    }
}

void rn_peer_drop_function(struct rn_peer *peer, uint32_t handle, uint32_t function)
{
    struct rn_message message = {.type = RN_MESSAGE_FUNCTION_DROP,
                                 .as.FUNCTION_DROP = {.vm = handle, .function = function}};
    if (!peer->dead && rn_peer_send(peer, &message, -1) != RN_OK) {
        rn_child_kill(&peer->child);
    }
}

void rn_peer_drop_vm(struct rn_peer *peer, uint32_t handle, struct rune_unit *unit,
                     struct rune_runtime *runtime)
{
    struct rn_message message = {.type = RN_MESSAGE_VM_DROP, .as.VM_DROP = {.vm = handle}};
    if (!peer->dead && rn_peer_send(peer, &message, -1) != RN_OK) {
        rn_child_kill(&peer->child);
    }
    free_vm_handle(peer, handle);
    peer->pinned--;
    rn_peer_unuse(peer, unit, runtime);
}

/*
 * The zygote kills at the earliest deadline of all calls, some time after we should have. When the call
 * with that deadline ends, the word stays as it is, which is too early for the others, and a timer
 * finds it anew before the zygote would act upon it: once in a while, not at each end.
 */
static uint64_t backstop_of(const struct rn_call *call)
{
    return rn_after_ns(call->deadline_ns, RN_BACKSTOP_NS);
}

static uint64_t get_backstop(const struct rn_peer *peer)
{
    uint64_t at = atomic_load_explicit(&peer->control->kill_deadline_ns, memory_order_relaxed);
    return at == 0 ? RN_NEVER_NS : at;
}

static void set_backstop(struct rn_peer *peer, uint64_t at)
{
    atomic_store_explicit(&peer->control->kill_deadline_ns, at == RN_NEVER_NS ? 0 : at,
                          memory_order_release);
}

static void find_backstop(struct rn_peer *peer)
{
    uint64_t earliest = RN_NEVER_NS;
    for (uint32_t i = 0; i < peer->slots.used && peer->call_count > 0; i++) {
        const struct rn_call *call = rn_slots_at(&peer->slots, i);
        if (call && backstop_of(call) < earliest) {
            earliest = backstop_of(call);
        }
    }
    set_backstop(peer, earliest);
}

static void on_backstop_timer(struct rn_timer *timer)
{
    struct rn_peer *peer = (void *)((char *)timer - offsetof(struct rn_peer, backstop_timer));
    pthread_mutex_lock(&peer->lock);
    peer->backstop_look_ns = 0;
    find_backstop(peer);
    pthread_mutex_unlock(&peer->lock);
}

/* The call that the word is about has ended. */
static void leave_backstop(struct rn_peer *peer)
{
    if (peer->call_count == 0 || peer->dead) {
        set_backstop(peer, RN_NEVER_NS);
        return;
    }
    uint64_t word = get_backstop(peer);
    uint64_t at_ns = word - RN_BACKSTOP_NS / 2;
    bool is_set = peer->backstop_look_ns != 0 && peer->backstop_look_ns <= at_ns;
    if (word == RN_NEVER_NS || is_set) {
        return;
    }
    peer->backstop_look_ns = at_ns;
    peer->backstop_timer.fire = on_backstop_timer;
    if (rn_clock_set(peer->supervisor->clock, &peer->backstop_timer, at_ns) != RN_OK) {
        peer->backstop_look_ns = 0;
        find_backstop(peer);
    }
}

/* Calls */

static enum rn_error send_call(struct rn_peer *peer, struct rn_call *call)
{
    struct rn_message message = {.type = RN_MESSAGE_CALL,
                                 .call = call->id,
                                 .body = call->body.data,
                                 .body_size = call->body.size,
                                 .as.CALL = {.slot = call->slot,
                                             .vm = call->vm_handle,
                                             .unit = call->unit_index,
                                             .context = call->context_index,
                                             .item = call->item,
                                             .credit = RN_CALL_CREDIT,
                                             .tags_size = call->tags_size}};
    return rn_peer_send(peer, &message, -1);
}

static void remove_from_table(struct rn_peer *peer, struct rn_call *call)
{
    rn_peer_send_on(peer, call);
    rn_peer_forget_young(call);
    rn_slots_remove(&peer->slots, call->slot);
    peer->ended[peer->ended_count++ % RN_PEER_ENDED] = call->id;
    peer->call_count--;
    peer->async_count -= call->is_async;
    peer->unit_uses[call->unit_index]--;
    peer->context_uses[call->context_index] -= call->context_index != 0;
    call->in_table = false;
}

/* Whether the kernel is to be asked for a process of which nothing tells. A socket tells the sender that
 * nobody is there any more, a ring does not: one that has been idle for a while is asked for. So is one
 * that a second run is to have: what killed a worker often kills several. */
static bool must_ask(const struct rn_peer *peer, const struct rn_call *call)
{
    bool busy = peer->call_count > 0 || call->begun_ns - peer->rested_ns < IDLE_CHECK_NS;
    return call->replay.runs >= 2 || (peer->ring && !busy);
}

/* What is sent to a worker that has died is lost, and the call's Unit blamed for it, so that is looked for
 * first: in shared memory, where that tells, at the price of a load. P7 */
static bool has_gone(struct rn_peer *peer, const struct rn_call *call)
{
    enum rn_ring_life life = peer->ring ? rn_ring_life(peer->ring) : RN_RING_LIFE_UNTOLD;
    if (life == RN_RING_DIED) {
        rn_peer_kill_locked(peer, 0);
    }
    if (life != RN_RING_LIFE_UNTOLD || peer->dead || !must_ask(peer, call)) {
        return life == RN_RING_DIED || peer->dead;
    }
    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

/* A worker at rest goes where the caller is. One that cannot be moved stays where it is. */
static void follow_caller(struct rn_peer *peer, const struct rn_call *call)
{
    uint32_t here = rn_ring_cpu();
    if (peer->supervisor->options.placement != RUNE_PLACEMENT_CALLER || call->is_async ||
        peer->call_count > 0 || here == 0 || here == peer->placed || here > CPU_SETSIZE) {
        return;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(here - 1, &set);
    if (sched_setaffinity(peer->child.pid, sizeof(set), &set) == 0) {
        peer->placed = here;
    }
}

/* What a taken-over worker may not exceed either. */
static void start_state(struct rn_call *call)
{
    struct rn_call_state_limits limits = {
        .output_max = call->limits.values[RUNE_LIMIT_OUTPUT],
        .result_max = RN_RESULT_BODY_MAX,
        .host_call_max = RN_HOST_CALL_BODY_MAX,
        .host_calls_max = call->limits.values[RUNE_LIMIT_HOST_CALLS],
    };
    rn_call_state_start(&call->state, RN_CALL_CREDIT, &limits);
}

/* Unit, runtime and handle; none of them on failure. */
static enum rn_error take_uses(struct rn_peer *peer, struct rn_call *call)
{
    RN_TRY(rn_peer_use_unit(peer, call->unit, &call->unit_index));
    enum rn_error error = rn_peer_use_context(peer, call->runtime, &call->context_index);
    if (error == RN_OK) {
        error = take_vm_handle(peer, call);
        peer->context_uses[call->context_index] -= error != RN_OK && call->context_index != 0;
    }
    peer->unit_uses[call->unit_index] -= error != RN_OK;
    return error;
}

/* What is attached is worth no wake-up of its own: the CALL behind it brings one. */
static enum rn_error take_uses_hushed(struct rn_peer *peer, struct rn_call *call)
{
    peer->hushed = true;
    if (peer->mapped_ahead) {
        rn_peer_drop_mapped_ahead(peer, call->unit, call->runtime);
    }
    enum rn_error error = take_uses(peer, call);
    peer->hushed = false;
    if (error != RN_OK) {
        rn_peer_ring(peer);
    }
    return error;
}

/* The id of a call in that slot: nobody guesses it, and it is not 0. */
static uint64_t new_id(struct rn_peer *peer, uint32_t slot)
{
    uint64_t number = 0;
    while (number < RN_SLOTS_MAX) {
        if (peer->random_left == 0) {
            fill_random(peer);
        }
        number = peer->random[--peer->random_left];
    }
    return number / RN_SLOTS_MAX * RN_SLOTS_MAX + slot;
}

static enum rn_error begin_locked(struct rn_peer *peer, struct rn_call *call)
{
    if (has_gone(peer, call)) {
        return RN_E_CLOSED;
    }
    follow_caller(peer, call);
    RN_TRY(rn_slots_put(&peer->slots, call, &call->slot));
    enum rn_error error = take_uses_hushed(peer, call);
    if (error != RN_OK) {
        rn_slots_remove(&peer->slots, call->slot);
        return error;
    }
    call->id = new_id(peer, call->slot);
    call->sequence_out = 0;
    peer->call_count++;
    peer->async_count += call->is_async;
    call->in_table = true;
    rn_control_clear(peer->control, call->slot);
    start_state(call);
    peer->hushed = call->group != NULL;
    error = send_call(peer, call);
    peer->hushed = false;
    if (error != RN_OK) {
        remove_from_table(peer, call);
        give_vm_handle_back(peer, call);
        rn_peer_ring(peer);
    }
    return error;
}

enum rn_error rn_peer_begin(struct rn_peer *peer, struct rn_call *call)
{
    pthread_mutex_lock(&peer->lock);
    enum rn_error error = begin_locked(peer, call);
    if (error == RN_OK) {
        rn_peer_start_timer(peer, call);
        rn_peer_await_sweep(peer, call->begun_ns);
    }
    if (error == RN_OK && backstop_of(call) < get_backstop(peer)) {
        set_backstop(peer, backstop_of(call));
    }
    pthread_mutex_unlock(&peer->lock);
    return error;
}

void rn_peer_finish_locked(struct rn_peer *peer, struct rn_call *call)
{
    bool was_backstop = backstop_of(call) == get_backstop(peer);
    bool said_kept = rn_call_is_done(call) && call->result.fields.kept != 0 && call->vm_handle != 0;
    bool kept = said_kept && !peer->dead;
    // Also of a worker that died after the result had come: what it kept went with it.
    call->vm_lost = peer->dead && (said_kept || call->was_pinned);
    call->result.fields.kept = kept;
    if (kept != call->was_pinned) {
        int32_t change = kept ? 1 : -1;
        peer->pinned += (uint32_t)change;
        peer->unit_uses[call->unit_index] += (uint32_t)change;
        peer->context_uses[call->context_index] += call->context_index != 0 ? (uint32_t)change : 0;
    }
    if (call->vm_handle != 0 && !kept) {
        free_vm_handle(peer, call->vm_handle);
    }
    remove_from_table(peer, call);
    peer->rested_ns = call->ended_ns;
    if (was_backstop) {
        leave_backstop(peer);
    }
}

void rn_peer_finish(struct rn_peer *peer, struct rn_call *call)
{
    pthread_mutex_lock(&peer->lock);
    rn_peer_finish_locked(peer, call);
    pthread_mutex_unlock(&peer->lock);
}
