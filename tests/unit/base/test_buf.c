/* Buffers: growth, maximum, sticky failure, fixed storage. */
#include "base/alloc.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void test_appending(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf buf;
    rn_buf_init(&buf, 100);
    rn_buf_append_text(&buf, "ab");
    rn_buf_append_u8(&buf, 1);
    rn_buf_append_u16(&buf, 0x0203);
    rn_buf_append_u32(&buf, 0x04050607);
    rn_buf_append_u64(&buf, UINT64_C(0x08090a0b0c0d0e0f));
    rn_buf_append_utf8(&buf, 0xe9);
    rn_buf_append_format(&buf, "%d", -7);
    static const uint8_t expected[] =
        "ab\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08"
        "\xc3\xa9-7";
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    assert_int_equal(buf.size, sizeof(expected) - 1);
    assert_memory_equal(buf.data, expected, buf.size);
    rn_buf_pad(&buf, 8);
    assert_int_equal(buf.size, 24);
    assert_int_equal(buf.data[23], 0);
    rn_buf_pad(&buf, 8);
    assert_int_equal(buf.size, 24);
}

static void test_maximum(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf buf;
    rn_buf_init(&buf, 3);
    rn_buf_append(&buf, "abc", 3);
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    rn_buf_append_u8(&buf, 'd');
    assert_int_equal(rn_buf_status(&buf), RN_E_TOO_LARGE);
    assert_int_equal(buf.size, 3);
    // The failure stays, even for what would fit.
    rn_buf_append(&buf, "", 0);
    assert_null(rn_buf_reserve(&buf, 0));
    rn_buf_pad(&buf, 16);
    rn_buf_append_format(&buf, "x");
    assert_int_equal(buf.size, 3);
    rn_buf_clear(&buf);
    rn_buf_append(&buf, "xy", 2);
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    assert_memory_equal(buf.data, "xy", 2);
    rn_buf_append(&buf, "xy", SIZE_MAX);
    assert_int_equal(rn_buf_status(&buf), RN_E_TOO_LARGE);
}

static void test_fixed_storage(void **state)
{
    (void)state;
    uint8_t storage[4];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    rn_buf_append_u32(&buf, 1);
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    rn_buf_append_u8(&buf, 1);
    assert_int_equal(rn_buf_status(&buf), RN_E_TOO_LARGE);
    rn_buf_done(&buf);
    struct rn_buf none;
    rn_buf_init_fixed(&none, NULL, 0);
    rn_buf_append_u8(&none, 1);
    assert_int_equal(rn_buf_status(&none), RN_E_TOO_LARGE);
}

static void test_reserving(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf buf;
    rn_buf_init(&buf, 1000);
    uint8_t *room = rn_buf_reserve(&buf, 500);
    assert_non_null(room);
    assert_int_equal(buf.size, 0);
    memset(room, 'r', 500);
    rn_buf_commit(&buf, 200);
    assert_int_equal(buf.size, 200);
    assert_int_equal(buf.data[199], 'r');
}

static void test_taking(void **state)
{
    (void)state;
    struct rn_buf buf;
    rn_buf_init(&buf, 10);
    rn_buf_append(&buf, "abc", 3);
    size_t size;
    uint8_t *bytes = rn_buf_take(&buf, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "abc", 3);
    rn_free(bytes);
    rn_buf_append(&buf, "0123456789", 10);
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    rn_buf_done(&buf);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct rn_buf buf;
    rn_buf_init(&buf, 1000);
    rn_alloc_fail_at(1, false);
    rn_buf_append(&buf, "abc", 3);
    rn_alloc_fail_at(0, false);
    assert_int_equal(rn_buf_status(&buf), RN_E_NO_MEMORY);
    rn_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appending),     cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_fixed_storage), cmocka_unit_test(test_reserving),
        cmocka_unit_test(test_taking),        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
