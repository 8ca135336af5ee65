/*
 * execution.c: Vms and their executions, as the embedder drives them.
 */
#include <string.h>

#include "worker/vm/machine.h"
#include "worker/vm/profile.h"

/* As large where Vms count as anywhere else: a stack that grows is paid for. */
#define FIRST_STACK_SIZE 768u
#define VM_SIZE (sizeof(struct rn_vm) + FIRST_STACK_SIZE)

#ifndef RN_PROFILE
_Static_assert(VM_SIZE <= 2048, "a Vm and its first stack are 2 KiB");
#endif
_Static_assert(sizeof(struct rn_vm) == offsetof(struct rn_vm, self_stack), "nothing lies between");

enum rn_error rn_vm_new(struct rn_engine *engine, struct rn_link *link, struct rn_vm **out_vm)
{
    struct rn_vm *vm = rn_pages_alloc(&engine->pages, rn_pages_for(VM_SIZE));
    if (vm == NULL) {
        return RN_E_NO_MEMORY;
    }
    vm->engine = engine;
    vm->hash_key = engine->hash_key;
    vm->natives = engine->library->natives;
    vm->script = link;
    vm->pages = rn_pages_for(VM_SIZE);
    rn_heap_init(&vm->heap, &engine->pages);
    *out_vm = vm;
    return RN_OK;
}

void rn_vm_free(struct rn_vm *vm)
{
    if (vm == NULL) {
        return;
    }
    rn_vm_end(vm);
    rn_profile_done(vm);
    rn_statics_drop(vm);
    rn_functions_drop(vm);
    rn_heap_release(&vm->heap);
    rn_pages_free(&vm->engine->pages, vm, vm->pages);
}

void rn_vm_reset(struct rn_vm *vm, struct rn_link *link)
{
    rn_vm_end(vm);
    rn_profile_done(vm);
    rn_statics_drop(vm);
    rn_functions_drop(vm);
    rn_heap_release(&vm->heap);
    if (link != NULL) {
        vm->script = link;
    }
}

bool rn_vm_has_state(const struct rn_vm *vm)
{
    return rn_statics_hold_values(vm) || rn_functions_any(vm);
}

void rn_vm_end(struct rn_vm *vm)
{
    if (vm->execution == RN_EXECUTION_NONE) {
        return;
    }
    rn_host_end(vm);
    rn_output_end(vm);
    rn_encoded_done(vm, &vm->encoded);
    vm->result = rn_value_unit();
    rn_coroutines_drop(vm);
    vm->again = NULL;
    if (!rn_statics_hold_objects(vm) && !rn_functions_any(vm)) {
        rn_heap_release(&vm->heap);
    } else if (vm->main.values != vm->self_stack) {
        rn_heap_buffer_free(vm, vm->main.values);
    }
    memset(&vm->main, 0, sizeof(vm->main));
    vm->values = NULL;
    vm->execution = RN_EXECUTION_NONE;
}

static void reset_counters(struct rn_vm *vm, const struct rn_vm_call *call)
{
    vm->limits = call->limits;
    vm->cancel = call->cancel;
    vm->seed = call->seed;
    vm->randoms = 0;
    rn_time_start(vm, call->clock_ns);
    vm->fuel = 0;
    vm->granted = 0;
    vm->budget = call->limits.budget == 0 ? UINT64_MAX : call->limits.budget;
    vm->slice_end = 0;
    rn_heap_set_limit(&vm->heap, call->limits.memory == 0 ? UINT64_MAX : call->limits.memory);
    if (rn_heap_is_over(&vm->heap)) {
        rn_collect_idle(vm);
    }
    vm->heap.peak = vm->heap.accounted;
    vm->limit = RN_LIMIT_NONE;
    vm->raised = false;
    vm->host_calls = 0;
    vm->visible_above = RN_COLLECT_MIN;
    vm->output_bytes = 0;
    vm->again = NULL;
    vm->coroutine = NULL;
}

static void init_main_stack(struct rn_vm *vm)
{
    struct rn_fiber *main = &vm->main;
    *main = (struct rn_fiber){.values = vm->self_stack, .state = RN_FIBER_RUNNING};
    main->size = FIRST_STACK_SIZE;
    main->frame = rn_fiber_last_frame(main);
    *main->frame = (struct rn_frame){.kind = RN_FRAME_BOTTOM};
    main->link = vm->script;
    main->pc = vm->script->unit.code;
    main->code = main->pc;
    rn_fiber_load(vm, NULL);
}

static enum rn_error decode_args(struct rn_vm *vm, const struct rn_vm_call *call)
{
    vm->result = rn_value_unit();
    if (call->args == NULL) {
        return RN_OK;
    }
    enum rn_error error = rn_decode(vm, call->args, call->args_size, &vm->result);
    if (error == RN_OK && vm->result.tag != RN_VALUE_UNIT &&
        !rn_object_is(vm->result, RN_TYPE_ID_TUPLE)) {
        error = RN_E_INVALID_ARGUMENT;
    }
    return error;
}

static uint32_t find_export(const struct rune_verified_unit *unit, const struct rn_vm_call *call)
{
    if (call->item == 0) {
        return unit->header->main_function;
    }
    uint32_t index = rn_unit_export_index(unit, call->item, call->export_hint);
    return index == RN_NONE ? RN_NONE : unit->exports[index].function;
}

static void find_entry(struct rn_vm *vm, const struct rn_vm_call *call)
{
    vm->target = (uint8_t)call->target;
    vm->keep = call->keep;
    vm->entry_hash = call->item;
    vm->entry = RN_NONE;
    if (call->target == RN_CALL_TARGET_ITEM) {
        vm->entry = find_export(&vm->script->unit, call);
    }
}

enum rn_error rn_vm_start(struct rn_vm *vm, const struct rn_vm_call *call)
{
    rn_vm_end(vm);
    reset_counters(vm, call); // also of one that cannot start: it used nothing
    RN_TRY(rn_profile_start(vm));
    if (call->target != RN_CALL_TARGET_VALUE) {
        RN_TRY(rn_statics_make(vm));
    }
    find_entry(vm, call);
    vm->execution = RN_EXECUTION_NEW;
    init_main_stack(vm);
    enum rn_error error = RN_OK;
    if (call->statics != NULL) {
        error = rn_statics_set(vm, call->statics, call->statics_size);
    }
    if (error == RN_OK) {
        error = decode_args(vm, call);
    }
    if (error != RN_OK && vm->limit == RN_LIMIT_NONE) {
        rn_vm_end(vm);
        // Values that are taken in are paid for, and whoever pays looks whether the call is to stop.
        return error == RN_E_NO_MEMORY && rn_vm_is_cancelled(vm) ? RN_E_CANCELLED : error;
    }
    return RN_OK;
}

static bool has_room(struct rn_vm *vm, uint32_t registers)
{
    return (uint8_t *)(vm->base + registers) <= (uint8_t *)(vm->frame - 1) ||
           rn_stack_grow(vm, vm->base, registers);
}

/* The function is where the error belongs, though none of it runs. */
static enum rn_outcome refuse_count(struct rn_vm *vm, const struct rn_link *link,
                                    const struct rn_unit_function *function, uint32_t count)
{
    vm->link = link;
    vm->code = link->unit.code + function->code_start;
    vm->pc = vm->code;
    return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, (uint64_t)count,
                    (uint64_t)function->arg_count);
}

/* Puts arguments, then captures, into the registers of a function that is to run. */
static enum rn_outcome enter_code(struct rn_vm *vm, const struct rn_link *link, uint32_t index,
                                  const struct rn_call_values *values)
{
    const struct rn_unit_function *function = &link->unit.functions[index];
    if (values->arg_count != function->arg_count ||
        values->capture_count != function->capture_count) {
        return refuse_count(vm, link, function, values->arg_count);
    }
    if (!has_room(vm, function->register_count)) {
        return RN_RAISED;
    }
    if (values->arg_count > 0) {
        memcpy(vm->base, values->args, values->arg_count * sizeof(struct rn_value));
    }
    if (values->capture_count > 0) {
        memcpy(vm->base + values->arg_count, values->captures,
               values->capture_count * sizeof(struct rn_value));
    }
    vm->result = rn_value_unit();
    vm->link = link;
    vm->code = link->unit.code + function->code_start;
    vm->pc = vm->code;
    rn_profile_begin(vm);
    return RN_DONE;
}

/* The decoded arguments behind the first `skip`. */
static struct rn_call_values arguments(const struct rn_vm *vm, uint32_t skip)
{
    if (vm->result.tag == RN_VALUE_UNIT) {
        return (struct rn_call_values){.arg_count = 0};
    }
    return (struct rn_call_values){.args = rn_as_tuple(vm->result)->items + skip,
                                   .arg_count = vm->result.object->count - skip};
}

static enum rn_outcome enter_item(struct rn_vm *vm)
{
    if (vm->entry == RN_NONE) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_ENTRY_HASH, vm->entry_hash);
    }
    struct rn_call_values values = arguments(vm, 0);
    return enter_code(vm, vm->script, vm->entry, &values);
}

static enum rn_outcome construct(struct rn_vm *vm, const struct rn_function *function,
                                 const struct rn_call_values *values)
{
    if (values->arg_count > RN_ARGUMENTS_MAX) {
        return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, (uint64_t)values->arg_count,
                        (uint64_t)RN_ARGUMENTS_MAX);
    }
    if (!has_room(vm, values->arg_count + 1)) {
        return RN_RAISED;
    }
    if (values->arg_count > 0) {
        memcpy(vm->base, values->args, values->arg_count * sizeof(struct rn_value));
    }
    RN_TRY_VM(rn_construct(vm, function->index, vm->base, values->arg_count));
    vm->result = vm->base[0];
    return (enum rn_outcome)RN_FINISHED;
}

static enum rn_outcome enter_function(struct rn_vm *vm, const struct rn_function *function,
                                      uint32_t skip)
{
    struct rn_call_values values = arguments(vm, skip);
    if (function->form == RN_FORM_TYPE) {
        return construct(vm, function, &values);
    }
    if (function->form != RN_FORM_SCRIPT) {
        return rn_raise_panic_literal(vm, "the host cannot call a native function");
    }
    values.captures = function->captures;
    values.capture_count = function->header.count;
    return enter_code(vm, function->link, function->index, &values);
}

/* The first argument is what is called. */
static enum rn_outcome enter_value(struct rn_vm *vm)
{
    struct rn_value callee =
        vm->result.tag == RN_VALUE_UNIT ? vm->result : rn_as_tuple(vm->result)->items[0];
    if (!rn_object_is(callee, RN_TYPE_ID_FUNCTION)) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_CALL, callee);
    }
    return enter_function(vm, (const struct rn_function *)callee.object, 1);
}

static enum rn_outcome enter_kept(struct rn_vm *vm)
{
    const struct rn_function *function = rn_functions_get(vm, vm->entry_hash);
    if (function == NULL) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_ENTRY_HASH, vm->entry_hash);
    }
    if (vm->target == RN_CALL_TARGET_FUNCTION) {
        return enter_function(vm, function, 0);
    }
    vm->result = rn_value_object((struct rn_function *)(uintptr_t)function);
    return (enum rn_outcome)RN_FINISHED;
}

/* RN_FINISHED: nothing is to run, the result is there. */
static enum rn_outcome enter(struct rn_vm *vm)
{
    if (vm->limit != RN_LIMIT_NONE) {
        return RN_RAISED; // the arguments alone were too much
    }
    switch ((enum rn_call_target)vm->target) {
    case RN_CALL_TARGET_STATICS:
        RN_TRY_VM(rn_statics_object(vm, vm->entry_hash, &vm->result));
        return (enum rn_outcome)RN_FINISHED;
    case RN_CALL_TARGET_FUNCTION:
    case RN_CALL_TARGET_SEND:
        return enter_kept(vm);
    case RN_CALL_TARGET_VALUE:
        return enter_value(vm);
    case RN_CALL_TARGET_ITEM:
    case RN_CALL_TARGET_COUNT:
        break;
    }
    return enter_item(vm);
}

/* A result that is to be kept stays here; what goes out is the hash of its item. */
static enum rn_event keep_result(struct rn_vm *vm)
{
    if (vm->keep == 0 || rn_functions_keep(vm, vm->keep, vm->result, &vm->result) == RN_DONE) {
        return RN_EVENT_DONE;
    }
    return vm->raised ? RN_EVENT_RAISED : RN_EVENT_LIMIT;
}

static enum rn_event finish(struct rn_vm *vm, enum rn_event event)
{
    if (event == RN_EVENT_DONE) {
        event = keep_result(vm);
    }
    switch (event) {
    case RN_EVENT_RAISED:
    case RN_EVENT_LIMIT:
    case RN_EVENT_CANCELLED:
        rn_capture_frames(vm);
        vm->result = rn_value_unit();
        break;
    case RN_EVENT_DONE:
        break;
    case RN_EVENT_SLICE:
    case RN_EVENT_OUTPUT:
    case RN_EVENT_HOST_CALL:
    case RN_EVENT_WAITING:
        return event;
    }
    vm->execution = RN_EXECUTION_ENDED;
    vm->event = (uint8_t)event;
    return event;
}

static enum rn_event raised_event(const struct rn_vm *vm)
{
    return vm->raised ? RN_EVENT_RAISED : RN_EVENT_LIMIT;
}

/* Fuel up to the end of the slice or the budget, whichever is nearer. */
static void grant(struct rn_vm *vm, uint64_t slice)
{
    uint64_t spent = vm->granted - (uint64_t)vm->fuel;
    vm->slice_end = spent + slice < spent ? UINT64_MAX : spent + (slice == 0 ? 1 : slice);
    uint64_t target = vm->budget < vm->slice_end ? vm->budget : vm->slice_end;
    target = target < spent ? spent : target;
    target = target - spent > INT64_MAX ? spent + INT64_MAX : target;
    vm->granted = target;
    vm->fuel = (int64_t)(target - spent);
    if (vm->heap.collection_due) {
        rn_interrupt(vm);
    }
}

static enum rn_event run(struct rn_vm *vm)
{
    for (;;) {
        if (vm->limit != RN_LIMIT_NONE) {
            return RN_EVENT_LIMIT; // replies that nobody took were too much
        }
        if (vm->execution == RN_EXECUTION_WAITING) {
            bool from_top = vm->awaited_id == 0 && vm->asking == RN_ASKING_NOTHING;
            if (!rn_time_next(vm) && !rn_host_next_reply(vm)) {
                return RN_EVENT_WAITING;
            }
            if (from_top) {
                rn_time_forget(vm);
                rn_profile_poll(vm);
            }
            if (vm->raised || vm->limit != RN_LIMIT_NONE) {
                return raised_event(vm);
            }
            vm->execution = RN_EXECUTION_READY;
        }
        enum rn_event event = rn_run_loop(vm);
        if (event != RN_EVENT_WAITING) {
            return event;
        }
        vm->execution = RN_EXECUTION_WAITING;
    }
}

/* Nothing ran yet: of a function that was found its name is told, and no place, for it is in none. */
static enum rn_event fail_to_enter(struct rn_vm *vm)
{
    bool found = vm->code != NULL;
    enum rn_event event = finish(vm, raised_event(vm));
    struct rn_vm_error_report *report = &vm->engine->report;
    report->frame_count = found ? 1 : 0;
    report->frames_total = report->frame_count;
    vm->engine->frames[0].pc = RN_NONE;
    return event;
}

enum rn_event rn_vm_run(struct rn_vm *vm, uint64_t slice)
{
    RN_CHECK(vm->execution != RN_EXECUTION_NONE);
    if (vm->execution == RN_EXECUTION_ENDED) {
        return (enum rn_event)vm->event;
    }
    if (vm->execution == RN_EXECUTION_NEW) {
        vm->execution = RN_EXECUTION_READY;
        vm->code = NULL;
        enum rn_outcome outcome = enter(vm);
        if (outcome == (enum rn_outcome)RN_FINISHED) {
            return finish(vm, RN_EVENT_DONE);
        }
        if (outcome != RN_DONE) {
            return fail_to_enter(vm);
        }
    }
    grant(vm, slice);
    return finish(vm, run(vm));
}

/* --- Results --- */

enum rn_error rn_vm_result(struct rn_vm *vm, const uint8_t **out_data, size_t *out_size)
{
    RN_CHECK(vm->execution == RN_EXECUTION_ENDED && vm->event == RN_EVENT_DONE);
    if (vm->encoded.data == NULL) {
        if (rn_encode_pages(vm, vm->result, vm->limits.encoded_size, &vm->encoded) != RN_DONE) {
            if (rn_vm_is_cancelled(vm)) {
                return RN_E_CANCELLED;
            }
            return vm->limit == RN_LIMIT_NONE ? RN_E_CONST_UNSUPPORTED : RN_E_NO_MEMORY;
        }
    }
    *out_data = vm->encoded.data;
    *out_size = vm->encoded.size;
    return RN_OK;
}

struct rn_value rn_vm_result_value(const struct rn_vm *vm)
{
    return vm->result;
}

const struct rn_vm_error_report *rn_vm_error(const struct rn_vm *vm)
{
    return &vm->engine->report;
}

const struct rn_vm_error_report *rn_vm_take_down(struct rn_vm *vm)
{
    rn_capture_frames(vm);
    return &vm->engine->report;
}

enum rn_limit rn_vm_limit(const struct rn_vm *vm)
{
    return (enum rn_limit)vm->limit;
}

struct rn_vm_usage rn_vm_usage(const struct rn_vm *vm)
{
    uint64_t spent = vm->granted - (uint64_t)vm->fuel;
    uint64_t peak = rn_heap_peak(&vm->heap);
    return (struct rn_vm_usage){
        // What did not fit was charged, but not done.
        .budget = spent < vm->budget ? spent : vm->budget,
        // Beyond the limit are only the dead, which a collection was due to find.
        .memory_peak = peak < vm->heap.limit ? peak : vm->heap.limit,
        .output_bytes = vm->output_bytes,
        .host_calls = vm->host_calls,
    };
}
