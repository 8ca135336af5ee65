/*
 * heap.h: where the objects of one Vm live.
 *
 * A heap takes blocks from the worker's region (pages.h), cuts them into cells of one size class
 * each, and gives everything back in bulk when a call ends. The first two blocks hold cells of all
 * classes, so that an execution which waits costs 2.5 KiB with its Vm, or 4 KiB; blocks of one class
 * start at 2 KiB and grow; what is larger than the largest class gets pages of its own.
 *
 * The account. `accounted` is the sum of the size classes of objects and buffers, and of the
 * capacities of large ones: never pages, blocks or caches. Storage that a growing object leaves
 * behind is returned to the account at once, dead objects when a collection of the schedule finds
 * them. A collection is due after max(256 KiB, half the live bytes) of new allocation. So peak,
 * budget and the moment of a memory error are the same in every build.
 *
 * Blocks in which nothing lives are given back by a collection. Those that are left are bounded too:
 * by twice the limit (heap.c).
 *
 * Allocation never collects. It makes a collection due, and the run loop collects between two
 * instructions, when all that lives is in registers, statics and objects. Natives therefore hold
 * plain pointers and declare no roots.
 *
 * NULL from any function here means: the limit or the region is exhausted, the Vm knows which, and
 * the caller returns RN_RAISED.
 */
#ifndef RN_WORKER_VM_HEAP_H
#define RN_WORKER_VM_HEAP_H

#include "worker/vm/object.h"

struct rn_vm;

/* An object of `size` bytes in all; its header is set, its body is not. Charges size / 16. */
void *rn_heap_object(struct rn_vm *vm, enum rn_object_kind kind, uint32_t type,
                     size_t size) RN_MUST_CHECK;
/* Storage of at least `size` bytes, 16-byte aligned; the true capacity goes to *out_capacity. If that
 * is more than RN_SMALL_SIZE_MAX all of it is zero. */
void *rn_heap_buffer(struct rn_vm *vm, size_t size, size_t *out_capacity) RN_MUST_CHECK;
/* Storage of at least `size` bytes that begins with the first `used` bytes of `data` (NULL: none),
 * which is given back: the same place grown, or another. The account cannot tell which. */
void *rn_heap_buffer_grow(struct rn_vm *vm, void *data, size_t used, size_t size,
                          size_t *out_capacity) RN_MUST_CHECK;
/* Gives back storage that nothing refers to any more. Accepts NULL. */
void rn_heap_buffer_free(struct rn_vm *vm, void *data);

/* Constructors. Elements are EMPTY-free: callers fill all of them before the next instruction. */
struct rn_string *rn_string_new(struct rn_vm *vm, const char *data, size_t size) RN_MUST_CHECK;
/* The bytes stay where they are: they must outlive the heap (static texts of a Unit, C literals).
 */
struct rn_string *rn_string_new_static(struct rn_vm *vm, const char *data,
                                       size_t size) RN_MUST_CHECK;
/* An empty String with room for `capacity` bytes. */
struct rn_string *rn_string_with_capacity(struct rn_vm *vm, size_t capacity) RN_MUST_CHECK;
struct rn_string *rn_bytes_new(struct rn_vm *vm, const void *data, size_t size) RN_MUST_CHECK;
struct rn_vec *rn_vec_new(struct rn_vm *vm, size_t capacity) RN_MUST_CHECK;
/* `count` > 0 elements, all set to unit. */
struct rn_tuple *rn_tuple_new(struct rn_vm *vm, uint32_t count) RN_MUST_CHECK;
/* A struct, variant or opaque value of exact type `type` with `count` fields, all set to unit. */
struct rn_tuple *rn_struct_new(struct rn_vm *vm, uint32_t type, uint32_t count) RN_MUST_CHECK;
struct rn_map *rn_object_new(struct rn_vm *vm, size_t capacity) RN_MUST_CHECK;
/* `type`: RN_TYPE_ID_HASH_MAP or RN_TYPE_ID_HASH_SET. */
struct rn_map *rn_map_new(struct rn_vm *vm, uint32_t type, size_t capacity) RN_MUST_CHECK;
struct rn_vec_deque *rn_vec_deque_new(struct rn_vm *vm, size_t capacity) RN_MUST_CHECK;
/* `type`: RN_TYPE_ID_*_ITER and the like; index, end, version are the caller's to set. */
struct rn_iter *rn_iter_new(struct rn_vm *vm, uint32_t type, enum rn_iter_kind kind,
                            struct rn_value source) RN_MUST_CHECK;

/* Room for `extra` more bytes or items, own storage (amortised doubling). False: return RN_RAISED.
 */
bool rn_string_reserve(struct rn_vm *vm, struct rn_string *string, size_t extra) RN_MUST_CHECK;
bool rn_string_append(struct rn_vm *vm, struct rn_string *string, const char *data,
                      size_t size) RN_MUST_CHECK;
bool rn_string_append_char(struct rn_vm *vm, struct rn_string *string,
                           uint32_t scalar) RN_MUST_CHECK;
bool rn_vec_reserve(struct rn_vm *vm, struct rn_vec *vec, size_t extra) RN_MUST_CHECK;
/* Pushes and counts the change. */
bool rn_vec_push(struct rn_vm *vm, struct rn_vec *vec, struct rn_value value) RN_MUST_CHECK;
bool rn_vec_deque_reserve(struct rn_vm *vm, struct rn_vec_deque *deque, size_t extra) RN_MUST_CHECK;

#endif
