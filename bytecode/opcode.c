/* opcode.c: the table of instruction shapes, expanded from opcodes.def. */
#include "bytecode/opcode.h"

/* Lets a row's effects be written as in the table: ALLOC|RAISE. */
enum {
    ALLOC = RN_EFFECT_ALLOC,
    CALL = RN_EFFECT_CALL,
    RAISE = RN_EFFECT_RAISE,
    CHARGE = RN_EFFECT_CHARGE,
    END = RN_EFFECT_END,
    SUSP = RN_EFFECT_SUSP,
    PRIV = RN_EFFECT_PRIV,
};

const struct rn_opcode_info rn_opcodes[RN_OP_COUNT] = {
#define OP(name, a, b, c, imm, budget, effects, text)                                              \
    [RN_OP_##name] = {#name,          text,           RN_OPERAND_##a,                              \
                      RN_OPERAND_##b, RN_OPERAND_##c, RN_OPERAND_##imm,                            \
                      (budget),       (effects)},
#include "bytecode/opcodes.def"
#undef OP
};

_Static_assert(RN_OP_COUNT <= 256, "an opcode is a byte");

const char *const rn_operand_names[RN_OPERAND_COUNT] = {
#define OPERAND(name) [RN_OPERAND_##name] = #name,
#include "bytecode/operands.def"
#undef OPERAND
};

static uint32_t max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t rn_inst_height_after(struct rn_inst inst, uint32_t height)
{
    const struct rn_opcode_info *info = &rn_opcodes[inst.op];
    if (info->a == RN_OPERAND_WIN || info->a == RN_OPERAND_FWIN) {
        return inst.a + 1u;
    }
    if (info->a == RN_OPERAND_DST) {
        return max(height, inst.a + 1u);
    }
    return info->imm == RN_OPERAND_REGW ? max(height, inst.imm + 1u) : height;
}
