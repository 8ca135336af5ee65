/*
 * text.h: places in a text: bytes here, lines and columns in an editor.
 *
 * Lines end with "\n", "\r\n" or "\r". Columns count units of the encoding that was agreed upon at the
 * start: bytes, halves of UTF-16 (a character beyond U+FFFF is two), or characters. Any place of an
 * editor's becomes one that is in the text: past the end of a line its end, within a character its
 * start. A byte that is no UTF-8 counts as a character.
 */
#ifndef RN_CLI_LSP_TEXT_H
#define RN_CLI_LSP_TEXT_H

#include "cli/bytes.h"

#include <stdint.h>

enum rn_lsp_encoding {
    RN_LSP_UTF16,
    RN_LSP_UTF8,
    RN_LSP_UTF32,
};

struct rn_lsp_position {
    uint32_t line; /* both from 0 */
    uint32_t column;
};

struct rn_lsp_span {
    size_t start; /* bytes */
    size_t end;
};

/* Columns at every so manieth byte of a text with long lines, found when one is asked for. */
struct rn_lsp_marks;

/* Where the lines of a text begin: of texts that are asked about often. */
struct rn_lsp_lines {
    struct rn_bytes starts; /* of uint32_t */
    size_t count;
    struct rn_bytes marks; /* one struct rn_lsp_marks, made anew while lines stay */
};

/* False without memory; then nothing is to be ended. `size` fits 32 bits. */
bool rn_lsp_lines_init(struct rn_lsp_lines *lines, const char *text, size_t size);
void rn_lsp_lines_done(struct rn_lsp_lines *lines);

/* Bytes of the first character of `size` > 0 bytes. */
size_t rn_lsp_char_size(const char *text, size_t size);
size_t rn_lsp_offset(const char *text, size_t size, const struct rn_lsp_lines *lines,
                     struct rn_lsp_position at, enum rn_lsp_encoding encoding);
struct rn_lsp_position rn_lsp_position(const char *text, size_t size,
                                       const struct rn_lsp_lines *lines, size_t offset,
                                       enum rn_lsp_encoding encoding);

/* Puts `size` bytes in the place of those of the span, which is one of the text, whose lines these are: of
 * which only those around it are read again. False without memory; then nothing fits the other any more. */
bool rn_lsp_replace(struct rn_bytes *text, struct rn_lsp_lines *lines, struct rn_lsp_span span,
                    const char *data, size_t size);

/* What two texts have in common: so many bytes at the front, and behind. */
struct rn_lsp_common {
    size_t front;
    size_t back;
};
struct rn_lsp_common rn_lsp_common_of(const char *from, size_t from_size, const char *to,
                                      size_t to_size);
/*
 * A place of one text in another one, of which it was made by a change in one piece: before the piece
 * and behind it the same place, within it its start.
 */
size_t rn_lsp_carry_by(struct rn_lsp_common common, size_t from_size, size_t to_size,
                       size_t offset);
/* The same for one place. */
size_t rn_lsp_carry(const char *from, size_t from_size, const char *to, size_t to_size,
                    size_t offset);

#endif
