/* Properties, case mappings and widths of chosen scalars, and of none. */
#include "base/unicode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_identifiers(void **state)
{
    (void)state;
    assert_true(rn_unicode_is_xid_start('a'));
    assert_false(rn_unicode_is_xid_start('_'));
    assert_true(rn_unicode_is_xid_continue('_'));
    assert_false(rn_unicode_is_xid_start('1'));
    assert_true(rn_unicode_is_xid_start(0x4e2d));
    assert_true(rn_unicode_is_xid_continue(0x301));
    assert_false(rn_unicode_is_xid_continue(0x20ac));
}

static void test_classes(void **state)
{
    (void)state;
    assert_true(rn_unicode_is_alphabetic(0xe9));
    assert_true(rn_unicode_is_alphabetic(0x1f130));
    assert_false(rn_unicode_is_alphabetic('1'));
    assert_true(rn_unicode_is_numeric(0xbd));
    assert_true(rn_unicode_is_numeric(0x0663));
    assert_false(rn_unicode_is_numeric('a'));
    assert_true(rn_unicode_is_whitespace(0x2003));
    assert_true(rn_unicode_is_whitespace(0x85));
    assert_false(rn_unicode_is_whitespace(0xfeff));
    assert_true(rn_unicode_is_uppercase(0x2160));
    assert_true(rn_unicode_is_lowercase(0xaa));
    assert_true(rn_unicode_is_control(0x9f));
    assert_false(rn_unicode_is_control(0xa0));
    assert_true(rn_unicode_is_cased(0x1c5));
    assert_true(rn_unicode_is_case_ignorable('\''));
    assert_true(rn_unicode_is_grapheme_extend(0x301));
}

static void test_printable(void **state)
{
    (void)state;
    assert_true(rn_unicode_is_printable(' '));
    assert_true(rn_unicode_is_printable(0x1f600));
    assert_false(rn_unicode_is_printable('\n'));
    assert_false(rn_unicode_is_printable(0xa0));
    assert_false(rn_unicode_is_printable(0x202e));
    assert_false(rn_unicode_is_printable(0xe000));
    assert_false(rn_unicode_is_printable(0x378));
}

static void test_upper(void **state)
{
    (void)state;
    static const uint32_t rows[][5] = {
        {'a', 1, 'A', 0, 0},         {'1', 1, '1', 0, 0},       {0xe9, 1, 0xc9, 0, 0},
        {0xdf, 2, 'S', 'S', 0},      {0x149, 2, 0x2bc, 'N', 0}, {0xff, 1, 0x178, 0, 0},
        {0x101, 1, 0x100, 0, 0},     {0x100, 1, 0x100, 0, 0},   {0xfb03, 3, 'F', 'F', 'I'},
        {0x10428, 1, 0x10400, 0, 0}, {0x131, 1, 'I', 0, 0},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        uint32_t out[3] = {0};
        assert_int_equal(rn_unicode_to_upper(rows[i][0], out), rows[i][1]);
        assert_memory_equal(out, &rows[i][2], rows[i][1] * sizeof(uint32_t));
    }
}

static void test_lower(void **state)
{
    (void)state;
    static const uint32_t rows[][4] = {
        {'Z', 1, 'z', 0},      {0xc9, 1, 0xe9, 0},       {0x130, 2, 'i', 0x307},
        {0x1e9e, 1, 0xdf, 0},  {0x3a3, 1, 0x3c3, 0},     {0x10400, 1, 0x10428, 0},
        {0x2126, 1, 0x3c9, 0}, {0x1f600, 1, 0x1f600, 0},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        uint32_t out[3] = {0};
        assert_int_equal(rn_unicode_to_lower(rows[i][0], out), rows[i][1]);
        assert_memory_equal(out, &rows[i][2], rows[i][1] * sizeof(uint32_t));
    }
}

static void test_mappings_agree(void **state)
{
    (void)state;
    // Lowering what was raised from a lower-case letter leads back for most; it never leaves the
    // range.
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint32_t out[3];
        size_t count = rn_unicode_to_upper(c, out);
        assert_in_range(count, 1, 3);
        for (size_t i = 0; i < count; i++) {
            assert_true(out[i] < 0x110000);
        }
        assert_true(rn_unicode_to_lower(c, out) >= 1);
    }
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(rn_unicode_width('a'), 1);
    assert_int_equal(rn_unicode_width(0x4e2d), 2);
    assert_int_equal(rn_unicode_width(0x301), 0);
    assert_int_equal(rn_unicode_width(0x1f600), 2);
    assert_int_equal(rn_unicode_width(0), 0);
}

static void test_beyond(void **state)
{
    (void)state;
    uint32_t out[3];
    assert_false(rn_unicode_is_alphabetic(0x110000));
    assert_false(rn_unicode_is_printable(UINT32_MAX));
    assert_int_equal(rn_unicode_to_upper(UINT32_MAX, out), 1);
    assert_int_equal(out[0], UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identifiers), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_printable),   cmocka_unit_test(test_upper),
        cmocka_unit_test(test_lower),       cmocka_unit_test(test_mappings_agree),
        cmocka_unit_test(test_width),       cmocka_unit_test(test_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
