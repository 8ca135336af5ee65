/* close_around.h: closing a range of descriptors but for some that a test carries along. */
#ifndef RN_TESTS_CLOSE_AROUND_H
#define RN_TESTS_CLOSE_AROUND_H

#include <sys/syscall.h>

/* What syscall() was before the linker put another in its place. */
long __real_syscall(long number, ...);

/* close_range of all from `first` to `last` but those from `kept` to `kept_last`, where it is begun below. */
static inline long close_around(const unsigned range[2], unsigned flags, unsigned kept,
                                unsigned kept_last)
{
    long result = 0;
    if (range[0] < kept) {
        result = __real_syscall(SYS_close_range, range[0], kept - 1u, flags);
    }
    unsigned next = range[0] > kept_last ? range[0] : kept_last + 1u;
    return result != 0 ? result : __real_syscall(SYS_close_range, next, range[1], flags);
}

#endif
