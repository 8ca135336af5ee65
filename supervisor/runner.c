/*
 * runner.c: the thread that receives for executions and flushes queues.
 *
 * Peers are watched with EPOLLONESHOT and known by serial: an event may come after a peer has gone.
 */
#include "supervisor/runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/pool.h"
#include "supervisor/supervisor.h"

/* A sink of an execution that refused output is asked again after this many milliseconds. */
#define RETRY_MS 5
#define EVENTS_MAX 64

/* An execution that runs. */
struct entry {
    struct entry *next;
    struct rn_call *call; /* counted */
};

struct rn_runner {
    struct rune_supervisor *supervisor;
    pthread_t thread;
    int epoll_fd;
    int event_fd;
    pthread_mutex_t lock; /* of `added` */
    struct entry *added;
    atomic_bool ending;
    struct entry *entries; /* the thread's own */
};

static void drain(int event_fd)
{
    uint64_t count;
    (void)!read(event_fd, &count, sizeof(count));
}

void rn_runner_poke(struct rn_runner *runner)
{
    uint64_t one = 1;
    (void)!write(runner->event_fd, &one, sizeof(one));
}

void rn_runner_watch(struct rn_runner *runner, struct rn_peer *peer, bool receive, bool send)
{
    if (receive) {
        rn_lane_watch(&peer->lane);
        // What came into the ring meanwhile is not on the socket: a visit at once.
        send = send || rn_lane_has_packet(&peer->lane);
    }
    struct epoll_event event = {.events = EPOLLONESHOT | (receive ? (uint32_t)EPOLLIN : 0) |
                                          (send ? (uint32_t)EPOLLOUT : 0),
                                .data.u64 = peer->serial};
    if (epoll_ctl(runner->epoll_fd, EPOLL_CTL_MOD, peer->fd, &event) != 0 && errno == ENOENT) {
        (void)epoll_ctl(runner->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event);
    }
}

/* One visit to a peer: what goes out, what comes in. */
static void visit(struct rn_runner *runner, uint64_t serial)
{
    struct rn_peer *peer = rn_pool_find(runner->supervisor, serial);
    if (!peer) {
        return;
    }
    pthread_mutex_lock(&peer->lock);
    rn_peer_flush(peer);
    if (peer->async_count > 0) {
        rn_peer_pump(peer);
    }
    bool receive = peer->async_count > 0 && !peer->receiving;
    if (!peer->dead && (receive || peer->queue)) {
        rn_runner_watch(runner, peer, receive, peer->queue != NULL);
    }
    pthread_mutex_unlock(&peer->lock);
    rn_peer_unref(peer);
}

static void take_added(struct rn_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    struct entry *added = runner->added;
    runner->added = NULL;
    pthread_mutex_unlock(&runner->lock);
    while (added) {
        struct entry *next = added->next;
        added->next = runner->entries;
        runner->entries = added;
        added = next;
    }
}

/* Lets every execution act on its news. True: one of them must be asked again soon. */
static bool step_all(struct rn_runner *runner)
{
    bool again = false;
    for (struct entry **at = &runner->entries; *at;) {
        struct entry *entry = *at;
        if (rn_call_step(entry->call)) {
            *at = entry->next;
            entry->call->on_end(entry->call);
            rn_call_unref(entry->call);
            rn_free(entry);
        } else {
            again = again || entry->call->events;
            at = &entry->next;
        }
    }
    return again;
}

static void *serve(void *argument)
{
    struct rn_runner *runner = argument;
    struct epoll_event events[EVENTS_MAX];
    bool again = false;
    while (!atomic_load(&runner->ending)) {
        int count = epoll_wait(runner->epoll_fd, events, EVENTS_MAX, again ? RETRY_MS : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == 0) {
                drain(runner->event_fd);
            } else {
                visit(runner, events[i].data.u64);
            }
        }
        take_added(runner);
        again = step_all(runner);
    }
    return NULL;
}

static enum rn_error open_fds(struct rn_runner *runner)
{
    runner->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    runner->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
    if (runner->epoll_fd < 0 || runner->event_fd < 0 ||
        epoll_ctl(runner->epoll_fd, EPOLL_CTL_ADD, runner->event_fd, &event) != 0) {
        return RN_E_SYSTEM;
    }
    return RN_OK;
}

static enum rn_error start(struct rn_runner *runner)
{
    sigset_t all;
    sigset_t old;
    RN_TRY(open_fds(runner));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&runner->thread, NULL, serve, runner);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed == 0 ? RN_OK : RN_E_SYSTEM;
}

static void release(struct rn_runner *runner)
{
    rn_fd_close(runner->epoll_fd);
    rn_fd_close(runner->event_fd);
    pthread_mutex_destroy(&runner->lock);
    rn_free(runner);
}

enum rn_error rn_runner_new(struct rune_supervisor *supervisor, struct rn_runner **out_runner)
{
    struct rn_runner *runner = rn_alloc(sizeof(*runner));
    if (!runner) {
        return RN_E_NO_MEMORY;
    }
    runner->supervisor = supervisor;
    runner->epoll_fd = -1;
    runner->event_fd = -1;
    pthread_mutex_init(&runner->lock, NULL);
    enum rn_error error = start(runner);
    if (error != RN_OK) {
        release(runner);
        return error;
    }
    *out_runner = runner;
    return RN_OK;
}

void rn_runner_free(struct rn_runner *runner)
{
    if (!runner) {
        return;
    }
    atomic_store(&runner->ending, true);
    rn_runner_poke(runner);
    pthread_join(runner->thread, NULL);
    take_added(runner);
    RN_CHECK(!runner->entries);
    release(runner);
}

enum rn_error rn_runner_add(struct rn_runner *runner, struct rn_call *call)
{
    struct entry *entry = rn_alloc(sizeof(*entry));
    if (!entry) {
        return RN_E_NO_MEMORY;
    }
    entry->call = rn_call_ref(call);
    pthread_mutex_lock(&runner->lock);
    entry->next = runner->added;
    runner->added = entry;
    pthread_mutex_unlock(&runner->lock);
    pthread_mutex_lock(&call->peer->lock);
    if (!call->peer->receiving && !call->peer->dead) {
        rn_runner_watch(runner, call->peer, true, call->peer->queue != NULL);
    }
    pthread_mutex_unlock(&call->peer->lock);
    rn_runner_poke(runner);
    return RN_OK;
}
