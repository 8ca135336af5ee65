/*
 * syscall_table.h: syscalls.def as data, for the filter's generator, reports and tests.
 */
#ifndef RN_POLICY_SYSCALL_TABLE_H
#define RN_POLICY_SYSCALL_TABLE_H

#include "policy/policy.h"

enum rn_argument_test {
    RN_ARGUMENT_NONE,
    RN_ARGUMENT_INT_IS,
    RN_ARGUMENT_WORD_IS,
    RN_ARGUMENT_WORD_AT_MOST,
};

#define RN_SYSCALL_ARGUMENTS_MAX 5u

struct rn_argument_rule {
    uint8_t index;
    uint8_t test; /* enum rn_argument_test; RN_ARGUMENT_NONE ends the list */
    uint64_t value;
};

struct rn_syscall_rule {
    uint32_t roles; /* bit per enum rn_role */
    int number;
    const char *name;
    const char *reason;
    const char *condition; /* the row's own words, "" when there is none */
    struct rn_argument_rule arguments[RN_SYSCALL_ARGUMENTS_MAX + 1];
};

/* Rows of this build's flavour, in the order of the table; static storage. */
const struct rn_syscall_rule *rn_syscall_rules(size_t *out_count);

/* What the table says about one call, `arguments` being its six words. The tests' oracle. */
bool rn_syscall_permitted(enum rn_role role, int number, const uint64_t arguments[6]);

#endif
