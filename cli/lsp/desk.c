/* desk.c: a thread, a lock, a state. */
#include "cli/lsp/desk.h"

#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000u

static void *run(void *user)
{
    struct rn_lsp_desk *desk = user;
    uint64_t one = 1;
    pthread_mutex_lock(&desk->lock);
    while (!desk->ending) {
        if (desk->state != RN_LSP_DESK_ASKED) {
            pthread_cond_wait(&desk->wake, &desk->lock);
            continue;
        }
        pthread_mutex_unlock(&desk->lock);
        desk->work(desk->user);
        pthread_mutex_lock(&desk->lock);
        desk->state = RN_LSP_DESK_DONE;
        pthread_cond_broadcast(&desk->wake);
        ssize_t wrote = write(desk->done_fd, &one, sizeof one); // full: it was said already
        (void)wrote;
    }
    desk->state = RN_LSP_DESK_REST;
    pthread_cond_broadcast(&desk->wake);
    pthread_mutex_unlock(&desk->lock);
    return NULL;
}

bool rn_lsp_desk_init(struct rn_lsp_desk *desk, void (*work)(void *user), void *user, int done_fd)
{
    pthread_condattr_t clock;
    *desk = (struct rn_lsp_desk){.work = work, .user = user, .done_fd = done_fd};
    pthread_mutex_init(&desk->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&desk->wake, &clock);
    pthread_condattr_destroy(&clock);
    desk->started = pthread_create(&desk->thread, NULL, run, desk) == 0;
    if (!desk->started) {
        pthread_cond_destroy(&desk->wake);
        pthread_mutex_destroy(&desk->lock);
    }
    return desk->started;
}

bool rn_lsp_desk_rests(struct rn_lsp_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    bool rests = desk->state == RN_LSP_DESK_REST;
    pthread_mutex_unlock(&desk->lock);
    return rests;
}

void rn_lsp_desk_give(struct rn_lsp_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->state = RN_LSP_DESK_ASKED;
    pthread_cond_broadcast(&desk->wake);
    pthread_mutex_unlock(&desk->lock);
}

bool rn_lsp_desk_take(struct rn_lsp_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    bool done = desk->state == RN_LSP_DESK_DONE;
    desk->state = done ? RN_LSP_DESK_REST : desk->state;
    pthread_mutex_unlock(&desk->lock);
    return done;
}

bool rn_lsp_desk_done(struct rn_lsp_desk *desk, uint64_t wait_ns)
{
    struct timespec until;
    if (!desk->started) {
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t sum = (uint64_t)until.tv_nsec + wait_ns;
    until.tv_sec += (time_t)(sum / SECOND_NS);
    until.tv_nsec = (long)(sum % SECOND_NS);
    pthread_mutex_lock(&desk->lock);
    desk->ending = true;
    pthread_cond_broadcast(&desk->wake);
    int late = 0;
    while (desk->state == RN_LSP_DESK_ASKED && late == 0) {
        late = pthread_cond_timedwait(&desk->wake, &desk->lock, &until);
    }
    pthread_mutex_unlock(&desk->lock);
    if (late != 0) {
        return false;
    }
    pthread_join(desk->thread, NULL);
    pthread_cond_destroy(&desk->wake);
    pthread_mutex_destroy(&desk->lock);
    desk->started = false;
    return true;
}
