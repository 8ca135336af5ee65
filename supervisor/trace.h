/*
 * trace.h: who watches a call that is run from a file, and what came of that.
 *
 * The owner of the call tells what happens: a host call or output when it takes it from the worker, and
 * before each of these, and at the end, the steps that were given meanwhile. Of a call without a trace
 * these functions do nothing.
 */
#ifndef RN_SUPERVISOR_TRACE_H
#define RN_SUPERVISOR_TRACE_H

#include <runeward/replay.h>

#include "supervisor/journal.h"

struct rn_call;
struct rn_event;

struct rn_trace {
    rune_replay_event_fn event; /* or NULL */
    void *user;
    uint32_t steps_told;
    /* Once the call has ended: */
    enum rn_divergence divergence;
    bool more_output; /* than the file has */
};

/* The steps that were given since. Takes the lock of the call's peer, as do all. */
void rn_trace_steps(struct rn_call *call);
/* After rn_replay_host_call, and the steps that this gave. */
void rn_trace_host_call(struct rn_call *call, const struct rn_event *event);
/* After rn_replay_output. */
void rn_trace_output(struct rn_call *call, const struct rn_event *event);
void rn_trace_end(struct rn_call *call);

#endif
