/*
 * Ten thousand calls while their workers are killed, stopped and crash at random.
 *
 * usage: test_supervisor_mayhem [CALLS]
 *
 * Half of the calls are synchronous, of several threads, half are executions. Each ends once, for a
 * reason that its worker's end explains; those that succeed have the right result and their output once.
 * No host function is called twice for a call, whether it was run again or not. Afterwards the process
 * holds what it held before.
 */
#include "tests/unit/supervisor/harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

#define CALLS_MAX 1000000
#define WORKERS 4
#define THREADS 3
#define IN_FLIGHT 32
#define WALL_NS UINT64_C(400000000)
#define WAITING_MAX 256
#define GOOD_BETWEEN 2
#define LINE "a line\n"

/* What is seen of one call from outside. */
struct seen {
    _Atomic uint32_t steps; /* how often each host function was called for it */
    _Atomic uint32_t laters;
    _Atomic uint32_t output; /* bytes */
    _Atomic uint32_t ends;
};

static unsigned call_count = 10000;
static struct seen *all;
static atomic_uint next_call;
static atomic_bool over;
static _Atomic uint32_t ends[RUNE_REASON_CRASHED + 1]; /* by reason */
static _Atomic uint32_t again;                         /* calls that were run twice and succeeded */
static uint32_t killed;
static uint32_t stopped;
static uint32_t crashed;

static rune_supervisor *own;
static rune_runtime *own_runtime;
static rune_unit *unit;
static atomic_uint wrong; /* by threads, in which an assertion cannot fail */

static const char source[] = "pub async fn work(n) {\n"
                             "    let late = test::later(n);\n"
                             "    println!(\"a line\");\n"
                             "    let sum = test::step(n);\n"
                             "    for i in 0..2000 { sum = (sum * 7 + i) % 1000003; }\n"
                             "    sum += late.await;\n"
                             "    println!(\"a line\");\n"
                             "    sum\n"
                             "}\n";

static void require(bool holds)
{
    wrong += !holds;
}

static int64_t expected(int64_t n)
{
    int64_t sum = n * 3;
    for (int64_t i = 0; i < 2000; i++) {
        sum = (sum * 7 + i) % 1000003;
    }
    return sum + n * 5;
}

/* Host functions; step(n) answers at once, later(n) from a thread of its own. */

static void answer(rune_host_call *call, int64_t factor)
{
    int64_t number = -1;
    require(rune_value_get_i64(rune_host_call_arg(call, 0), &number));
    rune_const_value *value = rune_value_i64(number * factor);
    (void)rune_host_call_reply(call, value); // the call may have ended without it
    rune_value_unref(value);
}

static void host_step(void *user, rune_host_call *call)
{
    (void)user;
    struct seen *seen = rune_host_call_user(call);
    atomic_fetch_add(&seen->steps, 1);
    answer(call, 3);
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    rune_host_call *calls[WAITING_MAX];
    unsigned count;
    bool done;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static void host_later(void *user, rune_host_call *call)
{
    (void)user;
    struct seen *seen = rune_host_call_user(call);
    atomic_fetch_add(&seen->laters, 1);
    pthread_mutex_lock(&waiting.lock);
    require(waiting.count < WAITING_MAX);
    waiting.calls[waiting.count++] = call;
    pthread_cond_signal(&waiting.some);
    pthread_mutex_unlock(&waiting.lock);
}

static void *answer_all(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&waiting.lock);
    while (waiting.count > 0 || !waiting.done) {
        if (waiting.count == 0) {
            pthread_cond_wait(&waiting.some, &waiting.lock);
            continue;
        }
        rune_host_call *call = waiting.calls[--waiting.count];
        pthread_mutex_unlock(&waiting.lock);
        answer(call, 5);
        pthread_mutex_lock(&waiting.lock);
    }
    pthread_mutex_unlock(&waiting.lock);
    return NULL;
}

static bool sink(void *user, int stream, const char *data, size_t size)
{
    struct seen *seen = user;
    (void)stream;
    (void)data;
    atomic_fetch_add(&seen->output, (uint32_t)size);
    return true;
}

/* Calls */

static rune_vm *make_vm(struct seen *seen)
{
    rune_vm *vm;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_user(options, seen);
    require(rune_vm_new(own, own_runtime, unit, options, &vm, NULL) == RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

static rune_call_options *options_for(struct seen *seen)
{
    rune_call_options *options = rune_call_options_new();
    rune_limits *limits = rune_limits_new();
    require(rune_limits_set(limits, RUNE_LIMIT_WALL, WALL_NS) == RUNE_OK);
    require(rune_call_options_set_limits(options, limits) == RUNE_OK);
    rune_call_options_set_output(options, sink, seen);
    rune_limits_free(limits);
    return options;
}

/* By the end of a worker: whoever was on one that crashed is not run again, nor who was killed twice; who is on
 * one that was stopped, and kept from all that, has its deadline. */
static bool is_explained(rune_reason reason)
{
    return reason == RUNE_REASON_OK || reason == RUNE_REASON_CRASHED ||
           reason == RUNE_REASON_WORKER_LOST || reason == RUNE_REASON_WALL;
}

static void take(unsigned n, rune_record *record)
{
    struct seen *seen = &all[n];
    rune_reason reason = rune_record_reason(record);
    int64_t result = 0;
    ends[reason]++;
    seen->ends++;
    if (reason == RUNE_REASON_OK) {
        require(rune_value_get_i64(rune_record_value(record), &result) && result == expected(n));
        require(seen->steps == 1 && seen->laters == 1 && seen->output == 2 * strlen(LINE));
        again += rune_record_attempts(record) == 2;
    } else {
        if (!is_explained(reason)) {
            (void)fprintf(stderr, "%s: %s\n", rune_reason_name(reason),
                          rune_error_message(rune_record_error(record)));
        }
        require(seen->steps <= 1 && seen->laters <= 1 && seen->output <= 2 * strlen(LINE));
    }
    rune_record_free(record);
}

/* Synchronous ones, one after the other. */
static void *call_often(void *argument)
{
    (void)argument;
    for (unsigned n = next_call++; n < call_count; n = next_call++) {
        rune_vm *vm = make_vm(&all[n]);
        rune_call_options *options = options_for(&all[n]);
        const rune_const_value *args[] = {rune_value_i64(n)};
        rune_record *record = NULL;
        require(rune_vm_call_record(vm, "work", args, 1, options, &record, NULL) == RUNE_OK);
        take(n, record);
        rune_value_unref((rune_const_value *)args[0]);
        rune_call_options_free(options);
        rune_vm_free(vm);
    }
    return NULL;
}

struct flight {
    unsigned n;
    rune_vm *vm;
    rune_execution *execution;
};

/* Its deadline came before a worker was ready in place of one that was struck: that is its end, without an
 * execution and before the script has done anything. */
static void end_unbegun(struct flight *flight, rune_status status)
{
    struct seen *seen = &all[flight->n];
    require(status == RUNE_E_TIMED_OUT && !flight->execution);
    require(seen->steps == 0 && seen->laters == 0 && seen->output == 0);
    ends[RUNE_REASON_WALL]++;
    seen->ends++;
    rune_vm_free(flight->vm);
    *flight = (struct flight){.n = 0};
}

static void begin(struct flight *flight, unsigned n)
{
    const rune_const_value *args[] = {rune_value_i64(n)};
    rune_call_options *options = options_for(&all[n]);
    *flight = (struct flight){.n = n, .vm = make_vm(&all[n])};
    rune_status status =
        rune_vm_send_execute(flight->vm, "work", args, 1, options, &flight->execution, NULL);
    rune_call_options_free(options);
    rune_value_unref((rune_const_value *)args[0]);
    if (status != RUNE_OK) {
        end_unbegun(flight, status);
    }
}

static void end(struct flight *flight)
{
    rune_record *record = NULL;
    require(rune_execution_wait(flight->execution, PATIENCE_NS) == RUNE_OK);
    require(rune_execution_complete(flight->execution, &record) == RUNE_OK);
    take(flight->n, record);
    rune_execution_free(flight->execution);
    rune_vm_free(flight->vm);
    *flight = (struct flight){.n = 0};
}

/* Executions, so many at once. */
static void *execute_often(void *argument)
{
    (void)argument;
    struct flight flights[IN_FLIGHT] = {{0}};
    unsigned at = 0;
    for (unsigned n = next_call++; n < call_count; n = next_call++) {
        if (flights[at].vm) {
            end(&flights[at]);
        }
        begin(&flights[at], n);
        at = (at + 1) % IN_FLIGHT;
    }
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        if (flights[i].vm) {
            end(&flights[i]);
        }
    }
    return NULL;
}

/* Mayhem */

static bool is_at_work(const struct rn_peer *peer)
{
    return peer->place == RN_PLACE_SERVING && peer->load > 0;
}

/* A descriptor of one of the workers that have calls, the caller's; -1: none has. */
static int pick_worker(unsigned *seed)
{
    int picked = -1;
    int seen = 0;
    pthread_mutex_lock(&own->pool.lock);
    for (struct rn_domain *domain = own->pool.domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            if (is_at_work(peer) && rand_r(seed) % ++seen == 0) {
                picked = peer->child.pidfd;
            }
        }
    }
    picked = picked < 0 ? -1 : dup(picked);
    pthread_mutex_unlock(&own->pool.lock);
    return picked;
}

static void send_signal(int pidfd, int signal_number)
{
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

static void sleep_us(unsigned us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* Some of those that are stopped go on after a while, the others keep their calls until the deadline. */
static void stop(int pidfd, unsigned *seed)
{
    send_signal(pidfd, SIGSTOP);
    if (rand_r(seed) % 8 != 0) {
        sleep_us((unsigned)rand_r(seed) % 10000);
        send_signal(pidfd, SIGCONT);
    }
    stopped++;
}

static void strike(int pidfd, unsigned *seed)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE};
    switch (rand_r(seed) % 6) {
    case 0:
        stop(pidfd, seed);
        break;
    case 1:
        send_signal(pidfd, crashes[(unsigned)rand_r(seed) % RN_COUNT_OF(crashes)]);
        crashed++;
        break;
    default:
        send_signal(pidfd, SIGKILL);
        killed++;
    }
}

/* However little time a machine has for calls, there are some that succeed for each strike. */
static void let_some_succeed(void)
{
    uint32_t until = ends[RUNE_REASON_OK] + GOOD_BETWEEN;
    while (!over && ends[RUNE_REASON_OK] < until) {
        sleep_us(1000);
    }
}

static void *rage(void *argument)
{
    unsigned seed = *(const unsigned *)argument;
    while (!over) {
        int pidfd = pick_worker(&seed);
        if (pidfd >= 0) {
            strike(pidfd, &seed);
            close(pidfd);
        }
        sleep_us((unsigned)rand_r(&seed) % 10000);
        let_some_succeed();
    }
    return NULL;
}

/* What a process holds. */

struct held {
    uint64_t blocks;
    int fds;
    int memfds;
};

static struct held count_held(void)
{
    return (struct held){rn_alloc_live(), count_fds(), count_memfds()};
}

/* The test */

static void start(void)
{
    own = new_supervisor(WORKERS, 2);
    context = rune_context_with_default_modules();
    rune_module *module = rune_module_new("test");
    assert_int_equal(rune_module_function(module, "step", 1, 0, host_step, NULL, NULL), RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "later", 1, RUNE_FUNCTION_ASYNC, host_later, NULL, NULL),
        RUNE_OK);
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &own_runtime, NULL), RUNE_OK);
    unit = build_in(own, source, false);
    all = calloc(call_count, sizeof(*all));
    assert_non_null(all);
}

static void finish(void)
{
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    rune_context_free(context);
    rune_supervisor_free(own);
}

static void run_all(void)
{
    static unsigned seed = 20261127;
    pthread_t answerer;
    pthread_t killer;
    pthread_t callers[THREADS + 1];
    assert_int_equal(pthread_create(&answerer, NULL, answer_all, NULL), 0);
    assert_int_equal(pthread_create(&killer, NULL, rage, &seed), 0);
    for (int i = 0; i <= THREADS; i++) {
        assert_int_equal(
            pthread_create(&callers[i], NULL, i == 0 ? execute_often : call_often, NULL), 0);
    }
    for (int i = 0; i <= THREADS; i++) {
        pthread_join(callers[i], NULL);
    }
    over = true;
    pthread_join(killer, NULL);
    pthread_mutex_lock(&waiting.lock);
    waiting.done = true;
    pthread_cond_signal(&waiting.some);
    pthread_mutex_unlock(&waiting.lock);
    pthread_join(answerer, NULL);
}

static void tell(void)
{
    print_message("%u calls, %u workers killed, %u stopped, %u crashed\n", call_count, killed,
                  stopped, crashed);
    for (unsigned reason = 0; reason < RN_COUNT_OF(ends); reason++) {
        if (ends[reason] > 0) {
            print_message("  %s: %u\n", rune_reason_name((rune_reason)reason), ends[reason]);
        }
    }
    print_message("  %u of those that succeeded were run twice\n", again);
}

static void test_mayhem(void **state)
{
    (void)state;
    struct held before = count_held();
    start();
    run_all();
    tell();
    for (unsigned n = 0; n < call_count; n++) {
        assert_int_equal(all[n].ends, 1);
    }
    assert_int_equal(wrong, 0);
    assert_true(killed > 0 && stopped > 0 && crashed > 0 && again > 0);
    uint32_t explained = 0;
    for (unsigned reason = 0; reason < RN_COUNT_OF(ends); reason++) {
        explained += is_explained((rune_reason)reason) ? ends[reason] : 0;
    }
    assert_int_equal(explained, call_count);
    assert_true(ends[RUNE_REASON_OK] > call_count / 2);
    free(all);
    finish();
    struct held after = count_held();
    assert_int_equal(after.blocks, before.blocks);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.memfds, before.memfds);
    assert_false(has_children());
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mayhem)};
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    call_count = wanted > 0 && wanted <= CALLS_MAX ? (unsigned)wanted : call_count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
