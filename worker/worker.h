/*
 * worker.h: the state of a worker's main loop.
 *
 * Everything lies in the arena that was reserved before the wall closed:
 *
 *      | rn_worker: tables, first slots, packets | the engine's region | other slots | assembly |
 *
 * Assembly: of one large message. The supervisor uses the lowest slots first; what has never been in
 * use is not touched, and takes no memory.
 *
 * The supervisor numbers slots, Units, RuntimeContexts and Vms; each is an index into a table here.
 * It is trusted (it owns the process), but not to be free of mistakes: what makes no sense ends the
 * worker, which costs its own calls and nothing else.
 *
 * Threads: one.
 */
#ifndef RN_WORKER_WORKER_H
#define RN_WORKER_WORKER_H

#include "bytecode/unit.h"
#include "shm/call_state.h"
#include "shm/control.h"
#include "shm/fault.h"
#include "shm/lane.h"
#include "shm/message.h"
#include "shm/reason.h"
#include "shm/runtime_layout.h"
#include "shm/segment.h"
#include "worker/process.h"
#include "worker/vm/vm.h"

#define RN_WORKER_UNITS_MAX 256u
#define RN_WORKER_CONTEXTS_MAX 64u
#define RN_WORKER_LINKS_MAX 512u
#define RN_WORKER_VMS_MAX 4096u
#define RN_WORKER_SPARE_VMS 8u
/* Slots among the small pages at the beginning of the arena. */
#define RN_WORKER_FIRST_SLOTS 1024u
/* Budget of one turn: about a tenth of a millisecond. */
#define RN_WORKER_SLICE 50000u

/* A Unit or RuntimeContext. `uses` counts links; one that is detached goes with its last link. */
struct rn_attached {
    struct rn_segment segment;
    struct rune_verified_unit unit;
    uint32_t uses;
    bool present;
    bool detached;
};

/* A Unit together with a RuntimeContext. `uses` counts Vms. */
struct rn_worker_link {
    struct rn_link *link; /* NULL: free */
    uint32_t unit;
    uint32_t context; /* 0: none */
    uint32_t uses;
};

/* A Vm whose Globals are kept between calls. */
struct rn_kept_vm {
    struct rn_vm *vm; /* NULL: free */
    uint32_t link;    /* index into links */
};

enum rn_phase {
    RN_PHASE_FREE,
    RN_PHASE_RUNNABLE, /* in the run queue */
    RN_PHASE_BLOCKED,  /* has something to send and no credit */
    RN_PHASE_WAITING,  /* for a reply of the host */
};

/* One call. */
struct rn_slot {
    uint64_t id;
    struct rn_vm *vm;
    uint32_t vm_handle; /* 0: nothing is kept */
    uint32_t link;
    enum rn_phase phase;
    uint32_t next; /* in the run queue, both of its neighbours or RN_NONE */
    uint32_t previous;
    uint32_t sequence_out;
    uint32_t credit;
    uint32_t host_calls_out; /* not answered yet */
    uint32_t sleeps;         /* SLEEP messages of the call: the number of the last one */
    uint32_t replies;        /* HOST_REPLY messages of the call */
    size_t output_offset;    /* of the first run of output not wholly sent */
    size_t output_sent;      /* bytes of that run that have gone */
    struct rn_outgoing outgoing;
    bool sending;   /* `outgoing` is not wholly sent */
    bool must_wait; /* after sending: for the reply of a plain host function */
    bool ended;     /* after sending: the call is over */
    bool cancelled; /* ends after what is being sent */
    bool no_room;   /* .. for want of room for a reply */
    uint8_t *fault; /* kept until there is credit for the output before it; NULL: none is */
    uint32_t fault_size;
    uint32_t profile_nodes; /* that have gone, as have the places below: */
    uint32_t profile_place;
    bool profile_sent;
};

/* The message from the supervisor that is coming in fragments. One at a time. */
struct rn_inbox {
    struct rn_message message; /* the first fragment's fields */
    uint32_t size;             /* bytes so far */
    bool open;
};

struct rn_worker {
    struct rn_lane lane;
    const struct rn_control *control; /* NULL without one */
    struct rn_engine *engine;
    uint8_t *assembly;          /* RN_CALL_BODY_MAX bytes */
    struct rn_slot *more_slots; /* those from RN_WORKER_FIRST_SLOTS on */
    struct rn_inbox inbox;
    uint32_t queue_first; /* slot index, or RN_NONE */
    uint32_t queue_last;
    uint32_t spare_vm_count;
    struct rn_vm *spare_vms[RN_WORKER_SPARE_VMS];
    struct rn_attached units[RN_WORKER_UNITS_MAX];
    struct rn_attached contexts[RN_WORKER_CONTEXTS_MAX];
    struct rn_worker_link links[RN_WORKER_LINKS_MAX];
    uint32_t link_count; /* those behind were never in use */
    struct rn_kept_vm vms[RN_WORKER_VMS_MAX];
    struct rn_host_function functions[RN_RUNTIME_FUNCTIONS_MAX]; /* while linking */
    struct rn_slot first_slots[RN_WORKER_FIRST_SLOTS];
    uint8_t fault[RN_FAULT_SIZE_MAX]; /* of a result that is about to be sent */
    uint8_t packet_in[RN_PACKET_MAX];
    uint8_t packet_out[RN_PACKET_MAX];
};

/* units.c: what is attached. Errors end the worker, but for NO_MEMORY of rn_worker_link_get. */
enum rn_error rn_worker_attach(struct rn_worker *worker, const struct rn_message *message,
                               int fd) RN_MUST_CHECK;
enum rn_error rn_worker_detach(struct rn_worker *worker,
                               const struct rn_message *message) RN_MUST_CHECK;
/* Finds or makes the link and counts one more use of it. */
enum rn_error rn_worker_link_get(struct rn_worker *worker, uint32_t unit, uint32_t context,
                                 uint32_t *out_link) RN_MUST_CHECK;
void rn_worker_link_put(struct rn_worker *worker, uint32_t link);
enum rn_error rn_worker_vm_drop(struct rn_worker *worker, uint32_t handle) RN_MUST_CHECK;
/* Of a Vm that is kept and does not run. */
enum rn_error rn_worker_function_drop(struct rn_worker *worker, uint32_t handle,
                                      uint32_t function) RN_MUST_CHECK;

/* calls.c: the life of a call. Errors end the worker. */
enum rn_error rn_worker_call(struct rn_worker *worker, const struct rn_message *message,
                             const uint8_t *body, size_t size) RN_MUST_CHECK;
/* CREDIT, HOST_REPLY, CANCEL. Calls that have ended meanwhile are let pass. */
enum rn_error rn_worker_call_message(struct rn_worker *worker, const struct rn_message *message,
                                     const uint8_t *body, size_t size) RN_MUST_CHECK;
/* Gives the next runnable call its turn. */
enum rn_error rn_worker_turn(struct rn_worker *worker) RN_MUST_CHECK;
/* The slot with that call, or NULL. */
struct rn_slot *rn_worker_find(struct rn_worker *worker, uint64_t id);

static inline struct rn_slot *rn_worker_slot(struct rn_worker *worker, uint32_t index)
{
    return index < RN_WORKER_FIRST_SLOTS ? &worker->first_slots[index]
                                         : &worker->more_slots[index - RN_WORKER_FIRST_SLOTS];
}

/* warm.c: what a first call would find cold. */
void rn_worker_warm(struct rn_worker *worker);

/* send.c: what goes out. `*out_done` false: no credit, try again after CREDIT. */
enum rn_error rn_worker_send_output(struct rn_worker *worker, struct rn_slot *slot,
                                    bool *out_done) RN_MUST_CHECK;
/* profile.c, or unprofiled.c: what goes between the output and the result. */
enum rn_error rn_worker_send_profile(struct rn_worker *worker, struct rn_slot *slot,
                                     bool *out_done) RN_MUST_CHECK;
/* A message of the call of one packet. What it costs of the credit is the caller's. */
enum rn_error rn_worker_send_one(struct rn_worker *worker, struct rn_slot *slot,
                                 const struct rn_message *message) RN_MUST_CHECK;
enum rn_error rn_worker_send_outgoing(struct rn_worker *worker, struct rn_slot *slot,
                                      bool *out_done) RN_MUST_CHECK;
/* Wakes the supervisor, if something was sent that it was not woken for. */
enum rn_error rn_worker_ring(struct rn_worker *worker) RN_MUST_CHECK;
enum rn_error rn_worker_send_ready(struct rn_worker *worker, uint64_t layers) RN_MUST_CHECK;

#endif
