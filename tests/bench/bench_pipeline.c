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

enum {
    IN_FLIGHT = 64,
    CALLS = IN_FLIGHT * 100,
    PACKETS = IN_FLIGHT * 2000,
    ROUNDS = 9,
    PACKET_SIZE = 64,
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what, const rune_error *error)
{
    fprintf(stderr, "bench: %s: %s\n", what, error ? rune_error_message(error) : "failed");
    exit(1);
}

static void pin(pid_t pid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(pid, sizeof(set), &set) != 0) {
        perror("bench: sched_setaffinity");
    }
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

struct setup {
    rune_supervisor *supervisor;
    rune_context *context;
    rune_runtime *runtime;
    rune_unit *unit;
    rune_vm *vms[IN_FLIGHT];
    const rune_const_value *args[2];
};

static long worker_pid(rune_vm *vm, const rune_const_value *const *args)
{
    rune_record *record = NULL;
    rune_text *text = NULL;
    if (rune_vm_call_record(vm, "add", args, 2, NULL, &record, NULL) != RUNE_OK ||
        rune_record_to_json(record, NULL, 0, &text) != RUNE_OK) {
        die("record", NULL);
    }
    const char *at = strstr(rune_text_data(text), "\"pid\":");
    long pid = at ? strtol(at + 6, NULL, 10) : 0;
    rune_text_free(text);
    rune_record_free(record);
    return pid;
}

/* The threads that the library makes stay where this one is. */
static void start(struct setup *s, bool ring, int cpu)
{
    static const char text[] = "pub fn add(a, b) { a + b }\n";
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_spares(options, 0);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_ring(options, ring);
    if (rune_supervisor_new(options, &s->supervisor, &error) != RUNE_OK) {
        die("supervisor", error);
    }
    rune_supervisor_options_free(options);
    s->context = rune_context_with_default_modules();
    rune_sources *sources = rune_sources_new();
    if (!s->context || rune_context_runtime(s->context, &s->runtime, &error) != RUNE_OK ||
        rune_sources_insert_memory(sources, "bench.rn", text, sizeof(text) - 1, &error) !=
            RUNE_OK ||
        rune_build(s->supervisor, sources, s->context, NULL, NULL, &s->unit, &error) != RUNE_OK) {
        die("build", error);
    }
    rune_sources_free(sources);
    for (int i = 0; i < IN_FLIGHT; i++) {
        if (rune_vm_new(s->supervisor, s->runtime, s->unit, NULL, &s->vms[i], &error) != RUNE_OK) {
            die("vm", error);
        }
    }
    s->args[0] = rune_value_i64(20);
    s->args[1] = rune_value_i64(22);
    pin((pid_t)worker_pid(s->vms[0], s->args), cpu);
}

static void finish(struct setup *s)
{
    for (int i = 0; i < IN_FLIGHT; i++) {
        rune_vm_free(s->vms[i]);
    }
    rune_value_unref((rune_const_value *)s->args[0]);
    rune_value_unref((rune_const_value *)s->args[1]);
    rune_unit_unref(s->unit);
    rune_runtime_unref(s->runtime);
    rune_context_free(s->context);
    rune_supervisor_free(s->supervisor);
}

static double call_rate(struct setup *s)
{
    static rune_batch_call calls[CALLS];
    static rune_record *records[CALLS];
    rune_error *error = NULL;
    for (int i = 0; i < CALLS; i++) {
        calls[i] = (rune_batch_call){
            .vm = s->vms[i % IN_FLIGHT], .item = "add", .args = s->args, .arg_count = 2};
    }
    double begun = now_s();
    if (rune_call_many(calls, CALLS, records, &error) != RUNE_OK) {
        die("calls", error);
    }
    double spent = now_s() - begun;
    for (int i = 0; i < CALLS; i++) {
        if (rune_record_reason(records[i]) != RUNE_REASON_OK) {
            die("call", rune_record_error(records[i]));
        }
        rune_record_free(records[i]);
    }
    return CALLS / spent;
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
    struct setup ring = {0};
    struct setup socket = {0};
    double samples[4][ROUNDS];
    start(&ring, true, cpu);
    start(&socket, false, cpu);
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
    finish(&ring);
    finish(&socket);
}

/* For a profiler: some seconds of one kind. */
static void repeat(bool ring, int cpu)
{
    struct setup s = {0};
    start(&s, ring, cpu);
    double begun = now_s();
    while (now_s() - begun < 5) {
        printf("%.0f\n", call_rate(&s) / 1000);
    }
    finish(&s);
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
