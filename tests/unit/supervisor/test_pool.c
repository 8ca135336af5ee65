/* The pool from inside: how many workers are started, when one is retired, what goes before what. */
#include "tests/unit/supervisor/harness.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/peer_attach.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worn_worker_keeps_its_vms),
        cmocka_unit_test(test_a_peer_outlives_its_domain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
