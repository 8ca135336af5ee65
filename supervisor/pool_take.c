/* pool_take.c: which worker a call gets, and when one is started for it. */
#include "supervisor/error.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

/* At most this long a domain has no spare because its first workers are being started. */
#define START_REST_NS UINT64_C(100000000)

/* Choosing: under the pool's lock. */

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
    choice->all += peer->place != RN_PLACE_STARTING && !rn_pool_may_go(peer);
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
    rn_pool_retire_chosen(request->domain);
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
