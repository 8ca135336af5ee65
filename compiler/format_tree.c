/* format_tree.c: expressions, patterns and lists as groups. */
#include "compiler/format_internal.h"

#include <string.h>

#define COMMA RN_UTF8(",")

/* ---- Lists ---- */

static bool in_lines(const struct rn_list *list)
{
    return (list->style & RN_LIST_LINES) != 0;
}

static enum rn_doc_kind edge(const struct rn_list *list)
{
    return in_lines(list)                        ? RN_DOC_HARD
           : (list->style & RN_LIST_SPACED) != 0 ? RN_DOC_LINE
                                                 : RN_DOC_SOFT;
}

/* The comma behind the last element. */
static void last_comma(struct rn_formatter *f, const struct rn_list *list)
{
    bool is_there = rn_f_is(f, RN_TOKEN_COMMA);
    if ((list->style & RN_LIST_TUPLE) != 0 && list->count == 1) {
        if (is_there) {
            rn_f_take(f, RN_TOKEN_COMMA);
        }
        return;
    }
    if (is_there) {
        rn_f_drop(f, RN_TOKEN_COMMA);
    }
    if ((list->style & RN_LIST_BARE) == 0) {
        rn_doc_if_broken(&f->doc, COMMA);
    }
}

static void between(struct rn_formatter *f, const struct rn_list *list, uint32_t index)
{
    if (in_lines(list)) {
        rn_f_part(f, index == 0, false);
    } else if (index > 0) {
        rn_f_add(f, RN_DOC_LINE);
    }
}

/* *out_hug: the first break inside the last element, or 0. */
static void elements(struct rn_formatter *f, const struct rn_list *list, uint32_t *out_hug)
{
    bool fill = (list->style & RN_LIST_FILL) != 0;
    for (uint32_t i = 0; i < list->count && !f->lost; i++) {
        if (fill) {
            rn_doc_open(&f->doc);
        }
        between(f, list, i);
        uint32_t start = f->doc.count;
        list->element(f, list->context, i);
        *out_hug = rn_doc_first_break(&f->doc, start);
        if (i + 1 < list->count) {
            rn_f_take(f, RN_TOKEN_COMMA);
        }
        if (fill) {
            rn_doc_close(&f->doc);
        }
    }
    last_comma(f, list);
}

static enum rn_token_kind closing(enum rn_token_kind open)
{
    return open == RN_TOKEN_PIPE ? RN_TOKEN_PIPE : (enum rn_token_kind)((int)open + 1);
}

static void empty_list(struct rn_formatter *f, enum rn_token_kind open)
{
    rn_f_take(f, open);
    if (rn_f_has_comments(f)) {
        rn_f_add(f, RN_DOC_INDENT);
        rn_f_add(f, RN_DOC_SOFT);
        rn_f_comments(f);
        rn_f_add(f, RN_DOC_DEDENT);
        rn_f_add(f, RN_DOC_SOFT);
    }
    rn_f_take(f, closing(open));
}

void rn_f_list(struct rn_formatter *f, const struct rn_list *list)
{
    enum rn_token_kind open = rn_f_kind(f);
    uint32_t group = rn_doc_open(&f->doc);
    if (list->count == 0) {
        empty_list(f, open);
        rn_doc_close(&f->doc);
        return;
    }
    uint32_t hug = 0;
    rn_f_take(f, open);
    rn_f_add(f, RN_DOC_INDENT);
    rn_f_add(f, edge(list));
    elements(f, list, &hug);
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    rn_f_add(f, edge(list));
    rn_f_take(f, closing(open));
    rn_doc_close(&f->doc);
    if (list->hugs && f->doc.error == RN_OK) {
        f->doc.ops[group].hug = hug;
    }
}

/* ---- Paths and patterns ---- */

void rn_f_path(struct rn_formatter *f, const struct rn_ast_path *path)
{
    rn_f_until(f, path->span.end);
}

static void pat_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    rn_f_pat(f, ((struct rn_ast_pat *const *)context)[index]);
}

/* Nothing may stand behind `..`, not even a comma. */
static bool ends_in_rest(const struct rn_ast_pat *pat)
{
    return pat->list.count > 0 && pat->list.items[pat->list.count - 1]->kind == RN_PAT_REST;
}

static void pat_list(struct rn_formatter *f, const struct rn_ast_pat *pat, unsigned style)
{
    style |= ends_in_rest(pat) ? (unsigned)RN_LIST_BARE : 0;
    rn_f_list(f, &(struct rn_list){.style = style,
                                   .count = pat->list.count,
                                   .element = pat_element,
                                   .context = pat->list.items});
}

static void pat_object(struct rn_formatter *f, const struct rn_ast_pat *pat)
{
    if (pat->list.path != NULL) {
        rn_f_path(f, pat->list.path);
        rn_f_space(f);
    } else {
        rn_f_take(f, RN_TOKEN_POUND);
    }
    pat_list(f, pat, RN_LIST_SPACED);
}

void rn_f_pat(struct rn_formatter *f, const struct rn_ast_pat *pat)
{
    switch ((enum rn_pat_kind)pat->kind) {
    case RN_PAT_TUPLE:
        if (pat->list.path != NULL) {
            rn_f_path(f, pat->list.path);
        }
        pat_list(f, pat, RN_LIST_TIGHT | (pat->list.path == NULL ? RN_LIST_TUPLE : 0));
        break;
    case RN_PAT_VEC:
        pat_list(f, pat, RN_LIST_TIGHT);
        break;
    case RN_PAT_OBJECT:
        pat_object(f, pat);
        break;
    case RN_PAT_BINDING:
        rn_f_any(f);
        rn_f_take(f, RN_TOKEN_COLON);
        rn_f_space(f);
        rn_f_pat(f, pat->binding.pat);
        break;
    case RN_PAT_ERROR:
    case RN_PAT_IGNORE:
    case RN_PAT_REST:
    case RN_PAT_LITERAL:
    case RN_PAT_PATH:
        rn_f_until(f, pat->span.end);
        break;
    }
}

/* ---- Calls and chains ---- */

static void expr_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    rn_f_expr(f, ((struct rn_ast_expr *const *)context)[index]);
}

/* Does it begin on the line of what is around it and end in a delimiter of its own? */
static bool is_huggable(const struct rn_ast_expr *expr, bool alone)
{
    switch ((int)expr->kind) {
    case RN_EXPR_CLOSURE:
        return is_huggable(expr->closure->body, true);
    case RN_EXPR_BLOCK:
    case RN_EXPR_OBJECT:
        return true;
    case RN_EXPR_VEC:
    case RN_EXPR_TUPLE:
    case RN_EXPR_IF:
    case RN_EXPR_MATCH:
    case RN_EXPR_SELECT:
    case RN_EXPR_LOOP:
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
        return alone;
    case RN_EXPR_CALL:
        return alone && expr->call.count > 0;
    default:
        return false;
    }
}

static bool args_hug(struct rn_ast_expr *const *args, uint32_t count)
{
    return count > 0 && is_huggable(args[count - 1], count == 1);
}

static void call_args(struct rn_formatter *f, const struct rn_ast_expr *call)
{
    rn_f_list(f, &(struct rn_list){.count = call->call.count,
                                   .element = expr_element,
                                   .context = call->call.args,
                                   .hugs = args_hug(call->call.args, call->call.count)});
}

static void parenthesised(struct rn_formatter *f, const struct rn_ast_expr *inner,
                          enum rn_token_kind open)
{
    uint32_t group = rn_doc_open(&f->doc);
    rn_f_take(f, open);
    rn_f_add(f, RN_DOC_INDENT);
    rn_f_add(f, RN_DOC_SOFT);
    uint32_t first = f->doc.count;
    rn_f_expr(f, inner);
    uint32_t hug = rn_doc_first_break(&f->doc, first);
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    rn_f_add(f, RN_DOC_SOFT);
    rn_f_take(f, closing(open));
    rn_doc_close(&f->doc);
    if (is_huggable(inner, true) && f->doc.error == RN_OK) {
        f->doc.ops[group].hug = hug;
    }
}

static const struct rn_ast_expr *suffixed(const struct rn_ast_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_EXPR_CALL:
        return expr->call.callee;
    case RN_EXPR_INDEX:
        return expr->index.target;
    case RN_EXPR_FIELD:
        return expr->field.target;
    case RN_EXPR_TUPLE_FIELD:
        return expr->tuple_field.target;
    case RN_EXPR_TRY:
    case RN_EXPR_AWAIT:
        return expr->inner;
    default:
        return NULL;
    }
}

static bool begins_with_point(const struct rn_ast_expr *expr)
{
    return expr->kind == RN_EXPR_FIELD || expr->kind == RN_EXPR_TUPLE_FIELD ||
           expr->kind == RN_EXPR_AWAIT;
}

static void suffix(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    switch ((int)expr->kind) {
    case RN_EXPR_CALL:
        call_args(f, expr);
        break;
    case RN_EXPR_INDEX:
        parenthesised(f, expr->index.index, RN_TOKEN_BRACKET_OPEN);
        break;
    case RN_EXPR_TRY:
        rn_f_take(f, RN_TOKEN_QUESTION);
        break;
    default:
        rn_f_take(f, RN_TOKEN_DOT);
        rn_f_until(f, expr->span.end);
        break;
    }
}

struct chain {
    const struct rn_ast_expr **links; /* from the base on */
    uint32_t count;
    uint32_t calls;
};

static bool collect_chain(struct rn_formatter *f, const struct rn_ast_expr *expr,
                          struct chain *chain)
{
    for (const struct rn_ast_expr *at = expr; at != NULL; at = suffixed(at)) {
        chain->count++;
        chain->calls += at->kind == RN_EXPR_CALL;
    }
    chain->links = rn_arena_alloc(f->reading->arena, chain->count * sizeof(*chain->links));
    if (chain->links == NULL) {
        f->doc.error = RN_E_NO_MEMORY;
        return false;
    }
    uint32_t index = chain->count;
    for (const struct rn_ast_expr *at = expr; at != NULL; at = suffixed(at)) {
        chain->links[--index] = at;
    }
    return true;
}

/* The last call may hug its arguments where the links before it fit on one line. */
static uint32_t chain_hug(const struct rn_formatter *f, const struct chain *chain,
                          uint32_t last_call_op)
{
    uint32_t last = chain->count - 1;
    while (last > 0 && chain->links[last]->kind != RN_EXPR_CALL) {
        last--;
    }
    const struct rn_ast_expr *call = chain->links[last];
    if (last == 0 || f->doc.error != RN_OK || !args_hug(call->call.args, call->call.count)) {
        return 0;
    }
    return f->doc.ops[last_call_op].hug;
}

static void chain_expr(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    struct chain chain = {0};
    if (!collect_chain(f, expr, &chain)) {
        return;
    }
    bool breaks = chain.calls > 1;
    uint32_t group = rn_doc_open(&f->doc);
    uint32_t last_call_op = 0;
    bool indented = false;
    rn_f_expr(f, chain.links[0]);
    for (uint32_t i = 1; i < chain.count && !f->lost; i++) {
        if (breaks && begins_with_point(chain.links[i])) {
            if (!indented) {
                rn_f_add(f, RN_DOC_INDENT);
            }
            indented = true;
            rn_f_add(f, RN_DOC_SOFT);
        }
        last_call_op = chain.links[i]->kind == RN_EXPR_CALL ? f->doc.count : last_call_op;
        suffix(f, chain.links[i]);
    }
    if (indented) {
        rn_f_add(f, RN_DOC_DEDENT);
    }
    rn_doc_close(&f->doc);
    if (breaks && f->doc.error == RN_OK) {
        f->doc.ops[group].hug = chain_hug(f, &chain, last_call_op);
    }
}

/* ---- Operators ---- */

/* Operators that stand in one row: of one precedence and chaining. */
static unsigned row_of(uint8_t op)
{
    switch ((int)op) {
    case RN_BINARY_ADD:
    case RN_BINARY_SUB:
        return 1;
    case RN_BINARY_MUL:
    case RN_BINARY_DIV:
    case RN_BINARY_REM:
        return 2;
    case RN_BINARY_SHL:
    case RN_BINARY_SHR:
        return 3;
    default:
        return 16u + op;
    }
}

static bool is_word_operator(uint8_t op)
{
    return op == RN_BINARY_AS || op == RN_BINARY_IS || op == RN_BINARY_IS_NOT ||
           op >= RN_BINARY_ADD_ASSIGN;
}

static bool in_row(const struct rn_ast_expr *expr, unsigned row)
{
    return expr->kind == RN_EXPR_BINARY && row_of(expr->binary.op) == row;
}

static void operator_and_right(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    bool stays = is_word_operator(expr->binary.op);
    rn_f_add(f, stays ? RN_DOC_SPACE : RN_DOC_LINE);
    rn_f_any(f);
    if (expr->binary.op == RN_BINARY_IS_NOT) {
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_NOT);
    }
    rn_f_space(f);
    rn_f_expr(f, expr->binary.right);
}

static void row(struct rn_formatter *f, const struct rn_ast_expr *expr, unsigned of, bool *indented)
{
    if (in_row(expr->binary.left, of)) {
        row(f, expr->binary.left, of, indented);
    } else {
        rn_f_expr(f, expr->binary.left);
    }
    if (!*indented) {
        rn_f_add(f, RN_DOC_INDENT);
        *indented = true;
    }
    operator_and_right(f, expr);
}

static void binary(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    bool indented = false;
    rn_doc_open(&f->doc);
    row(f, expr, row_of(expr->binary.op), &indented);
    rn_f_add(f, RN_DOC_DEDENT);
    rn_doc_close(&f->doc);
}

static void range(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    if (expr->range.start != NULL) {
        rn_f_expr(f, expr->range.start);
    }
    rn_f_any(f);
    if (expr->range.end != NULL) {
        rn_f_expr(f, expr->range.end);
    }
}

/* ---- Literals, objects, macros ---- */

static bool is_short_literal(const struct rn_ast_expr *expr)
{
    return expr->kind == RN_EXPR_LITERAL && expr->literal.kind != RN_LITERAL_STRING &&
           expr->literal.kind != RN_LITERAL_BYTES && expr->span.end - expr->span.start <= 12;
}

static bool all_short(struct rn_ast_expr *const *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!is_short_literal(items[i])) {
            return false;
        }
    }
    return count > 0;
}

static void expr_list(struct rn_formatter *f, const struct rn_ast_expr *expr, unsigned style)
{
    rn_f_list(f, &(struct rn_list){.style = style,
                                   .count = expr->list.count,
                                   .element = expr_element,
                                   .context = expr->list.items,
                                   .hugs = expr->list.count == 1 &&
                                           is_huggable(expr->list.items[0], true)});
}

static void vec(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    bool fill = all_short(expr->list.items, expr->list.count);
    expr_list(f, expr, fill ? RN_LIST_TIGHT | RN_LIST_FILL : RN_LIST_TIGHT);
}

static void object_field(struct rn_formatter *f, const void *context, uint32_t index)
{
    const struct rn_ast_field_init *field = &((const struct rn_ast_field_init *)context)[index];
    rn_f_any(f);
    if (field->value != NULL) {
        rn_f_take(f, RN_TOKEN_COLON);
        rn_f_space(f);
        rn_f_expr(f, field->value);
    }
}

static void object(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    if (expr->object.path != NULL) {
        rn_f_path(f, expr->object.path);
        rn_f_space(f);
    } else {
        rn_f_take(f, RN_TOKEN_POUND);
    }
    rn_f_list(f, &(struct rn_list){.style = RN_LIST_SPACED,
                                   .count = expr->object.count,
                                   .element = object_field,
                                   .context = expr->object.fields});
}

/* Macros whose input is a list of expressions and nothing but that. */
static bool takes_expressions(const struct rn_formatter *f, const struct rn_ast_macro *macro)
{
    static const char *const names[] = {
        "println", "print",     "eprintln",  "format",        "panic",
        "assert",  "assert_eq", "assert_ne", "dbg",           "write",
        "writeln", "todo",      "vec",       "unimplemented", "unreachable",
    };
    const struct rn_ast_segment *last = &macro->path->segments[macro->path->count - 1];
    size_t size = last->name.span.end - last->name.span.start;
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        if (strlen(names[i]) == size &&
            memcmp(names[i], f->text + last->name.span.start, size) == 0) {
            return !macro->braces;
        }
    }
    return false;
}

static void macro_arg(struct rn_formatter *f, const void *context, uint32_t index)
{
    rn_f_expr(f, ((const struct rn_ast_macro_arg *)context)[index].expr);
}

static bool macro_args_hug(const struct rn_ast_macro_arg *args, uint32_t count)
{
    return count > 0 && is_huggable(args[count - 1].expr, count == 1);
}

static bool read_macro_args(struct rn_formatter *f, const struct rn_ast_macro *macro,
                            struct rn_ast_macro_arg **out_args, uint32_t *out_count)
{
    struct rn_diagnostics ignored;
    rn_diagnostics_init(&ignored);
    struct rn_parser_input input = {f->reading->arena, &f->reading->symbols, &ignored};
    struct rn_macro_mode mode = {.named_from = UINT32_MAX, .depth = f->macro_depth + 1};
    bool good = false;
    enum rn_error error =
        rn_parse_macro_args(&input, &macro->input, mode, out_args, out_count, &good);
    good = good && error == RN_OK && ignored.error_count == 0;
    if (error == RN_E_NO_MEMORY) {
        f->doc.error = error;
    }
    rn_diagnostics_done(&ignored);
    return good;
}

void rn_f_macro(struct rn_formatter *f, const struct rn_ast_macro *macro)
{
    struct rn_ast_macro_arg *args = NULL;
    uint32_t count = 0;
    rn_f_path(f, macro->path);
    rn_f_take(f, RN_TOKEN_BANG);
    if (!takes_expressions(f, macro) || !read_macro_args(f, macro, &args, &count)) {
        rn_f_verbatim(f, macro->input_span.end);
        return;
    }
    f->macro_depth++;
    rn_f_list(f, &(struct rn_list){.count = count,
                                   .element = macro_arg,
                                   .context = args,
                                   .hugs = macro_args_hug(args, count)});
    f->macro_depth--;
}

/* ---- Control flow ---- */

static void let(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    rn_f_take(f, RN_TOKEN_LET);
    rn_f_space(f);
    rn_f_pat(f, expr->let.pat);
    rn_f_space(f);
    rn_f_take(f, RN_TOKEN_EQ);
    rn_f_space(f);
    rn_f_expr(f, expr->let.value);
}

static void if_expr(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    for (uint32_t i = 0; i < expr->if_.count && !f->lost; i++) {
        const struct rn_ast_branch *branch = &expr->if_.branches[i];
        if (i > 0) {
            rn_f_space(f);
            rn_f_take(f, RN_TOKEN_ELSE);
            rn_f_space(f);
        }
        if (branch->condition != NULL) {
            rn_f_take(f, RN_TOKEN_IF);
            rn_f_space(f);
            rn_f_expr(f, branch->condition);
            rn_f_space(f);
        }
        rn_f_block(f, branch->block, RN_EMPTY_LINES);
    }
}

static void label(struct rn_formatter *f)
{
    if (rn_f_eat(f, RN_TOKEN_LABEL)) {
        rn_f_take(f, RN_TOKEN_COLON);
        rn_f_space(f);
    }
}

static void loop(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    label(f);
    rn_f_any(f);
    rn_f_space(f);
    if (expr->kind == RN_EXPR_FOR) {
        rn_f_pat(f, expr->loop.pat);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_IN);
        rn_f_space(f);
        rn_f_expr(f, expr->loop.iter);
        rn_f_space(f);
    } else if (expr->kind == RN_EXPR_WHILE) {
        rn_f_expr(f, expr->loop.condition);
        rn_f_space(f);
    }
    rn_f_block(f, expr->loop.body, RN_EMPTY_LINES);
}

static void block_expr(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    label(f);
    while (!f->lost && !rn_f_is(f, RN_TOKEN_BRACE_OPEN)) {
        rn_f_any(f); // async, const, move
        rn_f_space(f);
    }
    rn_f_block(f, expr->block.block, RN_EMPTY_SHORT);
}

/* Without a comma the next arm must not be read as going on with the block. */
static bool comma_may_go(const struct rn_formatter *f)
{
    switch ((int)rn_f_kind_at(f, 1)) {
    case RN_TOKEN_BRACE_CLOSE:
    case RN_TOKEN_IDENT:
    case RN_TOKEN_UNDERSCORE:
    case RN_TOKEN_STRING:
    case RN_TOKEN_NUMBER:
    case RN_TOKEN_CHAR:
    case RN_TOKEN_BYTE:
    case RN_TOKEN_BYTE_STRING:
    case RN_TOKEN_TRUE:
    case RN_TOKEN_FALSE:
    case RN_TOKEN_POUND:
    case RN_TOKEN_SELF:
    case RN_TOKEN_SELF_TYPE:
    case RN_TOKEN_CRATE:
    case RN_TOKEN_SUPER:
    case RN_TOKEN_DEFAULT:
        return true;
    default:
        return false;
    }
}

static void arm_comma(struct rn_formatter *f, const struct rn_ast_arm *arm)
{
    bool is_block = arm->body->kind == RN_EXPR_BLOCK && !arm->body->block.is_async &&
                    !arm->body->block.is_const;
    bool is_there = rn_f_is(f, RN_TOKEN_COMMA);
    if (is_there && is_block && comma_may_go(f)) {
        rn_f_drop(f, RN_TOKEN_COMMA);
    } else if (is_there) {
        rn_f_take(f, RN_TOKEN_COMMA);
    } else if (!is_block) {
        rn_doc_if_broken(&f->doc, COMMA);
    }
}

/* On the line of the arrow as far as it goes, else on the next one. */
static void arm_body(struct rn_formatter *f, const struct rn_ast_expr *body)
{
    if (is_huggable(body, true) && body->kind != RN_EXPR_CALL) {
        rn_f_space(f);
        rn_f_expr(f, body);
        return;
    }
    uint32_t group = rn_doc_open(&f->doc);
    rn_f_add(f, RN_DOC_INDENT);
    rn_f_add(f, RN_DOC_LINE);
    uint32_t first = f->doc.count;
    rn_f_expr(f, body);
    uint32_t hug = rn_doc_first_break(&f->doc, first);
    rn_f_add(f, RN_DOC_DEDENT);
    rn_doc_close(&f->doc);
    if (f->doc.error == RN_OK) {
        f->doc.ops[group].hug = hug;
    }
}

static void arm(struct rn_formatter *f, const struct rn_ast_expr *match, uint32_t index)
{
    const struct rn_ast_arm *a = &match->match.arms[index];
    rn_f_part(f, index == 0, false);
    if (a->pat == NULL) {
        rn_f_take(f, RN_TOKEN_DEFAULT);
    } else {
        rn_f_pat(f, a->pat);
    }
    if (a->guard != NULL) {
        rn_f_space(f);
        rn_f_any(f); // `if` of a match, `=` of a select
        rn_f_space(f);
        rn_f_expr(f, a->guard);
    }
    rn_f_space(f);
    rn_f_take(f, RN_TOKEN_ROCKET);
    arm_body(f, a->body);
    arm_comma(f, a);
}

static void match(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    rn_f_any(f);
    rn_f_space(f);
    if (expr->match.subject != NULL) {
        rn_f_expr(f, expr->match.subject);
        rn_f_space(f);
    }
    rn_doc_open(&f->doc);
    rn_f_take(f, RN_TOKEN_BRACE_OPEN);
    bool filled = expr->match.count > 0 || rn_f_has_comments(f);
    rn_f_add(f, RN_DOC_INDENT);
    for (uint32_t i = 0; i < expr->match.count && !f->lost; i++) {
        arm(f, expr, i);
    }
    rn_f_comments(f);
    rn_f_add(f, RN_DOC_DEDENT);
    if (filled) {
        rn_f_add(f, RN_DOC_HARD);
    }
    rn_f_take(f, RN_TOKEN_BRACE_CLOSE);
    rn_doc_close(&f->doc);
}

static void param_element(struct rn_formatter *f, const void *context, uint32_t index)
{
    const struct rn_ast_param *param = &((const struct rn_ast_param *)context)[index];
    if (param->is_self) {
        rn_f_take(f, RN_TOKEN_SELF);
    } else {
        rn_f_pat(f, param->pat);
    }
}

void rn_f_params(struct rn_formatter *f, const struct rn_ast_param *params, uint32_t count)
{
    rn_f_list(f, &(struct rn_list){.count = count, .element = param_element, .context = params});
}

static void closure(struct rn_formatter *f, const struct rn_ast_closure *closure)
{
    while (!f->lost && (rn_f_is(f, RN_TOKEN_ASYNC) || rn_f_is(f, RN_TOKEN_MOVE))) {
        rn_f_any(f);
        rn_f_space(f);
    }
    if (!rn_f_eat(f, RN_TOKEN_PIPE_PIPE)) {
        rn_f_params(f, closure->params, closure->param_count);
    }
    rn_f_space(f);
    rn_f_expr(f, closure->body);
}

static void jump(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    bool labelled = expr->kind == RN_EXPR_BREAK || expr->kind == RN_EXPR_CONTINUE;
    const struct rn_ast_expr *value = labelled ? expr->jump.value : expr->inner;
    rn_f_any(f);
    if (labelled && expr->jump.label.symbol != 0) {
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_LABEL);
    }
    if (value != NULL) {
        rn_f_space(f);
        rn_f_expr(f, value);
    }
}

/* ---- Expressions ---- */

/* Long by nature: one arm per kind. */
static void expr_by_kind(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    switch ((enum rn_expr_kind)expr->kind) {
    case RN_EXPR_ERROR:
        f->lost = true;
        break;
    case RN_EXPR_PATH:
    case RN_EXPR_LITERAL:
        rn_f_until(f, expr->span.end);
        break;
    case RN_EXPR_TEMPLATE:
        rn_f_verbatim(f, expr->span.end);
        break;
    case RN_EXPR_TUPLE:
        expr_list(f, expr, RN_LIST_TIGHT | RN_LIST_TUPLE);
        break;
    case RN_EXPR_VEC:
        vec(f, expr);
        break;
    case RN_EXPR_OBJECT:
        object(f, expr);
        break;
    case RN_EXPR_GROUP:
        parenthesised(f, expr->inner, RN_TOKEN_PAREN_OPEN);
        break;
    case RN_EXPR_UNARY:
        rn_f_any(f);
        rn_f_expr(f, expr->unary.operand);
        break;
    case RN_EXPR_BINARY:
        binary(f, expr);
        break;
    case RN_EXPR_ASSIGN:
        rn_f_expr(f, expr->assign.target);
        rn_f_space(f);
        rn_f_take(f, RN_TOKEN_EQ);
        rn_f_space(f);
        rn_f_expr(f, expr->assign.value);
        break;
    case RN_EXPR_RANGE:
        range(f, expr);
        break;
    case RN_EXPR_CALL:
    case RN_EXPR_INDEX:
    case RN_EXPR_FIELD:
    case RN_EXPR_TUPLE_FIELD:
    case RN_EXPR_TRY:
    case RN_EXPR_AWAIT:
        chain_expr(f, expr);
        break;
    case RN_EXPR_MACRO:
        rn_f_macro(f, expr->macro);
        break;
    case RN_EXPR_CLOSURE:
        closure(f, expr->closure);
        break;
    case RN_EXPR_BLOCK:
        block_expr(f, expr);
        break;
    case RN_EXPR_LOOP:
    case RN_EXPR_WHILE:
    case RN_EXPR_FOR:
        loop(f, expr);
        break;
    case RN_EXPR_IF:
        if_expr(f, expr);
        break;
    case RN_EXPR_MATCH:
    case RN_EXPR_SELECT:
        match(f, expr);
        break;
    case RN_EXPR_LET:
        let(f, expr);
        break;
    case RN_EXPR_BREAK:
    case RN_EXPR_CONTINUE:
    case RN_EXPR_RETURN:
    case RN_EXPR_YIELD:
        jump(f, expr);
        break;
    }
}

void rn_f_expr(struct rn_formatter *f, const struct rn_ast_expr *expr)
{
    if (!f->lost && f->doc.error == RN_OK) {
        expr_by_kind(f, expr);
    }
}
