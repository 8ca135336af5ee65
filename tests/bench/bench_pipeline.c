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

#include <malloc.h>
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
    MANY_CALLS = IN_FLIGHT * 500,
    PACKETS = IN_FLIGHT * 2000,
    ROUNDS = 9,
    PACKET_SIZE = 64,
    REPEAT_CALLS = 900000, // a worker serves a million, then another takes its place
};

static double now_s(void)
{
    return (double)now_ns() * 1e-9;
}

/* Floors: a child that sends back what it gets. */

static void wait_ring(struct rn_ring_half *half, const struct rn_ring_end *end)
{
    rn_ring_say_waits(half, RN_RING_FUTEX);
    if (atomic_load(&half->tail) == end->at) {
        rn_ring_sleep(half, 0);
    }
    rn_ring_say_waits(half, RN_RING_AWAKE);
}

/* A worker's part: everything that is at hand, then one ring of the bell. */
static void echo_ring(struct rn_ring *ring)
{
    uint8_t bytes[RN_RING_PACKET_MAX];
    struct rn_ring_end head = {0};
    struct rn_ring_end tail = {0};
    for (;;) {
        struct rn_ring_packet packet = {.present = false};
        bool any = false;
        while (rn_ring_peek(&ring->to_worker, &head, &packet) == RN_OK && packet.present) {
            rn_ring_take(&ring->to_worker, &head, &packet, bytes);
            any = rn_ring_push(&ring->to_supervisor, &tail, bytes, packet.size, 0);
        }
        if (any) {
            rn_ring_bell(&ring->to_supervisor);
        } else {
            wait_ring(&ring->to_worker, &head);
        }
    }
}

/* The floors' children are started once: a fork has its parent's pages written to anew afterwards. */
struct floors {
    struct rn_ring *ring;
    int ring_fd;
    struct rn_ring_end head;
    struct rn_ring_end tail;
    pid_t ring_pid;
    int socket_fd;
    pid_t socket_pid;
};

static double ring_rate(struct floors *floors)
{
    struct rn_ring *ring = floors->ring;
    uint8_t bytes[RN_RING_PACKET_MAX] = {0};
    double begun = now_s();
    for (int sent = 0, got = 0; got < PACKETS;) {
        struct rn_ring_packet packet = {.present = false};
        bool pushed = false;
        while (sent < PACKETS && sent - got < IN_FLIGHT &&
               rn_ring_push(&ring->to_worker, &floors->tail, bytes, PACKET_SIZE, 0)) {
            pushed = true;
            sent++;
        }
        if (pushed) {
            rn_ring_bell(&ring->to_worker);
        }
        bool any = false;
        while (rn_ring_peek(&ring->to_supervisor, &floors->head, &packet) == RN_OK &&
               packet.present) {
            rn_ring_take(&ring->to_supervisor, &floors->head, &packet, bytes);
            any = true;
            got++;
        }
        if (!any) {
            wait_ring(&ring->to_supervisor, &floors->head);
        }
    }
    return PACKETS / (now_s() - begun);
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

static double socket_rate(const struct floors *floors)
{
    char packet[PACKET_SIZE] = {0};
    int packets = PACKETS / 8;
    double begun = now_s();
    for (int sent = 0, got = 0; got < packets;) {
        while (sent < packets && sent - got < IN_FLIGHT) {
            if (send(floors->socket_fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0) {
                die("send", NULL);
            }
            sent++;
        }
        bool first = true;
        while (got < sent &&
               recv(floors->socket_fd, packet, sizeof(packet), first ? 0 : MSG_DONTWAIT) > 0) {
            first = false;
            got++;
        }
    }
    return packets / (now_s() - begun);
}

static pid_t start_child(int cpu)
{
    pid_t pid = fork();
    if (pid < 0) {
        die("fork", NULL);
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        restrict_like_worker();
        pin(0, cpu);
    }
    return pid;
}

static void start_floors(struct floors *floors, int cpu)
{
    int fds[2];
    *floors = (struct floors){.ring = NULL};
    if (rn_ring_make(&floors->ring, &floors->ring_fd) != RN_OK ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("floors", NULL);
    }
    floors->ring_pid = start_child(cpu);
    if (floors->ring_pid == 0) {
        echo_ring(floors->ring);
    }
    floors->socket_pid = start_child(cpu);
    if (floors->socket_pid == 0) {
        close(fds[0]);
        echo_socket(fds[1]);
    }
    close(fds[1]);
    floors->socket_fd = fds[0];
}

static void finish_floors(struct floors *floors)
{
    kill(floors->ring_pid, SIGKILL);
    kill(floors->socket_pid, SIGKILL);
    waitpid(floors->ring_pid, NULL, 0);
    waitpid(floors->socket_pid, NULL, 0);
    close(floors->ring_fd);
    close(floors->socket_fd);
    rn_ring_unmap(floors->ring);
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
    struct floors floors;
    double samples[4][ROUNDS];
    start_floors(&floors, cpu);
    start_batch(&ring, true, cpu);
    start_batch(&socket, false, cpu);
    (void)call_rate(&ring); // the first round finds everything cold
    (void)call_rate(&socket);
    for (int round = 0; round < ROUNDS; round++) {
        samples[0][round] = ring_rate(&floors) / 1000;
        samples[1][round] = call_rate(&ring) / 1000;
        samples[2][round] = socket_rate(&floors) / 1000;
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
    finish_floors(&floors);
}

static double used_s(clockid_t clock)
{
    struct timespec used;
    if (clock_gettime(clock, &used) != 0) {
        die("clock", NULL);
    }
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* For a profiler: many calls of one kind, and the processor time that a call takes on each side. */
static void repeat(bool ring, int cpu)
{
    struct batch batch = {.args = {NULL}};
    clockid_t clock;
    start_batch(&batch, ring, cpu);
    if (clock_getcpuclockid(worker_of(batch.vms[0], batch.args), &clock) != 0) {
        die("clock", NULL);
    }
    double host = used_s(CLOCK_PROCESS_CPUTIME_ID);
    double worker = used_s(clock);
    int calls = 0;
    while (calls < REPEAT_CALLS) {
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
    // Records are freed between rounds, and the heap that they leave is the next round's.
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    pin(0, 0);
    if (argc == 3) {
        repeat(strcmp(argv[1], "ring") == 0, strcmp(argv[2], "two") == 0);
        return 0;
    }
    printf("thousands a second, %d in flight, median of %d rounds, speculation %s\n", IN_FLIGHT,
           ROUNDS, chosen_speculation_name());
    printf("%-11s%12s%12s%8s%12s%12s%8s\n", "placement", "bare ring", "calls", "ratio",
           "bare socket", "calls", "ratio");
    table("one core", 0);
    table("two cores", 1);
    return 0;
}
