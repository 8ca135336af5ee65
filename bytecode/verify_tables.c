/*
 * verify_tables.c: everything that code refers to (invariants I4 to I10 of unit_verify.c).
 *
 * Trust: reads an image of which only the sections' bounds are known.
 */
#include "base/alloc.h"
#include "base/sort.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/types.h"
#include "bytecode/verifier.h"

#include <string.h>

static uint32_t count_of(const struct rn_verifier *v, enum rn_section section)
{
    return v->unit.counts[section];
}

/* --- Texts --- */

static bool ascends(const struct rn_verifier *v, uint32_t index)
{
    if (index == 0) {
        return true;
    }
    struct rn_utf8 before = rn_unit_string_at(&v->unit, index - 1);
    struct rn_utf8 text = rn_unit_string_at(&v->unit, index);
    return before.size < text.size ||
           (before.size == text.size && memcmp(before.data, text.data, text.size) < 0);
}

static bool verify_string(struct rn_verifier *v, uint32_t index, uint32_t *end)
{
    const struct rn_unit_string *string = &v->unit.strings[index];
    uint32_t left = count_of(v, RN_SECTION_STRING_DATA) - *end;
    if (!rn_verify_need(v, string->offset == *end, RN_CHECK_STRING_RUN, string) ||
        !rn_verify_need(v, string->size <= left, RN_CHECK_STRING_BOUNDS, &string->size) ||
        !rn_verify_need(v, ascends(v, index), RN_CHECK_STRING_ORDER, string)) {
        return false;
    }
    *end += string->size;
    struct rn_utf8 text = rn_unit_string_at(&v->unit, index);
    v->string_hashes[index] = rn_hash_item(text.data, text.size);
    v->string_is_utf8[index] = rn_utf8_valid(text.data, text.size, NULL);
    return true;
}

static bool verify_strings(struct rn_verifier *v)
{
    uint32_t count = count_of(v, RN_SECTION_STRINGS);
    v->string_hashes = rn_verify_alloc(v, count, sizeof(*v->string_hashes));
    v->string_is_utf8 = rn_verify_alloc(v, count, sizeof(*v->string_is_utf8));
    v->string_seen = rn_verify_alloc(v, count, sizeof(*v->string_seen));
    if (v->error != RN_OK) {
        return false;
    }
    uint32_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!verify_string(v, i, &end)) {
            return false;
        }
    }
    return rn_verify_need(v, end == count_of(v, RN_SECTION_STRING_DATA), RN_CHECK_STRING_END,
                          v->unit.string_data + end);
}

/* I5 */
static bool verify_name(struct rn_verifier *v, const uint32_t *name)
{
    return rn_verify_need(v, *name < count_of(v, RN_SECTION_STRINGS), RN_CHECK_STRING_INDEX,
                          name) &&
           rn_verify_need(v, v->string_is_utf8[*name], RN_CHECK_NAME_UTF8, name);
}

/* A name with its hash. */
static bool verify_item(struct rn_verifier *v, const uint32_t *name, const uint64_t *hash)
{
    return verify_name(v, name) &&
           rn_verify_need(v, *hash == v->string_hashes[*name], RN_CHECK_HASH, hash);
}

static int compare_hashes(const void *left, const void *right)
{
    uint64_t a;
    uint64_t b;
    memcpy(&a, left, sizeof(a));
    memcpy(&b, right, sizeof(b));
    return a < b ? -1 : a > b;
}

/* I6. Elements of `size` bytes, each beginning with its hash. */
static bool verify_hashes_differ(struct rn_verifier *v, const void *elements, uint32_t count,
                                 size_t size)
{
    RN_AUTO_FREE uint64_t *hashes = rn_verify_alloc(v, count, sizeof(*hashes));
    if (hashes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&hashes[i], (const uint8_t *)elements + i * size, sizeof(hashes[i]));
    }
    rn_sort(hashes, count, sizeof(*hashes), compare_hashes);
    for (uint32_t i = 1; i < count; i++) {
        if (hashes[i - 1] == hashes[i]) {
            return rn_verify_refuse(v, RN_CHECK_HASH_DUPLICATE, elements);
        }
    }
    return true;
}

/* --- Constants --- */

/* I7: what the worker may turn into values without asking for types. */
static bool is_plain(enum rn_const_kind kind)
{
    return kind != RN_CONST_STRUCT && kind != RN_CONST_VARIANT && kind != RN_CONST_FUNCTION &&
           kind != RN_CONST_HASH_MAP && kind != RN_CONST_HASH_SET && kind != RN_CONST_VEC_DEQUE;
}

static bool has_plain_content(const uint8_t *bytes, size_t size)
{
    struct rn_const_level levels[RN_CONSTANT_DEPTH_MAX];
    struct rn_const_reader reader;
    rn_const_reader_init(&reader, bytes, size, levels, RN_COUNT_OF(levels));
    while (!rn_const_reader_at_end(&reader)) {
        struct rn_const_token token;
        if (RN_NEVER(rn_const_read(&reader, &token) != RN_OK) || !is_plain(token.kind)) {
            return false;
        }
    }
    return true;
}

static bool verify_composite(struct rn_verifier *v, const struct rn_unit_constant *constant,
                             uint32_t *end)
{
    static const struct rn_const_limits limits = {
        .size_max = RN_CONSTANT_DATA_MAX,
        .depth_max = RN_CONSTANT_DEPTH_MAX,
        .element_max = RN_CONSTANT_ELEMENTS_MAX,
    };
    uint32_t offset = (uint32_t)constant->payload;
    uint32_t size = (uint32_t)(constant->payload >> 32);
    uint32_t left = count_of(v, RN_SECTION_CONSTANT_DATA) - *end;
    if (!rn_verify_need(v, offset == *end, RN_CHECK_CONSTANT_RUN, constant) ||
        !rn_verify_need(v, size <= left, RN_CHECK_CONSTANT_BOUNDS, constant)) {
        return false;
    }
    const uint8_t *bytes = v->unit.constant_data + offset;
    struct rn_const_fault fault;
    enum rn_error error = rn_const_value_check(bytes, size, &limits, &fault);
    if (error == RN_E_NO_MEMORY) {
        v->error = error;
        return false;
    }
    *end += size;
    return rn_verify_need(v, error == RN_OK, RN_CHECK_CONSTANT_VALUE, constant) &&
           rn_verify_need(v, has_plain_content(bytes, size), RN_CHECK_CONSTANT_CONTENT, constant);
}

static bool verify_constants(struct rn_verifier *v)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_CONSTANTS); i++) {
        const struct rn_unit_constant *constant = &v->unit.constants[i];
        if (!rn_verify_need(v, constant->reserved == 0, RN_CHECK_RESERVED, &constant->reserved) ||
            !rn_verify_need(v, constant->kind <= RN_CONSTANT_CBOR, RN_CHECK_CONSTANT_KIND,
                            &constant->kind)) {
            return false;
        }
        if (constant->kind == RN_CONSTANT_CBOR && !verify_composite(v, constant, &end)) {
            return false;
        }
    }
    return rn_verify_need(v, end == count_of(v, RN_SECTION_CONSTANT_DATA), RN_CHECK_CONSTANT_END,
                          v->unit.constant_data + end);
}

/* --- Names and types --- */

/* A run in NAMES behind the one before it, of different names (I4, I8). */
static bool verify_names(struct rn_verifier *v, const uint32_t *start, uint32_t count)
{
    uint32_t left = count_of(v, RN_SECTION_NAMES) - v->names_end;
    if (!rn_verify_need(v, *start == v->names_end, RN_CHECK_NAMES_RUN, start) ||
        !rn_verify_need(v, count <= left, RN_CHECK_NAMES_BOUNDS, start)) {
        return false;
    }
    v->names_end += count;
    v->names_seen++;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *name = &v->unit.names[*start + i];
        if (!verify_name(v, name) || !rn_verify_need(v, v->string_seen[*name] != v->names_seen,
                                                     RN_CHECK_NAMES_DUPLICATE, name)) {
            return false;
        }
        v->string_seen[*name] = v->names_seen;
    }
    return true;
}

static bool verify_keys(struct rn_verifier *v)
{
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_KEYS); i++) {
        const struct rn_unit_key_set *set = &v->unit.keys[i];
        if (!verify_names(v, &set->start, set->count)) {
            return false;
        }
    }
    return true;
}

static bool is_variant(uint32_t kind)
{
    return kind >= RN_TYPE_UNIT_VARIANT;
}

static bool verify_fields(struct rn_verifier *v, const struct rn_unit_type *type)
{
    if (type->kind == RN_TYPE_STRUCT || type->kind == RN_TYPE_STRUCT_VARIANT) {
        return verify_names(v, &type->fields, type->field_count);
    }
    bool may_have_fields = type->kind == RN_TYPE_TUPLE_STRUCT || type->kind == RN_TYPE_ENUM ||
                           type->kind == RN_TYPE_TUPLE_VARIANT;
    return rn_verify_need(v, type->fields == RN_NONE && (may_have_fields || type->field_count == 0),
                          RN_CHECK_TYPE_FIELDS, &type->fields);
}

/*
 * I8. `*parent`: the enum whose variants may stand here, RN_NONE if none are missing; `*variant`:
 * the index of the next.
 */
static bool verify_parent(struct rn_verifier *v, uint32_t index, uint32_t *parent,
                          uint32_t *variant)
{
    const struct rn_unit_type *type = &v->unit.types[index];
    bool fits = is_variant(type->kind) == (*parent != RN_NONE) && type->parent == *parent &&
                type->variant_index == *variant;
    if (!rn_verify_need(v, fits, RN_CHECK_TYPE_PARENT, &type->parent)) {
        return false;
    }
    if (type->kind == RN_TYPE_ENUM && type->field_count > 0) {
        *parent = index;
    } else if (*parent != RN_NONE) {
        (*variant)++;
        if (*variant == v->unit.types[*parent].field_count) {
            *parent = RN_NONE;
            *variant = 0;
        }
    }
    return true;
}

/* No two have one name by now: those that are there are few, and the first that is not ends it. */
static bool verify_externals(struct rn_verifier *v)
{
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_TYPES); i++) {
        const struct rn_unit_type *type = &v->unit.types[i];
        v->named = rn_unit_string_at(&v->unit, type->name);
        if (!rn_verify_need(v, type->kind != RN_TYPE_EXTERNAL || rn_library_has_type(v->named),
                            RN_CHECK_TYPE_EXTERNAL, &type->name)) {
            return false;
        }
    }
    v->named = RN_UTF8("");
    return true;
}

static bool verify_types(struct rn_verifier *v)
{
    uint32_t count = count_of(v, RN_SECTION_TYPES);
    uint32_t parent = RN_NONE;
    uint32_t variant = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_type *type = &v->unit.types[i];
        if (!verify_item(v, &type->name, &type->hash) ||
            !rn_verify_need(v, type->kind <= RN_TYPE_STRUCT_VARIANT, RN_CHECK_TYPE_KIND,
                            &type->kind) ||
            !rn_verify_need(v, type->reserved == 0, RN_CHECK_RESERVED, &type->reserved) ||
            !verify_parent(v, i, &parent, &variant) || !verify_fields(v, type)) {
            return false;
        }
    }
    return rn_verify_need(v, parent == RN_NONE, RN_CHECK_TYPE_PARENT, v->unit.types + count) &&
           rn_verify_need(v, v->names_end == count_of(v, RN_SECTION_NAMES), RN_CHECK_NAMES_END,
                          v->unit.names + v->names_end) &&
           verify_hashes_differ(v, v->unit.types, count, sizeof(*v->unit.types)) &&
           verify_externals(v);
}

/* --- Functions and what names them --- */

static bool verify_function_shape(struct rn_verifier *v, const struct rn_unit_function *function)
{
    const uint32_t known = RN_FUNCTION_INSTANCE | RN_FUNCTION_STEP | RN_FUNCTION_CLOSURE |
                           RN_FUNCTION_TEST | RN_FUNCTION_BENCH;
    uint32_t inputs = function->arg_count + (uint32_t)function->capture_count;
    bool is_step = (function->flags & RN_FUNCTION_STEP) != 0;
    bool flags_agree =
        (function->flags & ~known) == 0 &&
        (function->capture_count == 0 || (function->flags & RN_FUNCTION_CLOSURE) != 0) &&
        (function->arg_count > 0 || (function->flags & RN_FUNCTION_INSTANCE) == 0) &&
        (!is_step || (v->standard && function->kind == RN_FUNCTION_IMMEDIATE));
    return rn_verify_need(v,
                          function->arg_count <= RN_ARGUMENTS_MAX &&
                              function->capture_count <= RN_CAPTURES_MAX,
                          RN_CHECK_FUNCTION_ARGUMENTS, &function->arg_count) &&
           rn_verify_need(v,
                          function->register_count >= 1 && function->register_count >= inputs &&
                              function->register_count <= RN_REGISTERS_MAX,
                          RN_CHECK_FUNCTION_REGISTERS, &function->register_count) &&
           rn_verify_need(v, function->kind <= RN_FUNCTION_STREAM, RN_CHECK_FUNCTION_KIND,
                          &function->kind) &&
           rn_verify_need(v, flags_agree, RN_CHECK_FUNCTION_FLAGS, &function->flags) &&
           rn_verify_need(v, function->reserved == 0, RN_CHECK_RESERVED, &function->reserved);
}

static bool verify_functions(struct rn_verifier *v)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_FUNCTIONS); i++) {
        const struct rn_unit_function *function = &v->unit.functions[i];
        v->function = i;
        uint32_t left = count_of(v, RN_SECTION_CODE) - end;
        if (!verify_item(v, &function->name, &function->hash) ||
            !rn_verify_need(v, function->code_start == end, RN_CHECK_FUNCTION_CODE,
                            &function->code_start) ||
            !rn_verify_need(v, function->code_count > 0 && function->code_count <= left,
                            RN_CHECK_FUNCTION_BOUNDS, &function->code_count) ||
            !verify_function_shape(v, function)) {
            return false;
        }
        end += function->code_count;
    }
    v->function = RN_NONE;
    return rn_verify_need(v, end == count_of(v, RN_SECTION_CODE), RN_CHECK_FUNCTION_END,
                          v->unit.code + end);
}

static bool verify_function_index(struct rn_verifier *v, const uint32_t *function)
{
    return rn_verify_need(v, *function < count_of(v, RN_SECTION_FUNCTIONS), RN_CHECK_FUNCTION_INDEX,
                          function);
}

static bool verify_main(struct rn_verifier *v)
{
    const uint32_t *main_function = &v->unit.header->main_function;
    if (*main_function == RN_NONE) {
        return true;
    }
    return verify_function_index(v, main_function) &&
           rn_verify_need(v, v->unit.functions[*main_function].capture_count == 0, RN_CHECK_MAIN,
                          main_function);
}

static bool verify_imports(struct rn_verifier *v)
{
    uint32_t count = count_of(v, RN_SECTION_IMPORTS);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_import *import = &v->unit.imports[i];
        if (!verify_item(v, &import->name, &import->hash) ||
            !rn_verify_need(v, import->arity >= -1 && import->arity <= (int)RN_ARGUMENTS_MAX,
                            RN_CHECK_IMPORT_ARITY, &import->arity) ||
            !rn_verify_need(v, import->reserved == 0, RN_CHECK_RESERVED, &import->reserved)) {
            return false;
        }
    }
    return verify_hashes_differ(v, v->unit.imports, count, sizeof(*v->unit.imports));
}

static bool verify_exports(struct rn_verifier *v)
{
    const struct rn_unit_export *exports = v->unit.exports;
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_EXPORTS); i++) {
        if (!rn_verify_need(v, i == 0 || exports[i - 1].hash < exports[i].hash,
                            RN_CHECK_EXPORT_ORDER, &exports[i]) ||
            !verify_function_index(v, &exports[i].function)) {
            return false;
        }
        const struct rn_unit_function *function = &v->unit.functions[exports[i].function];
        if (!rn_verify_need(v,
                            function->hash == exports[i].hash &&
                                function->name == exports[i].name && function->capture_count == 0,
                            RN_CHECK_EXPORT_FUNCTION, &exports[i])) {
            return false;
        }
    }
    return true;
}

static bool method_ascends(const struct rn_unit_method *before, const struct rn_unit_method *method)
{
    return before->type != method->type ? before->type < method->type
                                        : before->name_hash < method->name_hash;
}

static bool verify_methods(struct rn_verifier *v)
{
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_METHODS); i++) {
        const struct rn_unit_method *method = &v->unit.methods[i];
        if (!rn_verify_need(v, i == 0 || method_ascends(method - 1, method), RN_CHECK_METHOD_ORDER,
                            method) ||
            !rn_verify_need(v,
                            method->type < count_of(v, RN_SECTION_TYPES) &&
                                v->unit.types[method->type].kind != RN_TYPE_EXTERNAL,
                            RN_CHECK_METHOD_TYPE, &method->type) ||
            !verify_function_index(v, &method->function)) {
            return false;
        }
        const struct rn_unit_function *function = &v->unit.functions[method->function];
        if (!rn_verify_need(
                v, (function->flags & RN_FUNCTION_INSTANCE) != 0 && function->capture_count == 0,
                RN_CHECK_METHOD_FUNCTION, &method->function)) {
            return false;
        }
    }
    return true;
}

static bool verify_statics(struct rn_verifier *v)
{
    uint32_t count = count_of(v, RN_SECTION_STATICS);
    for (uint32_t i = 0; i < count; i++) {
        const struct rn_unit_static *item = &v->unit.statics[i];
        if (!verify_item(v, &item->name, &item->hash) ||
            !rn_verify_need(
                v, item->constant == RN_NONE || item->constant < count_of(v, RN_SECTION_CONSTANTS),
                RN_CHECK_STATIC_CONSTANT, &item->constant)) {
            return false;
        }
    }
    return verify_hashes_differ(v, v->unit.statics, count, sizeof(*v->unit.statics));
}

/* --- Jump tables, sites, specifications --- */

static bool verify_switch_subject(struct rn_verifier *v, const struct rn_unit_switch *table)
{
    bool known = false;
    if (table->kind == RN_SWITCH_INT) {
        known = table->type == RN_NONE;
    } else if (table->kind == RN_SWITCH_VARIANT && table->type < count_of(v, RN_SECTION_TYPES)) {
        uint32_t kind = v->unit.types[table->type].kind;
        known = table->base == 0 && (kind == RN_TYPE_ENUM || kind == RN_TYPE_EXTERNAL);
    }
    return rn_verify_need(v, known, RN_CHECK_SWITCH_KIND, &table->kind);
}

/* A target inside the function; remembered as such. */
static bool verify_target(struct rn_verifier *v, const struct rn_unit_switch *table,
                          const uint32_t *target)
{
    const struct rn_unit_function *function = &v->unit.functions[table->function];
    if (!rn_verify_need(v, *target < function->code_count, RN_CHECK_SWITCH_TARGET, target)) {
        return false;
    }
    uint32_t pc = function->code_start + *target;
    v->is_target[pc / 8] |= (uint8_t)(1u << (pc % 8));
    return true;
}

static bool verify_switch(struct rn_verifier *v, const struct rn_unit_switch *table, uint32_t *end)
{
    uint32_t left = count_of(v, RN_SECTION_TARGETS) - *end;
    if (!verify_function_index(v, &table->function) || !verify_switch_subject(v, table) ||
        !rn_verify_need(v, table->targets == *end, RN_CHECK_SWITCH_RUN, &table->targets) ||
        !rn_verify_need(v, table->count <= left, RN_CHECK_SWITCH_BOUNDS, &table->count) ||
        !verify_target(v, table, &table->default_target)) {
        return false;
    }
    *end += table->count;
    for (uint32_t i = 0; i < table->count; i++) {
        if (!verify_target(v, table, &v->unit.targets[table->targets + i])) {
            return false;
        }
    }
    return true;
}

static bool verify_switches(struct rn_verifier *v)
{
    v->is_target = rn_verify_alloc(v, count_of(v, RN_SECTION_CODE) / 8 + 1, 1);
    if (v->is_target == NULL) {
        return false;
    }
    uint32_t end = 0;
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_SWITCHES); i++) {
        if (!verify_switch(v, &v->unit.switches[i], &end)) {
            return false;
        }
    }
    return rn_verify_need(v, end == count_of(v, RN_SECTION_TARGETS), RN_CHECK_SWITCH_END,
                          v->unit.targets + end);
}

static bool verify_sites(struct rn_verifier *v)
{
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_SITES); i++) {
        const struct rn_unit_site *site = &v->unit.sites[i];
        if (!rn_verify_need(v, site->kind <= RN_SITE_CALL, RN_CHECK_SITE_KIND, &site->kind) ||
            !verify_name(v, &site->name)) {
            return false;
        }
        // Calls with generics hash more than their name.
        if (!rn_verify_need(
                v, site->kind == RN_SITE_CALL || site->name_hash == v->string_hashes[site->name],
                RN_CHECK_HASH, &site->name_hash)) {
            return false;
        }
    }
    return true;
}

static bool verify_specs(struct rn_verifier *v)
{
    const uint32_t known =
        RN_SPEC_PLUS | RN_SPEC_MINUS | RN_SPEC_ALTERNATE | RN_SPEC_ZERO | RN_SPEC_ALIGNED;
    for (uint32_t i = 0; i < count_of(v, RN_SECTION_SPECS); i++) {
        const struct rn_unit_spec *spec = &v->unit.specs[i];
        if (!rn_verify_need(v, rn_is_scalar(spec->fill), RN_CHECK_SPEC_FILL, &spec->fill) ||
            !rn_verify_need(v,
                            spec->align <= RN_ALIGN_RIGHT && spec->type <= RN_SPEC_POINTER &&
                                (spec->flags & ~known) == 0,
                            RN_CHECK_SPEC_FORM, &spec->align) ||
            !rn_verify_need(v, spec->reserved == 0, RN_CHECK_RESERVED, &spec->reserved)) {
            return false;
        }
    }
    return true;
}

bool rn_verify_tables(struct rn_verifier *v)
{
    return verify_strings(v) && verify_constants(v) && verify_keys(v) && verify_types(v) &&
           verify_functions(v) && verify_main(v) && verify_imports(v) && verify_exports(v) &&
           verify_methods(v) && verify_statics(v) && verify_switches(v) && verify_sites(v) &&
           verify_specs(v);
}
