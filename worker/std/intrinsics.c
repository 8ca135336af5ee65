/* intrinsics.c: what only the standard Unit calls (bytecode/intrinsics.def). */
#include "bytecode/intrinsics.h"

#include "worker/std/std.h"

#include <string.h>

#define INTRINSIC(name)                                                                            \
    static enum rn_outcome name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

INTRINSIC(iter)
{
    (void)count;
    return rn_value_iter(vm, args[0], &args[0]);
}

/* A type used as a value is callable if it has a constructor; the call itself finds out. */
INTRINSIC(function)
{
    (void)count;
    if (args[0].tag == RN_VALUE_TYPE) {
        return RN_DONE;
    }
    struct rn_function *value;
    return rn_arg_function(vm, args[0], &value);
}

INTRINSIC(boolean)
{
    (void)count;
    bool value;
    return rn_arg_bool(vm, args[0], &value);
}

static enum rn_outcome of_enum(struct rn_vm *vm, struct rn_value value, uint32_t type)
{
    RN_TRY_VM(rn_check_read(vm, value));
    return rn_type_of(vm, value) == type ? RN_DONE : rn_raise_expected(vm, type, value);
}

INTRINSIC(option)
{
    (void)count;
    return of_enum(vm, args[0], RN_TYPE_ID_OPTION);
}

INTRINSIC(result)
{
    (void)count;
    return of_enum(vm, args[0], RN_TYPE_ID_RESULT);
}

INTRINSIC(ordering)
{
    (void)count;
    return of_enum(vm, args[0], RN_TYPE_ID_ORDERING);
}

INTRINSIC(string)
{
    (void)count;
    struct rn_string *value;
    return rn_arg_string(vm, args[0], &value);
}

INTRINSIC(pair)
{
    (void)count;
    struct rn_value *items;
    uint32_t length;
    RN_TRY_VM(rn_arg_tuple(vm, args[0], &items, &length));
    if (length != 2) {
        return rn_raise(vm, RN_VM_ERROR_EXPECTED_TUPLE_LENGTH, (uint64_t)2, (uint64_t)length);
    }
    return RN_DONE;
}

INTRINSIC(hash_set)
{
    (void)count;
    struct rn_map *value;
    return rn_arg_map(vm, args[0], RN_TYPE_ID_HASH_SET, &value);
}

INTRINSIC(size_arg)
{
    (void)count;
    uint64_t value;
    RN_TRY_VM(rn_arg_size(vm, args[0], &value));
    return rn_std_u64(args, value);
}

INTRINSIC(to_i64)
{
    (void)count;
    int64_t value;
    RN_TRY_VM(rn_arg_i64(vm, args[0], &value));
    args[0] = rn_value_i64(value);
    return RN_DONE;
}

INTRINSIC(to_u64)
{
    (void)count;
    uint64_t value;
    RN_TRY_VM(rn_arg_u64(vm, args[0], &value));
    return rn_std_u64(args, value);
}

INTRINSIC(to_f64)
{
    (void)count;
    double value;
    return rn_arg_f64(vm, args[0], &value);
}

INTRINSIC(push)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_std_vec_mut(vm, args[0], &vec));
    return rn_vec_push(vm, vec, args[1]) ? rn_std_unit(args) : RN_RAISED;
}

INTRINSIC(tuple_of)
{
    (void)count;
    struct rn_vec *vec;
    RN_TRY_VM(rn_arg_vec(vm, args[0], &vec));
    if (vec->count == 0) {
        return rn_std_unit(args);
    }
    struct rn_tuple *tuple = rn_tuple_new(vm, vec->count);
    if (tuple == NULL) {
        return RN_RAISED;
    }
    rn_std_charge_items(vm, vec->count);
    memcpy(tuple->items, vec->items, vec->count * sizeof(vec->items[0]));
    return rn_std_object(args, tuple);
}

/* ---- Text. Offsets come from the standard Unit, but are checked: its source is not the proof.
 * ---- */

static enum rn_outcome text_and_offset(struct rn_vm *vm, const struct rn_value *args,
                                       struct rn_value offset, struct rn_string **out_text,
                                       uint64_t *out_offset)
{
    RN_TRY_VM(rn_arg_string(vm, args[0], out_text));
    RN_TRY_VM(rn_arg_size(vm, offset, out_offset));
    const struct rn_string *text = *out_text;
    if (*out_offset > text->size || !rn_utf8_is_boundary(text->data, text->size, *out_offset)) {
        return rn_raise_panic_literal(vm, "missing string slice");
    }
    return RN_DONE;
}

INTRINSIC(find)
{
    (void)count;
    struct rn_string *text;
    struct rn_string *part;
    uint64_t from;
    RN_TRY_VM(text_and_offset(vm, args, args[2], &text, &from));
    RN_TRY_VM(rn_arg_string(vm, args[1], &part));
    uint64_t found = rn_std_find(rn_string_text(text), rn_string_text(part), from);
    rn_std_charge_bytes(vm, (found == UINT64_MAX ? text->size : found) - from + part->size);
    args[0] = rn_value_i64(found == UINT64_MAX ? -1 : (int64_t)found);
    return RN_DONE;
}

/* Fields of std::string::Split. */
enum {
    SPLIT_TEXT,
    SPLIT_SIZE,
    SPLIT_PATTERN,
    SPLIT_BY_TEXT,
    SPLIT_START,
    SPLIT_FROM,
    SPLIT_ENDED,
    SPLIT_FIELDS
};

/* Where the search goes on when an empty pattern was found at `at`: behind the char there. */
static uint64_t after_char(const struct rn_string *text, uint64_t at)
{
    size_t width = 1;
    if (at < text->size) {
        (void)rn_utf8_decode(text->data, text->size, at, &width);
    }
    return at + width;
}

static bool starts_char(const struct rn_string *text, uint64_t at)
{
    return at <= text->size && rn_utf8_is_boundary(text->data, text->size, at);
}

/* Bytecode can build a Split of anything. */
static enum rn_outcome raise_misfit(struct rn_vm *vm)
{
    return rn_raise_panic_literal(vm, "the parts of a Split do not fit together");
}

INTRINSIC(next_piece)
{
    (void)count;
    if (!rn_value_is_object(args[0]) || args[0].object->kind != RN_OBJECT_STRUCT ||
        args[0].object->count != SPLIT_FIELDS) {
        return raise_misfit(vm);
    }
    struct rn_value *split = rn_as_tuple(args[0])->items;
    struct rn_string *text;
    struct rn_string *pattern;
    RN_TRY_VM(rn_arg_string(vm, split[SPLIT_TEXT], &text));
    RN_TRY_VM(rn_arg_string(vm, split[SPLIT_PATTERN], &pattern));
    uint64_t start = split[SPLIT_START].u64;
    uint64_t from = split[SPLIT_FROM].u64;
    if (!starts_char(text, start) || from < start ||
        (from <= text->size && !starts_char(text, from))) {
        return raise_misfit(vm);
    }
    uint64_t end = text->size;
    uint64_t found = UINT64_MAX;
    if (from <= end) {
        found = rn_std_find(rn_string_text(text), rn_string_text(pattern), from);
        end = found == UINT64_MAX ? end : found;
        rn_std_charge_bytes(vm, end - from + pattern->size);
    }
    if (found == UINT64_MAX || text->size == 0) { // "".split("") is one piece
        split[SPLIT_ENDED] = rn_value_bool(true);
    } else {
        uint64_t next = end + pattern->size;
        split[SPLIT_START] = rn_value_i64((int64_t)next);
        split[SPLIT_FROM] =
            rn_value_i64((int64_t)(pattern->size == 0 ? after_char(text, end) : next));
    }
    return rn_std_text(vm, args, text->data + start, end - start);
}

INTRINSIC(slice)
{
    (void)count;
    struct rn_string *text;
    uint64_t from;
    uint64_t to;
    RN_TRY_VM(text_and_offset(vm, args, args[1], &text, &from));
    RN_TRY_VM(text_and_offset(vm, args, args[2], &text, &to));
    if (from > to) {
        return rn_raise_panic_literal(vm, "missing string slice");
    }
    return rn_std_text(vm, args, text->data + from, to - from);
}

INTRINSIC(char_at)
{
    (void)count;
    struct rn_string *text;
    uint64_t offset;
    RN_TRY_VM(text_and_offset(vm, args, args[1], &text, &offset));
    if (offset == text->size) {
        return rn_raise_panic_literal(vm, "missing string slice");
    }
    size_t width;
    args[0] = rn_value_char(rn_utf8_decode(text->data, text->size, offset, &width));
    return RN_DONE;
}

INTRINSIC(text_size)
{
    (void)count;
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    args[0] = rn_value_i64(text->size);
    return RN_DONE;
}

INTRINSIC(width)
{
    (void)count;
    uint32_t scalar;
    char bytes[4];
    RN_TRY_VM(rn_arg_char(vm, args[0], &scalar));
    args[0] = rn_value_i64((int64_t)rn_utf8_encode(scalar, bytes));
    return RN_DONE;
}

INTRINSIC(char_text)
{
    (void)count;
    uint32_t scalar;
    char bytes[4];
    RN_TRY_VM(rn_arg_char(vm, args[0], &scalar));
    return rn_std_text(vm, args, bytes, rn_utf8_encode(scalar, bytes));
}

INTRINSIC(push_text)
{
    return args[1].tag == RN_VALUE_CHAR ? rn_std_string_push(vm, args, count)
                                        : rn_std_string_push_str(vm, args, count);
}

rn_native_fn *const rn_std_intrinsics[RN_INTRINSIC_COUNT] = {
    [RN_INTRINSIC_ITER] = iter,
    [RN_INTRINSIC_FUNCTION] = function,
    [RN_INTRINSIC_BOOL] = boolean,
    [RN_INTRINSIC_OPTION] = option,
    [RN_INTRINSIC_RESULT] = result,
    [RN_INTRINSIC_STRING] = string,
    [RN_INTRINSIC_PAIR] = pair,
    [RN_INTRINSIC_HASH_SET] = hash_set,
    [RN_INTRINSIC_SIZE_ARG] = size_arg,
    [RN_INTRINSIC_I64] = to_i64,
    [RN_INTRINSIC_U64] = to_u64,
    [RN_INTRINSIC_F64] = to_f64,
    [RN_INTRINSIC_ORDERING] = ordering,
    [RN_INTRINSIC_PUSH] = push,
    [RN_INTRINSIC_TUPLE_OF] = tuple_of,
    [RN_INTRINSIC_SORT_BEGIN] = rn_std_sort_begin,
    [RN_INTRINSIC_SORT_STEP] = rn_std_sort_step,
    [RN_INTRINSIC_SORT_END] = rn_std_sort_end,
    [RN_INTRINSIC_FIND] = find,
    [RN_INTRINSIC_NEXT_PIECE] = next_piece,
    [RN_INTRINSIC_SLICE] = slice,
    [RN_INTRINSIC_CHAR_AT] = char_at,
    [RN_INTRINSIC_TEXT_SIZE] = text_size,
    [RN_INTRINSIC_WIDTH] = width,
    [RN_INTRINSIC_CHAR_TEXT] = char_text,
    [RN_INTRINSIC_PUSH_TEXT] = push_text,
};
