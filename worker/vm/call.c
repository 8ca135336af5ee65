/*
 * call.c: what a call leads to: functions of a Unit, natives, constructors, host functions.
 */
#include <string.h>

#include "base/math.h"
#include "worker/vm/machine.h"

static enum rn_outcome bad_count(struct rn_vm *vm, uint64_t actual, uint64_t expected)
{
    return rn_raise(vm, RN_VM_ERROR_BAD_ARGUMENT_COUNT, actual, expected);
}

struct rn_function *rn_function_new(struct rn_vm *vm, const struct rn_link *link, uint32_t form,
                                    uint32_t index, uint32_t captures)
{
    struct rn_function *function =
        rn_heap_object(vm, RN_OBJECT_FUNCTION, RN_TYPE_ID_FUNCTION,
                       sizeof(*function) + captures * sizeof(struct rn_value));
    if (function != NULL) {
        function->header.count = captures;
        function->link = link;
        function->form = form;
        function->index = index;
    }
    return function;
}

enum rn_outcome rn_call_native(struct rn_vm *vm, const struct rn_native *native,
                               struct rn_value *window, uint32_t count)
{
    if (native->arity >= 0 && (uint32_t)native->arity != count) {
        return bad_count(vm, count, (uint64_t)native->arity);
    }
    vm->native_round = 0;
    return rn_finish_native(vm, native, native->call(vm, window, count), window, count);
}

enum rn_outcome rn_finish_native(struct rn_vm *vm, const struct rn_native *native,
                                 enum rn_outcome outcome, struct rn_value *window, uint32_t count)
{
    if (outcome == RN_TAIL_CALL) {
        return rn_call_value(vm, window, vm->tail_count);
    }
    if (outcome == RN_AGAIN) {
        vm->again = native;
        vm->again_window = (uint32_t)(window - vm->values);
        vm->again_count = count;
    }
    return outcome;
}

enum rn_outcome rn_call_function(struct rn_vm *vm, const struct rn_link *link, uint32_t function,
                                 struct rn_value *window, uint32_t count)
{
    const struct rn_unit_function *row = &link->unit.functions[function];
    if (row->arg_count != count || row->capture_count != 0) {
        return bad_count(vm, count, row->arg_count);
    }
    if (row->kind == RN_FUNCTION_IMMEDIATE) {
        return rn_push_frame(vm, link, function, window, RN_FRAME_CALL);
    }
    struct rn_call_values values = {.args = window, .arg_count = count};
    return rn_coroutine_new(vm, link, function, &values, window);
}

enum rn_outcome rn_construct(struct rn_vm *vm, uint32_t type, struct rn_value *window,
                             uint32_t count)
{
    const struct rn_type_record *record = rn_type_record(vm, type);
    if (record->shape != RN_SHAPE_TUPLE && record->shape != RN_SHAPE_UNIT) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_FUNCTION, record->hash);
    }
    return rn_make_struct(vm, type, window, count, window);
}

enum rn_outcome rn_call_callee(struct rn_vm *vm, rn_callee callee, struct rn_value *window,
                               uint32_t count)
{
    uint32_t index = rn_callee_index(callee);
    switch (rn_callee_form(callee)) {
    case RN_CALLEE_NATIVE:
        return rn_call_native(vm, &vm->natives[index], window, count);
    case RN_CALLEE_SCRIPT:
        return rn_call_function(vm, vm->script, index, window, count);
    case RN_CALLEE_STANDARD:
        return rn_call_function(vm, vm->engine->standard, index, window, count);
    case RN_CALLEE_HOST:
        return rn_host_begin(vm, index, window, count);
    case RN_CALLEE_TYPE:
        return rn_construct(vm, index, window, count);
    case RN_CALLEE_NONE:
        break;
    }
    RN_CHECK(false);
    return RN_RAISED;
}

/* A function of a Unit with its captures behind the arguments, which are in place. */
static enum rn_outcome call_closure(struct rn_vm *vm, const struct rn_function *function,
                                    struct rn_value *window, uint32_t count)
{
    const struct rn_unit_function *row = &function->link->unit.functions[function->index];
    if (row->arg_count != count) {
        return bad_count(vm, count, row->arg_count);
    }
    RN_CHECK(row->capture_count == function->header.count);
    if (row->kind != RN_FUNCTION_IMMEDIATE) {
        struct rn_call_values values = {window, function->captures, count, function->header.count};
        return rn_coroutine_new(vm, function->link, function->index, &values, window);
    }
    enum rn_outcome outcome =
        rn_push_frame(vm, function->link, function->index, window, RN_FRAME_CALL);
    if (outcome == (enum rn_outcome)RN_FRAME_PUSHED) {
        for (uint32_t i = 0; i < row->capture_count; i++) {
            vm->base[count + i] = function->captures[i];
        }
    }
    return outcome;
}

enum rn_outcome rn_call_value(struct rn_vm *vm, struct rn_value *window, uint32_t count)
{
    struct rn_value callee = window[0];
    bool type = callee.tag == RN_VALUE_TYPE;
    if (!type && !rn_object_is(callee, RN_TYPE_ID_FUNCTION)) {
        return rn_raise(vm, RN_VM_ERROR_UNSUPPORTED_CALL, callee);
    }
    RN_TRY_VM(rn_check_read(vm, callee));
    // The callee's first register is the window's: arguments move down over the function.
    memmove(window, window + 1, count * sizeof(struct rn_value));
    if (type) {
        return rn_construct(vm, (uint32_t)callee.u64, window, count);
    }
    const struct rn_function *function = (const struct rn_function *)callee.object;
    switch ((enum rn_function_form)function->form) {
    case RN_FORM_SCRIPT:
        return call_closure(vm, function, window, count);
    case RN_FORM_NATIVE:
        return rn_call_native(vm, &vm->natives[function->index], window, count);
    case RN_FORM_TYPE:
        return rn_construct(vm, function->index, window, count);
    case RN_FORM_HOST:
        break;
    }
    return rn_host_begin(vm, function->index, window, count);
}

enum rn_outcome rn_call_method_slow(struct rn_vm *vm, const struct rn_link *link, uint32_t site,
                                    struct rn_value *window, uint32_t count)
{
    uint32_t type = rn_exact_type_of(window[0]);
    rn_callee callee = rn_find_method(vm, type, link->unit.sites[site].name_hash);
    if (callee == 0) {
        struct rn_utf8 name = rn_unit_string_at(&link->unit, link->unit.sites[site].name);
        return rn_raise_missing_method(vm, link, name, window[0]);
    }
    rn_cache_put(link, site, type, callee);
    return rn_call_callee(vm, callee, window, count);
}

void rn_charge(struct rn_vm *vm, uint64_t units)
{
    vm->fuel -= (int64_t)(units > INT32_MAX ? INT32_MAX : units);
}

bool rn_has_spent(const struct rn_vm *vm)
{
    return vm->fuel < 0;
}

enum rn_outcome rn_check_spent(struct rn_vm *vm)
{
    if (RN_LIKELY(vm->fuel >= 0)) {
        return RN_DONE;
    }
    if (vm->granted - (uint64_t)vm->fuel > vm->budget) {
        return rn_reach_limit(vm, RN_LIMIT_BUDGET);
    }
    return rn_vm_is_cancelled(vm) ? RN_RAISED : RN_DONE;
}

uint32_t rn_native_round(const struct rn_vm *vm)
{
    return vm->native_round;
}

uint64_t *rn_native_state(struct rn_vm *vm)
{
    return vm->native_state;
}

uint64_t rn_vm_random(struct rn_vm *vm)
{
    return rn_splitmix(vm->seed, ++vm->randoms);
}

void rn_set_tail_count(struct rn_vm *vm, uint32_t count)
{
    vm->tail_count = count;
}
