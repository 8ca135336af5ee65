/* pool.c: trust domains, their workers, and who gets which. */
#include "supervisor/pool.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "supervisor/build_peer.h"
#include "supervisor/error.h"
#include "supervisor/peer_attach.h"
#include "supervisor/supervisor.h"

/* Calls after which a worker without Globals is replaced. */
#define SERVED_MAX 1000000u
/* A domain that is about to end is waited for this long. */
#define ROOM_WAIT_NS UINT64_C(1000000000)
/* At most this long a domain has no spare because its first workers are being started. */
#define START_REST_NS UINT64_C(100000000)
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

/* Domains */

/* Under the lock: nobody needs it any more, and it is not the one that is always there. */
bool rn_domain_is_idle(const struct rn_domain *domain)
{
    return domain->users == 0 && (domain->broken || (domain->name[0] != 0 && !domain->for_builds));
}

static struct rn_domain *find_domain(struct rn_pool *pool, const char *name, bool for_builds)
{
    for (struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        if (domain->for_builds == for_builds && !domain->broken &&
            strcmp(domain->name, name) == 0) {
            return domain;
        }
    }
    return NULL;
}

static size_t count_domains(const struct rn_pool *pool)
{
    size_t count = 0;
    for (const struct rn_domain *domain = pool->domains; domain; domain = domain->next) {
        count += !domain->broken;
    }
    return count;
}

static bool has_idle(const struct rn_pool *pool)
{
    const struct rn_domain *domain = pool->domains;
    while (domain && !rn_domain_is_idle(domain)) {
        domain = domain->next;
    }
    return domain != NULL;
}

/* Under the lock: finds the domain, or room for one more (*out_full: there is none). Those that are idle
 * are about to end. */
static struct rn_domain *find_or_await_room(struct rn_pool *pool, const char *name, bool for_builds,
                                            bool *out_full)
{
    uint64_t until_ns = rn_after_ns(rn_now_ns(), ROOM_WAIT_NS);
    struct rn_domain *domain;
    while (!(domain = find_domain(pool, name, for_builds)) &&
           (*out_full = count_domains(pool) >= RN_DOMAINS_MAX) && has_idle(pool) &&
           !pool->closing && rn_now_ns() < until_ns) {
        pool->must_work = true;
        pthread_cond_signal(&pool->work);
        rn_cond_wait_until(&pool->changed, &pool->lock, until_ns);
    }
    return domain;
}

static rune_status make_domain(struct rune_supervisor *supervisor, const char *name,
                               bool for_builds, struct rn_domain **out_domain, rune_error **error)
{
    struct rn_domain *domain = rn_alloc(sizeof(*domain));
    if (!domain) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    domain->supervisor = supervisor;
    domain->for_builds = for_builds;
    memcpy(domain->name, name, strlen(name));
    struct rn_spawn_failure failure = {.step = "zygote"};
    enum rn_error failed = rn_zygote_new(supervisor->spawner, &domain->zygote, &failure);
    if (failed != RN_OK) {
        rn_free(domain);
        return rn_fail_spawn(error, failed, &failure);
    }
    *out_domain = domain;
    return RUNE_OK;
}

static void free_domain(struct rn_domain *domain)
{
    rn_spares_done(&domain->spares);
    rn_zygote_free(domain->zygote);
    rn_free(domain);
}

rune_status rn_pool_domain(struct rune_supervisor *supervisor, const char *name, bool for_builds,
                           struct rn_domain **out_domain, rune_error **error)
{
    struct rn_pool *pool = &supervisor->pool;
    bool full = false;
    pthread_mutex_lock(&pool->lock);
    struct rn_domain *domain = find_or_await_room(pool, name, for_builds, &full);
    if (domain) {
        domain->users++;
        full = false;
    }
    pthread_mutex_unlock(&pool->lock);
    if (full) {
        return rn_fail(error, RUNE_E_OVERLOADED, "there are %u trust domains already",
                       RN_DOMAINS_MAX);
    }
    if (domain) {
        *out_domain = domain;
        return RUNE_OK;
    }
    struct rn_domain *made = NULL;
    rune_status status = make_domain(supervisor, name, for_builds, &made, error);
    if (status != RUNE_OK) {
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    domain = find_domain(pool, name, for_builds);
    if (!domain) {
        domain = made;
        made = NULL;
        domain->next = pool->domains;
        pool->domains = domain;
    }
    domain->users++;
    pthread_mutex_unlock(&pool->lock);
    if (made) {
        free_domain(made);
    }
    *out_domain = domain;
    return RUNE_OK;
}

void rn_pool_domain_hold(struct rn_domain *domain)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    domain->users++;
    pthread_mutex_unlock(&pool->lock);
}

void rn_pool_domain_release(struct rn_domain *domain)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    domain->users--;
    if (rn_domain_is_idle(domain)) {
        pool->must_work = true;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool rn_pool_domain_is_broken(struct rn_domain *domain)
{
    return atomic_load(&domain->broken);
}

/* Takes an idle domain out of the list, or NULL. */
static struct rn_domain *take_idle(struct rn_pool *pool)
{
    struct rn_domain *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct rn_domain **at = &pool->domains; *at; at = &(*at)->next) {
        if (rn_domain_is_idle(*at)) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static void end_domain(struct rn_domain *domain)
{
    while (domain->peers) {
        rn_peer_retire(domain->peers);
    }
    free_domain(domain);
}

/* Ends of processes */

static struct rn_peer *find_child(struct rn_domain *domain, uint64_t id)
{
    for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        if (peer->child.id == id) {
            return peer;
        }
    }
    return NULL;
}

static void note_end(struct rn_domain *domain, const struct rn_child_exit *exit)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    struct rn_peer *peer = find_child(domain, exit->id);
    if (peer && !atomic_load(&peer->has_exit)) {
        peer->exit = *exit;
        atomic_store_explicit(&peer->has_exit, true, memory_order_release);
    } else {
        domain->ends[domain->end_count++ % RN_DOMAIN_ENDS_MAX] = *exit;
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Without the pool's lock: a spawn has that of the zygote until it is answered, which may take long. */
static void collect(struct rn_domain *domain,
                    enum rn_error (*next)(struct rn_zygote *zygote, struct rn_child_exit *out_exit))
{
    struct rn_pool *pool = &domain->supervisor->pool;
    struct rn_child_exit exit;
    enum rn_error error;
    while ((error = next(domain->zygote, &exit)) == RN_OK) {
        note_end(domain, &exit);
    }
    if (error == RN_E_CLOSED) {
        pthread_mutex_lock(&pool->lock);
        domain->broken = true;
        pthread_mutex_unlock(&pool->lock);
    }
}

void rn_domain_collect(struct rn_domain *domain)
{
    collect(domain, rn_zygote_next_exit);
}

bool rn_domain_find_end(struct rn_domain *domain, uint64_t id, struct rn_child_exit *out_exit)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    bool found = false;
    rn_domain_collect(domain);
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < RN_DOMAIN_ENDS_MAX && i < domain->end_count; i++) {
        if (domain->ends[i].id == id) {
            *out_exit = domain->ends[i];
            found = true;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

bool rn_domain_wait_exit(struct rn_domain *domain, struct rn_peer *peer, uint64_t until_ns)
{
    for (;;) {
        collect(domain, rn_zygote_try_next_exit);
        if (atomic_load_explicit(&peer->has_exit, memory_order_acquire) || domain->broken) {
            return true;
        }
        if (rn_now_ns() >= until_ns) {
            return false;
        }
        // Short, since another thread may take the notice off the descriptor meanwhile.
        struct pollfd polled = {.fd = rn_zygote_fd(domain->zygote), .events = POLLIN};
        (void)poll(&polled, 1, 1);
    }
}

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

/* Taking: under the pool's lock. */

struct choice {
    struct rn_peer *best; /* least loaded of those that fit */
    struct rn_peer *spare;
    struct rn_peer *idle; /* may be ended to make room */
    uint32_t serving;     /* that fit */
    uint32_t load;        /* of all those */
    uint32_t starting;    /* that will fit */
    uint32_t all;         /* processes there will be */
};

/* What is to be done for a call. */
enum plan {
    PLAN_TAKE,  /* it goes to the best of those that serve */
    PLAN_SPARE, /* it gets a spare */
    PLAN_START, /* it starts one */
    PLAN_AWAIT, /* it waits for one that others start */
    PLAN_FULL,
    PLAN_CLOSED,
};

/* It takes no further calls and has none; nor Vms that come back to it for what it keeps, if it lives. */
static bool may_go(const struct rn_peer *peer)
{
    return peer->retiring && peer->load == 0 && (peer->pinned == 0 || peer->lost);
}

static bool fits(const struct rn_peer *peer, const struct rn_pool_request *request)
{
    return peer->place == RN_PLACE_SERVING && !peer->retiring &&
           peer->isolation == request->isolation &&
           (request->isolation == RUNE_ISOLATION_SHARED || peer->key == request->key);
}

/* Fewer calls at the moment; then fewer Vms that will come back to it whatever its load. */
static bool is_better(const struct rn_peer *peer, const struct rn_peer *best)
{
    return !best || peer->load < best->load ||
           (peer->load == best->load && peer->pinned < best->pinned);
}

static void look_at(const struct rn_pool_request *request, struct rn_peer *peer,
                    struct choice *choice)
{
    bool fitting = fits(peer, request);
    // Those that start are counted by whoever starts them, and those that may go end before that.
    choice->all += peer->place != RN_PLACE_STARTING && !may_go(peer);
    if (peer->place == RN_PLACE_SPARE && !choice->spare) {
        choice->spare = peer;
    }
    if (peer->place == RN_PLACE_SERVING && !peer->retiring && peer->load == 0 &&
        peer->pinned == 0 && !fitting) {
        choice->idle = peer;
    }
    if (request->isolation != RUNE_ISOLATION_CALL && fitting) {
        bool room = !request->keeps || peer->pinned < RN_PEER_VMS_MAX - 1;
        choice->serving++;
        choice->load += peer->load;
        if (room && is_better(peer, choice->best)) {
            choice->best = peer;
        }
    }
}

static bool will_fit(const struct rn_start *start, const struct rn_pool_request *request)
{
    return request->isolation != RUNE_ISOLATION_CALL && start->isolation == request->isolation &&
           (request->isolation == RUNE_ISOLATION_SHARED || start->key == request->key);
}

static struct choice look(const struct rn_pool_request *request)
{
    struct choice choice = {.all = request->domain->spares.coming};
    for (struct rn_peer *peer = request->domain->peers; peer; peer = peer->next) {
        look_at(request, peer, &choice);
    }
    for (const struct rn_start *start = request->domain->starts; start; start = start->next) {
        choice.all++;
        choice.starting += will_fit(start, request);
    }
    return choice;
}

static void assign(struct rn_peer *peer, const struct rn_pool_request *request)
{
    peer->place = RN_PLACE_SERVING;
    peer->isolation = request->isolation;
    peer->key = request->key;
}

/* Workers that Vms of this isolation may share between them. */
static uint32_t serving_max(const struct rune_supervisor *supervisor,
                            const struct rn_pool_request *request)
{
    return request->isolation == RUNE_ISOLATION_VM ? 1 : supervisor->options.workers;
}

/* Among workers that serve and those that start it has not its share yet: of many calls at once not all
 * crowd into the one that is ready first. */
static bool has_share(const struct rn_pool_request *request, const struct choice *choice)
{
    uint32_t calls = choice->load + choice->starting + request->domain->awaiting + 1;
    uint32_t workers = choice->serving + choice->starting;
    return choice->best->load < (calls + workers - 1) / workers;
}

static enum plan make_plan(const struct rune_supervisor *supervisor,
                           const struct rn_pool_request *request, const struct choice *choice)
{
    if (choice->best && choice->best->load == 0) {
        return PLAN_TAKE;
    }
    bool may_grow = request->isolation == RUNE_ISOLATION_CALL ||
                    choice->serving + choice->starting < serving_max(supervisor, request);
    if (may_grow && choice->spare) {
        return PLAN_SPARE;
    }
    if (may_grow && (choice->all < RN_DOMAIN_PEERS_MAX || (!choice->best && choice->idle))) {
        return PLAN_START;
    }
    bool room = choice->best &&
                (request->bypass || choice->best->load < supervisor->options.calls_per_worker);
    if (choice->starting > 0 && !(room && has_share(request, choice))) {
        return PLAN_AWAIT;
    }
    return room ? PLAN_TAKE : PLAN_FULL;
}

static struct rn_peer *take_spare(struct rn_pool *pool, const struct rn_pool_request *request,
                                  struct rn_peer *spare)
{
    assign(spare, request);
    rn_spares_rest(&request->domain->spares, RN_SPARES_REST_NS);
    atomic_store_explicit(&pool->untold, true, memory_order_relaxed);
    return spare;
}

/* *out_peer: to be used, if there is one already. */
static enum plan choose(struct rune_supervisor *supervisor, const struct rn_pool_request *request,
                        struct rn_peer **out_peer)
{
    struct choice choice = look(request);
    enum plan plan = make_plan(supervisor, request, &choice);
    if (plan == PLAN_TAKE) {
        *out_peer = choice.best;
    } else if (plan == PLAN_SPARE) {
        *out_peer = take_spare(&supervisor->pool, request, choice.spare);
    } else if (plan == PLAN_START && choice.all >= RN_DOMAIN_PEERS_MAX) {
        choice.idle->retiring = true;
    }
    return plan;
}

/* Under the lock: one that may go, counted, or NULL. Who leaves one that is kept for its Vms tells of it. */
static struct rn_peer *find_chosen(struct rn_pool *pool, struct rn_domain *domain)
{
    for (struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        if (may_go(peer)) {
            return rn_peer_ref(peer);
        }
        pool->has_pinned = pool->has_pinned || (peer->retiring && peer->pinned > 0);
    }
    return NULL;
}

/* Without the lock: ends those that were chosen to make room. */
static void retire_chosen(struct rn_domain *domain)
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

/* With a process for each call there are more calls than spares: the next one is made beside this. The
 * first worker of many calls has the processors for itself. */
static void rest_while_starting(struct rn_pool *pool, const struct rn_pool_request *request)
{
    if (request->isolation != RUNE_ISOLATION_CALL) {
        rn_spares_rest(&request->domain->spares, START_REST_NS);
    } else if (rn_spares_rested(&request->domain->spares)) {
        pthread_cond_signal(&pool->work);
    }
}

/* The thread is to hear of it when the call is on its way, or of none. */
static void rest_after_start(struct rn_pool *pool, const struct rn_pool_request *request,
                             bool started)
{
    if (request->isolation != RUNE_ISOLATION_CALL) {
        rn_spares_rest(&request->domain->spares, RN_SPARES_REST_NS);
    }
    atomic_store_explicit(&pool->untold, started, memory_order_relaxed);
    if (!started) {
        pthread_cond_signal(&pool->work);
    }
}

/* Under the lock. Who waits for it decides anew. */
static void end_start(struct rn_pool *pool, struct rn_domain *domain, struct rn_start *start)
{
    struct rn_start **at = &domain->starts;
    while (*at != start) {
        at = &(*at)->next;
    }
    *at = start->next;
    pthread_cond_broadcast(&pool->changed);
}

static rune_status start_for(struct rune_supervisor *supervisor,
                             const struct rn_pool_request *request, struct rn_start *start,
                             struct rn_peer **out_peer, rune_error **error)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_peer *peer;
    retire_chosen(request->domain);
    rune_status status = rn_peer_start(request->domain, &peer, error);
    if (status != RUNE_OK) {
        rn_domain_collect(request->domain);
    }
    pthread_mutex_lock(&pool->lock);
    rest_after_start(pool, request, status == RUNE_OK);
    if (status == RUNE_OK) {
        pool->stats.workers_started++;
        assign(peer, request);
        peer->load++;
        peer->served++;
        *out_peer = peer;
    } else {
        pool->calls_now--;
    }
    end_start(pool, request->domain, start);
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static void count_call(struct rn_pool *pool, struct rn_domain *domain)
{
    pool->calls_now++;
    pool->stats.calls++;
    if (!domain->spares.wanted) {
        domain->spares.wanted = true;
        pool->must_work = true;
        pthread_cond_signal(&pool->work);
    }
}

static rune_status refuse_closed(rune_error **error)
{
    return rn_fail(error, RUNE_E_CLOSED, "the supervisor was closed");
}

static bool is_cancelled(const struct rn_pool_request *request)
{
    return request->token && rune_cancel_token_is_cancelled(request->token);
}

static rune_status refuse(enum plan plan, const struct rn_pool_request *request, rune_error **error)
{
    if (plan == PLAN_CLOSED) {
        return refuse_closed(error);
    }
    if (is_cancelled(request)) {
        return rn_fail(error, RUNE_E_CANCELLED, "the call was cancelled before it began");
    }
    if (plan == PLAN_AWAIT) {
        return rn_fail(error, RUNE_E_TIMED_OUT, "no worker was ready by the call's deadline");
    }
    return rn_fail(error, RUNE_E_OVERLOADED, "every worker has as many calls%s as it may",
                   request->keeps ? ", or Vms with Globals," : "");
}

/* Under the lock, which is given up meanwhile: true if something has changed since. */
static bool wait_for_change(struct rn_pool *pool, const struct rn_pool_request *request,
                            enum plan plan)
{
    struct rn_domain *domain = request->domain;
    bool near = plan == PLAN_START && rn_spares_is_near(&domain->spares);
    bool waits = near || plan == PLAN_AWAIT || (plan == PLAN_FULL && request->wait);
    bool given_up = rn_now_ns() >= request->until_ns || is_cancelled(request);
    if (!waits || (!near && given_up)) {
        return false;
    }
    uint32_t *awaiting = near ? &domain->spares.awaited : &domain->awaiting;
    (*awaiting)++;
    rn_cond_wait_until(&pool->changed, &pool->lock, near ? RN_NEVER_NS : request->until_ns);
    (*awaiting)--;
    return true;
}

/* Under the lock, which is given up while it waits: *out_peer to use, or what else is to be done. */
static enum plan choose_or_wait(struct rune_supervisor *supervisor,
                                const struct rn_pool_request *request, struct rn_peer **out_peer)
{
    struct rn_pool *pool = &supervisor->pool;
    enum plan plan;
    do {
        bool closing = pool->closing && !request->bypass;
        plan = closing ? PLAN_CLOSED : choose(supervisor, request, out_peer);
    } while (!*out_peer && wait_for_change(pool, request, plan));
    return plan;
}

/* Under the lock: the call has a worker, or starts one. True: one that has served no call. */
static bool reserve(struct rn_pool *pool, const struct rn_pool_request *request,
                    struct rn_peer *peer, struct rn_start *start)
{
    count_call(pool, request->domain);
    if (peer) {
        bool fresh = peer->served == 0;
        peer->load++;
        peer->served++;
        rn_peer_ref(peer);
        return fresh;
    }
    start->next = request->domain->starts;
    request->domain->starts = start;
    rest_while_starting(pool, request);
    return true;
}

rune_status rn_pool_take(struct rune_supervisor *supervisor, const struct rn_pool_request *request,
                         struct rn_peer **out_peer, rune_error **error)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_start start = {.isolation = request->isolation, .key = request->key};
    struct rn_peer *peer = NULL;
    pthread_mutex_lock(&pool->lock);
    enum plan plan = choose_or_wait(supervisor, request, &peer);
    bool goes_on = peer || plan == PLAN_START;
    bool fresh = goes_on && reserve(pool, request, peer, &start);
    pthread_mutex_unlock(&pool->lock);
    if (fresh) {
        rn_spares_note(request);
    }
    if (!goes_on) {
        return refuse(plan, request, error);
    }
    if (!peer) {
        return start_for(supervisor, request, &start, out_peer, error);
    }
    *out_peer = peer;
    return RUNE_OK;
}

void rn_pool_tell(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    if (atomic_load_explicit(&pool->untold, memory_order_relaxed)) {
        atomic_store_explicit(&pool->untold, false, memory_order_relaxed);
        pthread_cond_signal(&pool->work);
    }
}

bool rn_pool_is_warm(struct rune_supervisor *supervisor, const struct rn_pool_request *request)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    struct choice choice = look(request);
    enum plan plan = make_plan(supervisor, request, &choice);
    pthread_mutex_unlock(&pool->lock);
    return plan != PLAN_START && plan != PLAN_AWAIT;
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
        found->death.ordered = true;
        pthread_mutex_unlock(&found->lock);
        rn_peer_kill(found, 0);
        rn_peer_unref(found);
    }
    return found != NULL;
}

rune_status rn_pool_take_pinned(struct rune_supervisor *supervisor, struct rn_peer *peer,
                                bool bypass, rune_error **error)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing && !bypass;
    bool there = !closing && peer->place == RN_PLACE_SERVING && !peer->lost;
    if (there) {
        peer->load++;
        peer->served++;
        count_call(pool, peer->domain);
    }
    pthread_mutex_unlock(&pool->lock);
    if (closing) {
        return refuse_closed(error);
    }
    return there
               ? RUNE_OK
               : rn_fail(error, RUNE_E_VM_LOST, "the worker that held this Vm's Globals has gone");
}

bool rn_pool_is_closing(struct rune_supervisor *supervisor)
{
    struct rn_pool *pool = &supervisor->pool;
    pthread_mutex_lock(&pool->lock);
    bool closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    return closing;
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
    bool retire = (peer->retiring && forget) || may_go(peer);
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
        retire_chosen(domain);
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
        retire_chosen(domain);
        rn_domain_collect(domain);
    }
    while ((idle = take_idle(pool)) != NULL) {
        end_domain(idle);
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
        end_domain(domain);
    }
    pthread_cond_destroy(&pool->changed);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
