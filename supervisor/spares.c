/* spares.c: making spare workers, one at a time, in the maintenance thread. */
#include "supervisor/spares.h"

#include "base/alloc.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

#define BACK_OFF_FIRST_NS UINT64_C(10000000)
#define BACK_OFF_LAST_NS UINT64_C(5000000000)

/* What a spare is to have mapped. Either may be NULL. */
struct mapped {
    struct rune_unit *unit;
    struct rune_runtime *runtime;
};

void rn_spares_rest(struct rn_spares *spares, uint64_t ns)
{
    spares->rest_ns = rn_after_ns(rn_now_ns(), ns);
}

bool rn_spares_rested(struct rn_spares *spares)
{
    bool rested = spares->rest_ns != 0;
    spares->rest_ns = 0;
    return rested;
}

bool rn_spares_is_near(const struct rn_spares *spares)
{
    return spares->coming > spares->awaited && spares->took_ns != 0 &&
           rn_now_ns() - spares->begun_ns >= spares->took_ns / 2;
}

static uint32_t count_spares(const struct rn_domain *domain)
{
    uint32_t spares = domain->spares.coming;
    for (const struct rn_peer *peer = domain->peers; peer; peer = peer->next) {
        spares += peer->place == RN_PLACE_SPARE;
    }
    return spares;
}

static bool is_wanted(const struct rune_supervisor *supervisor, const struct rn_domain *domain)
{
    return domain->spares.wanted && !domain->broken && !rn_domain_is_idle(domain) &&
           !domain->for_builds && count_spares(domain) < supervisor->options.spares;
}

struct rn_domain *rn_spares_missing(struct rune_supervisor *supervisor, uint64_t *out_next_ns)
{
    uint64_t now = rn_now_ns();
    struct rn_domain *best = NULL;
    *out_next_ns = RN_NEVER_NS;
    for (struct rn_domain *domain = supervisor->pool.domains; domain; domain = domain->next) {
        const struct rn_spares *spares = &domain->spares;
        uint64_t at_ns = spares->retry_ns > spares->rest_ns ? spares->retry_ns : spares->rest_ns;
        if (!is_wanted(supervisor, domain)) {
            continue;
        }
        if (at_ns > now) {
            *out_next_ns = at_ns < *out_next_ns ? at_ns : *out_next_ns;
        } else if (!best || spares->turn < best->spares.turn) {
            best = domain;
        }
    }
    return best;
}

/* What is mapped */

static void release(struct mapped *mapped)
{
    if (mapped->unit) {
        atomic_fetch_sub(&mapped->unit->attachments, 1);
    }
    if (mapped->runtime) {
        atomic_fetch_sub(&mapped->runtime->attachments, 1);
    }
    rune_unit_unref(mapped->unit);
    rune_runtime_unref(mapped->runtime);
}

static struct mapped take(struct rn_spares *spares)
{
    struct mapped mapped = {spares->unit, spares->runtime};
    spares->unit = NULL;
    spares->runtime = NULL;
    return mapped;
}

void rn_spares_note(const struct rn_pool_request *request)
{
    struct rn_spares *spares = &request->domain->spares;
    struct rn_pool *pool = &request->domain->supervisor->pool;
    struct mapped old = {NULL, NULL};
    pthread_mutex_lock(&pool->lock);
    if (spares->unit != request->unit || spares->runtime != request->runtime) {
        old = take(spares);
        spares->unit = rune_unit_ref(request->unit);
        atomic_fetch_add(&request->unit->attachments, 1);
        if (request->runtime) {
            spares->runtime = rune_runtime_ref(request->runtime);
            atomic_fetch_add(&request->runtime->attachments, 1);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    release(&old);
}

void rn_spares_done(struct rn_spares *spares)
{
    struct mapped mapped = take(spares);
    release(&mapped);
}

/* Only workers hold it any more. */
static bool is_left(const struct mapped *mapped)
{
    return mapped->unit &&
           atomic_load(&mapped->unit->refs) == atomic_load(&mapped->unit->attachments);
}

static void map_ahead(struct rn_domain *domain, struct rn_peer *peer)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    struct rn_spares *spares = &domain->spares;
    struct mapped old = {NULL, NULL};
    pthread_mutex_lock(&pool->lock);
    if (is_left(&(struct mapped){spares->unit, spares->runtime})) {
        old = take(spares);
    }
    struct rune_unit *unit = rune_unit_ref(spares->unit);
    struct rune_runtime *runtime = spares->runtime ? rune_runtime_ref(spares->runtime) : NULL;
    pthread_mutex_unlock(&pool->lock);
    release(&old);
    if (unit) {
        rn_peer_map_ahead(peer, unit, runtime);
    }
    rune_unit_unref(unit);
    rune_runtime_unref(runtime);
}

/* Making */

static uint64_t back_off(uint32_t failures)
{
    uint64_t delay = BACK_OFF_FIRST_NS << (failures > 16 ? 16 : failures);
    return delay > BACK_OFF_LAST_NS ? BACK_OFF_LAST_NS : delay;
}

static struct rn_peer *start(struct rune_supervisor *supervisor, struct rn_domain *domain)
{
    struct rn_peer *peer = NULL;
    rune_error *error = NULL;
    rune_status status = rn_peer_start(domain, &peer, &error);
    if (status == RUNE_OK) {
        map_ahead(domain, peer);
        return peer;
    }
    rn_supervisor_log(supervisor, 1, "a spare worker could not be started: %s",
                      error ? rune_error_message(error) : rune_status_message(status));
    rune_error_free(error);
    rn_domain_collect(domain);
    return NULL;
}

void rn_spares_make(struct rune_supervisor *supervisor, struct rn_domain *domain)
{
    struct rn_pool *pool = &supervisor->pool;
    struct rn_spares *spares = &domain->spares;
    spares->coming++;
    spares->begun_ns = rn_now_ns();
    pthread_mutex_unlock(&pool->lock);
    struct rn_peer *peer = start(supervisor, domain);
    pthread_mutex_lock(&pool->lock);
    spares->coming--;
    spares->turn = ++pool->spare_turns;
    if (peer) {
        pool->stats.workers_started++;
        if (peer->place == RN_PLACE_STARTING) {
            peer->place = RN_PLACE_SPARE;
        }
        spares->failures = 0;
        spares->took_ns = rn_now_ns() - spares->begun_ns;
    } else {
        spares->retry_ns = rn_after_ns(rn_now_ns(), back_off(spares->failures++));
    }
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    rn_peer_unref(peer);
    pthread_mutex_lock(&pool->lock);
}
