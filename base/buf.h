/*
 * buf.h: a growing byte buffer that cannot be made without its maximum.
 *
 * Failure is sticky: after the first append that does not fit, `error` is set, later appends do
 * nothing, and the writer checks once at the end with rn_buf_status. A buffer either grows on the C
 * heap (rn_buf_init) or writes into storage lent by the caller (rn_buf_init_fixed), which is the
 * only kind that a worker may use.
 */
#ifndef RN_BASE_BUF_H
#define RN_BASE_BUF_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdarg.h>

struct rn_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max;
    bool fixed;
    enum rn_error error;
};
typedef struct rn_buf rn_buf;

static inline void rn_buf_init(struct rn_buf *buf, size_t max)
{
    *buf = (struct rn_buf){.max = max};
}

static inline void rn_buf_init_fixed(struct rn_buf *buf, void *storage, size_t size)
{
    *buf = (struct rn_buf){.data = storage, .capacity = size, .max = size, .fixed = true};
}

void rn_buf_done(struct rn_buf *buf);
/* Empties it, forgets the error, keeps the storage. */
void rn_buf_clear(struct rn_buf *buf);

/* rn_buf_reserve, where there is no room yet. */
uint8_t *rn_buf_make_room(struct rn_buf *buf, size_t size);

/* Room for `size` bytes at the end, uncounted until rn_buf_commit; NULL if there is none. */
static inline uint8_t *rn_buf_reserve(struct rn_buf *buf, size_t size)
{
    bool fits = buf->error == RN_OK && buf->data != NULL && size <= buf->capacity - buf->size;
    return RN_LIKELY(fits) ? buf->data + buf->size : rn_buf_make_room(buf, size);
}

void rn_buf_commit(struct rn_buf *buf, size_t size);

void rn_buf_append(struct rn_buf *buf, const void *bytes, size_t size);
void rn_buf_append_text(struct rn_buf *buf, const char *text);

/* Little endian; `width` bytes, at most 8. */
static inline void rn_buf_append_le(struct rn_buf *buf, uint64_t value, size_t width)
{
    uint8_t *room = rn_buf_reserve(buf, width);
    if (RN_LIKELY(room != NULL)) {
        rn_store_le(room, value, width);
        buf->size += width;
    }
}

static inline void rn_buf_append_u8(struct rn_buf *buf, uint8_t value)
{
    rn_buf_append_le(buf, value, 1);
}

static inline void rn_buf_append_u16(struct rn_buf *buf, uint16_t value)
{
    rn_buf_append_le(buf, value, 2);
}

static inline void rn_buf_append_u32(struct rn_buf *buf, uint32_t value)
{
    rn_buf_append_le(buf, value, 4);
}

static inline void rn_buf_append_u64(struct rn_buf *buf, uint64_t value)
{
    rn_buf_append_le(buf, value, 8);
}

void rn_buf_append_utf8(struct rn_buf *buf, uint32_t scalar);
/* printf, for processes that may use stdio; needs room for one byte more than the text. */
void rn_buf_append_format(struct rn_buf *buf, const char *format, ...) RN_PRINTF(2, 3);
/* Zero bytes up to a multiple of `align`. */
void rn_buf_pad(struct rn_buf *buf, size_t align);

/* RN_OK or the first failure (NO_MEMORY, TOO_LARGE). */
enum rn_error rn_buf_status(const struct rn_buf *buf) RN_MUST_CHECK;

/* Moves the bytes out (heap buffers only); the caller frees them with rn_free. */
uint8_t *rn_buf_take(struct rn_buf *buf, size_t *out_size);

#endif
