/*
 * vm_pool.c: Vms that are kept warm: a stack of idle ones, and a count of those in use.
 *
 * What a Vm held goes when it comes back, outside the lock. The lock is taken under no other.
 */
#include <runeward/vm_pool.h>

#include <pthread.h>

#include "base/alloc.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

#define VMS_MAX 65536u

struct rune_vm_pool {
    rune_supervisor *supervisor; /* counted */
    rune_vm_options options;
    size_t vms_max;
    pthread_mutex_t lock;
    bool closing; /* the host has given it up */
    size_t taken;
    size_t idle_count;
    rune_vm *idle[]; /* vms_max */
};

rune_status rune_vm_pool_new(rune_supervisor *supervisor, const rune_vm_options *options,
                             size_t vms_max, rune_vm_pool **out_pool, rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (vms_max == 0 || vms_max > VMS_MAX) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a pool has 1 to %u Vms", VMS_MAX);
    }
    rune_vm_pool *pool = rn_alloc(sizeof(*pool) + vms_max * sizeof(rune_vm *));
    if (!pool) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rn_supervisor_ref(supervisor);
    pool->supervisor = supervisor;
    pool->vms_max = vms_max;
    pthread_mutex_init(&pool->lock, NULL);
    rn_limits_init(&pool->options.limits);
    if (options) {
        pool->options = *options;
    }
    *out_pool = pool;
    return RUNE_OK;
}

/* Under the lock: the idle Vm that fits best, or NULL. */
static rune_vm *pick(rune_vm_pool *pool, const rune_runtime *runtime, const rune_unit *unit)
{
    if (pool->idle_count == 0) {
        return NULL;
    }
    size_t best = pool->idle_count - 1;
    for (size_t i = pool->idle_count; i > 0; i--) {
        if (pool->idle[i - 1]->unit == unit && pool->idle[i - 1]->runtime == runtime) {
            best = i - 1;
            break;
        }
    }
    rune_vm *vm = pool->idle[best];
    pool->idle[best] = pool->idle[--pool->idle_count];
    return vm;
}

/* One that was taken does not come back. */
static void forget(rune_vm_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->taken--;
    pthread_mutex_unlock(&pool->lock);
}

static rune_status make_or_change(rune_vm_pool *pool, rune_runtime *runtime, rune_unit *unit,
                                  rune_vm **vm, rune_error **error)
{
    if (!*vm) {
        return rune_vm_new(pool->supervisor, runtime, unit, &pool->options, vm, error);
    }
    rune_status status = RUNE_OK;
    if ((*vm)->unit != unit) {
        status = rune_vm_set_unit(*vm, unit);
    }
    if (status == RUNE_OK && (*vm)->runtime != runtime) {
        status = rune_vm_set_runtime(*vm, runtime);
    }
    if (status != RUNE_OK) {
        rune_vm_free(*vm);
        return rn_fail_plain(error, (enum rn_error)status);
    }
    return RUNE_OK;
}

rune_status rune_vm_pool_take(rune_vm_pool *pool, rune_runtime *runtime, rune_unit *unit,
                              rune_vm **out_vm, rune_error **error)
{
    if (rn_supervisor_is_forked(pool->supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    pthread_mutex_lock(&pool->lock);
    bool full = pool->taken >= pool->vms_max;
    rune_vm *vm = full ? NULL : pick(pool, runtime, unit);
    pool->taken += !full;
    pthread_mutex_unlock(&pool->lock);
    if (full) {
        return rn_fail(error, RUNE_E_OVERLOADED, "all %zu Vms of the pool are in use",
                       pool->vms_max);
    }
    rune_status status = make_or_change(pool, runtime, unit, &vm, error);
    if (status != RUNE_OK) {
        forget(pool);
        return status;
    }
    *out_vm = vm;
    return RUNE_OK;
}

static void free_pool(rune_vm_pool *pool)
{
    rune_supervisor *supervisor = pool->supervisor;
    for (size_t i = 0; i < pool->idle_count; i++) {
        rune_vm_free(pool->idle[i]);
    }
    pthread_mutex_destroy(&pool->lock);
    rn_free(pool);
    rune_supervisor_free(supervisor);
}

rune_status rune_vm_pool_give(rune_vm_pool *pool, rune_vm *vm)
{
    rune_status status = rune_vm_reset(vm);
    if (status != RUNE_OK) {
        return status;
    }
    // Functions of it that the host still holds keep the Vm: it cannot be somebody else's.
    bool held = atomic_load(&vm->refs) > 1;
    pthread_mutex_lock(&pool->lock);
    pool->taken--;
    bool last = pool->closing && pool->taken == 0;
    bool keep = !pool->closing && !held;
    if (keep) {
        pool->idle[pool->idle_count++] = vm;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        rune_vm_free(vm);
    }
    if (last) {
        free_pool(pool);
    }
    return RUNE_OK;
}

void rune_vm_pool_counts(rune_vm_pool *pool, size_t *out_idle, size_t *out_taken)
{
    pthread_mutex_lock(&pool->lock);
    if (out_idle) {
        *out_idle = pool->idle_count;
    }
    if (out_taken) {
        *out_taken = pool->taken;
    }
    pthread_mutex_unlock(&pool->lock);
}

void rune_vm_pool_free(rune_vm_pool *pool)
{
    if (!pool || rn_supervisor_is_forked(pool->supervisor)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    bool last = pool->taken == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last) {
        free_pool(pool);
    }
}
