/* A session as a text: what is put together, where entries are, and how one is taken back. */
#include "cli/repl_script.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

static struct rn_repl_new entry(const char *text, enum rn_repl_form form, bool in_block)
{
    return (struct rn_repl_new){
        .name = "<entry>", .text = text, .size = strlen(text), .form = form, .in_block = in_block};
}

static void expect_closed(const struct rn_repl_script *script, const char *text)
{
    struct rn_bytes out = {0};
    assert_true(rn_repl_script_close(script, &out));
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
    rn_bytes_done(&out);
}

static void test_entries_follow_each_other(void **state)
{
    (void)state;
    struct rn_repl_script script;
    assert_true(rn_repl_script_init(&script));
    struct rn_repl_new a = entry("let a = 1", RN_REPL_UNFINISHED, false);
    struct rn_repl_new b = entry("a\n+ 1", RN_REPL_EXPRESSION, false);
    struct rn_repl_new c = entry("fn f() {}", RN_REPL_STATEMENTS, true);
    assert_true(rn_repl_script_add(&script, &a));
    assert_true(rn_repl_script_add(&script, &b));
    assert_true(rn_repl_script_add(&script, &c));
    struct rn_repl_new d = entry("f();\na", RN_REPL_TRAILING, false);
    d.tail = 5;
    assert_true(rn_repl_script_add(&script, &d));
    expect_closed(
        &script, "let it = ();\nlet a = 1\n;\nlet it = match (\na\n+ 1\n) { () => it, it => it };\n"
                 "{\nfn f() {}\nf();\nlet it = match (a\n) { () => it, it => it };\n}\n");
    assert_int_equal(rn_repl_script_at(&script, 0)->line, 2);
    assert_int_equal(rn_repl_script_at(&script, 1)->line, 5);
    assert_int_equal(rn_repl_script_at(&script, 1)->line_count, 2);
    assert_int_equal(rn_repl_script_at(&script, 2)->line, 9);
    assert_int_equal(rn_repl_script_at(&script, 3)->line, 10);
    assert_int_equal(rn_repl_script_at(&script, 3)->line_count, 2);
    rn_repl_script_done(&script);
}

static void test_the_last_one_is_taken_back(void **state)
{
    (void)state;
    struct rn_repl_script script;
    assert_true(rn_repl_script_init(&script));
    struct rn_repl_new a = entry("fn f() {}", RN_REPL_STATEMENTS, true);
    assert_false(rn_repl_script_undo(&script));
    assert_true(rn_repl_script_add(&script, &a));
    assert_int_equal(script.blocks, 1);
    assert_true(rn_repl_script_undo(&script));
    assert_int_equal(script.blocks, 0);
    assert_int_equal(script.lines, 1);
    expect_closed(&script, "let it = ();\n");
    rn_repl_script_done(&script);
}

/* The entry's lines in the whole are those that its part names. */
static void test_parts_are_where_the_entries_are(void **state)
{
    (void)state;
    struct rn_repl_script script;
    struct rn_bytes out = {0};
    struct rn_bytes parts = {0};
    assert_true(rn_repl_script_init(&script));
    struct rn_repl_new a = entry("first", RN_REPL_EXPRESSION, true);
    struct rn_repl_new b = entry("second", RN_REPL_STATEMENTS, true);
    assert_true(rn_repl_script_add(&script, &a));
    assert_true(rn_repl_script_compose(&script, &b, RN_REPL_SHOW, &out, &parts));
    assert_int_equal(parts.size, 2 * sizeof(struct rune_part));
    for (size_t i = 0; i < 2; i++) {
        const struct rune_part *part = (const struct rune_part *)(const void *)parts.data + i;
        const char *line = out.data;
        for (uint32_t at = 1; at < part->line; at++) {
            line = strchr(line, '\n') + 1;
        }
        assert_memory_equal(line, i == 0 ? "first\n" : "second\n", i == 0 ? 6u : 7u);
    }
    assert_memory_equal(out.data + out.size - 4, "}\n}\n", 4);
    rn_bytes_done(&parts);
    rn_bytes_done(&out);
    rn_repl_script_done(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_follow_each_other),
        cmocka_unit_test(test_the_last_one_is_taken_back),
        cmocka_unit_test(test_parts_are_where_the_entries_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
