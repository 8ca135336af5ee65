/* Journals: what a first run notes, in which order a second one is given it, what differs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "supervisor/journal.h"

static _Atomic uint64_t total;

static struct rn_journal_made made(uint32_t number, uint64_t budget, const char *args)
{
    return (struct rn_journal_made){.number = number,
                                    .function = number % 3,
                                    .budget = budget,
                                    .args = (const uint8_t *)args,
                                    .args_size = strlen(args)};
}

static void add_call(struct rn_journal *journal, uint32_t number, const char *args)
{
    struct rn_journal_made call = made(number, number * 100, args);
    enum rn_divergence divergence = RN_OTHER_BUDGET;
    assert_false(rn_journal_match_call(journal, &call, &divergence));
    assert_int_equal(divergence, RN_SAME);
    assert_int_equal(rn_journal_add_call(journal, &call), RN_OK);
}

static void add_answer(struct rn_journal *journal, uint32_t number, const char *text)
{
    struct rn_step step = {.kind = RN_STEP_ANSWER,
                           .number = number,
                           .body = (const uint8_t *)text,
                           .size = strlen(text)};
    assert_int_equal(rn_journal_add_step(journal, &step), RN_OK);
}

static void expect_answer(struct rn_journal *journal, uint32_t number, const char *text)
{
    struct rn_step step;
    assert_true(rn_journal_next_step(journal, false, &step));
    assert_int_equal(step.kind, RN_STEP_ANSWER);
    assert_int_equal(step.number, number);
    assert_int_equal(step.size, strlen(text));
    assert_memory_equal(step.body, text, step.size);
    rn_journal_step_sent(journal);
}

/* Calls 1, 2 and 3; answers to 2 and 1, a wake-up between them; "ab" printed before 2, "c" after. */
static struct rn_journal *sample(void)
{
    struct rn_step step;
    struct rn_journal *journal = rn_journal_new(&total);
    assert_non_null(journal);
    add_call(journal, 1, "one");
    assert_int_equal(rn_journal_add_output(journal, 0, "ab", 2), RN_OK);
    add_call(journal, 2, "two");
    add_answer(journal, 2, "answer two");
    expect_answer(journal, 2, "answer two");
    step = (struct rn_step){.kind = RN_STEP_WAKE, .now_ns = 77};
    assert_int_equal(rn_journal_add_step(journal, &step), RN_OK);
    assert_true(rn_journal_next_step(journal, true, &step));
    rn_journal_step_sent(journal);
    add_answer(journal, 1, "");
    expect_answer(journal, 1, "");
    add_call(journal, 3, "three");
    assert_int_equal(rn_journal_add_output(journal, 1, "c", 1), RN_OK);
    assert_true(rn_journal_is_caught_up(journal));
    assert_true(total > 0);
    return journal;
}

static enum rn_divergence match(struct rn_journal *journal, const struct rn_journal_made *call)
{
    enum rn_divergence divergence = RN_SAME;
    assert_true(rn_journal_match_call(journal, call, &divergence));
    return divergence;
}

static enum rn_divergence print(struct rn_journal *journal, uint32_t stream, const char *text,
                                size_t known)
{
    size_t got;
    enum rn_divergence divergence =
        rn_journal_match_output(journal, stream, text, strlen(text), &got);
    assert_int_equal(got, known);
    return divergence;
}

static void test_the_same(void **state)
{
    (void)state;
    struct rn_step step;
    struct rn_journal *journal = sample();
    rn_journal_rewind(journal);
    assert_false(rn_journal_is_caught_up(journal));
    // J1: call 2 was not made yet, though the run waits for time.
    assert_false(rn_journal_next_step(journal, true, &step));
    assert_int_equal(rn_journal_next_call(journal), 2);
    struct rn_journal_made call = made(1, 100, "one");
    assert_int_equal(match(journal, &call), RN_SAME);
    assert_int_equal(print(journal, 0, "a", 1), RN_SAME);
    assert_int_equal(print(journal, 0, "b", 1), RN_SAME);
    call = made(2, 200, "two");
    assert_int_equal(match(journal, &call), RN_SAME);
    expect_answer(journal, 2, "answer two");
    assert_false(rn_journal_next_step(journal, false, &step));
    assert_true(rn_journal_next_step(journal, true, &step));
    assert_int_equal(step.kind, RN_STEP_WAKE);
    assert_int_equal(step.now_ns, 77);
    rn_journal_step_sent(journal);
    expect_answer(journal, 1, "");
    call = made(3, 300, "three");
    assert_int_equal(match(journal, &call), RN_SAME);
    assert_false(rn_journal_is_caught_up(journal));
    // One byte was delivered, the rest is new.
    assert_int_equal(print(journal, 1, "cd", 1), RN_SAME);
    assert_true(rn_journal_is_caught_up(journal));
    assert_int_equal(print(journal, 0, "new", 0), RN_SAME);
    rn_journal_free(journal);
    assert_int_equal(total, 0);
}

static void test_other_calls(void **state)
{
    (void)state;
    struct rn_journal *journal = sample();
    struct rn_journal_made call = made(1, 100, "one");
    rn_journal_rewind(journal);
    call.function = 2;
    assert_int_equal(match(journal, &call), RN_OTHER_FUNCTION);
    rn_journal_rewind(journal);
    call = made(1, 100, "onf");
    assert_int_equal(match(journal, &call), RN_OTHER_ARGUMENTS);
    rn_journal_rewind(journal);
    call = made(1, 101, "one");
    assert_int_equal(match(journal, &call), RN_OTHER_BUDGET);
    rn_journal_rewind(journal);
    call = made(1, 100, "one");
    assert_int_equal(match(journal, &call), RN_SAME);
    call = made(2, 200, "two");
    assert_int_equal(match(journal, &call), RN_OTHER_OUTPUT); // "ab" came before it
    rn_journal_free(journal);
}

static void test_other_output(void **state)
{
    (void)state;
    struct rn_journal *journal = sample();
    rn_journal_rewind(journal);
    assert_int_equal(print(journal, 0, "ax", 2), RN_OTHER_OUTPUT);
    rn_journal_rewind(journal);
    assert_int_equal(print(journal, 0, "a", 1), RN_SAME);
    assert_int_equal(print(journal, 0, "xyz", 1), RN_OTHER_OUTPUT);
    rn_journal_free(journal);
    // A host call that is new, before what was printed came again.
    journal = rn_journal_new(&total);
    enum rn_divergence divergence = RN_SAME;
    struct rn_journal_made call = made(1, 100, "one");
    assert_int_equal(rn_journal_add_output(journal, 0, "a", 1), RN_OK);
    rn_journal_rewind(journal);
    assert_false(rn_journal_match_call(journal, &call, &divergence));
    assert_int_equal(divergence, RN_OTHER_OUTPUT);
    rn_journal_free(journal);
}

static void test_bounds(void **state)
{
    (void)state;
    struct rn_journal *journal = sample();
    char *large = calloc(1, RN_JOURNAL_BYTES_MAX);
    struct rn_step step = {.kind = RN_STEP_ANSWER,
                           .number = 3,
                           .body = (const uint8_t *)large,
                           .size = RN_JOURNAL_BYTES_MAX};
    assert_int_equal(rn_journal_add_step(journal, &step), RN_E_TOO_LARGE);
    rn_journal_free(journal);
    assert_int_equal(total, 0);
    // All journals together.
    step.size = RN_JOURNAL_BYTES_MAX / 2;
    struct rn_journal *journals[64] = {NULL};
    size_t fit = 0;
    enum rn_error error = RN_OK;
    for (size_t i = 0; i < 64; i++) {
        journals[i] = rn_journal_new(&total);
        error = rn_journal_add_step(journals[i], &step);
        fit += error == RN_OK;
    }
    assert_int_equal(error, RN_E_TOO_LARGE);
    assert_int_equal(fit, RN_JOURNALS_BYTES_MAX / (RN_JOURNAL_BYTES_MAX / 2) - 1);
    for (size_t i = 0; i < 64; i++) {
        rn_journal_free(journals[i]);
    }
    assert_int_equal(total, 0);
    free(large);
}

static void test_texts(void **state)
{
    (void)state;
    for (int i = RN_SAME; i <= RN_ENDED_EARLY; i++) {
        for (int k = RN_SAME; k < i; k++) {
            assert_string_not_equal(rn_divergence_text((enum rn_divergence)i),
                                    rn_divergence_text((enum rn_divergence)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same),     cmocka_unit_test(test_other_calls),
        cmocka_unit_test(test_other_output), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
