/*
 * paths.h: the files that the operands of a command name.
 */
#ifndef RN_CLI_PATHS_H
#define RN_CLI_PATHS_H

#include "cli/bytes.h"
#include "cli/session.h"

/* Names one behind the other, each with its zero byte. */
struct rn_paths {
    struct rn_bytes names;
    size_t count;
};

/*
 * Each of the first `count` operands: a file stands for itself, a folder with -r for the `.rn` files
 * below it, in order, without hidden folders and links. False after a complaint; `session->code` is
 * set.
 */
bool rn_paths_expand(struct rn_session *session, size_t count, struct rn_paths *out_paths);
/* The one behind `name`, or the first; NULL at the end. */
const char *rn_paths_next(const struct rn_paths *paths, const char *name);
void rn_paths_done(struct rn_paths *paths);

#endif
