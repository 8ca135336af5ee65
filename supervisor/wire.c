/*
 * wire.c: errors, records and grants between daemon and client. Trust: see wire.h.
 *
 *      error   | status 32 | reason 32 | signal 32 | retry safe 8 | kind | message | frames in all 64 |
 *              | frames 32 | each: function, source, text, line 32, column 32, width 32 |
 *      record  | reason 32 | seven counts of usage 64 | flags 8 | seven limits 64 | worker 32 |
 *              | Unit id, 64 digits | has value 8 | size 32, CBOR | has error 8 | error |
 */
#include "supervisor/wire.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "supervisor/value.h"

#define TEXT_MAX 65536u
#define ID_DIGITS 64u
/* Flags of records. */
#define APPORTIONED 1u
#define OUTPUT_CUT 2u

/* Texts */

static void put_bytes(struct rn_buf *out, const char *text, size_t size)
{
    size_t valid = size < TEXT_MAX ? size : TEXT_MAX;
    size = valid;
    // What is cut, or came from elsewhere, stays UTF-8.
    if (!rn_utf8_valid(text, size, &valid)) {
        size = valid;
    }
    rn_buf_append_u32(out, (uint32_t)size);
    rn_buf_append(out, text, size);
}

static void put_text(struct rn_buf *out, const char *text)
{
    put_bytes(out, text ? text : "", text ? strlen(text) : 0);
}

static const char *get_text(struct rn_cursor *cursor, struct rune_error *error, size_t *out_size)
{
    uint32_t size = rn_cursor_u32(cursor);
    const uint8_t *bytes = size <= TEXT_MAX ? rn_cursor_bytes(cursor, size) : NULL;
    *out_size = 0;
    if (!bytes || !rn_utf8_valid(bytes, size, NULL)) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        return "";
    }
    char *copy = rn_arena_alloc(&error->arena, (size_t)size + 1);
    if (!copy) {
        rn_cursor_fail(cursor, RN_E_NO_MEMORY);
        return "";
    }
    memcpy(copy, bytes, size);
    *out_size = size;
    return copy;
}

char *rn_wire_take_text(struct rn_cursor *cursor, size_t size)
{
    const uint8_t *bytes = rn_cursor_bytes(cursor, size);
    if (!bytes || !rn_utf8_valid(bytes, size, NULL) || memchr(bytes, 0, size)) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        return NULL;
    }
    char *copy = rn_strndup((const char *)bytes, size);
    if (!copy) {
        rn_cursor_fail(cursor, RN_E_NO_MEMORY);
    }
    return copy;
}

rune_status rn_wire_check_text(const char *what, const char *text, size_t max, rune_error **error)
{
    size_t size = strlen(text);
    if (size > max) {
        return rn_fail(error, RUNE_E_TOO_LARGE, "%s of %zu bytes: a daemon takes %zu", what, size,
                       max);
    }
    return rn_utf8_valid(text, size, NULL)
               ? RUNE_OK
               : rn_fail(error, RUNE_E_INVALID_UTF8, "%s is not valid UTF-8", what);
}

/* Errors */

static void put_frame(struct rn_buf *out, const rune_frame *frame)
{
    put_text(out, frame->function);
    put_text(out, frame->source);
    put_bytes(out, frame->text, frame->text_size);
    rn_buf_append_u32(out, frame->line);
    rn_buf_append_u32(out, frame->column);
    rn_buf_append_u32(out, frame->width);
}

void rn_wire_put_error(struct rn_buf *out, const rune_error *error, rune_status status)
{
    rn_buf_append_u32(out, (uint32_t) - (error ? error->status : status));
    rn_buf_append_u32(out, error ? error->reason : RUNE_REASON_INTERNAL);
    rn_buf_append_u32(out, error ? (uint32_t)error->signal : 0);
    rn_buf_append_u8(out, error && error->retry_safe);
    put_text(out, error ? error->kind : rune_status_name(status));
    put_text(out, error ? error->message : rune_status_message(status));
    rn_buf_append_u64(out, error ? error->frames_total : 0);
    size_t count = error ? error->frame_count : 0;
    count = count < RN_FAULT_FRAMES_MAX ? count : RN_FAULT_FRAMES_MAX;
    rn_buf_append_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_frame(out, &error->frames[i]);
    }
}

static void get_frames(struct rn_cursor *cursor, struct rune_error *error)
{
    size_t ignored;
    size_t text_size;
    error->frames_total = rn_cursor_u64(cursor);
    uint32_t count = rn_cursor_u32(cursor);
    if (count > RN_FAULT_FRAMES_MAX) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        return;
    }
    error->frames = rn_arena_alloc(&error->arena, count * sizeof(*error->frames) + 1);
    for (uint32_t i = 0; error->frames && i < count; i++) {
        rune_frame *frame = &error->frames[i];
        frame->function = get_text(cursor, error, &ignored);
        frame->source = get_text(cursor, error, &ignored);
        frame->text = get_text(cursor, error, &text_size);
        frame->text_size = (uint32_t)text_size;
        frame->line = rn_cursor_u32(cursor);
        frame->column = rn_cursor_u32(cursor);
        frame->width = rn_cursor_u32(cursor);
        error->frame_count = i + 1;
        if (frame->column > TEXT_MAX || frame->width > TEXT_MAX) {
            rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        }
    }
}

enum rn_error rn_wire_get_error(struct rn_cursor *cursor, rune_error **out_error)
{
    uint32_t status = rn_cursor_u32(cursor);
    uint32_t reason = rn_cursor_u32(cursor);
    uint32_t signal = rn_cursor_u32(cursor);
    uint8_t retry_safe = rn_cursor_u8(cursor);
    size_t ignored;
    rune_error *error = NULL;
    if (status == 0 || status > 1000 || signal > 64 || retry_safe > 1) {
        rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
    }
    RN_TRY(rn_cursor_status(cursor));
    (void)rn_fail_reason(&error, (rune_status) - (int)status, (rune_reason)reason, "", "%s", "");
    if (!error) {
        return RN_E_NO_MEMORY;
    }
    error->signal = (int)signal;
    error->retry_safe = retry_safe != 0;
    error->kind = get_text(cursor, error, &ignored);
    error->message = get_text(cursor, error, &ignored);
    get_frames(cursor, error);
    if (rn_cursor_status(cursor) != RN_OK) {
        rune_error_free(error);
        return rn_cursor_status(cursor);
    }
    *out_error = error;
    return RN_OK;
}

/* Records */

void rn_wire_put_record(struct rn_buf *out, const rune_record *record)
{
    const rune_usage *usage = &record->usage;
    const uint64_t counts[] = {usage->budget,    usage->cpu_us,      usage->wall_us,
                               usage->host_us,   usage->memory_peak, usage->output_bytes,
                               usage->host_calls};
    rn_buf_append_u32(out, record->reason);
    for (size_t i = 0; i < RN_COUNT_OF(counts); i++) {
        rn_buf_append_u64(out, counts[i]);
    }
    rn_buf_append_u8(out, (uint8_t)((usage->cpu_apportioned ? APPORTIONED : 0) |
                                    (record->output_cut ? OUTPUT_CUT : 0)));
    for (size_t i = 0; i < RUNE_LIMIT_COUNT; i++) {
        rn_buf_append_u64(out, record->limits.values[i]);
    }
    rn_buf_append_u32(out, (uint32_t)record->worker);
    rn_buf_append_u32(out, record->attempts);
    rn_buf_append(out, record->unit_id, ID_DIGITS);
    rn_buf_append_u8(out, record->value != NULL);
    if (record->value) {
        rn_buf_append_u32(out, (uint32_t)record->value->size);
        rn_buf_append(out, record->value->bytes, record->value->size);
    }
    rn_buf_append_u8(out, record->error != NULL);
    if (record->error) {
        rn_wire_put_error(out, record->error, record->error->status);
    }
}

static void get_counts(struct rn_cursor *cursor, rune_record *record)
{
    rune_usage *usage = &record->usage;
    uint64_t *const counts[] = {&usage->budget,    &usage->cpu_us,      &usage->wall_us,
                                &usage->host_us,   &usage->memory_peak, &usage->output_bytes,
                                &usage->host_calls};
    record->reason = (rune_reason)rn_cursor_u32(cursor);
    for (size_t i = 0; i < RN_COUNT_OF(counts); i++) {
        *counts[i] = rn_cursor_u64(cursor);
    }
    uint8_t flags = rn_cursor_u8(cursor);
    usage->cpu_apportioned = (flags & APPORTIONED) != 0;
    record->output_cut = (flags & OUTPUT_CUT) != 0;
    for (size_t i = 0; i < RUNE_LIMIT_COUNT; i++) {
        record->limits.values[i] = rn_cursor_u64(cursor);
    }
    record->worker = (int32_t)rn_cursor_u32(cursor);
    record->attempts = rn_cursor_u32(cursor);
}

static void get_id(struct rn_cursor *cursor, rune_record *record)
{
    const uint8_t *digits = rn_cursor_bytes(cursor, ID_DIGITS);
    for (size_t i = 0; digits && i < ID_DIGITS; i++) {
        bool hex = (digits[i] >= '0' && digits[i] <= '9') || (digits[i] >= 'a' && digits[i] <= 'f');
        if (!hex && digits[i] != 0) {
            rn_cursor_fail(cursor, RN_E_MESSAGE_INVALID);
        }
        record->unit_id[i] = (char)digits[i];
    }
}

static enum rn_error get_value(struct rn_cursor *cursor, rune_record *record)
{
    uint32_t size = rn_cursor_u32(cursor);
    const uint8_t *bytes = rn_cursor_bytes(cursor, size);
    if (!bytes) {
        return RN_E_MESSAGE_INVALID;
    }
    rune_status status = rune_value_from_cbor(bytes, size, &record->value, NULL);
    return (enum rn_error)status;
}

static enum rn_error fill_record(struct rn_cursor *cursor, rune_record *record)
{
    get_counts(cursor, record);
    get_id(cursor, record);
    if (rn_cursor_u8(cursor) != 0) {
        RN_TRY(get_value(cursor, record));
    }
    if (rn_cursor_u8(cursor) != 0) {
        RN_TRY(rn_wire_get_error(cursor, &record->error));
    }
    bool sound = (record->reason == RUNE_REASON_OK) == (record->value != NULL) &&
                 (record->reason == RUNE_REASON_OK) == (record->error == NULL);
    if (rn_cursor_status(cursor) != RN_OK || rn_cursor_left(cursor) > 0 || !sound) {
        return RN_E_MESSAGE_INVALID;
    }
    return RN_OK;
}

enum rn_error rn_wire_get_record(const void *bytes, size_t size, const char *item,
                                 rune_record **out_record)
{
    struct rn_cursor cursor;
    rune_record *record = rn_record_new(item);
    if (!record) {
        return RN_E_NO_MEMORY;
    }
    rn_cursor_init(&cursor, bytes, size);
    enum rn_error error = fill_record(&cursor, record);
    if (error != RN_OK) {
        rune_record_free(record);
        return error;
    }
    *out_record = record;
    return RN_OK;
}

/* Grants */

static void set_tag(struct rn_call_tags *tags, enum rn_call_tag tag, uint64_t value)
{
    if (value != 0) {
        tags->values[tag] = value;
        tags->present |= 1u << tag;
    }
}

static const struct {
    rune_limit limit;
    enum rn_call_tag tag;
} limit_tags[] = {
    {RUNE_LIMIT_BUDGET, RN_CALL_TAG_BUDGET},
    {RUNE_LIMIT_WALL, RN_CALL_TAG_WALL},
    {RUNE_LIMIT_CPU, RN_CALL_TAG_CPU},
    {RUNE_LIMIT_MEMORY, RN_CALL_TAG_MEMORY},
    {RUNE_LIMIT_OUTPUT, RN_CALL_TAG_OUTPUT_BYTES},
    {RUNE_LIMIT_DEPTH, RN_CALL_TAG_DEPTH},
    {RUNE_LIMIT_HOST_CALLS, RN_CALL_TAG_HOST_CALLS},
};

void rn_wire_put_grant(struct rn_buf *out, const struct rn_wire_grant *grant)
{
    struct rn_call_tags tags = {.present = 0};
    for (size_t i = 0; i < RN_COUNT_OF(limit_tags); i++) {
        uint64_t value = grant->limits.values[limit_tags[i].limit];
        if (value != RUNE_UNLIMITED) {
            tags.values[limit_tags[i].tag] = value;
            tags.present |= 1u << limit_tags[i].tag;
        }
    }
    set_tag(&tags, RN_CALL_TAG_SEED, grant->seed);
    set_tag(&tags, RN_CALL_TAG_TARGET, grant->target);
    set_tag(&tags, RN_CALL_TAG_STATICS_SIZE, grant->statics_size);
    set_tag(&tags, RN_CALL_TAG_KEEP, grant->keep);
    set_tag(&tags, RN_CALL_TAG_FUNCTION, grant->function.number);
    set_tag(&tags, RN_CALL_TAG_EPOCH, grant->function.epoch);
    tags.present |= grant->clock ? 1u << RN_CALL_TAG_CLOCK : 0;
    tags.present |= grant->once ? 1u << RN_CALL_TAG_ONCE : 0;
    rn_call_tags_encode(&tags, out);
}

enum rn_error rn_wire_get_grant(const void *bytes, size_t size, struct rn_wire_grant *out_grant)
{
    struct rn_call_tags tags;
    RN_TRY(rn_call_tags_decode(bytes, size, &tags));
    rn_limits_init(&out_grant->limits);
    for (size_t i = 0; i < RN_COUNT_OF(limit_tags); i++) {
        if (tags.present >> limit_tags[i].tag & 1) {
            rune_status status = rune_limits_set(&out_grant->limits, limit_tags[i].limit,
                                                 tags.values[limit_tags[i].tag]);
            RN_TRY((enum rn_error)status);
        }
    }
    if (tags.values[RN_CALL_TAG_TARGET] >= RN_CALL_TARGET_COUNT ||
        tags.values[RN_CALL_TAG_KEEP] > 1 ||
        tags.values[RN_CALL_TAG_FUNCTION] > RN_VM_FUNCTIONS_MAX) {
        return RN_E_MESSAGE_INVALID;
    }
    out_grant->target = (enum rn_call_target)tags.values[RN_CALL_TAG_TARGET];
    out_grant->statics_size = tags.values[RN_CALL_TAG_STATICS_SIZE];
    out_grant->keep = tags.values[RN_CALL_TAG_KEEP] != 0;
    out_grant->function =
        (struct rn_kept_name){.number = (uint32_t)tags.values[RN_CALL_TAG_FUNCTION],
                              .epoch = tags.values[RN_CALL_TAG_EPOCH]};
    out_grant->seed = tags.values[RN_CALL_TAG_SEED];
    out_grant->clock = (tags.present >> RN_CALL_TAG_CLOCK & 1) != 0;
    out_grant->once = (tags.present >> RN_CALL_TAG_ONCE & 1) != 0;
    return RN_OK;
}
