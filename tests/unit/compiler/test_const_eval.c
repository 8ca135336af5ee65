/* Constant expressions: their values, what they may not do, and that they end. */
#include "compiled.h"

/* A format string is evaluated, so what a constant is can be read off the texts of the Unit. */
static void check_value(const char *expr, const char *shown)
{
    char text[512];
    snprintf(text, sizeof(text), "const K = %s; pub fn f() { println!(`<${K}>`) }", expr);
    struct compiled c;
    compile_text(&c, text, strlen(text));
    if (c.error != RN_OK) {
        fail_msg("%s: %s", text, first_of(&c, RN_SEVERITY_ERROR));
    }
    bool found = false;
    for (uint32_t i = 0; i < c.unit.counts[RN_SECTION_STRINGS]; i++) {
        struct rn_utf8 string = rn_unit_string_at(&c.unit, i);
        found =
            found || (string.size == strlen(shown) && memcmp(string.data, shown, string.size) == 0);
    }
    if (!found) {
        fail_msg("%s is not %s", expr, shown);
    }
    compiled_done(&c);
}

static void values(void **state)
{
    (void)state;
    check_value("1 + 2 * 3", "<7>");
    check_value("-7 / 2", "<-3>");
    check_value("9223372036854775807 + 1", "<-9223372036854775808>");
    check_value("1 << 65", "<2>");
    check_value("-8 >> 1", "<-4>");
    check_value("6 & 3 | 8 ^ 1", "<11>");
    check_value("1.5 * 2.0", "<3.0>");
    check_value("1.0 / 3.0", "<0.3333333333333333>");
    check_value("\"a\" + \"b\"", "<ab>");
    check_value("`${1}${2.5}${true}${\"x\"}`", "<12.5truex>");
    check_value("if 1 < 2 { 3 } else { 4 }", "<3>");
    check_value("{ let a = 1; a += 4; a = a * 2; a }", "<10>");
    check_value("{ let n = 0; while n < 5 { n += 1; } n }", "<5>");
    check_value("{ let n = 0; loop { n += 1; if n == 7 { break n * 2; } } }", "<14>");
    check_value("{ 'a: { loop { break 'a 3; } } }", "<3>");
    check_value("{ let t = (1, [2, 3]); (t.1).0 = 9; (t.1).0 }", "<9>");
    check_value("{ let o = #{ a: 1 }; o.b = 2; o.a + o.b }", "<3>");
    check_value("{ let a = [1]; let b = a; b.0 = 5; a.0 }", "<5>");
    check_value("{ if let x = 3 { x } else { 0 } }", "<3>");
}

struct failing {
    const char *source;
    const char *first;
};

static void check_failing(const struct failing *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct compiled c;
        compile_text(&c, rows[i].source, strlen(rows[i].source));
        assert_int_equal(c.error, RN_E_COMPILE_FAILED);
        const char *first = first_of(&c, RN_SEVERITY_ERROR);
        if (strcmp(first, rows[i].first) != 0) {
            fail_msg("%s\n  gives  %s\n  wanted %s", rows[i].source, first, rows[i].first);
        }
        compiled_done(&c);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const struct failing rows[] = {
        {"const A = 1 / 0;", "1:11 CONST_DIVISION"},
        {"const A = 1 << -1;", "1:16 CONST_SHIFT"},
        {"const A = 1 + 1.0;", "1:11 CONST_NOT_CONST"},
        {"const A = 1 % 2;", "1:11 CONST_OPERATOR"},
        {"const A = 1 != 2;", "1:11 CONST_OPERATOR"},
        {"const A = true && false;", "1:11 CONST_OPERATOR"},
        {"const A = if false { f() } else { 1 }; fn f() { }", "1:22 CONST_CALL"},
        {"const A = Some(1);", "1:11 CONST_CALL"},
        {"const A = match 1 { _ => 2 };", "1:11 CONST_EXPR"},
        {"const A = || 1;", "1:11 CLOSURE_IN_CONST"},
        {"const A = async { 1 };", "1:11 ASYNC_IN_CONST"},
        {"static S; const A = S;", "1:21 CONST_STATIC"},
        {"const A = B; const B = A;", "1:24 CONST_CYCLE"},
        {"const A = if 1 { 2 } else { 3 };", "1:14 CONST_EXPECTED"},
        {"const A = { let a = (1,); a.3 };", "1:27 CONST_INDEX"},
        {"const A = { let a = #{}; a.b };", "1:26 CONST_FIELD"},
        {"const A = { break; };", "1:13 BREAK_OUTSIDE"},
        {"const fn f(a) { a } const A = f();", "1:31 CONST_ARGUMENTS"},
        {"const fn f(a) { g() } fn g() { }", "1:17 CONST_CALL"},
        {"const fn f(a) { a } pub fn main(x) { f(x) }", "1:40 CONST_NOT_CONST"},
    };
    check_failing(rows, RN_COUNT_OF(rows));
}

/* Items that have no value before the script runs; a constant that the library makes at run time. */
static void items_without_value(void **state)
{
    (void)state;
    static const struct failing rows[] = {
        {"fn f() {} const A = f;", "1:21 CONST_META"},
        {"struct S(a); const A = S;", "1:24 CONST_META"},
        {"const A = Vec::new;", "1:11 CONST_META"},
        {"const A = time::Duration::SECOND;", "1:11 CONST_META"},
        {"const A = Vec::new();", "1:11 CONST_CALL"},
    };
    check_failing(rows, RN_COUNT_OF(rows));
}

static void budgets(void **state)
{
    (void)state;
    static const struct failing rows[] = {
        {"const A = { loop { } };", "1:18 CONST_BUDGET"},
        {"const fn f(n) { f(n) } const A = f(1);", "1:17 CONST_DEPTH"},
        {"const A = { let s = \"0123456789\"; loop { s = s + s; } };", "1:46 CONST_SIZE"},
        {"const A = { let a = [1]; let i = 0; while i < 50 { a = [a, a]; i += 1; } a }; pub fn f() "
         "{ A }",
         "1:92 CONSTANT_DATA_SIZE"},
    };
    check_failing(rows, RN_COUNT_OF(rows));
}

/* const A1 = [A0, A0]; const A2 = [A1, A1]; ..: twice as large with each line. */
static void doubling(void **state)
{
    (void)state;
    struct rn_buf text;
    rn_buf_init(&text, 1u << 16);
    rn_buf_append_text(&text, "const A0 = [1, 2];\n");
    for (int i = 0; i < 60; i++) {
        rn_buf_append_format(&text, "const A%d = [A%d, A%d];\n", i + 1, i, i);
    }
    struct compiled c;
    compile_text(&c, (const char *)text.data, text.size);
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    assert_non_null(strstr(first_of(&c, RN_SEVERITY_ERROR), "CONST_SIZE"));
    compiled_done(&c);
    rn_buf_done(&text);
}

/* A constant that is named twice is stored once; naming it in another copies it. */
static void stored_once(void **state)
{
    (void)state;
    static const char text[] =
        "const A = [1, 2]; const B = { let b = A; b.0 = 3; b }; pub fn f() { (A, A, B) }";
    struct compiled c;
    compile_text(&c, text, sizeof(text) - 1);
    assert_int_equal(c.error, RN_OK);
    assert_int_equal(c.unit.counts[RN_SECTION_CONSTANTS], 2);
    compiled_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refusals),
        cmocka_unit_test(items_without_value),
        cmocka_unit_test(budgets),
        cmocka_unit_test(doubling),
        cmocka_unit_test(stored_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
