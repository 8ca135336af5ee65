/*
 * fmt_spec.c: what stands behind the colon of a format string.
 *
 * Width and fill count for i64, f64, char and String only; other values are shown as without a
 * specification. The text is made first, then padded: numbers in a buffer of the C stack, Strings
 * straight from their bytes.
 */
#include "base/float_text.h"
#include "worker/std/fmt.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"

#include <string.h>

enum {
    RADIX_TEXT_MAX = 66,
    /* A fixed-point text has up to 309 digits before the point. */
    FIXED_TEXT_EXTRA = 320,
    PRECISION_MAX = 4096,
    WIDTH_MAX = 1 << 20,
};

/* A text with its sign apart, as padding wants it. */
struct padded {
    struct rn_utf8 text;
    char sign; /* 0: none */
    uint8_t align;
    uint32_t fill;
};

static enum rn_outcome append_fill(struct rn_vm *vm, struct rn_string *text, uint32_t fill,
                                   uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!rn_string_append_char(vm, text, fill)) {
            return RN_RAISED;
        }
    }
    return RN_DONE;
}

static enum rn_outcome pad(struct rn_vm *vm, struct rn_string *text, const struct padded *padded,
                           const struct rn_unit_spec *spec)
{
    uint64_t width = spec->width == RN_NONE ? 0 : spec->width;
    if (width > WIDTH_MAX) {
        width = WIDTH_MAX;
    }
    uint64_t used = rn_utf8_count(padded->text.data, padded->text.size) + (padded->sign != 0);
    uint64_t missing = width > used ? width - used : 0;
    uint64_t before = padded->align == RN_ALIGN_RIGHT    ? missing
                      : padded->align == RN_ALIGN_CENTER ? missing / 2
                                                         : 0;
    rn_std_charge_bytes(vm, padded->text.size + missing);
    if (padded->sign != 0) {
        RN_TRY_VM(rn_fmt_append(vm, text, &padded->sign, 1));
    }
    RN_TRY_VM(append_fill(vm, text, padded->fill, before));
    RN_TRY_VM(rn_fmt_append(vm, text, padded->text.data, padded->text.size));
    return append_fill(vm, text, padded->fill, missing - before);
}

static bool has_flag(const struct rn_unit_spec *spec, enum rn_spec_flag flag)
{
    return (spec->flags & flag) != 0;
}

/*
 * A sign apart stands before the fill: that of `+`, and with zeros the minus too. Otherwise a minus
 * is part of the text.
 */
static struct padded number_layout(const struct rn_unit_spec *spec, struct rn_utf8 text,
                                   bool negative)
{
    struct padded padded = {.text = text, .align = spec->align, .fill = spec->fill};
    if (has_flag(spec, RN_SPEC_ZERO)) {
        padded.align = RN_ALIGN_RIGHT;
        padded.fill = '0';
        padded.sign = negative ? '-' : has_flag(spec, RN_SPEC_PLUS) ? '+' : 0;
    } else if (!negative && has_flag(spec, RN_SPEC_PLUS)) {
        padded.sign = '+';
    }
    return padded;
}

static enum rn_outcome format_i64(struct rn_vm *vm, struct rn_string *text, int64_t value,
                                  const struct rn_unit_spec *spec)
{
    char buffer[RN_STD_DECIMAL_MAX + 1];
    char *digits = rn_std_decimal(buffer + 1, value < 0 ? -(uint64_t)value : (uint64_t)value);
    if (value < 0 && !has_flag(spec, RN_SPEC_ZERO)) {
        *--digits = '-';
    }
    struct rn_utf8 shown = {digits, (size_t)(buffer + sizeof(buffer) - digits)};
    struct padded padded = number_layout(spec, shown, value < 0);
    return pad(vm, text, &padded, spec);
}

static enum rn_outcome format_radix(struct rn_vm *vm, struct rn_string *text, int64_t value,
                                    const struct rn_unit_spec *spec)
{
    const char *digits = spec->type == RN_SPEC_HEX_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned shift = spec->type == RN_SPEC_BINARY ? 1 : 4;
    // With zeros in front: sign and magnitude, else two's complement.
    bool magnitude = value < 0 && has_flag(spec, RN_SPEC_ZERO);
    uint64_t bits = magnitude ? -(uint64_t)value : (uint64_t)value;
    char buffer[RADIX_TEXT_MAX];
    char *begin = buffer + sizeof(buffer);
    do {
        *--begin = digits[bits & ((1u << shift) - 1)];
        bits >>= shift;
    } while (bits != 0);
    if (spec->type == RN_SPEC_POINTER) {
        *--begin = 'x';
        *--begin = '0';
    }
    struct rn_utf8 shown = {begin, (size_t)(buffer + sizeof(buffer) - begin)};
    struct padded padded = number_layout(spec, shown, value < 0);
    return pad(vm, text, &padded, spec);
}

static enum rn_outcome format_f64(struct rn_vm *vm, struct rn_string *text, double value,
                                  const struct rn_unit_spec *spec)
{
    char storage[FIXED_TEXT_EXTRA + PRECISION_MAX];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    bool negative = __builtin_signbit(value) != 0;
    double shown = negative && has_flag(spec, RN_SPEC_ZERO) ? -value : value;
    if (spec->precision == RN_NONE) {
        rn_f64_append_general(&buf, shown);
    } else {
        rn_f64_append_fixed(&buf, shown,
                            spec->precision < PRECISION_MAX ? spec->precision : PRECISION_MAX);
    }
    struct padded padded = number_layout(spec, (struct rn_utf8){storage, buf.size}, negative);
    return pad(vm, text, &padded, spec);
}

static enum rn_outcome format_text(struct rn_vm *vm, struct rn_string *text, struct rn_utf8 shown,
                                   const struct rn_unit_spec *spec)
{
    struct padded padded = {.text = shown, .align = spec->align, .fill = spec->fill};
    return pad(vm, text, &padded, spec);
}

static enum rn_outcome format_display(struct rn_vm *vm, struct rn_string *text,
                                      struct rn_value value, const struct rn_unit_spec *spec)
{
    if (value.tag == RN_VALUE_CHAR) {
        char bytes[4];
        size_t size = rn_utf8_encode((uint32_t)value.u64, bytes);
        return format_text(vm, text, (struct rn_utf8){bytes, size}, spec);
    }
    if (rn_object_is(value, RN_TYPE_ID_STRING)) {
        RN_TRY_VM(rn_check_read(vm, value));
        return format_text(vm, text, rn_string_text(rn_as_string(value)), spec);
    }
    return rn_fmt_display(vm, text, value);
}

enum rn_outcome rn_fmt_spec(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                            const struct rn_unit_spec *spec)
{
    bool is_text = spec->type == RN_SPEC_DISPLAY || spec->type == RN_SPEC_DEBUG;
    if (!is_text) {
        if (value.tag != RN_VALUE_I64) {
            return rn_raise(vm, RN_VM_ERROR_ILLEGAL_FORMAT);
        }
        return format_radix(vm, text, value.i64, spec);
    }
    if (value.tag == RN_VALUE_I64) {
        return format_i64(vm, text, value.i64, spec);
    }
    if (value.tag == RN_VALUE_F64) {
        return format_f64(vm, text, value.f64, spec);
    }
    return spec->type == RN_SPEC_DEBUG ? rn_fmt_debug(vm, text, value)
                                       : format_display(vm, text, value, spec);
}
