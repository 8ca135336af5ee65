/* The table of powers of ten, against exact arithmetic. */
#include "base/float_big.h"
#include "base/float_powers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void set_bits(struct rn_big *big, struct rn_power_of_ten power)
{
    struct rn_big low;
    rn_big_set(big, power.high);
    rn_big_shift_left(big, 64);
    rn_big_set(&low, power.low);
    for (uint32_t i = 0; i < low.count; i++) {
        big->limbs[i] = low.limbs[i];
    }
}

/* bits * 2^scale compared to 10^k; `added` goes to the bits. */
static int compare_power(struct rn_power_of_ten power, uint32_t added, int32_t k)
{
    struct rn_big left;
    struct rn_big right;
    set_bits(&left, power);
    rn_big_multiply_add(&left, 1, added);
    rn_big_set(&right, 1);
    // 10^k = 5^k * 2^k, and what is negative goes to the other side.
    rn_big_multiply_power_of_5(k < 0 ? &left : &right, (uint32_t)(k < 0 ? -k : k));
    int32_t shift = rn_power_scale(k) - k;
    rn_big_shift_left(shift < 0 ? &right : &left, (uint32_t)(shift < 0 ? -shift : shift));
    return rn_big_compare(&left, &right);
}

static void test_every_row(void **state)
{
    (void)state;
    for (int32_t k = RN_POWER_FIRST; k <= RN_POWER_LAST; k++) {
        struct rn_power_of_ten power = *rn_power(k);
        int order = compare_power(power, 0, k);
        if (power.high >> 63 == 0 || order > 0 || (order == 0) != rn_power_is_exact(k) ||
            compare_power(power, 1, k) <= 0) {
            fail_msg("10^%d", k);
        }
    }
}

static void test_logarithm(void **state)
{
    (void)state;
    assert_int_equal(rn_log2_of_power(0), 0);
    assert_int_equal(rn_log2_of_power(1), 3);
    assert_int_equal(rn_log2_of_power(-1), -4);
    assert_int_equal(rn_log2_of_power(308), 1023);
    assert_int_equal(rn_log2_of_power(-342), -1137);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_logarithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
