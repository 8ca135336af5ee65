/* float_big.c: natural numbers of bounded size, in limbs of 32 bits. */
#include "base/float_big.h"

#include <string.h>

static void push_limb(struct rn_big *big, uint32_t limb)
{
    RN_CHECK(big->count < RN_BIG_LIMBS);
    big->limbs[big->count++] = limb;
}

static void trim(struct rn_big *big)
{
    while (big->count > 0 && big->limbs[big->count - 1] == 0) {
        big->count--;
    }
}

void rn_big_set(struct rn_big *big, uint64_t value)
{
    big->count = 0;
    for (; value != 0; value >>= 32) {
        push_limb(big, (uint32_t)value);
    }
}

void rn_big_multiply_add(struct rn_big *big, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (uint32_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        push_limb(big, (uint32_t)carry);
    }
    trim(big);
}

void rn_big_multiply_power_of_5(struct rn_big *big, uint32_t exponent)
{
    const uint32_t five_to_13 = 1220703125; // the last one that fits a limb
    for (; exponent >= 13; exponent -= 13) {
        rn_big_multiply_add(big, five_to_13, 0);
    }
    for (; exponent > 0; exponent--) {
        rn_big_multiply_add(big, 5, 0);
    }
}

void rn_big_shift_left(struct rn_big *big, uint32_t bits)
{
    uint32_t whole = bits / 32;
    if (big->count == 0 || bits == 0) {
        return;
    }
    if (bits % 32 != 0) {
        rn_big_multiply_add(big, UINT32_C(1) << (bits % 32), 0);
    }
    RN_CHECK(whole <= RN_BIG_LIMBS - big->count);
    memmove(big->limbs + whole, big->limbs, big->count * sizeof(big->limbs[0]));
    memset(big->limbs, 0, whole * sizeof(big->limbs[0]));
    big->count += whole;
}

uint32_t rn_big_divide(struct rn_big *big, uint32_t divisor)
{
    uint64_t rest = 0;
    for (uint32_t i = big->count; i-- > 0;) {
        rest = rest << 32 | big->limbs[i];
        big->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    trim(big);
    return (uint32_t)rest;
}

uint32_t rn_big_take_limb(struct rn_big *big, uint32_t index)
{
    RN_CHECK(big->count <= index + 1);
    if (big->count <= index) {
        return 0;
    }
    uint32_t limb = big->limbs[index];
    big->count = index;
    trim(big);
    return limb;
}

int rn_big_compare(const struct rn_big *left, const struct rn_big *right)
{
    if (left->count != right->count) {
        return left->count < right->count ? -1 : 1;
    }
    for (uint32_t i = left->count; i-- > 0;) {
        if (left->limbs[i] != right->limbs[i]) {
            return left->limbs[i] < right->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}
