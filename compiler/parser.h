/*
 * parser.h: tokens to a tree.
 *
 * Errors are reported and the parser goes on behind them: at the next statement inside a block, at
 * the next item outside. What could not be read is left out of the tree. Trust: reads source text
 * from anybody.
 */
#ifndef RN_COMPILER_PARSER_H
#define RN_COMPILER_PARSER_H

#include "compiler/ast.h"

struct rn_parser_input {
    struct rn_arena *arena;
    struct rn_symbols *symbols;
    struct rn_diagnostics *diagnostics;
};

/* A whole source. `script`: its statements become `body`. RN_E_NO_MEMORY. */
enum rn_error rn_parse_file(const struct rn_parser_input *input, const struct rn_tokens *tokens,
                            bool script, struct rn_ast_file **out_file) RN_MUST_CHECK;

/* How a macro's input is read. */
struct rn_macro_mode {
    uint32_t
        named_from; /* from this argument on, `name = expr` is a named one; before, an assignment */
    uint32_t depth; /* levels around the call */
};

/*
 * Arguments of a macro: expressions separated by commas, each perhaps with `name =` before it.
 * After a syntax error (reported) count is 0 and *out_good false.
 */
enum rn_error rn_parse_macro_args(const struct rn_parser_input *input,
                                  const struct rn_token_run *run, struct rn_macro_mode mode,
                                  struct rn_ast_macro_arg **out_args, uint32_t *out_count,
                                  bool *out_good) RN_MUST_CHECK;

#endif
