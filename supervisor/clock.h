/*
 * clock.h: timers, served by one thread.
 *
 * A timer is a member of what it watches. Times are CLOCK_MONOTONIC nanoseconds. Adding one costs a
 * lock and, only if it is the earliest, a system call.
 *
 * Threads: every function from any thread; `fire` runs on the clock's own, without locks held.
 */
#ifndef RN_SUPERVISOR_CLOCK_H
#define RN_SUPERVISOR_CLOCK_H

#include <pthread.h>

#include "base/error.h"

#define RN_NEVER_NS UINT64_MAX

struct rn_clock;

struct rn_timer {
    uint64_t at_ns;
    size_t index; /* in the heap, from 1; 0: not set */
    void (*fire)(struct rn_timer *timer);
};

uint64_t rn_now_ns(void);
/* now + delta, without wrapping around. */
uint64_t rn_after_ns(uint64_t now_ns, uint64_t delta_ns);

/* Waits for a condition of CLOCK_MONOTONIC, with its mutex locked, until the time comes; RN_NEVER_NS: for
 * ever. It may wake up early. */
void rn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_ns);

/* Starts the thread, all signals blocked. */
enum rn_error rn_clock_new(struct rn_clock **out_clock) RN_MUST_CHECK;
/* Ends and joins the thread; no timer may be set. Accepts NULL. */
void rn_clock_free(struct rn_clock *clock);

/* Sets or moves a timer. NO_MEMORY: it is not set. */
enum rn_error rn_clock_set(struct rn_clock *clock, struct rn_timer *timer,
                           uint64_t at_ns) RN_MUST_CHECK;
/* After it returned `fire` neither runs nor will, unless called from `fire` itself. */
void rn_clock_clear(struct rn_clock *clock, struct rn_timer *timer);

#endif
