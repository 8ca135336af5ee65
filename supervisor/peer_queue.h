/*
 * peer_queue.h: what waits until a worker's socket has room.
 *
 * First in, first out, but for single packets that overtake. At most one message of it is half sent: no
 * other of more than one packet begins before that one is through. So neither the bytes that wait nor
 * the half message are ever looked for.
 *
 * Threads: under the peer's lock.
 */
#ifndef RN_SUPERVISOR_PEER_QUEUE_H
#define RN_SUPERVISOR_PEER_QUEUE_H

#include "shm/message.h"

struct rn_queued {
    struct rn_queued *next;
    struct rn_outgoing outgoing;
    uint32_t sequence; /* of the next packet, if the call has ended with this half sent */
    size_t bytes;      /* of memory, as long as it waits */
    uint8_t *body;     /* owned */
    int fd;            /* owned; -1: none */
};

struct rn_peer_queue {
    struct rn_queued *first;
    struct rn_queued **end;
    struct rn_queued *half_sent; /* NULL: none is */
    size_t bytes;                /* memory that all of it takes */
};

void rn_peer_queue_init(struct rn_peer_queue *queue);
void rn_peer_queue_done(struct rn_peer_queue *queue);

/* A copy of what is left of the message, with a descriptor of its own if one is still to go. NO_MEMORY. */
enum rn_error rn_peer_queue_append(struct rn_peer_queue *queue, const struct rn_outgoing *outgoing,
                                   int fd) RN_MUST_CHECK;
/* The same in front of all others, for a message of one packet: a CANCEL, or a CREDIT that found none to be
 * added to. */
enum rn_error rn_peer_queue_overtake(struct rn_peer_queue *queue,
                                     const struct rn_outgoing *outgoing) RN_MUST_CHECK;
/* Adds credit to that of the same call which waits already; P8 in peer.h. False: none does. */
bool rn_peer_queue_add_credit(struct rn_peer_queue *queue,
                              const struct rn_message *message) RN_MUST_CHECK;
/* The first of them was sent in part. */
void rn_peer_queue_note_half(struct rn_peer_queue *queue);
/* The first of them was sent, or never can be. */
void rn_peer_queue_remove_first(struct rn_peer_queue *queue);

#endif
