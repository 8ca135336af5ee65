/*
 * float_big.h: natural numbers large enough for every exact question about a double, for the
 * float_*.c files only. Values live where the caller puts them; nothing is allocated.
 */
#ifndef RN_BASE_FLOAT_BIG_H
#define RN_BASE_FLOAT_BIG_H

#include "base/check.h"

/*
 * The largest number is a side of the comparison in float_parse.c: at most 801 decimal digits, or
 * 5^1125 times 54 bits. Both stay below 2^2720.
 */
#define RN_BIG_LIMBS 90u

/* limbs[0] is the least; the last of `count` is not zero; zero has none. */
struct rn_big {
    uint32_t count;
    uint32_t limbs[RN_BIG_LIMBS];
};

void rn_big_set(struct rn_big *big, uint64_t value);
/* big = big * factor + addend */
void rn_big_multiply_add(struct rn_big *big, uint32_t factor, uint32_t addend);
/* big = big * 5^exponent */
void rn_big_multiply_power_of_5(struct rn_big *big, uint32_t exponent);
void rn_big_shift_left(struct rn_big *big, uint32_t bits);
/* big = big / divisor; gives the remainder. */
uint32_t rn_big_divide(struct rn_big *big, uint32_t divisor);
/* Takes out limb `index` and all above, which must fit one limb: the rest stays. */
uint32_t rn_big_take_limb(struct rn_big *big, uint32_t index);
/* Less than, equal to or greater than 0, as left is compared to right. */
int rn_big_compare(const struct rn_big *left, const struct rn_big *right);

#endif
