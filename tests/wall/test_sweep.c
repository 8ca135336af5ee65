/*
 * test_sweep.c: every system call, and every argument of the permitted ones, in live processes.
 *
 * What must happen comes from the table (rn_syscall_permitted). A call that is not permitted has to
 * end the process by SIGSYS; a permitted one has to come back with an ordinary result.
 */
#include "policy/syscall_table.h"
#include "tests/wall/harness.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

// Two entries of newer kernels are handled before any filter is asked.
#define URETPROBE 335
#define UPROBE 336
// What an argument that no rule speaks of is set to: no descriptor, no aligned or mapped address.
#define NOTHING UINT64_C(0x7fffffff)

struct sweep {
    struct harness harness;
    struct subject subject;
    bool alive;
    enum rn_role role;
    unsigned deaths;
    unsigned survivals;
};

static void open_sweep(struct sweep *sweep, enum rn_role role)
{
    *sweep = (struct sweep){.role = role};
    harness_open(&sweep->harness, RN_POLICY_STRICT);
}

static void close_sweep(struct sweep *sweep)
{
    if (sweep->alive) {
        subject_end(&sweep->harness, &sweep->subject);
    }
    harness_close(&sweep->harness);
}

// True when the subject came back; else how it ended.
static bool survives(struct sweep *sweep, const struct order *order, struct rn_child_exit *ended)
{
    if (!sweep->alive) {
        subject_spawn(&sweep->harness, sweep->role, &sweep->subject);
        sweep->alive = true;
    }
    long answer;
    if (subject_order(&sweep->subject, order, &answer)) {
        sweep->survivals++;
        return true;
    }
    *ended = subject_wait(&sweep->harness, &sweep->subject);
    sweep->alive = false;
    sweep->deaths++;
    return false;
}

static void check_death(const struct order *order, bool alive, const struct rn_child_exit *ended)
{
    if (alive || !ended->signalled || ended->code != SIGSYS) {
        fail_msg("call %#llx (%#llx %#llx %#llx %#llx): %s %d instead of SIGSYS",
                 (unsigned long long)order->number, (unsigned long long)order->arguments[0],
                 (unsigned long long)order->arguments[1], (unsigned long long)order->arguments[2],
                 (unsigned long long)order->arguments[3],
                 alive ? "alive" : (ended->signalled ? "signal" : "exit code"),
                 alive ? 0 : ended->code);
    }
}

static void check_permitted(const struct order *order, bool alive,
                            const struct rn_child_exit *ended)
{
    bool ends_by_itself = order->number == SYS_exit_group;
    if (ends_by_itself ? alive || ended->signalled : !alive) {
        fail_msg("permitted call %llu ended the process: %s %d", (unsigned long long)order->number,
                 ended->signalled ? "signal" : "exit code", ended->code);
    }
}

static void try_number(struct sweep *sweep, uint64_t number)
{
    struct order order = {.kind = ORDER_SYSCALL, .number = number};
    struct rn_child_exit ended = {0};
    // The kernel reads 32 bits of the number.
    int read = (int)(uint32_t)number;
    bool permitted = rn_syscall_permitted(sweep->role, read, order.arguments);
    bool alive = survives(sweep, &order, &ended);
    if (read == URETPROBE) {
        assert_true(!alive && ended.signalled && (ended.code == SIGILL || ended.code == SIGSYS));
    } else if (read == UPROBE) {
        assert_true(alive || (ended.signalled && ended.code == SIGSYS));
    } else if (permitted) {
        check_permitted(&order, alive, &ended);
    } else {
        check_death(&order, alive, &ended);
    }
}

static void sweep_numbers(enum rn_role role)
{
    static const uint64_t odd[] = {UINT64_MAX, 0x7fffffff, 0x80000000u, 0xffffffffu};
    struct sweep sweep;
    open_sweep(&sweep, role);
    for (uint64_t number = 0; number < 1024; number++) {
        try_number(&sweep, number);
        if (role == RN_ROLE_WORKER) {
            try_number(&sweep, number | 0x40000000);
        }
    }
    for (size_t i = 0; i < RN_COUNT_OF(odd); i++) {
        try_number(&sweep, odd[i]);
    }
    print_message("%s: %u deaths, %u survivals\n", rn_role_name(role), sweep.deaths,
                  sweep.survivals);
    close_sweep(&sweep);
}

static void every_number_of_a_worker(void **state)
{
    (void)state;
    sweep_numbers(RN_ROLE_WORKER);
}

static void every_number_of_a_compiler(void **state)
{
    (void)state;
    sweep_numbers(RN_ROLE_COMPILER);
}

static void the_32_bit_entry(void **state)
{
    (void)state;
    struct sweep sweep;
    open_sweep(&sweep, RN_ROLE_WORKER);
    for (uint64_t number = 0; number < 512; number++) {
        struct order order = {.kind = ORDER_INT80, .number = number};
        struct rn_child_exit ended = {0};
        bool alive = survives(&sweep, &order, &ended);
        if (!alive && ended.signalled && ended.code == SIGSEGV) {
            print_message("skipped: this kernel has no 32-bit entry\n");
            close_sweep(&sweep);
            skip();
        }
        check_death(&order, alive, &ended);
    }
    close_sweep(&sweep);
}

static void permitted_tuple(const struct rn_syscall_rule *rule, struct order *order)
{
    *order = (struct order){.kind = ORDER_SYSCALL, .number = (uint64_t)rule->number};
    for (unsigned i = 0; i < 6; i++) {
        order->arguments[i] = NOTHING;
    }
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        order->arguments[a->index] = a->test == RN_ARGUMENT_WORD_AT_MOST ? 4096 : a->value;
    }
}

static void try_tuple(struct sweep *sweep, const struct order *order)
{
    struct rn_child_exit ended = {0};
    bool permitted = rn_syscall_permitted(sweep->role, (int)order->number, order->arguments);
    bool alive = survives(sweep, order, &ended);
    if (permitted) {
        check_permitted(order, alive, &ended);
    } else {
        check_death(order, alive, &ended);
    }
}

static void try_argument(struct sweep *sweep, const struct order *order, uint8_t index,
                         uint64_t limit)
{
    struct order changed = *order;
    for (unsigned bit = 0; bit < 64; bit++) {
        changed.arguments[index] = order->arguments[index] ^ UINT64_C(1) << bit;
        try_tuple(sweep, &changed);
    }
    const uint64_t edges[] = {limit, limit + 1, limit - 1, UINT64_MAX};
    for (size_t i = 0; i < RN_COUNT_OF(edges); i++) {
        changed.arguments[index] = edges[i];
        try_tuple(sweep, &changed);
    }
}

static void try_rule(struct sweep *sweep, const struct rn_syscall_rule *rule)
{
    struct order order;
    permitted_tuple(rule, &order);
    try_tuple(sweep, &order);
    if (rule->number == SYS_exit_group) {
        return;
    }
    for (const struct rn_argument_rule *a = rule->arguments; a->test != RN_ARGUMENT_NONE; a++) {
        try_argument(sweep, &order, a->index, a->value);
    }
}

static void every_argument(void **state)
{
    (void)state;
    struct sweep sweep;
    open_sweep(&sweep, RN_ROLE_WORKER);
    size_t count;
    const struct rn_syscall_rule *rules = rn_syscall_rules(&count);
    for (size_t i = 0; i < count; i++) {
        if ((rules[i].roles & (1u << RN_ROLE_WORKER)) != 0) {
            try_rule(&sweep, &rules[i]);
        }
    }
    print_message("arguments: %u deaths, %u survivals\n", sweep.deaths, sweep.survivals);
    assert_true(sweep.deaths > 100 && sweep.survivals > 100);
    close_sweep(&sweep);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !harness_be_nobody(argc, argv)) {
        puts("skipped: cannot become an ordinary user");
        return 77;
    }
#ifdef RN_SANITIZED
    puts("skipped: the sanitizer flavour has another filter");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_a_worker),
        cmocka_unit_test(every_number_of_a_compiler),
        cmocka_unit_test(the_32_bit_entry),
        cmocka_unit_test(every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
