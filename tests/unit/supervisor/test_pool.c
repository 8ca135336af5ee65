/* The pool from inside: how many workers are started, when one is retired, what goes before what. */
#include "tests/unit/supervisor/harness.h"

#include <string.h>
#include <unistd.h>

#include "supervisor/peer_attach.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

static rune_unit *unit;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build("static COUNT = 10;\n"
                 "pub fn main() { 1 }\n");
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_peer_outlives_its_domain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
