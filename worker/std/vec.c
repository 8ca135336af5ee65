/* vec.c: functions of std::vec::Vec and std::tuple::Tuple, but for sorting (sort.c). */
#include "worker/std/std.h"

#include <string.h>

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

NATIVE(vec_new)
{
    (void)count;
    return rn_std_object(args, rn_vec_new(vm, 0));
}

NATIVE(vec_with_capacity)
{
    (void)count;
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    return rn_std_object(args, rn_vec_new(vm, capacity));
}

NATIVE(vec_len)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    return rn_std_u64(args, vec->count);
}

NATIVE(vec_is_empty)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    return rn_std_bool(args, vec->count == 0);
}

NATIVE(vec_capacity)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    return rn_std_u64(args, vec->capacity);
}

/* Some(item), Some(new Vec of a range), or None. */
static enum rn_outcome get(struct rn_vm *vm, struct rn_value *args, const struct rn_value *items,
                           uint32_t length)
{
    struct rn_std_part part;
    RN_TRY_VM(rn_std_part(vm, args[1], length, &part));
    if (!part.found) {
        return rn_std_none(args);
    }
    if (!part.is_range) {
        return rn_std_some(vm, args, items[part.from]);
    }
    uint32_t size = (uint32_t)(part.to - part.from);
    struct rn_vec *slice = rn_vec_new(vm, size);
    if (slice == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, size);
    if (size != 0) {
        memcpy(slice->items, items + part.from, size * sizeof(*items));
    }
    slice->count = size;
    return rn_std_some(vm, args, rn_value_object(slice));
}

NATIVE(vec_get)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    return get(vm, args, vec->items, vec->count);
}

NATIVE(tuple_get)
{
    (void)count;
    struct rn_value *items;
    uint32_t length;
    RN_TRY_VM(rn_arg_tuple(vm, args[0], &items, &length));
    return get(vm, args, items, length);
}

NATIVE(tuple_len)
{
    (void)count;
    struct rn_value *items;
    uint32_t length;
    RN_TRY_VM(rn_arg_tuple(vm, args[0], &items, &length));
    return rn_std_u64(args, length);
}

NATIVE(tuple_is_empty)
{
    (void)count;
    struct rn_value *items;
    uint32_t length;
    RN_TRY_VM(rn_arg_tuple(vm, args[0], &items, &length));
    return rn_std_bool(args, length == 0);
}

NATIVE(vec_clear)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    vec->count = 0;
    vec->header.version++;
    return rn_std_unit(args);
}

NATIVE(vec_pop)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    if (vec->count == 0) {
        return rn_std_none(args);
    }
    vec->count--;
    vec->header.version++;
    return rn_std_some(vm, args, vec->items[vec->count]);
}

NATIVE(vec_push)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    return rn_vec_push(vm, vec, args[1]) ? rn_std_unit(args) : RN_RAISED;
}

static enum rn_outcome out_of_range(struct rn_vm *vm, uint32_t length, uint64_t index)
{
    return rn_raise(vm, RN_VM_ERROR_OUT_OF_RANGE, (uint64_t)length, rn_value_u64(index));
}

NATIVE(vec_remove)
{
    (void)count;
    struct rn_vec *vec;
    uint64_t index;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index >= vec->count) {
        return out_of_range(vm, vec->count, index);
    }
    rn_std_charge_items(vm, vec->count - index);
    args[0] = vec->items[index];
    vec->count--;
    memmove(&vec->items[index], &vec->items[index + 1],
            (vec->count - index) * sizeof(vec->items[0]));
    vec->header.version++;
    return RN_DONE;
}

NATIVE(vec_insert)
{
    (void)count;
    struct rn_vec *vec;
    uint64_t index;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index > vec->count) {
        return out_of_range(vm, vec->count, index);
    }
    if (!rn_vec_reserve(vm, vec, 1)) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, vec->count - index);
    memmove(&vec->items[index + 1], &vec->items[index],
            (vec->count - index) * sizeof(vec->items[0]));
    vec->items[index] = args[2];
    vec->count++;
    vec->header.version++;
    return rn_std_unit(args);
}

/* Grows by clones of the value, a chunk a round; the vector's length is all the state there is. */
NATIVE(vec_resize)
{
    (void)count;
    struct rn_vec *vec;
    uint64_t length;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    RN_TRY_VM(rn_arg_size(vm, args[1], &length));
    if (length <= vec->count) {
        vec->count = (uint32_t)length;
        vec->header.version++;
        return rn_std_unit(args);
    }
    if (!rn_vec_reserve(vm, vec, length - vec->count)) {
        return RN_RAISED;
    }
    uint64_t left = length - vec->count;
    uint64_t now = left < RN_STD_CHUNK_ITEMS ? left : RN_STD_CHUNK_ITEMS;
    rn_std_charge_items(vm, now);
    for (uint64_t i = 0; i < now; i++) {
        struct rn_value copy;
        RN_TRY_VM(rn_value_clone(vm, args[2], &copy));
        vec->items[vec->count] = copy;
        vec->count++;
    }
    vec->header.version++;
    return now < left ? RN_AGAIN : rn_std_unit(args);
}
