/* const_cbor.h: the numbers of RFC 8949 that writer and reader share. */
#ifndef RN_BYTECODE_CONST_CBOR_H
#define RN_BYTECODE_CONST_CBOR_H

#include "bytecode/const_value.h"

enum rn_cbor_major {
    RN_CBOR_UINT,
    RN_CBOR_NEGATIVE,
    RN_CBOR_BYTES,
    RN_CBOR_TEXT,
    RN_CBOR_ARRAY,
    RN_CBOR_MAP,
    RN_CBOR_TAG,
    RN_CBOR_SIMPLE,
};

/* Low five bits of a head: below, the value itself; these, that many bytes follow. */
enum {
    RN_CBOR_WIDTH_1 = 24,
    RN_CBOR_WIDTH_2 = 25,
    RN_CBOR_WIDTH_4 = 26,
    RN_CBOR_WIDTH_8 = 27,
};

enum {
    RN_CBOR_FALSE = 0xf4,
    RN_CBOR_TRUE = 0xf5,
    RN_CBOR_NULL = 0xf6,
    RN_CBOR_HALF = 0xf9,
    RN_CBOR_SINGLE = 0xfa,
    RN_CBOR_DOUBLE = 0xfb,
    RN_CBOR_HALF_NAN = 0x7e00,
};

/* Bounds that a range of a kind has: 0, 1 or 2. `range_kind` < RN_RANGE_KIND_COUNT. */
uint32_t rn_range_bounds(uint32_t range_kind);

/* From the bits of a double that is not NaN, if nothing is lost. */
bool rn_cbor_to_half(uint64_t bits, uint16_t *out_half);
bool rn_cbor_to_single(uint64_t bits, uint32_t *out_single);
/* Always exact. */
double rn_cbor_from_half(uint16_t half);
double rn_cbor_from_single(uint32_t single);

#endif
