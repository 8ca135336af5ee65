/* What a host does wrong: NULL where something has to be, values that no enum has, things twice. */
#include "tests/unit/supervisor/harness.h"

#include <string.h>

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("pub fn count() { 1 }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

/* The error's message; consumes the error. */
static void assert_message(rune_error *error, const char *message)
{
    assert_non_null(error);
    assert_string_equal(rune_error_message(error), message);
    rune_error_free(error);
}

static void test_no_unit(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_vm *vm = NULL;
    rune_sync_function *function = NULL;
    assert_int_equal(rune_vm_new(supervisor, runtime, NULL, NULL, &vm, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`unit` is NULL");
    assert_int_equal(rune_vm_new(NULL, runtime, unit, NULL, &vm, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`supervisor` is NULL");
    assert_null(vm);
    vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(rune_vm_set_unit(vm, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(call_i64(vm, "count"), 1);
    rune_vm_free(vm);
    assert_int_equal(
        rune_sync_function_lookup(supervisor, runtime, NULL, NULL, "count", &function, &error),
        RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`unit` is NULL");
    assert_null(function);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_unit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
