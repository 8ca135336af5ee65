/* From an instruction to its line: right, and as fast in a forged segment as in an honest one. */
#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/lines.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct place {
    uint32_t source;
    uint32_t start;
    uint32_t end;
};

/* A segment of two sources; instruction i is from places[i]. */
static void build(struct rn_buf *out, const struct rn_utf8 texts[2], const struct place *places,
                  uint32_t count)
{
    rn_buf_init(out, RN_DEBUG_SIZE_MAX);
    rn_buf_append(out, RN_DEBUG_MAGIC, 8);
    rn_buf_append_u32(out, RN_DEBUG_VERSION);
    for (int i = 0; i < 32; i++) {
        rn_buf_append_u8(out, 0);
    }
    rn_buf_append_u32(out, 2);
    rn_buf_append_u32(out, count);
    for (int i = 0; i < 2; i++) {
        rn_buf_append_u32(out, 4);
        rn_buf_append_u32(out, (uint32_t)texts[i].size);
    }
    for (uint32_t i = 0; i < count; i++) {
        rn_buf_append_u32(out, i);
        rn_buf_append_u32(out, places[i].source);
        rn_buf_append_u32(out, places[i].start);
        rn_buf_append_u32(out, places[i].end);
    }
    for (int i = 0; i < 2; i++) {
        rn_buf_append(out, i == 0 ? "a.rn" : "b.rn", 4);
        rn_buf_append(out, texts[i].data, texts[i].size);
    }
    assert_int_equal(rn_buf_status(out), RN_OK);
}

static void open_lines(const struct rn_buf *bytes, struct rn_debug *debug, struct rn_lines *lines)
{
    assert_int_equal(rn_debug_open(bytes->data, bytes->size, debug, NULL), RN_OK);
    assert_int_equal(rn_lines_make(debug, lines), RN_OK);
}

static void expect(const struct rn_line *line, const char *text, uint32_t number, uint32_t column,
                   uint32_t width)
{
    assert_int_equal(line->line, number);
    assert_int_equal(line->column, column);
    assert_int_equal(line->width, width);
    assert_int_equal(line->text.size, strlen(text));
    assert_memory_equal(line->text.data, text, strlen(text));
}

static void test_places(void **state)
{
    (void)state;
    const struct rn_utf8 texts[2] = {RN_UTF8("one\ntw\xc3\xb6 x\r\n\nend"), RN_UTF8("")};
    const struct place places[] = {{0, 0, 3},   {0, 4, 6},  {0, 9, 10}, {0, 12, 12},
                                   {0, 13, 16}, {0, 1, 16}, {1, 0, 0},  {RN_NONE, 0, 0}};
    RN_AUTO(rn_buf) struct rn_buf bytes;
    struct rn_debug debug;
    struct rn_lines lines;
    build(&bytes, texts, places, 8);
    open_lines(&bytes, &debug, &lines);
    struct rn_line found = rn_lines_find(&lines, &debug, 0);
    expect(&found, "one", 1, 1, 3);
    assert_memory_equal(found.source.data, "a.rn", 4);
    found = rn_lines_find(&lines, &debug, 1);
    expect(&found, "tw\xc3\xb6 x", 2, 1, 2);
    found = rn_lines_find(&lines, &debug, 2);
    expect(&found, "tw\xc3\xb6 x", 2, 5, 1);
    found = rn_lines_find(&lines, &debug, 3);
    expect(&found, "", 3, 1, 1);
    found = rn_lines_find(&lines, &debug, 4);
    expect(&found, "end", 4, 1, 3);
    found = rn_lines_find(&lines, &debug, 5); // a span of several lines: the rest of the first
    expect(&found, "one", 1, 2, 2);
    found = rn_lines_find(&lines, &debug, 6);
    expect(&found, "", 1, 1, 1);
    assert_memory_equal(found.source.data, "b.rn", 4);
    found = rn_lines_find(&lines, &debug, 7);
    assert_int_equal(found.line, 0);
    rn_lines_done(&lines);
}

/* Newlines all over many blocks, counted from the front for comparison. */
static void test_every_offset_of_a_long_text(void **state)
{
    (void)state;
    enum {
        SIZE = 30000
    };
    char *text = rn_alloc(SIZE);
    struct place *places = rn_alloc_array(SIZE, sizeof(*places));
    for (uint32_t i = 0; i < SIZE; i++) {
        text[i] = i % 4096 == 4095 || i % 37 == 0 || i % 4096 == 0 ? '\n' : 'x';
        places[i] = (struct place){1, i, i};
    }
    const struct rn_utf8 texts[2] = {RN_UTF8("\n\n"), {text, SIZE}};
    RN_AUTO(rn_buf) struct rn_buf bytes;
    struct rn_debug debug;
    struct rn_lines lines;
    build(&bytes, texts, places, SIZE);
    open_lines(&bytes, &debug, &lines);
    uint32_t number = 1;
    uint32_t column = 1;
    uint32_t *numbers = rn_alloc_array(SIZE, sizeof(*numbers));
    assert_int_equal(rn_lines_number_all(&lines, &debug, SIZE, numbers), RN_OK);
    for (uint32_t i = 0; i < SIZE; i++) {
        struct rn_line found = rn_lines_find(&lines, &debug, i);
        assert_int_equal(found.line, number);
        assert_int_equal(numbers[i], number);
        assert_int_equal(found.column, column);
        number += text[i] == '\n';
        column = text[i] == '\n' ? 1 : column + 1;
    }
    rn_lines_done(&lines);
    rn_free(numbers);
    rn_free(places);
    rn_free(text);
}

/* One line of 64 MiB, asked for 10,000 times: by its length this would be 640 GiB of text. */
static void test_a_line_without_end(void **state)
{
    (void)state;
    const uint32_t size = 64u << 20;
    char *text = rn_alloc(size);
    memset(text, 'x', size);
    text[0] = '\n';
    const struct rn_utf8 texts[2] = {{text, size}, RN_UTF8("")};
    const struct place places[] = {{0, size - 9, size}, {0, 5, size}};
    RN_AUTO(rn_buf) struct rn_buf bytes;
    struct rn_debug debug;
    struct rn_lines lines;
    build(&bytes, texts, places, 2);
    open_lines(&bytes, &debug, &lines);
    for (uint32_t i = 0; i < 10000; i++) {
        struct rn_line found = rn_lines_find(&lines, &debug, i % 2);
        expect(&found, "", 2, 0, 1);
        assert_memory_equal(found.source.data, "a.rn", 4);
    }
    rn_lines_done(&lines);
    rn_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_every_offset_of_a_long_text),
        cmocka_unit_test(test_a_line_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
