/*
 * segment_make.c: making sealed memory.
 *
 * The bytes go in by write(), not through a mapping: no writable mapping ever exists, so that
 * F_SEAL_WRITE cannot be refused, and a full file system gives an error instead of SIGBUS.
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int make_memfd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return rn_fd_take_above_standard(fd);
}

static enum rn_error write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return RN_E_SYSTEM;
        }
        bytes += written;
        size -= (size_t)written;
    }
    return RN_OK;
}

enum rn_error rn_segment_make(const char *name, const void *bytes, size_t size,
                              struct rn_segment *out_segment)
{
    if (size == 0 || size > RN_SEGMENT_SIZE_MAX) {
        return RN_E_TOO_LARGE;
    }
    RN_AUTO_FD int fd = make_memfd(name);
    if (fd < 0) {
        return RN_E_SYSTEM;
    }
    RN_TRY(write_all(fd, bytes, size));
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return RN_E_SYSTEM;
    }
    // All of it went in, nobody else had the descriptor, and now it has every seal: nothing is left to be
    // asked of the kernel, as whoever takes a segment has to (segment.c).
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        return RN_E_SYSTEM;
    }
    *out_segment = (struct rn_segment){.fd = RN_TAKE_FD(fd), .data = data, .size = size};
    return RN_OK;
}
