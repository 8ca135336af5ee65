/*
 * ops_test.c: the comparisons of values: EQ .. GE, and the jumps fused with them.
 *
 * Most pairs are decided here. Where a sequence meets something that only its own steps can walk,
 * the standard Unit compares them in an ordinary frame, and rn_finish_test goes on with its answer.
 */
#include "worker/vm/machine.h"

static bool is_equality(enum rn_opcode op)
{
    return op == RN_OP_EQ || op == RN_OP_NE || op == RN_OP_JUMP_EQ || op == RN_OP_JUMP_NE;
}

static bool negates_equality(enum rn_opcode op)
{
    return op == RN_OP_NE || op == RN_OP_JUMP_NE || op == RN_OP_JUMP_NE_INT;
}

/* Whether the instruction is to write true, or to jump. Unordered values satisfy no comparison. */
static bool holds(enum rn_opcode op, enum rn_partial_ordering ordering)
{
    switch ((int)op) {
    case RN_OP_LT:
    case RN_OP_JUMP_LT:
        return ordering == RN_PARTIAL_LESS;
    case RN_OP_LE:
    case RN_OP_JUMP_LE:
        return ordering == RN_PARTIAL_LESS || ordering == RN_PARTIAL_EQUAL;
    case RN_OP_GT:
        return ordering == RN_PARTIAL_GREATER;
    case RN_OP_GE:
        return ordering == RN_PARTIAL_GREATER || ordering == RN_PARTIAL_EQUAL;
    case RN_OP_JUMP_NOT_LT:
        return ordering != RN_PARTIAL_LESS;
    case RN_OP_JUMP_NOT_LE:
        return ordering != RN_PARTIAL_LESS && ordering != RN_PARTIAL_EQUAL;
    case RN_OP_JUMP_NOT_GT:
        return ordering != RN_PARTIAL_GREATER;
    default:
        return ordering != RN_PARTIAL_GREATER && ordering != RN_PARTIAL_EQUAL;
    }
}

/* Calls std::cmp::eq_iter(a, b) above everything that is live. */
static enum rn_outcome push_library_eq(struct rn_vm *vm, struct rn_value a, struct rn_value b)
{
    const struct rn_engine *engine = vm->engine;
    if (engine->sequence_eq == RN_NONE) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_BINARY, RN_UTF8("PARTIAL_EQ"), a, b);
    }
    struct rn_value *window = vm->base + rn_height_at(vm->link, vm->pc);
    enum rn_outcome outcome =
        rn_push_frame(vm, engine->standard, engine->sequence_eq, window, RN_FRAME_TEST);
    if (outcome == (enum rn_outcome)RN_FRAME_PUSHED) {
        vm->base[0] = a;
        vm->base[1] = b;
    }
    return outcome;
}

enum rn_outcome rn_op_test(struct rn_vm *vm, enum rn_opcode op, struct rn_value a,
                           struct rn_value b, bool *out)
{
    if (!is_equality(op)) {
        enum rn_partial_ordering ordering = RN_PARTIAL_UNORDERED;
        RN_TRY_VM(rn_value_compare(vm, a, b, RN_PARTIAL, &ordering));
        *out = holds(op, ordering);
        return RN_DONE;
    }
    bool equal = false;
    enum rn_outcome outcome = rn_value_eq(vm, a, b, RN_PARTIAL, &equal);
    if (outcome == (enum rn_outcome)RN_LIBRARY) {
        return push_library_eq(vm, a, b);
    }
    *out = equal != negates_equality(op);
    return outcome;
}

bool rn_finish_test(const struct rn_inst *inst, struct rn_value result)
{
    return rn_value_is_true(result) != negates_equality((enum rn_opcode)inst->op);
}
