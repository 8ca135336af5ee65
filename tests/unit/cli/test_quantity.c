/* test_quantity.c: numbers with units. */
#include "cli/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    enum rn_quantity kind;
    uint64_t value;
} good[] = {
    {"0", RN_QUANTITY_COUNT, 0},
    {"500", RN_QUANTITY_COUNT, 500},
    {"1_000", RN_QUANTITY_COUNT, 1000},
    {"2k", RN_QUANTITY_COUNT, 2000},
    {"1.5M", RN_QUANTITY_COUNT, 1500000},
    {"18446744073709551615", RN_QUANTITY_COUNT, UINT64_MAX},
    {"64M", RN_QUANTITY_SIZE, 64u << 20},
    {"64MiB", RN_QUANTITY_SIZE, 64u << 20},
    {"0.5K", RN_QUANTITY_SIZE, 512},
    {"100", RN_QUANTITY_SIZE, 100},
    {"2s", RN_QUANTITY_TIME, 2000000000},
    {"1.5s", RN_QUANTITY_TIME, 1500000000},
    {"500ms", RN_QUANTITY_TIME, 500000000},
    {"10us", RN_QUANTITY_TIME, 10000},
    {"1h", RN_QUANTITY_TIME, 3600000000000},
};

static const struct {
    const char *text;
    enum rn_quantity kind;
} bad[] = {
    {"", RN_QUANTITY_COUNT},
    {"-1", RN_QUANTITY_COUNT},
    {"M", RN_QUANTITY_COUNT},
    {"1x", RN_QUANTITY_COUNT},
    {"1 M", RN_QUANTITY_COUNT},
    {"0.3", RN_QUANTITY_COUNT},
    {"1..5k", RN_QUANTITY_COUNT},
    {"18446744073709551616", RN_QUANTITY_COUNT},
    {"99999999999G", RN_QUANTITY_COUNT},
    {"64MB", RN_QUANTITY_SIZE},
    {"0.1K", RN_QUANTITY_SIZE},
    {"2", RN_QUANTITY_TIME},
    {"2sec", RN_QUANTITY_TIME},
    {"0.1ns", RN_QUANTITY_TIME},
    {"1e3s", RN_QUANTITY_TIME},
};

static void good_ones_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t value = 1;
        if (!rn_quantity_parse(good[i].text, good[i].kind, &value) || value != good[i].value) {
            fail_msg("%s", good[i].text);
        }
    }
}

static void bad_ones_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value;
        if (rn_quantity_parse(bad[i].text, bad[i].kind, &value)) {
            fail_msg("%s", bad[i].text);
        }
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,    1,        999,        1000,      1024,
                                      1536, 1u << 20, 2000000000, UINT64_MAX};
    char buffer[32];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned kind = 0; kind <= RN_QUANTITY_TIME; kind++) {
            uint64_t value = 7;
            rn_quantity_format(values[i], (enum rn_quantity)kind, buffer, sizeof(buffer));
            assert_true(rn_quantity_parse(buffer, (enum rn_quantity)kind, &value));
            assert_int_equal(value, values[i]);
        }
    }
    assert_string_equal(rn_quantity_format(64u << 20, RN_QUANTITY_SIZE, buffer, sizeof(buffer)),
                        "64M");
    assert_string_equal(rn_quantity_format(1500000000, RN_QUANTITY_TIME, buffer, sizeof(buffer)),
                        "1500ms");
}

static void digits_are_grouped(void **state)
{
    char room[RN_QUANTITY_GROUPED_MAX];
    (void)state;
    assert_string_equal(rn_quantity_group(0, room), "0");
    assert_string_equal(rn_quantity_group(999, room), "999");
    assert_string_equal(rn_quantity_group(1000, room), "1,000");
    assert_string_equal(rn_quantity_group(UINT64_MAX, room), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(digits_are_grouped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
