/*
 * edits.c: lines that are the same stay.
 *
 * Both texts are walked side by side. Where they differ, the nearest lines within reach that are the
 * same again end the edit; where there are none, all but a common tail is one edit. A layout changes lines here and
 * there, so that is nearly always enough.
 */
#include "cli/lsp/edits.h"

#include <string.h>

#define REACH 200u /* lines */

/* A text and where it is being read. */
struct side {
    const char *data;
    size_t size;
    size_t at;
};

static size_t line_end(const struct side *side, size_t at)
{
    const char *end = at < side->size ? memchr(side->data + at, '\n', side->size - at) : NULL;
    return end == NULL ? side->size : (size_t)(end - side->data) + 1;
}

static bool same_line(const struct side *a, size_t at, const struct side *b, size_t other)
{
    size_t size = line_end(a, at) - at;
    return size > 0 && size == line_end(b, other) - other &&
           memcmp(a->data + at, b->data + other, size) == 0;
}

/* A line of nothing but a brace is the same as many others. */
static bool is_telling(const struct side *side, size_t at)
{
    size_t letters = 0;
    for (size_t end = line_end(side, at); at < end && letters < 3; at++) {
        letters += strchr(" \t\r\n{}();,", side->data[at]) == NULL;
    }
    return letters >= 3;
}

/* Where `b` has, within reach, the line that `a` has at `at`; SIZE_MAX: nowhere. */
static size_t find_line(const struct side *a, size_t at, const struct side *b)
{
    size_t other = b->at;
    for (unsigned i = 0; i < REACH && other < b->size; i++) {
        if (same_line(a, at, b, other)) {
            return other;
        }
        other = line_end(b, other);
    }
    return SIZE_MAX;
}

/* Where the last line begins before `end`. */
static size_t line_start(const struct side *side, size_t end)
{
    size_t at = end > 0 ? end - 1 : 0;
    while (at > side->at && side->data[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* Where the lines begin that both end with. */
static void find_tail(const struct side *a, const struct side *b, size_t *out_a, size_t *out_b)
{
    *out_a = a->size;
    *out_b = b->size;
    while (*out_a > a->at && *out_b > b->at) {
        size_t at = line_start(a, *out_a);
        size_t other = line_start(b, *out_b);
        size_t size = *out_a - at;
        if (size != *out_b - other || memcmp(a->data + at, b->data + other, size) != 0) {
            return;
        }
        *out_a = at;
        *out_b = other;
    }
}

/* The next places of both at which they are the same again: their tails, which begin there, if there are no others. */
static void find_meeting(const struct side *a, const struct side *b, size_t a_tail, size_t b_tail,
                         size_t *out_a, size_t *out_b)
{
    size_t at = a->at;
    bool is_before = a->at <= a_tail && b->at <= b_tail;
    *out_a = is_before ? a_tail : a->size;
    *out_b = is_before ? b_tail : b->size;
    for (unsigned i = 0; i < REACH && at < *out_a; i++) {
        size_t other = is_telling(a, at) ? find_line(a, at, b) : SIZE_MAX;
        if (other != SIZE_MAX) {
            *out_a = at;
            *out_b = other;
            return;
        }
        at = line_end(a, at);
    }
}

static void put_edit(struct rn_lsp_out *out, const struct rn_lsp_document *document, size_t start,
                     size_t end, const struct side *b, size_t b_end, enum rn_lsp_encoding encoding)
{
    const char *text = document->text.data;
    size_t size = document->text.size;
    rn_lsp_put_comma(out);
    rn_lsp_put(out, "{\"range\":");
    rn_lsp_put_range(out, rn_lsp_position(text, size, &document->lines, start, encoding),
                     rn_lsp_position(text, size, &document->lines, end, encoding));
    rn_lsp_put(out, ",\"newText\":");
    rn_lsp_put_string(out, b->data + b->at, b_end - b->at);
    rn_lsp_put(out, "}");
}

void rn_lsp_put_edits(struct rn_lsp_out *out, const struct rn_lsp_document *document,
                      const char *text, size_t size, enum rn_lsp_encoding encoding)
{
    struct side a = {document->text.data, document->text.size, 0};
    struct side b = {text, size, 0};
    size_t a_tail;
    size_t b_tail;
    find_tail(&a, &b, &a_tail, &b_tail);
    rn_lsp_put(out, "[");
    while (a.at < a.size || b.at < b.size) {
        if (a.at < a.size && b.at < b.size && same_line(&a, a.at, &b, b.at)) {
            a.at = line_end(&a, a.at);
            b.at = line_end(&b, b.at);
            continue;
        }
        size_t a_end;
        size_t b_end;
        find_meeting(&a, &b, a_tail, b_tail, &a_end, &b_end);
        put_edit(out, document, a.at, a_end, &b, b_end, encoding);
        a.at = a_end;
        b.at = b_end;
    }
    rn_lsp_put(out, "]");
}
