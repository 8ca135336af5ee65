/* remote_build.c: builds, Units and questions, as a daemon answers them. Trust: see remote.h. */
#include <runeward/serve.h>

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

static struct rn_remote_held describe_unit(const rune_unit *unit)
{
    struct rn_remote_held thing = {.bytes = unit->segment.size + unit->debug_size,
                                   .retired = atomic_load(&unit->retired)};
    digest_unit(unit, thing.digest);
    return thing;
}

/* Brings something there, for a build or for nobody's (NULL); `thing` gets the number that it is to be named by. */
static rune_status bring(struct rn_remote *remote, const struct rn_build_request *build,
                         struct rn_message *message, struct rn_remote_held *thing,
                         rune_error **error)
{
    struct rn_remote_answer answer = {.body = NULL};
    bool is_unit = message->type == RN_MESSAGE_CLIENT_LOAD;
    rune_status status = rn_remote_converse(remote, build, message, &answer, error);
    if (status == RUNE_OK) {
        status = rn_remote_read_answer(&answer, error);
    }
    if (status == RUNE_OK) {
        thing->number = (uint32_t)answer.fields.value;
        thing->uses = 1;
        thing->number =
            rn_remote_held_note(remote, is_unit ? &remote->units : &remote->contexts, thing);
    }
    rn_free(answer.body);
    return status;
}

rune_status rn_remote_unit(struct rn_remote *remote, const rune_unit *unit, uint32_t *out_number,
                           rune_error **error)
{
    struct rn_remote_held thing = describe_unit(unit);
    rune_text *bytes = NULL;
    *out_number = rn_remote_held_use(remote, &remote->units, thing.digest);
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
    status = bring(remote, NULL, &message, &thing, error);
    *out_number = thing.number;
    rune_text_free(bytes);
    return status;
}

void rn_remote_unit_retire(struct rn_remote *remote, rune_unit *unit)
{
    struct rn_remote_held thing = describe_unit(unit);
    atomic_store(&unit->retired, true);
    rn_remote_held_retire(remote, &remote->units, thing.digest);
}

void rn_remote_leave(struct rn_remote *remote, uint32_t unit, uint32_t context)
{
    rn_remote_held_leave(remote, &remote->units, unit);
    rn_remote_held_leave(remote, &remote->contexts, context);
}

/* Contexts */

static rune_status check_items(enum rn_error failed, rune_error **error)
{
    return failed == RN_OK ? RUNE_OK
           : failed == RN_E_INVALID_ARGUMENT
               ? rn_fail_static_path(error)
               : rn_fail(error, (rune_status)failed, "the context: %s", rn_error_message(failed));
}

static rune_status bring_items(struct rn_remote *remote, const struct rn_build_request *build,
                               const struct rn_buf *items, uint32_t *out_number, rune_error **error)
{
    struct rn_remote_held thing = {.bytes = items->size};
    crypto_generichash(thing.digest, RN_DIGEST_SIZE, items->data, items->size, NULL, 0);
    *out_number = rn_remote_held_use(remote, &remote->contexts, thing.digest);
    if (*out_number != 0) {
        return RUNE_OK;
    }
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CONTEXT, .body = items->data, .body_size = items->size};
    rune_status status = bring(remote, build, &message, &thing, error);
    *out_number = thing.number;
    return status;
}

rune_status rn_remote_encode(const rune_statics *statics, const rune_context *context,
                             struct rn_buf *out_items, rune_error **error)
{
    rn_buf_init(out_items, RN_CLIENT_CONTEXT_MAX);
    return check_items(rn_statics_append(statics, context, out_items), error);
}

/* What a build of the client's own is made with; 0: with what the daemon offers. */
static rune_status bring_context(struct rn_remote *remote, const struct rn_build_request *request,
                                 uint32_t *out_number, rune_error **error)
{
    const rune_statics *statics = request->options ? request->options->statics : NULL;
    RN_AUTO(rn_buf) struct rn_buf items = {.data = NULL};
    *out_number = 0;
    if (request->items) {
        return bring_items(remote, request, request->items, out_number, error);
    }
    if (!request->context && !statics) {
        return RUNE_OK;
    }
    rune_status status = rn_remote_encode(statics, request->context, &items, error);
    return status == RUNE_OK ? bring_items(remote, request, &items, out_number, error) : status;
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
    rune_status status = check_items(rn_runtime_encode(runtime, &items), error);
    return status == RUNE_OK ? bring_items(remote, NULL, &items, out_number, error) : status;
}

/* The Unit in an answer: it is verified here, whoever made it. */
static rune_status read_unit(struct rn_remote *remote, const struct rn_remote_answer *answer,
                             rune_unit **out_unit, rune_error **error)
{
    size_t said = answer->fields.said_size;
    rune_status status = said > answer->size ? rn_fail_plain(error, RN_E_MESSAGE_INVALID)
                                             : rune_unit_load(answer->body + said,
                                                              answer->size - said, out_unit, error);
    if (status != RUNE_OK) {
        rn_remote_leave(remote, (uint32_t)answer->fields.value, 0);
        return status;
    }
    struct rn_remote_held thing = describe_unit(*out_unit);
    thing.number = (uint32_t)answer->fields.value;
    (void)rn_remote_held_note(remote, &remote->units, &thing);
    return RUNE_OK;
}

/* Builds */

/* A layout is of the root alone. */
static size_t count_sources(const struct rn_build_request *request)
{
    return request->kind == RN_BUILD_KIND_FORMAT ? 1 : request->sources->count;
}

static enum rn_error put_sources(struct rn_buf *body, const rune_sources *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rn_source_text *text = &sources->texts[i];
        rn_buf_append_u32(body, (uint32_t)strlen(text->name));
        rn_buf_append_u32(body, (uint32_t)text->size);
        rn_buf_append_text(body, text->name);
        rn_buf_append(body, text->text, text->size);
    }
    return rn_buf_status(body);
}

/* What the daemon said about the sources. */
static enum rn_error read_said(const struct rn_build_request *request,
                               const struct rn_remote_answer *answer)
{
    size_t said = answer->fields.said_size;
    if (said > answer->size) {
        return RN_E_MESSAGE_INVALID;
    }
    return request->diagnostics ? rn_diagnostics_replace(request->diagnostics, answer->body, said)
                                : RN_OK;
}

static rune_status read_built(struct rn_remote *remote, const struct rn_build_request *request,
                              const struct rn_remote_answer *answer, rune_unit **out_unit,
                              rune_error **error)
{
    enum rn_error failed = read_said(request, answer);
    if (failed != RN_OK && answer->fields.status == 0) {
        // What was built is wanted by nobody.
        rn_remote_leave(remote, (uint32_t)answer->fields.value, 0);
    }
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    return answer->fields.status == 0 ? read_unit(remote, answer, out_unit, error)
                                      : rn_remote_read_answer(answer, error);
}

/* The text in an answer; that of a Unit has a number. */
static rune_status take_text(const struct rn_remote_answer *answer, rune_text **out_text,
                             rune_error **error)
{
    size_t said = answer->fields.said_size;
    enum rn_error failed = answer->fields.value == 0
                               ? rn_text_copy(answer->body + said, answer->size - said, out_text)
                               : RN_E_MESSAGE_INVALID;
    if (failed == RN_E_MESSAGE_INVALID) {
        return rn_fail(error, RUNE_E_MESSAGE_INVALID, "the daemon sent a text that is none");
    }
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}

static rune_status read_text(const struct rn_build_request *request,
                             const struct rn_remote_answer *answer, rune_text **out_text,
                             rune_error **error)
{
    enum rn_error failed = read_said(request, answer);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    return answer->fields.status == 0 ? take_text(answer, out_text, error)
                                      : rn_remote_read_answer(answer, error);
}

rune_status rn_remote_may_build(struct rn_remote *remote, rune_error **error)
{
    if (rn_remote_is_lost(remote)) {
        return rn_remote_fail(remote, error);
    }
    if ((remote->rights & RUNE_RIGHT_BUILD) == 0) {
        return rn_fail(error, RUNE_E_DENIED, "this user may not build with the daemon");
    }
    return rn_remote_may_wait(remote, error);
}

static rune_status check_names(const struct rn_build_request *request, const char *domain,
                               rune_error **error)
{
    rune_status status = rn_wire_check_text("a domain's name", domain, RN_WIRE_DOMAIN_MAX, error);
    for (size_t i = 0; i < count_sources(request) && status == RUNE_OK; i++) {
        status = rn_wire_check_text("a source's name", request->sources->texts[i].name,
                                    RN_NEED_BODY_MAX, error);
    }
    return status;
}

/* The daemon's answer, with a context that it holds. */
static rune_status ask_for_build(struct rn_remote *remote, const struct rn_build_request *request,
                                 uint32_t context, struct rn_remote_answer *out_answer,
                                 rune_error **error)
{
    static const struct rune_options defaults = {.indent = RN_INDENT_DEFAULT};
    const rune_options *options = request->options ? request->options : &defaults;
    const char *domain = options->domain ? options->domain : "";
    rune_status status = check_names(request, domain, error);
    if (status != RUNE_OK) {
        return status;
    }
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_CLIENT_BUILD_MAX);
    rn_buf_append_text(&body, domain);
    size_t domain_size = body.size;
    enum rn_error failed = put_sources(&body, request->sources, count_sources(request));
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_BUILD,
                                 .body = body.data,
                                 .body_size = body.size,
                                 .as.CLIENT_BUILD = {.script = options->script,
                                                     .sources = (uint32_t)count_sources(request),
                                                     .domain_size = (uint32_t)domain_size,
                                                     .context = context,
                                                     .kind = request->kind,
                                                     .indent = options->indent,
                                                     .bare_end = options->bare_end,
                                                     .wall_ns = options->wall_ns,
                                                     .memory_max = options->memory_max}};
    return rn_remote_converse(remote, request, &message, out_answer, error);
}

rune_status rn_remote_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                            rune_unit **out_unit, rune_error **error)
{
    struct rn_remote *remote = supervisor->remote;
    struct rn_remote_answer answer = {.body = NULL};
    uint32_t context = 0;
    rune_status status = bring_context(remote, request, &context, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = ask_for_build(remote, request, context, &answer, error);
    rn_remote_leave(remote, 0, context);
    if (status == RUNE_OK) {
        status = read_built(remote, request, &answer, out_unit, error);
    }
    rn_free(answer.body);
    return status;
}

rune_status rn_remote_text(struct rn_remote *remote, const struct rn_build_request *request,
                           rune_text **out_text, rune_error **error)
{
    struct rn_remote_answer answer = {.body = NULL};
    rune_status status = ask_for_build(remote, request, 0, &answer, error);
    if (status == RUNE_OK) {
        status = read_text(request, &answer, out_text, error);
    }
    rn_free(answer.body);
    return status;
}

/* Questions */

rune_status rune_connect_unit(rune_supervisor *supervisor, const char *name, rune_unit **out_unit,
                              rune_error **error)
{
    if (!supervisor || !name) {
        return rn_fail_null(error, supervisor ? "name" : "supervisor");
    }
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (!supervisor->remote) {
        return rn_fail(error, RUNE_E_UNSUPPORTED, "the supervisor is no daemon's");
    }
    rune_status status = rn_wire_check_text("a script's name", name, RN_NEED_BODY_MAX, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_SCRIPT, .body = (const uint8_t *)name, .body_size = strlen(name)};
    status = rn_remote_ask(supervisor->remote, &message, &answer, error);
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
