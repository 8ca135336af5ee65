/* Finding entries by their content. */
#include "base/alloc.h"
#include "bytecode/intern.h"
#include "bytecode/unit_layout.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    COUNT = 5000,
};

struct table {
    uint32_t values[COUNT];
};

static struct rn_utf8 content(const void *owner, uint32_t index)
{
    const struct table *table = owner;
    return (struct rn_utf8){(const char *)&table->values[index], sizeof(uint32_t)};
}

static void test_many_entries(void **state)
{
    (void)state;
    static struct table table;
    struct rn_intern intern = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        table.values[i] = i * 7919;
        struct rn_utf8 bytes = content(&table, i);
        assert_int_equal(rn_intern_find(&intern, bytes, content, &table), RN_NONE);
        assert_int_equal(rn_intern_add(&intern, bytes, i), RN_OK);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t copy = i * 7919;
        struct rn_utf8 bytes = {(const char *)&copy, sizeof(copy)};
        assert_int_equal(rn_intern_find(&intern, bytes, content, &table), i);
        bytes.size--;
        assert_int_equal(rn_intern_find(&intern, bytes, content, &table), RN_NONE);
    }
    rn_intern_done(&intern);
    assert_int_equal(intern.capacity, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct rn_intern intern = {0};
    rn_alloc_fail_at(1, false);
    assert_int_equal(rn_intern_add(&intern, RN_UTF8("a"), 0), RN_E_NO_MEMORY);
    rn_alloc_fail_at(0, false);
    assert_int_equal(intern.count, 0);
    rn_intern_done(&intern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
