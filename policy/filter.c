/* filter.c: loads the generated programs. */
#include "policy/filter.h"

#include "policy/kernel.h"

#include <errno.h>
#include <linux/seccomp.h>

// Those of a worker that diagnoses are others (worker/loop.cmake).
#ifndef RN_FILTER_PROGRAMS
#define RN_FILTER_PROGRAMS "policy_filters_kill.inc"
#endif
#include RN_FILTER_PROGRAMS

const struct sock_filter *rn_filter_program(enum rn_role role, size_t *out_count)
{
    if (role == RN_ROLE_COMPILER) {
        *out_count = RN_COUNT_OF(filter_compiler);
        return filter_compiler;
    }
    *out_count = RN_COUNT_OF(filter_worker);
    return filter_worker;
}

int rn_filter_load(enum rn_role role)
{
    size_t count;
    const struct sock_filter *program = rn_filter_program(role, &count);
    struct sock_fprog prog = {
        .len = (unsigned short)count,
        .filter = (struct sock_filter *)program, // the kernel only reads it
    };
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
    if (result == 0) {
        return 0;
    }
    // A positive number is a thread that could not follow.
    return result < 0 ? errno : EBUSY;
}
