/*
 * unit_names.h: what the types of a Unit are called, for values that become JSON, and are, for values that do not fit.
 *
 * Made for one walk. Nothing is looked at before the first struct or variant; then the Unit's types are
 * put in the order of their hashes once, so that a value of many instances costs no more than that and a
 * search each, whatever script made both.
 */
#ifndef RN_SUPERVISOR_UNIT_NAMES_H
#define RN_SUPERVISOR_UNIT_NAMES_H

#include <runeward/unit.h>

#include "bytecode/json.h"

struct rn_named_type;

struct rn_unit_names {
    struct rn_json_names json; /* for rn_json_options */
    const rune_unit *unit;     /* borrowed */
    struct rn_named_type *types;
    size_t count;
    bool no_memory; /* something was told by hash that has a name */
};

/* `unit` may be NULL: nothing has a name. Not to be moved. */
void rn_unit_names_init(struct rn_unit_names *names, const rune_unit *unit);
/* A type of the Unit's by its hash, or NULL; `no_memory` may be why. */
const struct rn_unit_type *rn_unit_names_type(struct rn_unit_names *names, uint64_t hash);
void rn_unit_names_done(struct rn_unit_names *names);

#endif
