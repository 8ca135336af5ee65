/* Finding texts in texts: against a plain search, and on texts made to be slow. */
#include "worker/std/std.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t plain_find(struct rn_utf8 text, struct rn_utf8 needle, uint64_t from)
{
    for (uint64_t at = from; at + needle.size <= text.size; at++) {
        if (memcmp(text.data + at, needle.data, needle.size) == 0) {
            return at;
        }
    }
    return UINT64_MAX;
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t fill(char *text, size_t max, uint32_t letters, uint32_t *seed)
{
    size_t size = next(seed) % (max + 1);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + next(seed) % letters);
    }
    return size;
}

static void test_against_plain(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 300000; round++) {
        char text[48];
        char needle[12];
        uint32_t letters = 1 + next(&seed) % 3;
        struct rn_utf8 in = {text, fill(text, sizeof(text), letters, &seed)};
        struct rn_utf8 what = {needle, fill(needle, sizeof(needle), letters, &seed)};
        uint64_t from = next(&seed) % (in.size + 1);
        assert_int_equal(rn_std_find(in, what, from), plain_find(in, what, from));
    }
}

static void test_edges(void **state)
{
    (void)state;
    assert_int_equal(rn_std_find(RN_UTF8("abc"), RN_UTF8(""), 3), 3);
    assert_int_equal(rn_std_find(RN_UTF8("abc"), RN_UTF8(""), 4), UINT64_MAX);
    assert_int_equal(rn_std_find(RN_UTF8(""), RN_UTF8("a"), 0), UINT64_MAX);
    assert_int_equal(rn_std_find(RN_UTF8("abcabc"), RN_UTF8("abc"), 1), 3);
    assert_int_equal(rn_std_find(RN_UTF8("ab"), RN_UTF8("abc"), 0), UINT64_MAX);
}

/* Quadratic time would take minutes here, and the run's limit of one would end it. */
static void test_linear_time(void **state)
{
    (void)state;
    size_t size = (size_t)1 << 22;
    char *text = malloc(size);
    char *needle = malloc(size / 2);
    assert_non_null(text);
    assert_non_null(needle);
    memset(text, 'a', size);
    memset(needle, 'a', size / 2);
    needle[size / 4] = 'b';
    assert_int_equal(
        rn_std_find((struct rn_utf8){text, size}, (struct rn_utf8){needle, size / 2}, 0),
        UINT64_MAX);
    needle[size / 4] = 'a';
    needle[0] = 'b';
    assert_int_equal(
        rn_std_find((struct rn_utf8){text, size}, (struct rn_utf8){needle, size / 2}, 0),
        UINT64_MAX);
    text[size / 2] = 'b';
    assert_int_equal(
        rn_std_find((struct rn_utf8){text, size}, (struct rn_utf8){needle, size / 2}, 0), size / 2);
    free(text);
    free(needle);
}

static void test_decimal(void **state)
{
    (void)state;
    char buffer[RN_STD_DECIMAL_MAX];
    char *begin = rn_std_decimal(buffer, UINT64_MAX);
    assert_memory_equal(begin, "18446744073709551615", 20);
    begin = rn_std_decimal(buffer, 0);
    assert_ptr_equal(begin, buffer + RN_STD_DECIMAL_MAX - 1);
    assert_int_equal(*begin, '0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_linear_time),
        cmocka_unit_test(test_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
