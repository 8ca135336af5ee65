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

/* Questions that may be given up */

/* What is out: somebody's who waits, or, once he has given it up, the receiving thread's. */
struct asked {
    struct rn_remote_request request; /* first */
    struct rn_remote *remote;
    bool is_context;
};

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

static void refuse_module(struct rn_remote *remote, uint64_t id)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_MODULE,
                                 .call = id,
                                 .as.CLIENT_MODULE = {.status = (uint32_t)-RN_E_CANCELLED}};
    rn_remote_tell(remote, &message);
}

/* The three below are for what was given up: it is to end soon, and to leave nothing there. */

static bool refuse_modules(struct rn_remote_request *request)
{
    struct asked *asked = (struct asked *)request;
    struct rn_remote_event *event;
    while ((event = rn_remote_take_event(asked->remote, request)) != NULL) {
        if (event->type == RN_MESSAGE_DAEMON_NEED) {
            refuse_module(asked->remote, request->id);
        }
        rn_remote_event_free(event);
    }
    return true;
}

static void drop_answer(struct rn_remote_request *request)
{
    struct asked *asked = (struct asked *)request;
    const struct rn_fields_DAEMON_ANSWER *fields = &request->answer.fields;
    if (!request->lost && fields->status == 0) {
        uint32_t number = (uint32_t)fields->value;
        rn_remote_leave(asked->remote, asked->is_context ? 0 : number,
                        asked->is_context ? number : 0);
    }
    rn_remote_request_done(request);
    rn_free(asked);
}

/* Acts on what comes until the end, or until nobody wants it any more; then it is not the caller's: false. */
static bool await(struct asked *asked, const struct rn_build_request *build)
{
    struct rn_remote *remote = asked->remote;
    struct rn_remote_request *request = &asked->request;
    bool given_up;
    do {
        struct rn_remote_event *event;
        while ((event = rn_remote_wait(remote, request)) != NULL) {
            bool is_need = event->type == RN_MESSAGE_DAEMON_NEED;
            if (is_need && build && !(request->stop && atomic_load(request->stop))) {
                send_module(remote, build, request->id, (const char *)event->data);
            } else if (is_need) {
                refuse_module(remote, request->id);
            }
            rn_remote_event_free(event);
        }
        given_up = rn_remote_abandon(remote, request, refuse_modules, drop_answer);
    } while (!given_up && !rn_remote_is_done(remote, request));
    return !given_up;
}

/* One question of a build, or of nobody's (NULL); the answer may be a failure, and its body is the caller's. */
static rune_status converse(struct rn_remote *remote, const struct rn_build_request *build,
                            struct rn_message *message, struct rn_remote_answer *out_answer,
                            rune_error **error)
{
    rune_status status = rn_remote_may_wait(remote, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct asked *asked = rn_alloc(sizeof(*asked));
    if (!asked) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rn_remote_request_init(&asked->request);
    asked->request.stop = build ? build->stop : NULL;
    asked->remote = remote;
    asked->is_context = message->type == RN_MESSAGE_CLIENT_CONTEXT;
    if (rn_remote_begin(remote, &asked->request, message) != RN_OK) {
        status = rn_remote_fail(remote, error);
    } else if (!await(asked, build)) {
        return rn_fail_plain(error, RN_E_CANCELLED);
    } else if (asked->request.lost) {
        status = rn_remote_fail(remote, error);
    } else {
        *out_answer = asked->request.answer;
        asked->request.answer.body = NULL;
    }
    rn_remote_request_done(&asked->request);
    rn_free(asked);
    return status;
}

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
                                   .stale = atomic_load(&unit->superseded)};
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
    rune_status status = converse(remote, build, message, &answer, error);
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
    atomic_store(&unit->superseded, true);
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

static rune_status read_built(struct rn_remote *remote, const struct rn_build_request *request,
                              const struct rn_remote_answer *answer, rune_unit **out_unit,
                              rune_error **error)
{
    struct rn_cursor cursor;
    size_t said = answer->fields.said_size;
    enum rn_error failed =
        said > answer->size || answer->fields.status > 1000 ? RN_E_MESSAGE_INVALID : RN_OK;
    if (failed == RN_OK && request->diagnostics) {
        failed = rn_diagnostics_replace(request->diagnostics, answer->body, said);
    }
    if (failed != RN_OK && answer->fields.status == 0) {
        rn_remote_leave(remote, (uint32_t)answer->fields.value,
                        0); // what was built is wanted by nobody
    }
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
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
        rn_remote_leave(supervisor->remote, 0, context);
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
    struct rn_remote_answer answer = {.body = NULL};
    status = converse(supervisor->remote, request, &message, &answer, error);
    rn_remote_leave(supervisor->remote, 0, context);
    if (status == RUNE_OK) {
        status = read_built(supervisor->remote, request, &answer, out_unit, error);
    }
    rn_free(answer.body);
    return status;
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
