/* What a context lists, how paths are followed to it, and that foreign bytes cannot harm it. */
#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/const_value.h"
#include "bytecode/context.h"
#include "bytecode/hash.h"
#include "bytecode/intrinsics.h"
#include "bytecode/type_id.h"
#include "bytecode/unit_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct rn_context *new_context(void)
{
    struct rn_context *context = NULL;
    assert_int_equal(rn_context_new(&context), RN_OK);
    return context;
}

static const struct rn_context_item *find(const struct rn_context *context, const char *path)
{
    return rn_context_find(context, path, strlen(path));
}

static void assert_path(const struct rn_context_item *item, const char *path)
{
    assert_non_null(item);
    assert_int_equal(item->path.size, strlen(path));
    assert_memory_equal(item->path.data, path, item->path.size);
    assert_int_equal(item->hash, rn_hash_item(path, strlen(path)));
}

static void test_kinds(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    const struct rn_context_item *item = find(context, "std::vec::Vec");
    assert_path(item, "std::vec::Vec");
    assert_int_equal(item->kind, RN_ITEM_TYPE);
    assert_int_equal(item->type_id, RN_TYPE_ID_VEC);
    item = find(context, "std::option::Option::Some");
    assert_int_equal(item->kind, RN_ITEM_VARIANT);
    assert_int_equal(item->type_id, RN_TYPE_ID_OPTION);
    assert_int_equal(item->variant, 1);
    assert_int_equal(item->arity, 1);
    item = find(context, "std::collections");
    assert_int_equal(item->kind, RN_ITEM_MODULE);
    item = find(context, "std::io::dbg");
    assert_int_equal(item->kind, RN_ITEM_FUNCTION);
    assert_int_equal(item->arity, -1);
    assert_int_equal(find(context, "std::io::dbg!")->kind, RN_ITEM_MACRO);
    item = find(context, "std::iter::Map");
    assert_int_equal(item->kind, RN_ITEM_TYPE);
    assert_int_equal(item->flags, RN_ITEM_SCRIPT);
    assert_int_equal(item->type_id, RN_NONE);
    item = find(context, "std::future::join");
    assert_int_equal(item->flags, RN_ITEM_ASYNC);
    assert_int_equal(find(context, "std::i64::to::<std::f64>")->kind, RN_ITEM_METHOD);
    assert_int_equal(find(context, "std::i64")->kind, RN_ITEM_TYPE);
    assert_null(find(context, "std::nope"));
    assert_null(find(context, ""));
    assert_null(find(context, "::"));
    rn_context_free(context);
}

static void test_constants(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    uint8_t bytes[32];
    struct rn_buf buf;
    rn_buf_init_fixed(&buf, bytes, sizeof(bytes));
    rn_const_write_u64(&buf, UINT64_MAX);
    const struct rn_context_item *item = find(context, "std::u64::MAX");
    assert_int_equal(item->kind, RN_ITEM_CONSTANT);
    assert_int_equal(item->constant_size, buf.size);
    assert_memory_equal(item->constant, bytes, buf.size);
    rn_buf_clear(&buf);
    rn_const_write_f64(&buf, 3.14159265358979323846);
    item = find(context, "std::f64::consts::PI");
    assert_int_equal(item->constant_size, buf.size);
    assert_memory_equal(item->constant, bytes, buf.size);
    rn_context_free(context);
}

static void test_aliases_and_traits(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    assert_path(find(context, "std::collections::HashMap"), "std::collections::hash_map::HashMap");
    assert_path(find(context, "std::collections::HashMap::new"),
                "std::collections::hash_map::HashMap::new");
    assert_path(find(context, "std::collections::VecDeque::from::<std::vec::Vec>"),
                "std::collections::vec_deque::VecDeque::from::<std::vec::Vec>");
    assert_path(find(context, "std::slice::Iter::map"), "std::iter::Iterator::map");
    assert_path(find(context, "std::slice::Iter::collect::<std::vec::Vec>"),
                "std::iter::Iterator::collect::<std::vec::Vec>");
    assert_path(find(context, "std::slice::Iter::len"), "std::slice::Iter::len");
    assert_path(find(context, "std::slice::Iter::count"), "std::iter::Iterator::count");
    assert_path(find(context, "std::collections::HashMap::eq"), "std::cmp::PartialEq::eq");
    assert_null(find(context, "std::iter::Filter::len"));
    assert_true(rn_context_implements(context, RN_UTF8("std::vec::Vec"), RN_UTF8("std::cmp::Ord")));
    assert_false(rn_context_implements(context, RN_UTF8("std::bool"), RN_UTF8("std::cmp::Ord")));
    rn_context_free(context);
}

static void test_prelude(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    assert_path(rn_context_prelude(context, "Some", 4), "std::option::Option::Some");
    assert_path(rn_context_prelude(context, "println!", 8), "std::io::println!");
    assert_path(rn_context_prelude(context, "println", 7), "std::io::println");
    assert_path(rn_context_prelude(context, "Bytes", 5), "std::bytes::Bytes");
    assert_path(rn_context_prelude(context, "u64", 3), "std::u64");
    assert_null(rn_context_prelude(context, "HashMap", 7));
    assert_null(rn_context_prelude(context, "", 0));
    rn_context_free(context);
}

/* Every row of the prelude is found by its own name: so the rows are sorted and their paths exist.
 */
static void test_prelude_is_complete(void **state)
{
    (void)state;
    static const char *const names[] = {
#define STD_PRELUDE(name, path) name,
#include "bytecode/std.def"
    };
    struct rn_context *context = new_context();
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        assert_non_null(rn_context_prelude(context, names[i], strlen(names[i])));
    }
    rn_context_free(context);
}

static void test_order_and_uniqueness(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    assert_true(rn_context_count(context) > 500);
    for (size_t i = 0; i < rn_context_count(context); i++) {
        const struct rn_context_item *item = rn_context_at(context, i);
        assert_ptr_equal(rn_context_find_hash(context, item->hash), item);
        if (i == 0) {
            continue;
        }
        struct rn_utf8 a = rn_context_at(context, i - 1)->path;
        struct rn_utf8 b = item->path;
        size_t common = a.size < b.size ? a.size : b.size;
        int order = memcmp(a.data, b.data, common);
        assert_true(order < 0 || (order == 0 && a.size < b.size));
    }
    rn_context_free(context);
}

/* The reference list: one "kind<TAB>path<TAB>arity" a line. */
static void test_reference_list(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    FILE *file = fopen(RN_STD_ITEMS, "r");
    assert_non_null(file);
    char line[512];
    size_t count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        char kind[32];
        char path[256];
        int arity = 0;
        if (line[0] == '#') {
            continue;
        }
        assert_int_equal(sscanf(line, "%31s %255s %d", kind, path, &arity), 3);
        const struct rn_context_item *item = find(context, path);
        if (item == NULL) {
            print_error("missing: %s\n", path);
        }
        assert_non_null(item);
        static const char *const kinds[] = {
            [RN_ITEM_MODULE] = "module",     [RN_ITEM_TYPE] = "type",
            [RN_ITEM_TRAIT] = "trait",       [RN_ITEM_VARIANT] = "variant",
            [RN_ITEM_FUNCTION] = "function", [RN_ITEM_METHOD] = "method",
            [RN_ITEM_CONSTANT] = "constant", [RN_ITEM_MACRO] = "macro"};
        if (strcmp(kinds[item->kind], kind) != 0 || (arity >= 0 && item->arity != arity)) {
            print_error("differs: %s\n", line);
        }
        assert_string_equal(kinds[item->kind], kind);
        assert_true(arity < 0 || item->arity == arity);
        count++;
    }
    fclose(file);
    assert_true(count > 500);
    rn_context_free(context);
}

static void test_adding(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    uint64_t digest = rn_context_digest(context);
    char path[] = "app::math::add";
    struct rn_context_item item = {.path = {path, sizeof(path) - 1},
                                   .kind = RN_ITEM_FUNCTION,
                                   .flags = RN_ITEM_HOST,
                                   .arity = 2,
                                   .type_id = RN_NONE,
                                   .deprecated = "use plus"};
    assert_int_equal(rn_context_add(context, &item), RN_OK);
    path[0] = 'x';
    const struct rn_context_item *own = find(context, "app::math::add");
    assert_path(own, "app::math::add");
    assert_string_equal(own->deprecated, "use plus");
    assert_int_equal(find(context, "app::math")->kind, RN_ITEM_MODULE);
    assert_true(rn_context_digest(context) != digest);
    path[0] = 'a';
    assert_int_equal(rn_context_add(context, &item), RN_E_INVALID_ARGUMENT);
    rn_context_free(context);
}

static void assert_refused(struct rn_context *context, const char *path, uint8_t kind)
{
    struct rn_context_item item = {.path = {path, strlen(path)}, .kind = kind};
    assert_int_equal(rn_context_add(context, &item), RN_E_INVALID_ARGUMENT);
}

static void test_bad_paths(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    size_t count = rn_context_count(context);
    assert_refused(context, "", RN_ITEM_FUNCTION);
    assert_refused(context, "::a", RN_ITEM_FUNCTION);
    assert_refused(context, "a::", RN_ITEM_FUNCTION);
    assert_refused(context, "a:b", RN_ITEM_FUNCTION);
    assert_refused(context, "a::1b", RN_ITEM_FUNCTION);
    assert_refused(context, "a b", RN_ITEM_FUNCTION);
    assert_refused(context, "a::b!", RN_ITEM_FUNCTION);
    assert_refused(context, "a::b", RN_ITEM_MACRO);
    assert_refused(context, "a::\xff", RN_ITEM_FUNCTION);
    assert_refused(context, "std::vec::Vec", RN_ITEM_TYPE);
    assert_refused(context, "std::io::println::deeper", RN_ITEM_FUNCTION);
    assert_refused(context, "a::K", RN_ITEM_CONSTANT);
    assert_refused(context, "a::A", RN_ITEM_ALIAS);
    assert_int_equal(rn_context_count(context), count);
    rn_context_free(context);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct rn_context *context = new_context();
    static const uint8_t one = 1;
    const struct rn_context_item items[] = {
        {.path = RN_UTF8("app::call"),
         .kind = RN_ITEM_FUNCTION,
         .flags = RN_ITEM_HOST,
         .arity = -1},
        {.path = RN_UTF8("app::ONE"),
         .kind = RN_ITEM_CONSTANT,
         .constant = &one,
         .constant_size = 1,
         .deprecated = ""},
    };
    for (size_t i = 0; i < RN_COUNT_OF(items); i++) {
        assert_int_equal(rn_context_add(context, &items[i]), RN_OK);
    }
    RN_AUTO(rn_buf) struct rn_buf buf;
    rn_buf_init(&buf, 1 << 16);
    assert_int_equal(rn_context_encode(context, &buf), RN_OK);
    struct rn_context *other = new_context();
    assert_int_equal(rn_context_decode(other, buf.data, buf.size), RN_OK);
    assert_int_equal(rn_context_digest(other), rn_context_digest(context));
    assert_int_equal(find(other, "app::call")->arity, -1);
    assert_string_equal(find(other, "app::ONE")->deprecated, "");
    rn_context_free(other);
    for (size_t size = 0; size < buf.size; size++) {
        other = new_context();
        assert_int_not_equal(rn_context_decode(other, buf.data, size), RN_OK);
        rn_context_free(other);
    }
    rn_context_free(context);
}

/* Whose hashes end in small numbers: without a key all stand in one run of a table over the last bits. */
static void encode_crowded(struct rn_buf *out, uint32_t count)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
    char path[8] = "aaaaaaaa";
    rn_context_encode_head(out, count);
    for (uint32_t n = 0, made = 0; made < count; n++) {
        for (unsigned i = 0; i < 6; i++) {
            path[7 - i] = digits[n >> 5 * i & 31];
        }
        if ((rn_hash_item(path, sizeof path) & 0x1ffff) < 0x1000) {
            struct rn_context_item item = {
                .path = {path, sizeof path}, .kind = RN_ITEM_FUNCTION, .flags = RN_ITEM_HOST};
            rn_context_encode_item(out, &item);
            made++;
        }
    }
}

/* A client names the items of its context, of which its daemon makes one. Their hashes are no secret. */
static void test_chosen_names(void **state)
{
    (void)state;
    const uint32_t count = 60000;
    RN_AUTO(rn_buf) struct rn_buf buf;
    rn_buf_init(&buf, 4 << 20);
    encode_crowded(&buf, count);
    assert_int_equal(rn_buf_status(&buf), RN_OK);
    struct rn_context *context = new_context();
    clock_t start = clock();
    assert_int_equal(rn_context_decode(context, buf.data, buf.size), RN_OK);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (seconds > 3) {
        fail_msg("took %.1f s of the processor", seconds);
    }
    assert_int_equal(rn_context_added_count(context), count);
    rn_context_free(context);
}

/* More items than there are bytes for: nothing of them is made. */
static void test_false_counts(void **state)
{
    (void)state;
    const struct rn_context_item item = {
        .path = RN_UTF8("app"), .kind = RN_ITEM_FUNCTION, .flags = RN_ITEM_HOST};
    static const uint32_t counts[] = {2, 60000, 65536, UINT32_MAX};
    for (size_t i = 0; i < RN_COUNT_OF(counts); i++) {
        RN_AUTO(rn_buf) struct rn_buf buf;
        rn_buf_init(&buf, 1 << 16);
        rn_context_encode_head(&buf, counts[i]);
        rn_context_encode_item(&buf, &item);
        struct rn_context *context = new_context();
        assert_int_not_equal(rn_context_decode(context, buf.data, buf.size), RN_OK);
        assert_int_equal(rn_context_added_count(context), 0);
        rn_context_free(context);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct rn_context *context = NULL;
        uint64_t live = rn_alloc_live();
        rn_alloc_fail_at(n, false);
        enum rn_error error = rn_context_new(&context);
        rn_alloc_fail_at(0, false);
        if (error == RN_OK) {
            rn_context_free(context);
            assert_true(n > 4);
            break;
        }
        assert_int_equal(error, RN_E_NO_MEMORY);
        assert_int_equal(rn_alloc_live(), live);
    }
}

static void test_intrinsics(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RN_INTRINSIC_COUNT; i++) {
        assert_int_equal(rn_intrinsic_find(rn_intrinsics[i].name, strlen(rn_intrinsics[i].name)),
                         i);
    }
    assert_int_equal(rn_intrinsic_find("nope", 4), RN_INTRINSIC_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_aliases_and_traits),
        cmocka_unit_test(test_prelude),
        cmocka_unit_test(test_prelude_is_complete),
        cmocka_unit_test(test_order_and_uniqueness),
        cmocka_unit_test(test_reference_list),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_chosen_names),
        cmocka_unit_test(test_false_counts),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_intrinsics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
