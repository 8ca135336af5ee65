/*
 * format.c: reading, laying out until nothing changes, checking.
 *
 * Trust: reads source text from anybody.
 */
#include "compiler/format.h"

#include "base/alloc.h"
#include "compiler/format_internal.h"
#include "compiler/lexer.h"

#include <string.h>

#define MEMORY_MAX_DEFAULT ((size_t)512 << 20)
#define WIDTH 80u
#define INDENT 4u
/* Comments may move twice before they stay: behind a comma, then before a brace. */
#define ROUNDS_MAX 5u

/* ---- Reading ---- */

/* A byte order mark and a line `#!..`, which the lexer steps over. */
static uint32_t front_size(struct rn_utf8 text)
{
    uint32_t at = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (text.size >= at + 2 && memcmp(text.data + at, "#!", 2) == 0) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        return end == NULL ? (uint32_t)text.size : (uint32_t)(end - text.data);
    }
    return at;
}

static enum rn_error lex(struct rn_source_reading *reading, uint32_t source, struct rn_utf8 text)
{
    // A zero byte behind the text is what the reader of literals expects.
    char *copy = rn_arena_alloc(reading->arena, text.size + 1);
    if (copy == NULL) {
        return RN_E_NO_MEMORY;
    }
    memcpy(copy, text.data, text.size);
    text.data = copy;
    reading->front = front_size(text);
    RN_TRY(rn_symbols_init(&reading->symbols, reading->arena));
    RN_TRY(rn_lexer_keywords(&reading->symbols));
    RN_TRY(rn_lex(&reading->symbols, source, text, true, &reading->tokens));
    size_t size = reading->tokens.count * sizeof(*reading->written);
    reading->written = rn_arena_copy(reading->arena, reading->tokens.items, size);
    return reading->written == NULL ? RN_E_NO_MEMORY : RN_OK;
}

/* Attributes on statements are errors of the compiler's, but nothing that matters here. */
static bool is_readable(const struct rn_diagnostics *diagnostics)
{
    uint32_t attributes = 0;
    for (const struct rn_diagnostic *d = diagnostics->first; d != NULL; d = d->next) {
        attributes += d->code == RN_DIAGNOSTIC_ATTRIBUTES;
    }
    return diagnostics->error_count == attributes;
}

static enum rn_error parse(struct rn_source_reading *reading, bool script,
                           struct rn_diagnostics *diagnostics)
{
    struct rn_parser_input input = {reading->arena, &reading->symbols, diagnostics};
    size_t size = reading->tokens.count * sizeof(*reading->written);
    memcpy(reading->tokens.items, reading->written, size);
    reading->script = script;
    return rn_parse_file(&input, &reading->tokens, script, &reading->file);
}

/* How far the text could be read: the place of the first error. */
static uint32_t reach(const struct rn_diagnostics *diagnostics)
{
    const struct rn_diagnostic *d = diagnostics->first;
    while (d != NULL && d->severity != RN_SEVERITY_ERROR) {
        d = d->next;
    }
    return d == NULL ? UINT32_MAX : d->span.start;
}

static enum rn_error add_source(struct rn_diagnostics *diagnostics, const char *name,
                                struct rn_utf8 text)
{
    uint32_t index;
    RN_TRY(rn_diagnostics_add_source(diagnostics, name, text.data, text.size, &index));
    return RN_OK;
}

/*
 * As a file of items, else as a script. The diagnostics of the reading that got further are those
 * that are worth showing; `diagnostics` holds the source and gets them.
 */
static enum rn_error read_text(struct rn_source_reading *reading, const char *name,
                               struct rn_utf8 text, struct rn_diagnostics *diagnostics)
{
    struct rn_diagnostics as_file;
    RN_TRY(lex(reading, 0, text));
    rn_diagnostics_init(&as_file);
    enum rn_error error = add_source(&as_file, name, text);
    if (error == RN_OK) {
        error = parse(reading, false, &as_file);
    }
    error = error == RN_OK ? as_file.error : error;
    bool good = error == RN_OK && is_readable(&as_file);
    bool further = good;
    if (error == RN_OK && !good) {
        error = parse(reading, true, diagnostics);
        good = error == RN_OK && is_readable(diagnostics);
        further = !good && reach(&as_file) >= reach(diagnostics);
    }
    if (error == RN_OK && further) {
        struct rn_diagnostics other = *diagnostics;
        *diagnostics = as_file;
        as_file = other;
    }
    rn_diagnostics_done(&as_file);
    return error == RN_OK && !good ? RN_E_COMPILE_FAILED : error;
}

/* ---- Writing ---- */

static void write_front(struct rn_formatter *f, uint32_t size)
{
    uint32_t end = size;
    while (end > 0 && (f->text[end - 1] == ' ' || f->text[end - 1] == '\r')) {
        end--;
    }
    if (end > 0) {
        rn_doc_text(&f->doc, (struct rn_utf8){f->text, end});
        if (end > 3) {
            f->last = RN_TOKEN_POUND; // an empty line behind it stays
            rn_f_add(f, RN_DOC_HARD);
        }
    }
    f->past = size;
}

static enum rn_error print(struct rn_formatter *f, const struct rn_format_input *input,
                           struct rn_buf *out)
{
    struct rn_doc_layout layout = {.width = WIDTH, .indent = f->tab_columns, .tabs = input->tabs};
    RN_TRY(rn_doc_print(&f->doc, &layout, out));
    if (!input->no_final_newline && out->size > 0 && out->data[out->size - 1] != '\n') {
        rn_buf_append_text(out, "\n");
    }
    return rn_buf_status(out);
}

static void write_all(struct rn_formatter *f)
{
    write_front(f, f->reading->front);
    f->glued = false;
    rn_f_file(f, f->reading->file);
    rn_f_comments(f);
    f->lost = f->lost || f->written[f->at].kind != RN_TOKEN_EOF;
}

/* One layout of what was read. *out_lost: where tree and tokens did not agree, else UINT32_MAX. */
static enum rn_error write_text(struct rn_source_reading *reading,
                                const struct rn_format_input *input, struct rn_buf *out,
                                uint32_t *out_lost)
{
    struct rn_formatter f = {
        .reading = reading,
        .text = reading->tokens.text.data,
        .written = reading->written,
        .items = reading->tokens.items,
        .at = 1,
        .tab_columns = input->indent == 0 ? INDENT : input->indent,
        .last = RN_TOKEN_EOF,
    };
    rn_doc_init(&f.doc);
    write_all(&f);
    *out_lost = f.lost ? rn_f_start(&f) : UINT32_MAX;
    enum rn_error error = f.doc.error;
    if (error == RN_OK && !f.lost) {
        error = print(&f, input, out);
    }
    rn_doc_done(&f.doc);
    return error;
}

/* ---- Rounds ---- */

static enum rn_error refuse(struct rn_diagnostics *diagnostics, uint32_t place, const char *why)
{
    uint32_t size = (uint32_t)diagnostics->sources[0].text.size;
    uint32_t start = place < size ? place : size;
    struct rn_span span = {0, start, start < size ? start + 1 : size};
    while (span.end < size &&
           ((unsigned char)diagnostics->sources[0].text.data[span.end] & 0xc0) == 0x80) {
        span.end++;
    }
    struct rn_diagnostic *d =
        rn_diagnostics_add_text(diagnostics, RN_SEVERITY_ERROR, span, rn_text(why));
    rn_diagnostic_help(diagnostics, d,
                       "write it another way, or `#[runefmt::skip]` before the item");
    return RN_E_COMPILE_FAILED;
}

struct round {
    struct rn_arena arena;
    struct rn_source_reading reading;
};

static enum rn_error read_round(struct round *round, size_t memory_max, const char *name,
                                struct rn_utf8 text, struct rn_diagnostics *diagnostics)
{
    rn_arena_init(&round->arena, memory_max);
    round->reading = (struct rn_source_reading){.arena = &round->arena};
    return read_text(&round->reading, name, text, diagnostics);
}

/* Reads what was written and compares it with the original. */
static enum rn_error check(const struct rn_source_reading *before, struct round *after,
                           const struct rn_format_input *input, struct rn_utf8 text,
                           struct rn_diagnostics *diagnostics)
{
    struct rn_diagnostics ignored;
    rn_diagnostics_init(&ignored);
    uint32_t place = 0;
    bool same = false;
    enum rn_error error = add_source(&ignored, input->name, text);
    if (error == RN_OK) {
        error = read_round(after, input->memory_max, input->name, text, &ignored);
    }
    if (error == RN_E_COMPILE_FAILED) {
        error = refuse(diagnostics, 0, "the formatted text cannot be read; nothing was changed");
    } else if (error == RN_OK) {
        error = rn_format_same(before, &after->reading, &same, &place);
    }
    if (error == RN_OK && !same) {
        error = refuse(diagnostics, place,
                       "formatting would change what stands here; nothing was changed");
    }
    rn_diagnostics_done(&ignored);
    return error;
}

static bool same_text(const struct rn_buf *buf, struct rn_utf8 text)
{
    return buf->size == text.size &&
           (text.size == 0 || memcmp(buf->data, text.data, text.size) == 0);
}

static enum rn_error write_round(struct rn_source_reading *reading,
                                 const struct rn_format_input *input,
                                 struct rn_diagnostics *diagnostics, struct rn_buf *out)
{
    uint32_t lost;
    rn_buf_clear(out);
    RN_TRY(write_text(reading, input, out, &lost));
    return lost == UINT32_MAX ? RN_OK : refuse(diagnostics, lost, "this cannot be formatted here");
}

/* Formats what is in `text` once more; *out_same says that nothing changed. */
static enum rn_error again(const struct rn_source_reading *first,
                           const struct rn_format_input *input, struct rn_diagnostics *diagnostics,
                           struct rn_buf *text, bool *out_same)
{
    struct round round = {.arena = {.max = 0}};
    RN_AUTO(rn_buf) struct rn_buf next;
    rn_buf_init(&next, text->max);
    struct rn_utf8 written = {text->size == 0 ? "" : (const char *)text->data, text->size};
    enum rn_error error = check(first, &round, input, written, diagnostics);
    if (error == RN_OK) {
        error = write_round(&round.reading, input, diagnostics, &next);
    }
    if (error == RN_OK) {
        *out_same = same_text(&next, written);
        struct rn_buf old = *text;
        *text = next;
        next = old;
    }
    rn_arena_done(&round.arena);
    return error;
}

static enum rn_error format(const struct rn_format_input *input, struct rn_utf8 text,
                            struct rn_diagnostics *diagnostics, struct rn_buf *out)
{
    struct round first;
    enum rn_error error = read_round(&first, input->memory_max, input->name, text, diagnostics);
    if (error == RN_OK) {
        error = write_round(&first.reading, input, diagnostics, out);
    }
    bool same = false;
    for (unsigned i = 0; i < ROUNDS_MAX && error == RN_OK && !same; i++) {
        error = again(&first.reading, input, diagnostics, out, &same);
    }
    if (error == RN_OK && !same) {
        error = refuse(diagnostics, 0, "the layout of this text does not settle");
    }
    rn_arena_done(&first.arena);
    return error;
}

/* ---- The whole ---- */

static enum rn_error validate(const struct rn_format_input *input,
                              struct rn_diagnostics *diagnostics, struct rn_utf8 *out_text)
{
    size_t bad;
    uint32_t index;
    if (!rn_utf8_valid(input->text, input->size, &bad)) {
        RN_TRY(rn_diagnostics_add_source(diagnostics, input->name, NULL, 0, &index));
        rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_INVALID_UTF8,
                           (struct rn_span){.source = index}, NULL, 0);
        return RN_E_COMPILE_FAILED;
    }
    *out_text = (struct rn_utf8){input->size == 0 ? "" : input->text, input->size};
    RN_TRY(
        rn_diagnostics_add_source(diagnostics, input->name, out_text->data, input->size, &index));
    return RN_OK;
}

enum rn_error rn_format(const struct rn_format_input *input, struct rn_diagnostics *diagnostics,
                        struct rn_buf *out)
{
    struct rn_utf8 text = {0};
    struct rn_format_input bounded = *input;
    bounded.memory_max = input->memory_max == 0 ? MEMORY_MAX_DEFAULT : input->memory_max;
    RN_CHECK(input->indent <= RN_FORMAT_INDENT_MAX);
    enum rn_error error = validate(&bounded, diagnostics, &text);
    if (error == RN_OK) {
        error = format(&bounded, text, diagnostics, out);
    }
    error = diagnostics->error == RN_OK ? error : diagnostics->error;
    if (error == RN_E_NO_MEMORY) {
        rn_diagnostics_add(diagnostics, RN_DIAGNOSTIC_MEMORY,
                           (struct rn_span){.source = RN_SPAN_NOWHERE}, NULL, 0);
    }
    if (error != RN_OK) {
        rn_buf_clear(out);
    }
    return error;
}
