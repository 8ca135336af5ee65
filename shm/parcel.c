/*
 * parcel.c: packing, checking, splitting.
 *
 * Trust: reads bytes from workers.
 */
#include "shm/parcel.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"

#define MARK_BYTES 2u
#define CPU_BYTES 2u
/* Of the size before each packet. */
#define SIZE_BYTES 2u

_Static_assert(RN_PARCEL_START == MARK_BYTES + CPU_BYTES, "the head");

bool rn_parcel_put(struct rn_parcel *parcel, const void *packet, size_t size)
{
    uint32_t at = parcel->size == 0 ? RN_PARCEL_START : parcel->size;
    RN_ASSERT(size > 0);
    if (size > RN_PARCEL_PACKET_MAX || size + SIZE_BYTES > RN_PARCEL_MAX - at) {
        return false;
    }
    rn_store_le(parcel->bytes + at, size, SIZE_BYTES);
    memcpy(parcel->bytes + at + SIZE_BYTES, packet, size);
    parcel->size = at + SIZE_BYTES + (uint32_t)size;
    parcel->count++;
    return true;
}

const uint8_t *rn_parcel_bytes(struct rn_parcel *parcel, uint32_t cpu, size_t *out_size)
{
    rn_store_le(parcel->bytes, RN_PARCEL_MARK, MARK_BYTES);
    rn_store_le(parcel->bytes + MARK_BYTES, cpu <= UINT16_MAX ? cpu : 0, CPU_BYTES);
    size_t skip = parcel->count == 1 ? RN_PARCEL_START + SIZE_BYTES : 0;
    *out_size = parcel->size - skip;
    return parcel->bytes + skip;
}

void rn_parcel_clear(struct rn_parcel *parcel)
{
    parcel->count = 0;
    parcel->size = 0;
}

bool rn_parcel_is(const uint8_t *bytes, size_t size)
{
    return size >= MARK_BYTES && rn_load_le(bytes, MARK_BYTES) == RN_PARCEL_MARK;
}

enum rn_error rn_parcel_check(const uint8_t *bytes, size_t size)
{
    struct rn_cursor cursor;
    uint32_t count = 0;
    rn_cursor_init(&cursor, bytes, size);
    (void)rn_cursor_bytes(&cursor, RN_PARCEL_START);
    while (rn_cursor_left(&cursor) > 0) {
        uint16_t packet = rn_cursor_u16(&cursor);
        (void)rn_cursor_bytes(&cursor, packet);
        if (packet == 0 || packet > RN_PARCEL_PACKET_MAX) {
            return RN_E_MESSAGE_INVALID;
        }
        count++;
    }
    bool whole = rn_cursor_status(&cursor) == RN_OK && size <= RN_PARCEL_MAX;
    return whole && count > 1 ? RN_OK : RN_E_MESSAGE_INVALID;
}

uint32_t rn_parcel_cpu(const uint8_t *bytes)
{
    return (uint32_t)rn_load_le(bytes + MARK_BYTES, CPU_BYTES);
}

const uint8_t *rn_parcel_take(const uint8_t *bytes, size_t *offset, size_t *out_size)
{
    const uint8_t *packet = bytes + *offset + SIZE_BYTES;
    *out_size = (size_t)rn_load_le(bytes + *offset, SIZE_BYTES);
    *offset += SIZE_BYTES + *out_size;
    return packet;
}
