#!/usr/bin/env python3
"""Prints base/float_powers.c: powers of ten as 128 significant bits, rounded down.

usage: tools/float_powers.py > base/float_powers.c
"""

FIRST, LAST = -342, 324


def significant_bits(exponent):
    """floor(10^exponent * 2^n) with the n that gives exactly 128 bits."""
    if exponent >= 0:
        power = 10**exponent
        excess = power.bit_length() - 128
        return power >> excess if excess > 0 else power << -excess
    divisor = 10**-exponent
    # A power of ten below one is never a power of two, so one of two widths fits.
    quotient = (1 << (divisor.bit_length() + 127)) // divisor
    return quotient if quotient.bit_length() == 128 else (1 << (divisor.bit_length() + 126)) // divisor


def main():
    print("/*\n * float_powers.c: made by tools/float_powers.py. Not edited by hand.\n */")
    print('// clang-format off\n#include "base/float_powers.h"\n')
    print("const struct rn_power_of_ten rn_powers_of_ten[RN_POWER_LAST - RN_POWER_FIRST + 1] = {")
    for exponent in range(FIRST, LAST + 1):
        bits = significant_bits(exponent)
        assert bits.bit_length() == 128
        print(f"    {{0x{bits >> 64:016x}, 0x{bits & (1 << 64) - 1:016x}}}, // {exponent}")
    print("};")


main()
