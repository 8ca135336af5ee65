/* A daemon and its clients: the same API over the socket, rights, domains, ends. */
#include "tests/unit/supervisor/daemon.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char script[] = "static COUNT = 0;\n"
                             "pub fn main() { 1 }\n"
                             "pub fn add(a, b) { a + b }\n"
                             "pub fn echo(x) { x }\n"
                             "pub fn wrong() { 1 / 0 }\n"
                             "pub fn spin() { loop {} }\n"
                             "pub fn print(n) { for i in 0..n { println!(\"line {i}\"); } n }\n"
                             "pub fn count() { COUNT += 1; COUNT }\n"
                             "pub fn large(n) {\n"
                             "    let all = std::bytes::Bytes::from_vec([1]);\n"
                             "    for _ in 0..n { let half = all.clone(); all.extend(half); }\n"
                             "    all\n"
                             "}\n"
                             "pub fn adder(n) { |x| x + n }\n";

static rune_supervisor *remote;

static int set_up(void **state)
{
    (void)state;
    daemon_start(script, NULL);
    remote = daemon_connect();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    daemon_leave(remote);
    return 0;
}

static rune_const_value *call_with(rune_vm *vm, const char *item, int64_t number)
{
    rune_const_value *arg = rune_value_i64(number);
    const rune_const_value *args[] = {arg};
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    if (rune_vm_call(vm, item, args, 1, NULL, &value, &error) != RUNE_OK) {
        fail_msg("%s: %s", item, rune_error_message(error));
    }
    rune_value_unref(arg);
    return value;
}

static void test_scripts_of_the_folder(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(call_i64(vm, "main"), 1);
    }
    // Globals stay with the Vm, and with it alone.
    assert_int_equal(call_i64(vm, "count"), 1);
    assert_int_equal(call_i64(vm, "count"), 2);
    rune_vm *other = daemon_vm(remote);
    assert_int_equal(call_i64(other, "count"), 1);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    assert_int_equal(call_i64(vm, "count"), 1);
    rune_vm_free(other);
    rune_vm_free(vm);
    rune_error *error = NULL;
    assert_int_equal(rune_connect_vm(remote, "nothing", NULL, &vm, &error), RUNE_E_NOT_FOUND);
    assert_non_null(strstr(rune_error_message(error), "nothing"));
    assert_string_equal(rune_error_kind(error), "no_script");
    rune_error_free(error);
    // Until there is one.
    daemon_write("nothing.rn", "pub fn main() { 5 }");
    int64_t until = now_ms() + PATIENCE_MS;
    while (rune_connect_vm(remote, "nothing", NULL, &vm, NULL) != RUNE_OK) {
        assert_true(now_ms() < until);
    }
    assert_int_equal(call_i64(vm, "main"), 5);
    rune_vm_free(vm);
}

static void test_large_values_go_both_ways(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    size_t size = (size_t)3 << 20;
    char *bytes = calloc(1, size);
    memset(bytes, 'x', size);
    rune_const_value *text = rune_value_string(bytes, size);
    const rune_const_value *args[] = {text};
    rune_const_value *back = NULL;
    rune_error *error = NULL;
    if (rune_vm_call(vm, "echo", args, 1, NULL, &back, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    assert_true(rune_value_equal(text, back));
    rune_value_unref(text);
    rune_value_unref(back);
    free(bytes);
    rune_vm_free(vm);
}

static void test_errors_have_frames(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    rune_record *record = call_record(vm, "wrong", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    rune_frame frame;
    assert_true(rune_error_frame(rune_record_error(record), 0, &frame));
    assert_int_equal(frame.line, 5);
    assert_string_equal(frame.function, "wrong");
    assert_non_null(strstr(frame.text, "1 / 0"));
    rune_text *text = NULL;
    assert_int_equal(rune_error_render(rune_record_error(record), false, &text), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "a.rn:5:"));
    rune_text_free(text);
    rune_record_free(record);
    assert_int_equal(call_reason(vm, "nothing", NULL), RUNE_REASON_USAGE);
    rune_vm_free(vm);
}

static rune_status open_in_domain(const char *domain)
{
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, domain), RUNE_OK);
    rune_status status = rune_connect_vm(remote, "a", options, &vm, NULL);
    rune_vm_free(vm);
    rune_vm_options_free(options);
    return status;
}

static rune_status build_as(const char *domain, const char *name, const char *module)
{
    rune_unit *unit = NULL;
    rune_options *options = rune_options_new();
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_options_set_domain(options, domain), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, name, "mod m;", 6, NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, module, "", 0, NULL), RUNE_OK);
    rune_status status = rune_build(remote, sources, NULL, options, NULL, &unit, NULL);
    rune_sources_free(sources);
    rune_options_free(options);
    rune_unit_unref(unit);
    return status;
}

/* What the daemon would end the connection for is refused before it is sent: others use it, too. */
static void test_names_that_no_daemon_takes(void **state)
{
    (void)state;
    char name[5001] = "";
    rune_unit *unit = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = daemon_vm(remote);
    memset(name, 'a', sizeof(name) - 1);
    assert_int_equal(rune_connect_unit(remote, "\xff", &unit, NULL), RUNE_E_INVALID_UTF8);
    assert_int_equal(rune_connect_unit(remote, name, &unit, NULL), RUNE_E_TOO_LARGE);
    assert_int_equal(rune_connect_vm(remote, "\xff", NULL, &vm, NULL), RUNE_E_INVALID_UTF8);
    assert_int_equal(rune_connect_vm(remote, name, NULL, &vm, NULL), RUNE_E_TOO_LARGE);
    assert_int_equal(rune_vm_call(vm, "\xff", NULL, 0, NULL, &value, NULL), RUNE_E_INVALID_UTF8);
    assert_int_equal(rune_vm_call(vm, name, NULL, 0, NULL, &value, NULL), RUNE_E_TOO_LARGE);
    assert_int_equal(build_as("", "\xff", "m"), RUNE_E_INVALID_UTF8);
    assert_int_equal(build_as("", "a.rn", "m\xff"), RUNE_E_INVALID_UTF8);
    assert_int_equal(build_as("", name, "m"), RUNE_E_TOO_LARGE);
    assert_int_equal(build_as("\xff", "a.rn", "m"), RUNE_E_INVALID_UTF8);
    assert_int_equal(open_in_domain("\xff"), RUNE_E_INVALID_UTF8);
    name[255] = '\0';
    assert_int_equal(open_in_domain(name), RUNE_E_TOO_LARGE);
    assert_int_equal(build_as(name, "a.rn", "m"), RUNE_E_TOO_LARGE);
    name[200] = '\0';
    assert_int_equal(open_in_domain(name), RUNE_OK);
    assert_int_equal(build_as(name, "a.rn", "m"), RUNE_OK);
    assert_int_equal(call_reason(vm, "nothing", NULL), RUNE_REASON_USAGE);
    rune_vm_free(vm);
}

static void test_limits_hold(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 1000000);
    rune_record *record = call_record(vm, "spin", options);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_BUDGET);
    assert_int_equal(rune_record_limit(record, RUNE_LIMIT_BUDGET), 1000000);
    assert_true(rune_record_usage(record)->budget >= 1000000);
    rune_record_free(record);
    rune_call_options_free(options);
    options = with_limit(RUNE_LIMIT_WALL, 50000000);
    assert_int_equal(call_reason(vm, "spin", options), RUNE_REASON_WALL);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

struct sink {
    size_t bytes;
    unsigned refusals;
};

static bool take_some(void *user, int stream, const char *data, size_t size)
{
    struct sink *sink = user;
    assert_int_equal(stream, RUNE_STREAM_STDOUT);
    assert_non_null(data);
    if (sink->refusals < 3 && sink->bytes > 0) {
        sink->refusals++;
        return false;
    }
    sink->bytes += size;
    return true;
}

/* Every piece is refused three times, the last ones when the call has ended already. */
static bool take_at_last(void *user, int stream, const char *data, size_t size)
{
    struct sink *sink = user;
    (void)stream;
    (void)data;
    if (++sink->refusals % 4 != 0) {
        return false;
    }
    sink->bytes += size;
    return true;
}

static bool take_nothing(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return false;
}

/* Who takes nothing holds up the end until he cancels. */
static void test_output_that_nobody_takes(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, take_nothing, NULL);
    rune_const_value *count = rune_value_i64(1);
    const rune_const_value *args[] = {count};
    assert_int_equal(rune_vm_send_execute(vm, "print", args, 1, options, &execution, NULL), 0);
    assert_int_equal(rune_execution_wait(execution, UINT64_C(100000000)), RUNE_E_TIMED_OUT);
    rune_execution_cancel(execution);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_value_unref(count);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

struct refused_call {
    rune_vm *vm;
    rune_call_options *options;
    pthread_t thread;
    atomic_bool offered; /* to the sink */
};

static void *call_refused(void *user)
{
    struct refused_call *call = user;
    rune_record *record = NULL;
    rune_const_value *count = rune_value_i64(1);
    const rune_const_value *args[] = {count};
    assert_int_equal(rune_vm_call_record(call->vm, "print", args, 1, call->options, &record, NULL),
                     RUNE_OK);
    rune_record_free(record);
    rune_value_unref(count);
    return NULL;
}

static bool take_nothing_and_say_so(void *user, int stream, const char *data, size_t size)
{
    struct refused_call *call = user;
    atomic_store(&call->offered, true);
    return take_nothing(NULL, stream, data, size);
}

/* Makes a call, until its sink has refused. */
static void begin_refused(struct refused_call *call, rune_supervisor *client,
                          rune_cancel_token *token)
{
    atomic_init(&call->offered, false);
    call->vm = daemon_vm(client);
    call->options = rune_call_options_new();
    rune_call_options_set_output(call->options, take_nothing_and_say_so, call);
    rune_call_options_set_cancel_token(call->options, token);
    assert_int_equal(pthread_create(&call->thread, NULL, call_refused, call), 0);
    while (!atomic_load(&call->offered)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void end_refused(struct refused_call *call)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(PATIENCE_NS / 1000000000);
    assert_int_equal(pthread_timedjoin_np(call->thread, NULL, &until), 0);
    rune_call_options_free(call->options);
    rune_vm_free(call->vm);
}

/* The same of a call that a thread waits for: its token ends the waiting, and so does the end of the daemon. */
static void test_a_thread_whose_sink_takes_nothing(void **state)
{
    (void)state;
    struct refused_call call;
    rune_cancel_token *token = rune_cancel_token_new();
    begin_refused(&call, remote, token);
    rune_cancel_token_cancel(token);
    end_refused(&call);
    rune_cancel_token_unref(token);
    rune_supervisor *client = daemon_connect();
    begin_refused(&call, client, NULL);
    daemon_await("calls_now", 0); // over there, but not here
    assert_int_equal(rune_supervisor_close(client, 0), RUNE_E_TIMED_OUT);
    end_refused(&call);
    rune_supervisor_free(client);
}

static void test_output_comes_and_may_be_refused(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    struct sink sink = {0};
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, take_some, &sink);
    rune_const_value *count = rune_value_i64(50000);
    const rune_const_value *args[] = {count};
    rune_record *record = NULL;
    assert_int_equal(rune_vm_call_record(vm, "print", args, 1, options, &record, NULL), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(sink.bytes, rune_record_usage(record)->output_bytes);
    assert_int_equal(sink.refusals, 3);
    rune_record_free(record);
    // As an execution, on the library's thread.
    struct sink other = {0};
    rune_execution *execution = NULL;
    rune_call_options_set_output(options, take_at_last, &other);
    assert_int_equal(rune_vm_send_execute(vm, "print", args, 1, options, &execution, NULL), 0);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(other.bytes, rune_record_usage(record)->output_bytes);
    rune_record_free(record);
    rune_execution_free(execution);
    // Without a sink it is dropped.
    rune_value_unref(call_with(vm, "print", 50000));
    rune_value_unref(count);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

#define MANY 100

static void test_executions(void **state)
{
    (void)state;
    rune_vm *vms[MANY];
    rune_execution *executions[MANY];
    for (int i = 0; i < MANY; i++) {
        vms[i] = daemon_vm(remote);
        assert_int_equal(rune_vm_send_execute(vms[i], "main", NULL, 0, NULL, &executions[i], NULL),
                         RUNE_OK);
    }
    for (int i = 0; i < MANY; i++) {
        rune_record *record = NULL;
        struct pollfd polled = {.fd = rune_execution_fd(executions[i]), .events = POLLIN};
        assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
        assert_int_equal(rune_execution_complete(executions[i], &record), RUNE_OK);
        assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
        rune_record_free(record);
        rune_execution_free(executions[i]);
        rune_vm_free(vms[i]);
    }
}

static void *cancel_later(void *argument)
{
    usleep(50000);
    rune_cancel_token_cancel(argument);
    return NULL;
}

static void test_cancelling(void **state)
{
    (void)state;
    pthread_t thread;
    rune_vm *vm = daemon_vm(remote);
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_cancel_token(options, token);
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, token), 0);
    assert_int_equal(call_reason(vm, "spin", options), RUNE_REASON_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(call_reason(vm, "main", options), RUNE_REASON_CANCELLED);
    rune_call_options_free(options);
    rune_cancel_token_unref(token);
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_vm_reset(vm), RUNE_E_BUSY);
    rune_execution_cancel(execution);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
    rune_record_free(record);
    rune_execution_free(execution);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
}

static rune_status load_part(void *user, const char *item, rune_loaded *loaded)
{
    (void)user;
    return strcmp(item, "part") == 0
               ? rune_sources_loaded(loaded, "part.rn", "pub fn two() { 2 }", 18)
               : RUNE_E_NOT_FOUND;
}

static rune_status build_remote(rune_supervisor *by, const char *source, rune_unit **out_unit,
                                rune_diagnostics *diagnostics, rune_error **error)
{
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "main.rn", source, strlen(source), NULL),
                     RUNE_OK);
    rune_sources_set_loader(sources, load_part, NULL);
    rune_status status = rune_build(by, sources, NULL, NULL, diagnostics, out_unit, error);
    rune_sources_free(sources);
    return status;
}

static void test_building_over_the_socket(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_vm *vm = NULL;
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_int_equal(build_remote(remote, "mod part; pub fn main() { return part::two(); 1 }",
                                  &unit, diagnostics, NULL),
                     RUNE_OK);
    assert_int_equal(rune_diagnostics_count(diagnostics), 1);
    assert_true(rune_unit_has(unit, "main"));
    assert_int_equal(rune_vm_new(remote, NULL, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 2);
    // The same Unit works here, and one that was built here works there.
    rune_vm *local = NULL;
    assert_int_equal(rune_vm_new(supervisor, NULL, unit, NULL, &local, NULL), RUNE_OK);
    assert_int_equal(call_i64(local, "main"), 2);
    rune_vm_free(local);
    rune_unit *made_here = build("pub fn main() { 7 }");
    assert_int_equal(rune_vm_set_unit(vm, made_here), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 7);
    rune_unit_unref(made_here);
    rune_unit_unref(unit);
    rune_vm_free(vm);
    rune_error *error = NULL;
    assert_int_equal(
        build_remote(remote, "pub fn main() { let x = ; }", &unit, diagnostics, &error),
        RUNE_E_COMPILE_FAILED);
    assert_true(rune_diagnostics_has_error(diagnostics));
    assert_int_equal(rune_error_reason(error), RUNE_REASON_FAILED);
    rune_error_free(error);
    rune_diagnostics_free(diagnostics);
    // A script of the folder as a Unit.
    assert_int_equal(rune_connect_unit(remote, "a", &unit, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, NULL, unit, NULL, &local, NULL), RUNE_OK);
    assert_int_equal(call_i64(local, "main"), 1);
    rune_vm_free(local);
    rune_unit_unref(unit);
}

static void test_a_save_is_served(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(call_i64(vm, "main"), 1);
    daemon_write("a.rn", "pub fn main() { 2 }");
    int64_t until = now_ms() + PATIENCE_MS;
    while (call_i64(vm, "main") != 2 && now_ms() < until) {
    }
    assert_int_equal(call_i64(vm, "main"), 2);
    daemon_write("a.rn", "pub fn main() { 3");
    usleep(100000);
    assert_int_equal(call_i64(vm, "main"), 2);
    rune_vm_free(vm);
}

static void test_what_is_not_offered(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_vm *vm = daemon_vm(remote);
    // A script of the daemon's has what the daemon offers.
    assert_int_equal(rune_vm_set_runtime(vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_set_runtime(vm, runtime), RUNE_E_UNSUPPORTED);
    rune_vm_free(vm);
    assert_int_equal(rune_connect_unit(supervisor, "a", &unit, NULL), RUNE_E_UNSUPPORTED);
}

/* Functions as values */

static int64_t call_sync(rune_sync_function *function, int64_t number)
{
    int64_t got = -1;
    rune_const_value *arg = rune_value_i64(number);
    const rune_const_value *args[] = {arg};
    rune_const_value *value = NULL;
    assert_int_equal(rune_sync_function_call(function, args, 1, NULL, &value, NULL), RUNE_OK);
    assert_true(rune_value_get_i64(value, &got));
    rune_value_unref(value);
    rune_value_unref(arg);
    return got;
}

static void *call_sync_often(void *function)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < 20; i++) {
        sum += call_sync(function, i);
    }
    return (void *)(intptr_t)sum;
}

static void test_functions_that_are_values(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_sync_function *adder = NULL;
    rune_sync_function *count = NULL;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    pthread_t threads[4];
    assert_int_equal(rune_connect_unit(remote, "a", &unit, NULL), RUNE_OK);
    rune_vm *vm = daemon_vm(remote);
    rune_const_value *closure = call_with(vm, "adder", 40);
    rune_vm_free(vm);
    assert_int_equal(rune_sync_function_from_value(remote, NULL, unit, NULL, closure, &adder, NULL),
                     RUNE_OK);
    assert_int_equal(call_sync(adder, 2), 42);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_sync_often, adder), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *sum = NULL;
        pthread_join(threads[i], &sum);
        assert_int_equal((intptr_t)sum, 20 * 40 + 19 * 20 / 2);
    }
    // It has no storage for statics.
    assert_int_equal(rune_sync_function_lookup(remote, NULL, unit, NULL, "count", &count, NULL),
                     RUNE_OK);
    assert_int_equal(rune_sync_function_call(count, NULL, 0, NULL, &value, &error),
                     RUNE_E_SCRIPT_ERROR);
    assert_string_equal(rune_error_kind(error), "MissingGlobals");
    rune_error_free(error);
    rune_sync_function_unref(count);
    rune_sync_function_unref(adder);
    rune_value_unref(closure);
    rune_unit_unref(unit);
}

static void test_looking_in(void **state)
{
    (void)state;
    rune_text *text = NULL;
    rune_stats stats;
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_supervisor_stats(remote, &stats);
    assert_true(stats.workers_now > 0);
    assert_true(stats.calls > 0);
    assert_int_equal(rune_supervisor_report(remote, &text, NULL), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "seccomp"));
    rune_text_free(text);
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "\"workers\":[{\"pid\":"));
    rune_text_free(text);
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_METRICS, &text, NULL), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "runeward_calls_total{reason=\"ok\"} 1\n"));
    rune_text_free(text);
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_SCRIPTS, &text, NULL), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "\"name\":\"a\""));
    rune_text_free(text);
    assert_int_equal(rune_connect_control(remote, RUNE_CONTROL_RELOAD, 0, NULL), RUNE_OK);
    assert_int_equal(rune_connect_control(remote, RUNE_CONTROL_KILL, 1, NULL), RUNE_E_NOT_FOUND);
    rune_vm_free(vm);
}

/* A worker that an operator kills takes its call along, nothing else. */
static void test_killing_a_worker(void **state)
{
    (void)state;
    rune_text *text = NULL;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    daemon_await("calls_now", 1);
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    const char *worker = strstr(rune_text_data(text), "\"state\":\"serving\",\"calls\":1");
    assert_non_null(worker);
    while (strncmp(worker, "{\"pid\":", 7) != 0) {
        worker--;
    }
    uint64_t pid = strtoull(worker + 7, NULL, 10);
    rune_text_free(text);
    assert_int_equal(rune_connect_control(remote, RUNE_CONTROL_KILL, pid, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CRASHED);
    rune_record_free(record);
    rune_execution_free(execution);
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
}

/* The program as a client: a process of its own, that calls until it is killed. */
static int be_client(const char *socket)
{
    rune_supervisor *mine = NULL;
    rune_vm *vm = NULL;
    rune_execution *execution = NULL;
    if (rune_supervisor_connect(socket, NULL, &mine, NULL) == RUNE_OK &&
        rune_connect_vm(mine, "a", NULL, &vm, NULL) == RUNE_OK &&
        rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL) == RUNE_OK) {
        pause();
    }
    return 1;
}

static void test_a_client_that_goes_cancels_its_calls(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        // Of many threads only this one is here, and what the others had locked stays so.
        (void)execl("/proc/self/exe", "test_serve", "--client", daemon_socket, NULL);
        _exit(1);
    }
    daemon_await("calls_now", 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    daemon_await("calls_now", 0);
}

static void test_the_end_of_the_daemon(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_error *error = NULL;
    rune_vm *vm = daemon_vm(remote);
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    daemon_await("calls_now", 1);
    daemon_stop();
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_UNAVAILABLE);
    assert_non_null(strstr(rune_error_message(rune_record_error(record)), "the daemon ends"));
    rune_record_free(record);
    rune_execution_free(execution);
    record = call_record(vm, "main", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_UNAVAILABLE);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_supervisor *none = NULL;
    assert_int_equal(rune_supervisor_connect(daemon_socket, NULL, &none, &error), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_UNAVAILABLE);
    rune_error_free(error);
}

static void test_draining_lets_calls_end(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    rune_vm *vm = daemon_vm(remote);
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 500000000);
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, options, &execution, NULL), 0);
    daemon_await("calls_now", 1);
    rune_vm *other = daemon_vm(remote);
    assert_int_equal(rune_connect_control(remote, RUNE_CONTROL_DRAIN, 10000, NULL), RUNE_OK);
    assert_int_equal(call_reason(other, "main", NULL), RUNE_REASON_UNAVAILABLE);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_WALL);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_vm_free(other);
}

static void allow_nobody_else(rune_server_options *options)
{
    assert_int_equal(rune_server_options_allow(options, 12345, RUNE_RIGHT_CALL), RUNE_OK);
    assert_int_equal(rune_server_options_allow(options, 65534, RUNE_RIGHT_CALL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_server_options_allow(options, 1, 16), RUNE_E_INVALID_ARGUMENT);
}

/* In a child of that uid: what connecting, building and looking in give. */
static int as_uid(uid_t uid, rune_status *out_statuses)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        rune_supervisor *mine = NULL;
        rune_unit *unit = NULL;
        rune_text *text = NULL;
        rune_vm *vm = NULL;
        rune_status statuses[4] = {RUNE_E_SYSTEM, RUNE_E_SYSTEM, RUNE_E_SYSTEM, RUNE_E_SYSTEM};
        if (setgid(uid) == 0 && setuid(uid) == 0) {
            statuses[0] = rune_supervisor_connect(daemon_socket, NULL, &mine, NULL);
        }
        if (statuses[0] == RUNE_OK) {
            statuses[1] = build_remote(mine, "pub fn main() { 1 }", &unit, NULL, NULL);
            statuses[2] = rune_connect_query(mine, RUNE_QUERY_STATUS, &text, NULL);
            statuses[3] = rune_connect_vm(mine, "a", NULL, &vm, NULL);
        }
        (void)!write(pipe_fds[1], statuses, sizeof(statuses));
        _exit(0);
    }
    close(pipe_fds[1]);
    ssize_t got = read(pipe_fds[0], out_statuses, 4 * sizeof(*out_statuses));
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return got == 4 * (ssize_t)sizeof(*out_statuses) ? 0 : -1;
}

static void test_peers_and_rights(void **state)
{
    rune_status statuses[4];
    struct stat about;
    (void)state;
    daemon_start(script, allow_nobody_else);
    assert_int_equal(stat(daemon_socket, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0666);
    if (geteuid() != 0) {
        print_message("other users are tried as root only\n");
        daemon_stop();
        daemon_remove();
        return;
    }
#ifdef __SANITIZE_THREAD__ // it does not follow threads that a child of a process with threads starts
    daemon_stop();
    daemon_remove();
    skip();
#endif
    assert_int_equal(as_uid(12345, statuses), 0);
    assert_int_equal(statuses[0], RUNE_OK);
    assert_int_equal(statuses[1], RUNE_E_DENIED);
    assert_int_equal(statuses[2], RUNE_E_DENIED);
    assert_int_equal(statuses[3], RUNE_OK);
    assert_int_equal(as_uid(12346, statuses), 0);
    assert_int_equal(statuses[0], RUNE_E_DENIED);
    assert_int_equal(as_uid(65534, statuses), 0);
    assert_int_equal(statuses[0], RUNE_E_DENIED);
    assert_int_equal(daemon_status("refused"), 2);
    daemon_stop();
    daemon_remove();
}

static void test_the_socket_is_private(void **state)
{
    struct stat about;
    rune_server *second = NULL;
    rune_error *error = NULL;
    (void)state;
    daemon_start(script, NULL);
    assert_int_equal(stat(daemon_socket, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    rune_server_options *options = rune_server_options_new();
    assert_int_equal(rune_server_options_set_socket(options, daemon_socket), RUNE_OK);
    assert_int_equal(rune_server_new(supervisor, options, &second, &error), RUNE_E_BUSY);
    rune_error_free(error);
    char open_folder[160];
    (void)snprintf(open_folder, sizeof(open_folder), "%s/open", daemon_folder);
    assert_int_equal(mkdir(open_folder, 0777), 0);
    assert_int_equal(chmod(open_folder, 0777), 0);
    strcat(open_folder, "/socket");
    assert_int_equal(rune_server_options_set_socket(options, open_folder), RUNE_OK);
    assert_int_equal(rune_server_new(supervisor, options, &second, NULL), RUNE_E_DENIED);
    rune_server_options_free(options);
    daemon_stop();
    assert_int_not_equal(stat(daemon_socket, &about), 0);
    daemon_remove();
}

/* A listener that is no daemon. */
static int listen_at(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(type == SOCK_DGRAM || listen(fd, 1) == 0);
    return fd;
}

static void test_sockets_of_others_stay(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct stat about;
    char other[160];
    (void)state;
    daemon_start(script, NULL);
    (void)snprintf(other, sizeof(other), "%s/run/other", daemon_folder);
    rune_server_options *options = rune_server_options_new();
    assert_int_equal(rune_server_options_set_socket(options, other), RUNE_OK);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        rune_server *server = NULL;
        int fd = listen_at(other, types[i]);
        assert_int_equal(rune_server_new(supervisor, options, &server, NULL), RUNE_E_BUSY);
        assert_int_equal(stat(other, &about), 0);
        close(fd);
        if (i + 1 < sizeof(types) / sizeof(types[0])) {
            assert_int_equal(unlink(other), 0);
        }
    }
    // Nobody listens there any more.
    rune_server *server = NULL;
    assert_int_equal(rune_server_new(supervisor, options, &server, NULL), RUNE_OK);
    rune_server_free(server);
    assert_int_not_equal(stat(other, &about), 0);
    rune_server_options_free(options);
    // Nor is what came to the daemon's path since removed at its end.
    int fd = listen_at(other, SOCK_STREAM);
    assert_int_equal(rename(other, daemon_socket), 0);
    daemon_stop();
    assert_int_equal(stat(daemon_socket, &about), 0);
    close(fd);
    daemon_remove();
}

static void few(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_CONNECTIONS, 4), 0);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_CALLS, 2), 0);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_DOMAINS, 2), 0);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 1 << 20), 0);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 0),
                     RUNE_E_INVALID_ARGUMENT);
}

static rune_status open_in(rune_supervisor *by, const char *domain, rune_vm **out_vm)
{
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, domain), RUNE_OK);
    rune_status status = rune_connect_vm(by, "a", options, out_vm, NULL);
    rune_vm_options_free(options);
    return status;
}

static void test_limits_of_a_peer(void **state)
{
    rune_supervisor *clients[5];
    rune_vm *vms[4];
    rune_execution *executions[2];
    (void)state;
    daemon_start(script, few);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rune_supervisor_connect(daemon_socket, NULL, &clients[i], NULL), RUNE_OK);
    }
    assert_int_equal(rune_supervisor_connect(daemon_socket, NULL, &clients[4], NULL),
                     RUNE_E_OVERLOADED);
    assert_int_equal(open_in(clients[0], "x", &vms[0]), RUNE_OK);
    assert_int_equal(open_in(clients[1], "y", &vms[1]), RUNE_OK);
    assert_int_equal(open_in(clients[2], "z", &vms[2]), RUNE_E_OVERLOADED);
    assert_int_equal(open_in(clients[3], "x", &vms[2]), RUNE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rune_vm_send_execute(vms[i], "spin", NULL, 0, NULL, &executions[i], NULL),
                         RUNE_OK);
    }
    rune_supervisor_free(clients[2]);
    daemon_await("calls_now", 2);
    assert_int_equal(call_reason(vms[2], "main", NULL), RUNE_REASON_OVERLOADED);
    rune_execution_free(executions[0]);
    assert_int_equal(call_i64(vms[2], "main"), 1);
    // A request beyond what may be held ends the connection, with the reason.
    char *bytes = calloc(1, (size_t)2 << 20);
    rune_const_value *large = rune_value_bytes(bytes, (size_t)2 << 20);
    const rune_const_value *args[] = {large};
    rune_record *record = NULL;
    assert_int_equal(rune_vm_call_record(vms[2], "echo", args, 1, NULL, &record, NULL), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_UNAVAILABLE);
    assert_non_null(strstr(rune_error_message(rune_record_error(record)), "held"));
    rune_record_free(record);
    rune_value_unref(large);
    free(bytes);
    rune_execution_free(executions[1]);
    for (int i = 0; i < 3; i++) {
        rune_vm_free(vms[i]);
    }
    rune_supervisor_free(clients[0]);
    rune_supervisor_free(clients[1]);
    rune_supervisor_free(clients[3]);
    daemon_stop();
    daemon_remove();
}

static size_t heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static rune_execution *begin_large(rune_vm *vm, int64_t doublings)
{
    rune_const_value *arg = rune_value_i64(doublings);
    const rune_const_value *args[] = {arg};
    rune_execution *execution = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "large", args, 1, NULL, &execution, NULL), RUNE_OK);
    rune_value_unref(arg);
    return execution;
}

/* The reason; of an end without a result it is that none could be held. */
static rune_reason end_large(rune_execution *execution)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_reason reason = rune_record_reason(record);
    if (reason != RUNE_REASON_OK) {
        assert_string_equal(rune_error_kind(rune_record_error(record)), "unread");
    }
    rune_record_free(record);
    rune_execution_free(execution);
    return reason;
}

/* What may not be held for a user, here 1 MiB, is not held while it comes from a worker either. What was held is given
 * back: of half of that there is one after the other. */
static void test_results_on_their_way(void **state)
{
    (void)state;
    rune_vm *vms[2];
    rune_execution *executions[2];
    daemon_start(script, few);
    rune_supervisor *client = daemon_connect();
    assert_int_equal(open_in(client, "x", &vms[0]), RUNE_OK);
    assert_int_equal(open_in(client, "y", &vms[1]), RUNE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(call_i64(vms[i], "main"), 1);
    }
    size_t before = heap_bytes();
    size_t most = 0;
    for (int i = 0; i < 2; i++) {
        executions[i] = begin_large(vms[i], 23);
    }
    while (!rune_execution_poll(executions[0]) || !rune_execution_poll(executions[1])) {
        size_t now = heap_bytes();
        most = now > before + most ? now - before : most;
    }
    print_message("  %zu KiB for two results of 8 MiB\n", most >> 10);
    assert_true(most < (size_t)4 << 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(end_large(executions[i]), RUNE_REASON_OVERLOADED);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(end_large(begin_large(vms[i % 2], 19)), RUNE_REASON_OK);
    }
    rune_vm_free(vms[0]);
    rune_vm_free(vms[1]);
    rune_supervisor_free(client);
    daemon_stop();
    daemon_remove();
}

/* What the workers of a client's domains are called in there. */
static void test_domains_are_of_a_uid(void **state)
{
    rune_text *text = NULL;
    rune_vm *vm = NULL;
    char domain[64];
    (void)state;
    // A name that looks like somebody else's domain is a name inside one's own.
    assert_int_equal(open_in(remote, "12345/tenant", &vm), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 1);
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    (void)snprintf(domain, sizeof(domain), "\"domain\":\"%u/12345/tenant\"", geteuid());
    assert_non_null(strstr(rune_text_data(text), domain));
    assert_null(strstr(rune_text_data(text), "\"domain\":\"12345"));
    rune_text_free(text);
    rune_vm_free(vm);
}

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, daemon_socket, strlen(daemon_socket));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A child connects more often than this process has descriptors left. */
static void test_no_descriptor_is_left(void **state)
{
    struct rlimit before;
    int go[2];
    int done[2];
    char byte = 0;
    (void)state;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)!read(go[0], &byte, 1);
        for (int i = 0; i < 40; i++) {
            (void)connect_raw();
        }
        (void)!write(done[1], &byte, 1);
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = (rlim_t)count_fds() + 8, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(read(done[0], &byte, 1), 1);
    // Who was in before is served all the while.
    rune_text *text = NULL;
    int64_t until = now_ms() + PATIENCE_MS;
    bool turned_away = false;
    while (!turned_away && now_ms() < until) {
        assert_int_equal(rune_connect_query(remote, RUNE_QUERY_STATUS, &text, NULL), RUNE_OK);
        turned_away = strstr(rune_text_data(text), "\"refused\":0,") == NULL;
        rune_text_free(text);
    }
    assert_true(turned_away);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    daemon_await("connections", 2);
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(done[i]);
    }
}

/* What an execution's callbacks got for what would wait on their own thread. */
struct asked {
    rune_vm *vm;
    rune_unit *unit;
    rune_status call;
    rune_status make;
    rune_status reset;
    rune_status build;
    rune_status begin;
    rune_execution *next;
    char why[128];
};

static rune_status try_build(rune_supervisor *by)
{
    rune_sources *sources = rune_sources_new();
    rune_unit *unit = NULL;
    assert_int_equal(rune_sources_insert_memory(sources, "b.rn", "pub fn main() {}", 16, NULL),
                     RUNE_OK);
    rune_status status = rune_build(by, sources, NULL, NULL, NULL, &unit, NULL);
    rune_sources_free(sources);
    rune_unit_unref(unit);
    return status;
}

static bool ask_in_sink(void *user, int stream, const char *data, size_t size)
{
    struct asked *asked = user;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_vm *vm = NULL;
    (void)stream;
    (void)data;
    (void)size;
    asked->call = rune_vm_call(asked->vm, "main", NULL, 0, NULL, &value, &error);
    (void)snprintf(asked->why, sizeof(asked->why), "%s", error ? rune_error_message(error) : "");
    rune_error_free(error);
    asked->make = rune_vm_new(remote, NULL, asked->unit, NULL, &vm, NULL);
    asked->reset = rune_vm_reset(asked->vm);
    asked->build = try_build(remote);
    asked->begin = rune_vm_send_execute(asked->vm, "main", NULL, 0, NULL, &asked->next, NULL);
    return true;
}

static void test_what_would_wait_in_a_callback(void **state)
{
    (void)state;
    struct asked asked = {.vm = daemon_vm(remote)};
    assert_int_equal(rune_connect_unit(remote, "a", &asked.unit, NULL), RUNE_OK);
    rune_vm *vm = daemon_vm(remote);
    rune_execution *execution = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, ask_in_sink, &asked);
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {one};
    assert_int_equal(rune_vm_send_execute(vm, "print", args, 1, options, &execution, NULL),
                     RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(asked.call, RUNE_E_BUSY);
    assert_non_null(strstr(asked.why, "callback"));
    assert_int_equal(asked.make, RUNE_E_BUSY);
    assert_int_equal(asked.reset, RUNE_E_BUSY);
    assert_int_equal(asked.build, RUNE_E_BUSY);
    // What does not wait goes there as anywhere.
    assert_int_equal(asked.begin, RUNE_OK);
    assert_int_equal(rune_execution_wait(asked.next, PATIENCE_NS), RUNE_OK);
    rune_execution_free(asked.next);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_value_unref(one);
    rune_unit_unref(asked.unit);
    rune_vm_free(asked.vm);
    rune_vm_free(vm);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    daemon_start(script, NULL);
    daemon_stop();
    daemon_remove();
    int before = settled_fds();
    for (int i = 0; i < 5; i++) {
        daemon_start(script, NULL);
        rune_supervisor *client = daemon_connect();
        rune_vm *vm = daemon_vm(client);
        assert_int_equal(call_i64(vm, "main"), 1);
        rune_vm_free(vm);
        rune_supervisor_free(client);
        daemon_stop();
        daemon_remove();
    }
    assert_int_equal(settled_fds(), before);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--client") == 0) {
        return be_client(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scripts_of_the_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_values_go_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_have_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_no_daemon_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output_comes_and_may_be_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_thread_whose_sink_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output_that_nobody_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_executions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_would_wait_in_a_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_building_over_the_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_save_is_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_offered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_functions_that_are_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_looking_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killing_a_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_that_goes_cancels_its_calls, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_draining_lets_calls_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_domains_are_of_a_uid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptor_is_left, set_up, tear_down),
        cmocka_unit_test(test_peers_and_rights),
        cmocka_unit_test(test_the_socket_is_private),
        cmocka_unit_test(test_sockets_of_others_stay),
        cmocka_unit_test(test_limits_of_a_peer),
        cmocka_unit_test(test_results_on_their_way),
        cmocka_unit_test(test_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
