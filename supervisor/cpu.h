/*
 * cpu.h: processor time of calls, read from outside the worker.
 *
 * Reading costs a system call, so it is done only where somebody looks. A worker at rest uses
 * nothing: what its clock showed at the end of one call is what it shows at the beginning of the
 * next. After a call whose usage nobody reads, the clock is not read either; then its wall time
 * bounds what it used. `slack_ns` adds such bounds up and stays below RN_CPU_SLACK_MAX_NS, so that a
 * processor time limit may act that much too late, never too early.
 *
 * Calls that share a worker get a part each of what it used, which is no exact number: they read the
 * clock once in RN_CPU_SHARED_NS, all of them together, and err towards too little.
 */
#ifndef RN_SUPERVISOR_CPU_H
#define RN_SUPERVISOR_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RN_CPU_SLACK_MAX_NS UINT64_C(1000000)
#define RN_CPU_SHARED_NS UINT64_C(200000)

struct rn_peer;

/* What is known of a worker that runs no call. */
struct rn_cpu_rest {
    _Atomic uint64_t at_ns;    /* the clock when it was last read; 0: unknown, or a call runs */
    _Atomic uint64_t slack_ns; /* used since then at the most */
};

/* The last reading while calls shared the worker. `at_ns` is written last and read first, so that the
 * reading is at least as new as it says. */
struct rn_cpu_shared {
    _Atomic uint64_t read_ns;
    _Atomic uint64_t at_ns; /* CLOCK_MONOTONIC */
};

/* What is known of one call. */
struct rn_cpu_span {
    uint64_t read_ns;  /* the clock when it was last read */
    uint64_t slack_ns; /* used between then and the beginning at the most */
};

/* Finds the worker's clock, once: the pid is the worker's for as long as there is a pidfd. */
void rn_peer_find_cpu_clock(struct rn_peer *peer);
/* Processor time of the worker so far; 0 if it cannot be known. */
uint64_t rn_peer_cpu_ns(const struct rn_peer *peer);

/* A call begins. `exact`: its usage will be read. */
void rn_cpu_begin(struct rn_cpu_span *span, struct rn_peer *peer, bool exact, uint64_t now_ns);
/* What it used by the time that the clock shows `now_ns`; with slack, a lower bound. */
uint64_t rn_cpu_used(const struct rn_cpu_span *span, uint64_t now_ns);
struct rn_cpu_ending {
    uint64_t ended_ns; /* the time */
    uint64_t wall_ns;  /* how long it took */
    bool alone;        /* no other call runs there: the worker is at rest */
    bool exact;        /* its usage will be read */
};
/* A call ended. What it used, all calls of the worker counted; 0 if the clock was not read, which need
 * not be for one that is not `exact`. */
uint64_t rn_cpu_end(const struct rn_cpu_span *span, struct rn_peer *peer,
                    const struct rn_cpu_ending *ending);

#endif
