/* surrogates.c: one walk over the escapes. Trust: see surrogates.h. */
#include "cli/lsp/surrogates.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ESCAPE_SIZE 6u

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The unit that is escaped here as `\uXXXX`; -1: none is. */
static int32_t unit_at(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < (ptrdiff_t)ESCAPE_SIZE || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < ESCAPE_SIZE; i++) {
        int digit = digit_of(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_upper(int32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_lower(int32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

void rn_lsp_mend_surrogates(char *json, size_t size)
{
    char *end = json + size;
    char *at = json;
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        int32_t unit = unit_at(at, end);
        if (unit < 0) {
            at += end - at < 2 ? 1 : 2; // some other escape, perhaps of a backslash
            continue;
        }
        bool is_pair = is_upper(unit) && is_lower(unit_at(at + ESCAPE_SIZE, end));
        if (!is_pair && (is_upper(unit) || is_lower(unit))) {
            memcpy(at + 2, "fffd", 4);
        }
        at += is_pair ? 2 * ESCAPE_SIZE : ESCAPE_SIZE;
    }
}
