/*
 * message.h: the packets between processes, made and read from one table (messages.def).
 *
 *      0        2      4       6          8       16         20          24
 *      | version | type | flags | reserved | call  | sequence | body size | fields | body ...
 *
 * Little endian. `call`: the random id of the call, 0 for messages about the process. `sequence`
 * counts the packets of one call (or of 0) in one direction, from 0. A message larger than a packet
 * goes as fragments of the same type: the first has FIRST, the fields and the size of the whole
 * body; further ones have neither and body size 0; the last has LAST. Fragments of different calls
 * interleave; within one call and direction CREDIT and CANCEL may come between fragments,
 * nothing else.
 *
 * Between client and daemon `sequence` counts the packets of a direction, whatever their call, and
 * fragments do not interleave.
 *
 * Trust: reads bytes from workers, compilers, clients and daemons.
 */
#ifndef RN_SHM_MESSAGE_H
#define RN_SHM_MESSAGE_H

#include "base/buf.h"

#define RN_MESSAGE_VERSION 1u
#define RN_PACKET_MAX 65536u
#define RN_MESSAGE_HEADER_SIZE 24u
#define RN_MESSAGE_FIELDS_MAX 64u

#define RN_PACKET_BODY_MAX (RN_PACKET_MAX - RN_MESSAGE_HEADER_SIZE - RN_MESSAGE_FIELDS_MAX)
#define RN_CALL_BODY_MAX (16u << 20)
#define RN_REPLY_BODY_MAX (16u << 20)
#define RN_HOST_CALL_BODY_MAX (16u << 20)
#define RN_RESULT_BODY_MAX (16u << 20)
#define RN_BUILD_BODY_MAX (24u << 20)
#define RN_NEED_BODY_MAX 4096u
#define RN_IMAGE_BODY_MAX (64u << 20)
#define RN_DEBUG_BODY_MAX (128u << 20)
#define RN_DIAGNOSTICS_BODY_MAX (8u << 20)
#define RN_TEXT_BODY_MAX (64u << 20)
#define RN_CLIENT_BUILD_MAX (32u << 20)
#define RN_CLIENT_UNIT_MAX (208u << 20) /* image, debug segment, diagnostics */
#define RN_CLIENT_RECORD_MAX (17u << 20)
#define RN_CLIENT_CONTEXT_MAX (4u << 20)
/* Of an error that a host function answers with. */
#define RN_HOST_ERROR_MAX 4096u

enum rn_message_type {
#define MESSAGE(name, number, direction, states, body_max, fds, fields, text)                      \
    RN_MESSAGE_##name = number,
#include "shm/messages.def"
};

enum rn_direction {
    RN_TO_WORKER,
    RN_FROM_WORKER,
    RN_TO_COMPILER,
    RN_FROM_COMPILER,
    RN_FROM_CLIENT,
    RN_TO_CLIENT,
    RN_DIRECTION_COUNT
};

/* States of a call or, from STARTING on, of a peer. Sets of them are bit masks (1u << state). */
enum rn_state {
    RN_STATE_NONE,       /* no such call */
    RN_STATE_RUNNING,    /* started, no host call out */
    RN_STATE_HOST,       /* at least one host call out */
    RN_STATE_CANCELLING, /* told to end */
    RN_STATE_DONE,       /* its end has been sent or received */
    RN_STATE_STARTING,   /* the peer has not said that its wall stands */
    RN_STATE_READY,
    RN_STATE_BUILDING,  /* the compiler works */
    RN_STATE_NEEDING,   /* the compiler waits for a module */
    RN_STATE_CONNECTED, /* the client was let in */
    RN_STATE_COUNT
};

enum rn_call_tag {
#define CALL_TAG(name, number, text) RN_CALL_TAG_##name = number,
#include "shm/messages.def"
    RN_CALL_TAG_END
};

/* Functions that one Vm keeps for the host; their numbers begin at 1. */
#define RN_VM_FUNCTIONS_MAX 1024u

/* What a CALL is about: the tag TARGET. */
enum rn_call_target {
    RN_CALL_TARGET_ITEM,    /* `item`: hash of a function of the Unit */
    RN_CALL_TARGET_STATICS, /* runs nothing; the result is an Object of the static `item`, or with 0 of
                                all that have a value, under their paths */
    RN_CALL_TARGET_FUNCTION, /* `item`: number of a function that the Vm keeps */
    RN_CALL_TARGET_SEND,     /* runs nothing; the result is that function as a ConstValue */
    RN_CALL_TARGET_VALUE, /* the first argument is the function; there is no storage for statics */
    RN_CALL_TARGET_COUNT
};

/* What a client wants to have made of its sources. */
enum rn_build_kind {
    RN_BUILD_KIND_UNIT,
    RN_BUILD_KIND_FORMAT,  /* the root source laid out */
    RN_BUILD_KIND_OUTLINE, /* what the module tree declares */
    RN_BUILD_KIND_NAMES,   /* what its names mean */
    RN_BUILD_KIND_COUNT
};

#define RN_UNPAREN(...) __VA_ARGS__
#define U32(name) uint32_t name;
#define U64(name) uint64_t name;
/* The empty ones have no member of their own. */
#define MESSAGE(name, number, direction, states, body_max, fds, fields, text)                      \
    struct rn_fields_##name {                                                                      \
        RN_UNPAREN fields uint8_t end_of_fields;                                                   \
    };
#include "shm/messages.def"

/* One packet, decoded or to be encoded. `body` is borrowed. */
struct rn_message {
    enum rn_message_type type;
    bool first;
    bool last;
    uint64_t call;
    uint32_t sequence;
    uint32_t body_total; /* of the whole message; in first fragments only */
    const uint8_t *body; /* this packet's part */
    size_t body_size;
    union {
#define MESSAGE(name, number, direction, states, body_max, fds, fields, text)                      \
    struct rn_fields_##name name;
#include "shm/messages.def"
    } as; /* first fragments only */
};
#undef U32
#undef U64

/* What came in: nothing about it may be believed. Borrowed. */
struct rn_wire_message {
    const void *bytes;
    size_t size;
};

struct rn_message_info {
    const char *name;
    const char *text;
    const char *fields; /* "U32(unit) U32(size)" */
    enum rn_message_type type;
    enum rn_direction direction;
    uint32_t states; /* mask */
    uint32_t body_max;
    uint32_t fds;
    uint32_t fields_size;
};

/* The table's row, or NULL for an unknown number. */
const struct rn_message_info *rn_message_info(uint32_t type);
/* Rows in the order of the table; NULL past the end. */
const struct rn_message_info *rn_message_info_at(size_t index);
const char *rn_state_name(enum rn_state state);
const char *rn_direction_name(enum rn_direction direction);
bool rn_message_permitted(enum rn_message_type type, enum rn_state state);

/*
 * Decodes one packet that travels in `direction`. Checks version, type, flags, sizes; not sequence,
 * call or state, which the receiver knows. RN_E_MESSAGE_INVALID.
 */
enum rn_error rn_message_decode(struct rn_wire_message wire, enum rn_direction direction,
                                struct rn_message *out_message) RN_MUST_CHECK;

/*
 * A message on its way out, cut into packets. Set type, call, fields, body, body_size of `message`;
 * `sequence` is the counter of the call and direction, advanced by each packet made.
 */
struct rn_outgoing {
    struct rn_message message; /* body and body_size: what is left */
    bool started;
};

void rn_outgoing_init(struct rn_outgoing *outgoing, const struct rn_message *message);
/* Packets that are still to be made. */
size_t rn_outgoing_packets(const struct rn_outgoing *outgoing);
/*
 * Writes the next packet to `packet` (RN_PACKET_MAX bytes) and gives its size, advancing nothing:
 * rn_outgoing_sent does once the packet has gone.
 */
size_t rn_outgoing_packet(const struct rn_outgoing *outgoing, uint32_t sequence, uint8_t *packet);
/* True: that was the last one. */
bool rn_outgoing_sent(struct rn_outgoing *outgoing);

/* Optional fields of CALL. */
struct rn_call_tags {
    uint64_t values[RN_CALL_TAG_END];
    uint32_t present; /* mask of (1u << tag) */
};

void rn_call_tags_encode(const struct rn_call_tags *tags, struct rn_buf *out);
/* `*out_tags` is written in any case. */
enum rn_error rn_call_tags_decode(const void *bytes, size_t size,
                                  struct rn_call_tags *out_tags) RN_MUST_CHECK;

#endif
