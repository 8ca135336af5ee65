/* const_value_write.c: ConstValue as deterministic CBOR, appended to a buffer. */
#include "bytecode/const_cbor.h"
#include "bytecode/unit_layout.h"

#include <string.h>

static void write_big_endian(struct rn_buf *buf, uint64_t value, size_t width)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    rn_buf_append(buf, bytes, width);
}

/* The shortest head, as RFC 8949 section 4.2.1 asks. */
static void write_head(struct rn_buf *buf, enum rn_cbor_major major, uint64_t value)
{
    uint8_t initial = (uint8_t)((unsigned)major << 5);
    if (value < RN_CBOR_WIDTH_1) {
        rn_buf_append_u8(buf, (uint8_t)(initial | value));
    } else if (value <= UINT8_MAX) {
        rn_buf_append_u8(buf, initial | RN_CBOR_WIDTH_1);
        write_big_endian(buf, value, 1);
    } else if (value <= UINT16_MAX) {
        rn_buf_append_u8(buf, initial | RN_CBOR_WIDTH_2);
        write_big_endian(buf, value, 2);
    } else if (value <= UINT32_MAX) {
        rn_buf_append_u8(buf, initial | RN_CBOR_WIDTH_4);
        write_big_endian(buf, value, 4);
    } else {
        rn_buf_append_u8(buf, initial | RN_CBOR_WIDTH_8);
        write_big_endian(buf, value, 8);
    }
}

static void write_tag(struct rn_buf *buf, int tag)
{
    write_head(buf, RN_CBOR_TAG, (uint64_t)tag);
}

void rn_const_write_unit(struct rn_buf *buf)
{
    rn_buf_append_u8(buf, RN_CBOR_NULL);
}

void rn_const_write_bool(struct rn_buf *buf, bool value)
{
    rn_buf_append_u8(buf, value ? RN_CBOR_TRUE : RN_CBOR_FALSE);
}

void rn_const_write_char(struct rn_buf *buf, uint32_t scalar)
{
    write_tag(buf, RN_CONST_TAG_CHAR);
    write_head(buf, RN_CBOR_UINT, scalar);
}

void rn_const_write_i64(struct rn_buf *buf, int64_t value)
{
    if (value < 0) {
        // -1 - value, which is the complement of its bits.
        write_head(buf, RN_CBOR_NEGATIVE, ~(uint64_t)value);
    } else {
        write_head(buf, RN_CBOR_UINT, (uint64_t)value);
    }
}

void rn_const_write_u64(struct rn_buf *buf, uint64_t value)
{
    write_tag(buf, RN_CONST_TAG_U64);
    write_head(buf, RN_CBOR_UINT, value);
}

void rn_const_write_f64(struct rn_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint16_t half;
    uint32_t single;
    if (value != value) {
        rn_buf_append_u8(buf, RN_CBOR_HALF);
        write_big_endian(buf, RN_CBOR_HALF_NAN, 2);
    } else if (rn_cbor_to_half(bits, &half)) {
        rn_buf_append_u8(buf, RN_CBOR_HALF);
        write_big_endian(buf, half, 2);
    } else if (rn_cbor_to_single(bits, &single)) {
        rn_buf_append_u8(buf, RN_CBOR_SINGLE);
        write_big_endian(buf, single, 4);
    } else {
        rn_buf_append_u8(buf, RN_CBOR_DOUBLE);
        write_big_endian(buf, bits, 8);
    }
}

void rn_const_write_string(struct rn_buf *buf, const char *text, size_t size)
{
    write_head(buf, RN_CBOR_TEXT, size);
    rn_buf_append(buf, text, size);
}

void rn_const_write_bytes(struct rn_buf *buf, const void *bytes, size_t size)
{
    write_head(buf, RN_CBOR_BYTES, size);
    rn_buf_append(buf, bytes, size);
}

void rn_const_write_ordering(struct rn_buf *buf, int order)
{
    RN_ASSERT(order >= -1 && order <= 1);
    write_tag(buf, RN_CONST_TAG_ORDERING);
    rn_const_write_i64(buf, order);
}

void rn_const_write_type(struct rn_buf *buf, uint64_t hash)
{
    write_tag(buf, RN_CONST_TAG_TYPE);
    write_head(buf, RN_CBOR_UINT, hash);
}

void rn_const_write_hash(struct rn_buf *buf, uint64_t hash)
{
    write_tag(buf, RN_CONST_TAG_HASH);
    write_head(buf, RN_CBOR_UINT, hash);
}

void rn_const_write_none(struct rn_buf *buf)
{
    write_tag(buf, RN_CONST_TAG_NONE);
    write_head(buf, RN_CBOR_ARRAY, 0);
}

void rn_const_begin_vec(struct rn_buf *buf, uint64_t count)
{
    write_head(buf, RN_CBOR_ARRAY, count);
}

static void begin_tagged(struct rn_buf *buf, int tag, uint64_t count)
{
    write_tag(buf, tag);
    write_head(buf, RN_CBOR_ARRAY, count);
}

void rn_const_begin_tuple(struct rn_buf *buf, uint64_t count)
{
    if (count == 0) {
        rn_const_write_unit(buf);
    } else {
        begin_tagged(buf, RN_CONST_TAG_TUPLE, count);
    }
}

void rn_const_begin_vec_deque(struct rn_buf *buf, uint64_t count)
{
    begin_tagged(buf, RN_CONST_TAG_VEC_DEQUE, count);
}

void rn_const_begin_hash_set(struct rn_buf *buf, uint64_t count)
{
    begin_tagged(buf, RN_CONST_TAG_HASH_SET, count);
}

void rn_const_begin_object(struct rn_buf *buf, uint64_t pairs)
{
    begin_tagged(buf, RN_CONST_TAG_OBJECT, pairs * 2);
}

void rn_const_begin_hash_map(struct rn_buf *buf, uint64_t pairs)
{
    begin_tagged(buf, RN_CONST_TAG_HASH_MAP, pairs * 2);
}

void rn_const_begin_some(struct rn_buf *buf)
{
    begin_tagged(buf, RN_CONST_TAG_SOME, 1);
}

void rn_const_begin_ok(struct rn_buf *buf)
{
    write_tag(buf, RN_CONST_TAG_OK);
}

void rn_const_begin_err(struct rn_buf *buf)
{
    write_tag(buf, RN_CONST_TAG_ERR);
}

void rn_const_begin_range(struct rn_buf *buf, uint32_t range_kind)
{
    RN_ASSERT(range_kind < RN_RANGE_KIND_COUNT);
    begin_tagged(buf, RN_CONST_TAG_RANGE, 1 + rn_range_bounds(range_kind));
    write_head(buf, RN_CBOR_UINT, range_kind);
}

void rn_const_begin_struct(struct rn_buf *buf, uint64_t type_hash, uint64_t field_count)
{
    begin_tagged(buf, RN_CONST_TAG_STRUCT, 1 + field_count);
    write_head(buf, RN_CBOR_UINT, type_hash);
}

void rn_const_begin_variant(struct rn_buf *buf, uint64_t enum_hash, uint64_t variant_hash,
                            uint64_t field_count)
{
    begin_tagged(buf, RN_CONST_TAG_VARIANT, 2 + field_count);
    write_head(buf, RN_CBOR_UINT, enum_hash);
    write_head(buf, RN_CBOR_UINT, variant_hash);
}

void rn_const_begin_function(struct rn_buf *buf, const uint8_t content_id[32], uint64_t item_hash,
                             uint64_t capture_count)
{
    begin_tagged(buf, RN_CONST_TAG_FUNCTION, 2 + capture_count);
    rn_const_write_bytes(buf, content_id, 32);
    write_head(buf, RN_CBOR_UINT, item_hash);
}
