/*
 * arena.h: a region whose blocks are freed together, with a maximum.
 */
#ifndef RN_BASE_ARENA_H
#define RN_BASE_ARENA_H

#include "base/error.h"

struct rn_arena_block;

struct rn_arena {
    struct rn_arena_block *blocks;
    uint8_t *next;
    uint8_t *end;
    size_t used;
    size_t max;
};
typedef struct rn_arena rn_arena;

void rn_arena_init(struct rn_arena *arena, size_t max);
void rn_arena_done(struct rn_arena *arena);
/* Zeroed, 16-byte aligned; NULL when the maximum or the memory is reached. */
void *rn_arena_alloc(struct rn_arena *arena, size_t size) RN_MUST_CHECK;
void *rn_arena_copy(struct rn_arena *arena, const void *bytes, size_t size) RN_MUST_CHECK;

#endif
