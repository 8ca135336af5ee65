/*
 * watch.h: a folder of scripts, rebuilt as they change.
 *
 * Every `.rn` file beneath the folder is a script, called by its path without the ending
 * ("prices", "shop/prices"), except files that a script uses as modules, `mod.rn`, and names that
 * begin with a dot or `#` or have a character that is not printable. A script is rebuilt when its file
 * or one of its modules was saved; the new Unit serves whoever asks from then on, calls that run finish
 * on theirs. A script that does not compile keeps the Unit that it had, and its diagnostics say why.
 * Symbolic links are not followed, mounts are: a file system within the folder that does not answer holds the watch.
 *
 * A script is built as soon as a file was closed or moved into its place, and its Unit serves once nothing more happened
 * for the settling time; what is saved meanwhile is waited for, and built with it. So is a file that is being written to,
 * up to ten seconds. A script whose file has gone keeps its Unit for half a second, so that an editor may remove a file before
 * it writes the new one.
 *
 * A connection to a daemon (connect.h) watches as well. The folder is this process's own, which reads it: the
 * daemon compiles what it is sent, and no name of a file means anything to it. Units are Units of that connection;
 * the daemon holds the newest 64 for it, up to 128 MiB, but none that was replaced once no Vm has it; others are
 * brought when a Vm needs them. When the connection is lost every script is told
 * as BROKEN once, with its error (CLOSED, or what the daemon said last; kind "daemon_lost"), and whatever is saved
 * from then on is again: Units stay, and are good for another connection, but nothing is built any more. A new
 * connection takes a new watch.
 *
 * Whoever writes into the folder decides what is built: a script may take the time of its build (build.h), and one that is
 * due waits for those that have been due for longer. What is kept of all builds together has bounds: 64 MiB of diagnostics
 * with their sources, beyond which they quote no lines; 32 MiB of names of modules, beyond which a script is as one that
 * does not compile (TOO_LARGE).
 *
 * Threads: every function from any thread; builds and change functions run on a thread of the watch.
 */
#ifndef RUNEWARD_WATCH_H
#define RUNEWARD_WATCH_H

#include <runeward/build.h>

RUNE_BEGIN

typedef struct rune_watch rune_watch;
typedef struct rune_watch_options rune_watch_options;

/* Defaults: standard modules, default options of builds, 2 ms of settling. NULL without memory. */
RUNE_API rune_watch_options *rune_watch_options_new(void) RUNE_MUST_CHECK;
/* What scripts may call. Borrowed: neither changed nor freed before the watch; of a connection, until rune_watch_new
 * has returned. NULL: standard; of a connection, what the daemon offers. */
RUNE_API void rune_watch_options_set_context(rune_watch_options *options,
                                             const rune_context *context);
/* How scripts are built, with a cache for example; that of a connection is the daemon's own. Copied. NO_MEMORY. */
RUNE_API rune_status rune_watch_options_set_build(rune_watch_options *options,
                                                  const rune_options *build) RUNE_MUST_CHECK;
/* Nanoseconds without further news before a change serves; at most a second. */
RUNE_API void rune_watch_options_set_settle(rune_watch_options *options, uint64_t settle_ns);
/* Bytes that the Units of all scripts, with what they hold of their sources, may take: 1 GiB by default. A
 * script whose Unit would exceed them keeps the one that it had, as if it did not compile. */
RUNE_API void rune_watch_options_set_bytes_max(rune_watch_options *options, uint64_t bytes);
/* Accepts NULL. */
RUNE_API void rune_watch_options_free(rune_watch_options *options);

/*
 * Watches `directory` and builds what is in it before it returns; scripts that do not compile are
 * no error. `options` may be NULL. Keeps the supervisor alive. NOT_FOUND, SYSTEM (no such folder,
 * no inotify), TOO_LARGE (more than 4,096 scripts or folders, or 32 levels), FORKED, NO_MEMORY. Of a
 * connection also DENIED (no right to build), TOO_LARGE and INVALID_ARGUMENT for the context, BUSY where it receives,
 * and what it was lost with. The caller's: rune_watch_free.
 */
RUNE_API rune_status rune_watch_new(rune_supervisor *supervisor, const char *directory,
                                    const rune_watch_options *options, rune_watch **out_watch,
                                    rune_error **error) RUNE_MUST_CHECK;

/*
 * The Unit that serves under this name now, or NULL if there is none (no such script, or it never
 * compiled). The caller's: rune_unit_unref.
 */
RUNE_API rune_unit *rune_watch_current(rune_watch *watch, const char *name) RUNE_MUST_CHECK;

/*
 * What the last build of a script had to say: errors if it is broken, warnings otherwise. The
 * caller's. NOT_FOUND, NO_MEMORY.
 */
RUNE_API rune_status rune_watch_diagnostics(rune_watch *watch, const char *name,
                                            rune_diagnostics **out_diagnostics) RUNE_MUST_CHECK;

/* All scripts, by name: [{"name":…,"unit":id or null,"broken":bool,"error":text or null}]. The
 * text is the caller's. NO_MEMORY. */
RUNE_API rune_status rune_watch_to_json(rune_watch *watch, rune_text **out_text) RUNE_MUST_CHECK;

/* Values are stable and never reused. */
typedef enum rune_change_kind {
    RUNE_CHANGE_LOADED = 0, /* a new Unit serves */
    RUNE_CHANGE_BROKEN = 1, /* it does not compile; the old Unit, if any, goes on serving */
    RUNE_CHANGE_GONE = 2    /* the file has gone, or is a module now; no Unit serves any more */
} rune_change_kind;

/* One change; everything borrowed until the function returns. */
typedef struct rune_change {
    rune_change_kind kind;
    const char *name;
    rune_unit *unit;                     /* that serves now, or NULL */
    const rune_diagnostics *diagnostics; /* of the build, or NULL */
    const rune_error *error;             /* BROKEN: why */
} rune_change;

/*
 * `fn` gets every later change, one at a time, on the watch's thread; it must not free the watch.
 * NULL stops it; then, and when another one is set, the old one is not running any more (unless it
 * is what calls). Where a connection receives, set none while one may run that waits for it.
 */
typedef void (*rune_change_fn)(void *user, const rune_change *change);
RUNE_API void rune_watch_on_change(rune_watch *watch, rune_change_fn fn, void *user);

/*
 * Looks for the folder by its name, which may lead to another one by now (a link that was exchanged),
 * and builds every script again, soon. What comes out the same is no change.
 */
RUNE_API void rune_watch_reload(rune_watch *watch);

/*
 * Ends the thread. Units that were got stay good. A build that a daemon has is given up, not waited for; but what is
 * being sent to one that reads nothing is (rune_supervisor_close ends that). Where a connection receives it waits for
 * nothing: a change function that runs may go on, and is the last. Accepts NULL.
 */
RUNE_API void rune_watch_free(rune_watch *watch);

RUNE_END

#endif
