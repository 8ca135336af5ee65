/* Outlines of a compiler that was taken over: what no compiler says is refused. */
#include "cli/outline.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static rune_status parse(const char *kind, const char *line, const char *docs_line,
                         struct rn_outline *out_outline)
{
    char text[1024];
    rune_error *error = NULL;
    snprintf(text, sizeof text,
             "{\"kind\":\"%s\",\"path\":\"a\",\"name\":\"a\",\"line\":%s,\"docs_line\":%s}\n", kind,
             line, docs_line);
    rune_status status = rn_outline_parse(text, strlen(text), out_outline, &error);
    rune_error_free(error);
    return status;
}

static void expect(const char *kind, const char *line, const char *docs_line, rune_status status)
{
    struct rn_outline outline;
    assert_int_equal(parse(kind, line, docs_line, &outline), status);
    if (status == RUNE_OK) {
        assert_int_equal(outline.count, 1);
        assert_string_equal(rn_outline_at(&outline, 0)->kind, kind);
        rn_outline_done(&outline);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const char *const kinds[] = {"module", "function", "method", "struct", "enum",
                                        "const",  "static",   "trait",  "macro"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        expect(kinds[i], "1", "0", RUNE_OK);
    }
}

static void test_kinds_that_files_must_not_be_named_after(void **state)
{
    (void)state;
    expect("../other/index", "1", "0", RUNE_E_MESSAGE_INVALID);
    expect("", "1", "0", RUNE_E_MESSAGE_INVALID);
    expect("functio", "1", "0", RUNE_E_MESSAGE_INVALID);
    expect("function/", "1", "0", RUNE_E_MESSAGE_INVALID);
    expect("function-and-a-lot-more-than-that", "1", "0", RUNE_E_MESSAGE_INVALID);
    expect("function\\u0000", "1", "0", RUNE_E_MESSAGE_INVALID);
}

static void test_lines(void **state)
{
    (void)state;
    expect("enum", "16777216", "16777216", RUNE_OK);
    expect("enum", "16777217", "0", RUNE_E_MESSAGE_INVALID);
    expect("enum", "1", "400000000", RUNE_E_MESSAGE_INVALID);
    expect("enum", "-1", "99999999999", RUNE_OK); // no such number is 0
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_kinds_that_files_must_not_be_named_after),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
