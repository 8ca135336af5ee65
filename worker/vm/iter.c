/*
 * iter.c: iterators over what the library holds itself.
 *
 * An iterator holds its source and two positions. Nothing is locked: the source's modification
 * count is compared at every step, and a change raises the access error there. Ranges are copied at
 * the start. Maps count in `end` how many items remain; `index` is a position in the array of
 * entries.
 */
#include "worker/vm/machine.h"

struct rn_iter *rn_iter_new(struct rn_vm *vm, uint32_t type, enum rn_iter_kind kind,
                            struct rn_value source)
{
    struct rn_iter *iter = rn_heap_object(vm, RN_OBJECT_ITER, type, sizeof(*iter));
    if (iter == NULL) {
        return NULL;
    }
    iter->source = source;
    iter->index = 0;
    iter->end = 0;
    iter->version = source.tag == RN_VALUE_OBJECT ? source.object->version : 0;
    iter->iter = (uint8_t)kind;
    iter->last = false;
    iter->spare = 0;
    return iter;
}

/* --- Making --- */

static enum rn_outcome make(struct rn_vm *vm, uint32_t type, enum rn_iter_kind kind,
                            struct rn_value source, uint64_t end, struct rn_value *out)
{
    struct rn_iter *iter = rn_iter_new(vm, type, kind, source);
    if (iter == NULL) {
        return RN_RAISED;
    }
    iter->end = end;
    *out = rn_value_object(iter);
    return RN_DONE;
}

static enum rn_outcome make_range(struct rn_vm *vm, uint32_t type, enum rn_iter_kind kind,
                                  struct rn_value start, uint64_t end, struct rn_value *out)
{
    struct rn_iter *iter = rn_iter_new(vm, type, kind, rn_value_unit());
    if (iter == NULL) {
        return RN_RAISED;
    }
    iter->index = start.u64;
    iter->end = end;
    iter->last = type == RN_TYPE_ID_RANGE_INCLUSIVE_ITER;
    *out = rn_value_object(iter);
    return RN_DONE;
}

static enum rn_outcome iter_range(struct rn_vm *vm, const struct rn_value *bounds, bool inclusive,
                                  struct rn_value *out)
{
    struct rn_value start = bounds[0];
    struct rn_value end = bounds[1];
    uint32_t type = inclusive ? RN_TYPE_ID_RANGE_INCLUSIVE_ITER : RN_TYPE_ID_RANGE_ITER;
    bool integer = end.tag == RN_VALUE_I64 || end.tag == RN_VALUE_U64;
    if (start.tag == RN_VALUE_I64 && integer) {
        int64_t last;
        RN_TRY_VM(rn_arg_i64(vm, end, &last));
        return make_range(vm, type, RN_ITER_RANGE_I64, start, (uint64_t)last, out);
    }
    if (start.tag == RN_VALUE_U64 && integer) {
        uint64_t last;
        RN_TRY_VM(rn_arg_u64(vm, end, &last));
        return make_range(vm, type, RN_ITER_RANGE_U64, start, last, out);
    }
    if (start.tag == RN_VALUE_CHAR && end.tag == RN_VALUE_CHAR) {
        return make_range(vm, type, RN_ITER_RANGE_CHAR, start, end.u64, out);
    }
    return rn_raise(vm, inclusive ? RN_VM_ERROR_ITER_RANGE_INCLUSIVE : RN_VM_ERROR_ITER_RANGE,
                    start, end);
}

static enum rn_outcome iter_range_from(struct rn_vm *vm, struct rn_value start,
                                       struct rn_value *out)
{
    switch (start.tag) {
    case RN_VALUE_I64:
        return make_range(vm, RN_TYPE_ID_RANGE_FROM_ITER, RN_ITER_RANGE_FROM_I64, start, 0, out);
    case RN_VALUE_U64:
        return make_range(vm, RN_TYPE_ID_RANGE_FROM_ITER, RN_ITER_RANGE_FROM_U64, start, 0, out);
    case RN_VALUE_CHAR:
        return make_range(vm, RN_TYPE_ID_RANGE_FROM_ITER, RN_ITER_RANGE_FROM_CHAR, start, 0, out);
    default:
        return rn_raise(vm, RN_VM_ERROR_ITER_RANGE_FROM, start);
    }
}

/* By exact type; *out stays EMPTY if values of the type are not iterated. */
static enum rn_outcome iter_object(struct rn_vm *vm, struct rn_value value, struct rn_value *out)
{
    const struct rn_object *object = value.object;
    switch (object->type) {
    case RN_TYPE_ID_VEC:
        return make(vm, RN_TYPE_ID_SLICE_ITER, RN_ITER_VEC, value, rn_as_vec(value)->count, out);
    case RN_TYPE_ID_TUPLE:
        return make(vm, RN_TYPE_ID_SLICE_ITER, RN_ITER_TUPLE, value, object->count, out);
    case RN_TYPE_ID_OBJECT:
        return make(vm, RN_TYPE_ID_OBJECT_ITER, RN_ITER_OBJECT, value, rn_as_map(value)->live, out);
    case RN_TYPE_ID_HASH_MAP:
        return make(vm, RN_TYPE_ID_HASH_MAP_ITER, RN_ITER_MAP, value, rn_as_map(value)->live, out);
    case RN_TYPE_ID_HASH_SET:
        return make(vm, RN_TYPE_ID_HASH_SET_ITER, RN_ITER_MAP_KEYS, value, rn_as_map(value)->live,
                    out);
    case RN_TYPE_ID_VEC_DEQUE:
        return make(vm, RN_TYPE_ID_VEC_DEQUE_ITER, RN_ITER_VEC_DEQUE, value,
                    rn_as_vec_deque(value)->count, out);
    case RN_VARIANT_ID_OPTION_SOME:
        return make(vm, RN_TYPE_ID_OPTION_ITER, RN_ITER_ONCE, rn_payload(value), 1, out);
    case RN_VARIANT_ID_OPTION_NONE: // one that was taken
        return make(vm, RN_TYPE_ID_OPTION_ITER, RN_ITER_EMPTY, rn_value_none(), 0, out);
    case RN_TYPE_ID_RANGE:
        return iter_range(vm, rn_as_tuple(value)->items, false, out);
    case RN_TYPE_ID_RANGE_INCLUSIVE:
        return iter_range(vm, rn_as_tuple(value)->items, true, out);
    case RN_TYPE_ID_RANGE_FROM:
        return iter_range_from(vm, rn_as_tuple(value)->items[0], out);
    case RN_TYPE_ID_GENERATOR:
        return make(vm, RN_TYPE_ID_GENERATOR_ITER, RN_ITER_GENERATOR, value, 0, out);
    default:
        break;
    }
    if (object->kind == RN_OBJECT_ITER || rn_type_record(vm, object->type)->step != RN_NONE) {
        *out = value;
    }
    return RN_DONE;
}

static enum rn_outcome try_iter(struct rn_vm *vm, struct rn_value value, struct rn_value *out)
{
    *out = rn_value_empty();
    if (value.tag == RN_VALUE_UNIT) {
        return make(vm, RN_TYPE_ID_SLICE_ITER, RN_ITER_EMPTY, value, 0, out);
    }
    if (value.tag == RN_VALUE_NONE) {
        return make(vm, RN_TYPE_ID_OPTION_ITER, RN_ITER_EMPTY, value, 0, out);
    }
    if (value.tag != RN_VALUE_OBJECT) {
        return RN_DONE;
    }
    RN_TRY_VM(rn_check_read(vm, value));
    return iter_object(vm, value, out);
}

enum rn_outcome rn_value_iter(struct rn_vm *vm, struct rn_value value, struct rn_value *out_iter)
{
    RN_TRY_VM(try_iter(vm, value, out_iter));
    if (out_iter->tag == RN_VALUE_EMPTY) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("INTO_ITER"), value);
    }
    return RN_DONE;
}

enum rn_outcome rn_op_iter(struct rn_vm *vm, struct rn_value value, struct rn_value *out)
{
    // The value may stand in the register of the result.
    struct rn_value iter;
    RN_TRY_VM(try_iter(vm, value, &iter));
    if (iter.tag == RN_VALUE_EMPTY) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_METHOD, RN_UTF8("INTO_ITER"), value);
    }
    *out = iter;
    return RN_DONE;
}

/* --- Steps --- */

static enum rn_outcome changed(struct rn_vm *vm, const struct rn_iter *iter)
{
    if ((iter->source.object->flags & RN_OBJECT_MOVED) != 0) {
        return rn_raise(vm, RN_VM_ERROR_ACCESS_READ, iter->source);
    }
    return rn_raise(vm, RN_VM_ERROR_ACCESS_WRITE, iter->source);
}

/* Items of a source that is an array or a text. */
static uint32_t source_size(const struct rn_iter *iter)
{
    switch (iter->iter) {
    case RN_ITER_VEC:
        return rn_as_vec(iter->source)->count;
    case RN_ITER_VEC_DEQUE:
        return rn_as_vec_deque(iter->source)->count;
    case RN_ITER_CHARS:
    case RN_ITER_BYTES:
        return rn_as_string(iter->source)->size;
    default:
        return rn_as_map(iter->source)->live;
    }
}

/* Both ends of a text that is still to come are borders of chars. */
static bool stands_on_chars(const struct rn_iter *iter)
{
    const struct rn_string *text = rn_as_string(iter->source);
    return rn_utf8_is_boundary(text->data, text->size, iter->index) &&
           rn_utf8_is_boundary(text->data, text->size, iter->end);
}

/* The count of changes comes round after 2^32 of them: positions are never beyond the source, nor within a
 * char. */
static bool is_changed(const struct rn_iter *iter)
{
    return iter->source.object->version != iter->version || iter->end > source_size(iter) ||
           (iter->iter == RN_ITER_CHARS && !stands_on_chars(iter));
}

static uint64_t next_scalar(uint64_t scalar)
{
    return scalar == 0xd7ff ? 0xe000 : scalar + 1;
}

static uint64_t previous_scalar(uint64_t scalar)
{
    return scalar == 0xe000 ? 0xd7ff : scalar - 1;
}

/* The bounds of a range as words whose order is that of the items. */
static uint64_t ordinal(const struct rn_iter *iter, uint64_t word)
{
    return iter->iter == RN_ITER_RANGE_I64 ? word ^ (UINT64_C(1) << 63) : word;
}

static struct rn_value range_item(const struct rn_iter *iter, uint64_t word)
{
    static const uint8_t tags[] = {
        [RN_ITER_RANGE_I64] = RN_VALUE_I64,      [RN_ITER_RANGE_U64] = RN_VALUE_U64,
        [RN_ITER_RANGE_CHAR] = RN_VALUE_CHAR,    [RN_ITER_RANGE_FROM_I64] = RN_VALUE_I64,
        [RN_ITER_RANGE_FROM_U64] = RN_VALUE_U64, [RN_ITER_RANGE_FROM_CHAR] = RN_VALUE_CHAR,
    };
    return (struct rn_value){.tag = tags[iter->iter], .u64 = word};
}

static struct rn_value range_next(struct rn_iter *iter)
{
    uint64_t index = iter->index;
    if (ordinal(iter, index) < ordinal(iter, iter->end)) {
        iter->index = iter->iter == RN_ITER_RANGE_CHAR ? next_scalar(index) : index + 1;
        return range_item(iter, index);
    }
    if (iter->last && index == iter->end) {
        iter->last = false;
        return range_item(iter, index);
    }
    return rn_value_empty();
}

static struct rn_value range_next_back(struct rn_iter *iter)
{
    uint64_t index = ordinal(iter, iter->index);
    uint64_t end = ordinal(iter, iter->end);
    if (iter->last && index <= end) {
        iter->last = false;
        return range_item(iter, iter->end);
    }
    if (index >= end) {
        return rn_value_empty();
    }
    iter->end = iter->iter == RN_ITER_RANGE_CHAR ? previous_scalar(iter->end) : iter->end - 1;
    return range_item(iter, iter->end);
}

static enum rn_outcome range_from_next(struct rn_vm *vm, struct rn_iter *iter,
                                       struct rn_value *out_item)
{
    uint64_t index = iter->index;
    if (iter->last) { // the step after the largest item
        return iter->iter == RN_ITER_RANGE_FROM_CHAR ? RN_DONE : rn_raise(vm, RN_VM_ERROR_OVERFLOW);
    }
    *out_item = range_item(iter, index);
    uint64_t largest = iter->iter == RN_ITER_RANGE_FROM_I64   ? (uint64_t)INT64_MAX
                       : iter->iter == RN_ITER_RANGE_FROM_U64 ? UINT64_MAX
                                                              : 0x10ffff;
    iter->last = index == largest;
    iter->index = iter->iter == RN_ITER_RANGE_FROM_CHAR ? next_scalar(index) : index + 1;
    return RN_DONE;
}

static struct rn_value chars_next(struct rn_iter *iter)
{
    if (iter->index >= iter->end) {
        return rn_value_empty();
    }
    const struct rn_string *string = rn_as_string(iter->source);
    size_t width;
    uint32_t scalar = rn_utf8_decode(string->data, string->size, iter->index, &width);
    iter->index += width;
    return rn_value_char(scalar);
}

static struct rn_value chars_next_back(struct rn_iter *iter)
{
    if (iter->index >= iter->end) {
        return rn_value_empty();
    }
    const struct rn_string *string = rn_as_string(iter->source);
    do {
        iter->end--;
    } while (((unsigned char)string->data[iter->end] & 0xc0) == 0x80);
    size_t width;
    return rn_value_char(rn_utf8_decode(string->data, string->size, iter->end, &width));
}

static enum rn_outcome pair(struct rn_vm *vm, struct rn_value key, struct rn_value value,
                            struct rn_value *out_item)
{
    struct rn_tuple *tuple = rn_tuple_new(vm, 2);
    if (tuple == NULL) {
        return RN_RAISED;
    }
    tuple->items[0] = key;
    tuple->items[1] = value;
    *out_item = rn_value_object(tuple);
    return RN_DONE;
}

static enum rn_outcome key_string(struct rn_vm *vm, const struct rn_key *key,
                                  struct rn_value *out_value)
{
    struct rn_string *string = key->heap ? rn_string_new(vm, key->data, key->size)
                                         : rn_string_new_static(vm, key->data, key->size);
    if (string == NULL) {
        return RN_RAISED;
    }
    *out_value = rn_value_object(string);
    return RN_DONE;
}

static enum rn_outcome object_item(struct rn_vm *vm, const struct rn_iter *iter,
                                   const struct rn_object_entry *entry, struct rn_value *out_item)
{
    if (iter->iter == RN_ITER_OBJECT_VALUES) {
        *out_item = entry->value;
        return RN_DONE;
    }
    struct rn_value key;
    RN_TRY_VM(key_string(vm, &entry->key, &key));
    if (iter->iter == RN_ITER_OBJECT_KEYS) {
        *out_item = key;
        return RN_DONE;
    }
    return pair(vm, key, entry->value, out_item);
}

static enum rn_outcome map_item(struct rn_vm *vm, const struct rn_iter *iter,
                                const struct rn_map_entry *entry, struct rn_value *out_item)
{
    switch (iter->iter) {
    case RN_ITER_MAP_KEYS:
        *out_item = entry->key;
        return RN_DONE;
    case RN_ITER_MAP_VALUES:
        *out_item = entry->value;
        return RN_DONE;
    default:
        return pair(vm, entry->key, entry->value, out_item);
    }
}

static enum rn_outcome map_next(struct rn_vm *vm, struct rn_iter *iter, struct rn_value *out_item)
{
    struct rn_map *map = rn_as_map(iter->source);
    if (iter->end == 0) {
        return RN_DONE;
    }
    iter->index = rn_map_live_from(map, iter->index);
    if (iter->index >= map->used) {
        return changed(vm, iter);
    }
    iter->end--;
    uint64_t i = iter->index++;
    if (map->header.kind == RN_OBJECT_OBJECT) {
        return object_item(vm, iter, &map->object_entries[i], out_item);
    }
    return map_item(vm, iter, &map->entries[i], out_item);
}

/* The item at a position of a source that is an array. */
static struct rn_value array_item(const struct rn_iter *iter, uint64_t index)
{
    switch (iter->iter) {
    case RN_ITER_VEC:
        return rn_as_vec(iter->source)->items[index];
    case RN_ITER_TUPLE:
        return rn_as_tuple(iter->source)->items[index];
    case RN_ITER_VEC_DEQUE:
        return *rn_vec_deque_at(rn_as_vec_deque(iter->source), (uint32_t)index);
    case RN_ITER_BYTES:
        return rn_value_u64((unsigned char)rn_as_string(iter->source)->data[index]);
    default:
        return iter->source; // ONCE
    }
}

static bool watches_source(const struct rn_iter *iter)
{
    return iter->iter >= RN_ITER_VEC && iter->iter <= RN_ITER_MAP_VALUES;
}

enum rn_outcome rn_iter_next(struct rn_vm *vm, struct rn_iter *iter, struct rn_value *out_item)
{
    *out_item = rn_value_empty();
    if (watches_source(iter) && iter->iter != RN_ITER_TUPLE && is_changed(iter)) {
        return changed(vm, iter);
    }
    switch ((enum rn_iter_kind)iter->iter) {
    case RN_ITER_EMPTY:
        return RN_DONE;
    case RN_ITER_RANGE_I64:
    case RN_ITER_RANGE_U64:
    case RN_ITER_RANGE_CHAR:
        *out_item = range_next(iter);
        return RN_DONE;
    case RN_ITER_RANGE_FROM_I64:
    case RN_ITER_RANGE_FROM_U64:
    case RN_ITER_RANGE_FROM_CHAR:
        return range_from_next(vm, iter, out_item);
    case RN_ITER_CHARS:
        *out_item = chars_next(iter);
        return RN_DONE;
    case RN_ITER_VEC:
    case RN_ITER_TUPLE:
    case RN_ITER_VEC_DEQUE:
    case RN_ITER_BYTES:
    case RN_ITER_ONCE:
        if (iter->index < iter->end) {
            *out_item = array_item(iter, iter->index++);
        }
        return RN_DONE;
    case RN_ITER_OBJECT:
    case RN_ITER_OBJECT_KEYS:
    case RN_ITER_OBJECT_VALUES:
    case RN_ITER_MAP:
    case RN_ITER_MAP_KEYS:
    case RN_ITER_MAP_VALUES:
        return map_next(vm, iter, out_item);
    case RN_ITER_GENERATOR:
    case RN_ITER_KIND_COUNT:
        break;
    }
    RN_CHECK(false);
    return RN_RAISED;
}

bool rn_iter_is_double_ended(const struct rn_iter *iter)
{
    switch ((enum rn_iter_kind)iter->iter) {
    case RN_ITER_EMPTY:
    case RN_ITER_RANGE_I64:
    case RN_ITER_RANGE_U64:
    case RN_ITER_RANGE_CHAR:
    case RN_ITER_CHARS:
    case RN_ITER_VEC:
    case RN_ITER_TUPLE:
    case RN_ITER_VEC_DEQUE:
    case RN_ITER_BYTES:
    case RN_ITER_ONCE:
        return true;
    case RN_ITER_RANGE_FROM_I64:
    case RN_ITER_RANGE_FROM_U64:
    case RN_ITER_RANGE_FROM_CHAR:
    case RN_ITER_OBJECT:
    case RN_ITER_OBJECT_KEYS:
    case RN_ITER_OBJECT_VALUES:
    case RN_ITER_MAP:
    case RN_ITER_MAP_KEYS:
    case RN_ITER_MAP_VALUES:
    case RN_ITER_GENERATOR:
    case RN_ITER_KIND_COUNT:
        break;
    }
    return false;
}

enum rn_outcome rn_iter_next_back(struct rn_vm *vm, struct rn_iter *iter, struct rn_value *out_item)
{
    *out_item = rn_value_empty();
    if (!rn_iter_is_double_ended(iter)) {
        return rn_raise(vm, RN_VM_ERROR_MISSING_PROTOCOL, RN_UTF8("NEXT_BACK"),
                        rn_value_object(iter));
    }
    if (watches_source(iter) && iter->iter != RN_ITER_TUPLE && is_changed(iter)) {
        return changed(vm, iter);
    }
    if (iter->iter >= RN_ITER_RANGE_I64 && iter->iter <= RN_ITER_RANGE_CHAR) {
        *out_item = range_next_back(iter);
    } else if (iter->iter == RN_ITER_CHARS) {
        *out_item = chars_next_back(iter);
    } else if (iter->index < iter->end) {
        *out_item = array_item(iter, --iter->end);
    }
    return RN_DONE;
}

static uint64_t char_count(const struct rn_iter *iter)
{
    uint64_t from = iter->index;
    uint64_t to = iter->end + (iter->last ? 1 : 0);
    if (from >= to) {
        return 0;
    }
    return from < 0xd800 && to >= 0xe000 ? to - from - 0x800 : to - from;
}

bool rn_iter_remaining(const struct rn_iter *iter, uint64_t *out_count)
{
    switch ((enum rn_iter_kind)iter->iter) {
    case RN_ITER_EMPTY:
        *out_count = 0;
        return true;
    case RN_ITER_RANGE_I64:
    case RN_ITER_RANGE_U64: {
        uint64_t from = ordinal(iter, iter->index);
        uint64_t to = ordinal(iter, iter->end);
        *out_count = from > to ? 0 : to - from + (iter->last ? 1 : 0);
        return from > to || !iter->last || to - from != UINT64_MAX;
    }
    case RN_ITER_RANGE_CHAR:
        *out_count = char_count(iter);
        return true;
    case RN_ITER_VEC:
    case RN_ITER_TUPLE:
    case RN_ITER_VEC_DEQUE:
    case RN_ITER_BYTES:
    case RN_ITER_ONCE:
        *out_count = iter->end - iter->index;
        return true;
    case RN_ITER_OBJECT:
    case RN_ITER_OBJECT_KEYS:
    case RN_ITER_OBJECT_VALUES:
    case RN_ITER_MAP:
    case RN_ITER_MAP_KEYS:
    case RN_ITER_MAP_VALUES:
        *out_count = iter->end;
        return true;
    case RN_ITER_RANGE_FROM_I64:
    case RN_ITER_RANGE_FROM_U64:
    case RN_ITER_RANGE_FROM_CHAR:
    case RN_ITER_CHARS:
    case RN_ITER_GENERATOR:
    case RN_ITER_KIND_COUNT:
        break;
    }
    return false;
}
