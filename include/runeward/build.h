/*
 * build.h: from source text to a Unit.
 *
 * The text is compiled by a process behind its own wall; the supervisor seals and verifies what
 * comes back. Builders and diagnostics are one thread's at a time.
 */
#ifndef RUNEWARD_BUILD_H
#define RUNEWARD_BUILD_H

#include <runeward/context.h>
#include <runeward/supervisor.h>
#include <runeward/unit.h>

RUNE_BEGIN

typedef struct rune_sources rune_sources;
typedef struct rune_options rune_options;
typedef struct rune_diagnostics rune_diagnostics;
typedef struct rune_statics rune_statics;

/* Empty. NULL without memory. The caller's: rune_sources_free. */
RUNE_API rune_sources *rune_sources_new(void) RUNE_MUST_CHECK;
/*
 * Inserts a text (copied). The first source is the root; further ones are modules, found under
 * `name` as item path ("a", "a::b") where the source above declares them, as it does for files: `mod a;` in
 * the root, `mod b;` in "a". What nobody declares is not built. TOO_LARGE (16 MiB each), INVALID_ARGUMENT (a
 * module of that name is there already), NO_MEMORY.
 */
RUNE_API rune_status rune_sources_insert_memory(rune_sources *sources, const char *name,
                                                const char *data, size_t size,
                                                rune_error **error) RUNE_MUST_CHECK;
/*
 * Reads a file as the root. `mod a;` then finds `a.rn` and `a/mod.rn` beside it, never outside its
 * folder and never through symbolic links. Mounts within the folder are followed: a file system that does
 * not answer holds the build, whatever its limit of time. NOT_FOUND, SYSTEM, TOO_LARGE, NO_MEMORY.
 */
RUNE_API rune_status rune_sources_insert_file(rune_sources *sources, const char *path,
                                              rune_error **error) RUNE_MUST_CHECK;
/*
 * Modules that no other source provides come from `fn`: it writes the text through
 * rune_sources_loaded and returns RUNE_OK, or NOT_FOUND. Runs on the thread that builds.
 *
 * `item` is one or more identifiers joined by "::" ("a", "shop::prices"), UTF-8, less than 4 KiB: ASCII
 * letters, digits and underscores, and any characters beyond ASCII. No part is empty, and none has a dot, a
 * slash or a space; other items are not found without `fn` being asked. It is what a script says: whether
 * that text may have it is for `fn` to decide.
 */
typedef struct rune_loaded rune_loaded;
typedef rune_status (*rune_loader_fn)(void *user, const char *item, rune_loaded *loaded);
RUNE_API void rune_sources_set_loader(rune_sources *sources, rune_loader_fn fn, void *user);
RUNE_API rune_status rune_sources_loaded(rune_loaded *loaded, const char *name, const char *data,
                                         size_t size) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_sources_free(rune_sources *sources);

/*
 * Statics that the host declares for a build: scripts use them without a declaration, wherever they
 * could use a function of the host, and the host sets them as globals.h says. NULL without memory.
 */
RUNE_API rune_statics *rune_statics_new(void) RUNE_MUST_CHECK;
/*
 * `item` is a path, as in "GREETING" or "app::CALLS". `initial` (may be NULL) is what a Vm finds
 * there until somebody sets it: a value as scripts may give to constants. INVALID_ARGUMENT: no path,
 * or declared already; NO_MEMORY. A build fails (E0324) if the script declares the item itself.
 */
RUNE_API rune_status rune_statics_insert(rune_statics *statics, const char *item,
                                         const rune_const_value *initial,
                                         rune_error **error) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_statics_free(rune_statics *statics);

/* Defaults: a module with items, warnings on. NULL without memory. */
RUNE_API rune_options *rune_options_new(void) RUNE_MUST_CHECK;
/* The root source is the body of an unnamed function, called as "". */
RUNE_API void rune_options_set_script(rune_options *options, bool script);
/* Bytes of memory that the compiler may use; 0: the default of 512 MiB. */
RUNE_API void rune_options_set_memory_max(rune_options *options, uint64_t bytes);
/* Nanoseconds that a build may take; 0: the default of 10 s. */
RUNE_API void rune_options_set_wall(rune_options *options, uint64_t wall_ns);
/* Kept alive by the options, and by whatever copies them (a watch, a server): rune_statics_free may come
 * first, but what is inserted meanwhile must be on the thread that builds. NULL: none. */
RUNE_API void rune_options_set_statics(rune_options *options, const rune_statics *statics);
/* For whom this is built, when results are kept: no domain gets what another had built. Copied;
 * default "". NO_MEMORY. */
RUNE_API rune_status rune_options_set_domain(rune_options *options,
                                             const char *domain) RUNE_MUST_CHECK;
/*
 * Keeps good results in a folder, which is made if it is not there, and takes them from it as long
 * as compiler, context, statics, options, domain and every source are the same. What is found is verified
 * like any Unit; what is damaged is built again. `bytes_max`: what the folder may hold before the
 * oldest go; 0: 256 MiB. A build fails with DENIED if others may write to the folder, with SYSTEM
 * if it cannot be opened. Loaders are asked again on every look-up. NO_MEMORY.
 */
RUNE_API rune_status rune_options_set_cache(rune_options *options, const char *directory,
                                            uint64_t bytes_max) RUNE_MUST_CHECK;
/* For rune_format: columns of a level, 1 to 16, or 0 for tabs (default 4); a line break at the end of
 * the text (default true). */
RUNE_API void rune_options_set_indent(rune_options *options, uint32_t columns);
RUNE_API void rune_options_set_final_newline(rune_options *options, bool newline);
/* Accepts NULL. */
RUNE_API void rune_options_free(rune_options *options);

/* Empty. NULL without memory. A build replaces what is in it. */
RUNE_API rune_diagnostics *rune_diagnostics_new(void) RUNE_MUST_CHECK;
/* NULL has none; _render and _to_json of it say INVALID_ARGUMENT. */
RUNE_API size_t rune_diagnostics_count(const rune_diagnostics *diagnostics);
RUNE_API bool rune_diagnostics_has_error(const rune_diagnostics *diagnostics);

typedef enum rune_severity {
    RUNE_SEVERITY_ERROR = 0,
    RUNE_SEVERITY_WARNING = 1,
    RUNE_SEVERITY_NOTE = 2
} rune_severity;

/* One diagnostic; texts borrowed until the diagnostics change. */
typedef struct rune_diagnostic {
    rune_severity severity;
    const char *code;    /* "E0123" */
    const char *message; /* without position */
    const char *source;  /* name of the source */
    uint32_t line;       /* from 1 */
    uint32_t column;     /* from 1, in characters */
    uint32_t end_line;
    uint32_t end_column;
} rune_diagnostic;

RUNE_API bool rune_diagnostics_at(const rune_diagnostics *diagnostics, size_t index,
                                  rune_diagnostic *out_diagnostic);
/* For a terminal, with excerpts and carets. The text is the caller's. NO_MEMORY. */
RUNE_API rune_status rune_diagnostics_render(const rune_diagnostics *diagnostics, bool color,
                                             rune_text **out_text) RUNE_MUST_CHECK;
/* Only errors are left: a host that warned already, or shows nothing else, renders those. */
RUNE_API void rune_diagnostics_drop_warnings(rune_diagnostics *diagnostics);
/* A JSON array. The text is the caller's. NO_MEMORY. */
RUNE_API rune_status rune_diagnostics_to_json(const rune_diagnostics *diagnostics,
                                              rune_text **out_text) RUNE_MUST_CHECK;
/* Accepts NULL. */
RUNE_API void rune_diagnostics_free(rune_diagnostics *diagnostics);

/*
 * Compiles. `context` and `options` may be NULL (standard modules, defaults), `diagnostics` too.
 * COMPILE_FAILED: the diagnostics hold at least one error. LIMIT: a total of the build was reached.
 * CRASHED, VIOLATION: the compiler died and had no effect. SETUP, UNIT_INVALID, NO_MEMORY, SYSTEM.
 * The unit is the caller's: rune_unit_unref. Any thread; several builds may run at once.
 */
RUNE_API rune_status rune_build(rune_supervisor *supervisor, const rune_sources *sources,
                                const rune_context *context, const rune_options *options,
                                rune_diagnostics *diagnostics, rune_unit **out_unit,
                                rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
