/* Foreign bytes are exactly one value, whose only encoding they are, or are refused. */
#include "bytecode/const_value.h"
#include "bytecode/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_content(struct rn_buf *out, const struct rn_const_token *token)
{
    switch ((int)token->kind) {
    case RN_CONST_VEC:
        return rn_const_begin_vec(out, token->count);
    case RN_CONST_TUPLE:
        return rn_const_begin_tuple(out, token->count);
    case RN_CONST_OBJECT:
        return rn_const_begin_object(out, token->count / 2);
    case RN_CONST_SOME:
        return rn_const_begin_some(out);
    case RN_CONST_OK:
        return rn_const_begin_ok(out);
    case RN_CONST_ERR:
        return rn_const_begin_err(out);
    case RN_CONST_RANGE:
        return rn_const_begin_range(out, token->range_kind);
    case RN_CONST_STRUCT:
        return rn_const_begin_struct(out, token->item.type_hash, token->count);
    case RN_CONST_VARIANT:
        return rn_const_begin_variant(out, token->item.type_hash, token->item.variant_hash,
                                      token->count);
    case RN_CONST_FUNCTION:
        return rn_const_begin_function(out, token->item.content_id, token->item.type_hash,
                                       token->count);
    case RN_CONST_VEC_DEQUE:
        return rn_const_begin_vec_deque(out, token->count);
    case RN_CONST_HASH_SET:
        return rn_const_begin_hash_set(out, token->count);
    case RN_CONST_HASH_MAP:
        return rn_const_begin_hash_map(out, token->count / 2);
    default:
        RN_CHECK(token->kind == RN_CONST_END);
    }
}

static void write_token(struct rn_buf *out, const struct rn_const_token *token)
{
    switch ((int)token->kind) {
    case RN_CONST_UNIT:
        return rn_const_write_unit(out);
    case RN_CONST_BOOL:
        return rn_const_write_bool(out, token->boolean);
    case RN_CONST_I64:
        return rn_const_write_i64(out, token->i64);
    case RN_CONST_F64:
        return rn_const_write_f64(out, token->f64);
    case RN_CONST_STRING:
        return rn_const_write_string(out, token->text.data, token->text.size);
    case RN_CONST_BYTES:
        return rn_const_write_bytes(out, token->text.data, token->text.size);
    case RN_CONST_CHAR:
        return rn_const_write_char(out, token->scalar);
    case RN_CONST_U64:
        return rn_const_write_u64(out, token->u64);
    case RN_CONST_NONE:
        return rn_const_write_none(out);
    case RN_CONST_ORDERING:
        return rn_const_write_ordering(out, token->order);
    case RN_CONST_TYPE:
        return rn_const_write_type(out, token->u64);
    case RN_CONST_HASH:
        return rn_const_write_hash(out, token->u64);
    default:
        write_content(out, token);
    }
}

/* Writes what it reads; what it reads successfully must come out as it was. */
static enum rn_error copy_value(const uint8_t *data, size_t size, struct rn_buf *out)
{
    struct rn_const_level levels[64];
    struct rn_const_reader reader;
    size_t promised = 0;
    rn_const_reader_init(&reader, data, size, levels, RN_COUNT_OF(levels));
    while (!rn_const_reader_at_end(&reader)) {
        struct rn_const_token token;
        enum rn_error error = rn_const_read(&reader, &token);
        if (error != RN_OK) {
            RN_CHECK(rn_const_read(&reader, &token) == error);
            RN_CHECK(rn_const_reader_offset(&reader) <= size);
            return error;
        }
        promised += token.count;
        RN_CHECK(promised < size);
        write_token(out, &token);
    }
    RN_CHECK(rn_buf_status(out) == RN_OK);
    RN_CHECK(out->size <= size && memcmp(out->data, data, out->size) == 0);
    return rn_const_reader_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rn_const_limits limits = {
        .size_max = SIZE_MAX, .depth_max = 64, .element_max = UINT32_MAX};
    const struct rn_json_options options = {.pretty = size % 2 == 0};
    struct rn_const_fault fault = {RN_OK, 0};
    struct rn_buf out;
    rn_buf_init(&out, SIZE_MAX);
    enum rn_error copied = copy_value(data, size, &out);
    enum rn_error checked = rn_const_value_check(data, size, &limits, &fault);
    // Only the check knows repeated keys.
    RN_CHECK(checked == copied || (copied == RN_OK && checked == RN_E_CBOR_INVALID));
    RN_CHECK(fault.error == checked && fault.offset <= size);
    rn_buf_clear(&out);
    enum rn_error written = rn_json_write(data, size, &options, &out, NULL);
    RN_CHECK(copied != RN_OK || written == RN_OK);
    rn_buf_done(&out);
    return 0;
}
