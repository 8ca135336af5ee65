/* What names mean: items, fields, variables, the library; and in sources that are wrong. */
#include "base/alloc.h"
#include "compiler/names.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
    struct rn_buf out;
    struct rn_diagnostics diagnostics;
    const char *text;
};

static struct rn_context *context;

static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    (void)user;
    static const char text[] = "pub fn inside() { super::outside() }";
    if (strcmp(item, "loaded") != 0) {
        return RN_E_NOT_FOUND;
    }
    *out_name = rn_strndup("loaded.rn", 9);
    *out_text = rn_strndup(text, sizeof text - 1);
    *out_size = sizeof text - 1;
    return RN_OK;
}

static void find(struct found *found, const char *text, bool script)
{
    struct rn_module_loader loader = {.load = load};
    struct rn_compile_input input = {.name = "a.rn",
                                     .text = text,
                                     .size = strlen(text),
                                     .context = context,
                                     .loader = &loader,
                                     .script = script};
    found->text = text;
    rn_buf_init(&found->out, 1u << 20);
    rn_diagnostics_init(&found->diagnostics);
    assert_int_equal(rn_names(&input, &found->diagnostics, &found->out), RN_OK);
    rn_buf_append_u8(&found->out, 0);
    assert_int_equal(rn_buf_status(&found->out), RN_OK);
}

static void found_done(struct found *found)
{
    rn_buf_done(&found->out);
    rn_diagnostics_done(&found->diagnostics);
}

/* The `index`th line that begins with `start`, behind the lines of sources; NULL: there is none. */
static const char *meant_at(const struct found *found, unsigned long index)
{
    const char *line = (const char *)found->out.data;
    while (strncmp(line, "{\"source\"", 9) == 0) {
        line = strchr(line, '\n') + 1;
    }
    for (; index > 0 && *line != 0; index--) {
        line = strchr(line, '\n') + 1;
    }
    return *line == 0 ? NULL : line;
}

/* What the name at a place of the first source means: the line of what is declared; NULL: not known. */
static const char *meaning_at(const struct found *found, unsigned long offset)
{
    const char *at = (const char *)found->out.data;
    while ((at = strstr(at, "{\"uses\":[")) != NULL) {
        char *next = (char *)at + 8;
        while (*next != ']') {
            unsigned long row[4];
            for (int i = 0; i < 4; i++) {
                row[i] = strtoul(next + 1, &next, 10);
            }
            if (row[0] == 0 && row[1] == offset) {
                return meant_at(found, row[3]);
            }
        }
        at = next;
    }
    return NULL;
}

/* The `nth` time that `word` stands in the text, from 1, it means what a line has `start` and `part` of. */
static void expect(const struct found *found, const char *word, int nth, const char *kind,
                   const char *part)
{
    const char *at = found->text - 1;
    for (int i = 0; i < nth; i++) {
        at = strstr(at + 1, word);
        assert_non_null(at);
    }
    const char *line = meaning_at(found, (unsigned long)(at - found->text));
    if (kind == NULL) {
        assert_null(line);
        return;
    }
    char text[600];
    char wanted[64];
    if (line == NULL) {
        fail_msg("%s means nothing: %s", word, (const char *)found->out.data);
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    snprintf(wanted, sizeof wanted, "{\"kind\":\"%s\"", kind);
    if (strncmp(text, wanted, strlen(wanted)) != 0 || strstr(text, part) == NULL) {
        fail_msg("%s means %s", word, text);
    }
}

static void test_items(void **state)
{
    (void)state;
    struct found found;
    find(
        &found,
        "mod m { pub const C = 1; pub struct S { x } pub enum E { A, B { y } } pub fn f() { C } }\n"
        "use m::{f as g, E};\n"
        "/// Says.\npub fn main() { g(); m::f(); E::A; m::S { x: 1 }; E::B { y: 2 }; "
        "Vec::new() }",
        false);
    assert_int_equal(found.diagnostics.error_count, 0);
    expect(&found, "C }", 1, "const",
           "\"path\":\"m::C\",\"name\":\"C\",\"source\":0,\"at\":[18,19]");
    expect(&found, "f as", 1, "function", "\"path\":\"m::f\"");
    expect(&found, "g()", 1, "function", "\"path\":\"m::f\"");
    expect(&found, "m::f()", 1, "module", "\"path\":\"m\"");
    expect(&found, "E::A", 1, "enum", "\"signature\":\"pub enum E { A, B { y } }\"");
    expect(&found, "A;", 1, "variant", "\"path\":\"m::E::A\"");
    expect(&found, "x: 1", 1, "field", "\"path\":\"m::S::x\"");
    expect(&found, "y: 2", 1, "field", "\"path\":\"m::E::B::y\"");
    expect(&found, "Vec", 1, "library", "\"path\":\"std::vec::Vec\"");
    expect(&found, "new", 1, "library", "\"path\":\"std::vec::Vec::new\"");
    assert_non_null(strstr((const char *)found.out.data, "\"docs\":\"Says.\\n\""));
    found_done(&found);
}

static void test_variables(void **state)
{
    (void)state;
    struct found found;
    find(&found,
         "fn f(a) { let b = a; let b = b; { let c = b; c } let g = |d| d + a + b; "
         "for e in b { e } match b { Some(h) => h, #{k} => k, _ => g } if let i = b { i } }",
         false);
    assert_int_equal(found.diagnostics.error_count, 0);
    expect(&found, "a; let", 1, "local", "\"at\":[5,6],\"until\":153");
    expect(&found, "b; {", 1, "local", "\"at\":[14,15]");
    expect(&found, "b; c", 1, "local", "\"at\":[25,26]");
    expect(&found, "c }", 1, "local", "\"at\":[38,39],\"until\":48");
    expect(&found, "d +", 1, "local", "\"at\":[58,59]");
    expect(&found, "a + b", 1, "local", "\"at\":[5,6]");
    expect(&found, "e } match", 1, "local", "\"name\":\"e\"");
    expect(&found, "h,", 1, "local", "\"name\":\"h\"");
    expect(&found, "k, _", 1, "local", "\"name\":\"k\"");
    expect(&found, "g }", 1, "local", "\"at\":[53,54]");
    expect(&found, "i } }", 1, "local", "\"name\":\"i\"");
    found_done(&found);
}

static void test_methods_and_fields(void **state)
{
    (void)state;
    struct found found;
    find(&found,
         "struct P { x, y }\n"
         "impl P { fn new() { P { x: 1, y: 2 } } fn sum(self) { self.x + self.other() + self.no } "
         "fn other(self) { let P { x: z, .. } = self; z } }\n"
         "fn f(p) { p.sum() + p.x + P::new().y }",
         false);
    expect(&found, "x + self", 1, "field", "\"path\":\"P::x\"");
    expect(&found, "other()", 1, "method", "\"path\":\"P::other\"");
    expect(&found, "no }", 1, "member", "\"name\":\"no\"");
    expect(&found, "x: z", 1, "field", "\"path\":\"P::x\"");
    expect(&found, "z }", 1, "local", "\"name\":\"z\"");
    expect(&found, "sum() +", 1, "member", "\"name\":\"sum\"");
    expect(&found, "x + P", 1, "member", "\"name\":\"x\"");
    expect(&found, "new()", 2, "function", "\"path\":\"P::new\"");
    expect(&found, "self.other", 1, "local", "\"name\":\"self\"");
    found_done(&found);
}

static void test_macros(void **state)
{
    (void)state;
    struct found found;
    find(&found, "fn f(a) { println!(\"{a} {}\", a); assert_eq!(a, 1); `t ${a}` }", false);
    assert_int_equal(found.diagnostics.error_count, 0);
    expect(&found, "a);", 1, "local", "\"name\":\"a\"");
    expect(&found, "a, 1", 1, "local", "\"name\":\"a\"");
    expect(&found, "a}`", 1, "local", "\"name\":\"a\"");
    found_done(&found);
}

static void test_modules(void **state)
{
    (void)state;
    struct found found;
    find(&found, "mod loaded; mod missing; fn outside() { loaded::inside() }", false);
    assert_int_equal(found.diagnostics.error_count, 1);
    const char *out = (const char *)found.out.data;
    assert_ptr_equal(strstr(out, "{\"source\":\"a.rn\"}\n{\"source\":\"loaded.rn\"}\n"), out);
    expect(&found, "inside", 1, "function",
           "\"path\":\"loaded::inside\",\"name\":\"inside\",\"source\":1");
    assert_non_null(strstr(out, "1,25,32,")); // `outside` in the module
    found_done(&found);
}

static void test_sources_that_are_wrong(void **state)
{
    (void)state;
    struct found found;
    find(&found, "fn f(a) { let b = ; nothing(a); b. }\nfn g() { f(1) } fn ( {}\nfn h() { g() }",
         false);
    assert_true(found.diagnostics.error_count > 0);
    expect(&found, "f(1)", 1, "function", "\"path\":\"f\"");
    expect(&found, "g() }", 1, "function", "\"path\":\"g\"");
    expect(&found, "a);", 1, "local", "\"name\":\"a\"");
    expect(&found, "nothing", 1, NULL, NULL);
    found_done(&found);
    find(&found, "\xff", false);
    found_done(&found);
    find(&found, "", false);
    found_done(&found);
}

static void test_scripts(void **state)
{
    (void)state;
    struct found found;
    find(&found, "let a = 1; fn f() { 2 } f() + a", true);
    assert_int_equal(found.diagnostics.error_count, 0);
    expect(&found, "f() +", 1, "function", "\"path\":\"f\"");
    expect(&found, "a", 2, "local", "\"name\":\"a\"");
    found_done(&found);
}

static void test_many_names(void **state)
{
    (void)state;
    struct found found;
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 1u << 20);
    rn_buf_append_text(&text, "fn f(a) { ");
    for (int i = 0; i < 5000; i++) {
        rn_buf_append_text(&text, "a; ");
    }
    rn_buf_append_text(&text, "a }");
    rn_buf_append_u8(&text, 0);
    find(&found, (const char *)text.data, false);
    expect(&found, "a }", 1, "local", "\"name\":\"a\"");
    found_done(&found);
}

static int setup(void **state)
{
    (void)state;
    return rn_context_new(&context) == RN_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rn_context_free(context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_methods_and_fields),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_sources_that_are_wrong),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_many_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
