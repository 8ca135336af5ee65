/* format_string.c: one pass over the text, no memory. */
#include "compiler/format_string.h"

/* Widths and precisions beyond this could only serve to ask for memory. */
#define NUMBER_MAX 65535u

void rn_format_reader_init(struct rn_format_reader *reader, struct rn_utf8 text)
{
    *reader = (struct rn_format_reader){.text = text};
}

static bool at_end(const struct rn_format_reader *reader)
{
    return reader->offset >= reader->text.size;
}

/* The byte at a distance from here, or 0. */
static char peek(const struct rn_format_reader *reader, size_t distance)
{
    size_t left = reader->text.size - reader->offset;
    return distance < left ? reader->text.data[reader->offset + distance] : '\0';
}

static bool take(struct rn_format_reader *reader, char wanted)
{
    if (at_end(reader) || peek(reader, 0) != wanted) {
        return false;
    }
    reader->offset++;
    return true;
}

static bool is_align(char c)
{
    return c == '<' || c == '^' || c == '>';
}

static uint8_t align_of(char c)
{
    return c == '<' ? RN_ALIGN_LEFT : c == '^' ? RN_ALIGN_CENTER : RN_ALIGN_RIGHT;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, if any: RN_NONE without, RN_NONE - 1 when too large. */
static uint32_t read_number(struct rn_format_reader *reader)
{
    uint32_t value = RN_NONE;
    while (!at_end(reader) && is_digit(peek(reader, 0))) {
        uint32_t digit = (uint32_t)(peek(reader, 0) - '0');
        value = value == RN_NONE ? digit : value * 10 + digit;
        if (value > NUMBER_MAX) {
            return RN_NONE - 1;
        }
        reader->offset++;
    }
    return value;
}

static void read_align(struct rn_format_reader *reader, struct rn_unit_spec *spec)
{
    if (at_end(reader)) {
        return;
    }
    if (is_align(peek(reader, 0))) {
        spec->align = align_of(peek(reader, 0));
        spec->flags |= RN_SPEC_ALIGNED;
        reader->offset++;
        return;
    }
    size_t width = 1;
    uint32_t fill = rn_utf8_decode(reader->text.data, reader->text.size, reader->offset, &width);
    if (is_align(peek(reader, width))) {
        spec->fill = fill;
        spec->align = align_of(peek(reader, width));
        spec->flags |= RN_SPEC_ALIGNED;
        reader->offset += width + 1;
    }
}

static void read_flags(struct rn_format_reader *reader, struct rn_unit_spec *spec)
{
    if (take(reader, '+')) {
        spec->flags |= RN_SPEC_PLUS;
    } else if (take(reader, '-')) {
        spec->flags |= RN_SPEC_MINUS;
    }
    if (take(reader, '#')) {
        spec->flags |= RN_SPEC_ALTERNATE;
    }
    if (take(reader, '0')) {
        spec->flags |= RN_SPEC_ZERO;
    }
}

static void read_type(struct rn_format_reader *reader, struct rn_unit_spec *spec)
{
    static const struct {
        char letter;
        uint8_t type;
    } types[] = {
        {'?', RN_SPEC_DEBUG},  {'x', RN_SPEC_HEX_LOWER}, {'X', RN_SPEC_HEX_UPPER},
        {'b', RN_SPEC_BINARY}, {'p', RN_SPEC_POINTER},
    };
    for (size_t i = 0; i < RN_COUNT_OF(types); i++) {
        if (take(reader, types[i].letter)) {
            spec->type = types[i].type;
            return;
        }
    }
}

/* What follows the colon, up to the closing brace. */
static enum rn_format_part_kind read_spec(struct rn_format_reader *reader,
                                          struct rn_format_part *part)
{
    struct rn_unit_spec *spec = &part->spec;
    read_align(reader, spec);
    read_flags(reader, spec);
    spec->width = read_number(reader);
    if (take(reader, '.')) {
        if (take(reader, '*')) {
            part->precision_taken = true;
        } else {
            spec->precision = read_number(reader);
        }
    }
    read_type(reader, spec);
    if (spec->width == RN_NONE - 1 || spec->precision == RN_NONE - 1) {
        return RN_FORMAT_BAD_NUMBER;
    }
    // A width of 0 is as good as none.
    spec->width = spec->width == 0 ? RN_NONE : spec->width;
    return RN_FORMAT_HOLE;
}

static bool is_plain(const struct rn_format_part *part)
{
    const struct rn_unit_spec *spec = &part->spec;
    return spec->type == RN_SPEC_DISPLAY && spec->flags == 0 && spec->width == RN_NONE &&
           spec->precision == RN_NONE && !part->precision_taken;
}

static void read_name(struct rn_format_reader *reader, struct rn_format_part *part)
{
    size_t start = reader->offset;
    while (!at_end(reader) && peek(reader, 0) != ':' && peek(reader, 0) != '}') {
        reader->offset++;
    }
    part->name = (struct rn_utf8){reader->text.data + start, reader->offset - start};
    part->argument = part->name.size == 0 ? RN_FORMAT_NEXT : RN_FORMAT_NAME;
}

/* A name of digits is a position. */
static enum rn_format_part_kind check_position(struct rn_format_part *part)
{
    uint64_t value = 0;
    for (size_t i = 0; i < part->name.size; i++) {
        if (!is_digit(part->name.data[i])) {
            return RN_FORMAT_HOLE;
        }
        value = value * 10 + (uint64_t)(part->name.data[i] - '0');
        if (value > NUMBER_MAX) {
            return RN_FORMAT_BAD_NUMBER;
        }
    }
    part->argument = RN_FORMAT_POSITION;
    part->position = (uint32_t)value;
    return RN_FORMAT_HOLE;
}

/* Behind the opening brace. */
static struct rn_format_part read_hole(struct rn_format_reader *reader)
{
    struct rn_format_part part = {
        .kind = RN_FORMAT_HOLE,
        .spec = {.fill = ' ', .width = RN_NONE, .precision = RN_NONE},
    };
    read_name(reader, &part);
    if (part.argument == RN_FORMAT_NAME) {
        part.kind = (uint8_t)check_position(&part);
    }
    if (part.kind == RN_FORMAT_HOLE && take(reader, ':')) {
        part.kind = (uint8_t)read_spec(reader, &part);
    }
    if (part.kind != RN_FORMAT_HOLE) {
        return part;
    }
    if (at_end(reader)) {
        part.kind = RN_FORMAT_CUT_OFF;
    } else if (peek(reader, 0) != '}') {
        size_t width;
        part.kind = RN_FORMAT_BAD_CHAR;
        part.scalar = rn_utf8_decode(reader->text.data, reader->text.size, reader->offset, &width);
    } else {
        reader->offset++;
        part.plain = is_plain(&part);
    }
    return part;
}

struct rn_format_part rn_format_next(struct rn_format_reader *reader)
{
    struct rn_format_part part = {.kind = RN_FORMAT_END};
    if (at_end(reader)) {
        return part;
    }
    char first = peek(reader, 0);
    if (first == '{' && peek(reader, 1) != '{') {
        reader->offset++;
        part = read_hole(reader);
        if (part.kind != RN_FORMAT_HOLE) {
            reader->offset = reader->text.size;
        }
        return part;
    }
    if (first == '}' && peek(reader, 1) != '}') {
        reader->offset = reader->text.size;
        part.kind = RN_FORMAT_LONE_CLOSE;
        return part;
    }
    size_t start = reader->offset;
    part.kind = RN_FORMAT_TEXT;
    if (first == '{' || first == '}') {
        reader->offset += 2;
        part.text = (struct rn_utf8){reader->text.data + start, 1};
        return part;
    }
    while (!at_end(reader) && peek(reader, 0) != '{' && peek(reader, 0) != '}') {
        reader->offset++;
    }
    part.text = (struct rn_utf8){reader->text.data + start, reader->offset - start};
    return part;
}
