/* call_state.c: the state machine of one call; see the head of call_state.h for S1 to S10. */
#include "shm/call_state.h"

void rn_call_state_start(struct rn_call_state *state, uint32_t credit,
                         const struct rn_call_state_limits *limits)
{
    *state = (struct rn_call_state){.state = RN_STATE_RUNNING,
                                    .credit = credit,
                                    .sleeps_left = 1,
                                    .output_left = limits->output_max,
                                    .host_calls_left = limits->host_calls_max,
                                    .result_max = limits->result_max,
                                    .host_call_max = limits->host_call_max};
}

static enum rn_error check_order(const struct rn_call_state *state,
                                 const struct rn_message *message)
{
    if (!rn_message_permitted(message->type, state->state)) {
        return RN_E_MESSAGE_STATE; // S1, S6
    }
    if (message->sequence != state->sequence) {
        return RN_E_MESSAGE_STATE; // S2
    }
    if (message->first != (state->fragment == 0)) {
        return RN_E_MESSAGE_STATE; // S3
    }
    return message->first || message->type == state->fragment ? RN_OK : RN_E_MESSAGE_STATE;
}

static enum rn_error check_size(struct rn_call_state *state, const struct rn_message *message)
{
    if (message->first) {
        bool fits = message->type == RN_MESSAGE_RESULT
                        ? message->body_total <= state->result_max
                        : message->type != RN_MESSAGE_HOST_CALL ||
                              message->body_total <= state->host_call_max;
        if (!fits) {
            return RN_E_TOO_LARGE; // S8
        }
        state->fragment_left = message->body_total;
    }
    if (message->body_size > state->fragment_left ||
        message->last != (message->body_size == state->fragment_left)) {
        return RN_E_MESSAGE_STATE; // S3
    }
    state->fragment_left -= (uint32_t)message->body_size;
    state->fragment = message->last ? 0 : message->type;
    return RN_OK;
}

static enum rn_error use_credit(struct rn_call_state *state, const struct rn_message *message)
{
    bool is_first_count = message->type == RN_MESSAGE_PROFILE && !state->counted;
    bool is_free = message->type == RN_MESSAGE_TRAP || is_first_count ||
                   (message->type == RN_MESSAGE_RESULT && message->first);
    state->counted = state->counted || is_first_count;
    if (is_free) {
        return RN_OK;
    }
    if (state->credit == 0) {
        return RN_E_NO_CREDIT; // S4
    }
    state->credit--;
    return RN_OK;
}

static enum rn_error count_output(struct rn_call_state *state, const struct rn_message *message)
{
    if (message->body_size > state->output_left) {
        return RN_E_TOO_LARGE; // S7
    }
    if (message->body_size == 0) {
        return RN_E_MESSAGE_INVALID; // S7
    }
    state->output_left -= message->body_size;
    return RN_OK;
}

static enum rn_error count_host_call(struct rn_call_state *state, const struct rn_message *message)
{
    if (message->first) {
        if (message->as.HOST_CALL.number != state->host_calls + 1 ||
            state->host_calls_out >= RN_HOST_CALLS_OUT_MAX || state->host_calls_left == 0) {
            return RN_E_MESSAGE_STATE; // S5
        }
        state->host_calls++;
        state->host_calls_left--;
    }
    if (message->last) {
        state->host_calls_out++;
        if (state->state == RN_STATE_RUNNING) {
            state->state = RN_STATE_HOST;
        }
    }
    return RN_OK;
}

static enum rn_error count_sleep(struct rn_call_state *state, const struct rn_message *message)
{
    uint32_t seen = message->as.SLEEP.seen;
    if (state->sleeps_left == 0 || seen > state->replies) {
        return RN_E_MESSAGE_STATE; // S9, S10
    }
    state->sleeps_left--;
    state->sleep_out = seen == state->replies;
    return RN_OK;
}

enum rn_error rn_call_state_receive(struct rn_call_state *state, const struct rn_message *message)
{
    RN_TRY(check_order(state, message));
    RN_TRY(check_size(state, message));
    RN_TRY(use_credit(state, message));
    state->sequence++;
    if (message->type == RN_MESSAGE_OUTPUT) {
        return count_output(state, message);
    }
    if (message->type == RN_MESSAGE_HOST_CALL) {
        return count_host_call(state, message);
    }
    if (message->type == RN_MESSAGE_SLEEP) {
        return count_sleep(state, message);
    }
    if (message->type == RN_MESSAGE_RESULT && message->last) {
        state->state = RN_STATE_DONE;
    }
    return RN_OK;
}

void rn_call_state_grant(struct rn_call_state *state, uint32_t packets)
{
    RN_ASSERT(state->credit <= UINT32_MAX - packets);
    state->credit += packets;
}

void rn_call_state_replied(struct rn_call_state *state)
{
    RN_CHECK(state->host_calls_out > 0);
    state->host_calls_out--;
    state->replies++;
    rn_call_state_woken(state);
    if (state->host_calls_out == 0 && state->state == RN_STATE_HOST) {
        state->state = RN_STATE_RUNNING;
    }
}

void rn_call_state_woken(struct rn_call_state *state)
{
    state->sleeps_left += state->sleeps_left < UINT32_MAX;
    state->sleep_out = false;
}

void rn_call_state_cancel(struct rn_call_state *state)
{
    if (state->state == RN_STATE_RUNNING || state->state == RN_STATE_HOST) {
        state->state = RN_STATE_CANCELLING;
    }
}
