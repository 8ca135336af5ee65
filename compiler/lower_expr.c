/*
 * lower_expr.c: expressions and statements. Paths, calls and struct literals are in lower_path.c.
 */
#include "compiler/const_eval.h"
#include "compiler/lower.h"
#include "compiler/name_notes.h"

#include <string.h>

static void report(struct rn_lower *lower, enum rn_diagnostic_code code, struct rn_span span)
{
    rn_diagnostics_add(lower->diagnostics, code, span, NULL, 0);
}

struct rn_constant rn_lower_literal(const struct rn_ast_literal *literal)
{
    struct rn_constant constant = {.tag = RN_TAG_UNIT};
    switch ((enum rn_literal_kind)literal->kind) {
    case RN_LITERAL_BOOL:
        constant = (struct rn_constant){.tag = RN_TAG_BOOL, .boolean = literal->boolean};
        break;
    case RN_LITERAL_CHAR:
        constant = (struct rn_constant){.tag = RN_TAG_CHAR, .character = literal->character};
        break;
    case RN_LITERAL_I64:
        constant = (struct rn_constant){.tag = RN_TAG_I64, .i64 = literal->i64};
        break;
    case RN_LITERAL_BYTE:
    case RN_LITERAL_U64:
        constant = (struct rn_constant){.tag = RN_TAG_U64, .u64 = literal->u64};
        break;
    case RN_LITERAL_F64:
        constant = (struct rn_constant){.tag = RN_TAG_F64, .f64 = literal->f64};
        break;
    case RN_LITERAL_STRING:
        constant = (struct rn_constant){.tag = RN_TAG_STRING, .text = literal->text};
        break;
    case RN_LITERAL_BYTES:
        constant = (struct rn_constant){.tag = RN_TAG_BYTES, .text = literal->text};
        break;
    }
    return constant;
}

bool rn_lower_exprs(struct rn_lower *lower, struct rn_ast_expr *const *items, uint32_t count,
                    struct rn_hir_exprs *out)
{
    out->items = rn_lower_alloc(lower, count, sizeof(struct rn_hir_expr *));
    if (out->items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        out->items[i] = rn_lower_expr(lower, items[i]);
    }
    out->count = count;
    return true;
}

/* ---- Blocks ---- */

static struct rn_hir_expr *lower_let(struct rn_lower *lower, const struct rn_ast_pat *pat,
                                     const struct rn_ast_expr *value, struct rn_span span)
{
    // The value does not see the names that the pattern binds.
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_LET, span);
    expr->let.value = rn_lower_expr(lower, value);
    expr->let.pat = rn_lower_pat(lower, pat);
    return expr;
}

/* `let` within a larger expression: its variables outlive the temporaries that they stand among. */
static struct rn_hir_expr *lower_inner_let(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    bool saved = lower->frame->bind_wide;
    lower->frame->bind_wide = true;
    struct rn_hir_expr *expr = lower_let(lower, ast->let.pat, ast->let.value, ast->span);
    lower->frame->bind_wide = saved;
    return expr;
}

static struct rn_hir_expr *lower_condition(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (ast->kind == RN_EXPR_LET) {
        return lower_let(lower, ast->let.pat, ast->let.value, ast->span);
    }
    return rn_lower_expr(lower, ast);
}

static struct rn_hir_expr *lower_stmts(struct rn_lower *lower, const struct rn_ast_block *block,
                                       struct rn_hir_expr *expr)
{
    expr->block.stmts = rn_lower_alloc(lower, block->stmt_count, sizeof(struct rn_hir_stmt));
    if (expr->block.stmts == NULL) {
        return rn_hir_error(lower);
    }
    for (uint32_t i = 0; i < block->stmt_count; i++) {
        const struct rn_ast_stmt *stmt = &block->stmts[i];
        if (stmt->kind == RN_STMT_LET) {
            struct rn_hir_expr *let = lower_let(lower, stmt->pat, stmt->expr, stmt->span);
            expr->block.stmts[expr->block.count++].expr = let;
            continue;
        }
        struct rn_hir_expr *value = rn_lower_expr(lower, stmt->expr);
        if (stmt->kind == RN_STMT_EXPR && i + 1 == block->stmt_count) {
            expr->block.value = value;
        } else {
            expr->block.stmts[expr->block.count++].expr = value;
        }
    }
    return expr;
}

struct rn_hir_expr *rn_lower_block(struct rn_lower *lower, const struct rn_ast_block *block,
                                   struct rn_hir_target *target)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_BLOCK, block->span);
    expr->block.target = target;
    struct rn_decl *scope = lower->scope;
    if (block->scope != NULL) {
        lower->scope = block->scope;
    }
    uint32_t mark = rn_scope_begin(lower);
    uint32_t until = rn_note_until(lower->items, block->span.end);
    expr = lower_stmts(lower, block, expr);
    rn_note_until(lower->items, until);
    rn_scope_end(lower, mark);
    lower->scope = scope;
    return expr;
}

/* A nested frame for a constant: it sees no variables. */
static struct rn_hir_expr *lower_const_block(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (lower->frame->is_const) {
        return rn_lower_block(lower, ast->block.block, NULL);
    }
    struct rn_hir_function function = {.span = ast->span, .index = RN_NONE};
    struct rn_frame frame = {.function = &function, .span = ast->span, .is_const = true};
    struct rn_frame *saved = lower->frame;
    lower->frame = &frame;
    struct rn_hir_expr *body = rn_lower_block(lower, ast->block.block, NULL);
    lower->frame = saved;
    struct rn_constant value;
    if (!rn_const_eval(lower, body, &value)) {
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *expr = rn_hir_constant(lower, value, ast->span);
    expr->flags |= RN_HIR_WRITTEN;
    return expr;
}

static struct rn_hir_target *push_target(struct rn_lower *lower, enum rn_target_kind kind,
                                         rn_symbol label)
{
    struct rn_hir_target *target = rn_lower_alloc(lower, 1, sizeof(*target));
    if (target != NULL) {
        target->kind = (uint8_t)kind;
        target->label = label;
        target->outer = lower->frame->target;
        lower->frame->target = target;
    }
    return target;
}

static void pop_target(struct rn_lower *lower, const struct rn_hir_target *target)
{
    if (target != NULL) {
        lower->frame->target = target->outer;
    }
}

static struct rn_hir_expr *lower_block_expr(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    bool labelled = ast->block.label.symbol != 0;
    if ((ast->block.is_async || ast->block.is_const) && labelled) {
        rn_diagnose(lower->diagnostics, LABELLED_BLOCK, ast->block.label.span,
                    rn_text(ast->block.is_async ? "async" : "const"));
    }
    if (ast->block.is_async) {
        return rn_lower_async_block(lower, ast);
    }
    if (ast->block.is_const) {
        return lower_const_block(lower, ast);
    }
    if (!labelled) {
        return rn_lower_block(lower, ast->block.block, NULL);
    }
    struct rn_hir_target *target = push_target(lower, RN_TARGET_BLOCK, ast->block.label.symbol);
    struct rn_hir_expr *expr = rn_lower_block(lower, ast->block.block, target);
    pop_target(lower, target);
    return expr;
}

/* ---- Loops and jumps ---- */

struct rn_hir_expr *rn_lower_loop(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_LOOP, ast->span);
    // What a `for` runs over is outside of the loop.
    if (ast->kind == RN_EXPR_FOR) {
        expr->loop.iter = rn_lower_expr(lower, ast->loop.iter);
    }
    enum rn_target_kind kind = ast->kind == RN_EXPR_FOR     ? RN_TARGET_FOR
                               : ast->kind == RN_EXPR_WHILE ? RN_TARGET_WHILE
                                                            : RN_TARGET_LOOP;
    struct rn_hir_target *target = push_target(lower, kind, ast->loop.label.symbol);
    uint32_t mark = rn_scope_begin(lower);
    uint32_t until = rn_note_until(lower->items, ast->span.end);
    if (kind == RN_TARGET_FOR) {
        expr->loop.pat = rn_lower_pat(lower, ast->loop.pat);
    } else if (kind == RN_TARGET_WHILE) {
        expr->loop.condition = lower_condition(lower, ast->loop.condition);
    }
    expr->loop.body = rn_lower_block(lower, ast->loop.body, NULL);
    rn_note_until(lower->items, until);
    rn_scope_end(lower, mark);
    pop_target(lower, target);
    expr->loop.target = target;
    return target == NULL ? rn_hir_error(lower) : expr;
}

/* The loop, or with a label the loop or block, that a jump means; NULL: reported. */
static struct rn_hir_target *find_target(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    rn_symbol label = ast->jump.label.symbol;
    struct rn_hir_target *target = lower->frame->target;
    while (target != NULL &&
           (label != 0 ? target->label != label : target->kind == RN_TARGET_BLOCK)) {
        target = target->outer;
    }
    if (target != NULL) {
        return target;
    }
    if (label != 0) {
        rn_diagnose(lower->diagnostics, MISSING_LABEL, ast->span,
                    rn_symbol_text(&lower->items->symbols, label));
    } else {
        report(lower,
               ast->kind == RN_EXPR_BREAK ? RN_DIAGNOSTIC_BREAK_OUTSIDE
                                          : RN_DIAGNOSTIC_CONTINUE_OUTSIDE,
               ast->span);
    }
    return NULL;
}

struct rn_hir_expr *rn_lower_break(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *value =
        ast->jump.value == NULL ? NULL : rn_lower_expr(lower, ast->jump.value);
    struct rn_hir_target *target = find_target(lower, ast);
    if (target == NULL) {
        return rn_hir_error(lower);
    }
    if (value != NULL && target->kind == RN_TARGET_FOR) {
        report(lower, RN_DIAGNOSTIC_BREAK_VALUE, ast->span);
    }
    target->breaks = true;
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_BREAK, ast->span);
    expr->jump.target = target;
    expr->jump.value = value;
    return expr;
}

struct rn_hir_expr *rn_lower_continue(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_target *target = find_target(lower, ast);
    if (target == NULL) {
        return rn_hir_error(lower);
    }
    if (target->kind == RN_TARGET_BLOCK) {
        report(lower, RN_DIAGNOSTIC_CONTINUE_BLOCK, ast->span);
    }
    target->continues = true;
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_CONTINUE, ast->span);
    expr->jump.target = target;
    return expr;
}

/* ---- Choices ---- */

static struct rn_hir_expr *lower_if(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_IF, ast->span);
    uint32_t count = ast->if_.count;
    struct rn_hir_branch *branches = rn_lower_alloc(lower, count, sizeof(*branches));
    if (branches == NULL) {
        return rn_hir_error(lower);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_branch *branch = &ast->if_.branches[i];
        uint32_t mark = rn_scope_begin(lower);
        uint32_t until = rn_note_until(lower->items, branch->block->span.end);
        if (branch->condition != NULL) {
            branches[i].condition = lower_condition(lower, branch->condition);
        }
        branches[i].body = rn_lower_block(lower, branch->block, NULL);
        rn_note_until(lower->items, until);
        rn_scope_end(lower, mark);
    }
    expr->if_.branches = branches;
    expr->if_.count = count;
    return expr;
}

static struct rn_hir_expr *lower_match(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_MATCH, ast->span);
    expr->match.subject = rn_lower_expr(lower, ast->match.subject);
    uint32_t count = ast->match.count;
    struct rn_hir_arm *arms = rn_lower_alloc(lower, count, sizeof(*arms));
    if (arms == NULL) {
        return rn_hir_error(lower);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_arm *arm = &ast->match.arms[i];
        uint32_t mark = rn_scope_begin(lower);
        uint32_t until = rn_note_until(lower->items, arm->span.end);
        arms[i].span = arm->span;
        arms[i].pat = rn_lower_pat(lower, arm->pat);
        if (arm->guard != NULL) {
            arms[i].guard = rn_lower_expr(lower, arm->guard);
        }
        arms[i].body = rn_lower_expr(lower, arm->body);
        rn_note_until(lower->items, until);
        rn_scope_end(lower, mark);
    }
    expr->match.arms = arms;
    expr->match.count = count;
    return expr;
}

struct rn_hir_expr *rn_lower_select(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_SELECT, ast->span);
    uint32_t count = ast->match.count;
    struct rn_hir_arm *arms = rn_lower_alloc(lower, count, sizeof(*arms));
    if (arms == NULL) {
        return rn_hir_error(lower);
    }
    bool has_default = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_ast_arm *arm = &ast->match.arms[i];
        arms[i].span = arm->span;
        if (arm->pat == NULL && has_default) {
            report(lower, RN_DIAGNOSTIC_SELECT_DEFAULTS, arm->span);
        }
        has_default = has_default || arm->pat == NULL;
        if (arm->guard != NULL) {
            arms[i].guard = rn_lower_expr(lower, arm->guard);
        }
        uint32_t mark = rn_scope_begin(lower);
        uint32_t until = rn_note_until(lower->items, arm->span.end);
        if (arm->pat != NULL) {
            arms[i].pat = rn_lower_pat(lower, arm->pat);
        }
        arms[i].body = rn_lower_expr(lower, arm->body);
        rn_note_until(lower->items, until);
        rn_scope_end(lower, mark);
    }
    expr->match.arms = arms;
    expr->match.count = count;
    return expr;
}

/* ---- Operators ---- */

static struct rn_hir_expr *lower_unary(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (ast->unary.op == RN_UNARY_REF) {
        report(lower, RN_DIAGNOSTIC_UNSUPPORTED_REF, ast->span);
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *operand = rn_lower_expr(lower, ast->unary.operand);
    if (ast->unary.op == RN_UNARY_DEREF) {
        struct rn_diagnostic *d =
            rn_diagnose(lower->diagnostics, UNSUPPORTED_UNARY, ast->span, rn_text("*"));
        if (ast->unary.is_power) {
            rn_diagnostic_help(lower->diagnostics, d, "there is no `a ** b`, write `a.pow(b)`");
        }
        return rn_hir_error(lower);
    }
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_UNARY, ast->span);
    expr->op = ast->unary.op;
    expr->left = operand;
    return expr;
}

static uint8_t cast_of(struct rn_hir_type type)
{
    static const char *const names[] = {"std::i64", "std::u64", "std::f64"};
    struct rn_utf8 path = rn_lower_type_path(type);
    for (uint8_t i = 0; type.item != NULL && i < RN_COUNT_OF(names); i++) {
        struct rn_utf8 name = rn_text(names[i]);
        if (name.size == path.size && memcmp(name.data, path.data, name.size) == 0) {
            return i;
        }
    }
    return UINT8_MAX;
}

static struct rn_hir_expr *lower_test(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    bool is_cast = ast->binary.op == RN_BINARY_AS;
    struct rn_hir_expr *expr = rn_hir_new(lower, is_cast ? RN_HIR_AS : RN_HIR_IS, ast->span);
    expr->test.operand = rn_lower_expr(lower, ast->binary.left);
    if (!rn_lower_type(lower, ast->binary.right, &expr->test.type)) {
        return rn_hir_error(lower);
    }
    expr->test.negated = ast->binary.op == RN_BINARY_IS_NOT;
    expr->op = is_cast ? cast_of(expr->test.type) : 0;
    return expr;
}

static void mark_assigned(const struct rn_hir_expr *target)
{
    if (target->kind == RN_HIR_LOCAL) {
        target->var->assigned = true;
    }
}

static struct rn_hir_expr *lower_compound(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *target = rn_lower_expr(lower, ast->binary.left);
    struct rn_hir_expr *value = rn_lower_expr(lower, ast->binary.right);
    bool ok = target->kind == RN_HIR_LOCAL || target->kind == RN_HIR_STATIC ||
              target->kind == RN_HIR_FIELD || target->kind == RN_HIR_TUPLE_FIELD;
    if (!ok) {
        if (target->kind != RN_HIR_ERROR) {
            report(lower, RN_DIAGNOSTIC_UNSUPPORTED_BINARY_EXPR, ast->span);
        }
        return rn_hir_error(lower);
    }
    mark_assigned(target);
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_COMPOUND, ast->span);
    expr->op = (uint8_t)(ast->binary.op - RN_BINARY_ADD_ASSIGN);
    expr->left = target;
    expr->right = value;
    return expr;
}

static struct rn_hir_expr *lower_binary(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    uint8_t op = ast->binary.op;
    if (op == RN_BINARY_AS || op == RN_BINARY_IS || op == RN_BINARY_IS_NOT) {
        return lower_test(lower, ast);
    }
    if (op >= RN_BINARY_ADD_ASSIGN) {
        return lower_compound(lower, ast);
    }
    enum rn_hir_kind kind = op == RN_BINARY_AND  ? RN_HIR_AND
                            : op == RN_BINARY_OR ? RN_HIR_OR
                                                 : RN_HIR_BINARY;
    struct rn_hir_expr *left = rn_lower_expr(lower, ast->binary.left);
    struct rn_hir_expr *expr = rn_hir_new(lower, kind, ast->span);
    expr->op = op;
    expr->left = left;
    expr->right = rn_lower_expr(lower, ast->binary.right);
    return expr;
}

static struct rn_hir_expr *lower_assign(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *target = rn_lower_expr(lower, ast->assign.target);
    struct rn_hir_expr *value = rn_lower_expr(lower, ast->assign.value);
    bool ok = target->kind == RN_HIR_LOCAL || target->kind == RN_HIR_STATIC ||
              target->kind == RN_HIR_FIELD || target->kind == RN_HIR_TUPLE_FIELD ||
              target->kind == RN_HIR_INDEX;
    if (!ok) {
        if (target->kind != RN_HIR_ERROR) {
            report(lower, RN_DIAGNOSTIC_UNSUPPORTED_ASSIGN, ast->span);
        }
        return rn_hir_error(lower);
    }
    mark_assigned(target);
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_ASSIGN, ast->span);
    expr->left = target;
    expr->right = value;
    return expr;
}

static struct rn_hir_expr *lower_range(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    bool closed = ast->range.limits == RN_LIMITS_CLOSED;
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_RANGE, ast->span);
    expr->left = ast->range.start == NULL ? NULL : rn_lower_expr(lower, ast->range.start);
    expr->right = ast->range.end == NULL ? NULL : rn_lower_expr(lower, ast->range.end);
    if (closed && ast->range.end == NULL) {
        report(lower, RN_DIAGNOSTIC_RANGE_WITHOUT_END, ast->span);
        return rn_hir_error(lower);
    }
    if (ast->range.start == NULL && ast->range.end == NULL) {
        expr->op = RN_RANGE_FULL;
    } else if (ast->range.end == NULL) {
        expr->op = RN_RANGE_FROM;
    } else if (ast->range.start == NULL) {
        expr->op = closed ? RN_RANGE_TO_INCLUSIVE : RN_RANGE_TO;
    } else {
        expr->op = closed ? RN_RANGE_INCLUSIVE : RN_RANGE_HALF_OPEN;
    }
    return expr;
}

/* ---- Parts ---- */

static struct rn_hir_expr *lower_field(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_FIELD, ast->span);
    expr->field.target = rn_lower_expr(lower, ast->field.target);
    expr->field.name = ast->field.name.symbol;
    rn_note_member(lower->items, &ast->field.name, rn_lower_known_type(lower, ast->field.target));
    if (ast->field.has_generics) {
        report(lower, RN_DIAGNOSTIC_BAD_FIELD_ACCESS, ast->span);
    }
    return expr;
}

static struct rn_hir_expr *lower_tuple_field(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_TUPLE_FIELD, ast->span);
    const struct rn_ast_literal *number = &ast->tuple_field.number;
    bool is_i64 = number->kind == RN_LITERAL_I64 && number->i64 >= 0;
    if (!is_i64 && number->kind != RN_LITERAL_U64) {
        struct rn_span span = ast->tuple_field.number_span;
        struct rn_utf8 text = lower->diagnostics->sources[span.source].text;
        rn_diagnose(lower->diagnostics, UNSUPPORTED_TUPLE_INDEX, span,
                    {text.data + span.start, span.end - span.start});
        return rn_hir_error(lower);
    }
    uint64_t index = is_i64 ? (uint64_t)number->i64 : number->u64;
    // Nothing has as many elements: the largest index raises the same error.
    expr->field.index = index > UINT32_MAX ? UINT32_MAX : (uint32_t)index;
    expr->field.target = rn_lower_expr(lower, ast->tuple_field.target);
    return expr;
}

static struct rn_hir_expr *lower_list(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (ast->kind == RN_EXPR_TUPLE && ast->list.count == 0) {
        return rn_hir_constant(lower, (struct rn_constant){.tag = RN_TAG_UNIT}, ast->span);
    }
    struct rn_hir_expr *expr =
        rn_hir_new(lower, ast->kind == RN_EXPR_VEC ? RN_HIR_VEC : RN_HIR_TUPLE, ast->span);
    if (!rn_lower_exprs(lower, ast->list.items, ast->list.count, &expr->list.items)) {
        return rn_hir_error(lower);
    }
    rn_lower_widen(lower, ast->list.count < RN_HIR_CHUNK ? ast->list.count : RN_HIR_CHUNK);
    return expr;
}

static struct rn_hir_expr *lower_index(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    struct rn_hir_expr *target = rn_lower_expr(lower, ast->index.target);
    struct rn_hir_expr *expr = rn_hir_new(lower, RN_HIR_INDEX, ast->span);
    expr->left = target;
    expr->right = rn_lower_expr(lower, ast->index.index);
    return expr;
}

static struct rn_hir_expr *lower_inner(struct rn_lower *lower, const struct rn_ast_expr *ast,
                                       enum rn_hir_kind kind)
{
    struct rn_hir_expr *expr = rn_hir_new(lower, kind, ast->span);
    expr->left = ast->inner == NULL ? NULL : rn_lower_expr(lower, ast->inner);
    return expr;
}

static struct rn_hir_expr *lower_kind(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    switch ((enum rn_expr_kind)ast->kind) {
    case RN_EXPR_ERROR:
        return rn_hir_error(lower);
    case RN_EXPR_PATH:
        return rn_lower_path(lower, ast);
    case RN_EXPR_LITERAL: {
        struct rn_hir_expr *expr =
            rn_hir_constant(lower, rn_lower_literal(&ast->literal), ast->span);
        expr->flags |= RN_HIR_WRITTEN;
        return expr;
    }
    case RN_EXPR_TEMPLATE:
        return rn_lower_template(lower, ast);
    case RN_EXPR_TUPLE:
    case RN_EXPR_VEC:
        return lower_list(lower, ast);
    case RN_EXPR_OBJECT:
        return rn_lower_object(lower, ast);
    case RN_EXPR_GROUP:
        return rn_lower_expr(lower, ast->inner);
    case RN_EXPR_UNARY:
        return lower_unary(lower, ast);
    case RN_EXPR_BINARY:
        return lower_binary(lower, ast);
    case RN_EXPR_ASSIGN:
        return lower_assign(lower, ast);
    case RN_EXPR_RANGE:
        return lower_range(lower, ast);
    case RN_EXPR_CALL:
        return rn_lower_call(lower, ast);
    case RN_EXPR_INDEX:
        return lower_index(lower, ast);
    case RN_EXPR_FIELD:
        return lower_field(lower, ast);
    case RN_EXPR_TUPLE_FIELD:
        return lower_tuple_field(lower, ast);
    case RN_EXPR_TRY:
        return lower_inner(lower, ast, RN_HIR_TRY);
    case RN_EXPR_AWAIT:
        return lower_inner(lower, ast, RN_HIR_AWAIT);
    case RN_EXPR_RETURN:
        return lower_inner(lower, ast, RN_HIR_RETURN);
    case RN_EXPR_YIELD:
        return lower_inner(lower, ast, RN_HIR_YIELD);
    case RN_EXPR_MACRO:
        return rn_lower_macro(lower, ast);
    case RN_EXPR_CLOSURE:
        return rn_lower_closure(lower, ast);
    case RN_EXPR_BLOCK:
        return lower_block_expr(lower, ast);
    case RN_EXPR_LOOP:
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
        return rn_lower_loop(lower, ast);
    case RN_EXPR_IF:
        return lower_if(lower, ast);
    case RN_EXPR_MATCH:
        return lower_match(lower, ast);
    case RN_EXPR_SELECT:
        return rn_lower_select(lower, ast);
    case RN_EXPR_LET:
        return lower_inner_let(lower, ast);
    case RN_EXPR_BREAK:
        return rn_lower_break(lower, ast);
    case RN_EXPR_CONTINUE:
        return rn_lower_continue(lower, ast);
    }
    return rn_hir_error(lower);
}

struct rn_hir_expr *rn_lower_expr(struct rn_lower *lower, const struct rn_ast_expr *ast)
{
    if (lower->error != RN_OK) {
        return rn_hir_error(lower);
    }
    lower->depth++;
    struct rn_hir_expr *expr = lower_kind(lower, ast);
    lower->depth--;
    return expr;
}
