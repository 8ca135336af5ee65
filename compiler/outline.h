/*
 * outline.h: what a module tree declares and says about itself, for documentation and its tests.
 *
 * Read from the tree of the parser alone: nothing is resolved, so that a text whose names are wrong
 * has an outline, too. One JSON object a line, in the order of the sources, a module before what is
 * in it:
 *
 *      {"kind":"function","path":"shapes::area","name":"area","public":true,"source":"a.rn","line":3,
 *       "signature":"pub fn area(w, h)","attributes":["test"],"docs":"Says.\n","docs_line":1,
 *       "members":[{"name":"w","signature":"w","docs":"","docs_line":0}]}
 *
 * Kinds: module, function, method, struct, enum, const, static. "docs_line" is the line of the first doc
 * comment; 0: there is none. Members are fields and variants. The path of the root is "".
 *
 * Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_OUTLINE_H
#define RN_COMPILER_OUTLINE_H

#include "compiler/compile.h"

/* `context`, `standard` of the input do not matter. RN_E_COMPILE_FAILED: diagnostics say what cannot
 * be read. RN_E_TOO_LARGE, RN_E_NO_MEMORY (reported, too). */
enum rn_error rn_outline(const struct rn_compile_input *input, struct rn_diagnostics *diagnostics,
                         struct rn_buf *out) RN_MUST_CHECK;

#endif
