/*
 * sample_units.h: two valid images, made by the builder, that between them have something of every
 * table and every kind of operand.
 */
#ifndef RN_TESTS_HOSTILE_SAMPLE_UNITS_H
#define RN_TESTS_HOSTILE_SAMPLE_UNITS_H

#include "bytecode/builder.h"
#include "bytecode/const_value.h"
#include "bytecode/intrinsics.h"

#include <string.h>

static uint32_t declare(struct rn_builder *b, const char *path, uint16_t args,
                        enum rn_function_kind kind, uint8_t flags)
{
    struct rn_builder_function function = {
        .path = {path, strlen(path)}, .arg_count = args, .kind = kind, .flags = flags};
    return rn_builder_function(b, &function);
}

/* R[0] .. R[2]: loops, tables, everything that an ordinary function does. */
static void build_main(struct rn_builder *b, uint32_t main_function, uint32_t callee,
                       uint32_t closure)
{
    rn_builder_begin(b, main_function);
    rn_emit_UNIT(b, 0);
    rn_emit_MOVE(b, 1, 0);
    rn_emit_MOVE_FROM(b, 2, 0);
    rn_emit_MOVE_TO(b, 2, 1);
    rn_emit_BOOL(b, 2, true);
    rn_emit_CHAR(b, 2, 'x');
    rn_emit_ORDERING(b, 2, 1);
    rn_emit_AS(b, 2, 2, 1);
    rn_emit_MATCH_SEQ(b, 2, 2, RN_SEQ_VEC, 3);
    rn_emit_STRING(b, 2, rn_builder_string(b, RN_UTF8("text")));
    rn_emit_TEXT_FORMAT(b, 2, 2, 0);
    rn_emit_RANGE(b, 1, 2, RN_RANGE_HALF_OPEN);
    rn_emit_RANGE(b, 2, 0, RN_RANGE_FULL);
    rn_emit_RANGE(b, 2, 1, RN_RANGE_FROM);
    rn_emit_RANGE(b, 1, 2, RN_RANGE_INCLUSIVE);
    rn_emit_CALL(b, 1, 1, callee);
    rn_emit_CALL_IMPORT(b, 1, 1, 0);
    rn_emit_CALL_IMPORT(b, 1, 1, 1);
    rn_emit_FUNCTION(b, 2, callee);
    rn_emit_CALL_VALUE(b, 2, 0);
    rn_emit_CLOSURE(b, 1, 2, closure);
    rn_emit_UNIT(b, 2);
    rn_emit_VEC_EXTEND(b, 1, 2, 1);
    rn_emit_TUPLE(b, 1, 2);
    rn_emit_RETURN(b, 1);
    rn_builder_end(b);
}

struct types {
    uint32_t point;
    uint32_t pair;
    uint32_t shape;
    uint32_t some;
    uint32_t other;
    uint32_t none;
};

static struct types build_types(struct rn_builder *b)
{
    static const struct rn_utf8 fields[] = {RN_UTF8("x"), RN_UTF8("y")};
    struct rn_builder_type point = {
        .path = RN_UTF8("Point"), .kind = RN_TYPE_STRUCT, .fields = fields, .field_count = 2};
    struct rn_builder_type pair = {
        .path = RN_UTF8("Pair"), .kind = RN_TYPE_TUPLE_STRUCT, .field_count = 2};
    struct rn_builder_type variants[] = {
        {.path = RN_UTF8("Shape::Empty"), .kind = RN_TYPE_UNIT_VARIANT},
        {.path = RN_UTF8("Shape::Circle"), .kind = RN_TYPE_TUPLE_VARIANT, .field_count = 1},
    };
    struct types types = {
        .point = rn_builder_struct(b, &point),
        .pair = rn_builder_struct(b, &pair),
        .some = rn_builder_external_type(b, RN_UTF8("std::option::Option::Some")),
        .other = rn_builder_external_type(b, RN_UTF8("std::vec::Vec")),
        .none = rn_builder_external_type(b, RN_UTF8("std::option::Option::None")),
    };
    struct rn_builder_type named = {.path = RN_UTF8("Named::Field"),
                                    .kind = RN_TYPE_STRUCT_VARIANT,
                                    .fields = fields,
                                    .field_count = 1};
    rn_builder_enum(b, RN_UTF8("Never"), NULL, 0);
    rn_builder_enum(b, RN_UTF8("Named"), &named, 1);
    types.shape = rn_builder_enum(b, RN_UTF8("Shape"), variants, 2);
    return types;
}

/* R[0] self: what goes with types, names and jump tables. */
static void build_method(struct rn_builder *b, uint32_t function, const struct types *types)
{
    static const struct rn_utf8 keys[] = {RN_UTF8("left"), RN_UTF8("right")};
    rn_builder_begin(b, function);
    rn_emit_FIELD_GET(b, 1, 0, 0);
    rn_emit_FIELD_SET(b, 0, 1, 1);
    rn_emit_MOVE(b, 2, 1);
    rn_emit_STRUCT(b, 1, 2, types->point);
    rn_emit_STRUCT(b, 1, 1, types->some);
    rn_emit_STRUCT_OF(b, 1, types->pair);
    rn_emit_CONSTRUCTOR(b, 1, types->pair);
    rn_emit_CONSTRUCTOR(b, 1, types->some);
    rn_emit_CONSTRUCTOR(b, 1, types->shape + 2);
    rn_emit_UNIT(b, 1);
    rn_emit_STRUCT(b, 1, 0, types->none);
    rn_emit_MOVE(b, 2, 1);
    rn_emit_OBJECT(b, 1, 2, rn_builder_keys(b, keys, 2));
    rn_emit_MATCH_OBJECT(b, 2, 1, false, rn_builder_keys(b, keys, 1));
    rn_emit_CONST(b, 2, 0);
    rn_emit_STATIC_GET(b, 2, 0);
    rn_emit_CALL_METHOD(b, 2, 1, 2);
    struct rn_label one = rn_builder_label(b, 2);
    struct rn_label two = rn_builder_label(b, 3);
    struct rn_label labels[] = {one, two};
    rn_emit_SWITCH(b, 2, rn_builder_switch_variant(b, types->shape, labels, 2, one));
    rn_builder_place(b, two);
    struct rn_label three = rn_builder_label(b, 3);
    rn_emit_JUMP_TRUE(b, 2, three);
    rn_emit_SWITCH(b, 2, rn_builder_switch_variant(b, types->other, labels, 2, two));
    rn_builder_place(b, three);
    rn_emit_SWITCH(b, 2, rn_builder_switch_int(b, -1, labels, 1, two));
    rn_builder_place(b, one);
    rn_emit_NOT(b, 1, 1);
    rn_emit_RETURN(b, 1);
    rn_builder_end(b);
}

/* R[0] the limit: a loop, a range, a conditional in front of code without a declared height. */
static void build_loop(struct rn_builder *b, uint32_t function)
{
    uint32_t source =
        rn_builder_source(b, RN_UTF8("sample.rn"), RN_UTF8("let a = 0;\nwhile a < n {}\n"));
    rn_builder_begin(b, function);
    rn_emit_INT(b, 1, 0);
    rn_builder_set_span(b, (struct rn_builder_span){source, 11, 25});
    struct rn_label head = rn_builder_label(b, 2);
    struct rn_label done = rn_builder_label(b, 2);
    rn_builder_place(b, head);
    rn_emit_JUMP_NOT_LT(b, 1, 0, done);
    rn_emit_ADD_INT(b, 1, 1, 1);
    rn_emit_JUMP(b, head);
    rn_builder_place(b, done);
    rn_emit_INT(b, 2, 10);
    rn_emit_RANGE_PREP(b, 1, false);
    struct rn_label end = rn_builder_label(b, 3);
    rn_emit_RANGE_NEXT(b, 3, 1, end);
    rn_emit_UNIT(b, 3);
    rn_builder_place(b, end);
    struct rn_label last = rn_builder_label(b, 1);
    rn_emit_JUMP_TRUE(b, 0, last);
    rn_emit_UNIT(b, 3);
    rn_emit_RETURN(b, 3);
    rn_builder_place(b, last);
    rn_emit_RETURN(b, 0);
    rn_builder_end(b);
}

static void build_coroutine(struct rn_builder *b, uint32_t function, enum rn_opcode op)
{
    rn_builder_begin(b, function);
    rn_emit(b, op, 0, 0, 0, 0);
    rn_emit_RETURN(b, 0);
    rn_builder_end(b);
}

static void build_long(struct rn_builder *b, uint32_t function)
{
    rn_builder_begin(b, function);
    for (int i = 0; i < 600; i++) {
        rn_emit_INT(b, 0, i);
    }
    rn_emit_RETURN_UNIT(b);
    rn_builder_end(b);
}

/* A tuple that looks like a function but for its tag, and vectors in vectors. */
static void build_deep_constants(struct rn_builder *b)
{
    uint8_t storage[128];
    uint8_t content_id[32] = {0};
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    rn_const_begin_tuple(&buf, 2);
    rn_const_write_bytes(&buf, content_id, sizeof(content_id));
    rn_const_write_i64(&buf, 1);
    rn_builder_cbor(b, storage, buf.size);
    rn_buf_clear(&buf);
    for (int i = 0; i < 40; i++) {
        rn_const_begin_vec(&buf, 1);
    }
    rn_const_write_unit(&buf);
    rn_builder_cbor(b, storage, buf.size);
}

static void build_tables(struct rn_builder *b)
{
    struct rn_unit_spec spec = {.fill = ' ', .width = RN_NONE, .precision = RN_NONE};
    rn_builder_spec(b, &spec);
    rn_builder_site(b, RN_SITE_GET, RN_UTF8("x"), RN_UTF8(""));
    rn_builder_site(b, RN_SITE_SET, RN_UTF8("x"), RN_UTF8(""));
    rn_builder_site(b, RN_SITE_CALL, RN_UTF8("collect"), RN_UTF8("::<std::vec::Vec>"));
    rn_builder_import(b, RN_UTF8("std::fixed"), 1);
    rn_builder_import(b, RN_UTF8("std::variadic"), -1);
    rn_builder_i64(b, 7);
    rn_builder_cbor(b, "\xd9\x52\x02\x82\x01\x02", 6); // (1, 2)
    rn_builder_cbor(b, "\x82\x01\x02", 3);             // [1, 2]
    rn_builder_static(b, RN_UTF8("FIRST"), 1);
    build_deep_constants(b);
    rn_builder_static(b, RN_UTF8("SECOND"), RN_NONE);
    // By far the longest, of odd size: it stands last.
    rn_builder_string(b, RN_UTF8("a text that is certainly longer than all others, and odd."));
}

static void build_user(struct rn_builder *b)
{
    build_tables(b);
    struct types types = build_types(b);
    struct rn_builder_function closure = {
        .path = RN_UTF8("main::$0"), .capture_count = 2, .flags = RN_FUNCTION_CLOSURE};
    uint32_t main_function = declare(b, "main", 0, RN_FUNCTION_IMMEDIATE, 0);
    uint32_t callee = declare(b, "callee", 1, RN_FUNCTION_IMMEDIATE, 0);
    uint32_t captures = rn_builder_function(b, &closure);
    uint32_t generator = declare(b, "generator", 1, RN_FUNCTION_GENERATOR, 0);
    uint32_t future = declare(b, "future", 1, RN_FUNCTION_ASYNC, 0);
    uint32_t stream = declare(b, "stream", 1, RN_FUNCTION_STREAM, 0);
    uint32_t long_function = declare(b, "a_long_function_of_its_own_size", 0, 0, 0);
    uint32_t method = declare(b, "Point::method", 1, 0, RN_FUNCTION_INSTANCE);
    build_main(b, main_function, callee, captures);
    build_loop(b, callee);
    build_coroutine(b, captures, RN_OP_MOVE);
    build_coroutine(b, generator, RN_OP_YIELD);
    build_coroutine(b, future, RN_OP_AWAIT);
    rn_builder_begin(b, stream);
    rn_emit_YIELD(b, 0, 0);
    rn_emit_AWAIT(b, 0, 0);
    rn_emit_SELECT(b, 0, 1);
    rn_emit_RETURN(b, 0);
    rn_builder_end(b);
    build_long(b, long_function);
    build_method(b, method, &types);
    rn_builder_export(b, main_function);
    rn_builder_export(b, callee);
    rn_builder_set_main(b, main_function);
    rn_builder_method(b, types.point, RN_UTF8("method"), method);
    rn_builder_method(b, types.point, RN_UTF8("again"), method);
    rn_builder_method(b, types.shape, RN_UTF8("method"), method);
}

static void build_standard(struct rn_builder *b)
{
    uint32_t step = declare(b, "std::iter::step", 1, RN_FUNCTION_IMMEDIATE,
                            RN_FUNCTION_STEP | RN_FUNCTION_INSTANCE);
    rn_builder_begin(b, step);
    rn_emit_UNIT(b, 1);
    uint32_t intrinsic = 0;
    while (rn_intrinsics[intrinsic].arity != 1) {
        intrinsic++;
    }
    rn_emit_INTRINSIC(b, 1, 1, intrinsic);
    rn_emit_RETURN_DONE(b);
    rn_builder_end(b);
    uint32_t caller = declare(b, "std::iter::caller", 1, RN_FUNCTION_IMMEDIATE, 0);
    rn_builder_begin(b, caller);
    rn_emit_CALL(b, 0, 1, caller);
    rn_emit_FUNCTION(b, 0, caller);
    rn_emit_RETURN_UNIT(b);
    rn_builder_end(b);
}

/* One of the two images; `debug` may be NULL. */
static enum rn_error build_sample(struct rn_buf *out, struct rn_buf *debug, bool standard)
{
    struct rn_builder *b;
    RN_TRY(rn_builder_new(standard, &b));
    if (standard) {
        build_standard(b);
    } else {
        build_user(b);
    }
    enum rn_error error = rn_builder_finish(b, out, debug);
    rn_builder_free(b);
    return error;
}

#endif
