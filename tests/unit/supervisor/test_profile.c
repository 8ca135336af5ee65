/* What workers count: exact to the unit, the same on every run, added up; and what is believed of it. */
#include "tests/unit/supervisor/harness.h"

#include <stdio.h>
#include <string.h>

#include "shm/profile.h"
#include "supervisor/profile.h"
#include "supervisor/unit.h"

static rune_supervisor *counting;

static const char source[] =
    "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\n"
    "fn even(n) { if n == 0 { true } else { odd(n - 1) } }\n"
    "fn odd(n) { if n == 0 { false } else { even(n - 1) } }\n"
    "fn count(n) { let i = 0; while i < n { yield i; i += 1; } }\n"
    "async fn add(n) { std::future::join([half(n), half(n)]).await[0] + n }\n"
    "async fn half(n) { n / 2 }\n"
    "pub fn numbers() { fib(10) }\n"
    "pub fn turns() { even(20) }\n"
    "pub fn steps() { let s = 0; for i in count(10) { s += i; } s }\n"
    "pub fn chain() { (0..10).iter().map(|x| x * 2).filter(|x| x > 3).fold(0, |a, x| a + x) }\n"
    "pub async fn waits() { add(4).await + add(6).await }\n"
    "pub fn nothing() { }\n"
    "pub fn fails() { let v = []; v[3] }\n"
    "pub fn spins() { loop {} }\n"
    "pub fn asks() { host::double(4) }\n"
    "pub fn never() { if host::double(1) == 7 { nothing() } }\n"
    "fn ticks() { let i = 0; while i < 50 { yield i; i += 1; } }\n"
    "pub fn pulls() { ticks().iter().map(|i| i).sum::<i64>() }\n";

static rune_unit *unit;

static rune_record *record_of(const char *item)
{
    rune_vm *vm = NULL;
    rune_record *record = NULL;
    assert_int_equal(rune_vm_new(counting, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, item, NULL, 0, NULL, &record, NULL), RUNE_OK);
    rune_vm_free(vm);
    return record;
}

static rune_profile_function function_of(const rune_profile *profile, const char *name)
{
    rune_profile_report *report = NULL;
    rune_profile_function found = {.calls = 0};
    rune_profile_function at;
    assert_int_equal(rune_profile_report_new(profile, &report, NULL), RUNE_OK);
    for (size_t i = 0; rune_profile_report_function(report, i, &at); i++) {
        if (strcmp(at.function, name) == 0) {
            found = at;
        }
    }
    found.function = NULL; // borrowed
    found.source = NULL;
    rune_profile_report_free(report);
    return found;
}

static rune_profile_line line_of(const rune_profile *profile, uint32_t line)
{
    rune_profile_report *report = NULL;
    rune_profile_line at = {.line = 0};
    assert_int_equal(rune_profile_report_new(profile, &report, NULL), RUNE_OK);
    size_t i = 0;
    while (rune_profile_report_line(report, i, &at) && at.line != line) {
        i++;
    }
    assert_int_equal(at.line, line);
    rune_profile_report_free(report);
    at.source = NULL;
    return at;
}

static void test_all_of_the_budget_is_found(void **state)
{
    static const char *const items[] = {"numbers", "turns", "steps",   "chain",
                                        "waits",   "asks",  "nothing", "never"};
    (void)state;
    for (size_t i = 0; i < RN_COUNT_OF(items); i++) {
        rune_record *record = record_of(items[i]);
        const rune_profile *profile = rune_record_profile(record);
        assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
        assert_non_null(profile);
        assert_int_equal(rune_profile_spent(profile), rune_record_usage(record)->budget);
        assert_int_equal(function_of(profile, items[i]).total, rune_profile_spent(profile));
        rune_record_free(record);
    }
}

static void test_instructions_add_up(void **state)
{
    (void)state;
    rune_record *record = record_of("chain");
    const rune_profile *profile = rune_record_profile(record);
    rune_profile_instruction at;
    uint64_t spent = profile->nodes[0].spent; // in front of the first one
    size_t rank = 0;
    size_t last = 0;
    for (; rune_profile_instruction_at(profile, rank, &at); rank++) {
        assert_true(rank == 0 || at.index > last);
        assert_true(at.hits > 0 || at.spent > 0);
        spent += at.spent;
        last = at.index;
    }
    assert_int_equal(rank, profile->place_count);
    assert_int_equal(spent, rune_profile_spent(profile));
    assert_false(rune_profile_instruction_at(NULL, 0, &at));
    rune_record_free(record);
}

static void test_functions_are_known_by_their_index(void **state)
{
    (void)state;
    rune_record *record = record_of("turns");
    rune_profile_report *report = NULL;
    rune_profile_function at;
    size_t found = 0;
    assert_int_equal(rune_profile_report_new(rune_record_profile(record), &report, NULL), RUNE_OK);
    for (; rune_profile_report_function(report, found, &at); found++) {
        struct rn_utf8 name = rn_unit_string_at(&unit->unit, unit->unit.functions[at.index].name);
        assert_int_equal(name.size, strlen(at.function));
        assert_memory_equal(name.data, at.function, name.size);
    }
    assert_int_equal(found, 3);
    rune_profile_report_free(report);
    rune_record_free(record);
}

static void test_a_profile_is_the_same_twice(void **state)
{
    (void)state;
    rune_record *first = record_of("chain");
    rune_record *second = record_of("chain");
    const rune_profile *a = rune_record_profile(first);
    const rune_profile *b = rune_record_profile(second);
    assert_int_equal(a->node_count, b->node_count);
    assert_memory_equal(a->nodes, b->nodes, a->node_count * sizeof(*a->nodes));
    assert_int_equal(a->place_count, b->place_count);
    for (uint32_t i = 0; i < a->place_count; i++) {
        assert_int_equal(a->places[i].pc, b->places[i].pc);
        assert_int_equal(a->places[i].spent, b->places[i].spent);
        assert_int_equal(a->places[i].hits, b->places[i].hits);
    }
    rune_record_free(first);
    rune_record_free(second);
}

static void test_calls_and_lines(void **state)
{
    (void)state;
    rune_record *record = record_of("numbers");
    const rune_profile *profile = rune_record_profile(record);
    assert_int_equal(function_of(profile, "fib").calls, 177);
    assert_int_equal(function_of(profile, "numbers").calls, 1);
    assert_int_equal(function_of(profile, "even").calls, 0);
    assert_int_equal(line_of(profile, 1).hits, 177);
    assert_int_equal(line_of(profile, 7).hits, 1);
    assert_int_equal(line_of(profile, 8).hits, 0); // it is there, and did not run
    rune_record_free(record);
}

/* The library's work is the script's that asked for it; closures that the library calls are the script's. */
static void test_the_library_counts_where_it_was_called(void **state)
{
    (void)state;
    rune_record *record = record_of("chain");
    const rune_profile *profile = rune_record_profile(record);
    rune_profile_function chain = function_of(profile, "chain");
    assert_true(chain.self > function_of(profile, "chain::$0::$0").self);
    assert_int_equal(line_of(profile, 10).spent, rune_profile_spent(profile));
    rune_record_free(record);
}

/* Also where a generator of the script has run in between. */
static void test_the_library_counts_there_again_after_a_switch(void **state)
{
    (void)state;
    rune_record *record = record_of("pulls");
    const rune_profile *profile = rune_record_profile(record);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(line_of(profile, 17).spent, function_of(profile, "ticks").self);
    rune_record_free(record);
}

static void test_it_is_one_or_the_other(void **state)
{
    (void)state;
    rune_supervisor *none = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_profile(options, true);
    rune_supervisor_options_set_diagnose(options, true);
    assert_int_equal(rune_supervisor_new(options, &none, NULL), RUNE_E_INVALID_ARGUMENT);
    rune_supervisor_options_free(options);
}

static void test_paths(void **state)
{
    (void)state;
    rune_text *text = NULL;
    rune_record *record = record_of("turns");
    assert_int_equal(rune_profile_stacks(rune_record_profile(record), &text), RUNE_OK);
    const char *stacks = rune_text_data(text);
    // recursion is found where it is already: no path is longer than it has functions
    assert_non_null(strstr(stacks, "turns;even "));
    assert_non_null(strstr(stacks, "turns;even;odd "));
    assert_null(strstr(stacks, "odd;even"));
    rune_text_free(text);
    rune_record_free(record);
}

static void test_what_failed_was_counted_too(void **state)
{
    (void)state;
    rune_record *record = record_of("fails");
    uint64_t budget = rune_record_usage(record)->budget;
    uint64_t spent = rune_profile_spent(rune_record_profile(record));
    assert_int_equal(rune_record_reason(record), RUNE_REASON_SCRIPT_ERROR);
    assert_in_range(spent, budget, budget + 255);
    rune_record_free(record);
    rune_vm *vm = NULL;
    rune_call_options *options = with_limit(RUNE_LIMIT_BUDGET, 10000);
    assert_int_equal(rune_vm_new(counting, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, "spins", NULL, 0, options, &record, NULL), RUNE_OK);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_BUDGET);
    assert_int_equal(rune_profile_spent(rune_record_profile(record)),
                     rune_record_usage(record)->budget);
    rune_record_free(record);
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static void test_profiles_add_up(void **state)
{
    (void)state;
    rune_profile *sum = NULL;
    rune_record *numbers = record_of("numbers");
    rune_record *turns = record_of("turns");
    const rune_profile *a = rune_record_profile(numbers);
    const rune_profile *b = rune_record_profile(turns);
    assert_int_equal(rune_profile_new(unit, &sum, NULL), RUNE_OK);
    assert_int_equal(rune_profile_spent(sum), 0);
    assert_int_equal(rune_profile_add(sum, a, NULL), RUNE_OK);
    assert_int_equal(rune_profile_add(sum, b, NULL), RUNE_OK);
    assert_int_equal(rune_profile_add(sum, a, NULL), RUNE_OK);
    assert_int_equal(rune_profile_spent(sum), 2 * rune_profile_spent(a) + rune_profile_spent(b));
    assert_int_equal(function_of(sum, "fib").calls, 2 * 177);
    assert_int_equal(function_of(sum, "fib").self, 2 * function_of(a, "fib").self);
    assert_int_equal(function_of(sum, "odd").total, function_of(b, "odd").total);
    assert_int_equal(line_of(sum, 1).spent, 2 * line_of(a, 1).spent);
    assert_int_equal(line_of(sum, 3).hits, line_of(b, 3).hits);
    for (uint32_t i = 1; i < sum->place_count; i++) {
        assert_true(sum->places[i - 1].pc < sum->places[i].pc);
    }
    rune_profile_free(sum);
    rune_record_free(numbers);
    rune_record_free(turns);
}

static void test_two_units_do_not(void **state)
{
    (void)state;
    rune_unit *other = build_in(counting, "pub fn main() {}", false);
    rune_profile *sum = NULL;
    rune_error *error = NULL;
    rune_record *record = record_of("turns");
    assert_int_equal(rune_profile_new(other, &sum, NULL), RUNE_OK);
    assert_int_equal(rune_profile_add(sum, rune_record_profile(record), &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), "the profiles are of two Units");
    rune_error_free(error);
    rune_profile_free(sum);
    rune_record_free(record);
    rune_unit_unref(other);
}

/* Functions f0 to f11, each of which may call each later one, in every order: 2^11 paths, and twice. */
static void test_paths_beyond_the_last(void **state)
{
    char text[8192] = "fn last(n) { n }\n";
    (void)state;
    for (int i = 12; i >= 0; i--) {
        char line[512];
        int size = snprintf(line, sizeof(line), "%sfn f%d(n) { last(n)", i == 0 ? "pub " : "", i);
        for (int j = i + 1; j <= 12; j++) {
            size += snprintf(line + size, sizeof(line) - (size_t)size, " + f%d(n)", j);
        }
        (void)snprintf(line + size, sizeof(line) - (size_t)size, " }\n");
        strcat(text, line);
    }
    rune_unit *wide = build_in(counting, text, false);
    rune_unit *kept = unit;
    unit = wide;
    rune_vm *vm = NULL;
    rune_record *record = NULL;
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *args[] = {one};
    assert_int_equal(rune_vm_new(counting, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, "f0", args, 1, NULL, &record, NULL), RUNE_OK);
    const rune_profile *profile = rune_record_profile(record);
    rune_text *stacks = NULL;
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    assert_int_equal(profile->node_count, RN_PROFILE_NODES_MAX);
    assert_int_equal(rune_profile_spent(profile), rune_record_usage(record)->budget);
    assert_int_equal(rune_profile_stacks(profile, &stacks), RUNE_OK);
    assert_non_null(strstr(rune_text_data(stacks), "{others} "));
    rune_profile *sum = NULL;
    assert_int_equal(rune_profile_new(unit, &sum, NULL), RUNE_OK);
    assert_int_equal(rune_profile_add(sum, profile, NULL), RUNE_OK);
    assert_int_equal(rune_profile_add(sum, profile, NULL), RUNE_OK);
    assert_int_equal(sum->node_count, RN_PROFILE_NODES_MAX);
    assert_int_equal(rune_profile_spent(sum), 2 * rune_profile_spent(profile));
    rune_profile_free(sum);
    rune_text_free(stacks);
    rune_record_free(record);
    rune_value_unref(one);
    rune_vm_free(vm);
    rune_unit_unref(wide);
    unit = kept;
}

static void test_none_without_being_asked(void **state)
{
    (void)state;
    rune_vm *vm = NULL;
    rune_record *record = NULL;
    rune_profile_function function;
    rune_profile_line line;
    rune_text *text = NULL;
    rune_profile_report *report = NULL;
    assert_int_equal(rune_vm_new(supervisor, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, "turns", NULL, 0, NULL, &record, NULL), RUNE_OK);
    assert_null(rune_record_profile(record));
    assert_null(rune_record_profile(NULL));
    assert_int_equal(rune_profile_spent(NULL), 0);
    assert_int_equal(rune_profile_stacks(NULL, &text), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_profile_report_new(NULL, &report, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_false(rune_profile_report_function(NULL, 0, &function));
    assert_false(rune_profile_report_line(NULL, 0, &line));
    rune_profile_free(NULL);
    rune_profile_report_free(NULL);
    rune_record_free(record);
    rune_vm_free(vm);
}

/* Forms */

static enum rn_error receive(struct rune_profile *profile, uint32_t nodes,
                             const struct rn_profile_row *rows, size_t count)
{
    uint8_t bytes[8 * RN_PROFILE_ROW_SIZE];
    for (size_t i = 0; i < count; i++) {
        rn_profile_encode(&rows[i], bytes + i * RN_PROFILE_ROW_SIZE);
    }
    struct rn_message message = {.type = RN_MESSAGE_PROFILE,
                                 .body = bytes,
                                 .body_size = count * RN_PROFILE_ROW_SIZE,
                                 .as.PROFILE = {.nodes = nodes, .places = (uint32_t)count - nodes}};
    return rn_profile_receive(profile, &message);
}

static void refuse(uint32_t nodes, const struct rn_profile_row *rows, size_t count)
{
    rune_profile *profile = NULL;
    assert_int_equal(rune_profile_new(unit, &profile, NULL), RUNE_OK);
    assert_int_equal(receive(profile, nodes, rows, count), RN_E_MESSAGE_INVALID);
    rune_profile_free(profile);
}

#define ROOTS                                                                                      \
    {.key = 0, .other = RN_NONE},                                                                  \
    {                                                                                              \
        .key = 0, .other = RN_NONE                                                                 \
    }

static void test_lies(void **state)
{
    (void)state;
    uint32_t functions = unit->unit.counts[RN_SECTION_FUNCTIONS];
    uint32_t code = unit->unit.counts[RN_SECTION_CODE];
    const struct rn_profile_row own_parent[] = {ROOTS, {.key = 2, .other = 0}};
    const struct rn_profile_row no_function[] = {ROOTS, {.key = 0, .other = functions}};
    const struct rn_profile_row nameless[] = {ROOTS, {.key = 0, .other = RN_NONE}};
    const struct rn_profile_row named_root[] = {{.key = 0, .other = 0}};
    const struct rn_profile_row root_below[] = {{.key = 1, .other = RN_NONE}};
    const struct rn_profile_row beyond[] = {{.key = code}};
    const struct rn_profile_row twice[] = {{.key = 3}, {.key = 3}};
    const struct rn_profile_row falling[] = {{.key = 3}, {.key = 2}};
    const struct rn_profile_row padded[] = {{.key = 3, .other = 1}};
    const struct rn_profile_row on_path[] = {
        ROOTS, {.key = 0, .other = 0}, {.key = 2, .other = 1}, {.key = 3, .other = 0}};
    const struct rn_profile_row of_others[] = {ROOTS, {.key = 1, .other = 0}};
    refuse(5, on_path, 5);
    refuse(3, of_others, 3);
    refuse(3, own_parent, 3);
    refuse(3, no_function, 3);
    refuse(3, nameless, 3);
    refuse(1, named_root, 1);
    refuse(1, root_below, 1);
    refuse(0, beyond, 1);
    refuse(0, twice, 2);
    refuse(0, falling, 2);
    refuse(0, padded, 1);
    refuse(0, falling, 0); // nothing at all: one packet after the other, for ever
}

static void test_packets_go_on_from_each_other(void **state)
{
    (void)state;
    rune_profile *profile = NULL;
    const struct rn_profile_row nodes[] = {ROOTS};
    const struct rn_profile_row place[] = {{.key = 3, .spent = 5, .times = 2}};
    const struct rn_profile_row lower[] = {{.key = 2}};
    assert_int_equal(rune_profile_new(unit, &profile, NULL), RUNE_OK);
    assert_int_equal(receive(profile, 2, nodes, 2), RN_OK);
    assert_int_equal(receive(profile, 0, place, 1), RN_OK);
    assert_int_equal(receive(profile, 0, lower, 1), RN_E_MESSAGE_INVALID);
    assert_int_equal(receive(profile, 1, &nodes[0], 1), RN_E_MESSAGE_INVALID); // nodes come first
    rune_profile_free(profile);
}

static void test_no_more_nodes_than_there_may_be(void **state)
{
    (void)state;
    rune_profile *profile = NULL;
    const struct rn_profile_row roots[] = {ROOTS};
    const struct rn_profile_row node = {.key = 0, .other = 0};
    assert_int_equal(rune_profile_new(unit, &profile, NULL), RUNE_OK);
    assert_int_equal(receive(profile, 2, roots, 2), RN_OK);
    for (uint32_t i = 2; i < RN_PROFILE_NODES_MAX; i++) {
        assert_int_equal(receive(profile, 1, &node, 1), RN_OK);
    }
    assert_int_equal(receive(profile, 1, &node, 1), RN_E_MESSAGE_INVALID);
    rune_profile_free(profile);
}

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_profile(options, true);
    assert_int_equal(rune_supervisor_new(options, &counting, NULL), RUNE_OK);
    rune_supervisor_options_free(options);
    unit = build_in(counting, source, false);
    return failed;
}

static int tear_down(void **state)
{
    rune_unit_unref(unit);
    rune_supervisor_free(counting);
    return harness_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_the_budget_is_found),
        cmocka_unit_test(test_instructions_add_up),
        cmocka_unit_test(test_functions_are_known_by_their_index),
        cmocka_unit_test(test_a_profile_is_the_same_twice),
        cmocka_unit_test(test_calls_and_lines),
        cmocka_unit_test(test_the_library_counts_where_it_was_called),
        cmocka_unit_test(test_the_library_counts_there_again_after_a_switch),
        cmocka_unit_test(test_it_is_one_or_the_other),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_failed_was_counted_too),
        cmocka_unit_test(test_profiles_add_up),
        cmocka_unit_test(test_two_units_do_not),
        cmocka_unit_test(test_paths_beyond_the_last),
        cmocka_unit_test(test_none_without_being_asked),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_packets_go_on_from_each_other),
        cmocka_unit_test(test_no_more_nodes_than_there_may_be),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
