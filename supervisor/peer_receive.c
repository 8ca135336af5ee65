/*
 * peer_receive.c: the role of receiving: packets of a worker, handed to the calls they belong to.
 *
 * Trust: reads packets from workers. Each is decoded once, and checked by the state machine of its
 * call, before anything in it is acted upon. What is not permitted kills the worker.
 */
#include "supervisor/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/pool.h"
#include "supervisor/probes.h"
#include "supervisor/runner.h"
#include "supervisor/supervisor.h"

/* Packets, and bytes, that one visit of the runner handles before other peers have their turn. */
#define PUMP_PACKETS 64
#define PUMP_BYTES (64u << 10)
/* In the flags of /proc/<pid>/stat: the process is on its way out. */
#define EXITING_FLAG 4u
/* Milliseconds between the end of a socket and that of its process. */
#define CLOSED_WAIT_MS 50
/* What mostly suffices for the zygote to tell of an end. */
#define NOTICE_WAIT_NS UINT64_C(1000000)
/* Milliseconds after which a thread that nobody sends on for looks at the queue. */
#define QUEUE_LOOK_MS 10

/* Under the lock: wakes whoever waits for the call, be it asleep on that of another one of its group. */
static void notify(struct rn_call *call)
{
    const struct rn_call *owned = call->group && call->group->waits ? call->group->waits : call;
    if (call->group) {
        rn_group_note(call->group, call);
    }
    if (owned->sleeper) {
        pthread_cond_signal(&owned->sleeper->cond);
    } else if (call->is_async) {
        struct rn_runner *runner = rn_supervisor_runner(call->supervisor);
        if (runner) {
            rn_runner_ready(runner, call);
        }
    }
}

/* The call behind a message that belongs to none: one that has ended already, or nobody knows. */
static uint64_t blame(const struct rn_peer *peer, uint64_t id)
{
    for (uint32_t i = 0; i < RN_PEER_ENDED; i++) {
        if (id != 0 && peer->ended[i] == id) {
            return id;
        }
    }
    return 0;
}

static enum rn_error handle(struct rn_peer *peer, const struct rn_lane_packet *packet,
                            uint64_t *out_culprit)
{
    struct rn_wire_message wire = {packet->bytes, packet->size};
    struct rn_message message;
    RN_TRY(rn_message_decode(wire, RN_FROM_WORKER, &message));
    if (message.type == RN_MESSAGE_RING) {
        return rn_lane_take_wake(&peer->lane) ? RN_OK : RN_E_MESSAGE_STATE;
    }
    struct rn_call *call = rn_slots_at(&peer->slots, (uint32_t)(message.call % RN_SLOTS_MAX));
    if (!call || call->id != message.call || message.call == 0) {
        *out_culprit = blame(peer, message.call);
        return RN_E_MESSAGE_STATE;
    }
    enum rn_error error = rn_call_receive(call, &message);
    if (error != RN_OK) {
        *out_culprit = call->id;
        return error;
    }
    if (rn_call_has_news(call)) {
        notify(call);
    }
    return RN_OK;
}

static bool has_ended(const struct rn_peer *peer, int wait_ms)
{
    struct pollfd polled = {.fd = peer->child.pidfd, .events = POLLIN};
    return poll(&polled, 1, wait_ms) == 1;
}

/* Whether the process is on its way out, as the kernel knows (PF_EXITING). Where there is nothing to be
 * read, be it because it has gone meanwhile, its end is waited for a little. */
static bool is_ending(const struct rn_peer *peer, int wait_ms)
{
    struct rn_child_stat about;
    return rn_child_stat(&peer->child, &about) ? (about.flags & EXITING_FLAG) != 0
                                               : has_ended(peer, wait_ms);
}

/*
 * A process that closes its socket and lives on lies by silence. One that ends closes it on the way: it
 * is marked by then, or its end can be polled for. Nothing here waits for a process that does not die.
 * False: whoever may not wait has to ask again.
 */
static bool find_cause(struct rn_peer *peer, enum rn_wait wait)
{
    struct rn_burial *burial = &peer->burial;
    int wait_ms = wait == RN_WAIT_ALLOWED ? CLOSED_WAIT_MS : 0;
    bool ends = burial->error != RN_E_CLOSED || has_ended(peer, 0) || is_ending(peer, wait_ms);
    if (!ends && wait == RN_WAIT_NEVER &&
        rn_now_ns() - burial->begun_ns < CLOSED_WAIT_MS * UINT64_C(1000000)) {
        return false;
    }
    if (!ends) {
        burial->error = RN_E_MESSAGE_STATE;
    }
    burial->killed = true;
    rn_child_kill(&peer->child);
    return true;
}

/* False: its end has not been told yet, and whoever may not wait has to ask again. */
static bool await_end(struct rn_peer *peer, enum rn_wait wait)
{
    const struct rn_burial *burial = &peer->burial;
    if (!burial->killed && !find_cause(peer, wait)) {
        return false;
    }
    uint64_t last_ns = rn_after_ns(burial->begun_ns, RN_DOMAIN_EXIT_WAIT_NS);
    uint64_t until_ns =
        wait == RN_WAIT_ALLOWED ? last_ns : rn_after_ns(burial->begun_ns, NOTICE_WAIT_NS);
    return rn_domain_wait_exit(peer->domain, peer, until_ns) || rn_now_ns() >= last_ns;
}

/* Killed, and not by us: was it for want of memory? */
static bool ran_out_of_memory(const struct rn_peer *peer)
{
    const struct rn_child_exit *end = &peer->exit;
    return end->signalled && end->code == SIGKILL && !end->deadline &&
           rn_supervisor_oom_killed(peer->supervisor);
}

/* Under the lock, which is given up meanwhile, with the role: finds out how the process ended; P4. The
 * runner, which has other workers to look after, goes on with it when it comes by again. */
static void bury(struct rn_peer *peer, enum rn_wait wait)
{
    if (peer->dead) {
        return; // what it died of stays as it is
    }
    pthread_mutex_unlock(&peer->lock);
    bool ended = await_end(peer, wait);
    pthread_mutex_lock(&peer->lock);
    if (!ended) {
        return;
    }
    if (peer->burial.error != RN_E_CLOSED) {
        peer->death.lie = peer->burial.error;
        peer->death.culprit = peer->burial.culprit;
    }
    if (atomic_load_explicit(&peer->has_exit, memory_order_acquire)) {
        peer->death.known = true;
        peer->death.exit = peer->exit;
        peer->death.out_of_memory = peer->death.culprit == 0 && ran_out_of_memory(peer);
    }
    peer->dead = true;
    rn_probe_worker_end(peer->child.pid, peer->domain->name,
                        peer->death.exit.signalled ? peer->death.exit.code : 0,
                        peer->death.lie != RN_OK);
    for (uint32_t i = 0; i < peer->slots.used; i++) {
        struct rn_call *call = rn_slots_at(&peer->slots, i);
        if (call) {
            notify(call);
        }
    }
}

/* Under the lock, with the role: what came of receiving. False: there is nothing now, or the peer is dead. */
static bool take_in(struct rn_peer *peer, enum rn_wait wait, enum rn_error error,
                    const struct rn_lane_packet *packet)
{
    if (error == RN_E_WOULD_BLOCK) {
        return false;
    }
    uint64_t culprit = 0;
    if (error == RN_OK) {
        peer->pumped += packet->size;
        error = handle(peer, packet, &culprit);
    }
    if (error == RN_OK) {
        return true;
    }
    peer->burial = (struct rn_burial){.error = error, .culprit = culprit, .begun_ns = rn_now_ns()};
    bury(peer, wait);
    return false;
}

/* Under the lock, which is given up meanwhile, with the role: one packet. */
static bool receive_one(struct rn_peer *peer, enum rn_wait wait)
{
    struct rn_lane_packet packet;
    if (peer->burial.error != RN_OK) {
        bury(peer, wait);
        return false;
    }
    pthread_mutex_unlock(&peer->lock);
    enum rn_error error = rn_lane_receive(&peer->lane, wait, &packet);
    pthread_mutex_lock(&peer->lock);
    return take_in(peer, wait, error, &packet);
}

/* Under the lock, with the role: one packet of the ring, which takes no system call and no time. */
static bool receive_at_hand(struct rn_peer *peer)
{
    struct rn_lane_packet packet;
    if (peer->burial.error != RN_OK || !rn_lane_has_packet(&peer->lane)) {
        return false;
    }
    enum rn_error error = rn_lane_receive(&peer->lane, RN_WAIT_NEVER, &packet);
    return take_in(peer, RN_WAIT_NEVER, error, &packet);
}

/* Who waits and should receive next: best one that has nothing yet, since whoever has will leave. */
static struct rn_call_sleeper *find_waiting(const struct rn_peer *peer)
{
    struct rn_call_sleeper *sleeper = peer->waiting;
    while (sleeper && rn_call_has_news(sleeper->call) && sleeper->next) {
        sleeper = sleeper->next;
    }
    return sleeper;
}

/* Under the lock, with the role free: calls a thread that sleeps without it; false: none does. P6 */
static bool call_next(struct rn_peer *peer)
{
    struct rn_call_sleeper *next = find_waiting(peer);
    if (next) {
        pthread_cond_signal(&next->cond);
    } else if (peer->polling) {
        rn_group_call(peer->polling->group);
    }
    return next || peer->polling;
}

/* Under the lock: an owner gives up the role to another one that sleeps, or to the runner. */
static void hand_over(struct rn_peer *peer)
{
    peer->receiving = false;
    if (call_next(peer)) {
        return;
    }
    if (peer->async_count > 0) {
        struct rn_runner *runner = rn_supervisor_runner(peer->supervisor);
        if (runner) {
            rn_runner_watch(runner, peer, true, rn_peer_has_unsent(peer));
        }
    }
}

/* What does not fit the socket the runner sends on; unless it has no thread, or this is it. */
static bool must_send_on(const struct rn_peer *peer, const struct rn_call *call)
{
    struct rune_supervisor *supervisor = peer->supervisor;
    bool others_send = peer->call_count > 1 || call->host_calls;
    return rn_peer_has_unsent(peer) || (others_send && (supervisor->options.external_loop ||
                                                        rn_supervisor_in_callback(supervisor)));
}

/* Under the lock, which is given up meanwhile, with the role: until something can be received, or sent. */
static void sleep_on_both(struct rn_peer *peer)
{
    bool queued = rn_peer_has_unsent(peer);
    struct pollfd polled = {.fd = peer->fd, .events = (short)(POLLIN | (queued ? POLLOUT : 0))};
    pthread_mutex_unlock(&peer->lock);
    if (queued || !rn_lane_doze(&peer->lane)) {
        rn_lane_watch(&peer->lane);
        if (!rn_lane_has_packet(&peer->lane)) {
            (void)poll(&polled, 1, QUEUE_LOOK_MS);
        }
    }
    pthread_mutex_lock(&peer->lock);
}

/* Under the lock, with the role: receives, and sends on. */
static void receive_or_send(struct rn_peer *peer, const struct rn_call *call)
{
    rn_peer_flush(peer);
    if (peer->burial.error != RN_OK || !must_send_on(peer, call)) {
        (void)receive_one(peer, RN_WAIT_ALLOWED);
        return;
    }
    bool received = receive_one(peer, RN_WAIT_NEVER);
    if (!received && peer->burial.error == RN_OK) {
        sleep_on_both(peer);
    }
}

/* What is left at hand, which poll cannot see, whoever receives next looks for (rn_lane_has_packet): a
 * worker must not keep this thread by it. */
static void wait_as_receiver(struct rn_peer *peer, const struct rn_call *call)
{
    peer->receiving = true;
    while (!peer->dead && !rn_call_has_news(call)) {
        receive_or_send(peer, call);
    }
    hand_over(peer);
}

static void list_waiting(struct rn_peer *peer, struct rn_call_sleeper *sleeper)
{
    sleeper->next = peer->waiting;
    sleeper->link = &peer->waiting;
    if (sleeper->next) {
        sleeper->next->link = &sleeper->next;
    }
    peer->waiting = sleeper;
    sleeper->call->sleeper = sleeper;
}

static void unlist_waiting(struct rn_call_sleeper *sleeper)
{
    *sleeper->link = sleeper->next;
    if (sleeper->next) {
        sleeper->next->link = sleeper->link;
    }
    sleeper->call->sleeper = NULL;
}

static void wait_for_receiver(struct rn_peer *peer, struct rn_call *call)
{
    RN_ASSERT(peer->receiving); // P6
    struct rn_call_sleeper sleeper = {.call = call};
    pthread_cond_init(&sleeper.cond, NULL);
    list_waiting(peer, &sleeper);
    pthread_cond_wait(&sleeper.cond, &peer->lock);
    unlist_waiting(&sleeper);
    pthread_cond_destroy(&sleeper.cond);
}

void rn_peer_wait(struct rn_peer *peer, struct rn_call *call)
{
    bool waited = false;
    pthread_mutex_lock(&peer->lock);
    while (!peer->dead && !rn_call_has_news(call)) {
        waited = peer->receiving;
        if (peer->receiving) {
            wait_for_receiver(peer, call);
        } else {
            wait_as_receiver(peer, call);
        }
    }
    if (waited && !peer->receiving && !peer->dead) {
        hand_over(peer); // the role may have been meant for this thread, which leaves
    }
    pthread_mutex_unlock(&peer->lock);
}

/* With the role: what has come together is handed out together, by poll's account or the ring's. */
static void receive_what_came(struct rn_peer *peer, bool from_socket)
{
    bool went_on = true;
    for (int i = 0; went_on && i < PUMP_PACKETS && !peer->dead; i++) {
        went_on = receive_at_hand(peer) || (from_socket && receive_one(peer, RN_WAIT_NEVER));
    }
}

static void receive_for_group(struct rn_peer *peer, const struct rn_group *group,
                              const struct rn_call *call)
{
    peer->receiving = true;
    while (!peer->dead && !rn_group_has_news(group)) {
        receive_or_send(peer, call);
    }
    receive_what_came(peer, !peer->ring);
    hand_over(peer);
}

void rn_peer_wait_group(struct rn_peer *peer, struct rn_group *group, struct rn_call *call)
{
    bool waited = false;
    pthread_mutex_lock(&peer->lock);
    rn_peer_ring(peer);
    while (!peer->dead && !rn_group_has_news(group)) {
        waited = peer->receiving;
        if (peer->receiving) {
            group->waits = call;
            wait_for_receiver(peer, call);
            group->waits = NULL;
        } else {
            receive_for_group(peer, group, call);
        }
    }
    if (waited && !peer->receiving && !peer->dead) {
        hand_over(peer); // the role may have been meant for this thread, which leaves
    }
    pthread_mutex_unlock(&peer->lock);
}

/* Under the lock, with the role. While it is being buried, poll tells nothing new. */
static void find_watch(struct rn_peer *peer, struct rn_peer_watch *out_watch)
{
    bool buried = peer->burial.error != RN_OK;
    short events = (short)(POLLIN | (rn_peer_has_unsent(peer) ? POLLOUT : 0));
    rn_lane_watch(&peer->lane);
    *out_watch = (struct rn_peer_watch){
        .events = buried ? 0 : events,
        .at_hand = !buried && rn_lane_has_packet(&peer->lane),
        .soon = buried || peer->supervisor->options.external_loop,
    };
}

static void list_polling(struct rn_peer *peer, struct rn_peer_poller *poller)
{
    RN_ASSERT(peer->receiving && !poller->link); // P6
    poller->next = peer->polling;
    poller->link = &peer->polling;
    if (poller->next) {
        poller->next->link = &poller->next;
    }
    peer->polling = poller;
}

static void unlist_polling(struct rn_peer_poller *poller)
{
    *poller->link = poller->next;
    if (poller->next) {
        poller->next->link = poller->link;
    }
    poller->link = NULL;
}

bool rn_peer_watch(struct rn_peer *peer, struct rn_peer_poller *poller,
                   struct rn_peer_watch *out_watch)
{
    pthread_mutex_lock(&peer->lock);
    rn_peer_ring(peer);
    rn_peer_flush(peer);
    bool lives = !peer->dead;
    *out_watch = (struct rn_peer_watch){.events = 0};
    if (lives && peer->receiving) {
        list_polling(peer, poller);
    } else if (lives) {
        peer->receiving = true;
        find_watch(peer, out_watch);
    }
    pthread_mutex_unlock(&peer->lock);
    return lives;
}

/* It may have been meant to receive, and may leave: the next one is called. */
static void stop_polling(struct rn_peer *peer, struct rn_peer_poller *poller)
{
    unlist_polling(poller);
    if (!peer->receiving && !peer->dead) {
        hand_over(peer);
    }
}

void rn_peer_unwatch(struct rn_peer *peer, struct rn_peer_poller *poller)
{
    pthread_mutex_lock(&peer->lock);
    if (poller->link) {
        stop_polling(peer, poller);
    } else {
        rn_peer_flush(peer);
        receive_what_came(peer, true);
        hand_over(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

void rn_peer_wait_dead(struct rn_peer *peer, struct rn_call *call)
{
    pthread_mutex_lock(&peer->lock);
    while (!peer->dead) {
        if (peer->receiving) {
            wait_for_receiver(peer, call);
        } else {
            peer->receiving = true;
            (void)receive_one(peer, RN_WAIT_ALLOWED);
            hand_over(peer);
        }
    }
    pthread_mutex_unlock(&peer->lock);
}

void rn_peer_pump(struct rn_peer *peer)
{
    if (peer->receiving || peer->dead) {
        return;
    }
    peer->receiving = true;
    peer->pumped = 0;
    for (int i = 0; i < PUMP_PACKETS && peer->pumped < PUMP_BYTES && !peer->dead; i++) {
        if (!receive_one(peer, RN_WAIT_NEVER)) {
            break;
        }
    }
    peer->receiving = false;
    (void)call_next(peer); // it found the role taken
}

void rn_peer_tend(struct rn_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    rn_peer_ring(peer);
    rn_peer_flush(peer);
    if (!peer->receiving && !peer->dead) {
        rn_peer_pump(peer);
        hand_over(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}
