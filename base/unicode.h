/*
 * unicode.h: properties and case mappings of Unicode scalars.
 *
 * Unicode 15.0. The tables in unicode_tables.c are made by tools/unicode_tables.py from the Unicode
 * Character Database. Every function is total: numbers that are no scalars have no property and map
 * to themselves. No memory, no locale; any thread.
 */
#ifndef RN_BASE_UNICODE_H
#define RN_BASE_UNICODE_H

#include "base/check.h"

bool rn_unicode_is_xid_start(uint32_t scalar);
bool rn_unicode_is_xid_continue(uint32_t scalar);
/* Alphabetic; general category N*; White_Space; Uppercase; Lowercase; category Cc. */
bool rn_unicode_is_alphabetic(uint32_t scalar);
bool rn_unicode_is_numeric(uint32_t scalar);
bool rn_unicode_is_whitespace(uint32_t scalar);
bool rn_unicode_is_uppercase(uint32_t scalar);
bool rn_unicode_is_lowercase(uint32_t scalar);
bool rn_unicode_is_control(uint32_t scalar);
static inline bool rn_unicode_is_alphanumeric(uint32_t scalar)
{
    return rn_unicode_is_alphabetic(scalar) || rn_unicode_is_numeric(scalar);
}
/* Cased and Case_Ignorable: the context of a final sigma. */
bool rn_unicode_is_cased(uint32_t scalar);
bool rn_unicode_is_case_ignorable(uint32_t scalar);
/* Grapheme_Extend: debug text escapes such a scalar at its start. */
bool rn_unicode_is_grapheme_extend(uint32_t scalar);
/* Neither control, format, surrogate, private, unassigned, nor a separator other than U+0020. */
bool rn_unicode_is_printable(uint32_t scalar);

/* The full mapping of one scalar, without context: 1 to 3 scalars to `out`; returns how many. */
size_t rn_unicode_to_upper(uint32_t scalar, uint32_t out[3]);
size_t rn_unicode_to_lower(uint32_t scalar, uint32_t out[3]);

/* Columns on a terminal: 0 (combining, zero width, control), 1 or 2. */
unsigned rn_unicode_width(uint32_t scalar);

#endif
