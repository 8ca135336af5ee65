/* harness.c: see harness.h. */
#include "tests/wall/harness.h"

#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534u

void harness_open(struct harness *harness, enum rn_policy policy)
{
    harness_open_with(harness, policy, RN_WALL_SUBJECT);
}

void harness_open_with(struct harness *harness, enum rn_policy policy, const char *program)
{
    struct rn_spawner_options options = {
        .worker_path = program, .compiler_path = program, .policy = policy};
    struct rn_spawn_failure failure;
    *harness = (struct harness){0};
    enum rn_error error = rn_spawner_new(&options, &harness->spawner, &failure);
    if (error == RN_OK) {
        error = rn_zygote_new(harness->spawner, &harness->zygote, &failure);
    }
    if (error != RN_OK) {
        fail_msg("%s: %s: %s%s%s", rn_error_name(error), failure.step, strerror(failure.error),
                 failure.has_layer ? ": " : "",
                 failure.has_layer ? rn_layer_info(failure.layer)->name : "");
    }
}

void harness_close(struct harness *harness)
{
    rn_zygote_free(harness->zygote);
    rn_spawner_free(harness->spawner);
}

static bool receive(const struct subject *subject, long *out_answer)
{
    ssize_t size = recv(subject->socket_fd, out_answer, sizeof(*out_answer), 0);
    return size == (ssize_t)sizeof(*out_answer);
}

void subject_spawn_with(struct harness *harness, const struct rn_spawn_request *request,
                        struct subject *subject)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    struct rn_spawn_request full = *request;
    full.socket_fd = ends[1];
    struct rn_spawn_failure failure;
    enum rn_error error = rn_zygote_spawn(harness->zygote, &full, &subject->child, &failure);
    close(ends[1]);
    subject->socket_fd = ends[0];
    if (error != RN_OK) {
        fail_msg("%s: %s: %s", rn_error_name(error), failure.step, strerror(failure.error));
    }
    long own = 0;
    if (!receive(subject, &own)) {
        struct rn_child_exit ended = subject_wait(harness, subject);
        fail_msg("the subject ended before its first word: %s %d",
                 ended.signalled ? "signal" : "exit code", ended.code);
    }
    subject->own_layers = (uint64_t)own;
}

void subject_spawn(struct harness *harness, enum rn_role role, struct subject *subject)
{
    struct rn_spawn_request request = {
        .role = role, .segment_fds = {-1, -1, -1}, .arena_size = 1u << 20};
    subject_spawn_with(harness, &request, subject);
}

bool subject_order(const struct subject *subject, const struct order *order, long *out_answer)
{
    if (send(subject->socket_fd, order, sizeof(*order), MSG_NOSIGNAL) != (ssize_t)sizeof(*order)) {
        return false;
    }
    return receive(subject, out_answer);
}

struct rn_child_exit subject_wait(struct harness *harness, struct subject *subject)
{
    struct rn_child_exit ended = {0};
    enum rn_error error;
    while ((error = rn_zygote_next_exit(harness->zygote, UINT64_MAX, &ended)) == RN_E_WOULD_BLOCK) {
        struct pollfd polled = {rn_zygote_fd(harness->zygote), POLLIN, 0};
        assert_int_equal(poll(&polled, 1, 20000), 1);
    }
    assert_int_equal(error, RN_OK);
    assert_int_equal(ended.id, subject->child.id);
    close(subject->child.pidfd);
    close(subject->socket_fd);
    return ended;
}

struct rn_child_exit subject_end(struct harness *harness, struct subject *subject)
{
    shutdown(subject->socket_fd, SHUT_RDWR);
    return subject_wait(harness, subject);
}

bool harness_be_nobody(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--nobody") != 0 || geteuid() != 0) {
        return false;
    }
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        return false;
    }
    // A change of uid makes a process undumpable, and its /proc files root's.
    return prctl(PR_SET_DUMPABLE, 1) == 0;
}
