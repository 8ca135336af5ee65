/*
 * builder_code.c: bodies, labels and instructions.
 *
 * The builder follows the live height as the verifier will, and refuses an instruction that the
 * verifier would refuse, naming it: the fault lies in the code generator, and this is where it can
 * still be told where. It does not replace the verifier, which trusts nothing written here.
 */
#include "bytecode/builder_state.h"
#include "bytecode/hash.h"
#include "bytecode/intrinsics.h"

#include <string.h>

static struct rn_builder_body *body_at(struct rn_builder *b, uint32_t index)
{
    return RN_BUILDER_AT(&b->bodies, struct rn_builder_body, index);
}

static uint32_t body_count(const struct rn_builder *b)
{
    return RN_BUILDER_COUNT(&b->bodies, struct rn_builder_body);
}

static uint32_t code_count(const struct rn_builder *b)
{
    return RN_BUILDER_COUNT(&b->code, struct rn_inst);
}

static bool in_body(struct rn_builder *b)
{
    if (b->fault != RN_BUILDER_OK) {
        return false;
    }
    if (b->open == RN_NONE) {
        rn_builder_fail(b, RN_BUILDER_RULE, "no function has been begun");
        return false;
    }
    return true;
}

/* --- Functions --- */

uint32_t rn_builder_function(struct rn_builder *b, const struct rn_builder_function *function)
{
    if (function->arg_count > RN_ARGUMENTS_MAX) {
        rn_builder_fail(b, RN_BUILDER_ARGUMENTS, "a function has more than %u arguments",
                        RN_ARGUMENTS_MAX);
        return 0;
    }
    if (function->capture_count > RN_CAPTURES_MAX) {
        rn_builder_fail(b, RN_BUILDER_CAPTURES, "a closure captures more than %u variables",
                        RN_CAPTURES_MAX);
        return 0;
    }
    struct rn_builder_body body = {
        .function =
            {
                .hash = rn_hash_item(function->path.data, function->path.size),
                .name = rn_builder_string(b, function->path),
                .arg_count = function->arg_count,
                .capture_count = function->capture_count,
                .kind = (uint8_t)function->kind,
                .flags = function->flags,
            },
    };
    return rn_builder_append(b, &b->bodies, &body, sizeof(body), RN_BUILDER_FUNCTIONS);
}

static bool is_function(struct rn_builder *b, uint32_t function)
{
    if (b->fault != RN_BUILDER_OK) {
        return false;
    }
    if (function >= body_count(b)) {
        rn_builder_fail(b, RN_BUILDER_RULE, "function %u has not been declared", function);
        return false;
    }
    return true;
}

void rn_builder_export(struct rn_builder *b, uint32_t function)
{
    if (!is_function(b, function)) {
        return;
    }
    const struct rn_unit_function *info = &body_at(b, function)->function;
    struct rn_unit_export item = {.hash = info->hash, .name = info->name, .function = function};
    rn_builder_append(b, &b->exports, &item, sizeof(item), RN_BUILDER_FUNCTIONS);
}

void rn_builder_method(struct rn_builder *b, uint32_t type, struct rn_utf8 name, uint32_t function)
{
    if (!is_function(b, function)) {
        return;
    }
    struct rn_unit_method method = {
        .type = type,
        .function = function,
        .name_hash = rn_hash_text(name.data, name.size),
    };
    rn_builder_append(b, &b->methods, &method, sizeof(method), RN_BUILDER_FUNCTIONS);
}

void rn_builder_set_main(struct rn_builder *b, uint32_t function)
{
    if (is_function(b, function)) {
        b->main_function = function;
    }
}

void rn_builder_begin(struct rn_builder *b, uint32_t function)
{
    if (!is_function(b, function)) {
        return;
    }
    struct rn_builder_body *body = body_at(b, function);
    if (b->open != RN_NONE || body->begun) {
        rn_builder_fail(b, RN_BUILDER_RULE, "function %u is begun twice or inside another",
                        function);
        return;
    }
    body->begun = true;
    body->function.code_start = code_count(b);
    body->height_start = RN_BUILDER_COUNT(&b->heights, struct rn_unit_height);
    body->line_start = RN_BUILDER_COUNT(&b->lines, struct rn_builder_line);
    b->open = function;
    b->height = body->function.arg_count + (uint32_t)body->function.capture_count;
    b->height_max = b->height;
    b->declare_height = false;
    b->undeclared = 0;
    b->reachable = true;
    b->block_cost = 0;
    b->span = (struct rn_builder_span){.source = RN_NONE};
    b->last_span = (struct rn_builder_span){.source = RN_NONE};
    rn_buf_clear(&b->labels);
    rn_buf_clear(&b->patches);
}

static void apply_patches(struct rn_builder *b)
{
    uint32_t count = RN_BUILDER_COUNT(&b->patches, struct rn_builder_patch);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_builder_patch *patch =
            RN_BUILDER_AT(&b->patches, struct rn_builder_patch, i);
        uint32_t pc = RN_BUILDER_AT(&b->labels, struct rn_builder_label, patch->label)->pc;
        if (pc == RN_NONE) {
            rn_builder_fail(b, RN_BUILDER_RULE, "label %u is jumped to and was never placed",
                            patch->label);
            return;
        }
        if (patch->target) {
            *RN_BUILDER_AT(&b->targets, uint32_t, patch->index) = pc;
        } else {
            RN_BUILDER_AT(&b->code, struct rn_inst, patch->index)->imm = pc;
        }
    }
}

void rn_builder_end(struct rn_builder *b)
{
    if (!in_body(b)) {
        return;
    }
    if (b->reachable) {
        rn_builder_fail(b, RN_BUILDER_RULE, "function %u can fall off its end", b->open);
        return;
    }
    apply_patches(b);
    if (b->height_max > RN_REGISTERS_MAX) {
        rn_builder_fail(b, RN_BUILDER_REGISTERS, "a function needs more than %u registers",
                        RN_REGISTERS_MAX);
    }
    struct rn_builder_body *body = body_at(b, b->open);
    body->function.code_count = code_count(b) - body->function.code_start;
    // The result goes to R[0], whether or not the body has a value of its own.
    body->function.register_count = b->height_max > 0 ? b->height_max : 1;
    body->height_count = RN_BUILDER_COUNT(&b->heights, struct rn_unit_height) - body->height_start;
    body->line_count = RN_BUILDER_COUNT(&b->lines, struct rn_builder_line) - body->line_start;
    body->defined = true;
    b->open = RN_NONE;
}

/* --- Heights and places --- */

uint32_t rn_builder_height(const struct rn_builder *b)
{
    return b->height;
}

uint32_t rn_builder_pc(const struct rn_builder *b)
{
    if (b->fault != RN_BUILDER_OK || b->open == RN_NONE) {
        return 0;
    }
    return code_count(b) -
           RN_BUILDER_AT(&b->bodies, struct rn_builder_body, b->open)->function.code_start;
}

bool rn_builder_reachable(const struct rn_builder *b)
{
    return b->reachable && b->fault == RN_BUILDER_OK;
}

void rn_builder_set_height(struct rn_builder *b, uint32_t height)
{
    if (!in_body(b) || height == b->height) {
        return;
    }
    if (b->reachable) {
        if (height > b->height) {
            rn_builder_fail(b, RN_BUILDER_RULE, "height %u declared where %u registers are live",
                            height, b->height);
            return;
        }
        b->declare_height = true;
    }
    b->height = height;
}

struct rn_label rn_builder_label(struct rn_builder *b, uint32_t height)
{
    struct rn_builder_label label = {.height = height, .pc = RN_NONE};
    return (struct rn_label){
        rn_builder_append(b, &b->labels, &label, sizeof(label), RN_BUILDER_LABELS)};
}

static struct rn_builder_label *label_at(struct rn_builder *b, struct rn_label label)
{
    if (label.id >= RN_BUILDER_COUNT(&b->labels, struct rn_builder_label)) {
        rn_builder_fail(b, RN_BUILDER_RULE, "label %u is not of this function", label.id);
        return NULL;
    }
    return RN_BUILDER_AT(&b->labels, struct rn_builder_label, label.id);
}

void rn_builder_place(struct rn_builder *b, struct rn_label label)
{
    struct rn_builder_label *place = in_body(b) ? label_at(b, label) : NULL;
    if (place == NULL) {
        return;
    }
    if (place->pc != RN_NONE || (b->reachable && place->height > b->height)) {
        rn_builder_fail(b, RN_BUILDER_RULE,
                        "label %u of height %u is placed twice or at height %u, pc %u", label.id,
                        place->height, b->height, rn_builder_pc(b));
        return;
    }
    // A block that runs into a target is paid for before it.
    if (b->reachable && b->block_cost > 0) {
        rn_emit_CHARGE(b);
    }
    place->pc = rn_builder_pc(b);
    b->height = place->height;
    b->declare_height = true;
    b->reachable = true;
    b->block_cost = 0;
    if (b->height > b->height_max) {
        b->height_max = b->height;
    }
}

void rn_builder_place_forward(struct rn_builder *b, struct rn_label label)
{
    const struct rn_builder_label *place = in_body(b) ? label_at(b, label) : NULL;
    if (place == NULL) {
        return;
    }
    if (place->referenced) {
        rn_builder_place(b, label);
    } else {
        rn_builder_set_height(b, place->height);
    }
}

/* --- Jump tables --- */

static uint32_t add_target(struct rn_builder *b, struct rn_label label)
{
    struct rn_builder_label *place = label_at(b, label);
    if (place == NULL) {
        return 0;
    }
    if (place->height > b->height) {
        rn_builder_fail(b, RN_BUILDER_RULE, "a switch at height %u goes to label %u of height %u",
                        b->height, label.id, place->height);
        return 0;
    }
    place->referenced = true;
    uint32_t none = RN_NONE;
    return rn_builder_append(b, &b->targets, &none, sizeof(none), RN_BUILDER_TARGETS);
}

static void add_patch(struct rn_builder *b, uint32_t index, struct rn_label label, bool target)
{
    struct rn_builder_patch patch = {.index = index, .label = label.id, .target = target};
    rn_builder_append(b, &b->patches, &patch, sizeof(patch), RN_BUILDER_LABELS);
}

/*
 * The default stands in TARGETS behind the cases, where its label can be patched like theirs; the
 * layout moves it into the switch.
 */
static uint32_t add_switch(struct rn_builder *b, struct rn_unit_switch *table,
                           const struct rn_label *labels, struct rn_label otherwise)
{
    if (!in_body(b) || !b->reachable) {
        return 0;
    }
    table->targets = RN_BUILDER_COUNT(&b->targets, uint32_t);
    table->function = b->open;
    for (uint32_t i = 0; i <= table->count && b->fault == RN_BUILDER_OK; i++) {
        struct rn_label label = i < table->count ? labels[i] : otherwise;
        add_patch(b, add_target(b, label), label, true);
    }
    return rn_builder_append(b, &b->switches, table, sizeof(*table), RN_BUILDER_SWITCHES);
}

uint32_t rn_builder_switch_int(struct rn_builder *b, int64_t base, const struct rn_label *labels,
                               uint32_t count, struct rn_label otherwise)
{
    struct rn_unit_switch table = {
        .base = base, .kind = RN_SWITCH_INT, .type = RN_NONE, .count = count};
    return add_switch(b, &table, labels, otherwise);
}

uint32_t rn_builder_switch_variant(struct rn_builder *b, uint32_t type,
                                   const struct rn_label *labels, uint32_t count,
                                   struct rn_label otherwise)
{
    struct rn_unit_switch table = {.kind = RN_SWITCH_VARIANT, .type = type, .count = count};
    return add_switch(b, &table, labels, otherwise);
}

/* --- Instructions --- */

void rn_builder_set_span(struct rn_builder *b, struct rn_builder_span span)
{
    uint32_t count = RN_BUILDER_COUNT(&b->sources, struct rn_builder_source);
    bool valid = span.source == RN_NONE;
    if (span.source < count) {
        uint32_t size =
            RN_BUILDER_AT(&b->sources, struct rn_builder_source, span.source)->text_size;
        valid = span.start <= span.end && span.end <= size;
    }
    if (!valid) {
        rn_builder_fail(b, RN_BUILDER_RULE, "span %u .. %u is not in source %u", span.start,
                        span.end, span.source);
        return;
    }
    b->span = span;
}

static void record_line(struct rn_builder *b)
{
    if (b->span.source == b->last_span.source && b->span.start == b->last_span.start &&
        b->span.end == b->last_span.end) {
        return;
    }
    struct rn_builder_line line = {.pc = code_count(b), .span = b->span};
    rn_builder_append(b, &b->lines, &line, sizeof(line), RN_BUILDER_DEBUG);
    b->last_span = b->span;
}

static void append_inst(struct rn_builder *b, struct rn_inst inst)
{
    if (b->declare_height || b->undeclared == RN_HEIGHT_DISTANCE_MAX) {
        struct rn_unit_height entry = {.pc = code_count(b), .height = b->height};
        rn_builder_append(b, &b->heights, &entry, sizeof(entry), RN_BUILDER_INSTRUCTIONS);
        b->declare_height = false;
        b->undeclared = 0;
    }
    b->undeclared++;
    record_line(b);
    rn_builder_append(b, &b->code, &inst, sizeof(inst), RN_BUILDER_INSTRUCTIONS);
}

/* Pays for the block as far as it has come, in front of the next instruction. */
static void append_charge(struct rn_builder *b)
{
    append_inst(b, (struct rn_inst){.op = RN_OP_CHARGE, .imm = b->block_cost});
    b->block_cost = 0;
}

static void append_checked(struct rn_builder *b, struct rn_inst inst)
{
    const struct rn_opcode_info *info = &rn_opcodes[inst.op];
    if (b->block_cost + info->budget > RN_BLOCK_COST_MAX) {
        append_charge(b);
    }
    b->block_cost += info->budget;
    if (info->c == RN_OPERAND_COST) {
        inst.c = (uint8_t)b->block_cost;
    } else if (info->imm == RN_OPERAND_COST32) {
        inst.imm = b->block_cost;
    }
    if ((info->effects & RN_EFFECT_CHARGE) != 0) {
        b->block_cost = 0;
    }
    append_inst(b, inst);
    b->height = rn_inst_height_after(inst, b->height);
    if (b->height > b->height_max) {
        b->height_max = b->height;
    }
    b->reachable = (info->effects & RN_EFFECT_END) == 0;
}

struct operands {
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t imm;
};

/* What is wrong with one of the three byte operands, or NULL. */
static const char *byte_problem(const struct rn_builder *b, uint8_t kind, uint32_t value)
{
    switch ((enum rn_operand)kind) {
    case RN_OPERAND__:
    case RN_OPERAND_COST:
        return value == 0 ? NULL : "must be zero";
    case RN_OPERAND_DST:
        return value <= b->height ? NULL : "written above the live height";
    case RN_OPERAND_SRC:
    case RN_OPERAND_MOD:
        return value < b->height ? NULL : "read above the live height";
    case RN_OPERAND_PAIR:
    case RN_OPERAND_PAIRD:
        return value + 1 < b->height ? NULL : "a pair above the live height";
    case RN_OPERAND_WIN:
    case RN_OPERAND_FWIN:
        return value <= b->height ? NULL : "a window above the live height";
    case RN_OPERAND_BOOL:
        return value <= 1 ? NULL : "not 0 or 1";
    case RN_OPERAND_ORDER:
    case RN_OPERAND_CAST:
        return value <= 2 ? NULL : "not 0, 1 or 2";
    case RN_OPERAND_RANGE:
        return value < RN_RANGE_KIND_COUNT ? NULL : "not a kind of range";
    case RN_OPERAND_SEQ:
        return value < RN_SEQ_TEST_COUNT ? NULL : "not a kind of sequence";
    case RN_OPERAND_CNT:
    case RN_OPERAND_I8:
    case RN_OPERAND_U8:
        return value <= UINT8_MAX ? NULL : "beyond a byte";
    case RN_OPERAND_I32:
    case RN_OPERAND_U32:
    case RN_OPERAND_CHAR:
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
    case RN_OPERAND_JUMP:
    case RN_OPERAND_REGR:
    case RN_OPERAND_REGW:
    case RN_OPERAND_INTRINSIC:
    case RN_OPERAND_COUNT:
        break;
    }
    return "of a kind that no byte has";
}

static bool is_site(const struct rn_builder *b, uint32_t index, enum rn_site_kind kind)
{
    return index < RN_BUILDER_COUNT(&b->sites, struct rn_unit_site) &&
           RN_BUILDER_AT(&b->sites, struct rn_unit_site, index)->kind == (uint32_t)kind;
}

static bool imm_is_valid(const struct rn_builder *b, uint8_t kind, uint32_t value)
{
    switch ((enum rn_operand)kind) {
    case RN_OPERAND__:
    case RN_OPERAND_COST32:
        return value == 0;
    case RN_OPERAND_I32:
    case RN_OPERAND_U32:
    case RN_OPERAND_JUMP:
        return true;
    case RN_OPERAND_CHAR:
        return rn_is_scalar(value);
    case RN_OPERAND_CONST:
        return value < RN_BUILDER_COUNT(&b->constants, struct rn_unit_constant);
    case RN_OPERAND_STR:
        return value < RN_BUILDER_COUNT(&b->strings, struct rn_unit_string);
    case RN_OPERAND_FUNC:
        return value < body_count(b);
    case RN_OPERAND_IMPORT:
        return value < RN_BUILDER_COUNT(&b->imports, struct rn_unit_import);
    case RN_OPERAND_TYPE:
        return value < RN_BUILDER_COUNT(&b->types, struct rn_unit_type);
    case RN_OPERAND_KEYS:
        return value < RN_BUILDER_COUNT(&b->keys, struct rn_unit_key_set);
    case RN_OPERAND_STATIC:
        return value < RN_BUILDER_COUNT(&b->statics, struct rn_unit_static);
    case RN_OPERAND_SWITCH:
        return value < RN_BUILDER_COUNT(&b->switches, struct rn_unit_switch) &&
               RN_BUILDER_AT(&b->switches, struct rn_unit_switch, value)->function == b->open;
    case RN_OPERAND_SPEC:
        return value < RN_BUILDER_COUNT(&b->specs, struct rn_unit_spec);
    case RN_OPERAND_GETSITE:
        return is_site(b, value, RN_SITE_GET);
    case RN_OPERAND_SETSITE:
        return is_site(b, value, RN_SITE_SET);
    case RN_OPERAND_CALLSITE:
        return is_site(b, value, RN_SITE_CALL);
    case RN_OPERAND_REGR:
        return value < b->height;
    case RN_OPERAND_REGW:
        return value <= b->height;
    case RN_OPERAND_INTRINSIC:
        return value < RN_INTRINSIC_COUNT;
    case RN_OPERAND_DST:
    case RN_OPERAND_SRC:
    case RN_OPERAND_MOD:
    case RN_OPERAND_WIN:
    case RN_OPERAND_FWIN:
    case RN_OPERAND_PAIR:
    case RN_OPERAND_PAIRD:
    case RN_OPERAND_CNT:
    case RN_OPERAND_COST:
    case RN_OPERAND_I8:
    case RN_OPERAND_U8:
    case RN_OPERAND_BOOL:
    case RN_OPERAND_ORDER:
    case RN_OPERAND_CAST:
    case RN_OPERAND_RANGE:
    case RN_OPERAND_SEQ:
    case RN_OPERAND_COUNT:
        break;
    }
    return false;
}

/* The end of the registers that the instruction's count covers; 0 without one. */
static uint32_t counted_end(const struct rn_opcode_info *info, struct operands o)
{
    if (info->a == RN_OPERAND_WIN) {
        return o.a + o.b;
    }
    if (info->a == RN_OPERAND_FWIN) {
        return o.a + 1 + o.b;
    }
    return info->c == RN_OPERAND_CNT ? o.b + o.c : 0;
}

static bool is_register(uint8_t kind)
{
    return kind >= RN_OPERAND_DST && kind <= RN_OPERAND_PAIRD;
}

static bool check_byte(struct rn_builder *b, const struct rn_opcode_info *info, char place,
                       uint8_t kind, uint32_t value)
{
    if (is_register(kind) && value > UINT8_MAX) {
        rn_builder_fail(b, RN_BUILDER_OPERAND_REGISTER,
                        "%s: register %u does not fit an operand byte", info->name, value);
        return false;
    }
    const char *problem = byte_problem(b, kind, value);
    if (problem != NULL) {
        rn_builder_fail(b, RN_BUILDER_RULE,
                        "%s in function %u, pc %u, height %u: operand %c is %u: %s", info->name,
                        b->open, rn_builder_pc(b), b->height, place, value, problem);
    }
    return problem == NULL;
}

static bool check(struct rn_builder *b, const struct rn_opcode_info *info, struct operands o)
{
    if (!check_byte(b, info, 'a', info->a, o.a) || !check_byte(b, info, 'b', info->b, o.b) ||
        !check_byte(b, info, 'c', info->c, o.c)) {
        return false;
    }
    const char *problem = NULL;
    if (!imm_is_valid(b, info->imm, o.imm)) {
        problem = "is not valid for its kind";
    } else if (counted_end(info, o) > b->height) {
        problem = "comes with a window that ends above the live height";
    } else if ((info->effects & RN_EFFECT_PRIV) != 0 && !b->standard) {
        problem = "belongs to an instruction of the standard Unit";
    }
    if (problem != NULL) {
        rn_builder_fail(b, RN_BUILDER_RULE,
                        "%s in function %u, pc %u, height %u: operand imm is %u, which %s",
                        info->name, b->open, rn_builder_pc(b), b->height, o.imm, problem);
    }
    return problem == NULL;
}

static void emit(struct rn_builder *b, enum rn_opcode op, struct operands o)
{
    if (check(b, &rn_opcodes[op], o)) {
        append_checked(b, (struct rn_inst){
                              .op = (uint8_t)op,
                              .a = (uint8_t)o.a,
                              .b = (uint8_t)o.b,
                              .c = (uint8_t)o.c,
                              .imm = o.imm,
                          });
    }
}

void rn_emit(struct rn_builder *b, enum rn_opcode op, uint32_t a, uint32_t bb, uint32_t c,
             uint32_t imm)
{
    if (!in_body(b) || !b->reachable) {
        return;
    }
    if (rn_opcodes[op].imm == RN_OPERAND_JUMP) {
        rn_builder_fail(b, RN_BUILDER_RULE, "%s needs a label", rn_opcodes[op].name);
        return;
    }
    emit(b, op, (struct operands){a, bb, c, imm});
}

void rn_emit_jump(struct rn_builder *b, enum rn_opcode op, uint32_t a, uint32_t bb,
                  struct rn_label label)
{
    if (!in_body(b) || !b->reachable) {
        return;
    }
    struct rn_builder_label *place = label_at(b, label);
    if (place == NULL) {
        return;
    }
    if (rn_opcodes[op].imm != RN_OPERAND_JUMP || place->height > b->height) {
        rn_builder_fail(b, RN_BUILDER_RULE, "%s at height %u, pc %u goes to label %u of height %u",
                        rn_opcodes[op].name, b->height, rn_builder_pc(b), label.id, place->height);
        return;
    }
    place->referenced = true;
    emit(b, op, (struct operands){a, bb, 0, 0});
    if (b->fault == RN_BUILDER_OK) {
        add_patch(b, code_count(b) - 1, label, false);
    }
}
