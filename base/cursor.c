/* cursor.c: bounded reading of foreign bytes with sticky failure. */
#include "base/cursor.h"

void rn_cursor_fail(struct rn_cursor *cursor, enum rn_error error)
{
    if (cursor->error == RN_OK) {
        cursor->error = error;
        cursor->error_offset = cursor->offset;
    }
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
