/*
 * filter.h: operands that are files, and behind them those that choose by name.
 */
#ifndef RN_CLI_FILTER_H
#define RN_CLI_FILTER_H

#include "cli/args.h"

struct rn_filter {
    const struct rn_args *args;
    size_t file_count; /* the first operands; the others are filters */
};

/* Operands are files up to the first one that does not exist and does not look like a path. */
struct rn_filter rn_filter_of(const struct rn_args *args);
/* True if no filter is there, or one of them is in `name` (with --exact: is `name`). */
bool rn_filter_takes(const struct rn_filter *filter, const char *name);

#endif
