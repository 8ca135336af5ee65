/*
 * pages.c: a buddy system whose free lists live in the free pages.
 *
 * orders[p] is FREE | k if a free run of 2^k pages below the top begins at p, KEPT if p is kept aside,
 * else 0. Free runs of one order form a doubly linked list of page numbers. No free run ends at the top.
 */
#include "worker/vm/pages.h"

#include <string.h>

#include "base/math.h"

#define FREE 0x80u
#define KEPT 0x40u
#define NO_PAGE UINT32_MAX

struct free_run {
    uint32_t next;
    uint32_t previous;
};

static struct free_run *run_at(struct rn_pages *pool, uint32_t page)
{
    return (struct free_run *)(void *)(pool->base + (size_t)page * RN_PAGE_SIZE);
}

static void push_run(struct rn_pages *pool, uint32_t page, uint32_t order)
{
    struct free_run *run = run_at(pool, page);
    run->next = pool->free_heads[order];
    run->previous = NO_PAGE;
    if (run->next != NO_PAGE) {
        run_at(pool, run->next)->previous = page;
    }
    pool->free_heads[order] = page;
    pool->orders[page] = (uint8_t)(FREE | order);
}

static void unlink_run(struct rn_pages *pool, uint32_t page, uint32_t order)
{
    struct free_run *run = run_at(pool, page);
    if (run->previous != NO_PAGE) {
        run_at(pool, run->previous)->next = run->next;
    } else {
        pool->free_heads[order] = run->next;
    }
    if (run->next != NO_PAGE) {
        run_at(pool, run->next)->previous = run->previous;
    }
    *run = (struct free_run){0, 0}; // pages above the high-water mark stay zero
    pool->orders[page] = 0;
}

/* Gives back 2^order pages, joined with free neighbours as far as possible. */
static void free_aligned(struct rn_pages *pool, uint32_t page, uint32_t order)
{
    while (order + 1 < RN_PAGE_ORDERS) {
        uint32_t buddy = page ^ (1u << order);
        if (buddy >= pool->top || pool->orders[buddy] != (FREE | order)) {
            break;
        }
        unlink_run(pool, buddy, order);
        page &= ~(1u << order);
        order++;
    }
    push_run(pool, page, order);
}

static void free_range(struct rn_pages *pool, uint32_t page, uint32_t count)
{
    while (count > 0) {
        uint32_t order = page == 0 ? RN_PAGE_ORDERS - 1 : (uint32_t)__builtin_ctz(page);
        uint32_t fits = 31u - (uint32_t)__builtin_clz(count);
        order = order < fits ? order : fits;
        order = order < RN_PAGE_ORDERS ? order : RN_PAGE_ORDERS - 1;
        free_aligned(pool, page, order);
        page += 1u << order;
        count -= 1u << order;
    }
}

enum rn_error rn_pages_init(struct rn_pages *pool, void *memory, size_t size)
{
    if (((uintptr_t)memory & (RN_PAGE_SIZE - 1)) != 0 || size >> 36 != 0) {
        return RN_E_INVALID_ARGUMENT;
    }
    // One byte of the table for each page, the table itself rounded up to a page.
    size_t count = size < 32 * RN_PAGE_SIZE ? 0 : (size - RN_PAGE_SIZE) / (RN_PAGE_SIZE + 1);
    if (count == 0) {
        return RN_E_NO_MEMORY;
    }
    memset(pool, 0, sizeof(*pool));
    pool->orders = memory;
    pool->base = (uint8_t *)memory + rn_align_up(count, RN_PAGE_SIZE);
    pool->page_count = (uint32_t)count;
    memset(pool->free_heads, 0xff, sizeof(pool->free_heads));
    pool->free_count = pool->page_count;
    return RN_OK;
}

/* Clears what was used before. Free runs leave nothing behind in the rest: see unlink_run. */
static void clear_pages(struct rn_pages *pool, uint32_t page, uint32_t count)
{
    uint32_t end = page + count;
    if (page < pool->high_water) {
        uint32_t dirty = (end < pool->high_water ? end : pool->high_water) - page;
        memset(pool->base + (size_t)page * RN_PAGE_SIZE, 0, (size_t)dirty * RN_PAGE_SIZE);
    }
    if (end > pool->high_water) {
        pool->high_water = end;
    }
}

/* A run of at least 2^order pages out of the lists, all of it. False: there is none. */
static bool take_run(struct rn_pages *pool, uint32_t order, uint32_t *out_page, uint32_t *out_order)
{
    uint32_t found = order;
    while (found < RN_PAGE_ORDERS && pool->free_heads[found] == NO_PAGE) {
        found++;
    }
    if (found >= RN_PAGE_ORDERS) {
        return false;
    }
    *out_page = pool->free_heads[found];
    *out_order = found;
    unlink_run(pool, *out_page, found);
    return true;
}

/* Pages at the top, aligned as a run of 2^order, so that what is given back can be joined. */
static bool take_top(struct rn_pages *pool, uint32_t pages, uint32_t order, uint32_t *out_page)
{
    uint64_t start = rn_align_up((size_t)pool->top, (size_t)1 << order);
    if (start + pages > pool->page_count) {
        // Not aligned it may still fit.
        start = pool->top;
    }
    if (start + pages > pool->page_count) {
        return false;
    }
    uint32_t gap = pool->top;
    *out_page = (uint32_t)start;
    pool->top = *out_page + pages;
    free_range(pool, gap, *out_page - gap);
    return true;
}

/* The order of the free run that ends at the top, which is a multiple of its length. False: there is none. */
static bool find_last_run(const struct rn_pages *pool, uint32_t *out_order)
{
    uint32_t order = 0;
    while (order < RN_PAGE_ORDERS && (pool->top & ((1u << order) - 1)) == 0) {
        if (pool->orders[pool->top - (1u << order)] == (FREE | order)) {
            *out_order = order;
            return true;
        }
        order++;
    }
    return false;
}

/* Free runs that end at the top are not of the lists any more. */
static void lower_top(struct rn_pages *pool)
{
    uint32_t order;
    while (pool->top > 0 && find_last_run(pool, &order)) {
        pool->top -= 1u << order;
        unlink_run(pool, pool->top, order);
    }
}

/* What is kept goes to the lists, where it can be joined. False: nothing is. */
static bool part_with_kept(struct rn_pages *pool)
{
    if (pool->kept_count == 0) {
        return false;
    }
    while (pool->kept_count > 0) {
        uint32_t page = pool->kept[--pool->kept_count];
        pool->orders[page] = 0;
        free_range(pool, page, 1);
    }
    lower_top(pool);
    return true;
}

static uint32_t take_kept(struct rn_pages *pool)
{
    uint32_t page = pool->kept[--pool->kept_count];
    RN_ASSERT(pool->orders[page] == KEPT);
    pool->orders[page] = 0;
    return page;
}

static bool take_pages(struct rn_pages *pool, uint32_t pages, uint32_t *out_page)
{
    uint32_t order = pages == 1 ? 0 : 32u - (uint32_t)__builtin_clz(pages - 1);
    uint32_t found;
    if (take_run(pool, order, out_page, &found)) {
        free_range(pool, *out_page + pages, (1u << found) - pages);
        return true;
    }
    return take_top(pool, pages, order, out_page);
}

void *rn_pages_alloc(struct rn_pages *pool, uint32_t pages)
{
    uint32_t page;
    if (pages == 0 || pages > pool->free_count) {
        return NULL;
    }
    if (pages == 1 && pool->kept_count > 0) {
        page = take_kept(pool);
    } else if (!take_pages(pool, pages, &page) &&
               !(part_with_kept(pool) && take_pages(pool, pages, &page))) {
        return NULL;
    }
    pool->free_count -= pages;
    clear_pages(pool, page, pages);
    return pool->base + (size_t)page * RN_PAGE_SIZE;
}

/* The free run that `page` is in: its order, and its first page in *out_start. False: none. */
static bool find_run(const struct rn_pages *pool, uint32_t page, uint32_t *out_start,
                     uint32_t *out_order)
{
    for (uint32_t order = 0; order < RN_PAGE_ORDERS; order++) {
        uint32_t start = page & ~((1u << order) - 1);
        if (pool->orders[start] == (FREE | order)) {
            *out_start = start;
            *out_order = order;
            return true;
        }
    }
    return false;
}

bool rn_pages_extend(struct rn_pages *pool, void *memory, uint32_t pages, uint32_t more)
{
    uint32_t first = (uint32_t)((size_t)((uint8_t *)memory - pool->base) / RN_PAGE_SIZE) + pages;
    uint32_t start;
    uint32_t order;
    if (more > pool->page_count - first) {
        return false;
    }
    (void)part_with_kept(pool);
    uint32_t end = first + more;
    if (first == pool->top) {
        pool->top = end;
        pool->free_count -= more;
        clear_pages(pool, first, more);
        return true;
    }
    if (end > pool->top) {
        return false;
    }
    for (uint32_t page = first; page < end; page = start + (1u << order)) {
        if (!find_run(pool, page, &start, &order)) {
            return false;
        }
    }
    for (uint32_t page = first; page < end; page = start + (1u << order)) {
        RN_CHECK(find_run(pool, page, &start, &order));
        unlink_run(pool, start, order);
        // What lies before and behind goes back.
        uint32_t run_end = start + (1u << order);
        free_range(pool, start, page - start);
        free_range(pool, run_end < end ? run_end : end, run_end < end ? 0 : run_end - end);
    }
    pool->free_count -= more;
    clear_pages(pool, first, more);
    return true;
}

void rn_pages_free(struct rn_pages *pool, void *memory, uint32_t pages)
{
    size_t offset = (size_t)((uint8_t *)memory - pool->base);
    RN_CHECK(offset % RN_PAGE_SIZE == 0);
    uint32_t page = (uint32_t)(offset / RN_PAGE_SIZE);
    RN_CHECK(page < pool->page_count && pages <= pool->page_count - page);
    RN_ASSERT(pool->orders[page] == 0);
    pool->free_count += pages;
    if (pages == 1 && pool->kept_count < RN_PAGES_KEPT) {
        pool->orders[page] = KEPT;
        pool->kept[pool->kept_count++] = page;
        return;
    }
    free_range(pool, page, pages);
    lower_top(pool);
}
