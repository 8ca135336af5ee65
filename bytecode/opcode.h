/* opcode.h: enum, names and shapes of the instructions, expanded from opcodes.def. */
#ifndef RN_BYTECODE_OPCODE_H
#define RN_BYTECODE_OPCODE_H

#include "base/check.h"

enum rn_opcode {
#define OP(name, a, b, c, imm, budget, effects, text) RN_OP_##name,
#include "bytecode/opcodes.def"
#undef OP
    RN_OP_COUNT
};

enum rn_operand {
    RN_OPERAND__, /* unused: zero */
    RN_OPERAND_DST,
    RN_OPERAND_SRC,
    RN_OPERAND_MOD,
    RN_OPERAND_WIN,
    RN_OPERAND_FWIN,
    RN_OPERAND_PAIR,
    RN_OPERAND_PAIRD,
    RN_OPERAND_CNT,
    RN_OPERAND_COST,
    RN_OPERAND_I8,
    RN_OPERAND_U8,
    RN_OPERAND_BOOL,
    RN_OPERAND_ORDER,
    RN_OPERAND_CAST,
    RN_OPERAND_RANGE,
    RN_OPERAND_SEQ,
    RN_OPERAND_I32,
    RN_OPERAND_U32,
    RN_OPERAND_CHAR,
    RN_OPERAND_COST32,
    RN_OPERAND_CONST,
    RN_OPERAND_STR,
    RN_OPERAND_FUNC,
    RN_OPERAND_IMPORT,
    RN_OPERAND_TYPE,
    RN_OPERAND_KEYS,
    RN_OPERAND_STATIC,
    RN_OPERAND_SWITCH,
    RN_OPERAND_SPEC,
    RN_OPERAND_GETSITE,
    RN_OPERAND_SETSITE,
    RN_OPERAND_CALLSITE,
    RN_OPERAND_JUMP,
    RN_OPERAND_REGR,
    RN_OPERAND_REGW,
    RN_OPERAND_INTRINSIC,
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

#endif
