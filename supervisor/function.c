/*
 * function.c: functions that Vms keep for the host, and functions that are values.
 *
 * A function of a Vm in a daemon is a kept one of the Vm here as well: its number here counts it and goes with
 * the Vm's reset; calls name it as the daemon does.
 *
 * Trust: what a worker says of a function that it keeps (a hash, an error's text) is only shown to
 * people; what a daemon calls it goes back there.
 */
#include "supervisor/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/opcode.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/remote.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"
#include "supervisor/value.h"

/* Of a Unit */

/* The function with that item hash and number of captures (RN_NONE: any); RN_NONE: none. */
static uint32_t find_function(const rune_unit *unit, uint64_t hash, uint32_t captures)
{
    for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_FUNCTIONS]; i++) {
        const struct rn_unit_function *row = &unit->unit.functions[i];
        if (row->hash == hash && (captures == RN_NONE || row->capture_count == captures)) {
            return i;
        }
    }
    return RN_NONE;
}

/* A tuple struct or variant: its name is a function, too. */
static uint32_t find_constructor(const rune_unit *unit, uint64_t hash)
{
    for (uint32_t i = 0; i < unit->unit.counts[RN_SECTION_TYPES]; i++) {
        const struct rn_unit_type *type = &unit->unit.types[i];
        if (type->hash == hash &&
            (type->kind == RN_TYPE_TUPLE_STRUCT || type->kind == RN_TYPE_TUPLE_VARIANT)) {
            return i;
        }
    }
    return RN_NONE;
}

/* The path of a function or constructor of the Unit, "" for others; the caller's. */
static char *path_of(const rune_unit *unit, uint64_t hash)
{
    struct rn_utf8 path = {"", 0};
    uint32_t function = find_function(unit, hash, RN_NONE);
    uint32_t type = find_constructor(unit, hash);
    if (function != RN_NONE) {
        path = rn_unit_string_at(&unit->unit, unit->unit.functions[function].name);
    } else if (type != RN_NONE) {
        path = rn_unit_string_at(&unit->unit, unit->unit.types[type].name);
    }
    return rn_strndup(path.data, path.size);
}

/* Functions kept by a Vm */

static rune_function *new_function(rune_vm *vm, rune_unit *unit, const struct rn_kept *kept,
                                   uint64_t hash)
{
    rune_function *function = rn_alloc(sizeof(*function));
    char *item = path_of(unit, hash);
    if (!function || !item) {
        rn_free(function);
        rn_free(item);
        return NULL;
    }
    atomic_init(&function->refs, 1);
    function->vm = rn_vm_ref(vm);
    function->unit = rune_unit_ref(unit);
    function->kept = *kept;
    function->hash = hash;
    function->item = item;
    return function;
}

/* The hash in the result of a call that kept a function; 0: it is none. */
static uint64_t hash_of(const rune_const_value *value)
{
    struct rn_const_level levels[1];
    struct rn_const_reader reader;
    struct rn_const_token token;
    rn_const_reader_init(&reader, value->bytes, value->size, levels, 1);
    bool good = rn_const_read(&reader, &token) == RN_OK && token.kind == RN_CONST_HASH;
    return good ? token.u64 : 0;
}

/* The Unit that the function is of, borrowed; the Vm ran the one with that id. */
static rune_status find_unit(rune_vm *vm, const char *id_text, rune_unit **out_unit,
                             rune_error **error)
{
    *out_unit = vm->unit;
    if (!vm->script) {
        return RUNE_OK;
    }
    rune_status status = rn_remote_vm_version(vm, id_text, out_unit, error);
    return status != RUNE_OK || *out_unit
               ? status
               : rn_fail(error, RUNE_E_STALE, "another version of the script serves by now");
}

/* Of a claimed Vm: makes a function of a call's end, which kept it. Consumes the record. */
static rune_status take_function(rune_vm *vm, rune_record *record, const struct rn_kept *kept,
                                 rune_function **out_function, rune_error **error)
{
    char id_text[sizeof(record->unit_id)];
    rune_const_value *value = NULL;
    rune_unit *unit = NULL;
    memcpy(id_text, record->unit_id, sizeof(id_text));
    rune_status status = rn_record_unwrap(record, &value, error);
    if (status == RUNE_OK && !vm->home && !vm->supervisor->remote) {
        status = rn_vm_fail_unkept(vm, error);
    }
    if (status == RUNE_OK) {
        status = find_unit(vm, id_text, &unit, error);
    }
    if (status == RUNE_OK) {
        *out_function = new_function(vm, unit, kept, hash_of(value));
        status = *out_function ? RUNE_OK : rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rune_value_unref(value);
    return status;
}

/* Of a claimed Vm: carries the request out and keeps its result. */
static rune_status keep_result(rune_vm *vm, struct rn_request *request,
                               rune_function **out_function, rune_error **error)
{
    struct rn_kept kept;
    struct rn_kept_name there = {.number = 0};
    rune_record *record = NULL;
    rune_status status = rn_vm_keep(vm, &kept, error);
    if (status != RUNE_OK) {
        return status;
    }
    request->keep = kept.number;
    request->out_kept = &there;
    status = rn_vm_carry_out(vm, request, &record, error);
    if (status == RUNE_OK) {
        status = take_function(vm, record, &kept, out_function, error);
    }
    if (status == RUNE_OK) {
        (*out_function)->there = there;
    } else {
        rn_remote_function_drop(vm, there);
        rn_vm_unkeep(vm, &kept);
    }
    return status;
}

rune_status rune_vm_call_function(rune_vm *vm, const char *item,
                                  const rune_const_value *const *args, size_t arg_count,
                                  const rune_call_options *options, rune_function **out_function,
                                  rune_error **error)
{
    struct rn_request request = {
        .target = {.name = item}, .args = {args, arg_count}, .options = options};
    rune_status status = rn_call_check(item, request.args, error);
    if (status == RUNE_OK) {
        status = rn_vm_claim(vm, error);
    }
    if (status != RUNE_OK) {
        return status;
    }
    if (!vm->supervisor->remote) { // where the item is looked for
        status = rn_vm_find_item(vm, item, &request.target, error);
    }
    if (status == RUNE_OK) {
        status = keep_result(vm, &request, out_function, error);
    }
    rn_vm_release(vm);
    return status;
}

/* Carries out a request about the function. */
static rune_status ask(rune_function *function, struct rn_request *request,
                       rune_const_value **out_value, rune_error **error)
{
    rune_record *record = NULL;
    rune_status status = rn_vm_claim(function->vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    if (function->vm->epoch != function->kept.epoch) {
        status = rn_fail(error, RUNE_E_STALE, "the Vm that kept this function was reset");
    } else {
        request->target.item = function->kept.number;
        request->target.kept = function->there;
        request->target.name = function->item;
        status = rn_vm_carry_out(function->vm, request, &record, error);
    }
    rn_vm_release(function->vm);
    return status == RUNE_OK ? rn_record_unwrap(record, out_value, error) : status;
}

rune_status rune_function_call(rune_function *function, const rune_const_value *const *args,
                               size_t arg_count, const rune_call_options *options,
                               rune_const_value **out_value, rune_error **error)
{
    struct rn_request request = {
        .target = {.kind = RN_CALL_TARGET_FUNCTION}, .args = {args, arg_count}, .options = options};
    rune_status status = rn_call_check(function->item, request.args, error);
    return status == RUNE_OK ? ask(function, &request, out_value, error) : status;
}

const char *rune_function_item(const rune_function *function)
{
    return function->item;
}

rune_function *rune_function_ref(rune_function *function)
{
    if (function) {
        atomic_fetch_add_explicit(&function->refs, 1, memory_order_relaxed);
    }
    return function;
}

void rune_function_unref(rune_function *function)
{
    if (!function || atomic_fetch_sub_explicit(&function->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    rn_remote_function_drop(function->vm, function->there);
    rn_vm_drop_function(function->vm, &function->kept);
    rune_unit_unref(function->unit);
    rn_vm_unref(function->vm);
    rn_free(function->item);
    rn_free(function);
}

/* What cannot become a ConstValue, for people */

/* The instruction that makes the closure; RN_NONE: none does. */
static uint32_t find_maker(const rune_unit *unit, uint32_t function)
{
    for (uint32_t pc = 0; pc < unit->unit.counts[RN_SECTION_CODE]; pc++) {
        if (unit->unit.code[pc].op == RN_OP_CLOSURE && unit->unit.code[pc].imm == function) {
            return pc;
        }
    }
    return RN_NONE;
}

/* The text behind an instruction; "" if it is not known. */
static struct rn_utf8 text_at(const rune_unit *unit, uint32_t pc)
{
    struct rn_debug_span span = rn_debug_find(&unit->debug, pc);
    if (span.source == RN_NONE) {
        return (struct rn_utf8){"", 0};
    }
    struct rn_debug_source source = rn_debug_source(&unit->debug, span.source);
    return (struct rn_utf8){source.text.data + span.start, span.end - span.start};
}

/*
 * The variable that capture `index` was. The compiler moves variables to the window of CLOSURE one
 * after the other, and says of each move where the variable was bound.
 */
static struct rn_utf8 name_of_capture(const rune_unit *unit, uint32_t maker, uint32_t index)
{
    const struct rn_inst *inst = &unit->unit.code[maker];
    uint32_t back = inst->b - index;
    if (index >= inst->b || back > maker ||
        unit->unit.code[maker - back].a != (uint8_t)(inst->a + index)) {
        return (struct rn_utf8){"", 0};
    }
    struct rn_utf8 name = text_at(unit, maker - back);
    return name.size <= 64 && memchr(name.data, '\n', name.size) == NULL ? name
                                                                         : (struct rn_utf8){"", 0};
}

/* ", captured at main.rn:5:9" */
static void append_place(const rune_unit *unit, uint32_t pc, struct rn_buf *out)
{
    struct rn_line at = rn_lines_find(&unit->lines, &unit->debug, pc);
    if (at.line != 0) {
        rn_buf_append_format(out, ", captured at %.*s:%u:%u", (int)at.source.size, at.source.data,
                             at.line, at.column);
    }
}

/* `message` is "value.captures[" .. "]" .. ": `T` cannot be sent to another process": says which
 * variable was captured, and where. */
static void describe_capture(const rune_function *function, const char *message, struct rn_buf *out)
{
    const rune_unit *unit = function->unit;
    char *path;
    unsigned long index = strtoul(message, &path, 10);
    path += *path == ']';
    size_t path_size = strcspn(path, ":");
    uint32_t closure = find_function(unit, function->hash, RN_NONE);
    uint32_t maker = closure == RN_NONE || !unit->has_debug ? RN_NONE : find_maker(unit, closure);
    struct rn_utf8 name = {"", 0};
    if (maker != RN_NONE && index < RN_CAPTURES_MAX) {
        name = name_of_capture(unit, maker, (uint32_t)index);
    }
    if (name.size > 0) {
        rn_buf_append_format(out, "`%.*s%.*s`", (int)name.size, name.data, (int)path_size, path);
    } else {
        rn_buf_append_format(out, "capture %lu of `%s`", index, function->item);
    }
    if (maker != RN_NONE) {
        append_place(unit, maker, out);
    }
    rn_buf_append_text(out, path + path_size);
}

static rune_status fail_capture(const rune_function *function, const rune_error *from,
                                rune_error **error)
{
    static const char prefix[] = "value.captures[";
    const char *message = rune_error_message(from);
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 8192);
    if (strncmp(message, prefix, sizeof(prefix) - 1) == 0) {
        describe_capture(function, message + sizeof(prefix) - 1, &text);
        rn_buf_append_u8(&text, 0);
        message = rn_buf_status(&text) == RN_OK ? (const char *)text.data : message;
    }
    return rn_fail_reason(error, RUNE_E_CONST_UNSUPPORTED, RUNE_REASON_SCRIPT_ERROR,
                          rune_error_kind(from), "%s", message);
}

/* What the Vm is like while nobody can change it: afterwards another thread may, which makes the function stale. */
static rune_status look_at_vm(rune_vm *vm, rune_vm_options *options, rune_runtime **out_runtime,
                              rune_error **error)
{
    rune_status status = rn_vm_claim(vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    *options = (rune_vm_options){
        .has_isolation = true, .isolation = vm->isolation, .limits = vm->limits, .user = vm->user};
    const char *domain = vm->supervisor->remote ? vm->domain_name : vm->domain->name;
    memcpy(options->domain, domain, strlen(domain) + 1);
    *out_runtime = rune_runtime_ref(vm->runtime);
    rn_vm_release(vm);
    return RUNE_OK;
}

/* The function as a value. */
static rune_status ask_for_value(rune_function *function, rune_const_value **out_value,
                                 rune_error **error)
{
    struct rn_request request = {.target = {.kind = RN_CALL_TARGET_SEND}};
    rune_error *why = NULL;
    rune_status status = ask(function, &request, out_value, &why);
    if (status == RUNE_E_SCRIPT_ERROR && why &&
        strcmp(rune_error_kind(why), "ConstNotSupported") == 0) {
        status = fail_capture(function, why, error);
    } else if (status != RUNE_OK && error) {
        *error = RN_TAKE(why);
    }
    rune_error_free(why);
    return status;
}

rune_status rune_function_into_sync(rune_function *function, rune_sync_function **out_function,
                                    rune_error **error)
{
    rune_vm *vm = function->vm;
    rune_vm_options options;
    rune_runtime *runtime = NULL;
    rune_const_value *value = NULL;
    rune_status status = look_at_vm(vm, &options, &runtime, error);
    if (status == RUNE_OK) {
        status = ask_for_value(function, &value, error);
    }
    if (status == RUNE_OK) {
        status = rune_sync_function_from_value(vm->supervisor, runtime, function->unit, &options,
                                               value, out_function, error);
    }
    rune_value_unref(value);
    rune_runtime_unref(runtime);
    return status;
}

/* Functions that are values */

static rune_status invalid(rune_error **error, const char *why)
{
    return rn_fail_reason(error, RUNE_E_FUNCTION_INVALID, RUNE_REASON_USAGE, "FUNCTION_INVALID",
                          "%s", why);
}

/* As strict as the verifier: what the value names is in the Unit, and takes as many captures. */
static rune_status check(const rune_unit *unit, const rune_const_value *value, uint64_t *out_hash,
                         rune_error **error)
{
    static const uint8_t no_unit[RUNE_UNIT_ID_SIZE];
    struct rn_const_level levels[1];
    struct rn_const_reader reader;
    struct rn_const_token token;
    rn_const_reader_init(&reader, value->bytes, value->size, levels, 1);
    if (rn_const_read(&reader, &token) != RN_OK || token.kind != RN_CONST_FUNCTION) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the value is a %s, not a Function",
                       rune_value_kind_name(rune_value_kind_of(value)));
    }
    *out_hash = token.item.type_hash;
    if (memcmp(token.item.content_id, no_unit, RUNE_UNIT_ID_SIZE) == 0) {
        return token.count == 0 ? RUNE_OK
                                : invalid(error, "a function of the library captures nothing");
    }
    if (memcmp(token.item.content_id, unit->id, RUNE_UNIT_ID_SIZE) != 0) {
        return invalid(error, "the function belongs to another Unit");
    }
    if (find_function(unit, *out_hash, token.count) != RN_NONE ||
        (token.count == 0 && find_constructor(unit, *out_hash) != RN_NONE)) {
        return RUNE_OK;
    }
    return invalid(error, find_function(unit, *out_hash, RN_NONE) == RN_NONE
                              ? "the Unit has no such function"
                              : "the function captures another number of values");
}

rune_status rn_function_check(const rune_unit *unit, const rune_const_value *value,
                              rune_error **error)
{
    uint64_t hash = 0;
    return check(unit, value, &hash, error);
}

static rune_sync_function *new_sync(rune_supervisor *supervisor, rune_runtime *runtime,
                                    rune_unit *unit, const rune_vm_options *options, uint64_t hash)
{
    rune_sync_function *function = rn_alloc(sizeof(*function));
    char *item = path_of(unit, hash);
    if (!function || !item) {
        rn_free(function);
        rn_free(item);
        return NULL;
    }
    atomic_init(&function->refs, 1);
    rn_supervisor_ref(supervisor);
    function->supervisor = supervisor;
    function->runtime = rune_runtime_ref(runtime);
    function->unit = rune_unit_ref(unit);
    function->item = item;
    if (options) {
        function->options = *options;
    } else {
        rn_limits_init(&function->options.limits);
    }
    return function;
}

rune_status rune_sync_function_from_value(rune_supervisor *supervisor, rune_runtime *runtime,
                                          rune_unit *unit, const rune_vm_options *options,
                                          const rune_const_value *value,
                                          rune_sync_function **out_function, rune_error **error)
{
    uint64_t hash = 0;
    if (!supervisor || !unit || !value) {
        return rn_fail_null(error, !supervisor ? "supervisor" : !unit ? "unit" : "value");
    }
    rune_status status = check(unit, value, &hash, error);
    if (status != RUNE_OK) {
        return status;
    }
    rune_sync_function *function = new_sync(supervisor, runtime, unit, options, hash);
    if (!function) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    function->value = rune_value_ref(value);
    *out_function = function;
    return RUNE_OK;
}

rune_status rune_sync_function_from_cbor(rune_supervisor *supervisor, rune_runtime *runtime,
                                         rune_unit *unit, const rune_vm_options *options,
                                         const void *data, size_t size,
                                         rune_sync_function **out_function, rune_error **error)
{
    rune_const_value *value;
    rune_status status = rune_value_from_cbor(data, size, &value, error);
    if (status == RUNE_OK) {
        status = rune_sync_function_from_value(supervisor, runtime, unit, options, value,
                                               out_function, error);
        rune_value_unref(value);
    }
    return status;
}

rune_status rune_sync_function_lookup(rune_supervisor *supervisor, rune_runtime *runtime,
                                      rune_unit *unit, const rune_vm_options *options,
                                      const char *item, rune_sync_function **out_function,
                                      rune_error **error)
{
    if (!unit || !item) {
        return rn_fail_null(error, unit ? "item" : "unit");
    }
    if (!rune_unit_has(unit, item) || item[0] == 0) {
        return rn_unit_fail_missing(unit, item, error);
    }
    uint8_t storage[64];
    struct rn_buf bytes;
    rn_buf_init_fixed(&bytes, storage, sizeof(storage));
    rn_const_begin_function(&bytes, unit->id, rn_hash_item(item, strlen(item)), 0);
    return rune_sync_function_from_cbor(supervisor, runtime, unit, options, bytes.data, bytes.size,
                                        out_function, error);
}

static rune_status call_sync(rune_sync_function *function, struct rn_request *request,
                             rune_const_value **out_value, rune_error **error)
{
    rune_vm *vm;
    rune_record *record = NULL;
    rune_status status = rune_vm_new(function->supervisor, function->runtime, function->unit,
                                     &function->options, &vm, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = rn_vm_carry_out(vm, request, &record, error);
    rune_vm_free(vm);
    return status == RUNE_OK ? rn_record_unwrap(record, out_value, error) : status;
}

rune_status rune_sync_function_call(rune_sync_function *function,
                                    const rune_const_value *const *args, size_t arg_count,
                                    const rune_call_options *options, rune_const_value **out_value,
                                    rune_error **error)
{
    struct rn_args given = {args, arg_count};
    rune_status status = rn_call_check(function->item, given, error);
    if (status == RUNE_OK && arg_count > RN_ARGUMENTS_MAX) {
        status =
            rn_fail(error, RUNE_E_INVALID_ARGUMENT, "more than %u arguments", RN_ARGUMENTS_MAX);
    }
    if (status != RUNE_OK) {
        return status;
    }
    const rune_const_value *all[RN_ARGUMENTS_MAX + 1] = {function->value};
    if (arg_count > 0) {
        memcpy(all + 1, args, arg_count * sizeof(*args));
    }
    struct rn_request request = {.target = {.kind = RN_CALL_TARGET_VALUE, .name = function->item},
                                 .args = {all, arg_count + 1},
                                 .options = options};
    return call_sync(function, &request, out_value, error);
}

const rune_const_value *rune_sync_function_to_value(const rune_sync_function *function)
{
    return function->value;
}

const void *rune_sync_function_to_cbor(const rune_sync_function *function, size_t *out_size)
{
    return rune_value_to_cbor(function->value, out_size);
}

const char *rune_sync_function_item(const rune_sync_function *function)
{
    return function->item;
}

rune_unit *rune_sync_function_unit(const rune_sync_function *function)
{
    return function->unit;
}

rune_sync_function *rune_sync_function_ref(rune_sync_function *function)
{
    if (function) {
        atomic_fetch_add_explicit(&function->refs, 1, memory_order_relaxed);
    }
    return function;
}

void rune_sync_function_unref(rune_sync_function *function)
{
    if (!function || atomic_fetch_sub_explicit(&function->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    rune_supervisor *supervisor = function->supervisor;
    rune_value_unref(function->value);
    rune_unit_unref(function->unit);
    rune_runtime_unref(function->runtime);
    rn_free(function->item);
    rn_free(function);
    rune_supervisor_free(supervisor);
}
