/* script_kind.c: a scan for `fn main` that knows comments, texts and brackets, and no more. */
#include "cli/script_kind.h"

#include <string.h>

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// What the scan for `fn main` stands in.
struct scan {
    const char *at;
    const char *end;
    unsigned depth;
};

static void skip_line(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at != '\n') {
        scan->at++;
    }
}

/* Comments do not nest in Rune. */
static void skip_comment(struct scan *scan)
{
    const char *end = memmem(scan->at + 2, (size_t)(scan->end - scan->at) - 2, "*/", 2);
    scan->at = end == NULL ? scan->end : end + 2;
}

static void skip_quoted(struct scan *scan, char quote)
{
    for (scan->at++; scan->at < scan->end && *scan->at != quote; scan->at++) {
        if (*scan->at == '\\' && scan->end - scan->at > 1) {
            scan->at++;
        }
    }
    scan->at += scan->at < scan->end;
}

// The word at hand; the scan moves behind it.
static bool take_word(struct scan *scan, const char *word)
{
    const char *start = scan->at;
    while (scan->at < scan->end && is_word_byte(*scan->at)) {
        scan->at++;
    }
    size_t size = (size_t)(scan->at - start);
    return size == strlen(word) && memcmp(start, word, size) == 0;
}

static void skip_spaces(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) != NULL) {
        scan->at++;
    }
}

// One step over anything that is not a word.
static void skip_one(struct scan *scan)
{
    char c = *scan->at;
    bool comment = c == '/' && scan->end - scan->at >= 2;
    if (comment && scan->at[1] == '/') {
        skip_line(scan);
    } else if (comment && scan->at[1] == '*') {
        skip_comment(scan);
    } else if (c == '"' || c == '`') {
        skip_quoted(scan, c);
    } else if (c == '\'' && scan->end - scan->at >= 3 && scan->at[1] != '\\' &&
               scan->at[2] == '\'') {
        scan->at += 3;
    } else {
        scan->depth += c == '{' || c == '(' || c == '[';
        scan->depth -= scan->depth > 0 && (c == '}' || c == ')' || c == ']');
        scan->at++;
    }
}

bool rn_source_has_main(const char *text, size_t size)
{
    struct scan scan = {.at = text, .end = text + size};
    while (scan.at < scan.end) {
        if (!is_word_byte(*scan.at)) {
            skip_one(&scan);
        } else if (take_word(&scan, "fn") && scan.depth == 0) {
            skip_spaces(&scan);
            if (take_word(&scan, "main")) {
                return true;
            }
        }
    }
    return false;
}
