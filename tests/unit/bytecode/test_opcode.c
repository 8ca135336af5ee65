/* What builder, verifier and run loop take for granted about the table of opcodes. */
#include "bytecode/opcode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static bool is_byte_kind(uint8_t kind)
{
    return kind <= RN_OPERAND_SEQ;
}

static bool is_imm_kind(uint8_t kind)
{
    return kind == RN_OPERAND__ || (kind >= RN_OPERAND_I32 && kind < RN_OPERAND_COUNT);
}

static void test_kinds_stand_where_they_fit(void **state)
{
    (void)state;
    for (size_t op = 0; op < RN_OP_COUNT; op++) {
        const struct rn_opcode_info *info = &rn_opcodes[op];
        assert_true(is_byte_kind(info->a) && is_byte_kind(info->b) && is_byte_kind(info->c));
        assert_true(is_imm_kind(info->imm));
        assert_true(strlen(info->name) > 0 && strlen(info->meaning) > 0);
        // Results are written to a, or by REGW.
        assert_true(info->b != RN_OPERAND_DST && info->c != RN_OPERAND_DST);
        assert_true(info->b != RN_OPERAND_WIN && info->c != RN_OPERAND_WIN);
        assert_true(info->b != RN_OPERAND_FWIN && info->c != RN_OPERAND_FWIN);
    }
}

static void test_counts_have_their_registers(void **state)
{
    (void)state;
    for (size_t op = 0; op < RN_OP_COUNT; op++) {
        const struct rn_opcode_info *info = &rn_opcodes[op];
        bool window = info->a == RN_OPERAND_WIN || info->a == RN_OPERAND_FWIN;
        assert_int_equal(window, info->b == RN_OPERAND_CNT);
        assert_int_not_equal(info->a, RN_OPERAND_CNT);
        if (info->c == RN_OPERAND_CNT) {
            assert_int_equal(info->b, RN_OPERAND_SRC);
        }
    }
}

static void test_blocks_end_where_they_are_paid(void **state)
{
    (void)state;
    for (size_t op = 0; op < RN_OP_COUNT; op++) {
        const struct rn_opcode_info *info = &rn_opcodes[op];
        bool charges = (info->effects & RN_EFFECT_CHARGE) != 0;
        bool carries = info->c == RN_OPERAND_COST || info->imm == RN_OPERAND_COST32;
        assert_int_equal(charges, carries);
        // Whatever jumps, ends a function or suspends pays first.
        bool leaves = info->imm == RN_OPERAND_JUMP || info->imm == RN_OPERAND_SWITCH ||
                      (info->effects & (RN_EFFECT_END | RN_EFFECT_SUSP)) != 0;
        assert_true(!leaves || charges);
        assert_true(charges || info->budget > 0);
    }
}

static void test_heights(void **state)
{
    (void)state;
    struct rn_inst move = {.op = RN_OP_MOVE, .a = 4};
    assert_int_equal(rn_inst_height_after(move, 4), 5);
    assert_int_equal(rn_inst_height_after(move, 9), 9);
    struct rn_inst wide = {.op = RN_OP_MOVE_TO, .a = 4, .imm = 300};
    assert_int_equal(rn_inst_height_after(wide, 300), 301);
    assert_int_equal(rn_inst_height_after(wide, 400), 400);
    struct rn_inst tuple = {.op = RN_OP_TUPLE, .a = 2, .b = 5};
    assert_int_equal(rn_inst_height_after(tuple, 7), 3);
    struct rn_inst call = {.op = RN_OP_CALL_VALUE, .a = 2, .b = 5};
    assert_int_equal(rn_inst_height_after(call, 8), 3);
    struct rn_inst jump = {.op = RN_OP_JUMP, .imm = 5};
    assert_int_equal(rn_inst_height_after(jump, 8), 8);
}

static void test_names_differ(void **state)
{
    (void)state;
    for (size_t a = 0; a < RN_OP_COUNT; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_string_not_equal(rn_opcodes[a].name, rn_opcodes[b].name);
        }
    }
    for (size_t kind = 0; kind < RN_OPERAND_COUNT; kind++) {
        assert_non_null(rn_operand_names[kind]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_stand_where_they_fit),
        cmocka_unit_test(test_counts_have_their_registers),
        cmocka_unit_test(test_blocks_end_where_they_are_paid),
        cmocka_unit_test(test_heights),
        cmocka_unit_test(test_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
