/*
 * config_text.c: lines to entries.
 *
 * The whole text is looked at first: from then on it is UTF-8 without control characters, and a line ends with
 * "\n" or "\r\n". Names and values get their zero bytes once their line has been read.
 */
#include "cli/config_text.h"

#include "cli/visible.h"

#include <stdint.h>
#include <string.h>

/* ---- Places ---- */

static struct rn_config_place place_of(const struct rn_config_reader *reader, const char *at)
{
    struct rn_config_place place = {.line = reader->line, .column = 1};
    for (const char *p = reader->line_start; p < at; p++) {
        place.column += ((unsigned char)*p & 0xc0) != 0x80;
    }
    return place;
}

static bool fail(struct rn_config_reader *reader, const char *at, const char *why)
{
    reader->why = why;
    reader->bad = place_of(reader, at);
    return false;
}

/* ---- The whole text ---- */

static bool is_control(const char *at)
{
    unsigned char c = (unsigned char)*at;
    return (c < 0x20 && c != '\t' && c != '\n' && !(c == '\r' && at[1] == '\n')) || c == 0x7f;
}

static bool check_text(struct rn_config_reader *reader)
{
    char piece[RN_VISIBLE_PIECE];
    for (char *at = reader->at; at < reader->end;) {
        size_t count = rn_visible_next(at, (size_t)(reader->end - at), piece);
        if (is_control(at)) {
            return fail(reader, at, "a control character");
        }
        if ((unsigned char)*at >= 0x80 && count == 1) {
            return fail(reader, at, "bytes that are no UTF-8");
        }
        at += count;
        if (at[-1] == '\n') {
            reader->line++;
            reader->line_start = at;
        }
    }
    return true;
}

void rn_config_reader_init(struct rn_config_reader *reader, char *text, size_t size)
{
    bool marked = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    char *start = text + (marked ? 3 : 0);
    *reader = (struct rn_config_reader){
        .line_start = start, .at = start, .end = text + size, .line = 1, .table = ""};
    if (check_text(reader)) {
        reader->line_start = start;
        reader->line = 1;
    }
}

/* ---- Words ---- */

/* Of the text at hand; without data it was refused. */
struct word {
    char *data;
    size_t size;
};

static void skip_spaces(struct rn_config_reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\t') {
        reader->at++;
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool read_name(struct rn_config_reader *reader, struct word *out_name)
{
    char *start = reader->at;
    while (is_name_char(*reader->at)) {
        reader->at++;
    }
    *out_name = (struct word){start, (size_t)(reader->at - start)};
    skip_spaces(reader);
    if (*start == '"' || *start == '\'') {
        return fail(reader, start, "names stand without quotes");
    }
    if (*reader->at == '.') {
        return fail(reader, reader->at, "names with dots are not taken");
    }
    return out_name->size > 0 || fail(reader, start, "a name is missing");
}

/* ---- Values ---- */

static size_t put_scalar(char *to, uint32_t scalar)
{
    if (scalar < 0x80) {
        to[0] = (char)scalar;
        return 1;
    }
    size_t count = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (scalar & 0x3f));
        scalar >>= 6;
    }
    to[0] = (char)(leads[count] | scalar);
    return count;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The digits of \u and \U; a scalar is shorter than its escape. */
static bool read_scalar(struct rn_config_reader *reader, size_t digits, char **to)
{
    const char *start = reader->at - 2;
    uint32_t scalar = 0;
    for (size_t i = 0; i < digits; i++, reader->at++) {
        int digit = hex_digit(*reader->at);
        if (digit < 0) {
            return fail(reader, start, "\\u wants four hexadecimal digits, \\U eight");
        }
        scalar = scalar << 4 | (uint32_t)digit;
    }
    if (scalar == 0 || scalar > 0x10ffff || (scalar >= 0xd800 && scalar < 0xe000)) {
        return fail(reader, start, "there is no such character in a text");
    }
    *to += put_scalar(*to, scalar);
    return true;
}

static bool read_escape(struct rn_config_reader *reader, char **to)
{
    static const char names[] = "btnfr\"\\";
    static const char values[] = "\b\t\n\f\r\"\\";
    char c = reader->at[1];
    const char *found = c == '\0' ? NULL : strchr(names, c);
    reader->at += 2;
    if (found != NULL) {
        *(*to)++ = values[found - names];
        return true;
    }
    if (c == 'u' || c == 'U') {
        return read_scalar(reader, c == 'u' ? 4 : 8, to);
    }
    return fail(reader, reader->at - 2, "there is no such escape");
}

/* Both kinds; in place. */
static bool read_text(struct rn_config_reader *reader, struct word *out_text)
{
    char quote = *reader->at;
    char *start = reader->at++;
    char *to = reader->at;
    out_text->data = to;
    if (reader->at[0] == quote && reader->at[1] == quote) {
        return fail(reader, start, "text of several lines is not taken");
    }
    while (*reader->at != quote) {
        if (reader->at == reader->end || *reader->at == '\n' || *reader->at == '\r') {
            return fail(reader, start, "a text ends on its line, with a quote");
        }
        if (*reader->at != '\\' || quote == '\'') {
            *to++ = *reader->at++;
        } else if (!read_escape(reader, &to)) {
            return false;
        }
    }
    reader->at++;
    out_text->size = (size_t)(to - out_text->data);
    return true;
}

/* Digits with underscores between them; no zeros in front. */
static bool is_integer(const char *text, size_t size)
{
    bool good = size > 0 && (text[0] != '0' || size == 1);
    for (size_t i = 0; i < size && good; i++) {
        bool between = i > 0 && i + 1 < size && text[i - 1] != '_';
        good = (text[i] >= '0' && text[i] <= '9') || (text[i] == '_' && between);
    }
    return good;
}

static bool read_number(struct rn_config_reader *reader, struct word *out_digits)
{
    char *start = reader->at;
    bool minus = *start == '-';
    size_t sign = minus || *start == '+' ? 1 : 0;
    while (is_name_char(*reader->at) || *reader->at == '.' || *reader->at == ':' ||
           *reader->at == '+') {
        reader->at++;
    }
    if (!is_integer(start + sign, (size_t)(reader->at - start) - sign)) {
        return fail(
            reader, start,
            "a number is decimal and whole; what has a unit or a fraction stands in quotes, "
            "as in \"1.5s\"");
    }
    char *to = start + minus;
    for (const char *from = start + sign; from < reader->at; from++) {
        if (*from != '_') {
            *to++ = *from;
        }
    }
    *out_digits = (struct word){start, (size_t)(to - start)};
    return true;
}

static bool take_word(struct rn_config_reader *reader, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(reader->at, word, size) != 0 || is_name_char(reader->at[size])) {
        return false;
    }
    reader->at += size;
    return true;
}

static bool read_value(struct rn_config_reader *reader, struct rn_config_entry *entry,
                       struct word *out_text)
{
    char c = *reader->at;
    *out_text = (struct word){reader->at, 0};
    if (c == '"' || c == '\'') {
        entry->kind = RN_CONFIG_TEXT;
        return read_text(reader, out_text);
    }
    if ((c >= '0' && c <= '9') || c == '-' || c == '+') {
        entry->kind = RN_CONFIG_INTEGER;
        return read_number(reader, out_text);
    }
    entry->kind = RN_CONFIG_SWITCH;
    entry->on = take_word(reader, "true");
    if (entry->on || take_word(reader, "false")) {
        return true;
    }
    return fail(reader, reader->at,
                c == '['          ? "lists are not taken"
                : c == '{'        ? "inline tables are not taken"
                : is_name_char(c) ? "a value is true, false, a whole number, or a text in quotes"
                                  : "a value is missing");
}

/* ---- Lines ---- */

/* Spaces, a comment, and the end of the line, whose bytes may be written over from now on. */
static bool end_line(struct rn_config_reader *reader)
{
    skip_spaces(reader);
    if (*reader->at == '#') {
        while (reader->at < reader->end && *reader->at != '\n') {
            reader->at++;
        }
    }
    reader->at += *reader->at == '\r';
    if (reader->at < reader->end && *reader->at != '\n') {
        return fail(reader, reader->at, "a line has one thing: this is too much");
    }
    if (reader->at < reader->end) {
        reader->line_start = ++reader->at;
        reader->line++;
    }
    return true;
}

static bool read_table(struct rn_config_reader *reader, struct rn_config_entry *entry)
{
    struct word name;
    char *start = reader->at++;
    if (*reader->at == '[') {
        return fail(reader, start, "lists of tables are not taken");
    }
    skip_spaces(reader);
    entry->kind = RN_CONFIG_TABLE;
    entry->place = place_of(reader, reader->at);
    if (!read_name(reader, &name)) {
        return false;
    }
    if (*reader->at != ']') {
        return fail(reader, reader->at, "a table's name ends with ]");
    }
    reader->at++;
    if (!end_line(reader)) {
        return false;
    }
    name.data[name.size] = '\0';
    entry->table = reader->table = name.data;
    return true;
}

static bool read_setting(struct rn_config_reader *reader, struct rn_config_entry *entry)
{
    struct word name;
    struct word text;
    entry->place = place_of(reader, reader->at);
    if (!read_name(reader, &name)) {
        return false;
    }
    if (*reader->at != '=') {
        return fail(reader, reader->at, "behind a name comes =");
    }
    reader->at++;
    skip_spaces(reader);
    entry->value = place_of(reader, reader->at);
    if (!read_value(reader, entry, &text) || !end_line(reader)) {
        return false;
    }
    name.data[name.size] = '\0';
    if (entry->kind != RN_CONFIG_SWITCH) {
        text.data[text.size] = '\0';
        entry->text = text.data;
    }
    entry->key = name.data;
    return true;
}

bool rn_config_reader_next(struct rn_config_reader *reader, struct rn_config_entry *out_entry)
{
    *out_entry = (struct rn_config_entry){.table = reader->table};
    while (reader->why == NULL) {
        skip_spaces(reader);
        if (reader->at == reader->end) {
            return false;
        }
        if (*reader->at == '[') {
            return read_table(reader, out_entry);
        }
        if (strchr("#\r\n", *reader->at) == NULL) {
            return read_setting(reader, out_entry);
        }
        (void)end_line(reader);
    }
    return false;
}
