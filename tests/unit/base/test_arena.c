/* Arenas: blocks, the maximum, failure. */
#include "base/alloc.h"
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void test_arena(void **state)
{
    (void)state;
    uint64_t live = rn_alloc_live();
    struct rn_arena arena;
    rn_arena_init(&arena, 1 << 20);
    uint8_t *before = NULL;
    for (size_t i = 0; i < 2000; i++) {
        uint8_t *block = rn_arena_alloc(&arena, i % 200);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_ptr_not_equal(block, before);
        for (size_t j = 0; j < i % 200; j++) {
            assert_int_equal(block[j], 0);
        }
        memset(block, 0xff, i % 200);
        before = block;
    }
    assert_non_null(rn_arena_alloc(&arena, 100000));
    assert_memory_equal(rn_arena_copy(&arena, "abc", 3), "abc", 3);
    assert_non_null(rn_arena_copy(&arena, NULL, 0));
    rn_arena_done(&arena);
    assert_int_equal(rn_alloc_live(), live);
}

static void test_arena_maximum(void **state)
{
    (void)state;
    struct rn_arena arena;
    rn_arena_init(&arena, 100);
    assert_non_null(rn_arena_alloc(&arena, 64));
    assert_null(rn_arena_alloc(&arena, 37));
    assert_null(rn_arena_alloc(&arena, SIZE_MAX));
    assert_null(rn_arena_copy(&arena, "x", 100));
    assert_non_null(rn_arena_alloc(&arena, 32));
    // 4 bytes are left, but blocks are multiples of 16.
    assert_null(rn_arena_alloc(&arena, 4));
    rn_arena_done(&arena);
}

static void test_arena_without_memory(void **state)
{
    (void)state;
    struct rn_arena arena;
    rn_arena_init(&arena, SIZE_MAX);
    rn_alloc_fail_at(1, true);
    assert_null(rn_arena_alloc(&arena, 10));
    assert_null(rn_arena_alloc(&arena, 100000));
    rn_alloc_fail_at(0, false);
    assert_null(rn_arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(rn_arena_alloc(&arena, SIZE_MAX - 8));
    assert_int_equal(arena.used, 0);
    assert_non_null(rn_arena_alloc(&arena, 10));
    rn_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_maximum),
        cmocka_unit_test(test_arena_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
