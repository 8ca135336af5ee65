/*
 * tools.h: looking into Units and into the wall, for commands and editors.
 *
 * A library of its own (libruneward-tools, besides libruneward): a host that only runs scripts does
 * not need it. Every function is thread safe; texts are the caller's.
 */
#ifndef RUNEWARD_TOOLS_H
#define RUNEWARD_TOOLS_H

#include <runeward/unit.h>

RUNE_BEGIN

/* A listing of the Unit's instructions, constants and tables. NO_MEMORY, TOO_LARGE. */
RUNE_API rune_status rune_tools_disassemble(const rune_unit *unit,
                                            rune_text **out_text) RUNE_MUST_CHECK;

/*
 * The wall's rules as they are compiled in: JSON with the system calls of each role, the conditions
 * on their arguments and the reasons, and the layers with what they protect and who requires them.
 */
RUNE_API rune_status rune_tools_policy(rune_text **out_json) RUNE_MUST_CHECK;

/*
 * What the diagnostic `code` ("E0301") means, for people: its message, in which `{}` stands for a
 * name, what leads to it, a wrong example and what to write instead. NOT_FOUND, NO_MEMORY.
 */
RUNE_API rune_status rune_tools_explain(const char *code, rune_text **out_text) RUNE_MUST_CHECK;
/* The `index`th code in the order of the table, or NULL at the end. Static storage. */
RUNE_API const char *rune_tools_code_at(size_t index);

/*
 * What the standard library declares, in the form of rune_outline (source.h): kinds function, method,
 * struct, const, macro, trait; without documentation. NO_MEMORY.
 */
RUNE_API rune_status rune_tools_library(rune_text **out_text) RUNE_MUST_CHECK;

RUNE_END

#endif
