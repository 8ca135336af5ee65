/* fd_owner.c: what only the supervisor does with its descriptors. */
#include "shm/fd.h"

#include <fcntl.h>
#include <unistd.h>

int rn_fd_take_above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO) {
        return fd;
    }
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    rn_fd_close(fd);
    return moved;
}
