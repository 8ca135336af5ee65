/* Contexts: which names modules may have, constants of every kind in scripts, all of a module or nothing, memory that ends. */
#include "tests/unit/supervisor/harness.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static void nothing(void *user, rune_host_call *call)
{
    (void)user;
    (void)rune_host_call_reply(call, NULL);
}

static void test_names_of_modules(void **state)
{
    static const char *const good[] = {"a", "a::b", "_1", "Zz9", "a_b::c::d", "\xc3\xa9t\xc3\xa9"};
    static const char *const bad[] = {"",   "::",    "a::", "::a",  "a:b",  "a::::b",
                                      "1a", "a::1b", "a b", "a-b",  "a.",   "a/b",
                                      "{",  "@",     "[",   "\xff", "a\xc3"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        rune_module *module = rune_module_new(good[i]);
        assert_non_null(module);
        rune_module_free(module);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(rune_module_new(bad[i]));
    }
    rune_module_free(NULL);
}

static void test_names_of_items(void **state)
{
    static const char *const bad[] = {"", "1", "a::b", "a b", "-"};
    (void)state;
    rune_module *module = rune_module_new("m");
    rune_const_value *value = rune_value_i64(1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(rune_module_function(module, bad[i], 0, 0, nothing, NULL, NULL),
                         RUNE_E_INVALID_ARGUMENT);
        assert_int_equal(rune_module_constant(module, bad[i], value, NULL),
                         RUNE_E_INVALID_ARGUMENT);
    }
    assert_int_equal(rune_module_constant(module, "C", NULL, NULL), RUNE_E_INVALID_ARGUMENT);
    rune_value_unref(value);
    rune_module_free(module);
}

static void test_shapes_of_functions(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_module *module = rune_module_new("m");
    assert_int_equal(rune_module_function(module, "f", -2, 0, nothing, NULL, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_module_function(module, "f", 65, 0, nothing, NULL, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_module_function(module, "f", 0, 2, nothing, NULL, NULL),
                     RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_module_function(module, "f", 0, 0, NULL, NULL, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), "`fn` is NULL");
    rune_error_free(error);
    assert_int_equal(rune_module_function(module, "f", 65, 0, nothing, NULL, &error),
                     RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), "f: an arity of 65, not -1 to 64");
    assert_int_equal(rune_module_function(module, "f", -1, 0, nothing, NULL, NULL), RUNE_OK);
    assert_int_equal(
        rune_module_function(module, "g", 64, RUNE_FUNCTION_ASYNC, nothing, NULL, NULL), RUNE_OK);
    rune_error_free(error);
    rune_module_free(module);
}

static void assert_taken(rune_status status, rune_error *error, const char *message)
{
    assert_int_equal(status, RUNE_E_INVALID_ARGUMENT);
    assert_string_equal(rune_error_message(error), message);
    rune_error_free(error);
}

/* The second of a path is refused where it is added; the module is as it was. */
static void test_a_path_is_of_one_item(void **state)
{
    (void)state;
    char name[16];
    rune_error *error = NULL;
    rune_const_value *value = rune_value_i64(1);
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("m");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(rune_module_function(module, name, 0, 0, nothing, NULL, NULL), RUNE_OK);
        (void)snprintf(name, sizeof(name), "C%d", i);
        assert_int_equal(rune_module_constant(module, name, value, NULL), RUNE_OK);
    }
    rune_status status = rune_module_function(module, "f3", 1, 0, nothing, NULL, &error);
    assert_taken(status, error, "the module has `m::f3` already");
    status = rune_module_function(module, "C0", 1, 0, nothing, NULL, &error);
    assert_taken(status, error, "the module has `m::C0` already");
    status = rune_module_constant(module, "f99", value, &error);
    assert_taken(status, error, "the module has `m::f99` already");
    assert_int_equal(rune_module_constant(module, "C99", value, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
    rune_value_unref(value);
    rune_module_free(module);
    rune_context_free(made);
}

/* A module with a path that is taken is not installed, and nothing of it. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    rune_error *error = NULL;
    rune_const_value *value = rune_value_i64(1);
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("m");
    rune_module *again = rune_module_new("m");
    assert_int_equal(rune_module_function(module, "f", 0, 0, nothing, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_function(again, "other", 0, 0, nothing, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_module_constant(again, "f", value, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_context_install(made, again, &error), RUNE_E_INVALID_ARGUMENT);
    assert_non_null(strstr(rune_error_message(error), "m::f"));
    rune_module_free(again);
    again = rune_module_new("m");
    assert_int_equal(rune_module_function(again, "other", 0, 0, nothing, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, again, NULL), RUNE_OK);
    rune_error_free(error);
    rune_value_unref(value);
    rune_module_free(module);
    rune_module_free(again);
    rune_context_free(made);
}

/* 4,096 functions fit, whatever the modules. */
static void test_many_functions(void **state)
{
    (void)state;
    char name[16];
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("m");
    rune_module *more = rune_module_new("n");
    for (int i = 0; i < 4096; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(rune_module_function(module, name, 0, 0, nothing, NULL, NULL), RUNE_OK);
    }
    assert_int_equal(rune_module_function(module, "g", 0, 0, nothing, NULL, NULL),
                     RUNE_E_TOO_LARGE);
    assert_int_equal(rune_module_function(more, "g", 0, 0, nothing, NULL, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, more, NULL), RUNE_E_TOO_LARGE);
    rune_module_free(module);
    rune_module_free(more);
    rune_context_free(made);
}

/* Constants */

#define KINDS 18

/* Values of each kind that JSON knows, and the others by hand. The caller's. */
static rune_const_value *value_of(int kind)
{
    static const char *const json[] = {
        "null",     "true", "-7", "18446744073709551615",      "1.5",
        "\"text\"", "\"\"", "[]", "[1, [2, \"three\"], null]", "{\"a\": 1, \"b\": {\"c\": [true]}}",
        "{}"};
    rune_const_value *value = NULL;
    rune_const_value *one = rune_value_i64(1);
    const rune_const_value *pair[] = {one, one};
    switch (kind) {
    case 0:
        value = rune_value_unit();
        break;
    case 1:
        value = rune_value_char(0x1f600);
        break;
    case 2:
        value = rune_value_bytes("\0\xff", 2);
        break;
    case 3:
        value = rune_value_tuple(pair, 2);
        break;
    case 4:
        value = rune_value_some(one);
        break;
    case 5:
        value = rune_value_none();
        break;
    case 6:
        value = rune_value_u64(1);
        break;
    default:
        assert_int_equal(rune_value_from_json(json[kind - 7], strlen(json[kind - 7]), &value, NULL),
                         RUNE_OK);
    }
    rune_value_unref(one);
    assert_non_null(value);
    return value;
}

static rune_status build_with(rune_context *made, const char *source, rune_unit **out_unit)
{
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "main.rn", source, strlen(source), NULL),
                     RUNE_OK);
    rune_status status = rune_build(supervisor, sources, made, NULL, NULL, out_unit, NULL);
    rune_sources_free(sources);
    return status;
}

static rune_context *context_of(const char *name, const rune_const_value *value)
{
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("m");
    assert_int_equal(rune_module_constant(module, name, value, NULL), RUNE_OK);
    assert_int_equal(rune_context_install(made, module, NULL), RUNE_OK);
    rune_module_free(module);
    return made;
}

static void expect_same(rune_vm *vm, const char *item, const rune_const_value *expected)
{
    rune_const_value *value = NULL;
    assert_int_equal(rune_vm_call(vm, item, NULL, 0, NULL, &value, NULL), RUNE_OK);
    if (!rune_value_equal(value, expected)) {
        fail_msg("%s: another value of kind %s", item,
                 rune_value_kind_name(rune_value_kind_of(expected)));
    }
    rune_value_unref(value);
}

/* As it is, as the value of another constant, and inside of a larger one. */
static void test_constants_of_each_kind(void **state)
{
    static const char source[] = "const SAME = m::C;\n"
                                 "const INSIDE = (m::C, [m::C], #{c: m::C});\n"
                                 "pub fn plain() { m::C }\n"
                                 "pub fn same() { SAME }\n"
                                 "pub fn first() { let (c, ..) = INSIDE; c }\n"
                                 "pub fn second() { let (_, [c], _) = INSIDE; c }\n"
                                 "pub fn third() { let (_, _, #{c}) = INSIDE; c }\n";
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        rune_unit *unit = NULL;
        rune_runtime *own = NULL;
        rune_vm *vm = NULL;
        rune_const_value *value = value_of(kind);
        rune_context *made = context_of("C", value);
        assert_int_equal(build_with(made, source, &unit), RUNE_OK);
        assert_int_equal(rune_context_runtime(made, &own, NULL), RUNE_OK);
        assert_int_equal(rune_vm_new(supervisor, own, unit, NULL, &vm, NULL), RUNE_OK);
        expect_same(vm, "plain", value);
        expect_same(vm, "same", value);
        expect_same(vm, "first", value);
        expect_same(vm, "second", value);
        expect_same(vm, "third", value);
        rune_vm_free(vm);
        rune_runtime_unref(own);
        rune_unit_unref(unit);
        rune_context_free(made);
        rune_value_unref(value);
    }
}

/* What the compiler cannot compute with is a diagnostic. */
static void test_constants_of_other_kinds(void **state)
{
    (void)state;
    rune_unit *unit = NULL;
    rune_const_value *one = rune_value_i64(1);
    rune_const_value *value = rune_value_ok(one);
    rune_context *made = context_of("C", value);
    assert_int_equal(build_with(made, "pub fn f() { m::C }\nconst D = m::C;\n", &unit),
                     RUNE_E_COMPILE_FAILED);
    assert_null(unit);
    rune_context_free(made);
    rune_value_unref(value);
    rune_value_unref(one);
}

/* Memory */

static rune_status make_all(rune_const_value *value)
{
    rune_runtime *own = NULL;
    rune_context *made = rune_context_with_default_modules();
    rune_module *module = rune_module_new("m::n");
    rune_status status = made && module ? RUNE_OK : RUNE_E_NO_MEMORY;
    if (status == RUNE_OK) {
        status = rune_module_function(module, "f", 1, 0, nothing, NULL, NULL);
    }
    if (status == RUNE_OK) {
        status = rune_module_constant(module, "C", value, NULL);
    }
    if (status == RUNE_OK) {
        status = rune_context_install(made, module, NULL);
    }
    if (status == RUNE_OK) {
        status = rune_context_runtime(made, &own, NULL);
    }
    rune_runtime_unref(own);
    rune_module_free(module);
    rune_context_free(made);
    return status;
}

static void test_memory_ends(void **state)
{
    (void)state;
    rune_const_value *value = rune_value_text("constant");
    uint64_t live = rn_alloc_live();
    rune_status status = RUNE_E_NO_MEMORY;
    for (uint64_t n = 1; status == RUNE_E_NO_MEMORY; n++) {
        uint64_t before = rn_alloc_count();
        rn_alloc_fail_at(n, false);
        status = make_all(value);
        bool asked = rn_alloc_count() - before >= n;
        rn_alloc_fail_at(0, false);
        assert_true(asked ? status == RUNE_E_NO_MEMORY : status == RUNE_OK);
        assert_int_equal(rn_alloc_live(), live);
    }
    rune_value_unref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_modules),
        cmocka_unit_test(test_names_of_items),
        cmocka_unit_test(test_shapes_of_functions),
        cmocka_unit_test(test_a_path_is_of_one_item),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_many_functions),
        cmocka_unit_test(test_memory_ends),
        cmocka_unit_test(test_constants_of_each_kind),
        cmocka_unit_test(test_constants_of_other_kinds),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
