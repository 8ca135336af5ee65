/*
 * explain.h: what an end of a call means: `runeward policy explain`.
 *
 * Trust: reads records, which anybody may have written.
 */
#ifndef RN_CLI_EXPLAIN_H
#define RN_CLI_EXPLAIN_H

#include "cli/session.h"

/*
 * `what`: the file of a record (a JSON object with "reason", as --meta and --format json write it), `-`
 * for standard input, a reason's name, an exit code, or the name of a system call. The exit code.
 */
int rn_explain(struct rn_session *session, const char *what);

#endif
