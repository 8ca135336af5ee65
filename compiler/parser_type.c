/*
 * parser_type.c: types and generic parameters of Rust, which scripts have none of.
 *
 * They are read as wholes, so that each is one mistake with one complaint, and what follows is read as
 * it was meant. Nothing here recurses: brackets are stepped over with what is inside of them.
 */
#include "compiler/parser_internal.h"

#include <string.h>

#define QUOTED_MAX 60u /* bytes of a source that a help repeats */
/* Steps from `<` to its `>`: a source full of `<` must not be read over and over. */
#define ANGLES_MAX 256

bool rn_p_help_write(struct rn_parser *p, struct rn_diagnostic *d, const char *before,
                     struct rn_span kept)
{
    uint32_t size = kept.end - kept.start;
    if (size <= QUOTED_MAX) {
        rn_diagnostic_help(p->diagnostics, d, "write `%s%.*s`", before, (int)size,
                           p->tokens->text.data + kept.start);
    }
    return size <= QUOTED_MAX;
}

/* ---- Generic parameters and arguments ---- */

/* How many `<` a token closes; one that ends in `=` is looked at by split_close. */
static uint32_t angles_closed(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_GT ? 1 : kind == RN_TOKEN_GT_GT ? 2 : 0;
}

/* `v: Vec<i64>= ..`: the rest of the token stays. */
static bool split_close(struct rn_parser *p, uint32_t depth)
{
    bool one = rn_p_is(p, RN_TOKEN_GT_EQ) && depth == 1;
    bool two = rn_p_is(p, RN_TOKEN_GT_GT_EQ) && depth == 2;
    if (!one && !two) {
        return false;
    }
    p->items[p->at].kind = RN_TOKEN_EQ;
    p->items[p->at].start += depth;
    return true;
}

/* Over one token, or a bracket with what is inside; false where no type goes on. */
static bool skip_inside(struct rn_parser *p)
{
    enum rn_token_kind kind = rn_p_kind(p);
    if (kind == RN_TOKEN_PAREN_OPEN || kind == RN_TOKEN_BRACKET_OPEN) {
        uint32_t close = rn_p_partner(p, p->at);
        rn_p_skip_to(p, close + 1);
        return close != 0;
    }
    bool ends = kind == RN_TOKEN_EOF || kind == RN_TOKEN_ERROR || kind == RN_TOKEN_SEMI ||
                (kind >= RN_TOKEN_TEMPLATE_OPEN && kind <= RN_TOKEN_BRACE_CLOSE);
    p->at += !ends;
    return !ends;
}

bool rn_p_skip_angles(struct rn_parser *p)
{
    uint32_t first = p->at++;
    uint32_t depth = 1;
    for (uint32_t steps = 0; depth > 0; steps++) {
        uint32_t closed = angles_closed(rn_p_kind(p));
        if (split_close(p, depth)) {
            return true;
        }
        depth += rn_p_is(p, RN_TOKEN_LT);
        if (closed > depth || steps == ANGLES_MAX || !skip_inside(p)) {
            p->at = first;
            return false;
        }
        depth -= closed;
    }
    return true;
}

void rn_p_refuse_generics(struct rn_parser *p, const char *construct, const char *word)
{
    uint32_t first = p->at;
    bool is_named = p->items[first - 1].kind == RN_TOKEN_IDENT;
    if (!rn_p_is(p, RN_TOKEN_LT) || !rn_p_skip_angles(p)) {
        return;
    }
    struct rn_diagnostic *d = rn_diagnose(p->diagnostics, GENERIC_PARAMETERS,
                                          rn_p_span_from(p, first), rn_text(construct));
    rn_p_help_write(p, d, word, is_named ? rn_p_token_span(p, first - 1) : rn_p_span(p));
}

/* ---- Types ---- */

bool rn_p_is_word(const struct rn_parser *p, const char *word)
{
    const struct rn_token *token = rn_p_peek(p, 0);
    size_t size = strlen(word);
    return token->kind == RN_TOKEN_IDENT && token->end - token->start == size &&
           memcmp(p->tokens->text.data + token->start, word, size) == 0;
}

/* `&'a mut`, `impl`, `dyn`. */
static void skip_prefixes(struct rn_parser *p)
{
    while (rn_p_eat(p, RN_TOKEN_AMP) || rn_p_eat(p, RN_TOKEN_AMP_AMP) ||
           rn_p_eat(p, RN_TOKEN_STAR) || rn_p_eat(p, RN_TOKEN_LABEL) || rn_p_eat(p, RN_TOKEN_MUT) ||
           rn_p_eat(p, RN_TOKEN_IMPL) || (rn_p_is_word(p, "dyn") && rn_p_eat(p, RN_TOKEN_IDENT))) {
    }
}

static bool is_type_segment(const struct rn_parser *p)
{
    return rn_p_is_path(p) && !rn_p_is(p, RN_TOKEN_LT) && !rn_p_is(p, RN_TOKEN_COLON_COLON);
}

/* `std::collections::HashMap<K, V>`, `Fn(i64)`. */
static bool skip_type_path(struct rn_parser *p)
{
    rn_p_eat(p, RN_TOKEN_COLON_COLON);
    do {
        bool named = is_type_segment(p);
        p->at += named;
        if (rn_p_is(p, RN_TOKEN_LT) ? !rn_p_skip_angles(p) : !named) {
            return false;
        }
    } while (rn_p_eat(p, RN_TOKEN_COLON_COLON));
    return !rn_p_is(p, RN_TOKEN_PAREN_OPEN) || skip_inside(p);
}

static bool skip_one(struct rn_parser *p)
{
    skip_prefixes(p);
    if (rn_p_eat(p, RN_TOKEN_BANG) || rn_p_eat(p, RN_TOKEN_UNDERSCORE)) {
        return true;
    }
    // `fn` with a name begins the next function, and the type is missing.
    if (rn_p_kind_at(p, 1) == RN_TOKEN_PAREN_OPEN) {
        rn_p_eat(p, RN_TOKEN_FN);
    }
    if (rn_p_is(p, RN_TOKEN_PAREN_OPEN) || rn_p_is(p, RN_TOKEN_BRACKET_OPEN)) {
        return skip_inside(p);
    }
    return skip_type_path(p);
}

/* False where there is none, behind what could be read. */
static bool skip_type(struct rn_parser *p)
{
    if (!skip_one(p)) {
        return false;
    }
    while (rn_p_eat(p, RN_TOKEN_ARROW) || rn_p_eat(p, RN_TOKEN_PLUS)) {
        if (!skip_one(p)) {
            return false;
        }
    }
    return true;
}

bool rn_p_type(struct rn_parser *p)
{
    return skip_type(p) || rn_p_fail_expected(p, "a type");
}

bool rn_p_refuse_type(struct rn_parser *p, uint32_t first, const char *construct)
{
    if (!rn_p_is(p, RN_TOKEN_COLON)) {
        return true;
    }
    struct rn_span kept = rn_p_span_from(p, first);
    p->at++;
    if (!rn_p_type(p)) {
        return false;
    }
    struct rn_diagnostic *d =
        rn_diagnose(p->diagnostics, TYPE, rn_p_span_from(p, first), rn_text(construct));
    if (!rn_p_help_write(p, d, "", kept)) {
        rn_diagnostic_help(p->diagnostics, d, "remove `: ..`");
    }
    return true;
}
