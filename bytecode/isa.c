/*
 * isa.c: the digest of everything that an image's meaning depends on.
 *
 * The tables are expanded into one constant block of bytes and hashed whole, which is quick enough
 * to be done at each attachment instead of being kept anywhere.
 */
#include "bytecode/hash.h"
#include "bytecode/opcode.h"
#include "bytecode/unit.h"

struct op_shape {
    char name[24];
    uint8_t kinds[4];
    uint8_t budget;
    uint8_t effects;
    uint8_t padding[2];
};

struct section_shape {
    char name[24];
    uint64_t size;
};

struct isa {
    uint64_t version;
    uint64_t limits[2];
    struct op_shape ops[RN_OP_COUNT];
    struct section_shape sections[RN_SECTION_COUNT];
};

enum {
    ALLOC = RN_EFFECT_ALLOC,
    CALL = RN_EFFECT_CALL,
    RAISE = RN_EFFECT_RAISE,
    CHARGE = RN_EFFECT_CHARGE,
    END = RN_EFFECT_END,
    SUSP = RN_EFFECT_SUSP,
    PRIV = RN_EFFECT_PRIV,
};

static const struct isa isa = {
    .version = RN_UNIT_VERSION,
    .limits = {RN_BLOCK_COST_MAX, RN_HEIGHT_DISTANCE_MAX},
    .ops =
        {
#define OP(name, a, b, c, imm, budget, effects, text)                                              \
    {#name,                                                                                        \
     {RN_OPERAND_##a, RN_OPERAND_##b, RN_OPERAND_##c, RN_OPERAND_##imm},                           \
     (budget),                                                                                     \
     (effects),                                                                                    \
     {0}},
#include "bytecode/opcodes.def"
#undef OP
        },
    .sections =
        {
#define SECTION(name, type, text) {#name, sizeof(type)},
#include "bytecode/sections.def"
#undef SECTION
        },
};

_Static_assert(sizeof(struct op_shape) == 32 && sizeof(struct section_shape) == 32,
               "no padding that is left to the compiler");

uint64_t rn_isa_digest(void)
{
    return rn_hash_text((const char *)&isa, sizeof(isa));
}
