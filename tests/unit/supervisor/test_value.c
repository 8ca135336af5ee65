/* ConstValues through the public API: every kind, containers, views that outlive their whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <runeward/runeward.h>

static void expect_json(const rune_const_value *value, const char *expected)
{
    rune_text *text = NULL;
    assert_non_null(value);
    assert_int_equal(rune_value_to_json(value, &text, NULL), RUNE_OK);
    assert_string_equal(rune_text_data(text), expected);
    rune_text_free(text);
}

static void test_scalars(void **state)
{
    (void)state;
    bool b = false;
    uint32_t c = 0;
    int64_t i = 0;
    uint64_t u = 0;
    double f = 0;
    rune_const_value *value = rune_value_bool(true);
    assert_true(rune_value_get_bool(value, &b) && b);
    assert_false(rune_value_get_i64(value, &i));
    rune_value_unref(value);
    value = rune_value_char(0x1f600);
    assert_true(rune_value_get_char(value, &c) && c == 0x1f600);
    rune_value_unref(value);
    assert_null(rune_value_char(0xd800));
    value = rune_value_i64(INT64_MIN);
    assert_true(rune_value_get_i64(value, &i) && i == INT64_MIN);
    rune_value_unref(value);
    value = rune_value_u64(UINT64_MAX);
    assert_true(rune_value_get_u64(value, &u) && u == UINT64_MAX);
    assert_int_equal(rune_value_kind_of(value), RUNE_VALUE_U64);
    rune_value_unref(value);
    value = rune_value_f64(-0.1);
    assert_true(rune_value_get_f64(value, &f) && f == -0.1);
    rune_value_unref(value);
    value = rune_value_unit();
    assert_int_equal(rune_value_kind_of(value), RUNE_VALUE_UNIT);
    assert_int_equal(rune_value_count(value), 0);
    rune_value_unref(value);
}

static void test_texts_and_bytes(void **state)
{
    (void)state;
    const char *data;
    const void *bytes;
    size_t size;
    rune_const_value *value = rune_value_string("a\0b", 3);
    assert_true(rune_value_get_string(value, &data, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(data, "a\0b", 3);
    assert_false(rune_value_get_bytes(value, &bytes, &size));
    rune_value_unref(value);
    assert_null(rune_value_string("\xff", 1));
    value = rune_value_bytes("\xff\x00", 2);
    assert_true(rune_value_get_bytes(value, &bytes, &size));
    assert_memory_equal(bytes, "\xff\x00", 2);
    rune_value_unref(value);
}

static rune_const_value *make_object(void)
{
    rune_const_value *one = rune_value_i64(1);
    rune_const_value *text = rune_value_text("t");
    rune_const_value *some = rune_value_some(one);
    const rune_const_value *pair[] = {one, text};
    rune_const_value *vec = rune_value_vec(pair, 2);
    rune_const_value *tuple = rune_value_tuple(pair, 2);
    const char *keys[] = {"vec", "tuple", "some"};
    const rune_const_value *values[] = {vec, tuple, some};
    rune_const_value *object = rune_value_object(keys, values, 3);
    rune_value_unref(one);
    rune_value_unref(text);
    rune_value_unref(some);
    rune_value_unref(vec);
    rune_value_unref(tuple);
    return object;
}

static void test_containers(void **state)
{
    (void)state;
    const char *key;
    size_t size;
    rune_const_value *object = make_object();
    expect_json(object, "{\"vec\":[1,\"t\"],\"tuple\":[1,\"t\"],\"some\":1}");
    assert_int_equal(rune_value_kind_of(object), RUNE_VALUE_OBJECT);
    assert_int_equal(rune_value_count(object), 3);
    assert_true(rune_value_key_at(object, 1, &key, &size));
    assert_int_equal(size, 5);
    assert_memory_equal(key, "tuple", 5);
    assert_false(rune_value_key_at(object, 3, &key, &size));
    assert_null(rune_value_get(object, "nothing"));
    assert_null(rune_value_at(object, 3));
    rune_const_value *some = rune_value_get(object, "some");
    assert_int_equal(rune_value_kind_of(some), RUNE_VALUE_OPTION);
    assert_true(rune_value_is_some(some));
    rune_value_unref(some);
    rune_value_unref(object);
}

/* All of a long vector in one walk: element by element it would take a day. */
static void test_a_walk_is_linear(void **state)
{
    (void)state;
    enum {
        COUNT = 1 << 20
    };
    char *json = malloc(2 * COUNT + 2);
    rune_const_value *vec = NULL;
    rune_const_value *item = NULL;
    rune_value_iter at;
    int64_t sum = 0;
    assert_non_null(json);
    for (size_t i = 0; i < COUNT; i++) {
        json[2 * i] = i == 0 ? '[' : ',';
        json[2 * i + 1] = (char)('0' + i % 10);
    }
    json[2 * COUNT] = ']';
    assert_int_equal(rune_value_from_json(json, 2 * COUNT + 1, &vec, NULL), RUNE_OK);
    rune_value_iter_init(&at, vec);
    assert_int_equal(at.left, COUNT);
    while (rune_value_iter_next(&at, &item) == RUNE_OK) {
        int64_t number = 0;
        assert_true(rune_value_get_i64(item, &number));
        assert_null(at.key);
        sum += number;
        rune_value_unref(item);
    }
    assert_int_equal(sum, COUNT / 10 * 45 + 0 + 1 + 2 + 3 + 4 + 5);
    assert_int_equal(rune_value_iter_next(&at, &item), RUNE_E_NOT_FOUND);
    rune_value_unref(vec);
    free(json);
}

static void test_a_walk_over_an_object(void **state)
{
    (void)state;
    static const char *const keys[] = {"vec", "tuple", "some"};
    rune_const_value *object = make_object();
    rune_const_value *item = NULL;
    rune_value_iter at;
    size_t count = 0;
    rune_value_iter_init(&at, object);
    while (rune_value_iter_next(&at, &item) == RUNE_OK) {
        rune_const_value *same = rune_value_get(object, keys[count]);
        assert_int_equal(at.key_size, strlen(keys[count]));
        assert_memory_equal(at.key, keys[count], at.key_size);
        assert_true(rune_value_equal(item, same));
        rune_value_unref(same);
        rune_value_unref(item);
        count++;
    }
    assert_int_equal(count, 3);
    rune_value_unref(object);
}

/* What an argument that was not given is. */
static void test_readers_take_null(void **state)
{
    (void)state;
    int64_t number;
    uint64_t size;
    double real;
    bool flag;
    uint32_t scalar;
    const char *text;
    const void *bytes;
    size_t length;
    rune_text *json = NULL;
    rune_value_iter at;
    rune_const_value *item = NULL;
    rune_frame frame;
    rune_const_value *one = rune_value_i64(1);
    assert_int_equal(rune_value_kind_of(NULL), RUNE_VALUE_OTHER);
    assert_false(rune_value_get_bool(NULL, &flag));
    assert_false(rune_value_get_char(NULL, &scalar));
    assert_false(rune_value_get_i64(NULL, &number));
    assert_false(rune_value_get_u64(NULL, &size));
    assert_false(rune_value_get_f64(NULL, &real));
    assert_false(rune_value_get_string(NULL, &text, &length));
    assert_false(rune_value_get_bytes(NULL, &bytes, &length));
    assert_int_equal(rune_value_count(NULL), 0);
    assert_null(rune_value_at(NULL, 0));
    assert_false(rune_value_key_at(NULL, 0, &text, &length));
    assert_null(rune_value_get(NULL, "a"));
    assert_false(rune_value_is_some(NULL));
    assert_false(rune_value_is_ok(NULL));
    assert_true(rune_value_equal(NULL, NULL));
    assert_false(rune_value_equal(NULL, one));
    assert_false(rune_value_equal(one, NULL));
    assert_null(rune_value_to_cbor(NULL, &length));
    assert_int_equal(length, 0);
    assert_int_equal(rune_value_to_json(NULL, &json, NULL), RUNE_E_INVALID_ARGUMENT);
    rune_value_iter_init(&at, NULL);
    assert_int_equal(rune_value_iter_next(&at, &item), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_error_status(NULL), RUNE_OK);
    assert_int_equal(rune_error_reason(NULL), RUNE_REASON_OK);
    assert_string_equal(rune_error_kind(NULL), "");
    assert_string_equal(rune_error_message(NULL), "");
    assert_int_equal(rune_error_signal(NULL), 0);
    assert_false(rune_error_retry_safe(NULL));
    assert_int_equal(rune_error_frame_count(NULL), 0);
    assert_false(rune_error_frame(NULL, 0, &frame));
    assert_int_equal(rune_error_render(NULL, false, &json), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_error_to_json(NULL, &json), RUNE_E_INVALID_ARGUMENT);
    rune_value_unref(one);
}

static void test_views_outlive_their_whole(void **state)
{
    (void)state;
    rune_const_value *object = make_object();
    rune_const_value *tuple = rune_value_get(object, "tuple");
    rune_const_value *text = rune_value_at(tuple, 1);
    rune_value_unref(object);
    rune_value_unref(tuple);
    expect_json(text, "\"t\"");
    rune_value_unref(text);
}

static void test_builders_refuse(void **state)
{
    (void)state;
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *values[] = {one, one};
    const rune_const_value *holes[] = {one, NULL};
    const char *keys[] = {"a", "a"};
    const char *bad[] = {"a", "\xff"};
    assert_null(rune_value_object(keys, values, 2));
    assert_null(rune_value_object(bad, values, 2));
    assert_null(rune_value_vec(holes, 2));
    assert_null(rune_value_tuple(holes, 2));
    assert_null(rune_value_some(NULL));
    rune_value_unref(one);
    rune_value_unref(NULL);
}

static void test_options_and_results(void **state)
{
    (void)state;
    rune_const_value *one = rune_value_i64(1);
    rune_const_value *none = rune_value_none();
    rune_const_value *ok = rune_value_ok(one);
    rune_const_value *err = rune_value_err(one);
    assert_false(rune_value_is_some(none));
    assert_int_equal(rune_value_count(none), 0);
    assert_true(rune_value_is_ok(ok));
    assert_false(rune_value_is_ok(err));
    rune_const_value *inner = rune_value_at(err, 0);
    assert_true(rune_value_equal(inner, one));
    assert_false(rune_value_equal(ok, err));
    rune_value_unref(inner);
    rune_value_unref(one);
    rune_value_unref(none);
    rune_value_unref(ok);
    rune_value_unref(err);
}

static void test_cbor_round_trip(void **state)
{
    (void)state;
    size_t size;
    rune_error *error = NULL;
    rune_const_value *again = NULL;
    rune_const_value *object = make_object();
    const void *cbor = rune_value_to_cbor(object, &size);
    assert_int_equal(rune_value_from_cbor(cbor, size, &again, NULL), RUNE_OK);
    assert_true(rune_value_equal(object, again));
    rune_value_unref(again);
    assert_int_not_equal(rune_value_from_cbor(cbor, size - 1, &again, &error), RUNE_OK);
    assert_non_null(strstr(rune_error_message(error), "at byte"));
    rune_error_free(error);
    assert_int_equal(rune_value_from_cbor("\xf6\xf6", 2, &again, NULL), RUNE_E_CBOR_TRAILING);
    rune_value_unref(object);
}

static void test_json(void **state)
{
    (void)state;
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    static const char text[] = "{\"a\":[1,-2,1.5,true,null,\"x\"],\"b\":18446744073709551615}";
    assert_int_equal(rune_value_from_json(text, sizeof(text) - 1, &value, NULL), RUNE_OK);
    expect_json(value, text);
    rune_value_unref(value);
    assert_int_equal(rune_value_from_json("[1,", 3, &value, &error), RUNE_E_JSON_INVALID);
    rune_error_free(error);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(rune_value_kind_name(RUNE_VALUE_OBJECT), "Object");
    assert_string_equal(rune_value_kind_name((rune_value_kind)99), "unknown");
    assert_string_equal(rune_status_name(RUNE_E_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(rune_status_name((rune_status)-9999), "UNKNOWN");
    assert_string_equal(rune_reason_name(RUNE_REASON_WALL), "wall");
    assert_string_equal(rune_reason_name((rune_reason)999), "unknown");
    assert_int_equal(rune_reason_exit_code(RUNE_REASON_OK, 0), 0);
    assert_int_equal(rune_reason_exit_code(RUNE_REASON_CRASHED, 9), 137);
    assert_int_equal(rune_reason_exit_code(RUNE_REASON_OVERLOADED, 0), 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_texts_and_bytes),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_a_walk_is_linear),
        cmocka_unit_test(test_a_walk_over_an_object),
        cmocka_unit_test(test_readers_take_null),
        cmocka_unit_test(test_views_outlive_their_whole),
        cmocka_unit_test(test_builders_refuse),
        cmocka_unit_test(test_options_and_results),
        cmocka_unit_test(test_cbor_round_trip),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
