/* ConstValue: every kind there and back, one encoding only, and the page that documents it. */
#include "base/alloc.h"
#include "bytecode/const_cbor.h"
#include "bytecode/const_value.h"
#include "bytecode/unit_layout.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const struct rn_const_limits limits = {
    .size_max = 1 << 20, .depth_max = 100, .element_max = 1000};

static void write_unit(struct rn_buf *b)
{
    rn_const_write_unit(b);
}

static void write_true(struct rn_buf *b)
{
    rn_const_write_bool(b, true);
}

static void write_small(struct rn_buf *b)
{
    rn_const_write_i64(b, 10);
}

static void write_thousand(struct rn_buf *b)
{
    rn_const_write_i64(b, 1000);
}

static void write_negative(struct rn_buf *b)
{
    rn_const_write_i64(b, -500);
}

static void write_minimum(struct rn_buf *b)
{
    rn_const_write_i64(b, INT64_MIN);
}

static void write_u64(struct rn_buf *b)
{
    rn_const_write_u64(b, 10);
}

static void write_half(struct rn_buf *b)
{
    rn_const_write_f64(b, 1.5);
}

static void write_single(struct rn_buf *b)
{
    rn_const_write_f64(b, 100000.0);
}

static void write_double(struct rn_buf *b)
{
    rn_const_write_f64(b, 1.1);
}

static void write_char(struct rn_buf *b)
{
    rn_const_write_char(b, 0xe9);
}

static void write_string(struct rn_buf *b)
{
    rn_const_write_string(b, "hi", 2);
}

static void write_bytes(struct rn_buf *b)
{
    rn_const_write_bytes(b, "\x01\x02", 2);
}

static void write_vec(struct rn_buf *b)
{
    rn_const_begin_vec(b, 2);
    rn_const_write_i64(b, 1);
    rn_const_write_bool(b, false);
}

static void write_tuple(struct rn_buf *b)
{
    rn_const_begin_tuple(b, 2);
    rn_const_write_i64(b, 1);
    rn_const_write_u64(b, 2);
}

static void write_object(struct rn_buf *b)
{
    rn_const_begin_object(b, 2);
    rn_const_write_string(b, "b", 1);
    rn_const_write_i64(b, 1);
    rn_const_write_string(b, "a", 1);
    rn_const_write_i64(b, 2);
}

static void write_none(struct rn_buf *b)
{
    rn_const_write_none(b);
}

static void write_some(struct rn_buf *b)
{
    rn_const_begin_some(b);
    rn_const_write_unit(b);
}

static void write_ok(struct rn_buf *b)
{
    rn_const_begin_ok(b);
    rn_const_write_i64(b, 1);
}

static void write_err(struct rn_buf *b)
{
    rn_const_begin_err(b);
    rn_const_write_string(b, "no", 2);
}

static void write_ordering(struct rn_buf *b)
{
    rn_const_write_ordering(b, -1);
}

static void write_range_full(struct rn_buf *b)
{
    rn_const_begin_range(b, RN_RANGE_FULL);
}

static void write_range(struct rn_buf *b)
{
    rn_const_begin_range(b, RN_RANGE_INCLUSIVE);
    rn_const_write_i64(b, 1);
    rn_const_write_i64(b, 9);
}

static void write_type(struct rn_buf *b)
{
    rn_const_write_type(b, UINT64_C(0x1122334455667788));
}

static void write_hash(struct rn_buf *b)
{
    rn_const_write_hash(b, UINT64_C(0x1122334455667788));
}

static void write_struct(struct rn_buf *b)
{
    rn_const_begin_struct(b, UINT64_C(0x1122334455667788), 2);
    rn_const_write_i64(b, 1);
    rn_const_write_i64(b, 2);
}

static void write_variant(struct rn_buf *b)
{
    rn_const_begin_variant(b, UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff00), 1);
    rn_const_write_i64(b, 1);
}

static void write_function(struct rn_buf *b)
{
    uint8_t content_id[32];
    memset(content_id, 0xab, sizeof(content_id));
    rn_const_begin_function(b, content_id, UINT64_C(0x1122334455667788), 1);
    rn_const_write_bool(b, true);
}

static void write_vec_deque(struct rn_buf *b)
{
    rn_const_begin_vec_deque(b, 1);
    rn_const_write_i64(b, 1);
}

static void write_hash_set(struct rn_buf *b)
{
    rn_const_begin_hash_set(b, 1);
    rn_const_write_i64(b, 1);
}

static void write_hash_map(struct rn_buf *b)
{
    rn_const_begin_hash_map(b, 1);
    rn_const_write_i64(b, 1);
    rn_const_write_i64(b, 2);
}

struct example {
    const char *text; /* as in the page */
    const char *hex;
    void (*write)(struct rn_buf *b);
};

static const struct example examples[] = {
    {"()", "f6", write_unit},
    {"true", "f5", write_true},
    {"10", "0a", write_small},
    {"1000", "19 03 e8", write_thousand},
    {"-500", "39 01 f3", write_negative},
    {"i64::MIN", "3b 7f ff ff ff ff ff ff ff", write_minimum},
    {"10u64", "d9 52 01 0a", write_u64},
    {"1.5", "f9 3e 00", write_half},
    {"100000.0", "fa 47 c3 50 00", write_single},
    {"1.1", "fb 3f f1 99 99 99 99 99 9a", write_double},
    {"'é'", "d9 52 00 18 e9", write_char},
    {"\"hi\"", "62 68 69", write_string},
    {"b\"\\x01\\x02\"", "42 01 02", write_bytes},
    {"[1, false]", "82 01 f4", write_vec},
    {"(1, 2u64)", "d9 52 02 82 01 d9 52 01 02", write_tuple},
    {"#{b: 1, a: 2}", "d9 52 03 84 61 62 01 61 61 02", write_object},
    {"None", "d9 52 04 80", write_none},
    {"Some(())", "d9 52 04 81 f6", write_some},
    {"Ok(1)", "d9 52 05 01", write_ok},
    {"Err(\"no\")", "d9 52 06 62 6e 6f", write_err},
    {"Ordering::Less", "d9 52 07 20", write_ordering},
    {"..", "d9 52 08 81 00", write_range_full},
    {"1..=9", "d9 52 08 83 05 01 09", write_range},
    {"a type", "d9 52 09 1b 11 22 33 44 55 66 77 88", write_type},
    {"a hash", "d9 52 0a 1b 11 22 33 44 55 66 77 88", write_hash},
    {"Point { x: 1, y: 2 }", "d9 52 0b 83 1b 11 22 33 44 55 66 77 88 01 02", write_struct},
    {"Shape::Circle(1)", "d9 52 0c 83 1b 11 22 33 44 55 66 77 88 1b 99 aa bb cc dd ee ff 00 01",
     write_variant},
    {"a function that captures true",
     "d9 52 0d 83 58 20 ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab "
     "ab ab ab ab ab ab ab 1b 11 22 33 44 55 66 77 88 f5",
     write_function},
    {"VecDeque [1]", "d9 52 0e 81 01", write_vec_deque},
    {"HashSet {1}", "d9 52 0f 81 01", write_hash_set},
    {"HashMap {1: 2}", "d9 52 10 82 01 02", write_hash_map},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t size = 0;
    for (; *hex != '\0'; hex += *hex == ' ') {
        char digits[3] = {hex[0], hex[1], '\0'};
        out[size++] = (uint8_t)strtoul(digits, NULL, 16);
        hex += 2;
    }
    return size;
}

static void test_writing(void **state)
{
    (void)state;
    for (size_t i = 0; i < RN_COUNT_OF(examples); i++) {
        uint8_t expected[128];
        uint8_t storage[128];
        size_t size = from_hex(examples[i].hex, expected);
        struct rn_buf buf;
        rn_buf_init_fixed(&buf, storage, sizeof(storage));
        examples[i].write(&buf);
        assert_int_equal(buf.error, RN_OK);
        if (buf.size != size || memcmp(storage, expected, size) != 0) {
            fail_msg("%s", examples[i].text);
        }
    }
}

static void test_examples_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < RN_COUNT_OF(examples); i++) {
        uint8_t bytes[129];
        size_t size = from_hex(examples[i].hex, bytes);
        bytes[size] = 0;
        struct rn_const_fault fault;
        assert_int_equal(rn_const_value_check(bytes, size, &limits, &fault), RN_OK);
        // Every proper prefix ends too early, and one byte more is one too many.
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(rn_const_value_check(bytes, cut, &limits, &fault), RN_E_TRUNCATED);
        }
        assert_int_equal(rn_const_value_check(bytes, size + 1, &limits, &fault),
                         RN_E_CBOR_TRAILING);
        assert_int_equal(fault.offset, size);
    }
}

static char *read_page(void)
{
    FILE *file = fopen(RN_SOURCE_DIR "/docs/const-value.md", "rb");
    assert_non_null(file);
    char *text = rn_alloc(1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(size > 0);
    fclose(file);
    return text;
}

static void test_page_has_every_example(void **state)
{
    (void)state;
    char *page = read_page();
    for (size_t i = 0; i < RN_COUNT_OF(examples); i++) {
        char row[512];
        snprintf(row, sizeof(row), "| `%s` | `%s` |", examples[i].text, examples[i].hex);
        if (strstr(page, row) == NULL) {
            fail_msg("missing: %s", row);
        }
    }
    for (int kind = 0; kind < RN_CONST_END; kind++) {
        const char *name = rn_const_kind_name((enum rn_const_kind)kind);
        if (strstr(page, name) == NULL) {
            fail_msg("missing: %s", name);
        }
    }
    rn_free(page);
}

struct refusal {
    const char *hex;
    enum rn_error error;
    size_t offset;
};

static void test_refusals(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"18 0a", RN_E_CBOR_INVALID, 0},          // longer than need be
        {"19 00 ff", RN_E_CBOR_INVALID, 0},       //
        {"1a 00 00 ff ff", RN_E_CBOR_INVALID, 0}, //
        {"1b 00 00 00 00 ff ff ff ff", RN_E_CBOR_INVALID, 0},
        {"1b 80 00 00 00 00 00 00 00", RN_E_CBOR_INVALID, 0}, // beyond i64
        {"3b 80 00 00 00 00 00 00 00", RN_E_CBOR_INVALID, 0}, //
        {"1c", RN_E_CBOR_INVALID, 0},                         // reserved
        {"9f ff", RN_E_CBOR_INVALID, 0},                      // indefinite length
        {"5f ff", RN_E_CBOR_INVALID, 0},
        {"a0", RN_E_CBOR_INVALID, 0},    // a map
        {"f7", RN_E_CBOR_INVALID, 0},    // undefined
        {"f8 ff", RN_E_CBOR_INVALID, 0}, // a simple value
        {"e0", RN_E_CBOR_INVALID, 0},
        {"f9 7e 01", RN_E_CBOR_INVALID, 0}, // another NaN
        {"fa 7f c0 00 00", RN_E_CBOR_INVALID, 0},
        {"fb 7f f8 00 00 00 00 00 00", RN_E_CBOR_INVALID, 0},
        {"fa 3f c0 00 00", RN_E_CBOR_INVALID, 0}, // 1.5 fits a half
        {"fb 3f f8 00 00 00 00 00 00", RN_E_CBOR_INVALID, 0},
        {"fb 40 f8 6a 00 00 00 00 00", RN_E_CBOR_INVALID, 0}, // 100000 fits a single
        {"62 c3 28", RN_E_INVALID_UTF8, 1},
        {"c0 00", RN_E_CBOR_INVALID, 0}, // a tag that is not ours
        {"d9 52 11 00", RN_E_CBOR_INVALID, 0},
        {"d9 52 00 19 d8 00", RN_E_CBOR_INVALID, 0}, // a surrogate
        {"d9 52 00 20", RN_E_CBOR_INVALID, 3},
        {"d9 52 00 1b 00 00 00 01 00 00 00 41", RN_E_CBOR_INVALID, 0}, // not 'A'
        {"d9 52 01 20", RN_E_CBOR_INVALID, 3},                         // a negative u64
        {"d9 52 02 80", RN_E_CBOR_INVALID, 0},                         // unit as a tuple
        {"d9 52 03 81 61 61", RN_E_CBOR_INVALID, 0},
        {"d9 52 03 82 01 01", RN_E_CBOR_INVALID, 4},                   // a key that is no string
        {"d9 52 03 84 61 61 01 61 61 02", RN_E_CBOR_INVALID, 7},       // a repeated key
        {"82 d9 52 03 84 61 61 01 61 61 02 01", RN_E_CBOR_INVALID, 8}, //
        {"d9 52 03 88 61 61 01 61 62 01 61 62 01 61 61 01", RN_E_CBOR_INVALID, 10},
        {"d9 52 04 82 01 01", RN_E_CBOR_INVALID, 0},
        {"d9 52 07 02", RN_E_CBOR_INVALID, 0},
        {"d9 52 07 21", RN_E_CBOR_INVALID, 0},
        {"d9 52 07 60", RN_E_CBOR_INVALID, 0},
        {"d9 52 08 81 06", RN_E_CBOR_INVALID, 0},
        {"d9 52 08 81 05", RN_E_CBOR_INVALID, 0},
        {"d9 52 08 80", RN_E_CBOR_INVALID, 3},
        {"d9 52 08 01", RN_E_CBOR_INVALID, 3},
        {"d9 52 0b 80", RN_E_CBOR_INVALID, 3},
        {"d9 52 0b 81 20", RN_E_CBOR_INVALID, 4},
        {"d9 52 0c 81 01", RN_E_CBOR_INVALID, 3},
        {"d9 52 0d 82 41 00 01", RN_E_CBOR_INVALID, 4},
        {"d9 52 10 81 01", RN_E_CBOR_INVALID, 0},
        // Keys of objects inside each other do not come object by object.
        {"d9 52 03 86 61 61 d9 52 03 84 61 78 01 61 79 02 61 62 01 61 61 02", RN_E_CBOR_INVALID,
         19},
        {"d9 52 03 86 61 61 d9 52 03 84 61 78 01 61 78 02 61 62 01 61 63 02", RN_E_CBOR_INVALID,
         13},
        {"d9 52 03 8c 61 61 f6 61 61 f6 61 61 f6 61 61 f6 61 61 f6 61 61 f6", RN_E_CBOR_INVALID, 7},
        {"83 63 61 62 63 80", RN_E_TRUNCATED, 5}, // nothing is left for the third
        {"9b 00 00 00 01 00 00 00 00", RN_E_TRUNCATED, 0},
        {"5a 7f ff ff ff 00", RN_E_TRUNCATED, 5},
    };
    for (size_t i = 0; i < RN_COUNT_OF(refusals); i++) {
        uint8_t bytes[64];
        size_t size = from_hex(refusals[i].hex, bytes);
        struct rn_const_fault fault = {RN_OK, 0};
        enum rn_error error = rn_const_value_check(bytes, size, &limits, &fault);
        if (error != refusals[i].error || fault.error != error ||
            fault.offset != refusals[i].offset) {
            fail_msg("%s: %s at %zu", refusals[i].hex, rn_error_name(error), fault.offset);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    uint8_t bytes[200];
    memset(bytes, 0x81, sizeof(bytes)); // [[[[..
    bytes[100] = 0xf6;
    struct rn_const_fault fault;
    assert_int_equal(rn_const_value_check(bytes, 101, &limits, &fault), RN_OK);
    bytes[100] = 0x81;
    bytes[101] = 0xf6;
    assert_int_equal(rn_const_value_check(bytes, 102, &limits, &fault), RN_E_CBOR_DEPTH);
    assert_int_equal(fault.offset, 100);
    struct rn_const_limits few = {.size_max = 100, .depth_max = 10, .element_max = 3};
    assert_int_equal(rn_const_value_check("\x82\xf6\xf6", 3, &few, &fault), RN_OK);
    assert_int_equal(rn_const_value_check("\x83\xf6\xf6\xf6", 4, &few, &fault), RN_E_CBOR_COUNT);
    assert_int_equal(fault.offset, 0);
    assert_int_equal(rn_const_value_check(bytes, 101, &few, &fault), RN_E_TOO_LARGE);
    // Without an element, no level is needed.
    assert_int_equal(rn_const_value_check("", 0, &limits, NULL), RN_E_TRUNCATED);
}

static void test_deepest_value(void **state)
{
    (void)state;
    const size_t depth = RN_CONST_DEPTH_MAX;
    uint8_t *bytes = rn_alloc(depth + 2);
    assert_non_null(bytes);
    memset(bytes, 0x81, depth + 1);
    struct rn_const_limits deep = {
        .size_max = SIZE_MAX, .depth_max = UINT32_MAX, .element_max = UINT32_MAX};
    bytes[depth] = 0xf6;
    assert_int_equal(rn_const_value_check(bytes, depth + 1, &deep, NULL), RN_OK);
    bytes[depth] = 0x81;
    bytes[depth + 1] = 0xf6;
    assert_int_equal(rn_const_value_check(bytes, depth + 2, &deep, NULL), RN_E_CBOR_DEPTH);
    for (uint64_t n = 1; n <= 2; n++) {
        rn_alloc_fail_at(n, false);
        assert_int_equal(rn_const_value_check(bytes, depth + 1, &deep, NULL), RN_E_NO_MEMORY);
        rn_alloc_fail_at(0, false);
    }
    rn_free(bytes);
}

/* Far more bytes than anybody sends, most of them never touched. */
static void test_sizes_beyond_32_bits(void **state)
{
    (void)state;
    const size_t size = (size_t)1 << 33;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        skip();
    }
    struct rn_const_limits any = {
        .size_max = SIZE_MAX, .depth_max = UINT32_MAX, .element_max = UINT32_MAX};
    struct rn_const_fault fault;
    assert_int_equal(rn_const_value_check(bytes, size, &any, &fault), RN_E_TOO_LARGE);
    (void)from_hex("9b 00 00 00 01 00 00 00 00", bytes);
    struct rn_const_level level;
    struct rn_const_reader reader;
    struct rn_const_token token;
    rn_const_reader_init(&reader, bytes, size, &level, 1);
    assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_COUNT);
    munmap(bytes, size);
}

static void test_after_the_end(void **state)
{
    (void)state;
    struct rn_const_reader reader;
    struct rn_const_token token;
    rn_const_reader_init(&reader, "\xf6\xf6", 2, NULL, 0);
    assert_false(rn_const_reader_at_end(&reader));
    assert_int_equal(rn_const_read(&reader, &token), RN_OK);
    assert_true(rn_const_reader_at_end(&reader));
    assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_TRAILING);
    assert_false(rn_const_reader_at_end(&reader));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(rn_const_kind_name(RN_CONST_KIND_COUNT), "unknown");
    for (unsigned kind = 0; kind < RN_CONST_KIND_COUNT; kind++) {
        assert_true(strlen(rn_const_kind_name((enum rn_const_kind)kind)) > 0);
    }
    assert_true(rn_const_kind_has_content(RN_CONST_HASH_MAP));
    assert_false(rn_const_kind_has_content(RN_CONST_KIND_COUNT));
}

static void test_tokens(void **state)
{
    (void)state;
    uint8_t bytes[128];
    size_t size = from_hex("d9 52 03 84 61 62 d9 52 04 81 f5 61 61 d9 52 0c 82 01 02", bytes);
    struct rn_const_level levels[4];
    struct rn_const_reader reader;
    rn_const_reader_init(&reader, bytes, size, levels, RN_COUNT_OF(levels));
    static const enum rn_const_kind kinds[] = {RN_CONST_OBJECT,  RN_CONST_STRING, RN_CONST_SOME,
                                               RN_CONST_BOOL,    RN_CONST_END,    RN_CONST_STRING,
                                               RN_CONST_VARIANT, RN_CONST_END,    RN_CONST_END};
    static const size_t offsets[] = {0, 4, 6, 10, 11, 11, 13, 19, 19};
    struct rn_const_token token;
    for (size_t i = 0; i < RN_COUNT_OF(kinds); i++) {
        assert_false(rn_const_reader_at_end(&reader));
        assert_int_equal(rn_const_reader_finish(&reader), RN_E_TRUNCATED);
        assert_int_equal(rn_const_read(&reader, &token), RN_OK);
        assert_int_equal(token.kind, kinds[i]);
        assert_int_equal(token.offset, offsets[i]);
        if (token.kind == RN_CONST_VARIANT) {
            assert_int_equal(token.item.type_hash, 1);
            assert_int_equal(token.item.variant_hash, 2);
            assert_int_equal(token.count, 0);
        }
    }
    assert_true(rn_const_reader_at_end(&reader));
    assert_int_equal(rn_const_reader_finish(&reader), RN_OK);
    assert_int_equal(rn_const_reader_offset(&reader), size);
}

/* Each of these containers alone could have as many values as it promises; together they cannot. */
static void test_promises_add_up(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct rn_const_level levels[40];
    struct rn_const_reader reader;
    struct rn_const_token token;
    memset(bytes, 0x98, sizeof(bytes)); // an array head with one byte of count
    for (size_t i = 0; i < sizeof(bytes); i += 2) {
        bytes[i + 1] = 30;
    }
    rn_const_reader_init(&reader, bytes, sizeof(bytes), levels, RN_COUNT_OF(levels));
    size_t promised = 0;
    while (rn_const_read(&reader, &token) == RN_OK) {
        promised += token.count;
        assert_true(promised < sizeof(bytes));
    }
    assert_int_equal(promised, 60);
    assert_int_equal(rn_const_read(&reader, &token), RN_E_TRUNCATED);
    assert_int_equal(rn_const_reader_offset(&reader), 4);
    // The limit of elements holds for the sum too.
    rn_const_reader_init(&reader, bytes, sizeof(bytes), levels, RN_COUNT_OF(levels));
    rn_const_reader_limit(&reader, 40);
    assert_int_equal(rn_const_read(&reader, &token), RN_OK);
    assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_COUNT);
    assert_int_equal(rn_const_reader_offset(&reader), 2);
    rn_const_reader_init(&reader, "\xf6", 1, NULL, 0);
    rn_const_reader_limit(&reader, 0);
    assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_COUNT);
}

static void test_failure_is_sticky(void **state)
{
    (void)state;
    struct rn_const_level levels[4];
    struct rn_const_reader reader;
    struct rn_const_token token;
    // The last value of an array is bad: no END may follow.
    rn_const_reader_init(&reader, "\x81\xff", 2, levels, RN_COUNT_OF(levels));
    assert_int_equal(rn_const_read(&reader, &token), RN_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_INVALID);
        assert_int_equal(rn_const_reader_offset(&reader), 1);
        assert_false(rn_const_reader_at_end(&reader));
    }
    assert_int_equal(rn_const_reader_finish(&reader), RN_E_CBOR_INVALID);
    // Nothing is read behind the value.
    rn_const_reader_init(&reader, "\xf6\xf6", 2, levels, RN_COUNT_OF(levels));
    assert_int_equal(rn_const_read(&reader, &token), RN_OK);
    assert_true(rn_const_reader_at_end(&reader));
    assert_int_equal(rn_const_reader_finish(&reader), RN_E_CBOR_TRAILING);
    assert_int_equal(rn_const_read(&reader, &token), RN_E_CBOR_TRAILING);
    assert_int_equal(rn_const_reader_offset(&reader), 1);
}

/* Widths of heads change at these counts and sizes. */
static void test_heads_of_all_widths(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 23, 24, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX};
    static const size_t widths[] = {1, 1, 2, 2, 3, 3, 5, 5, 9, 9};
    for (size_t i = 0; i < RN_COUNT_OF(values); i++) {
        for (int negative = 0; negative < 2; negative++) {
            uint8_t storage[16];
            struct rn_buf buf;
            struct rn_const_reader reader;
            struct rn_const_token token;
            int64_t value = negative ? -1 - (int64_t)values[i] : (int64_t)values[i];
            rn_buf_init_fixed(&buf, storage, sizeof(storage));
            rn_const_write_i64(&buf, value);
            assert_int_equal(buf.size, widths[i]);
            rn_const_reader_init(&reader, storage, buf.size, NULL, 0);
            assert_int_equal(rn_const_read(&reader, &token), RN_OK);
            assert_int_equal(rn_const_reader_finish(&reader), RN_OK);
            assert_int_equal(token.kind, RN_CONST_I64);
            assert_true(token.i64 == value);
        }
    }
}

static void test_unit_and_full_buffers(void **state)
{
    (void)state;
    uint8_t storage[4];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    rn_const_begin_tuple(&buf, 0);
    assert_int_equal(buf.size, 1);
    assert_int_equal(storage[0], 0xf6);
    rn_const_write_string(&buf, "abc", 3);
    assert_int_equal(rn_buf_status(&buf), RN_E_TOO_LARGE);
}

/* Keys chosen to be alike cost no more than the sort of them. */
static void test_many_keys(void **state)
{
    (void)state;
    enum {
        KEYS = 100000,
    };
    struct rn_buf buf;
    rn_buf_init(&buf, 1 << 24);
    rn_const_begin_object(&buf, KEYS + 1);
    size_t last = 0;
    for (int i = 0; i <= KEYS; i++) {
        char key[40];
        int size = snprintf(key, sizeof(key), "the same beginning %d", i == KEYS ? 7 : i);
        last = buf.size;
        rn_const_write_string(&buf, key, (size_t)size);
        rn_const_write_unit(&buf);
    }
    struct rn_const_limits wide = {.size_max = SIZE_MAX, .depth_max = 2, .element_max = UINT32_MAX};
    struct rn_const_fault fault;
    assert_int_equal(rn_const_value_check(buf.data, buf.size, &wide, &fault), RN_E_CBOR_INVALID);
    assert_int_equal(fault.offset, last);
    buf.data[last + 1] = 'T';
    assert_int_equal(rn_const_value_check(buf.data, buf.size, &wide, &fault), RN_OK);
    rn_buf_done(&buf);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void check_float(double value, size_t expected_size)
{
    uint8_t storage[16];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, storage, sizeof(storage));
    rn_const_write_f64(&buf, value);
    if (expected_size != 0) {
        assert_int_equal(buf.size, expected_size);
    }
    struct rn_const_reader reader;
    struct rn_const_token token;
    rn_const_reader_init(&reader, storage, buf.size, NULL, 0);
    assert_int_equal(rn_const_read(&reader, &token), RN_OK);
    assert_int_equal(rn_const_reader_finish(&reader), RN_OK);
    assert_int_equal(token.kind, RN_CONST_F64);
    assert_true(value != value ? token.f64 != token.f64 : bits_of(token.f64) == bits_of(value));
}

static void test_floats(void **state)
{
    (void)state;
    check_float(0.0, 3);
    check_float(-0.0, 3);
    check_float((double)INFINITY, 3);
    check_float(-(double)INFINITY, 3);
    check_float((double)NAN, 3);
    check_float(-(double)NAN, 3);
    check_float(65504.0, 3);
    check_float(65520.0, 5);
    check_float(0x1p-14, 3);
    check_float(0x1p-24, 3);
    check_float(0x1p-25, 5);
    check_float(0x1.8p-24, 5);
    check_float(0x1.ff8p-15, 3);
    check_float(0x1.ffcp-15, 5);
    check_float(3.4028234663852886e38, 5);
    check_float(3.4028235e38 * 2, 9);
    check_float(0x1p-149, 5);
    check_float(0x1p-150, 9);
    check_float(1e300, 9);
    check_float(-1e300, 9);
    // Infinity is a half before anybody asks for more.
    uint32_t single = 0;
    assert_true(rn_cbor_to_single(bits_of((double)INFINITY), &single));
    assert_int_equal(single, 0x7f800000);
    uint64_t bits = 88172645463325252;
    for (int i = 0; i < 100000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        // Few bits in some, so that all three widths come up.
        uint64_t chosen = bits & (i % 3 == 0 ? UINT64_MAX : UINT64_C(0xc7fffc0000000000));
        memcpy(&value, &chosen, sizeof(value));
        check_float(value, 0);
    }
}

/* Whatever the order of keys, and how often one is there, the first that repeats another is named. */
static void test_repeated_keys(void **state)
{
    enum {
        KEYS = 6,
        HEAD = 4, /* tag and count of an Object */
        ENTRY = 3 /* text of one byte, null */
    };
    (void)state;
    for (unsigned order = 0; order < 729; order++) { // 3 letters, 6 places
        struct rn_const_fault fault = {0};
        uint8_t bytes[HEAD + KEYS * ENTRY] = {0xd9, 0x52, 0x03, 0x80 + 2 * KEYS};
        size_t seen[3] = {0};
        size_t first = 0;
        for (unsigned i = 0, left = order; i < KEYS; i++, left /= 3) {
            size_t at = HEAD + i * ENTRY;
            bytes[at] = 0x61;
            bytes[at + 1] = (uint8_t)('a' + left % 3);
            bytes[at + 2] = 0xf6;
            first = seen[left % 3]++ > 0 && first == 0 ? at : first;
        }
        assert_int_equal(rn_const_value_check(bytes, sizeof(bytes), &limits, &fault),
                         RN_E_CBOR_INVALID);
        assert_int_equal(fault.offset, first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_examples_are_valid),
        cmocka_unit_test(test_page_has_every_example),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deepest_value),
        cmocka_unit_test(test_sizes_beyond_32_bits),
        cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_promises_add_up),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_heads_of_all_widths),
        cmocka_unit_test(test_unit_and_full_buffers),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_repeated_keys),
        cmocka_unit_test(test_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
