/*
 * diff.h: what differs between two texts, as a unified diff.
 */
#ifndef RN_CLI_DIFF_H
#define RN_CLI_DIFF_H

#include "cli/bytes.h"

struct rn_diff {
    const char *name; /* of both texts */
    const char *before;
    size_t before_size;
    const char *after;
    size_t after_size;
    bool color;
    bool visible; /* for a terminal (visible.h) */
};

/* Appends the diff, with three lines around each change; nothing if the texts are equal. False
 * without memory. */
bool rn_diff_append(const struct rn_diff *diff, struct rn_bytes *out);

#endif
