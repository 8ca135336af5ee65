/*
 * group.h: calls that one thread owns together, and how it waits for news of any of them.
 *
 * Whoever receives for a peer notes the calls of a group that have news; their owner takes those, the
 * oldest first, and waits only if there are none: as the receiver of the one peer that its calls are at
 * (rn_peer_wait_group), or asleep in poll if they are at several, woken through a descriptor. So it is
 * when a peer whose receiver it could not be has none any more.
 *
 * A call is noted under the lock of its peer, as long as it is in its table: once its owner has
 * finished it there, nobody knows the group by it.
 */
#ifndef RN_SUPERVISOR_GROUP_H
#define RN_SUPERVISOR_GROUP_H

#include <stdatomic.h>

#include "base/error.h"

struct rn_call;

struct rn_group {
    _Atomic(struct rn_call *) news; /* the newest first, through `group_next` */
    struct rn_call *taken;          /* the oldest first; the owner's */
    struct rn_call *waits; /* whose condition the owner sleeps on, under its peer's lock; or NULL */
    atomic_bool asleep;    /* in poll */
    atomic_bool called;    /* since it was awake last */
    int event_fd;          /* -1 until first needed */
};

void rn_group_init(struct rn_group *group);
/* No call knows it any more. */
void rn_group_done(struct rn_group *group);

/* The call has news; under its peer's lock, or of its owner. */
void rn_group_note(struct rn_group *group, struct rn_call *call);
bool rn_group_has_news(const struct rn_group *group);
/* There is something else for the owner to do than what it sleeps for; as long as it cannot have done with
 * the group. */
void rn_group_call(struct rn_group *group);
/* The owner: the call that has had news for longest, which may be noted again from here on; NULL: none. */
struct rn_call *rn_group_next(struct rn_group *group);

/* The owner is about to poll `event_fd`, too. False: it need not, there are news, or it was called. SYSTEM. */
enum rn_error rn_group_fall_asleep(struct rn_group *group, bool *out_may) RN_MUST_CHECK;
void rn_group_wake_up(struct rn_group *group);

#endif
