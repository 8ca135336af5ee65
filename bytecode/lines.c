/* lines.c: marks of newlines for a Unit's sources, and places found by them. */
#include "bytecode/lines.h"

#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/diagnostic.h"

static size_t count_blocks(const struct rn_debug_source *source)
{
    return source->text.size / RN_LINE_BLOCK + 1;
}

static uint32_t count_newlines(const char *text, size_t size)
{
    uint32_t count = 0;
    const char *end = text + size;
    while ((text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        count++;
        text++;
    }
    return count;
}

static void mark(const struct rn_debug_source *source, uint32_t *marks)
{
    size_t count = count_blocks(source);
    marks[0] = 0;
    for (size_t i = 1; i < count; i++) {
        const char *block = source->text.data + (i - 1) * RN_LINE_BLOCK;
        marks[i] = marks[i - 1] + count_newlines(block, RN_LINE_BLOCK);
    }
}

/* The sources one after another: rn_debug_source is linear in its index. */
static size_t list_sources(const struct rn_debug *debug, struct rn_lines_source *sources)
{
    size_t marks = 0;
    const char *at = debug->text;
    for (uint32_t i = 0; i < debug->source_count; i++) {
        sources[i].source = rn_debug_source_at(debug, i, at);
        sources[i].first_mark = (uint32_t)marks;
        at = sources[i].source.text.data + sources[i].source.text.size;
        marks += count_blocks(&sources[i].source);
    }
    return marks;
}

enum rn_error rn_lines_make(const struct rn_debug *debug, struct rn_lines *out_lines)
{
    struct rn_lines lines = {
        .sources = rn_alloc_array((size_t)debug->source_count + 1, sizeof(*lines.sources))};
    if (!lines.sources) {
        return RN_E_NO_MEMORY;
    }
    size_t count = list_sources(debug, lines.sources);
    lines.marks = rn_alloc_array(count + 1, sizeof(*lines.marks));
    if (!lines.marks) {
        rn_lines_done(&lines);
        return RN_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < debug->source_count; i++) {
        mark(&lines.sources[i].source, lines.marks + lines.sources[i].first_mark);
    }
    *out_lines = lines;
    return RN_OK;
}

void rn_lines_done(struct rn_lines *lines)
{
    rn_free(RN_TAKE(lines->sources));
    rn_free(RN_TAKE(lines->marks));
}

/* The line around `offset`, if it ends within reach on both sides; else no data. */
static struct rn_utf8 line_around(struct rn_utf8 text, size_t offset)
{
    size_t reach = rn_min_size(offset, RN_LINE_LOOK_MAX);
    const char *back = memrchr(text.data + offset - reach, '\n', reach);
    if (!back && reach < offset) {
        return (struct rn_utf8){NULL, 0};
    }
    size_t start = back ? (size_t)(back - text.data) + 1 : 0;
    size_t end_max = offset + rn_min_size(text.size - offset, RN_LINE_LOOK_MAX);
    size_t end = offset;
    while (end < end_max && text.data[end] != '\n' && text.data[end] != '\r') {
        end++;
    }
    bool ends = end < end_max || end_max == text.size;
    return ends ? (struct rn_utf8){text.data + start, end - start} : (struct rn_utf8){NULL, 0};
}

uint32_t rn_lines_number(const struct rn_lines *lines, struct rn_debug_span span)
{
    const struct rn_lines_source *source = &lines->sources[span.source];
    size_t block = span.start / RN_LINE_BLOCK;
    const char *block_text = source->source.text.data + block * RN_LINE_BLOCK;
    return 1 + lines->marks[source->first_mark + block] +
           count_newlines(block_text, span.start % RN_LINE_BLOCK);
}

/* Where an instruction comes from. */
struct place {
    uint32_t source;
    uint32_t start;
    uint32_t pc;
};

static int by_place(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    if (left->source != right->source) {
        return left->source < right->source ? -1 : 1;
    }
    return left->start < right->start ? -1 : left->start > right->start;
}

static size_t list_places(const struct rn_debug *debug, uint32_t count, struct place *places)
{
    size_t known = 0;
    for (uint32_t pc = 0; pc < count; pc++) {
        struct rn_debug_span span = rn_debug_find(debug, pc);
        if (span.source != RN_NONE) {
            places[known++] = (struct place){.source = span.source, .start = span.start, .pc = pc};
        }
    }
    return known;
}

/* The line of a place, from that of `before`, which is NULL or in front of it in the same source. */
static uint32_t number_behind(const struct rn_lines *lines, const struct place *before,
                              uint32_t line, const struct place *place)
{
    if (!before || before->source != place->source ||
        place->start - before->start > RN_LINE_BLOCK) {
        struct rn_debug_span span = {.source = place->source, .start = place->start};
        return rn_lines_number(lines, span);
    }
    const char *text = lines->sources[place->source].source.text.data;
    return line + count_newlines(text + before->start, place->start - before->start);
}

enum rn_error rn_lines_number_all(const struct rn_lines *lines, const struct rn_debug *debug,
                                  uint32_t count, uint32_t *out_lines)
{
    RN_AUTO_FREE struct place *places = rn_alloc_array((size_t)count + 1, sizeof(*places));
    if (!places) {
        return RN_E_NO_MEMORY;
    }
    size_t known = list_places(debug, count, places);
    uint32_t line = 0;
    rn_sort(places, known, sizeof(*places), by_place);
    memset(out_lines, 0, count * sizeof(*out_lines));
    for (size_t i = 0; i < known; i++) {
        line = number_behind(lines, i > 0 ? &places[i - 1] : NULL, line, &places[i]);
        out_lines[places[i].pc] = line;
    }
    return RN_OK;
}

struct rn_line rn_lines_find(const struct rn_lines *lines, const struct rn_debug *debug,
                             uint32_t pc)
{
    struct rn_line found = {.source = {"", 0}, .text = {"", 0}, .width = 1};
    struct rn_debug_span span = rn_debug_find(debug, pc);
    if (span.source >= debug->source_count || !lines->sources) {
        return found;
    }
    const struct rn_lines_source *source = &lines->sources[span.source];
    struct rn_utf8 text = source->source.text;
    found.source = source->source.name;
    found.line = rn_lines_number(lines, span);
    struct rn_utf8 line = line_around(text, span.start);
    if (!line.data) {
        return found;
    }
    const char *at = text.data + span.start;
    const char *end =
        text.data + rn_min_size(span.end, (size_t)(line.data - text.data) + line.size);
    found.text = line;
    found.column = 1 + (uint32_t)rn_utf8_count(line.data, (size_t)(at - line.data));
    found.width = end > at ? (uint32_t)rn_utf8_count(at, (size_t)(end - at)) : 1;
    return found;
}
