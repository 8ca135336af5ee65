/* remote_build.c: builds, Units and questions, as a daemon answers them. Trust: see remote.h. */
#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "supervisor/context.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/remote.h"
#include "supervisor/remote_state.h"
#include "supervisor/statics.h"
#include "supervisor/supervisor.h"
#include "supervisor/text.h"
#include "supervisor/unit.h"
#include "supervisor/wire.h"

#define STATS 5u /* of CLIENT_QUERY */

/* Units */

static void digest_unit(const rune_unit *unit, uint8_t out_digest[RN_DIGEST_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RN_DIGEST_SIZE);
    crypto_generichash_update(&state, unit->id, sizeof(unit->id));
    crypto_generichash_update(&state, unit->debug_size > 0 ? unit->debug_bytes : unit->id,
                              unit->debug_size);
    crypto_generichash_final(&state, out_digest, RN_DIGEST_SIZE);
}

/* Notes that the daemon holds something under a number; the oldest makes room. */
static void note(struct rn_remote *remote, struct rn_remote_table *table,
                 const uint8_t digest[RN_DIGEST_SIZE], uint32_t number)
{
    pthread_mutex_lock(&remote->lock);
    struct rn_remote_held *place = &table->places[table->next++ % RN_REMOTE_HELD_MAX];
    uint32_t old = place->number;
    memcpy(place->digest, digest, RN_DIGEST_SIZE);
    place->number = number;
    pthread_mutex_unlock(&remote->lock);
    if (old != 0) {
        bool is_unit = table == &remote->units;
        struct rn_message message = {
            .type = RN_MESSAGE_CLIENT_DROP,
            .as.CLIENT_DROP = {.unit = is_unit ? old : 0, .context = is_unit ? 0 : old}};
        rn_remote_tell(remote, &message);
    }
}

static uint32_t find(struct rn_remote *remote, const struct rn_remote_table *table,
                     const uint8_t digest[RN_DIGEST_SIZE])
{
    uint32_t number = 0;
    pthread_mutex_lock(&remote->lock);
    for (size_t i = 0; i < RN_REMOTE_HELD_MAX; i++) {
        const struct rn_remote_held *held = &table->places[i];
        if (held->number != 0 && memcmp(held->digest, digest, RN_DIGEST_SIZE) == 0) {
            number = held->number;
        }
    }
    pthread_mutex_unlock(&remote->lock);
    return number;
}

/* Brings something there, and notes the number that it got. */
static rune_status bring(struct rn_remote *remote, struct rn_message *message,
                         const uint8_t digest[RN_DIGEST_SIZE], uint32_t *out_number,
                         rune_error **error)
{
    struct rn_remote_answer answer = {.body = NULL};
    rune_status status = rn_remote_ask(remote, message, &answer, error);
    if (status == RUNE_OK) {
        *out_number = (uint32_t)answer.fields.value;
        note(remote, message->type == RN_MESSAGE_CLIENT_LOAD ? &remote->units : &remote->contexts,
             digest, *out_number);
    }
    rn_free(answer.body);
    return status;
}

rune_status rn_remote_unit(struct rn_remote *remote, const rune_unit *unit, uint32_t *out_number,
                           rune_error **error)
{
    uint8_t digest[RN_DIGEST_SIZE];
    rune_text *bytes = NULL;
    digest_unit(unit, digest);
    *out_number = find(remote, &remote->units, digest);
    if (*out_number != 0) {
        return RUNE_OK;
    }
    rune_status status = rune_unit_save(unit, &bytes, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_LOAD,
                                 .body = (const uint8_t *)rune_text_data(bytes),
                                 .body_size = rune_text_size(bytes)};
    status = bring(remote, &message, digest, out_number, error);
    rune_text_free(bytes);
    return status;
}

/* Contexts */

static rune_status bring_items(struct rn_remote *remote, const struct rn_buf *items,
                               uint32_t *out_number, rune_error **error)
{
    uint8_t digest[RN_DIGEST_SIZE];
    if (rn_buf_status(items) != RN_OK) {
        return rn_fail(error, (rune_status)rn_buf_status(items), "the context: %s",
                       rn_error_message(rn_buf_status(items)));
    }
    crypto_generichash(digest, RN_DIGEST_SIZE, items->data, items->size, NULL, 0);
    *out_number = find(remote, &remote->contexts, digest);
    if (*out_number != 0) {
        return RUNE_OK;
    }
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CONTEXT, .body = items->data, .body_size = items->size};
    return bring(remote, &message, digest, out_number, error);
}

/* What a build of the client's own is made with; 0: with what the daemon offers. */
static rune_status bring_context(struct rn_remote *remote, const struct rn_build_request *request,
                                 uint32_t *out_number, rune_error **error)
{
    const rune_statics *statics = request->options ? request->options->statics : NULL;
    RN_AUTO(rn_buf) struct rn_buf items;
    *out_number = 0;
    if (!request->context && !statics) {
        return RUNE_OK;
    }
    rn_buf_init(&items, RN_CLIENT_CONTEXT_MAX);
    enum rn_error failed = rn_statics_append(statics, request->context, &items);
    return failed == RN_E_INVALID_ARGUMENT ? rn_fail_static_path(error)
                                           : bring_items(remote, &items, out_number, error);
}

rune_status rn_remote_runtime(struct rn_remote *remote, const rune_runtime *runtime,
                              uint32_t *out_number, rune_error **error)
{
    RN_AUTO(rn_buf) struct rn_buf items;
    *out_number = 0;
    if (!runtime) {
        return RUNE_OK;
    }
    rn_buf_init(&items, RN_CLIENT_CONTEXT_MAX);
    (void)!rn_runtime_encode(runtime, &items);
    return bring_items(remote, &items, out_number, error);
}

/* The Unit in an answer: it is verified here, whoever made it. */
static rune_status read_unit(struct rn_remote *remote, const struct rn_remote_answer *answer,
                             rune_unit **out_unit, rune_error **error)
{
    uint8_t digest[RN_DIGEST_SIZE];
    size_t said = answer->fields.said_size;
    if (said > answer->size) {
        return rn_fail_plain(error, RN_E_MESSAGE_INVALID);
    }
    rune_status status = rune_unit_load(answer->body + said, answer->size - said, out_unit, error);
    if (status == RUNE_OK) {
        digest_unit(*out_unit, digest);
        note(remote, &remote->units, digest, (uint32_t)answer->fields.value);
    }
    return status;
}

/* Builds */

static enum rn_error put_sources(struct rn_buf *body, const rune_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct rn_source_text *text = &sources->texts[i];
        rn_buf_append_u32(body, (uint32_t)strlen(text->name));
        rn_buf_append_u32(body, (uint32_t)text->size);
        rn_buf_append_text(body, text->name);
        rn_buf_append(body, text->text, text->size);
    }
    return rn_buf_status(body);
}

/* Answers a module that the daemon's compiler needs. */
static void send_module(struct rn_remote *remote, const struct rn_build_request *request,
                        uint64_t id, const char *item)
{
    struct rune_loaded loaded = {.name = NULL};
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    enum rn_error found = rn_sources_find(request->sources, item, &loaded);
    size_t name_size = 0;
    if (request->inputs) {
        rn_inputs_add(request->inputs, item, found, &loaded);
    }
    if (found == RN_OK) {
        rn_buf_append_text(&body, loaded.name);
        name_size = body.size;
        rn_buf_append(&body, loaded.text, loaded.size);
        found = rn_buf_status(&body);
    }
    rn_loaded_done(&loaded);
    if (found != RN_OK) {
        body.size = 0;
    }
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_MODULE,
        .call = id,
        .body = body.data,
        .body_size = body.size,
        .as.CLIENT_MODULE = {.status = (uint32_t) - (int)found, .name_size = (uint32_t)name_size}};
    rn_remote_tell(remote, &message);
}

static rune_status read_built(struct rn_remote *remote, const struct rn_build_request *request,
                              const struct rn_remote_answer *answer, rune_unit **out_unit,
                              rune_error **error)
{
    struct rn_cursor cursor;
    size_t said = answer->fields.said_size;
    if (said > answer->size || answer->fields.status > 1000) {
        return rn_fail_plain(error, RN_E_MESSAGE_INVALID);
    }
    if (request->diagnostics) {
        enum rn_error failed = rn_diagnostics_replace(request->diagnostics, answer->body, said);
        if (failed != RN_OK) {
            return rn_fail_plain(error, failed);
        }
    }
    if (answer->fields.status == 0) {
        return read_unit(remote, answer, out_unit, error);
    }
    rune_error *why = NULL;
    rn_cursor_init(&cursor, answer->body + said, answer->size - said);
    if (rn_wire_get_error(&cursor, &why) != RN_OK) {
        return rn_fail_plain(error, RN_E_MESSAGE_INVALID);
    }
    if (error) {
        *error = why;
    } else {
        rune_error_free(why);
    }
    return (rune_status) - (int)answer->fields.status;
}

static rune_status converse(struct rn_remote *remote, const struct rn_build_request *request,
                            struct rn_message *message, rune_unit **out_unit, rune_error **error)
{
    struct rn_remote_request asked;
    struct rn_remote_event *event;
    rune_status may = rn_remote_may_wait(remote, error);
    if (may != RUNE_OK) {
        return may;
    }
    rn_remote_request_init(&asked);
    if (rn_remote_begin(remote, &asked, message) != RN_OK) {
        rn_remote_request_done(&asked);
        return rn_remote_fail(remote, error);
    }
    while ((event = rn_remote_wait(remote, &asked)) != NULL) {
        if (event->type == RN_MESSAGE_DAEMON_NEED) {
            send_module(remote, request, asked.id, (const char *)event->data);
        }
        rn_remote_event_free(event);
    }
    rune_status status = asked.lost ? rn_remote_fail(remote, error)
                                    : read_built(remote, request, &asked.answer, out_unit, error);
    rn_remote_request_done(&asked);
    return status;
}

rune_status rn_remote_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                            rune_unit **out_unit, rune_error **error)
{
    static const struct rune_options defaults;
    const rune_options *options = request->options ? request->options : &defaults;
    RN_AUTO(rn_buf) struct rn_buf body;
    uint32_t context = 0;
    rune_status status = bring_context(supervisor->remote, request, &context, error);
    if (status != RUNE_OK) {
        return status;
    }
    rn_buf_init(&body, RN_CLIENT_BUILD_MAX);
    rn_buf_append_text(&body, options->domain ? options->domain : "");
    size_t domain_size = body.size;
    enum rn_error failed = put_sources(&body, request->sources);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_BUILD,
                                 .body = body.data,
                                 .body_size = body.size,
                                 .as.CLIENT_BUILD = {.script = options->script,
                                                     .sources = (uint32_t)request->sources->count,
                                                     .domain_size = (uint32_t)domain_size,
                                                     .context = context,
                                                     .wall_ns = options->wall_ns,
                                                     .memory_max = options->memory_max}};
    return converse(supervisor->remote, request, &message, out_unit, error);
}

/* Questions */

rune_status rune_connect_unit(rune_supervisor *supervisor, const char *name, rune_unit **out_unit,
                              rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (!supervisor->remote) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "the supervisor is no daemon's");
    }
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_SCRIPT, .body = (const uint8_t *)name, .body_size = strlen(name)};
    if (message.body_size > RN_NEED_BODY_MAX) {
        return rn_fail_plain(error, RN_E_TOO_LARGE);
    }
    rune_status status = rn_remote_ask(supervisor->remote, &message, &answer, error);
    if (status == RUNE_OK) {
        status = read_unit(supervisor->remote, &answer, out_unit, error);
    }
    rn_free(answer.body);
    return status;
}

rune_status rune_connect_query(rune_supervisor *supervisor, rune_query query, rune_text **out_text,
                               rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (!supervisor->remote) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "the supervisor is no daemon's");
    }
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_QUERY,
                                 .as.CLIENT_QUERY = {.what = (uint32_t)query}};
    rune_status status = rn_remote_ask(supervisor->remote, &message, &answer, error);
    if (status == RUNE_OK) {
        *out_text = rune_text_new((const char *)answer.body, answer.size);
        status = *out_text ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rn_free(answer.body);
    return status;
}

rune_status rune_connect_control(rune_supervisor *supervisor, rune_control control, uint64_t value,
                                 rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (!supervisor->remote) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "the supervisor is no daemon's");
    }
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_CONTROL,
                                 .as.CLIENT_CONTROL = {.what = (uint32_t)control, .value = value}};
    rune_status status = rn_remote_ask(supervisor->remote, &message, &answer, error);
    rn_free(answer.body);
    return status;
}

rune_status rn_remote_stats(struct rn_remote *remote, rune_stats *out_stats)
{
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_QUERY,
                                 .as.CLIENT_QUERY = {.what = STATS}};
    rune_status status = rn_remote_ask(remote, &message, &answer, NULL);
    if (status == RUNE_OK) {
        struct rn_cursor cursor;
        rn_cursor_init(&cursor, answer.body, answer.size);
        out_stats->calls = rn_cursor_u64(&cursor);
        out_stats->builds = rn_cursor_u64(&cursor);
        out_stats->workers_started = rn_cursor_u64(&cursor);
        out_stats->workers_lost = rn_cursor_u64(&cursor);
        out_stats->workers_now = (uint32_t)rn_cursor_u64(&cursor);
        out_stats->spares_now = (uint32_t)rn_cursor_u64(&cursor);
        out_stats->calls_now = (uint32_t)rn_cursor_u64(&cursor);
        status = (rune_status)rn_cursor_status(&cursor);
    }
    rn_free(answer.body);
    return status;
}
