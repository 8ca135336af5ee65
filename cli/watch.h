/*
 * watch.h: --watch: a command again, whenever a source is saved.
 *
 * Watched are the folders of the operands that are files, and what is below them: a module may be in
 * any of these. A change is a `.rn` or `.rnu` file that was closed, moved or removed, acted upon once
 * nothing more happened for a moment.
 */
#ifndef RN_CLI_WATCH_H
#define RN_CLI_WATCH_H

#include "cli/args.h"

/* One run of the command, from the start; its exit code. */
typedef int rn_watch_round(struct rn_args *args);

/*
 * Runs `round`, then again after each change, until an interruption: Ctrl-C while a script runs ends
 * with 130, while waiting by its signal. Where a script never began (wrong options, no such file, no
 * wall) the first round is the only one. The exit code.
 */
int rn_watch_run(struct rn_args *args, rn_watch_round *round);

#endif
