/* Hashes are part of the formats: other programs compute them, too. */
#include "bytecode/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_known_values(void **state)
{
    (void)state;
    // XXH3, 64 bit, seed 0, as published.
    assert_int_equal(rn_hash_text("", 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(rn_hash_text("a", 1), UINT64_C(0xe6c632b61e964e1f));
    assert_int_equal(rn_hash_text("abc", 3), UINT64_C(0x78af5f94892f3950));
}

static void test_items(void **state)
{
    (void)state;
    assert_int_equal(rn_hash_item("", 0), 0);
    assert_int_equal(rn_hash_item("abc", 3), rn_hash_text("abc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
