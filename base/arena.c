/*
 * arena.c: a region of chained blocks, freed together.
 *
 * Small requests are cut from the newest block; a request larger than half a block gets one of its
 * own, so that the rest of the newest block is not lost.
 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/math.h"

#include <string.h>

enum {
    ALIGN = 16,
    BLOCK_SIZE_MIN = 4096,
    BLOCK_SIZE_MAX = 1 << 18,
};

struct rn_arena_block {
    struct rn_arena_block *previous;
    size_t size;
};

_Static_assert(sizeof(struct rn_arena_block) % ALIGN == 0, "blocks begin aligned");

void rn_arena_init(struct rn_arena *arena, size_t max)
{
    *arena = (struct rn_arena){.max = max};
}

void rn_arena_done(struct rn_arena *arena)
{
    struct rn_arena_block *block = arena->blocks;
    while (block != NULL) {
        struct rn_arena_block *previous = block->previous;
        rn_free(block);
        block = previous;
    }
    *arena = (struct rn_arena){0};
}

static struct rn_arena_block *add_block(struct rn_arena *arena, size_t size)
{
    size_t total;
    if (!rn_checked_add(size, sizeof(struct rn_arena_block), &total)) {
        return NULL;
    }
    struct rn_arena_block *block = rn_alloc(total);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    block->previous = arena->blocks;
    arena->blocks = block;
    return block;
}

/* Blocks double as the arena grows, so that their number stays logarithmic up to a size. */
static size_t next_block_size(const struct rn_arena *arena)
{
    size_t size = arena->used < BLOCK_SIZE_MIN ? BLOCK_SIZE_MIN : arena->used;
    return rn_align_up(rn_min_size(size, BLOCK_SIZE_MAX), ALIGN);
}

static void *alloc_slow(struct rn_arena *arena, size_t size)
{
    size_t block_size = next_block_size(arena);
    if (size > block_size / 2) {
        struct rn_arena_block *block = add_block(arena, size);
        return block == NULL ? NULL : block + 1;
    }
    struct rn_arena_block *block = add_block(arena, block_size);
    if (block == NULL) {
        return NULL;
    }
    arena->next = (uint8_t *)(block + 1) + size;
    arena->end = (uint8_t *)(block + 1) + block_size;
    return block + 1;
}

void *rn_arena_alloc(struct rn_arena *arena, size_t size)
{
    if (size > arena->max - arena->used) {
        return NULL;
    }
    size_t rounded = rn_align_up(rn_max_size(size, 1), ALIGN);
    if (rounded < size || rounded > arena->max - arena->used) {
        return NULL;
    }
    void *block;
    if (rounded <= (size_t)(arena->end - arena->next)) {
        block = arena->next;
        arena->next += rounded;
    } else {
        block = alloc_slow(arena, rounded);
    }
    if (block != NULL) {
        arena->used += rounded;
    }
    return block;
}

void *rn_arena_copy(struct rn_arena *arena, const void *bytes, size_t size)
{
    void *copy = rn_arena_alloc(arena, size);
    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}
