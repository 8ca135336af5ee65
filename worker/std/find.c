/*
 * find.c: where a text occurs in another, in linear time and constant memory.
 *
 * The two-way algorithm of Crochemore and Perrin ("Two-way string matching", 1991): the needle is
 * cut at a critical position; its right part is compared from left to right, then its left part. A
 * mismatch on the right shifts by what was matched there, one on the left by the needle's period.
 * So no text and needle, however made, take more than about two comparisons a byte.
 */
#include "worker/std/std.h"

#include <string.h>

struct needle {
    const uint8_t *bytes;
    size_t size;
    size_t cut;    /* where the right part begins */
    size_t period; /* of the whole needle, or a safe shift if that is large */
    bool periodic; /* `period` is its true period: what matched may be remembered */
};

/*
 * The start of the lexicographically greatest suffix (with the order of bytes turned around if
 * `reverse`) and its period.
 */
static size_t greatest_suffix(const uint8_t *bytes, size_t size, bool reverse, size_t *out_period)
{
    size_t start = 0;
    size_t other = 1;
    size_t same = 0;
    size_t period = 1;
    while (other + same < size) {
        uint8_t a = bytes[other + same];
        uint8_t b = bytes[start + same];
        if (a == b) {
            same++;
            if (same == period) {
                other += period;
                same = 0;
            }
        } else if ((a < b) != reverse) {
            other += same + 1;
            same = 0;
            period = other - start;
        } else {
            start = other;
            other = start + 1;
            same = 0;
            period = 1;
        }
    }
    *out_period = period;
    return start;
}

static void prepare(struct needle *needle, struct rn_utf8 text)
{
    needle->bytes = (const uint8_t *)text.data;
    needle->size = text.size;
    size_t period = 0;
    size_t reverse_period = 0;
    size_t cut = greatest_suffix(needle->bytes, text.size, false, &period);
    size_t reverse_cut = greatest_suffix(needle->bytes, text.size, true, &reverse_period);
    needle->cut = cut > reverse_cut ? cut : reverse_cut;
    needle->period = cut > reverse_cut ? period : reverse_period;
    needle->periodic = needle->cut <= text.size - needle->period &&
                       memcmp(needle->bytes, needle->bytes + needle->period, needle->cut) == 0;
    if (!needle->periodic) {
        size_t right = text.size - needle->cut;
        needle->period = (needle->cut > right ? needle->cut : right) + 1;
    }
}

static uint64_t search(const struct needle *needle, const uint8_t *text, size_t size, size_t from)
{
    size_t known = 0; /* bytes at the front that are known to match */
    size_t at = from;
    while (at + needle->size <= size) {
        size_t i = needle->cut > known ? needle->cut : known;
        while (i < needle->size && needle->bytes[i] == text[at + i]) {
            i++;
        }
        if (i < needle->size) {
            at += i - needle->cut + 1;
            known = 0;
            continue;
        }
        i = needle->cut;
        while (i > known && needle->bytes[i - 1] == text[at + i - 1]) {
            i--;
        }
        if (i <= known) {
            return at;
        }
        at += needle->period;
        known = needle->periodic ? needle->size - needle->period : 0;
    }
    return UINT64_MAX;
}

uint64_t rn_std_find(struct rn_utf8 text, struct rn_utf8 needle, uint64_t from)
{
    if (from > text.size || needle.size > text.size - from) {
        return UINT64_MAX;
    }
    if (needle.size == 0) {
        return from;
    }
    if (needle.size == 1) {
        const char *found = memchr(text.data + from, needle.data[0], text.size - from);
        return found == NULL ? UINT64_MAX : (uint64_t)(found - text.data);
    }
    struct needle prepared;
    prepare(&prepared, needle);
    return search(&prepared, (const uint8_t *)text.data, text.size, from);
}

bool rn_std_find_round(struct rn_utf8 text, struct rn_utf8 needle, uint64_t *at,
                       uint64_t *out_found)
{
    // At least as much as the needle: it is looked at in each round.
    uint64_t chunk = needle.size > RN_STD_CHUNK_BYTES ? needle.size : RN_STD_CHUNK_BYTES;
    uint64_t end = *at + chunk + needle.size - (needle.size > 0 ? 1 : 0);
    bool last = end >= text.size;
    *out_found = rn_std_find((struct rn_utf8){text.data, last ? text.size : end}, needle, *at);
    if (last || *out_found != UINT64_MAX) {
        return true;
    }
    *at += chunk;
    return false;
}
