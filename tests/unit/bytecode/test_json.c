/* JSON in and out: what is accepted, what it becomes, and where the rest goes wrong. */
#include "base/alloc.h"
#include "bytecode/const_value.h"
#include "bytecode/json.h"
#include "bytecode/unit_layout.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static const struct rn_json_options compact = {0};

static void expect_written(const struct rn_buf *cbor, const struct rn_json_options *options,
                           const char *expected)
{
    RN_AUTO(rn_buf) rn_buf text;
    rn_buf_init(&text, 1 << 24);
    struct rn_json_fault fault;
    assert_int_equal(rn_json_write(cbor->data, cbor->size, options, &text, &fault), RN_OK);
    rn_buf_append_u8(&text, 0);
    assert_string_equal((const char *)text.data, expected);
}

static void expect_round_trip(const char *json, const char *expected)
{
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    struct rn_json_fault fault = {0};
    enum rn_error error = rn_json_read(json, strlen(json), &cbor, &fault);
    if (error != RN_OK) {
        fail_msg("%s: %s at %zu", json, fault.message, fault.offset);
    }
    const struct rn_const_limits limits = {
        .size_max = 1 << 24, .depth_max = 1000, .element_max = 1000000};
    assert_int_equal(rn_const_value_check(cbor.data, cbor.size, &limits, NULL), RN_OK);
    expect_written(&cbor, &compact, expected);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "1.5",
        "-0.0",
        "1e300",
        "\"\"",
        "\"a\"",
        "\"\\u0000\\n\\\"\\\\\"",
        "[]",
        "{}",
        "[1,2,[3,[]],{}]",
        "{\"b\":1,\"a\":{\"b\":[null]}}",
        "[{\"a\":1},{\"a\":1}]",
    };
    for (size_t i = 0; i < RN_COUNT_OF(same); i++) {
        expect_round_trip(same[i], same[i]);
    }
    expect_round_trip(" \t\r\n[ 1 , 2 ] ", "[1,2]");
    expect_round_trip("{ \"a\" : 1 , \"b\" : 2 }", "{\"a\":1,\"b\":2}");
    expect_round_trip("1E2", "100.0");
    expect_round_trip("1.0", "1.0");
    expect_round_trip("-0", "0");
    expect_round_trip("18446744073709551616", "1.8446744073709552e19");
    expect_round_trip("-9223372036854775809", "-9.223372036854776e18");
    expect_round_trip("\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\r\\t\"",
                      "\"\xc3\xa9\xf0\x9f\x98\x80/\\b\\f\\r\\t\"");
}

struct refusal {
    const char *text;
    size_t offset;
};

static void test_refusals(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"", 0},
        {"  ", 2},
        {"nul", 0},
        {"tru", 0},
        {"falsy", 0},
        {"01", 1},
        {"-", 1},
        {"1.", 2},
        {"1e", 2},
        {"+1", 0},
        {".5", 0},
        {"1 2", 2},
        {"[1,]", 3},
        {"[1", 2},
        {"[1}", 2},
        {"{", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{a:1}", 1},
        {"{\"a\":1,}", 7},
        {"\"a", 0},
        {"\"\n\"", 1},
        {"\"\\x\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\ud800\"", 1},
        {"\"\\ud800x\"", 1},
        {"\"\\ud800\\u0041\"", 1},
        {"\"\\udc00\"", 1},
        {"[1] x", 4},
        {"NaN", 0},
        {"1e999", 0},
        {"{\"a\":1,\"a\":2}", 7},
        {"{\"a\":1,\"\\u0061\":2}", 7},
        {"\"\\", 1},
        {"{\"a\" 1}", 5},
        {"]", 0},
        {"1.e5", 2},
        {"'a'", 0},
        {"{\"a\":1]", 6},
        {"\"\\ud800\\", 1},
        {"[\"a\\u00g0\"]", 3},
    };
    for (size_t i = 0; i < RN_COUNT_OF(refusals); i++) {
        RN_AUTO(rn_buf) rn_buf cbor;
        rn_buf_init(&cbor, 1 << 20);
        struct rn_json_fault fault = {0};
        const char *text = refusals[i].text;
        enum rn_error error = rn_json_read(text, strlen(text), &cbor, &fault);
        if (error != RN_E_JSON_INVALID || fault.offset != refusals[i].offset) {
            fail_msg("%s: %s at %zu", text, rn_error_name(error), fault.offset);
        }
        assert_int_equal(cbor.size, 0);
        assert_non_null(fault.message);
    }
    struct rn_json_fault fault = {0};
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    assert_int_equal(rn_json_read("\"a\xff\"", 4, &cbor, &fault), RN_E_INVALID_UTF8);
    assert_int_equal(fault.offset, 2);
    assert_int_equal(rn_json_read("[\0]", 3, &cbor, &fault), RN_E_JSON_INVALID);
}

/* Texts that a reader must take, and must not: each has tripped one somewhere. */
static void test_forms_that_are_json(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"[[]   ]", "[[]]"},
        {"[\"\"]", "[\"\"]"},
        {"[1\n]", "[1]"},
        {" [1]", "[1]"},
        {"[2] ", "[2]"},
        {"[1,null,null,null,2]", "[1,null,null,null,2]"},
        {"[123e65]", "[1.23e67]"},
        {"[0e+1]", "[0.0]"},
        {"[0e1]", "[0.0]"},
        {"[-0]", "[0]"},
        {"[-0.0]", "[-0.0]"},
        {"[-123]", "[-123]"},
        {"[20e1]", "[200.0]"},
        {"[1E22]", "[1e22]"},
        {"[1E-2]", "[0.01]"},
        {"[1E+2]", "[100.0]"},
        {"[123.456e78]", "[1.23456e80]"},
        {"[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
         "[-1e-78]"},
        {"[1e-400]", "[0.0]"},
        {"[0.1234567890123456789]", "[0.12345678901234568]"},
        {"[9007199254740993.0]", "[9007199254740992.0]"},
        {"[1.7976931348623157e308]", "[1.7976931348623157e308]"},
        {"{\"asd\":\"sdf\",\"dfg\":\"fgh\"}", "{\"asd\":\"sdf\",\"dfg\":\"fgh\"}"},
        {"{\"\":0}", "{\"\":0}"},
        {"{\"foo\\u0000bar\":42}", "{\"foo\\u0000bar\":42}"},
        {"{\"a\":[]}", "{\"a\":[]}"},
        {"{\n\"a\": \"b\"\n}", "{\"a\":\"b\"}"},
        {"{\"a\":1,\"A\":2,\"a \":3}", "{\"a\":1,\"A\":2,\"a \":3}"},
        {"{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}"},
        {"[\"\\u0060\\u012a\\u12AB\"]", "[\"`\xc4\xaa\xe1\x8a\xab\"]"},
        {"[\"\\ud801\\udc37\"]", "[\"\xf0\x90\x90\xb7\"]"},
        {"[\"\\uDBFF\\uDFFF\"]", "[\"\xf4\x8f\xbf\xbf\"]"},
        {"[\"\\uFFFF\"]", "[\"\xef\xbf\xbf\"]"},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\"\\\\/\\b\\f\\n\\r\\t\"]"},
        {"[\"\\\\u0000\"]", "[\"\\\\u0000\"]"},
        {"[\"a/*b*/c\"]", "[\"a/*b*/c\"]"},
        {"[\"\x7f\"]", "[\"\\u007f\"]"},
        {"[\"\xc2\x9b"
         "1m\xc2\xa0\"]",
         "[\"\\u009b1m\xc2\xa0\"]"},
        {"[\"\xe2\x80\xa8\"]", "[\"\xe2\x80\xa8\"]"},
        {"[\"\xef\xbb\xbf\"]", "[\"\xef\xbb\xbf\"]"},
        {"\" \"", "\" \""},
        {"-0.1", "-0.1"},
        {"[true]", "[true]"},
    };
    for (size_t i = 0; i < RN_COUNT_OF(forms); i++) {
        expect_round_trip(forms[i][0], forms[i][1]);
    }
}

static void expect_refused(const char *text, size_t size, enum rn_error expected)
{
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    rn_const_write_unit(&cbor); // what is there already must stay
    struct rn_json_fault fault = {0};
    enum rn_error error = rn_json_read(text, size, &cbor, &fault);
    if (error != expected || cbor.size != 1 || fault.offset > size || fault.error != error) {
        fail_msg("%.*s: %s at %zu", (int)size, text, rn_error_name(error), fault.offset);
    }
    assert_non_null(fault.message);
}

static void test_forms_that_are_not_json(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "[1 true]",
        "[\"\": 1]",
        "[\"\"],",
        "[,1]",
        "[1,,2]",
        "[\"x\",,]",
        "[\"x\"]]",
        "[\"\",]",
        "[\"x\"",
        "[x",
        "[3[4]]",
        "[1:2]",
        "[,]",
        "[-]",
        "[   , \"\"]",
        "[\"a\",\n4\n,1,",
        "[1,]",
        "[*]",
        "[\"\"",
        "[1,\n1\n,1",
        "[{}",
        "[fals]",
        "[nul]",
        "[tru]",
        "[True]",
        "[NULL]",
        "[++1234]",
        "[+1]",
        "[+Inf]",
        "[-01]",
        "[-1.0.]",
        "[-2.]",
        "[-NaN]",
        "[.-1]",
        "[.2e-3]",
        "[0.1.2]",
        "[0.3e+]",
        "[0.3e]",
        "[0.e1]",
        "[0E+]",
        "[0E]",
        "[0e+]",
        "[0e]",
        "[1.0e+]",
        "[1.0e-]",
        "[1.0e]",
        "[1 000.0]",
        "[1eE2]",
        "[2.e+3]",
        "[2.e-3]",
        "[9.e+]",
        "[Inf]",
        "[NaN]",
        "[\xef\xbc\x91]",
        "[1+2]",
        "[0x1]",
        "[0x42]",
        "[Infinity]",
        "[0e+-1]",
        "[-123.123foo]",
        "[-Infinity]",
        "[-foo]",
        "[- 1]",
        "[-012]",
        "[-.123]",
        "[1.]",
        "[1ea]",
        "[1.8011670033376514H-308]",
        "[1.2a-3]",
        "[012]",
        "[1e400]",
        "[-1e400]",
        "[\"x\", truth]",
        "{[: \"x\"}\n",
        "{\"x\", null}",
        "{\"x\"::\"b\"}",
        "{\"a\":\"a\" 123}",
        "{key: 'value'}",
        "{\"a\" b}",
        "{:\"b\"}",
        "{\"a\" \"b\"}",
        "{\"a\":",
        "{\"a\"",
        "{1:1}",
        "{9999E9999:1}",
        "{null:null,null:null}",
        "{\"id\":0,,,,,}",
        "{'a':0}",
        "{\"id\":0,}",
        "{\"a\":\"b\"}/**/",
        "{\"a\":\"b\"}//",
        "{\"a\":\"b\",,\"c\":\"d\"}",
        "{a: \"b\"}",
        "{\"a\":\"a",
        "{ \"foo\" : \"bar\", \"a\" }",
        "{\"a\":\"b\"}#",
        " ",
        "[\"\\uD800\\\"]",
        "[\"\\uD800\\u\"]",
        "[\"\\uD800\\u1\"]",
        "[\"\\uD800\\u1x\"]",
        "[\"\\uD834\\uDd\"]",
        "[\"\\uDFAA\"]",
        "[\"\\uDADA\"]",
        "[\"\\uD888\\u1234\"]",
        "[\"\\x00\"]",
        "[\"\\\\\\\"]",
        "[\"\\\"]",
        "[\"\\\t\"]",
        "[\"\\u00A\"]",
        "[\"\\u\"]",
        "[\"\\uqqqq\"]",
        "[\"\\a\"]",
        "[\"\\U0041\"]",
        "[\\u0020\"asd\"]",
        "[\\n]",
        "\"",
        "['single quote']",
        "abc",
        "[\"\\",
        "[\"new\nline\"]",
        "[\"\t\"]",
        "[\"\x1f\"]",
        "\"\"x",
        "<.>",
        "[<null>]",
        "[1]x",
        "[1]]",
        "[a\xc3\xa5]",
        "\xc3\xa5",
        "2@",
        "{}}",
        "{\"\":",
        "{\"a\":/*comment*/\"b\"}",
        "{\"a\": true} \"x\"",
        "['",
        "[,",
        "[{",
        "[\"a",
        "[\"a\"",
        "{",
        "{]",
        "{,",
        "{[",
        "{\"a",
        "{'a'",
        "[\"\\{[\"\\{[\"\\{[\"\\{",
        "\xe2\x81\xa0",
        "*",
        "{\"a\":\"b\"}#{}",
        "[\\u000A\"\"]",
        "[1",
        "[ false, nul",
        "[ true, fals",
        "[ false, tru",
        "[\f1]",
        "[\v]",
        "[\xc2\xa0]",
        "\xef\xbb\xbf{}",
        "{\"x\":1,\"y\":2,\"x\":3}",
        "[{\"\":1,\"\":2}]",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
    };
    for (size_t i = 0; i < RN_COUNT_OF(forms); i++) {
        expect_refused(forms[i], strlen(forms[i]), RN_E_JSON_INVALID);
    }
    static const char *const bad_text[] = {
        "[\"\xff\"]",
        "[\"\xc0\xaf\"]",
        "[\"\xed\xa0\x80\"]",
        "[\"\xe0\xff\"]",
        "[\"\xf4\xbf\xbf\xbf\"]",
        "[\"\xfc\x80\x80\x80\x80\x80\"]",
        "[\"\x81\"]",
        "[1\xe5]",
        "\xff\xfe[\"x\"]",
        "{\"\xb9\":\"0\",}",
    };
    for (size_t i = 0; i < RN_COUNT_OF(bad_text); i++) {
        expect_refused(bad_text[i], strlen(bad_text[i]), RN_E_INVALID_UTF8);
    }
    expect_refused("[\"a\0b\"]", 7, RN_E_JSON_INVALID);
    expect_refused("123\0", 4, RN_E_JSON_INVALID);
    expect_refused("[]\0", 3, RN_E_JSON_INVALID);
}

/* Many keys, and many that begin alike: the time must stay near to that of reading. */
static void test_many_keys(void **state)
{
    (void)state;
    enum {
        KEYS = 200000,
    };
    RN_AUTO(rn_buf) rn_buf json;
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&json, 1 << 24);
    rn_buf_init(&cbor, 1 << 24);
    for (int i = 0; i < KEYS; i++) {
        rn_buf_append_format(&json, "%s\"the same beginning %d\":%d", i == 0 ? "{" : ",", i, i);
    }
    rn_buf_append_u8(&json, '}');
    struct rn_json_fault fault;
    const char *text = (const char *)json.data;
    assert_int_equal(rn_json_read(text, json.size, &cbor, &fault), RN_OK);
    rn_buf_append_u8(&json, 0);
    expect_written(&cbor, &compact, (const char *)json.data);
    json.size -= 2; // the end of the text, and of the object
    size_t offset = json.size + 1;
    rn_buf_append_text(&json, ",\"the same beginning 7\":0}");
    rn_buf_clear(&cbor);
    text = (const char *)json.data;
    assert_int_equal(rn_json_read(text, json.size, &cbor, &fault), RN_E_JSON_INVALID);
    assert_int_equal(fault.offset, offset);
    assert_string_equal(fault.message, "a key that the object has already");
}

/* Containers whose heads differ in width, one inside the other. */
static void test_heads_of_all_widths(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 23, 24, 255, 256, 65535, 65536};
    for (size_t i = 0; i < RN_COUNT_OF(counts); i++) {
        RN_AUTO(rn_buf) rn_buf json;
        rn_buf_init(&json, 1 << 22);
        rn_buf_append_text(&json, "[[{\"a\":[");
        for (int n = 0; n < counts[i]; n++) {
            rn_buf_append_text(&json, n == 0 ? "[]" : ",[]");
        }
        rn_buf_append_text(&json, "],\"b\":{}},7],8]");
        rn_buf_append_u8(&json, 0);
        expect_round_trip((const char *)json.data, (const char *)json.data);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * RN_JSON_DEPTH_MAX + 2];
    memset(text, '[', RN_JSON_DEPTH_MAX);
    memset(text + RN_JSON_DEPTH_MAX, ']', RN_JSON_DEPTH_MAX);
    text[2 * RN_JSON_DEPTH_MAX] = '\0';
    expect_round_trip(text, text);
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    struct rn_json_fault fault = {0};
    text[RN_JSON_DEPTH_MAX] = '[';
    assert_int_equal(rn_json_read(text, strlen(text), &cbor, &fault), RN_E_JSON_DEPTH);
    assert_int_equal(fault.offset, RN_JSON_DEPTH_MAX);
}

static void test_limit_of_the_output(void **state)
{
    (void)state;
    uint8_t storage[3];
    struct rn_buf cbor;
    rn_buf_init_fixed(&cbor, storage, sizeof(storage));
    struct rn_json_fault fault = {0};
    assert_int_equal(rn_json_read("\"abc\"", 5, &cbor, &fault), RN_E_TOO_LARGE);
    assert_int_equal(cbor.size, 0);
    rn_buf_clear(&cbor);
    assert_int_equal(rn_json_write("\x19\x03\xe8", 3, &compact, &cbor, &fault), RN_E_TOO_LARGE);
    assert_int_equal(cbor.size, 0);
}

static void test_each_failing_allocation(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1,2,{\"b\":\"text\"}],\"c\":{}}";
    for (uint64_t n = 1; n < 100; n++) {
        uint64_t live = rn_alloc_live();
        struct rn_buf cbor;
        struct rn_buf text;
        rn_buf_init(&cbor, 1 << 20);
        rn_buf_init(&text, 1 << 20);
        struct rn_json_fault fault = {0};
        rn_alloc_fail_at(n, false);
        enum rn_error error = rn_json_read(json, sizeof(json) - 1, &cbor, &fault);
        if (error == RN_OK) {
            error = rn_json_write(cbor.data, cbor.size, &compact, &text, &fault);
        }
        rn_alloc_fail_at(0, false);
        rn_buf_done(&cbor);
        rn_buf_done(&text);
        assert_int_equal(rn_alloc_live(), live);
        if (error == RN_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(error, RN_E_NO_MEMORY);
    }
    fail();
}

static bool find_name(void *user, uint64_t type_hash, uint64_t variant_hash,
                      struct rn_json_type *out_type)
{
    static const struct rn_utf8 fields[] = {RN_UTF8("x"), RN_UTF8("y")};
    static const struct rn_json_type types[] = {
        {.name = RN_UTF8("Point"), .fields = fields, .field_count = 2},
        {.name = RN_UTF8("Pair"), .field_count = 2},
        {.name = RN_UTF8("Empty")},
    };
    static const struct rn_json_type variants[] = {
        {.name = RN_UTF8("Unit")},
        {.name = RN_UTF8("One"), .field_count = 1},
        {.name = RN_UTF8("Two"), .field_count = 2},
        {.name = RN_UTF8("Named"), .fields = fields, .field_count = 2},
    };
    (void)user;
    if (variant_hash == 0 && type_hash < RN_COUNT_OF(types)) {
        *out_type = types[type_hash];
        return true;
    }
    if (variant_hash >= 1 && variant_hash <= RN_COUNT_OF(variants)) {
        *out_type = variants[variant_hash - 1];
        return true;
    }
    return false;
}

static void write_numbers(struct rn_buf *cbor, int count)
{
    for (int i = 1; i <= count; i++) {
        rn_const_write_i64(cbor, i);
    }
}

static void test_instances(void **state)
{
    (void)state;
    const struct rn_json_names names = {.find = find_name};
    const struct rn_json_options named = {.names = &names};
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    rn_const_begin_vec(&cbor, 9);
    rn_const_begin_struct(&cbor, 0, 2);
    write_numbers(&cbor, 2);
    rn_const_begin_struct(&cbor, 1, 2);
    write_numbers(&cbor, 2);
    rn_const_begin_struct(&cbor, 2, 0);
    rn_const_begin_struct(&cbor, 3, 1); // unknown
    write_numbers(&cbor, 1);
    rn_const_begin_variant(&cbor, 9, 1, 0);
    rn_const_begin_variant(&cbor, 9, 2, 1);
    write_numbers(&cbor, 1);
    rn_const_begin_variant(&cbor, 9, 3, 2);
    write_numbers(&cbor, 2);
    rn_const_begin_variant(&cbor, 9, 4, 2);
    write_numbers(&cbor, 2);
    rn_const_begin_variant(&cbor, 9, 4, 1); // another number of fields than the type has
    write_numbers(&cbor, 1);
    expect_written(&cbor, &named,
                   "[{\"x\":1,\"y\":2},[1,2],null,"
                   "{\"type\":\"0x0000000000000003\",\"fields\":[1]},"
                   "\"Unit\",{\"One\":1},{\"Two\":[1,2]},{\"Named\":{\"x\":1,\"y\":2}},"
                   "{\"type\":\"0x0000000000000009\",\"variant\":\"0x0000000000000004\","
                   "\"fields\":[1]}]");
}

static void test_other_kinds(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    rn_const_begin_tuple(&cbor, 20);
    rn_const_write_none(&cbor);
    rn_const_begin_some(&cbor);
    rn_const_write_i64(&cbor, 1);
    rn_const_begin_ok(&cbor);
    rn_const_begin_err(&cbor);
    rn_const_write_unit(&cbor);
    rn_const_write_char(&cbor, 'x');
    rn_const_write_bytes(&cbor, "\x00\xff", 2);
    rn_const_write_f64(&cbor, (double)INFINITY);
    rn_const_write_ordering(&cbor, -1);
    rn_const_write_ordering(&cbor, 0);
    rn_const_write_ordering(&cbor, 1);
    rn_const_write_hash(&cbor, 255);
    rn_const_begin_range(&cbor, RN_RANGE_HALF_OPEN);
    write_numbers(&cbor, 2);
    rn_const_begin_range(&cbor, RN_RANGE_TO);
    write_numbers(&cbor, 1);
    rn_const_begin_range(&cbor, RN_RANGE_FULL);
    rn_const_begin_range(&cbor, RN_RANGE_INCLUSIVE);
    write_numbers(&cbor, 2);
    rn_const_begin_range(&cbor, RN_RANGE_TO_INCLUSIVE);
    write_numbers(&cbor, 1);
    rn_const_begin_range(&cbor, RN_RANGE_FROM);
    write_numbers(&cbor, 1);
    rn_const_begin_hash_map(&cbor, 2);
    rn_const_write_string(&cbor, "a", 1);
    rn_const_begin_hash_map(&cbor, 2);
    write_numbers(&cbor, 4);
    rn_const_write_string(&cbor, "b", 1);
    rn_const_begin_hash_map(&cbor, 0);
    rn_const_begin_hash_set(&cbor, 1);
    rn_const_begin_vec_deque(&cbor, 0);
    uint8_t content_id[32] = {0};
    rn_const_begin_function(&cbor, content_id, 1, 1);
    write_numbers(&cbor, 1);
    rn_const_write_type(&cbor, 1);
    expect_written(&cbor, &compact,
                   "[null,1,{\"Ok\":{\"Err\":null}},\"x\",[0,255],null,\"Less\",\"Equal\","
                   "\"Greater\",\"0x00000000000000ff\",{\"start\":1,\"end\":2},{\"end\":1},{},"
                   "{\"start\":1,\"last\":2},{\"last\":1},{\"start\":1},"
                   "{\"a\":[[1,2],[3,4]],\"b\":{}},[[]],"
                   "{\"function\":\"0x0000000000000001\",\"captures\":[1]},"
                   "\"0x0000000000000001\"]");
}

static void test_pretty(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf cbor;
    rn_buf_init(&cbor, 1 << 20);
    struct rn_json_fault fault;
    static const char json[] = "{\"a\":[1,{\"b\":null}],\"c\":[],\"d\":{}}";
    assert_int_equal(rn_json_read(json, sizeof(json) - 1, &cbor, &fault), RN_OK);
    const struct rn_json_options pretty = {.pretty = true};
    expect_written(&cbor, &pretty,
                   "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": [],\n"
                   "  \"d\": {}\n}");
}

static void test_writing_refuses_bad_values(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf text;
    rn_buf_init(&text, 1 << 20);
    struct rn_json_fault fault;
    assert_int_equal(rn_json_write("\x82\xf6", 2, &compact, &text, &fault), RN_E_TRUNCATED);
    assert_int_equal(rn_json_write("\xf6\xf6", 2, &compact, &text, &fault), RN_E_CBOR_TRAILING);
    assert_int_equal(fault.offset, 1);
    assert_int_equal(rn_json_write("\xa0", 1, &compact, &text, NULL), RN_E_CBOR_INVALID);
    assert_int_equal(rn_json_write("", 0, &compact, &text, NULL), RN_E_TRUNCATED);
    assert_int_equal(text.size, 0);
}

static void test_strings_that_are_not_utf8(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf text;
    rn_buf_init(&text, 1 << 20);
    rn_json_append_string(&text,
                          "a\xff\x1b\x7f"
                          "b\xc3",
                          6);
    rn_buf_append_u8(&text, 0);
    assert_string_equal((const char *)text.data, "\"a\xef\xbf\xbd\\u001b\\u007fb\xef\xbf\xbd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_forms_that_are_json),
        cmocka_unit_test(test_forms_that_are_not_json),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_heads_of_all_widths),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_limit_of_the_output),
        cmocka_unit_test(test_each_failing_allocation),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_writing_refuses_bad_values),
        cmocka_unit_test(test_strings_that_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
