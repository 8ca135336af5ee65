/*
 * The formatter: what each rule does to a text, what is refused, and, for every script in the tree,
 * that the result stays as it is when formatted again and compiles to the same.
 */
#include "base/alloc.h"
#include "bytecode/disasm.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "compiler/format.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct result {
    enum rn_error error;
    struct rn_buf out;
    struct rn_diagnostics diagnostics;
};

static void format_with(struct result *r, const struct rn_format_input *input)
{
    rn_diagnostics_init(&r->diagnostics);
    rn_buf_init(&r->out, 64u << 20);
    r->error = rn_format(input, &r->diagnostics, &r->out);
}

static void result_done(struct result *r)
{
    rn_buf_done(&r->out);
    rn_diagnostics_done(&r->diagnostics);
}

static void expect_with(struct rn_format_input input, const char *text, const char *expected)
{
    struct result r;
    input.name = "test.rn";
    input.text = text;
    input.size = strlen(text);
    format_with(&r, &input);
    assert_int_equal(r.error, RN_OK);
    rn_buf_append_u8(&r.out, 0);
    assert_string_equal((const char *)r.out.data, expected);
    result_done(&r);
}

static void expect(const char *text, const char *expected)
{
    expect_with((struct rn_format_input){0}, text, expected);
    expect_with((struct rn_format_input){0}, expected, expected);
}

static void expect_same(const char *text)
{
    expect(text, text);
}

/* ---- Rules ---- */

static void test_spaces(void **state)
{
    (void)state;
    expect("let a=( 42*20 )+52/2 ;", "let a = (42 * 20) + 52 / 2;\n");
    expect("value .   field\n[ 42 ]", "value.field[42]\n");
    expect("value.field( 1,2 ).await ?;", "value.field(1, 2).await?;\n");
    expect("for _ in 121/10 ..= 1*2-100 { x ( ) }",
           "for _ in 121 / 10..=1 * 2 - 100 {\n    x()\n}\n");
    expect("let a = - x; let b = ! y; let c = & z; let d = * w;",
           "let a = -x;\nlet b = !y;\nlet c = &z;\nlet d = *w;\n");
    expect("let x = a is not  B; let y = c  as D;", "let x = a is not B;\nlet y = c as D;\n");
    expect("let a = ::b :: c::<D , E::<F>>  (1);", "let a = ::b::c::<D, E::<F>>(1);\n");
    expect("a+=1;b<<=2;c=d;", "a += 1;\nb <<= 2;\nc = d;\n");
}

static void test_tokens_stay_apart(void **state)
{
    (void)state;
    expect("let f = | | 1;", "let f = | | 1;\n");
    expect("let f = ||1;", "let f = || 1;\n");
    expect("& &a", "& &a\n");
    expect("1 . abs ( )", "1.abs()\n");
    expect("a.0 .1", "a.0 .1\n");
    expect("1. ..2", "1. ..2\n");
    expect("- -a", "--a\n");
}

static void test_lists(void **state)
{
    (void)state;
    expect("foo(\n    [1, 2, 3,]\n);", "foo([1, 2, 3]);\n");
    expect("let (a,)=(a,);", "let (a,) = (a,);\n");
    expect("let #{a,b:c}=#{ };", "let #{ a, b: c } = #{};\n");
    expect("let x = Foo{a,b:1,};", "let x = Foo { a, b: 1 };\n");
    expect("let Foo { a, .., } = b;", "let Foo { a, .. } = b;\n");
    expect("call_with_a_long_name(first_argument_of_it, second_argument_of_it, third_argument);",
           "call_with_a_long_name(\n    first_argument_of_it,\n    second_argument_of_it,\n"
           "    third_argument,\n);\n");
    expect(
        "let v = [1111111, 2222222, 3333333, 4444444, 5555555, 6666666, 7777777, 8888888, 99999];",
        "let v = [\n    1111111, 2222222, 3333333, 4444444, 5555555, 6666666, 7777777, 8888888,\n"
        "    99999,\n];\n");
}

static void test_chains(void **state)
{
    (void)state;
    expect("let it = values.iter().map(|value| value * 2).filter(|value| value % 3 == "
           "0).collect::<Vec>();",
           "let it = values\n    .iter()\n    .map(|value| value * 2)\n"
           "    .filter(|value| value % 3 == 0)\n    .collect::<Vec>();\n");
    expect("a.b().each(|x| { x });", "a.b().each(|x| {\n    x\n});\n");
    expect("let x = aaaaaaaaaaaaaaaaaaaaaaaaa && bbbbbbbbbbbbbbbbbbbbbbbbbbbb && "
           "ccccccccccccccccccccc;",
           "let x = aaaaaaaaaaaaaaaaaaaaaaaaa\n    && bbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
           "    && ccccccccccccccccccccc;\n");
}

static void test_blocks(void **state)
{
    (void)state;
    expect("fn main(){let x=1;let y=2;   x + y}fn foo(){}",
           "fn main() {\n    let x = 1;\n    let y = 2;\n\n    x + y\n}\n\nfn foo() {}\n");
    expect_same("fn foo() {\n    let x = 1;\n    let y = 2;\n    x + y\n}\n");
    expect("while a {}", "while a {\n}\n");
    expect("if a {1} else if b {2} else {3}",
           "if a {\n    1\n} else if b {\n    2\n} else {\n    3\n}\n");
    expect("match a {(1,2)=>{true},B if c=>false}",
           "match a {\n    (1, 2) => {\n        true\n    }\n    B if c => false,\n}\n");
    expect("match a { B => {}, (c, d) => {} }", "match a {\n    B => {},\n    (c, d) => {}\n}\n");
    expect("match a { Refused::Funds { wanted, there } => `${wanted} are wanted, ${there} are "
           "there, sorry` }",
           "match a {\n    Refused::Funds { wanted, there } =>\n"
           "        `${wanted} are wanted, ${there} are there, sorry`,\n}\n");
    expect("let r = select{Some(v)=a=>v,default=>b,};",
           "let r = select {\n    Some(v) = a => v,\n    default => b,\n};\n");
    expect("let o = 'a: {break 'a 1;};", "let o = 'a: {\n    break 'a 1;\n};\n");
    expect("let f = async move |a, b,| {}; let g = async {};",
           "let f = async move |a, b| {};\nlet g = async {};\n");
    expect("a();\n\n\n\nb();", "a();\n\nb();\n");
}

static void test_items(void **state)
{
    (void)state;
    expect("struct A{b,c,}struct D(e,);struct F;enum G{H,I(j),K{l}}enum M{}",
           "struct A {\n    b,\n    c,\n}\nstruct D(e);\nstruct F;\n\nenum G {\n    H,\n    I(j),\n"
           "    K {\n        l,\n    },\n}\nenum M {}\n");
    expect("use a::{b};use a::{b,c::*,d as e};use a::{self};use {f};",
           "use a::b;\nuse a::{b, c::*, d as e};\nuse a::{self};\nuse f;\n");
    expect("pub ( crate ) async  fn  a( self,b ){}const A=1;static B=[1,2];static C;",
           "pub(crate) async fn a(self, b) {}\n\nconst A = 1;\n\nstatic B = [1, 2];\nstatic C;\n");
    expect("impl A::B{fn c(self){42}}\nmod d{//! D\nfn e(){}}mod f;",
           "impl A::B {\n    fn c(self) {\n        42\n    }\n}\nmod d {\n    //! D\n    fn e() "
           "{}\n}\n\n"
           "mod f;\n");
    expect("#[test] /// Says.   \npub fn a(){};fn b(){}",
           "#[test]\n/// Says.\npub fn a() {}\n\nfn b() {}\n");
}

static void test_semicolons(void **state)
{
    (void)state;
    expect("fn a() { if b {}; c(); if d {}; }",
           "fn a() {\n    if b {\n    }\n\n    c();\n\n    if d {\n    };\n}\n");
    expect("fn a() { if b {}; (c)(); }", "fn a() {\n    if b {\n    };\n\n    (c)();\n}\n");
}

static void test_comments(void **state)
{
    (void)state;
    expect_same(
        "pub fn main() {\n    // test 1\n    if true {\n        // test 2.1\n        let a = 1;\n"
        "        // test 2.2\n    }\n    // test 3\n}\n");
    expect_same("let a = 1; // one\n\n// two\n\nlet b = 2;\n// end\n");
    expect("(/* a */ a/* b */);[/* a *//* b */]/* c */;",
           "(/* a */ a /* b */);\n[/* a */ /* b */] /* c */;\n");
    expect("let a/* in the middle */=10;", "let a /* in the middle */ = 10;\n");
    expect("f(a, // first\nb // second\n)", "f(\n    a, // first\n    b, // second\n)\n");
    expect("let x = a // why\n;", "let x = a; // why\n");
    expect("fn a() {\n  /* one\n     two\n   */\n  b()\n}",
           "fn a() {\n    /* one\n       two\n     */\n    b()\n}\n");
    expect_same("match a {\n    // A\n    B => 10,\n\n    // C\n}\n");
    expect_same("#!/usr/bin/env runeward\n\n// A\nfn a() {}\n");
    expect("// only   \n\n\n", "// only\n");
    expect_same("// head\n\n// more\n\nfn a() {}\n");
    expect("", "");
}

static void test_verbatim(void **state)
{
    (void)state;
    expect_same("#[runefmt::skip]\nlet var = [\n    1, 2,\n      3 ];\nlet b = 1;\n");
    expect_same("#[runefmt::skip]\nfn  a ( ) { }\n");
    expect_same("let a = `x ${ b+1 } y`;\n");
    expect_same("let s = stringify!(a  +b);\n");
    expect("println!(\"{}\",a+b, c=1,);", "println!(\"{}\", a + b, c = 1);\n");
    expect_same("fn a() {\n    let s = \"x\n  y\";\n    0x_FF + 1.0e10 + b'x' + '\\n'\n}\n");
}

static void test_options(void **state)
{
    (void)state;
    expect_with((struct rn_format_input){.indent = 2}, "if a {b}", "if a {\n  b\n}\n");
    expect_with((struct rn_format_input){.tabs = true}, "if a {b}", "if a {\n\tb\n}\n");
    expect_with((struct rn_format_input){.no_final_newline = true}, "a()\n", "a()");
}

/* ---- Refusals ---- */

static void expect_refused(const char *text, size_t size, enum rn_error error)
{
    struct result r;
    format_with(&r, &(struct rn_format_input){.name = "test.rn", .text = text, .size = size});
    assert_int_equal(r.error, error);
    assert_int_equal(r.out.size, 0);
    assert_true(r.diagnostics.error_count > 0);
    result_done(&r);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refused("let x = ;", 9, RN_E_COMPILE_FAILED);
    expect_refused("a\xff", 2, RN_E_COMPILE_FAILED);
    expect_refused("f(/* x", 6, RN_E_COMPILE_FAILED);
    struct result r;
    format_with(
        &r, &(struct rn_format_input){.name = "t", .text = "a()", .size = 3, .memory_max = 512});
    assert_int_equal(r.error, RN_E_NO_MEMORY);
    assert_int_equal(r.diagnostics.error_count, 1);
    result_done(&r);
}

/* The errors of the reading that got further are shown. */
static void test_errors_of_the_better_reading(void **state)
{
    (void)state;
    struct result r;
    const char *text = "fn a() {}\nfn b( {}\n";
    format_with(&r, &(struct rn_format_input){.name = "t", .text = text, .size = strlen(text)});
    assert_int_equal(r.error, RN_E_COMPILE_FAILED);
    assert_true(r.diagnostics.first->span.start > 10);
    result_done(&r);
}

/* ---- Every script at hand ---- */

struct compiled {
    struct rn_compile_output output;
    enum rn_error error;
    struct rn_buf listing; /* blanks left out, as messages hold source text */
};

static void compile(struct compiled *c, const struct rn_format_input *input, const char *root)
{
    struct rn_context *context = NULL;
    struct rn_files files = {.root = root};
    struct rn_module_loader loader = rn_files_loader(&files);
    assert_int_equal(rn_context_new(&context), RN_OK);
    struct rn_compile_input compile = {.name = root,
                                       .text = input->text,
                                       .size = input->size,
                                       .context = context,
                                       .loader = &loader};
    compile.script =
        strstr(root, "/lang/") == NULL && memmem(input->text, input->size, "fn main", 7) == NULL;
    c->error = rn_compile(&compile, &c->output);
    rn_context_free(context);
}

static void list(struct compiled *c)
{
    struct rune_unit_image image = {c->output.image.data, c->output.image.size};
    struct rune_verified_unit unit;
    rn_buf_init(&c->listing, 256u << 20);
    assert_int_equal(rn_unit_verify(image, false, &unit, NULL), RN_OK);
    assert_int_equal(rn_disasm_unit(&unit, NULL, &c->listing), RN_OK);
}

static void assert_same_listing(const struct rn_buf *a, const struct rn_buf *b, const char *path)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        while (i < a->size && (a->data[i] == ' ' || a->data[i] == ',')) {
            i++;
        }
        while (j < b->size && (b->data[j] == ' ' || b->data[j] == ',')) {
            j++;
        }
        if (i == a->size || j == b->size || a->data[i] != b->data[j]) {
            break;
        }
        i++;
        j++;
    }
    if (i != a->size || j != b->size) {
        fail_msg("%s: the Unit differs: %.60s / %.60s", path, (const char *)a->data + i,
                 (const char *)b->data + j);
    }
}

/* Warnings about semicolons may go with them. */
static const struct rn_diagnostic *next_code(const struct rn_diagnostic *d)
{
    while (d != NULL && d->code == RN_DIAGNOSTIC_NEEDLESS_SEMI) {
        d = d->next;
    }
    return d;
}

static void assert_same_codes(const struct rn_diagnostics *a, const struct rn_diagnostics *b,
                              const char *path)
{
    const struct rn_diagnostic *x = next_code(a->first);
    const struct rn_diagnostic *y = next_code(b->first);
    while (x != NULL && y != NULL && x->code == y->code) {
        x = next_code(x->next);
        y = next_code(y->next);
    }
    if (x != NULL || y != NULL) {
        fail_msg("%s: other diagnostics", path);
    }
}

static void compare_compiled(const struct rn_format_input *before,
                             const struct rn_format_input *after)
{
    struct compiled a;
    struct compiled b;
    compile(&a, before, before->name);
    compile(&b, after, before->name);
    if (a.error != b.error) {
        fail_msg("%s: compiles with %d and %d", before->name, (int)a.error, (int)b.error);
    }
    assert_same_codes(&a.output.diagnostics, &b.output.diagnostics, before->name);
    bool same = a.error == RN_OK && a.output.image.size == b.output.image.size &&
                memcmp(a.output.image.data, b.output.image.data, a.output.image.size) == 0;
    bool tells_lines = memmem(before->text, before->size, "line!", 5) != NULL;
    if (a.error == RN_OK && !same && !tells_lines) {
        list(&a);
        list(&b);
        assert_same_listing(&a.listing, &b.listing, before->name);
        rn_buf_done(&a.listing);
        rn_buf_done(&b.listing);
    }
    rn_compile_output_done(&a.output);
    rn_compile_output_done(&b.output);
}

static unsigned formatted;

static bool is_meant_to_fail(const char *path)
{
    return strstr(path, "compile_errors") || strstr(path, "golden") || strstr(path, "bombs") ||
           strstr(path, "hostile") || strstr(path, "lang/places");
}

static void check_file(const char *path)
{
    char *text;
    size_t size;
    assert_int_equal(rn_files_read(path, &text, &size), RN_OK);
    struct rn_format_input before = {.name = path, .text = text, .size = size};
    struct result first;
    format_with(&first, &before);
    if (first.error == RN_OK) {
        struct rn_format_input after = {
            .name = path, .text = (const char *)first.out.data, .size = first.out.size};
        struct result second;
        format_with(&second, &after);
        assert_int_equal(second.error, RN_OK);
        assert_int_equal(second.out.size, first.out.size);
        assert_memory_equal(second.out.data, first.out.data, first.out.size);
        result_done(&second);
        compare_compiled(&before, &after);
        formatted++;
    } else if (!is_meant_to_fail(path)) {
        fail_msg("%s: not formatted", path);
    }
    result_done(&first);
    rn_free(text);
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)walk;
    size_t size = strlen(path);
    if (kind == FTW_F && size > 3 && strcmp(path + size - 3, ".rn") == 0) {
        check_file(path);
    }
    return 0;
}

static void test_every_script(void **state)
{
    (void)state;
    const char *more = getenv("RN_FORMAT_SCRIPTS");
    static const char *const folders[] = {RN_SOURCE "/tests", RN_SOURCE "/docs",
                                          RN_SOURCE "/worker"};
    formatted = 0;
    for (size_t i = 0; i < RN_COUNT_OF(folders); i++) {
        assert_int_equal(nftw(folders[i], visit, 16, FTW_PHYS), 0);
    }
    assert_true(formatted > 300);
    if (more != NULL) {
        assert_int_equal(nftw(more, visit, 16, FTW_PHYS), 0);
        print_message("%u scripts\n", formatted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spaces),       cmocka_unit_test(test_tokens_stay_apart),
        cmocka_unit_test(test_lists),        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_blocks),       cmocka_unit_test(test_items),
        cmocka_unit_test(test_semicolons),   cmocka_unit_test(test_comments),
        cmocka_unit_test(test_verbatim),     cmocka_unit_test(test_options),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_errors_of_the_better_reading),
        cmocka_unit_test(test_every_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
