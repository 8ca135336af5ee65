/* Which one of some names was meant. */
#include "base/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *wanted, const char *const *names, size_t count)
{
    static char best[64];
    struct rn_near near = rn_near_begin((struct rn_utf8){wanted, strlen(wanted)});
    for (size_t i = 0; i < count; i++) {
        rn_near_look(&near, (struct rn_utf8){names[i], strlen(names[i])});
    }
    (void)snprintf(best, sizeof(best), "%.*s", (int)near.best.size,
                   near.best.size == 0 ? "" : near.best.data);
    return best;
}

static void test_the_nearest(void **state)
{
    static const char *const names[] = {"length", "len", "push", "pop", "is_empty", ""};
    static const struct {
        const char *wanted;
        const char *best;
    } cases[] = {
        {"lenght", "length"}, // two letters swapped count once
        {"psuh", "push"},
        {"puhs", "push"}, //
        {"isempty", "is_empty"},
        {"is_emptyy", "is_empty"}, //
        {"push", ""},
        {"zzzz", ""}, // the same is no suggestion
        {"po", ""},
        {"le", ""}, // two letters are too few to tell
        {"lem", "len"},
        {"lmm", ""}, // three may differ in one
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(nearest(cases[i].wanted, names, 6), cases[i].best);
    }
}

static void test_long_names_are_near_to_none(void **state)
{
    char wanted[RN_NEAR_NAME_MAX + 2];
    char name[RN_NEAR_NAME_MAX + 2];
    const char *names[] = {name};
    (void)state;
    memset(wanted, 'a', sizeof(wanted));
    memset(name, 'a', sizeof(name));
    wanted[RN_NEAR_NAME_MAX] = 0;
    name[RN_NEAR_NAME_MAX - 1] = 0;
    assert_string_equal(nearest(wanted, names, 1), name);
    wanted[RN_NEAR_NAME_MAX] = 'a';
    wanted[RN_NEAR_NAME_MAX + 1] = 0;
    name[RN_NEAR_NAME_MAX - 1] = 'a';
    name[RN_NEAR_NAME_MAX] = 0;
    assert_string_equal(nearest(wanted, names, 1), "");
}

static void test_names_are_not_looked_at_without_end(void **state)
{
    struct rn_near near = rn_near_begin(RN_UTF8("wanted"));
    (void)state;
    while (near.looks > 0) {
        assert_false(rn_near_is_nearer(&near, RN_UTF8("other")));
    }
    rn_near_look(&near, RN_UTF8("wantad"));
    assert_int_equal(near.best.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nearest),
        cmocka_unit_test(test_long_names_are_near_to_none),
        cmocka_unit_test(test_names_are_not_looked_at_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
