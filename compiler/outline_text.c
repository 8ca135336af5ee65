/* outline_text.c: texts of the source, shortened and cleaned. Trust: reads source text from anybody. */
#include "compiler/outline_text.h"

#include "bytecode/json.h"

#include <string.h>

#define SIGNATURE_MAX 400u

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void rn_outline_signature(struct rn_utf8 text, struct rn_span span, struct rn_buf *out)
{
    struct rn_buf line;
    uint8_t storage[SIGNATURE_MAX + 8];
    rn_buf_init_fixed(&line, storage, sizeof storage);
    bool blank = false;
    uint32_t at = span.start;
    uint32_t end = span.end;
    for (; at < end && line.size < SIGNATURE_MAX - 4; at++) {
        char c = text.data[at];
        if (!is_blank(c) && blank && line.size > 0) {
            rn_buf_append_u8(&line, ' ');
        }
        blank = is_blank(c);
        if (!blank) {
            rn_buf_append_u8(&line, (uint8_t)c);
        }
    }
    while (at < end && line.size > 0 && !rn_utf8_is_boundary(text.data, end, at)) {
        rn_buf_append_u8(&line, (uint8_t)text.data[at++]);
    }
    rn_buf_append_text(&line, at < end ? " .." : "");
    rn_json_append_string(out, (const char *)line.data, line.size);
}

/* A line of a block, without blanks and the star that may stand before it. */
static struct rn_utf8 block_line(struct rn_utf8 line)
{
    size_t at = 0;
    while (at < line.size && is_blank(line.data[at])) {
        at++;
    }
    if (at < line.size && line.data[at] == '*') {
        at++;
    }
    return (struct rn_utf8){line.data + at, line.size - at};
}

static void doc_line(struct rn_utf8 line, struct rn_buf *out)
{
    size_t skip = line.size > 0 && *line.data == ' ';
    size_t size = line.size;
    while (size > skip && is_blank(line.data[size - 1])) {
        size--;
    }
    rn_buf_append(out, line.data + skip, size - skip);
    rn_buf_append_u8(out, '\n');
}

/* The text of one comment, a line each, without the one space that stands behind the slashes. */
static void doc_lines(struct rn_utf8 doc, struct rn_buf *out)
{
    for (bool first = true;; first = false) {
        const char *end = doc.size == 0 ? NULL : memchr(doc.data, '\n', doc.size);
        struct rn_utf8 line = {doc.data, end == NULL ? doc.size : (size_t)(end - doc.data)};
        doc_line(first ? line : block_line(line), out);
        if (end == NULL) {
            return;
        }
        doc = (struct rn_utf8){end + 1, doc.size - line.size - 1};
    }
}

bool rn_outline_docs(const struct rn_ast_attributes *attributes, struct rn_buf *out,
                     struct rn_span *out_first)
{
    bool found = false;
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct rn_ast_attribute *attribute = &attributes->items[i];
        if (attribute->is_doc_comment) {
            *out_first = found ? *out_first : attribute->span;
            found = true;
            doc_lines(attribute->doc, out);
        }
    }
    return found;
}
