/*
 * counters_walled.c: carries the descriptor of the counters' file past the steps that close
 * descriptors, from a zygote to the children that it executes. In coverage builds alone the linker
 * puts it in the place of syscall() in walled programs. A child has closed the descriptor before
 * its main.
 */
#include "tests/tools/counters.h"

#include "tests/tools/close_around.h"
#include <stdarg.h>

long __wrap_syscall(long number, ...);

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
        const unsigned range[2] = {(unsigned)a[0], (unsigned)a[1]};
        return close_around(range, (unsigned)a[2], RN_COUNTERS_FD, RN_COUNTERS_FD);
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
