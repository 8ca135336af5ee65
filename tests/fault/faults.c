/* faults.c: what the linker puts in the place of the system calls of calls.def. */
#include "tests/fault/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic long left;
static const char *_Atomic fired;

void fault_at(long n)
{
    atomic_store(&fired, NULL);
    atomic_store(&left, n);
}

const char *fault_fired(void)
{
    return atomic_load(&fired);
}

/* Whether it is this call's turn. */
static bool is_hit(const char *name)
{
    if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1) {
        return false;
    }
    atomic_store(&fired, name);
    return true;
}

#define FAULT(type, name, parameters, arguments, result, error)                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (is_hit(#name)) {                                                                       \
            errno = error;                                                                         \
            return result;                                                                         \
        }                                                                                          \
        return __real_##name arguments;                                                            \
    }
#include "tests/fault/calls.def"
