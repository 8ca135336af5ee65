/* Sorting in place. */
#include "base/sort.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int compare(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

static void check_sorted(uint32_t *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    rn_sort(values, count, sizeof(*values), compare);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || values[i - 1] <= values[i]);
        sum -= values[i];
    }
    assert_int_equal(sum, 0);
}

static void test_sorting(void **state)
{
    (void)state;
    static uint32_t values[300];
    uint32_t random = 12345;
    for (size_t count = 0; count < RN_COUNT_OF(values); count++) {
        for (size_t i = 0; i < count; i++) {
            random = random * 1664525 + 1013904223;
            values[i] = count % 3 == 0 ? random : count % 3 == 1 ? random % 5 : (uint32_t)i;
        }
        check_sorted(values, count);
        check_sorted(values, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
