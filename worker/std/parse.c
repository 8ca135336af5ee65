/* parse.c: numbers from text, and the opaque errors that say why not. */
#include "base/digits.h"
#include "base/float_text.h"
#include "worker/std/std.h"

#include <string.h>

struct integer_text {
    uint64_t magnitude;
    bool negative;
    bool overflow;
};

/* Sign and decimal digits; RN_PARSE_EMPTY or RN_PARSE_INVALID_DIGIT through *out_error, or true. */
static bool read_integer(struct rn_utf8 text, bool is_signed, struct integer_text *out_integer,
                         enum rn_parse_error *out_error)
{
    size_t at = 0;
    *out_integer = (struct integer_text){0};
    *out_error = text.size == 0 ? RN_PARSE_EMPTY : RN_PARSE_INVALID_DIGIT;
    if (text.size != 0 && (text.data[0] == '+' || (is_signed && text.data[0] == '-'))) {
        out_integer->negative = text.data[0] == '-';
        at = 1;
    }
    if (at == text.size) {
        return false;
    }
    at += rn_zero_prefix(text.data + at, text.size - at);
    for (; at < text.size; at++) {
        if (out_integer->overflow) {
            at += rn_digit_prefix(text.data + at, text.size - at);
            if (at == text.size) {
                break;
            }
        }
        unsigned digit = (unsigned)(uint8_t)text.data[at] - '0';
        if (digit > 9) {
            return false;
        }
        uint64_t *magnitude = &out_integer->magnitude;
        if (__builtin_mul_overflow(*magnitude, 10u, magnitude) ||
            __builtin_add_overflow(*magnitude, digit, magnitude)) {
            out_integer->overflow = true;
        }
    }
    return true;
}

static enum rn_outcome int_error(struct rn_vm *vm, struct rn_value *args, enum rn_parse_error error)
{
    return rn_std_error(vm, args, RN_TYPE_ID_PARSE_INT_ERROR, error);
}

enum rn_outcome rn_std_parse_i64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text)
{
    struct integer_text integer;
    enum rn_parse_error error;
    rn_std_charge_bytes(vm, 16 * (uint64_t)text.size); // digit by digit
    if (!read_integer(text, true, &integer, &error)) {
        return int_error(vm, args, error);
    }
    uint64_t max = integer.negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (integer.overflow || integer.magnitude > max) {
        return int_error(
            vm, args, integer.negative ? RN_PARSE_NEGATIVE_OVERFLOW : RN_PARSE_POSITIVE_OVERFLOW);
    }
    uint64_t bits = integer.negative ? -integer.magnitude : integer.magnitude;
    return rn_make_ok(vm, rn_value_i64((int64_t)bits), &args[0]);
}

enum rn_outcome rn_std_parse_u64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text)
{
    struct integer_text integer;
    enum rn_parse_error error;
    rn_std_charge_bytes(vm, 16 * (uint64_t)text.size); // digit by digit
    if (!read_integer(text, false, &integer, &error)) {
        return int_error(vm, args, error);
    }
    if (integer.overflow) {
        return int_error(vm, args, RN_PARSE_POSITIVE_OVERFLOW);
    }
    return rn_make_ok(vm, rn_value_u64(integer.magnitude), &args[0]);
}

static bool is_word(struct rn_utf8 text, const char *word)
{
    if (text.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return true;
}

/* inf, infinity, nan in any case, with a sign. */
static bool parse_word(struct rn_utf8 text, double *out_value)
{
    bool negative = false;
    if (text.size != 0 && (text.data[0] == '+' || text.data[0] == '-')) {
        negative = text.data[0] == '-';
        text.data++;
        text.size--;
    }
    double value;
    if (is_word(text, "inf") || is_word(text, "infinity")) {
        value = __builtin_inf();
    } else if (is_word(text, "nan")) {
        value = __builtin_nan("");
    } else {
        return false;
    }
    *out_value = negative ? -value : value;
    return true;
}

enum rn_outcome rn_std_parse_f64(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 text)
{
    double value = 0;
    rn_std_charge_bytes(vm, 16 * (uint64_t)text.size); // digit by digit
    if (rn_f64_parse(text.data, text.size, &value) || parse_word(text, &value)) {
        return rn_make_ok(vm, rn_value_f64(value), &args[0]);
    }
    return rn_std_error(vm, args, RN_TYPE_ID_PARSE_FLOAT_ERROR,
                        text.size == 0 ? RN_PARSE_EMPTY : RN_PARSE_INVALID_FLOAT);
}

enum rn_outcome rn_std_i64_parse(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    return rn_std_parse_i64(vm, args, rn_string_text(text));
}

enum rn_outcome rn_std_u64_parse(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    return rn_std_parse_u64(vm, args, rn_string_text(text));
}

enum rn_outcome rn_std_f64_parse(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    return rn_std_parse_f64(vm, args, rn_string_text(text));
}
