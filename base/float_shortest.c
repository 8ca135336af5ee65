/*
 * float_shortest.c: the fewest digits that read back as the same double.
 *
 * The method is Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020). The doubles
 * next to v leave it an interval of decimals that round to v. With 10^k the largest power of ten
 * not wider than this interval, it holds at least one multiple of 10^k and at most one of
 * 10^(k+1); the latter is shorter and wins if there is one. The bounds are compared after scaling
 * by 10^-k, with 126 good bits of the power; rounding the products to odd keeps every comparison
 * exact.
 */
#include "base/float_powers.h"
#include "base/float_text.h"

#include <string.h>

#define FRACTION_MASK ((UINT64_C(1) << 52) - 1)
#define IMPLICIT_BIT (UINT64_C(1) << 52)

/* significand * 10^exponent */
struct decimal {
    uint64_t significand;
    int32_t exponent;
};

static struct rn_power_of_ten power_rounded_up(int32_t k)
{
    struct rn_power_of_ten power = *rn_power(k);
    if (!rn_power_is_exact(k)) {
        power.low++;
        power.high += power.low == 0;
    }
    return power;
}

/* The product divided by 2^128, with the lowest bit set if anything but dust was cut off. */
static uint64_t multiply_to_odd(struct rn_power_of_ten power, uint64_t factor)
{
    uint64_t carried = (uint64_t)((rn_u128)power.low * factor >> 64);
    rn_u128 product = (rn_u128)power.high * factor + carried;
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/* significand * 2^exponent; `lower_is_closer` where the double below is half as far away. */
static struct decimal shorten(uint64_t significand, int32_t exponent, bool lower_is_closer)
{
    // floor(log10(2^exponent)), or of three quarters of it.
    int32_t k = (exponent * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22;
    int32_t shift = exponent + rn_log2_of_power(-k) + 1;
    struct rn_power_of_ten power = power_rounded_up(-k);
    // Four times the value and its bounds, in units of 10^k. Bounds belong to even significands.
    uint64_t value = multiply_to_odd(power, significand * 4 << shift);
    uint64_t below = significand * 4 - (lower_is_closer ? 1 : 2);
    uint64_t lower = multiply_to_odd(power, below << shift) + significand % 2;
    uint64_t upper = multiply_to_odd(power, (significand * 4 + 2) << shift) - significand % 2;
    uint64_t floor = value / 4;
    if (floor >= 10) {
        uint64_t tens = floor / 10;
        bool down_fits = lower <= tens * 40;
        bool up_fits = tens * 40 + 40 <= upper;
        if (down_fits != up_fits) {
            return (struct decimal){tens + up_fits, k + 1};
        }
    }
    bool down_fits = lower <= floor * 4;
    bool up_fits = floor * 4 + 4 <= upper;
    uint64_t middle = floor * 4 + 2;
    bool up_is_nearer = value > middle || (value == middle && floor % 2 != 0);
    return (struct decimal){floor + (down_fits != up_fits ? up_fits : up_is_nearer), k};
}

static struct decimal shortest_decimal(uint64_t bits)
{
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits & FRACTION_MASK;
    if (biased == 0) {
        return fraction == 0 ? (struct decimal){0, 0} : shorten(fraction, -1074, false);
    }
    uint64_t significand = fraction | IMPLICIT_BIT;
    int32_t exponent = biased - 1075;
    // No other integer is near enough to an integer below 2^53 to stand for it.
    bool is_integer =
        exponent <= 0 && exponent > -53 && (significand & ((UINT64_C(1) << -exponent) - 1)) == 0;
    if (is_integer) {
        return (struct decimal){significand >> -exponent, 0};
    }
    return shorten(significand, exponent, fraction == 0 && biased > 1);
}

void rn_f64_shortest(double value, struct rn_f64_digits *out_digits)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    RN_ASSERT((bits >> 52 & 0x7ff) != 0x7ff);
    struct decimal decimal = shortest_decimal(bits);
    char reversed[20];
    uint32_t count = 0;
    do {
        reversed[count++] = (char)('0' + decimal.significand % 10);
        decimal.significand /= 10;
    } while (decimal.significand != 0);
    uint32_t zeros = 0;
    while (zeros + 1 < count && reversed[zeros] == '0') {
        zeros++;
    }
    out_digits->exponent = decimal.exponent + (int32_t)count;
    out_digits->count = count - zeros;
    for (uint32_t i = 0; i < out_digits->count; i++) {
        out_digits->digits[i] = reversed[count - 1 - i];
    }
}
