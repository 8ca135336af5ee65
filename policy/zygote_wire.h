/*
 * zygote_wire.h: the packets between a spawner and its zygotes.
 *
 * Both ends come from one build, run on one machine, and neither runs foreign code; so packets are
 * structs. Each end still checks magic and size of every packet. One packet is one message of a
 * SOCK_SEQPACKET socket; descriptors ride along by SCM_RIGHTS.
 *
 *   helper                    zygote                          spawner
 *     ZYGOTE (pidfd) -------------------------------------------> |
 *                               HELLO (report) -----------------> |
 *                               | <---------------- SPAWN (socket, segments)
 *                               SPAWNED (pidfd) or errno -------> |
 *                               ENDED (status) -----------------> |
 */
#ifndef RN_POLICY_ZYGOTE_WIRE_H
#define RN_POLICY_ZYGOTE_WIRE_H

#include "policy/process.h"

#define RN_ZYGOTE_MAGIC 0x527a7902u

/* Descriptors that `runeward-worker --zygote UID` finds open. */
#define RN_ZYGOTE_CONTROL_FD 3
#define RN_ZYGOTE_WORKER_FD 4
#define RN_ZYGOTE_COMPILER_FD 5
#define RN_ZYGOTE_HOST_FD 6 /* a pidfd: readable when the host has ended */

enum rn_zygote_packet_kind {
    RN_ZYGOTE_PACKET_ZYGOTE,
    RN_ZYGOTE_PACKET_HELLO,
    RN_ZYGOTE_PACKET_SPAWNED,
    RN_ZYGOTE_PACKET_ENDED,
};

struct rn_zygote_spawn {
    uint32_t magic;
    uint32_t role;
    uint64_t id;
    uint64_t required; /* layers */
    uint64_t given_up; /* layers, of RN_LAYERS_TO_GIVE_UP */
    uint64_t arena_size;
    uint64_t stack_size;
    uint32_t cpu_seconds;
    uint32_t segment_mask; /* one descriptor for each bit follows the socket */
};

struct rn_zygote_packet {
    uint32_t magic;
    uint32_t kind; /* enum rn_zygote_packet_kind */
    uint64_t id;   /* of the child: SPAWNED, ENDED */
    int32_t error; /* SPAWNED: errno of the exec, or 0. ZYGOTE: errno of the clone, or 0 */
    int32_t code;  /* ENDED: signal or exit code */
    uint8_t signalled;
    uint8_t deadline;
    uint8_t padding[6];
    uint64_t cpu_ns;
    uint64_t memory_peak;
    struct rn_wall_report report; /* HELLO */
};

#endif
