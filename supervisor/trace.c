/* trace.c: what happens in a call that is run from a file, told step by step. */
#include "supervisor/trace.h"

#include "base/alloc.h"
#include "shm/fault.h"
#include "supervisor/call.h"
#include "supervisor/context.h"
#include "supervisor/error.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"

/* A copy of a value, or NULL for nothing, and if there is no memory. */
static rune_const_value *copy_value(const uint8_t *bytes, size_t size)
{
    rune_const_value *value = NULL;
    uint8_t *copy = size > 0 ? (uint8_t *)rn_strndup((const char *)bytes, size) : NULL;
    return copy && rn_value_take(copy, size, &value) == RN_OK ? value : NULL;
}

static const char *function_name(const struct rn_call *call, uint32_t function)
{
    const struct rn_host_entry *entry = rn_runtime_function(call->runtime, function);
    return entry ? entry->path : "";
}

static void tell_step(struct rn_call *call, const struct rn_step *step)
{
    const struct rn_trace *trace = call->replay.trace;
    const struct rn_journal *journal = call->replay.journal;
    rune_const_value *value = NULL;
    rune_replay_event event = {.kind = RUNE_REPLAY_WAKE, .now_ns = step->now_ns};
    if (step->kind != RN_STEP_WAKE) {
        event.number = step->number;
        event.item = function_name(call, rn_journal_call_at(journal, step->number - 1)->function);
    }
    if (step->kind == RN_STEP_ANSWER) {
        value = copy_value(step->body, step->size);
        event.kind = RUNE_REPLAY_ANSWER;
        event.value = value;
    } else if (step->kind == RN_STEP_FAILURE) {
        event.kind = RUNE_REPLAY_FAILURE;
        event.text = step->size > 0 ? (const char *)step->body : "";
        event.text_size = step->size;
    }
    trace->event(trace->user, &event);
    rune_value_unref(value);
}

/* Of a journal from a file nothing is moved while the call runs: bodies may be read without the lock. */
void rn_trace_steps(struct rn_call *call)
{
    struct rn_trace *trace = call->replay.trace;
    if (!trace || !trace->event) {
        return;
    }
    struct rn_peer *peer = rn_call_lock(call);
    uint32_t sent = rn_journal_steps_sent(call->replay.journal);
    pthread_mutex_unlock(&peer->lock);
    while (trace->steps_told < sent) {
        struct rn_step step = rn_journal_step_at(call->replay.journal, trace->steps_told++);
        tell_step(call, &step);
    }
}

static bool differs(struct rn_call *call)
{
    struct rn_peer *peer = rn_call_lock(call);
    bool is_other = call->replay.divergence != RN_SAME || call->replay.more_output;
    pthread_mutex_unlock(&peer->lock);
    return is_other;
}

/* The place of an instruction, as errors have it: in texts of the error's. */
static rune_error *find_place(const struct rn_call *call, uint32_t pc, rune_frame *out_place)
{
    rune_error *error = NULL;
    struct rn_fault fault = {.kind = RN_UTF8(""),
                             .message = RN_UTF8(""),
                             .frames_total = 1,
                             .frame_count = 1,
                             .frames = {{.pc = pc}}};
    fault.frames[0].function = rn_unit_function_at(&call->unit->unit, pc);
    (void)rn_fail_fault(&error, RUNE_E_SCRIPT_ERROR, RUNE_REASON_SCRIPT_ERROR, &fault, call->unit);
    if (!rune_error_frame(error, 0, out_place)) {
        *out_place = (rune_frame){.function = "", .source = "", .text = ""};
    }
    return error;
}

void rn_trace_host_call(struct rn_call *call, const struct rn_event *made)
{
    const struct rn_trace *trace = call->replay.trace;
    if (!trace || !trace->event) {
        return;
    }
    rune_const_value *args = copy_value(made->data, made->size);
    rune_replay_event event = {.kind = RUNE_REPLAY_HOST_CALL,
                               .number = made->number,
                               .item = function_name(call, made->function),
                               .budget = made->budget,
                               .differs = differs(call),
                               .value = args};
    rune_error *holder = find_place(call, made->pc, &event.place);
    trace->event(trace->user, &event);
    rune_error_free(holder);
    rune_value_unref(args);
    rn_trace_steps(call);
}

void rn_trace_output(struct rn_call *call, const struct rn_event *output)
{
    const struct rn_trace *trace = call->replay.trace;
    if (!trace || !trace->event) {
        return;
    }
    rn_trace_steps(call);
    rune_replay_event event = {.kind = RUNE_REPLAY_OUTPUT,
                               .differs = differs(call),
                               .text = (const char *)output->data,
                               .text_size = output->size,
                               .stream =
                                   output->number == 0 ? RUNE_STREAM_STDOUT : RUNE_STREAM_STDERR};
    trace->event(trace->user, &event);
}

void rn_trace_end(struct rn_call *call)
{
    struct rn_trace *trace = call->replay.trace;
    if (trace) {
        rn_trace_steps(call);
        trace->divergence = call->replay.divergence;
        trace->more_output = call->replay.more_output;
    }
}
