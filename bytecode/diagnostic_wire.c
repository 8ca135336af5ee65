/*
 * diagnostic_wire.c: diagnostics as bytes between processes.
 *
 *      u8 version
 *      u32 sources:      u16 name, u8 has text, u32 text
 *      u32 errors, u32 warnings (all that were counted)
 *      u16 diagnostics:  u16 code, u8 severity, span, text message, text under the carets,
 *                        u8 labels (span, text), u8 remarks (u8 kind, text)
 *      span: u32 source, u32 start, u32 end        text: u16 size, bytes
 *
 * Trust: decodes bytes from a compiler process.
 */
#include "bytecode/diagnostic.h"

#include "base/alloc.h"
#include "base/cursor.h"

#define WIRE_VERSION 1u
#define TEXT_MAX 4096u

static void put_text(struct rn_buf *out, struct rn_utf8 text)
{
    RN_ASSERT(text.size <= TEXT_MAX);
    rn_buf_append_u16(out, (uint16_t)text.size);
    rn_buf_append(out, text.data, text.size);
}

static void put_span(struct rn_buf *out, struct rn_span span)
{
    rn_buf_append_u32(out, span.source);
    rn_buf_append_u32(out, span.start);
    rn_buf_append_u32(out, span.end);
}

static bool mentions(const struct rn_diagnostics *list, uint32_t source)
{
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        if (d->span.source == source) {
            return true;
        }
        for (const struct rn_diagnostic_label *label = d->labels; label != NULL;
             label = label->next) {
            if (label->span.source == source) {
                return true;
            }
        }
    }
    return false;
}

static void put_source(const struct rn_diagnostics *list, uint32_t index, bool with_texts,
                       struct rn_buf *out)
{
    const struct rn_source *source = &list->sources[index];
    put_text(out, source->name);
    bool has_text = with_texts && source->text.data != NULL && mentions(list, index);
    rn_buf_append_u8(out, has_text);
    if (has_text) {
        rn_buf_append_u32(out, (uint32_t)source->text.size);
        rn_buf_append(out, source->text.data, source->text.size);
    }
}

static void put_diagnostic(const struct rn_diagnostic *d, struct rn_buf *out)
{
    rn_buf_append_u16(out, d->code);
    rn_buf_append_u8(out, d->severity);
    put_span(out, d->span);
    put_text(out, d->message);
    put_text(out, d->span_text);
    uint8_t count = 0;
    for (const struct rn_diagnostic_label *label = d->labels; label != NULL; label = label->next) {
        count++;
    }
    rn_buf_append_u8(out, count);
    for (const struct rn_diagnostic_label *label = d->labels; label != NULL; label = label->next) {
        put_span(out, label->span);
        put_text(out, label->text);
    }
    count = 0;
    for (const struct rn_remark *remark = d->remarks; remark != NULL; remark = remark->next) {
        count++;
    }
    rn_buf_append_u8(out, count);
    for (const struct rn_remark *remark = d->remarks; remark != NULL; remark = remark->next) {
        rn_buf_append_u8(out, remark->kind);
        put_text(out, remark->text);
    }
}

enum rn_error rn_diagnostics_encode(const struct rn_diagnostics *list, bool with_texts,
                                    struct rn_buf *out)
{
    rn_buf_append_u8(out, WIRE_VERSION);
    rn_buf_append_u32(out, list->source_count);
    for (uint32_t i = 0; i < list->source_count; i++) {
        put_source(list, i, with_texts, out);
    }
    rn_buf_append_u32(out, list->error_count);
    rn_buf_append_u32(out, list->warning_count);
    uint16_t count = 0;
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        count++;
    }
    rn_buf_append_u16(out, count);
    for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
        put_diagnostic(d, out);
    }
    return rn_buf_status(out);
}

struct reader {
    struct rn_cursor cursor;
    struct rn_diagnostics *list;
};

static void refuse(struct reader *reader)
{
    rn_cursor_fail(&reader->cursor, RN_E_MESSAGE_INVALID);
}

static struct rn_utf8 get_text(struct reader *reader)
{
    uint16_t size = rn_cursor_u16(&reader->cursor);
    const uint8_t *bytes = rn_cursor_bytes(&reader->cursor, size);
    if (bytes == NULL || size == 0) {
        return (struct rn_utf8){"", 0};
    }
    size_t bad;
    if (size > TEXT_MAX || !rn_utf8_valid(bytes, size, &bad)) {
        refuse(reader);
        return (struct rn_utf8){"", 0};
    }
    const char *copy = rn_arena_copy(&reader->list->arena, bytes, size);
    if (copy == NULL) {
        rn_cursor_fail(&reader->cursor, RN_E_NO_MEMORY);
        return (struct rn_utf8){"", 0};
    }
    return (struct rn_utf8){copy, size};
}

static struct rn_span get_span(struct reader *reader)
{
    struct rn_span span;
    span.source = rn_cursor_u32(&reader->cursor);
    span.start = rn_cursor_u32(&reader->cursor);
    span.end = rn_cursor_u32(&reader->cursor);
    bool known = span.source == RN_SPAN_NOWHERE || span.source < reader->list->source_count;
    if (!known || span.start > span.end || span.end > RN_SOURCE_SIZE_MAX) {
        refuse(reader);
    }
    return span;
}

static void get_source(struct reader *reader)
{
    struct rn_utf8 name = get_text(reader);
    const char *text = NULL;
    size_t size = 0;
    uint8_t has_text = rn_cursor_u8(&reader->cursor);
    if (has_text > 1) {
        refuse(reader);
    }
    if (has_text == 1) {
        size = rn_cursor_u32(&reader->cursor);
        text = (const char *)rn_cursor_bytes(&reader->cursor, size);
        // Any bytes: a source that is not UTF-8 is quoted, too; the renderer replaces what is none.
        if (text != NULL && size > RN_SOURCE_SIZE_MAX) {
            refuse(reader);
        }
    }
    if (rn_cursor_status(&reader->cursor) != RN_OK) {
        return;
    }
    uint32_t index;
    enum rn_error error = rn_diagnostics_add_source(reader->list, "", text, size, &index);
    if (error != RN_OK) {
        rn_cursor_fail(&reader->cursor, error);
        return;
    }
    reader->list->sources[index].name = name;
}

/* How many labels, or remarks: no more than a list keeps. */
static uint8_t get_extras(struct reader *reader)
{
    uint8_t count = rn_cursor_u8(&reader->cursor);
    if (count > RN_DIAGNOSTIC_EXTRAS_MAX) {
        refuse(reader);
    }
    return count;
}

static void get_labels(struct reader *reader, struct rn_diagnostic *d)
{
    struct rn_diagnostic_label **tail = &d->labels;
    uint8_t count = get_extras(reader);
    for (uint8_t i = 0; i < count && rn_cursor_status(&reader->cursor) == RN_OK; i++) {
        struct rn_diagnostic_label *label = rn_arena_alloc(&reader->list->arena, sizeof *label);
        if (label == NULL) {
            rn_cursor_fail(&reader->cursor, RN_E_NO_MEMORY);
            return;
        }
        label->span = get_span(reader);
        label->text = get_text(reader);
        *tail = label;
        tail = &label->next;
    }
}

static void get_remarks(struct reader *reader, struct rn_diagnostic *d)
{
    struct rn_remark **tail = &d->remarks;
    uint8_t count = get_extras(reader);
    for (uint8_t i = 0; i < count && rn_cursor_status(&reader->cursor) == RN_OK; i++) {
        struct rn_remark *remark = rn_arena_alloc(&reader->list->arena, sizeof *remark);
        if (remark == NULL) {
            rn_cursor_fail(&reader->cursor, RN_E_NO_MEMORY);
            return;
        }
        remark->kind = rn_cursor_u8(&reader->cursor);
        remark->text = get_text(reader);
        if (remark->kind >= RN_REMARK_COUNT) {
            refuse(reader);
        }
        *tail = remark;
        tail = &remark->next;
    }
}

/* Counts it; what no list keeps is refused before more is read of it. */
static void count_kept(struct reader *reader, uint8_t severity)
{
    struct rn_diagnostics *list = reader->list;
    list->kept_errors += severity == RN_SEVERITY_ERROR;
    list->kept_warnings += severity == RN_SEVERITY_WARNING;
    if (severity >= RN_SEVERITY_COUNT || list->kept_errors > RN_DIAGNOSTICS_MAX ||
        list->kept_warnings > RN_DIAGNOSTICS_MAX) {
        refuse(reader);
    }
}

static void get_diagnostic(struct reader *reader)
{
    struct rn_diagnostics *list = reader->list;
    struct rn_diagnostic *d = rn_arena_alloc(&list->arena, sizeof *d);
    if (d == NULL) {
        rn_cursor_fail(&reader->cursor, RN_E_NO_MEMORY);
        return;
    }
    d->code = rn_cursor_u16(&reader->cursor);
    d->severity = rn_cursor_u8(&reader->cursor);
    count_kept(reader, d->severity);
    d->span = get_span(reader);
    d->message = get_text(reader);
    d->span_text = get_text(reader);
    if (d->code >= RN_DIAGNOSTIC_COUNT) {
        refuse(reader);
    }
    get_labels(reader, d);
    get_remarks(reader, d);
    if (list->last == NULL) {
        list->first = d;
    } else {
        list->last->next = d;
    }
    list->last = d;
}

static void get_all(struct reader *reader)
{
    struct rn_diagnostics *list = reader->list;
    if (rn_cursor_u8(&reader->cursor) != WIRE_VERSION) {
        refuse(reader);
    }
    uint32_t sources = rn_cursor_u32(&reader->cursor);
    for (uint32_t i = 0; i < sources && rn_cursor_status(&reader->cursor) == RN_OK; i++) {
        get_source(reader);
    }
    list->error_count = rn_cursor_u32(&reader->cursor);
    list->warning_count = rn_cursor_u32(&reader->cursor);
    uint16_t count = rn_cursor_u16(&reader->cursor);
    for (uint16_t i = 0; i < count && rn_cursor_status(&reader->cursor) == RN_OK; i++) {
        get_diagnostic(reader);
    }
    bool counts =
        list->kept_errors <= list->error_count && list->kept_warnings <= list->warning_count;
    if (!counts || rn_cursor_left(&reader->cursor) != 0) {
        refuse(reader);
    }
}

enum rn_error rn_diagnostics_decode(struct rn_diagnostics *list, const void *bytes, size_t size)
{
    RN_ASSERT(list->source_count == 0 && list->first == NULL);
    struct reader reader = {.list = list};
    rn_cursor_init(&reader.cursor, bytes, size);
    get_all(&reader);
    enum rn_error error = rn_cursor_status(&reader.cursor);
    if (error == RN_OK) {
        return RN_OK;
    }
    // What was read of a bad list must not be shown.
    rn_diagnostics_done(list);
    rn_diagnostics_init(list);
    return error == RN_E_NO_MEMORY ? error : RN_E_MESSAGE_INVALID;
}
