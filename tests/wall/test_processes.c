/* test_processes.c: zygotes and their children as processes: made, used, ended, nothing left. */
#include "tests/wall/harness.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Notices of ends that no socket has room for. */
#define UNREAD 400

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static void a_child_answers_and_ends(void **state)
{
    (void)state;
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    struct order order = {.kind = ORDER_TOUCH_ARENA, .arguments = {1u << 20}};
    long answer;
    assert_true(subject_order(&subject, &order, &answer));
    assert_int_equal(answer, 1 << 20);
    order = (struct order){.kind = ORDER_EXIT, .number = 42};
    assert_false(subject_order(&subject, &order, &answer));
    struct rn_child_exit ended = subject_wait(&harness, &subject);
    assert_false(ended.signalled);
    assert_int_equal(ended.code, 42);
    assert_true(ended.memory_peak >= 1u << 20);
    harness_close(&harness);
}

static void a_host_sees_no_child(void **state)
{
    (void)state;
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_COMPILER, &subject);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
    subject_end(&harness, &subject);
    harness_close(&harness);
}

static sig_atomic_t volatile child_signals;

static void count_signal(int number)
{
    (void)number;
    child_signals = child_signals + 1;
}

static void a_host_gets_no_signal(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count_signal};
    struct sigaction old;
    sigaction(SIGCHLD, &action, &old);
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    rn_child_kill(&subject.child);
    struct rn_child_exit ended = subject_wait(&harness, &subject);
    assert_true(ended.signalled);
    assert_int_equal(ended.code, SIGKILL);
    harness_close(&harness);
    sigaction(SIGCHLD, &old, NULL);
    assert_int_equal(child_signals, 0);
}

static void a_thousand_children_leave_nothing(void **state)
{
    (void)state;
    struct harness harness;
    harness_open(&harness, RN_POLICY_STRICT);
    unsigned before = open_descriptors();
    for (unsigned i = 0; i < 1000; i++) {
        struct subject subject;
        subject_spawn(&harness, i % 2 == 0 ? RN_ROLE_WORKER : RN_ROLE_COMPILER, &subject);
        struct rn_child_exit ended = subject_end(&harness, &subject);
        assert_false(ended.signalled);
    }
    assert_int_equal(open_descriptors(), before);
    harness_close(&harness);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}

static int control_segment(uint64_t deadline_ns)
{
    int fd = memfd_create("control", MFD_CLOEXEC);
    assert_true(fd >= 0);
    uint64_t words[512] = {deadline_ns};
    assert_int_equal(write(fd, words, sizeof(words)), sizeof(words));
    return fd;
}

static void a_zygote_keeps_deadlines(void **state)
{
    (void)state;
    struct harness harness;
    harness_open(&harness, RN_POLICY_STRICT);
    int control = control_segment(1);
    struct rn_spawn_request request = {
        .role = RN_ROLE_WORKER, .segment_fds = {control, -1, -1}, .arena_size = 1u << 20};
    struct subject subject;
    subject_spawn_with(&harness, &request, &subject);
    struct order order = {.kind = ORDER_SPIN};
    long answer;
    assert_false(subject_order(&subject, &order, &answer));
    struct rn_child_exit ended = subject_wait(&harness, &subject);
    assert_true(ended.deadline);
    assert_true(ended.signalled);
    close(control);
    harness_close(&harness);
}

static void forget_all(struct harness *harness, struct subject *subjects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rn_child_exit ended;
        enum rn_error error;
        while ((error = rn_zygote_next_exit(harness->zygote, UINT64_MAX, &ended)) ==
               RN_E_WOULD_BLOCK) {
            struct pollfd polled = {rn_zygote_fd(harness->zygote), POLLIN, 0};
            assert_int_equal(poll(&polled, 1, 20000), 1);
        }
        assert_int_equal(error, RN_OK);
        close(subjects[i].child.pidfd);
        close(subjects[i].socket_fd);
    }
}

/* What a host that is stopped does not read are the ends of others: more than the socket holds. */
static void a_zygote_keeps_deadlines_of_a_host_that_does_not_read(void **state)
{
    (void)state;
    struct harness harness;
    static struct subject subjects[1 + UNREAD];
    harness_open(&harness, RN_POLICY_STRICT);
    int control = control_segment(0);
    struct rn_spawn_request request = {
        .role = RN_ROLE_WORKER, .segment_fds = {control, -1, -1}, .arena_size = 1u << 20};
    subject_spawn_with(&harness, &request, &subjects[0]);
    struct order order = {.kind = ORDER_SPIN};
    assert_int_equal(send(subjects[0].socket_fd, &order, sizeof(order), 0), sizeof(order));
    for (size_t i = 1; i <= UNREAD; i++) {
        subject_spawn(&harness, RN_ROLE_WORKER, &subjects[i]);
    }
    for (size_t i = 1; i <= UNREAD; i++) {
        rn_child_kill(&subjects[i].child);
    }
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    uint64_t past = 1;
    assert_int_equal(pwrite(control, &past, sizeof(past), 0), sizeof(past));
    struct pollfd polled = {subjects[0].child.pidfd, POLLIN, 0};
    assert_int_equal(poll(&polled, 1, 10000), 1);
    forget_all(&harness, subjects, 1 + UNREAD);
    close(control);
    harness_close(&harness);
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    char line[256];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    assert_non_null(status);
    while (fgets(line, sizeof(line), status) && sscanf(line, "PPid: %d", &parent) != 1) {
        // until that line
    }
    fclose(status);
    return parent;
}

/* Without a control segment, with a sound one, or with one that is too short for a deadline. */
static int error_of_spawn(struct harness *harness, int control_fd)
{
    int ends[2];
    struct rn_child child = {.pidfd = -1};
    struct rn_spawn_failure failure;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    struct rn_spawn_request request = {.role = RN_ROLE_WORKER,
                                       .socket_fd = ends[1],
                                       .segment_fds = {control_fd, -1, -1},
                                       .arena_size = 1u << 20};
    assert_int_equal(rn_zygote_spawn(harness->zygote, &request, &child, &failure), RN_E_SYSTEM);
    close(ends[0]);
    close(ends[1]);
    return failure.error;
}

/* What it cannot do for one request is that one's error: its children and the next request know nothing of it. */
static void a_zygote_outlives_a_refusal(void **state)
{
    (void)state;
    struct harness harness;
    struct subject first;
    struct subject second;
    struct rlimit before;
    struct order order = {.kind = ORDER_TOUCH_ARENA, .arguments = {4096}};
    long answer;
    int control = control_segment(0);
    int empty = memfd_create("empty", MFD_CLOEXEC);
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &first);
    pid_t zygote = parent_of(first.child.pid);
    assert_int_equal(error_of_spawn(&harness, empty), EINVAL);
    // As an ordinary user nobody may set the limits of a process that is not dumpable.
    if (prlimit(zygote, RLIMIT_NOFILE, NULL, &before) == 0) {
        struct rlimit none = {3, before.rlim_max};
        assert_int_equal(prlimit(zygote, RLIMIT_NOFILE, &none, NULL), 0);
        assert_int_equal(error_of_spawn(&harness, control), EMFILE);
        assert_int_equal(prlimit(zygote, RLIMIT_NOFILE, &before, NULL), 0);
    }
    subject_spawn(&harness, RN_ROLE_WORKER, &second);
    assert_true(subject_order(&first, &order, &answer));
    subject_end(&harness, &first);
    subject_end(&harness, &second);
    harness_close(&harness);
    close(control);
    close(empty);
}

static void segments_have_their_rights(void **state)
{
    (void)state;
    struct harness harness;
    harness_open(&harness, RN_POLICY_STRICT);
    int control = control_segment(0);
    int ring = control_segment(0);
    struct rn_spawn_request request = {
        .role = RN_ROLE_WORKER, .segment_fds = {control, ring, -1}, .arena_size = 1u << 20};
    struct subject subject;
    subject_spawn_with(&harness, &request, &subject);
    struct order order = {.kind = ORDER_WRITE_SEGMENT, .number = RN_SEGMENT_RING};
    long answer;
    assert_true(subject_order(&subject, &order, &answer));
    uint8_t byte = 0;
    assert_int_equal(pread(ring, &byte, 1, 0), 1);
    assert_int_equal(byte, 7);
    order.number = RN_SEGMENT_CONTROL;
    assert_false(subject_order(&subject, &order, &answer));
    struct rn_child_exit ended = subject_wait(&harness, &subject);
#ifdef RN_SANITIZED
    assert_false(ended.signalled); // the sanitizer reports and exits
#else
    assert_true(ended.signalled);
    assert_int_equal(ended.code, SIGSEGV);
#endif
    close(control);
    close(ring);
    harness_close(&harness);
}

static void children_differ_in_seed_and_layout(void **state)
{
    (void)state;
    struct harness harness;
    harness_open(&harness, RN_POLICY_STRICT);
    long seeds[2];
    long texts[2];
    for (unsigned i = 0; i < 2; i++) {
        struct subject subject;
        subject_spawn(&harness, RN_ROLE_WORKER, &subject);
        struct order order = {.kind = ORDER_SEED};
        assert_true(subject_order(&subject, &order, &seeds[i]));
        order.kind = ORDER_TEXT_ADDRESS;
        assert_true(subject_order(&subject, &order, &texts[i]));
        subject_end(&harness, &subject);
    }
    // 16 bits of seed may agree by chance; both together practically never.
    assert_true(seeds[0] != seeds[1] || texts[0] != texts[1]);
    assert_int_not_equal(texts[0], texts[1]);
    harness_close(&harness);
}

static void await_end(pid_t pid)
{
    struct timespec pause = {0, 10000000};
    int tries = 0;
    while (kill(pid, 0) == 0 || errno == EPERM) {
        assert_true(tries++ < 200);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(errno, ESRCH);
}

/* A host with one child, of which it tells, and with a fork of itself that outlives it. */
static int be_host(int told_fd, int forked_fd)
{
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    pid_t pid = subject.child.pid;
    char byte;
    if (forked_fd >= 0 && fork() == 0) {
        close(told_fd);
        return (int)read(forked_fd, &byte, 1); // until the test closes the other end
    }
    return write(told_fd, &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1;
}

static pid_t child_of_ended_host(const int *forked)
{
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t host = fork();
    if (host == 0) {
        if (forked) {
            close(forked[1]);
        }
        _exit(be_host(told[1], forked ? forked[0] : -1));
    }
    pid_t pid = 0;
    assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
    close(told[0]);
    close(told[1]);
    assert_int_equal(waitpid(host, NULL, 0), host);
    return pid;
}

static void the_end_of_a_host_ends_its_domain(void **state)
{
    (void)state;
    await_end(child_of_ended_host(NULL));
}

static void the_end_of_a_host_that_forked_ends_its_domain(void **state)
{
    (void)state;
    int forked[2];
    assert_int_equal(pipe(forked), 0);
    await_end(child_of_ended_host(forked));
    close(forked[0]);
    close(forked[1]);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !harness_be_nobody(argc, argv)) {
        puts("skipped: cannot become an ordinary user");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_answers_and_ends),
        cmocka_unit_test(a_host_sees_no_child),
        cmocka_unit_test(a_host_gets_no_signal),
        cmocka_unit_test(a_thousand_children_leave_nothing),
        cmocka_unit_test(a_zygote_keeps_deadlines),
        cmocka_unit_test(a_zygote_keeps_deadlines_of_a_host_that_does_not_read),
        cmocka_unit_test(a_zygote_outlives_a_refusal),
        cmocka_unit_test(segments_have_their_rights),
        cmocka_unit_test(children_differ_in_seed_and_layout),
        cmocka_unit_test(the_end_of_a_host_ends_its_domain),
        cmocka_unit_test(the_end_of_a_host_that_forked_ends_its_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
