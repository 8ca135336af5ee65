/* unicode.c: lookups in the tables of unicode_tables.c. */
#include "base/unicode.h"

#include "base/unicode_tables.h"

static uint32_t flags_of(uint32_t scalar)
{
    if (RN_UNLIKELY(scalar >= 0x110000)) {
        return 0;
    }
    uint32_t block = rn_unicode_index[scalar >> RN_UNICODE_SHIFT];
    uint32_t offset = scalar & ((1u << RN_UNICODE_SHIFT) - 1);
    return rn_unicode_classes[rn_unicode_blocks[(block << RN_UNICODE_SHIFT) + offset]];
}

bool rn_unicode_is_xid_start(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_XID_START;
}

bool rn_unicode_is_xid_continue(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_XID_CONTINUE;
}

bool rn_unicode_is_alphabetic(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_ALPHABETIC;
}

bool rn_unicode_is_numeric(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_NUMERIC;
}

bool rn_unicode_is_whitespace(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_WHITESPACE;
}

bool rn_unicode_is_uppercase(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_UPPERCASE;
}

bool rn_unicode_is_lowercase(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_LOWERCASE;
}

bool rn_unicode_is_control(uint32_t scalar)
{
    return scalar < 0x20 || (scalar >= 0x7f && scalar < 0xa0);
}

bool rn_unicode_is_cased(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_CASED;
}

bool rn_unicode_is_case_ignorable(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_CASE_IGNORABLE;
}

bool rn_unicode_is_grapheme_extend(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_GRAPHEME_EXTEND;
}

bool rn_unicode_is_printable(uint32_t scalar)
{
    return flags_of(scalar) & RN_UNICODE_PRINTABLE;
}

unsigned rn_unicode_width(uint32_t scalar)
{
    uint32_t flags = flags_of(scalar);
    if (flags & RN_UNICODE_ZERO_WIDTH) {
        return 0;
    }
    return flags & RN_UNICODE_WIDE ? 2 : 1;
}

static uint32_t map_simple(uint32_t scalar, const struct rn_unicode_run *runs, uint32_t count)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (runs[middle].last < scalar) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == count || scalar < runs[low].first ||
        (scalar - runs[low].first) % runs[low].step != 0) {
        return scalar;
    }
    return (uint32_t)((int32_t)scalar + runs[low].distance);
}

static size_t map_special(uint32_t scalar, const struct rn_unicode_special *rows, uint32_t count,
                          uint32_t out[3])
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rows[middle].scalar < scalar) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == count || rows[low].scalar != scalar) {
        return 0;
    }
    size_t used = 0;
    while (used < 3 && rows[low].targets[used] != 0) {
        out[used] = rows[low].targets[used];
        used++;
    }
    return used;
}

size_t rn_unicode_to_upper(uint32_t scalar, uint32_t out[3])
{
    if (scalar < 0x80) {
        out[0] = scalar >= 'a' && scalar <= 'z' ? scalar - 32 : scalar;
        return 1;
    }
    size_t count =
        map_special(scalar, rn_unicode_upper_specials, rn_unicode_upper_special_count, out);
    if (count == 0) {
        out[0] = map_simple(scalar, rn_unicode_upper_runs, rn_unicode_upper_run_count);
        count = 1;
    }
    return count;
}

size_t rn_unicode_to_lower(uint32_t scalar, uint32_t out[3])
{
    if (scalar < 0x80) {
        out[0] = scalar >= 'A' && scalar <= 'Z' ? scalar + 32 : scalar;
        return 1;
    }
    size_t count =
        map_special(scalar, rn_unicode_lower_specials, rn_unicode_lower_special_count, out);
    if (count == 0) {
        out[0] = map_simple(scalar, rn_unicode_lower_runs, rn_unicode_lower_run_count);
        count = 1;
    }
    return count;
}
