/*
 * float_powers.h: powers of ten to 128 bits, for float_parse.c and float_shortest.c only.
 *
 * 10^k is at least `bits` * 2^scale and less than (`bits` + 1) * 2^scale, where `bits` are the 128
 * bits of the row and scale = rn_power_scale(k). In rows RN_POWER_EXACT_FIRST to
 * RN_POWER_EXACT_LAST it is equal.
 */
#ifndef RN_BASE_FLOAT_POWERS_H
#define RN_BASE_FLOAT_POWERS_H

#include "base/check.h"

#define RN_POWER_FIRST (-342)
#define RN_POWER_LAST 324
/* 5^55 is the last power of five with at most 128 bits. */
#define RN_POWER_EXACT_FIRST 0
#define RN_POWER_EXACT_LAST 55

struct rn_power_of_ten {
    uint64_t high; /* its top bit is set */
    uint64_t low;
};

extern const struct rn_power_of_ten rn_powers_of_ten[RN_POWER_LAST - RN_POWER_FIRST + 1];

__extension__ typedef unsigned __int128 rn_u128;

/* floor(log2(10^k)), for |k| up to 1233. */
static inline int32_t rn_log2_of_power(int32_t k)
{
    return (k * 1741647) >> 19;
}

static inline int32_t rn_power_scale(int32_t k)
{
    return rn_log2_of_power(k) - 127;
}

static inline bool rn_power_is_exact(int32_t k)
{
    return k >= RN_POWER_EXACT_FIRST && k <= RN_POWER_EXACT_LAST;
}

static inline const struct rn_power_of_ten *rn_power(int32_t k)
{
    RN_ASSERT(k >= RN_POWER_FIRST && k <= RN_POWER_LAST);
    return &rn_powers_of_ten[k - RN_POWER_FIRST];
}

#endif
