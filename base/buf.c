/* buf.c: a growing byte buffer with a maximum and sticky failure. */
#include "base/buf.h"

#include "base/alloc.h"
#include "base/math.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

enum {
    CAPACITY_MIN = 64,
};

void rn_buf_done(struct rn_buf *buf)
{
    if (!buf->fixed) {
        rn_free(buf->data);
    }
    *buf = (struct rn_buf){0};
}

void rn_buf_clear(struct rn_buf *buf)
{
    buf->size = 0;
    buf->error = RN_OK;
}

static void fail(struct rn_buf *buf, enum rn_error error)
{
    if (buf->error == RN_OK) {
        buf->error = error;
    }
}

/* Doubles, so that appending is amortised; never beyond the maximum. */
static bool grow(struct rn_buf *buf, size_t needed)
{
    size_t capacity = rn_max_size(buf->capacity, CAPACITY_MIN);
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    capacity = rn_min_size(capacity, buf->max);
    uint8_t *data = rn_realloc(buf->data, capacity);
    if (data == NULL) {
        fail(buf, RN_E_NO_MEMORY);
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *rn_buf_make_room(struct rn_buf *buf, size_t size)
{
    if (buf->error != RN_OK) {
        return NULL;
    }
    size_t needed;
    if (!rn_checked_add(buf->size, size, &needed) || needed > buf->max) {
        fail(buf, RN_E_TOO_LARGE);
        return NULL;
    }
    if ((needed > buf->capacity || buf->data == NULL) && (buf->fixed || !grow(buf, needed))) {
        // A fixed buffer has capacity == max, so only one without storage comes here.
        fail(buf, RN_E_TOO_LARGE);
        return NULL;
    }
    return buf->data + buf->size;
}

void rn_buf_commit(struct rn_buf *buf, size_t size)
{
    RN_CHECK(buf->error == RN_OK && size <= buf->capacity - buf->size);
    buf->size += size;
}

void rn_buf_append(struct rn_buf *buf, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    uint8_t *room = rn_buf_reserve(buf, size);
    if (room != NULL) {
        memcpy(room, bytes, size);
        buf->size += size;
    }
}

void rn_buf_append_text(struct rn_buf *buf, const char *text)
{
    rn_buf_append(buf, text, strlen(text));
}

void rn_buf_append_utf8(struct rn_buf *buf, uint32_t scalar)
{
    char bytes[4];
    rn_buf_append(buf, bytes, rn_utf8_encode(scalar, bytes));
}

void rn_buf_append_format(struct rn_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    // vsnprintf writes a terminator, which is reserved but never committed. A fixed buffer that is
    // exactly full goes without it, so the text passes through room of its own only when it fits.
    uint8_t *room = size < 0 ? NULL : rn_buf_reserve(buf, (size_t)size + 1);
    if (room != NULL) {
        vsnprintf((char *)room, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    } else if (size < 0) {
        fail(buf, RN_E_INVALID_ARGUMENT);
    }
    va_end(again);
}

void rn_buf_pad(struct rn_buf *buf, size_t align)
{
    size_t padded;
    if (!rn_checked_add(buf->size, align - 1, &padded)) {
        fail(buf, RN_E_TOO_LARGE);
        return;
    }
    padded &= ~(align - 1);
    size_t missing = padded - buf->size;
    uint8_t *room = missing == 0 ? NULL : rn_buf_reserve(buf, missing);
    if (room != NULL) {
        memset(room, 0, missing);
        buf->size = padded;
    }
}

enum rn_error rn_buf_status(const struct rn_buf *buf)
{
    return buf->error;
}

uint8_t *rn_buf_take(struct rn_buf *buf, size_t *out_size)
{
    RN_CHECK(!buf->fixed);
    uint8_t *data = buf->data;
    *out_size = buf->size;
    *buf = (struct rn_buf){.max = buf->max};
    return data;
}
