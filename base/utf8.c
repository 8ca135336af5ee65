/*
 * utf8.c: UTF-8 after RFC 3629.
 *
 * Validation follows the table of well-formed sequences in the Unicode standard (table 3-7): the
 * lead byte gives the width and the range of the second byte, which excludes surrogates, overlong
 * forms and values beyond U+10FFFF.
 */
#include "base/utf8.h"

#include <string.h>

struct lead {
    uint8_t width;
    uint8_t second_min;
    uint8_t second_max;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte < 0x80) {
        return (struct lead){1, 0, 0};
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return (struct lead){0, 0, 0};
    }
    if (byte < 0xe0) {
        return (struct lead){2, 0x80, 0xbf};
    }
    if (byte < 0xf0) {
        return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    }
    return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The width of the sequence at `text`, or 0 if it is not well-formed. */
static size_t sequence_width(const uint8_t *text, size_t size)
{
    struct lead lead = lead_of(text[0]);
    if (lead.width <= 1) {
        return lead.width;
    }
    if (lead.width > size || text[1] < lead.second_min || text[1] > lead.second_max) {
        return 0;
    }
    for (size_t i = 2; i < lead.width; i++) {
        if (!is_continuation(text[i])) {
            return 0;
        }
    }
    return lead.width;
}

/* Bytes at the start that are ASCII, counted eight at a time. */
static size_t ascii_prefix(const uint8_t *text, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    while (i < size && text[i] < 0x80) {
        i++;
    }
    return i;
}

bool rn_utf8_valid(const void *bytes, size_t size, size_t *out_offset)
{
    const uint8_t *text = bytes;
    size_t offset = 0;
    while (offset < size) {
        offset += ascii_prefix(text + offset, size - offset);
        if (offset == size) {
            break;
        }
        size_t width = sequence_width(text + offset, size - offset);
        if (width == 0) {
            if (out_offset != NULL) {
                *out_offset = offset;
            }
            return false;
        }
        offset += width;
    }
    return true;
}

uint32_t rn_utf8_decode(const char *data, size_t size, size_t offset, size_t *out_width)
{
    RN_ASSERT(offset < size);
    const uint8_t *text = (const uint8_t *)data + offset;
    size_t width = lead_of(text[0]).width;
    RN_CHECK(width != 0 && width <= size - offset);
    *out_width = width;
    if (width == 1) {
        return text[0];
    }
    // The lead byte of a sequence of n bytes carries 7 - n bits.
    uint32_t scalar = text[0] & (0x7fu >> width);
    for (size_t i = 1; i < width; i++) {
        scalar = scalar << 6 | (text[i] & 0x3fu);
    }
    return scalar;
}

static char continuation(uint32_t scalar, unsigned shift)
{
    return (char)(0x80u | (scalar >> shift & 0x3fu));
}

size_t rn_utf8_encode(uint32_t scalar, char out[4])
{
    RN_ASSERT(rn_is_scalar(scalar));
    if (scalar < 0x80) {
        out[0] = (char)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (char)(0xc0u | scalar >> 6);
        out[1] = continuation(scalar, 0);
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (char)(0xe0u | scalar >> 12);
        out[1] = continuation(scalar, 6);
        out[2] = continuation(scalar, 0);
        return 3;
    }
    out[0] = (char)(0xf0u | scalar >> 18);
    out[1] = continuation(scalar, 12);
    out[2] = continuation(scalar, 6);
    out[3] = continuation(scalar, 0);
    return 4;
}

bool rn_utf8_is_boundary(const char *data, size_t size, size_t offset)
{
    if (offset >= size) {
        return offset == size;
    }
    return !is_continuation((uint8_t)data[offset]);
}

size_t rn_utf8_count(const char *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += !is_continuation((uint8_t)data[i]);
    }
    return count;
}
