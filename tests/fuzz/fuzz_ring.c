/*
 * A half of a ring as a worker may leave it: the first bytes are its words, the rest its data. What
 * the consumer takes lies within the ring, and the consumer never goes past the claimed end.
 */
#include <string.h>

#include "shm/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_ring_half half;
    static uint8_t taken[RN_RING_PACKET_MAX];
    uint32_t words[2] = {0};
    memset(&half, 0, sizeof(half));
    memcpy(words, data, size < sizeof(words) ? size : sizeof(words));
    size_t skip = size < sizeof(words) ? size : sizeof(words);
    size_t rest = size - skip < RN_RING_BYTES ? size - skip : RN_RING_BYTES;
    memcpy(half.data, data + skip, rest);
    struct rn_ring_end head = {words[0] & ~7u, words[0] & ~7u};
    atomic_store(&half.tail, words[1]);
    struct rn_ring_packet packet;
    while (rn_ring_peek(&half, &head, &packet) == RN_OK && packet.present) {
        uint32_t left = words[1] - head.at;
        RN_CHECK(packet.size > 0 && packet.size <= RN_RING_PACKET_MAX && packet.size < left);
        rn_ring_take(&half, &head, &packet, taken);
        RN_CHECK(words[1] - head.at < left);
    }
    return 0;
}
