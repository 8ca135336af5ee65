/* Scripts that were put together: places in their parts, and time that has passed already. */
#include <runeward/parts.h>
#include <runeward/timeline.h>

#include "tests/unit/supervisor/harness.h"

#include <string.h>
#include <time.h>

static rune_diagnostics *diagnose(const char *text, rune_unit **out_unit)
{
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_sources *sources = rune_sources_new();
    rune_options *options = rune_options_new();
    rune_options_set_script(options, true);
    assert_int_equal(rune_sources_insert_memory(sources, "whole", text, strlen(text), NULL),
                     RUNE_OK);
    (void)!rune_build(supervisor, sources, NULL, options, diagnostics, out_unit, NULL);
    rune_options_free(options);
    rune_sources_free(sources);
    return diagnostics;
}

static const rune_part parts[] = {{"one", 1, 1}, {"two", 2, 2}};

static void test_diagnostics_are_about_parts(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_diagnostics *diagnostics = diagnose("let a = 1;\n\nlet b = c;\nlet d = e;\n", &unit);
    rune_diagnostic at;
    rune_text *text = NULL;
    assert_null(unit);
    assert_int_equal(rune_diagnostics_set_parts(diagnostics, "other", parts, 2), RUNE_OK);
    const rune_part none = {"none", 0, 4};
    assert_int_equal(rune_diagnostics_set_parts(diagnostics, "whole", &none, 1),
                     RUNE_E_INVALID_ARGUMENT);
    assert_true(rune_diagnostics_at(diagnostics, 0, &at));
    assert_string_equal(at.source, "whole");
    assert_int_equal(rune_diagnostics_set_parts(diagnostics, "whole", parts, 2), RUNE_OK);
    assert_true(rune_diagnostics_at(diagnostics, 0, &at));
    assert_string_equal(at.source, "two");
    assert_int_equal(at.line, 2);
    assert_int_equal(at.column, 9);
    assert_int_equal(rune_diagnostics_render(diagnostics, false, &text), RUNE_OK);
    assert_non_null(strstr(rune_text_data(text), "two:2:9: error[E0402]"));
    assert_non_null(strstr(rune_text_data(text), "2 | let b = c;\n  |         ^"));
    rune_text_free(text);
    assert_true(rune_diagnostics_at(diagnostics, 1, &at));
    assert_string_equal(at.source, "whole"); // of no part
    assert_int_equal(at.line, 4);
    rune_diagnostics_free(diagnostics);
}

static void test_warnings_are_dropped(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_diagnostics *diagnostics = diagnose("fn f() {}\n;\nlet b = c;\n", &unit);
    rune_diagnostic at;
    assert_int_equal(rune_diagnostics_count(diagnostics), 2);
    rune_diagnostics_drop_warnings(diagnostics);
    assert_int_equal(rune_diagnostics_count(diagnostics), 1);
    assert_true(rune_diagnostics_at(diagnostics, 0, &at));
    assert_string_equal(at.code, "E0402");
    assert_true(rune_diagnostics_has_error(diagnostics));
    rune_diagnostics_free(diagnostics);
}

static rune_record *run(rune_unit *unit, rune_timeline *timeline, bool clock)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_call_options *options = rune_call_options_new();
    rune_record *record = NULL;
    rune_call_options_set_timeline(options, timeline);
    rune_call_options_set_clock(options, clock);
    rune_call_options_set_wait(options, true);
    assert_int_equal(rune_vm_call_record(vm, "", NULL, 0, options, &record, NULL), RUNE_OK);
    rune_call_options_free(options);
    rune_vm_free(vm);
    return record;
}

static void test_frames_are_about_parts(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_frame frame;
    rune_diagnostics_free(diagnose("let a = 1;\nlet b = 2;\npanic!(\"no\")\n", &unit));
    rune_record *record = run(unit, NULL, false);
    assert_int_equal(rune_record_set_parts(record, "whole", parts, 2), RUNE_OK);
    assert_true(rune_error_frame(rune_record_error(record), 0, &frame));
    assert_string_equal(frame.source, "two");
    assert_int_equal(frame.line, 2);
    rune_record_free(record);
    rune_unit_unref(unit);
}

/* The second call is told the moments of the first, and waits for none of them. */
static void test_time_passes_once(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_timeline *timeline = rune_timeline_new();
    rune_diagnostics_free(diagnose("let a = time::Instant::now();\n"
                                   "time::sleep(time::Duration::from_millis(300)).await;\n"
                                   "format!(\"{:?}\", a.elapsed())\n",
                                   &unit));
    rune_record *first = run(unit, timeline, true);
    size_t count = rune_timeline_count(timeline);
    rune_record *second = run(unit, timeline, true);
    assert_int_equal(rune_record_reason(first), RUNE_REASON_OK);
    assert_true(count > 0);
    assert_int_equal(rune_timeline_count(timeline), count);
    assert_true(rune_value_equal(rune_record_value(first), rune_record_value(second)));
    assert_true(rune_record_usage(first)->wall_us >= 300000);
    assert_true(rune_record_usage(second)->wall_us < 300000);
    rune_timeline_cut(timeline, 0);
    assert_int_equal(rune_timeline_count(timeline), 0);
    rune_record *third = run(unit, timeline, true);
    assert_false(rune_value_equal(rune_record_value(first), rune_record_value(third)));
    rune_record_free(third);
    rune_record_free(second);
    rune_record_free(first);
    rune_timeline_free(timeline);
    rune_unit_unref(unit);
}

static rune_unit *build_unit(const char *text)
{
    rune_unit *unit = NULL;
    rune_diagnostics_free(diagnose(text, &unit));
    return unit;
}

/* Only cutting to nothing forgets it. */
static void test_the_beginning_is_a_moment(void **state)
{
    (void)state;
    rune_unit *unit = build_unit("1\n");
    rune_timeline *timeline = rune_timeline_new();
    rune_record_free(run(unit, timeline, false));
    assert_int_equal(rune_timeline_count(timeline), 0); // it may read no clock
    rune_record_free(run(unit, timeline, true));
    assert_int_equal(rune_timeline_count(timeline), 1);
    rune_timeline_cut(timeline, 1);
    assert_int_equal(rune_timeline_count(timeline), 1);
    rune_timeline_cut(timeline, 0);
    assert_int_equal(rune_timeline_count(timeline), 0);
    rune_timeline_free(timeline);
    rune_unit_unref(unit);
}

/* A call that may read none is told of none, and does not make the beginning of one that may. */
static void test_a_timeline_gives_nobody_a_clock(void **state)
{
    (void)state;
    rune_unit *unit = build_unit("time::sleep(time::Duration::from_millis(20)).await;\n"
                                 "format!(\"{:?}\", time::Instant::now())\n");
    rune_timeline *timeline = rune_timeline_new();
    rune_record *clockless = run(unit, NULL, false);
    rune_record *first = run(unit, timeline, false);
    rune_record *clocked = run(unit, timeline, true);
    rune_record *last = run(unit, timeline, false);
    assert_int_equal(rune_record_reason(clocked), RUNE_REASON_OK);
    assert_true(rune_value_equal(rune_record_value(clockless), rune_record_value(first)));
    assert_true(rune_value_equal(rune_record_value(clockless), rune_record_value(last)));
    assert_false(rune_value_equal(rune_record_value(clockless), rune_record_value(clocked)));
    rune_record_free(last);
    rune_record_free(clocked);
    rune_record_free(first);
    rune_record_free(clockless);
    rune_timeline_free(timeline);
    rune_unit_unref(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagnostics_are_about_parts),
        cmocka_unit_test(test_warnings_are_dropped),
        cmocka_unit_test(test_frames_are_about_parts),
        cmocka_unit_test(test_time_passes_once),
        cmocka_unit_test(test_the_beginning_is_a_moment),
        cmocka_unit_test(test_a_timeline_gives_nobody_a_clock),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
