/* Packets: what is encoded decodes to the same; what is not as the table says is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/message.h"

static uint8_t packet[RN_PACKET_MAX];

static struct rn_message result_message(const uint8_t *body, size_t size)
{
    return (struct rn_message){.type = RN_MESSAGE_RESULT,
                               .call = 0x1122334455667788u,
                               .body = body,
                               .body_size = size,
                               .as.RESULT = {.reason = 2,
                                             .kept = 1,
                                             .budget = 3,
                                             .memory_peak = 4,
                                             .output_bytes = 5,
                                             .host_calls = 6}};
}

static void test_single_packet_round_trip(void **state)
{
    (void)state;
    struct rn_message sent = result_message((const uint8_t *)"abc", 3);
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &sent);
    assert_int_equal(rn_outgoing_packets(&outgoing), 1);
    size_t size = rn_outgoing_packet(&outgoing, 7, packet);
    assert_true(rn_outgoing_sent(&outgoing));
    struct rn_message got;
    assert_int_equal(
        rn_message_decode((struct rn_wire_message){packet, size}, RN_FROM_WORKER, &got), RN_OK);
    assert_int_equal(got.type, RN_MESSAGE_RESULT);
    assert_int_equal(got.call, sent.call);
    assert_int_equal(got.sequence, 7);
    assert_true(got.first && got.last);
    assert_int_equal(got.body_total, 3);
    assert_memory_equal(got.body, "abc", 3);
    assert_memory_equal(&got.as.RESULT.reason, &sent.as.RESULT.reason, 8);
    assert_int_equal(got.as.RESULT.host_calls, 6);
}

/* Every row: all fields survive, and no byte may be missing or too many. */
static void test_every_row(void **state)
{
    (void)state;
    const struct rn_message_info *info;
    for (size_t i = 0; (info = rn_message_info_at(i)) != NULL; i++) {
        struct rn_message message = {.type = info->type, .call = 9};
        memset(&message.as, 0x5a, info->fields_size);
        struct rn_outgoing outgoing;
        rn_outgoing_init(&outgoing, &message);
        size_t size = rn_outgoing_packet(&outgoing, 0, packet);
        assert_int_equal(size, RN_MESSAGE_HEADER_SIZE + info->fields_size);
        struct rn_message got;
        assert_int_equal(
            rn_message_decode((struct rn_wire_message){packet, size}, info->direction, &got),
            RN_OK);
        for (int direction = RN_TO_WORKER; direction < RN_DIRECTION_COUNT; direction++) {
            enum rn_error error = rn_message_decode((struct rn_wire_message){packet, size},
                                                    (enum rn_direction)direction, &got);
            assert_int_equal(error,
                             direction == (int)info->direction ? RN_OK : RN_E_MESSAGE_INVALID);
        }
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(
                rn_message_decode((struct rn_wire_message){packet, cut}, info->direction, &got),
                RN_E_MESSAGE_INVALID);
        }
        packet[size] = 0;
        assert_int_equal(
            rn_message_decode((struct rn_wire_message){packet, size + 1}, info->direction, &got),
            RN_E_MESSAGE_INVALID);
    }
}

static void test_fragments_add_up(void **state)
{
    (void)state;
    static uint8_t body[200000];
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)(i * 7);
    }
    struct rn_message sent = result_message(body, sizeof(body));
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &sent);
    size_t packets = rn_outgoing_packets(&outgoing);
    size_t at = 0;
    for (uint32_t i = 0;; i++) {
        size_t size = rn_outgoing_packet(&outgoing, i, packet);
        struct rn_message got;
        assert_int_equal(
            rn_message_decode((struct rn_wire_message){packet, size}, RN_FROM_WORKER, &got), RN_OK);
        assert_int_equal(got.first, i == 0);
        assert_int_equal(got.body_total, i == 0 ? sizeof(body) : 0);
        assert_memory_equal(got.body, body + at, got.body_size);
        at += got.body_size;
        assert_int_equal(got.last, at == sizeof(body));
        if (rn_outgoing_sent(&outgoing)) {
            assert_int_equal(i + 1, packets);
            break;
        }
    }
    assert_int_equal(at, sizeof(body));
}

/* One byte of the header changed: refused, or one of the fields that may vary. */
static void test_header_checks(void **state)
{
    (void)state;
    struct rn_message sent = result_message((const uint8_t *)"abc", 3);
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &sent);
    size_t size = rn_outgoing_packet(&outgoing, 0, packet);
    static const size_t checked[] = {0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23};
    for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
        struct rn_message got;
        packet[checked[i]] ^= 0x80;
        assert_int_equal(
            rn_message_decode((struct rn_wire_message){packet, size}, RN_FROM_WORKER, &got),
            RN_E_MESSAGE_INVALID);
        packet[checked[i]] ^= 0x80;
    }
}

static void test_body_beyond_maximum(void **state)
{
    (void)state;
    struct rn_message got;
    struct rn_message sent = result_message((const uint8_t *)"abc", 3);
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, &sent);
    size_t size = rn_outgoing_packet(&outgoing, 0, packet);
    uint32_t total = RN_RESULT_BODY_MAX;
    packet[4] = 1; // FIRST without LAST
    memcpy(packet + 20, &total, 4);
    assert_int_equal(
        rn_message_decode((struct rn_wire_message){packet, size}, RN_FROM_WORKER, &got), RN_OK);
    total++;
    memcpy(packet + 20, &total, 4);
    assert_int_equal(
        rn_message_decode((struct rn_wire_message){packet, size}, RN_FROM_WORKER, &got),
        RN_E_MESSAGE_INVALID);
}

/* A packet by hand: no fields, a body of zeros. */
static enum rn_error decode_bare(enum rn_message_type type, unsigned flags, uint32_t total,
                                 size_t body)
{
    static uint8_t bytes[RN_PACKET_MAX + 1];
    struct rn_buf out;
    rn_buf_init_fixed(&out, bytes, sizeof(bytes));
    rn_buf_append_u16(&out, RN_MESSAGE_VERSION);
    rn_buf_append_u16(&out, (uint16_t)type);
    rn_buf_append_u16(&out, (uint16_t)flags);
    rn_buf_append_u16(&out, 0);
    rn_buf_append_u64(&out, 9);
    rn_buf_append_u32(&out, 0);
    rn_buf_append_u32(&out, total);
    struct rn_message got;
    struct rn_wire_message wire = {bytes, RN_MESSAGE_HEADER_SIZE + body};
    return rn_message_decode(wire, rn_message_info(type)->direction, &got);
}

static void test_sizes_of_fragments(void **state)
{
    (void)state;
    enum {
        LATER = 0,
        FIRST = 1,
        LAST = 2,
        WHOLE = 3,
    };
    const size_t fields = rn_message_info(RN_MESSAGE_RESULT)->fields_size;
    const size_t most = RN_PACKET_MAX - RN_MESSAGE_HEADER_SIZE;
    const enum rn_error no = RN_E_MESSAGE_INVALID;
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, WHOLE, 5, fields + 5), RN_OK);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, WHOLE, 5, fields + 4), no);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, FIRST, 5, fields + 4), RN_OK);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, FIRST, 5, fields), no);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, FIRST, 5, fields + 5), no);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, LATER, 0, 5), RN_OK);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, LAST, 0, most), RN_OK);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, LAST, 0, most + 1), no);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, LAST, 5, 5), no);
    assert_int_equal(decode_bare(RN_MESSAGE_RESULT, LAST, 0, 0), no);
    // What has no body has no further packets.
    assert_int_equal(rn_message_info(RN_MESSAGE_CANCEL)->body_max, 0);
    assert_int_equal(decode_bare(RN_MESSAGE_CANCEL, LAST, 0, 5), no);
}

static void test_call_tags(void **state)
{
    (void)state;
    uint8_t storage[256];
    struct rn_buf out;
    struct rn_call_tags tags = {.present = 1u << RN_CALL_TAG_BUDGET | 1u << RN_CALL_TAG_SEED};
    tags.values[RN_CALL_TAG_BUDGET] = 1000;
    tags.values[RN_CALL_TAG_SEED] = UINT64_MAX;
    rn_buf_init_fixed(&out, storage, sizeof(storage));
    rn_call_tags_encode(&tags, &out);
    struct rn_call_tags got;
    assert_int_equal(rn_call_tags_decode(out.data, out.size, &got), RN_OK);
    assert_int_equal(got.present, tags.present);
    assert_int_equal(got.values[RN_CALL_TAG_BUDGET], 1000);
    assert_true(got.values[RN_CALL_TAG_SEED] == UINT64_MAX);
    for (size_t cut = 1; cut < 12; cut++) {
        assert_int_equal(rn_call_tags_decode(out.data, cut, &got), RN_E_MESSAGE_INVALID);
    }
    static const uint8_t unknown[] = {99, 0, 2, 0, 1, 2};
    assert_int_equal(rn_call_tags_decode(unknown, sizeof(unknown), &got), RN_OK);
    assert_int_equal(got.present, 0);
    static const uint8_t twice[] = {1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(rn_call_tags_decode(twice, sizeof(twice), &got), RN_E_MESSAGE_INVALID);
}

static void test_states_follow_the_table(void **state)
{
    (void)state;
    assert_true(rn_message_permitted(RN_MESSAGE_OUTPUT, RN_STATE_RUNNING));
    assert_false(rn_message_permitted(RN_MESSAGE_OUTPUT, RN_STATE_DONE));
    assert_false(rn_message_permitted(RN_MESSAGE_RESULT, RN_STATE_NONE));
    assert_true(rn_message_permitted(RN_MESSAGE_READY, RN_STATE_STARTING));
    assert_false(rn_message_permitted(RN_MESSAGE_READY, RN_STATE_READY));
    assert_false(rn_message_permitted((enum rn_message_type)0, RN_STATE_READY));
    assert_false(rn_message_permitted(RN_MESSAGE_READY, RN_STATE_COUNT));
    assert_null(rn_message_info(0));
    assert_null(rn_message_info(65535));
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < RN_STATE_COUNT; i++) {
        assert_string_not_equal(rn_state_name((enum rn_state)i), "unknown");
    }
    for (int i = 0; i < RN_DIRECTION_COUNT; i++) {
        assert_string_not_equal(rn_direction_name((enum rn_direction)i), "unknown");
    }
    assert_string_equal(rn_state_name(RN_STATE_COUNT), "unknown");
    assert_string_equal(rn_direction_name(RN_DIRECTION_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_packet_round_trip), cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_fragments_add_up),         cmocka_unit_test(test_header_checks),
        cmocka_unit_test(test_body_beyond_maximum),      cmocka_unit_test(test_call_tags),
        cmocka_unit_test(test_states_follow_the_table),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_sizes_of_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
