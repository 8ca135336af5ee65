/*
 * bench_pipeline.c: calls per second with 64 of them in flight to one worker, beside streams of packets
 * through the same kinds of lane with nothing done at the other end.
 *
 * One core: host program and worker share core 0. Two: the host program is on core 0, the worker on
 * core 1. Rounds are interleaved; medians, and nothing is asserted.
 *
 * usage: bench_pipeline [ring | socket] [one | two]: that one, over and over, for a profiler
 */
#include <runeward/runeward.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/ring.h"
#include "tests/bench/bench.h"

enum {
    IN_FLIGHT = 64,
    MANY_CALLS = IN_FLIGHT * 100,
    PACKETS = IN_FLIGHT * 2000,
    ROUNDS = 9,
    PACKET_SIZE = 64,
    REPEAT_S = 5,
};

static double now_s(void)
{
    return (double)now_ns() * 1e-9;
}

/* Floors: a child that sends back what it gets. */

static void wait_ring(struct rn_ring_half *half, uint32_t head)
{
    atomic_store(&half->waits, RN_RING_FUTEX);
    uint32_t seen = atomic_load(&half->doorbell);
    if (atomic_load(&half->tail) == head) {
        rn_ring_sleep(half, seen, 0);
    }
    atomic_store(&half->waits, RN_RING_AWAKE);
}

/* A worker's part: everything that is at hand, then one ring of the bell. */
static void echo_ring(struct rn_ring *ring)
{
    uint8_t bytes[RN_RING_PACKET_MAX];
    uint32_t head = 0;
    uint32_t tail = 0;
    for (;;) {
        struct rn_ring_packet packet = {.present = false};
        bool any = false;
        while (rn_ring_peek(&ring->to_worker, head, &packet) == RN_OK && packet.present) {
            rn_ring_take(&ring->to_worker, &head, &packet, bytes);
            any = rn_ring_push(&ring->to_supervisor, &tail, bytes, packet.size, 0);
        }
        if (any) {
            rn_ring_bell(&ring->to_supervisor);
        } else {
            wait_ring(&ring->to_worker, head);
        }
    }
}

static double ring_rate(int cpu)
{
    struct rn_ring *ring;
    int fd;
    uint8_t bytes[RN_RING_PACKET_MAX] = {0};
    uint32_t head = 0;
    uint32_t tail = 0;
    if (rn_ring_make(&ring, &fd) != RN_OK) {
        die("ring", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(0, cpu);
        echo_ring(ring);
    }
    double begun = now_s();
    for (int sent = 0, got = 0; got < PACKETS;) {
        struct rn_ring_packet packet = {.present = false};
        bool pushed = false;
        while (sent < PACKETS && sent - got < IN_FLIGHT &&
               rn_ring_push(&ring->to_worker, &tail, bytes, PACKET_SIZE, 0)) {
            pushed = true;
            sent++;
        }
        if (pushed) {
            rn_ring_bell(&ring->to_worker);
        }
        bool any = false;
        while (rn_ring_peek(&ring->to_supervisor, head, &packet) == RN_OK && packet.present) {
            rn_ring_take(&ring->to_supervisor, &head, &packet, bytes);
            any = true;
            got++;
        }
        if (!any) {
            wait_ring(&ring->to_supervisor, head);
        }
    }
    double spent = now_s() - begun;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
    rn_ring_unmap(ring);
    return PACKETS / spent;
}

static void echo_socket(int fd)
{
    char packet[PACKET_SIZE];
    for (;;) {
        ssize_t got = recv(fd, packet, sizeof(packet), 0);
        if (got <= 0 || send(fd, packet, (size_t)got, MSG_NOSIGNAL) != got) {
            _exit(0);
        }
    }
}

static double socket_rate(int cpu)
{
    int fds[2];
    char packet[PACKET_SIZE] = {0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("socketpair", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        pin(0, cpu);
        echo_socket(fds[1]);
    }
    close(fds[1]);
    double begun = now_s();
    int packets = PACKETS / 8;
    for (int sent = 0, got = 0; got < packets;) {
        while (sent < packets && sent - got < IN_FLIGHT) {
            if (send(fds[0], packet, sizeof(packet), MSG_NOSIGNAL) < 0) {
                die("send", NULL);
            }
            sent++;
        }
        bool first = true;
        while (got < sent && recv(fds[0], packet, sizeof(packet), first ? 0 : MSG_DONTWAIT) > 0) {
            first = false;
            got++;
        }
    }
    double spent = now_s() - begun;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fds[0]);
    return packets / spent;
}

/* Calls */

struct batch {
    struct setup s;
    rune_vm *vms[IN_FLIGHT];
    const rune_const_value *args[2];
};

/* The threads that the library makes stay where this one is. */
static void start_batch(struct batch *batch, bool ring, int cpu)
{
    start(&batch->s, &(struct wanted){.workers = 1, .no_ring = !ring});
    for (int i = 0; i < IN_FLIGHT; i++) {
        batch->vms[i] = vm_for(&batch->s, batch->s.unit, RUNE_ISOLATION_SHARED);
    }
    batch->args[0] = rune_value_i64(20);
    batch->args[1] = rune_value_i64(22);
    pin(worker_of(batch->vms[0], batch->args), cpu);
}

static void finish_batch(struct batch *batch)
{
    for (int i = 0; i < IN_FLIGHT; i++) {
        rune_vm_free(batch->vms[i]);
    }
    rune_value_unref((rune_const_value *)batch->args[0]);
    rune_value_unref((rune_const_value *)batch->args[1]);
    finish(&batch->s);
}

static double call_rate(struct batch *batch)
{
    static rune_batch_call calls[MANY_CALLS];
    static rune_record *records[MANY_CALLS];
    rune_error *error = NULL;
    for (int i = 0; i < MANY_CALLS; i++) {
        calls[i] = (rune_batch_call){
            .vm = batch->vms[i % IN_FLIGHT], .item = "add", .args = batch->args, .arg_count = 2};
    }
    double begun = now_s();
    if (rune_call_many(calls, MANY_CALLS, records, &error) != RUNE_OK) {
        die("calls", error);
    }
    double spent = now_s() - begun;
    for (int i = 0; i < MANY_CALLS; i++) {
        if (rune_record_reason(records[i]) != RUNE_REASON_OK) {
            die("call", rune_record_error(records[i]));
        }
        rune_record_free(records[i]);
    }
    return MANY_CALLS / spent;
}

static double median(double *samples)
{
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = i + 1; j < ROUNDS; j++) {
            if (samples[j] < samples[i]) {
                double swapped = samples[i];
                samples[i] = samples[j];
                samples[j] = swapped;
            }
        }
    }
    return samples[ROUNDS / 2];
}

static void table(const char *name, int cpu)
{
    struct batch ring = {.args = {NULL}};
    struct batch socket = {.args = {NULL}};
    double samples[4][ROUNDS];
    start_batch(&ring, true, cpu);
    start_batch(&socket, false, cpu);
    for (int round = 0; round < ROUNDS; round++) {
        samples[0][round] = ring_rate(cpu) / 1000;
        samples[1][round] = call_rate(&ring) / 1000;
        samples[2][round] = socket_rate(cpu) / 1000;
        samples[3][round] = call_rate(&socket) / 1000;
    }
    double m[4];
    for (int i = 0; i < 4; i++) {
        m[i] = median(samples[i]);
    }
    printf("%-11s%12.0f%12.0f%8.2f%12.0f%12.0f%8.2f\n", name, m[0], m[1], m[1] / m[0], m[2], m[3],
           m[3] / m[2]);
    finish_batch(&ring);
    finish_batch(&socket);
}

static double used_s(clockid_t clock)
{
    struct timespec used;
    if (clock_gettime(clock, &used) != 0) {
        die("clock", NULL);
    }
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* For a profiler: some seconds of one kind, and the processor time that a call takes on each side. */
static void repeat(bool ring, int cpu)
{
    struct batch batch = {.args = {NULL}};
    clockid_t clock;
    start_batch(&batch, ring, cpu);
    if (clock_getcpuclockid(worker_of(batch.vms[0], batch.args), &clock) != 0) {
        die("clock", NULL);
    }
    double begun = now_s();
    double host = used_s(CLOCK_PROCESS_CPUTIME_ID);
    double worker = used_s(clock);
    int calls = 0;
    while (now_s() - begun < REPEAT_S) {
        printf("%.0f\n", call_rate(&batch) / 1000);
        calls += MANY_CALLS;
    }
    printf("a call: host %.2f us, worker %.2f us\n",
           (used_s(CLOCK_PROCESS_CPUTIME_ID) - host) / calls * 1e6,
           (used_s(clock) - worker) / calls * 1e6);
    finish_batch(&batch);
}

int main(int argc, char **argv)
{
    pin(0, 0);
    if (argc == 3) {
        repeat(strcmp(argv[1], "ring") == 0, strcmp(argv[2], "two") == 0);
        return 0;
    }
    printf("thousands a second, %d in flight, median of %d rounds\n", IN_FLIGHT, ROUNDS);
    printf("%-11s%12s%12s%8s%12s%12s%8s\n", "placement", "bare ring", "calls", "ratio",
           "bare socket", "calls", "ratio");
    table("one core", 0);
    table("two cores", 1);
    return 0;
}
