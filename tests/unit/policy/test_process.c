/* test_process.c: from exec to the wall, with every call of it failing in turn. */
#include "policy/process.h"

#include "policy/lockdown.h"
#include "tests/unit/policy/fake_kernel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SETUP 71
#define MEMORY 72
#define USAGE 64
#define DONE 33

static const struct rn_process *seen;

static int body(struct rn_process *process)
{
    seen = process;
    return DONE;
}

/* Runs with these arguments behind "program --child"; the exit code. */
static int run_words(int argc, const char *const *words, enum rn_role role)
{
    seen = NULL;
    if (setjmp(fake.ended) == 0) {
        rn_process_run(argc, (char **)(uintptr_t)words, role, body);
    }
    return fake.exit_code;
}

struct numbers {
    const char *parent;
    const char *required;
    const char *arena;
    const char *seconds;
    const char *segments;
    const char *given_up; /* NULL: nothing */
};

static int run(struct numbers n, enum rn_role role)
{
    const char *given_up = n.given_up ? n.given_up : "0";
    const char *const words[] = {"program", "--child",  n.parent, n.required, n.arena,
                                 n.seconds, n.segments, given_up, NULL};
    return run_words(8, words, role);
}

/* Sixteen MiB, no processor time, control page and context. */
static const struct numbers usual = {"1", "0", "1000000", "0", "5", NULL};
static const struct numbers bare = {"1", "0", "0", "5", "0", NULL};

static void a_process_may_have_no_arena(void **state)
{
    (void)state;
    fake_start(); // the first: what a process maps stays
    assert_int_equal(run(bare, RN_ROLE_WORKER), DONE);
    assert_non_null(seen);
    assert_null(seen->arena.data);
    assert_int_equal(fake_count("mmap"), 0);
    assert_int_equal(fake.limits[RLIMIT_CPU].rlim_max, 5);
    assert_int_equal(fake.limits[RLIMIT_AS].rlim_max, (UINT64_C(40) << 20) + RN_WALL_UNITS_MAX);
    fake_stop();
}

static void arguments_that_no_zygote_gives_are_refused(void **state)
{
    (void)state;
    static const struct numbers bad[] = {
        {"x", "0", "0", "0", "0", NULL},
        {"1", "", "0", "0", "0", NULL},
        {"1", "0", "1z", "0", "0", NULL},
        {"1", "0", "0", "10000000000000000", "0", NULL},
        {"1", "0", "0", "0", "-", NULL},
        {"1", "0", "0", "0", "8", NULL},
        {"1", "0", "10000000001", "0", "0", NULL},
        {"1", "0", "0", "0", "0", "y"},
        {"1", "0", "0", "0", "0", "1"}, // the filter
        {"1", "0", "0", "0", "0", "ffffffffffffffff"},
    };
    fake_start();
    for (size_t i = 0; i < RN_COUNT_OF(bad); i++) {
        assert_int_equal(run(bad[i], RN_ROLE_WORKER), USAGE);
        assert_null(seen);
    }
    static const char *const few[] = {"program", "--child", NULL};
    assert_int_equal(run_words(2, few, RN_ROLE_WORKER), USAGE);
    static const char *const other[] = {"program", "--other", "1", "0", "0", "0", "0", "0", NULL};
    assert_int_equal(run_words(8, other, RN_ROLE_WORKER), USAGE);
    assert_int_equal(fake.count, 0);
    fake_stop();
}

static void a_worker_gets_what_it_asked_for(void **state)
{
    (void)state;
    fake_start();
    fake.rlimit = (struct rlimit){2 << 20, RLIM_INFINITY};
    assert_int_equal(run(usual, RN_ROLE_WORKER), DONE);
    assert_int_equal(seen->role, RN_ROLE_WORKER);
    assert_int_equal(seen->arena.size, 16 << 20);
    assert_int_equal(seen->segments[RN_SEGMENT_CONTROL].size, 8192);
    assert_null(seen->segments[RN_SEGMENT_RING].data);
    assert_int_equal(seen->segments[RN_SEGMENT_CONTEXT].size, 8192);
    assert_int_equal(fake_count("madvise"), 2);
    assert_int_equal(fake.region_size, 0);
    // Arena, slack, stack, both segments, room for Units.
    assert_int_equal(fake.limits[RLIMIT_AS].rlim_max,
                     (UINT64_C(50) << 20) + 2 * 8192 + RN_WALL_UNITS_MAX);
    memset(seen->arena.data, 1, seen->arena.size);
    fake_stop();
}

static void nothing_is_cut_off_a_range_that_begins_well(void **state)
{
    (void)state;
    fake_start();
    fake.map_before = 4096 + 8192;
    assert_int_equal(run(usual, RN_ROLE_WORKER), DONE);
    assert_int_equal(fake_count("munmap"), 2);
    fake_start();
    fake.map_before = 4096;
    assert_int_equal(run(usual, RN_ROLE_WORKER), DONE);
    assert_int_equal(fake_count("munmap"), 1);
    assert_int_equal(((uintptr_t)seen->arena.data + RN_ARENA_SMALL_WORKER) % ((size_t)2 << 20), 0);
    fake_stop();
}

static void a_compiler_has_its_heap_there(void **state)
{
    (void)state;
    fake_start();
    assert_int_equal(run((struct numbers){"1", "0", "100000", "0", "4", NULL}, RN_ROLE_COMPILER),
                     DONE);
    assert_int_equal(fake.region_size, 1 << 20);
    assert_int_equal(fake_count("madvise"), 2);
    fake_start();
    // An arena of small pages only needs no advice.
    assert_int_equal(run((struct numbers){"1", "0", "1000", "0", "4", NULL}, RN_ROLE_COMPILER),
                     DONE);
    assert_int_equal(fake.region_size, 4096);
    assert_int_equal(fake_count("madvise"), 0);
    fake_stop();
}

static void a_ring_is_mapped_for_writing(void **state)
{
    (void)state;
    fake_start();
    assert_int_equal(run((struct numbers){"1", "0", "100000", "0", "7", NULL}, RN_ROLE_WORKER),
                     DONE);
    assert_int_equal(seen->segments[RN_SEGMENT_RING].size, 8192);
    seen->segments[RN_SEGMENT_RING].data[8191] = 1;
    fake_stop();
}

static void its_life_is_in_the_ring_if_the_kernel_keeps_it_there(void **state)
{
    (void)state;
    static const struct numbers with_ring = {"1", "0", "100000", "0", "7", NULL};
    fake_start();
    assert_int_equal(run(with_ring, RN_ROLE_WORKER), DONE);
    const uint32_t *life = (const uint32_t *)(const void *)seen->segments[RN_SEGMENT_RING].data;
    assert_int_equal(*life, getpid());
    assert_ptr_equal(fake.robust_futex, life);
    fake_fail("set_robust_list", 1, ENOSYS);
    assert_int_equal(run(with_ring, RN_ROLE_WORKER), DONE);
    assert_int_equal(*(const uint32_t *)(const void *)seen->segments[RN_SEGMENT_RING].data, 0);
    fake_stop();
}

static void the_end_of_the_zygote_is_the_end(void **state)
{
    (void)state;
    fake_start();
    fake.parent = 2;
    assert_int_equal(run(usual, RN_ROLE_WORKER), SETUP);
    assert_null(seen);
    fake_stop();
}

/* What each call's failure means for a worker of which the weakest policy's layers are asked. */
static int expected_end(const char *label)
{
    static const struct {
        const char *label;
        int code;
    } ends[] = {
        {"close_range", DONE}, // then one by one
        {"fstat", MEMORY},     {"mmap", MEMORY}, {"mprotect", MEMORY}, {"getrandom", SETUP},
    };
    for (size_t i = 0; i < RN_COUNT_OF(ends); i++) {
        if (strcmp(ends[i].label, label) == 0) {
            return ends[i].code;
        }
    }
    if (strcmp(label, "setrlimit") == 0) {
        return rn_wall_exit_code(RN_LAYER_RLIMITS);
    }
    if (strcmp(label, "no_new_privs") == 0) {
        return rn_wall_exit_code(RN_LAYER_NO_NEW_PRIVS);
    }
    return strcmp(label, "seccomp") == 0 ? rn_wall_exit_code(RN_LAYER_SECCOMP) : DONE;
}

static void the_body_runs_behind_a_wall_only(void **state)
{
    (void)state;
    fake_start();
    fake.rlimit = (struct rlimit){16, RLIM_INFINITY};
    assert_int_equal(run(usual, RN_ROLE_WORKER), DONE);
    size_t calls = fake.count;
    for (size_t n = 1; n <= calls; n++) {
        fake.count = 0;
        fake_fail_nth(n, ENOMEM);
        int code = run(usual, RN_ROLE_WORKER);
        const char *label = fake.labels[n - 1];
        // The size of the stack is asked for as well, without consequence.
        bool of_a_limit = strcmp(label, "getrlimit") == 0 && code != DONE;
        assert_int_equal(code,
                         of_a_limit ? rn_wall_exit_code(RN_LAYER_RLIMITS) : expected_end(label));
        assert_true((seen != NULL) == (code == DONE));
    }
    fake_stop();
}

static void descriptors_that_cannot_be_closed_are_a_missing_layer(void **state)
{
    (void)state;
    fake_start();
    fake_fail(NULL, 2, ENOSYS); // close_range, getrlimit
    assert_int_equal(run(usual, RN_ROLE_WORKER), rn_wall_exit_code(RN_LAYER_DESCRIPTORS));
    fake_stop();
}

static void every_layer_that_is_asked_for_must_be_there(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        enum rn_layer layer;
        unsigned times; /* until it is this layer's */
    } own[] = {
        {"dumpable", RN_LAYER_NOT_DUMPABLE, 1},
        {"pdeathsig", RN_LAYER_PARENT_DEATH, 1},
        {"landlock_restrict_self", RN_LAYER_LANDLOCK, 1},
        {"mdwe", RN_LAYER_NO_EXEC_GAIN, 1},
        {"mseal", RN_LAYER_MSEAL, 1},
        {"speculation", RN_LAYER_STORE_SPECULATION, 1},
        {"speculation", RN_LAYER_BRANCH_SPECULATION, 2},
    };
    for (size_t i = 0; i < RN_COUNT_OF(own); i++) {
        char required[32];
        (void)snprintf(required, sizeof(required), "%llx",
                       (unsigned long long)RN_LAYER_BIT(own[i].layer));
        struct numbers numbers = usual;
        numbers.required = required;
        fake_start();
        assert_int_equal(run(numbers, RN_ROLE_WORKER), DONE);
        fake_fail(own[i].label, own[i].times, EPERM);
        assert_int_equal(run(numbers, RN_ROLE_WORKER), rn_wall_exit_code(own[i].layer));
        fake_fail(own[i].label, own[i].times, EPERM);
        assert_int_equal(run(usual, RN_ROLE_WORKER), DONE);
    }
    fake_stop();
}

/* It is not even attempted; whoever requires it all the same does not get a process. */
static void what_the_host_gives_up_is_left_out(void **state)
{
    (void)state;
    static const struct {
        uint64_t layers;
        unsigned attempts;
    } cases[] = {
        {0, 2},
        {RN_LAYER_BIT(RN_LAYER_STORE_SPECULATION), 1},
        {RN_LAYERS_TO_GIVE_UP, 0},
    };
    for (size_t i = 0; i < RN_COUNT_OF(cases); i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), "%llx", (unsigned long long)cases[i].layers);
        struct numbers numbers = usual;
        numbers.given_up = word;
        fake_start();
        assert_int_equal(run(numbers, RN_ROLE_WORKER), DONE);
        assert_int_equal(fake_count("speculation"), cases[i].attempts);
        assert_int_equal(seen->report.given_up, cases[i].layers);
        assert_int_equal(seen->report.active & cases[i].layers, 0);
        numbers.required = word;
        assert_int_equal(run(numbers, RN_ROLE_WORKER),
                         cases[i].layers == 0 ? DONE
                                              : rn_wall_exit_code(RN_LAYER_STORE_SPECULATION));
    }
    fake_stop();
}

static void segments_of_nothing_and_short_seeds_are_refused(void **state)
{
    (void)state;
    fake_start();
    fake.segment_size = 0;
    assert_int_equal(run(usual, RN_ROLE_WORKER), MEMORY);
    fake_start();
    fake.seed_is_short = true;
    assert_int_equal(run(usual, RN_ROLE_WORKER), SETUP);
    assert_null(seen);
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_may_have_no_arena),
        cmocka_unit_test(arguments_that_no_zygote_gives_are_refused),
        cmocka_unit_test(a_worker_gets_what_it_asked_for),
        cmocka_unit_test(nothing_is_cut_off_a_range_that_begins_well),
        cmocka_unit_test(a_compiler_has_its_heap_there),
        cmocka_unit_test(a_ring_is_mapped_for_writing),
        cmocka_unit_test(its_life_is_in_the_ring_if_the_kernel_keeps_it_there),
        cmocka_unit_test(the_end_of_the_zygote_is_the_end),
        cmocka_unit_test(the_body_runs_behind_a_wall_only),
        cmocka_unit_test(descriptors_that_cannot_be_closed_are_a_missing_layer),
        cmocka_unit_test(every_layer_that_is_asked_for_must_be_there),
        cmocka_unit_test(what_the_host_gives_up_is_left_out),
        cmocka_unit_test(segments_of_nothing_and_short_seeds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
