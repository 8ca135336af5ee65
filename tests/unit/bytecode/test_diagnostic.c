/* Diagnostics: reporting and its limits, rendering for people and programs, the wire form. */
#include "base/alloc.h"
#include "bytecode/diagnostic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static const struct rn_render_options plain;

static void init(struct rn_diagnostics *list, const char *text)
{
    rn_diagnostics_init(list);
    uint32_t index;
    assert_int_equal(rn_diagnostics_add_source(list, "main.rn", text, strlen(text), &index), RN_OK);
}

static struct rn_span at(uint32_t start, uint32_t end)
{
    return (struct rn_span){0, start, end};
}

static void expect_render(const struct rn_diagnostics *list, const char *expected)
{
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render(list, &plain, &out);
    rn_buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    rn_buf_done(&out);
}

static void test_codes_are_unique(void **state)
{
    (void)state;
    for (int i = 1; i < RN_DIAGNOSTIC_COUNT; i++) {
        const struct rn_diagnostic_info *info = &rn_diagnostic_infos[i];
        assert_int_equal(strlen(info->code), 5);
        assert_int_equal(info->code[0], info->severity == RN_SEVERITY_ERROR ? 'E' : 'W');
        for (int j = i + 1; j < RN_DIAGNOSTIC_COUNT; j++) {
            assert_string_not_equal(info->code, rn_diagnostic_infos[j].code);
        }
    }
}

static void test_excerpt(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "fn main() {\n    let count = 1;\n\n    println!(\"{}\", cout);\n}\n");
    struct rn_diagnostic *d = rn_diagnose(&list, MISSING_LOCAL, at(51, 55), rn_text("cout"));
    rn_diagnostic_describe(&list, d, "not found");
    rn_diagnostic_label(&list, d, at(20, 25), "a similar name");
    rn_diagnostic_help(&list, d, "did you mean `%s`?", "count");
    expect_render(&list, "main.rn:4:20: error[E0402]: no local variable `cout`\n"
                         "  |\n"
                         "2 |     let count = 1;\n"
                         "  |         ----- a similar name\n"
                         "...\n"
                         "4 |     println!(\"{}\", cout);\n"
                         "  |                    ^^^^ not found\n"
                         "  |\n"
                         "  = help: did you mean `count`?\n"
                         "\n");
    rn_diagnostics_done(&list);
}

static void test_marks_in_one_line(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "a + b\n");
    struct rn_diagnostic *d = rn_diagnose(&list, PRECEDENCE_GROUP_REQUIRED, at(2, 3));
    rn_diagnostic_describe(&list, d, "here");
    rn_diagnostic_label(&list, d, at(0, 1), "left");
    rn_diagnostic_label(&list, d, at(4, 5), "right");
    expect_render(&list, "main.rn:1:3: error[E0103]: parentheses are needed to say which operator "
                         "comes first\n"
                         "  |\n"
                         "1 | a + b\n"
                         "  | - ^ - right\n"
                         "  | | here\n"
                         "  | left\n"
                         "\n");
    rn_diagnostics_done(&list);
}

static void test_cells(void **state)
{
    (void)state;
    // A tab, a wide character, a combining accent, a control character, a direction override.
    struct rn_diagnostics list;
    init(&list, "\t\xe4\xb8\xad"
                "e\xcc\x81\x01\xe2\x80\xae"
                "x");
    rn_diagnose(&list, BAD_NUMBER, at(11, 12));
    expect_render(&list, "main.rn:1:7: error[E0022]: bad number\n"
                         "  |\n"
                         "1 |     \xe4\xb8\xad"
                         "e\xcc\x81\\u{1}\\u{202e}x\n"
                         "  |                     ^\n"
                         "\n");
    rn_diagnostics_done(&list);
}

static void test_no_utf8(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "a\xff\xe4\xb8 b");
    rn_diagnose(&list, INVALID_UTF8, at(1, 1));
    expect_render(&list, "main.rn:1:2: error[E0003]: the source is not valid UTF-8\n"
                         "  |\n"
                         "1 | a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd b\n"
                         "  |  ^\n"
                         "\n");
    rn_diagnostics_done(&list);
}

static void test_ends(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "ab\ncd");
    rn_diagnose(&list, BAD_NUMBER, at(5, 5));
    rn_diagnose(&list, BAD_NUMBER, at(0, 5));
    rn_diagnose(&list, BAD_NUMBER, at(70, 3));
    rn_diagnose(&list, BAD_NUMBER, ((struct rn_span){RN_SPAN_NOWHERE, 0, 0}));
    expect_render(&list, "main.rn:2:3: error[E0022]: bad number\n  |\n2 | cd\n  |   ^\n\n"
                         "main.rn:1:1: error[E0022]: bad number\n  |\n1 | ab\n  | ^^\n\n"
                         "main.rn:2:3: error[E0022]: bad number\n  |\n2 | cd\n  |   ^\n\n"
                         "error[E0022]: bad number\n\n");
    rn_diagnostics_done(&list);
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    char text[5001];
    memset(text, 'x', 5000);
    text[5000] = '\0';
    struct rn_diagnostics list;
    init(&list, text);
    rn_diagnose(&list, BAD_NUMBER, at(3000, 3002));
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render(&list, &plain, &out);
    assert_true(out.size < 600);
    assert_non_null(memmem(out.data, out.size, "^^\n", 3));
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

static void test_colors(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "x\n");
    rn_diagnose(&list, UNREACHABLE, at(0, 1));
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render(&list, &(struct rn_render_options){.color = true}, &out);
    assert_non_null(memmem(out.data, out.size, "\x1b[1;33mwarning[W0002]\x1b[0m", 22));
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

static void test_hostile_arguments(void **state)
{
    (void)state;
    char name[4096];
    memset(name, 'n', sizeof name);
    struct rn_diagnostics list;
    init(&list, "x");
    struct rn_utf8 argument = {name, sizeof name};
    rn_diagnose(&list, AMBIGUOUS_ITEM, at(0, 1), argument);
    rn_diagnose(&list, AMBIGUOUS_ITEM, at(0, 1), RN_UTF8("\x1b[2J{}%s"));
    assert_true(list.first->message.size < 300);
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render(&list, &plain, &out);
    assert_null(memchr(out.data, 0x1b, out.size));
    assert_non_null(memmem(out.data, out.size, "`\\u{1b}[2J{}%s`", 15));
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

/* Warnings by their places, those of one place as they came; the error is the second still. */
static void test_warnings_are_sorted(void **state)
{
    static const uint32_t starts[] = {20, 30, 10, 30, 0};
    static const uint32_t sorted[] = {0, 51, 10, 20, 30, 30};
    struct rn_diagnostics list;
    const struct rn_diagnostic *warnings[2] = {NULL, NULL};
    (void)state;
    init(&list, "fn main() {\n    let count = 1;\n\n    println!(\"{}\", cout);\n}\n");
    for (size_t i = 0; i < RN_COUNT_OF(starts); i++) {
        struct rn_diagnostic *warning =
            rn_diagnostics_add(&list, RN_DIAGNOSTIC_UNREACHABLE, at(starts[i], 60), NULL, 0);
        if (i == 0) {
            rn_diagnose(&list, MISSING_LOCAL, at(51, 55), rn_text("cout"));
        }
        if (i == 1 || i == 3) {
            warnings[i / 2] = warning;
        }
    }
    rn_diagnostics_sort_warnings(&list);
    const struct rn_diagnostic *d = list.first;
    for (size_t i = 0; i < RN_COUNT_OF(sorted); i++, d = d->next) {
        assert_int_equal(d->span.start, sorted[i]);
        assert_true(i < 4 || d == warnings[i - 4]);
        assert_true(i + 1 < RN_COUNT_OF(sorted) || d == list.last);
    }
    assert_null(d);
    rn_diagnostics_done(&list);
    init(&list, "");
    rn_diagnostics_sort_warnings(&list);
    assert_null(list.first);
    rn_diagnostics_done(&list);
}

static void test_maximum(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "x");
    for (int i = 0; i < 100; i++) {
        struct rn_diagnostic *d = rn_diagnose(&list, BAD_NUMBER, at(0, 1));
        rn_diagnostic_note(&list, d, "number %d", i);
    }
    rn_diagnose(&list, UNREACHABLE, at(0, 1));
    assert_int_equal(list.error_count, 100);
    assert_int_equal(list.kept_errors, RN_DIAGNOSTICS_MAX);
    assert_int_equal(list.last->code, RN_DIAGNOSTIC_UNREACHABLE);
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render(&list, &plain, &out);
    assert_non_null(memmem(out.data, out.size, "and 36 more errors\n", 19));
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

static void test_json(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "a\n\xc3\xa9 b\n");
    struct rn_diagnostic *d = rn_diagnose(&list, MISSING_LOCAL, at(5, 6), RN_UTF8("\"\n"));
    rn_diagnostic_label(&list, d, at(0, 1), "l");
    rn_diagnostic_note(&list, d, "n");
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render_json(&list, &out);
    rn_buf_append_u8(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "{\"severity\":\"error\",\"code\":\"E0402\",\"name\":\"MISSING_LOCAL\",\"message\":\"no "
        "local "
        "variable "
        "`\\\"\\n`\",\"span\":{\"file\":\"main.rn\",\"line\":2,\"column\":3,\"end_line\":2,"
        "\"end_column\":4,\"start\":5,\"end\":6},\"text\":\"\",\"labels\":[{\"span\":{\"file\":"
        "\"main.rn\","
        "\"line\":1,\"column\":1,\"end_line\":1,\"end_column\":2,\"start\":0,\"end\":1},\"text\":"
        "\"l\"}],"
        "\"notes\":[\"n\"],\"helps\":[]}\n");
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

/* Terminals obey the controls of Latin 1 as well as those of ASCII. */
static void test_json_escapes(void **state)
{
    (void)state;
    struct rn_diagnostics list;
    init(&list, "x");
    rn_diagnose(&list, MISSING_LOCAL, at(0, 1), RN_UTF8("\x1b\x7f\xc2\x9b\xc3\xa9"));
    struct rn_buf out;
    rn_buf_init(&out, 1u << 16);
    rn_diagnostics_render_json(&list, &out);
    assert_non_null(memmem(out.data, out.size, "`\\u001b\\u007f\\u009b\xc3\xa9`", 22));
    rn_buf_done(&out);
    rn_diagnostics_done(&list);
}

/* As the header says it, byte by byte. */
static struct rn_position count_to(const char *text, size_t offset)
{
    struct rn_position position = {.line = 1, .column = 1};
    for (uint32_t i = 0; i < offset; i++) {
        position.column += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (text[i] == '\n') {
            position =
                (struct rn_position){.line = position.line + 1, .column = 1, .line_start = i + 1};
        }
    }
    return position;
}

static void expect_positions(const char *text, size_t size)
{
    struct rn_diagnostics list;
    rn_diagnostics_init(&list);
    uint32_t index;
    assert_int_equal(rn_diagnostics_add_source(&list, "m", text, size, &index), RN_OK);
    for (size_t offset = 0; offset <= size; offset += offset % 61 + 1) {
        struct rn_position expected = count_to(text, offset);
        struct rn_position found = rn_source_position(&list.sources[0], (uint32_t)offset);
        assert_int_equal(found.line, expected.line);
        assert_int_equal(found.column, expected.column);
        assert_int_equal(found.line_start, expected.line_start);
    }
    rn_diagnostics_done(&list);
}

/* Lines and characters that end before, at and behind the blocks in which places are looked for. */
static void test_positions(void **state)
{
    (void)state;
    static char text[3 * RN_LINE_BLOCK + 7];
    for (unsigned period = RN_LINE_BLOCK - 3; period < RN_LINE_BLOCK + 3; period++) {
        for (unsigned i = 0; i < sizeof text; i++) {
            text[i] = i % period == period - 1 ? '\n' : "ab\xe2\x82\xac"[i % 5];
        }
        expect_positions(text, sizeof text);
        expect_positions(text, 2 * RN_LINE_BLOCK);
    }
    memset(text, 'x', sizeof text);
    expect_positions(text, sizeof text);
    expect_positions("", 0);
}

static void encode_sample(struct rn_buf *wire, bool with_texts)
{
    struct rn_diagnostics list;
    init(&list, "let x = y;\n");
    uint32_t index;
    assert_int_equal(rn_diagnostics_add_source(&list, "m\xff.rn", "unused", 6, &index), RN_OK);
    struct rn_diagnostic *d = rn_diagnose(&list, MISSING_LOCAL, at(8, 9), RN_UTF8("y"));
    rn_diagnostic_describe(&list, d, "here");
    rn_diagnostic_label(&list, d, at(4, 5), "label");
    rn_diagnostic_help(&list, d, "help");
    rn_diagnose(&list, UNREACHABLE, at(0, 10));
    rn_buf_init(wire, 1u << 16);
    assert_int_equal(rn_diagnostics_encode(&list, with_texts, wire), RN_OK);
    rn_diagnostics_done(&list);
}

static void test_wire(void **state)
{
    (void)state;
    struct rn_buf wire;
    encode_sample(&wire, true);
    struct rn_diagnostics list;
    rn_diagnostics_init(&list);
    assert_int_equal(rn_diagnostics_decode(&list, wire.data, wire.size), RN_OK);
    assert_int_equal(list.source_count, 2);
    assert_memory_equal(list.sources[1].name.data, "m?.rn", 5);
    assert_null(list.sources[1].text.data);
    expect_render(&list, "main.rn:1:9: error[E0402]: no local variable `y`\n"
                         "  |\n"
                         "1 | let x = y;\n"
                         "  |     -   ^ here\n"
                         "  |     label\n"
                         "  |\n"
                         "  = help: help\n"
                         "\n"
                         "main.rn:1:1: warning[W0002]: unreachable code\n"
                         "  |\n"
                         "1 | let x = y;\n"
                         "  | ^^^^^^^^^^\n"
                         "\n");
    struct rn_buf again;
    rn_buf_init(&again, 1u << 16);
    assert_int_equal(rn_diagnostics_encode(&list, true, &again), RN_OK);
    assert_int_equal(again.size, wire.size);
    assert_memory_equal(again.data, wire.data, wire.size);
    rn_buf_done(&again);
    rn_diagnostics_done(&list);
    rn_buf_done(&wire);
}

static void test_wire_refuses(void **state)
{
    (void)state;
    struct rn_buf wire;
    encode_sample(&wire, false);
    struct rn_diagnostics list;
    for (size_t size = 0; size < wire.size; size++) {
        rn_diagnostics_init(&list);
        assert_int_equal(rn_diagnostics_decode(&list, wire.data, size), RN_E_MESSAGE_INVALID);
        rn_diagnostics_done(&list);
    }
    for (size_t i = 0; i < wire.size; i++) {
        uint8_t old = wire.data[i];
        wire.data[i] = 0xff;
        rn_diagnostics_init(&list);
        enum rn_error error = rn_diagnostics_decode(&list, wire.data, wire.size);
        assert_true(error == RN_OK || error == RN_E_MESSAGE_INVALID);
        struct rn_buf out;
        rn_buf_init(&out, 1u << 16);
        rn_diagnostics_render(&list, &plain, &out);
        rn_buf_done(&out);
        rn_diagnostics_done(&list);
        wire.data[i] = old;
    }
    rn_buf_append_u8(&wire, 0);
    rn_diagnostics_init(&list);
    assert_int_equal(rn_diagnostics_decode(&list, wire.data, wire.size), RN_E_MESSAGE_INVALID);
    rn_diagnostics_done(&list);
    rn_buf_done(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_unique),
        cmocka_unit_test(test_excerpt),
        cmocka_unit_test(test_marks_in_one_line),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_utf8),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_hostile_arguments),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_warnings_are_sorted),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_wire_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
