/* test_domain.c: what a trust domain shares, with every call of it failing in turn. */
#include "policy/domain.h"
#include "tests/unit/policy/fake_kernel.h"

#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#define BASIC (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS)
#define ALL (BASIC | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* --- Which uid --- */

static struct rn_domain domain_of(const char *uid_map, uint32_t wanted)
{
    struct rn_domain domain;
    fake_start();
    fake.uid = 0;
    fake.uid_map = uid_map;
    rn_domain_init(&domain, wanted);
    fake_stop();
    return domain;
}

static void root_gives_the_uid_that_is_wanted(void **state)
{
    (void)state;
    struct rn_domain domain = domain_of("0 0 4294967295\n", 300007);
    assert_true(domain.privileged);
    assert_int_equal(domain.uid, 300007);
    domain = domain_of("0 0 1000\n2000 2000 10\n300000 300000 100\n", 300007);
    assert_int_equal(domain.uid, 300007);
    domain = domain_of("300000 300000 100\n400000 400000 4294967295\n", 300007);
    assert_int_equal(domain.uid, 300007); // a larger range behind it changes nothing
    domain = domain_of(NULL, 300007);     // without procfs it may still work
    assert_true(domain.privileged);
    assert_int_equal(domain.uid, 300007);
}

static void a_container_gives_a_uid_that_exists(void **state)
{
    (void)state;
    struct rn_domain domain = domain_of("0 100000 1000\n5000 5000 10\n", 300007);
    assert_true(domain.privileged);
    assert_in_range(domain.uid, 499, 999); // the upper half of the larger range
    domain = domain_of("300000 1 5\n", 299999);
    assert_in_range(domain.uid, 302, 300004);
    domain = domain_of("300000 1 5\n", 300005);
    assert_in_range(domain.uid, 302, 300004);
}

/* However few there are: never 0, which is the caller's. */
static void a_small_container_gives_no_uid_of_the_callers(void **state)
{
    (void)state;
    static const char *const maps[] = {"0 100000 2\n", "0 100000 1\n1 100001 1\n",
                                       "1 100001 1\n0 100000 1\n", "0 100000 3\n"};
    for (size_t i = 0; i < RN_COUNT_OF(maps); i++) {
        for (uint32_t wanted = 300000; wanted < 300004; wanted++) {
            struct rn_domain domain = domain_of(maps[i], wanted);
            assert_true(domain.privileged);
            assert_in_range(domain.uid, 1, 2);
        }
    }
    assert_false(domain_of("0 1000 1\n", 0).privileged);
    assert_int_equal(domain_of("5 1005 0\n", 300000).uid, 300000); // a line that no kernel writes
}

static void root_with_one_uid_is_an_ordinary_user(void **state)
{
    (void)state;
    struct rn_domain domain = domain_of("0 1000 1\n", 300007);
    assert_false(domain.privileged);
    assert_int_equal(domain.uid, 0);
    fake_start();
    rn_domain_init(&domain, 300007);
    assert_false(domain.privileged);
    assert_int_equal(domain.uid, 1000);
    fake_stop();
}

/* --- The clone --- */

static struct rn_domain new_domain(unsigned uid)
{
    struct rn_domain domain;
    fake_start();
    fake.uid = uid;
    fake.gid = uid;
    rn_domain_init(&domain, 300007);
    fake.count = 0;
    return domain;
}

/* With the first `failing` attempts refused; the number of the process, or -1. */
static pid_t clone_after(struct rn_domain *domain, const char *label, unsigned failing)
{
    int pidfd = -1;
    fake_fail(label, failing, ENOSPC);
    pid_t child = rn_domain_clone(domain, &pidfd);
    assert_int_equal(pidfd, 1002);
    return child;
}

static void the_strongest_form_that_works_is_taken(void **state)
{
    (void)state;
    static const uint64_t as_root[] = {CLONE_NEWUSER | ALL, CLONE_NEWUSER | BASIC, ALL, BASIC, 0};
    static const uint64_t as_user[] = {CLONE_NEWUSER | ALL, CLONE_NEWUSER | BASIC, 0};
    for (unsigned i = 0; i < 5; i++) {
        struct rn_domain domain = new_domain(0);
        assert_int_equal(clone_after(&domain, "clone3", i), FAKE_PID);
        assert_int_equal(fake.clone_flags, as_root[i] | CLONE_PIDFD);
        assert_int_equal(domain.user_namespace, i < 2);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct rn_domain domain = new_domain(1000);
        assert_int_equal(clone_after(&domain, "clone3", i), FAKE_PID);
        assert_int_equal(fake.clone_flags, as_user[i] | CLONE_PIDFD);
    }
    fake_stop();
}

static void what_is_missing_has_the_first_reason(void **state)
{
    (void)state;
    struct rn_domain domain = new_domain(1000);
    assert_int_equal(clone_after(&domain, "clone3", 2), FAKE_PID);
    assert_int_equal(domain.report.active, 0);
    assert_int_equal(domain.report.refused_errno[RN_LAYER_USER_NAMESPACE], ENOSPC);
    assert_int_equal(domain.report.refused_errno[RN_LAYER_CGROUP_NAMESPACE], ENOSPC);
    domain = new_domain(1000);
    assert_int_equal(clone_after(&domain, "clone3", 1), FAKE_PID);
    assert_int_equal(domain.report.refused_errno[RN_LAYER_IPC_NAMESPACE], ENOSPC);
    assert_int_equal(domain.report.active, RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE) |
                                               RN_LAYER_BIT(RN_LAYER_PID_NAMESPACE) |
                                               RN_LAYER_BIT(RN_LAYER_NET_NAMESPACE));
    fake_stop();
}

static void a_clone_that_never_works_has_a_reason(void **state)
{
    (void)state;
    struct rn_domain domain = new_domain(1000);
    errno = 0;
    assert_int_equal(clone_after(&domain, "clone3", 9), -1);
    assert_int_equal(errno, ENOSPC);
    domain = new_domain(1000);
    int pidfd;
    fake_fail("socketpair", 9, EMFILE);
    assert_int_equal(rn_domain_clone(&domain, &pidfd), -1);
    assert_int_equal(errno, EMFILE);
    fake_stop();
}

/* Whatever keeps the identity from being written: the child is waited for, the next form tried. */
static void an_identity_that_cannot_be_written_is_no_namespace(void **state)
{
    (void)state;
    static const unsigned users[] = {0, 1000};
    for (unsigned i = 0; i < 2; i++) {
        struct rn_domain domain = new_domain(users[i]);
        assert_int_equal(clone_after(&domain, "open", 9), FAKE_PID);
        assert_false(domain.user_namespace);
        assert_int_equal(fake_count("waitpid"), 2);
        assert_int_equal(domain.report.refused_errno[RN_LAYER_USER_NAMESPACE], ENOSPC);
        // A map is written whole or not at all.
        domain = new_domain(users[i]);
        fake.write_is_short = true;
        assert_int_equal(clone_after(&domain, NULL, 0), -1);
    }
    for (unsigned n = 0; n < 3; n++) {
        struct rn_domain domain = new_domain(1000);
        assert_int_equal(clone_after(&domain, "write", n), FAKE_PID);
        assert_int_equal(fake_count("waitpid"), n);
    }
    fake_stop();
}

/* Each of the files of an identity, by the position of its opening. */
static void every_file_of_an_identity_counts(void **state)
{
    (void)state;
    static const struct {
        unsigned uid;
        unsigned files;
    } cases[] = {{0, 2}, {1000, 3}};
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        for (unsigned file = 0; file < cases[i].files; file++) {
            struct rn_domain domain = new_domain(cases[i].uid);
            int pidfd;
            fake_fail_nth(3 + 1 + 3 * file,
                          EACCES); // socketpair, clone3, close; open, write, close
            assert_int_equal(rn_domain_clone(&domain, &pidfd), FAKE_PID);
            assert_int_equal(fake_count("clone3"), 2);
            assert_int_equal(fake_count("waitpid"), 1);
        }
    }
    fake_stop();
}

static void root_inside_is_nobody(void **state)
{
    (void)state;
    // Root of a container with one uid: an ordinary user who must not be 0 inside.
    struct rn_domain domain;
    fake_start();
    fake.uid = 0;
    fake.gid = 0;
    fake.uid_map = "0 1000 1\n";
    rn_domain_init(&domain, 300007);
    assert_int_equal(clone_after(&domain, NULL, 0), FAKE_PID);
    assert_int_equal(fake_count("open"), 3); // setgroups, uid_map, gid_map
    fake_stop();
}

static void the_child_waits_for_its_identity(void **state)
{
    (void)state;
    struct rn_domain domain = new_domain(1000);
    int pidfd;
    fake.is_child = true;
    assert_int_equal(rn_domain_clone(&domain, &pidfd), 0);
    assert_int_equal(fake_count("read"), 1);
    domain = new_domain(1000);
    fake.is_child = true;
    fake.gate_is_shut = true; // its maker has gone
    if (setjmp(fake.ended) == 0) {
        rn_domain_clone(&domain, &pidfd);
        fail_msg("it should have ended");
    }
    assert_int_equal(fake.exit_code, 1);
    fake_stop();
}

/* --- Inside --- */

/* The layer that a call is for; the failure of any other costs nothing. */
static const struct {
    const char *label;
    enum rn_layer layer;
} purposes[] = {
    {"setsid", RN_LAYER_SESSION},
    {"sched_core", RN_LAYER_CORE_SCHEDULING},
    {"mount", RN_LAYER_EMPTY_ROOT},
    {"chdir", RN_LAYER_EMPTY_ROOT},
    {"pivot_root", RN_LAYER_EMPTY_ROOT},
    {"umount2", RN_LAYER_EMPTY_ROOT},
    {"bounding_set", RN_LAYER_CAPABILITIES},
    {"securebits", RN_LAYER_CAPABILITIES},
    {"capset", RN_LAYER_CAPABILITIES},
    {"setgroups", RN_LAYER_OWN_UID},
    {"setresgid", RN_LAYER_OWN_UID},
    {"setresuid", RN_LAYER_OWN_UID},
    {"dumpable", RN_LAYER_NOT_DUMPABLE},
    {"no_new_privs", RN_LAYER_NO_NEW_PRIVS},
};

static uint64_t purpose_of(const char *label)
{
    for (size_t i = 0; i < RN_COUNT_OF(purposes); i++) {
        if (strcmp(purposes[i].label, label) == 0) {
            return RN_LAYER_BIT(purposes[i].layer);
        }
    }
    return 0;
}

/* Enters a domain with its n-th call failing; the layers that were lost. */
static uint64_t lost_at(struct rn_domain domain, size_t n, const char **out_label)
{
    fake.count = 0;
    fake_fail_nth(n, EACCES);
    rn_domain_enter(&domain);
    *out_label = n > 0 && n <= fake.count ? fake.labels[n - 1] : NULL;
    uint64_t lost = domain.report.wanted & ~domain.report.active;
    for (unsigned layer = 0; layer < RN_LAYER_COUNT; layer++) {
        assert_int_equal(domain.report.refused_errno[layer],
                         (lost & RN_LAYER_BIT(layer)) != 0 ? EACCES : 0);
    }
    return lost;
}

/* As `uid`, in the first form. */
static struct rn_domain entered(unsigned uid)
{
    struct rn_domain domain = new_domain(uid);
    assert_int_equal(clone_after(&domain, NULL, 0), FAKE_PID);
    return domain;
}

static void a_refused_call_costs_its_own_layer(void **state)
{
    (void)state;
    static const unsigned users[] = {0, 1000};
    for (unsigned i = 0; i < 2; i++) {
        const char *label;
        struct rn_domain domain = entered(users[i]);
        assert_int_equal(lost_at(domain, 0, &label), 0);
        size_t calls = fake.count;
        bool first_place = true;
        for (size_t n = 1; n <= calls; n++) {
            uint64_t lost = lost_at(domain, n, &label);
            uint64_t expected = purpose_of(label);
            // The second mount is the first place of several to mount on.
            if (strcmp(label, "mount") == 0 && fake_count("mount") == 4 && first_place) {
                expected = 0;
                first_place = false;
            }
            assert_int_equal(lost, expected);
        }
        assert_false(first_place);
    }
    fake_stop();
}

static void the_bounding_set_ends_where_the_kernel_says(void **state)
{
    (void)state;
    struct rn_domain domain = entered(0);
    size_t all = 0;
    for (int error = 0; error <= EINVAL; error += EINVAL) {
        struct rn_domain again = domain;
        fake.count = 0;
        fake_fail("bounding_set", error == 0 ? 0 : 1, error);
        rn_domain_enter(&again);
        assert_true((again.report.active & RN_LAYER_BIT(RN_LAYER_CAPABILITIES)) != 0);
        all = error == 0 ? fake_count("bounding_set") : all;
    }
    assert_int_equal(all, 64);
    assert_int_equal(fake_count("bounding_set"), 1);
    fake_stop();
}

static void a_root_that_cannot_be_pivoted_is_moved_over(void **state)
{
    (void)state;
    struct rn_domain domain = entered(1000);
    const struct rn_domain fresh = domain;
    fake.count = 0;
    fake_fail("pivot_root", 1, EINVAL);
    rn_domain_enter(&domain);
    assert_true((domain.report.active & RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT)) != 0);
    assert_int_equal(fake_count("chroot"), 1);
    size_t at = 0;
    while (strcmp(fake.labels[at], "pivot_root") != 0) {
        at++;
    }
    // pivot_root, then mount, chroot, chdir and the remount: each may fail behind it.
    for (size_t behind = 1; behind <= 4; behind++) {
        struct rn_domain again = fresh;
        fake.count = 0;
        fake_fail_nth(at + 1, EINVAL);
        fake_fail_also(at + 1 + behind, EACCES);
        rn_domain_enter(&again);
        assert_int_equal(again.report.refused_errno[RN_LAYER_EMPTY_ROOT], EACCES);
    }
    fake_stop();
}

static void nowhere_to_mount_is_no_empty_root(void **state)
{
    (void)state;
    struct rn_domain domain = entered(1000);
    fake.count = 0;
    rn_domain_enter(&domain);
    size_t first = 0;
    while (strcmp(fake.labels[first], "mount") != 0) {
        first++;
    }
    struct rn_domain again = entered(1000);
    fake.count = 0;
    fake_fail_range(first + 2, first + 7, EPERM); // all six places
    rn_domain_enter(&again);
    assert_int_equal(again.report.refused_errno[RN_LAYER_EMPTY_ROOT], EPERM);
    fake_stop();
}

static void without_namespaces_there_is_less_to_lose(void **state)
{
    (void)state;
    // An ordinary user without any: no root of its own, no uid, no rights to drop.
    struct rn_domain domain = new_domain(1000);
    assert_int_equal(clone_after(&domain, "clone3", 2), FAKE_PID);
    fake.count = 0;
    rn_domain_enter(&domain);
    assert_int_equal(fake_count("mount"), 0);
    assert_int_equal(fake_count("bounding_set"), 0);
    assert_int_equal(domain.report.refused_errno[RN_LAYER_EMPTY_ROOT], ENOSPC);
    assert_int_equal(domain.report.refused_errno[RN_LAYER_OWN_UID], ENOSPC);
    assert_true((domain.report.active & RN_LAYER_BIT(RN_LAYER_CAPABILITIES)) != 0);
    assert_int_equal(domain.report.uid, 1000);
    // Root without user namespaces still has a uid to give.
    domain = new_domain(0);
    assert_int_equal(clone_after(&domain, "clone3", 2), FAKE_PID);
    rn_domain_enter(&domain);
    assert_true((domain.report.active & RN_LAYER_BIT(RN_LAYER_OWN_UID)) != 0);
    assert_true((domain.report.active & RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT)) != 0);
    assert_int_equal(domain.report.uid, 300007);
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_gives_the_uid_that_is_wanted),
        cmocka_unit_test(a_container_gives_a_uid_that_exists),
        cmocka_unit_test(a_small_container_gives_no_uid_of_the_callers),
        cmocka_unit_test(root_with_one_uid_is_an_ordinary_user),
        cmocka_unit_test(the_strongest_form_that_works_is_taken),
        cmocka_unit_test(what_is_missing_has_the_first_reason),
        cmocka_unit_test(a_clone_that_never_works_has_a_reason),
        cmocka_unit_test(an_identity_that_cannot_be_written_is_no_namespace),
        cmocka_unit_test(every_file_of_an_identity_counts),
        cmocka_unit_test(root_inside_is_nobody),
        cmocka_unit_test(the_child_waits_for_its_identity),
        cmocka_unit_test(a_refused_call_costs_its_own_layer),
        cmocka_unit_test(the_bounding_set_ends_where_the_kernel_says),
        cmocka_unit_test(a_root_that_cannot_be_pivoted_is_moved_over),
        cmocka_unit_test(nowhere_to_mount_is_no_empty_root),
        cmocka_unit_test(without_namespaces_there_is_less_to_lose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
