/* digits.h: runs of decimal digits in long texts, eight bytes at a time. */
#ifndef RN_BASE_DIGITS_H
#define RN_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many of the bytes at the start are zeros, counted eight at a time: a multiple of eight. */
static inline size_t rn_zero_prefix(const char *text, size_t size)
{
    size_t i = 0;
    while (i + 8 <= size && memcmp(text + i, "00000000", 8) == 0) {
        i += 8;
    }
    return i;
}

/* The same of digits: both halves of each byte say so, six more leaves the upper one. */
static inline size_t rn_digit_prefix(const char *text, size_t size)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    const uint64_t threes = UINT64_C(0x3030303030303030);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if ((word & high) != threes || ((word + UINT64_C(0x0606060606060606)) & high) != threes) {
            break;
        }
    }
    return i;
}

#endif
