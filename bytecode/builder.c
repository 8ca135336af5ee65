/*
 * builder.c: the builder's life, its faults, and the tables that instructions refer to.
 *
 * Each table is a buffer whose maximum is the limit of the format, so that exceeding it is the
 * buffer's refusal and becomes the fault of that name.
 */
#include "bytecode/builder.h"

#include "base/alloc.h"
#include "bytecode/builder_state.h"
#include "bytecode/hash.h"
#include "bytecode/unit_debug.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *fault_text(enum rn_builder_fault fault)
{
    switch (fault) {
    case RN_BUILDER_OK:
        return "no fault";
#define RN_BUILDER_FAULT(name, message)                                                            \
    case RN_BUILDER_##name:                                                                        \
        return message;
#include "bytecode/builder_faults.def"
#undef RN_BUILDER_FAULT
    }
    return "unknown fault";
}

static void init_buffers(struct rn_builder *b)
{
    rn_buf_init(&b->code, (size_t)RN_INSTRUCTIONS_MAX * sizeof(struct rn_inst));
    rn_buf_init(&b->heights, (size_t)RN_INSTRUCTIONS_MAX * sizeof(struct rn_unit_height));
    rn_buf_init(&b->constants, (size_t)RN_CONSTANTS_MAX * sizeof(struct rn_unit_constant));
    rn_buf_init(&b->constant_data, RN_CONSTANT_DATA_MAX);
    rn_buf_init(&b->strings, (size_t)RN_STRINGS_MAX * sizeof(struct rn_unit_string));
    rn_buf_init(&b->string_data, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&b->keys, (size_t)RN_KEY_SETS_MAX * sizeof(struct rn_unit_key_set));
    rn_buf_init(&b->names, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&b->types, (size_t)RN_TYPES_MAX * sizeof(struct rn_unit_type));
    rn_buf_init(&b->imports, (size_t)RN_IMPORTS_MAX * sizeof(struct rn_unit_import));
    rn_buf_init(&b->exports, (size_t)RN_FUNCTIONS_MAX * sizeof(struct rn_unit_export));
    rn_buf_init(&b->methods, (size_t)RN_FUNCTIONS_MAX * sizeof(struct rn_unit_method));
    rn_buf_init(&b->statics, (size_t)RN_STATICS_MAX * sizeof(struct rn_unit_static));
    rn_buf_init(&b->switches, (size_t)RN_SWITCHES_MAX * sizeof(struct rn_unit_switch));
    rn_buf_init(&b->targets, (size_t)RN_TARGETS_MAX * sizeof(uint32_t));
    rn_buf_init(&b->sites, (size_t)RN_SITES_MAX * sizeof(struct rn_unit_site));
    rn_buf_init(&b->specs, (size_t)RN_SPECS_MAX * sizeof(struct rn_unit_spec));
    rn_buf_init(&b->bodies, (size_t)RN_FUNCTIONS_MAX * sizeof(struct rn_builder_body));
    rn_buf_init(&b->lines, (size_t)RN_INSTRUCTIONS_MAX * sizeof(struct rn_builder_line));
    rn_buf_init(&b->sources, RN_DEBUG_SOURCES_MAX * sizeof(struct rn_builder_source));
    rn_buf_init(&b->source_text, RN_DEBUG_SIZE_MAX);
    rn_buf_init(&b->labels, (size_t)RN_INSTRUCTIONS_MAX * sizeof(struct rn_builder_label));
    rn_buf_init(&b->patches, (size_t)RN_INSTRUCTIONS_MAX * 2 * sizeof(struct rn_builder_patch));
}

enum rn_error rn_builder_new(bool standard, struct rn_builder **out_builder)
{
    struct rn_builder *builder = rn_alloc(sizeof(*builder));
    if (builder == NULL) {
        return RN_E_NO_MEMORY;
    }
    builder->standard = standard;
    builder->main_function = RN_NONE;
    builder->open = RN_NONE;
    init_buffers(builder);
    *out_builder = builder;
    return RN_OK;
}

void rn_builder_free(struct rn_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    struct rn_buf *buffers[] = {
        &builder->code,    &builder->heights, &builder->constants,   &builder->constant_data,
        &builder->strings, &builder->keys,    &builder->names,       &builder->string_data,
        &builder->types,   &builder->imports, &builder->exports,     &builder->methods,
        &builder->statics, &builder->targets, &builder->switches,    &builder->sites,
        &builder->specs,   &builder->bodies,  &builder->lines,       &builder->sources,
        &builder->labels,  &builder->patches, &builder->source_text,
    };
    for (size_t i = 0; i < RN_COUNT_OF(buffers); i++) {
        rn_buf_done(buffers[i]);
    }
    struct rn_intern *interns[] = {
        &builder->intern_strings, &builder->intern_numbers, &builder->intern_cbor,
        &builder->intern_keys,    &builder->intern_imports, &builder->intern_types,
        &builder->intern_statics, &builder->intern_specs,
    };
    for (size_t i = 0; i < RN_COUNT_OF(interns); i++) {
        rn_intern_done(interns[i]);
    }
    rn_free(builder);
}

enum rn_builder_fault rn_builder_fault(const struct rn_builder *builder)
{
    return builder->fault;
}

const char *rn_builder_fault_message(const struct rn_builder *builder)
{
    return builder->message[0] != '\0' ? builder->message : fault_text(builder->fault);
}

void rn_builder_fail(struct rn_builder *builder, enum rn_builder_fault fault, const char *format,
                     ...)
{
    if (builder->fault != RN_BUILDER_OK) {
        return;
    }
    builder->fault = fault;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(builder->message, sizeof(builder->message), format, arguments);
    va_end(arguments);
}

static void fail_buf(struct rn_builder *builder, const struct rn_buf *buf,
                     enum rn_builder_fault limit)
{
    enum rn_builder_fault fault = buf->error == RN_E_NO_MEMORY ? RN_BUILDER_MEMORY : limit;
    rn_builder_fail(builder, fault, "%s", fault_text(fault));
}

uint32_t rn_builder_append(struct rn_builder *builder, struct rn_buf *buf, const void *element,
                           size_t size, enum rn_builder_fault limit)
{
    if (builder->fault != RN_BUILDER_OK) {
        return 0;
    }
    size_t index = buf->size / size;
    rn_buf_append(buf, element, size);
    if (buf->error != RN_OK) {
        fail_buf(builder, buf, limit);
        return 0;
    }
    return (uint32_t)index;
}

/* Appends a run of bytes; its offset, or 0 after a fault. */
static uint32_t append_bytes(struct rn_builder *builder, struct rn_buf *buf, struct rn_utf8 bytes,
                             enum rn_builder_fault limit)
{
    if (builder->fault != RN_BUILDER_OK) {
        return 0;
    }
    size_t offset = buf->size;
    rn_buf_append(buf, bytes.data, bytes.size);
    if (buf->error != RN_OK) {
        fail_buf(builder, buf, limit);
        return 0;
    }
    return (uint32_t)offset;
}

static void add_interned(struct rn_builder *builder, struct rn_intern *intern,
                         struct rn_utf8 content, uint32_t index)
{
    if (builder->fault == RN_BUILDER_OK && rn_intern_add(intern, content, index) != RN_OK) {
        rn_builder_fail(builder, RN_BUILDER_MEMORY, "%s", fault_text(RN_BUILDER_MEMORY));
    }
}

static struct rn_utf8 bytes_of(const void *data, size_t size)
{
    return (struct rn_utf8){data, size};
}

static struct rn_utf8 string_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    const struct rn_unit_string *string =
        RN_BUILDER_AT(&builder->strings, struct rn_unit_string, index);
    return bytes_of(builder->string_data.data + string->offset, string->size);
}

uint32_t rn_builder_string(struct rn_builder *builder, struct rn_utf8 text)
{
    uint32_t found = rn_intern_find(&builder->intern_strings, text, string_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    struct rn_unit_string string = {
        .offset = append_bytes(builder, &builder->string_data, text, RN_BUILDER_STRING_DATA),
        .size = (uint32_t)text.size,
    };
    uint32_t index =
        rn_builder_append(builder, &builder->strings, &string, sizeof(string), RN_BUILDER_STRINGS);
    add_interned(builder, &builder->intern_strings, text, index);
    return index;
}

static struct rn_utf8 number_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    const struct rn_unit_constant *constant =
        RN_BUILDER_AT(&builder->constants, struct rn_unit_constant, index);
    return bytes_of(constant, sizeof(*constant));
}

static uint32_t add_number(struct rn_builder *builder, enum rn_constant_kind kind, uint64_t payload)
{
    struct rn_unit_constant constant = {.payload = payload, .kind = kind};
    struct rn_utf8 content = bytes_of(&constant, sizeof(constant));
    uint32_t found = rn_intern_find(&builder->intern_numbers, content, number_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    uint32_t index = rn_builder_append(builder, &builder->constants, &constant, sizeof(constant),
                                       RN_BUILDER_CONSTANTS);
    add_interned(builder, &builder->intern_numbers, content, index);
    return index;
}

uint32_t rn_builder_i64(struct rn_builder *builder, int64_t value)
{
    return add_number(builder, RN_CONSTANT_I64, (uint64_t)value);
}

uint32_t rn_builder_u64(struct rn_builder *builder, uint64_t value)
{
    return add_number(builder, RN_CONSTANT_U64, value);
}

uint32_t rn_builder_f64(struct rn_builder *builder, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return add_number(builder, RN_CONSTANT_F64, bits);
}

static struct rn_utf8 cbor_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    uint64_t payload = RN_BUILDER_AT(&builder->constants, struct rn_unit_constant, index)->payload;
    return bytes_of(builder->constant_data.data + (uint32_t)payload, (size_t)(payload >> 32));
}

uint32_t rn_builder_cbor(struct rn_builder *builder, const void *bytes, size_t size)
{
    struct rn_utf8 content = bytes_of(bytes, size);
    uint32_t found = rn_intern_find(&builder->intern_cbor, content, cbor_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    uint32_t offset =
        append_bytes(builder, &builder->constant_data, content, RN_BUILDER_CONSTANT_DATA);
    struct rn_unit_constant constant = {
        .payload = offset | (uint64_t)size << 32,
        .kind = RN_CONSTANT_CBOR,
    };
    uint32_t index = rn_builder_append(builder, &builder->constants, &constant, sizeof(constant),
                                       RN_BUILDER_CONSTANTS);
    add_interned(builder, &builder->intern_cbor, content, index);
    return index;
}

/* Appends the string indices of `names`; where they begin in NAMES. */
static uint32_t append_names(struct rn_builder *builder, const struct rn_utf8 *names, size_t count)
{
    uint32_t start = RN_BUILDER_COUNT(&builder->names, uint32_t);
    for (size_t i = 0; i < count && builder->fault == RN_BUILDER_OK; i++) {
        uint32_t string = rn_builder_string(builder, names[i]);
        rn_builder_append(builder, &builder->names, &string, sizeof(string), RN_BUILDER_KEYS);
    }
    return start;
}

static struct rn_utf8 keys_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    const struct rn_unit_key_set *set =
        RN_BUILDER_AT(&builder->keys, struct rn_unit_key_set, index);
    if (set->count == 0) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(RN_BUILDER_AT(&builder->names, uint32_t, set->start),
                    set->count * sizeof(uint32_t));
}

uint32_t rn_builder_keys(struct rn_builder *builder, const struct rn_utf8 *keys, size_t count)
{
    // The run is appended first, which gives its content, and taken back if there is an equal one.
    size_t names_size = builder->names.size;
    struct rn_unit_key_set set = {
        .start = append_names(builder, keys, count),
        .count = (uint32_t)count,
    };
    if (builder->fault != RN_BUILDER_OK) {
        return 0;
    }
    struct rn_utf8 content =
        count == 0 ? bytes_of(NULL, 0)
                   : bytes_of(builder->names.data + names_size, count * sizeof(uint32_t));
    uint32_t found = rn_intern_find(&builder->intern_keys, content, keys_content, builder);
    if (found != RN_NONE) {
        builder->names.size = names_size;
        return found;
    }
    uint32_t index = rn_builder_append(builder, &builder->keys, &set, sizeof(set), RN_BUILDER_KEYS);
    add_interned(builder, &builder->intern_keys, content, index);
    return index;
}

static struct rn_utf8 import_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    return bytes_of(&RN_BUILDER_AT(&builder->imports, struct rn_unit_import, index)->name,
                    sizeof(uint32_t));
}

uint32_t rn_builder_import(struct rn_builder *builder, struct rn_utf8 path, int arity)
{
    struct rn_unit_import import = {
        .hash = rn_hash_item(path.data, path.size),
        .name = rn_builder_string(builder, path),
        .arity = (int16_t)arity,
    };
    struct rn_utf8 content = bytes_of(&import.name, sizeof(import.name));
    uint32_t found = rn_intern_find(&builder->intern_imports, content, import_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    uint32_t index =
        rn_builder_append(builder, &builder->imports, &import, sizeof(import), RN_BUILDER_IMPORTS);
    add_interned(builder, &builder->intern_imports, content, index);
    return index;
}

static struct rn_utf8 spec_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    return bytes_of(RN_BUILDER_AT(&builder->specs, struct rn_unit_spec, index),
                    sizeof(struct rn_unit_spec));
}

uint32_t rn_builder_spec(struct rn_builder *builder, const struct rn_unit_spec *spec)
{
    struct rn_utf8 content = bytes_of(spec, sizeof(*spec));
    uint32_t found = rn_intern_find(&builder->intern_specs, content, spec_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    uint32_t index =
        rn_builder_append(builder, &builder->specs, spec, sizeof(*spec), RN_BUILDER_SPECS);
    add_interned(builder, &builder->intern_specs, content, index);
    return index;
}

uint32_t rn_builder_site(struct rn_builder *builder, enum rn_site_kind kind, struct rn_utf8 name,
                         struct rn_utf8 generics)
{
    struct rn_unit_site site = {
        .name_hash = rn_hash_item(name.data, name.size),
        .name = rn_builder_string(builder, name),
        .kind = kind,
    };
    if (generics.size > 0) {
        RN_AUTO(rn_buf) rn_buf full;
        rn_buf_init(&full, RN_IMAGE_SIZE_MAX);
        rn_buf_append(&full, name.data, name.size);
        rn_buf_append(&full, generics.data, generics.size);
        if (full.error != RN_OK) {
            fail_buf(builder, &full, RN_BUILDER_STRING_DATA);
            return 0;
        }
        site.name_hash = rn_hash_text((const char *)full.data, full.size);
    }
    return rn_builder_append(builder, &builder->sites, &site, sizeof(site), RN_BUILDER_SITES);
}

static struct rn_utf8 type_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    return bytes_of(&RN_BUILDER_AT(&builder->types, struct rn_unit_type, index)->name,
                    sizeof(uint32_t));
}

static uint32_t append_type(struct rn_builder *builder, struct rn_unit_type *type,
                            struct rn_utf8 path)
{
    type->hash = rn_hash_item(path.data, path.size);
    type->name = rn_builder_string(builder, path);
    return rn_builder_append(builder, &builder->types, type, sizeof(*type), RN_BUILDER_TYPES);
}

uint32_t rn_builder_external_type(struct rn_builder *builder, struct rn_utf8 path)
{
    uint32_t name = rn_builder_string(builder, path);
    struct rn_utf8 content = bytes_of(&name, sizeof(name));
    uint32_t found = rn_intern_find(&builder->intern_types, content, type_content, builder);
    if (found != RN_NONE) {
        return found;
    }
    struct rn_unit_type type = {
        .kind = RN_TYPE_EXTERNAL, .fields = RN_NONE, .parent = RN_NONE, .variant_index = 0};
    uint32_t index = append_type(builder, &type, path);
    add_interned(builder, &builder->intern_types, content, index);
    return index;
}

static uint32_t add_own_type(struct rn_builder *builder, const struct rn_builder_type *given,
                             uint32_t parent, uint32_t variant_index)
{
    if (given->field_count > UINT16_MAX) {
        rn_builder_fail(builder, RN_BUILDER_FIELDS, "%s", fault_text(RN_BUILDER_FIELDS));
        return 0;
    }
    struct rn_unit_type type = {
        .kind = (uint16_t)given->kind,
        .field_count = (uint16_t)given->field_count,
        .fields = RN_NONE,
        .parent = parent,
        .variant_index = variant_index,
    };
    if (given->kind == RN_TYPE_STRUCT || given->kind == RN_TYPE_STRUCT_VARIANT) {
        type.fields = append_names(builder, given->fields, given->field_count);
    }
    return append_type(builder, &type, given->path);
}

uint32_t rn_builder_struct(struct rn_builder *builder, const struct rn_builder_type *type)
{
    return add_own_type(builder, type, RN_NONE, 0);
}

uint32_t rn_builder_enum(struct rn_builder *builder, struct rn_utf8 path,
                         const struct rn_builder_type *variants, uint32_t count)
{
    struct rn_builder_type type = {.path = path, .kind = RN_TYPE_ENUM, .field_count = count};
    uint32_t index = add_own_type(builder, &type, RN_NONE, 0);
    for (uint32_t i = 0; i < count && builder->fault == RN_BUILDER_OK; i++) {
        add_own_type(builder, &variants[i], index, i);
    }
    return index;
}

static struct rn_utf8 static_content(const void *owner, uint32_t index)
{
    const struct rn_builder *builder = owner;
    return bytes_of(&RN_BUILDER_AT(&builder->statics, struct rn_unit_static, index)->name,
                    sizeof(uint32_t));
}

uint32_t rn_builder_static(struct rn_builder *builder, struct rn_utf8 path, uint32_t constant)
{
    struct rn_unit_static item = {
        .hash = rn_hash_item(path.data, path.size),
        .name = rn_builder_string(builder, path),
        .constant = constant,
    };
    struct rn_utf8 content = bytes_of(&item.name, sizeof(item.name));
    if (rn_intern_find(&builder->intern_statics, content, static_content, builder) != RN_NONE) {
        rn_builder_fail(builder, RN_BUILDER_RULE, "static item %.*s is declared twice",
                        (int)path.size, path.data);
        return 0;
    }
    uint32_t index =
        rn_builder_append(builder, &builder->statics, &item, sizeof(item), RN_BUILDER_STATICS);
    add_interned(builder, &builder->intern_statics, content, index);
    return index;
}

uint32_t rn_builder_source(struct rn_builder *builder, struct rn_utf8 name, struct rn_utf8 text)
{
    struct rn_builder_source source = {
        .name_size = (uint32_t)name.size,
        .text_size = (uint32_t)text.size,
    };
    append_bytes(builder, &builder->source_text, name, RN_BUILDER_DEBUG);
    append_bytes(builder, &builder->source_text, text, RN_BUILDER_DEBUG);
    return rn_builder_append(builder, &builder->sources, &source, sizeof(source), RN_BUILDER_DEBUG);
}
