/* repl_command.h: lines that begin with a colon (repl_commands.def). */
#ifndef RN_CLI_REPL_COMMAND_H
#define RN_CLI_REPL_COMMAND_H

#include "cli/repl_names.h"

/* Does what the line asks for. False: the session is to end. */
bool rn_repl_command(struct rn_repl *repl, struct rn_repl_names *names, const char *line);
/* Enters what is in a file. */
void rn_repl_load(struct rn_repl *repl, const char *path);

#endif
