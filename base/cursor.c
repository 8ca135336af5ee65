/* cursor.c: bounded reading of foreign bytes with sticky failure. */
#include "base/cursor.h"

void rn_cursor_init(struct rn_cursor *cursor, const void *data, size_t size)
{
    static const uint8_t nothing[1];
    *cursor = (struct rn_cursor){.data = data ? data : nothing, .size = size};
}

size_t rn_cursor_left(const struct rn_cursor *cursor)
{
    return cursor->error == RN_OK ? cursor->size - cursor->offset : 0;
}

void rn_cursor_fail(struct rn_cursor *cursor, enum rn_error error)
{
    if (cursor->error == RN_OK) {
        cursor->error = error;
        cursor->error_offset = cursor->offset;
    }
}

const uint8_t *rn_cursor_bytes(struct rn_cursor *cursor, size_t size)
{
    if (cursor->error != RN_OK || size > cursor->size - cursor->offset) {
        rn_cursor_fail(cursor, RN_E_TRUNCATED);
        return NULL;
    }
    const uint8_t *bytes = cursor->data + cursor->offset;
    cursor->offset += size;
    return bytes;
}

static uint64_t read_little_endian(struct rn_cursor *cursor, size_t width)
{
    const uint8_t *bytes = rn_cursor_bytes(cursor, width);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < width; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t rn_cursor_u8(struct rn_cursor *cursor)
{
    return (uint8_t)read_little_endian(cursor, 1);
}

uint16_t rn_cursor_u16(struct rn_cursor *cursor)
{
    return (uint16_t)read_little_endian(cursor, 2);
}

uint32_t rn_cursor_u32(struct rn_cursor *cursor)
{
    return (uint32_t)read_little_endian(cursor, 4);
}

uint64_t rn_cursor_u64(struct rn_cursor *cursor)
{
    return read_little_endian(cursor, 8);
}

uint64_t rn_cursor_be(struct rn_cursor *cursor, size_t width)
{
    RN_ASSERT(width == 1 || width == 2 || width == 4 || width == 8);
    const uint8_t *bytes = rn_cursor_bytes(cursor, width);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < width; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

enum rn_error rn_cursor_status(const struct rn_cursor *cursor)
{
    return cursor->error;
}
