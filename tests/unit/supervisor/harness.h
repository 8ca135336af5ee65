/*
 * harness.h: what the supervisor's tests share: one supervisor for a group, Units from text, calls,
 * and counts of what a process holds.
 */
#ifndef RN_TESTS_SUPERVISOR_HARNESS_H
#define RN_TESTS_SUPERVISOR_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <runeward/runeward.h>

/* Made by harness_set_up: best effort, so that the tests run wherever some wall can be built. With
 * RN_TEST_WITHOUT_RING in the environment its workers have the socket alone. */
extern rune_supervisor *supervisor;
/* Host functions: host::double(x), host::fail(), host::never(), async host::later(x). */
extern rune_context *context;
extern rune_runtime *runtime;
/* Calls may end while a host function runs for them: their workers die of themselves. */
extern bool calls_end_early;

int harness_set_up(void **state);
int harness_tear_down(void **state);

rune_supervisor *new_supervisor(unsigned workers, unsigned spares);
/* One worker, with room for so many calls, and no spare. */
rune_supervisor *new_small_supervisor(unsigned calls);
rune_unit *build(const char *source);
rune_unit *build_in(rune_supervisor *by, const char *source, bool script);
rune_vm *new_vm(rune_unit *unit, rune_isolation isolation, const char *domain);
/* The same of another supervisor. */
rune_vm *vm_by(rune_supervisor *by, rune_unit *of, rune_isolation isolation, const char *domain);

/* Calls without arguments; the record is the caller's. `options` may be NULL. */
rune_record *call_record(rune_vm *vm, const char *item, const rune_call_options *options);
rune_reason call_reason(rune_vm *vm, const char *item, const rune_call_options *options);
/* The call must succeed with an i64. */
int64_t call_i64(rune_vm *vm, const char *item);
/* The Vm's static must have an i64. */
int64_t static_i64(rune_vm *vm, const char *item);
/* Options with one limit. */
rune_call_options *with_limit(rune_limit limit, uint64_t value);

/* How long a test waits for what must come: that matters only if it never does. */
#define PATIENCE_MS 60000
#define PATIENCE_NS (UINT64_C(1000000) * PATIENCE_MS)

int64_t now_ms(void);
/* How long `run` took, in ms, at its best of ten: whatever else the machine does makes it late, and never early.
 * It is not tried again once it took no longer than `most_ms`. */
int64_t best_ms(int64_t (*run)(void *user), void *user, int64_t most_ms);
int count_fds(void);
/* memfds that this process has mapped. */
int count_memfds(void);
/* The same once spares have been made and nothing changes any more. */
int settled_fds(void);
/* With so many spares, one for each domain that has been used. */
int settled_fds_with(unsigned spares);
bool has_children(void);

#endif
