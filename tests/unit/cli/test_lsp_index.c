/* What a compiler may say that names mean: what none of ours says is refused. */
#include "cli/lsp/index.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION                                                                                   \
    "{\"kind\":\"function\",\"path\":\"f\",\"name\":\"f\",\"source\":0,\"at\":[3,4],"              \
    "\"whole\":[0,16],\"signature\":\"fn f(a)\",\"docs\":\"Says.\\n\"}\n"
#define LOCAL "{\"kind\":\"local\",\"name\":\"a\",\"source\":0,\"at\":[5,6],\"until\":16}\n"

static const char text[] = "fn f(a) { a; f }\n";

static rune_status parse(const char *lines, struct rn_lsp_index *out_index)
{
    struct rn_lsp_texts texts = {.count = 0};
    assert_true(rn_lsp_texts_add(&texts, "/a.rn", text, sizeof text - 1, 1));
    rune_status status = rn_lsp_index_parse(lines, strlen(lines), &texts, out_index);
    rn_lsp_texts_done(&texts);
    return status;
}

static void refused(const char *lines)
{
    struct rn_lsp_index index;
    if (parse(lines, &index) == RUNE_OK) {
        fail_msg("taken: %s", lines);
    }
}

static const char *name_at(const struct rn_lsp_index *index, size_t offset)
{
    const struct rn_lsp_use *use = rn_lsp_index_find(index, 0, offset);
    return use == NULL ? NULL : rn_lsp_meant_at(index, use->meant)->name;
}

static void test_names(void **state)
{
    (void)state;
    struct rn_lsp_index index;
    assert_int_equal(parse("{\"source\":\"/a.rn\"}\n" FUNCTION LOCAL
                           "{\"uses\":[0,13,14,0,0,5,6,1,0,10,11,1]}\n",
                           &index),
                     RUNE_OK);
    assert_int_equal(index.meant_count, 2);
    assert_int_equal(index.use_count, 4);
    assert_string_equal(name_at(&index, 3), "f");
    assert_string_equal(name_at(&index, 4), "f");
    assert_string_equal(name_at(&index, 5), "a");
    assert_string_equal(name_at(&index, 10), "a");
    assert_string_equal(name_at(&index, 14), "f");
    assert_null(name_at(&index, 0));
    assert_null(name_at(&index, 8));
    assert_null(name_at(&index, 15));
    assert_string_equal(rn_lsp_meant_at(&index, 0)->docs, "Says.\n");
    assert_true(rn_lsp_index_find(&index, 0, 5)->declares);
    assert_false(rn_lsp_index_find(&index, 0, 10)->declares);
    rn_lsp_index_done(&index);
}

static void test_nothing(void **state)
{
    (void)state;
    struct rn_lsp_index index;
    assert_int_equal(parse("", &index), RUNE_OK);
    assert_null(name_at(&index, 0));
    rn_lsp_index_done(&index);
    assert_int_equal(
        parse("{\"source\":\"/other.rn\"}\n" FUNCTION "{\"uses\":[0,900,901,0]}\n", &index),
        RUNE_OK); // of a text that nobody has
    assert_int_equal(index.use_count, 0);
    rn_lsp_index_done(&index);
}

static void test_what_no_compiler_says(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "no JSON\n",
        "{}\n",
        "[]\n",
        "{\"source\":1}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"functio\"}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":1}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"local\",\"source\":0}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"local\",\"source\":1,\"at\":[0,1]}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"local\",\"source\":-1,\"at\":[0,1]}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"local\",\"source\":0,\"at\":[1,0]}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"local\",\"source\":0,\"at\":[0,18]}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"enum\",\"source\":0,\"at\":[0,1]}\n",
        "{\"source\":\"/a.rn\"}\n{\"kind\":\"enum\",\"source\":0,\"at\":[0,1],\"whole\":[0,-1]}\n",
        "{\"source\":\"/a.rn\"}\n{\"uses\":[0,0,1,0]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,0,1]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,0,1,1]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,0,1,-1]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,0,18,0]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,2,1,0]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[1,0,1,0]}\n",
        "{\"source\":\"/a.rn\"}\n" FUNCTION "{\"uses\":[0,0,1,\"\"]}\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        refused(lines[i]);
    }
}

/* As many times as a compiler likes: sources beyond those that there are, and meanings beyond what the texts have room for. */
static void test_more_than_there_can_be(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"source\":\"/b.rn\"}\n",
                                       "{\"kind\":\"library\",\"path\":\"p\"}\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = strlen(rows[i]);
        size_t count = 20000;
        char *lines = malloc(size * count + 1);
        for (size_t n = 0; n < count; n++) {
            memcpy(lines + n * size, rows[i], size + 1);
        }
        refused(lines);
        lines[size * 10] = 0;
        struct rn_lsp_index index;
        assert_int_equal(parse(lines, &index), RUNE_OK);
        rn_lsp_index_done(&index);
        free(lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_what_no_compiler_says),
        cmocka_unit_test(test_more_than_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
