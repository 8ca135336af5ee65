/* bytes.c: functions of std::bytes::Bytes. */
#include "worker/std/std.h"

#include <string.h>

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_bytes_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

NATIVE(new)
{
    (void)count;
    return rn_std_object(args, rn_bytes_new(vm, "", 0));
}

NATIVE(with_capacity)
{
    (void)count;
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    struct rn_string *bytes = rn_bytes_new(vm, "", 0);
    if (bytes == NULL || !rn_string_reserve(vm, bytes, capacity)) {
        return RN_RAISED;
    }
    return rn_std_object(args, bytes);
}

NATIVE(from_vec)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    rn_std_charge_items(vm, vec->count);
    struct rn_string *bytes = rn_bytes_new(vm, "", 0);
    if (bytes == NULL || !rn_string_reserve(vm, bytes, vec->count)) {
        return RN_RAISED;
    }
    for (uint32_t i = 0; i < vec->count; i++) {
        uint8_t byte;
        RN_TRY_VM(rn_arg_byte(vm, vec->items[i], &byte));
        if (!rn_string_append(vm, bytes, (const char *)&byte, 1)) {
            return RN_RAISED;
        }
    }
    return rn_std_object(args, bytes);
}

static struct rn_vec *vec_of(struct rn_vm *vm, const struct rn_string *bytes)
{
    rn_std_charge_items(vm, bytes->size);
    struct rn_vec *vec = rn_vec_new(vm, bytes->size);
    for (uint32_t i = 0; vec != NULL && i < bytes->size; i++) {
        vec->items[i] = rn_value_u64((uint8_t)bytes->data[i]);
    }
    if (vec != NULL) {
        vec->count = bytes->size;
    }
    return vec;
}

NATIVE(as_vec)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return rn_std_object(args, vec_of(vm, bytes));
}

NATIVE(into_vec)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    struct rn_vec *vec = vec_of(vm, bytes);
    if (vec == NULL) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_take(vm, args[0]));
    return rn_std_object(args, vec);
}

static enum rn_outcome append(struct rn_vm *vm, struct rn_value *args, struct rn_string *bytes,
                              const struct rn_string *other)
{
    size_t size = other->size;
    rn_std_charge_bytes(vm, size);
    if (!rn_string_reserve(vm, bytes, size) || !rn_string_append(vm, bytes, other->data, size)) {
        return RN_RAISED;
    }
    bytes->header.version++;
    return rn_std_unit(args);
}

NATIVE(extend)
{
    (void)count;
    struct rn_string *bytes;
    struct rn_string *other;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_bytes(vm, args[1], &other));
    return append(vm, args, bytes, other);
}

NATIVE(extend_str)
{
    (void)count;
    struct rn_string *bytes;
    struct rn_string *other;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_string(vm, args[1], &other));
    return append(vm, args, bytes, other);
}

static uint64_t byte_at(const struct rn_string *bytes, uint64_t index)
{
    return (uint8_t)bytes->data[index];
}

NATIVE(pop)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    if (bytes->size == 0) {
        return rn_std_none(args);
    }
    bytes->size--;
    bytes->header.version++;
    return rn_std_some(vm, args, rn_value_u64(byte_at(bytes, bytes->size)));
}

NATIVE(push)
{
    (void)count;
    struct rn_string *bytes;
    uint8_t byte;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_byte(vm, args[1], &byte));
    if (!rn_string_append(vm, bytes, (const char *)&byte, 1)) {
        return RN_RAISED;
    }
    bytes->header.version++;
    return rn_std_unit(args);
}

/* Bytes of a Unit get storage of their own before they are changed in place. */
static char *own_storage(struct rn_vm *vm, struct rn_string *bytes, size_t extra)
{
    if (!rn_string_reserve(vm, bytes, extra == 0 ? 1 : extra)) {
        return NULL;
    }
    bytes->header.version++;
    return (char *)(uintptr_t)bytes->data;
}

NATIVE(remove)
{
    (void)count;
    struct rn_string *bytes;
    uint64_t index;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index >= bytes->size) {
        return rn_raise(vm, RN_VM_ERROR_OUT_OF_RANGE, (uint64_t)bytes->size, rn_value_u64(index));
    }
    char *data = own_storage(vm, bytes, 0);
    if (data == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_bytes(vm, bytes->size - index);
    uint64_t byte = byte_at(bytes, index);
    memmove(data + index, data + index + 1, bytes->size - index - 1);
    bytes->size--;
    return rn_std_u64(args, byte);
}

NATIVE(insert)
{
    (void)count;
    struct rn_string *bytes;
    uint64_t index;
    uint8_t byte;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    RN_TRY_VM(rn_arg_byte(vm, args[2], &byte));
    if (index > bytes->size) {
        return rn_raise(vm, RN_VM_ERROR_OUT_OF_RANGE, (uint64_t)bytes->size, rn_value_u64(index));
    }
    char *data = own_storage(vm, bytes, 1);
    if (data == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_bytes(vm, bytes->size - index);
    memmove(data + index + 1, data + index, bytes->size - index);
    data[index] = (char)byte;
    bytes->size++;
    return rn_std_unit(args);
}

NATIVE(first)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return bytes->size == 0 ? rn_std_none(args)
                            : rn_std_some(vm, args, rn_value_u64(byte_at(bytes, 0)));
}

NATIVE(last)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return bytes->size == 0 ? rn_std_none(args)
                            : rn_std_some(vm, args, rn_value_u64(byte_at(bytes, bytes->size - 1u)));
}

NATIVE(len)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return rn_std_u64(args, bytes->size);
}

NATIVE(is_empty)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return rn_std_bool(args, bytes->size == 0);
}

NATIVE(capacity)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    return rn_std_u64(args, bytes->capacity == 0 ? bytes->size : bytes->capacity);
}

NATIVE(clear)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    bytes->size = 0;
    bytes->header.version++;
    return rn_std_unit(args);
}

NATIVE(reserve)
{
    (void)count;
    struct rn_string *bytes;
    uint64_t extra;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    RN_TRY_VM(rn_arg_size(vm, args[1], &extra));
    return rn_string_reserve(vm, bytes, extra) ? rn_std_unit(args) : RN_RAISED;
}

NATIVE(reserve_exact)
{
    return rn_std_bytes_reserve(vm, args, count);
}

NATIVE(shrink_to_fit)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_std_bytes_mut(vm, args[0], &bytes));
    return rn_std_shrink(vm, bytes) ? rn_std_unit(args) : RN_RAISED;
}
