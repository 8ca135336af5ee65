/* Host functions that call back, that take their time, that are called for scripts which have ended. */
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* What the functions of the module `again` work on. */
static struct stage {
    rune_runtime *runtime;
    rune_context *context;
    rune_unit *unit;
    rune_supervisor *supervisor; /* with one worker */
    rune_vm *vm;                 /* that back() calls */
    const char *item;
    rune_status status; /* of the last call back */
    rune_reason reason;
    rune_host_call *kept;
    atomic_int cancelled;
    atomic_int called;
} stage;

static void answer_i64(rune_host_call *call, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
}

/* again::back(): calls `item` of `vm`. */
static void back(void *user, rune_host_call *call)
{
    (void)user;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_parent(options, call);
    atomic_fetch_add(&stage.called, 1);
    stage.status = rune_vm_call(stage.vm, stage.item, NULL, 0, options, &value, &error);
    stage.reason = error ? rune_error_reason(error) : RUNE_REASON_OK;
    if (stage.status == RUNE_OK) {
        (void)rune_host_call_reply(call, value);
    } else {
        (void)rune_host_call_fail(call, rune_status_name(stage.status));
    }
    rune_value_unref(value);
    rune_error_free(error);
    rune_call_options_free(options);
}

/* again::slow(ms) */
static void slow(void *user, rune_host_call *call)
{
    int64_t ms = 0;
    (void)user;
    (void)rune_value_get_i64(rune_host_call_arg(call, 0), &ms);
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
    answer_i64(call, ms);
}

static void count_cancel(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

/* async again::forever(): nobody answers. */
static void forever(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_on_cancel(call, count_cancel, &stage.cancelled), RUNE_OK);
    stage.kept = call;
}

#define HELD_MAX 64

static struct {
    pthread_mutex_t lock;
    rune_host_call *calls[HELD_MAX];
    size_t count;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* async again::hold(bytes): answered by whoever looks into `held`. */
static void hold(void *user, rune_host_call *call)
{
    (void)user;
    pthread_mutex_lock(&held.lock);
    held.calls[held.count++] = call;
    pthread_mutex_unlock(&held.lock);
}

static size_t count_held(void)
{
    pthread_mutex_lock(&held.lock);
    size_t count = held.count;
    pthread_mutex_unlock(&held.lock);
    return count;
}

static atomic_int slow_cancel_state; /* 1: it runs; 2: it has returned */

static void slow_cancel(void *user)
{
    (void)user;
    atomic_store(&slow_cancel_state, 1);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    atomic_store(&slow_cancel_state, 2);
}

/* async again::told(): nobody answers before the end. */
static void told(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_on_cancel(call, slow_cancel, NULL), RUNE_OK);
    stage.kept = call;
}

/* again::plain(missing): reads what was not given, wants to be told of an end that cannot come. */
static void plain(void *user, rune_host_call *call)
{
    int64_t number;
    (void)user;
    assert_false(rune_value_get_i64(rune_host_call_arg(call, 7), &number));
    assert_int_equal(rune_host_call_on_cancel(call, slow_cancel, NULL), RUNE_E_UNSUPPORTED);
    answer_i64(call, 5);
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_module *module = rune_module_new("again");
    assert_int_equal(rune_module_function(module, "back", 0, 0, back, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "slow", 1, 0, slow, NULL, NULL), RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "forever", 0, RUNE_FUNCTION_ASYNC, forever, NULL, NULL),
        RUNE_OK);
    assert_int_equal(rune_module_function(module, "hold", 1, RUNE_FUNCTION_ASYNC, hold, NULL, NULL),
                     RUNE_OK);
    assert_int_equal(rune_module_function(module, "told", 0, RUNE_FUNCTION_ASYNC, told, NULL, NULL),
                     RUNE_OK);
    assert_int_equal(rune_module_function(module, "plain", 0, 0, plain, NULL, NULL), RUNE_OK);
    stage.context = rune_context_with_default_modules();
    assert_int_equal(rune_context_install(stage.context, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_runtime(stage.context, &stage.runtime, NULL), RUNE_OK);
    rune_module_free(module);
    static const char source[] = "pub fn main() { again::back() + 1 }\n"
                                 "pub fn leaf() { 41 }\n"
                                 "pub fn spin() { loop {} }\n"
                                 "pub fn slow() { again::slow(60) }\n"
                                 "pub fn very_slow() { again::slow(300) }\n"
                                 "pub fn plain() { again::plain() }\n"
                                 "pub async fn told() { again::told().await }\n"
                                 "pub async fn flood(bytes) {\n"
                                 "    let calls = [];\n"
                                 "    for n in 0..40 { calls.push(again::hold(bytes)); }\n"
                                 "    for call in calls { call.await; }\n"
                                 "    7\n"
                                 "}\n"
                                 "pub async fn forever() { again::forever().await }\n"
                                 "pub fn busy() { let n = 0; while n < 3000000 { n += 1; } n }\n";
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "n.rn", source, strlen(source), NULL), 0);
    assert_int_equal(rune_build(supervisor, sources, stage.context, NULL, NULL, &stage.unit, NULL),
                     RUNE_OK);
    rune_sources_free(sources);
    stage.supervisor = new_supervisor(1, 0);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(stage.unit);
    rune_runtime_unref(stage.runtime);
    rune_context_free(stage.context);
    rune_supervisor_free(stage.supervisor);
    return harness_tear_down(state);
}

static rune_vm *make(rune_supervisor *by)
{
    rune_vm *vm = NULL;
    assert_int_equal(rune_vm_new(by, stage.runtime, stage.unit, NULL, &vm, NULL), RUNE_OK);
    return vm;
}

/* Arguments that wait for answers are bounded in bytes: the script waits, and goes on as they come. */
static void test_bytes_that_are_out(void **state)
{
    (void)state;
    enum {
        SIZE = 4 << 20,
        CALLS = 40,
        ROOM = (64 << 20) / SIZE
    };
    static uint8_t bytes[SIZE];
    rune_vm *vm = make(supervisor);
    rune_const_value *arg = rune_value_bytes(bytes, SIZE);
    rune_const_value *unit = rune_value_unit();
    rune_execution *execution = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 3 * PATIENCE_NS);
    assert_int_equal(rune_vm_send_execute(vm, "flood", (const rune_const_value *const *)&arg, 1,
                                          options, &execution, NULL),
                     RUNE_OK);
    rune_call_options_free(options);
    int64_t until_ms = now_ms() + PATIENCE_MS;
    while (count_held() < ROOM && now_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    assert_in_range(count_held(), ROOM, ROOM + 2);
    for (size_t i = 0; i < CALLS && now_ms() < until_ms + PATIENCE_MS;) {
        if (i < count_held()) {
            assert_int_equal(rune_host_call_reply(held.calls[i], unit), RUNE_OK);
            i++;
        }
    }
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_value_unref(unit);
    rune_value_unref(arg);
    rune_vm_free(vm);
}

static void test_plain_functions(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    assert_int_equal(call_i64(vm, "plain"), 5);
    rune_vm_free(vm);
}

/* Once an answer has returned, nobody is in the callback any more. */
static void test_answer_while_told(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    rune_execution *execution = NULL;
    stage.kept = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 100000000);
    assert_int_equal(rune_vm_send_execute(vm, "told", NULL, 0, options, &execution, NULL), RUNE_OK);
    rune_call_options_free(options);
    while (atomic_load(&slow_cancel_state) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(rune_host_call_drop(stage.kept), RUNE_E_STALE);
    assert_int_equal(atomic_load(&slow_cancel_state), 2);
    rune_execution_free(execution);
    rune_vm_free(vm);
}

/* A module that clashes leaves nothing behind. */
static void test_install_all_or_nothing(void **state)
{
    (void)state;
    rune_context *fresh = rune_context_with_default_modules();
    rune_module *first = rune_module_new("first");
    rune_module *both = rune_module_new("first");
    rune_module *alone = rune_module_new("first");
    rune_error *error = NULL;
    assert_int_equal(rune_module_function(first, "taken", 0, 0, plain, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(both, "fresh", 0, 0, plain, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(both, "taken", 0, 0, plain, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(fresh, first, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(fresh, both, &error), RUNE_E_INVALID_ARGUMENT);
    assert_non_null(strstr(rune_error_message(error), "first::taken"));
    rune_error_free(error);
    assert_int_equal(rune_module_function(alone, "fresh", 0, 0, plain, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(fresh, alone, NULL), RUNE_OK);
    rune_module_free(alone);
    rune_module_free(first);
    rune_module_free(both);
    rune_context_free(fresh);
}

/* There is one worker, and it waits for the answer: it serves the inner call meanwhile. */
static void test_back_into_the_same_worker(void **state)
{
    (void)state;
    rune_vm *vm = make(stage.supervisor);
    stage.vm = make(stage.supervisor);
    stage.item = "leaf";
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call_i64(vm, "main"), 42);
    }
    rune_vm_free(stage.vm);
    rune_vm_free(vm);
}

static void test_back_into_the_same_vm(void **state)
{
    (void)state;
    stage.vm = make(stage.supervisor);
    stage.item = "leaf";
    assert_int_equal(call_reason(stage.vm, "main", NULL), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(stage.status, RUNE_E_BUSY);
    assert_int_equal(call_i64(stage.vm, "leaf"), 41);
    rune_vm_free(stage.vm);
}

/* The inner call has what is left of the outer one's time and budget. */
static void test_limits_are_inherited(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    rune_call_options *wall = with_limit(RUNE_LIMIT_WALL, 100000000);
    rune_call_options *budget = with_limit(RUNE_LIMIT_BUDGET, 1000000);
    stage.vm = make(supervisor);
    stage.item = "spin";
    int64_t begun = now_ms();
    (void)call_reason(vm, "main", wall);
    assert_int_equal(stage.status, RUNE_E_LIMIT);
    assert_int_equal(stage.reason, RUNE_REASON_WALL);
    assert_in_range(now_ms() - begun, 99, 5000);
    assert_int_equal(call_reason(vm, "main", budget), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(stage.reason, RUNE_REASON_BUDGET);
    rune_call_options_free(wall);
    rune_call_options_free(budget);
    rune_vm_free(stage.vm);
    rune_vm_free(vm);
}

static void *cancel_soon(void *token)
{
    for (int i = 0; i < 5000 && atomic_load(&stage.called) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    rune_cancel_token_cancel(token);
    return NULL;
}

static void test_cancelling_reaches_the_inner_call(void **state)
{
    (void)state;
    pthread_t thread;
    rune_vm *vm = make(supervisor);
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_cancel_token(options, token);
    stage.vm = make(supervisor);
    stage.item = "spin";
    atomic_store(&stage.called, 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, token), 0);
    int64_t begun = now_ms();
    assert_int_equal(call_reason(vm, "main", options), RUNE_REASON_CANCELLED);
    assert_in_range(now_ms() - begun, 0, 5000); // and not the ten seconds of the wall limit
    assert_int_equal(stage.reason, RUNE_REASON_CANCELLED);
    pthread_join(thread, NULL);
    rune_call_options_free(options);
    rune_cancel_token_unref(token);
    rune_vm_free(stage.vm);
    rune_vm_free(vm);
}

/* Time in the host is told apart, and is not the script's processor time. */
static void test_host_time_and_script_time(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    rune_call_options *cpu = with_limit(RUNE_LIMIT_CPU, 20000000);
    rune_record *record = call_record(vm, "slow", cpu);
    const rune_usage *usage = rune_record_usage(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_in_range(usage->host_us, 60000, 5000000);
    assert_true(usage->wall_us >= usage->host_us);
    assert_true(usage->cpu_us < 20000);
    rune_record_free(record);
    record = call_record(vm, "busy", NULL);
    usage = rune_record_usage(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(usage->host_us, 0);
    assert_true(usage->cpu_us > 0);
    rune_record_free(record);
    rune_call_options_free(cpu);
    rune_vm_free(vm);
}

/* A function that takes longer than the call may: the end is the wall's, once it returns. */
static void test_a_function_that_is_too_slow(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 50000000);
    int64_t begun = now_ms();
    rune_record *record = call_record(vm, "very_slow", options);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    assert_in_range(now_ms() - begun, 299, 5000);
    assert_in_range(rune_record_usage(record)->host_us, 300000, 5000000);
    rune_record_free(record);
    assert_int_equal(call_i64(vm, "leaf"), 41);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static void test_a_function_that_never_answers(void **state)
{
    (void)state;
    rune_vm *vm = make(supervisor);
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 50000000);
    int64_t begun = now_ms();
    atomic_store(&stage.cancelled, 0);
    rune_record *record = call_record(vm, "forever", options);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    assert_in_range(now_ms() - begun, 49, 5000);
    rune_record_free(record);
    // The host was told, and may still answer: nobody listens.
    assert_int_equal(atomic_load(&stage.cancelled), 1);
    rune_const_value *value = rune_value_i64(1);
    assert_int_equal(rune_host_call_reply(stage.kept, value), RUNE_E_STALE);
    rune_value_unref(value);
    assert_int_equal(call_i64(vm, "leaf"), 41);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_that_are_out),
        cmocka_unit_test(test_plain_functions),
        cmocka_unit_test(test_answer_while_told),
        cmocka_unit_test(test_install_all_or_nothing),
        cmocka_unit_test(test_back_into_the_same_worker),
        cmocka_unit_test(test_back_into_the_same_vm),
        cmocka_unit_test(test_limits_are_inherited),
        cmocka_unit_test(test_cancelling_reaches_the_inner_call),
        cmocka_unit_test(test_host_time_and_script_time),
        cmocka_unit_test(test_a_function_that_is_too_slow),
        cmocka_unit_test(test_a_function_that_never_answers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
