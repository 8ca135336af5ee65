/* syscall_table.c: expands syscalls.def. */
#include "policy/syscall_table.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define WORKER (1u << RN_ROLE_WORKER)
#define COMPILER (1u << RN_ROLE_COMPILER)
#define INT_IS(n, v)                                                                               \
    {                                                                                              \
        (n), RN_ARGUMENT_INT_IS, (uint64_t)(v)                                                     \
    }
#define WORD_IS(n, v)                                                                              \
    {                                                                                              \
        (n), RN_ARGUMENT_WORD_IS, (uint64_t)(v)                                                    \
    }
#define WORD_AT_MOST(n, v)                                                                         \
    {                                                                                              \
        (n), RN_ARGUMENT_WORD_AT_MOST, (uint64_t)(v)                                               \
    }

static const struct rn_syscall_rule rules[] = {
#define RN_RULE(role_set, call, why, ...)                                                          \
    {.roles = (role_set),                                                                          \
     .number = SYS_##call,                                                                         \
     .name = #call,                                                                                \
     .reason = (why),                                                                              \
     .condition = #__VA_ARGS__,                                                                    \
     .arguments = {__VA_ARGS__}},
#ifdef RN_SANITIZED
#define RN_SANITIZER_RULE(call, why)                                                               \
    {.roles = WORKER | COMPILER,                                                                   \
     .number = SYS_##call,                                                                         \
     .name = #call,                                                                                \
     .reason = "sanitizer: " why,                                                                  \
     .condition = ""},
#else
#define RN_SANITIZER_RULE(call, why)
#endif
#include "policy/syscalls.def"
#undef RN_RULE
#undef RN_SANITIZER_RULE
};

const struct rn_syscall_rule *rn_syscall_rules(size_t *out_count)
{
    *out_count = RN_COUNT_OF(rules);
    return rules;
}

static bool argument_holds(const struct rn_argument_rule *rule, uint64_t value)
{
    // never: the end of the list, and tests that are not known, do not come here
    switch ((enum rn_argument_test)rule->test) {
    case RN_ARGUMENT_INT_IS:
        return (uint32_t)value == (uint32_t)rule->value;
    case RN_ARGUMENT_WORD_IS:
        return value == rule->value;
    case RN_ARGUMENT_WORD_AT_MOST:
        return value <= rule->value;
    case RN_ARGUMENT_NONE:
        break;
    }
    return true;
}

static bool rule_permits(const struct rn_syscall_rule *rule, const uint64_t arguments[6])
{
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        if (!argument_holds(a, arguments[a->index])) {
            return false;
        }
    }
    return true;
}

bool rn_syscall_permitted(enum rn_role role, int number, const uint64_t arguments[6])
{
    for (size_t i = 0; i < RN_COUNT_OF(rules); i++) {
        const struct rn_syscall_rule *rule = &rules[i];
        if (rule->number == number && (rule->roles & (1u << role)) != 0 &&
            rule_permits(rule, arguments)) {
            return true;
        }
    }
    return false;
}
