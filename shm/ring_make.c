/*
 * ring_make.c: the supervisor's side of a ring: making it, and whether its worker lives.
 *
 * Trust: reads memory that workers write.
 */
#include "shm/ring.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/fd.h"

enum rn_error rn_ring_make(struct rn_ring **out_ring, int *out_fd)
{
    RN_AUTO_FD int fd =
        rn_fd_take_above_standard(memfd_create("runeward-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0 || ftruncate(fd, sizeof(struct rn_ring)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return RN_E_SYSTEM;
    }
    struct rn_ring *ring =
        mmap(NULL, sizeof(struct rn_ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) {
        return RN_E_SYSTEM;
    }
    *out_ring = ring;
    *out_fd = RN_TAKE_FD(fd);
    return RN_OK;
}

void rn_ring_unmap(struct rn_ring *ring)
{
    if (ring) {
        munmap(ring, sizeof(*ring));
    }
}

enum rn_ring_life rn_ring_life(const struct rn_ring *ring)
{
    uint32_t word = atomic_load_explicit(&ring->life, memory_order_relaxed);
    if ((word & FUTEX_OWNER_DIED) != 0) {
        return RN_RING_DIED;
    }
    return (word & FUTEX_TID_MASK) != 0 ? RN_RING_LIVES : RN_RING_LIFE_UNTOLD;
}
