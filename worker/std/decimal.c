/* decimal.c: digits of an integer. */
#include "worker/std/std.h"

char *rn_std_decimal(char buffer[RN_STD_DECIMAL_MAX], uint64_t value)
{
    char *begin = buffer + RN_STD_DECIMAL_MAX;
    do {
        *--begin = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return begin;
}
