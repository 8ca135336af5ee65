/*
 * seldom.h: lines of the log that strangers can bring about as often as they like.
 *
 * Of each kind one goes in a second; how many more there were is said when that second is over.
 */
#ifndef RN_SUPERVISOR_SELDOM_H
#define RN_SUPERVISOR_SELDOM_H

#include <runeward/supervisor.h>

#include <stdatomic.h>
#include <stdint.h>

#include "base/check.h"

enum rn_seldom_kind {
    RN_SELDOM_TURNED_AWAY,
    RN_SELDOM_ENDED, /* connections, for what they sent */
    RN_SELDOM_COUNT
};

/* Of a supervisor. */
struct rn_seldom {
    _Atomic unsigned waiting; /* kinds that have more to say */
    /* Under the log's lock: */
    struct {
        uint64_t next_ns; /* nothing of this kind goes before */
        uint64_t unsaid;
    } kinds[RN_SELDOM_COUNT];
};

/* The line, or one more of its kind. */
void rn_supervisor_log_seldom(rune_supervisor *supervisor, enum rn_seldom_kind kind,
                              const char *format, ...) RN_PRINTF(3, 4);
/* Says what is due by `now_ns`; returns when the next of it is, or RN_NEVER_NS. */
uint64_t rn_supervisor_log_rest(rune_supervisor *supervisor, uint64_t now_ns);

#endif
