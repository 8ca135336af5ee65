/* UTF-8: every scalar there and back, every kind of malformed sequence refused at its first byte.
 */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void test_every_scalar(void **state)
{
    (void)state;
    for (uint32_t scalar = 0; scalar < 0x110000; scalar++) {
        if (!rn_is_scalar(scalar)) {
            continue;
        }
        char text[4];
        size_t size = rn_utf8_encode(scalar, text);
        size_t width = 0;
        if (!rn_utf8_valid(text, size, NULL) || rn_utf8_decode(text, size, 0, &width) != scalar ||
            width != size || rn_utf8_valid(text, size - 1, NULL) != (size == 1)) {
            fail_msg("U+%04X", scalar);
        }
    }
}

struct malformed {
    const char *bytes;
    size_t offset;
};

static void test_malformed(void **state)
{
    (void)state;
    static const struct malformed cases[] = {
        {"\x80", 0},                     // a continuation alone
        {"\xc0\x80", 0},                 // overlong
        {"\xc1\xbf", 0},                 //
        {"\xe0\x9f\xbf", 0},             //
        {"\xf0\x8f\xbf\xbf", 0},         //
        {"\xed\xa0\x80", 0},             // a surrogate
        {"\xf4\x90\x80\x80", 0},         // beyond U+10FFFF
        {"\xf5\x80\x80\x80", 0},         //
        {"\xff", 0},                     //
        {"abc\xc3", 3},                  // cut off
        {"abcdefgh\xe2\x82", 8},         //
        {"abcdefghijk\xe2\x28\xa1", 11}, // a bad continuation
        {"\xf0\x90\x28\xbc", 0},         //
        {"\xf0\x90\x8c\x28", 0},         //
    };
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        size_t offset = 999;
        assert_false(rn_utf8_valid(cases[i].bytes, strlen(cases[i].bytes), &offset));
        assert_int_equal(offset, cases[i].offset);
    }
    assert_true(rn_utf8_valid("", 0, NULL));
    assert_true(rn_utf8_valid("a\0b", 3, NULL));
}

static void test_boundaries_and_count(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa9\xf0\x9f\x98\x80";
    static const bool boundaries[] = {true, true, false, true, false, false, false, true};
    for (size_t i = 0; i < RN_COUNT_OF(boundaries); i++) {
        assert_int_equal(rn_utf8_is_boundary(text, 7, i), boundaries[i]);
    }
    assert_false(rn_utf8_is_boundary(text, 7, 8));
    assert_int_equal(rn_utf8_count(text, 7), 3);
    assert_int_equal(rn_utf8_count(text, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scalar),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_boundaries_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
