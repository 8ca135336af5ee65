/*
 * parser_lexical.c: what could not be read as a token, and where a forgotten quote was meant to stand.
 *
 * Strings may span lines. A quote that is forgotten turns the text behind it inside out: the string goes
 * on to the next quote of the source, what was meant as text is read as code, and the end of the source
 * is inside of a string again, however far away.
 */
#include "compiler/parser_internal.h"

#include <string.h>

static bool is_string(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_STRING || kind == RN_TOKEN_BYTE_STRING;
}

/* Whether no code goes on like that behind a string. */
static bool cannot_follow(const struct rn_token *string, const struct rn_token *next)
{
    switch ((int)next->kind) {
    case RN_TOKEN_ERROR:
    case RN_TOKEN_IDENT:
    case RN_TOKEN_NUMBER:
    case RN_TOKEN_CHAR:
    case RN_TOKEN_BYTE:
    case RN_TOKEN_LABEL:
    case RN_TOKEN_STRING:
    case RN_TOKEN_BYTE_STRING:
        return true;
    case RN_TOKEN_BRACE_OPEN: // what a format string begins with
        return next->start == string->end;
    default:
        return false;
    }
}

/* The end of the first line of a token that spans lines, else 0. */
static uint32_t first_line_end(const struct rn_parser *p, const struct rn_token *token)
{
    const char *text = p->tokens->text.data;
    const char *end = memchr(text + token->start, '\n', token->end - token->start);
    return end == NULL ? 0 : (uint32_t)(end - text);
}

static bool is_overlong(const struct rn_parser *p, const struct rn_token *token)
{
    return is_string((enum rn_token_kind)token->kind) && cannot_follow(token, token + 1) &&
           first_line_end(p, token) != 0;
}

/* The first string before token `end` that goes over its line and cannot have been meant so; 0: none. */
static uint32_t find_overlong(const struct rn_parser *p, uint32_t end)
{
    for (uint32_t i = 1; i < end; i++) {
        if (is_overlong(p, &p->items[i])) {
            return i;
        }
    }
    return 0;
}

/* The list of diagnostics need not know the source: an outline is made without. */
static unsigned line_of(const struct rn_parser *p, uint32_t offset)
{
    const char *at = p->tokens->text.data;
    const char *end = at + offset;
    unsigned line = 1;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        line++;
    }
    return line;
}

static void label_overlong(struct rn_parser *p, struct rn_diagnostic *d, uint32_t index)
{
    const struct rn_token *token = &p->items[index];
    struct rn_span span = {p->tokens->source, token->start, first_line_end(p, token)};
    rn_diagnostic_label(p->diagnostics, d, span, "this string, begun here, goes on to line %u",
                        line_of(p, token->end));
}

void rn_p_label_overlong(struct rn_parser *p, struct rn_diagnostic *complaint)
{
    if (p->at < 2 || p->at >= p->end || complaint == NULL) {
        return;
    }
    const struct rn_token *before = &p->items[p->at - 1];
    if (is_overlong(p, before)) {
        label_overlong(p, complaint, p->at - 1);
    }
}

/* The source ends in the string at `index`; a `b` before its quote may have been the end of a text. */
static void report_unterminated(struct rn_parser *p, uint32_t index)
{
    uint32_t overlong = find_overlong(p, index);
    struct rn_span span = rn_p_token_span(p, index);
    enum rn_diagnostic_code code = (enum rn_diagnostic_code)p->items[index].value;
    if (code == RN_DIAGNOSTIC_UNTERMINATED_BYTES && overlong != 0) {
        code = RN_DIAGNOSTIC_UNTERMINATED_STRING;
        span.start++;
    }
    struct rn_diagnostic *d = rn_diagnostics_add(p->diagnostics, code, span, NULL, 0);
    if (overlong != 0 && d != NULL) {
        label_overlong(p, d, overlong);
    }
}

void rn_p_report_lexical(struct rn_parser *p, uint32_t index)
{
    if (index < p->reported) {
        return;
    }
    p->reported = index + 1;
    const struct rn_token *token = &p->items[index];
    struct rn_span span = rn_p_token_span(p, index);
    struct rn_number_text number;
    switch ((int)token->value) {
    case RN_DIAGNOSTIC_UNEXPECTED_CHAR:
        rn_diagnose(p->diagnostics, UNEXPECTED_CHAR, span,
                    {p->tokens->text.data + token->start, token->end - token->start});
        break;
    case RN_DIAGNOSTIC_NESTING:
        rn_diagnose(p->diagnostics, NESTING, span, rn_text_u64(&number, RN_TEMPLATE_NESTING_MAX));
        break;
    case RN_DIAGNOSTIC_UNTERMINATED_STRING:
    case RN_DIAGNOSTIC_UNTERMINATED_BYTES:
        report_unterminated(p, index);
        break;
    default:
        rn_diagnostics_add(p->diagnostics, (enum rn_diagnostic_code)token->value, span, NULL, 0);
        break;
    }
}
