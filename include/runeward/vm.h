/*
 * vm.h: calling functions of a Unit.
 *
 * A rune_vm is one Unit and one RuntimeContext ready to be called, with its own Globals. It is very
 * cheap to make. One thread at a time, one call at a time; it keeps its supervisor alive.
 */
#ifndef RUNEWARD_VM_H
#define RUNEWARD_VM_H

#include <runeward/context.h>
#include <runeward/limits.h>
#include <runeward/supervisor.h>
#include <runeward/unit.h>

RUNE_BEGIN

typedef struct rune_vm rune_vm;
typedef struct rune_vm_options rune_vm_options;
typedef struct rune_call_options rune_call_options;
typedef struct rune_record rune_record;

/* Defaults: domain "", the supervisor's isolation, no limits of its own. */
RUNE_API rune_vm_options *rune_vm_options_new(void) RUNE_MUST_CHECK;
/* Trust domain: domains never share a worker. Copied, at most 255 bytes: TOO_LARGE. */
RUNE_API rune_status rune_vm_options_set_domain(rune_vm_options *options,
                                                const char *domain) RUNE_MUST_CHECK;
/* rune_vm_new says INVALID_ARGUMENT of a value that the enum does not have. */
RUNE_API void rune_vm_options_set_isolation(rune_vm_options *options, rune_isolation isolation);
RUNE_API rune_status rune_vm_options_set_limits(rune_vm_options *options,
                                                const rune_limits *limits) RUNE_MUST_CHECK;
/* What rune_host_call_user gives to host functions called by this Vm. */
RUNE_API void rune_vm_options_set_user(rune_vm_options *options, void *user);
/* Accepts NULL. */
RUNE_API void rune_vm_options_free(rune_vm_options *options);

/* Streams of a script's output. */
#define RUNE_STREAM_STDOUT 1
#define RUNE_STREAM_STDERR 2

/*
 * Takes output as it comes; the bytes are borrowed. Returns true, or false to refuse it this time: the
 * same bytes are offered again, and only this call stands still meanwhile. Runs on the thread that
 * made the call, or for an execution on a thread of the library.
 *
 * A result is given only after all output before it was taken. If that does not happen by the deadline, or
 * until the call is stopped, the call ends as `wall` (or as what stopped it) though the script was done; of
 * any call whose output was not all taken the JSON record says "truncated", and rune_usage counts the bytes
 * that were taken. Over a connection output that has come from the daemon is offered until it is taken, the call is
 * cancelled, or the connection lost.
 */
typedef bool (*rune_output_fn)(void *user, int stream, const char *data, size_t size);

/* Defaults: limits of Vm and supervisor, seed 0, no clock, no token, output dropped. Calls read them as they begin and
 * change nothing: threads may share one that nobody sets. */
RUNE_API rune_call_options *rune_call_options_new(void) RUNE_MUST_CHECK;
RUNE_API rune_status rune_call_options_set_limits(rune_call_options *options,
                                                  const rune_limits *limits) RUNE_MUST_CHECK;
RUNE_API void rune_call_options_set_seed(rune_call_options *options, uint64_t seed);
/*
 * True: the script may read the time (Instant::now); its run is no function of its inputs then.
 * Sleeping needs no clock.
 */
RUNE_API void rune_call_options_set_clock(rune_call_options *options, bool granted);
/* Takes a reference. NULL: none. */
RUNE_API void rune_call_options_set_cancel_token(rune_call_options *options,
                                                 rune_cancel_token *token);
RUNE_API void rune_call_options_set_output(rune_call_options *options, rune_output_fn fn,
                                           void *user);
/*
 * For a call made inside a host function: it inherits the remaining limits and the deadline of the
 * call that it serves, is cancelled with it, waits in no queue, and may nest 16 deep. The Vm must be
 * another one. Borrowed until the call returns.
 */
RUNE_API void rune_call_options_set_parent(rune_call_options *options,
                                           const rune_host_call *parent);
/* True: wait for a free worker up to the deadline; false (default): OVERLOADED at once. */
RUNE_API void rune_call_options_set_wait(rune_call_options *options, bool wait);
/*
 * Whether the call is run again, once, on another worker if its own was killed from outside: by the
 * kernel for want of memory, by somebody's kill -9, because of another call. True by default.
 *
 * What the script was given is kept meanwhile: answers of host functions come from there, none is
 * called twice, and output that was delivered is not delivered again. So the call ends as if nothing
 * had happened; rune_record_attempts tells. It keeps its deadline. Not run again: a call that broke a
 * limit or was cancelled, whose worker broke the wall, crashed by itself or was ended by an operator
 * (`runeward ctl kill`), whose Vm had Globals in the worker (they are lost: VM_LOST), or that took in
 * more than 4 MiB, or all running calls more than 64 MiB.
 */
RUNE_API void rune_call_options_set_replay(rune_call_options *options, bool wanted);
/* Accepts NULL. */
RUNE_API void rune_call_options_free(rune_call_options *options);

/*
 * `runtime` may be NULL (standard modules only: a Unit that was built with more says at its first call of one
 * which function is missing), `options` too. No worker is made or talked to yet,
 * but the domain is: SETUP, WALL_REFUSED, OVERLOADED. INVALID_ARGUMENT: no Unit, which is what
 * rune_watch_current gives for a script that never compiled. The caller's: rune_vm_free.
 */
RUNE_API rune_status rune_vm_new(rune_supervisor *supervisor, rune_runtime *runtime,
                                 rune_unit *unit, const rune_vm_options *options, rune_vm **out_vm,
                                 rune_error **error) RUNE_MUST_CHECK;

/*
 * Calls the function with that path ("" is the script body; a function `async fn` is awaited).
 * The result is the caller's. The arguments have at most 16 MiB together as CBOR, with whatever statics were
 * set and go out with them: TOO_LARGE, with the numbers. Errors: SCRIPT_ERROR, LIMIT (rune_error_reason says which),
 * TIMED_OUT (no worker was ready by its deadline), CANCELLED, NOT_FOUND (no such item), INVALID_ARGUMENT, OVERLOADED,
 * WORKER_LOST, CRASHED, VIOLATION, VM_LOST, BUSY (a call of this Vm runs already), CONST_UNSUPPORTED (the
 * result cannot leave the worker).
 */
RUNE_API rune_status rune_vm_call(rune_vm *vm, const char *item,
                                  const rune_const_value *const *args, size_t arg_count,
                                  const rune_call_options *options, rune_const_value **out_value,
                                  rune_error **error) RUNE_MUST_CHECK;
/*
 * The same with a full record of how it ended, also for calls that fail: RUNE_OK means that there
 * is a record, and rune_record_reason says how the call ended. Other statuses: NO_MEMORY, BUSY,
 * FORKED, CLOSED, and INVALID_ARGUMENT for an item or argument that is NULL. The record is the caller's.
 */
RUNE_API rune_status rune_vm_call_record(rune_vm *vm, const char *item,
                                         const rune_const_value *const *args, size_t arg_count,
                                         const rune_call_options *options, rune_record **out_record,
                                         rune_error **error) RUNE_MUST_CHECK;

/*
 * Another Unit or RuntimeContext for a warm Vm; its Globals go. With the one that it has already nothing
 * happens, so that whoever follows a watch may call this before each call. BUSY while a call runs.
 * INVALID_ARGUMENT, and the Vm stays as it was: a Unit that is NULL. A runtime may be NULL: standard
 * modules only.
 */
RUNE_API rune_status rune_vm_set_unit(rune_vm *vm, rune_unit *unit) RUNE_MUST_CHECK;
RUNE_API rune_status rune_vm_set_runtime(rune_vm *vm, rune_runtime *runtime) RUNE_MUST_CHECK;
/* Forgets its Globals; also what makes a lost Vm usable again. BUSY while a call runs. */
RUNE_API rune_status rune_vm_reset(rune_vm *vm) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_vm_free(rune_vm *vm);

/* The record of one call. Everything got from it is borrowed until it is freed. Of NULL, which is what is
 * there when there is no record: INTERNAL, NULL, 0; _to_json says INVALID_ARGUMENT. */
RUNE_API rune_reason rune_record_reason(const rune_record *record);
/* The result, or NULL. */
RUNE_API const rune_const_value *rune_record_value(const rune_record *record);
/* Why it failed, or NULL. */
RUNE_API const rune_error *rune_record_error(const rune_record *record);
RUNE_API const rune_usage *rune_record_usage(const rune_record *record);
/* How often it was run: 2 if its worker was lost; 0 if it did not begin. */
RUNE_API uint32_t rune_record_attempts(const rune_record *record);
/* The limit that was in force. */
RUNE_API uint64_t rune_record_limit(const rune_record *record, rune_limit limit);
/* One JSON object on one line, schema version 1. `output`: what the caller collected of stdout, or
 * NULL. The text is the caller's. */
RUNE_API rune_status rune_record_to_json(const rune_record *record, const char *output,
                                         size_t output_size, rune_text **out_text) RUNE_MUST_CHECK;
/* The same, with the names of the Unit's types in its value, as rune_unit_value_to_json gives it. */
RUNE_API rune_status rune_unit_record_to_json(const rune_unit *unit, const rune_record *record,
                                              const char *output, size_t output_size,
                                              rune_text **out_text) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_record_free(rune_record *record);

RUNE_END

#endif
