/* The public codes and reasons are those of the tables inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <runeward/runeward.h>

#include "base/error.h"
#include "shm/reason.h"

#define RN_ERROR(name, code, message) _Static_assert((int)RUNE_E_##name == (code), "RUNE_E_" #name);
#include "base/errors.def"
#undef RN_ERROR

#define REASON(name, number, exit_code, status, worker, text)                                      \
    _Static_assert((int)RUNE_REASON_##name == (number), "RUNE_REASON_" #name);
#include "shm/reasons.def"
#undef REASON

static void test_names_come_from_the_tables(void **state)
{
    (void)state;
#define RN_ERROR(name, code, message)                                                              \
    assert_string_equal(rune_status_name((rune_status)(code)), #name);                             \
    assert_string_equal(rune_status_message((rune_status)(code)), message);
#include "base/errors.def"
#undef RN_ERROR
#define REASON(name, number, exit_code, status, worker, text)                                      \
    assert_string_equal(rune_reason_name((rune_reason)(number)), text);                            \
    assert_int_equal(rune_reason_exit_code((rune_reason)(number), 3),                              \
                     (exit_code) < 0 ? 131 : (exit_code));
#include "shm/reasons.def"
#undef REASON
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_come_from_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
