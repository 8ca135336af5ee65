/* test_lockdown.c: each step of a process into its wall, with every call of it failing in turn. */
#include "policy/filter.h"
#include "policy/kernel.h"
#include "policy/lockdown.h"
#include "tests/unit/policy/fake_kernel.h"

#include <errno.h>

typedef void step(struct rn_wall_report *report);

/* Runs a step; its layer must be active, or refused with the errno. */
static void expect(step *run, enum rn_layer layer, int error)
{
    struct rn_wall_report report = {0};
    run(&report);
    assert_int_equal(report.wanted, RN_LAYER_BIT(layer));
    assert_int_equal(report.active, error == 0 ? RN_LAYER_BIT(layer) : 0);
    assert_int_equal(report.refused_errno[layer], error);
}

/* The layer is there if nothing fails, and missing if any of its calls does. */
static size_t fail_each(step *run, enum rn_layer layer)
{
    fake_start();
    expect(run, layer, 0);
    size_t calls = fake.count;
    for (size_t n = 1; n <= calls; n++) {
        fake_start();
        fake_fail_nth(n, EPERM);
        expect(run, layer, EPERM);
    }
    fake_stop();
    return calls;
}

static void limits(struct rn_wall_report *report)
{
    static const struct rn_lockdown_limits limits = {UINT64_C(1) << 30, 7};
    rn_lockdown_limits(report, &limits);
}

static void seal(struct rn_wall_report *report)
{
    static uint8_t arena[8192];
    const struct rn_mapping mappings[] = {{NULL, 0}, {arena, sizeof(arena)}};
    rn_lockdown_seal(report, mappings, RN_COUNT_OF(mappings));
}

static void filter(struct rn_wall_report *report)
{
    rn_lockdown_filter(report, RN_ROLE_COMPILER);
}

static void a_refused_call_is_a_missing_layer(void **state)
{
    (void)state;
    assert_int_equal(fail_each(rn_lockdown_not_dumpable, RN_LAYER_NOT_DUMPABLE), 1);
    assert_int_equal(fail_each(rn_lockdown_no_new_privs, RN_LAYER_NO_NEW_PRIVS), 1);
    assert_int_equal(fail_each(rn_lockdown_no_exec_gain, RN_LAYER_NO_EXEC_GAIN), 1);
    assert_int_equal(fail_each(limits, RN_LAYER_RLIMITS), 2 * 12);
    assert_in_range(fail_each(seal, RN_LAYER_MSEAL), 3, 16);
    assert_int_equal(fail_each(filter, RN_LAYER_SECCOMP), 1);
}

static void either_kind_of_speculation_may_be_all_that_is_restricted(void **state)
{
    (void)state;
    static const enum rn_layer layers[] = {RN_LAYER_STORE_SPECULATION, RN_LAYER_BRANCH_SPECULATION};
    for (size_t i = 0; i < RN_COUNT_OF(layers); i++) {
        struct rn_wall_report report = {0};
        fake_start();
        fake_fail_nth(i + 1, ENXIO);
        rn_lockdown_speculation(&report);
        assert_int_equal(report.active, RN_LAYER_BIT(layers[1 - i]));
        assert_int_equal(report.refused_errno[layers[i]], ENXIO);
    }
    fake_stop();
}

static void limits_only_go_down(void **state)
{
    (void)state;
    fake_start();
    fake.rlimit = (struct rlimit){4, 5};
    struct rn_wall_report report = {0};
    rn_lockdown_limits(&report, &(struct rn_lockdown_limits){UINT64_C(1) << 30, 0});
    assert_int_equal(fake_count("setrlimit"), 11); // the processor's time is not bounded
    assert_int_equal(fake.limits[RLIMIT_NOFILE].rlim_max, 5);
    assert_int_equal(fake.limits[RLIMIT_AS].rlim_cur, 5);
    assert_int_equal(fake.limits[RLIMIT_FSIZE].rlim_max, 0);
    fake.rlimit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    limits(&report);
    assert_int_equal(fake.limits[RLIMIT_NOFILE].rlim_max, 8);
    assert_int_equal(fake.limits[RLIMIT_AS].rlim_max, 1 << 30);
    assert_int_equal(fake.limits[RLIMIT_CPU].rlim_cur, 7);
    fake_stop();
}

static void a_filter_that_reaches_some_threads_only_is_none(void **state)
{
    (void)state;
    fake_start();
    fake.filter_is_late = true;
    expect(filter, RN_LAYER_SECCOMP, EBUSY);
    fake_stop();
}

static void descriptors_are_closed_one_by_one_without_close_range(void **state)
{
    (void)state;
    fake_start();
    assert_true(rn_lockdown_close_from(4));
    assert_int_equal(fake_count("close"), 0);
    fake_fail("close_range", 1, ENOSYS);
    fake.rlimit.rlim_cur = 100;
    assert_true(rn_lockdown_close_from(4));
    assert_int_equal(fake_count("close"), 96);
    fake_stop();
}

static void too_many_descriptors_to_close_are_refused(void **state)
{
    (void)state;
    fake_start();
    fake_fail("close_range", 1, ENOSYS);
    fake.rlimit.rlim_cur = (1u << 20) + 1;
    assert_false(rn_lockdown_close_from(4));
    fake_start();
    fake.rlimit.rlim_cur = 100;
    fake_fail(NULL, 2, EPERM); // close_range, then getrlimit
    assert_false(rn_lockdown_close_from(4));
    assert_int_equal(fake_count("close"), 0);
    fake_stop();
}

static void a_parent_that_has_gone_is_noticed(void **state)
{
    (void)state;
    fake_start();
    fake.parent = 55;
    struct rn_wall_report report = {0};
    assert_true(rn_lockdown_follow_parent(&report, 55));
    assert_int_equal(report.active, RN_LAYER_BIT(RN_LAYER_PARENT_DEATH));
    assert_false(rn_lockdown_follow_parent(&report, 56));
    fake_fail_nth(1, EINVAL);
    assert_true(rn_lockdown_follow_parent(&report, 55));
    assert_int_equal(report.refused_errno[RN_LAYER_PARENT_DEATH], EINVAL);
    fake_stop();
}

static void landlock(struct rn_wall_report *report)
{
    rn_lockdown_landlock(report);
}

static void landlock_denies_what_its_version_knows(void **state)
{
    (void)state;
    // By version: bytes of the structure, rights of files, of the network, scopes.
    static const uint64_t versions[][4] = {
        {8, 0x1fff, 0, 0},  {8, 0x3fff, 0, 0},  {8, 0x7fff, 0, 0},  {16, 0x7fff, 3, 0},
        {16, 0xffff, 3, 0}, {24, 0xffff, 3, 3}, {24, 0xffff, 3, 3},
    };
    for (size_t i = 0; i < RN_COUNT_OF(versions); i++) {
        fake_start();
        fake.landlock_abi = (long)i + 1;
        struct rn_wall_report report = {0};
        landlock(&report);
        assert_int_equal(report.landlock_abi, i + 1);
        assert_int_equal(fake.landlock_size, versions[i][0]);
        assert_memory_equal(fake.landlock_words, &versions[i][1], fake.landlock_size);
        assert_int_equal(fake_count("close"), 1);
    }
    fake_stop();
}

static void landlock_may_be_missing_or_refuse(void **state)
{
    (void)state;
    fake_start();
    fake.landlock_abi = 0;
    expect(landlock, RN_LAYER_LANDLOCK, ENOSYS);
    static const char *const labels[] = {"landlock_create_ruleset", "landlock_restrict_self"};
    for (size_t i = 0; i < RN_COUNT_OF(labels); i++) {
        fake_start();
        fake_fail(labels[i], 1, ENOMEM);
        expect(landlock, RN_LAYER_LANDLOCK, ENOMEM);
        assert_int_equal(fake_count("close"), i);
    }
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_call_is_a_missing_layer),
        cmocka_unit_test(either_kind_of_speculation_may_be_all_that_is_restricted),
        cmocka_unit_test(limits_only_go_down),
        cmocka_unit_test(a_filter_that_reaches_some_threads_only_is_none),
        cmocka_unit_test(descriptors_are_closed_one_by_one_without_close_range),
        cmocka_unit_test(too_many_descriptors_to_close_are_refused),
        cmocka_unit_test(a_parent_that_has_gone_is_noticed),
        cmocka_unit_test(landlock_denies_what_its_version_knows),
        cmocka_unit_test(landlock_may_be_missing_or_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
