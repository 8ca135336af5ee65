/* i64.c: functions of std::i64. */
#include "worker/std/std.h"

/* Begins the body of a function of one or two integers, a and b, read from the arguments. */
#define UNARY(name)                                                                                \
    static enum rn_outcome name(struct rn_vm *vm, struct rn_value *args, int64_t a);               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)         \
    {                                                                                              \
        (void)count;                                                                               \
        int64_t a;                                                                                 \
        RN_TRY_VM(rn_arg_i64(vm, args[0], &a));                                                    \
        return name(vm, args, a);                                                                  \
    }                                                                                              \
    static enum rn_outcome name(__attribute__((unused)) struct rn_vm *vm, struct rn_value *args,   \
                                int64_t a)

#define BINARY(name)                                                                               \
    static enum rn_outcome name(struct rn_vm *vm, struct rn_value *args, int64_t a, int64_t b);    \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)         \
    {                                                                                              \
        (void)count;                                                                               \
        int64_t a;                                                                                 \
        int64_t b;                                                                                 \
        RN_TRY_VM(rn_arg_i64(vm, args[0], &a));                                                    \
        RN_TRY_VM(rn_arg_i64(vm, args[1], &b));                                                    \
        return name(vm, args, a, b);                                                               \
    }                                                                                              \
    static enum rn_outcome name(__attribute__((unused)) struct rn_vm *vm, struct rn_value *args,   \
                                int64_t a, int64_t b)

static enum rn_outcome give(struct rn_value *args, int64_t value)
{
    args[0] = rn_value_i64(value);
    return RN_DONE;
}

/* Some(value), or None if the operation overflowed. */
static enum rn_outcome give_checked(struct rn_vm *vm, struct rn_value *args, bool overflowed,
                                    int64_t value)
{
    return overflowed ? rn_std_none(args) : rn_std_some(vm, args, rn_value_i64(value));
}

/* The quotient that does not exist, apart from those by zero. */
static bool quotient_overflows(int64_t a, int64_t b)
{
    return a == INT64_MIN && b == -1;
}

static int64_t limit(bool negative)
{
    return negative ? INT64_MIN : INT64_MAX;
}

BINARY(i64_max)
{
    return give(args, a > b ? a : b);
}

BINARY(i64_min)
{
    return give(args, a < b ? a : b);
}

BINARY(i64_checked_add)
{
    int64_t sum;
    bool overflowed = __builtin_add_overflow(a, b, &sum);
    return give_checked(vm, args, overflowed, sum);
}

BINARY(i64_checked_sub)
{
    int64_t difference;
    bool overflowed = __builtin_sub_overflow(a, b, &difference);
    return give_checked(vm, args, overflowed, difference);
}

BINARY(i64_checked_mul)
{
    int64_t product;
    bool overflowed = __builtin_mul_overflow(a, b, &product);
    return give_checked(vm, args, overflowed, product);
}

BINARY(i64_checked_div)
{
    bool overflowed = b == 0 || quotient_overflows(a, b);
    return give_checked(vm, args, overflowed, overflowed ? 0 : a / b);
}

BINARY(i64_checked_rem)
{
    bool overflowed = b == 0 || quotient_overflows(a, b);
    return give_checked(vm, args, overflowed, overflowed ? 0 : a % b);
}

BINARY(i64_wrapping_add)
{
    return give(args, (int64_t)((uint64_t)a + (uint64_t)b));
}

BINARY(i64_wrapping_sub)
{
    return give(args, (int64_t)((uint64_t)a - (uint64_t)b));
}

BINARY(i64_wrapping_mul)
{
    return give(args, (int64_t)((uint64_t)a * (uint64_t)b));
}

BINARY(i64_wrapping_div)
{
    if (b == 0) {
        return rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO);
    }
    return give(args, quotient_overflows(a, b) ? a : a / b);
}

BINARY(i64_wrapping_rem)
{
    if (b == 0) {
        return rn_raise(vm, RN_VM_ERROR_DIVIDE_BY_ZERO);
    }
    return give(args, quotient_overflows(a, b) ? 0 : a % b);
}

BINARY(i64_saturating_add)
{
    int64_t sum;
    return give(args, __builtin_add_overflow(a, b, &sum) ? limit(a < 0) : sum);
}

BINARY(i64_saturating_sub)
{
    int64_t difference;
    return give(args, __builtin_sub_overflow(a, b, &difference) ? limit(a < 0) : difference);
}

BINARY(i64_saturating_mul)
{
    int64_t product;
    return give(args, __builtin_mul_overflow(a, b, &product) ? limit((a < 0) != (b < 0)) : product);
}

UNARY(i64_pow)
{
    uint32_t exponent;
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &exponent));
    uint64_t power = 1;
    for (uint64_t square = (uint64_t)a; exponent != 0; exponent >>= 1) {
        power = (exponent & 1) != 0 ? power * square : power;
        square *= square;
    }
    return give(args, (int64_t)power);
}

UNARY(i64_saturating_pow)
{
    uint32_t exponent;
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &exponent));
    bool negative = a < 0 && (exponent & 1) != 0;
    bool square_overflowed = false;
    int64_t power = 1;
    for (int64_t square = a; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0 &&
            (square_overflowed || __builtin_mul_overflow(power, square, &power))) {
            return give(args, limit(negative));
        }
        square_overflowed = square_overflowed || __builtin_mul_overflow(square, square, &square);
    }
    return give(args, power);
}

UNARY(i64_abs)
{
    return give(args, a < 0 ? (int64_t) - (uint64_t)a : a);
}

UNARY(i64_saturating_abs)
{
    if (a == INT64_MIN) {
        return give(args, INT64_MAX);
    }
    return give(args, a < 0 ? -a : a);
}

UNARY(i64_signum)
{
    return give(args, (a > 0) - (a < 0));
}

UNARY(i64_is_positive)
{
    return rn_std_bool(args, a > 0);
}

UNARY(i64_is_negative)
{
    return rn_std_bool(args, a < 0);
}

UNARY(i64_to_f64)
{
    args[0] = rn_value_f64((double)a);
    return RN_DONE;
}

UNARY(i64_to_string)
{
    char buffer[RN_STD_DECIMAL_MAX + 1];
    char *digits = rn_std_decimal(buffer + 1, a < 0 ? -(uint64_t)a : (uint64_t)a);
    if (a < 0) {
        *--digits = '-';
    }
    return rn_std_text(vm, args, digits, (size_t)(buffer + sizeof(buffer) - digits));
}
