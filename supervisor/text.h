/* text.h: texts handed to the host. Trust: copies texts of compilers and daemons, which are checked first. */
#ifndef RN_SUPERVISOR_TEXT_H
#define RN_SUPERVISOR_TEXT_H

#include <runeward/text.h>

#include "base/buf.h"

/*
 * Moves what a heap buffer holds into a text for the host. The buffer's own failure becomes the
 * result. NO_MEMORY, TOO_LARGE.
 */
rune_status rn_text_take(struct rn_buf *buf, rune_text **out_text) RN_MUST_CHECK;
/* A copy of what a compiler or a daemon calls a text. MESSAGE_INVALID: it is larger than any, or no UTF-8; NO_MEMORY. */
enum rn_error rn_text_copy(const void *bytes, size_t size, rune_text **out_text) RN_MUST_CHECK;

#endif
