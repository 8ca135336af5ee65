/*
 * float_text.h: doubles as decimal text, exactly.
 *
 * Printing is shortest round-trip: the fewest digits that read back as the same double, and among
 * those the nearest (of two, the even one). Reading is correctly rounded (half to even). No locale,
 * no C heap, no strtod, and nothing depends on the rounding mode: also for workers.
 *
 * Trust: reads text from anybody, of any length, in a time linear in it.
 */
#ifndef RN_BASE_FLOAT_TEXT_H
#define RN_BASE_FLOAT_TEXT_H

#include "base/buf.h"

/* Room that any shortest form with an exponent needs. */
#define RN_F64_TEXT_MAX 32u

/*
 * A finite value other than zero is 0.d1d2d3... * 10^exponent with d1 != 0 and no trailing zeros.
 * Zero has one digit 0 and exponent 1.
 */
struct rn_f64_digits {
    char digits[20]; /* '0' .. '9', not terminated */
    uint32_t count;  /* 1 .. 17 */
    int32_t exponent;
};

/* The shortest digits of |value|; it must be finite. */
void rn_f64_shortest(double value, struct rn_f64_digits *out_digits);

/* "1", "-0", "0.1", "100000000000000000000", "NaN", "inf", "-inf": never an exponent. */
void rn_f64_append_display(struct rn_buf *buf, double value);
/* "1.0", "-0.0", "1e16", "1.5e-7": exponent form from 1e16 up and below 1e-5; else always a point. */
void rn_f64_append_general(struct rn_buf *buf, double value);
/* The same, but with exponent form already below 1e-4: "1e-5". */
void rn_f64_append_debug(struct rn_buf *buf, double value);
/* Exactly `precision` digits behind the point, rounded half to even on the exact value. */
void rn_f64_append_fixed(struct rn_buf *buf, double value, uint32_t precision);

/*
 * Reads all of `text`: an optional sign, digits with an optional point (at least one digit), an
 * optional exponent. Too large gives infinity, too small zero. False, nothing written: another
 * form.
 */
bool rn_f64_parse(const char *text, size_t size, double *out_value);

#endif
