/*
 * control.h: the control page, by which the supervisor interrupts a worker without a message.
 *
 * One page per worker, made by the supervisor, which maps it writable; then it is sealed against
 * resizing and future writable mappings, and the worker maps it read-only. The worker reads:
 *
 *   interrupt   changes whenever a bit of `stop` was set: the one word that the run loop polls
 *   stop        bit `slot`: the execution in that slot must end now; a CANCEL with the reason
 * follows status      written by nobody but the supervisor; reserved
 */
#ifndef RN_SHM_CONTROL_H
#define RN_SHM_CONTROL_H

#include "base/error.h"

#include <stdatomic.h>

#define RN_CONTROL_SIZE 4096u
#define RN_CONTROL_MAGIC 0x4c4f5254434e5552u
/* Calls that one worker may hold at once. */
#define RN_SLOTS_MAX 1024u

struct rn_control {
    uint64_t magic;
    uint32_t version;
    _Atomic uint32_t interrupt;
    _Atomic uint64_t stop[RN_SLOTS_MAX / 64];
};

_Static_assert(sizeof(struct rn_control) <= RN_CONTROL_SIZE, "the control page is one page");

/* Makes and maps one for the supervisor; *out_fd goes to the worker. NO_MEMORY, SYSTEM. */
enum rn_error rn_control_make(struct rn_control **out_control, int *out_fd) RN_MUST_CHECK;
/* Maps one read-only; consumes `fd`. SEAL_MISSING, SYSTEM, MESSAGE_INVALID (magic, version). */
enum rn_error rn_control_take(int fd, const struct rn_control **out_control) RN_MUST_CHECK;
/* Accepts NULL. */
void rn_control_unmap(const struct rn_control *control);

void rn_control_stop(struct rn_control *control, uint32_t slot);
/* Before a slot is used again. */
void rn_control_clear(struct rn_control *control, uint32_t slot);
bool rn_control_is_stopped(const struct rn_control *control, uint32_t slot);

#endif
