/*
 * What travels between daemon and client: a packet of either side, and the errors, records, grants,
 * contexts and texts in it. What decodes encodes to something that decodes to the same.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "supervisor/context.h"
#include "supervisor/text.h"
#include "supervisor/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_record(const uint8_t *data, size_t size)
{
    rune_record *record = NULL;
    if (rn_wire_get_record(data, size, "item", &record) != RN_OK) {
        return;
    }
    RN_AUTO(rn_buf) struct rn_buf out;
    rune_record *again = NULL;
    rn_buf_init(&out, 64u << 20);
    rn_wire_put_record(&out, record);
    RN_CHECK(rn_wire_get_record(out.data, out.size, "item", &again) == RN_OK);
    RN_CHECK(again->reason == record->reason);
    RN_CHECK((again->value == NULL) == (record->value == NULL));
    RN_CHECK(!record->value || rune_value_equal(record->value, again->value));
    rune_text *text = NULL;
    if (record->error && rune_error_render(record->error, false, &text) == RUNE_OK) {
        rune_text_free(text);
    }
    rune_record_free(again);
    rune_record_free(record);
}

static void try_error(const uint8_t *data, size_t size)
{
    struct rn_cursor cursor;
    rune_error *error = NULL;
    rn_cursor_init(&cursor, data, size);
    if (rn_wire_get_error(&cursor, &error) == RN_OK) {
        RN_CHECK(rune_error_frame_count(error) <= RN_FAULT_FRAMES_MAX);
        rune_error_free(error);
    }
}

static void try_grant(const uint8_t *data, size_t size)
{
    struct rn_wire_grant grant;
    struct rn_wire_grant again;
    uint8_t storage[512];
    struct rn_buf out;
    if (rn_wire_get_grant(data, size, &grant) != RN_OK) {
        return;
    }
    rn_buf_init_fixed(&out, storage, sizeof(storage));
    rn_wire_put_grant(&out, &grant);
    RN_CHECK(rn_buf_status(&out) == RN_OK);
    RN_CHECK(rn_wire_get_grant(out.data, out.size, &again) == RN_OK);
    RN_CHECK(memcmp(&grant.limits, &again.limits, sizeof(grant.limits)) == 0);
    RN_CHECK(grant.seed == again.seed && grant.clock == again.clock);
    RN_CHECK(grant.target == again.target && grant.statics_size == again.statics_size);
    RN_CHECK(grant.keep == again.keep && grant.function.number <= RN_VM_FUNCTIONS_MAX);
    RN_CHECK(grant.function.number == again.function.number);
    RN_CHECK(grant.function.epoch == again.function.epoch);
}

static void forward(void *user, rune_host_call *call, uint8_t *args, size_t size)
{
    (void)user;
    (void)call;
    (void)args;
    (void)size;
}

/* The functions of a client's context, and the runtime that they make. */
static void try_context(const uint8_t *data, size_t size)
{
    rune_context *context = NULL;
    rune_runtime *runtime = NULL;
    if (rn_context_take(data, size, forward, &context, NULL) != RUNE_OK) {
        return;
    }
    RN_CHECK(rune_context_runtime(context, &runtime, NULL) == RUNE_OK);
    RN_AUTO(rn_buf) struct rn_buf out;
    rune_context *again = NULL;
    rn_buf_init(&out, 64u << 20);
    RN_CHECK(rn_runtime_encode(runtime, &out) == RN_OK);
    RN_CHECK(rn_context_take(out.data, out.size, forward, &again, NULL) == RUNE_OK);
    RN_CHECK(again->functions.count == context->functions.count);
    for (uint32_t i = 0; i < context->functions.count; i++) {
        const struct rn_host_entry *entry = rn_runtime_function(runtime, i);
        RN_CHECK(entry && entry->forward == forward && entry->arity <= RN_HOST_ARITY_MAX);
        RN_CHECK(strcmp(entry->path, again->functions.entries[i].path) == 0);
    }
    rune_context_free(again);
    rune_context_free(context);
    rune_runtime_unref(runtime);
}

/* The answer to a layout or an outline. */
static void try_text(const uint8_t *data, size_t size)
{
    rune_text *text = NULL;
    bool valid = rn_utf8_valid(data, size, NULL);
    RN_CHECK((rn_text_copy(data, size, &text) == RN_OK) == valid);
    RN_CHECK(!valid || rune_text_size(text) == size);
    RN_CHECK(!valid || rune_text_data(text)[size] == 0);
    rune_text_free(text);
}

/* Encoded again, a packet is the same. */
static void try_build(const struct rn_message *message, const uint8_t *data, size_t size)
{
    static uint8_t packet[RN_PACKET_MAX];
    struct rn_outgoing outgoing;
    if (message->type == RN_MESSAGE_CLIENT_BUILD && message->first && message->last) {
        rn_outgoing_init(&outgoing, message);
        RN_CHECK(rn_outgoing_packet(&outgoing, message->sequence, packet) == size);
        RN_CHECK(memcmp(packet, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int direction = RN_FROM_CLIENT; direction <= RN_TO_CLIENT; direction++) {
        struct rn_message message;
        struct rn_wire_message wire = {data, size};
        if (rn_message_decode(wire, (enum rn_direction)direction, &message) == RN_OK) {
            try_record(message.body, message.body_size);
            try_error(message.body, message.body_size);
            try_grant(message.body, message.body_size);
            try_context(message.body, message.body_size);
            try_text(message.body, message.body_size);
            try_build(&message, data, size);
        }
    }
    try_record(data, size);
    try_error(data, size);
    try_grant(data, size);
    try_context(data, size);
    try_text(data, size);
    return 0;
}
