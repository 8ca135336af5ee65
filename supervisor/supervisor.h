/*
 * supervisor.h: the owner of everything: options, domains, pool, clock, runner.
 *
 * Locks, in the order in which they may nest: execution, pool, peer, clock. The log, the functions of Vms
 * and each zygote have their own, under which nothing else is taken.
 */
#ifndef RN_SUPERVISOR_SUPERVISOR_H
#define RN_SUPERVISOR_SUPERVISOR_H

#include <runeward/replay.h>
#include <runeward/supervisor.h>

#include <pthread.h>
#include <stdatomic.h>

#include "supervisor/clock.h"
#include "supervisor/execution.h"
#include "supervisor/limits.h"
#include "supervisor/pool.h"
#include "supervisor/seldom.h"
#include "supervisor/spawner.h"

/* Address range of a worker's heap; pages are the kernel's until they are touched. */
#define RN_ARENA_SIZE (UINT64_C(512) << 20)
#define RN_MEMORY_LIMIT_MAX (UINT64_C(448) << 20)
#define RN_COMPILER_ARENA_SIZE (UINT64_C(1) << 30)
#define RN_COMPILER_MEMORY_DEFAULT (UINT64_C(512) << 20)
/* Between asking a call to end and killing its worker; up to the other one if that wants a processor and has not
 * had so much of it since, which is plenty. */
#define RN_GRACE_NS UINT64_C(40000000)
#define RN_GRACE_MAX_NS (10 * RN_GRACE_NS)
#define RN_GRACE_CPU_NS (RN_GRACE_NS / 4)
/* Between a deadline and the zygote's doing what the supervisor should have done. */
#define RN_BACKSTOP_NS UINT64_C(2000000000)
#define RN_START_TIMEOUT_MS 10000

struct rune_supervisor_options {
    unsigned workers;
    unsigned spares;
    rune_policy policy;
    rune_speculation speculation;
    rune_isolation isolation;
    struct rune_limits limits;
    unsigned calls_per_worker;
    bool external_loop;
    char *helpers; /* owned; NULL: search */
    bool no_ring;
    rune_placement placement;
    char *journal; /* owned: folder of replay files, or NULL */
    unsigned journal_files_max;
    uint64_t journal_bytes_max;
    bool diagnose; /* workers are runeward-worker-diagnose, for replays only */
    bool profile;  /* or runeward-worker-profile */
};

struct rn_remote;
struct rn_runner;

struct rune_supervisor {
    _Atomic uint32_t refs;
    struct rn_remote *remote; /* a daemon's: nothing below `fork_cookie` is in use; NULL: our own */
    struct rune_supervisor_options options;
    struct rn_spawner *spawner;
    struct rn_clock *clock;
    struct rn_pool pool;
    _Atomic uint32_t *fork_cookie; /* a page that is zero in forked children */

    _Atomic uint64_t journals_bytes;          /* of all calls; RN_JOURNALS_BYTES_MAX */
    struct rn_journal_folder *journal_folder; /* or NULL */

    pthread_mutex_t runner_lock;
    _Atomic(struct rn_runner *) runner; /* NULL until first needed, which is under the lock */

    pthread_mutex_t log_lock;
    rune_log_fn log;
    void *log_user;
    struct rn_seldom seldom;

    pthread_mutex_t digest_lock;
    bool has_compiler_digest;
    uint8_t compiler_digest[32];

    pthread_mutex_t functions_lock; /* of what each Vm keeps; nothing is taken under it */

    _Atomic uint64_t oom_kills; /* of our control group, when last looked at */
    _Atomic uint64_t next_serial;
    _Atomic uint32_t spare_calls; /* that its Vms keep */
    _Atomic uint32_t next_execution;
    struct rn_execution_lock execution_locks[RN_EXECUTION_LOCKS]; /* by turns */
};

void rn_supervisor_ref(rune_supervisor *supervisor);
/* True in a child that the host forked. */
bool rn_supervisor_is_forked(const rune_supervisor *supervisor);
enum rn_policy rn_supervisor_policy(const rune_supervisor *supervisor);
/* Whether the kernel has killed in our control group for want of memory since this was last asked. */
bool rn_supervisor_oom_killed(rune_supervisor *supervisor);
void rn_supervisor_log(rune_supervisor *supervisor, int level, const char *format, ...)
    RN_PRINTF(3, 4);
/* Waiting for a process, or looking at it, failed with an errno. */
bool rn_start_has_errno(enum rn_error failed);
/* A process ended before it was ready: the layer that it missed, if that was it, or how. */
void rn_start_explain(const struct rn_child_exit *end, struct rn_spawn_failure *out_failure);
/* Fails with what the spawner reported. */
rune_status rn_fail_spawn(rune_error **error, enum rn_error failed,
                          const struct rn_spawn_failure *failure);
/* BLAKE2b-256 of the compiler program, read once. SYSTEM. */
enum rn_error rn_supervisor_compiler_digest(rune_supervisor *supervisor,
                                            uint8_t out_digest[32]) RN_MUST_CHECK;
/* The runner, started if needed; NULL if it cannot be. */
struct rn_runner *rn_supervisor_runner(rune_supervisor *supervisor);
/* The same if the host drives it; else NULL. */
struct rn_runner *rn_supervisor_external_runner(rune_supervisor *supervisor);

/* True on a thread that drives executions, or receives from a daemon: in a callback of one. */
bool rn_supervisor_in_callback(rune_supervisor *supervisor);

/* helpers.c: paths of the helper programs in `directory`, or wherever they are; the caller's. `worker`: the
 * name of the one that is to be the worker. */
enum rn_error rn_helpers_find(const char *directory, const char *worker, char **out_worker,
                              char **out_compiler) RN_MUST_CHECK;
/* The folders where they are looked for, as a text for people; the caller's, NULL without memory. */
char *rn_helpers_searched(const char *directory);

/* INVALID_ARGUMENT: no such isolation, which must not mean a weaker one than was wanted. */
rune_status rn_isolation_check(rune_isolation isolation, rune_error **error) RN_MUST_CHECK;

#endif
