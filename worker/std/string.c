/* string.c: functions of std::string::String, but for those that change case or replace (text.c).
 */
#include "base/unicode.h"
#include "worker/std/std.h"

#include <string.h>

#define NATIVE(name)                                                                               \
    enum rn_outcome rn_std_string_##name(struct rn_vm *vm, struct rn_value *args, uint32_t count)

NATIVE(new)
{
    (void)count;
    return rn_std_object(args, rn_string_new_static(vm, "", 0));
}

NATIVE(from)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    return rn_std_text(vm, args, string->data, string->size);
}

NATIVE(with_capacity)
{
    (void)count;
    uint64_t capacity;
    RN_TRY_VM(rn_arg_size(vm, args[0], &capacity));
    return rn_std_object(args, rn_string_with_capacity(vm, capacity));
}

NATIVE(len)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    return rn_std_u64(args, string->size);
}

NATIVE(is_empty)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    return rn_std_bool(args, string->size == 0);
}

/* A text that still stands in the Unit has just its own size. */
NATIVE(capacity)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    return rn_std_u64(args, string->capacity == 0 ? string->size : string->capacity);
}

static enum rn_outcome two_strings(struct rn_vm *vm, const struct rn_value *args,
                                   struct rn_string **out_a, struct rn_string **out_b)
{
    RN_TRY_VM(rn_arg_string(vm, args[0], out_a));
    return rn_arg_string(vm, args[1], out_b);
}

NATIVE(starts_with)
{
    (void)count;
    struct rn_string *text;
    struct rn_string *prefix;
    RN_TRY_VM(two_strings(vm, args, &text, &prefix));
    rn_std_charge_bytes(vm, prefix->size);
    return rn_std_bool(args, prefix->size <= text->size &&
                                 memcmp(text->data, prefix->data, prefix->size) == 0);
}

NATIVE(ends_with)
{
    (void)count;
    struct rn_string *text;
    struct rn_string *suffix;
    RN_TRY_VM(two_strings(vm, args, &text, &suffix));
    rn_std_charge_bytes(vm, suffix->size);
    return rn_std_bool(args, suffix->size <= text->size &&
                                 memcmp(text->data + (text->size - suffix->size), suffix->data,
                                        suffix->size) == 0);
}

NATIVE(contains)
{
    (void)count;
    struct rn_string *text;
    struct rn_string *part;
    RN_TRY_VM(two_strings(vm, args, &text, &part));
    uint64_t *at = rn_native_state(vm);
    if (rn_native_round(vm) == 0) {
        rn_std_charge_bytes(vm, (uint64_t)text->size + part->size);
        *at = 0;
    }
    uint64_t found;
    if (!rn_std_find_round(rn_string_text(text), rn_string_text(part), at, &found)) {
        return RN_AGAIN;
    }
    return rn_std_bool(args, found != UINT64_MAX);
}

NATIVE(clear)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_std_string_mut(vm, args[0], &string));
    string->size = 0;
    string->header.version++;
    return rn_std_unit(args);
}

NATIVE(push)
{
    (void)count;
    struct rn_string *string;
    uint32_t scalar;
    RN_TRY_VM(rn_std_string_mut(vm, args[0], &string));
    RN_TRY_VM(rn_arg_char(vm, args[1], &scalar));
    if (!rn_string_append_char(vm, string, scalar)) {
        return RN_RAISED;
    }
    string->header.version++;
    return rn_std_unit(args);
}

/* A text may be appended to itself: room comes first, then the bytes are looked up again. */
NATIVE(push_str)
{
    (void)count;
    struct rn_string *string;
    struct rn_string *other;
    RN_TRY_VM(rn_std_string_mut(vm, args[0], &string));
    RN_TRY_VM(rn_arg_string(vm, args[1], &other));
    size_t size = other->size;
    rn_std_charge_bytes(vm, size);
    if (!rn_string_reserve(vm, string, size) || !rn_string_append(vm, string, other->data, size)) {
        return RN_RAISED;
    }
    string->header.version++;
    return rn_std_unit(args);
}

NATIVE(reserve)
{
    (void)count;
    struct rn_string *string;
    uint64_t extra;
    RN_TRY_VM(rn_std_string_mut(vm, args[0], &string));
    RN_TRY_VM(rn_arg_size(vm, args[1], &extra));
    return rn_string_reserve(vm, string, extra) ? rn_std_unit(args) : RN_RAISED;
}

NATIVE(reserve_exact)
{
    return rn_std_string_reserve(vm, args, count);
}

NATIVE(shrink_to_fit)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_std_string_mut(vm, args[0], &string));
    return rn_std_shrink(vm, string) ? rn_std_unit(args) : RN_RAISED;
}

NATIVE(from_utf8)
{
    (void)count;
    struct rn_string *bytes;
    RN_TRY_VM(rn_arg_bytes(vm, args[0], &bytes));
    uint64_t *state = rn_native_state(vm);
    size_t at = rn_native_round(vm) == 0 ? 0 : state[0];
    size_t begun_at = at;
    size_t bad;
    bool last;
    if (!rn_std_utf8_chunk(rn_string_text(bytes), &at, &last, &bad)) {
        return rn_std_error(vm, args, RN_TYPE_ID_FROM_UTF8_ERROR, 0);
    }
    rn_std_charge_bytes(vm, 16 * (at - begun_at)); // char by char
    state[0] = at;
    if (!last) {
        return RN_AGAIN;
    }
    struct rn_string *string = rn_string_new(vm, bytes->data, bytes->size);
    return string == NULL ? RN_RAISED : rn_make_ok(vm, rn_value_object(string), &args[0]);
}

NATIVE(as_bytes)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    return rn_std_object(args, rn_bytes_new(vm, string->data, string->size));
}

NATIVE(into_bytes)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    struct rn_string *bytes = rn_bytes_new(vm, string->data, string->size);
    if (bytes == NULL) {
        return RN_RAISED;
    }
    RN_TRY_VM(rn_take(vm, args[0]));
    return rn_std_object(args, bytes);
}

NATIVE(char_at)
{
    (void)count;
    struct rn_string *string;
    uint64_t index;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    RN_TRY_VM(rn_arg_size(vm, args[1], &index));
    if (index >= string->size || !rn_utf8_is_boundary(string->data, string->size, index)) {
        return rn_std_none(args);
    }
    size_t width;
    uint32_t scalar = rn_utf8_decode(string->data, string->size, index, &width);
    return rn_std_some(vm, args, rn_value_char(scalar));
}

/* Where the last char before `end` begins. */
static size_t char_before(const char *data, size_t end)
{
    do {
        end--;
    } while (((uint8_t)data[end] & 0xc0) == 0x80);
    return end;
}

/* Moves *end down to `start` over blanks, for a chunk at most. True: there are no more. */
static bool trim_from_end(struct rn_utf8 text, size_t start, uint64_t *end)
{
    size_t until = *end - start < RN_STD_CHUNK_BYTES ? start : *end - RN_STD_CHUNK_BYTES;
    while (*end > until) {
        size_t before = char_before(text.data, *end);
        size_t width;
        if (!rn_unicode_is_whitespace(rn_utf8_decode(text.data, text.size, before, &width))) {
            return true;
        }
        *end = before;
    }
    return *end == start;
}

/* Moves *start up over blanks, for a chunk at most. True: there are no more. */
static bool trim_from_start(struct rn_utf8 text, uint64_t *start)
{
    size_t until =
        text.size - *start < RN_STD_CHUNK_BYTES ? text.size : *start + RN_STD_CHUNK_BYTES;
    while (*start < until) {
        size_t width;
        if (!rn_unicode_is_whitespace(rn_utf8_decode(text.data, text.size, *start, &width))) {
            return true;
        }
        *start += width;
    }
    return *start == text.size;
}

/* The state is where the text begins and ends so far. */
static enum rn_outcome trim(struct rn_vm *vm, struct rn_value *args, bool both)
{
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    struct rn_utf8 text = rn_string_text(string);
    uint64_t *state = rn_native_state(vm);
    if (rn_native_round(vm) == 0) {
        rn_std_charge_bytes(vm, 32 * (uint64_t)text.size); // char by char
        state[0] = 0;
        state[1] = text.size;
    }
    if ((both && !trim_from_start(text, &state[0])) || !trim_from_end(text, state[0], &state[1])) {
        return RN_AGAIN;
    }
    return rn_std_text(vm, args, text.data + state[0], state[1] - state[0]);
}

NATIVE(trim)
{
    (void)count;
    return trim(vm, args, true);
}

NATIVE(trim_end)
{
    (void)count;
    return trim(vm, args, false);
}

NATIVE(chars)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    struct rn_iter *iter = rn_iter_new(vm, RN_TYPE_ID_CHARS, RN_ITER_CHARS, args[0]);
    if (iter == NULL) {
        return RN_RAISED;
    }
    iter->index = 0;
    iter->end = string->size;
    iter->version = string->header.version;
    return rn_std_object(args, iter);
}

NATIVE(get)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    if (!rn_value_is_object(args[1]) || args[1].object->kind != RN_OBJECT_RANGE) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_INDEX_GET, args[0], args[1]);
    }
    struct rn_std_part part;
    RN_TRY_VM(rn_std_part(vm, args[1], string->size, &part));
    if (!part.found || !rn_utf8_is_boundary(string->data, string->size, part.from) ||
        !rn_utf8_is_boundary(string->data, string->size, part.to)) {
        return rn_std_none(args);
    }
    struct rn_string *slice = rn_string_new(vm, string->data + part.from, part.to - part.from);
    return slice == NULL ? RN_RAISED : rn_std_some(vm, args, rn_value_object(slice));
}

NATIVE(parse_i64)
{
    return rn_std_i64_parse(vm, args, count);
}

NATIVE(parse_f64)
{
    return rn_std_f64_parse(vm, args, count);
}

NATIVE(parse_char)
{
    (void)count;
    struct rn_string *string;
    RN_TRY_VM(rn_arg_string(vm, args[0], &string));
    if (string->size == 0) {
        return rn_std_error(vm, args, RN_TYPE_ID_PARSE_CHAR_ERROR, RN_PARSE_NO_CHAR);
    }
    size_t width;
    uint32_t scalar = rn_utf8_decode(string->data, string->size, 0, &width);
    if (width != string->size) {
        return rn_std_error(vm, args, RN_TYPE_ID_PARSE_CHAR_ERROR, RN_PARSE_TOO_MANY_CHARS);
    }
    return rn_make_ok(vm, rn_value_char(scalar), &args[0]);
}
