/* Fences in doc comments: which are code, which words they have, hidden lines. */
#include "cli/fence.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void expect_code(const char *text, uint32_t line, const char *code)
{
    struct rn_fenced fenced;
    uint32_t at_line = 0;
    assert_true(rn_fence_next(&text, &at_line, &fenced));
    assert_int_equal(fenced.line, line);
    assert_int_equal(fenced.code.size, strlen(code));
    assert_memory_equal(fenced.code.size == 0 ? "" : fenced.code.data, code, fenced.code.size);
    rn_bytes_done(&fenced.code);
}

static void test_code(void **state)
{
    (void)state;
    expect_code("a\n```\nx\ny\n```\nb\n", 2, "x\ny\n");
    expect_code("~~~~ rune\n~~~\n~~~~\n", 1, "~~~\n");
    expect_code("``` no end\nx\n", 1, "x\n");
    expect_code("```\n# let a = 1;\n#\n## b\n#{ c: 1 }\n#[test]\n```\n", 1,
                " let a = 1;\n\n# b\n#{ c: 1 }\n#[test]\n");
}

static struct rn_fence open(const char *text)
{
    struct rn_fence fence;
    struct rn_line line = {text, strlen(text)};
    assert_true(rn_fence_open(line, &fence));
    return fence;
}

static void test_words(void **state)
{
    (void)state;
    assert_true(open("```").is_rune);
    assert_true(open("```rune,no_run").no_run);
    assert_true(open("```should_panic").should_panic);
    assert_true(open("   ``` rune ignore").ignore);
    assert_false(open("```json").is_rune);
    assert_false(open("```rune,json").is_rune);
    struct rn_fence fence;
    assert_false(rn_fence_open((struct rn_line){"``", 2}, &fence));
    assert_false(rn_fence_open((struct rn_line){"    ```", 7}, &fence));
    assert_false(rn_fence_open((struct rn_line){"```a`", 5}, &fence));
    assert_false(rn_fence_open((struct rn_line){"", 0}, &fence));
}

static void test_no_fence(void **state)
{
    (void)state;
    struct rn_fenced fenced;
    const char *text = "a\n\nb";
    uint32_t line = 0;
    assert_false(rn_fence_next(&text, &line, &fenced));
    assert_int_equal(line, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_no_fence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
