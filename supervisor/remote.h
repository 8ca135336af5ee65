/*
 * remote.h: a supervisor that is a daemon's: the connection and who waits on it.
 *
 * Whoever asks sends on his own thread and waits; one thread receives and hands out. Output of a
 * synchronous call, and modules that a build needs, are acted upon by the thread that waits; those of
 * executions by the one that receives.
 *
 * Host functions run where output goes: on the thread that waits for a synchronous call, or on the one that
 * receives (remote_host.h).
 *
 * Every request ends: with its answer, or when the connection does.
 *
 * The receiving thread waits for nothing but packets: a daemon may read no more until it is read from. What
 * that thread sends (credit, and whatever callbacks do) is queued unless it goes at once, and whoever
 * sends next sends it first; what would have it wait for an answer is BUSY.
 *
 * Threads: all functions from any thread.
 * Trust: reads packets of a daemon, which may be anybody who could make the socket.
 */
#ifndef RN_SUPERVISOR_REMOTE_H
#define RN_SUPERVISOR_REMOTE_H

#include <runeward/connect.h>
#include <runeward/execution.h>

#include <stdatomic.h>

#include "supervisor/build.h"
#include "supervisor/vm.h"

struct rn_remote;

/* What a request comes back with; `body` is the caller's. */
struct rn_remote_answer {
    struct rn_fields_DAEMON_ANSWER fields;
    uint8_t *body;
    size_t size;
};

enum rn_error rn_remote_new(const char *path, struct rn_remote **out_remote,
                            rune_error **error) RN_MUST_CHECK;
/* No request is out. Ends the connection; its memory goes with the last reference. Accepts NULL. */
void rn_remote_free(struct rn_remote *remote);
/* For answers of host functions, which may come when everything else has ended. */
struct rn_remote *rn_remote_ref(struct rn_remote *remote);
void rn_remote_unref(struct rn_remote *remote);
/* Wakes somebody when the connection ends; at once if it has. Until rn_remote_unlisten, which precedes the end of
 * what is listened with. */
struct rn_remote_listener {
    struct rn_remote_listener *next;
    int event_fd;
};
void rn_remote_listen(struct rn_remote *remote, struct rn_remote_listener *listener);
void rn_remote_unlisten(struct rn_remote *remote, const struct rn_remote_listener *listener);
/* The connection has ended: nothing comes any more. */
bool rn_remote_is_lost(struct rn_remote *remote);
/* Refuses new requests, waits for those that are out, then cancels them. */
rune_status rn_remote_close(struct rn_remote *remote, uint64_t deadline_ns);

/* BUSY on the receiving thread, where nobody would receive the answer; else OK. */
rune_status rn_remote_may_wait(const struct rn_remote *remote, rune_error **error) RN_MUST_CHECK;
/* Says something that is not answered. */
void rn_remote_tell(struct rn_remote *remote, struct rn_message *message);

/* What is not offered over a socket. */
rune_status rn_remote_unsupported(rune_error **error, const char *what);

/* remote_ask.c */
/* One question, one answer, whose body is the caller's; a failure that the daemon reports becomes *error. */
rune_status rn_remote_ask(struct rn_remote *remote, struct rn_message *message,
                          struct rn_remote_answer *out_answer, rune_error **error) RN_MUST_CHECK;
/* The same of a build (NULL: of none): modules are answered, its `stop` gives it up (CANCELLED), and a failure that
 * the daemon reports is an answer, for rn_remote_read_answer. */
rune_status rn_remote_converse(struct rn_remote *remote, const struct rn_build_request *build,
                               struct rn_message *message, struct rn_remote_answer *out_answer,
                               rune_error **error) RN_MUST_CHECK;
/* The error of an answer, if it is one. */
rune_status rn_remote_read_answer(const struct rn_remote_answer *answer,
                                  rune_error **error) RN_MUST_CHECK;

/* remote_build.c */
/* Whether this client may build there, on this thread. BUSY, DENIED; or what the connection ended with. */
rune_status rn_remote_may_build(struct rn_remote *remote, rune_error **error) RN_MUST_CHECK;
/* What a build is to know, as it is sent. Both may be NULL. INVALID_ARGUMENT, TOO_LARGE, NO_MEMORY. */
rune_status rn_remote_encode(const rune_statics *statics, const rune_context *context,
                             struct rn_buf *out_items, rune_error **error) RN_MUST_CHECK;
rune_status rn_remote_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                            rune_unit **out_unit, rune_error **error) RN_MUST_CHECK;
/* The same of the kinds that give a text, which is the caller's. */
rune_status rn_remote_text(struct rn_remote *remote, const struct rn_build_request *request,
                           rune_text **out_text, rune_error **error) RN_MUST_CHECK;
/* The daemon's number of a Unit, brought there if it must be; in use until rn_remote_leave. */
rune_status rn_remote_unit(struct rn_remote *remote, const rune_unit *unit, uint32_t *out_number,
                           rune_error **error) RN_MUST_CHECK;
/* The same of functions of the client's own; `runtime` may be NULL: 0. */
rune_status rn_remote_runtime(struct rn_remote *remote, const rune_runtime *runtime,
                              uint32_t *out_number, rune_error **error) RN_MUST_CHECK;
/* The request that named them was answered; accepts 0. */
void rn_remote_leave(struct rn_remote *remote, uint32_t unit, uint32_t context);
/* Its watch serves it no more: the daemon need not hold it for its number. */
void rn_remote_unit_retire(struct rn_remote *remote, rune_unit *unit);
rune_status rn_remote_stats(struct rn_remote *remote, rune_stats *out_stats) RN_MUST_CHECK;

/* What a Vm is of. */
struct rn_remote_script {
    const char *name;      /* in the daemon's folder, and nothing of the client's; or NULL, and */
    rune_unit *unit;       /* borrowed, like */
    rune_runtime *runtime; /* which may be NULL */
};

/* remote_call.c: what the functions of vm.h and execution.h do for a Vm of a daemon. */
rune_status rn_remote_vm_new(rune_supervisor *supervisor, struct rn_remote_script script,
                             const rune_vm_options *options, rune_vm **out_vm,
                             rune_error **error) RN_MUST_CHECK;
rune_status rn_remote_vm_reset(rune_vm *vm) RN_MUST_CHECK;
/* Of a script: the Unit with the id that a record bears, borrowed; NULL: another serves by now. */
rune_status rn_remote_vm_version(rune_vm *vm, const char *id_text, rune_unit **out_unit,
                                 rune_error **error) RN_MUST_CHECK;
/* Another Unit, another runtime; what it has already may be among them. */
rune_status rn_remote_vm_set(rune_vm *vm, rune_unit *unit, rune_runtime *runtime) RN_MUST_CHECK;
void rn_remote_vm_free(rune_vm *vm);
/* Of a claimed Vm: of a function by the target's name, as a value or kept there, or to get statics. What is pending
 * goes along. */
rune_status rn_remote_call(rune_vm *vm, const struct rn_request *request, rune_record **out_record,
                           rune_error **error) RN_MUST_CHECK;
rune_status rn_remote_execute(rune_vm *vm, const struct rn_request *request,
                              rune_execution **out_execution, rune_error **error) RN_MUST_CHECK;
/* A function that a Vm there keeps goes; nothing without a name. Any thread. */
void rn_remote_function_drop(rune_vm *vm, struct rn_kept_name name);
void rn_remote_cancel(struct rn_remote *remote, uint64_t id);
/* True on the thread that receives, where callbacks of executions run. */
bool rn_remote_in_callback(const struct rn_remote *remote);

/* Requests, for the files above. */

struct rn_remote_event {
    struct rn_remote_event *next;
    enum rn_message_type type; /* OUTPUT, NEED or HOST_CALL */
    uint32_t stream;
    uint32_t number; /* of the host call, and which function it is of */
    uint32_t function;
    uint8_t *data; /* owned; with a zero byte behind it, but for HOST_CALL */
    size_t size;
};

struct rn_remote_request {
    struct rn_remote_request *next;
    uint64_t id;
    pthread_cond_t changed;
    const atomic_bool *stop; /* of who waits: true lets rn_remote_wait end; NULL: he waits */
    bool done;
    bool lost;                /* the connection ended first */
    bool hurried;             /* cancelled: output that is refused holds up the end no longer */
    bool taken;               /* a call's end said so of the statics that went with it */
    struct rn_kept_name kept; /* .. and what it calls its result; 0: nothing was kept */
    struct rn_remote_answer answer; /* or the body of END */
    struct rn_remote_hosts *hosts;  /* the owner's; NULL: it has no host functions here */
    struct rn_remote_event *events;
    struct rn_remote_event **events_end;
    /* Of executions, on the receiving thread: acts on events (false: try again later) and, when
     * all of them were taken, on the end, which frees the request. NULL: somebody waits. */
    bool (*on_events)(struct rn_remote_request *request);
    void (*on_done)(struct rn_remote_request *request);
};

void rn_remote_request_init(struct rn_remote_request *request);
void rn_remote_request_done(struct rn_remote_request *request);
/* Gives it a number and sends the message under it. CLOSED: the connection has ended. */
enum rn_error rn_remote_begin(struct rn_remote *remote, struct rn_remote_request *request,
                              struct rn_message *message) RN_MUST_CHECK;
/* The same in steps: from rn_remote_enter on the request may end, and those that nobody waits for
 * free themselves. */
uint64_t rn_remote_next_id(struct rn_remote *remote);
enum rn_error rn_remote_enter(struct rn_remote *remote, struct rn_remote_request *request,
                              uint64_t id) RN_MUST_CHECK;
/* Waits for an event (which is taken) or the end, or `stop` (NULL). */
struct rn_remote_event *rn_remote_wait(struct rn_remote *remote, struct rn_remote_request *request);
/* Has those look at their `stop` who wait. */
void rn_remote_nudge(struct rn_remote *remote);
/* Hands a request to the receiving thread, by callbacks as of executions. False: it has ended, or an event has come. */
bool rn_remote_abandon(struct rn_remote *remote, struct rn_remote_request *request,
                       bool (*on_events)(struct rn_remote_request *request),
                       void (*on_done)(struct rn_remote_request *request)) RN_MUST_CHECK;
/* The next event if there is one. */
struct rn_remote_event *rn_remote_take_event(struct rn_remote *remote,
                                             struct rn_remote_request *request);
/* True once it has ended; what is left of its events nobody waits for. */
bool rn_remote_is_done(struct rn_remote *remote, const struct rn_remote_request *request);
void rn_remote_put_back(struct rn_remote *remote, struct rn_remote_request *request,
                        struct rn_remote_event *event);
void rn_remote_event_free(struct rn_remote_event *event);
/* Why the connection ended. */
rune_status rn_remote_fail(struct rn_remote *remote, rune_error **error);

#endif
