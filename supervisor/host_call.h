/*
 * host_call.h: a call of a host function, from the message to its answer.
 *
 * H1  Exactly one answer goes to the worker for each host call of a call that has not ended.
 * H2  A plain function has answered when it returns, or is answered for.
 * H3  An async one belongs to the host until _reply, _fail or _drop; the call knows it meanwhile.
 */
#ifndef RN_SUPERVISOR_HOST_CALL_H
#define RN_SUPERVISOR_HOST_CALL_H

#include "supervisor/call.h"
#include "supervisor/context.h"

struct rune_host_call {
    _Atomic uint32_t refs; /* the host's, and the call's while it is out */
    struct rn_call *call;  /* counted */
    const struct rn_host_entry *entry;
    uint32_t number;
    uint64_t budget;        /* spent by the script when it called */
    size_t size;            /* of the arguments, in bytes */
    rune_const_value *args; /* a tuple, or unit */
    rune_const_value **items;
    size_t count;
    atomic_bool answered;

    /* Under the peer's lock. */
    rune_host_call *next; /* in call->host_calls */
    rune_host_call **link;
    void (*on_cancel)(void *user);
    void *on_cancel_user;
    bool telling; /* on_cancel runs, or is about to, on the thread `teller` */
    pthread_t teller;
};

/* Runs the host function that the event asks for. Consumes the event's data. */
void rn_host_call_run(struct rn_call *call, struct rn_event *event);
/* The call has ended: tells those that are out. */
void rn_host_calls_end(struct rn_call *call);

#endif
