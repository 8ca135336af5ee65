/*
 * names.c: item paths, methods and traits of the library, found by hash.
 *
 * One open-addressing table for the engine. Its entries are keyed by owner and name: an owner is a
 * type id, a trait, or a kind of item path. A name that a script brings can only find or miss.
 */
#include "worker/vm/machine.h"

rn_callee rn_names_find(const struct rn_engine *engine, uint32_t owner, uint64_t hash)
{
    const struct rn_names *names = &engine->names;
    for (uint32_t i = rn_names_slot(names, owner, hash);; i = (i + 1) & names->mask) {
        const struct rn_name_entry *entry = &names->entries[i];
        if (entry->callee == 0 || (entry->hash == hash && entry->owner == owner)) {
            return entry->callee;
        }
    }
}

bool rn_callee_is_step(const struct rn_engine *engine, rn_callee callee)
{
    return rn_callee_form(callee) == RN_CALLEE_STANDARD &&
           (engine->standard->unit.functions[rn_callee_index(callee)].flags & RN_FUNCTION_STEP) !=
               0;
}

static rn_callee find_library_method(const struct rn_engine *engine, uint32_t type,
                                     uint64_t name_hash)
{
    rn_callee callee = rn_names_find(engine, type, name_hash);
    const struct rn_type_traits *traits = &engine->names.types[type];
    for (uint32_t i = 0; callee == 0 && i < traits->count; i++) {
        uint32_t trait = engine->names.traits[traits->first + i];
        callee = rn_names_find(engine, RN_OWNER_TRAIT | trait, name_hash);
    }
    return rn_callee_is_step(engine, callee) ? 0 : callee;
}

rn_callee rn_find_method(const struct rn_vm *vm, uint32_t type, uint64_t name_hash)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    type = record->parent;
    if (type < vm->engine->type_count) {
        return find_library_method(vm->engine, type, name_hash);
    }
    const struct rn_link *link = vm->script;
    uint32_t own = rn_type_record(vm, type)->unit_type;
    uint32_t function = rn_unit_find_method(&link->unit, own, name_hash);
    return function == RN_NONE ? 0 : rn_callee_make(RN_CALLEE_SCRIPT, function);
}
