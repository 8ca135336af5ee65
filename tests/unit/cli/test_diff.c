/* Unified diffs: what is the same, added, removed; hunks near and apart; texts that differ too much. */
#include "cli/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void expect(const char *before, const char *after, const char *expected)
{
    struct rn_bytes out = {0};
    struct rn_diff diff = {.name = "a",
                           .before = before,
                           .before_size = strlen(before),
                           .after = after,
                           .after_size = strlen(after)};
    assert_true(rn_diff_append(&diff, &out));
    assert_true(rn_bytes_append(&out, "", 1));
    assert_string_equal(out.data, expected);
    rn_bytes_done(&out);
}

static void test_small(void **state)
{
    (void)state;
    expect("", "", "");
    expect("a\nb\n", "a\nb\n", "");
    expect("a\n", "b\n", "--- a\n+++ a\n@@ -1,1 +1,1 @@\n-a\n+b\n");
    expect("", "b\n", "--- a\n+++ a\n@@ -0,0 +1,1 @@\n+b\n");
    expect("a\nb\nc\n", "a\nc\n", "--- a\n+++ a\n@@ -1,3 +1,2 @@\n a\n-b\n c\n");
    expect("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n",
           "--- a\n+++ a\n@@ -1,7 +1,6 @@\n-a\n-b\n c\n+b\n a\n b\n-b\n a\n+c\n");
}

static void test_hunks(void **state)
{
    (void)state;
    expect("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ny\n",
           "--- a\n+++ a\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n "
           "11\n-12\n+y\n");
    expect("1\n2\n3\n4\n5\n6\n", "x\n2\n3\n4\n5\ny\n",
           "--- a\n+++ a\n@@ -1,6 +1,6 @@\n-1\n+x\n 2\n 3\n 4\n 5\n-6\n+y\n");
}

static void test_too_many_edits(void **state)
{
    (void)state;
    struct rn_bytes a = {0};
    struct rn_bytes b = {0};
    struct rn_bytes out = {0};
    for (int i = 0; i < 5000; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "a%d\n", i);
        assert_true(rn_bytes_append(&a, line, (size_t)size));
        line[0] = 'b';
        assert_true(rn_bytes_append(&b, line, (size_t)size));
    }
    struct rn_diff diff = {"a", a.data, a.size, b.data, b.size, false, false};
    assert_true(rn_diff_append(&diff, &out));
    assert_true(out.size > a.size + b.size);
    rn_bytes_done(&a);
    rn_bytes_done(&b);
    rn_bytes_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_hunks),
        cmocka_unit_test(test_too_many_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
