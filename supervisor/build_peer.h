/*
 * build_peer.h: compiler processes: one build each, one kept ready.
 *
 * Threads: all functions from any thread.
 */
#ifndef RN_SUPERVISOR_BUILD_PEER_H
#define RN_SUPERVISOR_BUILD_PEER_H

#include <runeward/supervisor.h>

#include "shm/message.h"
#include "supervisor/spawner.h"

struct rn_domain;

/* A compiler that stands behind its wall and waits for its build. */
struct rn_compiler {
    struct rn_domain *domain;
    struct rn_child child;
    int fd;
    uint32_t sequence_out;
    uint32_t sequence_in;
    uint8_t packet[RN_PACKET_MAX];
};

/* The spare, or a new one; the caller's. */
rune_status rn_compiler_take(rune_supervisor *supervisor, struct rn_compiler **out_compiler,
                             rune_error **error) RN_MUST_CHECK;
/* Kills it. Accepts NULL. */
void rn_compiler_free(struct rn_compiler *compiler);
/* How it ended, if it did: waits for a moment. */
bool rn_compiler_exit(struct rn_compiler *compiler, struct rn_child_exit *out_exit);

/* Makes the spare, once builds have been asked for. */
void rn_compilers_refill(rune_supervisor *supervisor);
void rn_compilers_done(rune_supervisor *supervisor);

#endif
