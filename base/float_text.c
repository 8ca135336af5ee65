/*
 * float_text.c: the forms in which doubles are printed.
 *
 * Display, general and debug arrange the shortest digits. A fixed number of decimals is exact instead: the
 * value is split into its integer and its fraction, both of which are finite decimals, and digits
 * are taken from them nine at a time.
 */
#include "base/float_text.h"

#include "base/float_big.h"
#include "base/math.h"

#include <string.h>

enum {
    /* An exponent is written from 10^16 up and below 10^-5 or 10^-4, in terms of rn_f64_digits. */
    PLAIN_EXPONENT_MAX = 16,
    GENERAL_EXPONENT_MIN = -4,
    DEBUG_EXPONENT_MIN = -3,
    /* The largest double has 309 digits, the finest 1074 decimals. */
    INTEGER_DIGITS_MAX = 309,
    DECIMALS_MAX = 1074,
    CHUNK_DIGITS = 9,
    CHUNK = 1000000000,
};

/* --- Shortest forms --- */

static void append_zeros(struct rn_buf *buf, uint32_t count)
{
    static const char zeros[] = "00000000000000000000000000000000";
    while (count > 0 && buf->error == RN_OK) {
        uint32_t part = (uint32_t)rn_min_size(count, sizeof(zeros) - 1);
        rn_buf_append(buf, zeros, part);
        count -= part;
    }
}

/* Appends the sign, and the whole text of what is not finite; true if digits are to follow. */
static bool append_sign(struct rn_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bool is_finite = (bits >> 52 & 0x7ff) != 0x7ff;
    bool is_nan = !is_finite && (bits << 12) != 0;
    if (!is_nan && bits >> 63 != 0) {
        rn_buf_append_u8(buf, '-');
    }
    if (!is_finite) {
        rn_buf_append_text(buf, is_nan ? "NaN" : "inf");
    }
    return is_finite;
}

static void append_plain(struct rn_buf *buf, const struct rn_f64_digits *digits, bool always_point)
{
    int32_t before = digits->exponent;
    int32_t count = (int32_t)digits->count;
    if (before <= 0) {
        rn_buf_append_text(buf, "0.");
        append_zeros(buf, (uint32_t)-before);
        rn_buf_append(buf, digits->digits, digits->count);
    } else if (before < count) {
        rn_buf_append(buf, digits->digits, (size_t)before);
        rn_buf_append_u8(buf, '.');
        rn_buf_append(buf, digits->digits + before, (size_t)(count - before));
    } else {
        rn_buf_append(buf, digits->digits, digits->count);
        append_zeros(buf, (uint32_t)(before - count));
        rn_buf_append_text(buf, always_point ? ".0" : "");
    }
}

static void append_exponent_form(struct rn_buf *buf, const struct rn_f64_digits *digits)
{
    rn_buf_append(buf, digits->digits, 1);
    if (digits->count > 1) {
        rn_buf_append_u8(buf, '.');
        rn_buf_append(buf, digits->digits + 1, digits->count - 1);
    }
    int32_t exponent = digits->exponent - 1;
    rn_buf_append_text(buf, exponent < 0 ? "e-" : "e");
    uint32_t magnitude = (uint32_t)(exponent < 0 ? -exponent : exponent);
    if (magnitude >= 100) {
        rn_buf_append_u8(buf, (uint8_t)('0' + magnitude / 100));
    }
    if (magnitude >= 10) {
        rn_buf_append_u8(buf, (uint8_t)('0' + magnitude / 10 % 10));
    }
    rn_buf_append_u8(buf, (uint8_t)('0' + magnitude % 10));
}

void rn_f64_append_display(struct rn_buf *buf, double value)
{
    if (append_sign(buf, value)) {
        struct rn_f64_digits digits;
        rn_f64_shortest(value, &digits);
        append_plain(buf, &digits, false);
    }
}

static void append_either(struct rn_buf *buf, double value, int32_t exponent_min)
{
    if (!append_sign(buf, value)) {
        return;
    }
    struct rn_f64_digits digits;
    rn_f64_shortest(value, &digits);
    if (digits.exponent > PLAIN_EXPONENT_MAX || digits.exponent < exponent_min) {
        append_exponent_form(buf, &digits);
    } else {
        append_plain(buf, &digits, true);
    }
}

void rn_f64_append_general(struct rn_buf *buf, double value)
{
    append_either(buf, value, GENERAL_EXPONENT_MIN);
}

void rn_f64_append_debug(struct rn_buf *buf, double value)
{
    append_either(buf, value, DEBUG_EXPONENT_MIN);
}

/* --- Fixed decimals --- */

/* One digit in front for a carry, and room for whole chunks. */
struct fixed {
    char digits[1 + INTEGER_DIGITS_MAX + CHUNK_DIGITS + DECIMALS_MAX + 2 * CHUNK_DIGITS];
    uint32_t first; /* of the integer's digits: at least one */
    uint32_t point; /* the first decimal */
    uint32_t end;
};

static void put_chunk(char *out, uint32_t chunk)
{
    for (uint32_t i = CHUNK_DIGITS; i-- > 0; chunk /= 10) {
        out[i] = (char)('0' + chunk % 10);
    }
}

/* Fills digits from the back, so that they end where the decimals begin. */
static void put_integer(struct fixed *fixed, struct rn_big *integer)
{
    fixed->point = 1 + INTEGER_DIGITS_MAX + CHUNK_DIGITS;
    fixed->first = fixed->point;
    while (integer->count > 0) {
        fixed->first -= CHUNK_DIGITS;
        put_chunk(fixed->digits + fixed->first, rn_big_divide(integer, CHUNK));
    }
    while (fixed->first < fixed->point && fixed->digits[fixed->first] == '0') {
        fixed->first++;
    }
    if (fixed->first == fixed->point) {
        fixed->digits[--fixed->first] = '0';
    }
    fixed->end = fixed->point;
}

/* Appends at least `count` decimals of fraction / 2^(32 * limb); leaves what is behind them. */
static void put_decimals(struct fixed *fixed, struct rn_big *fraction, uint32_t limb,
                         uint32_t count)
{
    while (fixed->end - fixed->point < count) {
        rn_big_multiply_add(fraction, CHUNK, 0);
        put_chunk(fixed->digits + fixed->end, rn_big_take_limb(fraction, limb));
        fixed->end += CHUNK_DIGITS;
    }
}

static void add_one(struct fixed *fixed)
{
    uint32_t at = fixed->end;
    while (at > fixed->first && fixed->digits[at - 1] == '9') {
        fixed->digits[--at] = '0';
    }
    if (at == fixed->first) {
        fixed->digits[--fixed->first] = '1';
    } else {
        fixed->digits[at - 1]++;
    }
}

/* Cuts off all behind `count` decimals, half to even; `rest`: something follows the digits. */
static void round_to(struct fixed *fixed, uint32_t count, bool rest)
{
    uint32_t cut = fixed->point + count;
    char next = fixed->digits[cut];
    for (uint32_t i = cut + 1; i < fixed->end; i++) {
        rest = rest || fixed->digits[i] != '0';
    }
    fixed->end = cut;
    bool odd = (fixed->digits[cut - 1] - '0') % 2 != 0;
    if (next > '5' || (next == '5' && (rest || odd))) {
        add_one(fixed);
    }
}

/* The digits of significand * 2^exponent with `count` decimals, at most DECIMALS_MAX. */
static void make_fixed(struct fixed *fixed, uint64_t significand, int32_t exponent, uint32_t count)
{
    struct rn_big big;
    if (exponent >= 0) {
        rn_big_set(&big, significand);
        rn_big_shift_left(&big, (uint32_t)exponent);
        put_integer(fixed, &big);
        rn_big_set(&big, 0);
        put_decimals(fixed, &big, 0, count);
        fixed->end = fixed->point + count;
        return;
    }
    uint32_t bits = (uint32_t)-exponent;
    rn_big_set(&big, bits < 64 ? significand >> bits : 0);
    put_integer(fixed, &big);
    rn_big_set(&big, bits < 64 ? significand & ((UINT64_C(1) << bits) - 1) : significand);
    // Moved up, so that the point of the fraction falls between two limbs.
    uint32_t limb = (bits + 31) / 32;
    rn_big_shift_left(&big, limb * 32 - bits);
    put_decimals(fixed, &big, limb, count + 1);
    round_to(fixed, count, big.count > 0);
}

void rn_f64_append_fixed(struct rn_buf *buf, double value, uint32_t precision)
{
    if (!append_sign(buf, value)) {
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t significand = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff);
    int32_t exponent = biased == 0 ? -1074 : biased - 1075;
    significand |= biased == 0 ? 0 : UINT64_C(1) << 52;
    uint32_t count = precision < DECIMALS_MAX ? precision : DECIMALS_MAX;
    struct fixed fixed;
    make_fixed(&fixed, significand, exponent, count);
    rn_buf_append(buf, fixed.digits + fixed.first, fixed.point - fixed.first);
    if (precision > 0) {
        rn_buf_append_u8(buf, '.');
        rn_buf_append(buf, fixed.digits + fixed.point, count);
        append_zeros(buf, precision - count);
    }
}
