/*
 * limits.h: what a call may use, what it used, and how to stop it.
 *
 * The limit in force is the minimum of those of supervisor, Vm and call. A limit that nobody set
 * has a finite default, except depth and host calls, which are unlimited unless set. Limits are
 * plain data held by one thread at a time; setters of options copy them.
 */
#ifndef RUNEWARD_LIMITS_H
#define RUNEWARD_LIMITS_H

#include <runeward/error.h>

RUNE_BEGIN

typedef struct rune_limits rune_limits;

/* Values are stable and never reused. The unit stands behind each. */
typedef enum rune_limit {
    RUNE_LIMIT_BUDGET = 0,     /* instructions */
    RUNE_LIMIT_WALL = 1,       /* nanoseconds of wall-clock time */
    RUNE_LIMIT_CPU = 2,        /* nanoseconds of processor time */
    RUNE_LIMIT_MEMORY = 3,     /* bytes live after a collection */
    RUNE_LIMIT_OUTPUT = 4,     /* bytes */
    RUNE_LIMIT_DEPTH = 5,      /* nested script calls */
    RUNE_LIMIT_HOST_CALLS = 6, /* calls of host functions */
    RUNE_LIMIT_COUNT = 7
} rune_limit;

/* As a value to set: as if nobody had set it, so that the default holds. A limit that is never reached
 * is RUNE_UNLIMITED - 1. */
#define RUNE_UNLIMITED UINT64_MAX

/* Nothing set. NULL without memory. The caller's: rune_limits_free. */
RUNE_API rune_limits *rune_limits_new(void) RUNE_MUST_CHECK;
/* INVALID_ARGUMENT for an unknown limit, or a value of 0 other than for host calls. */
RUNE_API rune_status rune_limits_set(rune_limits *limits, rune_limit limit,
                                     uint64_t value) RUNE_MUST_CHECK;
/* The value set, or RUNE_UNLIMITED. */
RUNE_API uint64_t rune_limits_get(const rune_limits *limits, rune_limit limit);
/* What holds when nobody sets anything. */
RUNE_API uint64_t rune_limits_default(rune_limit limit);
/* "budget", "wall" …; static storage; NULL for an unknown one. */
RUNE_API const char *rune_limit_name(rune_limit limit);
/* Accepts NULL. */
RUNE_API void rune_limits_free(rune_limits *limits);

/* What a call used. All but the times are the same on every run. `budget` and `memory_peak` are the worker's
 * word: of one that was taken over they may be any numbers up to the limits. The rest is the host's own. */
typedef struct rune_usage {
    uint64_t budget;       /* at most the limit */
    uint64_t cpu_us;       /* of the worker while the call ran, read from outside */
    uint64_t wall_us;      /* from the call to its end */
    uint64_t host_us;      /* of those, inside host functions; not until an async one answers */
    uint64_t memory_peak;  /* bytes; at most the limit */
    uint64_t output_bytes; /* without what a sink refused until the end */
    uint64_t host_calls;
    bool cpu_apportioned; /* the worker ran other calls at the same time */
} rune_usage;

/* A cancel token is counted and may be shared by threads freely. */
typedef struct rune_cancel_token rune_cancel_token;

/* NULL without memory. The caller's: rune_cancel_token_unref. */
RUNE_API rune_cancel_token *rune_cancel_token_new(void) RUNE_MUST_CHECK;
RUNE_API rune_cancel_token *rune_cancel_token_ref(rune_cancel_token *token);
/* Ends all calls that run under the token, and those that will. Any thread; idempotent. Accepts NULL. */
RUNE_API void rune_cancel_token_cancel(rune_cancel_token *token);
RUNE_API bool rune_cancel_token_is_cancelled(const rune_cancel_token *token);
/* Accepts NULL. */
RUNE_API void rune_cancel_token_unref(rune_cancel_token *token);

RUNE_END

#endif
