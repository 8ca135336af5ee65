/*
 * cursor.h: the one way to read foreign bytes.
 *
 * A cursor never reads beyond its end. Failure is sticky: the first read that does not fit sets
 * `error` and `error_offset`, later ones give zeros. Readers check once, before acting on anything.
 */
#ifndef RN_BASE_CURSOR_H
#define RN_BASE_CURSOR_H

#include "base/bytes.h"
#include "base/error.h"

struct rn_cursor {
    const uint8_t *data;
    size_t size;
    size_t offset;
    enum rn_error error;
    size_t error_offset;
};

void rn_cursor_fail(struct rn_cursor *cursor, enum rn_error error);

/* `data` may be NULL if `size` is 0. */
static inline void rn_cursor_init(struct rn_cursor *cursor, const void *data, size_t size)
{
    static const uint8_t nothing[1];
    *cursor = (struct rn_cursor){.data = data ? data : nothing, .size = size};
}

static inline size_t rn_cursor_left(const struct rn_cursor *cursor)
{
    return cursor->error == RN_OK ? cursor->size - cursor->offset : 0;
}

/* A borrowed run of `size` bytes, or NULL after failure. */
static inline const uint8_t *rn_cursor_bytes(struct rn_cursor *cursor, size_t size)
{
    if (RN_UNLIKELY(cursor->error != RN_OK || size > cursor->size - cursor->offset)) {
        rn_cursor_fail(cursor, RN_E_TRUNCATED);
        return NULL;
    }
    const uint8_t *bytes = cursor->data + cursor->offset;
    cursor->offset += size;
    return bytes;
}

/* Little endian; `width` bytes, at most 8. */
static inline uint64_t rn_cursor_le(struct rn_cursor *cursor, size_t width)
{
    const uint8_t *bytes = rn_cursor_bytes(cursor, width);
    return bytes ? rn_load_le(bytes, width) : 0;
}

static inline uint8_t rn_cursor_u8(struct rn_cursor *cursor)
{
    return (uint8_t)rn_cursor_le(cursor, 1);
}

static inline uint16_t rn_cursor_u16(struct rn_cursor *cursor)
{
    return (uint16_t)rn_cursor_le(cursor, 2);
}

static inline uint32_t rn_cursor_u32(struct rn_cursor *cursor)
{
    return (uint32_t)rn_cursor_le(cursor, 4);
}

static inline uint64_t rn_cursor_u64(struct rn_cursor *cursor)
{
    return rn_cursor_le(cursor, 8);
}

/* Big endian, as CBOR has it; `width` 1, 2, 4 or 8. */
uint64_t rn_cursor_be(struct rn_cursor *cursor, size_t width);

static inline enum rn_error rn_cursor_status(const struct rn_cursor *cursor)
{
    return cursor->error;
}

#endif
