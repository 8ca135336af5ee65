/*
 * statics.c: the storage of a Vm's static items: made at its first call, set and read by scripts
 * and by the host.
 *
 * A slot is EMPTY until the script reads it for the first time (then it gets the Unit's initial
 * value, if there is one), the script writes it, or the host set it with a call.
 */
#include <string.h>

#include "worker/vm/machine.h"

enum rn_error rn_statics_make(struct rn_vm *vm)
{
    uint32_t count = vm->script->unit.counts[RN_SECTION_STATICS];
    if (count == 0 || vm->statics != NULL) {
        return RN_OK;
    }
    vm->static_pages = rn_pages_for(count * sizeof(struct rn_value));
    vm->statics = rn_pages_alloc(&vm->engine->pages, vm->static_pages);
    if (vm->statics == NULL) {
        return RN_E_NO_MEMORY;
    }
    vm->static_count = count;
    for (uint32_t i = 0; i < count; i++) {
        vm->statics[i] = rn_value_empty();
    }
    return RN_OK;
}

void rn_statics_drop(struct rn_vm *vm)
{
    if (vm->statics != NULL) {
        rn_pages_free(&vm->engine->pages, vm->statics, vm->static_pages);
    }
    vm->statics = NULL;
    vm->static_count = 0;
}

bool rn_statics_hold_values(const struct rn_vm *vm)
{
    for (uint32_t i = 0; i < vm->static_count; i++) {
        if (vm->statics[i].tag != RN_VALUE_EMPTY) {
            return true;
        }
    }
    return false;
}

bool rn_statics_hold_objects(const struct rn_vm *vm)
{
    for (uint32_t i = 0; i < vm->static_count; i++) {
        if (vm->statics[i].tag == RN_VALUE_OBJECT) {
            return true;
        }
    }
    return false;
}

/* --- For the host --- */

enum rn_error rn_statics_set(struct rn_vm *vm, const uint8_t *data, size_t size)
{
    RN_TRY(rn_decode(vm, data, size, &vm->result));
    if (!rn_object_is(vm->result, RN_TYPE_ID_VEC)) {
        return RN_E_INVALID_ARGUMENT;
    }
    const struct rn_vec *pairs = rn_as_vec(vm->result);
    for (uint32_t i = 0; i + 1 < pairs->count; i += 2) {
        struct rn_value index = pairs->items[i];
        if (index.tag != RN_VALUE_I64 || index.i64 < 0 || index.i64 >= vm->static_count) {
            return RN_E_INVALID_ARGUMENT;
        }
        vm->statics[index.i64] = pairs->items[i + 1];
    }
    return RN_OK;
}

enum rn_outcome rn_statics_object(struct rn_vm *vm, uint64_t item, struct rn_value *out)
{
    const struct rune_verified_unit *unit = &vm->script->unit;
    struct rn_map *object = rn_object_new(vm, 0);
    if (object == NULL) {
        return RN_RAISED;
    }
    for (uint32_t i = 0; i < vm->static_count; i++) {
        bool wanted = item == 0 || unit->statics[i].hash == item;
        if (wanted && vm->statics[i].tag != RN_VALUE_EMPTY) {
            struct rn_utf8 path = rn_unit_string_at(unit, unit->statics[i].name);
            RN_TRY_VM(rn_object_insert_static(vm, object, path, vm->statics[i]));
        }
    }
    *out = rn_value_object(object);
    return RN_DONE;
}

/* --- For scripts --- */

static enum rn_outcome raise_static(struct rn_vm *vm, enum rn_vm_error_kind kind, uint32_t index)
{
    const struct rune_verified_unit *unit = &vm->script->unit;
    return rn_raise(vm, kind, rn_unit_string_at(unit, unit->statics[index].name), (uint64_t)index);
}

/* Static items of the standard Unit do not exist: its compiler input has none. */
enum rn_outcome rn_op_static_get(struct rn_vm *vm, uint32_t index, struct rn_value *out)
{
    if (index >= vm->static_count) {
        return raise_static(vm, RN_VM_ERROR_MISSING_STATICS, index);
    }
    struct rn_value *slot = &vm->statics[index];
    if (slot->tag == RN_VALUE_EMPTY) {
        uint32_t constant = vm->script->unit.statics[index].constant;
        if (constant == RN_NONE) {
            return raise_static(vm, RN_VM_ERROR_UNINITIALIZED_STATIC, index);
        }
        RN_TRY_VM(rn_op_constant(vm, vm->script, constant, slot));
    }
    *out = *slot;
    return RN_DONE;
}

enum rn_outcome rn_op_static_set(struct rn_vm *vm, uint32_t index, struct rn_value value)
{
    if (index >= vm->static_count) {
        return raise_static(vm, RN_VM_ERROR_MISSING_STATICS, index);
    }
    vm->statics[index] = value;
    return RN_DONE;
}
