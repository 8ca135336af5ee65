/*
 * remote_held.h: Units and contexts that a daemon holds for its client, by the numbers that it gave them.
 *
 * Each is known by the digest of its bytes, so that what is there already is not brought again. Beyond the
 * bounds the oldest go; the daemon's Vms hold theirs themselves. The daemon gives a number that was dropped to
 * something else: one that a request is about to name is in use, and dropped once it was left.
 *
 * A Unit that its watch serves no more is retired. Who still has it may bring it again; of the retired that
 * nobody uses the last one is kept. So a client whose scripts change all the time has the daemon hold no more.
 *
 * Threads: all functions from any thread.
 */
#ifndef RN_SUPERVISOR_REMOTE_HELD_H
#define RN_SUPERVISOR_REMOTE_HELD_H

#include "supervisor/inputs.h"

#define RN_REMOTE_HELD_MAX 64u
#define RN_REMOTE_HELD_BYTES_MAX ((size_t)128 << 20)

struct rn_remote;

struct rn_remote_held {
    uint8_t digest[RN_DIGEST_SIZE]; /* of content id and debug segment, or of the encoded items */
    uint32_t number;                /* 0: the place is free */
    uint32_t uses;
    uint64_t serial; /* the lowest is the oldest */
    size_t bytes;
    bool retired;
};

struct rn_remote_table {
    struct rn_remote_held places[RN_REMOTE_HELD_MAX];
    uint64_t next_serial;
};

/* The number of what has this digest, in use from now on; 0: the daemon is not known to have it. */
uint32_t rn_remote_held_use(struct rn_remote *remote, struct rn_remote_table *table,
                            const uint8_t digest[RN_DIGEST_SIZE]);
/*
 * The daemon has given a number to something of so many bytes. What is to be named: that number, or the one that
 * the same thing had; in use if `thing->uses` is 1.
 */
uint32_t rn_remote_held_note(struct rn_remote *remote, struct rn_remote_table *table,
                             const struct rn_remote_held *thing);
/* The request that named it was answered. Accepts 0. */
void rn_remote_held_leave(struct rn_remote *remote, struct rn_remote_table *table, uint32_t number);
/* Its watch serves it no more. */
void rn_remote_held_retire(struct rn_remote *remote, struct rn_remote_table *table,
                           const uint8_t digest[RN_DIGEST_SIZE]);

#endif
