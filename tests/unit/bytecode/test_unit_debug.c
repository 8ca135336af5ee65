/* The debug segment: what the builder wrote is found again; nothing damaged opens and misleads. */
#include "base/alloc.h"
#include "bytecode/builder.h"
#include "bytecode/unit_debug.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void build(struct rn_buf *debug)
{
    struct rn_builder *b;
    struct rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(rn_builder_new(false, &b), RN_OK);
    uint32_t first = rn_builder_source(b, RN_UTF8("first.rn"), RN_UTF8("one two"));
    uint32_t second = rn_builder_source(b, RN_UTF8("second.rn"), RN_UTF8("three"));
    for (int i = 0; i < 3; i++) {
        struct rn_builder_function function = {.path = RN_UTF8("f")};
        uint32_t index = rn_builder_function(b, &function);
        rn_builder_begin(b, index);
        if (i == 0) {
            rn_builder_set_span(b, (struct rn_builder_span){first, 0, 3});
        }
        rn_emit_UNIT(b, 0);
        if (i == 1) {
            rn_builder_set_span(b, (struct rn_builder_span){second, 0, 5});
        }
        rn_emit_RETURN(b, 0);
        rn_builder_end(b);
    }
    assert_int_equal(rn_builder_finish(b, &image, debug), RN_OK);
    rn_builder_free(b);
    rn_buf_done(&image);
}

static void expect_span(const struct rn_debug *debug, uint32_t pc, uint32_t source, uint32_t end)
{
    struct rn_debug_span span = rn_debug_find(debug, pc);
    assert_int_equal(span.source, source);
    assert_int_equal(span.end, end);
}

static void test_lines_and_sources(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf bytes;
    rn_buf_init(&bytes, RN_DEBUG_SIZE_MAX);
    build(&bytes);
    struct rn_debug debug;
    assert_int_equal(rn_debug_open(bytes.data, bytes.size, &debug, NULL), RN_OK);
    assert_int_equal(debug.source_count, 2);
    struct rn_debug_source source = rn_debug_source(&debug, 1);
    assert_int_equal(source.name.size, 9);
    assert_memory_equal(source.name.data, "second.rn", 9);
    assert_int_equal(source.text.size, 5);
    assert_memory_equal(source.text.data, "three", 5);
    expect_span(&debug, 0, 0, 3);
    expect_span(&debug, 1, 0, 3);
    expect_span(&debug, 2, RN_NONE, 0); // the second function begins without a span
    expect_span(&debug, 3, 1, 5);
    expect_span(&debug, 4, RN_NONE, 0);
    expect_span(&debug, 1000, RN_NONE, 0);
}

static void test_binding(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf bytes;
    rn_buf_init(&bytes, RN_DEBUG_SIZE_MAX);
    build(&bytes);
    uint8_t id[32];
    memset(id, 7, sizeof(id));
    assert_int_equal(rn_debug_bind(bytes.data, bytes.size, id), RN_OK);
    struct rn_debug debug;
    assert_int_equal(rn_debug_open(bytes.data, bytes.size, &debug, NULL), RN_OK);
    assert_true(rn_debug_belongs(&debug, id));
    id[31]++;
    assert_false(rn_debug_belongs(&debug, id));
    assert_int_equal(rn_debug_bind(bytes.data, 40, id), RN_E_UNIT_DEBUG);
    bytes.data[0]++;
    assert_int_equal(rn_debug_bind(bytes.data, bytes.size, id), RN_E_UNIT_DEBUG);
}

static void test_no_prefix_opens(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf bytes;
    rn_buf_init(&bytes, RN_DEBUG_SIZE_MAX);
    build(&bytes);
    struct rn_debug debug;
    size_t offset;
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(rn_debug_open(bytes.data, size, &debug, &offset), RN_E_UNIT_DEBUG);
        assert_true(offset <= size);
    }
    rn_buf_append_u8(&bytes, 0);
    assert_int_equal(rn_debug_open(bytes.data, bytes.size, &debug, &offset), RN_E_UNIT_DEBUG);
    assert_int_equal(offset, bytes.size - 1);
}

/* Offsets in the segment that build() makes. */
enum {
    VERSION = 8,
    SOURCE_COUNT = 44,
    LINE_COUNT = 48,
    SOURCES = 52,
    LINES = SOURCES + 2 * 8,
    LINE_SIZE = 16,
};

static void put_u32(struct rn_buf *bytes, size_t offset, uint32_t value)
{
    memcpy(bytes->data + offset, &value, sizeof(value));
}

static void expect_refused(size_t offset, uint32_t value)
{
    RN_AUTO(rn_buf) rn_buf bytes;
    rn_buf_init(&bytes, RN_DEBUG_SIZE_MAX);
    build(&bytes);
    put_u32(&bytes, offset, value);
    struct rn_debug debug;
    assert_int_equal(rn_debug_open(bytes.data, bytes.size, &debug, NULL), RN_E_UNIT_DEBUG);
}

static void test_damages(void **state)
{
    (void)state;
    expect_refused(0, 0);
    expect_refused(VERSION, RN_DEBUG_VERSION + 1);
    expect_refused(SOURCE_COUNT, RN_DEBUG_SOURCES_MAX + 1);
    expect_refused(SOURCE_COUNT, 3);
    expect_refused(LINE_COUNT, UINT32_MAX);
    expect_refused(LINE_COUNT, 1);
    expect_refused(SOURCES, UINT32_MAX);
    expect_refused(LINES + LINE_SIZE, 0);          // the pc of the line before it
    expect_refused(LINES + 4, 2);                  // no such source
    expect_refused(LINES + 8, 4);                  // begins behind its end
    expect_refused(LINES + 12, 8);                 // ends behind its source
    expect_refused(LINES + 4 * LINE_SIZE, 0xffff); // not UTF-8: the name of the first source
    struct rn_debug debug;
    assert_int_equal(rn_debug_open(RN_DEBUG_MAGIC, (size_t)RN_DEBUG_SIZE_MAX + 1, &debug, NULL),
                     RN_E_UNIT_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_and_sources),
        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_no_prefix_opens),
        cmocka_unit_test(test_damages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
