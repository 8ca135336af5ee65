/*
 * supervisor.h: the owner of workers and compilers.
 *
 * A supervisor is counted by its handles and thread safe in every function. It is a good guest: no
 * signal handler, no child of the host, no output, descriptors closed on exec. After a fork of the
 * host every function returns FORKED.
 */
#ifndef RUNEWARD_SUPERVISOR_H
#define RUNEWARD_SUPERVISOR_H

#include <runeward/limits.h>

RUNE_BEGIN

typedef struct rune_supervisor rune_supervisor;
typedef struct rune_supervisor_options rune_supervisor_options;

typedef enum rune_policy {
    RUNE_POLICY_STRICT = 0,     /* every layer of the named list, or no service */
    RUNE_POLICY_BEST_EFFORT = 1 /* never below seccomp, no_new_privs, rlimits, descriptor hygiene */
} rune_policy;

/* How much a worker's processor may run ahead, on machines where that can be restricted. */
typedef enum rune_speculation {
    /* Nothing at the cost of a wall: the default. */
    RUNE_SPECULATION_RESTRICTED = 0,
    /*
     * Loads may run ahead of stores. Scripts take a fifth less time on average, at most two fifths. What that may show a script is memory
     * of its own worker, which has one trust domain's data; scripts have neither a second thread nor, unless given
     * one, a clock to see it with.
     */
    RUNE_SPECULATION_STORES = 1,
    /*
     * Branch predictors keep what a worker taught them, too: a switch between host and worker on one processor
     * takes half the time. A worker that was taken over may then steer what its host's indirect branches run
     * ahead to, and learn something of the host's memory from it.
     */
    RUNE_SPECULATION_FREE = 2
} rune_speculation;

typedef enum rune_isolation {
    RUNE_ISOLATION_SHARED = 0, /* Vms of one trust domain share workers */
    RUNE_ISOLATION_UNIT = 1,   /* Vms of one Unit share workers */
    RUNE_ISOLATION_VM = 2,     /* a worker for each Vm */
    RUNE_ISOLATION_CALL = 3    /* a fresh worker for each call */
} rune_isolation;

/* Defaults. NULL without memory. The caller's: rune_supervisor_options_free. */
RUNE_API rune_supervisor_options *rune_supervisor_options_new(void) RUNE_MUST_CHECK;
/* Workers that may live at once in each trust domain; 0: one per processor (the default). */
RUNE_API void rune_supervisor_options_set_workers(rune_supervisor_options *options, unsigned count);
/* Workers kept ready beyond those in use; default 1. */
RUNE_API void rune_supervisor_options_set_spares(rune_supervisor_options *options, unsigned count);
RUNE_API void rune_supervisor_options_set_policy(rune_supervisor_options *options,
                                                 rune_policy policy);
/* Default restricted. On machines on which nothing can be restricted (`runeward doctor`) all are the same. */
RUNE_API void rune_supervisor_options_set_speculation(rune_supervisor_options *options,
                                                      rune_speculation speculation);
/* Used by Vms that do not choose; default shared. */
RUNE_API void rune_supervisor_options_set_isolation(rune_supervisor_options *options,
                                                    rune_isolation isolation);
/* Copied. INVALID_ARGUMENT for NULL, as of the limits of Vms and calls. */
RUNE_API rune_status rune_supervisor_options_set_limits(rune_supervisor_options *options,
                                                        const rune_limits *limits) RUNE_MUST_CHECK;
/* Calls that one worker runs at once before further ones wait or end overloaded; default 256, at most
 * 65,536. One that waits for its host or sleeps costs less than 3 KiB there, and 2 KiB in the host. */
RUNE_API void rune_supervisor_options_set_calls_per_worker(rune_supervisor_options *options,
                                                           unsigned count);
/*
 * Whether small messages go through shared memory beside each worker's socket; default true. It takes
 * 68 KiB for each worker; without, a call takes two more system calls of the dearer kind.
 */
RUNE_API void rune_supervisor_options_set_ring(rune_supervisor_options *options, bool ring);
typedef enum rune_placement {
    RUNE_PLACEMENT_FREE = 0, /* where the kernel puts workers */
    RUNE_PLACEMENT_CALLER =
        1 /* a worker at rest goes to the processor of the thread that calls it */
} rune_placement;

/*
 * Default free. On the caller's processor a single call after a pause costs a fraction, since no other
 * processor has to be woken; a closed loop of calls, which spins across processors otherwise, and
 * whatever the host does during a call cost more. Executions move nothing.
 */
RUNE_API void rune_supervisor_options_set_placement(rune_supervisor_options *options,
                                                    rune_placement placement);
/* True: executions are driven by the host, see rune_supervisor_dispatch; default false. */
RUNE_API void rune_supervisor_options_set_external_loop(rune_supervisor_options *options,
                                                        bool external);
/*
 * The folder with the helper programs; default: relative to the library, then the compiled-in one,
 * which is the only one if the library was loaded by a relative name or the program has more rights
 * than its user.
 */
RUNE_API rune_status rune_supervisor_options_set_helpers(rune_supervisor_options *options,
                                                         const char *directory) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_supervisor_options_free(rune_supervisor_options *options);

/*
 * Starts. `options` may be NULL. The first worker is made before this returns, so that a wall that
 * cannot be built is reported here. SETUP, WALL_REFUSED (the message names layer and remedy),
 * NOT_FOUND (helpers), NO_MEMORY, SYSTEM; INVALID_ARGUMENT: a policy, speculation, isolation or placement that
 * the enum does not have. The caller's: rune_supervisor_free.
 */
RUNE_API rune_status rune_supervisor_new(const rune_supervisor_options *options,
                                         rune_supervisor **out_supervisor,
                                         rune_error **error) RUNE_MUST_CHECK;
/*
 * Refuses new work, waits up to `deadline_ns` (from now) for what runs, then cancels it. Handles
 * stay valid and say CLOSED. TIMED_OUT if something had to be cancelled. BUSY, and nothing is done, in a
 * sink, host function or callback of an execution.
 */
RUNE_API rune_status rune_supervisor_close(rune_supervisor *supervisor, uint64_t deadline_ns);
/* Gives up this handle; the last handle of any kind ends workers and thread. Accepts NULL. */
RUNE_API void rune_supervisor_free(rune_supervisor *supervisor);

/*
 * The external loop. The host polls the descriptor for reading, at most the timeout long, and
 * dispatches: executions go on, and their host functions, sinks and callbacks run there. A thread
 * that waits for an execution, frees one or closes the supervisor dispatches meanwhile. Deadlines
 * and spares stay with threads of the library, which run nothing of the host's.
 */
/* The supervisor's, closed with it; -1 without an external loop. */
RUNE_API int rune_supervisor_fd(rune_supervisor *supervisor);
/* UINT64_MAX: nothing is due. Ask after each dispatch. */
RUNE_API uint64_t rune_supervisor_next_timeout_ns(rune_supervisor *supervisor);
/* Handles what has come, of `max` workers at most (0: of up to 64); never waits. BUSY: another
 * thread dispatches. UNSUPPORTED without an external loop; SYSTEM. */
RUNE_API rune_status rune_supervisor_dispatch(rune_supervisor *supervisor,
                                              unsigned max) RUNE_MUST_CHECK;

/* Every layer of the wall as checked from outside: JSON. The text is the caller's. */
RUNE_API rune_status rune_supervisor_report(rune_supervisor *supervisor, rune_text **out_text,
                                            rune_error **error) RUNE_MUST_CHECK;

/* Counts since the start, and of now. */
typedef struct rune_stats {
    uint64_t calls;
    uint64_t builds;
    uint64_t workers_started;
    uint64_t workers_lost; /* died or were killed while in use */
    uint32_t workers_now;
    uint32_t spares_now;
    uint32_t calls_now;
} rune_stats;
RUNE_API void rune_supervisor_stats(rune_supervisor *supervisor, rune_stats *out_stats);

/* `fn` gets one line per event, without a line end, on any thread; NULL stops it. `level`: 0 tells, 1 warns. Threads
 * that serve others call it: it should not wait, and may not call rune_supervisor_set_log. */
typedef void (*rune_log_fn)(void *user, int level, const char *line);
RUNE_API void rune_supervisor_set_log(rune_supervisor *supervisor, rune_log_fn fn, void *user);

RUNE_END

#endif
