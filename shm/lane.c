/*
 * lane.c: one order over two lanes, and how to sleep on both.
 *
 * Trust: receives packets from workers, unread. Stamps and counters of a worker's half are claims:
 * one that lies waits for packets that never come, until its calls end by their limits.
 */
#include "shm/lane.h"

#include "shm/fd.h"
#include "shm/message.h"

/* The supervisor looks at its socket when nothing has come for this long. */
#define FUTEX_SLEEP_NS UINT64_C(2000000)
/* Looks at the ring before sleeping, each some 50 ns long: about what waking a processor costs. */
#define SPINS 800
/* A spin that paid off is worth so many that do not; without luck one wait in PROBE spins. */
#define LUCK_GAIN 4u
#define LUCK_MAX 32u
#define PROBE 64u
/* Looks while lingering. */
#define LINGER_LOOKS 100
/* A wake-up for what was taken already comes at most once for each packet. */
#define RESTLESS_MAX 1000u

void rn_lane_init(struct rn_lane *lane, int fd, struct rn_ring *ring, bool is_worker,
                  uint8_t *socket_packet)
{
    *lane = (struct rn_lane){
        .fd = fd, .is_worker = is_worker, .held_fd = -1, .socket_packet = socket_packet};
    if (ring) {
        lane->in = is_worker ? &ring->to_worker : &ring->to_supervisor;
        lane->out = is_worker ? &ring->to_supervisor : &ring->to_worker;
    }
}

/* Sending */

static void ring(struct rn_lane *lane)
{
    atomic_store_explicit(&lane->out->cpu, rn_ring_cpu(), memory_order_relaxed);
    rn_ring_bell(lane->out);
}

static void count_sent(struct rn_lane *lane)
{
    lane->socket_sent++;
    if (lane->out) {
        atomic_store_explicit(&lane->out->socket_sent, lane->socket_sent, memory_order_release);
        ring(lane);
    }
}

enum rn_error rn_lane_flush(struct rn_lane *lane, enum rn_wait wait)
{
    if (lane->parcel.count == 0) {
        return RN_OK;
    }
    size_t size;
    const uint8_t *bytes = rn_parcel_bytes(&lane->parcel, rn_ring_cpu(), &size);
    enum rn_error error = rn_transport_send(lane->fd, bytes, size, wait);
    lane->stuck = error == RN_E_WOULD_BLOCK || error == RN_E_NO_MEMORY;
    if (!lane->stuck) {
        lane->lost = error != RN_OK;
        lane->silent = 0;
        rn_parcel_clear(&lane->parcel);
    }
    return error;
}

enum rn_error rn_lane_send_socket(struct rn_lane *lane, const void *packet, size_t size,
                                  enum rn_wait wait)
{
    RN_TRY(rn_lane_flush(lane, wait));
    RN_TRY(rn_transport_send(lane->fd, packet, size, wait));
    count_sent(lane);
    return RN_OK;
}

/* Without a ring. */
static enum rn_error send_in_parcel(struct rn_lane *lane, const void *packet, size_t size,
                                    enum rn_wait wait)
{
    if (!rn_parcel_put(&lane->parcel, packet, size)) {
        RN_TRY(rn_lane_flush(lane, wait));
        bool fits = rn_parcel_put(&lane->parcel, packet, size);
        RN_CHECK(fits);
    }
    lane->silent++;
    return RN_OK;
}

enum rn_error rn_lane_send_silently(struct rn_lane *lane, const void *packet, size_t size,
                                    enum rn_wait wait)
{
    if (!lane->out && size <= RN_PARCEL_PACKET_MAX) {
        return send_in_parcel(lane, packet, size, wait);
    }
    if (lane->out && size <= RN_RING_PACKET_MAX &&
        rn_ring_push(lane->out, &lane->out_end, packet, (uint32_t)size, lane->socket_sent)) {
        lane->silent++;
        return RN_OK;
    }
    return rn_lane_send_socket(lane, packet, size, wait);
}

enum rn_error rn_lane_ring(struct rn_lane *lane, enum rn_wait wait, bool *out_wake)
{
    *out_wake = false;
    if (!lane->out) {
        return rn_lane_flush(lane, wait);
    }
    if (lane->silent > 0) {
        lane->silent = 0;
        ring(lane);
        *out_wake = rn_ring_must_wake(lane->out);
    }
    return RN_OK;
}

enum rn_error rn_lane_send(struct rn_lane *lane, const void *packet, size_t size, enum rn_wait wait,
                           bool *out_wake)
{
    *out_wake = false;
    if (!lane->out) {
        return rn_lane_send_socket(lane, packet, size, wait);
    }
    RN_TRY(rn_lane_send_silently(lane, packet, size, wait));
    return rn_lane_ring(lane, wait, out_wake);
}

/* Receiving */

static void take_held(struct rn_lane *lane, struct rn_lane_packet *out_packet)
{
    *out_packet = (struct rn_lane_packet){lane->socket_packet, lane->held_size, lane->held_fd};
    if (lane->held_at > 0) {
        out_packet->bytes = rn_parcel_take(lane->socket_packet, &lane->held_at, &out_packet->size);
    }
    lane->held = lane->held_at > 0 && lane->held_at < lane->held_size;
    lane->held_fd = -1;
    lane->socket_taken++;
}

/* Beside a ring nobody makes parcels: one would be taken for a packet, and for none that there is. */
static enum rn_error open_parcel(struct rn_lane *lane)
{
    lane->held_at = 0;
    if (!lane->in && rn_parcel_is(lane->socket_packet, lane->held_size)) {
        RN_TRY(rn_parcel_check(lane->socket_packet, lane->held_size));
        lane->held_at = RN_PARCEL_START;
        atomic_store_explicit(&lane->parcel_cpu, rn_parcel_cpu(lane->socket_packet),
                              memory_order_relaxed);
    }
    return RN_OK;
}

static enum rn_error receive_socket(struct rn_lane *lane, enum rn_wait wait)
{
    lane->held_fd = -1;
    if (lane->is_worker) {
        RN_TRY(rn_transport_receive_fd(lane->fd, lane->socket_packet, wait, &lane->held_size,
                                       &lane->held_fd));
    } else {
        RN_TRY(rn_transport_receive(lane->fd, lane->socket_packet, wait, &lane->held_size));
    }
    RN_TRY(open_parcel(lane));
    lane->held = true;
    return RN_OK;
}

/* Whatever went over the socket before this packet has been handed out. */
static bool is_reached(const struct rn_lane *lane, const struct rn_ring_packet *packet)
{
    return packet->present && (int32_t)(lane->socket_taken - packet->stamp) >= 0;
}

/* The next packet that is at hand. *out_found false: none; *out_behind: one in the ring waits for the
 * socket. */
static enum rn_error take(struct rn_lane *lane, struct rn_lane_packet *out_packet, bool *out_found,
                          bool *out_behind)
{
    struct rn_ring_packet packet = {.present = false};
    if (lane->in) {
        RN_TRY(rn_ring_peek(lane->in, &lane->in_end, &packet));
    }
    bool reached = is_reached(lane, &packet);
    *out_behind = packet.present && !reached;
    *out_found = reached || lane->held;
    if (reached) {
        rn_ring_take(lane->in, &lane->in_end, &packet, lane->ring_packet);
        *out_packet = (struct rn_lane_packet){lane->ring_packet, packet.size, -1};
    } else if (lane->held) {
        take_held(lane, out_packet);
    }
    return RN_OK;
}

/* Sleeping */

static bool socket_is_ahead(const struct rn_lane *lane)
{
    return atomic_load_explicit(&lane->in->socket_sent, memory_order_acquire) != lane->socket_taken;
}

/* The tail first: whoever has seen it touched by a bell sees what was sent over the socket before (W1). */
static bool has_news(const struct rn_lane *lane)
{
    return atomic_load(&lane->in->tail) != lane->in_end.at || socket_is_ahead(lane);
}

bool rn_lane_has_news(const struct rn_lane *lane)
{
    return lane->in && has_news(lane);
}

bool rn_lane_may_look(const struct rn_lane *lane)
{
    return lane->silent > 0 && (lane->in || lane->held);
}

/* Where the other side was last; 0: unknown. */
static uint32_t cpu_there(const struct rn_lane *lane)
{
    return atomic_load_explicit(lane->in ? &lane->in->cpu : &lane->parcel_cpu,
                                memory_order_relaxed);
}

static bool is_here(const struct rn_lane *lane)
{
    uint32_t there = cpu_there(lane);
    return there != 0 && there == rn_ring_cpu();
}

/* Spinning against a processor that has other work to do, or is this one, only takes time. */
static bool is_elsewhere(const struct rn_lane *lane)
{
    uint32_t there = cpu_there(lane);
    uint32_t here = rn_ring_cpu();
    return there != 0 && here != 0 && there != here;
}

bool rn_lane_is_silent_for_long(const struct rn_lane *lane, uint32_t packets)
{
    return lane->silent >= packets && !is_here(lane);
}

static bool may_spin(struct rn_lane *lane)
{
    if (!is_elsewhere(lane)) {
        return false;
    }
    bool probe = ++lane->waits % PROBE == 0;
    return lane->luck > 0 || probe;
}

static bool look_for_news(const struct rn_lane *lane, int looks, uint32_t *luck)
{
    for (int i = 0; i < looks; i++) {
        if (has_news(lane)) {
            *luck = *luck + LUCK_GAIN > LUCK_MAX ? LUCK_MAX : *luck + LUCK_GAIN;
            return true;
        }
        __builtin_ia32_pause();
    }
    *luck -= *luck > 0;
    return false;
}

static bool spin(struct rn_lane *lane)
{
    return may_spin(lane) && look_for_news(lane, SPINS, &lane->luck);
}

bool rn_lane_linger(struct rn_lane *lane)
{
    if (!lane->in ||
        atomic_load_explicit(&lane->out->waits, memory_order_relaxed) != RN_RING_SOCKET) {
        return false;
    }
    bool probe = ++lane->lingers % PROBE == 0;
    bool apart = is_elsewhere(lane);
    return apart && (lane->linger_luck > 0 || probe) &&
           look_for_news(lane, LINGER_LOOKS, &lane->linger_luck);
}

static void sleep_until_bell(struct rn_lane *lane, uint64_t timeout_ns)
{
    rn_ring_say_waits(lane->in, RN_RING_FUTEX);
    if (!has_news(lane)) {
        rn_ring_sleep(lane->in, timeout_ns);
    }
    rn_ring_say_waits(lane->in, RN_RING_AWAKE);
}

void rn_lane_watch(struct rn_lane *lane)
{
    if (lane->in && atomic_load(&lane->in->waits) != RN_RING_SOCKET) {
        atomic_fetch_add_explicit(&lane->wakes_owed, 1, memory_order_relaxed);
        rn_ring_say_waits(lane->in, RN_RING_SOCKET);
    }
}

static enum rn_error sleep_on_socket(struct rn_lane *lane)
{
    if (lane->is_worker) {
        return receive_socket(lane, RN_WAIT_ALLOWED);
    }
    rn_lane_watch(lane);
    enum rn_error error = rn_lane_has_packet(lane) ? RN_OK : receive_socket(lane, RN_WAIT_ALLOWED);
    rn_ring_say_waits(lane->in, RN_RING_AWAKE);
    return error;
}

bool rn_lane_doze(struct rn_lane *lane)
{
    if (!lane->in) {
        return false;
    }
    if (!spin(lane)) {
        sleep_until_bell(lane, FUTEX_SLEEP_NS);
    }
    return has_news(lane);
}

/* Nothing is there: waits for a change. */
static enum rn_error wait_for_news(struct rn_lane *lane)
{
    if (spin(lane)) {
        return RN_OK;
    }
    sleep_until_bell(lane, lane->is_worker ? 0 : FUTEX_SLEEP_NS);
    if (lane->is_worker || has_news(lane)) {
        return RN_OK;
    }
    return sleep_on_socket(lane);
}

/* What waiting came to. A worker would have it again and again at full speed, if the kernel refused. */
static enum rn_error check_rest(struct rn_lane *lane, enum rn_error error)
{
    if (!lane->is_worker || (error == RN_OK && (lane->held || rn_lane_has_news(lane)))) {
        lane->restless = 0;
        return error;
    }
    bool idle = error == RN_OK || error == RN_E_WOULD_BLOCK;
    return idle && ++lane->restless > RESTLESS_MAX ? RN_E_SYSTEM : error;
}

enum rn_error rn_lane_receive(struct rn_lane *lane, enum rn_wait wait,
                              struct rn_lane_packet *out_packet)
{
    for (;;) {
        bool found;
        bool behind;
        RN_TRY(take(lane, out_packet, &found, &behind));
        if (found) {
            return RN_OK;
        }
        if (!lane->in || behind) {
            enum rn_error received = receive_socket(lane, wait);
            RN_TRY(wait == RN_WAIT_ALLOWED ? check_rest(lane, received) : received);
            continue;
        }
        // Only a worker may take the count for what it is: it saves it a system call.
        bool look = socket_is_ahead(lane) || (!lane->is_worker && wait == RN_WAIT_NEVER);
        enum rn_error error = look ? receive_socket(lane, RN_WAIT_NEVER) : RN_E_WOULD_BLOCK;
        if (error == RN_E_WOULD_BLOCK && wait == RN_WAIT_ALLOWED) {
            error = check_rest(lane, look ? sleep_on_socket(lane) : wait_for_news(lane));
        }
        RN_TRY(error);
    }
}

bool rn_lane_has_packet(const struct rn_lane *lane)
{
    struct rn_ring_packet packet = {.present = false};
    struct rn_ring_end end = lane->in_end;
    // What waits for the socket is not there yet: a worker that lies about it would keep us busy.
    return lane->held || (lane->in && (rn_ring_peek(lane->in, &end, &packet) != RN_OK ||
                                       is_reached(lane, &packet)));
}

bool rn_lane_take_wake(struct rn_lane *lane)
{
    uint32_t owed = atomic_load_explicit(&lane->wakes_owed, memory_order_relaxed);
    if (owed == 0) {
        return false;
    }
    atomic_fetch_sub_explicit(&lane->wakes_owed, 1, memory_order_relaxed);
    return true;
}
