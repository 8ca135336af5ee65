/* text.c: lines by a table of their starts, columns by a walk along the line. */
#include "cli/lsp/text.h"

#include <string.h>

/* ---- Lines ---- */

static bool add_start(struct rn_lsp_lines *lines, size_t start)
{
    uint32_t value = (uint32_t)start;
    lines->count++;
    return rn_bytes_append(&lines->starts, (const char *)&value, sizeof value);
}

bool rn_lsp_lines_init(struct rn_lsp_lines *lines, const char *text, size_t size)
{
    *lines = (struct rn_lsp_lines){.count = 0};
    bool good = size <= UINT32_MAX && add_start(lines, 0);
    for (size_t i = 0; i < size && good; i++) {
        bool ends = text[i] == '\n' || (text[i] == '\r' && (i + 1 == size || text[i + 1] != '\n'));
        good = !ends || add_start(lines, i + 1);
    }
    if (!good) {
        rn_lsp_lines_done(lines);
    }
    return good;
}

void rn_lsp_lines_done(struct rn_lsp_lines *lines)
{
    rn_bytes_done(&lines->starts);
    *lines = (struct rn_lsp_lines){.count = 0};
}

static size_t start_of(const struct rn_lsp_lines *lines, size_t line)
{
    return ((const uint32_t *)(const void *)lines->starts.data)[line];
}

/* The last line that begins at `offset` or before it. */
static size_t line_of(const struct rn_lsp_lines *lines, size_t offset)
{
    size_t low = 0;
    size_t high = lines->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (start_of(lines, middle) <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- Columns ---- */

/* What the second byte must not be below and beyond, so that each character has one form. */
static bool is_second(unsigned char first, unsigned char second)
{
    return second >= (first == 0xe0   ? 0xa0
                      : first == 0xf0 ? 0x90
                                      : 0x80) &&
           second <= (first == 0xed   ? 0x9f
                      : first == 0xf4 ? 0x8f
                                      : 0xbf);
}

size_t rn_lsp_char_size(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    size_t wanted = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
    if (wanted > size || (wanted > 1 && !is_second(first, (unsigned char)text[1]))) {
        return 1;
    }
    for (size_t i = 2; i < wanted; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 1;
        }
    }
    return wanted;
}

static uint32_t units(size_t bytes, enum rn_lsp_encoding encoding)
{
    return encoding == RN_LSP_UTF8                  ? (uint32_t)bytes
           : encoding == RN_LSP_UTF16 && bytes == 4 ? 2
                                                    : 1;
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

size_t rn_lsp_offset(const char *text, size_t size, const struct rn_lsp_lines *lines,
                     struct rn_lsp_position at, enum rn_lsp_encoding encoding)
{
    if (at.line >= lines->count) {
        return size;
    }
    size_t offset = start_of(lines, at.line);
    uint32_t left = at.column;
    while (offset < size && left > 0 && !is_break(text[offset])) {
        size_t bytes = rn_lsp_char_size(text + offset, size - offset);
        uint32_t step = units(bytes, encoding);
        if (step > left) {
            break;
        }
        left -= step;
        offset += bytes;
    }
    return offset;
}

struct rn_lsp_position rn_lsp_position(const char *text, size_t size,
                                       const struct rn_lsp_lines *lines, size_t offset,
                                       enum rn_lsp_encoding encoding)
{
    offset = offset < size ? offset : size;
    struct rn_lsp_position at = {.line = (uint32_t)line_of(lines, offset)};
    for (size_t i = start_of(lines, at.line); i < offset;) {
        size_t bytes = rn_lsp_char_size(text + i, size - i);
        if (i + bytes > offset) {
            break;
        }
        at.column += units(bytes, encoding);
        i += bytes;
    }
    return at;
}

/* ---- Changes ---- */

bool rn_lsp_replace(struct rn_bytes *text, struct rn_lsp_span span, const char *data, size_t size)
{
    struct rn_bytes made = {0};
    bool good = rn_bytes_append(&made, text->data, span.start) &&
                rn_bytes_append(&made, data, size) &&
                rn_bytes_append(&made, text->data + span.end, text->size - span.end);
    if (!good) {
        rn_bytes_done(&made);
        return false;
    }
    rn_bytes_done(text);
    *text = made;
    return true;
}

size_t rn_lsp_carry(const char *from, size_t from_size, const char *to, size_t to_size,
                    size_t offset)
{
    size_t shorter = from_size < to_size ? from_size : to_size;
    size_t front = 0;
    while (front < shorter && from[front] == to[front]) {
        front++;
    }
    size_t back = 0;
    while (back < shorter - front && from[from_size - 1 - back] == to[to_size - 1 - back]) {
        back++;
    }
    if (offset <= front) {
        return offset;
    }
    return offset >= from_size - back ? offset - from_size + to_size : front;
}
