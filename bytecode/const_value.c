/*
 * const_value.c: the pull reader of ConstValue.
 *
 * Trust: reads bytes from workers, compilers, clients and files.
 *
 * Each token reads one head, sometimes a tag and what stands in front of its content. Containers
 * declare how many values follow; a count is refused when not even a byte is left for each value
 * that this and the containers around it still promise, so all that a reader prepares for all
 * containers together cannot outgrow the input.
 */
#include "bytecode/const_value.h"

#include "bytecode/const_cbor.h"
#include "bytecode/unit_layout.h"

#include <string.h>

/* Whole words: bytes beside each other are put together in memory, and waited for. */
struct head {
    enum rn_cbor_major major;
    uint32_t info;
    uint64_t value;
};

void rn_const_reader_init(struct rn_const_reader *reader, const void *bytes, size_t size,
                          struct rn_const_level *levels, size_t level_count)
{
    *reader = (struct rn_const_reader){
        .levels = levels,
        .level_count = level_count,
        .elements_left = UINT32_MAX,
    };
    rn_cursor_init(&reader->cursor, bytes, size);
}

void rn_const_reader_limit(struct rn_const_reader *reader, uint32_t count)
{
    reader->elements_left = count;
}

/* Fails at `offset`; the first failure stays. */
static void fail_at(struct rn_const_reader *reader, size_t offset, enum rn_error error)
{
    if (reader->cursor.error == RN_OK) {
        reader->cursor.error = error;
        reader->cursor.error_offset = offset;
    }
}

static bool failed(const struct rn_const_reader *reader)
{
    return reader->cursor.error != RN_OK;
}

static bool is_shortest(uint32_t info, uint64_t value)
{
    switch (info) {
    case RN_CBOR_WIDTH_1:
        return value >= RN_CBOR_WIDTH_1;
    case RN_CBOR_WIDTH_2:
        return value > UINT8_MAX;
    case RN_CBOR_WIDTH_4:
        return value > UINT16_MAX;
    default:
        return value > UINT32_MAX;
    }
}

static struct head read_head(struct rn_const_reader *reader)
{
    size_t offset = reader->cursor.offset;
    uint8_t initial = rn_cursor_u8(&reader->cursor);
    struct head head = {
        .major = (enum rn_cbor_major)(initial >> 5),
        .info = initial & 0x1f,
        .value = initial & 0x1f,
    };
    if (head.info < RN_CBOR_WIDTH_1) {
        return head;
    }
    if (head.info > RN_CBOR_WIDTH_8) { // reserved, or of indefinite length
        fail_at(reader, offset, RN_E_CBOR_INVALID);
        return head;
    }
    head.value = rn_cursor_be(&reader->cursor, (size_t)1 << (head.info - RN_CBOR_WIDTH_1));
    if (head.major != RN_CBOR_SIMPLE && !failed(reader) && !is_shortest(head.info, head.value)) {
        fail_at(reader, offset, RN_E_CBOR_INVALID);
    }
    return head;
}

/* A head that must be of `major`; its value. */
static uint64_t expect(struct rn_const_reader *reader, enum rn_cbor_major major)
{
    size_t offset = reader->cursor.offset;
    struct head head = read_head(reader);
    if (!failed(reader) && head.major != major) {
        fail_at(reader, offset, RN_E_CBOR_INVALID);
    }
    return head.value;
}

/* The count of an array of which `before` elements are read at once; the rest is content. */
static uint32_t expect_array(struct rn_const_reader *reader, uint64_t before)
{
    size_t offset = reader->cursor.offset;
    uint64_t count = expect(reader, RN_CBOR_ARRAY);
    if (failed(reader)) {
        return 0;
    }
    if (count < before) {
        fail_at(reader, offset, RN_E_CBOR_INVALID);
        return 0;
    }
    if (count > rn_cursor_left(&reader->cursor)) {
        fail_at(reader, offset, RN_E_TRUNCATED);
        return 0;
    }
    if (count - before > UINT32_MAX) {
        fail_at(reader, offset, RN_E_CBOR_COUNT);
        return 0;
    }
    return (uint32_t)(count - before);
}

static void read_text(struct rn_const_reader *reader, uint64_t size, struct rn_const_token *token)
{
    if (size > rn_cursor_left(&reader->cursor)) {
        rn_cursor_fail(&reader->cursor, RN_E_TRUNCATED);
        return;
    }
    size_t start = reader->cursor.offset;
    token->text.size = (size_t)size;
    token->text.data = (const char *)rn_cursor_bytes(&reader->cursor, (size_t)size);
    size_t bad;
    if (token->kind == RN_CONST_STRING &&
        !rn_utf8_valid(token->text.data, token->text.size, &bad)) {
        fail_at(reader, start + bad, RN_E_INVALID_UTF8);
    }
}

/* Bytes of a float that is exactly `value`: whether a narrower one would do is asked here. */
static void check_float(struct rn_const_reader *reader, const struct rn_const_token *token,
                        uint32_t info)
{
    uint64_t bits;
    memcpy(&bits, &token->f64, sizeof(bits));
    uint16_t half;
    uint32_t single;
    bool is_nan = token->f64 != token->f64;
    bool narrower = (info != RN_CBOR_WIDTH_2 && (is_nan || rn_cbor_to_half(bits, &half))) ||
                    (info == RN_CBOR_WIDTH_8 && rn_cbor_to_single(bits, &single));
    if (narrower) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
}

static void read_float(struct rn_const_reader *reader, struct head head,
                       struct rn_const_token *token)
{
    token->kind = RN_CONST_F64;
    if (head.info == RN_CBOR_WIDTH_2) {
        token->f64 = rn_cbor_from_half((uint16_t)head.value);
        if (token->f64 != token->f64 && head.value != RN_CBOR_HALF_NAN) {
            fail_at(reader, token->offset, RN_E_CBOR_INVALID);
        }
    } else if (head.info == RN_CBOR_WIDTH_4) {
        token->f64 = rn_cbor_from_single((uint32_t)head.value);
    } else {
        memcpy(&token->f64, &head.value, sizeof(token->f64));
    }
    check_float(reader, token, head.info);
}

static void read_simple(struct rn_const_reader *reader, struct head head,
                        struct rn_const_token *token)
{
    uint8_t initial = (uint8_t)(RN_CBOR_SIMPLE << 5 | head.info);
    if (initial == RN_CBOR_NULL) {
        token->kind = RN_CONST_UNIT;
    } else if (initial == RN_CBOR_FALSE || initial == RN_CBOR_TRUE) {
        token->kind = RN_CONST_BOOL;
        token->boolean = initial == RN_CBOR_TRUE;
    } else if (head.info >= RN_CBOR_WIDTH_2) {
        read_float(reader, head, token);
    } else {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
}

static int64_t to_i64(struct rn_const_reader *reader, size_t offset, struct head head)
{
    if (head.value > INT64_MAX) {
        fail_at(reader, offset, RN_E_CBOR_INVALID);
        return 0;
    }
    return head.major == RN_CBOR_UINT ? (int64_t)head.value : -1 - (int64_t)head.value;
}

static void read_char(struct rn_const_reader *reader, struct rn_const_token *token)
{
    uint64_t scalar = expect(reader, RN_CBOR_UINT);
    if (scalar > UINT32_MAX || !rn_is_scalar((uint32_t)scalar)) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
    token->scalar = (uint32_t)scalar;
}

static void read_ordering(struct rn_const_reader *reader, struct rn_const_token *token)
{
    struct head head = read_head(reader);
    bool valid = (head.major == RN_CBOR_UINT && head.value <= 1) ||
                 (head.major == RN_CBOR_NEGATIVE && head.value == 0);
    if (!valid) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
        return;
    }
    token->order = (int)to_i64(reader, token->offset, head);
}

static void read_range(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 1);
    uint64_t kind = expect(reader, RN_CBOR_UINT);
    if (kind >= RN_RANGE_KIND_COUNT || rn_range_bounds((uint32_t)kind) != token->count) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
        return;
    }
    token->range_kind = (uint32_t)kind;
}

static void read_option(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 0);
    token->kind = token->count == 0 ? RN_CONST_NONE : RN_CONST_SOME;
    if (token->count > 1) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
}

static void read_tuple(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 0);
    if (token->count == 0) { // that is unit
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
}

static void read_pairs(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 0);
    if (token->count % 2 != 0) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
    }
}

static void read_instance(struct rn_const_reader *reader, struct rn_const_token *token)
{
    bool variant = token->kind == RN_CONST_VARIANT;
    token->count = expect_array(reader, variant ? 2 : 1);
    token->item.type_hash = expect(reader, RN_CBOR_UINT);
    token->item.variant_hash = variant ? expect(reader, RN_CBOR_UINT) : 0;
    token->item.content_id = NULL;
}

static void read_function(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 2);
    size_t offset = reader->cursor.offset;
    if (expect(reader, RN_CBOR_BYTES) != 32) {
        fail_at(reader, offset, RN_E_CBOR_INVALID);
    }
    token->item.content_id = rn_cursor_bytes(&reader->cursor, 32);
    token->item.type_hash = expect(reader, RN_CBOR_UINT);
    token->item.variant_hash = 0;
}

static void read_array(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->count = expect_array(reader, 0);
}

static void read_u64(struct rn_const_reader *reader, struct rn_const_token *token)
{
    token->u64 = expect(reader, RN_CBOR_UINT);
}

static void read_one(struct rn_const_reader *reader, struct rn_const_token *token)
{
    (void)reader;
    token->count = 1;
}

struct tag_row {
    enum rn_const_kind kind;
    void (*read)(struct rn_const_reader *reader, struct rn_const_token *token);
};

/* By tag number less RN_CONST_TAG_BASE. */
static const struct tag_row tag_rows[] = {
    {RN_CONST_CHAR, read_char},        {RN_CONST_U64, read_u64},
    {RN_CONST_TUPLE, read_tuple},      {RN_CONST_OBJECT, read_pairs},
    {RN_CONST_NONE, read_option},      {RN_CONST_OK, read_one},
    {RN_CONST_ERR, read_one},          {RN_CONST_ORDERING, read_ordering},
    {RN_CONST_RANGE, read_range},      {RN_CONST_TYPE, read_u64},
    {RN_CONST_HASH, read_u64},         {RN_CONST_STRUCT, read_instance},
    {RN_CONST_VARIANT, read_instance}, {RN_CONST_FUNCTION, read_function},
    {RN_CONST_VEC_DEQUE, read_array},  {RN_CONST_HASH_SET, read_array},
    {RN_CONST_HASH_MAP, read_pairs},
};

_Static_assert(RN_COUNT_OF(tag_rows) == RN_CONST_TAG_HASH_MAP - (int)RN_CONST_TAG_BASE + 1,
               "a row for each tag");

static void read_tagged(struct rn_const_reader *reader, uint64_t tag, struct rn_const_token *token)
{
    uint64_t row = tag - RN_CONST_TAG_BASE;
    if (row >= RN_COUNT_OF(tag_rows)) {
        fail_at(reader, token->offset, RN_E_CBOR_INVALID);
        return;
    }
    token->kind = tag_rows[row].kind;
    tag_rows[row].read(reader, token);
}

static void read_value(struct rn_const_reader *reader, struct rn_const_token *token)
{
    struct head head = read_head(reader);
    if (failed(reader)) {
        return;
    }
    switch (head.major) {
    case RN_CBOR_UINT:
    case RN_CBOR_NEGATIVE:
        token->kind = RN_CONST_I64;
        token->i64 = to_i64(reader, token->offset, head);
        return;
    case RN_CBOR_BYTES:
        token->kind = RN_CONST_BYTES;
        read_text(reader, head.value, token);
        return;
    case RN_CBOR_TEXT:
        token->kind = RN_CONST_STRING;
        read_text(reader, head.value, token);
        return;
    case RN_CBOR_ARRAY:
        token->kind = RN_CONST_VEC;
        reader->cursor.offset = token->offset;
        read_array(reader, token);
        return;
    case RN_CBOR_TAG:
        read_tagged(reader, head.value, token);
        return;
    case RN_CBOR_SIMPLE:
        read_simple(reader, head, token);
        return;
    case RN_CBOR_MAP:
        break;
    }
    fail_at(reader, token->offset, RN_E_CBOR_INVALID);
}

static void open_level(struct rn_const_reader *reader, const struct rn_const_token *token)
{
    size_t left = rn_cursor_left(&reader->cursor);
    if (reader->depth == reader->level_count) {
        fail_at(reader, token->offset, RN_E_CBOR_DEPTH);
        return;
    }
    if (left < reader->owed || token->count > left - reader->owed) {
        fail_at(reader, token->offset, RN_E_TRUNCATED);
        return;
    }
    if (token->count > reader->elements_left - reader->owed) {
        fail_at(reader, token->offset, RN_E_CBOR_COUNT);
        return;
    }
    reader->owed += token->count;
    reader->levels[reader->depth++] = (struct rn_const_level){
        .left = token->count,
        .kind = token->kind,
    };
}

/* Counts the value about to be read against its container; false where only END can come. */
static bool take_element(struct rn_const_reader *reader)
{
    if (reader->depth == 0) {
        if (reader->begun) {
            fail_at(reader, reader->cursor.offset, RN_E_CBOR_TRAILING);
        } else if (reader->elements_left == 0) {
            fail_at(reader, reader->cursor.offset, RN_E_CBOR_COUNT);
        } else {
            reader->elements_left--;
        }
        reader->begun = true;
        return true;
    }
    struct rn_const_level *level = &reader->levels[reader->depth - 1];
    if (level->left == 0) {
        return false;
    }
    RN_ASSERT(level->left <= reader->owed && reader->owed <= reader->elements_left);
    level->left--;
    reader->owed--;
    reader->elements_left--;
    return true;
}

/* Keys of objects stand where an odd number of values is left behind them. */
static bool is_key(const struct rn_const_reader *reader)
{
    if (reader->depth == 0) {
        return false;
    }
    const struct rn_const_level *level = &reader->levels[reader->depth - 1];
    return level->kind == RN_CONST_OBJECT && level->left % 2 == 1;
}

enum rn_error rn_const_read(struct rn_const_reader *reader, struct rn_const_token *out_token)
{
    if (failed(reader)) {
        return reader->cursor.error;
    }
    *out_token = (struct rn_const_token){.kind = RN_CONST_END, .offset = reader->cursor.offset};
    if (!take_element(reader)) {
        reader->depth--;
        return RN_OK;
    }
    bool key = is_key(reader);
    if (!failed(reader)) {
        read_value(reader, out_token);
    }
    if (!failed(reader) && key && out_token->kind != RN_CONST_STRING) {
        fail_at(reader, out_token->offset, RN_E_CBOR_INVALID);
    }
    if (!failed(reader) && rn_const_kind_has_content(out_token->kind)) {
        open_level(reader, out_token);
    }
    return reader->cursor.error;
}

bool rn_const_reader_at_end(const struct rn_const_reader *reader)
{
    return reader->begun && reader->depth == 0 && !failed(reader);
}

enum rn_error rn_const_reader_finish(const struct rn_const_reader *reader)
{
    if (failed(reader)) {
        return reader->cursor.error;
    }
    if (!rn_const_reader_at_end(reader)) {
        return RN_E_TRUNCATED;
    }
    return rn_cursor_left(&reader->cursor) == 0 ? RN_OK : RN_E_CBOR_TRAILING;
}

size_t rn_const_reader_offset(const struct rn_const_reader *reader)
{
    return failed(reader) ? reader->cursor.error_offset : reader->cursor.offset;
}

bool rn_const_kind_has_content(enum rn_const_kind kind)
{
    static const bool content[RN_CONST_KIND_COUNT] = {
        [RN_CONST_VEC] = true,      [RN_CONST_TUPLE] = true,     [RN_CONST_OBJECT] = true,
        [RN_CONST_SOME] = true,     [RN_CONST_OK] = true,        [RN_CONST_ERR] = true,
        [RN_CONST_RANGE] = true,    [RN_CONST_STRUCT] = true,    [RN_CONST_VARIANT] = true,
        [RN_CONST_FUNCTION] = true, [RN_CONST_VEC_DEQUE] = true, [RN_CONST_HASH_SET] = true,
        [RN_CONST_HASH_MAP] = true,
    };
    return kind < RN_CONST_KIND_COUNT && content[kind];
}

const char *rn_const_kind_name(enum rn_const_kind kind)
{
    static const char *const names[RN_CONST_KIND_COUNT] = {
#define CONST_KIND(name, tag, text) [RN_CONST_##name] = text,
#include "bytecode/const_kinds.def"
#undef CONST_KIND
    };
    return kind < RN_CONST_KIND_COUNT ? names[kind] : "unknown";
}
