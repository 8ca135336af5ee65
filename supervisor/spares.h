/*
 * spares.h: when a domain gets its next spare worker, and what it has mapped by then.
 *
 * A spare is made ahead of the call that takes it. Making one takes processors from that call, so the
 * next one waits until it has ended, for a millisecond at most; unless there are more calls than
 * spares: one that finds none, nor one that is half made, starts a worker for itself, and the next
 * spare is made beside it.
 *
 * The Unit and RuntimeContext that were last wanted of a new worker are mapped in a spare before it is
 * taken. Nothing of them runs, and they go again if its first call is for another Unit.
 *
 * Threads: under the pool's lock, unless a function says otherwise.
 */
#ifndef RN_SUPERVISOR_SPARES_H
#define RN_SUPERVISOR_SPARES_H

#include <stdbool.h>
#include <stdint.h>

/* The longest rest after one was taken. */
#define RN_SPARES_REST_NS UINT64_C(1000000)

struct rn_domain;
struct rn_pool_request;
struct rune_runtime;
struct rune_supervisor;
struct rune_unit;

/* Those of one domain. */
struct rn_spares {
    bool wanted;       /* a call has come */
    uint32_t failures; /* starts in a row that failed */
    uint64_t retry_ns; /* none is made before */
    uint64_t rest_ns;  /* nor before this, which the end of a call makes 0 */
    uint32_t coming;   /* being made */
    uint32_t awaited;  /* calls that wait for one that is being made */
    uint64_t begun_ns; /* when the one that is being made was begun */
    uint64_t took_ns;  /* how long the last one took; 0: none was made yet */
    uint64_t turn;     /* of the pool's `spare_turns`: when one was made last */
    /* Last wanted of a new worker, or NULL; counted among the attachments, too. */
    struct rune_unit *unit;
    struct rune_runtime *runtime;
};

/* None is made for so long: what is wanted now has the processors. */
void rn_spares_rest(struct rn_spares *spares, uint64_t ns);
/* A call has ended, or found no spare. True if that ended a rest: the maintenance thread is to be told. */
bool rn_spares_rested(struct rn_spares *spares);
/* One is being made that no other call waits for, and will be there before one that is begun now. */
bool rn_spares_is_near(const struct rn_spares *spares);
/* A domain that lacks a spare and may have one now, that which got none for the longest, or NULL; *out_next_ns:
 * when to look again. */
struct rn_domain *rn_spares_missing(struct rune_supervisor *supervisor, uint64_t *out_next_ns);
/* Makes one; gives up the lock meanwhile. */
void rn_spares_make(struct rune_supervisor *supervisor, struct rn_domain *domain);

/* Without the lock: what a new worker was wanted for. */
void rn_spares_note(const struct rn_pool_request *request);
/* Without the lock; nobody else uses the domain any more. */
void rn_spares_done(struct rn_spares *spares);

#endif
