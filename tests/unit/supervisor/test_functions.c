/*
 * Functions of scripts in the host: kept in their Vm, as values, across threads, and what fails. With a
 * supervisor of one's own, and the same through a daemon.
 */
#include "tests/unit/supervisor/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rune_unit *unit;
static rune_unit *other;
static rune_supervisor *by; /* what the Vms are made with */

static const char source[] = "static COUNT = 0;\n"
                             "pub struct Point(x, y);\n"
                             "fn hidden(a, b) { a * b }\n"
                             "pub fn item() { hidden }\n"
                             "pub fn adder(n) { |x| x + n }\n"
                             "pub fn counter() {\n"
                             "    let log = [];\n"
                             "    |x| { log.push(x); log.len() as i64 }\n"
                             "}\n"
                             "pub fn counting() { || { COUNT += 1; COUNT } }\n"
                             "fn numbers() { yield 1; yield 2; }\n"
                             "pub fn generator() {\n"
                             "    let before = 1;\n"
                             "    let g = [numbers()];\n"
                             "    || before + g[0].next().unwrap()\n"
                             "}\n"
                             "pub fn constructor() { Point }\n"
                             "pub fn some() { Some }\n"
                             "pub fn native() { i64::parse }\n"
                             "pub fn in_rune() { std::iter::once }\n"
                             "pub fn of_host() { host::double }\n"
                             "pub fn later() { async |x| host::later(x).await + 1 }\n"
                             "pub fn looping() { || loop {} }\n"
                             "pub fn nested() { let f = |x| x + 1; |x| f(x) * 2 }\n"
                             "pub fn number() { 7 }\n"
                             "pub fn call_it(f, x) { f(x) }\n"
                             "pub fn table(f) { [f, 1] }\n"
                             "pub fn make(n) { #{ double: |x| x * 2, plus: |x| x + n } }\n"
                             "pub fn count() { COUNT }\n"
                             "pub fn fails() { |x| panic!(\"no\") }\n";

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build(source);
    other = build("pub fn call_it(f, x) { f(x) } pub fn adder(n) { |x| x + n }");
    by = supervisor;
    return failed;
}

static int set_up_daemon(void **state)
{
    int failed = set_up(state);
    daemon_start("pub fn main() { 1 }", NULL);
    by = daemon_connect();
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_unit_unref(other);
    return harness_tear_down(state);
}

static int tear_down_daemon(void **state)
{
    daemon_leave(by);
    return tear_down(state);
}

struct numbers {
    rune_const_value *values[3];
    size_t count;
};

static struct numbers numbers(size_t count, int64_t a, int64_t b)
{
    struct numbers made = {.count = count};
    made.values[0] = count > 0 ? rune_value_i64(a) : NULL;
    made.values[1] = count > 1 ? rune_value_i64(b) : NULL;
    return made;
}

static void numbers_done(struct numbers *args)
{
    rune_value_unref(args->values[0]);
    rune_value_unref(args->values[1]);
}

static int64_t take_i64(rune_const_value *value)
{
    int64_t number = -1;
    assert_true(rune_value_get_i64(value, &number));
    rune_value_unref(value);
    return number;
}

static rune_function *keep(rune_vm *vm, const char *item, struct numbers args)
{
    rune_function *function = NULL;
    rune_error *error = NULL;
    rune_status status =
        rune_vm_call_function(vm, item, (const rune_const_value *const *)args.values, args.count,
                              NULL, &function, &error);
    if (status != RUNE_OK) {
        fail_msg("%s: %s", item, rune_error_message(error));
    }
    numbers_done(&args);
    return function;
}

static int64_t call(rune_function *function, struct numbers args)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_status status = rune_function_call(function, (const rune_const_value *const *)args.values,
                                            args.count, NULL, &value, &error);
    if (status != RUNE_OK) {
        fail_msg("%s: %s", rune_function_item(function), rune_error_message(error));
    }
    numbers_done(&args);
    return take_i64(value);
}

static int64_t call_sync(rune_sync_function *function, struct numbers args)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_status status = rune_sync_function_call(
        function, (const rune_const_value *const *)args.values, args.count, NULL, &value, &error);
    if (status != RUNE_OK) {
        fail_msg("%s: %s", rune_sync_function_item(function), rune_error_message(error));
    }
    numbers_done(&args);
    return take_i64(value);
}

static rune_sync_function *into_sync(rune_function *function)
{
    rune_sync_function *made = NULL;
    rune_error *error = NULL;
    if (rune_function_into_sync(function, &made, &error) != RUNE_OK) {
        fail_msg("%s: %s", rune_function_item(function), rune_error_message(error));
    }
    return made;
}

static void assert_kind(rune_status status, rune_error **error, rune_status wanted,
                        const char *kind)
{
    assert_int_equal(status, wanted);
    assert_non_null(*error);
    assert_string_equal(rune_error_kind(*error), kind);
    rune_error_free(*error);
    *error = NULL;
}

/* Kept functions */

static void test_items_and_closures(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *item = keep(vm, "item", numbers(0, 0, 0));
    rune_function *adder = keep(vm, "adder", numbers(1, 40, 0));
    assert_string_equal(rune_function_item(item), "hidden");
    assert_string_equal(rune_function_item(adder), "adder::$0::$0");
    assert_int_equal(call(item, numbers(2, 6, 7)), 42);
    assert_int_equal(call(adder, numbers(1, 2, 0)), 42);
    assert_int_equal(call(item, numbers(2, 3, 3)), 9);
    rune_function_unref(item);
    rune_function_unref(adder);
    rune_vm_free(vm);
}

/* What a closure captured is shared between its calls; so are the Vm's statics. */
static void test_shared_state(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *counter = keep(vm, "counter", numbers(0, 0, 0));
    rune_function *counting = keep(vm, "counting", numbers(0, 0, 0));
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(call(counter, numbers(1, i, 0)), i);
        assert_int_equal(call(counting, numbers(0, 0, 0)), i);
    }
    assert_int_equal(call_i64(vm, "count"), 5);
    rune_function_unref(counter);
    rune_function_unref(counting);
    rune_vm_free(vm);
}

static void test_a_generator_is_captured(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_sync_function *made = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "generator", numbers(0, 0, 0));
    assert_int_equal(call(function, numbers(0, 0, 0)), 2);
    assert_int_equal(call(function, numbers(0, 0, 0)), 3);
    // It cannot leave the Vm: the error names the capture, its type, and the place.
    assert_int_equal(rune_function_into_sync(function, &made, &error), RUNE_E_CONST_UNSUPPORTED);
    assert_string_equal(rune_error_kind(error), "ConstNotSupported");
    assert_string_equal(rune_error_message(error),
                        "`g[0]`, captured at test.rn:15:5: `::std::ops::generator::Generator` "
                        "cannot be sent to another process");
    rune_error_free(error);
    // It was only looked at.
    assert_int_equal(rune_function_call(function, NULL, 0, NULL, NULL, NULL), RUNE_E_SCRIPT_ERROR);
    rune_function_unref(function);
    rune_vm_free(vm);
}

static void test_constructors(void **state)
{
    (void)state;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *point = keep(vm, "constructor", numbers(0, 0, 0));
    rune_function *some = keep(vm, "some", numbers(0, 0, 0));
    struct numbers args = numbers(2, 3, 4);
    assert_string_equal(rune_function_item(point), "Point");
    assert_int_equal(rune_function_call(point, (const rune_const_value *const *)args.values, 2,
                                        NULL, &value, NULL),
                     RUNE_OK);
    assert_int_equal(rune_value_kind_of(value), RUNE_VALUE_STRUCT);
    assert_int_equal(rune_value_count(value), 2);
    rune_value_unref(value);
    assert_int_equal(rune_function_call(some, (const rune_const_value *const *)args.values, 1, NULL,
                                        &value, NULL),
                     RUNE_OK);
    assert_true(rune_value_is_some(value));
    rune_value_unref(value);
    assert_int_equal(rune_function_call(point, (const rune_const_value *const *)args.values, 1,
                                        NULL, &value, NULL),
                     RUNE_E_SCRIPT_ERROR);
    numbers_done(&args);
    rune_function_unref(point);
    rune_function_unref(some);
    rune_vm_free(vm);
}

static void test_async_closures_are_awaited(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *later = keep(vm, "later", numbers(0, 0, 0));
    assert_int_equal(call(later, numbers(1, 1, 0)), 1002);
    rune_sync_function *sync = into_sync(later);
    assert_int_equal(call_sync(sync, numbers(1, 2, 0)), 1003);
    rune_sync_function_unref(sync);
    rune_function_unref(later);
    rune_vm_free(vm);
}

static void test_wrong_results_and_arguments(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_function *function = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    assert_kind(rune_vm_call_function(vm, "number", NULL, 0, NULL, &function, &error), &error,
                RUNE_E_SCRIPT_ERROR, "NotAFunction");
    assert_kind(rune_vm_call_function(vm, "missing", NULL, 0, NULL, &function, &error), &error,
                RUNE_E_NOT_FOUND, "no_item");
    function = keep(vm, "item", numbers(0, 0, 0));
    assert_kind(rune_function_call(function, NULL, 0, NULL, &value, &error), &error,
                RUNE_E_SCRIPT_ERROR, "BadArgumentCount");
    rune_function_unref(function);
    function = keep(vm, "fails", numbers(0, 0, 0));
    struct numbers args = numbers(1, 1, 0);
    assert_int_equal(rune_function_call(function, (const rune_const_value *const *)args.values, 1,
                                        NULL, &value, &error),
                     RUNE_E_SCRIPT_ERROR);
    rune_frame frame;
    assert_true(rune_error_frame(error, 0, &frame));
    assert_string_equal(frame.function, "fails::$0::$0");
    assert_int_equal(frame.line, 30);
    rune_error_free(error);
    numbers_done(&args);
    rune_function_unref(function);
    rune_vm_free(vm);
}

static void test_limits_hold(void **state)
{
    (void)state;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 100000);
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "looping", numbers(0, 0, 0));
    assert_int_equal(rune_function_call(function, NULL, 0, options, &value, &error), RUNE_E_LIMIT);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_BUDGET);
    rune_error_free(error);
    rune_function_unref(function);
    rune_vm_free(vm);
    rune_call_options_free(options);
}

/* The Vm lives as long as a function of it; a reset makes the functions stale. */
static void test_life(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *first = keep(vm, "counter", numbers(0, 0, 0));
    assert_int_equal(call(first, numbers(1, 1, 0)), 1);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    rune_function *second = keep(vm, "counter", numbers(0, 0, 0));
    assert_kind(rune_function_call(first, NULL, 0, NULL, &value, &error), &error, RUNE_E_STALE,
                "STALE");
    rune_function_unref(first); // and does not take the second's number along
    assert_int_equal(call(second, numbers(1, 1, 0)), 1);
    rune_vm_free(vm);
    assert_int_equal(call(second, numbers(1, 1, 0)), 2);
    assert_ptr_equal(rune_function_ref(second), second);
    rune_function_unref(second);
    assert_int_equal(call(second, numbers(1, 1, 0)), 3);
    rune_function_unref(second);
}

static void test_many_are_kept_and_dropped(void **state)
{
    (void)state;
    static rune_function *functions[1024];
    rune_error *error = NULL;
    rune_function *one_more = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    for (int64_t i = 0; i < 1024; i++) {
        functions[i] = keep(vm, "adder", numbers(1, i, 0));
    }
    assert_kind(rune_vm_call_function(vm, "item", NULL, 0, NULL, &one_more, &error), &error,
                RUNE_E_OVERLOADED, "OVERLOADED");
    for (int64_t i = 0; i < 1024; i += 100) {
        assert_int_equal(call(functions[i], numbers(1, 1, 0)), i + 1);
    }
    for (int i = 0; i < 1024; i++) {
        rune_function_unref(functions[i]);
    }
    one_more = keep(vm, "adder", numbers(1, 5, 0));
    assert_int_equal(call(one_more, numbers(1, 1, 0)), 6);
    rune_function_unref(one_more);
    rune_vm_free(vm);
}

static void test_a_worker_for_each_call_keeps_none(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_function *function = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_CALL, "");
    assert_kind(rune_vm_call_function(vm, "item", NULL, 0, NULL, &function, &error), &error,
                RUNE_E_UNSUPPORTED, "UNSUPPORTED");
    rune_vm_free(vm);
}

static long worker_of(rune_vm *vm)
{
    rune_text *text = NULL;
    rune_record *record = call_record(vm, "number", NULL);
    assert_int_equal(rune_record_to_json(record, NULL, 0, &text), RUNE_OK);
    long pid = strtol(strstr(rune_text_data(text), "\"pid\":") + 6, NULL, 10);
    rune_text_free(text);
    rune_record_free(record);
    return pid;
}

static void test_lost_with_its_worker(void **state)
{
    (void)state;
    rune_status status = RUNE_OK;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_VM, "");
    rune_function *function = keep(vm, "counting", numbers(0, 0, 0));
    rune_sync_function *sync = NULL;
    assert_int_equal(call(function, numbers(0, 0, 0)), 1);
    assert_int_equal(kill((pid_t)worker_of(vm), SIGKILL), 0);
    for (int i = 0; i < 500 && status != RUNE_E_VM_LOST; i++) {
        rune_const_value *value = NULL;
        status = rune_function_call(function, NULL, 0, NULL, &value, NULL);
        rune_value_unref(value);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(status, RUNE_E_VM_LOST);
    assert_int_equal(rune_function_into_sync(function, &sync, NULL), RUNE_E_VM_LOST);
    rune_function_unref(function);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    function = keep(vm, "counting", numbers(0, 0, 0));
    assert_int_equal(call(function, numbers(0, 0, 0)), 1);
    rune_function_unref(function);
    rune_vm_free(vm);
}

/* Sync functions */

static void test_sync_outlives_its_vm(void **state)
{
    (void)state;
    rune_unit *made = build(source);
    rune_vm *vm = vm_by(by, made, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "adder", numbers(1, 40, 0));
    rune_function *nested = keep(vm, "nested", numbers(0, 0, 0));
    rune_sync_function *sync = into_sync(function);
    rune_sync_function *both = into_sync(nested);
    rune_function_unref(function);
    rune_function_unref(nested);
    rune_vm_free(vm);
    rune_unit_unref(made);
    assert_int_equal(call_sync(sync, numbers(1, 2, 0)), 42);
    assert_int_equal(call_sync(both, numbers(1, 2, 0)), 6);
    assert_string_equal(rune_sync_function_item(sync), "adder::$0::$0");
    rune_sync_function_unref(sync);
    rune_sync_function_unref(both);
}

static void test_sync_copies_what_was_captured(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "counter", numbers(0, 0, 0));
    assert_int_equal(call(function, numbers(1, 1, 0)), 1);
    rune_sync_function *sync = into_sync(function);
    assert_int_equal(call_sync(sync, numbers(1, 1, 0)), 2); // each begins with the copy
    assert_int_equal(call_sync(sync, numbers(1, 1, 0)), 2);
    assert_int_equal(call(function, numbers(1, 1, 0)), 2);
    rune_sync_function_unref(sync);
    rune_function_unref(function);
    rune_vm_free(vm);
}

static void test_sync_has_no_statics(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "counting", numbers(0, 0, 0));
    rune_sync_function *sync = into_sync(function);
    assert_kind(rune_sync_function_call(sync, NULL, 0, NULL, &value, &error), &error,
                RUNE_E_SCRIPT_ERROR, "MissingGlobals");
    rune_sync_function_unref(sync);
    rune_function_unref(function);
    rune_vm_free(vm);
}

struct caller {
    rune_sync_function *function;
    int64_t sum;
};

static void *call_often(void *argument)
{
    struct caller *caller = argument;
    for (int64_t i = 0; i < 200; i++) {
        rune_const_value *value = NULL;
        rune_const_value *number = rune_value_i64(i);
        const rune_const_value *args[] = {number};
        int64_t got = 0;
        if (rune_sync_function_call(caller->function, args, 1, NULL, &value, NULL) == RUNE_OK &&
            rune_value_get_i64(value, &got)) {
            caller->sum += got;
        }
        rune_value_unref(value);
        rune_value_unref(number);
    }
    rune_sync_function_unref(caller->function);
    return NULL;
}

static void test_sync_from_many_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct caller callers[8];
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "adder", numbers(1, 1000, 0));
    rune_sync_function *sync = into_sync(function);
    rune_function_unref(function);
    rune_vm_free(vm);
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){.function = rune_sync_function_ref(sync)};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    rune_sync_function_unref(sync);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].sum, 200 * 1000 + 199 * 200 / 2);
    }
}

static void test_library_and_host_functions(void **state)
{
    (void)state;
    static const char *const items[] = {"native", "in_rune", "of_host", "some", "constructor"};
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *number = rune_value_i64(21);
    rune_const_value *text = rune_value_text("21");
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        rune_function *function = keep(vm, items[i], numbers(0, 0, 0));
        rune_sync_function *sync = into_sync(function);
        // Back into a script, in another Vm.
        rune_vm *second = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
        rune_const_value *value = NULL;
        const rune_const_value *args[] = {rune_sync_function_to_value(sync),
                                          i == 0 ? text : number};
        rune_status status = rune_vm_call(second, "call_it", args, 2, NULL, &value, NULL);
        if (i == 0) {
            assert_int_equal(status, RUNE_OK);
            assert_true(rune_value_is_ok(value));
        } else if (i == 2) {
            assert_int_equal(take_i64(rune_value_ref(value)), 42);
        } else if (i == 3) {
            assert_true(rune_value_is_some(value));
        } else {
            assert_int_not_equal(status, RUNE_OK); // an iterator; a wrong number of fields
        }
        rune_value_unref(value);
        rune_vm_free(second);
        rune_sync_function_unref(sync);
        rune_function_unref(function);
    }
    rune_value_unref(number);
    rune_value_unref(text);
    rune_vm_free(vm);
}

static void test_functions_inside_of_values(void **state)
{
    (void)state;
    rune_const_value *value = NULL;
    rune_const_value *back = NULL;
    rune_sync_function *sync = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    struct numbers args = numbers(1, 5, 0);
    assert_int_equal(rune_vm_call(vm, "make", (const rune_const_value *const *)args.values, 1, NULL,
                                  &value, NULL),
                     RUNE_OK);
    rune_const_value *plus = rune_value_get(value, "plus");
    assert_int_equal(rune_value_kind_of(plus), RUNE_VALUE_FUNCTION);
    assert_int_equal(rune_sync_function_from_value(by, runtime, unit, NULL, plus, &sync, NULL),
                     RUNE_OK);
    assert_int_equal(call_sync(sync, numbers(1, 2, 0)), 7);
    const rune_const_value *given[] = {rune_sync_function_to_value(sync), args.values[0]};
    assert_int_equal(rune_vm_call(vm, "call_it", given, 2, NULL, &back, NULL), RUNE_OK);
    assert_int_equal(take_i64(back), 10);
    assert_int_equal(rune_vm_call(vm, "table", given, 1, NULL, &back, NULL), RUNE_OK);
    rune_const_value *same = rune_value_at(back, 0);
    assert_true(rune_value_equal(same, plus));
    rune_value_unref(same);
    rune_value_unref(back);
    rune_sync_function_unref(sync);
    rune_value_unref(plus);
    rune_value_unref(value);
    numbers_done(&args);
    rune_vm_free(vm);
}

static void test_cbor(void **state)
{
    (void)state;
    uint8_t bytes[128];
    size_t size;
    rune_error *error = NULL;
    rune_sync_function *sync = NULL;
    rune_sync_function *read = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "adder", numbers(1, 7, 0));
    sync = into_sync(function);
    const void *data = rune_sync_function_to_cbor(sync, &size);
    assert_true(size < sizeof(bytes));
    memcpy(bytes, data, size);
    assert_int_equal(
        rune_sync_function_from_cbor(by, runtime, unit, NULL, bytes, size, &read, NULL), RUNE_OK);
    assert_int_equal(call_sync(read, numbers(1, 1, 0)), 8);
    assert_ptr_equal(rune_sync_function_unit(read), unit);
    rune_sync_function_unref(read);
    // Of another Unit; an item that is not there; another number of captures.
    assert_int_equal(
        rune_sync_function_from_cbor(by, runtime, other, NULL, bytes, size, &read, &error),
        RUNE_E_FUNCTION_INVALID);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_USAGE);
    assert_kind(RUNE_E_FUNCTION_INVALID, &error, RUNE_E_FUNCTION_INVALID, "FUNCTION_INVALID");
    bytes[40] ^= 1;
    assert_kind(rune_sync_function_from_cbor(by, runtime, unit, NULL, bytes, size, &read, &error),
                &error, RUNE_E_FUNCTION_INVALID, "FUNCTION_INVALID");
    bytes[40] ^= 1;
    bytes[3]++; // the array has one more element
    bytes[size] = 0x01;
    assert_kind(
        rune_sync_function_from_cbor(by, runtime, unit, NULL, bytes, size + 1, &read, &error),
        &error, RUNE_E_FUNCTION_INVALID, "FUNCTION_INVALID");
    bytes[3]--;
    assert_int_equal(
        rune_sync_function_from_cbor(by, runtime, unit, NULL, bytes, size - 1, &read, NULL),
        RUNE_E_TRUNCATED);
    assert_kind(rune_sync_function_from_cbor(by, runtime, unit, NULL, "\x01", 1, &read, &error),
                &error, RUNE_E_INVALID_ARGUMENT, "INVALID_ARGUMENT");
    rune_sync_function_unref(sync);
    rune_function_unref(function);
    rune_vm_free(vm);
}

/* A worker looks again: values reach it inside of arguments, too. */
static void test_values_that_are_no_functions(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *foreign = vm_by(by, other, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(foreign, "adder", numbers(1, 7, 0));
    rune_sync_function *sync = into_sync(function);
    rune_const_value *number = rune_value_i64(1);
    const rune_const_value *args[] = {rune_sync_function_to_value(sync), number};
    assert_int_equal(rune_vm_call(foreign, "call_it", args, 2, NULL, &value, NULL), RUNE_OK);
    assert_int_equal(take_i64(value), 8);
    assert_int_equal(rune_vm_call(vm, "call_it", args, 2, NULL, &value, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_kind(error), "FUNCTION_INVALID");
    assert_int_equal(rune_error_reason(error), RUNE_REASON_USAGE);
    rune_error_free(error);
    rune_value_unref(number);
    rune_sync_function_unref(sync);
    rune_function_unref(function);
    rune_vm_free(foreign);
    rune_vm_free(vm);
}

static void test_lookup(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_sync_function *sync = NULL;
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, "tenant"), RUNE_OK);
    assert_int_equal(rune_sync_function_lookup(by, runtime, unit, options, "number", &sync, NULL),
                     RUNE_OK);
    assert_int_equal(call_sync(sync, numbers(0, 0, 0)), 7);
    rune_sync_function_unref(sync);
    assert_kind(rune_sync_function_lookup(by, runtime, unit, NULL, "none", &sync, &error), &error,
                RUNE_E_NOT_FOUND, "no_item");
    rune_vm_options_free(options);
}

/* Dropped while their Vm runs a call on another thread. */
static void *drop_all(void *argument)
{
    rune_function **functions = argument;
    for (int i = 0; i < 100; i++) {
        rune_function_unref(functions[i]);
    }
    return NULL;
}

static void test_dropped_by_another_thread(void **state)
{
    (void)state;
    rune_function *functions[100];
    pthread_t thread;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    for (int round = 0; round < 5; round++) {
        for (int64_t i = 0; i < 100; i++) {
            functions[i] = keep(vm, "adder", numbers(1, i, 0));
        }
        assert_int_equal(pthread_create(&thread, NULL, drop_all, functions), 0);
        for (int i = 0; i < 50; i++) {
            rune_const_value *value = NULL;
            rune_status status = rune_vm_call(vm, "number", NULL, 0, NULL, &value, NULL);
            assert_int_equal(status, RUNE_OK); // no other call runs
            rune_value_unref(value);
        }
        pthread_join(thread, NULL);
    }
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_and_closures),
        cmocka_unit_test(test_shared_state),
        cmocka_unit_test(test_a_generator_is_captured),
        cmocka_unit_test(test_constructors),
        cmocka_unit_test(test_async_closures_are_awaited),
        cmocka_unit_test(test_wrong_results_and_arguments),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_many_are_kept_and_dropped),
        cmocka_unit_test(test_a_worker_for_each_call_keeps_none),
        cmocka_unit_test(test_lost_with_its_worker),
        cmocka_unit_test(test_sync_outlives_its_vm),
        cmocka_unit_test(test_sync_copies_what_was_captured),
        cmocka_unit_test(test_sync_has_no_statics),
        cmocka_unit_test(test_sync_from_many_threads),
        cmocka_unit_test(test_library_and_host_functions),
        cmocka_unit_test(test_functions_inside_of_values),
        cmocka_unit_test(test_cbor),
        cmocka_unit_test(test_values_that_are_no_functions),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_dropped_by_another_thread),
    };
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    return failed + cmocka_run_group_tests(tests, set_up_daemon, tear_down_daemon);
}
