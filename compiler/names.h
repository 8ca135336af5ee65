/*
 * names.h: what each name of a module tree means, for editors.
 *
 * Found out as far as it goes, whatever is wrong with the sources: what cannot be read or looked up is left
 * out. One JSON object a line: first the sources, in the order of their numbers; then what is declared, in
 * the order of its numbers; then the places where names of these stand, in the order of the sources.
 *
 *      {"source":"a.rn"}
 *      {"kind":"function","path":"shapes::area","name":"area","source":0,"at":[7,11],"whole":[0,40],
 *       "public":true,"signature":"pub fn area(w, h)","docs":"Says.\n"}
 *      {"kind":"local","name":"w","source":0,"at":[12,13],"until":40}
 *      {"kind":"library","path":"std::vec::Vec"}
 *      {"kind":"member","name":"push"}
 *      {"uses":[0,7,11,0, 0,12,13,1]}
 *
 * Places are bytes. Four numbers are a use: source, start, end, which of the declared. Kinds: module,
 * function, method, struct, enum, variant, field, const, static; local: a variable, seen from where it
 * stands up to `until`; library: an item of the library; member: behind a dot, and what it belongs to is
 * not known before the script runs. The path of a field or variant begins with that of its type. The root
 * module has the path "".
 *
 * Trust: reads source text from anybody.
 */
#ifndef RN_COMPILER_NAMES_H
#define RN_COMPILER_NAMES_H

#include "compiler/compile.h"

/* `notes` of the input does not matter. RN_OK even if diagnostics hold errors. RN_E_TOO_LARGE,
 * RN_E_NO_MEMORY (reported, too). */
enum rn_error rn_names(const struct rn_compile_input *input, struct rn_diagnostics *diagnostics,
                       struct rn_buf *out) RN_MUST_CHECK;

#endif
