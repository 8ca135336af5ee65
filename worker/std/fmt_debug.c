/*
 * fmt_debug.c: debug text.
 *
 * Containers are walked with frames on the heap (rn_walk): `position` says which part comes next.
 * Each kind of container says in one function what stands before its next part and which value that
 * is, so that the loop below knows nothing of them.
 *
 * An instruction cannot stop halfway and be gone on with. So what is long is paid for a chunk at a time, and the
 * budget and the call's end are looked at in between.
 */
#include "base/float_text.h"
#include "base/unicode.h"
#include "worker/std/error.h"
#include "worker/std/fmt.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"
#include "worker/std/time.h"

#include <string.h>

static enum rn_outcome append_escape(struct rn_vm *vm, struct rn_string *text, uint32_t scalar)
{
    const char *digits = "0123456789abcdef";
    char buffer[12];
    size_t size = sizeof(buffer);
    buffer[--size] = '}';
    do {
        buffer[--size] = digits[scalar & 15];
        scalar >>= 4;
    } while (scalar != 0);
    buffer[--size] = '{';
    buffer[--size] = 'u';
    buffer[--size] = '\\';
    return rn_fmt_append(vm, text, buffer + size, sizeof(buffer) - size);
}

/* The two-byte escape of a scalar, or NULL. */
static const char *short_escape(uint32_t scalar, char quote)
{
    switch (scalar) {
    case 0:
        return "\\0";
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\\':
        return "\\\\";
    case '"':
        return quote == '"' ? "\\\"" : NULL;
    case '\'':
        return quote == '\'' ? "\\'" : NULL;
    default:
        return NULL;
    }
}

static bool shows_itself(uint32_t scalar, char quote)
{
    if (scalar < 0x80) {
        return scalar >= 0x20 && scalar != 0x7f && short_escape(scalar, quote) == NULL;
    }
    return !rn_unicode_is_grapheme_extend(scalar) && rn_unicode_is_printable(scalar);
}

static enum rn_outcome append_escaped(struct rn_vm *vm, struct rn_string *text, uint32_t scalar,
                                      char quote)
{
    const char *escape = short_escape(scalar, quote);
    return escape != NULL ? rn_fmt_append(vm, text, escape, 2) : append_escape(vm, text, scalar);
}

/* The chunk of a text that begins at `at`; char by char. */
static enum rn_outcome pay_chunk(struct rn_vm *vm, struct rn_utf8 text, size_t at)
{
    size_t left = text.size - at;
    rn_std_charge_bytes(vm, 8 * (left < RN_STD_CHUNK_BYTES ? left : RN_STD_CHUNK_BYTES));
    return rn_check_spent(vm);
}

enum rn_outcome rn_fmt_quote(struct rn_vm *vm, struct rn_string *text, struct rn_utf8 quoted)
{
    RN_TRY_VM(rn_fmt_append(vm, text, "\"", 1));
    size_t plain = 0; /* where the run begins that shows itself */
    size_t paid = 0;
    for (size_t at = 0; at < quoted.size;) {
        size_t width;
        if (at >= paid) {
            RN_TRY_VM(pay_chunk(vm, quoted, paid));
            paid += RN_STD_CHUNK_BYTES;
        }
        uint32_t scalar = rn_utf8_decode(quoted.data, quoted.size, at, &width);
        if (!shows_itself(scalar, '"')) {
            RN_TRY_VM(rn_fmt_append(vm, text, quoted.data + plain, at - plain));
            RN_TRY_VM(append_escaped(vm, text, scalar, '"'));
            plain = at + width;
        }
        at += width;
    }
    RN_TRY_VM(rn_fmt_append(vm, text, quoted.data + plain, quoted.size - plain));
    return rn_fmt_append(vm, text, "\"", 1);
}

static enum rn_outcome append_char(struct rn_vm *vm, struct rn_string *text, uint32_t scalar)
{
    RN_TRY_VM(rn_fmt_append(vm, text, "'", 1));
    if (shows_itself(scalar, '\'')) {
        if (!rn_string_append_char(vm, text, scalar)) {
            return RN_RAISED;
        }
    } else {
        RN_TRY_VM(append_escaped(vm, text, scalar, '\''));
    }
    return rn_fmt_append(vm, text, "'", 1);
}

static enum rn_outcome append_inline(struct rn_vm *vm, struct rn_string *text,
                                     struct rn_value value)
{
    static const char *const orderings[] = {"Less", "Equal", "Greater"};
    bool done;
    // Other than where a float is all that is formatted (rn_fmt_spec), 1e-5 has an exponent here.
    if (value.tag == RN_VALUE_F64) {
        return rn_fmt_append_f64(vm, text, value.f64, rn_f64_append_debug);
    }
    RN_TRY_VM(rn_fmt_append_scalar(vm, text, value, &done));
    if (done) {
        return RN_DONE;
    }
    switch (value.tag) {
    case RN_VALUE_CHAR:
        return append_char(vm, text, (uint32_t)value.u64);
    case RN_VALUE_UNIT:
        return rn_fmt_append_text(vm, text, "()");
    case RN_VALUE_NONE:
        return rn_fmt_append_text(vm, text, "None");
    case RN_VALUE_ORDERING:
        return rn_fmt_append_text(vm, text, orderings[value.u64 % RN_COUNT_OF(orderings)]);
    case RN_VALUE_HASH:
        RN_TRY_VM(rn_fmt_append_text(vm, text, "Hash("));
        RN_TRY_VM(rn_fmt_append_u64(vm, text, value.u64));
        return rn_fmt_append_text(vm, text, ")");
    default:
        return rn_fmt_append_text(vm, text, "<empty>");
    }
}

static enum rn_outcome append_bytes(struct rn_vm *vm, struct rn_string *text,
                                    const struct rn_string *bytes)
{
    RN_TRY_VM(rn_fmt_append(vm, text, "[", 1));
    for (uint32_t i = 0; i < bytes->size; i++) {
        if (i % RN_STD_CHUNK_ITEMS == 0) {
            uint32_t left = bytes->size - i;
            rn_std_charge_items(vm, left < RN_STD_CHUNK_ITEMS ? left : RN_STD_CHUNK_ITEMS);
            RN_TRY_VM(rn_check_spent(vm));
        }
        if (i != 0) {
            RN_TRY_VM(rn_fmt_append(vm, text, ", ", 2));
        }
        RN_TRY_VM(rn_fmt_append_u64(vm, text, (uint8_t)bytes->data[i]));
    }
    return rn_fmt_append(vm, text, "]", 1);
}

static enum rn_outcome append_function(struct rn_vm *vm, struct rn_string *text,
                                       const struct rn_function *function)
{
    static const char *const forms[] = {
        [RN_FORM_SCRIPT] = "function ::",
        [RN_FORM_NATIVE] = "native function ::",
        [RN_FORM_TYPE] = "constructor ::",
        [RN_FORM_HOST] = "host function ::",
    };
    struct rn_utf8 name = rn_function_name(vm, function);
    RN_TRY_VM(rn_fmt_append_text(vm, text, forms[function->form]));
    return rn_fmt_append(vm, text, name.data, name.size);
}

static enum rn_outcome append_coroutine(struct rn_vm *vm, struct rn_string *text,
                                        struct rn_value value)
{
    bool stream = value.object->type == RN_TYPE_ID_STREAM;
    RN_TRY_VM(rn_fmt_append_text(vm, text, stream ? "Stream" : "Generator"));
    bool complete = rn_coroutine_is_complete(value);
    return rn_fmt_append_text(vm, text,
                              complete ? " { completed: true }" : " { completed: false }");
}

/* Values that show nothing of what they hold: iterators, futures, adapters. */
static enum rn_outcome append_opaque(struct rn_vm *vm, struct rn_string *text,
                                     struct rn_value value)
{
    struct rn_utf8 own = rn_std_error_debug(value);
    if (own.data != NULL) {
        return rn_fmt_append(vm, text, own.data, own.size);
    }
    RN_TRY_VM(rn_fmt_append_text(vm, text, "<"));
    RN_TRY_VM(rn_fmt_append_type(vm, text, rn_type_of(vm, value)));
    struct rn_utf8 message = rn_fmt_error_message(value);
    if (message.data != NULL) {
        RN_TRY_VM(rn_fmt_append_text(vm, text, ": "));
        RN_TRY_VM(rn_fmt_append(vm, text, message.data, message.size));
    }
    return rn_fmt_append_text(vm, text, message.data == NULL ? " object>" : ">");
}

static enum rn_outcome append_snapshot(struct rn_vm *vm, struct rn_string *text,
                                       struct rn_value value)
{
    RN_TRY_VM(rn_fmt_append_text(vm, text, "Snapshot("));
    RN_TRY_VM(rn_fmt_append_snapshot(vm, text, value));
    return rn_fmt_append_text(vm, text, ")");
}

/* ---- Containers ---- */

/* Texts of a container, and how many parts it has. */
struct shape {
    const char *open;
    const char *close;
    uint64_t count;
};

static struct rn_utf8 last_segment(struct rn_utf8 path)
{
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != ':') {
        start--;
    }
    return (struct rn_utf8){path.data + start, path.size - start};
}

static struct shape shape_of_struct(const struct rn_type_info *info, uint32_t count)
{
    if (info->is_library) {
        return (struct shape){count == 0 ? "" : "(", count == 0 ? "" : ")", count};
    }
    switch (info->shape) {
    case RN_SHAPE_TUPLE:
        return (struct shape){" (", ")", count};
    case RN_SHAPE_NAMED:
        return (struct shape){" {", "}", count};
    default:
        return (struct shape){"", "", 0};
    }
}

/* False if the value is no container that shows its parts. */
static bool shape_of(struct rn_vm *vm, struct rn_value value, struct shape *out_shape)
{
    switch ((enum rn_object_kind)value.object->kind) {
    case RN_OBJECT_VEC:
        *out_shape = (struct shape){"[", "]", rn_as_vec(value)->count};
        return true;
    case RN_OBJECT_VEC_DEQUE:
        *out_shape = (struct shape){"[", "]", rn_as_vec_deque(value)->count};
        return true;
    case RN_OBJECT_TUPLE:
        *out_shape = (struct shape){"(", ")", value.object->count};
        return true;
    case RN_OBJECT_RANGE:
        *out_shape = (struct shape){"", "", value.object->count};
        return true;
    case RN_OBJECT_OBJECT:
    case RN_OBJECT_MAP:
        *out_shape = (struct shape){"{", "}", rn_as_map(value)->used};
        return true;
    case RN_OBJECT_STRUCT: {
        struct rn_type_info info = rn_type_info(vm, value.object->type);
        *out_shape = shape_of_struct(&info, value.object->count);
        return info.is_variant || !info.is_library;
    }
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_STRING:
    case RN_OBJECT_FUNCTION:
    case RN_OBJECT_ITER:
    case RN_OBJECT_COROUTINE:
    case RN_OBJECT_FUTURE:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
    return false;
}

/* What stands before the brackets: the path of a script's type, a variant's name, a range's dots.
 */
static enum rn_outcome append_head(struct rn_vm *vm, struct rn_string *text, struct rn_value value)
{
    if (value.object->kind == RN_OBJECT_STRUCT) {
        struct rn_type_info info = rn_type_info(vm, value.object->type);
        struct rn_utf8 name = info.is_library ? last_segment(info.path) : info.path;
        return rn_fmt_append(vm, text, name.data, name.size);
    }
    switch (value.object->type) {
    case RN_TYPE_ID_RANGE_FULL:
    case RN_TYPE_ID_RANGE_TO:
        return rn_fmt_append_text(vm, text, "..");
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
        return rn_fmt_append_text(vm, text, "..=");
    default:
        return RN_DONE;
    }
}

static enum rn_outcome append_tail(struct rn_vm *vm, struct rn_string *text, struct rn_value value,
                                   const struct shape *shape)
{
    if (value.object->type == RN_TYPE_ID_RANGE_FROM) {
        return rn_fmt_append_text(vm, text, "..");
    }
    return rn_fmt_append_text(vm, text, shape->close);
}

/* The separator and the name before part `index`; `first`: nothing was shown yet. */
static enum rn_outcome append_prefix(struct rn_vm *vm, struct rn_string *text,
                                     struct rn_value value, uint64_t index, bool first)
{
    if (value.object->kind == RN_OBJECT_RANGE) {
        const char *dots = value.object->type == RN_TYPE_ID_RANGE_INCLUSIVE ? "..=" : "..";
        return first ? RN_DONE : rn_fmt_append_text(vm, text, dots);
    }
    if (!first) {
        RN_TRY_VM(rn_fmt_append_text(vm, text, ", "));
    }
    if (value.object->kind == RN_OBJECT_OBJECT) {
        const struct rn_key *key = &rn_as_map(value)->object_entries[index].key;
        RN_TRY_VM(rn_fmt_quote(vm, text, (struct rn_utf8){key->data, key->size}));
        return rn_fmt_append_text(vm, text, ": ");
    }
    if (value.object->kind == RN_OBJECT_STRUCT) {
        struct rn_type_info info = rn_type_info(vm, value.object->type);
        if (info.shape == RN_SHAPE_NAMED) {
            struct rn_utf8 name = rn_type_field(vm, value.object->type, (uint32_t)index);
            RN_TRY_VM(rn_fmt_append(vm, text, name.data, name.size));
            return rn_fmt_append_text(vm, text, ": ");
        }
    }
    return RN_DONE;
}

/* The value of part `index`, which is no removed entry. */
static struct rn_value part_of(struct rn_value value, uint64_t index)
{
    switch ((enum rn_object_kind)value.object->kind) {
    case RN_OBJECT_VEC:
        return rn_as_vec(value)->items[index];
    case RN_OBJECT_VEC_DEQUE:
        return *rn_vec_deque_at(rn_as_vec_deque(value), (uint32_t)index);
    case RN_OBJECT_OBJECT:
        return rn_as_map(value)->object_entries[index].value;
    case RN_OBJECT_MAP:
        return rn_as_map(value)->entries[index].key;
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_STRUCT:
    case RN_OBJECT_RANGE:
        return rn_as_tuple(value)->items[index];
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_STRING:
    case RN_OBJECT_FUNCTION:
    case RN_OBJECT_ITER:
    case RN_OBJECT_COROUTINE:
    case RN_OBJECT_FUTURE:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
    return rn_value_empty();
}

/* State of a frame: bit 0: a part was shown; bit 1: the key of a map entry was. */
enum {
    SHOWN = 1,
    KEY_SHOWN = 2
};

/* A leaf is appended, a container begun and pushed. */
static enum rn_outcome visit(struct rn_vm *vm, struct rn_string *text, struct rn_walk *walk,
                             struct rn_value value)
{
    rn_charge(vm, 1);
    RN_TRY_VM(rn_check_spent(vm));
    if (!rn_value_is_object(value)) {
        return append_inline(vm, text, value);
    }
    RN_TRY_VM(rn_check_read(vm, value));
    if (value.object->kind == RN_OBJECT_STRING) {
        const struct rn_string *string = rn_as_string(value);
        return value.object->type == RN_TYPE_ID_BYTES
                   ? append_bytes(vm, text, string)
                   : rn_fmt_quote(vm, text, rn_string_text(string));
    }
    if (value.object->kind == RN_OBJECT_FUNCTION) {
        return append_function(vm, text, (const struct rn_function *)value.object);
    }
    if (value.object->type == RN_TYPE_ID_GENERATOR || value.object->type == RN_TYPE_ID_STREAM) {
        return append_coroutine(vm, text, value);
    }
    if (value.object->type == RN_TYPE_ID_SNAPSHOT) {
        return append_snapshot(vm, text, value);
    }
    struct shape shape;
    if (!shape_of(vm, value, &shape)) {
        bool done;
        RN_TRY_VM(rn_std_append_time(vm, text, value, &done));
        return done ? RN_DONE : append_opaque(vm, text, value);
    }
    RN_TRY_VM(append_head(vm, text, value));
    RN_TRY_VM(rn_fmt_append_text(vm, text, shape.open));
    return rn_walk_push(vm, walk, value);
}

/* The next part of the innermost container, or its end. */
static enum rn_outcome advance(struct rn_vm *vm, struct rn_string *text, struct rn_walk *walk)
{
    struct rn_walk_frame *frame = rn_walk_top(walk);
    struct rn_value value = frame->value;
    if ((frame->state & KEY_SHOWN) != 0) {
        struct rn_value item = rn_as_map(value)->entries[frame->position].value;
        frame->state = SHOWN;
        frame->position++;
        RN_TRY_VM(rn_fmt_append_text(vm, text, ": "));
        return visit(vm, text, walk, item);
    }
    struct shape shape;
    (void)shape_of(vm, value, &shape);
    if (value.object->kind == RN_OBJECT_OBJECT || value.object->kind == RN_OBJECT_MAP) {
        frame->position = rn_map_live_from(rn_as_map(value), frame->position);
    }
    if (frame->position >= shape.count) {
        walk->count--;
        return append_tail(vm, text, value, &shape);
    }
    uint64_t index = frame->position;
    struct rn_value part = part_of(value, index);
    bool first = (frame->state & SHOWN) == 0;
    if (value.object->type == RN_TYPE_ID_HASH_MAP) {
        frame->state = SHOWN | KEY_SHOWN;
    } else {
        frame->state = SHOWN;
        frame->position++;
    }
    RN_TRY_VM(append_prefix(vm, text, value, index, first));
    return visit(vm, text, walk, part);
}

enum rn_outcome rn_fmt_debug(struct rn_vm *vm, struct rn_string *text, struct rn_value value)
{
    struct rn_walk walk = {0};
    enum rn_outcome outcome = visit(vm, text, &walk, value);
    while (outcome == RN_DONE && walk.count != 0) {
        outcome = advance(vm, text, &walk);
    }
    rn_walk_done(vm, &walk);
    return outcome;
}
