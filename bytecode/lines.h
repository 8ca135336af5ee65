/*
 * lines.h: from an instruction to the line of text that it came from, in bounded time.
 *
 * A debug segment may be forged, with a single line of a hundred MiB, and an error has up to 64 frames:
 * so newlines are counted once for each Unit, in marks, and of a line no more than RN_LINE_LOOK_MAX bytes
 * to either side of the place are looked at. Of a longer one, column and text stay unknown.
 */
#ifndef RN_BYTECODE_LINES_H
#define RN_BYTECODE_LINES_H

#include "bytecode/unit_debug.h"

#define RN_LINE_LOOK_MAX 16384u

struct rn_lines_source {
    struct rn_debug_source source;
    uint32_t first_mark;
};

/* All zero: of no debug segment. */
struct rn_lines {
    struct rn_lines_source *sources;
    uint32_t *marks; /* newlines in the source before each of its blocks */
};

struct rn_line {
    struct rn_utf8 source; /* its name; "" and line 0: the place is not known */
    uint32_t line;         /* from 1 */
    uint32_t column;       /* from 1, in characters; 0: the line is too long */
    struct rn_utf8 text;   /* of the line, without its end; "" if it is too long */
    uint32_t width;        /* characters of the span on this line, at least 1 */
};

/* Once, for an open debug segment, whose bytes are pointed into. NO_MEMORY. */
enum rn_error rn_lines_make(const struct rn_debug *debug, struct rn_lines *out_lines) RN_MUST_CHECK;
void rn_lines_done(struct rn_lines *lines);
/* The line in which a span of the segment begins. */
uint32_t rn_lines_number(const struct rn_lines *lines, struct rn_debug_span span);
/*
 * The same for each of `count` instructions at once; 0: that is not known. In the order of their places: however many
 * of them a forged segment has come from anywhere in a long text, it is read once. NO_MEMORY.
 */
enum rn_error rn_lines_number_all(const struct rn_lines *lines, const struct rn_debug *debug,
                                  uint32_t count, uint32_t *out_lines) RN_MUST_CHECK;
/* Where the instruction at `pc` comes from. Any thread. */
struct rn_line rn_lines_find(const struct rn_lines *lines, const struct rn_debug *debug,
                             uint32_t pc);

#endif
