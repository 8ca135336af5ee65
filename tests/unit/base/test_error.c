/* The names, messages and codes of errors. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void test_error_names(void **state)
{
    (void)state;
    assert_string_equal(rn_error_name(RN_OK), "OK");
    assert_string_equal(rn_error_name(RN_E_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(rn_error_message(RN_E_NO_MEMORY), "out of memory");
    assert_string_equal(rn_error_name((enum rn_error)1), "UNKNOWN");
    assert_string_equal(rn_error_message((enum rn_error)1), "unknown error");
    assert_string_equal(rn_error_message(RN_OK), "success");
}

/* Codes are stable, so no two may be equal, and all are negative. */
static void test_error_codes(void **state)
{
    (void)state;
    static const int codes[] = {
#define RN_ERROR(name, code, message) code,
#include "base/errors.def"
#undef RN_ERROR
    };
    for (size_t i = 0; i < RN_COUNT_OF(codes); i++) {
        assert_true(codes[i] < 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_names),
        cmocka_unit_test(test_error_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
