/*
 * run_file.c: a call out of a file, run again: with which worker, on which answers, and whether it did
 * the same.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/globals.h"
#include "supervisor/record.h"
#include "supervisor/remote.h"
#include "supervisor/replay.h"
#include "supervisor/replay_file.h"
#include "supervisor/supervisor.h"
#include "supervisor/trace.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"

#define DIFFERENCE_MAX 256u

struct rune_replay_result {
    rune_replay_verdict verdict;
    char difference[DIFFERENCE_MAX];
    rune_record *record; /* owned */
};

/* What is needed for one run. */
struct run {
    const struct rune_replay *replay;
    const rune_replay_options *options;
    rune_vm *vm;
    rune_call_options *call_options;
    struct rn_trace trace;
    struct rn_run_input input;
    rune_const_value **args;
    size_t arg_count;
};

/* Making ready */

static rune_status take_args(struct run *run)
{
    const rune_const_value *args = run->replay->info.args;
    size_t count = rune_value_count(args);
    rune_value_iter at;
    run->args = rn_alloc_array(count + 1, sizeof(*run->args));
    if (!run->args) {
        return RUNE_E_NO_MEMORY;
    }
    rune_value_iter_init(&at, args);
    while (run->arg_count < count) {
        rune_status status = rune_value_iter_next(&at, &run->args[run->arg_count]);
        if (status != RUNE_OK) {
            return status;
        }
        run->arg_count++;
    }
    return RUNE_OK;
}

/* One pair of the statics; consumes the values. */
static rune_status set_static(struct run *run, rune_const_value *index, rune_const_value *value,
                              rune_error **error)
{
    const struct rune_verified_unit *unit = &run->vm->unit->unit;
    int64_t number;
    rune_status status = RUNE_E_REPLAY_INVALID;
    if (rune_value_get_i64(index, &number) && number >= 0 &&
        number < unit->counts[RN_SECTION_STATICS]) {
        struct rn_utf8 path = rn_unit_string_at(unit, unit->statics[number].name);
        RN_AUTO_FREE char *item = rn_strndup(path.data, path.size);
        status = item ? rune_vm_set_static(run->vm, item, value, error) : RUNE_E_NO_MEMORY;
    }
    rune_value_unref(index);
    rune_value_unref(value);
    return status;
}

static rune_status set_statics(struct run *run, rune_error **error)
{
    rune_value_iter at;
    rune_status status = RUNE_OK;
    rune_value_iter_init(&at, run->replay->statics);
    while (status == RUNE_OK && at.left > 0) {
        rune_const_value *index = NULL;
        rune_const_value *value = NULL;
        status = rune_value_iter_next(&at, &index);
        if (status == RUNE_OK) {
            status = rune_value_iter_next(&at, &value);
            status = status == RUNE_E_NOT_FOUND ? RUNE_E_REPLAY_INVALID : status;
        }
        if (status == RUNE_OK) {
            status = set_static(run, index, value, error);
        } else {
            rune_value_unref(index);
        }
    }
    return status;
}

static rune_status set_options(struct run *run)
{
    rune_call_options *options = rune_call_options_new();
    if (!options) {
        return RUNE_E_NO_MEMORY;
    }
    run->call_options = options;
    options->limits = run->replay->limits;
    options->seed = run->replay->info.seed;
    options->clock = run->replay->info.clock;
    options->wait = true;
    options->replay = false;
    options->output = run->options->output ? run->options->output : rn_replay_drop_output;
    options->output_user = run->options->output_user;
    options->input = &run->input;
    rune_call_options_set_cancel_token(options, run->options->token);
    return RUNE_OK;
}

static rune_status prepare(struct run *run, rune_supervisor *supervisor, rune_error **error)
{
    struct rune_vm_options vm_options = {
        .has_isolation = true, .isolation = RUNE_ISOLATION_CALL, .for_replay = true};
    rn_limits_init(&vm_options.limits);
    rune_status status = rune_vm_new(supervisor, run->replay->runtime, run->replay->info.unit,
                                     &vm_options, &run->vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = set_options(run);
    if (status == RUNE_OK) {
        status = take_args(run);
    }
    if (status == RUNE_OK) {
        status = (rune_status)rn_replay_file_journal(run->replay, &supervisor->journals_bytes,
                                                     &run->input.journal);
    }
    if (status != RUNE_OK) {
        return rn_fail_plain(error, (enum rn_error)status);
    }
    rune_error *why = NULL;
    status = set_statics(run, &why);
    if (status != RUNE_OK && !why) {
        return rn_fail_plain(error, (enum rn_error)status);
    }
    if (status != RUNE_OK) {
        *error = why;
    }
    return status;
}

static rune_status carry_out(struct run *run, rune_record **out_record, rune_error **error)
{
    const struct rune_replay *replay = run->replay;
    struct rn_request request = {
        .target = {.kind = replay->target, .item = replay->item_hash, .name = replay->item},
        .args = {(const rune_const_value *const *)run->args, run->arg_count},
        .options = run->call_options,
        .wants_usage = true};
    rune_status status = RUNE_OK;
    if (replay->target == RN_CALL_TARGET_ITEM) {
        status = rn_vm_find_item(run->vm, replay->item, &request.target, error);
    }
    if (status == RUNE_OK) {
        status = rn_vm_claim(run->vm, error);
    }
    if (status == RUNE_OK) {
        status = rn_vm_carry_out(run->vm, &request, out_record, error);
        rn_vm_release(run->vm);
    }
    return status;
}

static void run_done(struct run *run)
{
    rn_journal_free(run->input.journal);
    for (size_t i = 0; i < run->arg_count; i++) {
        rune_value_unref(run->args[i]);
    }
    rn_free(run->args);
    rune_call_options_free(run->call_options);
    rune_vm_free(run->vm);
}

/* Judging */

/* The reasons that a script comes to by itself, each time at the same place. */
static bool is_scripts_own(rune_reason reason)
{
    switch ((int)reason) {
    case RUNE_REASON_OK:
    case RUNE_REASON_SCRIPT_ERROR:
    case RUNE_REASON_USAGE:
    case RUNE_REASON_DEPTH:
    case RUNE_REASON_HOST_CALLS:
    case RUNE_REASON_BUDGET:
    case RUNE_REASON_MEMORY:
    case RUNE_REASON_OUTPUT:
        return true;
    default:
        return false;
    }
}

static void RN_PRINTF(2, 3) differ(rune_replay_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(result->difference, sizeof(result->difference), format, args);
    va_end(args);
    result->verdict = RUNE_REPLAY_DIVERGED;
}

/* Both ended by themselves. */
static void compare_ends(rune_replay_result *result, const rune_replay_info *before,
                         const struct rn_trace *trace)
{
    const rune_record *now = result->record;
    if (strcmp(rune_error_kind(now->error), before->kind) != 0 ||
        strcmp(rune_error_message(now->error), before->message) != 0) {
        differ(result, "the error is another one");
    } else if (!rune_value_equal(now->value, before->value)) {
        differ(result, "the result is another one");
    } else if (trace->more_output) {
        differ(result, "it printed more");
    } else if (now->usage.budget != before->budget) {
        differ(result, "it took %llu instructions, not %llu", (unsigned long long)now->usage.budget,
               (unsigned long long)before->budget);
    } else if (now->usage.memory_peak != before->memory_peak) {
        differ(result, "it held %llu bytes at most, not %llu",
               (unsigned long long)now->usage.memory_peak, (unsigned long long)before->memory_peak);
    }
}

static void say_end(rune_replay_result *result, rune_replay_verdict verdict,
                    const rune_replay_info *before)
{
    differ(result, "it ended as %s, not as %s", rune_reason_name(result->record->reason),
           rune_reason_name(before->reason));
    result->verdict = verdict;
}

static void judge(rune_replay_result *result, const struct rune_replay *replay,
                  const struct rn_trace *trace)
{
    const rune_replay_info *before = &replay->info;
    bool own = is_scripts_own(before->reason);
    bool beyond = trace->divergence == RN_WENT_ON || trace->divergence == RN_WAITS;
    if (beyond && !own) {
        result->verdict = RUNE_REPLAY_AS_FAR;
    } else if (trace->divergence != RN_SAME && (own || trace->divergence != RN_ENDED_EARLY)) {
        differ(result, "%s", rn_divergence_text(trace->divergence));
    } else if (result->record->reason != before->reason) {
        say_end(result, own ? RUNE_REPLAY_DIVERGED : RUNE_REPLAY_AS_FAR, before);
    } else if (own) {
        compare_ends(result, before, trace);
    }
}

rune_status rune_replay_run(rune_supervisor *supervisor, const rune_replay *replay,
                            const rune_replay_options *options, rune_replay_result **out_result,
                            rune_error **error)
{
    static const rune_replay_options no_options;
    if (!supervisor || !replay) {
        return rn_fail_null(error, supervisor ? "replay" : "supervisor");
    }
    struct run run = {.replay = replay, .options = options ? options : &no_options};
    if (supervisor->remote) {
        return rn_remote_unsupported(error, "replays are");
    }
    run.trace = (struct rn_trace){.event = run.options->event, .user = run.options->event_user};
    run.input = (struct rn_run_input){.trace = &run.trace, .clock_ns = replay->clock_ns};
    rune_replay_result *result = rn_alloc(sizeof(*result));
    if (!result) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_error *why = NULL;
    rune_status status = prepare(&run, supervisor, &why);
    if (status == RUNE_OK) {
        status = carry_out(&run, &result->record, &why);
    }
    run_done(&run);
    if (status == RUNE_OK) {
        judge(result, replay, &run.trace);
        *out_result = result;
        return RUNE_OK;
    }
    rune_replay_result_free(result);
    if (error) {
        *error = why;
    } else {
        rune_error_free(why);
    }
    return status;
}

rune_replay_verdict rune_replay_result_verdict(const rune_replay_result *result)
{
    return result->verdict;
}

const char *rune_replay_result_difference(const rune_replay_result *result)
{
    return result->difference;
}

const rune_record *rune_replay_result_record(const rune_replay_result *result)
{
    return result->record;
}

void rune_replay_result_free(rune_replay_result *result)
{
    if (result) {
        rune_record_free(result->record);
        rn_free(result);
    }
}
