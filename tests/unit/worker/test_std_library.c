/* The library's tables fit together: rows of std.def, the standard Unit, natives, traits. */
#include "bytecode/context.h"
#include "bytecode/hash.h"
#include "bytecode/intrinsics.h"
#include "bytecode/unit.h"
#include "worker/std/library.h"
#include "worker/vm/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rune_verified_unit verified(void)
{
    struct rune_verified_unit unit;
    struct rn_unit_fault fault = {0};
    struct rune_unit_image image = {rn_std_library.unit_image, rn_std_library.unit_size};
    enum rn_error error = rn_unit_verify(image, true, &unit, &fault);
    if (error != RN_OK) {
        print_error("%s: %s\n", fault.check, fault.message);
    }
    assert_int_equal(error, RN_OK);
    return unit;
}

static uint32_t exported(const struct rune_verified_unit *unit, const char *path)
{
    uint32_t function = rn_unit_find_export(unit, rn_hash_item(path, strlen(path)));
    if (function == RN_NONE) {
        print_error("not exported: %s\n", path);
    }
    assert_int_not_equal(function, RN_NONE);
    return function;
}

static void test_unit_is_privileged(void **state)
{
    (void)state;
    struct rune_verified_unit unit;
    struct rune_unit_image image = {rn_std_library.unit_image, rn_std_library.unit_size};
    assert_int_equal(rn_unit_verify(image, false, &unit, NULL), RN_E_UNIT_INVALID);
    unit = verified();
    assert_true((unit.header->flags & RN_UNIT_STANDARD) != 0);
    assert_int_equal(unit.counts[RN_SECTION_STATICS], 0);
}

/* Every row that says it is written in the language is exported, with its arity. */
static void test_script_rows_are_exported(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int arity;
        bool instance;
    } rows[] = {
#define STD_SCRIPT_FN(path, arity) {path, arity, false},
#define STD_SCRIPT_METHOD(type, name, arity) {type "::" name, arity, true},
#define STD_SCRIPT_GENERIC(type, name, arity, export_path) {export_path, arity, false},
#include "bytecode/std.def"
    };
    struct rune_verified_unit unit = verified();
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        const struct rn_unit_function *function = &unit.functions[exported(&unit, rows[i].path)];
        if (function->arg_count != rows[i].arity) {
            print_error("arity of %s\n", rows[i].path);
        }
        assert_int_equal(function->arg_count, rows[i].arity);
        assert_int_equal((function->flags & RN_FUNCTION_INSTANCE) != 0, rows[i].instance);
    }
    (void)exported(&unit, "std::cmp::eq_iter");
}

static void test_script_types_exist(void **state)
{
    (void)state;
    static const char *const paths[] = {
#define STD_SCRIPT_TYPE(path) path,
#include "bytecode/std.def"
    };
    struct rune_verified_unit unit = verified();
    for (size_t i = 0; i < RN_COUNT_OF(paths); i++) {
        uint64_t hash = rn_hash_item(paths[i], strlen(paths[i]));
        bool found = false;
        for (uint32_t t = 0; t < unit.counts[RN_SECTION_TYPES]; t++) {
            found = found || (unit.types[t].hash == hash && unit.types[t].kind != RN_TYPE_EXTERNAL);
        }
        assert_true(found);
    }
}

/* What steps is a step function of an iterator, and nothing that a script can call by path. */
static void test_step_functions_are_hidden(void **state)
{
    (void)state;
    struct rune_verified_unit unit = verified();
    struct rn_context *context = NULL;
    assert_int_equal(rn_context_new(&context), RN_OK);
    size_t count = 0;
    for (uint32_t i = 0; i < unit.counts[RN_SECTION_FUNCTIONS]; i++) {
        if ((unit.functions[i].flags & RN_FUNCTION_STEP) != 0) {
            struct rn_utf8 name = rn_unit_string_at(&unit, unit.functions[i].name);
            assert_null(rn_context_find(context, name.data, name.size));
            count++;
        }
    }
    assert_true(count >= 28);
    rn_context_free(context);
}

static void test_natives(void **state)
{
    (void)state;
    for (size_t i = 0; i < rn_std_library.native_count; i++) {
        const struct rn_native *native = &rn_std_library.natives[i];
        assert_non_null(native->call);
        assert_true(native->arity >= -1 && native->arity < 8);
        assert_true(native->type == RN_NONE || native->type < RN_TYPE_ID_COUNT);
    }
    for (uint32_t i = 0; i < RN_INTRINSIC_COUNT; i++) {
        assert_non_null(rn_std_library.intrinsics[i]);
    }
}

/* Types and traits of the rows exist. */
static void test_impls(void **state)
{
    (void)state;
    struct rn_context *context = NULL;
    assert_int_equal(rn_context_new(&context), RN_OK);
    for (size_t i = 0; i < rn_std_library.impl_count; i++) {
        const struct rn_trait_impl *impl = &rn_std_library.impls[i];
        const struct rn_context_item *type =
            rn_context_find(context, impl->type, strlen(impl->type));
        const struct rn_context_item *trait =
            rn_context_find(context, impl->trait, strlen(impl->trait));
        assert_non_null(type);
        assert_non_null(trait);
        assert_int_equal(type->kind, RN_ITEM_TYPE);
        assert_int_equal(trait->kind, RN_ITEM_TRAIT);
    }
    rn_context_free(context);
}

#define REGION_SIZE ((size_t)4 << 20)

/* The table that the build wrote down is the one that an engine makes for itself. */
static void test_names_are_those_of_the_library(void **state)
{
    (void)state;
    struct rn_engine *engine;
    struct rn_library bare = rn_std_library;
    void *region = aligned_alloc(RN_PAGE_SIZE, REGION_SIZE);
    assert_non_null(region);
    memset(region, 0, REGION_SIZE);
    bare.names = NULL;
    assert_int_equal(rn_engine_new(region, REGION_SIZE, &bare, &engine), RN_OK);
    const struct rn_names *made = &engine->names;
    const struct rn_names *kept = rn_std_library.names;
    assert_true(made->entries != kept->entries);
    assert_int_equal(kept->mask, made->mask);
    assert_int_equal(kept->trait_count, made->trait_count);
    assert_int_equal(kept->type_count, made->type_count);
    assert_int_equal(kept->impl_count, made->impl_count);
    assert_memory_equal(kept->entries, made->entries,
                        ((size_t)made->mask + 1) * sizeof(*made->entries));
    assert_memory_equal(kept->traits, made->traits, made->impl_count * sizeof(*made->traits));
    assert_memory_equal(kept->types, made->types, made->type_count * sizeof(*made->types));
    free(region);
}

static void test_names_of_another_library_are_refused(void **state)
{
    (void)state;
    struct rn_engine *engine;
    struct rn_library other = rn_std_library;
    struct rn_names names = *rn_std_library.names;
    void *region = aligned_alloc(RN_PAGE_SIZE, REGION_SIZE);
    assert_non_null(region);
    memset(region, 0, REGION_SIZE);
    names.type_count--;
    other.names = &names;
    assert_int_equal(rn_engine_new(region, REGION_SIZE, &other, &engine), RN_E_INVALID_ARGUMENT);
    free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit_is_privileged),
        cmocka_unit_test(test_script_rows_are_exported),
        cmocka_unit_test(test_script_types_exist),
        cmocka_unit_test(test_step_functions_are_hidden),
        cmocka_unit_test(test_natives),
        cmocka_unit_test(test_impls),
        cmocka_unit_test(test_names_are_those_of_the_library),
        cmocka_unit_test(test_names_of_another_library_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
