/*
 * repl_line.h: one line after the other from whoever types them, or from a file or pipe.
 *
 * On a terminal a line is edited by libedit, with a history and completion by Tab. Otherwise lines are read as they
 * are, zero bytes and all.
 *
 * Trust: reads what is typed or piped, and names that a compiler process gave for completion.
 */
#ifndef RN_CLI_REPL_LINE_H
#define RN_CLI_REPL_LINE_H

#include "cli/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct rn_repl_lines;

/* Calls `take` for each name that begins with the `size` bytes of `word`. */
typedef void rn_repl_complete(void *user, const char *word, size_t size,
                              void (*take)(void *to, const char *name, size_t size), void *to);

enum rn_repl_read {
    RN_REPL_LINE,
    RN_REPL_END,       /* no more lines: the end of the file, Ctrl-D */
    RN_REPL_INTERRUPT, /* Ctrl-C: what was typed is dropped */
};

/* `history`: whether a file keeps what is typed. NULL without memory. */
struct rn_repl_lines *rn_repl_lines_new(bool history, rn_repl_complete *complete, void *user);
/* Accepts NULL. */
void rn_repl_lines_free(struct rn_repl_lines *lines);
bool rn_repl_lines_edited(const struct rn_repl_lines *lines);
/* Appends a line with its line end, if it has one, to `line`. */
enum rn_repl_read rn_repl_lines_next(struct rn_repl_lines *lines, const char *prompt,
                                     struct rn_bytes *line);

#endif
