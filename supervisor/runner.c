/*
 * runner.c: receiving for executions and flushing queues, on a thread or where the host dispatches.
 *
 * Peers are watched with EPOLLONESHOT and known by serial: an event may come after a peer has gone.
 * Executions with news are in a list, so that a turn costs what there is to do, however many
 * executions there are. Whoever adds to the list wakes the thread only if it sleeps.
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
#include "supervisor/wake.h"

/* What refused, be it a sink or the kernel, is asked again after this many milliseconds. Sinks of many
 * executions may refuse: asking all of them takes no more than one part of the time in RETRY_PARTS, but, since
 * what is cancelled is found there, too, the pause is never long. */
#define RETRY_MS 5
#define RETRY_PARTS 8
#define RETRY_MAX_MS 50
#define NS_PER_MS UINT64_C(1000000)
/* Executions that end together before those who wait for them are woken. */
#define LEFT_MAX 64u

/* Calls, each counted; one is in one list at the most (`is_listed`). Under the lock. */
struct queue {
    struct rn_call *first;
    struct rn_call **end;
};

struct rn_runner {
    struct rune_supervisor *supervisor;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t turn;     /* held by whoever has the turn */
    _Atomic uintptr_t holder; /* its thread; 0: none */
    int epoll_fd;
    int event_fd;
    pthread_mutex_t lock;
    struct queue ready;   /* with news */
    struct queue refused; /* to be asked again soon; only who has the turn adds and takes */
    uint64_t retry_ns;    /* not before; under the lock, only who has the turn sets it */
    /* Ended, their waiters not woken yet; of whoever has the turn; each counted. */
    struct rn_call *left;
    uint32_t left_count;
    bool awake; /* under the lock: looks at `ready` before it sleeps */
    /* Under the lock: peers that the kernel would not watch, or whose end is not known yet; counted. */
    struct rn_peer *unwatched;
    struct rn_peer **unwatched_end;
    uint32_t unwatched_count;
    atomic_bool ending;
    _Atomic uint32_t count; /* executions that have not ended */
};

static void enqueue(struct queue *queue, struct rn_call *call)
{
    call->runner_next = NULL;
    *queue->end = call;
    queue->end = &call->runner_next;
}

/* Under the lock: lists the call. True: the runner sleeps, and must be woken. */
static bool list(struct rn_runner *runner, struct rn_call *call)
{
    if (!call->is_listed) {
        call->is_listed = true;
        enqueue(&runner->ready, rn_call_ref(call));
    }
    bool asleep = !runner->awake;
    runner->awake = true;
    return asleep;
}

/* News may come while the call still begins, on another thread: rn_runner_add looks for them. */
void rn_runner_ready(struct rn_runner *runner, struct rn_call *call)
{
    pthread_mutex_lock(&runner->lock);
    bool asleep = call->is_driven && list(runner, call);
    pthread_mutex_unlock(&runner->lock);
    if (asleep) {
        rn_wake(runner->event_fd);
    }
}

/* What it is armed for already is told anyway: no system call for each call that begins. */
static bool arm(struct rn_runner *runner, struct rn_peer *peer, uint32_t wanted)
{
    struct epoll_event event = {.events = EPOLLONESHOT | peer->armed | wanted,
                                .data.u64 = peer->serial};
    if ((peer->armed & wanted) == wanted) {
        return true;
    }
    if (epoll_ctl(runner->epoll_fd, EPOLL_CTL_MOD, peer->fd, &event) != 0 &&
        (errno != ENOENT || epoll_ctl(runner->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) != 0)) {
        return false;
    }
    peer->armed |= wanted;
    return true;
}

/* Nothing would tell of this peer any more, its end included: it is visited until it can be watched, or is
 * dead. */
static void keep_unwatched(struct rn_runner *runner, struct rn_peer *peer)
{
    pthread_mutex_lock(&runner->lock);
    if (!peer->unwatched) {
        peer->unwatched = true;
        peer->unwatched_next = NULL;
        *runner->unwatched_end = rn_peer_ref(peer);
        runner->unwatched_end = &peer->unwatched_next;
        runner->unwatched_count++;
    }
    bool asleep = !runner->awake;
    runner->awake = true;
    pthread_mutex_unlock(&runner->lock);
    if (asleep) {
        rn_wake(runner->event_fd);
    }
}

void rn_runner_watch(struct rn_runner *runner, struct rn_peer *peer, bool receive, bool send)
{
    if (receive) {
        rn_lane_watch(&peer->lane);
        // What came into the ring meanwhile is not on the socket: a visit at once.
        send = send || rn_lane_has_packet(&peer->lane);
    }
    if (!arm(runner, peer, (receive ? (uint32_t)EPOLLIN : 0) | (send ? (uint32_t)EPOLLOUT : 0))) {
        keep_unwatched(runner, peer);
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
    peer->armed = 0;
    rn_peer_flush(peer);
    if (peer->async_count > 0) {
        rn_peer_pump(peer);
    }
    bool receive = peer->async_count > 0 && !peer->receiving;
    if (receive && !peer->dead && peer->burial.error != RN_OK) {
        keep_unwatched(runner, peer);
    } else if (!peer->dead && (receive || rn_peer_has_unsent(peer))) {
        rn_runner_watch(runner, peer, receive, rn_peer_has_unsent(peer));
    }
    pthread_mutex_unlock(&peer->lock);
    rn_peer_unref(peer);
}

/* The first of them, off the list; NULL: none. *out_count: how many there were. */
static struct rn_peer *take_unwatched(struct rn_runner *runner, uint32_t *out_count)
{
    pthread_mutex_lock(&runner->lock);
    struct rn_peer *peer = runner->unwatched;
    *out_count = runner->unwatched_count;
    if (peer) {
        runner->unwatched = peer->unwatched_next;
        if (!runner->unwatched) {
            runner->unwatched_end = &runner->unwatched;
        }
        peer->unwatched = false;
        runner->unwatched_count--;
    }
    pthread_mutex_unlock(&runner->lock);
    return peer;
}

/* One visit to each, which watches it or puts it back. */
static void visit_unwatched(struct rn_runner *runner)
{
    uint32_t left = 1;
    uint32_t count;
    struct rn_peer *peer;
    for (bool first = true; left > 0 && (peer = take_unwatched(runner, &count)); first = false) {
        left = first ? count - 1 : left - 1;
        visit(runner, peer->serial);
        rn_peer_unref(peer);
    }
}

/* A sink refused: the call is asked again soon, unless it has become ready already. */
static void keep_refused(struct rn_runner *runner, struct rn_call *call)
{
    pthread_mutex_lock(&runner->lock);
    bool listed = call->is_listed;
    call->is_listed = true;
    if (!listed) {
        if (!runner->refused.first) {
            runner->retry_ns = rn_now_ns() + RETRY_MS * NS_PER_MS;
        }
        enqueue(&runner->refused, rn_call_ref(call));
    }
    pthread_mutex_unlock(&runner->lock);
}

/* Others have their turn before the call goes on. */
static void list_again(struct rn_runner *runner, struct rn_call *call)
{
    pthread_mutex_lock(&runner->lock);
    (void)list(runner, call); // this is the thread that it would wake
    pthread_mutex_unlock(&runner->lock);
}

/* Wakes who waits for those that have ended. A thread that is woken may take the processor: it shall
 * find all of them ended, not one. */
static void wake_left(struct rn_runner *runner)
{
    while (runner->left) {
        struct rn_call *call = runner->left;
        runner->left = call->left_next;
        rn_execution_leave_call(call);
        rn_call_unref(call);
    }
    runner->left_count = 0;
}

static void end(struct rn_runner *runner, struct rn_call *call)
{
    if (atomic_load(&call->calls_back)) {
        wake_left(runner);
    }
    call->has_left = true;
    atomic_fetch_sub(&runner->count, 1);
    rn_execution_end_call(call);
    call->left_next = runner->left;
    runner->left = rn_call_ref(call);
    if (++runner->left_count >= LEFT_MAX) {
        wake_left(runner);
    }
}

/* What the call's news lead to. Before code of the host runs, which may take long, who waits for others
 * is woken. */
static enum rn_call_step look(struct rn_runner *runner, struct rn_call *call)
{
    if (call->has_left) {
        return RN_CALL_WAITS;
    }
    if (rn_call_close(call, rn_now_ns())) {
        return RN_CALL_ENDED;
    }
    wake_left(runner);
    return rn_call_step(call);
}

/* Lets a call that was taken off its list act on its news, and ends it if that was all. */
static void step(struct rn_runner *runner, struct rn_call *call)
{
    enum rn_call_step step = look(runner, call);
    if (step == RN_CALL_ENDED) {
        end(runner, call);
    } else if (step == RN_CALL_REFUSED) {
        keep_refused(runner, call);
    } else if (step == RN_CALL_MORE) {
        list_again(runner, call);
    }
    rn_call_unref(call);
}

/* The first of a list, off it; NULL: none. */
static struct rn_call *take_first(struct rn_runner *runner, struct queue *queue)
{
    pthread_mutex_lock(&runner->lock);
    struct rn_call *call = queue->first;
    if (call) {
        queue->first = call->runner_next;
        if (!queue->first) {
            queue->end = &queue->first;
        }
        call->is_listed = false;
    }
    pthread_mutex_unlock(&runner->lock);
    return call;
}

/* One step for each that is in the list now. */
static void step_each(struct rn_runner *runner, struct queue *queue)
{
    pthread_mutex_lock(&runner->lock);
    struct rn_call **last = queue->first ? queue->end : NULL;
    pthread_mutex_unlock(&runner->lock);
    for (struct rn_call *call; last && (call = take_first(runner, queue)) != NULL;) {
        bool was_last = &call->runner_next == last;
        step(runner, call);
        if (was_last) {
            return;
        }
    }
}

static void set_retry(struct rn_runner *runner, uint64_t at_ns)
{
    pthread_mutex_lock(&runner->lock);
    runner->retry_ns = at_ns;
    pthread_mutex_unlock(&runner->lock);
}

/* Asked again they are when it is time, not with the next event of any other. */
static void retry(struct rn_runner *runner)
{
    uint64_t begun_ns = rn_now_ns();
    if (begun_ns < runner->retry_ns) {
        return;
    }
    step_each(runner, &runner->refused);
    uint64_t now_ns = rn_now_ns();
    uint64_t pause_ns = (now_ns - begun_ns) * (RETRY_PARTS - 1);
    pause_ns = pause_ns > RETRY_MS * NS_PER_MS ? pause_ns : RETRY_MS * NS_PER_MS;
    pause_ns = pause_ns < RETRY_MAX_MS * NS_PER_MS ? pause_ns : RETRY_MAX_MS * NS_PER_MS;
    set_retry(runner, now_ns + pause_ns);
}

/* Those that refused, if it is time, then everybody with news. Who has more to do then goes on in the next turn,
 * after a look at what has come. */
static void step_all(struct rn_runner *runner)
{
    if (runner->refused.first) {
        retry(runner);
    }
    step_each(runner, &runner->ready);
    wake_left(runner);
}

/* From here on, whoever adds to `ready` wakes. False: somebody has added already. */
static bool may_sleep(struct rn_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    runner->awake = runner->ready.first != NULL;
    bool may = !runner->awake;
    pthread_mutex_unlock(&runner->lock);
    return may;
}

/* Whoever has the turn looks at everything before it sleeps: nobody need wake it. */
static void stay_awake(struct rn_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    runner->awake = true;
    pthread_mutex_unlock(&runner->lock);
}

/* Until something must be asked again; UINT64_MAX: nothing must. */
static uint64_t until_retry_ns(struct rn_runner *runner)
{
    uint64_t left_ns = UINT64_MAX;
    pthread_mutex_lock(&runner->lock);
    if (runner->refused.first) {
        uint64_t now_ns = rn_now_ns();
        left_ns = runner->retry_ns > now_ns ? runner->retry_ns - now_ns : 0;
    }
    if (runner->unwatched && left_ns > RETRY_MS * NS_PER_MS) {
        left_ns = RETRY_MS * NS_PER_MS;
    }
    pthread_mutex_unlock(&runner->lock);
    return left_ns;
}

static int sleep_time_ms(struct rn_runner *runner)
{
    if (!may_sleep(runner)) {
        return 0;
    }
    uint64_t left_ns = until_retry_ns(runner);
    return left_ns == UINT64_MAX ? -1 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* The shorter of two times; -1 is without end. */
static int shorter_ms(int a, int b)
{
    return b < 0 || (a >= 0 && a < b) ? a : b;
}

bool rn_runner_turn(struct rn_runner *runner, int events_max, int timeout_ms)
{
    struct epoll_event events[RN_RUNNER_EVENTS_MAX];
    if (pthread_mutex_trylock(&runner->turn) != 0) {
        return false;
    }
    atomic_store(&runner->holder, (uintptr_t)pthread_self());
    int wait_ms = shorter_ms(sleep_time_ms(runner), timeout_ms);
    int count = epoll_wait(runner->epoll_fd, events, events_max, wait_ms);
    stay_awake(runner);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == 0) {
            rn_wake_clear(runner->event_fd);
        } else {
            visit(runner, events[i].data.u64);
        }
    }
    visit_unwatched(runner);
    step_all(runner);
    // A host that polls sees only the descriptor.
    if (!runner->has_thread && !may_sleep(runner)) {
        rn_wake(runner->event_fd);
    }
    atomic_store(&runner->holder, 0);
    pthread_mutex_unlock(&runner->turn);
    return true;
}

bool rn_runner_is_here(struct rn_runner *runner)
{
    return atomic_load(&runner->holder) == (uintptr_t)pthread_self();
}

uint64_t rn_runner_timeout_ns(struct rn_runner *runner)
{
    return until_retry_ns(runner);
}

int rn_runner_fd(const struct rn_runner *runner)
{
    return runner->epoll_fd;
}

static void *serve(void *argument)
{
    struct rn_runner *runner = argument;
    while (!atomic_load(&runner->ending)) {
        (void)rn_runner_turn(runner, RN_RUNNER_EVENTS_MAX, -1);
    }
    return NULL;
}

static enum rn_error open_fds(struct rn_runner *runner)
{
    runner->epoll_fd = rn_fd_take_above_standard(epoll_create1(EPOLL_CLOEXEC));
    runner->event_fd = rn_fd_take_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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
    runner->has_thread = !runner->supervisor->options.external_loop;
    if (!runner->has_thread) {
        return RN_OK;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&runner->thread, NULL, serve, runner);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = failed;
    return failed == 0 ? RN_OK : RN_E_SYSTEM;
}

static void release(struct rn_runner *runner)
{
    rn_fd_close(runner->epoll_fd);
    rn_fd_close(runner->event_fd);
    pthread_mutex_destroy(&runner->lock);
    pthread_mutex_destroy(&runner->turn);
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
    runner->ready.end = &runner->ready.first;
    runner->refused.end = &runner->refused.first;
    runner->unwatched_end = &runner->unwatched;
    pthread_mutex_init(&runner->lock, NULL);
    pthread_mutex_init(&runner->turn, NULL);
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
    rn_wake(runner->event_fd);
    if (runner->has_thread) {
        pthread_join(runner->thread, NULL);
    }
    // What was listed again while it ended.
    runner->retry_ns = 0;
    do {
        step_all(runner);
    } while (runner->ready.first);
    uint32_t count;
    for (struct rn_peer *peer; (peer = take_unwatched(runner, &count)) != NULL;) {
        rn_peer_unref(peer);
    }
    RN_CHECK(runner->count == 0 && !runner->refused.first);
    release(runner);
}

/* Under the peer's lock: nobody receives from it, so that the runner must. */
static void watch_if_free(struct rn_runner *runner, struct rn_peer *peer)
{
    if (!peer->receiving && !peer->dead) {
        rn_runner_watch(runner, peer, true, rn_peer_has_unsent(peer));
    }
}

void rn_runner_follow(struct rn_runner *runner, struct rn_call *call)
{
    struct rn_peer *peer = rn_call_lock(call);
    watch_if_free(runner, peer);
    pthread_mutex_unlock(&peer->lock);
}

void rn_runner_add(struct rn_runner *runner, struct rn_call *call)
{
    struct rn_peer *peer = call->peer;
    atomic_fetch_add(&runner->count, 1);
    pthread_mutex_lock(&peer->lock);
    watch_if_free(runner, peer);
    // News come under the peer's lock: those that came before are seen here, later ones are told.
    bool has_news = rn_call_has_news(call);
    pthread_mutex_lock(&runner->lock);
    call->is_driven = true;
    bool asleep = has_news && list(runner, call);
    pthread_mutex_unlock(&runner->lock);
    pthread_mutex_unlock(&peer->lock);
    if (asleep) {
        rn_wake(runner->event_fd);
    }
}
