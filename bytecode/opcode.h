/* opcode.h: enum, names and shapes of the instructions, expanded from opcodes.def. */
#ifndef RN_BYTECODE_OPCODE_H
#define RN_BYTECODE_OPCODE_H

#include "bytecode/unit_layout.h"

enum rn_opcode {
#define OP(name, a, b, c, imm, budget, effects, text) RN_OP_##name,
#include "bytecode/opcodes.def"
#undef OP
    RN_OP_COUNT
};

enum rn_operand {
#define OPERAND(name) RN_OPERAND_##name,
#include "bytecode/operands.def"
#undef OPERAND
    RN_OPERAND_COUNT
};

enum rn_effect {
    RN_EFFECT_ALLOC = 1u << 0,
    RN_EFFECT_CALL = 1u << 1,
    RN_EFFECT_RAISE = 1u << 2,
    RN_EFFECT_CHARGE = 1u << 3,
    RN_EFFECT_END = 1u << 4,
    RN_EFFECT_SUSP = 1u << 5,
    RN_EFFECT_PRIV = 1u << 6,
};

struct rn_opcode_info {
    const char *name;
    const char *meaning;
    uint8_t a;
    uint8_t b;
    uint8_t c;
    uint8_t imm;
    uint8_t budget;
    uint8_t effects;
};

/* Indexed by enum rn_opcode. */
extern const struct rn_opcode_info rn_opcodes[RN_OP_COUNT];

/* "DST"; indexed by enum rn_operand. */
extern const char *const rn_operand_names[RN_OPERAND_COUNT];

/*
 * The live height behind a valid instruction when `height` is that before it. A jump taken by the
 * instruction brings `height` itself: what it writes is written only when it falls through.
 */
uint32_t rn_inst_height_after(struct rn_inst inst, uint32_t height);

#endif
