/*
 * filter_gen.c: syscalls.def to filter programs, at build time.
 *
 * usage: filter_gen kill|trap|names OUTPUT
 *
 * kill: what is not permitted ends the process. trap: it raises SIGSYS, in a worker that diagnoses
 * (worker/diagnose.c); what is permitted is the same. names: what numbers are called (syscall_names.c).
 *
 * libseccomp does the translation. It translates several rows of one call wrongly once one of them
 * uses an order comparison, so such a table is refused here. Any other architecture, the 32-bit
 * entry and the x32 numbers end the process like any call that is not listed.
 */
#include "policy/syscall_table.h"

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Numbers beyond are of no architecture in use.
#define NAMES_MAX 1024

static struct scmp_arg_cmp comparison(const struct rn_argument_rule *rule)
{
    struct scmp_arg_cmp result = {.arg = rule->index, .datum_a = rule->value, .datum_b = 0};
    switch ((enum rn_argument_test)rule->test) {
    case RN_ARGUMENT_INT_IS:
        result.op = SCMP_CMP_MASKED_EQ;
        result.datum_a = UINT64_C(0xffffffff);
        result.datum_b = (uint32_t)rule->value;
        break;
    case RN_ARGUMENT_WORD_AT_MOST:
        result.op = SCMP_CMP_LE;
        break;
    case RN_ARGUMENT_WORD_IS:
    case RN_ARGUMENT_NONE:
        result.op = SCMP_CMP_EQ;
        break;
    }
    return result;
}

static bool applies(const struct rn_syscall_rule *rule, enum rn_role role)
{
    return (rule->roles & (1u << role)) != 0;
}

static bool unconditional(const struct rn_syscall_rule *rule)
{
    return rule->arguments[0].test == RN_ARGUMENT_NONE;
}

static bool has_order_comparison(const struct rn_syscall_rule *rule)
{
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        if (a->test == RN_ARGUMENT_WORD_AT_MOST) {
            return true;
        }
    }
    return false;
}

// Rows that a wider row of the same call makes pointless; only the sanitizer flavour has such.
static bool is_swallowed(const struct rn_syscall_rule *rules, size_t count, size_t index,
                         enum rn_role role)
{
    for (size_t i = 0; i < count; i++) {
        if (i != index && rules[i].number == rules[index].number && applies(&rules[i], role) &&
            unconditional(&rules[i]) && (i < index || !unconditional(&rules[index]))) {
            return true;
        }
    }
    return false;
}

static void refuse_order_alternatives(const struct rn_syscall_rule *rules, size_t count,
                                      size_t index, enum rn_role role)
{
    for (size_t i = 0; i < count; i++) {
        if (i != index && rules[i].number == rules[index].number && applies(&rules[i], role) &&
            !is_swallowed(rules, count, i, role) &&
            (has_order_comparison(&rules[i]) || has_order_comparison(&rules[index]))) {
            fprintf(stderr, "syscalls.def: %s has several rows, one with an order comparison\n",
                    rules[i].name);
            exit(1);
        }
    }
}

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "filter_gen: %s: %s\n", what, strerror(-result));
        exit(1);
    }
}

static void add_rule(scmp_filter_ctx context, const struct rn_syscall_rule *rule)
{
    struct scmp_arg_cmp comparisons[RN_SYSCALL_ARGUMENTS_MAX];
    unsigned count = 0;
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        comparisons[count++] = comparison(a);
    }
    check(seccomp_rule_add_exact_array(context, SCMP_ACT_ALLOW, rule->number, count, comparisons),
          rule->name);
}

// `verdict`: on everything that is not permitted.
static scmp_filter_ctx build(enum rn_role role, uint32_t verdict)
{
    scmp_filter_ctx context = seccomp_init(verdict);
    check(context == NULL ? -ENOMEM : 0, "seccomp_init");
    check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, verdict), "bad arch");
    check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    for (size_t i = 0; i < count; i++) {
        if (applies(&rules[i], role) && !is_swallowed(rules, count, i, role)) {
            refuse_order_alternatives(rules, count, i, role);
            add_rule(context, &rules[i]);
        }
    }
    return context;
}

static void print_program(FILE *out, const char *name, FILE *bpf)
{
    struct sock_filter inst;
    fprintf(out, "static const struct sock_filter filter_%s[] = {\n", name);
    rewind(bpf);
    while (fread(&inst, sizeof(inst), 1, bpf) == 1) {
        fprintf(out, "    {0x%02x, %u, %u, 0x%08x},\n", inst.code, inst.jt, inst.jf, inst.k);
    }
    fprintf(out, "};\n");
}

static void print_filters(FILE *out, uint32_t verdict)
{
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        FILE *bpf = tmpfile();
        check(bpf == NULL ? -errno : 0, "tmpfile");
        scmp_filter_ctx context = build((enum rn_role)role, verdict);
        check(seccomp_export_bpf(context, fileno(bpf)), "export");
        seccomp_release(context);
        print_program(out, rn_role_name((enum rn_role)role), bpf);
        fclose(bpf);
    }
}

static void print_names(FILE *out)
{
    for (int number = 0; number < NAMES_MAX; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name != NULL) {
            fprintf(out, "    [%d] = \"%s\",\n", number, name);
        }
        free(name);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    bool kill = strcmp(what, "kill") == 0;
    if (!kill && strcmp(what, "trap") != 0 && strcmp(what, "names") != 0) {
        fprintf(stderr, "usage: filter_gen kill|trap|names OUTPUT\n");
        return 64;
    }
    FILE *out = fopen(argv[2], "we");
    check(out == NULL ? -errno : 0, argv[2]);
    fprintf(out, "/* Generated from policy/syscalls.def. */\n");
    if (strcmp(what, "names") == 0) {
        print_names(out);
    } else {
        print_filters(out, kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_TRAP);
    }
    return fclose(out) == 0 ? 0 : 1;
}
