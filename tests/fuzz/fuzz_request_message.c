/* One packet to a worker or compiler: decodes to what encodes to the same bytes, or is refused. */
#include "shm/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct rn_message *message, const uint8_t *data, size_t size)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    if (!message->first || !message->last) {
        return;
    }
    rn_outgoing_init(&outgoing, message);
    size_t again = rn_outgoing_packet(&outgoing, message->sequence, packet);
    RN_CHECK(again == size && memcmp(packet, data, size) == 0);
}

static void expect_tags(const struct rn_message *message)
{
    struct rn_call_tags tags;
    if (message->type == RN_MESSAGE_CALL && message->first &&
        rn_call_tags_decode(message->body, message->body_size, &tags) == RN_OK) {
        RN_CHECK(tags.present < 1u << RN_CALL_TAG_END);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int direction = RN_TO_WORKER; direction < RN_DIRECTION_COUNT; direction++) {
        struct rn_message message;
        struct rn_wire_message wire = {data, size};
        if (rn_message_decode(wire, (enum rn_direction)direction, &message) == RN_OK) {
            RN_CHECK(message.body_size <= size);
            expect_same(&message, data, size);
            expect_tags(&message);
        }
    }
    return 0;
}
