/*
 * counters_walled.c: carries the descriptor of the counters' file past the steps that close
 * descriptors, from a zygote to the children that it executes. In coverage builds alone the linker
 * puts it in the place of syscall() in walled programs. A child has closed the descriptor before
 * its main.
 */
#include "tests/tools/counters.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static long close_around(unsigned first, unsigned last, unsigned flags)
{
    long result = 0;
    if (first < RN_COUNTERS_FD) {
        result = __real_syscall(SYS_close_range, first, RN_COUNTERS_FD - 1u, flags);
    }
    unsigned next = first > RN_COUNTERS_FD ? first : RN_COUNTERS_FD + 1u;
    return result != 0 ? result : __real_syscall(SYS_close_range, next, last, flags);
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_close_range && (unsigned)a[1] > RN_COUNTERS_FD) {
        return close_around((unsigned)a[0], (unsigned)a[1], (unsigned)a[2]);
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
