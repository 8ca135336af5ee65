/* region.c: size classes over one range. */
#include "base/region.h"

#include "base/math.h"

#include <assert.h>
#include <string.h>

// Stands before each block; while the block is free, its first bytes are the link.
struct rn_region_block {
    uint64_t class_index;
    struct rn_region_block *next_free; // meaningful while free; else the space is unused
};

static_assert(sizeof(struct rn_region_block) == 16, "blocks stay 16-byte aligned");

#define HEADER sizeof(struct rn_region_block)
// 16, 32, ... 128, then four steps to each doubling.
#define SMALL_CLASSES 8u
#define SMALL_MAX 128u
#define SIZE_MAX_OF_BLOCK (UINT64_C(1) << 40)

static size_t class_size(unsigned class_index)
{
    if (class_index < SMALL_CLASSES) {
        return (class_index + 1) * 16u;
    }
    unsigned step = class_index - SMALL_CLASSES;
    size_t base = (size_t)SMALL_MAX << (step / 4);
    return base + base / 4 * (step % 4 + 1);
}

// The smallest class that holds `size`, which is at most SIZE_MAX_OF_BLOCK.
static unsigned class_of(size_t size)
{
    if (size <= SMALL_MAX) {
        return size == 0 ? 0 : (unsigned)((size - 1) / 16);
    }
    unsigned doubling = 63u - (unsigned)__builtin_clzll((size - 1) / SMALL_MAX);
    size_t base = (size_t)SMALL_MAX << doubling;
    unsigned step = (unsigned)((size - 1 - base) / (base / 4));
    return SMALL_CLASSES + doubling * 4 + step;
}

static struct rn_region_block *header_of(void *block)
{
    return (struct rn_region_block *)(void *)((uint8_t *)block - HEADER);
}

static void *payload_of(struct rn_region_block *header)
{
    return (uint8_t *)header + HEADER;
}

void rn_region_init(struct rn_region *region, void *range, size_t size)
{
    *region = (struct rn_region){.start = range, .next = range, .end = (uint8_t *)range + size};
}

bool rn_region_owns(const struct rn_region *region, const void *block)
{
    uintptr_t at = (uintptr_t)block;
    return at >= (uintptr_t)region->start && at < (uintptr_t)region->end;
}

static void *take_free(struct rn_region *region, unsigned class_index, size_t size)
{
    struct rn_region_block *header = region->free[class_index];
    if (header == NULL) {
        return NULL;
    }
    RN_CHECK(header->class_index == class_index);
    region->free[class_index] = header->next_free;
    return memset(payload_of(header), 0, size);
}

static void *cut(struct rn_region *region, unsigned class_index)
{
    size_t total = class_size(class_index) + HEADER;
    if (total > (size_t)(region->end - region->next)) {
        return NULL;
    }
    struct rn_region_block *header = (struct rn_region_block *)(void *)region->next;
    region->next += total;
    header->class_index = class_index;
    return payload_of(header);
}

void *rn_region_alloc(struct rn_region *region, size_t size)
{
    if (size > SIZE_MAX_OF_BLOCK) {
        return NULL;
    }
    unsigned class_index = class_of(size);
    void *block = take_free(region, class_index, size);
    return block != NULL ? block : cut(region, class_index);
}

// Gives the last block of the range another class where it stands.
static bool resize_last(struct rn_region *region, struct rn_region_block *header,
                        unsigned class_index)
{
    uint8_t *payload = payload_of(header);
    size_t old_size = class_size((unsigned)header->class_index);
    size_t new_size = class_size(class_index);
    if (payload + old_size != region->next || new_size < old_size ||
        new_size > (size_t)(region->end - payload)) {
        return false;
    }
    region->next = payload + new_size;
    header->class_index = class_index;
    return true;
}

void *rn_region_realloc(struct rn_region *region, void *block, size_t size)
{
    if (block == NULL || size > SIZE_MAX_OF_BLOCK) {
        return block == NULL ? rn_region_alloc(region, size) : NULL;
    }
    struct rn_region_block *header = header_of(block);
    size_t old_size = class_size((unsigned)header->class_index);
    if (size <= old_size || resize_last(region, header, class_of(size))) {
        return block;
    }
    void *moved = rn_region_alloc(region, size);
    if (moved != NULL) {
        memcpy(moved, block, old_size);
        rn_region_free(region, block);
    }
    return moved;
}

void rn_region_free(struct rn_region *region, void *block)
{
    if (block == NULL) {
        return;
    }
    struct rn_region_block *header = header_of(block);
    RN_CHECK(header->class_index < RN_REGION_CLASSES);
    header->next_free = region->free[header->class_index];
    region->free[header->class_index] = header;
}
