/*
 * float_parse.c: decimal text to the nearest double.
 *
 * Up to 2^53 with a power of ten up to 22 both are exact, and one operation rounds once (Clinger,
 * "How to Read Floating Point Numbers Accurately", 1990). Else the value is approximated with 64
 * bits; only where the error could reach the midpoint of two doubles does an exact comparison
 * decide.
 */
#include "base/bignum.h"
#include "base/float_text.h"

#include <string.h>

enum {
    DIGITS_MAX = 800,        /* more cannot matter, but whether any is not zero */
    POWER_5_MAX = 27,        /* the largest power of five below 2^63 */
    APPROXIMATE_ERROR = 256, /* units of the last of 64 bits, generously */
};

/* 0.d1d2d3.. * 10^point */
struct decimal {
    const char *text;
    size_t size;
    uint64_t leading; /* the first 19 significant digits */
    uint32_t leading_count;
    uint64_t count; /* significant digits, without leading zeros */
    int64_t point;
    bool negative;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and point; the offset behind them, or 0 if there is no digit. */
static size_t read_digits(struct decimal *d, size_t offset)
{
    bool seen_point = false;
    bool any = false;
    for (; offset < d->size; offset++) {
        char c = d->text[offset];
        if (c == '.' && !seen_point) {
            seen_point = true;
            continue;
        }
        if (!is_digit(c)) {
            break;
        }
        any = true;
        bool significant = d->count > 0 || c != '0';
        d->point += !seen_point && significant;
        d->point -= seen_point && !significant;
        d->count += significant;
        if (significant && d->leading_count < 19) {
            d->leading = d->leading * 10 + (uint64_t)(c - '0');
            d->leading_count++;
        }
    }
    return any ? offset : 0;
}

/* "e-12"; false if it is not one that ends the text. */
static bool read_exponent(struct decimal *d, size_t offset)
{
    if (d->text[offset] != 'e' && d->text[offset] != 'E') {
        return false;
    }
    offset++;
    bool negative = offset < d->size && d->text[offset] == '-';
    if (offset < d->size && (d->text[offset] == '-' || d->text[offset] == '+')) {
        offset++;
    }
    if (offset == d->size) {
        return false;
    }
    int64_t exponent = 0;
    for (; offset < d->size; offset++) {
        if (!is_digit(d->text[offset])) {
            return false;
        }
        // Beyond this every value is zero or infinite, whatever its digits.
        if (exponent < INT64_C(1) << 56) {
            exponent = exponent * 10 + (d->text[offset] - '0');
        }
    }
    d->point += negative ? -exponent : exponent;
    return true;
}

static bool read_decimal(struct decimal *d)
{
    size_t offset = 0;
    if (d->size > 0 && (d->text[0] == '-' || d->text[0] == '+')) {
        d->negative = d->text[0] == '-';
        offset = 1;
    }
    offset = read_digits(d, offset);
    return offset != 0 && (offset == d->size || read_exponent(d, offset));
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Exact small cases. */
static bool try_exact(const struct decimal *d, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->count > 19 || d->leading > UINT64_C(1) << 53) {
        return false;
    }
    int64_t exponent = d->point - (int64_t)d->count;
    if (exponent < -22 || exponent > 22) {
        return false;
    }
    double value = (double)d->leading;
    *out = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
    return true;
}

/* mantissa * 2^exponent with the top bit set, a little too small */
struct extended {
    uint64_t mantissa;
    int exponent;
};

__extension__ typedef unsigned __int128 wide;

static struct extended normalized(wide value, int exponent)
{
    uint64_t high = (uint64_t)(value >> 64);
    int shift = high != 0 ? 64 - __builtin_clzll(high) : -__builtin_clzll((uint64_t)value);
    struct extended x = {.exponent = exponent + shift};
    x.mantissa = shift >= 0 ? (uint64_t)(value >> shift) : (uint64_t)value << -shift;
    return x;
}

static uint64_t power_of_5(unsigned exponent)
{
    uint64_t power = 1;
    for (; exponent > 0; exponent--) {
        power *= 5;
    }
    return power;
}

static struct extended approximate(const struct decimal *d)
{
    struct extended x = normalized(d->leading, 0);
    int64_t exponent = d->point - (int64_t)d->leading_count;
    int64_t left = exponent < 0 ? -exponent : exponent;
    while (left > 0) {
        unsigned step = left < POWER_5_MAX ? (unsigned)left : POWER_5_MAX;
        uint64_t power = power_of_5(step);
        if (exponent > 0) {
            x = normalized((wide)x.mantissa * power, x.exponent + (int)step);
        } else {
            x = normalized(((wide)x.mantissa << 64) / power, x.exponent - 64 - (int)step);
        }
        left -= step;
    }
    return x;
}

/* All digits that can matter, as an integer; the power of ten that goes with it. */
static int64_t exact_digits(const struct decimal *d, struct rn_bignum *out)
{
    rn_bignum_set(out, 0);
    uint64_t taken = 0;
    bool rest = false;
    for (size_t i = 0; i < d->size && taken + rest < d->count; i++) {
        char c = d->text[i];
        if (c == 'e' || c == 'E') {
            break;
        }
        if (!is_digit(c) || (taken == 0 && c == '0')) {
            continue;
        }
        if (taken < DIGITS_MAX) {
            rn_bignum_multiply_add(out, 10, (uint32_t)(c - '0'));
            taken++;
        } else if (c != '0') {
            rest = true;
            break;
        }
    }
    if (rest) {
        // Anything beyond the digits kept: a last digit that is not zero stands for it.
        rn_bignum_multiply_add(out, 10, 1);
        taken++;
    }
    return d->point - (int64_t)taken;
}

/* The decimal against the midpoint above low * 2^exponent. */
static int compare_to_midpoint(const struct decimal *d, uint64_t low, int exponent)
{
    struct rn_bignum left;
    struct rn_bignum right;
    int64_t power = exact_digits(d, &left);
    rn_bignum_set(&right, 2 * low + 1);
    int half_exponent = exponent - 1;
    if (power >= 0) {
        rn_bignum_multiply_pow10(&left, (uint32_t)power);
    } else {
        rn_bignum_multiply_pow5(&right, (uint32_t)-power);
        half_exponent += (int)-power;
    }
    if (half_exponent >= 0) {
        rn_bignum_shift_left(&right, (uint32_t)half_exponent);
    } else {
        rn_bignum_shift_left(&left, (uint32_t)-half_exponent);
    }
    return rn_bignum_compare(&left, &right);
}

/* Whether the bits cut off `x` round `low` up. */
static bool rounds_up(const struct decimal *d, struct extended x, int cut, uint64_t low)
{
    wide half = (wide)1 << (cut - 1);
    wide rest = cut >= 64 ? x.mantissa : x.mantissa & (((wide)1 << cut) - 1);
    if (rest > half + APPROXIMATE_ERROR) {
        return true;
    }
    if (rest + APPROXIMATE_ERROR < half) {
        return false;
    }
    int order = compare_to_midpoint(d, low, x.exponent + cut);
    return order > 0 || (order == 0 && low % 2 == 1);
}

static double round_to_double(const struct decimal *d, struct extended x)
{
    // 53 bits are kept of a normal number, fewer of one below 2^-1022.
    int cut = 11;
    if (x.exponent + cut < -1074) {
        cut = -1074 - x.exponent;
    }
    if (cut > 66) {
        return 0;
    }
    uint64_t low = cut >= 64 ? 0 : x.mantissa >> cut;
    int exponent = x.exponent + cut;
    low += rounds_up(d, x, cut, low);
    if (low >= UINT64_C(1) << 53) { // rounded up to the next power of two
        low >>= 1;
        exponent++;
    }
    if (low < UINT64_C(1) << 52) { // below 2^-1022
        return from_bits(low);
    }
    if (exponent > 971) {
        return from_bits(UINT64_C(0x7ff) << 52);
    }
    return from_bits((uint64_t)(exponent + 1075) << 52 | (low & ((UINT64_C(1) << 52) - 1)));
}

static double magnitude_of(const struct decimal *d)
{
    double value;
    if (d->count == 0 || d->point < -330) {
        return 0;
    }
    if (d->point > 310) {
        return from_bits(UINT64_C(0x7ff) << 52);
    }
    if (try_exact(d, &value)) {
        return value;
    }
    return round_to_double(d, approximate(d));
}

bool rn_f64_parse(const char *text, size_t size, double *out_value)
{
    struct decimal decimal = {.text = text, .size = size};
    if (!read_decimal(&decimal)) {
        return false;
    }
    double magnitude = magnitude_of(&decimal);
    *out_value = decimal.negative ? -magnitude : magnitude;
    return true;
}
