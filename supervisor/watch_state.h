/*
 * watch_state.h: a watch from inside: its table of scripts, and what its files (watch.c, watch_table.c,
 * watch_build.c) do for each other.
 *
 * The table is sorted by name. Only the watch's thread (before it begins, who makes the watch) changes it, under the
 * lock; others read it under the lock. All functions here are that thread's.
 */
#ifndef RN_SUPERVISOR_WATCH_STATE_H
#define RN_SUPERVISOR_WATCH_STATE_H

#include <runeward/watch.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "supervisor/inputs.h"
#include "supervisor/remote.h"
#include "supervisor/watch_folders.h"

#define RN_WATCH_SCRIPTS_MAX 4096u
/* Bytes of what is kept of all builds to be shown: whoever writes scripts decides how much there is to say. */
#define RN_WATCH_DIAGNOSTICS_MAX (64u << 20)
/* Bytes of the lists of modules that scripts asked for, through all of which each piece of news goes. */
#define RN_WATCH_INPUTS_MAX (32u << 20)
/* A file that is being written, or has gone, gets this long until the next news of it ... */
#define RN_WATCH_UNSETTLED_NS UINT64_C(50000000)
/* ... and no longer than this altogether; then it is taken as it is. */
#define RN_WATCH_UNSETTLED_MAX_NS UINT64_C(10000000000)

struct rn_watch_script {
    char *name;                    /* "shop/prices" */
    char *path;                    /* "shop/prices.rn" */
    rune_unit *unit;               /* counted, or NULL */
    rune_diagnostics *diagnostics; /* of the last build, or NULL */
    bool broken;                   /* the last build failed ... */
    rune_error *error;             /* ... for this reason; NULL without memory */
    struct rn_inputs inputs;       /* of the last build */
    struct rn_inputs good;         /* of the build of `unit`, if the last one failed */
    bool is_module;                /* used by another script */
    bool untold; /* what the first build gave has not been told: it may be a module */

    /* Of the thread alone. */
    uint64_t due_ns; /* 0: up to date */
    bool is_patient; /* it was built since it was saved first: next time it lets the saves settle */
    uint64_t since_ns;   /* of the first news that the last build does not know */
    uint64_t missing_ns; /* since when its file is not there; 0: it is */
    bool was_empty;      /* when it was read last */
    bool is_new;         /* never built */
    bool used;
};

/* What one build gave. */
struct rn_watch_result {
    rune_status status;
    rune_unit *unit;
    rune_diagnostics *diagnostics;
    rune_error *error;
    struct rn_inputs inputs;
};

struct rune_watch {
    _Atomic unsigned refs;       /* of the handle, and of the thread */
    rune_supervisor *supervisor; /* counted */
    struct rn_remote *remote;    /* the supervisor's, or NULL: our own workers */
    struct rn_remote_listener listener;
    bool lost;           /* that the connection has ended was told */
    struct rn_buf items; /* of a connection: context and statics, encoded ... */
    bool has_items;      /* ... if there are any */
    const rune_context *context;
    rune_options *build;
    uint64_t settle_ns;
    uint64_t bytes_max; /* of all Units */
    char *shown;        /* "scripts/" */
    struct rn_folders *folders;

    pthread_t thread;
    bool has_thread;
    int event_fd;
    atomic_bool ending;
    atomic_bool reload;
    atomic_int missing; /* an errno: why the folder is not there, as was told; 0: it is */

    pthread_mutex_t lock; /* of the table */
    struct rn_watch_script **scripts;
    size_t count;
    size_t capacity;
    bool full; /* told once */

    pthread_mutex_t fn_lock; /* held while `fn` runs; recursive */
    rune_change_fn fn;
    void *user;
};

/* watch.c: is told, before rune_watch_new returns and on its thread, of each script that does not compile as it is
 * found there; rune_watch_on_change tells of later changes only. */
void rn_watch_options_set_broken(rune_watch_options *options, rune_change_fn fn, void *user);

/* watch_table.c */
struct rn_watch_script *rn_watch_find(const rune_watch *watch, const char *name, size_t size);
void rn_watch_remove(rune_watch *watch, struct rn_watch_script *script);
void rn_watch_script_free(struct rn_watch_script *script);
/* Bytes of the folder that a script stands in, with the slash. */
size_t rn_watch_folder_size(const struct rn_watch_script *script);
/* A first save is built at once; saves that follow it put the next build off, within bounds. */
void rn_watch_fall_due(const rune_watch *watch, struct rn_watch_script *script, bool settled);
/* Of watch_folders.h, with the watch as `user`. */
bool rn_watch_on_news(void *user, enum rn_news news, const char *path);

/* watch_build.c */
/* Looks at one that is due; it may be gone afterwards. */
void rn_watch_rebuild(rune_watch *watch, struct rn_watch_script *script);
/* What does not serve, or not any more, need not be held by a daemon. Consumes the Unit; accepts NULL. */
void rn_watch_give_up(const rune_watch *watch, const struct rn_watch_script *script,
                      rune_unit *unit);
/* Until that time, news of files, or a wake-up. */
void rn_watch_sleep_until(rune_watch *watch, uint64_t at_ns);

/* watch_bound.c */
/* Takes away from a result what would bring the folder beyond its bounds. */
void rn_watch_bound(const rune_watch *watch, const struct rn_watch_script *script,
                    struct rn_watch_result *result);

/* watch.c */
/* Tells the host. */
void rn_watch_tell(rune_watch *watch, const struct rn_watch_script *script, rune_change_kind kind);
/* From any thread, which may have to wait for the file system. NOT_FOUND: the folder is not there. */
rune_status rn_watch_check_folder(const rune_watch *watch, rune_error **error);
/* It is a connection's, which has ended. */
bool rn_watch_is_lost(const rune_watch *watch);

#endif
