/*
 * runner.h: the thread that receives for executions, and sends on what did not fit a socket.
 *
 * Started when first needed. A peer is watched once for each time it is asked for: the runner looks
 * at it, does what there is to do, and goes on watching while executions run there and nobody else
 * receives, or something is queued.
 *
 * Host functions and output sinks of executions run on it.
 */
#ifndef RN_SUPERVISOR_RUNNER_H
#define RN_SUPERVISOR_RUNNER_H

#include "supervisor/peer.h"

struct rn_runner;
struct rune_supervisor;

enum rn_error rn_runner_new(struct rune_supervisor *supervisor,
                            struct rn_runner **out_runner) RN_MUST_CHECK;
/* Ends and joins the thread. Accepts NULL. */
void rn_runner_free(struct rn_runner *runner);

/* Looks at the peer as soon as it can be received from or sent to; from any thread, any lock held.
 */
void rn_runner_watch(struct rn_runner *runner, struct rn_peer *peer, bool receive, bool send);
/* A call that the runner drives has news; from any thread, any lock of a peer held. */
void rn_runner_ready(struct rn_runner *runner, struct rn_call *call);
/* A call that has begun, and that the runner shall drive until it has ended. */
void rn_runner_add(struct rn_runner *runner, struct rn_call *call);

#endif
