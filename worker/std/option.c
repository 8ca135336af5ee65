/* option.c: functions of std::option::Option and std::result::Result that call nothing. */
#include "worker/std/fmt.h"
#include "worker/std/std.h"

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

/* An Option as *out_payload, EMPTY for None; a taken Option is an object of the variant None. */
static enum rn_outcome option(struct rn_vm *vm, struct rn_value value, struct rn_value *out_payload)
{
    RN_TRY_VM(rn_check_read(vm, value));
    uint32_t type = rn_exact_type_of(value);
    if (type != RN_VARIANT_ID_OPTION_SOME && type != RN_VARIANT_ID_OPTION_NONE) {
        return rn_raise_expected(vm, RN_TYPE_ID_OPTION, value);
    }
    *out_payload = type == RN_VARIANT_ID_OPTION_SOME ? rn_payload(value) : rn_value_empty();
    return RN_DONE;
}

static enum rn_outcome result(struct rn_vm *vm, struct rn_value value, bool *out_is_ok,
                              struct rn_value *out_payload)
{
    RN_TRY_VM(rn_check_read(vm, value));
    uint32_t type = rn_exact_type_of(value);
    if (type != RN_VARIANT_ID_RESULT_OK && type != RN_VARIANT_ID_RESULT_ERR) {
        return rn_raise_expected(vm, RN_TYPE_ID_RESULT, value);
    }
    *out_is_ok = type == RN_VARIANT_ID_RESULT_OK;
    *out_payload = rn_payload(value);
    return RN_DONE;
}

static bool is_none(struct rn_value payload)
{
    return payload.tag == RN_VALUE_EMPTY;
}

static enum rn_outcome give(struct rn_value *args, struct rn_value value)
{
    args[0] = value;
    return RN_DONE;
}

NATIVE(option_is_some)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    return rn_std_bool(args, !is_none(payload));
}

NATIVE(option_is_none)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    return rn_std_bool(args, is_none(payload));
}

NATIVE(option_unwrap)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    if (is_none(payload)) {
        return rn_raise_panic_literal(vm, "Called `Option::unwrap()` on a `None` value");
    }
    return give(args, payload);
}

NATIVE(option_unwrap_or)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    return give(args, is_none(payload) ? args[1] : payload);
}

/* A text being made for a panic. */
static enum rn_outcome panic_with(struct rn_vm *vm, const struct rn_string *text)
{
    return rn_raise_panic(vm, text->data, text->size);
}

NATIVE(option_expect)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    if (!is_none(payload)) {
        return give(args, payload);
    }
    struct rn_string *text = rn_string_with_capacity(vm, 0);
    if (text == NULL) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_fmt_display(vm, text, args[1]));
    return panic_with(vm, text);
}

/* What is left behind is None, for every holder of the Option. */
NATIVE(option_take)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(rn_check_write(vm, args[0]));
    RN_TRY_VM(option(vm, args[0], &payload));
    if (is_none(payload)) {
        return rn_std_none(args);
    }
    struct rn_value some;
    RN_TRY_VM(rn_make_some(vm, payload, &some));
    struct rn_tuple *taken = rn_as_tuple(args[0]);
    taken->items[0] = rn_value_unit();
    taken->header.type = RN_VARIANT_ID_OPTION_NONE;
    taken->header.count = 0;
    return give(args, some);
}

NATIVE(option_transpose)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    if (is_none(payload)) {
        return rn_make_ok(vm, rn_value_none(), &args[0]);
    }
    bool is_ok;
    struct rn_value inner;
    RN_TRY_VM(result(vm, payload, &is_ok, &inner));
    if (!is_ok) {
        return rn_make_err(vm, inner, &args[0]);
    }
    struct rn_value some;
    RN_TRY_VM(rn_make_some(vm, inner, &some));
    return rn_make_ok(vm, some, &args[0]);
}

NATIVE(option_ok_or)
{
    (void)count;
    struct rn_value payload;
    RN_TRY_VM(option(vm, args[0], &payload));
    return is_none(payload) ? rn_make_err(vm, args[1], &args[0])
                            : rn_make_ok(vm, payload, &args[0]);
}

NATIVE(result_ok)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    return is_ok ? rn_std_some(vm, args, payload) : rn_std_none(args);
}

NATIVE(result_is_ok)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    return rn_std_bool(args, is_ok);
}

NATIVE(result_is_err)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    return rn_std_bool(args, !is_ok);
}

NATIVE(result_unwrap_or)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    return give(args, is_ok ? payload : args[1]);
}

static enum rn_outcome panic_with_error(struct rn_vm *vm, struct rn_string *text,
                                        struct rn_value error)
{
    if (!rn_string_append(vm, text, ": ", 2)) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_fmt_debug(vm, text, error));
    return panic_with(vm, text);
}

NATIVE(result_unwrap)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    if (is_ok) {
        return give(args, payload);
    }
    static const char message[] = "Called `Result::unwrap()` on an `Err` value";
    struct rn_string *text = rn_string_new(vm, message, sizeof(message) - 1);
    return text == NULL ? RN_RAISED : panic_with_error(vm, text, payload);
}

NATIVE(result_expect)
{
    (void)count;
    bool is_ok;
    struct rn_value payload;
    RN_TRY_VM(result(vm, args[0], &is_ok, &payload));
    if (is_ok) {
        return give(args, payload);
    }
    struct rn_string *text = rn_string_with_capacity(vm, 0);
    if (text == NULL) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_fmt_display(vm, text, args[1]));
    return panic_with_error(vm, text, payload);
}
