/* serve_jobs.c: threads for what may wait. */
#include <errno.h>
#include <signal.h>

#include "supervisor/serve.h"

#define SHORT_THREADS 4u
#define BUILD_THREADS 4u

/* Threads of a lane that one user may have at a time: never all of them. */
static const uint32_t user_max[RN_SERVE_LANES] = {
    [RN_SERVE_SHORT] = SHORT_THREADS / 2,
    [RN_SERVE_BUILDS] = BUILD_THREADS / 2,
};

/* Fewer jobs that run, then longer not served: one user's many jobs wait for one another. */
static bool goes_before(const struct rn_serve_account *a, const struct rn_serve_account *b,
                        enum rn_serve_lane lane)
{
    return a->running[lane] < b->running[lane] ||
           (a->running[lane] == b->running[lane] && a->served[lane] < b->served[lane]);
}

/* Under the lock: takes the job whose turn it is, or NULL. */
static struct rn_serve_job *choose(struct rune_server *server, enum rn_serve_lane lane)
{
    struct rn_serve_queue *queue = &server->queues[lane];
    struct rn_serve_job **best = NULL;
    for (struct rn_serve_job **at = &queue->first; *at; at = &(*at)->next) {
        const struct rn_serve_account *account = (*at)->connection->account;
        if (account->running[lane] < user_max[lane] &&
            (!best || goes_before(account, (*best)->connection->account, lane))) {
            best = at;
        }
    }
    if (!best) {
        return NULL;
    }
    struct rn_serve_job *job = *best;
    *best = job->next;
    if (queue->last == &job->next) {
        queue->last = best;
    }
    job->connection->account->running[lane]++;
    job->connection->account->served[lane] = ++queue->served;
    return job;
}

/* The next job, or NULL at the end. */
static struct rn_serve_job *next_job(struct rune_server *server, enum rn_serve_lane lane)
{
    struct rn_serve_queue *queue = &server->queues[lane];
    struct rn_serve_job *job;
    pthread_mutex_lock(&server->lock);
    while (!(job = choose(server, lane)) && (queue->first || !server->ending)) {
        pthread_cond_wait(&queue->work, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    return job;
}

static void work(struct rune_server *server, enum rn_serve_lane lane)
{
    struct rn_serve_job *job;
    while ((job = next_job(server, lane)) != NULL) {
        job->run(job);
        pthread_mutex_lock(&server->lock);
        job->connection->account->running[lane]--;
        pthread_cond_broadcast(&server->queues[lane].work);
        pthread_mutex_unlock(&server->lock);
        rn_serve_post(server, &job->note);
    }
}

static void *work_short(void *argument)
{
    struct rune_server *server = argument;
    work(server, RN_SERVE_SHORT);
    return NULL;
}

static void *work_builds(void *argument)
{
    struct rune_server *server = argument;
    work(server, RN_SERVE_BUILDS);
    return NULL;
}

static enum rn_error start_lane(struct rune_server *server, enum rn_serve_lane lane, unsigned count,
                                void *(*entry)(void *))
{
    struct rn_serve_queue *queue = &server->queues[lane];
    for (unsigned i = 0; i < count; i++) {
        int failed = pthread_create(&queue->threads[i], NULL, entry, server);
        if (failed != 0) {
            errno = failed;
            return RN_E_SYSTEM;
        }
        queue->thread_count++;
    }
    return RN_OK;
}

enum rn_error rn_serve_jobs_start(struct rune_server *server)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    enum rn_error error = start_lane(server, RN_SERVE_SHORT, SHORT_THREADS, work_short);
    if (error == RN_OK) {
        error = start_lane(server, RN_SERVE_BUILDS, BUILD_THREADS, work_builds);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

void rn_serve_jobs_stop(struct rune_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->ending = true;
    for (int lane = 0; lane < RN_SERVE_LANES; lane++) {
        pthread_cond_broadcast(&server->queues[lane].work);
    }
    pthread_mutex_unlock(&server->lock);
    for (int lane = 0; lane < RN_SERVE_LANES; lane++) {
        for (unsigned i = 0; i < server->queues[lane].thread_count; i++) {
            pthread_join(server->queues[lane].threads[i], NULL);
        }
        server->queues[lane].thread_count = 0;
    }
}

void rn_serve_submit(struct rn_serve_job *job, enum rn_serve_lane lane)
{
    struct rune_server *server = job->connection->server;
    struct rn_serve_queue *queue = &server->queues[lane];
    job->connection->jobs++;
    job->next = NULL;
    pthread_mutex_lock(&server->lock);
    *queue->last = job;
    queue->last = &job->next;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&server->lock);
}
