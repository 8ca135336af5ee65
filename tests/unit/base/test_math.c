/* Checked arithmetic on sizes. */
#include "base/math.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_checked_arithmetic(void **state)
{
    (void)state;
    size_t sum;
    assert_true(rn_checked_add((size_t)1, (size_t)2, &sum));
    assert_int_equal(sum, 3);
    assert_false(rn_checked_add(SIZE_MAX, (size_t)1, &sum));
    assert_false(rn_checked_sub((size_t)1, (size_t)2, &sum));
    assert_false(rn_checked_mul(SIZE_MAX, (size_t)2, &sum));
    assert_int_equal(rn_align_up(17, 16), 32);
    assert_int_equal(rn_align_up(32, 16), 32);
    assert_int_equal(rn_min_size(1, 2), 1);
    assert_int_equal(rn_max_size(1, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checked_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
