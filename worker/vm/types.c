/*
 * types.c: the types of values, and what is known about a type.
 */
#include "worker/vm/machine.h"

static const uint32_t inline_types[] = {
    [RN_VALUE_I64] = RN_TYPE_ID_I64,
    [RN_VALUE_F64] = RN_TYPE_ID_F64,
    [RN_VALUE_U64] = RN_TYPE_ID_U64,
    [RN_VALUE_BOOL] = RN_TYPE_ID_BOOL,
    [RN_VALUE_CHAR] = RN_TYPE_ID_CHAR,
    [RN_VALUE_UNIT] = RN_TYPE_ID_TUPLE,
    [RN_VALUE_NONE] = RN_VARIANT_ID_OPTION_NONE,
    [RN_VALUE_ORDERING] = RN_TYPE_ID_ORDERING,
    [RN_VALUE_TYPE] = RN_TYPE_ID_TYPE,
    [RN_VALUE_HASH] = RN_TYPE_ID_HASH,
    [RN_VALUE_EMPTY] = RN_TYPE_ID_TUPLE,
};

uint32_t rn_exact_type_of(struct rn_value value)
{
    if (value.tag == RN_VALUE_OBJECT) {
        return value.object->type;
    }
    return value.tag == RN_VALUE_ORDERING ? (uint32_t)(RN_VARIANT_ID_ORDERING_LESS + value.u64)
                                          : inline_types[value.tag];
}

uint32_t rn_type_of(const struct rn_vm *vm, struct rn_value value)
{
    if (value.tag != RN_VALUE_OBJECT) {
        return value.tag == RN_VALUE_NONE ? RN_TYPE_ID_OPTION : inline_types[value.tag];
    }
    return rn_type_record(vm, value.object->type)->parent;
}

struct rn_type_info rn_type_info(const struct rn_vm *vm, uint32_t type)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    return (struct rn_type_info){
        .path = record->path,
        .hash = record->hash,
        .shape = record->shape,
        .is_enum = (record->flags & RN_TYPE_RECORD_ENUM) != 0,
        .is_variant = (record->flags & RN_TYPE_RECORD_VARIANT) != 0,
        .is_library = (record->flags & RN_TYPE_RECORD_LIBRARY) != 0,
        .field_count = (record->flags & RN_TYPE_RECORD_ENUM) != 0 ? 0 : record->field_count,
        .parent = record->parent,
        .variant_index = record->variant_index,
    };
}

struct rn_utf8 rn_type_field(const struct rn_vm *vm, uint32_t type, uint32_t field)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    RN_CHECK(record->shape == RN_SHAPE_NAMED && field < record->field_count);
    return rn_unit_string_at(record->unit, record->unit->names[record->fields + field]);
}

uint32_t rn_engine_find_type(const struct rn_engine *engine, uint64_t hash)
{
    rn_callee callee = rn_names_find(engine, RN_OWNER_TYPES, hash);
    return callee == 0 ? RN_NONE : rn_callee_index(callee);
}

uint32_t rn_find_type(const struct rn_vm *vm, uint64_t hash)
{
    uint32_t type = rn_engine_find_type(vm->engine, hash);
    for (uint32_t i = 0; type == RN_NONE && i < vm->script->type_count; i++) {
        if (vm->script->types[i].hash == hash) {
            type = vm->script->first_type + i;
        }
    }
    return type;
}

struct rn_utf8 rn_function_name(const struct rn_vm *vm, const struct rn_function *function)
{
    switch ((enum rn_function_form)function->form) {
    case RN_FORM_SCRIPT: {
        const struct rune_verified_unit *unit = &function->link->unit;
        return rn_unit_string_at(unit, unit->functions[function->index].name);
    }
    case RN_FORM_NATIVE: {
        const char *path = vm->engine->library->natives[function->index].path;
        return (struct rn_utf8){path, __builtin_strlen(path)};
    }
    case RN_FORM_TYPE:
        return rn_type_record(vm, function->index)->path;
    case RN_FORM_HOST:
        break;
    }
    return RN_UTF8("host function");
}
