/*
 * serve.h: a daemon that answers calls on a Unix socket.
 *
 * A rune_server watches a folder of scripts (watch.h) and lets other processes of this machine call
 * them, or build and call scripts of their own, through rune_supervisor_connect (connect.h). It
 * knows its peers by what the kernel says of them (SO_PEERCRED): before a byte of theirs is read, a
 * uid without rights is turned away, and always the uid 65534, which stands for unmapped users.
 * Everything that a peer starts runs in a trust domain of the peer's uid and a name that it gives:
 * peers of two users never share a process.
 *
 * A peer that does not read has its own output stopped; one that breaks the protocol, or vanishes,
 * loses its connection, and its calls are cancelled. Nobody else notices.
 *
 * `runeward serve` is a server in a process of its own.
 *
 * Threads: options are one thread's at a time; every other function any thread's.
 */
#ifndef RUNEWARD_SERVE_H
#define RUNEWARD_SERVE_H

#include <runeward/build.h>
#include <runeward/context.h>

RUNE_BEGIN

typedef struct rune_server rune_server;
typedef struct rune_server_options rune_server_options;

/* What a peer may do. Bits; values are stable and never reused. */
typedef enum rune_right {
    RUNE_RIGHT_CALL = 1,           /* call scripts of the folder */
    RUNE_RIGHT_BUILD = 2,          /* build, or bring, Units of its own */
    RUNE_RIGHT_HOST_FUNCTIONS = 4, /* its own Units get the server's context */
    RUNE_RIGHT_CONTROL = 8         /* look in, drain, reload, kill */
} rune_right;
#define RUNE_RIGHT_ALL 15u

/* A deadline for calls that run when a server drains: the server's own. */
#define RUNE_DRAIN_DEFAULT UINT64_MAX

/* Values are stable and never reused. Each is for one uid. */
typedef enum rune_peer_limit {
    RUNE_PEER_CONNECTIONS = 0, /* default 128 */
    RUNE_PEER_CALLS = 1,       /* that run at once; default 1,024 */
    RUNE_PEER_BYTES = 2, /* what is held: requests, answers, values from scripts; default 64 MiB */
    RUNE_PEER_DOMAINS = 3,   /* default 16 */
    RUNE_PEER_FUNCTIONS = 4, /* that its Vms keep (rune_vm_call_function); default 16,384 */
    RUNE_PEER_LIMIT_COUNT = 5
} rune_peer_limit;

/* Defaults: no folder, no socket. NULL without memory. */
RUNE_API rune_server_options *rune_server_options_new(void) RUNE_MUST_CHECK;
/* The folder of scripts. Copied. NO_MEMORY. */
RUNE_API rune_status rune_server_options_set_directory(rune_server_options *options,
                                                       const char *directory) RUNE_MUST_CHECK;
/*
 * The path of the socket, made by rune_server_new and removed at the end. Its mode is 0600 until
 * somebody is allowed in, then 0666. NO_MEMORY.
 */
RUNE_API rune_status rune_server_options_set_socket(rune_server_options *options,
                                                    const char *path) RUNE_MUST_CHECK;
/* Instead of a path: a listening SOCK_SEQPACKET Unix socket, as from systemd; taken over. */
RUNE_API void rune_server_options_set_listener(rune_server_options *options, int fd);
/* Lets a uid in with these rights (RUNE_RIGHT_*). Without any, this process's own uid has all, and
 * root. INVALID_ARGUMENT (uid 65534, or more than 256 uids). */
RUNE_API rune_status rune_server_options_allow(rune_server_options *options, uint32_t uid,
                                               unsigned rights) RUNE_MUST_CHECK;
/* INVALID_ARGUMENT for an unknown limit or a value of 0. */
RUNE_API rune_status rune_server_options_set_peer_limit(rune_server_options *options,
                                                        rune_peer_limit limit,
                                                        uint64_t value) RUNE_MUST_CHECK;
/* What scripts of the folder may call; other Units by right. Borrowed until the server is freed. */
RUNE_API void rune_server_options_set_context(rune_server_options *options,
                                              const rune_context *context);
/* How everything is built: a cache, for example. Copied. NO_MEMORY. */
RUNE_API rune_status rune_server_options_set_build(rune_server_options *options,
                                                   const rune_options *build) RUNE_MUST_CHECK;
/* What RUNE_DRAIN_DEFAULT stands for; 10 s otherwise. */
RUNE_API void rune_server_options_set_drain(rune_server_options *options, uint64_t deadline_ns);
/* Accepts NULL. */
RUNE_API void rune_server_options_free(rune_server_options *options);

/*
 * Builds the folder's scripts and listens. Keeps the supervisor alive. BUSY: another daemon answers
 * on that socket. DENIED: others may write to the folder of the socket, or of the cache.
 * As rune_watch_new otherwise. The caller's: rune_server_free.
 */
RUNE_API rune_status rune_server_new(rune_supervisor *supervisor,
                                     const rune_server_options *options, rune_server **out_server,
                                     rune_error **error) RUNE_MUST_CHECK;
/* Answers until it has been drained; this thread's. Once. */
RUNE_API void rune_server_run(rune_server *server);
/*
 * Takes no more work, waits up to `deadline_ns` (from now) for the calls that run, cancels what is
 * left then, and lets rune_server_run return. RUNE_DRAIN_DEFAULT: as long as the options say. A later
 * call may bring the deadline forward.
 */
RUNE_API void rune_server_drain(rune_server *server, uint64_t deadline_ns);
/* Builds every script again. */
RUNE_API void rune_server_reload(rune_server *server);
/* Counters in the text format of Prometheus. The text is the caller's. NO_MEMORY. */
RUNE_API rune_status rune_server_metrics(rune_server *server, rune_text **out_text) RUNE_MUST_CHECK;
/* After rune_server_run has returned, or without it. Accepts NULL. */
RUNE_API void rune_server_free(rune_server *server);

RUNE_END

#endif
