/* The generators give the numbers that their references give. */
#include "worker/std/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_xoshiro(void **state)
{
    (void)state;
    // The first outputs of the authors' program for the state 1, 2, 3, 4.
    static const uint64_t expected[] = {UINT64_C(41943041),
                                        UINT64_C(58720359),
                                        UINT64_C(3588806011781223),
                                        UINT64_C(3591011842654386),
                                        UINT64_C(9228616714210784205),
                                        UINT64_C(9973669472204895162)};
    struct rn_rng rng = {.kind = RN_RNG_XOSHIRO};
    rn_rng_from_seed(&rng, (const uint64_t[]){1, 2, 3, 4});
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(rn_rng_u64(&rng), expected[i]);
    }
}

static void test_xoshiro_from_word(void **state)
{
    (void)state;
    struct rn_rng rng = {.kind = RN_RNG_XOSHIRO};
    rn_rng_from_word(&rng, 0);
    assert_int_equal(rn_rng_u64(&rng), UINT64_C(5987356902031041503));
    assert_int_equal(rn_rng_u64(&rng), UINT64_C(7051070477665621255));
    // A seed of zeros is replaced.
    rn_rng_from_seed(&rng, (const uint64_t[]){0, 0, 0, 0});
    assert_int_equal(rn_rng_u64(&rng), UINT64_C(5987356902031041503));
}

static void test_chacha(void **state)
{
    (void)state;
    struct rn_rng first = {.kind = RN_RNG_CHACHA};
    rn_rng_from_seed(&first,
                     (const uint64_t[]){UINT64_C(23) << 32 | 1, UINT64_C(7890) << 32 | 456, 0, 0});
    assert_int_equal(rn_rng_u64(&first), UINT64_C(10719222850664546238));
    uint64_t seed[RN_RNG_SEED_WORDS];
    for (size_t i = 0; i < RN_RNG_SEED_WORDS; i++) {
        seed[i] = rn_rng_u64(&first);
    }
    struct rn_rng second = {.kind = RN_RNG_CHACHA};
    rn_rng_from_seed(&second, seed);
    assert_int_equal(rn_rng_u64(&second), UINT64_C(14064965282130556830));
}

/* 32 and 64 bits come from one stream, across blocks. */
static void test_chacha_halves(void **state)
{
    (void)state;
    struct rn_rng whole = {.kind = RN_RNG_CHACHA};
    struct rn_rng halves = {.kind = RN_RNG_CHACHA};
    rn_rng_from_word(&whole, 7);
    rn_rng_from_word(&halves, 7);
    for (int i = 0; i < 100; i++) {
        uint64_t word = rn_rng_u64(&whole);
        assert_int_equal(rn_rng_u32(&halves), (uint32_t)word);
        assert_int_equal(rn_rng_u32(&halves), word >> 32);
    }
}

static void test_below(void **state)
{
    (void)state;
    struct rn_rng rng = {.kind = RN_RNG_XOSHIRO};
    rn_rng_from_word(&rng, 1);
    unsigned seen[6] = {0};
    for (int i = 0; i < 60000; i++) {
        seen[rn_rng_below_u64(&rng, 6)]++;
        assert_true(rn_rng_below_u64(&rng, UINT64_C(1) << 63 | 1) <= UINT64_C(1) << 63);
        assert_true(rn_rng_below_u32(&rng, 0x80000001u) <= 0x80000000u);
    }
    for (int i = 0; i < 6; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    assert_int_equal(rn_rng_below_u32(&rng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoshiro), cmocka_unit_test(test_xoshiro_from_word),
        cmocka_unit_test(test_chacha),  cmocka_unit_test(test_chacha_halves),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
