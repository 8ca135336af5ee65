/*
 * sources.h: the texts of a build, and where further modules come from.
 *
 * Trust: module paths come from a compiler that may have been taken over. Only this file forms file
 * names, and opens them beneath the root's folder without following links.
 */
#ifndef RN_SUPERVISOR_SOURCES_H
#define RN_SUPERVISOR_SOURCES_H

#include <runeward/build.h>

#include "base/buf.h"

struct rn_source_text {
    char *name; /* of the root: as shown; of others: the item path */
    char *text;
    size_t size;
    uint64_t name_hash;
};

struct rune_sources {
    struct rn_source_text *texts;
    size_t count;
    size_t capacity;
    int root_fd;       /* the folder of the root file; -1: none */
    char *root_folder; /* as shown before file names: "" or "dir/" */
    rune_loader_fn loader;
    void *loader_user;
};

/* A text on its way to the compiler. */
struct rune_loaded {
    char *name;
    char *text;
    size_t size;
    bool given;
};

/*
 * The text of module `item`; name and text are the caller's. NOT_FOUND, also for an item that is not
 * identifiers joined by "::", of which nobody is asked for anything; TOO_LARGE, SYSTEM; UNSUPPORTED: there
 * are only texts in memory.
 */
enum rn_error rn_sources_find(const rune_sources *sources, const char *item,
                              struct rune_loaded *out_loaded) RN_MUST_CHECK;
/*
 * Like rune_sources_insert_file for the root, but beneath a folder and never through links.
 * `shown`: the folder as shown before file names, with its slash. NOT_FOUND: no regular file there.
 * SYSTEM (errno), TOO_LARGE, NO_MEMORY.
 */
enum rn_error rn_sources_insert_beneath(rune_sources *sources, int folder, const char *shown,
                                        const char *path) RN_MUST_CHECK;
/* True if module `item`, seen from the root's folder, is looked for at `path` ("a/b.rn"). */
bool rn_sources_is_candidate(const char *item, const char *path);
void rn_loaded_done(struct rune_loaded *loaded);

#endif
