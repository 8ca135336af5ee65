/* utf8.h: decoding, encoding and validating UTF-8 (RFC 3629: no surrogates, shortest form). */
#ifndef RN_BASE_UTF8_H
#define RN_BASE_UTF8_H

#include "base/check.h"

/* Text that has been validated. Not terminated; may contain zero bytes. */
struct rn_utf8 {
    const char *data;
    size_t size;
};

#define RN_UTF8(literal) ((struct rn_utf8){(literal), sizeof(literal) - 1})

/* True if all of it is UTF-8; else the offset of the first bad byte goes to *out_offset. */
bool rn_utf8_valid(const void *bytes, size_t size, size_t *out_offset);
/* Decodes one scalar at `offset` of valid text; its width in bytes goes to *out_width. */
uint32_t rn_utf8_decode(const char *data, size_t size, size_t offset, size_t *out_width);
/* Writes 1 to 4 bytes; returns how many. `scalar` must be a scalar value. */
size_t rn_utf8_encode(uint32_t scalar, char out[4]);
bool rn_utf8_is_boundary(const char *data, size_t size, size_t offset);
size_t rn_utf8_count(const char *data, size_t size);
static inline bool rn_is_scalar(uint32_t value)
{
    return value < 0xd800 || (value >= 0xe000 && value < 0x110000);
}

#endif
