/* test_filter.c: the generated filters against the table they come from, in a simulator. */
#include "policy/filter.h"
#include "policy/syscall_names.h"
#include "policy/syscall_table.h"
#include "tests/wall/bpf.h"

#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define TUPLES 500000u

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t verdict_on(enum rn_role role, uint32_t arch, int number,
                           const uint64_t arguments[6])
{
    size_t count;
    const struct sock_filter *program = rn_filter_program(role, &count);
    struct seccomp_data data = {.nr = number, .arch = arch, .instruction_pointer = 0x1234};
    memcpy(data.args, arguments, sizeof(data.args));
    uint32_t verdict = 0;
    assert_true(bpf_run(program, count, &data, &verdict));
    return verdict;
}

static void compare(enum rn_role role, int number, const uint64_t arguments[6])
{
    uint32_t expected = rn_syscall_permitted(role, number, arguments) ? SECCOMP_RET_ALLOW
                                                                      : SECCOMP_RET_KILL_PROCESS;
    uint32_t verdict = verdict_on(role, AUDIT_ARCH_X86_64, number, arguments);
    if (verdict != expected) {
        fail_msg("%s: call %d (%#llx %#llx %#llx %#llx %#llx %#llx): %#x instead of %#x",
                 rn_role_name(role), number, (unsigned long long)arguments[0],
                 (unsigned long long)arguments[1], (unsigned long long)arguments[2],
                 (unsigned long long)arguments[3], (unsigned long long)arguments[4],
                 (unsigned long long)arguments[5], verdict, expected);
    }
}

static const struct rn_syscall_rule *random_rule(uint64_t *state)
{
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    return &rules[next_random(state) % count];
}

// A tuple that the rule permits, then often one thing about it changed.
static void near_miss(uint64_t *state, const struct rn_syscall_rule *rule, uint64_t arguments[6])
{
    for (unsigned i = 0; i < 6; i++) {
        arguments[i] = next_random(state);
    }
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        arguments[a->index] = a->value;
        if (a->test == RN_ARGUMENT_WORD_AT_MOST) {
            arguments[a->index] -= next_random(state) % 3;
        }
        uint64_t dice = next_random(state);
        if (dice % 4 == 0) {
            arguments[a->index] ^= UINT64_C(1) << (dice >> 8) % 64;
        } else if (dice % 16 == 1) {
            arguments[a->index] += (dice >> 8) % 3 - 1;
        } else if (dice % 16 == 2) {
            arguments[a->index] |= UINT64_C(0xffffffff00000000);
        }
    }
}

static void near_misses_get_the_verdict_of_the_table(void **unused)
{
    (void)unused;
    uint64_t state = 1;
    for (unsigned i = 0; i < TUPLES; i++) {
        const struct rn_syscall_rule *rule = random_rule(&state);
        uint64_t arguments[6];
        near_miss(&state, rule, arguments);
        compare(RN_ROLE_WORKER, rule->number, arguments);
        compare(RN_ROLE_COMPILER, rule->number, arguments);
    }
}

static void every_number_gets_the_verdict_of_the_table(void **unused)
{
    (void)unused;
    uint64_t state = 2;
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        for (int number = -8; number < 1100; number++) {
            uint64_t arguments[6] = {0};
            compare((enum rn_role)role, number, arguments);
            for (unsigned i = 0; i < 6; i++) {
                arguments[i] = next_random(&state) % 5;
            }
            compare((enum rn_role)role, number, arguments);
            // The x32 numbers
            compare((enum rn_role)role, number | 0x40000000, arguments);
        }
    }
}

static void other_architectures_die(void **unused)
{
    (void)unused;
    static const uint32_t archs[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, UINT32_MAX,
                                     AUDIT_ARCH_X86_64 ^ 1};
    uint64_t arguments[6] = {0};
    for (size_t i = 0; i < RN_COUNT_OF(archs); i++) {
        for (int number = 0; number < 512; number++) {
            assert_int_equal(verdict_on(RN_ROLE_WORKER, archs[i], number, arguments),
                             SECCOMP_RET_KILL_PROCESS);
        }
    }
}

static unsigned calls_of(enum rn_role role)
{
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    bool seen[1024] = {false};
    unsigned calls = 0;
    for (size_t i = 0; i < count; i++) {
        if ((rules[i].roles & (1u << role)) != 0 && !seen[rules[i].number]) {
            seen[rules[i].number] = true;
            calls++;
        }
    }
    return calls;
}

static void the_lists_are_short(void **unused)
{
    (void)unused;
#ifndef RN_SANITIZED
    assert_int_equal(calls_of(RN_ROLE_WORKER), 9);
    assert_int_equal(calls_of(RN_ROLE_COMPILER), 3);
#else
    assert_true(calls_of(RN_ROLE_WORKER) > 10);
#endif
}

static void every_rule_has_a_reason(void **unused)
{
    (void)unused;
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(rules[i].reason) > 5);
        assert_int_not_equal(rules[i].roles, 0);
    }
}

// The filter itself must be of a form that the kernel's own checks accept: jumps inside, an end.
static void filters_end_in_two_verdicts_only(void **unused)
{
    (void)unused;
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        size_t count;
        const struct sock_filter *program = rn_filter_program((enum rn_role)role, &count);
        assert_true(count > 4 && count < 400);
        for (size_t i = 0; i < count; i++) {
            if (BPF_CLASS(program[i].code) == BPF_RET) {
                assert_true(program[i].k == SECCOMP_RET_ALLOW ||
                            program[i].k == SECCOMP_RET_KILL_PROCESS);
            }
        }
    }
}

#include "policy_filters_trap.inc"

// What diagnoses has the same filter but for one verdict: nothing more is permitted.
static void the_trapping_filters_permit_the_same(void **unused)
{
    (void)unused;
    static const struct {
        const struct sock_filter *program;
        size_t count;
    } trapping[RN_ROLE_COUNT] = {
        [RN_ROLE_WORKER] = {filter_worker, RN_COUNT_OF(filter_worker)},
        [RN_ROLE_COMPILER] = {filter_compiler, RN_COUNT_OF(filter_compiler)},
    };
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        size_t count;
        const struct sock_filter *killing = rn_filter_program((enum rn_role)role, &count);
        assert_int_equal(trapping[role].count, count);
        for (size_t i = 0; i < count; i++) {
            struct sock_filter expected = killing[i];
            if (BPF_CLASS(expected.code) == BPF_RET && expected.k == SECCOMP_RET_KILL_PROCESS) {
                expected.k = SECCOMP_RET_TRAP;
            }
            assert_memory_equal(&trapping[role].program[i], &expected, sizeof(expected));
        }
    }
}

static void numbers_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(rn_syscall_name(SYS_openat), "openat");
    assert_string_equal(rn_syscall_name(SYS_recvmsg), "recvmsg");
    assert_null(rn_syscall_name(UINT32_MAX));
    assert_string_equal(rn_syscall_arch_name(AUDIT_ARCH_X86_64), "x86_64");
    assert_null(rn_syscall_arch_name(0));
    assert_true(rn_syscall_arch_is_ours(AUDIT_ARCH_X86_64));
    assert_false(rn_syscall_arch_is_ours(AUDIT_ARCH_I386));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_misses_get_the_verdict_of_the_table),
        cmocka_unit_test(every_number_gets_the_verdict_of_the_table),
        cmocka_unit_test(other_architectures_die),
        cmocka_unit_test(the_lists_are_short),
        cmocka_unit_test(every_rule_has_a_reason),
        cmocka_unit_test(filters_end_in_two_verdicts_only),
        cmocka_unit_test(the_trapping_filters_permit_the_same),
        cmocka_unit_test(numbers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
