/* fd.h: descriptors that close themselves. Empty is -1; descriptors are born CLOEXEC. */
#ifndef RN_SHM_FD_H
#define RN_SHM_FD_H

#include "base/error.h"

/* Closes `fd` unless it is negative; keeps errno. */
void rn_fd_close(int fd);
/* Closes *fd at the end of a scope. */
void rn_fd_done(int *fd);
#define RN_AUTO_FD __attribute__((cleanup(rn_fd_done)))

/*
 * `fd`, or what takes its place if it has the number of a standard stream: a host that has closed
 * those may still write to them. Consumes `fd`; -1 with errno if it cannot be moved. Whatever the library
 * opens to keep, or to write to, goes through it, and so does what may be written to at its other end.
 */
int rn_fd_take_above_standard(int fd);

/* Moves a descriptor out of a variable and leaves -1. */
#define RN_TAKE_FD(fd)                                                                             \
    __extension__({                                                                                \
        int rn_taken_fd_ = (fd);                                                                   \
        (fd) = -1;                                                                                 \
        rn_taken_fd_;                                                                              \
    })

#endif
