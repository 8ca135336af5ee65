/*
 * args.c: what natives ask of their arguments, with Rune's errors.
 */
#include "worker/vm/machine.h"

static enum rn_outcome raise_access(struct rn_vm *vm, enum rn_vm_error_kind kind,
                                    struct rn_value value)
{
    return rn_raise(vm, kind, value);
}

enum rn_outcome rn_check_read(struct rn_vm *vm, struct rn_value value)
{
    return rn_is_moved(value) ? raise_access(vm, RN_VM_ERROR_ACCESS_READ, value) : RN_DONE;
}

enum rn_outcome rn_check_write(struct rn_vm *vm, struct rn_value value)
{
    const uint8_t barred = RN_OBJECT_MOVED | RN_OBJECT_HELD;
    bool free = value.tag != RN_VALUE_OBJECT || (value.object->flags & barred) == 0;
    return free ? RN_DONE : raise_access(vm, RN_VM_ERROR_ACCESS_WRITE, value);
}

static bool has_version(const struct rn_object *object)
{
    return object->kind == RN_OBJECT_STRING || object->kind == RN_OBJECT_VEC ||
           object->kind == RN_OBJECT_OBJECT || object->kind == RN_OBJECT_MAP ||
           object->kind == RN_OBJECT_VEC_DEQUE;
}

enum rn_outcome rn_take(struct rn_vm *vm, struct rn_value value)
{
    if (value.tag != RN_VALUE_OBJECT) {
        return RN_DONE;
    }
    if (rn_is_moved(value)) {
        return raise_access(vm, RN_VM_ERROR_ACCESS_TAKE, value);
    }
    value.object->flags |= RN_OBJECT_MOVED;
    if (has_version(value.object)) {
        value.object->version++; // iterators notice
    }
    return RN_DONE;
}

enum rn_outcome rn_arg_i64(struct rn_vm *vm, struct rn_value value, int64_t *out_value)
{
    if (value.tag != RN_VALUE_I64) {
        if (value.tag != RN_VALUE_U64) {
            return rn_raise(vm, RN_VM_ERROR_EXPECTED_NUMBER, value);
        }
        if (value.u64 > INT64_MAX) {
            return rn_raise(vm, RN_VM_ERROR_VALUE_TO_INTEGER, value, RN_UTF8("i64"));
        }
    }
    *out_value = value.i64;
    return RN_DONE;
}

static enum rn_outcome unsigned_below(struct rn_vm *vm, struct rn_value value, uint64_t max,
                                      struct rn_utf8 name, uint64_t *out_value)
{
    if (value.tag != RN_VALUE_I64 && value.tag != RN_VALUE_U64) {
        return rn_raise(vm, RN_VM_ERROR_EXPECTED_NUMBER, value);
    }
    if ((value.tag == RN_VALUE_I64 && value.i64 < 0) || value.u64 > max) {
        return rn_raise(vm, RN_VM_ERROR_VALUE_TO_INTEGER, value, name);
    }
    *out_value = value.u64;
    return RN_DONE;
}

enum rn_outcome rn_arg_u64(struct rn_vm *vm, struct rn_value value, uint64_t *out_value)
{
    return unsigned_below(vm, value, UINT64_MAX, RN_UTF8("u64"), out_value);
}

enum rn_outcome rn_arg_size(struct rn_vm *vm, struct rn_value value, uint64_t *out_value)
{
    return unsigned_below(vm, value, UINT64_MAX, RN_UTF8("usize"), out_value);
}

enum rn_outcome rn_arg_byte(struct rn_vm *vm, struct rn_value value, uint8_t *out_value)
{
    uint64_t wide;
    RN_TRY_VM(unsigned_below(vm, value, UINT8_MAX, RN_UTF8("u8"), &wide));
    *out_value = (uint8_t)wide;
    return RN_DONE;
}

enum rn_outcome rn_arg_f64(struct rn_vm *vm, struct rn_value value, double *out_value)
{
    if (value.tag != RN_VALUE_F64) {
        return rn_raise_expected(vm, RN_TYPE_ID_F64, value);
    }
    *out_value = value.f64;
    return RN_DONE;
}

enum rn_outcome rn_arg_bool(struct rn_vm *vm, struct rn_value value, bool *out_value)
{
    if (value.tag != RN_VALUE_BOOL) {
        return rn_raise_expected(vm, RN_TYPE_ID_BOOL, value);
    }
    *out_value = value.u64 != 0;
    return RN_DONE;
}

enum rn_outcome rn_arg_char(struct rn_vm *vm, struct rn_value value, uint32_t *out_value)
{
    if (value.tag != RN_VALUE_CHAR) {
        return rn_raise_expected(vm, RN_TYPE_ID_CHAR, value);
    }
    *out_value = (uint32_t)value.u64;
    return RN_DONE;
}

enum rn_outcome rn_arg_exact(struct rn_vm *vm, struct rn_value value, uint32_t type,
                             struct rn_object **out_object)
{
    if (!rn_object_is(value, type)) {
        return rn_raise_expected(vm, type, value);
    }
    RN_TRY_VM(rn_check_read(vm, value));
    *out_object = value.object;
    return RN_DONE;
}

enum rn_outcome rn_arg_string(struct rn_vm *vm, struct rn_value value,
                              struct rn_string **out_string)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_STRING, (struct rn_object **)out_string);
}

enum rn_outcome rn_arg_bytes(struct rn_vm *vm, struct rn_value value, struct rn_string **out_bytes)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_BYTES, (struct rn_object **)out_bytes);
}

enum rn_outcome rn_arg_vec(struct rn_vm *vm, struct rn_value value, struct rn_vec **out_vec)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_VEC, (struct rn_object **)out_vec);
}

enum rn_outcome rn_arg_object(struct rn_vm *vm, struct rn_value value, struct rn_map **out_object)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_OBJECT, (struct rn_object **)out_object);
}

enum rn_outcome rn_arg_map(struct rn_vm *vm, struct rn_value value, uint32_t type,
                           struct rn_map **out_map)
{
    return rn_arg_exact(vm, value, type, (struct rn_object **)out_map);
}

enum rn_outcome rn_arg_vec_deque(struct rn_vm *vm, struct rn_value value,
                                 struct rn_vec_deque **out_deque)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_VEC_DEQUE, (struct rn_object **)out_deque);
}

enum rn_outcome rn_arg_function(struct rn_vm *vm, struct rn_value value,
                                struct rn_function **out_function)
{
    return rn_arg_exact(vm, value, RN_TYPE_ID_FUNCTION, (struct rn_object **)out_function);
}

enum rn_outcome rn_arg_tuple(struct rn_vm *vm, struct rn_value value, struct rn_value **out_items,
                             uint32_t *out_count)
{
    if (value.tag == RN_VALUE_UNIT) {
        *out_items = NULL;
        *out_count = 0;
        return RN_DONE;
    }
    struct rn_object *object;
    RN_TRY_VM(rn_arg_exact(vm, value, RN_TYPE_ID_TUPLE, &object));
    *out_items = ((struct rn_tuple *)object)->items;
    *out_count = object->count;
    return RN_DONE;
}
