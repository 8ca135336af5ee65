/*
 * parcel.h: several small packets that go over a socket as one, since a system call costs more than they do.
 *
 *      0      2     4      6            6+a    8+a
 *      | mark | cpu | size | packet (a) | size | packet ...
 *
 * Little endian. `cpu` is the processor that the sender ran on, counted from 1, or 0: a hint, which says
 * whether waiting for more to pack keeps the other side idle. `mark` is no version that a packet (message.h)
 * can have: who knows no parcels refuses one as he refuses any other version, and a packet of a parcel that
 * claims to be one itself. A parcel has two packets at least, since one alone goes as it is, each with at
 * least one byte, and nothing behind the last.
 *
 * Trust: reads bytes from workers. What splits a parcel looks at sizes only, all of them before the first
 * packet is handed out.
 */
#ifndef RN_SHM_PARCEL_H
#define RN_SHM_PARCEL_H

#include "base/error.h"

#define RN_PARCEL_MARK 0x7072u /* "rp" */
#define RN_PARCEL_MAX 8192u
#define RN_PARCEL_PACKET_MAX 1024u
/* Where the first packet's size is. */
#define RN_PARCEL_START 4u

/* One that is being filled. */
struct rn_parcel {
    uint32_t count;
    uint32_t size; /* with the mark; 0: nothing is in it */
    uint8_t bytes[RN_PARCEL_MAX];
};

/* Appends a packet, which is not empty. False: no room, or too large. */
bool rn_parcel_put(struct rn_parcel *parcel, const void *packet, size_t size);
/* What has to go over the socket from `cpu`, borrowed: the parcel, or the only packet that is in it. */
const uint8_t *rn_parcel_bytes(struct rn_parcel *parcel, uint32_t cpu, size_t *out_size);
void rn_parcel_clear(struct rn_parcel *parcel);

/* Whether what came from a socket claims to be a parcel. */
bool rn_parcel_is(const uint8_t *bytes, size_t size);
/* MESSAGE_INVALID: no sender that keeps to the rules makes this. */
enum rn_error rn_parcel_check(const uint8_t *bytes, size_t size) RN_MUST_CHECK;
/* Of one that was checked: a claim. */
uint32_t rn_parcel_cpu(const uint8_t *bytes);
/* The packet of a parcel that was checked whose size is at *offset, which goes past it; borrowed. */
const uint8_t *rn_parcel_take(const uint8_t *bytes, size_t *offset, size_t *out_size);

#endif
