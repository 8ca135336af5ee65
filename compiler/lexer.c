/*
 * lexer.c: one pass over the text, longest match.
 *
 * Plain text, templates and their holes are told apart by a small stack: inside a hole braces are
 * counted, and the one that closes the hole leads back to template text. Opening delimiters are
 * linked through their `value` while they are open, and afterwards name their closing token.
 */
#include "compiler/lexer.h"

#include "base/unicode.h"

#include <string.h>

#define TEMPLATES_MAX RN_TEMPLATE_NESTING_MAX
#define KEYWORD_FIRST RN_TOKEN_ABSTRACT
#define KEYWORD_COUNT ((uint32_t)RN_TOKEN_COUNT - KEYWORD_FIRST)

struct lexer {
    struct rn_symbols *symbols;
    const char *data;
    uint32_t size;
    uint32_t at;
    struct rn_token *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t open;                  /* innermost open delimiter, or 0 */
    uint32_t braces[TEMPLATES_MAX]; /* open braces in the hole of each template */
    uint32_t starts[TEMPLATES_MAX]; /* where each template begins */
    uint32_t template_depth;
    bool in_text; /* between backtick and hole or backtick */
    bool suspect; /* see struct rn_tokens */
    bool no_memory;
};

const char *rn_token_description(enum rn_token_kind kind)
{
    static const char *const descriptions[] = {
#define TOKEN(name, text) text,
#define KEYWORD(name, text) "`" text "` keyword",
#include "compiler/tokens.def"
#undef KEYWORD
#undef TOKEN
    };
    return descriptions[kind];
}

enum rn_error rn_lexer_keywords(struct rn_symbols *symbols)
{
    static const char *const words[] = {
#define TOKEN(name, text)
#define KEYWORD(name, text) text,
#include "compiler/tokens.def"
#undef KEYWORD
#undef TOKEN
    };
    _Static_assert(RN_COUNT_OF(words) == KEYWORD_COUNT, "keywords stand last");
    for (uint32_t i = 0; i < KEYWORD_COUNT; i++) {
        rn_symbol symbol = rn_symbols_intern(symbols, words[i], strlen(words[i]));
        if (symbol == 0) {
            return RN_E_NO_MEMORY;
        }
        RN_CHECK(symbol == i + 1);
    }
    return RN_OK;
}

static bool grow(struct lexer *l)
{
    uint32_t capacity = l->capacity == 0 ? l->size / 3 + 64 : l->capacity / 2 * 3;
    struct rn_token *items = rn_arena_alloc(l->symbols->arena, capacity * sizeof *items);
    if (items == NULL) {
        l->no_memory = true;
        return false;
    }
    if (l->count != 0) {
        memcpy(items, l->items, l->count * sizeof *items);
    }
    l->items = items;
    l->capacity = capacity;
    return true;
}

static void emit(struct lexer *l, enum rn_token_kind kind, uint32_t start, uint32_t value,
                 uint32_t flags)
{
    if (RN_UNLIKELY(l->count == l->capacity) && !grow(l)) {
        return;
    }
    l->items[l->count++] = (struct rn_token){
        .start = start,
        .end = l->at,
        .value = value,
        .kind = (uint8_t)kind,
        .flags = (uint8_t)flags,
    };
}

static void emit_error(struct lexer *l, enum rn_diagnostic_code code, uint32_t start)
{
    l->suspect = true;
    emit(l, RN_TOKEN_ERROR, start, (uint32_t)code, 0);
}

/* The byte `ahead` of the current one, or 0 at the end. */
static unsigned char peek(const struct lexer *l, uint32_t ahead)
{
    return l->size - l->at > ahead ? (unsigned char)l->data[l->at + ahead] : 0;
}

static uint32_t decode(const struct lexer *l, uint32_t at, uint32_t *out_width)
{
    size_t width;
    uint32_t scalar = rn_utf8_decode(l->data, l->size, at, &width);
    *out_width = (uint32_t)width;
    return scalar;
}

/* Steps over one character. */
static void skip_char(struct lexer *l)
{
    uint32_t width;
    decode(l, l->at, &width);
    l->at += width;
}

/* ---- Delimiters ---- */

static void emit_open(struct lexer *l, enum rn_token_kind kind, uint32_t start)
{
    uint32_t index = l->count;
    emit(l, kind, start, l->open, 0);
    if (l->count > index) {
        l->open = index;
    }
}

static enum rn_token_kind closing_kind(enum rn_token_kind open)
{
    return (enum rn_token_kind)((int)open + 1);
}

/*
 * Pairs a closing token with the innermost opening one of its kind, if that is near; what was
 * opened in between stays without a partner.
 */
static void emit_close(struct lexer *l, enum rn_token_kind kind, uint32_t start)
{
    uint32_t index = l->count;
    emit(l, kind, start, 0, 0);
    uint32_t candidate = l->open;
    for (int tries = 0; candidate != 0 && tries < 64; tries++) {
        if (closing_kind((enum rn_token_kind)l->items[candidate].kind) == kind) {
            uint32_t inner = l->open;
            l->suspect = l->suspect || inner != candidate;
            while (inner != candidate) {
                uint32_t next = l->items[inner].value;
                l->items[inner].value = 0;
                inner = next;
            }
            l->open = l->items[candidate].value;
            l->items[candidate].value = index;
            return;
        }
        candidate = l->items[candidate].value;
    }
    l->suspect = true;
}

/* ---- Comments ---- */

static void lex_line_comment(struct lexer *l, uint32_t start)
{
    bool outer = peek(l, 2) == '/' && peek(l, 3) != '/';
    bool inner = peek(l, 2) == '!';
    const char *end = memchr(l->data + l->at, '\n', l->size - l->at);
    l->at = end == NULL ? l->size : (uint32_t)(end - l->data);
    if (outer || inner) {
        emit(l, inner ? RN_TOKEN_DOC_INNER : RN_TOKEN_DOC_OUTER, start, 0, 0);
    }
}

static void lex_block_comment(struct lexer *l, uint32_t start)
{
    bool outer = peek(l, 2) == '*' && peek(l, 3) != '*' && peek(l, 3) != '/';
    bool inner = peek(l, 2) == '!';
    const char *end = memmem(l->data + start + 2, l->size - start - 2, "*/", 2);
    if (end == NULL) {
        l->at = l->size;
        emit_error(l, RN_DIAGNOSTIC_UNTERMINATED_COMMENT, start);
        return;
    }
    l->at = (uint32_t)(end + 2 - l->data);
    if (outer || inner) {
        emit(l, inner ? RN_TOKEN_DOC_INNER : RN_TOKEN_DOC_OUTER, start, 0, 0);
    }
}

/* ---- Words and numbers ---- */

static bool is_ascii_continue(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void lex_word(struct lexer *l, uint32_t start)
{
    while (l->at < l->size) {
        unsigned char c = (unsigned char)l->data[l->at];
        if (RN_LIKELY(is_ascii_continue(c))) {
            l->at++;
            continue;
        }
        uint32_t width;
        if (c < 0x80 || !rn_unicode_is_xid_continue(decode(l, l->at, &width))) {
            break;
        }
        l->at += width;
    }
    uint32_t size = l->at - start;
    if (size == 1 && l->data[start] == '_') {
        emit(l, RN_TOKEN_UNDERSCORE, start, 0, 0);
        return;
    }
    rn_symbol symbol = rn_symbols_intern(l->symbols, l->data + start, size);
    if (symbol == 0) {
        l->no_memory = true;
        return;
    }
    uint32_t kind = symbol <= KEYWORD_COUNT ? KEYWORD_FIRST + symbol - 1 : RN_TOKEN_IDENT;
    emit(l, (enum rn_token_kind)kind, start, symbol, 0);
}

static bool is_hexadecimal(const struct lexer *l, uint32_t start)
{
    return l->data[start] == '0' && l->at - start > 1 && l->data[start + 1] == 'x';
}

/* A point belongs to the number unless a name or another point follows. */
static bool takes_point(const struct lexer *l)
{
    unsigned char next = peek(l, 1);
    bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
    return !letter && next != '_' && next != '.';
}

static void lex_number(struct lexer *l, uint32_t start)
{
    l->at++;
    if (l->data[start] == '0' && (peek(l, 0) == 'x' || peek(l, 0) == 'b' || peek(l, 0) == 'o')) {
        l->at++;
    }
    bool hexadecimal = is_hexadecimal(l, start);
    bool fraction = false;
    bool exponent = false;
    while (l->at < l->size) {
        unsigned char c = peek(l, 0);
        uint32_t width = 1;
        if (c == 'e' && !exponent && !hexadecimal) {
            exponent = fraction = true;
            if (peek(l, 1) == '-' || peek(l, 1) == '+') {
                width = 2;
            }
        } else if (c == '.') {
            if (fraction || !takes_point(l)) {
                break;
            }
            fraction = true;
        } else if (c >= 0x80) {
            if (!rn_unicode_is_alphanumeric(decode(l, l->at, &width))) {
                break;
            }
        } else if (!is_ascii_continue(c)) {
            break;
        }
        l->at += width;
    }
    emit(l, RN_TOKEN_NUMBER, start, 0, fraction ? RN_TOKEN_FRACTION : 0);
}

/* ---- Quoted ---- */

static void lex_string(struct lexer *l, uint32_t start, enum rn_token_kind kind)
{
    uint32_t flags = 0;
    while (l->at < l->size) {
        char c = l->data[l->at];
        if (c == '"') {
            l->at++;
            emit(l, kind, start, 0, flags);
            return;
        }
        if (c == '\\') {
            flags |= RN_TOKEN_ESCAPED;
            l->at++;
            if (l->at == l->size) {
                emit_error(l, RN_DIAGNOSTIC_EXPECTED_ESCAPE, l->size - 1);
                return;
            }
        }
        l->at++;
    }
    emit_error(l,
               kind == RN_TOKEN_STRING ? RN_DIAGNOSTIC_UNTERMINATED_STRING
                                       : RN_DIAGNOSTIC_UNTERMINATED_BYTES,
               start);
}

static bool is_label_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void emit_label(struct lexer *l, uint32_t start)
{
    rn_symbol symbol = rn_symbols_intern(l->symbols, l->data + start, l->at - start);
    l->no_memory = l->no_memory || symbol == 0;
    emit(l, RN_TOKEN_LABEL, start, symbol, 0);
}

/* What follows a single quote: 'c' or 'label. */
static void lex_char_or_label(struct lexer *l, uint32_t start)
{
    bool label = true;
    uint32_t count = 0;
    uint32_t flags = 0;
    while (l->at < l->size) {
        uint32_t width;
        uint32_t scalar = decode(l, l->at, &width);
        if (scalar == '\'') {
            l->at++;
            if (count == 0) {
                emit_error(l, RN_DIAGNOSTIC_EXPECTED_CHAR_CLOSE, start);
                return;
            }
            emit(l, RN_TOKEN_CHAR, start, 0, flags);
            return;
        }
        if (rn_unicode_is_control(scalar)) {
            break;
        }
        if (scalar == '\\') {
            flags |= RN_TOKEN_ESCAPED;
            l->at++;
            if (l->at == l->size) {
                emit_error(l, RN_DIAGNOSTIC_EXPECTED_ESCAPE, l->size - 1);
                return;
            }
            skip_char(l);
            label = false;
        } else if (is_label_char((unsigned char)peek(l, 0))) {
            l->at++;
        } else if (label && count > 0) {
            break;
        } else {
            label = false;
            l->at += width;
        }
        count++;
    }
    if (count == 0) {
        emit_error(l, RN_DIAGNOSTIC_EXPECTED_CHAR_OR_LABEL, start);
    } else if (label) {
        emit_label(l, start);
    } else {
        emit_error(l, RN_DIAGNOSTIC_UNTERMINATED_CHAR, start);
    }
}

static void lex_byte(struct lexer *l, uint32_t start)
{
    uint32_t flags = 0;
    while (l->at < l->size) {
        uint32_t width;
        uint32_t scalar = decode(l, l->at, &width);
        if (scalar == '\'') {
            l->at++;
            emit(l, RN_TOKEN_BYTE, start, 0, flags);
            return;
        }
        if (rn_unicode_is_control(scalar)) {
            emit_error(l, RN_DIAGNOSTIC_UNTERMINATED_BYTE, start);
            return;
        }
        l->at += width;
        if (scalar == '\\') {
            flags |= RN_TOKEN_ESCAPED;
            if (l->at == l->size) {
                emit_error(l, RN_DIAGNOSTIC_EXPECTED_ESCAPE, l->size - 1);
                return;
            }
            skip_char(l);
        }
    }
    emit_error(l, RN_DIAGNOSTIC_EXPECTED_BYTE_CLOSE, start);
}

/* ---- Templates ---- */

static void open_template(struct lexer *l, uint32_t start)
{
    if (l->template_depth == TEMPLATES_MAX) {
        emit_error(l, RN_DIAGNOSTIC_NESTING, start);
        l->at = l->size;
        return;
    }
    l->starts[l->template_depth] = start;
    l->braces[l->template_depth] = 0;
    l->template_depth++;
    l->in_text = true;
    emit_open(l, RN_TOKEN_TEMPLATE_OPEN, start);
}

static void emit_template_text(struct lexer *l, uint32_t start, uint32_t flags)
{
    if (l->at > start) {
        emit(l, RN_TOKEN_TEMPLATE_TEXT, start, 0, flags);
    }
}

static void close_template(struct lexer *l)
{
    uint32_t start = l->at++;
    l->template_depth--;
    l->in_text = false;
    emit_close(l, RN_TOKEN_TEMPLATE_CLOSE, start);
}

/* Text of a template up to the next hole or its end. */
static void lex_template_text(struct lexer *l)
{
    uint32_t start = l->at;
    uint32_t flags = 0;
    while (l->at < l->size) {
        char c = l->data[l->at];
        if (c == '`') {
            emit_template_text(l, start, flags);
            close_template(l);
            return;
        }
        if (c == '$' && peek(l, 1) == '{') {
            emit_template_text(l, start, flags);
            l->at += 2;
            l->in_text = false;
            emit_open(l, RN_TOKEN_HOLE_OPEN, l->at - 2);
            return;
        }
        if (c == '$' && l->at + 1 < l->size) {
            l->at++;
            uint32_t bad = l->at;
            skip_char(l);
            emit_error(l, RN_DIAGNOSTIC_UNEXPECTED_CHAR, bad);
            l->at = bad;
            start = l->at;
            continue;
        }
        if (c == '\\') {
            flags |= RN_TOKEN_ESCAPED;
            l->at++;
        }
        if (l->at < l->size) {
            skip_char(l);
        }
    }
}

/* True if the brace ended a hole. */
static bool close_hole(struct lexer *l, uint32_t start)
{
    if (l->template_depth == 0) {
        return false;
    }
    if (l->braces[l->template_depth - 1] > 0) {
        l->braces[l->template_depth - 1]--;
        return false;
    }
    emit_close(l, RN_TOKEN_HOLE_CLOSE, start);
    l->in_text = true;
    return true;
}

/* ---- Punctuation ---- */

static void emit_punct(struct lexer *l, enum rn_token_kind kind, uint32_t start, uint32_t size)
{
    l->at = start + size;
    emit(l, kind, start, 0, 0);
}

/* `c`, or `c=`. */
static void emit_or_assign(struct lexer *l, uint32_t start, enum rn_token_kind plain,
                           enum rn_token_kind assign)
{
    bool with_eq = peek(l, 0) == '=';
    emit_punct(l, with_eq ? assign : plain, start, with_eq ? 2 : 1);
}

static void lex_minus(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) == '>') {
        emit_punct(l, RN_TOKEN_ARROW, start, 2);
    } else {
        emit_or_assign(l, start, RN_TOKEN_MINUS, RN_TOKEN_MINUS_EQ);
    }
}

static void lex_slash(struct lexer *l, uint32_t start)
{
    l->at = start;
    if (peek(l, 1) == '/') {
        lex_line_comment(l, start);
    } else if (peek(l, 1) == '*') {
        lex_block_comment(l, start);
    } else {
        l->at = start + 1;
        emit_or_assign(l, start, RN_TOKEN_SLASH, RN_TOKEN_SLASH_EQ);
    }
}

static void lex_eq(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) == '>') {
        emit_punct(l, RN_TOKEN_ROCKET, start, 2);
    } else {
        emit_or_assign(l, start, RN_TOKEN_EQ, RN_TOKEN_EQ_EQ);
    }
}

/* `<` and `>` with their doubles. */
static void lex_angle(struct lexer *l, uint32_t start, enum rn_token_kind single,
                      enum rn_token_kind doubled)
{
    bool is_lt = single == RN_TOKEN_LT;
    if (peek(l, 0) == (is_lt ? '<' : '>')) {
        l->at++;
        bool with_eq = peek(l, 0) == '=';
        enum rn_token_kind assign = is_lt ? RN_TOKEN_LT_LT_EQ : RN_TOKEN_GT_GT_EQ;
        emit_punct(l, with_eq ? assign : doubled, start, with_eq ? 3 : 2);
    } else {
        emit_or_assign(l, start, single, is_lt ? RN_TOKEN_LT_EQ : RN_TOKEN_GT_EQ);
    }
}

static void lex_amp(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) == '&') {
        emit_punct(l, RN_TOKEN_AMP_AMP, start, 2);
    } else {
        emit_or_assign(l, start, RN_TOKEN_AMP, RN_TOKEN_AMP_EQ);
    }
}

static void lex_pipe(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) == '|') {
        emit_punct(l, RN_TOKEN_PIPE_PIPE, start, 2);
    } else {
        emit_or_assign(l, start, RN_TOKEN_PIPE, RN_TOKEN_PIPE_EQ);
    }
}

static void lex_dot(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) != '.') {
        emit_punct(l, RN_TOKEN_DOT, start, 1);
    } else if (peek(l, 1) == '=') {
        emit_punct(l, RN_TOKEN_DOT_DOT_EQ, start, 3);
    } else {
        emit_punct(l, RN_TOKEN_DOT_DOT, start, 2);
    }
}

static void lex_colon(struct lexer *l, uint32_t start)
{
    bool twice = peek(l, 0) == ':';
    emit_punct(l, twice ? RN_TOKEN_COLON_COLON : RN_TOKEN_COLON, start, twice ? 2 : 1);
}

static void lex_brace_open(struct lexer *l, uint32_t start)
{
    if (l->template_depth > 0) {
        l->braces[l->template_depth - 1]++;
    }
    emit_open(l, RN_TOKEN_BRACE_OPEN, start);
}

static void lex_brace_close(struct lexer *l, uint32_t start)
{
    if (!close_hole(l, start)) {
        emit_close(l, RN_TOKEN_BRACE_CLOSE, start);
    }
}

static void lex_b(struct lexer *l, uint32_t start)
{
    if (peek(l, 0) == '\'') {
        l->at++;
        lex_byte(l, start);
    } else if (peek(l, 0) == '"') {
        l->at++;
        lex_string(l, start, RN_TOKEN_BYTE_STRING);
    } else {
        lex_word(l, start);
    }
}

/* A character beyond ASCII outside of quotes. */
static void lex_wide(struct lexer *l, uint32_t start)
{
    l->at = start;
    uint32_t width;
    uint32_t scalar = decode(l, start, &width);
    l->at += width;
    if (rn_unicode_is_xid_start(scalar)) {
        lex_word(l, start);
    } else if (!rn_unicode_is_whitespace(scalar)) {
        emit_error(l, RN_DIAGNOSTIC_UNEXPECTED_CHAR, start);
    }
}

/* One token or one run of what is skipped. Long by nature: one arm per first character. */
static void lex_token(struct lexer *l)
{
    uint32_t start = l->at++;
    unsigned char c = (unsigned char)l->data[start];
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
        return;
    case 'b':
        lex_b(l, start);
        return;
    case '"':
        lex_string(l, start, RN_TOKEN_STRING);
        return;
    case '\'':
        lex_char_or_label(l, start);
        return;
    case '`':
        open_template(l, start);
        return;
    case '(':
        emit_open(l, RN_TOKEN_PAREN_OPEN, start);
        return;
    case ')':
        emit_close(l, RN_TOKEN_PAREN_CLOSE, start);
        return;
    case '[':
        emit_open(l, RN_TOKEN_BRACKET_OPEN, start);
        return;
    case ']':
        emit_close(l, RN_TOKEN_BRACKET_CLOSE, start);
        return;
    case '{':
        lex_brace_open(l, start);
        return;
    case '}':
        lex_brace_close(l, start);
        return;
    case '+':
        emit_or_assign(l, start, RN_TOKEN_PLUS, RN_TOKEN_PLUS_EQ);
        return;
    case '-':
        lex_minus(l, start);
        return;
    case '*':
        emit_or_assign(l, start, RN_TOKEN_STAR, RN_TOKEN_STAR_EQ);
        return;
    case '/':
        lex_slash(l, start);
        return;
    case '%':
        emit_or_assign(l, start, RN_TOKEN_PERCENT, RN_TOKEN_PERCENT_EQ);
        return;
    case '&':
        lex_amp(l, start);
        return;
    case '|':
        lex_pipe(l, start);
        return;
    case '^':
        emit_or_assign(l, start, RN_TOKEN_CARET, RN_TOKEN_CARET_EQ);
        return;
    case '!':
        emit_or_assign(l, start, RN_TOKEN_BANG, RN_TOKEN_NOT_EQ);
        return;
    case '=':
        lex_eq(l, start);
        return;
    case '<':
        lex_angle(l, start, RN_TOKEN_LT, RN_TOKEN_LT_LT);
        return;
    case '>':
        lex_angle(l, start, RN_TOKEN_GT, RN_TOKEN_GT_GT);
        return;
    case '.':
        lex_dot(l, start);
        return;
    case ':':
        lex_colon(l, start);
        return;
    case '~':
        emit_punct(l, RN_TOKEN_TILDE, start, 1);
        return;
    case '@':
        emit_punct(l, RN_TOKEN_AT, start, 1);
        return;
    case '$':
        emit_punct(l, RN_TOKEN_DOLLAR, start, 1);
        return;
    case '#':
        emit_punct(l, RN_TOKEN_POUND, start, 1);
        return;
    case '?':
        emit_punct(l, RN_TOKEN_QUESTION, start, 1);
        return;
    case ',':
        emit_punct(l, RN_TOKEN_COMMA, start, 1);
        return;
    case ';':
        emit_punct(l, RN_TOKEN_SEMI, start, 1);
        return;
    default:
        break;
    }
    if (c >= '0' && c <= '9') {
        l->at = start;
        lex_number(l, start);
    } else if (is_ascii_continue(c)) {
        lex_word(l, start);
    } else if (c >= 0x80) {
        lex_wide(l, start);
    } else {
        emit_error(l, RN_DIAGNOSTIC_UNEXPECTED_CHAR, start);
    }
}

static void skip_file_start(struct lexer *l)
{
    if (l->size >= 3 && memcmp(l->data, "\xef\xbb\xbf", 3) == 0) {
        l->at = 3;
    }
    if (peek(l, 0) == '#' && peek(l, 1) == '!') {
        const char *end = memchr(l->data + l->at, '\n', l->size - l->at);
        l->at = end == NULL ? l->size : (uint32_t)(end - l->data);
    }
}

/* Reports what is still open in templates, and clears the links of open delimiters. */
static void finish(struct lexer *l)
{
    if (l->template_depth > 0) {
        uint32_t start = l->starts[l->template_depth - 1];
        emit_error(l, RN_DIAGNOSTIC_UNTERMINATED_TEMPLATE, start);
    }
    l->suspect = l->suspect || l->open != 0;
    while (l->open != 0) {
        uint32_t next = l->items[l->open].value;
        l->items[l->open].value = 0;
        l->open = next;
    }
}

enum rn_error rn_lex(struct rn_symbols *symbols, uint32_t source, struct rn_utf8 text, bool file,
                     struct rn_tokens *out_tokens)
{
    RN_ASSERT(text.size <= RN_SOURCE_SIZE_MAX);
    struct lexer l = {.symbols = symbols, .data = text.data, .size = (uint32_t)text.size};
    // Index 0 says "no partner", so the first token is never a delimiter.
    emit(&l, RN_TOKEN_EOF, 0, 0, 0);
    if (file) {
        skip_file_start(&l);
    }
    while (l.at < l.size && !l.no_memory) {
        if (l.in_text) {
            lex_template_text(&l);
        } else {
            lex_token(&l);
        }
    }
    if (!l.no_memory) {
        finish(&l);
        emit(&l, RN_TOKEN_EOF, l.size, 0, 0);
    }
    if (l.no_memory) {
        return RN_E_NO_MEMORY;
    }
    *out_tokens = (struct rn_tokens){source, text, l.items, l.count, l.suspect};
    return RN_OK;
}
