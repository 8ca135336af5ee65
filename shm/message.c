/*
 * message.c: packets made and read from the table.
 *
 * Trust: reads bytes from workers, compilers, clients and daemons.
 */
#include "shm/message.h"

#include <string.h>

#include "base/cursor.h"
#include "base/math.h"

enum {
    FLAG_FIRST = 1u << 0,
    FLAG_LAST = 1u << 1,
    TAG_SIZE = 12, /* number, size, value */
};

/* Bits of rn_call_tags.present; there is no tag 0. */
#define KNOWN_TAGS (((1u << RN_CALL_TAG_END) - 1u) & ~1u)
_Static_assert(RN_CALL_TAG_END < 32, "tags are bits of 32");

/* The names under which messages.def lists states, as masks. */
enum {
    NONE = 1u << RN_STATE_NONE,
    RUNNING = 1u << RN_STATE_RUNNING,
    HOST = 1u << RN_STATE_HOST,
    CANCELLING = 1u << RN_STATE_CANCELLING,
    DONE = 1u << RN_STATE_DONE,
    STARTING = 1u << RN_STATE_STARTING,
    READY = 1u << RN_STATE_READY,
    BUILDING = 1u << RN_STATE_BUILDING,
    NEEDING = 1u << RN_STATE_NEEDING,
    CONNECTED = 1u << RN_STATE_CONNECTED,
};

static const struct rn_message_info infos[] = {
#define U32(field) +4u
#define U64(field) +8u
#define FIELD_LIST_SIZE(fields) (0u RN_UNPAREN fields)
#define MESSAGE(message, number, way, permitted, body, descriptors, field_list, meaning)           \
    {.name = #message,                                                                             \
     .text = meaning,                                                                              \
     .fields = #field_list,                                                                        \
     .type = RN_MESSAGE_##message,                                                                 \
     .direction = RN_##way,                                                                        \
     .states = permitted,                                                                          \
     .body_max = body,                                                                             \
     .fds = descriptors,                                                                           \
     .fields_size = FIELD_LIST_SIZE(field_list)},
#include "shm/messages.def"
#undef U32
#undef U64
};

#define U32(field) +4u
#define U64(field) +8u
#define MESSAGE(message, number, way, permitted, body, descriptors, field_list, meaning)           \
    _Static_assert(FIELD_LIST_SIZE(field_list) <= RN_MESSAGE_FIELDS_MAX, #message);
#include "shm/messages.def"
#undef U32
#undef U64

/* Rows of `infos`. */
enum row {
#define MESSAGE(message, number, way, permitted, body, descriptors, field_list, meaning)           \
    ROW_##message,
#include "shm/messages.def"
};

const struct rn_message_info *rn_message_info(uint32_t type)
{
    switch (type) {
#define MESSAGE(message, number, way, permitted, body, descriptors, field_list, meaning)           \
    case number:                                                                                   \
        return &infos[ROW_##message];
#include "shm/messages.def"
    default:
        return NULL;
    }
}

const struct rn_message_info *rn_message_info_at(size_t index)
{
    return index < RN_COUNT_OF(infos) ? &infos[index] : NULL;
}

const char *rn_state_name(enum rn_state state)
{
    static const char *const names[RN_STATE_COUNT] = {
        [RN_STATE_NONE] = "none",       [RN_STATE_RUNNING] = "running",
        [RN_STATE_HOST] = "host",       [RN_STATE_CANCELLING] = "cancelling",
        [RN_STATE_DONE] = "done",       [RN_STATE_STARTING] = "starting",
        [RN_STATE_READY] = "ready",     [RN_STATE_BUILDING] = "building",
        [RN_STATE_NEEDING] = "needing", [RN_STATE_CONNECTED] = "connected",
    };
    return (unsigned)state < RN_STATE_COUNT ? names[state] : "unknown";
}

const char *rn_direction_name(enum rn_direction direction)
{
    static const char *const names[] = {
        [RN_TO_WORKER] = "supervisor to worker",     [RN_FROM_WORKER] = "worker to supervisor",
        [RN_TO_COMPILER] = "supervisor to compiler", [RN_FROM_COMPILER] = "compiler to supervisor",
        [RN_FROM_CLIENT] = "client to daemon",       [RN_TO_CLIENT] = "daemon to client",
    };
    return (unsigned)direction < RN_COUNT_OF(names) ? names[direction] : "unknown";
}

bool rn_message_permitted(enum rn_message_type type, enum rn_state state)
{
    const struct rn_message_info *info = rn_message_info(type);
    return info && (unsigned)state < RN_STATE_COUNT && (info->states >> state & 1) != 0;
}

/* `at`: as many bytes as the fields take. */
static void read_fields(const uint8_t *at, struct rn_message *message)
{
    switch (message->type) {
#define U32(field)                                                                                 \
    fields->field = (uint32_t)rn_load_le(at, 4);                                                   \
    at += 4;
#define U64(field)                                                                                 \
    fields->field = rn_load_le(at, 8);                                                             \
    at += 8;
#define MESSAGE(message_, number, way, permitted, body, descriptors, field_list, meaning)          \
    case RN_MESSAGE_##message_: {                                                                  \
        struct rn_fields_##message_ *fields = &message->as.message_;                               \
        (void)fields;                                                                              \
        RN_UNPAREN field_list break;                                                               \
    }
#include "shm/messages.def"
#undef U32
#undef U64
    }
}

/* `at`: as many bytes as the fields take. */
static void write_fields(uint8_t *at, const struct rn_message *message)
{
    switch (message->type) {
#define U32(field)                                                                                 \
    rn_store_le(at, fields->field, 4);                                                             \
    at += 4;
#define U64(field)                                                                                 \
    rn_store_le(at, fields->field, 8);                                                             \
    at += 8;
#define MESSAGE(message_, number, way, permitted, body, descriptors, field_list, meaning)          \
    case RN_MESSAGE_##message_: {                                                                  \
        const struct rn_fields_##message_ *fields = &message->as.message_;                         \
        (void)fields;                                                                              \
        RN_UNPAREN field_list break;                                                               \
    }
#include "shm/messages.def"
#undef U32
#undef U64
    }
}

/* What sizes and flags must be to one another; see the head of message.h. */
static bool is_consistent(const struct rn_message *message, const struct rn_message_info *info)
{
    if (message->body_total > info->body_max) {
        return false;
    }
    if (message->first && message->last) {
        return message->body_size == message->body_total;
    }
    if (message->first) {
        return message->body_size > 0 && message->body_size < message->body_total;
    }
    return message->body_total == 0 && message->body_size > 0 && info->body_max > 0;
}

/* `at`: RN_MESSAGE_HEADER_SIZE bytes, as message.h draws them. */
static bool read_header(const uint8_t *at, enum rn_direction direction, struct rn_message *message,
                        const struct rn_message_info **out_info)
{
    uint64_t flags = rn_load_le(at + 4, 2);
    const struct rn_message_info *info = rn_message_info((uint32_t)rn_load_le(at + 2, 2));
    if (rn_load_le(at, 2) != RN_MESSAGE_VERSION || !info || info->direction != direction ||
        (flags & ~(uint64_t)(FLAG_FIRST | FLAG_LAST)) != 0 || rn_load_le(at + 6, 2) != 0) {
        return false;
    }
    message->type = info->type;
    message->first = (flags & FLAG_FIRST) != 0;
    message->last = (flags & FLAG_LAST) != 0;
    message->call = rn_load_le(at + 8, 8);
    message->sequence = (uint32_t)rn_load_le(at + 16, 4);
    message->body_total = (uint32_t)rn_load_le(at + 20, 4);
    *out_info = info;
    return true;
}

enum rn_error rn_message_decode(struct rn_wire_message wire, enum rn_direction direction,
                                struct rn_message *out_message)
{
    struct rn_cursor cursor;
    const struct rn_message_info *info;
    rn_cursor_init(&cursor, wire.bytes, wire.size);
    const uint8_t *header = rn_cursor_bytes(&cursor, RN_MESSAGE_HEADER_SIZE);
    if (!header || wire.size > RN_PACKET_MAX ||
        !read_header(header, direction, out_message, &info)) {
        return RN_E_MESSAGE_INVALID;
    }
    if (out_message->first) {
        const uint8_t *fields = rn_cursor_bytes(&cursor, info->fields_size);
        if (!fields) {
            return RN_E_MESSAGE_INVALID;
        }
        read_fields(fields, out_message);
    } else {
        memset(&out_message->as, 0, sizeof(out_message->as));
    }
    out_message->body_size = rn_cursor_left(&cursor);
    out_message->body = rn_cursor_bytes(&cursor, out_message->body_size);
    return is_consistent(out_message, info) ? RN_OK : RN_E_MESSAGE_INVALID;
}

void rn_outgoing_init(struct rn_outgoing *outgoing, const struct rn_message *message)
{
    const struct rn_message_info *info = rn_message_info(message->type);
    RN_CHECK(info && message->body_size <= info->body_max);
    outgoing->message = *message;
    outgoing->started = false;
}

/* Bytes of body that fit the next packet. */
static size_t packet_room(const struct rn_outgoing *outgoing)
{
    size_t fields = outgoing->started ? 0 : rn_message_info(outgoing->message.type)->fields_size;
    return RN_PACKET_MAX - RN_MESSAGE_HEADER_SIZE - fields;
}

size_t rn_outgoing_packets(const struct rn_outgoing *outgoing)
{
    size_t left = outgoing->message.body_size;
    size_t room = packet_room(outgoing);
    size_t further = RN_PACKET_MAX - RN_MESSAGE_HEADER_SIZE;
    return left <= room ? 1 : 1 + (left - room + further - 1) / further;
}

size_t rn_outgoing_packet(const struct rn_outgoing *outgoing, uint32_t sequence, uint8_t *packet)
{
    const struct rn_message *message = &outgoing->message;
    size_t part = rn_min_size(message->body_size, packet_room(outgoing));
    unsigned flags =
        (outgoing->started ? 0u : FLAG_FIRST) | (part == message->body_size ? FLAG_LAST : 0u);
    size_t fields_size = outgoing->started ? 0 : rn_message_info(message->type)->fields_size;
    RN_CHECK(RN_MESSAGE_HEADER_SIZE + fields_size + part <= RN_PACKET_MAX);
    rn_store_le(packet, RN_MESSAGE_VERSION, 2);
    rn_store_le(packet + 2, message->type, 2);
    rn_store_le(packet + 4, flags, 2);
    rn_store_le(packet + 6, 0, 2);
    rn_store_le(packet + 8, message->call, 8);
    rn_store_le(packet + 16, sequence, 4);
    rn_store_le(packet + 20, outgoing->started ? 0 : message->body_size, 4);
    uint8_t *at = packet + RN_MESSAGE_HEADER_SIZE;
    if (!outgoing->started) {
        write_fields(at, message);
    }
    if (part > 0) {
        memcpy(at + fields_size, message->body, part);
    }
    return RN_MESSAGE_HEADER_SIZE + fields_size + part;
}

bool rn_outgoing_sent(struct rn_outgoing *outgoing)
{
    size_t part = rn_min_size(outgoing->message.body_size, packet_room(outgoing));
    outgoing->message.body_size -= part;
    if (part > 0) {
        outgoing->message.body += part;
    }
    outgoing->started = true;
    return outgoing->message.body_size == 0;
}

void rn_call_tags_encode(const struct rn_call_tags *tags, struct rn_buf *out)
{
    for (uint32_t left = tags->present & KNOWN_TAGS; left != 0; left &= left - 1) {
        unsigned tag = (unsigned)__builtin_ctz(left);
        uint8_t *room = rn_buf_reserve(out, TAG_SIZE);
        if (!room) {
            return;
        }
        rn_store_le(room, tag, 2);
        rn_store_le(room + 2, 8, 2);
        rn_store_le(room + 4, tags->values[tag], 8);
        rn_buf_commit(out, TAG_SIZE);
    }
}

/* Known tags come with 8 bytes; those of a later version are passed over. */
static enum rn_error read_tag(struct rn_cursor *cursor, unsigned tag, unsigned length,
                              struct rn_call_tags *tags)
{
    const uint8_t *value = rn_cursor_bytes(cursor, length);
    if (!value || (tag < RN_CALL_TAG_END && length != 8)) {
        return RN_E_MESSAGE_INVALID;
    }
    if (tag < RN_CALL_TAG_END) {
        tags->values[tag] = rn_load_le(value, 8);
        tags->present |= 1u << tag;
    }
    return RN_OK;
}

enum rn_error rn_call_tags_decode(const void *bytes, size_t size, struct rn_call_tags *out_tags)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, size);
    *out_tags = (struct rn_call_tags){.present = 0};
    unsigned previous = 0;
    while (rn_cursor_left(&cursor) > 0) {
        const uint8_t *head = rn_cursor_bytes(&cursor, TAG_SIZE - 8);
        unsigned tag = head ? (unsigned)rn_load_le(head, 2) : 0;
        if (tag <= previous) {
            return RN_E_MESSAGE_INVALID;
        }
        previous = tag;
        RN_TRY(read_tag(&cursor, tag, (unsigned)rn_load_le(head + 2, 2), out_tags));
    }
    return RN_OK;
}
