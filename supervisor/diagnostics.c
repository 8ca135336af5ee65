/* diagnostics.c: what a build had to say, read and shown. */
#include "supervisor/diagnostics.h"

#include <string.h>

#include "base/alloc.h"
#include "supervisor/text.h"

#define TEXT_MAX (16u << 20)

rune_diagnostics *rune_diagnostics_new(void)
{
    rune_diagnostics *diagnostics = rn_alloc(sizeof(*diagnostics));
    if (diagnostics) {
        rn_diagnostics_init(&diagnostics->list);
        rn_arena_init(&diagnostics->arena, TEXT_MAX);
    }
    return diagnostics;
}

void rune_diagnostics_free(rune_diagnostics *diagnostics)
{
    if (diagnostics) {
        rn_diagnostics_done(&diagnostics->list);
        rn_arena_done(&diagnostics->arena);
        rn_free(diagnostics);
    }
}

/* With a zero byte at the end; "" without memory. */
static const char *keep(rune_diagnostics *diagnostics, struct rn_utf8 text)
{
    char *copy = rn_arena_alloc(&diagnostics->arena, text.size + 1);
    if (!copy) {
        return "";
    }
    memcpy(copy, text.data, text.size);
    return copy;
}

static void flatten(rune_diagnostics *diagnostics, const struct rn_diagnostic *from,
                    rune_diagnostic *to)
{
    *to = (rune_diagnostic){
        .severity =
            from->severity == RN_SEVERITY_ERROR ? RUNE_SEVERITY_ERROR : RUNE_SEVERITY_WARNING,
        .code = from->code < RN_DIAGNOSTIC_COUNT && rn_diagnostic_infos[from->code].code
                    ? rn_diagnostic_infos[from->code].code
                    : "",
        .message = keep(diagnostics, from->message),
        .source = "",
    };
    if (from->span.source >= diagnostics->list.source_count) {
        return;
    }
    const struct rn_source *source = &diagnostics->list.sources[from->span.source];
    to->source = keep(diagnostics, source->name);
    if (source->text.data) {
        struct rn_position start = rn_source_position(source, from->span.start);
        struct rn_position end = rn_source_position(source, from->span.end);
        to->line = start.line;
        to->column = start.column;
        to->end_line = end.line;
        to->end_column = end.column;
    }
}

void rn_diagnostics_flatten(rune_diagnostics *diagnostics)
{
    diagnostics->count = 0;
    size_t count = diagnostics->list.kept_errors + diagnostics->list.kept_warnings;
    diagnostics->flat = rn_arena_alloc(&diagnostics->arena, count * sizeof(*diagnostics->flat) + 1);
    for (const struct rn_diagnostic *from = diagnostics->list.first;
         from && diagnostics->flat && diagnostics->count < count; from = from->next) {
        flatten(diagnostics, from, &diagnostics->flat[diagnostics->count++]);
    }
}

enum rn_error rn_diagnostics_replace(rune_diagnostics *diagnostics, const void *bytes, size_t size)
{
    rn_diagnostics_done(&diagnostics->list);
    rn_arena_done(&diagnostics->arena);
    rn_diagnostics_init(&diagnostics->list);
    rn_arena_init(&diagnostics->arena, TEXT_MAX);
    diagnostics->flat = NULL;
    diagnostics->count = 0;
    if (size > 0) {
        RN_TRY(rn_diagnostics_decode(&diagnostics->list, bytes, size));
        rn_diagnostics_flatten(diagnostics);
    }
    return RN_OK;
}

enum rn_error rn_diagnostics_copy(const rune_diagnostics *from, rune_diagnostics *to)
{
    RN_AUTO(rn_buf) struct rn_buf bytes;
    rn_buf_init(&bytes, TEXT_MAX);
    RN_TRY(rn_diagnostics_encode(&from->list, true, &bytes));
    RN_TRY(rn_diagnostics_replace(to, bytes.data, bytes.size));
    // Where it is does not show in a list without texts.
    for (size_t i = 0; i < to->count && i < from->count; i++) {
        to->flat[i].line = from->flat[i].line;
        to->flat[i].column = from->flat[i].column;
        to->flat[i].end_line = from->flat[i].end_line;
        to->flat[i].end_column = from->flat[i].end_column;
    }
    return RN_OK;
}

size_t rn_diagnostics_bytes(const rune_diagnostics *diagnostics)
{
    const struct rn_diagnostics *list = &diagnostics->list;
    size_t bytes = list->arena.used + diagnostics->arena.used;
    for (uint32_t i = 0; i < list->source_count; i++) {
        bytes += list->sources[i].text.size;
    }
    return bytes;
}

void rn_diagnostics_drop_texts(rune_diagnostics *diagnostics)
{
    struct rn_diagnostics *list = &diagnostics->list;
    for (uint32_t i = 0; i < list->source_count; i++) {
        struct rn_source *source = &list->sources[i];
        rn_free((void *)(uintptr_t)source->text.data);
        source->text = (struct rn_utf8){.data = NULL};
        source->line_marks = NULL;
    }
}

void rune_diagnostics_drop_warnings(rune_diagnostics *diagnostics)
{
    struct rn_diagnostics *list = &diagnostics->list;
    struct rn_diagnostic **end = &list->first;
    list->last = NULL;
    for (struct rn_diagnostic *at = list->first; at; at = at->next) {
        if (at->severity == RN_SEVERITY_ERROR) {
            *end = at;
            end = &at->next;
            list->last = at;
        }
    }
    *end = NULL;
    list->warning_count = list->kept_warnings = 0;
    rn_diagnostics_flatten(diagnostics);
}

size_t rune_diagnostics_count(const rune_diagnostics *diagnostics)
{
    return diagnostics ? diagnostics->count : 0;
}

bool rune_diagnostics_has_error(const rune_diagnostics *diagnostics)
{
    return diagnostics && diagnostics->list.error_count > 0;
}

bool rune_diagnostics_at(const rune_diagnostics *diagnostics, size_t index,
                         rune_diagnostic *out_diagnostic)
{
    if (!diagnostics || index >= diagnostics->count) {
        return false;
    }
    *out_diagnostic = diagnostics->flat[index];
    return true;
}

rune_status rune_diagnostics_render(const rune_diagnostics *diagnostics, bool color,
                                    rune_text **out_text)
{
    if (!diagnostics) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    RN_AUTO(rn_buf) struct rn_buf out;
    struct rn_render_options options = {.color = color};
    rn_buf_init(&out, TEXT_MAX);
    rn_diagnostics_render(&diagnostics->list, &options, &out);
    return rn_text_take(&out, out_text);
}

/* The list comes one object a line; an array has them between commas. */
rune_status rune_diagnostics_to_json(const rune_diagnostics *diagnostics, rune_text **out_text)
{
    if (!diagnostics) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    RN_AUTO(rn_buf) struct rn_buf lines;
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&lines, TEXT_MAX);
    rn_buf_init(&out, TEXT_MAX + 16);
    rn_diagnostics_render_json(&diagnostics->list, &lines);
    rn_buf_append_u8(&out, '[');
    for (size_t i = 0; i < lines.size; i++) {
        bool last = i + 1 == lines.size;
        if (lines.data[i] != '\n') {
            rn_buf_append_u8(&out, lines.data[i]);
        } else if (!last) {
            rn_buf_append_u8(&out, ',');
        }
    }
    rn_buf_append_u8(&out, ']');
    return rn_buf_status(&lines) == RN_OK ? rn_text_take(&out, out_text)
                                          : (rune_status)rn_buf_status(&lines);
}
