/* parser_control.c: conditions, loops, match, select, closures, jumps. */
#include "compiler/parser_internal.h"

/* `let` pattern `=` value; statements have their own with a full initialiser. */
struct rn_ast_expr *rn_p_let(struct rn_parser *p)
{
    uint32_t first = p->at++;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_LET);
    if (expr == NULL) {
        return NULL;
    }
    if (rn_p_is(p, RN_TOKEN_MUT)) {
        rn_diagnose(p->diagnostics, UNSUPPORTED_MUT, rn_p_span(p));
        p->at++;
    }
    expr->let.pat = rn_p_pat_untyped(p, "variables");
    uint32_t height = p->height;
    if (expr->let.pat == NULL || !rn_p_expect(p, RN_TOKEN_EQ)) {
        return NULL;
    }
    expr->let.value = rn_p_expr_mode(p, RN_BRACE_PLAIN);
    return expr->let.value == NULL ? NULL
                                   : rn_p_finish(p, expr, first, rn_p_max(height, p->height));
}

static struct rn_ast_expr *parse_condition(struct rn_parser *p)
{
    return rn_p_is(p, RN_TOKEN_LET) ? rn_p_let(p) : rn_p_expr_mode(p, RN_BRACE_PLAIN);
}

/* ---- if ---- */

static bool parse_branch(struct rn_parser *p, bool with_condition, uint32_t *height)
{
    struct rn_ast_branch branch = {0};
    if (with_condition) {
        branch.condition = parse_condition(p);
        if (branch.condition == NULL) {
            return false;
        }
        *height = rn_p_max(*height, p->height);
    }
    branch.block = rn_p_block(p);
    *height = rn_p_max(*height, p->height);
    return branch.block != NULL && rn_p_push(p, &branch, sizeof branch);
}

static bool parse_branches(struct rn_parser *p, uint32_t *height)
{
    if (!parse_branch(p, true, height)) {
        return false;
    }
    while (rn_p_eat(p, RN_TOKEN_ELSE)) {
        bool with_condition = rn_p_eat(p, RN_TOKEN_IF);
        if (!parse_branch(p, with_condition, height)) {
            return false;
        }
        if (!with_condition) {
            break;
        }
    }
    return true;
}

struct rn_ast_expr *rn_p_if(struct rn_parser *p)
{
    uint32_t first = p->at++;
    uint32_t height = 0;
    size_t mark = rn_p_mark(p);
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_IF);
    if (expr == NULL || !parse_branches(p, &height)) {
        rn_p_drop(p, mark);
        return NULL;
    }
    expr->if_.branches = rn_p_take(p, mark, sizeof(struct rn_ast_branch), &expr->if_.count);
    return rn_p_finish(p, expr, first, height);
}

/* ---- Loops ---- */

static bool parse_loop_head(struct rn_parser *p, struct rn_ast_expr *expr, uint32_t *height)
{
    if (expr->kind == RN_EXPR_WHILE) {
        expr->loop.condition = parse_condition(p);
        *height = p->height;
        return expr->loop.condition != NULL;
    }
    if (expr->kind == RN_EXPR_FOR) {
        expr->loop.pat = rn_p_pat_untyped(p, "variables");
        *height = p->height;
        if (expr->loop.pat == NULL || !rn_p_expect(p, RN_TOKEN_IN)) {
            return false;
        }
        expr->loop.iter = rn_p_expr_mode(p, RN_BRACE_PLAIN);
        *height = rn_p_max(*height, p->height);
        return expr->loop.iter != NULL;
    }
    return true;
}

struct rn_ast_expr *rn_p_loop(struct rn_parser *p, struct rn_ast_name label)
{
    uint32_t first = p->at;
    enum rn_expr_kind kind = rn_p_is(p, RN_TOKEN_WHILE) ? RN_EXPR_WHILE
                             : rn_p_is(p, RN_TOKEN_FOR) ? RN_EXPR_FOR
                                                        : RN_EXPR_LOOP;
    struct rn_ast_expr *expr = rn_p_new_expr(p, kind);
    uint32_t height = 0;
    p->at++;
    if (expr == NULL || !parse_loop_head(p, expr, &height)) {
        return NULL;
    }
    expr->loop.label = label;
    expr->loop.body = rn_p_block(p);
    return expr->loop.body == NULL ? NULL
                                   : rn_p_finish(p, expr, first, rn_p_max(height, p->height));
}

/* ---- match and select ---- */

/* After such a body the comma may be left out. */
static bool ends_like_block(const struct rn_ast_expr *body)
{
    return body->kind == RN_EXPR_BLOCK || body->kind == RN_EXPR_FOR ||
           body->kind == RN_EXPR_WHILE || body->kind == RN_EXPR_IF || body->kind == RN_EXPR_MATCH;
}

static bool parse_match_head(struct rn_parser *p, struct rn_ast_arm *arm, uint32_t *height)
{
    arm->pat = rn_p_pat(p);
    *height = rn_p_max(*height, p->height);
    if (arm->pat == NULL) {
        return false;
    }
    if (rn_p_eat(p, RN_TOKEN_IF)) {
        arm->guard = rn_p_expr(p);
        *height = rn_p_max(*height, p->height);
        return arm->guard != NULL;
    }
    return true;
}

static bool parse_select_head(struct rn_parser *p, struct rn_ast_arm *arm, uint32_t *height)
{
    if (rn_p_eat(p, RN_TOKEN_DEFAULT)) {
        return true;
    }
    arm->pat = rn_p_pat(p);
    *height = rn_p_max(*height, p->height);
    if (arm->pat == NULL || !rn_p_expect(p, RN_TOKEN_EQ)) {
        return false;
    }
    arm->guard = rn_p_expr(p);
    *height = rn_p_max(*height, p->height);
    return arm->guard != NULL;
}

/* `=>` behind a pattern; says what patterns of other languages may have there. */
static bool expect_rocket(struct rn_parser *p)
{
    const char *help = NULL;
    if (rn_p_is(p, RN_TOKEN_PIPE)) {
        help = "patterns have no alternatives, write a branch for each";
    } else if (rn_p_is(p, RN_TOKEN_DOT_DOT) || rn_p_is(p, RN_TOKEN_DOT_DOT_EQ)) {
        help = "ranges are no patterns, write a condition as in `n if n < 10`";
    } else if (rn_p_is(p, RN_TOKEN_AT)) {
        help = "there is no `@`, bind the value and write a condition as in `n if n < 10`";
    }
    return rn_p_expect_helped(p, RN_TOKEN_ROCKET, help);
}

/* One arm; *out_more says whether another one may follow. */
static bool parse_arm(struct rn_parser *p, bool select, uint32_t *height, bool *out_more)
{
    uint32_t first = p->at;
    struct rn_ast_arm arm = {0};
    bool head = select ? parse_select_head(p, &arm, height) : parse_match_head(p, &arm, height);
    if (!head || !expect_rocket(p)) {
        return false;
    }
    arm.body = rn_p_expr(p);
    if (arm.body == NULL) {
        return false;
    }
    *height = rn_p_max(*height, p->height);
    arm.span = rn_p_span_from(p, first);
    *out_more = rn_p_eat(p, RN_TOKEN_COMMA) || ends_like_block(arm.body);
    return rn_p_push(p, &arm, sizeof arm);
}

/* Behind an arm that could not be read: the next one on the same level, or the end. */
static void skip_arm(struct rn_parser *p, uint32_t close)
{
    while (p->at < close) {
        enum rn_token_kind kind = rn_p_kind(p);
        uint32_t partner = p->items[p->at].value;
        bool opens = kind >= RN_TOKEN_PAREN_OPEN && kind <= RN_TOKEN_BRACE_CLOSE &&
                     partner > p->at && partner < close;
        if (kind == RN_TOKEN_COMMA) {
            p->at++;
            return;
        }
        rn_p_skip_to(p, opens ? partner + 1 : p->at + 1);
    }
}

/* The brace behind the arms, or the comma that is missing behind the last one read. */
static bool expect_arms_end(struct rn_parser *p)
{
    if (rn_p_is(p, RN_TOKEN_BRACE_CLOSE) || p->at >= p->end) {
        return rn_p_expect(p, RN_TOKEN_BRACE_CLOSE);
    }
    uint32_t end = p->items[p->at - 1].end;
    p->complaint = NULL;
    rn_p_fail_expected(p, "`,` or `}`");
    rn_diagnostic_label(p->diagnostics, p->complaint, (struct rn_span){p->tokens->source, end, end},
                        "add `,` here");
    return false;
}

/*
 * `{` arms `}`. An arm that could not be read is left out so that the others are looked at, too;
 * the construct fails all the same, behind its end.
 */
static bool parse_arms(struct rn_parser *p, struct rn_ast_expr *expr, uint32_t *height)
{
    uint32_t open = p->at;
    size_t mark = rn_p_mark(p);
    if (!rn_p_expect(p, RN_TOKEN_BRACE_OPEN)) {
        return false;
    }
    uint32_t close = rn_p_partner(p, open);
    bool good = true;
    bool more = true;
    while (more && !rn_p_is(p, RN_TOKEN_BRACE_CLOSE) && !p->no_memory) {
        if (parse_arm(p, expr->kind == RN_EXPR_SELECT, height, &more)) {
            continue;
        }
        good = false;
        if (close == 0 || p->at >= close) {
            break;
        }
        skip_arm(p, close);
    }
    if (good && expect_arms_end(p)) {
        expr->match.arms = rn_p_take(p, mark, sizeof(struct rn_ast_arm), &expr->match.count);
        return true;
    }
    rn_p_drop(p, mark);
    rn_p_abandon(p, open);
    return false;
}

struct rn_ast_expr *rn_p_match(struct rn_parser *p)
{
    uint32_t first = p->at++;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_MATCH);
    if (expr == NULL) {
        return NULL;
    }
    expr->match.subject = rn_p_expr_mode(p, RN_BRACE_PLAIN);
    uint32_t height = p->height;
    if (expr->match.subject == NULL || !parse_arms(p, expr, &height)) {
        return NULL;
    }
    return rn_p_finish(p, expr, first, height);
}

struct rn_ast_expr *rn_p_select(struct rn_parser *p)
{
    uint32_t first = p->at++;
    uint32_t height = 0;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_SELECT);
    if (expr == NULL || !parse_arms(p, expr, &height)) {
        return NULL;
    }
    return rn_p_finish(p, expr, first, height);
}

/* ---- Closures ---- */

static bool parse_closure_params(struct rn_parser *p, uint32_t *height)
{
    if (rn_p_eat(p, RN_TOKEN_PIPE_PIPE)) {
        return true;
    }
    p->at++;
    while (!rn_p_is(p, RN_TOKEN_PIPE)) {
        if (!rn_p_param(p, NULL)) {
            return false;
        }
        *height = rn_p_max(*height, p->height);
        if (!rn_p_eat(p, RN_TOKEN_COMMA)) {
            break;
        }
    }
    return rn_p_expect(p, RN_TOKEN_PIPE);
}

/* `-> type` behind the parameters; false: there is no type. */
static bool refuse_return_type(struct rn_parser *p)
{
    uint32_t first = p->at;
    if (!rn_p_eat(p, RN_TOKEN_ARROW)) {
        return true;
    }
    if (!rn_p_type(p)) {
        return false;
    }
    rn_diagnose(p->diagnostics, RETURN_TYPE, rn_p_span_from(p, first));
    return true;
}

struct rn_ast_expr *rn_p_closure(struct rn_parser *p, uint32_t first, bool is_async, bool is_move)
{
    struct rn_ast_closure *closure = rn_p_alloc(p, sizeof *closure);
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_CLOSURE);
    size_t mark = rn_p_mark(p);
    uint32_t height = 0;
    if (closure == NULL || expr == NULL || !parse_closure_params(p, &height)) {
        rn_p_drop(p, mark);
        return NULL;
    }
    closure->params = rn_p_take(p, mark, sizeof(struct rn_ast_param), &closure->param_count);
    closure->head_span = rn_p_span_from(p, first);
    closure->is_async = is_async;
    closure->is_move = is_move;
    if (!refuse_return_type(p)) {
        return NULL;
    }
    closure->body = rn_p_expr(p);
    expr->closure = closure;
    return closure->body == NULL ? NULL : rn_p_finish(p, expr, first, rn_p_max(height, p->height));
}

/* ---- Jumps ---- */

static enum rn_expr_kind jump_kind(enum rn_token_kind kind)
{
    switch ((int)kind) {
    case RN_TOKEN_BREAK:
        return RN_EXPR_BREAK;
    case RN_TOKEN_CONTINUE:
        return RN_EXPR_CONTINUE;
    case RN_TOKEN_YIELD:
        return RN_EXPR_YIELD;
    default:
        return RN_EXPR_RETURN;
    }
}

struct rn_ast_expr *rn_p_jump(struct rn_parser *p)
{
    uint32_t first = p->at;
    enum rn_expr_kind kind = jump_kind(rn_p_kind(p));
    struct rn_ast_expr *expr = rn_p_new_expr(p, kind);
    if (expr == NULL) {
        return NULL;
    }
    p->at++;
    p->height = 0;
    bool labelled = kind == RN_EXPR_BREAK || kind == RN_EXPR_CONTINUE;
    if (labelled && rn_p_is(p, RN_TOKEN_LABEL) &&
        !(kind == RN_EXPR_BREAK && rn_p_kind_at(p, 1) == RN_TOKEN_COLON)) {
        rn_p_label(p, &expr->jump.label);
    }
    if (kind != RN_EXPR_CONTINUE && rn_p_starts_operand(p, RN_BRACE_EAGER)) {
        struct rn_ast_expr *value = rn_p_expr(p);
        if (value == NULL) {
            return NULL;
        }
        if (kind == RN_EXPR_BREAK) {
            expr->jump.value = value;
        } else {
            expr->inner = value;
        }
    }
    return rn_p_finish(p, expr, first, p->height);
}
