/*
 * A call that is stopped ends by itself, also where its worker gets no processor for a while: neither what it used is
 * lost then, nor the worker with its neighbours. What does not end is killed all the same.
 */
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

#define MS UINT64_C(1000000)
/* The worker waits for this long, which is more than the grace and less than what one gets that waits. */
#define BUSY_MS 130
#define CALLS 3
#define ATTEMPTS 10

static rune_unit *unit;
static rune_supervisor *own;
static rune_vm *vm;
static int processor; /* the one that the worker may use */

static int set_up(void **state)
{
    cpu_set_t set;
    int failed = harness_set_up(state);
    unit = build("pub fn one() { 1 }\npub fn spin() { loop {} }\n");
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        while (!CPU_ISSET((size_t)processor, &set)) {
            processor++;
        }
    }
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static int open_own(void **state)
{
    (void)state;
    own = new_supervisor(1, 0);
    vm = vm_by(own, unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "one"), 1);
    return 0;
}

static int close_own(void **state)
{
    (void)state;
    rune_vm_free(vm);
    rune_supervisor_free(own);
    return 0;
}

/* The process that serves; 0: none does. */
static pid_t worker(void)
{
    pid_t pid = 0;
    pthread_mutex_lock(&own->pool.lock);
    for (struct rn_peer *peer = own->pool.domains->peers; peer && pid == 0; peer = peer->next) {
        pid = peer->place == RN_PLACE_SERVING ? peer->child.pid : 0;
    }
    pthread_mutex_unlock(&own->pool.lock);
    return pid;
}

static void pin_to(pid_t pid)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

/* Takes the worker's processor, after the call has begun: nobody else gets any of it meanwhile. */
static void *keep_busy(void *unused)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    for (int64_t until = now_ms() + BUSY_MS; now_ms() < until;) {
    }
    return unused;
}

/* Needs a right that only root has. */
static void start_busy(pthread_t *out_thread)
{
    pthread_attr_t attributes;
    cpu_set_t set;
    struct sched_param first = {.sched_priority = 1};
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setaffinity_np(&attributes, sizeof(set), &set), 0);
    assert_int_equal(pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED), 0);
    assert_int_equal(pthread_attr_setschedpolicy(&attributes, SCHED_FIFO), 0);
    assert_int_equal(pthread_attr_setschedparam(&attributes, &first), 0);
    int failed = pthread_create(out_thread, &attributes, keep_busy, NULL);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        skip();
    }
}

/* Of a call whose worker has to wait: what it used of its budget. */
static uint64_t stop_beside_others(void)
{
    pthread_t thread;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 20 * MS);
    assert_int_equal(call_i64(vm, "one"), 1);
    pin_to(worker());
    start_busy(&thread);
    rune_record *record = call_record(vm, "spin", options);
    pthread_join(thread, NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    uint64_t used = rune_record_usage(record)->budget;
    rune_record_free(record);
    rune_call_options_free(options);
    return used;
}

/* How many of some calls in a row ended by themselves. */
static int count_orderly(void)
{
    int count = 0;
    for (int i = 0; i < CALLS; i++) {
        count += stop_beside_others() > 0;
    }
    return count;
}

/* Unless the machine is so busy that the worker waits even longer. */
static void test_a_worker_that_waits_for_a_processor(void **state)
{
    (void)state;
    int orderly = 0;
    for (int again = 0; again < ATTEMPTS && orderly < CALLS; again++) {
        orderly = count_orderly();
    }
    assert_int_equal(orderly, CALLS);
}

static void *stop_the_worker(void *unused)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    pid_t pid = worker();
    assert_true(pid > 0 && kill(pid, SIGSTOP) == 0);
    return unused;
}

static int64_t time_stopped(void *unused)
{
    pthread_t thread;
    (void)unused;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 100 * MS);
    assert_int_equal(call_i64(vm, "one"), 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_the_worker, NULL), 0);
    int64_t begun = now_ms();
    assert_int_equal(call_reason(vm, "spin", options), RUNE_REASON_WALL);
    int64_t took = now_ms() - begun;
    pthread_join(thread, NULL);
    rune_call_options_free(options);
    return took;
}

/* It does not wait for a processor, whatever else it waits for. */
static void test_a_worker_that_does_not_answer(void **state)
{
    (void)state;
    assert_in_range(best_ms(time_stopped, NULL, 250), 139, 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_worker_that_waits_for_a_processor, open_own,
                                        close_own),
        cmocka_unit_test_setup_teardown(test_a_worker_that_does_not_answer, open_own, close_own),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
