/*
 * clone.c: the protocol CLONE: own storage, elements shared; but those of a Tuple, an Option and a
 * Result are cloned themselves.
 */
#include <string.h>

#include "worker/vm/machine.h"

static enum rn_outcome clone_string(struct rn_vm *vm, const struct rn_string *string,
                                    struct rn_value *out)
{
    struct rn_string *copy =
        rn_heap_object(vm, RN_OBJECT_STRING, string->header.type, sizeof(*copy));
    if (copy == NULL) {
        return RN_RAISED;
    }
    copy->data = "";
    copy->size = 0;
    copy->capacity = 0;
    if (string->capacity == 0) {
        copy->data = string->data; // static text is shared until either is changed
        copy->size = string->size;
    } else if (string->size > 0 && !rn_string_append(vm, copy, string->data, string->size)) {
        return RN_RAISED;
    }
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_vec(struct rn_vm *vm, const struct rn_vec *vec, struct rn_value *out)
{
    struct rn_vec *copy = rn_vec_new(vm, vec->count);
    if (copy == NULL) {
        return RN_RAISED;
    }
    if (vec->count > 0) {
        memcpy(copy->items, vec->items, vec->count * sizeof(struct rn_value));
    }
    copy->count = vec->count;
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_fields(struct rn_vm *vm, const struct rn_tuple *tuple,
                                    struct rn_value *out)
{
    size_t size = sizeof(*tuple) + tuple->header.count * sizeof(struct rn_value);
    struct rn_tuple *copy =
        rn_heap_object(vm, (enum rn_object_kind)tuple->header.kind, tuple->header.type, size);
    if (copy == NULL) {
        return RN_RAISED;
    }
    copy->header.count = tuple->header.count;
    memcpy(copy->items, tuple->items, tuple->header.count * sizeof(struct rn_value));
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_deque(struct rn_vm *vm, struct rn_vec_deque *deque,
                                   struct rn_value *out)
{
    struct rn_vec_deque *copy = rn_vec_deque_new(vm, deque->count);
    if (copy == NULL) {
        return RN_RAISED;
    }
    for (uint32_t i = 0; i < deque->count; i++) {
        copy->items[i] = *rn_vec_deque_at(deque, i);
    }
    copy->count = deque->count;
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_iter(struct rn_vm *vm, const struct rn_iter *iter,
                                  struct rn_value *out)
{
    struct rn_iter *copy =
        rn_iter_new(vm, iter->header.type, (enum rn_iter_kind)iter->iter, iter->source);
    if (copy == NULL) {
        return RN_RAISED;
    }
    copy->index = iter->index;
    copy->end = iter->end;
    copy->version = iter->version;
    copy->last = iter->last;
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_function(struct rn_vm *vm, const struct rn_function *function,
                                      struct rn_value *out)
{
    struct rn_function *copy = rn_function_new(vm, function->link, function->form, function->index,
                                               function->header.count);
    if (copy == NULL) {
        return RN_RAISED;
    }
    memcpy(copy->captures, function->captures, function->header.count * sizeof(struct rn_value));
    *out = rn_value_object(copy);
    return RN_DONE;
}

static enum rn_outcome clone_one(struct rn_vm *vm, struct rn_value value,
                                 struct rn_value *out_value)
{
    if (value.tag != RN_VALUE_OBJECT) {
        *out_value = value;
        return RN_DONE;
    }
    RN_TRY_VM(rn_check_read(vm, value));
    switch ((enum rn_object_kind)value.object->kind) {
    case RN_OBJECT_STRING:
        return clone_string(vm, rn_as_string(value), out_value);
    case RN_OBJECT_VEC:
        return clone_vec(vm, rn_as_vec(value), out_value);
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_STRUCT:
    case RN_OBJECT_RANGE:
        return clone_fields(vm, rn_as_tuple(value), out_value);
    case RN_OBJECT_OBJECT:
    case RN_OBJECT_MAP:
        return rn_map_clone(vm, rn_as_map(value), out_value);
    case RN_OBJECT_VEC_DEQUE:
        return clone_deque(vm, rn_as_vec_deque(value), out_value);
    case RN_OBJECT_FUNCTION:
        return clone_function(vm, (const struct rn_function *)value.object, out_value);
    case RN_OBJECT_ITER:
        return clone_iter(vm, rn_as_iter(value), out_value);
    case RN_OBJECT_COROUTINE:
        return rn_coroutine_clone(vm, (struct rn_coroutine *)value.object, out_value);
    case RN_OBJECT_FUTURE:
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
    return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("CLONE"), value);
}

/* Structs of a script are shared wherever they are an element. */
static bool is_shared(const struct rn_vm *vm, struct rn_value value)
{
    return value.tag != RN_VALUE_OBJECT ||
           (value.object->kind == RN_OBJECT_STRUCT &&
            (rn_type_record(vm, value.object->type)->flags & RN_TYPE_RECORD_LIBRARY) == 0);
}

static bool clones_elements(const struct rn_vm *vm, struct rn_value value)
{
    uint32_t type = value.tag == RN_VALUE_OBJECT ? rn_type_of(vm, value) : RN_NONE;
    return type == RN_TYPE_ID_TUPLE || type == RN_TYPE_ID_OPTION || type == RN_TYPE_ID_RESULT;
}

/* The next element of the innermost copy, which still is that of the original. */
static enum rn_outcome clone_next(struct rn_vm *vm, struct rn_walk *walk)
{
    struct rn_walk_frame *frame = rn_walk_top(walk);
    struct rn_tuple *copy = rn_as_tuple(frame->value);
    if (frame->position == copy->header.count) {
        walk->count--;
        return RN_DONE;
    }
    struct rn_value *item = &copy->items[frame->position++];
    rn_charge(vm, 1);
    RN_TRY_VM(rn_check_spent(vm));
    if (is_shared(vm, *item)) {
        return RN_DONE;
    }
    RN_TRY_VM(clone_one(vm, *item, item));
    return clones_elements(vm, *item) ? rn_walk_push(vm, walk, *item) : RN_DONE;
}

enum rn_outcome rn_value_clone(struct rn_vm *vm, struct rn_value value, struct rn_value *out_value)
{
    RN_TRY_VM(clone_one(vm, value, out_value));
    if (!clones_elements(vm, *out_value)) {
        return RN_DONE;
    }
    struct rn_walk walk = {0};
    enum rn_outcome outcome = rn_walk_push(vm, &walk, *out_value);
    while (outcome == RN_DONE && walk.count > 0) {
        outcome = clone_next(vm, &walk);
    }
    rn_walk_done(vm, &walk);
    return outcome;
}
