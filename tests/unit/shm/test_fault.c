/* The body of a RESULT that is not a value: round trip, cuts, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/fault.h"

static uint8_t storage[RN_FAULT_SIZE_MAX];

static size_t encode(const struct rn_fault *fault)
{
    struct rn_buf out;
    rn_buf_init_fixed(&out, storage, sizeof(storage));
    rn_fault_encode(fault, &out);
    assert_int_equal(rn_buf_status(&out), RN_OK);
    return out.size;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct rn_fault fault = {.kind = RN_UTF8("Panic"),
                             .message = RN_UTF8("Panicked: \xc3\xa4"),
                             .frames_total = 1000,
                             .frame_count = 2,
                             .frames = {{1, 2, false}, {3, 4, true}}};
    size_t size = encode(&fault);
    struct rn_fault got;
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_OK);
    assert_memory_equal(got.kind.data, "Panic", 5);
    assert_int_equal(got.message.size, fault.message.size);
    assert_int_equal(got.frames_total, 1000);
    assert_int_equal(got.frame_count, 2);
    assert_int_equal(got.frames[1].pc, 4);
    assert_true(got.frames[1].standard);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(rn_fault_decode(storage, cut, &got), RN_E_MESSAGE_INVALID);
    }
}

static void test_the_largest_fits(void **state)
{
    (void)state;
    static char text[RN_FAULT_MESSAGE_MAX + 100];
    memset(text, 'a', sizeof(text));
    struct rn_fault fault = {.kind = {text, sizeof(text)},
                             .message = {text, sizeof(text)},
                             .frames_total = RN_FAULT_FRAMES_MAX,
                             .frame_count = RN_FAULT_FRAMES_MAX};
    assert_int_equal(encode(&fault), RN_FAULT_SIZE_MAX);
}

static void test_cut_at_a_character(void **state)
{
    (void)state;
    char text[RN_FAULT_KIND_MAX + 1];
    memset(text, 'a', sizeof(text));
    memcpy(text + RN_FAULT_KIND_MAX - 1, "\xc3\xa4", 2);
    struct rn_fault fault = {.kind = {text, sizeof(text)}, .message = RN_UTF8("")};
    struct rn_fault got;
    size_t size = encode(&fault);
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_OK);
    assert_int_equal(got.kind.size, RN_FAULT_KIND_MAX - 1);
}

/* They all come, and are as many as there are in all: it is the room for them that there is not. */
static void test_more_frames_than_fit(void **state)
{
    (void)state;
    struct rn_fault got;
    struct rn_fault fault = {.kind = RN_UTF8("K"),
                             .message = RN_UTF8("m"),
                             .frames_total = UINT64_MAX,
                             .frame_count = RN_FAULT_FRAMES_MAX};
    size_t size = encode(&fault);
    size_t count_at = size - RN_FAULT_FRAMES_MAX * (size_t)12 - 4;
    assert_int_equal(storage[count_at], RN_FAULT_FRAMES_MAX);
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_OK);
    storage[count_at]++;
    memset(storage + size, 0, 12);
    assert_int_equal(rn_fault_decode(storage, size + 12, &got), RN_E_MESSAGE_INVALID);
}

static void test_refused(void **state)
{
    (void)state;
    struct rn_fault got;
    struct rn_fault fault = {.kind = RN_UTF8("K"), .message = RN_UTF8("m")};
    size_t size = encode(&fault);
    storage[2] = 0xff; // the kind is not UTF-8
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_E_MESSAGE_INVALID);
    size = encode(&fault);
    storage[size] = 0; // a byte too many
    assert_int_equal(rn_fault_decode(storage, size + 1, &got), RN_E_MESSAGE_INVALID);
    fault.frames_total = 0;
    fault.frame_count = 1; // more frames than there are in all
    size = encode(&fault);
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_E_MESSAGE_INVALID);
    fault.frames_total = 1;
    size = encode(&fault);
    storage[size - 4] = 2; // neither of the script nor of the library
    assert_int_equal(rn_fault_decode(storage, size, &got), RN_E_MESSAGE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_the_largest_fits),
        cmocka_unit_test(test_cut_at_a_character),
        cmocka_unit_test(test_more_frames_than_fit),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
