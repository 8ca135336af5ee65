/*
 * Workers that die or do not read, and sockets that are full, while several calls are there: each call
 * ends for its own reason, at its own time, and the worker is not blamed for what was ours.
 */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "shm/message.h"
#include "supervisor/call.h"
#include "supervisor/execution.h"
#include "supervisor/host_call.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

/* More than any socket takes at once, and more than a ring does. */
#define LARGE ((size_t)8 << 20)
#define OF_SOCKET ((size_t)100000)

static rune_supervisor
    *outer; /* with an external loop: nothing happens unless somebody dispatches */
static rune_runtime *own_runtime;
static rune_unit *unit;
static rune_unit *outer_unit;

/* What the host functions have at hand. */
static struct stage {
    rune_host_call *kept;
    rune_cancel_token *token;
    struct rn_call *killed; /* counted */
    rune_vm *vm;            /* that test::back calls */
    atomic_bool watch;
} stage;

static rune_const_value *text_of(size_t size)
{
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    rune_const_value *value = rune_value_string(bytes, size);
    free(bytes);
    assert_non_null(value);
    return value;
}

static void reply_text(rune_host_call *call, size_t size)
{
    rune_const_value *value = text_of(size);
    assert_int_equal(rune_host_call_reply(call, value), RUNE_OK);
    rune_value_unref(value);
}

static void host_keep(void *user, rune_host_call *call)
{
    (void)user;
    stage.kept = call;
}

/* test::cut(): a large answer to what is kept, of which a part goes; then the call is cancelled. */
static void host_cut(void *user, rune_host_call *call)
{
    (void)user;
    (void)call;
    reply_text(RN_TAKE(stage.kept), LARGE);
    rune_cancel_token_cancel(stage.token);
}

static void kill_peer(const struct rn_peer *peer)
{
    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
    rn_child_kill(&peer->child);
    assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
}

static void host_kill(void *user, rune_host_call *call)
{
    (void)user;
    stage.killed = rn_call_ref(call->call);
    atomic_store(&stage.watch, true);
    kill_peer(call->call->peer);
    reply_text(call, 1);
}

static void *reply_later(void *argument)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    reply_text(argument, LARGE);
    return NULL;
}

static void host_large(void *user, rune_host_call *call)
{
    pthread_t thread;
    (void)user;
    assert_int_equal(pthread_create(&thread, NULL, reply_later, call), 0);
    pthread_detach(thread);
}

/* test::back(): a call with large arguments, from where the host function runs. */
static void host_back(void *user, rune_host_call *call)
{
    (void)user;
    rune_const_value *value = NULL;
    rune_const_value *arg = text_of(LARGE);
    if (rune_vm_call(stage.vm, "size", (const rune_const_value *const *)&arg, 1, NULL, &value,
                     NULL) == RUNE_OK) {
        (void)rune_host_call_reply(call, value);
    }
    rune_value_unref(value);
    rune_value_unref(arg);
}

static void make_runtime(void)
{
    rune_module *module = rune_module_new("test");
    assert_int_equal(
        rune_module_function(module, "keep", 0, RUNE_FUNCTION_ASYNC, host_keep, NULL, NULL), 0);
    assert_int_equal(rune_module_function(module, "cut", 0, 0, host_cut, NULL, NULL), 0);
    assert_int_equal(rune_module_function(module, "kill", 0, 0, host_kill, NULL, NULL), 0);
    assert_int_equal(rune_module_function(module, "back", 0, 0, host_back, NULL, NULL), 0);
    assert_int_equal(
        rune_module_function(module, "large", 0, RUNE_FUNCTION_ASYNC, host_large, NULL, NULL), 0);
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &own_runtime, NULL), RUNE_OK);
}

static rune_supervisor *external_supervisor(void)
{
    rune_supervisor *made = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_external_loop(options, true);
    assert_int_equal(rune_supervisor_new(options, &made, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    return made;
}

static int set_up(void **state)
{
    static const char source[] =
        "pub fn one() { 1 }\n"
        "pub fn size(text) { text.len() as i64 }\n"
        "pub fn spin() { loop {} }\n"
        "pub async fn cut() { let a = test::keep(); test::cut(); a.await; 1 }\n"
        "pub async fn large() { test::large().await.len() as i64 }\n"
        "pub fn back() { test::back() }\n"
        "pub fn print() { println!(\"x\"); 1 }\n"
        "pub fn one_two() { println!(\"one\"); for _ in 0..1000000 {} println!(\"two\"); 7 }\n"
        "pub fn flood(text) { for _ in 0..6 { println!(\"{}\", text); } 1 }\n"
        "pub async fn many() { for _ in 0..100 { host::later(1).await; } 1 }\n"
        "pub async fn wait() { test::keep().await; 1 }\n"
        "pub async fn two() { let a = test::keep(); let b = host::later(2); b.await; a.await }\n"
        "pub fn killed() { test::kill(); loop {} }\n";
    int failed = harness_set_up(state);
    rune_supervisor_free(supervisor);
    supervisor = new_supervisor(1, 1);
    make_runtime();
    outer = external_supervisor();
    unit = build(source);
    outer_unit = build_in(outer, source, false);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_unit_unref(outer_unit);
    rune_runtime_unref(own_runtime);
    rune_supervisor_free(outer);
    return harness_tear_down(state);
}

static rune_vm *vm_in(rune_supervisor *by, const char *domain)
{
    rune_vm *vm = NULL;
    rune_unit *own = by == outer ? outer_unit : unit;
    rune_vm_options *options = rune_vm_options_new();
    assert_int_equal(rune_vm_options_set_domain(options, domain), RUNE_OK);
    assert_int_equal(rune_vm_new(by, own_runtime, own, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

static rune_vm *vm_of(rune_supervisor *by)
{
    return vm_in(by, "");
}

static rune_call_options *without_replay(uint64_t wall_ns)
{
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, wall_ns);
    rune_call_options_set_replay(options, false);
    return options;
}

static rune_execution *start(rune_vm *vm, const char *item, const rune_const_value *arg,
                             const rune_call_options *options)
{
    rune_execution *execution = NULL;
    assert_int_equal(rune_vm_send_execute(vm, item, &arg, arg != NULL, options, &execution, NULL),
                     RUNE_OK);
    return execution;
}

static rune_record *complete(rune_execution *execution)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    rune_execution_free(execution);
    return record;
}

static void expect_end(rune_execution *execution, rune_reason reason, unsigned attempts)
{
    rune_record *record = complete(execution);
    assert_int_equal(rune_record_reason(record), reason);
    assert_int_equal(rune_record_attempts(record), attempts);
    rune_record_free(record);
}

/* A synchronous call with a text of that size as argument, in a worker that lives. */
static void expect_size(rune_vm *vm, size_t size)
{
    int64_t number = 0;
    rune_record *record = NULL;
    rune_const_value *arg = text_of(size);
    assert_int_equal(rune_vm_call_record(vm, "size", (const rune_const_value *const *)&arg, 1, NULL,
                                         &record, NULL),
                     RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(rune_record_attempts(record), 1);
    assert_true(rune_value_get_i64(rune_record_value(record), &number));
    assert_int_equal(number, size);
    rune_record_free(record);
    rune_value_unref(arg);
}

static uint64_t lost(rune_supervisor *by)
{
    rune_stats stats = {0};
    rune_supervisor_stats(by, &stats);
    return stats.workers_lost;
}

static struct rn_peer *peer_of(rune_supervisor *by)
{
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&by->pool.lock);
    for (struct rn_domain *domain = by->pool.domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            found = peer->place == RN_PLACE_SERVING && !peer->retiring ? peer : found;
        }
    }
    pthread_mutex_unlock(&by->pool.lock);
    assert_non_null(found);
    return found;
}

/* Another call finds the worker dead before those that run there do: they are not forgotten. */
static void test_found_dead_by_another(void **state)
{
    (void)state;
    rune_vm *vms[3] = {vm_of(outer), vm_of(outer), vm_of(outer)};
    rune_call_options *soon = without_replay(UINT64_C(20000000000));
    rune_call_options *late = without_replay(UINT64_C(30000000000));
    expect_size(vms[2], 10);
    rune_execution *done = start(vms[0], "one", NULL, soon);
    rune_execution *spins = start(vms[1], "spin", NULL, late);
    expect_size(vms[2], 10); // receives the result of `done` as well
    kill_peer(peer_of(outer));
    expect_size(vms[2], OF_SOCKET);
    expect_end(done, RUNE_REASON_OK, 1);
    expect_end(spins, RUNE_REASON_CRASHED, 1);
    rune_call_options_free(soon);
    rune_call_options_free(late);
    for (int i = 0; i < 3; i++) {
        rune_vm_free(vms[i]);
    }
}

/* A message that is half sent when its call ends does not spoil the socket for others. */
static void test_half_a_reply(void **state)
{
    (void)state;
    rune_vm *vm = vm_of(supervisor);
    rune_call_options *options = rune_call_options_new();
    for (int i = 0; i < 20; i++) {
        stage.token = rune_cancel_token_new();
        rune_call_options_set_cancel_token(options, stage.token);
        assert_int_equal(call_reason(vm, "cut", options), RUNE_REASON_CANCELLED);
        expect_size(vm, 10);
        rune_cancel_token_unref(stage.token);
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
}

/* A cancel does not overtake the call that it is about. True: the worker lives. */
static bool cancel_in_the_queue(void)
{
    rune_vm *vms[2] = {vm_of(outer), vm_of(outer)};
    rune_const_value *arg = text_of(LARGE);
    expect_size(vms[0], 10);
    uint64_t before = lost(outer);
    rune_execution *large = start(vms[0], "size", arg, NULL);
    rune_execution *behind = start(vms[1], "spin", NULL, NULL);
    rune_execution_cancel(behind);
    rune_record *record = complete(behind);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CANCELLED);
    rune_record_free(record);
    record = complete(large);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    rune_record_free(record);
    rune_value_unref(arg);
    rune_vm_free(vms[0]);
    rune_vm_free(vms[1]);
    return lost(outer) == before;
}

/* Where the machine is slow, the worker may be killed for not ending soon enough. */
static void test_cancelled_in_the_queue(void **state)
{
    (void)state;
    bool lives = false;
    for (int i = 0; i < 10 && !lives; i++) {
        lives = cancel_in_the_queue();
    }
    assert_true(lives);
}

/* Cancels the call as soon as it has left its dead worker, mostly before it has another one. */
static void *cancel_between(void *argument)
{
    bool left = false;
    while (!atomic_load(&stage.watch)) {
    }
    while (!left) {
        struct rn_peer *peer = rn_call_lock(stage.killed);
        left = stage.killed->replay.runs == 2;
        pthread_mutex_unlock(&peer->lock);
    }
    rune_cancel_token_cancel(stage.token);
    return argument;
}

static void test_cancelled_between_workers(void **state)
{
    (void)state;
    pthread_t thread;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_unit *made = build_in(own, "pub fn killed() { test::kill(); loop {} }", false);
    rune_vm *vm = NULL;
    assert_int_equal(rune_vm_new(own, own_runtime, made, NULL, &vm, NULL), RUNE_OK);
    rune_call_options *options = rune_call_options_new();
    stage.token = rune_cancel_token_new();
    rune_call_options_set_cancel_token(options, stage.token);
    assert_int_equal(pthread_create(&thread, NULL, cancel_between, NULL), 0);
    assert_int_equal(call_reason(vm, "killed", options), RUNE_REASON_CANCELLED);
    pthread_join(thread, NULL);
    rn_call_unref(RN_TAKE(stage.killed));
    rune_cancel_token_unref(stage.token);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(made);
    rune_supervisor_free(own);
}

/* What the host still holds of a call outlives the supervisor. */
static void test_answered_after_everything(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_unit *made = build_in(own, "pub async fn wait() { test::keep().await; 1 }", false);
    rune_vm *vm = NULL;
    assert_int_equal(rune_vm_new(own, own_runtime, made, NULL, &vm, NULL), RUNE_OK);
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 50000000);
    assert_int_equal(call_reason(vm, "wait", options), RUNE_REASON_WALL);
    assert_int_equal(own->journals_bytes, 0);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(made);
    rune_supervisor_free(own);
    assert_non_null(stage.kept);
    assert_int_equal(rune_host_call_drop(RN_TAKE(stage.kept)), RUNE_E_STALE);
}

/* Of two host calls that come together, the first is lost for want of memory. */
static void test_lost_host_call(void **state)
{
    (void)state;
    rune_vm *vm = vm_of(outer);
    int internal = 0;
    for (uint64_t n = 1; n <= 6; n++) {
        expect_size(vm, 10);
        rune_execution *execution = start(vm, "two", NULL, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); // for both to come
        rn_alloc_fail_at(n, false);
        assert_int_equal(rune_supervisor_dispatch(outer, 0), RUNE_OK);
        rn_alloc_fail_at(0, false);
        rune_execution_cancel(execution);
        rune_record *record = complete(execution);
        internal += rune_record_reason(record) == RUNE_REASON_INTERNAL;
        rune_record_free(record);
        if (stage.kept) {
            (void)rune_host_call_drop(RN_TAKE(stage.kept));
        }
    }
    assert_true(internal >= 2);
    rune_vm_free(vm);
}

/* Who sends on if the only thread is the one that waits. */
static void test_alone_with_a_queue(void **state)
{
    (void)state;
    rune_vm *vm = vm_of(outer);
    expect_size(vm, LARGE);
    assert_int_equal(call_i64(vm, "large"), LARGE);
    rune_vm_free(vm);
    vm = vm_of(supervisor);
    stage.vm = vm_of(supervisor);
    rune_execution *execution = start(vm, "back", NULL, NULL);
    expect_end(execution, RUNE_REASON_OK, 1);
    rune_vm_free(RN_TAKE(stage.vm));
    rune_vm_free(vm);
}

static bool refuse_until(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    return now_ms() >= *(int64_t *)user;
}

/* A call whose sink refuses looks after others of its worker, and leaves them to the runner at its end. */
static void test_refusing_beside_others(void **state)
{
    (void)state;
    rune_vm *vms[2] = {vm_of(supervisor), vm_of(supervisor)};
    for (int i = 0; i < 5; i++) {
        int64_t until_ms = now_ms() + 60;
        rune_call_options *options = rune_call_options_new();
        rune_call_options_set_output(options, refuse_until, &until_ms);
        rune_execution *execution = start(vms[0], "many", NULL, NULL);
        assert_int_equal(call_reason(vms[1], "print", options), RUNE_REASON_OK);
        expect_end(execution, RUNE_REASON_OK, 1);
        rune_call_options_free(options);
    }
    rune_vm_free(vms[0]);
    rune_vm_free(vms[1]);
}

static rune_vm *slow_vm(rune_isolation isolation)
{
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, isolation);
    assert_int_equal(rune_vm_options_set_domain(options, "slow"), RUNE_OK);
    assert_int_equal(rune_vm_new(supervisor, own_runtime, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

/* The zygote of a worker is its parent. */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %d", &parent), 1);
    fclose(file);
    assert_true(parent > 1);
    return parent;
}

static bool count_offer(void *user, int stream, const char *data, size_t size)
{
    (void)stream;
    (void)data;
    (void)size;
    ++*(int *)user;
    return true;
}

/* Both are at hand: a neighbour does not wait for all that another one has printed. */
static void test_output_in_parts(void **state)
{
    (void)state;
    int offers = 0;
    int before = 0;
    rune_const_value *arg = text_of(60000);
    rune_vm *vm = vm_of(outer);
    rune_vm *neighbour = vm_in(outer, "neighbour");
    rune_call_options *options = without_replay(UINT64_C(30000000000));
    rune_call_options_set_output(options, count_offer, &offers);
    assert_int_equal(call_i64(neighbour, "one"), 1);
    rune_execution *floods = start(vm, "flood", arg, options);
    rune_execution *ends = start(neighbour, "one", NULL, NULL);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); // for everything to come
    while (!rune_execution_poll(ends)) {
        assert_int_equal(rune_supervisor_dispatch(outer, 0), RUNE_OK);
        before = offers;
    }
    expect_end(ends, RUNE_REASON_OK, 1);
    expect_end(floods, RUNE_REASON_OK, 1);
    assert_in_range(offers, 6, 20);
    assert_in_range(before, 0, 3);
    rune_call_options_free(options);
    rune_value_unref(arg);
    rune_vm_free(neighbour);
    rune_vm_free(vm);
}

struct canceller {
    rune_cancel_token *token;
    int offers;
};

static bool wait_and_cancel(void *user, int stream, const char *data, size_t size)
{
    struct canceller *canceller = user;
    (void)stream;
    (void)data;
    (void)size;
    if (++canceller->offers == 1) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); // for the rest to come
        rune_cancel_token_cancel(canceller->token);
    }
    return true;
}

/* Beside an execution another thread receives: what has come by the time of a stop is handed out all the same. */
static void test_output_before_a_stop(void **state)
{
    (void)state;
    struct canceller canceller = {.token = rune_cancel_token_new()};
    rune_vm *vm = vm_of(supervisor);
    rune_vm *beside = vm_of(supervisor);
    rune_execution *spins = start(beside, "spin", NULL, NULL);
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_cancel_token(options, canceller.token);
    rune_call_options_set_output(options, wait_and_cancel, &canceller);
    assert_int_equal(call_reason(vm, "one_two", options), RUNE_REASON_OK);
    assert_int_equal(canceller.offers, 2);
    rune_execution_cancel(spins);
    rune_execution_free(spins);
    rune_call_options_free(options);
    rune_cancel_token_unref(canceller.token);
    rune_vm_free(beside);
    rune_vm_free(vm);
}

/* How long others' calls take beside a zygote that does not speak. */
static int64_t time_beside_silence(void *user)
{
    (void)user;
    rune_vm *vm = vm_of(supervisor);
    rune_vm *slow = slow_vm(RUNE_ISOLATION_SHARED);
    rune_vm *other = slow_vm(RUNE_ISOLATION_CALL);
    rune_call_options *options = without_replay(UINT64_C(30000000000));
    assert_int_equal(call_i64(vm, "one"), 1);
    assert_int_equal(call_i64(other, "one"), 1);
    rune_execution *spins = start(slow, "spin", NULL, options);
    (void)settled_fds_with(2);
    struct rn_peer *peer = rn_call_lock(spins->call);
    pthread_mutex_unlock(&peer->lock);
    pid_t zygote = parent_of(peer->child.pid);
    assert_int_equal(kill(zygote, SIGSTOP), 0);
    assert_int_equal(call_i64(other, "one"), 1); // takes the spare, and another one is asked for
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    kill_peer(peer);
    int64_t begun = now_ms();
    expect_end(start(vm, "many", NULL, NULL), RUNE_REASON_OK, 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call_i64(vm, "one"), 1);
    }
    int64_t took = now_ms() - begun;
    assert_int_equal(kill(zygote, SIGCONT), 0);
    rune_record *record = complete(spins);
    assert_int_not_equal(rune_record_reason(record), RUNE_REASON_OK);
    rune_record_free(record);
    print_message("  %d ms\n", (int)took);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_vm_free(slow);
    rune_vm_free(other);
    return took;
}

/* A domain whose zygote does not speak: its dead workers, and the start of new ones, hold up nobody else. */
static void test_a_silent_zygote(void **state)
{
    (void)state;
    assert_true(best_ms(time_beside_silence, NULL, 899) < 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_dead_by_another),
        cmocka_unit_test(test_half_a_reply),
        cmocka_unit_test(test_cancelled_in_the_queue),
        cmocka_unit_test(test_cancelled_between_workers),
        cmocka_unit_test(test_answered_after_everything),
        cmocka_unit_test(test_lost_host_call),
        cmocka_unit_test(test_alone_with_a_queue),
        cmocka_unit_test(test_refusing_beside_others),
        cmocka_unit_test(test_output_in_parts),
        cmocka_unit_test(test_output_before_a_stop),
        cmocka_unit_test(test_a_silent_zygote),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
