/*
 * region.h: a heap inside one given range of memory.
 *
 * For a process that may not ask the kernel for memory: blocks of size classes, four to a doubling,
 * cut from the range in order; freed ones wait in a list of their class. Blocks are never merged or
 * returned, which suits a process that does one piece of work and ends. The block cut last grows
 * in place.
 *
 * Threads: one.
 */
#ifndef RN_BASE_REGION_H
#define RN_BASE_REGION_H

#include "base/check.h"

#define RN_REGION_CLASSES 160u

struct rn_region_block;

struct rn_region {
    uint8_t *start;
    uint8_t *next; /* from here on nothing was ever handed out */
    uint8_t *end;
    struct rn_region_block *free[RN_REGION_CLASSES];
};

/* `range` is 16-byte aligned and all zero, and stays the caller's. */
void rn_region_init(struct rn_region *region, void *range, size_t size);
/* Zeroed and 16-byte aligned, or NULL when the range is used up. */
void *rn_region_alloc(struct rn_region *region, size_t size) RN_MUST_CHECK;
/* `block` may be NULL. NULL leaves it as it was. New bytes are not cleared. */
void *rn_region_realloc(struct rn_region *region, void *block, size_t size) RN_MUST_CHECK;
/* Accepts NULL. */
void rn_region_free(struct rn_region *region, void *block);
/* True when the block came from this region. */
bool rn_region_owns(const struct rn_region *region, const void *block);

#endif
