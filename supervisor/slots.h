/*
 * slots.h: the calls of one worker, by the number that both sides know them by.
 *
 * The table grows with the calls that run at once, and a number that was used before is taken first: so
 * what worker and supervisor keep for each slot lies close together, and is touched only as far as it
 * was needed. Putting, finding and removing take the same time however many there are.
 *
 * Threads: one at a time (the peer's lock).
 */
#ifndef RN_SUPERVISOR_SLOTS_H
#define RN_SUPERVISOR_SLOTS_H

#include "base/error.h"

struct rn_call;

struct rn_slot_entry {
    struct rn_call *call; /* borrowed; NULL: free */
    uint32_t next_free;
};

/* All zero: empty. */
struct rn_slots {
    struct rn_slot_entry *entries;
    uint32_t capacity;
    uint32_t used;  /* entries from here on were never taken */
    uint32_t freed; /* first of the list of free entries below `used`, counted from 1; 0: none */
};

/* WOULD_BLOCK: RN_SLOTS_MAX calls are in it. NO_MEMORY. */
enum rn_error rn_slots_put(struct rn_slots *slots, struct rn_call *call,
                           uint32_t *out_slot) RN_MUST_CHECK;
/* The call in that slot, or NULL; any number. */
struct rn_call *rn_slots_at(const struct rn_slots *slots, uint32_t slot);
void rn_slots_remove(struct rn_slots *slots, uint32_t slot);
/* The calls are their owners'. */
void rn_slots_done(struct rn_slots *slots);

#endif
