/*
 * A worker whose memory is written over at random while scripts run: only that worker may suffer. Its
 * calls end, each for one reason, in time; the supervisor, the workers beside it in its domain and those
 * of other domains answer as before, and nothing is left.
 *
 * usage: test_corruption [ROUNDS [FIRST]]
 */
#include "tests/hostile/corrupt_worker.h"
#include "tests/unit/supervisor/harness.h"

#include <stdlib.h>
#include <string.h>

#define CPU_MS 30
#define WALL_MS 400
// The first worker's domain, the victim's, the stranger's.
#define SPARES 3
// The stop, its grace, and a machine that is busy with something else.
#define END_MS (WALL_MS + 40 + 10000)
#define BATCH 4u

static unsigned rounds = 400;
static unsigned first;
static rune_unit *unit;
// Beside the victims: in their domain, and in another one.
static rune_vm *sibling;
static rune_vm *stranger;
static unsigned ends[RUNE_REASON_CRASHED + 1];

/* What a call uses: heap of every kind, output, host calls, more than one turn. */
static const char source[] = "static COUNT = 0;\n"
                             "struct Point { x, y }\n"
                             "pub fn victim() {\n"
                             "    let list = [];\n"
                             "    let map = #{};\n"
                             "    for i in 0..400 {\n"
                             "        list.push(Point { x: i, y: `text ${i}` });\n"
                             "        map.insert(`key ${i % 50}`, [i, list.len()]);\n"
                             "        if i % 100 == 0 { println!(\"{}\", i); host::double(i); }\n"
                             "    }\n"
                             "    let f = |n| n + list.len();\n"
                             "    let sum = 0;\n"
                             "    for i in 0..10000 { sum = f(sum) % 1000003; }\n"
                             "    (sum, map.len(), list.iter().map(|p| p.x).sum::<i64>())\n"
                             "}\n"
                             "pub fn witness() { COUNT += 1; COUNT }\n";

static rune_supervisor *make_supervisor(void)
{
    rune_supervisor *made = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    assert_int_equal(rune_supervisor_options_set_helpers(options, RN_CORRUPT_HELPERS), RUNE_OK);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1); // of those that share
    rune_supervisor_options_set_spares(options, 1);
    assert_int_equal(rune_supervisor_new(options, &made, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    return made;
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_supervisor_free(supervisor);
    supervisor = make_supervisor();
    calls_end_early = true;
    unit = build(source);
    sibling = new_vm(unit, RUNE_ISOLATION_VM, "victim");
    stranger = new_vm(unit, RUNE_ISOLATION_SHARED, "stranger");
    return failed;
}

static int tear_down(void **state)
{
    rune_vm_free(sibling);
    rune_vm_free(stranger);
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

static bool swallow(void *user, int stream, const char *data, size_t size)
{
    size_t *bytes = user;
    (void)stream;
    (void)data;
    *bytes += size;
    return true;
}

static rune_call_options *options_of(uint64_t seed, size_t *out_bytes)
{
    // Who computes for ever is ended by processor time, whatever else the machine does.
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_CPU, CPU_MS * 1000000), RUNE_OK);
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_WALL, WALL_MS * 1000000), RUNE_OK);
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_limits_free(limits);
    rune_call_options_set_seed(options, seed);
    rune_call_options_set_output(options, swallow, out_bytes);
    return options;
}

/* One call in a worker that is written over. */
struct round {
    rune_vm *vm;
    rune_call_options *options;
    rune_execution *execution;
    size_t bytes;
};

static void begin(struct round *round, uint32_t number)
{
    round->bytes = 0;
    round->options = options_of(CORRUPT_MAGIC << 32 | number, &round->bytes);
    assert_int_equal(
        rune_vm_send_execute(round->vm, "victim", NULL, 0, round->options, &round->execution, NULL),
        RUNE_OK);
}

/* It ends, with a record that has one reason. */
static void end(struct round *round)
{
    rune_record *record = NULL;
    assert_int_equal(rune_execution_wait(round->execution, UINT64_MAX), RUNE_OK);
    assert_int_equal(rune_execution_complete(round->execution, &record), RUNE_OK);
    rune_reason reason = rune_record_reason(record);
    const rune_error *error = rune_record_error(record);
    assert_true((error == NULL) == (reason == RUNE_REASON_OK));
    assert_true(error == NULL || rune_error_reason(error) == reason);
    assert_in_range(reason, 0, RUNE_REASON_CRASHED);
    assert_in_range(round->bytes, 0, 1 << 20);
    ends[reason]++;
    rune_record_free(record);
    rune_execution_free(round->execution);
    rune_call_options_free(round->options);
    assert_int_equal(rune_vm_reset(round->vm), RUNE_OK); // what it kept is nobody's
}

/* So many at once, for those that hang take their time; all end in time. */
static void corrupt(struct round batch[BATCH], uint32_t number)
{
    int64_t begun = now_ms();
    for (uint32_t i = 0; i < BATCH; i++) {
        begin(&batch[i], number + i);
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        end(&batch[i]);
    }
    assert_in_range(now_ms() - begun, 0, END_MS);
}

static void test_without_writing(void **state)
{
    (void)state;
    size_t bytes = 0;
    rune_call_options *options = options_of(1, &bytes);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "victim");
    assert_int_equal(call_reason(vm, "victim", options), RUNE_REASON_OK);
    assert_int_equal(bytes, strlen("0\n100\n200\n300\n"));
    rune_vm_free(vm);
    rune_call_options_free(options);
}

static void print_ends(void)
{
    for (unsigned reason = 0; reason <= RUNE_REASON_CRASHED; reason++) {
        if (ends[reason] > 0) {
            print_message("%6u %s\n", ends[reason], rune_reason_name((rune_reason)reason));
        }
    }
}

/* Each call of a batch in a worker of its own. */
static void make_victims(struct round batch[BATCH])
{
    for (size_t i = 0; i < BATCH; i++) {
        batch[i].vm = new_vm(unit, RUNE_ISOLATION_CALL, "victim");
    }
}

static void free_victims(struct round batch[BATCH])
{
    for (size_t i = 0; i < BATCH; i++) {
        rune_vm_free(batch[i].vm);
    }
}

static void test_only_that_worker_suffers(void **state)
{
    (void)state;
    struct round batch[BATCH];
    int64_t witnessed = 0;
    int fds = 0;
    make_victims(batch);
    for (uint32_t round = first; round < first + rounds; round += BATCH) {
        corrupt(batch, round);
        // Their Globals live in their workers: these are still the first ones.
        assert_int_equal(call_i64(sibling, "witness"), ++witnessed);
        assert_int_equal(call_i64(stranger, "witness"), witnessed);
        assert_false(has_children());
        fds = round == first ? settled_fds_with(SPARES) : fds;
    }
    print_ends();
    assert_int_equal(settled_fds_with(SPARES), fds);
    // A worker in which nothing was written serves the domain as before.
    assert_int_equal(rune_vm_reset(batch[0].vm), RUNE_OK);
    assert_int_equal(call_i64(batch[0].vm, "witness"), 1);
    free_victims(batch);
}

/* Several calls in one worker: those beside the writer may go with it, each for one reason. */
static void test_calls_in_the_same_worker(void **state)
{
    (void)state;
    struct round batch[BATCH];
    rune_vm *beside = new_vm(unit, RUNE_ISOLATION_SHARED, "victim");
    for (size_t i = 0; i < BATCH; i++) {
        batch[i].vm = new_vm(unit, RUNE_ISOLATION_SHARED, "victim");
    }
    int64_t before = call_i64(stranger, "witness");
    for (uint32_t round = 0; round < 64; round += BATCH) {
        corrupt(batch, round);
        (void)call_reason(beside, "witness", NULL);
        assert_int_equal(rune_vm_reset(beside), RUNE_OK);
    }
    rune_vm_free(beside);
    free_victims(batch);
    assert_int_equal(call_i64(stranger, "witness"), before + 1);
    assert_int_equal(call_i64(sibling, "witness"), before);
}

/* Writing must have had consequences, or nothing was shown. */
static void test_writing_has_consequences(void **state)
{
    (void)state;
    unsigned bad = 0;
    unsigned kinds = 0;
    for (unsigned reason = 1; reason <= RUNE_REASON_CRASHED; reason++) {
        bad += ends[reason];
        kinds += ends[reason] > 0;
    }
    assert_in_range(bad, rounds / 10, rounds);
    assert_in_range(kinds, 2, RUNE_REASON_CRASHED);
    assert_true(ends[RUNE_REASON_CRASHED] > 0);
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : rounds;
    first = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_writing),
        cmocka_unit_test(test_only_that_worker_suffers),
        cmocka_unit_test(test_writing_has_consequences),
        cmocka_unit_test(test_calls_in_the_same_worker),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
