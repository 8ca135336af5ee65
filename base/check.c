/*
 * check.c: the default end of a broken invariant.
 *
 * A trap and nothing else: this runs in walled workers too, where neither stdio nor abort() works.
 */
#include "base/check.h"

__attribute__((weak)) void rn_check_failed(const char *condition, const char *file, int line)
{
    (void)condition;
    (void)file;
    (void)line;
    __builtin_trap();
}
