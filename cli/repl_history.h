/*
 * repl_history.h: where the lines of sessions are kept: `runeward/repl_history` in XDG_STATE_HOME, or ~/.local/state.
 */
#ifndef RN_CLI_REPL_HISTORY_H
#define RN_CLI_REPL_HISTORY_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define RN_REPL_HISTORY_LINES 1000

/* The file's path; its folders are made. False: there is no place for it, or no such folder can be made (errno). */
bool rn_repl_history_path(char path[PATH_MAX]);
/* All of the file anew, for its owner alone, by `write`: it is there whole, or the old one stays. False with errno. */
bool rn_repl_history_save(const char *path, bool (*write)(void *user, FILE *out), void *user);

#endif
