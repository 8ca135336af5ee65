/*
 * bench_calls.c: what a call costs, beside its floor in the same run.
 *
 * Three placements, since a blocked round trip between two idle cores is twenty times one on a single
 * core: both ends on core 0, worker on core 1, and wherever the scheduler puts them. The floor is a
 * bare SOCK_SEQPACKET echo between two processes in the same placement. Rounds are interleaved and
 * medians printed; nothing is asserted.
 */
#include <runeward/runeward.h>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CALLS = 3000,
    ROUNDS = 9,
    ECHO_SIZE = 64,
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

static double median_us(uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
    return (double)samples[count / 2] / 1000.0;
}

static void pin(pid_t pid, int cpu)
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

static void die(const char *what, const rune_error *error)
{
    fprintf(stderr, "bench: %s: %s\n", what, error ? rune_error_message(error) : "failed");
    exit(1);
}

/* The floor: a child that sends back what it gets. */
static pid_t start_echo(int *out_fd)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("socketpair", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        char packet[4096];
        close(fds[0]);
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

static double echo_us(int fd)
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

struct setup {
    rune_supervisor *supervisor;
    rune_context *context;
    rune_runtime *runtime;
    rune_unit *unit;
    rune_vm *vm;
};

static rune_unit *build(struct setup *s, const char *text, size_t size)
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

static rune_vm *vm_for(struct setup *s, rune_unit *unit, rune_isolation isolation)
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

static void start(struct setup *s)
{
    static const char text[] = "pub fn add(a, b) { a + b }\n";
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
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

static uint64_t call_add(rune_vm *vm, const rune_const_value *const *args)
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

static double call_us(rune_vm *vm, const rune_const_value *const *args)
{
    static uint64_t samples[CALLS];
    for (int i = 0; i < CALLS; i++) {
        samples[i] = call_add(vm, args);
    }
    return median_us(samples, CALLS);
}

static double fresh_vm_us(struct setup *s, const rune_const_value *const *args)
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

static double fresh_process_us(struct setup *s, const rune_const_value *const *args, bool warm)
{
    enum {
        COUNT = 60
    };
    uint64_t samples[COUNT];
    rune_vm *vm = vm_for(s, s->unit, RUNE_ISOLATION_CALL);
    for (int i = 0; i < COUNT; i++) {
        if (warm) {
            usleep(5000);
        }
        samples[i] = call_add(vm, args);
    }
    rune_vm_free(vm);
    return median_us(samples, COUNT);
}

static bool is_worker(const char *pid)
{
    char path[300];
    char name[32] = "";
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *file = fopen(path, "r");
    bool found =
        file && fgets(name, sizeof(name), file) && strncmp(name, "runeward-worker", 15) == 0;
    if (file) {
        fclose(file);
    }
    return found;
}

/* Every process of that name, zygotes included. */
static void pin_workers(int cpu)
{
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (is_worker(entry->d_name)) {
            pin(atoi(entry->d_name), cpu);
        }
    }
    if (proc) {
        closedir(proc);
    }
}

/* Private memory of each worker and zygote at rest, as the kernel counts it. */
static void memory_table(void)
{
    DIR *proc = opendir("/proc");
    printf("\nprivate memory at rest, KiB:");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char path[300];
        char line[200];
        long kib = 0;
        long sum = 0;
        if (!is_worker(entry->d_name)) {
            continue;
        }
        snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof(line), file)) {
            if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
                sscanf(line, "Private_Dirty: %ld", &kib) == 1) {
                sum += kib;
            }
        }
        printf(" %ld", sum);
        if (file) {
            fclose(file);
        }
    }
    printf("\n");
    if (proc) {
        closedir(proc);
    }
}

struct placement {
    const char *name;
    int ours;
    int theirs;
};

static void calls_table(struct setup *s, const rune_const_value *const *args)
{
    static const struct placement placements[] = {
        {"one core", 0, 0},
        {"two cores", 0, 1},
        {"unpinned", -1, -1},
    };
    int fd = -1;
    pid_t echo = start_echo(&fd);
    printf("call of a trivial function, warm worker, median us of %d x %d\n", ROUNDS, CALLS);
    printf("%-12s%12s%12s%10s%12s\n", "placement", "echo", "call", "ratio", "fresh Vm");
    for (size_t p = 0; p < sizeof(placements) / sizeof(placements[0]); p++) {
        uint64_t floor[ROUNDS];
        uint64_t call[ROUNDS];
        uint64_t fresh[ROUNDS];
        pin(0, placements[p].ours);
        pin(echo, placements[p].theirs);
        pin_workers(placements[p].theirs);
        for (int round = 0; round < ROUNDS; round++) {
            floor[round] = (uint64_t)(echo_us(fd) * 1000.0);
            call[round] = (uint64_t)(call_us(s->vm, args) * 1000.0);
            fresh[round] = (uint64_t)(fresh_vm_us(s, args) * 1000.0);
        }
        double f = median_us(floor, ROUNDS);
        double c = median_us(call, ROUNDS);
        printf("%-12s%12.2f%12.2f%10.2f%12.2f\n", placements[p].name, f, c, c / f,
               median_us(fresh, ROUNDS));
    }
    pin(0, -1);
    pin_workers(-1);
    kill(echo, SIGKILL);
    waitpid(echo, NULL, 0);
    close(fd);
}

/*
 * The floor of attaching: a child is sent a sealed memfd, looks at its seals, maps it, reads one byte,
 * closes the descriptor and answers; less the round trip of a packet without a descriptor.
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
            (void)fcntl(passed, F_GET_SEALS);
            const char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, passed, 0);
            packet[0] = *(const volatile char *)map;
            close(passed);
        }
        if (send(fd, packet, (size_t)got, MSG_NOSIGNAL) != got) {
            _exit(0);
        }
    }
}

static uint64_t floor_trip(int fd, int passed)
{
    char packet[ECHO_SIZE] = {0};
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

enum {
    ATTACH_COUNT = 40,
};

static double attach_floor_us(void)
{
    int fds[2];
    int memfd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0 || ftruncate(memfd, 4096) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        die("floor of attaching", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        serve_floor(fds[1]);
    }
    close(fds[1]);
    pin(pid, 0);
    uint64_t samples[ATTACH_COUNT];
    for (int i = 0; i < ATTACH_COUNT; i++) {
        uint64_t with = floor_trip(fds[0], memfd);
        uint64_t without = floor_trip(fds[0], -1);
        samples[i] = with > without ? with - without : 0;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fds[0]);
    close(memfd);
    return median_us(samples, ATTACH_COUNT);
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

/* First call on a Unit in a warm worker, less the second one: attaching, whatever the size. */
static void attach_table(struct setup *s, const rune_const_value *const *args)
{
    pin(0, 0);
    pin_workers(0);
    printf("\nfirst call on a Unit less the second (attach and link), one core, median us\n");
    printf("%20s%10.1f\n", "bare map of a memfd", attach_floor_us());
    for (size_t functions = 1; functions <= 10000; functions *= 100) {
        uint64_t samples[ATTACH_COUNT];
        rune_unit *units[ATTACH_COUNT];
        size_t count = functions > 1000 ? 10 : ATTACH_COUNT;
        for (size_t i = 0; i < count; i++) {
            units[i] = build_many(s, functions);
        }
        for (size_t i = 0; i < count; i++) {
            rune_vm *vm = vm_for(s, units[i], RUNE_ISOLATION_SHARED);
            call_add(s->vm, args);
            uint64_t first = call_add(vm, args);
            uint64_t second = call_add(vm, args);
            samples[i] = first > second ? first - second : 0;
            rune_vm_free(vm);
        }
        printf("%10zu functions%10.1f\n", functions, median_us(samples, count));
        for (size_t i = 0; i < count; i++) {
            rune_unit_unref(units[i]);
        }
    }
    pin(0, -1);
    pin_workers(-1);
}

int main(void)
{
    struct setup s = {0};
    start(&s);
    const rune_const_value *args[2] = {rune_value_i64(20), rune_value_i64(22)};
    call_add(s.vm, args);
    calls_table(&s, args);
    memory_table();
    printf("\nfresh process for each call, median us: from spares %.1f, back to back %.1f\n",
           fresh_process_us(&s, args, true), fresh_process_us(&s, args, false));
    attach_table(&s, args);
    rune_value_unref((rune_const_value *)args[0]);
    rune_value_unref((rune_const_value *)args[1]);
    rune_vm_free(s.vm);
    rune_unit_unref(s.unit);
    rune_runtime_unref(s.runtime);
    rune_context_free(s.context);
    rune_supervisor_free(s.supervisor);
    return 0;
}
