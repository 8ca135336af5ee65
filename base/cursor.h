/*
 * cursor.h: the one way to read foreign bytes.
 *
 * A cursor never reads beyond its end. Failure is sticky: the first read that does not fit sets
 * `error` and `error_offset`, later ones give zeros. Readers check once, before acting on anything.
 */
#ifndef RN_BASE_CURSOR_H
#define RN_BASE_CURSOR_H

#include "base/error.h"

struct rn_cursor {
    const uint8_t *data;
    size_t size;
    size_t offset;
    enum rn_error error;
    size_t error_offset;
};

/* `data` may be NULL if `size` is 0. */
void rn_cursor_init(struct rn_cursor *cursor, const void *data, size_t size);
size_t rn_cursor_left(const struct rn_cursor *cursor);
/* Little endian. */
uint8_t rn_cursor_u8(struct rn_cursor *cursor);
uint16_t rn_cursor_u16(struct rn_cursor *cursor);
uint32_t rn_cursor_u32(struct rn_cursor *cursor);
uint64_t rn_cursor_u64(struct rn_cursor *cursor);
/* Big endian, as CBOR has it; `width` 1, 2, 4 or 8. */
uint64_t rn_cursor_be(struct rn_cursor *cursor, size_t width);
/* A borrowed run of `size` bytes, or NULL after failure. */
const uint8_t *rn_cursor_bytes(struct rn_cursor *cursor, size_t size);
void rn_cursor_fail(struct rn_cursor *cursor, enum rn_error error);
enum rn_error rn_cursor_status(const struct rn_cursor *cursor) RN_MUST_CHECK;

#endif
