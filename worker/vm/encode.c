/*
 * encode.c: a value to a ConstValue in CBOR.
 *
 * The walk keeps a frame for each open container; what cannot be sent fails with the path to it,
 * read off those frames. The bytes go into pages of the region that double: nothing of it is in the
 * script's account but the charge.
 *
 * Values share their parts, so a small one may be as many parts as fit the size: the call can be stopped
 * between them.
 */
#include <string.h>

#include "bytecode/const_value.h"
#include "worker/vm/machine.h"

#define ENCODED_SIZE_MAX ((size_t)64 << 20)
/* Tried first: then four times as many, again and again. */
#define ENCODED_PAGES_FIRST 1u
/* Results are encoded when the budget does not stop anything any more. */
#define SEARCHED_MAX ((uint64_t)256 << 20)
/* Parts between two looks at whether the call is to stop. */
#define LOOK_EVERY 4096u

struct encoder {
    struct rn_vm *vm;
    struct rn_buf *buf;
    struct rn_walk walk;
    uint64_t searched; /* imports, for the names of functions */
    uint32_t parts;
    uint32_t functions; /* open ones, whose captures stay what they are */
};

static enum rn_outcome open(struct encoder *e, struct rn_value value)
{
    return rn_walk_push(e->vm, &e->walk, value);
}

/* --- The path to what cannot be sent --- */

static void append_index(struct rn_buf *text, uint64_t index)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index != 0);
    rn_buf_append_u8(text, '[');
    rn_buf_append(text, digits + at, sizeof(digits) - at);
    rn_buf_append_u8(text, ']');
}

/* Of what has one part, which it is called by. */
static const char *name_of_wrapper(struct rn_value value)
{
    uint32_t type = value.object->type;
    return type == RN_VARIANT_ID_OPTION_SOME  ? ".Some"
           : type == RN_VARIANT_ID_RESULT_OK  ? ".Ok"
           : type == RN_VARIANT_ID_RESULT_ERR ? ".Err"
                                              : NULL;
}

static void append_step(struct encoder *e, struct rn_buf *text, const struct rn_walk_frame *frame)
{
    uint64_t part = frame->position - 1;
    struct rn_value value = frame->value;
    const char *wrapper = name_of_wrapper(value);
    if (wrapper != NULL) {
        rn_buf_append_text(text, wrapper);
    } else if (value.object->kind == RN_OBJECT_OBJECT) {
        const struct rn_key *key = &rn_as_map(value)->object_entries[part].key;
        rn_buf_append_u8(text, '.');
        rn_buf_append(text, key->data, key->size);
    } else if (value.object->kind == RN_OBJECT_STRUCT &&
               rn_type_record(e->vm, value.object->type)->shape == RN_SHAPE_NAMED) {
        struct rn_utf8 name = rn_type_field(e->vm, value.object->type, (uint32_t)part);
        rn_buf_append_u8(text, '.');
        rn_buf_append(text, name.data, name.size);
    } else {
        rn_buf_append_text(text, value.object->kind == RN_OBJECT_FUNCTION ? ".captures" : "");
        append_index(text, part);
    }
}

static enum rn_outcome cannot_send(struct encoder *e, struct rn_value value)
{
    char storage[512];
    struct rn_buf text;
    rn_buf_init_fixed(&text, storage, sizeof(storage));
    rn_buf_append_text(&text, "value");
    for (uint32_t i = 0; i < e->walk.count; i++) {
        append_step(e, &text, &e->walk.frames[i]);
    }
    return rn_raise(e->vm, RN_VM_ERROR_NOT_SENDABLE, (struct rn_utf8){storage, text.size}, value);
}

/* An error of the library, of a type that no other process has, goes as what it says: else `?` in a function
 * that a host calls would hide from everybody what went wrong. */
static enum rn_outcome send_text(struct encoder *e, struct rn_value value)
{
    struct rn_utf8 text = {0};
    if (e->vm->engine->library->error_text != NULL && e->functions == 0) {
        text = e->vm->engine->library->error_text(value);
    }
    if (text.data == NULL) {
        return cannot_send(e, value);
    }
    rn_charge(e->vm, text.size / 16);
    rn_const_write_string(e->buf, text.data, text.size);
    return RN_DONE;
}

/* --- Begin of a container; parts follow --- */

static uint32_t range_kind(uint32_t type)
{
    switch (type) {
    case RN_TYPE_ID_RANGE_FULL:
        return RN_RANGE_FULL;
    case RN_TYPE_ID_RANGE_FROM:
        return RN_RANGE_FROM;
    case RN_TYPE_ID_RANGE_TO:
        return RN_RANGE_TO;
    case RN_TYPE_ID_RANGE_TO_INCLUSIVE:
        return RN_RANGE_TO_INCLUSIVE;
    case RN_TYPE_ID_RANGE:
        return RN_RANGE_HALF_OPEN;
    default:
        return RN_RANGE_INCLUSIVE;
    }
}

static enum rn_outcome begin_struct(struct encoder *e, struct rn_value value)
{
    switch (value.object->type) {
    case RN_VARIANT_ID_OPTION_NONE: // an Option that was taken
        rn_const_write_none(e->buf);
        return RN_DONE;
    case RN_VARIANT_ID_OPTION_SOME:
        rn_const_begin_some(e->buf);
        return open(e, value);
    case RN_VARIANT_ID_RESULT_OK:
        rn_const_begin_ok(e->buf);
        return open(e, value);
    case RN_VARIANT_ID_RESULT_ERR:
        rn_const_begin_err(e->buf);
        return open(e, value);
    default:
        break;
    }
    const struct rn_type_record *record = rn_type_record(e->vm, value.object->type);
    bool library_struct = (record->flags & RN_TYPE_RECORD_LIBRARY) != 0 &&
                          (record->flags & RN_TYPE_RECORD_VARIANT) == 0;
    if (record->shape == RN_SHAPE_OPAQUE || library_struct) {
        return send_text(e, value);
    }
    if ((record->flags & RN_TYPE_RECORD_VARIANT) != 0) {
        rn_const_begin_variant(e->buf, rn_type_record(e->vm, record->parent)->hash, record->hash,
                               value.object->count);
    } else {
        rn_const_begin_struct(e->buf, record->hash, value.object->count);
    }
    return open(e, value);
}

static enum rn_outcome begin_function(struct encoder *e, struct rn_value value)
{
    const struct rn_function *function = (const struct rn_function *)value.object;
    struct rn_function_id id;
    e->searched += rn_function_search(e->vm, function);
    if (e->searched > SEARCHED_MAX) {
        return rn_raise_panic_literal(e->vm, "value names too many functions to be sent");
    }
    if (!rn_function_identify(e->vm, function, &id)) {
        return cannot_send(e, value);
    }
    rn_const_begin_function(e->buf, id.content_id, id.item, function->header.count);
    RN_TRY_VM(open(e, value));
    e->functions++;
    return RN_DONE;
}

static enum rn_outcome encode_object(struct encoder *e, struct rn_value value)
{
    RN_TRY_VM(rn_check_read(e->vm, value));
    switch ((enum rn_object_kind)value.object->kind) {
    case RN_OBJECT_STRING: {
        const struct rn_string *string = rn_as_string(value);
        rn_charge(e->vm, string->size / 16);
        if (string->header.type == RN_TYPE_ID_BYTES) {
            rn_const_write_bytes(e->buf, string->data, string->size);
        } else {
            rn_const_write_string(e->buf, string->data, string->size);
        }
        return RN_DONE;
    }
    case RN_OBJECT_VEC:
        rn_const_begin_vec(e->buf, rn_as_vec(value)->count);
        return open(e, value);
    case RN_OBJECT_TUPLE:
        rn_const_begin_tuple(e->buf, value.object->count);
        return open(e, value);
    case RN_OBJECT_STRUCT:
        return begin_struct(e, value);
    case RN_OBJECT_RANGE:
        rn_const_begin_range(e->buf, range_kind(value.object->type));
        return open(e, value);
    case RN_OBJECT_OBJECT:
        rn_const_begin_object(e->buf, rn_as_map(value)->live);
        return open(e, value);
    case RN_OBJECT_MAP:
        if (value.object->type == RN_TYPE_ID_HASH_SET) {
            rn_const_begin_hash_set(e->buf, rn_as_map(value)->live);
        } else {
            rn_const_begin_hash_map(e->buf, rn_as_map(value)->live);
        }
        return open(e, value);
    case RN_OBJECT_VEC_DEQUE:
        rn_const_begin_vec_deque(e->buf, rn_as_vec_deque(value)->count);
        return open(e, value);
    case RN_OBJECT_FUNCTION:
        return begin_function(e, value);
    case RN_OBJECT_ITER:
    case RN_OBJECT_COROUTINE:
    case RN_OBJECT_FUTURE:
    case RN_OBJECT_BUFFER:
    case RN_OBJECT_KIND_COUNT:
        break;
    }
    return cannot_send(e, value);
}

static enum rn_outcome encode_one(struct encoder *e, struct rn_value value)
{
    rn_charge(e->vm, 1);
    switch (value.tag) {
    case RN_VALUE_I64:
        rn_const_write_i64(e->buf, value.i64);
        break;
    case RN_VALUE_F64:
        rn_const_write_f64(e->buf, value.f64);
        break;
    case RN_VALUE_U64:
        rn_const_write_u64(e->buf, value.u64);
        break;
    case RN_VALUE_BOOL:
        rn_const_write_bool(e->buf, value.u64 != 0);
        break;
    case RN_VALUE_CHAR:
        rn_const_write_char(e->buf, (uint32_t)value.u64);
        break;
    case RN_VALUE_NONE:
        rn_const_write_none(e->buf);
        break;
    case RN_VALUE_ORDERING:
        rn_const_write_ordering(e->buf, (int)value.u64 - 1);
        break;
    case RN_VALUE_TYPE:
        rn_const_write_type(e->buf, rn_type_record(e->vm, (uint32_t)value.u64)->hash);
        break;
    case RN_VALUE_HASH:
        rn_const_write_hash(e->buf, value.u64);
        break;
    case RN_VALUE_OBJECT:
        return encode_object(e, value);
    default:
        rn_const_write_unit(e->buf);
        break;
    }
    return RN_DONE;
}

/* --- Parts --- */

/* The next part of the top container, EMPTY at its end. Maps of keys give key and value in turn. */
static struct rn_value next_part(struct rn_walk_frame *top)
{
    struct rn_value value = top->value;
    uint64_t i = top->position;
    switch (value.object->kind) {
    case RN_OBJECT_VEC:
        return i < rn_as_vec(value)->count ? rn_as_vec(value)->items[top->position++]
                                           : rn_value_empty();
    case RN_OBJECT_VEC_DEQUE:
        return i < rn_as_vec_deque(value)->count
                   ? *rn_vec_deque_at(rn_as_vec_deque(value), (uint32_t)top->position++)
                   : rn_value_empty();
    case RN_OBJECT_FUNCTION:
        return i < value.object->count
                   ? ((const struct rn_function *)value.object)->captures[top->position++]
                   : rn_value_empty();
    default:
        return i < value.object->count ? rn_as_tuple(value)->items[top->position++]
                                       : rn_value_empty();
    }
}

/* `state` 1: the value of the entry before `position` is still to come. */
static struct rn_value next_map_part(struct encoder *e, struct rn_walk_frame *top)
{
    struct rn_map *map = rn_as_map(top->value);
    bool set = map->header.type == RN_TYPE_ID_HASH_SET;
    if (top->state == 1) {
        top->state = 0;
        return map->entries[top->position - 1].value;
    }
    top->position = rn_map_live_from(map, top->position);
    if (top->position >= map->used) {
        return rn_value_empty();
    }
    uint64_t i = top->position++;
    if (map->header.kind == RN_OBJECT_OBJECT) {
        const struct rn_object_entry *entry = &map->object_entries[i];
        rn_const_write_string(e->buf, entry->key.data, entry->key.size);
        return entry->value;
    }
    top->state = set ? 0 : 1;
    return map->entries[i].key;
}

/* After a part. RN_RAISED: the call is to stop, whatever its budget. */
static enum rn_outcome look_up(struct encoder *e)
{
    return ++e->parts % LOOK_EVERY == 0 && rn_vm_is_cancelled(e->vm) ? RN_RAISED : RN_DONE;
}

static enum rn_outcome encode_rest(struct encoder *e)
{
    struct rn_walk_frame *top;
    while ((top = rn_walk_top(&e->walk)) != NULL) {
        uint8_t kind = top->value.object->kind;
        struct rn_value part = kind == RN_OBJECT_OBJECT || kind == RN_OBJECT_MAP
                                   ? next_map_part(e, top)
                                   : next_part(top);
        if (part.tag == RN_VALUE_EMPTY) {
            e->walk.count--;
            e->functions -= kind == RN_OBJECT_FUNCTION ? 1 : 0;
            continue;
        }
        RN_TRY_VM(encode_one(e, part));
        RN_TRY_VM(look_up(e));
        if (e->buf->error != RN_OK) {
            return RN_DONE; // too large: the caller sees it
        }
    }
    return RN_DONE;
}

enum rn_outcome rn_encode(struct rn_vm *vm, struct rn_value value, struct rn_buf *buf)
{
    struct encoder e = {.vm = vm, .buf = buf};
    enum rn_outcome outcome = encode_one(&e, value);
    if (outcome == RN_DONE) {
        outcome = encode_rest(&e);
    }
    rn_walk_done(vm, &e.walk);
    return outcome;
}

enum rn_outcome rn_encode_pages(struct rn_vm *vm, struct rn_value value, size_t size_max,
                                struct rn_encoded *out)
{
    size_max = size_max == 0 ? ENCODED_SIZE_MAX : size_max;
    uint32_t pages = ENCODED_PAGES_FIRST;
    for (;;) {
        uint8_t *memory = rn_pages_alloc(&vm->engine->pages, pages);
        if (memory == NULL) {
            return rn_reach_limit(vm, RN_LIMIT_REGION);
        }
        struct rn_buf buf;
        rn_buf_init_fixed(&buf, memory, (size_t)pages * RN_PAGE_SIZE);
        enum rn_outcome outcome = rn_encode(vm, value, &buf);
        if (outcome == RN_DONE && buf.error == RN_OK && buf.size <= size_max) {
            *out = (struct rn_encoded){memory, buf.size, pages};
            return RN_DONE;
        }
        rn_pages_free(&vm->engine->pages, memory, pages);
        if (outcome != RN_DONE) {
            return outcome;
        }
        if ((size_t)pages * RN_PAGE_SIZE >= size_max) {
            return rn_raise_panic_literal(vm, "value is too large to be sent");
        }
        pages *= 4;
    }
}

void rn_encoded_done(struct rn_vm *vm, struct rn_encoded *encoded)
{
    if (encoded->data != NULL) {
        rn_pages_free(&vm->engine->pages, encoded->data, encoded->pages);
    }
    *encoded = (struct rn_encoded){0};
}
