/* replay_file.c: the bytes of a file to a call and its journal. Trust: see replay_file.h. */
#include "supervisor/replay_file.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/utf8.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "shm/runtime_layout.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"

#define FLAG_CLOCK RN_REPLAY_FLAG_CLOCK
#define FLAG_ASYNC RN_REPLAY_FLAG_ASYNC
/* Of each entry in the file, without its texts. */
#define FUNCTION_SIZE 12u
#define CALL_SIZE (20u + RN_JOURNAL_DIGEST_SIZE)
#define STEP_SIZE 24u

/* Reading */

static void refuse(struct rn_cursor *cursor)
{
    rn_cursor_fail(cursor, RN_E_REPLAY_INVALID);
}

/* True, or the cursor fails. */
static bool require(struct rn_cursor *cursor, bool condition)
{
    if (!condition) {
        refuse(cursor);
    }
    return condition;
}

/* A text of the caller's; NULL after failure. */
static char *take_text(struct rn_cursor *cursor)
{
    uint32_t size = rn_cursor_u32(cursor);
    const uint8_t *bytes = rn_cursor_bytes(cursor, size);
    bool good = bytes && size <= RN_REPLAY_TEXT_MAX && rn_utf8_valid(bytes, size, NULL) &&
                memchr(bytes, 0, size) == NULL;
    if (!require(cursor, good)) {
        return NULL;
    }
    char *text = rn_strndup((const char *)bytes, size);
    if (!text) {
        rn_cursor_fail(cursor, RN_E_NO_MEMORY);
    }
    return text;
}

/* A run of bytes with its size before it; NULL after failure, and for nothing. */
static const uint8_t *take_bytes(struct rn_cursor *cursor, size_t *out_size)
{
    uint64_t size = rn_cursor_u64(cursor);
    *out_size = size <= rn_cursor_left(cursor) ? (size_t)size : 0;
    if (!require(cursor, size == *out_size)) {
        return NULL;
    }
    const uint8_t *bytes = rn_cursor_bytes(cursor, *out_size);
    return *out_size > 0 ? bytes : NULL;
}

/* A reference of the caller's; NULL after failure, and for nothing. */
static rune_const_value *take_value(struct rn_cursor *cursor)
{
    size_t size;
    const uint8_t *bytes = take_bytes(cursor, &size);
    rune_const_value *value = NULL;
    if (bytes) {
        rune_status status = rune_value_from_cbor(bytes, size, &value, NULL);
        if (status != RUNE_OK) {
            rn_cursor_fail(cursor,
                           status == RUNE_E_NO_MEMORY ? RN_E_NO_MEMORY : RN_E_REPLAY_INVALID);
        }
    }
    return value;
}

/* The bytes of the next section, which is to be of that kind. */
static struct rn_cursor take_section(struct rn_cursor *file, enum rn_replay_section kind)
{
    struct rn_cursor section;
    uint32_t found = rn_cursor_u32(file);
    uint32_t zero = rn_cursor_u32(file);
    size_t size = 0;
    require(file, found == (uint32_t)kind && zero == 0);
    const uint8_t *bytes = take_bytes(file, &size);
    rn_cursor_init(&section, bytes, size);
    if (rn_cursor_status(file) != RN_OK) {
        refuse(&section);
    }
    return section;
}

/* The section has been read to its end; an error is also that of the file. */
static void leave_section(struct rn_cursor *file, struct rn_cursor *section)
{
    require(section, rn_cursor_status(section) != RN_OK || rn_cursor_left(section) == 0);
    if (rn_cursor_status(section) != RN_OK) {
        rn_cursor_fail(file,
                       section->error == RN_E_NO_MEMORY ? RN_E_NO_MEMORY : RN_E_REPLAY_INVALID);
    }
}

static bool is_kind(const rune_const_value *value, rune_value_kind kind)
{
    return rune_value_kind_of(value) == kind;
}

static void read_call(struct rn_cursor *cursor, struct rune_replay *replay)
{
    replay->target = (enum rn_call_target)rn_cursor_u32(cursor);
    replay->item_hash = rn_cursor_u64(cursor);
    uint32_t flags = rn_cursor_u32(cursor);
    replay->clock_ns = rn_cursor_u64(cursor);
    replay->info.seed = rn_cursor_u64(cursor);
    for (unsigned i = 0; i < RUNE_LIMIT_COUNT; i++) {
        replay->limits.values[i] = rn_cursor_u64(cursor);
        require(cursor, replay->limits.values[i] > 0 || i == RUNE_LIMIT_HOST_CALLS);
    }
    replay->item = take_text(cursor);
    replay->statics = take_value(cursor);
    rune_const_value *args = take_value(cursor);
    if (!args && rn_cursor_status(cursor) == RN_OK) {
        args = rune_value_unit();
    }
    replay->info.args = args;
    replay->info.clock = (flags & FLAG_CLOCK) != 0;
    require(cursor, (flags & ~FLAG_CLOCK) == 0 && (replay->clock_ns != 0) == replay->info.clock);
    require(cursor, !replay->statics || is_kind(replay->statics, RUNE_VALUE_VEC));
    require(cursor, is_kind(args, RUNE_VALUE_TUPLE) || is_kind(args, RUNE_VALUE_UNIT));
    require(cursor, replay->target == RN_CALL_TARGET_ITEM ||
                        (replay->target == RN_CALL_TARGET_VALUE && !replay->statics));
}

static bool is_function(const struct rn_host_entry *entry, uint32_t flags)
{
    return (flags & ~FLAG_ASYNC) == 0 && entry->arity >= -1 && entry->arity <= RN_HOST_ARITY_MAX;
}

static bool has_twins(const struct rn_host_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (entries[i].hash == entries[j].hash) {
                return true;
            }
        }
    }
    return false;
}

static void read_functions(struct rn_cursor *cursor, struct rune_replay *replay)
{
    uint32_t count = rn_cursor_u32(cursor);
    bool fits =
        count <= RN_RUNTIME_FUNCTIONS_MAX && count <= rn_cursor_left(cursor) / FUNCTION_SIZE;
    if (!require(cursor, fits) || count == 0) {
        return;
    }
    struct rn_host_entry *entries = rn_alloc_array(count, sizeof(*entries));
    uint32_t read = 0;
    for (; entries && read < count && rn_cursor_status(cursor) == RN_OK; read++) {
        struct rn_host_entry *entry = &entries[read];
        uint32_t flags = rn_cursor_u32(cursor);
        entry->arity = (int)(int32_t)rn_cursor_u32(cursor);
        entry->is_async = flags == FLAG_ASYNC;
        entry->path = take_text(cursor);
        require(cursor, is_function(entry, flags));
        entry->hash = entry->path ? rn_hash_item(entry->path, strlen(entry->path)) : 0;
    }
    require(cursor, !entries || !has_twins(entries, read));
    if (rn_cursor_status(cursor) == RN_OK &&
        (!entries || rn_runtime_declare(entries, count, &replay->runtime) != RN_OK)) {
        rn_cursor_fail(cursor, RN_E_NO_MEMORY);
    }
    for (uint32_t i = 0; i < read; i++) {
        rn_free(entries[i].path);
    }
    rn_free(entries);
}

/* Journals: read twice, once to check, and again for each run. */

static void restore_outputs(struct rn_cursor *cursor, struct rn_journal *journal,
                            uint64_t *out_total)
{
    *out_total = 0;
    for (uint32_t i = 0; i < RN_JOURNAL_STREAMS; i++) {
        struct rn_journal_output output = {.size = rn_cursor_u64(cursor)};
        const uint8_t *digest = rn_cursor_bytes(cursor, sizeof(output.digest));
        require(cursor, digest && output.size <= UINT64_MAX / 2 / RN_JOURNAL_STREAMS);
        if (digest) {
            memcpy(output.digest, digest, sizeof(output.digest));
        }
        *out_total += output.size;
        if (output.size > 0 && rn_cursor_status(cursor) == RN_OK &&
            rn_journal_restore_output(journal, i, &output) != RN_OK) {
            rn_cursor_fail(cursor, RN_E_NO_MEMORY);
        }
    }
}

static void restore_calls(struct rn_cursor *cursor, struct rn_journal *journal, uint32_t count,
                          const struct rune_replay *replay, uint64_t output_total)
{
    struct rn_journal_call last = {0};
    for (uint32_t i = 0; i < count && rn_cursor_status(cursor) == RN_OK; i++) {
        struct rn_journal_call made = {.function = rn_cursor_u32(cursor),
                                       .budget = rn_cursor_u64(cursor),
                                       .output = rn_cursor_u64(cursor)};
        const uint8_t *digest = rn_cursor_bytes(cursor, sizeof(made.digest));
        bool good = digest && rn_runtime_function(replay->runtime, made.function) &&
                    made.budget >= last.budget && made.output >= last.output &&
                    made.output <= output_total;
        if (!require(cursor, good)) {
            return;
        }
        memcpy(made.digest, digest, sizeof(made.digest));
        last = made;
        if (rn_journal_restore_call(journal, &made) != RN_OK) {
            rn_cursor_fail(cursor, RN_E_NO_MEMORY);
        }
    }
}

/* An answer is a value, a failure a text, and there is at most one for each host call. */
static bool is_step(const struct rn_journal *journal, const struct rn_step *step)
{
    static const struct rn_const_limits limits = {
        .size_max = RN_REPLY_BODY_MAX, .depth_max = RN_CONST_DEPTH_MAX, .element_max = UINT32_MAX};
    uint32_t calls = rn_journal_call_count(journal);
    bool to_call =
        step->number - 1 < calls && !rn_journal_call_at(journal, step->number - 1)->answered;
    switch (step->kind) {
    case RN_STEP_ANSWER:
        return to_call && rn_const_value_check(step->body, step->size, &limits, NULL) == RN_OK;
    case RN_STEP_FAILURE:
        return to_call && step->size <= RN_REPLAY_TEXT_MAX &&
               rn_utf8_valid(step->body, step->size, NULL);
    case RN_STEP_WAKE:
        return step->number == 0 && step->size == 0;
    }
    return false;
}

static void restore_steps(struct rn_cursor *cursor, struct rn_journal *journal, uint32_t count)
{
    for (uint32_t i = 0; i < count && rn_cursor_status(cursor) == RN_OK; i++) {
        struct rn_step step = {.kind = (enum rn_step_kind)rn_cursor_u32(cursor),
                               .number = rn_cursor_u32(cursor),
                               .now_ns = rn_cursor_u64(cursor)};
        step.body = take_bytes(cursor, &step.size);
        if (rn_cursor_status(cursor) == RN_OK && require(cursor, is_step(journal, &step)) &&
            rn_journal_add_step(journal, &step) != RN_OK) {
            rn_cursor_fail(cursor, RN_E_NO_MEMORY);
        }
    }
}

static void restore(struct rn_cursor *cursor, const struct rune_replay *replay,
                    struct rn_journal *journal)
{
    uint64_t output_total;
    restore_outputs(cursor, journal, &output_total);
    uint32_t calls = rn_cursor_u32(cursor);
    uint32_t steps = rn_cursor_u32(cursor);
    size_t left = rn_cursor_left(cursor);
    bool fits = cursor->size <= RN_REPLAY_JOURNAL_MAX && calls <= left / CALL_SIZE &&
                steps <= left / STEP_SIZE;
    if (require(cursor, fits)) {
        restore_calls(cursor, journal, calls, replay, output_total);
        restore_steps(cursor, journal, steps);
    }
    require(cursor, rn_cursor_left(cursor) == 0);
}

enum rn_error rn_replay_file_journal(const struct rune_replay *replay, _Atomic uint64_t *total,
                                     struct rn_journal **out_journal)
{
    struct rn_cursor cursor;
    struct rn_journal *journal = rn_journal_new(total);
    if (!journal) {
        return RN_E_NO_MEMORY;
    }
    rn_cursor_init(&cursor, replay->journal, replay->journal_size);
    restore(&cursor, replay, journal);
    if (rn_cursor_status(&cursor) != RN_OK) {
        rn_journal_free(journal);
        return rn_cursor_status(&cursor);
    }
    rn_journal_rewind(journal);
    *out_journal = journal;
    return RN_OK;
}

/* Numbers for people. */
static void describe_journal(struct rune_replay *replay, const struct rn_journal *journal)
{
    replay->info.host_calls = rn_journal_call_count(journal);
    for (uint32_t i = 0; i < rn_journal_step_count(journal); i++) {
        if (rn_journal_step_at(journal, i).kind == RN_STEP_WAKE) {
            replay->info.wakes++;
        } else {
            replay->info.answers++;
        }
    }
}

static void read_journal(struct rn_cursor *cursor, struct rune_replay *replay)
{
    _Atomic uint64_t total = 0;
    struct rn_journal *journal = NULL;
    size_t size = rn_cursor_left(cursor);
    const uint8_t *bytes = rn_cursor_bytes(cursor, size);
    replay->journal = (uint8_t *)rn_strndup((const char *)bytes, bytes ? size : 0);
    replay->journal_size = size;
    enum rn_error error =
        replay->journal ? rn_replay_file_journal(replay, &total, &journal) : RN_E_NO_MEMORY;
    if (error != RN_OK) {
        rn_cursor_fail(cursor, error);
        return;
    }
    describe_journal(replay, journal);
    rn_journal_free(journal);
}

static void read_end(struct rn_cursor *cursor, struct rune_replay *replay)
{
    rune_replay_info *info = &replay->info;
    uint32_t reason = rn_cursor_u32(cursor);
    uint32_t signal = rn_cursor_u32(cursor);
    info->budget = rn_cursor_u64(cursor);
    info->memory_peak = rn_cursor_u64(cursor);
    info->output_bytes = rn_cursor_u64(cursor);
    replay->kind = take_text(cursor);
    replay->message = take_text(cursor);
    info->value = take_value(cursor);
    require(cursor, reason <= RUNE_REASON_CRASHED && signal <= 64);
    require(cursor, (reason == RUNE_REASON_OK) == (info->value != NULL));
    info->reason = (rune_reason)reason;
    info->signal = (int)signal;
}

/* Version and digest. */
static rune_status read_header(struct rn_cursor *file, rune_error **error)
{
    uint8_t digest[RN_JOURNAL_DIGEST_SIZE];
    const uint8_t *magic = rn_cursor_bytes(file, 8);
    uint32_t version = rn_cursor_u32(file);
    uint32_t zero = rn_cursor_u32(file);
    const uint8_t *found = rn_cursor_bytes(file, RN_JOURNAL_DIGEST_SIZE);
    if (rn_cursor_status(file) != RN_OK || memcmp(magic, RN_REPLAY_MAGIC, 8) != 0) {
        return rn_fail(error, RUNE_E_REPLAY_INVALID, "not a replay file");
    }
    if (version != RN_REPLAY_VERSION || zero != 0) {
        return rn_fail(error, RUNE_E_REPLAY_VERSION, "a replay file of version %u, not %u", version,
                       RN_REPLAY_VERSION);
    }
    (void)crypto_generichash(digest, sizeof(digest), file->data + file->offset,
                             rn_cursor_left(file), NULL, 0);
    if (memcmp(digest, found, sizeof(digest)) != 0) {
        return rn_fail(error, RUNE_E_REPLAY_INVALID,
                       "the replay file is damaged, or was not written to its end");
    }
    return RUNE_OK;
}

static rune_status read_unit(struct rn_cursor *file, struct rune_replay *replay, rune_error **error)
{
    struct rn_cursor section = take_section(file, RN_REPLAY_UNIT);
    return rn_cursor_status(&section) == RN_OK
               ? rune_unit_load(section.data, section.size, &replay->info.unit, error)
               : RUNE_OK;
}

/* The sections behind the Unit. */
static rune_status read_sections(struct rn_cursor *file, struct rune_replay *replay,
                                 rune_error **error)
{
    static const struct {
        void (*read)(struct rn_cursor *cursor, struct rune_replay *replay);
        const char *name;
    } sections[RN_REPLAY_END + 1] = {
        [RN_REPLAY_CALL] = {read_call, "call"},
        [RN_REPLAY_FUNCTIONS] = {read_functions, "list of functions"},
        [RN_REPLAY_JOURNAL] = {read_journal, "journal"},
        [RN_REPLAY_END] = {read_end, "end"},
    };
    for (unsigned kind = RN_REPLAY_CALL; kind <= RN_REPLAY_END; kind++) {
        struct rn_cursor section = take_section(file, (enum rn_replay_section)kind);
        if (rn_cursor_status(&section) == RN_OK) {
            sections[kind].read(&section, replay);
        }
        leave_section(file, &section);
        if (rn_cursor_status(file) != RN_OK) {
            return rn_fail(error, (rune_status)file->error,
                           "the replay file's %s does not decode (byte %zu of it)",
                           sections[kind].name, section.error_offset);
        }
    }
    if (rn_cursor_left(file) > 0) {
        return rn_fail(error, RUNE_E_REPLAY_INVALID, "bytes after the end of the replay file");
    }
    return RUNE_OK;
}

/* Of parts that are sound each for itself. */
static rune_status check_whole(struct rune_replay *replay, rune_error **error)
{
    rune_replay_info *info = &replay->info;
    if (replay->target == RN_CALL_TARGET_ITEM && !rune_unit_has(info->unit, replay->item)) {
        return rn_fail(error, RUNE_E_REPLAY_INVALID,
                       "the replay file calls `%s`, which its Unit does not have", replay->item);
    }
    info->item = replay->item;
    info->kind = replay->kind;
    info->message = replay->message;
    return RUNE_OK;
}

rune_status rune_replay_load(const void *data, size_t size, rune_replay **out_replay,
                             rune_error **error)
{
    struct rn_cursor file;
    if (!data && size > 0) {
        return rn_fail_null(error, "data");
    }
    if (sodium_init() < 0) {
        return rn_fail_plain(error, RN_E_INTERNAL);
    }
    rn_cursor_init(&file, data, size);
    rune_status status = read_header(&file, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rune_replay *replay = rn_alloc(sizeof(*replay));
    if (!replay) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    status = read_unit(&file, replay, error);
    if (status == RUNE_OK) {
        status = read_sections(&file, replay, error);
    }
    if (status == RUNE_OK) {
        status = check_whole(replay, error);
    }
    if (status != RUNE_OK) {
        rune_replay_free(replay);
        return status;
    }
    *out_replay = replay;
    return RUNE_OK;
}

rune_status rune_replay_load_file(const char *path, rune_replay **out_replay, rune_error **error)
{
    RN_AUTO(rn_buf) struct rn_buf bytes = {.data = NULL};
    rune_error *why = NULL;
    if (!path) {
        return rn_fail_null(error, "path");
    }
    rune_status status = rn_read_file(path, RN_REPLAY_FILE_MAX, &bytes, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = rune_replay_load(bytes.data, bytes.size, out_replay, &why);
    if (status != RUNE_OK) {
        (void)rn_fail(error, status, "%s: %s", path, rune_error_message(why));
    }
    rune_error_free(why);
    return status;
}

void rune_replay_free(rune_replay *replay)
{
    if (replay) {
        rune_unit_unref(replay->info.unit);
        rune_value_unref((rune_const_value *)(uintptr_t)replay->info.args);
        rune_value_unref((rune_const_value *)(uintptr_t)replay->info.value);
        rune_value_unref(replay->statics);
        rune_runtime_unref(replay->runtime);
        rn_free(replay->item);
        rn_free(replay->kind);
        rn_free(replay->message);
        rn_free(replay->journal);
        rn_free(replay);
    }
}

void rune_replay_describe(const rune_replay *replay, rune_replay_info *out_info)
{
    *out_info = replay->info;
}

uint64_t rune_replay_limit(const rune_replay *replay, rune_limit limit)
{
    return rune_limits_get(&replay->limits, limit);
}
