/* globals.c: values of static items in the host, and their way into and out of Vms. */
#include "supervisor/globals.h"

#include <string.h>

#include "base/alloc.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "supervisor/error.h"
#include "supervisor/remote.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"

static bool copy_paths(rune_globals *globals)
{
    const struct rune_verified_unit *unit = &globals->unit->unit;
    for (size_t i = 0; i < globals->count; i++) {
        struct rn_utf8 path = rn_unit_string_at(unit, unit->statics[i].name);
        globals->items[i] = rn_strndup(path.data, path.size);
        if (!globals->items[i]) {
            return false;
        }
    }
    return true;
}

rune_globals *rune_globals_new(rune_unit *unit)
{
    rune_globals *globals = rn_alloc(sizeof(*globals));
    if (!globals) {
        return NULL;
    }
    globals->unit = rune_unit_ref(unit);
    globals->count = unit->unit.counts[RN_SECTION_STATICS];
    globals->items = rn_alloc_array(globals->count + 1, sizeof(*globals->items));
    globals->values = rn_alloc_array(globals->count + 1, sizeof(*globals->values));
    if (!globals->items || !globals->values || !copy_paths(globals)) {
        rune_globals_free(globals);
        return NULL;
    }
    return globals;
}

void rune_globals_free(rune_globals *globals)
{
    if (!globals) {
        return;
    }
    for (size_t i = 0; i < globals->count; i++) {
        if (globals->items) {
            rn_free(globals->items[i]);
        }
        if (globals->values) {
            rune_value_unref(globals->values[i]);
        }
    }
    rn_free(globals->items);
    rn_free(globals->values);
    rune_unit_unref(globals->unit);
    rn_free(globals);
}

size_t rune_globals_count(const rune_globals *globals)
{
    return globals->count;
}

const char *rune_globals_item(const rune_globals *globals, size_t index)
{
    return index < globals->count ? globals->items[index] : NULL;
}

/* The index of a static of the Unit, or RN_NONE. */
static uint32_t find_static(const rune_unit *unit, const char *item, size_t size)
{
    uint64_t hash = rn_hash_item(item, size);
    for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_STATICS]; i++) {
        if (unit->unit.statics[i].hash == hash) {
            return i;
        }
    }
    return RN_NONE;
}

static rune_status no_static(rune_error **error, const char *item)
{
    return rn_fail_reason(error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "no_static",
                          "there is no static `%s`", item);
}

/* Takes the reference; NULL clears. */
static void put(rune_globals *globals, uint32_t index, rune_const_value *value)
{
    rune_const_value *old = globals->values[index];
    globals->set_count += (size_t)(value != NULL) - (size_t)(old != NULL);
    globals->values[index] = value;
    rune_value_unref(old);
}

rune_status rune_globals_set(rune_globals *globals, const char *item, const rune_const_value *value,
                             rune_error **error)
{
    uint32_t index = find_static(globals->unit, item, strlen(item));
    if (index == RN_NONE) {
        return no_static(error, item);
    }
    if (!value) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the value for `%s` is NULL", item);
    }
    put(globals, index, rune_value_ref(value));
    return RUNE_OK;
}

rune_status rune_globals_clear(rune_globals *globals, const char *item, rune_error **error)
{
    uint32_t index = find_static(globals->unit, item, strlen(item));
    if (index == RN_NONE) {
        return no_static(error, item);
    }
    put(globals, index, NULL);
    return RUNE_OK;
}

/* What the script gives the static before anybody sets it. NOT_FOUND: nothing. */
static rune_status initial_value(const rune_unit *unit, uint32_t index, const char *item,
                                 rune_const_value **out_value, rune_error **error)
{
    uint32_t constant = unit->unit.statics[index].constant;
    if (constant == RN_NONE) {
        return rn_fail_reason(error, RUNE_E_NOT_FOUND, RUNE_REASON_USAGE, "uninitialized_static",
                              "the static `%s` has no value yet", item);
    }
    const struct rn_unit_constant *row = &unit->unit.constants[constant];
    rune_const_value *value = NULL;
    double number;
    switch ((enum rn_constant_kind)row->kind) {
    case RN_CONSTANT_I64:
        value = rune_value_i64((int64_t)row->payload);
        break;
    case RN_CONSTANT_U64:
        value = rune_value_u64(row->payload);
        break;
    case RN_CONSTANT_F64:
        memcpy(&number, &row->payload, sizeof(number));
        value = rune_value_f64(number);
        break;
    case RN_CONSTANT_CBOR:
        return rune_value_from_cbor(unit->unit.constant_data + (uint32_t)row->payload,
                                    (size_t)(row->payload >> 32), out_value, error);
    }
    if (!value) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    *out_value = value;
    return RUNE_OK;
}

rune_status rune_globals_get(const rune_globals *globals, const char *item,
                             rune_const_value **out_value, rune_error **error)
{
    uint32_t index = find_static(globals->unit, item, strlen(item));
    if (index == RN_NONE) {
        return no_static(error, item);
    }
    if (!globals->values[index]) {
        return initial_value(globals->unit, index, item, out_value, error);
    }
    *out_value = rune_value_ref(globals->values[index]);
    return RUNE_OK;
}

/* As one value */

rune_status rune_globals_to_value(const rune_globals *globals, rune_const_value **out_value,
                                  rune_error **error)
{
    size_t count = 0;
    RN_AUTO_FREE const char **keys = rn_alloc_array(globals->count + 1, sizeof(*keys));
    RN_AUTO_FREE const rune_const_value **values =
        rn_alloc_array(globals->count + 1, sizeof(*values));
    if (!keys || !values) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    for (size_t i = 0; i < globals->count; i++) {
        if (globals->values[i]) {
            keys[count] = globals->items[i];
            values[count++] = globals->values[i];
        }
    }
    rune_const_value *value = rune_value_object(keys, values, count);
    if (!value) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    *out_value = value;
    return RUNE_OK;
}

/* One entry of an Object: the walk has just given `value`, which is consumed. */
static rune_status take_entry(rune_globals *globals, const rune_value_iter *at,
                              rune_const_value *value, rune_error **error)
{
    uint32_t index = at->key ? find_static(globals->unit, at->key, at->key_size) : RN_NONE;
    if (index == RN_NONE) {
        rune_value_unref(value);
        RN_AUTO_FREE char *item = at->key ? rn_strndup(at->key, at->key_size) : NULL;
        return no_static(error, item ? item : "");
    }
    put(globals, index, value);
    return RUNE_OK;
}

rune_status rune_globals_from_value(rune_unit *unit, const rune_const_value *value,
                                    rune_globals **out_globals, rune_error **error)
{
    if (rune_value_kind_of(value) != RUNE_VALUE_OBJECT) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a state of statics is an Object, not %s",
                       rune_value_kind_name(rune_value_kind_of(value)));
    }
    rune_globals *globals = rune_globals_new(unit);
    rune_status status = globals ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
    rune_value_iter at;
    rune_value_iter_init(&at, value);
    while (status == RUNE_OK && at.left > 0) {
        rune_const_value *entry = NULL;
        status = rune_value_iter_next(&at, &entry);
        status = status == RUNE_OK ? take_entry(globals, &at, entry, error)
                                   : rn_fail_plain(error, (enum rn_error)status);
    }
    if (status != RUNE_OK) {
        rune_globals_free(globals);
        return status;
    }
    *out_globals = globals;
    return RUNE_OK;
}

void rn_globals_append(const struct rune_globals *globals, struct rn_buf *out)
{
    if (!globals || globals->set_count == 0) {
        return;
    }
    rn_const_begin_vec(out, (uint64_t)globals->set_count * 2);
    for (size_t i = 0; i < globals->count; i++) {
        if (globals->values[i]) {
            rn_const_write_i64(out, (int64_t)i);
            rn_buf_append(out, globals->values[i]->bytes, globals->values[i]->size);
        }
    }
}

/* Of a Vm */

static rune_globals *copy(const rune_globals *globals)
{
    rune_globals *made = rune_globals_new(globals->unit);
    for (uint32_t i = 0; made && i < globals->count; i++) {
        put(made, i, rune_value_ref(globals->values[i]));
    }
    return made;
}

rune_status rune_vm_set_globals(rune_vm *vm, const rune_globals *globals, rune_error **error)
{
    if (vm->supervisor->remote) {
        return rn_remote_unsupported(error, "a Vm's statics are");
    }
    if (globals && globals->unit != vm->unit &&
        memcmp(globals->unit->id, vm->unit->id, RUNE_UNIT_ID_SIZE) != 0) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the state is of another Unit's statics");
    }
    rune_globals *made = globals ? copy(globals) : NULL;
    if (globals && !made) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_status status = rune_vm_reset(vm);
    if (status == RUNE_OK) {
        vm->pending = made;
        return RUNE_OK;
    }
    rune_globals_free(made);
    return rn_fail_plain(error, (enum rn_error)status);
}

rune_status rune_vm_set_static(rune_vm *vm, const char *item, const rune_const_value *value,
                               rune_error **error)
{
    if (vm->supervisor->remote) {
        return rn_remote_unsupported(error, "a Vm's statics are");
    }
    rune_status status = rn_vm_claim(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (!vm->pending) {
        vm->pending = rune_globals_new(vm->unit);
    }
    status = vm->pending ? rune_globals_set(vm->pending, item, value, error)
                         : rn_fail_plain(error, RN_E_NO_MEMORY);
    rn_vm_release(vm);
    return status;
}

/* What the worker holds of the static `item` (all: NULL), as an Object. */
static rune_status ask(rune_vm *vm, const char *item, rune_const_value **out_object,
                       rune_error **error)
{
    struct rn_request request = {.target = {.kind = RN_CALL_TARGET_STATICS,
                                            .item = item ? rn_hash_item(item, strlen(item)) : 0,
                                            .name = item ? item : "statics"}};
    rune_record *record = NULL;
    rune_status status = rn_vm_carry_out(vm, &request, &record, error);
    return status == RUNE_OK ? rn_record_unwrap(record, out_object, error) : status;
}

static rune_status snapshot(rune_vm *vm, rune_globals **out_globals, rune_error **error)
{
    rune_const_value *object = NULL;
    if (!vm->home && !vm->lost) {
        *out_globals = vm->pending ? copy(vm->pending) : rune_globals_new(vm->unit);
        return *out_globals ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_status status = ask(vm, NULL, &object, error);
    if (status == RUNE_OK) {
        status = rune_globals_from_value(vm->unit, object, out_globals, error);
        rune_value_unref(object);
    }
    return status;
}

rune_status rune_vm_globals(rune_vm *vm, rune_globals **out_globals, rune_error **error)
{
    if (vm->supervisor->remote) {
        return rn_remote_unsupported(error, "a Vm's statics are");
    }
    rune_status status = rn_vm_claim(vm, error);
    if (status == RUNE_OK) {
        status = snapshot(vm, out_globals, error);
        rn_vm_release(vm);
    }
    return status;
}

static rune_status get_static(rune_vm *vm, uint32_t index, const char *item,
                              rune_const_value **out_value, rune_error **error)
{
    if (vm->pending && vm->pending->values[index]) {
        *out_value = rune_value_ref(vm->pending->values[index]);
        return RUNE_OK;
    }
    if (!vm->home && !vm->lost) {
        return initial_value(vm->unit, index, item, out_value, error);
    }
    rune_const_value *object = NULL;
    rune_status status = ask(vm, item, &object, error);
    if (status != RUNE_OK) {
        return status;
    }
    rune_const_value *value = rune_value_get(object, item);
    rune_value_unref(object);
    if (!value) {
        return initial_value(vm->unit, index, item, out_value, error);
    }
    *out_value = value;
    return RUNE_OK;
}

rune_status rune_vm_static(rune_vm *vm, const char *item, rune_const_value **out_value,
                           rune_error **error)
{
    if (vm->supervisor->remote) {
        return rn_remote_unsupported(error, "a Vm's statics are");
    }
    rune_status status = rn_vm_claim(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    uint32_t index = find_static(vm->unit, item, strlen(item));
    status =
        index == RN_NONE ? no_static(error, item) : get_static(vm, index, item, out_value, error);
    rn_vm_release(vm);
    return status;
}
