/*
 * Closing while a call is on its way to a worker: it is waited for, and cancelled once it is there. What it does to get
 * there is held up by wrappers of our own.
 */
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

rune_status __real_rn_pool_take(struct rune_supervisor *by, const struct rn_pool_request *request,
                                struct rn_peer **out_peer, rune_error **error);
rune_status __wrap_rn_pool_take(struct rune_supervisor *by, const struct rn_pool_request *request,
                                struct rn_peer **out_peer, rune_error **error);
rune_status __real_rn_peer_start(struct rn_domain *domain, struct rn_peer **out_peer,
                                 rune_error **error);
rune_status __wrap_rn_peer_start(struct rn_domain *domain, struct rn_peer **out_peer,
                                 rune_error **error);

/* Far more than closing takes, far less than a test may. */
#define LIMIT_NS UINT64_C(20000000000)

/* Where calls are held up. */
enum gate {
    GATE_NONE,
    GATE_TAKE,  /* before they look for a worker */
    GATE_START, /* before one is started for them */
};

static atomic_int gate;
static atomic_bool none_starts;
static atomic_int held_up; /* calls that were, or are, before the gate */
static atomic_bool has_printed;
static rune_unit *unit;

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void pass(enum gate at)
{
    if (gate == (int)at) {
        held_up++;
    }
    while (gate == (int)at) {
        rest();
    }
}

rune_status __wrap_rn_pool_take(struct rune_supervisor *by, const struct rn_pool_request *request,
                                struct rn_peer **out_peer, rune_error **error)
{
    pass(GATE_TAKE);
    return __real_rn_pool_take(by, request, out_peer, error);
}

rune_status __wrap_rn_peer_start(struct rn_domain *domain, struct rn_peer **out_peer,
                                 rune_error **error)
{
    pass(GATE_START);
    return none_starts ? RUNE_E_SETUP : __real_rn_peer_start(domain, out_peer, error);
}

/* True once it holds, false if it never does. */
static bool comes(const atomic_bool *flag, const atomic_int *count)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (now_ms() < until && !(flag ? *flag : *count > 0)) {
        rest();
    }
    return flag ? *flag : *count > 0;
}

static bool note_output(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    has_printed = true;
    return true;
}

static void *call_spin(void *vm)
{
    rune_record *record = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, LIMIT_NS);
    rune_call_options_set_output(options, note_output, NULL);
    (void)!rune_vm_call_record(vm, "spin", NULL, 0, options, &record, NULL);
    rune_call_options_free(options);
    return record;
}

static void kill_workers(rune_supervisor *of)
{
    pthread_mutex_lock(&of->pool.lock);
    for (struct rn_peer *peer = of->pool.domains->peers; peer; peer = peer->next) {
        rn_child_kill(&peer->child);
    }
    pthread_mutex_unlock(&of->pool.lock);
}

static rune_vm *vm_of(rune_supervisor *own)
{
    gate = GATE_NONE;
    held_up = 0;
    has_printed = false;
    return vm_by(own, unit, RUNE_ISOLATION_CALL, "");
}

/* The call waits before the gate: closing neither takes it for over, nor forgets it. */
static rune_record *close_and_join(rune_supervisor *own, pthread_t thread)
{
    void *record = NULL;
    rune_status status = rune_supervisor_close(own, 1000000);
    gate = GATE_NONE;
    pthread_join(thread, &record);
    assert_int_equal(status, RUNE_E_TIMED_OUT);
    assert_non_null(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
    return record;
}

static void close_between_two_runs(enum gate at)
{
    pthread_t thread;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_vm *vm = vm_of(own);
    assert_int_equal(pthread_create(&thread, NULL, call_spin, vm), 0);
    bool runs = comes(&has_printed, NULL);
    gate = (int)at;
    kill_workers(own);
    assert_true(comes(NULL, &held_up) && runs);
    rune_record *record = close_and_join(own, thread);
    assert_int_equal(rune_record_attempts(record), 2);
    rune_record_free(record);
    // Nothing is left that another one would wait for.
    assert_int_equal(rune_supervisor_close(own, PATIENCE_NS), RUNE_OK);
    rune_vm_free(vm);
    rune_supervisor_free(own);
}

static void test_between_two_runs(void **state)
{
    (void)state;
    close_between_two_runs(GATE_TAKE);
    close_between_two_runs(GATE_START);
}

static void test_before_the_first_run(void **state)
{
    (void)state;
    pthread_t thread;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_vm *vm = vm_of(own);
    assert_int_equal(call_i64(vm, "one"), 1); // with the worker that was there
    gate = GATE_START;
    assert_int_equal(pthread_create(&thread, NULL, call_spin, vm), 0);
    assert_true(comes(NULL, &held_up));
    rune_record_free(close_and_join(own, thread));
    assert_int_equal(rune_supervisor_close(own, PATIENCE_NS), RUNE_OK);
    rune_vm_free(vm);
    rune_supervisor_free(own);
}

/* Nor does a second run that does not come about hold up a later close. */
static void test_no_second_run(void **state)
{
    (void)state;
    pthread_t thread;
    void *record = NULL;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_vm *vm = vm_of(own);
    assert_int_equal(pthread_create(&thread, NULL, call_spin, vm), 0);
    bool runs = comes(&has_printed, NULL);
    none_starts = true;
    kill_workers(own);
    pthread_join(thread, &record);
    none_starts = false;
    assert_true(runs);
    assert_non_null(record);
    assert_int_equal(rune_record_attempts(record), 1);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CRASHED);
    rune_record_free(record);
    assert_int_equal(rune_supervisor_close(own, PATIENCE_NS), RUNE_OK);
    rune_vm_free(vm);
    rune_supervisor_free(own);
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("pub fn one() { 1 }\npub fn spin() { println!(\"on\"); loop {} }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_two_runs),
        cmocka_unit_test(test_before_the_first_run),
        cmocka_unit_test(test_no_second_run),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
