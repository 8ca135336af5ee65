/*
 * globals.h: values for the statics of a Unit, by index.
 *
 * A Vm holds one as `pending`: what the host set since the last call that kept its Globals in a
 * worker. It travels with the next call, and is forgotten once a worker has said that it keeps it.
 */
#ifndef RN_SUPERVISOR_GLOBALS_H
#define RN_SUPERVISOR_GLOBALS_H

#include <runeward/globals.h>

#include "base/buf.h"

struct rune_globals {
    rune_unit *unit; /* counted */
    size_t count;
    size_t set_count;
    char **items;              /* paths, owned */
    rune_const_value **values; /* counted, or NULL */
};

/* Appends a vec of index, value, .. of what is set; nothing if nothing is. */
void rn_globals_append(const struct rune_globals *globals, struct rn_buf *out);

#endif
