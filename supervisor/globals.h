/*
 * globals.h: values for the statics of a Unit, by index.
 *
 * A Vm holds one as `pending`: what the host set since the last call that kept its Globals in a
 * worker. It travels with the next call, and is forgotten once a worker has said that it keeps it. Of a Vm in
 * a daemon it goes to the `pending` of the daemon's Vm, and is forgotten once the daemon has said so.
 */
#ifndef RN_SUPERVISOR_GLOBALS_H
#define RN_SUPERVISOR_GLOBALS_H

#include <runeward/globals.h>

#include "base/buf.h"

struct rune_globals {
    rune_unit *unit; /* counted; NULL: whichever serves, and what is set is all there is */
    size_t count;
    size_t set_count;
    char **items;              /* paths, owned */
    rune_const_value **values; /* counted, or NULL */
};

/* Appends a vec of index, value, .. of what is set; nothing if nothing is. */
void rn_globals_append(const struct rune_globals *globals, struct rn_buf *out);

/* Adds the entries of an Object to what is pending of a Vm: all of them, or none. Values are copied out of it.
 * FORKED, BUSY, INVALID_ARGUMENT, NOT_FOUND of kind "no_static", NO_MEMORY. */
rune_status rn_vm_take_statics(rune_vm *vm, const rune_const_value *object,
                               rune_error **error) RN_MUST_CHECK;
/* Bytes that it takes; NULL: none. */
size_t rn_globals_size(const struct rune_globals *globals);
/* The same of a new one for the Unit, and of as many values as it may hold but for their bytes. */
size_t rn_globals_room(const rune_unit *unit);

#endif
