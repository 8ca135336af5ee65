/*
 * text.c: lines by a table of their starts, columns by a walk along the line.
 *
 * A line may be as long as the text, and each of its places be asked for: beyond MARK_STEP bytes the walk
 * begins at a mark.
 */
#include "cli/lsp/text.h"

#include <string.h>

#define MARK_STEP ((size_t)1024)

struct mark {
    uint32_t
        offset; /* of the first character that begins MARK_STEP * (n + 1) bytes into the text, or behind */
    uint32_t column; /* in its line */
};

struct rn_lsp_marks {
    struct rn_bytes marks; /* of struct mark, n from 0 */
    enum rn_lsp_encoding encoding;
    bool made;
};

static struct rn_lsp_marks *marks_of(const struct rn_lsp_lines *lines)
{
    return (struct rn_lsp_marks *)(void *)lines->marks.data;
}

/* ---- Lines ---- */

static bool add_start(struct rn_lsp_lines *lines, size_t start)
{
    uint32_t value = (uint32_t)start;
    lines->count++;
    return rn_bytes_append(&lines->starts, (const char *)&value, sizeof value);
}

/* Starts behind the breaks from `from` to `to`. */
static bool add_breaks(struct rn_lsp_lines *lines, const char *text, size_t size, size_t from,
                       size_t to)
{
    bool good = true;
    for (size_t i = from; i < to && good; i++) {
        bool ends = text[i] == '\n' || (text[i] == '\r' && (i + 1 == size || text[i + 1] != '\n'));
        good = !ends || add_start(lines, i + 1);
    }
    return good;
}

bool rn_lsp_lines_init(struct rn_lsp_lines *lines, const char *text, size_t size)
{
    struct rn_lsp_marks none = {.made = false};
    *lines = (struct rn_lsp_lines){.count = 0};
    bool good = size <= UINT32_MAX && add_start(lines, 0) &&
                add_breaks(lines, text, size, 0, size) &&
                rn_bytes_append(&lines->marks, (const char *)&none, sizeof none);
    if (!good) {
        rn_lsp_lines_done(lines);
    }
    return good;
}

void rn_lsp_lines_done(struct rn_lsp_lines *lines)
{
    rn_bytes_done(&lines->starts);
    if (lines->marks.size > 0) {
        rn_bytes_done(&marks_of(lines)->marks);
    }
    rn_bytes_done(&lines->marks);
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

/* One pass over the text. Without memory there are fewer marks, or none. */
static void make_marks(struct rn_lsp_marks *marks, const char *text, size_t size,
                       const struct rn_lsp_lines *lines, enum rn_lsp_encoding encoding)
{
    struct mark at = {.offset = 0};
    size_t line = 0;
    bool good = true;
    rn_bytes_done(&marks->marks);
    marks->encoding = encoding;
    marks->made = true;
    for (size_t next = MARK_STEP; at.offset < size && good;) {
        if (line + 1 < lines->count && start_of(lines, line + 1) <= at.offset) {
            at.column = 0;
            line++;
        }
        if (at.offset >= next) {
            good = rn_bytes_append(&marks->marks, (const char *)&at, sizeof at);
            next += MARK_STEP;
        }
        size_t bytes = rn_lsp_char_size(text + at.offset, size - at.offset);
        at.column += units(bytes, encoding);
        at.offset += (uint32_t)bytes;
    }
}

/* Where to begin to walk to a place of a line that starts there. */
static struct mark find_mark(const char *text, size_t size, const struct rn_lsp_lines *lines,
                             size_t start, size_t offset, enum rn_lsp_encoding encoding)
{
    struct mark found = {.offset = (uint32_t)start};
    if (offset - start <= MARK_STEP || lines->marks.size == 0) {
        return found;
    }
    struct rn_lsp_marks *marks = marks_of(lines);
    if (!marks->made || marks->encoding != encoding) {
        make_marks(marks, text, size, lines, encoding);
    }
    const struct mark *all = (const struct mark *)(const void *)marks->marks.data;
    size_t count = marks->marks.size / sizeof *all;
    size_t before = offset / MARK_STEP < count ? offset / MARK_STEP : count;
    while (before > 0 && all[before - 1].offset > offset) {
        before--;
    }
    return before > 0 && all[before - 1].offset > start ? all[before - 1] : found;
}

struct rn_lsp_position rn_lsp_position(const char *text, size_t size,
                                       const struct rn_lsp_lines *lines, size_t offset,
                                       enum rn_lsp_encoding encoding)
{
    offset = offset < size ? offset : size;
    struct rn_lsp_position at = {.line = (uint32_t)line_of(lines, offset)};
    struct mark mark = find_mark(text, size, lines, start_of(lines, at.line), offset, encoding);
    at.column = mark.column;
    for (size_t i = mark.offset; i < offset;) {
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

/*
 * Lines from `first` on, whose start stays, until the one at `last`, which begins `by` bytes further on now. What
 * ends a line is the byte before the next one's start, or that and the one before: so of lines that begin more than
 * a byte behind a change none becomes another one.
 */
static bool read_lines_again(struct rn_lsp_lines *lines, const struct rn_bytes *text, size_t first,
                             size_t last, size_t by)
{
    struct rn_lsp_lines made = {.count = 0};
    bool has_rest = last < lines->count;
    size_t end = has_rest ? start_of(lines, last) + by - 1 : text->size;
    bool good = add_breaks(&made, text->data, text->size, start_of(lines, first), end);
    for (size_t i = last; i < lines->count && good; i++) {
        ((uint32_t *)(void *)lines->starts.data)[i] += (uint32_t)by;
    }
    good = good && rn_bytes_splice(&lines->starts, (first + 1) * sizeof(uint32_t),
                                   last * sizeof(uint32_t), made.starts.data, made.starts.size);
    lines->count = lines->starts.size / sizeof(uint32_t);
    rn_lsp_lines_done(&made);
    return good;
}

bool rn_lsp_replace(struct rn_bytes *text, struct rn_lsp_lines *lines, struct rn_lsp_span span,
                    const char *data, size_t size)
{
    size_t first = line_of(lines, span.start > 0 ? span.start - 1 : 0);
    size_t last = line_of(lines, span.end + 1) + 1;
    if (lines->marks.size > 0) {
        marks_of(lines)->made = false;
    }
    return rn_bytes_splice(text, span.start, span.end, data, size) && text->size <= UINT32_MAX &&
           read_lines_again(lines, text, first, last, size - (span.end - span.start));
}

struct rn_lsp_common rn_lsp_common_of(const char *from, size_t from_size, const char *to,
                                      size_t to_size)
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
    return (struct rn_lsp_common){front, back};
}

size_t rn_lsp_carry_by(struct rn_lsp_common common, size_t from_size, size_t to_size, size_t offset)
{
    if (offset <= common.front) {
        return offset;
    }
    return offset >= from_size - common.back ? offset - from_size + to_size : common.front;
}

size_t rn_lsp_carry(const char *from, size_t from_size, const char *to, size_t to_size,
                    size_t offset)
{
    struct rn_lsp_common common = rn_lsp_common_of(from, from_size, to, to_size);
    return rn_lsp_carry_by(common, from_size, to_size, offset);
}
