/*
 * toml_write.c: toml::to_string and to_bytes: an Object as a TOML document, and toml::ser::Error.
 *
 * First come the entries of a table that fit a line, then its tables with headers of their own, in
 * their order; a vector of objects becomes an array of tables. Entries that are None are left out.
 * Strings are basic strings on one line.
 *
 * The containers that are begun stand in a vector of triples: the container, the number of its next
 * part, and how it is written. A String or Bytes that is being written stands in PART, and the
 * offset within it in the native's first word.
 *
 * What is looked at without being written ends a round like what is written. Values share their parts:
 * beyond LOOKED_AT_MAX parts of a round, which hardly fit a heap, each costs more, as in other walks.
 */
#include "base/float_text.h"
#include "worker/std/error.h"
#include "worker/std/fmt_parts.h"
#include "worker/std/std.h"
#include "worker/std/toml.h"

#include <string.h>

/* Room for any double without an exponent. */
#define NUMBER_MAX 400u

/* Elements of the state tuple. */
enum {
    STACK,
    OUTPUT,
    PART,
    BYTES, /* true: the result is wanted as Bytes */
    STATE_COUNT
};

/* A frame of the stack. */
enum {
    CONTAINER,
    PLACE, /* next part */
    FORM,
    FRAME_SIZE
};

enum form {
    ENTRIES,  /* of a table: what fits a line */
    TABLES,   /* of a table: the rest */
    ELEMENTS, /* of an array of tables */
    ARRAY,
    INLINE,
    FORMS = 7,
    SHOWN = 8, /* a part was written */
};

#define LOOKED_AT_MAX ((uint64_t)4 << 20)
#define LOOKED_AT_COST 128u

struct writer {
    struct rn_vm *vm;
    uint64_t looked_at; /* parts in this round */
    struct rn_value *items;
    struct rn_vec *stack;
    struct rn_string *output;
    struct rn_error_text fault;
    bool failed; /* `fault` says how */
};

static struct rn_value *frame_at(const struct writer *w, uint32_t index)
{
    return &w->stack->items[index];
}

static const struct rn_object_entry *entry_at(struct rn_value object, uint64_t index)
{
    return &rn_as_map(object)->object_entries[index];
}

/* ---- Errors ---- */

static enum rn_outcome refuse(struct writer *w, const char *what, struct rn_utf8 more)
{
    w->failed = true;
    rn_error_text_init(&w->fault);
    rn_error_text_add(&w->fault, what);
    rn_error_text_add_utf8(&w->fault, more);
    for (uint32_t i = 0; i < w->stack->count; i += FRAME_SIZE) {
        const struct rn_value *frame = frame_at(w, i);
        uint64_t part = frame[PLACE].u64 - 1;
        rn_error_text_add(&w->fault, i == 0 ? " at " : "");
        if (frame[CONTAINER].object->kind == RN_OBJECT_OBJECT) {
            const struct rn_key *key = &entry_at(frame[CONTAINER], part)->key;
            rn_error_text_add(&w->fault, ".");
            rn_error_text_add_utf8(&w->fault, (struct rn_utf8){key->data, key->size});
        } else {
            rn_error_text_add(&w->fault, "[");
            rn_error_text_add_number(&w->fault, part);
            rn_error_text_add(&w->fault, "]");
        }
    }
    return RN_RAISED;
}

static enum rn_outcome refuse_plainly(struct writer *w, const char *what)
{
    return refuse(w, what, (struct rn_utf8){"", 0});
}

static enum rn_outcome refuse_object(struct writer *w, struct rn_value value)
{
    struct rn_type_info info = rn_type_info(w->vm, value.object->type);
    return value.object->kind == RN_OBJECT_STRUCT && !info.is_library
               ? refuse(w, "cannot serialize struct ", info.path)
               : refuse_plainly(w, "cannot serialize external references");
}

static enum rn_outcome refuse_depth(struct writer *w)
{
    w->failed = true;
    rn_error_text_init(&w->fault);
    rn_error_text_add(&w->fault, "recursion limit exceeded");
    return RN_RAISED;
}

/* ---- Text ---- */

static enum rn_outcome put(struct writer *w, const char *data, size_t size)
{
    return rn_fmt_append(w->vm, w->output, data, size);
}

static enum rn_outcome put_text(struct writer *w, const char *text)
{
    return put(w, text, strlen(text));
}

static enum rn_outcome put_escape(struct writer *w, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
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

static enum rn_outcome put_escaped(struct writer *w, const char *data, size_t size)
{
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
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
    bool bare = key->size > 0;
    for (uint32_t i = 0; bare && i < key->size; i++) {
        bare = rn_toml_is_bare(key->data[i]);
    }
    rn_std_charge_bytes(w->vm, 8 * (uint64_t)key->size);
    if (bare) {
        return put(w, key->data, key->size);
    }
    RN_TRY_VM(put(w, "\"", 1));
    RN_TRY_VM(put_escaped(w, key->data, key->size));
    return put(w, "\"", 1);
}

/* ---- Strings and Bytes, a chunk at a time ---- */

static enum rn_outcome begin_part(struct writer *w, struct rn_value value)
{
    rn_std_charge_bytes(w->vm, 4 * (uint64_t)rn_as_string(value)->size);
    w->items[PART] = value;
    rn_native_state(w->vm)[0] = 0;
    return put_text(w, value.object->type == RN_TYPE_ID_BYTES ? "[" : "\"");
}

static enum rn_outcome put_bytes(struct writer *w, const char *data, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (i > 0) {
            RN_TRY_VM(put_text(w, ", "));
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
        return RN_DONE;
    }
    w->items[PART] = rn_value_unit();
    return put_text(w, bytes ? "]" : "\"");
}

/* ---- What a value is ---- */

/* They cost `cost` while they are few. */
static void look_at(struct writer *w, uint64_t parts, uint64_t cost)
{
    w->looked_at += parts;
    rn_charge(w->vm, w->looked_at <= LOOKED_AT_MAX ? cost : parts * LOOKED_AT_COST);
}

/* Some(v) counts as v. False: nested without end. */
static bool unwrap(struct writer *w, struct rn_value *value)
{
    for (uint32_t levels = 0; rn_is_some(*value); levels++) {
        look_at(w, 1, levels > 0);
        if (levels == RN_TOML_LEVELS_MAX) {
            return false;
        }
        *value = rn_payload(*value);
    }
    return true;
}

static bool is_none(struct rn_value value)
{
    return value.tag == RN_VALUE_NONE || rn_object_is(value, RN_VARIANT_ID_OPTION_NONE);
}

static bool is_object(struct rn_value value)
{
    return rn_object_is(value, RN_TYPE_ID_OBJECT) && (value.object->flags & RN_OBJECT_MOVED) == 0;
}

/* The elements of a vector or a tuple. */
static const struct rn_value *elements_of(struct rn_value list, uint32_t *out_count)
{
    if (list.object->kind == RN_OBJECT_VEC) {
        *out_count = rn_as_vec(list)->count;
        return rn_as_vec(list)->items;
    }
    *out_count = list.object->count;
    return rn_as_tuple(list)->items;
}

/* A vector or a tuple of objects, and of nothing else. */
static bool is_array_of_tables(struct writer *w, struct rn_value value)
{
    bool list = rn_object_is(value, RN_TYPE_ID_VEC) || rn_object_is(value, RN_TYPE_ID_TUPLE);
    if (!list || (value.object->flags & RN_OBJECT_MOVED) != 0) {
        return false;
    }
    uint32_t count;
    const struct rn_value *items = elements_of(value, &count);
    uint32_t i = 0;
    for (; i < count; i++) {
        struct rn_value item = items[i];
        if (!unwrap(w, &item) || !is_object(item)) {
            break;
        }
    }
    look_at(w, i, i / 4);
    return i > 0 && i == count;
}

static bool has_header(struct writer *w, struct rn_value value)
{
    return is_object(value) || is_array_of_tables(w, value);
}

/* ---- Values in a line ---- */

/* All digits, without an exponent, and always a point. */
static enum rn_outcome put_number(struct writer *w, double value)
{
    char text[NUMBER_MAX];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, text, sizeof(text));
    rn_f64_append_display(&buf, value);
    if (memchr(text, '.', buf.size) == NULL) {
        rn_buf_append_text(&buf, ".0");
    }
    return put(w, text, buf.size);
}

static enum rn_outcome put_inline(struct writer *w, struct rn_value value)
{
    bool done;
    switch (value.tag) {
    case RN_VALUE_F64:
        if (value.f64 - value.f64 != 0) {
            return put_text(w, value.f64 != value.f64 ? "nan" : value.f64 < 0 ? "-inf" : "inf");
        }
        return put_number(w, value.f64);
    case RN_VALUE_U64:
    case RN_VALUE_I64:
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
        return refuse_plainly(w, "unsupported unit type");
    case RN_VALUE_NONE:
        return refuse_plainly(w, "unsupported None value");
    case RN_VALUE_TYPE:
        return refuse_plainly(w, "cannot serialize types");
    case RN_VALUE_ORDERING:
        return refuse_plainly(w, "cannot serialize orderings");
    default:
        return refuse_plainly(w, "cannot serialize type hashes");
    }
}

static enum rn_outcome push(struct writer *w, struct rn_value container, enum form form)
{
    if (w->stack->count / FRAME_SIZE == RN_TOML_LEVELS_MAX) {
        return refuse_depth(w);
    }
    bool done = rn_vec_push(w->vm, w->stack, container) &&
                rn_vec_push(w->vm, w->stack, rn_value_u64(0)) &&
                rn_vec_push(w->vm, w->stack, rn_value_u64(form));
    return done ? RN_DONE : RN_RAISED;
}

static enum rn_outcome put_value(struct writer *w, struct rn_value value)
{
    rn_charge(w->vm, 1);
    if (!unwrap(w, &value)) {
        return refuse_depth(w);
    }
    if (!rn_value_is_object(value)) {
        return put_inline(w, value);
    }
    if ((value.object->flags & RN_OBJECT_MOVED) != 0) {
        return refuse_plainly(w, "cannot serialize a value that was moved");
    }
    switch (value.object->kind) {
    case RN_OBJECT_STRING:
        return begin_part(w, value);
    case RN_OBJECT_VEC:
    case RN_OBJECT_TUPLE:
        RN_TRY_VM(put_text(w, "["));
        return push(w, value, ARRAY);
    case RN_OBJECT_OBJECT:
        RN_TRY_VM(put_text(w, "{"));
        return push(w, value, INLINE);
    default:
        return is_none(value) ? refuse_plainly(w, "unsupported None value")
                              : refuse_object(w, value);
    }
}

/* ---- Frames ---- */

/* The header of what was just pushed: the names on the way to it. */
static enum rn_outcome put_header(struct writer *w, bool array)
{
    RN_TRY_VM(put_text(w, w->output->size > 0 ? "\n[" : "["));
    RN_TRY_VM(put_text(w, array ? "[" : ""));
    bool first = true;
    for (uint32_t i = 0; i + FRAME_SIZE < w->stack->count; i += FRAME_SIZE) {
        const struct rn_value *frame = frame_at(w, i);
        if ((frame[FORM].u64 & FORMS) != TABLES) {
            continue; // an array of tables: named by its table
        }
        RN_TRY_VM(put_text(w, first ? "" : "."));
        RN_TRY_VM(put_key(w, &entry_at(frame[CONTAINER], frame[PLACE].u64 - 1)->key));
        first = false;
    }
    return put_text(w, array ? "]]\n" : "]\n");
}

/* Tables of tables need no header of their own; one with nothing to show does, to be there at all. */
static enum rn_outcome needs_header(struct writer *w, struct rn_value object, bool *out_needs)
{
    const struct rn_map *map = rn_as_map(object);
    look_at(w, map->used, map->used / 4);
    bool has_tables = false;
    bool has_entries = false;
    for (uint32_t i = 0; i < map->used && !has_entries; i++) {
        struct rn_value value = map->object_entries[i].value;
        RN_TRY_VM(rn_check_spent(w->vm));
        if (value.tag != RN_VALUE_EMPTY && unwrap(w, &value) && !is_none(value)) {
            bool table = has_header(w, value);
            has_tables = has_tables || table;
            has_entries = !table;
        }
    }
    *out_needs = has_entries || !has_tables;
    return RN_DONE;
}

static void pop(struct writer *w)
{
    w->stack->count -= FRAME_SIZE;
}

/* The next part of a frame's object, EMPTY at its end; Some is taken off, None is passed over. */
static enum rn_outcome next_entry(struct writer *w, struct rn_value *frame,
                                  struct rn_value *out_value)
{
    const struct rn_map *map = rn_as_map(frame[CONTAINER]);
    *out_value = rn_value_empty();
    while (frame[PLACE].u64 < map->used) {
        struct rn_value value = map->object_entries[frame[PLACE].u64++].value;
        look_at(w, 1, 1);
        RN_TRY_VM(rn_check_spent(w->vm));
        if (!unwrap(w, &value)) {
            return refuse_depth(w);
        }
        if (value.tag != RN_VALUE_EMPTY && !is_none(value)) {
            *out_value = value;
            return RN_DONE;
        }
    }
    return RN_DONE;
}

static enum rn_outcome put_entry(struct writer *w, const struct rn_value *frame,
                                 struct rn_value value)
{
    RN_TRY_VM(put_key(w, &entry_at(frame[CONTAINER], frame[PLACE].u64 - 1)->key));
    RN_TRY_VM(put_text(w, " = "));
    return put_value(w, value);
}

static enum rn_outcome advance_entries(struct writer *w, struct rn_value *frame)
{
    if ((frame[FORM].u64 & SHOWN) != 0) {
        frame[FORM].u64 = ENTRIES;
        RN_TRY_VM(put_text(w, "\n"));
    }
    struct rn_value value;
    RN_TRY_VM(next_entry(w, frame, &value));
    if (value.tag == RN_VALUE_EMPTY) {
        frame[PLACE].u64 = 0;
        frame[FORM].u64 = TABLES;
        return RN_DONE;
    }
    if (has_header(w, value)) {
        return RN_DONE;
    }
    frame[FORM].u64 = ENTRIES | SHOWN;
    return put_entry(w, frame, value);
}

static enum rn_outcome advance_tables(struct writer *w, struct rn_value *frame)
{
    struct rn_value value;
    RN_TRY_VM(next_entry(w, frame, &value));
    if (value.tag == RN_VALUE_EMPTY) {
        pop(w);
        return RN_DONE;
    }
    if (is_object(value)) {
        bool needs = false;
        RN_TRY_VM(push(w, value, ENTRIES));
        RN_TRY_VM(needs_header(w, value, &needs));
        return needs ? put_header(w, false) : RN_DONE;
    }
    return is_array_of_tables(w, value) ? push(w, value, ELEMENTS) : RN_DONE;
}

static enum rn_outcome advance_elements(struct writer *w, struct rn_value *frame)
{
    uint32_t count;
    const struct rn_value *items = elements_of(frame[CONTAINER], &count);
    if (frame[PLACE].u64 >= count) {
        pop(w);
        return RN_DONE;
    }
    struct rn_value table = items[frame[PLACE].u64++];
    (void)unwrap(w, &table); // is_array_of_tables has done it before
    RN_TRY_VM(push(w, table, ENTRIES));
    return put_header(w, true);
}

static enum rn_outcome advance_array(struct writer *w, struct rn_value *frame)
{
    uint32_t count;
    const struct rn_value *items = elements_of(frame[CONTAINER], &count);
    if (frame[PLACE].u64 >= count) {
        pop(w);
        return put_text(w, "]");
    }
    uint64_t i = frame[PLACE].u64++;
    if (i > 0) {
        RN_TRY_VM(put_text(w, ", "));
    }
    return put_value(w, items[i]);
}

static enum rn_outcome advance_inline(struct writer *w, struct rn_value *frame)
{
    struct rn_value value;
    bool shown = (frame[FORM].u64 & SHOWN) != 0;
    RN_TRY_VM(next_entry(w, frame, &value));
    if (value.tag == RN_VALUE_EMPTY) {
        pop(w);
        return put_text(w, shown ? " }" : "}");
    }
    frame[FORM].u64 = INLINE | SHOWN;
    RN_TRY_VM(put_text(w, shown ? ", " : " "));
    return put_entry(w, frame, value);
}

static enum rn_outcome advance(struct writer *w)
{
    struct rn_value *frame = frame_at(w, w->stack->count - FRAME_SIZE);
    switch ((enum form)(frame[FORM].u64 & FORMS)) {
    case ENTRIES:
        return advance_entries(w, frame);
    case TABLES:
        return advance_tables(w, frame);
    case ELEMENTS:
        return advance_elements(w, frame);
    case ARRAY:
        return advance_array(w, frame);
    case INLINE:
    case FORMS:
    case SHOWN:
        break;
    }
    return advance_inline(w, frame);
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

static enum rn_outcome end_round(struct writer *w, struct rn_value *args, enum rn_outcome outcome)
{
    if (w->failed) {
        return rn_std_text_error(w->vm, args, RN_TYPE_ID_TOML_SER_ERROR, &w->fault, NULL);
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
    for (uint32_t steps = 0; outcome == RN_DONE && steps < RN_STD_CHUNK_ITEMS &&
                             w.looked_at < RN_STD_CHUNK_ITEMS && w.output->size < full;
         steps++) {
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
    struct rn_value value = args[0];
    args[0] = rn_value_object(state);
    if (!unwrap(&w, &value)) {
        return end_round(&w, args, refuse_depth(&w));
    }
    return end_round(&w, args,
                     is_object(value) ? push(&w, value, ENTRIES)
                                      : refuse_plainly(&w, "a document is a table: only objects "
                                                           "can be serialized"));
}

enum rn_outcome rn_std_toml_to_string(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_native_round(vm) == 0 ? begin(vm, args, false) : go_on(vm, args);
}

enum rn_outcome rn_std_toml_to_bytes(struct rn_vm *vm, struct rn_value *args, uint32_t count)
{
    (void)count;
    return rn_native_round(vm) == 0 ? begin(vm, args, true) : go_on(vm, args);
}
