/*
 * json_write.c: json::to_string and to_bytes: a value to compact JSON, and json::Error.
 *
 * (), None, NaN and infinities become null, chars strings, tuples and Bytes arrays; objects keep
 * their order. What else there is (structs, maps, functions ..) gives an Err with the path to it.
 *
 * The containers that are begun stand in a vector of pairs: the container, and twice the number of
 * the next part, odd once a part was written. A String or Bytes that is being written stands in
 * PART, and the offset within it in the native's first word.
 */
#include "base/float_text.h"
#include "worker/std/error.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/json.h"
#include "worker/std/std.h"

#include <string.h>

/* Elements of the state tuple. */
enum {
    STACK,
    OUTPUT,
    PART,
    BYTES, /* true: the result is wanted as Bytes */
    STATE_COUNT
};

struct writer {
    struct rn_vm *vm;
    struct rn_value *items;
    struct rn_vec *stack;
    struct rn_string *output;
    struct rn_error_text fault;
    bool failed; /* `fault` says how */
};

/* ---- Errors ---- */

enum rn_outcome rn_std_json_error(struct rn_vm *vm, struct rn_value *args, struct rn_utf8 message,
                                  uint64_t line, uint64_t column)
{
    struct rn_error_text display;
    struct rn_error_text debug;
    rn_error_text_init(&display);
    rn_error_text_init(&debug);
    rn_error_text_add_utf8(&display, message);
    rn_error_text_add(&debug, "Error(\"");
    for (size_t i = 0; i < message.size; i++) {
        if (message.data[i] == '\\' || message.data[i] == '"') {
            rn_error_text_add(&debug, "\\");
        }
        rn_error_text_add_utf8(&debug, (struct rn_utf8){message.data + i, 1});
    }
    rn_error_text_add(&debug, "\", line: ");
    rn_error_text_add_number(&debug, line);
    rn_error_text_add(&debug, ", column: ");
    rn_error_text_add_number(&debug, column);
    rn_error_text_add(&debug, ")");
    if (line != 0) {
        rn_error_text_add(&display, " at line ");
        rn_error_text_add_number(&display, line);
        rn_error_text_add(&display, " column ");
        rn_error_text_add_number(&display, column);
    }
    return rn_std_text_error(vm, args, RN_TYPE_ID_JSON_ERROR, &display, &debug);
}

/* " at .items[3].name", if it is not the value itself. */
static void add_path(struct writer *w)
{
    if (w->stack->count > 0) {
        rn_error_text_add(&w->fault, " at ");
    }
    for (uint32_t i = 0; i < w->stack->count; i += 2) {
        struct rn_value container = w->stack->items[i];
        uint64_t part = w->stack->items[i + 1].u64 / 2 - 1;
        if (container.object->kind == RN_OBJECT_OBJECT) {
            const struct rn_key *key = &rn_as_map(container)->object_entries[part].key;
            rn_error_text_add(&w->fault, ".");
            rn_error_text_add_utf8(&w->fault, (struct rn_utf8){key->data, key->size});
        } else {
            rn_error_text_add(&w->fault, "[");
            rn_error_text_add_number(&w->fault, part);
            rn_error_text_add(&w->fault, "]");
        }
    }
}

/* `more`, if its data is not NULL, is appended to `what`. */
static enum rn_outcome refuse(struct writer *w, const char *what, struct rn_utf8 more)
{
    w->failed = true;
    rn_error_text_init(&w->fault);
    rn_error_text_add(&w->fault, what);
    if (more.data != NULL) {
        rn_error_text_add_utf8(&w->fault, more);
    }
    add_path(w);
    return RN_RAISED;
}

static enum rn_outcome refuse_plainly(struct writer *w, const char *what)
{
    return refuse(w, what, (struct rn_utf8){0});
}

/* Without the path, which would be as long as the nesting. */
static enum rn_outcome refuse_depth(struct writer *w)
{
    w->failed = true;
    rn_error_text_init(&w->fault);
    rn_error_text_add(&w->fault, "recursion limit exceeded");
    return RN_RAISED;
}

static enum rn_outcome refuse_struct(struct writer *w, struct rn_value value)
{
    struct rn_type_info info = rn_type_info(w->vm, value.object->type);
    if (info.is_library) {
        return refuse_plainly(w, "cannot serialize external references");
    }
    switch (info.shape) {
    case RN_SHAPE_UNIT:
        return refuse(w, "cannot serialize empty struct ", info.path);
    case RN_SHAPE_TUPLE:
        return refuse(w, "cannot serialize tuple struct ", info.path);
    default:
        return refuse(w, "cannot serialize struct ", info.path);
    }
}

/* ---- Text ---- */

static enum rn_outcome put(struct writer *w, const char *data, size_t size)
{
    return rn_fmt_append(w->vm, w->output, data, size);
}

static enum rn_outcome put_escape(struct writer *w, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = c == 0 ? NULL : strchr(names, c);
    char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    if (found != NULL) {
        text[1] = letters[found - names];
        return put(w, text, 2);
    }
    return put(w, text, sizeof(text));
}

/* What stands for itself in runs, the rest escaped. */
static enum rn_outcome put_escaped(struct writer *w, const char *data, size_t size)
{
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        RN_TRY_VM(put(w, data + plain, i - plain));
        RN_TRY_VM(put_escape(w, c));
        plain = i + 1;
    }
    return put(w, data + plain, size - plain);
}

static enum rn_outcome put_key(struct writer *w, const struct rn_key *key)
{
    rn_std_charge_bytes(w->vm, 4 * (uint64_t)key->size);
    RN_TRY_VM(put(w, "\"", 1));
    RN_TRY_VM(put_escaped(w, key->data, key->size));
    return put(w, "\":", 2);
}

/* ---- Strings and Bytes, a chunk at a time ---- */

static enum rn_outcome begin_part(struct writer *w, struct rn_value value)
{
    rn_std_charge_bytes(w->vm, 4 * (uint64_t)rn_as_string(value)->size);
    w->items[PART] = value;
    rn_native_state(w->vm)[0] = 0;
    return put(w, value.object->type == RN_TYPE_ID_BYTES ? "[" : "\"", 1);
}

static enum rn_outcome put_bytes(struct writer *w, const char *data, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (i > 0) {
            RN_TRY_VM(put(w, ",", 1));
        }
        RN_TRY_VM(rn_fmt_append_u64(w->vm, w->output, (uint8_t)data[i]));
    }
    return RN_DONE;
}

static enum rn_outcome go_on_part(struct writer *w)
{
    const struct rn_string *string = rn_as_string(w->items[PART]);
    bool bytes = string->header.type == RN_TYPE_ID_BYTES;
    uint64_t *at = rn_native_state(w->vm);
    size_t chunk = bytes ? RN_STD_CHUNK_ITEMS : RN_STD_CHUNK_BYTES;
    size_t end = string->size - *at < chunk ? string->size : *at + chunk;
    RN_TRY_VM(bytes ? put_bytes(w, string->data, *at, end)
                    : put_escaped(w, string->data + *at, end - *at));
    *at = end;
    if (end < string->size) {
        return RN_AGAIN;
    }
    w->items[PART] = rn_value_unit();
    return put(w, bytes ? "]" : "\"", 1);
}

/* ---- Values ---- */

/* As elsewhere, but "1e+16": an exponent has a sign. */
static void append_number(struct rn_buf *buf, double value)
{
    char storage[RN_F64_TEXT_MAX];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    rn_f64_append_general(&text, value);
    const char *exponent = memchr(storage, 'e', text.size);
    size_t mantissa = exponent == NULL ? text.size : (size_t)(exponent - storage) + 1;
    rn_buf_append(buf, storage, mantissa);
    if (exponent != NULL && exponent[1] != '-') {
        rn_buf_append(buf, "+", 1);
    }
    rn_buf_append(buf, storage + mantissa, text.size - mantissa);
}

static enum rn_outcome put_inline(struct writer *w, struct rn_value value)
{
    bool done;
    switch (value.tag) {
    case RN_VALUE_F64:
        if (value.f64 - value.f64 != 0) {
            return put(w, "null", 4);
        }
        return rn_fmt_append_f64(w->vm, w->output, value.f64, append_number);
    case RN_VALUE_I64:
    case RN_VALUE_U64:
    case RN_VALUE_BOOL:
        return rn_fmt_append_scalar(w->vm, w->output, value, &done);
    case RN_VALUE_CHAR: {
        char text[4];
        size_t size = rn_utf8_encode((uint32_t)value.u64, text);
        RN_TRY_VM(put(w, "\"", 1));
        RN_TRY_VM(put_escaped(w, text, size));
        return put(w, "\"", 1);
    }
    case RN_VALUE_UNIT:
    case RN_VALUE_NONE:
        return put(w, "null", 4);
    case RN_VALUE_TYPE:
        return refuse_plainly(w, "cannot serialize types");
    case RN_VALUE_ORDERING:
        return refuse_plainly(w, "cannot serialize orderings");
    default:
        return refuse_plainly(w, "cannot serialize type hashes");
    }
}

static enum rn_outcome open(struct writer *w, struct rn_value value)
{
    if (w->stack->count / 2 == RN_JSON_LEVELS_MAX) {
        return refuse_depth(w);
    }
    if (!rn_vec_push(w->vm, w->stack, value) || !rn_vec_push(w->vm, w->stack, rn_value_u64(0))) {
        return RN_RAISED;
    }
    return put(w, value.object->kind == RN_OBJECT_OBJECT ? "{" : "[", 1);
}

static enum rn_outcome put_value(struct writer *w, struct rn_value value)
{
    rn_charge(w->vm, 1);
    for (uint32_t levels = 0; rn_value_is_object(value); levels++) {
        if ((value.object->flags & RN_OBJECT_MOVED) != 0) {
            return refuse_plainly(w, "cannot serialize a value that was moved");
        }
        if (!rn_is_some(value)) {
            break;
        }
        if (levels == RN_JSON_LEVELS_MAX) {
            return refuse_depth(w);
        }
        rn_charge(w->vm, levels > 0);
        value = rn_payload(value);
    }
    if (!rn_value_is_object(value)) {
        return put_inline(w, value);
    }
    switch (value.object->kind) {
    case RN_OBJECT_STRING:
        return begin_part(w, value);
    case RN_OBJECT_VEC:
    case RN_OBJECT_TUPLE:
    case RN_OBJECT_OBJECT:
        return open(w, value);
    case RN_OBJECT_STRUCT:
        if (value.object->type == RN_VARIANT_ID_OPTION_NONE) {
            return put(w, "null", 4); // an Option that was taken
        }
        return refuse_struct(w, value);
    default:
        return refuse_plainly(w, "cannot serialize external references");
    }
}

/* The next part of the innermost container, or its end. */
static enum rn_outcome advance(struct writer *w)
{
    struct rn_value container = w->stack->items[w->stack->count - 2];
    struct rn_value *place = &w->stack->items[w->stack->count - 1];
    uint64_t index = place->u64 / 2;
    bool shown = place->u64 % 2 != 0;
    bool object = container.object->kind == RN_OBJECT_OBJECT;
    bool vec = container.object->kind == RN_OBJECT_VEC;
    if (object) {
        index = rn_map_live_from(rn_as_map(container), index);
    }
    uint64_t count = object ? rn_as_map(container)->used
                     : vec  ? rn_as_vec(container)->count
                            : container.object->count;
    if (index >= count) {
        w->stack->count -= 2;
        return put(w, object ? "}" : "]", 1);
    }
    struct rn_value part = object ? rn_as_map(container)->object_entries[index].value
                           : vec  ? rn_as_vec(container)->items[index]
                                  : rn_as_tuple(container)->items[index];
    place->u64 = (index + 1) * 2 + 1;
    if (shown) {
        RN_TRY_VM(put(w, ",", 1));
    }
    if (object) {
        RN_TRY_VM(put_key(w, &rn_as_map(container)->object_entries[index].key));
    }
    return put_value(w, part);
}

/* ---- Rounds ---- */

static enum rn_outcome finish(struct writer *w, struct rn_value *args)
{
    struct rn_string *result = w->output;
    if (rn_value_is_true(w->items[BYTES])) {
        result->header.type = RN_TYPE_ID_BYTES; // nobody else has it yet
    }
    return rn_make_ok(w->vm, rn_value_object(result), &args[0]);
}

/* What follows from the outcome of a round. */
static enum rn_outcome end_round(struct writer *w, struct rn_value *args, enum rn_outcome outcome)
{
    if (w->failed) {
        return rn_std_json_error(w->vm, args, rn_error_text_get(&w->fault), 0, 0);
    }
    return outcome == RN_DONE ? RN_AGAIN : outcome;
}

static enum rn_outcome go_on(struct rn_vm *vm, struct rn_value *args)
{
    struct rn_value *items = rn_as_tuple(args[0])->items;
    struct writer w = {.vm = vm,
                       .items = items,
                       .stack = rn_as_vec(items[STACK]),
                       .output = rn_as_string(items[OUTPUT])};
    enum rn_outcome outcome = RN_DONE;
    size_t full = (size_t)w.output->size + RN_STD_CHUNK_BYTES;
    for (uint32_t steps = 0;
         outcome == RN_DONE && steps < RN_STD_CHUNK_ITEMS && w.output->size < full; steps++) {
        if (rn_value_is_object(items[PART])) {
            outcome = go_on_part(&w);
        } else if (w.stack->count > 0) {
            outcome = advance(&w);
        } else {
            return finish(&w, args);
        }
    }
    return end_round(&w, args, outcome);
}

static enum rn_outcome begin(struct rn_vm *vm, struct rn_value *args, bool bytes)
{
    struct rn_vec *stack = rn_vec_new(vm, 0);
    struct rn_string *output = rn_string_with_capacity(vm, 0);
    struct rn_tuple *state = rn_tuple_new(vm, STATE_COUNT);
    if (stack == NULL || output == NULL || state == NULL) {
        return RN_RAISED;
    }
    struct writer w = {.vm = vm, .items = state->items, .stack = stack, .output = output};
    state->items[STACK] = rn_value_object(stack);
    state->items[OUTPUT] = rn_value_object(output);
    state->items[BYTES] = rn_value_bool(bytes);
    enum rn_outcome outcome = put_value(&w, args[0]);
    args[0] = rn_value_object(state);
    return end_round(&w, args, outcome);
}

enum rn_outcome rn_std_json_to_string(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_native_round(vm) == 0 ? begin(vm, args, false) : go_on(vm, args);
}

enum rn_outcome rn_std_json_to_bytes(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_native_round(vm) == 0 ? begin(vm, args, true) : go_on(vm, args);
}
