/*
 * context.h: what scripts may call: the standard modules and the host's own functions.
 *
 * A rune_module collects functions and constants; a rune_context is the standard modules and the
 * modules installed in it; rune_context_runtime freezes it into a rune_runtime, which every worker
 * shares. Builders are one thread's at a time; a runtime is counted and may be shared freely.
 */
#ifndef RUNEWARD_CONTEXT_H
#define RUNEWARD_CONTEXT_H

#include <runeward/value.h>

RUNE_BEGIN

typedef struct rune_context rune_context;
typedef struct rune_module rune_module;
typedef struct rune_runtime rune_runtime;
typedef struct rune_host_call rune_host_call;

/*
 * A host function. It reads its arguments from `call` and gives exactly one answer by
 * rune_host_call_reply or _fail. A plain function answers before it returns (else the script gets
 * an error). An async function (RUNE_FUNCTION_ASYNC) may keep `call` and answer later from any
 * thread, or give up with _drop; until then the call is the host's.
 *
 * Threads: for a synchronous call of a Vm the function runs on the thread that made the call; for
 * an execution, on a thread of the library.
 */
typedef void (*rune_host_fn)(void *user, rune_host_call *call);

typedef enum rune_function_flag {
    RUNE_FUNCTION_ASYNC = 1 /* the script gets a Future and awaits it */
} rune_function_flag;

/* `path` is the module's item, as in "host" or "app::users". NULL without memory or on a bad path.
 */
RUNE_API rune_module *rune_module_new(const char *path) RUNE_MUST_CHECK;
/*
 * Adds `path::name`. `arity` up to 64, or -1 for any number of arguments. `user` goes to every call
 * and must outlive all contexts and runtimes with it. INVALID_ARGUMENT, also if the module has that path already;
 * TOO_LARGE (more than 4,096 functions), NO_MEMORY.
 */
RUNE_API rune_status rune_module_function(rune_module *module, const char *name, int arity,
                                          unsigned flags, rune_host_fn fn, void *user,
                                          rune_error **error) RUNE_MUST_CHECK;
/* Adds a constant `path::name`. The value is copied. INVALID_ARGUMENT, also if the module has that path already;
 * NO_MEMORY. */
RUNE_API rune_status rune_module_constant(rune_module *module, const char *name,
                                          const rune_const_value *value,
                                          rune_error **error) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_module_free(rune_module *module);

/* The standard modules. NULL without memory. The caller's: rune_context_free. */
RUNE_API rune_context *rune_context_with_default_modules(void) RUNE_MUST_CHECK;
/* Installs a copy of the module: all of it, or nothing. INVALID_ARGUMENT if a path is taken already;
 * TOO_LARGE (more than 4,096 functions), NO_MEMORY. */
RUNE_API rune_status rune_context_install(rune_context *context, const rune_module *module,
                                          rune_error **error) RUNE_MUST_CHECK;
/* Freezes what the context holds now. The runtime is the caller's: rune_runtime_unref. */
RUNE_API rune_status rune_context_runtime(const rune_context *context, rune_runtime **out_runtime,
                                          rune_error **error) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_context_free(rune_context *context);

RUNE_API rune_runtime *rune_runtime_ref(rune_runtime *runtime);
/* Accepts NULL. */
RUNE_API void rune_runtime_unref(rune_runtime *runtime);

/* Arguments of a host call. The value is borrowed while the call is the host's; NULL if none. */
RUNE_API size_t rune_host_call_arg_count(const rune_host_call *call);
RUNE_API const rune_const_value *rune_host_call_arg(const rune_host_call *call, size_t index);
/* The user pointer of the Vm that calls (rune_vm_options_set_user). */
RUNE_API void *rune_host_call_user(const rune_host_call *call);
/* The item that was called, as in "host::double". Borrowed like arguments. */
RUNE_API const char *rune_host_call_item(const rune_host_call *call);
/* What of its budget the script's call had spent when it called: the worker's word, at most the limit. */
RUNE_API uint64_t rune_host_call_budget(const rune_host_call *call);

/*
 * Answers, once. An async call is consumed by any of them. Any thread. STALE: the script's call has
 * ended meanwhile, nobody waits; harmless. TOO_LARGE: the value has more than 16 MiB as CBOR;
 * INVALID_ARGUMENT: it is NULL, which is what its constructor gives without memory or for wrong input.
 * In both cases that was the answer: the script gets an error that says so. OVERLOADED: more waits for its
 * worker than may be held, 256 MiB, or 64 MiB of all that run a second time: the call ends as `memory`.
 */
RUNE_API rune_status rune_host_call_reply(rune_host_call *call, const rune_const_value *value);
/*
 * The script gets an error with this message, which it may not catch but its caller sees. Each byte of it
 * that is no UTF-8 becomes U+FFFD, and of more than 4,096 bytes it gets the beginning, whole characters.
 * NULL: "the host function failed".
 */
RUNE_API rune_status rune_host_call_fail(rune_host_call *call, const char *message);
/* Gives up: the script gets an error that says so. */
RUNE_API rune_status rune_host_call_drop(rune_host_call *call);
/*
 * `fn` runs (any thread, once) when the script's call ends before an async answer. Once an answer has
 * returned, `fn` does not run and will not: an answer given while it runs waits for it, so not under a
 * lock that `fn` takes; `fn` itself may answer. The host call is to be answered or dropped then, too, by `fn` or
 * later: it keeps Unit and supervisor until it has been. BUSY if the call has ended already. UNSUPPORTED for
 * plain functions.
 */
RUNE_API rune_status rune_host_call_on_cancel(rune_host_call *call, void (*fn)(void *user),
                                              void *user) RUNE_MUST_CHECK;

RUNE_END

#endif
