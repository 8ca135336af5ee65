/* scenes_wide.c: the scenes of functions, batches, replies, killed workers, tools and daemons; see scenes.h. */
#include "tests/fault/scenes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <runeward/vm_pool.h>

#include "base/alloc.h"
#include "supervisor/call.h"
#include "supervisor/host_call.h"
#include "supervisor/peer.h"

#define BATCH 4u

static const char text[] =
    "static COUNT = 0;\n"
    "pub fn adder(n) { |x| x + n }\n"
    "pub fn counting() { || { COUNT += 1; COUNT } }\n"
    "pub fn apply(f) { f(1) }\n"
    "pub fn one() { println!(\"one\"); 1 }\n"
    "pub async fn later() { let a = host::later(1); let b = host::later(2); a.await + b.await }\n"
    "pub fn killed() { println!(\"before\"); let a = test::kill(); println!(\"after\"); a }\n"
    "pub fn never() { host::never() }\n"
    "pub fn endless() { loop {} }\n"
    "struct Point { x, y }\n"
    "pub fn point() { Point { x: 1, y: 2 } }\n";
static const char wrong[] = "pub fn a( { 1 }\npub fn b() { missing }\n";

static rune_context *own_context;
static rune_runtime *own_runtime;
static rune_unit *unit;
static atomic_int kills;                       /* left */
static char served[] = "/tmp/rn-fault-XXXXXX"; /* the daemon's folder */
static char script[64];

/* ---- Set up ---- */

static void *reply_later(void *argument)
{
    rune_host_call *call = argument;
    rune_const_value *value = rune_value_i64(20);
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
    return NULL;
}

static void host_later(void *user, rune_host_call *call)
{
    pthread_t thread;
    (void)user;
    if (pthread_create(&thread, NULL, reply_later, call) != 0) {
        (void)rune_host_call_fail(call, "no thread");
        return;
    }
    pthread_detach(thread);
}

static void host_never(void *user, rune_host_call *call)
{
    (void)user;
    (void)call;
}

static void test_kill(void *user, rune_host_call *call)
{
    (void)user;
    if (atomic_load(&kills) > 0) {
        atomic_fetch_sub(&kills, 1);
        rn_child_kill(&call->call->peer->child);
    }
    rune_const_value *value = rune_value_i64(5);
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
}

static void install(const char *name, const char *function, int16_t arity, unsigned flags,
                    rune_host_fn fn)
{
    rune_module *module = rune_module_new(name);
    assert_non_null(module);
    assert_int_equal(rune_module_function(module, function, arity, flags, fn, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(own_context, module, NULL), RUNE_OK);
    rune_module_free(module);
}

int scenes_wide_set_up(void)
{
    own_context = rune_context_with_default_modules();
    assert_non_null(own_context);
    install("host", "later", 1, RUNE_FUNCTION_ASYNC, host_later);
    install("host", "never", 0, 0, host_never);
    install("test", "kill", 0, 0, test_kill);
    assert_int_equal(rune_context_runtime(own_context, &own_runtime, NULL), RUNE_OK);
    rune_context *saved = context;
    context = own_context;
    unit = build(text);
    context = saved;
    assert_non_null(mkdtemp(served));
    assert_int_equal(chmod(served, 0711), 0);
    (void)snprintf(script, sizeof(script), "%s/client.rn", served);
    FILE *file = fopen(script, "we");
    assert_non_null(file);
    assert_true(fputs("pub fn main() { 3 }\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return 0;
}

void scenes_wide_tear_down(void)
{
    (void)unlink(script);
    (void)rmdir(served);
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    rune_context_free(own_context);
}

/* ---- Calls ---- */

static bool new_one(rune_supervisor *by, rune_runtime *with, rune_unit *of, rune_vm **out_vm)
{
    rune_error *error = NULL;
    return WENT_WELL(rune_vm_new(by, with, of, NULL, out_vm, &error), error);
}

static bool call(rune_vm *vm, const char *item, const rune_call_options *options)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_status status = rune_vm_call_record(vm, item, NULL, 0, options, &record, &error);
    return is_good(status, record, error);
}

static bool call_once(const char *item)
{
    rune_vm *vm = NULL;
    rune_call_options *options = rune_call_options_new();
    bool good = options && new_one(supervisor, own_runtime, unit, &vm);
    if (good) {
        rune_call_options_set_output(options, take, NULL);
        good = call(vm, item, options);
    }
    rune_vm_free(vm);
    rune_call_options_free(options);
    return good;
}

bool scene_of_later_replies(void)
{
    return call_once("later");
}

bool scene_of_a_killed_worker(void)
{
    atomic_store(&kills, 1);
    bool good = call_once("killed");
    atomic_store(&kills, 0);
    return good;
}

/* Names that are missing for want of memory are an error, and not left out. */
bool scene_of_names(void)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_text *json = NULL;
    bool good = new_one(supervisor, own_runtime, unit, &vm);
    if (good) {
        good = WENT_WELL(rune_vm_call(vm, "point", NULL, 0, NULL, &value, &error), error);
    }
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_unit_value_to_json(unit, value, &json, &error), error);
    }
    if (good) {
        assert_string_equal(rune_text_data(json), "{\"x\":1,\"y\":2}");
    }
    rune_text_free(json);
    rune_value_unref(value);
    rune_vm_free(vm);
    return good;
}

/* ---- Functions ---- */

static bool call_function(rune_function *function, const rune_const_value *argument)
{
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    const rune_const_value *args[] = {argument};
    bool good = WENT_WELL(rune_function_call(function, args, 1, NULL, &value, &error), error);
    rune_value_unref(value);
    return good;
}

/* Elsewhere, and as an argument of a call of the Vm. */
static bool use_sync(rune_vm *vm, rune_function *function, const rune_const_value *argument)
{
    rune_error *error = NULL;
    rune_const_value *value = NULL;
    rune_sync_function *sync = NULL;
    const rune_const_value *args[] = {argument};
    bool good = WENT_WELL(rune_function_into_sync(function, &sync, &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_sync_function_call(sync, args, 1, NULL, &value, &error), error);
        rune_value_unref(RN_TAKE(value));
    }
    if (good) {
        args[0] = rune_sync_function_to_value(sync);
        error = NULL;
        good = WENT_WELL(rune_vm_call(vm, "apply", args, 1, NULL, &value, &error), error);
        rune_value_unref(value);
    }
    rune_sync_function_unref(sync);
    return good;
}

static bool use_functions(rune_supervisor *by)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_function *adder = NULL;
    rune_function *counting = NULL;
    rune_const_value *number = rune_value_i64(4);
    const rune_const_value *args[] = {number};
    bool good = number && new_one(by, own_runtime, unit, &vm);
    if (good) {
        good = WENT_WELL(rune_vm_call_function(vm, "adder", args, 1, NULL, &adder, &error), error);
    }
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_vm_call_function(vm, "counting", NULL, 0, NULL, &counting, &error),
                         error);
    }
    good = good && call_function(adder, number) && use_sync(vm, adder, number);
    rune_function_unref(counting);
    rune_function_unref(adder);
    rune_value_unref(number);
    rune_vm_free(vm);
    return good;
}

bool scene_of_functions(void)
{
    return use_functions(supervisor);
}

/* ---- Batches ---- */

static bool call_all(rune_vm *const *vms)
{
    rune_error *error = NULL;
    rune_record *records[BATCH] = {NULL};
    rune_batch_call calls[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        calls[i] = (rune_batch_call){.vm = vms[i], .item = "one"};
    }
    rune_status status = rune_call_many(calls, BATCH, records, &error);
    bool good = WENT_WELL(status, error);
    for (unsigned i = 0; i < BATCH; i++) {
        good = is_good(status, records[i], NULL) && good;
    }
    return good;
}

bool scene_of_a_batch(void)
{
    rune_error *error = NULL;
    rune_vm_pool *pool = NULL;
    rune_vm *vms[BATCH] = {NULL};
    bool good = WENT_WELL(rune_vm_pool_new(supervisor, NULL, BATCH, &pool, &error), error);
    for (unsigned i = 0; good && i < BATCH; i++) {
        error = NULL;
        good = WENT_WELL(rune_vm_pool_take(pool, own_runtime, unit, &vms[i], &error), error);
    }
    good = good && call_all(vms);
    for (unsigned i = 0; i < BATCH; i++) {
        if (vms[i]) {
            assert_int_equal(rune_vm_pool_give(pool, vms[i]), RUNE_OK);
        }
    }
    rune_vm_pool_free(pool);
    return good;
}

/* ---- Ends ---- */

static bool cancel_one(rune_vm *vm)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_execution *execution = NULL;
    rune_status status = rune_vm_send_execute(vm, "never", NULL, 0, NULL, &execution, &error);
    bool good = WENT_WELL(status, error);
    if (execution) {
        rune_execution_cancel(execution);
        assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
        status = rune_execution_complete(execution, &record);
        good = WENT_WELL(status, NULL) && rune_record_reason(record) == RUNE_REASON_CANCELLED;
        rune_record_free(record);
        rune_execution_free(execution);
    }
    return good;
}

static bool end_one(rune_vm *vm)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    bool good = limits && options;
    if (good) {
        assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_BUDGET, 1000), RUNE_OK);
        assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
        rune_status status = rune_vm_call_record(vm, "endless", NULL, 0, options, &record, &error);
        good = WENT_WELL(status, error) && rune_record_reason(record) == RUNE_REASON_BUDGET;
        rune_record_free(record);
    }
    rune_call_options_free(options);
    rune_limits_free(limits);
    return good;
}

bool scene_of_ends(void)
{
    rune_vm *vm = NULL;
    bool good = new_one(supervisor, own_runtime, unit, &vm) && cancel_one(vm) && end_one(vm);
    rune_vm_free(vm);
    return good;
}

/* ---- Tools ---- */

static bool build_wrong(void)
{
    rune_unit *made = NULL;
    rune_text *said = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    bool good =
        sources && diagnostics &&
        WENT_WELL(rune_sources_insert_memory(sources, "wrong.rn", wrong, strlen(wrong), &error),
                  error);
    if (good) {
        error = NULL;
        rune_status status =
            rune_build(supervisor, sources, NULL, NULL, diagnostics, &made, &error);
        good = status == RUNE_E_COMPILE_FAILED;
        assert_false(WENT_WELL(status, error));
    }
    good = good && rune_diagnostics_render(diagnostics, false, &said) == RUNE_OK;
    rune_text_free(said);
    rune_unit_unref(made);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return good;
}

static bool format_and_outline(rune_supervisor *by)
{
    rune_text *out = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    bool good =
        sources &&
        WENT_WELL(rune_sources_insert_memory(sources, "a.rn", text, strlen(text), &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_format(by, sources, NULL, NULL, &out, &error), error);
        rune_text_free(RN_TAKE(out));
    }
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_outline(by, sources, NULL, NULL, &out, &error), error);
        rune_text_free(out);
    }
    rune_sources_free(sources);
    return good;
}

bool scene_of_source_tools(void)
{
    bool good = build_wrong();
    return format_and_outline(supervisor) && good;
}

/* ---- A daemon ---- */

static void *run_server(void *server)
{
    rune_server_run(server);
    return NULL;
}

static bool build_there(rune_supervisor *remote, rune_unit **out_unit)
{
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    bool good = sources && WENT_WELL(rune_sources_insert_file(sources, script, &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_build(remote, sources, NULL, NULL, NULL, out_unit, &error), error);
    }
    rune_sources_free(sources);
    return good;
}

static bool ask(rune_supervisor *remote)
{
    rune_text *said = NULL;
    rune_error *error = NULL;
    bool good = WENT_WELL(rune_connect_query(remote, RUNE_QUERY_STATUS, &said, &error), error);
    rune_text_free(said);
    return good;
}

/* The client's own folder, which happens to be the daemon's. */
static bool watch_there(rune_supervisor *remote)
{
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    bool good = WENT_WELL(rune_watch_new(remote, served, NULL, &watch, &error), error);
    if (good) {
        rune_unit *current = rune_watch_current(watch, "client");
        good = current != NULL;
        rune_unit_unref(current);
    }
    rune_watch_free(watch);
    return good;
}

static bool use_daemon(const char *socket)
{
    rune_vm *vm = NULL;
    rune_vm *of_script = NULL;
    rune_unit *made = NULL;
    rune_error *error = NULL;
    rune_supervisor *remote = NULL;
    bool good = WENT_WELL(rune_supervisor_connect(socket, NULL, &remote, &error), error);
    good = good && build_there(remote, &made) && format_and_outline(remote) &&
           new_one(remote, NULL, made, &vm) && call(vm, "main", NULL);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_connect_vm(remote, "client", NULL, &of_script, &error), error);
    }
    good = good && call(of_script, "main", NULL) && ask(remote) && use_functions(remote) &&
           watch_there(remote);
    rune_vm_free(of_script);
    rune_vm_free(vm);
    rune_unit_unref(made);
    rune_supervisor_free(remote);
    return good;
}

static bool serve(const char *socket, rune_server *server)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_server, server) != 0) {
        return false;
    }
    bool good = use_daemon(socket);
    rune_server_drain(server, 0);
    pthread_join(thread, NULL);
    return good;
}

bool scene_of_a_daemon(void)
{
    char socket[128];
    rune_error *error = NULL;
    rune_server *server = NULL;
    rune_server_options *options = rune_server_options_new();
    (void)snprintf(socket, sizeof(socket), "%s", at("socket"));
    bool good = options && WENT_WELL(rune_server_options_set_socket(options, socket), NULL) &&
                WENT_WELL(rune_server_options_set_directory(options, served), NULL);
    if (good) {
        good = WENT_WELL(rune_server_new(supervisor, options, &server, &error), error);
    }
    good = good && serve(socket, server);
    rune_server_free(server);
    rune_server_options_free(options);
    return good;
}
