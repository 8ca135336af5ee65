/*
 * heap.c: blocks, cells and the account; constructors are beside their types.
 *
 * A cell of a size class comes from the class's free list, else from the end of its newest block,
 * else from a new block: 2 KiB for the first, doubling up to 64 KiB. A class that has no block yet
 * takes its cells from the heap's first two blocks, which hold cells of all classes: 512 bytes, in which
 * most executions that wait find room for all they have, then 1.5 KiB. So a small heap is 2 KiB at most,
 * whatever is in it. Free lists are chained through header.link as offsets in units of 16 bytes, which
 * is never 0: the first page of the region is taken by the engine. Larger objects get pages of their own
 * behind a block header.
 *
 * Blocks. One cell that lives keeps its block, so little that lives may hold many. `taken` counts the
 * pages of all blocks; after a collection they are at most twice the limit (rn_heap_taken_max), else
 * the limit is reached. Where cells lie is the same in every build, and so is `taken`.
 */
#include "worker/vm/heap.h"

#include <string.h>

#include "base/math.h"
#include "worker/vm/machine.h"

/* A class's first block; of a class of large cells; its last ones. */
#define BLOCK_PAGES_MIN (2048u / RN_PAGE_SIZE)
#define BLOCK_PAGES_LARGE (8192u / RN_PAGE_SIZE)
#define BLOCK_DOUBLINGS_MAX 5u
#define BLOCK_LARGE_CELL 512u
/* The blocks of mixed cells. */
#define MIXED_PAGES_FIRST 1u
#define MIXED_PAGES_SECOND (BLOCK_PAGES_MIN - MIXED_PAGES_FIRST)
#define SINGLE_SIZE_MAX ((size_t)1 << 32)

const uint16_t rn_class_sizes[RN_SIZE_CLASSES] = {
    0,   16,  32,  48,  64,  80,  96,  112,  128,  160,  192,  224,  256,
    320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
};

/* Size class of a size in units of 16 bytes, rounded up. */
static const uint8_t class_of_units[RN_SMALL_SIZE_MAX / 16 + 1] = {
    1,  1,  2,  3,  4,  5,  6,  7,  8,                              // 0 .. 128 bytes
    9,  9,  10, 10, 11, 11, 12, 12,                                 // 256
    13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16, // 512
    17, 17, 17, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19,
    19, 19, 20, 20, 20, 20, 20, 20, 20, 20, // 1024
    21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22,
    22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
    23, 23, 23, 23, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, // 2048
};

static void set_watch(struct rn_heap *heap)
{
    bool due = heap->collection_due;
    heap->watch = due || heap->limit < heap->collect_above ? heap->limit : heap->collect_above;
}

uint64_t rn_heap_taken_max(const struct rn_heap *heap)
{
    return heap->limit > UINT64_MAX / 8 ? UINT64_MAX : 2 * (heap->limit + RN_COLLECT_MIN);
}

/* Where the next block makes a collection due: not again before blocks worth it were taken. */
static void set_take_above(struct rn_heap *heap)
{
    uint64_t max = rn_heap_taken_max(heap);
    uint64_t next = heap->taken + heap->taken / 8 + RN_COLLECT_MIN;
    heap->take_above = next > max ? next : max;
}

void rn_heap_init(struct rn_heap *heap, struct rn_pages *pages)
{
    memset(heap, 0, sizeof(*heap));
    heap->pages = pages;
    heap->limit = UINT64_MAX;
    heap->collect_above = RN_COLLECT_MIN;
    heap->is_new = true;
    set_take_above(heap);
    set_watch(heap);
}

void rn_heap_set_limit(struct rn_heap *heap, uint64_t limit)
{
    heap->limit = limit;
    set_take_above(heap);
    set_watch(heap);
}

/* A quarter of the blocks, half of what lives: so what a collection walks is paid for by what was
 * allocated since the last one. */
static uint64_t step_of(const struct rn_heap *heap, uint64_t live)
{
    uint64_t step = live / 2 > heap->taken / 4 ? live / 2 : heap->taken / 4;
    uint64_t most = live / 2 > heap->limit / 2 ? live / 2 : heap->limit / 2;
    step = step < most ? step : most;
    return step > RN_COLLECT_MIN ? step : RN_COLLECT_MIN;
}

void rn_heap_set_live(struct rn_heap *heap, uint64_t live)
{
    heap->peak = rn_heap_peak(heap);
    heap->accounted = live;
    heap->collect_above = live + step_of(heap, live);
    heap->collection_due = false;
    set_take_above(heap);
    set_watch(heap);
}

/* Beyond this an allocation is refused, collection or not. */
static uint64_t refuse_above(const struct rn_heap *heap)
{
    return heap->limit > UINT64_MAX / 8 ? UINT64_MAX
                                        : heap->limit + heap->limit / 2 + RN_COLLECT_MIN;
}

bool rn_heap_is_over(const struct rn_heap *heap)
{
    return heap->accounted > heap->limit || heap->collect_above > refuse_above(heap) ||
           heap->taken > rn_heap_taken_max(heap);
}

/* As rn_heap_init made it. */
static bool is_untouched(const struct rn_heap *heap)
{
    return heap->is_new && heap->accounted == 0 && heap->peak == 0 && heap->limit == UINT64_MAX;
}

void rn_heap_release(struct rn_heap *heap)
{
    if (is_untouched(heap)) {
        return;
    }
    struct rn_block *block = heap->blocks;
    while (block != NULL) {
        struct rn_block *next = block->next;
        rn_pages_free(heap->pages, block, block->pages);
        block = next;
    }
    rn_heap_init(heap, heap->pages);
}

size_t rn_object_cell_size(const struct rn_object *object)
{
    if (object->size_class != 0) {
        return rn_class_sizes[object->size_class];
    }
    const struct rn_block *block =
        (const struct rn_block *)(const void *)((const uint8_t *)object - sizeof(struct rn_block));
    return (size_t)(block->end - block->cells);
}

/* Pages become a block, the first in the list. */
static struct rn_block *new_block(struct rn_heap *heap, uint32_t pages, uint32_t size_class)
{
    struct rn_block *block = rn_pages_alloc(heap->pages, pages);
    if (block == NULL) {
        return NULL;
    }
    block->cells = (uint8_t *)block + sizeof(struct rn_block);
    block->end = (uint8_t *)block + (size_t)pages * RN_PAGE_SIZE;
    block->pages = pages;
    block->size_class = size_class;
    heap->taken += (uint64_t)pages * RN_PAGE_SIZE;
    block->next = heap->blocks;
    if (block->next != NULL) {
        block->next->previous = block;
    }
    heap->blocks = block;
    heap->is_new = false;
    return block;
}

static void make_due(struct rn_vm *vm)
{
    struct rn_heap *heap = &vm->heap;
    if (!heap->collection_due) {
        heap->collection_due = true;
        set_watch(heap);
        rn_interrupt(vm);
    }
}

/* Beyond `watch`: a collection is due, or the limit is near. False: it is reached. */
static bool look_closer(struct rn_vm *vm, size_t size)
{
    struct rn_heap *heap = &vm->heap;
    uint64_t accounted = heap->accounted;
    // What a collection could still find is bounded: so is what one instruction may add.
    if (accounted > heap->limit && (size > heap->limit || accounted > refuse_above(heap))) {
        heap->accounted -= size;
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return false;
    }
    if (accounted > heap->collect_above) {
        make_due(vm);
    }
    return true;
}

/* The account of `size` more bytes. False: the limit. */
static inline bool account(struct rn_vm *vm, size_t size)
{
    struct rn_heap *heap = &vm->heap;
    heap->accounted += size;
    vm->fuel -= (int64_t)(size >> 4);
#ifdef RN_STRESS
    rn_interrupt(vm);
#endif
    return RN_LIKELY(heap->accounted <= heap->watch) || look_closer(vm, size);
}

/* Cells of any class come from that block from here on. */
static void set_mixed_block(struct rn_heap *heap, struct rn_block *block)
{
    heap->mixed_block = block;
    heap->mixed = (struct rn_bump){block->cells, block->end};
}

static bool add_first_mixed_block(struct rn_heap *heap)
{
    struct rn_block *block = new_block(heap, MIXED_PAGES_FIRST, RN_MIXED_CLASS);
    if (block != NULL) {
        set_mixed_block(heap, block);
    }
    return block != NULL;
}

/* It follows when a cell does not fit; those of the first end where they ended. */
static bool add_second_mixed_block(struct rn_heap *heap)
{
    struct rn_block *block = new_block(heap, MIXED_PAGES_SECOND, RN_MIXED_CLASS);
    if (block != NULL) {
        heap->mixed_block->end = heap->mixed.next;
        heap->mixed_twice = true;
        set_mixed_block(heap, block);
    }
    return block != NULL;
}

/* False: there are both, or no room. */
static bool add_mixed_block(struct rn_heap *heap)
{
    if (heap->mixed_block == NULL) {
        return add_first_mixed_block(heap);
    }
    return !heap->mixed_twice && add_second_mixed_block(heap);
}

/* A cell of these blocks; NULL if they are full, or cannot be had. */
static struct rn_object *mixed_cell(struct rn_heap *heap, size_t size)
{
    struct rn_bump *bump = &heap->mixed;
    while ((size_t)(bump->end - bump->next) < size) {
        if (!add_mixed_block(heap)) {
            return NULL;
        }
    }
    struct rn_object *cell = (struct rn_object *)(void *)bump->next;
    bump->next += size;
    return cell;
}

/* A block of cells. What lives may stand in many blocks of which little lives: they are bounded by
 * themselves, as the account is. */
static struct rn_block *cell_block(struct rn_vm *vm, uint32_t pages, uint32_t size_class)
{
    struct rn_heap *heap = &vm->heap;
    uint64_t taken = heap->taken + (uint64_t)pages * RN_PAGE_SIZE;
    if (RN_UNLIKELY(taken > heap->take_above)) {
        if (taken / 2 - RN_COLLECT_MIN > refuse_above(heap)) {
            rn_reach_limit(vm, RN_LIMIT_MEMORY);
            return NULL;
        }
        make_due(vm);
    }
    struct rn_block *block = new_block(heap, pages, size_class);
    if (block == NULL) {
        rn_reach_limit(vm, RN_LIMIT_REGION);
    }
    return block;
}

static uint32_t next_block_pages(const struct rn_heap *heap, uint32_t size_class)
{
    uint32_t count = heap->block_counts[size_class];
    uint32_t pages = BLOCK_PAGES_MIN << (count < BLOCK_DOUBLINGS_MAX ? count : BLOCK_DOUBLINGS_MAX);
    bool is_large = rn_class_sizes[size_class] > BLOCK_LARGE_CELL;
    return is_large && pages < BLOCK_PAGES_LARGE ? BLOCK_PAGES_LARGE : pages;
}

static struct rn_object *fresh_cell(struct rn_vm *vm, uint32_t size_class)
{
    struct rn_heap *heap = &vm->heap;
    struct rn_bump *bump = &heap->bump[size_class];
    size_t size = rn_class_sizes[size_class];
    if ((size_t)(bump->end - bump->next) < size) {
        struct rn_object *mixed = heap->block_counts[size_class] == 0 && size <= RN_MIXED_SIZE_MAX
                                      ? mixed_cell(heap, size)
                                      : NULL;
        if (mixed != NULL) {
            return mixed;
        }
        struct rn_block *block = cell_block(vm, next_block_pages(heap, size_class), size_class);
        if (block == NULL) {
            return NULL;
        }
        heap->block_counts[size_class]++;
        bump->next = block->cells;
        bump->end = block->end;
    }
    struct rn_object *cell = (struct rn_object *)(void *)bump->next;
    bump->next += size;
    return cell;
}

static struct rn_object *large_object(struct rn_vm *vm, size_t size)
{
    uint32_t pages = rn_pages_for(size + sizeof(struct rn_block));
    if (!account(vm, size)) {
        return NULL;
    }
    struct rn_block *block = new_block(&vm->heap, pages, 0);
    if (block == NULL) {
        rn_reach_limit(vm, RN_LIMIT_REGION);
        return NULL;
    }
    block->end = block->cells + size;
    return (struct rn_object *)(void *)block->cells;
}

static struct rn_object *small_object(struct rn_vm *vm, uint32_t size_class)
{
    struct rn_heap *heap = &vm->heap;
    if (!account(vm, rn_class_sizes[size_class])) {
        return NULL;
    }
    uint32_t offset = heap->free[size_class];
    if (RN_UNLIKELY(offset == 0)) {
        return fresh_cell(vm, size_class);
    }
    struct rn_object *cell =
        (struct rn_object *)(void *)(heap->pages->base + ((size_t)offset << 4));
    heap->free[size_class] = cell->link;
    return cell;
}

void *rn_heap_object(struct rn_vm *vm, enum rn_object_kind kind, uint32_t type, size_t size)
{
    struct rn_object *object;
    uint32_t size_class = 0;
    if (RN_LIKELY(size <= RN_SMALL_SIZE_MAX)) {
        size_class = class_of_units[(size + 15) >> 4];
        object = small_object(vm, size_class);
    } else if (size < SINGLE_SIZE_MAX) {
        object = large_object(vm, rn_align_up(size, 16));
    } else {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
        return NULL;
    }
    if (RN_UNLIKELY(object == NULL)) {
        return NULL;
    }
    *object =
        (struct rn_object){.type = type, .kind = (uint8_t)kind, .size_class = (uint8_t)size_class};
    return object;
}

void *rn_heap_buffer(struct rn_vm *vm, size_t size, size_t *out_capacity)
{
    struct rn_buffer *buffer =
        rn_heap_object(vm, RN_OBJECT_BUFFER, 0, size + sizeof(struct rn_object));
    if (buffer == NULL) {
        return NULL;
    }
    *out_capacity = rn_object_cell_size(&buffer->header) - sizeof(struct rn_object);
    return buffer->data;
}

/* Grows a large object where it stands; false if what is behind it is taken. */
static bool grow_block(struct rn_heap *heap, struct rn_object *object, size_t size)
{
    struct rn_block *block =
        (struct rn_block *)(void *)((uint8_t *)object - sizeof(struct rn_block));
    uint32_t pages = rn_pages_for(size + sizeof(struct rn_block));
    if (pages > block->pages &&
        !rn_pages_extend(heap->pages, block, block->pages, pages - block->pages)) {
        return false;
    }
    heap->taken += (uint64_t)pages * RN_PAGE_SIZE;
    heap->taken -= (uint64_t)block->pages * RN_PAGE_SIZE;
    block->pages = pages;
    block->end = block->cells + size;
    return true;
}

void *rn_heap_buffer_grow(struct rn_vm *vm, void *data, size_t used, size_t size,
                          size_t *out_capacity)
{
    struct rn_object *object = data == NULL ? NULL : &rn_buffer_of(data)->header;
    size_t total = rn_align_up(size + sizeof(struct rn_object), 16);
    size_t old = object == NULL ? 0 : rn_object_cell_size(object);
    if (object != NULL && object->size_class == 0 && total > old && total < SINGLE_SIZE_MAX) {
        // As if there were two for a moment: neighbours must not change the account.
        if (!account(vm, total)) {
            return NULL;
        }
        if (grow_block(&vm->heap, object, total)) {
            vm->heap.peak = rn_heap_peak(&vm->heap);
            vm->heap.accounted -= old;
            *out_capacity = total - sizeof(struct rn_object);
            return data;
        }
        vm->heap.accounted -= total;
        vm->fuel += (int64_t)(total >> 4);
    }
    void *copy = rn_heap_buffer(vm, size, out_capacity);
    if (copy != NULL && used > 0) {
        memcpy(copy, data, used);
    }
    if (copy != NULL) {
        rn_heap_buffer_free(vm, data);
    }
    return copy;
}

void rn_heap_free_block(struct rn_heap *heap, struct rn_block *block)
{
    uint32_t size_class = block->size_class;
    if (size_class != 0) {
        heap->block_counts[size_class]--;
        if (heap->bump[size_class].end == block->end) {
            heap->bump[size_class] = (struct rn_bump){NULL, NULL};
        }
    }
    heap->taken -= (uint64_t)block->pages * RN_PAGE_SIZE;
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        heap->blocks = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    rn_pages_free(heap->pages, block, block->pages);
}

void rn_heap_poison(struct rn_object *object)
{
#if defined(RN_STRESS) || defined(RN_ASSERTIONS)
    memset(object + 1, 0xdb, rn_object_cell_size(object) - sizeof(*object));
#else
    (void)object;
#endif
}

void rn_heap_free_object(struct rn_heap *heap, struct rn_object *object)
{
    RN_ASSERT((object->flags & RN_OBJECT_FREE) == 0);
    if (object->size_class == 0) {
        rn_heap_free_block(
            heap, (struct rn_block *)(void *)((uint8_t *)object - sizeof(struct rn_block)));
        return;
    }
    rn_heap_poison(object);
    object->flags = RN_OBJECT_FREE;
    object->link = heap->free[object->size_class];
    heap->free[object->size_class] =
        (uint32_t)((size_t)((uint8_t *)object - heap->pages->base) >> 4);
}

void rn_heap_buffer_free(struct rn_vm *vm, void *data)
{
    if (data == NULL) {
        return;
    }
    struct rn_object *object = &rn_buffer_of(data)->header;
    RN_ASSERT(object->kind == RN_OBJECT_BUFFER);
    vm->heap.peak = rn_heap_peak(&vm->heap);
    vm->heap.accounted -= rn_object_cell_size(object);
    rn_heap_free_object(&vm->heap, object);
}
