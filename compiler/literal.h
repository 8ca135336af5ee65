/*
 * literal.h: tokens of literals to values. Reports what is wrong with them; then the value is a
 * zero of its kind and false is returned. Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_LITERAL_H
#define RN_COMPILER_LITERAL_H

#include "compiler/ast.h"

struct rn_literal_reader {
    struct rn_arena *arena;
    struct rn_diagnostics *diagnostics;
    const struct rn_tokens *tokens;
    bool no_memory; /* sticky */
};

/* NUMBER, CHAR, BYTE, STRING, BYTE_STRING, TRUE, FALSE. */
bool rn_literal_read(struct rn_literal_reader *reader, const struct rn_token *token,
                     struct rn_ast_literal *out_literal);
/* A number behind a minus sign at `minus`. */
bool rn_literal_read_negative(struct rn_literal_reader *reader, const struct rn_token *minus,
                              const struct rn_token *token, struct rn_ast_literal *out_literal);
/* The text of a STRING or TEMPLATE_TEXT token. */
bool rn_literal_read_text(struct rn_literal_reader *reader, const struct rn_token *token,
                          struct rn_utf8 *out_text);

#endif
