/* fmt.c: numbers and texts, display, and format specifications. Debug text is in fmt_debug.c. */
#include "worker/std/fmt.h"

#include "base/float_text.h"
#include "worker/std/error.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"

#include <string.h>

enum rn_outcome rn_fmt_append(struct rn_vm *vm, struct rn_string *text, const char *data,
                              size_t size)
{
    return rn_string_append(vm, text, data, size) ? RN_DONE : RN_RAISED;
}

enum rn_outcome rn_fmt_append_text(struct rn_vm *vm, struct rn_string *text, const char *data)
{
    return rn_fmt_append(vm, text, data, strlen(data));
}

enum rn_outcome rn_fmt_append_u64(struct rn_vm *vm, struct rn_string *text, uint64_t value)
{
    char buffer[RN_STD_DECIMAL_MAX];
    char *digits = rn_std_decimal(buffer, value);
    return rn_fmt_append(vm, text, digits, (size_t)(buffer + sizeof(buffer) - digits));
}

static enum rn_outcome append_i64(struct rn_vm *vm, struct rn_string *text, int64_t value)
{
    if (value < 0) {
        RN_TRY_VM(rn_fmt_append(vm, text, "-", 1));
        return rn_fmt_append_u64(vm, text, -(uint64_t)value);
    }
    return rn_fmt_append_u64(vm, text, (uint64_t)value);
}

enum rn_outcome rn_fmt_append_f64(struct rn_vm *vm, struct rn_string *text, double value,
                                  void (*append)(struct rn_buf *buf, double value))
{
    char buffer[RN_F64_TEXT_MAX];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, buffer, sizeof(buffer));
    append(&buf, value);
    return rn_fmt_append(vm, text, buffer, buf.size);
}

static enum rn_outcome append_char(struct rn_vm *vm, struct rn_string *text, uint32_t scalar)
{
    return rn_string_append_char(vm, text, scalar) ? RN_DONE : RN_RAISED;
}

enum rn_outcome rn_fmt_append_type(struct rn_vm *vm, struct rn_string *text, uint32_t type)
{
    struct rn_type_info info = rn_type_info(vm, type);
    if (info.is_library) {
        RN_TRY_VM(rn_fmt_append(vm, text, "::", 2));
    }
    return rn_fmt_append(vm, text, info.path.data, info.path.size);
}

enum rn_outcome rn_fmt_append_scalar(struct rn_vm *vm, struct rn_string *text,
                                     struct rn_value value, bool *out_done)
{
    *out_done = true;
    switch (value.tag) {
    case RN_VALUE_I64:
        return append_i64(vm, text, value.i64);
    case RN_VALUE_U64:
        return rn_fmt_append_u64(vm, text, value.u64);
    case RN_VALUE_F64:
        return rn_fmt_append_f64(vm, text, value.f64, rn_f64_append_general);
    case RN_VALUE_BOOL:
        return rn_fmt_append_text(vm, text, value.u64 != 0 ? "true" : "false");
    case RN_VALUE_TYPE:
        return rn_fmt_append_type(vm, text, (uint32_t)value.u64);
    default:
        *out_done = false;
        return RN_DONE;
    }
}

enum rn_outcome rn_fmt_append_snapshot(struct rn_vm *vm, struct rn_string *text,
                                       struct rn_value value)
{
    const struct rn_value *items = rn_as_tuple(value)->items;
    char flags[8] = {rn_value_is_true(items[0]) ? 'M' : '-',
                     rn_value_is_true(items[1]) ? 'X' : '-',
                     '0',
                     '0',
                     '0',
                     '0',
                     '0',
                     '0'};
    char buffer[RN_STD_DECIMAL_MAX];
    char *digits = rn_std_decimal(buffer, items[2].u64);
    size_t size = (size_t)(buffer + sizeof(buffer) - digits);
    RN_TRY_VM(rn_fmt_append(vm, text, flags, size < 6 ? sizeof(flags) - size : 2));
    return rn_fmt_append(vm, text, digits, size);
}

static enum rn_outcome missing_display(struct rn_vm *vm, struct rn_value value)
{
    return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("DISPLAY_FMT"), value);
}

enum rn_outcome rn_fmt_display(struct rn_vm *vm, struct rn_string *text, struct rn_value value)
{
    bool done;
    RN_TRY_VM(rn_fmt_append_scalar(vm, text, value, &done));
    if (done) {
        return RN_DONE;
    }
    if (value.tag == RN_VALUE_CHAR) {
        return append_char(vm, text, (uint32_t)value.u64);
    }
    RN_TRY_VM(rn_check_read(vm, value));
    if (rn_object_is(value, RN_TYPE_ID_STRING)) {
        const struct rn_string *string = rn_as_string(value);
        rn_std_charge_bytes(vm, string->size);
        return rn_fmt_append(vm, text, string->data, string->size);
    }
    if (rn_object_is(value, RN_TYPE_ID_SNAPSHOT)) {
        return rn_fmt_append_snapshot(vm, text, value);
    }
    struct rn_utf8 message = rn_fmt_error_message(value);
    return message.data == NULL ? missing_display(vm, value)
                                : rn_fmt_append(vm, text, message.data, message.size);
}

static struct rn_utf8 static_text(const char *text)
{
    return (struct rn_utf8){text, strlen(text)};
}

struct rn_utf8 rn_fmt_error_message(struct rn_value value)
{
    static const char *const messages[] = {
        [RN_PARSE_EMPTY] = "cannot parse a number from an empty string",
        [RN_PARSE_INVALID_DIGIT] = "invalid digit found in string",
        [RN_PARSE_POSITIVE_OVERFLOW] = "number too large to fit in target type",
        [RN_PARSE_NEGATIVE_OVERFLOW] = "number too small to fit in target type",
        [RN_PARSE_INVALID_FLOAT] = "invalid float literal",
        [RN_PARSE_TOO_MANY_CHARS] = "too many characters in string",
        [RN_PARSE_NO_CHAR] = "cannot parse a character from an empty string",
    };
    if (!rn_value_is_object(value)) {
        return (struct rn_utf8){0};
    }
    if (value.object->type == RN_TYPE_ID_FROM_UTF8_ERROR) {
        return static_text("invalid utf-8 sequence");
    }
    if (value.object->type == RN_TYPE_ID_PARSE_INT_ERROR ||
        value.object->type == RN_TYPE_ID_PARSE_FLOAT_ERROR ||
        value.object->type == RN_TYPE_ID_PARSE_CHAR_ERROR) {
        uint64_t code = rn_payload(value).u64;
        return code < RN_COUNT_OF(messages) ? static_text(messages[code]) : (struct rn_utf8){0};
    }
    return rn_std_error_display(value);
}
