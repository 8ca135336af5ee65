/*
 * ops_index.c: `a[i]` and `a.0`.
 *
 * An integer index reaches the elements of tuples, vectors and payloads directly; everything else
 * is INDEX_GET and INDEX_SET of the library's types.
 */
#include <string.h>

#include "worker/vm/machine.h"

/* What a.0 sees of a value. */
struct parts {
    struct rn_value *items;
    uint32_t count;
};

/* True if values of the kind have numbered parts at all (perhaps none). */
static bool numbered_parts(struct rn_vm *vm, struct rn_value target, struct parts *out)
{
    *out = (struct parts){NULL, 0};
    if (target.tag != RN_VALUE_OBJECT) {
        return target.tag == RN_VALUE_UNIT || target.tag == RN_VALUE_NONE;
    }
    switch (target.object->kind) {
    case RN_OBJECT_VEC:
        *out = (struct parts){rn_as_vec(target)->items, rn_as_vec(target)->count};
        return true;
    case RN_OBJECT_TUPLE:
        *out = (struct parts){rn_as_tuple(target)->items, target.object->count};
        return true;
    case RN_OBJECT_STRUCT: {
        uint8_t shape = rn_type_record(vm, target.object->type)->shape;
        if (shape == RN_SHAPE_TUPLE) {
            *out = (struct parts){rn_as_tuple(target)->items, target.object->count};
        }
        return shape != RN_SHAPE_OPAQUE;
    }
    default:
        return false;
    }
}

enum rn_outcome rn_op_tuple_get(struct rn_vm *vm, struct rn_value target, uint32_t index,
                                struct rn_value *out)
{
    struct parts parts;
    RN_TRY_VM(rn_check_read(vm, target));
    if (!numbered_parts(vm, target, &parts)) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_TUPLE_GET, (uint64_t)index, target);
    }
    if (index >= parts.count) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_INDEX_INTEGER, target, rn_value_u64(index));
    }
    *out = parts.items[index];
    return RN_DONE;
}

enum rn_outcome rn_op_tuple_set(struct rn_vm *vm, struct rn_value target, uint32_t index,
                                struct rn_value value)
{
    struct parts parts;
    RN_TRY_VM(rn_check_write(vm, target));
    if (!numbered_parts(vm, target, &parts) || index >= parts.count) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_TUPLE_SET, target);
    }
    parts.items[index] = value;
    return RN_DONE;
}

/* Bounds within 0 .. length, end excluded. */
struct span {
    uint64_t start;
    uint64_t end;
};

/* False in *out_found: the range reaches beyond `length`, or is reversed. */
static enum rn_outcome resolve_range(struct rn_vm *vm, struct rn_value range, uint64_t length,
                                     struct span *out_span, bool *out_found)
{
    const struct rn_value *bounds = rn_as_tuple(range)->items;
    struct span span = {0, length};
    bool inclusive = false;
    switch (range.object->type) {
    case RN_TYPE_ID_RANGE_FROM:
        RN_TRY_VM(rn_arg_size(vm, bounds[0], &span.start));
        break;
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
        inclusive = true;
        RN_TRY_VM(rn_arg_size(vm, bounds[0], &span.end));
        break;
    case RN_TYPE_ID_RANGE_TO:
        RN_TRY_VM(rn_arg_size(vm, bounds[0], &span.end));
        break;
    case RN_TYPE_ID_RANGE:
    case RN_TYPE_ID_RANGE_INCLUSIVE:
        inclusive = range.object->type == RN_TYPE_ID_RANGE_INCLUSIVE;
        RN_TRY_VM(rn_arg_size(vm, bounds[0], &span.start));
        RN_TRY_VM(rn_arg_size(vm, bounds[1], &span.end));
        break;
    default:
        break;
    }
    *out_found = !(inclusive && span.end == UINT64_MAX);
    span.end += inclusive ? 1 : 0;
    *out_found = *out_found && span.end <= length && span.start <= span.end;
    *out_span = span;
    return RN_DONE;
}

static bool is_range(struct rn_value value)
{
    return value.tag == RN_VALUE_OBJECT && value.object->kind == RN_OBJECT_RANGE;
}

static enum rn_outcome vec_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                               struct rn_value *out)
{
    const struct rn_vec *vec = rn_as_vec(target);
    if (!is_range(index)) {
        return rn_raise(vm, RN_VM_ERROR_EXPECTED_NUMBER, index);
    }
    struct span span;
    bool found;
    RN_TRY_VM(rn_check_read(vm, index));
    RN_TRY_VM(resolve_range(vm, index, vec->count, &span, &found));
    if (!found) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_INDEX, target);
    }
    uint32_t count = (uint32_t)(span.end - span.start);
    struct rn_vec *part = rn_vec_new(vm, count);
    if (part == NULL) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(part->items, vec->items + span.start, count * sizeof(struct rn_value));
    }
    part->count = count;
    *out = rn_value_object(part);
    return RN_DONE;
}

static enum rn_outcome string_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                  struct rn_value *out)
{
    const struct rn_string *string = rn_as_string(target);
    if (!is_range(index)) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_INDEX_GET, target, index);
    }
    struct span span;
    bool found;
    RN_TRY_VM(rn_check_read(vm, index));
    RN_TRY_VM(resolve_range(vm, index, string->size, &span, &found));
    if (!found || !rn_utf8_is_boundary(string->data, string->size, span.start) ||
        !rn_utf8_is_boundary(string->data, string->size, span.end)) {
        return rn_raise_panic_literal(vm, "missing string slice");
    }
    struct rn_string *part = rn_string_new(vm, string->data + span.start, span.end - span.start);
    if (part == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(part);
    return RN_DONE;
}

static enum rn_outcome bytes_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                 struct rn_value *out)
{
    const struct rn_string *bytes = rn_as_string(target);
    struct span span;
    bool found;
    if (!is_range(index)) {
        uint64_t at;
        RN_TRY_VM(rn_arg_size(vm, index, &at));
        if (at >= bytes->size) {
            return rn_raise_panic_literal(vm, "missing bytes slice");
        }
        *out = rn_value_u64((unsigned char)bytes->data[at]);
        return RN_DONE;
    }
    RN_TRY_VM(rn_check_read(vm, index));
    RN_TRY_VM(resolve_range(vm, index, bytes->size, &span, &found));
    if (!found) {
        return rn_raise_panic_literal(vm, "missing bytes slice");
    }
    struct rn_string *part = rn_bytes_new(vm, bytes->data + span.start, span.end - span.start);
    if (part == NULL) {
        return RN_RAISED;
    }
    *out = rn_value_object(part);
    return RN_DONE;
}

static enum rn_outcome map_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                               struct rn_value *out)
{
    struct rn_map_entry *entry;
    RN_TRY_VM(rn_map_get(vm, rn_as_map(target), index, &entry));
    if (entry == NULL) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_INDEX_KEY, target);
    }
    *out = entry->value;
    return RN_DONE;
}

static enum rn_outcome out_of_range(struct rn_vm *vm, uint64_t length, struct rn_value index)
{
    return rn_raise(vm, RN_VM_ERROR_OUT_OF_RANGE, length, index);
}

static enum rn_outcome deque_item(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                  struct rn_value **out_item)
{
    struct rn_vec_deque *deque = rn_as_vec_deque(target);
    uint64_t at;
    RN_TRY_VM(rn_arg_size(vm, index, &at));
    if (at >= deque->count) {
        return out_of_range(vm, deque->count, index);
    }
    *out_item = rn_vec_deque_at(deque, (uint32_t)at);
    return RN_DONE;
}

/* INDEX_GET of the library's types. */
static enum rn_outcome protocol_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                    struct rn_value *out)
{
    uint32_t type = target.tag == RN_VALUE_OBJECT ? target.object->type : RN_NONE;
    struct rn_value *item;
    switch (type) {
    case RN_TYPE_ID_VEC:
        return vec_get(vm, target, index, out);
    case RN_TYPE_ID_STRING:
        return string_get(vm, target, index, out);
    case RN_TYPE_ID_BYTES:
        return bytes_get(vm, target, index, out);
    case RN_TYPE_ID_HASH_MAP:
        return map_get(vm, target, index, out);
    case RN_TYPE_ID_VEC_DEQUE:
        RN_TRY_VM(deque_item(vm, target, index, &item));
        *out = *item;
        return RN_DONE;
    default:
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_INDEX_GET, target, index);
    }
}

static enum rn_outcome integer_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                   struct rn_value *out)
{
    uint64_t at;
    if (!rn_object_is(target, RN_TYPE_ID_HASH_MAP)) {
        RN_TRY_VM(rn_arg_size(vm, index, &at));
        struct parts parts;
        if (numbered_parts(vm, target, &parts)) {
            if (at >= parts.count) {
                return rn_raise(vm, RN_VM_ERROR_MISSING_INDEX_INTEGER, target, index);
            }
            *out = parts.items[at];
            return RN_DONE;
        }
    }
    return protocol_get(vm, target, index, out);
}

enum rn_outcome rn_op_index_get(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                struct rn_value *out)
{
    RN_TRY_VM(rn_check_read(vm, target));
    if (index.tag != RN_VALUE_OBJECT && index.tag != RN_VALUE_NONE) {
        return integer_get(vm, target, index, out);
    }
    if (rn_object_is(index, RN_TYPE_ID_STRING)) {
        RN_TRY_VM(rn_check_read(vm, index));
        const struct rn_string *key = rn_as_string(index);
        struct rn_value *part;
        rn_charge(vm, key->size / 64);
        RN_TRY_VM(rn_named_part(vm, target, rn_string_text(key), &part));
        if (part != NULL) {
            *out = *part;
            return RN_DONE;
        }
    }
    return protocol_get(vm, target, index, out);
}

static enum rn_outcome vec_set(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                               struct rn_value value)
{
    struct rn_vec *vec = rn_as_vec(target);
    uint64_t at;
    RN_TRY_VM(rn_arg_size(vm, index, &at));
    if (at >= vec->count) {
        return out_of_range(vm, vec->count, index);
    }
    vec->items[at] = value;
    return RN_DONE;
}

static enum rn_outcome bytes_set(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                 struct rn_value value)
{
    struct rn_string *bytes = rn_as_string(target);
    uint64_t at;
    uint8_t byte;
    RN_TRY_VM(rn_arg_size(vm, index, &at));
    RN_TRY_VM(rn_arg_byte(vm, value, &byte));
    if (at >= bytes->size) {
        return out_of_range(vm, bytes->size, index);
    }
    if (!rn_string_reserve(vm, bytes, 0)) {
        return RN_RAISED;
    }
    ((uint8_t *)(uintptr_t)bytes->data)[at] = byte;
    return RN_DONE;
}

static enum rn_outcome protocol_set(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                    struct rn_value value)
{
    uint32_t type = target.tag == RN_VALUE_OBJECT ? target.object->type : RN_NONE;
    struct rn_value *item;
    switch (type) {
    case RN_TYPE_ID_VEC:
        return vec_set(vm, target, index, value);
    case RN_TYPE_ID_BYTES:
        return bytes_set(vm, target, index, value);
    case RN_TYPE_ID_HASH_MAP:
        return rn_map_insert(vm, rn_as_map(target), index, value, NULL);
    case RN_TYPE_ID_VEC_DEQUE:
        RN_TRY_VM(deque_item(vm, target, index, &item));
        *item = value;
        return RN_DONE;
    default:
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_INDEX_SET, target, index, value);
    }
}

enum rn_outcome rn_op_index_set(struct rn_vm *vm, struct rn_value target, struct rn_value index,
                                struct rn_value value)
{
    RN_TRY_VM(rn_check_write(vm, target));
    if (rn_object_is(index, RN_TYPE_ID_STRING)) {
        RN_TRY_VM(rn_check_read(vm, index));
        const struct rn_string *key = rn_as_string(index);
        bool done;
        rn_charge(vm, key->size / 64);
        RN_TRY_VM(rn_set_named_part(vm, target, rn_string_text(key), false, value, &done));
        if (done) {
            return RN_DONE;
        }
    }
    return protocol_set(vm, target, index, value);
}
