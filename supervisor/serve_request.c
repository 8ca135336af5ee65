/*
 * serve_request.c: what a client asks for, but for calls and builds.
 *
 * Trust: reads requests of clients. Numbers of Units and Vms are looked up in the connection's own
 * tables (D2). Rights are looked at here: for every message before it is read, in one table, and again
 * where they depend on what is in it (find_unit, handle_query).
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "supervisor/error.h"
#include "supervisor/globals.h"
#include "supervisor/serve.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/vm.h"
#include "supervisor/watch_state.h"
#include "supervisor/wire.h"

/* Rights */

/* One of these rights lets a user send the message. What is not here nobody may send. */
static unsigned right_for(enum rn_message_type type)
{
    static const unsigned either = RUNE_RIGHT_CALL | RUNE_RIGHT_BUILD;
    static const struct {
        enum rn_message_type type;
        unsigned rights;
    } rows[] = {
        {RN_MESSAGE_CLIENT_BUILD, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_MODULE, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_LOAD, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_SET_UNIT, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_CONTEXT, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_HOST_REPLY, RUNE_RIGHT_BUILD},
        {RN_MESSAGE_CLIENT_SCRIPT, either},
        {RN_MESSAGE_CLIENT_DROP, either},
        {RN_MESSAGE_CLIENT_OPEN, either}, // find_unit says of what
        {RN_MESSAGE_CLIENT_RESET, either},
        {RN_MESSAGE_CLIENT_CLOSE, either},
        {RN_MESSAGE_CLIENT_CALL, either},
        {RN_MESSAGE_CLIENT_CREDIT, either},
        {RN_MESSAGE_CLIENT_CANCEL, either},
        {RN_MESSAGE_CLIENT_FUNCTION_DROP, either},
        {RN_MESSAGE_CLIENT_QUERY, RUNE_RIGHT_ALL}, // handle_query says about what
        {RN_MESSAGE_CLIENT_CONTROL, RUNE_RIGHT_CONTROL},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (rows[i].type == type) {
            return rows[i].rights;
        }
    }
    return 0;
}

/* DENIED: none of those rights is the peer's. */
static rune_status deny(const struct rn_serve_connection *connection, unsigned rights,
                        rune_error **error)
{
    const char *name = rights == RUNE_RIGHT_CALL      ? "call"
                       : rights == RUNE_RIGHT_BUILD   ? "build"
                       : rights == RUNE_RIGHT_CONTROL ? "control"
                                                      : "call or build";
    return rn_fail(error, RUNE_E_DENIED, "uid %u has no right to that here: it takes `%s`",
                   (unsigned)connection->account->uid, name);
}

static bool starts_work(enum rn_message_type type)
{
    return type == RN_MESSAGE_CLIENT_BUILD || type == RN_MESSAGE_CLIENT_LOAD ||
           type == RN_MESSAGE_CLIENT_CONTEXT || type == RN_MESSAGE_CLIENT_OPEN;
}

/* Domains: as the pool knows them, counted for the account. */

static struct rn_serve_domain *enter_domain(struct rn_serve_connection *connection,
                                            const char *name)
{
    struct rn_serve_account *account = connection->account;
    uint64_t max = connection->server->limits[RUNE_PEER_DOMAINS];
    struct rn_serve_domain *empty = NULL;
    for (size_t i = 0; i < RN_SERVE_DOMAINS_MAX && i < max; i++) {
        struct rn_serve_domain *domain = &account->domains[i];
        if (domain->name && strcmp(domain->name, name) == 0) {
            domain->vms++;
            return domain;
        }
        empty = !domain->name && !empty ? domain : empty;
    }
    if (!empty) {
        return NULL;
    }
    empty->name = rn_strndup(name, strlen(name));
    empty->vms = empty->name != NULL;
    return empty->name ? empty : NULL;
}

static void leave_domain(struct rn_serve_domain *domain)
{
    if (domain && --domain->vms == 0) {
        rn_free(RN_TAKE(domain->name));
    }
}

static void leave_place(struct rn_serve_connection *connection, const struct rn_serve_place *place)
{
    leave_domain(place->domain);
    rn_serve_unit_leave(connection, place->unit);
    rn_serve_context_leave(connection, place->context);
    rn_serve_unhold(connection, place->statics);
    connection->account->functions -= place->functions;
}

/* Opening Vms: a job, because the domain may have to be made. */

struct open_job {
    struct rn_serve_job job;
    uint64_t id;
    uint32_t index;
    rune_unit *unit; /* counted */
    rune_runtime *runtime;
    rune_vm_options *options;
    rune_vm *vm;
    rune_status status;
    rune_error *error;
};

static void open_vm(struct rn_serve_job *base)
{
    struct open_job *job = (struct open_job *)base;
    job->status = rune_vm_new(job->job.connection->server->supervisor, job->runtime, job->unit,
                              job->options, &job->vm, &job->error);
}

static void vm_opened(struct rn_serve_note *note)
{
    struct open_job *job = (struct open_job *)note;
    struct rn_serve_connection *connection = job->job.connection;
    struct rn_serve_vm *vm = &connection->vms[job->index];
    connection->jobs--;
    vm->busy = false;
    if (job->status == RUNE_OK) {
        vm->vm = job->vm;
        rn_serve_answer(connection, job->id, job->index + 1);
    } else {
        rn_serve_answer_error(connection, job->id, job->status, job->error);
        rn_serve_vm_drop(connection, vm);
    }
    rune_unit_unref(job->unit);
    rune_vm_options_free(job->options);
    rn_free(job);
    rn_serve_unblock(connection);
}

struct open_request {
    uint64_t id;
    char *domain;
    char *script; /* NULL: `unit` */
    rune_unit *unit;
    uint32_t number;            /* of the Unit; 0: the script's */
    uint32_t context;           /* number of the client's own; 0: without */
    struct rn_wire_grant grant; /* of which a Vm takes the limits */
    uint32_t isolation;
};

static rune_status refuse_open(rune_error **error, rune_status status, const char *why)
{
    return rn_fail(error, status, "%s", why);
}

/* Finds what the Vm is of; counted. */
static rune_status find_unit(struct rn_serve_connection *connection, struct open_request *request,
                             rune_error **error)
{
    struct rune_server *server = connection->server;
    unsigned wanted = request->script ? RUNE_RIGHT_CALL : RUNE_RIGHT_BUILD;
    if ((connection->account->rights & wanted) == 0) {
        return deny(connection, wanted, error);
    }
    if (request->context != 0 && !rn_serve_context_at(connection, request->context)) {
        return refuse_open(error, RUNE_E_NOT_FOUND, "there is no such context");
    }
    if (!request->script) {
        rune_unit *unit = rn_serve_unit_at(connection, request->number);
        request->unit = unit ? rune_unit_ref(unit) : NULL;
        return unit ? RUNE_OK : refuse_open(error, RUNE_E_NOT_FOUND, "there is no such Unit");
    }
    request->unit = server->watch ? rune_watch_current(server->watch, request->script) : NULL;
    if (!request->unit) {
        return rn_fail_reason(error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_script",
                              "there is no script `%s`, or it never compiled", request->script);
    }
    return RUNE_OK;
}

static rune_status fill_options(struct open_job *job, const struct open_request *request,
                                const char *domain)
{
    job->options = rune_vm_options_new();
    if (!job->options || rune_vm_options_set_domain(job->options, domain) != RUNE_OK) {
        return RUNE_E_NO_MEMORY;
    }
    rune_vm_options_set_isolation(job->options, (rune_isolation)request->isolation);
    return rune_vm_options_set_limits(job->options, &request->grant.limits);
}

/* A free place in the table, entered for the Vm that is being made. */
static struct rn_serve_vm *take_place(struct rn_serve_connection *connection,
                                      struct open_request *request, uint32_t *out_index)
{
    for (uint32_t i = 0; i < RN_SERVE_VMS_MAX; i++) {
        struct rn_serve_vm *vm = &connection->vms[i];
        if (!vm->vm && !vm->busy) {
            *out_index = i;
            rn_serve_use(&connection->used.vms, i);
            vm->busy = true;
            vm->script = RN_TAKE(request->script);
            vm->unit = rune_unit_ref(request->unit);
            vm->place.unit = request->number;
            vm->place.context = request->context;
            rn_serve_unit_enter(connection, request->number);
            rn_serve_context_enter(connection, request->context);
            return vm;
        }
    }
    return NULL;
}

/* The client's own, or what the server offers to its own scripts and to whom it has given the right. */
static rune_runtime *runtime_for(const struct rn_serve_connection *connection, uint32_t context,
                                 bool script)
{
    if (context != 0) {
        return connection->contexts[context - 1].runtime;
    }
    bool may = script || (connection->account->rights & RUNE_RIGHT_HOST_FUNCTIONS) != 0;
    return may ? connection->server->runtime : NULL;
}

static rune_status begin_open(struct rn_serve_connection *connection, struct open_request *request,
                              rune_error **error)
{
    char name[RN_DOMAIN_NAME_MAX + 1];
    uint32_t index = 0;
    bool script = request->script != NULL;
    (void)snprintf(name, sizeof(name), "%u/%s", connection->account->uid, request->domain);
    struct open_job *job = rn_alloc(sizeof(*job));
    if (!job || fill_options(job, request, name) != RUNE_OK) {
        rune_vm_options_free(job ? job->options : NULL);
        rn_free(job);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    struct rn_serve_vm *vm = take_place(connection, request, &index);
    struct rn_serve_domain *domain = vm ? enter_domain(connection, name) : NULL;
    if (!domain) {
        if (vm) {
            rn_serve_vm_drop(connection, vm);
        }
        rune_vm_options_free(job->options);
        rn_free(job);
        return refuse_open(error, RUNE_E_OVERLOADED,
                           vm ? "this user has as many domains as it may"
                              : "the connection has as many Vms as it may");
    }
    vm->place.domain = domain;
    job->job =
        (struct rn_serve_job){.note.done = vm_opened, .connection = connection, .run = open_vm};
    job->id = request->id;
    job->index = index;
    job->unit = rune_unit_ref(request->unit);
    job->runtime = runtime_for(connection, request->context, script);
    connection->blocked++;
    rn_serve_submit(&job->job, RN_SERVE_SHORT);
    return RUNE_OK;
}

static enum rn_error read_open(struct open_request *request, const struct rn_message *head,
                               const uint8_t *body, size_t size)
{
    const struct rn_fields_CLIENT_OPEN *fields = &head->as.CLIENT_OPEN;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, body, size);
    if (fields->domain_size > RN_WIRE_DOMAIN_MAX || fields->isolation > RUNE_ISOLATION_CALL) {
        return RN_E_MESSAGE_INVALID;
    }
    request->id = head->call;
    request->number = fields->unit;
    request->context = fields->context;
    request->isolation = fields->isolation;
    request->domain = rn_wire_take_text(&cursor, fields->domain_size);
    const uint8_t *tags = rn_cursor_bytes(&cursor, fields->tags_size);
    RN_TRY(rn_cursor_status(&cursor));
    RN_TRY(rn_wire_get_grant(tags, fields->tags_size, &request->grant));
    size_t left = rn_cursor_left(&cursor);
    if (fields->unit == 0) {
        request->script = rn_wire_take_text(&cursor, left);
        if (fields->context != 0) {
            return RN_E_MESSAGE_INVALID;
        }
    } else if (left > 0) {
        return RN_E_MESSAGE_INVALID;
    }
    return rn_cursor_status(&cursor);
}

static enum rn_error handle_open(struct rn_serve_connection *connection,
                                 const struct rn_message *head, const uint8_t *body, size_t size)
{
    struct open_request request = {.domain = NULL};
    rune_error *why = NULL;
    enum rn_error error = read_open(&request, head, body, size);
    if (error == RN_OK) {
        rune_status status = find_unit(connection, &request, &why);
        if (status == RUNE_OK) {
            status = begin_open(connection, &request, &why);
        }
        if (status != RUNE_OK) {
            rn_serve_answer_error(connection, head->call, status, why);
        }
    }
    rn_free(request.domain);
    rn_free(request.script);
    rune_unit_unref(request.unit);
    return error;
}

/* Giving up Vms: a job, because the last one of a domain ends its processes. */

struct drop_job {
    struct rn_serve_job job;
    rune_vm *vm;
    struct rn_serve_place place;
};

static void free_vm(struct rn_serve_job *base)
{
    rune_vm_free(((struct drop_job *)base)->vm);
}

static void vm_freed(struct rn_serve_note *note)
{
    struct drop_job *job = (struct drop_job *)note;
    struct rn_serve_connection *connection = job->job.connection;
    connection->jobs--;
    leave_place(connection, &job->place);
    rn_free(job);
    rn_serve_unblock(connection);
}

/* The client's next request finds the room that this one left (D4). */
static void free_elsewhere(struct rn_serve_connection *connection, struct drop_job *job,
                           const struct rn_serve_vm *vm)
{
    job->job =
        (struct rn_serve_job){.note.done = vm_freed, .connection = connection, .run = free_vm};
    job->vm = vm->vm;
    job->place = vm->place;
    connection->blocked++;
    rn_serve_submit(&job->job, RN_SERVE_SHORT);
}

void rn_serve_vm_drop(struct rn_serve_connection *connection, struct rn_serve_vm *vm)
{
    struct drop_job *job = vm->vm ? rn_alloc(sizeof(*job)) : NULL;
    rn_free(vm->script);
    rune_unit_unref(vm->unit);
    if (job) {
        free_elsewhere(connection, job, vm);
    } else {
        rune_vm_free(vm->vm);
        leave_place(connection, &vm->place);
    }
    *vm = (struct rn_serve_vm){.vm = NULL};
}

void rn_serve_drop_all(struct rn_serve_connection *connection)
{
    for (uint32_t i = 0; i < connection->used.vms; i++) {
        if (connection->vms[i].vm) {
            rn_serve_vm_drop(connection, &connection->vms[i]);
        }
    }
    for (uint32_t i = 0; i < connection->used.units; i++) {
        rn_serve_unit_drop(connection, i + 1);
    }
    for (uint32_t i = 0; i < connection->used.contexts; i++) {
        rn_serve_context_drop(connection, i + 1);
    }
}

/* The Vm with that number, or NULL. */
static struct rn_serve_vm *vm_at(struct rn_serve_connection *connection, uint32_t number)
{
    bool known = number > 0 && number <= RN_SERVE_VMS_MAX && connection->vms[number - 1].vm;
    return known ? &connection->vms[number - 1] : NULL;
}

void rn_serve_functions_settle(struct rn_serve_connection *connection, struct rn_serve_vm *vm)
{
    uint32_t now = rn_vm_kept_count(vm->vm);
    connection->account->functions -= vm->place.functions;
    connection->account->functions += now;
    vm->place.functions = now;
}

void rn_serve_vm_settle(struct rn_serve_connection *connection, struct rn_serve_vm *vm, size_t more)
{
    size_t held = vm->place.statics + more;
    size_t now = rn_globals_size(vm->vm->pending);
    vm->place.statics = now < held ? now : held;
    rn_serve_unhold(connection, held - vm->place.statics);
    rn_serve_functions_settle(connection, vm);
}

/* Of a Vm that runs no call. */
static rune_status set_unit(struct rn_serve_connection *connection, struct rn_serve_vm *vm,
                            uint32_t number, uint32_t context)
{
    rune_unit *unit = rn_serve_unit_at(connection, number);
    rune_status status = rune_vm_set_unit(vm->vm, unit);
    if (status == RUNE_OK) {
        rune_unit_unref(vm->unit);
        vm->unit = rune_unit_ref(unit);
        rn_serve_unit_enter(connection, number);
        rn_serve_unit_leave(connection, vm->place.unit);
        vm->place.unit = number;
        status = rune_vm_set_runtime(vm->vm, runtime_for(connection, context, false));
    }
    if (status == RUNE_OK) {
        rn_serve_context_enter(connection, context);
        rn_serve_context_leave(connection, vm->place.context);
        vm->place.context = context;
    }
    rn_serve_vm_settle(connection, vm, 0);
    return status;
}

static void handle_set_unit(struct rn_serve_connection *connection, const struct rn_message *head)
{
    const struct rn_fields_CLIENT_SET_UNIT *fields = &head->as.CLIENT_SET_UNIT;
    struct rn_serve_vm *vm = vm_at(connection, fields->vm);
    bool known = vm && !vm->script && rn_serve_unit_at(connection, fields->unit) &&
                 (fields->context == 0 || rn_serve_context_at(connection, fields->context));
    rune_status status = !known     ? RUNE_E_NOT_FOUND
                         : vm->busy ? RUNE_E_BUSY
                                    : set_unit(connection, vm, fields->unit, fields->context);
    if (status == RUNE_OK) {
        rn_serve_answer(connection, head->call, 0);
    } else {
        rn_serve_answer_error(connection, head->call, status, NULL);
    }
}

static void handle_reset(struct rn_serve_connection *connection, const struct rn_message *head)
{
    struct rn_serve_vm *vm = vm_at(connection, head->as.CLIENT_RESET.vm);
    rune_status status = !vm ? RUNE_E_NOT_FOUND : vm->busy ? RUNE_E_BUSY : rune_vm_reset(vm->vm);
    if (status == RUNE_OK) {
        rn_serve_vm_settle(connection, vm, 0);
        rn_serve_answer(connection, head->call, 0);
    } else {
        rn_serve_answer_error(connection, head->call, status, NULL);
    }
}

static void handle_close(struct rn_serve_connection *connection, uint32_t number)
{
    struct rn_serve_vm *vm = vm_at(connection, number);
    if (vm && vm->busy) {
        vm->closing = true;
    } else if (vm) {
        rn_serve_vm_drop(connection, vm);
    }
}

/* One that has gone already, with its Vm or a reset, or that was never there, is nobody's. */
static void handle_function_drop(struct rn_serve_connection *connection,
                                 const struct rn_fields_CLIENT_FUNCTION_DROP *fields)
{
    struct rn_serve_vm *vm = vm_at(connection, fields->vm);
    struct rn_kept_name name = {fields->function, fields->epoch};
    struct rn_kept kept;
    if (vm && rn_vm_find_kept(vm->vm, name, &kept, NULL) == RUNE_OK) {
        rn_vm_drop_function(vm->vm, &kept);
        rn_serve_functions_settle(connection, vm);
    }
}

/* The folder's scripts: a job, because a Unit's bytes are many. */

struct script_job {
    struct rn_serve_job job;
    uint64_t id;
    rune_unit *unit; /* counted */
    struct rn_serve_unit_answer answer;
};

static void save_script(struct rn_serve_job *base)
{
    struct script_job *job = (struct script_job *)base;
    rn_serve_unit_answer_save(job->job.connection, &job->answer, job->unit);
}

static void script_saved(struct rn_serve_note *note)
{
    struct script_job *job = (struct script_job *)note;
    struct rn_serve_connection *connection = job->job.connection;
    connection->jobs--;
    rn_serve_unit_answer_send(connection, job->id, &job->answer, job->unit);
    rn_free(job);
    rn_serve_unblock(connection);
}

/* `unit` is consumed. */
static enum rn_error send_script(struct rn_serve_connection *connection, uint64_t id,
                                 rune_unit *unit)
{
    struct script_job *job = rn_alloc(sizeof(*job));
    if (!job) {
        rune_unit_unref(unit);
        return RN_E_NO_MEMORY;
    }
    job->job = (struct rn_serve_job){
        .note.done = script_saved, .connection = connection, .run = save_script};
    job->id = id;
    job->unit = unit;
    rn_serve_unit_answer_init(&job->answer);
    connection->blocked++;
    rn_serve_submit(&job->job, RN_SERVE_SHORT);
    return RN_OK;
}

static enum rn_error handle_script(struct rn_serve_connection *connection,
                                   const struct rn_message *head, const uint8_t *body, size_t size)
{
    struct rune_server *server = connection->server;
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, body, size);
    RN_AUTO_FREE char *name = rn_wire_take_text(&cursor, size);
    RN_TRY(rn_cursor_status(&cursor));
    rune_unit *unit = server->watch ? rune_watch_current(server->watch, name) : NULL;
    if (unit) {
        return send_script(connection, head->call, unit);
    }
    rune_error *error = NULL;
    (void)rn_fail_reason(&error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_script",
                         "there is no script `%s`, or it never compiled", name);
    rn_serve_answer_error(connection, head->call, RUNE_E_NOT_FOUND, error);
    return RN_OK;
}

/* Looking in and steering: the wall is looked at around a live worker, which takes a job. */

struct query_job {
    struct rn_serve_job job;
    uint64_t id;
    uint32_t what;
    struct rn_buf out;
    rune_status status;
    rune_error *error;
};

static void answer_text(struct rn_serve_connection *connection, uint64_t id, struct rn_buf *out)
{
    struct rn_message message = {
        .type = RN_MESSAGE_DAEMON_ANSWER, .call = id, .body_size = out->size};
    if (!rn_serve_send(connection, &message, rn_buf_take(out, &message.body_size), false)) {
        rn_serve_answer_error(connection, id, RUNE_E_OVERLOADED, NULL);
    }
}

static void run_query(struct rn_serve_job *base)
{
    struct query_job *job = (struct query_job *)base;
    rune_text *text = NULL;
    job->status =
        rune_supervisor_report(job->job.connection->server->supervisor, &text, &job->error);
    if (job->status == RUNE_OK) {
        rn_buf_append(&job->out, rune_text_data(text), rune_text_size(text));
    }
    rune_text_free(text);
}

static void query_done(struct rn_serve_note *note)
{
    struct query_job *job = (struct query_job *)note;
    struct rn_serve_connection *connection = job->job.connection;
    connection->jobs--;
    if (job->status == RUNE_OK && rn_buf_status(&job->out) == RN_OK) {
        answer_text(connection, job->id, &job->out);
    } else {
        rn_serve_answer_error(connection, job->id, job->status, RN_TAKE(job->error));
    }
    rune_error_free(job->error);
    rn_buf_done(&job->out);
    rn_free(job);
    rn_serve_unblock(connection);
}

static rune_status ask_wall(struct rn_serve_connection *connection, uint64_t id)
{
    struct query_job *job = rn_alloc(sizeof(*job));
    if (!job) {
        return RUNE_E_NO_MEMORY;
    }
    job->job =
        (struct rn_serve_job){.note.done = query_done, .connection = connection, .run = run_query};
    job->id = id;
    rn_buf_init(&job->out, 1u << 20);
    connection->blocked++;
    rn_serve_submit(&job->job, RN_SERVE_SHORT);
    return RUNE_OK;
}

static void handle_query(struct rn_serve_connection *connection, const struct rn_message *head)
{
    uint32_t what = head->as.CLIENT_QUERY.what;
    RN_AUTO(rn_buf) struct rn_buf out;
    rune_error *error = NULL;
    rn_buf_init(&out, 16u << 20);
    // Counts are everybody's, and so is the state of the wall that one's own scripts stand behind.
    bool open = what == 3 || what == 5;
    if (!open && (connection->account->rights & RUNE_RIGHT_CONTROL) == 0) {
        rune_status denied = deny(connection, RUNE_RIGHT_CONTROL, &error);
        rn_serve_answer_error(connection, head->call, denied, error);
        return;
    }
    rune_status status = what == 3 ? ask_wall(connection, head->call)
                                   : rn_serve_report(connection->server, what, &out, &error);
    if (status != RUNE_OK) {
        rn_serve_answer_error(connection, head->call, status, error);
    } else if (what != 3) {
        answer_text(connection, head->call, &out);
    }
}

/* More milliseconds than there are stand for the server's own deadline. */
static void drain_within(struct rune_server *server, uint64_t ms)
{
    rune_server_drain(server, ms > UINT64_MAX / 1000000 ? RUNE_DRAIN_DEFAULT : ms * 1000000);
}

/* Whether there is a folder to reload is asked of the file system, which may take its time. */

struct reload_job {
    struct rn_serve_job job;
    uint64_t id;
    rune_status status;
    rune_error *error;
};

static void run_reload(struct rn_serve_job *base)
{
    struct reload_job *job = (struct reload_job *)base;
    job->status = rn_watch_check_folder(job->job.connection->server->watch, &job->error);
}

static void reload_done(struct rn_serve_note *note)
{
    struct reload_job *job = (struct reload_job *)note;
    struct rn_serve_connection *connection = job->job.connection;
    connection->jobs--;
    if (job->status == RUNE_OK) {
        rn_serve_answer(connection, job->id, 0);
    } else {
        rn_serve_answer_error(connection, job->id, job->status, job->error);
    }
    rn_free(job);
    rn_serve_unblock(connection);
}

static void reload(struct rn_serve_connection *connection, uint64_t id)
{
    struct rune_server *server = connection->server;
    rune_server_reload(server);
    struct reload_job *job = server->watch ? rn_alloc(sizeof(*job)) : NULL;
    if (!job) {
        rn_serve_answer(connection, id, 0);
        return;
    }
    job->job = (struct rn_serve_job){
        .note.done = reload_done, .connection = connection, .run = run_reload};
    job->id = id;
    connection->blocked++;
    rn_serve_submit(&job->job, RN_SERVE_SHORT);
}

static void handle_control(struct rn_serve_connection *connection, const struct rn_message *head)
{
    const struct rn_fields_CLIENT_CONTROL *fields = &head->as.CLIENT_CONTROL;
    struct rune_server *server = connection->server;
    rune_status status = RUNE_OK;
    rune_error *error = NULL;
    switch (fields->what) {
    case 0:
        drain_within(server, fields->value);
        break;
    case 1:
        reload(connection, head->call);
        return;
    case 2:
        if (fields->value > INT32_MAX ||
            !rn_pool_kill(server->supervisor, (int32_t)fields->value)) {
            status = rn_fail_reason(&error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_worker",
                                    "there is no worker with that process id");
        }
        break;
    default:
        status = RUNE_E_UNSUPPORTED;
    }
    if (status == RUNE_OK) {
        rn_serve_answer(connection, head->call, 0);
    } else {
        rn_serve_answer_error(connection, head->call, status, error);
    }
}

/* True: answered already. */
static bool turn_down(struct rn_serve_connection *connection, const struct rn_message *head)
{
    rune_error *error = NULL;
    if ((connection->account->rights & right_for(head->type)) == 0) {
        rune_status denied = deny(connection, right_for(head->type), &error);
        rn_serve_answer_error(connection, head->call, denied, error);
        return true;
    }
    if (starts_work(head->type) && atomic_load(&connection->server->draining)) {
        (void)rn_fail(&error, RUNE_E_CLOSED, "the daemon is about to end");
        rn_serve_answer_error(connection, head->call, RUNE_E_CLOSED, error);
        return true;
    }
    return false;
}

enum rn_error rn_serve_request(struct rn_serve_connection *connection,
                               const struct rn_message *head, const uint8_t *body, size_t size)
{
    if (turn_down(connection, head)) {
        return RN_OK;
    }
    switch ((uint32_t)head->type) {
    case RN_MESSAGE_CLIENT_BUILD:
    case RN_MESSAGE_CLIENT_LOAD:
    case RN_MESSAGE_CLIENT_CONTEXT:
        return rn_serve_build_request(connection, head, body, size);
    case RN_MESSAGE_CLIENT_MODULE:
        return rn_serve_module(connection, head, body, size);
    case RN_MESSAGE_CLIENT_SCRIPT:
        return handle_script(connection, head, body, size);
    case RN_MESSAGE_CLIENT_DROP:
        rn_serve_unit_drop(connection, head->as.CLIENT_DROP.unit);
        rn_serve_context_drop(connection, head->as.CLIENT_DROP.context);
        return RN_OK;
    case RN_MESSAGE_CLIENT_OPEN:
        return handle_open(connection, head, body, size);
    case RN_MESSAGE_CLIENT_SET_UNIT:
        handle_set_unit(connection, head);
        return RN_OK;
    case RN_MESSAGE_CLIENT_RESET:
        handle_reset(connection, head);
        return RN_OK;
    case RN_MESSAGE_CLIENT_CLOSE:
        handle_close(connection, head->as.CLIENT_CLOSE.vm);
        return RN_OK;
    case RN_MESSAGE_CLIENT_CALL:
        return rn_serve_call_request(connection, head, body, size);
    case RN_MESSAGE_CLIENT_FUNCTION_DROP:
        handle_function_drop(connection, &head->as.CLIENT_FUNCTION_DROP);
        return RN_OK;
    case RN_MESSAGE_CLIENT_HOST_REPLY:
        return rn_serve_host_reply(connection, head, body, size);
    case RN_MESSAGE_CLIENT_CREDIT:
        return rn_serve_credit(connection, head->call, head->as.CLIENT_CREDIT.packets);
    case RN_MESSAGE_CLIENT_CANCEL:
        rn_serve_cancel(connection, head->call);
        return RN_OK;
    case RN_MESSAGE_CLIENT_QUERY:
        handle_query(connection, head);
        return RN_OK;
    case RN_MESSAGE_CLIENT_CONTROL:
        handle_control(connection, head);
        return RN_OK;
    default:
        return RN_E_MESSAGE_STATE;
    }
}
