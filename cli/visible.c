/* visible.c: characters to what may be shown. */
#include "cli/visible.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct range {
    uint32_t first;
    uint32_t last;
};

/* Beyond ASCII: control characters, marks of direction, line and paragraph ends, what has no width or no meaning. */
static const struct range hidden[] = {
    {0x80, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},      {0x180e, 0x180e}, {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f},   {0xe000, 0xf8ff},    {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

static bool is_hidden(uint32_t scalar)
{
    if (scalar < 0x20 || scalar == 0x7f) {
        return true;
    }
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (scalar >= hidden[i].first && scalar <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

/* The character that begins there; 0 bytes if it is none. */
static size_t decode(const unsigned char *data, size_t size, uint32_t *out_scalar)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = data[0];
    size_t count = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (count == 0 || count > size) {
        return 0;
    }
    uint32_t scalar = count == 1 ? c : c & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
        scalar = scalar << 6 | (data[i] & 0x3f);
    }
    *out_scalar = scalar;
    bool sound = scalar >= least[count] && scalar <= 0x10ffff && (scalar >> 11) != 0x1b;
    return sound ? count : 0;
}

size_t rn_visible_next(const char *data, size_t size, char piece[RN_VISIBLE_PIECE])
{
    uint32_t scalar = 0;
    size_t count = decode((const unsigned char *)data, size, &scalar);
    if (count == 0 || (count == 1 && is_hidden(scalar))) {
        snprintf(piece, RN_VISIBLE_PIECE, "\\x%02x", (unsigned char)data[0]);
        return 1;
    }
    if (is_hidden(scalar)) {
        snprintf(piece, RN_VISIBLE_PIECE, "\\u{%x}", (unsigned)scalar);
        return count;
    }
    memcpy(piece, data, count);
    piece[count] = '\0';
    return count;
}

void rn_visible_copy(const char *data, size_t size, char *room, size_t room_size)
{
    char piece[RN_VISIBLE_PIECE];
    size_t at = 0;
    while (size > 0) {
        size_t count = rn_visible_next(data, size, piece);
        if (at + strlen(piece) >= room_size) {
            break;
        }
        memcpy(room + at, piece, strlen(piece));
        at += strlen(piece);
        data += count;
        size -= count;
    }
    room[at] = '\0';
}

void rn_visible_put(FILE *out, const char *data, size_t size, bool keep_lines)
{
    char piece[RN_VISIBLE_PIECE];
    while (size > 0) {
        size_t count = rn_visible_next(data, size, piece);
        if (keep_lines && (*data == '\n' || *data == '\t')) {
            putc(*data, out);
        } else {
            fputs(piece, out);
        }
        data += count;
        size -= count;
    }
}

void rn_visible_list(const char *data, size_t size, bool keep_lines)
{
    if (isatty(STDOUT_FILENO)) {
        rn_visible_put(stdout, data, size, keep_lines);
    } else {
        fwrite(data, 1, size, stdout);
    }
}
