/* globals.c: values of static items in the host, and their way into and out of Vms. */
#include "supervisor/globals.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/remote.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"
#include "supervisor/vm.h"

/* Scripts that a watch may serve one after the other while their statics are read. */
#define VERSIONS_MAX 8u
/* Entries from which on statics are sorted before they are looked for. */
#define MANY_ENTRIES 8u

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
    rune_globals *globals = unit ? rn_alloc(sizeof(*globals)) : NULL;
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

/* Many of them, by their hashes. */

struct row {
    uint64_t hash;
    uint32_t index;
};

static int compare_rows(const void *a, const void *b)
{
    uint64_t left = ((const struct row *)a)->hash;
    uint64_t right = ((const struct row *)b)->hash;
    return (left > right) - (left < right);
}

/* The caller's; NULL without memory. */
static struct row *sort_statics(const rune_unit *unit)
{
    uint32_t count = unit->unit.counts[RN_SECTION_STATICS];
    struct row *rows = rn_alloc_array((size_t)count + 1, sizeof(*rows));
    for (uint32_t i = 0; rows && i < count; i++) {
        rows[i] = (struct row){unit->unit.statics[i].hash, i};
    }
    if (rows) {
        qsort(rows, count, sizeof(*rows), compare_rows);
    }
    return rows;
}

/* In `rows`, or without them. */
static uint32_t find_among(const rune_unit *unit, const struct row *rows, const char *item,
                           size_t size)
{
    if (!rows) {
        return find_static(unit, item, size);
    }
    struct row wanted = {.hash = rn_hash_item(item, size)};
    const struct row *row =
        bsearch(&wanted, rows, unit->unit.counts[RN_SECTION_STATICS], sizeof(*rows), compare_rows);
    return row ? row->index : RN_NONE;
}

/* Without a Unit: which statics there are is known where the values go. */

static rune_globals *new_without_unit(void)
{
    return rn_alloc(sizeof(rune_globals));
}

static uint32_t find_set(const rune_globals *globals, const char *item)
{
    for (uint32_t i = 0; i < globals->count; i++) {
        if (strcmp(globals->items[i], item) == 0) {
            return i;
        }
    }
    return RN_NONE;
}

/* A place of that path; RN_NONE: no memory. */
static uint32_t add_item(rune_globals *globals, const char *item)
{
    size_t count = globals->count;
    char *path = rn_strndup(item, strlen(item));
    char **items = rn_realloc(globals->items, (count + 1) * sizeof(*items));
    globals->items = items ? items : globals->items;
    rune_const_value **values = rn_realloc(globals->values, (count + 1) * sizeof(*values));
    globals->values = values ? values : globals->values;
    if (!path || !items || !values) {
        rn_free(path);
        return RN_NONE;
    }
    items[count] = path;
    values[count] = NULL;
    globals->count++;
    return (uint32_t)count;
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

/* The place of a static, made if the Unit is not known. */
static rune_status place_of(rune_globals *globals, const char *item, uint32_t *out_index,
                            rune_error **error)
{
    size_t size = strlen(item);
    uint32_t index =
        globals->unit ? find_static(globals->unit, item, size) : find_set(globals, item);
    bool known = index != RN_NONE;
    if (!known && !globals->unit && globals->count < RN_STATICS_MAX &&
        rn_utf8_valid(item, size, NULL)) {
        index = add_item(globals, item);
        if (index == RN_NONE) {
            return rn_fail_plain(error, RN_E_NO_MEMORY);
        }
    }
    *out_index = index;
    return index != RN_NONE ? RUNE_OK : no_static(error, item);
}

rune_status rune_globals_set(rune_globals *globals, const char *item, const rune_const_value *value,
                             rune_error **error)
{
    uint32_t index = RN_NONE;
    if (!item) {
        return rn_fail_null(error, "item");
    }
    rune_status status =
        value ? place_of(globals, item, &index, error)
              : rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the value for `%s` is NULL", item);
    if (status == RUNE_OK) {
        put(globals, index, rune_value_ref(value));
    }
    return status;
}

rune_status rune_globals_clear(rune_globals *globals, const char *item, rune_error **error)
{
    if (!item) {
        return rn_fail_null(error, "item");
    }
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
    if (!item) {
        return rn_fail_null(error, "item");
    }
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

/* What an Object says of statics, until it is known that there are all of them. */
struct entries {
    struct entry {
        uint32_t index;
        rune_const_value *value; /* counted, until it is taken */
    } * list;
    size_t count;
    size_t capacity;
    bool copied; /* values are to be copied: else each keeps the whole Object */
};

static void entries_done(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        rune_value_unref(entries->list[i].value);
    }
    rn_free(entries->list);
}

/* Consumes the view. NULL without memory. */
static rune_const_value *copy_view(rune_const_value *view)
{
    rune_const_value *made = NULL;
    (void)!rune_value_from_cbor(view->bytes, view->size, &made, NULL);
    rune_value_unref(view);
    return made;
}

/* The walk has just given `value`, which is consumed. */
static rune_status take_entry(struct entries *entries, uint32_t index, const rune_value_iter *at,
                              rune_const_value *value, rune_error **error)
{
    if (index == RN_NONE || entries->count == entries->capacity) {
        rune_value_unref(value);
        RN_AUTO_FREE char *item = at->key ? rn_strndup(at->key, at->key_size) : NULL;
        return no_static(error, item ? item : "");
    }
    value = entries->copied ? copy_view(value) : value;
    if (!value) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    entries->list[entries->count++] = (struct entry){index, value};
    return RUNE_OK;
}

static rune_status walk_entries(struct entries *entries, const rune_unit *unit,
                                const rune_const_value *object, rune_error **error)
{
    bool many = rune_value_count(object) >= MANY_ENTRIES;
    RN_AUTO_FREE struct row *rows = many ? sort_statics(unit) : NULL;
    rune_status status = many && !rows ? rn_fail_plain(error, RN_E_NO_MEMORY) : RUNE_OK;
    rune_value_iter at;
    rune_value_iter_init(&at, object);
    while (status == RUNE_OK && at.left > 0) {
        rune_const_value *value = NULL;
        status = rune_value_iter_next(&at, &value);
        uint32_t index =
            status == RUNE_OK && at.key ? find_among(unit, rows, at.key, at.key_size) : RN_NONE;
        status = status == RUNE_OK ? take_entry(entries, index, &at, value, error)
                                   : rn_fail_plain(error, (enum rn_error)status);
    }
    return status;
}

/* Of globals with a Unit: all entries of the Object, or none. */
static rune_status put_entries(rune_globals *globals, const rune_const_value *object, bool copied,
                               rune_error **error)
{
    if (rune_value_kind_of(object) != RUNE_VALUE_OBJECT) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a state of statics is an Object, not %s",
                       rune_value_kind_name(rune_value_kind_of(object)));
    }
    size_t count = rune_value_count(object);
    struct entries entries = {.capacity = count < globals->count ? count : globals->count,
                              .copied = copied};
    entries.list = rn_alloc_array(entries.capacity + 1, sizeof(*entries.list));
    rune_status status = entries.list ? walk_entries(&entries, globals->unit, object, error)
                                      : rn_fail_plain(error, RN_E_NO_MEMORY);
    for (size_t i = 0; status == RUNE_OK && i < entries.count; i++) {
        put(globals, entries.list[i].index, RN_TAKE(entries.list[i].value));
    }
    entries_done(&entries);
    return status;
}

rune_status rune_globals_from_value(rune_unit *unit, const rune_const_value *value,
                                    rune_globals **out_globals, rune_error **error)
{
    rune_globals *globals = rune_globals_new(unit);
    rune_status status =
        globals ? put_entries(globals, value, false, error) : rn_fail_plain(error, RN_E_NO_MEMORY);
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

/* What it takes in the host */

#define VALUE_ROOM (sizeof(rune_const_value) + 32u)
#define ITEM_ROOM (2 * sizeof(void *) + 32u)

size_t rn_globals_room(const rune_unit *unit)
{
    size_t room = sizeof(rune_globals);
    for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_STATICS]; i++) {
        room += rn_unit_string_at(&unit->unit, unit->unit.statics[i].name).size + 1;
        room += ITEM_ROOM + VALUE_ROOM;
    }
    return room;
}

size_t rn_globals_size(const struct rune_globals *globals)
{
    size_t size = globals ? sizeof(*globals) : 0;
    for (size_t i = 0; globals && i < globals->count; i++) {
        size += strlen(globals->items[i]) + 1 + ITEM_ROOM;
        size += globals->values[i] ? globals->values[i]->size + VALUE_ROOM : 0;
    }
    return size;
}

/* Of a Vm */

static rune_globals *new_for(const rune_vm *vm)
{
    return vm->script ? new_without_unit() : rune_globals_new(vm->unit);
}

static rune_globals *copy(const rune_vm *vm, const rune_globals *globals)
{
    rune_globals *made = new_for(vm);
    bool good = made != NULL;
    for (size_t i = 0; good && i < globals->count; i++) {
        uint32_t index = (uint32_t)i;
        const rune_const_value *value = globals->values[i];
        good = !value || !vm->script || place_of(made, globals->items[i], &index, NULL) == RUNE_OK;
        if (good && value) {
            put(made, index, rune_value_ref(value));
        }
    }
    if (!good) {
        rune_globals_free(made);
        return NULL;
    }
    return made;
}

rune_status rune_vm_set_globals(rune_vm *vm, const rune_globals *globals, rune_error **error)
{
    if (globals && !vm->script && globals->unit != vm->unit &&
        memcmp(globals->unit->id, vm->unit->id, RUNE_UNIT_ID_SIZE) != 0) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the state is of another Unit's statics");
    }
    rune_globals *made = globals ? copy(vm, globals) : NULL;
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
    rune_status status = rn_vm_claim(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (!vm->pending) {
        vm->pending = new_for(vm);
    }
    status = vm->pending ? rune_globals_set(vm->pending, item, value, error)
                         : rn_fail_plain(error, RN_E_NO_MEMORY);
    rn_vm_release(vm);
    return status;
}

rune_status rn_vm_take_statics(rune_vm *vm, const rune_const_value *object, rune_error **error)
{
    rune_status status = rn_vm_claim(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (!vm->pending) {
        vm->pending = rune_globals_new(vm->unit);
    }
    status = vm->pending ? put_entries(vm->pending, object, true, error)
                         : rn_fail_plain(error, RN_E_NO_MEMORY);
    rn_vm_release(vm);
    return status;
}

/* Nothing but what is pending has been set, and no call has run. */
static bool is_fresh(const rune_vm *vm)
{
    return vm->supervisor->remote ? !vm->script && !vm->used : !vm->home && !vm->lost;
}

/* Carries the request out. *out_unit, borrowed, is what its statics are of; NULL: a script of a daemon that was
 * built again meanwhile. */
static rune_status ask_once(rune_vm *vm, const struct rn_request *request, rune_unit **out_unit,
                            rune_const_value **out_object, rune_error **error)
{
    rune_record *record = NULL;
    rune_status status = rn_vm_carry_out(vm, request, &record, error);
    if (status != RUNE_OK) {
        return status;
    }
    *out_unit = vm->unit;
    if (vm->script && record->reason == RUNE_REASON_OK) {
        status = rn_remote_vm_version(vm, record->unit_id, out_unit, error);
    }
    if (status != RUNE_OK) {
        rune_record_free(record);
        return status;
    }
    return rn_record_unwrap(record, out_object, error);
}

/* What the worker holds of the static `item` (all: NULL), as an Object. */
static rune_status ask(rune_vm *vm, const char *item, rune_unit **out_unit,
                       rune_const_value **out_object, rune_error **error)
{
    struct rn_request request = {.target = {.kind = RN_CALL_TARGET_STATICS,
                                            .item = item ? rn_hash_item(item, strlen(item)) : 0,
                                            .name = item ? item : ""}};
    for (unsigned i = 0; i < VERSIONS_MAX; i++) {
        rune_status status = ask_once(vm, &request, out_unit, out_object, error);
        if (status != RUNE_OK || *out_unit) {
            return status;
        }
        rune_value_unref(RN_TAKE(*out_object));
    }
    return rn_fail(error, RUNE_E_STALE, "the script was built again each time that it was asked");
}

static rune_status snapshot(rune_vm *vm, rune_globals **out_globals, rune_error **error)
{
    rune_const_value *object = NULL;
    rune_unit *unit = NULL;
    if (is_fresh(vm)) {
        *out_globals = vm->pending ? copy(vm, vm->pending) : rune_globals_new(vm->unit);
        return *out_globals ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_status status = ask(vm, NULL, &unit, &object, error);
    if (status == RUNE_OK) {
        status = rune_globals_from_value(unit, object, out_globals, error);
        rune_value_unref(object);
    }
    return status;
}

rune_status rune_vm_globals(rune_vm *vm, rune_globals **out_globals, rune_error **error)
{
    rune_status status = rn_vm_claim(vm, error);
    if (status == RUNE_OK) {
        status = snapshot(vm, out_globals, error);
        rn_vm_release(vm);
    }
    return status;
}

/* What the host set and no worker has; counted, or NULL. */
static rune_const_value *pending_value(const rune_vm *vm, const char *item)
{
    const rune_globals *pending = vm->pending;
    if (!pending) {
        return NULL;
    }
    uint32_t index =
        pending->unit ? find_static(pending->unit, item, strlen(item)) : find_set(pending, item);
    return index == RN_NONE ? NULL : rune_value_ref(pending->values[index]);
}

/* What the worker holds, or what the script gives it. */
static rune_status get_static(rune_vm *vm, const char *item, rune_const_value **out_value,
                              rune_error **error)
{
    rune_unit *unit = vm->unit;
    rune_const_value *object = NULL;
    if (unit && find_static(unit, item, strlen(item)) == RN_NONE) {
        return no_static(error, item);
    }
    rune_status status = is_fresh(vm) ? RUNE_OK : ask(vm, item, &unit, &object, error);
    if (status != RUNE_OK) {
        return status;
    }
    rune_const_value *value = rune_value_get(object, item);
    rune_value_unref(object);
    if (value) {
        *out_value = value;
        return RUNE_OK;
    }
    uint32_t index = find_static(unit, item, strlen(item));
    return index == RN_NONE ? no_static(error, item)
                            : initial_value(unit, index, item, out_value, error);
}

rune_status rune_vm_static(rune_vm *vm, const char *item, rune_const_value **out_value,
                           rune_error **error)
{
    rune_status status = item ? rn_vm_claim(vm, error) : rn_fail_null(error, "item");
    if (status != RUNE_OK) {
        return status;
    }
    rune_const_value *value = pending_value(vm, item);
    if (value) {
        *out_value = value;
    } else {
        status = get_static(vm, item, out_value, error);
    }
    rn_vm_release(vm);
    return status;
}
