/* control_make.c: the supervisor's side of the control segment. */
#include "shm/control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/fd.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum rn_error rn_control_make(struct rn_control **out_control, int *out_fd)
{
    RN_AUTO_FD int fd = rn_fd_take_above_standard(
        memfd_create("runeward-control", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0 || ftruncate(fd, RN_CONTROL_SIZE) != 0) {
        return RN_E_SYSTEM;
    }
    struct rn_control *control =
        mmap(NULL, RN_CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) {
        return RN_E_SYSTEM;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) !=
        0) {
        munmap(control, RN_CONTROL_SIZE);
        return RN_E_SYSTEM;
    }
    control->version = RN_CONTROL_VERSION;
    *out_control = control;
    *out_fd = RN_TAKE_FD(fd);
    return RN_OK;
}

void rn_control_unmap(struct rn_control *control)
{
    if (control) {
        munmap(control, RN_CONTROL_SIZE);
    }
}

void rn_control_stop(struct rn_control *control, uint32_t slot)
{
    RN_CHECK(slot < RN_SLOTS_MAX);
    atomic_store_explicit(&control->stop[slot], 1, memory_order_release);
}

void rn_control_clear(struct rn_control *control, uint32_t slot)
{
    RN_CHECK(slot < RN_SLOTS_MAX);
    atomic_store_explicit(&control->stop[slot], 0, memory_order_release);
}
