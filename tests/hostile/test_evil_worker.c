/*
 * A taken-over worker against its supervisor: every misbehaviour ends its own call with its reason,
 * the next call works, and nothing is left over.
 */
#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <runeward/runeward.h>

static bool with_ring;
static rune_supervisor *supervisor;
static rune_unit *unit;
static rune_runtime *runtime;

static void forget(rune_error *error)
{
    if (error) {
        print_message("  %s: %s\n", rune_reason_name(rune_error_reason(error)),
                      rune_error_message(error));
    }
    rune_error_free(error);
}

static void never_called(void *user, rune_host_call *call)
{
    (void)user;
    (void)rune_host_call_fail(call, "nobody calls this with good arguments");
}

static rune_context *make_context(void)
{
    rune_module *module = rune_module_new("host");
    assert_int_equal(rune_module_function(module, "f", 2, 0, never_called, NULL, NULL), RUNE_OK);
    rune_context *context = rune_context_with_default_modules();
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &runtime, NULL), RUNE_OK);
    return context;
}

static int set_up(void **state)
{
    (void)state;
    static const char source[] = "pub fn main(n) { n }";
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    assert_int_equal(rune_supervisor_options_set_helpers(options, RN_EVIL_HELPERS), RUNE_OK);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_ring(options, with_ring);
    rune_status status = rune_supervisor_new(options, &supervisor, &error);
    forget(error);
    assert_int_equal(status, RUNE_OK);
    rune_supervisor_options_free(options);
    rune_context *context = make_context();
    rune_sources *sources = rune_sources_new();
    assert_int_equal(
        rune_sources_insert_memory(sources, "main.rn", source, sizeof(source) - 1, NULL), RUNE_OK);
    error = NULL;
    status = rune_build(supervisor, sources, context, NULL, NULL, &unit, &error);
    forget(error);
    assert_int_equal(status, RUNE_OK);
    rune_sources_free(sources);
    rune_context_free(context);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rune_unit_unref(unit);
    rune_runtime_unref(runtime);
    rune_supervisor_free(supervisor);
    return 0;
}

enum {
#define EVIL(name, number, reason, text) name = number,
#define EVIL_RING(name, number, reason, text) name = number,
#define EVIL_PARCEL(name, number, reason, text) name = number,
#include "tests/hostile/misbehaviours.def"
#undef EVIL
#undef EVIL_RING
#undef EVIL_PARCEL
};

/* Who is expected to run into the limit has a short one, all others time enough on any machine. */
#define SHORT_NS UINT64_C(150000000)
#define LONG_NS UINT64_C(3000000000)

static rune_call_options *short_limits(int number, uint64_t wall_ns)
{
    rune_limits *limits = rune_limits_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_WALL, wall_ns), RUNE_OK);
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_OUTPUT, 100000), RUNE_OK);
    if (number == HOST_BEYOND) {
        assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_HOST_CALLS, 50), RUNE_OK);
    }
    rune_call_options *options = rune_call_options_new();
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_limits_free(limits);
    return options;
}

static bool refuse(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return false;
}

static bool dawdle(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    return true;
}

/* One call with a number; how it ended. Number 40 counts on a host that takes no output, 93 on one that takes it slowly. */
static rune_reason call_within(int number, uint64_t wall_ns)
{
    rune_vm *vm;
    rune_record *record = NULL;
    rune_call_options *options = short_limits(number, wall_ns);
    rune_const_value *args[] = {rune_value_i64(number)};
    if (number == CREDIT_OVERRUN) {
        rune_call_options_set_output(options, refuse, NULL);
    }
    if (number == WAKES) {
        rune_call_options_set_output(options, dawdle, NULL);
    }
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    rune_status status = rune_vm_call_record(vm, "main", (const rune_const_value *const *)args, 1,
                                             options, &record, NULL);
    assert_int_equal(status, RUNE_OK);
    rune_reason reason = rune_record_reason(record);
    assert_true((rune_record_error(record) == NULL) == (reason == RUNE_REASON_OK));
    rune_record_free(record);
    rune_value_unref(args[0]);
    rune_call_options_free(options);
    rune_vm_free(vm);
    return reason;
}

static rune_reason call(int number)
{
    return call_within(number, LONG_NS);
}

static int count_fds(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

/* Waits until spares have been made and nothing changes any more. */
static int settled_fds(void)
{
    rune_stats stats = {0};
    int count = count_fds();
    for (int quiet = 0; quiet < 50; quiet++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        rune_supervisor_stats(supervisor, &stats);
        if (count_fds() != count || stats.spares_now != 1) {
            count = count_fds();
            quiet = 0;
        }
    }
    return count;
}

/* Children that the host process has: there must never be one. */
static int count_children(void)
{
    char text[256] = "";
    FILE *file = fopen("/proc/thread-self/children", "r");
    if (file) {
        if (!fgets(text, sizeof(text), file)) {
            text[0] = 0;
        }
        fclose(file);
    }
    return text[0] != 0;
}

static const struct {
    const char *name;
    int number;
    rune_reason reason;
    bool needs_ring;
    bool is_parcel;
} cases[] = {
#define EVIL(name, number, reason, text) {#name, number, RUNE_REASON_##reason, false, false},
#define EVIL_RING(name, number, reason, text) {#name, number, RUNE_REASON_##reason, true, false},
#define EVIL_PARCEL(name, number, reason, text) {#name, number, RUNE_REASON_##reason, false, true},
#include "tests/hostile/misbehaviours.def"
#undef EVIL
#undef EVIL_RING
#undef EVIL_PARCEL
};

static void test_every_misbehaviour(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].needs_ring && !with_ring) {
            continue;
        }
        bool is_refused = with_ring && cases[i].is_parcel;
        rune_reason expected = is_refused ? RUNE_REASON_VIOLATION : cases[i].reason;
        bool waits = expected == RUNE_REASON_WALL;
        rune_reason reason = call_within(cases[i].number, waits ? SHORT_NS : LONG_NS);
        rune_reason next = call(0);
        if (cases[i].number == DIES_ALIVE && next == RUNE_REASON_WORKER_LOST) {
            next = call(0);
        }
        if (reason != expected || next != RUNE_REASON_OK) {
            print_message("%s: %s, expected %s; the next call: %s\n", cases[i].name,
                          rune_reason_name(reason), rune_reason_name(expected),
                          rune_reason_name(next));
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static void test_every_header_byte(void **state)
{
    (void)state;
    for (int offset = 0; offset < 24; offset++) {
        assert_int_equal(call(100 + offset), RUNE_REASON_VIOLATION);
    }
    assert_int_equal(call(0), RUNE_REASON_OK);
}

static int64_t time_deadline(int number)
{
    struct timespec begun;
    struct timespec ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    assert_int_equal(call_within(number, SHORT_NS), RUNE_REASON_WALL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
}

static void test_deadlines_hold(void **state)
{
    (void)state;
    static const int numbers[] = {26, 70, 71};
    for (size_t i = 0; i < 3; i++) {
        int64_t ms = time_deadline(numbers[i]);
        for (int again = 0; again < 9 && ms > 150 + 100; again++) {
            ms = time_deadline(numbers[i]); // a machine that is busy makes it late
        }
        assert_in_range(ms, 149, 150 + 100);
    }
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    rune_stats stats;
    assert_int_equal(call(0), RUNE_REASON_OK);
    int before = settled_fds();
    for (int i = 0; i < 100; i++) {
        (void)call(i % 2 ? 73 : 33);
    }
    assert_int_equal(call(0), RUNE_REASON_OK);
    assert_int_equal(settled_fds(), before);
    rune_supervisor_stats(supervisor, &stats);
    assert_int_equal(stats.calls_now, 0);
    assert_int_equal(stats.workers_now, 2);
    assert_int_equal(count_children(), 0);
}

static rune_vm *vm_in(const char *domain)
{
    rune_vm *vm;
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, domain), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

static rune_execution *begin(rune_vm *vm, int number)
{
    rune_execution *execution;
    rune_call_options *options = short_limits(number, 10 * LONG_NS);
    rune_const_value *args[] = {rune_value_i64(number)};
    assert_int_equal(rune_vm_send_execute(vm, "main", (const rune_const_value *const *)args, 1,
                                          options, &execution, NULL),
                     RUNE_OK);
    rune_value_unref(args[0]);
    rune_call_options_free(options);
    return execution;
}

static rune_reason end(rune_execution *execution)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_reason reason = rune_record_reason(record);
    rune_record_free(record);
    rune_execution_free(execution);
    return reason;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

/* Each fourth of their 60,000 packets is given credit for, of which nothing is ever read. */
static void test_deaf_workers_cost_nothing(void **state)
{
    (void)state;
    static const int numbers[] = {FRAGMENTS_DEAF, OUTPUT_DEAF};
    rune_vm *vm = vm_in("deaf");
    rune_vm *other = vm_in("other");
    assert_int_equal(end(begin(other, 0)), RUNE_REASON_OK);
    for (size_t i = 0; i < 2; i++) {
        size_t before = heap_bytes();
        size_t most = 0;
        int calls = 0;
        rune_execution *deaf = begin(vm, numbers[i]);
        for (; !rune_execution_poll(deaf); calls++) {
            assert_int_equal(end(begin(other, 0)), RUNE_REASON_OK);
            size_t now = heap_bytes();
            most = now > before + most ? now - before : most;
        }
        assert_int_equal(end(deaf), RUNE_REASON_VIOLATION);
        print_message("  %d: %zu KiB beside %d calls\n", numbers[i], most >> 10, calls);
        assert_true(most < (size_t)1 << 20);
        assert_true(calls > 0);
    }
    rune_vm_free(vm);
    rune_vm_free(other);
}

int main(int argc, char **argv)
{
    with_ring = argc > 1 && strcmp(argv[1], "ring") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_misbehaviour),
        cmocka_unit_test(test_every_header_byte),
        cmocka_unit_test(test_deadlines_hold),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_deaf_workers_cost_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
