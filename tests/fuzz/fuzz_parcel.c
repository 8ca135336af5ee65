/*
 * A packet of a socket that may claim to be a parcel: what passes the check is cut into packets that lie
 * within it, one behind the other up to its end, and packed again it is the same.
 */
#include <string.h>

#include "shm/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rn_parcel again;
    if (!rn_parcel_is(data, size) || rn_parcel_check(data, size) != RN_OK) {
        return 0;
    }
    rn_parcel_clear(&again);
    size_t offset = RN_PARCEL_START;
    while (offset < size) {
        size_t packet_size;
        size_t before = offset;
        const uint8_t *packet = rn_parcel_take(data, &offset, &packet_size);
        RN_CHECK(packet > data + before && packet_size > 0 &&
                 packet + packet_size == data + offset);
        RN_CHECK(rn_parcel_put(&again, packet, packet_size));
    }
    size_t again_size;
    const uint8_t *bytes = rn_parcel_bytes(&again, rn_parcel_cpu(data), &again_size);
    RN_CHECK(again_size == size && memcmp(bytes, data, size) == 0);
    return 0;
}
