/*
 * token.h: tokens and the run of them that one source becomes.
 *
 * A source is lexed at once into a flat array that ends with RN_TOKEN_EOF. Macro input stays a
 * range of that array. What a template `..${..}..` holds stands between TEMPLATE_OPEN and
 * TEMPLATE_CLOSE as TEXT tokens and, between HOLE_OPEN and HOLE_CLOSE, ordinary tokens. A lexical
 * error is a token of its own, reported by whoever takes it, so that errors come in the order of
 * the text.
 */
#ifndef RN_COMPILER_TOKEN_H
#define RN_COMPILER_TOKEN_H

#include "bytecode/diagnostic.h"
#include "compiler/symbol.h"

enum rn_token_kind {
#define TOKEN(name, text) RN_TOKEN_##name,
#define KEYWORD(name, text) RN_TOKEN_##name,
#include "compiler/tokens.def"
#undef KEYWORD
#undef TOKEN
    RN_TOKEN_COUNT
};

struct rn_token {
    uint32_t start; /* bytes in the source */
    uint32_t end;
    uint32_t value; /* IDENT and keywords, LABEL: symbol (labels with their quote); ERROR: enum
                       rn_diagnostic_code; opening delimiters: index of the matching closing token,
                       or 0 */
    uint8_t kind;   /* enum rn_token_kind */
    uint8_t flags;  /* enum rn_token_flag */
};

enum rn_token_flag {
    RN_TOKEN_ESCAPED = 1u << 0,  /* text with backslashes in it */
    RN_TOKEN_FRACTION = 1u << 1, /* number with `.` or exponent */
};

/* items[0] is a lone EOF, the text begins at items[1]. */
struct rn_tokens {
    uint32_t source;
    struct rn_utf8 text; /* of the source */
    struct rn_token *items;
    uint32_t count; /* with EOF */
    bool suspect;   /* has lexical errors, or delimiters that do not match */
};

#define RN_TEMPLATE_NESTING_MAX 64u

/* A run [start, end) of tokens of one source. */
struct rn_token_run {
    const struct rn_tokens *tokens;
    uint32_t start;
    uint32_t end;
};

/* "`;`", "`let` keyword", "identifier": for messages. Static storage. */
const char *rn_token_description(enum rn_token_kind kind);

#endif
