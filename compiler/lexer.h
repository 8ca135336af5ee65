/*
 * lexer.h: text to tokens. Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_LEXER_H
#define RN_COMPILER_LEXER_H

#include "compiler/token.h"

/* Interns the keywords: must be the first thing that a table of symbols sees. */
enum rn_error rn_lexer_keywords(struct rn_symbols *symbols) RN_MUST_CHECK;

/*
 * Lexes `text` (UTF-8, at most RN_SOURCE_SIZE_MAX bytes, living as long as the tokens) in the arena
 * of `symbols`. `file`: a shebang or byte order mark may stand first. Lexical errors are tokens.
 * RN_E_NO_MEMORY.
 */
enum rn_error rn_lex(struct rn_symbols *symbols, uint32_t source, struct rn_utf8 text, bool file,
                     struct rn_tokens *out_tokens) RN_MUST_CHECK;

#endif
