/*
 * ops_match.c: pattern tests, constants, `?`.
 *
 * Pattern tests never convert and never raise for a value of another type; a moved value raises.
 */
#include <string.h>

#include "worker/vm/machine.h"

static bool text_equals(struct rn_vm *vm, struct rn_value value, uint32_t type, struct rn_utf8 text)
{
    if (!rn_object_is(value, type)) {
        return false;
    }
    const struct rn_string *string = rn_as_string(value);
    if (string->size != text.size) {
        return false;
    }
    rn_charge(vm, text.size / 64);
    return memcmp(string->data, text.data, text.size) == 0;
}

static bool match_sequence(struct rn_value value, uint8_t test, uint32_t length)
{
    bool vec = test == RN_SEQ_VEC || test == RN_SEQ_VEC_AT_LEAST;
    uint32_t count;
    if (vec) {
        if (!rn_object_is(value, RN_TYPE_ID_VEC)) {
            return false;
        }
        count = rn_as_vec(value)->count;
    } else if (value.tag == RN_VALUE_UNIT) {
        count = 0;
    } else if (rn_object_is(value, RN_TYPE_ID_TUPLE)) {
        count = value.object->count;
    } else {
        return false;
    }
    bool exact = test == RN_SEQ_VEC || test == RN_SEQ_TUPLE;
    return exact ? count == length : count >= length;
}

/* Each key that is looked for is paid for: a set may have as many as an image has room for. */
static enum rn_outcome match_object(struct rn_vm *vm, const struct rn_link *link,
                                    const struct rn_inst *inst, struct rn_value value, bool *out)
{
    *out = false;
    if (!rn_object_is(value, RN_TYPE_ID_OBJECT)) {
        return RN_DONE;
    }
    const struct rn_map *object = rn_as_map(value);
    const struct rn_unit_key_set *set = &link->unit.keys[inst->imm];
    if (object->live < set->count || (inst->c != 0 && object->live != set->count)) {
        return RN_DONE;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        struct rn_utf8 key = rn_unit_string_at(&link->unit, link->unit.names[set->start + i]);
        rn_charge(vm, 1);
        RN_TRY_VM(rn_check_spent(vm));
        RN_TRY_VM(rn_pay_text(vm, key.size));
        if (rn_object_find(object, key.data, (uint32_t)key.size) == RN_NONE) {
            return RN_DONE;
        }
    }
    *out = true;
    return RN_DONE;
}

/* Of that struct or variant exactly, or of any variant of that enum. */
static bool match_type(const struct rn_vm *vm, struct rn_value value, uint32_t type)
{
    return rn_exact_type_of(value) == type || rn_type_of(vm, value) == type;
}

/* `==` with a literal: raises, or asks the library, as it would with a String. */
static enum rn_outcome equals_text(struct rn_vm *vm, struct rn_value value, struct rn_utf8 text,
                                   bool *out)
{
    if (rn_object_is(value, RN_TYPE_ID_STRING)) {
        *out = text_equals(vm, value, RN_TYPE_ID_STRING, text);
        return RN_DONE;
    }
    struct rn_string *string = rn_string_new_static(vm, text.data, text.size);
    if (string == NULL) {
        return RN_RAISED;
    }
    return rn_op_test(vm, RN_OP_EQ, value, rn_value_object(string), out);
}

enum rn_outcome rn_op_match(struct rn_vm *vm, const struct rn_link *link,
                            const struct rn_inst *inst, const struct rn_value *base, bool *out)
{
    struct rn_value value = base[inst->b];
    RN_TRY_VM(rn_check_read(vm, value));
    switch ((int)inst->op) {
    case RN_OP_EQ_STRING:
        return equals_text(vm, value, rn_unit_string_at(&link->unit, inst->imm), out);
    case RN_OP_MATCH_STRING:
        *out = text_equals(vm, value, RN_TYPE_ID_STRING, rn_unit_string_at(&link->unit, inst->imm));
        return RN_DONE;
    case RN_OP_MATCH_BYTES:
        *out = text_equals(vm, value, RN_TYPE_ID_BYTES, rn_unit_string_at(&link->unit, inst->imm));
        return RN_DONE;
    case RN_OP_MATCH_SEQ:
        *out = match_sequence(value, inst->c, inst->imm);
        return RN_DONE;
    case RN_OP_MATCH_OBJECT:
        return match_object(vm, link, inst, value, out);
    case RN_OP_MATCH_TYPE:
        *out = match_type(vm, value, link->type_ids[inst->imm]);
        return RN_DONE;
    case RN_OP_IS:
        *out = rn_type_of(vm, value) == link->type_ids[inst->imm];
        return RN_DONE;
    default:
        RN_CHECK(false);
        return RN_RAISED;
    }
}

enum rn_outcome rn_op_constant(struct rn_vm *vm, const struct rn_link *link, uint32_t constant,
                               struct rn_value *out)
{
    const struct rn_unit_constant *row = &link->unit.constants[constant];
    switch (row->kind) {
    case RN_CONSTANT_I64:
        *out = (struct rn_value){.tag = RN_VALUE_I64, .u64 = row->payload};
        return RN_DONE;
    case RN_CONSTANT_U64:
        *out = rn_value_u64(row->payload);
        return RN_DONE;
    case RN_CONSTANT_F64:
        *out = (struct rn_value){.tag = RN_VALUE_F64, .u64 = row->payload};
        return RN_DONE;
    default:
        return rn_value_decode(vm, link->unit.constant_data + (uint32_t)row->payload,
                               row->payload >> 32, out);
    }
}

/* --- Exact equality with a constant: same kinds at every level --- */

static bool match_leaf(struct rn_vm *vm, struct rn_value constant, struct rn_value value)
{
    if (constant.tag != value.tag) {
        return false;
    }
    if (constant.tag != RN_VALUE_OBJECT) {
        return constant.tag == RN_VALUE_F64 ? constant.f64 == value.f64 : constant.u64 == value.u64;
    }
    if (constant.object->type != value.object->type) {
        return false;
    }
    switch (constant.object->kind) {
    case RN_OBJECT_STRING:
        return text_equals(vm, value, constant.object->type,
                           rn_string_text(rn_as_string(constant)));
    case RN_OBJECT_VEC:
        return rn_as_vec(constant)->count == rn_as_vec(value)->count;
    case RN_OBJECT_OBJECT:
        return rn_as_map(constant)->live == rn_as_map(value)->live;
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_STRUCT:
        return constant.object->count == value.object->count;
    default:
        return false;
    }
}

static uint32_t part_count(struct rn_value constant)
{
    switch (constant.object->kind) {
    case RN_OBJECT_VEC:
        return rn_as_vec(constant)->count;
    case RN_OBJECT_OBJECT:
        return rn_as_map(constant)->used;
    case RN_OBJECT_STRING:
        return 0;
    default:
        return constant.object->count;
    }
}

/* Part i of a constant and its counterpart in the value; false if there is none. */
static bool part_pair(struct rn_value constant, struct rn_value value, uint64_t i,
                      struct rn_value *out_constant, struct rn_value *out_value)
{
    switch (constant.object->kind) {
    case RN_OBJECT_VEC:
        *out_constant = rn_as_vec(constant)->items[i];
        *out_value = rn_as_vec(value)->items[i];
        return true;
    case RN_OBJECT_OBJECT: {
        const struct rn_object_entry *entry = &rn_as_map(constant)->object_entries[i];
        const struct rn_value *other =
            rn_object_get(rn_as_map(value), entry->key.data, entry->key.size);
        *out_constant = entry->value;
        *out_value = other == NULL ? rn_value_empty() : *other;
        return other != NULL;
    }
    default:
        *out_constant = rn_as_tuple(constant)->items[i];
        *out_value = rn_as_tuple(value)->items[i];
        return true;
    }
}

/* Two frames a level: the constant with the position, and the value. */
static enum rn_outcome match_nested(struct rn_vm *vm, struct rn_walk *walk,
                                    struct rn_value constant, struct rn_value value, bool *out)
{
    RN_TRY_VM(rn_walk_push(vm, walk, constant));
    RN_TRY_VM(rn_walk_push(vm, walk, value));
    *out = true;
    while (walk->count > 0) {
        struct rn_walk_frame *top = &walk->frames[walk->count - 2];
        if (top->position == part_count(top->value)) {
            walk->count -= 2;
            continue;
        }
        struct rn_value left;
        struct rn_value right;
        if (!part_pair(top->value, top[1].value, top->position++, &left, &right) ||
            !match_leaf(vm, left, right)) {
            *out = false;
            return RN_DONE;
        }
        if (left.tag == RN_VALUE_OBJECT && part_count(left) > 0) {
            RN_TRY_VM(rn_check_read(vm, right));
            RN_TRY_VM(rn_walk_push(vm, walk, left));
            RN_TRY_VM(rn_walk_push(vm, walk, right));
        }
    }
    return RN_DONE;
}

enum rn_outcome rn_op_match_constant(struct rn_vm *vm, const struct rn_link *link,
                                     uint32_t constant, struct rn_value value, bool *out)
{
    struct rn_value expected;
    RN_TRY_VM(rn_check_read(vm, value));
    RN_TRY_VM(rn_op_constant(vm, link, constant, &expected));
    *out = match_leaf(vm, expected, value);
    if (!*out || expected.tag != RN_VALUE_OBJECT || part_count(expected) == 0) {
        return RN_DONE;
    }
    struct rn_walk walk = {0};
    enum rn_outcome outcome = match_nested(vm, &walk, expected, value, out);
    rn_walk_done(vm, &walk);
    return outcome;
}

/* --- `?` --- */

enum rn_outcome rn_op_try(struct rn_vm *vm, struct rn_value value, struct rn_value *out,
                          bool *out_return)
{
    RN_TRY_VM(rn_check_read(vm, value));
    *out_return = false;
    switch (rn_exact_type_of(value)) {
    case RN_VARIANT_ID_OPTION_SOME:
    case RN_VARIANT_ID_RESULT_OK:
        *out = rn_payload(value);
        return RN_DONE;
    case RN_VARIANT_ID_OPTION_NONE:
    case RN_VARIANT_ID_RESULT_ERR:
        *out_return = true;
        *out = value;
        return RN_DONE;
    default:
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_TRY, value);
    }
}
