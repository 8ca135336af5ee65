/*
 * runner.h: the thread that receives for executions, and sends on what did not fit a socket.
 *
 * Started when first needed. A peer is watched once for each time it is asked for: the runner looks
 * at it, does what there is to do, and goes on watching while executions run there and nobody else
 * receives, or something is queued.
 *
 * Host functions and output sinks of executions run on it. With an external loop it has no thread:
 * the host polls its descriptor and gives it its turns.
 */
#ifndef RN_SUPERVISOR_RUNNER_H
#define RN_SUPERVISOR_RUNNER_H

#include "supervisor/peer.h"

#define RN_RUNNER_EVENTS_MAX 64

struct rn_runner;
struct rune_supervisor;

enum rn_error rn_runner_new(struct rune_supervisor *supervisor,
                            struct rn_runner **out_runner) RN_MUST_CHECK;

/*
 * One turn: waits up to `timeout_ms` (-1: without end), then does what there is to do, for at most
 * `events_max` (1 to RN_RUNNER_EVENTS_MAX) peers. False: another thread has the turn.
 */
bool rn_runner_turn(struct rn_runner *runner, int events_max, int timeout_ms);
/* True on the thread that has the turn: it is in a callback of the host, and whoever waits there for what
 * a turn brings waits for ever. */
bool rn_runner_is_here(struct rn_runner *runner);
/* Within this time there must be a turn even if the descriptor does not poll readable. */
uint64_t rn_runner_timeout_ns(struct rn_runner *runner);
int rn_runner_fd(const struct rn_runner *runner);
/* Ends and joins the thread. Accepts NULL. */
void rn_runner_free(struct rn_runner *runner);

/* Looks at the peer as soon as it can be received from or sent to; from any thread, under the peer's
 * lock. */
void rn_runner_watch(struct rn_runner *runner, struct rn_peer *peer, bool receive, bool send);
/* A call that the runner drives has news; from any thread, any lock of a peer held. */
void rn_runner_ready(struct rn_runner *runner, struct rn_call *call);
/* A call that it drives has begun at another peer. */
void rn_runner_follow(struct rn_runner *runner, struct rn_call *call);
/* A call that has begun, and that the runner shall drive until it has ended. */
void rn_runner_add(struct rn_runner *runner, struct rn_call *call);

#endif
