/* record.c: how a call ended, read and shown. */
#include "supervisor/record.h"

#include <string.h>

#include "base/alloc.h"
#include "bytecode/json.h"
#include "supervisor/error.h"
#include "supervisor/text.h"
#include "supervisor/value.h"

#define RECORD_JSON_MAX (256u << 20)

rune_reason rune_record_reason(const rune_record *record)
{
    return record ? record->reason : RUNE_REASON_INTERNAL;
}

const rune_const_value *rune_record_value(const rune_record *record)
{
    return record ? record->value : NULL;
}

const rune_error *rune_record_error(const rune_record *record)
{
    return record ? record->error : NULL;
}

const rune_usage *rune_record_usage(const rune_record *record)
{
    return record ? &record->usage : NULL;
}

uint64_t rune_record_limit(const rune_record *record, rune_limit limit)
{
    return rune_limits_get(record ? &record->limits : NULL, limit);
}

uint32_t rune_record_attempts(const rune_record *record)
{
    return record ? record->attempts : 0;
}

rune_record *rn_record_new(const char *item)
{
    size_t size = strlen(item) + 1;
    rune_record *record = rn_alloc(sizeof(*record) + size);
    if (record) {
        atomic_init(&record->refs, 1);
        memcpy(record->item, item, size);
    }
    return record;
}

enum rn_error rn_record_set_small(rune_record *record, const uint8_t *bytes, size_t size)
{
    RN_CHECK(size <= RN_RECORD_SMALL_MAX);
    memcpy(record->within_bytes, bytes, size);
    RN_TRY(rn_value_put(&record->within, record, record->within_bytes, size));
    atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    record->value = &record->within;
    return RN_OK;
}

void rn_record_unref(rune_record *record)
{
    if (atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1) {
        rn_free(record);
    }
}

void rune_record_free(rune_record *record)
{
    if (record) {
        rune_value_unref(record->value);
        rune_error_free(record->error);
        rn_free(record->journal);
        rune_profile_free(record->profile);
        rn_record_unref(record);
    }
}

static void append_number(struct rn_buf *out, const char *key, uint64_t value)
{
    rn_buf_append_format(out, "\"%s\":%llu,", key, (unsigned long long)value);
}

static void append_usage(struct rn_buf *out, const rune_usage *usage)
{
    rn_buf_append_text(out, "\"usage\":{");
    append_number(out, "budget", usage->budget);
    append_number(out, "cpu_us", usage->cpu_us);
    append_number(out, "wall_us", usage->wall_us);
    append_number(out, "host_us", usage->host_us);
    append_number(out, "memory_peak", usage->memory_peak);
    append_number(out, "output_bytes", usage->output_bytes);
    append_number(out, "host_calls", usage->host_calls);
    rn_buf_append_format(out, "\"cpu_apportioned\":%s}", usage->cpu_apportioned ? "true" : "false");
}

/* Limits that are not in force are null. */
static void append_limits(struct rn_buf *out, const struct rune_limits *limits)
{
    rn_buf_append_text(out, "\"limits\":{");
    for (unsigned i = 0; i < RUNE_LIMIT_COUNT; i++) {
        const char *comma = i == 0 ? "" : ",";
        bool is_time = i == RUNE_LIMIT_WALL || i == RUNE_LIMIT_CPU;
        rn_buf_append_format(out, "%s\"%s%s\":", comma, rune_limit_name((rune_limit)i),
                             is_time ? "_us" : "");
        if (limits->values[i] == RUNE_UNLIMITED) {
            rn_buf_append_text(out, "null");
        } else {
            uint64_t value = is_time ? limits->values[i] / 1000 : limits->values[i];
            rn_buf_append_format(out, "%llu", (unsigned long long)value);
        }
    }
    rn_buf_append_u8(out, '}');
}

static enum rn_error append_value(struct rn_buf *out, const rune_const_value *value,
                                  const rune_unit *unit)
{
    rn_buf_append_text(out, "\"value\":");
    if (!value) {
        rn_buf_append_text(out, "null");
        return RN_OK;
    }
    return rn_value_append_json(value, unit, out);
}

static void append_text(struct rn_buf *out, const char *key, const char *text, size_t size)
{
    rn_buf_append_format(out, "\"%s\":", key);
    rn_json_append_string(out, text, size);
}

static rune_status to_json(const rune_record *record, const rune_unit *unit, const char *output,
                           size_t output_size, rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    const char *reason = rune_reason_name(record->reason);
    const char *item = record->item;
    bool truncated = record->reason == RUNE_REASON_OUTPUT || record->output_cut;
    rn_buf_init(&out, RECORD_JSON_MAX);
    rn_buf_append_text(&out, "{\"v\":1,");
    append_text(&out, "reason", reason, strlen(reason));
    rn_buf_append_u8(&out, ',');
    enum rn_error failed = append_value(&out, record->value, unit);
    if (failed != RN_OK) {
        return (rune_status)failed;
    }
    if (output) {
        rn_buf_append_u8(&out, ',');
        append_text(&out, "stdout", output, output_size);
    }
    rn_buf_append_format(&out, ",\"truncated\":%s,", truncated ? "true" : "false");
    append_usage(&out, &record->usage);
    rn_buf_append_u8(&out, ',');
    append_limits(&out, &record->limits);
    rn_buf_append_u8(&out, ',');
    append_text(&out, "unit", record->unit_id, strlen(record->unit_id));
    rn_buf_append_u8(&out, ',');
    append_text(&out, "item", item, strlen(item));
    rn_buf_append_format(&out,
                         ",\"worker\":{\"pid\":%d},\"attempts\":%u,\"error\":", record->worker,
                         record->attempts);
    if (record->error) {
        rn_error_append_json(record->error, &out);
    } else {
        rn_buf_append_text(&out, "null");
    }
    rn_buf_append_text(&out, ",\"diagnostics\":[]}");
    return rn_text_take(&out, out_text);
}

rune_status rune_record_to_json(const rune_record *record, const char *output, size_t output_size,
                                rune_text **out_text)
{
    return rune_unit_record_to_json(NULL, record, output, output_size, out_text);
}

rune_status rune_unit_record_to_json(const rune_unit *unit, const rune_record *record,
                                     const char *output, size_t output_size, rune_text **out_text)
{
    if (!record) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    rune_status status = to_json(record, unit, output, output_size, out_text);
    bool too_long = status == RUNE_E_TOO_LARGE && unit;
    return too_long ? to_json(record, NULL, output, output_size, out_text) : status;
}
