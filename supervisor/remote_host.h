/*
 * remote_host.h: host functions of a client, called by its scripts in a daemon.
 *
 * The functions stay here: the daemon knows their paths, and asks for one by its index in the runtime. One of
 * a synchronous call runs on the thread that made the call, one of an execution on the thread that
 * receives, as sinks do. H1 to H3 of host_call.h hold.
 *
 * Trust: reads host calls of a daemon.
 */
#ifndef RN_SUPERVISOR_REMOTE_HOST_H
#define RN_SUPERVISOR_REMOTE_HOST_H

#include <runeward/context.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/error.h"

struct rn_remote;
struct rn_remote_event;

/* The host calls of one call. It lives as long as one of them does, also when the call and the connection
 * have ended. */
struct rn_remote_hosts {
    _Atomic uint32_t refs;
    struct rn_remote *remote; /* counted */
    rune_runtime *runtime;    /* counted */
    void *user;               /* of the Vm */
    uint64_t id;              /* of the call; set when it is sent */
    _Atomic uint32_t out;     /* that the daemon waits for; RN_HOST_CALLS_OUT_MAX */
    pthread_mutex_t lock;     /* of what follows */
    pthread_cond_t told;
    bool open; /* answers are still taken */
    rune_host_call *first;
};

/* For a call of a Vm with this runtime; the caller's. NULL without memory. */
struct rn_remote_hosts *rn_remote_hosts_new(struct rn_remote *remote, rune_runtime *runtime,
                                            void *user) RN_MUST_CHECK;
struct rn_remote_hosts *rn_remote_hosts_ref(struct rn_remote_hosts *hosts);
/* Accepts NULL. */
void rn_remote_hosts_unref(struct rn_remote_hosts *hosts);
/* Runs the function that the event asks for; its data are consumed. */
void rn_remote_hosts_run(struct rn_remote_hosts *hosts, struct rn_remote_event *event);
/* The call is over: tells those that are out, and gives up the caller's reference. Accepts NULL. */
void rn_remote_hosts_end(struct rn_remote_hosts *hosts);

/* Answers, for host_call.c. STALE: the call has ended. */
rune_status rn_remote_host_give(struct rn_remote_hosts *hosts, uint32_t number, const void *body,
                                size_t size);
rune_status rn_remote_host_fail(struct rn_remote_hosts *hosts, uint32_t number,
                                const char *message);

#endif
