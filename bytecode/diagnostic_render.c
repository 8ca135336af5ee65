/*
 * diagnostic_render.c: diagnostics for people.
 *
 *      main.rn:4:28: error[E0402]: no local variable `cout`
 *        |
 *      4 |     println!("{}", cout);
 *        |                    ^^^^ not found
 *        |
 *        = help: did you mean `count`?
 *
 * An excerpt is one line per marked line, cells of a terminal wide: tabs are expanded, wide
 * characters take two cells, and whatever a terminal or a reader could be misled by is written as
 * an escape. Long lines are cut around the mark. Trust: quotes text from anybody.
 */
#include "bytecode/diagnostic.h"

#include "base/math.h"
#include "base/unicode.h"

#include <string.h>

#define MARKS_MAX 20u
#define LINE_BYTES_MAX 200u
#define LINE_BYTES_BEFORE 80u
/* Of the line behind a mark: more than is ever shown. */
#define LINE_LOOK_MAX (2 * LINE_BYTES_MAX)
#define CELLS_MAX 1024u

enum color {
    COLOR_ERROR,
    COLOR_WARNING,
    COLOR_GUTTER,
    COLOR_BOLD,
    COLOR_NONE,
};

/* A place to underline in one line. */
struct mark {
    uint32_t source;
    uint32_t start;
    uint32_t end;
    uint32_t line_end;           /* or as far as it was looked for */
    struct rn_position position; /* of its start */
    uint32_t cell;               /* first cell; filled in when the line is printed */
    uint32_t cells;
    struct rn_utf8 text;
    bool primary;
};

struct renderer {
    const struct rn_diagnostics *list;
    const struct rn_render_options *options;
    struct rn_buf *out;
    enum color severity;
    unsigned gutter; /* width of line numbers */
    struct mark marks[MARKS_MAX];
    unsigned mark_count;
};

static void set_color(struct renderer *r, enum color color)
{
    static const char *const sequences[] = {
        [COLOR_ERROR] = "\x1b[1;31m", [COLOR_WARNING] = "\x1b[1;33m", [COLOR_GUTTER] = "\x1b[1;34m",
        [COLOR_BOLD] = "\x1b[1m",     [COLOR_NONE] = "\x1b[0m",
    };
    if (r->options->color) {
        rn_buf_append_text(r->out, sequences[color]);
    }
}

/* Writes one scalar, escaped if it is not plainly visible; returns its cells. */
static uint32_t put_scalar(struct rn_buf *out, uint32_t scalar)
{
    if (rn_unicode_is_printable(scalar)) {
        rn_buf_append_utf8(out, scalar);
        return rn_unicode_width(scalar);
    }
    size_t before = out->size;
    rn_buf_append_format(out, "\\u{%x}", (unsigned)scalar);
    return (uint32_t)(out->size - before);
}

static void put_text(struct rn_buf *out, struct rn_utf8 text)
{
    for (size_t at = 0; at < text.size;) {
        size_t width;
        put_scalar(out, rn_utf8_decode(text.data, text.size, at, &width));
        at += width;
    }
}

/* Of a source that was refused because it is no UTF-8 there is an excerpt, too. */
static uint32_t decode_any(struct rn_utf8 text, size_t at, size_t *out_width)
{
    for (size_t width = 1; width <= 4 && width <= text.size - at; width++) {
        size_t bad;
        if (rn_utf8_valid(text.data + at, width, &bad)) {
            return rn_utf8_decode(text.data, text.size, at, out_width);
        }
    }
    *out_width = 1;
    return 0xfffd;
}

static void put_repeated(struct rn_buf *out, char c, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rn_buf_append_u8(out, (uint8_t)c);
    }
}

static const struct rn_source *source_of(const struct rn_diagnostics *list, struct rn_span span)
{
    return span.source < list->source_count ? &list->sources[span.source] : NULL;
}

/* Moves an offset back to the start of a character and into the text. No character has more than
 * four bytes, though a text that is no UTF-8 may have millions that only continue one. */
static uint32_t clamp_offset(const struct rn_source *source, uint32_t offset)
{
    if (offset >= source->text.size) {
        return (uint32_t)source->text.size;
    }
    uint32_t start = offset;
    while (start > 0 && offset - start < 3 &&
           ((unsigned char)source->text.data[start] & 0xc0) == 0x80) {
        start--;
    }
    return start;
}

static void put_place(struct renderer *r, struct rn_span span)
{
    const struct rn_source *source = source_of(r->list, span);
    if (source == NULL) {
        return;
    }
    put_text(r->out, source->name);
    if (source->text.data != NULL) {
        struct rn_position position = rn_source_position(source, span.start);
        rn_buf_append_format(r->out, ":%u:%u", position.line, position.column);
    }
    rn_buf_append_text(r->out, ": ");
}

static void put_header(struct renderer *r, const struct rn_diagnostic *d)
{
    static const char *const words[] = {
        [RN_SEVERITY_ERROR] = "error", [RN_SEVERITY_WARNING] = "warning"};
    set_color(r, COLOR_BOLD);
    put_place(r, d->span);
    set_color(r, COLOR_NONE);
    set_color(r, r->severity);
    rn_buf_append_text(r->out, words[d->severity]);
    if (d->code != RN_DIAGNOSTIC_NONE) {
        rn_buf_append_format(r->out, "[%s]", rn_diagnostic_infos[d->code].code);
    }
    set_color(r, COLOR_NONE);
    set_color(r, COLOR_BOLD);
    rn_buf_append_text(r->out, ": ");
    put_text(r->out, d->message);
    set_color(r, COLOR_NONE);
    rn_buf_append_u8(r->out, '\n');
}

/* The end of the line around `offset`, as far as any of it may be shown. */
static uint32_t find_line_end(const struct rn_source *source, uint32_t offset)
{
    size_t size = rn_min_size(source->text.size - offset, LINE_LOOK_MAX);
    const char *start = source->text.data + offset;
    const char *newline = memchr(start, '\n', size);
    return offset + (uint32_t)(newline == NULL ? size : (size_t)(newline - start));
}

static void add_mark(struct renderer *r, struct rn_span span, struct rn_utf8 text, bool primary)
{
    const struct rn_source *source = source_of(r->list, span);
    if (source == NULL || source->text.data == NULL || r->mark_count == MARKS_MAX) {
        return;
    }
    struct mark mark = {.source = span.source, .text = text, .primary = primary};
    mark.start = clamp_offset(source, span.start);
    mark.end = clamp_offset(source, span.end);
    mark.line_end = find_line_end(source, mark.start);
    mark.position = rn_source_position(source, mark.start);
    // Of what goes over several lines the first one is shown.
    mark.end = mark.end < mark.start ? mark.start : mark.end;
    mark.end = mark.end > mark.line_end ? mark.line_end : mark.end;
    r->marks[r->mark_count++] = mark;
}

static bool stands_before(const struct mark *a, const struct mark *b)
{
    if (a->source != b->source) {
        return a->source < b->source;
    }
    return a->start < b->start;
}

/* By source and place, the source of the diagnostic first. */
static void sort_marks(struct renderer *r, uint32_t first_source)
{
    for (unsigned i = 1; i < r->mark_count; i++) {
        struct mark moved = r->marks[i];
        unsigned at = i;
        while (at > 0) {
            const struct mark *other = &r->marks[at - 1];
            bool own = moved.source == first_source && other->source != first_source;
            bool foreign = moved.source != first_source && other->source == first_source;
            if (!own && (foreign || !stands_before(&moved, other))) {
                break;
            }
            r->marks[at] = r->marks[at - 1];
            at--;
        }
        r->marks[at] = moved;
    }
}

static void put_gutter(struct renderer *r, uint32_t line)
{
    char number[16];
    struct rn_buf text;
    rn_buf_init_fixed(&text, number, sizeof number);
    if (line != 0) {
        rn_buf_append_format(&text, "%u", line);
    }
    set_color(r, COLOR_GUTTER);
    put_repeated(r->out, ' ', r->gutter - (uint32_t)text.size);
    rn_buf_append(r->out, text.data, text.size);
    rn_buf_append_text(r->out, " |");
    set_color(r, COLOR_NONE);
}

/* Notes at which cells the marks begin and end while the line is written. */
static void track_marks(struct mark *marks, unsigned count, uint32_t offset, uint32_t cell,
                        uint32_t cells)
{
    for (unsigned i = 0; i < count; i++) {
        if (offset == marks[i].start) {
            marks[i].cell = cell;
        }
        if (offset >= marks[i].start && offset < marks[i].end) {
            marks[i].cells = cell + cells - marks[i].cell;
        }
    }
}

static uint32_t put_character(struct renderer *r, uint32_t scalar, uint32_t cell)
{
    if (scalar == '\t') {
        uint32_t tab = r->options->tab_width == 0 ? 4 : r->options->tab_width;
        uint32_t cells = tab - cell % tab;
        put_repeated(r->out, ' ', cells);
        return cells;
    }
    if (scalar == '\r') {
        return 0;
    }
    return put_scalar(r->out, scalar);
}

/* One line of source with the places of its marks; long ones are cut around the first mark. */
static void put_line(struct renderer *r, struct mark *marks, unsigned count)
{
    const struct rn_source *source = &r->list->sources[marks[0].source];
    uint32_t start = marks[0].position.line_start;
    uint32_t end = marks[0].line_end;
    if (end - start > LINE_BYTES_MAX) {
        if (marks[0].start - start > LINE_BYTES_BEFORE) {
            start = clamp_offset(source, marks[0].start - LINE_BYTES_BEFORE);
        }
        if (end - start > LINE_BYTES_MAX) {
            end = clamp_offset(source, start + LINE_BYTES_MAX);
        }
    }
    put_gutter(r, marks[0].position.line);
    rn_buf_append_u8(r->out, ' ');
    uint32_t cell = 0;
    if (start > marks[0].position.line_start) {
        rn_buf_append_text(r->out, "\xe2\x80\xa6");
        cell = 1;
    }
    for (uint32_t at = start; at < end;) {
        size_t width;
        uint32_t scalar = decode_any(source->text, at, &width);
        uint32_t cells = put_character(r, scalar, cell);
        track_marks(marks, count, at, cell, cells);
        cell += cells;
        at += (uint32_t)width;
    }
    track_marks(marks, count, end, cell, 0);
    for (unsigned i = 0; i < count; i++) {
        if (marks[i].start > end) {
            marks[i].cell = cell; // beyond the cut
        }
        marks[i].cells = marks[i].cells == 0 ? 1 : marks[i].cells;
    }
    if (end < marks[0].line_end) {
        rn_buf_append_text(r->out, "\xe2\x80\xa6");
    }
    rn_buf_append_u8(r->out, '\n');
}

static void mark_color(struct renderer *r, const struct mark *mark)
{
    set_color(r, mark->primary ? r->severity : COLOR_GUTTER);
}

/* The row of carets and dashes; primary marks win where they overlap. */
static void put_underlines(struct renderer *r, const struct mark *marks, unsigned count)
{
    char cells[CELLS_MAX];
    memset(cells, ' ', sizeof cells);
    uint32_t used = 0;
    for (int primary = 0; primary < 2; primary++) {
        for (unsigned i = 0; i < count; i++) {
            uint32_t end = marks[i].cell + marks[i].cells;
            if (marks[i].primary != (primary == 1) || end > CELLS_MAX) {
                continue;
            }
            memset(cells + marks[i].cell, primary == 1 ? '^' : '-', marks[i].cells);
            used = end > used ? end : used;
        }
    }
    put_gutter(r, 0);
    rn_buf_append_u8(r->out, ' ');
    char last = ' ';
    for (uint32_t i = 0; i < used; i++) {
        if (cells[i] != last && cells[i] != ' ') {
            set_color(r, cells[i] == '^' ? r->severity : COLOR_GUTTER);
        }
        rn_buf_append_u8(r->out, (uint8_t)cells[i]);
        last = cells[i];
    }
    set_color(r, COLOR_NONE);
}

/* A row for a label further left: bars for those that still wait, then its words. */
static void put_label_row(struct renderer *r, const struct mark *marks, unsigned count,
                          const struct mark *labelled)
{
    put_gutter(r, 0);
    rn_buf_append_u8(r->out, ' ');
    uint32_t cell = 0;
    for (unsigned i = 0; i < count && &marks[i] < labelled; i++) {
        if (marks[i].text.size == 0 || marks[i].cell < cell || marks[i].cell >= labelled->cell) {
            continue;
        }
        put_repeated(r->out, ' ', marks[i].cell - cell);
        mark_color(r, &marks[i]);
        rn_buf_append_u8(r->out, '|');
        set_color(r, COLOR_NONE);
        cell = marks[i].cell + 1;
    }
    put_repeated(r->out, ' ', labelled->cell - cell);
    mark_color(r, labelled);
    put_text(r->out, labelled->text);
    set_color(r, COLOR_NONE);
    rn_buf_append_u8(r->out, '\n');
}

static void put_marked_line(struct renderer *r, struct mark *marks, unsigned count)
{
    put_line(r, marks, count);
    put_underlines(r, marks, count);
    // The words of the last mark stand in the row of carets if nothing follows there.
    unsigned last = count - 1;
    bool inline_text = marks[last].text.size != 0;
    for (unsigned i = 0; i < last; i++) {
        inline_text =
            inline_text && marks[i].cell + marks[i].cells <= marks[last].cell + marks[last].cells;
    }
    if (inline_text) {
        rn_buf_append_u8(r->out, ' ');
        mark_color(r, &marks[last]);
        put_text(r->out, marks[last].text);
        set_color(r, COLOR_NONE);
    }
    rn_buf_append_u8(r->out, '\n');
    for (unsigned i = count; i-- > 0;) {
        if (marks[i].text.size != 0 && !(inline_text && i == last)) {
            put_label_row(r, marks, count, &marks[i]);
        }
    }
}

static void put_other_source(struct renderer *r, const struct mark *mark)
{
    set_color(r, COLOR_GUTTER);
    put_repeated(r->out, ' ', r->gutter);
    rn_buf_append_text(r->out, " ::: ");
    set_color(r, COLOR_NONE);
    const struct rn_source *source = &r->list->sources[mark->source];
    put_text(r->out, source->name);
    rn_buf_append_format(r->out, ":%u:%u\n", mark->position.line, mark->position.column);
}

static void put_excerpt(struct renderer *r, uint32_t first_source)
{
    put_gutter(r, 0);
    rn_buf_append_u8(r->out, '\n');
    uint32_t source = first_source;
    uint32_t line = 0;
    for (unsigned i = 0; i < r->mark_count;) {
        struct mark *marks = &r->marks[i];
        unsigned count = 1;
        while (i + count < r->mark_count && marks[count].source == marks[0].source &&
               marks[count].position.line == marks[0].position.line) {
            count++;
        }
        if (marks[0].source != source) {
            put_other_source(r, &marks[0]);
        } else if (line != 0 && marks[0].position.line > line + 1) {
            rn_buf_append_text(r->out, "...\n");
        }
        source = marks[0].source;
        line = marks[0].position.line;
        put_marked_line(r, marks, count);
        i += count;
    }
}

static void put_remarks(struct renderer *r, const struct rn_diagnostic *d)
{
    for (const struct rn_remark *remark = d->remarks; remark != NULL; remark = remark->next) {
        set_color(r, COLOR_GUTTER);
        put_repeated(r->out, ' ', r->gutter);
        rn_buf_append_text(r->out, " = ");
        set_color(r, COLOR_NONE);
        set_color(r, COLOR_BOLD);
        rn_buf_append_text(r->out, remark->kind == RN_REMARK_HELP ? "help" : "note");
        set_color(r, COLOR_NONE);
        rn_buf_append_text(r->out, ": ");
        put_text(r->out, remark->text);
        rn_buf_append_u8(r->out, '\n');
    }
}

static void set_gutter_width(struct renderer *r)
{
    uint32_t line = 1;
    for (unsigned i = 0; i < r->mark_count; i++) {
        uint32_t other = r->marks[i].position.line;
        line = other > line ? other : line;
    }
    r->gutter = 1;
    for (; line >= 10; line /= 10) {
        r->gutter++;
    }
}

void rn_diagnostic_render(const struct rn_diagnostics *list, const struct rn_diagnostic *diagnostic,
                          const struct rn_render_options *options, struct rn_buf *out)
{
    struct renderer r = {.list = list, .options = options, .out = out};
    r.severity = diagnostic->severity == RN_SEVERITY_ERROR ? COLOR_ERROR : COLOR_WARNING;
    put_header(&r, diagnostic);
    add_mark(&r, diagnostic->span, diagnostic->span_text, true);
    for (const struct rn_diagnostic_label *label = diagnostic->labels; label != NULL;
         label = label->next) {
        add_mark(&r, label->span, label->text, false);
    }
    sort_marks(&r, diagnostic->span.source);
    set_gutter_width(&r);
    if (r.mark_count != 0) {
        put_excerpt(&r, diagnostic->span.source);
    }
    if (r.mark_count != 0 && diagnostic->remarks != NULL) {
        put_gutter(&r, 0);
        rn_buf_append_u8(out, '\n');
    }
    put_remarks(&r, diagnostic);
    rn_buf_append_u8(out, '\n');
}

static void put_left_out(uint32_t all, uint32_t kept, const char *what, struct rn_buf *out)
{
    if (all > kept) {
        rn_buf_append_format(out, "and %u more %s%s\n", all - kept, what,
                             all - kept == 1 ? "" : "s");
    }
}

void rn_diagnostics_render(const struct rn_diagnostics *list,
                           const struct rn_render_options *options, struct rn_buf *out)
{
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        rn_diagnostic_render(list, d, options, out);
    }
    put_left_out(list->error_count, list->kept_errors, "error", out);
    put_left_out(list->warning_count, list->kept_warnings, "warning", out);
}
