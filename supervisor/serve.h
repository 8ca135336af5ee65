/*
 * serve.h: the daemon: connections, accounts of uids, jobs.
 *
 *      accept ──► account by SO_PEERCRED ──► connection ──► request ──► answer
 *                                                  │
 *                     what may wait (a build, a Vm's domain, a first worker) ──► job thread
 *
 * One thread, in rune_server_run, owns connections, accounts and their tables. It never waits but in
 * epoll: what may take longer runs as a job, executions end on the supervisor's thread. Both leave a
 * note (rn_serve_post) that wakes the loop. While a job of a connection runs that must be over before
 * its next request is looked at, nothing is read from it.
 *
 * D1  A connection's memory goes only when its calls have ended and its jobs are done.
 * D2  Everything that a client names (Units, contexts, Vms, functions that these keep, calls, host calls) is looked
 *     up in its own connection.
 * D3  What is queued for a client counts on its uid's account, as does a result of more than a packet from the
 *     first one on, and beyond the account's limit nothing more is queued, or taken in, than a short error.
 * D4  What a Vm takes (its domain, its Unit, its context, statics that wait in it, functions that it keeps) counts on
 *     the account until the Vm has been freed, whatever its client has dropped.
 */
#ifndef RN_SUPERVISOR_SERVE_H
#define RN_SUPERVISOR_SERVE_H

#include <runeward/execution.h>
#include <runeward/serve.h>
#include <runeward/watch.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "shm/message.h"
#include "supervisor/pool.h"

#define RN_SERVE_UID_NEVER 65534u
#define RN_SERVE_ALLOWED_MAX 256u
#define RN_SERVE_CONNECTIONS_MAX 1024u
#define RN_SERVE_UNITS_MAX 256u
/* Units that all connections of a uid hold, and their bytes. */
#define RN_SERVE_ACCOUNT_UNITS_MAX 1024u
#define RN_SERVE_ACCOUNT_UNIT_BYTES_MAX (UINT64_C(1) << 30)
/* Contexts of clients; their bytes count on the account like requests. */
#define RN_SERVE_CONTEXTS_MAX 128u
#define RN_SERVE_ACCOUNT_CONTEXTS_MAX 512u
/* Arguments and statics up to this are decoded on the loop's thread. */
#define RN_SERVE_ARGS_INLINE_MAX (16u << 10)
#define RN_SERVE_VMS_MAX 256u
#define RN_SERVE_CALLS_MAX 256u
#define RN_SERVE_BUILDS_MAX 4u
#define RN_SERVE_DOMAINS_MAX 256u
#define RN_SERVE_CREDIT_MAX 1024u
/* A connection with more waiting output than this is not read from, its scripts print nothing. */
#define RN_SERVE_OUT_HIGH (256u << 10)
/* A client that takes nothing for this long while something waits for it is closed. */
#define RN_SERVE_STALL_NS UINT64_C(60000000000)

struct rn_serve_allowed {
    uint32_t uid;
    unsigned rights;
};

struct rune_server_options {
    char *directory;
    char *socket;
    int listener; /* -1: make one */
    struct rn_serve_allowed allowed[RN_SERVE_ALLOWED_MAX];
    size_t allowed_count;
    uint64_t limits[RUNE_PEER_LIMIT_COUNT];
    const rune_context *context;
    rune_options *build;
    uint64_t drain_ns;
};

/* Two sets of threads: short waits, and builds. */
enum rn_serve_lane {
    RN_SERVE_SHORT,
    RN_SERVE_BUILDS,
    RN_SERVE_LANES
};

struct rn_serve_domain {
    char *name; /* as the pool knows it: "1000/name" */
    uint32_t vms;
};

/* What one uid has. Kept while it has a connection. */
struct rn_serve_account {
    struct rn_serve_account *next;
    uint32_t uid;
    unsigned rights;
    uint64_t connections;
    uint64_t calls;
    _Atomic uint64_t bytes;
    uint64_t units; /* of all its connections, and their bytes */
    uint64_t unit_bytes;
    uint64_t contexts;
    uint64_t functions;               /* that its Vms keep */
    uint32_t running[RN_SERVE_LANES]; /* jobs; under the server's lock, as is: */
    uint64_t served[RN_SERVE_LANES];  /* the turn of the last one that began */
    struct rn_serve_domain domains[RN_SERVE_DOMAINS_MAX];
};

/* A note for the loop: from a job's or the supervisor's thread. */
struct rn_serve_note {
    struct rn_serve_note *next;
    void (*done)(struct rn_serve_note *note); /* on the loop's thread; owns the note */
};

/* Work for another thread; its note comes back when it is done. */
struct rn_serve_job {
    struct rn_serve_note note; /* first: a job is a note */
    struct rn_serve_job *next;
    struct rn_serve_connection *connection; /* counts in its `jobs` */
    void (*run)(struct rn_serve_job *job);
};

#define RN_SERVE_THREADS_MAX 4u

struct rn_serve_out {
    struct rn_serve_out *next;
    struct rn_outgoing outgoing;
    uint8_t *body; /* owned */
    size_t size;   /* counted on the account */
};

/* A Unit of the client's: counted on the account until neither its number nor a Vm is left. */
struct rn_serve_unit {
    rune_unit *unit; /* counted; NULL: the place is free */
    size_t bytes;
    uint32_t vms; /* that have it */
    bool named;   /* the client has not dropped it */
};

/* Functions and constants of the client's: counted until neither its number, nor a Vm, nor a build is left. */
struct rn_serve_context {
    uint8_t *items; /* encoded, and checked; NULL: the place is free */
    size_t size;
    size_t held;           /* on the account */
    rune_runtime *runtime; /* of the functions, each of which is forwarded; counted */
    uint32_t users;
    bool named; /* the client has not dropped it */
};

/* What a Vm counts in, until it has been freed. */
struct rn_serve_place {
    struct rn_serve_domain *domain;
    uint32_t unit;      /* number in the connection's table; 0: a script's */
    uint32_t context;   /* as well; 0: not the client's own */
    size_t statics;     /* bytes on the account: values that wait in the Vm for its next call */
    uint32_t functions; /* that it keeps, counted there as well */
};

struct rn_serve_vm {
    rune_vm *vm;     /* NULL: free */
    char *script;    /* name in the folder; NULL: a Unit of the client's */
    rune_unit *unit; /* counted: what the Vm has now */
    struct rn_serve_place place;
    bool busy;
    bool closing;
};

struct rn_serve_begin;
struct rn_serve_host;

struct rn_serve_call {
    struct rn_serve_note note; /* first; posted at its end */
    struct rn_serve_call *next;
    struct rn_serve_connection *connection;
    uint64_t id; /* the client's */
    uint32_t vm;
    rune_execution *execution;
    struct rn_serve_begin *begin; /* what it was begun with */
    uint64_t begun_ns;
    uint64_t parent; /* the call that it was made for inside a host function; 0: none */
    bool cancelled;
    uint32_t credit;             /* under the connection's lock, as are: */
    struct rn_serve_host *hosts; /* calls of the client's functions that it has not answered */
    uint32_t host_number;        /* of the last one */
};

struct rn_serve_build;

struct rn_serve_connection {
    struct rn_serve_connection *next;
    struct rune_server *server;
    struct rn_serve_account *account;
    uint64_t serial;
    int fd; /* -1: closed; see D1 */
    uint32_t pid;
    uint32_t events;     /* that epoll looks for */
    uint32_t blocked;    /* jobs that must be done before anything else is read */
    bool leaving;        /* closes when all that is queued has gone */
    atomic_bool starved; /* something that it waits for could not be said: no memory */
    uint32_t jobs;
    uint32_t calls_running;
    uint32_t sequence_in;
    uint32_t sequence_out;
    uint64_t stalled_ns; /* since when nothing went out; 0: nothing waits; `stalled_count` */

    /* The request that is coming in parts. */
    struct rn_message head;
    uint8_t *body;
    size_t body_size;
    size_t body_capacity;
    bool assembling;
    uint8_t *request; /* one that came in parts, while it is looked at; see rn_serve_claim */

    /* Places from `used` on have never been touched: tables cost the memory, and the looks, of what was in them. */
    struct rn_serve_unit units[RN_SERVE_UNITS_MAX];
    struct rn_serve_context contexts[RN_SERVE_CONTEXTS_MAX];
    struct rn_serve_vm vms[RN_SERVE_VMS_MAX];
    struct rn_serve_used {
        uint32_t units;
        uint32_t contexts;
        uint32_t vms;
    } used;
    struct rn_serve_call *calls;
    struct rn_serve_build *builds;

    /* Also of the threads that produce output. */
    pthread_mutex_t lock;
    struct rn_serve_out *out;
    struct rn_serve_out **out_end;
    size_t out_bytes;
    /* Under the server's lock: the list `unsent`. */
    struct rn_serve_connection *unsent_next;
    bool is_unsent;
};

/* Upper ends of the buckets in which calls are counted by their time. */
#define RN_SERVE_BUCKETS 12u

struct rn_serve_counts {
    uint64_t accepted;
    uint64_t refused;
    uint64_t protocol_errors;
    uint64_t stalled;
    uint64_t builds;
    uint64_t builds_failed;
    uint64_t reloads;
    uint64_t broken;
    uint64_t ends[RUNE_REASON_CRASHED + 1];
    uint64_t buckets[RN_SERVE_BUCKETS + 1];
    uint64_t microseconds;
};

struct rn_serve_queue {
    struct rn_serve_job *first;
    struct rn_serve_job **last;
    uint64_t served; /* turns */
    pthread_cond_t work;
    pthread_t threads[RN_SERVE_THREADS_MAX];
    unsigned thread_count;
};

struct rune_server {
    rune_supervisor *supervisor; /* counted */
    rune_watch *watch;           /* NULL: no folder */
    const rune_context *context;
    rune_runtime *runtime; /* of the context, or NULL */
    rune_options *build;
    struct rn_serve_allowed allowed[RN_SERVE_ALLOWED_MAX];
    size_t allowed_count;
    uint64_t limits[RUNE_PEER_LIMIT_COUNT];
    char *socket; /* to remove at the end, or NULL: this one, and no other at its path */
    dev_t socket_device;
    ino_t socket_inode;
    int listen_fd;
    int spare_fd; /* given up to accept, and turn away, when there are no descriptors */
    int epoll_fd;
    int event_fd;
    uint64_t accept_ns; /* not before; 0: now */
    uint64_t begun_ns;

    struct rn_serve_account *accounts;
    struct rn_serve_connection *connections;
    uint32_t connection_count;
    uint32_t stalled_count; /* connections that something waits for longer than a turn */
    uint32_t closed_count;  /* .. whose memory may go some day (D1) */
    uint64_t next_serial;
    /* The loop's: a packet that comes, and one that goes. */
    uint8_t packet_in[RN_PACKET_MAX];
    uint8_t packet_out[RN_PACKET_MAX];

    atomic_bool woken;    /* the loop is going to look at notes and at who is `unsent` */
    pthread_mutex_t lock; /* of notes, connections that are unsent, queues, counts */
    struct rn_serve_note *notes;
    struct rn_serve_note **notes_end;
    struct rn_serve_connection *unsent; /* something was queued since they were flushed last */
    struct rn_serve_connection **unsent_end;
    struct rn_serve_queue queues[RN_SERVE_LANES];
    bool ending;
    struct rn_serve_counts counts;

    atomic_bool draining;
    uint64_t drain_ns; /* unless whoever drains says */
    _Atomic uint64_t drain_until_ns;
    bool drained; /* the loop has seen it */
};

/* Place `index` of a table is about to be. */
static inline void rn_serve_use(uint32_t *used, uint32_t index)
{
    *used = index < *used ? *used : index + 1;
}

/* serve.c */
void rn_serve_post(struct rune_server *server, struct rn_serve_note *note);
void rn_serve_wake(struct rune_server *server);
/* Any thread: the connection is flushed at the end of this turn of the loop, or of the next one. */
void rn_serve_flush_soon(struct rn_serve_connection *connection);

/* serve_jobs.c */
enum rn_error rn_serve_jobs_start(struct rune_server *server) RN_MUST_CHECK;
/* Ends the threads; no job is left. */
void rn_serve_jobs_stop(struct rune_server *server);
/* Counts the job on its connection. */
void rn_serve_submit(struct rn_serve_job *job, enum rn_serve_lane lane);

/* serve_socket.c */
rune_status rn_serve_listen(struct rune_server *server, const rune_server_options *options,
                            rune_error **error) RN_MUST_CHECK;
void rn_serve_stop_listening(struct rune_server *server);
/* Accepts what waits. */
void rn_serve_accept(struct rune_server *server);
void rn_serve_leave_account(struct rune_server *server, struct rn_serve_account *account);

/* serve_connection.c */
void rn_serve_connection_open(struct rune_server *server, struct rn_serve_account *account, int fd,
                              uint32_t pid);
/* Acts on what epoll saw. */
void rn_serve_connection_ready(struct rn_serve_connection *connection, uint32_t events);
/* Frees it if nothing needs it any more (D1); true if it did. */
bool rn_serve_connection_settle(struct rn_serve_connection *connection);
/* Cancels its calls and closes. The memory goes when it may. */
void rn_serve_connection_close(struct rn_serve_connection *connection);
/* Says why and closes once that has gone. */
void rn_serve_goodbye(struct rn_serve_connection *connection, rune_status status,
                      const char *sentence);
/*
 * Queues a message; `body` (from the C heap) is consumed. Any thread. False: there was no room on
 * the account, or no memory, and nothing is queued. `insist`: short things go in any case.
 */
bool rn_serve_send(struct rn_serve_connection *connection, const struct rn_message *message,
                   uint8_t *body, bool insist);
/* Counts bytes that are kept for the uid; false: beyond its limit, and they are not counted. Any thread. */
bool rn_serve_hold(struct rn_serve_connection *connection, size_t size) RN_MUST_CHECK;
void rn_serve_unhold(struct rn_serve_connection *connection, size_t size);
/* Ends the connection of a client that cannot go on. */
void rn_serve_fail(struct rn_serve_connection *connection, enum rn_error error);
/* The loop's thread: sends what fits the socket, and is not more than others can wait for. */
void rn_serve_flush(struct rn_serve_connection *connection);
/* Any thread: what the client waits for is lost, so the loop says goodbye to it. */
void rn_serve_starve(struct rn_serve_connection *connection);
/* A job that blocked the connection (one of `blocked`) is done. */
void rn_serve_unblock(struct rn_serve_connection *connection);
/* Short answers. */
void rn_serve_answer(struct rn_serve_connection *connection, uint64_t id, uint64_t value);
/* `error` is consumed; NULL: the status's own message. */
void rn_serve_answer_error(struct rn_serve_connection *connection, uint64_t id, rune_status status,
                           rune_error *error);

/* serve_request.c: one whole request. MESSAGE_INVALID, MESSAGE_STATE: the client breaks the protocol. */
enum rn_error rn_serve_request(struct rn_serve_connection *connection,
                               const struct rn_message *head, const uint8_t *body,
                               size_t size) RN_MUST_CHECK;
/* The bytes of a request that is being looked at, for whoever needs them longer, from the C heap: those of a large one are
 * handed over, not copied. NULL without memory. */
uint8_t *rn_serve_claim(struct rn_serve_connection *connection, const uint8_t *body, size_t size);
/* The functions that a Vm keeps are counted again. */
void rn_serve_functions_settle(struct rn_serve_connection *connection, struct rn_serve_vm *vm);
/* A Vm that runs nothing: what it keeps is counted again, and what its waiting statics take, `more` of which was
 * held already. */
void rn_serve_vm_settle(struct rn_serve_connection *connection, struct rn_serve_vm *vm,
                        size_t more);
/* The loop's thread: gives up a connection's Units and Vms. */
void rn_serve_drop_all(struct rn_serve_connection *connection);
void rn_serve_vm_drop(struct rn_serve_connection *connection, struct rn_serve_vm *vm);

/* serve_call.c */
enum rn_error rn_serve_call_request(struct rn_serve_connection *connection,
                                    const struct rn_message *head, const uint8_t *body,
                                    size_t size) RN_MUST_CHECK;
enum rn_error rn_serve_credit(struct rn_serve_connection *connection, uint64_t id,
                              uint32_t packets) RN_MUST_CHECK;
void rn_serve_cancel(struct rn_serve_connection *connection, uint64_t id);
void rn_serve_cancel_all(struct rn_serve_connection *connection);
/* NULL: there is none, or it has ended. */
struct rn_serve_call *rn_serve_call_find(const struct rn_serve_connection *connection, uint64_t id);

/* serve_host.c */
/* A context for the connection's table; `items` and the reference are consumed. 0: no room. */
uint32_t rn_serve_context_add(struct rn_serve_connection *connection, uint8_t *items, size_t size,
                              rune_runtime *runtime);
/* The same as of Units: what stands under a number, that it is given up, and who has it. */
const struct rn_serve_context *rn_serve_context_at(const struct rn_serve_connection *connection,
                                                   uint32_t number);
void rn_serve_context_drop(struct rn_serve_connection *connection, uint32_t number);
void rn_serve_context_enter(struct rn_serve_connection *connection, uint32_t number);
void rn_serve_context_leave(struct rn_serve_connection *connection, uint32_t number);
/* The rn_host_forward of every function of a client; `user` is the rn_serve_call. */
void rn_serve_forward(void *user, rune_host_call *host_call, uint8_t *args, size_t size);
enum rn_error rn_serve_host_reply(struct rn_serve_connection *connection,
                                  const struct rn_message *head, const uint8_t *body,
                                  size_t size) RN_MUST_CHECK;
/* The host call that the client has not answered yet; counted. NULL: there is none. */
rune_host_call *rn_serve_host_find(struct rn_serve_connection *connection, uint64_t id,
                                   uint32_t number);
/* The call is over: nobody waits for answers any more. */
void rn_serve_hosts_end(struct rn_serve_call *call);

/* serve_build.c */
enum rn_error rn_serve_build_request(struct rn_serve_connection *connection,
                                     const struct rn_message *head, const uint8_t *body,
                                     size_t size) RN_MUST_CHECK;
enum rn_error rn_serve_module(struct rn_serve_connection *connection, const struct rn_message *head,
                              const uint8_t *body, size_t size) RN_MUST_CHECK;
/* Lets builds go on without their client. */
void rn_serve_abandon_builds(struct rn_serve_connection *connection);
/* A Unit for the connection's table; the reference is consumed. 0: no room. */
uint32_t rn_serve_unit_add(struct rn_serve_connection *connection, rune_unit *unit);
/* The Unit that the client knows by a number, borrowed; NULL: there is none. */
rune_unit *rn_serve_unit_at(const struct rn_serve_connection *connection, uint32_t number);
/* The client gives up a number, if anything stands under it. The Unit stays while Vms have it. */
void rn_serve_unit_drop(struct rn_serve_connection *connection, uint32_t number);
/* A Vm has the Unit from now on, or no more. 0 is nobody's. */
void rn_serve_unit_enter(struct rn_serve_connection *connection, uint32_t number);
void rn_serve_unit_leave(struct rn_serve_connection *connection, uint32_t number);

/* A Unit, or a text, as an answer: its number, its bytes, and what there is to be said about it. */
struct rn_serve_unit_answer {
    struct rn_buf body;
    size_t said_size;
    size_t held; /* on the account until it is sent */
    bool whole;
};

void rn_serve_unit_answer_init(struct rn_serve_unit_answer *answer);
void rn_serve_unit_answer_done(struct rn_serve_connection *connection,
                               struct rn_serve_unit_answer *answer);
/* A job's: adds the bytes, if the account has room for them. */
void rn_serve_unit_answer_save(struct rn_serve_connection *connection,
                               struct rn_serve_unit_answer *answer, const rune_unit *unit);
/* The loop's thread: `unit` is consumed. What cannot be sent is not kept either. */
void rn_serve_unit_answer_send(struct rn_serve_connection *connection, uint64_t id,
                               struct rn_serve_unit_answer *answer, rune_unit *unit);

/* serve_report.c */
rune_status rn_serve_report(struct rune_server *server, uint32_t what, struct rn_buf *out,
                            rune_error **error) RN_MUST_CHECK;

#endif
