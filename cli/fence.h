/*
 * fence.h: code in doc comments, between lines of ``` or ~~~.
 *
 * Behind the opening line may stand words: `rune`, `no_run`, `should_panic`, `ignore`. A fence without
 * words, or with these only, holds Rune; every other word is another language.
 */
#ifndef RN_CLI_FENCE_H
#define RN_CLI_FENCE_H

#include "cli/bytes.h"

#include <stdint.h>

struct rn_line {
    const char *text; /* without the line break */
    size_t size;
};

/* The next line of a text that ends with a zero byte; false at the end. *at moves behind it. */
bool rn_line_next(const char **at, struct rn_line *out_line);

struct rn_fence {
    char mark;    /* ` or ~ */
    size_t count; /* of them */
    bool is_rune;
    bool no_run;
    bool should_panic;
    bool ignore;
};

/* True if the line opens a fence. */
bool rn_fence_open(struct rn_line line, struct rn_fence *out_fence);
bool rn_fence_closes(struct rn_line line, const struct rn_fence *fence);

/* Is the line of code left out of pages? *out_code: the line as it is compiled. `##` stands for a
 * `#` of the code; `#[`, `#!` and `#{` are code. */
bool rn_fence_hides(struct rn_line line, struct rn_line *out_code);

/* One fence of a text: what it says and its code. */
struct rn_fenced {
    struct rn_fence fence;
    uint32_t line;        /* of the first line of code, counted from 0 in the text */
    struct rn_bytes code; /* as it is compiled */
};

/* The next fence behind *at, whose line is *line; both move behind it. False: there is none, or no
 * memory. The caller ends `out_fenced->code`. */
bool rn_fence_next(const char **at, uint32_t *line, struct rn_fenced *out_fenced);

#endif
