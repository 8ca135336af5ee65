/* test_config_text.c: which text is a file of defaults, what is read of it, and where what is wrong is. */
#include "cli/config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 512u

/* Reads a text of that size; each entry as "table.key=value " or "[table] ", what is wrong as "line:column: why". */
static void read_all(const char *source, size_t size, char *out, size_t out_size)
{
    char text[TEXT_MAX];
    struct rn_config_reader reader;
    struct rn_config_entry entry;
    size_t at = 0;
    assert_true(size < sizeof text);
    memcpy(text, source, size);
    text[size] = '\0';
    out[0] = '\0';
    rn_config_reader_init(&reader, text, size);
    while (rn_config_reader_next(&reader, &entry)) {
        const char *value =
            entry.kind == RN_CONFIG_SWITCH ? entry.on ? "true" : "false" : entry.text;
        at += entry.kind == RN_CONFIG_TABLE
                  ? (size_t)snprintf(out + at, out_size - at, "[%s] ", entry.table)
                  : (size_t)snprintf(out + at, out_size - at, "%s.%s%s%s ", entry.table, entry.key,
                                     entry.kind == RN_CONFIG_INTEGER ? "=#" : "=", value);
    }
    if (reader.why != NULL) {
        snprintf(out + at, out_size - at, "%u:%u: %s", reader.bad.line, reader.bad.column,
                 reader.why);
    }
}

struct sample {
    const char *text;
    const char *read;
};

static void expect(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[TEXT_MAX];
        read_all(samples[i].text, strlen(samples[i].text), out, sizeof out);
        if (strcmp(out, samples[i].read) != 0) {
            fail_msg("%s: read as %s, not as %s", samples[i].text, out, samples[i].read);
        }
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void what_is_taken(void **state)
{
    static const struct sample samples[] = {
        {"", ""},
        {"\n  \r\n# only a comment", ""},
        {"\xef\xbb\xbf"
         "a = 1",
         ".a=#1 "},
        {"a=1\nb-c_2 = \"x\"#c\n[t]\n[ u ] # c\r\n\ta = true\nb=false",
         ".a=#1 .b-c_2=x [t] [u] u.a=true u.b=false "},
        {"a = 1_000_000\nb = -5\nc = +7\nd = 0\ne = 18446744073709551616",
         ".a=#1000000 .b=#-5 .c=#7 .d=#0 .e=#18446744073709551616 "},
        {"a = \"\"\nb = ''", ".a= .b= "},
        {"a = \"\\\"\\\\\\t\\u00e9\\U0001F600#\" # c", ".a=\"\\\t\xc3\xa9\xf0\x9f\x98\x80# "},
        {"a = 'c:\\x\"'", ".a=c:\\x\" "},
        {"a = \"\xc3\xa9\"", ".a=\xc3\xa9 "},
    };
    (void)state;
    expect(samples, COUNT_OF(samples));
}

static void what_is_refused(void **state)
{
    static const char number[] = "a number is decimal and whole; what has a unit or a fraction "
                                 "stands in quotes, as in \"1.5s\"";
    static const struct sample samples[] = {
        {"a", "1:2: behind a name comes ="},
        {"a =", "1:4: a value is missing"},
        {"= 1", "1:1: a name is missing"},
        {"a = 1 2", "1:7: a line has one thing: this is too much"},
        {"a = 1\n\n  b = 'x' y", ".a=#1 3:11: a line has one thing: this is too much"},
        {"a = 1\n\n  \xc3\xa9 = 'x'", ".a=#1 3:3: a name is missing"},
        {"a = _1", "1:5: a value is true, false, a whole number, or a text in quotes"},
        {"a = [1]", "1:5: lists are not taken"},
        {"a = {b = 1}", "1:5: inline tables are not taken"},
        {"a = yes", "1:5: a value is true, false, a whole number, or a text in quotes"},
        {"a = truely", "1:5: a value is true, false, a whole number, or a text in quotes"},
        {"a.b = 1", "1:2: names with dots are not taken"},
        {"\"a\" = 1", "1:1: names stand without quotes"},
        {"[[a]]", "1:1: lists of tables are not taken"},
        {"[a.b]", "1:3: names with dots are not taken"},
        {"[]", "1:2: a name is missing"},
        {"[a", "1:3: a table's name ends with ]"},
        {"[a] b", "1:5: a line has one thing: this is too much"},
        {"a = \"x", "1:5: a text ends on its line, with a quote"},
        {"a = \"x\nb\"", "1:5: a text ends on its line, with a quote"},
        {"a = 'x\r\n'", "1:5: a text ends on its line, with a quote"},
        {"a = \"\"\"x\"\"\"", "1:5: text of several lines is not taken"},
        {"a = '''x'''", "1:5: text of several lines is not taken"},
        {"a = \"\\x41\"", "1:6: there is no such escape"},
        {"a = \"\\u12g4\"", "1:6: \\u wants four hexadecimal digits, \\U eight"},
        {"a = \"\\u0000\"", "1:6: there is no such character in a text"},
        {"a = \"\\ud800\"", "1:6: there is no such character in a text"},
        {"a = \"\\U00110000\"", "1:6: there is no such character in a text"},
        {"a = \"\\", "1:6: there is no such escape"},
        {"# \x01", "1:3: a control character"},
        {"a = 1\rb = 2", "1:6: a control character"},
        {"# \xc3\xa9\xff", "1:4: bytes that are no UTF-8"},
        {"a = 1\nb = \"\x7f\"", "2:6: a control character"},
    };
    static const char *const numbers[] = {"2s",   "1.5", "01", "1__0",      "1_",
                                          "0x10", "1e3", "-",  "1979-05-27"};
    (void)state;
    expect(samples, COUNT_OF(samples));
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char text[64];
        char read[256];
        snprintf(text, sizeof text, "a = %s", numbers[i]);
        snprintf(read, sizeof read, "1:5: %s", number);
        expect(&(struct sample){text, read}, 1);
    }
}

static void columns_count_characters(void **state)
{
    (void)state;
    expect(&(struct sample){"a = \"\xc3\xa9\xf0\x9f\x98\x80\" b",
                            "1:10: a line has one thing: this is too much"},
           1);
}

static void zero_bytes_are_refused(void **state)
{
    char out[TEXT_MAX];
    (void)state;
    read_all("a = 1\n\0", 7, out, sizeof out);
    assert_string_equal(out, "2:1: a control character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(zero_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
