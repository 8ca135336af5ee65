/*
 * profile.h: what an execution spends, and where: in a worker that profiles (RN_PROFILE), and nowhere else.
 *
 * Budget is counted, so there is no clock in it: the same call gives the same profile, to the unit.
 *
 *     place   an instruction of the script's Unit. The library's instructions, and what its natives charge,
 *             count at the place in the script that called them.
 *     node    a path of the script's functions from the entry to the one that spends. A function that is on
 *             the path already is found there again: so recursion makes a path no longer.
 *
 * Q1  What all nodes spent together is what the execution spent, and so is what all places did together with
 *     node 0; but a block that an error left was counted as far as it came, and is paid for at its end.
 * Q2  The node of a frame's caller stands in the frame, that of a stack in its last frame: stacks grow, and
 *     are switched, without anybody having to care.
 *
 * In every other program these are nothing: not an instruction, and not a byte of a frame.
 */
#ifndef RN_WORKER_VM_PROFILE_H
#define RN_WORKER_VM_PROFILE_H

#include "worker/vm/machine.h"

#ifdef RN_PROFILE

/* NO_MEMORY. */
enum rn_error rn_profile_start(struct rn_vm *vm) RN_MUST_CHECK;
void rn_profile_done(struct rn_vm *vm);
/* An instruction is about to run; the one before it is over. */
void rn_profile_step(struct rn_vm *vm, const struct rn_inst *pc);
/* It did not: its charge was too much, and it will be run later. */
void rn_profile_undo(struct rn_vm *vm, const struct rn_inst *pc);
/* What waited is about to be polled from the top: the instruction at which it stands runs once more, and is
 * charged for all of its block. */
void rn_profile_poll(struct rn_vm *vm);
/* The Vm is at the first function of the execution. */
void rn_profile_begin(struct rn_vm *vm);
/* The Vm is at a function that was called, with its frame. */
void rn_profile_enter(struct rn_vm *vm, struct rn_frame *frame);
/* The Vm is where the frame of a function that returned said. */
void rn_profile_leave(struct rn_vm *vm, const struct rn_frame *frame);
/* A stack was loaded: the library may go on there. */
void rn_profile_load(struct rn_vm *vm);
/* A stack that has waited, or not run yet, is about to be resumed by `resumer` (NULL: the execution). */
void rn_profile_resume(const struct rn_vm *vm, struct rn_fiber *fiber,
                       const struct rn_object *resumer);

#else

static inline enum rn_error rn_profile_start(struct rn_vm *vm)
{
    (void)vm;
    return RN_OK;
}
static inline void rn_profile_done(struct rn_vm *vm)
{
    (void)vm;
}
static inline void rn_profile_step(struct rn_vm *vm, const struct rn_inst *pc)
{
    (void)vm;
    (void)pc;
}
static inline void rn_profile_undo(struct rn_vm *vm, const struct rn_inst *pc)
{
    (void)vm;
    (void)pc;
}
static inline void rn_profile_poll(struct rn_vm *vm)
{
    (void)vm;
}
static inline void rn_profile_load(struct rn_vm *vm)
{
    (void)vm;
}
static inline void rn_profile_begin(struct rn_vm *vm)
{
    (void)vm;
}
static inline void rn_profile_enter(struct rn_vm *vm, struct rn_frame *frame)
{
    (void)vm;
    (void)frame;
}
static inline void rn_profile_leave(struct rn_vm *vm, const struct rn_frame *frame)
{
    (void)vm;
    (void)frame;
}
static inline void rn_profile_resume(const struct rn_vm *vm, struct rn_fiber *fiber,
                                     const struct rn_object *resumer)
{
    (void)vm;
    (void)fiber;
    (void)resumer;
}

#endif

#endif
