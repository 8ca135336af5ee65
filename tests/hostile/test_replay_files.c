/* Replay files that were damaged or forged: refused by name, or run to an end within their limits. */
#include "tests/unit/supervisor/harness.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/replay_file.h"

/* In the journal: two outputs of 40 bytes, two counts; then calls. */
#define COUNTS_AT 80u
#define CALLS_AT 88u
#define CALL_SIZE 52u
#define CALLS 3u
#define STEPS_AT (CALLS_AT + CALLS * CALL_SIZE)
/* In the call: its limits, its item. */
#define LIMITS_AT 32u
#define ITEM_AT (LIMITS_AT + 8u * RUNE_LIMIT_COUNT)

static uint8_t *whole;
static size_t whole_size;

static const char source[] = "static START = 1;\n"
                             "pub async fn work(n) {\n"
                             "    let a = host::later(n);\n"
                             "    println!(\"{}\", host::double(n) + START);\n"
                             "    let b = host::double(a.await);\n"
                             "    time::sleep(time::Duration::from_millis(1)).await;\n"
                             "    b\n"
                             "}\n";

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_unit *unit = build(source);
    rune_vm *vm;
    rune_record *record;
    rune_text *bytes;
    rune_const_value *three = rune_value_i64(3);
    const rune_const_value *args[] = {three};
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, 300000000);
    rune_call_options_set_journal(options, true);
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_set_static(vm, "START", three, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, "work", args, 1, options, &record, NULL), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(rune_record_journal(record, &bytes, NULL), RUNE_OK);
    whole_size = rune_text_size(bytes);
    whole = malloc(whole_size);
    memcpy(whole, rune_text_data(bytes), whole_size);
    rune_text_free(bytes);
    rune_record_free(record);
    rune_call_options_free(options);
    rune_value_unref(three);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return failed;
}

static int tear_down(void **state)
{
    free(whole);
    return harness_tear_down(state);
}

static uint8_t *copy_whole(void)
{
    uint8_t *copy = malloc(whole_size + 1);
    memcpy(copy, whole, whole_size);
    return copy;
}

/* The section's first byte. */
static uint8_t *find_section(uint8_t *bytes, uint32_t kind)
{
    size_t at = RN_REPLAY_HEADER_SIZE;
    for (;;) {
        uint32_t found;
        uint64_t size;
        memcpy(&found, bytes + at, sizeof(found));
        memcpy(&size, bytes + at + 8, sizeof(size));
        at += 16;
        if (found == kind) {
            return bytes + at;
        }
        at += size;
        assert_true(at < whole_size);
    }
}

/* The status; NULL unless it loads, which is the caller's. */
static rune_status load(const uint8_t *bytes, size_t size, rune_replay **out_replay)
{
    rune_error *error = NULL;
    *out_replay = NULL;
    rune_status status = rune_replay_load(bytes, size, out_replay, &error);
    assert_true((status == RUNE_OK) == (*out_replay != NULL));
    assert_true((status == RUNE_OK) == (error == NULL));
    rune_error_free(error);
    return status;
}

static void expect(const uint8_t *bytes, size_t size, rune_status status)
{
    rune_replay *replay;
    assert_int_equal(load(bytes, size, &replay), status);
    rune_replay_free(replay);
}

static void test_files_that_end_early(void **state)
{
    (void)state;
    rune_replay *replay;
    uint8_t *copy = copy_whole();
    expect(copy, whole_size, RUNE_OK);
    for (size_t size = 0; size < whole_size; size++) {
        expect(copy, size, RUNE_E_REPLAY_INVALID);
        if (size >= RN_REPLAY_HEADER_SIZE) {
            rn_replay_file_sign(copy, size);
            assert_true(load(copy, size, &replay) != RUNE_OK);
        }
        memcpy(copy, whole, whole_size);
    }
    copy[whole_size] = 0;
    rn_replay_file_sign(copy, whole_size + 1);
    expect(copy, whole_size + 1, RUNE_E_REPLAY_INVALID);
    free(copy);
}

static void test_damage_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < whole_size; i++) {
        uint8_t *copy = copy_whole();
        rune_replay *replay;
        copy[i] ^= 0x10;
        rune_status status = load(copy, whole_size, &replay);
        bool is_version = i >= 8 && i < 16;
        assert_int_equal(status, is_version ? RUNE_E_REPLAY_VERSION : RUNE_E_REPLAY_INVALID);
        free(copy);
    }
}

/* Whatever a forger writes: it is refused, or loads. */
static void test_each_byte_forged(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = RN_REPLAY_HEADER_SIZE; i < whole_size; i++) {
        for (size_t k = 0; k < sizeof(changes); k++) {
            uint8_t *copy = copy_whole();
            rune_replay *replay;
            copy[i] ^= changes[k];
            rn_replay_file_sign(copy, whole_size);
            (void)load(copy, whole_size, &replay);
            rune_replay_free(replay);
            free(copy);
        }
    }
}

static void test_units_pass_the_verifier(void **state)
{
    (void)state;
    uint8_t *copy = copy_whole();
    find_section(copy, RN_REPLAY_UNIT)[200] ^= 1; // its content id tells
    rn_replay_file_sign(copy, whole_size);
    expect(copy, whole_size, RUNE_E_UNIT_INVALID);
    free(copy);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t section;
        size_t offset;
        uint8_t to;
    } changes[] = {
        {RN_REPLAY_CALL, 0, 1},                   // statics as a target
        {RN_REPLAY_CALL, 0, 9},                   // no target
        {RN_REPLAY_CALL, 12, 1},                  // a clock without a time
        {RN_REPLAY_CALL, 12, 2},                  // an unknown flag
        {RN_REPLAY_CALL, LIMITS_AT + 2, 0},       // a wall-clock limit of ..
        {RN_REPLAY_CALL, ITEM_AT + 4, 0},         // an item with a zero byte
        {RN_REPLAY_CALL, ITEM_AT + 4, 'x'},       // one that the Unit does not have
        {RN_REPLAY_CALL, ITEM_AT + 4, 0xff},      // one that is not UTF-8
        {RN_REPLAY_CALL, ITEM_AT + 3, 0x7f},      // a size beyond the end
        {RN_REPLAY_CALL, ITEM_AT + 8 + 7, 0x7f},  // the same of the statics
        {RN_REPLAY_FUNCTIONS, 2, 0xff},           // more functions than there may be
        {RN_REPLAY_FUNCTIONS, 4, 2},              // an unknown flag of one
        {RN_REPLAY_FUNCTIONS, 8, 65},             // too many arguments
        {RN_REPLAY_JOURNAL, 7, 0xff},             // more output than can be counted
        {RN_REPLAY_JOURNAL, COUNTS_AT + 3, 1},    // more calls than bytes
        {RN_REPLAY_JOURNAL, COUNTS_AT + 7, 1},    // more steps
        {RN_REPLAY_JOURNAL, CALLS_AT, 99},        // no such function
        {RN_REPLAY_JOURNAL, CALLS_AT + 11, 1},    // the budget goes backwards
        {RN_REPLAY_JOURNAL, CALLS_AT + 12, 77},   // more output than there was
        {RN_REPLAY_JOURNAL, STEPS_AT, 3},         // an unknown kind of step
        {RN_REPLAY_JOURNAL, STEPS_AT, 2},         // a wake-up with a number
        {RN_REPLAY_JOURNAL, STEPS_AT + 4, 0},     // an answer to nothing
        {RN_REPLAY_JOURNAL, STEPS_AT + 4, 4},     // to a call that is not there
        {RN_REPLAY_JOURNAL, STEPS_AT + 23, 1},    // a size beyond the end
        {RN_REPLAY_JOURNAL, STEPS_AT + 24, 0xff}, // a body that is no value
        {RN_REPLAY_END, 0, 99},                   // an unknown reason
        {RN_REPLAY_END, 0, 2},                    // a value in spite of an error
        {RN_REPLAY_END, 4, 65},                   // an unknown signal
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint8_t *copy = copy_whole();
        rune_replay *replay;
        uint8_t *at = find_section(copy, changes[i].section) + changes[i].offset;
        if (changes[i].offset == LIMITS_AT + 2 && changes[i].section == RN_REPLAY_CALL) {
            memset(at - 2, 0, 8); // .. nothing
        } else {
            assert_int_not_equal(*at, changes[i].to);
            *at = changes[i].to;
        }
        rn_replay_file_sign(copy, whole_size);
        rune_status status = load(copy, whole_size, &replay);
        if (status != RUNE_E_REPLAY_INVALID) {
            fail_msg("change %zu: %s", i, rune_status_name(status));
        }
        free(copy);
    }
}

/* Two answers to one call. */
static void test_one_answer_for_each_call(void **state)
{
    (void)state;
    uint8_t *copy = copy_whole();
    uint8_t *steps = find_section(copy, RN_REPLAY_JOURNAL) + STEPS_AT;
    uint64_t size;
    memcpy(&size, steps + 16, sizeof(size));
    memcpy(steps + 24 + size + 4, steps + 4, 4);
    rn_replay_file_sign(copy, whole_size);
    expect(copy, whole_size, RUNE_E_REPLAY_INVALID);
    free(copy);
}

/* Sections that change places, come twice, or lack. */
static void test_sections_in_their_order(void **state)
{
    (void)state;
    for (uint32_t kind = RN_REPLAY_UNIT; kind <= RN_REPLAY_END; kind++) {
        for (uint8_t to = 0; to <= RN_REPLAY_END + 1; to++) {
            uint8_t *copy = copy_whole();
            find_section(copy, kind)[-16] = to;
            rn_replay_file_sign(copy, whole_size);
            expect(copy, whole_size, to == kind ? RUNE_OK : RUNE_E_REPLAY_INVALID);
            free(copy);
        }
    }
}

static rune_replay_verdict run(const rune_replay *replay)
{
    rune_replay_result *result = NULL;
    assert_int_equal(rune_replay_run(supervisor, replay, NULL, &result, NULL), RUNE_OK);
    rune_replay_verdict verdict = rune_replay_result_verdict(result);
    assert_true((verdict == RUNE_REPLAY_SAME) == (rune_replay_result_difference(result)[0] == 0));
    rune_replay_result_free(result);
    return verdict;
}

/* A journal that loads is run, whatever it says, and the end comes within the limits of the call. */
static void test_forged_journals_run_to_an_end(void **state)
{
    (void)state;
    uint8_t *copy = copy_whole();
    size_t begin = (size_t)(find_section(copy, RN_REPLAY_JOURNAL) - copy);
    size_t end = (size_t)(find_section(copy, RN_REPLAY_END) - copy) - 16;
    unsigned same = 0;
    unsigned ran = 0;
    for (size_t i = begin; i < end; i += i % 8 == 0 ? 1 : 3) {
        rune_replay *replay;
        memcpy(copy, whole, whole_size);
        copy[i] ^= 1;
        rn_replay_file_sign(copy, whole_size);
        if (load(copy, whole_size, &replay) == RUNE_OK) {
            int64_t begun = now_ms();
            ran++;
            same += run(replay) == RUNE_REPLAY_SAME;
            assert_true(now_ms() - begun < 5000);
            rune_replay_free(replay);
        }
    }
    assert_true(ran > 20);
    assert_true(same < ran / 2); // the clock of a wake-up means nothing to a call without one
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_that_end_early),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_each_byte_forged),
        cmocka_unit_test(test_units_pass_the_verifier),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_one_answer_for_each_call),
        cmocka_unit_test(test_sections_in_their_order),
        cmocka_unit_test(test_forged_journals_run_to_an_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
