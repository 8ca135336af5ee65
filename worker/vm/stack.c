/*
 * stack.c: stacks that grow by moving, frames, and the height of what is live.
 *
 * Frames hold no pointer into the stack, so moving one copies two runs of memory and changes three
 * pointers of the Vm.
 */
#include <string.h>

#include "base/math.h"
#include "worker/vm/machine.h"
#include "worker/vm/profile.h"

bool rn_stack_grow(struct rn_vm *vm, struct rn_value *from, uint32_t count)
{
    struct rn_fiber *fiber = rn_vm_fiber(vm);
    size_t used = (size_t)(from - vm->values) * sizeof(struct rn_value);
    size_t frames = (size_t)((uint8_t *)vm->values + fiber->size - (uint8_t *)vm->frame);
    size_t need = used + frames + (size_t)count * sizeof(struct rn_value) + sizeof(struct rn_frame);
    // never: registers and frames do not overlap
    if (used + frames > fiber->size) {
        return false;
    }
    size_t capacity;
    // Double what is there; the header of a buffer included, so that it fits its size class.
    size_t wanted = rn_max_size(need, (size_t)fiber->size * 2);
    void *memory = rn_heap_buffer(vm, wanted, &capacity);
    if (memory == NULL) {
        return false;
    }
    capacity = capacity > UINT32_MAX ? UINT32_MAX & ~(size_t)15 : capacity & ~(size_t)15;
    // What stands above `from` may be live, too: copy all registers below the frames.
    size_t registers = (size_t)((uint8_t *)vm->frame - (uint8_t *)vm->values);
    memcpy(memory, vm->values, registers);
    struct rn_frame *frame = (struct rn_frame *)(void *)((uint8_t *)memory + capacity - frames);
    memcpy(frame, vm->frame, frames);
    vm->base = (struct rn_value *)memory + (vm->base - vm->values);
    if (vm->values != vm->self_stack) {
        rn_heap_buffer_free(vm, vm->values);
    }
    vm->values = memory;
    vm->frame = frame;
    fiber->values = memory;
    fiber->size = (uint32_t)capacity;
    return true;
}

uint32_t rn_height_at(const struct rn_link *link, const struct rn_inst *pc)
{
    uint32_t index = (uint32_t)(pc - link->unit.code);
    uint64_t *slot = (uint64_t *)(uintptr_t)&link->heights[index % RN_COUNT_OF(link->heights)];
    if (*slot >> 32 == (uint64_t)index + 1) {
        return (uint32_t)*slot;
    }
    uint32_t function = rn_unit_function_at(&link->unit, index);
    uint32_t height = rn_unit_height_at(&link->unit, function, index);
    *slot = ((uint64_t)index + 1) << 32 | height;
    return height;
}

enum rn_outcome rn_push_frame(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                              struct rn_value *window, enum rn_frame_kind kind)
{
    const struct rn_unit_function *callee = &link->unit.functions[function];
    if (RN_UNLIKELY((uint8_t *)(window + callee->register_count) > (uint8_t *)(vm->frame - 1))) {
        size_t offset = (size_t)(window - vm->values);
        if (!rn_stack_grow(vm, window, callee->register_count)) {
            return RN_RAISED;
        }
        window = vm->values + offset;
    }
    if (RN_UNLIKELY(vm->limits.depth != 0 && rn_stack_depth(vm) >= vm->limits.depth)) {
        return rn_reach_limit(vm, RN_LIMIT_DEPTH);
    }
    struct rn_frame *frame = --vm->frame;
    frame->pc = vm->pc + 1;
    frame->code = vm->code;
    frame->link = vm->link;
    frame->delta = (uint32_t)(window - vm->base);
    frame->kind = kind;
    vm->base = window;
    vm->link = link;
    vm->code = link->unit.code + callee->code_start;
    vm->pc = vm->code;
    rn_profile_enter(vm, frame);
    return (enum rn_outcome)RN_FRAME_PUSHED;
}
