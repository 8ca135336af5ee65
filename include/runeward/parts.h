/*
 * parts.h: scripts that were put together.
 *
 * Who makes one source out of several texts (the entries of a session, the cells of a notebook, a template and
 * what was written into it) wants to hear of those texts, not of a source that nobody has seen. A part is a run of
 * whole lines; what a build or a call has to say about them becomes about a source with the part's name, whose
 * first line is 1, in every form in which it is shown.
 */
#ifndef RUNEWARD_PARTS_H
#define RUNEWARD_PARTS_H

#include <runeward/build.h>
#include <runeward/vm.h>

RUNE_BEGIN

/* Borrowed until return, as is its name. */
typedef struct rune_part {
    const char *name;
    uint32_t line;       /* its first one, from 1 */
    uint32_t line_count; /* more than 0 */
} rune_part;

/*
 * What is said about `source`, a source by that name, where it belongs to a part; all else stays. Of parts that
 * overlap the first one has it. A place that goes on behind its part ends with it. INVALID_ARGUMENT, and nothing is
 * changed: a part begins in line 0. TOO_LARGE: about too many parts; NO_MEMORY: some places were not changed.
 */
RUNE_API rune_status rune_diagnostics_set_parts(rune_diagnostics *diagnostics, const char *source,
                                                const rune_part *parts,
                                                size_t count) RUNE_MUST_CHECK;
/* The same of the backtrace of a call that failed; does nothing to others. INVALID_ARGUMENT, NO_MEMORY. */
RUNE_API rune_status rune_record_set_parts(rune_record *record, const char *source,
                                           const rune_part *parts, size_t count) RUNE_MUST_CHECK;

RUNE_END

#endif
