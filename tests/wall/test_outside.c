/* test_outside.c: the wall of a live process, seen from outside. */
#include "policy/look.h"
#include "tests/wall/harness.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void report_of_a_live_child(enum rn_role role, struct rn_wall_report *out_report)
{
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, role, &subject);
    assert_int_equal(rn_child_report(harness.zygote, &subject.child, out_report), RN_OK);
    subject_end(&harness, &subject);
    assert_int_equal(rn_child_report(harness.zygote, &subject.child, out_report), RN_E_NOT_FOUND);
    harness_close(&harness);
}

static void assert_all_visible_layers(const struct rn_wall_report *report)
{
    // Control groups are the operator's; the machine of a test may have none.
    uint64_t given = RN_LAYER_BIT(RN_LAYER_CGROUP_MEMORY) | RN_LAYER_BIT(RN_LAYER_CGROUP_PIDS);
    uint64_t expected = rn_wall_visible() & rn_wall_possible() & ~given;
    uint64_t missing = expected & ~report->active;
    for (unsigned i = 0; i < RN_LAYER_COUNT; i++) {
        if ((missing >> i & 1) != 0) {
            print_error("missing: %s (%s)\n", rn_layer_info((enum rn_layer)i)->name,
                        strerror(report->refused_errno[i]));
        }
    }
    assert_int_equal(missing, 0);
    assert_int_equal(report->filters, 1);
    assert_int_not_equal(report->uid, 0);
}

static void a_worker_shows_every_visible_layer(void **state)
{
    (void)state;
    struct rn_wall_report report;
    report_of_a_live_child(RN_ROLE_WORKER, &report);
    assert_all_visible_layers(&report);
}

static void a_compiler_shows_every_visible_layer(void **state)
{
    (void)state;
    struct rn_wall_report report;
    report_of_a_live_child(RN_ROLE_COMPILER, &report);
    assert_all_visible_layers(&report);
}

// The judge must be able to condemn: this test program has no wall at all.
static void an_open_process_shows_none(void **state)
{
    (void)state;
    struct rn_wall_report report;
    assert_int_equal(rn_wall_look(getpid(), &report), RN_OK);
    uint64_t never = RN_LAYER_BIT(RN_LAYER_SECCOMP) | RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT) |
                     RN_LAYER_BIT(RN_LAYER_DESCRIPTORS) | RN_LAYER_BIT(RN_LAYER_RLIMITS) |
                     RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_NET_NAMESPACE) |
                     RN_LAYER_BIT(RN_LAYER_PID_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_CAPABILITIES) |
                     RN_LAYER_BIT(RN_LAYER_OWN_UID);
    assert_int_equal(report.active & never, 0);
    enum rn_layer missing;
    assert_int_equal(rn_wall_report_check(&report, rn_policy_required(RN_POLICY_STRICT), &missing),
                     RN_E_WALL_REFUSED);
    assert_int_equal(missing, RN_LAYER_SECCOMP);
}

static void read_maps(pid_t pid, void (*look)(const char *line))
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    assert_non_null(maps);
    char line[512];
    unsigned count = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        look(line);
        count++;
    }
    fclose(maps);
    assert_true(count > 4);
}

static void refuse_writable_code(const char *line)
{
    const char *rights = strchr(line, ' ');
    assert_non_null(rights);
    assert_false(rights[2] == 'w' && rights[3] == 'x');
}

static void no_memory_is_writable_and_executable(void **state)
{
    (void)state;
    struct harness harness;
    struct subject subject;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    read_maps(subject.child.pid, refuse_writable_code);
    subject_end(&harness, &subject);
    harness_close(&harness);
}

static uint32_t uid_of_a_child(struct harness *harness)
{
    struct subject subject;
    struct rn_wall_report report;
    subject_spawn(harness, RN_ROLE_WORKER, &subject);
    assert_int_equal(rn_child_report(harness->zygote, &subject.child, &report), RN_OK);
    subject_end(harness, &subject);
    return report.uid;
}

static void as_root_each_domain_has_a_uid(void **state)
{
    (void)state;
    struct harness harness;
    harness_open(&harness, RN_POLICY_STRICT);
    struct harness other = {.spawner = harness.spawner};
    struct rn_spawn_failure failure;
    assert_int_equal(rn_zygote_new(other.spawner, &other.zygote, &failure), RN_OK);
    uint32_t first = uid_of_a_child(&harness);
    uint32_t second = uid_of_a_child(&other);
    if (geteuid() == 0) {
        assert_int_not_equal(first, second);
        assert_int_not_equal(first, 0);
    } else {
        assert_int_equal(first, geteuid());
    }
    rn_zygote_free(other.zygote);
    harness_close(&harness);
}

static void own_words_match(void **state)
{
    (void)state;
    struct harness harness;
    struct subject subject;
    struct rn_wall_report report;
    harness_open(&harness, RN_POLICY_STRICT);
    subject_spawn(&harness, RN_ROLE_WORKER, &subject);
    assert_int_equal(rn_child_report(harness.zygote, &subject.child, &report), RN_OK);
    assert_int_equal(subject.own_layers & rn_wall_visible() & ~report.active, 0);
    subject_end(&harness, &subject);
    harness_close(&harness);
}

// One of several threads, each with a domain of its own, that make children at the same moment.
#define CROWD 8
#define CROWD_CHILDREN 25

struct crowd {
    pthread_t thread;
    struct harness harness;
    unsigned clean; /* children whose socket is all that they have open */
};

// No checks in here: they belong to the thread of the test.
static void *make_children(void *user)
{
    struct crowd *crowd = user;
    for (unsigned i = 0; i < CROWD_CHILDREN; i++) {
        struct subject subject = {.socket_fd = -1};
        struct rn_wall_report report = {0};
        subject_spawn(&crowd->harness, RN_ROLE_WORKER, &subject);
        if (rn_child_report(crowd->harness.zygote, &subject.child, &report) == RN_OK &&
            (report.active & RN_LAYER_BIT(RN_LAYER_DESCRIPTORS)) != 0) {
            crowd->clean++;
        }
        subject_end(&crowd->harness, &subject);
    }
    return NULL;
}

static void children_made_at_once_have_one_socket(void **state)
{
    (void)state;
    static struct crowd crowds[CROWD];
    if ((rn_wall_possible() & RN_LAYER_BIT(RN_LAYER_DESCRIPTORS)) == 0) {
        print_message("a sanitizer keeps a descriptor for its report\n");
        skip();
    }
    for (unsigned i = 0; i < CROWD; i++) {
        crowds[i] = (struct crowd){.clean = 0};
        harness_open(&crowds[i].harness, RN_POLICY_STRICT);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_create(&crowds[i].thread, NULL, make_children, &crowds[i]), 0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(crowds[i].thread, NULL), 0);
        harness_close(&crowds[i].harness);
        assert_int_equal(crowds[i].clean, CROWD_CHILDREN);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !harness_be_nobody(argc, argv)) {
        puts("skipped: cannot become an ordinary user");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_shows_every_visible_layer),
        cmocka_unit_test(a_compiler_shows_every_visible_layer),
        cmocka_unit_test(an_open_process_shows_none),
        cmocka_unit_test(no_memory_is_writable_and_executable),
        cmocka_unit_test(as_root_each_domain_has_a_uid),
        cmocka_unit_test(own_words_match),
        cmocka_unit_test(children_made_at_once_have_one_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
