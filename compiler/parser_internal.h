/*
 * parser_internal.h: what the files parser*.c share.
 *
 * Conventions: a function that parses returns its node, or NULL (false) after an error that it has
 * reported. On success it leaves the height of its tree in `height`. Whoever opened a delimiter
 * sees to it that after a failure the parser stands behind the partner, so that recovery starts on
 * the level of the statement or item that failed.
 */
#ifndef RN_COMPILER_PARSER_INTERNAL_H
#define RN_COMPILER_PARSER_INTERNAL_H

#include "compiler/literal.h"
#include "compiler/parser.h"

struct rn_parser {
    struct rn_arena *arena;
    struct rn_symbols *symbols;
    struct rn_diagnostics *diagnostics;
    const struct rn_tokens *tokens;
    struct rn_token *items;
    uint32_t at;     /* current token */
    uint32_t end;    /* first token that must not be taken: EOF or the end of a macro's input */
    uint32_t depth;  /* recursion */
    uint32_t height; /* of the tree just made */
    uint32_t height_max;
    uint32_t limit;    /* end of the innermost block or module around */
    uint32_t reported; /* lexical errors before this token have been reported */
    uint32_t failed;   /* the token at which something else was expected last; 0: none */
    struct rn_diagnostic *complaint; /* made last by rn_p_fail_expected */
    struct rn_literal_reader literals;
    /* Elements of unfinished lists. */
    uint8_t *scratch;
    size_t scratch_size;
    size_t scratch_capacity;
    struct rn_token eof; /* stands for items[end] */
    uint32_t semis; /* how often a semicolon was missed between statements that could be read */
    struct rn_diagnostic *before; /* the last one when this parser began */
    bool distrust;                /* delimiters of macros were found not to match */
    bool no_memory;
};

enum rn_brace_mode {
    RN_BRACE_PLAIN, /* `{` behind a path is not a struct literal */
    RN_BRACE_EAGER,
};

/* ---- Tokens ---- */

static inline const struct rn_token *rn_p_peek(const struct rn_parser *p, uint32_t ahead)
{
    return p->end - p->at > ahead ? &p->items[p->at + ahead] : &p->eof;
}

static inline enum rn_token_kind rn_p_kind(const struct rn_parser *p)
{
    return (enum rn_token_kind)rn_p_peek(p, 0)->kind;
}

static inline enum rn_token_kind rn_p_kind_at(const struct rn_parser *p, uint32_t ahead)
{
    return (enum rn_token_kind)rn_p_peek(p, ahead)->kind;
}

static inline bool rn_p_is(const struct rn_parser *p, enum rn_token_kind kind)
{
    return rn_p_peek(p, 0)->kind == (uint8_t)kind;
}

static inline void rn_p_advance(struct rn_parser *p)
{
    p->at += p->at < p->end;
}

static inline bool rn_p_eat(struct rn_parser *p, enum rn_token_kind kind)
{
    if (!rn_p_is(p, kind)) {
        return false;
    }
    p->at++;
    return true;
}

struct rn_span rn_p_token_span(const struct rn_parser *p, uint32_t index);
/* Of the current token; at the end, the place behind the last one. */
struct rn_span rn_p_span(const struct rn_parser *p);
/* From the start of token `first` to the end of the token before the current one. */
struct rn_span rn_p_span_from(const struct rn_parser *p, uint32_t first);
struct rn_span rn_span_join(struct rn_span a, struct rn_span b);

/* "expected {what} but got {current token}", or the lexical error there. Returns false. */
bool rn_p_fail_expected(struct rn_parser *p, const char *what);
bool rn_p_expect(struct rn_parser *p, enum rn_token_kind kind);
/* What is written here instead of a word of other languages, in text of the source; NULL: it is none. */
const char *rn_p_foreign_word(const struct rn_parser *p, struct rn_span span);
/* The same; if something else stands there, the complaint has that help (NULL: none). */
bool rn_p_expect_helped(struct rn_parser *p, enum rn_token_kind kind, const char *help);
void rn_p_unsupported(struct rn_parser *p, struct rn_span span, const char *what);
/* Steps over tokens, reporting lexical errors among them that nobody has reported. */
void rn_p_skip_to(struct rn_parser *p, uint32_t index);
void rn_p_report_lexical(struct rn_parser *p, uint32_t index);
/* Says in `complaint` if the token before the current one is a string whose quote was forgotten. */
void rn_p_label_overlong(struct rn_parser *p, struct rn_diagnostic *complaint);

/* Errors after which what follows may be misread; a semicolon that is missing is none. */
static inline uint32_t rn_p_misread(const struct rn_parser *p)
{
    return p->diagnostics->error_count - p->semis;
}

/* Counts a level of recursion; false (reported) beyond RN_NESTING_MAX. */
bool rn_p_enter(struct rn_parser *p);
static inline void rn_p_leave(struct rn_parser *p)
{
    p->depth--;
}
/* Sets the height of a node above children `height` high; false (reported) if that is too high. */
bool rn_p_grow(struct rn_parser *p, uint32_t height, struct rn_span span);

static inline uint32_t rn_p_max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- Memory ---- */

void *rn_p_alloc(struct rn_parser *p, size_t size);
static inline size_t rn_p_mark(const struct rn_parser *p)
{
    return p->scratch_size;
}
bool rn_p_push(struct rn_parser *p, const void *element, size_t size);
/* Moves the elements since `mark` into the arena. */
void *rn_p_take(struct rn_parser *p, size_t mark, size_t size, uint32_t *out_count);
/* Drops them. */
static inline void rn_p_drop(struct rn_parser *p, size_t mark)
{
    p->scratch_size = mark;
}

/* ---- Delimited lists ---- */

/*
 * `open` (element % ',') `close`. `element` parses one and pushes it. On failure everything pushed
 * is dropped and the parser stands behind the closing partner. Heights of elements are gathered in
 * p->height.
 */
bool rn_p_list(struct rn_parser *p, enum rn_token_kind open,
               bool (*element)(struct rn_parser *p, void *context), void *context);
/* The delimiter at `open` has no partner: reports that, goes to the limit, returns false. */
bool rn_p_fail_unclosed(struct rn_parser *p, uint32_t open);
/* The same of a brace, at the end of what could be read behind it. */
void rn_p_fail_unclosed_brace(struct rn_parser *p, uint32_t open);
/* The index of the partner of the delimiter at `open`, if it lies within reach, else 0. */
uint32_t rn_p_partner(const struct rn_parser *p, uint32_t open);
/* After a failure inside the delimiter at `open`: behind its partner, if it has one. */
void rn_p_abandon(struct rn_parser *p, uint32_t open);

/* ---- Parts (parser.c) ---- */

bool rn_p_name(struct rn_parser *p, struct rn_ast_name *out_name);
bool rn_p_label(struct rn_parser *p, struct rn_ast_name *out_name);
bool rn_p_is_path(const struct rn_parser *p);
struct rn_ast_path *rn_p_path(struct rn_parser *p);
/* One segment of a path or an import. */
bool rn_p_segment(struct rn_parser *p, struct rn_ast_segment *out_segment);
bool rn_p_attributes(struct rn_parser *p, bool only_inner,
                     struct rn_ast_attributes *out_attributes);
bool rn_p_visibility(struct rn_parser *p, struct rn_ast_visibility *out_visibility);
struct rn_ast_macro *rn_p_macro(struct rn_parser *p, struct rn_ast_path *path);

/* ---- Expressions (parser_expr.c, parser_control.c) ---- */

struct rn_ast_expr *rn_p_expr(struct rn_parser *p);
struct rn_ast_expr *rn_p_expr_mode(struct rn_parser *p, enum rn_brace_mode mode);
/* A generic argument: no operators, no braces, not callable. */
struct rn_ast_expr *rn_p_type_argument(struct rn_parser *p);
/* An expression that begins a statement. */
struct rn_ast_expr *rn_p_expr_statement(struct rn_parser *p);
bool rn_p_starts_operand(const struct rn_parser *p, enum rn_brace_mode mode);
struct rn_ast_expr *rn_p_new_expr(struct rn_parser *p, enum rn_expr_kind kind);
/* Sets span (from token `first`) and height (above `height`) of a finished node. */
struct rn_ast_expr *rn_p_finish(struct rn_parser *p, struct rn_ast_expr *expr, uint32_t first,
                                uint32_t height);
/* False if a statement of that expression wants a semicolon. */
bool rn_ast_needs_semi(const struct rn_ast_expr *expr);

struct rn_ast_expr *rn_p_if(struct rn_parser *p);
struct rn_ast_expr *rn_p_match(struct rn_parser *p);
struct rn_ast_expr *rn_p_select(struct rn_parser *p);
struct rn_ast_expr *rn_p_let(struct rn_parser *p);
struct rn_ast_expr *rn_p_jump(struct rn_parser *p);
struct rn_ast_expr *rn_p_loop(struct rn_parser *p, struct rn_ast_name label);
struct rn_ast_expr *rn_p_closure(struct rn_parser *p, uint32_t first, bool is_async, bool is_move);
struct rn_ast_expr *rn_p_template(struct rn_parser *p);

/* ---- Types (parser_type.c) ---- */

/* Whether the current token is that identifier, a word of other languages. */
bool rn_p_is_word(const struct rn_parser *p, const char *word);
/* From `<` to behind its `>`; false, and nothing is taken: there is none. */
bool rn_p_skip_angles(struct rn_parser *p);
/* Helps with what is to be written, `before` and a piece of the source; false: that is too long, and no help. */
bool rn_p_help_write(struct rn_parser *p, struct rn_diagnostic *d, const char *before,
                     struct rn_span kept);
/* Steps over a type of Rust; that there is none is reported. */
bool rn_p_type(struct rn_parser *p);
/* Refuses `: type` behind what begins at token `first`, if it is there; false: no type follows. */
bool rn_p_refuse_type(struct rn_parser *p, uint32_t first, const char *construct);
/*
 * Refuses `<..>`, if it is there, as "{construct} have no generic parameters". `word` ("fn ") begins what is
 * to be written; the name stands before the `<`, or behind the `>`.
 */
void rn_p_refuse_generics(struct rn_parser *p, const char *construct, const char *word);

/* ---- Patterns, statements, items ---- */

struct rn_ast_pat *rn_p_pat(struct rn_parser *p);
/* A pattern where a type may be meant behind a colon, which is refused: of "variables". */
struct rn_ast_pat *rn_p_pat_untyped(struct rn_parser *p, const char *construct);
/* `self` or a pattern; pushes a struct rn_ast_param. */
bool rn_p_param(struct rn_parser *p, void *context);
struct rn_ast_block *rn_p_block(struct rn_parser *p);
/* Statements up to the end of the input. */
struct rn_ast_block *rn_p_script(struct rn_parser *p);
bool rn_p_is_item(const struct rn_parser *p);
/* An item behind its attributes and visibility, with its semicolon. */
struct rn_ast_item *rn_p_item(struct rn_parser *p, struct rn_ast_attributes attributes,
                              struct rn_ast_visibility visibility);
struct rn_ast_file *rn_p_file(struct rn_parser *p);

#endif
