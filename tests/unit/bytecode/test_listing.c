/* Listings: image to text and back to the same image; what is no listing is refused with its line.
 */
#include "base/alloc.h"
#include "bytecode/assemble.h"
#include "bytecode/disasm.h"
#include "tests/hostile/sample_units.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void assemble(const struct rn_buf *text, struct rn_buf *image)
{
    struct rn_assemble_fault fault = {0};
    enum rn_error error = rn_assemble((const char *)text->data, text->size, image, &fault);
    if (error != RN_OK) {
        fail_msg("line %u: %s", fault.line, fault.message);
    }
}

static void verify(const struct rn_buf *image, bool standard, struct rune_verified_unit *unit)
{
    struct rn_unit_fault fault;
    enum rn_error error =
        rn_unit_verify((struct rune_unit_image){image->data, image->size}, standard, unit, &fault);
    if (error != RN_OK) {
        fail_msg("%s at %zu, pc %u", fault.check, fault.offset, fault.pc);
    }
}

static void check_round_trip(const struct rn_buf *image, bool standard)
{
    RN_AUTO(rn_buf) rn_buf text;
    RN_AUTO(rn_buf) rn_buf again;
    RN_AUTO(rn_buf) rn_buf second;
    rn_buf_init(&text, 1 << 20);
    rn_buf_init(&again, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&second, 1 << 20);
    struct rune_verified_unit unit;
    verify(image, standard, &unit);
    assert_int_equal(rn_disasm_unit(&unit, NULL, &text), RN_OK);
    assemble(&text, &again);
    assert_int_equal(again.size, image->size);
    assert_memory_equal(again.data, image->data, image->size);
    verify(&again, standard, &unit);
    assert_int_equal(rn_disasm_unit(&unit, NULL, &second), RN_OK);
    assert_int_equal(second.size, text.size);
    assert_memory_equal(second.data, text.data, text.size);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        RN_AUTO(rn_buf) rn_buf image;
        rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
        assert_int_equal(build_sample(&image, NULL, i == 1), RN_OK);
        check_round_trip(&image, i == 1);
        memset(image.data + offsetof(struct rn_unit_header, content_id), 0x5a, 32);
        check_round_trip(&image, i == 1);
    }
}

/* Every instruction, with every operand at some value of its kind, there and back. */
static void test_each_instruction(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(build_sample(&image, NULL, false), RN_OK);
    struct rune_verified_unit unit;
    verify(&image, false, &unit);
    struct rn_inst *inst = (struct rn_inst *)(uintptr_t)&unit.code[0];
    for (uint32_t op = 0; op < RN_OP_COUNT; op++) {
        const struct rn_opcode_info *info = &rn_opcodes[op];
        *inst = (struct rn_inst){
            .op = (uint8_t)op,
            .a = info->a == RN_OPERAND__ ? 0 : 5,
            .b = info->b == RN_OPERAND__    ? 0
                 : info->b == RN_OPERAND_I8 ? 0xfe
                                            : 1,
            .c = info->c == RN_OPERAND__ ? 0 : 2,
            .imm = info->imm == RN_OPERAND__ || info->imm == RN_OPERAND_JUMP ? 0 : 1,
        };
        RN_AUTO(rn_buf) rn_buf line;
        RN_AUTO(rn_buf) rn_buf text;
        RN_AUTO(rn_buf) rn_buf again;
        rn_buf_init(&line, 1000);
        rn_buf_init(&text, 1000);
        rn_buf_init(&again, RN_IMAGE_SIZE_MAX);
        rn_disasm_inst(&unit, 0, &line);
        rn_buf_append_format(&text,
                             "unit none\nstring \"\"\nfunc 0 args 0 captures 0 registers 0 "
                             "immediate\nL0:\n%.*s\n",
                             (int)line.size, (const char *)line.data);
        assemble(&text, &again);
        const struct rn_unit_header *header = (const void *)again.data;
        assert_memory_equal(again.data + header->sections[RN_SECTION_CODE].offset, inst,
                            sizeof(*inst));
    }
}

static void expect_text(const struct rn_buf *text, const char *expected)
{
    if (memmem(text->data, text->size, expected, strlen(expected)) == NULL) {
        fail_msg("missing: %s", expected);
    }
}

static void test_how_it_looks(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    RN_AUTO(rn_buf) rn_buf debug;
    RN_AUTO(rn_buf) rn_buf text;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&debug, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&text, 1 << 20);
    assert_int_equal(build_sample(&image, &debug, false), RN_OK);
    struct rune_verified_unit unit;
    verify(&image, false, &unit);
    struct rn_debug lines;
    size_t offset;
    assert_int_equal(rn_debug_open(debug.data, debug.size, &lines, &offset), RN_OK);
    assert_int_equal(rn_disasm_function(&unit, 1, &lines, &text), RN_OK);
    expect_text(&text, "args 1 captures 0 registers 4 immediate ; 1 \"callee\"\n");
    expect_text(&text, "\n  INT r1, 0\n");
    expect_text(&text, "  ; \"sample.rn\" line 2: \"while a < n {}\"\n");
    expect_text(&text, "\nL2:\n  height 2\n  JUMP_NOT_LT r1, r0, L5, cost 1\n");
    assert_int_equal(rn_disasm_function(&unit, 99, NULL, &text), RN_E_INVALID_ARGUMENT);
    rn_buf_clear(&text);
    assert_int_equal(rn_disasm_unit(&unit, NULL, &text), RN_OK);
    expect_text(&text, "STRING r2, str ");
    expect_text(&text, " ; \"text\"\n");
    expect_text(&text, "CALL r1, 1, func 1, cost ");
    expect_text(&text, "cbor d952028201");
    expect_text(&text, " [1,2]\n");
    expect_text(&text, "CHAR r2, U+0078\n");
    expect_text(&text, " int -1 L");
}

struct refusal {
    const char *text;
    uint32_t line;
};

static void test_refusals(void **state)
{
    (void)state;
#define FUNCTION "string \"f\"\nfunc 0 args 0 captures 0 registers 1 immediate\n"
    static const struct refusal refusals[] = {
        {"nonsense", 1},
        {"UNIT r0", 1},
        {"\n\nstring", 3},
        {"string \"a", 1},
        {"string \"\\q\"", 1},
        {"string \"\\xg0\"", 1},
        {"string \"\\x", 1},
        {"string \"a\" 1", 1},
        {"i64 a", 1},
        {"i64 -9223372036854775809", 1},
        {"u64 18446744073709551616", 1},
        {"f64 0x", 1},
        {"cbor f", 1},
        {"cbor zz", 1},
        {"id 00", 1},
        {"unit nowhere", 1},
        {"keys 1 x", 1},
        {"keys 4294967296", 1},
        {"type odd 0 0", 1},
        {"type struct 0 0", 1},
        {"string \"T\"\ntype struct 0 1", 2},
        {"string \"T\"\ntype struct 0 65536", 2},
        {"import 0 1", 1},
        {"static 0 none", 1},
        {"site put 0 0", 1},
        {"spec 32 256 0 0 none none", 1},
        {"export 0", 1},
        {"L1:", 1},
        {"height 1", 1},
        {"switch 0 int 0 else L1", 1},
        {FUNCTION "ADD r0, r1", 3},
        {FUNCTION "ADD r0, r1, r256", 3},
        {FUNCTION "ADD r0, r1, 5", 3},
        {FUNCTION "ADD r0, r1, r2, r3", 3},
        {FUNCTION "RETURN r0", 3},
        {FUNCTION "RETURN r0, cost 256", 3},
        {FUNCTION "CHAR r0, x", 3},
        {FUNCTION "STRING r0, const 1", 3},
        {FUNCTION "JUMP 5, cost 1", 3},
        {FUNCTION "JUMP L5, cost 1", 3},
        {FUNCTION "Lx:", 3},
        {FUNCTION "L1:\nL1:\nUNIT r0", 5},
        {FUNCTION "switch 0 int 0 L1 L2", 3},
        {FUNCTION "switch 0 odd 0 else L1", 3},
        {FUNCTION "switch 1 int 0 else L1\nL1:\nUNIT r0", 5},
        {FUNCTION "switch 0 int 0 else L1\nswitch 0 int 0 else L1", 4},
        {"string \"f\"\nfunc 0 arguments", 2},
        {"string \"f\"\nfunc 0 args 0 captures 0 registers 1 odd", 2},
        {"string \"f\"\nfunc 0 args 0 captures 0 registers 1 async odd", 2},
    };
    for (size_t i = 0; i < RN_COUNT_OF(refusals); i++) {
        RN_AUTO(rn_buf) rn_buf image;
        rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
        struct rn_assemble_fault fault = {0};
        const char *text = refusals[i].text;
        enum rn_error error = rn_assemble(text, strlen(text), &image, &fault);
        if (error != RN_E_INVALID_ARGUMENT || fault.line != refusals[i].line ||
            fault.message == NULL) {
            fail_msg("%s: %s, line %u", text, rn_error_name(error), fault.line);
        }
    }
}

static void test_comments_and_quotes(void **state)
{
    (void)state;
    static const char text[] = "; nothing\nstring \"a;\\\"b\\\\\" ; \"quoted\" comment\n\n";
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(rn_assemble(text, sizeof(text) - 1, &image, NULL), RN_OK);
    struct rune_verified_unit unit;
    assert_int_equal(rn_unit_adopt((struct rune_unit_image){image.data, image.size}, &unit), RN_OK);
    struct rn_utf8 string = rn_unit_string_at(&unit, 0);
    assert_int_equal(string.size, 5);
    assert_memory_equal(string.data, "a;\"b\\", 5);
}

/* The image may have faults, which the verifier names; or the listing is refused at the line or below it. */
static bool check_damaged(const struct rn_buf *text, uint32_t line, uint32_t lines)
{
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    struct rn_assemble_fault fault = {0};
    enum rn_error error = rn_assemble((const char *)text->data, text->size, &image, &fault);
    if (error == RN_OK) {
        struct rune_verified_unit unit;
        struct rn_unit_fault why = {0};
        struct rune_unit_image made = {image.data, image.size};
        enum rn_error verified = rn_unit_verify(made, false, &unit, &why);
        assert_true(verified == RN_OK || why.check != NULL);
    } else {
        assert_true(error == RN_E_INVALID_ARGUMENT || error == RN_E_TOO_LARGE);
        assert_non_null(fault.message);
        assert_in_range(fault.line, line, lines);
    }
    return error == RN_OK;
}

static uint32_t count_lines(const char *text, size_t size)
{
    uint32_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static bool is_between_words(uint8_t c)
{
    return c == ' ' || c == '\n' || c == ',';
}

/* Each word of a listing is another one, or missing; its neighbours are exchanged for others. */
static void test_each_word_exchanged(void **state)
{
    static const char *const words[] = {
        "",
        "x",
        "0",
        "4294967295",
        "4294967296",
        "-1",
        "\"x\"",
        "\"x",
        "none",
        "r1",
        "r256",
        "L1",
        "L4294967296",
        "99999999999999999999",
        "U+110000",
        "0xg",
        "odd:",
        "else",
        "\"\\xgg\"",
        "height",
        "switch",
    };
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    RN_AUTO(rn_buf) rn_buf text;
    RN_AUTO(rn_buf) rn_buf damaged;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&text, 1 << 20);
    rn_buf_init(&damaged, 1 << 20);
    assert_int_equal(build_sample(&image, NULL, false), RN_OK);
    struct rune_verified_unit unit;
    verify(&image, false, &unit);
    assert_int_equal(rn_disasm_unit(&unit, NULL, &text), RN_OK);
    uint32_t lines = count_lines((const char *)text.data, text.size);
    unsigned good = 0;
    unsigned tried = 0;
    for (size_t start = 0, end; start < text.size; start = end + 1) {
        for (end = start; end < text.size && !is_between_words(text.data[end]); end++) {
        }
        uint32_t line = count_lines((const char *)text.data, start);
        for (size_t i = start % 3; end > start && i < RN_COUNT_OF(words); i += 3) {
            rn_buf_clear(&damaged);
            rn_buf_append(&damaged, text.data, start);
            rn_buf_append_text(&damaged, words[i]);
            rn_buf_append(&damaged, text.data + end, text.size - end);
            uint64_t live = rn_alloc_live();
            good += check_damaged(&damaged, line, lines);
            assert_int_equal(rn_alloc_live(), live);
            tried++;
        }
    }
    // Numbers may be exchanged, and whatever comments say.
    assert_in_range(good, tried / 20, tried / 2);
}

#define FORGED_INSTRUCTIONS 60000u
#define FORGED_LINES (8u << 20)

/* A segment of one text of newlines, from whose end and begin instructions are by turns. */
static void build_forged_debug(struct rn_buf *out)
{
    static const uint8_t id[32];
    rn_buf_init(out, RN_DEBUG_SIZE_MAX);
    rn_buf_append(out, RN_DEBUG_MAGIC, 8);
    rn_buf_append_u32(out, RN_DEBUG_VERSION);
    rn_buf_append(out, id, sizeof(id));
    rn_buf_append_u32(out, 1);
    rn_buf_append_u32(out, FORGED_INSTRUCTIONS);
    rn_buf_append_u32(out, 1);
    rn_buf_append_u32(out, FORGED_LINES);
    for (uint32_t i = 0; i < FORGED_INSTRUCTIONS; i++) {
        uint32_t at = i % 2 == 0 ? FORGED_LINES : 0;
        rn_buf_append_u32(out, i);
        rn_buf_append_u32(out, 0);
        rn_buf_append_u32(out, at);
        rn_buf_append_u32(out, at);
    }
    rn_buf_append_u8(out, 'a');
    for (uint32_t i = 0; i < FORGED_LINES; i++) {
        rn_buf_append_u8(out, '\n');
    }
    assert_int_equal(rn_buf_status(out), RN_OK);
}

/* Lines that go back and forth in a large text are found in no more time than those that ascend. */
static void test_lines_of_a_forged_segment(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    RN_AUTO(rn_buf) rn_buf text;
    RN_AUTO(rn_buf) rn_buf bytes;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    rn_buf_init(&text, 16u << 20);
    struct rn_builder *b;
    assert_int_equal(rn_builder_new(false, &b), RN_OK);
    struct rn_builder_function function = {.path = RN_UTF8("f"), .kind = RN_FUNCTION_IMMEDIATE};
    rn_builder_begin(b, rn_builder_function(b, &function));
    for (uint32_t i = 0; i < FORGED_INSTRUCTIONS; i++) {
        rn_emit_UNIT(b, 0);
    }
    rn_emit_RETURN(b, 0);
    rn_builder_end(b);
    assert_int_equal(rn_builder_finish(b, &image, NULL), RN_OK);
    rn_builder_free(b);
    struct rune_verified_unit unit;
    verify(&image, false, &unit);
    build_forged_debug(&bytes);
    struct rn_debug debug;
    assert_int_equal(rn_debug_open(bytes.data, bytes.size, &debug, NULL), RN_OK);
    assert_int_equal(rn_disasm_unit(&unit, &debug, &text), RN_OK);
    rn_buf_append_u8(&text, 0);
    assert_non_null(strstr((const char *)text.data, "line 8388609:"));
    assert_non_null(strstr((const char *)text.data, "line 1:"));
}

static void test_each_failing_allocation(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) rn_buf image;
    rn_buf_init(&image, RN_IMAGE_SIZE_MAX);
    assert_int_equal(build_sample(&image, NULL, true), RN_OK);
    struct rune_verified_unit unit;
    verify(&image, true, &unit);
    for (uint64_t n = 1; n < 1000; n++) {
        uint64_t live = rn_alloc_live();
        struct rn_buf text;
        struct rn_buf again;
        rn_buf_init(&text, 1 << 20);
        rn_buf_init(&again, RN_IMAGE_SIZE_MAX);
        rn_alloc_fail_at(n, false);
        enum rn_error error = rn_disasm_unit(&unit, NULL, &text);
        if (error == RN_OK) {
            error = rn_assemble((const char *)text.data, text.size, &again, NULL);
        }
        rn_alloc_fail_at(0, false);
        rn_buf_done(&text);
        rn_buf_done(&again);
        assert_int_equal(rn_alloc_live(), live);
        if (error == RN_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(error, RN_E_NO_MEMORY);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_each_instruction),
        cmocka_unit_test(test_how_it_looks),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_comments_and_quotes),
        cmocka_unit_test(test_each_failing_allocation),
        cmocka_unit_test(test_each_word_exchanged),
        cmocka_unit_test(test_lines_of_a_forged_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
