/* remote_call.c: Vms and calls in a daemon. Trust: see remote.h. */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "supervisor/clock.h"
#include "supervisor/error.h"
#include "supervisor/execution.h"
#include "supervisor/globals.h"
#include "supervisor/host_call.h"
#include "supervisor/record.h"
#include "supervisor/remote.h"
#include "supervisor/remote_host.h"
#include "supervisor/remote_state.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/wire.h"

/* Packets of output that may be on their way. */
#define CREDIT 16u
#define REFUSED_NS 5000000
#define WAIT_FIRST_NS 1000000u
#define WAIT_LAST_NS 50000000u

/* Vms */

/* What the daemon knows a Vm's parts by; 0: none. */
struct numbers {
    uint32_t unit;
    uint32_t context;
};

/* Brings them there if they must be. */
static rune_status bring(struct rn_remote *remote, const struct rn_remote_script *script,
                         struct numbers *out_numbers, rune_error **error)
{
    *out_numbers = (struct numbers){.unit = 0};
    rune_status status =
        script->unit ? rn_remote_unit(remote, script->unit, &out_numbers->unit, error) : RUNE_OK;
    if (status == RUNE_OK) {
        status = rn_remote_runtime(remote, script->runtime, &out_numbers->context, error);
    }
    if (status != RUNE_OK) {
        rn_remote_leave(remote, out_numbers->unit, out_numbers->context);
    }
    return status;
}

static rune_status open_vm(rune_vm *vm, struct numbers numbers, const char *script,
                           const char *domain, rune_error **error)
{
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_NEED_BODY_MAX);
    rn_buf_append_text(&body, domain);
    size_t domain_size = body.size;
    struct rn_wire_grant grant = {.limits = vm->limits};
    rn_wire_put_grant(&body, &grant);
    size_t tags_size = body.size - domain_size;
    rn_buf_append_text(&body, script ? script : "");
    enum rn_error failed = rn_buf_status(&body);
    if (failed != RN_OK) {
        return rn_fail_plain(error, failed);
    }
    struct rn_remote_answer answer = {.body = NULL};
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_OPEN,
                                 .body = body.data,
                                 .body_size = body.size,
                                 .as.CLIENT_OPEN = {.unit = numbers.unit,
                                                    .context = numbers.context,
                                                    .isolation = vm->isolation,
                                                    .domain_size = (uint32_t)domain_size,
                                                    .tags_size = (uint32_t)tags_size}};
    rune_status status = rn_remote_ask(vm->supervisor->remote, &message, &answer, error);
    vm->handle = status == RUNE_OK ? (uint32_t)answer.fields.value : 0;
    rn_free(answer.body);
    return status;
}

/* One that the daemon does not know of yet. */
static rune_vm *make_vm(rune_supervisor *supervisor, const struct rn_remote_script *script,
                        const rune_vm_options *options)
{
    const char *domain = options ? options->domain : "";
    rune_vm *vm = rn_alloc(sizeof(*vm));
    if (!vm) {
        return NULL;
    }
    atomic_init(&vm->refs, 1);
    rn_supervisor_ref(supervisor);
    vm->supervisor = supervisor;
    vm->unit = rune_unit_ref(script->unit);
    vm->runtime = rune_runtime_ref(script->runtime);
    vm->user = options ? options->user : NULL;
    vm->isolation =
        options && options->has_isolation ? options->isolation : supervisor->options.isolation;
    vm->limits = supervisor->options.limits;
    rn_limits_lower(&vm->limits, options ? &options->limits : NULL);
    vm->domain_name = rn_strndup(domain, strlen(domain));
    vm->script = script->name ? rn_strndup(script->name, strlen(script->name)) : NULL;
    if (!vm->domain_name || (script->name && !vm->script)) {
        rn_remote_vm_free(vm);
        return NULL;
    }
    return vm;
}

rune_status rn_remote_vm_new(rune_supervisor *supervisor, struct rn_remote_script script,
                             const rune_vm_options *options, rune_vm **out_vm, rune_error **error)
{
    struct numbers numbers;
    rune_status status =
        options && options->has_isolation ? rn_isolation_check(options->isolation, error) : RUNE_OK;
    if (status == RUNE_OK) {
        status = rn_wire_check_text("a domain's name", options ? options->domain : "",
                                    RN_WIRE_DOMAIN_MAX, error);
    }
    if (status == RUNE_OK && script.name) {
        status = rn_wire_check_text("a script's name", script.name, RN_NEED_BODY_MAX, error);
    }
    if (status == RUNE_OK) {
        status = bring(supervisor->remote, &script, &numbers, error);
    }
    if (status != RUNE_OK) {
        return status;
    }
    rune_vm *vm = make_vm(supervisor, &script, options);
    status = vm ? open_vm(vm, numbers, script.name, vm->domain_name, error)
                : rn_fail_plain(error, RN_E_NO_MEMORY);
    rn_remote_leave(supervisor->remote, numbers.unit, numbers.context);
    if (status == RUNE_OK) {
        *out_vm = vm;
    } else if (vm) {
        rn_remote_vm_free(vm);
    }
    return status;
}

rune_status rune_connect_vm(rune_supervisor *supervisor, const char *name,
                            const rune_vm_options *options, rune_vm **out_vm, rune_error **error)
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
    return rn_remote_vm_new(supervisor, (struct rn_remote_script){.name = name}, options, out_vm,
                            error);
}

static rune_status tell_vm(rune_vm *vm, struct rn_message *message)
{
    struct rn_remote_answer answer = {.body = NULL};
    rune_status status = rn_remote_ask(vm->supervisor->remote, message, &answer, NULL);
    rn_free(answer.body);
    return status;
}

/* Its Globals have gone, and its functions, or are about to be another Unit's. */
static void forget(rune_vm *vm)
{
    rune_globals_free(RN_TAKE(vm->pending));
    rn_vm_forget_functions(vm);
    vm->used = false;
}

rune_status rn_remote_vm_reset(rune_vm *vm)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_RESET,
                                 .as.CLIENT_RESET = {.vm = vm->handle}};
    rune_status status = tell_vm(vm, &message);
    if (status == RUNE_OK) {
        forget(vm);
    }
    return status;
}

rune_status rn_remote_vm_version(rune_vm *vm, const char *id_text, rune_unit **out_unit,
                                 rune_error **error)
{
    rune_status status = RUNE_OK;
    if (!vm->version || strcmp(vm->version->id_text, id_text) != 0) {
        rune_unit_unref(RN_TAKE(vm->version));
        status = rune_connect_unit(vm->supervisor, vm->script, &vm->version, error);
    }
    if (status == RUNE_OK) {
        *out_unit = strcmp(vm->version->id_text, id_text) == 0 ? vm->version : NULL;
    }
    return status;
}

rune_status rn_remote_vm_set(rune_vm *vm, rune_unit *unit, rune_runtime *runtime)
{
    struct rn_remote_script script = {.unit = unit, .runtime = runtime};
    struct numbers numbers;
    if (!unit) {
        return RUNE_E_UNSUPPORTED; // a script of the daemon's folder has what is offered there
    }
    rune_status status = bring(vm->supervisor->remote, &script, &numbers, NULL);
    if (status == RUNE_OK) {
        struct rn_message message = {.type = RN_MESSAGE_CLIENT_SET_UNIT,
                                     .as.CLIENT_SET_UNIT = {.vm = vm->handle,
                                                            .unit = numbers.unit,
                                                            .context = numbers.context}};
        status = tell_vm(vm, &message);
        rn_remote_leave(vm->supervisor->remote, numbers.unit, numbers.context);
    }
    if (status == RUNE_OK) {
        rune_unit *old_unit = vm->unit;
        rune_runtime *old_runtime = vm->runtime;
        forget(vm);
        vm->unit = rune_unit_ref(unit);
        vm->runtime = rune_runtime_ref(runtime);
        rune_unit_unref(old_unit);
        rune_runtime_unref(old_runtime);
    }
    return status;
}

void rn_remote_vm_free(rune_vm *vm)
{
    rune_supervisor *supervisor = vm->supervisor;
    if (vm->handle != 0) {
        struct rn_message message = {.type = RN_MESSAGE_CLIENT_CLOSE,
                                     .as.CLIENT_CLOSE = {.vm = vm->handle}};
        rn_remote_tell(supervisor->remote, &message);
    }
    forget(vm);
    rn_free(vm->domain_name);
    rn_free(vm->script);
    rune_unit_unref(vm->version);
    rune_unit_unref(vm->unit);
    rune_runtime_unref(vm->runtime);
    rn_free(vm);
    rune_supervisor_free(supervisor);
}

void rn_remote_function_drop(rune_vm *vm, struct rn_kept_name name)
{
    if (name.number == 0 || rn_supervisor_is_forked(vm->supervisor)) {
        return;
    }
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_FUNCTION_DROP,
                                 .as.CLIENT_FUNCTION_DROP = {.vm = vm->handle,
                                                             .function = name.number,
                                                             .epoch = name.epoch}};
    rn_remote_tell(vm->supervisor->remote, &message);
}

/* Records of calls that the daemon could not tell the end of */

static rune_record *record_of_failure(const rune_vm *vm, const char *item, rune_error *error)
{
    rune_record *record = rn_record_new(item);
    if (!record || !error) {
        rn_free(record);
        rune_error_free(error);
        return NULL;
    }
    record->reason = error->reason;
    record->error = error;
    record->limits = vm->limits;
    if (vm->unit) {
        memcpy(record->unit_id, vm->unit->id_text, sizeof(record->unit_id));
    }
    return record;
}

/* A function has a name if, and only if, one was asked for, and the call ended well. */
static enum rn_error check_kept(const struct rn_remote_request *request, bool asked,
                                const rune_record *record)
{
    bool named = request->kept.number != 0;
    bool wanted = asked && record->reason == RUNE_REASON_OK;
    return named == wanted && request->kept.number <= RN_VM_FUNCTIONS_MAX ? RN_OK
                                                                          : RN_E_MESSAGE_INVALID;
}

static enum rn_error get_record(const struct rn_remote_request *request, const char *item,
                                bool keeps, rune_record **out_record)
{
    rune_record *record = NULL;
    RN_TRY(rn_wire_get_record(request->answer.body, request->answer.size, item, &record));
    enum rn_error error = check_kept(request, keeps, record);
    if (error != RN_OK) {
        rune_record_free(record);
        return error;
    }
    *out_record = record;
    return RN_OK;
}

/* `keeps`: the result was to stay in the Vm. */
static rune_status read_end(struct rn_remote *remote, const rune_vm *vm, const char *item,
                            struct rn_remote_request *request, bool keeps, rune_record **out_record)
{
    rune_error *why = NULL;
    if (request->lost) {
        (void)rn_remote_fail(remote, &why);
    } else {
        enum rn_error error = get_record(request, item, keeps, out_record);
        if (error == RN_OK) {
            return RUNE_OK;
        }
        (void)rn_fail_plain(&why, error);
    }
    *out_record = record_of_failure(vm, item, why);
    return *out_record ? RUNE_OK : RUNE_E_NO_MEMORY;
}

/* Calls */

/* What is pending, as an Object; the caller's, or NULL: nothing is. */
static enum rn_error take_down(const rune_vm *vm, rune_const_value **out_object)
{
    bool any = vm->pending && vm->pending->set_count > 0;
    return any ? (enum rn_error)rune_globals_to_value(vm->pending, out_object, NULL) : RN_OK;
}

static enum rn_error encode_with(const struct rn_request *request, const rune_const_value *statics,
                                 struct rn_buf *body, struct rn_message *message)
{
    struct rn_wire_grant grant = {.seed = 0};
    struct rn_fields_CLIENT_CALL *fields = &message->as.CLIENT_CALL;
    const rune_call_options *options = request->options;
    rn_buf_append_text(body, request->target.name);
    fields->item_size = (uint32_t)body->size;
    rn_limits_init(&grant.limits);
    if (options) {
        grant = (struct rn_wire_grant){.limits = options->limits,
                                       .seed = options->seed,
                                       .clock = options->clock,
                                       .once = !options->replay};
    }
    if (options && options->parent) {
        fields->parent = options->parent->hosts->id;
        fields->served = options->parent->number;
    }
    grant.target = request->target.kind;
    grant.keep = request->keep != 0;
    grant.function = request->target.kept;
    grant.statics_size = statics ? statics->size : 0;
    rn_wire_put_grant(body, &grant);
    fields->tags_size = (uint32_t)(body->size - fields->item_size);
    fields->credit = CREDIT;
    if (statics) {
        rn_buf_append(body, statics->bytes, statics->size);
    }
    rn_value_append_args(body, request->args.values, request->args.count);
    RN_TRY(rn_buf_status(body));
    message->type = RN_MESSAGE_CLIENT_CALL;
    message->body = body->data;
    message->body_size = body->size;
    return RN_OK;
}

static enum rn_error encode(const rune_vm *vm, const struct rn_request *request,
                            struct rn_buf *body, struct rn_message *message)
{
    rune_const_value *statics = NULL;
    RN_TRY(take_down(vm, &statics));
    enum rn_error error = encode_with(request, statics, body, message);
    rune_value_unref(statics);
    return error;
}

/* The call is over: what the daemon has taken is no longer pending. */
static void settle_statics(rune_vm *vm, const struct rn_remote_request *request)
{
    if (request->taken) {
        rune_globals_free(RN_TAKE(vm->pending));
    }
}

/* Before anything is sent. */
static rune_status check(const rune_vm *vm, const struct rn_request *request, rune_error **error)
{
    const rune_call_options *options = request->options;
    const struct rn_remote_hosts *served =
        options && options->parent ? options->parent->hosts : NULL;
    if (options && options->parent && (!served || served->remote != vm->supervisor->remote)) {
        return rn_fail(error, RUNE_E_UNSUPPORTED,
                       "a call in a daemon can be made for a host call of that daemon only");
    }
    if (options && options->token && rune_cancel_token_is_cancelled(options->token)) {
        return rn_fail(error, RUNE_E_CANCELLED, "the call was cancelled before it began");
    }
    return rn_wire_check_text("an item's name", request->target.name, RN_NEED_BODY_MAX, error);
}

/* The message of a call, if it may be made. */
static rune_status prepare(const rune_vm *vm, const struct rn_request *request, struct rn_buf *body,
                           struct rn_message *message, rune_error **error)
{
    rune_status status = check(vm, request, error);
    if (status != RUNE_OK) {
        return status;
    }
    enum rn_error failed = encode(vm, request, body, message);
    return failed == RN_OK ? RUNE_OK : rn_args_fail(request->args, failed, error);
}

static void give_credit(struct rn_remote *remote, uint64_t id)
{
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_CREDIT, .call = id, .as.CLIENT_CREDIT = {.packets = 1}};
    rn_remote_tell(remote, &message);
}

/* What stops a call when its token is cancelled. */
struct canceller {
    struct rn_cancel_watch watch; /* first */
    struct rn_remote *remote;
    uint64_t id;
};

static void on_token(struct rn_cancel_watch *watch)
{
    struct canceller *canceller = (struct canceller *)watch;
    rn_remote_cancel(canceller->remote, canceller->id);
}

static bool deliver(rune_output_fn fn, void *user, const struct rn_remote_event *event)
{
    return event->type != RN_MESSAGE_DAEMON_OUTPUT || !fn ||
           fn(user, event->stream == RUNE_STREAM_STDERR ? RUNE_STREAM_STDERR : RUNE_STREAM_STDOUT,
              (const char *)event->data, event->size);
}

/* One that comes of a call which has ended meanwhile is not run: nobody waits. True: it was a host call. */
static bool run_host_call(struct rn_remote *remote, struct rn_remote_request *request,
                          struct rn_remote_event *event)
{
    bool is_one = event->type == RN_MESSAGE_DAEMON_HOST_CALL;
    if (is_one && !rn_remote_is_done(remote, request)) {
        rn_remote_hosts_run(request->hosts, event);
    }
    return is_one;
}

/* Whoever stopped the call, or lost his daemon, waits for no sink. */
static bool is_hurried(struct rn_remote *remote, const rune_call_options *options)
{
    return rn_remote_is_lost(remote) ||
           (options && options->token && rune_cancel_token_is_cancelled(options->token));
}

/* Output that the sink refuses is offered again. */
static void act_on_events(struct rn_remote *remote, struct rn_remote_request *request,
                          const rune_call_options *options)
{
    struct rn_remote_event *event;
    while ((event = rn_remote_wait(remote, request)) != NULL) {
        if (run_host_call(remote, request, event)) {
            rn_remote_event_free(event);
            continue;
        }
        while (!deliver(options ? options->output : NULL, options ? options->output_user : NULL,
                        event) &&
               !is_hurried(remote, options)) {
            (void)nanosleep(&(struct timespec){.tv_nsec = REFUSED_NS}, NULL);
        }
        give_credit(remote, request->id);
        rn_remote_event_free(event);
    }
}

/* Of one whose Vm has host functions; false: no memory. */
static bool add_hosts(struct rn_remote_request *request, const rune_vm *vm)
{
    if (vm->runtime) {
        request->hosts = rn_remote_hosts_new(vm->supervisor->remote, vm->runtime, vm->user);
    }
    return !vm->runtime || request->hosts;
}

static rune_status call_once(rune_vm *vm, const struct rn_request *given, rune_record **out_record)
{
    const rune_call_options *options = given->options;
    const char *item = given->target.name;
    struct rn_remote *remote = vm->supervisor->remote;
    struct rn_remote_request request;
    struct rn_message message = {.as.CLIENT_CALL = {.vm = vm->handle}};
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_CALL_BODY_MAX);
    rune_error *why = NULL;
    rune_status status = prepare(vm, given, &body, &message, &why);
    rn_remote_request_init(&request);
    if (status == RUNE_OK && !add_hosts(&request, vm)) {
        status = rn_fail_plain(&why, RN_E_NO_MEMORY);
    }
    if (status != RUNE_OK) {
        rn_remote_request_done(&request);
        *out_record = record_of_failure(vm, item, why);
        return *out_record ? RUNE_OK : RUNE_E_NO_MEMORY;
    }
    vm->used = true;
    atomic_fetch_add(&remote->calling, 1);
    if (rn_remote_begin(remote, &request, &message) != RN_OK) {
        request.lost = true;
    } else {
        struct canceller canceller = {.remote = remote, .id = request.id};
        if (options && options->token) {
            rn_cancel_watch(&canceller.watch, options->token, on_token);
        }
        act_on_events(remote, &request, options);
        rn_cancel_unwatch(&canceller.watch);
    }
    atomic_fetch_sub(&remote->calling, 1);
    rn_remote_hosts_end(request.hosts);
    settle_statics(vm, &request);
    status = read_end(remote, vm, item, &request, given->keep != 0, out_record);
    if (given->keep != 0) {
        *given->out_kept = request.kept;
    }
    rn_remote_request_done(&request);
    return status;
}

rune_status rn_remote_call(rune_vm *vm, const struct rn_request *request, rune_record **out_record,
                           rune_error **error)
{
    const rune_call_options *options = request->options;
    uint64_t until_ns = rn_after_ns(
        rn_now_ns(), options && options->limits.values[RUNE_LIMIT_WALL] != RUNE_UNLIMITED
                         ? options->limits.values[RUNE_LIMIT_WALL]
                         : rune_limits_default(RUNE_LIMIT_WALL));
    uint64_t pause_ns = WAIT_FIRST_NS;
    rune_status may = rn_remote_may_wait(vm->supervisor->remote, error);
    if (may != RUNE_OK) {
        return may;
    }
    for (;;) {
        rune_status status = call_once(vm, request, out_record);
        if (status != RUNE_OK) {
            return rn_fail_plain(error, (enum rn_error)status);
        }
        // A call that was not begun for want of room may be tried again without harm.
        bool full = (*out_record)->reason == RUNE_REASON_OVERLOADED &&
                    (*out_record)->usage.wall_us == 0 && options && options->wait;
        if (!full || rn_now_ns() >= until_ns) {
            return RUNE_OK;
        }
        rune_record_free(RN_TAKE(*out_record));
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)pause_ns}, NULL);
        pause_ns = pause_ns < WAIT_LAST_NS ? pause_ns * 2 : pause_ns;
    }
}

/* Executions */

struct rn_remote_call {
    struct rn_remote_request request; /* first */
    struct canceller canceller;
    rune_execution *execution; /* counted */
    rune_vm *vm;               /* busy until the end */
    rune_output_fn output;
    void *output_user;
};

static bool on_events(struct rn_remote_request *request)
{
    struct rn_remote_call *call = (struct rn_remote_call *)request;
    struct rn_remote *remote = call->vm->supervisor->remote;
    struct rn_remote_event *event;
    while ((event = rn_remote_take_event(remote, request)) != NULL) {
        if (run_host_call(remote, request, event)) {
            rn_remote_event_free(event);
            continue;
        }
        if (!deliver(call->output, call->output_user, event)) {
            rn_remote_put_back(remote, request, event);
            return false;
        }
        give_credit(remote, request->id);
        rn_remote_event_free(event);
    }
    return true;
}

/* What output is left, of a call that was cancelled or lost, goes out unless it is refused. */
static void on_done(struct rn_remote_request *request)
{
    struct rn_remote_call *call = (struct rn_remote_call *)request;
    rune_execution *execution = call->execution;
    struct rn_remote *remote = call->vm->supervisor->remote;
    rune_record *record = NULL;
    struct rn_remote_event *event;
    while ((event = rn_remote_take_event(remote, request)) != NULL) {
        (void)deliver(call->output, call->output_user, event);
        rn_remote_event_free(event);
    }
    rn_cancel_unwatch(&call->canceller.watch);
    rn_remote_hosts_end(request->hosts);
    settle_statics(call->vm, request);
    rune_status status = read_end(remote, call->vm, execution->item, request, false, &record);
    rn_remote_request_done(request);
    rn_free(call);
    // The callback may give up the last handle, and the lock of executions is the supervisor's.
    rune_supervisor *supervisor = execution->supervisor;
    rn_supervisor_ref(supervisor);
    rn_execution_end(execution, status, record);
    rn_execution_wake(execution);
    rn_execution_unref(execution);
    rune_supervisor_free(supervisor);
}

static struct rn_remote_call *new_call(rune_vm *vm, rune_execution *execution,
                                       const rune_call_options *options)
{
    struct rn_remote_call *call = rn_alloc(sizeof(*call));
    if (!call) {
        return NULL;
    }
    rn_remote_request_init(&call->request);
    if (!add_hosts(&call->request, vm)) {
        rn_remote_request_done(&call->request);
        rn_free(call);
        return NULL;
    }
    call->request.on_events = on_events;
    call->request.on_done = on_done;
    call->execution = execution;
    call->vm = vm;
    call->output = options ? options->output : NULL;
    call->output_user = options ? options->output_user : NULL;
    call->canceller.remote = vm->supervisor->remote;
    return call;
}

/*
 * The execution that the host holds has one reference, the call another. Once the call is entered its
 * end may come, and its memory go, at any moment.
 */
static rune_status send_call(struct rn_remote_call *call, struct rn_message *message,
                             rune_cancel_token *token, rune_error **error)
{
    struct rn_remote *remote = call->vm->supervisor->remote;
    rune_execution *execution = call->execution;
    message->call = rn_remote_next_id(remote);
    atomic_fetch_add(&execution->refs, 1);
    execution->remote_id = message->call;
    call->canceller.id = message->call;
    call->vm->used = true;
    if (token) {
        rn_cancel_watch(&call->canceller.watch, token, on_token);
    }
    if (rn_remote_enter(remote, &call->request, message->call) != RN_OK) {
        rn_cancel_unwatch(&call->canceller.watch);
        rn_remote_hosts_end(call->request.hosts);
        atomic_fetch_sub(&execution->refs, 1);
        rn_remote_request_done(&call->request);
        rn_free(call);
        return rn_remote_fail(remote, error);
    }
    rn_remote_tell(remote, message);
    if (token && rune_cancel_token_is_cancelled(token)) {
        rn_remote_cancel(remote, message->call); // it may have been too early before
    }
    return RUNE_OK;
}

rune_status rn_remote_execute(rune_vm *vm, const struct rn_request *request,
                              rune_execution **out_execution, rune_error **error)
{
    const rune_call_options *options = request->options;
    RN_AUTO(rn_buf) struct rn_buf body;
    struct rn_message message = {.as.CLIENT_CALL = {.vm = vm->handle}};
    rn_buf_init(&body, RN_CALL_BODY_MAX);
    rune_status status = prepare(vm, request, &body, &message, error);
    if (status != RUNE_OK) {
        return status;
    }
    rune_execution *execution = rn_execution_new(vm, request->target.name);
    struct rn_remote_call *call = execution ? new_call(vm, execution, options) : NULL;
    status = call ? send_call(call, &message, options ? options->token : NULL, error)
                  : rn_fail_plain(error, RN_E_NO_MEMORY);
    if (status != RUNE_OK) {
        if (execution) {
            rune_supervisor *supervisor = execution->supervisor;
            rn_execution_unref(execution);
            rune_supervisor_free(supervisor);
        }
        return status;
    }
    *out_execution = execution;
    return RUNE_OK;
}
