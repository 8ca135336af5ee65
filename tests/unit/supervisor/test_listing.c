/* Listings as data: they agree with the text, with the source, and with what a profile counts. */
#include "tests/unit/supervisor/harness.h"

#include <runeward/profile.h>
#include <runeward/tools.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const char source[] = "enum Kind { Small, Large(n) }\n"
                             "fn pick(n) { match n { 1 => \"one\", 2 => \"two\", 3 => \"three\", 4 "
                             "=> \"four\", _ => \"\\u{1}\" } }\n"
                             "fn kind(n) { if n < 3 { Kind::Small } else { Kind::Large(n) } }\n"
                             "fn count(n) { let i = 0; while i < n { yield i; i += 1; } }\n"
                             "pub fn main() {\n"
                             "    let sum = 0;\n"
                             "    for i in count(4) { sum += i; }\n"
                             "    let f = |x| x * sum;\n"
                             "    (0..3).iter().map(f).map(kind).count() + pick(sum).len()\n"
                             "}\n";

static rune_unit *unit;
static rune_listing *listing;

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    unit = build(source);
    assert_int_equal(rune_listing_new(unit, &listing), RUNE_OK);
    return failed;
}

static int tear_down(void **state)
{
    rune_listing_free(listing);
    rune_unit_unref(unit);
    return harness_tear_down(state);
}

/* A line of the text that begins with two spaces and a capital is an instruction. */
static const char *next_in_text(const char *at)
{
    while ((at = strstr(at, "\n  ")) != NULL) {
        at += 3;
        if (*at >= 'A' && *at <= 'Z') {
            return at;
        }
    }
    return NULL;
}

static void test_instructions_are_those_of_the_text(void **state)
{
    (void)state;
    rune_text *text = NULL;
    rune_listing_instruction inst;
    assert_int_equal(rune_tools_disassemble(unit, &text), RUNE_OK);
    const char *at = next_in_text(rune_text_data(text));
    size_t count = rune_listing_instruction_count(listing);
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        assert_true(rune_listing_instruction_at(listing, i, &inst));
        assert_non_null(at);
        assert_int_equal(strcspn(at, "\n"), strlen(inst.text));
        assert_memory_equal(at, inst.text, strlen(inst.text));
        at = next_in_text(at);
    }
    assert_null(at);
    assert_false(rune_listing_instruction_at(listing, count, &inst));
    rune_text_free(text);
}

static void test_functions_have_all_instructions_in_a_row(void **state)
{
    (void)state;
    rune_listing_function function;
    rune_listing_instruction inst;
    size_t next = 0;
    size_t index = 0;
    for (; rune_listing_function_at(listing, index, &function); index++) {
        assert_int_equal(function.first, next);
        assert_int_equal(strncmp(function.shape, "args ", 5), 0);
        for (next = function.first; next < function.first + function.count; next++) {
            assert_true(rune_listing_instruction_at(listing, next, &inst));
            assert_int_equal(inst.function, index);
        }
    }
    assert_int_equal(index, 5);
    assert_int_equal(next, rune_listing_instruction_count(listing));
}

/* L5 is the sixth instruction of the same function. */
static void check_target(const rune_listing_instruction *inst)
{
    rune_listing_function function;
    const char *label = strstr(inst->text, " L");
    assert_true(rune_listing_function_at(listing, inst->function, &function));
    assert_true((inst->target != RUNE_LISTING_NONE) == (label != NULL));
    if (label != NULL) {
        assert_true(inst->target >= function.first);
        assert_true(inst->target < function.first + function.count);
        assert_int_equal(strtoul(label + 2, NULL, 10), inst->target - function.first);
    }
}

static void check_reference(const rune_listing_instruction *inst)
{
    rune_listing_function function;
    const char *word = strstr(inst->text, "func ");
    assert_true((inst->refers != RUNE_LISTING_NONE) == (word != NULL));
    if (word != NULL) {
        assert_int_equal(strtoul(word + 5, NULL, 10), inst->refers);
        assert_true(rune_listing_function_at(listing, inst->refers, &function));
        assert_memory_equal(strchr(word, '"') + 1, function.name, function.name_size);
    }
}

static void test_what_instructions_point_to(void **state)
{
    (void)state;
    rune_listing_instruction inst;
    size_t jumps = 0;
    size_t calls = 0;
    size_t tables = 0;
    for (size_t i = 0; rune_listing_instruction_at(listing, i, &inst); i++) {
        check_target(&inst);
        check_reference(&inst);
        jumps += inst.target != RUNE_LISTING_NONE;
        calls += inst.refers != RUNE_LISTING_NONE;
        assert_true((inst.table != NULL) == (strncmp(inst.text, "SWITCH ", 7) == 0));
        if (inst.table != NULL) {
            assert_int_equal(strncmp(inst.table, "switch 0 int 1 L", 16), 0);
            tables++;
        }
    }
    assert_true(jumps >= 3 && calls >= 4 && tables == 1);
}

static uint32_t line_of(const rune_listing_source *text, size_t offset)
{
    uint32_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += text->text[i] == '\n';
    }
    return line;
}

static void test_where_instructions_come_from(void **state)
{
    (void)state;
    rune_listing_source text;
    rune_listing_instruction inst;
    assert_true(rune_listing_source_at(listing, 0, &text));
    assert_int_equal(text.text_size, sizeof(source) - 1);
    assert_memory_equal(text.text, source, sizeof(source) - 1);
    assert_true(text.name_size > 0);
    assert_false(rune_listing_source_at(listing, 1, &text));
    size_t placed = 0;
    for (size_t i = 0; rune_listing_instruction_at(listing, i, &inst); i++) {
        if (inst.source == RUNE_LISTING_NONE) {
            assert_int_equal(inst.line + inst.start + inst.end, 0);
            continue;
        }
        assert_int_equal(inst.source, 0);
        assert_true(inst.start <= inst.end && inst.end <= text.text_size);
        assert_int_equal(inst.line, line_of(&text, inst.start));
        placed++;
    }
    assert_true(placed > 40);
}

/* A file begins with 24 bytes: magic, version, size of the image, size of what follows it. */
static rune_unit *without_debug(void)
{
    size_t size = 0;
    rune_text *file = NULL;
    rune_unit *bare = NULL;
    assert_non_null(rune_unit_image(unit, &size));
    assert_int_equal(rune_unit_save(unit, &file, NULL), RUNE_OK);
    char *bytes = rn_strndup(rune_text_data(file), 24 + size);
    assert_non_null(bytes);
    memset(bytes + 16, 0, 8);
    assert_int_equal(rune_unit_load(bytes, 24 + size, &bare, NULL), RUNE_OK);
    rn_free(bytes);
    rune_text_free(file);
    return bare;
}

static void test_without_debug_there_are_no_sources(void **state)
{
    (void)state;
    rune_unit *bare = without_debug();
    rune_listing *bare_listing = NULL;
    rune_listing_source text;
    rune_listing_instruction inst;
    assert_int_equal(rune_listing_new(bare, &bare_listing), RUNE_OK);
    rune_unit_unref(bare); // the listing keeps it
    assert_false(rune_listing_source_at(bare_listing, 0, &text));
    assert_true(rune_listing_instruction_at(bare_listing, 0, &inst));
    assert_true(inst.source == RUNE_LISTING_NONE);
    assert_int_equal(inst.line, 0);
    rune_listing_free(bare_listing);
}

static void test_nothing_is_asked_of_nothing(void **state)
{
    (void)state;
    rune_listing *made = NULL;
    rune_listing_source text;
    rune_listing_function function;
    rune_listing_instruction inst;
    assert_int_equal(rune_listing_new(NULL, &made), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_listing_new(unit, NULL), RUNE_E_INVALID_ARGUMENT);
    assert_int_equal(rune_listing_instruction_count(NULL), 0);
    assert_false(rune_listing_source_at(NULL, 0, &text));
    assert_false(rune_listing_function_at(NULL, 0, &function));
    assert_false(rune_listing_instruction_at(NULL, 0, &inst));
    rune_listing_free(NULL);
}

static void test_without_memory_nothing_is_left(void **state)
{
    (void)state;
    rune_status status = RUNE_E_NO_MEMORY;
    uint64_t live = rn_alloc_live();
    uint64_t n = 1;
    for (; status != RUNE_OK && n < 100; n++) {
        rune_listing *made = NULL;
        rn_alloc_fail_at(n, false);
        status = rune_listing_new(unit, &made);
        rn_alloc_fail_at(0, false);
        assert_true(status == RUNE_OK || (status == RUNE_E_NO_MEMORY && made == NULL));
        rune_listing_free(made);
        assert_int_equal(rn_alloc_live(), live);
    }
    assert_true(n > 6);
    assert_int_equal(status, RUNE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instructions_are_those_of_the_text),
        cmocka_unit_test(test_functions_have_all_instructions_in_a_row),
        cmocka_unit_test(test_what_instructions_point_to),
        cmocka_unit_test(test_where_instructions_come_from),
        cmocka_unit_test(test_without_debug_there_are_no_sources),
        cmocka_unit_test(test_nothing_is_asked_of_nothing),
        cmocka_unit_test(test_without_memory_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
