/*
 * modules.h: the modules of a script, from the editor where it has them open, else from files.
 *
 * `a::b` is `a/b.rn` or `a/b/mod.rn` beside the script, as for a build of files (build.h): never outside
 * of its folder, and never through symbolic links below it.
 */
#ifndef RN_CLI_LSP_MODULES_H
#define RN_CLI_LSP_MODULES_H

#include "cli/lsp/texts.h"

#include <runeward/runeward.h>

/* One script and what belongs to it. */
struct rn_lsp_modules {
    const struct rn_lsp_texts *open; /* what the editor has */
    struct rn_lsp_texts *used;       /* gets the script and each module */
    bool follows;                    /* the script's own path may be a link's */
};

/* The text of a file, as that of the editor if it has it open. NOT_FOUND, TOO_LARGE, SYSTEM, NO_MEMORY. */
rune_status rn_lsp_modules_root(const struct rn_lsp_modules *modules, const char *path,
                                const struct rn_lsp_text **out_text);
/* A loader of sources (rune_sources_set_loader); `user`: the modules, whose first used text is the root. */
rune_status rn_lsp_modules_load(void *user, const char *item, rune_loaded *loaded);

#endif
