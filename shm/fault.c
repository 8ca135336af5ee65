/* fault.c: the body of a RESULT that is not a value. Trust: decodes bytes from workers. */
#include "shm/fault.h"

#include "base/cursor.h"
#include "base/math.h"

/* The longest prefix of at most `max` bytes that ends with a character. */
static struct rn_utf8 cut(struct rn_utf8 text, size_t max)
{
    if (text.size <= max) {
        return text;
    }
    size_t size = max;
    while (size > 0 && !rn_utf8_is_boundary(text.data, text.size, size)) {
        size--;
    }
    return (struct rn_utf8){text.data, size};
}

void rn_fault_encode(const struct rn_fault *fault, struct rn_buf *out)
{
    struct rn_utf8 kind = cut(fault->kind, RN_FAULT_KIND_MAX);
    struct rn_utf8 message = cut(fault->message, RN_FAULT_MESSAGE_MAX);
    RN_CHECK(fault->frame_count <= RN_FAULT_FRAMES_MAX);
    rn_buf_append_u16(out, (uint16_t)kind.size);
    rn_buf_append(out, kind.data, kind.size);
    rn_buf_append_u32(out, (uint32_t)message.size);
    rn_buf_append(out, message.data, message.size);
    rn_buf_append_u64(out, fault->frames_total);
    rn_buf_append_u32(out, fault->frame_count);
    for (uint32_t i = 0; i < fault->frame_count; i++) {
        rn_buf_append_u32(out, fault->frames[i].function);
        rn_buf_append_u32(out, fault->frames[i].pc);
        rn_buf_append_u32(out, fault->frames[i].standard);
    }
}

static struct rn_utf8 read_text(struct rn_cursor *cursor, size_t size, size_t max)
{
    if (size > max) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        return (struct rn_utf8){"", 0};
    }
    const uint8_t *bytes = rn_cursor_bytes(cursor, size);
    if (!bytes || !rn_utf8_valid(bytes, size, NULL)) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        return (struct rn_utf8){"", 0};
    }
    return (struct rn_utf8){(const char *)bytes, size};
}

enum rn_error rn_fault_decode(const void *bytes, size_t size, struct rn_fault *out_fault)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, size);
    out_fault->kind = read_text(&cursor, rn_cursor_u16(&cursor), RN_FAULT_KIND_MAX);
    out_fault->message = read_text(&cursor, rn_cursor_u32(&cursor), RN_FAULT_MESSAGE_MAX);
    out_fault->frames_total = rn_cursor_u64(&cursor);
    out_fault->frame_count = rn_cursor_u32(&cursor);
    if (out_fault->frame_count > RN_FAULT_FRAMES_MAX ||
        out_fault->frame_count > out_fault->frames_total) {
        return RN_E_MESSAGE_INVALID;
    }
    for (uint32_t i = 0; i < out_fault->frame_count; i++) {
        uint32_t function = rn_cursor_u32(&cursor);
        uint32_t pc = rn_cursor_u32(&cursor);
        uint32_t standard = rn_cursor_u32(&cursor);
        if (standard > 1) {
            return RN_E_MESSAGE_INVALID;
        }
        out_fault->frames[i] = (struct rn_fault_frame){function, pc, standard != 0};
    }
    if (rn_cursor_status(&cursor) != RN_OK || rn_cursor_left(&cursor) != 0) {
        return RN_E_MESSAGE_INVALID;
    }
    return RN_OK;
}
