/*
 * gen_expr.c: values, operators, assignment. Conditions are in gen_branch.c.
 */
#include "compiler/gen.h"

#include "compiler/lower.h"

/* ---- Constants ---- */

static void constant_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    const struct rn_constant *constant = &expr->constant;
    struct rn_builder *b = gen->builder;
    switch ((enum rn_constant_tag)constant->tag) {
    case RN_TAG_UNIT:
        rn_emit_UNIT(b, dest);
        return;
    case RN_TAG_BOOL:
        rn_emit_BOOL(b, dest, constant->boolean);
        return;
    case RN_TAG_CHAR:
        rn_emit_CHAR(b, dest, constant->character);
        return;
    case RN_TAG_ORDERING:
        rn_emit_ORDERING(b, dest, constant->ordering);
        return;
    case RN_TAG_I64:
        if (constant->i64 >= INT32_MIN && constant->i64 <= INT32_MAX) {
            rn_emit_INT(b, dest, (int32_t)constant->i64);
            return;
        }
        break;
    case RN_TAG_U64:
        if (constant->u64 <= UINT32_MAX) {
            rn_emit_UINT(b, dest, (uint32_t)constant->u64);
            return;
        }
        break;
    case RN_TAG_STRING:
        rn_emit_STRING(b, dest, rn_builder_string(b, constant->text));
        return;
    case RN_TAG_BYTES:
        rn_emit_BYTES(b, dest, rn_builder_string(b, constant->text));
        return;
    case RN_TAG_NONE:
        rn_emit_NONE(b, dest);
        return;
    case RN_TAG_F64:
    case RN_TAG_VEC:
    case RN_TAG_TUPLE:
    case RN_TAG_OBJECT:
    case RN_TAG_SOME:
        break;
    }
    rn_emit_CONST(b, dest, rn_gen_constant(gen, constant, expr->span));
}

bool rn_gen_int_constant(const struct rn_hir_expr *expr, int64_t min, int64_t max, int64_t *out)
{
    if (expr->kind != RN_HIR_CONSTANT || expr->constant.tag != RN_TAG_I64 ||
        expr->constant.i64 < min || expr->constant.i64 > max) {
        return false;
    }
    *out = expr->constant.i64;
    return true;
}

bool rn_gen_string_constant(const struct rn_hir_expr *expr)
{
    return expr->kind == RN_HIR_CONSTANT && expr->constant.tag == RN_TAG_STRING;
}

/* ---- What is known of an expression ---- */

bool rn_gen_is_comparison(const struct rn_hir_expr *expr)
{
    return expr->kind == RN_HIR_BINARY && expr->op >= RN_BINARY_EQ && expr->op <= RN_BINARY_GT_EQ;
}

bool rn_gen_is_bool(const struct rn_hir_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_HIR_CONSTANT:
        return expr->constant.tag == RN_TAG_BOOL;
    case RN_HIR_BINARY:
        return rn_gen_is_comparison(expr);
    case RN_HIR_IS:
        return true;
    case RN_HIR_UNARY:
        return expr->op == RN_UNARY_NOT && rn_gen_is_bool(expr->left);
    case RN_HIR_AND:
    case RN_HIR_OR:
        return rn_gen_is_bool(expr->left) && rn_gen_is_bool(expr->right);
    default:
        return false;
    }
}

bool rn_gen_is_simple(const struct rn_hir_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_HIR_CONSTANT:
    case RN_HIR_LOCAL:
    case RN_HIR_TYPE:
    case RN_HIR_FUNCTION:
    case RN_HIR_IMPORT:
        return true;
    case RN_HIR_FIELD:
    case RN_HIR_TUPLE_FIELD:
        return rn_gen_is_simple(expr->field.target);
    case RN_HIR_BINARY:
        return rn_gen_is_simple(expr->left) && rn_gen_is_simple(expr->right);
    case RN_HIR_UNARY:
        return rn_gen_is_simple(expr->left);
    default:
        return false;
    }
}

/* ---- Variables ---- */

static void local_into(struct rn_gen *gen, const struct rn_hir_var *var, uint32_t dest)
{
    if (var->wide) {
        rn_emit_TUPLE_GET(gen->builder, dest, gen->wide, var->place);
    } else {
        rn_gen_move(gen, dest, var->place);
    }
}

void rn_gen_store(struct rn_gen *gen, const struct rn_hir_var *var, uint32_t source)
{
    if (var->wide) {
        rn_emit_TUPLE_SET(gen->builder, gen->wide, source, var->place);
    } else {
        rn_gen_move(gen, var->place, source);
    }
}

/* ---- Operators ---- */

typedef void emit_binary(struct rn_builder *b, uint32_t dst, uint32_t left, uint32_t right);
typedef void emit_immediate(struct rn_builder *b, uint32_t dst, uint32_t left, int32_t value);
typedef void emit_assign(struct rn_builder *b, uint32_t target, uint32_t value);

struct operator_row {
    emit_binary *binary;
    emit_immediate *immediate;
    emit_assign *assign;
};

static const struct operator_row operators[] = {
    [RN_BINARY_ADD] = {rn_emit_ADD, rn_emit_ADD_INT, rn_emit_ADD_ASSIGN},
    [RN_BINARY_SUB] = {rn_emit_SUB, rn_emit_SUB_INT, rn_emit_SUB_ASSIGN},
    [RN_BINARY_MUL] = {rn_emit_MUL, rn_emit_MUL_INT, rn_emit_MUL_ASSIGN},
    [RN_BINARY_DIV] = {rn_emit_DIV, rn_emit_DIV_INT, rn_emit_DIV_ASSIGN},
    [RN_BINARY_REM] = {rn_emit_REM, rn_emit_REM_INT, rn_emit_REM_ASSIGN},
    [RN_BINARY_BIT_AND] = {rn_emit_BIT_AND, rn_emit_BIT_AND_INT, rn_emit_BIT_AND_ASSIGN},
    [RN_BINARY_BIT_OR] = {rn_emit_BIT_OR, NULL, rn_emit_BIT_OR_ASSIGN},
    [RN_BINARY_BIT_XOR] = {rn_emit_BIT_XOR, NULL, rn_emit_BIT_XOR_ASSIGN},
    [RN_BINARY_SHL] = {rn_emit_SHL, rn_emit_SHL_INT, rn_emit_SHL_ASSIGN},
    [RN_BINARY_SHR] = {rn_emit_SHR, rn_emit_SHR_INT, rn_emit_SHR_ASSIGN},
    [RN_BINARY_EQ] = {rn_emit_EQ, NULL, NULL},
    [RN_BINARY_NOT_EQ] = {rn_emit_NE, NULL, NULL},
    [RN_BINARY_LT] = {rn_emit_LT, NULL, NULL},
    [RN_BINARY_LT_EQ] = {rn_emit_LE, NULL, NULL},
    [RN_BINARY_GT] = {rn_emit_GT, NULL, NULL},
    [RN_BINARY_GT_EQ] = {rn_emit_GE, NULL, NULL},
};

/* Both operands as registers; the caller resets `next`. */
static void operands(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t *out_left,
                     uint32_t *out_right)
{
    *out_left = rn_gen_any(gen, expr->left);
    *out_right = rn_gen_any(gen, expr->right);
}

void rn_gen_string_test(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t left = rn_gen_any(gen, expr->left);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    rn_emit_EQ_STRING(gen->builder, dest, left,
                      rn_builder_string(gen->builder, expr->right->constant.text));
}

static void binary_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    const struct operator_row *row = &operators[expr->op];
    uint32_t mark = gen->next;
    int64_t value;
    if (row->immediate != NULL && rn_gen_int_constant(expr->right, INT32_MIN, INT32_MAX, &value)) {
        uint32_t left = rn_gen_any(gen, expr->left);
        gen->next = mark;
        rn_gen_span(gen, expr->span);
        row->immediate(gen->builder, dest, left, (int32_t)value);
        return;
    }
    if (expr->op == RN_BINARY_EQ && rn_gen_string_constant(expr->right)) {
        rn_gen_string_test(gen, expr, dest);
        return;
    }
    uint32_t left;
    uint32_t right;
    operands(gen, expr, &left, &right);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    row->binary(gen->builder, dest, left, right);
}

static void unary_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t operand = rn_gen_any(gen, expr->left);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    if (expr->op == RN_UNARY_NOT) {
        rn_emit_NOT(gen->builder, dest, operand);
    } else {
        rn_emit_NEG(gen->builder, dest, operand);
    }
}

/* a && b, a || b: the left value, or if it does not decide the right one. */
static void logic_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t temporary = gen->next;
    struct rn_label end = rn_builder_label(gen->builder, temporary + 1);
    rn_gen_into(gen, expr->left, temporary);
    rn_gen_span(gen, expr->left->span);
    if (expr->kind == RN_HIR_AND) {
        rn_emit_JUMP_FALSE(gen->builder, temporary, end);
    } else {
        rn_emit_JUMP_TRUE(gen->builder, temporary, end);
    }
    rn_gen_into(gen, expr->right, temporary);
    rn_builder_place_forward(gen->builder, end);
    rn_gen_span(gen, expr->span);
    rn_gen_move(gen, dest, temporary);
}

static void test_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t operand = rn_gen_any(gen, expr->test.operand);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    if (expr->kind == RN_HIR_AS && expr->op != UINT8_MAX) {
        rn_emit_AS(gen->builder, dest, operand, expr->op);
        return;
    }
    uint32_t type = rn_gen_type(gen, expr->test.type);
    if (expr->kind == RN_HIR_AS) {
        rn_emit_AS_TYPE(gen->builder, dest, operand, type);
        return;
    }
    rn_emit_IS(gen->builder, dest, operand, type);
    if (expr->test.negated) {
        rn_emit_NOT(gen->builder, dest, dest);
    }
}

/* ---- Parts ---- */

static uint32_t site(struct rn_gen *gen, enum rn_site_kind kind, rn_symbol name)
{
    struct rn_utf8 text = rn_symbol_text(&gen->items->symbols, name);
    return rn_builder_site(gen->builder, kind, text, (struct rn_utf8){0});
}

static void field_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t target = rn_gen_any(gen, expr->field.target);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    if (expr->kind == RN_HIR_TUPLE_FIELD) {
        rn_emit_TUPLE_GET(gen->builder, dest, target, expr->field.index);
    } else {
        rn_emit_FIELD_GET(gen->builder, dest, target, site(gen, RN_SITE_GET, expr->field.name));
    }
}

static void index_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    int64_t index;
    uint32_t target = rn_gen_any(gen, expr->left);
    if (rn_gen_int_constant(expr->right, INT32_MIN, INT32_MAX, &index)) {
        gen->next = mark;
        rn_gen_span(gen, expr->span);
        rn_emit_INDEX_INT_GET(gen->builder, dest, target, (int32_t)index);
        return;
    }
    if (rn_gen_string_constant(expr->right)) {
        gen->next = mark;
        rn_gen_span(gen, expr->span);
        rn_emit_INDEX_KEY_GET(gen->builder, dest, target,
                              rn_builder_site(gen->builder, RN_SITE_GET, expr->right->constant.text,
                                              (struct rn_utf8){0}));
        return;
    }
    uint32_t right = rn_gen_any(gen, expr->right);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    rn_emit_INDEX_GET(gen->builder, dest, target, right);
}

static void range_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t window = gen->next;
    uint32_t count = 0;
    if (expr->left != NULL) {
        rn_gen_push(gen, expr->left);
        count++;
    }
    if (expr->right != NULL) {
        rn_gen_push(gen, expr->right);
        count++;
    }
    gen->next = window;
    rn_gen_span(gen, expr->span);
    rn_emit_RANGE(gen->builder, window, count, (enum rn_range_kind)expr->op);
    rn_gen_move(gen, dest, window);
}

/* ---- Assignment ---- */

static void assign_index(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_expr *place = expr->left;
    int64_t value;
    uint32_t target = rn_gen_any(gen, place->left);
    if (rn_gen_int_constant(place->right, INT32_MIN, INT32_MAX, &value)) {
        uint32_t source = rn_gen_any(gen, expr->right);
        rn_gen_span(gen, expr->span);
        rn_emit_INDEX_INT_SET(gen->builder, target, source, (int32_t)value);
        return;
    }
    if (rn_gen_string_constant(place->right)) {
        uint32_t source = rn_gen_any(gen, expr->right);
        rn_gen_span(gen, expr->span);
        rn_emit_INDEX_KEY_SET(gen->builder, target, source,
                              rn_builder_site(gen->builder, RN_SITE_SET,
                                              place->right->constant.text, (struct rn_utf8){0}));
        return;
    }
    uint32_t index = rn_gen_any(gen, place->right);
    uint32_t source = rn_gen_any(gen, expr->right);
    rn_gen_span(gen, expr->span);
    rn_emit_INDEX_SET(gen->builder, target, index, source);
}

static void set_field(struct rn_gen *gen, const struct rn_hir_expr *place, uint32_t target,
                      uint32_t source)
{
    if (place->kind == RN_HIR_TUPLE_FIELD) {
        rn_emit_TUPLE_SET(gen->builder, target, source, place->field.index);
    } else {
        rn_emit_FIELD_SET(gen->builder, target, source, site(gen, RN_SITE_SET, place->field.name));
    }
}

void rn_gen_assign(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_expr *place = expr->left;
    uint32_t mark = gen->next;
    if (place->kind == RN_HIR_LOCAL && !place->var->wide) {
        rn_gen_into(gen, expr->right, place->var->place);
    } else if (place->kind == RN_HIR_LOCAL) {
        rn_gen_store(gen, place->var, rn_gen_any(gen, expr->right));
    } else if (place->kind == RN_HIR_STATIC) {
        uint32_t source = rn_gen_any(gen, expr->right);
        rn_gen_span(gen, expr->span);
        rn_emit_STATIC_SET(gen->builder, source, rn_gen_static(gen, place->decl));
    } else if (place->kind == RN_HIR_INDEX) {
        assign_index(gen, expr);
    } else {
        uint32_t target = rn_gen_any(gen, place->field.target);
        uint32_t source = rn_gen_any(gen, expr->right);
        rn_gen_span(gen, expr->span);
        set_field(gen, place, target, source);
    }
    gen->next = mark;
}

/* R[target] op= value, where the value may be an immediate. */
static void operate(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t target)
{
    const struct operator_row *row = &operators[expr->op];
    int64_t value;
    if (row->immediate != NULL && rn_gen_int_constant(expr->right, INT32_MIN, INT32_MAX, &value)) {
        rn_gen_span(gen, expr->span);
        row->immediate(gen->builder, target, target, (int32_t)value);
        return;
    }
    uint32_t source = rn_gen_any(gen, expr->right);
    rn_gen_span(gen, expr->span);
    row->assign(gen->builder, target, source);
}

/* The right side is evaluated before the old value is read from where it is kept. */
static void compound_field(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_expr *place = expr->left;
    const struct operator_row *row = &operators[expr->op];
    uint32_t target = rn_gen_any(gen, place->field.target);
    int64_t value = 0;
    bool immediate =
        row->immediate != NULL && rn_gen_int_constant(expr->right, INT32_MIN, INT32_MAX, &value);
    uint32_t source = immediate ? 0 : rn_gen_any(gen, expr->right);
    uint32_t old = rn_gen_take(gen);
    rn_gen_span(gen, expr->span);
    if (place->kind == RN_HIR_TUPLE_FIELD) {
        rn_emit_TUPLE_GET(gen->builder, old, target, place->field.index);
    } else {
        rn_emit_FIELD_GET(gen->builder, old, target, site(gen, RN_SITE_GET, place->field.name));
    }
    if (immediate) {
        row->immediate(gen->builder, old, old, (int32_t)value);
    } else {
        row->assign(gen->builder, old, source);
    }
    set_field(gen, place, target, old);
}

void rn_gen_compound(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_expr *place = expr->left;
    uint32_t mark = gen->next;
    if (place->kind == RN_HIR_LOCAL && !place->var->wide) {
        operate(gen, expr, place->var->place);
    } else if (place->kind == RN_HIR_LOCAL) {
        uint32_t value = rn_gen_push(gen, place);
        operate(gen, expr, value);
        rn_gen_store(gen, place->var, value);
    } else if (place->kind == RN_HIR_STATIC) {
        uint32_t value = rn_gen_take(gen);
        uint32_t index = rn_gen_static(gen, place->decl);
        rn_emit_STATIC_GET(gen->builder, value, index);
        operate(gen, expr, value);
        rn_emit_STATIC_SET(gen->builder, value, index);
    } else {
        compound_field(gen, expr);
    }
    gen->next = mark;
}

/* ---- Values ---- */

static void panic_with(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    uint32_t mark = gen->next;
    if (rn_gen_string_constant(expr->left)) {
        rn_gen_span(gen, expr->span);
        rn_emit_PANIC(gen->builder, rn_builder_string(gen->builder, expr->left->constant.text));
        return;
    }
    uint32_t window = rn_gen_push(gen, expr->left);
    rn_gen_span(gen, expr->span);
    rn_emit_CALL_IMPORT(gen->builder, window, 1,
                        rn_builder_import(gen->builder, RN_UTF8("std::panic"), 1));
    gen->next = mark;
}

static void inner_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    uint32_t operand;
    if (expr->left != NULL) {
        operand = rn_gen_any(gen, expr->left);
    } else {
        operand = rn_gen_take(gen);
        rn_gen_unit(gen, operand);
    }
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    if (expr->kind == RN_HIR_TRY) {
        rn_emit_TRY(gen->builder, dest, operand);
    } else if (expr->kind == RN_HIR_AWAIT) {
        rn_emit_AWAIT(gen->builder, dest, operand);
    } else {
        rn_emit_YIELD(gen->builder, dest, operand);
    }
}

/* Returns a value: choices return from each of their branches. */
static void return_value(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    if (!rn_builder_reachable(gen->builder)) {
        return;
    }
    switch ((int)expr->kind) {
    case RN_HIR_BLOCK:
        rn_gen_block(gen, expr, RN_GEN_RETURN);
        return;
    case RN_HIR_IF:
        rn_gen_if(gen, expr, RN_GEN_RETURN);
        return;
    case RN_HIR_MATCH:
        rn_gen_match(gen, expr, RN_GEN_RETURN);
        return;
    case RN_HIR_LOOP:
        rn_gen_loop(gen, expr, RN_GEN_RETURN);
        return;
    default:
        break;
    }
    uint32_t mark = gen->next;
    uint32_t value = rn_gen_any(gen, expr);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    rn_emit_RETURN(gen->builder, value);
}

static void return_from(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    if (expr->left == NULL) {
        rn_emit_RETURN_UNIT(gen->builder);
    } else {
        return_value(gen, expr->left);
    }
}

void rn_gen_into(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    RN_ASSERT(dest <= gen->next);
    if (!rn_builder_reachable(gen->builder)) {
        return;
    }
    rn_gen_span(gen, expr->span);
    switch ((enum rn_hir_kind)expr->kind) {
    case RN_HIR_ERROR:
    case RN_HIR_CALL_CONST_FN: // only in trees for the evaluator
        rn_gen_unit(gen, dest);
        break;
    case RN_HIR_CONSTANT:
        constant_into(gen, expr, dest);
        break;
    case RN_HIR_LOCAL:
        local_into(gen, expr->var, dest);
        break;
    case RN_HIR_STATIC:
        rn_emit_STATIC_GET(gen->builder, dest, rn_gen_static(gen, expr->decl));
        break;
    case RN_HIR_TYPE:
        rn_emit_TYPE(gen->builder, dest, rn_gen_type(gen, expr->type));
        break;
    case RN_HIR_FUNCTION:
        rn_emit_FUNCTION(gen->builder, dest, rn_gen_function_index(gen, expr->decl));
        break;
    case RN_HIR_IMPORT:
        rn_emit_IMPORTED(gen->builder, dest,
                         rn_builder_import(gen->builder, expr->item->path, expr->item->arity));
        break;
    case RN_HIR_CONSTRUCTOR:
        rn_emit_CONSTRUCTOR(gen->builder, dest, rn_gen_type(gen, expr->type));
        break;
    case RN_HIR_CLOSURE:
        rn_gen_closure(gen, expr, dest);
        break;
    case RN_HIR_UNARY:
        unary_into(gen, expr, dest);
        break;
    case RN_HIR_BINARY:
        binary_into(gen, expr, dest);
        break;
    case RN_HIR_AND:
    case RN_HIR_OR:
        logic_into(gen, expr, dest);
        break;
    case RN_HIR_IS:
    case RN_HIR_AS:
        test_into(gen, expr, dest);
        break;
    case RN_HIR_FIELD:
    case RN_HIR_TUPLE_FIELD:
        field_into(gen, expr, dest);
        break;
    case RN_HIR_INDEX:
        index_into(gen, expr, dest);
        break;
    case RN_HIR_CALL_DECL:
    case RN_HIR_CALL_ITEM:
    case RN_HIR_CALL_METHOD:
    case RN_HIR_CALL_VALUE:
    case RN_HIR_CALL_INTRINSIC:
        rn_gen_call(gen, expr, dest);
        break;
    case RN_HIR_CONSTRUCT:
        rn_gen_construct(gen, expr, dest);
        break;
    case RN_HIR_STRUCT:
    case RN_HIR_VEC:
    case RN_HIR_TUPLE:
    case RN_HIR_OBJECT:
        rn_gen_list(gen, expr, dest);
        break;
    case RN_HIR_RANGE:
        range_into(gen, expr, dest);
        break;
    case RN_HIR_TEXT:
        rn_gen_text(gen, expr, dest);
        break;
    case RN_HIR_BLOCK:
        rn_gen_block(gen, expr, dest);
        break;
    case RN_HIR_IF:
        rn_gen_if(gen, expr, dest);
        break;
    case RN_HIR_MATCH:
        rn_gen_match(gen, expr, dest);
        break;
    case RN_HIR_LOOP:
        rn_gen_loop(gen, expr, dest);
        break;
    case RN_HIR_SELECT:
        rn_gen_select(gen, expr, dest);
        break;
    case RN_HIR_YIELD:
    case RN_HIR_AWAIT:
    case RN_HIR_TRY:
        inner_into(gen, expr, dest);
        break;
    case RN_HIR_ASSIGN:
    case RN_HIR_COMPOUND:
    case RN_HIR_BREAK:
    case RN_HIR_CONTINUE:
    case RN_HIR_RETURN:
    case RN_HIR_DONE:
    case RN_HIR_PANIC:
        rn_gen_ignore(gen, expr);
        rn_gen_unit(gen, dest);
        break;
    case RN_HIR_LET:
        rn_gen_ignore(gen, expr);
        rn_gen_unit(gen, dest);
        break;
    case RN_HIR_BACK:
        rn_gen_into(gen, expr->left, dest);
        break;
    }
}

uint32_t rn_gen_push(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    uint32_t dest = gen->next;
    rn_gen_into(gen, expr, dest);
    gen->next = dest + 1;
    return dest;
}

uint32_t rn_gen_any(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    if (expr->kind == RN_HIR_LOCAL && !expr->var->wide) {
        return expr->var->place;
    }
    return rn_gen_push(gen, expr);
}

void rn_gen_value(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (dest == RN_NONE) {
        rn_gen_ignore(gen, expr);
    } else if (dest == RN_GEN_RETURN) {
        return_value(gen, expr);
    } else {
        rn_gen_into(gen, expr, dest);
    }
}

static void warn_unused(struct rn_gen *gen, const struct rn_hir_expr *expr, const char *what)
{
    rn_diagnose(gen->diagnostics, NOT_USED, expr->span, rn_text(what));
}

static bool can_be_assigned(const struct rn_hir_expr *expr)
{
    return expr->kind == RN_HIR_LOCAL || expr->kind == RN_HIR_STATIC ||
           expr->kind == RN_HIR_FIELD || expr->kind == RN_HIR_INDEX;
}

/* What the operator alone would have been written for; `x == 7;` is often meant to assign. */
static void warn_unused_binary(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    bool compares = expr->op >= RN_BINARY_EQ && expr->op <= RN_BINARY_GT_EQ;
    struct rn_diagnostic *d =
        rn_diagnose(gen->diagnostics, NOT_USED, expr->span,
                    rn_text(compares ? "this comparison" : "the result of this operator"));
    if (expr->op == RN_BINARY_EQ) {
        rn_diagnostic_help(gen->diagnostics, d, "write `=` to assign");
    } else if (!compares && can_be_assigned(expr->left)) {
        rn_diagnostic_help(gen->diagnostics, d,
                           "operators with `=` change their left side, as `+=` does");
    }
}

static void ignore_value(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    uint32_t mark = gen->next;
    rn_gen_any(gen, expr);
    gen->next = mark;
}

void rn_gen_ignore(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    if (!rn_builder_reachable(gen->builder)) {
        return;
    }
    rn_gen_span(gen, expr->span);
    switch ((int)expr->kind) {
    case RN_HIR_CONSTANT:
        if ((expr->flags & RN_HIR_WRITTEN) != 0) {
            warn_unused(gen, expr, "this value");
        }
        break;
    case RN_HIR_LOCAL:
    case RN_HIR_TYPE:
    case RN_HIR_FUNCTION:
    case RN_HIR_IMPORT:
    case RN_HIR_CONSTRUCTOR:
        break;
    case RN_HIR_CLOSURE:
        if (expr->closure->is_async_block) {
            ignore_value(gen, expr);
        } else if (expr->closure->capture_count > 0) {
            warn_unused(gen, expr, "this closure");
        }
        break;
    case RN_HIR_BINARY:
        warn_unused_binary(gen, expr);
        ignore_value(gen, expr);
        break;
    case RN_HIR_ASSIGN:
        rn_gen_assign(gen, expr);
        break;
    case RN_HIR_COMPOUND:
        rn_gen_compound(gen, expr);
        break;
    case RN_HIR_LET:
        rn_gen_let(gen, expr);
        break;
    case RN_HIR_BLOCK:
        rn_gen_block(gen, expr, RN_NONE);
        break;
    case RN_HIR_IF:
        rn_gen_if(gen, expr, RN_NONE);
        break;
    case RN_HIR_MATCH:
        rn_gen_match(gen, expr, RN_NONE);
        break;
    case RN_HIR_LOOP:
        rn_gen_loop(gen, expr, RN_NONE);
        break;
    case RN_HIR_SELECT:
        rn_gen_select(gen, expr, RN_NONE);
        break;
    case RN_HIR_BREAK:
    case RN_HIR_CONTINUE:
        rn_gen_jump(gen, expr);
        break;
    case RN_HIR_RETURN:
        return_from(gen, expr);
        break;
    case RN_HIR_PANIC:
        panic_with(gen, expr);
        break;
    case RN_HIR_DONE:
        rn_emit_RETURN_DONE(gen->builder);
        break;
    default:
        ignore_value(gen, expr);
        break;
    }
}
