/* Isolation levels, domains, admission, closing, forked children, and what a good guest does not do. */
#include "tests/unit/supervisor/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534u
#define EXIT_SKIPPED 77

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("static COUNT = 0;\n"
                 "pub fn main() { 1 }\n"
                 "pub fn count() { COUNT += 1; COUNT }\n"
                 "pub fn spin() { loop {} }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

/* The process that ran one call. */
static int64_t worker_of(rune_vm *vm)
{
    int64_t pid = 0;
    rune_text *text = NULL;
    rune_const_value *parsed = NULL;
    rune_record *record = call_record(vm, "main", NULL);
    assert_int_equal(rune_record_to_json(record, NULL, 0, &text), RUNE_OK);
    assert_int_equal(
        rune_value_from_json(rune_text_data(text), rune_text_size(text), &parsed, NULL), RUNE_OK);
    rune_const_value *worker = rune_value_get(parsed, "worker");
    rune_const_value *number = rune_value_get(worker, "pid");
    assert_true(rune_value_get_i64(number, &pid));
    rune_value_unref(number);
    rune_value_unref(worker);
    rune_value_unref(parsed);
    rune_text_free(text);
    rune_record_free(record);
    return pid;
}

/* Processors that a process may run on: a mask of the first 64. */
static uint64_t processors_of(pid_t pid)
{
    cpu_set_t set;
    uint64_t mask = 0;
    assert_int_equal(sched_getaffinity(pid, sizeof(set), &set), 0);
    for (size_t i = 0; i < 64; i++) {
        mask |= CPU_ISSET(i, &set) ? UINT64_C(1) << i : 0;
    }
    return mask;
}

/* A worker is where its caller is, if that was asked for, and moves with it. */
static void test_placement(void **state)
{
    cpu_set_t before;
    rune_supervisor *own = NULL;
    rune_vm *vm = NULL;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_placement(options, RUNE_PLACEMENT_CALLER);
    assert_int_equal(rune_supervisor_new(options, &own, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    rune_unit *built = build_in(own, "pub fn main() { 1 }", false);
    assert_int_equal(rune_vm_new(own, NULL, built, NULL, &vm, NULL), RUNE_OK);
    unsigned places = 0;
    for (size_t cpu = 0; cpu < 64; cpu++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (CPU_ISSET(cpu, &before) && sched_setaffinity(0, sizeof(one), &one) == 0) {
            pid_t pid = (pid_t)worker_of(vm);
            assert_int_equal(processors_of(pid), UINT64_C(1) << cpu);
            places++;
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    rune_vm_free(vm);
    rune_unit_unref(built);
    rune_supervisor_free(own);
    if (places < 2) {
        skip(); // on one processor everybody is where everybody is
    }
}

/* What the kernel says of a process's speculation, whose line begins so. */
static bool status_says(pid_t pid, const char *line, const char *word)
{
    char path[64];
    char text[256];
    bool says = false;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file)) {
        says = says || (strncmp(text, line, strlen(line)) == 0 && strstr(text, word));
    }
    (void)fclose(file);
    return says;
}

static bool may_be_restricted(unsigned long kind)
{
    int now = prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0);
    return now > 0 && (now & PR_SPEC_PRCTL) != 0;
}

/* Each kind is restricted where it can be, unless the host gave it up, and the report says which. */
static void test_speculation(void **state)
{
    static const struct {
        rune_speculation speculation;
        bool stores;
        bool branches;
    } cases[] = {
        {RUNE_SPECULATION_RESTRICTED, true, true},
        {RUNE_SPECULATION_STORES, false, true},
        {RUNE_SPECULATION_FREE, false, false},
    };
    (void)state;
    bool stores = may_be_restricted(PR_SPEC_STORE_BYPASS);
    bool branches = may_be_restricted(PR_SPEC_INDIRECT_BRANCH);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rune_supervisor *own = NULL;
        rune_vm *vm = NULL;
        rune_text *text = NULL;
        rune_supervisor_options *options = rune_supervisor_options_new();
        rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
        rune_supervisor_options_set_speculation(options, cases[i].speculation);
        assert_int_equal(rune_supervisor_new(options, &own, NULL), RUNE_OK);
        rune_supervisor_options_free(options);
        assert_int_equal(rune_vm_new(own, NULL, unit, NULL, &vm, NULL), RUNE_OK);
        pid_t pid = (pid_t)worker_of(vm);
        assert_int_equal(status_says(pid, "Speculation_Store_Bypass:", "force mitigated"),
                         stores && cases[i].stores);
        assert_int_equal(status_says(pid, "SpeculationIndirectBranch:", "force disabled"),
                         branches && cases[i].branches);
        assert_int_equal(rune_supervisor_report(own, &text, NULL), RUNE_OK);
        bool gave_up = strstr(rune_text_data(text), "\"given_up\":true") != NULL;
        assert_int_equal(gave_up, (stores && !cases[i].stores) || (branches && !cases[i].branches));
        rune_text_free(text);
        rune_vm_free(vm);
        rune_supervisor_free(own);
    }
    if (!stores && !branches) {
        skip(); // nothing here can be restricted
    }
}

static void test_shared(void **state)
{
    (void)state;
    rune_vm *a = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *b = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(worker_of(a), worker_of(b));
    rune_vm_free(a);
    rune_vm_free(b);
}

static atomic_bool calling_ends;

/* Takes spare workers as fast as they are made. */
static void *call_and_call(void *argument)
{
    rune_vm *vm = argument;
    while (!atomic_load(&calling_ends)) {
        (void)call_i64(vm, "main");
    }
    return NULL;
}

/* Domains end, however busy others keep the thread that ends them: more come and go than there may be. */
static void test_domains_end_beside_busy_ones(void **state)
{
    (void)state;
    enum {
        CALLERS = 4,
        DOMAINS = 300,
    };
    rune_supervisor *own = new_supervisor(1, 4);
    rune_unit *built = build_in(own, "pub fn main() { 1 }", false);
    pthread_t threads[CALLERS];
    rune_vm *vms[CALLERS];
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, RUNE_ISOLATION_CALL);
    atomic_store(&calling_ends, false);
    for (int i = 0; i < CALLERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "busy %d", i);
        assert_int_equal(rune_vm_options_set_domain(options, name), RUNE_OK);
        assert_int_equal(rune_vm_new(own, NULL, built, options, &vms[i], NULL), RUNE_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, call_and_call, vms[i]), 0);
    }
    unsigned refused = 0;
    for (int i = 0; i < DOMAINS; i++) {
        char name[32];
        rune_vm *vm = NULL;
        (void)snprintf(name, sizeof(name), "fresh %d", i);
        assert_int_equal(rune_vm_options_set_domain(options, name), RUNE_OK);
        refused += rune_vm_new(own, NULL, built, options, &vm, NULL) != RUNE_OK;
        rune_vm_free(vm);
    }
    atomic_store(&calling_ends, true);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        rune_vm_free(vms[i]);
    }
    assert_int_equal(refused, 0);
    rune_vm_options_free(options);
    rune_unit_unref(built);
    rune_supervisor_free(own);
}

static void test_a_worker_for_each_unit(void **state)
{
    (void)state;
    rune_unit *other = build("pub fn main() { 2 }");
    rune_vm *a = new_vm(unit, RUNE_ISOLATION_UNIT, "");
    rune_vm *b = new_vm(unit, RUNE_ISOLATION_UNIT, "");
    rune_vm *c = new_vm(other, RUNE_ISOLATION_UNIT, "");
    assert_int_equal(worker_of(a), worker_of(b));
    assert_int_not_equal(worker_of(a), worker_of(c));
    assert_int_equal(worker_of(a), worker_of(b));
    rune_vm_free(a);
    rune_vm_free(b);
    rune_vm_free(c);
    rune_unit_unref(other);
}

static void test_a_worker_for_each_vm(void **state)
{
    (void)state;
    rune_vm *a = new_vm(unit, RUNE_ISOLATION_VM, "");
    rune_vm *b = new_vm(unit, RUNE_ISOLATION_VM, "");
    int64_t first = worker_of(a);
    assert_int_not_equal(first, worker_of(b));
    assert_int_equal(first, worker_of(a));
    assert_int_equal(kill((pid_t)first, 0), 0);
    rune_vm_free(a);
    for (int i = 0; i < 200 && kill((pid_t)first, 0) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(kill((pid_t)first, 0), -1); // went with its Vm
    rune_vm_free(b);
}

static void test_a_worker_for_each_call(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_CALL, "");
    int64_t last = 0;
    for (int i = 0; i < 10; i++) {
        int64_t worker = worker_of(vm);
        assert_int_not_equal(worker, last);
        last = worker;
    }
    rune_vm_free(vm);
}

/* Units that a process has mapped. */
static int units_in(int64_t pid)
{
    char line[512];
    int count = 0;
    (void)snprintf(line, sizeof(line), "/proc/%lld/maps", (long long)pid);
    FILE *file = fopen(line, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        count += strstr(line, "/memfd:runeward-unit") != NULL;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

static void await_spare(rune_supervisor *of)
{
    rune_stats stats = {.spares_now = 0};
    for (int i = 0; i < 10000 && stats.spares_now == 0; i++) {
        (void)usleep(1000);
        rune_supervisor_stats(of, &stats);
    }
    assert_int_not_equal(stats.spares_now, 0);
}

/* A spare has mapped what a new worker was wanted for last. What it runs alone it has alone. */
static void test_a_spare_gives_up_what_is_not_wanted(void **state)
{
    (void)state;
    rune_supervisor *own = NULL;
    rune_vm *vms[3] = {NULL};
    assert_int_equal(rune_supervisor_new(NULL, &own, NULL), RUNE_OK);
    rune_unit *first = build_in(own, "pub fn main() { 1 }", false);
    rune_unit *second = build_in(own, "pub fn main() { 2 }", false);
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, RUNE_ISOLATION_VM);
    for (int i = 0; i < 3; i++) {
        rune_unit *wanted = i < 2 ? first : second;
        assert_int_equal(rune_vm_new(own, NULL, wanted, options, &vms[i], NULL), RUNE_OK);
        int64_t pid = worker_of(vms[i]);
        if (geteuid() == 0) {
            assert_int_equal(units_in(pid), 1);
        }
        await_spare(own);
    }
    rune_vm_options_free(options);
    for (int i = 0; i < 3; i++) {
        rune_vm_free(vms[i]);
    }
    rune_unit_unref(first);
    rune_unit_unref(second);
    rune_supervisor_free(own);
}

static rune_vm *vm_of_constant(rune_supervisor *own, int number, rune_unit **out_unit)
{
    char source[64];
    rune_vm *vm = NULL;
    (void)snprintf(source, sizeof(source), "pub fn main() { %d }", number);
    *out_unit = build_in(own, source, false);
    assert_int_equal(rune_vm_new(own, NULL, *out_unit, NULL, &vm, NULL), RUNE_OK);
    return vm;
}

/* Units that only the worker holds leave it some time after another one was attached; one that somebody
 * still has stays. More of them than are detached at once. */
static void test_units_leave_a_worker(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(1, 1);
    rune_unit *kept = NULL;
    rune_vm *vm = vm_of_constant(own, 0, &kept);
    int64_t pid = worker_of(vm);
    for (int i = 1; i <= 40; i++) {
        rune_unit *other = NULL;
        rune_vm *once = vm_of_constant(own, i, &other);
        assert_int_equal(worker_of(once), pid);
        rune_vm_free(once);
        rune_unit_unref(other);
    }
    if (geteuid() == 0) {
        // The spare maps what was last wanted of a new worker: the first.
        int there = units_in(pid);
        for (int i = 0; i < 5000 && there > 1; i++) {
            (void)usleep(1000);
            there = units_in(pid);
        }
        assert_int_equal(there, 1);
    }
    assert_int_equal(worker_of(vm), pid);
    rune_vm_free(vm);
    rune_unit_unref(kept);
    rune_supervisor_free(own);
}

static void test_domains_never_share(void **state)
{
    (void)state;
    rune_vm *a = new_vm(unit, RUNE_ISOLATION_SHARED, "one");
    rune_vm *b = new_vm(unit, RUNE_ISOLATION_SHARED, "two");
    int64_t first = worker_of(a);
    assert_int_not_equal(first, worker_of(b));
    rune_vm_free(a);
    rune_vm_free(b);
    // A domain that nobody uses goes, with its processes.
    for (int i = 0; i < 500 && kill((pid_t)first, 0) == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(kill((pid_t)first, 0), -1);
    // Many of them, one after the other.
    for (int i = 0; i < 30; i++) {
        char name[16] = "domain ";
        name[6] = (char)('0' + i);
        rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, name);
        assert_int_equal(call_i64(vm, "main"), 1);
        rune_vm_free(vm);
    }
    char large[300];
    memset(large, 'd', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, large), RUNE_E_TOO_LARGE);
    rune_vm_options_free(options);
}

#define SPIN_MS 1500

static void *spin_for_a_while(void *argument)
{
    rune_vm *vm = argument;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, SPIN_MS * UINT64_C(1000000));
    (void)call_reason(vm, "spin", options);
    rune_call_options_free(options);
    return NULL;
}

static void test_admission(void **state)
{
    (void)state;
    rune_supervisor *small = new_small_supervisor(1);
    rune_vm *busy;
    rune_vm *vm;
    pthread_t thread;
    assert_int_equal(rune_vm_new(small, NULL, unit, NULL, &busy, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(small, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(pthread_create(&thread, NULL, spin_for_a_while, busy), 0);
    rune_stats stats = {0};
    while (stats.calls_now == 0) {
        rune_supervisor_stats(small, &stats);
    }
    assert_int_equal(call_reason(vm, "main", NULL), RUNE_REASON_OVERLOADED);
    rune_call_options *wait = rune_call_options_new();
    rune_call_options_set_wait(wait, true);
    assert_int_equal(call_reason(vm, "main", wait), RUNE_REASON_OK);
    rune_call_options_free(wait);
    pthread_join(thread, NULL);
    rune_vm_free(vm);
    rune_vm_free(busy);
    rune_supervisor_free(small);
}

static void *cancel_soon(void *token)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    rune_cancel_token_cancel(token);
    return NULL;
}

/* One that waits for a worker which is busy for longer. */
static void test_a_call_that_waits_is_cancelled(void **state)
{
    (void)state;
    rune_supervisor *small = new_small_supervisor(1);
    rune_vm *busy = vm_by(small, unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *vm = vm_by(small, unit, RUNE_ISOLATION_SHARED, "");
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *wait = rune_call_options_new();
    pthread_t spinner;
    pthread_t canceller;
    assert_int_equal(pthread_create(&spinner, NULL, spin_for_a_while, busy), 0);
    rune_stats stats = {0};
    while (stats.calls_now == 0) {
        rune_supervisor_stats(small, &stats);
    }
    rune_call_options_set_wait(wait, true);
    rune_call_options_set_cancel_token(wait, token);
    assert_int_equal(pthread_create(&canceller, NULL, cancel_soon, token), 0);
    assert_int_equal(call_reason(vm, "main", wait), RUNE_REASON_CANCELLED);
    rune_supervisor_stats(small, &stats);
    assert_int_equal(stats.calls_now, 1); // it did not wait for that one
    pthread_join(canceller, NULL);
    pthread_join(spinner, NULL);
    rune_call_options_free(wait);
    rune_cancel_token_unref(token);
    rune_vm_free(vm);
    rune_vm_free(busy);
    rune_supervisor_free(small);
}

static void test_closing(void **state)
{
    (void)state;
    rune_unit *counting = build("static N = 0;\npub fn count() { N += 1; N }\n");
    rune_vm *keeping;
    rune_vm *late = NULL;
    rune_supervisor *own = new_supervisor(1, 1);
    rune_vm *busy;
    rune_vm *vm;
    pthread_t thread;
    rune_stats stats = {0};
    assert_int_equal(rune_vm_new(own, NULL, unit, NULL, &busy, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(own, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(own, NULL, counting, NULL, &keeping, NULL), RUNE_OK);
    assert_int_equal(call_i64(keeping, "count"), 1);
    rune_unit_unref(counting);
    assert_int_equal(pthread_create(&thread, NULL, spin_for_a_while, busy), 0);
    while (stats.calls_now == 0) {
        rune_supervisor_stats(own, &stats);
    }
    int64_t begun = now_ms();
    assert_int_equal(rune_supervisor_close(own, 50000000), RUNE_E_TIMED_OUT);
    assert_in_range(now_ms() - begun, 49, SPIN_MS - 300); // it is not waited for
    pthread_join(thread, NULL);
    assert_int_equal(call_reason(vm, "main", NULL), RUNE_REASON_UNAVAILABLE);
    // Nor do those go on that hold Globals, and nobody joins them.
    assert_int_equal(call_reason(keeping, "count", NULL), RUNE_REASON_UNAVAILABLE);
    assert_int_equal(rune_vm_new(own, NULL, unit, NULL, &late, NULL), RUNE_E_CLOSED);
    rune_vm_free(keeping);
    rune_vm_free(vm);
    // The supervisor's handle may go before others.
    rune_supervisor_free(own);
    rune_vm_free(busy);
    own = new_supervisor(1, 0);
    assert_int_equal(rune_supervisor_close(own, 1000000000), RUNE_OK);
    rune_supervisor_free(own);
}

static void test_a_forked_child(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "main"), 1);
    pid_t child = fork();
    if (child == 0) {
        rune_record *record = NULL;
        rune_vm *other = NULL;
        rune_text *text = NULL;
        bool good =
            rune_vm_call_record(vm, "main", NULL, 0, NULL, &record, NULL) == RUNE_E_FORKED &&
            rune_vm_new(supervisor, NULL, unit, NULL, &other, NULL) == RUNE_E_FORKED &&
            rune_supervisor_report(supervisor, &text, NULL) == RUNE_E_FORKED &&
            rune_vm_reset(vm) == RUNE_E_FORKED &&
            rune_supervisor_close(supervisor, 0) == RUNE_E_FORKED;
        rune_vm_free(vm);
        rune_supervisor_free(supervisor);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
}

static void test_a_good_guest(void **state)
{
    (void)state;
    struct sigaction before[32];
    memset(before, 0, sizeof(before));
    for (int signal = 1; signal < 32; signal++) {
        (void)sigaction(signal, NULL, &before[signal]);
    }
    rune_supervisor *own = new_supervisor(1, 1);
    assert_false(has_children());
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    for (int signal = 1; signal < 32; signal++) {
        struct sigaction after = {0};
        (void)sigaction(signal, NULL, &after);
        assert_true(after.sa_handler == before[signal].sa_handler);
    }
    rune_supervisor_free(own);
}

/* 0: the message names the step and the reason. */
static int start_without_threads(void)
{
    const struct rlimit none = {0, 0};
    rune_supervisor *own = NULL;
    rune_error *error = NULL;
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return EXIT_SKIPPED; // root is not bounded
    }
    bool good = setrlimit(RLIMIT_NPROC, &none) == 0 &&
                rune_supervisor_new(NULL, &own, &error) == RUNE_E_SYSTEM &&
                strstr(rune_error_message(error), "the thread of deadlines") != NULL &&
                strstr(rune_error_message(error), strerrordesc_np(EAGAIN)) != NULL;
    rune_error_free(error);
    return good ? 0 : 1;
}

/* The thread sanitizer does not follow threads that a child of a process with threads starts. */
static void skip_if_threads_die(void)
{
#ifdef __SANITIZE_THREAD__
    skip();
#endif
}

static void test_the_step_that_failed_is_named(void **state)
{
    (void)state;
    int status = 0;
    skip_if_threads_die();
    pid_t child = fork();
    if (child == 0) {
        _exit(start_without_threads());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* A daemon that has closed its standard streams, and still writes to them. */
static bool keeps_streams_apart(void)
{
    rune_supervisor *own = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_spares(options, 2);
    bool good = close_range(0, 2, 0) == 0;
    good = good && rune_supervisor_new(options, &own, NULL) == RUNE_OK;
    rune_supervisor_options_free(options);
    for (int fd = 0; fd < 3; fd++) {
        struct stat about;
        good = good && (fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode));
    }
    rune_supervisor_free(own);
    return good;
}

static void test_closed_streams(void **state)
{
    (void)state;
    skip_if_threads_die();
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(keeps_streams_apart() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Whether a supervisor that cannot be made with so few descriptors says `text`. */
static bool says_of_files(rlim_t value, const char *text)
{
    rune_supervisor *own = NULL;
    rune_error *error = NULL;
    struct rlimit limit = {value, value};
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    bool refused = setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                   rune_supervisor_new(options, &own, &error) != RUNE_OK;
    const char *message = refused ? rune_error_message(error) : "it worked";
    bool said = strstr(message, text) != NULL;
    if (!said) {
        (void)fprintf(stderr, "under a limit of %llu: %s\n", (unsigned long long)value, message);
    }
    rune_supervisor_options_free(options);
    rune_error_free(error);
    rune_supervisor_free(own);
    return said;
}

static void expect_said(rlim_t value, const char *text)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(says_of_files(value, text) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_limits_of_the_host(void **state)
{
    (void)state;
    char text[64];
    skip_if_threads_die();
    int fds =
        settled_fds(); // else those of a spare may be closed between the counting and the fork
    for (int more = 1; more < 4; more++) {
        (void)snprintf(text, sizeof(text), "Too many open files; the limit is %d", fds + more);
        expect_said((rlim_t)(fds + more), text);
    }
}

/* As PID 1 of a container would: what its processes leave behind falls to it. */
static bool leaves_no_zombies(void)
{
    rune_supervisor *own = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    bool good = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 &&
                rune_supervisor_new(options, &own, NULL) == RUNE_OK;
    rune_supervisor_options_free(options);
    // The zygote is a child that lives; the helper that made it is none any more.
    siginfo_t zombie = {0};
    good =
        good && waitid(P_ALL, 0, &zombie, WEXITED | WNOHANG | WNOWAIT) == 0 && zombie.si_pid == 0;
    rune_supervisor_free(own);
    return good && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void test_a_host_that_is_init(void **state)
{
    (void)state;
    skip_if_threads_die();
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(leaves_no_zombies() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_the_report(void **state)
{
    (void)state;
    rune_text *text = NULL;
    assert_int_equal(rune_supervisor_report(supervisor, &text, NULL), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "\"seccomp\""));
    rune_text_free(text);
}

static void test_helpers_that_are_not_there(void **state)
{
    (void)state;
    rune_supervisor *own = NULL;
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    assert_int_equal(rune_supervisor_options_set_helpers(options, "/nonexistent"), RUNE_OK);
    assert_int_equal(rune_supervisor_new(options, &own, &error), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_UNAVAILABLE);
    assert_non_null(strstr(rune_error_message(error), " in /nonexistent;"));
    assert_non_null(strstr(rune_error_message(error), "rune_supervisor_options_set_helpers"));
    assert_non_null(strstr(rune_error_message(error), "--helpers"));
    rune_error_free(error);
    rune_supervisor_options_free(options);
}

static void test_supervisors_come_and_go(void **state)
{
    (void)state;
    int fds = settled_fds();
    for (int i = 0; i < 20; i++) {
        rune_supervisor *own = new_supervisor(1, (unsigned)i % 3);
        rune_vm *vm;
        assert_int_equal(rune_vm_new(own, NULL, unit, NULL, &vm, NULL), RUNE_OK);
        assert_int_equal(call_i64(vm, "count"), 1);
        rune_supervisor_free(own);
        assert_int_equal(call_i64(vm, "count"), 2);
        rune_vm_free(vm);
    }
    assert_int_equal(settled_fds(), fds);
    assert_false(has_children());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement),
        cmocka_unit_test(test_speculation),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_a_worker_for_each_unit),
        cmocka_unit_test(test_domains_end_beside_busy_ones),
        cmocka_unit_test(test_a_worker_for_each_vm),
        cmocka_unit_test(test_a_worker_for_each_call),
        cmocka_unit_test(test_a_spare_gives_up_what_is_not_wanted),
        cmocka_unit_test(test_units_leave_a_worker),
        cmocka_unit_test(test_domains_never_share),
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_a_call_that_waits_is_cancelled),
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_a_forked_child),
        cmocka_unit_test(test_a_good_guest),
        cmocka_unit_test(test_the_step_that_failed_is_named),
        cmocka_unit_test(test_closed_streams),
        cmocka_unit_test(test_limits_of_the_host),
        cmocka_unit_test(test_a_host_that_is_init),
        cmocka_unit_test(test_the_report),
        cmocka_unit_test(test_helpers_that_are_not_there),
        cmocka_unit_test(test_supervisors_come_and_go),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
