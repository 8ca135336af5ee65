/* Host functions of a client, called by its own scripts in a daemon. */
#include "tests/unit/supervisor/daemon.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static const char script[] = "pub fn main() { 1 }\n";

static const char source[] = "pub fn main() { host::twice(21) }\n"
                             "pub fn answer() { host::ANSWER }\n"
                             "pub fn wrong() { host::fail() }\n"
                             "pub fn silent() { host::silent() }\n"
                             "pub fn who() { host::who() }\n"
                             "pub fn pass(x) { host::pass(x) }\n"
                             "pub fn large() { host::large(17) }\n"
                             "pub fn send(doublings) {\n"
                             "    let b = b\"x\";\n"
                             "    for _ in 0..doublings { b.extend(b.clone()); }\n"
                             "    host::size(b)\n"
                             "}\n"
                             "pub fn slow() { host::slow(30) }\n"
                             "pub fn back() { host::back() }\n"
                             "pub fn spin() { loop {} }\n"
                             "pub async fn later() { host::later(1).await }\n"
                             "pub async fn kept() { host::kept().await }\n"
                             "pub fn many() {\n"
                             "    let sum = 0;\n"
                             "    for i in 0..200 { sum += host::twice(i); }\n"
                             "    sum\n"
                             "}\n"
                             "pub async fn all() {\n"
                             "    let futures = [];\n"
                             "    for i in 0..100 { futures.push(host::later(i)); }\n"
                             "    let sum = 0;\n"
                             "    for f in futures { sum += f.await; }\n"
                             "    sum\n"
                             "}\n";

static rune_supervisor *remote;
static rune_context *own_context;
static rune_runtime *own_runtime;
static rune_unit *unit;
static rune_vm *vm;

/* What the functions saw, and what back() is to call. */
static struct stage {
    pthread_t thread;
    rune_host_call *kept;
    atomic_int kept_count; /* of those, and of calls that back() has made */
    atomic_int cancelled;
    rune_vm *inner;
    const char *item;
    bool without_parent;
    rune_status status;
    rune_reason reason;
    rune_status late; /* of an answer that comes too late */
} stage;

/* The functions */

static void answer_i64(rune_host_call *call, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    assert_int_equal(rune_host_call_reply(call, value), RUNE_OK);
    rune_value_unref(value);
}

static int64_t arg_i64(const rune_host_call *call)
{
    int64_t number = 0;
    assert_true(rune_value_get_i64(rune_host_call_arg(call, 0), &number));
    return number;
}

static void twice(void *user, rune_host_call *call)
{
    stage.thread = pthread_self();
    assert_string_equal(rune_host_call_item(call), "host::twice");
    answer_i64(call, arg_i64(call) * (user ? *(int *)user : 2));
    // Exactly one answer, and no callback for one that is given at once.
    assert_int_equal(rune_host_call_fail(call, "again"), RUNE_E_STALE);
    assert_int_equal(rune_host_call_on_cancel(call, free, NULL), RUNE_E_UNSUPPORTED);
}

static void fail_always(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_arg_count(call), 0);
    assert_int_equal(rune_host_call_fail(call, "no luck today"), RUNE_OK);
}

static void silent(void *user, rune_host_call *call)
{
    (void)user;
    (void)call;
}

static void who(void *user, rune_host_call *call)
{
    const int *number = rune_host_call_user(call);
    (void)user;
    answer_i64(call, *number);
}

static void pass(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_reply(call, rune_host_call_arg(call, 0)), RUNE_OK);
}

/* As many MiB as are asked for. */
static void large(void *user, rune_host_call *call)
{
    size_t size = (size_t)arg_i64(call) << 20;
    char *bytes = calloc(1, size);
    rune_const_value *value = rune_value_bytes(bytes, size);
    (void)user;
    assert_int_equal(rune_host_call_reply(call, value), RUNE_E_TOO_LARGE);
    rune_value_unref(value);
    free(bytes);
}

static void size_of(void *user, rune_host_call *call)
{
    const void *data;
    size_t size = 0;
    (void)user;
    assert_true(rune_value_get_bytes(rune_host_call_arg(call, 0), &data, &size));
    answer_i64(call, (int64_t)size);
}

static void slow(void *user, rune_host_call *call)
{
    int64_t ms = arg_i64(call);
    (void)user;
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
    answer_i64(call, ms);
}

static void *answer_later(void *argument)
{
    rune_host_call *call = argument;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    answer_i64(call, arg_i64(call) + 1000);
    return NULL;
}

static void later(void *user, rune_host_call *call)
{
    pthread_t thread;
    (void)user;
    assert_int_equal(pthread_create(&thread, NULL, answer_later, call), 0);
    pthread_detach(thread);
}

static void on_cancel(void *user)
{
    assert_ptr_equal(user, &stage);
    atomic_fetch_add(&stage.cancelled, 1);
}

/* Keeps the call: the test answers it, or the call's end does. */
static void keep(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_on_cancel(call, on_cancel, &stage), RUNE_OK);
    stage.kept = call;
    atomic_fetch_add(&stage.kept_count, 1);
}

/* Calls `item` of `inner`, as part of the call that it serves. */
static void back(void *user, rune_host_call *call)
{
    (void)user;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rune_call_options *options = rune_call_options_new();
    if (!stage.without_parent) {
        rune_call_options_set_parent(options, call);
    }
    atomic_fetch_add(&stage.kept_count, 1);
    stage.status = rune_vm_call(stage.inner, stage.item, NULL, 0, options, &value, &error);
    stage.reason = error ? rune_error_reason(error) : RUNE_REASON_OK;
    if (stage.status == RUNE_OK) {
        (void)rune_host_call_reply(call, value);
    } else {
        (void)rune_host_call_fail(call, rune_status_name(stage.status));
    }
    rune_value_unref(value);
    rune_error_free(error);
    rune_call_options_free(options);
}

static rune_context *make_context(int *factor)
{
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("host");
    rune_const_value *answer = rune_value_i64(42);
    const struct {
        const char *name;
        int arity;
        unsigned flags;
        rune_host_fn fn;
        void *user;
    } rows[] = {
        {"twice", 1, 0, twice, factor},
        {"fail", 0, 0, fail_always, NULL},
        {"silent", 0, 0, silent, NULL},
        {"who", 0, 0, who, NULL},
        {"pass", 1, 0, pass, NULL},
        {"large", 1, 0, large, NULL},
        {"size", 1, 0, size_of, NULL},
        {"slow", 1, 0, slow, NULL},
        {"back", 0, 0, back, NULL},
        {"later", 1, RUNE_FUNCTION_ASYNC, later, NULL},
        {"kept", 0, RUNE_FUNCTION_ASYNC, keep, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rune_module_function(module, rows[i].name, rows[i].arity, rows[i].flags,
                                              rows[i].fn, rows[i].user, NULL),
                         RUNE_OK);
    }
    assert_int_equal(rune_module_constant(module, "ANSWER", answer, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
    rune_value_unref(answer);
    rune_module_free(module);
    return made;
}

/* Vms */

static rune_unit *build_with(rune_supervisor *by, const rune_context *with)
{
    rune_unit *built = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_int_equal(rune_sources_insert_memory(sources, "m", source, strlen(source), NULL), 0);
    if (rune_build(by, sources, with, NULL, diagnostics, &built, &error) != RUNE_OK) {
        rune_text *text = NULL;
        (void)!rune_diagnostics_render(diagnostics, false, &text);
        fail_msg("build: %s\n%s", rune_error_message(error), text ? rune_text_data(text) : "");
    }
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return built;
}

static rune_vm *open_with(rune_supervisor *by, rune_runtime *with, int *user)
{
    rune_vm *made = NULL;
    rune_error *error = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_user(options, user);
    if (rune_vm_new(by, with, unit, options, &made, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    rune_vm_options_free(options);
    return made;
}

static int seven = 7;

static int set_up_with(void (*change)(rune_server_options *options))
{
    stage = (struct stage){.kept = NULL};
    daemon_start(script, change);
    remote = daemon_connect();
    own_context = make_context(NULL);
    assert_int_equal(rune_context_runtime(own_context, &own_runtime, NULL), RUNE_OK);
    unit = build_with(remote, own_context);
    vm = open_with(remote, own_runtime, &seven);
    return 0;
}

/* Building is all the right that it takes. */
static void allow_build(rune_server_options *options)
{
    assert_int_equal(rune_server_options_allow(options, geteuid(), RUNE_RIGHT_BUILD), RUNE_OK);
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(allow_build);
}

/* The server has functions under the same names. */
static void offer_server_functions(rune_server_options *options)
{
    rune_server_options_set_context(options, context);
}

static int set_up_beside_the_servers(void **state)
{
    (void)state;
    return set_up_with(offer_server_functions);
}

static int tear_down(void **state)
{
    (void)state;
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    rune_context_free(own_context);
    daemon_leave(remote);
    return 0;
}

static void test_synchronous_calls(void **state)
{
    (void)state;
    assert_int_equal(call_i64(vm, "main"), 42);
    // As without a daemon: on the thread that made the call.
    assert_true(pthread_equal(stage.thread, pthread_self()));
    assert_int_equal(call_i64(vm, "answer"), 42);
    assert_int_equal(call_i64(vm, "who"), 7);
    assert_int_equal(call_i64(vm, "many"), 2 * 199 * 100);
    rune_record *record = call_record(vm, "wrong", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_non_null(strstr(rune_error_message(rune_record_error(record)), "no luck today"));
    assert_int_equal(rune_record_usage(record)->host_calls, 1);
    rune_record_free(record);
    record = call_record(vm, "silent", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_non_null(strstr(rune_error_message(rune_record_error(record)), "gave no answer"));
    rune_record_free(record);
    rune_call_options *options = with_limit(RUNE_LIMIT_HOST_CALLS, 10);
    assert_int_equal(call_reason(vm, "many", options), RUNE_REASON_HOST_CALLS);
    rune_call_options_free(options);
}

static void test_large_values_go_both_ways(void **state)
{
    (void)state;
    size_t size = (size_t)9 << 20;
    char *bytes = calloc(1, size);
    rune_const_value *value = rune_value_bytes(bytes, size);
    const rune_const_value *args[] = {value};
    rune_const_value *same = NULL;
    rune_error *error = NULL;
    if (rune_vm_call(vm, "pass", args, 1, NULL, &same, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    assert_true(rune_value_equal(value, same));
    rune_value_unref(same);
    rune_value_unref(value);
    free(bytes);
    rune_record *record = call_record(vm, "large", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_non_null(strstr(rune_error_message(rune_record_error(record)), "too large"));
    rune_record_free(record);
}

static void test_answers_that_come_later(void **state)
{
    (void)state;
    assert_int_equal(call_i64(vm, "later"), 1001);
    assert_int_equal(call_i64(vm, "all"), 99 * 50 + 100 * 1000);
}

static void await_kept(int count)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (atomic_load(&stage.kept_count) < count && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(atomic_load(&stage.kept_count), count);
}

/* Too late for an answer: harmless, and said. */
static void answer_in_vain(void)
{
    rune_const_value *value = rune_value_i64(1);
    assert_int_equal(rune_host_call_reply(stage.kept, value), RUNE_E_STALE);
    rune_value_unref(value);
}

static void test_a_function_that_never_answers(void **state)
{
    (void)state;
    assert_int_equal(call_i64(vm, "main"), 42); // its worker is there
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, SECOND / 5);
    assert_int_equal(call_reason(vm, "kept", options), RUNE_REASON_WALL);
    assert_int_equal(atomic_load(&stage.cancelled), 1);
    answer_in_vain();
    // The same when nothing of the connection is left.
    assert_int_equal(call_reason(vm, "kept", options), RUNE_REASON_WALL);
    assert_int_equal(atomic_load(&stage.cancelled), 2);
    rune_call_options_free(options);
    assert_int_equal(call_i64(vm, "main"), 42);
    rune_vm_free(vm);
    vm = NULL;
    rune_supervisor_free(remote);
    remote = NULL;
    answer_in_vain();
}

static void test_executions(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    int64_t number = 0;
    assert_int_equal(rune_vm_send_execute(vm, "main", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_true(rune_value_get_i64(rune_record_value(record), &number));
    assert_int_equal(number, 42);
    assert_false(pthread_equal(stage.thread, pthread_self()));
    rune_record_free(record);
    rune_execution_free(execution);
    // What waits for the daemon says BUSY there.
    stage.inner = open_with(remote, own_runtime, NULL);
    stage.item = "main";
    assert_int_equal(rune_vm_send_execute(vm, "back", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(stage.status, RUNE_E_BUSY);
    rune_execution_free(execution);
    rune_vm_free(stage.inner);
}

static void test_cancelling(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "kept", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    await_kept(1);
    rune_execution_cancel(execution);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
    assert_int_equal(atomic_load(&stage.cancelled), 1);
    answer_in_vain();
    rune_record_free(record);
    rune_execution_free(execution);
    // One that is answered in time is not told anything.
    assert_int_equal(rune_vm_send_execute(vm, "kept", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    await_kept(2);
    answer_i64(stage.kept, 5);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_execution_free(execution);
    assert_int_equal(atomic_load(&stage.cancelled), 1);
}

static void test_the_hosts_time(void **state)
{
    (void)state;
    rune_record *record = call_record(vm, "slow", NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_in_range(rune_record_usage(record)->host_us, 30000, rune_record_usage(record)->wall_us);
    rune_record_free(record);
}

static void test_calls_inside_of_host_functions(void **state)
{
    (void)state;
    stage.inner = open_with(remote, own_runtime, NULL);
    stage.item = "main";
    assert_int_equal(call_i64(vm, "back"), 42);
    stage.without_parent = true;
    assert_int_equal(call_i64(vm, "back"), 42);
    stage.without_parent = false;
    // The budget that is left is all that the inner one has, and its deadline the outer one's.
    stage.item = "spin";
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 1000000);
    assert_int_equal(call_reason(vm, "back", options), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(stage.reason, RUNE_REASON_BUDGET);
    rune_call_options_free(options);
    options = with_limit(RUNE_LIMIT_WALL, SECOND / 10);
    (void)call_reason(vm, "back", options);
    assert_int_equal(stage.reason, RUNE_REASON_WALL);
    rune_call_options_free(options);
    // The Vm that calls is busy.
    rune_vm *inner = stage.inner;
    stage.inner = vm;
    assert_int_equal(call_reason(vm, "back", NULL), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(stage.status, RUNE_E_BUSY);
    // A supervisor of our own knows nothing of the daemon's call.
    stage.inner = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(call_reason(vm, "back", NULL), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(stage.status, RUNE_E_UNSUPPORTED);
    rune_vm_free(stage.inner);
    rune_vm_free(inner);
}

/* When the inner call is about to begin, or has. */
static void *cancel_soon(void *token)
{
    await_kept(1);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    rune_cancel_token_cancel(token);
    return NULL;
}

static void test_cancelling_reaches_the_inner_call(void **state)
{
    (void)state;
    pthread_t thread;
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_cancel_token(options, token);
    stage.inner = open_with(remote, own_runtime, NULL);
    stage.item = "spin";
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, token), 0);
    assert_int_equal(call_reason(vm, "back", options), RUNE_REASON_CANCELLED);
    assert_int_equal(stage.reason, RUNE_REASON_CANCELLED);
    pthread_join(thread, NULL);
    rune_vm_free(stage.inner);
    rune_call_options_free(options);
    rune_cancel_token_unref(token);
}

/* Two clients, one with functions of the same names that do something else. */
static void test_two_clients(void **state)
{
    (void)state;
    int three = 3;
    rune_supervisor *other = daemon_connect();
    rune_context *other_context = make_context(&three);
    rune_runtime *other_runtime = NULL;
    assert_int_equal(rune_context_runtime(other_context, &other_runtime, NULL), RUNE_OK);
    rune_vm *other_vm = open_with(other, other_runtime, &three);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(call_i64(vm, "main"), 42);
        assert_int_equal(call_i64(other_vm, "main"), 63);
        assert_int_equal(call_i64(other_vm, "who"), 3);
    }
    rune_vm_free(other_vm);
    // A Vm takes another runtime as without a daemon.
    assert_int_equal(rune_vm_set_runtime(vm, other_runtime), RUNE_OK);
    assert_int_equal(call_i64(vm, "main"), 63);
    assert_int_equal(rune_vm_set_runtime(vm, NULL), RUNE_OK);
    assert_int_not_equal(call_reason(vm, "main", NULL), RUNE_REASON_OK);
    rune_runtime_unref(other_runtime);
    rune_context_free(other_context);
    rune_supervisor_free(other);
}

/* Many contexts: the oldest goes, and comes again when it is needed. */
static void test_more_contexts_than_are_held(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        char name[16];
        rune_context *made = rune_context_with_default_modules();
        rune_runtime *frozen = NULL;
        (void)snprintf(name, sizeof(name), "host%d", i);
        rune_module *module = rune_module_new(name);
        assert_int_equal(rune_module_function(module, "twice", 1, 0, twice, NULL, NULL), RUNE_OK);
        assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
        assert_int_equal(rune_context_runtime(made, &frozen, NULL), RUNE_OK);
        rune_vm_free(open_with(remote, frozen, NULL));
        rune_runtime_unref(frozen);
        rune_module_free(module);
        rune_context_free(made);
    }
    rune_vm *again = open_with(remote, own_runtime, &seven);
    assert_int_equal(call_i64(again, "who"), 7);
    assert_int_equal(call_i64(vm, "who"), 7);
    rune_vm_free(again);
}

/* What the client brings takes the place of what the server offers. */
static void test_beside_the_servers_functions(void **state)
{
    (void)state;
    assert_int_equal(call_i64(vm, "main"), 42);
    assert_true(pthread_equal(stage.thread, pthread_self()));
    static const char servers[] = "pub fn main() { host::double(4) }";
    rune_sources *sources = rune_sources_new();
    rune_unit *built = NULL;
    assert_int_equal(rune_sources_insert_memory(sources, "m", servers, strlen(servers), NULL), 0);
    assert_int_equal(rune_build(remote, sources, own_context, NULL, NULL, &built, NULL),
                     RUNE_E_COMPILE_FAILED);
    assert_int_equal(rune_build(remote, sources, NULL, NULL, NULL, &built, NULL), RUNE_OK);
    rune_vm *theirs = NULL;
    assert_int_equal(rune_vm_new(remote, NULL, built, NULL, &theirs, NULL), RUNE_OK);
    assert_int_equal(call_i64(theirs, "main"), 8);
    rune_vm_free(theirs);
    rune_unit_unref(built);
    rune_sources_free(sources);
}

/* Statics that are declared for a build come along with the context. */
static void test_declared_statics(void **state)
{
    (void)state;
    static const char text[] = "pub fn main() { app::LIMIT += host::twice(1); app::LIMIT }";
    rune_statics *statics = rune_statics_new();
    rune_options *options = rune_options_new();
    rune_sources *sources = rune_sources_new();
    rune_unit *built = NULL;
    rune_vm *made = NULL;
    rune_const_value *initial = rune_value_i64(5);
    assert_int_equal(rune_statics_insert(statics, "app::LIMIT", initial, NULL), RUNE_OK);
    rune_options_set_statics(options, statics);
    assert_int_equal(rune_sources_insert_memory(sources, "m", text, strlen(text), NULL), RUNE_OK);
    assert_int_equal(rune_build(remote, sources, own_context, options, NULL, &built, NULL),
                     RUNE_OK);
    assert_int_equal(rune_vm_new(remote, own_runtime, built, NULL, &made, NULL), RUNE_OK);
    assert_int_equal(call_i64(made, "main"), 7);
    assert_int_equal(call_i64(made, "main"), 9);
    assert_int_equal(rune_vm_set_static(made, "app::LIMIT", initial, NULL), RUNE_OK);
    assert_int_equal(call_i64(made, "main"), 7);
    rune_vm_free(made);
    rune_unit_unref(built);
    assert_int_equal(rune_statics_insert(statics, "host::twice", initial, NULL), RUNE_OK);
    rune_options_set_statics(options, statics);
    assert_int_equal(rune_build(remote, sources, own_context, options, NULL, &built, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    rune_value_unref(initial);
    rune_sources_free(sources);
    rune_options_free(options);
    rune_statics_free(statics);
}

/* The daemon goes while a function is out. */
static void test_the_end_of_the_daemon(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    assert_int_equal(rune_vm_send_execute(vm, "kept", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    await_kept(1);
    daemon_stop();
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_not_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(atomic_load(&stage.cancelled), 1);
    answer_in_vain();
    rune_record_free(record);
    rune_execution_free(execution);
}

static void hold_little(rune_server_options *options)
{
    unsigned rights = RUNE_RIGHT_BUILD | RUNE_RIGHT_CONTROL;
    assert_int_equal(rune_server_options_allow(options, geteuid(), rights), RUNE_OK);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 6 << 20), 0);
}

static int set_up_with_little_room(void **state)
{
    (void)state;
    return set_up_with(hold_little);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static rune_execution *begin_send(rune_vm *by, int64_t doublings)
{
    rune_const_value *arg = rune_value_i64(doublings);
    const rune_const_value *args[] = {arg};
    rune_execution *execution = NULL;
    assert_int_equal(rune_vm_send_execute(by, "send", args, 1, NULL, &execution, NULL), RUNE_OK);
    rune_value_unref(arg);
    return execution;
}

/* The reason; of a call whose arguments could not be held it is that. */
static rune_reason end_send(rune_execution *execution)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_reason reason = rune_record_reason(record);
    if (reason == RUNE_REASON_OVERLOADED) {
        const rune_error *error = rune_record_error(record);
        assert_string_equal(rune_error_kind(error), "unread");
        assert_non_null(strstr(rune_error_message(error), "arguments of a host call"));
    }
    rune_record_free(record);
    rune_execution_free(execution);
    return reason;
}

/* Kills the worker that runs a call; false: none does. */
static bool kill_worker(void)
{
    rune_text *text = NULL;
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    const char *worker = strstr(rune_text_data(text), "\"state\":\"serving\",\"calls\":1");
    while (worker && strncmp(worker, "{\"pid\":", 7) != 0) {
        worker--;
    }
    bool killed = worker && kill((pid_t)strtol(worker + 7, NULL, 10), SIGKILL) == 0;
    rune_text_free(text);
    return killed;
}

/* Ends a call early: before its arguments come, while they do, or behind them. */
static void break_off(rune_execution *execution, int round)
{
    nanosleep(&(struct timespec){.tv_nsec = round * 100000L}, NULL);
    if (round % 2 == 0 || !kill_worker()) {
        rune_execution_cancel(execution);
    }
    rune_reason reason = end_send(execution);
    assert_int_not_equal(reason, RUNE_REASON_OVERLOADED);
}

/* What may not be held for a user, here 6 MiB, is not held while it comes from a worker either. What was held is
 * given back, however the call ends. */
static void test_arguments_on_their_way(void **state)
{
    (void)state;
    rune_execution *executions[2];
    rune_vm *vms[2] = {vm, open_with(remote, own_runtime, &seven)};
    assert_int_equal(end_send(begin_send(vms[0], 3)), RUNE_REASON_OK);
    size_t before = heap_bytes();
    size_t most = 0;
    for (int i = 0; i < 2; i++) {
        executions[i] = begin_send(vms[i], 23);
    }
    while (!rune_execution_poll(executions[0]) || !rune_execution_poll(executions[1])) {
        size_t now = heap_bytes();
        most = now > before + most ? now - before : most;
    }
    print_message("  %zu KiB for two arguments of 8 MiB\n", most >> 10);
    assert_true(most < (size_t)4 << 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(end_send(executions[i]), RUNE_REASON_OVERLOADED);
    }
    for (int i = 0; i < 60; i++) {
        break_off(begin_send(vms[i % 2], 22), i);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(end_send(begin_send(vms[i % 2], 22)), RUNE_REASON_OK);
    }
    rune_vm_free(vms[1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_synchronous_calls),
        CASE(test_large_values_go_both_ways),
        CASE(test_answers_that_come_later),
        CASE(test_a_function_that_never_answers),
        CASE(test_executions),
        CASE(test_cancelling),
        CASE(test_the_hosts_time),
        CASE(test_calls_inside_of_host_functions),
        CASE(test_cancelling_reaches_the_inner_call),
        CASE(test_two_clients),
        CASE(test_more_contexts_than_are_held),
        CASE(test_declared_statics),
        CASE(test_the_end_of_the_daemon),
        cmocka_unit_test_setup_teardown(test_arguments_on_their_way, set_up_with_little_room,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_beside_the_servers_functions,
                                        set_up_beside_the_servers, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
