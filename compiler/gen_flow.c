/*
 * gen_flow.c: blocks, if, loops and the jumps out of them.
 */
#include "compiler/gen.h"

/* ---- Blocks ---- */

static void warn_unreachable(struct rn_gen *gen, struct rn_span span, bool *reported)
{
    // Beyond a limit nothing is emitted any more, which says nothing about the code.
    if (!*reported && rn_builder_fault(gen->builder) == RN_BUILDER_OK) {
        rn_diagnostics_add(gen->diagnostics, RN_DIAGNOSTIC_UNREACHABLE, span, NULL, 0);
    }
    *reported = true;
}

/* The closing brace. */
static struct rn_span end_of(struct rn_span span)
{
    span.start = span.end > span.start ? span.end - 1 : span.start;
    return span;
}

static void statements(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    // In code that is dead as a whole the statement before it was reported.
    bool reported = !rn_builder_reachable(gen->builder);
    for (uint32_t i = 0; i < expr->block.count; i++) {
        const struct rn_hir_expr *stmt = expr->block.stmts[i].expr;
        if (!rn_builder_reachable(gen->builder)) {
            warn_unreachable(gen, stmt->span, &reported);
        }
        rn_gen_ignore(gen, stmt);
    }
    const struct rn_hir_expr *value = expr->block.value;
    if (value == NULL) {
        rn_gen_span(gen, end_of(expr->span));
        rn_gen_unit(gen, dest);
        return;
    }
    if (!rn_builder_reachable(gen->builder)) {
        warn_unreachable(gen, value->span, &reported);
    }
    rn_gen_value(gen, value, dest);
}

void rn_gen_block(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    uint32_t mark = gen->next;
    struct rn_hir_target *target = expr->block.target;
    if (target == NULL || !target->breaks) {
        statements(gen, expr, dest);
        rn_gen_scope_end(gen, mark, dest);
        return;
    }
    struct rn_gen_target jumps = {.break_label = rn_gen_label_with(gen, dest), .dest = dest};
    target->gen = &jumps;
    statements(gen, expr, dest);
    gen->next = mark;
    rn_builder_place_forward(gen->builder, jumps.break_label);
    target->gen = NULL;
}

/* ---- If ---- */

static void condition(struct rn_gen *gen, const struct rn_hir_expr *expr, struct rn_label fail)
{
    if (expr->kind == RN_HIR_LET) {
        rn_gen_let_branch(gen, expr, fail);
    } else {
        rn_gen_branch(gen, expr, fail, RN_WHEN_NOT_TRUE);
    }
}

static bool has_else(const struct rn_hir_expr *expr)
{
    return expr->if_.branches[expr->if_.count - 1].condition == NULL;
}

/* Where a block that is nothing but a jump without value leads; false: it is something else. */
static bool plain_jump(const struct rn_hir_expr *body, struct rn_label *out_label)
{
    if (body->kind == RN_HIR_BLOCK && body->block.target == NULL) {
        bool one = body->block.count == (body->block.value == NULL ? 1u : 0u);
        if (!one) {
            return false;
        }
        body = body->block.value != NULL ? body->block.value : body->block.stmts[0].expr;
    }
    if (body->kind == RN_HIR_CONTINUE) {
        *out_label = body->jump.target->gen->continue_label;
        return true;
    }
    if (body->kind != RN_HIR_BREAK || body->jump.value != NULL ||
        body->jump.target->gen->dest != RN_NONE) {
        return false;
    }
    *out_label = body->jump.target->gen->break_label;
    return true;
}

/* if c { break; }: the condition itself jumps. */
static bool jump_if(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_hir_branch *branch = &expr->if_.branches[0];
    struct rn_label label;
    if (expr->if_.count != 1 || branch->condition->kind == RN_HIR_LET ||
        !plain_jump(branch->body, &label)) {
        return false;
    }
    rn_gen_branch(gen, branch->condition, label, RN_WHEN_TRUE);
    return true;
}

void rn_gen_if(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    if (dest == RN_NONE && jump_if(gen, expr)) {
        return;
    }
    uint32_t mark = gen->next;
    bool complete = has_else(expr);
    struct rn_label end = rn_gen_label_with(gen, dest);
    for (uint32_t i = 0; i < expr->if_.count; i++) {
        const struct rn_hir_branch *branch = &expr->if_.branches[i];
        if (branch->condition == NULL) {
            rn_gen_value(gen, branch->body, dest);
            continue;
        }
        bool last = i + 1 == expr->if_.count;
        struct rn_label fail = rn_gen_label(gen);
        condition(gen, branch->condition, fail);
        // Without an else the value is unit, whatever the branches give.
        rn_gen_value(gen, branch->body, complete ? dest : RN_NONE);
        if (!complete) {
            rn_gen_unit(gen, dest);
        }
        rn_gen_scope_end(gen, mark, dest);
        if (!last || dest != RN_NONE) {
            rn_gen_span(gen, expr->span);
            rn_emit_JUMP(gen->builder, end);
        }
        rn_builder_place_forward(gen->builder, fail);
    }
    if (!complete) {
        rn_gen_unit(gen, dest);
    }
    rn_builder_place_forward(gen->builder, end);
}

/* ---- Loops ---- */

static bool always(const struct rn_hir_expr *condition)
{
    return condition == NULL ||
           (condition->kind == RN_HIR_CONSTANT && condition->constant.tag == RN_TAG_BOOL &&
            condition->constant.boolean);
}

static void finish_loop(struct rn_gen *gen, const struct rn_hir_expr *expr,
                        const struct rn_gen_target *jumps)
{
    rn_gen_span(gen, expr->span);
    rn_gen_unit(gen, jumps->dest);
    rn_builder_place_forward(gen->builder, jumps->break_label);
}

/* loop, and while with a condition that always holds. */
static void endless_loop(struct rn_gen *gen, const struct rn_hir_expr *expr,
                         struct rn_gen_target *jumps)
{
    rn_builder_place(gen->builder, jumps->continue_label);
    rn_gen_ignore(gen, expr->loop.body);
    rn_gen_span(gen, expr->span);
    rn_emit_JUMP(gen->builder, jumps->continue_label);
    finish_loop(gen, expr, jumps);
}

/* A number that instructions cannot hold: a loop compares with it in a register. */
static bool is_large_number(const struct rn_hir_expr *expr)
{
    if (expr->kind != RN_HIR_CONSTANT) {
        return false;
    }
    const struct rn_constant *constant = &expr->constant;
    return constant->tag == RN_TAG_F64 ||
           (constant->tag == RN_TAG_I64 && (constant->i64 < INT8_MIN || constant->i64 > INT8_MAX));
}

static bool compares_with_number(const struct rn_hir_expr *expr)
{
    return expr->kind == RN_HIR_BINARY && expr->op >= RN_BINARY_EQ && expr->op <= RN_BINARY_GT_EQ &&
           is_large_number(expr->right);
}

static void while_rounds(struct rn_gen *gen, const struct rn_hir_expr *expr,
                         const struct rn_hir_expr *test, struct rn_gen_target *jumps);

/* The number is loaded once, before the loop. */
static void while_compare(struct rn_gen *gen, const struct rn_hir_expr *expr,
                          struct rn_gen_target *jumps)
{
    uint32_t mark = gen->next;
    struct rn_hir_expr test = *expr->loop.condition;
    struct rn_hir_var number = {.span = test.right->span};
    struct rn_hir_expr local = {.kind = RN_HIR_LOCAL, .span = test.right->span, .var = &number};
    number.place = rn_gen_push(gen, test.right);
    test.right = &local;
    jumps->continue_label = rn_gen_label(gen);
    while_rounds(gen, expr, &test, jumps);
    gen->next = mark;
    finish_loop(gen, expr, jumps);
}

/* while: the test stands at the end, so that each round has one jump. */
static void while_loop(struct rn_gen *gen, const struct rn_hir_expr *expr,
                       struct rn_gen_target *jumps)
{
    if (compares_with_number(expr->loop.condition)) {
        while_compare(gen, expr, jumps);
        return;
    }
    while_rounds(gen, expr, expr->loop.condition, jumps);
    finish_loop(gen, expr, jumps);
}

static void while_rounds(struct rn_gen *gen, const struct rn_hir_expr *expr,
                         const struct rn_hir_expr *test, struct rn_gen_target *jumps)
{
    struct rn_label body = rn_gen_label(gen);
    rn_emit_JUMP(gen->builder, jumps->continue_label);
    rn_builder_place(gen->builder, body);
    rn_gen_ignore(gen, expr->loop.body);
    rn_builder_place(gen->builder, jumps->continue_label);
    rn_gen_branch(gen, test, body, RN_WHEN_TRUE);
}

/* while let: the pattern binds, so the test stands at the beginning. */
static void while_let_loop(struct rn_gen *gen, const struct rn_hir_expr *expr,
                           struct rn_gen_target *jumps)
{
    uint32_t mark = gen->next;
    struct rn_label end = rn_gen_label(gen);
    rn_builder_place(gen->builder, jumps->continue_label);
    rn_gen_let_branch(gen, expr->loop.condition, end);
    rn_gen_ignore(gen, expr->loop.body);
    rn_gen_scope_end(gen, mark, RN_NONE);
    rn_gen_span(gen, expr->span);
    rn_emit_JUMP(gen->builder, jumps->continue_label);
    rn_builder_place_forward(gen->builder, end);
    finish_loop(gen, expr, jumps);
}

/* The pattern over the item in the next register, then the body, then round again. */
static void for_body(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t item,
                     const struct rn_gen_target *jumps)
{
    gen->next = item + 1;
    rn_gen_pat_or_panic(gen, expr->loop.pat, item, true);
    rn_gen_ignore(gen, expr->loop.body);
    gen->next = item;
    rn_gen_span(gen, expr->span);
    rn_emit_JUMP(gen->builder, jumps->continue_label);
}

static bool is_counted(const struct rn_hir_expr *iter)
{
    return iter->kind == RN_HIR_RANGE &&
           (iter->op == RN_RANGE_HALF_OPEN || iter->op == RN_RANGE_INCLUSIVE);
}

static void for_loop(struct rn_gen *gen, const struct rn_hir_expr *expr,
                     struct rn_gen_target *jumps)
{
    const struct rn_hir_expr *iter = expr->loop.iter;
    uint32_t mark = gen->next;
    bool counted = is_counted(iter);
    uint32_t state;
    if (counted) {
        state = rn_gen_push(gen, iter->left);
        rn_gen_push(gen, iter->right);
        rn_gen_span(gen, iter->span);
        rn_emit_RANGE_PREP(gen->builder, state, iter->op == RN_RANGE_INCLUSIVE);
    } else if (iter->kind == RN_HIR_BACK) {
        state = rn_gen_push(gen, iter);
    } else {
        uint32_t source = rn_gen_any(gen, iter);
        gen->next = mark;
        state = rn_gen_take(gen);
        rn_gen_span(gen, iter->span);
        rn_emit_ITER(gen->builder, state, source);
    }
    uint32_t item = gen->next;
    struct rn_label end = rn_builder_label(gen->builder, mark);
    jumps->continue_label = rn_gen_label(gen);
    rn_builder_place(gen->builder, jumps->continue_label);
    rn_gen_span(gen, expr->span);
    if (counted) {
        rn_emit_RANGE_NEXT(gen->builder, item, state, end);
    } else if (iter->kind == RN_HIR_BACK) {
        rn_emit_ITER_NEXT_BACK(gen->builder, item, state, end);
    } else {
        rn_emit_ITER_NEXT(gen->builder, item, state, end);
    }
    for_body(gen, expr, item, jumps);
    gen->next = mark;
    rn_builder_place_forward(gen->builder, end);
    finish_loop(gen, expr, jumps);
}

void rn_gen_loop(struct rn_gen *gen, const struct rn_hir_expr *expr, uint32_t dest)
{
    struct rn_gen_target jumps = {
        .break_label = rn_gen_label_with(gen, dest),
        .continue_label = rn_gen_label(gen),
        .dest = dest,
    };
    expr->loop.target->gen = &jumps;
    if (expr->loop.iter != NULL) {
        for_loop(gen, expr, &jumps);
    } else if (always(expr->loop.condition)) {
        endless_loop(gen, expr, &jumps);
    } else if (expr->loop.condition->kind == RN_HIR_LET) {
        while_let_loop(gen, expr, &jumps);
    } else {
        while_loop(gen, expr, &jumps);
    }
    expr->loop.target->gen = NULL;
}

void rn_gen_jump(struct rn_gen *gen, const struct rn_hir_expr *expr)
{
    const struct rn_gen_target *jumps = expr->jump.target->gen;
    if (expr->kind == RN_HIR_CONTINUE) {
        rn_emit_JUMP(gen->builder, jumps->continue_label);
        return;
    }
    uint32_t mark = gen->next;
    if (expr->jump.value != NULL) {
        rn_gen_value(gen, expr->jump.value, jumps->dest);
    } else {
        rn_gen_unit(gen, jumps->dest);
    }
    gen->next = mark;
    rn_gen_span(gen, expr->span);
    rn_emit_JUMP(gen->builder, jumps->break_label);
}
