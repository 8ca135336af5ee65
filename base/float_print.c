/*
 * float_print.c: doubles to text.
 *
 * Shortest digits: most numbers that people write have at most 15 digits, and any decimal of so few
 * digits is the only one of its length that reads back as its double; so the first m / 10^p that
 * does is the answer. For the rest, the exact algorithm of Steele and White as improved by Burger
 * and Dybvig
 * ("Printing Floating-Point Numbers Quickly and Accurately", 1996), on bignums.
 */
#include "base/bignum.h"
#include "base/float_text.h"

#include <string.h>

/* |value| = mantissa * 2^exponent */
struct parts {
    uint64_t mantissa;
    int exponent;
    bool negative;
    bool boundary; /* the double below is only half as far away as the one above */
};

static struct parts split(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    struct parts parts = {.mantissa = fraction, .exponent = -1074, .negative = bits >> 63 != 0};
    if (biased != 0) {
        parts.mantissa |= UINT64_C(1) << 52;
        parts.exponent = biased - 1075;
        parts.boundary = fraction == 0 && biased > 1;
    }
    return parts;
}

/* --- Shortest digits --- */

static void set_digits(struct rn_f64_digits *out, uint64_t decimal, int32_t decimals)
{
    char reversed[20];
    uint32_t count = 0;
    for (; decimal != 0; decimal /= 10) {
        reversed[count++] = (char)('0' + decimal % 10);
    }
    uint32_t zeros = 0;
    while (zeros < count && reversed[zeros] == '0') {
        zeros++;
    }
    out->exponent = (int32_t)count - decimals;
    out->count = count - zeros;
    for (uint32_t i = 0; i < out->count; i++) {
        out->digits[i] = reversed[count - 1 - i];
    }
}

/* Tries m / 10^p with at most 15 digits; both are exact doubles, so the quotient is rounded once.
 */
static bool shortest_by_division(double value, struct rn_f64_digits *out)
{
    if (value <= 0x1p53 && value == (double)(uint64_t)value) {
        set_digits(out, (uint64_t)value, 0);
        return true;
    }
    double power = 1;
    for (int32_t decimals = 1; decimals <= 15; decimals++) {
        power *= 10;
        double scaled = value * power;
        if (scaled >= 1e15) {
            return false;
        }
        uint64_t decimal = (uint64_t)(scaled + 0.5);
        if (decimal != 0 && (double)decimal / power == value) {
            set_digits(out, decimal, decimals);
            return true;
        }
    }
    return false;
}

/* Remainder and denominator of the digits to come; the gaps to the neighbours' midpoints. */
struct expansion {
    struct rn_bignum remainder;
    struct rn_bignum denominator;
    struct rn_bignum above;
    struct rn_bignum below;
    bool inclusive; /* a tie at the midpoint reads back as this double, whose mantissa is even */
};

static void begin_expansion(struct expansion *x, struct parts parts)
{
    // Everything is doubled, and doubled again at a boundary, so that half gaps are whole.
    uint32_t extra = parts.boundary ? 2 : 1;
    rn_bignum_set(&x->remainder, parts.mantissa);
    rn_bignum_shift_left(&x->remainder, extra);
    rn_bignum_set(&x->denominator, UINT64_C(1) << extra);
    rn_bignum_set(&x->above, parts.boundary ? 2 : 1);
    rn_bignum_set(&x->below, 1);
    if (parts.exponent >= 0) {
        rn_bignum_shift_left(&x->remainder, (uint32_t)parts.exponent);
        rn_bignum_shift_left(&x->above, (uint32_t)parts.exponent);
        rn_bignum_shift_left(&x->below, (uint32_t)parts.exponent);
    } else {
        rn_bignum_shift_left(&x->denominator, (uint32_t)-parts.exponent);
    }
    x->inclusive = parts.mantissa % 2 == 0;
}

/* Whether the value plus its upper gap reaches the denominator. */
static bool reaches_next(const struct expansion *x)
{
    struct rn_bignum high = x->remainder;
    rn_bignum_add(&high, &x->above);
    int order = rn_bignum_compare(&high, &x->denominator);
    return x->inclusive ? order >= 0 : order > 0;
}

static bool reaches_below(const struct expansion *x)
{
    int order = rn_bignum_compare(&x->remainder, &x->below);
    return x->inclusive ? order <= 0 : order < 0;
}

static void times_ten(struct expansion *x)
{
    rn_bignum_multiply_add(&x->remainder, 10, 0);
    rn_bignum_multiply_add(&x->above, 10, 0);
    rn_bignum_multiply_add(&x->below, 10, 0);
}

/* Scales to 0.1 <= value < 1 (upper gap included); returns the power of ten. */
static int32_t scale(struct expansion *x, struct parts parts)
{
    int bits = 64 - __builtin_clzll(parts.mantissa) + parts.exponent;
    // floor(bits * log10(2)), at most the answer and at least one less than it.
    int32_t estimate = (int32_t)((int64_t)(bits - 1) * 30103 / 100000);
    if (bits - 1 < 0) {
        estimate--;
    }
    if (estimate >= 0) {
        rn_bignum_multiply_pow10(&x->denominator, (uint32_t)estimate);
    } else {
        rn_bignum_multiply_pow10(&x->remainder, (uint32_t)-estimate);
        rn_bignum_multiply_pow10(&x->above, (uint32_t)-estimate);
        rn_bignum_multiply_pow10(&x->below, (uint32_t)-estimate);
    }
    while (reaches_next(x)) {
        rn_bignum_multiply_add(&x->denominator, 10, 0);
        estimate++;
    }
    return estimate;
}

static char next_digit(struct expansion *x)
{
    times_ten(x);
    char digit = '0';
    while (rn_bignum_compare(&x->remainder, &x->denominator) >= 0) {
        rn_bignum_subtract(&x->remainder, &x->denominator);
        digit++;
    }
    return digit;
}

/* Whether what remains is more than half a unit of the last digit. */
static bool rounds_up(struct expansion *x)
{
    rn_bignum_shift_left(&x->remainder, 1);
    return rn_bignum_compare(&x->remainder, &x->denominator) >= 0;
}

static void shortest_exact(struct parts parts, struct rn_f64_digits *out)
{
    struct expansion x;
    begin_expansion(&x, parts);
    out->exponent = scale(&x, parts);
    out->count = 0;
    bool low;
    bool high;
    do {
        out->digits[out->count++] = next_digit(&x);
        low = reaches_below(&x);
        high = reaches_next(&x);
    } while (!low && !high && out->count < sizeof(out->digits));
    if (high && (!low || rounds_up(&x))) {
        // Cannot carry: a digit 9 that may be raised would have ended the digits earlier.
        out->digits[out->count - 1]++;
    }
}

void rn_f64_shortest(double value, struct rn_f64_digits *out_digits)
{
    struct parts parts = split(value);
    RN_ASSERT(parts.exponent < 971 + 1);
    double magnitude = value < 0 ? -value : value;
    if (parts.mantissa == 0) {
        *out_digits = (struct rn_f64_digits){.digits = "0", .count = 1, .exponent = 1};
        return;
    }
    // Very small numbers have powers of ten that are not exact doubles.
    if (magnitude < 1e-5 || !shortest_by_division(magnitude, out_digits)) {
        shortest_exact(parts, out_digits);
    }
}

/* --- Text --- */

static void append_zeros(struct rn_buf *buf, size_t count)
{
    for (size_t i = 0; i < count && buf->error == RN_OK; i++) {
        rn_buf_append_u8(buf, '0');
    }
}

/* True if there was nothing but a name to write. */
static bool append_special(struct rn_buf *buf, double value)
{
    if (value != value) {
        rn_buf_append_text(buf, "NaN");
        return true;
    }
    if (split(value).negative) {
        rn_buf_append_u8(buf, '-');
    }
    if (value - value != 0) {
        rn_buf_append_text(buf, "inf");
        return true;
    }
    return false;
}

static void append_positional(struct rn_buf *buf, const struct rn_f64_digits *d)
{
    if (d->exponent <= 0) {
        rn_buf_append_text(buf, "0.");
        append_zeros(buf, (size_t)-d->exponent);
        rn_buf_append(buf, d->digits, d->count);
    } else if (d->count <= (uint32_t)d->exponent) {
        rn_buf_append(buf, d->digits, d->count);
        append_zeros(buf, (uint32_t)d->exponent - d->count);
    } else {
        rn_buf_append(buf, d->digits, (uint32_t)d->exponent);
        rn_buf_append_u8(buf, '.');
        rn_buf_append(buf, d->digits + d->exponent, d->count - (uint32_t)d->exponent);
    }
}

static void append_integer(struct rn_buf *buf, int32_t value)
{
    char reversed[12];
    size_t count = 0;
    uint32_t magnitude = value < 0 ? (uint32_t)-value : (uint32_t)value;
    do {
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0) {
        rn_buf_append_u8(buf, '-');
    }
    while (count > 0) {
        rn_buf_append_u8(buf, (uint8_t)reversed[--count]);
    }
}

static void append_scientific(struct rn_buf *buf, const struct rn_f64_digits *d)
{
    rn_buf_append_u8(buf, (uint8_t)d->digits[0]);
    if (d->count > 1) {
        rn_buf_append_u8(buf, '.');
        rn_buf_append(buf, d->digits + 1, d->count - 1);
    }
    rn_buf_append_u8(buf, 'e');
    append_integer(buf, d->exponent - 1);
}

void rn_f64_append_display(struct rn_buf *buf, double value)
{
    if (append_special(buf, value)) {
        return;
    }
    struct rn_f64_digits digits;
    rn_f64_shortest(value, &digits);
    append_positional(buf, &digits);
}

void rn_f64_append_debug(struct rn_buf *buf, double value)
{
    if (append_special(buf, value)) {
        return;
    }
    struct rn_f64_digits digits;
    rn_f64_shortest(value, &digits);
    double magnitude = value < 0 ? -value : value;
    if (magnitude != 0 && (magnitude < 1e-5 || magnitude >= 1e16)) {
        append_scientific(buf, &digits);
        return;
    }
    append_positional(buf, &digits);
    if (digits.exponent > 0 && digits.count <= (uint32_t)digits.exponent) {
        rn_buf_append_text(buf, ".0");
    }
}

/* Decimal digits of n, which is used up, with at least `width` of them. */
static void append_bignum(struct rn_buf *buf, struct rn_bignum *n, uint32_t width, uint32_t point)
{
    // 144 words have at most 1,388 digits.
    char reversed[RN_BIGNUM_WORDS * 10];
    uint32_t count = 0;
    while (n->count > 0) {
        uint32_t chunk = rn_bignum_divide(n, 1000000000);
        for (uint32_t i = 0; i < 9; i++) {
            reversed[count++] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    }
    while (count > 0 && reversed[count - 1] == '0') {
        count--;
    }
    while (count < width) {
        reversed[count++] = '0';
    }
    while (count > 0) {
        if (count == point) {
            rn_buf_append_u8(buf, '.');
        }
        rn_buf_append_u8(buf, (uint8_t)reversed[--count]);
    }
}

void rn_f64_append_fixed(struct rn_buf *buf, double value, uint32_t precision)
{
    if (append_special(buf, value)) {
        return;
    }
    struct parts parts = split(value);
    // No double has more than 1,074 digits behind the point.
    uint32_t digits = precision < 1074 ? precision : 1074;
    struct rn_bignum n;
    rn_bignum_set(&n, parts.mantissa);
    rn_bignum_multiply_pow10(&n, parts.exponent < 0 ? digits : 0);
    if (parts.exponent < 0) {
        rn_bignum_shift_right_round(&n, (uint32_t)-parts.exponent);
        append_bignum(buf, &n, digits + 1, digits);
        append_zeros(buf, precision - digits);
    } else {
        rn_bignum_shift_left(&n, (uint32_t)parts.exponent);
        append_bignum(buf, &n, 1, 0);
        if (precision > 0) {
            rn_buf_append_u8(buf, '.');
            append_zeros(buf, precision);
        }
    }
}
