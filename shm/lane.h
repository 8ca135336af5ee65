/*
 * lane.h: the packets between a supervisor and one worker: the socket, and a ring beside it.
 *
 * Small packets go through the ring while it has room; large ones, those with a descriptor and all
 * others over the socket. The receiver hands them out in the order in which they were sent: a packet
 * of the ring says how many went over the socket before it (its stamp). Without a ring small packets
 * that are sent silently are put into a parcel (parcel.h), which goes over the socket when its sender
 * rings, or before whatever it has no room for; the receiver hands out its packets one by one.
 *
 * D1  Packets are handed out in the order in which they were sent, whichever lane they took.
 * D2  Who sleeps is woken for every packet sent after it looked last (W1 in ring.c), as soon as its
 *     sender has rung, which it does before it sleeps itself. On each side that is the one thread that
 *     receives; who sleeps beside it relies on there being one (P6 in supervisor/peer.h).
 *
 *     ring head has a stamp that was reached   ─► take it
 *     else a packet of the socket is at hand   ─► take that
 *     else the ring has a packet               ─► receive from the socket what it waits for
 *     else                                     ─► nothing there: look at both, then sleep
 *
 * Sleeping. A worker sleeps until the bell of the ring rings. The supervisor first spins, if the other side runs on
 * another processor and spinning has paid off of late, then sleeps a short time until the bell rings,
 * since most answers are near, and then in recvmsg, where it also learns of the worker's end; there
 * the worker wakes it with the message RING. Without a ring a lane is the socket alone. A worker whose
 * waiting always ends at once gives up, and does not keep its processor busy.
 *
 * A parcel that the socket has no room for stays, takes what still fits, and goes with the next ring that
 * finds room: until then its packets count as sent, like those that the socket holds.
 *
 * Sending and receiving are two roles; each has one thread at a time, and its own half of the struct.
 * Trust: receives packets from workers, unread.
 */
#ifndef RN_SHM_LANE_H
#define RN_SHM_LANE_H

#include "shm/parcel.h"
#include "shm/ring.h"
#include "shm/transport.h"

struct rn_lane {
    int fd;
    bool is_worker;          /* its end of the lane */
    struct rn_ring_half *in; /* NULL: no ring */
    struct rn_ring_half *out;

    /* Sending. */
    struct rn_ring_end out_end;
    uint32_t socket_sent;
    uint32_t silent; /* packets that were sent without ringing */
    bool stuck;      /* the socket had no room for the parcel */
    bool lost;       /* the socket took a parcel's packets no more */

    /* Receiving. */
    struct rn_ring_end in_end;
    uint32_t socket_taken; /* packets of the socket that were handed out */
    uint32_t luck;         /* how much spinning has paid off */
    uint32_t waits;        /* since the last spin */
    uint32_t linger_luck;  /* how much lingering has paid off */
    uint32_t lingers;
    uint32_t restless; /* a worker's waits in a row that ended with nothing there */
    bool held;         /* a packet of the socket is at hand */
    size_t held_size;
    size_t held_at; /* in a parcel: the next packet that is not handed out; 0: it is none */
    int held_fd;
    uint8_t *socket_packet; /* RN_PACKET_MAX bytes, the owner's */
    uint8_t ring_packet[RN_RING_PACKET_MAX];

    /* Both: RINGs that the worker may send since it was told to. */
    _Atomic uint32_t wakes_owed;
    _Atomic uint32_t
        parcel_cpu; /* without a ring: where the other side was when it sent a parcel last */

    struct rn_parcel parcel; /* of the sender; without a ring */
};

/* What was received; the bytes are good until the next call. */
struct rn_lane_packet {
    const uint8_t *bytes;
    size_t size;
    int fd; /* the caller's; -1: none */
};

/* `ring` may be NULL. `socket_packet` holds RN_PACKET_MAX bytes. */
void rn_lane_init(struct rn_lane *lane, int fd, struct rn_ring *ring, bool is_worker,
                  uint8_t *socket_packet);

/*
 * Sends one packet of at most RN_PACKET_MAX bytes, whole or not at all. *out_wake: the other side
 * waits in recvmsg, and a RING must follow. WOULD_BLOCK, CLOSED, NO_MEMORY, SYSTEM.
 */
enum rn_error rn_lane_send(struct rn_lane *lane, const void *packet, size_t size, enum rn_wait wait,
                           bool *out_wake) RN_MUST_CHECK;
/*
 * The same, but what goes through the ring is not rung for, and without one is put into the parcel, so that
 * many packets cost one wake-up, or one system call: rn_lane_ring must follow before the sender sleeps or is
 * busy with something else for long.
 */
enum rn_error rn_lane_send_silently(struct rn_lane *lane, const void *packet, size_t size,
                                    enum rn_wait wait) RN_MUST_CHECK;
/* So many packets wait for it that it is time to ring, unless the other side is on this processor:
 * there it has its turn when this one sleeps, and being woken before would take turns for few packets each. */
bool rn_lane_is_silent_for_long(const struct rn_lane *lane, uint32_t packets);
/* Something has come, as far as the ring tells: without one, never. */
bool rn_lane_has_news(const struct rn_lane *lane);
/* Something was sent silently, and receiving without waiting for it takes no system call. */
bool rn_lane_may_look(const struct rn_lane *lane);
/*
 * Whoever has sent silently and has nothing more at hand: true if a packet came within a few
 * microseconds. Looks for one only where that is cheaper than ringing now and again for the next one:
 * if the other side sleeps on its socket, runs on another processor, and it has paid off of late.
 */
bool rn_lane_linger(struct rn_lane *lane);
/* Rings for what was sent silently, or sends the parcel, if anything was. *out_wake, errors: as above. After
 * WOULD_BLOCK and NO_MEMORY the parcel is `stuck`, after others its packets are `lost`. */
enum rn_error rn_lane_ring(struct rn_lane *lane, enum rn_wait wait, bool *out_wake) RN_MUST_CHECK;
/* Over the socket in any case, and not in a parcel. */
enum rn_error rn_lane_send_socket(struct rn_lane *lane, const void *packet, size_t size,
                                  enum rn_wait wait) RN_MUST_CHECK;
/* Of whatever sends over the socket: what is in the parcel goes first. */
enum rn_error rn_lane_flush(struct rn_lane *lane, enum rn_wait wait) RN_MUST_CHECK;
/* Supervisor only: with a descriptor, borrowed; over the socket, and silently, since a call that needs it follows. */
enum rn_error rn_lane_send_fd(struct rn_lane *lane, const void *packet, size_t size, int fd,
                              enum rn_wait wait) RN_MUST_CHECK;

/*
 * Receives the next packet. WOULD_BLOCK, CLOSED, TOO_LARGE, MESSAGE_INVALID (a packet or a ring that
 * no honest sender makes), SYSTEM (of a worker also: waiting does not work).
 */
enum rn_error rn_lane_receive(struct rn_lane *lane, enum rn_wait wait,
                              struct rn_lane_packet *out_packet) RN_MUST_CHECK;

/* Supervisor: waits for news in the ring for a short time, as rn_lane_receive does first. */
bool rn_lane_doze(struct rn_lane *lane);
/* Supervisor: from now on the worker wakes with a packet on the socket, which poll reports. */
void rn_lane_watch(struct rn_lane *lane);
/* A packet, or a lie, can be received that poll does not report. */
bool rn_lane_has_packet(const struct rn_lane *lane);
/* A RING has come. False: nobody asked for it. */
bool rn_lane_take_wake(struct rn_lane *lane);

#endif
