/* math.h: checked arithmetic on sizes. True on success, like a condition that must hold. */
#ifndef RN_BASE_MATH_H
#define RN_BASE_MATH_H

#include "base/check.h"

#define rn_checked_add(a, b, out) (!__builtin_add_overflow((a), (b), (out)))
#define rn_checked_sub(a, b, out) (!__builtin_sub_overflow((a), (b), (out)))
#define rn_checked_mul(a, b, out) (!__builtin_mul_overflow((a), (b), (out)))

/* Rounds up to a multiple of `align`, a power of two. The caller has checked for overflow. */
static inline size_t rn_align_up(size_t size, size_t align)
{
    return (size + align - 1) & ~(align - 1);
}

static inline size_t rn_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t rn_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The next size of a block that shall hold `wanted`, up to `max` one day, and takes that only as it comes: twice `size`,
 * where that lies between. */
static inline size_t rn_grown_size(size_t size, size_t wanted, size_t max)
{
    size_t twice = size > max / 2 ? max : size * 2;
    return rn_min_size(rn_max_size(twice, wanted), max);
}

/* Number `n`, from 1, of the random numbers that begin at `seed` (SplitMix64: Steele, Lea, Flood). */
static inline uint64_t rn_splitmix(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + n * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
