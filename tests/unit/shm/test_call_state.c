/* The state machine of a call: S1 to S10 of shm/call_state.h, each by what it lets pass and refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/call_state.h"

#define CREDIT 4u
#define OUTPUT_MAX 100u
#define RESULT_MAX 1000u
#define HOST_CALL_MAX 500u
#define HOST_CALLS_MAX 300u

static struct rn_call_state started(void)
{
    struct rn_call_state state;
    rn_call_state_start(&state, CREDIT,
                        &(struct rn_call_state_limits){.output_max = OUTPUT_MAX,
                                                       .result_max = RESULT_MAX,
                                                       .host_call_max = HOST_CALL_MAX,
                                                       .host_calls_max = HOST_CALLS_MAX});
    return state;
}

static struct rn_message output(uint32_t sequence, size_t size)
{
    return (struct rn_message){.type = RN_MESSAGE_OUTPUT,
                               .first = true,
                               .last = true,
                               .sequence = sequence,
                               .body_total = (uint32_t)size,
                               .body_size = size};
}

static struct rn_message host_call(uint32_t sequence, uint32_t number)
{
    return (struct rn_message){.type = RN_MESSAGE_HOST_CALL,
                               .first = true,
                               .last = true,
                               .sequence = sequence,
                               .as.HOST_CALL = {.number = number}};
}

static struct rn_message result(uint32_t sequence, size_t size)
{
    return (struct rn_message){.type = RN_MESSAGE_RESULT,
                               .first = true,
                               .last = true,
                               .sequence = sequence,
                               .body_total = (uint32_t)size,
                               .body_size = size};
}

static enum rn_error receive(struct rn_call_state *state, struct rn_message message)
{
    return rn_call_state_receive(state, &message);
}

/* Said by a worker that is about to die, whatever it owes. */
static void test_s4_traps_need_no_credit(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    struct rn_message trap = {.type = RN_MESSAGE_TRAP, .first = true, .last = true};
    for (uint32_t i = 0; i < CREDIT; i++) {
        assert_int_equal(receive(&state, output(i, 1)), RN_OK);
    }
    assert_int_equal(state.credit, 0);
    trap.sequence = CREDIT;
    assert_int_equal(receive(&state, trap), RN_OK);
    assert_int_equal(receive(&state, result(CREDIT + 1, 1)), RN_OK);
    trap.sequence = CREDIT + 2;
    assert_int_equal(receive(&state, trap), RN_E_MESSAGE_STATE);
}

static void test_a_plain_call(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, output(0, 10)), RN_OK);
    assert_int_equal(receive(&state, result(1, 5)), RN_OK);
    assert_int_equal(state.state, RN_STATE_DONE);
}

static void test_s1_messages_of_others(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    struct rn_message ready = {.type = RN_MESSAGE_READY, .first = true, .last = true};
    assert_int_equal(receive(&state, ready), RN_E_MESSAGE_STATE);
}

static void test_s2_sequence(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, output(1, 1)), RN_E_MESSAGE_STATE);
    state = started();
    assert_int_equal(receive(&state, output(0, 1)), RN_OK);
    assert_int_equal(receive(&state, output(0, 1)), RN_E_MESSAGE_STATE);
}

static void test_s3_fragments(void **test)
{
    (void)test;
    struct rn_message first = result(0, 10);
    first.body_total = 30;
    first.last = false;
    struct rn_message second = {
        .type = RN_MESSAGE_RESULT, .last = true, .sequence = 1, .body_size = 20};
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, first), RN_OK);
    assert_int_equal(receive(&state, second), RN_OK);
    assert_int_equal(state.state, RN_STATE_DONE);

    state = started();
    assert_int_equal(receive(&state, first), RN_OK);
    assert_int_equal(receive(&state, output(1, 1)), RN_E_MESSAGE_STATE);

    state = started();
    assert_int_equal(receive(&state, second), RN_E_MESSAGE_STATE);

    second.body_size = 21;
    state = started();
    assert_int_equal(receive(&state, first), RN_OK);
    assert_int_equal(receive(&state, second), RN_E_MESSAGE_STATE);

    second.body_size = 19; // LAST, but bytes are missing
    state = started();
    assert_int_equal(receive(&state, first), RN_OK);
    assert_int_equal(receive(&state, second), RN_E_MESSAGE_STATE);

    second.body_size = 20;
    second.type = RN_MESSAGE_HOST_CALL;
    state = started();
    assert_int_equal(receive(&state, first), RN_OK);
    assert_int_equal(receive(&state, second), RN_E_MESSAGE_STATE);
}

static void test_s4_credit(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    for (uint32_t i = 0; i < CREDIT; i++) {
        assert_int_equal(receive(&state, output(i, 1)), RN_OK);
    }
    struct rn_call_state without = state;
    assert_int_equal(receive(&without, output(CREDIT, 1)), RN_E_NO_CREDIT);
    without = state;
    assert_int_equal(receive(&without, result(CREDIT, 1)), RN_OK);
    rn_call_state_grant(&state, 1);
    assert_int_equal(receive(&state, output(CREDIT, 1)), RN_OK);
    assert_int_equal(receive(&state, host_call(CREDIT + 1, 1)), RN_E_NO_CREDIT);
}

static void test_s5_host_calls(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, host_call(0, 2)), RN_E_MESSAGE_STATE);
    state = started();
    assert_int_equal(receive(&state, host_call(0, 1)), RN_OK);
    assert_int_equal(state.state, RN_STATE_HOST);
    assert_int_equal(receive(&state, host_call(1, 1)), RN_E_MESSAGE_STATE);
    state = started();
    assert_int_equal(receive(&state, host_call(0, 1)), RN_OK);
    rn_call_state_replied(&state);
    assert_int_equal(state.state, RN_STATE_RUNNING);
    assert_int_equal(receive(&state, host_call(1, 2)), RN_OK);
}

static void test_s5_too_many_out(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    rn_call_state_grant(&state, 1000);
    for (uint32_t i = 0; i < RN_HOST_CALLS_OUT_MAX; i++) {
        assert_int_equal(receive(&state, host_call(i, i + 1)), RN_OK);
    }
    assert_int_equal(receive(&state, host_call(RN_HOST_CALLS_OUT_MAX, RN_HOST_CALLS_OUT_MAX + 1)),
                     RN_E_MESSAGE_STATE);
}

static void test_s5_no_more_than_the_limit(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    for (uint32_t i = 0; i < HOST_CALLS_MAX; i++) {
        assert_int_equal(receive(&state, host_call(i, i + 1)), RN_OK);
        rn_call_state_replied(&state);
        rn_call_state_grant(&state, 1);
    }
    assert_int_equal(receive(&state, host_call(HOST_CALLS_MAX, HOST_CALLS_MAX + 1)),
                     RN_E_MESSAGE_STATE);
}

static void test_s6_nothing_after_the_result(void **test)
{
    (void)test;
    struct rn_message late[] = {output(1, 1), host_call(1, 1), result(1, 1)};
    for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
        struct rn_call_state state = started();
        assert_int_equal(receive(&state, result(0, 1)), RN_OK);
        assert_int_equal(receive(&state, late[i]), RN_E_MESSAGE_STATE);
    }
}

static void test_s7_output(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, output(0, OUTPUT_MAX)), RN_OK);
    assert_int_equal(receive(&state, output(1, 1)), RN_E_TOO_LARGE);
}

static void test_s7_empty_output(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, output(0, 0)), RN_E_MESSAGE_INVALID);
}

static struct rn_message go_to_sleep(uint32_t sequence)
{
    return (struct rn_message){
        .type = RN_MESSAGE_SLEEP, .first = true, .last = true, .sequence = sequence};
}

static void test_s9_sleeps(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, go_to_sleep(0)), RN_OK);
    struct rn_call_state again = state;
    assert_int_equal(receive(&again, go_to_sleep(1)), RN_E_MESSAGE_STATE);
    again = state;
    rn_call_state_woken(&again);
    assert_int_equal(receive(&again, go_to_sleep(1)), RN_OK);
    // The answer of a host call may change what is waited for.
    assert_int_equal(receive(&state, host_call(1, 1)), RN_OK);
    rn_call_state_replied(&state);
    assert_int_equal(receive(&state, go_to_sleep(2)), RN_OK);
    assert_int_equal(receive(&state, go_to_sleep(3)), RN_E_MESSAGE_STATE);
}

static void test_s10_answers_make_sleeps_void(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    struct rn_message sleep = go_to_sleep(1);
    rn_call_state_grant(&state, 8);
    assert_int_equal(receive(&state, host_call(0, 1)), RN_OK);
    assert_int_equal(receive(&state, sleep), RN_OK);
    assert_true(state.sleep_out);
    rn_call_state_replied(&state);
    assert_false(state.sleep_out);
    // It had not seen the answer yet.
    sleep.sequence = 2;
    assert_int_equal(receive(&state, sleep), RN_OK);
    assert_false(state.sleep_out);
    rn_call_state_woken(&state);
    sleep.sequence = 3;
    sleep.as.SLEEP.seen = 1;
    assert_int_equal(receive(&state, sleep), RN_OK);
    assert_true(state.sleep_out);
    rn_call_state_woken(&state);
    assert_false(state.sleep_out);
    // An answer that nobody gave.
    sleep.sequence = 4;
    sleep.as.SLEEP.seen = 2;
    assert_int_equal(receive(&state, sleep), RN_E_MESSAGE_STATE);
}

static void test_s8_bodies(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, result(0, RESULT_MAX)), RN_OK);
    state = started();
    assert_int_equal(receive(&state, result(0, RESULT_MAX + 1)), RN_E_TOO_LARGE);
    struct rn_message large = host_call(0, 1);
    large.last = false;
    large.body_size = 1;
    large.body_total = HOST_CALL_MAX + 1;
    state = started();
    assert_int_equal(receive(&state, large), RN_E_TOO_LARGE);
}

static void test_cancelling(void **test)
{
    (void)test;
    struct rn_call_state state = started();
    assert_int_equal(receive(&state, host_call(0, 1)), RN_OK);
    rn_call_state_cancel(&state);
    assert_int_equal(state.state, RN_STATE_CANCELLING);
    // What was under way before the worker saw the cancel still comes.
    assert_int_equal(receive(&state, output(1, 1)), RN_OK);
    assert_int_equal(receive(&state, host_call(2, 2)), RN_OK);
    assert_int_equal(state.state, RN_STATE_CANCELLING);
    assert_int_equal(receive(&state, result(3, 1)), RN_OK);
    rn_call_state_cancel(&state);
    assert_int_equal(state.state, RN_STATE_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_call),
        cmocka_unit_test(test_s1_messages_of_others),
        cmocka_unit_test(test_s2_sequence),
        cmocka_unit_test(test_s3_fragments),
        cmocka_unit_test(test_s4_credit),
        cmocka_unit_test(test_s5_host_calls),
        cmocka_unit_test(test_s5_too_many_out),
        cmocka_unit_test(test_s5_no_more_than_the_limit),
        cmocka_unit_test(test_s6_nothing_after_the_result),
        cmocka_unit_test(test_s7_output),
        cmocka_unit_test(test_s7_empty_output),
        cmocka_unit_test(test_s9_sleeps),
        cmocka_unit_test(test_s8_bodies),
        cmocka_unit_test(test_s10_answers_make_sleeps_void),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_s4_traps_need_no_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
