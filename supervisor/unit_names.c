/* unit_names.c: types by hash, with their fields once those were asked for. */
#include "supervisor/unit_names.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "supervisor/unit.h"

struct rn_named_type {
    uint64_t hash;
    uint32_t index;
    struct rn_utf8 *fields; /* owned; NULL: not asked for, or without names */
};

static int by_hash(const void *a, const void *b)
{
    const struct rn_named_type *x = a;
    const struct rn_named_type *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool list_types(struct rn_unit_names *names)
{
    if (!names->unit) {
        return false;
    }
    const struct rune_verified_unit *unit = &names->unit->unit;
    size_t count = unit->counts[RN_SECTION_TYPES];
    if (names->types || count == 0) {
        return count > 0;
    }
    names->types = rn_alloc_array(count, sizeof(*names->types));
    if (!names->types) {
        names->no_memory = true;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        names->types[i] = (struct rn_named_type){.hash = unit->types[i].hash, .index = i};
    }
    rn_sort(names->types, count, sizeof(*names->types), by_hash);
    names->count = count;
    return true;
}

static struct rn_named_type *find_type(const struct rn_unit_names *names, uint64_t hash)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->types[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < names->count && names->types[low].hash == hash ? &names->types[low] : NULL;
}

static bool is_variant(const struct rn_unit_type *type)
{
    return type->kind >= RN_TYPE_UNIT_VARIANT;
}

static bool is_struct(const struct rn_unit_type *type)
{
    return type->kind >= RN_TYPE_UNIT_STRUCT && type->kind <= RN_TYPE_STRUCT;
}

/* A struct by its own hash; a variant by its own if its enum has the other. */
static struct rn_named_type *find_instance(struct rn_unit_names *names, uint64_t type_hash,
                                           uint64_t variant_hash)
{
    struct rn_named_type *found = find_type(names, variant_hash != 0 ? variant_hash : type_hash);
    if (!found) {
        return NULL;
    }
    const struct rn_unit_type *types = names->unit->unit.types;
    const struct rn_unit_type *type = &types[found->index];
    bool fits = variant_hash == 0 ? is_struct(type)
                                  : is_variant(type) && types[type->parent].hash == type_hash;
    return fits ? found : NULL;
}

/* False without memory. */
static bool name_fields(struct rn_unit_names *names, struct rn_named_type *named)
{
    const struct rune_verified_unit *unit = &names->unit->unit;
    const struct rn_unit_type *type = &unit->types[named->index];
    if (named->fields || type->fields == RN_NONE || type->field_count == 0) {
        return true;
    }
    named->fields = rn_alloc_array(type->field_count, sizeof(*named->fields));
    for (uint32_t i = 0; named->fields && i < type->field_count; i++) {
        named->fields[i] = rn_unit_string_at(unit, unit->names[type->fields + i]);
    }
    return named->fields != NULL;
}

/* "Circle" of "shapes::Shape::Circle". */
static struct rn_utf8 last_of_path(struct rn_utf8 path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != ':') {
        at--;
    }
    return (struct rn_utf8){path.data + at, path.size - at};
}

static bool find(void *user, uint64_t type_hash, uint64_t variant_hash,
                 struct rn_json_type *out_type)
{
    struct rn_unit_names *names = user;
    if (!list_types(names)) {
        return false;
    }
    struct rn_named_type *named = find_instance(names, type_hash, variant_hash);
    if (!named) {
        return false;
    }
    if (!name_fields(names, named)) {
        names->no_memory = true;
        return false;
    }
    const struct rune_verified_unit *unit = &names->unit->unit;
    const struct rn_unit_type *type = &unit->types[named->index];
    *out_type = (struct rn_json_type){.name = last_of_path(rn_unit_string_at(unit, type->name)),
                                      .fields = named->fields,
                                      .field_count = type->field_count};
    return true;
}

const struct rn_unit_type *rn_unit_names_type(struct rn_unit_names *names, uint64_t hash)
{
    const struct rn_named_type *named = list_types(names) ? find_type(names, hash) : NULL;
    return named ? &names->unit->unit.types[named->index] : NULL;
}

void rn_unit_names_init(struct rn_unit_names *names, const rune_unit *unit)
{
    *names = (struct rn_unit_names){.json = {.user = names, .find = find}, .unit = unit};
}

void rn_unit_names_done(struct rn_unit_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        rn_free(names->types[i].fields);
    }
    rn_free(names->types);
}
