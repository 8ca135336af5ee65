/*
 * pool.c: threads that take warm Vms for whatever Unit comes next, and a batch of calls.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "example.h"

enum {
    THREADS = 4,
    JOBS = 200,
};

struct jobs {
    rune_vm_pool *pool;
    rune_unit *units[2];
    atomic_int next;
    atomic_llong sum;
};

static int64_t call_with(rune_vm *vm, const char *item, int64_t argument)
{
    int64_t result = 0;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_const_value *number = rune_value_i64(argument);
    const rune_const_value *args[] = {number};
    must(rune_vm_call(vm, item, args, 1, NULL, &value, &error), &error);
    (void)rune_value_get_i64(value, &result);
    rune_value_unref(value);
    rune_value_unref(number);
    return result;
}

static void *work(void *argument)
{
    struct jobs *jobs = argument;
    int job;
    while ((job = atomic_fetch_add(&jobs->next, 1)) < JOBS) {
        rune_vm *vm = NULL;
        rune_error *error = NULL;
        must(rune_vm_pool_take(jobs->pool, NULL, jobs->units[job % 2], &vm, &error), &error);
        atomic_fetch_add(&jobs->sum, call_with(vm, "main", job));
        must(rune_vm_pool_give(jobs->pool, vm), NULL);
    }
    return NULL;
}

/* One call on each Unit, both at the same time; the records are in the order of the calls. */
static void batch(rune_supervisor *supervisor, struct jobs *jobs)
{
    rune_record *records[2];
    rune_error *error = NULL;
    rune_const_value *number = rune_value_i64(20);
    const rune_const_value *args[] = {number};
    rune_batch_call calls[2];
    for (int i = 0; i < 2; i++) {
        rune_vm *vm = make_vm(supervisor, NULL, jobs->units[i]);
        calls[i] = (rune_batch_call){.vm = vm, .item = "main", .args = args, .arg_count = 1};
    }
    must(rune_call_many(calls, 2, records, &error), &error);
    for (int i = 0; i < 2; i++) {
        int64_t result = 0;
        (void)rune_value_get_i64(rune_record_value(records[i]), &result);
        (void)printf("unit %d: %lld\n", i, (long long)result);
        rune_record_free(records[i]);
        rune_vm_free(calls[i].vm);
    }
    rune_value_unref(number);
}

int main(void)
{
    pthread_t threads[THREADS];
    rune_error *error = NULL;
    rune_supervisor *supervisor = start();
    struct jobs jobs = {.next = 0};
    size_t idle = 0;
    jobs.units[0] = build(supervisor, NULL, NULL, "pub fn main(n) { n * 2 }");
    jobs.units[1] = build(supervisor, NULL, NULL, "pub fn main(n) { n + 1 }");
    must(rune_vm_pool_new(supervisor, NULL, THREADS, &jobs.pool, &error), &error);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, &jobs) != 0) {
            return 71;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    rune_vm_pool_counts(jobs.pool, &idle, NULL);
    (void)printf("sum: %lld, at most %d Vms: %s\n", atomic_load(&jobs.sum), THREADS,
                 idle <= THREADS ? "yes" : "no");
    batch(supervisor, &jobs);

    rune_vm_pool_free(jobs.pool);
    rune_unit_unref(jobs.units[0]);
    rune_unit_unref(jobs.units[1]);
    rune_supervisor_free(supervisor);
    return 0;
}
