/*
 * text.c: natives that make a new text piece by piece: change of case, replacement.
 *
 * Each works in rounds of RN_STD_CHUNK_BYTES. Between them args[0] holds a tuple of the text and
 * the result so far, and the first word of the native's state is how far the text has been read.
 */
#include "base/unicode.h"
#include "worker/std/std.h"

#include <string.h>

struct work {
    struct rn_string *text;
    struct rn_string *result;
    uint64_t *at;
};

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args)
{
    struct rn_string *text;
    RN_TRY_VM(rn_arg_string(vm, args[0], &text));
    struct rn_string *result = rn_string_with_capacity(vm, text->size);
    struct rn_tuple *pair = rn_tuple_new(vm, 2);
    if (result == NULL || pair == NULL) {
        return RN_RAISED;
    }
    pair->items[0] = args[0];
    pair->items[1] = rn_value_object(result);
    args[0] = rn_value_object(pair);
    rn_native_state(vm)[0] = 0;
    return RN_DONE;
}

static struct work work_of(struct rn_vm *vm, const struct rn_value *args)
{
    const struct rn_value *pair = rn_as_tuple(args[0])->items;
    return (struct work){rn_as_string(pair[0]), rn_as_string(pair[1]), rn_native_state(vm)};
}

/* The end of this round: a char's border about a chunk further. */
static size_t round_end(const struct work *work)
{
    size_t end = *work->at + RN_STD_CHUNK_BYTES;
    if (end >= work->text->size) {
        return work->text->size;
    }
    while (!rn_utf8_is_boundary(work->text->data, work->text->size, end)) {
        end++;
    }
    return end;
}

static enum rn_outcome finish_round(struct rn_value *args, const struct work *work)
{
    if (*work->at < work->text->size) {
        return RN_AGAIN;
    }
    args[0] = rn_value_object(work->result);
    return RN_DONE;
}

static bool cased_before(struct rn_utf8 text, size_t at)
{
    while (at > 0) {
        do {
            at--;
        } while (((uint8_t)text.data[at] & 0xc0) == 0x80);
        size_t width;
        uint32_t scalar = rn_utf8_decode(text.data, text.size, at, &width);
        if (!rn_unicode_is_case_ignorable(scalar)) {
            return rn_unicode_is_cased(scalar);
        }
    }
    return false;
}

static bool cased_after(struct rn_utf8 text, size_t at)
{
    while (at < text.size) {
        size_t width;
        uint32_t scalar = rn_utf8_decode(text.data, text.size, at, &width);
        if (!rn_unicode_is_case_ignorable(scalar)) {
            return rn_unicode_is_cased(scalar);
        }
        at += width;
    }
    return false;
}

enum {
    SIGMA = 0x3a3,
    FINAL_SIGMA = 0x3c2
};

/* A sigma that ends a word has a form of its own; `run` is the end of the text looked at for it. */
static size_t lower(struct rn_utf8 text, size_t at, uint32_t scalar, uint32_t out[3])
{
    if (scalar == SIGMA && cased_before(text, at) && !cased_after(text, at + 2)) {
        out[0] = FINAL_SIGMA;
        return 1;
    }
    return rn_unicode_to_lower(scalar, out);
}

/*
 * Looking around a sigma is bounded: case-ignorable runs longer than this count as the text's end,
 * so that a text of sigmas and dots is not read over and over.
 */
enum {
    SIGMA_CONTEXT = 256
};

static struct rn_utf8 context_of(struct rn_utf8 text, size_t at, size_t *out_at)
{
    size_t start = at < SIGMA_CONTEXT ? 0 : at - SIGMA_CONTEXT;
    while (start > 0 && !rn_utf8_is_boundary(text.data, text.size, start)) {
        start--;
    }
    size_t end = text.size - at < SIGMA_CONTEXT ? text.size : at + SIGMA_CONTEXT;
    while (end < text.size && !rn_utf8_is_boundary(text.data, text.size, end)) {
        end++;
    }
    *out_at = at - start;
    return (struct rn_utf8){text.data + start, end - start};
}

static bool append_mapped(struct rn_vm *vm, const struct work *work, size_t at, uint32_t scalar,
                          bool upper)
{
    uint32_t mapped[3];
    size_t mapped_count;
    if (upper) {
        mapped_count = rn_unicode_to_upper(scalar, mapped);
    } else {
        size_t inner;
        struct rn_utf8 context = context_of(rn_string_text(work->text), at, &inner);
        mapped_count = lower(context, inner, scalar, mapped);
    }
    for (size_t i = 0; i < mapped_count; i++) {
        if (!rn_string_append_char(vm, work->result, mapped[i])) {
            return false;
        }
    }
    return true;
}

static bool append_ascii(struct rn_vm *vm, struct rn_string *result, char byte, bool upper)
{
    bool changes = upper ? byte >= 'a' && byte <= 'z' : byte >= 'A' && byte <= 'Z';
    char mapped = changes ? (char)(byte ^ 0x20) : byte;
    return rn_string_append(vm, result, &mapped, 1);
}

static enum rn_outcome change_case(struct rn_vm *vm, struct rn_value *args, bool upper)
{
    if (rn_native_round(vm) == 0) {
        RN_TRY_VM(begin(vm, args));
    }
    struct work work = work_of(vm, args);
    size_t end = round_end(&work);
    rn_std_charge_bytes(vm, 64 * (end - *work.at)); // char by char
    while (*work.at < end) {
        size_t at = *work.at;
        size_t width = 1;
        bool fits;
        if ((uint8_t)work.text->data[at] < 0x80) {
            fits = append_ascii(vm, work.result, work.text->data[at], upper);
        } else {
            uint32_t scalar = rn_utf8_decode(work.text->data, work.text->size, at, &width);
            fits = append_mapped(vm, &work, at, scalar, upper);
        }
        if (!fits) {
            return RN_RAISED;
        }
        *work.at = at + width;
    }
    return finish_round(args, &work);
}

enum rn_outcome rn_std_string_to_lowercase(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return change_case(vm, args, false);
}

enum rn_outcome rn_std_string_to_uppercase(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return change_case(vm, args, true);
}

/* The bytes between two places of an empty text: one char, or nothing at the end. */
static size_t char_width_at(const struct rn_string *text, size_t at)
{
    size_t width = 0;
    if (at < text->size) {
        (void)rn_utf8_decode(text->data, text->size, at, &width);
    }
    return width;
}

/* An empty text is found before every char and at the end. */
static enum rn_outcome replace_empty(struct rn_vm *vm, struct rn_value *args, struct work *work,
                                     const struct rn_string *to)
{
    size_t end = round_end(work);
    rn_std_charge_bytes(vm, 8 * (end - *work->at));
    while (*work->at < end) {
        size_t width = char_width_at(work->text, *work->at);
        if (!rn_string_append(vm, work->result, to->data, to->size) ||
            !rn_string_append(vm, work->result, work->text->data + *work->at, width)) {
            return RN_RAISED;
        }
        *work->at += width;
    }
    if (*work->at == work->text->size && !rn_string_append(vm, work->result, to->data, to->size)) {
        return RN_RAISED;
    }
    return finish_round(args, work);
}

static enum rn_outcome replace_found(struct rn_vm *vm, struct rn_value *args, struct work *work,
                                     const struct rn_string *from, const struct rn_string *to)
{
    struct rn_utf8 text = rn_string_text(work->text);
    uint64_t begun_at = *work->at;
    uint64_t appended = 0;
    uint64_t pieces = 0;
    while (*work->at < text.size && *work->at - begun_at < RN_STD_CHUNK_BYTES &&
           appended < RN_STD_CHUNK_BYTES) {
        uint64_t next = *work->at;
        uint64_t found;
        bool known = rn_std_find_round(text, rn_string_text(from), &next, &found);
        uint64_t until = found != UINT64_MAX ? found : known ? text.size : next;
        if (!rn_string_append(vm, work->result, text.data + *work->at, until - *work->at)) {
            return RN_RAISED;
        }
        *work->at = until;
        if (found != UINT64_MAX) {
            if (!rn_string_append(vm, work->result, to->data, to->size)) {
                return RN_RAISED;
            }
            *work->at += from->size;
        }
        appended += to->size;
        pieces++;
    }
    rn_charge(vm, 4 * pieces);
    rn_std_charge_bytes(vm, *work->at - begun_at + appended);
    return finish_round(args, work);
}

enum rn_outcome rn_std_string_replace(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    struct rn_string *from;
    struct rn_string *to;
    RN_TRY_VM(rn_arg_string(vm, args[1], &from));
    RN_TRY_VM(rn_arg_string(vm, args[2], &to));
    if (rn_native_round(vm) == 0) {
        RN_TRY_VM(begin(vm, args));
    }
    struct work work = work_of(vm, args);
    return from->size == 0 ? replace_empty(vm, args, &work, to)
                           : replace_found(vm, args, &work, from, to);
}
