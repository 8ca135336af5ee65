/*
 * peer.h: one worker process as the supervisor holds it: socket, control segment, what
 * it has mapped and which calls it runs.
 *
 * Receiving is a role that one thread has at a time: a synchronous caller that waits for its own
 * call receives for all calls of the peer and hands their packets to them; when it has its result,
 * another thread takes over: one that sleeps on the condition of a call (`waiting`), a batch that polls for
 * several peers (`polling`), or the runner (runner.h) if only executions are left.
 *
 * P1  A call that was begun is in `slots` until its result has come or the peer is dead.
 * P2  What the state machine of a call refuses kills the peer; `culprit` names the call.
 * P3  Nobody waits in send: what does not fit the socket is queued, or stays in the lane's parcel, and is
 *     sent on by whoever receives, or by the runner. A message that was begun is sent to its end, even if
 *     its call has ended.
 * P4  `dead` is set once, after the process is known to have ended (or to have been killed).
 * P5  A peer stays in its domain until it is dead or nobody has a call there: whoever receives finds it by
 *     its serial, and its end by the list. After that none of its timers is set any more.
 * P6  Nobody sleeps without the role unless another thread has it, or was called to take it. Who enters
 *     `waiting` or `polling` does so while another thread has it; who gives it up, and who leaves one of these
 *     lists and finds it free, calls the next one. Who is awake with calls of his own asks for it before
 *     he sleeps.
 * P7  Whether it has died, as its ring tells, is a worker's own claim. One that has is killed and gets no
 *     further call, for which nobody is blamed, as if it had ended between two of them. One that has not gets
 *     calls, which find its end as they find any, or end by their deadlines.
 * P8  What waits for a worker that does not read is bounded, however much it sends: of one call there is one
 *     CREDIT at most, to which more is added, and one CANCEL; host calls are not acted upon, and who sleeps is
 *     not woken, while anything waits. Credit that was given is always sent or waits there, so nobody waits for
 *     credit that never goes.
 *
 * Locks: a peer's lock is taken after the pool's and before the clock's; never two peers' at once.
 * Trust: reads packets from workers.
 */
#ifndef RN_SUPERVISOR_PEER_H
#define RN_SUPERVISOR_PEER_H

#include <runeward/supervisor.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "shm/control.h"
#include "shm/lane.h"
#include "shm/message.h"
#include "supervisor/clock.h"
#include "supervisor/cpu.h"
#include "supervisor/peer_queue.h"
#include "supervisor/slots.h"
#include "supervisor/spawner.h"

#define RN_PEER_UNITS_MAX 256u
#define RN_PEER_CONTEXTS_MAX 64u
/* Handle 0 is none, so one Vm less keeps Globals in one worker. */
#define RN_PEER_VMS_MAX 4096u
#define RN_PEER_ENDED 16u
#define RN_PEER_RANDOM 256u

struct rn_call;
struct rn_call_sleeper;
struct rn_domain;
struct rn_group;
struct rune_unit;
struct rune_runtime;

/* How a peer ended. */
struct rn_death {
    bool known; /* `exit` was told by the zygote */
    struct rn_child_exit exit;
    enum rn_error lie;  /* RN_OK, or why a packet was refused */
    uint64_t culprit;   /* the call that it was killed for; 0: none */
    bool retired;       /* it was ended on purpose, between calls */
    bool out_of_memory; /* the kernel killed it for want of memory, in the host's control group */
    bool ordered;       /* an operator wanted it, and its calls, ended */
};

/* An end that has begun, until P4. */
struct rn_burial {
    enum rn_error error; /* why; RN_OK: it lives */
    uint64_t culprit;
    uint64_t begun_ns;
    bool killed; /* and `error` is final */
};

enum rn_place {
    RN_PLACE_STARTING,
    RN_PLACE_SPARE,
    RN_PLACE_SERVING,
    RN_PLACE_GONE,
};

struct rn_peer {
    _Atomic uint32_t refs;
    struct rn_domain *domain; /* which may be freed once the peer has left it (P5) */
    struct rune_supervisor *supervisor;
    uint64_t serial;
    struct rn_child child;
    int fd;               /* the socket, as `lane` uses it */
    struct rn_ring *ring; /* NULL: without */
    struct rn_lane lane;
    struct rn_control *control;
    uint64_t layers_said; /* in its first message; see rn_wall_believe */
    clockid_t cpu_clock;  /* the worker's processor time */
    bool has_cpu_clock;
    struct rn_cpu_rest cpu_rest;
    struct rn_cpu_shared cpu_shared;

    /* Under the pool's lock. */
    struct rn_peer *next;
    enum rn_place place;
    rune_isolation isolation;
    uint64_t key; /* of the Unit or Vm that it serves alone */
    uint32_t load;
    uint64_t served;
    atomic_bool retiring; /* takes no further calls but of Vms whose Globals are here, */
    bool lost;            /* or none, since its process has gone */
    bool gone_before;     /* the pool has waited for others to let go of it */

    /* Under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t told; /* a host's callback that tells of an end has returned (host_call.c) */
    bool receiving;
    size_t pumped; /* bytes since the runner began to pump */
    bool dead;
    /* Of one that is dead it stays as it is, and may be read without the lock. */
    struct rn_death death;
    uint32_t sequence_out;
    uint64_t rested_ns; /* when the last call ended */
    uint32_t call_count;
    uint32_t async_count;           /* calls that nobody waits for by himself */
    struct rn_peer *unwatched_next; /* under the runner's lock, as is the next */
    bool unwatched;
    bool hushed;             /* what is being sent is rung for later */
    uint32_t armed;          /* what the runner's poll will tell of, once; 0: nothing */
    _Atomic uint32_t pinned; /* Vms whose Globals are here; read under the pool's lock, too */
    struct rn_peer_queue queue;
    struct rn_slots slots;
    struct rn_call_sleeper *waiting; /* owners who sleep on their conditions; a list; P6 */
    struct rn_peer_poller *polling;  /* batches that could not have the role; a list; P6 */
    struct rn_timer backstop_timer;  /* the word in the control segment is to be found anew */
    uint32_t placed;                 /* the processor it was put on, from 1; 0: none */
    uint64_t backstop_look_ns;       /* when that timer fires; 0: it is not set */
    struct rn_call *young;           /* calls whose timers are not set yet; a list */
    struct rn_timer young_timer;     /* they will be */
    uint64_t young_due_ns;           /* when that timer fires; 0: it is not set */
    uint64_t ended[RN_PEER_ENDED];   /* ids of the last calls that ended */
    uint32_t ended_count;
    struct rune_unit *units[RN_PEER_UNITS_MAX];
    uint32_t unit_uses[RN_PEER_UNITS_MAX]; /* calls and pinned Vms */
    uint32_t units_end;                    /* indices from here on were never in use */
    struct rn_timer sweep_timer;           /* what only workers still hold goes from these tables */
    bool sweep_wanted;                     /* something was attached since that timer was set */
    bool sweep_awaited;                    /* it is set */
    uint64_t unit_bytes;                   /* of address space that the attached ones take */
    struct rune_runtime *contexts[RN_PEER_CONTEXTS_MAX];
    uint32_t context_uses[RN_PEER_CONTEXTS_MAX];
    uint64_t vms[RN_PEER_VMS_MAX / 64]; /* handles in use */
    bool mapped_ahead;                  /* Unit 0 and context 1 are, and nothing has run yet */
    uint64_t random[RN_PEER_RANDOM];    /* for the ids of calls */
    uint32_t random_left;
    uint8_t *packet_out; /* RN_PACKET_MAX bytes; with packet_in one block that is not cleared */

    /* Of the thread that receives. */
    struct rn_burial burial;
    uint8_t *packet_in; /* RN_PACKET_MAX bytes */
    atomic_bool has_exit;
    struct rn_child_exit exit; /* once has_exit */
};

struct rn_peer *rn_peer_ref(struct rn_peer *peer);
/* Accepts NULL. */
void rn_peer_unref(struct rn_peer *peer);

/*
 * Starts a worker and waits until it stands behind its wall and every required layer was seen from
 * outside. WALL_REFUSED, SETUP, TIMED_OUT, NO_MEMORY, SYSTEM. The caller's.
 */
rune_status rn_peer_start(struct rn_domain *domain, struct rn_peer **out_peer,
                          rune_error **error) RN_MUST_CHECK;

/*
 * Begins a call: finds a slot, attaches Unit and runtime if needed, sends. WOULD_BLOCK: no slot, no
 * room; CLOSED: the peer is dead: try another.
 */
enum rn_error rn_peer_begin(struct rn_peer *peer, struct rn_call *call) RN_MUST_CHECK;

/* Has a worker that runs nothing yet map what its first call will probably need. `runtime` may be NULL. If
 * that call needs something else, this goes before it begins. */
void rn_peer_map_ahead(struct rn_peer *peer, struct rune_unit *unit, struct rune_runtime *runtime);

/* Waits until the call has something for its owner: an event, its result, the peer's death. */
void rn_peer_wait(struct rn_peer *peer, struct rn_call *call);

/* An owner that does not wait there now: sends and receives what there is, and leaves the role to others. */
void rn_peer_tend(struct rn_peer *peer);

/* Waits until a call of the group has news. All that run are at this peer, `call` is one of them. */
void rn_peer_wait_group(struct rn_peer *peer, struct rn_group *group, struct rn_call *call);
/* Where an owner of calls at several peers looks for news of one of them. */
struct rn_peer_watch {
    short events; /* to poll the socket for; 0: for nothing */
    bool at_hand; /* something can be received that poll does not tell of */
    bool soon;    /* there may be something to do that poll never tells of */
};
/* That owner, at one of these peers; its group is called when it is to receive there. Its own storage. */
struct rn_peer_poller {
    struct rn_group *group;
    struct rn_peer_poller *next;
    struct rn_peer_poller **link; /* NULL: it is in no list */
};
/* It has the role of receiving from here on, or, with nothing to poll for, is listed while another thread has
 * it and notes what comes. False: neither, since the peer is dead. */
bool rn_peer_watch(struct rn_peer *peer, struct rn_peer_poller *poller,
                   struct rn_peer_watch *out_watch) RN_MUST_CHECK;
/* After that: sends on, hands out what came, and gives the role up; or leaves the list. */
void rn_peer_unwatch(struct rn_peer *peer, struct rn_peer_poller *poller);

/* After a kill: waits until the peer is dead. The call is still in the table. */
void rn_peer_wait_dead(struct rn_peer *peer, struct rn_call *call);

/* Takes the call out of the table after its end, with its uses of Unit, runtime and Vm handle. */
void rn_peer_finish(struct rn_peer *peer, struct rn_call *call);
/* The same, under peer->lock. */
void rn_peer_finish_locked(struct rn_peer *peer, struct rn_call *call);

/* Kills the process; whoever receives learns of it. `culprit`: the call to blame, or 0. */
void rn_peer_kill(struct rn_peer *peer, uint64_t culprit);
/* Ends an idle or dead peer, which leaves its domain; P5. True: the domain's reference is now the caller's. */
bool rn_peer_leave(struct rn_peer *peer) RN_MUST_CHECK;
/* The same, and forgets it. */
void rn_peer_retire(struct rn_peer *peer);

/* Under peer->lock: */

/* The same as rn_peer_kill, for a call that is still in the table. */
void rn_peer_kill_locked(struct rn_peer *peer, uint64_t culprit);

/* Sends or queues. `body` is copied if it must be queued; `fd` (-1: none) is borrowed. CLOSED: the
 * worker has gone, as whoever receives will learn. */
enum rn_error rn_peer_send(struct rn_peer *peer, const struct rn_message *message,
                           int fd) RN_MUST_CHECK;
/* CREDIT and CANCEL: before everything that is queued. */
void rn_peer_send_urgent(struct rn_peer *peer, const struct rn_message *message);
/* Rings for calls of groups that were sent without ringing, since more of them were to follow. */
void rn_peer_ring(struct rn_peer *peer);
/* Sends what waits for room in the socket as far as it goes. */
void rn_peer_flush(struct rn_peer *peer);
/* Something waits for it. */
bool rn_peer_has_unsent(const struct rn_peer *peer);
/* The call has begun: it is looked at by its `look_ns`. */
void rn_peer_start_timer(struct rn_peer *peer, struct rn_call *call);
/* It is looked at at that time, not before. */
void rn_peer_set_timer(struct rn_peer *peer, struct rn_call *call, uint64_t at_ns);
/* Its timer, if it has none yet, is not set any more. */
void rn_peer_forget_young(struct rn_call *call);
/* The call is about to leave the table: notes how the message of it that is half sent goes on. */
void rn_peer_send_on(struct rn_peer *peer, const struct rn_call *call);
/* Receives without waiting and hands out what there is, up to some packets; for the runner. */
void rn_peer_pump(struct rn_peer *peer);
/* A function that a Vm keeps there goes. */
void rn_peer_drop_function(struct rn_peer *peer, uint32_t handle, uint32_t function);
/* Gives up Globals kept there. */
void rn_peer_drop_vm(struct rn_peer *peer, uint32_t handle, struct rune_unit *unit,
                     struct rune_runtime *runtime);

#endif
