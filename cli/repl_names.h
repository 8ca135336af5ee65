/*
 * repl_names.h: what has a name in a session: its items, words of its entries, the library.
 *
 * Trust: reads what is entered, files among it, and what a compiler process made of it.
 */
#ifndef RN_CLI_REPL_NAMES_H
#define RN_CLI_REPL_NAMES_H

#include "cli/outline.h"
#include "cli/repl.h"

struct rn_repl_names {
    const struct rn_repl *repl;
    struct rn_outline library; /* read when it is first asked for */
    bool has_library;
};

/* As rn_repl_complete of repl_line.h; `user` is a struct rn_repl_names. Each name once. */
void rn_repl_names_complete(void *user, const char *word, size_t size,
                            void (*take)(void *to, const char *name, size_t size), void *to);
/* True if the entry declares, by its outline, what the innermost block has, or imports something, which may be there. */
bool rn_repl_names_hide(const struct rn_repl *repl, const struct rn_repl_new *entry,
                        const char *outline);
/* What the entries declared. False without memory; else the outline is to be ended. */
bool rn_repl_names_items(const struct rn_repl *repl, struct rn_outline *out_outline);
/* The items of that name or path, those of the session first; how many. */
size_t rn_repl_names_find(struct rn_repl_names *names, const char *name,
                          void (*take)(const struct rn_outline_item *item));
void rn_repl_names_done(struct rn_repl_names *names);

#endif
