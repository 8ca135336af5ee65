/*
 * session.h: what every command that compiles or runs has in common.
 */
#ifndef RN_CLI_SESSION_H
#define RN_CLI_SESSION_H

#include "cli/args.h"
#include "cli/bytes.h"
#include "cli/console.h"

struct rn_session {
    const struct rn_args *args;
    struct rn_console console;
    rune_supervisor *supervisor;
    bool wall_missing; /* why the supervisor did not start */
    rune_speculation speculation;
    bool best_effort;       /* the weaker policy, chosen by an option or by doctor */
    int code;               /* exit code after a failure */
    bool interrupted;       /* by Ctrl-C while a script ran */
    bool keeps_failures;    /* the JSON of a failed build is kept in `remarks`, not written */
    rune_text *remarks;     /* JSON formats: diagnostics of the last build, or NULL */
    bool keeps_diagnostics; /* of the last build that went well: */
    rune_diagnostics *diagnostics;
    unsigned workers;          /* of a daemon; 0: one a processor */
    const rune_limits *limits; /* of a daemon, for everything that it runs; or NULL */
};

/* Reads the global options. False: `code` is set, the reason was said. */
bool rn_session_init(struct rn_session *session, const struct rn_args *args);
/* Starts the supervisor with the options given. */
bool rn_session_start(struct rn_session *session);
void rn_session_done(struct rn_session *session);

/* The text of a file, or of standard input for `-`. False: `code` is set, the reason was said. */
bool rn_session_read(struct rn_session *session, const char *path, struct rn_bytes *source);
/* Options of a build from the command line; the caller's. NULL: as above. */
rune_options *rn_session_options(struct rn_session *session, bool script);
/* True if there are warnings and --warnings-are-errors was given. */
bool rn_session_refuses(const struct rn_session *session, const rune_diagnostics *diagnostics);
/* Writes diagnostics to standard error, in the text format. */
void rn_session_show(const struct rn_session *session, const rune_diagnostics *diagnostics);

/*
 * A file as a Unit: `.rnu` files are loaded, others compiled, `-` is standard input. Without
 * --script a source that declares no `fn main` at its top is a script body when `body_if_no_main`.
 * Diagnostics have been written. NULL: `code` is set.
 */
rune_unit *rn_session_unit(struct rn_session *session, const char *path, bool body_if_no_main);

/* By its name. */
bool rn_session_is_unit_file(const char *path);

/* A text as a Unit; the rest as above. */
rune_unit *rn_session_build(struct rn_session *session, const char *name,
                            const struct rn_bytes *text, bool script);

#endif
