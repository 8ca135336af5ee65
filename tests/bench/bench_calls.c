/*
 * bench_calls.c: what a call costs, beside its floor in the same run.
 *
 * Three placements, since a blocked round trip between two idle cores is twenty times one on a single
 * core: both ends on core 0, worker on core 1, and wherever the scheduler puts them. The floors
 * are a bare SOCK_SEQPACKET echo and a bare futex ping-pong between two processes in the same
 * placement, the child's speculation restricted as a worker's is. Rounds are interleaved and
 * medians printed; nothing is asserted.
 */
#include "shm/segment.h"
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 9,
};

struct placement {
    const char *name;
    int ours;
    int theirs;
};

enum column {
    ECHO,
    SOCKET_CALL,
    FUTEX,
    RING_CALL,
    FRESH_VM,
    RARE_ECHO,
    RARE_CALL,
    COLUMNS
};

static double measure(enum column column, int echo_fd, struct ping_pong *shared, struct setup *ring,
                      struct setup *socket, const rune_const_value *const *args)
{
    switch (column) {
    case ECHO:
        return echo_us(echo_fd);
    case SOCKET_CALL:
        return call_us(socket->vm, args);
    case FUTEX:
        return futex_us(shared);
    case RING_CALL:
        return call_us(ring->vm, args);
    case FRESH_VM:
        return fresh_vm_us(ring, args);
    case RARE_ECHO:
        return rare_echo_us(echo_fd);
    case RARE_CALL:
        return rare_call_us(ring->vm, args);
    case COLUMNS:
        break;
    }
    return 0;
}

static void calls_table(struct setup *ring, struct setup *socket,
                        const rune_const_value *const *args)
{
    static const struct placement placements[] = {
        {"one core", 0, 0},
        {"two cores", 0, 1},
        {"unpinned", -1, -1},
    };
    int fd = -1;
    struct ping_pong *shared;
    pid_t echo = start_echo(&fd);
    pid_t pong = start_ping_pong(&shared);
    printf("call of a trivial function, warm worker, median us of %d x %d, speculation %s\n",
           ROUNDS, CALLS, chosen_speculation_name());
    printf("%-11s%9s%9s%7s%9s%9s%7s%9s%11s%9s\n", "placement", "echo", "socket", "ratio", "futex",
           "ring", "ratio", "new Vm", "rare echo", "rare");
    for (size_t p = 0; p < sizeof(placements) / sizeof(placements[0]); p++) {
        uint64_t samples[COLUMNS][ROUNDS];
        double m[COLUMNS];
        pin(0, placements[p].ours);
        pin(echo, placements[p].theirs);
        pin(pong, placements[p].theirs);
        pin(worker_of(ring->vm, args), placements[p].theirs);
        pin(worker_of(socket->vm, args), placements[p].theirs);
        for (int round = 0; round < ROUNDS; round++) {
            for (int c = 0; c < COLUMNS; c++) {
                samples[c][round] =
                    (uint64_t)(1000 * measure((enum column)c, fd, shared, ring, socket, args));
            }
        }
        for (int c = 0; c < COLUMNS; c++) {
            m[c] = median_us(samples[c], ROUNDS);
        }
        printf("%-11s%9.2f%9.2f%7.2f%9.2f%9.2f%7.2f%9.2f%11.2f%9.2f\n", placements[p].name, m[ECHO],
               m[SOCKET_CALL], m[SOCKET_CALL] / m[ECHO], m[FUTEX], m[RING_CALL],
               m[RING_CALL] / m[FUTEX], m[FRESH_VM], m[RARE_ECHO], m[RARE_CALL]);
    }
    pin(0, -1);
    pin(worker_of(ring->vm, args), -1);
    kill(echo, SIGKILL);
    kill(pong, SIGKILL);
    waitpid(echo, NULL, 0);
    waitpid(pong, NULL, 0);
    munmap(shared, 4096);
    close(fd);
}

enum {
    ATTACH_COUNT = 120,
    PLACES = 4,
};

/*
 * The floor of attaching: a child is sent a sealed memfd as large as the Unit, looks at its seals, maps it,
 * closes the descriptor, reads a byte where the worker has to look (header, exports, functions, code: at
 * most PLACES) and answers; less the round trip of a packet without a descriptor.
 */
static void serve_floor(int fd)
{
    char packet[ECHO_SIZE];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    for (;;) {
        struct iovec part = {.iov_base = packet, .iov_len = sizeof(packet)};
        struct msghdr header = {.msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes)};
        ssize_t got = recvmsg(fd, &header, 0);
        if (got <= 0) {
            _exit(0);
        }
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        if (c) {
            int passed;
            memcpy(&passed, CMSG_DATA(c), sizeof(passed));
            size_t size;
            memcpy(&size, packet, sizeof(size));
            (void)fcntl(passed, F_GET_SEALS);
            const volatile char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, passed, 0);
            close(passed);
            for (size_t place = 0; place < PLACES; place++) {
                packet[sizeof(size)] = map[place * (size / PLACES)];
            }
        }
        if (send(fd, packet, (size_t)got, MSG_NOSIGNAL) != got) {
            _exit(0);
        }
    }
}

static uint64_t floor_trip(int fd, int passed, size_t size)
{
    char packet[ECHO_SIZE] = {0};
    memcpy(packet, &size, sizeof(size));
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = packet, .iov_len = sizeof(packet)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &passed, sizeof(passed));
    }
    uint64_t begin = now_ns();
    if (sendmsg(fd, &header, MSG_NOSIGNAL) < 0 || recv(fd, packet, sizeof(packet), 0) < 0) {
        die("floor of attaching", NULL);
    }
    return now_ns() - begin;
}

static pid_t start_floor(int *out_fd)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("floor of attaching", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        restrict_like_worker();
        serve_floor(fds[1]);
    }
    close(fds[1]);
    pin(pid, 0);
    *out_fd = fds[0];
    return pid;
}

/* A memfd with the bytes of the Unit, as new to the child as the Unit is to the worker. */
static uint64_t floor_ns(int fd, const rune_unit *unit)
{
    size_t size;
    const void *image = rune_unit_image(unit, &size);
    int memfd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0 || write(memfd, image, size) != (ssize_t)size) {
        die("floor of attaching", NULL);
    }
    (void)floor_trip(fd, -1, size); // what lies between is cold
    uint64_t without = floor_trip(fd, -1, size);
    uint64_t with = floor_trip(fd, memfd, size);
    close(memfd);
    return with > without ? with - without : 0;
}

static rune_unit *build_many(struct setup *s, size_t functions)
{
    size_t capacity = functions * 64 + 64;
    char *text = malloc(capacity);
    size_t size = (size_t)snprintf(text, capacity, "pub fn add(a, b) { a + b }\n");
    for (size_t i = 0; i < functions; i++) {
        size += (size_t)snprintf(text + size, capacity - size, "pub fn f%zu(x) { x * %zu + x }\n",
                                 i, i);
    }
    rune_unit *unit = build(s, text, size);
    free(text);
    return unit;
}

/* First call on a Unit in a warm worker, less one on a Unit that is attached: attaching, whatever the size. */
static void attach_row(struct setup *s, int floor, size_t functions,
                       const rune_const_value *const *args)
{
    static uint64_t bare[ATTACH_COUNT];
    static uint64_t attach[ATTACH_COUNT];
    rune_unit *units[ATTACH_COUNT];
    size_t count = functions > 1000 ? ATTACH_COUNT / 4 : ATTACH_COUNT;
    for (size_t i = 0; i < count; i++) {
        units[i] = build_many(s, functions);
    }
    for (size_t i = 0; i < count; i++) {
        rune_vm *vm = vm_for(s, units[i], RUNE_ISOLATION_SHARED);
        bare[i] = floor_ns(floor, units[i]);
        call_add(s->vm, args);
        uint64_t attached = call_add(s->vm, args);
        uint64_t first = call_add(vm, args);
        attach[i] = first > attached ? first - attached : 0;
        rune_vm_free(vm);
    }
    double floor_us = median_us(bare, count);
    double us = median_us(attach, count);
    printf("%10zu functions%10.1f%10.1f%10.2f\n", functions, us, floor_us, us / floor_us);
    for (size_t i = 0; i < count; i++) {
        rune_unit_unref(units[i]);
    }
}

static void attach_table(struct setup *s, const rune_const_value *const *args)
{
    int floor;
    pid_t pid = start_floor(&floor);
    pin(0, 0);
    pin(worker_of(s->vm, args), 0);
    printf("\nfirst call on a Unit, less a call (attach and link), one core, median us\n");
    printf("%20s%10s%10s%10s\n", "", "here", "bare map", "ratio");
    for (size_t functions = 1; functions <= 10000; functions *= 100) {
        attach_row(s, floor, functions, args);
    }
    pin(0, -1);
    pin(worker_of(s->vm, args), -1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(floor);
}

/* The floor of publishing: the same bytes by write() into a memfd, sealed and mapped read-only. */
static uint64_t bare_segment_ns(const void *image, size_t size)
{
    uint64_t begin = now_ns();
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, image, size) != (ssize_t)size ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        die("floor of publishing", NULL);
    }
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    uint64_t spent = now_ns() - begin;
    if (map == MAP_FAILED) {
        die("floor of publishing", NULL);
    }
    munmap(map, size);
    close(fd);
    return spent;
}

/* A saved Unit read again: content id, two segments (image, debug), verification. */
static uint64_t load_ns(const rune_text *saved)
{
    rune_error *error = NULL;
    rune_unit *unit = NULL;
    uint64_t begin = now_ns();
    if (rune_unit_load(rune_text_data(saved), rune_text_size(saved), &unit, &error) != RUNE_OK) {
        die("load", error);
    }
    uint64_t spent = now_ns() - begin;
    rune_unit_unref(unit);
    return spent;
}

/* As every Unit is published once it is there: copied, sealed, mapped. */
static uint64_t segment_ns(const void *image, size_t size)
{
    struct rn_segment segment;
    uint64_t begin = now_ns();
    if (rn_segment_make("bench", image, size, &segment) != RN_OK) {
        die("segment", NULL);
    }
    uint64_t spent = now_ns() - begin;
    rn_segment_done(&segment);
    return spent;
}

static void publish_row(struct setup *s, size_t functions)
{
    static uint64_t bare[ATTACH_COUNT];
    static uint64_t segment[ATTACH_COUNT];
    static uint64_t load[ATTACH_COUNT];
    rune_unit *unit = build_many(s, functions);
    rune_text *saved = NULL;
    rune_error *error = NULL;
    size_t size;
    const void *image = rune_unit_image(unit, &size);
    if (rune_unit_save(unit, &saved, &error) != RUNE_OK) {
        die("save", error);
    }
    for (size_t i = 0; i < ATTACH_COUNT; i++) {
        bare[i] = bare_segment_ns(image, size);
        segment[i] = segment_ns(image, size);
        load[i] = load_ns(saved);
    }
    double floor_us = median_us(bare, ATTACH_COUNT);
    double us = median_us(segment, ATTACH_COUNT);
    printf("%10zu bytes    %10.1f%12.1f%8.2f%10.1f\n", size, us, floor_us, us / floor_us,
           median_us(load, ATTACH_COUNT));
    rune_text_free(saved);
    rune_unit_unref(unit);
}

static void publish_table(struct setup *s)
{
    printf("\npublish a Unit (copy, seal, map), and load one that was saved (content id, two "
           "segments,\n"
           "verification), median us\n");
    printf("%20s%10s%12s%8s%10s\n", "", "publish", "bare memfd", "ratio", "load");
    publish_row(s, 1);
    publish_row(s, 100);
    publish_row(s, 500);
}

int main(void)
{
    struct setup s = {0};
    struct setup without_ring = {0};
    start(&s, &(struct wanted){.workers = 1});
    const rune_const_value *args[2] = {rune_value_i64(20), rune_value_i64(22)};
    call_add(s.vm, args);
    start(&without_ring, &(struct wanted){.workers = 1, .no_ring = true});
    call_add(without_ring.vm, args);
    calls_table(&s, &without_ring, args);
    finish(&without_ring);
    printf("\nfresh process for each call, median us: from spares %.1f, back to back %.1f\n",
           fresh_process_us(&s, args, true), fresh_process_us(&s, args, false));
    attach_table(&s, args);
    publish_table(&s);
    rune_value_unref((rune_const_value *)args[0]);
    rune_value_unref((rune_const_value *)args[1]);
    finish(&s);
    return 0;
}
