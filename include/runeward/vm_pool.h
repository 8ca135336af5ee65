/*
 * vm_pool.h: Vms that are kept warm.
 *
 * A Vm is cheap to make; one out of a pool is cheaper still: taking it allocates nothing, whatever
 * Unit and runtime it is to have. A Vm that comes back keeps nothing of what it was used for: its
 * Globals go, functions of it become stale.
 *
 * Every function is thread safe. A pool keeps its supervisor alive.
 */
#ifndef RUNEWARD_VM_POOL_H
#define RUNEWARD_VM_POOL_H

#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_vm_pool rune_vm_pool;

/*
 * A pool of at most `vms_max` Vms, those in use included, all with these options (copied; NULL:
 * defaults). None is made yet. INVALID_ARGUMENT: 0 or more than 65,536; NO_MEMORY; FORKED.
 */
RUNE_API rune_status rune_vm_pool_new(rune_supervisor *supervisor, const rune_vm_options *options,
                                      size_t vms_max, rune_vm_pool **out_pool,
                                      rune_error **error) RUNE_MUST_CHECK;
/*
 * A Vm for that Unit and runtime (NULL: standard modules only), best one that had them before. It
 * is the caller's until rune_vm_pool_give; never rune_vm_free it. OVERLOADED: all are in use; else
 * errors as rune_vm_new: INVALID_ARGUMENT if `unit` is NULL.
 */
RUNE_API rune_status rune_vm_pool_take(rune_vm_pool *pool, rune_runtime *runtime, rune_unit *unit,
                                       rune_vm **out_vm, rune_error **error) RUNE_MUST_CHECK;
/*
 * The same, but while all are in use it waits up to `timeout_ns` (UINT64_MAX: without end) for one that
 * is given back. TIMED_OUT: none was. BUSY, at once, in a sink, host function or callback of an
 * execution. It drives no external loop: not on the thread that does.
 */
RUNE_API rune_status rune_vm_pool_take_wait(rune_vm_pool *pool, rune_runtime *runtime,
                                            rune_unit *unit, uint64_t timeout_ns, rune_vm **out_vm,
                                            rune_error **error) RUNE_MUST_CHECK;
/*
 * Back into the pool it came from. BUSY: it still runs a call, and stays the caller's.
 * INVALID_ARGUMENT, and nothing happens: NULL, a Vm of another pool or of none, or one that was given
 * back already and waits in the pool.
 */
RUNE_API rune_status rune_vm_pool_give(rune_vm_pool *pool, rune_vm *vm) RUNE_MUST_CHECK;
/* Vms that wait in the pool, and that are out of it. Both may be NULL. */
RUNE_API void rune_vm_pool_counts(rune_vm_pool *pool, size_t *out_idle, size_t *out_taken);
/* Vms that are out stay usable and must still be given back; the last one takes the pool along. No
 * other use of it. Accepts NULL. */
RUNE_API void rune_vm_pool_free(rune_vm_pool *pool);

RUNE_END

#endif
