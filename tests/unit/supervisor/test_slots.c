/* The table of a worker's calls: numbers are taken again, it grows, and it is full at its maximum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "shm/control.h"
#include "supervisor/slots.h"

/* A call that is never looked into. */
static struct rn_call *call_of(uint32_t number)
{
    return (struct rn_call *)(uintptr_t)(16 + number * 16);
}

static uint32_t put(struct rn_slots *slots, uint32_t number)
{
    uint32_t slot = UINT32_MAX;
    assert_int_equal(rn_slots_put(slots, call_of(number), &slot), RN_OK);
    assert_ptr_equal(rn_slots_at(slots, slot), call_of(number));
    return slot;
}

static void test_numbers_are_taken_again(void **state)
{
    (void)state;
    struct rn_slots slots = {0};
    assert_null(rn_slots_at(&slots, 0));
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(put(&slots, i), i);
    }
    rn_slots_remove(&slots, 3);
    rn_slots_remove(&slots, 70);
    assert_null(rn_slots_at(&slots, 3));
    assert_int_equal(put(&slots, 200), 70);
    assert_int_equal(put(&slots, 201), 3);
    assert_int_equal(put(&slots, 202), 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_ptr_equal(rn_slots_at(&slots, i), call_of(i == 3 ? 201 : i == 70 ? 200 : i));
    }
    rn_slots_done(&slots);
}

static void test_it_is_full(void **state)
{
    (void)state;
    struct rn_slots slots = {0};
    uint32_t slot;
    for (uint32_t i = 0; i < RN_SLOTS_MAX; i++) {
        assert_int_equal(put(&slots, i), i);
    }
    assert_int_equal(rn_slots_put(&slots, call_of(0), &slot), RN_E_WOULD_BLOCK);
    assert_null(rn_slots_at(&slots, RN_SLOTS_MAX));
    assert_null(rn_slots_at(&slots, UINT32_MAX));
    rn_slots_remove(&slots, RN_SLOTS_MAX - 1);
    assert_int_equal(put(&slots, 1), RN_SLOTS_MAX - 1);
    rn_slots_done(&slots);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct rn_slots slots = {0};
    uint32_t slot;
    uint32_t count = 0;
    rn_alloc_fail_at(2, false);
    while (rn_slots_put(&slots, call_of(count), &slot) == RN_OK) {
        count++;
    }
    assert_in_range(count, 1, RN_SLOTS_MAX - 1);
    assert_int_equal(put(&slots, count), count);
    rn_slots_done(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_taken_again),
        cmocka_unit_test(test_it_is_full),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
