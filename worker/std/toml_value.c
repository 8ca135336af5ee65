/*
 * toml_value.c: the small parts of TOML: numbers, dates and times, escapes.
 *
 * Trust: reads text from scripts, and what they got from anybody.
 */
#include "base/float_text.h"
#include "worker/std/std.h"
#include "worker/std/toml.h"

#include <string.h>

/* Characters of one scalar; no valid one needs as many. */
#define TOKEN_MAX 1024u

struct token {
    const char *text;
    size_t size;
    size_t at;
};

static char peek(const struct token *token)
{
    return token->at < token->size ? token->text[token->at] : 0;
}

static bool take(struct token *token, char c)
{
    bool found = token->at < token->size && token->text[token->at] == c;
    token->at += found;
    return found;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool rn_toml_is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

static int digit_value(char c)
{
    char lower = (char)(c | 0x20);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* ---- Escapes ---- */

static const char *read_hex(const char *text, size_t size, size_t digits, uint32_t *out_scalar)
{
    uint32_t scalar = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = i < size ? digit_value(text[i]) : 99;
        if (digit > 15) {
            return "invalid unicode escape, expected hexadecimal digits";
        }
        scalar = scalar << 4 | (uint32_t)digit;
    }
    if (scalar > 0x10ffff || (scalar >= 0xd800 && scalar <= 0xdfff)) {
        return "invalid unicode escape, not a character";
    }
    *out_scalar = scalar;
    return NULL;
}

const char *rn_toml_escape(const char *text, size_t size, uint32_t *out_scalar, size_t *out_width)
{
    static const char names[] = "btnfre\"\\";
    static const char values[] = "\b\t\n\f\r\x1b\"\\";
    char c = size < 2 ? 0 : text[1];
    if (c == 'x' || c == 'u' || c == 'U') {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        *out_width = 2 + digits;
        return read_hex(text + 2, size - 2, digits, out_scalar);
    }
    const char *found = c == 0 ? NULL : strchr(names, c);
    if (found == NULL) {
        return "invalid escape sequence";
    }
    *out_scalar = (uint8_t)values[found - names];
    *out_width = 2;
    return NULL;
}

/* ---- Integers ---- */

static const char invalid_number[] = "invalid number";

/* Digits of a base behind its prefix; underscores stand between digits. */
static const char *read_based(struct token *token, unsigned base, uint64_t *out_magnitude)
{
    uint64_t magnitude = 0;
    bool after_digit = false;
    for (;; token->at++) {
        if (peek(token) == '_' && after_digit) {
            after_digit = false;
            continue;
        }
        int digit = digit_value(peek(token));
        if (digit >= (int)base) {
            break;
        }
        if (__builtin_mul_overflow(magnitude, base, &magnitude) ||
            __builtin_add_overflow(magnitude, (unsigned)digit, &magnitude)) {
            return "number too large to fit in target type";
        }
        after_digit = true;
    }
    *out_magnitude = magnitude;
    return after_digit ? NULL : invalid_number;
}

/* Above the maximum of i64: u64. */
static struct rn_value unsigned_value(uint64_t magnitude)
{
    return magnitude <= INT64_MAX ? rn_value_i64((int64_t)magnitude) : rn_value_u64(magnitude);
}

static const char *read_prefixed(struct token *token, struct rn_value *out_value)
{
    char prefix = token->text[1];
    uint64_t magnitude;
    token->at = 2;
    const char *fault = read_based(token, prefix == 'x' ? 16 : prefix == 'o' ? 8 : 2, &magnitude);
    *out_value = fault == NULL ? unsigned_value(magnitude) : rn_value_unit();
    return fault;
}

/* ---- Decimal numbers ---- */

/* Copies digits without their underscores. False: none, or an underscore in a wrong place. */
static bool copy_digits(struct token *token, char *text, size_t *size)
{
    bool after_digit = false;
    for (; is_digit(peek(token)) || (peek(token) == '_' && after_digit); token->at++) {
        after_digit = peek(token) != '_';
        if (after_digit) {
            text[(*size)++] = peek(token);
        }
    }
    return after_digit;
}

static const char *integer_value(const char *text, size_t size, struct rn_value *out_value)
{
    bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    for (size_t i = negative; i < size; i++) {
        if (__builtin_mul_overflow(magnitude, 10u, &magnitude) ||
            __builtin_add_overflow(magnitude, (unsigned)(text[i] - '0'), &magnitude)) {
            return "number too large to fit in target type";
        }
    }
    if (negative && magnitude > (uint64_t)INT64_MAX + 1) {
        return "number too small to fit in target type";
    }
    *out_value = negative ? rn_value_i64((int64_t)(0 - magnitude)) : unsigned_value(magnitude);
    return NULL;
}

static const char *read_special(struct token *token, bool negative, struct rn_value *out_value)
{
    bool infinite = peek(token) == 'i';
    const char *word = infinite ? "inf" : "nan";
    if (token->size - token->at < 3 || memcmp(token->text + token->at, word, 3) != 0) {
        return invalid_number;
    }
    token->at += 3;
    double value = infinite ? __builtin_inf() : __builtin_nan("");
    *out_value = rn_value_f64(negative ? -value : value);
    return NULL;
}

/* Behind the sign. `text` holds what was read so far, without underscores. */
static const char *read_decimal(struct token *token, char *text, size_t size,
                                struct rn_value *out_value)
{
    size_t first = size;
    bool integer = true;
    if (!copy_digits(token, text, &size) || (size - first > 1 && text[first] == '0')) {
        return invalid_number;
    }
    if (take(token, '.')) {
        integer = false;
        text[size++] = '.';
        if (!copy_digits(token, text, &size)) {
            return "invalid floating-point number";
        }
    }
    if (take(token, 'e') || take(token, 'E')) {
        integer = false;
        text[size++] = 'e';
        if (peek(token) == '-') {
            text[size++] = '-';
        }
        if (!take(token, '-')) {
            take(token, '+');
        }
        if (!copy_digits(token, text, &size)) {
            return "invalid floating-point number";
        }
    }
    if (integer) {
        return integer_value(text, size, out_value);
    }
    double value;
    if (!rn_f64_parse(text, size, &value) || value - value != 0) {
        return "floating-point number overflowed";
    }
    *out_value = rn_value_f64(value);
    return NULL;
}

static const char *read_number(struct token *token, struct rn_value *out_value)
{
    char text[TOKEN_MAX + 2];
    size_t size = 0;
    char second = token->size > 1 ? token->text[1] : 0;
    if (peek(token) == '0' && (second == 'x' || second == 'o' || second == 'b')) {
        return read_prefixed(token, out_value);
    }
    bool negative = take(token, '-');
    if (negative) {
        text[size++] = '-';
    } else {
        take(token, '+');
    }
    if (peek(token) == 'i' || peek(token) == 'n') {
        return read_special(token, negative, out_value);
    }
    return read_decimal(token, text, size, out_value);
}

/* ---- Dates and times ---- */

static const char invalid_datetime[] = "invalid datetime";

/* `count` digits as a number up to `max`. */
static bool read_part(struct token *token, int count, uint32_t max, uint32_t *out_number)
{
    uint32_t number = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(peek(token))) {
            return false;
        }
        number = number * 10 + (uint32_t)(peek(token) - '0');
        token->at++;
    }
    *out_number = number;
    return number <= max;
}

static bool read_date(struct token *token)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year;
    uint32_t month;
    uint32_t day;
    if (!read_part(token, 4, 9999, &year) || !take(token, '-') ||
        !read_part(token, 2, 12, &month) || month == 0 || !take(token, '-') ||
        !read_part(token, 2, days[month - 1], &day) || day == 0) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month != 2 || day < 29 || leap;
}

static bool read_time(struct token *token)
{
    uint32_t number;
    if (!read_part(token, 2, 23, &number) || !take(token, ':') ||
        !read_part(token, 2, 59, &number)) {
        return false;
    }
    if (!take(token, ':')) {
        return true; // no seconds
    }
    if (!read_part(token, 2, 60, &number)) {
        return false;
    }
    if (take(token, '.')) {
        size_t start = token->at;
        while (is_digit(peek(token))) {
            token->at++;
        }
        return token->at > start;
    }
    return true;
}

static bool read_offset(struct token *token)
{
    uint32_t number;
    if (take(token, 'Z') || take(token, 'z')) {
        return true;
    }
    if (!take(token, '+') && !take(token, '-')) {
        return true; // a local time
    }
    return read_part(token, 2, 23, &number) && take(token, ':') && read_part(token, 2, 59, &number);
}

static bool read_datetime(struct token *token)
{
    if (token->size > 2 && token->text[2] == ':') {
        return read_time(token);
    }
    if (!read_date(token)) {
        return false;
    }
    bool space =
        peek(token) == ' ' && token->at + 1 < token->size && is_digit(token->text[token->at + 1]);
    if (space || peek(token) == 'T' || peek(token) == 't') {
        token->at++;
        return read_time(token) && read_offset(token);
    }
    return true;
}

static bool is_datetime(const struct token *token)
{
    const char *text = token->text;
    return (token->size > 4 && text[4] == '-' && is_digit(text[0]) && is_digit(text[1]) &&
            is_digit(text[2]) && is_digit(text[3])) ||
           (token->size > 2 && text[2] == ':' && is_digit(text[0]) && is_digit(text[1]));
}

/* ---- Any of them ---- */

static const char *read_word(struct token *token, const char *word, bool value,
                             struct rn_value *out_value)
{
    size_t size = strlen(word);
    if (token->size < size || memcmp(token->text, word, size) != 0) {
        return "expected a value";
    }
    token->at = size;
    *out_value = rn_value_bool(value);
    return NULL;
}

static const char *read_scalar(struct rn_vm *vm, struct token *token, struct rn_value *out_value)
{
    char c = peek(token);
    if (c == 't' || c == 'f') {
        return read_word(token, c == 't' ? "true" : "false", c == 't', out_value);
    }
    if (is_datetime(token)) {
        if (!read_datetime(token)) {
            return invalid_datetime;
        }
        struct rn_string *text = rn_string_new(vm, token->text, token->at);
        *out_value = text == NULL ? rn_value_empty() : rn_value_object(text);
        return NULL;
    }
    return is_digit(c) || c == '+' || c == '-' || c == 'i' || c == 'n'
               ? read_number(token, out_value)
               : "expected a value";
}

const char *rn_toml_scalar(struct rn_vm *vm, const char *text, size_t size,
                           struct rn_value *out_value, size_t *out_width)
{
    struct token token = {.text = text, .size = size < TOKEN_MAX ? size : TOKEN_MAX};
    *out_value = rn_value_unit();
    const char *fault = read_scalar(vm, &token, out_value);
    if (fault == NULL && (rn_toml_is_bare(peek(&token)) || peek(&token) == '.')) {
        fault = invalid_number;
    }
    *out_width = token.at;
    return fault;
}
