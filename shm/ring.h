/*
 * ring.h: packets through shared memory, beside the socket: the memory and what lies in it.
 *
 * One segment per worker, made by the supervisor, sealed against resizing and mapped read-write on
 * both sides. First a word that tells whether the worker lives, then two halves, one per direction, each
 * with one producer and one consumer:
 *
 *     life              a robust futex, and never waited for (see robust_list(2))
 *
 *                        31     30      29                    0
 *                       | 0 | died | the worker's own number |   0: nobody has said, or will say
 *
 *     producer's line   tail, socket_sent, cpu
 *     consumer's line   head, waits
 *     data              RN_RING_BYTES, used in a circle; positions count bytes for ever (mod 2^32)
 *
 *     a packet:  | size:32 | stamp:32 | bytes ... | padding to 8 |
 *
 * `stamp` counts the packets that its sender had sent over the socket before, so that the receiver
 * can restore one order over both lanes (lane.h). What does not fit goes over the socket.
 *
 * The worker writes its number before its wall closes (policy/process.c). When it ends, however it does, the
 * kernel replaces that by `died`, on the way out and before it closes anything.
 *
 * Trust: all of it is written by workers. The supervisor keeps its own positions privately, takes
 * sizes, positions and `life` as claims, and copies a packet out before anybody looks at it.
 */
#ifndef RN_SHM_RING_H
#define RN_SHM_RING_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>

#define RN_RING_BYTES 32768u
#define RN_RING_PACKET_MAX 4096u

/* How the consumer of a half sleeps, which says how it is woken. */
enum rn_ring_waits {
    RN_RING_AWAKE = 0, /* it will look before it sleeps */
    RN_RING_FUTEX = 1, /* on the word that says so, `waits` */
    RN_RING_SOCKET = 2 /* for a packet on the socket: RING. Supervisor only */
};

struct rn_ring_half {
    _Alignas(64) _Atomic uint32_t tail;
    _Atomic uint32_t socket_sent; /* packets sent over the socket in this direction */
    _Atomic uint32_t cpu;         /* where the producer ran last, counted from 1; 0: unknown */
    _Alignas(64) _Atomic uint32_t head;
    _Atomic uint32_t waits; /* enum rn_ring_waits; a futex */
    _Alignas(64) uint8_t data[RN_RING_BYTES];
};

struct rn_ring {
    _Alignas(64) _Atomic uint32_t life;
    struct rn_ring_half to_worker;
    struct rn_ring_half to_supervisor;
};

_Static_assert((RN_RING_BYTES & (RN_RING_BYTES - 1)) == 0, "positions wrap with 2^32");
_Static_assert(offsetof(struct rn_ring, life) == 0, "policy/process.h: a segment begins with it");

/* What `life` claims. */
enum rn_ring_life {
    RN_RING_LIFE_UNTOLD, /* its process has to be asked for */
    RN_RING_LIVES,
    RN_RING_DIED,
};

/*
 * One side's view of a half: its own position, and the other's as it was when looked at last. Each look
 * takes the other's line away from its processor, so there is none while packets, or room, are known of.
 */
struct rn_ring_end {
    uint32_t at;
    uint32_t seen;
};

/* A packet that lies at the head, not taken yet. */
struct rn_ring_packet {
    bool present;
    uint32_t size;
    uint32_t stamp;
};

/* Producer: appends a packet. False: no room, or too large. */
bool rn_ring_push(struct rn_ring_half *half, struct rn_ring_end *end, const void *packet,
                  uint32_t size, uint32_t stamp);
/*
 * Consumer: what lies at its own position. MESSAGE_INVALID: no producer that keeps to the rules leaves
 * this behind.
 */
enum rn_error rn_ring_peek(const struct rn_ring_half *half, struct rn_ring_end *end,
                           struct rn_ring_packet *out_packet) RN_MUST_CHECK;
/* Consumer: copies what rn_ring_peek found into `to` (RN_RING_PACKET_MAX bytes) and goes past it. */
void rn_ring_take(struct rn_ring_half *half, struct rn_ring_end *end,
                  const struct rn_ring_packet *packet, void *to);

/*
 * Producer, after what it sent on either lane: wakes a consumer that sleeps, or is about to, with
 * RN_RING_FUTEX. One ring does for many packets, and may come after they were taken.
 */
void rn_ring_bell(struct rn_ring_half *half);
/*
 * Producer, after a push and the bell: the consumer waits for a packet on the socket, and the caller
 * is the one who has to send it. Not after a packet on the socket: its consumer may have woken,
 * worked and gone to sleep again, and would then be taken for awake.
 */
bool rn_ring_must_wake(struct rn_ring_half *half);
/* Consumer: says how it is going to sleep, before it looks for packets once more, or that it does not any more. */
void rn_ring_say_waits(struct rn_ring_half *half, enum rn_ring_waits waits);
/*
 * Consumer, after rn_ring_say_waits(RN_RING_FUTEX) and a look: sleeps until the bell rings, at most
 * `timeout_ns` (0: without end); not at all if it has rung since. Comes back early, too.
 */
void rn_ring_sleep(struct rn_ring_half *half, uint64_t timeout_ns);

/* The processor this thread runs on, counted from 1, without a system call; 0: unknown. */
uint32_t rn_ring_cpu(void);

/* Supervisor only, and a claim of the worker's. */
enum rn_ring_life rn_ring_life(const struct rn_ring *ring);

/* Supervisor only. Makes and maps one; *out_fd is for the worker, the caller's. SYSTEM. */
enum rn_error rn_ring_make(struct rn_ring **out_ring, int *out_fd) RN_MUST_CHECK;
/* Supervisor only. Accepts NULL. */
void rn_ring_unmap(struct rn_ring *ring);

#endif
