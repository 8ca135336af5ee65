/*
 * detach.h: executes a program that is nobody's child.
 *
 * The caller's address space is not copied, no SIGCHLD is raised, and nothing is left to wait for:
 * a process that shares the caller's memory makes a second one, which executes the program, and
 * ends.
 *
 * Threads: thread safe; the calling thread waits for the exec, with all signals blocked.
 */
#ifndef RN_SUPERVISOR_DETACH_H
#define RN_SUPERVISOR_DETACH_H

#include "base/error.h"

#define RN_DETACH_FDS_MAX 4u

struct rn_detach {
    int image_fd;               /* what to execute */
    char *const *argv;          /* its environment is empty */
    int fds[RN_DETACH_FDS_MAX]; /* become 3, 4, ... in it; 0 to 2 are inherited */
    unsigned fd_count;
};

/* Returns 0 once the program runs, with a descriptor of the process; else an errno. */
int rn_detach_exec(const struct rn_detach *detach, int *out_pidfd) RN_MUST_CHECK;

#endif
