/*
 * host_call.h: a call of a host function, from the message to its answer.
 *
 * H1  Exactly one answer goes to the worker for each host call of a call that has not ended.
 * H2  A plain function has answered when it returns, or is answered for.
 * H3  An async one, or one that is forwarded, belongs to the host until _reply, _fail or _drop; the call
 *     knows it meanwhile.
 *
 * The call may be one of a daemon (remote_host.h): all of this holds for it, too.
 */
#ifndef RN_SUPERVISOR_HOST_CALL_H
#define RN_SUPERVISOR_HOST_CALL_H

#include "shm/message.h"
#include "supervisor/call.h"
#include "supervisor/context.h"

struct rn_remote_hosts;

struct rune_host_call {
    _Atomic uint32_t refs;         /* the host's, and the call's while it is out */
    struct rn_call *call;          /* counted; or NULL, and */
    struct rn_remote_hosts *hosts; /* counted: of a call in a daemon */
    const struct rn_host_entry *entry;
    void *user; /* the Vm's */
    uint32_t number;
    uint32_t function;      /* index in the runtime */
    uint64_t budget;        /* spent by the script when it called */
    uint64_t begun_ns;      /* of one that is forwarded */
    size_t size;            /* of the arguments, in bytes */
    rune_const_value *args; /* a tuple, or unit; NULL: none */
    atomic_bool answered;

    /* Under the peer's lock, or that of `hosts`. */
    rune_host_call *next; /* in call->host_calls, or hosts->first */
    rune_host_call **link;
    void (*on_cancel)(void *user);
    void *on_cancel_user;
    bool telling; /* on_cancel runs, or is about to, on the thread `teller` */
    pthread_t teller;
    uint32_t count;
    rune_const_value *items[]; /* of `args` */
};

/* Runs the host function that the event asks for. Consumes the event's data. */
void rn_host_call_run(struct rn_call *call, struct rn_event *event);
/* The call has ended, be it here (`hosts` NULL) or in a daemon: tells those that are out. */
void rn_host_calls_end(struct rn_call *call, struct rn_remote_hosts *hosts);

/* One that a daemon asks for; `args` are consumed. False: it cannot be called like this. */
bool rn_host_call_run_remote(struct rn_remote_hosts *hosts, uint32_t number,
                             const struct rn_host_entry *entry, uint8_t *args,
                             size_t size) RN_MUST_CHECK;
/* What a script may get of a host's message. */
struct rn_host_message {
    char text[RN_HOST_ERROR_MAX]; /* UTF-8, not terminated */
    size_t size;
};
/* The message, or as much of its beginning as there is room for; what is no UTF-8 is replaced. */
void rn_host_message_init(struct rn_host_message *out, const char *message);

/* Of one that was forwarded: answers with bytes that nobody has looked at; the worker will. STALE, OVERLOADED. */
rune_status rn_host_call_answer(rune_host_call *host_call, const void *bytes, size_t size);
/* For whoever makes a call for it that begins on another thread. */
rune_host_call *rn_host_call_ref(rune_host_call *host_call);
/* Accepts NULL. */
void rn_host_call_unref(rune_host_call *host_call);

#endif
