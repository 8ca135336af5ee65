/*
 * parts.c: places in a source that was put together become places in its parts.
 *
 * Diagnostics hold offsets into the texts of their sources, so each part that one of them is about becomes a source of
 * its own, with a copy of its text. Frames of a backtrace hold lines.
 */
#include <runeward/parts.h>

#include <string.h>

#include "base/alloc.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/record.h"

/* NULL: the line belongs to none. */
static const rune_part *find_part(const rune_part *parts, size_t count, uint32_t line)
{
    for (size_t i = 0; i < count; i++) {
        if (line >= parts[i].line && line - parts[i].line < parts[i].line_count) {
            return &parts[i];
        }
    }
    return NULL;
}

static bool are_good(const rune_part *parts, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = good && parts[i].line > 0;
    }
    return good;
}

/* Diagnostics */

struct splitting {
    struct rn_diagnostics *list;
    uint32_t root; /* the source that was put together */
    const rune_part *parts;
    size_t count;
};

static bool same_text(struct rn_utf8 a, struct rn_utf8 b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Where `lines` lines behind `start` end. */
static uint32_t skip_lines(struct rn_utf8 text, uint32_t start, uint32_t lines)
{
    while (lines > 0 && start < text.size) {
        const char *newline = memchr(text.data + start, '\n', text.size - start);
        start = newline ? (uint32_t)(newline + 1 - text.data) : (uint32_t)text.size;
        lines--;
    }
    return start;
}

/* The source with that text and the part's name; made if no place was in it so far. */
static enum rn_error source_of(struct rn_diagnostics *list, const rune_part *part,
                               struct rn_utf8 text, uint32_t *out_index)
{
    for (uint32_t i = 0; i < list->source_count; i++) {
        const struct rn_source *source = &list->sources[i];
        if (same_text(source->name, rn_text(part->name)) && same_text(source->text, text)) {
            *out_index = i;
            return RN_OK;
        }
    }
    return rn_diagnostics_add_source(list, part->name, text.data, text.size, out_index);
}

static enum rn_error move_span(const struct splitting *splitting, struct rn_span *span)
{
    if (span->source != splitting->root) {
        return RN_OK;
    }
    const struct rn_source *source = &splitting->list->sources[splitting->root];
    const char *text = source->text.data;
    uint32_t line = rn_source_position(source, span->start).line;
    const rune_part *part = find_part(splitting->parts, splitting->count, line);
    if (!part) {
        return RN_OK;
    }
    uint32_t start = skip_lines(source->text, 0, part->line - 1);
    uint32_t end = skip_lines(source->text, start, part->line_count);
    uint32_t index;
    RN_TRY(source_of(splitting->list, part, (struct rn_utf8){text + start, end - start}, &index));
    *span = (struct rn_span){
        .source = index,
        .start = span->start - start,
        .end = (span->end < end ? span->end : end) - start,
    };
    return RN_OK;
}

static enum rn_error move_spans(const struct splitting *splitting)
{
    for (struct rn_diagnostic *at = splitting->list->first; at; at = at->next) {
        RN_TRY(move_span(splitting, &at->span));
        for (struct rn_diagnostic_label *label = at->labels; label; label = label->next) {
            RN_TRY(move_span(splitting, &label->span));
        }
    }
    return RN_OK;
}

rune_status rune_diagnostics_set_parts(rune_diagnostics *diagnostics, const char *source,
                                       const rune_part *parts, size_t count)
{
    struct rn_diagnostics *list = &diagnostics->list;
    if (!are_good(parts, count)) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < list->source_count; i++) {
        if (same_text(list->sources[i].name, rn_text(source)) && list->sources[i].text.data) {
            struct splitting splitting = {list, i, parts, count};
            enum rn_error error = move_spans(&splitting);
            rn_diagnostics_flatten(diagnostics);
            return (rune_status)error;
        }
    }
    return RUNE_OK;
}

/* Backtraces */

rune_status rune_record_set_parts(rune_record *record, const char *source, const rune_part *parts,
                                  size_t count)
{
    struct rune_error *error = record->error;
    if (!are_good(parts, count)) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    for (size_t i = 0; error && i < error->frame_count; i++) {
        rune_frame *frame = &error->frames[i];
        const rune_part *part =
            strcmp(frame->source, source) == 0 ? find_part(parts, count, frame->line) : NULL;
        if (part) {
            const char *name = rn_arena_copy(&error->arena, part->name, strlen(part->name) + 1);
            if (!name) {
                return RUNE_E_NO_MEMORY;
            }
            frame->source = name;
            frame->line -= part->line - 1;
        }
    }
    return RUNE_OK;
}
