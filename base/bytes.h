/* bytes.h: numbers in bytes, little endian; the caller knows that there are so many of them. */
#ifndef RN_BASE_BYTES_H
#define RN_BASE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `width` is at most 8. Where it is constant this is one instruction, which a loop over bytes is not. */
static inline __attribute__((always_inline)) uint64_t rn_load_le(const uint8_t *bytes, size_t width)
{
    uint64_t value = 0;
    memcpy(&value, bytes, width);
    return le64toh(value);
}

/* The lowest `width` bytes of the value. */
static inline __attribute__((always_inline)) void rn_store_le(uint8_t *bytes, uint64_t value,
                                                              size_t width)
{
    value = htole64(value);
    memcpy(bytes, &value, width);
}

#endif
