/*
 * value.c: ConstValues on the host's side.
 *
 * Trust: reads bytes from workers and hosts; they are checked once, by rn_const_value_check, before
 * a value exists. Everything after relies on it.
 */
#include "supervisor/value.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/math.h"
#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "bytecode/json.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/text.h"
#include "supervisor/unit_names.h"

/* Names stand in every instance, and a script chooses them: with them JSON is at most so much longer than its value. */
#define NAMED_ROOM ((size_t)1 << 20)
#define NAMED_GROWTH 64u

static const struct rn_const_limits limits = {
    .size_max = RN_VALUE_SIZE_MAX,
    .depth_max = RN_CONST_DEPTH_MAX,
    .element_max = 16u << 20,
};

static rune_const_value *new_value(const uint8_t *bytes, size_t size, rune_const_value *whole)
{
    rune_const_value *value = rn_alloc(sizeof(*value));
    if (value) {
        atomic_init(&value->refs, 1);
        value->bytes = bytes;
        value->size = size;
        value->whole = rune_value_ref(whole);
    }
    return value;
}

/* Makes a value of what was written; NULL if writing failed. */
static rune_const_value *finish(struct rn_buf *buf)
{
    size_t size;
    if (rn_buf_status(buf) != RN_OK) {
        rn_buf_done(buf);
        return NULL;
    }
    uint8_t *bytes = rn_buf_take(buf, &size);
    rune_const_value *value = new_value(bytes, size, NULL);
    if (!value) {
        rn_free(bytes);
    }
    return value;
}

static struct rn_buf begin(void)
{
    struct rn_buf buf;
    rn_buf_init(&buf, RN_VALUE_SIZE_MAX);
    return buf;
}

static void append(struct rn_buf *buf, const rune_const_value *value)
{
    rn_buf_append(buf, value->bytes, value->size);
}

/* Constructors */

rune_const_value *rune_value_unit(void)
{
    struct rn_buf buf = begin();
    rn_const_write_unit(&buf);
    return finish(&buf);
}

rune_const_value *rune_value_bool(bool value)
{
    struct rn_buf buf = begin();
    rn_const_write_bool(&buf, value);
    return finish(&buf);
}

rune_const_value *rune_value_char(uint32_t value)
{
    struct rn_buf buf = begin();
    if (!rn_is_scalar(value)) {
        return NULL;
    }
    rn_const_write_char(&buf, value);
    return finish(&buf);
}

rune_const_value *rune_value_i64(int64_t value)
{
    struct rn_buf buf = begin();
    rn_const_write_i64(&buf, value);
    return finish(&buf);
}

rune_const_value *rune_value_u64(uint64_t value)
{
    struct rn_buf buf = begin();
    rn_const_write_u64(&buf, value);
    return finish(&buf);
}

rune_const_value *rune_value_f64(double value)
{
    struct rn_buf buf = begin();
    rn_const_write_f64(&buf, value);
    return finish(&buf);
}

rune_const_value *rune_value_string(const char *data, size_t size)
{
    struct rn_buf buf = begin();
    if ((!data && size > 0) || !rn_utf8_valid(data, size, NULL)) {
        return NULL;
    }
    rn_const_write_string(&buf, data, size);
    return finish(&buf);
}

rune_const_value *rune_value_text(const char *text)
{
    return text ? rune_value_string(text, strlen(text)) : NULL;
}

rune_const_value *rune_value_bytes(const void *data, size_t size)
{
    struct rn_buf buf = begin();
    if (!data && size > 0) {
        return NULL;
    }
    rn_const_write_bytes(&buf, data, size);
    return finish(&buf);
}

/* Appends elements; false if one is NULL, so that constructors can be nested without looking. */
static bool append_all(struct rn_buf *buf, const rune_const_value *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!items[i]) {
            return false;
        }
        append(buf, items[i]);
    }
    return true;
}

/* What was begun, with these fields. */
static rune_const_value *finish_instance(struct rn_buf *buf, const rune_const_value *const *fields,
                                         size_t count)
{
    bool good = append_all(buf, fields, count);
    rune_const_value *value = finish(buf);
    if (!good) {
        rune_value_unref(value);
        return NULL;
    }
    return value;
}

rune_const_value *rune_value_struct(const char *item, const rune_const_value *const *fields,
                                    size_t count)
{
    struct rn_buf buf = begin();
    if (!item) {
        return NULL;
    }
    rn_const_begin_struct(&buf, rune_value_hash_item(item), count);
    return finish_instance(&buf, fields, count);
}

/* Bytes of the path that the last name is in: "a::B" of "a::B::C"; 0: there is none. */
static size_t size_of_parent(const char *item)
{
    size_t at = strlen(item);
    while (at > 0 && item[at - 1] != ':') {
        at--;
    }
    return at > 2 && item[at - 2] == ':' ? at - 2 : 0;
}

rune_const_value *rune_value_variant(const char *item, const rune_const_value *const *fields,
                                     size_t count)
{
    struct rn_buf buf = begin();
    item = item && strncmp(item, "::", 2) == 0 ? item + 2 : item;
    size_t size = item ? size_of_parent(item) : 0;
    if (size == 0) {
        return NULL;
    }
    rn_const_begin_variant(&buf, rn_hash_item(item, size), rune_value_hash_item(item), count);
    return finish_instance(&buf, fields, count);
}

rune_const_value *rune_value_tuple(const rune_const_value *const *items, size_t count)
{
    if (count == 0) {
        return rune_value_unit();
    }
    struct rn_buf buf = begin();
    rn_const_begin_tuple(&buf, count);
    bool good = append_all(&buf, items, count);
    rune_const_value *value = finish(&buf);
    if (!good) {
        rune_value_unref(value);
        return NULL;
    }
    return value;
}

rune_const_value *rune_value_vec(const rune_const_value *const *items, size_t count)
{
    struct rn_buf buf = begin();
    rn_const_begin_vec(&buf, count);
    bool good = append_all(&buf, items, count);
    rune_const_value *value = finish(&buf);
    if (!good) {
        rune_value_unref(value);
        return NULL;
    }
    return value;
}

/* Takes the bytes of a container that was just written and checks them as if they came from
 * outside: nesting and duplicate keys are found there. */
static rune_const_value *finish_checked(struct rn_buf *buf)
{
    rune_const_value *value = finish(buf);
    if (value && rn_const_value_check(value->bytes, value->size, &limits, NULL) != RN_OK) {
        rune_value_unref(value);
        return NULL;
    }
    return value;
}

rune_const_value *rune_value_object(const char *const *keys, const rune_const_value *const *values,
                                    size_t count)
{
    struct rn_buf buf = begin();
    rn_const_begin_object(&buf, count);
    for (size_t i = 0; i < count; i++) {
        size_t size = keys[i] ? strlen(keys[i]) : 0;
        if (!keys[i] || !values[i] || !rn_utf8_valid(keys[i], size, NULL)) {
            rn_buf_done(&buf);
            return NULL;
        }
        rn_const_write_string(&buf, keys[i], size);
        append(&buf, values[i]);
    }
    return finish_checked(&buf);
}

rune_const_value *rune_value_none(void)
{
    struct rn_buf buf = begin();
    rn_const_write_none(&buf);
    return finish(&buf);
}

static rune_const_value *wrap(void (*write)(struct rn_buf *), const rune_const_value *value)
{
    struct rn_buf buf = begin();
    if (!value) {
        return NULL;
    }
    write(&buf);
    append(&buf, value);
    return finish_checked(&buf);
}

rune_const_value *rune_value_some(const rune_const_value *value)
{
    return wrap(rn_const_begin_some, value);
}

rune_const_value *rune_value_ok(const rune_const_value *value)
{
    return wrap(rn_const_begin_ok, value);
}

rune_const_value *rune_value_err(const rune_const_value *value)
{
    return wrap(rn_const_begin_err, value);
}

rune_const_value *rune_value_ref(const rune_const_value *value)
{
    rune_const_value *counted = (rune_const_value *)(uintptr_t)value;
    if (counted) {
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    }
    return counted;
}

void rune_value_unref(rune_const_value *value)
{
    if (!value || atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (value->home) {
        rn_record_unref(value->home);
        return;
    }
    if (value->whole) {
        rune_value_unref(value->whole);
    } else {
        rn_free((void *)(uintptr_t)value->bytes);
    }
    rn_free(value);
}

/* Reading. NULL reads as a value of no kind. */

static struct rn_const_token first_token(const rune_const_value *value)
{
    struct rn_const_level levels[2];
    struct rn_const_reader reader;
    struct rn_const_token token = {.kind = RN_CONST_END};
    if (!value) {
        return token;
    }
    rn_const_reader_init(&reader, value->bytes, value->size, levels, RN_COUNT_OF(levels));
    if (rn_const_read(&reader, &token) != RN_OK) {
        token.kind = RN_CONST_END;
    }
    return token;
}

rune_value_kind rune_value_kind_of(const rune_const_value *value)
{
    switch (first_token(value).kind) {
    case RN_CONST_UNIT:
        return RUNE_VALUE_UNIT;
    case RN_CONST_BOOL:
        return RUNE_VALUE_BOOL;
    case RN_CONST_CHAR:
        return RUNE_VALUE_CHAR;
    case RN_CONST_I64:
        return RUNE_VALUE_I64;
    case RN_CONST_U64:
        return RUNE_VALUE_U64;
    case RN_CONST_F64:
        return RUNE_VALUE_F64;
    case RN_CONST_STRING:
        return RUNE_VALUE_STRING;
    case RN_CONST_BYTES:
        return RUNE_VALUE_BYTES;
    case RN_CONST_TUPLE:
        return RUNE_VALUE_TUPLE;
    case RN_CONST_VEC:
        return RUNE_VALUE_VEC;
    case RN_CONST_OBJECT:
        return RUNE_VALUE_OBJECT;
    case RN_CONST_NONE:
    case RN_CONST_SOME:
        return RUNE_VALUE_OPTION;
    case RN_CONST_OK:
    case RN_CONST_ERR:
        return RUNE_VALUE_RESULT;
    case RN_CONST_ORDERING:
        return RUNE_VALUE_ORDERING;
    case RN_CONST_RANGE:
        return RUNE_VALUE_RANGE;
    case RN_CONST_TYPE:
        return RUNE_VALUE_TYPE;
    case RN_CONST_HASH:
        return RUNE_VALUE_HASH;
    case RN_CONST_STRUCT:
        return RUNE_VALUE_STRUCT;
    case RN_CONST_VARIANT:
        return RUNE_VALUE_VARIANT;
    case RN_CONST_FUNCTION:
        return RUNE_VALUE_FUNCTION;
    case RN_CONST_VEC_DEQUE:
    case RN_CONST_HASH_SET:
    case RN_CONST_HASH_MAP:
    case RN_CONST_END:
    case RN_CONST_KIND_COUNT:
        break;
    }
    return RUNE_VALUE_OTHER;
}

const char *rune_value_kind_name(rune_value_kind kind)
{
    static const char *const names[] = {
        [RUNE_VALUE_UNIT] = "unit",       [RUNE_VALUE_BOOL] = "bool",
        [RUNE_VALUE_CHAR] = "char",       [RUNE_VALUE_I64] = "i64",
        [RUNE_VALUE_U64] = "u64",         [RUNE_VALUE_F64] = "f64",
        [RUNE_VALUE_STRING] = "String",   [RUNE_VALUE_BYTES] = "Bytes",
        [RUNE_VALUE_TUPLE] = "Tuple",     [RUNE_VALUE_VEC] = "Vec",
        [RUNE_VALUE_OBJECT] = "Object",   [RUNE_VALUE_OPTION] = "Option",
        [RUNE_VALUE_RESULT] = "Result",   [RUNE_VALUE_ORDERING] = "Ordering",
        [RUNE_VALUE_RANGE] = "Range",     [RUNE_VALUE_TYPE] = "Type",
        [RUNE_VALUE_HASH] = "Hash",       [RUNE_VALUE_STRUCT] = "struct",
        [RUNE_VALUE_VARIANT] = "variant", [RUNE_VALUE_FUNCTION] = "Function",
        [RUNE_VALUE_OTHER] = "other",
    };
    return (unsigned)kind < RN_COUNT_OF(names) ? names[kind] : "unknown";
}

bool rune_value_get_bool(const rune_const_value *value, bool *out_value)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_BOOL) {
        return false;
    }
    *out_value = token.boolean;
    return true;
}

bool rune_value_get_char(const rune_const_value *value, uint32_t *out_value)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_CHAR) {
        return false;
    }
    *out_value = token.scalar;
    return true;
}

bool rune_value_get_i64(const rune_const_value *value, int64_t *out_value)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_I64) {
        return false;
    }
    *out_value = token.i64;
    return true;
}

bool rune_value_get_u64(const rune_const_value *value, uint64_t *out_value)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_U64) {
        return false;
    }
    *out_value = token.u64;
    return true;
}

bool rune_value_get_f64(const rune_const_value *value, double *out_value)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_F64) {
        return false;
    }
    *out_value = token.f64;
    return true;
}

bool rune_value_get_string(const rune_const_value *value, const char **out_data, size_t *out_size)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_STRING) {
        return false;
    }
    *out_data = token.text.data;
    *out_size = token.text.size;
    return true;
}

bool rune_value_get_bytes(const rune_const_value *value, const void **out_data, size_t *out_size)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_BYTES) {
        return false;
    }
    *out_data = token.text.data;
    *out_size = token.text.size;
    return true;
}

/* Elements. The bytes were checked, so that skipping is a matter of heads alone. */

/* Reads one CBOR head; returns how many items follow inside, and skips the bytes of texts. */
static uint64_t skip_head(struct rn_cursor *cursor)
{
    uint8_t initial = rn_cursor_u8(cursor);
    unsigned major = initial >> 5;
    unsigned info = initial & 0x1f;
    uint64_t value = info < 24 ? info : rn_cursor_be(cursor, (size_t)1 << ((info - 24) & 3));
    switch (major) {
    case 2: // bytes
    case 3: // text
        (void)rn_cursor_bytes(cursor, (size_t)value);
        return 0;
    case 4: // array
        return value;
    case 6: // tag
        return 1;
    default:
        return 0;
    }
}

static void skip_value(struct rn_cursor *cursor)
{
    uint64_t left = 1;
    while (left > 0 && rn_cursor_status(cursor) == RN_OK) {
        left = left - 1 + skip_head(cursor);
    }
}

/* A walk over the elements of a container. */
struct walk {
    struct rn_cursor cursor;
    size_t count;
    bool keyed; /* a key stands before each element */
};

static bool walk_begin(const rune_const_value *value, struct walk *out_walk)
{
    struct rn_const_level levels[2];
    struct rn_const_reader reader;
    struct rn_const_token token;
    if (!value) {
        return false;
    }
    rn_const_reader_init(&reader, value->bytes, value->size, levels, RN_COUNT_OF(levels));
    if (rn_const_read(&reader, &token) != RN_OK || !rn_const_kind_has_content(token.kind)) {
        return false;
    }
    out_walk->keyed = token.kind == RN_CONST_OBJECT || token.kind == RN_CONST_HASH_MAP;
    out_walk->count = out_walk->keyed ? token.count / 2 : token.count;
    rn_cursor_init(&out_walk->cursor, value->bytes, value->size);
    (void)rn_cursor_bytes(&out_walk->cursor, reader.cursor.offset);
    return true;
}

/* Moves to element `index`: with `key`, to its key. */
static void walk_to(struct walk *walk, size_t index, bool key)
{
    size_t skips = walk->keyed ? index * 2 + (key ? 0 : 1) : index;
    for (size_t i = 0; i < skips; i++) {
        skip_value(&walk->cursor);
    }
}

static rune_const_value *view_here(const rune_const_value *value, struct walk *walk)
{
    size_t start = walk->cursor.offset;
    skip_value(&walk->cursor);
    if (rn_cursor_status(&walk->cursor) != RN_OK) {
        return NULL;
    }
    rune_const_value *whole = value->whole ? value->whole : (rune_const_value *)(uintptr_t)value;
    return new_value(value->bytes + start, walk->cursor.offset - start, whole);
}

size_t rune_value_count(const rune_const_value *value)
{
    struct walk walk;
    return walk_begin(value, &walk) ? walk.count : 0;
}

rune_const_value *rune_value_at(const rune_const_value *value, size_t index)
{
    struct walk walk;
    if (!walk_begin(value, &walk) || index >= walk.count) {
        return NULL;
    }
    walk_to(&walk, index, false);
    return view_here(value, &walk);
}

void rune_value_iter_init(rune_value_iter *iter, const rune_const_value *value)
{
    struct walk walk;
    *iter = (rune_value_iter){.value = value};
    if (walk_begin(value, &walk)) {
        iter->left = walk.count;
        iter->offset = walk.cursor.offset;
        iter->keyed = walk.keyed;
    }
}

rune_status rune_value_iter_next(rune_value_iter *iter, rune_const_value **out_item)
{
    const rune_const_value *value = iter->value;
    struct walk walk;
    if (iter->left == 0) {
        return RUNE_E_NOT_FOUND;
    }
    rn_cursor_init(&walk.cursor, value->bytes, value->size);
    (void)rn_cursor_bytes(&walk.cursor, iter->offset);
    rune_const_value key = {.bytes = value->bytes + iter->offset,
                            .size = value->size - iter->offset};
    if (iter->keyed) {
        skip_value(&walk.cursor);
    }
    rune_const_value *item = view_here(value, &walk);
    if (!item) {
        return RUNE_E_NO_MEMORY;
    }
    if (!iter->keyed || !rune_value_get_string(&key, &iter->key, &iter->key_size)) {
        iter->key = NULL;
        iter->key_size = 0;
    }
    iter->offset = walk.cursor.offset;
    iter->left--;
    *out_item = item;
    return RUNE_OK;
}

bool rune_value_key_at(const rune_const_value *value, size_t index, const char **out_data,
                       size_t *out_size)
{
    struct walk walk;
    if (!walk_begin(value, &walk) || index >= walk.count || !walk.keyed) {
        return false;
    }
    walk_to(&walk, index, true);
    rune_const_value key = {.bytes = value->bytes + walk.cursor.offset,
                            .size = rn_cursor_left(&walk.cursor)};
    return rune_value_get_string(&key, out_data, out_size);
}

rune_const_value *rune_value_get(const rune_const_value *value, const char *key)
{
    struct walk walk;
    size_t size = key ? strlen(key) : 0;
    if (!key || !walk_begin(value, &walk) || !walk.keyed) {
        return NULL;
    }
    for (size_t i = 0; i < walk.count; i++) {
        rune_const_value here = {.bytes = value->bytes + walk.cursor.offset,
                                 .size = rn_cursor_left(&walk.cursor)};
        const char *data;
        size_t data_size;
        bool found = rune_value_get_string(&here, &data, &data_size) && data_size == size &&
                     memcmp(data, key, size) == 0;
        skip_value(&walk.cursor);
        if (found) {
            return view_here(value, &walk);
        }
        skip_value(&walk.cursor);
    }
    return NULL;
}

uint64_t rune_value_hash_item(const char *item)
{
    if (!item) {
        return 0;
    }
    item += strncmp(item, "::", 2) == 0 ? 2 : 0;
    return rn_hash_item(item, strlen(item));
}

bool rune_value_get_type(const rune_const_value *value, uint64_t *out_hash)
{
    struct rn_const_token token = first_token(value);
    bool named = token.kind == RN_CONST_STRUCT || token.kind == RN_CONST_VARIANT;
    if (named || token.kind == RN_CONST_TYPE) {
        *out_hash = named ? token.item.type_hash : token.u64;
        return true;
    }
    return false;
}

bool rune_value_get_variant(const rune_const_value *value, uint64_t *out_hash)
{
    struct rn_const_token token = first_token(value);
    if (token.kind != RN_CONST_VARIANT) {
        return false;
    }
    *out_hash = token.item.variant_hash;
    return true;
}

bool rune_value_is(const rune_const_value *value, const char *item)
{
    struct rn_const_token token = first_token(value);
    uint64_t hash = rune_value_hash_item(item);
    bool is_variant = token.kind == RN_CONST_VARIANT;
    return item && (is_variant || token.kind == RN_CONST_STRUCT) &&
           (token.item.type_hash == hash || (is_variant && token.item.variant_hash == hash));
}

bool rune_value_is_some(const rune_const_value *value)
{
    return first_token(value).kind == RN_CONST_SOME;
}

bool rune_value_is_ok(const rune_const_value *value)
{
    return first_token(value).kind == RN_CONST_OK;
}

bool rune_value_equal(const rune_const_value *a, const rune_const_value *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* CBOR and JSON */

enum rn_error rn_value_take(uint8_t *bytes, size_t size, rune_const_value **out_value)
{
    enum rn_error error = rn_const_value_check(bytes, size, &limits, NULL);
    rune_const_value *value = error == RN_OK ? new_value(bytes, size, NULL) : NULL;
    if (!value) {
        rn_free(bytes);
        return error == RN_OK ? RN_E_NO_MEMORY : error;
    }
    *out_value = value;
    return RN_OK;
}

enum rn_error rn_value_put(rune_const_value *at, rune_record *home, const uint8_t *bytes,
                           size_t size)
{
    RN_TRY(rn_const_value_check(bytes, size, &limits, NULL));
    *at = (rune_const_value){.home = home, .bytes = bytes, .size = size};
    atomic_init(&at->refs, 1);
    return RN_OK;
}

void rn_value_append_args(struct rn_buf *out, const rune_const_value *const *args, size_t count)
{
    if (count == 0) {
        return;
    }
    rn_const_begin_tuple(out, count);
    for (size_t i = 0; i < count; i++) {
        append(out, args[i]);
    }
}

rune_status rune_value_from_cbor(const void *data, size_t size, rune_const_value **out_value,
                                 rune_error **error)
{
    struct rn_const_fault fault = {.error = RN_OK};
    enum rn_error failed = rn_const_value_check(data, size, &limits, &fault);
    if (failed != RN_OK) {
        return rn_fail(error, (rune_status)failed, "%s, at byte %zu", rn_error_message(failed),
                       fault.offset);
    }
    uint8_t *copy = (uint8_t *)rn_strndup(data, size);
    rune_const_value *value = copy ? new_value(copy, size, NULL) : NULL;
    if (!value) {
        rn_free(copy);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    *out_value = value;
    return RUNE_OK;
}

const void *rune_value_to_cbor(const rune_const_value *value, size_t *out_size)
{
    *out_size = value ? value->size : 0;
    return value ? value->bytes : NULL;
}

rune_status rune_value_from_json(const char *data, size_t size, rune_const_value **out_value,
                                 rune_error **error)
{
    struct rn_buf buf = begin();
    struct rn_json_fault fault = {.error = RN_OK};
    enum rn_error failed = rn_json_read(data, size, &buf, &fault);
    if (failed != RN_OK) {
        rn_buf_done(&buf);
        return rn_fail(error, (rune_status)failed, "%s, at byte %zu",
                       fault.message ? fault.message : rn_error_message(failed), fault.offset);
    }
    rune_const_value *value = finish(&buf);
    if (!value) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    *out_value = value;
    return RUNE_OK;
}

enum rn_error rn_value_append_json(const rune_const_value *value, const rune_unit *unit,
                                   struct rn_buf *out)
{
    RN_AUTO(rn_unit_names) struct rn_unit_names names;
    size_t max = out->max;
    rn_unit_names_init(&names, unit);
    struct rn_json_options options = {.names = &names.json};
    if (unit) {
        out->max = rn_min_size(max, out->size + NAMED_ROOM + value->size * NAMED_GROWTH);
    }
    enum rn_error error = rn_json_write(value->bytes, value->size, &options, out, NULL);
    out->max = max;
    return error == RN_OK && names.no_memory ? RN_E_NO_MEMORY : error;
}

static rune_status to_json(const rune_const_value *value, const rune_unit *unit,
                           rune_text **out_text)
{
    RN_AUTO(rn_buf) struct rn_buf out;
    rn_buf_init(&out, (size_t)RN_VALUE_SIZE_MAX * 8);
    enum rn_error failed = rn_value_append_json(value, unit, &out);
    return failed == RN_OK ? rn_text_take(&out, out_text) : (rune_status)failed;
}

rune_status rune_value_to_json(const rune_const_value *value, rune_text **out_text,
                               rune_error **error)
{
    return rune_unit_value_to_json(NULL, value, out_text, error);
}

rune_status rune_unit_value_to_json(const rune_unit *unit, const rune_const_value *value,
                                    rune_text **out_text, rune_error **error)
{
    if (!value) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "the value is NULL");
    }
    rune_status status = to_json(value, unit, out_text);
    if (status == RUNE_E_TOO_LARGE && unit) {
        status = to_json(value, NULL, out_text); // a script may give its fields names without end
    }
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}
