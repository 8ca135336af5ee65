/* vec_deque.c: functions of std::collections::VecDeque. */
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_vec_deque_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

static enum rn_outcome mut(struct rn_vm *vm, struct rn_value value, struct rn_vec_deque **out_deque)
{
    RN_TRY_VM(rn_check_write(vm, value));
    return rn_arg_vec_deque(vm, value, out_deque);
}

static enum rn_outcome out_of_range(struct rn_vm *vm, const struct rn_vec_deque *deque,
                                    uint64_t index)
{
    return rn_raise(vm, RN_VM_ERROR_OUT_OF_RANGE, (uint64_t)deque->count, rn_value_u64(index));
}

NATIVE(new)
{
    (void)count;
    return rn_std_object(args, rn_vec_deque_new(vm, 0));
}

NATIVE(with_capacity)
{
    (void)count;
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    return rn_std_object(args, rn_vec_deque_new(vm, capacity));
}

NATIVE(from_vec)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    struct rn_vec_deque *deque = rn_vec_deque_new(vm, vec->count);
    if (deque == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, vec->count);
    deque->count = vec->count;
    for (uint32_t i = 0; i < vec->count; i++) {
        *rn_vec_deque_at(deque, i) = vec->items[i];
    }
    return rn_std_object(args, deque);
}

NATIVE(len)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(rn_arg_vec_deque(vm, args[0], &deque));
    return rn_std_u64(args, deque->count);
}

NATIVE(capacity)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(rn_arg_vec_deque(vm, args[0], &deque));
    return rn_std_u64(args, deque->capacity);
}

NATIVE(reserve)
{
    (void)count;
    struct rn_vec_deque *deque;
    uint64_t extra;
    RN_TRY_VM(mut(vm, args[0], &deque));
    RN_TRY_VM(rn_arg_size(vm, args[1], &extra));
    return rn_vec_deque_reserve(vm, deque, extra) ? rn_std_unit(args) : RN_RAISED;
}

NATIVE(front)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(rn_arg_vec_deque(vm, args[0], &deque));
    return deque->count == 0 ? rn_std_none(args)
                             : rn_std_some(vm, args, *rn_vec_deque_at(deque, 0));
}

NATIVE(back)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(rn_arg_vec_deque(vm, args[0], &deque));
    return deque->count == 0 ? rn_std_none(args)
                             : rn_std_some(vm, args, *rn_vec_deque_at(deque, deque->count - 1));
}

NATIVE(push_back)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(mut(vm, args[0], &deque));
    if (!rn_vec_deque_reserve(vm, deque, 1)) {
        return RN_RAISED;
    }
    *rn_vec_deque_at(deque, deque->count) = args[1];
    deque->count++;
    deque->header.version++;
    return rn_std_unit(args);
}

static void move_head(struct rn_vec_deque *deque, uint32_t by)
{
    deque->head = (deque->head + by) & (deque->capacity - 1);
}

NATIVE(push_front)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(mut(vm, args[0], &deque));
    if (!rn_vec_deque_reserve(vm, deque, 1)) {
        return RN_RAISED;
    }
    move_head(deque, deque->capacity - 1);
    *rn_vec_deque_at(deque, 0) = args[1];
    deque->count++;
    deque->header.version++;
    return rn_std_unit(args);
}

NATIVE(pop_front)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(mut(vm, args[0], &deque));
    if (deque->count == 0) {
        return rn_std_none(args);
    }
    struct rn_value item = *rn_vec_deque_at(deque, 0);
    move_head(deque, 1);
    deque->count--;
    deque->header.version++;
    return rn_std_some(vm, args, item);
}

NATIVE(pop_back)
{
    (void)count;
    struct rn_vec_deque *deque;
    RN_TRY_VM(mut(vm, args[0], &deque));
    if (deque->count == 0) {
        return rn_std_none(args);
    }
    deque->count--;
    deque->header.version++;
    return rn_std_some(vm, args, *rn_vec_deque_at(deque, deque->count));
}

NATIVE(insert)
{
    (void)count;
    struct rn_vec_deque *deque;
    uint64_t index;
    RN_TRY_VM(mut(vm, args[0], &deque));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index > deque->count) {
        return out_of_range(vm, deque, index);
    }
    if (!rn_vec_deque_reserve(vm, deque, 1)) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, deque->count - index);
    for (uint32_t i = deque->count; i > index; i--) {
        *rn_vec_deque_at(deque, i) = *rn_vec_deque_at(deque, i - 1);
    }
    *rn_vec_deque_at(deque, (uint32_t)index) = args[2];
    deque->count++;
    deque->header.version++;
    return rn_std_unit(args);
}

NATIVE(remove)
{
    (void)count;
    struct rn_vec_deque *deque;
    uint64_t index;
    RN_TRY_VM(mut(vm, args[0], &deque));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index >= deque->count) {
        return rn_std_none(args);
    }
    struct rn_value item = *rn_vec_deque_at(deque, (uint32_t)index);
    rn_std_charge_items(vm, deque->count - index);
    deque->count--;
    for (uint32_t i = (uint32_t)index; i < deque->count; i++) {
        *rn_vec_deque_at(deque, i) = *rn_vec_deque_at(deque, i + 1);
    }
    deque->header.version++;
    return rn_std_some(vm, args, item);
}

/* Item by item from the front to the back, through the free room or in a full ring in place. */
static void rotate_left(struct rn_vec_deque *deque, uint32_t by)
{
    for (uint32_t i = 0; i < by; i++) {
        struct rn_value item = *rn_vec_deque_at(deque, 0);
        *rn_vec_deque_at(deque, deque->count) = item;
        move_head(deque, 1);
    }
    deque->header.version++;
}

static void rotate_right(struct rn_vec_deque *deque, uint32_t by)
{
    for (uint32_t i = 0; i < by; i++) {
        struct rn_value item = *rn_vec_deque_at(deque, deque->count - 1);
        move_head(deque, deque->capacity - 1);
        *rn_vec_deque_at(deque, 0) = item;
    }
    deque->header.version++;
}

/* The shorter way round: at most half of the items move. */
static enum rn_outcome rotate(struct rn_vm *vm, struct rn_value *args, bool left)
{
    struct rn_vec_deque *deque;
    uint64_t by;
    RN_TRY_VM(mut(vm, args[0], &deque));
    RN_TRY_VM(rn_arg_size(vm, args[1], &by));
    if (by > deque->count) {
        return out_of_range(vm, deque, by);
    }
    uint32_t other = deque->count - (uint32_t)by;
    bool turn = other < by;
    rn_std_charge_items(vm, turn ? other : by);
    if (left != turn) {
        rotate_left(deque, turn ? other : (uint32_t)by);
    } else {
        rotate_right(deque, turn ? other : (uint32_t)by);
    }
    return rn_std_unit(args);
}

NATIVE(rotate_left)
{
    (void)count;
    return rotate(vm, args, true);
}

NATIVE(rotate_right)
{
    (void)count;
    return rotate(vm, args, false);
}
