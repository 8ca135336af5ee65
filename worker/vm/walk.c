/*
 * walk.c: an explicit stack for nested values, and the shallow protocol CLONE.
 */
#include <string.h>

#include "worker/vm/machine.h"

enum rn_outcome rn_walk_push(struct rn_vm *vm, struct rn_walk *walk, struct rn_value value)
{
    if (walk->count >= RN_WALK_DEPTH_MAX) {
        return rn_raise(vm, RN_VM_ERROR_NESTED);
    }
    if (walk->count == walk->capacity) {
        size_t bytes;
        size_t wanted = walk->capacity == 0 ? 3 : (size_t)walk->capacity * 2;
        struct rn_walk_frame *frames = rn_heap_buffer(vm, wanted * sizeof(*frames), &bytes);
        if (frames == NULL) {
            return RN_RAISED;
        }
        if (walk->count > 0) {
            memcpy(frames, walk->frames, walk->count * sizeof(*frames));
        }
        rn_heap_buffer_free(vm, walk->frames);
        walk->frames = frames;
        walk->capacity = (uint32_t)(bytes / sizeof(*frames));
    }
    rn_charge(vm, 1);
    walk->frames[walk->count++] = (struct rn_walk_frame){.value = value};
    return RN_DONE;
}

void rn_walk_done(struct rn_vm *vm, struct rn_walk *walk)
{
    rn_heap_buffer_free(vm, walk->frames);
    *walk = (struct rn_walk){0};
}
