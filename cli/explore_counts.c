/* explore_counts.c: a profile's instructions, added up by lines. */
#include "cli/explore_counts.h"

#include <string.h>

static bool add_rows(struct rn_bytes *bytes, const void *row, size_t size, size_t count)
{
    bool added = true;
    for (size_t i = 0; i < count && added; i++) {
        added = rn_bytes_append(bytes, row, size);
    }
    return added;
}

static size_t count_lines(const rune_listing_source *source)
{
    size_t lines = 1;
    const char *at = source->text;
    const char *end = source->text + source->text_size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

static enum rn_explore_status make_lines(struct rn_explore_counts *counts,
                                         const rune_listing *listing, size_t room)
{
    const struct rn_explore_line none = {.first = RUNE_LISTING_NONE};
    rune_listing_source source;
    size_t all = 0;
    for (; rune_listing_source_at(listing, counts->source_count, &source); counts->source_count++) {
        size_t lines = count_lines(&source);
        if (lines > room - all) {
            return RN_EXPLORE_TOO_LARGE;
        }
        if (!add_rows(&counts->sources, &all, sizeof all, 1) ||
            !add_rows(&counts->lines, &none, sizeof none, lines)) {
            return RN_EXPLORE_NO_MEMORY;
        }
        all += lines;
    }
    return add_rows(&counts->sources, &all, sizeof all, 1) ? RN_EXPLORE_OK : RN_EXPLORE_NO_MEMORY;
}

static enum rn_explore_status make_rows(struct rn_explore_counts *counts,
                                        const rune_listing *listing)
{
    const struct rn_explore_count none = {.spent = 0};
    size_t instructions = rune_listing_instruction_count(listing);
    if (instructions > RN_EXPLORE_ROWS_MAX) {
        return RN_EXPLORE_TOO_LARGE;
    }
    if (!add_rows(&counts->instructions, &none, sizeof none, instructions)) {
        return RN_EXPLORE_NO_MEMORY;
    }
    return make_lines(counts, listing, RN_EXPLORE_ROWS_MAX - instructions);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void take_profile(struct rn_explore_counts *counts, const rune_profile *profile)
{
    struct rn_explore_count *rows = (struct rn_explore_count *)(void *)counts->instructions.data;
    size_t count = counts->instructions.size / sizeof *rows;
    rune_profile_instruction at;
    counts->counted = profile != NULL;
    counts->spent = rune_profile_spent(profile);
    for (size_t i = 0; rune_profile_instruction_at(profile, i, &at) && at.index < count; i++) {
        rows[at.index] = (struct rn_explore_count){.spent = at.spent, .hits = at.hits};
        counts->placed += at.spent;
        counts->dearest_instruction = larger(counts->dearest_instruction, at.spent);
    }
}

static struct rn_explore_line *find_line(const struct rn_explore_counts *counts, size_t source,
                                         size_t line)
{
    if (source >= counts->source_count || line == 0) {
        return NULL;
    }
    const size_t *starts = (const size_t *)(const void *)counts->sources.data;
    struct rn_explore_line *lines = (struct rn_explore_line *)(void *)counts->lines.data;
    size_t index = starts[source] + line - 1;
    return index < starts[source + 1] ? lines + index : NULL;
}

static void add_up_lines(struct rn_explore_counts *counts, const rune_listing *listing)
{
    rune_listing_instruction inst;
    for (size_t i = 0; rune_listing_instruction_at(listing, i, &inst); i++) {
        struct rn_explore_line *line = find_line(counts, inst.source, inst.line);
        if (line == NULL) {
            continue;
        }
        const struct rn_explore_count *count = rn_explore_instruction(counts, i);
        line->first = line->first == RUNE_LISTING_NONE ? i : line->first;
        line->count.spent += count->spent;
        line->count.hits = larger(line->count.hits, count->hits);
        counts->dearest_line = larger(counts->dearest_line, line->count.spent);
    }
}

enum rn_explore_status rn_explore_counts_make(struct rn_explore_counts *counts,
                                              const rune_listing *listing,
                                              const rune_profile *profile)
{
    *counts = (struct rn_explore_counts){.spent = 0};
    enum rn_explore_status status = make_rows(counts, listing);
    if (status == RN_EXPLORE_OK) {
        take_profile(counts, profile);
        add_up_lines(counts, listing);
    }
    return status;
}

void rn_explore_counts_done(struct rn_explore_counts *counts)
{
    rn_bytes_done(&counts->instructions);
    rn_bytes_done(&counts->lines);
    rn_bytes_done(&counts->sources);
}

const struct rn_explore_count *rn_explore_instruction(const struct rn_explore_counts *counts,
                                                      size_t index)
{
    return (const struct rn_explore_count *)(const void *)counts->instructions.data + index;
}

const struct rn_explore_line *rn_explore_line(const struct rn_explore_counts *counts, size_t source,
                                              size_t line)
{
    return find_line(counts, source, line);
}

/* Whether a place comes behind another one: dearer ones first, of alike ones in their order. */
static bool is_behind(const struct rn_explore_place *place, const struct rn_explore_place *other)
{
    if (place->spent != other->spent) {
        return place->spent < other->spent;
    }
    return place->source != other->source ? place->source > other->source
                                          : place->line > other->line;
}

bool rn_explore_next_dearest(const struct rn_explore_counts *counts, struct rn_explore_place *place)
{
    struct rn_explore_place best = {.spent = 0};
    for (size_t source = 0; source < counts->source_count; source++) {
        const struct rn_explore_line *line;
        for (size_t i = 1; (line = rn_explore_line(counts, source, i)) != NULL; i++) {
            struct rn_explore_place at = {source, i, line->count.spent};
            bool open = place->line == 0 || is_behind(&at, place);
            if (open && at.spent > 0 && (best.spent == 0 || is_behind(&best, &at))) {
                best = at;
            }
        }
    }
    *place = best;
    return best.spent > 0;
}

unsigned rn_explore_heat(uint64_t spent, uint64_t dearest)
{
    unsigned heat = 9;
    if (spent == 0) {
        return 0;
    }
    while (heat > 1 && spent <= dearest / 2) {
        heat--;
        dearest /= 2;
    }
    return heat;
}
