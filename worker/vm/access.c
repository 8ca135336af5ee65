/*
 * access.c: access to objects as scripts observe it.
 *
 * Nothing is locked while a script runs, so what Rune would call a shared borrow is found when
 * somebody asks: the iterators over the object that are still reachable. That is a trace of the
 * whole heap, charged by what it visits.
 */
#include "worker/vm/machine.h"

enum rn_outcome rn_value_access(struct rn_vm *vm, struct rn_value value,
                                struct rn_access *out_access)
{
    *out_access = (struct rn_access){0};
    if (value.tag != RN_VALUE_OBJECT) {
        return RN_DONE;
    }
    const struct rn_object *object = value.object;
    out_access->moved = (object->flags & RN_OBJECT_MOVED) != 0;
    out_access->exclusive =
        (object->flags & RN_OBJECT_HELD) != 0 ||
        (object->kind == RN_OBJECT_COROUTINE &&
         ((const struct rn_coroutine *)object)->fiber.state == RN_FIBER_RUNNING);
    if (!out_access->moved && !out_access->exclusive) {
        return rn_count_iterators(vm, object, &out_access->shared);
    }
    return RN_DONE;
}
