/*
 * serve_build.c: builds and Units of clients. Layouts, outlines and names of sources are builds whose answer is a text; contexts,
 * which may take as long to check, come in the same way.
 *
 *      CLIENT_BUILD ──► job ──► (DAEMON_NEED ──► CLIENT_MODULE)* ──► DAEMON_ANSWER
 *
 * Modules that the request did not bring are asked of the client, which has the files; the build's
 * thread waits for the answer, up to the build's own deadline. A build whose client has gone finds no
 * more modules, and its result goes nowhere.
 *
 * Trust: reads requests of clients. Sources go to a compiler behind its wall, Units through the
 * verifier, like anybody's.
 */
#include <runeward/source.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "bytecode/diagnostic.h"
#include "supervisor/build.h"
#include "supervisor/clock.h"
#include "supervisor/context.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/serve.h"
#include "supervisor/unit.h"
#include "supervisor/wire.h"

#define WALL_MAX_NS UINT64_C(10000000000)
#define MEMORY_MAX (UINT64_C(512) << 20)
/* Units that one connection may have its daemon hold. */
#define UNIT_BYTES_MAX ((size_t)512 << 20)
/* Units up to this are given back on the loop's thread. */
#define DROP_INLINE_MAX ((size_t)256 << 10)

struct rn_serve_build {
    struct rn_serve_job job; /* first */
    struct rn_serve_build *next;
    enum rn_message_type type; /* CLIENT_BUILD, _LOAD or _CONTEXT */
    enum rn_build_kind kind;   /* of CLIENT_BUILD */
    uint64_t id;
    uint64_t wall_ns;
    uint64_t until_ns; /* once it runs */
    size_t held; /* bytes of the request and of modules, on the account; the job's while it runs */
    rune_sources *sources;
    rune_options *options;
    const rune_context *context; /* the server's, or NULL */
    uint32_t own;                /* number of the client's context, entered; 0: not with one */
    uint8_t *bytes;              /* the request: sources from `at` on, a .rnu file, or a context */
    size_t size;
    size_t at;
    uint32_t source_count;
    enum rn_error
        invalid; /* the sources are not what was announced: the client breaks the protocol */
    rune_runtime *runtime; /* of that context, when it was checked */
    rune_diagnostics *diagnostics;
    rune_unit *unit;
    struct rn_serve_unit_answer answer;
    rune_status status;
    rune_error *error;

    pthread_mutex_t lock; /* of the module that is asked for */
    pthread_cond_t answered;
    bool asking;
    bool abandoned;
    enum rn_error found;
    char *name;
    uint8_t *module; /* the client's answer: its text is the end of it */
    size_t text_at;
    size_t text_size; /* on the uid's account */
};

/* Units in the connection's table */

uint32_t rn_serve_unit_add(struct rn_serve_connection *connection, rune_unit *unit)
{
    size_t held = 0;
    size_t size = unit->segment.size + unit->debug_size;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < connection->used.units; i++) {
        if (connection->units[i].unit) {
            held += connection->units[i].bytes;
        } else if (empty == 0) {
            empty = i + 1;
        }
    }
    if (empty == 0 && connection->used.units < RN_SERVE_UNITS_MAX) {
        empty = connection->used.units + 1;
    }
    struct rn_serve_account *account = connection->account;
    bool fits = empty != 0 && size <= UNIT_BYTES_MAX && held <= UNIT_BYTES_MAX - size &&
                account->units < RN_SERVE_ACCOUNT_UNITS_MAX &&
                account->unit_bytes <= RN_SERVE_ACCOUNT_UNIT_BYTES_MAX - size;
    if (!fits) {
        rune_unit_unref(unit);
        return 0;
    }
    rn_serve_use(&connection->used.units, empty - 1);
    connection->units[empty - 1] =
        (struct rn_serve_unit){.unit = unit, .bytes = size, .named = true};
    account->units++;
    account->unit_bytes += size;
    return empty;
}

rune_unit *rn_serve_unit_at(const struct rn_serve_connection *connection, uint32_t number)
{
    bool known = number > 0 && number <= RN_SERVE_UNITS_MAX && connection->units[number - 1].named;
    return known ? connection->units[number - 1].unit : NULL;
}

/* What a large Unit takes is given back on another thread. */
struct unit_drop {
    struct rn_serve_job job; /* first */
    rune_unit *unit;
};

static void run_drop(struct rn_serve_job *base)
{
    rune_unit_unref(((struct unit_drop *)base)->unit);
}

static void dropped(struct rn_serve_note *note)
{
    struct unit_drop *drop = (struct unit_drop *)note;
    drop->job.connection->jobs--;
    rn_free(drop);
}

static void drop_unit(struct rn_serve_connection *connection, rune_unit *unit, size_t bytes)
{
    struct unit_drop *drop = bytes > DROP_INLINE_MAX ? rn_alloc(sizeof(*drop)) : NULL;
    if (!drop) {
        rune_unit_unref(unit);
        return;
    }
    drop->unit = unit;
    drop->job =
        (struct rn_serve_job){.note.done = dropped, .connection = connection, .run = run_drop};
    rn_serve_submit(&drop->job, RN_SERVE_SHORT);
}

/* Counts it out once nobody needs it (D4). */
static void settle_unit(struct rn_serve_connection *connection, struct rn_serve_unit *unit)
{
    if (unit->unit && !unit->named && unit->vms == 0) {
        connection->account->units--;
        connection->account->unit_bytes -= unit->bytes;
        drop_unit(connection, RN_TAKE(unit->unit), unit->bytes);
    }
}

void rn_serve_unit_drop(struct rn_serve_connection *connection, uint32_t number)
{
    if (rn_serve_unit_at(connection, number)) {
        connection->units[number - 1].named = false;
        settle_unit(connection, &connection->units[number - 1]);
    }
}

void rn_serve_unit_enter(struct rn_serve_connection *connection, uint32_t number)
{
    if (number != 0) {
        connection->units[number - 1].vms++;
    }
}

void rn_serve_unit_leave(struct rn_serve_connection *connection, uint32_t number)
{
    if (number != 0) {
        connection->units[number - 1].vms--;
        settle_unit(connection, &connection->units[number - 1]);
    }
}

/* Units as answers */

void rn_serve_unit_answer_init(struct rn_serve_unit_answer *answer)
{
    rn_buf_init(&answer->body, RN_CLIENT_UNIT_MAX);
}

void rn_serve_unit_answer_done(struct rn_serve_connection *connection,
                               struct rn_serve_unit_answer *answer)
{
    rn_serve_unhold(connection, answer->held);
    answer->held = 0;
    rn_buf_done(&answer->body);
}

void rn_serve_unit_answer_save(struct rn_serve_connection *connection,
                               struct rn_serve_unit_answer *answer, const rune_unit *unit)
{
    size_t size = unit->segment.size + unit->debug_size;
    if (rn_serve_hold(connection, size)) {
        answer->held = size;
        rn_unit_append_file(unit, &answer->body);
        answer->whole = rn_buf_status(&answer->body) == RN_OK;
    }
}

/* Sends what there is, under a Unit's number or 0. */
static bool send_answer(struct rn_serve_connection *connection, uint64_t id,
                        struct rn_serve_unit_answer *answer, uint32_t number)
{
    struct rn_message message = {
        .type = RN_MESSAGE_DAEMON_ANSWER,
        .call = id,
        .body_size = answer->body.size,
        .as.DAEMON_ANSWER = {.said_size = (uint32_t)answer->said_size, .value = number}};
    rn_serve_unhold(connection, answer->held); // sending counts it
    answer->held = 0;
    return rn_serve_send(connection, &message, RN_TAKE(answer->body.data), false);
}

void rn_serve_unit_answer_send(struct rn_serve_connection *connection, uint64_t id,
                               struct rn_serve_unit_answer *answer, rune_unit *unit)
{
    uint32_t number = 0;
    if (answer->whole) {
        number = rn_serve_unit_add(connection, unit);
    } else {
        rune_unit_unref(unit);
    }
    bool sent = number != 0 && send_answer(connection, id, answer, number);
    if (number != 0 && !sent) {
        rn_serve_unit_drop(connection, number);
    }
    if (!sent) {
        rn_serve_answer_error(connection, id, RUNE_E_OVERLOADED, NULL);
    }
    rn_serve_unit_answer_done(connection, answer);
}

/* The job */

static enum rn_error ask(struct rn_serve_build *build, const char *item)
{
    struct rn_serve_connection *connection = build->job.connection;
    size_t size = strlen(item);
    uint8_t *body = size <= RN_NEED_BODY_MAX ? (uint8_t *)rn_strndup(item, size) : NULL;
    struct rn_message message = {
        .type = RN_MESSAGE_DAEMON_NEED, .call = build->id, .body_size = size};
    if (!body) {
        return RN_E_NO_MEMORY;
    }
    if (!rn_serve_send(connection, &message, body, false)) {
        return RN_E_OVERLOADED;
    }
    rn_serve_wake(connection->server);
    return RN_OK;
}

/* Under the build's lock. */
static enum rn_error wait_answer(struct rn_serve_build *build)
{
    while (build->asking && !build->abandoned && rn_now_ns() < build->until_ns) {
        rn_cond_wait_until(&build->answered, &build->lock, build->until_ns);
    }
    return build->asking ? RN_E_CANCELLED : build->found;
}

static rune_status load_module(void *user, const char *item, rune_loaded *loaded)
{
    struct rn_serve_build *build = user;
    pthread_mutex_lock(&build->lock);
    bool asking = !build->abandoned;
    build->asking = asking;
    pthread_mutex_unlock(&build->lock);
    enum rn_error error = asking ? ask(build, item) : RN_E_CANCELLED;
    pthread_mutex_lock(&build->lock);
    if (error == RN_OK) {
        error = wait_answer(build);
    }
    build->asking = false;
    char *name = RN_TAKE(build->name);
    uint8_t *module = RN_TAKE(build->module);
    size_t at = build->text_at;
    size_t size = build->text_size;
    build->text_size = 0;
    pthread_mutex_unlock(&build->lock);
    if (error == RN_OK) {
        error = (enum rn_error)rune_sources_loaded(loaded, name, (const char *)module + at, size);
    }
    rn_free(name);
    rn_free(module);
    if (error == RN_OK) {
        build->held += size; // the sources have it until the end
    } else {
        rn_serve_unhold(build->job.connection, size);
    }
    return (rune_status)error;
}

/* Diagnostics that do not fit are left out. */
static void say(struct rn_serve_build *build)
{
    RN_AUTO(rn_buf) struct rn_buf said;
    rn_buf_init(&said, RN_DIAGNOSTICS_BODY_MAX);
    if (rn_diagnostics_encode(&build->diagnostics->list, true, &said) == RN_OK) {
        rn_buf_append(&build->answer.body, said.data, said.size);
        build->answer.said_size = said.size;
    }
}

/* The runtime is all that is kept of it, besides its bytes: the rest is large, and made again for a build. */
static void check_context(struct rn_serve_build *build)
{
    rune_context *context = NULL;
    build->status =
        rn_context_take(build->bytes, build->size, rn_serve_forward, &context, &build->error);
    if (build->status == RUNE_OK) {
        build->status = rune_context_runtime(context, &build->runtime, &build->error);
    }
    rune_context_free(context);
}

/* Thousands of sources take longer than a loop's thread has: the job reads them. */
static enum rn_error read_sources(struct rn_serve_build *build)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, build->bytes + build->at, build->size - build->at);
    for (uint32_t i = 0; i < build->source_count; i++) {
        uint32_t name_size = rn_cursor_u32(&cursor);
        uint32_t text_size = rn_cursor_u32(&cursor);
        RN_AUTO_FREE char *name = rn_wire_take_text(&cursor, name_size);
        const uint8_t *text = rn_cursor_bytes(&cursor, text_size);
        RN_TRY(rn_cursor_status(&cursor));
        RN_TRY((enum rn_error)rune_sources_insert_memory(build->sources, name, (const char *)text,
                                                         text_size, NULL));
    }
    bool whole = rn_cursor_left(&cursor) == 0;
    rn_free(RN_TAKE(build->bytes));
    return whole ? RN_OK : RN_E_MESSAGE_INVALID;
}

/* The client's context as it is needed to build with; NULL: there is none. */
static rune_status open_own(struct rn_serve_build *build, rune_context **out_context)
{
    if (build->own == 0) {
        return RUNE_OK;
    }
    const struct rn_serve_context *own = &build->job.connection->contexts[build->own - 1];
    return rn_context_take(own->items, own->size, rn_serve_forward, out_context, &build->error);
}

static rune_status compile(struct rn_serve_build *build)
{
    rune_context *own = NULL;
    rune_status status = open_own(build, &own);
    if (status == RUNE_OK) {
        status = rune_build(build->job.connection->server->supervisor, build->sources,
                            own ? own : build->context, build->options, build->diagnostics,
                            &build->unit, &build->error);
    }
    rune_context_free(own);
    return status;
}

typedef rune_status text_tool(rune_supervisor *supervisor, const rune_sources *sources,
                              const rune_options *options, rune_diagnostics *diagnostics,
                              rune_text **out_text, rune_error **error);

/* The text that is wanted instead of a Unit. */
static rune_status make_text(struct rn_serve_build *build, rune_text **out_text)
{
    rune_supervisor *supervisor = build->job.connection->server->supervisor;
    text_tool *tool = build->kind == RN_BUILD_KIND_FORMAT    ? rune_format
                      : build->kind == RN_BUILD_KIND_OUTLINE ? rune_outline
                                                             : rune_names;
    return tool(supervisor, build->sources, build->options, build->diagnostics, out_text,
                &build->error);
}

/* Counted before it is copied, as the bytes of a Unit are. */
static void save_text(struct rn_serve_build *build, const rune_text *text)
{
    struct rn_serve_unit_answer *answer = &build->answer;
    size_t size = rune_text_size(text);
    if (rn_serve_hold(build->job.connection, size)) {
        answer->held = size;
        rn_buf_append(&answer->body, rune_text_data(text), size);
        answer->whole = rn_buf_status(&answer->body) == RN_OK;
    }
}

static void run_build(struct rn_serve_job *base)
{
    struct rn_serve_build *build = (struct rn_serve_build *)base;
    build->until_ns = rn_after_ns(rn_now_ns(), build->wall_ns); // not while others' went first
    if (build->type == RN_MESSAGE_CLIENT_CONTEXT) {
        check_context(build);
        return;
    }
    if (build->type == RN_MESSAGE_CLIENT_LOAD) {
        build->status = rune_unit_load(build->bytes, build->size, &build->unit, &build->error);
        rn_free(RN_TAKE(build->bytes)); // here: large ones take the kernel milliseconds
        build->answer.whole = true;
        return;
    }
    build->invalid = read_sources(build);
    if (build->invalid != RN_OK) {
        return;
    }
    rune_text *text = NULL;
    build->status = build->kind == RN_BUILD_KIND_UNIT ? compile(build) : make_text(build, &text);
    say(build);
    if (build->unit) {
        rn_serve_unit_answer_save(build->job.connection, &build->answer, build->unit);
    } else if (text) {
        save_text(build, text);
    }
    rune_text_free(text);
}

static void free_build(struct rn_serve_build *build)
{
    rn_serve_unhold(build->job.connection, build->held + build->text_size);
    rn_serve_context_leave(build->job.connection, build->own);
    rune_runtime_unref(build->runtime);
    rune_sources_free(build->sources);
    rune_options_free(build->options);
    rune_diagnostics_free(build->diagnostics);
    rune_unit_unref(build->unit);
    rn_serve_unit_answer_done(build->job.connection, &build->answer);
    rune_error_free(build->error);
    rn_free(build->bytes);
    rn_free(build->name);
    rn_free(build->module);
    pthread_cond_destroy(&build->answered);
    pthread_mutex_destroy(&build->lock);
    rn_free(build);
}

static void answer_failure(struct rn_serve_connection *connection, struct rn_serve_build *build)
{
    struct rn_buf *said = &build->answer.body;
    size_t said_size = build->answer.said_size;
    rn_wire_put_error(said, build->error, build->status);
    struct rn_message message = {
        .type = RN_MESSAGE_DAEMON_ANSWER,
        .call = build->id,
        .body_size = said->size,
        .as.DAEMON_ANSWER = {.status = (uint32_t)-build->status, .said_size = (uint32_t)said_size}};
    if (rn_buf_status(said) != RN_OK ||
        !rn_serve_send(connection, &message, RN_TAKE(said->data), false)) {
        rn_serve_answer_error(connection, build->id, RUNE_E_OVERLOADED, NULL);
    }
}

static void count_build(struct rune_server *server, const struct rn_serve_build *build)
{
    bool is_one = build->type == RN_MESSAGE_CLIENT_BUILD;
    pthread_mutex_lock(&server->lock);
    server->counts.builds += is_one;
    server->counts.builds_failed += is_one && build->status != RUNE_OK;
    pthread_mutex_unlock(&server->lock);
}

/* Its bytes and its runtime go into the table. */
static void answer_context(struct rn_serve_connection *connection, struct rn_serve_build *build)
{
    uint32_t number = rn_serve_context_add(connection, RN_TAKE(build->bytes), build->size,
                                           RN_TAKE(build->runtime));
    rune_error *error = NULL;
    if (number != 0) {
        rn_serve_answer(connection, build->id, number);
    } else {
        (void)rn_fail(&error, RUNE_E_OVERLOADED, "this user has as many contexts as it may");
        rn_serve_answer_error(connection, build->id, RUNE_E_OVERLOADED, error);
    }
}

static void answer_text(struct rn_serve_connection *connection, struct rn_serve_build *build)
{
    if (!build->answer.whole || !send_answer(connection, build->id, &build->answer, 0)) {
        rn_serve_answer_error(connection, build->id, RUNE_E_OVERLOADED, NULL);
    }
}

static void built(struct rn_serve_note *note)
{
    struct rn_serve_build *build = (struct rn_serve_build *)note;
    struct rn_serve_connection *connection = build->job.connection;
    struct rn_serve_build **at = &connection->builds;
    while (*at != build) {
        at = &(*at)->next;
    }
    *at = build->next;
    connection->jobs--;
    enum rn_error invalid = build->invalid;
    if (invalid != RN_OK) {
        free_build(build);
        rn_serve_fail(connection, invalid);
        return;
    }
    count_build(connection->server, build);
    if (build->status == RUNE_OK && build->runtime) {
        answer_context(connection, build);
    } else if (build->status == RUNE_OK && build->kind != RN_BUILD_KIND_UNIT) {
        answer_text(connection, build);
    } else if (build->status == RUNE_OK) {
        rn_serve_unit_answer_send(connection, build->id, &build->answer, RN_TAKE(build->unit));
    } else {
        answer_failure(connection, build);
    }
    rn_serve_flush(connection);
    free_build(build);
}

/* Requests */

static enum rn_error set_options(struct rn_serve_build *build, const struct rn_message *head,
                                 const char *domain)
{
    const struct rn_fields_CLIENT_BUILD *fields = &head->as.CLIENT_BUILD;
    const struct rn_serve_connection *connection = build->job.connection;
    char name[RN_DOMAIN_NAME_MAX + 1];
    bool short_wall = fields->wall_ns > 0 && fields->wall_ns < WALL_MAX_NS;
    uint64_t wall_ns = short_wall ? fields->wall_ns : WALL_MAX_NS;
    (void)snprintf(name, sizeof(name), "%u/%s", connection->account->uid, domain);
    build->options = rn_options_copy(connection->server->build);
    if (!build->options || rune_options_set_domain(build->options, name) != RUNE_OK) {
        return RN_E_NO_MEMORY;
    }
    rune_options_set_script(build->options, fields->script != 0);
    rune_options_set_indent(build->options, fields->indent); // rune_format has its bound
    rune_options_set_final_newline(build->options, fields->bare_end == 0);
    rune_options_set_wall(build->options, wall_ns);
    rune_options_set_memory_max(build->options,
                                fields->memory_max > 0 && fields->memory_max < MEMORY_MAX
                                    ? fields->memory_max
                                    : MEMORY_MAX);
    build->wall_ns = wall_ns;
    return RN_OK;
}

static enum rn_error read_build(struct rn_serve_build *build, const struct rn_message *head,
                                const uint8_t *body, size_t size)
{
    const struct rn_fields_CLIENT_BUILD *fields = &head->as.CLIENT_BUILD;
    const struct rn_serve_connection *connection = build->job.connection;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, body, size);
    bool text = fields->kind != RN_BUILD_KIND_UNIT;
    if (fields->domain_size > RN_WIRE_DOMAIN_MAX || fields->script > 1 || fields->bare_end > 1 ||
        fields->kind >= RN_BUILD_KIND_COUNT || (text && fields->context != 0)) {
        return RN_E_MESSAGE_INVALID;
    }
    if (fields->sources == 0 || fields->sources > RN_SOURCES_MAX) {
        return RN_E_MESSAGE_INVALID;
    }
    build->kind = (enum rn_build_kind)fields->kind;
    build->source_count = fields->sources;
    RN_AUTO_FREE char *domain = rn_wire_take_text(&cursor, fields->domain_size);
    RN_TRY(rn_cursor_status(&cursor));
    build->at = size - rn_cursor_left(&cursor);
    build->sources = rune_sources_new();
    build->diagnostics = rune_diagnostics_new();
    if (!build->sources || !build->diagnostics) {
        return RN_E_NO_MEMORY;
    }
    rune_sources_set_loader(build->sources, load_module, build);
    rn_serve_context_enter(build->job.connection, fields->context);
    build->own = fields->context;
    bool functions = (connection->account->rights & RUNE_RIGHT_HOST_FUNCTIONS) != 0;
    build->context = functions ? connection->server->context : NULL;
    return set_options(build, head, domain);
}

static struct rn_serve_build *new_build(struct rn_serve_connection *connection,
                                        const struct rn_message *head)
{
    struct rn_serve_build *build = rn_alloc(sizeof(*build));
    pthread_condattr_t monotonic;
    if (!build) {
        return NULL;
    }
    build->job =
        (struct rn_serve_job){.note.done = built, .connection = connection, .run = run_build};
    build->type = head->type;
    build->id = head->call;
    rn_serve_unit_answer_init(&build->answer);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&build->lock, NULL);
    pthread_cond_init(&build->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return build;
}

static unsigned count_builds(const struct rn_serve_connection *connection, uint64_t id,
                             bool *out_known)
{
    unsigned count = 0;
    *out_known = false;
    for (const struct rn_serve_build *build = connection->builds; build; build = build->next) {
        count++;
        *out_known = *out_known || build->id == id;
    }
    return count;
}

enum rn_error rn_serve_build_request(struct rn_serve_connection *connection,
                                     const struct rn_message *head, const uint8_t *body,
                                     size_t size)
{
    bool known;
    if (count_builds(connection, head->call, &known) >= RN_SERVE_BUILDS_MAX) {
        rune_error *error = NULL;
        (void)rn_fail(&error, RUNE_E_OVERLOADED, "the connection has as many builds as it may");
        rn_serve_answer_error(connection, head->call, RUNE_E_OVERLOADED, error);
        return RN_OK;
    }
    bool is_build = head->type == RN_MESSAGE_CLIENT_BUILD;
    uint32_t context = is_build ? head->as.CLIENT_BUILD.context : 0;
    if (context != 0 && !rn_serve_context_at(connection, context)) {
        rune_error *error = NULL;
        (void)rn_fail(&error, RUNE_E_NOT_FOUND, "there is no such context");
        rn_serve_answer_error(connection, head->call, RUNE_E_NOT_FOUND, error);
        return RN_OK;
    }
    struct rn_serve_build *build = known ? NULL : new_build(connection, head);
    if (!build) {
        return known ? RN_E_MESSAGE_STATE : RN_E_NO_MEMORY;
    }
    bool room = rn_serve_hold(connection, size);
    build->held = room ? size : 0;
    enum rn_error error = !room ? RN_E_OVERLOADED : RN_OK;
    if (error == RN_OK && is_build) {
        error = read_build(build, head, body, size);
    }
    if (error == RN_OK) {
        build->bytes = rn_serve_claim(connection, body, size);
        build->size = size;
        error = build->bytes ? RN_OK : RN_E_NO_MEMORY;
    }
    if (error != RN_OK) {
        free_build(build);
        return error;
    }
    build->next = connection->builds;
    connection->builds = build;
    rn_serve_submit(&build->job, RN_SERVE_BUILDS);
    return RN_OK;
}

/* The answer to DAEMON_NEED */

/* `name` is consumed. What the account has no room for is not found. */
static enum rn_error keep_module(struct rn_serve_build *build, char *name, const uint8_t *body,
                                 size_t size, size_t text_size)
{
    if (!rn_serve_hold(build->job.connection, text_size)) {
        build->found = RN_E_OVERLOADED;
        rn_free(name);
        return RN_OK;
    }
    build->found = RN_OK;
    build->name = name;
    build->text_at = size - text_size;
    build->text_size = text_size;
    build->module = rn_serve_claim(build->job.connection, body, size);
    return build->module ? RN_OK : RN_E_NO_MEMORY;
}

static enum rn_error read_module(struct rn_serve_build *build, const struct rn_message *head,
                                 const uint8_t *body, size_t size)
{
    const struct rn_fields_CLIENT_MODULE *fields = &head->as.CLIENT_MODULE;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, body, size);
    if (fields->status != 0) {
        bool named = fields->status <= 1000 && size == 0;
        build->found = named ? (enum rn_error) - (int)fields->status : RN_E_NOT_FOUND;
        return named ? RN_OK : RN_E_MESSAGE_INVALID;
    }
    char *name = rn_wire_take_text(&cursor, fields->name_size);
    if (rn_cursor_status(&cursor) != RN_OK) {
        rn_free(name);
        return rn_cursor_status(&cursor);
    }
    return keep_module(build, name, body, size, rn_cursor_left(&cursor));
}

enum rn_error rn_serve_module(struct rn_serve_connection *connection, const struct rn_message *head,
                              const uint8_t *body, size_t size)
{
    struct rn_serve_build *build = connection->builds;
    while (build && build->id != head->call) {
        build = build->next;
    }
    if (!build) {
        return RN_OK; // its time ran out meanwhile
    }
    pthread_mutex_lock(&build->lock);
    // An answer to nothing may have been asked for by a build that lost patience.
    bool asked = build->asking && !build->module;
    enum rn_error error = asked ? read_module(build, head, body, size) : RN_OK;
    if (asked && error == RN_OK) {
        build->asking = false;
        pthread_cond_signal(&build->answered);
    }
    pthread_mutex_unlock(&build->lock);
    return error;
}

void rn_serve_abandon_builds(struct rn_serve_connection *connection)
{
    for (struct rn_serve_build *build = connection->builds; build; build = build->next) {
        pthread_mutex_lock(&build->lock);
        build->abandoned = true;
        pthread_cond_signal(&build->answered);
        pthread_mutex_unlock(&build->lock);
    }
}
