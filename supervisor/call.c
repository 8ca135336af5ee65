/*
 * call.c: one call from its beginning until it is over; C1 to C6 in call.h. What its worker says:
 * call_receive.c. What came of it: call_end.c.
 *
 * Trust: acts upon what workers sent, after call_receive.c has taken it in.
 */
#include "supervisor/call.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/host_call.h"
#include "supervisor/pool.h"
#include "supervisor/probes.h"
#include "supervisor/runner.h"
#include "supervisor/supervisor.h"
#include "supervisor/timeline.h"
#include "supervisor/trace.h"
#include "supervisor/unit.h"
#include "supervisor/vm.h"

/* A sink that refused output is asked again after this time. */
#define REFUSED_NS UINT64_C(5000000)
/* Arguments for which storage is kept. */
#define BODY_KEPT_MAX 1024u
/* What is left of a grace is not measured out more finely. */
#define GRACE_STEP_NS UINT64_C(5000000)
/* Peers that a call tries when one after the other turns out to be dead. */
#define BEGIN_ATTEMPTS 4

static void set_defaults(struct rn_call *call)
{
    call->events_end = &call->events;
    call->open = true;
    call->wants_usage = true;
}

struct rn_call *rn_call_new(void)
{
    struct rn_call *call = rn_alloc(sizeof(*call));
    if (!call) {
        return NULL;
    }
    atomic_init(&call->refs, 1);
    rn_buf_init(&call->body, RN_CALL_BODY_MAX);
    set_defaults(call);
    return call;
}

struct rn_call *rn_call_ref(struct rn_call *call)
{
    atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
    return call;
}

/* Everything that it holds, but for what rn_call_renew leaves as it is. */
static void let_go(struct rn_call *call)
{
    rn_call_drop_received(call);
    rn_free(call->watches);
    if (call->result.body != call->result.small) {
        rn_free(call->result.body);
    }
    rn_free(call->trap);
    rn_peer_unref(call->peer);
    for (uint32_t i = 0; call->left && i < call->left->count; i++) {
        rn_peer_unref(call->left->peers[i]);
    }
    rn_free(call->left);
    rn_replay_done(&call->replay);
}

void rn_call_unref(struct rn_call *call)
{
    if (!call || atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    let_go(call);
    rune_unit_unref(call->unit);
    rune_runtime_unref(call->runtime);
    rn_buf_done(&call->body);
    rn_free(call);
}

bool rn_call_renew(struct rn_call *call)
{
    if (atomic_load_explicit(&call->refs, memory_order_acquire) != 1) {
        return false;
    }
    let_go(call);
    if (call->body.capacity > BODY_KEPT_MAX) {
        rn_buf_done(&call->body);
        rn_buf_init(&call->body, RN_CALL_BODY_MAX);
    }
    rn_buf_clear(&call->body);
    size_t kept = offsetof(struct rn_call, supervisor);
    memset((char *)call + kept, 0, sizeof(*call) - kept);
    set_defaults(call);
    return true;
}

/* Stopping */

struct rn_peer *rn_call_lock(struct rn_call *call)
{
    for (;;) {
        struct rn_peer *peer = call->peer;
        pthread_mutex_lock(&peer->lock);
        if (peer == call->peer) {
            return peer;
        }
        pthread_mutex_unlock(&peer->lock);
    }
}

static void send_cancel(struct rn_call *call, struct rn_peer *peer, enum rn_reason reason)
{
    struct rn_message message = {
        .type = RN_MESSAGE_CANCEL, .call = call->id, .as.CANCEL = {.reason = (uint32_t)reason}};
    rn_call_state_cancel(&call->state);
    rn_control_stop(peer->control, call->slot);
    rn_peer_send_urgent(peer, &message);
    call->stop_ns = rn_now_ns();
    call->stop_cpu_ns = rn_peer_cpu_ns(peer);
    rn_peer_set_timer(peer, call, rn_after_ns(call->stop_ns, RN_GRACE_NS));
}

/* The grace is for a worker that runs. One that has waited for a processor is given it all the same, up to a
 * bound: with it would go what the call used, its neighbours, and what Vms keep there. 0: it is over. */
static uint64_t find_grace(const struct rn_call *call, const struct rn_peer *peer, uint64_t now_ns)
{
    struct rn_child_stat about;
    uint64_t used_ns = rn_peer_cpu_ns(peer) - call->stop_cpu_ns;
    bool over = now_ns - call->stop_ns >= RN_GRACE_MAX_NS || used_ns >= RN_GRACE_CPU_NS ||
                !rn_child_stat(&peer->child, &about) || about.state != 'R';
    uint64_t left_ns = over ? 0 : RN_GRACE_CPU_NS - used_ns;
    return over || left_ns > GRACE_STEP_NS ? left_ns : GRACE_STEP_NS;
}

/* One that has lost its worker may be about to run again: it does not, then. One that is in no table is on
 * its way to the next worker, and is stopped there (take_up). */
void rn_call_stop(struct rn_call *call, enum rn_reason reason)
{
    struct rn_peer *peer = rn_call_lock(call);
    bool runs = call->in_table && !peer->dead;
    bool goes_on = runs || !call->in_table || rn_replay_may(call, &peer->death);
    bool first = !call->ending && call->stop == RN_REASON_OK && goes_on;
    if (first) {
        call->stop = reason; // of one that is done it ends the waiting for a sink that refuses
    }
    if (first && runs && call->state.state != RN_STATE_DONE) {
        send_cancel(call, peer, reason);
    }
    pthread_mutex_unlock(&peer->lock);
}

/* When the processor time may be used up at the earliest; kills nothing yet. */
static uint64_t next_cpu_check(struct rn_call *call, uint64_t now_ns, bool *out_exceeded)
{
    uint64_t limit = call->limits.values[RUNE_LIMIT_CPU];
    uint32_t sharing = call->peer->call_count > 0 ? call->peer->call_count : 1;
    uint64_t used = rn_cpu_used(&call->cpu, rn_peer_cpu_ns(call->peer)) / sharing;
    *out_exceeded = limit != RUNE_UNLIMITED && used >= limit;
    return limit == RUNE_UNLIMITED ? RN_NEVER_NS : rn_after_ns(now_ns, limit - used);
}

/* Under the lock: without it, it might end, and others begin. */
static void see_it_end(struct rn_call *call, struct rn_peer *peer, uint64_t now_ns)
{
    uint64_t grace_ns = find_grace(call, peer, now_ns);
    if (grace_ns == 0) {
        rn_peer_kill_locked(peer, call->id);
    } else {
        rn_peer_set_timer(peer, call, rn_after_ns(now_ns, grace_ns));
    }
}

/* Under the lock: kills a call that did not end when it was asked to, or finds out whether it has to end;
 * OK: it may go on, and is looked at again. */
static enum rn_reason look(struct rn_call *call, struct rn_peer *peer)
{
    uint64_t now = rn_now_ns();
    if (!call->in_table || call->ending || peer->dead || call->state.state == RN_STATE_DONE) {
        return RN_REASON_OK;
    }
    if (call->stop != RN_REASON_OK) {
        see_it_end(call, peer, now);
        return RN_REASON_OK;
    }
    bool exceeded;
    uint64_t next = next_cpu_check(call, now, &exceeded);
    if (now >= call->deadline_ns) {
        return RN_REASON_WALL;
    }
    if (exceeded) {
        return RN_REASON_CPU;
    }
    rn_peer_set_timer(peer, call, next < call->deadline_ns ? next : call->deadline_ns);
    return RN_REASON_OK;
}

static void on_timer(struct rn_timer *timer)
{
    struct rn_call *call = (void *)((char *)timer - offsetof(struct rn_call, timer));
    struct rn_peer *peer = rn_call_lock(call);
    enum rn_reason reason = look(call, peer);
    pthread_mutex_unlock(&peer->lock);
    if (reason != RN_REASON_OK) {
        rn_call_stop(call, reason);
    }
}

/* What a script slept for is over. A worker that does not read is told later. */
static void on_sleep_timer(struct rn_timer *timer)
{
    struct rn_call *call = (void *)((char *)timer - offsetof(struct rn_call, sleep_timer));
    struct rn_peer *peer = rn_call_lock(call);
    bool wanted = call->in_table && !peer->dead && call->state.state != RN_STATE_DONE &&
                  call->state.sleep_out;
    if (wanted && rn_peer_has_unsent(peer)) {
        if (rn_clock_set(call->supervisor->clock, timer, rn_after_ns(rn_now_ns(), REFUSED_NS)) !=
            RN_OK) {
            rn_child_kill(&peer->child);
        }
    } else if (wanted) {
        struct rn_step step = {.kind = RN_STEP_WAKE, .now_ns = call->clock ? rn_now_ns() : 0};
        call->sleep_due_ns = 0;
        if (rn_timeline_pass(call->timeline, &call->timeline_at, &step.now_ns) != RN_OK) {
            call->failed = true;
            rn_child_kill(&peer->child);
        } else if (rn_replay_give(call, &step) != RUNE_OK) {
            rn_child_kill(&peer->child);
        }
    }
    pthread_mutex_unlock(&peer->lock);
}

static void on_cancel(struct rn_cancel_watch *watch)
{
    struct rn_call_watches *watches =
        (void *)((char *)watch - offsetof(struct rn_call_watches, own));
    rn_call_stop(watches->call, RN_REASON_CANCELLED);
}

static void on_parent_cancel(struct rn_cancel_watch *watch)
{
    struct rn_call_watches *watches =
        (void *)((char *)watch - offsetof(struct rn_call_watches, parent));
    rn_call_stop(watches->call, RN_REASON_CANCELLED);
}

/* Beginning */

/* A domain whose zygote has gone is replaced by a new one of the same name. */
static rune_status find_domain(rune_vm *vm, rune_error **error)
{
    struct rn_domain *old = vm->domain;
    if (!rn_pool_domain_is_broken(old)) {
        return RUNE_OK;
    }
    rune_status status = rn_pool_domain(vm->supervisor, old->name, false, &vm->domain, error);
    if (status == RUNE_OK) {
        rn_pool_domain_release(old);
    }
    return status;
}

/* Who waits for a worker is woken when the call is cancelled. */
struct waiter {
    struct rn_cancel_watch watch;
    struct rune_supervisor *supervisor;
};

static void on_cancel_waiting(struct rn_cancel_watch *watch)
{
    rn_pool_tell_room(((struct waiter *)(void *)watch)->supervisor);
}

static rune_status take_from_pool(struct rn_call *call, struct rn_pool_request *request,
                                  struct rn_peer **out_peer, rune_error **error)
{
    struct waiter waiter = {.supervisor = call->supervisor};
    if (call->token) {
        request->token = call->token;
        rn_cancel_watch(&waiter.watch, call->token, on_cancel_waiting);
    }
    rune_status status = rn_pool_take(call->supervisor, request, out_peer, error);
    rn_cancel_unwatch(&waiter.watch);
    return status;
}

/* `again`: for a second run, which was let in with the first. */
static rune_status take_peer(struct rn_call *call, bool again, struct rn_peer **out_peer,
                             rune_error **error)
{
    rune_vm *vm = call->vm;
    if (vm->lost) {
        return rn_fail(error, RUNE_E_VM_LOST, "the worker that held this Vm's Globals has gone");
    }
    if (call->offered && !again) {
        *out_peer = rn_peer_ref(RN_TAKE(call->offered));
        return RUNE_OK;
    }
    if (vm->home) {
        rune_status status = rn_pool_take_pinned(call->supervisor, vm->home, call->bypass, error);
        vm->lost = status == RUNE_E_VM_LOST;
        if (status != RUNE_OK) {
            return status;
        }
        *out_peer = rn_peer_ref(vm->home);
        call->vm_handle = vm->handle;
        call->was_pinned = true;
        return RUNE_OK;
    }
    rune_status status = find_domain(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_pool_request request = rn_vm_wanted_worker(vm);
    request.keeps = call->keeps;
    request.bypass = call->bypass || again;
    request.wait = call->wait && !again;
    request.until_ns = call->deadline_ns;
    return take_from_pool(call, &request, out_peer, error);
}

static void give_peer_back(struct rn_call *call, bool lost)
{
    rn_pool_put(call->supervisor, call->peer, lost);
    rn_peer_unref(call->peer);
    call->peer = NULL;
}

static void set_first_look(struct rn_call *call, uint64_t now_ns)
{
    uint64_t cpu_at = rn_after_ns(now_ns, call->limits.values[RUNE_LIMIT_CPU]);
    call->look_ns = cpu_at < call->deadline_ns ? cpu_at : call->deadline_ns;
}

static void tell_begin(const struct rn_call *call)
{
    const struct rn_peer *peer = call->peer;
    rn_probe_call_begin(call->id, call->item_name, call->unit->id_text, peer->child.pid);
}

rune_status rn_call_begin(struct rn_call *call, rune_error **error)
{
    call->begun_ns = rn_now_ns();
    call->timer.fire = on_timer;
    call->sleep_timer.fire = on_sleep_timer;
    uint64_t deadline = rn_after_ns(call->begun_ns, call->limits.values[RUNE_LIMIT_WALL]);
    if (call->deadline_ns == 0 || deadline < call->deadline_ns) {
        call->deadline_ns = deadline;
    }
    set_first_look(call, call->begun_ns);
    for (int attempt = 0;; attempt++) {
        struct rn_peer *peer;
        rune_status status = take_peer(call, false, &peer, error);
        if (status != RUNE_OK) {
            return status;
        }
        call->peer = peer;
        call->replay.runs = call->replay.from_file ? 2 : 1;
        call->replay.wanted = call->replay.wanted && !call->was_pinned;
        call->replay.kept = call->replay.kept && !call->was_pinned;
        rn_cpu_begin(&call->cpu, call->peer, call->wants_usage, call->begun_ns);
        enum rn_error failed = rn_peer_begin(call->peer, call);
        if (failed == RN_OK) {
            break;
        }
        give_peer_back(call, failed == RN_E_CLOSED);
        if (failed == RN_E_WOULD_BLOCK) {
            return rn_fail_plain(error, RN_E_OVERLOADED);
        }
        if (failed != RN_E_CLOSED || attempt >= BEGIN_ATTEMPTS) {
            return rn_fail_plain(error, failed == RN_E_CLOSED ? RN_E_WORKER_LOST : failed);
        }
    }
    tell_begin(call);
    if (rn_pool_is_cancelling(call->supervisor)) {
        rn_call_stop(call, RN_REASON_CANCELLED); // C6
    }
    if (call->is_async) {
        rn_pool_tell(call->supervisor); // else when the call ends, or takes long (peer_timers.c)
    }
    call->token = NULL; // from here on it is watched (rn_call_watch)
    return RUNE_OK;
}

/* A second run; C4, C5. */

void rn_call_count_kill(struct rn_call *call)
{
    const struct rn_death *death = call->end.dead ? &call->end.dead->death : NULL;
    if (death && (death->culprit == call->id || death->lie != RN_OK || death->exit.signalled)) {
        atomic_fetch_add(&call->unit->kills, 1);
    }
}

static bool may_begin_again(struct rn_call *call)
{
    struct rn_peer *peer = rn_call_lock(call);
    bool may = peer->dead && rn_replay_may(call, &peer->death);
    call->end = (struct rn_call_end){.dead = peer->dead ? peer : NULL, .sharing = peer->call_count};
    pthread_mutex_unlock(&peer->lock);
    if (may && !call->left) {
        call->left = rn_alloc(sizeof(*call->left)); // without memory it ends with its worker
    }
    return may && call->left;
}

/* Out of the dead worker; what came from it and was not acted upon will come again. */
static void leave_peer(struct rn_call *call)
{
    struct rn_peer *peer = call->peer;
    rn_peer_finish(peer, call);
    pthread_mutex_lock(&peer->lock);
    rn_call_drop_received(call);
    call->state = (struct rn_call_state){.state = RN_STATE_NONE};
    call->result.fields = (struct rn_fields_RESULT){0};
    call->unread = NULL;
    call->ungranted = 0;
    call->vm_handle = 0;
    rn_replay_rewind(call);
    call->replay.runs = 2;
    pthread_mutex_unlock(&peer->lock);
    rn_pool_put(call->supervisor, peer, true);
}

/* From here on everybody else finds the call at that peer. */
static void enter_peer(struct rn_call *call, struct rn_peer *peer)
{
    struct rn_peer *old = call->peer;
    pthread_mutex_lock(&old->lock);
    call->left->peers[call->left->count++] = old;
    call->peer = peer;
    pthread_mutex_unlock(&old->lock);
}

static enum rn_error begin_at(struct rn_call *call, struct rn_peer *peer)
{
    uint64_t now = rn_now_ns();
    enter_peer(call, peer);
    set_first_look(call, now);
    rn_cpu_begin(&call->cpu, peer, call->wants_usage, now);
    enum rn_error error = rn_peer_begin(peer, call);
    if (error != RN_OK) {
        rn_pool_put(call->supervisor, peer, error == RN_E_CLOSED);
    } else {
        tell_begin(call);
    }
    return error;
}

/* The second run is under way: whoever stopped the call meanwhile, who receives for it. */
static void take_up(struct rn_call *call)
{
    rn_pool_end_move(call->supervisor);
    call->moves = false;
    rn_pool_tell(call->supervisor);
    struct rn_peer *peer = rn_call_lock(call);
    if (call->stop == RN_REASON_OK && rn_pool_is_cancelling(call->supervisor)) {
        call->stop = RN_REASON_CANCELLED; // C6
    }
    if (call->stop != RN_REASON_OK && call->in_table && !peer->dead) {
        send_cancel(call, peer, call->stop);
    }
    pthread_mutex_unlock(&peer->lock);
    if (call->is_async) {
        rn_runner_follow(rn_supervisor_runner(call->supervisor), call);
    }
}

/* The call's worker is dead. False: so it ends. */
static bool begin_again(struct rn_call *call)
{
    if (!may_begin_again(call)) {
        return false;
    }
    rn_call_count_kill(call);
    rn_pool_begin_move(call->supervisor);
    call->moves = true; // until take_up, or until the call is over
    leave_peer(call);
    uint64_t output_bytes = call->output_bytes;
    uint64_t host_call_count = call->host_call_count;
    call->output_bytes = 0;
    call->host_call_count = 0;
    enum rn_error error = RN_E_CLOSED;
    while (error == RN_E_CLOSED && call->left->count < RN_CALL_PEERS_AGAIN) {
        struct rn_peer *peer;
        error = RN_E_WOULD_BLOCK;
        if (take_peer(call, true, &peer, NULL) == RUNE_OK) {
            error = begin_at(call, peer);
        }
    }
    if (error == RN_OK) {
        take_up(call);
        return true;
    }
    struct rn_peer *last = rn_call_lock(call);
    call->replay.runs = 1; // the first was all there was
    pthread_mutex_unlock(&last->lock);
    call->output_bytes = output_bytes;
    call->host_call_count = host_call_count;
    return false;
}

/* Watches are set apart from the beginning: firing needs a call that has a peer. */
static void watch(struct rn_cancel_watch *at, rune_cancel_token *token,
                  void (*fire)(struct rn_cancel_watch *))
{
    if (token) {
        rn_cancel_watch(at, token, fire);
    }
}

enum rn_error rn_call_prepare_watch(struct rn_call *call)
{
    call->watches = rn_alloc(sizeof(*call->watches));
    if (!call->watches) {
        return RN_E_NO_MEMORY;
    }
    call->watches->call = call;
    return RN_OK;
}

void rn_call_watch(struct rn_call *call, rune_cancel_token *token, rune_cancel_token *parent)
{
    if (token || parent) {
        watch(&call->watches->own, token, on_cancel);
        watch(&call->watches->parent, parent, on_parent_cancel);
    }
}

/* Driving: the owner's thread, without locks. */

/* Under the lock: the next event to act upon, or NULL. What a dead worker said last is left alone if another one will
 * say it again; and what comes after something that was lost for want of memory. */
static struct rn_event *first_event(const struct rn_call *call)
{
    const struct rn_peer *peer = call->peer;
    bool leave = call->failed || (peer->dead && rn_replay_may(call, &peer->death));
    return leave ? NULL : call->events;
}

static struct rn_event *take_event(struct rn_call *call)
{
    struct rn_peer *peer = call->peer;
    pthread_mutex_lock(&peer->lock);
    struct rn_event *event = first_event(call);
    if (event) {
        call->events = event->next;
        if (!call->events) {
            call->events_end = &call->events;
        }
    }
    pthread_mutex_unlock(&peer->lock);
    return event;
}

static void put_event_back(struct rn_call *call, struct rn_event *event)
{
    pthread_mutex_lock(&call->peer->lock);
    event->next = call->events;
    call->events = event;
    if (!event->next) {
        call->events_end = &event->next;
    }
    pthread_mutex_unlock(&call->peer->lock);
}

/* What an earlier run has delivered is taken away. Once, however often the host refuses the rest. */
static void note_output(struct rn_call *call, struct rn_event *event)
{
    if (!event->is_noted) {
        size_t known = rn_replay_output(call, event);
        rn_trace_output(call, event);
        event->size -= known;
        memmove(event->data, event->data + known, event->size);
        event->is_noted = true;
    }
}

/* True: the event is done with. */
static bool handle_output(struct rn_call *call, struct rn_event *event)
{
    note_output(call, event);
    if (event->size == 0) {
        return true;
    }
    int stream = event->number == 0 ? RUNE_STREAM_STDOUT : RUNE_STREAM_STDERR;
    if (!call->output(call->output_user, stream, (const char *)event->data, event->size)) {
        return false;
    }
    call->had_effect = call->had_effect || call->output != rn_replay_drop_output;
    rn_replay_delivered(call, event);
    return true;
}

/* What a good result came behind is carried out, also if the call was stopped since. */
static void handle_host_call(struct rn_call *call, struct rn_event *event)
{
    rn_trace_steps(call);
    pthread_mutex_lock(&call->peer->lock);
    bool good = rn_call_is_done(call) && call->result.fields.reason == RN_REASON_OK;
    bool alive = (call->stop == RN_REASON_OK || good) && !call->peer->dead;
    bool wanted = alive && !rn_replay_host_call(call, event);
    pthread_mutex_unlock(&call->peer->lock);
    if (alive) {
        rn_trace_host_call(call, event);
    }
    if (wanted) {
        rn_host_call_run(call, event);
    }
}

/* Messages wait for a worker that does not read: it gets no more reason to send. */
static bool is_stuck(struct rn_call *call)
{
    pthread_mutex_lock(&call->peer->lock);
    bool stuck = rn_peer_has_unsent(call->peer) && !call->peer->dead && call->stop == RN_REASON_OK;
    pthread_mutex_unlock(&call->peer->lock);
    return stuck;
}

static bool handle_event(struct rn_call *call, struct rn_event *event)
{
    bool done = !is_stuck(call);
    if (done && event->type == RN_MESSAGE_OUTPUT) {
        done = handle_output(call, event);
    } else if (done) {
        handle_host_call(call, event);
    }
    if (done) {
        pthread_mutex_lock(&call->peer->lock);
        rn_call_acted_upon(call, event);
        pthread_mutex_unlock(&call->peer->lock);
    }
    return done;
}

/* Acts on the first event, if there is one. False: something refused, try again later. */
static bool handle_next(struct rn_call *call)
{
    struct rn_event *event = take_event(call);
    if (!event) {
        return true;
    }
    if (!handle_event(call, event)) {
        put_event_back(call, event);
        return false;
    }
    rn_event_free(event);
    return true;
}

enum next {
    NEXT_EVENT,
    NEXT_END,
    NEXT_WAIT, /* for news, or for what refused */
};

/* An end waits for what came before it, whoever received that, and whyever it ends. Output that a sink refuses holds up an
 * end in good order only, and not beyond the deadline. Behind a result its worker may die. */
static enum next find_next(struct rn_call *call, bool refused)
{
    pthread_mutex_lock(&call->peer->lock);
    bool at_hand = !refused && first_event(call) != NULL;
    bool done = rn_call_is_done(call);
    bool broken = call->failed || (call->peer->dead && !done) || call->replay.divergence != RN_SAME;
    bool given_up = broken || call->stop != RN_REASON_OK;
    bool pending = call->events != NULL;
    pthread_mutex_unlock(&call->peer->lock);
    if (at_hand) {
        return NEXT_EVENT;
    }
    bool ends = (done || broken) && (!pending || given_up || rn_now_ns() >= call->deadline_ns);
    return ends ? NEXT_END : NEXT_WAIT;
}

/* Something refused: other calls of the peer, and its end, are still looked after. */
static void tend_and_pause(struct rn_call *call)
{
    struct timespec pause = {.tv_nsec = (long)REFUSED_NS};
    rn_peer_tend(call->peer);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

void rn_call_drive(struct rn_call *call)
{
    for (;;) {
        bool refused = !handle_next(call);
        enum next next = find_next(call, refused);
        if (next == NEXT_END) {
            if (!begin_again(call)) {
                return;
            }
        } else if (next == NEXT_WAIT && refused) {
            tend_and_pause(call);
        } else if (next == NEXT_WAIT) {
            rn_peer_wait(call->peer, call);
        }
    }
}

enum rn_call_step rn_call_step(struct rn_call *call)
{
    bool refused = !handle_next(call);
    enum next next = find_next(call, refused);
    if (next == NEXT_EVENT) {
        return RN_CALL_MORE;
    }
    if (next == NEXT_END) {
        return begin_again(call) ? RN_CALL_WAITS : RN_CALL_ENDED;
    }
    return refused ? RN_CALL_REFUSED : RN_CALL_WAITS;
}
