/*
 * The n-th system call of a scene, of those in calls.def, fails, for every n: a named error or success, never a crash or a
 * wait without end; the next time it works, and nothing is left.
 */
#include "tests/fault/faults.h"
#include "tests/fault/scenes.h"

#include <stdio.h>
#include <string.h>

#define CALLS_MAX 4000
// So many runs in a row in which nothing failed: threads beside count differently each time.
#define ENOUGH 3

static int count_mappings(void)
{
    int count = 0;
    int c;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while ((c = fgetc(maps)) != EOF) {
        count += c == '\n';
    }
    fclose(maps);
    return count;
}

static void fail_each(const struct scene *which)
{
    bool (*scene)(void) = which->run;
    fault_at(0);
    must_work(scene);
    must_work(scene);
    int fds = fds_at_rest();
    int mappings = count_mappings();
    long tried = 0;
    long survived = 0;
    int quiet = 0;
    unsigned step = sweeps_take_all() ? 1 : which->calls;
    for (long n = 1; n < CALLS_MAX && quiet < ENOUGH; n += step) {
        fault_at(n);
        bool good = scene();
        const char *fired = fault_fired();
        fault_at(0);
        quiet = fired ? 0 : quiet + 1;
        tried += fired != NULL;
        survived += fired != NULL && good;
        if (n % (8 * step) == 1) {
            must_work(scene);
        }
    }
    assert_int_equal(quiet, ENOUGH);
    must_work(scene);
    print_message("%s: %ld calls failed, %ld times it went well all the same\n", which->name, tried,
                  survived);
    assert_true(tried > 2);
    expect_no_more_fds(fds);
    // The C library may keep stacks of threads; a leak of one mapping a run would be far more.
    assert_in_range(count_mappings(), 0, mappings + 16);
    assert_false(has_children());
}

static void each_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENES; i++) {
        if (is_wanted(&scenes[i])) {
            fail_each(&scenes[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_scene)};
    return cmocka_run_group_tests(tests, scenes_set_up, scenes_tear_down);
}
