/* Warm Vms, batches of calls, callbacks of executions, and the loop that the host drives. */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAKERS 8

static rune_unit *unit;
static rune_unit *other;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("static COUNT = 0;\n"
                 "pub fn count() { COUNT += 1; COUNT }\n"
                 "pub fn square(n) { n * n }\n"
                 "pub fn add() { |x| x + 1 }\n"
                 "pub async fn later(n) { host::later(n).await }\n"
                 "pub fn spin() { loop {} }\n"
                 "pub fn print() { println(\"line\"); 1 }\n");
    other = build("pub fn count() { -1 }\n"
                  "pub fn square(n) { n * n }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_unit_unref(other);
    return harness_tear_down(state);
}

static int64_t record_i64(rune_record *record)
{
    int64_t number = -1;
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_true(rune_value_get_i64(rune_record_value(record), &number));
    rune_record_free(record);
    return number;
}

/* The pool */

static void assert_counts(rune_vm_pool *pool, size_t idle, size_t taken)
{
    size_t idle_now;
    size_t taken_now;
    rune_vm_pool_counts(pool, &idle_now, &taken_now);
    assert_int_equal(idle_now, idle);
    assert_int_equal(taken_now, taken);
}

static void test_vms_are_used_again(void **state)
{
    (void)state;
    rune_vm *first;
    rune_vm *second;
    rune_vm *vm;
    rune_error *error = NULL;
    rune_vm_pool *pool = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 2, &pool, NULL), RUNE_OK);
    assert_counts(pool, 0, 0);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &first, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, other, &second, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, &error), RUNE_E_OVERLOADED);
    rune_error_free(error);
    assert_int_equal(call_i64(first, "count"), 1);
    assert_int_equal(call_i64(first, "count"), 2);
    assert_int_equal(call_i64(second, "count"), -1);
    assert_int_equal(rune_vm_pool_give(pool, first), RUNE_OK);
    assert_int_equal(rune_vm_pool_give(pool, second), RUNE_OK);
    assert_counts(pool, 2, 0);
    // The one that had that Unit; nothing is left of what it was used for.
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, NULL), RUNE_OK);
    assert_ptr_equal(vm, first);
    assert_int_equal(call_i64(vm, "count"), 1);
    // The other one takes another Unit.
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &second, NULL), RUNE_OK);
    assert_int_equal(call_i64(second, "count"), 1);
    assert_counts(pool, 0, 2);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_OK);
    rune_vm_pool_free(pool); // the one that is out is still good
    assert_int_equal(call_i64(second, "count"), 2);
    assert_int_equal(rune_vm_pool_give(pool, second), RUNE_OK);
}

static void test_a_pool_of_nothing(void **state)
{
    (void)state;
    rune_vm_pool *pool = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 0, &pool, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 1u << 20, &pool, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    rune_vm_pool_free(NULL);
}

/* A function of it that somebody holds keeps a Vm: the pool does not give it to anybody else. */
static void test_a_vm_with_a_function(void **state)
{
    (void)state;
    rune_vm *vm;
    rune_vm *next;
    rune_function *function = NULL;
    rune_const_value *value = NULL;
    rune_vm_pool *pool = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 1, &pool, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_function(vm, "add", NULL, 0, NULL, &function, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_OK);
    assert_counts(pool, 0, 0);
    assert_int_equal(rune_function_call(function, NULL, 0, NULL, &value, NULL), RUNE_E_STALE);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &next, NULL), RUNE_OK);
    rune_function_unref(function);
    assert_int_equal(call_i64(next, "count"), 1);
    assert_int_equal(rune_vm_pool_give(pool, next), RUNE_OK);
    rune_vm_pool_free(pool);
}

static void test_a_vm_that_runs(void **state)
{
    (void)state;
    rune_vm *vm;
    rune_vm_pool *pool = NULL;
    rune_execution *execution = NULL;
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 1, &pool, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    // Used by two at once: the second is told.
    assert_int_equal(rune_vm_call(vm, "count", NULL, 0, NULL, &value, NULL), RUNE_E_BUSY);
    assert_int_equal(rune_vm_set_unit(vm, other), RUNE_E_BUSY);
    assert_int_equal(rune_vm_set_runtime(vm, runtime), RUNE_E_BUSY);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_E_BUSY);
    assert_counts(pool, 0, 1);
    rune_execution_free(execution);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_OK);
    rune_vm_pool_free(pool);
}

/* What never came out of the pool, or is back in it, does not come back: the pool counts what it has. */
static void test_what_does_not_belong(void **state)
{
    (void)state;
    rune_vm *vm;
    rune_vm *second;
    rune_error *error = NULL;
    rune_vm_pool *pool = NULL;
    rune_vm_pool *another = NULL;
    rune_vm *plain = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 2, &pool, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 2, &another, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, NULL, &vm, &error), RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), "`unit` is NULL");
    rune_error_free(error);
    assert_counts(pool, 0, 0);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_give(pool, plain), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_pool_give(pool, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_pool_give(another, vm), RUNE_E_INVALID_ARGUMENT);
    assert_counts(pool, 0, 1);
    assert_counts(another, 0, 0);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_OK);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_E_INVALID_ARGUMENT);
    assert_counts(pool, 1, 0);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take(pool, runtime, unit, &second, NULL), RUNE_OK);
    assert_ptr_not_equal(vm, second);
    assert_int_equal(call_i64(plain, "count"), 1);
    assert_int_equal(rune_vm_pool_give(pool, vm), RUNE_OK);
    assert_int_equal(rune_vm_pool_give(pool, second), RUNE_OK);
    rune_vm_pool_free(pool);
    rune_vm_pool_free(another);
    rune_vm_free(plain);
}

struct taker {
    rune_vm_pool *pool;
    int calls;
    int refused;
};

static void *take_often(void *argument)
{
    struct taker *taker = argument;
    for (int i = 0; i < 100; i++) {
        rune_vm *vm;
        rune_const_value *value = NULL;
        rune_status status =
            rune_vm_pool_take(taker->pool, runtime, i % 2 ? unit : other, &vm, NULL);
        if (status == RUNE_E_OVERLOADED) {
            taker->refused++;
            continue;
        }
        int64_t number = 0;
        bool good = rune_vm_call(vm, "count", NULL, 0, NULL, &value, NULL) == RUNE_OK &&
                    rune_value_get_i64(value, &number) && number == (i % 2 ? 1 : -1);
        rune_value_unref(value);
        taker->calls += good && rune_vm_pool_give(taker->pool, vm) == RUNE_OK;
    }
    return NULL;
}

/* A thread for each. */
static void run_takers(rune_vm_pool *pool, void *(*run)(void *), struct taker *takers)
{
    pthread_t threads[TAKERS];
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.pool = pool};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &takers[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void test_from_many_threads(void **state)
{
    (void)state;
    struct taker takers[TAKERS];
    rune_vm_pool *pool = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 6, &pool, NULL), RUNE_OK);
    run_takers(pool, take_often, takers);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(takers[i].calls + takers[i].refused, 100);
    }
    size_t taken;
    rune_vm_pool_counts(pool, NULL, &taken);
    assert_int_equal(taken, 0);
    rune_vm_pool_free(pool);
}

static void *wait_often(void *argument)
{
    struct taker *taker = argument;
    for (int i = 0; i < 100; i++) {
        rune_vm *vm;
        if (rune_vm_pool_take_wait(taker->pool, runtime, unit, UINT64_MAX, &vm, NULL) == RUNE_OK) {
            rune_const_value *value = NULL;
            taker->calls += rune_vm_call(vm, "count", NULL, 0, NULL, &value, NULL) == RUNE_OK;
            rune_value_unref(value);
            taker->refused += rune_vm_pool_give(taker->pool, vm) != RUNE_OK;
        }
    }
    return NULL;
}

/* With more threads than Vms nobody is refused: each is woken by what another one gives back. */
static void test_threads_that_wait(void **state)
{
    (void)state;
    struct taker takers[TAKERS];
    rune_vm_pool *pool = NULL;
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 3, &pool, NULL), RUNE_OK);
    run_takers(pool, wait_often, takers);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(takers[i].calls, 100);
        assert_int_equal(takers[i].refused, 0);
    }
    rune_vm_pool_free(pool);
}

struct waiting_host {
    rune_vm_pool *pool;
    rune_status status;
    atomic_bool ended;
};

static void wait_in_callback(void *user, rune_execution *execution)
{
    struct waiting_host *host = user;
    rune_vm *vm;
    (void)execution;
    host->status = rune_vm_pool_take_wait(host->pool, runtime, unit, UINT64_MAX, &vm, NULL);
    atomic_store(&host->ended, true);
}

static void test_waiting_in_vain(void **state)
{
    (void)state;
    rune_vm *vm;
    rune_vm *second = NULL;
    rune_error *error = NULL;
    rune_execution *execution = NULL;
    struct waiting_host host = {.status = RUNE_OK};
    assert_int_equal(rune_vm_pool_new(supervisor, NULL, 1, &host.pool, NULL), RUNE_OK);
    assert_int_equal(rune_vm_pool_take_wait(host.pool, runtime, NULL, 0, &vm, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_pool_take_wait(host.pool, runtime, unit, 0, &vm, NULL), RUNE_OK);
    int64_t begun = now_ms();
    assert_int_equal(rune_vm_pool_take_wait(host.pool, runtime, unit, 20000000, &second, &error),
                     RUNE_E_TIMED_OUT);
    assert_true(now_ms() - begun >= 20);
    assert_string_equal(rune_error_message(error), "all 1 Vms of the pool are in use");
    rune_error_free(error);
    assert_null(second);
    // Where executions end, another's end cannot be waited for.
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, wait_in_callback, &host), RUNE_OK);
    rune_execution_cancel(execution);
    for (int i = 0; i < 1000 && !atomic_load(&host.ended); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_true(atomic_load(&host.ended));
    assert_int_equal(host.status, RUNE_E_BUSY);
    rune_execution_free(execution);
    assert_int_equal(rune_vm_pool_give(host.pool, vm), RUNE_OK);
    rune_vm_pool_free(host.pool);
}

/* Batches */

static void test_call_many(void **state)
{
    (void)state;
    enum {
        VMS = 4,
        CALLS = 40
    };
    rune_vm *vms[VMS];
    rune_batch_call calls[CALLS];
    rune_record *records[CALLS];
    rune_const_value *numbers[CALLS];
    const rune_const_value *args[CALLS][1];
    for (int i = 0; i < VMS; i++) {
        vms[i] = new_vm(i % 2 ? unit : other, RUNE_ISOLATION_SHARED, "");
    }
    for (int i = 0; i < CALLS; i++) {
        numbers[i] = rune_value_i64(i);
        args[i][0] = numbers[i];
        calls[i] = (rune_batch_call){vms[i % VMS], "square", args[i], 1, NULL};
    }
    // Calls that fail have records like the others; a Vm's calls come in their order.
    calls[5] = (rune_batch_call){vms[1], "count", NULL, 0, NULL};
    calls[9] = (rune_batch_call){vms[1], "count", NULL, 0, NULL};
    calls[13] = (rune_batch_call){vms[1], "count", NULL, 0, NULL};
    calls[20].item = "missing";
    calls[21].arg_count = 0;
    assert_int_equal(rune_call_many(calls, CALLS, records, NULL), RUNE_OK);
    for (int64_t i = 0; i < CALLS; i++) {
        if (i == 20) {
            assert_int_equal(rune_record_reason(records[i]), RUNE_REASON_USAGE);
            rune_record_free(records[i]);
        } else if (i == 21) {
            assert_int_equal(rune_record_reason(records[i]), RUNE_REASON_SCRIPT_ERROR);
            rune_record_free(records[i]);
        } else {
            bool counts = i == 5 || i == 9 || i == 13;
            assert_int_equal(record_i64(records[i]), counts ? (i - 1) / 4 : i * i);
        }
        rune_value_unref(numbers[i]);
    }
    assert_int_equal(rune_call_many(calls, 0, records, NULL), RUNE_OK);
    for (int i = 0; i < VMS; i++) {
        rune_vm_free(vms[i]);
    }
}

/* More Vms than workers have room for. */
static void test_call_many_beyond_the_workers(void **state)
{
    (void)state;
    enum {
        VMS = 48
    };
    rune_vm *vms[VMS];
    rune_batch_call calls[VMS];
    rune_record *records[VMS];
    rune_supervisor *small = new_small_supervisor(4);
    rune_const_value *number = rune_value_i64(1);
    const rune_const_value *args[] = {number};
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(rune_vm_new(small, runtime, unit, NULL, &vms[i], NULL), RUNE_OK);
        calls[i] = (rune_batch_call){vms[i], "later", args, 1, NULL};
    }
    assert_int_equal(rune_call_many(calls, VMS, records, NULL), RUNE_OK);
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(record_i64(records[i]), 1001);
        rune_vm_free(vms[i]);
    }
    rune_value_unref(number);
    rune_supervisor_free(small);
}

/* A small result lies in its record's block, which stays as long as either is there. */
static void test_values_outlive_records(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *number = rune_value_i64(12);
    const rune_const_value *args[] = {number};
    rune_batch_call calls[2] = {{vm, "square", args, 1, NULL}, {vm, "square", args, 1, NULL}};
    rune_record *records[2];
    int64_t squared = 0;
    assert_int_equal(rune_call_many(calls, 2, records, NULL), RUNE_OK);
    rune_const_value *kept = rune_value_ref(rune_record_value(records[0]));
    rune_const_value *again = rune_value_ref(kept);
    rune_record_free(records[0]);
    rune_value_unref(again);
    assert_true(rune_value_get_i64(kept, &squared));
    assert_int_equal(squared, 144);
    rune_value_unref(kept);
    kept = rune_value_ref(rune_record_value(records[1]));
    rune_value_unref(kept); // the other way round
    rune_record_free(records[1]);
    rune_value_unref(number);
    rune_vm_free(vm);
}

struct closing {
    rune_batch_call *calls;
    rune_record **records;
    size_t count;
    rune_status status;
};

static void *run_batch(void *argument)
{
    struct closing *closing = argument;
    closing->status = rune_call_many(closing->calls, closing->count, closing->records, NULL);
    return NULL;
}

/* A batch whose supervisor is closed meanwhile: calls that have begun end, none begins any more. */
static void test_call_many_while_closing(void **state)
{
    (void)state;
    enum {
        VMS = 8,
        COUNT = 200000
    };
    rune_vm *vms[VMS];
    rune_supervisor *own = new_supervisor(2, 1);
    struct closing closing = {.calls = calloc(COUNT, sizeof(*closing.calls)),
                              .records = calloc(COUNT, sizeof(rune_record *)),
                              .count = COUNT};
    rune_const_value *number = rune_value_i64(3);
    const rune_const_value *args[] = {number};
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(rune_vm_new(own, runtime, unit, NULL, &vms[i], NULL), RUNE_OK);
    }
    for (size_t i = 0; i < COUNT; i++) {
        closing.calls[i] = (rune_batch_call){vms[i % VMS], "square", args, 1, NULL};
    }
    pthread_t thread;
    rune_stats stats = {0};
    assert_int_equal(pthread_create(&thread, NULL, run_batch, &closing), 0);
    while (stats.calls < 100) {
        rune_supervisor_stats(own, &stats);
    }
    assert_int_equal(rune_supervisor_close(own, UINT64_C(10000000000)), RUNE_OK);
    pthread_join(thread, NULL);
    assert_int_equal(closing.status, RUNE_OK);
    size_t answered = 0;
    for (size_t i = 0; i < COUNT; i++) {
        bool ok = rune_record_reason(closing.records[i]) == RUNE_REASON_OK;
        answered += ok;
        assert_true(ok ||
                    rune_error_status(rune_record_error(closing.records[i])) == RUNE_E_CLOSED);
        rune_record_free(closing.records[i]);
    }
    assert_in_range(answered, 100, COUNT - 1);
    for (int i = 0; i < VMS; i++) {
        rune_vm_free(vms[i]);
    }
    rune_value_unref(number);
    free(closing.calls);
    free(closing.records);
    rune_supervisor_free(own);
}

/* Callbacks */

struct ended {
    atomic_int count;
    int64_t number;
    pthread_t thread;
};

static void on_end(void *user, rune_execution *execution)
{
    struct ended *ended = user;
    rune_record *record = NULL;
    ended->thread = pthread_self();
    if (rune_execution_complete(execution, &record) == RUNE_OK) {
        ended->number = record_i64(record);
    }
    rune_execution_free(execution);
    atomic_fetch_add(&ended->count, 1);
}

static rune_execution *execute(rune_vm *vm, const char *item, int64_t number)
{
    rune_execution *execution = NULL;
    rune_const_value *value = rune_value_i64(number);
    const rune_const_value *args[] = {value};
    assert_int_equal(rune_vm_send_execute(vm, item, args, 1, NULL, &execution, NULL), RUNE_OK);
    rune_value_unref(value);
    return execution;
}

static void test_callbacks(void **state)
{
    (void)state;
    struct ended ended = {.number = 0};
    struct ended late = {.number = 0};
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *second = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = execute(vm, "later", 1);
    assert_int_equal(rune_execution_on_end(execution, on_end, &ended), RUNE_OK);
    // After its end: at once, here.
    execution = execute(second, "square", 3);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, on_end, &late), RUNE_OK);
    assert_int_equal(atomic_load(&late.count), 1);
    assert_int_equal(late.number, 9);
    assert_true(pthread_equal(late.thread, pthread_self()));
    for (int i = 0; i < 1000 && atomic_load(&ended.count) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(ended.number, 1001);
    assert_false(pthread_equal(ended.thread, pthread_self()));
    assert_int_equal(call_i64(vm, "count"), 1); // the Vm is free
    rune_vm_free(vm);
    rune_vm_free(second);
}

static void never(void *user, rune_execution *execution)
{
    (void)execution;
    atomic_fetch_add((atomic_int *)user, 1);
}

static void test_one_callback_only(void **state)
{
    (void)state;
    atomic_int calls = 0;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, never, &calls), RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, never, &calls), RUNE_E_BUSY);
    rune_execution_free(execution); // cancelled: an end, too
    for (int i = 0; i < 1000 && atomic_load(&calls) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(atomic_load(&calls), 1);
    rune_vm_free(vm);
}

/* The external loop */

static rune_supervisor *external_supervisor(void)
{
    rune_supervisor *made = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 2);
    rune_supervisor_options_set_external_loop(options, true);
    assert_int_equal(rune_supervisor_new(options, &made, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    return made;
}

static void dispatch_until(rune_supervisor *by, struct ended *ended, int count)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (atomic_load(&ended->count) < count && now_ms() < until) {
        uint64_t due_ns = rune_supervisor_next_timeout_ns(by);
        struct pollfd polled = {.fd = rune_supervisor_fd(by), .events = POLLIN};
        int wait_ms = due_ns > 100000000u ? 100 : (int)(due_ns / 1000000u);
        assert_true(poll(&polled, 1, wait_ms) >= 0);
        assert_int_equal(rune_supervisor_dispatch(by, 0), RUNE_OK);
    }
}

static int refusals;

static bool refuse_twice(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return refusals++ >= 2;
}

static void test_an_external_loop(void **state)
{
    (void)state;
    struct ended ended = {.number = 0};
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_vm *vm = NULL;
    rune_supervisor *by = external_supervisor();
    assert_true(rune_supervisor_fd(by) >= 0);
    assert_int_equal(rune_supervisor_next_timeout_ns(by), UINT64_MAX);
    assert_int_equal(rune_vm_new(by, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    execution = execute(vm, "later", 5);
    // Nobody dispatches: nothing happens.
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_false(rune_execution_poll(execution));
    assert_int_equal(rune_execution_on_end(execution, on_end, &ended), RUNE_OK);
    dispatch_until(by, &ended, 1);
    assert_int_equal(ended.number, 1005);
    assert_true(pthread_equal(ended.thread, pthread_self()));
    // A sink that refuses is asked again, after the timeout.
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, refuse_twice, NULL);
    assert_int_equal(rune_vm_send_execute(vm, "print", NULL, 0, options, &execution, NULL),
                     RUNE_OK);
    assert_int_equal(rune_execution_on_end(execution, on_end, &ended), RUNE_OK);
    dispatch_until(by, &ended, 2);
    assert_int_equal(ended.number, 1);
    assert_int_equal(refusals, 3);
    rune_call_options_free(options);
    // Whoever waits dispatches, and synchronous calls need no loop.
    execution = execute(vm, "later", 6);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(record_i64(record), 1006);
    rune_execution_free(execution);
    assert_int_equal(call_i64(vm, "count"), 1);
    // So does whoever closes or frees.
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, 5000000), RUNE_E_TIMED_OUT);
    assert_int_equal(rune_supervisor_close(by, 10000000), RUNE_E_TIMED_OUT);
    assert_true(rune_execution_poll(execution));
    rune_execution_free(execution);
    rune_vm_free(vm);
    rune_supervisor_free(by);
    assert_int_equal(rune_supervisor_fd(supervisor), -1);
    assert_int_equal(rune_supervisor_dispatch(supervisor, 0), RUNE_E_UNSUPPORTED);
}

static void *wait_for(void *argument)
{
    return rune_execution_wait(argument, UINT64_MAX) == RUNE_OK ? argument : NULL;
}

/* Several threads wait: one dispatches for all. */
static void test_waiting_threads_share_the_loop(void **state)
{
    (void)state;
    rune_vm *vms[4];
    rune_execution *executions[4];
    pthread_t threads[4];
    rune_supervisor *by = external_supervisor();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rune_vm_new(by, runtime, unit, NULL, &vms[i], NULL), RUNE_OK);
        executions[i] = execute(vms[i], "later", i);
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for, executions[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, executions[i]);
        rune_execution_free(executions[i]);
        rune_vm_free(vms[i]);
    }
    rune_supervisor_free(by);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vms_are_used_again),
        cmocka_unit_test(test_a_pool_of_nothing),
        cmocka_unit_test(test_a_vm_with_a_function),
        cmocka_unit_test(test_a_vm_that_runs),
        cmocka_unit_test(test_what_does_not_belong),
        cmocka_unit_test(test_from_many_threads),
        cmocka_unit_test(test_threads_that_wait),
        cmocka_unit_test(test_waiting_in_vain),
        cmocka_unit_test(test_call_many),
        cmocka_unit_test(test_call_many_beyond_the_workers),
        cmocka_unit_test(test_values_outlive_records),
        cmocka_unit_test(test_call_many_while_closing),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_one_callback_only),
        cmocka_unit_test(test_an_external_loop),
        cmocka_unit_test(test_waiting_threads_share_the_loop),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
