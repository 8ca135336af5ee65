/* test_region.c: a heap inside one range. */
#include "base/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RANGE (1u << 20)

static uint8_t range[RANGE] __attribute__((aligned(16)));

static struct rn_region fresh(size_t size)
{
    struct rn_region region;
    memset(range, 0, sizeof(range));
    rn_region_init(&region, range, size);
    return region;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void blocks_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct rn_region region = fresh(RANGE);
    uint8_t *last_end = range;
    for (size_t size = 0; size < 700; size++) {
        uint8_t *block = rn_region_alloc(&region, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(block >= last_end);
        assert_true(all_zero(block, size));
        assert_true(rn_region_owns(&region, block));
        memset(block, 0xaa, size);
        last_end = block + size;
    }
}

static void freed_blocks_come_back_zeroed(void **state)
{
    (void)state;
    struct rn_region region = fresh(RANGE);
    for (size_t size = 1; size < 5000; size += 37) {
        uint8_t *block = rn_region_alloc(&region, size);
        memset(block, 0xaa, size);
        rn_region_free(&region, block);
        uint8_t *again = rn_region_alloc(&region, size);
        assert_ptr_equal(again, block);
        assert_true(all_zero(again, size));
    }
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    struct rn_region region = fresh(RANGE);
    uint8_t *block = rn_region_realloc(&region, NULL, 10);
    memset(block, 7, 10);
    uint8_t *neighbour = rn_region_alloc(&region, 10);
    uint8_t *moved = rn_region_realloc(&region, block, 5000);
    assert_non_null(moved);
    assert_ptr_not_equal(moved, block);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(moved[i], 7);
    }
    assert_true(all_zero(neighbour, 10));
    // Now it is the last one, and grows where it is.
    assert_ptr_equal(rn_region_realloc(&region, moved, 100000), moved);
    assert_ptr_equal(rn_region_realloc(&region, moved, 3), moved);
}

static void an_end_is_an_end(void **state)
{
    (void)state;
    struct rn_region region = fresh(4096);
    assert_null(rn_region_alloc(&region, 5000));
    assert_null(rn_region_alloc(&region, SIZE_MAX));
    uint8_t *block = rn_region_alloc(&region, 2000);
    assert_non_null(block);
    assert_null(rn_region_realloc(&region, block, 5000));
    assert_null(rn_region_realloc(&region, block, SIZE_MAX));
    unsigned count = 0;
    while (rn_region_alloc(&region, 16) != NULL) {
        count++;
    }
    assert_true(count > 10 && count < 128);
    assert_true(region.next <= region.end);
}

// Sizes across every class against a plain record of what was written where.
static void a_long_life(void **state)
{
    (void)state;
    struct rn_region region = fresh(RANGE);
    struct {
        uint8_t *data;
        size_t size;
        uint8_t mark;
    } blocks[64] = {0};
    uint32_t seed = 1;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned slot = seed >> 10 & 63;
        size_t size = (seed >> 16) % 3000;
        for (size_t i = 0; i < blocks[slot].size; i++) {
            assert_int_equal(blocks[slot].data[i], blocks[slot].mark);
        }
        if ((seed & 512) != 0) {
            rn_region_free(&region, blocks[slot].data);
            blocks[slot].data = rn_region_alloc(&region, size);
        } else {
            blocks[slot].data = rn_region_realloc(&region, blocks[slot].data, size);
        }
        assert_non_null(blocks[slot].data);
        blocks[slot].size = size;
        blocks[slot].mark = (uint8_t)step;
        memset(blocks[slot].data, (uint8_t)step, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_zeroed_and_apart),
        cmocka_unit_test(freed_blocks_come_back_zeroed),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(an_end_is_an_end),
        cmocka_unit_test(a_long_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
