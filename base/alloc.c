/*
 * alloc.c: the one gate to the C heap, with counters and fault injection.
 *
 * The counters are process-wide and relaxed: they are read by tests and reports, never to decide
 * anything about a block.
 */
#include "base/alloc.h"

#include "base/math.h"
#include "base/region.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of up to this size are cached. */
#define CACHED_SIZE_MAX 1024u

/* Blocks alive are asked for, less refused, less freed: one locked instruction as each comes, one as it goes. */
static _Atomic uint64_t asked_count;
static _Atomic uint64_t refused_count;
static _Atomic uint64_t freed_count;

/* Requests left before one fails; 0: none will. */
static _Atomic uint64_t fail_countdown;
static _Atomic bool fail_persistent;

// Where blocks come from once rn_alloc_set_region was called.
static struct rn_region region;
static bool use_region;

void rn_alloc_set_region(void *range, size_t size)
{
    rn_region_init(&region, range, size);
    use_region = true;
}

/* Of glibc's, malloc has a cache for each thread, calloc has none; the compiler would make one of the other. */
static void *cleared(size_t size)
{
    if (size > CACHED_SIZE_MAX) {
        return calloc(1, size);
    }
    void *block = malloc(size);
    __asm__("" : "+r"(block));
    return block == NULL ? NULL : memset(block, 0, size);
}

static void *raw_alloc(size_t size)
{
    return RN_UNLIKELY(use_region) ? rn_region_alloc(&region, size) : cleared(size);
}

static void *raw_realloc(void *block, size_t size)
{
    if (RN_LIKELY(!use_region)) {
        return realloc(block, size);
    }
    RN_CHECK(block == NULL || rn_region_owns(&region, block));
    return rn_region_realloc(&region, block, size);
}

static void raw_free(void *block)
{
    if (RN_LIKELY(!use_region)) {
        free(block);
    } else if (rn_region_owns(&region, block)) {
        rn_region_free(&region, block);
    }
}

static bool fail_now(uint64_t left)
{
    while (left > 0) {
        if (left == 1 && atomic_load_explicit(&fail_persistent, memory_order_relaxed)) {
            return true;
        }
        if (atomic_compare_exchange_weak_explicit(&fail_countdown, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return left == 1;
        }
    }
    return false;
}

static inline bool must_fail(void)
{
    atomic_fetch_add_explicit(&asked_count, 1, memory_order_relaxed);
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    return RN_UNLIKELY(left > 0) && fail_now(left);
}

static void *refuse(void)
{
    atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
    return NULL;
}

void *rn_alloc(size_t size)
{
    if (must_fail()) {
        return refuse();
    }
    void *block = raw_alloc(size == 0 ? 1 : size);
    return RN_LIKELY(block != NULL) ? block : refuse();
}

void *rn_alloc_array(size_t count, size_t size)
{
    size_t total;
    if (!rn_checked_mul(count, size, &total)) {
        return NULL;
    }
    return rn_alloc(total);
}

void *rn_realloc(void *block, size_t size)
{
    if (must_fail()) {
        return refuse();
    }
    void *moved = raw_realloc(block, size == 0 ? 1 : size);
    if (moved == NULL) {
        return refuse();
    }
    if (block != NULL) {
        atomic_fetch_add_explicit(&freed_count, 1, memory_order_relaxed);
    }
    return moved;
}

void rn_free(void *block)
{
    if (block == NULL) {
        return;
    }
    atomic_fetch_add_explicit(&freed_count, 1, memory_order_relaxed);
    raw_free(block);
}

char *rn_strndup(const char *text, size_t size)
{
    size_t total;
    if (!rn_checked_add(size, 1, &total)) {
        return NULL;
    }
    char *copy = rn_realloc(NULL, total); // not cleared: all of it is written
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, text, size);
        }
        copy[size] = 0;
    }
    return copy;
}

void rn_alloc_fail_at(uint64_t n, bool persistent)
{
    atomic_store_explicit(&fail_persistent, persistent, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, n, memory_order_relaxed);
}

uint64_t rn_alloc_count(void)
{
    return atomic_load_explicit(&asked_count, memory_order_relaxed);
}

uint64_t rn_alloc_live(void)
{
    uint64_t gone = atomic_load_explicit(&freed_count, memory_order_relaxed) +
                    atomic_load_explicit(&refused_count, memory_order_relaxed);
    return atomic_load_explicit(&asked_count, memory_order_relaxed) - gone;
}

void rn_free_pointer(void *pointer_to_pointer)
{
    // The variable may be of any pointer type; copying its bytes needs no aliasing licence.
    void *block;
    memcpy(&block, pointer_to_pointer, sizeof(block));
    rn_free(block);
}
