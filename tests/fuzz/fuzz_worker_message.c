/*
 * Packets of a worker, one after another, each with its size in front: decoded, fed to the state
 * machine of a call, and their bodies to the decoder of errors. What passes keeps S1 to S10.
 */
#include "base/cursor.h"
#include "shm/call_state.h"
#include "shm/fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX 1000u
#define RESULT_MAX 100000u
#define HOST_CALL_MAX 50000u
#define HOST_CALLS_MAX 20u

static void check(const struct rn_call_state *before, const struct rn_call_state *after,
                  const struct rn_message *message)
{
    RN_CHECK(after->sequence == before->sequence + 1);
    RN_CHECK(after->credit <= before->credit && before->credit - after->credit <= 1);
    RN_CHECK(after->output_left <= before->output_left);
    RN_CHECK(after->host_calls_out <= RN_HOST_CALLS_OUT_MAX);
    RN_CHECK(after->host_calls <= HOST_CALLS_MAX);
    RN_CHECK(before->state != RN_STATE_DONE);
    RN_CHECK((after->fragment != 0) == !message->last);
    RN_CHECK(after->fragment_left <= RESULT_MAX);
    if (message->type == RN_MESSAGE_RESULT && message->first && message->last) {
        struct rn_fault fault;
        (void)!rn_fault_decode(message->body, message->body_size, &fault);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_cursor cursor;
    struct rn_call_state state;
    rn_cursor_init(&cursor, data, size);
    rn_call_state_start(&state, 8,
                        &(struct rn_call_state_limits){.output_max = OUTPUT_MAX,
                                                       .result_max = RESULT_MAX,
                                                       .host_call_max = HOST_CALL_MAX,
                                                       .host_calls_max = HOST_CALLS_MAX});
    while (rn_cursor_left(&cursor) > 2) {
        size_t want = rn_cursor_u16(&cursor);
        size_t have = rn_cursor_left(&cursor);
        struct rn_wire_message wire = {.size = want < have ? want : have};
        wire.bytes = rn_cursor_bytes(&cursor, wire.size);
        struct rn_message message;
        if (rn_message_decode(wire, RN_FROM_WORKER, &message) != RN_OK) {
            continue;
        }
        struct rn_call_state before = state;
        if (rn_call_state_receive(&state, &message) != RN_OK) {
            break;
        }
        check(&before, &state, &message);
        if (state.host_calls_out > 0 && (state.sequence & 3) == 0) {
            rn_call_state_replied(&state);
        }
    }
    struct rn_fault fault;
    if (rn_fault_decode(data, size, &fault) == RN_OK) {
        uint8_t storage[RN_FAULT_SIZE_MAX];
        struct rn_buf out;
        rn_buf_init_fixed(&out, storage, sizeof(storage));
        rn_fault_encode(&fault, &out);
        RN_CHECK(rn_buf_status(&out) == RN_OK && out.size == size);
    }
    return 0;
}
