/*
 * test_degraded.c: machines that lack something, made by user namespaces around the test.
 *
 * Needs root to give the inner namespace several uids.
 */
#include "policy/look.h"
#include "tests/wall/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

// A place with `uids` uids, and further user namespaces or not. Its exit code is that of `body`.
struct place {
    unsigned uids;
    bool nested;
    uint32_t become; /* uid inside, 0 stays root */
    int (*body)(void);
};

static int enter_place(const struct place *place, int gate)
{
    char byte;
    if (unshare(CLONE_NEWUSER) != 0 || write(gate, "", 1) != 1 || read(gate, &byte, 1) != 1) {
        return 100;
    }
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) {
        return 101;
    }
    if (!place->nested && !write_to("/proc/sys/user/max_user_namespaces", "0")) {
        return 102;
    }
    if (place->become != 0 && (setresgid(place->become, place->become, place->become) != 0 ||
                               setresuid(place->become, place->become, place->become) != 0)) {
        return 103;
    }
    return place->body();
}

static int in_place(const struct place *place)
{
    int gate[2];
    char path[64];
    char map[64];
    char byte;
    int status = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[0]);
        _exit(enter_place(place, gate[1]));
    }
    close(gate[1]);
    assert_int_equal(read(gate[0], &byte, 1), 1);
    // Uid 0 inside is an ordinary one outside, as in a container.
    snprintf(map, sizeof(map), "0 1000000 %u\n", place->uids);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    assert_true(write_to(path, map));
    snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
    assert_true(write_to(path, map));
    assert_int_equal(write(gate[0], "", 1), 1);
    close(gate[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define WORKS 0
#define REFUSED 50

// Strict domain and a child whose required layers are seen; or REFUSED + the layer.
static int try_policy(enum rn_policy policy)
{
    struct rn_spawner_options options = {
        .worker_path = RN_WALL_SUBJECT, .compiler_path = RN_WALL_SUBJECT, .policy = policy};
    struct rn_spawn_failure failure;
    struct harness harness = {0};
    struct subject subject;
    struct rn_wall_report report;
    enum rn_layer missing = RN_LAYER_SECCOMP;
    if (rn_spawner_new(&options, &harness.spawner, &failure) != RN_OK) {
        return 110;
    }
    enum rn_error error = rn_zygote_new(harness.spawner, &harness.zygote, &failure);
    if (error == RN_E_WALL_REFUSED) {
        rn_spawner_free(harness.spawner);
        return failure.has_layer && failure.error != 0 ? REFUSED + (int)failure.layer : 111;
    }
    if (error != RN_OK) {
        return 112;
    }
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    bool seen = rn_child_report(harness.zygote, &subject.child, &report) == RN_OK &&
                rn_wall_report_check(&report, rn_policy_required(policy) & rn_wall_visible(),
                                     &missing) == RN_OK;
    if (!seen) {
        print_error("missing: %s\n", rn_layer_info(missing)->name);
    }
    struct order order = {.kind = ORDER_SYSCALL, .number = SYS_getpid};
    long answer;
    bool killed = !subject_order(&subject, &order, &answer);
    struct rn_child_exit ended = subject_wait(&harness, &subject);
    harness_close(&harness);
    return seen && killed && ended.code == SIGSYS ? WORKS : 113;
}

static int try_strict(void)
{
    return try_policy(RN_POLICY_STRICT);
}

static int try_best_effort(void)
{
    return try_policy(RN_POLICY_BEST_EFFORT);
}

static void root_of_a_container(void **state)
{
    (void)state;
    struct place place = {.uids = 65536, .nested = true, .body = try_strict};
    assert_int_equal(in_place(&place), WORKS);
}

static void root_without_user_namespaces(void **state)
{
    (void)state;
    struct place place = {.uids = 65536, .nested = false, .body = try_strict};
    assert_int_equal(in_place(&place), WORKS);
}

static void root_with_one_uid(void **state)
{
    (void)state;
    struct place place = {.uids = 1, .nested = true, .body = try_strict};
    assert_int_equal(in_place(&place), WORKS);
}

static void an_ordinary_user_of_a_container(void **state)
{
    (void)state;
    struct place place = {.uids = 65536, .nested = true, .become = 1000, .body = try_strict};
    assert_int_equal(in_place(&place), WORKS);
}

static void an_ordinary_user_without_user_namespaces(void **state)
{
    (void)state;
    struct place place = {.uids = 65536, .nested = false, .become = 1000, .body = try_strict};
    int code = in_place(&place);
    // What is named first is whatever comes first in the table; none of it can be had.
    assert_true(code > REFUSED && code < REFUSED + RN_LAYER_COUNT);
    place.body = try_best_effort;
    assert_int_equal(in_place(&place), WORKS);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1 || geteuid() != 0) {
        puts("skipped: needs root to make places that lack something");
        return 77;
    }
#ifdef RN_SANITIZED
    puts("skipped: the sanitizer flavour has fewer layers");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_of_a_container),
        cmocka_unit_test(root_without_user_namespaces),
        cmocka_unit_test(root_with_one_uid),
        cmocka_unit_test(an_ordinary_user_of_a_container),
        cmocka_unit_test(an_ordinary_user_without_user_namespaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
