/*
 * json_write.c: one ConstValue as JSON text.
 *
 * A first pass over the tokens refuses what is not a value, and finds the maps that have other keys
 * than strings, so that the second pass can write from front to back. Each open container has a
 * frame that says what stands between its values.
 *
 * Trust: reads values from anybody; names come from the caller.
 */
#include "base/alloc.h"
#include "base/float_text.h"
#include "base/math.h"
#include "bytecode/const_value.h"
#include "bytecode/json.h"
#include "bytecode/unit_layout.h"

#include <string.h>

/* How the values of a container are written. */
enum shape {
    SHAPE_PASS,   /* the only value as it is */
    SHAPE_ARRAY,  /* [v, v] */
    SHAPE_OBJECT, /* {k: v} */
    SHAPE_PAIRS,  /* [[k, v], [k, v]] */
    SHAPE_FIELDS, /* {name: v} */
};

struct frame {
    const struct rn_utf8 *fields; /* names of SHAPE_FIELDS; borrowed */
    enum shape shape;
    bool wrapped;   /* stands inside an object that ends with it */
    uint32_t index; /* of the next value */
    size_t map;     /* its place among the maps, in the first pass */
};

struct writer {
    struct rn_buf *out;
    const struct rn_json_options *options;
    struct rn_const_reader reader;
    struct rn_const_level *levels;
    struct frame *frames; /* as many as levels */
    size_t depth;         /* frames in use */
    size_t indent;
    struct rn_buf
        odd_maps; /* a byte for each map in order: whether it has other keys than strings */
    size_t map_index;
};

/* --- Strings --- */

static void append_escape(struct rn_buf *buf, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "\"\\bfnrt";
    static const char values[] = "\"\\\b\f\n\r\t";
    const char *found = unit == 0 || unit > 0x7e ? NULL : strchr(values, (int)unit);
    rn_buf_append_u8(buf, '\\');
    if (found != NULL) {
        rn_buf_append_u8(buf, (uint8_t)names[found - values]);
        return;
    }
    rn_buf_append_u8(buf, 'u');
    for (int shift = 12; shift >= 0; shift -= 4) {
        rn_buf_append_u8(buf, (uint8_t)hex[unit >> shift & 15]);
    }
}

/* Controls of ASCII, DEL and those of Latin 1, which terminals obey too. */
static bool needs_escape(const char *text, size_t left, size_t *out_width)
{
    unsigned char c = (unsigned char)text[0];
    *out_width = 1;
    if (c == 0xc2 && left > 1 && (unsigned char)text[1] < 0xa0) {
        *out_width = 2;
        return true;
    }
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

/* `text` is UTF-8. */
static void append_escaped(struct rn_buf *buf, const char *text, size_t size)
{
    size_t run = 0;
    size_t width;
    for (size_t at = 0; at < size; at += width) {
        if (!needs_escape(text + at, size - at, &width)) {
            continue;
        }
        rn_buf_append(buf, text + run, at - run);
        append_escape(buf, (unsigned char)text[at + width - 1]);
        run = at + width;
    }
    rn_buf_append(buf, text + run, size - run);
}

void rn_json_append_string(struct rn_buf *buf, const char *text, size_t size)
{
    size_t at = 0;
    size_t bad;
    rn_buf_append_u8(buf, '"');
    while (at < size && !rn_utf8_valid(text + at, size - at, &bad)) {
        append_escaped(buf, text + at, bad);
        rn_buf_append_utf8(buf, 0xfffd);
        at += bad + 1;
    }
    append_escaped(buf, text + at, size - at);
    rn_buf_append_u8(buf, '"');
}

static void append_string(struct writer *writer, const char *text)
{
    rn_json_append_string(writer->out, text, strlen(text));
}

/* --- Numbers --- */

static void append_u64(struct rn_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    rn_buf_append(buf, digits + at, sizeof(digits) - at);
}

static void append_i64(struct rn_buf *buf, int64_t value)
{
    if (value < 0) {
        rn_buf_append_u8(buf, '-');
    }
    append_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void append_f64(struct rn_buf *buf, double value)
{
    if (value - value != 0) {
        rn_buf_append_text(buf, "null");
    } else {
        rn_f64_append_general(buf, value);
    }
}

static void append_hash(struct rn_buf *buf, uint64_t hash)
{
    rn_buf_append_text(buf, "\"0x");
    for (int shift = 60; shift >= 0; shift -= 4) {
        rn_buf_append_u8(buf, (uint8_t) "0123456789abcdef"[hash >> shift & 15]);
    }
    rn_buf_append_u8(buf, '"');
}

static void append_bytes(struct rn_buf *buf, struct rn_utf8 bytes)
{
    rn_buf_append_u8(buf, '[');
    for (size_t i = 0; i < bytes.size && buf->error == RN_OK; i++) {
        rn_buf_append_text(buf, i > 0 ? "," : "");
        append_u64(buf, (unsigned char)bytes.data[i]);
    }
    rn_buf_append_u8(buf, ']');
}

static void append_char(struct rn_buf *buf, uint32_t scalar)
{
    char text[4];
    rn_json_append_string(buf, text, rn_utf8_encode(scalar, text));
}

/* --- Layout --- */

static void break_line(struct writer *writer)
{
    if (!writer->options->pretty) {
        return;
    }
    rn_buf_append_u8(writer->out, '\n');
    for (size_t i = 0; i < writer->indent && writer->out->error == RN_OK; i++) {
        rn_buf_append_text(writer->out, "  ");
    }
}

static void append_colon(struct writer *writer)
{
    rn_buf_append_text(writer->out, writer->options->pretty ? ": " : ":");
}

static void open_bracket(struct writer *writer, char bracket)
{
    rn_buf_append_u8(writer->out, (uint8_t)bracket);
    writer->indent++;
}

static void close_bracket(struct writer *writer, char bracket, bool is_empty)
{
    writer->indent--;
    if (!is_empty) {
        break_line(writer);
    }
    rn_buf_append_u8(writer->out, (uint8_t)bracket);
}

/* --- Frames --- */

static void begin_item(struct writer *writer, bool is_first)
{
    rn_buf_append_text(writer->out, is_first ? "" : ",");
    break_line(writer);
}

static void begin_member(struct writer *writer, struct rn_utf8 name, bool is_first)
{
    begin_item(writer, is_first);
    rn_json_append_string(writer->out, name.data, name.size);
    append_colon(writer);
}

/* What stands in front of the next value of the innermost container. */
static void before_value(struct writer *writer)
{
    if (writer->depth == 0) {
        return;
    }
    const struct frame *frame = &writer->frames[writer->depth - 1];
    bool is_second = frame->index % 2 != 0;
    switch (frame->shape) {
    case SHAPE_PASS:
        break;
    case SHAPE_ARRAY:
        begin_item(writer, frame->index == 0);
        break;
    case SHAPE_OBJECT:
        if (!is_second) {
            begin_item(writer, frame->index == 0);
        }
        break;
    case SHAPE_PAIRS:
        if (!is_second) {
            begin_item(writer, frame->index == 0);
            open_bracket(writer, '[');
        }
        begin_item(writer, !is_second);
        break;
    case SHAPE_FIELDS:
        begin_member(writer, frame->fields[frame->index], frame->index == 0);
        break;
    }
}

static void after_value(struct writer *writer)
{
    if (writer->depth == 0) {
        return;
    }
    struct frame *frame = &writer->frames[writer->depth - 1];
    bool was_second = frame->index % 2 != 0;
    frame->index++;
    if (frame->shape == SHAPE_OBJECT && !was_second) {
        append_colon(writer);
    } else if (frame->shape == SHAPE_PAIRS && was_second) {
        close_bracket(writer, ']', false);
    }
}

/* Opens {"name": around what follows; the frame closes it. */
static void wrap(struct writer *writer, struct frame *frame, struct rn_utf8 name)
{
    open_bracket(writer, '{');
    begin_member(writer, name, true);
    frame->wrapped = true;
}

static void append_hash_member(struct writer *writer, struct rn_utf8 name, uint64_t hash,
                               bool is_first)
{
    begin_member(writer, name, is_first);
    append_hash(writer->out, hash);
}

/* {"function": item, "captures": [..]} */
static void open_function(struct writer *writer, struct frame *frame, uint64_t item_hash)
{
    open_bracket(writer, '{');
    append_hash_member(writer, RN_UTF8("function"), item_hash, true);
    begin_member(writer, RN_UTF8("captures"), false);
    frame->wrapped = true;
    frame->shape = SHAPE_ARRAY;
}

static void open_range(struct frame *frame, uint32_t range_kind)
{
    static const struct rn_utf8 names[] = {RN_UTF8("start"), RN_UTF8("end")};
    static const struct rn_utf8 names_inclusive[] = {RN_UTF8("start"), RN_UTF8("last")};
    bool inclusive = range_kind == RN_RANGE_INCLUSIVE || range_kind == RN_RANGE_TO_INCLUSIVE;
    bool has_start = range_kind != RN_RANGE_TO && range_kind != RN_RANGE_TO_INCLUSIVE;
    frame->fields = (inclusive ? names_inclusive : names) + (has_start ? 0 : 1);
    frame->shape = SHAPE_FIELDS;
}

/* {"type": hash, "variant": hash, "fields": [..]} */
static void open_unknown(struct writer *writer, struct frame *frame,
                         const struct rn_const_token *token)
{
    open_bracket(writer, '{');
    append_hash_member(writer, RN_UTF8("type"), token->item.type_hash, true);
    if (token->kind == RN_CONST_VARIANT) {
        append_hash_member(writer, RN_UTF8("variant"), token->item.variant_hash, false);
    }
    begin_member(writer, RN_UTF8("fields"), false);
    frame->wrapped = true;
    frame->shape = SHAPE_ARRAY;
}

static bool find_type(const struct writer *writer, const struct rn_const_token *token,
                      struct rn_json_type *out_type)
{
    const struct rn_json_names *names = writer->options->names;
    uint64_t variant = token->kind == RN_CONST_VARIANT ? token->item.variant_hash : 0;
    return names != NULL && names->find(names->user, token->item.type_hash, variant, out_type) &&
           out_type->field_count == token->count;
}

static void open_instance(struct writer *writer, struct frame *frame,
                          const struct rn_const_token *token)
{
    struct rn_json_type type;
    if (!find_type(writer, token, &type)) {
        open_unknown(writer, frame, token);
        return;
    }
    frame->fields = type.fields;
    frame->shape = type.fields != NULL ? SHAPE_FIELDS : SHAPE_ARRAY;
    if (token->kind == RN_CONST_STRUCT) {
        if (token->count == 0) {
            frame->shape = SHAPE_PASS;
            rn_buf_append_text(writer->out, "null");
        }
    } else if (token->count == 0) {
        frame->shape = SHAPE_PASS;
        rn_json_append_string(writer->out, type.name.data, type.name.size);
    } else {
        frame->shape = token->count == 1 && type.fields == NULL ? SHAPE_PASS : frame->shape;
        wrap(writer, frame, type.name);
    }
}

static enum shape shape_of_map(struct writer *writer)
{
    return writer->odd_maps.data[writer->map_index++] != 0 ? SHAPE_PAIRS : SHAPE_OBJECT;
}

/* Sets the shape, and writes what stands around the container. */
static void begin_frame(struct writer *writer, struct frame *frame,
                        const struct rn_const_token *token)
{
    switch ((int)token->kind) {
    case RN_CONST_OBJECT:
        frame->shape = SHAPE_OBJECT;
        break;
    case RN_CONST_HASH_MAP:
        frame->shape = shape_of_map(writer);
        break;
    case RN_CONST_SOME:
        break;
    case RN_CONST_OK:
        wrap(writer, frame, RN_UTF8("Ok"));
        break;
    case RN_CONST_ERR:
        wrap(writer, frame, RN_UTF8("Err"));
        break;
    case RN_CONST_RANGE:
        open_range(frame, token->range_kind);
        break;
    case RN_CONST_STRUCT:
    case RN_CONST_VARIANT:
        open_instance(writer, frame, token);
        break;
    case RN_CONST_FUNCTION:
        open_function(writer, frame, token->item.type_hash);
        break;
    default:
        frame->shape = SHAPE_ARRAY;
        break;
    }
}

static bool has_square_brackets(const struct frame *frame)
{
    return frame->shape == SHAPE_ARRAY || frame->shape == SHAPE_PAIRS;
}

static void open_frame(struct writer *writer, const struct rn_const_token *token)
{
    struct frame frame = {.shape = SHAPE_PASS};
    begin_frame(writer, &frame, token);
    if (frame.shape != SHAPE_PASS) {
        open_bracket(writer, has_square_brackets(&frame) ? '[' : '{');
    }
    writer->frames[writer->depth++] = frame;
}

static void close_frame(struct writer *writer)
{
    const struct frame *frame = &writer->frames[--writer->depth];
    if (frame->shape != SHAPE_PASS) {
        close_bracket(writer, has_square_brackets(frame) ? ']' : '}', frame->index == 0);
    }
    if (frame->wrapped) {
        close_bracket(writer, '}', false);
    }
    after_value(writer);
}

/* --- The two passes --- */

static void append_scalar(struct writer *writer, const struct rn_const_token *token)
{
    static const char *const orders[] = {"Less", "Equal", "Greater"};
    struct rn_buf *out = writer->out;
    switch ((int)token->kind) {
    case RN_CONST_BOOL:
        return rn_buf_append_text(out, token->boolean ? "true" : "false");
    case RN_CONST_I64:
        return append_i64(out, token->i64);
    case RN_CONST_U64:
        return append_u64(out, token->u64);
    case RN_CONST_F64:
        return append_f64(out, token->f64);
    case RN_CONST_CHAR:
        return append_char(out, token->scalar);
    case RN_CONST_STRING:
        return rn_json_append_string(out, token->text.data, token->text.size);
    case RN_CONST_BYTES:
        return append_bytes(out, token->text);
    case RN_CONST_ORDERING:
        return append_string(writer, orders[token->order + 1]);
    case RN_CONST_TYPE:
    case RN_CONST_HASH:
        return append_hash(out, token->u64);
    default: // unit and None
        return rn_buf_append_text(out, "null");
    }
}

static enum rn_error write_tokens(struct writer *writer)
{
    while (!rn_const_reader_at_end(&writer->reader) && writer->out->error == RN_OK) {
        struct rn_const_token token;
        RN_TRY(rn_const_read(&writer->reader, &token));
        if (token.kind == RN_CONST_END) {
            close_frame(writer);
            continue;
        }
        before_value(writer);
        if (rn_const_kind_has_content(token.kind)) {
            open_frame(writer, &token);
        } else {
            append_scalar(writer, &token);
            after_value(writer);
        }
    }
    return rn_buf_status(writer->out);
}

/* Whether the value about to be read is the key of a map; its place among the maps. */
static bool is_map_key(const struct writer *writer, size_t *out_map)
{
    if (writer->reader.depth == 0) {
        return false;
    }
    const struct rn_const_level *level = &writer->levels[writer->reader.depth - 1];
    *out_map = writer->frames[writer->reader.depth - 1].map;
    return level->kind == RN_CONST_HASH_MAP && level->left > 0 && level->left % 2 == 0;
}

/* Reads it all; notes for every map, in order, whether it has other keys than strings. */
static enum rn_error check_tokens(struct writer *writer)
{
    while (!rn_const_reader_at_end(&writer->reader)) {
        struct rn_const_token token;
        size_t map = 0;
        bool is_key = is_map_key(writer, &map);
        RN_TRY(rn_const_read(&writer->reader, &token));
        if (is_key && token.kind != RN_CONST_STRING && rn_buf_status(&writer->odd_maps) == RN_OK) {
            writer->odd_maps.data[map] = 1;
        }
        if (token.kind == RN_CONST_HASH_MAP) {
            writer->frames[writer->reader.depth - 1].map = writer->odd_maps.size;
            rn_buf_append_u8(&writer->odd_maps, 0);
        }
    }
    RN_TRY(rn_buf_status(&writer->odd_maps));
    return rn_const_reader_finish(&writer->reader);
}

static enum rn_error run(struct writer *writer, const void *cbor, size_t size, size_t levels,
                         size_t *out_offset)
{
    rn_const_reader_init(&writer->reader, cbor, size, writer->levels, levels);
    enum rn_error error = check_tokens(writer);
    if (error == RN_OK) {
        rn_const_reader_init(&writer->reader, cbor, size, writer->levels, levels);
        error = write_tokens(writer);
    }
    *out_offset = rn_const_reader_offset(&writer->reader);
    return error;
}

static enum rn_error write_value(struct writer *writer, const void *cbor, size_t size,
                                 size_t *out_offset)
{
    // No value nests deeper than it has bytes.
    size_t levels = rn_min_size(size, RN_CONST_DEPTH_MAX);
    writer->levels = rn_alloc_array(levels, sizeof(*writer->levels));
    writer->frames = rn_alloc_array(levels, sizeof(*writer->frames));
    rn_buf_init(&writer->odd_maps, SIZE_MAX);
    enum rn_error error = RN_E_NO_MEMORY;
    if (writer->levels != NULL && writer->frames != NULL) {
        error = run(writer, cbor, size, levels, out_offset);
    }
    rn_buf_done(&writer->odd_maps);
    rn_free(writer->frames);
    rn_free(writer->levels);
    return error;
}

enum rn_error rn_json_write(const void *cbor, size_t size, const struct rn_json_options *options,
                            struct rn_buf *out_text, struct rn_json_fault *out_fault)
{
    RN_TRY(rn_buf_status(out_text));
    struct writer writer = {.out = out_text, .options = options};
    size_t start = out_text->size;
    size_t offset = 0;
    enum rn_error error = write_value(&writer, cbor, size, &offset);
    if (error != RN_OK) {
        out_text->size = start;
        if (out_fault != NULL) {
            *out_fault = (struct rn_json_fault){
                .error = error, .offset = offset, .message = rn_error_message(error)};
        }
    }
    return error;
}
