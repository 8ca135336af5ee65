/* bignum.c: schoolbook arithmetic on natural numbers. */
#include "base/bignum.h"

#include <string.h>

void rn_bignum_set(struct rn_bignum *n, uint64_t value)
{
    n->count = 0;
    for (; value != 0; value >>= 32) {
        n->words[n->count++] = (uint32_t)value;
    }
}

static void push(struct rn_bignum *n, uint32_t word)
{
    if (word != 0) {
        RN_CHECK(n->count < RN_BIGNUM_WORDS);
        n->words[n->count++] = word;
    }
}

static void trim(struct rn_bignum *n)
{
    while (n->count > 0 && n->words[n->count - 1] == 0) {
        n->count--;
    }
}

void rn_bignum_multiply_add(struct rn_bignum *n, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (uint32_t i = 0; i < n->count; i++) {
        carry += (uint64_t)n->words[i] * factor;
        n->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push(n, (uint32_t)carry);
    trim(n);
}

void rn_bignum_multiply_pow5(struct rn_bignum *n, uint32_t exponent)
{
    const uint32_t pow5_13 = 1220703125; // the largest power of five in a word
    for (; exponent >= 13; exponent -= 13) {
        rn_bignum_multiply_add(n, pow5_13, 0);
    }
    uint32_t rest = 1;
    for (; exponent > 0; exponent--) {
        rest *= 5;
    }
    rn_bignum_multiply_add(n, rest, 0);
}

void rn_bignum_multiply_pow10(struct rn_bignum *n, uint32_t exponent)
{
    rn_bignum_multiply_pow5(n, exponent);
    rn_bignum_shift_left(n, exponent);
}

void rn_bignum_shift_left(struct rn_bignum *n, uint32_t bits)
{
    uint32_t words = bits / 32;
    uint32_t rest = bits % 32;
    if (n->count == 0) {
        return;
    }
    RN_CHECK(n->count + words + 1 <= RN_BIGNUM_WORDS);
    memmove(n->words + words, n->words, n->count * sizeof(uint32_t));
    memset(n->words, 0, words * sizeof(uint32_t));
    n->count += words;
    if (rest != 0) {
        rn_bignum_multiply_add(n, UINT32_C(1) << rest, 0);
    }
}

static bool bit_at(const struct rn_bignum *n, uint32_t bit)
{
    return bit / 32 < n->count && (n->words[bit / 32] >> (bit % 32) & 1) != 0;
}

static bool any_bit_below(const struct rn_bignum *n, uint32_t bit)
{
    for (uint32_t i = 0; i < n->count && i < bit / 32; i++) {
        if (n->words[i] != 0) {
            return true;
        }
    }
    uint32_t mask = (UINT32_C(1) << (bit % 32)) - 1;
    return bit / 32 < n->count && (n->words[bit / 32] & mask) != 0;
}

static void shift_right(struct rn_bignum *n, uint32_t bits)
{
    uint32_t words = bits / 32;
    uint32_t rest = bits % 32;
    if (words >= n->count) {
        n->count = 0;
        return;
    }
    n->count -= words;
    memmove(n->words, n->words + words, n->count * sizeof(uint32_t));
    if (rest != 0) {
        rn_bignum_divide(n, UINT32_C(1) << rest);
    }
}

void rn_bignum_shift_right_round(struct rn_bignum *n, uint32_t bits)
{
    if (bits == 0) {
        return;
    }
    bool half = bit_at(n, bits - 1);
    bool up = half && (any_bit_below(n, bits - 1) || bit_at(n, bits));
    shift_right(n, bits);
    if (up) {
        struct rn_bignum one;
        rn_bignum_set(&one, 1);
        rn_bignum_add(n, &one);
    }
}

uint32_t rn_bignum_divide(struct rn_bignum *n, uint32_t divisor)
{
    uint64_t remainder = 0;
    for (uint32_t i = n->count; i-- > 0;) {
        uint64_t value = remainder << 32 | n->words[i];
        n->words[i] = (uint32_t)(value / divisor);
        remainder = value % divisor;
    }
    trim(n);
    return (uint32_t)remainder;
}

void rn_bignum_add(struct rn_bignum *n, const struct rn_bignum *other)
{
    while (n->count < other->count) {
        n->words[n->count++] = 0;
    }
    uint64_t carry = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        carry += n->words[i];
        carry += i < other->count ? other->words[i] : 0;
        n->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push(n, (uint32_t)carry);
}

void rn_bignum_subtract(struct rn_bignum *n, const struct rn_bignum *other)
{
    RN_ASSERT(rn_bignum_compare(n, other) >= 0);
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        uint64_t taken = borrow + (i < other->count ? other->words[i] : 0);
        borrow = n->words[i] < taken;
        n->words[i] = (uint32_t)(n->words[i] - taken);
    }
    trim(n);
}

int rn_bignum_compare(const struct rn_bignum *a, const struct rn_bignum *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (uint32_t i = a->count; i-- > 0;) {
        if (a->words[i] != b->words[i]) {
            return a->words[i] < b->words[i] ? -1 : 1;
        }
    }
    return 0;
}
