/* seldom.c: lines of the log that strangers can bring about as often as they like. */
#include "supervisor/seldom.h"

#include <stdarg.h>
#include <stdio.h>

#include "supervisor/clock.h"
#include "supervisor/supervisor.h"

#define LINE_MAX_BYTES 1024u
#define PERIOD_NS UINT64_C(1000000000)

/* True: this one may be said. Those before it that were not come first. */
static bool take_turn(rune_supervisor *supervisor, enum rn_seldom_kind kind)
{
    struct rn_seldom *seldom = &supervisor->seldom;
    uint64_t now_ns = rn_now_ns();
    pthread_mutex_lock(&supervisor->log_lock);
    bool may = seldom->kinds[kind].unsaid == 0 && now_ns >= seldom->kinds[kind].next_ns;
    if (may) {
        seldom->kinds[kind].next_ns = rn_after_ns(now_ns, PERIOD_NS);
    } else if (seldom->kinds[kind].unsaid++ == 0) {
        atomic_fetch_add(&seldom->waiting, 1);
    }
    pthread_mutex_unlock(&supervisor->log_lock);
    return may;
}

void rn_supervisor_log_seldom(rune_supervisor *supervisor, enum rn_seldom_kind kind,
                              const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    if (!take_turn(supervisor, kind)) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    rn_supervisor_log(supervisor, 1, "%s", line);
}

/* How many of the kind are to be said now; else when. */
static uint64_t take_rest(rune_supervisor *supervisor, unsigned kind, uint64_t now_ns,
                          uint64_t *out_due_ns)
{
    struct rn_seldom *seldom = &supervisor->seldom;
    uint64_t rest = 0;
    pthread_mutex_lock(&supervisor->log_lock);
    *out_due_ns = seldom->kinds[kind].unsaid > 0 ? seldom->kinds[kind].next_ns : RN_NEVER_NS;
    if (seldom->kinds[kind].unsaid > 0 && now_ns >= seldom->kinds[kind].next_ns) {
        rest = seldom->kinds[kind].unsaid;
        seldom->kinds[kind].unsaid = 0;
        seldom->kinds[kind].next_ns = rn_after_ns(now_ns, PERIOD_NS);
        *out_due_ns = RN_NEVER_NS;
        atomic_fetch_sub(&seldom->waiting, 1);
    }
    pthread_mutex_unlock(&supervisor->log_lock);
    return rest;
}

uint64_t rn_supervisor_log_rest(rune_supervisor *supervisor, uint64_t now_ns)
{
    static const char *const sentences[RN_SELDOM_COUNT] = {
        [RN_SELDOM_TURNED_AWAY] = "turned away",
        [RN_SELDOM_ENDED] = "ended for what they sent",
    };
    uint64_t next_ns = RN_NEVER_NS;
    if (atomic_load(&supervisor->seldom.waiting) == 0) {
        return next_ns;
    }
    for (unsigned kind = 0; kind < RN_SELDOM_COUNT; kind++) {
        uint64_t due_ns;
        uint64_t rest = take_rest(supervisor, kind, now_ns, &due_ns);
        if (rest > 0) {
            rn_supervisor_log(supervisor, 1, "serve: and %llu more were %s",
                              (unsigned long long)rest, sentences[kind]);
        }
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    return next_ns;
}
