/*
 * Calls whose workers are killed from outside run again elsewhere, once, and end as if nothing had
 * happened: the same result, the same output byte for byte, each host function called once.
 */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/execution.h"
#include "supervisor/host_call.h"
#include "supervisor/journal.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

#define ROUNDS 6
#define CALLS_MAX 64
#define OUTPUT_MAX 4096
#define RANDOM_KILLS 1000
#define MANY 24

/* What is seen of one call from outside. */
struct seen {
    int64_t result;
    char output[2][OUTPUT_MAX];
    size_t output_size[2];
    int steps[CALLS_MAX]; /* how often test::step was called with a number */
    int laters[CALLS_MAX];
};

/* One call, as its host functions and its sink know it. */
struct story {
    struct seen seen;
    rune_host_call *pending[CALLS_MAX];
    int pending_count;
    int points;  /* passed so far */
    int kill_at; /* the point at which the worker is killed; -1: none */
    int kills;   /* how often */
};

static rune_runtime *own_runtime;
static rune_unit *unit;

static void kill_worker(const struct rn_call *call)
{
    int pidfd = call->peer->child.pidfd;
    (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void kill_all_workers(void)
{
    pthread_mutex_lock(&supervisor->pool.lock);
    for (struct rn_domain *domain = supervisor->pool.domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            if (peer->place == RN_PLACE_SERVING && peer->load > 0) {
                struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
                rn_child_kill(&peer->child);
                assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
            }
        }
    }
    pthread_mutex_unlock(&supervisor->pool.lock);
}

/* A worker that was killed when its last call had just ended must be known to have gone before the next
 * one, which would be killed twice: at rest for a while, it is looked at. */
static void let_rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* A place at which something may happen to the worker. */
static void point(struct story *story, const struct rn_call *call)
{
    if (story->points++ == story->kill_at) {
        story->kills++;
        if (call) {
            kill_worker(call);
        } else {
            kill_all_workers();
        }
    }
}

static rune_status try_answer(rune_host_call *call, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    rune_status status = rune_host_call_reply(call, value);
    rune_value_unref(value);
    return status;
}

static void answer(rune_host_call *call, int64_t number)
{
    assert_int_equal(try_answer(call, number), RUNE_OK);
}

static int64_t argument(const rune_host_call *call)
{
    int64_t number = -1;
    assert_true(rune_value_get_i64(rune_host_call_arg(call, 0), &number));
    return number;
}

/* Answers those that wait, the last first: from a place that the script cannot know. */
static void answer_pending(struct story *story)
{
    while (story->pending_count > 0) {
        rune_host_call *call = story->pending[--story->pending_count];
        answer(call, argument(call) * 7);
    }
}

/* step(n): answers all that is pending, and n * 3. */
static void host_step(void *user, rune_host_call *call)
{
    (void)user;
    struct story *story = rune_host_call_user(call);
    int64_t number = argument(call);
    story->seen.steps[number]++;
    point(story, call->call);
    answer_pending(story);
    point(story, call->call);
    answer(call, number * 3);
    point(story, call->call);
}

static void host_later(void *user, rune_host_call *call)
{
    (void)user;
    struct story *story = rune_host_call_user(call);
    story->seen.laters[argument(call)]++;
    story->pending[story->pending_count++] = call;
    point(story, call->call);
}

/* slowly(n): n, after a while, from a thread of its own. */
static void *answer_slowly(void *argument_of_thread)
{
    rune_host_call *call = argument_of_thread;
    nanosleep(&(struct timespec){.tv_nsec = 1 + argument(call) * 7919 % 13 * 100000}, NULL);
    (void)try_answer(call, argument(call)); // the call may have ended without it
    return NULL;
}

static void host_slowly(void *user, rune_host_call *call)
{
    (void)user;
    struct story *story = rune_host_call_user(call);
    pthread_t thread;
    story->seen.laters[argument(call)]++;
    assert_int_equal(pthread_create(&thread, NULL, answer_slowly, call), 0);
    pthread_detach(thread);
}

static void host_kill(void *user, rune_host_call *call)
{
    (void)user;
    kill_worker(call->call);
    answer(call, 1);
}

static void host_large(void *user, rune_host_call *call)
{
    (void)user;
    size_t size = RN_JOURNAL_BYTES_MAX;
    char *text = calloc(1, size);
    memset(text, 'x', size);
    rune_const_value *value = rune_value_string(text, size);
    assert_int_equal(rune_host_call_reply(call, value), RUNE_OK);
    rune_value_unref(value);
    free(text);
}

/* Spoils the journal, so that a second run cannot be the same, and kills. */
static void host_spoil(void *user, rune_host_call *call)
{
    (void)user;
    struct rn_peer *peer = rn_call_lock(call->call);
    assert_int_equal(rn_journal_add_output(call->call->replay.journal, 0, "y", 1), RN_OK);
    pthread_mutex_unlock(&peer->lock);
    host_kill(user, call);
}

static rune_host_call *held[CALLS_MAX];
static atomic_uint held_count;

/* held(n): whoever runs the test answers. */
static void host_held(void *user, rune_host_call *call)
{
    (void)user;
    held[held_count++] = call;
}

static rune_cancel_token *token;

static void host_kill_and_cancel(void *user, rune_host_call *call)
{
    host_kill(user, call);
    rune_cancel_token_cancel(token);
}

static bool sink(void *user, int stream, const char *data, size_t size)
{
    struct story *story = user;
    struct seen *seen = &story->seen;
    int at = stream == RUNE_STREAM_STDOUT ? 0 : 1;
    point(story, NULL);
    assert_true(seen->output_size[at] + size <= OUTPUT_MAX);
    memcpy(seen->output[at] + seen->output_size[at], data, size);
    seen->output_size[at] += size;
    return true;
}

static const char source[] =
    "static COUNT = 0;\n"
    "async fn nap(ms) { time::sleep(time::Duration::from_millis(ms)).await; ms }\n"
    "pub async fn work() {\n"
    "    let sum = 0;\n"
    "    for i in 0..6 {\n"
    "        println!(\"round {} {}\", i, sum);\n"
    "        let a = test::later(i);\n"
    "        let b = test::later(i + 10);\n"
    "        let c = test::later(i + 20);\n"
    "        dbg!(i);\n"
    "        sum = (sum * 31 + test::step(i)) % 1000003;\n"
    "        let first = select { x = a => x, y = b => y, z = c => z };\n"
    "        sum = (sum * 31 + first) % 1000003;\n"
    "        let slow = nap(2);\n"
    "        let quick = nap(1);\n"
    "        sum += test::step(i + 30);\n"
    "        sum += select { x = slow => x, y = quick => y };\n"
    "        println!(\"end {} {}\", i, sum);\n"
    "        for _ in 0..2000 { sum = (sum * 7 + 1) % 1000003; }\n"
    "    }\n"
    "    sum\n"
    "}\n"
    "pub async fn race() {\n"
    "    let sum = 0;\n"
    "    for i in 0..8 {\n"
    "        let a = test::slowly(i);\n"
    "        let b = test::slowly(i + 10);\n"
    "        let c = test::slowly(i + 20);\n"
    "        let first = select { x = a => x, y = b => y, z = c => z, n = nap(1) => 60 };\n"
    "        println!(\"{}\", first);\n"
    "        sum = sum * 3 + first;\n"
    "    }\n"
    "    sum\n"
    "}\n"
    "pub fn once() { test::kill(); 5 }\n"
    "pub fn twice() { test::kill(); test::kill(); 5 }\n"
    "pub fn three() { test::kill(); 3 }\n"
    "pub fn large() { test::large().len() + test::kill() }\n"
    "pub async fn greedy() {\n"
    "    for _ in 0..100000000 {}\n"
    "    let all = [];\n"
    "    for i in 0..8 { all.push(test::held(i)); }\n"
    "    let sum = 0;\n"
    "    for one in all { sum += one.await.len(); }\n"
    "    sum\n"
    "}\n"
    "pub fn spoil() { print!(\"x\"); test::spoil(); println!(\"z\"); 1 }\n"
    "pub fn spin() { test::kill(); loop {} }\n"
    "pub fn stop() { test::stop(); loop {} }\n"
    "pub fn keep() { COUNT += 1; COUNT }\n"
    "pub fn kept() { COUNT += 1; test::kill(); COUNT }\n"
    "pub async fn slept() { nap(500).await; test::kill(); nap(100).await; 4 }\n"
    "pub async fn asleep() { test::kill(); nap(120).await; 4 }\n";

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_module *module = rune_module_new("test");
    assert_int_equal(rune_module_function(module, "step", 1, 0, host_step, NULL, NULL), RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "later", 1, RUNE_FUNCTION_ASYNC, host_later, NULL, NULL),
        RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "slowly", 1, RUNE_FUNCTION_ASYNC, host_slowly, NULL, NULL),
        RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "held", 1, RUNE_FUNCTION_ASYNC, host_held, NULL, NULL),
        RUNE_OK);
    assert_int_equal(rune_module_function(module, "kill", 0, 0, host_kill, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "large", 0, 0, host_large, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "spoil", 0, 0, host_spoil, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(module, "stop", 0, 0, host_kill_and_cancel, NULL, NULL),
                     RUNE_OK);
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &own_runtime, NULL), RUNE_OK);
    unit = build(source);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    return harness_tear_down(state);
}

static rune_vm *make_vm(struct story *story)
{
    rune_vm *vm;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_user(options, story);
    assert_int_equal(rune_vm_new(supervisor, own_runtime, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

static rune_call_options *options_for(struct story *story)
{
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, sink, story);
    rune_call_options_set_seed(options, 99);
    return options;
}

static void take_record(struct story *story, rune_record *record, unsigned *out_attempts)
{
    if (rune_record_reason(record) != RUNE_REASON_OK) {
        fail_msg("%s: %s (killed at %d of %d)", rune_reason_name(rune_record_reason(record)),
                 rune_error_message(rune_record_error(record)), story->kill_at, story->points);
    }
    assert_true(rune_value_get_i64(rune_record_value(record), &story->seen.result));
    *out_attempts = rune_record_attempts(record);
    rune_record_free(record);
}

/* Runs `work` with one kill at that point; gives how often it was run. */
static unsigned run_work(struct story *story, bool as_execution, int kill_at)
{
    unsigned attempts;
    rune_record *record = NULL;
    *story = (struct story){.kill_at = kill_at};
    rune_vm *vm = make_vm(story);
    rune_call_options *options = options_for(story);
    if (as_execution) {
        rune_execution *execution;
        assert_int_equal(rune_vm_send_execute(vm, "work", NULL, 0, options, &execution, NULL),
                         RUNE_OK);
        assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
        assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
        rune_execution_free(execution);
    } else {
        record = call_record(vm, "work", options);
    }
    take_record(story, record, &attempts);
    rune_call_options_free(options);
    rune_vm_free(vm);
    return attempts;
}

static void check_same(const struct story *story, const struct story *calm)
{
    for (int stream = 0; stream < 2; stream++) {
        assert_int_equal(story->seen.output_size[stream], calm->seen.output_size[stream]);
        assert_memory_equal(story->seen.output[stream], calm->seen.output[stream],
                            calm->seen.output_size[stream]);
    }
    assert_int_equal(story->seen.result, calm->seen.result);
    assert_memory_equal(story->seen.steps, calm->seen.steps, sizeof(calm->seen.steps));
    assert_memory_equal(story->seen.laters, calm->seen.laters, sizeof(calm->seen.laters));
    assert_int_equal(story->pending_count, 0);
}

/* Calls that have ended are freed soon after. */
static void check_no_journals(void)
{
    for (int i = 0; i < 1000 && supervisor->journals_bytes > 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(supervisor->journals_bytes, 0);
}

/* Without a kill: each host function once for each round, some output on both streams. */
static void run_calm(struct story *calm)
{
    (void)settled_fds(); // those that were killed last are known to have gone
    assert_int_equal(run_work(calm, false, -1), 1);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(calm->seen.steps[i], 1);
        assert_int_equal(calm->seen.steps[i + 30], 1);
        assert_int_equal(calm->seen.laters[i + 20], 1);
    }
    assert_true(calm->seen.output_size[0] > 100);
    check_no_journals();
}

static void test_at_each_point(void **state)
{
    (void)state;
    struct story calm;
    struct story story;
    run_calm(&calm);
    int again = 0;
    for (int as_execution = 0; as_execution < 2; as_execution++) {
        for (int kill_at = 0; kill_at < calm.points; kill_at++) {
            unsigned attempts = run_work(&story, as_execution, kill_at);
            assert_int_equal(story.kills, 1);
            check_same(&story, &calm);
            again += attempts == 2;
        }
    }
    // At the last points the result may have come before the kill.
    assert_true(again >= 2 * (calm.points - 4));
    check_no_journals();
}

/* Kills after a random time, from another thread. */
static void *kill_later(void *argument)
{
    long ns = *(long *)argument;
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
    kill_all_workers();
    return NULL;
}

static void test_random_kills(void **state)
{
    (void)state;
    struct story calm;
    struct story story;
    unsigned seed = 20240117;
    int again = 0;
    run_calm(&calm);
    int fds = settled_fds();
    for (int i = 0; i < RANDOM_KILLS; i++) {
        pthread_t thread;
        long ns = (long)(rand_r(&seed) % 20000) * 1000;
        assert_int_equal(pthread_create(&thread, NULL, kill_later, &ns), 0);
        again += run_work(&story, i % 2, -1) == 2;
        pthread_join(thread, NULL);
        let_rest();
        check_same(&story, &calm);
        assert_false(has_children());
    }
    print_message("%d of %d calls were run again (seed 20240117)\n", again, RANDOM_KILLS);
    assert_true(again > RANDOM_KILLS / 4);
    assert_int_equal(settled_fds(), fds);
    check_no_journals();
}

/* Which answer is first nobody knows; but what was printed of it is what the result is made of. */
static void test_races(void **state)
{
    (void)state;
    unsigned seed = 5;
    int again = 0;
    for (int i = 0; i < 200; i++) {
        struct story story = {.kill_at = -1};
        pthread_t thread;
        unsigned attempts;
        long ns = (long)(rand_r(&seed) % 8000) * 1000;
        rune_vm *vm = make_vm(&story);
        rune_call_options *options = options_for(&story);
        assert_int_equal(pthread_create(&thread, NULL, kill_later, &ns), 0);
        take_record(&story, call_record(vm, "race", options), &attempts);
        pthread_join(thread, NULL);
        again += attempts == 2;
        let_rest();
        int64_t sum = 0;
        int lines = 0;
        story.seen.output[0][story.seen.output_size[0]] = 0;
        for (char *at = story.seen.output[0]; *at; at++, lines++) {
            sum = sum * 3 + strtol(at, &at, 10);
        }
        assert_int_equal(lines, 8);
        assert_int_equal(sum, story.seen.result);
        for (int n = 0; n < 30; n++) {
            assert_int_equal(story.seen.laters[n], n % 10 < 8);
        }
        rune_call_options_free(options);
        rune_vm_free(vm);
    }
    assert_true(again > 0);
}

/* All calls of a worker are run again, wherever each of them stood. */
static void test_many_at_once(void **state)
{
    (void)state;
    static struct story stories[MANY];
    struct story calm;
    rune_vm *vms[MANY];
    rune_execution *executions[MANY];
    int again = 0;
    run_calm(&calm);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < MANY; i++) {
            stories[i] = (struct story){.kill_at = -1};
            vms[i] = make_vm(&stories[i]);
            rune_call_options *options = options_for(&stories[i]);
            assert_int_equal(
                rune_vm_send_execute(vms[i], "work", NULL, 0, options, &executions[i], NULL),
                RUNE_OK);
            rune_call_options_free(options);
        }
        nanosleep(&(struct timespec){.tv_nsec = 3000000L * round}, NULL);
        kill_all_workers();
        for (int i = 0; i < MANY; i++) {
            rune_record *record;
            unsigned attempts;
            assert_int_equal(rune_execution_wait(executions[i], PATIENCE_NS), RUNE_OK);
            assert_int_equal(rune_execution_complete(executions[i], &record), RUNE_OK);
            take_record(&stories[i], record, &attempts);
            again += attempts == 2;
            check_same(&stories[i], &calm);
            rune_execution_free(executions[i]);
            rune_vm_free(vms[i]);
        }
        let_rest();
    }
    assert_true(again > 0);
}

static void expect(const char *item, const rune_call_options *options, rune_reason reason,
                   unsigned attempts, const char *text)
{
    struct story story = {.kill_at = -1};
    rune_vm *vm = make_vm(&story);
    rune_record *record = call_record(vm, item, options);
    assert_int_equal(rune_record_reason(record), reason);
    assert_int_equal(rune_record_attempts(record), attempts);
    if (text) {
        assert_non_null(strstr(rune_error_message(rune_record_error(record)), text));
    }
    rune_record_free(record);
    rune_vm_free(vm);
}

static void test_only_once(void **state)
{
    (void)state;
    expect("once", NULL, RUNE_REASON_OK, 2, NULL);
    expect("twice", NULL, RUNE_REASON_CRASHED, 2, "SIGKILL");
}

static void test_not_wanted(void **state)
{
    (void)state;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_replay(options, false);
    expect("once", options, RUNE_REASON_CRASHED, 1, "SIGKILL");
    rune_call_options_free(options);
}

/* What was in the worker is lost with it; the first call of such a Vm had nothing there. */
static void test_globals(void **state)
{
    (void)state;
    struct story story = {.kill_at = -1};
    rune_vm *vm = make_vm(&story);
    assert_int_equal(call_i64(vm, "kept"), 1);
    assert_int_equal(call_i64(vm, "keep"), 2);
    assert_int_equal(call_reason(vm, "kept", NULL), RUNE_REASON_CRASHED);
    assert_int_equal(call_reason(vm, "keep", NULL), RUNE_REASON_VM_LOST);
    assert_int_equal(rune_vm_reset(vm), RUNE_OK);
    assert_int_equal(call_i64(vm, "keep"), 1);
    rune_vm_free(vm);
}

static void test_too_much_taken_in(void **state)
{
    (void)state;
    expect("large", NULL, RUNE_REASON_CRASHED, 1, "too much to be run again");
    check_no_journals();
}

/* A second run computes what the first has computed; what it was asked for is answered meanwhile, with more than
 * may be held for it. */
/* It begins with a loop, and asks for nothing yet: so it is behind. */
/* Stops its worker as soon as it has begun: however busy the machine is, it gets no further. */
static pid_t stop_second_run(struct rn_call *call)
{
    pid_t pid = 0;
    for (int64_t until = now_ms() + PATIENCE_MS; pid == 0 && now_ms() < until;) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        struct rn_peer *peer = rn_call_lock(call);
        if (call->replay.runs == 2 && call->in_table && !peer->dead) {
            pid = peer->child.pid;
            assert_int_equal(kill(pid, SIGSTOP), 0);
        }
        pthread_mutex_unlock(&peer->lock);
    }
    assert_int_not_equal(pid, 0);
    return pid;
}

static void test_answers_while_it_is_behind(void **state)
{
    (void)state;
    struct story story = {.kill_at = -1};
    rune_vm *vm = make_vm(&story);
    rune_execution *execution;
    rune_record *record;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, PATIENCE_NS);
    assert_int_equal(rune_vm_send_execute(vm, "greedy", NULL, 0, options, &execution, NULL),
                     RUNE_OK);
    rune_call_options_free(options);
    while (held_count < 8) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill_all_workers();
    pid_t stopped = stop_second_run(execution->call);
    size_t size = 15u << 20;
    char *text = calloc(1, size);
    memset(text, 'x', size);
    rune_const_value *value = rune_value_string(text, size);
    for (unsigned i = 0; i < held_count; i++) {
        assert_int_equal(rune_host_call_reply(held[i], value),
                         i < RN_JOURNALS_BYTES_MAX / size ? RUNE_OK : RUNE_E_OVERLOADED);
        assert_true(supervisor->journals_bytes <= RN_JOURNALS_BYTES_MAX);
    }
    rune_value_unref(value);
    free(text);
    (void)kill(stopped, SIGCONT); // it may have gone: being told to end, a stopped one gets 40 ms
    assert_int_equal(rune_execution_wait(execution, PATIENCE_NS), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_MEMORY);
    rune_record_free(record);
    rune_execution_free(execution);
    rune_vm_free(vm);
    check_no_journals();
}

static void test_divergence(void **state)
{
    (void)state;
    struct story story = {.kill_at = -1};
    rune_call_options *options = options_for(&story);
    expect("spoil", options, RUNE_REASON_WORKER_LOST, 2, "when the call was run again, it printed");
    // "xy" was taken down; what came again was not delivered.
    assert_int_equal(story.seen.output_size[0], 1);
    rune_call_options_free(options);
}

static int64_t time_spin(void *options)
{
    int64_t begun = now_ms();
    expect("spin", options, RUNE_REASON_WALL, 2, NULL);
    return now_ms() - begun;
}

/* The deadline is that of the first run. */
static void test_deadline(void **state)
{
    (void)state;
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 600000000);
    assert_in_range(best_ms(time_spin, options, 1100), 599, 1100);
    rune_call_options_free(options);
}

static void test_cancelled(void **state)
{
    (void)state;
    rune_call_options *options = rune_call_options_new();
    for (int i = 0; i < 50; i++) {
        token = rune_cancel_token_new();
        rune_call_options_set_cancel_token(options, token);
        struct story story = {.kill_at = -1};
        rune_vm *vm = make_vm(&story);
        assert_int_equal(call_reason(vm, "stop", options), RUNE_REASON_CANCELLED);
        rune_vm_free(vm);
        rune_cancel_token_unref(token);
    }
    rune_call_options_free(options);
}

static int64_t time_item(void *item)
{
    struct story story = {.kill_at = -1};
    rune_vm *vm = make_vm(&story);
    int64_t begun = now_ms();
    assert_int_equal(call_i64(vm, item), 4);
    int64_t took = now_ms() - begun;
    rune_vm_free(vm);
    return took;
}

/* What the first run has slept is not slept again. */
static void test_sleeps(void **state)
{
    (void)state;
    char slept[] = "slept";
    char asleep[] = "asleep";
    assert_in_range(best_ms(time_item, slept, 1000), 599, 1000);
    assert_in_range(best_ms(time_item, asleep, 600), 119, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_each_point),
        cmocka_unit_test(test_random_kills),
        cmocka_unit_test(test_races),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_only_once),
        cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_too_much_taken_in),
        cmocka_unit_test(test_answers_while_it_is_behind),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_sleeps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
