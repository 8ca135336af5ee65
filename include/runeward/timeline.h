/*
 * timeline.h: time that has passed already.
 *
 * A timeline notes what a call was told of time: the clock at its beginning, if it may read one, and each moment at
 * which it was woken from waiting. A later call that follows it gets the same, in the same order, without waiting;
 * where the timeline ends it waits as any call does, and that is noted in turn. So a script that did something
 * before may do it once more and go on from there, for instance because it has grown since. A call that may read
 * no clock is told of none, whoever followed the timeline before.
 *
 * One thread at a time, and one call at a time, until that has ended.
 */
#ifndef RUNEWARD_TIMELINE_H
#define RUNEWARD_TIMELINE_H

#include <runeward/vm.h>

RUNE_BEGIN

typedef struct rune_timeline rune_timeline;

/* Empty. NULL without memory. The caller's: rune_timeline_free, after the calls that follow it. */
RUNE_API rune_timeline *rune_timeline_new(void) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_timeline_free(rune_timeline *timeline);
/* Moments in it, of which the beginning is the first, if a call could read the clock. At most 1,048,576 more: a call that would note more ends as `internal`. */
RUNE_API size_t rune_timeline_count(const rune_timeline *timeline);
/* Forgets all moments but the first `count`: back to where a call ended, by rune_timeline_count at that time. */
RUNE_API void rune_timeline_cut(rune_timeline *timeline, size_t count);

/* Borrowed as long as calls with these options run. NULL (default): none. Calls in a daemon follow none. */
RUNE_API void rune_call_options_set_timeline(rune_call_options *options, rune_timeline *timeline);

RUNE_END

#endif
