/* test_script_kind.c: which sources have a main. */
#include "cli/script_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const with_main[] = {
    "fn main() {}",
    "pub async fn main() {}",
    "use a::b;\n/* fn */ pub fn\n main() { 1 }",
    "fn other() { let x = '{'; }\nfn main() {}",
    "fn other() { \"}\\\"{{\" }\nfn main() {}",
    "const A = `{`;\nfn main() {}",
    "// }\nfn main() {}",
    "'a: loop {}\nfn main() {}",
    "/* /* */ fn main() {}",
    "/**/ fn main() {}",
};

static const char *const without_main[] = {
    "",
    "println!(\"fn main\");",
    "// fn main() {}\n1",
    "/* /* fn main() {} */ 1",
    "mod m { fn main() {} }",
    "let fn_main = 1; fn mainly() {}",
    "fn\nmaine() {}",
    "`fn main() {}`",
    "/* never ends fn main() {}",
    "\"never ends fn main() {}",
    "fn",
    "'",
    "x\\",
};

static void mains_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(with_main) / sizeof(with_main[0]); i++) {
        if (!rn_source_has_main(with_main[i], strlen(with_main[i]))) {
            fail_msg("%s", with_main[i]);
        }
    }
}

static void bodies_have_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(without_main) / sizeof(without_main[0]); i++) {
        if (rn_source_has_main(without_main[i], strlen(without_main[i]))) {
            fail_msg("%s", without_main[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mains_are_found),
        cmocka_unit_test(bodies_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
