/*
 * format_check.c: does a formatted text say what the text before said?
 *
 * Two runs of tokens are stepped through side by side. Where they differ, one of the edits that
 * format.h names must explain it, judged by the tokens around it alone. Comments are compared as a
 * run of their own: all must be there, in order, equal but for the space at the ends of lines.
 */
#include "compiler/format_internal.h"

#include "base/alloc.h"

#include <string.h>

struct side {
    const struct rn_token *items;
    const char *text;
    uint32_t at;
    uint32_t count;
    uint32_t cut; /* bytes of a token that begins with `>` that were stepped over */
};

struct checker {
    struct side before;
    struct side after;
    uint8_t *dropped; /* of `before`: closing braces whose partner went */
    bool in_use;      /* behind `use` and before its semicolon */
};

/* ---- Tokens ---- */

static enum rn_token_kind kind_at(const struct side *side, uint32_t index)
{
    return (enum rn_token_kind)side->items[index].kind;
}

/* `>>`, `>=` and `>>=` count as their parts, as they may be parted behind generic arguments. */
static bool is_angles(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_GT_GT || kind == RN_TOKEN_GT_EQ || kind == RN_TOKEN_GT_GT_EQ;
}

static struct rn_utf8 piece(const struct side *side)
{
    const struct rn_token *token = &side->items[side->at];
    uint32_t start = token->start + side->cut;
    uint32_t end = is_angles(kind_at(side, side->at)) ? start + 1 : token->end;
    return (struct rn_utf8){side->text + start, end - start};
}

static void step(struct side *side)
{
    const struct rn_token *token = &side->items[side->at];
    side->cut++;
    if (!is_angles((enum rn_token_kind)token->kind) || token->start + side->cut == token->end) {
        side->at++;
        side->cut = 0;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Equal but for blanks at the ends of lines and, if `indented`, at their beginnings. */
static bool same_lines(struct rn_utf8 a, struct rn_utf8 b, bool indented)
{
    size_t i = 0;
    size_t j = 0;
    bool start = indented;
    for (;;) {
        size_t x = i;
        size_t y = j;
        while (x < a.size && is_blank(a.data[x])) {
            x++;
        }
        while (y < b.size && is_blank(b.data[y])) {
            y++;
        }
        bool ends = (x == a.size || a.data[x] == '\n') && (y == b.size || b.data[y] == '\n');
        if (start || ends) {
            i = x;
            j = y;
        }
        if (i == a.size || j == b.size) {
            return i == a.size && j == b.size;
        }
        if (a.data[i] != b.data[j]) {
            return false;
        }
        start = indented && a.data[i] == '\n';
        i++;
        j++;
    }
}

static bool is_doc(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_DOC_OUTER || kind == RN_TOKEN_DOC_INNER;
}

static bool same_token(const struct side *a, const struct side *b)
{
    enum rn_token_kind x = kind_at(a, a->at);
    enum rn_token_kind y = kind_at(b, b->at);
    struct rn_utf8 first = piece(a);
    struct rn_utf8 second = piece(b);
    if (is_doc(x) && x == y) {
        return same_lines(first, second, false);
    }
    bool same_kind = x == y || is_angles(x) || is_angles(y);
    return same_kind && first.size == second.size &&
           memcmp(first.data, second.data, first.size) == 0;
}

/* ---- Edits ---- */

static bool is_closer(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_PAREN_CLOSE || kind == RN_TOKEN_BRACKET_CLOSE ||
           kind == RN_TOKEN_BRACE_CLOSE || kind == RN_TOKEN_PIPE;
}

/* Behind it a parenthesis holds arguments, not a tuple. */
static bool is_callee(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_IDENT || kind == RN_TOKEN_SELF || kind == RN_TOKEN_SELF_TYPE ||
           kind == RN_TOKEN_SUPER || kind == RN_TOKEN_CRATE || kind == RN_TOKEN_GT ||
           kind == RN_TOKEN_PAREN_CLOSE || kind == RN_TOKEN_BRACKET_CLOSE ||
           kind == RN_TOKEN_BANG || kind == RN_TOKEN_QUESTION || kind == RN_TOKEN_NUMBER;
}

static bool is_opener(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_PAREN_OPEN || kind == RN_TOKEN_BRACKET_OPEN ||
           kind == RN_TOKEN_BRACE_OPEN || kind == RN_TOKEN_TEMPLATE_OPEN ||
           kind == RN_TOKEN_HOLE_OPEN;
}

/* The opening token whose partner is `close`: near the end, from behind. */
static uint32_t find_open(const struct side *side, uint32_t close)
{
    for (uint32_t i = close; i > 0; i--) {
        if (is_opener(kind_at(side, i - 1)) && side->items[i - 1].value == close) {
            return i - 1;
        }
    }
    return 0;
}

/* Commas directly between `open` and its partner, counted up to two. */
static unsigned count_commas(const struct side *side, uint32_t open)
{
    unsigned commas = 0;
    uint32_t close = side->items[open].value;
    for (uint32_t i = open + 1; i < close && commas < 2; i++) {
        if (is_opener(kind_at(side, i)) && side->items[i].value > i) {
            i = side->items[i].value;
        } else {
            commas += kind_at(side, i) == RN_TOKEN_COMMA;
        }
    }
    return commas;
}

/* May the comma at `comma` of that side be missing on the other one? */
static bool comma_is_free(const struct side *side, uint32_t comma)
{
    enum rn_token_kind next = kind_at(side, comma + 1);
    if (next == RN_TOKEN_PAREN_CLOSE) {
        uint32_t open = find_open(side, comma + 1);
        return open > 0 && (is_callee(kind_at(side, open - 1)) || count_commas(side, open) > 1);
    }
    return is_closer(next) || kind_at(side, comma - 1) == RN_TOKEN_BRACE_CLOSE;
}

static bool semi_is_free(const struct checker *c)
{
    const struct side *side = &c->before;
    enum rn_token_kind next = kind_at(side, side->at + 1);
    return kind_at(side, side->at - 1) == RN_TOKEN_BRACE_CLOSE && next != RN_TOKEN_BRACE_CLOSE &&
           next != RN_TOKEN_EOF;
}

/* A brace of an import around a single name. */
static bool drop_use_brace(struct checker *c)
{
    struct side *side = &c->before;
    uint32_t close = side->items[side->at].value;
    if (!c->in_use || kind_at(side, side->at) != RN_TOKEN_BRACE_OPEN || close == 0) {
        return false;
    }
    unsigned commas = count_commas(side, side->at);
    bool single = commas == 0 || (commas == 1 && kind_at(side, close - 1) == RN_TOKEN_COMMA);
    if (!single || kind_at(side, side->at + 1) != RN_TOKEN_IDENT) {
        return false;
    }
    c->dropped[close] = 1;
    step(side);
    return true;
}

/* True if an edit explains the difference; the sides have moved. */
static bool explain(struct checker *c)
{
    struct side *before = &c->before;
    struct side *after = &c->after;
    if (c->dropped[before->at] != 0) {
        step(before);
        return true;
    }
    if (kind_at(before, before->at) == RN_TOKEN_COMMA &&
        (comma_is_free(before, before->at) || c->dropped[before->at + 1] != 0)) {
        step(before);
        return true;
    }
    if (kind_at(after, after->at) == RN_TOKEN_COMMA && comma_is_free(after, after->at)) {
        step(after);
        return true;
    }
    if (kind_at(before, before->at) == RN_TOKEN_SEMI && semi_is_free(c)) {
        step(before);
        return true;
    }
    return drop_use_brace(c);
}

static void follow_use(struct checker *c)
{
    enum rn_token_kind kind = kind_at(&c->before, c->before.at);
    if (kind == RN_TOKEN_USE || kind == RN_TOKEN_SEMI) {
        c->in_use = kind == RN_TOKEN_USE;
    }
}

static bool compare_tokens(struct checker *c)
{
    struct side *before = &c->before;
    struct side *after = &c->after;
    while (before->at < before->count && after->at < after->count) {
        // A brace that is to go must not be taken for another one that stays.
        if (c->dropped[before->at] == 0 && same_token(before, after)) {
            follow_use(c);
            step(before);
            step(after);
        } else if (!explain(c)) {
            return false;
        }
    }
    return before->at == before->count && after->at == after->count;
}

/* ---- Comments ---- */

struct comments {
    const struct rn_source_reading *reading;
    const struct rn_token *items;
    const char *text;
    uint32_t token; /* the gap before it is looked at */
    uint32_t at;
};

/* The next comment, without the blanks at its end; false if there is none. */
static bool next_comment(struct comments *c, struct rn_utf8 *out_comment)
{
    uint32_t count = c->reading->tokens.count;
    for (; c->token < count; c->at = c->items[c->token++].end) {
        uint32_t limit = c->items[c->token].start;
        for (; c->at + 1 < limit; c->at++) {
            const char *start = c->text + c->at;
            if (start[0] != '/' || (start[1] != '/' && start[1] != '*')) {
                continue;
            }
            bool line = start[1] == '/';
            const char *end = line ? memchr(start, '\n', limit - c->at)
                                   : memmem(start + 2, limit - c->at - 2, "*/", 2);
            size_t size = end == NULL ? limit - c->at : (size_t)(end - start) + (line ? 0 : 2);
            *out_comment = (struct rn_utf8){start, size};
            c->at += (uint32_t)size;
            return true;
        }
    }
    return false;
}

static bool compare_comments(const struct rn_source_reading *before,
                             const struct rn_source_reading *after, uint32_t *out_place)
{
    struct comments a = {before, before->written, before->tokens.text.data, 1, before->front};
    struct comments b = {after, after->written, after->tokens.text.data, 1, after->front};
    struct rn_utf8 first;
    struct rn_utf8 second;
    while (next_comment(&a, &first)) {
        if (!next_comment(&b, &second) || !same_lines(first, second, true)) {
            *out_place = (uint32_t)(first.data - a.text);
            return false;
        }
    }
    *out_place = (uint32_t)before->tokens.text.size;
    return !next_comment(&b, &second);
}

/* ---- The whole ---- */

static struct side side_of(const struct rn_source_reading *reading)
{
    return (struct side){.items = reading->written,
                         .text = reading->tokens.text.data,
                         .at = 1,
                         .count = reading->tokens.count};
}

enum rn_error rn_format_same(const struct rn_source_reading *before,
                             const struct rn_source_reading *after, bool *out_same,
                             uint32_t *out_place)
{
    struct checker c = {.before = side_of(before), .after = side_of(after)};
    c.dropped = rn_alloc((size_t)before->tokens.count + 2);
    *out_place = 0;
    if (c.dropped == NULL) {
        return RN_E_NO_MEMORY;
    }
    bool same = compare_tokens(&c);
    if (!same) {
        uint32_t at = c.before.at < c.before.count ? c.before.at : c.before.count - 1;
        *out_place = c.before.items[at].start;
    }
    rn_free(c.dropped);
    *out_same = same && compare_comments(before, after, out_place);
    return RN_OK;
}
