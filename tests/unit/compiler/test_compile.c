/* rn_compile as a whole: what comes back in each case, and that nothing is left when memory runs
 * out. */
#include "compiled.h"

static const char everything[] =
    "use std::collections::HashMap;\n"
    "const K = [1, (2, \"x\"), #{ a: 3 }];\n"
    "const fn twice(n) { n * 2 }\n"
    "static S = K;\n"
    "struct P { x, y }\n"
    "enum E { A, B(x), C { y } }\n"
    "impl P { fn sum(self) { self.x + self.y } }\n"
    "mod m { pub fn f(#{ a, .. }) { a } }\n"
    "pub async fn later(a) { a.await?; select { Some(v) = a => v, default => 1 } }\n"
    "pub fn numbers(n) { for i in 0..n { yield i; } }\n"
    "pub fn main(n) {\n"
    "    let p = P { x: 1, y: twice(4) };\n"
    "    let f = |a| a + p.sum();\n"
    "    let t = match n { 1 => 2, 2 => 3, 3 => 4, 4 => 5, E::B(x) if x > 1 => x, _ => K };\n"
    "    S.0 += m::f(#{ a: 1 });\n"
    "    println!(\"{} {:>5} {n}\", f(1), t);\n"
    "    let map = HashMap::new();\n"
    "    while let Some(x) = map.get(n) { map.insert(x, `t${x}`); }\n"
    "    assert_eq!(n, [1, 2, 3], \"why {}\", n);\n"
    "}\n";

static void gives_an_image(void **state)
{
    (void)state;
    struct compiled c;
    compile_text(&c, everything, sizeof(everything) - 1);
    assert_int_equal(c.error, RN_OK);
    assert_true(c.output.image.size > 0);
    assert_true(c.output.debug.size > 0);
    assert_int_equal(c.unit.header->main_function, RN_NONE);
    assert_int_not_equal(rn_unit_find_export(&c.unit, rn_hash_item("main", 4)), RN_NONE);
    assert_int_equal(rn_unit_find_export(&c.unit, rn_hash_item("m::g", 4)), RN_NONE);
    compiled_done(&c);
}

static void gives_the_same_image_again(void **state)
{
    (void)state;
    struct compiled a;
    struct compiled b;
    compile_text(&a, everything, sizeof(everything) - 1);
    compile_text(&b, everything, sizeof(everything) - 1);
    assert_int_equal(a.output.image.size, b.output.image.size);
    assert_memory_equal(a.output.image.data, b.output.image.data, a.output.image.size);
    compiled_done(&a);
    compiled_done(&b);
}

static void gives_no_image_with_errors(void **state)
{
    (void)state;
    struct compiled c;
    compile_text(&c, "pub fn f() { x }", 16);
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    assert_int_equal(c.output.image.size, 0);
    compiled_done(&c);
    compile_text(&c, "pub fn f() { \xff }", 16);
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    assert_string_equal(first_of(&c, RN_SEVERITY_ERROR), "1:14 INVALID_UTF8");
    compiled_done(&c);
}

static void script_body(void **state)
{
    (void)state;
    struct rn_context *context;
    assert_int_equal(rn_context_new(&context), RN_OK);
    static const char text[] = "fn f() { 1 } let a = f(); a.await";
    struct rn_compile_input input = {.name = "body.rn",
                                     .text = text,
                                     .size = sizeof(text) - 1,
                                     .context = context,
                                     .script = true};
    struct rn_compile_output output;
    assert_int_equal(rn_compile(&input, &output), RN_OK);
    struct rune_unit_image image = {output.image.data, output.image.size};
    struct rune_verified_unit unit;
    assert_int_equal(rn_unit_verify(image, false, &unit, NULL), RN_OK);
    assert_int_not_equal(unit.header->main_function, RN_NONE);
    assert_int_equal(unit.functions[unit.header->main_function].kind, RN_FUNCTION_ASYNC);
    rn_compile_output_done(&output);
    rn_context_free(context);
}

/* Code that nothing refers to is looked through and left out. */
static void unused_functions(void **state)
{
    (void)state;
    struct compiled c;
    static const char text[] = "fn a() { b() } fn b() { } pub fn main() { c() } fn c() { }";
    compile_text(&c, text, sizeof(text) - 1);
    assert_int_equal(c.unit.counts[RN_SECTION_FUNCTIONS], 2);
    compiled_done(&c);
}

/* const A0 = [0]; const A1 = [A0]; ..: `levels` vectors in each other. */
static enum rn_error compile_nested(uint32_t levels)
{
    static char text[64 * 1024];
    struct compiled c;
    size_t size = (size_t)snprintf(text, sizeof(text), "const A0 = [0]; ");
    for (uint32_t i = 1; i < levels; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "const A%u = [A%u]; ", i, i - 1);
    }
    size += (size_t)snprintf(text + size, sizeof(text) - size, "pub fn main() { A%u }", levels - 1);
    compile_text(&c, text, size);
    enum rn_error error = c.error;
    compiled_done(&c);
    return error;
}

/* What the verifier would refuse is an error of the source. */
static void large_constants(void **state)
{
    (void)state;
    struct compiled c;
    assert_int_equal(compile_nested(RN_CONSTANT_DEPTH_MAX), RN_OK);
    assert_int_equal(compile_nested(RN_CONSTANT_DEPTH_MAX + 1), RN_E_COMPILE_FAILED);
    static const char many[] =
        "const A = [0, 1, 2, 3, 4, 5, 6, 7]; const B = [A, A, A, A, A, A, A, A]; "
        "const C = [B, B, B, B, B, B, B, B]; const D = [C, C, C, C, C, C, C, C]; "
        "const E = [D, D, D, D, D, D, D, D]; const F = [E, E, E, E, E, E, E, E]; "
        "const G = [F, F, F, F, F]; pub fn main() { G }";
    compile_text(&c, many, sizeof(many) - 1);
    assert_int_equal(c.error, RN_E_COMPILE_FAILED);
    compiled_done(&c);
}

static void memory_limit(void **state)
{
    (void)state;
    struct rn_context *context;
    assert_int_equal(rn_context_new(&context), RN_OK);
    struct rn_compile_input input = {.name = "test.rn",
                                     .text = everything,
                                     .size = sizeof(everything) - 1,
                                     .context = context,
                                     .memory_max = 8192};
    struct rn_compile_output output;
    assert_int_equal(rn_compile(&input, &output), RN_E_NO_MEMORY);
    assert_int_equal(output.diagnostics.error_count, 1);
    rn_compile_output_done(&output);
    rn_context_free(context);
}

/* The n-th allocation fails, and all after it, for every n. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct rn_context *context;
    assert_int_equal(rn_context_new(&context), RN_OK);
    struct rn_compile_input input = {
        .name = "test.rn", .text = everything, .size = sizeof(everything) - 1, .context = context};
    enum rn_error error = RN_E_NO_MEMORY;
    for (uint64_t n = 1; error != RN_OK; n++) {
        uint64_t live = rn_alloc_live();
        struct rn_compile_output output;
        rn_alloc_fail_at(n, true);
        error = rn_compile(&input, &output);
        rn_alloc_fail_at(0, false);
        assert_true(error == RN_OK || error == RN_E_NO_MEMORY);
        assert_true(error == RN_OK || output.image.size == 0);
        rn_compile_output_done(&output);
        assert_int_equal(rn_alloc_live(), live);
        assert_true(n < 100000);
    }
    rn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_an_image),
        cmocka_unit_test(gives_the_same_image_again),
        cmocka_unit_test(gives_no_image_with_errors),
        cmocka_unit_test(script_body),
        cmocka_unit_test(unused_functions),
        cmocka_unit_test(large_constants),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
