/*
 * diff.c: the shortest edit script by E. W. Myers, "An O(ND) Difference Algorithm and Its
 * Variations" (1986), on lines.
 *
 * Its memory grows with the square of the number of edits: texts that differ in more than EDITS_MAX
 * lines are shown as replaced between the lines that both begin and end with.
 */
#include "cli/diff.h"
#include "cli/visible.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EDITS_MAX 2000
#define CONTEXT 3u

struct line {
    const char *text; /* without the line break */
    size_t size;
};

struct side {
    struct rn_bytes lines; /* of struct line */
    struct rn_bytes marks; /* a byte for each line: not 0 if the other side lacks it */
    size_t count;
};

struct compare {
    struct side before;
    struct side after;
    size_t head;             /* lines at the beginning that are the same */
    size_t tail;             /* and at the end */
    struct rn_bytes reached; /* int32_t: furthest places, a row for each number of edits */
};

static const struct line *line_at(const struct side *side, size_t index)
{
    return (const struct line *)(const void *)side->lines.data + index;
}

static bool split(struct side *side, const char *text, size_t size)
{
    static const char zero;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        struct line line = {text, end == NULL ? size : (size_t)(end - text)};
        if (!rn_bytes_append(&side->lines, (const char *)&line, sizeof line) ||
            !rn_bytes_append(&side->marks, &zero, 1)) {
            return false;
        }
        side->count++;
        size_t taken = line.size + (end != NULL);
        text += taken;
        size -= taken;
    }
    return true;
}

static bool same(const struct compare *c, size_t before, size_t after)
{
    const struct line *a = line_at(&c->before, before);
    const struct line *b = line_at(&c->after, after);
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static void trim(struct compare *c)
{
    size_t shorter = c->before.count < c->after.count ? c->before.count : c->after.count;
    while (c->head < shorter && same(c, c->head, c->head)) {
        c->head++;
    }
    while (c->tail < shorter - c->head &&
           same(c, c->before.count - c->tail - 1, c->after.count - c->tail - 1)) {
        c->tail++;
    }
}

/* ---- The script ---- */

/* The row of `edits` has places for the diagonals -edits .. edits; a row is stored whole. */
static int32_t *row(const struct compare *c, int edits)
{
    size_t before = (size_t)edits * (size_t)edits; // 1 + 3 + 5 + ..
    return (int32_t *)(void *)c->reached.data + before;
}

static int32_t place(const struct compare *c, int edits, int diagonal)
{
    return diagonal < -edits || diagonal > edits ? -1 : row(c, edits)[diagonal + edits];
}

static bool goes_down(const struct compare *c, int edits, int diagonal)
{
    return diagonal == -edits || (diagonal != edits && place(c, edits - 1, diagonal - 1) <
                                                           place(c, edits - 1, diagonal + 1));
}

/* Where the path with that many edits gets to on the diagonal. */
static int32_t advance(const struct compare *c, int edits, int diagonal)
{
    int32_t width = (int32_t)(c->before.count - c->head - c->tail);
    int32_t height = (int32_t)(c->after.count - c->head - c->tail);
    int32_t x = 0;
    if (edits > 0) {
        x = goes_down(c, edits, diagonal) ? place(c, edits - 1, diagonal + 1)
                                          : place(c, edits - 1, diagonal - 1) + 1;
    }
    while (x < width && x - diagonal < height && x - diagonal >= 0 &&
           same(c, c->head + (size_t)x, c->head + (size_t)(x - diagonal))) {
        x++;
    }
    return x;
}

static bool add_row(struct compare *c, int edits)
{
    static const int32_t nowhere = -1;
    for (int i = -edits; i <= edits; i++) {
        if (!rn_bytes_append(&c->reached, (const char *)&nowhere, sizeof nowhere)) {
            return false;
        }
    }
    return true;
}

static void mark_all(struct compare *c)
{
    memset(c->before.marks.data + c->head, 1, c->before.count - c->head - c->tail);
    memset(c->after.marks.data + c->head, 1, c->after.count - c->head - c->tail);
}

/* From the end of the path back, marking each edit. */
static void mark_path(struct compare *c, int edits)
{
    int x = (int)(c->before.count - c->head - c->tail);
    int y = (int)(c->after.count - c->head - c->tail);
    for (; edits > 0; edits--) {
        int diagonal = x - y;
        bool down = goes_down(c, edits, diagonal);
        int from = down ? diagonal + 1 : diagonal - 1;
        x = place(c, edits - 1, from);
        y = x - from;
        if (down) {
            c->after.marks.data[c->head + (size_t)y] = 1;
        } else {
            c->before.marks.data[c->head + (size_t)x] = 1;
        }
    }
}

static bool find(struct compare *c)
{
    int32_t width = (int32_t)(c->before.count - c->head - c->tail);
    int32_t height = (int32_t)(c->after.count - c->head - c->tail);
    for (int edits = 0; edits <= EDITS_MAX && edits <= width + height; edits++) {
        if (!add_row(c, edits)) {
            return false;
        }
        for (int diagonal = -edits; diagonal <= edits; diagonal += 2) {
            int32_t x = advance(c, edits, diagonal);
            row(c, edits)[diagonal + edits] = x;
            if (x >= width && x - diagonal >= height) {
                mark_path(c, edits);
                return true;
            }
        }
    }
    mark_all(c);
    return true;
}

/* ---- Hunks ---- */

struct printer {
    const struct rn_diff *diff;
    struct compare *compare;
    struct rn_bytes *out;
    bool good;
};

static void put(struct printer *p, const char *text, size_t size)
{
    p->good = p->good && rn_bytes_append(p->out, text, size);
}

/* What comes from the sources or their names. */
static void put_foreign(struct printer *p, const char *text, size_t size)
{
    char piece[RN_VISIBLE_PIECE];
    if (!p->diff->visible) {
        put(p, text, size);
        return;
    }
    while (size > 0) {
        size_t count = rn_visible_next(text, size, piece);
        put(p, *text == '\t' ? text : piece, *text == '\t' ? 1 : strlen(piece));
        text += count;
        size -= count;
    }
}

static void put_line(struct printer *p, char sign, const struct line *line)
{
    static const char *const colors[] = {"\x1b[31m", "\x1b[32m"};
    bool colored = p->diff->color && sign != ' ';
    if (colored) {
        put(p, colors[sign == '+'], 5);
    }
    put(p, &sign, 1);
    put_foreign(p, line->text, line->size);
    if (colored) {
        put(p, "\x1b[0m", 4);
    }
    put(p, "\n", 1);
}

static bool is_marked(const struct side *side, size_t index)
{
    return index < side->count && side->marks.data[index] != 0;
}

/* Steps over lines that are the same; false at the end of both. */
static bool next_change(const struct compare *c, size_t *before, size_t *after)
{
    while (!is_marked(&c->before, *before) && !is_marked(&c->after, *after)) {
        if (*before >= c->before.count && *after >= c->after.count) {
            return false;
        }
        ++*before;
        ++*after;
    }
    return true;
}

static void skip_change(const struct compare *c, size_t *before, size_t *after)
{
    while (is_marked(&c->before, *before)) {
        ++*before;
    }
    while (is_marked(&c->after, *after)) {
        ++*after;
    }
}

/* The end of the hunk that begins at the change: further changes near enough belong to it. */
static void hunk_end(const struct compare *c, size_t *before, size_t *after)
{
    for (;;) {
        skip_change(c, before, after);
        size_t next_before = *before;
        size_t next_after = *after;
        if (!next_change(c, &next_before, &next_after) || next_before - *before > 2 * CONTEXT) {
            return;
        }
        *before = next_before;
        *after = next_after;
    }
}

static void put_hunk_lines(struct printer *p, size_t before, size_t after, size_t before_end,
                           size_t after_end)
{
    const struct compare *c = p->compare;
    while (before < before_end || after < after_end) {
        if (before < before_end && is_marked(&c->before, before)) {
            put_line(p, '-', line_at(&c->before, before++));
        } else if (after < after_end && is_marked(&c->after, after)) {
            put_line(p, '+', line_at(&c->after, after++));
        } else {
            put_line(p, ' ', line_at(&c->before, before++));
            after++;
        }
    }
}

static void put_hunk(struct printer *p, size_t *before, size_t *after)
{
    const struct compare *c = p->compare;
    size_t lead = *before < CONTEXT ? *before : CONTEXT;
    size_t first_before = *before - lead;
    size_t first_after = *after - lead;
    hunk_end(c, before, after);
    size_t left = c->before.count - *before;
    size_t trail = left < CONTEXT ? left : CONTEXT;
    size_t before_end = *before + trail;
    size_t after_end = *after + trail;
    char head[96];
    int size = snprintf(head, sizeof head, "@@ -%zu,%zu +%zu,%zu @@\n",
                        first_before + (before_end > first_before), before_end - first_before,
                        first_after + (after_end > first_after), after_end - first_after);
    put(p, head, (size_t)size);
    put_hunk_lines(p, first_before, first_after, before_end, after_end);
}

static bool print(const struct rn_diff *diff, struct compare *c, struct rn_bytes *out)
{
    struct printer p = {diff, c, out, true};
    size_t before = 0;
    size_t after = 0;
    for (bool first = true; next_change(c, &before, &after); first = false) {
        if (first) {
            put(&p, "--- ", 4);
            put_foreign(&p, diff->name, strlen(diff->name));
            put(&p, "\n+++ ", 5);
            put_foreign(&p, diff->name, strlen(diff->name));
            put(&p, "\n", 1);
        }
        put_hunk(&p, &before, &after);
    }
    return p.good;
}

bool rn_diff_append(const struct rn_diff *diff, struct rn_bytes *out)
{
    struct compare c = {.head = 0};
    bool good = split(&c.before, diff->before, diff->before_size) &&
                split(&c.after, diff->after, diff->after_size);
    if (good) {
        trim(&c);
        good = find(&c) && print(diff, &c, out);
    }
    rn_bytes_done(&c.before.lines);
    rn_bytes_done(&c.before.marks);
    rn_bytes_done(&c.after.lines);
    rn_bytes_done(&c.after.marks);
    rn_bytes_done(&c.reached);
    return good;
}
