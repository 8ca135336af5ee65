/* execution.h: a call that the runner drives. */
#ifndef RN_SUPERVISOR_EXECUTION_H
#define RN_SUPERVISOR_EXECUTION_H

#include <runeward/execution.h>

#include <pthread.h>

#include "base/check.h"

struct rn_call;
struct rn_request;

/* Some executions of a supervisor have one of these together: a lock and a condition are large, and few
 * threads ever wait. Whoever sleeps looks at his own execution when he is woken. */
struct rn_execution_lock {
    pthread_mutex_t lock;
    pthread_cond_t ended;
};
#define RN_EXECUTION_LOCKS 64u

void rn_execution_locks_init(struct rn_execution_lock locks[RN_EXECUTION_LOCKS]);
void rn_execution_locks_done(struct rn_execution_lock locks[RN_EXECUTION_LOCKS]);

struct rune_execution {
    _Atomic uint32_t refs;       /* the host's and the runner's */
    int event_fd;                /* -1 until asked for */
    rune_supervisor *supervisor; /* counted */
    rune_vm *vm;                 /* busy until the execution is over */
    /* Of event_fd and of what follows, but for remote_id and item. */
    struct rn_execution_lock *shared;
    struct rn_call *call; /* NULL once it has ended */
    rune_record *record;  /* until completed */
    /* Counted: the call, if its end has more to it (rn_call_finish), which completing does; or NULL. */
    struct rn_call *rest;
    rune_execution_fn callback;
    void *callback_user;
    pthread_t caller;
    uint64_t remote_id; /* of the call in a daemon; 0: here */
    rune_status status;
    bool ended;
    bool completed;
    bool calling; /* the callback runs, or is about to, on the thread `caller` */
    char item[];  /* the call's name of it */
};

/* rune_vm_send_execute of any request; of functions by the target's name. */
rune_status rn_execution_send(rune_vm *vm, struct rn_request *request,
                              rune_execution **out_execution, rune_error **error) RN_MUST_CHECK;
/* A new one for a claimed Vm; the caller's. NULL without memory. */
rune_execution *rn_execution_new(rune_vm *vm, const char *item) RN_MUST_CHECK;
/* Of one that has ended: bytes of a result that completing it has yet to read; 0: none. *out_long: it takes
 * time that not every thread has. */
size_t rn_execution_unread(rune_execution *execution, bool *out_long);
/* It is completed without that result. */
void rn_execution_drop_result(rune_execution *execution);
/* It is over: gives the Vm back, calls back. Consumes the record (may be NULL). Whoever waits sleeps on
 * until rn_execution_wake, which must follow. */
void rn_execution_end(rune_execution *execution, rune_status status, rune_record *record);
void rn_execution_wake(rune_execution *execution);
/* Where the runner's turn is, once for the call of an execution: it has ended. */
void rn_execution_end_call(struct rn_call *call);
/* Soon after that: who waits for it is woken. */
void rn_execution_leave_call(struct rn_call *call);
void rn_execution_unref(rune_execution *execution);

#endif
