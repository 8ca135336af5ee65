/* fd.c: closing. */
#include "shm/fd.h"

#include <errno.h>
#include <unistd.h>

void rn_fd_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        // EINTR leaves the descriptor closed on Linux: never try again.
        (void)close(fd);
        errno = saved;
    }
}

void rn_fd_done(int *fd)
{
    rn_fd_close(*fd);
    *fd = -1;
}
