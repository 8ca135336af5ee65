/*
 * Globals of Vms in a daemon: what test_globals.c does not ask of every Vm. Values that wait for a call, whether
 * it comes to begin or not; scripts by name, and their next version; what the daemon holds for a client.
 */
#include "tests/unit/supervisor/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char script[] = "static COUNT = 10;\n"
                             "static NAME;\n"
                             "pub mod app { pub static DEEP = 1; }\n"
                             "pub fn count() { COUNT += 1; COUNT }\n"
                             "pub fn deep() { app::DEEP += 1; app::DEEP }\n"
                             "pub fn size() { NAME.len() as i64 }\n"
                             "pub fn print() { println!(\"x\"); }\n"
                             "pub fn version() { 1 }\n"
                             "pub fn spin() { loop {} }\n";
static const char next_version[] = "static COUNT = 50;\n"
                                   "pub fn version() { 2 }\n"
                                   "pub fn count() { COUNT += 1; COUNT }\n";

#define LARGE (300u << 10)

static rune_supervisor *remote;
static rune_unit *unit;

/* One call at a time, and little that may be held. */
static void few(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_CALLS, 1), RUNE_OK);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 4 * LARGE),
                     RUNE_OK);
}

static int set_up_with(void (*change)(rune_server_options *options))
{
    daemon_start(script, change);
    remote = daemon_connect();
    unit = build(script);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int set_up_few(void **state)
{
    (void)state;
    return set_up_with(few);
}

static int tear_down(void **state)
{
    (void)state;
    rune_unit_unref(unit);
    daemon_leave(remote);
    return 0;
}

static rune_vm *unit_vm(rune_isolation isolation)
{
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, isolation);
    assert_int_equal(rune_vm_new(remote, NULL, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

static rune_status set_i64(rune_vm *vm, const char *item, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    rune_status status = rune_vm_set_static(vm, item, value, NULL);
    rune_value_unref(value);
    return status;
}

/* The call fails with that. */
static void assert_fails(rune_vm *vm, const char *item, rune_status wanted, const char *kind)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    assert_int_equal(rune_vm_call(vm, item, NULL, 0, NULL, &value, &error), wanted);
    assert_string_equal(rune_error_kind(error), kind);
    rune_error_free(error);
}

/* What a snapshot holds of it. */
static int64_t snapshot_i64(rune_vm *vm, const char *item)
{
    int64_t number = -1;
    rune_globals *globals = NULL;
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_OK);
    assert_int_equal(rune_globals_get(globals, item, &value, NULL), RUNE_OK);
    assert_true(rune_value_get_i64(value, &number));
    rune_value_unref(value);
    rune_globals_free(globals);
    return number;
}

static void execute(rune_vm *vm, const char *item)
{
    rune_execution *execution = NULL;
    assert_int_equal(rune_vm_send_execute(vm, item, NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_execution_free(execution);
}

static void test_with_executions(void **state)
{
    (void)state;
    rune_vm *vm = unit_vm(RUNE_ISOLATION_SHARED);
    assert_int_equal(set_i64(vm, "COUNT", 40), RUNE_OK);
    execute(vm, "count");
    execute(vm, "count");
    assert_int_equal(static_i64(vm, "COUNT"), 42);
    // An execution has the Vm until its end.
    rune_execution *execution = NULL;
    rune_globals *globals = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(set_i64(vm, "COUNT", 1), RUNE_E_BUSY);
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_E_BUSY);
    assert_int_equal(rune_vm_set_globals(vm, NULL, NULL), RUNE_E_BUSY);
    rune_execution_free(execution);
    rune_vm_free(vm);
}

static void test_another_unit_has_its_own(void **state)
{
    (void)state;
    rune_unit *other = build(next_version);
    rune_vm *vm = unit_vm(RUNE_ISOLATION_SHARED);
    assert_int_equal(set_i64(vm, "app::DEEP", 3), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 11);
    assert_int_equal(set_i64(vm, "COUNT", 3), RUNE_OK);
    assert_int_equal(rune_vm_set_unit(vm, other), RUNE_OK);
    assert_int_equal(static_i64(vm, "COUNT"), 50);
    assert_int_equal(set_i64(vm, "app::DEEP", 3), RUNE_E_NOT_FOUND);
    assert_int_equal(call_i64(vm, "count"), 51);
    assert_int_equal(set_i64(vm, "COUNT", 3), RUNE_OK);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    assert_int_equal(static_i64(vm, "COUNT"), 50);
    rune_vm_free(vm);
    rune_unit_unref(other);
}

/* Values wait until a call of the Vm could be tried, and go once. */
static void test_a_call_that_is_turned_down(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_vm *busy = unit_vm(RUNE_ISOLATION_SHARED);
    rune_vm *vm = unit_vm(RUNE_ISOLATION_SHARED);
    assert_int_equal(rune_vm_send_execute(busy, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(set_i64(vm, "COUNT", 20), RUNE_OK);
    assert_int_equal(call_reason(vm, "count", NULL), RUNE_REASON_OVERLOADED);
    rune_execution_free(execution);
    daemon_await("calls_now", 0);
    assert_int_equal(call_i64(vm, "count"), 21);
    assert_int_equal(call_i64(vm, "count"), 22);
    // One that could be tried has brought them there, as it would without a daemon.
    assert_int_equal(set_i64(vm, "COUNT", 30), RUNE_OK);
    assert_fails(vm, "missing", RUNE_E_NOT_FOUND, "no_item");
    assert_int_equal(call_i64(vm, "count"), 31);
    rune_vm_free(busy);
    rune_vm_free(vm);
}

static void test_two_clients(void **state)
{
    (void)state;
    rune_vm *theirs = NULL;
    rune_supervisor *client = daemon_connect();
    assert_int_equal(rune_connect_vm(client, "a", NULL, &theirs, NULL), RUNE_OK);
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(set_i64(vm, "COUNT", 20), RUNE_OK);
    assert_int_equal(set_i64(theirs, "COUNT", 30), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 21);
    assert_int_equal(call_i64(theirs, "count"), 31);
    assert_int_equal(static_i64(vm, "COUNT"), 21);
    assert_int_equal(snapshot_i64(theirs, "COUNT"), 31);
    rune_vm_free(theirs);
    rune_supervisor_free(client);
    rune_vm_free(vm);
}

static void test_scripts_by_name(void **state)
{
    (void)state;
    rune_globals *globals = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(static_i64(vm, "COUNT"), 10);
    assert_int_equal(set_i64(vm, "COUNT", 20), RUNE_OK);
    assert_int_equal(set_i64(vm, "app::DEEP", 5), RUNE_OK);
    assert_int_equal(set_i64(vm, "app::DEEP", 6), RUNE_OK);
    assert_int_equal(static_i64(vm, "app::DEEP"), 6);
    assert_int_equal(snapshot_i64(vm, "app::DEEP"), 6);
    assert_int_equal(call_i64(vm, "count"), 21);
    assert_int_equal(call_i64(vm, "deep"), 7);
    // A snapshot goes into another Vm of the script, and of its Unit.
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_OK);
    assert_int_equal(rune_globals_count(globals), 3);
    rune_vm *other = daemon_vm(remote);
    assert_int_equal(rune_vm_set_globals(other, globals, NULL), RUNE_OK);
    assert_int_equal(call_i64(other, "deep"), 8);
    rune_vm *of_unit = unit_vm(RUNE_ISOLATION_SHARED);
    assert_int_equal(rune_vm_set_globals(of_unit, globals, NULL), RUNE_OK);
    assert_int_equal(call_i64(of_unit, "count"), 22);
    // That a static is not there is known there: nothing is set then, nor forgotten.
    assert_int_equal(set_i64(other, "COUNT", 70), RUNE_OK);
    assert_int_equal(set_i64(other, "nope", 1), RUNE_OK);
    assert_int_equal(set_i64(other, "\xff", 1), RUNE_E_NOT_FOUND);
    assert_fails(other, "count", RUNE_E_NOT_FOUND, "no_static");
    assert_fails(other, "count", RUNE_E_NOT_FOUND, "no_static");
    assert_int_equal(rune_vm_set_globals(other, NULL, NULL), RUNE_OK);
    assert_int_equal(call_i64(other, "count"), 11);
    assert_int_equal(rune_vm_static(vm, "nope", &value, &error), RUNE_E_NOT_FOUND);
    assert_string_equal(rune_error_kind(error), "no_static");
    rune_error_free(error);
    rune_globals_free(globals);
    rune_vm_free(of_unit);
    rune_vm_free(other);
    rune_vm_free(vm);
}

/* The Globals go with the version, and so does what waits in the daemon; what waits here is for the next one. */
static void test_a_save_in_between(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    rune_vm *waits = daemon_vm(remote);
    rune_vm *watched = daemon_vm(remote);
    assert_int_equal(set_i64(vm, "COUNT", 20), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 21);
    assert_int_equal(snapshot_i64(vm, "COUNT"), 21);
    assert_int_equal(set_i64(waits, "COUNT", 30), RUNE_OK);
    daemon_write("a.rn", next_version);
    int64_t until = now_ms() + PATIENCE_MS;
    while (call_i64(watched, "version") == 1 && now_ms() < until) {
    }
    assert_int_equal(static_i64(vm, "COUNT"), 50);
    assert_int_equal(snapshot_i64(vm, "COUNT"), 50);
    assert_int_equal(call_i64(waits, "count"), 31);
    rune_vm_free(vm);
    rune_vm_free(waits);
    rune_vm_free(watched);
}

static rune_const_value *large_text(void)
{
    char *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    rune_const_value *value = rune_value_string(text, LARGE);
    free(text);
    return value;
}

/* Values that wait in Vms of the daemon count on their user's account, until they go. */
static void test_what_waits_is_counted(void **state)
{
    (void)state;
    rune_vm *vms[5];
    rune_const_value *value = large_text();
    for (size_t i = 0; i < 5; i++) {
        vms[i] = unit_vm(RUNE_ISOLATION_CALL); // whose workers keep nothing
        assert_int_equal(rune_vm_set_static(vms[i], "NAME", value, NULL), RUNE_OK);
    }
    rune_value_unref(value);
    // Three times the value are held while a call takes it, once afterwards.
    assert_int_equal(call_i64(vms[0], "size"), LARGE);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call_i64(vms[0], "size"), LARGE);
    }
    assert_int_equal(call_reason(vms[1], "size", NULL), RUNE_REASON_OVERLOADED);
    assert_int_equal(rune_vm_reset(vms[0]), RUNE_OK);
    assert_int_equal(call_i64(vms[1], "size"), LARGE);
    assert_int_equal(call_reason(vms[2], "size", NULL), RUNE_REASON_OVERLOADED);
    assert_int_equal(rune_vm_set_unit(vms[1], unit), RUNE_OK); // nothing new
    assert_int_equal(call_reason(vms[2], "size", NULL), RUNE_REASON_OVERLOADED);
    rune_vm_free(vms[1]);
    assert_int_equal(call_i64(vms[2], "size"), LARGE);
    // Another value of the same static takes its place.
    assert_int_equal(set_i64(vms[2], "NAME", 1), RUNE_OK);
    assert_int_equal(call_i64(vms[2], "count"), 11);
    assert_int_equal(call_i64(vms[3], "size"), LARGE);
    rune_unit *other = build(next_version);
    assert_int_equal(rune_vm_set_unit(vms[3], other), RUNE_OK);
    assert_int_equal(call_i64(vms[4], "size"), LARGE);
    rune_unit_unref(other);
    for (size_t i = 0; i < 5; i++) {
        if (i != 1) {
            rune_vm_free(vms[i]);
        }
    }
}

/* What a worker has taken counts no longer. */
static void test_what_a_worker_has_is_not(void **state)
{
    (void)state;
    rune_vm *vms[6];
    rune_const_value *value = large_text();
    for (size_t i = 0; i < 6; i++) {
        vms[i] = unit_vm(RUNE_ISOLATION_SHARED);
        assert_int_equal(rune_vm_set_static(vms[i], "NAME", value, NULL), RUNE_OK);
        assert_int_equal(call_i64(vms[i], "size"), LARGE);
    }
    rune_value_unref(value);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(call_i64(vms[i], "size"), LARGE);
        rune_vm_free(vms[i]);
    }
}

static struct {
    rune_vm *vm;
    rune_status set;
    rune_status get;
    rune_status all;
    rune_status put;
} asked;

static bool ask_in_sink(void *user, int stream, const char *data, size_t size)
{
    rune_const_value *value = NULL;
    rune_globals *globals = NULL;
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    asked.get = rune_vm_static(asked.vm, "COUNT", &value, NULL);
    asked.all = rune_vm_globals(asked.vm, &globals, NULL);
    asked.put = rune_vm_set_globals(asked.vm, NULL, NULL);
    asked.set = set_i64(asked.vm, "COUNT", 3);
    return true;
}

/* What would wait for the daemon says so; setting does not. */
static void test_in_a_callback(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_vm *vm = daemon_vm(remote);
    asked.vm = daemon_vm(remote);
    rune_call_options_set_output(options, ask_in_sink, NULL);
    assert_int_equal(rune_vm_send_execute(vm, "print", NULL, 0, options, &execution, NULL),
                     RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(asked.get, RUNE_E_BUSY);
    assert_int_equal(asked.all, RUNE_E_BUSY);
    assert_int_equal(asked.put, RUNE_E_BUSY);
    assert_int_equal(asked.set, RUNE_OK);
    assert_int_equal(call_i64(asked.vm, "count"), 4);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(asked.vm);
    rune_vm_free(vm);
}

static void test_the_end_of_the_daemon(void **state)
{
    (void)state;
    rune_globals *globals = NULL;
    rune_vm *vm = unit_vm(RUNE_ISOLATION_SHARED);
    assert_int_equal(call_i64(vm, "count"), 11);
    daemon_stop();
    assert_int_equal(set_i64(vm, "COUNT", 3), RUNE_OK); // which talks to nobody
    assert_int_equal(rune_vm_globals(vm, &globals, NULL), RUNE_E_CLOSED);
    assert_int_equal(rune_vm_set_globals(vm, NULL, NULL), RUNE_E_CLOSED);
    assert_int_equal(static_i64(vm, "COUNT"), 3);
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_with_executions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_unit_has_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_call_that_is_turned_down, set_up_few, tear_down),
        cmocka_unit_test_setup_teardown(test_two_clients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scripts_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_save_in_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_counted, set_up_few, tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_worker_has_is_not, set_up_few, tear_down),
        cmocka_unit_test_setup_teardown(test_in_a_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_daemon, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
