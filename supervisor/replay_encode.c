/* replay_encode.c: a call that has ended, and its journal, to the bytes of a file: see replay_file.h. */
#include <sodium.h>
#include <string.h>

#include "supervisor/call.h"
#include "supervisor/context.h"
#include "supervisor/record.h"
#include "supervisor/replay_file.h"
#include "supervisor/value.h"

static void put_text(struct rn_buf *out, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    rn_buf_append_u32(out, (uint32_t)size);
    rn_buf_append(out, text, size);
}

static void put_bytes(struct rn_buf *out, const void *bytes, size_t size)
{
    rn_buf_append_u64(out, size);
    rn_buf_append(out, bytes, size);
}

/* The section's size is not known yet: where it is to stand. */
static size_t begin_section(struct rn_buf *out, enum rn_replay_section kind)
{
    rn_buf_append_u32(out, (uint32_t)kind);
    rn_buf_append_u32(out, 0);
    rn_buf_append_u64(out, 0);
    return out->size;
}

static void end_section(struct rn_buf *out, size_t begin)
{
    if (rn_buf_status(out) == RN_OK) {
        uint64_t size = out->size - begin;
        for (size_t i = 0; i < sizeof(size); i++) {
            out->data[begin - sizeof(size) + i] = (uint8_t)(size >> (8 * i));
        }
    }
}

static enum rn_error put_unit(struct rn_buf *out, const struct rn_call *call)
{
    rune_text *bytes = NULL;
    size_t begin = begin_section(out, RN_REPLAY_UNIT);
    rune_status status = rune_unit_save(call->unit, &bytes, NULL);
    if (status == RUNE_OK) {
        rn_buf_append(out, rune_text_data(bytes), rune_text_size(bytes));
    }
    rune_text_free(bytes);
    end_section(out, begin);
    return (enum rn_error)status;
}

/* The body of CALL is tags, statics, arguments. */
static void put_call(struct rn_buf *out, const struct rn_call *call)
{
    const uint8_t *statics = call->body.data + call->tags_size;
    size_t args_at = call->tags_size + call->statics_size;
    size_t begin = begin_section(out, RN_REPLAY_CALL);
    rn_buf_append_u32(out, (uint32_t)call->target);
    rn_buf_append_u64(out, call->item);
    rn_buf_append_u32(out, call->clock ? RN_REPLAY_FLAG_CLOCK : 0);
    rn_buf_append_u64(out, call->clock_ns);
    rn_buf_append_u64(out, call->seed);
    for (unsigned i = 0; i < RUNE_LIMIT_COUNT; i++) {
        rn_buf_append_u64(out, call->limits.values[i]);
    }
    put_text(out, call->item_name);
    put_bytes(out, statics, call->statics_size);
    put_bytes(out, call->body.data + args_at, call->body.size - args_at);
    end_section(out, begin);
}

static void put_functions(struct rn_buf *out, const struct rn_call *call)
{
    size_t count = call->runtime ? call->runtime->functions.count : 0;
    size_t begin = begin_section(out, RN_REPLAY_FUNCTIONS);
    rn_buf_append_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct rn_host_entry *entry = &call->runtime->functions.entries[i];
        rn_buf_append_u32(out, entry->is_async ? RN_REPLAY_FLAG_ASYNC : 0);
        rn_buf_append_u32(out, (uint32_t)entry->arity);
        put_text(out, entry->path);
    }
    end_section(out, begin);
}

/* `journal` may be NULL: nothing was noted. */
static void put_journal(struct rn_buf *out, const struct rn_journal *journal)
{
    size_t begin = begin_section(out, RN_REPLAY_JOURNAL);
    for (uint32_t i = 0; i < RN_JOURNAL_STREAMS; i++) {
        struct rn_journal_output output = {0};
        if (journal) {
            output = rn_journal_output_of(journal, i);
        }
        rn_buf_append_u64(out, output.size);
        rn_buf_append(out, output.digest, sizeof(output.digest));
    }
    uint32_t calls = journal ? rn_journal_call_count(journal) : 0;
    uint32_t steps = journal ? rn_journal_step_count(journal) : 0;
    rn_buf_append_u32(out, calls);
    rn_buf_append_u32(out, steps);
    for (uint32_t i = 0; i < calls; i++) {
        const struct rn_journal_call *made = rn_journal_call_at(journal, i);
        rn_buf_append_u32(out, made->function);
        rn_buf_append_u64(out, made->budget);
        rn_buf_append_u64(out, made->output);
        rn_buf_append(out, made->digest, sizeof(made->digest));
    }
    for (uint32_t i = 0; i < steps; i++) {
        struct rn_step step = rn_journal_step_at(journal, i);
        rn_buf_append_u32(out, (uint32_t)step.kind);
        rn_buf_append_u32(out, step.number);
        rn_buf_append_u64(out, step.now_ns);
        put_bytes(out, step.body, step.size);
    }
    end_section(out, begin);
}

static void put_end(struct rn_buf *out, const struct rn_call *call, const rune_record *record)
{
    uint64_t output = 0;
    for (uint32_t i = 0; call->replay.journal && i < RN_JOURNAL_STREAMS; i++) {
        output += rn_journal_output_of(call->replay.journal, i).size;
    }
    const rune_const_value *value = record->value;
    size_t begin = begin_section(out, RN_REPLAY_END);
    rn_buf_append_u32(out, (uint32_t)record->reason);
    rn_buf_append_u32(out, (uint32_t)rune_error_signal(record->error));
    rn_buf_append_u64(out, record->usage.budget);
    rn_buf_append_u64(out, record->usage.memory_peak);
    rn_buf_append_u64(out, output);
    put_text(out, rune_error_kind(record->error));
    put_text(out, rune_error_message(record->error));
    put_bytes(out, value ? value->bytes : NULL, value ? value->size : 0);
    end_section(out, begin);
}

void rn_replay_file_sign(uint8_t *bytes, size_t size)
{
    (void)crypto_generichash(bytes + RN_REPLAY_DIGEST_AT, RN_JOURNAL_DIGEST_SIZE,
                             bytes + RN_REPLAY_HEADER_SIZE, size - RN_REPLAY_HEADER_SIZE, NULL, 0);
}

enum rn_error rn_replay_file_encode(const struct rn_call *call, const rune_record *record,
                                    struct rn_buf *out)
{
    static const uint8_t no_digest[RN_JOURNAL_DIGEST_SIZE];
    rn_buf_init(out, RN_REPLAY_FILE_MAX);
    rn_buf_append(out, RN_REPLAY_MAGIC, 8);
    rn_buf_append_u32(out, RN_REPLAY_VERSION);
    rn_buf_append_u32(out, 0);
    rn_buf_append(out, no_digest, sizeof(no_digest));
    RN_TRY(put_unit(out, call));
    put_call(out, call);
    put_functions(out, call);
    put_journal(out, call->replay.journal);
    put_end(out, call, record);
    RN_TRY(rn_buf_status(out));
    rn_replay_file_sign(out->data, out->size);
    return RN_OK;
}
