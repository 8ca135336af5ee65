/* timeline.h: moments that calls were told, in a row that grows; what call.c does with them. */
#ifndef RN_SUPERVISOR_TIMELINE_H
#define RN_SUPERVISOR_TIMELINE_H

#include <runeward/timeline.h>

#include "base/error.h"

#define RN_TIMELINE_MAX (1u << 20)

/* A call begins, with `now_ns`, 0 if it may read no clock: when it does so by the timeline. Accepts NULL. */
uint64_t rn_timeline_begin(rune_timeline *timeline, uint64_t now_ns);
/* True if a call that has had `at` moments need not wait for the next. Accepts NULL. */
bool rn_timeline_has(const rune_timeline *timeline, size_t at);
/* The call's next moment: it becomes that of the timeline, or the timeline gets it; 0 stays 0. Accepts NULL. TOO_LARGE,
 * NO_MEMORY. */
enum rn_error rn_timeline_pass(rune_timeline *timeline, size_t *at, uint64_t *now_ns) RN_MUST_CHECK;

#endif
