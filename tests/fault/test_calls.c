/*
 * A system call of a scene, of those in calls.def, fails: at every place of the program, with every errno of its row; with
 * RUNEWARD_FAULT_ALL the n-th, for every n, with every errno. A named error, with its reason, or success, never a crash or a wait
 * without end; the next time it works, and nothing is left.
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

struct sweep {
    bool (*scene)(void);
    long tried;
    long survived;
    long unnamed; /* errors that did not say why */
    int quiet;    /* so many runs in a row in which there was nothing to fail */
};

/* Runs the scene with what has been said to fail. */
static enum fault_outcome run(struct sweep *sweep)
{
    bool good = sweep->scene();
    fault_none();
    if (fault_outcome() == FAULT_HIT && !good && fault_errno() != 0) {
        sweep->unnamed += !has_reason(fault_name(), fault_errno());
    }
    enum fault_outcome outcome = fault_outcome();
    sweep->tried += outcome == FAULT_HIT;
    sweep->survived += outcome == FAULT_HIT && good;
    if (outcome == FAULT_HIT && sweep->tried % 8 == 0) {
        must_work(sweep->scene);
    }
    return outcome;
}

/* Every call, with every errno. */
static void fail_all(struct sweep *sweep)
{
    for (long n = 1; n < CALLS_MAX && sweep->quiet < ENOUGH; n++) {
        enum fault_outcome outcome = FAULT_HIT;
        for (unsigned index = 0; outcome == FAULT_HIT; index++) {
            fault_at(n, index);
            outcome = run(sweep);
        }
        sweep->quiet = outcome == FAULT_MISSED ? sweep->quiet + 1 : 0;
    }
}

/* At every place that no scene had come to before, with every errno. */
static void fail_new(struct sweep *sweep)
{
    for (long runs = 0; runs < CALLS_MAX && sweep->quiet < ENOUGH; runs++) {
        fault_new();
        sweep->quiet = run(sweep) == FAULT_MISSED ? sweep->quiet + 1 : 0;
    }
}

static void fail_each(const struct scene *which)
{
    struct sweep sweep = {.scene = which->run};
    must_work(which->run);
    must_work(which->run);
    int fds = fds_at_rest();
    int mappings = count_mappings();
    (sweeps_take_all() ? fail_all : fail_new)(&sweep);
    assert_int_equal(sweep.quiet, ENOUGH);
    assert_int_equal(sweep.unnamed, 0);
    must_work(which->run);
    print_message("%s: %ld calls failed, %ld times it went well all the same\n", which->name,
                  sweep.tried, sweep.survived);
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
