/* parser.c: the parts that all constructs share. */
#include "compiler/parser_internal.h"

#include "base/alloc.h"

#include <string.h>

/* ---- Tokens ---- */

struct rn_span rn_p_token_span(const struct rn_parser *p, uint32_t index)
{
    const struct rn_token *token = &p->items[index];
    return (struct rn_span){p->tokens->source, token->start, token->end};
}

struct rn_span rn_p_span(const struct rn_parser *p)
{
    if (p->at < p->end) {
        return rn_p_token_span(p, p->at);
    }
    uint32_t end = p->items[p->end - 1].end;
    return (struct rn_span){p->tokens->source, end, end};
}

struct rn_span rn_p_span_from(const struct rn_parser *p, uint32_t first)
{
    uint32_t start = p->items[first].start;
    uint32_t end = p->at > first ? p->items[p->at - 1].end : start;
    return (struct rn_span){p->tokens->source, start, end};
}

struct rn_span rn_span_join(struct rn_span a, struct rn_span b)
{
    RN_ASSERT(a.source == b.source);
    return (struct rn_span){a.source, a.start < b.start ? a.start : b.start,
                            a.end > b.end ? a.end : b.end};
}

/* "identifier `x`", or the description of the kind. */
static void describe_current(const struct rn_parser *p, struct rn_buf *out)
{
    const struct rn_token *token = rn_p_peek(p, 0);
    rn_buf_append_text(out, rn_token_description((enum rn_token_kind)token->kind));
    bool varies = token->kind == RN_TOKEN_IDENT || token->kind == RN_TOKEN_NUMBER ||
                  token->kind == RN_TOKEN_LABEL;
    if (varies && token->end - token->start <= 40) {
        rn_buf_append_text(out, " `");
        rn_buf_append(out, p->tokens->text.data + token->start, token->end - token->start);
        rn_buf_append_text(out, "`");
    }
}

const char *rn_p_foreign_word(const struct rn_parser *p, struct rn_span span)
{
    static const char *const words[][2] = {
        {"and", "there is no `and`, write `&&`"},
        {"or", "there is no `or`, write `||`"},
        {"not", "there is no `not` but in `is not`, write `!`"},
        {"elif", "there is no `elif`, write `else if`"},
        {"elsif", "there is no `elsif`, write `else if`"},
        {"elseif", "there is no `elseif`, write `else if`"},
        {"throw", "there are no exceptions: `return Err(..)` says that something failed, `panic!` "
                  "ends the script"},
        {"raise", "there are no exceptions: `return Err(..)` says that something failed, `panic!` "
                  "ends the script"},
        {"function", "functions are declared with `fn`"},
        {"func", "functions are declared with `fn`"},
        {"fun", "functions are declared with `fn`"},
        {"def", "functions are declared with `fn`"},
        {"var", "variables are declared with `let`"},
    };
    const char *text = p->tokens->text.data + span.start;
    size_t size = span.end - span.start;
    for (size_t i = 0; i < RN_COUNT_OF(words); i++) {
        if (strlen(words[i][0]) == size && memcmp(words[i][0], text, size) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}

/* Whether there is one of `kind` among the next tokens, or the last ones, in what may be one expression. */
static bool is_near(const struct rn_parser *p, enum rn_token_kind kind, int step)
{
    uint32_t at = p->at;
    for (unsigned i = 0; i < 16 && at > 0 && at < p->end; i++) {
        at += (uint32_t)step;
        enum rn_token_kind found =
            at < p->end ? (enum rn_token_kind)p->items[at].kind : RN_TOKEN_SEMI;
        if (found == kind) {
            return true;
        }
        if (found == RN_TOKEN_SEMI || found == RN_TOKEN_COMMA || found == RN_TOKEN_BRACE_OPEN ||
            found == RN_TOKEN_BRACE_CLOSE) {
            return false;
        }
    }
    return false;
}

/* `a ? b : c`, read as `a?` and something else behind it, or up to the colon. */
static bool is_ternary(const struct rn_parser *p)
{
    if (rn_p_is(p, RN_TOKEN_COLON)) {
        return is_near(p, RN_TOKEN_QUESTION, -1);
    }
    return p->items[p->at - 1].kind == RN_TOKEN_QUESTION && is_near(p, RN_TOKEN_COLON, 1);
}

/* What other languages have at the current token and this one has not, or NULL. */
static const char *foreign(const struct rn_parser *p)
{
    const struct rn_token *token = rn_p_peek(p, 0);
    const struct rn_token *before = &p->items[p->at - 1];
    enum rn_token_kind kind = rn_p_kind(p);
    bool adjacent = p->at < p->end && before->end == token->start;
    if (kind == RN_TOKEN_PLUS && before->kind == RN_TOKEN_PLUS && adjacent) {
        return "there is no `++`, write `+= 1`";
    }
    if (kind == RN_TOKEN_STRING && adjacent && before->kind == RN_TOKEN_IDENT) {
        return "strings have no prefixes but `b`";
    }
    if (kind == RN_TOKEN_EQ && adjacent && before->kind == RN_TOKEN_EQ_EQ) {
        return "there is no `===`, write `==`";
    }
    if (is_ternary(p)) {
        return "there is no `a ? b : c`, write `if a { b } else { c }`";
    }
    return kind == RN_TOKEN_IDENT || kind == RN_TOKEN_NOT ? rn_p_foreign_word(p, rn_p_span(p))
                                                          : NULL;
}

static void hint(struct rn_parser *p)
{
    const char *help = p->at > 0 ? foreign(p) : NULL;
    if (help != NULL) {
        rn_diagnostic_help(p->diagnostics, p->complaint, "%s", help);
    }
}

bool rn_p_fail_expected(struct rn_parser *p, const char *what)
{
    if (p->no_memory) {
        return false;
    }
    if (rn_p_is(p, RN_TOKEN_ERROR)) {
        rn_p_report_lexical(p, p->at);
        return false;
    }
    if (p->failed == p->at) {
        return false; // one complaint per place
    }
    p->failed = p->at;
    struct rn_buf got;
    uint8_t storage[96];
    rn_buf_init_fixed(&got, storage, sizeof storage);
    describe_current(p, &got);
    p->complaint = rn_diagnose(p->diagnostics, EXPECTED, rn_p_span(p), rn_text(what),
                               {(const char *)got.data, got.size});
    hint(p);
    rn_p_label_overlong(p, p->complaint);
    return false;
}

/* A semicolon is missing at the end of a line rather than at the start of the next. */
static void label_missing_semi(struct rn_parser *p)
{
    const struct rn_token *before = &p->items[p->at - 1];
    uint32_t end = rn_p_span(p).start;
    if (memchr(p->tokens->text.data + before->end, '\n', end - before->end) != NULL) {
        struct rn_span span = {p->tokens->source, before->end, before->end};
        rn_diagnostic_label(p->diagnostics, p->complaint, span, "add `;` here");
    }
}

bool rn_p_expect(struct rn_parser *p, enum rn_token_kind kind)
{
    if (rn_p_eat(p, kind)) {
        return true;
    }
    p->complaint = NULL;
    rn_p_fail_expected(p, rn_token_description(kind));
    if (kind == RN_TOKEN_SEMI && p->complaint != NULL) {
        label_missing_semi(p);
    }
    return false;
}

bool rn_p_expect_helped(struct rn_parser *p, enum rn_token_kind kind, const char *help)
{
    if (rn_p_expect(p, kind)) {
        return true;
    }
    if (help != NULL && p->complaint != NULL) {
        rn_diagnostic_help(p->diagnostics, p->complaint, "%s", help);
    }
    return false;
}

void rn_p_unsupported(struct rn_parser *p, struct rn_span span, const char *what)
{
    rn_diagnose(p->diagnostics, UNSUPPORTED, span, rn_text(what));
}

void rn_p_skip_to(struct rn_parser *p, uint32_t index)
{
    while (p->at < index && p->at < p->end) {
        if (p->items[p->at].kind == RN_TOKEN_ERROR) {
            rn_p_report_lexical(p, p->at);
        }
        p->at++;
    }
}

bool rn_p_enter(struct rn_parser *p)
{
    if (p->depth < RN_NESTING_MAX) {
        p->depth++;
        return true;
    }
    struct rn_number_text number;
    rn_diagnose(p->diagnostics, NESTING, rn_p_span(p), rn_text_u64(&number, RN_NESTING_MAX));
    return false;
}

bool rn_p_grow(struct rn_parser *p, uint32_t height, struct rn_span span)
{
    p->height = height + 1;
    if (p->height <= p->height_max) {
        return true;
    }
    struct rn_number_text number;
    rn_diagnose(p->diagnostics, NESTING, span, rn_text_u64(&number, p->height_max));
    return false;
}

/* ---- Memory ---- */

void *rn_p_alloc(struct rn_parser *p, size_t size)
{
    void *block = rn_arena_alloc(p->arena, size);
    if (block == NULL) {
        p->no_memory = true;
        p->at = p->end;
    }
    return block;
}

static bool grow_scratch(struct rn_parser *p, size_t size)
{
    size_t capacity = p->scratch_capacity == 0 ? 4096 : p->scratch_capacity * 2;
    while (capacity - p->scratch_size < size) {
        capacity *= 2;
    }
    uint8_t *grown = rn_realloc(p->scratch, capacity);
    if (grown == NULL) {
        p->no_memory = true;
        p->at = p->end;
        return false;
    }
    p->scratch = grown;
    p->scratch_capacity = capacity;
    return true;
}

bool rn_p_push(struct rn_parser *p, const void *element, size_t size)
{
    if (p->scratch_capacity - p->scratch_size < size && !grow_scratch(p, size)) {
        return false;
    }
    memcpy(p->scratch + p->scratch_size, element, size);
    p->scratch_size += size;
    return true;
}

void *rn_p_take(struct rn_parser *p, size_t mark, size_t size, uint32_t *out_count)
{
    size_t bytes = p->scratch_size - mark;
    p->scratch_size = mark;
    *out_count = (uint32_t)(bytes / size);
    if (bytes == 0) {
        return NULL;
    }
    void *copy = rn_p_alloc(p, bytes);
    if (copy == NULL) {
        *out_count = 0;
        return NULL;
    }
    memcpy(copy, p->scratch + mark, bytes);
    return copy;
}

/* ---- Delimited lists ---- */

uint32_t rn_p_partner(const struct rn_parser *p, uint32_t open)
{
    uint32_t partner = p->items[open].value;
    return partner > open && partner < p->end ? partner : 0;
}

void rn_p_abandon(struct rn_parser *p, uint32_t open)
{
    uint32_t partner = rn_p_partner(p, open);
    if (partner != 0 && partner >= p->at) {
        rn_p_skip_to(p, partner + 1);
    }
}

bool rn_p_fail_unclosed(struct rn_parser *p, uint32_t open)
{
    // A literal or comment that the end cuts off is the better explanation.
    uint32_t last = p->end - 1;
    if (p->items[last].kind == RN_TOKEN_ERROR && last > open) {
        rn_p_report_lexical(p, last);
    } else if (p->failed != p->end) {
        rn_diagnose(p->diagnostics, UNCLOSED_DELIMITER, rn_p_token_span(p, open),
                    rn_text(rn_token_description((enum rn_token_kind)p->items[open].kind)));
    }
    p->failed = p->end;
    rn_p_skip_to(p, p->limit);
    return false;
}

/* Expected a comma or the end of a list; says where the list began if the source ends. */
static void fail_list(struct rn_parser *p, enum rn_token_kind close)
{
    char text[32];
    const char *description = rn_token_description(close);
    size_t size = strlen(description);
    memcpy(text, "`,` or ", 7);
    memcpy(text + 7, description, size + 1);
    rn_p_fail_expected(p, text);
}

static bool list_elements(struct rn_parser *p, enum rn_token_kind close,
                          bool (*element)(struct rn_parser *p, void *context), void *context)
{
    uint32_t height = 0;
    while (!rn_p_is(p, close)) {
        p->height = 0;
        if (!element(p, context)) {
            return false;
        }
        height = rn_p_max(height, p->height);
        if (!rn_p_eat(p, RN_TOKEN_COMMA) && !rn_p_is(p, close)) {
            fail_list(p, close);
            return false;
        }
    }
    p->at++;
    p->height = height;
    return true;
}

bool rn_p_list(struct rn_parser *p, enum rn_token_kind open,
               bool (*element)(struct rn_parser *p, void *context), void *context)
{
    uint32_t first = p->at;
    size_t mark = rn_p_mark(p);
    if (!rn_p_expect(p, open)) {
        return false;
    }
    if (list_elements(p, (enum rn_token_kind)((int)open + 1), element, context)) {
        return true;
    }
    rn_p_drop(p, mark);
    rn_p_abandon(p, first);
    return false;
}

/* ---- Names and paths ---- */

bool rn_p_name(struct rn_parser *p, struct rn_ast_name *out_name)
{
    if (!rn_p_is(p, RN_TOKEN_IDENT)) {
        return rn_p_fail_expected(p, "identifier");
    }
    *out_name = (struct rn_ast_name){p->items[p->at].value, rn_p_token_span(p, p->at)};
    p->at++;
    return true;
}

bool rn_p_label(struct rn_parser *p, struct rn_ast_name *out_name)
{
    if (!rn_p_is(p, RN_TOKEN_LABEL)) {
        return rn_p_fail_expected(p, "label");
    }
    *out_name = (struct rn_ast_name){p->items[p->at].value, rn_p_token_span(p, p->at)};
    p->at++;
    return true;
}

static bool starts_segment(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_IDENT || kind == RN_TOKEN_SELF || kind == RN_TOKEN_SELF_TYPE ||
           kind == RN_TOKEN_CRATE || kind == RN_TOKEN_SUPER || kind == RN_TOKEN_LT;
}

bool rn_p_is_path(const struct rn_parser *p)
{
    return rn_p_is(p, RN_TOKEN_COLON_COLON) || starts_segment(rn_p_kind(p));
}

/* A `>` that may be the first half of a longer token. */
static bool eat_generics_close(struct rn_parser *p)
{
    if (rn_p_eat(p, RN_TOKEN_GT)) {
        return true;
    }
    static const struct {
        enum rn_token_kind from;
        enum rn_token_kind rest;
    } splits[] = {
        {RN_TOKEN_GT_GT, RN_TOKEN_GT},
        {RN_TOKEN_GT_EQ, RN_TOKEN_EQ},
        {RN_TOKEN_GT_GT_EQ, RN_TOKEN_GT_EQ},
    };
    for (size_t i = 0; i < RN_COUNT_OF(splits); i++) {
        if (rn_p_is(p, splits[i].from)) {
            p->items[p->at].kind = (uint8_t)splits[i].rest;
            p->items[p->at].start++;
            return true;
        }
    }
    return false;
}

static bool is_generics_close(const struct rn_parser *p)
{
    enum rn_token_kind kind = rn_p_kind(p);
    return kind == RN_TOKEN_GT || kind == RN_TOKEN_GT_GT || kind == RN_TOKEN_GT_EQ ||
           kind == RN_TOKEN_GT_GT_EQ;
}

static bool parse_generics(struct rn_parser *p, struct rn_ast_segment *segment)
{
    size_t mark = rn_p_mark(p);
    p->at++;
    uint32_t height = 0;
    while (!is_generics_close(p)) {
        struct rn_ast_expr *argument = rn_p_type_argument(p);
        if (argument == NULL || !rn_p_push(p, &argument, sizeof argument)) {
            rn_p_drop(p, mark);
            return false;
        }
        height = rn_p_max(height, p->height);
        if (!rn_p_eat(p, RN_TOKEN_COMMA) && !is_generics_close(p)) {
            rn_p_drop(p, mark);
            return rn_p_fail_expected(p, "`,` or `>`");
        }
    }
    eat_generics_close(p);
    segment->kind = RN_SEGMENT_GENERICS;
    segment->generics = rn_p_take(p, mark, sizeof(struct rn_ast_expr *), &segment->generic_count);
    return rn_p_grow(p, height, rn_p_span(p));
}

bool rn_p_segment(struct rn_parser *p, struct rn_ast_segment *out_segment)
{
    uint32_t first = p->at;
    const struct rn_token *token = rn_p_peek(p, 0);
    *out_segment = (struct rn_ast_segment){0};
    out_segment->name.span = rn_p_span(p);
    switch ((int)token->kind) {
    case RN_TOKEN_IDENT:
        out_segment->kind = RN_SEGMENT_IDENT;
        out_segment->name.symbol = token->value;
        break;
    case RN_TOKEN_SELF:
        out_segment->kind = RN_SEGMENT_SELF;
        break;
    case RN_TOKEN_SELF_TYPE:
        out_segment->kind = RN_SEGMENT_SELF_TYPE;
        break;
    case RN_TOKEN_CRATE:
        out_segment->kind = RN_SEGMENT_CRATE;
        break;
    case RN_TOKEN_SUPER:
        out_segment->kind = RN_SEGMENT_SUPER;
        break;
    case RN_TOKEN_LT:
        if (!parse_generics(p, out_segment)) {
            return false;
        }
        out_segment->name.span = rn_p_span_from(p, first);
        return true;
    default:
        return rn_p_fail_expected(p, "path segment");
    }
    p->at++;
    return true;
}

/* Further segments; most paths have none. */
static bool parse_segments(struct rn_parser *p, struct rn_ast_path *path,
                           const struct rn_ast_segment *first)
{
    size_t mark = rn_p_mark(p);
    if (!rn_p_push(p, first, sizeof *first)) {
        return false;
    }
    uint32_t height = p->height;
    while (rn_p_eat(p, RN_TOKEN_COLON_COLON)) {
        struct rn_ast_segment segment;
        p->height = 0;
        if (!rn_p_segment(p, &segment) || !rn_p_push(p, &segment, sizeof segment)) {
            rn_p_drop(p, mark);
            return false;
        }
        height = rn_p_max(height, p->height);
    }
    path->segments = rn_p_take(p, mark, sizeof *first, &path->count);
    p->height = height;
    return path->segments != NULL;
}

struct rn_ast_path *rn_p_path(struct rn_parser *p)
{
    uint32_t first = p->at;
    struct {
        struct rn_ast_path path;
        struct rn_ast_segment segment;
    } *node = rn_p_alloc(p, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    struct rn_ast_path *path = &node->path;
    path->global = rn_p_eat(p, RN_TOKEN_COLON_COLON);
    p->height = 0;
    if (!rn_p_segment(p, &node->segment)) {
        return NULL;
    }
    path->segments = &node->segment;
    path->count = 1;
    if (rn_p_is(p, RN_TOKEN_COLON_COLON) && !parse_segments(p, path, &node->segment)) {
        return NULL;
    }
    path->span = rn_p_span_from(p, first);
    return rn_p_grow(p, p->height, path->span) ? path : NULL;
}

/* ---- Attributes and visibility ---- */

static void read_doc(struct rn_parser *p, struct rn_ast_attribute *attribute)
{
    const struct rn_token *token = rn_p_peek(p, 0);
    const char *text = p->tokens->text.data;
    uint32_t after = text[token->start + 1] == '*' ? 2 : 0;
    attribute->is_doc_comment = true;
    attribute->inner = token->kind == RN_TOKEN_DOC_INNER;
    attribute->doc =
        (struct rn_utf8){text + token->start + 3, token->end - token->start - 3 - after};
    p->at++;
}

static bool read_attribute(struct rn_parser *p, struct rn_ast_attribute *attribute)
{
    p->at++;
    attribute->inner = rn_p_eat(p, RN_TOKEN_BANG);
    uint32_t open = p->at;
    if (!rn_p_expect(p, RN_TOKEN_BRACKET_OPEN)) {
        return false;
    }
    attribute->path = rn_p_path(p);
    if (attribute->path == NULL) {
        rn_p_abandon(p, open);
        return false;
    }
    uint32_t close = rn_p_partner(p, open);
    if (close == 0) {
        return rn_p_fail_unclosed(p, open);
    }
    attribute->input = (struct rn_token_run){p->tokens, p->at, close};
    rn_p_skip_to(p, close + 1);
    return true;
}

static bool starts_attribute(const struct rn_parser *p, bool only_inner)
{
    enum rn_token_kind kind = rn_p_kind(p);
    enum rn_token_kind next = rn_p_kind_at(p, 1);
    if (kind == RN_TOKEN_DOC_INNER || (kind == RN_TOKEN_POUND && next == RN_TOKEN_BANG)) {
        return true;
    }
    return !only_inner && (kind == RN_TOKEN_DOC_OUTER ||
                           (kind == RN_TOKEN_POUND && next == RN_TOKEN_BRACKET_OPEN));
}

bool rn_p_attributes(struct rn_parser *p, bool only_inner, struct rn_ast_attributes *out_attributes)
{
    *out_attributes = (struct rn_ast_attributes){0};
    if (RN_LIKELY(!starts_attribute(p, only_inner))) {
        return true;
    }
    size_t mark = rn_p_mark(p);
    while (starts_attribute(p, only_inner)) {
        uint32_t first = p->at;
        struct rn_ast_attribute attribute = {0};
        if (!rn_p_is(p, RN_TOKEN_POUND)) {
            read_doc(p, &attribute);
        } else if (!read_attribute(p, &attribute)) {
            rn_p_drop(p, mark);
            return false;
        }
        attribute.span = rn_p_span_from(p, first);
        if (!rn_p_push(p, &attribute, sizeof attribute)) {
            return false;
        }
    }
    out_attributes->items =
        rn_p_take(p, mark, sizeof(struct rn_ast_attribute), &out_attributes->count);
    return !p->no_memory;
}

static bool read_restriction(struct rn_parser *p, struct rn_ast_visibility *visibility)
{
    switch ((int)rn_p_kind(p)) {
    case RN_TOKEN_CRATE:
        visibility->kind = RN_VISIBILITY_CRATE;
        break;
    case RN_TOKEN_SUPER:
        visibility->kind = RN_VISIBILITY_SUPER;
        break;
    case RN_TOKEN_SELF:
        visibility->kind = RN_VISIBILITY_SELF;
        break;
    case RN_TOKEN_IN:
        visibility->kind = RN_VISIBILITY_IN;
        p->at++;
        return rn_p_path(p) != NULL;
    default:
        return rn_p_fail_expected(p, "`crate`, `super`, `self` or `in`");
    }
    p->at++;
    return true;
}

bool rn_p_visibility(struct rn_parser *p, struct rn_ast_visibility *out_visibility)
{
    uint32_t first = p->at;
    *out_visibility = (struct rn_ast_visibility){.kind = RN_VISIBILITY_PRIVATE};
    if (!rn_p_eat(p, RN_TOKEN_PUB)) {
        return true;
    }
    out_visibility->kind = RN_VISIBILITY_PUB;
    uint32_t open = p->at;
    if (rn_p_eat(p, RN_TOKEN_PAREN_OPEN) &&
        !(read_restriction(p, out_visibility) && rn_p_expect(p, RN_TOKEN_PAREN_CLOSE))) {
        rn_p_abandon(p, open);
        return false;
    }
    out_visibility->span = rn_p_span_from(p, first);
    return true;
}

/* ---- Macro calls ---- */

static bool is_open(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_PAREN_OPEN || kind == RN_TOKEN_BRACKET_OPEN ||
           kind == RN_TOKEN_BRACE_OPEN;
}

/*
 * Where the input of a macro ends if delimiters are counted whatever their kind, as Rune counts them; at
 * a lexical error, if one comes first. 0: nowhere.
 */
static uint32_t find_level_end(const struct rn_parser *p, uint32_t open)
{
    uint32_t level = 0;
    for (uint32_t i = open; i < p->end; i++) {
        enum rn_token_kind kind = (enum rn_token_kind)p->items[i].kind;
        if (kind == RN_TOKEN_ERROR) {
            return i;
        }
        if (kind < RN_TOKEN_TEMPLATE_OPEN || kind > RN_TOKEN_BRACE_CLOSE) {
            continue;
        }
        bool opens = (kind - RN_TOKEN_TEMPLATE_OPEN) % 2 == 0;
        level += opens ? 1 : UINT32_MAX;
        if (level == 0) {
            return i;
        }
    }
    return 0;
}

static uint32_t fail_macro_end(struct rn_parser *p, uint32_t open, uint32_t end)
{
    if (p->items[end].kind == RN_TOKEN_ERROR) {
        rn_p_report_lexical(p, end);
    } else {
        enum rn_token_kind kind = (enum rn_token_kind)p->items[open].kind;
        struct rn_diagnostic *d =
            rn_diagnose(p->diagnostics, UNCLOSED_DELIMITER, rn_p_token_span(p, open),
                        rn_text(rn_token_description(kind)));
        rn_diagnostic_label(p->diagnostics, d, rn_p_token_span(p, end), "%s should stand here",
                            rn_token_description((enum rn_token_kind)((int)kind + 1)));
    }
    rn_p_skip_to(p, end < p->limit ? end + 1 : p->limit);
    rn_p_abandon(p, open);
    return 0;
}

/*
 * The token that ends the input of a macro, or 0 (reported). Only the first fault of a source is
 * searched by counting: what follows it is better found by the partners.
 */
static uint32_t macro_end(struct rn_parser *p, uint32_t open)
{
    uint32_t close = rn_p_partner(p, open);
    if (p->tokens->suspect && !p->distrust) {
        uint32_t end = find_level_end(p, open);
        bool matches = p->items[end].kind == p->items[open].kind + 1;
        if (matches && end < p->limit) {
            return end;
        }
        p->distrust = true;
        if (end != 0 && !matches) {
            return fail_macro_end(p, open, end);
        }
    }
    if (close == 0) {
        rn_p_fail_unclosed(p, open);
    }
    return close;
}

struct rn_ast_macro *rn_p_macro(struct rn_parser *p, struct rn_ast_path *path)
{
    struct rn_ast_macro *macro = rn_p_alloc(p, sizeof *macro);
    if (macro == NULL || !rn_p_expect(p, RN_TOKEN_BANG)) {
        return NULL;
    }
    uint32_t open = p->at;
    if (!is_open(rn_p_kind(p))) {
        rn_p_fail_expected(p, "`(`, `[` or `{`");
        return NULL;
    }
    uint32_t close = macro_end(p, open);
    if (close == 0) {
        return NULL;
    }
    macro->path = path;
    macro->braces = rn_p_is(p, RN_TOKEN_BRACE_OPEN);
    macro->input = (struct rn_token_run){p->tokens, open + 1, close};
    p->at = close + 1;
    macro->input_span = rn_p_span_from(p, open);
    return rn_p_grow(p, 1, path->span) ? macro : NULL;
}

/* ---- Entries ---- */

static void init(struct rn_parser *p, const struct rn_parser_input *input,
                 const struct rn_tokens *tokens, uint32_t start, uint32_t end)
{
    *p = (struct rn_parser){
        .arena = input->arena,
        .symbols = input->symbols,
        .diagnostics = input->diagnostics,
        .tokens = tokens,
        .items = tokens->items,
        .at = start,
        .end = end,
        .limit = end,
        .height_max = RN_TREE_HEIGHT_MAX,
        .literals = {.arena = input->arena, .diagnostics = input->diagnostics, .tokens = tokens},
        .eof = {.kind = RN_TOKEN_EOF},
        .before = input->diagnostics->last,
    };
}

/* 0: nothing behind it can be trusted; 1: the tree is as it was meant; 2: so are its tokens. */
static unsigned rank_of(const struct rn_diagnostic *diagnostic)
{
    unsigned code = diagnostic->code;
    if (code == RN_DIAGNOSTIC_EXPECTED_BLOCK_SEMI) {
        return 1;
    }
    bool literal = code >= RN_DIAGNOSTIC_BAD_ESCAPE && code <= RN_DIAGNOSTIC_UNSIGNED_OUT_OF_BOUNDS;
    return literal || diagnostic->severity != RN_SEVERITY_ERROR ? 2 : 0;
}

/*
 * What cannot be read comes first: a semicolon or a literal that is wrong is often a consequence of
 * that, as in `f(a) b);`.
 */
static void put_in_order(struct rn_parser *p)
{
    struct rn_diagnostics *list = p->diagnostics;
    struct rn_diagnostic **head = p->before == NULL ? &list->first : &p->before->next;
    struct rn_diagnostic *ranks[3] = {0};
    struct rn_diagnostic *last[3] = {0};
    for (struct rn_diagnostic *d = *head; d != NULL; d = d->next) {
        unsigned rank = rank_of(d);
        *(last[rank] == NULL ? &ranks[rank] : &last[rank]->next) = d;
        last[rank] = d;
    }
    for (unsigned i = 0; i < RN_COUNT_OF(ranks); i++) {
        if (last[i] != NULL) {
            *head = ranks[i];
            head = &last[i]->next;
            list->last = last[i];
        }
    }
    *head = NULL;
}

static enum rn_error finish(struct rn_parser *p)
{
    rn_free(p->scratch);
    put_in_order(p);
    return p->no_memory || p->literals.no_memory ? RN_E_NO_MEMORY : RN_OK;
}

enum rn_error rn_parse_file(const struct rn_parser_input *input, const struct rn_tokens *tokens,
                            bool script, struct rn_ast_file **out_file)
{
    struct rn_parser p;
    init(&p, input, tokens, 1, tokens->count - 1);
    struct rn_ast_file *file;
    if (script) {
        file = rn_p_alloc(&p, sizeof *file);
        if (file != NULL) {
            file->body = rn_p_script(&p);
            file->span = (struct rn_span){tokens->source, 0, (uint32_t)tokens->text.size};
        }
    } else {
        file = rn_p_file(&p);
    }
    enum rn_error error = finish(&p);
    if (error == RN_OK && file == NULL) {
        error = RN_E_NO_MEMORY;
    }
    *out_file = file;
    return error;
}

/*
 * Trees of macros in macros stand on top of each other: they get lower with the level, so that all
 * together are not much higher than one.
 */
static uint32_t macro_height_max(uint32_t depth)
{
    uint32_t square = depth < 2 ? 1 : depth < 64 ? depth * depth : 64 * 64;
    uint32_t max = RN_TREE_HEIGHT_MAX / square;
    return max < 24 ? 24 : max;
}

static bool macro_arg(struct rn_parser *p, bool may_be_named)
{
    struct rn_ast_macro_arg arg = {0};
    if (may_be_named && rn_p_is(p, RN_TOKEN_IDENT) && rn_p_kind_at(p, 1) == RN_TOKEN_EQ) {
        rn_p_name(p, &arg.name);
        p->at++;
    }
    arg.expr = rn_p_expr(p);
    return arg.expr != NULL && rn_p_push(p, &arg, sizeof arg);
}

static bool macro_args(struct rn_parser *p, uint32_t named_from)
{
    for (uint32_t i = 0; p->at < p->end; i++) {
        if (!macro_arg(p, i >= named_from)) {
            return false;
        }
        if (p->at < p->end && !rn_p_expect(p, RN_TOKEN_COMMA)) {
            return false;
        }
    }
    return true;
}

enum rn_error rn_parse_macro_args(const struct rn_parser_input *input,
                                  const struct rn_token_run *run, struct rn_macro_mode mode,
                                  struct rn_ast_macro_arg **out_args, uint32_t *out_count,
                                  bool *out_good)
{
    struct rn_parser p;
    init(&p, input, run->tokens, run->start, run->end);
    p.height_max = macro_height_max(mode.depth);
    *out_args = NULL;
    *out_count = 0;
    *out_good = macro_args(&p, mode.named_from);
    if (*out_good) {
        *out_args = rn_p_take(&p, 0, sizeof(struct rn_ast_macro_arg), out_count);
    }
    return finish(&p);
}
