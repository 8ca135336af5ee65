/* remote_state.h: what is inside of a connection, for the files that are it. */
#ifndef RN_SUPERVISOR_REMOTE_STATE_H
#define RN_SUPERVISOR_REMOTE_STATE_H

#include <pthread.h>

#include "shm/message.h"
#include "supervisor/remote.h"
#include "supervisor/remote_held.h"

/* What the receiving thread has to say, until it can be sent. */
struct rn_remote_out {
    struct rn_remote_out *next;
    struct rn_outgoing outgoing;
    uint8_t *body; /* owned */
};

struct rn_remote {
    _Atomic uint32_t refs;
    int fd;
    uint32_t rights;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t send_lock; /* held for a whole message, or several */
    uint32_t sequence_out;
    uint8_t packet_out[RN_PACKET_MAX];

    pthread_mutex_t lock;
    struct rn_remote_out
        *out; /* the first may be half sent; only who has the send lock takes it off */
    struct rn_remote_out **out_end;
    struct rn_remote_request *requests;
    struct rn_remote_listener *listeners;
    uint64_t next_id;
    bool dead;
    bool closing;
    _Atomic uint32_t calling; /* threads that make a call, also once the daemon has ended it */
    bool refused;             /* an execution has output that was not taken yet */
    rune_status why;
    char why_text[256];
    struct rn_remote_table units;
    struct rn_remote_table contexts;

    /* Of the thread that receives. */
    bool out_waits; /* for room in the socket */
    uint32_t sequence_in;
    bool assembling;
    struct rn_message head;
    uint8_t *body;
    size_t body_size;
    size_t body_capacity; /* of it, one byte more than there may be in it */
    uint8_t packet_in[RN_PACKET_MAX];
};

#endif
