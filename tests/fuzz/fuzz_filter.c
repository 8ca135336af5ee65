/*
 * A system call made of any bytes: the filter's verdict, as a simulator of the kernel finds it, is what
 * the table of system calls says; and nothing made for another architecture passes.
 */
#include "base/check.h"
#include "base/cursor.h"
#include "policy/filter.h"
#include "policy/syscall_table.h"
#include "tests/wall/bpf.h"

#include <linux/audit.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t verdict_on(enum rn_role role, const struct seccomp_data *call)
{
    size_t count;
    const struct sock_filter *program = rn_filter_program(role, &count);
    uint32_t verdict = 0;
    RN_CHECK(bpf_run(program, count, call, &verdict));
    return verdict;
}

static uint32_t wanted_of(enum rn_role role, const struct seccomp_data *call)
{
    uint64_t arguments[6];
    memcpy(arguments, call->args, sizeof(arguments));
    return call->arch == AUDIT_ARCH_X86_64 && rn_syscall_permitted(role, call->nr, arguments)
               ? SECCOMP_RET_ALLOW
               : SECCOMP_RET_KILL_PROCESS;
}

/* Bytes: architecture (0: ours, else four more), number, six arguments; what is missing is 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, data, size);
    struct seccomp_data call = {.arch = AUDIT_ARCH_X86_64};
    if (rn_cursor_u8(&cursor) != 0) {
        call.arch = rn_cursor_u32(&cursor);
    }
    call.nr = (int)rn_cursor_u32(&cursor);
    for (unsigned i = 0; i < RN_COUNT_OF(call.args); i++) {
        call.args[i] = rn_cursor_u64(&cursor);
    }
    for (unsigned role = 0; role < RN_ROLE_COUNT; role++) {
        RN_CHECK(verdict_on((enum rn_role)role, &call) == wanted_of((enum rn_role)role, &call));
    }
    return 0;
}
