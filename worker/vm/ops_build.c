/*
 * ops_build.c: instructions that make values out of registers.
 */
#include <string.h>

#include "worker/vm/machine.h"

static uint32_t range_type(uint8_t kind)
{
    static const uint32_t types[RN_RANGE_KIND_COUNT] = {
        [RN_RANGE_FULL] = RN_TYPE_ID_RANGE_FULL,
        [RN_RANGE_FROM] = RN_TYPE_ID_RANGE_FROM,
        [RN_RANGE_TO] = RN_TYPE_ID_RANGE_TO,
        [RN_RANGE_TO_INCLUSIVE] = RN_TYPE_ID_RANGE_TO_INCLUSIVE,
        [RN_RANGE_HALF_OPEN] = RN_TYPE_ID_RANGE,
        [RN_RANGE_INCLUSIVE] = RN_TYPE_ID_RANGE_INCLUSIVE,
    };
    return types[kind];
}

/* How many bounds a range type has; RN_NONE for other types. */
static uint32_t range_bounds(uint32_t type)
{
    switch (type) {
    case RN_TYPE_ID_RANGE_FULL:
        return 0;
    case RN_TYPE_ID_RANGE_FROM:
    case RN_TYPE_ID_RANGE_TO:
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
        return 1;
    case RN_TYPE_ID_RANGE:
    case RN_TYPE_ID_RANGE_INCLUSIVE:
        return 2;
    default:
        return RN_NONE;
    }
}

static enum rn_outcome make_fields(struct rn_vm *vm, enum rn_object_kind kind, uint32_t type,
                                   const struct rn_value *values, uint32_t count,
                                   struct rn_value *out)
{
    struct rn_tuple *tuple =
        rn_heap_object(vm, kind, type, sizeof(*tuple) + count * sizeof(struct rn_value));
    if (tuple == NULL) {
        return RN_RAISED;
    }
    tuple->header.count = count;
    if (count > 0) {
        memcpy(tuple->items, values, count * sizeof(struct rn_value));
    }
    *out = rn_value_object(tuple);
    return RN_DONE;
}

enum rn_outcome rn_make_struct(struct rn_vm *vm, uint32_t type, const struct rn_value *values,
                               uint32_t count, struct rn_value *out)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    uint32_t expected = record->field_count;
    enum rn_object_kind kind = RN_OBJECT_STRUCT;
    if (range_bounds(type) != RN_NONE) {
        expected = range_bounds(type);
        kind = RN_OBJECT_RANGE;
    } else if (record->shape == RN_SHAPE_OPAQUE) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_CALL, rn_value_type(type));
    }
    if (count != expected) {
        return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, (uint64_t)count, (uint64_t)expected);
    }
    if (type < RN_LIBRARY_TYPE_COUNT && count == 0 && kind == RN_OBJECT_STRUCT) {
        return rn_make_variant(vm, type, rn_value_unit(), out); // None, Less ..: inline
    }
    return make_fields(vm, kind, type, values, count, out);
}

static enum rn_outcome make_vec(struct rn_vm *vm, const struct rn_value *values, uint32_t count,
                                struct rn_value *out)
{
    struct rn_vec *vec = rn_vec_new(vm, count);
    if (vec == NULL) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(vec->items, values, count * sizeof(struct rn_value));
    }
    vec->count = count;
    *out = rn_value_object(vec);
    return RN_DONE;
}

static enum rn_outcome make_tuple(struct rn_vm *vm, const struct rn_value *values, uint32_t count,
                                  struct rn_value *out)
{
    if (count == 0) {
        *out = rn_value_unit();
        return RN_DONE;
    }
    return make_fields(vm, RN_OBJECT_TUPLE, RN_TYPE_ID_TUPLE, values, count, out);
}

static enum rn_outcome make_object(struct rn_vm *vm, const struct rn_link *link, uint32_t keys,
                                   const struct rn_value *values, uint32_t count,
                                   struct rn_value *out)
{
    struct rn_map *object = rn_object_new(vm, count);
    if (object == NULL) {
        return RN_RAISED;
    }
    const uint32_t *names = link->unit.names + link->unit.keys[keys].start;
    for (uint32_t i = 0; i < count; i++) {
        RN_TRY_VM(rn_object_insert_static(vm, object, rn_unit_string_at(&link->unit, names[i]),
                                          values[i]));
    }
    *out = rn_value_object(object);
    return RN_DONE;
}

static enum rn_outcome make_closure(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                                    const struct rn_value *captures, uint32_t count,
                                    struct rn_value *out)
{
    struct rn_function *closure = rn_function_new(vm, link, RN_FORM_SCRIPT, function, count);
    if (closure == NULL) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(closure->captures, captures, count * sizeof(struct rn_value));
    }
    *out = rn_value_object(closure);
    return RN_DONE;
}

static enum rn_outcome make_function(struct rn_vm *vm, const struct rn_link *link, uint32_t form,
                                     uint32_t index, struct rn_value *out)
{
    struct rn_function *function = rn_function_new(vm, link, form, index, 0);
    if (function == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(function);
    return RN_DONE;
}

static enum rn_outcome make_imported(struct rn_vm *vm, const struct rn_link *link, uint32_t import,
                                     struct rn_value *out)
{
    rn_callee callee = link->imports[import];
    uint32_t index = rn_callee_index(callee);
    switch (rn_callee_form(callee)) {
    case RN_CALLEE_NATIVE:
        return make_function(vm, NULL, RN_FORM_NATIVE, index, out);
    case RN_CALLEE_STANDARD:
        return make_function(vm, vm->engine->standard, RN_FORM_SCRIPT, index, out);
    case RN_CALLEE_SCRIPT:
        return make_function(vm, vm->script, RN_FORM_SCRIPT, index, out);
    case RN_CALLEE_HOST:
        return make_function(vm, vm->script, RN_FORM_HOST, index, out);
    case RN_CALLEE_TYPE:
        return make_function(vm, NULL, RN_FORM_TYPE, index, out);
    case RN_CALLEE_NONE:
        break;
    }
    return rn_raise(vm, RN_VM_ERROR_MISSING_CONTEXT_FUNCTION, link->unit.imports[import].hash);
}

static enum rn_outcome extend_vec(struct rn_vm *vm, struct rn_value target,
                                  const struct rn_value *values, uint32_t count)
{
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, target, &vec));
    if (!rn_vec_reserve(vm, vec, count)) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(vec->items + vec->count, values, count * sizeof(struct rn_value));
    }
    vec->count += count;
    vec->header.version++;
    return RN_DONE;
}

static enum rn_outcome new_text(struct rn_vm *vm, struct rn_utf8 text, enum rn_opcode op,
                                struct rn_value *out)
{
    struct rn_string *string = op == RN_OP_TEXT ? rn_string_with_capacity(vm, text.size + 16)
                                                : rn_string_new_static(vm, text.data, text.size);
    if (string == NULL ||
        (op == RN_OP_TEXT && !rn_string_append(vm, string, text.data, text.size))) {
        return RN_RAISED;
    }
    if (op == RN_OP_BYTES) {
        string->header.type = RN_TYPE_ID_BYTES;
    }
    *out = rn_value_object(string);
    return RN_DONE;
}

static enum rn_outcome of_vec(struct rn_vm *vm, const struct rn_link *link,
                              const struct rn_inst *inst, struct rn_value *target)
{
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, *target, &vec));
    if (inst->op == RN_OP_TUPLE_OF) {
        return make_tuple(vm, vec->items, vec->count, target);
    }
    return rn_make_struct(vm, link->type_ids[inst->imm], vec->items, vec->count, target);
}

enum rn_outcome rn_op_build(struct rn_vm *vm, const struct rn_link *link,
                            const struct rn_inst *inst, struct rn_value *base)
{
    struct rn_value *a = &base[inst->a];
    switch ((int)inst->op) {
    case RN_OP_STRING:
    case RN_OP_BYTES:
    case RN_OP_TEXT:
        return new_text(vm, rn_unit_string_at(&link->unit, inst->imm), (enum rn_opcode)inst->op, a);
    case RN_OP_FUNCTION:
        return make_function(vm, link, RN_FORM_SCRIPT, inst->imm, a);
    case RN_OP_IMPORTED:
        return make_imported(vm, link, inst->imm, a);
    case RN_OP_CONSTRUCTOR:
        return make_function(vm, NULL, RN_FORM_TYPE, link->type_ids[inst->imm], a);
    case RN_OP_CLOSURE:
        return make_closure(vm, link, inst->imm, a, inst->b, a);
    case RN_OP_VEC:
        return make_vec(vm, a, inst->b, a);
    case RN_OP_VEC_RESERVE: {
        // A hint that came from source: bounded, since nobody has the elements yet.
        struct rn_vec *vec = rn_vec_new(vm, inst->imm < 65536 ? inst->imm : 65536);
        *a = vec == NULL ? rn_value_unit() : rn_value_object(vec);
        return vec == NULL ? RN_RAISED : RN_DONE;
    }
    case RN_OP_VEC_EXTEND:
        return extend_vec(vm, *a, &base[inst->b], inst->c);
    case RN_OP_TUPLE:
        return make_tuple(vm, a, inst->b, a);
    case RN_OP_TUPLE_OF:
    case RN_OP_STRUCT_OF:
        return of_vec(vm, link, inst, a);
    case RN_OP_OBJECT:
        return make_object(vm, link, inst->imm, a, inst->b, a);
    case RN_OP_STRUCT:
        return rn_make_struct(vm, link->type_ids[inst->imm], a, inst->b, a);
    case RN_OP_RANGE:
        return make_fields(vm, RN_OBJECT_RANGE, range_type(inst->c), a, inst->b, a);
    default:
        RN_CHECK(false);
        return RN_RAISED;
    }
}

/* --- Text --- */

static enum rn_outcome append_digits(struct rn_vm *vm, struct rn_string *text, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    return rn_string_append(vm, text, digits + at, sizeof(digits) - at) ? RN_DONE : RN_RAISED;
}

static enum rn_outcome append_display(struct rn_vm *vm, struct rn_string *text,
                                      struct rn_value value)
{
    if (value.tag == RN_VALUE_I64) {
        return append_digits(vm, text, value.i64);
    }
    if (rn_object_is(value, RN_TYPE_ID_STRING)) {
        RN_TRY_VM(rn_check_read(vm, value));
        const struct rn_string *part = rn_as_string(value);
        rn_charge(vm, part->size / 16);
        return rn_string_append(vm, text, part->data, part->size) ? RN_DONE : RN_RAISED;
    }
    return vm->engine->library->display(vm, text, value);
}

/* While a value is shown the text is being written: were it a part of the value, which no compiler
 * does, its bytes would move under the reader. So it counts as taken. */
static enum rn_outcome append_shown(struct rn_vm *vm, const struct rn_link *link,
                                    const struct rn_inst *inst, struct rn_string *text,
                                    struct rn_value value)
{
    text->header.flags |= RN_OBJECT_MOVED;
    enum rn_outcome outcome =
        inst->op == RN_OP_TEXT_DISPLAY
            ? append_display(vm, text, value)
            : vm->engine->library->format(vm, text, value, &link->unit.specs[inst->imm]);
    text->header.flags &= (uint8_t)~RN_OBJECT_MOVED;
    return outcome;
}

enum rn_outcome rn_op_text(struct rn_vm *vm, const struct rn_link *link, const struct rn_inst *inst,
                           struct rn_value *base)
{
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, base[inst->a], &text));
    if (inst->op != RN_OP_TEXT_STRING) {
        return append_shown(vm, link, inst, text, base[inst->b]);
    }
    struct rn_utf8 part = rn_unit_string_at(&link->unit, inst->imm);
    rn_charge(vm, part.size / 16);
    return rn_string_append(vm, text, part.data, part.size) ? RN_DONE : RN_RAISED;
}
