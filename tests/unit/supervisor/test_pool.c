/* The pool from inside: how many workers are started, when one is retired, what goes before what. */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor/peer_attach.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

enum {
    CALLERS = 16,
    WORKERS = 2,
};

static rune_unit *unit;
static rune_unit *plain; /* without statics */

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("static COUNT = 10;\n"
                 "pub fn main() { 1 }\n"
                 "pub fn count() { COUNT += 1; COUNT }\n"
                 "pub async fn count_slowly() { COUNT += 1; host::later(0).await; COUNT }\n"
                 "pub async fn nap() { time::sleep(time::Duration::from_millis(60)).await; 1 }\n");
    plain = build("pub fn main() { 1 }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_unit_unref(plain);
    return harness_tear_down(state);
}

static struct rn_domain *find_domain(rune_supervisor *of, const char *name)
{
    pthread_mutex_lock(&of->pool.lock);
    struct rn_domain *domain = of->pool.domains;
    while (domain && (domain->for_builds || strcmp(domain->name, name) != 0)) {
        domain = domain->next;
    }
    pthread_mutex_unlock(&of->pool.lock);
    return domain;
}

/* Whoever has counted a peer needs no more than its supervisor to see to its end. */
static void test_a_peer_outlives_its_domain(void **state)
{
    (void)state;
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "short");
    assert_int_equal(call_i64(vm, "main"), 1);
    struct rn_domain *domain = find_domain(supervisor, "short");
    assert_non_null(domain);
    pthread_mutex_lock(&supervisor->pool.lock);
    struct rn_peer *peer = rn_peer_ref(domain->peers);
    pthread_mutex_unlock(&supervisor->pool.lock);
    rune_vm_free(vm);
    while (find_domain(supervisor, "short")) {
        (void)usleep(1000);
    }
    (void)usleep(50000); // its zygote ends, and it is freed
    rn_peer_end_sweeps(peer);
    rn_peer_unref(peer);
}

/* The only worker that serves there, counted; NULL: none. */
static struct rn_peer *serving_peer(rune_supervisor *of)
{
    struct rn_domain *domain = find_domain(of, "");
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&of->pool.lock);
    for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        bool serves = peer->place == RN_PLACE_SERVING && !peer->retiring;
        found = serves && !found ? rn_peer_ref(peer) : found;
    }
    pthread_mutex_unlock(&of->pool.lock);
    return found;
}

/* As after so many calls. */
static void wear(rune_supervisor *of, struct rn_peer *peer)
{
    pthread_mutex_lock(&of->pool.lock);
    peer->served = 1000000;
    pthread_mutex_unlock(&of->pool.lock);
}

static bool has_ended(const struct rn_peer *peer, int wait_ms)
{
    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
    return poll(&polled, 1, wait_ms) == 1;
}

/* A worker is worn while the first call of a Vm with statics runs there: it takes no other Vm's calls, and
 * stays until that one leaves it. */
static void test_a_worn_worker_keeps_its_vms(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_vm *counting = vm_by(own, unit, RUNE_ISOLATION_SHARED, "");
    rune_vm *other = vm_by(own, plain, RUNE_ISOLATION_SHARED, "");
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    assert_int_equal(
        rune_vm_send_execute(counting, "count_slowly", NULL, 0, NULL, &execution, NULL), RUNE_OK);
    struct rn_peer *worn = serving_peer(own);
    wear(own, worn);
    assert_int_equal(call_i64(other, "main"), 1);
    assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    rune_record_free(record);
    rune_execution_free(execution);
    assert_true(worn->retiring);
    assert_false(has_ended(worn, 50));
    assert_int_equal(call_i64(counting, "count"), 12);
    assert_int_equal(call_i64(other, "main"), 1);
    struct rn_peer *next = serving_peer(own);
    assert_non_null(next);
    assert_ptr_not_equal(next, worn);
    rune_vm_free(counting);
    assert_true(has_ended(worn, 2000));
    assert_false(has_ended(next, 0));
    rn_peer_unref(worn);
    rn_peer_unref(next);
    rune_vm_free(other);
    rune_supervisor_free(own);
}

/* Calls that come together. */
struct burst {
    pthread_barrier_t barrier;
    const char *item;
    rune_vm *vms[CALLERS];
    rune_reason reasons[CALLERS];
    pthread_t threads[CALLERS];
    atomic_uint next;
};

static void *call_at_once(void *argument)
{
    struct burst *burst = argument;
    unsigned n = burst->next++;
    pthread_barrier_wait(&burst->barrier);
    burst->reasons[n] = call_reason(burst->vms[n], burst->item, NULL);
    return NULL;
}

static void run_burst(struct burst *burst)
{
    pthread_barrier_init(&burst->barrier, NULL, CALLERS);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&burst->threads[i], NULL, call_at_once, burst), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(burst->threads[i], NULL);
    }
    for (int i = 0; i < CALLERS; i++) {
        rune_vm_free(burst->vms[i]);
    }
    pthread_barrier_destroy(&burst->barrier);
}

static unsigned count_reason(const struct burst *burst, rune_reason reason)
{
    unsigned count = 0;
    for (int i = 0; i < CALLERS; i++) {
        count += burst->reasons[i] == reason;
    }
    return count;
}

static uint64_t count_started(rune_supervisor *of)
{
    rune_stats stats;
    rune_supervisor_stats(of, &stats);
    return stats.workers_started;
}

/* In a domain without a worker no more are started than it may have; for each key of its own. */
static void test_a_cold_burst(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(WORKERS, 0);
    struct burst burst = {.item = "nap"};
    uint64_t before = count_started(own);
    for (int i = 0; i < CALLERS; i++) {
        burst.vms[i] = vm_by(own, unit, RUNE_ISOLATION_SHARED, "cold");
    }
    run_burst(&burst);
    assert_int_equal(count_reason(&burst, RUNE_REASON_OK), CALLERS);
    assert_in_range(count_started(own) - before, 1, WORKERS);
    before = count_started(own);
    burst = (struct burst){.item = "main"};
    for (int i = 0; i < CALLERS; i++) {
        burst.vms[i] = vm_by(own, i % 2 ? unit : plain, RUNE_ISOLATION_UNIT, "cold");
    }
    run_burst(&burst);
    assert_int_equal(count_reason(&burst, RUNE_REASON_OK), CALLERS);
    assert_in_range(count_started(own) - before, 2, 2 * WORKERS);
    rune_supervisor_free(own);
}

/* The domain has all processes that it may have but one. */
static void test_a_process_for_each_call_but_no_more(void **state)
{
    (void)state;
    static struct rn_peer others[RN_DOMAIN_PEERS_MAX - 1];
    rune_supervisor *own = new_supervisor(WORKERS, 0);
    struct burst burst = {.item = "nap"};
    for (int i = 0; i < CALLERS; i++) {
        burst.vms[i] = vm_by(own, unit, RUNE_ISOLATION_CALL, "full");
    }
    struct rn_domain *domain = find_domain(own, "full");
    struct rn_peer **last = &domain->peers;
    for (size_t i = 0; i < RN_DOMAIN_PEERS_MAX - 1; i++) {
        others[i].place = RN_PLACE_SERVING;
        others[i].load = 1;
        *last = &others[i];
        last = &others[i].next;
    }
    domain->users++;
    run_burst(&burst);
    for (bool alone = false; !alone; (void)usleep(1000)) {
        pthread_mutex_lock(&own->pool.lock);
        alone = domain->peers == others; // the others go in front, and have gone
        domain->peers = alone ? NULL : domain->peers;
        pthread_mutex_unlock(&own->pool.lock);
    }
    rn_pool_domain_release(domain);
    assert_int_equal(count_reason(&burst, RUNE_REASON_OK), 1);
    assert_int_equal(count_reason(&burst, RUNE_REASON_OVERLOADED), CALLERS - 1);
    rune_supervisor_free(own);
}

/* When nothing can be started, everybody hears of it who waited for somebody else's start. */
static void test_a_burst_that_finds_no_descriptors(void **state)
{
    (void)state;
    struct rlimit before;
    rune_supervisor *own = new_supervisor(WORKERS, 0);
    struct burst burst = {.item = "main"};
    for (int i = 0; i < CALLERS; i++) {
        burst.vms[i] = vm_by(own, plain, RUNE_ISOLATION_SHARED, "poor");
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
    run_burst(&burst);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(count_reason(&burst, RUNE_REASON_SETUP), CALLERS);
    rune_vm *vm = vm_by(own, plain, RUNE_ISOLATION_SHARED, "poor");
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_vm_free(vm);
    rune_supervisor_free(own);
}

/* Who waits for somebody else's start does so until its deadline, and ends by it. */
static void test_a_start_that_takes_too_long(void **state)
{
    (void)state;
    rune_supervisor *own = new_supervisor(1, 0);
    rune_vm *vm = vm_by(own, plain, RUNE_ISOLATION_SHARED, "slow");
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 50000000);
    struct rn_start start = {.isolation = RUNE_ISOLATION_SHARED};
    struct rn_domain *domain = find_domain(own, "slow");
    domain->starts = &start;
    int64_t begun_ms = now_ms();
    assert_int_equal(call_reason(vm, "main", options), RUNE_REASON_WALL);
    assert_in_range(now_ms() - begun_ms, 49, 2000);
    domain->starts = NULL;
    assert_int_equal(call_i64(vm, "main"), 1);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_supervisor_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cold_burst),
        cmocka_unit_test(test_a_process_for_each_call_but_no_more),
        cmocka_unit_test(test_a_burst_that_finds_no_descriptors),
        cmocka_unit_test(test_a_start_that_takes_too_long),
        cmocka_unit_test(test_a_worn_worker_keeps_its_vms),
        cmocka_unit_test(test_a_peer_outlives_its_domain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
