/* text.h: texts handed to the host. */
#ifndef RN_SUPERVISOR_TEXT_H
#define RN_SUPERVISOR_TEXT_H

#include <runeward/text.h>

#include "base/buf.h"

/*
 * Moves what a heap buffer holds into a text for the host. The buffer's own failure becomes the
 * result. NO_MEMORY, TOO_LARGE.
 */
rune_status rn_text_take(struct rn_buf *buf, rune_text **out_text) RN_MUST_CHECK;

#endif
