/* What a host does wrong: NULL where something has to be, values that no enum has, things twice. */
#include "tests/unit/supervisor/harness.h"

#include <stdlib.h>
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

static void test_calls_without_an_item(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_record *record = NULL;
    rune_execution *execution = NULL;
    rune_function *function = NULL;
    const rune_const_value *none[1] = {NULL};
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_batch_call batch[2] = {{.vm = vm, .item = "count"}, {.vm = vm}};
    rune_record *records[2];
    assert_int_equal(rune_vm_call(vm, NULL, NULL, 0, NULL, &value, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`item` is NULL");
    assert_int_equal(rune_vm_call(vm, "count", NULL, 1, NULL, &value, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`args` is NULL");
    assert_int_equal(rune_vm_call(vm, "count", none, 1, NULL, &value, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "argument 0 is NULL");
    assert_int_equal(rune_vm_call(NULL, "count", NULL, 0, NULL, &value, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`vm` is NULL");
    assert_int_equal(rune_vm_call_record(vm, NULL, NULL, 0, NULL, &record, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_send_execute(vm, NULL, NULL, 0, NULL, &execution, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_call_function(vm, NULL, NULL, 0, NULL, &function, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_call_many(batch, 2, records, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`calls[1].item` is NULL");
    assert_int_equal(rune_vm_static(vm, NULL, &value, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_null(value);
    assert_null(record);
    assert_null(execution);
    assert_null(function);
    assert_int_equal(call_i64(vm, "count"), 1);
    rune_vm_free(vm);
}

static void test_builds_without_a_text(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_unit *built = NULL;
    rune_watch *watch = NULL;
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_file(sources, NULL, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`path` is NULL");
    assert_int_equal(rune_sources_insert_memory(sources, NULL, "", 0, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`name` is NULL");
    assert_int_equal(rune_sources_insert_memory(sources, "a", NULL, 1, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`data` is NULL");
    assert_int_equal(rune_build(supervisor, NULL, NULL, NULL, NULL, &built, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`sources` is NULL");
    assert_int_equal(rune_unit_load_file(NULL, &built, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_unit_save_file(unit, NULL, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_watch_new(supervisor, NULL, NULL, &watch, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_null(built);
    assert_null(watch);
    rune_sources_free(sources);
}

static void test_servers_without_a_folder(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_server *server = NULL;
    rune_server_options *options = rune_server_options_new();
    assert_int_equal(rune_server_options_set_directory(options, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_options_set_socket(options, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_options_set_build(options, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_options_set_directory(NULL, "a"), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_options_allow(NULL, 1000, RUNE_RIGHT_CALL),
                     RUNE_E_INVALID_ARGUMENT);
    rune_server_options_set_drain(NULL, 1); // says nothing
    assert_int_equal(rune_server_options_set_peer_limit(NULL, RUNE_PEER_CALLS, 1),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_new(supervisor, NULL, &server, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`options` is NULL");
    assert_int_equal(rune_server_new(NULL, options, &server, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`supervisor` is NULL");
    assert_null(server);
    rune_server_options_free(options);
}

static void test_replays_of_nothing(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_text *text = NULL;
    rune_replay *replay = NULL;
    rune_replay_result *result = NULL;
    assert_int_equal(rune_record_journal(NULL, &text, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`record` is NULL");
    assert_int_equal(rune_record_save_journal(NULL, "a", NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_replay_load(NULL, 1, &replay, &error), RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`data` is NULL");
    assert_int_equal(rune_replay_load_file(NULL, &replay, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_replay_run(supervisor, NULL, NULL, &result, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "`replay` is NULL");
    assert_null(text);
    assert_null(replay);
    assert_null(result);
}

/* What is not there reads as empty; what asks for nothing does nothing. */
static void test_null_is_empty(void **state)
{
    (void)state;
    rune_text *text = NULL;
    assert_string_equal(rune_text_data(NULL), "");
    assert_int_equal(rune_text_size(NULL), 0);
    assert_int_equal(rune_diagnostics_count(NULL), 0);
    assert_false(rune_diagnostics_has_error(NULL));
    assert_int_equal(rune_record_reason(NULL), RUNE_REASON_INTERNAL);
    assert_null(rune_record_value(NULL));
    assert_null(rune_record_error(NULL));
    assert_null(rune_record_usage(NULL));
    assert_int_equal(rune_record_attempts(NULL), 0);
    assert_int_equal(rune_record_to_json(NULL, NULL, 0, &text), RUNE_E_INVALID_ARGUMENT);
    assert_false(rune_unit_has(unit, NULL));
    assert_null(rune_globals_new(NULL));
    assert_null(rune_module_new(NULL));
    assert_null(rune_value_text(NULL));
    assert_null(rune_value_string(NULL, 1));
    rune_const_value *point = rune_value_struct("::shapes::Point", NULL, 0);
    assert_true(rune_value_is(point, "shapes::Point"));
    rune_value_unref(point);
    assert_null(rune_value_struct(NULL, NULL, 0));
    rune_cancel_token_cancel(NULL);
    assert_false(rune_cancel_token_is_cancelled(NULL));
    assert_int_equal(rune_host_call_fail(NULL, "late"), RUNE_E_INVALID_ARGUMENT);
}

static void test_options_without_a_value(void **state)
{
    (void)state;
    rune_vm_options *options = rune_vm_options_new();
    rune_call_options *call = rune_call_options_new();
    assert_int_equal(rune_limits_set(NULL, RUNE_LIMIT_WALL, 1), RUNE_E_INVALID_ARGUMENT);
    assert_true(rune_limits_get(NULL, RUNE_LIMIT_WALL) == RUNE_UNLIMITED);
    assert_int_equal(rune_vm_options_set_limits(options, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_vm_options_set_domain(options, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_call_options_set_limits(call, NULL), RUNE_E_INVALID_ARGUMENT);
    rune_call_options_free(call);
    rune_vm_options_free(options);
}

/* Functions of the host that answer with what is no answer. */

static rune_status answered;

static void reply_null(void *user, rune_host_call *call)
{
    (void)user;
    answered = rune_host_call_reply(call, NULL);
}

static void fail_with(void *user, rune_host_call *call)
{
    answered = rune_host_call_fail(call, user);
}

/* The message of a call of the one function, which is `fn`. */
static char *message_from(rune_host_fn fn, void *user)
{
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_runtime *own = NULL;
    rune_unit *asks = NULL;
    rune_vm *vm = NULL;
    rune_module *module = rune_module_new("own");
    rune_context *with = rune_context_with_default_modules();
    rune_sources *sources = rune_sources_new();
    static const char text[] = "pub fn ask() { own::ask() }";
    assert_int_equal(rune_module_function(module, "ask", 0, 0, fn, user, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(with, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_runtime(with, &own, NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, "ask", text, strlen(text), NULL), RUNE_OK);
    assert_int_equal(rune_build(supervisor, sources, with, NULL, NULL, &asks, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, own, asks, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call(vm, "ask", NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    char *message = strdup(rune_error_message(error));
    rune_error_free(error);
    rune_vm_free(vm);
    rune_unit_unref(asks);
    rune_runtime_unref(own);
    rune_sources_free(sources);
    rune_context_free(with);
    rune_module_free(module);
    return message;
}

static void assert_failure(const char *message, const char *seen)
{
    char *got = message_from(fail_with, (void *)message);
    assert_int_equal(answered, RUNE_OK);
    assert_string_equal(got, seen);
    free(got);
}

static void test_answers(void **state)
{
    (void)state;
    char *got = message_from(reply_null, NULL);
    assert_int_equal(answered, RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(got, "the host function gave no value");
    free(got);
    assert_failure(NULL, "the host function failed");
    assert_failure("", "");
    assert_failure("caf\xe9.txt: no", "caf\xef\xbf\xbd.txt: no");
    assert_failure("\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_failure("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
}

/* A long message is cut where a character ends, be it one that replaces a byte. */
static void test_a_long_message(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    memcpy(text + 4094, "\xe2\x82\xac", 3);
    char *got = message_from(fail_with, text);
    assert_int_equal(strlen(got), 4094);
    free(got);
    text[4094] = (char)0xff;
    got = message_from(fail_with, text);
    assert_int_equal(strlen(got), 4094);
    free(got);
    text[4094] = 'a';
    memcpy(text + 4093, "\xff", 1);
    text[4094] = 0;
    got = message_from(fail_with, text);
    assert_int_equal(strlen(got), 4096);
    assert_string_equal(got + 4093, "\xef\xbf\xbd");
    free(got);
}

/* An isolation that nobody knows must not run as a weaker one than was wanted. */
static void test_values_that_no_enum_has(void **state)
{
    (void)state;
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_supervisor *made = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, (rune_isolation)77);
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, options, &vm, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "there is no isolation 77");
    rune_vm_options_free(options);
    for (int i = 0; i < 4; i++) {
        rune_supervisor_options *all = rune_supervisor_options_new();
        rune_supervisor_options_set_isolation(all, (rune_isolation)(i == 0 ? -1 : 0));
        rune_supervisor_options_set_policy(all, (rune_policy)(i == 1 ? 2 : 0));
        rune_supervisor_options_set_placement(all, (rune_placement)(i == 2 ? 2 : 0));
        rune_supervisor_options_set_speculation(all, (rune_speculation)(i == 3 ? 3 : 0));
        assert_int_equal(rune_supervisor_new(all, &made, NULL), RUNE_E_INVALID_ARGUMENT);
        rune_supervisor_options_free(all);
    }
    assert_null(vm);
    assert_null(made);
}

static void test_a_module_twice(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "a", "mod a;", 6, NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, "a", "", 0, NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, "a", "", 0, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_message(error, "a: this module is there already");
    rune_sources_free(sources);
}

/* The most likely first mistake says which function is missing, and why. */
static void test_a_forgotten_runtime(void **state)
{
    (void)state;
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_runtime *empty = NULL;
    rune_context *standard = rune_context_with_default_modules();
    rune_unit *asks = build("pub fn ask() { host::double(1) }");
    assert_int_equal(rune_vm_new(supervisor, NULL, asks, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call(vm, "ask", NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    assert_string_equal(rune_error_kind(error), "MissingFunction");
    assert_message(error,
                   "Missing function `host::double`: the Vm has no runtime, and so none of the "
                   "host's functions");
    assert_int_equal(rune_context_runtime(standard, &empty, NULL), RUNE_OK);
    assert_int_equal(rune_vm_set_runtime(vm, empty), RUNE_OK);
    assert_int_equal(rune_vm_call(vm, "ask", NULL, 0, NULL, &value, &error), RUNE_E_SCRIPT_ERROR);
    assert_message(error,
                   "Missing function `host::double`: the Vm's runtime does not have it, though "
                   "the context of the build did");
    rune_vm_free(vm);
    rune_unit_unref(asks);
    rune_runtime_unref(empty);
    rune_context_free(standard);
}

static void test_arguments_that_are_too_large(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    char *zeros = calloc(1, 17 << 20);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    const rune_const_value *args[2] = {rune_value_i64(1), rune_value_bytes(zeros, 17 << 20)};
    assert_int_equal(rune_vm_call(vm, "count", args, 2, NULL, &value, &error), RUNE_E_TOO_LARGE);
    assert_message(error, "a call takes 16777216 bytes, its arguments have 17825798, of which "
                          "argument 1 has 17825797");
    rune_value_unref((rune_const_value *)args[0]);
    rune_value_unref((rune_const_value *)args[1]);
    rune_vm_free(vm);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_unit),
        cmocka_unit_test(test_calls_without_an_item),
        cmocka_unit_test(test_builds_without_a_text),
        cmocka_unit_test(test_servers_without_a_folder),
        cmocka_unit_test(test_replays_of_nothing),
        cmocka_unit_test(test_null_is_empty),
        cmocka_unit_test(test_options_without_a_value),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_a_long_message),
        cmocka_unit_test(test_values_that_no_enum_has),
        cmocka_unit_test(test_a_module_twice),
        cmocka_unit_test(test_a_forgotten_runtime),
        cmocka_unit_test(test_arguments_that_are_too_large),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
