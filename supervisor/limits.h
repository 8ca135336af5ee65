/* limits.h: limits as the supervisor holds them, and cancel tokens. */
#ifndef RN_SUPERVISOR_LIMITS_H
#define RN_SUPERVISOR_LIMITS_H

#include <runeward/limits.h>

#include "base/error.h"

/* RUNE_UNLIMITED: not set. */
struct rune_limits {
    uint64_t values[RUNE_LIMIT_COUNT];
};

void rn_limits_init(struct rune_limits *limits);
/* Takes over what `other` (may be NULL) has lower. */
void rn_limits_lower(struct rune_limits *limits, const struct rune_limits *other);
/* Puts the defaults where nothing was set. */
void rn_limits_fill(struct rune_limits *limits);

/* A call that wants to know when its token is cancelled. Member of the call. */
struct rn_cancel_watch {
    struct rn_cancel_watch *next;
    struct rn_cancel_watch **link; /* NULL: not watching */
    rune_cancel_token *token;
    void (*fire)(struct rn_cancel_watch *watch);
};

/*
 * From now on `fire` runs once when the token is cancelled, on the thread that cancels; at once if
 * it is already. `fire` must not unwatch. The token is counted.
 */
void rn_cancel_watch(struct rn_cancel_watch *watch, rune_cancel_token *token,
                     void (*fire)(struct rn_cancel_watch *watch));
/* After it returned `fire` neither runs nor will. Harmless when not watching. */
void rn_cancel_unwatch(struct rn_cancel_watch *watch);

#endif
