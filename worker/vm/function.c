/*
 * function.c: Functions outside of the code that made them: as values that travel, and kept for the
 * host.
 *
 * A Function travels as (content id of its Unit, hash of its item, captures). Functions of the
 * library and of the host have a content id of zeros: they are found in any link that has them.
 * Closures of the standard Unit do not travel.
 *
 * Functions that the host keeps stand in a table of the Vm, which is as good as a static: their
 * captures stay shared with everything else in the heap.
 */
#include <string.h>

#include "worker/vm/machine.h"

#define FUNCTIONS_MIN 16u

static const uint8_t no_unit[32];

/* --- Names --- */

/* The path under which an import of the link leads to `callee`; 0: none does. */
static uint64_t import_hash(const struct rn_link *link, rn_callee callee)
{
    for (uint32_t i = 0; link != NULL && i < link->unit.counts[RN_SECTION_IMPORTS]; i++) {
        if (link->imports[i] == callee) {
            return link->unit.imports[i].hash;
        }
    }
    return 0;
}

static uint64_t library_hash(struct rn_vm *vm, rn_callee callee)
{
    rn_charge(vm, vm->script->unit.counts[RN_SECTION_IMPORTS] / 8);
    uint64_t hash = import_hash(vm->script, callee);
    return hash != 0 ? hash : import_hash(vm->engine->standard, callee);
}

static bool identify_script(struct rn_vm *vm, const struct rn_function *function,
                            struct rn_function_id *out_id)
{
    const struct rune_verified_unit *unit = &function->link->unit;
    if (!function->link->standard) {
        *out_id = (struct rn_function_id){unit->header->content_id,
                                          unit->functions[function->index].hash};
        return true;
    }
    out_id->item = library_hash(vm, rn_callee_make(RN_CALLEE_STANDARD, function->index));
    return function->header.count == 0 && out_id->item != 0;
}

uint32_t rn_function_search(const struct rn_vm *vm, const struct rn_function *function)
{
    bool library = function->form == RN_FORM_NATIVE ||
                   (function->form == RN_FORM_SCRIPT && function->link->standard);
    return library ? vm->script->unit.counts[RN_SECTION_IMPORTS] : 0;
}

bool rn_function_identify(struct rn_vm *vm, const struct rn_function *function,
                          struct rn_function_id *out_id)
{
    *out_id = (struct rn_function_id){.content_id = no_unit};
    const struct rn_type_record *record;
    switch ((enum rn_function_form)function->form) {
    case RN_FORM_SCRIPT:
        return identify_script(vm, function, out_id);
    case RN_FORM_NATIVE:
        out_id->item = library_hash(vm, rn_callee_make(RN_CALLEE_NATIVE, function->index));
        return out_id->item != 0;
    case RN_FORM_HOST:
        out_id->item = vm->script->hosts[function->index].hash;
        return true;
    case RN_FORM_TYPE:
        break;
    }
    record = rn_type_record(vm, function->index);
    out_id->item = record->hash;
    if (record->unit == &vm->script->unit) {
        out_id->content_id = vm->script->unit.header->content_id;
    }
    return true;
}

/* --- From a name --- */

/* A constructor of the script's own types. */
static bool find_constructor(struct rn_vm *vm, uint64_t item, uint32_t *out_type)
{
    uint32_t type = rn_find_type(vm, item);
    if (type == RN_NONE) {
        return false;
    }
    const struct rn_type_record *record = rn_type_record(vm, type);
    *out_type = type;
    return record->unit == &vm->script->unit && record->shape == RN_SHAPE_TUPLE;
}

static enum rn_outcome make(struct rn_vm *vm, const struct rn_link *link, uint32_t form,
                            uint32_t index, const struct rn_captures *captures,
                            struct rn_value *out)
{
    struct rn_function *function = rn_function_new(vm, link, form, index, captures->count);
    if (function == NULL) {
        return RN_RAISED;
    }
    if (captures->count > 0) {
        memcpy(function->captures, captures->values, captures->count * sizeof(struct rn_value));
    }
    *out = rn_value_object(function);
    return RN_DONE;
}

/* Of the script's Unit: the function exists and captures that many. */
static enum rn_outcome make_own(struct rn_vm *vm, uint64_t item, const struct rn_captures *captures,
                                struct rn_value *out)
{
    const struct rune_verified_unit *unit = &vm->script->unit;
    uint32_t count = unit->counts[RN_SECTION_FUNCTIONS];
    uint32_t type;
    rn_charge(vm, (count + vm->script->type_count) / 8);
    RN_TRY_VM(rn_check_spent(vm));
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_function *row = &unit->functions[i];
        if (row->hash == item && row->capture_count == captures->count &&
            (row->flags & RN_FUNCTION_STEP) == 0) {
            return make(vm, vm->script, RN_FORM_SCRIPT, i, captures, out);
        }
    }
    if (captures->count == 0 && find_constructor(vm, item, &type)) {
        return make(vm, NULL, RN_FORM_TYPE, type, captures, out);
    }
    *out = rn_value_empty();
    return RN_DONE;
}

static enum rn_outcome make_library(struct rn_vm *vm, uint64_t item,
                                    const struct rn_captures *captures, struct rn_value *out)
{
    rn_callee callee = captures->count == 0 ? rn_link_resolve(vm->script, item) : 0;
    uint32_t index = rn_callee_index(callee);
    switch (rn_callee_form(callee)) {
    case RN_CALLEE_NATIVE:
        return make(vm, NULL, RN_FORM_NATIVE, index, captures, out);
    case RN_CALLEE_STANDARD:
        return make(vm, vm->engine->standard, RN_FORM_SCRIPT, index, captures, out);
    case RN_CALLEE_HOST:
        return make(vm, vm->script, RN_FORM_HOST, index, captures, out);
    case RN_CALLEE_TYPE:
        return make(vm, NULL, RN_FORM_TYPE, index, captures, out);
    case RN_CALLEE_SCRIPT:
    case RN_CALLEE_NONE:
        break;
    }
    *out = rn_value_empty();
    return RN_DONE;
}

enum rn_outcome rn_function_find(struct rn_vm *vm, const struct rn_function_id *id,
                                 const struct rn_captures *captures, struct rn_value *out)
{
    const uint8_t *own = vm->script->unit.header->content_id;
    if (memcmp(id->content_id, no_unit, sizeof(no_unit)) == 0) {
        return make_library(vm, id->item, captures, out);
    }
    if (memcmp(id->content_id, own, sizeof(no_unit)) == 0) {
        return make_own(vm, id->item, captures, out);
    }
    *out = rn_value_empty();
    return RN_DONE;
}

/* --- Kept for the host --- */

static bool reserve(struct rn_vm *vm, uint32_t number)
{
    if (number <= vm->function_capacity) {
        return true;
    }
    uint32_t capacity = vm->function_capacity == 0 ? FUNCTIONS_MIN : vm->function_capacity * 2;
    while (capacity < number) {
        capacity *= 2;
    }
    uint32_t pages = rn_pages_for(capacity * sizeof(struct rn_value));
    struct rn_value *functions = rn_pages_alloc(&vm->engine->pages, pages);
    if (functions == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < capacity; i++) {
        functions[i] = i < vm->function_capacity ? vm->functions[i] : rn_value_empty();
    }
    rn_functions_drop(vm);
    vm->functions = functions;
    vm->function_capacity = capacity;
    vm->function_pages = pages;
    return true;
}

void rn_functions_drop(struct rn_vm *vm)
{
    if (vm->functions != NULL) {
        rn_pages_free(&vm->engine->pages, vm->functions, vm->function_pages);
    }
    vm->functions = NULL;
    vm->function_capacity = 0;
}

bool rn_functions_any(const struct rn_vm *vm)
{
    for (uint32_t i = 0; i < vm->function_capacity; i++) {
        if (vm->functions[i].tag != RN_VALUE_EMPTY) {
            return true;
        }
    }
    return false;
}

const struct rn_function *rn_functions_get(const struct rn_vm *vm, uint64_t number)
{
    if (number == 0 || number > vm->function_capacity) {
        return NULL;
    }
    struct rn_value value = vm->functions[number - 1];
    return value.tag == RN_VALUE_EMPTY ? NULL : (const struct rn_function *)value.object;
}

enum rn_outcome rn_functions_keep(struct rn_vm *vm, uint32_t number, struct rn_value value,
                                  struct rn_value *out)
{
    if (!rn_object_is(value, RN_TYPE_ID_FUNCTION)) {
        return rn_raise(vm, RN_VM_ERROR_NOT_A_FUNCTION, value);
    }
    RN_TRY_VM(rn_check_read(vm, value));
    if (!reserve(vm, number)) {
        return rn_reach_limit(vm, RN_LIMIT_REGION);
    }
    struct rn_function_id id;
    bool named = rn_function_identify(vm, (const struct rn_function *)value.object, &id);
    vm->functions[number - 1] = value;
    *out = rn_value_from_hash(named ? id.item : 0);
    return RN_DONE;
}

void rn_vm_drop_function(struct rn_vm *vm, uint32_t number)
{
    if (number != 0 && number <= vm->function_capacity) {
        vm->functions[number - 1] = rn_value_empty();
    }
}
