/*
 * filter.h: the system-call filter of each role, as the kernel takes it.
 *
 * The programs are made at build time from syscalls.def by filter_gen.c, so that a starting worker
 * spends no time on it and the bytes that the tests examined are the bytes that are loaded.
 */
#ifndef RN_POLICY_FILTER_H
#define RN_POLICY_FILTER_H

#include "policy/policy.h"

#include <linux/filter.h>

/* Static storage. */
const struct sock_filter *rn_filter_program(enum rn_role role, size_t *out_count);

/*
 * Loads the filter of `role` into the calling process, all its threads, for good. no_new_privs must
 * be set. Returns 0 or an errno; nothing that is not in the table works afterwards.
 */
int rn_filter_load(enum rn_role role) RN_MUST_CHECK;

#endif
