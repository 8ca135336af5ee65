/*
 * Statics set and got by the host: before, between and after calls, as snapshots, and what fails. With a
 * supervisor of one's own, and the same through a daemon.
 */
#include "tests/unit/supervisor/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rune_unit *unit;
static rune_unit *plain;
static rune_supervisor *by; /* what the Vms are made with */

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("static COUNT = 10;\n"
                 "static NAME;\n"
                 "static ITEMS = [1, 2];\n"
                 "static ODD;\n"
                 "pub mod app { pub static DEEP = 1.5; }\n"
                 "pub fn count() { COUNT += 1; COUNT }\n"
                 "pub fn name() { NAME }\n"
                 "pub fn push(x) { ITEMS.push(x); ITEMS.len() }\n"
                 "pub fn odd() { ODD = [1, (|| { yield 1 })()]; }\n"
                 "pub fn fail(x) { COUNT = x; panic!(\"out\") }\n");
    plain = build("pub fn main() { 1 }");
    by = supervisor;
    return failed;
}

static int set_up_daemon(void **state)
{
    int failed = set_up(state);
    daemon_start("pub fn main() { 1 }", NULL);
    by = daemon_connect();
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_unit_unref(plain);
    return harness_tear_down(state);
}

static int tear_down_daemon(void **state)
{
    daemon_leave(by);
    return tear_down(state);
}

static void set_i64(rune_vm *vm, const char *item, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    assert_int_equal(rune_vm_set_static(vm, item, value, NULL), RUNE_OK);
    rune_value_unref(value);
}

static void assert_kind(rune_status status, rune_error **error, rune_status wanted,
                        const char *kind)
{
    assert_int_equal(status, wanted);
    assert_non_null(*error);
    assert_string_equal(rune_error_kind(*error), kind);
    rune_error_free(*error);
    *error = NULL;
}

static char *json(const rune_const_value *value)
{
    static char text[512];
    rune_text *made = NULL;
    assert_int_equal(rune_value_to_json(value, &made, NULL), RUNE_OK);
    assert_true(rune_text_size(made) < sizeof(text));
    memcpy(text, rune_text_data(made), rune_text_size(made) + 1);
    rune_text_free(made);
    return text;
}

static void test_before_between_and_after(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(static_i64(vm, "COUNT"), 10); // what the script gives it
    set_i64(vm, "COUNT", 41);
    assert_int_equal(static_i64(vm, "COUNT"), 41); // not sent yet
    assert_int_equal(call_i64(vm, "count"), 42);
    assert_int_equal(static_i64(vm, "COUNT"), 42);
    set_i64(vm, "COUNT", 100);
    assert_int_equal(call_i64(vm, "count"), 101);
    assert_int_equal(call_i64(vm, "count"), 102); // sent once
    assert_int_equal(static_i64(vm, "COUNT"), 102);
    rune_vm_free(vm);
}

static void test_independent_states(void **state)
{
    (void)state;
    rune_vm *vms[8];
    for (int64_t i = 0; i < 8; i++) {
        vms[i] = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
        set_i64(vms[i], "COUNT", i * 100);
    }
    for (int round = 1; round <= 3; round++) {
        for (int64_t i = 0; i < 8; i++) {
            assert_int_equal(call_i64(vms[i], "count"), i * 100 + round);
        }
    }
    for (int i = 0; i < 8; i++) {
        rune_vm_free(vms[i]);
    }
}

/* A map outlives the call that made it, and with it what its hashes depend on. */
static void test_maps_are_found_under_another_seed(void **state)
{
    (void)state;
    rune_unit *maps =
        build("static MAP;\n"
              "static OBJECT = #{};\n"
              "pub fn fill() { MAP = std::collections::HashMap::new(); for i in 0..100 { "
              "MAP.insert(i, i); OBJECT.insert(`k${i}`, i); } 100 }\n"
              "pub fn look() { let n = 0; for i in 0..100 { if MAP.get(i) == Some(i) && "
              "OBJECT.get(`k${i}`) == Some(i) { n += 1; } } n }\n");
    rune_vm *vm = vm_by(by, maps, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    for (uint64_t seed = 1; seed < 5; seed++) {
        int64_t found = -1;
        rune_const_value *result = NULL;
        rune_call_options_set_seed(options, seed);
        assert_int_equal(
            rune_vm_call(vm, seed == 1 ? "fill" : "look", NULL, 0, options, &result, NULL),
            RUNE_OK);
        assert_true(rune_value_get_i64(result, &found));
        assert_int_equal(found, 100);
        rune_value_unref(result);
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(maps);
}

static void test_uninitialized(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    assert_kind(rune_vm_static(vm, "NAME", &value, &error), &error, RUNE_E_NOT_FOUND,
                "uninitialized_static");
    assert_int_equal(call_reason(vm, "name", NULL), RUNE_REASON_SCRIPT_ERROR);
    value = rune_value_text("set");
    assert_int_equal(rune_vm_set_static(vm, "NAME", value, NULL), RUNE_OK);
    rune_value_unref(value);
    assert_int_equal(call_reason(vm, "name", NULL), RUNE_REASON_OK);
    rune_vm_free(vm);
}

static void test_named_errors(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = rune_value_unit();
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    assert_kind(rune_vm_set_static(vm, "MISSING", value, &error), &error, RUNE_E_NOT_FOUND,
                "no_static");
    assert_kind(rune_vm_static(vm, "app::MISSING", &value, &error), &error, RUNE_E_NOT_FOUND,
                "no_static");
    assert_kind(rune_vm_set_static(vm, "NAME", NULL, &error), &error, RUNE_E_INVALID_ARGUMENT,
                "INVALID_ARGUMENT");
    rune_value_unref(value);
    // What cannot leave the worker is named with its path; the others can still be had.
    assert_int_equal(call_reason(vm, "odd", NULL), RUNE_REASON_OK);
    assert_int_equal(rune_vm_static(vm, "ODD", &value, &error), RUNE_E_SCRIPT_ERROR);
    assert_string_equal(rune_error_kind(error), "ConstNotSupported");
    assert_non_null(strstr(rune_error_message(error), "value.ODD[1]"));
    rune_error_free(error);
    rune_globals *globals = NULL;
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_E_SCRIPT_ERROR);
    assert_int_equal(static_i64(vm, "COUNT"), 10);
    rune_vm_free(vm);
}

static void test_snapshot(void **state)
{
    (void)state;
    rune_globals *globals = NULL;
    rune_globals *parsed = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_i64(vm, "count"), 11);
    value = rune_value_text("n");
    assert_int_equal(rune_vm_set_static(vm, "NAME", value, NULL), RUNE_OK);
    rune_value_unref(value);
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_OK);
    assert_int_equal(rune_globals_to_value(globals, &value, NULL), RUNE_OK);
    assert_string_equal(json(value), "{\"COUNT\":11,\"NAME\":\"n\"}");
    assert_int_equal(call_i64(vm, "count"), 12);
    // Into another Vm, by way of the value.
    rune_vm *other = vm_by(by, unit, RUNE_ISOLATION_SHARED, "other");
    assert_int_equal(rune_globals_from_value(unit, value, &parsed, NULL), RUNE_OK);
    assert_int_equal(rune_vm_set_globals(other, parsed, NULL), RUNE_OK);
    assert_int_equal(call_i64(other, "count"), 12);
    // And back into the first.
    assert_int_equal(rune_vm_set_globals(vm, globals, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 12);
    assert_int_equal(rune_vm_set_globals(vm, NULL, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 11);
    rune_value_unref(value);
    rune_globals_free(globals);
    rune_globals_free(parsed);
    rune_vm_free(vm);
    rune_vm_free(other);
}

static void test_state_outside_a_vm(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = rune_value_i64(7);
    rune_const_value *got = NULL;
    rune_globals *globals = rune_globals_new(unit);
    assert_int_equal(rune_globals_count(globals), 5);
    assert_string_equal(rune_globals_item(globals, 0), "COUNT");
    assert_null(rune_globals_item(globals, 5));
    assert_int_equal(rune_globals_set(globals, "app::DEEP", value, NULL), RUNE_OK);
    assert_int_equal(rune_globals_get(globals, "app::DEEP", &got, NULL), RUNE_OK);
    assert_true(rune_value_equal(value, got));
    rune_value_unref(got);
    assert_int_equal(rune_globals_clear(globals, "app::DEEP", NULL), RUNE_OK);
    assert_int_equal(rune_globals_get(globals, "app::DEEP", &got, NULL), RUNE_OK);
    assert_string_equal(json(got), "1.5");
    rune_value_unref(got);
    assert_int_equal(rune_globals_get(globals, "ITEMS", &got, NULL), RUNE_OK);
    assert_string_equal(json(got), "[1,2]");
    rune_value_unref(got);
    assert_kind(rune_globals_clear(globals, "nope", &error), &error, RUNE_E_NOT_FOUND, "no_static");
    assert_int_equal(rune_globals_from_value(unit, value, &globals, NULL), RUNE_E_INVALID_ARGUMENT);
    const char *keys[] = {"nope"};
    const rune_const_value *values[] = {value};
    rune_const_value *object = rune_value_object(keys, values, 1);
    assert_kind(rune_globals_from_value(unit, object, &globals, &error), &error, RUNE_E_NOT_FOUND,
                "no_static");
    rune_value_unref(object);
    rune_value_unref(value);
    rune_vm *vm = vm_by(by, plain, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(rune_vm_set_globals(vm, globals, NULL), RUNE_E_INVALID_ARGUMENT);
    rune_vm_free(vm);
    rune_globals_free(globals);
}

/* A call that fails keeps what it wrote, and what the host set before it. */
static void test_after_a_failed_call(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = rune_value_text("kept");
    rune_const_value *got = NULL;
    assert_int_equal(rune_vm_set_static(vm, "NAME", value, NULL), RUNE_OK);
    const rune_const_value *args[] = {value};
    assert_int_equal(rune_vm_call(vm, "fail", args, 1, NULL, &got, NULL), RUNE_E_SCRIPT_ERROR);
    assert_int_equal(rune_vm_static(vm, "COUNT", &got, NULL), RUNE_OK);
    assert_true(rune_value_equal(value, got));
    rune_value_unref(got);
    assert_int_equal(rune_vm_static(vm, "NAME", &got, NULL), RUNE_OK);
    assert_true(rune_value_equal(value, got));
    rune_value_unref(got);
    // A wrong number of arguments: the script never ran, the state is there.
    assert_int_equal(rune_vm_call(vm, "count", args, 1, NULL, &got, NULL), RUNE_E_SCRIPT_ERROR);
    assert_int_equal(rune_vm_static(vm, "NAME", &got, NULL), RUNE_OK);
    rune_value_unref(got);
    rune_value_unref(value);
    rune_vm_free(vm);
}

/* With a worker for each call, each begins with what the host set. */
static void test_a_worker_for_each_call(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_CALL, "");
    set_i64(vm, "COUNT", 5);
    assert_int_equal(call_i64(vm, "count"), 6);
    assert_int_equal(call_i64(vm, "count"), 6);
    assert_int_equal(static_i64(vm, "COUNT"), 5);
    rune_vm_free(vm);
}

/* The state is lost with its worker, until the host gives the Vm another. */
static void test_lost_and_found(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_globals *globals = NULL;
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_VM, "");
    set_i64(vm, "COUNT", 5);
    rune_record *record = call_record(vm, "count", NULL);
    rune_text *text = NULL;
    assert_int_equal(rune_record_to_json(record, NULL, 0, &text), RUNE_OK);
    const char *at = strstr(rune_text_data(text), "\"pid\":");
    assert_non_null(at);
    long pid = strtol(at + 6, NULL, 10);
    rune_text_free(text);
    rune_record_free(record);
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_OK);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    rune_status status = RUNE_OK;
    for (int i = 0; i < 500 && status != RUNE_E_VM_LOST; i++) {
        value = NULL;
        rune_error_free(error);
        error = NULL;
        status = rune_vm_static(vm, "COUNT", &value, &error);
        rune_value_unref(value);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    assert_int_equal(status, RUNE_E_VM_LOST);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_VM_LOST);
    rune_error_free(error);
    assert_int_equal(call_reason(vm, "count", NULL), RUNE_REASON_VM_LOST);
    assert_int_equal(rune_vm_set_globals(vm, globals, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 7);
    rune_globals_free(globals);
    rune_vm_free(vm);
}

static void test_a_state_that_is_too_large(void **state)
{
    (void)state;
    static char text[1 << 20];
    memset(text, 'x', sizeof(text));
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_MEMORY, 256u << 10), RUNE_OK);
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_vm *vm = vm_by(by, unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = rune_value_string(text, sizeof(text));
    assert_int_equal(rune_vm_set_static(vm, "NAME", value, NULL), RUNE_OK);
    assert_int_equal(call_reason(vm, "count", options), RUNE_REASON_MEMORY);
    assert_int_equal(call_i64(vm, "count"), 11); // still there for a call that may have more
    assert_int_equal(call_reason(vm, "name", NULL), RUNE_REASON_OK);
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_call_options_free(options);
    rune_limits_free(limits);
}

/* Host-declared statics */

static rune_statics *declare(const char *item, const rune_const_value *initial)
{
    rune_statics *statics = rune_statics_new();
    assert_int_equal(rune_statics_insert(statics, item, initial, NULL), RUNE_OK);
    return statics;
}

static rune_status build_with(const rune_statics *statics, const char *source,
                              rune_diagnostics *diagnostics, rune_unit **out_unit)
{
    rune_error *error = NULL;
    rune_options *options = rune_options_new();
    rune_sources *sources = rune_sources_new();
    rune_options_set_statics(options, statics);
    assert_int_equal(rune_sources_insert_memory(sources, "main", source, strlen(source), NULL),
                     RUNE_OK);
    rune_status status =
        rune_build(supervisor, sources, context, options, diagnostics, out_unit, &error);
    rune_error_free(error);
    rune_sources_free(sources);
    rune_options_free(options);
    return status;
}

/* What a full worker cannot keep is refused, and not forgotten. */
static void test_as_many_as_a_worker_keeps(void **state)
{
    (void)state;
    enum {
        COUNT = 4095
    };
    static rune_vm *vms[COUNT];
    rune_vm *late = NULL;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_unit *counting = build("static N = 0;\npub fn count() { N += 1; N }\n");
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(rune_vm_new(own, NULL, counting, NULL, &vms[i], NULL), RUNE_OK);
        assert_int_equal(call_i64(vms[i], "count"), 1);
    }
    assert_int_equal(rune_vm_new(own, NULL, counting, NULL, &late, NULL), RUNE_OK);
    assert_int_equal(call_reason(late, "count", NULL), RUNE_REASON_OVERLOADED);
    assert_int_equal(call_i64(vms[COUNT - 1], "count"), 2);
    rune_vm_free(vms[0]);
    assert_int_equal(call_i64(late, "count"), 1);
    assert_int_equal(call_i64(late, "count"), 2);
    for (size_t i = 1; i < COUNT; i++) {
        rune_vm_free(vms[i]);
    }
    rune_vm_free(late);
    rune_unit_unref(counting);
    rune_supervisor_free(own);
}

static void test_declared_by_the_host(void **state)
{
    (void)state;
    rune_unit *made = NULL;
    rune_const_value *initial = rune_value_i64(3);
    rune_const_value *value = NULL;
    rune_statics *statics = declare("CALLS", initial);
    assert_int_equal(rune_statics_insert(statics, "GREETING", NULL, NULL), RUNE_OK);
    rune_value_unref(initial);
    assert_int_equal(build_with(statics,
                                "pub fn main() { CALLS += host::ANSWER; CALLS }\n"
                                "pub fn greet() { `${GREETING}, ${inner::calls()}` }\n"
                                "mod inner { pub fn calls() { CALLS } }",
                                NULL, &made),
                     RUNE_OK);
    rune_vm *vm = vm_by(by, made, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(static_i64(vm, "CALLS"), 3);
    assert_int_equal(call_i64(vm, "main"), 45);
    assert_int_equal(call_reason(vm, "greet", NULL), RUNE_REASON_SCRIPT_ERROR); // no value
    value = rune_value_text("Hello");
    assert_int_equal(rune_vm_set_static(vm, "GREETING", value, NULL), RUNE_OK);
    rune_value_unref(value);
    assert_int_equal(rune_vm_call(vm, "greet", NULL, 0, NULL, &value, NULL), RUNE_OK);
    assert_string_equal(json(value), "\"Hello, 45\"");
    rune_value_unref(value);
    rune_vm_free(vm);
    rune_unit_unref(made);
    rune_statics_free(statics);
}

/* Options keep them alive. */
static void test_declarations_given_up_early(void **state)
{
    (void)state;
    rune_unit *made = NULL;
    rune_options *options = rune_options_new();
    rune_sources *sources = rune_sources_new();
    rune_statics *first = declare("OTHER", NULL);
    rune_statics *statics = declare("CALLS", NULL);
    rune_options_set_statics(options, first);
    rune_options_set_statics(options, statics);
    rune_statics_free(first);
    rune_statics_free(statics);
    static const char source[] = "pub fn main() { CALLS = 1; CALLS }\n";
    assert_int_equal(rune_sources_insert_memory(sources, "main", source, strlen(source), NULL),
                     RUNE_OK);
    assert_int_equal(rune_build(supervisor, sources, context, options, NULL, &made, NULL), RUNE_OK);
    rune_options_free(options);
    rune_sources_free(sources);
    rune_unit_unref(made);
}

static void test_declarations_that_do_not_fit(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_unit *made = NULL;
    rune_diagnostic first;
    rune_statics *statics = declare("CALLS", NULL);
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_kind(rune_statics_insert(statics, "CALLS", NULL, &error), &error,
                RUNE_E_INVALID_ARGUMENT, "INVALID_ARGUMENT");
    assert_kind(rune_statics_insert(statics, "no path", NULL, &error), &error,
                RUNE_E_INVALID_ARGUMENT, "INVALID_ARGUMENT");
    assert_kind(rune_statics_insert(statics, "std::mem::drop", NULL, &error), &error,
                RUNE_E_INVALID_ARGUMENT, "INVALID_ARGUMENT");
    // The script declares it, too.
    assert_int_equal(build_with(statics, "static CALLS = 1; pub fn main() {}", diagnostics, &made),
                     RUNE_E_COMPILE_FAILED);
    assert_true(rune_diagnostics_at(diagnostics, 0, &first));
    assert_string_equal(first.code, "E0324");
    assert_int_equal(first.line, 1);
    // In a pattern and in a constant it is a static like any other.
    assert_int_equal(build_with(statics, "pub fn main(x) { match x { CALLS => 1, _ => 2 } }",
                                diagnostics, &made),
                     RUNE_E_COMPILE_FAILED);
    assert_true(rune_diagnostics_at(diagnostics, 0, &first));
    assert_string_equal(first.code, "E0412");
    assert_int_equal(
        build_with(statics, "const X = CALLS; pub fn main() { X }", diagnostics, &made),
        RUNE_E_COMPILE_FAILED);
    assert_true(rune_diagnostics_at(diagnostics, 0, &first));
    assert_string_equal(first.code, "E0501");
    // A function of the host has the path.
    assert_int_equal(rune_statics_insert(statics, "host::double", NULL, NULL), RUNE_OK);
    assert_int_equal(build_with(statics, "pub fn main() {}", diagnostics, &made),
                     RUNE_E_INVALID_ARGUMENT);
    rune_diagnostics_free(diagnostics);
    rune_statics_free(statics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_between_and_after),
        cmocka_unit_test(test_independent_states),
        cmocka_unit_test(test_maps_are_found_under_another_seed),
        cmocka_unit_test(test_uninitialized),
        cmocka_unit_test(test_named_errors),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_state_outside_a_vm),
        cmocka_unit_test(test_after_a_failed_call),
        cmocka_unit_test(test_a_worker_for_each_call),
        cmocka_unit_test(test_lost_and_found),
        cmocka_unit_test(test_a_state_that_is_too_large),
        cmocka_unit_test(test_declared_by_the_host),
    };
    const struct CMUnitTest without_a_daemon[] = {
        cmocka_unit_test(test_as_many_as_a_worker_keeps),
        cmocka_unit_test(test_declarations_given_up_early),
        cmocka_unit_test(test_declarations_that_do_not_fit),
    };
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    failed += cmocka_run_group_tests(without_a_daemon, set_up, tear_down);
    return failed + cmocka_run_group_tests(tests, set_up_daemon, tear_down_daemon);
}
