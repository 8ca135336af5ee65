/*
 * call_end.c: what came of a call: its one reason (C1), value or error, usage, and where the Vm's Globals
 * are from then on.
 *
 * Trust: reads results and errors of workers, after the state machine has let them pass.
 */
#include "supervisor/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "policy/syscall_names.h"
#include "shm/fault.h"
#include "supervisor/arg_faults.h"
#include "supervisor/error.h"
#include "supervisor/host_call.h"
#include "supervisor/journal_folder.h"
#include "supervisor/pool.h"
#include "supervisor/probes.h"
#include "supervisor/record.h"
#include "supervisor/supervisor.h"
#include "supervisor/trace.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"

enum {
    ENDING_MESSAGE_MAX = 112,
    TRAP_MESSAGE_MAX = RN_ARG_FAULT_MAX,
    /* A result of an execution up to this is read where it ends, on the one thread of all executions. */
    RESULT_INLINE_MAX = 16 << 10,
};

struct ending {
    rune_reason reason;
    int signal;
    bool retry_safe;
    const char *kind;
    const char *rest; /* of the message; NULL: nothing */
    char message[ENDING_MESSAGE_MAX];
};

/* "the limit of 64 MiB ..": which limit, how much it was. False if the reason is no limit. */
static bool explain_limit(const struct rn_call *call, rune_reason reason,
                          char text[ENDING_MESSAGE_MAX])
{
    static const struct {
        rune_reason reason;
        rune_limit limit;
        uint64_t unit;
        const char *what;
    } rows[] = {
        {RUNE_REASON_BUDGET, RUNE_LIMIT_BUDGET, 1, "instructions"},
        {RUNE_REASON_MEMORY, RUNE_LIMIT_MEMORY, 1, "bytes of memory"},
        {RUNE_REASON_OUTPUT, RUNE_LIMIT_OUTPUT, 1, "bytes of output"},
        {RUNE_REASON_DEPTH, RUNE_LIMIT_DEPTH, 1, "nested calls"},
        {RUNE_REASON_HOST_CALLS, RUNE_LIMIT_HOST_CALLS, 1, "calls of host functions"},
        {RUNE_REASON_WALL, RUNE_LIMIT_WALL, 1000000, "ms of wall-clock time"},
        {RUNE_REASON_CPU, RUNE_LIMIT_CPU, 1000000, "ms of processor time"},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (rows[i].reason == reason) {
            (void)snprintf(text, ENDING_MESSAGE_MAX, "the limit of %llu %s was reached",
                           (unsigned long long)(call->limits.values[rows[i].limit] / rows[i].unit),
                           rows[i].what);
            return true;
        }
    }
    return false;
}

static struct ending ending_of_stop(const struct rn_call *call, enum rn_reason reason)
{
    struct ending ending = {.reason = (rune_reason)reason,
                            .kind = rune_reason_name((rune_reason)reason),
                            .message = "the call was cancelled"};
    (void)explain_limit(call, ending.reason, ending.message);
    return ending;
}

/* A dead worker: what it died of decides, unless this call was to blame or being stopped. */
static struct ending ending_of_death(const struct rn_call *call)
{
    const struct rn_death *death = &call->end.dead->death;
    bool own = death->culprit == call->id;
    if (call->stop != RN_REASON_OK) {
        return ending_of_stop(call, call->stop);
    }
    if (death->lie != RN_OK && (own || death->culprit == 0)) {
        return (struct ending){.reason = RUNE_REASON_VIOLATION,
                               .kind = "protocol",
                               .message = "the worker sent a message that is not permitted"};
    }
    const char *rest =
        call->replay.given_up ? "; the call had taken in too much to be run again" : NULL;
    struct ending lost = {.reason = RUNE_REASON_WORKER_LOST,
                          .retry_safe = !call->had_effect,
                          .kind = "worker_lost",
                          .rest = rest,
                          .message = "the worker was ended because of another call"};
    if (death->culprit != 0 && !own) {
        return lost;
    }
    if (death->known && death->exit.deadline) {
        return ending_of_stop(call, RN_REASON_WALL);
    }
    if (death->known && death->exit.signalled && death->exit.code == 31) { // SIGSYS
        return (struct ending){.reason = RUNE_REASON_VIOLATION,
                               .kind = "seccomp",
                               .message = "the worker tried a forbidden system call"};
    }
    if (death->known && death->exit.signalled) {
        struct ending crashed = {.reason = RUNE_REASON_CRASHED,
                                 .signal = death->exit.code,
                                 .retry_safe = !call->had_effect,
                                 .kind = "signal",
                                 .rest = rest,
                                 .message = "the worker died of"};
        if (death->out_of_memory) {
            (void)snprintf(crashed.message, sizeof(crashed.message),
                           "out of memory: the kernel ended the worker by");
        }
        return crashed;
    }
    return (struct ending){.reason = RUNE_REASON_WORKER_LOST,
                           .retry_safe = lost.retry_safe,
                           .kind = lost.kind,
                           .rest = rest,
                           .message = "the worker ended"};
}

static rune_status fail_ending(rune_error **out_error, const struct ending *ending)
{
    rune_status status = rn_status_of_reason(ending->reason);
    const char *rest = ending->rest ? ending->rest : "";
    if (ending->signal != 0) {
        const char *name = sigabbrev_np(ending->signal);
        (void)rn_fail_reason(out_error, status, ending->reason, ending->kind, "%s SIG%s%s",
                             ending->message, name ? name : "?", rest);
    } else {
        (void)rn_fail_reason(out_error, status, ending->reason, ending->kind, "%s%s",
                             ending->message, rest);
    }
    if (*out_error) {
        (*out_error)->signal = ending->signal;
        (*out_error)->retry_safe = ending->retry_safe;
    }
    return status;
}

/* The import that an error about a missing function is about; NULL: none that is known. */
static const struct rn_unit_import *find_missing(const struct rn_call *call,
                                                 const struct rn_fault *fault)
{
    static const char kind[] = "MissingFunction";
    const struct rune_verified_unit *unit = &call->unit->unit;
    char message[ENDING_MESSAGE_MAX] = "";
    memcpy(message, fault->message.data, rn_min_size(fault->message.size, sizeof(message) - 1));
    const char *digits = strstr(message, "`0x");
    bool is_missing = fault->kind.size == sizeof(kind) - 1 &&
                      memcmp(fault->kind.data, kind, sizeof(kind) - 1) == 0 && digits;
    uint64_t hash = is_missing ? strtoull(digits + 1, NULL, 16) : 0;
    for (uint32_t i = 0; is_missing && i < unit->counts[RN_SECTION_IMPORTS]; i++) {
        if (unit->imports[i].hash == hash) {
            return &unit->imports[i];
        }
    }
    return NULL;
}

/* The compiler knew the function, so it was the context's: a Vm has those of its runtime only. */
static bool explain_missing(const struct rn_call *call, const struct rn_fault *fault,
                            char text[TRAP_MESSAGE_MAX])
{
    const struct rn_unit_import *import = find_missing(call, fault);
    if (!import) {
        return false;
    }
    struct rn_utf8 name = rn_unit_string_at(&call->unit->unit, import->name);
    (void)snprintf(text, TRAP_MESSAGE_MAX, "Missing function `%.*s`: %s",
                   (int)rn_min_size(name.size, ENDING_MESSAGE_MAX), name.data,
                   call->runtime ? "the Vm's runtime does not have it, though the context of the "
                                   "build did"
                                 : "the Vm has no runtime, and so none of the host's functions");
    return true;
}

/* An argument that the worker did not take. */
static bool explain_argument(const struct rn_call *call, const struct rn_fault *fault,
                             char text[RN_ARG_FAULT_MAX])
{
    const char *kind = rn_error_name(RN_E_CBOR_INVALID);
    return call->result.fields.reason == RN_REASON_USAGE && fault->kind.size == strlen(kind) &&
           memcmp(fault->kind.data, kind, strlen(kind)) == 0 && rn_arg_faults_explain(call, text);
}

static void fail_result(struct rn_call *call, rune_record *record)
{
    struct rn_fault fault;
    rune_reason reason = (rune_reason)call->result.fields.reason;
    record->reason = reason;
    if (rn_fault_decode(call->result.body, call->result.size, &fault) != RN_OK) {
        fault = (struct rn_fault){.kind = RN_UTF8(""), .message = RN_UTF8("")};
    }
    char text[TRAP_MESSAGE_MAX];
    if ((fault.message.size == 0 && explain_limit(call, reason, text)) ||
        explain_missing(call, &fault, text) || explain_argument(call, &fault, text)) {
        fault.message = (struct rn_utf8){text, strlen(text)};
    }
    (void)rn_fail_fault(&record->error, rn_status_of_reason(reason), reason, &fault, call->unit);
}

/* Why it was stopped, the host knows; where it was by then, the worker may have told. */
static void fail_stopped(const struct rn_call *call, rune_record *record)
{
    struct rn_fault fault;
    struct ending ending = ending_of_stop(call, call->stop);
    record->reason = ending.reason;
    if (rn_fault_decode(call->result.body, call->result.size, &fault) != RN_OK ||
        fault.frame_count == 0) {
        (void)fail_ending(&record->error, &ending);
        return;
    }
    fault.kind = (struct rn_utf8){ending.kind, strlen(ending.kind)};
    fault.message = (struct rn_utf8){ending.message, strlen(ending.message)};
    (void)rn_fail_fault(&record->error, rn_status_of_reason(ending.reason), ending.reason, &fault,
                        call->unit);
}

/* What the worker was kept from, in its own words. */
static void set_trapped(const struct rn_call *call, rune_record *record)
{
    const struct rn_fields_TRAP *trap = &call->trap->fields;
    const char *arch = rn_syscall_arch_name(trap->arch);
    const char *name = rn_syscall_arch_is_ours(trap->arch) ? rn_syscall_name(trap->number) : NULL;
    struct rn_fault fault;
    char text[TRAP_MESSAGE_MAX];
    if (rn_fault_decode(call->trap->body, call->trap->size, &fault) != RN_OK) {
        fault = (struct rn_fault){.frame_count = 0};
    }
    (void)snprintf(
        text, sizeof(text),
        "the worker tried a forbidden system call: %s(%#llx, %#llx, %#llx, %#llx, %#llx, "
        "%#llx), number %u of %s",
        name ? name : "?", (unsigned long long)trap->a, (unsigned long long)trap->b,
        (unsigned long long)trap->c, (unsigned long long)trap->d, (unsigned long long)trap->e,
        (unsigned long long)trap->f, trap->number, arch ? arch : "an unknown architecture");
    fault.kind = RN_UTF8("seccomp");
    fault.message = (struct rn_utf8){text, strlen(text)};
    (void)rn_fail_fault(&record->error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, &fault,
                        call->unit);
}

/* The second run went another way than the first: neither can be believed. */
static void set_diverged(struct rn_call *call, rune_record *record)
{
    bool from_file = call->replay.from_file;
    struct ending ending = {.reason = RUNE_REASON_WORKER_LOST,
                            .kind = from_file ? "replay_ended" : "replay_diverged"};
    (void)snprintf(ending.message, sizeof(ending.message), "%s, %s",
                   from_file ? "the call was run no further"
                             : "the worker ended; when the call was run again",
                   rn_divergence_text(call->replay.divergence));
    record->reason = ending.reason;
    (void)fail_ending(&record->error, &ending);
}

/* A result that is none is the worker's lie, even if the worker has been given back meanwhile. */
static void take_value(struct rn_call *call, rune_record *record)
{
    uint8_t *body = RN_TAKE(call->result.body);
    enum rn_error error = body == call->result.small
                              ? rn_record_set_small(record, body, call->result.size)
                              : rn_value_take(body, call->result.size, &record->value);
    if (error != RN_OK) {
        struct ending lie = {.reason = RUNE_REASON_VIOLATION,
                             .kind = "protocol",
                             .message = "the worker sent a result that does not decode"};
        rn_peer_kill(call->peer, call->id);
        record->reason = lie.reason;
        (void)fail_ending(&record->error, &lie);
    }
}

/* Its result is there, but the host has not taken what came before it: the sink refused until the deadline,
 * or until the call was stopped, or there was no memory for it. */
static bool is_cut_short(const struct rn_call *call)
{
    return call->failed || call->events;
}

static struct ending ending_of_cut(const struct rn_call *call)
{
    if (call->failed) {
        return (struct ending){.reason = RUNE_REASON_INTERNAL,
                               .kind = "NO_MEMORY",
                               .message = "no memory for a message of the worker"};
    }
    struct ending ending =
        ending_of_stop(call, call->stop != RN_REASON_OK ? call->stop : RN_REASON_WALL);
    ending.rest = " while the host refused the call's output";
    return ending;
}

static void set_unread(const struct rn_call *call, rune_record *record)
{
    struct ending ending = {.reason = RUNE_REASON_OVERLOADED, .kind = "unread"};
    (void)snprintf(ending.message, sizeof(ending.message), "%s", call->unread);
    record->reason = ending.reason;
    (void)fail_ending(&record->error, &ending);
}

/* The value, or why there is none; C1. */
static void set_outcome(struct rn_call *call, rune_record *record)
{
    bool done = call->state.state == RN_STATE_DONE && call->result.body && !call->lied;
    // A call from a file is judged by what it did: it is all there is to be seen.
    if (call->replay.divergence != RN_SAME && !(call->replay.from_file && done)) {
        set_diverged(call, record);
        return;
    }
    if (call->unread && (call->failed || rn_call_is_done(call))) {
        set_unread(call, record);
        return;
    }
    if (done && call->result.fields.reason == RN_REASON_OK && is_cut_short(call)) {
        struct ending ending = ending_of_cut(call);
        record->reason = ending.reason;
        (void)fail_ending(&record->error, &ending);
        return;
    }
    if (done && call->result.fields.reason == RN_REASON_OK) {
        call->has_more = call->is_async && call->result.size > RESULT_INLINE_MAX;
        if (!call->has_more) {
            take_value(call, record);
        }
        return;
    }
    struct ending ending = {.reason = RUNE_REASON_INTERNAL,
                            .kind = "NO_MEMORY",
                            .message = "no memory for a message of the worker"};
    if (done &&
        !(call->result.fields.reason == RN_REASON_CANCELLED && call->stop != RN_REASON_OK)) {
        fail_result(call, record);
        return;
    }
    if (call->stop != RN_REASON_OK && done) {
        fail_stopped(call, record);
        return;
    }
    if (call->end.dead && !call->failed) {
        ending = ending_of_death(call);
    }
    record->reason = ending.reason;
    if (call->trap && strcmp(ending.kind, "seccomp") == 0) {
        set_trapped(call, record);
    } else {
        (void)fail_ending(&record->error, &ending);
    }
}

/* Bytes of output that the host was offered, or would have been, and did not take. */
static uint64_t count_refused(const struct rn_call *call)
{
    uint64_t size = 0;
    for (const struct rn_event *event = call->events; event; event = event->next) {
        size += event->type == RN_MESSAGE_OUTPUT ? event->size : 0;
    }
    return size;
}

static void set_usage(struct rn_call *call, rune_usage *usage)
{
    call->ended_ns = call->closed ? call->ended_ns : rn_now_ns();
    uint64_t wall_ns = call->ended_ns - call->begun_ns;
    struct rn_cpu_ending ending = {.ended_ns = call->ended_ns,
                                   .wall_ns = wall_ns,
                                   .alone = call->end.sharing == 1,
                                   .exact = call->wants_usage};
    uint64_t cpu_ns = call->end.dead && call->end.dead->death.known
                          ? rn_cpu_used(&call->cpu, call->end.dead->death.exit.cpu_ns)
                          : rn_cpu_end(&call->cpu, call->peer, &ending);
    *usage = (rune_usage){
        .budget = call->result.fields.budget,
        .cpu_us = cpu_ns / 1000,
        .wall_us = wall_ns / 1000,
        .host_us = call->host_ns / 1000,
        .memory_peak = call->result.fields.memory_peak,
        .output_bytes = call->output_bytes,
        .host_calls = call->host_call_count,
        .cpu_apportioned = call->end.sharing > 1,
    };
    if (usage->cpu_apportioned) {
        usage->cpu_us /= call->end.sharing;
    }
}

/* Where the Vm's Globals are from now on. */
static void settle_vm(struct rn_call *call)
{
    rune_vm *vm = call->vm;
    vm->lost = vm->lost || call->vm_lost;
    bool kept = call->result.fields.kept != 0;
    if (kept) {
        rune_globals_free(RN_TAKE(vm->pending)); // the worker has them now
    }
    if (kept && !vm->home) {
        vm->home = rn_peer_ref(call->peer);
        vm->handle = call->vm_handle;
    } else if (!kept && vm->home) {
        rn_peer_unref(vm->home);
        vm->home = NULL;
        vm->handle = 0;
    }
}

static void note_end(struct rn_call *call, struct rn_peer *peer)
{
    call->end = (struct rn_call_end){.dead = peer->dead ? peer : NULL, .sharing = peer->call_count};
}

/* Under the lock. From here on nobody stops it, nor answers what it asked (C3). If a second run did not
 * begin, how the first ended is known. True: it still runs. */
static bool close_call(struct rn_call *call, struct rn_peer *peer)
{
    bool done = call->state.state == RN_STATE_DONE;
    bool running = call->in_table && !done && !peer->dead;
    call->ending = true;
    call->open = false;
    rn_peer_forget_young(call);
    if (!done) {
        call->result.fields =
            (struct rn_fields_RESULT){0}; // one that had only begun to come is none
    }
    bool good = done && call->result.fields.reason == RN_REASON_OK && !call->events;
    if (call->in_table && done && (call->stop == RN_REASON_OK || good)) {
        rn_replay_end(call);
    }
    if (call->in_table && !running) {
        note_end(call, peer);
    }
    return running;
}

bool rn_call_close(struct rn_call *call, uint64_t now_ns)
{
    struct rn_peer *peer = call->peer;
    pthread_mutex_lock(&peer->lock);
    bool complete = rn_call_is_done(call) && !call->events;
    if (complete) {
        (void)close_call(call, peer);
    }
    // Of one with functions of the host that are out, their end comes before its own.
    if (complete && call->in_table && !call->has_async) {
        call->ended_ns = now_ns;
        call->closed = true;
        rn_peer_finish_locked(peer, call);
    }
    pthread_mutex_unlock(&peer->lock);
    return complete;
}

/* A call that cannot be finished in order takes its worker along. */
static void ensure_end(struct rn_call *call)
{
    struct rn_peer *peer = call->peer;
    if (call->ending) {
        return;
    }
    pthread_mutex_lock(&peer->lock);
    bool running = close_call(call, peer);
    pthread_mutex_unlock(&peer->lock);
    if (running) {
        rn_peer_kill(peer, call->id);
        rn_peer_wait_dead(peer, call);
        pthread_mutex_lock(&peer->lock);
        note_end(call, peer);
        pthread_mutex_unlock(&peer->lock);
    }
}

/* Nobody sets a timer any more. */
static void clear_timers(struct rn_call *call)
{
    if (call->is_timed) {
        rn_clock_clear(call->supervisor->clock, &call->timer);
    }
    if (call->slept) {
        rn_clock_clear(call->supervisor->clock, &call->sleep_timer);
    }
}

/* If a second run did not begin, it has been left already. */
static void leave_last_peer(struct rn_call *call)
{
    if (call->in_table || call->closed) {
        rn_call_count_kill(call);
        if (!call->closed) {
            rn_peer_finish(call->peer, call);
        }
        settle_vm(call);
        call->has_load = call->keeps_load && !call->end.dead;
        if (!call->has_load) {
            rn_pool_put(call->supervisor, call->peer, call->end.dead != NULL);
        }
    }
    if (call->moves) {
        rn_pool_end_move(call->supervisor);
        call->moves = false;
    }
}

/* A replay file is large and hashed: not on the thread of all executions. */
static void keep_journal(struct rn_call *call, rune_record *record)
{
    if (call->has_more) {
        return; // what is to be kept shows when the result has been read
    }
    call->journal_due = rn_journal_is_due(call, record);
    call->has_more = call->journal_due && call->is_async;
    if (call->journal_due && !call->has_more) {
        rn_journal_keep(call, record);
    }
}

void rn_call_finish(struct rn_call *call, rune_record *record)
{
    if (call->result.body && record->reason == RUNE_REASON_OK) {
        take_value(call, record);
        call->journal_due = rn_journal_is_due(call, record);
    }
    if (call->journal_due) {
        rn_journal_keep(call, record);
    }
    rn_replay_done(&call->replay);
    call->has_more = false;
}

rune_status rn_call_end(struct rn_call *call, rune_record **out_record)
{
    if (call->watches) {
        rn_cancel_unwatch(&call->watches->own);
        rn_cancel_unwatch(&call->watches->parent);
    }
    ensure_end(call);
    clear_timers(call);
    rn_host_calls_end(call, NULL);
    rn_trace_end(call);
    rune_record *record = rn_record_new(call->item_name);
    if (record) {
        set_outcome(call, record);
        set_usage(call, &record->usage);
        uint64_t refused = count_refused(call);
        record->usage.output_bytes -= refused;
        record->output_cut = refused > 0;
        record->limits = call->limits;
        record->profile = rn_call_is_done(call) && !call->failed ? RN_TAKE(call->profile) : NULL;
        record->worker = call->peer->child.pid;
        record->attempts = call->replay.from_file ? 1 : call->replay.runs;
        memcpy(record->unit_id, call->unit->id_text, sizeof(record->unit_id));
        rn_probe_call_end(call->id, (int)record->reason, record->usage.wall_us * 1000,
                          record->usage.budget);
        keep_journal(call, record);
    }
    leave_last_peer(call);
    rn_call_give_all_room_back(call);
    if (!call->has_more) {
        rn_replay_done(&call->replay);
    }
    if (!record) {
        return RUNE_E_NO_MEMORY;
    }
    *out_record = record;
    return RUNE_OK;
}
