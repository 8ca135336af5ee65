/*
 * The n-th allocation of a call, a build and an execution fails, for every n: a named error or success,
 * never a crash, and the next call works.
 */
#include "tests/unit/supervisor/harness.h"

#include <string.h>

#include "base/alloc.h"

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("pub fn main(a) { println!(\"{}\", a); host::double(a) }\npub fn fine() { 1 }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static bool take(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return true;
}

/* True if all went well, so that no later allocation can be made to fail. */
static bool one_call(rune_vm *vm, bool as_execution)
{
    rune_call_options *options = rune_call_options_new();
    rune_const_value *value = rune_value_i64(4);
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    if (options && value) {
        const rune_const_value *args[] = {value};
        rune_call_options_set_output(options, take, NULL);
        if (as_execution) {
            rune_execution *execution = NULL;
            status = rune_vm_send_execute(vm, "main", args, 1, options, &execution, &error);
            if (status == RUNE_OK) {
                assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
                status = rune_execution_complete(execution, &record);
                rune_execution_free(execution);
            }
        } else {
            status = rune_vm_call_record(vm, "main", args, 1, options, &record, &error);
        }
    }
    bool good = status == RUNE_OK && rune_record_reason(record) == RUNE_REASON_OK;
    assert_int_not_equal(status == RUNE_OK ? (int)rune_record_reason(record) : 0,
                         RUNE_REASON_CRASHED);
    rune_record_free(record);
    rune_error_free(error);
    rune_value_unref(value);
    rune_call_options_free(options);
    return good;
}

static void fail_each_of_a_call(bool as_execution)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    int in_a_row = 0;
    for (uint64_t n = 1; n < 2000 && in_a_row < 20; n++) {
        rn_alloc_fail_at(n, false);
        bool good = one_call(vm, as_execution);
        rn_alloc_fail_at(0, false);
        in_a_row = good ? in_a_row + 1 : 0;
        assert_int_equal(call_i64(vm, "fine"), 1);
    }
    assert_int_equal(in_a_row, 20);
    rune_vm_free(vm);
}

static void test_calls(void **state)
{
    (void)state;
    fail_each_of_a_call(false);
}

static void test_executions(void **state)
{
    (void)state;
    fail_each_of_a_call(true);
}

static bool one_build(void)
{
    static const char source[] = "pub fn main() { 1 }";
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_unit *made = NULL;
    rune_error *error = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    if (sources && diagnostics) {
        status = rune_sources_insert_memory(sources, "m.rn", source, strlen(source), &error);
    }
    if (status == RUNE_OK) {
        status = rune_build(supervisor, sources, context, NULL, diagnostics, &made, &error);
    }
    rune_unit_unref(made);
    rune_error_free(error);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return status == RUNE_OK;
}

static void test_builds(void **state)
{
    (void)state;
    int in_a_row = 0;
    for (uint64_t n = 1; n < 2000 && in_a_row < 20; n++) {
        rn_alloc_fail_at(n, false);
        bool good = one_build();
        rn_alloc_fail_at(0, false);
        in_a_row = good ? in_a_row + 1 : 0;
    }
    assert_int_equal(in_a_row, 20);
    assert_true(one_build());
}

static void test_supervisors(void **state)
{
    (void)state;
    int in_a_row = 0;
    int fds = settled_fds();
    for (uint64_t n = 1; n < 500 && in_a_row < 5; n++) {
        rune_supervisor *own = NULL;
        rune_error *error = NULL;
        rune_supervisor_options *options = rune_supervisor_options_new();
        rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
        rn_alloc_fail_at(n, false);
        rune_status status = rune_supervisor_new(options, &own, &error);
        rn_alloc_fail_at(0, false);
        in_a_row = status == RUNE_OK ? in_a_row + 1 : 0;
        rune_error_free(error);
        rune_supervisor_free(own);
        rune_supervisor_options_free(options);
    }
    assert_int_equal(in_a_row, 5);
    assert_int_equal(settled_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_executions),
        cmocka_unit_test(test_builds),
        cmocka_unit_test(test_supervisors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
