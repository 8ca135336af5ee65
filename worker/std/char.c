/* char.c: functions of std::char. */
#include "base/unicode.h"
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

#define TEST(name)                                                                                 \
    NATIVE(char_##name)                                                                            \
    {                                                                                              \
        (void)count;                                                                               \
        uint32_t scalar;                                                                           \
        RN_TRY_VM(rn_arg_char(vm, args[0], &scalar));                                              \
        return rn_std_bool(args, rn_unicode_##name(scalar));                                       \
    }

TEST(is_alphabetic)
TEST(is_alphanumeric)
TEST(is_control)
TEST(is_lowercase)
TEST(is_numeric)
TEST(is_uppercase)
TEST(is_whitespace)

NATIVE(char_from_i64)
{
    (void)count;
    int64_t value;
    RN_TRY_VM(rn_arg_i64(vm, args[0], &value));
    if (value < 0) {
        return rn_raise(vm, RN_VM_ERROR_UNDERFLOW);
    }
    if (value > UINT32_MAX) {
        return rn_raise(vm, RN_VM_ERROR_OVERFLOW);
    }
    if (!rn_is_scalar((uint32_t)value)) {
        return rn_std_none(args);
    }
    return rn_std_some(vm, args, rn_value_char((uint32_t)value));
}

NATIVE(char_to_i64)
{
    (void)count;
    uint32_t scalar;
    RN_TRY_VM(rn_arg_char(vm, args[0], &scalar));
    args[0] = rn_value_i64(scalar);
    return RN_DONE;
}

/* The value of a digit up to 35; more if it is none. */
static uint32_t digit_value(uint32_t scalar)
{
    if (scalar >= '0' && scalar <= '9') {
        return scalar - '0';
    }
    uint32_t lower = scalar | 0x20;
    return lower >= 'a' && lower <= 'z' && scalar < 0x80 ? lower - 'a' + 10 : UINT32_MAX;
}

NATIVE(char_to_digit)
{
    (void)count;
    uint32_t scalar;
    uint32_t radix;
    RN_TRY_VM(rn_arg_char(vm, args[0], &scalar));
    RN_TRY_VM(rn_std_arg_u32(vm, args[1], &radix));
    if (radix > 36) {
        return rn_raise_panic_literal(vm, "to_digit: radix is too high (maximum 36)");
    }
    uint32_t digit = digit_value(scalar);
    return digit < radix ? rn_std_some(vm, args, rn_value_u64(digit)) : rn_std_none(args);
}
