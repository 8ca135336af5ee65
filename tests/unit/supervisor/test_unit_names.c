/* Values as JSON with the names of a Unit's types. */
#include "tests/unit/supervisor/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char types[] =
    "struct Point { x, y } struct Pair(a, b); struct Empty;\n"
    "enum Shape { Circle(r), Line(a, b), Box { w, h }, Nothing }\n"
    "mod deep { pub struct Inner { of } pub fn make() { Inner { of: 7 } } }\n"
    "pub fn point() { Point { x: 1, y: 2 } }\n"
    "pub fn pair() { Pair(1, 2) }\n"
    "pub fn empty() { Empty }\n"
    "pub fn shapes() { [Shape::Circle(1), Shape::Line(1, 2),\n"
    "    Shape::Box { w: 1, h: 2 }, Shape::Nothing] }\n"
    "pub fn inner() { deep::make() }\n"
    "pub fn nested() { Ok(#{ p: Some(Point { x: [Empty], y: Pair(0, point()) }) }) }\n"
    "pub fn plain() { [1, \"a\", (2.5, true)] }\n";

static rune_record *record_of(rune_unit *unit, const char *item)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_record *record = call_record(vm, item, NULL);
    assert_int_equal(rune_record_reason(record), RUNE_REASON_OK);
    rune_vm_free(vm);
    return record;
}

static void expect_json(const rune_unit *names, rune_unit *unit, const char *item,
                        const char *expected)
{
    rune_text *text = NULL;
    char member[512];
    rune_record *record = record_of(unit, item);
    assert_int_equal(rune_unit_value_to_json(names, rune_record_value(record), &text, NULL),
                     RUNE_OK);
    assert_string_equal(rune_text_data(text), expected);
    rune_text_free(text);
    assert_int_equal(rune_unit_record_to_json(names, record, NULL, 0, &text), RUNE_OK);
    (void)snprintf(member, sizeof(member), "\"value\":%s,", expected);
    assert_non_null(strstr(rune_text_data(text), member));
    rune_text_free(text);
    rune_record_free(record);
}

static void test_types_have_names(void **state)
{
    (void)state;
    rune_unit *unit = build(types);
    expect_json(unit, unit, "point", "{\"x\":1,\"y\":2}");
    expect_json(unit, unit, "pair", "[1,2]");
    expect_json(unit, unit, "empty", "null");
    expect_json(unit, unit, "shapes",
                "[{\"Circle\":1},{\"Line\":[1,2]},{\"Box\":{\"w\":1,\"h\":2}},\"Nothing\"]");
    expect_json(unit, unit, "inner", "{\"of\":7}");
    expect_json(unit, unit, "nested",
                "{\"Ok\":{\"p\":{\"x\":[null],\"y\":[0,{\"x\":1,\"y\":2}]}}}");
    expect_json(unit, unit, "plain", "[1,\"a\",[2.5,true]]");
    rune_unit_unref(unit);
}

/* Of another Unit, or of none, only what both know: a type of the same path with as many fields is the same. */
static void test_other_units_have_other_names(void **state)
{
    (void)state;
    char by_hash[128];
    rune_unit *unit = build(types);
    rune_unit *other =
        build("struct Pair { left, right } struct Point { x }\n"
              "enum Other { Circle(r) } pub fn main() { Pair { left: Point { x: 1 }, "
              "right: Other::Circle(1) } }");
    rune_unit *bare = build("pub fn main() {}");
    (void)snprintf(by_hash, sizeof(by_hash), "{\"type\":\"0x%016llx\",\"fields\":[1,2]}",
                   (unsigned long long)rune_value_hash_item("Point"));
    expect_json(NULL, unit, "point", by_hash);
    expect_json(bare, unit, "point", by_hash);
    expect_json(other, unit, "point", by_hash);
    expect_json(other, unit, "pair", "{\"left\":1,\"right\":2}");
    expect_json(unit, unit, "plain", "[1,\"a\",[2.5,true]]");
    rune_unit_unref(bare);
    rune_unit_unref(other);
    rune_unit_unref(unit);
}

static void expect_named(rune_unit *unit, rune_const_value *value, const char *start)
{
    rune_text *text = NULL;
    assert_non_null(value);
    assert_int_equal(rune_unit_value_to_json(unit, value, &text, NULL), RUNE_OK);
    assert_int_equal(strncmp(rune_text_data(text), start, strlen(start)), 0);
    rune_text_free(text);
    rune_value_unref(value);
}

/* A variant's hash in place of a struct's, an enum's in place of either, and another number of fields. */
static void test_what_is_no_instance_has_no_name(void **state)
{
    (void)state;
    static const char by_hash[] = "{\"type\":\"0x";
    rune_unit *unit = build(types);
    rune_const_value *field = rune_value_i64(1);
    const rune_const_value *fields[] = {field, field};
    expect_named(unit, rune_value_struct("Point", fields, 2), "{\"x\":1,\"y\":1}");
    expect_named(unit, rune_value_variant("Shape::Circle", fields, 1), "{\"Circle\":1}");
    expect_named(unit, rune_value_struct("Shape::Circle", fields, 1), by_hash);
    expect_named(unit, rune_value_struct("Shape", fields, 1), by_hash);
    expect_named(unit, rune_value_struct("Point", fields, 1), by_hash);
    expect_named(unit, rune_value_variant("deep::Inner", fields, 1), by_hash);
    expect_named(unit, rune_value_variant("Shape::Square", fields, 1), by_hash);
    expect_named(unit, rune_value_variant("Shape::Circle", fields, 2), by_hash);
    rune_value_unref(field);
    rune_unit_unref(unit);
}

/* What a host makes is what a script makes. */
static void test_a_host_makes_variants(void **state)
{
    (void)state;
    rune_unit *unit =
        build("enum Shape { Circle(r), Nothing } mod deep { pub enum Of { It { a } } }\n"
              "pub fn area(s) { match s { Shape::Circle(r) => r * 3, Shape::Nothing => 0,\n"
              "    deep::Of::It { a } => a, _ => -1 } }\n"
              "pub fn circle() { Shape::Circle(7) }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *seven = rune_value_i64(7);
    const rune_const_value *fields[] = {seven};
    struct {
        rune_const_value *shape;
        int64_t area;
    } cases[] = {{rune_value_variant("Shape::Circle", fields, 1), 21},
                 {rune_value_variant("::Shape::Nothing", NULL, 0), 0},
                 {rune_value_variant("deep::Of::It", fields, 1), 7}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const rune_const_value *args[] = {cases[i].shape};
        rune_const_value *value = NULL;
        int64_t area = 0;
        assert_int_equal(rune_vm_call(vm, "area", args, 1, NULL, &value, NULL), RUNE_OK);
        assert_true(rune_value_get_i64(value, &area));
        assert_int_equal(area, cases[i].area);
        rune_value_unref(value);
    }
    rune_record *record = call_record(vm, "circle", NULL);
    assert_true(rune_value_equal(rune_record_value(record), cases[0].shape));
    rune_record_free(record);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rune_value_unref(cases[i].shape);
    }
    assert_null(rune_value_variant(NULL, NULL, 0));
    assert_null(rune_value_variant("Circle", fields, 1));
    assert_null(rune_value_variant("::Circle", fields, 1));
    assert_null(rune_value_variant("", fields, 1));
    assert_null(rune_value_variant("a:b", fields, 1));
    rune_value_unref(seven);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* The last of the arguments, or the only one, is refused with that message. */
static void expect_refused(rune_vm *vm, const char *item, rune_const_value *value,
                           const char *message)
{
    rune_const_value *result = NULL;
    rune_error *error = NULL;
    rune_const_value *first = rune_value_text("fits");
    const rune_const_value *args[] = {first, value};
    bool two = strcmp(item, "two") == 0;
    assert_non_null(value);
    assert_int_equal(
        rune_vm_call(vm, item, two ? args : args + 1, two ? 2 : 1, NULL, &result, &error),
        RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), message);
    assert_string_equal(rune_error_kind(error), "CBOR_INVALID");
    assert_int_equal(rune_error_reason(error), RUNE_REASON_USAGE);
    rune_error_free(error);
    rune_value_unref(first);
    rune_value_unref(value);
}

static rune_const_value *vec_of(rune_const_value *value)
{
    const rune_const_value *items[] = {value};
    rune_const_value *vec = rune_value_vec(items, 1);
    rune_value_unref(value);
    return vec;
}

/* What does not fit its type is told by argument, type and number of fields. */
static void test_arguments_that_do_not_fit_are_told(void **state)
{
    (void)state;
    rune_unit *unit =
        build("struct P { x, y } struct One(a); enum E { A(r), B { c, d } } enum F { A(r) }\n"
              "pub fn one(a) { [P, One, E::A, E::B, F::A].len() } pub fn two(a, b) { a }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *field = rune_value_i64(1);
    const rune_const_value *fields[] = {field, field, field};
    char message[128];
    expect_refused(vm, "one", rune_value_struct("P", fields, 1),
                   "argument 0: struct `P` has 2 fields, got 1");
    expect_refused(vm, "two", vec_of(rune_value_struct("One", fields, 3)),
                   "argument 1: struct `One` has 1 field, got 3");
    expect_refused(vm, "two", rune_value_variant("E::B", NULL, 0),
                   "argument 1: variant `E::B` has 2 fields, got 0");
    expect_refused(vm, "one", rune_value_struct("E::A", fields, 1),
                   "argument 0: `E::A` is a variant, and was passed as a struct");
    expect_refused(vm, "one", rune_value_struct("E", fields, 1),
                   "argument 0: `E` is an enum, and was passed as a struct");
    (void)snprintf(message, sizeof(message),
                   "argument 0: the Unit has no variant of the hash 0x%016llx",
                   (unsigned long long)rune_value_hash_item("E::P"));
    expect_refused(vm, "one", rune_value_variant("E::P", fields, 1), message);
    (void)snprintf(message, sizeof(message),
                   "argument 0: the Unit has no struct of the hash 0x%016llx",
                   (unsigned long long)rune_value_hash_item("Q"));
    expect_refused(vm, "one", rune_value_struct("Q", fields, 1), message);
    rune_value_unref(field);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* The library's are not judged here; of one argument the number is known. */
static void test_arguments_that_cannot_be_judged(void **state)
{
    static const char plain[] = "not a valid ConstValue";
    (void)state;
    char message[128];
    rune_unit *unit = build("struct P { x } pub fn one(a) { P } pub fn two(a, b) { a }");
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    rune_const_value *field = rune_value_i64(1);
    const rune_const_value *fields[] = {field, field};
    (void)snprintf(message, sizeof(message), "argument 0: %s", plain);
    expect_refused(vm, "one", rune_value_variant("std::ops::ControlFlow::Break", fields, 2),
                   message);
    expect_refused(vm, "two", rune_value_variant("std::ops::ControlFlow::Break", fields, 2), plain);
    expect_refused(vm, "two", rune_value_struct("std::test::Bencher", fields, 2), plain);
    rune_value_unref(field);
    rune_vm_free(vm);
    rune_unit_unref(unit);
}

/* Every instance has its fields' names, and those may be long: rather hashes than no text. */
static void test_names_without_end_give_way_to_hashes(void **state)
{
    enum {
        NAME = 60000,
        INSTANCES = 3000
    };
    (void)state;
    rune_text *text = NULL;
    char *source = malloc(2 * NAME + 200);
    char *name = malloc(NAME + 1);
    memset(name, 'n', NAME);
    name[NAME] = 0;
    (void)sprintf(source,
                  "struct S { %s } pub fn main() { let all = []; "
                  "for i in 0..%d { all.push(S { %s: i }); } all }",
                  name, INSTANCES, name);
    rune_unit *unit = build(source);
    rune_record *record = record_of(unit, "main");
    assert_int_equal(rune_unit_value_to_json(unit, rune_record_value(record), &text, NULL),
                     RUNE_OK);
    assert_int_equal(strncmp(rune_text_data(text), "[{\"type\":\"0x", 12), 0);
    assert_in_range(rune_text_size(text), 1, 1 << 20);
    rune_text_free(text);
    rune_record_free(record);
    rune_unit_unref(unit);
    free(source);
    free(name);
}

static void test_nothing_has_no_json(void **state)
{
    (void)state;
    rune_text *text = NULL;
    rune_error *error = NULL;
    rune_unit *unit = build(types);
    assert_int_equal(rune_unit_value_to_json(unit, NULL, &text, &error), RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), "the value is NULL");
    rune_error_free(error);
    assert_int_equal(rune_unit_record_to_json(unit, NULL, NULL, 0, &text), RUNE_E_INVALID_ARGUMENT);
    assert_null(text);
    rune_unit_unref(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_have_names),
        cmocka_unit_test(test_other_units_have_other_names),
        cmocka_unit_test(test_what_is_no_instance_has_no_name),
        cmocka_unit_test(test_a_host_makes_variants),
        cmocka_unit_test(test_arguments_that_do_not_fit_are_told),
        cmocka_unit_test(test_arguments_that_cannot_be_judged),
        cmocka_unit_test(test_names_without_end_give_way_to_hashes),
        cmocka_unit_test(test_nothing_has_no_json),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
