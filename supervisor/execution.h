/* execution.h: a call that the runner drives. */
#ifndef RN_SUPERVISOR_EXECUTION_H
#define RN_SUPERVISOR_EXECUTION_H

#include <runeward/execution.h>

#include <pthread.h>

struct rn_call;

struct rune_execution {
    _Atomic uint32_t refs;       /* the host's and the runner's */
    rune_supervisor *supervisor; /* counted */
    rune_vm *vm;                 /* busy until the execution is over */
    char *item;                  /* owned: the call's name of it */
    pthread_mutex_t lock;
    pthread_cond_t ended_cond;
    struct rn_call *call; /* NULL once it has ended */
    bool ended;
    bool completed;
    rune_status status;
    rune_record *record; /* until completed */
    rune_execution_fn callback;
    void *callback_user;
    int event_fd; /* -1 until asked for */
};

#endif
