/* clock.c: a heap of timers and the thread that serves it. */
#include "supervisor/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/alloc.h"

struct rn_clock {
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* the earliest time has changed, or the end has come */
    pthread_cond_t fired; /* `firing` has ended */
    pthread_t thread;
    struct rn_timer **heap; /* from index 1 */
    size_t count;
    size_t capacity;
    uint64_t sleeping_until_ns;
    struct rn_timer *firing;
    bool ending;
};

uint64_t rn_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t rn_after_ns(uint64_t now_ns, uint64_t delta_ns)
{
    return delta_ns > RN_NEVER_NS - now_ns ? RN_NEVER_NS : now_ns + delta_ns;
}

void rn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_ns)
{
    if (until_ns == RN_NEVER_NS) {
        pthread_cond_wait(cond, mutex);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)(until_ns / 1000000000u),
                          .tv_nsec = (long)(until_ns % 1000000000u)};
    pthread_cond_timedwait(cond, mutex, &at);
}

/* The heap */

static void place(struct rn_clock *clock, size_t index, struct rn_timer *timer)
{
    clock->heap[index] = timer;
    timer->index = index;
}

static void sift_up(struct rn_clock *clock, size_t index)
{
    struct rn_timer *timer = clock->heap[index];
    while (index > 1 && clock->heap[index / 2]->at_ns > timer->at_ns) {
        place(clock, index, clock->heap[index / 2]);
        index /= 2;
    }
    place(clock, index, timer);
}

static void sift_down(struct rn_clock *clock, size_t index)
{
    struct rn_timer *timer = clock->heap[index];
    for (;;) {
        size_t child = index * 2;
        if (child > clock->count) {
            break;
        }
        if (child < clock->count && clock->heap[child + 1]->at_ns < clock->heap[child]->at_ns) {
            child++;
        }
        if (clock->heap[child]->at_ns >= timer->at_ns) {
            break;
        }
        place(clock, index, clock->heap[child]);
        index = child;
    }
    place(clock, index, timer);
}

static void heap_remove(struct rn_clock *clock, struct rn_timer *timer)
{
    size_t index = timer->index;
    struct rn_timer *last = clock->heap[clock->count--];
    timer->index = 0;
    if (last != timer) {
        place(clock, index, last);
        sift_up(clock, index);
        sift_down(clock, last->index);
    }
}

static bool heap_reserve(struct rn_clock *clock)
{
    if (clock->count + 2 <= clock->capacity) {
        return true;
    }
    size_t capacity = clock->capacity == 0 ? 64 : clock->capacity * 2;
    void *heap = rn_realloc(clock->heap, capacity * sizeof(*clock->heap));
    if (!heap) {
        return false;
    }
    clock->heap = heap;
    clock->capacity = capacity;
    return true;
}

/* The thread */

static void sleep_until(struct rn_clock *clock, uint64_t at_ns)
{
    clock->sleeping_until_ns = at_ns;
    rn_cond_wait_until(&clock->wake, &clock->lock, at_ns);
    clock->sleeping_until_ns = 0;
}

static void fire_first(struct rn_clock *clock)
{
    struct rn_timer *timer = clock->heap[1];
    heap_remove(clock, timer);
    clock->firing = timer;
    pthread_mutex_unlock(&clock->lock);
    timer->fire(timer);
    pthread_mutex_lock(&clock->lock);
    clock->firing = NULL;
    pthread_cond_broadcast(&clock->fired);
}

static void *serve(void *argument)
{
    struct rn_clock *clock = argument;
    pthread_mutex_lock(&clock->lock);
    while (!clock->ending) {
        uint64_t first_ns = clock->count > 0 ? clock->heap[1]->at_ns : RN_NEVER_NS;
        if (first_ns <= rn_now_ns()) {
            fire_first(clock);
        } else {
            sleep_until(clock, first_ns);
        }
    }
    pthread_mutex_unlock(&clock->lock);
    return NULL;
}

static int start_thread(struct rn_clock *clock)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&clock->thread, NULL, serve, clock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

enum rn_error rn_clock_new(struct rn_clock **out_clock)
{
    struct rn_clock *clock = rn_alloc(sizeof(*clock));
    if (!clock) {
        return RN_E_NO_MEMORY;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&clock->lock, NULL);
    pthread_cond_init(&clock->wake, &monotonic);
    pthread_cond_init(&clock->fired, NULL);
    pthread_condattr_destroy(&monotonic);
    int failed = start_thread(clock);
    if (failed != 0) {
        pthread_mutex_destroy(&clock->lock);
        rn_free(clock);
        errno = failed;
        return RN_E_SYSTEM;
    }
    *out_clock = clock;
    return RN_OK;
}

void rn_clock_free(struct rn_clock *clock)
{
    if (!clock) {
        return;
    }
    pthread_mutex_lock(&clock->lock);
    RN_CHECK(clock->count == 0);
    clock->ending = true;
    pthread_cond_signal(&clock->wake);
    pthread_mutex_unlock(&clock->lock);
    pthread_join(clock->thread, NULL);
    pthread_cond_destroy(&clock->wake);
    pthread_cond_destroy(&clock->fired);
    pthread_mutex_destroy(&clock->lock);
    rn_free(clock->heap);
    rn_free(clock);
}

enum rn_error rn_clock_set(struct rn_clock *clock, struct rn_timer *timer, uint64_t at_ns)
{
    enum rn_error error = RN_OK;
    pthread_mutex_lock(&clock->lock);
    if (timer->index != 0) {
        heap_remove(clock, timer);
    }
    timer->at_ns = at_ns;
    if (at_ns != RN_NEVER_NS) {
        if (heap_reserve(clock)) {
            place(clock, ++clock->count, timer);
            sift_up(clock, clock->count);
        } else {
            error = RN_E_NO_MEMORY;
        }
    }
    if (at_ns < clock->sleeping_until_ns) {
        pthread_cond_signal(&clock->wake);
    }
    pthread_mutex_unlock(&clock->lock);
    return error;
}

void rn_clock_clear(struct rn_clock *clock, struct rn_timer *timer)
{
    pthread_mutex_lock(&clock->lock);
    if (timer->index != 0) {
        heap_remove(clock, timer);
    }
    bool own = pthread_equal(pthread_self(), clock->thread) != 0;
    while (clock->firing == timer && !own) {
        pthread_cond_wait(&clock->fired, &clock->lock);
    }
    // `fire` may have set it again meanwhile.
    if (timer->index != 0) {
        heap_remove(clock, timer);
    }
    pthread_mutex_unlock(&clock->lock);
}
