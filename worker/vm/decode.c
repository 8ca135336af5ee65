/*
 * decode.c: a ConstValue in CBOR to a value of the heap.
 *
 * Finished values are collected in one list, the first of them in place; a level of nesting remembers
 * where its parts begin, and takes them together at its end. Nothing is collected meanwhile, so the list
 * need not be seen by the collector. Hashes are resolved to types and functions of this link, and
 * counts are checked against them: a value that no script could make is refused.
 *
 * Trust: reads bytes from the supervisor, and so from anybody who calls.
 */
#include <string.h>

#include "bytecode/const_value.h"
#include "bytecode/hash.h"
#include "worker/vm/machine.h"

#define LEVELS_IN_PLACE 32u
#define VALUES_IN_PLACE 16u

struct level {
    struct rn_const_token token;
    uint32_t start; /* of its parts */
};

struct decoder {
    struct rn_vm *vm;
    struct rn_value *values; /* those in place, then a buffer of the heap */
    uint32_t count;
    uint32_t room;
    struct level *levels;
    uint32_t depth;
    uint32_t capacity; /* of `levels` */
    struct rn_const_reader reader;
    enum rn_error error; /* of the bytes; RN_OK: the Vm raised */
};

static enum rn_outcome refuse(struct decoder *d, enum rn_error error)
{
    if (d->error == RN_OK) {
        d->error = error;
    }
    return RN_RAISED;
}

static bool make_room(struct decoder *d)
{
    size_t wanted = (size_t)d->room * 2 * sizeof(struct rn_value);
    size_t capacity;
    struct rn_value *values = rn_heap_buffer(d->vm, wanted, &capacity);
    if (values == NULL) {
        return false;
    }
    memcpy(values, d->values, d->count * sizeof(struct rn_value));
    if (d->room > VALUES_IN_PLACE) {
        rn_heap_buffer_free(d->vm, d->values);
    }
    d->values = values;
    d->room = (uint32_t)(capacity / sizeof(struct rn_value));
    return true;
}

static inline enum rn_outcome put(struct decoder *d, struct rn_value value)
{
    if (RN_UNLIKELY(d->count == d->room) && !make_room(d)) {
        return RN_RAISED;
    }
    d->values[d->count++] = value;
    return RN_DONE;
}

static enum rn_outcome put_object(struct decoder *d, void *object)
{
    return object == NULL ? RN_RAISED : put(d, rn_value_object(object));
}

static enum rn_outcome put_type(struct decoder *d, uint64_t hash)
{
    rn_charge(d->vm, d->vm->script->type_count / 8);
    RN_TRY_VM(rn_check_spent(d->vm));
    uint32_t type = rn_find_type(d->vm, hash);
    return type == RN_NONE ? refuse(d, RN_E_CBOR_INVALID) : put(d, rn_value_type(type));
}

static enum rn_outcome put_leaf(struct decoder *d, const struct rn_const_token *token)
{
    switch (token->kind) {
    case RN_CONST_UNIT:
        return put(d, rn_value_unit());
    case RN_CONST_BOOL:
        return put(d, rn_value_bool(token->boolean));
    case RN_CONST_I64:
        return put(d, rn_value_i64(token->i64));
    case RN_CONST_U64:
        return put(d, rn_value_u64(token->u64));
    case RN_CONST_F64:
        return put(d, rn_value_f64(token->f64));
    case RN_CONST_CHAR:
        return put(d, rn_value_char(token->scalar));
    case RN_CONST_STRING:
        return put_object(d, rn_string_new(d->vm, token->text.data, token->text.size));
    case RN_CONST_BYTES:
        return put_object(d, rn_bytes_new(d->vm, token->text.data, token->text.size));
    case RN_CONST_NONE:
        return put(d, rn_value_none());
    case RN_CONST_ORDERING:
        return put(d, rn_value_ordering((enum rn_ordering)(token->order + 1)));
    case RN_CONST_TYPE:
        return put_type(d, token->u64);
    case RN_CONST_HASH:
        return put(d, rn_value_from_hash(token->u64));
    case RN_CONST_VEC:
    case RN_CONST_TUPLE:
    case RN_CONST_OBJECT:
    case RN_CONST_SOME:
    case RN_CONST_OK:
    case RN_CONST_ERR:
    case RN_CONST_RANGE:
    case RN_CONST_STRUCT:
    case RN_CONST_VARIANT:
    case RN_CONST_FUNCTION:
    case RN_CONST_VEC_DEQUE:
    case RN_CONST_HASH_SET:
    case RN_CONST_HASH_MAP:
    case RN_CONST_END:
    case RN_CONST_KIND_COUNT:
        break;
    }
    return refuse(d, RN_E_CBOR_INVALID);
}

/* --- Containers, from their parts --- */

static enum rn_outcome make_vec(struct decoder *d, const struct rn_value *parts, uint32_t count,
                                struct rn_value *out)
{
    struct rn_vec *vec = rn_vec_new(d->vm, count);
    if (vec == NULL) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(vec->items, parts, count * sizeof(struct rn_value));
    }
    vec->count = count;
    *out = rn_value_object(vec);
    return RN_DONE;
}

static enum rn_outcome make_tuple(struct decoder *d, const struct rn_value *parts, uint32_t count,
                                  struct rn_value *out)
{
    struct rn_tuple *tuple = rn_tuple_new(d->vm, count);
    if (tuple == NULL) {
        return RN_RAISED;
    }
    memcpy(tuple->items, parts, count * sizeof(struct rn_value));
    *out = rn_value_object(tuple);
    return RN_DONE;
}

static enum rn_outcome make_object(struct decoder *d, const struct rn_value *parts, uint32_t count,
                                   struct rn_value *out)
{
    struct rn_map *object = rn_object_new(d->vm, count / 2);
    if (object == NULL) {
        return RN_RAISED;
    }
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        if (!rn_object_is(parts[i], RN_TYPE_ID_STRING)) {
            return refuse(d, RN_E_CBOR_INVALID);
        }
        const struct rn_string *key = rn_as_string(parts[i]);
        struct rn_value old;
        RN_TRY_VM(rn_object_insert(d->vm, object, key->data, key->size, parts[i + 1], &old));
        if (old.tag != RN_VALUE_EMPTY) {
            return refuse(d, RN_E_CBOR_INVALID);
        }
    }
    *out = rn_value_object(object);
    return RN_DONE;
}

static enum rn_outcome make_map(struct decoder *d, const struct rn_value *parts, uint32_t count,
                                bool set, struct rn_value *out)
{
    uint32_t step = set ? 1 : 2;
    struct rn_map *map =
        rn_map_new(d->vm, set ? RN_TYPE_ID_HASH_SET : RN_TYPE_ID_HASH_MAP, count / step);
    if (map == NULL) {
        return RN_RAISED;
    }
    for (uint32_t i = 0; i + step <= count; i += step) {
        struct rn_value old;
        struct rn_value value = set ? rn_value_unit() : parts[i + 1];
        RN_TRY_VM(rn_map_insert(d->vm, map, parts[i], value, &old));
        if (old.tag != RN_VALUE_EMPTY) {
            return refuse(d, RN_E_CBOR_INVALID);
        }
    }
    *out = rn_value_object(map);
    return RN_DONE;
}

static enum rn_outcome make_deque(struct decoder *d, const struct rn_value *parts, uint32_t count,
                                  struct rn_value *out)
{
    struct rn_vec_deque *deque = rn_vec_deque_new(d->vm, count);
    if (deque == NULL) {
        return RN_RAISED;
    }
    if (count > 0) {
        memcpy(deque->items, parts, count * sizeof(struct rn_value));
    }
    deque->count = count;
    *out = rn_value_object(deque);
    return RN_DONE;
}

static enum rn_outcome make_range(struct decoder *d, uint32_t kind, const struct rn_value *parts,
                                  uint32_t count, struct rn_value *out)
{
    static const uint32_t types[RN_RANGE_KIND_COUNT] = {
        [RN_RANGE_FULL] = RN_TYPE_ID_RANGE_FULL,
        [RN_RANGE_FROM] = RN_TYPE_ID_RANGE_FROM,
        [RN_RANGE_TO] = RN_TYPE_ID_RANGE_TO,
        [RN_RANGE_TO_INCLUSIVE] = RN_TYPE_ID_RANGE_TO_INCLUSIVE,
        [RN_RANGE_HALF_OPEN] = RN_TYPE_ID_RANGE,
        [RN_RANGE_INCLUSIVE] = RN_TYPE_ID_RANGE_INCLUSIVE,
    };
    if (kind >= RN_RANGE_KIND_COUNT) {
        return refuse(d, RN_E_CBOR_INVALID);
    }
    return rn_make_struct(d->vm, types[kind], parts, count, out);
}

/*
 * Types of the standard Unit are made by its functions, which rely on what is in them. A Bencher is
 * made by hosts: anything may be in it.
 */
static bool is_private(const struct decoder *d, uint32_t type, uint64_t hash)
{
    return type >= RN_LIBRARY_TYPE_COUNT && type < d->vm->engine->type_count &&
           hash != rn_hash_item("std::test::Bencher", sizeof "std::test::Bencher" - 1);
}

/* Struct or variant by hash: of a type with visible parts, and with as many. */
static enum rn_outcome make_typed(struct decoder *d, uint64_t hash, uint64_t parent,
                                  const struct rn_value *parts, uint32_t count,
                                  struct rn_value *out)
{
    uint32_t type = rn_find_type(d->vm, hash);
    rn_charge(d->vm, d->vm->script->type_count / 8);
    if (type == RN_NONE || type < RN_TYPE_ID_COUNT) {
        return refuse(d, RN_E_CBOR_INVALID);
    }
    const struct rn_type_record *record = rn_type_record(d->vm, type);
    if (record->shape == RN_SHAPE_OPAQUE || record->field_count != count ||
        rn_type_record(d->vm, record->parent)->hash != parent || is_private(d, type, hash)) {
        return refuse(d, RN_E_CBOR_INVALID);
    }
    return rn_make_struct(d->vm, type, parts, count, out);
}

/* As strict as the verifier: the function exists in this Unit, and captures as many. */
static enum rn_outcome make_function(struct decoder *d, const struct rn_const_token *token,
                                     const struct rn_value *parts, uint32_t count,
                                     struct rn_value *out)
{
    struct rn_function_id id = {token->item.content_id, token->item.type_hash};
    struct rn_captures captures = {parts, count};
    RN_TRY_VM(rn_function_find(d->vm, &id, &captures, out));
    return out->tag == RN_VALUE_EMPTY ? refuse(d, RN_E_FUNCTION_INVALID) : RN_DONE;
}

static enum rn_outcome assemble(struct decoder *d, const struct rn_const_token *token,
                                const struct rn_value *parts, uint32_t count, struct rn_value *out)
{
    switch (token->kind) {
    case RN_CONST_VEC:
        return make_vec(d, parts, count, out);
    case RN_CONST_TUPLE:
        return make_tuple(d, parts, count, out);
    case RN_CONST_OBJECT:
        return make_object(d, parts, count, out);
    case RN_CONST_SOME:
        return rn_make_some(d->vm, parts[0], out);
    case RN_CONST_OK:
        return rn_make_ok(d->vm, parts[0], out);
    case RN_CONST_ERR:
        return rn_make_err(d->vm, parts[0], out);
    case RN_CONST_RANGE:
        return make_range(d, token->range_kind, parts, count, out);
    case RN_CONST_STRUCT:
        return make_typed(d, token->item.type_hash, token->item.type_hash, parts, count, out);
    case RN_CONST_VARIANT:
        return make_typed(d, token->item.variant_hash, token->item.type_hash, parts, count, out);
    case RN_CONST_FUNCTION:
        return make_function(d, token, parts, count, out);
    case RN_CONST_VEC_DEQUE:
        return make_deque(d, parts, count, out);
    case RN_CONST_HASH_SET:
        return make_map(d, parts, count, true, out);
    case RN_CONST_HASH_MAP:
        return make_map(d, parts, count, false, out);
    case RN_CONST_UNIT:
    case RN_CONST_BOOL:
    case RN_CONST_I64:
    case RN_CONST_F64:
    case RN_CONST_STRING:
    case RN_CONST_BYTES:
    case RN_CONST_CHAR:
    case RN_CONST_U64:
    case RN_CONST_NONE:
    case RN_CONST_ORDERING:
    case RN_CONST_TYPE:
    case RN_CONST_HASH:
    case RN_CONST_END:
    case RN_CONST_KIND_COUNT:
        break;
    }
    return refuse(d, RN_E_CBOR_INVALID);
}

static enum rn_outcome open_level(struct decoder *d, const struct rn_const_token *token)
{
    if (d->depth == d->capacity) {
        return refuse(d, RN_E_CBOR_DEPTH);
    }
    d->levels[d->depth++] = (struct level){*token, d->count};
    return RN_DONE;
}

static enum rn_outcome close_level(struct decoder *d)
{
    const struct level *level = &d->levels[--d->depth];
    uint32_t count = d->count - level->start;
    struct rn_value value;
    RN_TRY_VM(assemble(d, &level->token, d->values + level->start, count, &value));
    RN_TRY_VM(rn_check_spent(d->vm)); // types and functions were looked for
    d->count = level->start;
    return put(d, value);
}

static enum rn_outcome read_all(struct decoder *d)
{
    struct rn_const_token token;
    do {
        enum rn_error error = rn_const_read(&d->reader, &token);
        rn_charge(d->vm, 1);
        if (error != RN_OK) {
            return refuse(d, error);
        }
        if (token.kind == RN_CONST_END) {
            RN_TRY_VM(close_level(d));
        } else if (rn_const_kind_has_content(token.kind)) {
            RN_TRY_VM(open_level(d, &token));
        } else {
            RN_TRY_VM(put_leaf(d, &token));
        }
    } while (!rn_const_reader_at_end(&d->reader) || d->depth > 0);
    enum rn_error error = rn_const_reader_finish(&d->reader);
    return error == RN_OK ? RN_DONE : refuse(d, error);
}

/* With `levels` levels of nesting. */
static enum rn_outcome decode(struct decoder *d, const uint8_t *data, size_t size,
                              struct rn_const_level *reader_levels, uint32_t levels,
                              struct rn_value *out)
{
    RN_UNCLEARED struct rn_value first[VALUES_IN_PLACE];
    d->values = first;
    d->count = 0;
    d->room = VALUES_IN_PLACE;
    rn_const_reader_init(&d->reader, data, size, reader_levels, levels);
    RN_TRY_VM(read_all(d));
    *out = d->values[0];
    if (d->room > VALUES_IN_PLACE) {
        rn_heap_buffer_free(d->vm, d->values);
    }
    return RN_DONE;
}

static enum rn_outcome decode_deep(struct decoder *d, const uint8_t *data, size_t size,
                                   struct rn_value *out)
{
    size_t capacity;
    struct rn_const_level *reader_levels =
        rn_heap_buffer(d->vm, RN_CONST_DEPTH_MAX * sizeof(*reader_levels), &capacity);
    d->levels = rn_heap_buffer(d->vm, RN_CONST_DEPTH_MAX * sizeof(struct level), &capacity);
    d->capacity = RN_CONST_DEPTH_MAX;
    d->depth = 0;
    d->error = RN_OK;
    if (reader_levels == NULL || d->levels == NULL) {
        return RN_RAISED;
    }
    enum rn_outcome outcome = decode(d, data, size, reader_levels, RN_CONST_DEPTH_MAX, out);
    rn_heap_buffer_free(d->vm, reader_levels);
    rn_heap_buffer_free(d->vm, d->levels);
    return outcome;
}

enum rn_error rn_decode(struct rn_vm *vm, const uint8_t *data, size_t size, struct rn_value *out)
{
    RN_UNCLEARED struct rn_const_level reader_levels[LEVELS_IN_PLACE];
    RN_UNCLEARED struct level levels[LEVELS_IN_PLACE];
    struct decoder d = {.vm = vm, .levels = levels, .capacity = LEVELS_IN_PLACE};
    enum rn_outcome outcome = decode(&d, data, size, reader_levels, LEVELS_IN_PLACE, out);
    if (d.error == RN_E_CBOR_DEPTH) {
        outcome = decode_deep(&d, data, size, out);
    }
    if (outcome == RN_DONE) {
        return RN_OK;
    }
    return d.error != RN_OK ? d.error : RN_E_NO_MEMORY;
}

enum rn_outcome rn_value_decode(struct rn_vm *vm, const uint8_t *data, size_t size,
                                struct rn_value *out_value)
{
    enum rn_error error = rn_decode(vm, data, size, out_value);
    if (error == RN_OK) {
        return RN_DONE;
    }
    if (vm->raised || vm->limit != RN_LIMIT_NONE) {
        return RN_RAISED;
    }
    const char *text = rn_error_message(error);
    return rn_raise_panic(vm, text, strlen(text));
}
