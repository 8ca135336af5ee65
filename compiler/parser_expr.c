/*
 * parser_expr.c: operators, calls, literals.
 *
 * Assignment is a suffix and not an operator: `1 + a = 2` assigns inside. Operators that do not
 * chain ask for parentheses. The range operators take everything to their right.
 */
#include "compiler/parser_internal.h"

struct rn_ast_expr *rn_p_new_expr(struct rn_parser *p, enum rn_expr_kind kind)
{
    struct rn_ast_expr *expr = rn_p_alloc(p, sizeof *expr);
    if (expr != NULL) {
        expr->kind = (uint8_t)kind;
    }
    return expr;
}

struct rn_ast_expr *rn_p_finish(struct rn_parser *p, struct rn_ast_expr *expr, uint32_t first,
                                uint32_t height)
{
    if (expr == NULL) {
        return NULL;
    }
    expr->span = rn_p_span_from(p, first);
    return rn_p_grow(p, height, expr->span) ? expr : NULL;
}

/* Like rn_p_finish for a node that begins where `left` does. */
static struct rn_ast_expr *finish_from(struct rn_parser *p, struct rn_ast_expr *expr,
                                       const struct rn_ast_expr *left, uint32_t height)
{
    expr->span = left->span;
    expr->span.end = p->items[p->at - 1].end;
    return rn_p_grow(p, height, expr->span) ? expr : NULL;
}

bool rn_ast_needs_semi(const struct rn_ast_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_EXPR_WHILE:
    case RN_EXPR_LOOP:
    case RN_EXPR_FOR:
    case RN_EXPR_IF:
    case RN_EXPR_MATCH:
    case RN_EXPR_BLOCK:
    case RN_EXPR_SELECT:
    case RN_EXPR_ERROR:
        return false;
    case RN_EXPR_MACRO:
        return !expr->macro->braces;
    default:
        return true;
    }
}

static bool is_callable(const struct rn_ast_expr *expr, bool callable)
{
    switch ((int)expr->kind) {
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
        return false;
    case RN_EXPR_LOOP:
    case RN_EXPR_IF:
    case RN_EXPR_MATCH:
    case RN_EXPR_SELECT:
    case RN_EXPR_BLOCK:
        return callable;
    default:
        return true;
    }
}

/* ---- Lists ---- */

static bool expr_element(struct rn_parser *p, void *context)
{
    (void)context;
    struct rn_ast_expr *expr = rn_p_expr(p);
    return expr != NULL && rn_p_push(p, &expr, sizeof expr);
}

static bool field_element(struct rn_parser *p, void *context)
{
    (void)context;
    struct rn_ast_field_init field = {0};
    if (rn_p_is(p, RN_TOKEN_STRING)) {
        field.quoted = true;
        field.key.span = rn_p_span(p);
        rn_literal_read_text(&p->literals, rn_p_peek(p, 0), &field.text);
        field.key.symbol = rn_symbols_intern(p->symbols, field.text.data, field.text.size);
        p->at++;
    } else if (rn_p_is(p, RN_TOKEN_IDENT)) {
        rn_p_name(p, &field.key);
        field.text = rn_symbol_text(p->symbols, field.key.symbol);
    } else {
        return rn_p_fail_expected(p, "an object key");
    }
    if (rn_p_eat(p, RN_TOKEN_COLON)) {
        field.value = rn_p_expr(p);
        if (field.value == NULL) {
            return false;
        }
    }
    return rn_p_push(p, &field, sizeof field);
}

static struct rn_ast_expr *parse_object(struct rn_parser *p, struct rn_ast_path *path,
                                        uint32_t first)
{
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_OBJECT);
    size_t mark = rn_p_mark(p);
    if (expr == NULL || !rn_p_list(p, RN_TOKEN_BRACE_OPEN, field_element, NULL)) {
        return NULL;
    }
    expr->object.path = path;
    expr->object.fields = rn_p_take(p, mark, sizeof(struct rn_ast_field_init), &expr->object.count);
    return rn_p_finish(p, expr, first, p->height);
}

static struct rn_ast_expr *parse_vec(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_VEC);
    size_t mark = rn_p_mark(p);
    if (expr == NULL || !rn_p_list(p, RN_TOKEN_BRACKET_OPEN, expr_element, NULL)) {
        return NULL;
    }
    expr->list.items = rn_p_take(p, mark, sizeof(struct rn_ast_expr *), &expr->list.count);
    return rn_p_finish(p, expr, first, p->height);
}

/* `(a, b)`, `(a,)`, `()`; `(a)` is a group: told apart by the token before the end. */
static struct rn_ast_expr *parse_paren(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_TUPLE);
    size_t mark = rn_p_mark(p);
    if (expr == NULL || !rn_p_list(p, RN_TOKEN_PAREN_OPEN, expr_element, NULL)) {
        return NULL;
    }
    bool comma = p->items[p->at - 2].kind == RN_TOKEN_COMMA;
    expr->list.items = rn_p_take(p, mark, sizeof(struct rn_ast_expr *), &expr->list.count);
    if (expr->list.count == 1 && !comma) {
        struct rn_ast_expr *inner = expr->list.items[0];
        expr->kind = RN_EXPR_GROUP;
        expr->inner = inner;
    }
    return rn_p_finish(p, expr, first, p->height);
}

/* ---- Literals and templates ---- */

static struct rn_ast_expr *parse_literal(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_LITERAL);
    if (expr == NULL) {
        return NULL;
    }
    rn_literal_read(&p->literals, rn_p_peek(p, 0), &expr->literal);
    p->at++;
    return rn_p_finish(p, expr, first, 0);
}

static bool parse_hole(struct rn_parser *p, struct rn_ast_part *part)
{
    uint32_t open = p->at++;
    part->expr = rn_p_expr(p);
    if (part->expr == NULL || !rn_p_expect(p, RN_TOKEN_HOLE_CLOSE)) {
        rn_p_abandon(p, open);
        return false;
    }
    return true;
}

static bool parse_part(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_part part = {0};
    p->height = 0;
    if (rn_p_is(p, RN_TOKEN_TEMPLATE_TEXT)) {
        rn_literal_read_text(&p->literals, rn_p_peek(p, 0), &part.text);
        p->at++;
    } else if (rn_p_is(p, RN_TOKEN_HOLE_OPEN)) {
        if (!parse_hole(p, &part)) {
            return false;
        }
    } else if (rn_p_is(p, RN_TOKEN_ERROR)) {
        rn_p_report_lexical(p, p->at++);
        return true;
    } else {
        return rn_p_fail_expected(p, "template text");
    }
    part.span = rn_p_span_from(p, first);
    return rn_p_push(p, &part, sizeof part);
}

struct rn_ast_expr *rn_p_template(struct rn_parser *p)
{
    uint32_t first = p->at++;
    size_t mark = rn_p_mark(p);
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_TEMPLATE);
    uint32_t height = 0;
    while (!rn_p_is(p, RN_TOKEN_TEMPLATE_CLOSE)) {
        if (expr == NULL || !parse_part(p)) {
            rn_p_drop(p, mark);
            rn_p_abandon(p, first);
            return NULL;
        }
        height = rn_p_max(height, p->height);
    }
    p->at++;
    if (expr == NULL) {
        return NULL;
    }
    expr->template_.parts = rn_p_take(p, mark, sizeof(struct rn_ast_part), &expr->template_.count);
    return rn_p_finish(p, expr, first, height);
}

/* ---- Prefix operators and ranges ---- */

static bool is_suffix(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_BRACKET_OPEN || kind == RN_TOKEN_PAREN_OPEN ||
           kind == RN_TOKEN_QUESTION || kind == RN_TOKEN_DOT || kind == RN_TOKEN_EQ;
}

static struct rn_ast_expr *parse_primary(struct rn_parser *p, enum rn_brace_mode mode,
                                         bool callable);

/* A minus sign directly before a number belongs to the number. */
static struct rn_ast_expr *parse_negative(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_LITERAL);
    if (expr == NULL) {
        return NULL;
    }
    rn_literal_read_negative(&p->literals, rn_p_peek(p, 0), rn_p_peek(p, 1), &expr->literal);
    p->at += 2;
    return rn_p_finish(p, expr, first, 0);
}

static enum rn_unary_op unary_op(enum rn_token_kind kind)
{
    switch ((int)kind) {
    case RN_TOKEN_BANG:
        return RN_UNARY_NOT;
    case RN_TOKEN_MINUS:
        return RN_UNARY_NEG;
    case RN_TOKEN_AMP:
        return RN_UNARY_REF;
    default:
        return RN_UNARY_DEREF;
    }
}

static bool is_second_star(const struct rn_parser *p)
{
    return rn_p_is(p, RN_TOKEN_STAR) && p->at > 0 && p->items[p->at - 1].kind == RN_TOKEN_STAR &&
           p->items[p->at - 1].end == p->items[p->at].start;
}

static struct rn_ast_expr *parse_unary(struct rn_parser *p, enum rn_brace_mode mode)
{
    if (rn_p_is(p, RN_TOKEN_MINUS) && rn_p_kind_at(p, 1) == RN_TOKEN_NUMBER &&
        !is_suffix(rn_p_kind_at(p, 2))) {
        return parse_negative(p);
    }
    uint32_t first = p->at;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_UNARY);
    if (expr == NULL || !rn_p_enter(p)) {
        return NULL;
    }
    expr->unary.op = (uint8_t)unary_op(rn_p_kind(p));
    expr->unary.op_span = rn_p_span(p);
    expr->unary.is_power = is_second_star(p);
    p->at++;
    expr->unary.operand = parse_primary(p, mode, true);
    rn_p_leave(p);
    return expr->unary.operand == NULL ? NULL : rn_p_finish(p, expr, first, p->height);
}

bool rn_p_starts_operand(const struct rn_parser *p, enum rn_brace_mode mode)
{
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_ASYNC:
    case RN_TOKEN_SELF:
    case RN_TOKEN_SELECT:
    case RN_TOKEN_POUND:
    case RN_TOKEN_MINUS:
    case RN_TOKEN_BANG:
    case RN_TOKEN_AMP:
    case RN_TOKEN_STAR:
    case RN_TOKEN_WHILE:
    case RN_TOKEN_LOOP:
    case RN_TOKEN_FOR:
    case RN_TOKEN_LET:
    case RN_TOKEN_IF:
    case RN_TOKEN_BREAK:
    case RN_TOKEN_CONTINUE:
    case RN_TOKEN_RETURN:
    case RN_TOKEN_TRUE:
    case RN_TOKEN_FALSE:
    case RN_TOKEN_IDENT:
    case RN_TOKEN_COLON_COLON:
    case RN_TOKEN_NUMBER:
    case RN_TOKEN_CHAR:
    case RN_TOKEN_BYTE:
    case RN_TOKEN_STRING:
    case RN_TOKEN_BYTE_STRING:
    case RN_TOKEN_DOT_DOT:
    case RN_TOKEN_PAREN_OPEN:
    case RN_TOKEN_BRACKET_OPEN:
        return true;
    case RN_TOKEN_LABEL:
        return rn_p_kind_at(p, 1) == RN_TOKEN_COLON;
    case RN_TOKEN_BRACE_OPEN:
        return mode == RN_BRACE_EAGER;
    default:
        return false;
    }
}

/* At `..` or `..=`; `start` may be NULL. */
static struct rn_ast_expr *parse_range(struct rn_parser *p, struct rn_ast_expr *start,
                                       enum rn_brace_mode mode)
{
    uint32_t first = p->at;
    uint32_t height = start == NULL ? 0 : p->height;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_RANGE);
    if (expr == NULL) {
        return NULL;
    }
    expr->range.start = start;
    expr->range.op_span = rn_p_span(p);
    expr->range.limits = rn_p_is(p, RN_TOKEN_DOT_DOT_EQ) ? RN_LIMITS_CLOSED : RN_LIMITS_HALF_OPEN;
    p->at++;
    if (rn_p_starts_operand(p, mode)) {
        expr->range.end = rn_p_expr_mode(p, mode);
        if (expr->range.end == NULL) {
            return NULL;
        }
        height = rn_p_max(height, p->height);
    }
    return start == NULL ? rn_p_finish(p, expr, first, height)
                         : finish_from(p, expr, start, height);
}

/* ---- Primary expressions ---- */

static struct rn_ast_expr *parse_path_expr(struct rn_parser *p, enum rn_brace_mode mode)
{
    uint32_t first = p->at;
    struct rn_ast_path *path = rn_p_path(p);
    if (path == NULL) {
        return NULL;
    }
    if (mode == RN_BRACE_EAGER && rn_p_is(p, RN_TOKEN_BRACE_OPEN)) {
        return parse_object(p, path, first);
    }
    bool macro = rn_p_is(p, RN_TOKEN_BANG);
    struct rn_ast_expr *expr = rn_p_new_expr(p, macro ? RN_EXPR_MACRO : RN_EXPR_PATH);
    if (expr == NULL) {
        return NULL;
    }
    if (macro) {
        expr->macro = rn_p_macro(p, path);
        return expr->macro == NULL ? NULL : rn_p_finish(p, expr, first, p->height);
    }
    expr->path = path;
    expr->span = path->span;
    return expr;
}

/* What may stand before a block, loop or closure. */
struct modifiers {
    struct rn_ast_name label;
    struct rn_span async_span;
    struct rn_span const_span;
    struct rn_span move_span;
    bool has_label;
    bool is_async;
    bool is_const;
    bool is_move;
};

static bool eat_modifier(struct rn_parser *p, enum rn_token_kind kind, struct rn_span *out_span)
{
    *out_span = rn_p_span(p);
    return rn_p_eat(p, kind);
}

static bool parse_modifiers(struct rn_parser *p, struct modifiers *m)
{
    if (rn_p_is(p, RN_TOKEN_LABEL)) {
        m->has_label = rn_p_label(p, &m->label);
        if (!rn_p_expect_helped(p, RN_TOKEN_COLON, "a label stands before a loop or a block")) {
            return false;
        }
    }
    m->is_async = eat_modifier(p, RN_TOKEN_ASYNC, &m->async_span);
    m->is_const = eat_modifier(p, RN_TOKEN_CONST, &m->const_span);
    m->is_move = eat_modifier(p, RN_TOKEN_MOVE, &m->move_span);
    return true;
}

/* Reports modifiers that the construct did not take. */
static void refuse_modifiers(struct rn_parser *p, const struct modifiers *m)
{
    if (m->has_label) {
        rn_p_unsupported(p, m->label.span, "a label");
    } else if (m->is_async) {
        rn_p_unsupported(p, m->async_span, "the `async` modifier");
    } else if (m->is_const) {
        rn_p_unsupported(p, m->const_span, "the `const` modifier");
    } else if (m->is_move) {
        rn_p_unsupported(p, m->move_span, "the `move` modifier");
    }
}

static void check_block_modifiers(struct rn_parser *p, const struct modifiers *m)
{
    if (m->is_const && m->is_async) {
        rn_diagnose(p->diagnostics, BLOCK_CONST_ASYNC, m->async_span);
    } else if (m->is_move && !m->is_async && !m->is_const) {
        rn_diagnose(p->diagnostics, MOVE_BLOCK, m->move_span);
    } else if (m->has_label && (m->is_async || m->is_const)) {
        rn_diagnose(p->diagnostics, LABELLED_BLOCK, m->label.span,
                    rn_text(m->is_async ? "async" : "const"));
    }
}

static struct rn_ast_expr *parse_block_expr(struct rn_parser *p, uint32_t first,
                                            struct modifiers *m)
{
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_BLOCK);
    if (expr == NULL) {
        return NULL;
    }
    check_block_modifiers(p, m);
    expr->block.label = m->label;
    expr->block.is_async = m->is_async;
    expr->block.is_const = m->is_const;
    expr->block.is_move = m->is_move;
    *m = (struct modifiers){0};
    expr->block.block = rn_p_block(p);
    return expr->block.block == NULL ? NULL : rn_p_finish(p, expr, first, p->height);
}

/* Everything that modifiers may precede. */
static struct rn_ast_expr *parse_construct(struct rn_parser *p, enum rn_brace_mode mode,
                                           uint32_t first, struct modifiers *m)
{
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_DOT_DOT:
    case RN_TOKEN_DOT_DOT_EQ:
        return parse_range(p, NULL, mode);
    case RN_TOKEN_POUND:
        first = p->at++;
        return parse_object(p, NULL, first);
    case RN_TOKEN_PIPE_PIPE:
    case RN_TOKEN_PIPE: {
        bool is_async = m->is_async;
        bool is_move = m->is_move;
        if (m->is_const) {
            rn_diagnose(p->diagnostics, CLOSURE_KIND, m->const_span);
        }
        m->is_async = m->is_const = m->is_move = false;
        return rn_p_closure(p, first, is_async, is_move);
    }
    case RN_TOKEN_SELECT:
        return rn_p_select(p);
    case RN_TOKEN_BANG:
    case RN_TOKEN_MINUS:
    case RN_TOKEN_AMP:
    case RN_TOKEN_STAR:
        return parse_unary(p, mode);
    case RN_TOKEN_WHILE:
    case RN_TOKEN_LOOP:
    case RN_TOKEN_FOR: {
        struct rn_ast_name label = m->label;
        m->has_label = false;
        struct rn_ast_expr *expr = rn_p_loop(p, label);
        return expr == NULL ? NULL : rn_p_finish(p, expr, first, p->height - 1);
    }
    case RN_TOKEN_LET:
        return rn_p_let(p);
    case RN_TOKEN_IF:
        return rn_p_if(p);
    case RN_TOKEN_MATCH:
        return rn_p_match(p);
    case RN_TOKEN_BRACKET_OPEN:
        return parse_vec(p);
    case RN_TOKEN_PAREN_OPEN:
        return parse_paren(p);
    case RN_TOKEN_TEMPLATE_OPEN:
        return rn_p_template(p);
    case RN_TOKEN_BRACE_OPEN:
        return parse_block_expr(p, first, m);
    case RN_TOKEN_BREAK:
    case RN_TOKEN_CONTINUE:
    case RN_TOKEN_YIELD:
    case RN_TOKEN_RETURN:
        return rn_p_jump(p);
    default:
        rn_p_fail_expected(p, "expression");
        return NULL;
    }
}

/* A lexical error in place of a literal is reported and stands for one. */
static bool is_bad_literal(const struct rn_parser *p)
{
    if (!rn_p_is(p, RN_TOKEN_ERROR)) {
        return false;
    }
    switch ((int)rn_p_peek(p, 0)->value) {
    case RN_DIAGNOSTIC_UNTERMINATED_CHAR:
    case RN_DIAGNOSTIC_UNTERMINATED_BYTE:
    case RN_DIAGNOSTIC_EXPECTED_CHAR_CLOSE:
        return true;
    default:
        return false;
    }
}

static struct rn_ast_expr *parse_base(struct rn_parser *p, enum rn_brace_mode mode)
{
    uint32_t first = p->at;
    enum rn_token_kind kind = rn_p_kind(p);
    if (kind >= RN_TOKEN_NUMBER && kind <= RN_TOKEN_BYTE_STRING) {
        return parse_literal(p);
    }
    if (kind == RN_TOKEN_TRUE || kind == RN_TOKEN_FALSE) {
        return parse_literal(p);
    }
    if (rn_p_is_path(p)) {
        return parse_path_expr(p, mode);
    }
    if (is_bad_literal(p)) {
        rn_p_report_lexical(p, p->at++);
        return rn_p_finish(p, rn_p_new_expr(p, RN_EXPR_ERROR), first, 0);
    }
    struct modifiers modifiers = {0};
    if (!parse_modifiers(p, &modifiers)) {
        return NULL;
    }
    struct rn_ast_expr *expr = parse_construct(p, mode, first, &modifiers);
    if (expr != NULL) {
        refuse_modifiers(p, &modifiers);
    }
    return expr;
}

/* ---- Suffixes ---- */

static struct rn_ast_expr *parse_index(struct rn_parser *p, struct rn_ast_expr *target)
{
    uint32_t height = p->height;
    uint32_t open = p->at++;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_INDEX);
    if (expr == NULL) {
        return NULL;
    }
    expr->index.target = target;
    expr->index.index = rn_p_expr(p);
    if (expr->index.index == NULL || !rn_p_expect(p, RN_TOKEN_BRACKET_CLOSE)) {
        rn_p_abandon(p, open);
        return NULL;
    }
    return finish_from(p, expr, target, rn_p_max(height, p->height));
}

static struct rn_ast_expr *parse_call(struct rn_parser *p, struct rn_ast_expr *callee)
{
    uint32_t height = p->height;
    uint32_t open = p->at;
    size_t mark = rn_p_mark(p);
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_CALL);
    if (expr == NULL || !rn_p_list(p, RN_TOKEN_PAREN_OPEN, expr_element, NULL)) {
        return NULL;
    }
    expr->call.callee = callee;
    expr->call.args = rn_p_take(p, mark, sizeof(struct rn_ast_expr *), &expr->call.count);
    expr->call.args_span = rn_p_span_from(p, open);
    return finish_from(p, expr, callee, rn_p_max(height, p->height));
}

static struct rn_ast_expr *parse_assign(struct rn_parser *p, struct rn_ast_expr *target)
{
    uint32_t height = p->height;
    p->at++;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_ASSIGN);
    if (expr == NULL) {
        return NULL;
    }
    expr->assign.target = target;
    expr->assign.value = rn_p_expr(p);
    return expr->assign.value == NULL ? NULL
                                      : finish_from(p, expr, target, rn_p_max(height, p->height));
}

static struct rn_ast_expr *parse_wrap(struct rn_parser *p, struct rn_ast_expr *inner,
                                      enum rn_expr_kind kind, uint32_t tokens)
{
    uint32_t height = p->height;
    struct rn_ast_expr *expr = rn_p_new_expr(p, kind);
    if (expr == NULL) {
        return NULL;
    }
    p->at += tokens;
    expr->inner = inner;
    return finish_from(p, expr, inner, height);
}

/* `.name` or `.name::<..>`. */
static struct rn_ast_expr *parse_field(struct rn_parser *p, struct rn_ast_expr *target)
{
    uint32_t height = p->height;
    p->at++;
    struct rn_ast_path *path = rn_p_path(p);
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_FIELD);
    if (path == NULL || expr == NULL) {
        return NULL;
    }
    const struct rn_ast_segment *last = &path->segments[path->count - 1];
    bool generics = path->count == 2 && last->kind == RN_SEGMENT_GENERICS;
    if (path->count != 1 && !generics) {
        rn_diagnose(p->diagnostics, BAD_FIELD_ACCESS, path->span);
        return NULL;
    }
    expr->field.target = target;
    expr->field.name = path->segments[0].name;
    if (generics) {
        expr->field.has_generics = true;
        expr->field.generics = last->generics;
        expr->field.generic_count = last->generic_count;
    }
    return finish_from(p, expr, target, rn_p_max(height, p->height));
}

static struct rn_ast_expr *parse_tuple_field(struct rn_parser *p, struct rn_ast_expr *target)
{
    uint32_t height = p->height;
    p->at++;
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_TUPLE_FIELD);
    if (expr == NULL) {
        return NULL;
    }
    expr->tuple_field.target = target;
    expr->tuple_field.number_span = rn_p_span(p);
    rn_literal_read(&p->literals, rn_p_peek(p, 0), &expr->tuple_field.number);
    p->at++;
    return finish_from(p, expr, target, height);
}

static struct rn_ast_expr *parse_access(struct rn_parser *p, struct rn_ast_expr *target)
{
    switch ((int)rn_p_kind_at(p, 1)) {
    case RN_TOKEN_AWAIT:
        return parse_wrap(p, target, RN_EXPR_AWAIT, 2);
    case RN_TOKEN_IDENT:
        return parse_field(p, target);
    case RN_TOKEN_NUMBER:
        return parse_tuple_field(p, target);
    default:
        rn_diagnose(p->diagnostics, BAD_FIELD_ACCESS, rn_p_span(p));
        p->at++;
        return NULL;
    }
}

static struct rn_ast_expr *parse_chain(struct rn_parser *p, struct rn_ast_expr *expr, bool callable)
{
    while (expr != NULL) {
        switch ((int)rn_p_kind(p)) {
        case RN_TOKEN_BRACKET_OPEN:
            if (!is_callable(expr, callable)) {
                return expr;
            }
            expr = parse_index(p, expr);
            break;
        case RN_TOKEN_PAREN_OPEN:
            if (!is_callable(expr, callable)) {
                return expr;
            }
            expr = parse_call(p, expr);
            break;
        case RN_TOKEN_QUESTION:
            expr = parse_wrap(p, expr, RN_EXPR_TRY, 1);
            break;
        case RN_TOKEN_EQ:
            expr = parse_assign(p, expr);
            break;
        case RN_TOKEN_DOT:
            expr = parse_access(p, expr);
            break;
        default:
            return expr;
        }
    }
    return NULL;
}

static struct rn_ast_expr *parse_primary(struct rn_parser *p, enum rn_brace_mode mode,
                                         bool callable)
{
    p->height = 0;
    struct rn_ast_expr *expr = parse_base(p, mode);
    return expr == NULL ? NULL : parse_chain(p, expr, callable);
}

/* ---- Binary operators ---- */

struct operator_info {
    uint8_t op;         /* enum rn_binary_op */
    uint8_t precedence; /* 0: not an operator */
    bool chains;
};

#define PRECEDENCE_RANGE 2

static struct operator_info operator_of(enum rn_token_kind kind)
{
    static const struct operator_info table[RN_TOKEN_COUNT] = {
        [RN_TOKEN_AS] = {RN_BINARY_AS, 13, false},
        [RN_TOKEN_IS] = {RN_BINARY_IS, 13, false},
        [RN_TOKEN_STAR] = {RN_BINARY_MUL, 11, true},
        [RN_TOKEN_SLASH] = {RN_BINARY_DIV, 11, true},
        [RN_TOKEN_PERCENT] = {RN_BINARY_REM, 11, true},
        [RN_TOKEN_PLUS] = {RN_BINARY_ADD, 10, true},
        [RN_TOKEN_MINUS] = {RN_BINARY_SUB, 10, true},
        [RN_TOKEN_LT_LT] = {RN_BINARY_SHL, 9, true},
        [RN_TOKEN_GT_GT] = {RN_BINARY_SHR, 9, true},
        [RN_TOKEN_AMP] = {RN_BINARY_BIT_AND, 8, true},
        [RN_TOKEN_CARET] = {RN_BINARY_BIT_XOR, 7, true},
        [RN_TOKEN_PIPE] = {RN_BINARY_BIT_OR, 6, true},
        [RN_TOKEN_EQ_EQ] = {RN_BINARY_EQ, 5, false},
        [RN_TOKEN_NOT_EQ] = {RN_BINARY_NOT_EQ, 5, false},
        [RN_TOKEN_LT] = {RN_BINARY_LT, 5, false},
        [RN_TOKEN_LT_EQ] = {RN_BINARY_LT_EQ, 5, false},
        [RN_TOKEN_GT] = {RN_BINARY_GT, 5, false},
        [RN_TOKEN_GT_EQ] = {RN_BINARY_GT_EQ, 5, false},
        [RN_TOKEN_AMP_AMP] = {RN_BINARY_AND, 4, true},
        [RN_TOKEN_PIPE_PIPE] = {RN_BINARY_OR, 3, true},
        [RN_TOKEN_DOT_DOT] = {0, PRECEDENCE_RANGE, true},
        [RN_TOKEN_DOT_DOT_EQ] = {0, PRECEDENCE_RANGE, true},
        [RN_TOKEN_PLUS_EQ] = {RN_BINARY_ADD_ASSIGN, 1, false},
        [RN_TOKEN_MINUS_EQ] = {RN_BINARY_SUB_ASSIGN, 1, false},
        [RN_TOKEN_STAR_EQ] = {RN_BINARY_MUL_ASSIGN, 1, false},
        [RN_TOKEN_SLASH_EQ] = {RN_BINARY_DIV_ASSIGN, 1, false},
        [RN_TOKEN_PERCENT_EQ] = {RN_BINARY_REM_ASSIGN, 1, false},
        [RN_TOKEN_AMP_EQ] = {RN_BINARY_BIT_AND_ASSIGN, 1, false},
        [RN_TOKEN_PIPE_EQ] = {RN_BINARY_BIT_OR_ASSIGN, 1, false},
        [RN_TOKEN_CARET_EQ] = {RN_BINARY_BIT_XOR_ASSIGN, 1, false},
        [RN_TOKEN_LT_LT_EQ] = {RN_BINARY_SHL_ASSIGN, 1, false},
        [RN_TOKEN_GT_GT_EQ] = {RN_BINARY_SHR_ASSIGN, 1, false},
    };
    return table[kind];
}

static struct rn_ast_expr *make_binary(struct rn_parser *p, struct rn_ast_expr *left,
                                       struct rn_ast_expr *right, enum rn_binary_op op,
                                       struct rn_span op_span)
{
    struct rn_ast_expr *expr = rn_p_new_expr(p, RN_EXPR_BINARY);
    if (expr == NULL) {
        return NULL;
    }
    expr->binary.left = left;
    expr->binary.right = right;
    expr->binary.op = (uint8_t)op;
    expr->binary.op_span = op_span;
    return expr;
}

/* `a.collect<Vec>()` is a comparison, and then another one. */
static void report_ungrouped(struct rn_parser *p, enum rn_binary_op op, struct rn_span span,
                             struct rn_span right)
{
    struct rn_diagnostic *d = rn_diagnose(p->diagnostics, PRECEDENCE_GROUP_REQUIRED, span);
    if (op == RN_BINARY_LT && rn_p_is(p, RN_TOKEN_GT) &&
        rn_p_kind_at(p, 1) == RN_TOKEN_PAREN_OPEN) {
        rn_diagnostic_help(p->diagnostics, d, "generic arguments are written `::<%.*s>`",
                           (int)(right.end - right.start), p->tokens->text.data + right.start);
    }
}

/* Precedence climbing from `left`, whose height is in p->height. */
static struct rn_ast_expr *parse_binary(struct rn_parser *p, struct rn_ast_expr *left,
                                        unsigned min_precedence, enum rn_brace_mode mode)
{
    for (;;) {
        struct operator_info info = operator_of(rn_p_kind(p));
        if (info.precedence == 0 || info.precedence < min_precedence) {
            return left;
        }
        if (info.precedence == PRECEDENCE_RANGE) {
            left = parse_range(p, left, mode);
            if (left == NULL) {
                return NULL;
            }
            continue;
        }
        uint32_t height = p->height;
        struct rn_span op_span = rn_p_span(p);
        enum rn_binary_op op = (enum rn_binary_op)info.op;
        p->at++;
        if (op == RN_BINARY_IS && rn_p_eat(p, RN_TOKEN_NOT)) {
            op = RN_BINARY_IS_NOT;
        }
        struct rn_ast_expr *right = parse_primary(p, mode, true);
        struct operator_info next = {0};
        while (right != NULL) {
            next = operator_of(rn_p_kind(p));
            if (next.precedence <= info.precedence) {
                break;
            }
            right = parse_binary(p, right, info.precedence + 1u, mode);
        }
        if (right == NULL) {
            return NULL;
        }
        if (next.precedence == info.precedence && !next.chains) {
            report_ungrouped(p, op, rn_span_join(left->span, right->span), right->span);
            return NULL;
        }
        struct rn_ast_expr *expr = make_binary(p, left, right, op, op_span);
        if (expr == NULL) {
            return NULL;
        }
        left = finish_from(p, expr, left, rn_p_max(height, p->height));
        if (left == NULL) {
            return NULL;
        }
    }
}

/* ---- Entries ---- */

static void refuse_attributes(struct rn_parser *p)
{
    struct rn_ast_attributes attributes;
    if (rn_p_attributes(p, false, &attributes) && attributes.count != 0) {
        rn_diagnose(p->diagnostics, ATTRIBUTES, attributes.items[0].span, rn_text("expressions"));
    }
}

static struct rn_ast_expr *parse_full(struct rn_parser *p, enum rn_brace_mode mode, bool callable)
{
    if (!rn_p_enter(p)) {
        return NULL;
    }
    refuse_attributes(p);
    struct rn_ast_expr *expr = parse_primary(p, mode, callable);
    if (expr != NULL) {
        expr = parse_binary(p, expr, 0, mode);
    }
    rn_p_leave(p);
    return expr;
}

struct rn_ast_expr *rn_p_expr(struct rn_parser *p)
{
    return parse_full(p, RN_BRACE_EAGER, true);
}

struct rn_ast_expr *rn_p_expr_mode(struct rn_parser *p, enum rn_brace_mode mode)
{
    return parse_full(p, mode, true);
}

struct rn_ast_expr *rn_p_expr_statement(struct rn_parser *p)
{
    return parse_full(p, RN_BRACE_EAGER, false);
}

struct rn_ast_expr *rn_p_type_argument(struct rn_parser *p)
{
    if (!rn_p_enter(p)) {
        return NULL;
    }
    struct rn_ast_expr *expr = parse_primary(p, RN_BRACE_PLAIN, false);
    rn_p_leave(p);
    return expr;
}
