/*
 * names.c: item paths, methods and traits of the library, found by hash.
 *
 * One open-addressing table for the engine. Its entries are keyed by owner and name: an owner is a
 * type id, a trait, or a kind of item path. The library's own names are checked against each other
 * when the engine is made; a name that a script brings can only find or miss.
 */
#include <string.h>

#include "bytecode/hash.h"
#include "worker/vm/machine.h"

static uint32_t slot_of(const struct rn_name_table *table, uint32_t owner, uint64_t hash)
{
    return (uint32_t)(hash ^ (owner * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & table->mask;
}

rn_callee rn_names_find(const struct rn_engine *engine, uint32_t owner, uint64_t hash)
{
    const struct rn_name_table *table = &engine->names;
    for (uint32_t i = slot_of(table, owner, hash);; i = (i + 1) & table->mask) {
        const struct rn_name_entry *entry = &table->entries[i];
        if (entry->callee == 0 || (entry->hash == hash && entry->owner == owner)) {
            return entry->callee;
        }
    }
}

enum rn_error rn_names_add(struct rn_engine *engine, uint32_t owner, uint64_t hash,
                           rn_callee callee)
{
    struct rn_name_table *table = &engine->names;
    uint32_t i = slot_of(table, owner, hash);
    while (table->entries[i].callee != 0) {
        if (table->entries[i].hash == hash && table->entries[i].owner == owner) {
            return RN_OK; // the earlier one counts
        }
        i = (i + 1) & table->mask;
    }
    if (table->used >= table->mask) {
        return RN_E_TOO_LARGE;
    }
    table->used++;
    table->entries[i] =
        (struct rn_name_entry){.hash = hash, .owner = owner, .callee = (uint32_t)callee};
    return RN_OK;
}

enum rn_error rn_names_init(struct rn_engine *engine, size_t count)
{
    uint32_t capacity = 256;
    while (capacity < count + count / 3) {
        capacity *= 2;
    }
    uint32_t pages = rn_pages_for(capacity * sizeof(struct rn_name_entry));
    engine->names.entries = rn_pages_alloc(&engine->pages, pages);
    if (engine->names.entries == NULL) {
        return RN_E_NO_MEMORY;
    }
    engine->names.mask = capacity - 1;
    return RN_OK;
}

/* Where the last segment of a path begins; generics belong to the segment that they follow. */
static size_t last_segment(const char *path, size_t size)
{
    size_t end = size;
    for (size_t i = 0; i + 2 < size; i++) {
        if (memcmp(path + i, "::<", 3) == 0) {
            end = i;
            break;
        }
    }
    for (size_t i = end; i >= 2; i--) {
        if (path[i - 1] == ':' && path[i - 2] == ':') {
            return i;
        }
    }
    return 0;
}

/* Adds "<owner>::<name>" as an instance function of the type or trait `owner`, if it is one. */
static enum rn_error add_member(struct rn_engine *engine, uint64_t owner_hash, const char *name,
                                size_t size, rn_callee callee)
{
    uint64_t hash = rn_hash_text(name, size);
    rn_callee trait = rn_names_find(engine, RN_OWNER_TRAITS, owner_hash);
    if (trait != 0) {
        return rn_names_add(engine, RN_OWNER_TRAIT | rn_callee_index(trait), hash, callee);
    }
    uint32_t type = rn_engine_find_type(engine, owner_hash);
    return type == RN_NONE ? RN_OK : rn_names_add(engine, type, hash, callee);
}

static enum rn_error add_path(struct rn_engine *engine, const char *path, size_t size, bool member,
                              rn_callee callee)
{
    RN_TRY(rn_names_add(engine, RN_NONE, rn_hash_item(path, size), callee));
    size_t start = last_segment(path, size);
    if (!member || start == 0) {
        return RN_OK;
    }
    return add_member(engine, rn_hash_item(path, start - 2), path + start, size - start, callee);
}

/* "<type's path>::<name>" as an item. */
static enum rn_error add_method_path(struct rn_engine *engine, uint32_t type, const char *name,
                                     rn_callee callee)
{
    char path[256];
    const struct rn_utf8 *owner = &engine->types[type].path;
    size_t size = strlen(name);
    if (owner->size + size + 2 > sizeof(path)) {
        return RN_E_TOO_LARGE;
    }
    memcpy(path, owner->data, owner->size);
    memcpy(path + owner->size, "::", 2);
    memcpy(path + owner->size + 2, name, size);
    return rn_names_add(engine, RN_NONE, rn_hash_item(path, owner->size + 2 + size), callee);
}

static enum rn_error add_native(struct rn_engine *engine, uint32_t index)
{
    const struct rn_native *native = &engine->library->natives[index];
    rn_callee callee = rn_callee_make(RN_CALLEE_NATIVE, index);
    size_t size = strlen(native->path);
    if (native->type == RN_NONE) {
        return add_path(engine, native->path, size, true, callee);
    }
    if (native->type >= RN_LIBRARY_TYPE_COUNT) {
        return RN_E_INVALID_ARGUMENT;
    }
    RN_TRY(rn_names_add(engine, native->type, rn_hash_text(native->path, size), callee));
    return add_method_path(engine, native->type, native->path, callee);
}

static enum rn_error add_exports(struct rn_engine *engine)
{
    const struct rune_verified_unit *unit = &engine->standard->unit;
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_EXPORTS]; i++) {
        const struct rn_unit_export *item = &unit->exports[i];
        struct rn_utf8 path = rn_unit_string_at(unit, item->name);
        bool member = (unit->functions[item->function].flags & RN_FUNCTION_INSTANCE) != 0;
        RN_TRY(add_path(engine, path.data, path.size, member,
                        rn_callee_make(RN_CALLEE_STANDARD, item->function)));
    }
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_METHODS]; i++) {
        const struct rn_unit_method *method = &unit->methods[i];
        RN_TRY(rn_names_add(engine, engine->standard->type_ids[method->type], method->name_hash,
                            rn_callee_make(RN_CALLEE_STANDARD, method->function)));
    }
    return RN_OK;
}

static enum rn_error add_generic(struct rn_engine *engine, const struct rn_generic_function *row)
{
    uint64_t hash = rn_hash_item(row->export_path, strlen(row->export_path));
    rn_callee callee = rn_names_find(engine, RN_NONE, hash);
    if (callee == 0) {
        return RN_OK; // a standard Unit without it
    }
    char path[256];
    size_t owner = strlen(row->owner);
    size_t name = strlen(row->name);
    if (owner + name + 2 > sizeof(path)) {
        return RN_E_TOO_LARGE;
    }
    memcpy(path, row->owner, owner);
    memcpy(path + owner, "::", 2);
    memcpy(path + owner + 2, row->name, name);
    RN_TRY(rn_names_add(engine, RN_NONE, rn_hash_item(path, owner + 2 + name), callee));
    return add_member(engine, rn_hash_item(path, owner), row->name, name, callee);
}

/* Traits get numbers in the order in which they are first mentioned. */
static enum rn_error add_traits(struct rn_engine *engine)
{
    const struct rn_library *library = engine->library;
    for (size_t i = 0; i < library->impl_count; i++) {
        uint64_t hash = rn_hash_item(library->impls[i].trait, strlen(library->impls[i].trait));
        if (rn_names_find(engine, RN_OWNER_TRAITS, hash) == 0) {
            RN_TRY(rn_names_add(engine, RN_OWNER_TRAITS, hash,
                                rn_callee_make(RN_CALLEE_TYPE, engine->trait_count++)));
        }
    }
    return RN_OK;
}

static uint32_t impl_type(const struct rn_engine *engine, size_t row)
{
    const char *path = engine->library->impls[row].type;
    return rn_engine_find_type(engine, rn_hash_item(path, strlen(path)));
}

/* Each type's traits in one run of engine->impl_traits, in the order of the rows. */
static enum rn_error add_impls(struct rn_engine *engine)
{
    const struct rn_library *library = engine->library;
    if (library->impl_count == 0) {
        return RN_OK;
    }
    engine->impl_traits =
        rn_pages_alloc(&engine->pages, rn_pages_for(library->impl_count * sizeof(uint16_t)));
    if (engine->impl_traits == NULL) {
        return RN_E_NO_MEMORY;
    }
    for (size_t i = 0; i < library->impl_count; i++) {
        uint32_t type = impl_type(engine, i);
        if (type != RN_NONE) {
            engine->types[type].trait_count++;
        }
    }
    uint32_t start = 0;
    for (uint32_t type = 0; type < engine->type_count; type++) {
        engine->types[type].traits = start;
        start += engine->types[type].trait_count;
        engine->types[type].trait_count = 0;
    }
    for (size_t i = 0; i < library->impl_count; i++) {
        uint32_t type = impl_type(engine, i);
        const char *trait = library->impls[i].trait;
        if (type != RN_NONE) {
            struct rn_type_record *record = &engine->types[type];
            rn_callee number =
                rn_names_find(engine, RN_OWNER_TRAITS, rn_hash_item(trait, strlen(trait)));
            engine->impl_traits[record->traits + record->trait_count++] =
                (uint16_t)rn_callee_index(number);
        }
    }
    return RN_OK;
}

enum rn_error rn_names_fill(struct rn_engine *engine)
{
    const struct rn_library *library = engine->library;
    for (uint32_t type = 0; type < engine->type_count; type++) {
        RN_TRY(rn_names_add(engine, RN_OWNER_TYPES, engine->types[type].hash,
                            rn_callee_make(RN_CALLEE_TYPE, type)));
    }
    RN_TRY(add_traits(engine));
    for (uint32_t i = 0; i < library->native_count; i++) {
        RN_TRY(add_native(engine, i));
    }
    if (engine->standard != NULL) {
        RN_TRY(add_exports(engine));
    }
    for (size_t i = 0; i < library->generic_count; i++) {
        RN_TRY(add_generic(engine, &library->generics[i]));
    }
    return add_impls(engine);
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
    const struct rn_type_record *record = &engine->types[type];
    for (uint32_t i = 0; callee == 0 && i < record->trait_count; i++) {
        uint32_t trait = engine->impl_traits[record->traits + i];
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
