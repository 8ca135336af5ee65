/* bench.c: what the benchmarks of calls share. */
#include "tests/bench/bench.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
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

double median_us(uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
    return (double)samples[count / 2] / 1000.0;
}

void pin(pid_t pid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < 0) {
        CPU_SET(0, &set);
        CPU_SET(1, &set);
    } else {
        CPU_SET((size_t)cpu, &set);
    }
    if (sched_setaffinity(pid, sizeof(set), &set) != 0) {
        perror("bench: sched_setaffinity");
    }
}

void die(const char *what, const rune_error *error)
{
    fprintf(stderr, "bench: %s: %s\n", what, error ? rune_error_message(error) : "failed");
    exit(1);
}

static const char *const speculations[] = {
    [RUNE_SPECULATION_RESTRICTED] = "restricted",
    [RUNE_SPECULATION_STORES] = "stores",
    [RUNE_SPECULATION_FREE] = "free",
};

rune_speculation chosen_speculation(void)
{
    const char *word = getenv("RN_BENCH_SPECULATION");
    for (int i = RUNE_SPECULATION_FREE; word != NULL && i > RUNE_SPECULATION_RESTRICTED; i--) {
        if (strcmp(word, speculations[i]) == 0) {
            return (rune_speculation)i;
        }
    }
    return RUNE_SPECULATION_RESTRICTED;
}

const char *chosen_speculation_name(void)
{
    return speculations[chosen_speculation()];
}

void restrict_like_worker(void)
{
    rune_speculation chosen = chosen_speculation();
    if (chosen < RUNE_SPECULATION_STORES) {
        (void)prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_FORCE_DISABLE, 0, 0);
    }
    if (chosen < RUNE_SPECULATION_FREE) {
        (void)prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_FORCE_DISABLE, 0, 0);
    }
}

/* The floor: a child that sends back what it gets. */
pid_t start_echo(int *out_fd)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("socketpair", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        char packet[4096];
        close(fds[0]);
        restrict_like_worker();
        for (;;) {
            ssize_t got = recv(fds[1], packet, sizeof(packet), 0);
            if (got <= 0 || send(fds[1], packet, (size_t)got, MSG_NOSIGNAL) != got) {
                _exit(0);
            }
        }
    }
    close(fds[1]);
    *out_fd = fds[0];
    return pid;
}

double echo_us(int fd)
{
    static uint64_t samples[CALLS];
    char packet[ECHO_SIZE] = {0};
    for (int i = 0; i < CALLS; i++) {
        uint64_t start = now_ns();
        if (send(fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0 ||
            recv(fd, packet, sizeof(packet), 0) < 0) {
            die("echo", NULL);
        }
        samples[i] = now_ns() - start;
    }
    return median_us(samples, CALLS);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    while (atomic_load(word) == seen) {
        (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
    }
}

static void futex_change(_Atomic uint32_t *word)
{
    atomic_fetch_add(word, 1);
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

pid_t start_ping_pong(struct ping_pong **out_shared)
{
    struct ping_pong *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        restrict_like_worker();
        for (uint32_t seen = 0;; seen++) {
            futex_wait(&shared->there, seen);
            futex_change(&shared->back);
        }
    }
    *out_shared = shared;
    return pid;
}

double futex_us(struct ping_pong *shared)
{
    static uint64_t samples[CALLS];
    for (int i = 0; i < CALLS; i++) {
        uint64_t start = now_ns();
        uint32_t seen = atomic_load(&shared->back);
        futex_change(&shared->there);
        futex_wait(&shared->back, seen);
        samples[i] = now_ns() - start;
    }
    return median_us(samples, CALLS);
}

rune_unit *build(struct setup *s, const char *text, size_t size)
{
    rune_error *error = NULL;
    rune_unit *unit = NULL;
    rune_sources *sources = rune_sources_new();
    if (rune_sources_insert_memory(sources, "bench.rn", text, size, &error) != RUNE_OK ||
        rune_build(s->supervisor, sources, s->context, NULL, NULL, &unit, &error) != RUNE_OK) {
        die("build", error);
    }
    rune_sources_free(sources);
    return unit;
}

rune_vm *vm_for(struct setup *s, rune_unit *unit, rune_isolation isolation)
{
    rune_error *error = NULL;
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, isolation);
    if (rune_vm_new(s->supervisor, s->runtime, unit, options, &vm, &error) != RUNE_OK) {
        die("vm", error);
    }
    rune_vm_options_free(options);
    return vm;
}

void start(struct setup *s, const struct wanted *wanted)
{
    static const char text[] =
        "pub fn add(a, b) { a + b }\n"
        "pub fn spin() { loop {} }\n"
        "pub fn work(n) { let sum = 0; for i in 0..n { sum += i % 7; } sum }\n";
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, wanted->workers);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_speculation(options, chosen_speculation());
    rune_supervisor_options_set_ring(options, !wanted->no_ring);
    if (wanted->no_spares) {
        rune_supervisor_options_set_spares(options, 0);
    }
    rune_supervisor_options_set_placement(options, wanted->follow ? RUNE_PLACEMENT_CALLER
                                                                  : RUNE_PLACEMENT_FREE);
    if (rune_supervisor_new(options, &s->supervisor, &error) != RUNE_OK) {
        die("supervisor", error);
    }
    rune_supervisor_options_free(options);
    s->context = rune_context_with_default_modules();
    if (!s->context || rune_context_runtime(s->context, &s->runtime, &error) != RUNE_OK) {
        die("context", error);
    }
    s->unit = build(s, text, sizeof(text) - 1);
    s->vm = vm_for(s, s->unit, RUNE_ISOLATION_SHARED);
}

uint64_t call_add(rune_vm *vm, const rune_const_value *const *args)
{
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    uint64_t begin = now_ns();
    rune_status status = rune_vm_call(vm, "add", args, 2, NULL, &value, &error);
    uint64_t spent = now_ns() - begin;
    if (status != RUNE_OK) {
        die("call", error);
    }
    rune_value_unref(value);
    return spent;
}

double call_us(rune_vm *vm, const rune_const_value *const *args)
{
    static uint64_t samples[CALLS];
    for (int i = 0; i < CALLS; i++) {
        samples[i] = call_add(vm, args);
    }
    return median_us(samples, CALLS);
}

double fresh_vm_us(struct setup *s, const rune_const_value *const *args)
{
    static uint64_t samples[CALLS];
    for (int i = 0; i < CALLS; i++) {
        uint64_t begin = now_ns();
        rune_vm *vm = vm_for(s, s->unit, RUNE_ISOLATION_SHARED);
        call_add(vm, args);
        rune_vm_free(vm);
        samples[i] = now_ns() - begin;
    }
    return median_us(samples, CALLS);
}

static void await_spare(struct setup *s)
{
    rune_stats stats = {.spares_now = 0};
    for (int i = 0; i < 1000 && stats.spares_now == 0; i++) {
        usleep(1000);
        rune_supervisor_stats(s->supervisor, &stats);
    }
    usleep(2000); // it has been made, and sleeps
}

double fresh_process_us(struct setup *s, const rune_const_value *const *args, bool warm)
{
    enum {
        COUNT = 60
    };
    uint64_t samples[COUNT];
    rune_vm *vm = vm_for(s, s->unit, RUNE_ISOLATION_CALL);
    for (int i = 0; i < COUNT; i++) {
        if (warm) {
            await_spare(s);
        }
        samples[i] = call_add(vm, args);
    }
    rune_vm_free(vm);
    return median_us(samples, COUNT);
}

/* One call a millisecond: what waking costs, whoever has to be woken. */
double rare_call_us(rune_vm *vm, const rune_const_value *const *args)
{
    enum {
        COUNT = 200
    };
    uint64_t samples[COUNT];
    for (int i = 0; i < COUNT; i++) {
        usleep(1000);
        samples[i] = call_add(vm, args);
    }
    return median_us(samples, COUNT);
}

double rare_echo_us(int fd)
{
    enum {
        COUNT = 200
    };
    uint64_t samples[COUNT];
    char packet[ECHO_SIZE] = {0};
    for (int i = 0; i < COUNT; i++) {
        usleep(1000);
        uint64_t start = now_ns();
        if (send(fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0 ||
            recv(fd, packet, sizeof(packet), 0) < 0) {
            die("echo", NULL);
        }
        samples[i] = now_ns() - start;
    }
    return median_us(samples, COUNT);
}

void finish(struct setup *s)
{
    rune_vm_free(s->vm);
    rune_unit_unref(s->unit);
    rune_runtime_unref(s->runtime);
    rune_context_free(s->context);
    rune_supervisor_free(s->supervisor);
}

pid_t worker_of(rune_vm *vm, const rune_const_value *const *args)
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
    return (pid_t)pid;
}
