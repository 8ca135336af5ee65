/* Tokens: longest match, numbers, quoted text, templates, comments, and every lexical error. */
#include "base/alloc.h"
#include "compiler/lexer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct fixture {
    struct rn_arena arena;
    struct rn_symbols symbols;
    struct rn_tokens tokens;
};

static void lex(struct fixture *f, const char *text)
{
    rn_arena_init(&f->arena, 1u << 20);
    assert_int_equal(rn_symbols_init(&f->symbols, &f->arena), RN_OK);
    assert_int_equal(rn_lexer_keywords(&f->symbols), RN_OK);
    struct rn_utf8 utf8 = {text, strlen(text)};
    assert_int_equal(rn_lex(&f->symbols, 0, utf8, true, &f->tokens), RN_OK);
}

/* The kinds of all tokens up to the end. */
static void expect_kinds(const char *text, const enum rn_token_kind *kinds, size_t count)
{
    struct fixture f;
    lex(&f, text);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 >= f.tokens.count || f.tokens.items[i + 1].kind != kinds[i]) {
            fail_msg("`%s`: token %zu is not %s", text, i, rn_token_description(kinds[i]));
        }
    }
    assert_int_equal(f.tokens.items[count + 1].kind, RN_TOKEN_EOF);
    assert_int_equal(f.tokens.count, count + 2);
    rn_arena_done(&f.arena);
}

#define EXPECT(text, ...)                                                                          \
    do {                                                                                           \
        const enum rn_token_kind kinds_[] = {__VA_ARGS__};                                         \
        expect_kinds(text, kinds_, RN_COUNT_OF(kinds_));                                           \
    } while (0)

static void test_operators(void **state)
{
    (void)state;
    EXPECT("<<= << <= < >>= >> >=", RN_TOKEN_LT_LT_EQ, RN_TOKEN_LT_LT, RN_TOKEN_LT_EQ, RN_TOKEN_LT,
           RN_TOKEN_GT_GT_EQ, RN_TOKEN_GT_GT, RN_TOKEN_GT_EQ);
    EXPECT("..=..=>->::=>", RN_TOKEN_DOT_DOT_EQ, RN_TOKEN_DOT_DOT_EQ, RN_TOKEN_GT, RN_TOKEN_ARROW,
           RN_TOKEN_COLON_COLON, RN_TOKEN_ROCKET);
    EXPECT("&&=||=^=", RN_TOKEN_AMP_AMP, RN_TOKEN_EQ, RN_TOKEN_PIPE_PIPE, RN_TOKEN_EQ,
           RN_TOKEN_CARET_EQ);
}

static void test_words(void **state)
{
    (void)state;
    EXPECT("self Self selfish _ _a not union \xc3\xa9t\xc3\xa9", RN_TOKEN_SELF, RN_TOKEN_SELF_TYPE,
           RN_TOKEN_IDENT, RN_TOKEN_UNDERSCORE, RN_TOKEN_IDENT, RN_TOKEN_NOT, RN_TOKEN_IDENT,
           RN_TOKEN_IDENT);
    struct fixture f;
    lex(&f, "same other same");
    assert_int_equal(f.tokens.items[1].value, f.tokens.items[3].value);
    assert_int_not_equal(f.tokens.items[1].value, f.tokens.items[2].value);
    rn_arena_done(&f.arena);
}

static void test_numbers(void **state)
{
    (void)state;
    EXPECT("1..2", RN_TOKEN_NUMBER, RN_TOKEN_DOT_DOT, RN_TOKEN_NUMBER);
    EXPECT("1.foo", RN_TOKEN_NUMBER, RN_TOKEN_DOT, RN_TOKEN_IDENT);
    EXPECT("1._x", RN_TOKEN_NUMBER, RN_TOKEN_DOT, RN_TOKEN_IDENT);
    EXPECT("a.0.1", RN_TOKEN_IDENT, RN_TOKEN_DOT, RN_TOKEN_NUMBER);
    EXPECT("1. 1.5e-3 0xe+1", RN_TOKEN_NUMBER, RN_TOKEN_NUMBER, RN_TOKEN_NUMBER, RN_TOKEN_PLUS,
           RN_TOKEN_NUMBER);
    EXPECT("1_000u64 0b1_1 1e5", RN_TOKEN_NUMBER, RN_TOKEN_NUMBER, RN_TOKEN_NUMBER);
}

static void test_quoted(void **state)
{
    (void)state;
    EXPECT("'a' 'a '\\'' b'\\\\' b'\\'' \"x\\\"y\" b\"z\"", RN_TOKEN_CHAR, RN_TOKEN_LABEL,
           RN_TOKEN_CHAR, RN_TOKEN_BYTE, RN_TOKEN_BYTE, RN_TOKEN_STRING, RN_TOKEN_BYTE_STRING);
    EXPECT("'my_label", RN_TOKEN_LABEL, RN_TOKEN_IDENT);
    EXPECT("'outer: loop", RN_TOKEN_LABEL, RN_TOKEN_COLON, RN_TOKEN_LOOP);
}

static void test_templates(void **state)
{
    (void)state;
    EXPECT("`a ${b} c`", RN_TOKEN_TEMPLATE_OPEN, RN_TOKEN_TEMPLATE_TEXT, RN_TOKEN_HOLE_OPEN,
           RN_TOKEN_IDENT, RN_TOKEN_HOLE_CLOSE, RN_TOKEN_TEMPLATE_TEXT, RN_TOKEN_TEMPLATE_CLOSE);
    EXPECT("`${ #{a: `${{1}}`} }`", RN_TOKEN_TEMPLATE_OPEN, RN_TOKEN_HOLE_OPEN, RN_TOKEN_POUND,
           RN_TOKEN_BRACE_OPEN, RN_TOKEN_IDENT, RN_TOKEN_COLON, RN_TOKEN_TEMPLATE_OPEN,
           RN_TOKEN_HOLE_OPEN, RN_TOKEN_BRACE_OPEN, RN_TOKEN_NUMBER, RN_TOKEN_BRACE_CLOSE,
           RN_TOKEN_HOLE_CLOSE, RN_TOKEN_TEMPLATE_CLOSE, RN_TOKEN_BRACE_CLOSE, RN_TOKEN_HOLE_CLOSE,
           RN_TOKEN_TEMPLATE_CLOSE);
    EXPECT("`\\` \\$`", RN_TOKEN_TEMPLATE_OPEN, RN_TOKEN_TEMPLATE_TEXT, RN_TOKEN_TEMPLATE_CLOSE);
}

static void test_comments(void **state)
{
    (void)state;
    EXPECT("#!shebang\n// a\n/// doc\n//// no\n//! inner\n/**/ /***/ /** d */ /*! i */ /* /* */ x",
           RN_TOKEN_DOC_OUTER, RN_TOKEN_DOC_INNER, RN_TOKEN_DOC_OUTER, RN_TOKEN_DOC_INNER,
           RN_TOKEN_IDENT);
}

static void test_partners(void **state)
{
    (void)state;
    struct fixture f;
    lex(&f, "( [ { ) x");
    assert_int_equal(f.tokens.items[1].value, 4);
    assert_int_equal(f.tokens.items[2].value, 0);
    assert_int_equal(f.tokens.items[3].value, 0);
    rn_arena_done(&f.arena);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rn_diagnostic_code code;
        uint32_t start;
    } rows[] = {
        {"a \xe2\x82\xac", RN_DIAGNOSTIC_UNEXPECTED_CHAR, 2},
        {"\x01", RN_DIAGNOSTIC_UNEXPECTED_CHAR, 0},
        {"`a $b`", RN_DIAGNOSTIC_UNEXPECTED_CHAR, 4},
        {"x \"abc", RN_DIAGNOSTIC_UNTERMINATED_STRING, 2},
        {"b\"abc", RN_DIAGNOSTIC_UNTERMINATED_BYTES, 0},
        {"'\n", RN_DIAGNOSTIC_EXPECTED_CHAR_OR_LABEL, 0},
        {"'\xc3\xa9\n", RN_DIAGNOSTIC_UNTERMINATED_CHAR, 0},
        {"''", RN_DIAGNOSTIC_EXPECTED_CHAR_CLOSE, 0},
        {"b'\n", RN_DIAGNOSTIC_UNTERMINATED_BYTE, 0},
        {"b'a", RN_DIAGNOSTIC_EXPECTED_BYTE_CLOSE, 0},
        {"'\\", RN_DIAGNOSTIC_EXPECTED_ESCAPE, 1},
        {"\"\\", RN_DIAGNOSTIC_EXPECTED_ESCAPE, 1},
        {" /* ", RN_DIAGNOSTIC_UNTERMINATED_COMMENT, 1},
        {"` ${", RN_DIAGNOSTIC_UNTERMINATED_TEMPLATE, 0},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        struct fixture f;
        lex(&f, rows[i].text);
        uint32_t at = 1;
        while (f.tokens.items[at].kind != RN_TOKEN_ERROR) {
            assert_int_not_equal(f.tokens.items[at].kind, RN_TOKEN_EOF);
            at++;
        }
        assert_int_equal(f.tokens.items[at].value, rows[i].code);
        assert_int_equal(f.tokens.items[at].start, rows[i].start);
        rn_arena_done(&f.arena);
    }
}

static void test_symbols(void **state)
{
    (void)state;
    struct fixture f;
    lex(&f, "");
    char names[3000][8];
    rn_symbol symbols[3000];
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        memcpy(names[i], "n0000000", 8);
        for (size_t digit = 7, rest = i; rest > 0; rest /= 10) {
            names[i][digit--] = (char)('0' + rest % 10);
        }
        symbols[i] = rn_symbols_intern(&f.symbols, names[i], 8);
        assert_int_not_equal(symbols[i], 0);
    }
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        assert_int_equal(rn_symbols_find(&f.symbols, names[i], 8), symbols[i]);
        assert_memory_equal(rn_symbol_text(&f.symbols, symbols[i]).data, names[i], 8);
    }
    assert_int_equal(rn_symbols_find(&f.symbols, "absent", 6), 0);
    rn_arena_done(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_words),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_templates), cmocka_unit_test(test_comments),
        cmocka_unit_test(test_partners),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
