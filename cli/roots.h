/*
 * roots.h: which of a folder's files are scripts, and which are modules of those.
 */
#ifndef RN_CLI_ROOTS_H
#define RN_CLI_ROOTS_H

#include "cli/paths.h"

/*
 * After -r: leaves out the files that another one of them has for a module (`mod a;`), since they are
 * compiled with it and mean nothing on their own. Operands that name a file keep it. The session has been
 * started. False after a complaint; `session->code` is set.
 */
bool rn_roots_only(struct rn_session *session, struct rn_paths *paths);

#endif
