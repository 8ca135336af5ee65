/*
 * pool.h: trust domains and their workers.
 *
 * Each domain has a zygote and a list of peers: starting, spare (never used), serving, gone. A call
 * takes a peer (least loaded, of its isolation), and puts it back. A maintenance thread collects those
 * that ended and makes spares (spares.h): one at a time, domain by domain in turn, and after each it collects
 * again, so that no domain's calls keep it from the others' spares and ends.
 *
 * A call that finds no worker with little to do starts one, up to the number that there may be; those being
 * started count. Further calls use what serves, or wait for what starts; when a start fails, its call fails,
 * and one of those that wait tries.
 *
 * Isolation is the peer's for life: shared peers serve every Vm of the domain that asks for no
 * more; the others serve one Unit, one Vm, or one call. A Unit that got two workers killed is moved
 * to workers of its own.
 *
 * Threads: all functions from any thread, without locks held.
 */
#ifndef RN_SUPERVISOR_POOL_H
#define RN_SUPERVISOR_POOL_H

#include <runeward/supervisor.h>

#include <pthread.h>

#include "supervisor/peer.h"
#include "supervisor/spares.h"

#define RN_DOMAIN_NAME_MAX 255u
#define RN_DOMAINS_MAX 256u
#define RN_DOMAIN_PEERS_MAX 256u

/* Ends of compilers that nobody has asked for yet; the oldest are forgotten. */
#define RN_DOMAIN_ENDS_MAX 64u

/* A worker that a call starts, outside the lock; the caller's storage. */
struct rn_start {
    struct rn_start *next;
    rune_isolation isolation; /* what it will serve, as in the peer */
    uint64_t key;
};

struct rn_domain {
    struct rune_supervisor *supervisor;
    struct rn_domain *next;
    char name[RN_DOMAIN_NAME_MAX + 1];
    bool for_builds; /* its processes are compilers */
    struct rn_zygote *zygote;
    struct rn_peer *peers;   /* all that are not freed */
    struct rn_start *starts; /* under way, but for spares; they count as if they were there */
    uint32_t awaiting;       /* calls that wait for one of them, or for room */
    uint32_t users;          /* Vms, compilers and whoever is busy with it */
    struct rn_spares spares;
    struct rn_child_exit ends[RN_DOMAIN_ENDS_MAX];
    uint32_t end_count; /* told so far */
    atomic_bool broken; /* its zygote has gone: nothing can be started in it any more */
};

struct rn_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a peer is free or ready, a call has ended */
    pthread_cond_t work;    /* for the maintenance thread */
    pthread_t thread;
    bool has_thread;
    bool must_work;
    bool has_pinned; /* a worker may be retiring that waits for its last Vm to leave */
    atomic_bool
        untold; /* a spare was taken: the thread is to hear of it once the call is on its way */
    atomic_bool closing;    /* no new work; set under the lock */
    atomic_bool cancelling; /* nor may what runs go on; set before any peer's calls are looked at */
    bool ending;
    struct rn_domain *domains;
    struct rn_peer *gone; /* dead, out of their domains, to be freed by the thread */
    uint64_t spare_turns;
    uint32_t calls_now;
    uint32_t
        moving; /* calls on their way from a dead worker to their second run: in no other count */
    rune_stats stats;
    /* How idle compilers are kept: the one spare. */
    struct rn_compiler *compiler;
};

enum rn_error rn_pool_init(struct rn_pool *pool) RN_MUST_CHECK;
/* Starts the maintenance thread. */
enum rn_error rn_pool_start(struct rune_supervisor *supervisor) RN_MUST_CHECK;
/* No call runs any more: nothing is sent to workers any more, either. */
void rn_pool_end_sweeps(struct rune_supervisor *supervisor);
/* Ends the thread, all peers and zygotes. No call runs any more. */
void rn_pool_done(struct rune_supervisor *supervisor);

/* Finds or makes a domain and its zygote, and counts one more user of it. OVERLOADED: there are too many; those
 * that nobody uses any more are waited for. */
rune_status rn_pool_domain(struct rune_supervisor *supervisor, const char *name, bool for_builds,
                           struct rn_domain **out_domain, rune_error **error) RN_MUST_CHECK;

struct rn_pool_request {
    struct rn_domain *domain;
    struct rune_unit *unit; /* what is to run: borrowed */
    struct rune_runtime *runtime;
    rune_isolation isolation;
    uint64_t key; /* of Unit or Vm */
    bool keeps;   /* something may stay in the worker, which takes a handle there */
    bool bypass;
    bool wait;
    uint64_t until_ns;
    /* Ends a wait; who cancels it tells of room (rn_pool_tell_room). NULL: none. */
    const rune_cancel_token *token;
};

/* A peer with one more call reserved; counted. OVERLOADED, CLOSED, CANCELLED, TIMED_OUT, and why a worker cannot start. */
rune_status rn_pool_take(struct rune_supervisor *supervisor, const struct rn_pool_request *request,
                         struct rn_peer **out_peer, rune_error **error) RN_MUST_CHECK;
/* Of a spare that was taken: not before the call was sent, since waking a thread costs as much as the call. */
void rn_pool_tell(struct rune_supervisor *supervisor);
/* True if a call would find a worker that runs, so that taking one does not wait. */
bool rn_pool_is_warm(struct rune_supervisor *supervisor, const struct rn_pool_request *request);
/* Kills the worker with that process id, as hosts see it; false if there is none. */
bool rn_pool_kill(struct rune_supervisor *supervisor, int32_t pid);
/* One more call of the peer that holds a Vm's Globals. CLOSED; VM_LOST if it has gone. */
rune_status rn_pool_take_pinned(struct rune_supervisor *supervisor, struct rn_peer *peer,
                                bool bypass, rune_error **error) RN_MUST_CHECK;
/* A call leaves its worker for a second run, which still is to begin; and it has begun, or the call is over. Whoever
 * closes waits for both kinds of calls. */
void rn_pool_begin_move(struct rune_supervisor *supervisor);
void rn_pool_end_move(struct rune_supervisor *supervisor);
/* True if what runs is to end: to be asked by whatever has begun at a peer, which may have come too late for
 * whoever looks through the peers. */
bool rn_pool_is_cancelling(struct rune_supervisor *supervisor);
/* True once the supervisor has been closed. */
bool rn_pool_is_closing(struct rune_supervisor *supervisor);
/* True if one more call may begin at a peer that has a load of a call that ended there. Without the lock. */
bool rn_pool_may_go_on(const struct rn_peer *peer, const struct rn_pool_request *request);
/* Gives loads back, after which further calls may have begun: `begun` of them, which are counted now. */
void rn_pool_put_loads(struct rune_supervisor *supervisor, struct rn_peer *peer, uint32_t loads,
                       uint32_t begun);
/* Gives it back; `lost`: it is dead, or its process has gone and whoever receives will learn of it. */
void rn_pool_put(struct rune_supervisor *supervisor, struct rn_peer *peer, bool lost);
/* A worker keeps one Vm less: who waits for room may look again. */
void rn_pool_tell_room(struct rune_supervisor *supervisor);
/* A Vm that had workers of its own has gone. */
void rn_pool_retire_key(struct rune_supervisor *supervisor, uint64_t key);
/* Counts one more user of a domain that has one. */
void rn_pool_domain_hold(struct rn_domain *domain);
/* Counts a user out. A domain without users goes, but for the default one. */
void rn_pool_domain_release(struct rn_domain *domain);
/* True if nothing can be started in the domain any more. */
bool rn_pool_domain_is_broken(struct rn_domain *domain);

/* Under the pool's lock: nobody needs it any more, and it is not the one that is always there. */
bool rn_domain_is_idle(const struct rn_domain *domain);
/* Notes ends that the zygote has told. */
void rn_domain_collect(struct rn_domain *domain);
/* Waits for the end of a peer that is known to end; what waits longer than this is told nothing. */
#define RN_DOMAIN_EXIT_WAIT_NS UINT64_C(1000000000)
/* False: it was not told by then. True as well if it never will be, the domain being broken. */
bool rn_domain_wait_exit(struct rn_domain *domain, struct rn_peer *peer, uint64_t until_ns);
/* The end of a child that is no peer; false if it was not told (yet). */
bool rn_domain_find_end(struct rn_domain *domain, uint64_t id, struct rn_child_exit *out_exit);
/* A counted peer by its serial, or NULL. */
struct rn_peer *rn_pool_find(struct rune_supervisor *supervisor, uint64_t serial);
/* The counted peer with the next higher serial, or NULL. */
struct rn_peer *rn_pool_next(struct rune_supervisor *supervisor, uint64_t serial);

/* Between pool.c, pool_take.c and pool_domain.c. */
/* Under the lock: it takes no further calls and has none; nor Vms that come back to it for what it keeps, if it lives. */
bool rn_pool_may_go(const struct rn_peer *peer);
/* Without the lock: ends those that may go. */
void rn_pool_retire_chosen(struct rn_domain *domain);
/* Takes an idle domain out of the list, or NULL; without the lock. */
struct rn_domain *rn_domain_take_idle(struct rn_pool *pool);
/* Nobody else knows it any more. */
void rn_domain_end(struct rn_domain *domain);

#endif
