/*
 * Calls kept in replay files run again without their host, and do the same: step by step, from files that
 * are whole; from others it is said what differs.
 */
#include "tests/unit/supervisor/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/host_call.h"
#include "supervisor/journal_folder.h"
#include "supervisor/replay_file.h"

#define STEPS_MAX 256

/* What a run told. */
struct told {
    unsigned counts[RUNE_REPLAY_OUTPUT + 1];
    unsigned differing;
    char output[4096];
    size_t output_size;
    uint32_t lines[STEPS_MAX]; /* of host calls */
    uint64_t last_budget;
    char last_failure[64];
    int64_t last_answer;
};

static rune_runtime *own_runtime;
static rune_unit *unit;
static rune_host_call *pending[16];
static unsigned pending_count;
static unsigned host_runs; /* host functions called */
static bool kills;

static int64_t argument(const rune_host_call *call)
{
    int64_t number = -1;
    assert_true(rune_value_get_i64(rune_host_call_arg(call, 0), &number));
    return number;
}

static void answer(rune_host_call *call, int64_t number)
{
    rune_const_value *value = rune_value_i64(number);
    assert_int_equal(rune_host_call_reply(call, value), RUNE_OK);
    rune_value_unref(value);
}

/* step(n): answers what is pending, the last first, and n * 3. */
static void host_step(void *user, rune_host_call *call)
{
    (void)user;
    host_runs++;
    while (pending_count > 0) {
        rune_host_call *later = pending[--pending_count];
        answer(later, argument(later) * 7);
    }
    if (kills && argument(call) == 2) {
        kills = false;
        (void)rn_child_kill(&((struct rn_peer *)call->call->peer)->child);
    }
    answer(call, argument(call) * 3);
}

static void host_later(void *user, rune_host_call *call)
{
    (void)user;
    host_runs++;
    pending[pending_count++] = call;
}

/* Longer than the call may take. */
static void host_block(void *user, rune_host_call *call)
{
    (void)user;
    nanosleep(&(struct timespec){.tv_nsec = 450000000}, NULL);
    rune_const_value *value = rune_value_i64(1);
    (void)rune_host_call_reply(call, value);
    rune_value_unref(value);
}

static void host_refuse(void *user, rune_host_call *call)
{
    (void)user;
    assert_int_equal(rune_host_call_fail(call, "not today"), RUNE_OK);
}

static rune_cancel_token *token;

static void host_stop(void *user, rune_host_call *call)
{
    (void)user;
    rune_cancel_token_cancel(token);
    answer(call, 1);
}

static void host_large(void *user, rune_host_call *call)
{
    (void)user;
    size_t size = RN_JOURNAL_BYTES_MAX;
    char *text = calloc(1, size);
    memset(text, 'x', size);
    rune_const_value *value = rune_value_string(text, size);
    assert_int_equal(rune_host_call_reply(call, value), RUNE_OK);
    rune_value_unref(value);
    free(text);
}

static const char source[] =
    "static START = 5;\n"
    "pub fn plain(n) {\n"
    "    let sum = START;\n"
    "    for i in 0..n {\n"
    "        sum += test::step(i);\n" // line 5
    "        println!(\"{} {}\", i, sum);\n"
    "    }\n"
    "    sum\n"
    "}\n"
    "pub async fn work() {\n"
    "    let sum = 0;\n"
    "    for i in 0..4 {\n"
    "        let a = test::later(i);\n"
    "        let b = test::later(i + 10);\n"
    "        dbg!(i);\n"
    "        sum = sum * 31 + test::step(i);\n"
    "        let first = select { x = a => x, y = b => y };\n"
    "        time::sleep(time::Duration::from_millis(1)).await;\n"
    "        println!(\"{} {} {}\", i, first, sum);\n"
    "    }\n"
    "    panic!(\"sum {}\", sum)\n"
    "}\n"
    "pub fn mapped() { [1, 2].iter().map(|i| test::step(i)).sum::<i64>() }\n" // line 23
    "pub fn refused() { test::step(1); test::refuse() }\n"
    "pub fn stopped() { print!(\"a\"); test::stop(); loop {} }\n"
    "pub fn waits() { println!(\"a\"); test::block() }\n"
    "pub async fn sleeps() { println!(\"a\"); time::sleep(time::Duration::from_secs(60)).await; }\n"
    "pub fn spins() { println!(\"a\"); loop {} }\n"
    "pub fn dice() { rand::SmallRng::try_from_sys_rng().unwrap().random::<i64>() }\n"
    "pub async fn clock() {\n"
    "    let a = time::Instant::now();\n"
    "    time::sleep(time::Duration::from_millis(2)).await;\n"
    "    `${a.elapsed().as_micros()}`\n"
    "}\n"
    "pub fn counts() { START += 1; START }\n"
    "pub fn large() { test::large().len() }\n"
    "pub fn fails() { println!(\"said\"); panic!(\"no\") }\n";

static void add(rune_module *module, const char *name, int arity, unsigned flags, rune_host_fn fn)
{
    assert_int_equal(rune_module_function(module, name, arity, flags, fn, NULL, NULL), RUNE_OK);
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_module *module = rune_module_new("test");
    add(module, "step", 1, 0, host_step);
    add(module, "later", 1, RUNE_FUNCTION_ASYNC, host_later);
    add(module, "refuse", 0, 0, host_refuse);
    add(module, "block", 0, 0, host_block);
    add(module, "stop", 0, 0, host_stop);
    add(module, "large", 0, 0, host_large);
    assert_int_equal(rune_context_install(context, module, NULL), RUNE_OK);
    rune_module_free(module);
    assert_int_equal(rune_context_runtime(context, &own_runtime, NULL), RUNE_OK);
    unit = build(source);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_runtime_unref(own_runtime);
    return harness_tear_down(state);
}

static unsigned refusals; /* of the sink, before it takes anything */

static bool collect(void *user, int stream, const char *data, size_t size)
{
    struct told *told = user;
    (void)stream;
    if (refusals > 0) {
        refusals--;
        return false;
    }
    assert_true(told->output_size + size <= sizeof(told->output));
    memcpy(told->output + told->output_size, data, size);
    told->output_size += size;
    return true;
}

static rune_vm *make_vm(rune_supervisor *by)
{
    rune_vm *vm;
    assert_int_equal(rune_vm_new(by, own_runtime, unit, NULL, &vm, NULL), RUNE_OK);
    return vm;
}

static rune_call_options *keeping(void)
{
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_journal(options, true);
    rune_call_options_set_seed(options, 99);
    return options;
}

static rune_record *call(rune_vm *vm, const char *item, int64_t number,
                         const rune_call_options *options)
{
    rune_record *record;
    rune_const_value *value = number >= 0 ? rune_value_i64(number) : NULL;
    const rune_const_value *args[] = {value};
    assert_int_equal(rune_vm_call_record(vm, item, args, value ? 1 : 0, options, &record, NULL),
                     RUNE_OK);
    rune_value_unref(value);
    return record;
}

/* The file of one call on a fresh Vm; frees the options. */
static rune_text *keep(const char *item, int64_t number, rune_call_options *options,
                       rune_reason reason)
{
    rune_text *bytes;
    rune_vm *vm = make_vm(supervisor);
    rune_record *record = call(vm, item, number, options);
    assert_int_equal(rune_record_reason(record), reason);
    assert_int_equal(rune_record_journal(record, &bytes, NULL), RUNE_OK);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_call_options_free(options);
    return bytes;
}

static void take_event(void *user, const rune_replay_event *event)
{
    struct told *told = user;
    if (event->kind == RUNE_REPLAY_HOST_CALL) {
        told->lines[told->counts[event->kind]] = event->place.line;
        assert_true(event->budget >= told->last_budget);
        told->last_budget = event->budget;
    } else if (event->kind == RUNE_REPLAY_ANSWER) {
        (void)rune_value_get_i64(event->value, &told->last_answer);
    } else if (event->kind == RUNE_REPLAY_FAILURE) {
        assert_true(event->text_size < sizeof(told->last_failure));
        memcpy(told->last_failure, event->text, event->text_size);
    }
    told->counts[event->kind]++;
    told->differing += event->differs;
}

static rune_replay *load(const void *data, size_t size)
{
    rune_replay *replay = NULL;
    rune_error *error = NULL;
    if (rune_replay_load(data, size, &replay, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    return replay;
}

/* Runs what the file holds; nothing of the host's is called. */
static rune_replay_result *run_bytes(const void *data, size_t size, struct told *told)
{
    rune_replay_result *result = NULL;
    rune_replay *replay = load(data, size);
    rune_replay_options options = {
        .event = take_event, .event_user = told, .output = collect, .output_user = told};
    unsigned before = host_runs;
    *told = (struct told){.last_answer = -1};
    assert_int_equal(rune_replay_run(supervisor, replay, &options, &result, NULL), RUNE_OK);
    assert_int_equal(host_runs, before);
    rune_replay_free(replay);
    return result;
}

static rune_replay_verdict run_file(rune_text *bytes, struct told *told)
{
    rune_replay_result *result = run_bytes(rune_text_data(bytes), rune_text_size(bytes), told);
    rune_replay_verdict verdict = rune_replay_result_verdict(result);
    if (verdict == RUNE_REPLAY_DIVERGED) {
        fail_msg("%s", rune_replay_result_difference(result));
    }
    rune_replay_result_free(result);
    return verdict;
}

static void test_the_same_again(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes = keep("plain", 3, keeping(), RUNE_REASON_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
        assert_int_equal(told.counts[RUNE_REPLAY_HOST_CALL], 3);
        assert_int_equal(told.counts[RUNE_REPLAY_ANSWER], 3);
        assert_int_equal(told.last_answer, 6);
        assert_int_equal(told.lines[0], 5);
        assert_int_equal(told.lines[2], 5);
        assert_true(told.last_budget > 0);
        assert_int_equal(told.differing, 0);
        assert_memory_equal(told.output, "0 5\n1 8\n2 14\n", told.output_size);
    }
    rune_text_free(bytes);
}

static void test_a_sink_may_refuse(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes = keep("plain", 3, keeping(), RUNE_REASON_OK);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    unsigned outputs = told.counts[RUNE_REPLAY_OUTPUT];
    refusals = 2;
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    assert_int_equal(refusals, 0);
    assert_int_equal(told.counts[RUNE_REPLAY_OUTPUT], outputs);
    assert_memory_equal(told.output, "0 5\n1 8\n2 14\n", told.output_size);
    rune_text_free(bytes);
}

static void test_what_a_file_says(void **state)
{
    (void)state;
    rune_replay_info info;
    rune_text *bytes = keep("plain", 3, keeping(), RUNE_REASON_OK);
    rune_replay *replay = load(rune_text_data(bytes), rune_text_size(bytes));
    int64_t value;
    rune_replay_describe(replay, &info);
    assert_string_equal(info.item, "plain");
    assert_int_equal(rune_value_count(info.args), 1);
    assert_int_equal(info.seed, 99);
    assert_false(info.clock);
    assert_int_equal(info.host_calls, 3);
    assert_int_equal(info.answers, 3);
    assert_int_equal(info.wakes, 0);
    assert_int_equal(info.reason, RUNE_REASON_OK);
    assert_true(rune_value_get_i64(info.value, &value) && value == 14);
    assert_true(info.budget > 0 && info.memory_peak > 0);
    assert_int_equal(info.output_bytes, 13);
    assert_string_equal(rune_unit_id_text(info.unit), rune_unit_id_text(unit));
    assert_int_equal(rune_replay_limit(replay, RUNE_LIMIT_BUDGET), 1000000000);
    assert_true(rune_replay_limit(replay, RUNE_LIMIT_DEPTH) == RUNE_UNLIMITED);
    rune_replay_free(replay);
    rune_text_free(bytes);
}

/* Async functions answered out of order, time that passes, two streams, and an error at the end; once with
 * the worker killed in between. */
static void test_work_with_everything(void **state)
{
    (void)state;
    struct told told[2];
    for (int killed = 0; killed < 2; killed++) {
        kills = killed == 1;
        pending_count = 0;
        rune_text *bytes = keep("work", -1, keeping(), RUNE_REASON_SCRIPT_ERROR);
        pending_count = 0;
        assert_false(kills);
        assert_int_equal(run_file(bytes, &told[killed]), RUNE_REPLAY_SAME);
        assert_int_equal(told[killed].counts[RUNE_REPLAY_HOST_CALL], 12);
        assert_int_equal(told[killed].counts[RUNE_REPLAY_ANSWER], 12);
        assert_int_equal(told[killed].counts[RUNE_REPLAY_WAKE], 4);
        rune_text_free(bytes);
    }
    assert_memory_equal(told[0].output, told[1].output, told[0].output_size);
}

static void test_a_place_is_the_scripts_own(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes = keep("mapped", -1, keeping(), RUNE_REASON_OK);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    assert_int_equal(told.lines[0], 23);
    assert_int_equal(told.lines[1], 23);
    rune_text_free(bytes);
}

static void test_refusals_of_the_host(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes = keep("refused", -1, keeping(), RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    assert_string_equal(told.last_failure, "not today");
    rune_text_free(bytes);
}

static void test_seeds_and_clocks_are_kept(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes = keep("dice", -1, keeping(), RUNE_REASON_OK);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    rune_text_free(bytes);
    rune_call_options *options = keeping();
    rune_call_options_set_clock(options, true);
    bytes = keep("clock", -1, options, RUNE_REASON_OK);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    assert_true(told.counts[RUNE_REPLAY_WAKE] >= 1);
    rune_text_free(bytes);
}

static void test_statics_are_kept(void **state)
{
    (void)state;
    struct told told;
    rune_text *bytes;
    rune_vm *vm = make_vm(supervisor);
    rune_const_value *value = rune_value_i64(40);
    rune_call_options *options = keeping();
    assert_int_equal(rune_vm_set_static(vm, "START", value, NULL), RUNE_OK);
    rune_value_unref(value);
    rune_record *record = call(vm, "counts", -1, options);
    int64_t number;
    assert_true(rune_value_get_i64(rune_record_value(record), &number) && number == 41);
    assert_int_equal(rune_record_journal(record, &bytes, NULL), RUNE_OK);
    rune_record_free(record);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    rune_text_free(bytes);
    // From now on there is more to the Vm than a file would hold.
    record = call(vm, "counts", -1, options);
    rune_error *error = NULL;
    assert_int_equal(rune_record_journal(record, &bytes, &error), RUNE_E_NOT_FOUND);
    assert_non_null(strstr(rune_error_message(error), "Globals"));
    rune_error_free(error);
    rune_record_free(record);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static int64_t time_as_far(void *bytes)
{
    struct told told;
    int64_t begun = now_ms();
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_AS_FAR);
    int64_t took = now_ms() - begun;
    assert_memory_equal(told.output, "a\n", told.output_size);
    return took;
}

/* Calls that were ended from outside do the same until then, and are not waited for. */
static void test_ended_from_outside(void **state)
{
    (void)state;
    static const char *const items[] = {"waits", "sleeps"};
    struct told told;
    for (int i = 0; i < 2; i++) {
        rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 300000000);
        rune_call_options_set_journal(options, true);
        rune_text *bytes = keep(items[i], -1, options, RUNE_REASON_WALL);
        assert_true(best_ms(time_as_far, bytes, 249) < 250);
        rune_text_free(bytes);
    }
    token = rune_cancel_token_new();
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 300000000);
    rune_call_options_set_journal(options, true);
    rune_call_options_set_cancel_token(options, token);
    rune_text *bytes = keep("stopped", -1, options, RUNE_REASON_CANCELLED);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_AS_FAR);
    rune_text_free(bytes);
    rune_cancel_token_unref(token);
    options = with_limit(RUNE_LIMIT_WALL, 100000000);
    rune_call_options_set_journal(options, true);
    bytes = keep("spins", -1, options, RUNE_REASON_WALL);
    assert_int_equal(run_file(bytes, &told), RUNE_REPLAY_SAME);
    rune_text_free(bytes);
}

/* What was changed in a file shows. */

/* The section's first byte. */
static uint8_t *find_section(uint8_t *bytes, size_t size, uint32_t kind)
{
    size_t at = RN_REPLAY_HEADER_SIZE;
    for (;;) {
        uint32_t found;
        uint64_t section_size;
        memcpy(&found, bytes + at, sizeof(found));
        memcpy(&section_size, bytes + at + 8, sizeof(section_size));
        at += 16;
        if (found == kind) {
            return bytes + at;
        }
        at += section_size;
        assert_true(at < size);
    }
}

static void expect_difference(uint8_t *bytes, size_t size, const char *difference)
{
    struct told told;
    rn_replay_file_sign(bytes, size);
    rune_replay_result *result = run_bytes(bytes, size, &told);
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_DIVERGED);
    if (!strstr(rune_replay_result_difference(result), difference)) {
        fail_msg("`%s` is not `%s`", rune_replay_result_difference(result), difference);
    }
    rune_replay_result_free(result);
}

static void test_what_differs_is_said(void **state)
{
    (void)state;
    // Offsets in the section: two outputs of 40 bytes, two counts, calls of 52 bytes, steps.
    static const struct {
        uint32_t section;
        size_t offset;
        uint8_t to; /* 0: one more than it was */
        const char *difference;
    } changes[] = {
        {RN_REPLAY_JOURNAL, 88, 1, "another host function"},
        {RN_REPLAY_JOURNAL, 92, 0, "at another place"},
        {RN_REPLAY_JOURNAL, 108, 0, "other arguments"},
        {RN_REPLAY_JOURNAL, 8, 0, "printed something else"},
        {RN_REPLAY_JOURNAL, 0, 12, "printed something else"},
        {RN_REPLAY_JOURNAL, 88 + 3 * 52 + 24, 9, "printed something else"},
        {RN_REPLAY_END, 8, 0, "instructions, not"},
        {RN_REPLAY_END, 16, 0, "bytes at most, not"},
    };
    rune_text *bytes = keep("plain", 3, keeping(), RUNE_REASON_OK);
    size_t size = rune_text_size(bytes);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint8_t *copy = malloc(size);
        memcpy(copy, rune_text_data(bytes), size);
        uint8_t *at = find_section(copy, size, changes[i].section) + changes[i].offset;
        *at = changes[i].to != 0 ? changes[i].to : (uint8_t)(*at + 1);
        expect_difference(copy, size, changes[i].difference);
        free(copy);
    }
    uint8_t *copy = malloc(size);
    memcpy(copy, rune_text_data(bytes), size);
    copy[size - 1]++; // the result
    expect_difference(copy, size, "the result is another one");
    free(copy);
    rune_text_free(bytes);
}

/* Two plain calls whose answers have changed places: no run can get the first of them. */
static void test_steps_in_an_impossible_order(void **state)
{
    (void)state;
    rune_text *bytes = keep("plain", 2, keeping(), RUNE_REASON_OK);
    size_t size = rune_text_size(bytes);
    uint8_t *copy = malloc(size);
    memcpy(copy, rune_text_data(bytes), size);
    uint8_t *steps = find_section(copy, size, RN_REPLAY_JOURNAL) + 88 + 2 * 52;
    assert_int_equal(steps[4], 1);
    steps[4] = 2;
    assert_int_equal(steps[25 + 4], 2); // a step of one byte
    steps[25 + 4] = 1;
    int64_t begun = now_ms();
    expect_difference(copy, size, "waited for time instead");
    assert_true(now_ms() - begun < 2000);
    free(copy);
    rune_text_free(bytes);
}

/* One that did more than the file has, and one that did less. */
static void test_longer_and_shorter(void **state)
{
    (void)state;
    struct told told;
    rune_text *three = keep("plain", 3, keeping(), RUNE_REASON_OK);
    size_t size = rune_text_size(three);
    uint8_t *copy = malloc(size);
    memcpy(copy, rune_text_data(three), size);
    // The argument is the last byte of its section.
    uint8_t *functions = find_section(copy, size, RN_REPLAY_FUNCTIONS) - 16;
    assert_int_equal(functions[-1], 3);
    functions[-1] = 4;
    expect_difference(copy, size, "once more");
    functions[-1] = 2;
    expect_difference(copy, size, "ended before");
    rn_replay_file_sign(copy, size);
    rune_replay_result *result = run_bytes(copy, size, &told);
    const rune_record *record = rune_replay_result_record(result);
    assert_int_equal(rune_record_reason(record),
                     RUNE_REASON_OK); // what it did is told all the same
    rune_replay_result_free(result);
    free(copy);
    rune_text_free(three);
}

static void expect_none(const char *item, const rune_call_options *options, const char *why)
{
    rune_text *bytes = NULL;
    rune_error *error = NULL;
    rune_vm *vm = make_vm(supervisor);
    rune_record *record = call(vm, item, -1, options);
    assert_int_equal(rune_record_journal(record, &bytes, &error), RUNE_E_NOT_FOUND);
    if (!strstr(rune_error_message(error), why)) {
        fail_msg("`%s` is not about `%s`", rune_error_message(error), why);
    }
    assert_int_equal(rune_record_save_journal(record, "/tmp/never.replay", NULL), RUNE_E_NOT_FOUND);
    rune_error_free(error);
    rune_record_free(record);
    rune_vm_free(vm);
}

static void test_calls_without_a_file(void **state)
{
    (void)state;
    rune_call_options *options = keeping();
    expect_none("fails", NULL, "asked for");
    expect_none("large", options, "too much");
    rune_call_options_free(options);
}

/* Folders */

static char folder[64];

static unsigned count_files(char last[256])
{
    DIR *opened = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;
    assert_non_null(opened);
    while ((entry = readdir(opened)) != NULL) {
        if (entry->d_name[0] == '.' && (entry->d_name[1] == 0 || entry->d_name[1] == '.')) {
            continue;
        }
        count++;
        assert_non_null(strstr(entry->d_name, ".replay"));
        (void)snprintf(last, 256, "%.63s/%.180s", folder, entry->d_name);
    }
    closedir(opened);
    return count;
}

static void remove_folder(void)
{
    char path[256];
    while (count_files(path) > 0) {
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static rune_status start_with(unsigned files_max, uint64_t bytes_max, rune_supervisor **out)
{
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_spares(options, 0);
    assert_int_equal(rune_supervisor_options_set_journal(options, folder, files_max, bytes_max),
                     RUNE_OK);
    rune_status status = rune_supervisor_new(options, out, NULL);
    rune_supervisor_options_free(options);
    return status;
}

static void call_in(rune_supervisor *by, const char *item, rune_reason reason)
{
    rune_vm *vm = make_vm(by);
    rune_record *record = call(vm, item, -1, NULL);
    assert_int_equal(rune_record_reason(record), reason);
    rune_record_free(record);
    rune_vm_free(vm);
}

static void test_failures_leave_files_in_a_folder(void **state)
{
    (void)state;
    rune_supervisor *other = NULL;
    char path[256];
    struct stat about;
    struct told told;
    strcpy(folder, "/tmp/runeward-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(start_with(3, 0, &other), RUNE_OK);
    call_in(other, "dice", RUNE_REASON_OK);
    assert_int_equal(count_files(path), 0);
    call_in(other, "fails", RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(count_files(path), 1);
    assert_non_null(strstr(path, "-script_error-"));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    rune_replay *replay;
    rune_replay_result *result;
    assert_int_equal(rune_replay_load_file(path, &replay, NULL), RUNE_OK);
    rune_replay_options options = {.output = collect, .output_user = &told};
    told = (struct told){.output_size = 0};
    assert_int_equal(rune_replay_run(other, replay, &options, &result, NULL), RUNE_OK);
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_SAME);
    assert_memory_equal(told.output, "said\n", told.output_size);
    rune_replay_result_free(result);
    rune_replay_free(replay);
    assert_int_equal(count_files(path), 1); // a replay leaves none of its own
    for (int i = 0; i < 5; i++) {
        call_in(other, "fails", RUNE_REASON_SCRIPT_ERROR);
    }
    assert_int_equal(count_files(path), 3);
    rune_supervisor_free(other);
    // Of so few bytes no file fits.
    assert_int_equal(start_with(3, 16, &other), RUNE_OK);
    call_in(other, "fails", RUNE_REASON_SCRIPT_ERROR);
    assert_int_equal(count_files(path), 3);
    rune_supervisor_free(other);
    remove_folder();
}

/* An empty file in the folder, so many seconds old. */
static void put_old(const char *name, time_t age, char path[256])
{
    struct timespec times[2];
    (void)snprintf(path, 256, "%.63s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age;
    times[1] = times[0];
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void test_what_a_dead_writer_left_goes(void **state)
{
    (void)state;
    rune_supervisor *other = NULL;
    char left[256];
    char begun[256];
    char foreign[256];
    strcpy(folder, "/tmp/runeward-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    put_old("0123456789abcdef.tmp", 7200, left);
    put_old("fedcba9876543210.tmp", 60, begun); // somebody may still write it
    put_old("of_somebody_else.tmp", 7200, foreign);
    assert_int_equal(start_with(3, 0, &other), RUNE_OK);
    call_in(other, "fails", RUNE_REASON_SCRIPT_ERROR);
    rune_supervisor_free(other);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(unlink(begun), 0);
    assert_int_equal(unlink(foreign), 0);
    remove_folder();
}

static void test_a_flood_leaves_few_files(void **state)
{
    (void)state;
    rune_supervisor *other = NULL;
    char path[256];
    strcpy(folder, "/tmp/runeward-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(start_with(0, 0, &other), RUNE_OK);
    int64_t begun = now_ms();
    for (int i = 0; i < 40; i++) {
        call_in(other, "fails", RUNE_REASON_SCRIPT_ERROR);
    }
    int64_t seconds = (now_ms() - begun) / 1000 + 2; // those that have begun
    assert_true(count_files(path) <= (unsigned)seconds * RN_JOURNAL_FILES_A_SECOND);
    rune_supervisor_free(other);
    remove_folder();
}

static void test_folders_of_others_are_refused(void **state)
{
    (void)state;
    rune_supervisor *other = NULL;
    strcpy(folder, "/tmp/runeward-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(start_with(3, 0, &other), RUNE_E_DENIED);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(start_with(3, 0, &other), RUNE_E_NOT_FOUND);
}

/* A file takes the place of a link, and does not go where it points. */
static void test_links_are_not_followed(void **state)
{
    (void)state;
    char link_path[128];
    char target[128];
    struct stat about;
    strcpy(folder, "/tmp/runeward-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(link_path, sizeof(link_path), "%s/a.replay", folder);
    (void)snprintf(target, sizeof(target), "%s/target", folder);
    assert_int_equal(symlink(target, link_path), 0);
    rune_call_options *options = keeping();
    rune_vm *vm = make_vm(supervisor);
    rune_record *record = call(vm, "fails", -1, options);
    assert_int_equal(rune_record_save_journal(record, link_path, NULL), RUNE_OK);
    assert_int_equal(lstat(link_path, &about), 0);
    assert_true(S_ISREG(about.st_mode) && (about.st_mode & 077) == 0);
    assert_int_equal(lstat(target, &about), -1);
    assert_int_equal(rune_record_save_journal(record, "/nowhere/a.replay", NULL), RUNE_E_SYSTEM);
    rune_record_free(record);
    rune_vm_free(vm);
    rune_call_options_free(options);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_again),
        cmocka_unit_test(test_a_sink_may_refuse),
        cmocka_unit_test(test_what_a_file_says),
        cmocka_unit_test(test_work_with_everything),
        cmocka_unit_test(test_a_place_is_the_scripts_own),
        cmocka_unit_test(test_refusals_of_the_host),
        cmocka_unit_test(test_seeds_and_clocks_are_kept),
        cmocka_unit_test(test_statics_are_kept),
        cmocka_unit_test(test_ended_from_outside),
        cmocka_unit_test(test_what_differs_is_said),
        cmocka_unit_test(test_steps_in_an_impossible_order),
        cmocka_unit_test(test_longer_and_shorter),
        cmocka_unit_test(test_calls_without_a_file),
        cmocka_unit_test(test_failures_leave_files_in_a_folder),
        cmocka_unit_test(test_a_flood_leaves_few_files),
        cmocka_unit_test(test_what_a_dead_writer_left_goes),
        cmocka_unit_test(test_folders_of_others_are_refused),
        cmocka_unit_test(test_links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
