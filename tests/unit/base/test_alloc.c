/* The gate to the heap: counts, injected failures, cleanup. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_blocks_are_cleared_and_counted(void **state)
{
    (void)state;
    uint64_t live = rn_alloc_live();
    uint64_t asked = rn_alloc_count();
    uint8_t *block = rn_alloc(100);
    assert_non_null(block);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(block[i], 0);
    }
    block = rn_realloc(block, 1000);
    assert_non_null(block);
    assert_int_equal(rn_alloc_live(), live + 1);
    assert_int_equal(rn_alloc_count(), asked + 2);
    rn_free(block);
    rn_free(NULL);
    assert_int_equal(rn_alloc_live(), live);
}

static void test_sizes(void **state)
{
    (void)state;
    void *a = rn_alloc(0);
    void *b = rn_realloc(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    rn_free(a);
    rn_free(b);
    assert_null(rn_alloc_array(SIZE_MAX, 2));
    char *text = rn_strndup("abcdef", 3);
    assert_string_equal(text, "abc");
    rn_free(text);
    assert_null(rn_strndup("", SIZE_MAX));
}

static void test_injected_failures(void **state)
{
    (void)state;
    rn_alloc_fail_at(2, false);
    void *first = rn_alloc(1);
    assert_non_null(first);
    assert_null(rn_realloc(first, 10));
    void *third = rn_alloc(1);
    assert_non_null(third);
    rn_alloc_fail_at(1, true);
    assert_null(rn_alloc(1));
    assert_null(rn_alloc(1));
    rn_alloc_fail_at(0, false);
    rn_free(first);
    rn_free(third);
}

static void test_cleanup_attributes(void **state)
{
    (void)state;
    uint64_t live = rn_alloc_live();
    {
        RN_AUTO_FREE char *text = rn_strndup("x", 1);
        RN_AUTO_FREE char *moved = RN_TAKE(text);
        assert_null(text);
        assert_non_null(moved);
    }
    assert_int_equal(rn_alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_cleared_and_counted),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_injected_failures),
        cmocka_unit_test(test_cleanup_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
