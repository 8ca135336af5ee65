/*
 * counter.c: four threads count a thousand times each, through a static of the script.
 *
 * The Unit and the runtime are made once and shared. Every thread has a Vm of its own, and so
 * storage of its own for the static; what makes the state shared is the value in it: a number that
 * stands for an object of the program, which the program's functions take.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "example.h"

enum {
    THREADS = 4,
    CALLS = 1000,
    COUNTER = 1, /* what scripts know the counter as */
};

static const char source[] = "static COUNTER;\n"
                             "\n"
                             "pub fn main() {\n"
                             "    counter::increment(COUNTER)\n"
                             "}\n";

/* counter::increment(counter): the new value. Runs on the threads of all callers. */
static void counter_increment(void *user, rune_host_call *call)
{
    atomic_llong *count = user;
    int64_t which;
    if (!rune_value_get_i64(rune_host_call_arg(call, 0), &which) || which != COUNTER) {
        (void)rune_host_call_fail(call, "not a counter");
        return;
    }
    rune_const_value *now = rune_value_i64(atomic_fetch_add(count, 1) + 1);
    (void)rune_host_call_reply(call, now);
    rune_value_unref(now);
}

struct shared {
    rune_supervisor *supervisor;
    rune_runtime *runtime;
    rune_unit *unit;
};

static void *count(void *argument)
{
    const struct shared *shared = argument;
    rune_error *error = NULL;
    rune_vm *vm = make_vm(shared->supervisor, shared->runtime, shared->unit);
    rune_const_value *counter = rune_value_i64(COUNTER);
    must(rune_vm_set_static(vm, "COUNTER", counter, &error), &error);
    rune_value_unref(counter);
    for (int i = 0; i < CALLS; i++) {
        rune_const_value *value = NULL;
        must(rune_vm_call(vm, "main", NULL, 0, NULL, &value, &error), &error);
        rune_value_unref(value);
    }
    rune_vm_free(vm);
    return NULL;
}

int main(void)
{
    atomic_llong total = 0;
    pthread_t threads[THREADS];
    rune_supervisor *supervisor = start();
    rune_module *module = rune_module_new("counter");
    add_function(module, "increment", 1, 0, counter_increment, &total);
    rune_context *context = context_with(module);
    struct shared shared = {supervisor, freeze(context), NULL};
    shared.unit = build(supervisor, context, NULL, source);

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, count, &shared) != 0) {
            return 71;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    (void)printf("total: %lld\n", atomic_load(&total));

    rune_unit_unref(shared.unit);
    rune_runtime_unref(shared.runtime);
    rune_context_free(context);
    rune_supervisor_free(supervisor);
    return 0;
}
