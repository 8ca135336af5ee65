/*
 * call_state.h: what a worker may say about one call, and when.
 *
 * The supervisor holds one rn_call_state for each outstanding call and feeds it every packet of
 * that call before it looks at anything in it. A refusal means that the worker lies: it is killed.
 *
 *              CALL              HOST_CALL                  RESULT (last packet)
 *      NONE ─────────► RUNNING ◄───────────► HOST ──┐  ┌──────────────────────────► DONE
 *                         │      HOST_REPLY         │  │
 *                         └───────► CANCELLING ◄────┘──┘
 *                             CANCEL
 *
 * S1  Each message is permitted in the states that messages.def gives it.
 * S2  Packets of the call are numbered 0, 1, 2 …
 * S3  At most one message is in fragments; until its last one nothing else comes, and the fragments
 *     add up to the announced size exactly.
 * S4  Each packet of OUTPUT, HOST_CALL and SLEEP, and each of PROFILE and RESULT but the first, uses up one
 *     credit. (TRAP needs none. Whoever does not diagnose takes none, and whoever does not profile no PROFILE.)
 * S5  Host calls are numbered 1, 2, 3 …; at most RN_HOST_CALLS_OUT_MAX are out; answers go to those
 *     that are out, and there are never more of them than the call's limit.
 * S6  After the last packet of RESULT nothing comes.
 * S7  Output never exceeds the call's limit, and no OUTPUT is empty.
 * S8  A body that is announced never exceeds the call's limit for its kind.
 * S9  One SLEEP at the beginning, and one more after each WAKE and each answer to a host call.
 * S10 A SLEEP has seen no more answers than went out. One that has seen fewer is void, as is one after
 *     which an answer goes out: the worker asks again. So what it gets has one order for both sides.
 *
 * Pure logic: no I/O, no memory. One thread at a time.
 * Trust: reads messages from workers.
 */
#ifndef RN_SHM_CALL_STATE_H
#define RN_SHM_CALL_STATE_H

#include "shm/message.h"

#define RN_HOST_CALLS_OUT_MAX 256u

struct rn_call_state {
    uint64_t host_calls_left; /* that may still be made */
    uint64_t output_left;
    enum rn_state state;
    uint32_t sequence; /* of the next packet */
    uint32_t credit;   /* packets that may still come */
    uint32_t host_calls;
    uint32_t host_calls_out;
    uint32_t sleeps_left; /* SLEEP messages that may still come */
    uint32_t replies;     /* that went out */
    uint32_t result_max;
    uint32_t host_call_max;
    uint32_t fragment_left;        /* bytes still to come */
    enum rn_message_type fragment; /* 0: none */
    bool sleep_out;                /* the last SLEEP is to be answered by WAKE; S10 */
    bool counted;                  /* there was a PROFILE */
};

struct rn_call_state_limits {
    uint64_t output_max;     /* bytes of all output */
    uint32_t result_max;     /* bytes of the result */
    uint32_t host_call_max;  /* bytes of the arguments of one host call */
    uint64_t host_calls_max; /* how many there may be */
};

/* RUNNING. */
void rn_call_state_start(struct rn_call_state *state, uint32_t credit,
                         const struct rn_call_state_limits *limits);

/*
 * Checks one decoded packet against S1 to S10 and moves on. MESSAGE_STATE, NO_CREDIT or TOO_LARGE:
 * the worker lies; the state is then of no use any more.
 */
enum rn_error rn_call_state_receive(struct rn_call_state *state,
                                    const struct rn_message *message) RN_MUST_CHECK;

/* What the supervisor did. */
void rn_call_state_grant(struct rn_call_state *state, uint32_t packets);
void rn_call_state_replied(struct rn_call_state *state);
void rn_call_state_woken(struct rn_call_state *state);
void rn_call_state_cancel(struct rn_call_state *state);

#endif
