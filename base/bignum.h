/*
 * bignum.h: natural numbers of fixed capacity, for exact conversion of floats. Values never exceed
 * the capacity: callers know their bounds.
 */
#ifndef RN_BASE_BIGNUM_H
#define RN_BASE_BIGNUM_H

#include "base/check.h"

/* 801 decimal digits shifted by 1,075 bits, or 10^1142 times 54 bits, and some to spare. */
#define RN_BIGNUM_WORDS 144u

struct rn_bignum {
    uint32_t words[RN_BIGNUM_WORDS]; /* little end first */
    uint32_t count;                  /* without leading zero words; 0: the number 0 */
};

void rn_bignum_set(struct rn_bignum *n, uint64_t value);
/* n = n * factor + addend */
void rn_bignum_multiply_add(struct rn_bignum *n, uint32_t factor, uint32_t addend);
void rn_bignum_multiply_pow5(struct rn_bignum *n, uint32_t exponent);
void rn_bignum_multiply_pow10(struct rn_bignum *n, uint32_t exponent);
void rn_bignum_shift_left(struct rn_bignum *n, uint32_t bits);
/* n = n / 2^bits, rounded half to even. */
void rn_bignum_shift_right_round(struct rn_bignum *n, uint32_t bits);
/* n = n / divisor; returns the remainder. */
uint32_t rn_bignum_divide(struct rn_bignum *n, uint32_t divisor);
void rn_bignum_add(struct rn_bignum *n, const struct rn_bignum *other);
/* n >= other */
void rn_bignum_subtract(struct rn_bignum *n, const struct rn_bignum *other);
int rn_bignum_compare(const struct rn_bignum *a, const struct rn_bignum *b);

#endif
