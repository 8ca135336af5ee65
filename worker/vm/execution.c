/*
 * execution.c: Vms and their executions, as the embedder drives them.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define VM_PAGES 1u
#define RESULT_SIZE_MAX ((uint64_t)64 << 20)

_Static_assert(sizeof(struct rn_vm) + 32 * sizeof(struct rn_value) <= VM_PAGES * RN_PAGE_SIZE,
               "a Vm and its first stack are one page");

enum rn_error rn_vm_new(struct rn_engine *engine, struct rn_link *link, struct rn_vm **out_vm)
{
    struct rn_vm *vm = rn_pages_alloc(&engine->pages, VM_PAGES);
    if (vm == NULL) {
        return RN_E_NO_MEMORY;
    }
    vm->engine = engine;
    vm->natives = engine->library->natives;
    vm->script = link;
    vm->pages = VM_PAGES;
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
    rn_statics_drop(vm);
    rn_heap_release(&vm->heap);
    rn_pages_free(&vm->engine->pages, vm, vm->pages);
}

void rn_vm_reset(struct rn_vm *vm, struct rn_link *link)
{
    rn_vm_end(vm);
    rn_statics_drop(vm);
    rn_heap_release(&vm->heap);
    if (link != NULL) {
        vm->script = link;
    }
}

bool rn_vm_has_state(const struct rn_vm *vm)
{
    return rn_statics_hold_values(vm);
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
    if (vm->coroutine != NULL) {
        rn_fiber_save(vm); // a static may hold it: its stack is looked through as it is now
    }
    vm->coroutine = NULL;
    vm->again = NULL;
    if (!rn_statics_hold_objects(vm)) {
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
    vm->heap.peak = vm->heap.accounted;
    vm->limit = RN_LIMIT_NONE;
    vm->raised = false;
    vm->host_calls = 0;
    vm->output_bytes = 0;
    vm->again = NULL;
    vm->coroutine = NULL;
}

static void init_main_stack(struct rn_vm *vm)
{
    struct rn_fiber *main = &vm->main;
    *main = (struct rn_fiber){.values = vm->self_stack, .state = RN_FIBER_RUNNING};
    size_t size = vm->pages * RN_PAGE_SIZE - offsetof(struct rn_vm, self_stack);
    main->size = (uint32_t)(size & ~(size_t)15);
    main->frame = (struct rn_frame *)(void *)((uint8_t *)main->values + main->size) - 1;
    *main->frame = (struct rn_frame){.kind = RN_FRAME_BOTTOM};
    main->base = main->values;
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
    vm->entry_hash = call->item;
    vm->entry = RN_NONE;
    if (call->target == RN_TARGET_ITEM) {
        vm->entry = find_export(&vm->script->unit, call);
    }
}

enum rn_error rn_vm_start(struct rn_vm *vm, const struct rn_vm_call *call)
{
    rn_vm_end(vm);
    RN_TRY(rn_statics_make(vm));
    reset_counters(vm, call);
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
        return error;
    }
    return RN_OK;
}

/* Puts the arguments into the entry function's registers. */
static enum rn_outcome enter_item(struct rn_vm *vm)
{
    if (vm->entry == RN_NONE) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_ENTRY_HASH, vm->entry_hash);
    }
    const struct rn_unit_function *function = &vm->script->unit.functions[vm->entry];
    uint32_t count = vm->result.tag == RN_VALUE_UNIT ? 0 : vm->result.object->count;
    if (count != function->arg_count || function->capture_count != 0) {
        return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, (uint64_t)count,
                        (uint64_t)function->arg_count);
    }
    if ((uint8_t *)(vm->base + function->register_count) > (uint8_t *)(vm->frame - 1) &&
        !rn_stack_grow(vm, vm->base, function->register_count)) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(vm->base, rn_as_tuple(vm->result)->items, count * sizeof(struct rn_value));
    }
    vm->result = rn_value_unit();
    vm->code = vm->script->unit.code + function->code_start;
    vm->pc = vm->code;
    return RN_DONE;
}

/* RN_FINISHED: nothing is to run, the result is there. */
static enum rn_outcome enter(struct rn_vm *vm)
{
    if (vm->limit != RN_LIMIT_NONE) {
        return RN_RAISED; // the arguments alone were too much
    }
    if (vm->target == RN_TARGET_STATICS) {
        RN_TRY_VM(rn_statics_object(vm, vm->entry_hash, &vm->result));
        return (enum rn_outcome)RN_FINISHED;
    }
    return enter_item(vm);
}

static enum rn_event finish(struct rn_vm *vm, enum rn_event event)
{
    switch (event) {
    case RN_EVENT_RAISED:
    case RN_EVENT_LIMIT:
        rn_capture_frames(vm);
        vm->result = rn_value_unit();
        break;
    case RN_EVENT_DONE:
    case RN_EVENT_CANCELLED:
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
        if (vm->execution == RN_EXECUTION_WAITING) {
            bool from_top = vm->awaited_id == 0 && vm->asking == RN_ASKING_NOTHING;
            if (!rn_time_next(vm) && !rn_host_next_reply(vm)) {
                return RN_EVENT_WAITING;
            }
            if (from_top) {
                rn_time_forget(vm);
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

enum rn_event rn_vm_run(struct rn_vm *vm, uint64_t slice)
{
    RN_CHECK(vm->execution != RN_EXECUTION_NONE);
    if (vm->execution == RN_EXECUTION_ENDED) {
        return (enum rn_event)vm->event;
    }
    if (vm->execution == RN_EXECUTION_NEW) {
        vm->execution = RN_EXECUTION_READY;
        enum rn_outcome outcome = enter(vm);
        if (outcome == (enum rn_outcome)RN_FINISHED) {
            return finish(vm, RN_EVENT_DONE);
        }
        if (outcome != RN_DONE) {
            enum rn_event event = finish(vm, raised_event(vm));
            vm->engine->report.frame_count = 0; // nothing ran yet
            vm->engine->report.frames_total = 0;
            return event;
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
        uint64_t max = vm->limits.result_size == 0 ? RESULT_SIZE_MAX : vm->limits.result_size;
        if (rn_encode_pages(vm, vm->result, max, &vm->encoded) != RN_DONE) {
            return vm->limit == RN_LIMIT_REGION ? RN_E_NO_MEMORY : RN_E_CONST_UNSUPPORTED;
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

enum rn_limit rn_vm_limit(const struct rn_vm *vm)
{
    return (enum rn_limit)vm->limit;
}

struct rn_vm_usage rn_vm_usage(const struct rn_vm *vm)
{
    return (struct rn_vm_usage){
        .budget = vm->granted - (uint64_t)vm->fuel,
        .memory_peak = rn_heap_peak(&vm->heap),
        .output_bytes = vm->output_bytes,
        .host_calls = vm->host_calls,
    };
}
