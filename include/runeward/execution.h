/*
 * execution.h: a call that runs while the host does something else.
 *
 * rune_vm_send_execute takes the Vm for the time of the execution; its end gives it back. An
 * execution is thread safe in every function; it keeps its supervisor alive. Output sinks, host
 * functions and callbacks of executions run on a thread of the library, one at a time; with an
 * external loop (supervisor.h) they run where rune_supervisor_dispatch does.
 */
#ifndef RUNEWARD_EXECUTION_H
#define RUNEWARD_EXECUTION_H

#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_execution rune_execution;

/*
 * Starts a call. The Vm says BUSY until the execution has ended; it must not be freed before.
 * Arguments are copied. Errors as rune_vm_call has before a call starts. The caller's:
 * rune_execution_free.
 */
RUNE_API rune_status rune_vm_send_execute(rune_vm *vm, const char *item,
                                          const rune_const_value *const *args, size_t arg_count,
                                          const rune_call_options *options,
                                          rune_execution **out_execution,
                                          rune_error **error) RUNE_MUST_CHECK;
/* True once it has ended. Never waits. */
RUNE_API bool rune_execution_poll(rune_execution *execution);
/* Waits up to `timeout_ns` (UINT64_MAX: without end). RUNE_OK: it has ended. TIMED_OUT. BUSY: it runs, and
 * this is a sink, host function or callback of an execution, without whose return it cannot go on. */
RUNE_API rune_status rune_execution_wait(rune_execution *execution,
                                         uint64_t timeout_ns) RUNE_MUST_CHECK;
/* A descriptor that polls readable once it has ended; the execution's, closed with it; -1: none. */
RUNE_API int rune_execution_fd(rune_execution *execution);
/*
 * `fn` runs once when it has ended; at once, on this thread, if it has already. By then the Vm may
 * be called again; `fn` may complete and free the execution, but not give up the last handle of the
 * supervisor, unless that is a connection. BUSY: a callback is set already.
 */
typedef void (*rune_execution_fn)(void *user, rune_execution *execution);
RUNE_API rune_status rune_execution_on_end(rune_execution *execution, rune_execution_fn fn,
                                           void *user) RUNE_MUST_CHECK;
/* Asks it to end as cancelled. Its own end may win the race. */
RUNE_API void rune_execution_cancel(rune_execution *execution);
/* The record, once: WOULD_BLOCK before the end, STALE the second time. The caller's. A result of more than
 * 64 KiB is read, and a replay file made, here: that takes its time on this thread, and none from other
 * executions. */
RUNE_API rune_status rune_execution_complete(rune_execution *execution,
                                             rune_record **out_record) RUNE_MUST_CHECK;
/* Cancels it if it still runs, and waits for its end, and until its callback, if another thread runs that,
 * has returned. Accepts NULL. In a sink, host function or callback of an execution it does not wait: one
 * that still runs ends by itself soon after, and its callback does not run; what its sinks and host
 * functions use must live until its Vm says BUSY no more. */
RUNE_API void rune_execution_free(rune_execution *execution);

/* One call of a batch. Everything is borrowed until rune_call_many returns. */
typedef struct rune_batch_call {
    rune_vm *vm;
    const char *item;
    const rune_const_value *const *args;
    size_t arg_count;
    const rune_call_options *options; /* or NULL */
} rune_batch_call;

/*
 * Makes all calls and waits for their ends. Calls of different Vms run at the same time, those of
 * one Vm one after the other, in the order of the batch. out_records[i] is how calls[i] ended, each
 * the caller's; also of a call that could not begin. Sinks and host functions run on this thread, one at
 * a time; with a daemon, where those of executions do. NO_MEMORY: no records; what ran was cancelled.
 * INVALID_ARGUMENT, and no records: a Vm or an item is NULL. BUSY in a sink, host function or callback of an execution.
 */
RUNE_API rune_status rune_call_many(const rune_batch_call *calls, size_t count,
                                    rune_record **out_records, rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
