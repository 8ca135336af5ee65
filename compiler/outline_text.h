/*
 * outline_text.h: what is quoted of a source by an outline (outline.h) and by names (names.h).
 *
 * Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_OUTLINE_TEXT_H
#define RN_COMPILER_OUTLINE_TEXT_H

#include "base/buf.h"
#include "compiler/ast.h"

/* Appends that piece of a source as a JSON string, on one line, cut where it is very long. */
void rn_outline_signature(struct rn_utf8 text, struct rn_span span, struct rn_buf *out);
/* Appends the text of the doc comments, lines that end with a line break. False: there are none; else
 * *out_first is where the first one stands. */
bool rn_outline_docs(const struct rn_ast_attributes *attributes, struct rn_buf *out,
                     struct rn_span *out_first);

#endif
