/*
 * no_filter.c: in the place of policy/filter.c, for the twin that shows what the other layers stop.
 *
 * Linked into a test's program only; no product program can have it.
 */
#include "policy/filter.h"

int rn_filter_load(enum rn_role role)
{
    (void)role;
    return 0;
}
