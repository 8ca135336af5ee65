/*
 * The run loop, one instruction after another, on Units put together by hand. The last test fails for
 * a row of opcodes.def that none of the others has run.
 */
#include "tests/unit/worker/machine.h"

/* --- Values into registers --- */

static void loads_every_inline_kind(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_UNIT(m->b, 0);
    rn_emit_BOOL(m->b, 1, true);
    rn_emit_INT(m->b, 2, -7);
    rn_emit_UINT(m->b, 3, 4000000000u);
    rn_emit_CHAR(m->b, 4, 0x1f600);
    rn_emit_ORDERING(m->b, 5, 2);
    rn_emit_NONE(m->b, 6);
    rn_emit_TYPE(m->b, 7, rn_builder_external_type(m->b, RN_UTF8("std::vec::Vec")));
    rn_emit_TUPLE(m->b, 0, 8);
    end(m->b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_int_equal(items[0].tag, RN_VALUE_UNIT);
    assert_bool(items[1], true);
    assert_i64(items[2], -7);
    assert_int_equal(items[3].tag, RN_VALUE_U64);
    assert_int_equal(items[3].u64, 4000000000u);
    assert_int_equal(items[4].tag, RN_VALUE_CHAR);
    assert_int_equal(items[4].u64, 0x1f600);
    assert_int_equal(items[5].tag, RN_VALUE_ORDERING);
    assert_int_equal(items[5].u64, RN_ORDERING_GREATER);
    assert_int_equal(items[6].tag, RN_VALUE_NONE);
    assert_int_equal(items[7].u64, RN_TYPE_ID_VEC);
}

static void moves_reach_wide_registers(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    for (uint32_t i = 0; i < 240; i++) {
        rn_emit_INT(m->b, i, (int32_t)i);
    }
    for (uint32_t i = 240; i < 300; i++) {
        rn_emit_INT(m->b, 0, (int32_t)i);
        rn_emit_MOVE_TO(m->b, 0, i);
    }
    rn_emit_MOVE_FROM(m->b, 1, 299);
    rn_emit_MOVE(m->b, 2, 1);
    end(m->b, 2);
    finish(m);
    assert_i64(call(m, "f"), 299);
}

static void constants_are_fresh_copies(void **state)
{
    struct machine *m = *state;
    uint8_t storage[64];
    struct rn_buf cbor;
    rn_buf_init_fixed(&cbor, storage, sizeof(storage));
    rn_const_begin_vec(&cbor, 2);
    rn_const_write_i64(&cbor, 1);
    rn_const_write_string(&cbor, "a", 1);
    uint32_t vec = rn_builder_cbor(m->b, cbor.data, cbor.size);
    begin(m->b, "f", 0);
    rn_emit_CONST(m->b, 0, vec);
    rn_emit_CONST(m->b, 1, vec);
    rn_emit_CONST(m->b, 2, rn_builder_f64(m->b, 1.5));
    rn_emit_CONST(m->b, 3, rn_builder_u64(m->b, UINT64_MAX));
    rn_emit_CONST(m->b, 4, rn_builder_i64(m->b, INT64_MIN));
    rn_emit_MATCH_CONST(m->b, 5, 0, vec);
    rn_emit_MATCH_CONST(m->b, 6, 2, vec);
    rn_emit_UINT(m->b, 7, 9);
    rn_emit_MATCH_INT(m->b, 7, 7, 9); // another kind of integer
    rn_emit_TUPLE(m->b, 0, 8);
    end(m->b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_ptr_not_equal(items[0].object, items[1].object);
    assert_text(rn_as_vec(items[1])->items[1], "a");
    assert_true(items[2].f64 == 1.5);
    assert_true(items[3].u64 == UINT64_MAX);
    assert_true(items[4].i64 == INT64_MIN);
    assert_bool(items[5], true);
    assert_bool(items[6], false);
    assert_bool(items[7], false);
}

static void static_texts_are_copied_when_they_change(void **state)
{
    struct machine *m = *state;
    uint32_t text = rn_builder_string(m->b, RN_UTF8("abc"));
    begin(m->b, "f", 0);
    rn_emit_STRING(m->b, 0, text);
    rn_emit_STRING(m->b, 1, text);
    rn_emit_ADD_ASSIGN(m->b, 0, 1);
    rn_emit_EQ_STRING(m->b, 2, 0, rn_builder_string(m->b, RN_UTF8("abcabc")));
    rn_emit_MATCH_STRING(m->b, 3, 1, text);
    rn_emit_BYTES(m->b, 4, text);
    rn_emit_MATCH_BYTES(m->b, 5, 4, text);
    rn_emit_MATCH_BYTES(m->b, 6, 1, text);
    rn_emit_ADD(m->b, 7, 1, 1);
    rn_emit_TUPLE(m->b, 0, 8);
    end(m->b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_text(items[0], "abcabc");
    assert_text(items[1], "abc");
    assert_int_equal(rn_as_string(items[1])->capacity, 0);
    assert_bool(items[2], true);
    assert_bool(items[3], true);
    assert_bool(items[5], true);
    assert_bool(items[6], false);
    assert_text(items[7], "abcabc");
}

static void text_is_appended_in_place(void **state)
{
    struct machine *m = *state;
    struct rn_unit_spec spec = {.fill = '*', .width = RN_NONE, .precision = RN_NONE};
    begin(m->b, "f", 0);
    rn_emit_TEXT(m->b, 0, rn_builder_string(m->b, RN_UTF8("n=")));
    rn_emit_INT(m->b, 1, -42);
    rn_emit_TEXT_DISPLAY(m->b, 0, 1);
    rn_emit_TEXT_STRING(m->b, 0, rn_builder_string(m->b, RN_UTF8(" b=")));
    rn_emit_BOOL(m->b, 1, true);
    rn_emit_TEXT_DISPLAY(m->b, 0, 1);
    rn_emit_TEXT_FORMAT(m->b, 0, 1, rn_builder_spec(m->b, &spec));
    end(m->b, 0);
    finish(m);
    assert_text(call(m, "f"), "n=-42 b=b*");
}

/* --- Operators --- */

struct binary {
    enum rn_opcode op;
    int64_t a;
    int64_t b;
    int64_t result;
    const char *message; /* it raises this */
};

static const struct binary binaries[] = {
    {RN_OP_ADD, 2, 3, 5, NULL},
    {RN_OP_ADD, INT64_MAX, 1, 0, "Numerical overflow"},
    {RN_OP_SUB, 2, 3, -1, NULL},
    {RN_OP_SUB, INT64_MIN, 1, 0, "Numerical underflow"},
    {RN_OP_MUL, -4, 3, -12, NULL},
    {RN_OP_MUL, INT64_MAX, 2, 0, "Numerical overflow"},
    {RN_OP_DIV, -7, 2, -3, NULL},
    {RN_OP_DIV, -7, -2, 3, NULL},
    {RN_OP_DIV, 1, 0, 0, "Division by zero"},
    {RN_OP_DIV, INT64_MIN, -1, 0, "Division by zero"},
    {RN_OP_REM, -7, 2, -1, NULL},
    {RN_OP_REM, 7, -2, 1, NULL},
    {RN_OP_REM, 1, 0, 0, "Division by zero"},
    {RN_OP_BIT_AND, 12, 10, 8, NULL},
    {RN_OP_BIT_OR, 12, 10, 14, NULL},
    {RN_OP_BIT_XOR, 12, 10, 6, NULL},
    {RN_OP_SHL, 1, 63, INT64_MIN, NULL},
    {RN_OP_SHL, 1, 64, 0, "Numerical overflow"},
    {RN_OP_SHR, -8, 1, -4, NULL},
    {RN_OP_SHR, 1, 64, 0, "Numerical underflow"},
    {RN_OP_SHR, 1, -1, 0, "Failed to convert value `-1` to integer `u32`"},
};

static void build_binary(struct machine *m, const char *path, const struct binary *row, bool assign)
{
    begin(m->b, path, 0);
    rn_emit_CONST(m->b, 0, rn_builder_i64(m->b, row->a));
    rn_emit_CONST(m->b, 1, rn_builder_i64(m->b, row->b));
    if (assign) {
        enum rn_opcode op = (enum rn_opcode)(row->op - RN_OP_ADD + RN_OP_ADD_ASSIGN);
        rn_emit(m->b, op, 0, 1, 0, 0);
    } else {
        rn_emit(m->b, row->op, 0, 0, 1, 0);
    }
    end(m->b, 0);
}

static void integers_are_checked(void **state)
{
    struct machine *m = *state;
    char path[16];
    for (size_t i = 0; i < RN_COUNT_OF(binaries); i++) {
        snprintf(path, sizeof(path), "f%zu", i);
        build_binary(m, path, &binaries[i], false);
        snprintf(path, sizeof(path), "g%zu", i);
        build_binary(m, path, &binaries[i], true);
    }
    finish(m);
    for (size_t i = 0; i < RN_COUNT_OF(binaries) * 2; i++) {
        const struct binary *row = &binaries[i / 2];
        snprintf(path, sizeof(path), "%c%zu", i % 2 == 0 ? 'f' : 'g', i / 2);
        if (row->message != NULL) {
            assert_raises(m, path, row->message);
        } else {
            assert_i64(call(m, path), row->result);
        }
    }
}

static void small_immediates_do_the_same(void **state)
{
    struct machine *m = *state;
    static const enum rn_opcode ops[] = {RN_OP_ADD_INT, RN_OP_SUB_INT, RN_OP_MUL_INT,
                                         RN_OP_DIV_INT, RN_OP_REM_INT, RN_OP_BIT_AND_INT,
                                         RN_OP_SHL_INT, RN_OP_SHR_INT};
    static const int64_t results[] = {20, 14, 51, 5, 2, 1, 136, 2};
    begin(m->b, "f", 0);
    for (uint32_t i = 0; i < RN_COUNT_OF(ops); i++) {
        rn_emit_INT(m->b, i, 17);
        rn_emit(m->b, ops[i], i, i, 0, 3);
    }
    rn_emit_TUPLE(m->b, 0, RN_COUNT_OF(ops));
    end(m->b, 0);
    begin(m->b, "zero", 0);
    rn_emit_INT(m->b, 0, 1);
    rn_emit_DIV_INT(m->b, 0, 0, 0);
    end(m->b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    for (uint32_t i = 0; i < RN_COUNT_OF(ops); i++) {
        assert_i64(items[i], results[i]);
    }
    assert_raises(m, "zero", "Division by zero");
}

static void the_left_operand_decides(void **state)
{
    struct machine *m = *state;
    begin(m->b, "unsigned", 0);
    rn_emit_UINT(m->b, 0, 5);
    rn_emit_INT(m->b, 1, 3);
    rn_emit_ADD(m->b, 0, 0, 1);
    end(m->b, 0);
    begin(m->b, "negative", 0);
    rn_emit_UINT(m->b, 0, 5);
    rn_emit_INT(m->b, 1, -3);
    rn_emit_ADD(m->b, 0, 0, 1);
    end(m->b, 0);
    begin(m->b, "float", 0);
    rn_emit_INT(m->b, 0, 5);
    rn_emit_CONST(m->b, 1, rn_builder_f64(m->b, 1.0));
    rn_emit_ADD(m->b, 0, 0, 1);
    end(m->b, 0);
    begin(m->b, "bool", 0);
    rn_emit_BOOL(m->b, 0, true);
    rn_emit_INT(m->b, 1, 1);
    rn_emit_ADD(m->b, 0, 0, 1);
    end(m->b, 0);
    finish(m);
    assert_int_equal(call(m, "unsigned").tag, RN_VALUE_U64);
    assert_raises(m, "negative", "Failed to convert value `-3` to integer `u64`");
    assert_raises(m, "float", "Expected number type, but found `::std::f64`");
    assert_raises(m, "bool",
                  "Unsupported binary operation `ADD` on `::std::bool` and `::std::i64`");
}

static void unary_operators_and_casts(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_INT(m->b, 0, 5);
    rn_emit_NEG(m->b, 1, 0);
    rn_emit_NOT(m->b, 2, 0);
    rn_emit_AS(m->b, 3, 1, 2);
    rn_emit_AS(m->b, 4, 3, 0);
    rn_emit_BOOL(m->b, 5, false);
    rn_emit_NOT(m->b, 5, 5);
    rn_emit_IS(m->b, 6, 3, rn_builder_external_type(m->b, RN_UTF8("std::f64")));
    rn_emit_TUPLE(m->b, 0, 7);
    end(m->b, 0);
    begin(m->b, "cast", 0);
    rn_emit_UNIT(m->b, 0);
    rn_emit_AS_TYPE(m->b, 0, 0, rn_builder_external_type(m->b, RN_UTF8("std::string::String")));
    end(m->b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_i64(items[1], -5);
    assert_i64(items[2], ~INT64_C(5));
    assert_true(items[3].f64 == -5.0);
    assert_i64(items[4], -5);
    assert_bool(items[5], true);
    assert_bool(items[6], true);
    start(m, "cast");
    assert_int_equal(run_slices(m, 100), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_UNSUPPORTED_AS);
}

/* Each comparison of 1, 2 and 2, 1 and 1, 1 as a value and as a jump. */
static void comparisons_and_their_jumps_agree(void **state)
{
    struct machine *m = *state;
    static const struct {
        enum rn_opcode op;
        enum rn_opcode jump;     /* jumps if op holds */
        enum rn_opcode jump_not; /* jumps unless it holds */
        enum rn_opcode jump_int; /* the same with an immediate */
        bool int_negates;
        bool results[3];
    } rows[] = {
        {RN_OP_EQ, RN_OP_JUMP_EQ, RN_OP_JUMP_NE, RN_OP_JUMP_EQ_INT, false, {0, 0, 1}},
        {RN_OP_NE, RN_OP_JUMP_NE, RN_OP_JUMP_EQ, RN_OP_JUMP_NE_INT, false, {1, 1, 0}},
        {RN_OP_LT, RN_OP_JUMP_LT, RN_OP_JUMP_NOT_LT, RN_OP_JUMP_LT_INT, false, {1, 0, 0}},
        {RN_OP_LT, RN_OP_JUMP_LT, RN_OP_JUMP_NOT_LT, RN_OP_JUMP_NOT_LT_INT, true, {1, 0, 0}},
        {RN_OP_LE, RN_OP_JUMP_LE, RN_OP_JUMP_NOT_LE, RN_OP_JUMP_NOT_LE_INT, true, {1, 0, 1}},
        {RN_OP_GT, RN_OP_COUNT, RN_OP_JUMP_NOT_GT, RN_OP_JUMP_NOT_GT_INT, true, {0, 1, 0}},
        {RN_OP_GE, RN_OP_COUNT, RN_OP_JUMP_NOT_GE, RN_OP_JUMP_NOT_GE_INT, true, {0, 1, 1}},
        {RN_OP_GE, RN_OP_COUNT, RN_OP_JUMP_NOT_GE, RN_OP_JUMP_GE_INT, false, {0, 1, 1}},
    };
    static const int32_t pairs[3][2] = {{1, 2}, {2, 1}, {1, 1}};
    char path[32];
    for (size_t i = 0; i < RN_COUNT_OF(rows) * 3; i++) {
        const int32_t *pair = pairs[i % 3];
        bool plain = rows[i / 3].jump != RN_OP_COUNT;
        snprintf(path, sizeof(path), "f%zu", i);
        begin(m->b, path, 0);
        // R[0]: the comparison; R[1] .. R[3]: whether each jump was taken; R[4], R[5]: operands
        rn_emit_BOOL(m->b, 0, false);
        for (uint32_t r = 1; r < 4; r++) {
            rn_emit_BOOL(m->b, r, true);
        }
        rn_emit_INT(m->b, 4, pair[0]);
        rn_emit_INT(m->b, 5, pair[1]);
        rn_emit(m->b, rows[i / 3].op, 0, 4, 5, 0);
        const enum rn_opcode jumps[3] = {plain ? rows[i / 3].jump : RN_OP_JUMP_NOT_GT,
                                         rows[i / 3].jump_not, rows[i / 3].jump_int};
        for (uint32_t r = 0; r < 3; r++) {
            struct rn_label taken = rn_builder_label(m->b, 6);
            uint32_t right = r == 2 ? (uint8_t)pair[1] : 5;
            rn_emit_jump(m->b, jumps[r], 4, right, taken);
            rn_emit_BOOL(m->b, r + 1, false);
            rn_builder_place(m->b, taken);
        }
        rn_emit_TUPLE(m->b, 0, 4);
        end(m->b, 0);
    }
    finish(m);
    for (size_t i = 0; i < RN_COUNT_OF(rows) * 3; i++) {
        bool expected = rows[i / 3].results[i % 3];
        snprintf(path, sizeof(path), "f%zu", i);
        const struct rn_value *items = rn_as_tuple(call(m, path))->items;
        assert_bool(items[0], expected);
        if (rows[i / 3].jump != RN_OP_COUNT) {
            assert_bool(items[1], expected);
        }
        assert_bool(items[2], !expected);
        assert_bool(items[3], expected != rows[i / 3].int_negates);
    }
}

static void comparing_different_kinds_raises(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_INT(m->b, 0, 1);
    rn_emit_STRING(m->b, 1, rn_builder_string(m->b, RN_UTF8("a")));
    rn_emit_EQ(m->b, 0, 0, 1);
    end(m->b, 0);
    begin(m->b, "nan", 0);
    rn_emit_CONST(m->b, 0, rn_builder_f64(m->b, __builtin_nan("")));
    rn_emit_LT(m->b, 1, 0, 0);
    rn_emit_EQ(m->b, 2, 0, 0);
    rn_emit_BIT_OR(m->b, 1, 1, 2);
    end(m->b, 1);
    finish(m);
    assert_raises(
        m, "f",
        "Unsupported binary operation `PARTIAL_EQ` on `::std::i64` and `::std::string::String`");
    assert_bool(call(m, "nan"), false);
}

/* --- Building and taking apart --- */

static void builds_sequences(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_VEC_RESERVE(m->b, 0, 1000000000u);
    rn_emit_INT(m->b, 1, 1);
    rn_emit_INT(m->b, 2, 2);
    rn_emit_VEC_EXTEND(m->b, 0, 1, 2);
    rn_emit_VEC_EXTEND(m->b, 0, 1, 2);
    rn_emit_MATCH_SEQ(m->b, 1, 0, RN_SEQ_VEC, 4);
    rn_emit_MATCH_SEQ(m->b, 2, 0, RN_SEQ_TUPLE_AT_LEAST, 0);
    rn_emit_INDEX_INT_GET(m->b, 3, 0, 3);
    rn_emit_TUPLE_OF(m->b, 0);
    rn_emit_MATCH_SEQ(m->b, 4, 0, RN_SEQ_TUPLE, 4);
    rn_emit_TUPLE_GET(m->b, 5, 0, 1);
    rn_emit_TUPLE(m->b, 1, 5);
    end(m->b, 1);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_bool(items[0], true);
    assert_bool(items[1], false);
    assert_i64(items[2], 2);
    assert_bool(items[3], true);
    assert_i64(items[4], 2);
}

static void indexes_vectors(void **state)
{
    struct machine *m = *state;
    begin(m->b, "f", 0);
    rn_emit_INT(m->b, 0, 10);
    rn_emit_INT(m->b, 1, 20);
    rn_emit_VEC(m->b, 0, 2);
    rn_emit_INT(m->b, 1, 1);
    rn_emit_INT(m->b, 2, 33);
    rn_emit_INDEX_SET(m->b, 0, 1, 2);
    rn_emit_INDEX_INT_SET(m->b, 0, 2, 0);
    rn_emit_INDEX_GET(m->b, 3, 0, 1);
    rn_emit_TUPLE_GET(m->b, 4, 0, 0);
    rn_emit_TUPLE_SET(m->b, 0, 4, 1);
    rn_emit_ADD(m->b, 3, 3, 4);
    end(m->b, 3);
    begin(m->b, "missing", 0);
    rn_emit_VEC(m->b, 0, 0);
    rn_emit_INDEX_INT_GET(m->b, 0, 0, 3);
    end(m->b, 0);
    begin(m->b, "negative", 0);
    rn_emit_VEC(m->b, 0, 0);
    rn_emit_INDEX_INT_GET(m->b, 0, 0, -1);
    end(m->b, 0);
    finish(m);
    assert_i64(call(m, "f"), 66);
    assert_raises(m, "missing", "Type `::std::vec::Vec` missing integer index `3`");
    assert_raises(m, "negative", "Failed to convert value `-1` to integer `usize`");
}

static void objects_keep_keys_and_hints(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    const struct rn_utf8 keys[] = {RN_UTF8("a"), RN_UTF8("b")};
    uint32_t set = rn_builder_keys(b, keys, 2);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_OBJECT(b, 0, 2, set);
    rn_emit_MATCH_OBJECT(b, 1, 0, true, set);
    rn_emit_INT(b, 2, 5);
    rn_emit_INDEX_KEY_SET(b, 0, 2, rn_builder_site(b, RN_SITE_SET, RN_UTF8("b"), RN_UTF8("")));
    rn_emit_FIELD_SET(b, 0, 2, rn_builder_site(b, RN_SITE_SET, RN_UTF8("c"), RN_UTF8("")));
    rn_emit_MATCH_OBJECT(b, 2, 0, true, set);
    rn_emit_INDEX_KEY_GET(b, 3, 0, rn_builder_site(b, RN_SITE_GET, RN_UTF8("b"), RN_UTF8("")));
    rn_emit_FIELD_GET(b, 4, 0, rn_builder_site(b, RN_SITE_GET, RN_UTF8("c"), RN_UTF8("")));
    rn_emit_TUPLE(b, 1, 4);
    end(b, 1);
    begin(b, "missing", 0);
    rn_emit_OBJECT(b, 0, 0, rn_builder_keys(b, NULL, 0));
    rn_emit_INDEX_KEY_GET(b, 0, 0, rn_builder_site(b, RN_SITE_GET, RN_UTF8("x"), RN_UTF8("")));
    end(b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_bool(items[0], true);
    assert_bool(items[1], false);
    assert_i64(items[2], 5);
    assert_i64(items[3], 5);
    assert_raises(m, "missing", "Missing field `x` on `::std::object::Object`");
}

static void structs_have_fields_by_name_and_variants(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    const struct rn_utf8 fields[] = {RN_UTF8("x"), RN_UTF8("y")};
    struct rn_builder_type point = {RN_UTF8("P"), RN_TYPE_STRUCT, fields, 2};
    struct rn_builder_type variants[] = {
        {RN_UTF8("E::A"), RN_TYPE_UNIT_VARIANT, NULL, 0},
        {RN_UTF8("E::B"), RN_TYPE_TUPLE_VARIANT, NULL, 1},
    };
    uint32_t p = rn_builder_struct(b, &point);
    uint32_t e = rn_builder_enum(b, RN_UTF8("E"), variants, 2);
    uint32_t get = rn_builder_site(b, RN_SITE_GET, RN_UTF8("y"), RN_UTF8(""));
    uint32_t set = rn_builder_site(b, RN_SITE_SET, RN_UTF8("y"), RN_UTF8(""));
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_STRUCT(b, 0, 2, p);
    struct rn_label loop = rn_builder_label(b, 2);
    rn_emit_INT(b, 1, 0);
    rn_builder_place(b, loop);
    // The second time round comes from the cache.
    rn_emit_FIELD_GET(b, 2, 0, get);
    rn_emit_ADD_INT(b, 2, 2, 10);
    rn_emit_FIELD_SET(b, 0, 2, set);
    rn_builder_set_height(b, 2);
    rn_emit_ADD_INT(b, 1, 1, 1);
    rn_emit_JUMP_LT_INT(b, 1, 3, loop);
    rn_emit_FIELD_GET(b, 1, 0, get);
    end(b, 1);
    begin(b, "g", 0);
    rn_emit_INT(b, 0, 7);
    rn_emit_VEC(b, 0, 1);
    rn_emit_STRUCT_OF(b, 0, e + 2);
    rn_emit_MATCH_TYPE(b, 1, 0, e + 2);
    rn_emit_MATCH_TYPE(b, 2, 0, e + 1);
    rn_emit_IS(b, 3, 0, e);
    rn_emit_TUPLE_GET(b, 4, 0, 0);
    rn_emit_TUPLE(b, 1, 4);
    end(b, 1);
    begin(b, "missing", 0);
    rn_emit_UNIT(b, 0);
    rn_emit_UNIT(b, 1);
    rn_emit_STRUCT(b, 0, 2, p);
    rn_emit_INDEX_KEY_GET(b, 0, 0, rn_builder_site(b, RN_SITE_GET, RN_UTF8("z"), RN_UTF8("")));
    end(b, 0);
    finish(m);
    assert_i64(call(m, "f"), 32);
    const struct rn_value *items = rn_as_tuple(call(m, "g"))->items;
    assert_bool(items[0], true);
    assert_bool(items[1], false);
    assert_bool(items[2], true);
    assert_i64(items[3], 7);
    assert_raises(m, "missing", "Missing field `z` on `P`");
}

static void options_results_and_try(void **state)
{
    struct machine *m = *state;
    begin(m->b, "some", 0);
    rn_emit_INT(m->b, 0, 4);
    rn_emit_SOME(m->b, 1, 0);
    rn_emit_TRY(m->b, 1, 1);
    rn_emit_OK(m->b, 1, 1);
    rn_emit_TRY(m->b, 0, 1);
    end(m->b, 0);
    begin(m->b, "err", 0);
    rn_emit_INT(m->b, 0, 4);
    rn_emit_ERR(m->b, 0, 0);
    rn_emit_TRY(m->b, 0, 0);
    rn_emit_PANIC(m->b, rn_builder_string(m->b, RN_UTF8("not reached")));
    rn_builder_end(m->b);
    begin(m->b, "panic", 0);
    rn_emit_PANIC(m->b, rn_builder_string(m->b, RN_UTF8("told so")));
    rn_builder_end(m->b);
    finish(m);
    assert_i64(call(m, "some"), 4);
    struct rn_value err = call(m, "err");
    assert_true(rn_object_is(err, RN_VARIANT_ID_RESULT_ERR));
    assert_i64(rn_payload(err), 4);
    assert_raises(m, "panic", "Panicked: told so");
}

static void statics_last_as_long_as_the_vm(void **state)
{
    struct machine *m = *state;
    uint32_t counter = rn_builder_static(m->b, RN_UTF8("N"), rn_builder_i64(m->b, 40));
    uint32_t empty = rn_builder_static(m->b, RN_UTF8("EMPTY"), RN_NONE);
    begin(m->b, "f", 0);
    rn_emit_STATIC_GET(m->b, 0, counter);
    rn_emit_ADD_INT(m->b, 0, 0, 1);
    rn_emit_STATIC_SET(m->b, 0, counter);
    end(m->b, 0);
    begin(m->b, "empty", 0);
    rn_emit_STATIC_GET(m->b, 0, empty);
    end(m->b, 0);
    finish(m);
    assert_i64(call(m, "f"), 41);
    assert_true(rn_vm_has_state(m->vm));
    assert_i64(call(m, "f"), 42);
    assert_raises(m, "empty", "Reading uninitialized static `EMPTY` (slot 1)");
    rn_vm_reset(m->vm, NULL);
    assert_false(rn_vm_has_state(m->vm));
    assert_i64(call(m, "f"), 41);
}

/* --- Blocks, loops --- */

static void conditions_are_not_type_checked(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 0);
    rn_emit_INT(b, 1, 1); // neither true nor false
    struct rn_label a = rn_builder_label(b, 2);
    struct rn_label c = rn_builder_label(b, 2);
    struct rn_label d = rn_builder_label(b, 2);
    rn_emit_JUMP_TRUE(b, 1, a);
    rn_emit_ADD_INT(b, 0, 0, 1);
    rn_builder_place(b, a);
    rn_emit_JUMP_NOT_TRUE(b, 1, c);
    rn_emit_ADD_INT(b, 0, 0, 10);
    rn_builder_place(b, c);
    rn_emit_JUMP_FALSE(b, 1, d);
    rn_emit_ADD_INT(b, 0, 0, 100);
    rn_builder_place(b, d);
    end(b, 0);
    finish(m);
    assert_i64(call(m, "f"), 101);
}

static void switches_take_integers_and_variants(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "f", 1);
    struct rn_label cases[2] = {rn_builder_label(b, 1), rn_builder_label(b, 1)};
    struct rn_label otherwise = rn_builder_label(b, 1);
    rn_emit_SWITCH(b, 0, rn_builder_switch_int(b, 5, cases, 2, otherwise));
    rn_builder_place(b, cases[0]);
    rn_emit_INT(b, 0, 50);
    rn_emit_RETURN(b, 0);
    rn_builder_place(b, cases[1]);
    rn_emit_INT(b, 0, 60);
    rn_emit_RETURN(b, 0);
    rn_builder_place(b, otherwise);
    rn_emit_INT(b, 0, -1);
    end(b, 0);
    uint32_t f = 0;
    uint32_t option = rn_builder_external_type(b, RN_UTF8("std::option::Option"));
    begin(b, "g", 1);
    struct rn_label none = rn_builder_label(b, 1);
    struct rn_label some = rn_builder_label(b, 1);
    struct rn_label other = rn_builder_label(b, 1);
    rn_emit_SWITCH(b, 0,
                   rn_builder_switch_variant(b, option, (struct rn_label[]){none, some}, 2, other));
    rn_builder_place(b, none);
    rn_emit_INT(b, 0, 1);
    rn_emit_RETURN(b, 0);
    rn_builder_place(b, some);
    rn_emit_INT(b, 0, 2);
    rn_emit_RETURN(b, 0);
    rn_builder_place(b, other);
    rn_emit_INT(b, 0, 3);
    end(b, 0);
    uint32_t g = 1;
    begin(b, "all", 0);
    static const int32_t inputs[] = {5, 6, 7, 4};
    for (uint32_t i = 0; i < 4; i++) {
        rn_emit_INT(b, i, inputs[i]);
        rn_emit_CALL(b, i, 1, f);
    }
    rn_emit_NONE(b, 4);
    rn_emit_CALL(b, 4, 1, g);
    rn_emit_SOME(b, 5, 0);
    rn_emit_CALL(b, 5, 1, g);
    rn_emit_UNIT(b, 6);
    rn_emit_CALL(b, 6, 1, g);
    rn_emit_TUPLE(b, 0, 7);
    end(b, 0);
    finish(m);
    static const int64_t results[] = {50, 60, -1, -1, 1, 2, 3};
    const struct rn_value *items = rn_as_tuple(call(m, "all"))->items;
    for (uint32_t i = 0; i < 7; i++) {
        assert_i64(items[i], results[i]);
    }
}

/* Sums what a range or iterator in R[0] gives. */
static void build_sum(struct machine *m, uint32_t iter)
{
    struct rn_builder *b = m->b;
    rn_emit_INT(b, iter + 1, 0);
    struct rn_label next = rn_builder_label(b, iter + 2);
    struct rn_label exit = rn_builder_label(b, iter + 2);
    rn_builder_place(b, next);
    rn_emit_ITER_NEXT(b, iter + 2, iter, exit);
    rn_emit_ADD(b, iter + 1, iter + 1, iter + 2);
    rn_builder_set_height(b, iter + 2);
    rn_emit_JUMP(b, next);
    rn_builder_place(b, exit);
}

static void loops_over_ranges(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "prepared", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 10);
    rn_emit_RANGE_PREP(b, 0, true);
    rn_emit_INT(b, 2, 0);
    struct rn_label next = rn_builder_label(b, 3);
    struct rn_label exit = rn_builder_label(b, 3);
    rn_builder_place(b, next);
    rn_emit_RANGE_NEXT(b, 3, 0, exit);
    rn_emit_ADD(b, 2, 2, 3);
    rn_builder_set_height(b, 3);
    rn_emit_JUMP(b, next);
    rn_builder_place(b, exit);
    end(b, 2);
    begin(b, "value", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 10);
    rn_emit_RANGE(b, 0, 2, RN_RANGE_HALF_OPEN);
    rn_emit_ITER(b, 0, 0);
    build_sum(m, 0);
    end(b, 1);
    begin(b, "floats", 0);
    rn_emit_CONST(b, 0, rn_builder_f64(b, 0.5));
    rn_emit_MOVE(b, 1, 0);
    rn_emit_RANGE_PREP(b, 0, false);
    end(b, 0);
    finish(m);
    assert_i64(call(m, "prepared"), 55);
    assert_i64(call(m, "value"), 45);
    assert_raises(m, "floats", "Cannot build an iterator out of ::std::f64..::std::f64");
}

/* The state of a range, two steps on, is in registers that a Unit may read. */
static void states_of_ranges_are_chars(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    static const uint32_t starts[] = {0x10fffe, 0xd7fe};
    static const char *const paths[] = {"last", "surrogates"};
    for (size_t i = 0; i < RN_COUNT_OF(starts); i++) {
        begin(b, paths[i], 0);
        rn_emit_CHAR(b, 0, starts[i]);
        rn_emit_CHAR(b, 1, 0x10ffff);
        rn_emit_RANGE_PREP(b, 0, true);
        struct rn_label exit = rn_builder_label(b, 2);
        rn_emit_RANGE_NEXT(b, 2, 0, exit);
        rn_emit_RANGE_NEXT(b, 2, 0, exit);
        rn_builder_set_height(b, 2);
        rn_emit_JUMP(b, exit);
        rn_builder_place(b, exit);
        end(b, 0);
    }
    finish(m);
    static const uint32_t expected[] = {0x10ffff, 0xe000};
    for (size_t i = 0; i < RN_COUNT_OF(starts); i++) {
        struct rn_value result = call(m, paths[i]);
        assert_int_equal(result.tag, RN_VALUE_CHAR);
        assert_int_equal(result.u64, expected[i]);
    }
}

static void a_text_is_no_part_of_what_it_shows(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "f", 0);
    rn_emit_TEXT(b, 0, rn_builder_string(b, RN_UTF8("a")));
    rn_emit_MOVE(b, 1, 0);
    rn_emit_TEXT_DISPLAY(b, 0, 1);
    end(b, 0);
    finish(m);
    assert_raises(m, "f",
                  "Cannot read, value has snapshot M-000000 and is not available for reading");
}

/* No compiler leaves out RANGE_PREP. */
static void what_was_not_prepared_is_no_range(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    static const char *const paths[] = {"vector", "bool", "count"};
    for (size_t i = 0; i < RN_COUNT_OF(paths); i++) {
        begin(b, paths[i], 0);
        if (i == 0) {
            rn_emit_VEC(b, 0, 0);
        } else {
            rn_emit_BOOL(b, 0, true);
        }
        if (i == 2) {
            rn_emit_INT(b, 0, 0);
            rn_emit_INT(b, 1, 5);
        } else {
            rn_emit_UINT(b, 1, 5);
        }
        struct rn_label exit = rn_builder_label(b, 2);
        rn_emit_RANGE_NEXT(b, 2, 0, exit);
        rn_builder_set_height(b, 2);
        rn_emit_JUMP(b, exit);
        rn_builder_place(b, exit);
        end(b, 0);
    }
    finish(m);
    assert_raises(m, "vector", "Cannot build an iterator out of ::std::vec::Vec..::std::u64");
    assert_raises(m, "bool", "Cannot build an iterator out of ::std::bool..::std::u64");
    assert_raises(m, "count", "Cannot build an iterator out of ::std::i64..::std::i64");
}

static void a_vector_may_not_change_under_a_loop(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_VEC(b, 0, 2);
    rn_emit_ITER(b, 1, 0);
    build_sum(m, 1);
    end(b, 2);
    begin(b, "changes", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_VEC(b, 0, 1);
    rn_emit_ITER(b, 1, 0);
    struct rn_label exit = rn_builder_label(b, 2);
    rn_emit_ITER_NEXT(b, 2, 1, exit);
    rn_emit_VEC_EXTEND(b, 0, 2, 1);
    rn_emit_ITER_NEXT(b, 2, 1, exit);
    rn_builder_place(b, exit);
    end(b, 0);
    begin(b, "integer", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_ITER(b, 0, 0);
    end(b, 0);
    finish(m);
    assert_i64(call(m, "f"), 3);
    assert_raises(m, "changes",
                  "Cannot write, value has snapshot --000001 and is not available for writing");
    start(m, "integer");
    assert_int_equal(run_slices(m, 100), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_MISSING_METHOD);
}

/* --- Calls --- */

static void functions_are_values(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    struct rn_builder_type pair = {RN_UTF8("T"), RN_TYPE_TUPLE_STRUCT, NULL, 1};
    uint32_t t = rn_builder_struct(b, &pair);
    uint32_t add = rn_builder_import(b, RN_UTF8("test::add"), 2);
    uint32_t twice = begin(b, "twice", 1);
    rn_emit_ADD(b, 0, 0, 0);
    end(b, 0);
    struct rn_builder_function closure = {.path = RN_UTF8("main::$0"),
                                          .arg_count = 1,
                                          .capture_count = 2,
                                          .flags = RN_FUNCTION_CLOSURE};
    uint32_t captured = rn_builder_function(b, &closure);
    rn_builder_begin(b, captured);
    rn_emit_ADD(b, 0, 0, 1);
    rn_emit_ADD(b, 0, 0, 2);
    end(b, 0);
    begin(b, "f", 0);
    rn_emit_FUNCTION(b, 0, twice);
    rn_emit_INT(b, 1, 21);
    rn_emit_CALL_VALUE(b, 0, 1);
    rn_emit_IMPORTED(b, 1, add);
    rn_emit_INT(b, 2, 40);
    rn_emit_INT(b, 3, 2);
    rn_emit_CALL_VALUE(b, 1, 2);
    rn_emit_CONSTRUCTOR(b, 2, t);
    rn_emit_INT(b, 3, 9);
    rn_emit_CALL_VALUE(b, 2, 1);
    rn_emit_INT(b, 3, 100);
    rn_emit_INT(b, 4, 20);
    rn_emit_CLOSURE(b, 3, 2, captured);
    rn_emit_INT(b, 4, 3);
    rn_emit_CALL_VALUE(b, 3, 1);
    rn_emit_TUPLE(b, 0, 4);
    end(b, 0);
    begin(b, "count", 0);
    rn_emit_FUNCTION(b, 0, twice);
    rn_emit_CALL_VALUE(b, 0, 0);
    end(b, 0);
    begin(b, "integer", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_CALL_VALUE(b, 0, 0);
    end(b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_i64(items[0], 42);
    assert_i64(items[1], 42);
    assert_i64(rn_as_tuple(items[2])->items[0], 9);
    assert_i64(items[3], 123);
    assert_raises(m, "count", "Wrong number of arguments 0, expected 1");
    assert_raises(m, "integer", "Type `::std::i64` cannot be called since it's not a function");
}

static void natives_of_every_outcome(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t add = rn_builder_import(b, RN_UTF8("test::add"), 2);
    uint32_t rounds = rn_builder_import(b, RN_UTF8("test::rounds"), 1);
    uint32_t apply = rn_builder_import(b, RN_UTF8("test::apply"), 2);
    uint32_t absent = rn_builder_import(b, RN_UTF8("test::absent"), 0);
    uint32_t twice = begin(b, "twice", 1);
    rn_emit_ADD(b, 0, 0, 0);
    end(b, 0);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_CALL_IMPORT(b, 0, 2, add);
    rn_emit_UNIT(b, 1);
    rn_emit_CALL_IMPORT(b, 1, 1, rounds);
    rn_emit_FUNCTION(b, 2, twice);
    rn_emit_INT(b, 3, 8);
    rn_emit_CALL_IMPORT(b, 2, 2, apply);
    rn_emit_TUPLE(b, 0, 3);
    end(b, 0);
    begin(b, "missing", 0);
    rn_emit_CALL_IMPORT(b, 0, 0, absent);
    end(b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_i64(items[0], 3);
    assert_int_equal(items[1].u64, 3);
    assert_i64(items[2], 16);
    start(m, "missing");
    assert_int_equal(run_slices(m, 100), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_MISSING_FUNCTION);
}

static void methods_of_types_traits_and_scripts(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    struct rn_builder_type unit = {RN_UTF8("U"), RN_TYPE_UNIT_STRUCT, NULL, 0};
    uint32_t u = rn_builder_struct(b, &unit);
    struct rn_builder_function row = {
        .path = RN_UTF8("U::own"), .arg_count = 1, .flags = RN_FUNCTION_INSTANCE};
    uint32_t own = rn_builder_function(b, &row);
    rn_builder_begin(b, own);
    rn_emit_INT(b, 0, 77);
    end(b, 0);
    rn_builder_method(b, u, RN_UTF8("own"), own);
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_INT(b, 1, 2);
    rn_emit_CALL_METHOD(b, 0, 2, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("add"), RN_UTF8("")));
    rn_emit_STRUCT(b, 1, 0, u);
    rn_emit_CALL_METHOD(b, 1, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("own"), RN_UTF8("")));
    rn_emit_VEC(b, 2, 0);
    rn_emit_CALL_METHOD(b, 2, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("twice"), RN_UTF8("")));
    rn_emit_TUPLE(b, 0, 3);
    end(b, 0);
    begin(b, "missing", 0);
    rn_emit_INT(b, 0, 1);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("own"), RN_UTF8("")));
    end(b, 0);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "f"))->items;
    assert_i64(items[0], 3);
    assert_i64(items[1], 77);
    assert_true(rn_object_is(items[2], RN_TYPE_ID_VEC));
    start(m, "missing");
    assert_int_equal(run_slices(m, 100), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_MISSING_METHOD);
}

static void errors_carry_frames(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t inner = begin(b, "inner", 0);
    rn_emit_PANIC(b, rn_builder_string(b, RN_UTF8("x")));
    rn_builder_end(b);
    uint32_t outer = begin(b, "outer", 0);
    rn_emit_CALL(b, 0, 0, inner);
    rn_emit_RETURN_UNIT(b);
    rn_builder_end(b);
    finish(m);
    assert_raises(m, "outer", "Panicked: x");
    const struct rn_vm_error_report *report = rn_vm_error(m->vm);
    assert_int_equal(report->frame_count, 2);
    assert_int_equal(report->frames[0].function, inner);
    assert_int_equal(report->frames[1].function, outer);
    assert_int_equal(m->unit.code[report->frames[0].pc].op, RN_OP_PANIC);
    assert_int_equal(m->unit.code[report->frames[1].pc].op, RN_OP_CALL);
}

static void stacks_grow(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t f = begin(b, "f", 1);
    struct rn_label more = rn_builder_label(b, 1);
    rn_emit_JUMP_NE_INT(b, 0, 0, more);
    rn_emit_RETURN(b, 0);
    rn_builder_place(b, more);
    rn_emit_SUB_INT(b, 1, 0, 1);
    rn_emit_CALL(b, 1, 1, f);
    rn_emit_ADD_INT(b, 0, 1, 1);
    end(b, 0);
    begin(b, "main", 0);
    rn_emit_INT(b, 0, 20000);
    rn_emit_CALL(b, 0, 1, f);
    end(b, 0);
    finish(m);
    assert_i64(call(m, "main"), 20000);
}

/* --- Coroutines --- */

static uint32_t build_generator(struct machine *m, const char *path, enum rn_function_kind kind)
{
    struct rn_builder *b = m->b;
    uint32_t g = declare(b, path, 1, kind);
    rn_builder_begin(b, g);
    rn_emit_YIELD(b, 1, 0);
    rn_emit_ADD(b, 0, 0, 1);
    rn_emit_YIELD(b, 1, 0);
    end(b, 0);
    return g;
}

static void generators_take_and_give(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t g = build_generator(m, "g", RN_FUNCTION_GENERATOR);
    uint32_t resume = rn_builder_site(b, RN_SITE_CALL, RN_UTF8("resume"), RN_UTF8(""));
    begin(b, "resumed", 0);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL(b, 0, 1, g);
    for (uint32_t i = 0; i < 3; i++) {
        rn_emit_MOVE(b, i + 1, 0);
        rn_emit_INT(b, i + 2, 5);
        rn_emit_CALL_METHOD(b, i + 1, 2, resume);
    }
    rn_emit_TUPLE(b, 1, 3);
    end(b, 1);
    begin(b, "complete", 0);
    rn_emit_INT(b, 0, 10);
    rn_emit_CALL(b, 0, 1, g);
    for (uint32_t i = 0; i < 4; i++) {
        rn_emit_MOVE(b, 1, 0);
        rn_emit_INT(b, 2, 5);
        rn_emit_CALL_METHOD(b, 1, 2, resume);
    }
    end(b, 1);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "resumed"))->items;
    assert_int_equal(items[0].object->type, RN_VARIANT_ID_GENERATOR_STATE_YIELDED);
    assert_i64(rn_payload(items[0]), 10);
    assert_i64(rn_payload(items[1]), 15);
    assert_int_equal(items[2].object->type, RN_VARIANT_ID_GENERATOR_STATE_COMPLETE);
    assert_i64(rn_payload(items[2]), 15);
    assert_raises(m, "complete", "Cannot resume a generator that has completed");
}

static void loops_step_generators(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t g = declare(b, "g", 0, RN_FUNCTION_GENERATOR);
    rn_builder_begin(b, g);
    rn_emit_INT(b, 0, 3);
    rn_emit_YIELD(b, 1, 0);
    rn_emit_INT(b, 0, 4);
    rn_emit_YIELD(b, 1, 0);
    end(b, 0);
    begin(b, "f", 0);
    rn_emit_CALL(b, 0, 0, g);
    rn_emit_ITER(b, 0, 0);
    build_sum(m, 0);
    end(b, 1);
    finish(m);
    assert_i64(call(m, "f"), 7);
}

static uint32_t build_async(struct machine *m, const char *path, int32_t value)
{
    struct rn_builder *b = m->b;
    uint32_t function = declare(b, path, 0, RN_FUNCTION_ASYNC);
    rn_builder_begin(b, function);
    rn_emit_INT(b, 0, value);
    end(b, 0);
    return function;
}

static void futures_are_awaited_joined_selected(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    uint32_t one = build_async(m, "one", 1);
    uint32_t two = build_async(m, "two", 2);
    uint32_t join = rn_builder_import(b, RN_UTF8("std::future::join"), 1);
    uint32_t stream = build_generator(m, "stream", RN_FUNCTION_STREAM);
    uint32_t next = rn_builder_site(b, RN_SITE_CALL, RN_UTF8("next"), RN_UTF8(""));
    uint32_t all = declare(b, "all", 0, RN_FUNCTION_ASYNC);
    rn_builder_begin(b, all);
    rn_builder_export(b, all);
    rn_emit_CALL(b, 0, 0, one);
    rn_emit_AWAIT(b, 0, 0);
    rn_emit_CALL(b, 1, 0, one);
    rn_emit_CALL(b, 2, 0, two);
    rn_emit_TUPLE(b, 1, 2);
    rn_emit_CALL_IMPORT(b, 1, 1, join);
    rn_emit_AWAIT(b, 1, 1);
    rn_emit_UNIT(b, 2); // a branch that completed before
    rn_emit_CALL(b, 3, 0, two);
    rn_emit_SELECT(b, 2, 2);
    rn_emit_UNIT(b, 3);
    rn_emit_SELECT(b, 3, 1);
    rn_emit_INT(b, 4, 6);
    rn_emit_CALL(b, 4, 1, stream);
    rn_emit_CALL_METHOD(b, 4, 1, next);
    rn_emit_AWAIT(b, 4, 4);
    rn_emit_TUPLE(b, 0, 5);
    end(b, 0);
    uint32_t again = declare(b, "again", 0, RN_FUNCTION_ASYNC);
    rn_builder_begin(b, again);
    rn_builder_export(b, again);
    rn_emit_CALL(b, 0, 0, one);
    rn_emit_AWAIT(b, 1, 0);
    rn_emit_AWAIT(b, 1, 0);
    end(b, 1);
    finish(m);
    const struct rn_value *items = rn_as_tuple(call(m, "all"))->items;
    assert_i64(items[0], 1);
    assert_i64(rn_as_tuple(items[1])->items[0], 1);
    assert_i64(rn_as_tuple(items[1])->items[1], 2);
    assert_i64(rn_as_tuple(items[2])->items[0], 1);
    assert_i64(rn_as_tuple(items[2])->items[1], 2);
    assert_i64(rn_as_tuple(items[3])->items[0], -1);
    assert_i64(rn_payload(items[4]), 6);
    assert_raises(m, "again",
                  "Cannot take, value has snapshot M-000000 and is not available for taking");
}

/* --- The standard Unit's own instructions --- */

/* struct Down { n }: counts down to 1 from the front, and up from the back is the same. */
static void build_standard(struct machine *m)
{
    struct rn_builder *b;
    assert_int_equal(rn_builder_new(true, &b), RN_OK);
    const struct rn_utf8 fields[] = {RN_UTF8("n")};
    struct rn_builder_type down = {RN_UTF8("std::iter::Rev"), RN_TYPE_STRUCT, fields, 1};
    uint32_t type = rn_builder_struct(b, &down);
    uint32_t get = rn_builder_site(b, RN_SITE_GET, RN_UTF8("n"), RN_UTF8(""));
    uint32_t set = rn_builder_site(b, RN_SITE_SET, RN_UTF8("n"), RN_UTF8(""));
    static const char *const names[] = {"step", "step_back"};
    for (uint32_t i = 0; i < 2; i++) {
        struct rn_builder_function row = {.path = utf8(i == 0 ? "a" : "b"),
                                          .arg_count = 1,
                                          .flags = RN_FUNCTION_INSTANCE | RN_FUNCTION_STEP};
        uint32_t step = rn_builder_function(b, &row);
        rn_builder_begin(b, step);
        struct rn_label more = rn_builder_label(b, 2);
        rn_emit_FIELD_GET(b, 1, 0, get);
        rn_emit_JUMP_NE_INT(b, 1, 0, more);
        rn_emit_RETURN_DONE(b);
        rn_builder_place(b, more);
        rn_emit_SUB_INT(b, 2, 1, 1);
        rn_emit_FIELD_SET(b, 0, 2, set);
        rn_emit_RETURN(b, 1);
        rn_builder_end(b);
        rn_builder_method(b, type, utf8(names[i]), step);
    }
    // std::iter::rev(n): sums its own steps from the back, and gives a new one of 3 and the sum.
    uint32_t f = begin(b, "std::iter::rev", 1);
    (void)f;
    rn_emit_STRUCT(b, 0, 1, type);
    rn_emit_UNIT(b, 1);
    rn_emit_INTRINSIC(b, 1, 1, RN_INTRINSIC_ITER);
    struct rn_label next = rn_builder_label(b, 2);
    struct rn_label exit = rn_builder_label(b, 2);
    rn_builder_place(b, next);
    rn_emit_ITER_NEXT_BACK(b, 2, 0, exit);
    rn_emit_ADD(b, 1, 1, 2);
    rn_builder_set_height(b, 2);
    rn_emit_JUMP(b, next);
    rn_builder_place(b, exit);
    rn_emit_INT(b, 2, 3);
    rn_emit_STRUCT(b, 2, 1, type);
    rn_emit_TUPLE(b, 1, 2);
    end(b, 1);
    struct rune_verified_unit unit;
    finish_image(b, &m->standard_image, true, &unit);
    rn_builder_free(b);
}

static void adapters_step_in_frames(void **state)
{
    struct machine *m = machine_new();
    build_standard(m);
    m->library.unit_image = m->standard_image.data;
    m->library.unit_size = m->standard_image.size;
    assert_int_equal(rn_engine_new(m->region, REGION_SIZE, &m->library, &m->engine), RN_OK);
    assert_int_equal(rn_builder_new(false, &m->b), RN_OK);
    struct rn_builder *b = m->b;
    begin(b, "f", 0);
    rn_emit_INT(b, 0, 4);
    rn_emit_CALL_IMPORT(b, 0, 1, rn_builder_import(b, RN_UTF8("std::iter::rev"), 1));
    rn_emit_TUPLE_GET(b, 1, 0, 1);
    rn_emit_ITER(b, 1, 1);
    build_sum(m, 1);
    rn_emit_TUPLE_GET(b, 0, 0, 0);
    rn_emit_ADD(b, 0, 0, 2);
    end(b, 0);
    begin(b, "step", 0);
    rn_emit_INT(b, 0, 4);
    rn_emit_CALL_IMPORT(b, 0, 1, rn_builder_import(b, RN_UTF8("std::iter::rev"), 1));
    rn_emit_TUPLE_GET(b, 0, 0, 1);
    rn_emit_CALL_METHOD(b, 0, 1, rn_builder_site(b, RN_SITE_CALL, RN_UTF8("step"), RN_UTF8("")));
    end(b, 0);
    finish(m);
    // 1 from the intrinsic, 4 + 3 + 2 + 1, then 3 + 2 + 1.
    assert_i64(call(m, "f"), 17);
    start(m, "step");
    assert_int_equal(run_slices(m, 100), RN_EVENT_RAISED);
    assert_int_equal(rn_vm_error(m->vm)->kind, RN_VM_ERROR_MISSING_METHOD);
    (void)state;
    tear_down((void **)&m);
}

static void charges_stand_alone(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    begin(b, "f", 0);
    // Longer than a cost byte can say: split off by CHARGE.
    for (uint32_t i = 0; i < 600; i++) {
        rn_emit_INT(b, 0, 1);
    }
    end(b, 0);
    finish(m);
    assert_i64(call(m, "f"), 1);
    assert_int_equal(rn_vm_usage(m->vm).budget, 602);
}

#define MANY 200u

struct many_names {
    char texts[MANY][8];
    struct rn_utf8 names[MANY];
};

static void make_names(struct many_names *many)
{
    for (uint32_t i = 0; i < MANY; i++) {
        int size = snprintf(many->texts[i], sizeof(many->texts[i]), "k%u", i);
        many->names[i] = (struct rn_utf8){many->texts[i], (size_t)size};
    }
}

static uint64_t cost_of(struct machine *m, const char *path)
{
    call(m, path);
    return rn_vm_usage(m->vm).budget;
}

/* MANY units from R[0] on, and in the same block what follows. */
static void begin_many(struct rn_builder *b, const char *path)
{
    begin(b, path, 0);
    for (uint8_t i = 0; i < MANY; i++) {
        rn_emit_UNIT(b, i);
    }
}

static void each_key_of_a_pattern_is_paid_for(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    struct many_names many;
    make_names(&many);
    static const char *const paths[] = {"one", "all"};
    for (uint32_t i = 0; i < 2; i++) {
        begin_many(b, paths[i]);
        rn_emit_OBJECT(b, 0, MANY, rn_builder_keys(b, many.names, MANY));
        rn_emit_MATCH_OBJECT(b, 1, 0, false, rn_builder_keys(b, many.names, i == 0 ? 1 : MANY));
        end(b, 1);
    }
    finish(m);
    uint64_t one = cost_of(m, "one");
    assert_int_equal(cost_of(m, "all") - one, MANY - 1);
    assert_bool(call(m, "all"), true);
}

/* Whether the entry is found by the address of its key, by a hint or by looking. */
static void long_names_are_paid_for(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    size_t size = 64 << 10;
    RN_AUTO_FREE char *text = rn_alloc_array(size, 1);
    assert_non_null(text);
    memset(text, 'n', size);
    static const char *const paths[] = {"short", "long"};
    for (uint32_t i = 0; i < 2; i++) {
        struct rn_utf8 name = {text, i == 0 ? 8 : size};
        uint32_t get = rn_builder_site(b, RN_SITE_GET, name, RN_UTF8(""));
        begin(b, paths[i], 0);
        rn_emit_UNIT(b, 0);
        rn_emit_OBJECT(b, 0, 1, rn_builder_keys(b, &name, 1));
        rn_emit_FIELD_GET(b, 1, 0, get);
        rn_emit_INDEX_KEY_GET(b, 1, 0, get);
        end(b, 1);
    }
    finish(m);
    uint64_t cost = cost_of(m, "long");
    assert_int_equal(cost - cost_of(m, "short"), 3 * (size / 64));
    assert_int_equal(cost_of(m, "long"), cost);
}

static void far_fields_are_paid_for(void **state)
{
    struct machine *m = *state;
    struct rn_builder *b = m->b;
    struct many_names many;
    make_names(&many);
    struct rn_builder_type wide = {
        .path = RN_UTF8("Wide"), .kind = RN_TYPE_STRUCT, .fields = many.names, .field_count = MANY};
    uint32_t type = rn_builder_struct(b, &wide);
    static const char *const paths[] = {"first", "last", "text"};
    for (uint32_t i = 0; i < 3; i++) {
        struct rn_utf8 name = many.names[i == 0 ? 0 : MANY - 1];
        begin_many(b, paths[i]);
        rn_emit_STRUCT(b, 0, MANY, type);
        if (i < 2) {
            rn_emit_FIELD_GET(b, 1, 0, rn_builder_site(b, RN_SITE_GET, name, RN_UTF8("")));
        } else {
            rn_emit_STRING(b, 1, rn_builder_string(b, name));
            rn_emit_INDEX_GET(b, 1, 0, 1);
        }
        end(b, 1);
    }
    finish(m);
    uint64_t first = cost_of(m, "first");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cost_of(m, "first"), first);
        assert_int_equal(cost_of(m, "last") - first, (MANY - 1) / 64);
    }
    assert_true(cost_of(m, "text") - first >= (MANY - 1) / 8);
}

/* A value may be of types alone, each of which is looked for among the script's. */
static void types_in_values_are_paid_for(void **state)
{
    struct machine *m = *state;
    struct many_names many;
    make_names(&many);
    for (uint32_t i = 0; i < MANY; i++) {
        struct rn_builder_type type = {.path = many.names[i], .kind = RN_TYPE_UNIT_STRUCT};
        rn_builder_struct(m->b, &type);
    }
    begin(m->b, "f", 0);
    rn_emit_UNIT(m->b, 0);
    end(m->b, 0);
    finish(m);
    start(m, "f");
    uint8_t bytes[16];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, bytes, sizeof(bytes));
    rn_const_write_type(&buf, rn_hash_item(many.texts[MANY - 1], many.names[MANY - 1].size));
    int64_t fuel = m->vm->fuel;
    struct rn_value value;
    assert_int_equal(rn_value_decode(m->vm, bytes, buf.size, &value), RN_DONE);
    assert_int_equal(value.tag, RN_VALUE_TYPE);
    assert_true(fuel - m->vm->fuel >= MANY / 8);
}

static void every_opcode_was_run(void **state)
{
    (void)state;
    for (uint32_t op = 0; op < RN_OP_COUNT; op++) {
        if (!ops_seen[op]) {
            fail_msg("no test runs %s", rn_opcodes[op].name);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads_every_inline_kind),
        TEST(moves_reach_wide_registers),
        TEST(constants_are_fresh_copies),
        TEST(static_texts_are_copied_when_they_change),
        TEST(text_is_appended_in_place),
        TEST(integers_are_checked),
        TEST(small_immediates_do_the_same),
        TEST(the_left_operand_decides),
        TEST(unary_operators_and_casts),
        TEST(comparisons_and_their_jumps_agree),
        TEST(comparing_different_kinds_raises),
        TEST(builds_sequences),
        TEST(indexes_vectors),
        TEST(objects_keep_keys_and_hints),
        TEST(structs_have_fields_by_name_and_variants),
        TEST(options_results_and_try),
        TEST(statics_last_as_long_as_the_vm),
        TEST(conditions_are_not_type_checked),
        TEST(switches_take_integers_and_variants),
        TEST(loops_over_ranges),
        TEST(states_of_ranges_are_chars),
        TEST(what_was_not_prepared_is_no_range),
        TEST(a_text_is_no_part_of_what_it_shows),
        TEST(a_vector_may_not_change_under_a_loop),
        TEST(functions_are_values),
        TEST(natives_of_every_outcome),
        TEST(methods_of_types_traits_and_scripts),
        TEST(errors_carry_frames),
        TEST(stacks_grow),
        TEST(generators_take_and_give),
        TEST(loops_step_generators),
        TEST(futures_are_awaited_joined_selected),
        cmocka_unit_test(adapters_step_in_frames),
        TEST(charges_stand_alone),
        TEST(each_key_of_a_pattern_is_paid_for),
        TEST(long_names_are_paid_for),
        TEST(far_fields_are_paid_for),
        TEST(types_in_values_are_paid_for),
        cmocka_unit_test(every_opcode_was_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
