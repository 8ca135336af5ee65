/*
 * format_internal.h: what the files format*.c share.
 *
 * The walk over the tree takes the tokens one after the other, so that none is lost, doubled or
 * moved: rn_f_take names the kind that must come. When something else comes, `lost` is set, nothing
 * further happens, and the text is refused. Comments between tokens are written by the taking.
 */
#ifndef RN_COMPILER_FORMAT_INTERNAL_H
#define RN_COMPILER_FORMAT_INTERNAL_H

#include "compiler/ast.h"
#include "compiler/format.h"
#include "compiler/format_doc.h"
#include "compiler/parser.h"

/* One reading of a text. */
struct rn_source_reading {
    struct rn_arena *arena; /* borrowed */
    struct rn_symbols symbols;
    struct rn_tokens tokens;  /* as the parser left them: some `>` cut off */
    struct rn_token *written; /* as the lexer made them */
    struct rn_ast_file *file;
    uint32_t front; /* bytes before the first token that the lexer steps over */
    bool script;
};

struct rn_formatter {
    struct rn_source_reading *reading;
    const char *text;
    const struct rn_token *written;
    struct rn_token *items; /* the parser's */
    uint32_t at;
    uint32_t cut;  /* bytes of the current token that were taken as `>` */
    uint32_t past; /* everything before this byte has been written or dropped */
    struct rn_doc doc;
    uint8_t last;   /* enum rn_token_kind written last */
    bool glued;     /* no space was written since */
    bool remarked;  /* an inline comment was written since */
    bool commented; /* a comment on a line of its own was written since */
    bool closing;   /* comments at the end of a block are written */
    uint32_t tab_columns;
    uint32_t macro_depth;
    bool lost;
};

/* ---- Tokens (format_token.c) ---- */

enum rn_token_kind rn_f_kind(const struct rn_formatter *f);
enum rn_token_kind rn_f_kind_at(const struct rn_formatter *f, uint32_t ahead);
static inline bool rn_f_is(const struct rn_formatter *f, enum rn_token_kind kind)
{
    return rn_f_kind(f) == kind;
}
/* Where the current token begins. */
uint32_t rn_f_start(const struct rn_formatter *f);
/* Writes the current token with the comments before it and those behind it on its line. */
void rn_f_any(struct rn_formatter *f);
void rn_f_take(struct rn_formatter *f, enum rn_token_kind kind);
/* Takes it if it is there. */
bool rn_f_eat(struct rn_formatter *f, enum rn_token_kind kind);
/* Leaves the current token out; its comments stay. */
void rn_f_drop(struct rn_formatter *f, enum rn_token_kind kind);
/* Writes tokens up to the byte `end`, spaced like paths and types. */
void rn_f_until(struct rn_formatter *f, uint32_t end);
/* Writes the text from the current token to the byte `end` as it is. */
void rn_f_verbatim(struct rn_formatter *f, uint32_t end);
/* Comments before the current token, each on a line of its own; true if there were any. */
bool rn_f_comments(struct rn_formatter *f);
bool rn_f_has_comments(const struct rn_formatter *f);
/* Line breaks before what comes next, comment or token. */
uint32_t rn_f_breaks(const struct rn_formatter *f);

static inline void rn_f_add(struct rn_formatter *f, enum rn_doc_kind kind)
{
    f->glued = f->glued && (kind == RN_DOC_SOFT || kind == RN_DOC_INDENT || kind == RN_DOC_DEDENT);
    rn_doc_add(&f->doc, kind);
}
static inline void rn_f_space(struct rn_formatter *f)
{
    rn_f_add(f, RN_DOC_SPACE);
}

/* ---- Lists (format_tree.c) ---- */

enum rn_list_style {
    RN_LIST_TIGHT = 0,  /* (a, b) */
    RN_LIST_SPACED = 1, /* { a, b } */
    RN_LIST_LINES = 2,  /* always one a line */
    RN_LIST_TUPLE = 4,  /* a single element keeps its comma */
    RN_LIST_FILL = 8,   /* as many on a line as there is room for */
    RN_LIST_BARE = 16,  /* no comma behind the last element */
};

struct rn_list {
    unsigned style; /* of enum rn_list_style */
    uint32_t count;
    void (*element)(struct rn_formatter *f, const void *context, uint32_t index);
    const void *context;
    bool
        hugs; /* the last element may begin on the line of the delimiter and end on that of the other */
};

/* From the opening delimiter, which is the current token, to the closing one. */
void rn_f_list(struct rn_formatter *f, const struct rn_list *list);

/* ---- Parts of the tree ---- */

void rn_f_expr(struct rn_formatter *f, const struct rn_ast_expr *expr);
void rn_f_pat(struct rn_formatter *f, const struct rn_ast_pat *pat);
void rn_f_path(struct rn_formatter *f, const struct rn_ast_path *path);
void rn_f_macro(struct rn_formatter *f, const struct rn_ast_macro *macro);
void rn_f_params(struct rn_formatter *f, const struct rn_ast_param *params, uint32_t count);

enum rn_empty_style {
    RN_EMPTY_SHORT, /* {} */
    RN_EMPTY_LINES, /* the braces on two lines */
};
void rn_f_block(struct rn_formatter *f, const struct rn_ast_block *block,
                enum rn_empty_style empty);
void rn_f_file(struct rn_formatter *f, const struct rn_ast_file *file);
/* The line break before a thing in a row of them: with an empty line if there was one, or if there was
 * no break at all and the two should stand apart. */
void rn_f_part(struct rn_formatter *f, bool first, bool apart);

/* ---- The result (format_check.c) ---- */

/*
 * Whether `after` says what `before` says, and has every comment. Else *out_place is a byte of
 * `before` near the difference. NO_MEMORY.
 */
enum rn_error rn_format_same(const struct rn_source_reading *before,
                             const struct rn_source_reading *after, bool *out_same,
                             uint32_t *out_place);

#endif
