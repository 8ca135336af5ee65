/* explore_panes.c: sources on the left, instructions on the right. */
#include "cli/explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SNIPPET_MAX 60u /* bytes of a piece of source over its instructions */
#define COLUMN_LOOK_MAX 1024u

void rn_explore_put_format(struct rn_html *page, const char *format, ...)
{
    char markup[256];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(markup, sizeof markup, format, values);
    va_end(values);
    page->no_memory = page->no_memory || size < 0 || (size_t)size >= sizeof markup;
    rn_html_raw(page, markup);
}

void rn_explore_put_name(struct rn_html *page, const char *name, size_t size)
{
    if (size == 0) {
        rn_html_raw(page, "(the script's body)");
    } else {
        rn_html_visible(page, name, size, false);
    }
}

static void put_source_name(struct rn_html *page, const struct rn_explore *explore, size_t index)
{
    rune_listing_source source;
    if (rune_listing_source_at(explore->listing, index, &source)) {
        rn_html_visible(page, source.name, source.name_size, false);
    }
}

void rn_explore_put_place(struct rn_html *page, const struct rn_explore *explore, size_t source,
                          size_t line)
{
    rn_explore_put_format(page, "<a href=\"#s%zul%zu\">", source, line);
    put_source_name(page, explore, source);
    rn_explore_put_format(page, ":%zu</a>", line);
}

static int columns(const struct rn_explore *explore)
{
    return explore->counts.counted ? 4 : 2;
}

/* Two cells; of what is never run, none with numbers. */
static void put_count(struct rn_html *page, const struct rn_explore *explore,
                      const struct rn_explore_count *count)
{
    if (!explore->counts.counted) {
        return;
    }
    rn_html_raw(page, "<td>");
    if (count != NULL) {
        rn_html_number(page, count->spent);
    }
    rn_html_raw(page, "</td><td>");
    if (count != NULL) {
        rn_html_number(page, count->hits);
    }
    rn_html_raw(page, "</td>");
}

/* "h3", or "u" for what could have run and did not. */
static void put_heat(struct rn_html *page, const struct rn_explore *explore,
                     const struct rn_explore_count *count, uint64_t dearest)
{
    if (explore->counts.counted && count->hits == 0) {
        rn_html_raw(page, " class=\"u\"");
    } else if (count->spent > 0) {
        rn_explore_put_format(page, " class=\"h%u\"", rn_explore_heat(count->spent, dearest));
    }
}

/* ---- Sources ---- */

struct source {
    const struct rn_explore *explore;
    rune_listing_source text;
    size_t index;
    size_t line;       /* from 1; that is written */
    size_t at;         /* where it is */
    const char *class; /* of the piece of code around, which ends: */
    size_t piece_end;
};

static void put_diagnostic(struct rn_html *page, const rune_diagnostic *diagnostic)
{
    static const char *const words[] = {"error", "warning", "note"};
    const char *word = (unsigned)diagnostic->severity < 3 ? words[diagnostic->severity] : words[0];
    rn_explore_put_format(page, "<strong>%s[", word);
    rn_html_visible(page, diagnostic->code, strlen(diagnostic->code), false);
    rn_html_raw(page, "]</strong> ");
    rn_html_visible(page, diagnostic->message, strlen(diagnostic->message), false);
}

static bool is_of(const rune_diagnostic *diagnostic, const struct source *source)
{
    return diagnostic->line == source->line &&
           strlen(diagnostic->source) == source->text.name_size &&
           memcmp(diagnostic->source, source->text.name, source->text.name_size) == 0;
}

static void put_diagnostics(struct rn_html *page, const struct source *source)
{
    rune_diagnostic diagnostic;
    for (size_t i = 0; rune_diagnostics_at(source->explore->diagnostics, i, &diagnostic); i++) {
        if (is_of(&diagnostic, source)) {
            rn_explore_put_format(page, "<tr class=\"d\"><td colspan=\"%d\">column %u: ",
                                  columns(source->explore), diagnostic.column);
            put_diagnostic(page, &diagnostic);
            rn_html_raw(page, "</td></tr>\n");
        }
    }
}

/* The code of one line, in pieces; one that goes on in the next line is begun again there. */
static void put_code(struct rn_html *page, struct source *source, size_t end)
{
    const char *text = source->text.text;
    while (source->at < end) {
        if (source->piece_end <= source->at) {
            source->piece_end =
                rn_html_piece(text, source->text.text_size, source->at, &source->class);
        }
        size_t to = source->piece_end < end ? source->piece_end : end;
        if (source->class != NULL) {
            rn_explore_put_format(page, "<span class=\"%s\">", source->class);
        }
        rn_html_visible(page, text + source->at, to - source->at, true);
        rn_html_raw(page, source->class != NULL ? "</span>" : "");
        source->at = to;
    }
}

static void put_line_number(struct rn_html *page, const struct source *source,
                            const struct rn_explore_line *line)
{
    bool linked = line->first != RUNE_LISTING_NONE;
    if (linked) {
        rn_explore_put_format(page, "<a href=\"#i%zu\">", line->first);
    }
    rn_explore_put_format(page, linked ? "%zu</a>" : "%zu", source->line);
}

static void put_line(struct rn_html *page, struct source *source, size_t end)
{
    const struct rn_explore_counts *counts = &source->explore->counts;
    const struct rn_explore_line *line = rn_explore_line(counts, source->index, source->line);
    bool runs = line->first != RUNE_LISTING_NONE;
    size_t text_end = end > source->at && source->text.text[end - 1] == '\r' ? end - 1 : end;
    rn_explore_put_format(page, "<tr id=\"s%zul%zu\"", source->index, source->line);
    if (runs) {
        rn_explore_put_format(page, " data-l=\"s%zul%zu\"", source->index, source->line);
        put_heat(page, source->explore, &line->count, counts->dearest_line);
    }
    rn_html_raw(page, "><td>");
    put_line_number(page, source, line);
    rn_html_raw(page, "</td>");
    put_count(page, source->explore, runs ? &line->count : NULL);
    rn_html_raw(page, "<td><code>");
    put_code(page, source, text_end);
    rn_html_raw(page, "</code></td></tr>\n");
    put_diagnostics(page, source);
}

/* Behind the last line break nothing stands, unless something comes from there. */
static bool is_line(const struct source *source)
{
    const struct rn_explore_line *line =
        rn_explore_line(&source->explore->counts, source->index, source->line);
    return line != NULL &&
           (source->at < source->text.text_size || line->first != RUNE_LISTING_NONE);
}

static void put_lines(struct rn_html *page, struct source *source)
{
    while (is_line(source) && !page->full) {
        size_t left = source->text.text_size - source->at;
        const char *from = source->text.text + source->at;
        const char *found = left == 0 ? NULL : memchr(from, '\n', left);
        size_t end = found == NULL ? source->text.text_size : (size_t)(found - source->text.text);
        put_line(page, source, end);
        source->at = end + 1;
        source->line++;
    }
}

void rn_explore_put_sources(struct rn_html *page, const struct rn_explore *explore)
{
    struct source source = {.explore = explore};
    for (; rune_listing_source_at(explore->listing, source.index, &source.text) && !page->full;
         source.index++) {
        rn_explore_put_format(page, "<section id=\"s%zu\"><h2>", source.index);
        rn_html_visible(page, source.text.name, source.text.name_size, false);
        rn_html_raw(page, "</h2>\n<table class=\"t\"><tr><th>line</th>");
        rn_html_raw(page, !explore->counts.counted ? "" : "<th>spent</th><th>runs</th>");
        rn_html_raw(page, "<th>source</th></tr>\n");
        source.line = 1;
        source.at = source.piece_end = 0;
        put_lines(page, &source);
        rn_html_raw(page, "</table></section>\n");
    }
    if (source.index == 0) {
        rn_html_raw(page, "<p>The file has no sources in it.</p>\n");
    }
}

/* ---- Instructions ---- */

/* Its first line, if it is not long. */
static void put_snippet(struct rn_html *page, const rune_listing_source *source,
                        const rune_listing_instruction *inst)
{
    const char *from = source->text + inst->start;
    size_t size = inst->end - inst->start;
    const char *line_end = size == 0 ? NULL : memchr(from, '\n', size);
    size_t whole = line_end == NULL ? size : (size_t)(line_end - from);
    size_t shown = whole < SNIPPET_MAX ? whole : SNIPPET_MAX;
    while (shown > 0 && shown < whole && ((unsigned char)from[shown] & 0xc0) == 0x80) {
        shown--;
    }
    rn_html_raw(page, " <code>");
    rn_html_visible(page, from, shown, true);
    rn_html_raw(page, shown < size ? "</code> ..." : "</code>");
}

/* In characters from 1; 0: too far from the beginning of the line. */
static size_t column_of(const rune_listing_source *source, size_t start)
{
    size_t column = 1;
    for (size_t at = start; at > 0 && source->text[at - 1] != '\n'; at--) {
        if (start - at == COLUMN_LOOK_MAX) {
            return 0;
        }
        column += ((unsigned char)source->text[at - 1] & 0xc0) != 0x80;
    }
    return column;
}

/* What a group of instructions comes from. */
static void put_span(struct rn_html *page, const struct rn_explore *explore,
                     const rune_listing_instruction *inst)
{
    rune_listing_source source;
    rn_html_raw(page, "<tbody");
    if (inst->source != RUNE_LISTING_NONE) {
        rn_explore_put_format(page, " data-l=\"s%zul%u\"", inst->source, inst->line);
    }
    rn_explore_put_format(page, "><tr class=\"p\"><td colspan=\"%d\">", columns(explore));
    if (rune_listing_source_at(explore->listing, inst->source, &source)) {
        rn_explore_put_place(page, explore, inst->source, inst->line);
        size_t column = column_of(&source, inst->start);
        if (column > 0) {
            rn_explore_put_format(page, ":%zu", column);
        }
        put_snippet(page, &source, inst);
    } else {
        rn_html_raw(page, "of no source");
    }
    rn_html_raw(page, "</td></tr>\n");
}

static void put_references(struct rn_html *page, const struct rn_explore *explore,
                           const rune_listing_instruction *inst, size_t first)
{
    rune_listing_function refers;
    if (inst->target != RUNE_LISTING_NONE) {
        rn_explore_put_format(page, " <a href=\"#i%zu\">to %zu</a>", inst->target,
                              inst->target - first);
    }
    if (rune_listing_function_at(explore->listing, inst->refers, &refers)) {
        rn_explore_put_format(page, " <a href=\"#f%zu\">", inst->refers);
        rn_explore_put_name(page, refers.name, refers.name_size);
        rn_html_raw(page, "</a>");
    }
    if (inst->table != NULL) {
        rn_html_raw(page, "<br><code>");
        rn_html_visible(page, inst->table, strlen(inst->table), false);
        rn_html_raw(page, "</code>");
    }
}

static void put_instruction(struct rn_html *page, const struct rn_explore *explore, size_t index,
                            const rune_listing_instruction *inst, size_t first)
{
    const struct rn_explore_count *count = rn_explore_instruction(&explore->counts, index);
    rn_explore_put_format(page, "<tr id=\"i%zu\"", index);
    put_heat(page, explore, count, explore->counts.dearest_instruction);
    rn_explore_put_format(page, "><td>%zu</td>", index - first);
    put_count(page, explore, count);
    rn_html_raw(page, "<td><code>");
    rn_html_visible(page, inst->text, strlen(inst->text), false);
    rn_html_raw(page, "</code>");
    put_references(page, explore, inst, first);
    rn_html_raw(page, "</td></tr>\n");
}

static bool same_span(const rune_listing_instruction *a, const rune_listing_instruction *b)
{
    return a->source == b->source && a->start == b->start && a->end == b->end;
}

static void put_instructions(struct rn_html *page, const struct rn_explore *explore,
                             const rune_listing_function *function)
{
    rune_listing_instruction last = {.source = 0};
    for (size_t i = 0; i < function->count && !page->full; i++) {
        rune_listing_instruction inst;
        (void)rune_listing_instruction_at(explore->listing, function->first + i, &inst);
        if (i == 0 || !same_span(&inst, &last)) {
            rn_html_raw(page, i == 0 ? "" : "</tbody>\n");
            put_span(page, explore, &inst);
        }
        put_instruction(page, explore, function->first + i, &inst, function->first);
        last = inst;
    }
}

void rn_explore_put_functions(struct rn_html *page, const struct rn_explore *explore)
{
    rune_listing_function function;
    for (size_t i = 0; rune_listing_function_at(explore->listing, i, &function) && !page->full;
         i++) {
        rn_explore_put_format(page, "<section id=\"f%zu\"><h2>", i);
        rn_explore_put_name(page, function.name, function.name_size);
        rn_html_raw(page, "</h2>\n<p>");
        rn_html_visible(page, function.shape, strlen(function.shape), false);
        rn_html_raw(page, "</p>\n<table class=\"t\"><tr><th>at</th>");
        rn_html_raw(page, !explore->counts.counted ? "" : "<th>spent</th><th>runs</th>");
        rn_html_raw(page, "<th>instruction</th></tr>\n");
        put_instructions(page, explore, &function);
        rn_html_raw(page, "</tbody></table></section>\n");
    }
}
