/* const_cbor.c: narrow floats, and small tables of the encoding. */
#include "bytecode/const_cbor.h"

#include "bytecode/unit_layout.h"

#include <string.h>

uint32_t rn_range_bounds(uint32_t range_kind)
{
    static const uint8_t bounds[RN_RANGE_KIND_COUNT] = {
        [RN_RANGE_FULL] = 0,         [RN_RANGE_FROM] = 1,      [RN_RANGE_TO] = 1,
        [RN_RANGE_TO_INCLUSIVE] = 1, [RN_RANGE_HALF_OPEN] = 2, [RN_RANGE_INCLUSIVE] = 2,
    };
    RN_ASSERT(range_kind < RN_RANGE_KIND_COUNT);
    return bounds[range_kind];
}

bool rn_cbor_to_single(uint64_t bits, uint32_t *out_single)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    // Converting a finite double beyond the range of float would be undefined.
    if (value - value == 0 && (value > 3.4028234663852886e38 || value < -3.4028234663852886e38)) {
        return false;
    }
    float narrow = (float)value;
    if ((double)narrow != value) {
        return false;
    }
    memcpy(out_single, &narrow, sizeof(narrow));
    return true;
}

bool rn_cbor_to_half(uint64_t bits, uint16_t *out_half)
{
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000u);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    if ((bits << 1) == 0) {
        *out_half = sign;
        return true;
    }
    if (exponent == 1024) { // infinity
        *out_half = sign | 0x7c00u;
        return true;
    }
    if (exponent >= -14 && exponent <= 15) {
        *out_half = (uint16_t)(sign | (unsigned)(exponent + 15) << 10 | fraction >> 42);
        return (fraction & ((UINT64_C(1) << 42) - 1)) == 0;
    }
    if (exponent >= -24 && exponent < -14) {
        // Subnormal: the leading one becomes explicit and moves right.
        uint64_t mantissa = fraction | UINT64_C(1) << 52;
        unsigned shift = (unsigned)(42 - 14 - exponent);
        *out_half = (uint16_t)(sign | mantissa >> shift);
        return (mantissa & ((UINT64_C(1) << shift) - 1)) == 0;
    }
    return false;
}

double rn_cbor_from_half(uint16_t half)
{
    uint64_t sign = (uint64_t)(half & 0x8000u) << 48;
    unsigned exponent = half >> 10 & 0x1f;
    uint64_t fraction = half & 0x3ffu;
    uint64_t bits;
    if (exponent == 0) {
        // fraction * 2^-24, exact in a double.
        double magnitude = (double)fraction * 0x1p-24;
        memcpy(&bits, &magnitude, sizeof(bits));
    } else if (exponent == 0x1f) {
        bits = UINT64_C(0x7ff) << 52 | fraction << 42;
    } else {
        bits = (uint64_t)(exponent + 1023 - 15) << 52 | fraction << 42;
    }
    bits |= sign;
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

double rn_cbor_from_single(uint32_t single)
{
    float narrow;
    memcpy(&narrow, &single, sizeof(narrow));
    return (double)narrow;
}
