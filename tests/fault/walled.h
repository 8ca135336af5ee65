/*
 * walled.h: the real worker, zygote and compiler, whose system calls fail and whose arenas are as small as a file says.
 *
 * The file is RN_WALLED_STATE, a struct fault_state. Who starts a zygote opens it; the zygote keeps a descriptor for those that it
 * executes, which map it before their main and close it. Without the file nothing fails.
 */
#ifndef RN_TESTS_FAULT_WALLED_H
#define RN_TESTS_FAULT_WALLED_H

#include "tests/fault/faults.h"
#include "tests/tools/counters.h"

/* Above what a zygote has, below the usual limit on descriptors; that of the counters of a coverage build is next to it. */
#define WALLED_FD (RN_COUNTERS_FD - 1)

extern enum fault_scope walled_scope; /* this program's */
extern const char __ehdr_start __attribute__((visibility("hidden")));

/* syscall(), which leaves both open. */
long walled_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
