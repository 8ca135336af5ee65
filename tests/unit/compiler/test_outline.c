/* Outlines: paths, kinds, signatures, documentation, modules in files, what cannot be read. */
#include "base/alloc.h"
#include "compiler/outline.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    (void)user;
    static const char text[] = "//! Inside.\npub fn b() {}\n";
    if (strcmp(item, "a") != 0) {
        return RN_E_NOT_FOUND;
    }
    *out_name = rn_strndup("a.rn", 4);
    *out_text = rn_strndup(text, sizeof text - 1);
    *out_size = sizeof text - 1;
    return RN_OK;
}

static enum rn_error run(const char *text, struct rn_buf *out)
{
    struct rn_module_loader loader = {.load = load};
    struct rn_compile_input input = {
        .name = "t.rn", .text = text, .size = strlen(text), .loader = &loader};
    struct rn_diagnostics diagnostics;
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(out, 1u << 20);
    enum rn_error error = rn_outline(&input, &diagnostics, out);
    assert_true((error == RN_OK) == (diagnostics.error_count == 0));
    rn_diagnostics_done(&diagnostics);
    return error;
}

static void expect_lines(const char *text, const char *expected)
{
    struct rn_buf out;
    assert_int_equal(run(text, &out), RN_OK);
    rn_buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    rn_buf_done(&out);
}

#define ROOT                                                                                       \
    "{\"kind\":\"module\",\"path\":\"\",\"name\":\"\",\"public\":true,\"source\":\"t.rn\","        \
    "\"line\":1,\"signature\":\"\",\"attributes\":[],\"docs\":\"\",\"docs_line\":0,\"members\":[]" \
    "}\n"

static void test_functions(void **state)
{
    (void)state;
    expect_lines("/// Says \"x\".\n#[test]\npub fn f(a,\n  b) -> i64 { 1 }\n",
                 ROOT "{\"kind\":\"function\",\"path\":\"f\",\"name\":\"f\",\"public\":true,"
                      "\"source\":\"t.rn\",\"line\":3,\"signature\":\"pub fn f(a, b) -> i64\","
                      "\"attributes\":[\"test\"],\"docs\":\"Says \\\"x\\\".\\n\",\"docs_line\":1,"
                      "\"members\":[]}\n");
}

static void test_types(void **state)
{
    (void)state;
    expect_lines("mod m { enum E { /// One.\n A, B(x) } impl E { fn g(self) {} } }",
                 ROOT "{\"kind\":\"module\",\"path\":\"m\",\"name\":\"m\",\"public\":false,"
                      "\"source\":\"t.rn\",\"line\":1,\"signature\":\"mod m\",\"attributes\":[],"
                      "\"docs\":\"\",\"docs_line\":0,\"members\":[]}\n"
                      "{\"kind\":\"enum\",\"path\":\"m::E\",\"name\":\"E\",\"public\":false,"
                      "\"source\":\"t.rn\",\"line\":1,\"signature\":\"enum E\","
                      "\"attributes\":[],\"docs\":\"\",\"docs_line\":0,\"members\":["
                      "{\"name\":\"A\",\"signature\":\"A\",\"docs\":\"One.\\n\",\"docs_line\":1},"
                      "{\"name\":\"B\",\"signature\":\"B(x)\",\"docs\":\"\",\"docs_line\":0}]}\n"
                      "{\"kind\":\"method\",\"path\":\"m::E::g\",\"name\":\"g\",\"public\":false,"
                      "\"source\":\"t.rn\",\"line\":2,\"signature\":\"fn g(self)\","
                      "\"attributes\":[],\"docs\":\"\",\"docs_line\":0,\"members\":[]}\n");
}

static void test_modules_in_files(void **state)
{
    (void)state;
    expect_lines("mod a;",
                 ROOT "{\"kind\":\"module\",\"path\":\"a\",\"name\":\"a\",\"public\":false,"
                      "\"source\":\"t.rn\",\"line\":1,\"signature\":\"mod a\",\"attributes\":[],"
                      "\"docs\":\"Inside.\\n\",\"docs_line\":1,\"members\":[]}\n"
                      "{\"kind\":\"function\",\"path\":\"a::b\",\"name\":\"b\",\"public\":true,"
                      "\"source\":\"a.rn\",\"line\":2,\"signature\":\"pub fn b()\","
                      "\"attributes\":[],\"docs\":\"\",\"docs_line\":0,\"members\":[]}\n");
}

static void test_scripts_and_errors(void **state)
{
    (void)state;
    struct rn_buf out;
    assert_int_equal(run("let a = 1; fn f() {} a", &out), RN_OK);
    rn_buf_done(&out);
    assert_int_equal(run("mod missing;", &out), RN_E_COMPILE_FAILED);
    assert_int_equal(out.size, 0);
    rn_buf_done(&out);
    assert_int_equal(run("fn f( {", &out), RN_E_COMPILE_FAILED);
    rn_buf_done(&out);
    assert_int_equal(run("\xff", &out), RN_E_COMPILE_FAILED);
    rn_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_modules_in_files),
        cmocka_unit_test(test_scripts_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
