/*
 * bench_spawn.c: what a process behind the wall costs, beside a bare posix_spawn of the same
 * program.
 *
 * "answered" is the time until the zygote says that the child was executed, "standing" until the
 * child's first word, with every layer in place. Medians; nothing is asserted.
 */
#include "supervisor/spawner.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ZYGOTES = 20,
    CHILDREN = 400,
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print(const char *what, uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
    printf("%-44s %8.1f us  (p90 %.1f)\n", what, (double)samples[count / 2] / 1000.0,
           (double)samples[count * 9 / 10] / 1000.0);
}

static void die(const char *what)
{
    fprintf(stderr, "bench_spawn: %s\n", what);
    exit(1);
}

// The program ends at once when its arguments are not a zygote's.
static void bench_floor(void)
{
    static uint64_t samples[CHILDREN];
    char *argv[] = {(char *)"subject", NULL};
    char *envp[] = {NULL};
    for (unsigned i = 0; i < CHILDREN; i++) {
        pid_t pid;
        uint64_t start = now_ns();
        if (posix_spawn(&pid, RN_WALL_SUBJECT, NULL, NULL, argv, envp) != 0) {
            die("posix_spawn");
        }
        waitpid(pid, NULL, 0);
        samples[i] = now_ns() - start;
    }
    print("floor: posix_spawn, exit, wait", samples, CHILDREN);
}

static void bench_zygotes(struct rn_spawner *spawner)
{
    static uint64_t samples[ZYGOTES];
    for (unsigned i = 0; i < ZYGOTES; i++) {
        struct rn_zygote *zygote;
        struct rn_spawn_failure failure;
        uint64_t start = now_ns();
        if (rn_zygote_new(spawner, &zygote, &failure) != RN_OK) {
            die(failure.step);
        }
        samples[i] = now_ns() - start;
        rn_zygote_free(zygote);
    }
    print("zygote of a domain, every shared layer", samples, ZYGOTES);
}

static void bench_children(struct rn_zygote *zygote)
{
    static uint64_t answered[CHILDREN];
    static uint64_t standing[CHILDREN];
    for (unsigned i = 0; i < CHILDREN; i++) {
        int ends[2];
        long word;
        struct rn_child child;
        struct rn_spawn_failure failure;
        uint64_t start = now_ns();
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
            die("socketpair");
        }
        struct rn_spawn_request request = {.role = RN_ROLE_WORKER,
                                           .socket_fd = ends[1],
                                           .segment_fds = {-1, -1, -1},
                                           .arena_size = 64u << 20};
        if (rn_zygote_spawn(zygote, &request, &child, &failure) != RN_OK) {
            die(failure.step);
        }
        answered[i] = now_ns() - start;
        close(ends[1]);
        if (recv(ends[0], &word, sizeof(word), 0) != (ssize_t)sizeof(word)) {
            die("the child said nothing");
        }
        standing[i] = now_ns() - start;
        close(ends[0]);
        close(child.pidfd);
        struct rn_child_exit ended;
        while (rn_zygote_next_exit(zygote, UINT64_MAX, &ended) == RN_E_WOULD_BLOCK) {
            usleep(100);
        }
    }
    print("worker asked for, answered", answered, CHILDREN);
    print("worker asked for, standing with every layer", standing, CHILDREN);
}

int main(void)
{
    struct rn_spawner_options options = {.worker_path = RN_WALL_SUBJECT,
                                         .compiler_path = RN_WALL_SUBJECT};
    struct rn_spawner *spawner = NULL;
    struct rn_zygote *zygote = NULL;
    struct rn_spawn_failure failure;
    if (rn_spawner_new(&options, &spawner, &failure) != RN_OK ||
        rn_zygote_new(spawner, &zygote, &failure) != RN_OK) {
        die(failure.step);
    }
    bench_floor();
    bench_zygotes(spawner);
    bench_children(zygote);
    rn_zygote_free(zygote);
    rn_spawner_free(spawner);
    return 0;
}
