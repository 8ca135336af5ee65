/*
 * script_kind.h: is a source a module with a main, or the body of a script?
 *
 * A guess by words, good for any source that compiles; what a source really means is the compiler's
 * to say.
 *
 * Trust: reads source text from anybody.
 */
#ifndef RN_CLI_SCRIPT_KIND_H
#define RN_CLI_SCRIPT_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* True when the top level of the source declares `fn main`. */
bool rn_source_has_main(const char *text, size_t size);

#endif
