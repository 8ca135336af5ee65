/*
 * A worker that tried a forbidden system call, run again where that is named: the call, its arguments, the
 * script's line. What diagnoses serves for nothing else.
 */
#include "tests/unit/supervisor/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char source[] =
    "fn inner(text) {\n"
    "    println!(\"encodes\");\n"
    "    base64::encode(b\"abc\")\n" // line 3
    "}\n"
    "pub fn direct() { let n = host::double(4); inner(`${n}`) }\n"
    "pub fn mapped() { [\"a\"].iter().map(|t| base64::encode(b\"abc\")).collect::<Vec>() }\n"
    "pub fn spins() { loop {} }\n";

static rune_status start(const char *helpers, bool diagnose, rune_supervisor **out,
                         rune_error **error)
{
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_spares(options, 0);
    rune_supervisor_options_set_diagnose(options, diagnose);
    assert_int_equal(rune_supervisor_options_set_helpers(options, helpers), RUNE_OK);
    rune_status status = rune_supervisor_new(options, out, error);
    rune_supervisor_options_free(options);
    return status;
}

static rune_unit *compile(rune_supervisor *by)
{
    rune_unit *unit = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_int_equal(rune_sources_insert_memory(sources, "test.rn", source, strlen(source), NULL),
                     RUNE_OK);
    assert_int_equal(rune_build(by, sources, context, NULL, diagnostics, &unit, NULL), RUNE_OK);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return unit;
}

/* The file of a call whose worker breaks the wall. */
static rune_replay *keep(const char *item, const rune_limits *limits, rune_reason reason)
{
    rune_supervisor *broken;
    rune_vm *vm;
    rune_record *record;
    rune_text *bytes;
    rune_replay *replay;
    assert_int_equal(start(RN_FORBIDDEN_HELPERS, false, &broken, NULL), RUNE_OK);
    rune_unit *unit = compile(broken);
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_journal(options, true);
    if (limits) {
        assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    }
    assert_int_equal(rune_vm_new(broken, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    assert_int_equal(rune_vm_call_record(vm, item, NULL, 0, options, &record, NULL), RUNE_OK);
    assert_int_equal(rune_record_reason(record), reason);
    assert_int_equal(rune_record_journal(record, &bytes, NULL), RUNE_OK);
    assert_int_equal(rune_replay_load(rune_text_data(bytes), rune_text_size(bytes), &replay, NULL),
                     RUNE_OK);
    rune_text_free(bytes);
    rune_record_free(record);
    rune_call_options_free(options);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_supervisor_free(broken);
    return replay;
}

static rune_replay_result *run(rune_supervisor *by, const rune_replay *replay)
{
    rune_replay_result *result;
    assert_int_equal(rune_replay_run(by, replay, NULL, &result, NULL), RUNE_OK);
    return result;
}

static void expect_named(const char *item, const char *const functions[2], const uint32_t lines[2])
{
    rune_supervisor *by;
    rune_replay *replay = keep(item, NULL, RUNE_REASON_VIOLATION);
    assert_int_equal(start(RN_FORBIDDEN_HELPERS, true, &by, NULL), RUNE_OK);
    rune_replay_result *result = run(by, replay);
    const rune_record *record = rune_replay_result_record(result);
    const rune_error *error = rune_record_error(record);
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_SAME);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_VIOLATION);
    assert_string_equal(rune_error_kind(error), "seccomp");
    assert_non_null(strstr(rune_error_message(error), "openat(0xffffff9c, 0x"));
    assert_non_null(strstr(rune_error_message(error), ", 0x80000, 0x7,"));
    for (size_t i = 0; i < 2; i++) {
        rune_frame frame;
        assert_true(rune_error_frame(error, i, &frame));
        assert_string_equal(frame.function, functions[i]);
        assert_int_equal(frame.line, lines[i]);
    }
    rune_replay_result_free(result);
    rune_replay_free(replay);
    rune_supervisor_free(by);
}

static void test_the_call_is_named(void **state)
{
    (void)state;
    expect_named("direct", (const char *const[]){"inner", "direct"}, (const uint32_t[]){3, 5});
    expect_named("mapped", (const char *const[]){"mapped::$0::$0", "mapped"},
                 (const uint32_t[]){6, 6});
}

/* The production worker dies at once, and tells nothing. */
static void test_others_do_not_name_it(void **state)
{
    (void)state;
    rune_supervisor *by;
    rune_replay *replay = keep("direct", NULL, RUNE_REASON_VIOLATION);
    assert_int_equal(start(RN_FORBIDDEN_HELPERS, false, &by, NULL), RUNE_OK);
    rune_replay_result *result = run(by, replay);
    const rune_error *error = rune_record_error(rune_replay_result_record(result));
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_SAME);
    assert_null(strstr(rune_error_message(error), "openat"));
    assert_int_equal(rune_error_frame_count(error), 0);
    rune_replay_result_free(result);
    rune_supervisor_free(by);
    // A worker that is whole does not do it again.
    result = run(supervisor, replay);
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_AS_FAR);
    assert_int_equal(rune_record_reason(rune_replay_result_record(result)), RUNE_REASON_OK);
    rune_replay_result_free(result);
    rune_replay_free(replay);
}

/* Calls that break nothing are run like any other, and end within their limits. */
static void test_diagnosing_is_running(void **state)
{
    (void)state;
    rune_supervisor *by;
    rune_limits *limits = rune_limits_new();
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_BUDGET, 100000), RUNE_OK);
    rune_replay *replay = keep("spins", limits, RUNE_REASON_BUDGET);
    assert_int_equal(start(RN_HELPERS, true, &by, NULL), RUNE_OK);
    rune_replay_result *result = run(by, replay);
    assert_int_equal(rune_replay_result_verdict(result), RUNE_REPLAY_SAME);
    rune_replay_result_free(result);
    rune_supervisor_free(by);
    rune_replay_free(replay);
    rune_limits_free(limits);
}

static void test_diagnosing_serves_for_nothing_else(void **state)
{
    (void)state;
    rune_supervisor *by;
    rune_vm *vm;
    rune_unit *unit = build(source);
    assert_int_equal(start(RN_HELPERS, true, &by, NULL), RUNE_OK);
    assert_int_equal(rune_vm_new(by, runtime, unit, NULL, &vm, NULL), RUNE_E_UNSUPPORTED);
    rune_supervisor_free(by);
    rune_unit_unref(unit);
}

/* A folder in which one program stands under the name of the other. */
static void expect_refused(const char *program, const char *name, bool diagnose)
{
    char folder[] = "/tmp/runeward-swap-XXXXXX";
    char paths[2][128];
    rune_supervisor *by = NULL;
    rune_error *error = NULL;
    char target[512];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(paths[0], sizeof(paths[0]), "%s/%s", folder, name);
    (void)snprintf(target, sizeof(target), "%s/%s", RN_HELPERS, program);
    assert_int_equal(symlink(target, paths[0]), 0);
    (void)snprintf(paths[1], sizeof(paths[1]), "%s/runeward-compiler", folder);
    (void)snprintf(target, sizeof(target), "%s/runeward-compiler", RN_HELPERS);
    assert_int_equal(symlink(target, paths[1]), 0);
    assert_int_equal(start(folder, diagnose, &by, &error), RUNE_E_WALL_REFUSED);
    assert_string_equal(rune_error_kind(error), "seccomp");
    rune_error_free(error);
    assert_int_equal(unlink(paths[0]), 0);
    assert_int_equal(unlink(paths[1]), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_neither_stands_for_the_other(void **state)
{
    (void)state;
    expect_refused("runeward-worker-diagnose", "runeward-worker", false);
    expect_refused("runeward-worker", "runeward-worker-diagnose", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_call_is_named),
        cmocka_unit_test(test_others_do_not_name_it),
        cmocka_unit_test(test_diagnosing_is_running),
        cmocka_unit_test(test_diagnosing_serves_for_nothing_else),
        cmocka_unit_test(test_neither_stands_for_the_other),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
