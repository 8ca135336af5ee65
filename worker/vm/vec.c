/*
 * vec.c: Vec, VecDeque, and values of fixed size: tuples, structs, variants.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define COUNT_MAX ((size_t)1 << 28)

/* Room for `count` items, the first `used` of which are those of `old`, which is given back. */
static struct rn_value *grow_items(struct rn_vm *vm, struct rn_value *old, size_t used,
                                   size_t count, uint32_t *out_capacity)
{
    if (count > COUNT_MAX) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return NULL;
    }
    size_t bytes;
    struct rn_value *items = rn_heap_buffer_grow(vm, old, used * sizeof(struct rn_value),
                                                 count * sizeof(struct rn_value), &bytes);
    *out_capacity = (uint32_t)(bytes / sizeof(struct rn_value));
    return items;
}

static struct rn_value *new_items(struct rn_vm *vm, size_t count, uint32_t *out_capacity)
{
    return grow_items(vm, NULL, 0, count, out_capacity);
}

struct rn_vec *rn_vec_new(struct rn_vm *vm, size_t capacity)
{
    struct rn_vec *vec = rn_heap_object(vm, RN_OBJECT_VEC, RN_TYPE_ID_VEC, sizeof(*vec));
    if (vec == NULL) {
        return NULL;
    }
    vec->items = NULL;
    vec->count = 0;
    vec->capacity = 0;
    if (capacity > 0) {
        vec->items = new_items(vm, capacity, &vec->capacity);
        if (vec->items == NULL) {
            return NULL;
        }
    }
    return vec;
}

bool rn_vec_reserve(struct rn_vm *vm, struct rn_vec *vec, size_t extra)
{
    if (extra <= vec->capacity - vec->count) {
        return true;
    }
    if (extra > COUNT_MAX) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return false;
    }
    size_t wanted = vec->count + extra;
    size_t doubled = (size_t)vec->capacity * 2;
    wanted = wanted < doubled ? doubled : wanted;
    uint32_t capacity;
    struct rn_value *items =
        grow_items(vm, vec->items, vec->count, wanted < 3 ? 3 : wanted, &capacity);
    if (items == NULL) {
        return false;
    }
    vec->items = items;
    vec->capacity = capacity;
    return true;
}

bool rn_vec_push(struct rn_vm *vm, struct rn_vec *vec, struct rn_value value)
{
    if (RN_UNLIKELY(vec->count == vec->capacity) && !rn_vec_reserve(vm, vec, 1)) {
        return false;
    }
    vec->items[vec->count++] = value;
    vec->header.version++;
    return true;
}

static struct rn_tuple *new_fields(struct rn_vm *vm, enum rn_object_kind kind, uint32_t type,
                                   uint32_t count)
{
    size_t size = sizeof(struct rn_tuple) + (size_t)count * sizeof(struct rn_value);
    struct rn_tuple *tuple = rn_heap_object(vm, kind, type, size);
    if (tuple == NULL) {
        return NULL;
    }
    tuple->header.count = count;
    for (uint32_t i = 0; i < count; i++) {
        tuple->items[i] = rn_value_unit();
    }
    return tuple;
}

struct rn_tuple *rn_tuple_new(struct rn_vm *vm, uint32_t count)
{
    return new_fields(vm, RN_OBJECT_TUPLE, RN_TYPE_ID_TUPLE, count);
}

struct rn_tuple *rn_struct_new(struct rn_vm *vm, uint32_t type, uint32_t count)
{
    return new_fields(vm, RN_OBJECT_STRUCT, type, count);
}

enum rn_outcome rn_make_variant(struct rn_vm *vm, uint32_t variant, struct rn_value payload,
                                struct rn_value *out_value)
{
    if (variant == RN_VARIANT_ID_OPTION_NONE) {
        *out_value = rn_value_none();
        return RN_DONE;
    }
    if (variant >= RN_VARIANT_ID_ORDERING_LESS && variant <= RN_VARIANT_ID_ORDERING_GREATER) {
        *out_value = rn_value_ordering((enum rn_ordering)(variant - RN_VARIANT_ID_ORDERING_LESS));
        return RN_DONE;
    }
    struct rn_tuple *tuple =
        rn_heap_object(vm, RN_OBJECT_STRUCT, variant, sizeof(*tuple) + sizeof(struct rn_value));
    if (tuple == NULL) {
        return RN_RAISED;
    }
    tuple->header.count = 1;
    tuple->items[0] = payload;
    *out_value = rn_value_object(tuple);
    return RN_DONE;
}

enum rn_outcome rn_make_some(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value)
{
    return rn_make_variant(vm, RN_VARIANT_ID_OPTION_SOME, payload, out_value);
}

enum rn_outcome rn_make_ok(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value)
{
    return rn_make_variant(vm, RN_VARIANT_ID_RESULT_OK, payload, out_value);
}

enum rn_outcome rn_make_err(struct rn_vm *vm, struct rn_value payload, struct rn_value *out_value)
{
    return rn_make_variant(vm, RN_VARIANT_ID_RESULT_ERR, payload, out_value);
}

struct rn_vec_deque *rn_vec_deque_new(struct rn_vm *vm, size_t capacity)
{
    struct rn_vec_deque *deque =
        rn_heap_object(vm, RN_OBJECT_VEC_DEQUE, RN_TYPE_ID_VEC_DEQUE, sizeof(*deque));
    if (deque == NULL) {
        return NULL;
    }
    deque->items = NULL;
    deque->head = 0;
    deque->count = 0;
    deque->capacity = 0;
    deque->spare = 0;
    if (capacity > 0 && !rn_vec_deque_reserve(vm, deque, capacity)) {
        return NULL;
    }
    return deque;
}

bool rn_vec_deque_reserve(struct rn_vm *vm, struct rn_vec_deque *deque, size_t extra)
{
    if (extra <= deque->capacity - deque->count) {
        return true;
    }
    if (extra > COUNT_MAX) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return false;
    }
    uint32_t capacity = deque->capacity == 0 ? 4 : deque->capacity;
    while (capacity < deque->count + extra) {
        capacity *= 2;
    }
    uint32_t true_capacity;
    struct rn_value *items = new_items(vm, capacity, &true_capacity);
    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < deque->count; i++) {
        items[i] = *rn_vec_deque_at(deque, i);
    }
    rn_heap_buffer_free(vm, deque->items);
    deque->items = items;
    deque->head = 0;
    deque->capacity = capacity;
    return true;
}
