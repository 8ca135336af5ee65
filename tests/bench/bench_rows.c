/*
 * bench_rows.c: what calls, Vms and processes are meant to cost, one row for each aim, beside the floor
 * that it is measured against in the same run.
 *
 * Aims in microseconds are those of a machine on which a system call takes 0.1 us; where one takes
 * ten times that, the ratio to the floor tells more. Nothing is asserted.
 */
#include "tests/bench/bench.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 5,
    WORKERS_ROUNDS = 7, // of batches with one worker and with two
    SPAWNS = 60,
    SPARE_WAIT_US = 8000,
    KILLS = 20,
    BATCH = 64, // of 4 ms: where the kernel has the workers begin matters little
    LOOP_NS = 60000000,
    IDLE_SECONDS = 10,
};

static void row(const char *what, const char *floor, double floor_us, double us, const char *aim)
{
    if (floor) {
        printf("%-42s%10.2f  %-22s%10.2f%8.2f  %s\n", what, us, floor, floor_us, us / floor_us,
               aim);
    } else {
        printf("%-42s%10.2f  %-40s  %s\n", what, us, "", aim);
    }
}

struct floors {
    int echo_fd;
    pid_t echo;
    pid_t pong;
    struct ping_pong *shared;
};

typedef double (*measure_fn)(void *what, const rune_const_value *const *args);

static double call(void *vm, const rune_const_value *const *args)
{
    return call_us(vm, args);
}

static double rare_call(void *vm, const rune_const_value *const *args)
{
    return rare_call_us(vm, args);
}

static double echo(void *floors, const rune_const_value *const *args)
{
    (void)args;
    return echo_us(((struct floors *)floors)->echo_fd);
}

static double rare_echo(void *floors, const rune_const_value *const *args)
{
    (void)args;
    return rare_echo_us(((struct floors *)floors)->echo_fd);
}

static double futex(void *floors, const rune_const_value *const *args)
{
    (void)args;
    return futex_us(((struct floors *)floors)->shared);
}

/* Medians of interleaved rounds of a floor and of what stands beside it. */
static void pair(const char *what, const char *floor_name, measure_fn floor, struct floors *floors,
                 measure_fn measure, rune_vm *vm, const rune_const_value *const *args,
                 const char *aim)
{
    uint64_t a[ROUNDS];
    uint64_t b[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        a[i] = (uint64_t)(1000 * floor(floors, args));
        b[i] = (uint64_t)(1000 * measure(vm, args));
    }
    row(what, floor_name, median_us(a, ROUNDS), median_us(b, ROUNDS), aim);
}

static void place(const struct floors *floors, pid_t worker, int ours, int theirs)
{
    pin(0, ours);
    pin(floors->echo, theirs);
    pin(floors->pong, theirs);
    pin(worker, theirs);
}

static void call_rows(struct floors *floors, const rune_const_value *const *args)
{
    struct setup ring = {0};
    struct setup socket = {0};
    struct setup following = {0};
    start(&ring, &(struct wanted){.workers = 1});
    start(&socket, &(struct wanted){.workers = 1, .no_ring = true});
    start(&following, &(struct wanted){.workers = 1, .follow = true});
    pid_t ring_worker = worker_of(ring.vm, args);
    place(floors, ring_worker, 0, 0);
    pair("call, ring, one core", "futex ping-pong", futex, floors, call, ring.vm, args, "<= 1.3 x");
    pin(worker_of(socket.vm, args), 0);
    pair("call, socket, one core", "SEQPACKET echo", echo, floors, call, socket.vm, args,
         "<= 1.3 x");
    uint64_t fresh[ROUNDS];
    uint64_t warm[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        fresh[i] = (uint64_t)(1000 * fresh_vm_us(&ring, args));
        warm[i] = (uint64_t)(1000 * call_us(ring.vm, args));
    }
    double warm_us = median_us(warm, ROUNDS);
    row("fresh Vm for each call, more than a warm one", "warm call", warm_us,
        median_us(fresh, ROUNDS) - warm_us, "<= 0.8 us");
    place(floors, ring_worker, 0, 1);
    pair("call, ring, two cores, closed loop", "futex ping-pong", futex, floors, call, ring.vm,
         args, "<= 0.8 us; never its mode");
    place(floors, ring_worker, -1, -1);
    pair("call after 1 ms idle, unpinned", "rare SEQPACKET echo", rare_echo, floors, rare_call,
         ring.vm, args, "<= 1.2 x");
    pair("the same, placed with its caller", "rare SEQPACKET echo", rare_echo, floors, rare_call,
         following.vm, args, "<= 5 us");
    finish(&ring);
    finish(&socket);
    finish(&following);
}

/* Processes */

static double spawn_floor_us(void)
{
    static uint64_t samples[SPAWNS];
    char *argv[] = {(char *)"floor", NULL};
    char *envp[] = {NULL};
    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid;
        uint64_t begun = now_ns();
        if (posix_spawn(&pid, RN_BENCH_STATIC, NULL, NULL, argv, envp) != 0) {
            die("posix_spawn", NULL);
        }
        waitpid(pid, NULL, 0);
        samples[i] = now_ns() - begun;
    }
    return median_us(samples, SPAWNS);
}

static double kill_floor_us(void)
{
    static uint64_t samples[KILLS];
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) {
            }
        }
        struct pollfd polled = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
        usleep(3000);
        uint64_t begun = now_ns();
        kill(pid, SIGKILL);
        (void)poll(&polled, 1, -1);
        samples[i] = now_ns() - begun;
        close(polled.fd);
        waitpid(pid, NULL, 0);
    }
    return median_us(samples, KILLS);
}

static void call_quietly(rune_vm *vm, const char *item, const rune_call_options *options)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    if (rune_vm_call(vm, item, NULL, 0, options, &value, &error) == RUNE_OK) {
        rune_value_unref(value);
    }
    rune_error_free(error);
}

struct victim {
    rune_vm *vm;
    const rune_const_value *const *args;
    uint64_t again_ns;
};

/* Runs on until its worker is killed, and is not run again, then makes the next call. */
static void *spin_and_call(void *argument)
{
    struct victim *victim = argument;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_replay(options, false);
    call_quietly(victim->vm, "spin", options);
    rune_call_options_free(options);
    (void)call_add(victim->vm, victim->args);
    victim->again_ns = now_ns();
    return NULL;
}

static double replaced_us(struct setup *s, const rune_const_value *const *args)
{
    static uint64_t samples[KILLS];
    for (int i = 0; i < KILLS; i++) {
        pthread_t thread;
        struct victim victim = {.vm = s->vm, .args = args};
        pid_t worker = worker_of(s->vm, args);
        usleep(5000); // for the spare
        pthread_create(&thread, NULL, spin_and_call, &victim);
        usleep(3000);
        uint64_t begun = now_ns();
        kill(worker, SIGKILL);
        pthread_join(thread, NULL);
        samples[i] = victim.again_ns - begun;
    }
    return median_us(samples, KILLS);
}

static double late_us(struct setup *s)
{
    static uint64_t samples[KILLS];
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    if (rune_limits_set(limits, RUNE_LIMIT_WALL, 5000000) != RUNE_OK ||
        rune_call_options_set_limits(options, limits) != RUNE_OK) {
        die("limits", NULL);
    }
    for (int i = 0; i < KILLS; i++) {
        uint64_t begun = now_ns();
        call_quietly(s->vm, "spin", options);
        samples[i] = now_ns() - begun - 5000000;
    }
    rune_call_options_free(options);
    rune_limits_free(limits);
    return median_us(samples, KILLS);
}

/* One call after the same idle time as there is before a spare is taken. */
static double idle_call_us(rune_vm *vm, const rune_const_value *const *args)
{
    static uint64_t samples[SPAWNS];
    for (int i = 0; i < SPAWNS; i++) {
        usleep(SPARE_WAIT_US);
        samples[i] = call_add(vm, args);
    }
    return median_us(samples, SPAWNS);
}

/* Rounds of a floor and of what stands beside it alternate: others use the machine, too. */
static void fresh_rows(struct setup *s, const rune_const_value *const *args)
{
    enum {
        SPAWN,
        MADE,
        IDLE,
        SPARE,
        COLUMNS
    };
    uint64_t samples[COLUMNS][ROUNDS];
    double m[COLUMNS];
    struct setup bare = {0};
    start(&bare, &(struct wanted){.workers = 1, .no_spares = true});
    for (int i = 0; i < ROUNDS; i++) {
        samples[SPAWN][i] = (uint64_t)(1000 * spawn_floor_us());
        samples[MADE][i] = (uint64_t)(1000 * fresh_process_us(&bare, args, false));
        samples[IDLE][i] = (uint64_t)(1000 * idle_call_us(s->vm, args));
        samples[SPARE][i] = (uint64_t)(1000 * fresh_process_us(s, args, true));
    }
    for (int c = 0; c < COLUMNS; c++) {
        m[c] = median_us(samples[c], ROUNDS);
    }
    row("fresh process for each call, made now", "spawn, exec, exit, wait", m[SPAWN], m[MADE],
        "<= 160 us");
    row("fresh process for each call, from spares", "warm call, same idle", m[IDLE], m[SPARE],
        "<= 5 us more");
    finish(&bare);
}

static void process_rows(const rune_const_value *const *args)
{
    struct setup s = {0};
    pin(0, -1);
    start(&s, &(struct wanted){.workers = 1});
    fresh_rows(&s, args);
    row("runaway script: ended after its deadline", NULL, 0, late_us(&s), "<= 1,000 us");
    row("killed, noticed, replaced", "kill, pidfd readable", kill_floor_us(), replaced_us(&s, args),
        "<= 1,000 us");
    finish(&s);
}

/* Two workers */

static double batch_us(struct setup *s)
{
    rune_batch_call calls[BATCH];
    rune_record *records[BATCH];
    const rune_const_value *args[] = {rune_value_i64(1000000)};
    for (int i = 0; i < BATCH; i++) {
        calls[i] = (rune_batch_call){.vm = vm_for(s, s->unit, RUNE_ISOLATION_SHARED),
                                     .item = "work",
                                     .args = args,
                                     .arg_count = 1};
    }
    uint64_t begun = now_ns();
    if (rune_call_many(calls, BATCH, records, NULL) != RUNE_OK) {
        die("batch", NULL);
    }
    double us = (double)(now_ns() - begun) / 1000;
    for (int i = 0; i < BATCH; i++) {
        rune_record_free(records[i]);
        rune_vm_free(calls[i].vm);
    }
    rune_value_unref((rune_const_value *)args[0]);
    return us;
}

/* Turns of a loop in LOOP_NS. */
static uint64_t count_turns(void)
{
    volatile uint64_t number = 1;
    uint64_t turns = 0;
    uint64_t end = now_ns() + LOOP_NS;
    for (; now_ns() < end; turns++) {
        for (int i = 0; i < 10000; i++) {
            number = number * UINT64_C(6364136223846793005) + 1;
        }
    }
    return turns;
}

/* What two processors are worth just now: turns in two processes at once, over those in one. */
static double two_loops(void)
{
    int ends[2];
    uint64_t theirs = 0;
    uint64_t alone = count_turns();
    if (pipe(ends) != 0) {
        die("pipe", NULL);
    }
    pid_t pid = fork();
    if (pid == 0) {
        theirs = count_turns();
        _exit(write(ends[1], &theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
    }
    uint64_t ours = count_turns();
    if (read(ends[0], &theirs, sizeof(theirs)) != sizeof(theirs)) {
        die("loops", NULL);
    }
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return (double)(ours + theirs) / (double)alone;
}

static void workers_row(void)
{
    uint64_t bare[WORKERS_ROUNDS];
    struct setup one = {0};
    struct setup two = {0};
    uint64_t thousandths[WORKERS_ROUNDS];
    start(&one, &(struct wanted){.workers = 1});
    start(&two, &(struct wanted){.workers = 2});
    (void)batch_us(&one);
    (void)batch_us(&two);
    for (int i = 0; i < WORKERS_ROUNDS; i++) {
        double one_us = batch_us(&one);
        thousandths[i] = (uint64_t)(one_us / batch_us(&two) * 1000);
        bare[i] = (uint64_t)(two_loops() * 1000);
    }
    row("two workers over one, scripts that compute", "two bare loops over one",
        median_us(bare, WORKERS_ROUNDS), median_us(thousandths, WORKERS_ROUNDS),
        ">= 1.8 x (median of 7)");
    finish(&one);
    finish(&two);
}

/* At rest */

static unsigned long ticks_of(const char *pid)
{
    char path[64];
    unsigned long user = 0;
    unsigned long system = 0;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                        &user, &system) != 2) {
        die("ticks", NULL);
    }
    fclose(file);
    return user + system;
}

static double private_mib(const char *pid)
{
    char path[64];
    char line[200];
    double sum = 0;
    long kib;
    snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &kib) == 1) {
            sum += (double)kib / 1024;
        }
    }
    if (file) {
        fclose(file);
    }
    return sum;
}

static void rest_rows(const rune_const_value *const *args)
{
    struct setup s = {0};
    char pid[32];
    start(&s, &(struct wanted){.workers = 1});
    snprintf(pid, sizeof(pid), "%d", (int)worker_of(s.vm, args));
    sleep(1); // spares are made
    row("private memory of a worker at rest, MiB", NULL, 0, private_mib(pid), "<= 1");
    unsigned long before = ticks_of(pid) + ticks_of("self");
    sleep(IDLE_SECONDS);
    row("ticks of host and worker in 10 s at rest", NULL, 0,
        (double)(ticks_of(pid) + ticks_of("self") - before), "0");
    finish(&s);
}

int main(void)
{
    struct floors floors;
    const rune_const_value *args[2] = {rune_value_i64(20), rune_value_i64(22)};
    floors.echo = start_echo(&floors.echo_fd);
    floors.pong = start_ping_pong(&floors.shared);
    printf("speculation %s\n", chosen_speculation_name());
    printf("%-42s%10s  %-22s%10s%8s  %s\n", "us, medians", "here", "floor", "floor", "ratio",
           "aim");
    call_rows(&floors, args);
    kill(floors.echo, SIGKILL);
    kill(floors.pong, SIGKILL);
    waitpid(floors.echo, NULL, 0);
    waitpid(floors.pong, NULL, 0);
    process_rows(args);
    workers_row();
    rest_rows(args);
    printf("calls in flight: bench_pipeline; attaching: bench_calls; waiting calls: limits/many\n");
    rune_value_unref((rune_const_value *)args[0]);
    rune_value_unref((rune_const_value *)args[1]);
    return 0;
}
