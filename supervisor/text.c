/* text.c: texts handed to the host, and the names of codes. Trust: see text.h. */
#include "supervisor/text.h"

#include <runeward/limits.h>
#include <runeward/version.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "bytecode/unit.h"
#include "shm/message.h"
#include "shm/reason.h"

struct rune_text {
    char *data;
    size_t size;
};

rune_status rn_text_take(struct rn_buf *buf, rune_text **out_text)
{
    rn_buf_append_u8(buf, 0);
    enum rn_error error = rn_buf_status(buf);
    rune_text *text = error == RN_OK ? rn_alloc(sizeof(*text)) : NULL;
    if (!text) {
        return error == RN_OK ? RUNE_E_NO_MEMORY : (rune_status)error;
    }
    text->data = (char *)rn_buf_take(buf, &text->size);
    text->size--;
    *out_text = text;
    return RUNE_OK;
}

enum rn_error rn_text_copy(const void *bytes, size_t size, rune_text **out_text)
{
    if (size > RN_TEXT_BODY_MAX || !rn_utf8_valid(bytes, size, NULL)) {
        return RN_E_MESSAGE_INVALID;
    }
    rune_text *text = rune_text_new(bytes, size);
    if (!text) {
        return RN_E_NO_MEMORY;
    }
    *out_text = text;
    return RN_OK;
}

rune_text *rune_text_new(const char *data, size_t size)
{
    rune_text *text = rn_alloc(sizeof(*text));
    if (!text) {
        return NULL;
    }
    text->data = rn_strndup(data, size);
    text->size = size;
    if (!text->data) {
        rn_free(text);
        return NULL;
    }
    return text;
}

const char *rune_text_data(const rune_text *text)
{
    return text ? text->data : "";
}

size_t rune_text_size(const rune_text *text)
{
    return text ? text->size : 0;
}

void rune_text_free(rune_text *text)
{
    if (text) {
        rn_free(text->data);
        rn_free(text);
    }
}

const char *rune_status_name(rune_status status)
{
    return status == RUNE_OK ? "OK" : rn_error_name((enum rn_error)status);
}

const char *rune_status_message(rune_status status)
{
    return status == RUNE_OK ? "no error" : rn_error_message((enum rn_error)status);
}

const char *rune_reason_name(rune_reason reason)
{
    switch ((enum rn_reason)reason) {
#define REASON(name, number, exit_code, status, worker, text)                                      \
    case RN_REASON_##name:                                                                         \
        return text;
#include "shm/reasons.def"
#undef REASON
    case RN_REASON_COUNT:
        break;
    }
    return "unknown";
}

int rune_reason_exit_code(rune_reason reason, int signal)
{
    int code = 70; // an unknown reason is our own mistake
    switch ((enum rn_reason)reason) {
#define REASON(name, number, exit_code, status, worker, text)                                      \
    case RN_REASON_##name:                                                                         \
        code = exit_code;                                                                          \
        break;
#include "shm/reasons.def"
#undef REASON
    case RN_REASON_COUNT:
        break;
    }
    return code >= 0 ? code : 128 + signal;
}

uint32_t rune_version_number(void)
{
    return RUNE_VERSION_NUMBER;
}

const char *rune_version_string(void)
{
    return "0.1.0";
}

uint64_t rune_version_isa(void)
{
    return rn_isa_digest();
}
