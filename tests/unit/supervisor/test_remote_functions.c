/*
 * Functions that Vms in a daemon keep: what test_functions.c does not ask of every Vm. Scripts by name and their next
 * version, what one user may keep, and that nothing stays when it is given up, in whatever way.
 */
#include "tests/unit/supervisor/daemon.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "supervisor/peer.h"
#include "supervisor/remote_state.h"
#include "supervisor/supervisor.h"

static const char script[] = "static COUNT = 10;\n"
                             "pub fn adder(n) { |x| x + n }\n"
                             "pub fn counter() { || { COUNT += 1; COUNT } }\n"
                             "pub fn printer() { |x| { println!(\"{}\", x); x } }\n"
                             "pub fn looping() { || loop {} }\n"
                             "pub fn number() { 7 }\n"
                             "pub fn spin() { loop {} }\n"
                             "pub fn print() { println!(\"x\"); }\n"
                             "fn numbers() { yield 1; yield 2; }\n"
                             "pub fn generator() {\n"
                             "    let g = [numbers()];\n"
                             "    || g[0].next().unwrap()\n"
                             "}\n"
                             "pub fn version() { 1 }\n";
static const char next_version[] = "pub fn version() { 2 }\n"
                                   "pub fn adder(n) { |x| x + n + 100 }\n";
static const char hosted[] = "pub fn doubler() { |x| host::double(x) }\n"
                             "pub fn later() { async |x| host::later(x).await }\n";
static const char plain[] = "pub fn adder(n) { |x| x + n }\n";

#define FEW 3

static rune_supervisor *remote;
static rune_unit *unit;

static void few(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_FUNCTIONS, FEW),
                     RUNE_OK);
}

/* One function, and no room for the record of its call. */
static void no_room(rune_server_options *options)
{
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_FUNCTIONS, 1), RUNE_OK);
    assert_int_equal(rune_server_options_set_peer_limit(options, RUNE_PEER_BYTES, 100), RUNE_OK);
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

static int set_up_without_room(void **state)
{
    (void)state;
    return set_up_with(no_room);
}

static int tear_down(void **state)
{
    (void)state;
    rune_unit_unref(unit);
    daemon_leave(remote);
    return 0;
}

static rune_status try_keep(rune_vm *vm, const char *item, rune_function **out_function)
{
    rune_const_value *number = rune_value_i64(5);
    const rune_const_value *args[] = {number};
    size_t count = strcmp(item, "adder") == 0 ? 1 : 0;
    rune_status status = rune_vm_call_function(vm, item, args, count, NULL, out_function, NULL);
    rune_value_unref(number);
    return status;
}

static rune_function *keep(rune_vm *vm, const char *item)
{
    rune_function *function = NULL;
    assert_int_equal(try_keep(vm, item, &function), RUNE_OK);
    return function;
}

/* With one argument, or with none if that is negative. */
static rune_status call_with(rune_function *function, int64_t argument,
                             const rune_call_options *options, int64_t *out_number)
{
    rune_const_value *value = NULL;
    rune_const_value *number = rune_value_i64(argument);
    const rune_const_value *args[] = {number};
    rune_status status =
        rune_function_call(function, args, argument < 0 ? 0 : 1, options, &value, NULL);
    rune_value_unref(number);
    if (status == RUNE_OK) {
        assert_true(rune_value_get_i64(value, out_number));
        rune_value_unref(value);
    }
    return status;
}

static int64_t call(rune_function *function, int64_t argument)
{
    int64_t number = INT64_MIN;
    assert_int_equal(call_with(function, argument, NULL, &number), RUNE_OK);
    return number;
}

/* What is left */

/* Vms that workers keep something for. */
static unsigned pinned(void)
{
    unsigned count = 0;
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            pthread_mutex_lock(&peer->lock);
            count += peer->pinned;
            pthread_mutex_unlock(&peer->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

static void await_pinned(unsigned wanted)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (pinned() != wanted && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(pinned(), wanted);
}

/* What the daemon counts for the connections, one after the other. */
static long long counted(void)
{
    long long sum = 0;
    rune_text *text = NULL;
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    for (const char *at = rune_text_data(text); (at = strstr(at, "\"functions\":")) != NULL;) {
        at += strlen("\"functions\":");
        sum += strtoll(at, NULL, 10);
    }
    rune_text_free(text);
    return sum;
}

/* Calls */

static bool hear(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    assert_int_equal(size, 2);
    assert_memory_equal(data, "9\n", 2);
    *(int *)user += 1;
    return true;
}

static void test_options_of_calls(void **state)
{
    (void)state;
    int64_t number = 0;
    int heard = 0;
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 100000);
    rune_function *printer = keep(vm, "printer");
    rune_function *looping = keep(vm, "looping");
    assert_int_equal(call_with(looping, -1, options, &number), RUNE_E_LIMIT);
    rune_call_options_set_cancel_token(options, token);
    rune_call_options_set_output(options, hear, &heard);
    assert_int_equal(call_with(printer, 9, options, &number), RUNE_OK);
    assert_int_equal(number, 9);
    assert_int_equal(heard, 1);
    rune_cancel_token_cancel(token);
    assert_int_equal(call_with(printer, 9, options, &number), RUNE_E_CANCELLED);
    assert_int_equal(call(printer, 4), 4);
    rune_call_options_free(options);
    rune_cancel_token_unref(token);
    rune_function_unref(printer);
    rune_function_unref(looping);
    rune_vm_free(vm);
}

static void test_functions_of_the_client(void **state)
{
    (void)state;
    rune_unit *of_hosts = build(hosted);
    rune_vm *vm = vm_by(remote, of_hosts, RUNE_ISOLATION_SHARED, "");
    rune_sync_function *sync = NULL;
    rune_const_value *value = NULL;
    rune_function *doubler = keep(vm, "doubler");
    rune_function *later = keep(vm, "later");
    assert_int_equal(call(doubler, 21), 42);
    assert_int_equal(call(later, 1), 1001);
    assert_int_equal(rune_function_into_sync(doubler, &sync, NULL), RUNE_OK);
    rune_function_unref(doubler);
    rune_function_unref(later);
    rune_vm_free(vm);
    rune_const_value *number = rune_value_i64(4);
    const rune_const_value *args[] = {number};
    assert_int_equal(rune_sync_function_call(sync, args, 1, NULL, &value, NULL), RUNE_OK);
    int64_t got = 0;
    assert_true(rune_value_get_i64(value, &got));
    assert_int_equal(got, 8);
    rune_value_unref(value);
    rune_value_unref(number);
    rune_sync_function_unref(sync);
    rune_unit_unref(of_hosts);
}

/* Statics that wait go with a call of a function as with any other. */
static void test_statics_go_along(void **state)
{
    (void)state;
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *value = rune_value_i64(40);
    rune_function *counter = keep(vm, "counter");
    assert_int_equal(call(counter, -1), 11);
    assert_int_equal(rune_vm_set_static(vm, "COUNT", value, NULL), RUNE_OK);
    assert_int_equal(call(counter, -1), 41);
    assert_int_equal(call(counter, -1), 42);
    assert_int_equal(static_i64(vm, "COUNT"), 42);
    rune_value_unref(value);
    rune_function_unref(counter);
    rune_vm_free(vm);
}

static void test_a_vm_that_runs(void **state)
{
    (void)state;
    int64_t number = 0;
    rune_execution *execution = NULL;
    rune_function *more = NULL;
    rune_sync_function *sync = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 200000000);
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "adder");
    rune_function *other = keep(vm, "adder");
    assert_int_equal(counted(), 2);
    // Ends by itself: whose worker is killed loses the Vm.
    assert_int_equal(rune_vm_send_execute(vm, "spin", NULL, 0, options, &execution, NULL), RUNE_OK);
    assert_int_equal(call_with(function, 1, NULL, &number), RUNE_E_BUSY);
    assert_int_equal(try_keep(vm, "adder", &more), RUNE_E_BUSY);
    assert_int_equal(rune_function_into_sync(function, &sync, NULL), RUNE_E_BUSY);
    rune_function_unref(other); // goes when the call has ended
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    rune_execution_free(execution);
    rune_call_options_free(options);
    assert_int_equal(call(function, 1), 6);
    assert_int_equal(counted(), 1);
    rune_function_unref(function);
    rune_vm_free(vm);
}

/* Ends */

static void test_another_unit_or_runtime(void **state)
{
    (void)state;
    int64_t number = 0;
    rune_sync_function *sync = NULL;
    rune_unit *same = build(script); // by content
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *first = keep(vm, "adder");
    assert_int_equal(rune_vm_set_unit(vm, unit), RUNE_OK); // nothing changes
    assert_int_equal(call(first, 1), 6);
    assert_int_equal(rune_vm_set_unit(vm, same), RUNE_OK);
    assert_int_equal(call_with(first, 1, NULL, &number), RUNE_E_STALE);
    assert_int_equal(rune_function_into_sync(first, &sync, NULL), RUNE_E_STALE);
    rune_function *second = keep(vm, "adder");
    assert_int_equal(rune_vm_set_runtime(vm, NULL), RUNE_OK);
    assert_int_equal(call_with(second, 1, NULL, &number), RUNE_E_STALE);
    rune_function *third = keep(vm, "adder");
    rune_function_unref(first);
    rune_function_unref(second);
    assert_int_equal(call(third, 1), 6);
    assert_int_equal(counted(), 1);
    rune_function_unref(third);
    assert_int_equal(counted(), 0);
    rune_vm_free(vm);
    rune_unit_unref(same);
}

/* In whatever way a function is given up, its worker is not bound to the Vm afterwards. */
static void test_nothing_stays(void **state)
{
    (void)state;
    rune_unit *of_none = build(plain); // without statics, which would bind it as well
    unsigned before = pinned();
    rune_vm *vm = vm_by(remote, of_none, RUNE_ISOLATION_SHARED, "");
    rune_function *first = keep(vm, "adder");
    rune_function *second = keep(vm, "adder");
    await_pinned(before + 1);
    rune_function_unref(first);
    assert_int_equal(call(second, 1), 6);
    await_pinned(before + 1);
    rune_function_unref(second);
    await_pinned(before);
    second = keep(vm, "adder");
    await_pinned(before + 1);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    await_pinned(before);
    rune_function_unref(second);
    second = keep(vm, "adder");
    rune_vm_free(vm); // which the function holds
    assert_int_equal(call(second, 1), 6);
    await_pinned(before + 1);
    rune_function_unref(second);
    await_pinned(before);
    assert_int_equal(counted(), 0);
    rune_unit_unref(of_none);
}

/* The socket of a client that still has everything. */
static void test_a_client_that_vanishes(void **state)
{
    (void)state;
    int64_t number = 0;
    rune_unit *of_none = build(plain);
    unsigned before = pinned();
    rune_function *functions[FEW];
    rune_function *more = NULL;
    rune_supervisor *client = daemon_connect();
    rune_vm *vm = vm_by(client, of_none, RUNE_ISOLATION_SHARED, "");
    rune_vm *other = vm_by(remote, of_none, RUNE_ISOLATION_SHARED, "");
    for (int i = 0; i < FEW; i++) {
        functions[i] = keep(vm, "adder");
    }
    assert_int_equal(counted(), FEW);
    assert_int_equal(try_keep(other, "adder", &more), RUNE_E_OVERLOADED);
    assert_int_equal(shutdown(client->remote->fd, SHUT_RDWR), 0);
    assert_int_equal(call_with(functions[0], 1, NULL, &number), RUNE_E_CLOSED);
    await_pinned(before);
    daemon_await("connections", 2); // this one, and the one that asks
    assert_int_equal(counted(), 0);
    for (int i = 0; i < FEW; i++) {
        rune_function_unref(functions[i]);
        functions[i] = keep(other, "adder");
    }
    rune_vm_free(vm);
    rune_supervisor_free(client);
    for (int i = 0; i < FEW; i++) {
        assert_int_equal(call(functions[i], 1), 6);
        rune_function_unref(functions[i]);
    }
    rune_vm_free(other);
    await_pinned(before);
    rune_unit_unref(of_none);
}

/* What a user may keep */

static void test_few(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_function *more = NULL;
    rune_function *functions[FEW];
    rune_supervisor *client = daemon_connect(); // of the same user
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *theirs = vm_by(client, unit, RUNE_ISOLATION_SHARED, "");
    assert_int_equal(try_keep(vm, "number", &more), RUNE_E_SCRIPT_ERROR); // which keeps nothing
    assert_int_equal(try_keep(vm, "missing", &more), RUNE_E_NOT_FOUND);
    functions[0] = keep(vm, "adder");
    functions[1] = keep(vm, "adder");
    functions[2] = keep(theirs, "adder");
    assert_int_equal(rune_vm_call_function(theirs, "counter", NULL, 0, NULL, &more, &error),
                     RUNE_E_OVERLOADED);
    assert_int_equal(rune_error_reason(error), RUNE_REASON_OVERLOADED);
    assert_string_equal(rune_error_message(error), "this user keeps as many functions as it may");
    rune_error_free(error);
    assert_int_equal(call(functions[2], 1), 6); // calls go on
    rune_function_unref(functions[0]);
    functions[0] = keep(vm, "adder");
    assert_int_equal(try_keep(vm, "adder", &more), RUNE_E_OVERLOADED);
    assert_int_equal(rune_vm_reset(theirs), RUNE_OK);
    more = keep(vm, "adder");
    assert_int_equal(try_keep(theirs, "adder", &functions[2]), RUNE_E_OVERLOADED);
    rune_function_unref(more);
    rune_function_unref(functions[2]);
    rune_vm_free(theirs);
    rune_function_unref(functions[0]);
    rune_function_unref(functions[1]);
    assert_int_equal(counted(), 0);
    rune_vm_free(vm);
    rune_supervisor_free(client);
}

/* A function that the client was not told of is not kept, nor counted. */
static void test_an_end_that_is_not_told(void **state)
{
    (void)state;
    rune_vm *vm = daemon_vm(remote);
    for (int i = 0; i < 3; i++) {
        rune_error *error = NULL;
        rune_function *function = NULL;
        assert_int_equal(rune_vm_call_function(vm, "counter", NULL, 0, NULL, &function, &error),
                         RUNE_E_OVERLOADED);
        assert_string_equal(rune_error_kind(error), "unread");
        rune_error_free(error);
    }
    rune_vm_free(vm);
}

/* Scripts by name */

static void await_version(int64_t version)
{
    rune_vm *watched = daemon_vm(remote);
    int64_t until = now_ms() + PATIENCE_MS;
    while (call_i64(watched, "version") != version && now_ms() < until) {
    }
    assert_int_equal(call_i64(watched, "version"), version);
    rune_vm_free(watched);
}

static void test_scripts_by_name(void **state)
{
    (void)state;
    int64_t number = 0;
    rune_error *error = NULL;
    rune_sync_function *sync = NULL;
    rune_const_value *value = NULL;
    rune_vm *vm = daemon_vm(remote);
    rune_function *adder = keep(vm, "adder");
    rune_function *generator = keep(vm, "generator");
    assert_string_equal(rune_function_item(adder), "adder::$0::$0");
    assert_int_equal(call(adder, 1), 6);
    assert_int_equal(rune_function_into_sync(generator, &sync, &error), RUNE_E_CONST_UNSUPPORTED);
    assert_non_null(strstr(rune_error_message(error), "`g[0]`, captured at /"));
    assert_non_null(strstr(rune_error_message(error),
                           "/a.rn:12:5: `::std::ops::generator::Generator` cannot be sent to "
                           "another process"));
    rune_error_free(error);
    assert_int_equal(rune_function_into_sync(adder, &sync, NULL), RUNE_OK);
    // The version that made them is replaced: they go with it, at the latest with the next call.
    daemon_write("a.rn", next_version);
    await_version(2);
    assert_int_equal(call_with(adder, 1, NULL, &number), RUNE_E_STALE);
    assert_int_equal(call_with(generator, -1, NULL, &number), RUNE_E_STALE);
    assert_int_equal(counted(), 0);
    rune_function *next = keep(vm, "adder");
    rune_function_unref(adder);
    rune_function_unref(generator);
    assert_int_equal(call(next, 1), 106);
    assert_int_equal(counted(), 1);
    rune_function_unref(next);
    rune_vm_free(vm);
    // A value belongs to its Unit, not to the name.
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {one};
    assert_int_equal(rune_sync_function_call(sync, args, 1, NULL, &value, NULL), RUNE_OK);
    assert_true(rune_value_get_i64(value, &number));
    assert_int_equal(number, 6);
    rune_value_unref(value);
    rune_value_unref(one);
    rune_sync_function_unref(sync);
}

/* Whether the daemon has a worker of the domain `tenant`. */
static bool has_tenant(void)
{
    rune_text *text = NULL;
    assert_int_equal(rune_connect_query(remote, RUNE_QUERY_PS, &text, NULL), RUNE_OK);
    bool found = strstr(rune_text_data(text), "/tenant\"") != NULL;
    rune_text_free(text);
    return found;
}

/* While the call runs. */
static bool find_tenant(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    *(bool *)user = has_tenant();
    return true;
}

/* The domain of the Vm is that of the value's calls. */
static void test_the_domain_goes_along(void **state)
{
    (void)state;
    bool found = false;
    rune_vm *vm = NULL;
    rune_sync_function *sync = NULL;
    rune_const_value *value = NULL;
    rune_const_value *number = rune_value_i64(1);
    const rune_const_value *args[] = {number};
    rune_call_options *heard = rune_call_options_new();
    rune_vm_options *options = rune_vm_options_new();
    rune_call_options_set_output(heard, find_tenant, &found);
    assert_int_equal(rune_vm_options_set_domain(options, "tenant"), RUNE_OK);
    assert_int_equal(rune_vm_new(remote, NULL, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    rune_function *printer = keep(vm, "printer");
    assert_int_equal(rune_function_into_sync(printer, &sync, NULL), RUNE_OK);
    rune_function_unref(printer);
    // The domain ends with its last Vm: what is there afterwards the call has made.
    rune_vm_free(vm);
    int64_t until = now_ms() + PATIENCE_MS;
    while (has_tenant() && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_false(has_tenant());
    assert_int_equal(rune_sync_function_call(sync, args, 1, heard, &value, NULL), RUNE_OK);
    assert_true(found);
    rune_value_unref(value);
    rune_value_unref(number);
    rune_call_options_free(heard);
    rune_sync_function_unref(sync);
}

/* Threads */

static struct {
    rune_vm *vm;
    rune_function *function;
    rune_status keep;
    rune_status call;
    rune_status sync;
} asked;

static bool ask_in_sink(void *user, int stream, const char *data, size_t size)
{
    int64_t number = 0;
    rune_function *made = NULL;
    rune_sync_function *sync = NULL;
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    asked.keep = try_keep(asked.vm, "adder", &made);
    asked.call = call_with(asked.function, 1, NULL, &number);
    asked.sync = rune_function_into_sync(asked.function, &sync, NULL);
    return true;
}

/* What would wait for the daemon says so. */
static void test_in_a_callback(void **state)
{
    (void)state;
    rune_execution *execution = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_vm *vm = daemon_vm(remote);
    asked.vm = daemon_vm(remote);
    asked.function = keep(asked.vm, "adder");
    rune_call_options_set_output(options, ask_in_sink, NULL);
    assert_int_equal(rune_vm_send_execute(vm, "print", NULL, 0, options, &execution, NULL),
                     RUNE_OK);
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(asked.keep, RUNE_E_BUSY);
    assert_int_equal(asked.call, RUNE_E_BUSY);
    assert_int_equal(asked.sync, RUNE_E_BUSY);
    assert_int_equal(call(asked.function, 1), 6);
    assert_int_equal(counted(), 1);
    rune_execution_free(execution);
    rune_call_options_free(options);
    rune_function_unref(asked.function);
    rune_vm_free(asked.vm);
    rune_vm_free(vm);
}

/* All that there is of a connection, given up on the thread that receives for it; which goes last differs. */
static struct {
    rune_supervisor *supervisor;
    rune_vm *vm;
    rune_function *function;
    int last;
    sem_t done;
} final;

static void give_up(int which, rune_execution *execution)
{
    switch (which % 4) {
    case 0:
        rune_supervisor_free(final.supervisor);
        break;
    case 1:
        rune_vm_free(final.vm);
        break;
    case 2:
        rune_function_unref(final.function);
        break;
    default:
        rune_execution_free(execution);
        break;
    }
}

static void give_up_all(void *user, rune_execution *execution)
{
    (void)user;
    for (int i = 1; i <= 4; i++) {
        give_up(final.last + i, execution);
    }
    sem_post(&final.done);
}

static void test_the_last_handle_goes_in_a_callback(void **state)
{
    (void)state;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 50000000);
    sem_init(&final.done, 0, 0);
    for (final.last = 0; final.last < 4; final.last++) {
        rune_execution *execution = NULL;
        final.supervisor = daemon_connect();
        final.vm = vm_by(final.supervisor, unit, RUNE_ISOLATION_SHARED, "");
        final.function = keep(final.vm, "adder");
        assert_int_equal(rune_vm_send_execute(final.vm, "spin", NULL, 0, options, &execution, NULL),
                         RUNE_OK);
        assert_int_equal(rune_execution_on_end(execution, give_up_all, NULL), RUNE_OK);
        while (sem_wait(&final.done) != 0) {
        }
        daemon_await("connections", 2); // the fixture's, and the one that asks
    }
    sem_destroy(&final.done);
    rune_call_options_free(options);
}

#define THREADS 4
#define ROUNDS 50

static void *keep_and_call(void *argument)
{
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    atomic_int *good = argument;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t number = 0;
        rune_function *function = NULL;
        if (try_keep(vm, "adder", &function) == RUNE_OK &&
            call_with(function, i, NULL, &number) == RUNE_OK && number == i + 5) {
            atomic_fetch_add(good, 1);
        }
        if (i % 7 == 0) {
            (void)!rune_vm_reset(vm);
        }
        rune_function_unref(function);
    }
    rune_vm_free(vm);
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    atomic_int good = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, keep_and_call, &good), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(good, THREADS * ROUNDS);
    assert_int_equal(counted(), 0);
}

static void test_the_end_of_the_daemon(void **state)
{
    (void)state;
    int64_t number = 0;
    rune_function *more = NULL;
    rune_sync_function *sync = NULL;
    rune_vm *vm = vm_by(remote, unit, RUNE_ISOLATION_SHARED, "");
    rune_function *function = keep(vm, "adder");
    daemon_stop();
    assert_int_equal(call_with(function, 1, NULL, &number), RUNE_E_CLOSED);
    assert_int_equal(rune_function_into_sync(function, &sync, NULL), RUNE_E_CLOSED);
    assert_int_equal(try_keep(vm, "adder", &more), RUNE_E_CLOSED);
    assert_string_equal(rune_function_item(function), "adder::$0::$0");
    rune_function_unref(function);
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_options_of_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_functions_of_the_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_statics_go_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_vm_that_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_unit_or_runtime, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_that_vanishes, set_up_few, tear_down),
        cmocka_unit_test_setup_teardown(test_few, set_up_few, tear_down),
        cmocka_unit_test_setup_teardown(test_an_end_that_is_not_told, set_up_without_room,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_scripts_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_domain_goes_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_a_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_handle_goes_in_a_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_daemon, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
