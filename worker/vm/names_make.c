/*
 * names_make.c: the table of names.c for a library, into the engine's pages.
 *
 * That of the standard library is made with the build (std_names.c), since it is the same in every worker. The
 * library's own names are checked against each other here.
 */
#include <string.h>

#include "bytecode/hash.h"
#include "worker/vm/machine.h"

struct maker {
    struct rn_engine *engine;
    struct rn_name_entry *entries; /* those of engine->names, which finds what is there already */
    uint32_t used;
};

static enum rn_error add(struct maker *maker, uint32_t owner, uint64_t hash, rn_callee callee)
{
    const struct rn_names *names = &maker->engine->names;
    uint32_t i = rn_names_slot(names, owner, hash);
    while (names->entries[i].callee != 0) {
        if (names->entries[i].hash == hash && names->entries[i].owner == owner) {
            return RN_OK; // the earlier one counts
        }
        i = (i + 1) & names->mask;
    }
    if (maker->used >= names->mask) {
        return RN_E_TOO_LARGE;
    }
    maker->used++;
    maker->entries[i] =
        (struct rn_name_entry){.hash = hash, .owner = owner, .callee = (uint32_t)callee};
    return RN_OK;
}

static size_t count_names(const struct rn_engine *engine)
{
    const struct rn_library *library = engine->library;
    size_t count = library->native_count * 2 + library->generic_count * 2 + library->impl_count +
                   engine->type_count;
    if (engine->standard != NULL) {
        count += engine->standard->unit.counts[RN_SECTION_EXPORTS] * 2 +
                 engine->standard->unit.counts[RN_SECTION_METHODS];
    }
    return count;
}

static enum rn_error init(struct maker *maker)
{
    struct rn_engine *engine = maker->engine;
    size_t count = count_names(engine);
    uint32_t capacity = 256;
    while (capacity < count + count / 3) {
        capacity *= 2;
    }
    maker->entries = rn_engine_take(engine, capacity * sizeof(struct rn_name_entry));
    if (maker->entries == NULL) {
        return RN_E_NO_MEMORY;
    }
    engine->names = (struct rn_names){
        .entries = maker->entries, .mask = capacity - 1, .type_count = engine->type_count};
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
static enum rn_error add_member(struct maker *maker, uint64_t owner_hash, const char *name,
                                size_t size, rn_callee callee)
{
    uint64_t hash = rn_hash_text(name, size);
    rn_callee trait = rn_names_find(maker->engine, RN_OWNER_TRAITS, owner_hash);
    if (trait != 0) {
        return add(maker, RN_OWNER_TRAIT | rn_callee_index(trait), hash, callee);
    }
    uint32_t type = rn_engine_find_type(maker->engine, owner_hash);
    return type == RN_NONE ? RN_OK : add(maker, type, hash, callee);
}

static enum rn_error add_path(struct maker *maker, const char *path, size_t size, bool member,
                              rn_callee callee)
{
    RN_TRY(add(maker, RN_NONE, rn_hash_item(path, size), callee));
    size_t start = last_segment(path, size);
    if (!member || start == 0) {
        return RN_OK;
    }
    return add_member(maker, rn_hash_item(path, start - 2), path + start, size - start, callee);
}

/* "<type's path>::<name>" as an item. */
static enum rn_error add_method_path(struct maker *maker, uint32_t type, const char *name,
                                     rn_callee callee)
{
    char path[256];
    const struct rn_utf8 *owner = &maker->engine->types[type].path;
    size_t size = strlen(name);
    if (owner->size + size + 2 > sizeof(path)) {
        return RN_E_TOO_LARGE;
    }
    memcpy(path, owner->data, owner->size);
    memcpy(path + owner->size, "::", 2);
    memcpy(path + owner->size + 2, name, size);
    return add(maker, RN_NONE, rn_hash_item(path, owner->size + 2 + size), callee);
}

static enum rn_error add_native(struct maker *maker, uint32_t index)
{
    const struct rn_native *native = &maker->engine->library->natives[index];
    rn_callee callee = rn_callee_make(RN_CALLEE_NATIVE, index);
    size_t size = strlen(native->path);
    if (native->type == RN_NONE) {
        return add_path(maker, native->path, size, true, callee);
    }
    if (native->type >= RN_LIBRARY_TYPE_COUNT) {
        return RN_E_INVALID_ARGUMENT;
    }
    RN_TRY(add(maker, native->type, rn_hash_text(native->path, size), callee));
    return add_method_path(maker, native->type, native->path, callee);
}

static enum rn_error add_exports(struct maker *maker)
{
    const struct rn_link *standard = maker->engine->standard;
    const struct rune_verified_unit *unit = &standard->unit;
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_EXPORTS]; i++) {
        const struct rn_unit_export *item = &unit->exports[i];
        struct rn_utf8 path = rn_unit_string_at(unit, item->name);
        bool member = (unit->functions[item->function].flags & RN_FUNCTION_INSTANCE) != 0;
        RN_TRY(add_path(maker, path.data, path.size, member,
                        rn_callee_make(RN_CALLEE_STANDARD, item->function)));
    }
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_METHODS]; i++) {
        const struct rn_unit_method *method = &unit->methods[i];
        RN_TRY(add(maker, standard->type_ids[method->type], method->name_hash,
                   rn_callee_make(RN_CALLEE_STANDARD, method->function)));
    }
    return RN_OK;
}

static enum rn_error add_generic(struct maker *maker, const struct rn_generic_function *row)
{
    uint64_t hash = rn_hash_item(row->export_path, strlen(row->export_path));
    rn_callee callee = rn_names_find(maker->engine, RN_NONE, hash);
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
    RN_TRY(add(maker, RN_NONE, rn_hash_item(path, owner + 2 + name), callee));
    return add_member(maker, rn_hash_item(path, owner), row->name, name, callee);
}

/* Traits get numbers in the order in which they are first mentioned. */
static enum rn_error add_traits(struct maker *maker)
{
    struct rn_engine *engine = maker->engine;
    const struct rn_library *library = engine->library;
    for (size_t i = 0; i < library->impl_count; i++) {
        uint64_t hash = rn_hash_item(library->impls[i].trait, strlen(library->impls[i].trait));
        if (rn_names_find(engine, RN_OWNER_TRAITS, hash) == 0) {
            rn_callee number = rn_callee_make(RN_CALLEE_TYPE, engine->names.trait_count++);
            RN_TRY(add(maker, RN_OWNER_TRAITS, hash, number));
        }
    }
    return RN_OK;
}

static uint32_t impl_type(const struct rn_engine *engine, size_t row)
{
    const char *path = engine->library->impls[row].type;
    return rn_engine_find_type(engine, rn_hash_item(path, strlen(path)));
}

/* Room for each type's run, one behind the other. Returns their length. */
static uint32_t lay_out_impls(const struct rn_engine *engine, struct rn_type_traits *types)
{
    uint32_t start = 0;
    for (size_t i = 0; i < engine->library->impl_count; i++) {
        uint32_t type = impl_type(engine, i);
        if (type != RN_NONE) {
            types[type].count++;
        }
    }
    for (uint32_t type = 0; type < engine->type_count; type++) {
        types[type].first = start;
        start += types[type].count;
        types[type].count = 0;
    }
    return start;
}

static void fill_impls(const struct rn_engine *engine, struct rn_type_traits *types,
                       uint16_t *traits)
{
    for (size_t i = 0; i < engine->library->impl_count; i++) {
        uint32_t type = impl_type(engine, i);
        if (type != RN_NONE) {
            const char *trait = engine->library->impls[i].trait;
            rn_callee number =
                rn_names_find(engine, RN_OWNER_TRAITS, rn_hash_item(trait, strlen(trait)));
            traits[types[type].first + types[type].count++] = (uint16_t)rn_callee_index(number);
        }
    }
}

/* Each type's traits in one run, in the order of the rows. */
static enum rn_error add_impls(struct rn_engine *engine)
{
    size_t types_size = engine->type_count * sizeof(struct rn_type_traits);
    size_t traits_size = (engine->library->impl_count + 1) * sizeof(uint16_t);
    struct rn_type_traits *types = rn_engine_take(engine, types_size + traits_size);
    if (types == NULL) {
        return RN_E_NO_MEMORY;
    }
    uint16_t *traits = (uint16_t *)(void *)(types + engine->type_count);
    engine->names.impl_count = lay_out_impls(engine, types);
    fill_impls(engine, types, traits);
    engine->names.types = types;
    engine->names.traits = traits;
    return RN_OK;
}

enum rn_error rn_names_make(struct rn_engine *engine)
{
    const struct rn_library *library = engine->library;
    struct maker maker = {.engine = engine};
    RN_TRY(init(&maker));
    for (uint32_t type = 0; type < engine->type_count; type++) {
        RN_TRY(add(&maker, RN_OWNER_TYPES, engine->types[type].hash,
                   rn_callee_make(RN_CALLEE_TYPE, type)));
    }
    RN_TRY(add_traits(&maker));
    for (uint32_t i = 0; i < library->native_count; i++) {
        RN_TRY(add_native(&maker, i));
    }
    if (engine->standard != NULL) {
        RN_TRY(add_exports(&maker));
    }
    for (size_t i = 0; i < library->generic_count; i++) {
        RN_TRY(add_generic(&maker, &library->generics[i]));
    }
    return add_impls(engine);
}
