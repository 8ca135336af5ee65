/*
 * f64.c: functions of std::f64. The transcendental ones are those of the C library, which call
 * nothing but arithmetic; no rounding mode or exception flag is read or changed.
 */
#include "base/float_text.h"
#include "worker/std/std.h"

#include <math.h>

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

static enum rn_outcome give(struct rn_value *args, double value)
{
    args[0] = rn_value_f64(value);
    return RN_DONE;
}

static enum rn_outcome operands(struct rn_vm *vm, const struct rn_value *args, double *out_a,
                                double *out_b)
{
    RN_TRY_VM(rn_arg_f64(vm, args[0], out_a));
    return rn_arg_f64(vm, args[1], out_b);
}

#define UNARY(name, expression)                                                                    \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        (void)count;                                                                               \
        double a;                                                                                  \
        RN_TRY_VM(rn_arg_f64(vm, args[0], &a));                                                    \
        return give(args, expression);                                                             \
    }

#define TEST(name, expression)                                                                     \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        (void)count;                                                                               \
        double a;                                                                                  \
        RN_TRY_VM(rn_arg_f64(vm, args[0], &a));                                                    \
        return rn_std_bool(args, (expression) != 0);                                               \
    }

#define BINARY(name, expression)                                                                   \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        (void)count;                                                                               \
        double a;                                                                                  \
        double b;                                                                                  \
        RN_TRY_VM(operands(vm, args, &a, &b));                                                     \
        return give(args, expression);                                                             \
    }

TEST(f64_is_nan, isnan(a))
TEST(f64_is_infinite, isinf(a))
TEST(f64_is_finite, isfinite(a))
TEST(f64_is_subnormal, fpclassify(a) == FP_SUBNORMAL)
TEST(f64_is_normal, isnormal(a))

UNARY(f64_abs, fabs(a))
UNARY(f64_acos, acos(a))
UNARY(f64_asin, asin(a))
UNARY(f64_atan, atan(a))
/* The double nearest to a longer result: that of the C library may be one off, even for cubes. */
UNARY(f64_cbrt, (double)cbrtl(a))
UNARY(f64_ceil, ceil(a))
UNARY(f64_cos, cos(a))
UNARY(f64_exp, exp(a))
UNARY(f64_exp2, exp2(a))
UNARY(f64_floor, floor(a))
UNARY(f64_ln, log(a))
UNARY(f64_log10, log10(a))
UNARY(f64_log2, log2(a))
UNARY(f64_round, round(a))
UNARY(f64_sin, sin(a))
UNARY(f64_sqrt, sqrt(a))
UNARY(f64_tan, tan(a))
UNARY(f64_to_degrees, a * 57.2957795130823208767981548141051703)
UNARY(f64_to_radians, a *(3.14159265358979323846264338327950288 / 180.0))

BINARY(f64_max, fmax(a, b))
BINARY(f64_min, fmin(a, b))
BINARY(f64_atan2, atan2(a, b))
BINARY(f64_log, log(a) / log(b))
BINARY(f64_powf, pow(a, b))

#define REMAINDER(name, expression)                                                                \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        (void)count;                                                                               \
        double a;                                                                                  \
        double b;                                                                                  \
        RN_TRY_VM(operands(vm, args, &a, &b));                                                     \
        rn_charge_remainder(vm, a, b);                                                             \
        return give(args, expression);                                                             \
    }

static double div_euclid(double a, double b)
{
    double quotient = trunc(a / b);
    if (fmod(a, b) < 0) {
        return b > 0 ? quotient - 1 : quotient + 1;
    }
    return quotient;
}

static double rem_euclid(double a, double b)
{
    double rest = fmod(a, b);
    return rest < 0 ? rest + fabs(b) : rest;
}

REMAINDER(f64_div_euclid, div_euclid(a, b))
REMAINDER(f64_rem_euclid, rem_euclid(a, b))

NATIVE(f64_powi)
{
    (void)count;
    double square;
    int32_t exponent;
    RN_TRY_VM(rn_arg_f64(vm, args[0], &square));
    RN_TRY_VM(rn_std_arg_i32(vm, args[1], &exponent));
    double power = 1;
    for (int32_t rest = exponent;;) {
        power = (rest & 1) != 0 ? power * square : power;
        rest /= 2;
        if (rest == 0) {
            break;
        }
        square *= square;
    }
    return give(args, exponent < 0 ? 1 / power : power);
}

static enum rn_outcome raise_bounds(struct rn_vm *vm, double min, double max)
{
    char text[128];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, text, sizeof(text));
    rn_buf_append_text(&buf, "min > max, or either was NaN. min = ");
    rn_f64_append_debug(&buf, min);
    rn_buf_append_text(&buf, ", max = ");
    rn_f64_append_debug(&buf, max);
    return rn_raise_panic(vm, text, buf.size);
}

NATIVE(f64_clamp)
{
    (void)count;
    double value;
    double min;
    double max;
    RN_TRY_VM(operands(vm, args, &value, &min));
    RN_TRY_VM(rn_arg_f64(vm, args[2], &max));
    if (!(min <= max)) {
        return raise_bounds(vm, min, max);
    }
    return give(args, value < min ? min : value > max ? max : value);
}

NATIVE(f64_to_i64)
{
    (void)count;
    double value;
    RN_TRY_VM(rn_arg_f64(vm, args[0], &value));
    int64_t result;
    if (isnan(value)) {
        result = 0;
    } else if (value >= 9223372036854775808.0) {
        result = INT64_MAX;
    } else if (value < -9223372036854775808.0) {
        result = INT64_MIN;
    } else {
        result = (int64_t)value;
    }
    args[0] = rn_value_i64(result);
    return RN_DONE;
}
