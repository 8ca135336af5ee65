/*
 * link.c: making engines and links: types get dense ids, imports their callees.
 *
 * Everything is sized from counts of verified sections before anything is taken from the region.
 * Inline caches are direct-mapped and as large as the sites ask for, up to a bound; without room a
 * link has one entry and is slow, not wrong.
 */
#include <string.h>

#include "base/math.h"
#include "bytecode/hash.h"
#include "bytecode/types.h"
#include "worker/vm/machine.h"

#define CACHE_ALIGN 64u
#define CACHE_ENTRIES_MIN 8u
#define CACHE_ENTRIES_MAX 4096u

static void init_library_types(struct rn_type_record *types)
{
    for (uint32_t i = 0; i < RN_TYPE_ID_COUNT; i++) {
        types[i] = (struct rn_type_record){
            .path = rn_library_types[i].path,
            .parent = i,
            .flags = RN_TYPE_RECORD_LIBRARY,
            .shape = RN_SHAPE_OPAQUE,
        };
    }
    for (uint32_t i = 0; i < rn_library_variant_count; i++) {
        const struct rn_library_variant *variant = &rn_library_variants[i];
        types[RN_TYPE_ID_COUNT + i] = (struct rn_type_record){
            .path = variant->path,
            .parent = variant->type,
            .variant_index = variant->index,
            .field_count = variant->field_count,
            .flags = RN_TYPE_RECORD_LIBRARY | RN_TYPE_RECORD_VARIANT,
            .shape = variant->field_count > 0 ? RN_SHAPE_TUPLE : RN_SHAPE_UNIT,
        };
        struct rn_type_record *parent = &types[variant->type];
        parent->flags |= RN_TYPE_RECORD_ENUM;
        parent->fields = variant->index == 0 ? RN_TYPE_ID_COUNT + i : parent->fields;
        parent->field_count = variant->index + 1u;
    }
    for (uint32_t i = 0; i < RN_LIBRARY_TYPE_COUNT; i++) {
        types[i].hash = rn_hash_item(types[i].path.data, types[i].path.size);
        types[i].unit_type = types[i].step = types[i].step_back = RN_NONE;
    }
}

static uint8_t shape_of(uint16_t kind)
{
    switch ((enum rn_type_kind)kind) {
    case RN_TYPE_UNIT_STRUCT:
    case RN_TYPE_UNIT_VARIANT:
        return RN_SHAPE_UNIT;
    case RN_TYPE_TUPLE_STRUCT:
    case RN_TYPE_TUPLE_VARIANT:
        return RN_SHAPE_TUPLE;
    case RN_TYPE_STRUCT:
    case RN_TYPE_STRUCT_VARIANT:
        return RN_SHAPE_NAMED;
    case RN_TYPE_EXTERNAL:
    case RN_TYPE_ENUM:
        break;
    }
    return RN_SHAPE_OPAQUE;
}

static struct rn_type_record own_record(const struct rn_link *link, uint32_t index, uint32_t id)
{
    const struct rn_unit_type *type = &link->unit.types[index];
    bool variant = type->parent != RN_NONE;
    return (struct rn_type_record){
        .path = rn_unit_string_at(&link->unit, type->name),
        .hash = type->hash,
        .unit = &link->unit,
        .fields = type->kind == RN_TYPE_ENUM ? id + 1 : type->fields,
        .field_count = type->field_count,
        .parent = variant ? link->type_ids[type->parent] : id,
        .variant_index = variant ? type->variant_index : 0,
        .unit_type = index,
        .step = RN_NONE,
        .step_back = RN_NONE,
        .shape = shape_of(type->kind),
        .flags = (uint8_t)((type->kind == RN_TYPE_ENUM ? RN_TYPE_RECORD_ENUM : 0) |
                           (variant ? RN_TYPE_RECORD_VARIANT : 0) |
                           (link->standard ? RN_TYPE_RECORD_LIBRARY : 0)),
    };
}

/* The id of a library type by hash; before the engine's names exist, by looking at all of them. */
static uint32_t external_type(const struct rn_engine *engine, uint64_t hash)
{
    if (engine->names.entries != NULL) {
        return rn_engine_find_type(engine, hash);
    }
    for (uint32_t i = 0; i < RN_LIBRARY_TYPE_COUNT; i++) {
        if (engine->types[i].hash == hash) {
            return i;
        }
    }
    return RN_NONE;
}

static enum rn_error link_types(struct rn_link *link)
{
    const struct rune_verified_unit *unit = &link->unit;
    uint32_t own = 0;
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_TYPES]; i++) {
        if (unit->types[i].kind == RN_TYPE_EXTERNAL) {
            link->type_ids[i] = external_type(link->engine, unit->types[i].hash);
            if (link->type_ids[i] == RN_NONE) {
                return RN_E_NOT_FOUND;
            }
        } else {
            link->type_ids[i] = link->first_type + own;
            link->types[own] = own_record(link, i, link->type_ids[i]);
            own++;
        }
    }
    return RN_OK;
}

static uint32_t count_own_types(const struct rune_verified_unit *unit)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_TYPES]; i++) {
        count += unit->types[i].kind != RN_TYPE_EXTERNAL;
    }
    return count;
}

rn_callee rn_link_resolve(const struct rn_link *link, uint64_t hash)
{
    rn_callee callee = rn_names_find(link->engine, RN_NONE, hash);
    if (rn_callee_is_step(link->engine, callee)) {
        return 0;
    }
    for (uint32_t i = 0; callee == 0 && i < link->host_count; i++) {
        if (link->hosts[i].hash == hash) {
            callee = rn_callee_make(RN_CALLEE_HOST, i);
        }
    }
    if (callee == 0) {
        uint32_t type = rn_engine_find_type(link->engine, hash);
        callee = type == RN_NONE ? 0 : rn_callee_make(RN_CALLEE_TYPE, type);
    }
    return callee;
}

static void link_imports(struct rn_link *link)
{
    for (uint32_t i = 0; i < link->unit.counts[RN_SECTION_IMPORTS]; i++) {
        link->imports[i] = rn_link_resolve(link, link->unit.imports[i].hash);
    }
}

static uint32_t count_cache_entries(const struct rune_verified_unit *unit)
{
    uint32_t sites = unit->counts[RN_SECTION_SITES];
    uint32_t entries = CACHE_ENTRIES_MIN;
    while (entries < sites && entries < CACHE_ENTRIES_MAX) {
        entries *= 2;
    }
    return entries;
}

/* Behind the tables of the link if they leave room for it in their last page, else in pages of its own. `used`:
 * bytes before it. */
static void init_cache(struct rn_link *link, size_t used)
{
    struct rn_cache *cache = &link->cache;
    uint32_t entries = count_cache_entries(&link->unit);
    size_t size = entries * sizeof(struct rn_cache_entry);
    used = rn_align_up(used, CACHE_ALIGN);
    if (used + size <= (size_t)link->pages * RN_PAGE_SIZE) {
        cache->entries = (void *)((uint8_t *)link + used);
    } else {
        cache->pages = rn_pages_for(size);
        cache->entries = rn_pages_alloc(&link->engine->pages, cache->pages);
    }
    cache->mask = entries - 1;
    if (cache->entries == NULL) {
        cache->entries = &link->only_entry;
        cache->mask = 0;
        cache->pages = 0;
    }
    // Pages come cleared and are not touched before they are used: a key of 0 (site 0, type 0) belongs
    // to entry 0 only, so that nowhere else 0 is anybody's key.
    cache->entries[0].key = UINT64_MAX;
}

/*
 * K1  What a cache says of a type holds as long as the cache does. That of the standard Unit outlives
 *     every script, and the ids of a script's types are used again by the next one: it keeps types of
 *     the library only.
 */
void rn_cache_put(const struct rn_link *link, uint32_t site, uint32_t type, uint64_t payload)
{
    if (link->standard && type >= link->engine->type_count) {
        return;
    }
    struct rn_cache_entry *entry = &link->cache.entries[site & link->cache.mask];
    entry->key = (uint64_t)site << 32 | type;
    entry->payload = payload;
}

/* Bytes of a link and its tables without the cache. */
static size_t tables_size(const struct rune_verified_unit *unit, uint32_t own_types,
                          size_t host_count)
{
    return sizeof(struct rn_link) + unit->counts[RN_SECTION_IMPORTS] * sizeof(rn_callee) +
           own_types * sizeof(struct rn_type_record) +
           host_count * sizeof(struct rn_host_function) +
           unit->counts[RN_SECTION_TYPES] * sizeof(uint32_t);
}

/* The link with its tables behind it, in one run of pages, which for most is one page. */
static struct rn_link *alloc_link(struct rn_engine *engine, const struct rune_verified_unit *unit,
                                  uint32_t own_types, size_t host_count)
{
    size_t size = tables_size(unit, own_types, host_count);
    uint32_t pages = rn_pages_for(size);
    struct rn_link *link = rn_pages_alloc(&engine->pages, pages);
    if (link == NULL) {
        return NULL;
    }
    uint8_t *next = (uint8_t *)(link + 1);
    link->imports = (void *)next;
    next += unit->counts[RN_SECTION_IMPORTS] * sizeof(rn_callee);
    link->types = (void *)next;
    next += own_types * sizeof(struct rn_type_record);
    link->hosts = (void *)next;
    next += host_count * sizeof(struct rn_host_function);
    link->type_ids = (void *)next;
    link->unit = *unit;
    link->engine = engine;
    link->pages = pages;
    link->type_count = own_types;
    link->host_count = (uint32_t)host_count;
    init_cache(link, size);
    return link;
}

enum rn_error rn_link_new(struct rn_engine *engine, const struct rune_verified_unit *unit,
                          const struct rn_host_function *functions, size_t function_count,
                          struct rn_link **out_link)
{
    if (function_count > UINT16_MAX) {
        return RN_E_TOO_LARGE;
    }
    struct rn_link *link = alloc_link(engine, unit, count_own_types(unit), function_count);
    if (link == NULL) {
        return RN_E_NO_MEMORY;
    }
    if (function_count > 0) {
        memcpy(link->hosts, functions, function_count * sizeof(*functions));
    }
    link->first_type = engine->type_count;
    enum rn_error error = link_types(link);
    if (error != RN_OK) {
        rn_link_free(engine, link);
        return error;
    }
    link_imports(link);
    *out_link = link;
    return RN_OK;
}

void rn_link_free(struct rn_engine *engine, struct rn_link *link)
{
    if (link == NULL) {
        return;
    }
    if (link->cache.pages != 0) {
        rn_pages_free(&engine->pages, link->cache.entries, link->cache.pages);
    }
    rn_pages_free(&engine->pages, link, link->pages);
}

/* The standard Unit: linked before the names exist, its imports after. */
static enum rn_error link_standard(struct rn_engine *engine)
{
    struct rune_verified_unit unit;
    struct rune_unit_image image = {engine->library->unit_image, engine->library->unit_size};
    RN_TRY(rn_unit_adopt(image, &unit));
    if (unit.counts[RN_SECTION_STATICS] != 0) {
        return RN_E_UNIT_INVALID; // statics are the script's
    }
    struct rn_link *link = alloc_link(engine, &unit, count_own_types(&unit), 0);
    if (link == NULL) {
        return RN_E_NO_MEMORY;
    }
    link->standard = true;
    link->first_type = RN_LIBRARY_TYPE_COUNT;
    engine->standard = link;
    return RN_OK;
}

static enum rn_error init_types(struct rn_engine *engine)
{
    uint32_t own = engine->standard == NULL ? 0 : engine->standard->type_count;
    uint32_t count = RN_LIBRARY_TYPE_COUNT + own;
    engine->types =
        rn_pages_alloc(&engine->pages, rn_pages_for(count * sizeof(struct rn_type_record)));
    if (engine->types == NULL) {
        return RN_E_NO_MEMORY;
    }
    init_library_types(engine->types);
    engine->type_count = count;
    if (engine->standard != NULL) {
        engine->standard->types = engine->types + RN_LIBRARY_TYPE_COUNT;
        RN_TRY(link_types(engine->standard));
    }
    return RN_OK;
}

static enum rn_error init_names(struct rn_engine *engine)
{
    const struct rn_names *names = engine->library->names;
    if (names == NULL || names->entries == NULL) {
        return rn_names_make(engine);
    }
    if (names->type_count != engine->type_count) {
        return RN_E_INVALID_ARGUMENT; // they are of another library
    }
    engine->names = *names;
    return RN_OK;
}

static uint32_t standard_function(const struct rn_engine *engine, const char *path)
{
    rn_callee callee = rn_names_find(engine, RN_NONE, rn_hash_item(path, strlen(path)));
    return rn_callee_form(callee) == RN_CALLEE_STANDARD ? rn_callee_index(callee) : RN_NONE;
}

static uint32_t step_function(const struct rn_engine *engine, uint32_t type, const char *name)
{
    rn_callee callee = rn_names_find(engine, type, rn_hash_text(name, strlen(name)));
    if (rn_callee_form(callee) != RN_CALLEE_STANDARD) {
        return RN_NONE;
    }
    uint32_t function = rn_callee_index(callee);
    const struct rn_unit_function *row = &engine->standard->unit.functions[function];
    return (row->flags & RN_FUNCTION_STEP) != 0 && row->arg_count == 1 ? function : RN_NONE;
}

static void find_special_functions(struct rn_engine *engine)
{
    engine->sequence_eq = standard_function(engine, "std::cmp::eq_iter");
    for (uint32_t type = RN_LIBRARY_TYPE_COUNT; type < engine->type_count; type++) {
        engine->types[type].step = step_function(engine, type, "step");
        engine->types[type].step_back = step_function(engine, type, "step_back");
    }
}

enum rn_error rn_engine_new(void *base, size_t size, const struct rn_library *library,
                            struct rn_engine **out_engine)
{
    struct rn_pages pages;
    RN_TRY(rn_pages_init(&pages, base, size));
    // The engine takes the first pages, so that no object has offset 0.
    struct rn_engine *engine = rn_pages_alloc(&pages, rn_pages_for(sizeof(struct rn_engine)));
    if (engine == NULL) {
        return RN_E_NO_MEMORY;
    }
    engine->pages = pages;
    engine->library = library;
    if (library->unit_image != NULL) {
        RN_TRY(link_standard(engine));
    }
    RN_TRY(init_types(engine));
    RN_TRY(init_names(engine));
    find_special_functions(engine);
    if (engine->standard != NULL) {
        link_imports(engine->standard);
    }
    *out_engine = engine;
    return RN_OK;
}

struct rn_link *rn_engine_standard(struct rn_engine *engine)
{
    return engine->standard;
}

void *rn_engine_take(struct rn_engine *engine, size_t size)
{
    return rn_pages_alloc(&engine->pages, rn_pages_for(size));
}

void rn_engine_give_back(struct rn_engine *engine, void *memory, size_t size)
{
    rn_pages_free(&engine->pages, memory, rn_pages_for(size));
}

void rn_engine_set_hash_key(struct rn_engine *engine, uint64_t key)
{
    engine->hash_key = key;
}

size_t rn_engine_used(const struct rn_engine *engine)
{
    return (size_t)(engine->pages.page_count - engine->pages.free_count) * RN_PAGE_SIZE;
}
