/*
 * bench_calls.c: what a call costs, beside its floor in the same run.
 *
 * Three placements, since a blocked round trip between two idle cores is twenty times one on a single
 * core: both ends on core 0, worker on core 1, and wherever the scheduler puts them. The floors
 * are a bare SOCK_SEQPACKET echo and a bare futex ping-pong between two processes in the same
 * placement. Rounds are interleaved and
 * medians printed; nothing is asserted.
 */
#include <runeward/runeward.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

/* The other floor: a word in shared memory that each side changes, wakes the other for, and waits on. */
struct ping_pong {
    _Alignas(64) _Atomic uint32_t there;
    _Alignas(64) _Atomic uint32_t back;
};

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

static pid_t start_ping_pong(struct ping_pong **out_shared)
{
    struct ping_pong *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uint32_t seen = 0;; seen++) {
            futex_wait(&shared->there, seen);
            futex_change(&shared->back);
        }
    }
    *out_shared = shared;
    return pid;
}

static double futex_us(struct ping_pong *shared)
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

static void start(struct setup *s, bool ring)
{
    static const char text[] = "pub fn add(a, b) { a + b }\n";
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_ring(options, ring);
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

/* One call a millisecond: what waking costs, whoever has to be woken. */
static double rare_call_us(rune_vm *vm, const rune_const_value *const *args)
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

static double rare_echo_us(int fd)
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
    printf("call of a trivial function, warm worker, median us of %d x %d\n", ROUNDS, CALLS);
    printf("%-11s%9s%9s%7s%9s%9s%7s%9s%11s%9s\n", "placement", "echo", "socket", "ratio", "futex",
           "ring", "ratio", "new Vm", "rare echo", "rare");
    for (size_t p = 0; p < sizeof(placements) / sizeof(placements[0]); p++) {
        uint64_t samples[COLUMNS][ROUNDS];
        double m[COLUMNS];
        pin(0, placements[p].ours);
        pin(echo, placements[p].theirs);
        pin(pong, placements[p].theirs);
        pin_workers(placements[p].theirs);
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
    pin_workers(-1);
    kill(echo, SIGKILL);
    kill(pong, SIGKILL);
    waitpid(echo, NULL, 0);
    waitpid(pong, NULL, 0);
    munmap(shared, 4096);
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

static void finish(struct setup *s)
{
    rune_vm_free(s->vm);
    rune_unit_unref(s->unit);
    rune_runtime_unref(s->runtime);
    rune_context_free(s->context);
    rune_supervisor_free(s->supervisor);
}

int main(void)
{
    struct setup s = {0};
    struct setup without_ring = {0};
    start(&s, true);
    const rune_const_value *args[2] = {rune_value_i64(20), rune_value_i64(22)};
    call_add(s.vm, args);
    memory_table();
    start(&without_ring, false);
    call_add(without_ring.vm, args);
    calls_table(&s, &without_ring, args);
    finish(&without_ring);
    printf("\nfresh process for each call, median us: from spares %.1f, back to back %.1f\n",
           fresh_process_us(&s, args, true), fresh_process_us(&s, args, false));
    attach_table(&s, args);
    rune_value_unref((rune_const_value *)args[0]);
    rune_value_unref((rune_const_value *)args[1]);
    finish(&s);
    return 0;
}
