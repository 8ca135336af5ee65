/*
 * source.h: what the compiler knows about sources, for editors and commands.
 *
 * The text is read by a process behind the same wall as for a build; the host parses nothing. Over a connection
 * (connect.h) it is a process of the daemon's, which asks for modules as it does for a build, and takes the same right.
 * Functions from any thread; several may run at once.
 */
#ifndef RUNEWARD_SOURCE_H
#define RUNEWARD_SOURCE_H

#include <runeward/build.h>

RUNE_BEGIN

/*
 * The root source in the usual layout: every token and comment of it, but for the commas, semicolons and
 * braces that mean nothing. `options` (or NULL) gives indentation, end, memory and time. The text is
 * the caller's. COMPILE_FAILED: the diagnostics (or NULL) say what cannot be read, or what would
 * change by the layout. INVALID_ARGUMENT, LIMIT, CRASHED, VIOLATION, SETUP, NO_MEMORY, SYSTEM, as for
 * rune_build; over a connection also DENIED, BUSY, OVERLOADED, CLOSED, and MESSAGE_INVALID: what the daemon sent is no
 * text.
 */
RUNE_API rune_status rune_format(rune_supervisor *supervisor, const rune_sources *sources,
                                 const rune_options *options, rune_diagnostics *diagnostics,
                                 rune_text **out_text, rune_error **error) RUNE_MUST_CHECK;

/*
 * What the module tree of the root source declares, with doc comments: JSON, one object a line, a module
 * before what is in it. Names are not resolved. Members of each object:
 *
 *     kind         module, function, method, struct, enum, const, static
 *     path, name   "shapes::area", "area"; "" for the root module
 *     public       bool
 *     source, line where it stands
 *     signature    source text on one line
 *     attributes   paths of its attributes, as in ["test"]
 *     docs         text of the doc comments; docs_line: where the first one stands
 *     members      fields or variants, each with name, signature, docs
 *
 * The text comes from a process behind the wall that has read hostile sources: treat it so. That it is UTF-8 has been
 * checked. It is the caller's. Errors as for rune_format.
 */
RUNE_API rune_status rune_outline(rune_supervisor *supervisor, const rune_sources *sources,
                                  const rune_options *options, rune_diagnostics *diagnostics,
                                  rune_text **out_text, rune_error **error) RUNE_MUST_CHECK;

/*
 * What each name of the module tree of the root source means: JSON, one object a line. As far as it could be found
 * out: RUNE_OK even if the diagnostics hold errors. The lines are, in this order,
 *
 *     {"source":"a.rn"}           each source, numbered from 0
 *     {"kind":"function", ...}    what is declared, numbered from 0
 *     {"uses":[0,7,11,3, ...]}    where names stand: source, start, end (bytes), number of what is declared
 *
 * Members of what is declared, by its kind:
 *
 *     kind         module, function, method, struct, enum, variant, field, const, static: an item of the sources
 *     path, name   "shapes::area", "area"; "" for the root module
 *     source, at, whole   where the name, and all of it, stands: [start, end]
 *     public       bool
 *     signature    source text on one line; docs: text of the doc comments
 *
 *     kind         local: a variable, with name, source, at, and the byte `until` which it can be seen
 *     kind         library: an item of the library, with path
 *     kind         member: a name behind a dot whose owner is not known before the script runs, with name
 *
 * The text comes from a process behind the wall that has read hostile sources: treat it so. That it is UTF-8 has been
 * checked. It is the caller's. `options` (or NULL) gives kind of source, memory and time. Errors as for rune_format,
 * but for COMPILE_FAILED.
 */
RUNE_API rune_status rune_names(rune_supervisor *supervisor, const rune_sources *sources,
                                const rune_options *options, rune_diagnostics *diagnostics,
                                rune_text **out_text, rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
