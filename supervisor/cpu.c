/* cpu.c: processor time of calls, read from outside the worker. */
#include "supervisor/cpu.h"

#include <time.h>

#include "supervisor/peer.h"

void rn_peer_find_cpu_clock(struct rn_peer *peer)
{
    peer->has_cpu_clock = clock_getcpuclockid(peer->child.pid, &peer->cpu_clock) == 0;
}

uint64_t rn_peer_cpu_ns(const struct rn_peer *peer)
{
    struct timespec used;
    if (!peer->has_cpu_clock || clock_gettime(peer->cpu_clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* A reading not much older than `now_ns`; *out_age_ns: how old it may be. */
static uint64_t read_shared(struct rn_peer *peer, uint64_t now_ns, uint64_t *out_age_ns)
{
    struct rn_cpu_shared *shared = &peer->cpu_shared;
    uint64_t at_ns = atomic_load_explicit(&shared->at_ns, memory_order_acquire);
    // It may be newer than `now_ns`, if not by much.
    *out_age_ns = now_ns > at_ns ? now_ns - at_ns : 0;
    if (now_ns + RN_CPU_SHARED_NS > at_ns && *out_age_ns < RN_CPU_SHARED_NS) {
        return atomic_load_explicit(&shared->read_ns, memory_order_relaxed);
    }
    uint64_t read_ns = rn_peer_cpu_ns(peer);
    *out_age_ns = 0;
    atomic_store_explicit(&shared->read_ns, read_ns, memory_order_relaxed);
    atomic_store_explicit(&shared->at_ns, now_ns, memory_order_release);
    return read_ns;
}

void rn_cpu_begin(struct rn_cpu_span *span, struct rn_peer *peer, bool exact, uint64_t now_ns)
{
    struct rn_cpu_rest *rest = &peer->cpu_rest;
    uint64_t at_ns = atomic_exchange_explicit(&rest->at_ns, 0, memory_order_acquire);
    uint64_t slack_ns = atomic_load_explicit(&rest->slack_ns, memory_order_relaxed);
    bool known = at_ns != 0 && (!exact || slack_ns == 0);
    if (known) {
        *span = (struct rn_cpu_span){.read_ns = at_ns, .slack_ns = slack_ns};
    } else {
        span->read_ns = read_shared(peer, now_ns, &span->slack_ns);
    }
}

uint64_t rn_cpu_used(const struct rn_cpu_span *span, uint64_t now_ns)
{
    uint64_t begun_ns = span->read_ns + span->slack_ns;
    return now_ns > begun_ns ? now_ns - begun_ns : 0;
}

static void rest(struct rn_peer *peer, uint64_t at_ns, uint64_t slack_ns)
{
    atomic_store_explicit(&peer->cpu_rest.slack_ns, slack_ns, memory_order_relaxed);
    atomic_store_explicit(&peer->cpu_rest.at_ns, at_ns, memory_order_release);
}

uint64_t rn_cpu_end(const struct rn_cpu_span *span, struct rn_peer *peer,
                    const struct rn_cpu_ending *ending)
{
    bool within = ending->wall_ns < RN_CPU_SLACK_MAX_NS - span->slack_ns;
    if (ending->alone && !ending->exact && within && span->read_ns != 0) {
        rest(peer, span->read_ns, span->slack_ns + ending->wall_ns);
        return 0;
    }
    if (!ending->alone) {
        uint64_t age_ns;
        return rn_cpu_used(span, read_shared(peer, ending->ended_ns, &age_ns));
    }
    uint64_t now_ns = rn_peer_cpu_ns(peer);
    rest(peer, now_ns, 0);
    return rn_cpu_used(span, now_ns);
}
