/*
 * A host, or a daemon, whose limits are reached: descriptors, size of files, address space, processes. A named error as long
 * as there is too little, and all is well once there is enough.
 *
 * usage: test_fault_limits [--user]: as an ordinary user, for whom processes are counted; 77 where that is not to be had
 */
#include "tests/fault/scenes.h"

#include <dirent.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* 65534 stands for users without a name, and no daemon talks to it. */
#define USER 64321
#define SKIPPED 77
/* The short ones, and the daemon, which is the last. */
#define TRIED (PLAIN + 1)

static const struct scene *tried(size_t index)
{
    return &scenes[index < PLAIN ? index : SCENES - 1];
}

/* Runs every scene under a limit of `value`; how many went well. */
static unsigned run_under(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit before;
    unsigned good = 0;
    for (size_t i = 0; i < TRIED; i++) {
        assert_int_equal(getrlimit(resource, &before), 0);
        struct rlimit tight = {value < before.rlim_max ? value : before.rlim_max, before.rlim_max};
        assert_int_equal(setrlimit(resource, &tight), 0);
        good += tried(i)->run();
        assert_int_equal(setrlimit(resource, &before), 0);
    }
    return good;
}

static void all_is_well(void)
{
    for (size_t i = 0; i < TRIED; i++) {
        must_work(tried(i)->run);
    }
}

static void without_descriptors(void **state)
{
    (void)state;
    all_is_well();
    int fds = fds_at_rest();
    unsigned good = 0;
    for (int more = 0; more < 24; more++) {
        good = run_under(RLIMIT_NOFILE, (rlim_t)(fds + more));
        print_message("%d descriptors more: %u scenes of %u\n", more, good, TRIED);
    }
    assert_true(good > 0);
    all_is_well();
    expect_no_more_fds(fds);
    assert_false(has_children());
}

static void without_room_in_files(void **state)
{
    (void)state;
    static const rlim_t sizes[] = {0, 1, 100, 4095, 4096, 8192, 65536, 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    all_is_well();
    int fds = fds_at_rest();
    unsigned good = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        good = run_under(RLIMIT_FSIZE, sizes[i]);
        print_message("files of %llu bytes: %u scenes of %u\n", (unsigned long long)sizes[i], good,
                      TRIED);
    }
    assert_true(good > 0);
    all_is_well();
    expect_no_more_fds(fds);
}

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return (size_t)pages * 4096;
}

static void without_address_space(void **state)
{
    (void)state;
    all_is_well();
    int fds = fds_at_rest();
    unsigned good = 0;
    for (unsigned step = 0; step < 16; step++) {
        good = run_under(RLIMIT_AS, address_space() + ((rlim_t)step << 18));
        print_message("%u KiB of addresses more: %u scenes of %u\n", step * 256, good, TRIED);
    }
    all_is_well();
    expect_no_more_fds(fds);
}

/* Processes and threads of this user. */
static unsigned count_tasks(void)
{
    unsigned count = 0;
    char path[64 + sizeof(((struct dirent *)0)->d_name)];
    struct dirent *entry;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    while ((entry = readdir(processes)) != NULL) {
        struct stat info;
        (void)snprintf(path, sizeof(path), "/proc/%s/task", entry->d_name);
        // Links of a folder: itself, the one above, and one for each thread.
        bool own = stat(path, &info) == 0 && info.st_uid == geteuid();
        count += own ? (unsigned)info.st_nlink - 2 : 0;
    }
    closedir(processes);
    return count;
}

static void without_processes(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("root may have as many processes as there are numbers\n");
        return;
    }
    all_is_well();
    int fds = fds_at_rest();
    unsigned good = 0;
    unsigned failed = 0;
    for (unsigned more = 0; more < 40; more += more < 12 ? 1 : 9) {
        good = run_under(RLIMIT_NPROC, count_tasks() + more);
        failed += TRIED - good;
        print_message("%u processes more: %u scenes of %u\n", more, good, TRIED);
    }
    assert_true(good == TRIED && failed > 0);
    all_is_well();
    expect_no_more_fds(fds);
    assert_false(has_children());
}

/* A change of uid makes a process undumpable, and its files below /proc root's. */
static bool be_user(void)
{
    return setgroups(0, NULL) == 0 && setresgid(USER, USER, USER) == 0 &&
           setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors),
        cmocka_unit_test(without_room_in_files),
        cmocka_unit_test(without_address_space),
        cmocka_unit_test(without_processes),
    };
    if (argc > 1 && strcmp(argv[1], "--user") == 0 && (geteuid() != 0 || !be_user())) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, scenes_set_up, scenes_tear_down);
}
