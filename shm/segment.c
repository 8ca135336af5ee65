/* segment.c: attaching sealed memory. The seals are asked of the kernel, not of the sender. */
#include "shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "shm/fd.h"

#define REQUIRED_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

enum rn_error rn_segment_take(int fd, size_t size, struct rn_segment *out_segment)
{
    RN_AUTO_FD int owned = fd;
    if (size == 0 || size > RN_SEGMENT_SIZE_MAX) {
        return RN_E_TOO_LARGE;
    }
    int seals = fcntl(owned, F_GET_SEALS);
    if (seals < 0) {
        return RN_E_SYSTEM;
    }
    if ((seals & REQUIRED_SEALS) != REQUIRED_SEALS) {
        return RN_E_SEAL_MISSING;
    }
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, owned, 0);
    if (data == MAP_FAILED) {
        return RN_E_SYSTEM;
    }
    *out_segment = (struct rn_segment){.fd = -1, .data = data, .size = size};
    return RN_OK;
}

void rn_segment_done(struct rn_segment *segment)
{
    if (segment->data) {
        munmap((void *)(uintptr_t)segment->data, segment->size);
    }
    rn_fd_close(segment->fd);
    *segment = (struct rn_segment){.fd = -1};
}
