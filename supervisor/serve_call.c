/*
 * serve_call.c: calls of clients, as executions of the supervisor.
 *
 *      CLIENT_CALL ──► begin ──► (output: DAEMON_OUTPUT, as far as the client's credit goes)*
 *                                                       ──► end ──► DAEMON_END with the record
 *
 * Output comes on the supervisor's thread: it is queued under the connection's lock, and refused
 * when the client has given no credit or does not read; then only this call stands still.
 *
 * Values of statics that come with a call are put into the Vm before it begins, where they wait for the worker
 * as those of any host do; DAEMON_END says that they are there. A call that gets statics runs nothing.
 * A function that is a value comes as the first argument, and is looked at as any host's is.
 *
 * A function that the Vm keeps has a number there before the call that makes it begins; what became of that, and who
 * was told, shows at the end: a function that the client does not know of goes again.
 *
 * Trust: reads requests of clients.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "bytecode/hash.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/execution.h"
#include "supervisor/function.h"
#include "supervisor/globals.h"
#include "supervisor/host_call.h"
#include "supervisor/serve.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"
#include "supervisor/wire.h"

#define ARGS_MAX 256u
/* Values for a Unit with more statics are put into its Vm on a job's thread. */
#define STATICS_INLINE_MAX 256u

/* What a call is begun with; kept until it has ended, as is how it did. */
struct rn_serve_begin {
    struct rn_serve_job job; /* when beginning, or afterwards ending, is one */
    struct rn_serve_call *call;
    char *item;
    enum rn_call_target target;
    bool keeps;               /* the result stays in the Vm */
    struct rn_kept_name name; /* of the function that it is about, in the client's words */
    struct rn_kept function;  /* .. which is that one; or, if it keeps one, what it will be */
    uint8_t *
        request; /* statics and arguments, in this order, from `at` on, until they are decoded; owned */
    size_t at;
    size_t size;               /* of the arguments */
    size_t static_size;        /* of statics */
    rune_const_value *statics; /* counted, until the Vm has them; NULL: none */
    bool taken;                /* it has */
    size_t held;         /* on the uid's account: arguments, and the copy that goes to the worker */
    size_t held_statics; /* as well: statics, the Vm's copy and the worker's */
    size_t unread; /* there as well: a large result, from its first packet until it has been read */
    const rune_const_value **args;
    size_t arg_count;
    enum rn_error invalid; /* they do not decode */
    rune_call_options *options;
    rune_host_call *parent; /* counted; what it is made for, or NULL */
    rune_vm *vm;
    rune_execution *execution; /* once it has begun */
    rune_status status;
    rune_error *error;
    rune_record *record; /* once it has ended */
    struct rn_buf said;  /* that, for the client */
};

static void begin_done(struct rn_serve_begin *begin)
{
    for (size_t i = 0; i < begin->arg_count; i++) {
        rune_value_unref((rune_const_value *)begin->args[i]);
    }
    rn_free(begin->args);
    rn_free(begin->request);
    rune_value_unref(begin->statics);
    rn_free(begin->item);
    rune_call_options_free(begin->options);
    rn_host_call_unref(begin->parent);
    rune_error_free(begin->error);
    rune_record_free(begin->record);
    rn_buf_done(&begin->said);
    rn_free(begin);
}

/* The same for one whose arguments count on the account. */
static void end_begin(struct rn_serve_connection *connection, struct rn_serve_begin *begin)
{
    rn_serve_unhold(connection, begin->held);
    begin_done(begin);
}

/* Ends */

static void count_end(struct rune_server *server, rune_reason reason, uint64_t begun_ns)
{
    uint64_t us = (rn_now_ns() - begun_ns) / 1000;
    unsigned bucket = 0;
    for (uint64_t edge = 50; bucket < RN_SERVE_BUCKETS && us > edge; edge *= 4) {
        bucket++;
    }
    pthread_mutex_lock(&server->lock);
    server->counts.ends[(unsigned)reason <= RUNE_REASON_CRASHED ? reason : 0]++;
    server->counts.buckets[bucket]++;
    server->counts.microseconds += us;
    pthread_mutex_unlock(&server->lock);
}

static bool send_record(struct rn_serve_connection *connection, uint64_t id,
                        const rune_record *record, bool taken)
{
    struct rn_buf body;
    rn_buf_init(&body, RN_CLIENT_RECORD_MAX);
    rn_wire_put_record(&body, record);
    if (rn_buf_status(&body) != RN_OK) {
        rn_buf_done(&body);
        return false;
    }
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = id,
                                 .body_size = body.size,
                                 .as.DAEMON_END = {.taken = taken}};
    return rn_serve_send(connection, &message, body.data, true);
}

/* A record without value, of a call as far as it got, or NULL: `error` is consumed. */
static void send_failure(struct rn_serve_connection *connection, uint64_t id, rune_error *error,
                         const struct rn_serve_begin *begin)
{
    rune_record record = {.reason = error ? error->reason : RUNE_REASON_INTERNAL};
    bool taken = begin && begin->taken;
    rn_limits_init(&record.limits);
    if (begin && begin->record) {
        record = *begin->record;
        record.value = NULL;
        record.reason = error ? error->reason : RUNE_REASON_INTERNAL;
    }
    record.error = error;
    if (!error || record.reason == RUNE_REASON_OK || !send_record(connection, id, &record, taken)) {
        rn_serve_goodbye(connection, RUNE_E_NO_MEMORY, "the daemon has no memory");
    }
    rune_error_free(error);
}

/* A call that could not even be tried. */
static void fail_call(struct rn_serve_connection *connection, uint64_t id, rune_status status,
                      rune_reason reason, const char *why)
{
    rune_error *error = NULL;
    (void)rn_fail_reason(&error, status, reason, rune_status_name(status), "%s", why);
    count_end(connection->server, reason, rn_now_ns());
    send_failure(connection, id, error, NULL);
}

/* One whose record could not be made. */
static void fail_ended(struct rn_serve_connection *connection, const struct rn_serve_call *call)
{
    rune_error *error = NULL;
    (void)rn_fail_reason(&error, RUNE_E_NO_MEMORY, RUNE_REASON_INTERNAL, "NO_MEMORY", "%s",
                         "the daemon has no memory");
    count_end(connection->server, RUNE_REASON_INTERNAL, rn_now_ns());
    send_failure(connection, call->id, error, call->begin);
}

/* The whole record, and what the result is called if it stays; false: there is no room for it. */
static bool send_whole(struct rn_serve_connection *connection, uint64_t id,
                       struct rn_serve_begin *begin, bool stays)
{
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_END,
                                 .call = id,
                                 .body_size = begin->said.size,
                                 .as.DAEMON_END = {.taken = begin->taken}};
    if (stays) {
        message.as.DAEMON_END.function = begin->function.number;
        message.as.DAEMON_END.epoch = begin->function.epoch;
    }
    bool fits = begin->said.size > 0 && rn_buf_status(&begin->said) == RN_OK;
    return fits && rn_serve_send(connection, &message, RN_TAKE(begin->said.data), false);
}

/* A record that the account has no room for is told without its value. True: the client knows of a function that
 * stays in the Vm. *out_reason: how the call ended for the client. */
static bool send_end(struct rn_serve_connection *connection, uint64_t id,
                     struct rn_serve_begin *begin, rune_reason *out_reason)
{
    *out_reason = begin->record->reason;
    bool stays = begin->keeps && begin->record->reason == RUNE_REASON_OK;
    rune_error *error = NULL;
    if (stays && !begin->vm->home) {
        (void)rn_vm_fail_unkept(begin->vm, &error);
    } else if (send_whole(connection, id, begin, stays)) {
        return stays;
    } else {
        (void)rn_fail_reason(&error, RUNE_E_OVERLOADED, RUNE_REASON_OVERLOADED, "unread", "%s",
                             RN_CALL_UNREAD);
    }
    *out_reason = RUNE_REASON_OVERLOADED;
    send_failure(connection, id, error, begin);
    return false;
}

static void unlink_call(struct rn_serve_call *call)
{
    struct rn_serve_connection *connection = call->connection;
    rn_serve_hosts_end(call);
    struct rn_serve_call **at = &connection->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    connection->calls_running--;
    connection->account->calls--;
}

static void free_place(struct rn_serve_connection *connection, uint32_t index)
{
    struct rn_serve_vm *vm = &connection->vms[index];
    vm->busy = false;
    if (vm->closing) {
        rn_serve_vm_drop(connection, vm);
    }
}

/* What was to stay does not. */
static void unkeep(const struct rn_serve_begin *begin)
{
    if (begin->keeps) {
        rn_vm_drop_function(begin->vm, &begin->function);
    }
}

static void complete(struct rn_serve_begin *begin)
{
    begin->status = rune_execution_complete(begin->execution, &begin->record);
    if (begin->status == RUNE_OK) {
        rn_wire_put_record(&begin->said, begin->record);
    }
}

/* On the loop's thread, after complete on whichever. */
static void settle_end(struct rn_serve_call *call)
{
    struct rn_serve_connection *connection = call->connection;
    bool stays = false;
    if (call->begin->status == RUNE_OK) {
        rune_reason reason;
        stays = send_end(connection, call->id, call->begin, &reason);
        count_end(connection->server, reason, call->begun_ns);
    } else {
        fail_ended(connection, call);
    }
    if (!stays) {
        unkeep(call->begin);
    }
    rune_execution_free(call->execution);
    rn_serve_vm_settle(connection, &connection->vms[call->vm], call->begin->held_statics);
    free_place(connection, call->vm);
    end_begin(connection, call->begin);
    unlink_call(call);
    rn_free(call);
    rn_serve_flush(connection);
}

/* Of the result, which has been read or never will be. */
static void unhold_result(struct rn_serve_begin *begin)
{
    rn_serve_unhold(begin->call->connection, begin->unread);
    begin->unread = 0;
}

static void run_completion(struct rn_serve_job *base)
{
    complete((struct rn_serve_begin *)base);
}

static void completed(struct rn_serve_note *note)
{
    struct rn_serve_begin *begin = (struct rn_serve_begin *)note;
    struct rn_serve_connection *connection = begin->job.connection;
    connection->jobs--;
    unhold_result(begin);
    settle_end(begin->call);
}

/* So that the result counts on the account with so many bytes. False: there is no room, and it does not count. */
static bool hold_result(struct rn_serve_begin *begin, size_t size)
{
    struct rn_serve_connection *connection = begin->call->connection;
    bool room = begin->unread >= size || rn_serve_hold(connection, size - begin->unread);
    if (room && begin->unread < size) {
        begin->unread = size;
    } else if (!room) {
        unhold_result(begin);
    }
    return room;
}

/* Under its peer's lock: a result begins to come that takes more than one packet. Nobody else looks at what is held
 * for it before it has ended. */
static bool on_result(void *user, size_t size)
{
    return hold_result(((struct rn_serve_call *)user)->begin, size);
}

/* Arguments of a host call on their way here; those that go on to the client are counted where they are sent. */
static bool on_args(void *user, size_t size)
{
    return rn_serve_hold(((struct rn_serve_call *)user)->connection, size);
}

static void on_args_over(void *user, size_t size)
{
    rn_serve_unhold(((struct rn_serve_call *)user)->connection, size);
}

static const struct rn_call_room room = {
    .result = on_result, .args = on_args, .args_over = on_args_over};

/* On the loop's thread: the execution has ended. A large result is read elsewhere, as its arguments were; it
 * counts on the account until it has been, and is dropped if there is no room. */
static void call_ended(struct rn_serve_note *note)
{
    struct rn_serve_call *call = (struct rn_serve_call *)note;
    struct rn_serve_connection *connection = call->connection;
    struct rn_serve_begin *begin = call->begin;
    bool takes_long;
    size_t unread = rn_execution_unread(call->execution, &takes_long);
    if (takes_long && hold_result(begin, unread)) {
        begin->job = (struct rn_serve_job){
            .note.done = completed, .connection = connection, .run = run_completion};
        rn_serve_submit(&begin->job, RN_SERVE_SHORT);
        return;
    }
    if (takes_long) {
        rn_execution_drop_result(call->execution);
    }
    unhold_result(begin);
    complete(begin);
    if (takes_long) {
        rn_buf_done(&begin->said); // says less than it should
    }
    settle_end(call);
}

/* On the supervisor's thread. */
static void on_end(void *user, rune_execution *execution)
{
    struct rn_serve_call *call = user;
    (void)execution;
    rn_serve_post(call->connection->server, &call->note);
}

/* Output, on the supervisor's thread. */

static bool take_credit(struct rn_serve_call *call)
{
    struct rn_serve_connection *connection = call->connection;
    pthread_mutex_lock(&connection->lock);
    bool closed = connection->fd < 0;
    bool may = closed || (call->credit > 0 && connection->out_bytes <= RN_SERVE_OUT_HIGH);
    if (may && !closed) {
        call->credit--;
    }
    pthread_mutex_unlock(&connection->lock);
    return may;
}

static bool on_output(void *user, int stream, const char *data, size_t size)
{
    struct rn_serve_call *call = user;
    size_t part = size < RN_PACKET_BODY_MAX ? size : RN_PACKET_BODY_MAX;
    if (!take_credit(call)) {
        return false;
    }
    uint8_t *body = (uint8_t *)rn_strndup(data, part);
    struct rn_message message = {.type = RN_MESSAGE_DAEMON_OUTPUT,
                                 .call = call->id,
                                 .body_size = part,
                                 .as.DAEMON_OUTPUT = {.stream = (uint32_t)stream}};
    if (!body) {
        rn_serve_starve(call->connection);
        return false;
    }
    if (!rn_serve_send(call->connection, &message, body, true)) {
        return false;
    }
    rn_serve_wake(call->connection->server);
    return true;
}

/* Beginning */

static enum rn_error take_value(const struct rn_serve_begin *begin, size_t at, size_t size,
                                rune_const_value **out_value)
{
    uint8_t *bytes = (uint8_t *)rn_strndup((const char *)begin->request + at, size);
    return bytes ? rn_value_take(bytes, size, out_value) : RN_E_NO_MEMORY;
}

/* Takes the arguments apart. What does not decode is the client's mistake about values, not about the
 * protocol: but its library checks them, so that only a client without one sends such bytes. */
static enum rn_error read_args(struct rn_serve_begin *begin)
{
    rune_const_value *tuple = NULL;
    if (begin->size == 0) {
        return RN_OK;
    }
    RN_TRY(take_value(begin, begin->at + begin->static_size, begin->size, &tuple));
    size_t count = rune_value_count(tuple);
    enum rn_error error = rune_value_kind_of(tuple) == RUNE_VALUE_TUPLE && count <= ARGS_MAX
                              ? RN_OK
                              : RN_E_MESSAGE_INVALID;
    if (error == RN_OK) {
        begin->args = rn_alloc_array(count + 1, sizeof(*begin->args));
        error = begin->args ? RN_OK : RN_E_NO_MEMORY;
    }
    rune_value_iter at;
    rune_value_iter_init(&at, tuple);
    while (error == RN_OK && at.left > 0) {
        rune_const_value *item = NULL;
        error = (enum rn_error)rune_value_iter_next(&at, &item);
        if (error == RN_OK) {
            begin->args[begin->arg_count++] = item;
        }
    }
    rune_value_unref(tuple);
    return error;
}

/* The same of statics. */
static enum rn_error read_values(struct rn_serve_begin *begin)
{
    if (begin->static_size > 0) {
        RN_TRY(take_value(begin, begin->at, begin->static_size, &begin->statics));
        if (rune_value_kind_of(begin->statics) != RUNE_VALUE_OBJECT) {
            return RN_E_MESSAGE_INVALID;
        }
    }
    RN_TRY(read_args(begin));
    rn_free(RN_TAKE(begin->request));
    bool needs_one = begin->target == RN_CALL_TARGET_VALUE;
    return needs_one && begin->arg_count == 0 ? RN_E_MESSAGE_INVALID : RN_OK;
}

/* They wait there from now on. */
static rune_status put_statics(struct rn_serve_begin *begin)
{
    if (!begin->statics) {
        return RUNE_OK;
    }
    rune_status status = rn_vm_take_statics(begin->vm, begin->statics, &begin->error);
    begin->taken = status == RUNE_OK;
    rune_value_unref(RN_TAKE(begin->statics));
    return status;
}

/* Of one that the Vm keeps. */
static bool is_of_function(const struct rn_serve_begin *begin)
{
    return begin->target == RN_CALL_TARGET_FUNCTION || begin->target == RN_CALL_TARGET_SEND;
}

static void send_execute(struct rn_serve_begin *begin)
{
    const char *item = begin->item;
    struct rn_request request = {.target = {.kind = begin->target, .name = item},
                                 .args = {begin->args, begin->arg_count},
                                 .options = begin->options,
                                 .wants_usage = true};
    begin->invalid = read_values(begin);
    begin->status = (rune_status)begin->invalid;
    if (begin->status == RUNE_OK) {
        begin->status = put_statics(begin);
    }
    if (begin->status == RUNE_OK && begin->target == RN_CALL_TARGET_VALUE) {
        begin->status = rn_function_check(begin->vm->unit, begin->args[0], &begin->error);
    }
    if (begin->status != RUNE_OK) {
        return;
    }
    if (begin->target == RN_CALL_TARGET_STATICS) {
        request.target.item = item[0] == 0 ? 0 : rn_hash_item(item, strlen(item));
    } else if (is_of_function(begin)) {
        request.target.item = begin->function.number;
    } else if (begin->keeps) {
        request.keep = begin->function.number;
    }
    request.args = (struct rn_args){begin->args, begin->arg_count};
    begin->status = rn_execution_send(begin->vm, &request, &begin->execution, &begin->error);
}

/* On the loop's thread, after send_execute on whichever. */
static void settle_begin(struct rn_serve_begin *begin)
{
    struct rn_serve_call *call = begin->call;
    struct rn_serve_connection *connection = call->connection;
    if (begin->status == RUNE_OK) {
        call->execution = begin->execution;
        if (call->cancelled || connection->fd < 0) {
            rune_execution_cancel(call->execution);
        }
        (void)!rune_execution_on_end(call->execution, on_end, call);
        return;
    }
    rune_error *error = RN_TAKE(begin->error);
    enum rn_error invalid = begin->invalid;
    if (invalid == RN_OK) {
        count_end(connection->server, error ? error->reason : RUNE_REASON_INTERNAL, call->begun_ns);
        send_failure(connection, call->id, error, begin);
    }
    unkeep(begin);
    rn_serve_vm_settle(connection, &connection->vms[call->vm], begin->held_statics);
    free_place(connection, call->vm);
    end_begin(connection, begin);
    unlink_call(call);
    rn_free(call);
    if (invalid != RN_OK) {
        rn_serve_fail(connection, invalid);
    }
}

static void run_begin(struct rn_serve_job *base)
{
    send_execute((struct rn_serve_begin *)base);
}

static void begun(struct rn_serve_note *note)
{
    struct rn_serve_begin *begin = (struct rn_serve_begin *)note;
    struct rn_serve_connection *connection = begin->job.connection;
    connection->jobs--;
    settle_begin(begin);
    rn_serve_unblock(connection);
}

/* Values that would hold up other clients. */
static bool values_take_long(const struct rn_serve_begin *begin)
{
    uint32_t statics = begin->vm->unit->unit.counts[RN_SECTION_STATICS];
    return begin->size + begin->static_size > RN_SERVE_ARGS_INLINE_MAX ||
           (begin->static_size > 0 && statics > STATICS_INLINE_MAX);
}

/* A worker that is there takes a call without waiting; else one is started, elsewhere, as arguments are
 * decoded that take long. */
static void start(struct rn_serve_connection *connection, struct rn_serve_begin *begin)
{
    if (!values_take_long(begin) && rn_vm_is_warm(begin->vm)) {
        send_execute(begin);
        settle_begin(begin);
        return;
    }
    begin->job =
        (struct rn_serve_job){.note.done = begun, .connection = connection, .run = run_begin};
    connection->blocked++;
    rn_serve_submit(&begin->job, RN_SERVE_SHORT);
}

/* A script's Vm takes the version that serves now. */
static bool take_version(struct rn_serve_connection *connection, struct rn_serve_vm *vm)
{
    if (!vm->script) {
        return true;
    }
    rune_unit *unit = rune_watch_current(connection->server->watch, vm->script);
    if (unit && unit != vm->unit && rune_vm_set_unit(vm->vm, unit) == RUNE_OK) {
        rune_unit_unref(vm->unit);
        vm->unit = rune_unit_ref(unit);
        rn_serve_vm_settle(connection, vm, 0);
    }
    bool same = unit && unit == vm->unit;
    rune_unit_unref(unit);
    return same;
}

/* Reading the request */

/* The values are decoded when the call may begin, elsewhere if that takes long. */
static enum rn_error take_values(struct rn_serve_connection *connection,
                                 struct rn_serve_begin *begin, const uint8_t *body,
                                 size_t body_size, size_t size, uint64_t static_size)
{
    bool no_args = begin->target == RN_CALL_TARGET_STATICS || begin->target == RN_CALL_TARGET_SEND;
    bool no_statics = begin->target == RN_CALL_TARGET_VALUE;
    if (static_size > size || (no_args && static_size < size) || (no_statics && static_size > 0)) {
        return RN_E_MESSAGE_INVALID;
    }
    begin->static_size = (size_t)static_size;
    begin->size = size - begin->static_size;
    begin->at = body_size - size;
    begin->request = size > 0 ? rn_serve_claim(connection, body, body_size) : NULL;
    return begin->request || size == 0 ? RN_OK : RN_E_NO_MEMORY;
}

static enum rn_error read_call(struct rn_serve_connection *connection, struct rn_serve_begin *begin,
                               const struct rn_fields_CLIENT_CALL *fields, const uint8_t *body,
                               size_t size)
{
    struct rn_cursor cursor;
    struct rn_wire_grant grant;
    rn_cursor_init(&cursor, body, size);
    if (fields->item_size > RN_NEED_BODY_MAX || fields->credit > RN_SERVE_CREDIT_MAX) {
        return RN_E_MESSAGE_INVALID;
    }
    begin->item = rn_wire_take_text(&cursor, fields->item_size);
    const uint8_t *tags = rn_cursor_bytes(&cursor, fields->tags_size);
    RN_TRY(rn_cursor_status(&cursor));
    RN_TRY(rn_wire_get_grant(tags, fields->tags_size, &grant));
    begin->target = grant.target;
    begin->keeps = grant.keep;
    begin->name = grant.function;
    if ((begin->keeps && begin->target != RN_CALL_TARGET_ITEM) ||
        is_of_function(begin) != (begin->name.number != 0)) {
        return RN_E_MESSAGE_INVALID;
    }
    RN_TRY(take_values(connection, begin, body, size, rn_cursor_left(&cursor), grant.statics_size));
    begin->options = rune_call_options_new();
    if (!begin->options) {
        return RN_E_NO_MEMORY;
    }
    rune_call_options_set_seed(begin->options, grant.seed);
    rune_call_options_set_clock(begin->options, grant.clock);
    rune_call_options_set_replay(begin->options, !grant.once);
    return (enum rn_error)rune_call_options_set_limits(begin->options, &grant.limits);
}

static bool is_known(const struct rn_serve_connection *connection, uint64_t id)
{
    for (const struct rn_serve_call *call = connection->calls; call; call = call->next) {
        if (call->id == id) {
            return true;
        }
    }
    return false;
}

/* Why the call cannot even be tried; NULL: it can. */
static const char *why_not(struct rn_serve_connection *connection, uint32_t number,
                           rune_status *out_status, rune_reason *out_reason)
{
    struct rn_serve_vm *vm =
        number > 0 && number <= RN_SERVE_VMS_MAX ? &connection->vms[number - 1] : NULL;
    uint64_t max = connection->server->limits[RUNE_PEER_CALLS];
    *out_status = RUNE_E_OVERLOADED;
    *out_reason = RUNE_REASON_OVERLOADED;
    if (connection->calls_running >= RN_SERVE_CALLS_MAX || connection->account->calls >= max) {
        return "this user has as many calls as it may";
    }
    *out_status = RUNE_E_CLOSED;
    *out_reason = RUNE_REASON_UNAVAILABLE;
    if (atomic_load(&connection->server->draining)) {
        return "the daemon is about to end";
    }
    *out_status = RUNE_E_NOT_FOUND;
    *out_reason = RUNE_REASON_USAGE;
    if (!vm || !vm->vm) {
        return "there is no such Vm";
    }
    *out_status = RUNE_E_BUSY;
    if (vm->busy) {
        return "a call of this Vm runs already";
    }
    *out_status = RUNE_E_NOT_FOUND;
    return take_version(connection, vm) ? NULL : "there is no such script any more";
}

static struct rn_serve_call *new_call(struct rn_serve_connection *connection,
                                      const struct rn_message *head, struct rn_serve_begin *begin)
{
    struct rn_serve_call *call = rn_alloc(sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->note.done = call_ended;
    call->connection = connection;
    call->begin = begin;
    call->id = head->call;
    call->vm = head->as.CLIENT_CALL.vm - 1;
    call->parent = head->as.CLIENT_CALL.parent;
    call->credit = head->as.CLIENT_CALL.credit;
    call->begun_ns = rn_now_ns();
    call->next = connection->calls;
    connection->calls = call;
    connection->calls_running++;
    connection->account->calls++;
    connection->vms[call->vm].busy = true;
    return call;
}

/* Counts what the call brings; false: there is no room. */
static bool hold_values(struct rn_serve_connection *connection, struct rn_serve_begin *begin,
                        const rune_unit *unit)
{
    size_t args = 2 * begin->size;
    size_t statics = begin->static_size > 0 ? 3 * begin->static_size + rn_globals_room(unit) : 0;
    if (!rn_serve_hold(connection, args + statics)) {
        return false;
    }
    begin->held = args;
    begin->held_statics = statics;
    return true;
}

/* The function that the call is about, or a number for the one that is to stay. */
static rune_status claim_function(struct rn_serve_connection *connection, struct rn_serve_vm *vm,
                                  struct rn_serve_begin *begin, rune_error **error)
{
    if (is_of_function(begin)) {
        return rn_vm_find_kept(vm->vm, begin->name, &begin->function, error);
    }
    if (!begin->keeps) {
        return RUNE_OK;
    }
    if (connection->account->functions >= connection->server->limits[RUNE_PEER_FUNCTIONS]) {
        return rn_fail(error, RUNE_E_OVERLOADED, "this user keeps as many functions as it may");
    }
    rune_status status = rn_vm_keep(vm->vm, &begin->function, error);
    rn_serve_functions_settle(connection, vm);
    return status;
}

/* Before many arguments are decoded. True: the client has its answer. */
static bool turn_down(struct rn_serve_connection *connection, const struct rn_message *head,
                      struct rn_serve_begin *begin)
{
    const struct rn_fields_CLIENT_CALL *fields = &head->as.CLIENT_CALL;
    rune_status status = RUNE_OK;
    rune_reason reason = RUNE_REASON_OK;
    const char *why = why_not(connection, fields->vm, &status, &reason);
    if (!why && fields->parent != 0) {
        begin->parent = rn_serve_host_find(connection, fields->parent, fields->served);
        status = RUNE_E_CANCELLED;
        reason = RUNE_REASON_CANCELLED;
        why = begin->parent ? NULL : "the host call that it is made for has ended";
    }
    if (!why && !hold_values(connection, begin, connection->vms[fields->vm - 1].unit)) {
        status = RUNE_E_OVERLOADED;
        reason = RUNE_REASON_OVERLOADED;
        why = "more is held for this user than may be";
    }
    if (why) {
        fail_call(connection, head->call, status, reason, why);
    }
    return why != NULL;
}

/* False: the client has its answer. */
static bool claim_vm(struct rn_serve_connection *connection, const struct rn_message *head,
                     struct rn_serve_begin *begin)
{
    rune_error *error = NULL;
    struct rn_serve_vm *vm = &connection->vms[head->as.CLIENT_CALL.vm - 1];
    begin->vm = vm->vm;
    if (claim_function(connection, vm, begin, &error) == RUNE_OK) {
        return true;
    }
    rn_serve_unhold(connection, begin->held + begin->held_statics);
    count_end(connection->server, error ? error->reason : RUNE_REASON_INTERNAL, rn_now_ns());
    send_failure(connection, head->call, error, NULL);
    return false;
}

static enum rn_error begin_call(struct rn_serve_connection *connection,
                                const struct rn_message *head, struct rn_serve_begin *begin)
{
    if (turn_down(connection, head, begin) || !claim_vm(connection, head, begin)) {
        begin_done(begin);
        return RN_OK;
    }
    struct rn_serve_call *call = new_call(connection, head, begin);
    if (!call) {
        unkeep(begin);
        rn_serve_functions_settle(connection, &connection->vms[head->as.CLIENT_CALL.vm - 1]);
        rn_serve_unhold(connection, begin->held_statics);
        end_begin(connection, begin);
        return RN_E_NO_MEMORY;
    }
    begin->call = call;
    rune_call_options_set_output(begin->options, on_output, call);
    rune_call_options_set_parent(begin->options, begin->parent);
    begin->options->forward_user = call;
    begin->options->room = &room;
    start(connection, begin);
    return RN_OK;
}

enum rn_error rn_serve_call_request(struct rn_serve_connection *connection,
                                    const struct rn_message *head, const uint8_t *body, size_t size)
{
    if (is_known(connection, head->call)) {
        return RN_E_MESSAGE_STATE;
    }
    struct rn_serve_begin *begin = rn_alloc(sizeof(*begin));
    if (!begin) {
        return RN_E_NO_MEMORY;
    }
    rn_buf_init(&begin->said, RN_CLIENT_RECORD_MAX);
    enum rn_error error = read_call(connection, begin, &head->as.CLIENT_CALL, body, size);
    if (error != RN_OK) {
        begin_done(begin);
        return error;
    }
    return begin_call(connection, head, begin);
}

/* While it runs */

struct rn_serve_call *rn_serve_call_find(const struct rn_serve_connection *connection, uint64_t id)
{
    struct rn_serve_call *call = connection->calls;
    while (call && call->id != id) {
        call = call->next;
    }
    return call;
}

enum rn_error rn_serve_credit(struct rn_serve_connection *connection, uint64_t id, uint32_t packets)
{
    struct rn_serve_call *call = rn_serve_call_find(connection, id);
    if (!call) {
        return RN_OK; // it has ended meanwhile
    }
    pthread_mutex_lock(&connection->lock);
    bool fits = packets > 0 && packets <= RN_SERVE_CREDIT_MAX - call->credit;
    call->credit += fits ? packets : 0;
    pthread_mutex_unlock(&connection->lock);
    return fits ? RN_OK : RN_E_NO_CREDIT;
}

/* With the calls that were made for it inside of host functions. */
static void cancel(struct rn_serve_call *call)
{
    call->cancelled = true;
    if (call->execution) {
        rune_execution_cancel(call->execution);
    }
    for (struct rn_serve_call *at = call->connection->calls; at; at = at->next) {
        if (at->parent == call->id && !at->cancelled) {
            cancel(at);
        }
    }
}

void rn_serve_cancel(struct rn_serve_connection *connection, uint64_t id)
{
    struct rn_serve_call *call = rn_serve_call_find(connection, id);
    if (call) {
        cancel(call);
    }
}

void rn_serve_cancel_all(struct rn_serve_connection *connection)
{
    for (struct rn_serve_call *call = connection->calls; call; call = call->next) {
        cancel(call);
    }
}
