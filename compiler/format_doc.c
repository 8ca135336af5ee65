/* format_doc.c: making documents, and laying them out in one pass. */
#include "compiler/format_doc.h"

#include "base/alloc.h"
#include "base/unicode.h"

#include <string.h>

/* Operations looked at for what must still fit behind a group. */
#define TAIL_MAX 64u
#define WIDTH_MAX (UINT32_MAX / 2)

void rn_doc_init(struct rn_doc *doc)
{
    *doc = (struct rn_doc){.error = RN_OK};
    rn_doc_add(doc, RN_DOC_SOFT); // index 0 says "none"
}

void rn_doc_done(struct rn_doc *doc)
{
    rn_free(doc->ops);
    doc->ops = NULL;
}

/* ---- Making ---- */

static uint32_t columns(const char *data, size_t size)
{
    uint32_t count = 0;
    for (size_t at = 0; at < size;) {
        size_t width;
        count += rn_unicode_width(rn_utf8_decode(data, size, at, &width));
        at += width;
    }
    return count;
}

/* Up to the first line break. */
static uint32_t first_columns(struct rn_utf8 text)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    return columns(text.data, end == NULL ? text.size : (size_t)(end - text.data));
}

static uint32_t flat_width(const struct rn_doc_op *op)
{
    switch ((enum rn_doc_kind)op->kind) {
    case RN_DOC_TEXT:
    case RN_DOC_COMMENT:
        return first_columns(op->text);
    case RN_DOC_SPACE:
    case RN_DOC_LINE:
        return 1;
    case RN_DOC_SOFT:
    case RN_DOC_HARD:
    case RN_DOC_BLANK:
    case RN_DOC_IF_BROKEN:
    case RN_DOC_OPEN:
    case RN_DOC_CLOSE:
    case RN_DOC_INDENT:
    case RN_DOC_DEDENT:
    case RN_DOC_REMARK:
    case RN_DOC_COUNT:
        break;
    }
    return 0;
}

static bool is_hard(uint8_t kind)
{
    return kind == RN_DOC_HARD || kind == RN_DOC_BLANK || kind == RN_DOC_REMARK;
}

static bool grow(struct rn_doc *doc)
{
    uint32_t capacity = doc->capacity == 0 ? 256 : doc->capacity * 2;
    struct rn_doc_op *ops = rn_realloc(doc->ops, capacity * sizeof *ops);
    if (ops == NULL) {
        doc->error = RN_E_NO_MEMORY;
        return false;
    }
    doc->ops = ops;
    doc->capacity = capacity;
    return true;
}

static void push(struct rn_doc *doc, struct rn_doc_op op)
{
    if (doc->error != RN_OK || (doc->count == doc->capacity && !grow(doc))) {
        return;
    }
    if (doc->count > 0) {
        const struct rn_doc_op *last = &doc->ops[doc->count - 1];
        op.width = last->width + flat_width(last);
        op.hards = last->hards + is_hard(last->kind);
    }
    if (op.width > WIDTH_MAX) {
        doc->error = RN_E_TOO_LARGE;
        return;
    }
    doc->ops[doc->count++] = op;
}

void rn_doc_add(struct rn_doc *doc, enum rn_doc_kind kind)
{
    push(doc, (struct rn_doc_op){.kind = (uint8_t)kind});
}

void rn_doc_text(struct rn_doc *doc, struct rn_utf8 text)
{
    push(doc, (struct rn_doc_op){.kind = RN_DOC_TEXT, .text = text});
}

void rn_doc_if_broken(struct rn_doc *doc, struct rn_utf8 text)
{
    push(doc, (struct rn_doc_op){.kind = RN_DOC_IF_BROKEN, .text = text});
}

void rn_doc_remark(struct rn_doc *doc, struct rn_utf8 text)
{
    push(doc, (struct rn_doc_op){.kind = RN_DOC_REMARK, .text = text});
}

void rn_doc_comment(struct rn_doc *doc, struct rn_utf8 text, uint32_t column)
{
    push(doc, (struct rn_doc_op){.kind = RN_DOC_COMMENT, .text = text, .end = column});
}

uint32_t rn_doc_open(struct rn_doc *doc)
{
    uint32_t index = doc->count;
    push(doc, (struct rn_doc_op){.kind = RN_DOC_OPEN, .end = doc->open});
    doc->open = index;
    doc->depth++;
    doc->depth_max = doc->depth > doc->depth_max ? doc->depth : doc->depth_max;
    return index;
}

void rn_doc_close(struct rn_doc *doc)
{
    if (doc->error != RN_OK) {
        return;
    }
    RN_ASSERT(doc->open != 0 && doc->ops[doc->open].kind == RN_DOC_OPEN);
    struct rn_doc_op *open = &doc->ops[doc->open];
    doc->open = open->end;
    doc->depth--;
    open->end = doc->count;
    rn_doc_add(doc, RN_DOC_CLOSE);
}

uint32_t rn_doc_first_break(const struct rn_doc *doc, uint32_t from)
{
    for (uint32_t i = from; i < doc->count; i++) {
        uint8_t kind = doc->ops[i].kind;
        if (kind == RN_DOC_LINE || kind == RN_DOC_SOFT || is_hard(kind)) {
            return i;
        }
    }
    return 0;
}

/* ---- Laying out ---- */

enum mode {
    MODE_BREAK, /* of the text outside of all groups, too */
    MODE_FLAT,
    MODE_HUG, /* flat itself; the groups inside are decided on their own */
};

struct printer {
    const struct rn_doc *doc;
    const struct rn_doc_layout *layout;
    struct rn_buf *out;
    uint8_t *modes; /* enum mode, of the open groups */
    uint32_t depth;
    uint32_t levels; /* of indentation */
    uint32_t column;
    uint8_t breaks; /* kept back: 1 a line break, 2 an empty line, too */
    bool space;     /* kept back */
    bool started;
    struct rn_utf8 remark; /* kept back; data NULL: none */
};

static void indent(struct printer *p)
{
    for (uint32_t i = 0; i < p->levels; i++) {
        static const char spaces[] = "                ";
        rn_buf_append(p->out, p->layout->tabs ? "\t" : spaces,
                      p->layout->tabs ? 1 : p->layout->indent);
    }
    p->column = p->levels * p->layout->indent;
}

/* What was kept back goes out before text. */
static void flush(struct printer *p)
{
    if (p->remark.data != NULL) {
        rn_buf_append_text(p->out, " ");
        rn_buf_append(p->out, p->remark.data, p->remark.size);
        p->remark.data = NULL;
    }
    if (p->breaks > 0) {
        rn_buf_append(p->out, "\n\n", p->started ? p->breaks : 0);
        indent(p);
    } else if (p->space) {
        rn_buf_append_text(p->out, " ");
        p->column++;
    }
    p->breaks = 0;
    p->space = false;
}

static void write_raw(struct printer *p, struct rn_utf8 text)
{
    rn_buf_append(p->out, text.data, text.size);
    const char *last = memrchr(text.data, '\n', text.size);
    if (last == NULL) {
        p->column += columns(text.data, text.size);
    } else {
        p->column = columns(last + 1, text.size - (size_t)(last + 1 - text.data));
    }
    p->started = true;
}

static void write_text(struct printer *p, struct rn_utf8 text)
{
    if (text.size > 0) {
        flush(p);
        write_raw(p, text);
    }
}

/* The blank columns that a line begins with; *out_size gets their bytes. */
static uint32_t blank_columns(const struct printer *p, struct rn_utf8 line, size_t *out_size)
{
    uint32_t count = 0;
    size_t at = 0;
    while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t')) {
        count += line.data[at] == ' ' ? 1 : p->layout->indent;
        at++;
    }
    *out_size = at;
    return count;
}

static void write_comment(struct printer *p, struct rn_utf8 text, uint32_t old_column)
{
    flush(p);
    uint32_t column = p->column;
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        write_raw(p, (struct rn_utf8){text.data, size});
        if (end == NULL) {
            break;
        }
        rn_buf_append_text(p->out, "\n");
        text = (struct rn_utf8){end + 1, text.size - size - 1};
        size_t blanks;
        uint32_t at = blank_columns(p, text, &blanks) + column;
        at = at > old_column ? at - old_column : 0;
        text = (struct rn_utf8){text.data + blanks, text.size - blanks};
        bool empty = text.size == 0 || *text.data == '\n' || *text.data == '\r';
        for (uint32_t i = 0; i < at && !empty; i++) {
            rn_buf_append_text(p->out, " ");
        }
        p->column = at;
    }
}

static void write_remark(struct printer *p, struct rn_utf8 text)
{
    if (p->remark.data == NULL && p->breaks == 0 && p->started) {
        p->remark = text;
        p->space = false;
    } else {
        write_text(p, text); // behind another one, or alone on its line
    }
    p->breaks = p->breaks < 1 ? 1 : p->breaks;
}

static void write_break(struct printer *p, uint8_t breaks)
{
    p->breaks = p->breaks < breaks ? breaks : p->breaks;
    p->space = false;
}

static enum mode mode_now(const struct printer *p)
{
    return p->depth == 0 ? MODE_BREAK : (enum mode)p->modes[p->depth - 1];
}

/* What stands behind the group up to the next place where a line may end. */
static uint32_t tail_width(const struct rn_doc *doc, uint32_t from)
{
    for (uint32_t i = from; i < doc->count && i - from < TAIL_MAX; i++) {
        uint8_t kind = doc->ops[i].kind;
        if (kind == RN_DOC_LINE || kind == RN_DOC_SOFT || is_hard(kind)) {
            return doc->ops[i].width - doc->ops[from].width;
        }
    }
    return 0;
}

static enum mode decide(const struct printer *p, uint32_t open)
{
    const struct rn_doc *doc = p->doc;
    const struct rn_doc_op *first = &doc->ops[open];
    const struct rn_doc_op *close = &doc->ops[first->end];
    uint32_t start = p->breaks > 0 ? p->levels * p->layout->indent : p->column + p->space;
    if (mode_now(p) == MODE_FLAT) {
        return MODE_FLAT;
    }
    uint32_t end = start + close->width - first->width;
    if (close->hards == first->hards && end + tail_width(doc, first->end) <= p->layout->width) {
        return MODE_FLAT;
    }
    const struct rn_doc_op *hug = &doc->ops[first->hug];
    bool hugs = first->hug != 0 && hug->hards == first->hards &&
                start + hug->width - first->width <= p->layout->width;
    return hugs ? MODE_HUG : MODE_BREAK;
}

static void write_if_broken(struct printer *p, struct rn_utf8 text)
{
    if (p->breaks > 0 || p->remark.data != NULL) {
        write_raw(p, text); // before what is kept back
    } else {
        write_text(p, text);
    }
}

static void print_op(struct printer *p, uint32_t index)
{
    const struct rn_doc_op *op = &p->doc->ops[index];
    bool broken = mode_now(p) == MODE_BREAK;
    switch ((enum rn_doc_kind)op->kind) {
    case RN_DOC_TEXT:
        write_text(p, op->text);
        break;
    case RN_DOC_SPACE:
        p->space = p->breaks == 0;
        break;
    case RN_DOC_LINE:
    case RN_DOC_SOFT:
        if (broken) {
            write_break(p, 1);
        } else if (op->kind == RN_DOC_LINE) {
            p->space = p->breaks == 0;
        }
        break;
    case RN_DOC_HARD:
        write_break(p, 1);
        break;
    case RN_DOC_BLANK:
        write_break(p, 2);
        break;
    case RN_DOC_IF_BROKEN:
        if (broken) {
            write_if_broken(p, op->text);
        }
        break;
    case RN_DOC_OPEN: {
        enum mode mode = decide(p, index);
        p->modes[p->depth++] = (uint8_t)mode;
        break;
    }
    case RN_DOC_CLOSE:
        p->depth--;
        break;
    case RN_DOC_INDENT:
        p->levels += broken;
        break;
    case RN_DOC_DEDENT:
        p->levels -= broken;
        break;
    case RN_DOC_REMARK:
        write_remark(p, op->text);
        break;
    case RN_DOC_COMMENT:
        write_comment(p, op->text, op->end);
        break;
    case RN_DOC_COUNT:
        break;
    }
}

enum rn_error rn_doc_print(const struct rn_doc *doc, const struct rn_doc_layout *layout,
                           struct rn_buf *out)
{
    RN_ASSERT(layout->indent <= 16);
    RN_TRY(doc->error);
    struct printer p = {.doc = doc, .layout = layout, .out = out, .column = 0};
    p.modes = rn_alloc((size_t)doc->depth_max + 1);
    if (p.modes == NULL) {
        return RN_E_NO_MEMORY;
    }
    for (uint32_t i = 1; i < doc->count && out->error == RN_OK; i++) {
        print_op(&p, i);
    }
    p.breaks = 0;
    p.space = false;
    flush(&p);
    rn_free(p.modes);
    return rn_buf_status(out);
}
