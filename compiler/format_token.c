/* format_token.c: taking tokens, and the comments between them. */
#include "compiler/format_internal.h"

#include <string.h>

/* ---- Where the walk stands ---- */

static const struct rn_tokens *tokens_of(const struct rn_formatter *f)
{
    return &f->reading->tokens;
}

/* True while the parser has cut a `>` off the current token and it was not taken. */
static bool at_cut(const struct rn_formatter *f)
{
    return f->items[f->at].start > f->written[f->at].start + f->cut;
}

enum rn_token_kind rn_f_kind(const struct rn_formatter *f)
{
    return at_cut(f) ? RN_TOKEN_GT : (enum rn_token_kind)f->items[f->at].kind;
}

enum rn_token_kind rn_f_kind_at(const struct rn_formatter *f, uint32_t ahead)
{
    uint32_t last = tokens_of(f)->count - 1;
    uint32_t index = f->at + ahead < last ? f->at + ahead : last;
    return (enum rn_token_kind)f->written[index].kind;
}

uint32_t rn_f_start(const struct rn_formatter *f)
{
    return f->written[f->at].start + f->cut;
}

static void lose(struct rn_formatter *f)
{
    f->lost = true;
}

/* ---- Comments ---- */

struct comment {
    uint32_t start;
    uint32_t end;    /* without space at the end */
    uint32_t breaks; /* line breaks since the place where the search began */
    bool line;       /* up to the end of the line */
};

/* The next comment in [from, to), where nothing but space, comments and dropped tokens stand. */
static bool find_comment(const struct rn_formatter *f, uint32_t from, uint32_t to,
                         struct comment *out_comment)
{
    const char *text = f->text;
    uint32_t breaks = 0;
    for (uint32_t at = from; at + 1 < to; at++) {
        breaks += text[at] == '\n';
        if (text[at] != '/' || (text[at + 1] != '/' && text[at + 1] != '*')) {
            continue;
        }
        bool line = text[at + 1] == '/';
        const char *end =
            line ? memchr(text + at, '\n', to - at) : memmem(text + at + 2, to - at - 2, "*/", 2);
        uint32_t stop = end == NULL ? to : (uint32_t)(end - text) + (line ? 0 : 2);
        while (line &&
               (text[stop - 1] == ' ' || text[stop - 1] == '\t' || text[stop - 1] == '\r')) {
            stop--;
        }
        *out_comment = (struct comment){at, stop, breaks, line};
        return true;
    }
    return false;
}

static struct rn_utf8 text_of(const struct rn_formatter *f, const struct comment *comment)
{
    return (struct rn_utf8){f->text + comment->start, comment->end - comment->start};
}

static uint32_t count_breaks(const struct rn_formatter *f, uint32_t from, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t at = from; at < to; at++) {
        count += f->text[at] == '\n';
    }
    return count;
}

static bool opens(uint8_t kind)
{
    return kind == RN_TOKEN_PAREN_OPEN || kind == RN_TOKEN_BRACKET_OPEN ||
           kind == RN_TOKEN_BRACE_OPEN || kind == RN_TOKEN_EOF;
}

static bool is_end(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_PAREN_CLOSE || kind == RN_TOKEN_BRACKET_CLOSE ||
           kind == RN_TOKEN_COMMA || kind == RN_TOKEN_SEMI;
}

/* Columns of the line before the comment; a tab counts as a level, as in the layout. */
static uint32_t column_of(const struct rn_formatter *f, uint32_t start)
{
    uint32_t line = start;
    while (line > 0 && f->text[line - 1] != '\n') {
        line--;
    }
    uint32_t column = 0;
    for (; line < start; line++) {
        column += f->text[line] == '\t' ? f->tab_columns : 1;
    }
    return column;
}

/* On a line of its own. */
static void write_own(struct rn_formatter *f, const struct comment *comment, uint32_t limit)
{
    bool first = opens(f->last) && !f->commented;
    rn_f_add(f, comment->breaks > 1 && !first ? RN_DOC_BLANK : RN_DOC_HARD);
    rn_doc_comment(&f->doc, text_of(f, comment), column_of(f, comment->start));
    struct comment next;
    bool more = find_comment(f, comment->end, limit, &next);
    uint32_t breaks = count_breaks(f, comment->end, more ? next.start : limit);
    if (breaks > 1 && (more || !f->closing)) {
        rn_f_add(f, RN_DOC_BLANK);
    } else if (comment->line || breaks > 0) {
        rn_f_add(f, RN_DOC_HARD);
    } else {
        rn_f_space(f);
    }
    f->commented = true;
}

static void write_inline(struct rn_formatter *f, const struct comment *comment)
{
    if (!(f->glued && !f->remarked && opens(f->last) && f->last != RN_TOKEN_BRACE_OPEN)) {
        rn_f_space(f);
    }
    rn_doc_comment(&f->doc, text_of(f, comment), column_of(f, comment->start));
    f->glued = true;
    f->remarked = true;
}

static void write_comment(struct rn_formatter *f, const struct comment *comment, uint32_t limit)
{
    if (comment->breaks > 0 || f->last == RN_TOKEN_EOF) {
        write_own(f, comment, limit);
    } else if (comment->line) {
        rn_doc_remark(&f->doc, text_of(f, comment));
        f->glued = false;
    } else {
        write_inline(f, comment);
    }
    f->past = comment->end;
}

/* All before `limit`; true if there were any. */
static bool write_comments(struct rn_formatter *f, uint32_t limit)
{
    struct comment comment;
    bool any = false;
    while (find_comment(f, f->past, limit, &comment)) {
        write_comment(f, &comment, limit);
        any = true;
    }
    return any;
}

/* Those behind the token just written that stand on its line, and after which the line ends. */
static void write_trailing(struct rn_formatter *f)
{
    uint32_t limit = rn_f_start(f);
    struct comment comment;
    enum rn_token_kind next = rn_f_kind(f);
    if (next == RN_TOKEN_COMMA || next == RN_TOKEN_SEMI) {
        return; // they go behind that one
    }
    uint32_t from = f->past;
    bool line = false;
    while (!line && find_comment(f, from, limit, &comment) && comment.breaks == 0) {
        from = comment.end;
        line = comment.line;
    }
    struct comment more;
    uint32_t stop = find_comment(f, from, limit, &more) ? more.start : limit;
    if (!line && count_breaks(f, from, stop) == 0 && next != RN_TOKEN_EOF) {
        return; // what follows on the line takes them
    }
    write_comments(f, from);
}

bool rn_f_comments(struct rn_formatter *f)
{
    if (f->lost) {
        return false;
    }
    f->closing = true;
    bool any = write_comments(f, rn_f_start(f));
    f->closing = false;
    return any;
}

bool rn_f_has_comments(const struct rn_formatter *f)
{
    struct comment comment;
    return find_comment(f, f->past, rn_f_start(f), &comment);
}

uint32_t rn_f_breaks(const struct rn_formatter *f)
{
    struct comment comment;
    if (find_comment(f, f->past, rn_f_start(f), &comment)) {
        return comment.breaks;
    }
    return count_breaks(f, f->past, rn_f_start(f));
}

/* ---- Tokens ---- */

static bool is_word(uint8_t kind)
{
    return kind >= RN_TOKEN_ABSTRACT || kind == RN_TOKEN_IDENT || kind == RN_TOKEN_LABEL ||
           (kind >= RN_TOKEN_NUMBER && kind <= RN_TOKEN_BYTE_STRING) || kind == RN_TOKEN_UNDERSCORE;
}

/* Are the two the beginning of a longer token, or of a comment? */
static bool joins(char before, char after)
{
    if (after == '=') {
        return strchr("+-*/%&|^!=<>.", before) != NULL;
    }
    if (before == after) {
        return strchr("&|<>.:/", before) != NULL;
    }
    return (after == '>' && (before == '-' || before == '=')) || (before == '/' && after == '*');
}

/* A point behind a number belongs to it unless a name or another point follows. */
static bool point_joins(const struct rn_formatter *f, enum rn_token_kind next)
{
    if (f->last != RN_TOKEN_NUMBER ||
        (next != RN_TOKEN_DOT && next != RN_TOKEN_DOT_DOT && next != RN_TOKEN_DOT_DOT_EQ)) {
        return false;
    }
    enum rn_token_kind after = rn_f_kind_at(f, 1);
    bool named = after == RN_TOKEN_IDENT || after >= RN_TOKEN_ABSTRACT;
    return f->text[f->past - 1] == '.' || (next == RN_TOKEN_DOT && !named);
}

/* Would the two be read as something else if nothing stood between them? */
static bool must_part(const struct rn_formatter *f, enum rn_token_kind next, uint32_t start)
{
    if (f->past == start) {
        return false; // as it was written
    }
    if (is_word(f->last) && is_word((uint8_t)next)) {
        return true;
    }
    return point_joins(f, next) || joins(f->text[f->past - 1], f->text[start]);
}

static void part(struct rn_formatter *f, enum rn_token_kind kind, uint32_t start)
{
    if (!f->glued) {
        return;
    }
    bool behind_remark = f->remarked && !is_end(kind);
    bool parted = !f->remarked && f->last != RN_TOKEN_EOF && must_part(f, kind, start);
    if (behind_remark || parted) {
        rn_f_space(f);
    }
}

static bool is_doc(enum rn_token_kind kind)
{
    return kind == RN_TOKEN_DOC_OUTER || kind == RN_TOKEN_DOC_INNER;
}

static uint32_t written_end(const struct rn_formatter *f, enum rn_token_kind kind, uint32_t start,
                            uint32_t end)
{
    while (is_doc(kind) && end > start &&
           (f->text[end - 1] == ' ' || f->text[end - 1] == '\t' || f->text[end - 1] == '\r')) {
        end--;
    }
    return end;
}

static void write_token(struct rn_formatter *f)
{
    enum rn_token_kind kind = rn_f_kind(f);
    uint32_t start = rn_f_start(f);
    uint32_t end = at_cut(f) ? start + 1 : f->items[f->at].end;
    part(f, kind, start);
    rn_doc_text(&f->doc,
                (struct rn_utf8){f->text + start, written_end(f, kind, start, end) - start});
    if (at_cut(f)) {
        f->cut++;
    } else {
        f->at++;
        f->cut = 0;
    }
    f->past = f->past > end ? f->past : end;
    f->last = (uint8_t)kind;
    f->glued = true;
    f->remarked = false;
    f->commented = false;
}

/* Inline comments before a comma stay before it, all others go behind it. */
static void write_separator(struct rn_formatter *f)
{
    uint32_t start = rn_f_start(f);
    struct comment comment;
    while (find_comment(f, f->past, start, &comment) && comment.breaks == 0 && !comment.line) {
        write_comment(f, &comment, start);
    }
    uint32_t past = f->past;
    write_token(f);
    f->past = past;
    write_comments(f, start);
    f->past = start + 1;
}

void rn_f_any(struct rn_formatter *f)
{
    enum rn_token_kind kind = rn_f_kind(f);
    if (f->lost || f->at + 1 >= tokens_of(f)->count) {
        lose(f);
        return;
    }
    if (kind == RN_TOKEN_COMMA || kind == RN_TOKEN_SEMI) {
        write_separator(f);
    } else {
        write_comments(f, rn_f_start(f));
        write_token(f);
    }
    write_trailing(f);
}

void rn_f_take(struct rn_formatter *f, enum rn_token_kind kind)
{
    if (rn_f_kind(f) != kind) {
        lose(f);
    } else {
        rn_f_any(f);
    }
}

bool rn_f_eat(struct rn_formatter *f, enum rn_token_kind kind)
{
    if (f->lost || rn_f_kind(f) != kind) {
        return false;
    }
    rn_f_any(f);
    return true;
}

void rn_f_drop(struct rn_formatter *f, enum rn_token_kind kind)
{
    if (f->lost || rn_f_kind(f) != kind) {
        lose(f);
        return;
    }
    f->at++;
    write_trailing(f);
}

static void space_between(struct rn_formatter *f, enum rn_token_kind kind)
{
    bool words = is_word(f->last) && is_word((uint8_t)kind);
    if (words || f->last == RN_TOKEN_COMMA || f->last == RN_TOKEN_ARROW) {
        rn_f_space(f);
    }
}

void rn_f_until(struct rn_formatter *f, uint32_t end)
{
    for (bool first = true; !f->lost && (rn_f_start(f) < end || at_cut(f)); first = false) {
        if (!first) {
            space_between(f, rn_f_kind(f));
        }
        rn_f_any(f);
    }
}

void rn_f_verbatim(struct rn_formatter *f, uint32_t end)
{
    write_comments(f, rn_f_start(f));
    uint32_t start = rn_f_start(f);
    if (f->lost || end <= start) {
        lose(f);
        return;
    }
    part(f, rn_f_kind(f), start);
    rn_doc_text(&f->doc, (struct rn_utf8){f->text + start, end - start});
    while (f->written[f->at].start < end && f->written[f->at].kind != RN_TOKEN_EOF) {
        f->last = f->written[f->at].kind;
        f->at++;
        f->cut = 0;
    }
    f->past = end;
    f->glued = true;
    f->remarked = false;
    f->commented = false;
    write_trailing(f);
}
