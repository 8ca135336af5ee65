/* What the compiler makes of each construct, as sequences of instructions; limits; diagnostics. */
#include "compiled.h"

struct listing {
    const char *source;
    const char *function;
    const char *ops;
};

static void check_listings(const struct listing *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct compiled c;
        compile_text(&c, rows[i].source, strlen(rows[i].source));
        if (c.error != RN_OK) {
            fail_msg("%s\n%s", rows[i].source, first_of(&c, RN_SEVERITY_ERROR));
        }
        const char *ops = ops_of(&c, rows[i].function);
        assert_non_null(ops);
        if (strcmp(ops, rows[i].ops) != 0) {
            fail_msg("%s\n  gives  %s\n  wanted %s", rows[i].source, ops, rows[i].ops);
        }
        compiled_done(&c);
    }
}

static void values_and_operators(void **state)
{
    (void)state;
    static const struct listing rows[] = {
        {"pub fn main() { 1 }", "main", "INT RETURN"},
        {"pub fn main() { 5000000000 }", "main", "CONST RETURN"},
        {"pub fn main() { }", "main", "RETURN_UNIT"},
        {"pub fn f(a, b) { a + b }", "f", "ADD RETURN"},
        {"pub fn f(a) { a + 1 }", "f", "ADD_INT RETURN"},
        {"pub fn f(a) { a += 1; a -= a; a }", "f", "ADD_INT SUB_ASSIGN RETURN"},
        {"pub fn f(a) { a == \"x\" }", "f", "EQ_STRING RETURN"},
        {"pub fn f(a) { a is i64 }", "f", "IS RETURN"},
        {"pub fn f(a) { a as f64 }", "f", "AS RETURN"},
        {"pub fn f(a) { a as String }", "f", "AS_TYPE RETURN"},
        {"pub fn f(a) { [a, 1] }", "f", "MOVE INT VEC RETURN"},
        {"pub fn f(a) { (a,) }", "f", "MOVE TUPLE RETURN"},
        {"pub fn f(a) { #{ a: a } }", "f", "MOVE OBJECT RETURN"},
        {"pub fn f(a) { a.b.0 }", "f", "FIELD_GET TUPLE_GET RETURN"},
        {"pub fn f(a) { a[0][\"k\"][a] }", "f", "INDEX_INT_GET INDEX_KEY_GET INDEX_GET RETURN"},
        {"pub fn f(a) { a.b += 2; }", "f", "FIELD_GET ADD_INT FIELD_SET RETURN_UNIT"},
        {"static S; pub fn f() { S = 1; S += 2; }", "f",
         "INT STATIC_SET STATIC_GET ADD_INT STATIC_SET RETURN_UNIT"},
        {"pub fn f(a) { Some(a) }", "f", "SOME RETURN"},
        {"pub fn f() { None }", "f", "NONE RETURN"},
        {"pub fn f(a) { a? }", "f", "TRY RETURN"},
        {"pub fn f(a) { 0..a }", "f", "INT MOVE RANGE RETURN"},
        {"const K = [1, 2]; pub fn f() { K }", "f", "CONST RETURN"},
        {"const K = 2 + 3; pub fn f() { K }", "f", "INT RETURN"},
        {"pub fn f(a) { `x${a}y` }", "f", "TEXT TEXT_DISPLAY TEXT_STRING RETURN"},
        {"pub fn f(a) { format!(\"{a:?}\") }", "f", "TEXT TEXT_FORMAT RETURN"},
    };
    check_listings(rows, RN_COUNT_OF(rows));
}

static void calls(void **state)
{
    (void)state;
    static const struct listing rows[] = {
        {"fn g(a) { a } pub fn f() { g(1) }", "f", "INT CALL RETURN"},
        {"fn g(a) { a } pub fn f() { g() }", "f", "FUNCTION CALL_VALUE RETURN"},
        {"pub fn f(a) { a(1) }", "f", "MOVE INT CALL_VALUE RETURN"},
        {"pub fn f(a) { a.g(1) }", "f", "MOVE INT CALL_METHOD RETURN"},
        {"pub fn f(a) { std::cmp::min(a, 1) }", "f", "MOVE INT CALL_IMPORT RETURN"},
        {"pub fn f(x) { |a| a + x }", "f", "MOVE CLOSURE RETURN"},
        {"pub fn f(x) { |a| a + x }", "f::$0::$0", "ADD RETURN"},
        {"pub fn f() { |a| a }", "f", "FUNCTION RETURN"},
        {"struct P { x, y } pub fn f(a) { P { y: 1, x: a } }", "f", "MOVE INT STRUCT RETURN"},
        {"struct T(a, b); pub fn f(a) { T(a, 1) }", "f", "MOVE INT STRUCT RETURN"},
        {"struct T(a, b); pub fn f() { T }", "f", "CONSTRUCTOR RETURN"},
        {"pub async fn f(a) { a.await }", "f", "AWAIT RETURN"},
        {"pub fn f() { yield 1; yield }", "f", "INT YIELD UNIT YIELD RETURN"},
        {"pub fn f() { panic!(\"no\") }", "f", "PANIC"},
        {"pub fn f() { println!(\"a {}\", 1) }", "f", "TEXT INT TEXT_DISPLAY CALL_IMPORT RETURN"},
    };
    check_listings(rows, RN_COUNT_OF(rows));
}

static void control(void **state)
{
    (void)state;
    static const struct listing rows[] = {
        {"pub fn f(n) { if n < 2 { return n; } 0 }", "f", "JUMP_NOT_LT_INT RETURN INT RETURN"},
        {"pub fn f(n) { if n { 1 } else { 2 } }", "f", "JUMP_NOT_TRUE INT RETURN INT RETURN"},
        {"pub fn f(a, b) { if a < b && b < 3 { 1 } else { 2 } }", "f",
         "JUMP_NOT_LT JUMP_NOT_LT_INT INT RETURN INT RETURN"},
        {"pub fn f(a, b) { if a < b || a == 3 { 1 } else { 2 } }", "f",
         "JUMP_LT JUMP_NE_INT INT RETURN INT RETURN"},
        {"pub fn f(n) { while n < 10 { n += 1; } n }", "f",
         "JUMP ADD_INT CHARGE JUMP_LT_INT RETURN"},
        {"pub fn f(n) { loop { if n == 3 { break; } n += 1; } }", "f",
         "JUMP_NE_INT RETURN_UNIT ADD_INT JUMP"},
        {"pub fn f(n) { let t = 0; for i in 0..n { t += i; } t }", "f",
         "INT INT MOVE RANGE_PREP CHARGE RANGE_NEXT ADD_ASSIGN JUMP RETURN"},
        {"pub fn f(n) { for i in n { } }", "f", "ITER CHARGE ITER_NEXT JUMP RETURN_UNIT"},
        {"pub fn f(n) { match n { 1 => 2, _ => 3 } }", "f",
         "MATCH_INT JUMP_NOT_TRUE INT RETURN INT RETURN"},
        {"pub fn f(n) { match n { 1 => 2, 2 => 3, 3 => 4, 4 => 5, _ => 6 } }", "f",
         "SWITCH INT RETURN INT RETURN INT RETURN INT RETURN INT RETURN"},
        {"enum E { A, B(x), C, D } pub fn f(e) { match e { E::A => 1, E::B(x) => x, E::C => 3, "
         "E::D => 4 } }",
         "f", "SWITCH INT RETURN TUPLE_GET RETURN INT RETURN INT RETURN RETURN_UNIT"},
        {"pub fn f(n) { if let Some(x) = n { x } else { 0 } }", "f",
         "MATCH_TYPE JUMP_NOT_TRUE TUPLE_GET RETURN INT RETURN"},
        {"pub fn f(n) { let [a, ..] = n; a }", "f",
         "MATCH_SEQ JUMP_NOT_TRUE TUPLE_GET RETURN PANIC"},
        {"pub fn f(n) { let (a, b) = (n, 1); b }", "f", "MOVE INT RETURN"},
        {"pub fn f(n) { 'a: { if n { break 'a 1; } 2 } }", "f",
         "JUMP_NOT_TRUE INT RETURN INT RETURN"},
        {"pub fn f() { return 1; 2 }", "f", "INT RETURN"},
        {"pub fn f() { (return 1) + 2 }", "f", "INT RETURN"},
        {"pub fn f() { while true { } }", "f", "JUMP"},
    };
    check_listings(rows, RN_COUNT_OF(rows));
}

/* The value of a block ends in the register where its first local was: nothing reads too late. */
static void values_of_blocks(void **state)
{
    (void)state;
    static const struct listing rows[] = {
        {"pub fn f() { { let y = 5; y } + 1 }", "f", "INT ADD_INT RETURN"},
        {"pub fn f() { { let y = 5; let z = 6; y && z } + 1 }", "f",
         "INT INT MOVE JUMP_FALSE MOVE CHARGE MOVE ADD_INT RETURN"},
        {"pub fn f(x) { x = x && 1; x }", "f", "MOVE JUMP_FALSE INT CHARGE MOVE RETURN"},
    };
    check_listings(rows, RN_COUNT_OF(rows));
}

static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    size_t size = strlen(head) + strlen(part) * count + strlen(tail);
    char *text = rn_alloc(size + 1);
    assert_non_null(text);
    char *at = text;
    memcpy(at, head, strlen(head));
    at += strlen(head);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, part, strlen(part));
        at += strlen(part);
    }
    memcpy(at, tail, strlen(tail) + 1);
    return text;
}

static void large_literals(void **state)
{
    (void)state;
    char *text = repeated("pub fn f() { [", "1, ", 100000, "] }");
    struct compiled c;
    compile_text(&c, text, strlen(text));
    assert_int_equal(c.error, RN_OK);
    compiled_done(&c);
    rn_free(text);
    text = repeated("pub fn f() { (", "1, ", 1000, ") }");
    compile_text(&c, text, strlen(text));
    assert_non_null(strstr(ops_of(&c, "f"), "VEC_EXTEND TUPLE_OF RETURN"));
    compiled_done(&c);
    rn_free(text);
}

static void many_variables(void **state)
{
    (void)state;
    char *text = repeated("pub fn f(a) { ", "let b = a; a += b;", 1000, " a }");
    struct compiled c;
    compile_text(&c, text, strlen(text));
    assert_int_equal(c.error, RN_OK);
    // Every variable is alive to the end of its scope, so the later ones have to go elsewhere.
    bool found = false;
    for (uint32_t pc = 0; pc < c.unit.counts[RN_SECTION_CODE]; pc++) {
        found = found || c.unit.code[pc].op == RN_OP_TUPLE_SET;
    }
    assert_true(found);
    compiled_done(&c);
    rn_free(text);
}

static void too_deep_for_registers(void **state)
{
    (void)state;
    char *text = repeated("fn g(a, b, c) { a } pub fn f() { ", "g(1, 2, ", 160, "0");
    char *whole = repeated(text, ")", 160, " }");
    struct compiled c;
    compile_text(&c, whole, strlen(whole));
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    assert_string_equal(first_of(&c, RN_SEVERITY_ERROR), "1:21 TOO_MANY_REGISTERS");
    compiled_done(&c);
    rn_free(text);
    rn_free(whole);
}

struct reported {
    const char *source;
    const char *first; /* "LINE:COL NAME" */
};

static void check_reported(const struct reported *rows, size_t count, enum rn_severity severity)
{
    for (size_t i = 0; i < count; i++) {
        struct compiled c;
        compile_text(&c, rows[i].source, strlen(rows[i].source));
        const char *first = first_of(&c, severity);
        if (strcmp(first, rows[i].first) != 0) {
            fail_msg("%s\n  gives  %s\n  wanted %s", rows[i].source, first, rows[i].first);
        }
        assert_int_equal(c.error, severity == RN_SEVERITY_ERROR ? RN_E_COMPILE_FAILED : RN_OK);
        compiled_done(&c);
    }
}

static void errors(void **state)
{
    (void)state;
    static const struct reported rows[] = {
        {"pub fn f() { x }", "1:14 MISSING_LOCAL"},
        {"pub fn f() { X }", "1:14 MISSING_ITEM"},
        {"pub fn f() { self }", "1:14 MISSING_SELF"},
        {"pub fn f() { x() }", "1:14 MISSING_ITEM"},
        {"struct P { x } pub fn f() { P { } }", "1:29 MISSING_FIELD"},
        {"struct P { x } pub fn f() { P { x: 1, y: 2 } }", "1:39 NOT_A_FIELD"},
        {"enum E { A } pub fn f() { E { } }", "1:27 UNSUPPORTED_LIT_OBJECT"},
        {"pub fn f() { #{ a: 1, \"a\": 2 } }", "1:23 DUPLICATE_KEY"},
        {"pub fn f(#{ a, a: b }) { }", "1:16 DUPLICATE_KEY"},
        {"struct T(a); pub fn f() { T(1, 2) }", "1:28 ARGUMENT_COUNT"},
        {"struct T(a); pub fn f(T(a, b)) { }", "1:23 ARGUMENT_COUNT"},
        {"struct P { x, y } pub fn f(P { x }) { }", "1:28 PATTERN_MISSING_FIELDS"},
        {"pub fn f([.., a]) { }", "1:11 UNSUPPORTED_REST"},
        {"pub fn f(a::b) { }", "1:10 UNSUPPORTED_BINDING"},
        {"static S; pub fn f(S) { }", "1:20 STATIC_IN_PATTERN"},
        {"const F = 1.5; pub fn f(F) { }", "1:25 CONST_IN_PATTERN"},
        {"pub fn f(a) { a() = 1; }", "1:15 UNSUPPORTED_ASSIGN"},
        {"pub fn f(a) { a[0] += 1; }", "1:15 UNSUPPORTED_BINARY_EXPR"},
        {"pub fn f() { break; }", "1:14 BREAK_OUTSIDE"},
        {"pub fn f() { for i in [] { break 1; } }", "1:28 BREAK_VALUE"},
        {"pub fn f() { loop { || continue; } }", "1:24 CONTINUE_OUTSIDE"},
        {"pub fn f() { 'a: { continue 'a; } }", "1:20 CONTINUE_BLOCK"},
        {"pub fn f() { loop { break 'a; } }", "1:21 MISSING_LABEL"},
        {"mod m { } pub fn f() { m }", "1:24 EXPECTED_META"},
        {"mod m { } pub fn f() { m() }", "1:24 EXPECTED_META"},
        {"enum E { A } pub fn f(a) { a is E::A }", "1:33 EXPECTED_META"},
        {"pub fn f(v) { let g = move || v; v }", "1:34 VARIABLE_MOVED"},
        {"pub fn f(a) { a.0.1 }", "1:17 UNSUPPORTED_TUPLE_INDEX"},
        {"pub fn f() { 1..= }", "1:14 RANGE_WITHOUT_END"},
        {"pub fn f() { println!(\"{} {}\", 1) }", "1:23 FORMAT_MISSING_ARGUMENT"},
        {"pub fn f() { println!(\"\", 1) }", "1:27 FORMAT_UNUSED"},
        {"pub fn f() { println!(\"{a}\", a = 1, 2) }", "1:37 FORMAT_ORDER"},
        {"pub fn f() { println!(\"}\") }", "1:23 FORMAT_CLOSE"},
        {"pub fn f() { println!(\"{\") }", "1:23 FORMAT_END"},
        {"pub fn f(x) { println!(x) }", "1:24 MISSING_LOCAL"},
        {"pub fn f() { println!(1) }", "1:23 FORMAT_NOT_CONST"},
        {"pub async fn f() { select { default => 1, default => 2 } }", "1:43 SELECT_DEFAULTS"},
    };
    check_reported(rows, RN_COUNT_OF(rows), RN_SEVERITY_ERROR);
}

static void warnings(void **state)
{
    (void)state;
    static const struct reported rows[] = {
        {"pub fn f() { 1; }", "1:14 NOT_USED"},
        {"pub fn f(x) { || x; }", "1:15 NOT_USED"},
        {"pub fn f() { return; f(); }", "1:22 UNREACHABLE"},
        {"pub fn f([a]) { a }", "1:10 PATTERN_MIGHT_PANIC"},
        {"pub fn f() { `x` }", "1:14 TEMPLATE_WITHOUT_HOLES"},
        {"struct T(); pub fn f() { T() }", "1:27 NEEDLESS_CALL_PARENTHESES"},
        {"pub fn f() { std::iter::range(1, 2) }", "1:14 DEPRECATED"},
    };
    check_reported(rows, RN_COUNT_OF(rows), RN_SEVERITY_WARNING);
}

/* An error in the tree never becomes code, whatever follows it. */
static void goes_on_after_errors(void **state)
{
    (void)state;
    static const char text[] = "pub fn f() { a; b; c } fn g(T(x)) { x } const A = d;";
    struct compiled c;
    compile_text(&c, text, sizeof(text) - 1);
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    assert_int_equal(c.output.diagnostics.error_count, 5);
    compiled_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_operators),
        cmocka_unit_test(calls),
        cmocka_unit_test(control),
        cmocka_unit_test(values_of_blocks),
        cmocka_unit_test(large_literals),
        cmocka_unit_test(many_variables),
        cmocka_unit_test(too_deep_for_registers),
        cmocka_unit_test(errors),
        cmocka_unit_test(warnings),
        cmocka_unit_test(goes_on_after_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
