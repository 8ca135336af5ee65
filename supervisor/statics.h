/*
 * statics.h: static items that the host declares for a build.
 *
 * They travel to the compiler among the items of the context, which no other build sees.
 */
#ifndef RN_SUPERVISOR_STATICS_H
#define RN_SUPERVISOR_STATICS_H

#include <runeward/build.h>

#include "base/buf.h"

/* Another reference, given up by rune_statics_free; accepts and returns NULL. */
rune_statics *rn_statics_ref(const rune_statics *statics);
/* Appends the encoded items of `context` and `statics` (both may be NULL); nothing for neither.
 * INVALID_ARGUMENT: an item of the context has the path of a static. */
enum rn_error rn_statics_append(const rune_statics *statics, const rune_context *context,
                                struct rn_buf *out) RN_MUST_CHECK;
/* Says that. */
rune_status rn_fail_static_path(rune_error **error);

#endif
