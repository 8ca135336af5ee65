/*
 * functions.c: closures of a script in the program's hands.
 *
 * A rune_function stays in its Vm and sees what it captured. Its sync form is a value: other threads
 * call it while the Vm has long gone.
 */
#include <pthread.h>

#include "example.h"

static const char source[] = "pub fn counter(start) {\n"
                             "    let log = [start];\n"
                             "    |n| { log.push(n); log.len() as i64 }\n"
                             "}\n"
                             "pub fn adder(n) { |x| x + n }\n"
                             "pub fn apply(f, x) { f(x) }\n"
                             "fn numbers() { yield 1; yield 2; }\n"
                             "pub fn generator() {\n"
                             "    let source = numbers();\n"
                             "    || source.next()\n"
                             "}\n";

static int64_t number_of(rune_const_value *value)
{
    int64_t number = -1;
    (void)rune_value_get_i64(value, &number);
    rune_value_unref(value);
    return number;
}

static rune_function *closure(rune_vm *vm, const char *item, int64_t argument, size_t count)
{
    rune_function *function = NULL;
    rune_error *error = NULL;
    rune_const_value *value = rune_value_i64(argument);
    const rune_const_value *args[] = {value};
    must(rune_vm_call_function(vm, item, args, count, NULL, &function, &error), &error);
    rune_value_unref(value);
    return function;
}

static int64_t call(rune_function *function, int64_t argument)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_const_value *number = rune_value_i64(argument);
    const rune_const_value *args[] = {number};
    must(rune_function_call(function, args, 1, NULL, &value, &error), &error);
    rune_value_unref(number);
    return number_of(value);
}

/* On a thread of its own. */
static void *add_one(void *argument)
{
    rune_sync_function *function = argument;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {one};
    must(rune_sync_function_call(function, args, 1, NULL, &value, &error), &error);
    rune_value_unref(one);
    rune_sync_function_unref(function);
    return value;
}

static void call_from_threads(rune_sync_function *function)
{
    pthread_t threads[4];
    int64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&threads[i], NULL, add_one, rune_sync_function_ref(function)) != 0) {
            exit(71);
        }
    }
    for (int i = 0; i < 4; i++) {
        void *value = NULL;
        pthread_join(threads[i], &value);
        sum += number_of(value);
    }
    (void)printf("four threads: %lld\n", (long long)sum);
}

int main(void)
{
    rune_error *error = NULL;
    rune_sync_function *sync = NULL;
    rune_const_value *value = NULL;
    rune_supervisor *supervisor = start();
    rune_unit *unit = build(supervisor, NULL, NULL, source);
    rune_vm *vm = make_vm(supervisor, NULL, unit);

    // Each call of the closure sees what the last one left.
    rune_function *counter = closure(vm, "counter", 0, 1);
    (void)printf("%s: %lld", rune_function_item(counter), (long long)call(counter, 7));
    (void)printf(" %lld\n", (long long)call(counter, 8));

    // A closure that captured a constant becomes a value, which outlives its Vm.
    rune_function *adder = closure(vm, "adder", 41, 1);
    must(rune_function_into_sync(adder, &sync, &error), &error);
    rune_function_unref(adder);

    // One that captured a generator cannot.
    rune_sync_function *none = NULL;
    rune_function *generator = closure(vm, "generator", 0, 0);
    if (rune_function_into_sync(generator, &none, &error) == RUNE_E_CONST_UNSUPPORTED) {
        (void)printf("%s\n", rune_error_message(error));
    }
    rune_error_free(error);
    rune_function_unref(generator);
    rune_function_unref(counter);
    rune_vm_free(vm);

    call_from_threads(sync);

    // Back into a script, as an argument.
    rune_vm *other = make_vm(supervisor, NULL, unit);
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {rune_sync_function_to_value(sync), one};
    error = NULL;
    must(rune_vm_call(other, "apply", args, 2, NULL, &value, &error), &error);
    (void)printf("apply: %lld\n", (long long)number_of(value));

    rune_value_unref(one);
    rune_vm_free(other);
    rune_sync_function_unref(sync);
    rune_unit_unref(unit);
    rune_supervisor_free(supervisor);
    return 0;
}
