/* pool_domain.c: trust domains: made, found, counted, ended; and what their zygotes tell of ends. */
#include "supervisor/pool.h"

#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "supervisor/error.h"
#include "supervisor/supervisor.h"

/* Whoever waits for a notice looks again after this long: another thread may have taken it. */
#define LOOK_NS UINT64_C(1000000)
/* A domain that is about to end is waited for this long. */
#define ROOM_WAIT_NS UINT64_C(1000000000)

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

struct rn_domain *rn_domain_take_idle(struct rn_pool *pool)
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

void rn_domain_end(struct rn_domain *domain)
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

/* Without the pool's lock: a spawn has that of the zygote until it is answered, which may take long.
 * `wait_ns`: how long that is waited for; RN_NEVER_NS: to its end. */
static void collect(struct rn_domain *domain, uint64_t wait_ns)
{
    struct rn_pool *pool = &domain->supervisor->pool;
    struct rn_child_exit exit;
    enum rn_error error;
    do {
        error = rn_zygote_next_exit(domain->zygote, wait_ns, &exit);
        if (error == RN_OK) {
            note_end(domain, &exit);
        }
    } while (error == RN_OK);
    if (error == RN_E_CLOSED) {
        pthread_mutex_lock(&pool->lock);
        domain->broken = true;
        pthread_mutex_unlock(&pool->lock);
    }
}

void rn_domain_collect(struct rn_domain *domain)
{
    collect(domain, RN_NEVER_NS);
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

static uint64_t left_of(uint64_t until_ns)
{
    uint64_t now_ns = rn_now_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    return left_ns < LOOK_NS ? left_ns : LOOK_NS;
}

bool rn_domain_wait_exit(struct rn_domain *domain, struct rn_peer *peer, uint64_t until_ns)
{
    for (;;) {
        // While a spawn is under way the socket is not to be polled: it may be readable, and be left so.
        collect(domain, left_of(until_ns));
        if (atomic_load_explicit(&peer->has_exit, memory_order_acquire) || domain->broken) {
            return true;
        }
        if (rn_now_ns() >= until_ns) {
            return false;
        }
        struct pollfd polled = {.fd = rn_zygote_fd(domain->zygote), .events = POLLIN};
        (void)poll(&polled, 1, (int)(LOOK_NS / 1000000));
    }
}
