/*
 * Workers killed in the middle of calls that are not run again: exactly one outcome for each, the next
 * call works, and after 1,000 of them the process holds what it held before.
 */
#include "tests/unit/supervisor/harness.h"

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/host_call.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

#define KILLS 1000

static int signal_to_send = SIGKILL;

/* Kills the worker that calls it. */
static void host_kill(void *user, rune_host_call *call)
{
    (void)user;
    int pidfd = call->call->peer->child.pidfd;
    assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, signal_to_send, NULL, 0), 0);
    if (signal_to_send != SIGSTOP) {
        rune_const_value *value = rune_value_unit();
        (void)rune_host_call_reply(call, value);
        rune_value_unref(value);
    }
}

static rune_runtime *own_runtime;
static rune_unit *unit;
static rune_call_options *once;

static rune_vm *vm_within; /* called by test::within */

static void host_within(void *user, rune_host_call *call)
{
    (void)user;
    rune_const_value *value = rune_value_i64(call_i64(vm_within, "keep"));
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
}

static rune_supervisor
    *doomed; /* its workers die when a call has ended, but is not yet over for its host */

static void kill_workers_of(rune_supervisor *by)
{
    pthread_mutex_lock(&by->pool.lock);
    for (struct rn_domain *domain = by->pool.domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            rn_child_kill(&peer->child);
        }
    }
    pthread_mutex_unlock(&by->pool.lock);
}

/* Time enough for whoever receives. */
static void let_it_be_seen(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
}

static void kill_doomed(void)
{
    kill_workers_of(doomed);
    let_it_be_seen();
}

static void kill_and_drop(void *call)
{
    kill_doomed();
    assert_int_equal(rune_host_call_drop(call), RUNE_E_STALE);
}

/* It is answered when it is told of the end of its call, which is too late for the script. */
static void host_pending(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_on_cancel(call, kill_and_drop, call), RUNE_OK);
}

static bool sink_doomed(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    let_it_be_seen(); // the result
    kill_doomed();
    return true;
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_module *module = rune_module_new("test");
    assert_int_equal(
        rune_module_function(module, "pending", 0, RUNE_FUNCTION_ASYNC, host_pending, NULL, NULL),
        RUNE_OK);
    assert_int_equal(rune_module_function(module, "kill", 0, 0, host_kill, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "within", 0, 0, host_within, NULL, NULL),
                     RUNE_OK);
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &own_runtime, NULL), RUNE_OK);
    once = rune_call_options_new();
    rune_call_options_set_replay(once, false);
    unit = build("static COUNT = 0;\n"
                 "pub fn main() { test::kill(); loop {} }\n"
                 "pub fn keep() { COUNT += 1; COUNT }\n"
                 "pub fn fine() { 1 }\n"
                 "pub fn ends() { let never = test::pending(); COUNT += 1; COUNT }\n"
                 "pub fn says() { COUNT += 1; println!(\"so\"); COUNT }\n"
                 "pub async fn nap() { time::sleep(time::Duration::from_millis(5000)).await }\n"
                 "pub fn outer() { test::within() }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_call_options_free(once);
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    return harness_tear_down(state);
}

static rune_vm *make_vm(void)
{
    rune_vm *vm;
    assert_int_equal(rune_vm_new(supervisor, own_runtime, unit, NULL, &vm, NULL), RUNE_OK);
    return vm;
}

static void test_one_kill(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    rune_record *record = call_record(vm, "main", once);
    const rune_error *error = rune_record_error(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_CRASHED);
    assert_int_equal(rune_error_signal(error), SIGKILL);
    assert_non_null(strstr(rune_error_message(error), "SIGKILL"));
    assert_int_equal(rune_reason_exit_code(RUNE_REASON_CRASHED, SIGKILL), 137);
    rune_record_free(record);
    assert_int_equal(call_i64(vm, "fine"), 1);
    rune_vm_free(vm);
}

static void test_a_thousand_kills(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    assert_int_equal(call_i64(vm, "fine"), 1);
    int fds = settled_fds();
    int memfds = count_memfds();
    for (int i = 0; i < KILLS; i++) {
        assert_int_equal(call_reason(vm, "main", once), RUNE_REASON_CRASHED);
        assert_false(has_children());
    }
    assert_int_equal(call_i64(vm, "fine"), 1);
    assert_int_equal(settled_fds(), fds);
    assert_int_equal(count_memfds(), memfds);
    assert_false(has_children());
    rune_vm_free(vm);
}

static int64_t time_stopped(void *vm)
{
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 200000000);
    signal_to_send = SIGSTOP;
    int64_t begun = now_ms();
    rune_reason reason = call_reason(vm, "main", options);
    int64_t took = now_ms() - begun;
    signal_to_send = SIGKILL;
    // The host function gave no answer, but nobody was there to hear that.
    assert_int_equal(reason, RUNE_REASON_WALL);
    rune_call_options_free(options);
    assert_int_equal(call_i64(vm, "fine"), 1);
    return took;
}

/* A worker that is stopped, not killed: the deadline ends the call all the same. */
static void test_a_stopped_worker(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    assert_in_range(best_ms(time_stopped, vm, 300), 199, 300);
    rune_vm_free(vm);
}

static void test_globals_are_lost(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    assert_int_equal(call_i64(vm, "keep"), 1);
    assert_int_equal(call_i64(vm, "keep"), 2);
    assert_int_equal(call_reason(vm, "main", once), RUNE_REASON_CRASHED);
    assert_int_equal(call_reason(vm, "keep", NULL), RUNE_REASON_VM_LOST);
    assert_int_equal(call_reason(vm, "keep", NULL), RUNE_REASON_VM_LOST);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    assert_int_equal(call_i64(vm, "keep"), 1);
    rune_vm_free(vm);
}

static rune_vm *vm_of(rune_supervisor *by)
{
    rune_vm *vm = NULL;
    assert_int_equal(rune_vm_new(by, own_runtime, unit, NULL, &vm, NULL), RUNE_OK);
    return vm;
}

/* The worker of `by` that holds `pinned` Vms dies; nobody of the supervisor's notices. */
static void kill_unseen(rune_supervisor *by, uint32_t pinned)
{
    unsigned killed = 0;
    pthread_mutex_lock(&by->pool.lock);
    for (struct rn_domain *domain = by->pool.domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            if (peer->place == RN_PLACE_SERVING && peer->pinned == pinned) {
                struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
                rn_child_kill(&peer->child);
                assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
                killed++;
            }
        }
    }
    pthread_mutex_unlock(&by->pool.lock);
    assert_int_equal(killed, 1);
}

/* A call that finds its worker dead goes to another one, and not into the Vm that has the same handle
 * there. Vms with Globals go where fewer are. */
static void test_handles_are_of_one_worker(void **state)
{
    (void)state;
    rune_supervisor *own = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 2);
    options->no_ring = true; // so that a send finds out
    assert_int_equal(rune_supervisor_new(options, &own, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    rune_vm *outer = vm_of(own);
    rune_vm *other = vm_of(own);
    vm_within = vm_of(own);
    assert_int_equal(call_i64(outer, "outer"), 1); // on two workers, with a Vm's Globals each
    assert_int_equal(rune_vm_reset(outer), RUNE_OK);
    kill_unseen(own, 0);
    assert_int_equal(call_i64(other, "keep"), 1);
    assert_int_equal(call_i64(vm_within, "keep"), 2);
    assert_int_equal(call_i64(other, "keep"), 2);
    rune_vm_free(outer);
    rune_vm_free(other);
    rune_vm_free(vm_within);
    rune_supervisor_free(own);
}

/* On a thread that receives whatever comes from the worker, while others act upon it. */
static rune_execution *receive_for(rune_vm *vm)
{
    rune_execution *execution;
    assert_int_equal(rune_vm_send_execute(vm, "nap", NULL, 0, once, &execution, NULL), RUNE_OK);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return execution;
}

static void expect_lost(rune_vm *vm)
{
    assert_int_equal(call_reason(vm, "keep", NULL), RUNE_REASON_VM_LOST);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    assert_int_equal(call_i64(vm, "keep"), 1);
}

/* A result is good though its worker dies behind it; the Globals that were left there are not there any more, and
 * do not begin anew unnoticed. */
static void test_a_worker_dies_behind_its_result(void **state)
{
    (void)state;
    doomed = new_small_supervisor(4);
    for (int was_pinned = 0; was_pinned < 2; was_pinned++) {
        rune_call_options *options = rune_call_options_new();
        rune_vm *vm = vm_of(doomed);
        rune_vm *other = vm_of(doomed);
        if (was_pinned) {
            assert_int_equal(call_i64(vm, "keep"), 1);
        } else {
            rune_call_options_set_output(options, sink_doomed, NULL);
        }
        rune_execution *execution = receive_for(other);
        assert_int_equal(call_reason(vm, was_pinned ? "ends" : "says", options), RUNE_REASON_OK);
        expect_lost(vm);
        rune_execution_free(execution);
        rune_vm_free(vm);
        rune_vm_free(other);
        rune_call_options_free(options);
    }
    rune_supervisor_free(doomed);
}

/* Idle workers that die are replaced before anybody notices. */
static void test_idle_workers_die(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call_i64(vm, "fine"), 1);
        pthread_mutex_lock(&supervisor->pool.lock);
        for (struct rn_domain *domain = supervisor->pool.domains; domain; domain = domain->next) {
            for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
                if (peer->place != RN_PLACE_STARTING) {
                    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
                    rn_child_kill(&peer->child);
                    assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
                }
            }
        }
        pthread_mutex_unlock(&supervisor->pool.lock);
    }
    assert_int_equal(call_i64(vm, "fine"), 1);
    rune_vm_free(vm);
}

/* The first worker that serves, counted. */
static struct rn_peer *find_serving(rune_supervisor *by)
{
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&by->pool.lock);
    for (struct rn_domain *domain = by->pool.domains; domain && !found; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer && !found; peer = peer->next) {
            bool serves = peer->place == RN_PLACE_SERVING && !peer->retiring;
            found = serves ? rn_peer_ref(peer) : NULL;
        }
    }
    pthread_mutex_unlock(&by->pool.lock);
    assert_non_null(found);
    return found;
}

static bool ends_within(const struct rn_peer *peer, int ms)
{
    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
    return poll(&polled, 1, ms) == 1;
}

static void kill_at_rest(struct rn_peer *peer)
{
    rn_child_kill(&peer->child);
    assert_true(ends_within(peer, PATIENCE_MS));
    rn_peer_unref(peer);
}

/* The kernel tells of a death by the time that the process has ended; the next call is not blamed for it. */
static void test_a_death_is_told(void **state)
{
    (void)state;
    rune_vm *vm = make_vm();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call_reason(vm, "fine", once), RUNE_REASON_OK);
        struct rn_peer *peer = find_serving(supervisor);
        kill_at_rest(rn_peer_ref(peer));
        assert_true(!peer->ring || rn_ring_life(peer->ring) == RN_RING_DIED);
        rn_peer_unref(peer);
    }
    assert_int_equal(call_i64(vm, "fine"), 1);
    rune_vm_free(vm);
}

/* A worker says this of its life, and the next call goes well. */
static void call_after_claim(rune_vm *vm, uint32_t word)
{
    struct rn_peer *peer = find_serving(doomed);
    atomic_store(&peer->ring->life, word);
    assert_int_equal(call_reason(vm, "fine", once), RUNE_REASON_OK);
    bool died = (word & FUTEX_OWNER_DIED) != 0;
    assert_true(ends_within(peer, died ? PATIENCE_MS : 0) == died); // P7
    rn_peer_unref(peer);
}

/* It said this before it died; how the next call ends. */
static rune_reason call_after_death(rune_vm *vm, uint32_t word)
{
    struct rn_peer *peer = find_serving(doomed);
    atomic_store(&peer->ring->life, word);
    kill_at_rest(peer);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); // at rest
    return call_reason(vm, "fine", once);
}

static void test_a_life_is_a_claim(void **state)
{
    (void)state;
    doomed = new_small_supervisor(4);
    rune_vm *vm = vm_of(doomed);
    rune_vm *other = vm_of(doomed);
    assert_int_equal(call_i64(vm, "fine"), 1);
    if (!doomed->options.no_ring) {
        call_after_claim(vm, 0);
        call_after_claim(vm, FUTEX_TID_MASK);
        call_after_claim(vm, FUTEX_WAITERS);
        call_after_claim(vm, FUTEX_OWNER_DIED);
        rune_execution *execution = receive_for(other);
        call_after_claim(vm, UINT32_MAX); // with a call that is lost with it
        rune_execution_free(execution);
        assert_int_equal(call_after_death(vm, 0), RUNE_REASON_OK); // its process was asked for
        assert_int_equal(call_after_death(vm, FUTEX_TID_MASK), RUNE_REASON_CRASHED);
        assert_int_equal(call_i64(vm, "fine"), 1);
    }
    rune_vm_free(other);
    rune_vm_free(vm);
    rune_supervisor_free(doomed);
}

/* The parent of a worker is the domain's zygote. */
static void signal_zygote(struct rn_domain *domain, int number)
{
    char path[64];
    char line[256];
    long parent = 0;
    struct rn_pool *pool = &domain->supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    long worker = domain->peers ? domain->peers->child.pid : 0;
    pthread_mutex_unlock(&pool->lock);
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", worker);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        (void)sscanf(line, "PPid: %ld", &parent);
    }
    if (file) {
        fclose(file);
    }
    if (parent > 1) {
        kill((pid_t)parent, number);
    }
}

static void *call_fine(void *vm)
{
    assert_int_equal(call_i64(vm, "fine"), 1);
    return NULL;
}

/* How long it was asked for an end of which there is none. */
static int64_t time_asking(struct rn_domain *domain, uint64_t wait_ns)
{
    struct rn_child_exit exit;
    int64_t begun = now_ms();
    while (rn_zygote_next_exit(domain->zygote, wait_ns, &exit) == RN_OK) {
    }
    return now_ms() - begun;
}

/* Who waits for the notice of an end while a process is being made sleeps until that is done, as long as he may,
 * and does not look again and again for what the other thread receives. */
static void test_an_end_is_awaited_beside_a_spawn(void **state)
{
    (void)state;
    rune_supervisor *own = new_small_supervisor(4);
    rune_vm *shared = vm_by(own, unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *fresh = vm_by(own, unit, RUNE_ISOLATION_CALL, "");
    pthread_t thread;
    assert_int_equal(call_i64(shared, "fine"), 1);
    signal_zygote(shared->domain, SIGSTOP);
    assert_int_equal(pthread_create(&thread, NULL, call_fine, fresh), 0);
    while (time_asking(shared->domain, 30000000) < 30) {
        // until the thread asks the zygote for a process
    }
    assert_in_range(time_asking(shared->domain, 0), 0, 29);
    signal_zygote(shared->domain, SIGCONT);
    pthread_join(thread, NULL);
    rune_vm_free(shared);
    rune_vm_free(fresh);
    rune_supervisor_free(own);
}

/* The zygote of a domain dies: its workers go with it, and the domain begins anew. */
static void test_a_zygote_dies(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "short-lived");
    assert_int_equal(call_i64(vm, "fine"), 1);
    int left = 50;
    while (left > 0 && !rn_pool_domain_is_broken(vm->domain)) {
        signal_zygote(vm->domain, SIGKILL);
        rn_domain_collect(vm->domain);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        left--;
    }
    assert_true(rn_pool_domain_is_broken(vm->domain));
    assert_int_equal(call_i64(vm, "fine"), 1);
    assert_false(rn_pool_domain_is_broken(vm->domain));
    rune_vm_free(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_kill),
        cmocka_unit_test(test_a_thousand_kills),
        cmocka_unit_test(test_a_stopped_worker),
        cmocka_unit_test(test_handles_are_of_one_worker),
        cmocka_unit_test(test_globals_are_lost),
        cmocka_unit_test(test_idle_workers_die),
        cmocka_unit_test(test_a_death_is_told),
        cmocka_unit_test(test_a_life_is_a_claim),
        cmocka_unit_test(test_a_worker_dies_behind_its_result),
        cmocka_unit_test(test_an_end_is_awaited_beside_a_spawn),
        cmocka_unit_test(test_a_zygote_dies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
