/*
 * disasm.c: the listing of a verified Unit.
 *
 * First the tables, each line one element in the order of its index; then the functions. Numbers
 * and indices are what the assembler reads, names are comments.
 */
#include "bytecode/disasm.h"

#include "base/alloc.h"
#include "base/float_text.h"
#include "bytecode/const_value.h"
#include "bytecode/intrinsics.h"
#include "bytecode/json.h"
#include "bytecode/lines.h"
#include "bytecode/listing.h"
#include "bytecode/opcode.h"

#include <inttypes.h>
#include <string.h>

enum {
    COMMENT_TEXT_MAX = 60,
};

/* --- Parts of lines --- */

static void put_string(struct rn_buf *out, struct rn_utf8 text)
{
    rn_buf_append_u8(out, '"');
    for (size_t i = 0; i < text.size && out->error == RN_OK; i++) {
        uint8_t c = (uint8_t)text.data[i];
        if (c == '"' || c == '\\') {
            rn_buf_append_u8(out, '\\');
            rn_buf_append_u8(out, c);
        } else if (c >= 0x20 && c < 0x7f) {
            rn_buf_append_u8(out, c);
        } else {
            rn_buf_append_format(out, "\\x%02x", c);
        }
    }
    rn_buf_append_u8(out, '"');
}

/* A text in a comment: not all of a long one. */
static void put_comment_text(struct rn_buf *out, struct rn_utf8 text)
{
    bool cut = text.size > COMMENT_TEXT_MAX;
    text.size = cut ? COMMENT_TEXT_MAX : text.size;
    put_string(out, text);
    rn_buf_append_text(out, cut ? ".." : "");
}

static void put_name(const struct rune_verified_unit *unit, uint32_t string, struct rn_buf *out)
{
    put_comment_text(out, rn_unit_string_at(unit, string));
}

static void put_index(struct rn_buf *out, uint32_t index)
{
    if (index == RN_NONE) {
        rn_buf_append_text(out, " none");
    } else {
        rn_buf_append_format(out, " %" PRIu32, index);
    }
}

/* --- Tables --- */

static void put_strings(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_STRINGS]; i++) {
        rn_buf_append_text(out, "string ");
        put_string(out, rn_unit_string_at(unit, i));
        rn_buf_append_format(out, " ; %" PRIu32 "\n", i);
    }
}

static void put_json(const uint8_t *bytes, uint32_t size, struct rn_buf *out)
{
    char storage[256];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    const struct rn_json_options options = {0};
    if (rn_json_write(bytes, size, &options, &text, NULL) == RN_OK) {
        rn_buf_append_u8(out, ' ');
        rn_buf_append(out, text.data, text.size);
    }
}

static double as_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void put_constant(const struct rune_verified_unit *unit, uint32_t index, struct rn_buf *out)
{
    const struct rn_unit_constant *constant = &unit->constants[index];
    rn_buf_append_format(out, "%s ", rn_listing_constant_kinds[constant->kind]);
    if (constant->kind == RN_CONSTANT_I64) {
        rn_buf_append_format(out, "%" PRId64 " ; %" PRIu32, (int64_t)constant->payload, index);
    } else if (constant->kind == RN_CONSTANT_U64) {
        rn_buf_append_format(out, "%" PRIu64 " ; %" PRIu32, constant->payload, index);
    } else if (constant->kind == RN_CONSTANT_F64) {
        rn_buf_append_format(out, "0x%016" PRIx64 " ; %" PRIu32 " ", constant->payload, index);
        rn_f64_append_general(out, as_f64(constant->payload));
    } else {
        const uint8_t *bytes = unit->constant_data + (uint32_t)constant->payload;
        uint32_t size = (uint32_t)(constant->payload >> 32);
        for (uint32_t i = 0; i < size && out->error == RN_OK; i++) {
            rn_buf_append_format(out, "%02x", bytes[i]);
        }
        rn_buf_append_format(out, " ; %" PRIu32, index);
        put_json(bytes, size, out);
    }
    rn_buf_append_u8(out, '\n');
}

static void put_names(const struct rune_verified_unit *unit, uint32_t start, uint32_t count,
                      struct rn_buf *out)
{
    for (uint32_t i = 0; i < count && out->error == RN_OK; i++) {
        rn_buf_append_format(out, " %" PRIu32, unit->names[start + i]);
    }
}

static void put_names_comment(const struct rune_verified_unit *unit, uint32_t start, uint32_t count,
                              struct rn_buf *out)
{
    for (uint32_t i = 0; i < count && out->error == RN_OK; i++) {
        rn_buf_append_u8(out, ' ');
        put_name(unit, unit->names[start + i], out);
    }
}

static void put_keys(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_KEYS]; i++) {
        const struct rn_unit_key_set *set = &unit->keys[i];
        rn_buf_append_text(out, "keys");
        put_names(unit, set->start, set->count, out);
        rn_buf_append_format(out, " ; %" PRIu32, i);
        put_names_comment(unit, set->start, set->count, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_types(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_TYPES]; i++) {
        const struct rn_unit_type *type = &unit->types[i];
        uint32_t named = type->fields == RN_NONE ? 0 : type->field_count;
        rn_buf_append_format(out, "type %s %" PRIu32 " %u", rn_listing_type_kinds[type->kind],
                             type->name, type->field_count);
        put_names(unit, type->fields, named, out);
        rn_buf_append_format(out, " ; %" PRIu32 " ", i);
        put_name(unit, type->name, out);
        put_names_comment(unit, type->fields, named, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_imports(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_IMPORTS]; i++) {
        const struct rn_unit_import *import = &unit->imports[i];
        rn_buf_append_format(out, "import %" PRIu32 " %d ; %" PRIu32 " ", import->name,
                             import->arity, i);
        put_name(unit, import->name, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_exports(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_EXPORTS]; i++) {
        rn_buf_append_format(out, "export %" PRIu32 " ; ", unit->exports[i].function);
        put_name(unit, unit->exports[i].name, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_methods(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_METHODS]; i++) {
        const struct rn_unit_method *method = &unit->methods[i];
        rn_buf_append_format(out, "method %" PRIu32 " %" PRIu32 " 0x%016" PRIx64 " ; ",
                             method->type, method->function, method->name_hash);
        put_name(unit, unit->functions[method->function].name, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_statics(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_STATICS]; i++) {
        rn_buf_append_format(out, "static %" PRIu32, unit->statics[i].name);
        put_index(out, unit->statics[i].constant);
        rn_buf_append_format(out, " ; %" PRIu32 " ", i);
        put_name(unit, unit->statics[i].name, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_sites(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_SITES]; i++) {
        const struct rn_unit_site *site = &unit->sites[i];
        rn_buf_append_format(out, "site %s %" PRIu32 " 0x%016" PRIx64 " ; %" PRIu32 " ",
                             rn_listing_site_kinds[site->kind], site->name, site->name_hash, i);
        put_name(unit, site->name, out);
        rn_buf_append_u8(out, '\n');
    }
}

static void put_specs(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_SPECS]; i++) {
        const struct rn_unit_spec *spec = &unit->specs[i];
        rn_buf_append_format(out, "spec %" PRIu32 " %u %u %u", spec->fill, spec->align, spec->type,
                             spec->flags);
        put_index(out, spec->width);
        put_index(out, spec->precision);
        rn_buf_append_format(out, " ; %" PRIu32 "\n", i);
    }
}

/* --- Instructions --- */

struct operand {
    uint8_t kind;
    uint32_t value;
};

static void put_char(struct rn_buf *out, uint32_t scalar)
{
    rn_buf_append_format(out, "U+%04" PRIX32, scalar);
}

static void put_operand(struct rn_buf *out, struct operand operand)
{
    const char *word = rn_listing_operand_words[operand.kind];
    switch ((enum rn_operand)operand.kind) {
    case RN_OPERAND_DST:
    case RN_OPERAND_SRC:
    case RN_OPERAND_MOD:
    case RN_OPERAND_WIN:
    case RN_OPERAND_FWIN:
    case RN_OPERAND_PAIR:
    case RN_OPERAND_PAIRD:
    case RN_OPERAND_REGR:
    case RN_OPERAND_REGW:
        rn_buf_append_format(out, "r%" PRIu32, operand.value);
        return;
    case RN_OPERAND_I8:
        rn_buf_append_format(out, "%d", (int8_t)operand.value);
        return;
    case RN_OPERAND_I32:
        rn_buf_append_format(out, "%" PRId32, (int32_t)operand.value);
        return;
    case RN_OPERAND_CHAR:
        put_char(out, operand.value);
        return;
    case RN_OPERAND_JUMP:
        rn_buf_append_format(out, "L%" PRIu32, operand.value);
        return;
    case RN_OPERAND_CNT:
    case RN_OPERAND_COST:
    case RN_OPERAND_U8:
    case RN_OPERAND_BOOL:
    case RN_OPERAND_ORDER:
    case RN_OPERAND_CAST:
    case RN_OPERAND_RANGE:
    case RN_OPERAND_SEQ:
    case RN_OPERAND_U32:
    case RN_OPERAND_COST32:
    case RN_OPERAND_CONST:
    case RN_OPERAND_STR:
    case RN_OPERAND_FUNC:
    case RN_OPERAND_IMPORT:
    case RN_OPERAND_TYPE:
    case RN_OPERAND_KEYS:
    case RN_OPERAND_STATIC:
    case RN_OPERAND_SWITCH:
    case RN_OPERAND_SPEC:
    case RN_OPERAND_GETSITE:
    case RN_OPERAND_SETSITE:
    case RN_OPERAND_CALLSITE:
    case RN_OPERAND_INTRINSIC:
        rn_buf_append_format(out, "%s%s%" PRIu32, word == NULL ? "" : word, word == NULL ? "" : " ",
                             operand.value);
        return;
    case RN_OPERAND__:
    case RN_OPERAND_COUNT:
        break;
    }
}

/* What an index stands for. */
static void put_meaning(const struct rune_verified_unit *unit, struct operand operand,
                        struct rn_buf *out)
{
    uint32_t name = RN_NONE;
    if (operand.kind == RN_OPERAND_STR) {
        name = operand.value;
    } else if (operand.kind == RN_OPERAND_FUNC) {
        name = unit->functions[operand.value].name;
    } else if (operand.kind == RN_OPERAND_IMPORT) {
        name = unit->imports[operand.value].name;
    } else if (operand.kind == RN_OPERAND_TYPE) {
        name = unit->types[operand.value].name;
    } else if (operand.kind == RN_OPERAND_STATIC) {
        name = unit->statics[operand.value].name;
    } else if (operand.kind == RN_OPERAND_GETSITE || operand.kind == RN_OPERAND_SETSITE ||
               operand.kind == RN_OPERAND_CALLSITE) {
        name = unit->sites[operand.value].name;
    }
    if (name != RN_NONE) {
        rn_buf_append_text(out, " ; ");
        put_name(unit, name, out);
    } else if (operand.kind == RN_OPERAND_INTRINSIC) {
        rn_buf_append_format(out, " ; %s", rn_intrinsics[operand.value].name);
    } else if (operand.kind == RN_OPERAND_KEYS) {
        const struct rn_unit_key_set *set = &unit->keys[operand.value];
        rn_buf_append_text(out, " ;");
        put_names_comment(unit, set->start, set->count, out);
    }
}

void rn_disasm_inst(const struct rune_verified_unit *unit, uint32_t pc, struct rn_buf *out)
{
    RN_CHECK(pc < unit->counts[RN_SECTION_CODE]);
    const struct rn_inst *inst = &unit->code[pc];
    const struct rn_opcode_info *info = &rn_opcodes[inst->op];
    // The cost comes last: it belongs to the block, not to what the instruction does.
    const struct operand operands[] = {
        {info->a, inst->a},
        {info->b, inst->b},
        {info->c == RN_OPERAND_COST ? RN_OPERAND__ : info->c, inst->c},
        {info->imm, inst->imm},
        {info->c == RN_OPERAND_COST ? RN_OPERAND_COST : RN_OPERAND__, inst->c},
    };
    rn_buf_append_text(out, info->name);
    const char *separator = " ";
    for (size_t i = 0; i < RN_COUNT_OF(operands); i++) {
        if (operands[i].kind != RN_OPERAND__) {
            rn_buf_append_text(out, separator);
            put_operand(out, operands[i]);
            separator = ", ";
        }
    }
    put_meaning(unit, operands[3], out);
}

/* --- Functions --- */

/* Goes through the functions in order; jump tables, declared heights and lines come along. */
struct walk {
    const struct rune_verified_unit *unit;
    const struct rn_debug *debug;
    struct rn_buf *out;
    const struct rn_lines *lines; /* of `debug` */
    struct rn_debug_span span;
    /* Jump tables of each function, as lists: RN_NONE ends one. */
    uint32_t *first_switch;
    uint32_t *next_switch;
};

static void put_line(struct walk *walk, uint32_t pc)
{
    if (walk->debug == NULL) {
        return;
    }
    struct rn_debug_span span = rn_debug_find(walk->debug, pc);
    bool same = span.source == walk->span.source && span.start == walk->span.start;
    walk->span = span;
    if (same || span.source == RN_NONE) {
        return;
    }
    const struct rn_debug_source *source = &walk->lines->sources[span.source].source;
    rn_buf_append_text(walk->out, "  ; ");
    put_comment_text(walk->out, source->name);
    rn_buf_append_format(walk->out, " line %" PRIu32 ": ", rn_lines_number(walk->lines, span));
    put_comment_text(walk->out,
                     (struct rn_utf8){source->text.data + span.start, span.end - span.start});
    rn_buf_append_u8(walk->out, '\n');
}

void rn_disasm_switch(const struct rune_verified_unit *unit, uint32_t index, struct rn_buf *out)
{
    const struct rn_unit_switch *table = &unit->switches[index];
    rn_buf_append_format(out, "switch %" PRIu32 " %s", index, rn_listing_switch_kinds[table->kind]);
    if (table->kind == RN_SWITCH_INT) {
        rn_buf_append_format(out, " %" PRId64, table->base);
    } else {
        rn_buf_append_format(out, " %" PRIu32, table->type);
    }
    for (uint32_t i = 0; i < table->count && out->error == RN_OK; i++) {
        rn_buf_append_format(out, " L%" PRIu32, unit->targets[table->targets + i]);
    }
    rn_buf_append_format(out, " else L%" PRIu32, table->default_target);
}

void rn_disasm_shape(const struct rune_verified_unit *unit, uint32_t index, struct rn_buf *out)
{
    const struct rn_unit_function *function = &unit->functions[index];
    rn_buf_append_format(out, "args %u captures %u registers %" PRIu32 " %s", function->arg_count,
                         function->capture_count, function->register_count,
                         rn_listing_function_kinds[function->kind]);
    for (uint32_t bit = 0; rn_listing_function_flags[bit] != NULL; bit++) {
        if ((function->flags >> bit & 1) != 0) {
            rn_buf_append_format(out, " %s", rn_listing_function_flags[bit]);
        }
    }
}

static void put_header(struct walk *walk, uint32_t index)
{
    const struct rn_unit_function *function = &walk->unit->functions[index];
    rn_buf_append_format(walk->out, "\nfunc %" PRIu32 " ", function->name);
    rn_disasm_shape(walk->unit, index, walk->out);
    rn_buf_append_format(walk->out, " ; %" PRIu32 " ", index);
    put_name(walk->unit, function->name, walk->out);
    rn_buf_append_u8(walk->out, '\n');
    for (uint32_t i = walk->first_switch[index]; i != RN_NONE; i = walk->next_switch[i]) {
        rn_buf_append_text(walk->out, "  ");
        rn_disasm_switch(walk->unit, i, walk->out);
        rn_buf_append_u8(walk->out, '\n');
    }
}

/* The first height declared at or behind `pc`. */
static uint32_t height_from(const struct rune_verified_unit *unit, uint32_t pc)
{
    uint32_t low = 0;
    uint32_t high = unit->counts[RN_SECTION_HEIGHTS];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (unit->heights[middle].pc < pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void put_function(struct walk *walk, uint32_t index)
{
    const struct rune_verified_unit *unit = walk->unit;
    const struct rn_unit_function *function = &unit->functions[index];
    uint32_t height = height_from(unit, function->code_start);
    put_header(walk, index);
    for (uint32_t i = 0; i < function->code_count && walk->out->error == RN_OK; i++) {
        uint32_t pc = function->code_start + i;
        put_line(walk, pc);
        // Every jump target has a declared height, so each such place gets a label.
        if (height < unit->counts[RN_SECTION_HEIGHTS] && unit->heights[height].pc == pc) {
            rn_buf_append_format(walk->out, "L%" PRIu32 ":\n  height %" PRIu32 "\n", i,
                                 unit->heights[height].height);
            height++;
        }
        rn_buf_append_text(walk->out, "  ");
        rn_disasm_inst(unit, pc, walk->out);
        rn_buf_append_u8(walk->out, '\n');
    }
}

static enum rn_error put_functions(const struct rune_verified_unit *unit,
                                   const struct rn_debug *debug, uint32_t begin, uint32_t end,
                                   struct rn_buf *out)
{
    uint32_t switches = unit->counts[RN_SECTION_SWITCHES];
    uint32_t functions = unit->counts[RN_SECTION_FUNCTIONS];
    RN_AUTO_FREE uint32_t *first = rn_alloc_array(functions, sizeof(*first));
    RN_AUTO_FREE uint32_t *next = rn_alloc_array(switches, sizeof(*next));
    if (first == NULL || next == NULL) {
        return RN_E_NO_MEMORY;
    }
    RN_AUTO(rn_lines) struct rn_lines lines = {.sources = NULL};
    if (debug != NULL) {
        RN_TRY(rn_lines_make(debug, &lines));
    }
    memset(first, 0xff, functions * sizeof(*first));
    for (uint32_t i = switches; i-- > 0;) {
        next[i] = first[unit->switches[i].function];
        first[unit->switches[i].function] = i;
    }
    struct walk walk = {
        .unit = unit,
        .debug = debug,
        .lines = &lines,
        .out = out,
        .span.source = RN_NONE,
        .first_switch = first,
        .next_switch = next,
    };
    for (uint32_t i = begin; i < end && out->error == RN_OK; i++) {
        put_function(&walk, i);
    }
    return rn_buf_status(out);
}

enum rn_error rn_disasm_function(const struct rune_verified_unit *unit, uint32_t function,
                                 const struct rn_debug *debug, struct rn_buf *out)
{
    if (function >= unit->counts[RN_SECTION_FUNCTIONS]) {
        return RN_E_INVALID_ARGUMENT;
    }
    return put_functions(unit, debug, function, function + 1, out);
}

static void put_unit_line(const struct rune_verified_unit *unit, struct rn_buf *out)
{
    const struct rn_unit_header *header = unit->header;
    rn_buf_append_format(
        out, "; %" PRIu32 " functions, %" PRIu32 " instructions, %" PRIu32 " bytes\n",
        unit->counts[RN_SECTION_FUNCTIONS], unit->counts[RN_SECTION_CODE], header->image_size);
    rn_buf_append_text(out, (header->flags & RN_UNIT_STANDARD) != 0 ? "unit standard" : "unit");
    put_index(out, header->main_function);
    rn_buf_append_text(out, "\nid ");
    for (size_t i = 0; i < sizeof(header->content_id); i++) {
        rn_buf_append_format(out, "%02x", header->content_id[i]);
    }
    rn_buf_append_u8(out, '\n');
}

enum rn_error rn_disasm_unit(const struct rune_verified_unit *unit, const struct rn_debug *debug,
                             struct rn_buf *out)
{
    put_unit_line(unit, out);
    put_strings(unit, out);
    for (uint32_t i = 0; i < unit->counts[RN_SECTION_CONSTANTS] && out->error == RN_OK; i++) {
        put_constant(unit, i, out);
    }
    put_keys(unit, out);
    put_types(unit, out);
    put_imports(unit, out);
    put_exports(unit, out);
    put_methods(unit, out);
    put_statics(unit, out);
    put_sites(unit, out);
    put_specs(unit, out);
    return put_functions(unit, debug, 0, unit->counts[RN_SECTION_FUNCTIONS], out);
}
