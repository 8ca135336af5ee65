/*
 * control.h: the control segment, by which the supervisor interrupts a worker without a message.
 *
 * One per worker, made by the supervisor, which maps it writable; then it is sealed against resizing
 * and future writable mappings, and is mapped read-only in the worker at its birth. It is as large as
 * the table of slots, but has pages only where slots were used, and the lowest are used first.
 *
 *   kill_deadline_ns  CLOCK_MONOTONIC time at which the zygote kills the worker, should the host
 *                     have stalled; 0: none
 *   stop[slot]        not 0: the execution in that slot must end now; a CANCEL with the reason comes
 *                     as well. The run loop polls this word.
 *
 * Threads: the supervisor's functions may be called from any.
 */
#ifndef RN_SHM_CONTROL_H
#define RN_SHM_CONTROL_H

#include "base/error.h"

#include <stdatomic.h>

#define RN_CONTROL_VERSION 1u
/* Calls that one worker may hold at once. A power of two: the low bits of a call's id are its slot. */
#define RN_SLOTS_MAX 65536u

struct rn_control {
    _Atomic uint64_t kill_deadline_ns;
    uint32_t version;
    uint32_t reserved;
    _Atomic uint32_t stop[RN_SLOTS_MAX];
};

#define RN_CONTROL_SIZE ((sizeof(struct rn_control) + 4095u) & ~(size_t)4095u)

_Static_assert((RN_SLOTS_MAX & (RN_SLOTS_MAX - 1)) == 0, "a slot is the low bits of an id");

/* Supervisor only. Makes and maps one; *out_fd is for the worker, the caller's. SYSTEM. */
enum rn_error rn_control_make(struct rn_control **out_control, int *out_fd) RN_MUST_CHECK;
/* Supervisor only. Accepts NULL. */
void rn_control_unmap(struct rn_control *control);

/* Supervisor only. */
void rn_control_stop(struct rn_control *control, uint32_t slot);
/* Supervisor only. Before a slot is used again. */
void rn_control_clear(struct rn_control *control, uint32_t slot);

#endif
