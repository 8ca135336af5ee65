/*
 * const_check.c: what may stand in a constant at all.
 *
 * An expression is looked through before it runs, so that what constants do not have is an error
 * even where it would not be reached.
 */
#include "compiler/const_eval.h"
#include "compiler/lower.h"

static const char *const operator_texts[] = {
    [RN_BINARY_ADD] = "+",    [RN_BINARY_SUB] = "-",     [RN_BINARY_MUL] = "*",
    [RN_BINARY_DIV] = "/",    [RN_BINARY_REM] = "%",     [RN_BINARY_BIT_AND] = "&",
    [RN_BINARY_BIT_OR] = "|", [RN_BINARY_BIT_XOR] = "^", [RN_BINARY_SHL] = "<<",
    [RN_BINARY_SHR] = ">>",   [RN_BINARY_EQ] = "==",     [RN_BINARY_NOT_EQ] = "!=",
    [RN_BINARY_LT] = "<",     [RN_BINARY_LT_EQ] = "<=",  [RN_BINARY_GT] = ">",
    [RN_BINARY_GT_EQ] = ">=", [RN_BINARY_AND] = "&&",    [RN_BINARY_OR] = "||",
};

static bool refuse(struct rn_lower *lower, enum rn_diagnostic_code code, struct rn_span span)
{
    rn_diagnostics_add(lower->diagnostics, code, span, NULL, 0);
    return false;
}

/* An item that has no value before the script runs: `const A = some_function;`. */
static bool refuse_item(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    struct rn_resolved item = {0};
    if (expr->kind == RN_HIR_FUNCTION) {
        item.decl = expr->decl;
    } else if (expr->kind == RN_HIR_IMPORT) {
        item.item = expr->item;
    } else if (expr->kind == RN_HIR_CALL_ITEM) {
        item.item = expr->call.item;
    } else {
        item.decl = expr->type.decl;
        item.item = expr->type.item;
    }
    item.kind = item.decl != NULL ? RN_RESOLVED_DECL : RN_RESOLVED_CONTEXT;
    rn_diagnose(lower->diagnostics, CONST_META, expr->span,
                rn_describe_resolved(lower->items, &item));
    return false;
}

static bool check_all(struct rn_lower *lower, const struct rn_hir_exprs *items)
{
    for (uint32_t i = 0; i < items->count; i++) {
        if (!rn_const_check(lower, items->items[i])) {
            return false;
        }
    }
    return true;
}

static bool check_operator(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    bool ok = expr->op != RN_BINARY_REM && expr->op != RN_BINARY_NOT_EQ &&
              expr->kind != RN_HIR_AND && expr->kind != RN_HIR_OR;
    if (!ok) {
        rn_diagnose(lower->diagnostics, CONST_OPERATOR, expr->span,
                    rn_text(operator_texts[expr->op]));
    }
    return ok;
}

static bool check_target(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    while (expr->kind == RN_HIR_FIELD || expr->kind == RN_HIR_TUPLE_FIELD) {
        expr = expr->field.target;
    }
    return expr->kind == RN_HIR_LOCAL || refuse(lower, RN_DIAGNOSTIC_CONST_TARGET, expr->span);
}

static bool check_text(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    for (uint32_t i = 0; i < expr->text.count; i++) {
        const struct rn_hir_part *part = &expr->text.items[i];
        if (part->spec != NULL) {
            return refuse(lower, RN_DIAGNOSTIC_CONST_EXPR, expr->span);
        }
        if (part->expr != NULL && !rn_const_check(lower, part->expr)) {
            return false;
        }
    }
    return true;
}

static bool check_block(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    for (uint32_t i = 0; i < expr->block.count; i++) {
        if (!rn_const_check(lower, expr->block.stmts[i].expr)) {
            return false;
        }
    }
    return expr->block.value == NULL || rn_const_check(lower, expr->block.value);
}

static bool check_if(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    for (uint32_t i = 0; i < expr->if_.count; i++) {
        const struct rn_hir_branch *branch = &expr->if_.branches[i];
        if ((branch->condition != NULL && !rn_const_check(lower, branch->condition)) ||
            !rn_const_check(lower, branch->body)) {
            return false;
        }
    }
    return true;
}

static bool check_loop(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    if (expr->loop.iter != NULL) {
        return refuse(lower, RN_DIAGNOSTIC_CONST_EXPR, expr->span);
    }
    return (expr->loop.condition == NULL || rn_const_check(lower, expr->loop.condition)) &&
           rn_const_check(lower, expr->loop.body);
}

static bool check_let(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    if (rn_hir_refutable(expr->let.pat)) {
        return refuse(lower, RN_DIAGNOSTIC_CONST_EXPR, expr->let.pat->span);
    }
    return rn_const_check(lower, expr->let.value);
}

bool rn_const_check(struct rn_lower *lower, const struct rn_hir_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_HIR_ERROR:
        return false;
    case RN_HIR_CONSTANT:
    case RN_HIR_LOCAL:
        return true;
    case RN_HIR_FIELD:
    case RN_HIR_TUPLE_FIELD:
        return check_target(lower, expr);
    case RN_HIR_AND:
    case RN_HIR_OR:
    case RN_HIR_BINARY:
        return check_operator(lower, expr) && rn_const_check(lower, expr->left) &&
               rn_const_check(lower, expr->right);
    case RN_HIR_ASSIGN:
    case RN_HIR_COMPOUND:
        return (expr->kind == RN_HIR_ASSIGN || check_operator(lower, expr)) &&
               check_target(lower, expr->left) && rn_const_check(lower, expr->right);
    case RN_HIR_VEC:
    case RN_HIR_TUPLE:
    case RN_HIR_OBJECT:
        return check_all(lower, &expr->list.items);
    case RN_HIR_TEXT:
        return check_text(lower, expr);
    case RN_HIR_BLOCK:
        return check_block(lower, expr);
    case RN_HIR_LET:
        return check_let(lower, expr);
    case RN_HIR_IF:
        return check_if(lower, expr);
    case RN_HIR_LOOP:
        return check_loop(lower, expr);
    case RN_HIR_BREAK:
        return expr->jump.value == NULL || rn_const_check(lower, expr->jump.value);
    case RN_HIR_CALL_CONST_FN:
        return check_all(lower, &expr->call.args);
    case RN_HIR_CALL_ITEM:
        // A constant of the library that is made at run time, like time::Duration::SECOND.
        return expr->call.item->kind == RN_ITEM_CONSTANT
                   ? refuse_item(lower, expr)
                   : refuse(lower, RN_DIAGNOSTIC_CONST_CALL, expr->span);
    case RN_HIR_CALL_DECL:
    case RN_HIR_CALL_METHOD:
    case RN_HIR_CALL_VALUE:
    case RN_HIR_CALL_INTRINSIC:
    case RN_HIR_CONSTRUCT:
        return refuse(lower, RN_DIAGNOSTIC_CONST_CALL, expr->span);
    case RN_HIR_FUNCTION:
    case RN_HIR_IMPORT:
    case RN_HIR_TYPE:
    case RN_HIR_CONSTRUCTOR:
        return refuse_item(lower, expr);
    case RN_HIR_STATIC:
        rn_diagnose(lower->diagnostics, CONST_STATIC, expr->span, expr->decl->path);
        return false;
    default:
        return refuse(lower, RN_DIAGNOSTIC_CONST_EXPR, expr->span);
    }
}
