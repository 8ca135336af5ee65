/* tools.c: texts about the wall and the diagnostics, from their tables. */
#include <runeward/tools.h>

#include "base/buf.h"
#include "bytecode/diagnostic.h"
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

static const struct rn_diagnostic_info *find_code(const char *code)
{
    for (unsigned i = 0; i < RN_DIAGNOSTIC_COUNT; i++) {
        const struct rn_diagnostic_info *info = &rn_diagnostic_infos[i];
        if (info->code != NULL && *info->code != '\0' && strcmp(info->code, code) == 0) {
            return info;
        }
    }
    return NULL;
}

rune_status rune_tools_explain(const char *code, rune_text **out_text)
{
    const struct rn_diagnostic_info *info = find_code(code);
    if (info == NULL) {
        return RUNE_E_NOT_FOUND;
    }
    struct rn_buf buf;
    rn_buf_init(&buf, TEXT_MAX);
    rn_buf_append_format(&buf, "%s[%s]: %s\n",
                         info->severity == RN_SEVERITY_ERROR ? "error" : "warning", info->code,
                         info->message);
    if (info->help != NULL) {
        rn_buf_append_format(&buf, "help: %s\n", info->help);
    }
    return take(&buf, out_text);
}

const char *rune_tools_code_at(size_t index)
{
    // The first row stands for "none" and has no code.
    return index + 1 < RN_DIAGNOSTIC_COUNT ? rn_diagnostic_infos[index + 1].code : NULL;
}
