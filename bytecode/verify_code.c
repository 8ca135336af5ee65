/*
 * verify_code.c: jumps, operands, heights and costs (invariants I11 to I17 of unit_verify.c).
 *
 * Trust: reads instructions of which nothing is known; the tables have been verified.
 *
 * Two passes over CODE. The first finds opcodes and jump targets. The second goes through each
 * function once, from its start to its end, with the live height and the cost of the block so far.
 * Operands are checked by their kinds, as the table of opcodes gives them; only what relates two
 * operands, or an instruction to its function, is asked by opcode.
 */
#include "bytecode/hash.h"
#include "bytecode/intrinsics.h"
#include "bytecode/types.h"
#include "bytecode/verifier.h"

#include <string.h>

/* One function on the way through. */
struct walk {
    const struct rn_unit_function *function;
    uint32_t entry;      /* the next declared height, in HEIGHTS */
    uint32_t height;     /* before the instruction at pc */
    uint32_t cost;       /* of the block so far */
    uint32_t undeclared; /* instructions since a height was declared */
    bool reachable;      /* something falls through to pc */
};

static uint32_t count_of(const struct rn_verifier *v, enum rn_section section)
{
    return v->unit.counts[section];
}

/* --- First pass: opcodes and jump targets --- */

static bool find_target(struct rn_verifier *v, const struct rn_unit_function *function,
                        const struct rn_inst *inst)
{
    if (!rn_verify_need(v, inst->op < RN_OP_COUNT, RN_CHECK_OPCODE, inst)) {
        return false;
    }
    if (rn_opcodes[inst->op].imm != RN_OPERAND_JUMP) {
        return true;
    }
    if (!rn_verify_need(v, inst->imm < function->code_count, RN_CHECK_JUMP_TARGET, inst)) {
        return false;
    }
    uint32_t pc = function->code_start + inst->imm;
    v->is_target[pc / 8] |= (uint8_t)(1u << (pc % 8));
    return true;
}

static bool find_targets(struct rn_verifier *v)
{
    for (uint32_t f = 0; f < count_of(v, RN_SECTION_FUNCTIONS); f++) {
        const struct rn_unit_function *function = &v->unit.functions[f];
        v->function = f;
        for (uint32_t i = 0; i < function->code_count; i++) {
            v->pc = function->code_start + i;
            if (!find_target(v, function, &v->unit.code[v->pc])) {
                return false;
            }
        }
    }
    v->function = RN_NONE;
    v->pc = RN_NONE;
    return true;
}

/* --- Declared heights --- */

static bool verify_heights(struct rn_verifier *v)
{
    const struct rn_unit_height *heights = v->unit.heights;
    v->declared = rn_verify_alloc(v, count_of(v, RN_SECTION_CODE), sizeof(*v->declared));
    if (v->declared == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_HEIGHTS); i++) {
        bool ascends = heights[i].pc < count_of(v, RN_SECTION_CODE) &&
                       (i == 0 || heights[i - 1].pc < heights[i].pc);
        if (!rn_verify_need(v, ascends, RN_CHECK_HEIGHT_ORDER, &heights[i])) {
            return false;
        }
        v->declared[heights[i].pc] = heights[i].height + 1;
    }
    return true;
}

/* The height declared at `pc` of CODE, or RN_NONE. */
static uint32_t declared_at(const struct rn_verifier *v, uint32_t pc)
{
    return v->declared[pc] - 1;
}

/* The highest that the targets of each jump table need; none is left undeclared (I14). */
static bool verify_switch_heights(struct rn_verifier *v)
{
    uint32_t count = count_of(v, RN_SECTION_SWITCHES);
    v->switch_heights = rn_verify_alloc(v, count, sizeof(*v->switch_heights));
    if (v->switch_heights == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_switch *table = &v->unit.switches[i];
        uint32_t start = v->unit.functions[table->function].code_start;
        for (uint32_t j = 0; j <= table->count; j++) {
            const uint32_t *target =
                j < table->count ? &v->unit.targets[table->targets + j] : &table->default_target;
            uint32_t height = declared_at(v, start + *target);
            if (!rn_verify_need(v, height != RN_NONE, RN_CHECK_JUMP_UNDECLARED, target)) {
                return false;
            }
            if (height > v->switch_heights[i]) {
                v->switch_heights[i] = height;
            }
        }
    }
    return true;
}

/* --- Operands by kind (I12, I13) --- */

static bool verify_byte(struct rn_verifier *v, const struct walk *walk, uint8_t kind,
                        const uint8_t *operand)
{
    uint32_t value = *operand;
    switch ((enum rn_operand)kind) {
    case RN_OPERAND__:
        return rn_verify_need(v, value == 0, RN_CHECK_OPERAND_ZERO, operand);
    case RN_OPERAND_SRC:
    case RN_OPERAND_MOD:
        return rn_verify_need(v, value < walk->height, RN_CHECK_OPERAND_READ, operand);
    case RN_OPERAND_PAIR:
    case RN_OPERAND_PAIRD:
        return rn_verify_need(v, value + 1 < walk->height, RN_CHECK_OPERAND_READ, operand);
    case RN_OPERAND_DST:
    case RN_OPERAND_WIN:
    case RN_OPERAND_FWIN:
        return rn_verify_need(v, value <= walk->height && value < walk->function->register_count,
                              RN_CHECK_OPERAND_WRITE, operand);
    case RN_OPERAND_BOOL:
        return rn_verify_need(v, value <= 1, RN_CHECK_OPERAND_VALUE, operand);
    case RN_OPERAND_ORDER:
    case RN_OPERAND_CAST:
        return rn_verify_need(v, value <= 2, RN_CHECK_OPERAND_VALUE, operand);
    case RN_OPERAND_RANGE:
        return rn_verify_need(v, value < RN_RANGE_KIND_COUNT, RN_CHECK_OPERAND_VALUE, operand);
    case RN_OPERAND_SEQ:
        return rn_verify_need(v, value < RN_SEQ_TEST_COUNT, RN_CHECK_OPERAND_VALUE, operand);
    case RN_OPERAND_CNT:  // with its window: verify_counted
    case RN_OPERAND_COST: // with its block: verify_cost
    case RN_OPERAND_I8:
    case RN_OPERAND_U8:
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
    return true;
}

static bool need_index(struct rn_verifier *v, const uint32_t *imm, enum rn_section section)
{
    return rn_verify_need(v, *imm < count_of(v, section), RN_CHECK_OPERAND_INDEX, imm);
}

/* I5: what becomes a String is UTF-8; Bytes are any. */
static bool need_text(struct rn_verifier *v, const uint32_t *imm)
{
    uint8_t op = v->unit.code[v->pc].op;
    return need_index(v, imm, RN_SECTION_STRINGS) &&
           rn_verify_need(v,
                          op == RN_OP_BYTES || op == RN_OP_MATCH_BYTES || v->string_is_utf8[*imm],
                          RN_CHECK_TEXT_UTF8, imm);
}

static bool need_site(struct rn_verifier *v, const uint32_t *imm, enum rn_site_kind kind)
{
    return need_index(v, imm, RN_SECTION_SITES) &&
           rn_verify_need(v, v->unit.sites[*imm].kind == (uint32_t)kind, RN_CHECK_OPERAND_SITE,
                          imm);
}

static bool verify_jump(struct rn_verifier *v, const struct walk *walk, const uint32_t *imm)
{
    uint32_t height = declared_at(v, walk->function->code_start + *imm);
    return rn_verify_need(v, height != RN_NONE, RN_CHECK_JUMP_UNDECLARED, imm) &&
           rn_verify_need(v, height <= walk->height, RN_CHECK_JUMP_HEIGHT, imm);
}

static bool verify_switch_use(struct rn_verifier *v, const struct walk *walk, const uint32_t *imm)
{
    return need_index(v, imm, RN_SECTION_SWITCHES) &&
           rn_verify_need(v, v->unit.switches[*imm].function == v->function,
                          RN_CHECK_OPERAND_SWITCH, imm) &&
           rn_verify_need(v, v->switch_heights[*imm] <= walk->height, RN_CHECK_JUMP_HEIGHT, imm);
}

static bool verify_imm(struct rn_verifier *v, const struct walk *walk, uint8_t kind,
                       const uint32_t *imm)
{
    switch ((enum rn_operand)kind) {
    case RN_OPERAND__:
        return rn_verify_need(v, *imm == 0, RN_CHECK_OPERAND_ZERO, imm);
    case RN_OPERAND_CHAR:
        return rn_verify_need(v, rn_is_scalar(*imm), RN_CHECK_OPERAND_VALUE, imm);
    case RN_OPERAND_CONST:
        return need_index(v, imm, RN_SECTION_CONSTANTS);
    case RN_OPERAND_STR:
        return need_text(v, imm);
    case RN_OPERAND_FUNC:
        return need_index(v, imm, RN_SECTION_FUNCTIONS);
    case RN_OPERAND_IMPORT:
        return need_index(v, imm, RN_SECTION_IMPORTS);
    case RN_OPERAND_TYPE:
        return need_index(v, imm, RN_SECTION_TYPES);
    case RN_OPERAND_KEYS:
        return need_index(v, imm, RN_SECTION_KEYS);
    case RN_OPERAND_STATIC:
        return need_index(v, imm, RN_SECTION_STATICS);
    case RN_OPERAND_SPEC:
        return need_index(v, imm, RN_SECTION_SPECS);
    case RN_OPERAND_SWITCH:
        return verify_switch_use(v, walk, imm);
    case RN_OPERAND_GETSITE:
        return need_site(v, imm, RN_SITE_GET);
    case RN_OPERAND_SETSITE:
        return need_site(v, imm, RN_SITE_SET);
    case RN_OPERAND_CALLSITE:
        return need_site(v, imm, RN_SITE_CALL);
    case RN_OPERAND_JUMP:
        return verify_jump(v, walk, imm);
    case RN_OPERAND_REGR:
        return rn_verify_need(v, *imm < walk->height, RN_CHECK_OPERAND_READ, imm);
    case RN_OPERAND_REGW:
        return rn_verify_need(v, *imm <= walk->height && *imm < walk->function->register_count,
                              RN_CHECK_OPERAND_WRITE, imm);
    case RN_OPERAND_INTRINSIC:
        return rn_verify_need(v, *imm < RN_INTRINSIC_COUNT, RN_CHECK_OPERAND_INDEX, imm);
    case RN_OPERAND_I32:
    case RN_OPERAND_U32:
    case RN_OPERAND_COST32: // with its block: verify_cost
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
    return true;
}

/* The registers that a count covers are live. */
static bool verify_counted(struct rn_verifier *v, const struct walk *walk,
                           const struct rn_inst *inst)
{
    const struct rn_opcode_info *info = &rn_opcodes[inst->op];
    uint32_t end = 0;
    if (info->a == RN_OPERAND_WIN) {
        end = (uint32_t)inst->a + inst->b;
    } else if (info->a == RN_OPERAND_FWIN) {
        end = (uint32_t)inst->a + 1 + inst->b;
    } else if (info->c == RN_OPERAND_CNT) {
        end = (uint32_t)inst->b + inst->c;
    }
    return rn_verify_need(v, end <= walk->height, RN_CHECK_OPERAND_WINDOW, inst);
}

static bool verify_operands(struct rn_verifier *v, const struct walk *walk,
                            const struct rn_inst *inst)
{
    const struct rn_opcode_info *info = &rn_opcodes[inst->op];
    return verify_byte(v, walk, info->a, &inst->a) && verify_byte(v, walk, info->b, &inst->b) &&
           verify_byte(v, walk, info->c, &inst->c) && verify_imm(v, walk, info->imm, &inst->imm) &&
           verify_counted(v, walk, inst);
}

/* --- Relations (I11, I17) --- */

/*
 * How many fields an instance of a type takes, or RN_NONE if there are no instances of it. Of the
 * types of the library only variants of its enums can be built by instructions.
 */
static uint32_t fields_to_build(const struct rn_verifier *v, uint32_t index)
{
    const struct rn_unit_type *type = &v->unit.types[index];
    if (type->kind == RN_TYPE_ENUM) {
        return RN_NONE;
    }
    if (type->kind != RN_TYPE_EXTERNAL) {
        return type->field_count;
    }
    struct rn_utf8 name = rn_unit_string_at(&v->unit, type->name);
    for (size_t i = 0; i < rn_library_variant_count; i++) {
        const struct rn_utf8 *path = &rn_library_variants[i].path;
        if (path->size == name.size && memcmp(path->data, name.data, name.size) == 0) {
            return rn_library_variants[i].field_count;
        }
    }
    return RN_NONE;
}

static bool verify_construction(struct rn_verifier *v, const struct rn_inst *inst)
{
    uint32_t fields = fields_to_build(v, inst->imm);
    if (!rn_verify_need(v, fields != RN_NONE, RN_CHECK_OPERAND_TYPE, &inst->imm)) {
        return false;
    }
    if (inst->op == RN_OP_CONSTRUCTOR) {
        // A function of its fields: types with named or without fields have none.
        uint32_t kind = v->unit.types[inst->imm].kind;
        bool tuple = kind == RN_TYPE_TUPLE_STRUCT || kind == RN_TYPE_TUPLE_VARIANT ||
                     (kind == RN_TYPE_EXTERNAL && fields > 0);
        return rn_verify_need(v, tuple, RN_CHECK_OPERAND_TYPE, &inst->imm);
    }
    // STRUCT_OF counts the elements when it runs.
    return inst->op == RN_OP_STRUCT_OF ||
           rn_verify_need(v, inst->b == fields, RN_CHECK_OPERAND_COUNT, &inst->b);
}

static bool verify_function_use(struct rn_verifier *v, const struct rn_inst *inst)
{
    const struct rn_unit_function *function = &v->unit.functions[inst->imm];
    bool is_step = (function->flags & RN_FUNCTION_STEP) != 0;
    if (inst->op == RN_OP_CLOSURE) {
        return rn_verify_need(v, !is_step && (function->flags & RN_FUNCTION_CLOSURE) != 0,
                              RN_CHECK_OPERAND_FUNCTION, &inst->imm) &&
               rn_verify_need(v, inst->b == function->capture_count, RN_CHECK_OPERAND_COUNT,
                              &inst->b);
    }
    return rn_verify_need(v, !is_step && function->capture_count == 0, RN_CHECK_OPERAND_FUNCTION,
                          &inst->imm) &&
           (inst->op == RN_OP_FUNCTION ||
            rn_verify_need(v, inst->b == function->arg_count, RN_CHECK_OPERAND_COUNT, &inst->b));
}

static uint32_t range_bounds(uint32_t kind)
{
    if (kind == RN_RANGE_FULL) {
        return 0;
    }
    return kind == RN_RANGE_HALF_OPEN || kind == RN_RANGE_INCLUSIVE ? 2 : 1;
}

static bool verify_call_import(struct rn_verifier *v, const struct rn_inst *inst)
{
    int arity = v->unit.imports[inst->imm].arity;
    return rn_verify_need(v, arity < 0 || inst->b == (uint32_t)arity, RN_CHECK_OPERAND_COUNT,
                          &inst->b);
}

/* What relates two operands, or an instruction to its function. */
static bool verify_relations(struct rn_verifier *v, const struct walk *walk,
                             const struct rn_inst *inst)
{
    uint32_t kind = walk->function->kind;
    switch (inst->op) {
    case RN_OP_CALL:
    case RN_OP_CLOSURE:
    case RN_OP_FUNCTION:
        return verify_function_use(v, inst);
    case RN_OP_CALL_IMPORT:
        return verify_call_import(v, inst);
    case RN_OP_CALL_METHOD:
        // The receiver is read, whatever the count says.
        return rn_verify_need(v, inst->b > 0, RN_CHECK_OPERAND_COUNT, &inst->b);
    case RN_OP_STRUCT:
    case RN_OP_STRUCT_OF:
    case RN_OP_CONSTRUCTOR:
        return verify_construction(v, inst);
    case RN_OP_OBJECT:
        return rn_verify_need(v, inst->b == v->unit.keys[inst->imm].count, RN_CHECK_OPERAND_COUNT,
                              &inst->b);
    case RN_OP_RANGE:
        return rn_verify_need(v, inst->b == range_bounds(inst->c), RN_CHECK_OPERAND_COUNT,
                              &inst->b);
    case RN_OP_INTRINSIC:
        return rn_verify_need(v, inst->b == rn_intrinsics[inst->imm].arity, RN_CHECK_OPERAND_COUNT,
                              &inst->b);
    case RN_OP_YIELD:
        return rn_verify_need(v, kind == RN_FUNCTION_GENERATOR || kind == RN_FUNCTION_STREAM,
                              RN_CHECK_FUNCTION_BODY, inst);
    case RN_OP_AWAIT:
    case RN_OP_SELECT:
        return rn_verify_need(v, kind == RN_FUNCTION_ASYNC || kind == RN_FUNCTION_STREAM,
                              RN_CHECK_FUNCTION_BODY, inst);
    case RN_OP_RETURN_DONE:
        return rn_verify_need(v, (walk->function->flags & RN_FUNCTION_STEP) != 0,
                              RN_CHECK_FUNCTION_BODY, inst);
    default:
        return true;
    }
}

/* --- Second pass --- */

/* The height at pc, declared or played forward (I13 to I15). */
static bool arrive(struct rn_verifier *v, struct walk *walk, const struct rn_inst *inst)
{
    const struct rn_unit_height *entry = &v->unit.heights[walk->entry];
    bool declared = walk->entry < count_of(v, RN_SECTION_HEIGHTS) && entry->pc == v->pc;
    if (!declared) {
        walk->undeclared++;
        return rn_verify_need(v, walk->reachable, RN_CHECK_UNREACHABLE, inst) &&
               rn_verify_need(v, walk->undeclared <= RN_HEIGHT_DISTANCE_MAX,
                              RN_CHECK_HEIGHT_DISTANCE, inst);
    }
    if (!rn_verify_need(v, entry->height <= walk->function->register_count, RN_CHECK_HEIGHT_LIMIT,
                        &entry->height) ||
        !rn_verify_need(v, !walk->reachable || entry->height <= walk->height, RN_CHECK_HEIGHT_RISE,
                        &entry->height)) {
        return false;
    }
    walk->height = entry->height;
    walk->undeclared = 0;
    walk->entry++;
    return true;
}

/* I16 */
static bool verify_cost(struct rn_verifier *v, struct walk *walk, const struct rn_inst *inst)
{
    const struct rn_opcode_info *info = &rn_opcodes[inst->op];
    walk->cost += info->budget;
    if (!rn_verify_need(v, walk->cost <= RN_BLOCK_COST_MAX, RN_CHECK_BLOCK_LIMIT, inst)) {
        return false;
    }
    if ((info->effects & RN_EFFECT_CHARGE) == 0) {
        return true;
    }
    uint32_t stated = info->c == RN_OPERAND_COST ? inst->c : inst->imm;
    bool agrees = stated == walk->cost;
    walk->cost = 0;
    return rn_verify_need(v, agrees, RN_CHECK_BLOCK_COST, inst);
}

static bool verify_inst(struct rn_verifier *v, struct walk *walk)
{
    const struct rn_inst *inst = &v->unit.code[v->pc];
    uint32_t effects = rn_opcodes[inst->op].effects;
    if (!arrive(v, walk, inst) ||
        !rn_verify_need(v, walk->cost == 0 || !rn_verify_is_target(v, v->pc), RN_CHECK_BLOCK_OPEN,
                        inst) ||
        !rn_verify_need(v, v->standard || (effects & RN_EFFECT_PRIV) == 0, RN_CHECK_PRIVILEGED,
                        inst) ||
        !verify_operands(v, walk, inst) || !verify_relations(v, walk, inst) ||
        !verify_cost(v, walk, inst)) {
        return false;
    }
    walk->height = rn_inst_height_after(*inst, walk->height);
    RN_ASSERT(walk->height <= walk->function->register_count); // I13
    walk->reachable = (effects & RN_EFFECT_END) == 0;
    return true;
}

static bool verify_body(struct rn_verifier *v, struct walk *walk)
{
    const struct rn_unit_function *function = walk->function;
    walk->height = function->arg_count + (uint32_t)function->capture_count;
    walk->cost = 0;
    walk->undeclared = 0;
    walk->reachable = true;
    for (uint32_t i = 0; i < function->code_count; i++) {
        v->pc = function->code_start + i;
        if (!verify_inst(v, walk)) {
            return false;
        }
    }
    return rn_verify_need(v, !walk->reachable, RN_CHECK_FALLS_OFF, &v->unit.code[v->pc]);
}

static bool verify_bodies(struct rn_verifier *v)
{
    struct walk walk = {.entry = 0};
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_FUNCTIONS); i++) {
        v->function = i;
        walk.function = &v->unit.functions[i];
        if (!verify_body(v, &walk)) {
            return false;
        }
    }
    // Heights ascend and lie in CODE, which the bodies cover: each has been met.
    RN_ASSERT(walk.entry == count_of(v, RN_SECTION_HEIGHTS));
    return true;
}

bool rn_verify_code(struct rn_verifier *v)
{
    return find_targets(v) && verify_heights(v) && verify_switch_heights(v) && verify_bodies(v);
}
