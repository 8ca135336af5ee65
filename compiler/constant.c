/*
 * constant.c: names, encoding and decoding of constants. Encoding recurses: its depth is bounded by
 * RN_CONSTANT_DEPTH_MAX. So does decoding, 64 levels deep: it reads constants of contexts.
 */
#include "compiler/constant.h"

#include "bytecode/const_value.h"
#include "bytecode/unit_layout.h"

#include <string.h>

/* What one value costs at least: who pays for all data has not more elements than an image takes. */
#define VALUE_COST (RN_CONSTANT_DATA_MAX / RN_CONSTANT_ELEMENTS_MAX)
_Static_assert(VALUE_COST >= 12, "no number takes more bytes: a tag and a head of nine");

const char *rn_constant_type_name(const struct rn_constant *constant)
{
    static const char *const names[] = {
        [RN_TAG_UNIT] = "unit",         [RN_TAG_BOOL] = "bool",     [RN_TAG_CHAR] = "char",
        [RN_TAG_I64] = "i64",           [RN_TAG_U64] = "u64",       [RN_TAG_F64] = "f64",
        [RN_TAG_ORDERING] = "Ordering", [RN_TAG_STRING] = "String", [RN_TAG_BYTES] = "Bytes",
        [RN_TAG_VEC] = "Vec",           [RN_TAG_TUPLE] = "Tuple",   [RN_TAG_OBJECT] = "Object",
        [RN_TAG_NONE] = "Option",       [RN_TAG_SOME] = "Option",
    };
    RN_ASSERT(constant->tag < RN_COUNT_OF(names));
    return names[constant->tag];
}

static enum rn_error encode(const struct rn_constant *constant, struct rn_buf *out, size_t *budget,
                            uint32_t depth);

static enum rn_error encode_list(const struct rn_constant *constant, struct rn_buf *out,
                                 size_t *budget, uint32_t depth)
{
    const struct rn_constant_list *list = constant->list;
    if (constant->tag == RN_TAG_VEC) {
        rn_const_begin_vec(out, list->count);
    } else if (constant->tag == RN_TAG_TUPLE) {
        rn_const_begin_tuple(out, list->count);
    } else if (constant->tag == RN_TAG_OBJECT) {
        rn_const_begin_object(out, list->count);
    } else {
        rn_const_begin_some(out);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (constant->tag == RN_TAG_OBJECT) {
            struct rn_constant key = {.tag = RN_TAG_STRING, .text = list->keys[i]};
            RN_TRY(encode(&key, out, budget, depth));
        }
        RN_TRY(encode(&list->items[i], out, budget, depth));
    }
    return RN_OK;
}

static void encode_scalar(const struct rn_constant *constant, struct rn_buf *out)
{
    switch ((enum rn_constant_tag)constant->tag) {
    case RN_TAG_UNIT:
        rn_const_write_unit(out);
        break;
    case RN_TAG_BOOL:
        rn_const_write_bool(out, constant->boolean);
        break;
    case RN_TAG_CHAR:
        rn_const_write_char(out, constant->character);
        break;
    case RN_TAG_I64:
        rn_const_write_i64(out, constant->i64);
        break;
    case RN_TAG_U64:
        rn_const_write_u64(out, constant->u64);
        break;
    case RN_TAG_F64:
        rn_const_write_f64(out, constant->f64);
        break;
    case RN_TAG_ORDERING:
        rn_const_write_ordering(out, (int)constant->ordering - 1);
        break;
    case RN_TAG_STRING:
        rn_const_write_string(out, constant->text.data, constant->text.size);
        break;
    case RN_TAG_BYTES:
        rn_const_write_bytes(out, constant->text.data, constant->text.size);
        break;
    case RN_TAG_NONE:
        rn_const_write_none(out);
        break;
    case RN_TAG_VEC:
    case RN_TAG_TUPLE:
    case RN_TAG_OBJECT:
    case RN_TAG_SOME:
        break;
    }
}

static enum rn_error encode(const struct rn_constant *constant, struct rn_buf *out, size_t *budget,
                            uint32_t depth)
{
    bool text = constant->tag == RN_TAG_STRING || constant->tag == RN_TAG_BYTES;
    size_t cost = VALUE_COST + (text ? constant->text.size : 0);
    if (cost > *budget) {
        return RN_E_TOO_LARGE;
    }
    *budget -= cost;
    bool list = constant->tag == RN_TAG_VEC || constant->tag == RN_TAG_TUPLE ||
                constant->tag == RN_TAG_OBJECT || constant->tag == RN_TAG_SOME;
    if (!list) {
        encode_scalar(constant, out);
        return rn_buf_status(out);
    }
    if (depth >= RN_CONSTANT_DEPTH_MAX) {
        return RN_E_CBOR_DEPTH;
    }
    return encode_list(constant, out, budget, depth + 1);
}

enum rn_error rn_constant_encode(const struct rn_constant *constant, struct rn_buf *out,
                                 size_t *budget)
{
    RN_TRY(encode(constant, out, budget, 0));
    return rn_buf_status(out);
}

static enum rn_error decode(struct rn_const_reader *reader, struct rn_arena *arena,
                            struct rn_constant *out);

static enum rn_error decode_key(struct rn_const_reader *reader, struct rn_arena *arena,
                                struct rn_utf8 *out_key)
{
    struct rn_constant key;
    RN_TRY(decode(reader, arena, &key));
    if (key.tag != RN_TAG_STRING) {
        return RN_E_CBOR_INVALID;
    }
    *out_key = key.text;
    return RN_OK;
}

static enum rn_error decode_list(struct rn_const_reader *reader, struct rn_arena *arena,
                                 enum rn_constant_tag tag, uint32_t values, struct rn_constant *out)
{
    bool keyed = tag == RN_TAG_OBJECT;
    uint32_t count = keyed ? values / 2 : values;
    struct rn_constant_list *list = rn_arena_alloc(arena, sizeof(*list));
    if (list == NULL) {
        return RN_E_NO_MEMORY;
    }
    list->items = rn_arena_alloc(arena, sizeof(*list->items) * ((size_t)count + 1));
    list->keys = keyed ? rn_arena_alloc(arena, sizeof(*list->keys) * ((size_t)count + 1)) : NULL;
    list->count = count;
    if (list->items == NULL || (keyed && list->keys == NULL)) {
        return RN_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (keyed) {
            RN_TRY(decode_key(reader, arena, &list->keys[i]));
        }
        RN_TRY(decode(reader, arena, &list->items[i]));
    }
    struct rn_const_token end;
    RN_TRY(rn_const_read(reader, &end));
    *out = (struct rn_constant){.tag = (uint8_t)tag, .list = list};
    return RN_OK;
}

static enum rn_error decode_text(struct rn_arena *arena, enum rn_constant_tag tag,
                                 struct rn_utf8 text, struct rn_constant *out)
{
    char *copy = rn_arena_copy(arena, text.data, text.size);
    if (copy == NULL && text.size > 0) {
        return RN_E_NO_MEMORY;
    }
    *out = (struct rn_constant){.tag = (uint8_t)tag, .text = {copy, text.size}};
    return RN_OK;
}

static enum rn_error decode(struct rn_const_reader *reader, struct rn_arena *arena,
                            struct rn_constant *out)
{
    struct rn_const_token token;
    RN_TRY(rn_const_read(reader, &token));
    switch ((int)token.kind) {
    case RN_CONST_UNIT:
        *out = (struct rn_constant){.tag = RN_TAG_UNIT};
        return RN_OK;
    case RN_CONST_BOOL:
        *out = (struct rn_constant){.tag = RN_TAG_BOOL, .boolean = token.boolean};
        return RN_OK;
    case RN_CONST_CHAR:
        *out = (struct rn_constant){.tag = RN_TAG_CHAR, .character = token.scalar};
        return RN_OK;
    case RN_CONST_I64:
        *out = (struct rn_constant){.tag = RN_TAG_I64, .i64 = token.i64};
        return RN_OK;
    case RN_CONST_U64:
        *out = (struct rn_constant){.tag = RN_TAG_U64, .u64 = token.u64};
        return RN_OK;
    case RN_CONST_F64:
        *out = (struct rn_constant){.tag = RN_TAG_F64, .f64 = token.f64};
        return RN_OK;
    case RN_CONST_ORDERING:
        *out =
            (struct rn_constant){.tag = RN_TAG_ORDERING, .ordering = (uint32_t)(token.order + 1)};
        return RN_OK;
    case RN_CONST_NONE:
        *out = (struct rn_constant){.tag = RN_TAG_NONE};
        return RN_OK;
    case RN_CONST_STRING:
        return decode_text(arena, RN_TAG_STRING, token.text, out);
    case RN_CONST_BYTES:
        return decode_text(arena, RN_TAG_BYTES, token.text, out);
    case RN_CONST_VEC:
        return decode_list(reader, arena, RN_TAG_VEC, token.count, out);
    case RN_CONST_TUPLE:
        return decode_list(reader, arena, RN_TAG_TUPLE, token.count, out);
    case RN_CONST_OBJECT:
        return decode_list(reader, arena, RN_TAG_OBJECT, token.count, out);
    case RN_CONST_SOME:
        return decode_list(reader, arena, RN_TAG_SOME, token.count, out);
    default:
        return RN_E_CONST_UNSUPPORTED;
    }
}

enum rn_error rn_constant_decode(const void *bytes, size_t size, struct rn_arena *arena,
                                 struct rn_constant *out_constant)
{
    struct rn_const_level levels[64];
    struct rn_const_reader reader;
    rn_const_reader_init(&reader, bytes, size, levels, RN_COUNT_OF(levels));
    RN_TRY(decode(&reader, arena, out_constant));
    return rn_const_reader_finish(&reader);
}
