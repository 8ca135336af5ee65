/*
 * execution.c: calls that run while the host does something else.
 *
 * The runner owns the call: it receives, runs host functions and sinks, and ends it. The handle
 * here waits for that.
 */
#include "supervisor/execution.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/error.h"
#include "supervisor/remote.h"
#include "supervisor/runner.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"
#include "supervisor/wake.h"

/* How long a thread that waits drives an external loop before it looks up. */
#define HELP_NS UINT64_C(10000000)

void rn_execution_locks_init(struct rn_execution_lock locks[RN_EXECUTION_LOCKS])
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < RN_EXECUTION_LOCKS; i++) {
        pthread_mutex_init(&locks[i].lock, NULL);
        pthread_cond_init(&locks[i].ended, &monotonic);
    }
    pthread_condattr_destroy(&monotonic);
}

void rn_execution_locks_done(struct rn_execution_lock locks[RN_EXECUTION_LOCKS])
{
    for (uint32_t i = 0; i < RN_EXECUTION_LOCKS; i++) {
        pthread_cond_destroy(&locks[i].ended);
        pthread_mutex_destroy(&locks[i].lock);
    }
}

/* One that has been destroyed, with its supervisor, says so. */
static void lock(rune_execution *execution)
{
    int failed = pthread_mutex_lock(&execution->shared->lock);
    RN_ASSERT(failed == 0);
    (void)failed;
}

static void unlock(rune_execution *execution)
{
    pthread_mutex_unlock(&execution->shared->lock);
}

/* Does what the end of a call left. Either may be NULL. */
static void finish(struct rn_call *rest, rune_record *record)
{
    if (rest && record) {
        rn_call_finish(rest, record);
    } else if (rest) {
        rn_replay_done(&rest->replay); // answers of the host may outlive the supervisor
    }
    rn_call_unref(rest);
}

void rn_execution_unref(rune_execution *execution)
{
    if (atomic_fetch_sub_explicit(&execution->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    // Nobody completed it: a result that nobody reads may stay unread.
    struct rn_call *rest = RN_TAKE(execution->rest);
    finish(rest, rest && rest->journal_due ? execution->record : NULL);
    rune_record_free(execution->record);
    rn_fd_close(execution->event_fd);
    rn_free(execution);
}

/* The host gives up its handle; its reference to the supervisor goes on this thread, never the
 * runner's. */
static void release(rune_execution *execution)
{
    rune_supervisor *supervisor = execution->supervisor;
    rn_execution_unref(execution);
    rune_supervisor_free(supervisor);
}

/* Under the lock, which is given up meanwhile. Whoever frees the execution waits until the callback has
 * returned, unless that is the callback itself. */
static void call_back(rune_execution *execution, rune_execution_fn fn, void *user)
{
    execution->calling = true;
    execution->caller = pthread_self();
    unlock(execution);
    fn(user, execution);
    lock(execution);
    execution->calling = false;
    pthread_cond_broadcast(&execution->shared->ended);
}

static void await_callback(rune_execution *execution)
{
    lock(execution);
    while (execution->calling && !pthread_equal(execution->caller, pthread_self())) {
        pthread_cond_wait(&execution->shared->ended, &execution->shared->lock);
    }
    unlock(execution);
}

void rn_execution_end(rune_execution *execution, rune_status status, rune_record *record)
{
    lock(execution);
    execution->call = NULL;
    execution->status = status;
    execution->record = record;
    execution->ended = true;
    rn_vm_release(execution->vm);
    if (execution->event_fd >= 0) {
        rn_wake(execution->event_fd);
    }
    if (execution->callback) {
        call_back(execution, execution->callback, execution->callback_user);
    }
    unlock(execution);
}

void rn_execution_wake(rune_execution *execution)
{
    // Without the lock, which who wakes needs: it looked at `ended` under it before it slept.
    pthread_cond_broadcast(&execution->shared->ended);
}

void rn_execution_end_call(struct rn_call *call)
{
    rune_execution *execution = call->owner;
    rune_record *record = NULL;
    rune_status status = rn_call_end(call, &record);
    execution->rest = call->has_more ? rn_call_ref(call) : NULL;
    rn_execution_end(execution, status, record);
}

void rn_execution_leave_call(struct rn_call *call)
{
    rune_execution *execution = call->owner;
    rn_execution_wake(execution);
    rn_call_unref(call);
    rn_execution_unref(execution);
}

rune_execution *rn_execution_new(rune_vm *vm, const char *item)
{
    size_t size = strlen(item) + 1;
    rune_execution *execution = rn_alloc(sizeof(*execution) + size);
    if (!execution) {
        return NULL;
    }
    memcpy(execution->item, item, size);
    atomic_init(&execution->refs, 1);
    rn_supervisor_ref(vm->supervisor);
    execution->supervisor = vm->supervisor;
    execution->vm = vm;
    execution->event_fd = -1;
    uint32_t next = atomic_fetch_add(&vm->supervisor->next_execution, 1);
    execution->shared = &vm->supervisor->execution_locks[next % RN_EXECUTION_LOCKS];
    return execution;
}

/* Begins the call and gives it to the runner. */
static rune_status start(rune_execution *execution, struct rn_call *call,
                         const rune_call_options *options, rune_error **error)
{
    struct rn_runner *runner = rn_supervisor_runner(execution->supervisor);
    if (!runner) {
        return rn_fail_plain(error, RN_E_SYSTEM);
    }
    call->is_async = true;
    call->owner = execution;
    call->item_name = execution->item;
    rune_status status = rn_call_begin(call, error);
    if (status != RUNE_OK) {
        return status;
    }
    rn_vm_watch(call, options);
    execution->call = call;
    atomic_fetch_add(&execution->refs, 1);
    rn_runner_add(runner, rn_call_ref(call));
    return RUNE_OK;
}

static rune_status send_claimed(rune_vm *vm, struct rn_request *request,
                                rune_execution **out_execution, rune_error **error)
{
    struct rn_call *call;
    if (vm->supervisor->remote) {
        return rn_remote_execute(vm, request, out_execution, error);
    }
    rune_status status = RUNE_OK;
    if (request->target.kind == RN_CALL_TARGET_ITEM) {
        status = rn_vm_find_item(vm, request->target.name, &request->target, error);
    }
    if (status == RUNE_OK) {
        status = rn_vm_prepare(vm, request, &call, error);
    }
    if (status != RUNE_OK) {
        return status;
    }
    rune_execution *execution = rn_execution_new(vm, request->target.name);
    status = execution ? start(execution, call, request->options, error)
                       : rn_fail_plain(error, RN_E_NO_MEMORY);
    if (status != RUNE_OK) {
        if (execution) {
            release(execution);
        }
        rn_call_unref(call);
        return status;
    }
    rn_call_unref(call);
    *out_execution = execution;
    return RUNE_OK;
}

rune_status rn_execution_send(rune_vm *vm, struct rn_request *request,
                              rune_execution **out_execution, rune_error **error)
{
    rune_status status = rn_call_check(request->target.name, request->args, error);
    if (status == RUNE_OK) {
        status = rn_vm_claim(vm, error);
    }
    if (status != RUNE_OK) {
        return status;
    }
    status = send_claimed(vm, request, out_execution, error);
    if (status != RUNE_OK) {
        rn_vm_release(vm);
    }
    return status;
}

rune_status rune_vm_send_execute(rune_vm *vm, const char *item, const rune_const_value *const *args,
                                 size_t arg_count, const rune_call_options *options,
                                 rune_execution **out_execution, rune_error **error)
{
    struct rn_request request = {.target = {.kind = RN_CALL_TARGET_ITEM, .name = item},
                                 .args = {args, arg_count},
                                 .options = options,
                                 .wants_usage = true};
    return rn_execution_send(vm, &request, out_execution, error);
}

bool rune_execution_poll(rune_execution *execution)
{
    lock(execution);
    bool ended = execution->ended;
    unlock(execution);
    return ended;
}

/* With an external loop, whoever waits keeps it going. True: it has been at work. */
static bool help(rune_execution *execution, uint64_t until_ns)
{
    struct rn_runner *runner = rn_supervisor_external_runner(execution->supervisor);
    if (!runner) {
        return false;
    }
    uint64_t now_ns = rn_now_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    uint64_t step_ns = left_ns < HELP_NS ? left_ns : HELP_NS;
    return rn_runner_turn(runner, RN_RUNNER_EVENTS_MAX, (int)((step_ns + 999999) / 1000000));
}

rune_status rune_execution_wait(rune_execution *execution, uint64_t timeout_ns)
{
    if (!rune_execution_poll(execution) && rn_supervisor_in_callback(execution->supervisor)) {
        return RUNE_E_BUSY;
    }
    uint64_t until_ns = rn_after_ns(rn_now_ns(), timeout_ns);
    bool external = rn_supervisor_external_runner(execution->supervisor) != NULL;
    lock(execution);
    while (!execution->ended && (until_ns == RN_NEVER_NS || rn_now_ns() < until_ns)) {
        unlock(execution);
        bool helped = external && help(execution, until_ns);
        lock(execution);
        if (!helped && !execution->ended) {
            // Another thread dispatches; it may stop doing so.
            uint64_t step_ns = rn_after_ns(rn_now_ns(), HELP_NS);
            rn_cond_wait_until(&execution->shared->ended, &execution->shared->lock,
                               external && step_ns < until_ns ? step_ns : until_ns);
        }
    }
    bool ended = execution->ended;
    unlock(execution);
    return ended ? RUNE_OK : RUNE_E_TIMED_OUT;
}

int rune_execution_fd(rune_execution *execution)
{
    lock(execution);
    if (execution->event_fd < 0) {
        execution->event_fd =
            rn_fd_take_above_standard(eventfd(execution->ended, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    int fd = execution->event_fd;
    unlock(execution);
    return fd;
}

rune_status rune_execution_on_end(rune_execution *execution, rune_execution_fn fn, void *user)
{
    lock(execution);
    bool taken = execution->callback != NULL;
    bool ended = execution->ended;
    if (!taken) {
        execution->callback = fn;
        execution->callback_user = user;
        if (execution->call) {
            atomic_store(&execution->call->calls_back, true);
        }
    }
    if (!taken && ended) {
        // The callback may free it, and with it the supervisor.
        atomic_fetch_add(&execution->refs, 1);
        rn_supervisor_ref(execution->supervisor);
        call_back(execution, fn, user);
    }
    unlock(execution);
    if (!taken && ended) {
        release(execution);
    }
    return taken ? RUNE_E_BUSY : RUNE_OK;
}

void rune_execution_cancel(rune_execution *execution)
{
    lock(execution);
    struct rn_call *call = execution->call ? rn_call_ref(execution->call) : NULL;
    uint64_t remote_id = execution->ended ? 0 : execution->remote_id;
    unlock(execution);
    if (remote_id != 0) {
        rn_remote_cancel(execution->supervisor->remote, remote_id);
    }
    if (call) {
        rn_call_stop(call, RN_REASON_CANCELLED);
        rn_call_unref(call);
    }
}

rune_status rune_execution_complete(rune_execution *execution, rune_record **out_record)
{
    rune_status status = RUNE_E_WOULD_BLOCK;
    struct rn_call *rest = NULL;
    lock(execution);
    if (execution->completed) {
        status = RUNE_E_STALE;
    } else if (execution->ended) {
        execution->completed = true;
        status = execution->status;
        if (status == RUNE_OK) {
            *out_record = RN_TAKE(execution->record);
            rest = RN_TAKE(execution->rest);
        }
    }
    unlock(execution);
    if (rest) {
        finish(rest, *out_record);
    }
    return status;
}

size_t rn_execution_unread(rune_execution *execution, bool *out_long)
{
    lock(execution);
    const struct rn_call *rest = execution->rest;
    *out_long = rest != NULL;
    size_t size = rest && rest->result.body && !rest->journal_due ? rest->result.size : 0;
    unlock(execution);
    return size;
}

void rn_execution_drop_result(rune_execution *execution)
{
    lock(execution);
    struct rn_call *rest = RN_TAKE(execution->rest);
    unlock(execution);
    finish(rest, NULL);
}

/* Nobody waits for its end any more: it ends by itself, and tells nobody. */
static void leave(rune_execution *execution)
{
    lock(execution);
    execution->callback = NULL;
    unlock(execution);
}

void rune_execution_free(rune_execution *execution)
{
    if (!execution || rn_supervisor_is_forked(execution->supervisor)) {
        return;
    }
    rune_execution_cancel(execution);
    while (rune_execution_wait(execution, UINT64_MAX) != RUNE_OK) {
        if (rn_supervisor_in_callback(execution->supervisor)) {
            leave(execution);
            break;
        }
    }
    // Not on the runner's thread, which may be the last to let go.
    rune_record *record = NULL;
    if (rune_execution_complete(execution, &record) == RUNE_OK) {
        rune_record_free(record);
    }
    if (!rn_supervisor_in_callback(execution->supervisor)) {
        await_callback(execution);
    }
    release(execution);
}
