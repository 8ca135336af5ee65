/*
 * A host whose limits are reached: descriptors, size of files, address space. A named error as long
 * as there is too little, and all is well once there is enough.
 */
#include "tests/fault/scenes.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

/* Runs every scene under a limit of `value`; how many went well. */
static unsigned run_under(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit before;
    unsigned good = 0;
    for (size_t i = 0; i < PLAIN; i++) {
        assert_int_equal(getrlimit(resource, &before), 0);
        struct rlimit tight = {value < before.rlim_max ? value : before.rlim_max, before.rlim_max};
        assert_int_equal(setrlimit(resource, &tight), 0);
        good += scenes[i].run();
        assert_int_equal(setrlimit(resource, &before), 0);
    }
    return good;
}

static void all_is_well(void)
{
    for (size_t i = 0; i < PLAIN; i++) {
        must_work(scenes[i].run);
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
        print_message("%d descriptors more: %u scenes of %u\n", more, good, PLAIN);
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
                      PLAIN);
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
        print_message("%u KiB of addresses more: %u scenes of %u\n", step * 256, good, PLAIN);
    }
    all_is_well();
    expect_no_more_fds(fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_descriptors),
        cmocka_unit_test(without_room_in_files),
        cmocka_unit_test(without_address_space),
    };
    return cmocka_run_group_tests(tests, scenes_set_up, scenes_tear_down);
}
