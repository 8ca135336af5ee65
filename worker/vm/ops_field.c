/*
 * ops_field.c: `a.name` and `a["name"]`: fields of structs, keys of Objects, bounds of ranges.
 *
 * Sites with a known name have an inline cache: for a struct type the slot of the field, for
 * Objects the position where the key was last, which is checked against the key that stands there.
 *
 * What is looked through is paid for, and the same whether a cache knew it (B3): a name's size of every
 * access to an Object, be the key found by its address alone; a slot only from SLOTS_CACHED on, which
 * no cache remembers. So names and structs as people write them cost nothing.
 */
#include <string.h>

#include "worker/vm/machine.h"

static bool text_is(struct rn_utf8 a, struct rn_utf8 b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

#define SLOTS_CACHED 64u

uint32_t rn_field_slot(struct rn_vm *vm, const struct rn_type_record *record, struct rn_utf8 name)
{
    const uint32_t *names = record->unit->names + record->fields;
    uint64_t compared = 0;
    for (uint32_t i = 0; i < record->field_count; i++) {
        struct rn_utf8 field = rn_unit_string_at(record->unit, names[i]);
        compared += field.size == name.size ? name.size : 0;
        if (text_is(field, name)) {
            rn_charge(vm, i / 8 + compared / 64);
            return i;
        }
    }
    rn_charge(vm, record->field_count / 8 + compared / 64);
    return RN_NONE;
}

/* The same by the index of the text, which is that of no other (I4), in the Unit of the type. */
static uint32_t own_slot(struct rn_vm *vm, const struct rn_type_record *record, uint32_t name)
{
    const uint32_t *names = record->unit->names + record->fields;
    uint32_t slot = 0;
    while (slot < record->field_count && names[slot] != name) {
        slot++;
    }
    rn_charge(vm, slot / SLOTS_CACHED);
    return slot < record->field_count ? slot : RN_NONE;
}

/* The bound of a range called `start` or `end`, or NULL. */
static struct rn_value *range_bound(struct rn_value range, struct rn_utf8 name)
{
    bool start = text_is(name, RN_UTF8("start"));
    if (!start && !text_is(name, RN_UTF8("end"))) {
        return NULL;
    }
    struct rn_value *items = rn_as_tuple(range)->items;
    switch (range.object->type) {
    case RN_TYPE_ID_RANGE:
    case RN_TYPE_ID_RANGE_INCLUSIVE:
        return start ? &items[0] : &items[1];
    case RN_TYPE_ID_RANGE_FROM:
        return start ? &items[0] : NULL;
    case RN_TYPE_ID_RANGE_TO:
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
        return start ? NULL : &items[0];
    default:
        return NULL;
    }
}

static bool is_struct(const struct rn_vm *vm, struct rn_value value)
{
    return value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_STRUCT &&
           rn_type_record(vm, value.object->type)->shape == RN_SHAPE_NAMED;
}

/* Fields of the standard Unit's types are its own business: only its code reaches them. */
static bool is_hidden(const struct rn_vm *vm, struct rn_value value)
{
    return (rn_type_record(vm, value.object->type)->flags & RN_TYPE_RECORD_LIBRARY) != 0;
}

bool rn_has_open_fields(const struct rn_vm *vm, struct rn_value value)
{
    return is_struct(vm, value) && !is_hidden(vm, value);
}

/* A value of a type that a Unit declares. */
static bool is_dynamic(const struct rn_vm *vm, struct rn_value value)
{
    return value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_STRUCT &&
           rn_type_record(vm, value.object->type)->unit != NULL;
}

enum rn_outcome rn_named_part(struct rn_vm *vm, struct rn_value target, struct rn_utf8 name,
                              struct rn_value **out_part)
{
    *out_part = NULL;
    if (rn_has_open_fields(vm, target)) {
        uint32_t slot = rn_field_slot(vm, rn_type_record(vm, target.object->type), name);
        RN_TRY_VM(rn_check_spent(vm));
        if (slot == RN_NONE) {
            return rn_raise_missing_part(vm, name, target);
        }
        *out_part = &rn_as_tuple(target)->items[slot];
    } else if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        *out_part = rn_object_get(rn_as_map(target), name.data, name.size);
        if (*out_part == NULL) {
            return rn_raise_missing_part(vm, name, target);
        }
    }
    return RN_DONE;
}

enum rn_outcome rn_set_named_part(struct rn_vm *vm, struct rn_value target, struct rn_utf8 name,
                                  bool name_is_static, struct rn_value value, bool *out_done)
{
    *out_done = true;
    if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        return name_is_static
                   ? rn_object_insert_static(vm, rn_as_map(target), name, value)
                   : rn_object_insert(vm, rn_as_map(target), name.data, name.size, value, NULL);
    }
    if (rn_has_open_fields(vm, target)) {
        uint32_t slot = rn_field_slot(vm, rn_type_record(vm, target.object->type), name);
        RN_TRY_VM(rn_check_spent(vm));
        if (slot != RN_NONE) {
            rn_as_tuple(target)->items[slot] = value;
            return RN_DONE;
        }
    }
    bool inline_value = target.tag != RN_VALUE_OBJECT && target.tag != RN_VALUE_NONE;
    if (inline_value || is_dynamic(vm, target)) {
        return rn_raise_missing_part(vm, name, target);
    }
    *out_done = false;
    return RN_DONE;
}

/* --- Sites --- */

static struct rn_utf8 site_name(const struct rn_link *link, uint32_t site)
{
    return rn_unit_string_at(&link->unit, link->unit.sites[site].name);
}

/* The entry of an Object under the site's name, by the hint or by looking; NULL if absent. */
static struct rn_value *object_at_site(const struct rn_link *link, uint32_t site,
                                       const struct rn_map *object)
{
    struct rn_utf8 name = site_name(link, site);
    const struct rn_cache_entry *entry = &link->cache.entries[site & link->cache.mask];
    if (entry->key == ((uint64_t)site << 32 | RN_TYPE_ID_OBJECT) && entry->payload < object->used) {
        struct rn_object_entry *hinted = &object->object_entries[entry->payload];
        if (hinted->value.tag != RN_VALUE_EMPTY && hinted->key.size == name.size &&
            (hinted->key.data == name.data ||
             memcmp(hinted->key.data, name.data, name.size) == 0)) {
            return &hinted->value;
        }
    }
    uint32_t position = rn_object_find(object, name.data, (uint32_t)name.size);
    if (position == RN_NONE) {
        return NULL;
    }
    rn_cache_put(link, site, RN_TYPE_ID_OBJECT, position);
    return &object->object_entries[position].value;
}

/* The field of a struct under the site's name; NULL if there is none. */
static struct rn_value *struct_at_site(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                       struct rn_value target)
{
    if (!link->standard && is_hidden(vm, target)) {
        return NULL;
    }
    const struct rn_type_record *record = rn_type_record(vm, target.object->type);
    uint32_t slot = record->unit == &link->unit ? own_slot(vm, record, link->unit.sites[site].name)
                                                : rn_field_slot(vm, record, site_name(link, site));
    if (slot == RN_NONE) {
        return NULL;
    }
    if (slot < SLOTS_CACHED) {
        rn_cache_put(link, site, target.object->type, slot);
    }
    return &rn_as_tuple(target)->items[slot];
}

enum rn_outcome rn_op_field_get(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                struct rn_value target, struct rn_value *out)
{
    RN_TRY_VM(rn_check_read(vm, target));
    const struct rn_value *part = NULL;
    bool object = rn_object_is(target, RN_TYPE_ID_OBJECT);
    if (object) {
        RN_TRY_VM(rn_pay_text(vm, site_name(link, site).size));
        part = object_at_site(link, site, rn_as_map(target));
    } else if (is_struct(vm, target)) {
        object = true;
        part = struct_at_site(vm, link, site, target);
    } else if (target.tag == RN_VALUE_OBJECT && target.object->kind == RN_OBJECT_RANGE) {
        part = range_bound(target, site_name(link, site));
    }
    if (part != NULL) {
        *out = *part;
        return RN_DONE;
    }
    if (object) {
        return rn_raise_missing_key(vm, site_name(link, site), target);
    }
    return rn_raise_missing_field(vm, site_name(link, site), target);
}

enum rn_outcome rn_op_field_set(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                struct rn_value target, struct rn_value value)
{
    RN_TRY_VM(rn_check_write(vm, target));
    struct rn_value *part = NULL;
    if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        RN_TRY_VM(rn_pay_text(vm, site_name(link, site).size));
        part = object_at_site(link, site, rn_as_map(target));
    } else if (is_struct(vm, target)) {
        part = struct_at_site(vm, link, site, target);
    } else if (target.tag == RN_VALUE_OBJECT && target.object->kind == RN_OBJECT_RANGE) {
        part = range_bound(target, site_name(link, site));
    }
    if (part != NULL) {
        *part = value;
        return RN_DONE;
    }
    bool done;
    struct rn_utf8 name = site_name(link, site);
    RN_TRY_VM(rn_set_named_part(vm, target, name, true, value, &done));
    return done ? RN_DONE : rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_FIELD_SET, name, target);
}

/* The site's name as a String, for types that are indexed by any value. */
static enum rn_outcome name_value(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                  struct rn_value *out)
{
    struct rn_utf8 name = site_name(link, site);
    struct rn_string *string = rn_string_new_static(vm, name.data, name.size);
    if (string == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(string);
    return RN_DONE;
}

enum rn_outcome rn_op_key_get(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                              struct rn_value target, struct rn_value *out)
{
    RN_TRY_VM(rn_check_read(vm, target));
    const struct rn_value *part = NULL;
    if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        RN_TRY_VM(rn_pay_text(vm, site_name(link, site).size));
        part = object_at_site(link, site, rn_as_map(target));
    } else if (is_struct(vm, target)) {
        part = struct_at_site(vm, link, site, target);
    }
    if (part != NULL) {
        *out = *part;
        return RN_DONE;
    }
    struct rn_value name;
    RN_TRY_VM(name_value(vm, link, site, &name));
    return rn_op_index_get(vm, target, name, out);
}

enum rn_outcome rn_op_key_set(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                              struct rn_value target, struct rn_value value)
{
    RN_TRY_VM(rn_check_write(vm, target));
    struct rn_value *part = NULL;
    if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        RN_TRY_VM(rn_pay_text(vm, site_name(link, site).size));
        part = object_at_site(link, site, rn_as_map(target));
        if (part == NULL) {
            return rn_object_insert_static(vm, rn_as_map(target), site_name(link, site), value);
        }
    } else if (is_struct(vm, target)) {
        part = struct_at_site(vm, link, site, target);
    }
    if (part != NULL) {
        *part = value;
        return RN_DONE;
    }
    struct rn_value name;
    RN_TRY_VM(name_value(vm, link, site, &name));
    return rn_op_index_set(vm, target, name, value);
}
