/*
 * function.h: functions of scripts, held by the host.
 *
 * A rune_function is a function value in the heap of the Vm that made it: a closure sees what it
 * captured, shared with the script, and the Vm's statics. It pins the Vm to its worker.
 *
 * A rune_sync_function is a value of its own: the Unit, the function's item, and copies of what it
 * captured, which must be ConstValues. It belongs to no Vm: any thread may call it, several at
 * once, on any worker. It keeps its Unit alive and outlives the Vm. There is no storage for statics
 * in such a call: a script that reads one gets an error of kind "MissingGlobals".
 *
 * A function among arguments, results or arguments of host functions is a ConstValue of kind
 * RUNE_VALUE_FUNCTION: rune_sync_function_from_value makes it callable, rune_sync_function_to_value
 * is the way back into a script of the same Unit.
 *
 * A function of the library itself (`i64::abs`) may be held in both ways and handed on to scripts, but the host
 * cannot call it: its calls end as SCRIPT_ERROR of kind "Panic". Scripts give a closure around it instead.
 */
#ifndef RUNEWARD_FUNCTION_H
#define RUNEWARD_FUNCTION_H

#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_function rune_function;
typedef struct rune_sync_function rune_sync_function;

/*
 * Calls as rune_vm_call does, keeps the result, which must be a Function, in the Vm, and gives a
 * handle on it; the caller's: rune_function_unref. A Vm keeps up to 1024 functions, in a daemon all
 * Vms of a user together what that lets it (serve.h): OVERLOADED. SCRIPT_ERROR of kind
 * "NotAFunction". UNSUPPORTED for a Vm with a worker for each call.
 */
RUNE_API rune_status rune_vm_call_function(rune_vm *vm, const char *item,
                                           const rune_const_value *const *args, size_t arg_count,
                                           const rune_call_options *options,
                                           rune_function **out_function,
                                           rune_error **error) RUNE_MUST_CHECK;
/*
 * Calls it in its Vm, which must not run another call: BUSY. STALE: the Vm was reset or got another
 * Unit or runtime meanwhile, or in a daemon another version of its script; VM_LOST: its worker has
 * gone; other errors as rune_vm_call. A function holds its Vm, even after rune_vm_free.
 */
RUNE_API rune_status rune_function_call(rune_function *function,
                                        const rune_const_value *const *args, size_t arg_count,
                                        const rune_call_options *options,
                                        rune_const_value **out_value,
                                        rune_error **error) RUNE_MUST_CHECK;
/*
 * The sync form, called with supervisor, runtime, Unit, domain, isolation, limits and user pointer
 * of the function's Vm; the caller's: rune_sync_function_unref. CONST_UNSUPPORTED: the message
 * names the capture that cannot be a ConstValue, its type, and where it was captured. STALE and
 * VM_LOST as rune_function_call.
 */
RUNE_API rune_status rune_function_into_sync(rune_function *function,
                                             rune_sync_function **out_function,
                                             rune_error **error) RUNE_MUST_CHECK;
/* The item path, as in "main::$0::$0" for a closure; "" for a function of the library. Borrowed. */
RUNE_API const char *rune_function_item(const rune_function *function);
/* Any thread. */
RUNE_API rune_function *rune_function_ref(rune_function *function);
/* Any thread, but without a connection not from a sink or host function of an execution. Accepts NULL. */
RUNE_API void rune_function_unref(rune_function *function);

/*
 * From a value of kind Function. It must belong to `unit`: FUNCTION_INVALID if it is of another
 * Unit, or names a function that the Unit does not have or that captures another number of values.
 * `runtime` and `options` may be NULL: what rune_vm_new takes. The caller's.
 */
RUNE_API rune_status rune_sync_function_from_value(rune_supervisor *supervisor,
                                                   rune_runtime *runtime, rune_unit *unit,
                                                   const rune_vm_options *options,
                                                   const rune_const_value *value,
                                                   rune_sync_function **out_function,
                                                   rune_error **error) RUNE_MUST_CHECK;
/* The same from the bytes of such a value, whoever wrote them; CBOR_* besides. */
RUNE_API rune_status rune_sync_function_from_cbor(rune_supervisor *supervisor,
                                                  rune_runtime *runtime, rune_unit *unit,
                                                  const rune_vm_options *options, const void *data,
                                                  size_t size, rune_sync_function **out_function,
                                                  rune_error **error) RUNE_MUST_CHECK;
/* An exported function of the Unit by its path. NOT_FOUND. */
RUNE_API rune_status rune_sync_function_lookup(rune_supervisor *supervisor, rune_runtime *runtime,
                                               rune_unit *unit, const rune_vm_options *options,
                                               const char *item, rune_sync_function **out_function,
                                               rune_error **error) RUNE_MUST_CHECK;

/* Calls it in a fresh Vm. Errors as rune_vm_call. Any thread, any number at once. */
RUNE_API rune_status rune_sync_function_call(rune_sync_function *function,
                                             const rune_const_value *const *args, size_t arg_count,
                                             const rune_call_options *options,
                                             rune_const_value **out_value,
                                             rune_error **error) RUNE_MUST_CHECK;
/* Borrowed, as long as the function. */
RUNE_API const rune_const_value *rune_sync_function_to_value(const rune_sync_function *function);
RUNE_API const void *rune_sync_function_to_cbor(const rune_sync_function *function,
                                                size_t *out_size);
RUNE_API const char *rune_sync_function_item(const rune_sync_function *function);
RUNE_API rune_unit *rune_sync_function_unit(const rune_sync_function *function);
RUNE_API rune_sync_function *rune_sync_function_ref(rune_sync_function *function);
/* Accepts NULL. */
RUNE_API void rune_sync_function_unref(rune_sync_function *function);

RUNE_END

#endif
