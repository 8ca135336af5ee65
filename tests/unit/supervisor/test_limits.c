/* Every limit ends a call with its own reason, in time; cancelling too; the Vm can be called again.
 */
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define MS UINT64_C(1000000)

static rune_unit *unit;
static rune_vm *vm;

static const char source[] =
    "pub fn fine() { 1 }\n"
    "pub fn spin() { loop {} }\n"
    "pub fn recurse() { recurse() + 1 }\n"
    "fn nest() { for x in nest() { yield x; } }\n"
    "pub fn generators() { nest().next() }\n"
    "pub async fn awaits() { awaits().await }\n"
    "pub async fn joins() { std::future::join((host::later(1), joins())).await }\n"
    "pub fn grow() { let v = []; loop { v.push(\"0123456789012345678901234567890\" + \"x\"); } }\n"
    "pub fn print() { loop { println!(\"0123456789\"); } }\n"
    "pub fn ask() { loop { host::double(1); } }\n"
    "pub fn deep(n) { if n == 0 { 0 } else { deep(n - 1) } }\n"
    "pub async fn wait() { host::later(1).await }\n";

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build(source);
    vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    return failed;
}

static int tear_down(void **state)
{
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static const struct {
    const char *item;
    rune_limit limit;
    uint64_t value;
    rune_reason reason;
    int64_t at_most_ms;
} cases[] = {
    {"spin", RUNE_LIMIT_BUDGET, 1000000, RUNE_REASON_BUDGET, 1000},
    {"spin", RUNE_LIMIT_WALL, 200 * MS, RUNE_REASON_WALL, 300},
    {"spin", RUNE_LIMIT_CPU, 200 * MS, RUNE_REASON_CPU, 300},
    {"recurse", RUNE_LIMIT_MEMORY, 4 << 20, RUNE_REASON_MEMORY, 3000},
    {"recurse", RUNE_LIMIT_DEPTH, 100, RUNE_REASON_DEPTH, 1000},
    {"generators", RUNE_LIMIT_DEPTH, 100, RUNE_REASON_DEPTH, 1000},
    {"awaits", RUNE_LIMIT_DEPTH, 100, RUNE_REASON_DEPTH, 1000},
    {"joins", RUNE_LIMIT_DEPTH, 100, RUNE_REASON_DEPTH, 1000},
    {"grow", RUNE_LIMIT_MEMORY, 4 << 20, RUNE_REASON_MEMORY, 3000},
    {"print", RUNE_LIMIT_OUTPUT, 10000, RUNE_REASON_OUTPUT, 1000},
    {"ask", RUNE_LIMIT_HOST_CALLS, 10, RUNE_REASON_HOST_CALLS, 1000},
    {"ask", RUNE_LIMIT_HOST_CALLS, 0, RUNE_REASON_HOST_CALLS, 1000},
    {"ask", RUNE_LIMIT_WALL, 200 * MS, RUNE_REASON_WALL, 300},
    {"print", RUNE_LIMIT_WALL, 5000 * MS, RUNE_REASON_OUTPUT, 3000},
};

/* How long the call of a case takes: of processor time, if that is what is limited. */
static int64_t time_case(void *index)
{
    size_t i = *(size_t *)index;
    rune_call_options *options = with_limit(cases[i].limit, cases[i].value);
    int64_t begun = now_ms();
    rune_record *record = call_record(vm, cases[i].item, options);
    int64_t took = now_ms() - begun;
    if (cases[i].limit == RUNE_LIMIT_CPU) {
        assert_true(took < 20000); // by another clock than the one that the limit looks at
        took = (int64_t)(rune_record_usage(record)->cpu_us / 1000);
    }
    assert_string_equal(rune_reason_name(rune_record_reason(record)),
                        rune_reason_name(cases[i].reason));
    rune_record_free(record);
    rune_call_options_free(options);
    assert_int_equal(call_i64(vm, "fine"), 1);
    return took;
}

static void test_every_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t took = best_ms(time_case, &i, cases[i].at_most_ms);
        if (took > cases[i].at_most_ms) {
            fail_msg("%s with %s: after %d ms", cases[i].item, rune_limit_name(cases[i].limit),
                     (int)took);
        }
    }
}

static void test_limits_of_the_vm_count_too(void **state)
{
    (void)state;
    rune_limits *limits = rune_limits_new();
    rune_vm_options *options = rune_vm_options_new();
    rune_vm *limited;
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_BUDGET, 1000), RUNE_OK);
    assert_int_equal(rune_vm_options_set_limits(options, limits), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, options, &limited, NULL), RUNE_OK);
    rune_call_options *wide = with_limit(RUNE_LIMIT_BUDGET, 1000000000);
    rune_record *record = call_record(limited, "spin", wide);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_BUDGET);
    assert_int_equal(rune_record_limit(record, RUNE_LIMIT_BUDGET), 1000);
    assert_int_equal(rune_record_limit(record, RUNE_LIMIT_WALL),
                     rune_limits_default(RUNE_LIMIT_WALL));
    rune_record_free(record);
    rune_call_options_free(wide);
    rune_vm_free(limited);
    rune_vm_options_free(options);
    rune_limits_free(limits);
}

static void test_wrong_limits(void **state)
{
    (void)state;
    rune_limits *limits = rune_limits_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_BUDGET, 0), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_HOST_CALLS, 0), RUNE_OK);
    assert_int_equal(rune_limits_set(limits, (rune_limit)99, 1), RUNE_E_INVALID_ARGUMENT);
    rune_limits_free(limits);
}

static void *cancel_soon(void *token)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    rune_cancel_token_cancel(token);
    return NULL;
}

static int64_t time_cancelled(void *item)
{
    pthread_t thread;
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *options = with_limit(RUNE_LIMIT_OUTPUT, UINT64_C(1) << 40);
    rune_call_options_set_cancel_token(options, token);
    int64_t begun = now_ms();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, token), 0);
    assert_int_equal(call_reason(vm, item, options), RUNE_REASON_CANCELLED);
    int64_t took = now_ms() - begun;
    pthread_join(thread, NULL);
    // What is cancelled stays cancelled.
    assert_int_equal(call_reason(vm, "fine", options), RUNE_REASON_CANCELLED);
    rune_call_options_free(options);
    rune_cancel_token_unref(token);
    assert_int_equal(call_i64(vm, "fine"), 1);
    return took;
}

static void test_cancelling(void **state)
{
    (void)state;
    static char items[][8] = {"spin", "ask", "print"};
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(best_ms(time_cancelled, items[i], 250), 90, 250);
    }
}

/* Five calls are stopped: how many workers are killed for it. */
static uint64_t count_lost(void)
{
    rune_stats before;
    rune_stats after;
    rune_supervisor_stats(supervisor, &before);
    for (int i = 0; i < 5; i++) {
        rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 20 * MS);
        assert_int_equal(call_reason(vm, "spin", options), RUNE_REASON_WALL);
        rune_call_options_free(options);
    }
    rune_supervisor_stats(supervisor, &after);
    return after.workers_lost - before.workers_lost;
}

/* A call that is stopped costs neither its worker nor its neighbours: unless that worker was not given a processor
 * within the grace, as may happen on a machine that is busy. */
/* Whether a frame of the call's error is on that line of that function. */
static bool stood_at(rune_vm *of, const char *item, rune_limit limit, const char *function,
                     uint32_t line)
{
    bool found = false;
    rune_call_options *options = with_limit(limit, 100 * MS);
    rune_record *record = call_record(of, item, options);
    const rune_error *error = rune_record_error(record);
    assert_int_equal(rune_record_reason(record),
                     limit == RUNE_LIMIT_WALL ? RUNE_REASON_WALL : RUNE_REASON_CPU);
    for (size_t i = 0; i < rune_error_frame_count(error); i++) {
        rune_frame frame;
        found = found || (rune_error_frame(error, i, &frame) && frame.line == line &&
                          strcmp(frame.function, function) == 0);
    }
    rune_record_free(record);
    rune_call_options_free(options);
    return found;
}

/* A worker that was given no processor within the grace tells nothing. */
static void expect_place(rune_vm *of, const char *item, rune_limit limit, const char *function,
                         uint32_t line)
{
    bool found = false;
    for (int i = 0; i < 10 && !found; i++) {
        found = stood_at(of, item, limit, function, line);
    }
    assert_true(found);
}

/* Where a script stood when its time was over, be it in its own code or the library's: nobody finds a loop without end
 * by its limit. */
static void test_a_stopped_call_has_a_place(void **state)
{
    (void)state;
    rune_unit *own =
        build("fn inner() {\n    loop {}\n}\n"
              "pub fn sorts() { let a = []; for i in 0..100000 { a.push(100000 - i); }\n"
              "    loop { a.clone().sort(); } }\n"
              "pub fn outer() { inner() }\n");
    rune_vm *own_vm = new_vm(own, RUNE_ISOLATION_SHARED, "");
    expect_place(own_vm, "outer", RUNE_LIMIT_WALL, "inner", 2);
    expect_place(own_vm, "outer", RUNE_LIMIT_WALL, "outer", 6);
    expect_place(own_vm, "outer", RUNE_LIMIT_CPU, "inner", 2);
    expect_place(own_vm, "sorts", RUNE_LIMIT_WALL, "sorts", 5);
    rune_vm_free(own_vm);
    rune_unit_unref(own);
}

static void test_a_stopped_call_leaves_the_worker_alone(void **state)
{
    (void)state;
    uint64_t lost = count_lost();
    for (int again = 0; again < 9 && lost > 0; again++) {
        lost = count_lost();
    }
    assert_int_equal(lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_limit),
        cmocka_unit_test(test_limits_of_the_vm_count_too),
        cmocka_unit_test(test_wrong_limits),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_a_stopped_call_has_a_place),
        cmocka_unit_test(test_a_stopped_call_leaves_the_worker_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
