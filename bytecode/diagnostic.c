/*
 * diagnostic.c: the list of diagnostics and its sources.
 *
 * Texts that come from sources are cut to a fair length before they enter a message, so that one
 * diagnostic is never larger than a few KiB, whatever the source holds.
 */
#include "bytecode/diagnostic.h"

#include "base/alloc.h"
#include "base/math.h"

#include <stdio.h>
#include <string.h>

#define ARENA_MAX (4u << 20)
#define ARGUMENT_MAX 160u
#define MESSAGE_MAX 2048u

const struct rn_diagnostic_info rn_diagnostic_infos[RN_DIAGNOSTIC_COUNT] = {
    [RN_DIAGNOSTIC_NONE] = {"NONE", "", "{}", NULL, RN_SEVERITY_ERROR},
#define DIAGNOSTIC(name, severity, code, message, help)                                            \
    [RN_DIAGNOSTIC_##name] = {#name, code, message, help, RN_SEVERITY_##severity},
#include "bytecode/diagnostics.def"
#undef DIAGNOSTIC
};

void rn_diagnostics_init(struct rn_diagnostics *list)
{
    *list = (struct rn_diagnostics){0};
    rn_arena_init(&list->arena, ARENA_MAX);
}

void rn_diagnostics_done(struct rn_diagnostics *list)
{
    for (uint32_t i = 0; i < list->source_count; i++) {
        rn_free((void *)(uintptr_t)list->sources[i].text.data);
    }
    rn_free(list->sources);
    rn_arena_done(&list->arena);
    *list = (struct rn_diagnostics){0};
}

static bool stands_before(const struct rn_diagnostic *a, const struct rn_diagnostic *b)
{
    return a->span.source != b->span.source ? a->span.source < b->span.source
                                            : a->span.start < b->span.start;
}

/* One more warning, behind those that stand before it or where it stands. */
static void insert(struct rn_diagnostic **warnings, size_t count, struct rn_diagnostic *warning)
{
    size_t i = count;
    for (; i > 0 && stands_before(warning, warnings[i - 1]); i--) {
        warnings[i] = warnings[i - 1];
    }
    warnings[i] = warning;
}

void rn_diagnostics_sort_warnings(struct rn_diagnostics *list)
{
    struct rn_diagnostic *all[2 * RN_DIAGNOSTICS_MAX];
    struct rn_diagnostic *warnings[RN_DIAGNOSTICS_MAX];
    size_t count = 0;
    size_t warning_count = 0;
    for (struct rn_diagnostic *at = list->first; at != NULL; at = at->next) {
        RN_CHECK(count < RN_COUNT_OF(all));
        all[count++] = at;
        if (at->severity == RN_SEVERITY_WARNING) {
            insert(warnings, warning_count++, at);
        }
    }
    struct rn_diagnostic **end = &list->first;
    for (size_t i = 0, taken = 0; i < count; i++) {
        list->last = all[i]->severity == RN_SEVERITY_WARNING ? warnings[taken++] : all[i];
        *end = list->last;
        end = &list->last->next;
    }
    *end = NULL;
}

/* The longest run of whole characters in at most `max` bytes. */
static size_t cut_size(const char *text, size_t size, size_t max)
{
    if (size <= max) {
        return size;
    }
    size_t cut = max;
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
        cut--;
    }
    return cut;
}

static struct rn_utf8 keep_text(struct rn_diagnostics *list, const void *text, size_t size)
{
    if (size == 0) {
        return (struct rn_utf8){"", 0};
    }
    const char *copy = rn_arena_copy(&list->arena, text, size);
    if (copy == NULL) {
        list->error = RN_E_NO_MEMORY;
        return (struct rn_utf8){"", 0};
    }
    return (struct rn_utf8){copy, size};
}

/* File names are any bytes; what is shown and sent is UTF-8. */
static struct rn_utf8 keep_name(struct rn_diagnostics *list, const char *name)
{
    char storage[1024];
    size_t size = rn_min_size(strlen(name), sizeof storage);
    memcpy(storage, name, size);
    size_t bad;
    if (!rn_utf8_valid(storage, size, &bad)) {
        for (size_t i = bad; i < size; i++) {
            storage[i] = (unsigned char)storage[i] < 0x80 ? storage[i] : '?';
        }
    }
    return keep_text(list, storage, size);
}

static uint32_t count_lines(const char *text, size_t size)
{
    uint32_t count = 0;
    const char *end = text + size;
    const char *newline;
    while ((newline = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        count++;
        text = newline + 1;
    }
    return count;
}

/* The place `size` bytes behind `from`, an offset whose mark is known. */
static struct rn_line_mark look_ahead(struct rn_line_mark mark, struct rn_utf8 text, size_t from,
                                      size_t size)
{
    if (size == 0) {
        return mark;
    }
    const char *start = text.data + from;
    const char *newline = memrchr(start, '\n', size);
    if (newline != NULL) {
        mark.newlines += count_lines(start, size);
        mark.line_start = (uint32_t)(newline + 1 - text.data);
        mark.characters = 0;
        size -= (size_t)(newline + 1 - start);
        start = newline + 1;
    }
    mark.characters += (uint32_t)rn_utf8_count(start, size);
    return mark;
}

/* NULL when memory is gone. */
static const struct rn_line_mark *mark_lines(struct rn_diagnostics *list, struct rn_utf8 text)
{
    size_t blocks = text.size / RN_LINE_BLOCK + 1;
    struct rn_line_mark *marks = rn_arena_alloc(&list->arena, blocks * sizeof *marks);
    for (size_t i = 1; marks != NULL && i < blocks; i++) {
        marks[i] = look_ahead(marks[i - 1], text, (i - 1) * RN_LINE_BLOCK, RN_LINE_BLOCK);
    }
    return marks;
}

enum rn_error rn_diagnostics_add_source(struct rn_diagnostics *list, const char *name,
                                        const char *text, size_t size, uint32_t *out_index)
{
    if (list->source_count >= RN_SOURCES_MAX || size > RN_SOURCE_SIZE_MAX) {
        return RN_E_TOO_LARGE;
    }
    if ((list->source_count & (list->source_count - 1)) == 0) {
        size_t capacity = list->source_count == 0 ? 1 : (size_t)list->source_count * 2;
        struct rn_source *grown = rn_realloc(list->sources, capacity * sizeof *grown);
        if (grown == NULL) {
            return RN_E_NO_MEMORY;
        }
        list->sources = grown;
    }
    struct rn_source source = {.name = keep_name(list, name)};
    RN_TRY(list->error);
    if (text != NULL) {
        source.text = (struct rn_utf8){rn_strndup(text, size), size};
        if (source.text.data == NULL) {
            return RN_E_NO_MEMORY;
        }
        source.line_marks = mark_lines(list, source.text);
        if (source.line_marks == NULL) {
            rn_free((void *)(uintptr_t)source.text.data);
            return RN_E_NO_MEMORY;
        }
    }
    list->sources[list->source_count] = source;
    *out_index = list->source_count++;
    return RN_OK;
}

static bool admit(struct rn_diagnostics *list, enum rn_severity severity)
{
    if (severity == RN_SEVERITY_ERROR) {
        list->error_count++;
        if (list->kept_errors >= RN_DIAGNOSTICS_MAX) {
            return false;
        }
        list->kept_errors++;
        return true;
    }
    list->warning_count++;
    if (list->kept_warnings >= RN_DIAGNOSTICS_MAX) {
        return false;
    }
    list->kept_warnings++;
    return true;
}

static struct rn_diagnostic *append(struct rn_diagnostics *list, enum rn_severity severity,
                                    struct rn_span span, struct rn_utf8 message)
{
    if (!admit(list, severity)) {
        return NULL;
    }
    struct rn_diagnostic *diagnostic = rn_arena_alloc(&list->arena, sizeof *diagnostic);
    if (diagnostic == NULL) {
        list->error = RN_E_NO_MEMORY;
        return NULL;
    }
    diagnostic->severity = (uint8_t)severity;
    diagnostic->span = span;
    diagnostic->message = keep_text(list, message.data, message.size);
    diagnostic->span_text = (struct rn_utf8){"", 0};
    if (list->last == NULL) {
        list->first = diagnostic;
    } else {
        list->last->next = diagnostic;
    }
    list->last = diagnostic;
    return diagnostic;
}

static void append_argument(struct rn_buf *out, struct rn_utf8 argument)
{
    size_t size = cut_size(argument.data, argument.size, ARGUMENT_MAX);
    rn_buf_append(out, argument.data, size);
    if (size < argument.size) {
        rn_buf_append_text(out, "\xe2\x80\xa6");
    }
}

static void fill_message(struct rn_buf *out, const char *shape, const struct rn_utf8 *arguments,
                         size_t count)
{
    size_t used = 0;
    for (const char *at = shape; *at != '\0'; at++) {
        if (at[0] == '{' && at[1] == '}') {
            RN_ASSERT(used < count);
            if (used < count) {
                append_argument(out, arguments[used++]);
            }
            at++;
        } else {
            rn_buf_append_u8(out, (uint8_t)*at);
        }
    }
    RN_ASSERT(used == count);
}

struct rn_diagnostic *rn_diagnostics_add(struct rn_diagnostics *list, enum rn_diagnostic_code code,
                                         struct rn_span span, const struct rn_utf8 *arguments,
                                         size_t count)
{
    RN_ASSERT(code > RN_DIAGNOSTIC_NONE && code < RN_DIAGNOSTIC_COUNT);
    const struct rn_diagnostic_info *info = &rn_diagnostic_infos[code];
    uint8_t storage[MESSAGE_MAX];
    struct rn_buf message;
    rn_buf_init_fixed(&message, storage, sizeof storage);
    fill_message(&message, info->message, arguments, count);
    struct rn_diagnostic *diagnostic =
        append(list, (enum rn_severity)info->severity, span,
               (struct rn_utf8){(const char *)message.data, message.size});
    if (diagnostic == NULL) {
        return NULL;
    }
    diagnostic->code = (uint16_t)code;
    if (info->help != NULL) {
        rn_diagnostic_help(list, diagnostic, "%s", info->help);
    }
    return diagnostic;
}

struct rn_diagnostic *rn_diagnostics_add_text(struct rn_diagnostics *list,
                                              enum rn_severity severity, struct rn_span span,
                                              struct rn_utf8 message)
{
    message.size = cut_size(message.data, message.size, MESSAGE_MAX);
    return append(list, severity, span, message);
}

RN_PRINTF(2, 0)
static struct rn_utf8 format_text(struct rn_diagnostics *list, const char *format,
                                  va_list arguments)
{
    char storage[512];
    int size = vsnprintf(storage, sizeof storage, format, arguments);
    if (size < 0) {
        return (struct rn_utf8){"", 0};
    }
    return keep_text(list, storage, cut_size(storage, (size_t)size, sizeof storage - 4));
}

void rn_diagnostic_describe(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                            const char *format, ...)
{
    if (diagnostic == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    diagnostic->span_text = format_text(list, format, arguments);
    va_end(arguments);
}

/* NULL when there are enough already or memory is gone. */
static struct rn_diagnostic_label *new_label(struct rn_diagnostics *list,
                                             struct rn_diagnostic *diagnostic, struct rn_span span)
{
    struct rn_diagnostic_label **tail = &diagnostic->labels;
    for (uint32_t count = 0; *tail != NULL; tail = &(*tail)->next) {
        if (++count >= RN_DIAGNOSTIC_EXTRAS_MAX) {
            return NULL;
        }
    }
    struct rn_diagnostic_label *label = rn_arena_alloc(&list->arena, sizeof *label);
    if (label == NULL) {
        list->error = RN_E_NO_MEMORY;
        return NULL;
    }
    label->span = span;
    *tail = label;
    return label;
}

void rn_diagnostic_label(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                         struct rn_span span, const char *format, ...)
{
    if (diagnostic == NULL) {
        return;
    }
    struct rn_diagnostic_label *label = new_label(list, diagnostic, span);
    if (label == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    label->text = format_text(list, format, arguments);
    va_end(arguments);
}

static struct rn_remark *new_remark(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                                    enum rn_remark_kind kind)
{
    struct rn_remark **tail = &diagnostic->remarks;
    for (uint32_t count = 0; *tail != NULL; tail = &(*tail)->next) {
        if (++count >= RN_DIAGNOSTIC_EXTRAS_MAX) {
            return NULL;
        }
    }
    struct rn_remark *remark = rn_arena_alloc(&list->arena, sizeof *remark);
    if (remark == NULL) {
        list->error = RN_E_NO_MEMORY;
        return NULL;
    }
    remark->kind = (uint8_t)kind;
    *tail = remark;
    return remark;
}

void rn_diagnostic_note(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                        const char *format, ...)
{
    struct rn_remark *remark =
        diagnostic == NULL ? NULL : new_remark(list, diagnostic, RN_REMARK_NOTE);
    if (remark == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    remark->text = format_text(list, format, arguments);
    va_end(arguments);
}

void rn_diagnostic_help(struct rn_diagnostics *list, struct rn_diagnostic *diagnostic,
                        const char *format, ...)
{
    struct rn_remark *remark =
        diagnostic == NULL ? NULL : new_remark(list, diagnostic, RN_REMARK_HELP);
    if (remark == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    remark->text = format_text(list, format, arguments);
    va_end(arguments);
}

struct rn_utf8 rn_text(const char *text)
{
    return (struct rn_utf8){text, strlen(text)};
}

struct rn_utf8 rn_text_u64(struct rn_number_text *storage, uint64_t value)
{
    int size = snprintf(storage->data, sizeof storage->data, "%llu", (unsigned long long)value);
    return (struct rn_utf8){storage->data, (size_t)size};
}

struct rn_utf8 rn_text_i64(struct rn_number_text *storage, int64_t value)
{
    int size = snprintf(storage->data, sizeof storage->data, "%lld", (long long)value);
    return (struct rn_utf8){storage->data, (size_t)size};
}

struct rn_position rn_source_position(const struct rn_source *source, uint32_t offset)
{
    if (source->text.data == NULL) {
        return (struct rn_position){.line = 1, .column = 1};
    }
    size_t end = rn_min_size(offset, source->text.size);
    size_t block = end / RN_LINE_BLOCK;
    struct rn_line_mark at = look_ahead(source->line_marks[block], source->text,
                                        block * RN_LINE_BLOCK, end % RN_LINE_BLOCK);
    return (struct rn_position){
        .line = at.newlines + 1, .column = at.characters + 1, .line_start = at.line_start};
}
