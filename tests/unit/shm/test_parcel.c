/* Packets in, one packet out; and the same in again, unless somebody lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/message.h"
#include "shm/parcel.h"

#define CHECKED(text) rn_parcel_check((const uint8_t *)(text), sizeof(text) - 1)
#define INVALID RN_E_MESSAGE_INVALID

static void test_several(void **state)
{
    (void)state;
    static struct rn_parcel parcel;
    size_t size;
    assert_true(rn_parcel_put(&parcel, "abc", 3));
    assert_true(rn_parcel_put(&parcel, "d", 1));
    assert_true(rn_parcel_put(&parcel, "ef", 2));
    assert_int_equal(parcel.count, 3);
    const uint8_t *bytes = rn_parcel_bytes(&parcel, 3, &size);
    assert_int_equal(size, 16);
    assert_memory_equal(bytes, "rp\3\0\3\0abc\1\0d\2\0ef", 16);
    assert_true(rn_parcel_is(bytes, size));
    assert_int_equal(rn_parcel_cpu(bytes), 3);
    assert_int_equal(rn_parcel_check(bytes, size), RN_OK);
    static const char *const expected[] = {"abc", "d", "ef"};
    size_t offset = RN_PARCEL_START;
    for (int i = 0; i < 3; i++) {
        size_t taken;
        const uint8_t *packet = rn_parcel_take(bytes, &offset, &taken);
        assert_int_equal(taken, strlen(expected[i]));
        assert_memory_equal(packet, expected[i], taken);
    }
    assert_int_equal(offset, size);
}

static void test_one_alone_goes_as_it_is(void **state)
{
    (void)state;
    static struct rn_parcel parcel;
    size_t size;
    for (int round = 0; round < 2; round++) {
        assert_true(rn_parcel_put(&parcel, "abc", 3));
        const uint8_t *bytes = rn_parcel_bytes(&parcel, 3, &size);
        assert_int_equal(size, 3);
        assert_memory_equal(bytes, "abc", 3);
        rn_parcel_clear(&parcel);
        assert_int_equal(parcel.count, 0);
    }
}

/* Which is a hint, and has not more room than this. */
static void test_processors(void **state)
{
    (void)state;
    static struct rn_parcel parcel;
    size_t size;
    assert_true(rn_parcel_put(&parcel, "a", 1));
    assert_true(rn_parcel_put(&parcel, "b", 1));
    assert_int_equal(rn_parcel_cpu(rn_parcel_bytes(&parcel, 65535, &size)), 65535);
    assert_int_equal(rn_parcel_cpu(rn_parcel_bytes(&parcel, 65536, &size)), 0);
}

static void test_what_has_no_room_stays_out(void **state)
{
    (void)state;
    static struct rn_parcel parcel;
    static const uint8_t packet[RN_PARCEL_PACKET_MAX + 1] = {1};
    size_t size;
    assert_false(rn_parcel_put(&parcel, packet, sizeof(packet)));
    uint32_t most = (RN_PARCEL_MAX - RN_PARCEL_START) / (RN_PARCEL_PACKET_MAX + 2);
    for (uint32_t i = 0; i < most; i++) {
        assert_true(rn_parcel_put(&parcel, packet, RN_PARCEL_PACKET_MAX));
    }
    assert_false(rn_parcel_put(&parcel, packet, RN_PARCEL_PACKET_MAX));
    size_t left = RN_PARCEL_MAX - parcel.size;
    assert_false(rn_parcel_put(&parcel, packet, left - 1));
    assert_true(rn_parcel_put(&parcel, packet, left - 2));
    assert_false(rn_parcel_put(&parcel, packet, 1));
    assert_int_equal(parcel.count, most + 1);
    const uint8_t *bytes = rn_parcel_bytes(&parcel, 3, &size);
    assert_int_equal(size, RN_PARCEL_MAX);
    assert_int_equal(rn_parcel_check(bytes, size), RN_OK);
}

static void test_lies(void **state)
{
    (void)state;
    assert_int_equal(CHECKED("rp\0\0\1\0a\1\0b"), RN_OK);
    assert_int_equal(CHECKED("rp"), INVALID);
    assert_int_equal(CHECKED("rp\0"), INVALID);
    assert_int_equal(CHECKED("rp\0\0"), INVALID);
    assert_int_equal(CHECKED("rp\0\0\1\0a"), INVALID);          // one alone is no parcel
    assert_int_equal(CHECKED("rp\0\0\1\0a\0\0\1\0b"), INVALID); // an empty packet
    assert_int_equal(CHECKED("rp\0\0\1\0a\1\0b\0\0"), INVALID);
    assert_int_equal(CHECKED("rp\0\0\1\0a\1\0b\1"), INVALID); // half a size
    assert_int_equal(CHECKED("rp\0\0\1\0a\2\0b"), INVALID);   // longer than what is there
    assert_int_equal(CHECKED("rp\0\0\1\0a\xff\xff"
                             "b"),
                     INVALID);
    static uint8_t large[2 * (RN_PARCEL_PACKET_MAX + 3) + RN_PARCEL_START] = "rp\0\0\1\4";
    large[RN_PARCEL_START + 2 + RN_PARCEL_PACKET_MAX + 1] = 1;
    assert_int_equal(rn_parcel_check(large, RN_PARCEL_START + 2 + RN_PARCEL_PACKET_MAX + 1 + 3),
                     INVALID); // a packet larger than any
}

static void test_a_parcel_beyond_its_size(void **state)
{
    (void)state;
    static uint8_t bytes[RN_PACKET_MAX] = "rp";
    size_t size = RN_PARCEL_START;
    while (size <= RN_PARCEL_MAX) {
        assert_int_equal(rn_parcel_check(bytes, size), size > 10 ? RN_OK : INVALID);
        bytes[size] = 3;
        size += 5;
    }
    assert_int_equal(rn_parcel_check(bytes, size), INVALID);
}

static void test_packets_are_none(void **state)
{
    (void)state;
    assert_int_not_equal(RN_PARCEL_MARK, RN_MESSAGE_VERSION);
    assert_false(rn_parcel_is((const uint8_t *)"\1\0", 2));
    assert_false(rn_parcel_is((const uint8_t *)"r", 1));
    assert_false(rn_parcel_is((const uint8_t *)"", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_one_alone_goes_as_it_is),
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_what_has_no_room_stays_out),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_a_parcel_beyond_its_size),
        cmocka_unit_test(test_packets_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
