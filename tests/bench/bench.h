/*
 * bench.h: what the benchmarks of calls share: clocks, places, floors between two bare processes, and a
 * supervisor with a trivial Unit.
 */
#ifndef RN_TESTS_BENCH_BENCH_H
#define RN_TESTS_BENCH_BENCH_H

#include <runeward/runeward.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CALLS = 3000,
    ECHO_SIZE = 64,
};

uint64_t now_ns(void);
/* Sorts. */
double median_us(uint64_t *samples, size_t count);
/* Pins a process, 0: the calling thread, to a processor; -1: to the first two. */
void pin(pid_t pid, int cpu);
_Noreturn void die(const char *what, const rune_error *error);

/* What RN_BENCH_SPECULATION says: "stores" or "free"; else restricted, as by default. */
rune_speculation chosen_speculation(void);
const char *chosen_speculation_name(void);
/* Restricts this process, a floor's, as a worker is: what the kernel does at a switch is then the same. */
void restrict_like_worker(void);

/* Floors: a child that sends back what it gets over a socket, and one that answers through a word in
 * shared memory, as medians of CALLS round trips. */
pid_t start_echo(int *out_fd);
double echo_us(int fd);
/* One a millisecond. */
double rare_echo_us(int fd);

struct ping_pong {
    _Alignas(64) _Atomic uint32_t there;
    _Alignas(64) _Atomic uint32_t back;
};

pid_t start_ping_pong(struct ping_pong **out_shared);
double futex_us(struct ping_pong *shared);

struct setup {
    rune_supervisor *supervisor;
    rune_context *context;
    rune_runtime *runtime;
    rune_unit *unit; /* add(a, b), spin(), work(n) */
    rune_vm *vm;
};

struct wanted {
    unsigned workers;
    bool no_ring;
    bool no_spares;
    bool follow; /* workers go where the caller is */
};

void start(struct setup *s, const struct wanted *wanted);
void finish(struct setup *s);
rune_unit *build(struct setup *s, const char *text, size_t size);
rune_vm *vm_for(struct setup *s, rune_unit *unit, rune_isolation isolation);
/* Calls add; nanoseconds. */
uint64_t call_add(rune_vm *vm, const rune_const_value *const *args);
/* The process that serves the Vm. */
pid_t worker_of(rune_vm *vm, const rune_const_value *const *args);
/* Medians of CALLS calls, and of one a millisecond. */
double call_us(rune_vm *vm, const rune_const_value *const *args);
double rare_call_us(rune_vm *vm, const rune_const_value *const *args);
/* A Vm is made, called and freed. */
double fresh_vm_us(struct setup *s, const rune_const_value *const *args);
/* A worker for each call; `warm`: each time when there is a spare, else one after the other. */
double fresh_process_us(struct setup *s, const rune_const_value *const *args, bool warm);

#endif
