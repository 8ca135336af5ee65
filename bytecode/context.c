/*
 * context.c: the list of items that a script may name.
 *
 * All items stand in one array in order of their making; `order` has their indices sorted by path,
 * `slots` is an open-addressing table over the hash of the path. No two items have the same hash, and
 * where one stands depends on a key of this process as well, so that nobody can choose names whose
 * places in the table are the same. The library's rows come from
 * std.def and types.def; strings of theirs are static, those of the host are copied into the arena.
 * A small table of (type, trait) says which types have which traits, in the order in which they are
 * searched.
 *
 * Trust: rn_context_decode reads bytes from the supervisor's client, rn_context_find names from
 * scripts.
 */
#include "bytecode/context.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/hash_key.h"
#include "base/math.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/types.h"
#include "bytecode/unit_layout.h"

#include <float.h>
#include <string.h>

enum {
    PATH_SIZE_MAX = 1024,
    MESSAGE_SIZE_MAX = 1024,
    CONSTANT_SIZE_MAX = 1 << 20,
    CONSTANT_DEPTH_MAX = 64,
    ITEMS_MAX = 1 << 16,
    ARENA_SIZE_MAX = 64 << 20,
    ENCODING_VERSION = 1,
    ENCODED_SIZE_MIN = 13, /* of an item: its head and one byte of a path */
};

struct impl {
    struct rn_utf8 type;
    struct rn_utf8 trait;
};

struct prelude_name {
    struct rn_utf8 name;
    struct rn_utf8 path;
};

struct rn_context {
    struct rn_context_item *items;
    uint32_t *order; /* item indices, by path */
    uint32_t *slots; /* item index + 1; 0: empty; power of two, at most half full */
    size_t count;
    size_t capacity;
    size_t slot_count;
    size_t library_count; /* items that every context has */
    uint64_t key;         /* of the slots only: nothing that is seen depends on it */
    struct rn_arena arena;
};

static const struct impl impls[] = {
#define STD_IMPL(type, trait) {{(type), sizeof(type) - 1}, {(trait), sizeof(trait) - 1}},
#include "bytecode/std.def"
};

static const struct prelude_name prelude[] = {
#define STD_PRELUDE(name, path) {{(name), sizeof(name) - 1}, {(path), sizeof(path) - 1}},
#include "bytecode/std.def"
};

/* ---- Texts ---- */

static bool same_text(struct rn_utf8 a, struct rn_utf8 b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static int compare_text(struct rn_utf8 a, struct rn_utf8 b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

/* Where the last segment begins; generics ("to::<std::i64>") belong to the segment before them. */
static size_t last_segment(struct rn_utf8 path)
{
    size_t end = path.size;
    for (size_t i = 0; i + 2 < path.size; i++) {
        if (path.data[i] == ':' && path.data[i + 2] == '<') {
            end = i;
            break;
        }
        if (path.data[i] == '<') {
            end = i;
            break;
        }
    }
    for (size_t i = end; i >= 2; i--) {
        if (path.data[i - 1] == ':' && path.data[i - 2] == ':') {
            return i;
        }
    }
    return 0;
}

/* ---- The table ---- */

/* Where a hash is looked for first. */
static size_t first_slot(const struct rn_context *context, uint64_t hash)
{
    return (size_t)rn_splitmix(hash ^ context->key, 1) & (context->slot_count - 1);
}

static size_t slot_of(const struct rn_context *context, struct rn_utf8 path, uint64_t hash)
{
    size_t mask = context->slot_count - 1;
    size_t slot = first_slot(context, hash);
    while (context->slots[slot] != 0) {
        const struct rn_context_item *item = &context->items[context->slots[slot] - 1];
        if (item->hash == hash && same_text(item->path, path)) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

static struct rn_context_item *lookup(const struct rn_context *context, struct rn_utf8 path)
{
    if (context->slot_count == 0) {
        return NULL;
    }
    size_t slot = slot_of(context, path, rn_hash_item(path.data, path.size));
    return context->slots[slot] == 0 ? NULL : &context->items[context->slots[slot] - 1];
}

static enum rn_error grow(struct rn_context *context)
{
    size_t capacity = context->capacity == 0 ? 2048 : context->capacity * 2;
    struct rn_context_item *items = rn_realloc(context->items, capacity * sizeof(*items));
    if (items == NULL) {
        return RN_E_NO_MEMORY;
    }
    context->items = items;
    uint32_t *order = rn_realloc(context->order, capacity * sizeof(*order));
    if (order == NULL) {
        return RN_E_NO_MEMORY;
    }
    context->order = order;
    uint32_t *slots = rn_alloc_array(capacity * 2, sizeof(*slots));
    if (slots == NULL) {
        return RN_E_NO_MEMORY;
    }
    rn_free(context->slots);
    context->slots = slots;
    context->slot_count = capacity * 2;
    context->capacity = capacity;
    for (size_t i = 0; i < context->count; i++) {
        slots[slot_of(context, items[i].path, items[i].hash)] = (uint32_t)i + 1;
    }
    return RN_OK;
}

static size_t place_in_order(const struct rn_context *context, struct rn_utf8 path)
{
    size_t low = 0;
    size_t high = context->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_text(context->items[context->order[middle]].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The item's texts must live as long as the context; its path is new. Fills in the hash. */
static enum rn_error insert(struct rn_context *context, const struct rn_context_item *item)
{
    if (context->count == ITEMS_MAX) {
        return RN_E_TOO_LARGE;
    }
    if (context->count == context->capacity) {
        RN_TRY(grow(context));
    }
    size_t place = place_in_order(context, item->path);
    memmove(&context->order[place + 1], &context->order[place],
            (context->count - place) * sizeof(context->order[0]));
    context->order[place] = (uint32_t)context->count;
    struct rn_context_item *own = &context->items[context->count];
    *own = *item;
    own->hash = rn_hash_item(item->path.data, item->path.size);
    context->slots[slot_of(context, own->path, own->hash)] = (uint32_t)context->count + 1;
    context->count++;
    return RN_OK;
}

/* A module borrows its path. Refused if an item of another path has its hash. */
static enum rn_error insert_module(struct rn_context *context, struct rn_utf8 path)
{
    if (lookup(context, path) != NULL) {
        return RN_OK;
    }
    if (rn_context_find_hash(context, rn_hash_item(path.data, path.size)) != NULL) {
        return RN_E_INVALID_ARGUMENT;
    }
    struct rn_context_item module = {.path = path, .kind = RN_ITEM_MODULE, .type_id = RN_NONE};
    return insert(context, &module);
}

/* Modules above a path, innermost last. */
static enum rn_error insert_modules(struct rn_context *context, struct rn_utf8 path)
{
    size_t end = last_segment(path);
    for (size_t i = 0; i + 1 < end; i++) {
        if (path.data[i] != ':' || path.data[i + 1] != ':') {
            continue;
        }
        RN_TRY(insert_module(context, (struct rn_utf8){path.data, i}));
    }
    return RN_OK;
}

/* ---- The library ---- */

enum {
    ROW_CONSTANT_SIZE = 16
};

/* Rows whose path is a type's path and a name are joined in the arena. */
struct row {
    struct rn_utf8 type; /* or trait; empty: `name` is the whole path */
    struct rn_utf8 name;
    int16_t arity;
    uint8_t kind;
    uint8_t flags;
    uint8_t constant; /* enum rn_constant_kind + 1; 0: none */
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
    } value;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define PATH_ROW(path, item_kind, item_flags, count)                                               \
    {.name = TEXT(path), .kind = (item_kind), .flags = (item_flags), .arity = (count)},
#define METHOD_ROW(owner, text, count, item_flags)                                                 \
    {.type = TEXT(owner),                                                                          \
     .name = TEXT(text),                                                                           \
     .kind = RN_ITEM_METHOD,                                                                       \
     .flags = (item_flags),                                                                        \
     .arity = (count)},
#define CONSTANT_ROW(path, constant_kind, member, number)                                          \
    {.name = TEXT(path),                                                                           \
     .kind = RN_ITEM_CONSTANT,                                                                     \
     .constant = (constant_kind) + 1,                                                              \
     .value.member = (number)},

static const struct row rows[] = {
#define STD_FN(path, arity, symbol) PATH_ROW(path, RN_ITEM_FUNCTION, 0, arity)
#define STD_TRAIT_METHOD(trait, name, arity, symbol) METHOD_ROW(trait, name, arity, 0)
#define STD_SCRIPT_FN(path, arity) PATH_ROW(path, RN_ITEM_FUNCTION, RN_ITEM_SCRIPT, arity)
#define STD_ASYNC_FN(path, arity, symbol) PATH_ROW(path, RN_ITEM_FUNCTION, RN_ITEM_ASYNC, arity)
#define STD_SCRIPT_METHOD(type, name, arity) METHOD_ROW(type, name, arity, RN_ITEM_SCRIPT)
#define STD_SCRIPT_GENERIC(type, name, arity, export_path)                                         \
    METHOD_ROW(type, name, arity, RN_ITEM_SCRIPT)
#define STD_SCRIPT_TYPE(path) PATH_ROW(path, RN_ITEM_TYPE, RN_ITEM_SCRIPT, 0)
#define STD_TRAIT(path) PATH_ROW(path, RN_ITEM_TRAIT, 0, 0)
#define STD_CONST_I64(path, number) CONSTANT_ROW(path, RN_CONSTANT_I64, i64, number)
#define STD_CONST_U64(path, number) CONSTANT_ROW(path, RN_CONSTANT_U64, u64, number)
#define STD_CONST_F64(path, number) CONSTANT_ROW(path, RN_CONSTANT_F64, f64, number)
#define STD_CONST_FN(path, symbol) PATH_ROW(path, RN_ITEM_CONSTANT, 0, 0)
#define STD_MACRO(path) PATH_ROW(path, RN_ITEM_MACRO, 0, -1)
#include "bytecode/std.def"
};

/* Native instance functions name their type by id. */
static const struct method_row {
    struct rn_utf8 name;
    uint8_t type;
    int8_t arity;
} method_rows[] = {
#define STD_METHOD(type, name, arity, symbol) {TEXT(name), RN_TYPE_ID_##type, (arity)},
#include "bytecode/std.def"
};

static const struct pair_row {
    struct rn_utf8 path;
    struct rn_utf8 other;
} alias_rows[] = {
#define STD_ALIAS(path, target) {TEXT(path), TEXT(target)},
#include "bytecode/std.def"
};

static const struct pair_row field_rows[] = {
#define STD_FIELDS(type, names) {TEXT(type), TEXT(names)},
#include "bytecode/std.def"
};

static const struct pair_row deprecated_rows[] = {
#define STD_DEPRECATED(path, message) {TEXT(path), TEXT(message)},
#include "bytecode/std.def"
};

static enum rn_error insert_types(struct rn_context *context)
{
    for (uint32_t i = 0; i < RN_TYPE_ID_COUNT; i++) {
        struct rn_context_item item = {
            .path = rn_library_types[i].path, .kind = RN_ITEM_TYPE, .type_id = i};
        RN_TRY(insert(context, &item));
    }
    for (size_t i = 0; i < rn_library_variant_count; i++) {
        const struct rn_library_variant *variant = &rn_library_variants[i];
        struct rn_context_item item = {.path = variant->path,
                                       .kind = RN_ITEM_VARIANT,
                                       .arity = variant->field_count,
                                       .type_id = variant->type,
                                       .variant = variant->index};
        RN_TRY(insert(context, &item));
    }
    return RN_OK;
}

/* "type::name" in the arena. */
static enum rn_error join(struct rn_context *context, struct rn_utf8 type, struct rn_utf8 name,
                          struct rn_utf8 *out_path)
{
    size_t size = type.size + 2 + name.size;
    char *path = rn_arena_alloc(&context->arena, size);
    if (path == NULL) {
        return RN_E_NO_MEMORY;
    }
    memcpy(path, type.data, type.size);
    memcpy(path + type.size, "::", 2);
    memcpy(path + type.size + 2, name.data, name.size);
    *out_path = (struct rn_utf8){path, size};
    return RN_OK;
}

static enum rn_error encode_constant(struct rn_context *context, const struct row *row,
                                     struct rn_context_item *item)
{
    uint8_t *bytes = rn_arena_alloc(&context->arena, ROW_CONSTANT_SIZE);
    if (bytes == NULL) {
        return RN_E_NO_MEMORY;
    }
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, bytes, ROW_CONSTANT_SIZE);
    if (row->constant == RN_CONSTANT_I64 + 1) {
        rn_const_write_i64(&buf, row->value.i64);
    } else if (row->constant == RN_CONSTANT_U64 + 1) {
        rn_const_write_u64(&buf, row->value.u64);
    } else {
        rn_const_write_f64(&buf, row->value.f64);
    }
    item->constant = bytes;
    item->constant_size = buf.size;
    return rn_buf_status(&buf);
}

static enum rn_error insert_row(struct rn_context *context, const struct row *row)
{
    struct rn_context_item item = {.path = row->name,
                                   .kind = row->kind,
                                   .flags = row->flags,
                                   .arity = row->arity,
                                   .type_id = RN_NONE};
    if (row->type.size != 0) {
        RN_TRY(join(context, row->type, row->name, &item.path));
    }
    if (row->constant != 0) {
        RN_TRY(encode_constant(context, row, &item));
    }
    RN_TRY(insert_modules(context, item.path));
    return insert(context, &item);
}

static enum rn_error insert_methods(struct rn_context *context)
{
    for (size_t i = 0; i < RN_COUNT_OF(method_rows); i++) {
        struct rn_context_item item = {
            .kind = RN_ITEM_METHOD, .arity = method_rows[i].arity, .type_id = RN_NONE};
        RN_TRY(join(context, rn_library_types[method_rows[i].type].path, method_rows[i].name,
                    &item.path));
        RN_TRY(insert(context, &item));
    }
    return RN_OK;
}

static enum rn_error insert_library(struct rn_context *context)
{
    RN_TRY(insert_types(context));
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        RN_TRY(insert_row(context, &rows[i]));
    }
    RN_TRY(insert_methods(context));
    for (uint32_t i = 0; i < RN_TYPE_ID_COUNT; i++) {
        RN_TRY(insert_modules(context, rn_library_types[i].path));
    }
    for (size_t i = 0; i < RN_COUNT_OF(alias_rows); i++) {
        struct rn_context_item item = {.path = alias_rows[i].path,
                                       .kind = RN_ITEM_ALIAS,
                                       .type_id = RN_NONE,
                                       .target = alias_rows[i].other};
        RN_TRY(insert_modules(context, item.path));
        RN_TRY(insert(context, &item));
    }
    for (size_t i = 0; i < RN_COUNT_OF(field_rows); i++) {
        lookup(context, field_rows[i].path)->fields = field_rows[i].other;
    }
    for (size_t i = 0; i < RN_COUNT_OF(deprecated_rows); i++) {
        lookup(context, deprecated_rows[i].path)->deprecated = deprecated_rows[i].other.data;
    }
    context->library_count = context->count;
    return RN_OK;
}

enum rn_error rn_context_new(struct rn_context **out_context)
{
    struct rn_context *context = rn_alloc(sizeof(*context));
    if (context == NULL) {
        return RN_E_NO_MEMORY;
    }
    rn_arena_init(&context->arena, ARENA_SIZE_MAX);
    context->key = rn_hash_key();
    enum rn_error error = insert_library(context);
    if (error != RN_OK) {
        rn_context_free(context);
        return error;
    }
    *out_context = context;
    return RN_OK;
}

void rn_context_free(struct rn_context *context)
{
    if (context == NULL) {
        return;
    }
    rn_arena_done(&context->arena);
    rn_free(context->items);
    rn_free(context->order);
    rn_free(context->slots);
    rn_free(context);
}

/* ---- Adding the host's items ---- */

static bool is_name_start(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           byte >= 0x80;
}

/* Identifiers joined by "::", and "!" behind a macro's. Scalars beyond ASCII pass: tokens decide.
 */
static bool is_path(struct rn_utf8 path, uint8_t kind)
{
    if (path.size == 0 || path.size > PATH_SIZE_MAX || !rn_utf8_valid(path.data, path.size, NULL)) {
        return false;
    }
    size_t size = path.size;
    if (kind == RN_ITEM_MACRO) {
        if (path.data[size - 1] != '!') {
            return false;
        }
        size--;
    }
    bool at_start = true;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)path.data[i];
        if (is_name_start(byte) || (!at_start && byte >= '0' && byte <= '9')) {
            at_start = false;
        } else if (!at_start && byte == ':' && i + 1 < size && path.data[i + 1] == ':') {
            at_start = true;
            i++;
        } else {
            return false;
        }
    }
    return !at_start;
}

/* The parent must be a module, or a type that the item belongs to. */
static bool fits_parent(const struct rn_context *context, struct rn_utf8 path)
{
    size_t segment = last_segment(path);
    while (segment != 0) {
        const struct rn_context_item *parent =
            lookup(context, (struct rn_utf8){path.data, segment - 2});
        if (parent != NULL) {
            return parent->kind == RN_ITEM_MODULE || parent->kind == RN_ITEM_TYPE;
        }
        segment = last_segment((struct rn_utf8){path.data, segment - 2});
    }
    return true;
}

static bool is_acceptable(const struct rn_context *context, const struct rn_context_item *item)
{
    if (item->kind > RN_ITEM_MACRO || item->arity < -1 || !is_path(item->path, item->kind)) {
        return false;
    }
    bool has_value = item->constant_size != 0;
    if (item->kind != RN_ITEM_STATIC && has_value != (item->kind == RN_ITEM_CONSTANT)) {
        return false;
    }
    const struct rn_const_limits limits = {.size_max = CONSTANT_SIZE_MAX,
                                           .depth_max = CONSTANT_DEPTH_MAX,
                                           .element_max = CONSTANT_SIZE_MAX};
    if (item->constant_size != 0 &&
        rn_const_value_check(item->constant, item->constant_size, &limits, NULL) != RN_OK) {
        return false;
    }
    if (item->deprecated != NULL && strlen(item->deprecated) > MESSAGE_SIZE_MAX) {
        return false;
    }
    return fits_parent(context, item->path) &&
           rn_context_find_hash(context, rn_hash_item(item->path.data, item->path.size)) == NULL;
}

static enum rn_error copy_text(struct rn_context *context, struct rn_utf8 text,
                               struct rn_utf8 *out_copy)
{
    *out_copy = (struct rn_utf8){rn_arena_copy(&context->arena, text.data, text.size), text.size};
    return out_copy->data == NULL ? RN_E_NO_MEMORY : RN_OK;
}

enum rn_error rn_context_add(struct rn_context *context, const struct rn_context_item *item)
{
    if (!is_acceptable(context, item)) {
        return RN_E_INVALID_ARGUMENT;
    }
    struct rn_context_item own = *item;
    own.target = (struct rn_utf8){0};
    own.fields = (struct rn_utf8){0};
    RN_TRY(copy_text(context, item->path, &own.path));
    if (item->constant_size != 0) {
        own.constant = rn_arena_copy(&context->arena, item->constant, item->constant_size);
        if (own.constant == NULL) {
            return RN_E_NO_MEMORY;
        }
    } else {
        own.constant = NULL;
    }
    if (item->deprecated != NULL) {
        own.deprecated =
            rn_arena_copy(&context->arena, item->deprecated, strlen(item->deprecated) + 1);
        if (own.deprecated == NULL) {
            return RN_E_NO_MEMORY;
        }
    }
    RN_TRY(insert_modules(context, own.path));
    return insert(context, &own);
}

/* ---- Finding ---- */

/* "std::collections::HashMap::new" -> "std::collections::hash_map::HashMap::new", into `buffer`. */
static bool expand_alias(const struct rn_context *context, struct rn_utf8 path,
                         char buffer[2 * PATH_SIZE_MAX], struct rn_utf8 *out_path)
{
    for (struct rn_utf8 prefix = path; prefix.size != 0;) {
        const struct rn_context_item *item = lookup(context, prefix);
        if (item != NULL && item->kind == RN_ITEM_ALIAS) {
            size_t rest = path.size - prefix.size;
            memcpy(buffer, item->target.data, item->target.size);
            memcpy(buffer + item->target.size, path.data + prefix.size, rest);
            *out_path = (struct rn_utf8){buffer, item->target.size + rest};
            return true;
        }
        size_t segment = last_segment(prefix);
        prefix.size = segment == 0 ? 0 : segment - 2;
    }
    return false;
}

/* "std::slice::Iter::map": the item of the first trait of the type that has the name. */
static const struct rn_context_item *find_in_traits(const struct rn_context *context,
                                                    struct rn_utf8 path)
{
    size_t segment = last_segment(path);
    if (segment == 0) {
        return NULL;
    }
    struct rn_utf8 type = {path.data, segment - 2};
    struct rn_utf8 name = {path.data + segment, path.size - segment};
    for (size_t i = 0; i < RN_COUNT_OF(impls); i++) {
        if (!same_text(impls[i].type, type)) {
            continue;
        }
        char buffer[2 * PATH_SIZE_MAX];
        memcpy(buffer, impls[i].trait.data, impls[i].trait.size);
        memcpy(buffer + impls[i].trait.size, "::", 2);
        memcpy(buffer + impls[i].trait.size + 2, name.data, name.size);
        struct rn_utf8 full = {buffer, impls[i].trait.size + 2 + name.size};
        const struct rn_context_item *item = lookup(context, full);
        if (item != NULL) {
            return item;
        }
    }
    return NULL;
}

const struct rn_context_item *rn_context_find(const struct rn_context *context, const char *path,
                                              size_t size)
{
    if (size == 0 || size > PATH_SIZE_MAX) {
        return NULL;
    }
    struct rn_utf8 wanted = {path, size};
    char buffer[2 * PATH_SIZE_MAX];
    const struct rn_context_item *item = lookup(context, wanted);
    if (item != NULL && item->kind != RN_ITEM_ALIAS) {
        return item;
    }
    if (expand_alias(context, wanted, buffer, &wanted)) {
        item = lookup(context, wanted);
        if (item != NULL) {
            return item;
        }
    }
    return find_in_traits(context, wanted);
}

const struct rn_context_item *rn_context_find_hash(const struct rn_context *context, uint64_t hash)
{
    if (context->slot_count == 0) {
        return NULL;
    }
    size_t mask = context->slot_count - 1;
    for (size_t slot = first_slot(context, hash); context->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        const struct rn_context_item *item = &context->items[context->slots[slot] - 1];
        if (item->hash == hash) {
            return item;
        }
    }
    return NULL;
}

size_t rn_context_count(const struct rn_context *context)
{
    return context->count;
}

const struct rn_context_item *rn_context_at(const struct rn_context *context, size_t index)
{
    RN_CHECK(index < context->count);
    return &context->items[context->order[index]];
}

size_t rn_context_added_count(const struct rn_context *context)
{
    return context->count - context->library_count;
}

const struct rn_context_item *rn_context_added_at(const struct rn_context *context, size_t index)
{
    RN_CHECK(index < rn_context_added_count(context));
    return &context->items[context->library_count + index];
}

const struct rn_context_item *rn_context_prelude(const struct rn_context *context, const char *name,
                                                 size_t size)
{
    size_t low = 0;
    size_t high = RN_COUNT_OF(prelude);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_text(prelude[middle].name, (struct rn_utf8){name, size});
        if (order == 0) {
            return lookup(context, prelude[middle].path);
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

uint32_t rn_context_field(const struct rn_context_item *item, struct rn_utf8 name)
{
    uint32_t index = 0;
    size_t start = 0;
    for (size_t i = 0; i <= item->fields.size; i++) {
        if (i < item->fields.size && item->fields.data[i] != ',') {
            continue;
        }
        if (i - start == name.size && name.size > 0 &&
            memcmp(item->fields.data + start, name.data, name.size) == 0) {
            return index;
        }
        index++;
        start = i + 1;
    }
    return RN_NONE;
}

uint32_t rn_context_field_count(const struct rn_context_item *item)
{
    uint32_t count = item->fields.size == 0 ? 0 : 1;
    for (size_t i = 0; i < item->fields.size; i++) {
        count += item->fields.data[i] == ',';
    }
    return count;
}

bool rn_context_implements(const struct rn_context *context, struct rn_utf8 type,
                           struct rn_utf8 trait)
{
    (void)context;
    for (size_t i = 0; i < RN_COUNT_OF(impls); i++) {
        if (same_text(impls[i].type, type) && same_text(impls[i].trait, trait)) {
            return true;
        }
    }
    return false;
}

/* ---- Bytes ---- */

/*
 *  u8 version, u32 count, and for each item of the host in order of making (modules left out):
 *  u8 kind, u8 flags, u16 arity, u16 path size, u16 message size + 1 or 0, u32 constant size, bytes
 */
void rn_context_encode_head(struct rn_buf *out, uint32_t count)
{
    rn_buf_append_u8(out, ENCODING_VERSION);
    rn_buf_append_u32(out, count);
}

void rn_context_encode_item(struct rn_buf *out, const struct rn_context_item *item)
{
    size_t message_size = item->deprecated == NULL ? 0 : strlen(item->deprecated);
    rn_buf_append_u8(out, item->kind);
    rn_buf_append_u8(out, item->flags);
    rn_buf_append_u16(out, (uint16_t)item->arity);
    rn_buf_append_u16(out, (uint16_t)item->path.size);
    rn_buf_append_u16(out, item->deprecated == NULL ? 0 : (uint16_t)(message_size + 1));
    rn_buf_append_u32(out, (uint32_t)item->constant_size);
    rn_buf_append(out, item->path.data, item->path.size);
    rn_buf_append(out, item->deprecated, message_size);
    rn_buf_append(out, item->constant, item->constant_size);
}

static bool is_encoded(const struct rn_context_item *item)
{
    return item->kind != RN_ITEM_MODULE;
}

enum rn_error rn_context_encode(const struct rn_context *context, struct rn_buf *out)
{
    uint32_t count = 0;
    for (size_t i = context->library_count; i < context->count; i++) {
        count += is_encoded(&context->items[i]);
    }
    rn_context_encode_head(out, count);
    for (size_t i = context->library_count; i < context->count; i++) {
        if (is_encoded(&context->items[i])) {
            rn_context_encode_item(out, &context->items[i]);
        }
    }
    return rn_buf_status(out);
}

static enum rn_error decode_item(struct rn_context *context, struct rn_cursor *cursor)
{
    struct rn_context_item item = {.type_id = RN_NONE};
    item.kind = rn_cursor_u8(cursor);
    item.flags = rn_cursor_u8(cursor);
    item.arity = (int16_t)rn_cursor_u16(cursor);
    item.path.size = rn_cursor_u16(cursor);
    size_t message_size = rn_cursor_u16(cursor);
    item.constant_size = rn_cursor_u32(cursor);
    item.path.data = (const char *)rn_cursor_bytes(cursor, item.path.size);
    char message[MESSAGE_SIZE_MAX + 1] = {0};
    if (message_size > sizeof(message)) {
        return RN_E_TOO_LARGE;
    }
    if (message_size != 0) {
        const uint8_t *bytes = rn_cursor_bytes(cursor, message_size - 1);
        if (bytes == NULL || !rn_utf8_valid(bytes, message_size - 1, NULL) ||
            memchr(bytes, 0, message_size - 1) != NULL) {
            return RN_E_INVALID_ARGUMENT;
        }
        memcpy(message, bytes, message_size - 1);
        item.deprecated = message;
    }
    if (item.constant_size > CONSTANT_SIZE_MAX) {
        return RN_E_TOO_LARGE;
    }
    item.constant = rn_cursor_bytes(cursor, item.constant_size);
    RN_TRY(rn_cursor_status(cursor));
    const uint8_t allowed = RN_ITEM_ASYNC | RN_ITEM_HOST;
    if (item.kind == RN_ITEM_MODULE || (item.flags & ~allowed) != 0) {
        return RN_E_INVALID_ARGUMENT;
    }
    return rn_context_add(context, &item);
}

enum rn_error rn_context_decode(struct rn_context *context, const void *bytes, size_t size)
{
    struct rn_cursor cursor;
    rn_cursor_init(&cursor, bytes, size);
    if (rn_cursor_u8(&cursor) != ENCODING_VERSION) {
        return RN_E_INVALID_ARGUMENT;
    }
    uint32_t count = rn_cursor_u32(&cursor);
    RN_TRY(rn_cursor_status(&cursor));
    if (count > ITEMS_MAX - context->count) {
        return RN_E_TOO_LARGE;
    }
    if (count > rn_cursor_left(&cursor) / ENCODED_SIZE_MIN) {
        return RN_E_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < count; i++) {
        RN_TRY(decode_item(context, &cursor));
    }
    return rn_cursor_left(&cursor) == 0 ? RN_OK : RN_E_INVALID_ARGUMENT;
}

uint64_t rn_context_digest(const struct rn_context *context)
{
    /* Folded item by item: no buffer, and equal however the host ordered its calls. */
    uint64_t digest = context->count;
    for (size_t i = 0; i < context->count; i++) {
        const struct rn_context_item *item = &context->items[context->order[i]];
        const uint64_t parts[] = {
            digest,
            item->hash,
            (uint64_t)item->kind | (uint64_t)item->flags << 8 |
                (uint64_t)(uint16_t)item->arity << 16,
            rn_hash_text((const char *)item->constant, item->constant_size),
            item->deprecated == NULL ? 0 : rn_hash_text(item->deprecated, strlen(item->deprecated)),
        };
        digest = rn_hash_text((const char *)parts, sizeof(parts));
    }
    return digest;
}
