/*
 * html.h: HTML from text that anybody wrote.
 *
 * Markdown: headings, paragraphs, lists, fenced code, `code`, **strong**, *emphasis*, [text](link). What
 * is not known is text. Every character that means something to HTML is escaped, links are http, https or
 * relative: nothing in a comment becomes an element, an attribute or a script.
 *
 * Trust: reads doc comments of anybody.
 */
#ifndef RN_CLI_HTML_H
#define RN_CLI_HTML_H

#include "cli/bytes.h"

struct rn_html {
    struct rn_bytes out;
    bool no_memory;
};

/* Markup of ours, as it is. */
void rn_html_raw(struct rn_html *html, const char *markup);
/* Text of theirs. */
void rn_html_text(struct rn_html *html, const char *text, size_t size);
/* Rune code with spans for keywords, literals and comments. */
void rn_html_code(struct rn_html *html, const char *code, size_t size);
/* A doc comment. `level`: of the headings around it; its own are lower. */
void rn_html_markdown(struct rn_html *html, const char *docs, int level);
/* Its first paragraph on one line, inline markup only. */
void rn_html_summary(struct rn_html *html, const char *docs);

#endif
