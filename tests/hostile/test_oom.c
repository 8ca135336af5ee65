/*
 * Memory runs out inside a memory control group in which a host lives with its workers: the kernel ends
 * the worker that took it. The supervisor, the workers beside it and their Globals stay; the call says
 * what happened.
 *
 * Always inside a group that this program makes and removes again; where it cannot make one it says so
 * and is skipped. A parent outside the group runs the tests in a child, and looks how that ended.
 */
#include "tests/unit/supervisor/harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED 77
#define LIMIT_BYTES "134217728"
#define GREED_BYTES (UINT64_C(440) << 20)
#define ROUNDS 4

/* --- The group --- */

static char group[512];

static bool write_in_group(const char *name, const char *text)
{
    char path[640];
    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    FILE *file = fopen(path, "we");
    bool written = file != NULL && fputs(text, file) >= 0;
    return file != NULL && fclose(file) == 0 && written;
}

/* The directory of version 1's memory controller for this process, or false. */
static bool find_own_group(char *path, size_t size)
{
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        char *own = strstr(line, ":memory:");
        if (own != NULL) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(path, size, "/sys/fs/cgroup/memory%s", own + strlen(":memory:"));
            found = access(path, W_OK) == 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* NULL, or why there is no group. */
static const char *make_group(void)
{
    char own[400];
    if (geteuid() != 0) {
        return "only root may make a memory control group";
    }
    if (!find_own_group(own, sizeof(own))) {
        return "no memory controller of control groups version 1 here";
    }
    (void)snprintf(group, sizeof(group), "%s/runeward-oom-%d", own, (int)getpid());
    if (mkdir(group, 0700) != 0) {
        return "the memory control group cannot be made";
    }
    if (!write_in_group("memory.limit_in_bytes", LIMIT_BYTES)) {
        (void)rmdir(group);
        return "the memory control group takes no limit";
    }
    return NULL;
}

/* Processes that end keep a group for a moment. */
static bool remove_group(void)
{
    for (int tries = 0; tries < 500; tries++) {
        if (rmdir(group) == 0 || errno == ENOENT) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

/* How often the kernel has ended somebody in the group; -1: it does not say. */
static long count_kills(void)
{
    char path[640];
    char line[128];
    long count = -1;
    (void)snprintf(path, sizeof(path), "%s/memory.oom_control", group);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "oom_kill %ld", &count);
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* --- The tests, inside --- */

static rune_unit *unit;

static const char source[] = "static COUNT = 0;\n"
                             "pub fn witness() { COUNT += 1; COUNT }\n"
                             "pub fn greed() {\n"
                             "    let all = [];\n"
                             "    let piece = \"x\";\n"
                             "    for i in 0..20 { piece = `${piece}${piece}`; }\n"
                             "    for i in 0..400 { all.push(`${piece}${i}`); }\n"
                             "    all.len()\n"
                             "}\n";

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build(source);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static void expect_out_of_memory(rune_vm *vm)
{
    rune_call_options *options = with_limit(RUNE_LIMIT_MEMORY, GREED_BYTES);
    rune_record *record = call_record(vm, "greed", options);
    const rune_error *error = rune_record_error(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CRASHED);
    assert_int_equal(rune_error_signal(error), SIGKILL);
    assert_non_null(strstr(rune_error_message(error), "SIGKILL"));
    assert_non_null(strstr(rune_error_message(error), "memory"));
    rune_record_free(record);
    rune_call_options_free(options);
}

static void test_only_the_greedy_worker_dies(void **state)
{
    (void)state;
    rune_vm *greedy = new_vm(unit, RUNE_ISOLATION_VM, "a");
    rune_vm *sibling = new_vm(unit, RUNE_ISOLATION_VM, "a");
    rune_vm *stranger = new_vm(unit, RUNE_ISOLATION_SHARED, "b");
    int64_t witnessed = 0;
    long kills = count_kills();
    for (int round = 1; round <= ROUNDS; round++) {
        // Their Globals live in their workers: these are still the first ones.
        assert_int_equal(call_i64(sibling, "witness"), ++witnessed);
        assert_int_equal(call_i64(stranger, "witness"), witnessed);
        expect_out_of_memory(greedy);
        assert_true(kills < 0 || count_kills() >= kills + round);
        assert_int_equal(rune_vm_reset(greedy), RUNE_OK);
        assert_int_equal(call_i64(greedy, "witness"), 1);
    }
    assert_int_equal(call_i64(sibling, "witness"), witnessed + 1);
    assert_int_equal(call_i64(stranger, "witness"), witnessed + 1);
    rune_stats stats;
    rune_supervisor_stats(supervisor, &stats);
    assert_in_range(stats.workers_lost, ROUNDS, 2 * ROUNDS);
    rune_vm_free(greedy);
    rune_vm_free(sibling);
    rune_vm_free(stranger);
}

/* Running beside it when it happens, and getting its answer. */
static void test_a_call_beside_it_ends_as_it_should(void **state)
{
    (void)state;
    rune_vm *greedy = new_vm(unit, RUNE_ISOLATION_VM, "a");
    rune_vm *beside = new_vm(unit, RUNE_ISOLATION_VM, "a");
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    int64_t number = 0;
    assert_int_equal(call_i64(beside, "witness"), 1);
    assert_int_equal(rune_vm_send_execute(beside, "witness", NULL, 0, NULL, &execution, NULL),
                     RUNE_OK);
    expect_out_of_memory(greedy);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    const rune_const_value *value = rune_record_value(record);
    assert_true(value != NULL && rune_value_get_i64(value, &number));
    assert_int_equal(number, 2);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_vm_free(beside);
    rune_vm_free(greedy);
}

static int run_inside(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_greedy_worker_dies),
        cmocka_unit_test(test_a_call_beside_it_ends_as_it_should),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* --- Outside --- */

static int run_in_group(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        exit(write_in_group("cgroup.procs", "0") ? run_inside() : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return 1;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "the host itself was ended, by signal %d\n", WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

int main(void)
{
    const char *missing = make_group();
    if (missing != NULL) {
        printf("skipped: %s\n", missing);
        return SKIPPED;
    }
    int code = run_in_group();
    if (!remove_group()) {
        fprintf(stderr, "%s cannot be removed\n", group);
        return 1;
    }
    return code;
}
