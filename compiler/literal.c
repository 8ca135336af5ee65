/*
 * literal.c: escapes, numbers and their ranges.
 *
 * A number is read as u64 first; the sign of a folded minus and the suffix then decide its range.
 */
#include "compiler/literal.h"

#include "base/float_text.h"
#include "base/unicode.h"

#include <string.h>

static struct rn_span span_at(const struct rn_literal_reader *reader, size_t start, size_t end)
{
    return (struct rn_span){reader->tokens->source, (uint32_t)start, (uint32_t)end};
}

static struct rn_span token_span(const struct rn_literal_reader *reader,
                                 const struct rn_token *token)
{
    return span_at(reader, token->start, token->end);
}

/* ---- Escapes ---- */

enum escape_mode {
    ESCAPE_CHAR,
    ESCAPE_STRING,
    ESCAPE_TEMPLATE,
    ESCAPE_BYTE,
    ESCAPE_BYTES,
};

/* A text being decoded; offsets are those of the source. */
struct unescape {
    struct rn_literal_reader *reader;
    const char *data;
    size_t at;
    size_t end;
    enum escape_mode mode;
    enum rn_diagnostic_code fault;
};

static bool is_bytes(enum escape_mode mode)
{
    return mode == ESCAPE_BYTE || mode == ESCAPE_BYTES;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static bool fail(struct unescape *u, enum rn_diagnostic_code fault)
{
    u->fault = fault;
    return false;
}

static bool read_hex_escape(struct unescape *u, uint32_t *out_scalar)
{
    uint32_t value = 0;
    for (int i = 0; i < 2; i++) {
        int digit = u->at < u->end ? hex_digit(u->data[u->at]) : -1;
        if (digit < 0) {
            return fail(u, RN_DIAGNOSTIC_BAD_BYTE_ESCAPE);
        }
        value = value * 16 + (uint32_t)digit;
        u->at++;
    }
    if (value > 0x7f && !is_bytes(u->mode)) {
        return fail(u, RN_DIAGNOSTIC_BAD_HEX_ESCAPE);
    }
    *out_scalar = value;
    return true;
}

static bool read_unicode_escape(struct unescape *u, uint32_t *out_scalar)
{
    if (is_bytes(u->mode)) {
        return fail(u, RN_DIAGNOSTIC_UNICODE_ESCAPE_IN_BYTES);
    }
    if (u->at == u->end || u->data[u->at] != '{') {
        return fail(u, RN_DIAGNOSTIC_BAD_UNICODE_ESCAPE);
    }
    u->at++;
    uint32_t value = 0;
    bool any = false;
    for (;;) {
        char c = u->at < u->end ? u->data[u->at] : '\0';
        int digit = hex_digit(c);
        if (c == '}' && any) {
            u->at++;
            break;
        }
        if (digit < 0 || value > 0x10ffff) {
            return fail(u, RN_DIAGNOSTIC_BAD_UNICODE_ESCAPE);
        }
        value = value * 16 + (uint32_t)digit;
        any = true;
        u->at++;
    }
    if (!rn_is_scalar(value)) {
        return fail(u, RN_DIAGNOSTIC_BAD_UNICODE_ESCAPE);
    }
    *out_scalar = value;
    return true;
}

static void skip_whitespace(struct unescape *u)
{
    while (u->at < u->end) {
        size_t width;
        if (!rn_unicode_is_whitespace(rn_utf8_decode(u->data, u->end, u->at, &width))) {
            return;
        }
        u->at += width;
    }
}

/*
 * Reads what follows a backslash. A continued line gives nothing: *out_any is false then.
 */
static bool read_escape(struct unescape *u, uint32_t *out_scalar, bool *out_any)
{
    static const char plain[] = "n\nr\rt\t0\0\\\\'\'\"\"";
    *out_any = true;
    if (u->at == u->end) {
        return fail(u, RN_DIAGNOSTIC_BAD_ESCAPE);
    }
    char c = u->data[u->at++];
    for (size_t i = 0; i + 1 < sizeof plain; i += 2) {
        if (plain[i] == c) {
            *out_scalar = (unsigned char)plain[i + 1];
            return true;
        }
    }
    bool continues = u->mode != ESCAPE_CHAR && u->mode != ESCAPE_BYTE;
    if ((c == '\n' || c == '\r') && continues) {
        skip_whitespace(u);
        *out_any = false;
        return true;
    }
    if ((c == '$' || c == '`') && u->mode == ESCAPE_TEMPLATE) {
        *out_scalar = (unsigned char)c;
        return true;
    }
    if (c == 'x') {
        return read_hex_escape(u, out_scalar);
    }
    if (c == 'u') {
        return read_unicode_escape(u, out_scalar);
    }
    return fail(u, RN_DIAGNOSTIC_BAD_ESCAPE);
}

static void report_escape(struct unescape *u, size_t start)
{
    size_t end = u->at;
    while (end < u->end && ((unsigned char)u->data[end] & 0xc0) == 0x80) {
        end++;
    }
    rn_diagnostics_add(u->reader->diagnostics, u->fault, span_at(u->reader, start, end), NULL, 0);
}

/* Decodes to a new text in the arena. */
static bool unescape_all(struct unescape *u, struct rn_utf8 *out_text)
{
    char *text = rn_arena_alloc(u->reader->arena, u->end - u->at);
    if (text == NULL) {
        u->reader->no_memory = true;
        return false;
    }
    size_t size = 0;
    while (u->at < u->end) {
        size_t start = u->at;
        const char *slash = memchr(u->data + start, '\\', u->end - start);
        size_t run = slash == NULL ? u->end - start : (size_t)(slash - u->data) - start;
        memcpy(text + size, u->data + start, run);
        size += run;
        u->at += run;
        if (slash == NULL) {
            break;
        }
        start = u->at++;
        uint32_t scalar = 0;
        bool any;
        if (!read_escape(u, &scalar, &any)) {
            report_escape(u, start);
            return false;
        }
        if (any && is_bytes(u->mode)) {
            text[size++] = (char)scalar;
        } else if (any) {
            size += rn_utf8_encode(scalar, text + size);
        }
    }
    *out_text = (struct rn_utf8){text, size};
    return true;
}

static bool read_quoted(struct rn_literal_reader *reader, const struct rn_token *token,
                        enum escape_mode mode, struct rn_utf8 *out_text)
{
    size_t before = mode == ESCAPE_TEMPLATE ? 0 : mode == ESCAPE_BYTES ? 2 : 1;
    size_t after = mode == ESCAPE_TEMPLATE ? 0 : 1;
    struct unescape u = {
        .reader = reader,
        .data = reader->tokens->text.data,
        .at = token->start + before,
        .end = token->end - after,
        .mode = mode,
    };
    *out_text = (struct rn_utf8){u.data + u.at, u.end - u.at};
    if (!(token->flags & RN_TOKEN_ESCAPED)) {
        return true;
    }
    if (!unescape_all(&u, out_text)) {
        *out_text = (struct rn_utf8){"", 0};
        return false;
    }
    return true;
}

bool rn_literal_read_text(struct rn_literal_reader *reader, const struct rn_token *token,
                          struct rn_utf8 *out_text)
{
    bool template_text = token->kind == RN_TOKEN_TEMPLATE_TEXT;
    return read_quoted(reader, token, template_text ? ESCAPE_TEMPLATE : ESCAPE_STRING, out_text);
}

/* 'c' and b'c': exactly one. */
static bool read_single(struct rn_literal_reader *reader, const struct rn_token *token,
                        uint32_t *out_scalar)
{
    bool byte = token->kind == RN_TOKEN_BYTE;
    struct unescape u = {
        .reader = reader,
        .data = reader->tokens->text.data,
        .at = token->start + (byte ? 2 : 1),
        .end = token->end - 1,
        .mode = byte ? ESCAPE_BYTE : ESCAPE_CHAR,
    };
    size_t start = u.at;
    bool good = u.at < u.end;
    if (good && u.data[u.at] == '\\') {
        bool any;
        u.at++;
        if (!read_escape(&u, out_scalar, &any)) {
            report_escape(&u, start);
            return false;
        }
    } else if (good) {
        size_t width;
        *out_scalar = rn_utf8_decode(u.data, u.end, u.at, &width);
        u.at += width;
        good = !byte || (*out_scalar < 0x7f && *out_scalar >= 0x20);
    }
    if (good && u.at == u.end) {
        return true;
    }
    rn_diagnostics_add(reader->diagnostics, byte ? RN_DIAGNOSTIC_BAD_BYTE : RN_DIAGNOSTIC_BAD_CHAR,
                       token_span(reader, token), NULL, 0);
    return false;
}

/* ---- Numbers ---- */

struct number {
    const char *digits; /* behind the prefix */
    size_t size;
    const char *suffix;
    size_t suffix_size;
    unsigned base;
    bool fraction;
};

static unsigned base_of(const char *text, size_t size)
{
    if (size < 2 || text[0] != '0') {
        return 10;
    }
    switch (text[1]) {
    case 'x':
        return 16;
    case 'b':
        return 2;
    case 'o':
        return 8;
    default:
        return 10;
    }
}

/* The suffix begins at the first `u` or `i`, for decimal numbers also `f`. */
static struct number split_number(const char *text, size_t size, bool fraction)
{
    struct number number = {.base = base_of(text, size), .fraction = fraction};
    size_t at = number.base == 10 ? 1 : 2;
    number.digits = text + (number.base == 10 ? 0 : 2);
    while (at < size && text[at] != 'u' && text[at] != 'i' &&
           !(text[at] == 'f' && number.base == 10)) {
        at++;
    }
    number.size = (size_t)(text + at - number.digits);
    number.suffix = text + at;
    number.suffix_size = size - at;
    return number;
}

static bool parse_integer(const struct number *number, uint64_t *out_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < number->size; i++) {
        if (number->digits[i] == '_') {
            continue;
        }
        int digit = hex_digit(number->digits[i]);
        if (digit < 0 || (unsigned)digit >= number->base ||
            __builtin_mul_overflow(value, number->base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *out_value = value;
    return true;
}

static size_t skip_digits(const char *text, size_t at)
{
    while (text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at;
}

/* Digits, point, digits, exponent: what strtod would take beyond that is refused. */
static bool is_float_text(const char *text)
{
    size_t at = skip_digits(text, 0);
    if (at == 0) {
        return false;
    }
    if (text[at] == '.') {
        at = skip_digits(text, at + 1);
    }
    if (text[at] == 'e' || text[at] == 'E') {
        at++;
        at += text[at] == '+' || text[at] == '-';
        size_t end = skip_digits(text, at);
        if (end == at) {
            return false;
        }
        at = end;
    }
    return text[at] == '\0';
}

static bool parse_float(struct rn_literal_reader *reader, const struct number *number,
                        double *out_value)
{
    char *text = rn_arena_alloc(reader->arena, number->size + 1);
    if (text == NULL) {
        reader->no_memory = true;
        return false;
    }
    size_t size = 0;
    for (size_t i = 0; i < number->size; i++) {
        if (number->digits[i] != '_') {
            text[size++] = number->digits[i];
        }
    }
    text[size] = '\0';
    if (number->base != 10 || !is_float_text(text)) {
        return false;
    }
    return rn_f64_parse(text, size, out_value);
}

/* Width in bits of an integer suffix, or 0; 64 without one. */
static unsigned suffix_bits(const struct number *number)
{
    static const struct {
        const char *text;
        unsigned bits;
    } widths[] = {{"8", 8}, {"16", 16}, {"32", 32}, {"64", 64}};
    if (number->suffix_size == 0) {
        return 64;
    }
    for (size_t i = 0; i < RN_COUNT_OF(widths); i++) {
        size_t size = strlen(widths[i].text);
        if (number->suffix_size == size + 1 &&
            memcmp(number->suffix + 1, widths[i].text, size) == 0) {
            return widths[i].bits;
        }
    }
    return 0;
}

static bool is_float_suffix(const struct number *number)
{
    return number->suffix_size == 3 &&
           (memcmp(number->suffix, "f32", 3) == 0 || memcmp(number->suffix, "f64", 3) == 0);
}

static bool set_unsigned(struct rn_literal_reader *reader, struct rn_span span, uint64_t value,
                         unsigned bits, struct rn_ast_literal *out)
{
    uint64_t max = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    if (value > max) {
        struct rn_number_text text;
        rn_diagnose(reader->diagnostics, UNSIGNED_OUT_OF_BOUNDS, span, rn_text("0"),
                    rn_text_u64(&text, max));
        return false;
    }
    *out = (struct rn_ast_literal){.kind = RN_LITERAL_U64, .u64 = value};
    return true;
}

static bool set_signed(struct rn_literal_reader *reader, struct rn_span span, uint64_t value,
                       bool negative, unsigned bits, struct rn_ast_literal *out)
{
    uint64_t limit = UINT64_C(1) << (bits - 1);
    if (negative ? value > limit : value >= limit) {
        struct rn_number_text low;
        struct rn_number_text high;
        rn_diagnose(reader->diagnostics, SIGNED_OUT_OF_BOUNDS, span,
                    rn_text_i64(&low, (int64_t)(UINT64_C(0) - limit)),
                    rn_text_u64(&high, limit - 1));
        return false;
    }
    uint64_t bit_pattern = negative ? UINT64_C(0) - value : value;
    *out = (struct rn_ast_literal){.kind = RN_LITERAL_I64, .i64 = (int64_t)bit_pattern};
    return true;
}

static bool read_number(struct rn_literal_reader *reader, const struct rn_token *token,
                        const struct rn_token *minus, struct rn_ast_literal *out)
{
    const char *text = reader->tokens->text.data + token->start;
    bool fraction = token->flags & RN_TOKEN_FRACTION;
    struct number number = split_number(text, token->end - token->start, fraction);
    struct rn_span span = span_at(reader, minus == NULL ? token->start : minus->start, token->end);
    bool is_float = is_float_suffix(&number) || (fraction && number.suffix_size == 0);
    unsigned bits = suffix_bits(&number);
    if (!is_float && (bits == 0 || number.suffix[0] == 'f') && number.suffix_size != 0) {
        rn_diagnose(reader->diagnostics, UNSUPPORTED_SUFFIX,
                    span_at(reader, token->end - number.suffix_size, token->end));
        return false;
    }
    if (is_float) {
        double value = 0;
        if (!parse_float(reader, &number, &value)) {
            rn_diagnose(reader->diagnostics, BAD_FLOAT, token_span(reader, token));
            return false;
        }
        *out = (struct rn_ast_literal){.kind = RN_LITERAL_F64, .f64 = minus ? -value : value};
        return true;
    }
    uint64_t value = 0;
    if (!parse_integer(&number, &value)) {
        rn_diagnose(reader->diagnostics, BAD_NUMBER, token_span(reader, token));
        return false;
    }
    if (number.suffix_size != 0 && number.suffix[0] == 'u') {
        if (minus != NULL && value != 0) {
            value = UINT64_MAX;
            bits = bits == 64 ? 0 : bits;
        }
        if (bits == 0) {
            rn_diagnose(reader->diagnostics, UNSIGNED_OUT_OF_BOUNDS, span, rn_text("0"),
                        rn_text("18446744073709551615"));
            return false;
        }
        return set_unsigned(reader, span, value, bits, out);
    }
    return set_signed(reader, span, value, minus != NULL, bits, out);
}

bool rn_literal_read_negative(struct rn_literal_reader *reader, const struct rn_token *minus,
                              const struct rn_token *token, struct rn_ast_literal *out_literal)
{
    *out_literal = (struct rn_ast_literal){.kind = RN_LITERAL_I64};
    return read_number(reader, token, minus, out_literal);
}

bool rn_literal_read(struct rn_literal_reader *reader, const struct rn_token *token,
                     struct rn_ast_literal *out_literal)
{
    struct rn_ast_literal literal = {0};
    bool good = true;
    uint32_t scalar = 0;
    switch ((int)token->kind) {
    case RN_TOKEN_TRUE:
    case RN_TOKEN_FALSE:
        literal.kind = RN_LITERAL_BOOL;
        literal.boolean = token->kind == RN_TOKEN_TRUE;
        break;
    case RN_TOKEN_NUMBER:
        literal.kind = RN_LITERAL_I64;
        good = read_number(reader, token, NULL, &literal);
        break;
    case RN_TOKEN_CHAR:
        literal.kind = RN_LITERAL_CHAR;
        good = read_single(reader, token, &scalar);
        literal.character = scalar;
        break;
    case RN_TOKEN_BYTE:
        literal.kind = RN_LITERAL_BYTE;
        good = read_single(reader, token, &scalar);
        literal.u64 = scalar;
        break;
    case RN_TOKEN_STRING:
        literal.kind = RN_LITERAL_STRING;
        good = read_quoted(reader, token, ESCAPE_STRING, &literal.text);
        break;
    default:
        RN_ASSERT(token->kind == RN_TOKEN_BYTE_STRING);
        literal.kind = RN_LITERAL_BYTES;
        good = read_quoted(reader, token, ESCAPE_BYTES, &literal.text);
        break;
    }
    *out_literal = literal;
    return good;
}
