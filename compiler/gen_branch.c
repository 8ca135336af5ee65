/*
 * gen_branch.c: conditions as jumps.
 */
#include "compiler/gen.h"

struct compare_row {
    void (*when_true)(struct rn_builder *b, uint32_t left, uint32_t right, struct rn_label label);
    void (*otherwise)(struct rn_builder *b, uint32_t left, uint32_t right, struct rn_label label);
    void (*int_true)(struct rn_builder *b, uint32_t left, int8_t right, struct rn_label label);
    void (*int_otherwise)(struct rn_builder *b, uint32_t left, int8_t right, struct rn_label label);
};

static const struct compare_row compares[] = {
    [RN_BINARY_EQ - RN_BINARY_EQ] = {rn_emit_JUMP_EQ, rn_emit_JUMP_NE, rn_emit_JUMP_EQ_INT,
                                     rn_emit_JUMP_NE_INT},
    [RN_BINARY_NOT_EQ - RN_BINARY_EQ] = {rn_emit_JUMP_NE, rn_emit_JUMP_EQ, rn_emit_JUMP_NE_INT,
                                         rn_emit_JUMP_EQ_INT},
    [RN_BINARY_LT - RN_BINARY_EQ] = {rn_emit_JUMP_LT, rn_emit_JUMP_NOT_LT, rn_emit_JUMP_LT_INT,
                                     rn_emit_JUMP_NOT_LT_INT},
    [RN_BINARY_LT_EQ -
        RN_BINARY_EQ] = {rn_emit_JUMP_LE, rn_emit_JUMP_NOT_LE, NULL, rn_emit_JUMP_NOT_LE_INT},
    [RN_BINARY_GT - RN_BINARY_EQ] = {NULL, rn_emit_JUMP_NOT_GT, NULL, rn_emit_JUMP_NOT_GT_INT},
    [RN_BINARY_GT_EQ -
        RN_BINARY_EQ] = {NULL, rn_emit_JUMP_NOT_GE, rn_emit_JUMP_GE_INT, rn_emit_JUMP_NOT_GE_INT},
};

static void branch_value(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label label,
                         enum rn_gen_when when)
{
    if (expr->kind == RN_HIR_ASSIGN || expr->kind == RN_HIR_COMPOUND) {
        struct rn_diagnostic *d = rn_diagnose(gen->diagnostics, ASSIGNED_CONDITION, expr->span);
        if (expr->kind == RN_HIR_ASSIGN) {
            rn_diagnostic_help(gen->diagnostics, d, "write `==` to compare");
        }
    }
    uint32_t mark = gen->next;
    uint32_t value = rn_gen_any(gen, expr);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    if (when == RN_WHEN_TRUE) {
        rn_emit_JUMP_TRUE(gen->builder, value, label);
    } else if (when == RN_WHEN_FALSE) {
        rn_emit_JUMP_FALSE(gen->builder, value, label);
    } else {
        rn_emit_JUMP_NOT_TRUE(gen->builder, value, label);
    }
}

static bool branch_compare(struct rn_gen *gen, const struct rn_hir_expr *expr,
                           struct rn_label label, enum rn_gen_when when)
{
    const struct compare_row *row = &compares[expr->op - RN_BINARY_EQ];
    uint32_t mark = gen->next;
    int64_t value;
    if (rn_gen_string_constant(expr->right) && expr->op <= RN_BINARY_NOT_EQ) {
        uint32_t same = gen->next;
        rn_gen_string_test(gen, expr, same);
        bool wanted = (expr->op == RN_BINARY_EQ) == (when == RN_WHEN_TRUE);
        (wanted ? rn_emit_JUMP_TRUE : rn_emit_JUMP_FALSE)(gen->builder, same, label);
        return true;
    }
    if (rn_gen_int_constant(expr->right, INT8_MIN, INT8_MAX, &value)) {
        bool next = when == RN_WHEN_TRUE && row->int_true == NULL;
        if (next && (value < 0 || value == INT8_MAX)) {
            return false;
        }
        if (next) {
            // x > n is x >= n + 1 for integers of either kind, and raises alike for all else.
            row = &compares[(expr->op == RN_BINARY_GT ? RN_BINARY_GT_EQ : RN_BINARY_LT) -
                            RN_BINARY_EQ];
            value++;
        }
        uint32_t left = rn_gen_any(gen, expr->left);
        gen->next = mark;
        rn_gen_span(gen, expr->span);
        (when == RN_WHEN_TRUE ? row->int_true : row->int_otherwise)(gen->builder, left,
                                                                    (int8_t)value, label);
        return true;
    }
    if ((when == RN_WHEN_TRUE ? row->when_true : row->otherwise) == NULL) {
        return false;
    }
    uint32_t left = rn_gen_any(gen, expr->left);
    uint32_t right = rn_gen_any(gen, expr->right);
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    (when == RN_WHEN_TRUE ? row->when_true : row->otherwise)(gen->builder, left, right, label);
    return true;
}

/*
 * a && b is a if that is false, else b; a || b is a if that is true, else b. So whatever decides on
 * the left goes to the label or behind both, the rest is up to the right.
 */
static void branch_logic(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label label,
                         enum rn_gen_when when)
{
    bool is_and = expr->kind == RN_HIR_AND;
    enum rn_gen_when decides = is_and ? RN_WHEN_FALSE : RN_WHEN_TRUE;
    bool decided_jumps = is_and ? when != RN_WHEN_TRUE : when == RN_WHEN_TRUE;
    if (decided_jumps) {
        rn_gen_branch(gen, expr->left, label, decides);
        rn_gen_branch(gen, expr->right, label, when);
        return;
    }
    struct rn_label skip = rn_gen_label(gen);
    rn_gen_branch(gen, expr->left, skip, decides);
    rn_gen_branch(gen, expr->right, label, when);
    rn_builder_place_forward(gen->builder, skip);
}

void rn_gen_branch(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label label,
                   enum rn_gen_when when)
{
    if (expr->kind == RN_HIR_CONSTANT && expr->constant.tag == RN_TAG_BOOL) {
        if (expr->constant.boolean == (when == RN_WHEN_TRUE)) {
            rn_emit_JUMP(gen->builder, label);
        }
        return;
    }
    if (expr->kind == RN_HIR_AND || expr->kind == RN_HIR_OR) {
        branch_logic(gen, expr, label, when);
        return;
    }
    if (expr->kind == RN_HIR_UNARY && rn_gen_is_bool(expr)) {
        rn_gen_branch(gen, expr->left, label,
                      when == RN_WHEN_TRUE ? RN_WHEN_NOT_TRUE : RN_WHEN_TRUE);
        return;
    }
    if (rn_gen_is_comparison(expr) && branch_compare(gen, expr, label, when)) {
        return;
    }
    branch_value(gen, expr, label, when);
}
