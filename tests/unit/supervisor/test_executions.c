/* Executions: many at once, waiting, polling, cancelling, completing once; host functions answer later. */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit =
        build("pub fn main() { host::double(21) }\n"
              "pub async fn later() { host::later(1).await + host::later(2).await }\n"
              "pub fn spin() { loop {} }\n"
              "pub async fn sleep() { time::sleep(time::Duration::from_millis(50)).await; 7 }\n"
              "pub async fn sleep_on() { time::sleep(time::Duration::from_secs(1000)).await; 7 }\n"
              "async fn nap(ms) { time::sleep(time::Duration::from_millis(ms)).await; ms }\n"
              "pub async fn first() { let host = host::later(5); select {\n"
              "    n = nap(2000) => n, n = nap(30) => n, n = nap(1500) => n } }\n"
              "pub async fn between() { let slow = nap(40); let a = host::later(1).await;\n"
              "    let b = host::double(4); a + b + slow.await }\n"
              "pub async fn now() { let before = time::Instant::now(); nap(20).await;\n"
              "    if before.elapsed() >= time::Duration::from_millis(20) { 1 } else { 0 } }\n"
              "pub fn wrong() { 1 / 0 }\n"
              "pub fn fail(n) { for _ in 0..n * 3000 { println!(\"0123456789\"); }\n"
              "    panic!(\"failure number {}\", n) }\n"
              "pub fn keys() { println!(\"begun\"); let o = #{};\n"
              "    for i in 0..150000 { o[format!(\"k{}\", i * 7919 % 150000)] = i; } o }\n"
              "pub fn print() { for _ in 0..20000 { println!(\"0123456789\"); } 5 }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static rune_execution *start(rune_vm *vm, const char *item, const rune_call_options *options)
{
    rune_execution *execution = NULL;
    rune_error *error = NULL;
    if (rune_vm_send_execute(vm, item, NULL, 0, options, &execution, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    return execution;
}

static int64_t complete_i64(rune_execution *execution)
{
    int64_t number = INT64_MIN;
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_true(rune_execution_poll(execution));
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_true(rune_value_get_i64(rune_record_value(record), &number));
    rune_record_free(record);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_E_STALE);
    rune_execution_free(execution);
    return number;
}

static void test_one(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(complete_i64(start(vm, "main", NULL)), 42);
    }
    rune_vm_free(vm);
}

#define MANY 200

static void test_many_at_once(void **state)
{
    (void)state;
    rune_vm *vms[MANY];
    rune_execution *executions[MANY];
    for (int i = 0; i < MANY; i++) {
        vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        executions[i] = start(vms[i], i % 2 ? "main" : "later", NULL);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(complete_i64(executions[i]), i % 2 ? 42 : 2003);
        rune_vm_free(vms[i]);
    }
}

/* However slow the machine, none of the usual limits ends such a call. */
static rune_call_options *endless_options(void)
{
    static const rune_limit ending[] = {RUNE_LIMIT_BUDGET, RUNE_LIMIT_CPU, RUNE_LIMIT_WALL};
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        assert_int_equal(rune_limits_set(limits, ending[i], RUNE_UNLIMITED - 1), RUNE_OK);
    }
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_limits_free(limits);
    return options;
}

/* Calls and executions on the same worker do not get into each other's way. */
static void test_mixed_with_calls(void **state)
{
    (void)state;
    rune_vm *busy[4];
    rune_execution *executions[4];
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *endless = endless_options();
    for (int i = 0; i < 4; i++) {
        busy[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        executions[i] = start(busy[i], "spin", endless);
    }
    rune_call_options_free(endless);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(call_i64(vm, "main"), 42);
    }
    for (int i = 0; i < 4; i++) {
        rune_record *record = NULL;
        assert_int_equal(rune_execution_complete(executions[i], &record), RUNE_E_WOULD_BLOCK);
        rune_execution_cancel(executions[i]);
        assert_int_equal(rune_execution_wait(executions[i], UINT64_C(1000000000)), RUNE_OK);
        assert_int_equal(rune_execution_complete(executions[i], &record), RUNE_OK);
        assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
        rune_record_free(record);
        rune_execution_free(executions[i]);
        rune_vm_free(busy[i]);
    }
    rune_vm_free(vm);
}

static struct {
    rune_execution *other;
    rune_vm *vm;
    rune_status wait;
    rune_status many;
    rune_status close;
    atomic_bool done;
} inside;

/* What would wait for the very thread that it is on. */
static void wait_inside(void *user, rune_execution *execution)
{
    (void)user;
    (void)execution;
    rune_record *record = NULL;
    rune_batch_call call = {.vm = inside.vm, .item = "main"};
    inside.wait = rune_execution_wait(inside.other, UINT64_MAX);
    inside.many = rune_call_many(&call, 1, &record, NULL);
    inside.close = rune_supervisor_close(supervisor, UINT64_MAX);
    rune_execution_free(inside.other);
    atomic_store(&inside.done, true);
}

static void test_waiting_inside_a_callback(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *spinning = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *endless = endless_options();
    inside.vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    inside.other = start(spinning, "spin", endless);
    rune_execution *first =
        start(vm, "sleep", NULL); // so that the callback is there before its end
    assert_int_equal(rune_execution_on_end(first, wait_inside, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(first, PATIENCE_NS), RUNE_OK);
    int64_t until_ms = now_ms() + PATIENCE_MS;
    while (!atomic_load(&inside.done) && now_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_true(atomic_load(&inside.done));
    assert_int_equal(inside.wait, RUNE_E_BUSY);
    assert_int_equal(inside.many, RUNE_E_BUSY);
    assert_int_equal(inside.close, RUNE_E_BUSY);
    // What was left ends by itself.
    while (rune_vm_reset(spinning) == RUNE_E_BUSY && now_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(call_i64(spinning, "main"), 42);
    rune_call_options_free(endless);
    rune_execution_free(first);
    rune_vm_free(vm);
    rune_vm_free(spinning);
    rune_vm_free(inside.vm);
}

/* Sleepers share a worker, and sleep at the same time. */
static void test_sleepers(void **state)
{
    (void)state;
    rune_vm *vms[MANY];
    rune_execution *executions[MANY];
    for (int i = 0; i < MANY; i++) {
        vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        executions[i] = start(vms[i],
                              i % 3 == 0   ? "sleep"
                              : i % 3 == 1 ? "first"
                                           : "between",
                              NULL);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(complete_i64(executions[i]), i % 3 == 0 ? 7 : i % 3 == 1 ? 30 : 1049);
        rune_vm_free(vms[i]);
    }
}

static void expect_reason(rune_execution *execution, rune_reason reason, const char *kind)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), reason);
    if (kind != NULL) {
        assert_string_equal(rune_error_kind(rune_record_error(record)), kind);
    }
    rune_record_free(record);
    rune_execution_free(execution);
}

static void test_sleep_ends(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = start(vm, "sleep_on", NULL);
    rune_execution_cancel(execution);
    expect_reason(execution, RUNE_REASON_CANCELLED, NULL);
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_WALL, 50000000), RUNE_OK);
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    expect_reason(start(vm, "sleep_on", options), RUNE_REASON_WALL, NULL);
    assert_int_equal(complete_i64(start(vm, "sleep", NULL)), 7);
    rune_call_options_free(options);
    rune_limits_free(limits);
    rune_vm_free(vm);
}

static void test_the_time(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    expect_reason(start(vm, "now", options), RUNE_REASON_SCRIPT_ERROR, "NoClock");
    rune_call_options_set_clock(options, true);
    assert_int_equal(complete_i64(start(vm, "now", options)), 1);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static void test_the_vm_is_taken(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = start(vm, "spin", NULL);
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_call(vm, "main", NULL, 0, NULL, &value, NULL), RUNE_E_BUSY);
    assert_int_equal(rune_vm_reset(vm), RUNE_E_BUSY);
    assert_int_equal(rune_execution_wait(execution, 1000000), RUNE_E_TIMED_OUT);
    rune_execution_free(execution); // cancels
    assert_int_equal(call_i64(vm, "main"), 42);
    rune_vm_free(vm);
}

static void test_a_descriptor_to_poll(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = start(vm, "later", NULL);
    struct pollfd polled = {.fd = rune_execution_fd(execution), .events = POLLIN};
    assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
    assert_int_equal(complete_i64(execution), 2003);
    rune_vm_free(vm);
}

static void test_errors(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_record *record = NULL;
    rune_execution *execution = start(vm, "wrong", NULL);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_string_equal(rune_error_kind(rune_record_error(record)), "DivideByZero");
    rune_record_free(record);
    rune_execution_free(execution);
    rune_vm_free(vm);
}

static bool slow_sink(void *user, int stream, const char *data, size_t size)
{
    int *offers = user;
    (void)stream;
    (void)data;
    (void)size;
    return ++*offers % 2 == 0;
}

static void test_a_sink_that_refuses(void **state)
{
    (void)state;
    int offers = 0;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, slow_sink, &offers);
    assert_int_equal(complete_i64(start(vm, "print", options)), 5);
    assert_true(offers > 2);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static bool sink_with_a_door(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    return atomic_load((atomic_bool *)user);
}

struct counted_door {
    atomic_bool open;
    atomic_uint offers;
};

static bool counting_sink(void *user, int stream, const char *data, size_t size)
{
    struct counted_door *door = user;
    (void)stream;
    (void)data;
    (void)size;
    atomic_fetch_add(&door->offers, 1);
    return atomic_load(&door->open);
}

/* It is asked again every 5 ms, not with everything that happens to its neighbours. */
static void test_refusing_costs_neighbours_nothing(void **state)
{
    (void)state;
    struct counted_door door = {.open = false};
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *busy = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = endless_options();
    rune_call_options_set_output(options, counting_sink, &door);
    int64_t begun_ms = now_ms();
    rune_execution *refused = start(vm, "print", options);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(complete_i64(start(busy, "main", NULL)), 42);
    }
    int64_t passed_ms = now_ms() - begun_ms;
    assert_in_range(atomic_load(&door.offers), 1, passed_ms / 5 + 20);
    atomic_store(&door.open, true);
    assert_int_equal(complete_i64(refused), 5);
    rune_call_options_free(options);
    rune_vm_free(busy);
    rune_vm_free(vm);
}

static bool closed_sink(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return false;
}

/* Refuses once, then takes a second. */
static bool slow_to_take(void *user, int stream, const char *data, size_t size)
{
    atomic_uint *offers = user;
    (void)stream;
    (void)data;
    (void)size;
    if (atomic_fetch_add(offers, 1) == 1) {
        poll(NULL, 0, 1000);
    }
    return atomic_load(offers) > 1;
}

/* A neighbour's slow sink is no reason to look at one that refuses much later: that is how its end is found. */
static void test_refused_ones_are_cancelled_soon(void **state)
{
    (void)state;
    atomic_uint offers = 0;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *slow = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *refuses = endless_options();
    rune_call_options *sleeps = endless_options();
    rune_call_options_set_output(refuses, closed_sink, NULL);
    rune_call_options_set_output(sleeps, slow_to_take, &offers);
    rune_execution *refused = start(vm, "print", refuses);
    assert_int_equal(complete_i64(start(slow, "print", sleeps)), 5);
    int64_t begun_ms = now_ms();
    rune_execution_cancel(refused);
    expect_reason(refused, RUNE_REASON_CANCELLED, NULL);
    assert_in_range(now_ms() - begun_ms, 0, 4000);
    rune_call_options_free(refuses);
    rune_call_options_free(sleeps);
    rune_vm_free(slow);
    rune_vm_free(vm);
}

/* What one raised waits in the worker for its output to go, while others raise. */
static void test_errors_behind_output(void **state)
{
    enum {
        FAILING = 20
    };
    (void)state;
    atomic_bool open = false;
    rune_vm *vms[FAILING];
    rune_execution *executions[FAILING];
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, sink_with_a_door, &open);
    for (int64_t i = 0; i < FAILING; i++) {
        rune_const_value *number = rune_value_i64(i);
        const rune_const_value *args[] = {number};
        vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        assert_int_equal(
            rune_vm_send_execute(vms[i], "fail", args, 1, options, &executions[i], NULL), RUNE_OK);
        rune_value_unref(number);
    }
    test_errors(state);
    for (int tries = 0; tries < 100 && !rune_execution_poll(executions[0]); tries++) {
        poll(NULL, 0, 10);
    }
    poll(NULL, 0, 100);
    test_errors(state);
    atomic_store(&open, true);
    for (int i = 0; i < FAILING; i++) {
        char wanted[40];
        rune_record *record = NULL;
        assert_int_equal(rune_execution_wait(executions[i], UINT64_MAX), RUNE_OK);
        assert_int_equal(rune_execution_complete(executions[i], &record), RUNE_OK);
        assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
        snprintf(wanted, sizeof(wanted), "failure number %d", i);
        assert_non_null(strstr(rune_error_message(rune_record_error(record)), wanted));
        rune_record_free(record);
        rune_execution_free(executions[i]);
        rune_vm_free(vms[i]);
    }
    rune_call_options_free(options);
}

struct gate {
    atomic_bool open;
    atomic_bool entered;
    atomic_bool in_time;
};

static bool sink_that_sleeps(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    atomic_store(&((struct gate *)user)->entered, true);
    poll(NULL, 0, 50);
    return true;
}

/* Code of the host that waits for somebody who waits for an execution. */
static void wait_for_gate(struct gate *gate)
{
    for (int i = 0; i < 1000 && !atomic_load(&gate->open); i++) {
        poll(NULL, 0, 5);
    }
    atomic_store(&gate->in_time, atomic_load(&gate->open));
}

static bool sink_that_waits(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    wait_for_gate(user);
    return true;
}

static void end_that_waits(void *user, rune_execution *execution)
{
    (void)execution;
    wait_for_gate(user);
}

/* While the runner is held up, one execution ends and another gives the host something to do, so that
 * it finds both at once, in the order in which one worker sent them: who waits for the first is woken
 * before the other's code runs. */
static void ends_before_code(bool in_callback)
{
    struct gate gate = {false};
    rune_vm *vms[3];
    rune_call_options *sleeps = rune_call_options_new();
    rune_call_options *waits = rune_call_options_new();
    rune_call_options_set_output(sleeps, sink_that_sleeps, &gate);
    rune_call_options_set_output(waits, sink_that_waits, &gate);
    rune_supervisor *own = new_supervisor(1, 0);
    rune_unit *said =
        build_in(own, "pub fn fine() { 1 } pub fn say() { println!(\"said\"); 2 }", false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rune_vm_new(own, runtime, said, NULL, &vms[i], NULL), RUNE_OK);
    }
    rune_execution *holds = start(vms[0], "say", sleeps);
    while (!atomic_load(&gate.entered)) {
        poll(NULL, 0, 1);
    }
    rune_execution *first = start(vms[1], "fine", NULL);
    rune_execution *second = start(vms[2], in_callback ? "fine" : "say", waits);
    if (in_callback) {
        assert_int_equal(rune_execution_on_end(second, end_that_waits, &gate), RUNE_OK);
    }
    assert_int_equal(complete_i64(first), 1);
    atomic_store(&gate.open, true);
    assert_int_equal(complete_i64(second), in_callback ? 1 : 2);
    assert_int_equal(complete_i64(holds), 2);
    for (int i = 0; i < 3; i++) {
        rune_vm_free(vms[i]);
    }
    rune_call_options_free(sleeps);
    rune_call_options_free(waits);
    rune_unit_unref(said);
    rune_supervisor_free(own);
    assert_true(atomic_load(&gate.in_time));
}

static void test_ends_are_told_before_code_runs(void **state)
{
    (void)state;
    ends_before_code(false);
    ends_before_code(true);
}

static int64_t time_deadline(void *vm)
{
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 100000000);
    rune_record *record = NULL;
    int64_t begun = now_ms();
    rune_execution *execution = start(vm, "spin", options);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    int64_t took = now_ms() - begun;
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_call_options_free(options);
    return took;
}

static void test_deadlines(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_in_range(best_ms(time_deadline, vm, 200), 99, 200);
    rune_vm_free(vm);
}

static void call_back_slowly(void *user, rune_execution *execution)
{
    (void)execution;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store((atomic_bool *)user, true);
}

/* Whoever frees an execution may free what its callback uses. */
static void test_freed_while_called_back(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    atomic_bool called = false;
    rune_execution *execution = start(vm, "later", NULL);
    assert_int_equal(rune_execution_on_end(execution, call_back_slowly, &called), RUNE_OK);
    while (!rune_execution_poll(execution)) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    rune_execution_free(execution);
    assert_true(atomic_load(&called));
    rune_vm_free(vm);
}

static void free_it(void *user, rune_execution *execution)
{
    *(bool *)user = true;
    rune_execution_free(execution);
}

/* Nothing else holds the supervisor when a callback that comes at once frees the execution. */
static void test_freed_by_a_late_callback(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_unit *of = build_in(own, "pub fn main() { 42 }", false);
    rune_vm *vm = vm_by(own, of, RUNE_ISOLATION_SHARED, "");
    bool called = false;
    rune_execution *execution = start(vm, "main", NULL);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_vm_free(vm);
    rune_unit_unref(of);
    rune_supervisor_free(own);
    assert_int_equal(rune_execution_on_end(execution, free_it, &called), RUNE_OK);
    assert_true(called);
}

static void *wait_for(void *execution)
{
    return (void *)(intptr_t)rune_execution_wait(execution, PATIENCE_NS);
}

/* More than there are locks for: each thread wakes for its own, however many others end. */
static void test_each_waits_for_its_own(void **state)
{
    (void)state;
    enum {
        COUNT = 130
    };
    rune_vm *vms[COUNT];
    rune_execution *executions[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        executions[i] = start(vms[i], "sleep_on", NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for, executions[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        void *status;
        int next = (i * 37 + 5) % COUNT;
        rune_execution_cancel(executions[next]);
        assert_int_equal(pthread_join(threads[next], &status), 0);
        assert_int_equal((intptr_t)status, RUNE_OK);
        assert_int_equal(rune_execution_poll(executions[(next + 37) % COUNT]), i + 1 == COUNT);
    }
    for (int i = 0; i < COUNT; i++) {
        rune_execution_free(executions[i]);
        rune_vm_free(vms[i]);
    }
}

static uint64_t cpu_us(clockid_t clock)
{
    struct timespec used;
    assert_int_equal(clock_gettime(clock, &used), 0);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* The processor time of the thread that all executions share, and what it was when the script began. */
struct runner {
    clockid_t clock;
    uint64_t begun_us;
};

static bool on_begun(void *user, int stream, const char *data, size_t size)
{
    struct runner *runner = user;
    (void)stream;
    (void)data;
    (void)size;
    assert_int_equal(pthread_getcpuclockid(pthread_self(), &runner->clock), 0);
    runner->begun_us = cpu_us(runner->clock);
    return true;
}

/* One with 150,000 keys takes whoever completes it longer than the thread that must serve all others. */
static void test_a_large_result_is_read_by_who_completes(void **state)
{
    (void)state;
    struct runner runner = {.begun_us = 0};
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = with_limit(RUNE_LIMIT_MEMORY, UINT64_C(256) << 20);
    rune_call_options_set_output(options, on_begun, &runner);
    rune_execution *execution = start(vm, "keys", options);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    uint64_t runner_us = cpu_us(runner.clock) - runner.begun_us;
    uint64_t before_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    rune_record *record = NULL;
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    uint64_t own_us = cpu_us(CLOCK_THREAD_CPUTIME_ID) - before_us;
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(rune_value_count(rune_record_value(record)), 150000);
    print_message("runner %llu us, completing %llu us\n", (unsigned long long)runner_us,
                  (unsigned long long)own_us);
    assert_true(runner_us < own_us);
    rune_record_free(record);
    rune_execution_free(execution);
    // Nobody need complete it.
    execution = start(vm, "keys", options);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_freed_while_called_back),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_mixed_with_calls),
        cmocka_unit_test(test_waiting_inside_a_callback),
        cmocka_unit_test(test_sleepers),
        cmocka_unit_test(test_sleep_ends),
        cmocka_unit_test(test_the_time),
        cmocka_unit_test(test_the_vm_is_taken),
        cmocka_unit_test(test_a_descriptor_to_poll),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_a_sink_that_refuses),
        cmocka_unit_test(test_refusing_costs_neighbours_nothing),
        cmocka_unit_test(test_refused_ones_are_cancelled_soon),
        cmocka_unit_test(test_errors_behind_output),
        cmocka_unit_test(test_ends_are_told_before_code_runs),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_freed_by_a_late_callback),
        cmocka_unit_test(test_each_waits_for_its_own),
        cmocka_unit_test(test_a_large_result_is_read_by_who_completes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
