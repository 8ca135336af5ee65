/* tools.c: texts about the wall, from its tables. */
#include <runeward/tools.h>

#include "base/buf.h"
#include "policy/report.h"

#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)

// Moves what the buffer holds into a text; ends the buffer.
static rune_status take(struct rn_buf *buf, rune_text **out_text)
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

rune_status rune_tools_policy(rune_text **out_json)
{
    struct rn_buf buf;
    rn_buf_init(&buf, TEXT_MAX);
    rn_policy_to_json(&buf);
    return take(&buf, out_json);
}
