/* Batches whose calls are at several workers, call the host, are refused, cancelled or lose their worker,
 * and several batches at once. */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/batch.h"
#include "supervisor/call.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/vm.h"

enum {
    VMS = 12,
    CALLS = VMS * 8,
    THREADS = 3,
    STANDSTILL = 4000,
    STANDSTILL_TEXT = 1200,
    NAPS = 4,
};

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("pub fn square(n) { n * n }\n"
                 "pub fn twice(n) { host::double(n) }\n"
                 "pub async fn later(n) { host::later(n).await }\n"
                 "pub fn say(n) { println!(\"{n}\"); n }\n"
                 "pub fn compute(n) { let i = 0; while i < 200000 { i += 1; } n + i }\n"
                 "pub fn spin(n) { loop {} }\n"
                 "pub fn length(text) { text.len() as i64 }\n"
                 "pub async fn nap(ms) {\n"
                 "    time::sleep(time::Duration::from_millis(ms)).await; ms\n"
                 "}\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

/* CALLS of one function, in turns of VMS Vms; call i has the argument i. */
struct round {
    rune_vm *vms[VMS];
    rune_batch_call calls[CALLS];
    rune_record *records[CALLS];
    rune_const_value *numbers[CALLS];
    const rune_const_value *args[CALLS][1];
};

static void begin_round(struct round *round, const char *item, rune_isolation isolation)
{
    for (int i = 0; i < VMS; i++) {
        round->vms[i] = new_vm(unit, isolation, "");
    }
    for (int i = 0; i < CALLS; i++) {
        round->numbers[i] = rune_value_i64(i);
        round->args[i][0] = round->numbers[i];
        round->calls[i] = (rune_batch_call){round->vms[i % VMS], item, round->args[i], 1, NULL};
    }
}

static void end_round(struct round *round)
{
    for (int i = 0; i < CALLS; i++) {
        rune_record_free(round->records[i]);
        rune_value_unref(round->numbers[i]);
    }
    for (int i = 0; i < VMS; i++) {
        rune_vm_free(round->vms[i]);
    }
}

static int64_t result_of(const struct round *round, int i)
{
    int64_t number = -1;
    assert_int_equal(rune_record_reason(round->records[i]), RUNE_REASON_OK);
    assert_true(rune_value_get_i64(rune_record_value(round->records[i]), &number));
    return number;
}

static void run_round(struct round *round)
{
    assert_int_equal(rune_call_many(round->calls, CALLS, round->records, NULL), RUNE_OK);
}

/* All at one worker, and each Vm with one of its own. */
static void test_one_worker_and_several(void **state)
{
    (void)state;
    static const rune_isolation isolations[] = {RUNE_ISOLATION_SHARED, RUNE_ISOLATION_VM,
                                                RUNE_ISOLATION_CALL};
    for (size_t k = 0; k < 3; k++) {
        struct round round;
        begin_round(&round, "square", isolations[k]);
        run_round(&round);
        for (int64_t i = 0; i < CALLS; i++) {
            assert_int_equal(result_of(&round, (int)i), i * i);
        }
        end_round(&round);
    }
}

static void test_host_functions(void **state)
{
    (void)state;
    static const char *const items[] = {"twice", "later"};
    for (int k = 0; k < 4; k++) {
        struct round round;
        begin_round(&round, items[k % 2], k < 2 ? RUNE_ISOLATION_SHARED : RUNE_ISOLATION_VM);
        run_round(&round);
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(result_of(&round, i), k % 2 == 0 ? 2 * i : i + 1000);
        }
        end_round(&round);
    }
}

/* Output: every third line is refused once; and all of it is taken on the thread that makes the batch. */
struct sink {
    pthread_t thread;
    int lines;
    int refused;
    bool ready;
};

static bool take_line(void *user, int stream, const char *text, size_t size)
{
    struct sink *sink = user;
    (void)stream;
    (void)text;
    (void)size;
    assert_true(pthread_equal(sink->thread, pthread_self()));
    sink->ready = !sink->ready && sink->lines % 3 == 2;
    if (sink->ready) {
        sink->refused++;
        return false;
    }
    sink->lines++;
    return true;
}

static void test_a_sink_that_refuses(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct sink sink = {.thread = pthread_self()};
        struct round round;
        rune_call_options *options = rune_call_options_new();
        rune_call_options_set_output(options, take_line, &sink);
        begin_round(&round, "say", k == 0 ? RUNE_ISOLATION_SHARED : RUNE_ISOLATION_VM);
        for (int i = 0; i < CALLS; i++) {
            round.calls[i].options = options;
        }
        run_round(&round);
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(result_of(&round, i), i);
        }
        assert_int_equal(sink.lines, CALLS);
        assert_true(sink.refused > 0);
        end_round(&round);
        rune_call_options_free(options);
    }
}

/* Some never end by themselves: a limit ends them, the others have their results. */
/* A sink that makes a call of its own. */
struct nested {
    rune_vm *vm;
    const rune_const_value *const *args;
    int calls;
    int failures;
};

static bool call_meanwhile(void *user, int stream, const char *data, size_t size)
{
    struct nested *nested = user;
    rune_const_value *value = NULL;
    (void)stream;
    (void)data;
    (void)size;
    nested->calls++;
    nested->failures +=
        rune_vm_call(nested->vm, "square", nested->args, 1, NULL, &value, NULL) != RUNE_OK;
    rune_value_unref(value);
    return true;
}

/* Two calls at a worker that has room for two: when one has ended, its room is there for whatever the
 * host's code calls, not only for the batch. */
static void test_room_for_what_the_host_calls(void **state)
{
    (void)state;
    rune_supervisor *small = new_small_supervisor(2);
    rune_vm *vms[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rune_vm_new(small, NULL, unit, NULL, &vms[i], NULL), RUNE_OK);
    }
    rune_const_value *number = rune_value_i64(7);
    const rune_const_value *args[] = {number};
    struct nested nested = {.vm = vms[2], .args = args};
    rune_call_options *said = rune_call_options_new();
    rune_call_options_set_output(said, call_meanwhile, &nested);
    rune_batch_call calls[2] = {{vms[0], "square", args, 1, NULL}, {vms[1], "say", args, 1, said}};
    for (int i = 0; i < 100; i++) {
        rune_record *records[2];
        assert_int_equal(rune_call_many(calls, 2, records, NULL), RUNE_OK);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(rune_record_reason(records[k]), RUNE_REASON_OK);
            rune_record_free(records[k]);
        }
    }
    assert_int_equal(nested.calls, 100);
    assert_int_equal(nested.failures, 0);
    rune_call_options_free(said);
    rune_value_unref(number);
    for (int i = 0; i < 3; i++) {
        rune_vm_free(vms[i]);
    }
    rune_supervisor_free(small);
}

static void test_limits_and_cancelling(void **state)
{
    (void)state;
    struct round round;
    rune_call_options *limited = with_limit(RUNE_LIMIT_WALL, UINT64_C(50000000));
    begin_round(&round, "square", RUNE_ISOLATION_SHARED);
    for (int i = 5; i < CALLS; i += 40) {
        round.calls[i].item = "spin";
        round.calls[i].options = limited;
    }
    run_round(&round);
    for (int64_t i = 0; i < CALLS; i++) {
        if (i % 40 == 5) {
            assert_int_equal(rune_record_reason(round.records[i]), RUNE_REASON_WALL);
        } else {
            assert_int_equal(result_of(&round, (int)i), i * i);
        }
    }
    end_round(&round);
    rune_call_options_free(limited);
}

/* Vms that somebody else has are busy, which is an end like another. */
static void test_a_vm_that_is_taken(void **state)
{
    (void)state;
    struct round round;
    begin_round(&round, "square", RUNE_ISOLATION_SHARED);
    assert_int_equal(rn_vm_claim(round.vms[3], NULL), RUNE_OK);
    run_round(&round);
    for (int64_t i = 0; i < CALLS; i++) {
        if (i % VMS == 3) {
            assert_non_null(rune_record_error(round.records[i]));
        } else {
            assert_int_equal(result_of(&round, (int)i), i * i);
        }
    }
    rn_vm_release(round.vms[3]);
    end_round(&round);
}

/* Workers are killed while a batch runs: every call ends well, some of them at another worker. */
static atomic_bool killing;

static void kill_a_worker(void)
{
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&supervisor->pool.lock);
    for (struct rn_domain *d = supervisor->pool.domains; d && !found; d = d->next) {
        for (struct rn_peer *peer = d->peers; peer && !found; peer = peer->next) {
            found = peer->place == RN_PLACE_SERVING && peer->load > 0 ? rn_peer_ref(peer) : NULL;
        }
    }
    pthread_mutex_unlock(&supervisor->pool.lock);
    if (found) {
        rn_child_kill(&found->child);
        rn_peer_unref(found);
    }
}

static void *kill_workers(void *argument)
{
    (void)argument;
    while (atomic_load(&killing)) {
        kill_a_worker();
        (void)poll(NULL, 0, 50);
    }
    return NULL;
}

static void test_workers_that_are_killed(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct round round;
        pthread_t killer;
        int again = 0;
        int64_t compute = 200000;
        begin_round(&round, "compute", k == 0 ? RUNE_ISOLATION_SHARED : RUNE_ISOLATION_VM);
        atomic_store(&killing, true);
        assert_int_equal(pthread_create(&killer, NULL, kill_workers, NULL), 0);
        run_round(&round);
        atomic_store(&killing, false);
        pthread_join(killer, NULL);
        for (int i = 0; i < CALLS; i++) {
            // Whoever is killed twice has lost its worker, and says so.
            rune_reason reason = rune_record_reason(round.records[i]);
            assert_true(reason == RUNE_REASON_OK || reason == RUNE_REASON_CRASHED ||
                        reason == RUNE_REASON_WORKER_LOST);
            if (reason == RUNE_REASON_OK) {
                assert_int_equal(result_of(&round, i), i + compute);
            }
            again += rune_record_attempts(round.records[i]) > 1;
        }
        assert_true(again > 0);
        end_round(&round);
    }
}

/* A worker that stands still until there is no room for more. */
struct standstill {
    rune_supervisor *supervisor;
    struct rn_peer *peer; /* counted */
    bool was_full;
};

static struct rn_peer *only_peer(rune_supervisor *of)
{
    struct rn_peer *peer = NULL;
    pthread_mutex_lock(&of->pool.lock);
    for (struct rn_domain *d = of->pool.domains; d && !peer; d = d->next) {
        peer = d->peers ? rn_peer_ref(d->peers) : NULL;
    }
    pthread_mutex_unlock(&of->pool.lock);
    assert_non_null(peer);
    return peer;
}

static void send_signal(const struct rn_peer *peer, int number)
{
    assert_int_equal(syscall(SYS_pidfd_send_signal, peer->child.pidfd, number, NULL, 0), 0);
}

static bool stands_still(const struct rn_peer *peer)
{
    char path[40];
    char text[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)peer->child.pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    (void)fclose(file);
    return strstr(text, ") T ") != NULL;
}

/* On its way there it may take one more packet. */
static void stop(const struct rn_peer *peer)
{
    send_signal(peer, SIGSTOP);
    while (!stands_still(peer)) {
        (void)poll(NULL, 0, 1);
    }
}

static void *go_on_when_full(void *argument)
{
    struct standstill *still = argument;
    for (int i = 0; i < 1000 && !still->was_full; i++) {
        (void)poll(NULL, 0, 5);
        pthread_mutex_lock(&still->peer->lock);
        still->was_full = rn_peer_has_unsent(still->peer);
        pthread_mutex_unlock(&still->peer->lock);
    }
    send_signal(still->peer, SIGCONT);
    return NULL;
}

/* Whatever waits for room goes when there is some, in order: each call gets its own result. */
static void test_a_worker_that_stands_still(void **state)
{
    (void)state;
    static rune_vm *vms[STANDSTILL];
    static rune_batch_call calls[STANDSTILL];
    static rune_record *records[STANDSTILL];
    static const rune_const_value *args[STANDSTILL][1];
    static const char text[STANDSTILL_TEXT];
    struct standstill still = {.supervisor = new_small_supervisor(STANDSTILL)};
    pthread_t thread;
    for (int i = 0; i < STANDSTILL; i++) {
        assert_int_equal(rune_vm_new(still.supervisor, NULL, unit, NULL, &vms[i], NULL), RUNE_OK);
        args[i][0] = rune_value_string(text, (size_t)(i % STANDSTILL_TEXT));
        calls[i] = (rune_batch_call){vms[i], "length", args[i], 1, NULL};
    }
    assert_int_equal(rune_call_many(calls, 1, records, NULL), RUNE_OK);
    rune_record_free(records[0]);
    still.peer = only_peer(still.supervisor);
    stop(still.peer);
    assert_int_equal(pthread_create(&thread, NULL, go_on_when_full, &still), 0);
    assert_int_equal(rune_call_many(calls, STANDSTILL, records, NULL), RUNE_OK);
    pthread_join(thread, NULL);
    assert_true(still.was_full);
    for (int i = 0; i < STANDSTILL; i++) {
        int64_t length = -1;
        assert_int_equal(rune_record_reason(records[i]), RUNE_REASON_OK);
        assert_true(rune_value_get_i64(rune_record_value(records[i]), &length));
        assert_int_equal(length, i % STANDSTILL_TEXT);
        rune_record_free(records[i]);
        rune_value_unref((rune_const_value *)args[i][0]);
        rune_vm_free(vms[i]);
    }
    rn_peer_unref(still.peer);
    rune_supervisor_free(still.supervisor);
}

/* Answers for a call that is over, which a worker lets pass, until not even a small one fits. */
static void fill_socket(const struct rn_peer *peer)
{
    static uint8_t body[RN_PACKET_BODY_MAX];
    static uint8_t packet[RN_PACKET_MAX];
    for (size_t size = sizeof(body);; size = 1) {
        struct rn_message message = {.type = RN_MESSAGE_HOST_REPLY,
                                     .call = RN_SLOTS_MAX - 1,
                                     .body = body,
                                     .body_size = size,
                                     .as.HOST_REPLY = {.number = 1}};
        struct rn_outgoing outgoing;
        rn_outgoing_init(&outgoing, &message);
        size_t packet_size = rn_outgoing_packet(&outgoing, 0, packet);
        enum rn_error error = RN_OK;
        while (error == RN_OK) {
            error = rn_transport_send(peer->fd, packet, packet_size, RN_WAIT_NEVER);
        }
        assert_int_equal(error, RN_E_WOULD_BLOCK);
        if (size == 1) {
            return;
        }
    }
}

/* A few calls that wait for nothing but room in the socket: a parcel, and nothing behind it. */
static void test_a_parcel_that_waits(void **state)
{
    (void)state;
    struct round round;
    struct standstill still = {.supervisor = new_small_supervisor(CALLS)};
    pthread_t thread;
    begin_round(&round, "square", RUNE_ISOLATION_SHARED);
    for (int i = 0; i < VMS; i++) {
        rune_vm_free(round.vms[i]);
        assert_int_equal(rune_vm_new(still.supervisor, NULL, unit, NULL, &round.vms[i], NULL),
                         RUNE_OK);
    }
    for (int i = 0; i < CALLS; i++) {
        round.calls[i].vm = round.vms[i % VMS];
    }
    assert_int_equal(rune_call_many(round.calls, 1, round.records, NULL), RUNE_OK);
    rune_record_free(round.records[0]);
    still.peer = only_peer(still.supervisor);
    if (!still.peer->ring) {
        stop(still.peer);
        fill_socket(still.peer);
        assert_int_equal(pthread_create(&thread, NULL, go_on_when_full, &still), 0);
    }
    run_round(&round);
    if (!still.peer->ring) {
        pthread_join(thread, NULL);
        assert_true(still.was_full);
    }
    for (int64_t i = 0; i < CALLS; i++) {
        assert_int_equal(result_of(&round, (int)i), i * i);
    }
    end_round(&round);
    rn_peer_unref(still.peer);
    rune_supervisor_free(still.supervisor);
}

/* Threads with batches and with single calls receive for one another. */
static void *make_batches(void *argument)
{
    rune_isolation isolation = *(const rune_isolation *)argument;
    for (int k = 0; k < 4; k++) {
        struct round round;
        begin_round(&round, k % 2 ? "twice" : "square", isolation);
        run_round(&round);
        for (int64_t i = 0; i < CALLS; i++) {
            assert_int_equal(result_of(&round, (int)i), k % 2 ? 2 * i : i * i);
        }
        end_round(&round);
    }
    return NULL;
}

static void test_batches_side_by_side(void **state)
{
    (void)state;
    static const rune_isolation isolations[THREADS] = {RUNE_ISOLATION_SHARED, RUNE_ISOLATION_SHARED,
                                                       RUNE_ISOLATION_VM};
    pthread_t threads[THREADS];
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *seven = rune_value_i64(7);
    const rune_const_value *args[] = {seven};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_batches, (void *)&isolations[i]),
                         0);
    }
    for (int i = 0; i < 500; i++) {
        rune_const_value *value = NULL;
        int64_t number = 0;
        if (i % 2 == 0) {
            assert_int_equal(rune_vm_call(vm, "twice", args, 1, NULL, &value, NULL), RUNE_OK);
        } else {
            rune_execution *execution = NULL;
            rune_record *record = NULL;
            assert_int_equal(rune_vm_send_execute(vm, "twice", args, 1, NULL, &execution, NULL),
                             RUNE_OK);
            assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
            assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
            value = rune_value_ref((rune_const_value *)rune_record_value(record));
            rune_record_free(record);
            rune_execution_free(execution);
        }
        assert_true(rune_value_get_i64(value, &number));
        assert_int_equal(number, 14);
        rune_value_unref(value);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    rune_value_unref(seven);
    rune_vm_free(vm);
}

/* Calls that sleep, made by a thread of their own. */
struct naps {
    int64_t ms;
    int count; /* 1: a call by itself, which has no batch around it */
    rune_vm *vms[NAPS];
    rune_record *records[NAPS];
    pthread_t thread;
};

static void *take_naps(void *argument)
{
    struct naps *naps = argument;
    rune_batch_call calls[NAPS];
    rune_const_value *ms = rune_value_i64(naps->ms);
    const rune_const_value *args[] = {ms};
    for (int i = 0; i < naps->count; i++) {
        calls[i] = (rune_batch_call){naps->vms[i], "nap", args, 1, NULL};
    }
    if (naps->count == 1) {
        (void)!rune_vm_call_record(naps->vms[0], "nap", args, 1, NULL, &naps->records[0], NULL);
    } else {
        (void)!rune_call_many(calls, (size_t)naps->count, naps->records, NULL);
    }
    rune_value_unref(ms);
    return NULL;
}

static void begin_naps(struct naps *naps, int count, int64_t ms)
{
    *naps = (struct naps){.ms = ms, .count = count};
    for (int i = 0; i < count; i++) {
        naps->vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    }
    assert_int_equal(pthread_create(&naps->thread, NULL, take_naps, naps), 0);
}

static void end_naps(struct naps *naps)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    assert_int_equal(pthread_timedjoin_np(naps->thread, NULL, &until), 0);
    for (int i = 0; i < naps->count; i++) {
        assert_non_null(naps->records[i]);
        assert_int_equal(rune_record_reason(naps->records[i]), RUNE_REASON_OK);
        rune_record_free(naps->records[i]);
        rune_vm_free(naps->vms[i]);
    }
}

/* As many calls at once as are needed for both workers to run and have some. */
static void test_who_received_for_a_batch_leaves_first(void **state)
{
    (void)state;
    static const int first_count[] = {NAPS, 1, NAPS};
    struct naps first;
    struct naps second;
    begin_naps(&first, NAPS, 1);
    end_naps(&first);
    for (int k = 0; k < 3; k++) {
        begin_naps(&first, first_count[k], 60);
        (void)poll(NULL, 0, 25);
        begin_naps(&second, NAPS, 120);
        end_naps(&first);
        if (k == 2) { // what is to be learnt then is that a worker has died
            (void)poll(NULL, 0, 20);
            kill_a_worker();
        }
        end_naps(&second);
    }
}

/* Batches and calls that sleep for a little while come and go, so that the role changes hands all the time. */
static void *come_and_go(void *argument)
{
    unsigned number = *(const unsigned *)argument;
    struct naps naps = {.count = number == 0 ? 1 : NAPS};
    for (int i = 0; i < naps.count; i++) {
        naps.vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    }
    for (int k = 0; k < 100; k++) {
        naps.ms = ((int64_t)number * 7 + k * 3) % 5;
        (void)take_naps(&naps);
        for (int i = 0; i < naps.count; i++) {
            assert_int_equal(rune_record_reason(naps.records[i]), RUNE_REASON_OK);
            rune_record_free(naps.records[i]);
        }
    }
    for (int i = 0; i < naps.count; i++) {
        rune_vm_free(naps.vms[i]);
    }
    return NULL;
}

static void test_batches_that_come_and_go(void **state)
{
    (void)state;
    static const unsigned numbers[] = {0, 1, 2};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)&numbers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_MS / 1000;
        assert_int_equal(pthread_timedjoin_np(threads[i], NULL, &until), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_worker_and_several),
        cmocka_unit_test(test_host_functions),
        cmocka_unit_test(test_a_sink_that_refuses),
        cmocka_unit_test(test_room_for_what_the_host_calls),
        cmocka_unit_test(test_limits_and_cancelling),
        cmocka_unit_test(test_a_vm_that_is_taken),
        cmocka_unit_test(test_workers_that_are_killed),
        cmocka_unit_test(test_a_worker_that_stands_still),
        cmocka_unit_test(test_a_parcel_that_waits),
        cmocka_unit_test(test_batches_side_by_side),
        cmocka_unit_test(test_who_received_for_a_batch_leaves_first),
        cmocka_unit_test(test_batches_that_come_and_go),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
