/*
 * option_value.h: what the values of options look like, and what is said of those that do not.
 *
 * Form only: whether a user, a file or a socket is there the command finds out.
 */
#ifndef RN_CLI_OPTION_VALUE_H
#define RN_CLI_OPTION_VALUE_H

#include "cli/args.h"

#define RN_OPTION_WHY_MAX 512u

/* Columns of a level; worker processes of a trust domain. */
#define RN_INDENT_MAX 16u
#define RN_WORKERS_MAX 256u

/* False: what is wrong with it is in `why`, as in "--wall: x is not a time such as 2s"; of a long value the beginning. */
bool rn_option_check(enum rn_option option, const char *value, char why[RN_OPTION_WHY_MAX]);
/* The same, complained of. */
bool rn_option_is_good(enum rn_option option, const char *value);

#endif
