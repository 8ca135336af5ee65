/* What of a foreign name a terminal gets to see. */
#include "cli/visible.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void expect(const char *text, const char *shown)
{
    char room[128];
    rn_visible_copy(text, strlen(text), room, sizeof room);
    assert_string_equal(room, shown);
}

static void test_what_stays(void **state)
{
    (void)state;
    expect("", "");
    expect("a b\\c~", "a b\\c~");
    expect("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
           "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    expect("\xc2\xa0\xc2\xac\xed\x9f\xbf", "\xc2\xa0\xc2\xac\xed\x9f\xbf");
}

static void test_what_a_terminal_would_act_on(void **state)
{
    (void)state;
    expect("a\x1b[31mb", "a\\x1b[31mb");
    expect("\n\t\r\x7f\x01", "\\x0a\\x09\\x0d\\x7f\\x01");
    expect("\xc2\x9b"
           "2J",
           "\\u{9b}2J");
    expect("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf\xc2\xad",
           "\\u{202e}\\u{2066}\\u{200b}\\u{feff}\\u{ad}");
    expect("\xf3\xa0\x80\x81\xf4\x8f\xbf\xbf", "\\u{e0001}\\u{10ffff}");
}

static void test_what_is_no_text(void **state)
{
    (void)state;
    expect("\xff\xc0\xafz", "\\xff\\xc0\\xafz");
    expect("\xe2\x82", "\\xe2\\x82");
    expect("\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
    expect("\xe0\x80\xaf\xf0\x80\x80\xaf", "\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf");
}

static void test_pieces_stay_whole(void **state)
{
    (void)state;
    char room[8];
    rn_visible_copy("abcd\x1bz", 6, room, sizeof room);
    assert_string_equal(room, "abcd");
    rn_visible_copy("abc\x1bz", 5, room, sizeof room);
    assert_string_equal(room, "abc\\x1b");
    rn_visible_copy("abcdefgh", 8, room, sizeof room);
    assert_string_equal(room, "abcdefg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_what_a_terminal_would_act_on),
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_pieces_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
