/*
 * peer_attach.h: the Units and RuntimeContexts that a worker has mapped, and who uses them there.
 *
 * A table entry is used by the calls that run on it and the Vms whose Globals are kept with it. What is
 * unused stays mapped for the next call, until only workers hold it any more: then it is detached, some time
 * after another one was attached, so that no call has to wait for it.
 *
 * Threads: under the peer's lock, unless a function says otherwise.
 */
#ifndef RN_SUPERVISOR_PEER_ATTACH_H
#define RN_SUPERVISOR_PEER_ATTACH_H

#include "supervisor/peer.h"

/* One more use of it, mapped first if need be. WOULD_BLOCK: no room; and what sending leads to. */
enum rn_error rn_peer_use_unit(struct rn_peer *peer, struct rune_unit *unit,
                               uint32_t *out_index) RN_MUST_CHECK;
/* The same; `runtime` may be NULL, which is index 0. */
enum rn_error rn_peer_use_context(struct rn_peer *peer, struct rune_runtime *runtime,
                                  uint32_t *out_index) RN_MUST_CHECK;
/* One use less of each; `runtime` may be NULL. */
void rn_peer_unuse(struct rn_peer *peer, const struct rune_unit *unit,
                   const struct rune_runtime *runtime);
/* The first call of a worker is for these: what else was mapped ahead goes. */
void rn_peer_drop_mapped_ahead(struct rn_peer *peer, const struct rune_unit *unit,
                               const struct rune_runtime *runtime);
/* After a call has begun, at that time: if it had something attached, the tables are swept later. */
void rn_peer_await_sweep(struct rn_peer *peer, uint64_t now_ns);
/* No call begins there any more: its tables are not swept any more either. Without the lock. */
void rn_peer_end_sweeps(struct rn_peer *peer);
/* Of a peer that nobody uses any more: gives up what its tables hold. */
void rn_peer_forget_attached(struct rn_peer *peer);

#endif
