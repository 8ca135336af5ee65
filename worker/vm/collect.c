/*
 * collect.c: precise, tracing, non-moving mark and sweep.
 *
 * Runs only between two instructions, so the roots are: the stack that runs and the stacks of those
 * that resumed it, statics, the result. A gray object is chained through header.link (offset in
 * units of 16 bytes; the last one holds END), so that marking needs no memory and no recursion.
 *
 * Accounting. A collection of the schedule sets the account to what it found alive, makes the free
 * lists anew and gives blocks back in which nothing lives, but for as many as the next allocations
 * need. Builds with RN_STRESS collect at every charging instruction that follows an allocation.
 * Unless one is due such a collection only makes unreadable what it finds dead: account, free lists and
 * blocks stay as they are in every other build, and so do peak, budget and the moment of a memory error.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define END UINT32_MAX

struct marker {
    struct rn_heap *heap;
    uint8_t *base;
    uint32_t gray;
    uint64_t bytes;
    const struct rn_object *watched; /* count the iterators over it */
    uint32_t iterators;
    struct rn_reply **replies; /* by id, open addressing; NULL: not looked for */
    uint32_t reply_mask;
};

/* The place of the reply `id` in the table, or a free one. */
static struct rn_reply **reply_slot(const struct marker *m, uint32_t id)
{
    uint32_t i = id & m->reply_mask;
    while (m->replies[i] != NULL && m->replies[i]->id != id) {
        i = (i + 1) & m->reply_mask;
    }
    return &m->replies[i];
}

static void want_reply(const struct marker *m, const struct rn_future *future)
{
    if (m->replies != NULL && future->form == RN_FUTURE_HOST && future->state != RN_FIBER_DONE) {
        struct rn_reply *reply = *reply_slot(m, (uint32_t)future->a.u64);
        if (reply != NULL) {
            reply->wanted = true;
        }
    }
}

static void mark_object(struct marker *m, struct rn_object *object)
{
    if ((object->flags & RN_OBJECT_MARKED) != 0) {
        return;
    }
    RN_ASSERT((object->flags & RN_OBJECT_FREE) == 0);
    object->flags |= RN_OBJECT_MARKED;
    m->bytes += rn_object_cell_size(object);
    object->link = m->gray;
    m->gray = (uint32_t)((size_t)((uint8_t *)object - m->base) >> 4);
}

/* Storage holds nothing itself: its owner scans it. */
static void mark_buffer(struct marker *m, const void *data)
{
    if (data == NULL) {
        return;
    }
    struct rn_object *object = &rn_buffer_of(data)->header;
    if ((object->flags & RN_OBJECT_MARKED) == 0) {
        RN_ASSERT(object->kind == RN_OBJECT_BUFFER);
        object->flags |= RN_OBJECT_MARKED;
        m->bytes += rn_object_cell_size(object);
    }
}

static void mark_value(struct marker *m, struct rn_value value)
{
    if (value.tag == RN_VALUE_OBJECT) {
        mark_object(m, value.object);
    }
}

static void mark_values(struct marker *m, const struct rn_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mark_value(m, values[i]);
    }
}

static void scan_map(struct marker *m, const struct rn_map *map)
{
    if (map->storage == NULL) {
        return;
    }
    mark_buffer(m, map->storage);
    mark_buffer(m, map->index);
    if (map->header.kind == RN_OBJECT_MAP) {
        mark_values(m, &map->entries->key, (size_t)map->used * 2);
        return;
    }
    for (uint32_t i = 0; i < map->used; i++) {
        const struct rn_object_entry *entry = &map->object_entries[i];
        mark_value(m, entry->value);
        if (entry->key.heap) {
            mark_buffer(m, entry->key.data);
        }
    }
}

static void scan_deque(struct marker *m, struct rn_vec_deque *deque)
{
    mark_buffer(m, deque->items);
    for (uint32_t i = 0; i < deque->count; i++) {
        mark_value(m, *rn_vec_deque_at(deque, i));
    }
}

/* Registers of a stack that stands still at `pc`. */
static void scan_stack(struct marker *m, const struct rn_value *values, const struct rn_value *base,
                       const struct rn_link *link, const struct rn_inst *pc)
{
    uint32_t height = rn_height_at(link, pc);
    mark_values(m, values, (size_t)(base - values) + height);
}

static void scan_fiber(struct marker *m, const struct rn_vm *vm, const struct rn_fiber *fiber,
                       bool running)
{
    if (fiber->values == NULL) {
        return;
    }
    if (fiber->values != vm->self_stack) {
        mark_buffer(m, fiber->values);
    }
    if (!running && fiber->state != RN_FIBER_DONE) {
        scan_stack(m, fiber->values, fiber->values + fiber->base, fiber->link, fiber->pc);
    }
    RN_ASSERT(fiber->resumer == NULL || fiber->state == RN_FIBER_RUNNING);
    if (fiber->resumer != NULL) {
        mark_object(m, fiber->resumer);
    }
}

static void scan_object(struct marker *m, const struct rn_vm *vm, struct rn_object *object)
{
    switch ((enum rn_object_kind)object->kind) {
    case RN_OBJECT_STRING: {
        const struct rn_string *string = (const struct rn_string *)object;
        if (string->capacity != 0) {
            mark_buffer(m, string->data);
        }
        break;
    }
    case RN_OBJECT_VEC: {
        const struct rn_vec *vec = (const struct rn_vec *)object;
        mark_buffer(m, vec->items);
        mark_values(m, vec->items, vec->count);
        break;
    }
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_STRUCT:
    case RN_OBJECT_RANGE:
        mark_values(m, ((const struct rn_tuple *)object)->items, object->count);
        break;
    case RN_OBJECT_OBJECT:
    case RN_OBJECT_MAP:
        scan_map(m, (const struct rn_map *)object);
        break;
    case RN_OBJECT_VEC_DEQUE:
        scan_deque(m, (struct rn_vec_deque *)object);
        break;
    case RN_OBJECT_FUNCTION:
        mark_values(m, ((const struct rn_function *)object)->captures, object->count);
        break;
    case RN_OBJECT_ITER: {
        const struct rn_iter *iter = (const struct rn_iter *)object;
        mark_value(m, iter->source);
        bool dropped = (object->flags & RN_OBJECT_MOVED) != 0;
        if (!dropped && iter->source.tag == RN_VALUE_OBJECT && iter->source.object == m->watched) {
            m->iterators++;
        }
        break;
    }
    case RN_OBJECT_COROUTINE: {
        struct rn_coroutine *coroutine = (struct rn_coroutine *)object;
        scan_fiber(m, vm, &coroutine->fiber, coroutine == vm->coroutine);
        break;
    }
    case RN_OBJECT_FUTURE: {
        const struct rn_future *future = (const struct rn_future *)object;
        mark_value(m, future->a);
        mark_value(m, future->b);
        want_reply(m, future);
        RN_ASSERT(future->resumer == NULL || future->state == RN_FIBER_RUNNING);
        if (future->resumer != NULL) {
            mark_object(m, future->resumer);
        }
        break;
    }
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
}

/* What outlives the execution. */
static void mark_kept(struct marker *m, const struct rn_vm *vm)
{
    mark_values(m, vm->statics, vm->static_count);
    mark_values(m, vm->functions, vm->function_capacity);
}

static void mark_roots(struct marker *m, const struct rn_vm *vm)
{
    if (vm->coroutine != NULL) {
        mark_object(m, &vm->coroutine->header);
        scan_fiber(m, vm, &vm->main, false);
    } else if (vm->values != vm->self_stack) {
        mark_buffer(m, vm->values);
    }
    scan_stack(m, vm->values, vm->base, vm->link, vm->pc);
    mark_kept(m, vm);
    mark_value(m, vm->result);
}

static void mark(struct marker *m, const struct rn_vm *vm)
{
    while (m->gray != END) {
        struct rn_object *object = (struct rn_object *)(void *)(m->base + ((size_t)m->gray << 4));
        m->gray = object->link;
        object->link = 0;
        scan_object(m, vm, object);
    }
}

/* Cells of a block that were ever handed out end at the class's bump pointer, in its newest block; of
 * mixed cells, at `mixed.next` in the newer one. */
static uint8_t *used_end(const struct rn_heap *heap, const struct rn_block *block)
{
    if (block->size_class == RN_MIXED_CLASS) {
        return block == heap->mixed_block ? heap->mixed.next : block->end;
    }
    const struct rn_bump *bump = &heap->bump[block->size_class];
    size_t size = rn_class_sizes[block->size_class];
    if (bump->end == block->end) {
        return bump->next;
    }
    return block->cells + (size_t)(block->end - block->cells) / size * size;
}

/* Free cells keep their class. */
static size_t step_of(const struct rn_block *block, const struct rn_object *object)
{
    bool mixed = block->size_class == RN_MIXED_CLASS;
    return rn_class_sizes[mixed ? object->size_class : block->size_class];
}

static void chain(struct rn_heap *heap, struct rn_object *object)
{
    if ((object->flags & RN_OBJECT_FREE) == 0) {
        rn_heap_poison(object);
    }
    uint32_t *free = &heap->free[object->size_class];
    object->flags = RN_OBJECT_FREE;
    object->link = *free;
    *free = (uint32_t)((size_t)((uint8_t *)object - heap->pages->base) >> 4);
}

/* What is not marked goes on the free list of its class, which is made anew. True: nothing lives in the
 * block. */
static bool sweep_block(struct rn_heap *heap, struct rn_block *block)
{
    uint8_t *end = used_end(heap, block);
    bool empty = true;
    for (uint8_t *cell = block->cells; cell < end;) {
        struct rn_object *object = (struct rn_object *)(void *)cell;
        cell += step_of(block, object);
        if ((object->flags & RN_OBJECT_MARKED) != 0) {
            object->flags &= (uint8_t)~RN_OBJECT_MARKED;
            empty = false;
        } else {
            chain(heap, object);
        }
    }
    return empty;
}

/* A block of cells of one class. Blocks in which nothing lives are kept up to `*room` bytes. */
static void sweep_class_block(struct rn_heap *heap, struct rn_block *block, uint64_t *room)
{
    uint32_t free = heap->free[block->size_class];
    uint64_t size = (uint64_t)block->pages * RN_PAGE_SIZE;
    if (!sweep_block(heap, block)) {
        return;
    }
    if (size <= *room && heap->taken <= heap->limit) {
        *room -= size;
        return;
    }
    heap->free[block->size_class] = free;
    rn_heap_free_block(heap, block);
}

static void sweep_large(struct rn_heap *heap, struct rn_block *block)
{
    struct rn_object *object = (struct rn_object *)(void *)block->cells;
    if ((object->flags & RN_OBJECT_MARKED) != 0) {
        object->flags &= (uint8_t)~RN_OBJECT_MARKED;
    } else {
        rn_heap_free_block(heap, block);
    }
}

static void sweep(struct rn_heap *heap, uint64_t live)
{
    uint64_t room = live / 2 > RN_COLLECT_MIN ? live / 2 : RN_COLLECT_MIN;
    memset(heap->free, 0, sizeof(heap->free));
    struct rn_block *block = heap->blocks;
    while (block != NULL) {
        struct rn_block *next = block->next;
        if (block->size_class == 0) {
            sweep_large(heap, block);
        } else if (block->size_class == RN_MIXED_CLASS) {
            (void)sweep_block(heap, block);
        } else {
            sweep_class_block(heap, block, &room);
        }
        block = next;
    }
}

/* Takes the marks back. `bury`: what is dead becomes unreadable, but stays where it is. */
static void unmark_object(struct rn_object *object, bool bury)
{
    if (bury && (object->flags & (RN_OBJECT_MARKED | RN_OBJECT_FREE)) == 0) {
        rn_heap_poison(object);
        object->flags = RN_OBJECT_FREE;
    }
    object->flags &= (uint8_t)~RN_OBJECT_MARKED;
}

static void unmark(struct rn_heap *heap, bool bury)
{
    for (struct rn_block *block = heap->blocks; block != NULL; block = block->next) {
        if (block->size_class == 0) {
            unmark_object((struct rn_object *)(void *)block->cells, bury);
            continue;
        }
        uint8_t *end = used_end(heap, block);
        for (uint8_t *cell = block->cells; cell < end;) {
            struct rn_object *object = (struct rn_object *)(void *)cell;
            cell += step_of(block, object);
            unmark_object(object, bury);
        }
    }
}

enum rn_outcome rn_count_iterators(struct rn_vm *vm, const struct rn_object *object,
                                   uint32_t *out_count)
{
    rn_charge(vm, vm->heap.taken / 64);
    RN_TRY_VM(rn_check_spent(vm));
    struct marker m = {
        .heap = &vm->heap, .base = vm->heap.pages->base, .gray = END, .watched = object};
    mark_roots(&m, vm);
    mark(&m, vm);
    unmark(&vm->heap, false);
    rn_charge(vm, m.bytes / 16);
    *out_count = m.iterators;
    return RN_DONE;
}

bool rn_collect_replies(struct rn_vm *vm)
{
    struct marker m = {.heap = &vm->heap, .base = vm->heap.pages->base, .gray = END};
    uint32_t slots = 64;
    while (slots < 2 * vm->visible_count) {
        slots *= 2;
    }
    uint32_t pages = rn_pages_for(slots * sizeof(struct rn_reply *));
    m.replies = rn_pages_alloc(vm->heap.pages, pages);
    if (m.replies == NULL) {
        return false;
    }
    m.reply_mask = slots - 1;
    for (struct rn_reply *reply = vm->visible; reply != NULL; reply = reply->next) {
        reply->wanted = false;
        *reply_slot(&m, reply->id) = reply;
    }
    mark_roots(&m, vm);
    mark(&m, vm);
    unmark(&vm->heap, false);
    rn_charge(vm, vm->heap.taken / 64 + m.bytes / 16 + vm->visible_count);
    rn_pages_free(vm->heap.pages, m.replies, pages);
    return true;
}

/* The end of a collection of the schedule. */
static void settle(struct rn_heap *heap, uint64_t live)
{
    sweep(heap, live);
    rn_heap_set_live(heap, live);
}

void rn_collect(struct rn_vm *vm)
{
    struct rn_heap *heap = &vm->heap;
    struct marker m = {.heap = heap, .base = heap->pages->base, .gray = END};
    mark_roots(&m, vm);
    mark(&m, vm);
    if (!heap->collection_due) {
        unmark(heap, true);
        return;
    }
    settle(heap, m.bytes);
    if (heap->accounted > heap->limit || heap->taken > rn_heap_taken_max(heap)) {
        rn_reach_limit(vm, RN_LIMIT_MEMORY);
    }
}

void rn_collect_idle(struct rn_vm *vm)
{
    struct marker m = {.heap = &vm->heap, .base = vm->heap.pages->base, .gray = END};
    mark_kept(&m, vm);
    mark(&m, vm);
    settle(&vm->heap, m.bytes);
}
