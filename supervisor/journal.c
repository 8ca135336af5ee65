/* journal.c: what a call got from outside and what was seen of it; J1 to J6 in journal.h. */
#include "supervisor/journal.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"

struct step_entry {
    enum rn_step_kind kind;
    uint32_t number;
    uint64_t now_ns;
    size_t offset; /* of the body, in `bodies` */
    size_t size;
};

/* One stream: what was delivered, and what came in the second run. */
struct stream {
    crypto_generichash_state delivered_state;
    crypto_generichash_state again_state;
    uint64_t delivered;
    uint64_t again;
    bool restored; /* from a file: there is no state, but */
    uint8_t digest[RN_JOURNAL_DIGEST_SIZE];
};

/* The first host call is within: most calls that wait for an answer have made no other. */
struct rn_journal {
    _Atomic uint64_t *total;
    uint64_t counted; /* of this journal, in *total */
    struct rn_journal_call first;
    /* `first`, or a block of its own that begins with a copy of it. */
    struct rn_journal_call *calls;
    uint32_t call_count;
    uint32_t call_room; /* of that block */
    uint32_t matched;
    uint32_t sent;
    struct step_entry *steps;
    uint32_t step_count;
    uint32_t step_room;
    struct rn_buf bodies;
    void *room; /* of the streams, once something was printed: most calls that wait never do */
};

/* NULL before the first output. */
static struct stream *streams_of(const struct rn_journal *journal)
{
    uintptr_t align = _Alignof(struct stream);
    uintptr_t at = ((uintptr_t)journal->room + align - 1) / align * align;
    return journal->room ? (struct stream *)at : NULL;
}

struct rn_journal *rn_journal_new(_Atomic uint64_t *total)
{
    struct rn_journal *journal = rn_alloc(sizeof(*journal));
    if (journal) {
        journal->total = total;
        journal->calls = &journal->first;
        rn_buf_init(&journal->bodies, SIZE_MAX / 2);
    }
    return journal;
}

void rn_journal_free(struct rn_journal *journal)
{
    if (journal) {
        atomic_fetch_sub_explicit(journal->total, journal->counted, memory_order_relaxed);
        if (journal->calls != &journal->first) {
            rn_free(journal->calls);
        }
        rn_free(journal->steps);
        rn_buf_done(&journal->bodies);
        rn_free(journal->room);
        rn_free(journal);
    }
}

static uint64_t output_total(const struct rn_journal *journal, bool again)
{
    uint64_t total = 0;
    const struct stream *streams = streams_of(journal);
    for (uint32_t i = 0; streams && i < RN_JOURNAL_STREAMS; i++) {
        total += again ? streams[i].again : streams[i].delivered;
    }
    return total;
}

bool rn_journal_is_caught_up(const struct rn_journal *journal)
{
    return journal->matched == journal->call_count && journal->sent == journal->step_count &&
           output_total(journal, true) == output_total(journal, false);
}

/* J6. What a run that is being repeated adds was asked for before (rn_replay_has_room). */
static enum rn_error count(struct rn_journal *journal, uint64_t bytes)
{
    bool bounded = rn_journal_is_caught_up(journal);
    uint64_t before = atomic_fetch_add_explicit(journal->total, bytes, memory_order_relaxed);
    journal->counted += bytes;
    bool fits = journal->counted <= RN_JOURNAL_BYTES_MAX && before + bytes <= RN_JOURNALS_BYTES_MAX;
    return fits || !bounded ? RN_OK : RN_E_TOO_LARGE;
}

/* Room for one more element of an array that has `used`. */
static enum rn_error make_room(void **array, uint32_t used, uint32_t *room, size_t size)
{
    if (used < *room) {
        return RN_OK;
    }
    uint32_t wanted = *room == 0 ? 4 : *room * 2;
    void *moved = rn_realloc(*array, wanted * size);
    if (!moved) {
        return RN_E_NO_MEMORY;
    }
    *array = moved;
    *room = wanted;
    return RN_OK;
}

static void digest_args(const struct rn_journal_made *made, uint8_t digest[RN_JOURNAL_DIGEST_SIZE])
{
    (void)crypto_generichash(digest, RN_JOURNAL_DIGEST_SIZE, made->args, made->args_size, NULL, 0);
}

/* Room for one more host call. */
static enum rn_error make_call_room(struct rn_journal *journal)
{
    bool inside = journal->calls == &journal->first;
    if (inside && journal->call_count == 0) {
        return RN_OK;
    }
    void *calls = inside ? NULL : journal->calls;
    RN_TRY(make_room(&calls, journal->call_count, &journal->call_room,
                     sizeof(struct rn_journal_call)));
    if (inside) {
        memcpy(calls, &journal->first, sizeof(journal->first));
    }
    journal->calls = calls;
    return RN_OK;
}

enum rn_error rn_journal_restore_call(struct rn_journal *journal,
                                      const struct rn_journal_call *call)
{
    RN_TRY(count(journal, sizeof(struct rn_journal_call)));
    RN_TRY(make_call_room(journal));
    journal->calls[journal->call_count++] = *call;
    journal->matched = journal->call_count;
    return RN_OK;
}

enum rn_error rn_journal_add_call(struct rn_journal *journal, const struct rn_journal_made *made)
{
    RN_CHECK(made->number == journal->call_count + 1);
    struct rn_journal_call call = {
        .function = made->function, .budget = made->budget, .output = output_total(journal, false)};
    digest_args(made, call.digest);
    return rn_journal_restore_call(journal, &call);
}

enum rn_error rn_journal_add_step(struct rn_journal *journal, const struct rn_step *step)
{
    RN_TRY(count(journal, sizeof(struct step_entry) + step->size));
    void *steps = journal->steps;
    enum rn_error error =
        make_room(&steps, journal->step_count, &journal->step_room, sizeof(struct step_entry));
    journal->steps = steps;
    RN_TRY(error);
    size_t offset = journal->bodies.size;
    rn_buf_append(&journal->bodies, step->body, step->size);
    RN_TRY(rn_buf_status(&journal->bodies));
    journal->steps[journal->step_count++] = (struct step_entry){.kind = step->kind,
                                                                .number = step->number,
                                                                .now_ns = step->now_ns,
                                                                .offset = offset,
                                                                .size = step->size};
    if (step->kind != RN_STEP_WAKE && step->number - 1 < journal->call_count) {
        journal->calls[step->number - 1].answered = true;
    }
    return RN_OK;
}

static enum rn_error begin_output(struct rn_journal *journal)
{
    if (journal->room) {
        return RN_OK;
    }
    // The state of a hash wants more alignment than the heap promises.
    journal->room = rn_alloc(RN_JOURNAL_STREAMS * sizeof(struct stream) + _Alignof(struct stream));
    if (!journal->room) {
        return RN_E_NO_MEMORY;
    }
    struct stream *streams = streams_of(journal);
    for (uint32_t i = 0; i < RN_JOURNAL_STREAMS; i++) {
        crypto_generichash_init(&streams[i].delivered_state, NULL, 0, RN_JOURNAL_DIGEST_SIZE);
    }
    return RN_OK;
}

enum rn_error rn_journal_add_output(struct rn_journal *journal, uint32_t stream, const void *data,
                                    size_t size)
{
    RN_CHECK(stream < RN_JOURNAL_STREAMS);
    RN_TRY(begin_output(journal));
    struct stream *at = &streams_of(journal)[stream];
    (void)crypto_generichash_update(&at->delivered_state, data, size);
    at->delivered += size;
    at->again += size;
    return RN_OK;
}

void rn_journal_rewind(struct rn_journal *journal)
{
    struct stream *streams = streams_of(journal);
    journal->matched = 0;
    journal->sent = 0;
    for (uint32_t i = 0; streams && i < RN_JOURNAL_STREAMS; i++) {
        crypto_generichash_init(&streams[i].again_state, NULL, 0, RN_JOURNAL_DIGEST_SIZE);
        streams[i].again = 0;
    }
}

static enum rn_divergence compare(const struct rn_journal *journal,
                                  const struct rn_journal_call *entry,
                                  const struct rn_journal_made *made)
{
    uint8_t digest[RN_JOURNAL_DIGEST_SIZE];
    digest_args(made, digest);
    if (entry->function != made->function) {
        return RN_OTHER_FUNCTION;
    }
    if (memcmp(entry->digest, digest, sizeof(digest)) != 0) {
        return RN_OTHER_ARGUMENTS;
    }
    if (entry->budget != made->budget) {
        return RN_OTHER_BUDGET;
    }
    return entry->output == output_total(journal, true) ? RN_SAME : RN_OTHER_OUTPUT;
}

bool rn_journal_match_call(struct rn_journal *journal, const struct rn_journal_made *made,
                           enum rn_divergence *out_divergence)
{
    RN_CHECK(made->number == journal->matched + 1);
    if (made->number > journal->call_count) {
        bool same = output_total(journal, true) == output_total(journal, false);
        *out_divergence = same ? RN_SAME : RN_OTHER_OUTPUT;
        return false;
    }
    *out_divergence = compare(journal, &journal->calls[made->number - 1], made);
    journal->matched++;
    return true;
}

static void digest_of(const crypto_generichash_state *at, uint8_t digest[RN_JOURNAL_DIGEST_SIZE])
{
    crypto_generichash_state state = *at;
    (void)crypto_generichash_final(&state, digest, RN_JOURNAL_DIGEST_SIZE);
}

static void digest_delivered(const struct stream *stream, uint8_t digest[RN_JOURNAL_DIGEST_SIZE])
{
    if (stream->restored) {
        memcpy(digest, stream->digest, RN_JOURNAL_DIGEST_SIZE);
    } else {
        digest_of(&stream->delivered_state, digest);
    }
}

/* The bytes that came again are those that were delivered. */
static bool same_output(const struct stream *stream)
{
    uint8_t first[RN_JOURNAL_DIGEST_SIZE];
    uint8_t again[RN_JOURNAL_DIGEST_SIZE];
    digest_delivered(stream, first);
    digest_of(&stream->again_state, again);
    return memcmp(first, again, sizeof(first)) == 0;
}

enum rn_divergence rn_journal_match_output(struct rn_journal *journal, uint32_t stream,
                                           const void *data, size_t size, size_t *out_known)
{
    RN_CHECK(stream < RN_JOURNAL_STREAMS);
    *out_known = 0;
    if (!journal->room) {
        return RN_SAME;
    }
    struct stream *at = &streams_of(journal)[stream];
    if (at->again >= at->delivered) {
        return RN_SAME;
    }
    uint64_t left = at->delivered - at->again;
    *out_known = size < left ? size : (size_t)left;
    (void)crypto_generichash_update(&at->again_state, data, *out_known);
    at->again += *out_known;
    return at->again < at->delivered || same_output(at) ? RN_SAME : RN_OTHER_OUTPUT;
}

struct rn_step rn_journal_step_at(const struct rn_journal *journal, uint32_t index)
{
    RN_CHECK(index < journal->step_count);
    const struct step_entry *entry = &journal->steps[index];
    return (struct rn_step){.kind = entry->kind,
                            .number = entry->number,
                            .now_ns = entry->now_ns,
                            .body = entry->size > 0 ? journal->bodies.data + entry->offset : NULL,
                            .size = entry->size};
}

bool rn_journal_next_step(const struct rn_journal *journal, bool waits, struct rn_step *out_step)
{
    if (journal->sent == journal->step_count) {
        return false;
    }
    const struct step_entry *entry = &journal->steps[journal->sent];
    bool may = entry->kind == RN_STEP_WAKE ? waits : entry->number <= journal->matched;
    if (may) {
        *out_step = rn_journal_step_at(journal, journal->sent);
    }
    return may;
}

void rn_journal_step_sent(struct rn_journal *journal)
{
    RN_CHECK(journal->sent < journal->step_count);
    journal->sent++;
}

bool rn_journal_has_steps(const struct rn_journal *journal)
{
    return journal->sent < journal->step_count;
}

uint32_t rn_journal_next_call(const struct rn_journal *journal)
{
    return rn_journal_has_steps(journal) ? journal->steps[journal->sent].number : 0;
}

/* Files */

uint32_t rn_journal_call_count(const struct rn_journal *journal)
{
    return journal->call_count;
}

const struct rn_journal_call *rn_journal_call_at(const struct rn_journal *journal, uint32_t index)
{
    RN_CHECK(index < journal->call_count);
    return &journal->calls[index];
}

uint32_t rn_journal_step_count(const struct rn_journal *journal)
{
    return journal->step_count;
}

struct rn_journal_output rn_journal_output_of(const struct rn_journal *journal, uint32_t stream)
{
    RN_CHECK(stream < RN_JOURNAL_STREAMS);
    struct rn_journal_output output = {0};
    if (journal->room) {
        const struct stream *at = &streams_of(journal)[stream];
        output.size = at->delivered;
        digest_delivered(at, output.digest);
    }
    return output;
}

enum rn_error rn_journal_restore_output(struct rn_journal *journal, uint32_t stream,
                                        const struct rn_journal_output *output)
{
    RN_CHECK(stream < RN_JOURNAL_STREAMS);
    RN_TRY(begin_output(journal));
    struct stream *at = &streams_of(journal)[stream];
    at->restored = true;
    at->delivered = output->size;
    at->again = output->size;
    memcpy(at->digest, output->digest, sizeof(at->digest));
    return RN_OK;
}

uint32_t rn_journal_steps_sent(const struct rn_journal *journal)
{
    return journal->sent;
}

const char *rn_divergence_text(enum rn_divergence divergence)
{
    switch (divergence) {
    case RN_OTHER_FUNCTION:
        return "it called another host function";
    case RN_OTHER_ARGUMENTS:
        return "it called a host function with other arguments";
    case RN_OTHER_BUDGET:
        return "it called a host function at another place";
    case RN_OTHER_OUTPUT:
        return "it printed something else";
    case RN_OTHER_ORDER:
        return "it waited for time instead of calling a host function";
    case RN_ENDED_EARLY:
        return "it ended before it had done all that it did before";
    case RN_WENT_ON:
        return "it called a host function once more";
    case RN_WAITS:
        return "it waits for what the journal does not have";
    case RN_SAME:
        break;
    }
    return "it did the same";
}
