/* Rows of a profile: where each of their bytes is, round trip, and what is no number of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/profile.h"

static void test_layout(void **state)
{
    (void)state;
    static const uint8_t expected[RN_PROFILE_ROW_SIZE] = {1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0,
                                                          0, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0, 10};
    struct rn_profile_row row = {
        .key = 0x201, .other = 0x403, .spent = 0x700000000000605u, .times = 0xa00000000000908u};
    uint8_t bytes[RN_PROFILE_ROW_SIZE];
    rn_profile_encode(&row, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
    struct rn_profile_row got;
    rn_profile_decode(bytes, &got);
    assert_int_equal(got.key, row.key);
    assert_int_equal(got.other, row.other);
    assert_int_equal(got.spent, row.spent);
    assert_int_equal(got.times, row.times);
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(rn_profile_check(1, 0, 24), RN_OK);
    assert_int_equal(rn_profile_check(0, 1, 24), RN_OK);
    assert_int_equal(rn_profile_check(2, 3, 120), RN_OK);
    assert_int_equal(rn_profile_check(0, 0, 0), RN_E_MESSAGE_INVALID);
    assert_int_equal(rn_profile_check(2, 3, 119), RN_E_MESSAGE_INVALID);
    assert_int_equal(rn_profile_check(2, 3, 121), RN_E_MESSAGE_INVALID);
    // 2^32 rows that wrap around to few are none
    assert_int_equal(rn_profile_check(UINT32_MAX, 2, 24), RN_E_MESSAGE_INVALID);
    assert_int_equal(rn_profile_check(0x80000000u, 0x80000001u, 24), RN_E_MESSAGE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
