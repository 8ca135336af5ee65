/* Cursors: reading, and that failure stays. */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_reading(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, sizeof(bytes));
    assert_int_equal(rn_cursor_u8(&cursor), 1);
    assert_int_equal(rn_cursor_u16(&cursor), 0x0302);
    assert_int_equal(rn_cursor_u32(&cursor), 0x07060504);
    assert_int_equal(rn_cursor_u64(&cursor), UINT64_C(0x0f0e0d0c0b0a0908));
    assert_int_equal(rn_cursor_left(&cursor), 1);
    assert_ptr_equal(rn_cursor_bytes(&cursor, 1), bytes + 15);
    assert_int_equal(rn_cursor_status(&cursor), RN_OK);
    assert_non_null(rn_cursor_bytes(&cursor, 0));
}

static void test_big_endian(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, sizeof(bytes));
    assert_int_equal(rn_cursor_be(&cursor, 1), 1);
    assert_int_equal(rn_cursor_be(&cursor, 2), 0x0203);
    assert_int_equal(rn_cursor_be(&cursor, 4), 0x04050607);
    assert_int_equal(rn_cursor_be(&cursor, 8), UINT64_C(0x08090a0b0c0d0e0f));
    assert_int_equal(rn_cursor_left(&cursor), 0);
}

static void test_failure_stays(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, sizeof(bytes));
    assert_int_equal(rn_cursor_u8(&cursor), 1);
    assert_int_equal(rn_cursor_u32(&cursor), 0);
    assert_int_equal(rn_cursor_status(&cursor), RN_E_TRUNCATED);
    assert_int_equal(cursor.error_offset, 1);
    assert_int_equal(rn_cursor_u8(&cursor), 0);
    assert_int_equal(rn_cursor_left(&cursor), 0);
    assert_null(rn_cursor_bytes(&cursor, SIZE_MAX));
    rn_cursor_fail(&cursor, RN_E_OVERFLOW);
    assert_int_equal(rn_cursor_status(&cursor), RN_E_TRUNCATED);
}

static void test_nothing(void **state)
{
    (void)state;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, NULL, 0);
    assert_non_null(rn_cursor_bytes(&cursor, 0)); // NULL is failure
    assert_int_equal(rn_cursor_status(&cursor), RN_OK);
    assert_null(rn_cursor_bytes(&cursor, 1));
    assert_int_equal(rn_cursor_status(&cursor), RN_E_TRUNCATED);
}

static void test_own_failure(void **state)
{
    (void)state;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, "ab", 2);
    (void)rn_cursor_u8(&cursor);
    rn_cursor_fail(&cursor, RN_E_OVERFLOW);
    assert_int_equal(rn_cursor_status(&cursor), RN_E_OVERFLOW);
    assert_int_equal(cursor.error_offset, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),       cmocka_unit_test(test_big_endian),
        cmocka_unit_test(test_failure_stays), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_own_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
