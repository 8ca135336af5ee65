/* test_look.c: what is read off procfs and the control groups, file by file, line by line. */
#include "policy/look.h"

#include "policy/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Files below these names are those of a folder of the test: /proc/4242/status is FOLDER/proc/status,
 * /sys/fs/cgroup/x is FOLDER/sys/x.
 */
#define PID 4242
static const struct {
    const char *prefix;
    const char *folder;
} places[] = {{"/proc/4242", "/proc"}, {"/sys/fs/cgroup", "/sys"}};
static char folder[64];
static struct {
    uid_t owner;         /* of every file that stat looks at */
    unsigned long flags; /* of every file system */
    bool statvfs_fails;
    const char *hides_self; /* a link that cannot be read */
    uid_t euid;
} machine;

static const char *elsewhere(const char *path)
{
    static char there[512];
    for (size_t i = 0; i < RN_COUNT_OF(places); i++) {
        size_t size = strlen(places[i].prefix);
        if (strncmp(path, places[i].prefix, size) == 0) {
            (void)snprintf(there, sizeof(there), "%s%s%s", folder, places[i].folder, path + size);
            return there;
        }
    }
    return path;
}

#define REDIRECT(type, name, parameters, arguments)                                                \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return __real_##name arguments;                                                            \
    }

REDIRECT(int, open, (const char *a, int b, unsigned c), (elsewhere(a), b, c))
REDIRECT(FILE *, fopen, (const char *a, const char *b), (elsewhere(a), b))
REDIRECT(DIR *, opendir, (const char *a), (elsewhere(a)))

ssize_t __real_readlink(const char *path, char *text, size_t size);
ssize_t __wrap_readlink(const char *path, char *text, size_t size);
ssize_t __wrap_readlink(const char *path, char *text, size_t size)
{
    if (machine.hides_self != NULL && strcmp(path, machine.hides_self) == 0) {
        return -1;
    }
    return __real_readlink(elsewhere(path), text, size);
}

int __real_stat(const char *path, struct stat *out);
int __wrap_stat(const char *path, struct stat *out);
int __wrap_stat(const char *path, struct stat *out)
{
    int result = __real_stat(elsewhere(path), out);
    out->st_uid = machine.owner;
    return result;
}

int __wrap_statvfs(const char *path, struct statvfs *out);
int __wrap_statvfs(const char *path, struct statvfs *out)
{
    (void)path;
    *out = (struct statvfs){.f_flag = machine.flags};
    return machine.statvfs_fails ? -1 : 0;
}

uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
    return machine.euid;
}

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void put_link(const char *name, const char *text)
{
    (void)unlink(path_of(name));
    assert_int_equal(symlink(text, path_of(name)), 0);
}

static void drop(const char *name)
{
    assert_int_equal(remove(path_of(name)), 0);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0700), 0);
}

static const char good_status[] = "Name:\tworker\nUid:\t300000\t300000\t300000\t300000\n"
                                  "CapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\n"
                                  "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n"
                                  "Speculation_Store_Bypass:\tthread force mitigated\n"
                                  "SpeculationIndirectBranch:\tconditional force disabled\n"
                                  "Mems_allowed:\t1\n";
static const char good_limits[] = "Limit                     Soft Limit           Hard Limit\n"
                                  "Max file size             0                    0\n"
                                  "Max core file size        0                    0\n"
                                  "Max processes             0                    0\n"
                                  "Max locked memory         0                    0\n"
                                  "Max open files            8                    8\n"
                                  "Max address space         1000                 1000\n";
static const char *const spaces[] = {"user", "pid", "net", "ipc", "uts", "cgroup"};

/* A process with every layer that can be seen. */
static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/rn-look-XXXXXX");
    assert_non_null(mkdtemp(folder));
    static const char *const folders[] = {"proc", "proc/ns",    "proc/fdinfo", "proc/root",
                                          "sys",  "sys/memory", "sys/pids",    "sys/unified"};
    for (size_t i = 0; i < RN_COUNT_OF(folders); i++) {
        make_folder(folders[i]);
    }
    machine.euid = 1000;
    machine.owner = 0;
    machine.flags = ST_RDONLY;
    machine.statvfs_fails = false;
    machine.hides_self = NULL;
    put("proc/status", good_status);
    put("proc/limits", good_limits);
    put("proc/fdinfo/3", "");
    put("proc/stat", "4242 (wor) ker) S 1 2 99999999 0 -1 0\n");
    put("proc/environ", "");
    put("proc/oom_score_adj", "1000\n");
    put("proc/cgroup", "4:memory:/a/b\n3:cpu,pids:/\n0::/\n");
    put("sys/memory/memory.limit_in_bytes", "1000000\n");
    put("sys/pids/pids.max", "100\n");
    for (size_t i = 0; i < RN_COUNT_OF(spaces); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "proc/ns/%s", spaces[i]);
        put_link(name, "x:[1]");
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct rn_wall_report look(void)
{
    struct rn_wall_report report;
    assert_int_equal(rn_wall_look(PID, &report), RN_OK);
    return report;
}

/* Everything is there but that one layer. */
static void expect_missing(enum rn_layer layer, int error)
{
    struct rn_wall_report report = look();
    assert_int_equal(report.active, rn_wall_visible() & ~RN_LAYER_BIT(layer));
    assert_int_equal(report.refused_errno[layer], error);
}

static void a_whole_wall_is_seen(void **state)
{
    (void)state;
    struct rn_wall_report report = look();
    assert_int_equal(report.active, rn_wall_visible());
    assert_int_equal(report.wanted, rn_wall_visible());
    assert_int_equal(report.uid, 300000);
    assert_int_equal(report.filters, 3);
}

static void nobody_there_is_not_found(void **state)
{
    (void)state;
    struct rn_wall_report report;
    assert_int_equal(rn_wall_look(0, &report), RN_E_NOT_FOUND);
    put("proc/status", ""); // it has just ended
    assert_int_equal(rn_wall_look(PID, &report), RN_E_NOT_FOUND);
    drop("proc/status");
    assert_int_equal(rn_wall_look(PID, &report), RN_E_NOT_FOUND);
}

/* The status with one line in place of another. */
static void put_status(const char *line, const char *other)
{
    char text[sizeof(good_status) + 64];
    const char *at = strstr(good_status, line);
    assert_non_null(at);
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good_status), good_status, other,
                   at + strlen(line));
    put("proc/status", text);
}

static void each_line_of_the_status_counts(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *other;
        enum rn_layer layer;
    } cases[] = {
        {"Seccomp:\t2", "Seccomp:\t1", RN_LAYER_SECCOMP},
        {"Seccomp:\t2\n", "", RN_LAYER_SECCOMP},
        {"NoNewPrivs:\t1", "NoNewPrivs:\t0", RN_LAYER_NO_NEW_PRIVS},
        {"CapInh:\t0", "CapInh:\t1", RN_LAYER_CAPABILITIES},
        {"CapBnd:\t0", "CapBnd:\tff", RN_LAYER_CAPABILITIES},
        {"CapAmb:\t0\n", "", RN_LAYER_CAPABILITIES},
        {"thread force mitigated", "thread vulnerable", RN_LAYER_STORE_SPECULATION},
        {"thread force mitigated\n", "unknown\nOther:\tmitigated\n", RN_LAYER_STORE_SPECULATION},
        {"conditional force disabled", "conditional enabled", RN_LAYER_BRANCH_SPECULATION},
        {"SpeculationIndirectBranch", "Other", RN_LAYER_BRANCH_SPECULATION},
    };
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        put_status(cases[i].line, cases[i].other);
        expect_missing(cases[i].layer, 0);
    }
}

static void a_processor_that_needs_no_restriction_has_it(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"thread force mitigated", "not vulnerable"},
        {"thread force mitigated", "globally mitigated"},
        {"conditional force disabled", "not affected"},
        {"conditional force disabled", "always disabled"},
    };
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        put_status(cases[i][0], cases[i][1]);
        assert_int_equal(look().active, rn_wall_visible());
    }
}

static void a_uid_of_its_own_is_one_uid(void **state)
{
    (void)state;
    // In a user namespace the host's own number is another's inside.
    machine.euid = 300000;
    assert_int_equal(look().active, rn_wall_visible());
    machine.euid = 1000;
    // Without a user namespace, the uid decides.
    char ours[64] = "";
    assert_true(readlink("/proc/self/ns/user", ours, sizeof(ours) - 1) > 0);
    put_link("proc/ns/user", ours);
    uint64_t both = RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE) | RN_LAYER_BIT(RN_LAYER_OWN_UID);
    assert_int_equal(look().active, rn_wall_visible() & ~RN_LAYER_BIT(RN_LAYER_USER_NAMESPACE));
    machine.euid = 300000; // the host's own
    assert_int_equal(look().active, rn_wall_visible() & ~both);
    machine.euid = 1000;
    // Several, too few or no uids: nothing is known, so it may be root.
    both |= RN_LAYER_BIT(RN_LAYER_NOT_DUMPABLE);
    static const char *const uids[] = {"1\t300000\t300000\t300000", "300000\t1\t300000\t300000",
                                       "300000\t300000\t1\t300000", "300000\t300000\t300000\t1",
                                       "300000"};
    for (size_t i = 0; i < RN_COUNT_OF(uids); i++) {
        put_status("300000\t300000\t300000\t300000", uids[i]);
        struct rn_wall_report report = look();
        assert_int_equal(report.active, rn_wall_visible() & ~both);
        assert_int_equal(report.uid, 0);
    }
    put_status("Uid:", "Gid:");
    assert_int_equal(look().active, rn_wall_visible() & ~both);
}

static void namespaces_are_told_by_their_links(void **state)
{
    (void)state;
    char ours[64] = "";
    assert_true(readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) > 0);
    put_link("proc/ns/net", ours);
    expect_missing(RN_LAYER_NET_NAMESPACE, 0);
    drop("proc/ns/net");
    expect_missing(RN_LAYER_NET_NAMESPACE, ENOENT);
    put_link("proc/ns/net", "x:[1]");
    machine.hides_self = "/proc/self/ns/net"; // what ours is cannot be compared with
    expect_missing(RN_LAYER_NET_NAMESPACE, 0);
}

static void each_limit_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"Max file size",  "Max core file size",
                                        "Max processes",  "Max locked memory",
                                        "Max open files", "Max address space"};
    static const char *const values[] = {"70368744177665 0\n", "0 70368744177665\n",
                                         "unlimited 0\n", "0 unlimited\n", "\n"};
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        for (size_t j = 0; j < RN_COUNT_OF(values); j++) {
            char text[sizeof(good_limits) + 64];
            const char *at = strstr(good_limits, names[i]);
            const char *rest = strchr(at, '\n') + 1;
            (void)snprintf(text, sizeof(text), "%.*s%s %s%s", (int)(at - good_limits), good_limits,
                           names[i], values[j], rest);
            put("proc/limits", text);
            expect_missing(RN_LAYER_RLIMITS, 0);
        }
    }
    put("proc/limits", "Limit");
    expect_missing(RN_LAYER_RLIMITS, 0);
    drop("proc/limits");
    expect_missing(RN_LAYER_RLIMITS, ENOENT);
}

static void a_file_may_be_longer_than_what_is_read(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, ' ', sizeof(text) - 1);
    put("proc/limits", text);
    expect_missing(RN_LAYER_RLIMITS, 0);
}

static void one_descriptor_is_three(void **state)
{
    (void)state;
    put("proc/fdinfo/4", "");
    expect_missing(RN_LAYER_DESCRIPTORS, 0);
    drop("proc/fdinfo/3");
    expect_missing(RN_LAYER_DESCRIPTORS, 0);
    drop("proc/fdinfo/4");
    expect_missing(RN_LAYER_DESCRIPTORS, 0);
    drop("proc/fdinfo");
    expect_missing(RN_LAYER_DESCRIPTORS, ENOENT);
    make_folder("proc/fd"); // what may be listed instead
    put("proc/fd/3", "");
    assert_int_equal(look().active, rn_wall_visible());
}

static void an_empty_root_is_empty_and_read_only(void **state)
{
    (void)state;
    machine.flags = 0;
    expect_missing(RN_LAYER_EMPTY_ROOT, 0);
    machine.statvfs_fails = true;
    machine.flags = ST_RDONLY;
    expect_missing(RN_LAYER_EMPTY_ROOT, 0);
    machine.statvfs_fails = false;
    put("proc/root/file", "");
    expect_missing(RN_LAYER_EMPTY_ROOT, 0);
    drop("proc/root/file");
    drop("proc/root");
    expect_missing(RN_LAYER_EMPTY_ROOT, ENOENT);
}

static void a_session_of_its_own_has_no_terminal(void **state)
{
    (void)state;
    char same[64];
    (void)snprintf(same, sizeof(same), "4242 (x) S 1 2 %d 0 -1", (int)getsid(0));
    const char *const texts[] = {same, "4242 (x) S 1 2 99999999 34816 -1", "4242 (x) S 1",
                                 "4242 x"};
    for (size_t i = 0; i < RN_COUNT_OF(texts); i++) {
        put("proc/stat", texts[i]);
        expect_missing(RN_LAYER_SESSION, 0);
    }
    drop("proc/stat");
    expect_missing(RN_LAYER_SESSION, 0);
}

static void what_is_dumpable_belongs_to_its_user(void **state)
{
    (void)state;
    machine.owner = 300000;
    expect_missing(RN_LAYER_NOT_DUMPABLE, 0);
    drop("proc/environ");
    expect_missing(RN_LAYER_NOT_DUMPABLE, ENOENT);
}

static void only_the_highest_score_goes_first(void **state)
{
    (void)state;
    put("proc/oom_score_adj", "999\n");
    expect_missing(RN_LAYER_OOM_FIRST, ESRCH);
    drop("proc/oom_score_adj");
    expect_missing(RN_LAYER_OOM_FIRST, ENOENT);
}

/* --- Control groups --- */

static struct rn_cgroup_bounds bounds_of(const char *groups)
{
    put("proc/cgroup", groups);
    return rn_cgroup_bounds_of(PID);
}

static void a_limit_above_bounds_what_is_below(void **state)
{
    (void)state;
    assert_true(bounds_of("4:memory:/a/b/c\n").memory);
    drop("sys/memory/memory.limit_in_bytes");
    assert_false(bounds_of("4:memory:/a\n").memory);
    make_folder("sys/memory/a");
    put("sys/memory/a/memory.limit_in_bytes", "4096\n");
    assert_true(bounds_of("4:memory:/a/b\n").memory);
    assert_false(bounds_of("4:memory:/b/a\n").memory);
    assert_false(bounds_of("4:memory:/\n").memory);
}

static void no_limit_is_a_word_or_a_huge_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"9223372036854771712\n", "max\n", "", "\n"};
    for (size_t i = 0; i < RN_COUNT_OF(texts); i++) {
        put("sys/memory/memory.limit_in_bytes", texts[i]);
        assert_false(bounds_of("4:memory:/\n").memory);
    }
}

static void controllers_are_whole_words(void **state)
{
    (void)state;
    assert_true(bounds_of("4:cpu,memory,pids:/\n").memory);
    assert_true(bounds_of("4:cpu,memory,pids:/\n").processes);
    assert_true(bounds_of("4:cpu,pids:/\n").processes);
    assert_false(bounds_of("4:cpu,pids:/\n").memory);
    assert_false(bounds_of("4:memory2:/\n4:name=memory:/\n").memory);
}

static void both_versions_are_looked_at(void **state)
{
    (void)state;
    static const char *const files[] = {"sys/memory.max", "sys/unified/memory.max"};
    static const char *const pids[] = {"sys/pids.max", "sys/unified/pids.max"};
    assert_false(bounds_of("0::/\n").memory);
    assert_false(bounds_of("0::/\n").processes);
    for (size_t i = 0; i < RN_COUNT_OF(files); i++) {
        put(files[i], "1000\n");
        assert_true(bounds_of("0::/\n").memory);
        assert_false(bounds_of("0::/\n").processes);
        put(pids[i], "10\n");
        assert_true(bounds_of("0::/\n").processes);
        drop(files[i]);
        drop(pids[i]);
    }
}

static void kills_for_want_of_memory_are_counted(void **state)
{
    (void)state;
    put("proc/cgroup", "4:cpu,memory:/\n0::/\n3:pids:/\n");
    assert_int_equal(rn_cgroup_oom_kills(PID), 0);
    put("sys/memory/memory.oom_control", "oom_kill_disable 9\nunder_oom 8\noom_kill 3\n");
    assert_int_equal(rn_cgroup_oom_kills(PID), 3);
    put("sys/memory.events", "oom 7\noom_kill 40\noom_group_kill 6\n");
    assert_int_equal(rn_cgroup_oom_kills(PID), 43);
    put("sys/unified/memory.events", "oom_kill 500\n");
    assert_int_equal(rn_cgroup_oom_kills(PID), 543);
    drop("proc/cgroup");
    assert_int_equal(rn_cgroup_oom_kills(PID), 0);
}

static void strange_lines_bound_nothing(void **state)
{
    (void)state;
    static char deep[600] = "4:memory:/";
    for (size_t size = strlen(deep); size < sizeof(deep) - 2; size++) {
        deep[size] = size % 9 == 0 ? '/' : 'd';
    }
    static const char *const lines[] = {"", "nothing\n", "4:memory\n", "4:memory:/a/../..\n", deep};
    for (size_t i = 0; i < RN_COUNT_OF(lines); i++) {
        struct rn_cgroup_bounds bounds = bounds_of(lines[i]);
        assert_false(bounds.memory || bounds.processes);
        assert_int_equal(rn_cgroup_oom_kills(PID), 0);
    }
    // Outside of what this process may see.
    assert_false(bounds_of("4:memory:/../a\n").memory);
    drop("proc/cgroup");
    struct rn_cgroup_bounds bounds = rn_cgroup_bounds_of(PID);
    assert_false(bounds.memory || bounds.processes);
}

static void what_leaves_a_trace_is_not_believed(void **state)
{
    (void)state;
    struct rn_wall_report report;
    rn_wall_report_init(&report);
    rn_wall_believe(&report, UINT64_MAX);
    assert_int_equal(report.active & rn_wall_visible(), 0);
    assert_true((report.active & RN_LAYER_BIT(RN_LAYER_MSEAL)) != 0);
    rn_wall_report_init(&report);
    rn_wall_believe(&report, 0);
    assert_int_equal(report.active, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void what_a_zygote_gives_may_be_seen_early(void **state)
{
    (void)state;
    struct rn_wall_report early;
    struct rn_wall_report report;
    put("proc/status", "");
    rn_wall_look_early(PID, &early);
    assert_int_not_equal(early.active & RN_LAYER_BIT(RN_LAYER_EMPTY_ROOT), 0);
    assert_int_equal(early.active & RN_LAYER_BIT(RN_LAYER_SECCOMP), 0);
    assert_int_equal(rn_wall_look_late(PID, &early, &report), RN_E_NOT_FOUND);
    put_status("Seccomp:\t2", "Seccomp:\t1");
    assert_int_equal(rn_wall_look_late(PID, &early, &report), RN_OK);
    assert_int_equal(report.active, rn_wall_visible() & ~RN_LAYER_BIT(RN_LAYER_SECCOMP));
}

static void what_was_not_seen_early_is_looked_at_again(void **state)
{
    (void)state;
    struct rn_wall_report early;
    struct rn_wall_report report;
    put("proc/oom_score_adj", "0\n");
    rn_wall_look_early(PID, &early);
    assert_int_equal(early.active & RN_LAYER_BIT(RN_LAYER_OOM_FIRST), 0);
    assert_int_equal(rn_wall_look_late(PID, &early, &report), RN_OK);
    assert_int_equal(report.active, rn_wall_visible() & ~RN_LAYER_BIT(RN_LAYER_OOM_FIRST));
    put("proc/oom_score_adj", "1000\n");
    assert_int_equal(rn_wall_look_late(PID, &early, &report), RN_OK);
    assert_int_equal(report.active, rn_wall_visible());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_zygote_gives_may_be_seen_early),
        CASE(what_was_not_seen_early_is_looked_at_again),
        CASE(a_whole_wall_is_seen),
        CASE(nobody_there_is_not_found),
        CASE(each_line_of_the_status_counts),
        CASE(a_processor_that_needs_no_restriction_has_it),
        CASE(a_uid_of_its_own_is_one_uid),
        CASE(namespaces_are_told_by_their_links),
        CASE(each_limit_counts),
        CASE(a_file_may_be_longer_than_what_is_read),
        CASE(one_descriptor_is_three),
        CASE(an_empty_root_is_empty_and_read_only),
        CASE(a_session_of_its_own_has_no_terminal),
        CASE(what_is_dumpable_belongs_to_its_user),
        CASE(only_the_highest_score_goes_first),
        CASE(a_limit_above_bounds_what_is_below),
        CASE(no_limit_is_a_word_or_a_huge_number),
        CASE(controllers_are_whole_words),
        CASE(both_versions_are_looked_at),
        CASE(kills_for_want_of_memory_are_counted),
        CASE(strange_lines_bound_nothing),
        CASE(what_leaves_a_trace_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
