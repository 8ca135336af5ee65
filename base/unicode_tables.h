/*
 * unicode_tables.h: the layout of unicode_tables.c, for unicode.c only.
 */
#ifndef RN_BASE_UNICODE_TABLES_H
#define RN_BASE_UNICODE_TABLES_H

#include "base/check.h"

/* Bits of a class, in the order of FLAGS in tools/unicode_tables.py. */
enum rn_unicode_flag {
    RN_UNICODE_XID_START = 1u << 0,
    RN_UNICODE_XID_CONTINUE = 1u << 1,
    RN_UNICODE_ALPHABETIC = 1u << 2,
    RN_UNICODE_NUMERIC = 1u << 3,
    RN_UNICODE_WHITESPACE = 1u << 4,
    RN_UNICODE_UPPERCASE = 1u << 5,
    RN_UNICODE_LOWERCASE = 1u << 6,
    RN_UNICODE_CASED = 1u << 7,
    RN_UNICODE_CASE_IGNORABLE = 1u << 8,
    RN_UNICODE_GRAPHEME_EXTEND = 1u << 9,
    RN_UNICODE_PRINTABLE = 1u << 10,
    RN_UNICODE_WIDE = 1u << 11,
    RN_UNICODE_ZERO_WIDTH = 1u << 12,
};

#define RN_UNICODE_SHIFT 6u

/* Every `step`-th scalar of first .. last maps to itself plus `distance`. Sorted. */
struct rn_unicode_run {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t distance;
};

/* Mappings to several scalars, filled up with zeros. Sorted. */
struct rn_unicode_special {
    uint32_t scalar;
    uint32_t targets[3];
};

extern const uint16_t rn_unicode_classes[];
extern const uint16_t rn_unicode_index[];
extern const uint8_t rn_unicode_blocks[];
extern const struct rn_unicode_run rn_unicode_lower_runs[];
extern const uint32_t rn_unicode_lower_run_count;
extern const struct rn_unicode_special rn_unicode_lower_specials[];
extern const uint32_t rn_unicode_lower_special_count;
extern const struct rn_unicode_run rn_unicode_upper_runs[];
extern const uint32_t rn_unicode_upper_run_count;
extern const struct rn_unicode_special rn_unicode_upper_specials[];
extern const uint32_t rn_unicode_upper_special_count;

#endif
