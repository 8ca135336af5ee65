/*
 * connect.h: a supervisor in another process, the daemon.
 *
 * rune_supervisor_connect gives a rune_supervisor whose workers are those of a daemon (serve.h).
 * The same functions work on it: rune_build, rune_format and rune_outline (source.h), rune_vm_new, rune_vm_call and
 * _call_record, rune_vm_send_execute and all of rune_execution, limits, output sinks, cancel tokens,
 * rune_vm_set_unit, _set_runtime and _reset, rune_supervisor_stats, _report and _close. Units are the same
 * objects: one that was built or loaded here is brought to the daemon when a Vm first needs it.
 *
 * Host functions stay here (context.h): of a context or runtime the daemon gets paths, arities, flags and
 * constants, and calls of its scripts come back with their arguments. They, or declared statics, take the
 * place of what the daemon offers to Units of its clients. Answers may come later, from any thread, and a host function may
 * call another Vm of the same connection (rune_call_options_set_parent). A context has at most 4 MiB:
 * TOO_LARGE; a connection 128 of them, a user 512: OVERLOADED.
 *
 * A Vm's Globals (globals.h) are there as well. What is set waits here for the next call, and goes with it. What it
 * takes in the daemon until a worker has it counts on the user's account: beyond that the call is OVERLOADED, and
 * the values wait on.
 *
 * A rune_sync_function (function.h) of such a supervisor is called there, in a fresh Vm as ever. A rune_function stays
 * in its Vm there until nobody here has it any more; all Vms of a user keep 16,384 together, or what the daemon was
 * told: OVERLOADED. A folder of this process's own is watched as ever (watch.h). What is not offered says UNSUPPORTED
 * with a message that names it: replays (replay.h). A cache of a build's options is left to the daemon's own. When the
 * daemon goes, calls end as `unavailable` with the status CLOSED, and so does everything later.
 *
 * Names go as UTF-8: those of domains with at most 200 bytes, of items, scripts and sources with at most 4,096. Others
 * are refused here, INVALID_UTF8 or TOO_LARGE, and the connection stays.
 *
 * Any thread may use the connection. Sinks and host functions of a synchronous call run on the thread that
 * made the call. One thread of the library receives, and runs the sinks and host functions of executions and
 * what was given to rune_execution_on_end. There, whatever waits for the daemon (building, formatting, outlines,
 * watching, making or resetting a Vm, a synchronous call, getting statics, a query) says BUSY: its answer would come on
 * that thread. Beginning, cancelling, answering and freeing go there as anywhere else.
 */
#ifndef RUNEWARD_CONNECT_H
#define RUNEWARD_CONNECT_H

#include <runeward/build.h>
#include <runeward/vm.h>

RUNE_BEGIN

/*
 * Connects to the daemon's socket. `options` may be NULL; of them, limits and isolation hold for
 * Vms that are made here. NOT_FOUND: no socket there. CLOSED: nobody answers on it. DENIED: the
 * daemon refuses this user. OVERLOADED: it has too many connections. The caller's:
 * rune_supervisor_free.
 */
RUNE_API rune_status rune_supervisor_connect(const char *path,
                                             const rune_supervisor_options *options,
                                             rune_supervisor **out_supervisor,
                                             rune_error **error) RUNE_MUST_CHECK;

/*
 * The Unit that serves under a name of the daemon's folder now. NOT_FOUND: there is none.
 * UNSUPPORTED: not connected to a daemon. The caller's: rune_unit_unref.
 */
RUNE_API rune_status rune_connect_unit(rune_supervisor *supervisor, const char *name,
                                       rune_unit **out_unit, rune_error **error) RUNE_MUST_CHECK;
/*
 * A Vm of a script of the daemon's folder: each call is of the version that serves when it begins,
 * and the Globals stay as long as that one does. It calls what the daemon offers. Errors as of rune_vm_new; NOT_FOUND of
 * kind "no_script": there is none of that name, or it never compiled. A client that may start before its script is
 * deployed tries again. Once the script has gone, calls say NOT_FOUND, until there is one again. The caller's:
 * rune_vm_free.
 *
 * Values for its statics go by their paths to the version that serves when the next call begins: whether there are
 * such statics is known only then, and the call says NOT_FOUND of kind "no_static", having set none. Globals of any
 * Unit may be set. A snapshot is of the version that was asked: STALE if each was followed by another at once.
 *
 * A rune_function is of the version that made it: STALE once another one serves. So says rune_vm_call_function, too, if
 * that is so when its call has ended.
 */
RUNE_API rune_status rune_connect_vm(rune_supervisor *supervisor, const char *name,
                                     const rune_vm_options *options, rune_vm **out_vm,
                                     rune_error **error) RUNE_MUST_CHECK;

/* Values are stable and never reused. */
typedef enum rune_query {
    RUNE_QUERY_STATUS = 0,  /* JSON */
    RUNE_QUERY_PS = 1,      /* JSON: connections, calls, workers */
    RUNE_QUERY_METRICS = 2, /* Prometheus text */
    RUNE_QUERY_WALL = 3,    /* JSON, as rune_supervisor_report */
    RUNE_QUERY_SCRIPTS = 4  /* JSON, as rune_watch_to_json */
} rune_query;

typedef enum rune_control {
    RUNE_CONTROL_DRAIN = 0,  /* `value`: milliseconds for running calls; UINT64_MAX: the daemon's */
    RUNE_CONTROL_RELOAD = 1, /* builds every script again */
    RUNE_CONTROL_KILL = 2    /* `value`: process id of a worker, as RUNE_QUERY_PS shows it */
} rune_control;

/* Asks the daemon about itself. DENIED without the right. The text is the caller's. */
RUNE_API rune_status rune_connect_query(rune_supervisor *supervisor, rune_query query,
                                        rune_text **out_text, rune_error **error) RUNE_MUST_CHECK;
/* DENIED; NOT_FOUND: no such worker, or the folder of scripts has gone. */
RUNE_API rune_status rune_connect_control(rune_supervisor *supervisor, rune_control control,
                                          uint64_t value, rune_error **error) RUNE_MUST_CHECK;

RUNE_END

#endif
