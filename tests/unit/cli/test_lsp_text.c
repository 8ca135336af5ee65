/* Lines and columns of editors, changes, edits of lines, URIs. */
#include "cli/lsp/edits.h"
#include "cli/lsp/surrogates.h"
#include "cli/lsp/text.h"
#include "cli/lsp/uri.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

/* "a", a letter of two bytes, one of three, one of four, "b" */
#define LINE                                                                                       \
    "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"                                                        \
    "b"

static size_t offset(const char *text, uint32_t line, uint32_t column,
                     enum rn_lsp_encoding encoding)
{
    struct rn_lsp_lines lines;
    struct rn_lsp_position at = {line, column};
    assert_true(rn_lsp_lines_init(&lines, text, strlen(text)));
    size_t found = rn_lsp_offset(text, strlen(text), &lines, at, encoding);
    rn_lsp_lines_done(&lines);
    return found;
}

static void expect_at(const char *text, size_t where, enum rn_lsp_encoding encoding, uint32_t line,
                      uint32_t column)
{
    struct rn_lsp_lines lines;
    assert_true(rn_lsp_lines_init(&lines, text, strlen(text)));
    struct rn_lsp_position at = rn_lsp_position(text, strlen(text), &lines, where, encoding);
    rn_lsp_lines_done(&lines);
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
}

static void test_columns(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint32_t columns[3]; /* by encoding */
    } rows[] = {{0, {0, 0, 0}}, {1, {1, 1, 1}},   {3, {2, 3, 2}},
                {6, {3, 6, 3}}, {10, {5, 10, 4}}, {11, {6, 11, 5}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int e = RN_LSP_UTF16; e <= RN_LSP_UTF32; e++) {
            enum rn_lsp_encoding encoding = (enum rn_lsp_encoding)e;
            expect_at("x\n" LINE "\n", 2 + rows[i].offset, encoding, 1, rows[i].columns[e]);
            assert_int_equal(offset("x\n" LINE "\n", 1, rows[i].columns[e], encoding),
                             2 + rows[i].offset);
        }
    }
}

static void test_within_a_character(void **state)
{
    (void)state;
    assert_int_equal(offset(LINE, 0, 4, RN_LSP_UTF16), 6);
    assert_int_equal(offset(LINE, 0, 2, RN_LSP_UTF8), 1);
    assert_int_equal(offset(LINE, 0, 9, RN_LSP_UTF8), 6);
    expect_at(LINE, 8, RN_LSP_UTF16, 0, 3);
}

static void test_past_the_end(void **state)
{
    (void)state;
    assert_int_equal(offset("ab\r\nc", 0, 9, RN_LSP_UTF16), 2);
    assert_int_equal(offset("ab\r\nc", 1, UINT32_MAX, RN_LSP_UTF8), 5);
    assert_int_equal(offset("ab\r\nc", 2, 0, RN_LSP_UTF16), 5);
    assert_int_equal(offset("", 0, 0, RN_LSP_UTF16), 0);
    assert_int_equal(offset("", UINT32_MAX, 7, RN_LSP_UTF16), 0);
    expect_at("ab", 99, RN_LSP_UTF16, 0, 2);
}

static void test_ends_of_lines(void **state)
{
    (void)state;
    expect_at("a\nb\r\nc\rd\n", 2, RN_LSP_UTF16, 1, 0);
    expect_at("a\nb\r\nc\rd\n", 5, RN_LSP_UTF16, 2, 0);
    expect_at("a\nb\r\nc\rd\n", 7, RN_LSP_UTF16, 3, 0);
    expect_at("a\nb\r\nc\rd\n", 9, RN_LSP_UTF16, 4, 0);
    assert_int_equal(offset("a\nb\r\nc\rd\n", 3, 0, RN_LSP_UTF16), 7);
}

static void test_bytes_that_are_no_characters(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xff",         "\xc0\x80",         "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xe2\x82",     "\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(rn_lsp_char_size(texts[i], strlen(texts[i])), 1);
    }
    expect_at("\xff\xff\xff", 2, RN_LSP_UTF16, 0, 2);
}

static void expect_replaced(const char *text, size_t start, size_t end, const char *with,
                            const char *wanted)
{
    struct rn_bytes bytes = {0};
    struct rn_lsp_lines lines;
    assert_true(rn_bytes_append(&bytes, text, strlen(text)));
    assert_true(rn_lsp_lines_init(&lines, bytes.data, bytes.size));
    assert_true(
        rn_lsp_replace(&bytes, &lines, (struct rn_lsp_span){start, end}, with, strlen(with)));
    assert_int_equal(bytes.size, strlen(wanted));
    assert_memory_equal(bytes.data, wanted, bytes.size);
    rn_lsp_lines_done(&lines);
    rn_bytes_done(&bytes);
}

/* Lines that are kept through a change are those of the text that came of it. */
static void expect_lines_of(const struct rn_bytes *text, const struct rn_lsp_lines *lines)
{
    struct rn_lsp_lines anew;
    assert_true(rn_lsp_lines_init(&anew, text->data, text->size));
    assert_int_equal(lines->count, anew.count);
    assert_memory_equal(lines->starts.data, anew.starts.data, anew.starts.size);
    rn_lsp_lines_done(&anew);
}

static void test_lines_through_changes(void **state)
{
    (void)state;
    static const char letters[] = "a\n\rb\r\n";
    uint32_t random = 1;
    for (int round = 0; round < 200; round++) {
        struct rn_bytes text = {0};
        struct rn_lsp_lines lines;
        assert_true(rn_bytes_append(&text, "a\r\nb\rc\n", (size_t)round % 9));
        assert_true(rn_lsp_lines_init(&lines, text.data, text.size));
        for (int i = 0; i < 50; i++) {
            random = random * 1664525 + 1013904223;
            struct rn_lsp_span span = {.start = (random >> 8) % (text.size + 1)};
            span.end = span.start + (random >> 20) % (text.size - span.start + 1) % 4;
            const char *piece = letters + (random >> 4) % 6;
            size_t size = (random >> 28) % (sizeof letters - (size_t)(piece - letters));
            assert_true(rn_lsp_replace(&text, &lines, span, piece, size));
            expect_lines_of(&text, &lines);
        }
        rn_lsp_lines_done(&lines);
        rn_bytes_done(&text);
    }
}

/* Bytes of all kinds, with few breaks: a line is many marks long. */
static void fill(struct rn_bytes *text, size_t size)
{
    static const char *const pieces[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                         "\xff"};
    uint32_t random = 7;
    while (text->size < size) {
        random = random * 1664525 + 1013904223;
        const char *piece = (random >> 8) % 3000 == 0 ? "\n" : pieces[(random >> 20) % 5];
        assert_true(rn_bytes_append(text, piece, strlen(piece)));
    }
}

/* As it is without marks: along the line from its start. */
static uint32_t walk(const struct rn_bytes *text, size_t offset, enum rn_lsp_encoding encoding)
{
    size_t start = offset;
    while (start > 0 && text->data[start - 1] != '\n') {
        start--;
    }
    struct rn_lsp_lines lines;
    assert_true(rn_lsp_lines_init(&lines, text->data + start, offset - start));
    uint32_t column = 0;
    for (size_t at = start; at < offset;) {
        size_t bytes = rn_lsp_char_size(text->data + at, text->size - at);
        if (at + bytes > offset) {
            break;
        }
        column += encoding == RN_LSP_UTF8                  ? (uint32_t)bytes
                  : bytes == 4 && encoding == RN_LSP_UTF16 ? 2
                                                           : 1;
        at += bytes;
    }
    rn_lsp_lines_done(&lines);
    return column;
}

/* Columns of a long line are what a walk finds, in any order, in each encoding, and after a change. */
static void test_columns_of_long_lines(void **state)
{
    (void)state;
    struct rn_bytes text = {0};
    struct rn_lsp_lines lines;
    fill(&text, 40000);
    assert_true(rn_lsp_lines_init(&lines, text.data, text.size));
    for (int round = 0; round < 4; round++) {
        enum rn_lsp_encoding encoding = (enum rn_lsp_encoding)(round % 3);
        for (size_t i = 0; i < 2000; i++) {
            size_t offset = (i * 7919 + (i % 3 == 0 ? 1024 * (i % 40) : 0)) % (text.size + 1);
            struct rn_lsp_position at =
                rn_lsp_position(text.data, text.size, &lines, offset, encoding);
            assert_int_equal(at.column, walk(&text, offset, encoding));
        }
        struct rn_lsp_span span = {.start = 5000, .end = 5000 + (size_t)round};
        assert_true(rn_lsp_replace(&text, &lines, span, "\xc3\xa4\xc3\xa4\xc3\xa4", 6));
    }
    rn_lsp_lines_done(&lines);
    rn_bytes_done(&text);
}

/* Each place of a line of a million bytes: a walk for each from its start would take hours. */
static void test_many_places_of_a_long_line(void **state)
{
    (void)state;
    struct rn_bytes text = {0};
    struct rn_lsp_lines lines;
    uint32_t column = 0;
    fill(&text, 1 << 20);
    for (size_t i = 0; i < text.size; i++) {
        text.data[i] = text.data[i] == '\n' ? ' ' : text.data[i];
    }
    assert_true(rn_lsp_lines_init(&lines, text.data, text.size));
    for (size_t at = 0; at < text.size;) {
        size_t bytes = rn_lsp_char_size(text.data + at, text.size - at);
        for (size_t within = 0; within < bytes; within++) {
            struct rn_lsp_position found =
                rn_lsp_position(text.data, text.size, &lines, at + within, RN_LSP_UTF16);
            assert_int_equal(found.column, column);
        }
        column += bytes == 4 ? 2 : 1;
        at += bytes;
    }
    rn_lsp_lines_done(&lines);
    rn_bytes_done(&text);
}

static void test_texts_by_path(void **state)
{
    (void)state;
    static const char *const paths[] = {"/b", "/a", "/ab", "/a/b", "/", "/a", "/zz", "/a", "/a"};
    struct rn_lsp_texts texts = {.count = 0};
    assert_null(rn_lsp_texts_find(&texts, "/a"));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_true(rn_lsp_texts_add(&texts, paths[i], "text", i % 4, (int64_t)i));
        for (size_t j = 0; j <= i; j++) {
            size_t first = strcmp(paths[j], "/a") == 0 ? 1 : j; // of those with one path
            assert_int_equal(rn_lsp_texts_index(&texts, paths[j], strlen(paths[j])), first);
        }
    }
    assert_int_equal(texts.size, 0 + 1 + 2 + 3 + 0 + 1 + 2 + 3 + 0);
    assert_int_equal(rn_lsp_texts_index(&texts, "/abc", 3), 2);
    assert_int_equal(rn_lsp_texts_index(&texts, "/abc", 4), SIZE_MAX);
    static const char long_name[100000] = "/a"; // and zero bytes
    assert_int_equal(rn_lsp_texts_index(&texts, long_name, sizeof long_name), SIZE_MAX);
    assert_int_equal(rn_lsp_texts_index(&texts, "", 0), SIZE_MAX);
    assert_null(rn_lsp_texts_find(&texts, "/z"));
    assert_int_equal(rn_lsp_texts_find(&texts, "/zz")->revision, 6);
    rn_lsp_texts_done(&texts);
}

static void test_halves_of_characters(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\""},
        {"\"\\ud83d\"", "\"\\ufffd\""},
        {"\"\\uDE00\"", "\"\\ufffd\""},
        {"\"\\ud83dx\\ude00\"", "\"\\ufffdx\\ufffd\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
        {"\"\\\\ud83d\"", "\"\\\\ud83d\""},
        {"\"\\u00e9\\n\"", "\"\\u00e9\\n\""},
        {"\"\\ud83", "\"\\ud83"},
        {"\\", "\\"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        strcpy(text, rows[i][0]);
        rn_lsp_mend_surrogates(text, strlen(text));
        assert_string_equal(text, rows[i][1]);
    }
}

static void test_replacing(void **state)
{
    (void)state;
    expect_replaced("abc", 1, 2, "xyz", "axyzc");
    expect_replaced("abc", 0, 3, "", "");
    expect_replaced("", 0, 0, "a", "a");
    expect_replaced("abc", 3, 3, "d", "abcd");
}

static size_t carry(const char *from, const char *to, size_t where)
{
    return rn_lsp_carry(from, strlen(from), to, strlen(to), where);
}

static void test_places_of_another_text(void **state)
{
    (void)state;
    assert_int_equal(carry("let a; b", "let abc; b", 4), 4);
    assert_int_equal(carry("let a; b", "let abc; b", 7), 9);
    assert_int_equal(carry("let abc; b", "let a; b", 9), 7);
    assert_int_equal(carry("one two three", "one 2 three", 6), 4);
    assert_int_equal(carry("aaa", "aa", 3), 2);
    assert_int_equal(carry("", "abc", 0), 0);
    assert_int_equal(carry("abc", "", 3), 0);
    assert_int_equal(carry("same", "same", 4), 4);
}

/* ---- Edits ---- */

static void expect_edits(const char *before, const char *after, const char *wanted)
{
    struct rn_lsp_document document = {.version = 1};
    struct rn_lsp_out out = {.failed = false};
    rn_lsp_document_set(&document, before, strlen(before));
    assert_false(document.is_lost);
    rn_lsp_put_edits(&out, &document, after, strlen(after), RN_LSP_UTF16);
    rn_lsp_put_bytes(&out, "", 1);
    assert_string_equal(out.bytes.data, wanted);
    rn_lsp_out_done(&out);
    rn_bytes_done(&document.text);
    rn_lsp_lines_done(&document.lines);
}

#define RANGE(a, b, c, d)                                                                          \
    "{\"range\":{\"start\":{\"line\":" #a ",\"character\":" #b "},\"end\":{\"line\":" #c           \
    ",\"character\":" #d "}},\"newText\":"

static void test_edits(void **state)
{
    (void)state;
    expect_edits("", "", "[]");
    expect_edits("one\ntwo\n", "one\ntwo\n", "[]");
    expect_edits("one\n  two\nthree\n", "one\ntwo\nthree\n", "[" RANGE(1, 0, 2, 0) "\"two\\n\"}]");
    expect_edits("first\n", "first\nsecond\n", "[" RANGE(1, 0, 1, 0) "\"second\\n\"}]");
    expect_edits("first", "first\n", "[" RANGE(0, 0, 0, 5) "\"first\\n\"}]");
    expect_edits("{\n1\n}\n", "{\n2\n}\n", "[" RANGE(1, 0, 2, 0) "\"2\\n\"}]");
    expect_edits("first\nb\nthird\nd\nfifth\n", "first\nB\nthird\nfifth\n",
                 "[" RANGE(1, 0, 2, 0) "\"B\\n\"}," RANGE(3, 0, 4, 0) "\"\"}]");
}

/* ---- URIs ---- */

static void expect_path(const char *uri, const char *path)
{
    struct rn_bytes found = {0};
    bool good = rn_lsp_uri_to_path(uri, strlen(uri), &found);
    assert_int_equal(good, path != NULL);
    if (path != NULL) {
        assert_string_equal(found.data, path);
    }
    rn_bytes_done(&found);
}

static void test_uris(void **state)
{
    (void)state;
    expect_path("file:///a/b.rn", "/a/b.rn");
    expect_path("file://localhost/a", "/a");
    expect_path("file:///a%20b%C3%a9?x#y", "/a b\xc3\xa9");
    expect_path("file:///a%00b", NULL);
    expect_path("file:///a%2", NULL);
    expect_path("file:///a%zz", NULL);
    expect_path("file://host/a", NULL);
    expect_path("file:a", NULL);
    expect_path("untitled:a", NULL);
    expect_path("", NULL);
    struct rn_bytes uri = {0};
    assert_true(rn_lsp_uri_of_path("/a b/\xc3\xa9.rn", &uri) && rn_bytes_append(&uri, "", 1));
    assert_string_equal(uri.data, "file:///a%20b/%C3%A9.rn");
    rn_bytes_done(&uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_within_a_character),
        cmocka_unit_test(test_past_the_end),
        cmocka_unit_test(test_ends_of_lines),
        cmocka_unit_test(test_bytes_that_are_no_characters),
        cmocka_unit_test(test_replacing),
        cmocka_unit_test(test_lines_through_changes),
        cmocka_unit_test(test_columns_of_long_lines),
        cmocka_unit_test(test_many_places_of_a_long_line),
        cmocka_unit_test(test_texts_by_path),
        cmocka_unit_test(test_halves_of_characters),
        cmocka_unit_test(test_places_of_another_text),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_uris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
