/* u64.c: functions of std::u64. */
#include "worker/std/std.h"

/* Begins the body of a function of one or two integers, a and b, read from the arguments. */
#define UNARY(name)                                                                                \
    static enum rn_outcome name(struct rn_vm *vm, struct rn_value *args, uint64_t a);              \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)         \
    {                                                                                              \
        (void)count;                                                                               \
        uint64_t a;                                                                                \
        RN_TRY_VM(rn_arg_u64(vm, args[0], &a));                                                    \
        return name(vm, args, a);                                                                  \
    }                                                                                              \
    static enum rn_outcome name(__attribute__((unused)) struct rn_vm *vm, struct rn_value *args,   \
                                uint64_t a)

#define BINARY(name)                                                                               \
    static enum rn_outcome name(struct rn_vm *vm, struct rn_value *args, uint64_t a, uint64_t b);  \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)         \
    {                                                                                              \
        (void)count;                                                                               \
        uint64_t a;                                                                                \
        uint64_t b;                                                                                \
        RN_TRY_VM(rn_arg_u64(vm, args[0], &a));                                                    \
        RN_TRY_VM(rn_arg_u64(vm, args[1], &b));                                                    \
        return name(vm, args, a, b);                                                               \
    }                                                                                              \
    static enum rn_outcome name(__attribute__((unused)) struct rn_vm *vm, struct rn_value *args,   \
                                uint64_t a, uint64_t b)

/* Some(value), or None if the operation overflowed. */
static enum rn_outcome give_checked(struct rn_vm *vm, struct rn_value *args, bool overflowed,
                                    uint64_t value)
{
    return overflowed ? rn_std_none(args) : rn_std_some(vm, args, rn_value_u64(value));
}

BINARY(u64_max)
{
    return rn_std_u64(args, a > b ? a : b);
}

BINARY(u64_min)
{
    return rn_std_u64(args, a < b ? a : b);
}

BINARY(u64_checked_add)
{
    uint64_t sum;
    bool overflowed = __builtin_add_overflow(a, b, &sum);
    return give_checked(vm, args, overflowed, sum);
}

BINARY(u64_checked_sub)
{
    return give_checked(vm, args, a < b, a - b);
}

BINARY(u64_checked_mul)
{
    uint64_t product;
    bool overflowed = __builtin_mul_overflow(a, b, &product);
    return give_checked(vm, args, overflowed, product);
}

BINARY(u64_checked_div)
{
    return give_checked(vm, args, b == 0, b == 0 ? 0 : a / b);
}

BINARY(u64_checked_rem)
{
    return give_checked(vm, args, b == 0, b == 0 ? 0 : a % b);
}

BINARY(u64_wrapping_add)
{
    return rn_std_u64(args, a + b);
}

BINARY(u64_wrapping_sub)
{
    return rn_std_u64(args, a - b);
}

BINARY(u64_wrapping_mul)
{
    return rn_std_u64(args, a * b);
}

BINARY(u64_wrapping_div)
{
    return b == 0 ? rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO) : rn_std_u64(args, a / b);
}

BINARY(u64_wrapping_rem)
{
    return b == 0 ? rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO) : rn_std_u64(args, a % b);
}

BINARY(u64_saturating_add)
{
    uint64_t sum;
    return rn_std_u64(args, __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum);
}

BINARY(u64_saturating_sub)
{
    return rn_std_u64(args, a < b ? 0 : a - b);
}

BINARY(u64_saturating_mul)
{
    uint64_t product;
    return rn_std_u64(args, __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product);
}

UNARY(u64_pow)
{
    uint32_t exponent;
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &exponent));
    uint64_t power = 1;
    for (uint64_t square = a; exponent != 0; exponent >>= 1) {
        power = (exponent & 1) != 0 ? power * square : power;
        square *= square;
    }
    return rn_std_u64(args, power);
}

UNARY(u64_saturating_pow)
{
    uint32_t exponent;
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &exponent));
    bool square_overflowed = false;
    uint64_t power = 1;
    for (uint64_t square = a; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0 &&
            (square_overflowed || __builtin_mul_overflow(power, square, &power))) {
            return rn_std_u64(args, UINT64_MAX);
        }
        square_overflowed = square_overflowed || __builtin_mul_overflow(square, square, &square);
    }
    return rn_std_u64(args, power);
}

UNARY(u64_to_f64)
{
    args[0] = rn_value_f64((double)a);
    return RN_DONE;
}

UNARY(u64_to_string)
{
    char buffer[RN_STD_DECIMAL_MAX];
    char *digits = rn_std_decimal(buffer, a);
    return rn_std_text(vm, args, digits, (size_t)(buffer + sizeof(buffer) - digits));
}
