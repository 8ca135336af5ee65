/*
 * The n-th allocation of a scene fails, for every n, once or from then on: a named error or success, never a crash or a
 * wait without end; the next time it works, and no block, descriptor, thread or child is left.
 */
#include "tests/fault/scenes.h"

#include <dirent.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

#define ALLOCATIONS_MAX 4000u
// So many runs in a row in which nothing failed: threads beside count differently each time.
#define ENOUGH 3
// Blocks of a worker more or less, which comes and goes.
#define BLOCKS_OF_WORKERS 64

static unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while (readdir(tasks)) {
        count++;
    }
    closedir(tasks);
    return count;
}

/* What threads and workers that end take along goes a little later. */
static void expect_no_more_blocks(bool (*scene)(void), uint64_t blocks, unsigned threads)
{
    for (int again = 0; again < 20; again++) {
        if (rn_alloc_live() <= blocks + BLOCKS_OF_WORKERS && count_threads() <= threads) {
            return;
        }
        must_work(scene);
        (void)settled_fds();
    }
    fail_msg("%llu blocks before, %llu now; %u threads, %u", (unsigned long long)blocks,
             (unsigned long long)rn_alloc_live(), threads, count_threads());
}

struct sweep {
    uint64_t tried;
    uint64_t survived;
    int quiet;
};

static void fail_one(const struct scene *scene, uint64_t n, bool persistent, struct sweep *sweep)
{
    uint64_t before = rn_alloc_count();
    rn_alloc_fail_at(n, persistent);
    bool good = scene->run();
    rn_alloc_fail_at(0, false);
    bool fired = rn_alloc_count() - before >= n;
    sweep->quiet = fired ? 0 : sweep->quiet + 1;
    sweep->tried += fired;
    sweep->survived += fired && good;
}

static void fail_each(const struct scene *scene)
{
    must_work(scene->run);
    must_work(scene->run);
    int fds = fds_at_rest();
    uint64_t blocks = rn_alloc_live();
    unsigned threads = count_threads();
    struct sweep sweep = {.tried = 0};
    unsigned step = sweeps_take_all() ? 1 : scene->allocations;
    unsigned runs = 0;
    for (uint64_t n = 1; n < ALLOCATIONS_MAX && sweep.quiet < ENOUGH; n += step) {
        fail_one(scene, n, false, &sweep);
        if (sweeps_take_all() || ++runs % 4 == 0) {
            fail_one(scene, n, true, &sweep);
        }
        if (runs % 8 == 0) {
            must_work(scene->run);
        }
    }
    assert_true(sweep.quiet >= ENOUGH);
    must_work(scene->run);
    print_message("%s: %llu allocations failed, %llu times it went well all the same\n",
                  scene->name, (unsigned long long)sweep.tried, (unsigned long long)sweep.survived);
    assert_true(sweep.tried > 5);
    expect_no_more_fds(fds);
    expect_no_more_blocks(scene->run, blocks, threads);
    assert_false(has_children());
}

static void each_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENES; i++) {
        if (is_wanted(&scenes[i]) && scenes[i].allocations > 0) {
            fail_each(&scenes[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_scene)};
    return cmocka_run_group_tests(tests, scenes_set_up, scenes_tear_down);
}
