/*
 * missing.c: what is said of a method or a field that is not there.
 *
 * The name is compared with those that are, for one that may have been meant. That is done once, at the
 * end of an execution, and at most RN_NEAR's looks: nobody pays for it.
 */
#include <string.h>

#include "base/near.h"
#include "bytecode/hash.h"
#include "worker/vm/machine.h"

/* Functions of the library that exist only with a type, as one of them is written and called. */
static const char *const generic_methods[][3] = {
    {"parse", "parse::<i64>", "parse::<std::i64>"},
    {"collect", "collect::<Vec>", "collect::<std::vec::Vec>"},
    {"sum", "sum::<i64>", "sum::<std::i64>"},
    {"product", "product::<i64>", "product::<std::i64>"},
    {"to", "to::<f64>", "to::<std::f64>"},
    {"to", "to::<i64>", "to::<std::i64>"},
};

/* Names of the library's methods, one after another, each with a zero at its end. */
static const char library_methods[] =
#define STD_METHOD(type, name, arity, symbol) name "\0"
#define STD_TRAIT_METHOD(trait, name, arity, symbol) name "\0"
#define STD_SCRIPT_METHOD(type, name, arity) name "\0"
#include "bytecode/std.def"
    ;

static bool has_method(const struct rn_vm *vm, struct rn_value value, const char *name, size_t size)
{
    return rn_find_method(vm, rn_exact_type_of(value), rn_hash_text(name, size)) != 0;
}

static void look_in_library(const struct rn_vm *vm, struct rn_value value, struct rn_near *near)
{
    const char *end = library_methods + sizeof(library_methods) - 1;
    for (const char *at = library_methods; at < end; at += strlen(at) + 1) {
        struct rn_utf8 name = {at, strlen(at)};
        if (rn_near_is_nearer(near, name) && has_method(vm, value, name.data, name.size)) {
            rn_near_take(near, name);
        }
    }
}

/* A Unit has names of methods where they are called. */
static void look_in_unit(const struct rn_vm *vm, const struct rn_link *link, struct rn_value value,
                         struct rn_near *near)
{
    for (uint32_t i = 0; i < link->unit.counts[RN_SECTION_SITES]; i++) {
        struct rn_utf8 name = rn_unit_string_at(&link->unit, link->unit.sites[i].name);
        if (link->unit.sites[i].kind == RN_SITE_CALL && rn_near_is_nearer(near, name) &&
            has_method(vm, value, name.data, name.size)) {
            rn_near_take(near, name);
        }
    }
}

static void look_in_object(const struct rn_map *object, struct rn_near *near)
{
    for (uint32_t i = 0; i < object->used && near->looks > 0; i++) {
        const struct rn_object_entry *entry = &object->object_entries[i];
        if (entry->value.tag != RN_VALUE_EMPTY) {
            rn_near_look(near, (struct rn_utf8){entry->key.data, entry->key.size});
        }
    }
}

static void look_in_struct(const struct rn_type_record *record, struct rn_near *near)
{
    const uint32_t *names = record->unit->names + record->fields;
    for (uint32_t i = 0; i < record->field_count; i++) {
        rn_near_look(near, rn_unit_string_at(record->unit, names[i]));
    }
}

static bool has_field(struct rn_vm *vm, struct rn_value value, struct rn_utf8 name)
{
    if (rn_object_is(value, RN_TYPE_ID_OBJECT)) {
        return rn_object_get(rn_as_map(value), name.data, name.size) != NULL;
    }
    return rn_has_open_fields(vm, value) &&
           rn_field_slot(vm, rn_type_record(vm, value.object->type), name) != RN_NONE;
}

enum rn_outcome rn_raise_missing_method(struct rn_vm *vm, const struct rn_link *link,
                                        struct rn_utf8 name, struct rn_value value)
{
    for (size_t i = 0; i < RN_COUNT_OF(generic_methods); i++) {
        const char *const *row = generic_methods[i];
        bool alike = strlen(row[0]) == name.size && memcmp(row[0], name.data, name.size) == 0;
        if (alike && has_method(vm, value, row[2], strlen(row[2]))) {
            struct rn_utf8 written = {row[1], strlen(row[1])};
            return rn_raise(vm, RN_VM_ERROR_MISSING_GENERIC, name, value, written);
        }
    }
    if (has_field(vm, value, name)) {
        return rn_raise(vm, RN_VM_ERROR_METHOD_IS_FIELD, name, value, name);
    }
    struct rn_near near = rn_near_begin(name);
    look_in_library(vm, value, &near);
    look_in_unit(vm, link, value, &near);
    return near.best.size == 0
               ? rn_raise(vm, RN_VM_ERROR_MISSING_METHOD, name, value)
               : rn_raise(vm, RN_VM_ERROR_MISSING_METHOD_NEAR, name, value, near.best);
}

static struct rn_utf8 near_part(struct rn_vm *vm, struct rn_utf8 name, struct rn_value target)
{
    struct rn_near near = rn_near_begin(name);
    if (rn_object_is(target, RN_TYPE_ID_OBJECT)) {
        look_in_object(rn_as_map(target), &near);
    } else if (rn_has_open_fields(vm, target)) {
        look_in_struct(rn_type_record(vm, target.object->type), &near);
    }
    return near.best;
}

enum rn_outcome rn_raise_missing_key(struct rn_vm *vm, struct rn_utf8 name, struct rn_value target)
{
    struct rn_utf8 near = near_part(vm, name, target);
    return near.size == 0 ? rn_raise(vm, RN_VM_ERROR_OBJECT_INDEX_MISSING, name, target)
                          : rn_raise(vm, RN_VM_ERROR_OBJECT_INDEX_NEAR, name, target, near);
}

enum rn_outcome rn_raise_missing_part(struct rn_vm *vm, struct rn_utf8 name, struct rn_value target)
{
    struct rn_utf8 near = near_part(vm, name, target);
    return near.size == 0 ? rn_raise(vm, RN_VM_ERROR_MISSING_FIELD, name, target)
                          : rn_raise(vm, RN_VM_ERROR_MISSING_FIELD_NEAR, name, target, near);
}

enum rn_outcome rn_raise_missing_field(struct rn_vm *vm, struct rn_utf8 name,
                                       struct rn_value target)
{
    return has_method(vm, target, name.data, name.size)
               ? rn_raise(vm, RN_VM_ERROR_FIELD_IS_METHOD, name, target, name)
               : rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_FIELD_GET, name, target);
}
