/* limits.c: what a call may use, and how it is stopped from outside. */
#include "supervisor/limits.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"

#define SECONDS UINT64_C(1000000000)

static const struct {
    const char *name;
    uint64_t initial;
} table[RUNE_LIMIT_COUNT] = {
    [RUNE_LIMIT_BUDGET] = {"budget", UINT64_C(1000000000)},
    [RUNE_LIMIT_WALL] = {"wall", 10 * SECONDS},
    [RUNE_LIMIT_CPU] = {"cpu", 10 * SECONDS},
    [RUNE_LIMIT_MEMORY] = {"memory", UINT64_C(64) << 20},
    [RUNE_LIMIT_OUTPUT] = {"output", UINT64_C(1) << 20},
    [RUNE_LIMIT_DEPTH] = {"depth", RUNE_UNLIMITED},
    [RUNE_LIMIT_HOST_CALLS] = {"host_calls", RUNE_UNLIMITED},
};

void rn_limits_init(struct rune_limits *limits)
{
    for (unsigned i = 0; i < RUNE_LIMIT_COUNT; i++) {
        limits->values[i] = RUNE_UNLIMITED;
    }
}

void rn_limits_lower(struct rune_limits *limits, const struct rune_limits *other)
{
    for (unsigned i = 0; other && i < RUNE_LIMIT_COUNT; i++) {
        if (other->values[i] < limits->values[i]) {
            limits->values[i] = other->values[i];
        }
    }
}

void rn_limits_fill(struct rune_limits *limits)
{
    for (unsigned i = 0; i < RUNE_LIMIT_COUNT; i++) {
        if (limits->values[i] == RUNE_UNLIMITED) {
            limits->values[i] = table[i].initial;
        }
    }
}

rune_limits *rune_limits_new(void)
{
    rune_limits *limits = rn_alloc(sizeof(*limits));
    if (limits) {
        rn_limits_init(limits);
    }
    return limits;
}

rune_status rune_limits_set(rune_limits *limits, rune_limit limit, uint64_t value)
{
    if (!limits || (unsigned)limit >= RUNE_LIMIT_COUNT ||
        (value == 0 && limit != RUNE_LIMIT_HOST_CALLS)) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    limits->values[limit] = value;
    return RUNE_OK;
}

uint64_t rune_limits_get(const rune_limits *limits, rune_limit limit)
{
    return limits && (unsigned)limit < RUNE_LIMIT_COUNT ? limits->values[limit] : RUNE_UNLIMITED;
}

uint64_t rune_limits_default(rune_limit limit)
{
    return (unsigned)limit < RUNE_LIMIT_COUNT ? table[limit].initial : RUNE_UNLIMITED;
}

const char *rune_limit_name(rune_limit limit)
{
    return (unsigned)limit < RUNE_LIMIT_COUNT ? table[limit].name : NULL;
}

void rune_limits_free(rune_limits *limits)
{
    rn_free(limits);
}

/* Cancel tokens */

struct rune_cancel_token {
    _Atomic uint32_t refs;
    atomic_bool cancelled;
    pthread_mutex_t lock; /* of `watches`; held while they fire */
    struct rn_cancel_watch *watches;
};

rune_cancel_token *rune_cancel_token_new(void)
{
    rune_cancel_token *token = rn_alloc(sizeof(*token));
    if (!token || pthread_mutex_init(&token->lock, NULL) != 0) {
        rn_free(token);
        return NULL;
    }
    atomic_init(&token->refs, 1);
    return token;
}

rune_cancel_token *rune_cancel_token_ref(rune_cancel_token *token)
{
    if (token) {
        atomic_fetch_add_explicit(&token->refs, 1, memory_order_relaxed);
    }
    return token;
}

void rune_cancel_token_cancel(rune_cancel_token *token)
{
    if (!token) {
        return;
    }
    pthread_mutex_lock(&token->lock);
    if (!atomic_exchange(&token->cancelled, true)) {
        for (struct rn_cancel_watch *watch = token->watches; watch; watch = watch->next) {
            watch->fire(watch);
        }
    }
    pthread_mutex_unlock(&token->lock);
}

bool rune_cancel_token_is_cancelled(const rune_cancel_token *token)
{
    return token && atomic_load(&token->cancelled);
}

void rune_cancel_token_unref(rune_cancel_token *token)
{
    if (token && atomic_fetch_sub_explicit(&token->refs, 1, memory_order_acq_rel) == 1) {
        pthread_mutex_destroy(&token->lock);
        rn_free(token);
    }
}

void rn_cancel_watch(struct rn_cancel_watch *watch, rune_cancel_token *token,
                     void (*fire)(struct rn_cancel_watch *watch))
{
    watch->token = rune_cancel_token_ref(token);
    watch->fire = fire;
    pthread_mutex_lock(&token->lock);
    watch->next = token->watches;
    watch->link = &token->watches;
    if (watch->next) {
        watch->next->link = &watch->next;
    }
    token->watches = watch;
    if (atomic_load(&token->cancelled)) {
        fire(watch);
    }
    pthread_mutex_unlock(&token->lock);
}

void rn_cancel_unwatch(struct rn_cancel_watch *watch)
{
    rune_cancel_token *token = watch->token;
    if (!token) {
        return;
    }
    pthread_mutex_lock(&token->lock);
    *watch->link = watch->next;
    if (watch->next) {
        watch->next->link = watch->link;
    }
    pthread_mutex_unlock(&token->lock);
    *watch = (struct rn_cancel_watch){.next = NULL};
    rune_cancel_token_unref(token);
}
