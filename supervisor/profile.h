/*
 * profile.h: what a worker says that a call has spent, and where (shm/profile.h).
 *
 * All of it is a worker's claim. What is checked is its form: that it names functions and instructions
 * that are there, each once, and that it ends.
 *
 * Trust: reads messages from workers.
 */
#ifndef RN_SUPERVISOR_PROFILE_H
#define RN_SUPERVISOR_PROFILE_H

#include <runeward/profile.h>

#include "shm/message.h"
#include "shm/profile.h"

struct rn_profile_node {
    uint32_t parent;   /* its index, which is lower */
    uint32_t function; /* of the Unit; RN_NONE: of none */
    uint64_t spent;
    uint64_t calls;
};

struct rn_profile_place {
    uint32_t pc;
    uint64_t spent;
    uint64_t hits;
};

struct rune_profile {
    rune_unit *unit;               /* counted */
    struct rn_profile_node *nodes; /* owned, as are the places, which ascend by pc */
    struct rn_profile_place *places;
    uint32_t node_count;
    uint32_t node_room;
    uint32_t place_count;
    uint32_t place_room;
};

/* The next packet of a call. MESSAGE_INVALID: the worker lies; NO_MEMORY: it is not whole from now on. */
enum rn_error rn_profile_receive(struct rune_profile *profile,
                                 const struct rn_message *message) RN_MUST_CHECK;

#endif
