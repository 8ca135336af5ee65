/* parser_pat.c: patterns and parameters. */
#include "compiler/parser_internal.h"

static struct rn_ast_pat *new_pat(struct rn_parser *p, enum rn_pat_kind kind)
{
    struct rn_ast_pat *pat = rn_p_alloc(p, sizeof *pat);
    if (pat != NULL) {
        pat->kind = (uint8_t)kind;
    }
    return pat;
}

static struct rn_ast_pat *finish(struct rn_parser *p, struct rn_ast_pat *pat, uint32_t first,
                                 uint32_t height)
{
    if (pat == NULL) {
        return NULL;
    }
    pat->span = rn_p_span_from(p, first);
    return rn_p_grow(p, height, pat->span) ? pat : NULL;
}

static bool pat_element(struct rn_parser *p, void *context)
{
    (void)context;
    struct rn_ast_pat *pat = rn_p_pat(p);
    return pat != NULL && rn_p_push(p, &pat, sizeof pat);
}

/* `(..)`, `[..]` or `{..}` behind an optional path. */
static struct rn_ast_pat *parse_list(struct rn_parser *p, enum rn_pat_kind kind,
                                     struct rn_ast_path *path, uint32_t first)
{
    struct rn_ast_pat *pat = new_pat(p, kind);
    size_t mark = rn_p_mark(p);
    if (pat == NULL || !rn_p_list(p, rn_p_kind(p), pat_element, NULL)) {
        return NULL;
    }
    pat->list.path = path;
    pat->list.items = rn_p_take(p, mark, sizeof(struct rn_ast_pat *), &pat->list.count);
    return finish(p, pat, first, p->height);
}

static struct rn_ast_pat *parse_object(struct rn_parser *p, uint32_t first)
{
    p->at++;
    if (!rn_p_is(p, RN_TOKEN_BRACE_OPEN)) {
        rn_p_fail_expected(p, rn_token_description(RN_TOKEN_BRACE_OPEN));
        return NULL;
    }
    return parse_list(p, RN_PAT_OBJECT, NULL, first);
}

static struct rn_ast_pat *parse_literal(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_pat *pat = new_pat(p, RN_PAT_LITERAL);
    if (pat == NULL) {
        return NULL;
    }
    rn_literal_read(&p->literals, rn_p_peek(p, 0), &pat->literal);
    p->at++;
    return finish(p, pat, first, 0);
}

static struct rn_ast_pat *parse_negative(struct rn_parser *p)
{
    uint32_t first = p->at;
    if (rn_p_kind_at(p, 1) != RN_TOKEN_NUMBER) {
        p->at++;
        rn_p_fail_expected(p, "a number behind the minus sign");
        return NULL;
    }
    struct rn_ast_pat *pat = new_pat(p, RN_PAT_LITERAL);
    if (pat == NULL) {
        return NULL;
    }
    rn_literal_read_negative(&p->literals, rn_p_peek(p, 0), rn_p_peek(p, 1), &pat->literal);
    p->at += 2;
    return finish(p, pat, first, 0);
}

static struct rn_ast_pat *parse_bound(struct rn_parser *p, struct rn_ast_pat *pat, uint32_t first)
{
    p->at++;
    pat->binding.pat = rn_p_pat(p);
    return pat->binding.pat == NULL ? NULL : finish(p, pat, first, p->height);
}

/* "key": pattern, or a string. */
static struct rn_ast_pat *parse_string(struct rn_parser *p)
{
    uint32_t first = p->at;
    if (rn_p_kind_at(p, 1) != RN_TOKEN_COLON) {
        return parse_literal(p);
    }
    struct rn_ast_pat *pat = new_pat(p, RN_PAT_BINDING);
    if (pat == NULL) {
        return NULL;
    }
    pat->binding.key.span = rn_p_span(p);
    rn_literal_read_text(&p->literals, rn_p_peek(p, 0), &pat->binding.text);
    pat->binding.key.symbol =
        rn_symbols_intern(p->symbols, pat->binding.text.data, pat->binding.text.size);
    p->at++;
    return parse_bound(p, pat, first);
}

/* key: pattern. */
static struct rn_ast_pat *parse_key(struct rn_parser *p, const struct rn_ast_path *path,
                                    uint32_t first)
{
    struct rn_ast_pat *pat = new_pat(p, RN_PAT_BINDING);
    if (pat == NULL) {
        return NULL;
    }
    pat->binding.key = (struct rn_ast_name){rn_ast_path_ident(path), path->span};
    if (pat->binding.key.symbol == 0) {
        rn_diagnose(p->diagnostics, EXPECTED, path->span, rn_text("an object key"),
                    rn_text("a path"));
        return NULL;
    }
    pat->binding.text = rn_symbol_text(p->symbols, pat->binding.key.symbol);
    return parse_bound(p, pat, first);
}

/* Names and constants. */
static struct rn_ast_pat *make_path(struct rn_parser *p, struct rn_ast_path *path, uint32_t first)
{
    struct rn_ast_pat *pat = new_pat(p, RN_PAT_PATH);
    if (pat == NULL) {
        return NULL;
    }
    pat->path = path;
    return finish(p, pat, first, p->height);
}

static struct rn_ast_pat *parse_path(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_path *path = rn_p_path(p);
    if (path == NULL) {
        return NULL;
    }
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_PAREN_OPEN:
        return parse_list(p, RN_PAT_TUPLE, path, first);
    case RN_TOKEN_BRACE_OPEN:
        return parse_list(p, RN_PAT_OBJECT, path, first);
    case RN_TOKEN_COLON:
        return parse_key(p, path, first);
    default:
        return make_path(p, path, first);
    }
}

/* ---- What patterns of Rust have and these have not ---- */

static void refuse_ref(struct rn_parser *p, struct rn_span span, struct rn_span kept)
{
    rn_p_help_write(p, rn_diagnose(p->diagnostics, PATTERN_REF, span), "", kept);
}

/* Takes `&`, `ref` and `mut` before a pattern; false: none is there. */
static bool eat_qualifiers(struct rn_parser *p, struct rn_span *out_mut)
{
    uint32_t first = p->at;
    while (rn_p_eat(p, RN_TOKEN_AMP) || rn_p_eat(p, RN_TOKEN_AMP_AMP) ||
           rn_p_eat(p, RN_TOKEN_LABEL) || rn_p_eat(p, RN_TOKEN_REF)) {
    }
    *out_mut = rn_p_span(p);
    if (!rn_p_eat(p, RN_TOKEN_MUT)) {
        *out_mut = (struct rn_span){0};
    }
    return p->at > first;
}

/* Reports what eat_qualifiers took from token `first` on before token `kept`. */
static void refuse_qualifiers(struct rn_parser *p, uint32_t first, uint32_t kept,
                              struct rn_span mut)
{
    if (p->items[first].kind == RN_TOKEN_MUT) {
        rn_diagnose(p->diagnostics, UNSUPPORTED_MUT, mut);
    } else {
        refuse_ref(p, rn_p_span_from(p, first), rn_p_span_from(p, kept));
    }
}

static struct rn_ast_pat *parse_qualified(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_span mut;
    eat_qualifiers(p, &mut);
    uint32_t kept = p->at;
    struct rn_ast_pat *pat = rn_p_pat(p);
    if (pat != NULL) {
        refuse_qualifiers(p, first, kept, mut);
    }
    return pat;
}

/* ---- Patterns ---- */

static struct rn_ast_pat *parse_single(struct rn_parser *p, enum rn_pat_kind kind)
{
    uint32_t first = p->at++;
    return finish(p, new_pat(p, kind), first, 0);
}

static struct rn_ast_pat *parse_any(struct rn_parser *p)
{
    uint32_t first = p->at;
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_BYTE:
    case RN_TOKEN_CHAR:
    case RN_TOKEN_BYTE_STRING:
    case RN_TOKEN_TRUE:
    case RN_TOKEN_FALSE:
    case RN_TOKEN_NUMBER:
        return parse_literal(p);
    case RN_TOKEN_STRING:
        return parse_string(p);
    case RN_TOKEN_MINUS:
        return parse_negative(p);
    case RN_TOKEN_DOT_DOT:
        return parse_single(p, RN_PAT_REST);
    case RN_TOKEN_UNDERSCORE:
        return parse_single(p, RN_PAT_IGNORE);
    case RN_TOKEN_PAREN_OPEN:
        return parse_list(p, RN_PAT_TUPLE, NULL, first);
    case RN_TOKEN_BRACKET_OPEN:
        return parse_list(p, RN_PAT_VEC, NULL, first);
    case RN_TOKEN_POUND:
        return parse_object(p, first);
    case RN_TOKEN_AMP:
    case RN_TOKEN_AMP_AMP:
    case RN_TOKEN_MUT:
    case RN_TOKEN_REF:
        return parse_qualified(p);
    default:
        if (rn_p_is_path(p)) {
            return parse_path(p);
        }
        rn_p_fail_expected(p, "pattern");
        return NULL;
    }
}

struct rn_ast_pat *rn_p_pat(struct rn_parser *p)
{
    if (!rn_p_enter(p)) {
        return NULL;
    }
    struct rn_ast_attributes attributes;
    struct rn_ast_pat *pat = NULL;
    if (rn_p_attributes(p, false, &attributes)) {
        if (attributes.count != 0) {
            rn_diagnose(p->diagnostics, ATTRIBUTES, attributes.items[0].span, rn_text("patterns"));
        }
        pat = parse_any(p);
    }
    rn_p_leave(p);
    return pat;
}

/* A name of its own, though a colon follows, which makes it a key in objects. */
static struct rn_ast_pat *parse_name(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct rn_ast_path *path = rn_p_path(p);
    return path == NULL ? NULL : make_path(p, path, first);
}

struct rn_ast_pat *rn_p_pat_untyped(struct rn_parser *p, const char *construct)
{
    uint32_t first = p->at;
    struct rn_span mut;
    eat_qualifiers(p, &mut);
    bool typed = rn_p_is(p, RN_TOKEN_IDENT) && rn_p_kind_at(p, 1) == RN_TOKEN_COLON;
    if (typed) {
        first = p->at; // what is said of the type tells what to write in place of all of it
    } else {
        p->at = first;
    }
    struct rn_ast_pat *pat = typed ? parse_name(p) : rn_p_pat(p);
    if (pat == NULL) {
        return NULL;
    }
    if (pat->kind == RN_PAT_BINDING) { // a key in quotes, or behind a `&`
        rn_diagnose(p->diagnostics, UNSUPPORTED_PATTERN, pat->span);
    }
    return rn_p_refuse_type(p, first, construct) ? pat : NULL;
}

/* `self`, also as Rust has it; false if something else stands there, and nothing is taken. */
static bool eat_self(struct rn_parser *p, struct rn_ast_param *param)
{
    uint32_t first = p->at;
    struct rn_span mut;
    bool qualified = eat_qualifiers(p, &mut);
    uint32_t kept = p->at;
    if (!rn_p_eat(p, RN_TOKEN_SELF)) {
        p->at = first;
        return false;
    }
    if (qualified) {
        refuse_qualifiers(p, first, kept, mut);
    }
    param->is_self = true;
    return true;
}

bool rn_p_param(struct rn_parser *p, void *context)
{
    (void)context;
    uint32_t first = p->at;
    struct rn_ast_param param = {.span = rn_p_span(p)};
    p->height = 0;
    if (eat_self(p, &param)) {
        return rn_p_refuse_type(p, first, "arguments") && rn_p_push(p, &param, sizeof param);
    }
    param.pat = rn_p_pat_untyped(p, "arguments");
    if (param.pat == NULL) {
        return false;
    }
    param.span = param.pat->span;
    return rn_p_push(p, &param, sizeof param);
}
