/*
 * assemble.c: listing to image.
 *
 * Trust: reads text from anybody.
 *
 * One line after another, into the buffers of a builder whose rules are not asked: images with
 * faults can be written down, too. Labels are resolved at the end of their function.
 */
#include "bytecode/assemble.h"

#include "base/alloc.h"
#include "base/math.h"
#include "base/sort.h"
#include "bytecode/builder_state.h"
#include "bytecode/hash.h"
#include "bytecode/listing.h"

#include <string.h>

struct assembler {
    const char *text;
    size_t size;
    size_t offset; /* of the next byte of the line at hand */
    size_t end;    /* of the line at hand, its comment excluded */
    uint32_t line;
    const char *message; /* NULL: no fault */
    enum rn_error error;
    struct rn_builder *b;
    struct rn_buf scratch; /* bytes of a string or constant */
    uint8_t content_id[32];
    uint32_t parent;  /* the enum whose variants follow, or RN_NONE */
    uint32_t missing; /* how many of them */
};

static bool refuse(struct assembler *as, const char *message)
{
    if (as->message == NULL) {
        as->message = message;
        as->error = RN_E_INVALID_ARGUMENT;
    }
    return false;
}

/* Looks at a buffer that was appended to. */
static bool fits(struct assembler *as, const struct rn_buf *buf)
{
    if (buf->error != RN_OK && as->message == NULL) {
        as->message = rn_error_message(buf->error);
        as->error = buf->error;
    }
    return buf->error == RN_OK;
}

static bool append(struct assembler *as, struct rn_buf *buf, const void *element, size_t size)
{
    rn_buf_append(buf, element, size);
    return fits(as, buf);
}

/* --- Words --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static void skip_space(struct assembler *as)
{
    while (as->offset < as->end && is_space(as->text[as->offset])) {
        as->offset++;
    }
}

static bool at_end(struct assembler *as)
{
    skip_space(as);
    return as->offset == as->end;
}

/* The next run of bytes without space; empty at the end of the line. */
static struct rn_utf8 next_word(struct assembler *as)
{
    skip_space(as);
    size_t start = as->offset;
    while (as->offset < as->end && !is_space(as->text[as->offset])) {
        as->offset++;
    }
    return (struct rn_utf8){as->text + start, as->offset - start};
}

static bool is_word(struct rn_utf8 word, const char *expected)
{
    return word.size == strlen(expected) && memcmp(word.data, expected, word.size) == 0;
}

static bool take_word(struct assembler *as, const char *expected)
{
    return is_word(next_word(as), expected) || refuse(as, "expected another word");
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool parse_digits(struct rn_utf8 digits, uint64_t base, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        uint64_t digit = (uint64_t)digit_of(digits.data[i]);
        if (digit >= base || !rn_checked_mul(value, base, &value) ||
            !rn_checked_add(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return digits.size > 0;
}

static struct rn_utf8 without(struct rn_utf8 word, size_t count)
{
    return (struct rn_utf8){word.data + count, word.size - count};
}

static bool starts_with(struct rn_utf8 word, const char *prefix)
{
    size_t size = strlen(prefix);
    return word.size >= size && memcmp(word.data, prefix, size) == 0;
}

/* A number in 64 bits: decimal with or without sign, or hexadecimal. */
static bool take_number(struct assembler *as, uint64_t *out)
{
    struct rn_utf8 word = next_word(as);
    bool negative = starts_with(word, "-");
    uint64_t value = 0;
    bool valid = starts_with(word, "0x") ? parse_digits(without(word, 2), 16, &value)
                                         : parse_digits(without(word, negative), 10, &value);
    if (!valid || (negative && value > UINT64_C(1) << 63)) {
        return refuse(as, "expected a number");
    }
    *out = negative ? 0 - value : value;
    return true;
}

static bool take_u32(struct assembler *as, uint32_t *out)
{
    uint64_t value;
    if (!take_number(as, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return value <= UINT32_MAX || refuse(as, "the number does not fit");
}

static bool take_below(struct assembler *as, uint32_t limit, uint32_t *out)
{
    return take_u32(as, out) && (*out < limit || refuse(as, "the number does not fit"));
}

/* A number, or "none". */
static bool take_index(struct assembler *as, uint32_t *out)
{
    size_t offset = as->offset;
    if (is_word(next_word(as), "none")) {
        *out = RN_NONE;
        return true;
    }
    as->offset = offset;
    return take_u32(as, out);
}

static bool take_choice(struct assembler *as, const char *const *words, uint32_t *out)
{
    struct rn_utf8 word = next_word(as);
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (is_word(word, words[i])) {
            *out = i;
            return true;
        }
    }
    return refuse(as, "an unknown kind");
}

static bool take_hex_bytes(struct assembler *as)
{
    struct rn_utf8 word = next_word(as);
    rn_buf_clear(&as->scratch);
    for (size_t i = 0; i + 1 < word.size; i += 2) {
        int high = digit_of(word.data[i]);
        int low = digit_of(word.data[i + 1]);
        if (high > 15 || low > 15) {
            return refuse(as, "expected hexadecimal digits");
        }
        rn_buf_append_u8(&as->scratch, (uint8_t)(high << 4 | low));
    }
    return fits(as, &as->scratch) &&
           (word.size % 2 == 0 || refuse(as, "expected hexadecimal digits"));
}

static bool take_escape(struct assembler *as)
{
    char c = as->offset < as->end ? as->text[as->offset++] : '\0';
    if (c == '"' || c == '\\') {
        rn_buf_append_u8(&as->scratch, (uint8_t)c);
        return true;
    }
    if (c == 'x' && as->end - as->offset >= 2) {
        int high = digit_of(as->text[as->offset]);
        int low = digit_of(as->text[as->offset + 1]);
        as->offset += 2;
        rn_buf_append_u8(&as->scratch, (uint8_t)(high << 4 | low));
        return (high <= 15 && low <= 15) || refuse(as, "expected hexadecimal digits");
    }
    return refuse(as, "an unknown escape");
}

static bool take_string(struct assembler *as)
{
    skip_space(as);
    rn_buf_clear(&as->scratch);
    if (as->offset == as->end || as->text[as->offset] != '"') {
        return refuse(as, "expected a text in quotes");
    }
    as->offset++;
    while (as->offset < as->end) {
        char c = as->text[as->offset++];
        if (c == '"') {
            return fits(as, &as->scratch);
        }
        if (c != '\\') {
            rn_buf_append_u8(&as->scratch, (uint8_t)c);
        } else if (!take_escape(as)) {
            return false;
        }
    }
    return refuse(as, "the text has no end");
}

/* The text of a string that was listed before. */
static bool string_at(struct assembler *as, uint32_t index, struct rn_utf8 *out)
{
    if (index >= RN_BUILDER_COUNT(&as->b->strings, struct rn_unit_string)) {
        return refuse(as, "there is no such string");
    }
    const struct rn_unit_string *string =
        RN_BUILDER_AT(&as->b->strings, struct rn_unit_string, index);
    *out = (struct rn_utf8){(const char *)as->b->string_data.data + string->offset, string->size};
    return true;
}

/* A string index and the item hash of its text. */
static bool take_item(struct assembler *as, uint32_t *out_name, uint64_t *out_hash)
{
    struct rn_utf8 text;
    if (!take_u32(as, out_name) || !string_at(as, *out_name, &text)) {
        return false;
    }
    *out_hash = rn_hash_item(text.data, text.size);
    return true;
}

/* --- Tables --- */

static bool read_unit(struct assembler *as)
{
    size_t offset = as->offset;
    as->b->standard = is_word(next_word(as), "standard");
    if (!as->b->standard) {
        as->offset = offset;
    }
    return take_index(as, &as->b->main_function);
}

static bool read_id(struct assembler *as)
{
    if (!take_hex_bytes(as)) {
        return false;
    }
    if (as->scratch.size != sizeof(as->content_id)) {
        return refuse(as, "expected 32 bytes");
    }
    memcpy(as->content_id, as->scratch.data, sizeof(as->content_id));
    return true;
}

static bool read_string(struct assembler *as)
{
    struct rn_unit_string string = {.offset = (uint32_t)as->b->string_data.size};
    if (!take_string(as)) {
        return false;
    }
    string.size = (uint32_t)as->scratch.size;
    return append(as, &as->b->strings, &string, sizeof(string)) &&
           append(as, &as->b->string_data, as->scratch.data, as->scratch.size);
}

static bool add_constant(struct assembler *as, enum rn_constant_kind kind, uint64_t payload)
{
    struct rn_unit_constant constant = {.payload = payload, .kind = kind};
    return append(as, &as->b->constants, &constant, sizeof(constant));
}

static bool read_i64(struct assembler *as)
{
    uint64_t payload;
    return take_number(as, &payload) && add_constant(as, RN_CONSTANT_I64, payload);
}

static bool read_u64(struct assembler *as)
{
    uint64_t payload;
    return take_number(as, &payload) && add_constant(as, RN_CONSTANT_U64, payload);
}

static bool read_f64(struct assembler *as)
{
    uint64_t payload;
    return take_number(as, &payload) && add_constant(as, RN_CONSTANT_F64, payload);
}

static bool read_cbor(struct assembler *as)
{
    uint64_t offset = as->b->constant_data.size;
    return take_hex_bytes(as) &&
           append(as, &as->b->constant_data, as->scratch.data, as->scratch.size) &&
           add_constant(as, RN_CONSTANT_CBOR, offset | (uint64_t)as->scratch.size << 32);
}

/* The rest of the line as names; how many. */
static bool take_names(struct assembler *as, uint32_t *out_count)
{
    *out_count = 0;
    while (!at_end(as)) {
        uint32_t name;
        if (!take_u32(as, &name) || !append(as, &as->b->names, &name, sizeof(name))) {
            return false;
        }
        (*out_count)++;
    }
    return true;
}

static bool read_keys(struct assembler *as)
{
    struct rn_unit_key_set set = {.start = RN_BUILDER_COUNT(&as->b->names, uint32_t)};
    return take_names(as, &set.count) && append(as, &as->b->keys, &set, sizeof(set));
}

/* Variants belong to the enum before them. */
static void set_parent(struct assembler *as, struct rn_unit_type *type)
{
    if (as->missing > 0) {
        type->parent = as->parent;
        type->variant_index =
            RN_BUILDER_AT(&as->b->types, struct rn_unit_type, as->parent)->field_count -
            as->missing;
        as->missing--;
    } else if (type->kind == RN_TYPE_ENUM) {
        as->parent = RN_BUILDER_COUNT(&as->b->types, struct rn_unit_type);
        as->missing = type->field_count;
    }
}

static bool read_type(struct assembler *as)
{
    struct rn_unit_type type = {.fields = RN_NONE, .parent = RN_NONE};
    uint32_t kind;
    uint32_t count;
    if (!take_choice(as, rn_listing_type_kinds, &kind) || !take_item(as, &type.name, &type.hash) ||
        !take_below(as, UINT16_MAX + 1, &count)) {
        return false;
    }
    type.kind = (uint16_t)kind;
    type.field_count = (uint16_t)count;
    set_parent(as, &type);
    if (kind == RN_TYPE_STRUCT || kind == RN_TYPE_STRUCT_VARIANT) {
        uint32_t named;
        type.fields = RN_BUILDER_COUNT(&as->b->names, uint32_t);
        if (!take_names(as, &named)) {
            return false;
        }
        if (named != count) {
            return refuse(as, "another number of fields");
        }
    }
    return append(as, &as->b->types, &type, sizeof(type));
}

static bool read_import(struct assembler *as)
{
    struct rn_unit_import import = {0};
    uint64_t arity;
    if (!take_item(as, &import.name, &import.hash) || !take_number(as, &arity)) {
        return false;
    }
    import.arity = (int16_t)arity;
    return append(as, &as->b->imports, &import, sizeof(import));
}

/* Hash and name follow when the functions are known. */
static bool read_export(struct assembler *as)
{
    struct rn_unit_export item = {0};
    return take_u32(as, &item.function) && append(as, &as->b->exports, &item, sizeof(item));
}

static bool read_method(struct assembler *as)
{
    struct rn_unit_method method = {0};
    return take_u32(as, &method.type) && take_u32(as, &method.function) &&
           take_number(as, &method.name_hash) &&
           append(as, &as->b->methods, &method, sizeof(method));
}

static bool read_static(struct assembler *as)
{
    struct rn_unit_static item = {0};
    return take_item(as, &item.name, &item.hash) && take_index(as, &item.constant) &&
           append(as, &as->b->statics, &item, sizeof(item));
}

static bool read_site(struct assembler *as)
{
    struct rn_unit_site site = {0};
    return take_choice(as, rn_listing_site_kinds, &site.kind) && take_u32(as, &site.name) &&
           take_number(as, &site.name_hash) && append(as, &as->b->sites, &site, sizeof(site));
}

static bool read_spec(struct assembler *as)
{
    struct rn_unit_spec spec = {0};
    uint32_t align;
    uint32_t type;
    uint32_t flags;
    if (!take_u32(as, &spec.fill) || !take_below(as, 256, &align) || !take_below(as, 256, &type) ||
        !take_below(as, 256, &flags) || !take_index(as, &spec.width) ||
        !take_index(as, &spec.precision)) {
        return false;
    }
    spec.align = (uint8_t)align;
    spec.type = (uint8_t)type;
    spec.flags = (uint8_t)flags;
    return append(as, &as->b->specs, &spec, sizeof(spec));
}

/* --- Functions --- */

static struct rn_builder_body *open_body(struct assembler *as)
{
    return RN_BUILDER_AT(&as->b->bodies, struct rn_builder_body, as->b->open);
}

static uint32_t code_count(const struct assembler *as)
{
    return RN_BUILDER_COUNT(&as->b->code, struct rn_inst);
}

/* A label of the open function. */
struct place {
    uint32_t label;
    uint32_t pc;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    return a->label < b->label ? -1 : a->label > b->label;
}

/* Where a label stands, once the places are sorted; RN_NONE if nowhere. */
static uint32_t find_place(const struct rn_buf *places, uint32_t label)
{
    uint32_t low = 0;
    uint32_t high = RN_BUILDER_COUNT(places, struct place);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct place *place = RN_BUILDER_AT(places, struct place, middle);
        if (place->label == label) {
            return place->pc;
        }
        if (place->label < label) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return RN_NONE;
}

static bool sort_places(struct assembler *as)
{
    struct rn_buf *places = &as->b->labels;
    uint32_t count = RN_BUILDER_COUNT(places, struct place);
    rn_sort(places->data, count, sizeof(struct place), compare_places);
    for (uint32_t i = 1; i < count; i++) {
        if (RN_BUILDER_AT(places, struct place, i - 1)->label ==
            RN_BUILDER_AT(places, struct place, i)->label) {
            return refuse(as, "the function above has a label twice");
        }
    }
    return true;
}

/* "L12": labels are numbers, and stand for whatever place has them in this function. */
static bool parse_label(struct assembler *as, struct rn_utf8 word, uint32_t *out)
{
    uint64_t number = 0;
    if (!starts_with(word, "L") || !parse_digits(without(word, 1), 10, &number) ||
        number > UINT32_MAX) {
        return refuse(as, "expected a label");
    }
    *out = (uint32_t)number;
    return true;
}

static bool place_label(struct assembler *as, struct rn_utf8 word)
{
    uint32_t number;
    if (as->b->open == RN_NONE) {
        return refuse(as, "a label outside of functions");
    }
    word.size--; // its colon
    if (!parse_label(as, word, &number)) {
        return false;
    }
    struct place place = {
        .label = number,
        .pc = code_count(as) - open_body(as)->function.code_start,
    };
    return append(as, &as->b->labels, &place, sizeof(place));
}

static bool want_label(struct assembler *as, struct rn_utf8 word, uint32_t index, bool target)
{
    struct rn_builder_patch patch = {.index = index, .target = target};
    return parse_label(as, word, &patch.label) &&
           append(as, &as->b->patches, &patch, sizeof(patch));
}

static bool apply_patches(struct assembler *as)
{
    struct rn_builder *b = as->b;
    for (uint32_t i = 0; i < RN_BUILDER_COUNT(&b->patches, struct rn_builder_patch); i++) {
        const struct rn_builder_patch *patch =
            RN_BUILDER_AT(&b->patches, struct rn_builder_patch, i);
        uint32_t pc = find_place(&b->labels, patch->label);
        if (pc == RN_NONE) {
            return refuse(as, "the function above lacks a label");
        }
        if (patch->target) {
            *RN_BUILDER_AT(&b->targets, uint32_t, patch->index) = pc;
        } else {
            RN_BUILDER_AT(&b->code, struct rn_inst, patch->index)->imm = pc;
        }
    }
    return true;
}

static bool end_function(struct assembler *as)
{
    struct rn_builder *b = as->b;
    if (b->open == RN_NONE) {
        return true;
    }
    struct rn_builder_body *body = open_body(as);
    body->function.code_count = code_count(as) - body->function.code_start;
    body->height_count = RN_BUILDER_COUNT(&b->heights, struct rn_unit_height) - body->height_start;
    bool done = sort_places(as) && apply_patches(as);
    rn_buf_clear(&b->labels);
    rn_buf_clear(&b->patches);
    b->open = RN_NONE;
    return done;
}

static bool take_flags(struct assembler *as, uint8_t *out)
{
    while (!at_end(as)) {
        uint32_t bit;
        if (!take_choice(as, rn_listing_function_flags, &bit)) {
            return false;
        }
        *out |= (uint8_t)(1u << bit);
    }
    return true;
}

static bool read_function(struct assembler *as)
{
    struct rn_builder_body body = {.height_start =
                                       RN_BUILDER_COUNT(&as->b->heights, struct rn_unit_height)};
    struct rn_unit_function *function = &body.function;
    uint32_t args;
    uint32_t captures;
    uint32_t kind;
    if (!end_function(as) || !take_item(as, &function->name, &function->hash) ||
        !take_word(as, "args") || !take_below(as, UINT16_MAX + 1, &args) ||
        !take_word(as, "captures") || !take_below(as, UINT16_MAX + 1, &captures) ||
        !take_word(as, "registers") || !take_u32(as, &function->register_count) ||
        !take_choice(as, rn_listing_function_kinds, &kind) || !take_flags(as, &function->flags)) {
        return false;
    }
    function->arg_count = (uint16_t)args;
    function->capture_count = (uint16_t)captures;
    function->kind = (uint8_t)kind;
    function->code_start = code_count(as);
    as->b->open = RN_BUILDER_COUNT(&as->b->bodies, struct rn_builder_body);
    return append(as, &as->b->bodies, &body, sizeof(body));
}

static bool read_height(struct assembler *as)
{
    struct rn_unit_height height = {.pc = code_count(as)};
    return take_u32(as, &height.height) && append(as, &as->b->heights, &height, sizeof(height));
}

/* Targets up to "else" and the default, which stands behind them as in the builder. */
static bool take_targets(struct assembler *as, uint32_t *out_count)
{
    *out_count = 0;
    for (bool last = false; !last; (*out_count)++) {
        uint32_t none = RN_NONE;
        uint32_t index = RN_BUILDER_COUNT(&as->b->targets, uint32_t);
        struct rn_utf8 word = next_word(as);
        last = is_word(word, "else");
        if (last) {
            word = next_word(as);
        }
        if (!append(as, &as->b->targets, &none, sizeof(none)) ||
            !want_label(as, word, index, true)) {
            return false;
        }
    }
    (*out_count)--;
    return true;
}

/* Tables may come in any order of their numbers: those between are filled when they come. */
static bool put_switch(struct assembler *as, uint32_t index, const struct rn_unit_switch *table)
{
    struct rn_buf *switches = &as->b->switches;
    while (RN_BUILDER_COUNT(switches, struct rn_unit_switch) <= index) {
        struct rn_unit_switch none = {.function = RN_NONE};
        if (!append(as, switches, &none, sizeof(none))) {
            return false;
        }
    }
    struct rn_unit_switch *place = RN_BUILDER_AT(switches, struct rn_unit_switch, index);
    if (place->function != RN_NONE) {
        return refuse(as, "the jump table is there already");
    }
    *place = *table;
    return true;
}

static bool read_switch(struct assembler *as)
{
    struct rn_unit_switch table = {
        .type = RN_NONE,
        .function = as->b->open,
        .targets = RN_BUILDER_COUNT(&as->b->targets, uint32_t),
    };
    uint32_t index;
    if (!take_below(as, RN_SWITCHES_MAX, &index) ||
        !take_choice(as, rn_listing_switch_kinds, &table.kind)) {
        return false;
    }
    uint64_t base = 0;
    bool read = table.kind == RN_SWITCH_INT ? take_number(as, &base) : take_u32(as, &table.type);
    table.base = (int64_t)base;
    return read && take_targets(as, &table.count) && put_switch(as, index, &table);
}

/* --- Instructions --- */

static bool find_opcode(struct rn_utf8 word, uint32_t *out)
{
    for (uint32_t op = 0; op < RN_OP_COUNT; op++) {
        if (is_word(word, rn_opcodes[op].name)) {
            *out = op;
            return true;
        }
    }
    return false;
}

static bool take_prefixed(struct assembler *as, const char *prefix, uint64_t base, uint32_t *out)
{
    struct rn_utf8 word = next_word(as);
    uint64_t value = 0;
    if (!starts_with(word, prefix) || !parse_digits(without(word, strlen(prefix)), base, &value) ||
        value > UINT32_MAX) {
        return refuse(as, "expected a register or character");
    }
    *out = (uint32_t)value;
    return true;
}

static bool is_register(uint8_t kind)
{
    return (kind >= RN_OPERAND_DST && kind <= RN_OPERAND_PAIRD) || kind == RN_OPERAND_REGR ||
           kind == RN_OPERAND_REGW;
}

static bool take_operand(struct assembler *as, uint8_t kind, uint32_t *out)
{
    if (kind == RN_OPERAND__) {
        return true;
    }
    if (is_register(kind)) {
        return take_prefixed(as, "r", 10, out);
    }
    if (kind == RN_OPERAND_CHAR) {
        return take_prefixed(as, "U+", 16, out);
    }
    if (kind == RN_OPERAND_JUMP) {
        return want_label(as, next_word(as), code_count(as), false);
    }
    const char *word = rn_listing_operand_words[kind];
    uint64_t value;
    if ((word != NULL && !take_word(as, word)) || !take_number(as, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool take_byte(struct assembler *as, uint8_t kind, uint8_t *out)
{
    uint32_t value = 0;
    if (!take_operand(as, kind, &value)) {
        return false;
    }
    *out = (uint8_t)value;
    return kind == RN_OPERAND_I8 || value <= UINT8_MAX || refuse(as, "does not fit a byte");
}

static bool read_inst(struct assembler *as, struct rn_utf8 word)
{
    uint32_t op;
    if (as->b->open == RN_NONE || !find_opcode(word, &op)) {
        return refuse(as, "an unknown word");
    }
    const struct rn_opcode_info *info = &rn_opcodes[op];
    struct rn_inst inst = {.op = (uint8_t)op};
    bool cost_last = info->c == RN_OPERAND_COST;
    return take_byte(as, info->a, &inst.a) && take_byte(as, info->b, &inst.b) &&
           take_byte(as, cost_last ? RN_OPERAND__ : info->c, &inst.c) &&
           take_operand(as, info->imm, &inst.imm) &&
           (!cost_last || take_byte(as, info->c, &inst.c)) &&
           append(as, &as->b->code, &inst, sizeof(inst));
}

/* --- Lines --- */

struct directive {
    const char *word;
    bool (*read)(struct assembler *as);
    bool inside; /* a function */
};

static const struct directive directives[] = {
    {"unit", read_unit, false},     {"id", read_id, false},         {"string", read_string, false},
    {"i64", read_i64, false},       {"u64", read_u64, false},       {"f64", read_f64, false},
    {"cbor", read_cbor, false},     {"keys", read_keys, false},     {"type", read_type, false},
    {"import", read_import, false}, {"export", read_export, false}, {"method", read_method, false},
    {"static", read_static, false}, {"site", read_site, false},     {"spec", read_spec, false},
    {"func", read_function, false}, {"switch", read_switch, true},  {"height", read_height, true},
};

static bool read_line(struct assembler *as)
{
    if (at_end(as)) {
        return true;
    }
    struct rn_utf8 word = next_word(as);
    if (word.data[word.size - 1] == ':') {
        return place_label(as, word);
    }
    for (size_t i = 0; i < RN_COUNT_OF(directives); i++) {
        if (is_word(word, directives[i].word)) {
            if (directives[i].inside && as->b->open == RN_NONE) {
                return refuse(as, "outside of functions");
            }
            return directives[i].read(as);
        }
    }
    return read_inst(as, word);
}

/* Finds the end of the line at hand, and where its comment begins: not inside quotes. */
static size_t find_line_end(struct assembler *as)
{
    size_t end = as->offset;
    bool quoted = false;
    as->end = as->size;
    for (; end < as->size && as->text[end] != '\n'; end++) {
        char c = as->text[end];
        if (quoted && c == '\\') {
            end += end + 1 < as->size && as->text[end + 1] != '\n';
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ';' && !quoted && as->end == as->size) {
            as->end = end;
        }
    }
    as->end = rn_min_size(as->end, end);
    return end;
}

static bool read_lines(struct assembler *as)
{
    while (as->offset < as->size) {
        as->line++;
        size_t end = find_line_end(as);
        if (!read_line(as)) {
            return false;
        }
        if (!at_end(as)) {
            return refuse(as, "more than belongs on the line");
        }
        as->offset = rn_min_size(end + 1, as->size);
    }
    return end_function(as);
}

/* Exports are named after their functions; no jump table may be missing. */
static bool complete(struct assembler *as)
{
    struct rn_builder *b = as->b;
    for (uint32_t i = 0; i < RN_BUILDER_COUNT(&b->exports, struct rn_unit_export); i++) {
        struct rn_unit_export *item = RN_BUILDER_AT(&b->exports, struct rn_unit_export, i);
        if (item->function >= RN_BUILDER_COUNT(&b->bodies, struct rn_builder_body)) {
            return refuse(as, "an export of no function");
        }
        const struct rn_unit_function *function =
            &RN_BUILDER_AT(&b->bodies, struct rn_builder_body, item->function)->function;
        item->hash = function->hash;
        item->name = function->name;
    }
    for (uint32_t i = 0; i < RN_BUILDER_COUNT(&b->switches, struct rn_unit_switch); i++) {
        if (RN_BUILDER_AT(&b->switches, struct rn_unit_switch, i)->function == RN_NONE) {
            return refuse(as, "a jump table is missing");
        }
    }
    return true;
}

static enum rn_error assemble(struct assembler *as, struct rn_buf *out_image)
{
    if (!read_lines(as) || !complete(as)) {
        return as->error;
    }
    rn_builder_layout(as->b, out_image);
    if (rn_builder_fault(as->b) != RN_BUILDER_OK) {
        as->message = "the image does not fit";
        return rn_builder_fault(as->b) == RN_BUILDER_MEMORY ? RN_E_NO_MEMORY : RN_E_TOO_LARGE;
    }
    memcpy(out_image->data + offsetof(struct rn_unit_header, content_id), as->content_id,
           sizeof(as->content_id));
    return RN_OK;
}

enum rn_error rn_assemble(const char *text, size_t size, struct rn_buf *out_image,
                          struct rn_assemble_fault *out_fault)
{
    struct assembler as = {.text = text, .size = size, .parent = RN_NONE};
    RN_TRY(rn_builder_new(false, &as.b));
    rn_buf_init(&as.scratch, RN_IMAGE_SIZE_MAX);
    enum rn_error error = assemble(&as, out_image);
    if (error != RN_OK && out_fault != NULL) {
        *out_fault = (struct rn_assemble_fault){.line = as.line, .message = as.message};
    }
    rn_buf_done(&as.scratch);
    rn_builder_free(as.b);
    return error;
}
