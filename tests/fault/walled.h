/*
 * walled.h: the real worker, zygote and compiler, whose system calls fail and whose arenas are as small as a file says.
 *
 * The file is RN_WALLED_STATE, a struct fault_state. Who starts a zygote opens it; the zygote keeps a descriptor for those that it
 * executes, which map it before their main and close it. Without the file nothing fails.
 */
#ifndef RN_TESTS_FAULT_WALLED_H
#define RN_TESTS_FAULT_WALLED_H

#include "tests/fault/faults.h"

/* Above what a zygote has, below the usual limit on descriptors. */
#define WALLED_FD 190

extern enum fault_scope walled_scope; /* this program's */
extern const char __ehdr_start __attribute__((visibility("hidden")));

/* syscall(), which leaves that descriptor open. */
long walled_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
