/* The builder as the code generator uses it: bodies, labels, blocks, tables; the verifier agrees.
 */
#include "base/alloc.h"
#include "bytecode/builder.h"
#include "bytecode/hash.h"
#include "bytecode/unit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct fixture {
    struct rn_builder *b;
    struct rn_buf image;
    struct rn_buf debug;
    struct rune_verified_unit unit;
    struct rn_unit_fault fault;
};

static int set_up(void **state)
{
    struct fixture *f = rn_alloc(sizeof(*f));
    assert_non_null(f);
    assert_int_equal(rn_builder_new(false, &f->b), RN_OK);
    rn_buf_init(&f->image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&f->debug, RN_IMAGE_SIZE_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    rn_builder_free(f->b);
    rn_buf_done(&f->image);
    rn_buf_done(&f->debug);
    rn_free(f);
    return 0;
}

static uint32_t begin(struct fixture *f, const char *path, uint16_t args)
{
    struct rn_builder_function function = {.path = {path, strlen(path)}, .arg_count = args};
    uint32_t index = rn_builder_function(f->b, &function);
    rn_builder_begin(f->b, index);
    return index;
}

static void finish(struct fixture *f)
{
    enum rn_error error = rn_builder_finish(f->b, &f->image, &f->debug);
    if (error != RN_OK) {
        fail_msg("%s", rn_builder_fault_message(f->b));
    }
    struct rune_unit_image image = {f->image.data, f->image.size};
    error = rn_unit_verify(image, false, &f->unit, &f->fault);
    if (error != RN_OK) {
        fail_msg("%s at offset %zu, pc %u", f->fault.check, f->fault.offset, f->fault.pc);
    }
}

static void test_smallest_unit(void **state)
{
    struct fixture *f = *state;
    uint32_t function = begin(f, "main", 0);
    rn_emit_INT(f->b, 0, -42);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    rn_builder_export(f->b, function);
    finish(f);
    assert_int_equal(rn_unit_find_export(&f->unit, rn_hash_item("main", 4)), function);
    assert_int_equal(rn_unit_find_export(&f->unit, 1), RN_NONE);
    assert_int_equal((int32_t)f->unit.code[0].imm, -42);
    assert_int_equal(f->unit.code[1].c, 3); // INT 1, RETURN 2
    assert_int_equal(f->unit.functions[0].register_count, 1);
    assert_int_equal(f->unit.counts[RN_SECTION_HEIGHTS], 0);
}

/* while R[1] < R[0] { R[1] += 1 } */
static void test_loop(void **state)
{
    struct fixture *f = *state;
    begin(f, "count", 1);
    rn_emit_INT(f->b, 1, 0);
    struct rn_label head = rn_builder_label(f->b, 2);
    struct rn_label done = rn_builder_label(f->b, 2);
    rn_builder_place(f->b, head);
    rn_emit_JUMP_NOT_LT(f->b, 1, 0, done);
    rn_emit_ADD_INT(f->b, 1, 1, 1);
    rn_emit_JUMP(f->b, head);
    rn_builder_place(f->b, done);
    rn_emit_RETURN(f->b, 1);
    rn_builder_end(f->b);
    finish(f);
    static const uint8_t ops[] = {RN_OP_INT,     RN_OP_CHARGE, RN_OP_JUMP_NOT_LT,
                                  RN_OP_ADD_INT, RN_OP_JUMP,   RN_OP_RETURN};
    assert_int_equal(f->unit.counts[RN_SECTION_CODE], RN_COUNT_OF(ops));
    for (size_t i = 0; i < RN_COUNT_OF(ops); i++) {
        assert_int_equal(f->unit.code[i].op, ops[i]);
    }
    assert_int_equal(f->unit.code[1].imm, 1);
    assert_int_equal(f->unit.code[2].imm, 5);
    assert_int_equal(f->unit.code[2].c, 1);
    assert_int_equal(f->unit.code[4].imm, 2);
    assert_int_equal(f->unit.code[4].c, 2);
    assert_int_equal(f->unit.counts[RN_SECTION_HEIGHTS], 2);
    assert_int_equal(f->unit.heights[0].pc, 2);
    assert_int_equal(f->unit.heights[1].pc, 5);
}

static void test_long_blocks_are_split(void **state)
{
    struct fixture *f = *state;
    begin(f, "long", 0);
    for (int i = 0; i < 600; i++) {
        rn_emit_INT(f->b, 0, i);
    }
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    finish(f);
    uint32_t charges = 0;
    uint32_t paid = 0;
    for (uint32_t i = 0; i < f->unit.counts[RN_SECTION_CODE]; i++) {
        const struct rn_inst *inst = &f->unit.code[i];
        if (inst->op == RN_OP_CHARGE) {
            charges++;
            paid += inst->imm;
        } else if (inst->op == RN_OP_RETURN) {
            paid += inst->c;
        }
    }
    assert_int_equal(charges, 2);
    assert_int_equal(paid, 602);
    assert_int_equal(f->unit.counts[RN_SECTION_HEIGHTS], 2);
}

static void test_dead_code_is_dropped(void **state)
{
    struct fixture *f = *state;
    begin(f, "dead", 0);
    rn_emit_RETURN_UNIT(f->b);
    assert_false(rn_builder_reachable(f->b));
    struct rn_label never = rn_builder_label(f->b, 0);
    rn_emit_INT(f->b, 0, 1);
    rn_emit_JUMP(f->b, never);
    rn_builder_place_forward(f->b, never);
    rn_emit_RETURN_UNIT(f->b);
    rn_builder_end(f->b);
    finish(f);
    assert_int_equal(f->unit.counts[RN_SECTION_CODE], 1);
}

static void test_body_before_its_test(void **state)
{
    struct fixture *f = *state;
    begin(f, "inverted", 1);
    struct rn_label body = rn_builder_label(f->b, 1);
    struct rn_label test = rn_builder_label(f->b, 1);
    rn_emit_JUMP(f->b, test);
    rn_builder_place(f->b, body);
    rn_emit_ADD_INT(f->b, 0, 0, 1);
    rn_builder_place(f->b, test);
    rn_emit_JUMP_TRUE(f->b, 0, body);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    finish(f);
    assert_int_equal(f->unit.code[3].op, RN_OP_JUMP_TRUE);
    assert_int_equal(f->unit.code[3].imm, 1);
}

static void test_heights(void **state)
{
    struct fixture *f = *state;
    uint32_t function = begin(f, "heights", 2);
    rn_emit_INT(f->b, 2, 0);   // 0
    rn_emit_INT(f->b, 3, 0);   // 1
    rn_emit_TUPLE(f->b, 1, 3); // 2: R[1] .. R[3]
    assert_int_equal(rn_builder_height(f->b), 2);
    rn_builder_set_height(f->b, 1);
    rn_emit_INT(f->b, 1, 0); // 3
    rn_emit_RETURN(f->b, 1); // 4
    rn_builder_end(f->b);
    finish(f);
    static const uint32_t expected[] = {2, 3, 4, 1, 2};
    for (uint32_t i = 0; i < RN_COUNT_OF(expected); i++) {
        assert_int_equal(rn_unit_height_at(&f->unit, function, i), expected[i]);
    }
    assert_int_equal(f->unit.functions[0].register_count, 4);
}

static void test_bodies_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct rn_builder_function outer = {.path = RN_UTF8("outer")};
    struct rn_builder_function inner = {.path = RN_UTF8("inner"), .arg_count = 1};
    uint32_t first = rn_builder_function(f->b, &outer);
    uint32_t second = rn_builder_function(f->b, &inner);
    rn_builder_begin(f->b, second);
    struct rn_label end = rn_builder_label(f->b, 1);
    rn_emit_JUMP_TRUE(f->b, 0, end);
    rn_emit_RETURN_UNIT(f->b);
    rn_builder_place(f->b, end);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    rn_builder_begin(f->b, first);
    rn_emit_UNIT(f->b, 0);
    rn_emit_CALL(f->b, 0, 1, second);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    finish(f);
    assert_int_equal(f->unit.functions[second].code_start, 3);
    assert_int_equal(f->unit.heights[0].pc, 5);
    assert_int_equal(f->unit.code[3].imm, 2);
    assert_int_equal(rn_unit_function_at(&f->unit, 2), first);
    assert_int_equal(rn_unit_function_at(&f->unit, 3), second);
}

static void test_tables_hold_each_entry_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(rn_builder_i64(f->b, 7), rn_builder_i64(f->b, 7));
    assert_int_not_equal(rn_builder_i64(f->b, 7), rn_builder_u64(f->b, 7));
    assert_int_not_equal(rn_builder_f64(f->b, 0.0), rn_builder_f64(f->b, -0.0));
    assert_int_equal(rn_builder_cbor(f->b, "\xf6", 1), rn_builder_cbor(f->b, "\xf6", 1));
    assert_int_equal(rn_builder_string(f->b, RN_UTF8("a")), rn_builder_string(f->b, RN_UTF8("a")));
    struct rn_utf8 keys[] = {RN_UTF8("x"), RN_UTF8("y")};
    uint32_t both = rn_builder_keys(f->b, keys, 2);
    assert_int_equal(rn_builder_keys(f->b, keys, 2), both);
    assert_int_not_equal(rn_builder_keys(f->b, keys, 1), both);
    uint32_t len = rn_builder_import(f->b, RN_UTF8("std::len"), 1);
    assert_int_equal(rn_builder_import(f->b, RN_UTF8("std::len"), 1), len);
    begin(f, "f", 0);
    rn_emit_RETURN_UNIT(f->b);
    rn_builder_end(f->b);
    finish(f);
    assert_int_equal(f->unit.counts[RN_SECTION_CONSTANTS], 5);
    assert_int_equal(f->unit.counts[RN_SECTION_KEYS], 2);
    assert_int_equal(f->unit.counts[RN_SECTION_IMPORTS], 1);
}

static void test_texts_stand_in_order(void **state)
{
    struct fixture *f = *state;
    uint32_t long_text = rn_builder_string(f->b, RN_UTF8("zebra"));
    uint32_t empty = rn_builder_string(f->b, RN_UTF8(""));
    begin(f, "f", 0);
    rn_emit_STRING(f->b, 0, long_text);
    rn_emit_STRING(f->b, 1, empty);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    finish(f);
    struct rn_utf8 text = rn_unit_string_at(&f->unit, f->unit.code[0].imm);
    assert_int_equal(text.size, 5);
    assert_memory_equal(text.data, "zebra", 5);
    assert_int_equal(f->unit.code[1].imm, 0);
    text = rn_unit_string_at(&f->unit, f->unit.functions[0].name);
    assert_memory_equal(text.data, "f", 1);
}

static void test_types_and_methods(void **state)
{
    struct fixture *f = *state;
    struct rn_utf8 fields[] = {RN_UTF8("x"), RN_UTF8("y")};
    struct rn_builder_type point = {
        .path = RN_UTF8("Point"), .kind = RN_TYPE_STRUCT, .fields = fields, .field_count = 2};
    struct rn_builder_type variants[] = {
        {.path = RN_UTF8("Shape::Empty"), .kind = RN_TYPE_UNIT_VARIANT},
        {.path = RN_UTF8("Shape::Circle"), .kind = RN_TYPE_TUPLE_VARIANT, .field_count = 1},
    };
    uint32_t shape = rn_builder_enum(f->b, RN_UTF8("Shape"), variants, 2);
    uint32_t type = rn_builder_struct(f->b, &point);
    struct rn_builder_function area = {
        .path = RN_UTF8("Point::area"), .arg_count = 1, .flags = RN_FUNCTION_INSTANCE};
    uint32_t method = rn_builder_function(f->b, &area);
    rn_builder_method(f->b, type, RN_UTF8("area"), method);
    rn_builder_begin(f->b, method);
    uint32_t site = rn_builder_site(f->b, RN_SITE_GET, RN_UTF8("x"), RN_UTF8(""));
    rn_emit_FIELD_GET(f->b, 1, 0, site);
    rn_emit_STRUCT(f->b, 1, 1, shape + 2);
    struct rn_label labels[] = {rn_builder_label(f->b, 2), rn_builder_label(f->b, 2)};
    struct rn_label otherwise = rn_builder_label(f->b, 1);
    uint32_t table = rn_builder_switch_variant(f->b, shape, labels, 2, otherwise);
    rn_emit_SWITCH(f->b, 1, table);
    rn_builder_place(f->b, labels[0]);
    rn_builder_place(f->b, labels[1]);
    rn_emit_RETURN(f->b, 1);
    rn_builder_place(f->b, otherwise);
    rn_emit_RETURN(f->b, 0);
    rn_builder_end(f->b);
    finish(f);
    assert_int_equal(rn_unit_find_method(&f->unit, type, rn_hash_text("area", 4)), method);
    assert_int_equal(rn_unit_find_method(&f->unit, shape, rn_hash_text("area", 4)), RN_NONE);
    assert_int_equal(f->unit.switches[0].count, 2);
    assert_int_equal(f->unit.targets[0], 3);
    assert_int_equal(f->unit.targets[1], 3);
    assert_int_equal(f->unit.switches[0].default_target, 4);
}

static void expect_fault(struct fixture *f, enum rn_builder_fault fault)
{
    assert_int_equal(rn_builder_fault(f->b), fault);
    assert_int_not_equal(rn_builder_finish(f->b, &f->image, &f->debug), RN_OK);
    assert_int_equal(f->image.size, 0);
    assert_true(strlen(rn_builder_fault_message(f->b)) > 0);
}

static void test_reading_above_the_height(void **state)
{
    struct fixture *f = *state;
    begin(f, "f", 1);
    rn_emit_MOVE(f->b, 1, 2);
    expect_fault(f, RN_BUILDER_RULE);
}

static void test_falling_off(void **state)
{
    struct fixture *f = *state;
    begin(f, "f", 1);
    rn_emit_MOVE(f->b, 1, 0);
    rn_builder_end(f->b);
    expect_fault(f, RN_BUILDER_RULE);
}

static void test_label_never_placed(void **state)
{
    struct fixture *f = *state;
    begin(f, "f", 0);
    rn_emit_JUMP(f->b, rn_builder_label(f->b, 0));
    rn_builder_end(f->b);
    expect_fault(f, RN_BUILDER_RULE);
}

static void test_privileged_instruction(void **state)
{
    struct fixture *f = *state;
    begin(f, "f", 1);
    rn_emit_RETURN_DONE(f->b);
    expect_fault(f, RN_BUILDER_RULE);
}

static void test_register_beyond_a_byte(void **state)
{
    struct fixture *f = *state;
    begin(f, "f", 0);
    for (uint32_t i = 0; i < 256; i++) {
        rn_emit_UNIT(f->b, i);
    }
    rn_emit_MOVE_TO(f->b, 0, 256);
    assert_int_equal(rn_builder_fault(f->b), RN_BUILDER_OK);
    rn_emit_UNIT(f->b, 257);
    expect_fault(f, RN_BUILDER_OPERAND_REGISTER);
}

static void test_items_of_one_hash(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        uint32_t function = begin(f, "same", 0);
        rn_emit_RETURN_UNIT(f->b);
        rn_builder_end(f->b);
        rn_builder_export(f->b, function);
    }
    assert_int_equal(rn_builder_finish(f->b, &f->image, NULL), RN_E_INVALID_ARGUMENT);
    assert_int_equal(rn_builder_fault(f->b), RN_BUILDER_DUPLICATE_HASH);
}

static void test_each_failing_allocation(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 1000; n++) {
        uint64_t live = rn_alloc_live();
        struct rn_builder *b = NULL;
        struct rn_buf image;
        rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
        rn_alloc_fail_at(n, false);
        enum rn_error error = rn_builder_new(false, &b);
        if (error == RN_OK) {
            struct rn_builder_function function = {.path = RN_UTF8("f")};
            uint32_t index = rn_builder_function(b, &function);
            rn_builder_begin(b, index);
            struct rn_utf8 key = RN_UTF8("key");
            rn_emit_UNIT(b, 0);
            rn_emit_OBJECT(b, 0, 1, rn_builder_keys(b, &key, 1));
            rn_emit_CONST(b, 0, rn_builder_i64(b, 1));
            rn_emit_RETURN(b, 0);
            rn_builder_end(b);
            rn_builder_export(b, index);
            error = rn_builder_finish(b, &image, NULL);
        }
        rn_alloc_fail_at(0, false);
        rn_builder_free(b);
        rn_buf_done(&image);
        assert_int_equal(rn_alloc_live(), live);
        if (error == RN_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(error, RN_E_NO_MEMORY);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_smallest_unit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_blocks_are_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_code_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_body_before_its_test, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bodies_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tables_hold_each_entry_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts_stand_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types_and_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading_above_the_height, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_falling_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_label_never_placed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_privileged_instruction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_register_beyond_a_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_items_of_one_hash, set_up, tear_down),
        cmocka_unit_test(test_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
