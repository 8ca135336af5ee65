/* Trees as the grammar has them, what is refused where, recovery, limits, and every conformance
 * script. */
#include "base/alloc.h"
#include "compiler/lexer.h"
#include "compiler/parser.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct rn_arena arena;
    struct rn_symbols symbols;
    struct rn_diagnostics diagnostics;
    struct rn_tokens tokens;
    struct rn_ast_file *file;
};

static void parse(struct fixture *f, const char *text, size_t size, bool script)
{
    rn_arena_init(&f->arena, 256u << 20);
    rn_diagnostics_init(&f->diagnostics);
    uint32_t index;
    assert_int_equal(rn_diagnostics_add_source(&f->diagnostics, "test.rn", text, size, &index),
                     RN_OK);
    assert_int_equal(rn_symbols_init(&f->symbols, &f->arena), RN_OK);
    assert_int_equal(rn_lexer_keywords(&f->symbols), RN_OK);
    assert_int_equal(
        rn_lex(&f->symbols, index, f->diagnostics.sources[index].text, true, &f->tokens), RN_OK);
    struct rn_parser_input input = {&f->arena, &f->symbols, &f->diagnostics};
    assert_int_equal(rn_parse_file(&input, &f->tokens, script, &f->file), RN_OK);
}

static void done(struct fixture *f)
{
    rn_diagnostics_done(&f->diagnostics);
    rn_arena_done(&f->arena);
}

/* ---- Expressions as text, every grouping made visible ---- */

static void show(const struct fixture *f, const struct rn_ast_expr *expr, struct rn_buf *out);

static void show_source(const struct fixture *f, struct rn_span span, struct rn_buf *out)
{
    rn_buf_append(out, f->tokens.text.data + span.start, span.end - span.start);
}

static void show_list(const struct fixture *f, struct rn_ast_expr *const *items, uint32_t count,
                      struct rn_buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        rn_buf_append_text(out, i == 0 ? "" : ", ");
        show(f, items[i], out);
    }
}

static void show_pair(const struct fixture *f, const struct rn_ast_expr *left, const char *between,
                      const struct rn_ast_expr *right, struct rn_buf *out)
{
    rn_buf_append_text(out, "(");
    if (left != NULL) {
        show(f, left, out);
    }
    rn_buf_append_text(out, between);
    if (right != NULL) {
        show(f, right, out);
    }
    rn_buf_append_text(out, ")");
}

static void show(const struct fixture *f, const struct rn_ast_expr *expr, struct rn_buf *out)
{
    char op[8] = {0};
    switch ((int)expr->kind) {
    case RN_EXPR_UNARY:
        rn_buf_append_text(out, "(");
        show_source(f, expr->unary.op_span, out);
        show_pair(f, NULL, "", expr->unary.operand, out);
        rn_buf_append_text(out, ")");
        return;
    case RN_EXPR_BINARY:
        snprintf(op, sizeof op, "%.*s",
                 (int)(expr->binary.op_span.end - expr->binary.op_span.start),
                 f->tokens.text.data + expr->binary.op_span.start);
        show_pair(f, expr->binary.left, expr->binary.op == RN_BINARY_IS_NOT ? "is not" : op,
                  expr->binary.right, out);
        return;
    case RN_EXPR_ASSIGN:
        show_pair(f, expr->assign.target, "=", expr->assign.value, out);
        return;
    case RN_EXPR_RANGE:
        show_pair(f, expr->range.start, expr->range.limits == RN_LIMITS_CLOSED ? "..=" : "..",
                  expr->range.end, out);
        return;
    case RN_EXPR_CALL:
        show(f, expr->call.callee, out);
        rn_buf_append_text(out, "(");
        show_list(f, expr->call.args, expr->call.count, out);
        rn_buf_append_text(out, ")");
        return;
    case RN_EXPR_INDEX:
        show(f, expr->index.target, out);
        rn_buf_append_text(out, "[");
        show(f, expr->index.index, out);
        rn_buf_append_text(out, "]");
        return;
    case RN_EXPR_FIELD:
        show(f, expr->field.target, out);
        rn_buf_append_text(out, ".");
        show_source(f, expr->field.name.span, out);
        return;
    case RN_EXPR_TUPLE_FIELD:
        show(f, expr->tuple_field.target, out);
        rn_buf_append_text(out, ".");
        show_source(f, expr->tuple_field.number_span, out);
        return;
    case RN_EXPR_TRY:
        show(f, expr->inner, out);
        rn_buf_append_text(out, "?");
        return;
    case RN_EXPR_AWAIT:
        show(f, expr->inner, out);
        rn_buf_append_text(out, ".await");
        return;
    case RN_EXPR_GROUP:
        rn_buf_append_text(out, "<");
        show(f, expr->inner, out);
        rn_buf_append_text(out, ">");
        return;
    case RN_EXPR_TUPLE:
        rn_buf_append_text(out, "tuple{");
        show_list(f, expr->list.items, expr->list.count, out);
        rn_buf_append_text(out, "}");
        return;
    case RN_EXPR_RETURN:
        show_pair(f, NULL, "return ", expr->inner, out);
        return;
    case RN_EXPR_BREAK:
        show_pair(f, NULL, expr->jump.label.symbol != 0 ? "break ' " : "break ", expr->jump.value,
                  out);
        return;
    default:
        show_source(f, expr->span, out);
        return;
    }
}

static void expect_tree(const char *text, const char *expected)
{
    struct fixture f;
    parse(&f, text, strlen(text), true);
    if (f.diagnostics.error_count != 0) {
        fail_msg("`%s`: %.*s", text, (int)f.diagnostics.first->message.size,
                 f.diagnostics.first->message.data);
    }
    assert_int_equal(f.file->body->stmt_count, 1);
    struct rn_buf out;
    rn_buf_init(&out, 4096);
    show(&f, f.file->body->stmts[0].expr, &out);
    rn_buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    rn_buf_done(&out);
    done(&f);
}

static void test_precedence(void **state)
{
    (void)state;
    expect_tree("1 + 2 * 3 - 4", "((1+(2*3))-4)");
    expect_tree("a * b as f64", "(a*(basf64))");
    expect_tree("a is not B && c", "((ais notB)&&c)");
    expect_tree("a | b ^ c & d << 1", "(a|(b^(c&(d<<1))))");
    expect_tree("a || b && c == d", "(a||(b&&(c==d)))");
    expect_tree("-a.b()", "(-(a.b()))");
    expect_tree("-1.abs()", "(-(1.abs()))");
    expect_tree("-1 - -2", "(-1--2)");
    expect_tree("!a == b", "((!(a))==b)");
    expect_tree("x += 1 + 2", "(x+=(1+2))");
}

static void test_assignment_is_a_suffix(void **state)
{
    (void)state;
    expect_tree("1 + a = 2", "(1+(a=2))");
    expect_tree("a = b = c", "(a=(b=c))");
    expect_tree("!a = b", "(!((a=b)))");
    expect_tree("a.b[0] = 1 + 2", "(a.b[0]=(1+2))");
}

static void test_ranges(void **state)
{
    (void)state;
    expect_tree("0..a + 1", "(0..(a+1))");
    expect_tree("1 + 2..3", "((1+2)..3)");
    expect_tree("..", "(..)");
    expect_tree("..=5", "(..=5)");
    expect_tree("f(a.., 1)", "f((a..), 1)");
}

static void test_suffixes(void **state)
{
    (void)state;
    expect_tree("a.b(1)?.0.await[2]", "a.b(1)?.0.await[2]");
    expect_tree("(f)(x)", "<f>(x)");
    expect_tree("(a,)", "tuple{a}");
    expect_tree("()", "tuple{}");
    expect_tree("if a {} else {} .b", "if a {} else {}.b");
    expect_tree("return 1 + 2", "(return (1+2))");
    expect_tree("'a: loop { break 'a 1 }", "'a: loop { break 'a 1 }");
    expect_tree("break 'a b", "(break ' b)");
}

static void test_statements_that_look_like_calls(void **state)
{
    (void)state;
    static const char text[] = "if a {} (1); match a {} [2]; loop {} (3); { } (4)";
    struct fixture f;
    parse(&f, text, strlen(text), true);
    assert_int_equal(f.diagnostics.error_count, 0);
    assert_int_equal(f.file->body->stmt_count, 8);
    done(&f);
}

static void test_items_leave_statements(void **state)
{
    (void)state;
    static const char text[] = "let a = 1; fn f() {} struct S; a";
    struct fixture f;
    parse(&f, text, strlen(text), true);
    assert_int_equal(f.diagnostics.error_count, 0);
    assert_int_equal(f.file->body->stmt_count, 2);
    assert_int_equal(f.file->body->item_count, 2);
    assert_int_equal(f.file->body->items[1]->kind, RN_AST_STRUCT);
    done(&f);
}

static void test_file_items(void **state)
{
    (void)state;
    static const char text[] =
        "//! doc\n#[doc = \"x\"] pub(crate) fn f(self, (a, _), #{b: [c, ..]}) -> Vec::<i64> {}\n"
        "pub struct A; struct B(x, y); struct C { x, #[doc] y } enum E { U, T(a), N { b } }\n"
        "impl a::B { pub async fn g() {} } mod m { use super::*; } mod file;\n"
        "const X = 1; static Y; static Z = 2; use a::{b as c, d::*, self}; m!{ x } n!(y);";
    struct fixture f;
    parse(&f, text, strlen(text), false);
    if (f.diagnostics.error_count != 0) {
        fail_msg("%.*s", (int)f.diagnostics.first->message.size, f.diagnostics.first->message.data);
    }
    static const enum rn_ast_item_kind kinds[] = {
        RN_AST_FN,     RN_AST_STRUCT, RN_AST_STRUCT,     RN_AST_STRUCT,     RN_AST_ENUM,
        RN_AST_IMPL,   RN_AST_MOD,    RN_AST_MOD,        RN_AST_CONST,      RN_AST_STATIC,
        RN_AST_STATIC, RN_AST_USE,    RN_AST_MACRO_ITEM, RN_AST_MACRO_ITEM,
    };
    assert_int_equal(f.file->items.count, RN_COUNT_OF(kinds));
    for (uint32_t i = 0; i < f.file->items.count; i++) {
        assert_int_equal(f.file->items.items[i]->kind, kinds[i]);
    }
    const struct rn_ast_item *fn = f.file->items.items[0];
    assert_int_equal(fn->visibility.kind, RN_VISIBILITY_CRATE);
    assert_int_equal(fn->fn.param_count, 3);
    assert_true(fn->fn.params[0].is_self);
    assert_true(fn->fn.has_return_type);
    assert_int_equal(f.file->attributes.count, 1);
    const struct rn_ast_use *use = f.file->items.items[11]->use;
    assert_int_equal(use->kind, RN_USE_GROUP);
    assert_int_equal(use->group_count, 3);
    assert_int_equal(use->group[1]->kind, RN_USE_GLOB);
    done(&f);
}

static void test_literals(void **state)
{
    (void)state;
    static const char text[] =
        "[-9223372036854775808, 255u8, 1_0.5, 0x_ff, '\\u{1f600}', b'\\xff', "
        "\"a\\\n   b\\x41\", b\"\\xff\", 1f64, -128i8, true, 2e3]";
    struct fixture f;
    parse(&f, text, strlen(text), true);
    assert_int_equal(f.diagnostics.error_count, 0);
    struct rn_ast_expr *const *items = f.file->body->stmts[0].expr->list.items;
    assert_true(items[0]->literal.i64 == INT64_MIN);
    assert_int_equal(items[1]->literal.kind, RN_LITERAL_U64);
    assert_true(items[2]->literal.f64 == 10.5);
    assert_int_equal(items[3]->literal.i64, 255);
    assert_int_equal(items[4]->literal.character, 0x1f600);
    assert_int_equal(items[5]->literal.u64, 255);
    assert_int_equal(items[6]->literal.text.size, 3);
    assert_memory_equal(items[6]->literal.text.data, "abA", 3);
    assert_memory_equal(items[7]->literal.text.data, "\xff", 1);
    assert_true(items[8]->literal.f64 == 1.0);
    assert_int_equal(items[9]->literal.i64, -128);
    assert_true(items[10]->literal.boolean);
    assert_true(items[11]->literal.f64 == 2000.0);
    done(&f);
}

/* ---- Refusals: code and place of the first error ---- */

struct refusal {
    const char *text;
    enum rn_diagnostic_code code;
    uint32_t start;
};

static void expect_refusals(const struct refusal *rows, size_t count, bool script)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        parse(&f, rows[i].text, strlen(rows[i].text), script);
        if (f.diagnostics.first == NULL || f.diagnostics.first->code != rows[i].code ||
            f.diagnostics.first->span.start != rows[i].start) {
            fail_msg("`%s` gives %s at %u", rows[i].text,
                     f.diagnostics.first == NULL
                         ? "nothing"
                         : rn_diagnostic_infos[f.diagnostics.first->code].name,
                     f.diagnostics.first == NULL ? 0 : f.diagnostics.first->span.start);
        }
        assert_int_equal(f.diagnostics.error_count, 1);
        done(&f);
    }
}

static void test_refused_statements(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"let a = ;", RN_DIAGNOSTIC_EXPECTED, 8},
        {"let mut a = 1;", RN_DIAGNOSTIC_UNSUPPORTED_MUT, 4},
        {"a < b < c", RN_DIAGNOSTIC_PRECEDENCE_GROUP_REQUIRED, 0},
        {"x as A as B", RN_DIAGNOSTIC_PRECEDENCE_GROUP_REQUIRED, 0},
        {"a += b += c", RN_DIAGNOSTIC_PRECEDENCE_GROUP_REQUIRED, 0},
        {"a.match", RN_DIAGNOSTIC_BAD_FIELD_ACCESS, 1},
        {"a.b::c", RN_DIAGNOSTIC_BAD_FIELD_ACCESS, 2},
        {"1 2", RN_DIAGNOSTIC_EXPECTED_BLOCK_SEMI, 0},
        {"return match a {}", RN_DIAGNOSTIC_EXPECTED_BLOCK_SEMI, 0},
        {"'a: if b {}", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"async [1]", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"(const || 1)", RN_DIAGNOSTIC_CLOSURE_KIND, 1},
        {"move {}", RN_DIAGNOSTIC_MOVE_BLOCK, 0},
        {"async const {}", RN_DIAGNOSTIC_BLOCK_CONST_ASYNC, 0},
        {"'a: async {}", RN_DIAGNOSTIC_LABELLED_BLOCK, 0},
        {"#[x] 1", RN_DIAGNOSTIC_ATTRIBUTES, 0},
        {"/// doc\nlet a = 1;", RN_DIAGNOSTIC_ATTRIBUTES, 0},
        {"m!(a", RN_DIAGNOSTIC_UNCLOSED_DELIMITER, 2},
        {"m!(\"a", RN_DIAGNOSTIC_UNTERMINATED_STRING, 3},
        {"if A { x: 1 } {}", RN_DIAGNOSTIC_EXPECTED, 8},
        {"f(a b)", RN_DIAGNOSTIC_EXPECTED, 4},
        {"[1, , 2]", RN_DIAGNOSTIC_EXPECTED, 4},
        {"match a { 1 => 2 3 => 4 }", RN_DIAGNOSTIC_EXPECTED, 17},
        {"if a { b();", RN_DIAGNOSTIC_EXPECTED, 11},
        {"'ab'", RN_DIAGNOSTIC_BAD_CHAR, 0},
        {"b'\xc3\xa9'", RN_DIAGNOSTIC_BAD_BYTE, 0},
        {"\"\\q\"", RN_DIAGNOSTIC_BAD_ESCAPE, 1},
        {"\"\\x80\"", RN_DIAGNOSTIC_BAD_HEX_ESCAPE, 1},
        {"\"\\u{d800}\"", RN_DIAGNOSTIC_BAD_UNICODE_ESCAPE, 1},
        {"b\"\\u{1}\"", RN_DIAGNOSTIC_UNICODE_ESCAPE_IN_BYTES, 2},
        {"\"\\xg0\"", RN_DIAGNOSTIC_BAD_BYTE_ESCAPE, 1},
        {"0b2", RN_DIAGNOSTIC_BAD_NUMBER, 0},
        {"18446744073709551616", RN_DIAGNOSTIC_BAD_NUMBER, 0},
        {"1e", RN_DIAGNOSTIC_BAD_FLOAT, 0},
        {"1usize", RN_DIAGNOSTIC_UNSUPPORTED_SUFFIX, 1},
        {"9223372036854775808", RN_DIAGNOSTIC_SIGNED_OUT_OF_BOUNDS, 0},
        {"-129i8", RN_DIAGNOSTIC_SIGNED_OUT_OF_BOUNDS, 0},
        {"256u8", RN_DIAGNOSTIC_UNSIGNED_OUT_OF_BOUNDS, 0},
        {"-1u64", RN_DIAGNOSTIC_UNSIGNED_OUT_OF_BOUNDS, 0},
    };
    expect_refusals(rows, RN_COUNT_OF(rows), true);
}

static void test_refused_items(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"1", RN_DIAGNOSTIC_EXPECTED, 0},
        {"fn f() {", RN_DIAGNOSTIC_EXPECTED, 8},
        {"fn f {}", RN_DIAGNOSTIC_EXPECTED, 5},
        {"const fn = 1;", RN_DIAGNOSTIC_EXPECTED, 9},
        {"const struct A;", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"static fn f() {}", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"pub impl A {}", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"pub", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"#[a]", RN_DIAGNOSTIC_UNSUPPORTED, 0},
        {"struct A(x)", RN_DIAGNOSTIC_EXPECTED, 11},
        {"use a as _;", RN_DIAGNOSTIC_EXPECTED, 9},
        {"enum E { 1 }", RN_DIAGNOSTIC_EXPECTED, 9},
        {"mod m { fn f() { let } }", RN_DIAGNOSTIC_EXPECTED, 21},
        {"pub(in a) fn f(,) {}", RN_DIAGNOSTIC_EXPECTED, 15},
    };
    expect_refusals(rows, RN_COUNT_OF(rows), false);
}

static void test_recovery(void **state)
{
    (void)state;
    // One error per broken statement, arm, function; what is fine is kept.
    static const char text[] = "fn a() { let x = ; let y = (1; foo(2 3); z }\n"
                               "fn b( { }\n"
                               "impl A { fn c() { 1 + } fn d() { } }\n"
                               "fn e() { match x { 1 = 2, 3 => 4, => 5 } }\n"
                               "struct S { a b }\n"
                               "fn good() { 1 }\n";
    struct fixture f;
    parse(&f, text, strlen(text), false);
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    struct rn_render_options options = {0};
    rn_diagnostics_render(&f.diagnostics, &options, &out);
    uint32_t lines[8] = {0};
    for (const struct rn_diagnostic *d = f.diagnostics.first; d != NULL; d = d->next) {
        lines[rn_source_position(&f.diagnostics.sources[0], d->span.start).line]++;
    }
    rn_buf_done(&out);
    assert_int_equal(lines[1], 3);
    assert_int_equal(lines[2], 1);
    assert_int_equal(lines[3], 1);
    assert_int_equal(lines[4], 2);
    assert_int_equal(lines[5], 1);
    assert_int_equal(lines[6], 0);
    const struct rn_ast_item *last = f.file->items.items[f.file->items.count - 1];
    assert_int_equal(last->kind, RN_AST_FN);
    assert_int_equal(last->fn.body->stmt_count, 1);
    done(&f);
}

/* `before`, `count` times `open`, an expression, `count` times `close`. */
static uint32_t errors_of_nest(const char *before, const char *open, const char *close,
                               size_t count)
{
    struct rn_buf text;
    rn_buf_init(&text, 1u << 20);
    rn_buf_append_text(&text, before);
    for (size_t i = 0; i < count; i++) {
        rn_buf_append_text(&text, open);
    }
    rn_buf_append_text(&text, "a");
    for (size_t i = 0; i < count; i++) {
        rn_buf_append_text(&text, close);
    }
    struct fixture f;
    parse(&f, (const char *)text.data, text.size, true);
    uint32_t errors = f.diagnostics.error_count;
    if (errors != 0) {
        assert_int_equal(f.diagnostics.first->code, RN_DIAGNOSTIC_NESTING);
    }
    done(&f);
    rn_buf_done(&text);
    return errors;
}

static void test_limits(void **state)
{
    (void)state;
    static const char *const nests[][3] = {
        {"", "(", ")"},    {"", "[", "]"},        {"", "{", "}"},     {"", "!", ""},
        {"", "f(", ")"},   {"", "|| ", ""},       {"", "a = ", ""},   {"", "if a {", "}"},
        {"", "`${", "}`"}, {"", "a[", "]"},       {"", "#{a: ", "}"}, {"", "match a { _ => ", "}"},
        {"", "a::<", ">"}, {"if let ", "(", ")"}, {"a..", "a..", ""},
    };
    for (size_t i = 0; i < RN_COUNT_OF(nests); i++) {
        assert_true(errors_of_nest(nests[i][0], nests[i][1], nests[i][2], 5000) >= 1);
    }
    assert_int_equal(errors_of_nest("", "(", ")", 200), 0);
    assert_int_equal(errors_of_nest("", "f(", ")", 200), 0);
    assert_int_equal(errors_of_nest("", "a + ", "", 900), 0);
    assert_int_equal(errors_of_nest("", "a + ", "", 5000), 1);
    assert_int_equal(errors_of_nest("", "", ".b", 5000), 1);
}

static void test_macro_arguments(void **state)
{
    (void)state;
    static const char text[] = "m!(\"{}\", a + 1, name = b == c, x = 2,)";
    struct fixture f;
    parse(&f, text, strlen(text), true);
    struct rn_parser_input input = {&f.arena, &f.symbols, &f.diagnostics};
    const struct rn_ast_macro *macro = f.file->body->stmts[0].expr->macro;
    struct rn_ast_macro_arg *args;
    uint32_t count;
    bool good;
    struct rn_macro_mode mode = {.named_from = 1};
    assert_int_equal(rn_parse_macro_args(&input, &macro->input, mode, &args, &count, &good), RN_OK);
    assert_true(good);
    assert_int_equal(count, 4);
    assert_int_equal(args[1].name.symbol, 0);
    assert_int_not_equal(args[2].name.symbol, 0);
    assert_int_equal(args[2].expr->binary.op, RN_BINARY_EQ);
    assert_int_equal(args[3].expr->literal.i64, 2);
    done(&f);
}

/* ---- The conformance scripts ---- */

static uint32_t parse_script_file(const char *path)
{
    static char text[1 << 18];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct fixture f;
    parse(&f, text, size, false);
    uint32_t errors = f.diagnostics.error_count;
    if (errors != 0) {
        print_message("%s: %.*s\n", path, (int)f.diagnostics.first->message.size,
                      f.diagnostics.first->message.data);
    }
    done(&f);
    return errors;
}

static void parse_folder(const char *folder, unsigned *count)
{
    char path[1024];
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (size > 3 && strcmp(entry->d_name + size - 3, ".rn") == 0) {
            assert_int_equal(parse_script_file(path), 0);
            (*count)++;
        } else if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                   strcmp(entry->d_name, "compile_errors") != 0) {
            parse_folder(path, count);
        }
    }
    closedir(dir);
}

static void test_conformance(void **state)
{
    (void)state;
    unsigned count = 0;
    parse_folder(RN_CONFORMANCE, &count);
    assert_true(count > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_assignment_is_a_suffix),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_suffixes),
        cmocka_unit_test(test_statements_that_look_like_calls),
        cmocka_unit_test(test_items_leave_statements),
        cmocka_unit_test(test_file_items),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_refused_statements),
        cmocka_unit_test(test_refused_items),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_macro_arguments),
        cmocka_unit_test(test_conformance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
