/*
 * explore_counts.h: what each instruction and each line of a Unit spent in one run.
 *
 * An instruction counts at the line in which its piece of source begins. Everything adds up: what all
 * instructions spent, and what was spent in front of the first one, is what was spent.
 */
#ifndef RN_CLI_EXPLORE_COUNTS_H
#define RN_CLI_EXPLORE_COUNTS_H

#include "cli/bytes.h"

#include <runeward/runeward.h>
#include <runeward/tools.h>

/* Instructions and lines together: nobody reads more of them in a browser. */
#define RN_EXPLORE_ROWS_MAX ((size_t)1 << 20)

struct rn_explore_count {
    uint64_t spent;
    uint64_t hits;
};

struct rn_explore_line {
    struct rn_explore_count count; /* hits: of its most frequent instruction */
    size_t first;                  /* an instruction of it, or RUNE_LISTING_NONE: there is none */
};

struct rn_explore_counts {
    struct rn_bytes instructions; /* of struct rn_explore_count */
    struct rn_bytes lines;        /* of struct rn_explore_line: source by source, as is: */
    struct rn_bytes
        sources; /* of size_t: where the lines of each begin, and at last their number */
    size_t source_count;
    bool counted;    /* there was a profile: */
    uint64_t spent;  /* all */
    uint64_t placed; /* of that by instructions */
    uint64_t dearest_line;
    uint64_t dearest_instruction;
};

enum rn_explore_status {
    RN_EXPLORE_OK,
    RN_EXPLORE_NO_MEMORY,
    RN_EXPLORE_TOO_LARGE,
};

/* `profile`: NULL, if nothing ran. In any case rn_explore_counts_done. */
enum rn_explore_status rn_explore_counts_make(struct rn_explore_counts *counts,
                                              const rune_listing *listing,
                                              const rune_profile *profile);
void rn_explore_counts_done(struct rn_explore_counts *counts);

/* `index` is one of the listing. */
const struct rn_explore_count *rn_explore_instruction(const struct rn_explore_counts *counts,
                                                      size_t index);
/* Lines count from 1. NULL: there are no more. */
const struct rn_explore_line *rn_explore_line(const struct rn_explore_counts *counts, size_t source,
                                              size_t line);

/* One of the lines by what they spent, the dearest first; alike ones as they stand. */
struct rn_explore_place {
    size_t source;
    size_t line; /* 0: in front of all */
    uint64_t spent;
};
/* The next one. False: there is none that spent anything. */
bool rn_explore_next_dearest(const struct rn_explore_counts *counts,
                             struct rn_explore_place *place);

/* How hot a count is: 0, nothing, to 9, more than half of the dearest. */
unsigned rn_explore_heat(uint64_t spent, uint64_t dearest);

#endif
