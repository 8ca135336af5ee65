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

#endif
