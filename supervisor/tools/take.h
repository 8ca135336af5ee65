/* take.h: how a text leaves the tools. */
#ifndef RN_SUPERVISOR_TOOLS_TAKE_H
#define RN_SUPERVISOR_TOOLS_TAKE_H

#include <runeward/tools.h>

#include "base/buf.h"

/* What was written as a text, which is the caller's; the buffer is done with. NO_MEMORY, TOO_LARGE. */
static inline rune_status rn_tools_take(struct rn_buf *buf, rune_text **out_text)
{
    enum rn_error error = rn_buf_status(buf);
    rune_text *text = error == RN_OK ? rune_text_new((const char *)buf->data, buf->size) : NULL;
    rn_buf_done(buf);
    if (text == NULL) {
        return error == RN_OK ? RUNE_E_NO_MEMORY : (rune_status)error;
    }
    *out_text = text;
    return RUNE_OK;
}

#endif
