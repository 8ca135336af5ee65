/*
 * vm_pool.c: Vms that are kept warm: a stack of idle ones, and a count of those in use.
 *
 * What a Vm held goes when it comes back, outside the lock. The lock is taken under no other. A Vm
 * says which pool it is out of, so that only one that is out comes back, and once.
 */
#include <runeward/vm_pool.h>

#include <pthread.h>
#include <time.h>

#include "base/alloc.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

#define VMS_MAX 65536u

struct rune_vm_pool {
    rune_supervisor *supervisor; /* counted */
    rune_vm_options options;
    size_t vms_max;
    pthread_mutex_t lock;
    pthread_cond_t less; /* were taken */
    bool closing;        /* the host has given it up */
    size_t taken;
    size_t idle_count;
    rune_vm *idle[]; /* vms_max */
};

static void init_lock(rune_vm_pool *pool)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->less, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

rune_status rune_vm_pool_new(rune_supervisor *supervisor, const rune_vm_options *options,
                             size_t vms_max, rune_vm_pool **out_pool, rune_error **error)
{
    if (!supervisor) {
        return rn_fail_null(error, "supervisor");
    }
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
    init_lock(pool);
    rn_limits_init(&pool->options.limits);
    if (options) {
        pool->options = *options;
    }
    *out_pool = pool;
    return RUNE_OK;
}

/* What the Vm is to be of. */
struct wanted {
    rune_runtime *runtime;
    rune_unit *unit;
};

/* Under the lock: the idle Vm that fits best, or NULL. */
static rune_vm *pick(rune_vm_pool *pool, const struct wanted *wanted)
{
    if (pool->idle_count == 0) {
        return NULL;
    }
    size_t best = pool->idle_count - 1;
    for (size_t i = pool->idle_count; i > 0; i--) {
        const rune_vm *vm = pool->idle[i - 1];
        if (vm->unit == wanted->unit && vm->runtime == wanted->runtime) {
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
    pthread_cond_signal(&pool->less);
    pthread_mutex_unlock(&pool->lock);
}

static rune_status make_or_change(rune_vm_pool *pool, const struct wanted *wanted, rune_vm **vm,
                                  rune_error **error)
{
    if (!*vm) {
        return rune_vm_new(pool->supervisor, wanted->runtime, wanted->unit, &pool->options, vm,
                           error);
    }
    rune_status status = RUNE_OK;
    if ((*vm)->unit != wanted->unit) {
        status = rune_vm_set_unit(*vm, wanted->unit);
    }
    if (status == RUNE_OK && (*vm)->runtime != wanted->runtime) {
        status = rune_vm_set_runtime(*vm, wanted->runtime);
    }
    if (status != RUNE_OK) {
        rune_vm_free(*vm);
        return rn_fail_plain(error, (enum rn_error)status);
    }
    return RUNE_OK;
}

/* One more is taken; false: all are, until then. */
static bool take_place(rune_vm_pool *pool, uint64_t until_ns, const struct wanted *wanted,
                       rune_vm **out_vm)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->taken >= pool->vms_max && rn_now_ns() < until_ns) {
        rn_cond_wait_until(&pool->less, &pool->lock, until_ns);
    }
    bool free = pool->taken < pool->vms_max;
    *out_vm = free ? pick(pool, wanted) : NULL;
    pool->taken += free;
    pthread_mutex_unlock(&pool->lock);
    return free;
}

/* Waits for a place until then; 0: not at all. */
static rune_status take(rune_vm_pool *pool, const struct wanted *wanted, uint64_t until_ns,
                        rune_vm **out_vm, rune_error **error)
{
    rune_vm *vm;
    if (!take_place(pool, until_ns, wanted, &vm)) {
        return rn_fail(error, until_ns == 0 ? RUNE_E_OVERLOADED : RUNE_E_TIMED_OUT,
                       "all %zu Vms of the pool are in use", pool->vms_max);
    }
    rune_status status = make_or_change(pool, wanted, &vm, error);
    if (status != RUNE_OK) {
        forget(pool);
        return status;
    }
    atomic_store(&vm->pool, pool);
    *out_vm = vm;
    return RUNE_OK;
}

/* What is wrong with a request for a Vm. */
static rune_status check_take(const rune_vm_pool *pool, const rune_unit *unit, rune_error **error)
{
    if (!pool || !unit) {
        return rn_fail_null(error, pool ? "unit" : "pool");
    }
    return rn_supervisor_is_forked(pool->supervisor) ? rn_fail_plain(error, RN_E_FORKED) : RUNE_OK;
}

rune_status rune_vm_pool_take(rune_vm_pool *pool, rune_runtime *runtime, rune_unit *unit,
                              rune_vm **out_vm, rune_error **error)
{
    const struct wanted wanted = {runtime, unit};
    rune_status status = check_take(pool, unit, error);
    return status == RUNE_OK ? take(pool, &wanted, 0, out_vm, error) : status;
}

rune_status rune_vm_pool_take_wait(rune_vm_pool *pool, rune_runtime *runtime, rune_unit *unit,
                                   uint64_t timeout_ns, rune_vm **out_vm, rune_error **error)
{
    const struct wanted wanted = {runtime, unit};
    rune_status status = check_take(pool, unit, error);
    if (status == RUNE_OK && rn_supervisor_in_callback(pool->supervisor)) {
        return rn_fail(error, RUNE_E_BUSY,
                       "a Vm may be given back only when this callback has returned");
    }
    uint64_t until_ns = rn_after_ns(rn_now_ns(), timeout_ns);
    return status == RUNE_OK ? take(pool, &wanted, until_ns, out_vm, error) : status;
}

static void free_pool(rune_vm_pool *pool)
{
    rune_supervisor *supervisor = pool->supervisor;
    for (size_t i = 0; i < pool->idle_count; i++) {
        rune_vm_free(pool->idle[i]);
    }
    pthread_cond_destroy(&pool->less);
    pthread_mutex_destroy(&pool->lock);
    rn_free(pool);
    rune_supervisor_free(supervisor);
}

rune_status rune_vm_pool_give(rune_vm_pool *pool, rune_vm *vm)
{
    struct rune_vm_pool *out_of = pool;
    if (!pool || !vm || !atomic_compare_exchange_strong(&vm->pool, &out_of, NULL)) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    rune_status status = rune_vm_reset(vm);
    if (status != RUNE_OK) {
        atomic_store(&vm->pool, pool);
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
    pthread_cond_signal(&pool->less);
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
