/*
 * float_parse.c: decimal text to the nearest double.
 *
 * The first 19 digits w and the exponent q give two bounds of the value: w * 10^q and, where digits
 * or bits of the power of ten were cut off, a little more. Nearly always both round to the same
 * double, which is then the answer. Otherwise they round to two neighbours, and the exact value of
 * the text is compared with the point halfway between them. All in integers, so neither rounding
 * mode nor locale matters.
 */
#include "base/digits.h"
#include "base/float_big.h"
#include "base/float_powers.h"
#include "base/float_text.h"

#include <string.h>

enum {
    SIGNIFICAND_DIGITS = 19,
    /* A point halfway between two doubles has at most 767 significant digits. */
    EXACT_DIGITS = 800,
    /* 10^19 * 10^-343 is less than half the smallest double. */
    EXPONENT_MIN = RN_POWER_FIRST,
    EXPONENT_MAX = 308,
    CHUNK_DIGITS = 9,
};

/* Beyond this an exponent cannot be made up for by the digits of any text. */
#define EXPLICIT_EXPONENT_MAX INT64_C(100000000000000000)
#define INFINITY_BITS (UINT64_C(0x7ff) << 52)

/* The text taken apart: mantissa, between point and end, is digits with at most one point. */
struct parts {
    const char *mantissa;
    const char *mantissa_end;
    int64_t exponent; /* behind the e */
    bool negative;
};

/* significand * 10^exponent; `truncated`: and more than nothing, less than 1 * 10^exponent. */
struct approximation {
    uint64_t significand;
    int64_t exponent;
    bool truncated;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Moves over a sign if there is one; true for minus. */
static bool take_sign(const char **at, const char *end)
{
    if (*at == end || (**at != '-' && **at != '+')) {
        return false;
    }
    return *(*at)++ == '-';
}

static bool split_exponent(const char *at, const char *end, int64_t *out_exponent)
{
    bool negative = take_sign(&at, end);
    int64_t exponent = 0;
    if (at == end) {
        return false;
    }
    at += rn_zero_prefix(at, (size_t)(end - at));
    for (; at < end && is_digit(*at); at++) {
        if (exponent < EXPLICIT_EXPONENT_MAX) {
            exponent = exponent * 10 + (*at - '0');
        } else {
            size_t run = rn_digit_prefix(at, (size_t)(end - at));
            at += run > 0 ? run - 1 : 0;
        }
    }
    *out_exponent = negative ? -exponent : exponent;
    return at == end;
}

static bool split(const char *text, size_t size, struct parts *out_parts)
{
    const char *at = text;
    const char *end = text + size;
    struct parts parts = {.negative = take_sign(&at, end)};
    uint32_t points = 0;
    parts.mantissa = at;
    while (at < end && (is_digit(*at) || (*at == '.' && points == 0))) {
        points += *at++ == '.';
        at += rn_digit_prefix(at, (size_t)(end - at));
    }
    parts.mantissa_end = at;
    bool has_digits = (size_t)(at - parts.mantissa) > points;
    bool has_exponent = at < end && (*at == 'e' || *at == 'E');
    if (!has_digits || (at < end && !has_exponent)) {
        return false;
    }
    if (has_exponent && !split_exponent(at + 1, end, &parts.exponent)) {
        return false;
    }
    *out_parts = parts;
    return true;
}

/* Digits from here to the point, or to the end. */
static size_t run_size(const char *at, const char *end)
{
    const char *point = memchr(at, '.', (size_t)(end - at));
    return (size_t)((point ? point : end) - at);
}

static bool is_zeros(const char *text, size_t size)
{
    size_t at = rn_zero_prefix(text, size);
    while (at < size && text[at] == '0') {
        at++;
    }
    return at == size;
}

static struct approximation approximate(const struct parts *parts)
{
    struct approximation result = {.exponent = parts->exponent};
    uint32_t digits = 0;
    int64_t step = 0; // what one more digit of the significand adds to the exponent
    for (const char *at = parts->mantissa, *end = parts->mantissa_end; at < end; at++) {
        if (digits == 0) {
            size_t zeros = rn_zero_prefix(at, (size_t)(end - at) - 1);
            result.exponent += step * (int64_t)zeros;
            at += zeros;
        }
        if (*at == '.') {
            step = -1;
        } else if (digits < SIGNIFICAND_DIGITS) {
            result.significand = result.significand * 10 + (uint64_t)(*at - '0');
            result.exponent += step;
            digits += result.significand != 0;
        } else {
            size_t run = run_size(at, end);
            result.truncated = result.truncated || !is_zeros(at, run);
            result.exponent += (step + 1) * (int64_t)run;
            at += run - 1;
        }
    }
    return result;
}

/* --- Two bounds, rounded --- */

/* high, middle and low are 192 bits of which the first or the second is set. */
struct product {
    uint64_t high;
    uint64_t middle;
    uint64_t low;
    int32_t exponent; /* of the lowest bit */
};

/* The bits of the double nearest to the product, half to even. */
static uint64_t round_product(struct product product)
{
    if (product.high >> 63 == 0) {
        product.high = product.high << 1 | product.middle >> 63;
        product.middle = product.middle << 1 | product.low >> 63;
        product.low <<= 1;
        product.exponent--;
    }
    int32_t exponent = product.exponent + 191; // of the top bit
    if (exponent > 1023) {
        return INFINITY_BITS;
    }
    uint32_t cut = exponent >= -1022 ? 11 : 11 + (uint32_t)(-1022 - exponent);
    if (cut > 64) {
        return 0;
    }
    uint64_t kept = cut == 64 ? 0 : product.high >> cut;
    uint64_t half = UINT64_C(1) << (cut - 1);
    bool above_half = (product.high & (half - 1)) != 0 || product.middle != 0 || product.low != 0;
    if ((product.high & half) != 0 && (above_half || kept % 2 != 0)) {
        kept++;
    }
    // The implicit bit of `kept`, and a carry beyond it, count into the exponent's field.
    return exponent >= -1022 ? ((uint64_t)(exponent + 1022) << 52) + kept : kept;
}

static struct product multiply(uint64_t significand, int32_t q)
{
    int32_t leading = __builtin_clzll(significand);
    const struct rn_power_of_ten *power = rn_power(q);
    significand <<= leading;
    rn_u128 low = (rn_u128)significand * power->low;
    rn_u128 high = (rn_u128)significand * power->high + (uint64_t)(low >> 64);
    return (struct product){.high = (uint64_t)(high >> 64),
                            .middle = (uint64_t)high,
                            .low = (uint64_t)low,
                            .exponent = rn_power_scale(q) - leading};
}

static uint64_t lower_bound(uint64_t significand, int32_t q)
{
    return round_product(multiply(significand, q));
}

/* A power that is not exact is less than one of its last bits too small. */
static uint64_t upper_bound(uint64_t significand, int32_t q)
{
    struct product product = multiply(significand, q);
    if (!rn_power_is_exact(q)) {
        uint64_t added = significand << __builtin_clzll(significand);
        bool carry = __builtin_add_overflow(product.low, added, &product.low);
        rn_u128 upper = ((rn_u128)product.high << 64 | product.middle) + carry;
        product.high = (uint64_t)(upper >> 64);
        product.middle = (uint64_t)upper;
    }
    return round_product(product);
}

/* --- The exact comparison --- */

struct digits {
    struct rn_big big;
    uint32_t pending; /* digits not yet in `big`: fewer than CHUNK_DIGITS */
    uint32_t pending_scale;
};

static void flush_digits(struct digits *digits)
{
    rn_big_multiply_add(&digits->big, digits->pending_scale, digits->pending);
    digits->pending = 0;
    digits->pending_scale = 1;
}

static void push_digit(struct digits *digits, uint32_t digit)
{
    digits->pending = digits->pending * 10 + digit;
    digits->pending_scale *= 10;
    if (digits->pending_scale == 1000000000) {
        flush_digits(digits);
    }
}

/*
 * All digits that can matter. What follows the first EXACT_DIGITS can only tell a value from the
 * halfway point just below, so a single 1 stands for it. Gives the exponent of the last digit.
 */
static int64_t collect_digits(const struct parts *parts, struct digits *digits)
{
    int64_t exponent = parts->exponent;
    int64_t step = 0;
    uint32_t count = 0;
    bool rest = false;
    rn_big_set(&digits->big, 0);
    digits->pending = 0;
    digits->pending_scale = 1;
    for (const char *at = parts->mantissa, *end = parts->mantissa_end; at < end; at++) {
        if (count == 0) {
            size_t zeros = rn_zero_prefix(at, (size_t)(end - at) - 1);
            exponent += step * (int64_t)zeros;
            at += zeros;
        }
        if (*at == '.') {
            step = -1;
        } else if (count < EXACT_DIGITS) {
            count += count > 0 || *at != '0';
            push_digit(digits, (uint32_t)(*at - '0'));
            exponent += step;
        } else {
            size_t run = run_size(at, end);
            rest = rest || !is_zeros(at, run);
            exponent += (step + 1) * (int64_t)run;
            at += run - 1;
        }
    }
    if (rest) {
        push_digit(digits, 1);
        exponent--;
    }
    flush_digits(digits);
    return exponent;
}

/* Compares the text with the point halfway between the double of `bits` and the next. */
static int compare_with_halfway(const struct parts *parts, uint64_t bits)
{
    uint64_t significand = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52);
    significand |= biased == 0 ? 0 : UINT64_C(1) << 52;
    int64_t binary = (biased == 0 ? -1074 : biased - 1075) - 1;
    struct digits text;
    struct rn_big halfway;
    int64_t decimal = collect_digits(parts, &text);
    rn_big_set(&halfway, significand * 2 + 1);
    // text * 5^decimal * 2^decimal against halfway * 2^binary, without negative exponents.
    rn_big_multiply_power_of_5(decimal < 0 ? &halfway : &text.big,
                               (uint32_t)(decimal < 0 ? -decimal : decimal));
    int64_t shift = decimal - binary;
    rn_big_shift_left(shift < 0 ? &halfway : &text.big, (uint32_t)(shift < 0 ? -shift : shift));
    return rn_big_compare(&text.big, &halfway);
}

static uint64_t nearest(const struct parts *parts)
{
    struct approximation value = approximate(parts);
    if (value.significand == 0 || value.exponent < EXPONENT_MIN) {
        return 0;
    }
    if (value.exponent > EXPONENT_MAX) {
        return INFINITY_BITS;
    }
    int32_t q = (int32_t)value.exponent;
    uint64_t lower = lower_bound(value.significand, q);
    uint64_t upper = upper_bound(value.significand + value.truncated, q);
    if (lower == upper) {
        return lower;
    }
    RN_ASSERT(upper == lower + 1);
    int order = compare_with_halfway(parts, lower);
    return order > 0 || (order == 0 && lower % 2 != 0) ? upper : lower;
}

bool rn_f64_parse(const char *text, size_t size, double *out_value)
{
    struct parts parts;
    if (size == 0 || !split(text, size, &parts)) {
        return false;
    }
    uint64_t bits = nearest(&parts) | (uint64_t)parts.negative << 63;
    memcpy(out_value, &bits, sizeof(bits));
    return true;
}
