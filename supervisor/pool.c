/* pool.c: workers that are given back, retired and cleared up after; the thread that does so and makes spares. */
#include "supervisor/pool.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "supervisor/build_peer.h"
#include "supervisor/peer_attach.h"
#include "supervisor/supervisor.h"

/* Calls after which a worker without Globals is replaced. */
#define SERVED_MAX 1000000u
/* Whoever ended a call with a dead peer lets go of it within this time. */
#define GONE_WAIT_NS UINT64_C(1000000)

enum rn_error rn_pool_init(struct rn_pool *pool)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, &monotonic);
    pthread_cond_init(&pool->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return RN_OK;
}

/* Workers by number */

struct rn_peer *rn_pool_find(struct rune_supervisor *supervisor, uint64_t serial)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_domain *domain = pool->domains; domain && !found; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            if (peer->serial == serial) {
                found = rn_peer_ref(peer);
                break;
            }
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

struct rn_peer *rn_pool_next(struct rune_supervisor *supervisor, uint64_t serial)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_peer *next = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
            if (peer->serial > serial && (!next || peer->serial < next->serial)) {
                next = peer;
            }
        }
    }
    next = next ? rn_peer_ref(next) : NULL;
    pthread_mutex_unlock(&pool->lock);
    return next;
}

bool rn_pool_kill(struct rune_supervisor *supervisor, int32_t pid)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_peer *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_domain *domain = pool->domains; domain && !found; domain = domain->next) {
        for (struct rn_peer *peer = domain->peers; peer && !found; peer = peer->next) {
            bool lives = peer->place == RN_PLACE_SPARE || peer->place == RN_PLACE_SERVING;
            found = lives && peer->child.pid == pid ? rn_peer_ref(peer) : NULL;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (found) {
        pthread_mutex_lock(&found->lock);
        found->death.ordered = found->death.ordered || !found->dead;
        pthread_mutex_unlock(&found->lock);
        rn_peer_kill(found, 0);
        rn_peer_unref(found);
    }
    return found != NULL;
}

bool rn_pool_is_closing(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    return closing;
}

/* Giving back and retiring */

bool rn_pool_may_go(const struct rn_peer *peer)
{
    return peer->retiring && peer->load == 0 && (peer->pinned == 0 || peer->lost);
}

/* Under the lock: one that may go, counted, or NULL. Who leaves one that is kept for its Vms tells of it. */
static struct rn_peer *find_chosen(struct rn_pool *pool, struct rn_domain *domain)
{
    for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        if (rn_pool_may_go(peer)) {
            return rn_peer_ref(peer);
        }
        pool->has_pinned = pool->has_pinned || (peer->retiring && peer->pinned > 0);
    }
    return NULL;
}

void rn_pool_retire_chosen(struct rn_domain *domain)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    struct rn_peer *found = NULL;
    do {
        pthread_mutex_lock(&pool->lock);
        found = find_chosen(pool, domain);
        pthread_mutex_unlock(&pool->lock);
        if (found) {
            rn_peer_retire(found);
            rn_peer_unref(found);
        }
    } while (found);
}

static bool is_dead(struct rn_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    bool dead = peer->dead;
    pthread_mutex_unlock(&peer->lock);
    return dead;
}

/* Of what is left of a dead peer the thread clears up: unmapping takes time that a caller has not. */
static void bury(struct rn_pool *pool, struct rn_peer *peer)
{
    pthread_mutex_lock(&pool->lock);
    peer->next = pool->gone;
    pool->gone = peer;
    pool->must_work = true;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* Under the lock. True: the peer is dead, and its end is to be told. */
static bool put_loads(struct rn_pool *pool, struct rn_peer *peer, uint32_t loads, bool lost,
                      bool dead)
{
    peer->load -= loads;
    pool->calls_now -= loads;
    if (lost && peer->place == RN_PLACE_SERVING && !peer->lost) {
        pool->stats.workers_lost++;
    }
    bool worn = peer->served >= SERVED_MAX && peer->pinned == 0;
    peer->lost = peer->lost || lost;
    peer->retiring = peer->retiring || lost || worn || peer->isolation == RUNE_ISOLATION_CALL;
    bool forget = lost && (dead || peer->load == 0); // P5
    bool retire = (peer->retiring && forget) || rn_pool_may_go(peer);
    pool->has_pinned = pool->has_pinned || (peer->retiring && peer->pinned > 0);
    pool->must_work = pool->must_work || retire;
    if (rn_spares_rested(&peer->domain->spares) || retire) {
        pthread_cond_signal(&pool->work);
    }
    pthread_cond_broadcast(&pool->changed);
    return forget;
}

bool rn_pool_may_go_on(const struct rn_peer *peer, const struct rn_pool_request *request)
{
    return request->isolation == RUNE_ISOLATION_SHARED && !request->keeps &&
           peer->isolation == RUNE_ISOLATION_SHARED && peer->domain == request->domain &&
           !atomic_load_explicit(&peer->retiring, memory_order_relaxed) &&
           !atomic_load_explicit(&peer->supervisor->pool.closing, memory_order_relaxed);
}

void rn_pool_put_loads(struct rune_supervisor *supervisor, struct rn_peer *peer, uint32_t loads,
                       uint32_t begun)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    peer->served += begun;
    pool->stats.calls += begun;
    (void)put_loads(pool, peer, loads, false, false);
    pthread_mutex_unlock(&pool->lock);
}

void rn_pool_put(struct rune_supervisor *supervisor, struct rn_peer *peer, bool lost)
{
    struct rn_pool *pool = &supervisor->pool;
    bool dead = lost && is_dead(peer);
    pthread_mutex_lock(&pool->lock);
    bool forget = put_loads(pool, peer, 1, lost, dead);
    pthread_mutex_unlock(&pool->lock);
    // Ending a process takes system calls: that of a dead one tells others, the rest is maintenance.
    if (forget && rn_peer_leave(peer)) {
        bury(pool, peer);
    }
}

void rn_pool_begin_move(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    pool->moving++;
    pthread_mutex_unlock(&pool->lock);
}

void rn_pool_end_move(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    pool->moving--;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

bool rn_pool_is_cancelling(struct rune_supervisor *supervisor)
{
    return atomic_load(&supervisor->pool.cancelling);
}

void rn_pool_tell_room(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    if (pool->has_pinned) {
        pool->has_pinned = false; // unless one is found again
        pool->must_work = true;
        pthread_cond_signal(&pool->work);
    }
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

/* Under the lock: workers of that Vm there take no further calls. True: some did. */
static bool choose_by_key(struct rn_domain *domain, uint64_t key)
{
    bool found = false;
    for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        if (peer->place == RN_PLACE_SERVING && peer->isolation == RUNE_ISOLATION_VM &&
            peer->key == key && !peer->retiring) {
            peer->retiring = true;
            found = true;
        }
    }
    return found;
}

/* A domain with such workers, counted: a broken one, which the Vm has left, may have no other user. */
static struct rn_domain *hold_domain_of_key(struct rn_pool *pool, uint64_t key)
{
    pthread_mutex_lock(&pool->lock);
    struct rn_domain *domain = pool->domains;
    while (domain && !choose_by_key(domain, key)) {
        domain = domain->next;
    }
    if (domain) {
        domain->users++;
    }
    pthread_mutex_unlock(&pool->lock);
    return domain;
}

void rn_pool_retire_key(struct rune_supervisor *supervisor, uint64_t key)
{
    struct rn_domain *domain;
    while ((domain = hold_domain_of_key(&supervisor->pool, key)) != NULL) {
        rn_pool_retire_chosen(domain);
        rn_pool_domain_release(domain);
    }
}

/* Maintenance: makes spares, collects ends. Its own thread. */

/* The calls that ended with a peer let go of it within a moment; whoever is last frees it. */
static void free_gone(struct rn_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct rn_peer *gone = pool->gone;
    pool->gone = NULL;
    while (gone) {
        struct rn_peer *peer = gone;
        gone = peer->next;
        if (atomic_load(&peer->refs) > 1 && !peer->gone_before) {
            peer->gone_before = true;
            peer->next = pool->gone;
            pool->gone = peer;
        } else {
            pthread_mutex_unlock(&pool->lock);
            rn_peer_unref(peer);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

static void collect_all(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_domain *idle;
    free_gone(pool);
    // This thread alone takes domains out of the list; others add in front.
    pthread_mutex_lock(&pool->lock);
    struct rn_domain *domain = pool->domains;
    pthread_mutex_unlock(&pool->lock);
    for (; domain; domain = domain->next) {
        rn_pool_retire_chosen(domain);
        rn_domain_collect(domain);
    }
    while ((idle = rn_domain_take_idle(pool)) != NULL) {
        rn_domain_end(idle);
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->changed);
        pthread_mutex_unlock(&pool->lock);
    }
}

/* Until there is work, until `next_ns`, or until whoever has a dead peer had time to let go of it. */
static void wait_for_work(struct rn_pool *pool, uint64_t next_ns)
{
    uint64_t gone_ns = pool->gone ? rn_after_ns(rn_now_ns(), GONE_WAIT_NS) : RN_NEVER_NS;
    rn_cond_wait_until(&pool->work, &pool->lock, gone_ns < next_ns ? gone_ns : next_ns);
    pool->must_work = pool->must_work || pool->gone;
}

/* What wakes this thread is mostly a call that goes on: it is not to take its processor at once. */
static void yield_to_calls(void)
{
    struct sched_param none = {0};
    if (sched_getscheduler(0) == SCHED_OTHER) {
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
    }
}

/* Ends go before spares, of which there is one at a time: neither keeps the other waiting for long. */
static void *maintain(void *argument)
{
    struct rune_supervisor *supervisor = argument;
    struct rn_pool *pool = &supervisor->pool;
    yield_to_calls();
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        uint64_t next_ns = RN_NEVER_NS;
        if (pool->must_work) {
            pool->must_work = false;
            pthread_mutex_unlock(&pool->lock);
            collect_all(supervisor);
            rn_compilers_refill(supervisor);
            pthread_mutex_lock(&pool->lock);
        }
        struct rn_domain *domain = rn_spares_missing(supervisor, &next_ns);
        if (domain) {
            rn_spares_make(supervisor, domain);
        } else if (!pool->must_work && !pool->ending) {
            wait_for_work(pool, next_ns);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum rn_error rn_pool_start(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&pool->thread, NULL, maintain, supervisor);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed != 0) {
        errno = failed;
        return RN_E_SYSTEM;
    }
    pool->has_thread = true;
    return RN_OK;
}

static void end_thread(struct rn_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    if (pool->has_thread) {
        pthread_join(pool->thread, NULL);
    }
}

void rn_pool_end_sweeps(struct rune_supervisor *supervisor)
{
    uint64_t serial = 0;
    struct rn_peer *peer;
    while ((peer = rn_pool_next(supervisor, serial)) != NULL) {
        serial = peer->serial;
        rn_peer_end_sweeps(peer);
        rn_peer_unref(peer);
    }
}

void rn_pool_done(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    end_thread(pool);
    rn_compilers_done(supervisor);
    while (pool->gone) {
        free_gone(pool);
    }
    while (pool->domains) {
        struct rn_domain *domain = pool->domains;
        pool->domains = domain->next;
        rn_domain_end(domain);
    }
    pthread_cond_destroy(&pool->changed);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
