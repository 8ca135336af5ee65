/*
 * peer_timers.c: when calls are looked at, for their deadlines and what they used of the processor.
 *
 * Nearly all calls end long before that. One that has just begun is only listed, and a timer of its peer
 * gives those that are still in the list some time later timers of their own: one for many calls.
 */
#include "supervisor/call.h"
#include "supervisor/peer.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

/* Between the beginning of the first call in the list and its end. */
#define YOUNG_NS UINT64_C(50000000)

static void list_young(struct rn_peer *peer, struct rn_call *call)
{
    call->young_next = peer->young;
    call->young_link = &peer->young;
    if (call->young_next) {
        call->young_next->young_link = &call->young_next;
    }
    peer->young = call;
}

void rn_peer_forget_young(struct rn_call *call)
{
    if (!call->young_link) {
        return;
    }
    *call->young_link = call->young_next;
    if (call->young_next) {
        call->young_next->young_link = call->young_link;
    }
    call->young_link = NULL;
}

void rn_peer_set_timer(struct rn_peer *peer, struct rn_call *call, uint64_t at_ns)
{
    rn_peer_forget_young(call);
    call->is_timed = true;
    if (rn_clock_set(peer->supervisor->clock, &call->timer, at_ns) != RN_OK) {
        rn_peer_kill_locked(peer, call->id);
    }
}

static void on_young_timer(struct rn_timer *timer)
{
    struct rn_peer *peer = (void *)((char *)timer - offsetof(struct rn_peer, young_timer));
    pthread_mutex_lock(&peer->lock);
    peer->young_due_ns = 0;
    while (!peer->dead && peer->young) {
        rn_peer_set_timer(peer, peer->young, peer->young->look_ns);
    }
    pthread_mutex_unlock(&peer->lock);
    rn_pool_tell(peer->supervisor);
}

/* The timer is set for that time at the latest; false: it cannot be. */
static bool await_young(struct rn_peer *peer, uint64_t due_ns)
{
    if (peer->young_due_ns == 0) {
        peer->young_timer.fire = on_young_timer;
        enum rn_error error = rn_clock_set(peer->supervisor->clock, &peer->young_timer, due_ns);
        peer->young_due_ns = error == RN_OK ? due_ns : 0;
    }
    return peer->young_due_ns != 0;
}

void rn_peer_start_timer(struct rn_peer *peer, struct rn_call *call)
{
    uint64_t due_ns = peer->young_due_ns;
    if (due_ns == 0) {
        due_ns = rn_after_ns(call->begun_ns, YOUNG_NS);
    }
    if (call->is_timed || call->look_ns < due_ns || !await_young(peer, due_ns)) {
        rn_peer_set_timer(peer, call, call->look_ns);
        rn_pool_tell(peer->supervisor);
    } else {
        list_young(peer, call);
    }
}
