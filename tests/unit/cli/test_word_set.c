/* A word is there once, however many others are. */
#include "cli/word_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void add(struct rn_word_set *set, const char *word, size_t size, bool expected)
{
    bool is_new = !expected;
    assert_true(rn_word_set_add(set, word, size, &is_new));
    assert_int_equal(is_new, expected);
}

static void words_are_there_once(void **state)
{
    (void)state;
    struct rn_word_set set = {.count = 0};
    assert_false(rn_word_set_has(&set, "", 0));
    add(&set, "ab", 2, true);
    add(&set, "ab", 1, true); // "a", a part of it
    add(&set, "abc", 3, true);
    add(&set, "abc", 2, false);
    add(&set, "", 0, true);
    add(&set, "", 0, false);
    assert_int_equal(set.count, 4);
    assert_true(rn_word_set_has(&set, "a", 1));
    assert_false(rn_word_set_has(&set, "b", 1));
    rn_word_set_done(&set);
    assert_false(rn_word_set_has(&set, "a", 1));
}

static void many_words_take_no_longer_than_few(void **state)
{
    (void)state;
    enum {
        COUNT = 200000
    };
    struct rn_word_set set = {.count = 0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            char word[24];
            int size = snprintf(word, sizeof word, "word%d", i);
            add(&set, word, (size_t)size, round == 0);
        }
    }
    assert_int_equal(set.count, COUNT);
    rn_word_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_there_once),
        cmocka_unit_test(many_words_take_no_longer_than_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
