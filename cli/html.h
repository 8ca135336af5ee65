/*
 * html.h: HTML from text that anybody wrote.
 *
 * Markdown: headings, paragraphs, lists, fenced code, `code`, **strong**, *emphasis*, [text](link). What
 * is not known is text. Every character that means something to HTML is escaped, links are http, https or
 * relative: nothing in a comment becomes an element, an attribute or a script.
 *
 * Trust: reads doc comments, code and names of anybody.
 */
#ifndef RN_CLI_HTML_H
#define RN_CLI_HTML_H

#include "cli/bytes.h"

#include <stdint.h>

struct rn_html {
    struct rn_bytes out;
    size_t max; /* bytes; 0: any number */
    bool no_memory;
    bool full;     /* there was more than that */
    size_t wasted; /* bytes that were searched in vain for the end of a mark */
};

/* Markup of ours, as it is. */
void rn_html_raw(struct rn_html *html, const char *markup);
/* Text of theirs. */
void rn_html_text(struct rn_html *html, const char *text, size_t size);
/* The same where what cannot be seen (visible.h) is shown, in an element of its own. `keep_lines`: line breaks and tabs
 * stay. */
void rn_html_visible(struct rn_html *html, const char *text, size_t size, bool keep_lines);
/* With a comma before each three digits. */
void rn_html_number(struct rn_html *html, uint64_t number);
/* Where the piece of Rune code at `at` ends, and its class ("k", "s", "n" or "c"), or NULL. */
size_t rn_html_piece(const char *code, size_t size, size_t at, const char **out_class);
/* Rune code with spans for keywords, literals and comments. */
void rn_html_code(struct rn_html *html, const char *code, size_t size);
/* A doc comment. `level`: of the headings around it; its own are lower. */
void rn_html_markdown(struct rn_html *html, const char *docs, int level);
/* Its first paragraph on one line, inline markup only. */
void rn_html_summary(struct rn_html *html, const char *docs);

#endif
