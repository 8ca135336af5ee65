/* profile.c: see profile.h. */
#include "shm/profile.h"

#include "base/bytes.h"

void rn_profile_encode(const struct rn_profile_row *row, uint8_t out[RN_PROFILE_ROW_SIZE])
{
    rn_store_le(out, row->key, 4);
    rn_store_le(out + 4, row->other, 4);
    rn_store_le(out + 8, row->spent, 8);
    rn_store_le(out + 16, row->times, 8);
}

void rn_profile_decode(const uint8_t bytes[RN_PROFILE_ROW_SIZE], struct rn_profile_row *out_row)
{
    *out_row = (struct rn_profile_row){.key = (uint32_t)rn_load_le(bytes, 4),
                                       .other = (uint32_t)rn_load_le(bytes + 4, 4),
                                       .spent = rn_load_le(bytes + 8, 8),
                                       .times = rn_load_le(bytes + 16, 8)};
}

enum rn_error rn_profile_check(uint32_t nodes, uint32_t places, size_t size)
{
    uint64_t rows = (uint64_t)nodes + places;
    return rows > 0 && size == rows * RN_PROFILE_ROW_SIZE ? RN_OK : RN_E_MESSAGE_INVALID;
}
