/*
 * pages.h: the worker's memory, handed out in pages of 512 bytes.
 *
 * A binary buddy system at the low end of one range of memory, and the rest of it above:
 *
 *      0                                  top            high_water            page_count
 *      +---------+------+-------+---------+----------------+---------------------+
 *      | taken   | free |       |  taken  |  given back    |     never used      |
 *      +---------+------+-------+---------+----------------+---------------------+
 *
 * Any number of pages from any place, and neighbours join again when they are given back. A request
 * that is no power of two keeps only what it asked for. What no free run below `top` can hold is
 * taken at `top`, which falls again when the pages below it are free: so few pages are ever touched,
 * they are the lowest ones, and the last run can grow where it stands. Pages are zero when they are
 * handed out; those from `high_water` on are known to be.
 *
 * Single pages that are given back are kept aside, a few of them: the next call wants as many, and
 * would part the runs that they had been joined to. Nobody goes without memory for them.
 *
 * The range begins with the table of orders (a byte for each page), so that nothing is allocated
 * elsewhere. Objects refer to each other by pointer; the collector's links are offsets in units of
 * 16 bytes from `base`, which bounds it to 64 GiB.
 */
#ifndef RN_WORKER_VM_PAGES_H
#define RN_WORKER_VM_PAGES_H

#include "base/error.h"

#define RN_PAGE_SIZE 512u
#define RN_PAGE_ORDERS 26u
#define RN_PAGES_KEPT 8u

struct rn_pages {
    uint8_t *base; /* of page 0 */
    uint8_t *orders;
    uint32_t page_count;
    uint32_t free_count; /* kept ones included */
    uint32_t top;        /* pages from here on are free and in no list */
    uint32_t high_water; /* pages from here on were never used */
    uint32_t free_heads[RN_PAGE_ORDERS];
    uint32_t kept[RN_PAGES_KEPT]; /* single pages, in no list */
    uint32_t kept_count;
};

/* `memory` is set to zero and aligned to a page. */
enum rn_error rn_pages_init(struct rn_pages *pool, void *memory, size_t size) RN_MUST_CHECK;
/* NULL if no run of that length is free. */
void *rn_pages_alloc(struct rn_pages *pool, uint32_t pages) RN_MUST_CHECK;
/* `more` pages right behind the `pages` at `memory`, if they are free. */
bool rn_pages_extend(struct rn_pages *pool, void *memory, uint32_t pages,
                     uint32_t more) RN_MUST_CHECK;
/* All of what rn_pages_alloc gave for the same number of pages, or a tail of it. */
void rn_pages_free(struct rn_pages *pool, void *memory, uint32_t pages);

static inline uint32_t rn_pages_for(size_t size)
{
    return (uint32_t)((size + RN_PAGE_SIZE - 1) / RN_PAGE_SIZE);
}

#endif
