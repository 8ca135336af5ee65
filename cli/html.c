/* html.c: escaping, highlighting, a little Markdown. */
#include "cli/html.h"

#include "cli/fence.h"
#include "cli/quantity.h"
#include "cli/visible.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NESTING_MAX 8
#define WASTED_MAX ((size_t)16 << 20)
#define MARKED_MAX 4096u /* bytes between a mark and its end */

static void put(struct rn_html *html, const char *data, size_t size)
{
    html->full = html->full || (html->max > 0 && size > html->max - html->out.size);
    if (!html->full) {
        html->no_memory = html->no_memory || !rn_bytes_append(&html->out, data, size);
    }
}

void rn_html_raw(struct rn_html *html, const char *markup)
{
    put(html, markup, strlen(markup));
}

void rn_html_text(struct rn_html *html, const char *text, size_t size)
{
    size_t from = 0;
    if (size == 0) {
        return; // there may be no text at all
    }
    for (size_t i = 0; i < size; i++) {
        const char *entity = text[i] == '<'    ? "&lt;"
                             : text[i] == '>'  ? "&gt;"
                             : text[i] == '&'  ? "&amp;"
                             : text[i] == '"'  ? "&quot;"
                             : text[i] == '\'' ? "&#39;"
                                               : NULL;
        bool control = (unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t';
        if (entity != NULL || control) {
            put(html, text + from, i - from);
            rn_html_raw(html, control ? "\xef\xbf\xbd" : entity);
            from = i + 1;
        }
    }
    put(html, text + from, size - from);
}

void rn_html_visible(struct rn_html *html, const char *text, size_t size, bool keep_lines)
{
    char piece[RN_VISIBLE_PIECE];
    while (size > 0 && !html->full) {
        size_t count = rn_visible_next(text, size, piece);
        bool plain = count == strlen(piece) && memcmp(piece, text, count) == 0;
        bool stays = plain || (keep_lines && (*text == '\n' || *text == '\t'));
        if (stays) {
            rn_html_text(html, text, count);
        } else {
            rn_html_raw(html, "<i>");
            rn_html_text(html, piece, strlen(piece));
            rn_html_raw(html, "</i>");
        }
        text += count;
        size -= count;
    }
}

void rn_html_number(struct rn_html *html, uint64_t number)
{
    char digits[RN_QUANTITY_GROUPED_MAX];
    rn_html_raw(html, rn_quantity_group(number, digits));
}

/* ---- Code ---- */

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_keyword(const char *word, size_t size)
{
    static const char *const words[] = {
        "as",   "async",  "await",  "break", "const", "continue", "crate",  "default", "else",
        "enum", "false",  "fn",     "for",   "if",    "impl",     "in",     "is",      "let",
        "loop", "match",  "mod",    "move",  "not",   "pub",      "return", "select",  "self",
        "Self", "static", "struct", "super", "true",  "use",      "while",  "yield",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == size && memcmp(words[i], word, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The end of what a quote or a comment sign at `at` begins, or `at`. */
static size_t quoted_end(const char *code, size_t size, size_t at)
{
    char quote = code[at];
    if (quote == '/' && at + 1 < size && code[at + 1] == '/') {
        const char *end = memchr(code + at, '\n', size - at);
        return end == NULL ? size : (size_t)(end - code);
    }
    if (quote == '/' && at + 1 < size && code[at + 1] == '*') {
        const char *end = memmem(code + at + 2, size - at - 2, "*/", 2);
        return end == NULL ? size : (size_t)(end - code) + 2;
    }
    if (quote != '"' && quote != '`') {
        return at;
    }
    size_t end = at + 1;
    while (end < size && code[end] != quote) {
        end += code[end] == '\\' && end + 1 < size ? 2 : 1;
    }
    return end < size ? end + 1 : size;
}

static void span(struct rn_html *html, const char *class, const char *text, size_t size)
{
    if (class != NULL) {
        rn_html_raw(html, "<span class=\"");
        rn_html_raw(html, class);
        rn_html_raw(html, "\">");
    }
    rn_html_text(html, text, size);
    if (class != NULL) {
        rn_html_raw(html, "</span>");
    }
}

size_t rn_html_piece(const char *code, size_t size, size_t at, const char **out_class)
{
    size_t end = quoted_end(code, size, at);
    *out_class = NULL;
    if (end > at) {
        *out_class = code[at] == '/' ? "c" : "s";
        return end;
    }
    if (!is_word_char(code[at])) {
        return at + 1;
    }
    while (end < size && is_word_char(code[end])) {
        end++;
    }
    if (code[at] >= '0' && code[at] <= '9') {
        *out_class = "n";
    } else if (is_keyword(code + at, end - at)) {
        *out_class = "k";
    }
    return end;
}

void rn_html_code(struct rn_html *html, const char *code, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *class;
        size_t end = rn_html_piece(code, size, at, &class);
        span(html, class, code + at, end - at);
        at = end;
    }
}

/* ---- Inline markup ---- */

static void inline_text(struct rn_html *html, const char *text, size_t size, int depth);

/* Relative, http or https: what stands before the first colon, if that comes before any slash. */
static bool is_safe_link(const char *link, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)link[i] <= 0x20 || link[i] == '\\') {
            return false;
        }
    }
    size_t colon = 0;
    while (colon < size && strchr(":/?#", link[colon]) == NULL) {
        colon++;
    }
    if (colon == size || link[colon] != ':') {
        return size > 0;
    }
    return (colon == 4 && strncasecmp(link, "http", 4) == 0) ||
           (colon == 5 && strncasecmp(link, "https", 5) == 0);
}

/* `[text](link)` at the beginning; its size, or 0. */
static size_t link_at(struct rn_html *html, const char *text, size_t size, int depth)
{
    const char *middle = memmem(text, size, "](", 2);
    const char *end = middle == NULL ? NULL : memchr(middle, ')', size - (size_t)(middle - text));
    if (end == NULL || memchr(text + 1, '[', (size_t)(middle - text - 1)) != NULL) {
        return 0;
    }
    const char *link = middle + 2;
    bool safe = is_safe_link(link, (size_t)(end - link));
    if (safe) {
        rn_html_raw(html, "<a rel=\"nofollow noopener\" href=\"");
        rn_html_text(html, link, (size_t)(end - link));
        rn_html_raw(html, "\">");
    }
    inline_text(html, text + 1, (size_t)(middle - text - 1), depth + 1);
    rn_html_raw(html, safe ? "</a>" : "");
    return (size_t)(end - text) + 1;
}

/* Text between two equal marks at the beginning; its size with the marks, or 0. */
static size_t marked_at(struct rn_html *html, const char *text, size_t size, int depth)
{
    static const struct {
        const char *mark;
        const char *open;
        const char *close;
    } rows[] = {
        {"`", "<code>", "</code>"}, {"**", "<strong>", "</strong>"}, {"*", "<em>", "</em>"}};
    for (size_t i = 0; i < 3; i++) {
        size_t mark = strlen(rows[i].mark);
        if (size < 2 * mark + 1 || memcmp(text, rows[i].mark, mark) != 0) {
            continue;
        }
        const char *end = memmem(text + mark, size - mark, rows[i].mark, mark);
        if (end == NULL || end == text + mark || text[mark] == ' ') {
            continue;
        }
        size_t inner = (size_t)(end - text) - mark;
        rn_html_raw(html, rows[i].open);
        if (i == 0) {
            rn_html_text(html, text + mark, inner);
        } else {
            inline_text(html, text + mark, inner, depth + 1);
        }
        rn_html_raw(html, rows[i].close);
        return inner + 2 * mark;
    }
    return 0;
}

static void inline_text(struct rn_html *html, const char *text, size_t size, int depth)
{
    size_t from = 0;
    for (size_t i = 0; i < size;) {
        bool marks = depth < NESTING_MAX && html->wasted < WASTED_MAX &&
                     (text[i] == '`' || text[i] == '*' || text[i] == '[');
        if (!marks) {
            i++;
            continue;
        }
        struct rn_html inner = {.wasted = html->wasted};
        size_t near = size - i < MARKED_MAX ? size - i : MARKED_MAX;
        size_t taken = text[i] == '[' ? link_at(&inner, text + i, near, depth)
                                      : marked_at(&inner, text + i, near, depth);
        if (taken > 0) {
            rn_html_text(html, text + from, i - from);
            put(html, inner.out.data, inner.out.size);
            from = i + taken;
        }
        html->no_memory = html->no_memory || inner.no_memory;
        html->wasted = inner.wasted + (taken > 0 ? 0 : near);
        rn_bytes_done(&inner.out);
        i += taken > 0 ? taken : 1;
    }
    rn_html_text(html, text + from, size - from);
}

/* ---- Blocks ---- */

enum block {
    BLOCK_NONE,
    BLOCK_PARAGRAPH,
    BLOCK_LIST,
    BLOCK_NUMBERS,
};

static void close_block(struct rn_html *html, enum block *block)
{
    static const char *const ends[] = {"", "</p>\n", "</li></ul>\n", "</li></ol>\n"};
    rn_html_raw(html, ends[*block]);
    *block = BLOCK_NONE;
}

static size_t skip_spaces(struct rn_line line)
{
    size_t at = 0;
    while (at < line.size && (line.text[at] == ' ' || line.text[at] == '\t')) {
        at++;
    }
    return at;
}

/* Signs and spaces of a heading, or 0. */
static size_t heading_size(struct rn_line line, int *out_level)
{
    size_t count = 0;
    while (count < line.size && line.text[count] == '#') {
        count++;
    }
    *out_level = (int)count;
    return count > 0 && count <= 6 && count < line.size && line.text[count] == ' ' ? count + 1 : 0;
}

/* The sign of a list and the space behind it, or 0. */
static size_t item_size(struct rn_line line, size_t at, enum block *out_kind)
{
    size_t left = line.size - at;
    const char *text = line.text + at;
    *out_kind = BLOCK_LIST;
    if (left >= 2 && (text[0] == '-' || text[0] == '*' || text[0] == '+') && text[1] == ' ') {
        return 2;
    }
    size_t digits = 0;
    while (digits < left && digits < 9 && text[digits] >= '0' && text[digits] <= '9') {
        digits++;
    }
    *out_kind = BLOCK_NUMBERS;
    return digits > 0 && left >= digits + 2 && text[digits] == '.' && text[digits + 1] == ' '
               ? digits + 2
               : 0;
}

static void fence(struct rn_html *html, const char **at, const struct rn_fence *fence)
{
    struct rn_line line;
    struct rn_html code = {.no_memory = false};
    while (rn_line_next(at, &line) && !rn_fence_closes(line, fence)) {
        struct rn_line shown = line;
        if (!fence->is_rune || !rn_fence_hides(line, &shown)) {
            put(&code, shown.text, shown.size);
            put(&code, "\n", 1);
        }
    }
    rn_html_raw(html, "<pre><code>");
    if (fence->is_rune) {
        rn_html_code(html, code.out.data, code.out.size);
    } else {
        rn_html_text(html, code.out.data, code.out.size);
    }
    rn_html_raw(html, "</code></pre>\n");
    html->no_memory = html->no_memory || code.no_memory;
    rn_bytes_done(&code.out);
}

static void heading(struct rn_html *html, struct rn_line line, size_t skip, int level)
{
    char tag[] = "<h0>";
    char end[] = "</h0>\n";
    tag[2] = end[3] = (char)('0' + (level > 6 ? 6 : level));
    rn_html_raw(html, tag);
    inline_text(html, line.text + skip, line.size - skip, 0);
    rn_html_raw(html, end);
}

static void list_item(struct rn_html *html, enum block *block, enum block kind)
{
    if (*block == kind) {
        rn_html_raw(html, "</li><li>");
        return;
    }
    close_block(html, block);
    rn_html_raw(html, kind == BLOCK_LIST ? "<ul><li>" : "<ol><li>");
    *block = kind;
}

static void text_line(struct rn_html *html, struct rn_line line, enum block *block)
{
    enum block kind;
    size_t at = skip_spaces(line);
    size_t sign = item_size(line, at, &kind);
    if (sign > 0) {
        list_item(html, block, kind);
        at += sign;
    } else if (*block == BLOCK_NONE) {
        rn_html_raw(html, "<p>");
        *block = BLOCK_PARAGRAPH;
    } else {
        rn_html_raw(html, "\n");
    }
    inline_text(html, line.text + at, line.size - at, 0);
}

void rn_html_markdown(struct rn_html *html, const char *docs, int level)
{
    enum block block = BLOCK_NONE;
    struct rn_line line;
    while (rn_line_next(&docs, &line)) {
        struct rn_fence opened;
        int signs;
        size_t skip = heading_size(line, &signs);
        if (rn_fence_open(line, &opened)) {
            close_block(html, &block);
            fence(html, &docs, &opened);
        } else if (skip > 0) {
            close_block(html, &block);
            heading(html, line, skip, level + signs);
        } else if (skip_spaces(line) == line.size) {
            close_block(html, &block);
        } else {
            text_line(html, line, &block);
        }
    }
    close_block(html, &block);
}

void rn_html_summary(struct rn_html *html, const char *docs)
{
    struct rn_line line;
    struct rn_fence ignored;
    bool first = true;
    while (rn_line_next(&docs, &line) && skip_spaces(line) < line.size &&
           !rn_fence_open(line, &ignored)) {
        rn_html_raw(html, first ? "" : " ");
        inline_text(html, line.text, line.size, 0);
        first = false;
    }
}
