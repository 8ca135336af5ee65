/* diagnostics.h: what a build had to say, as the host holds it. */
#ifndef RN_SUPERVISOR_DIAGNOSTICS_H
#define RN_SUPERVISOR_DIAGNOSTICS_H

#include <runeward/build.h>

#include "bytecode/diagnostic.h"

struct rune_diagnostics {
    struct rn_diagnostics list;
    rune_diagnostic *flat; /* of each in the list; texts in `arena` */
    size_t count;
    struct rn_arena arena;
};

/* Replaces what is there by the wire form that a compiler sent. Trust: checked by the decoder. */
enum rn_error rn_diagnostics_replace(rune_diagnostics *diagnostics, const void *bytes,
                                     size_t size) RN_MUST_CHECK;
/* Once more what rune_diagnostics_at gives, after a change of the list. */
void rn_diagnostics_flatten(rune_diagnostics *diagnostics);
/* What `from` says, in the place of what is there. */
enum rn_error rn_diagnostics_copy(const rune_diagnostics *from, rune_diagnostics *to) RN_MUST_CHECK;
/* Bytes that they hold. */
size_t rn_diagnostics_bytes(const rune_diagnostics *diagnostics);
/* The texts of their sources: what they say and where stays, but nothing can be quoted any more. */
void rn_diagnostics_drop_texts(rune_diagnostics *diagnostics);

#endif
