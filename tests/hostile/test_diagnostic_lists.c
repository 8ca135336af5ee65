/*
 * test_diagnostic_lists.c: what a taken-over compiler may say about a build.
 *
 * A host decodes its list, flattens it and shows it on a thread of its own, so neither may take long:
 * the dearest lists that are legal, and those that say more than a compiler of ours ever does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <runeward/runeward.h>

#include "base/alloc.h"
#include "shm/message.h"
#include "supervisor/diagnostics.h"

#define TEXT_SIZE 7000000u
/* Of the processor, in a build with sanitizers on a slow machine. Looking back to the start of the line
 * for each place takes minutes. */
#define SECONDS_MAX 10.0

struct list {
    unsigned errors;
    unsigned warnings;
    uint8_t labels; /* of each */
    uint8_t remarks;
    char byte; /* of which the source consists */
};

static double cpu_seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void put_text(struct rn_buf *out, const char *text)
{
    rn_buf_append_u16(out, (uint16_t)strlen(text));
    rn_buf_append_text(out, text);
}

/* Of the last byte but one: what is before and behind it has to be looked at. */
static void put_span(struct rn_buf *out)
{
    rn_buf_append_u32(out, 0);
    rn_buf_append_u32(out, TEXT_SIZE - 2);
    rn_buf_append_u32(out, TEXT_SIZE - 1);
}

static void put_diagnostic(struct rn_buf *out, const struct list *list, enum rn_severity severity)
{
    rn_buf_append_u16(out, RN_DIAGNOSTIC_MISSING_LOCAL);
    rn_buf_append_u8(out, (uint8_t)severity);
    put_span(out);
    put_text(out, "message");
    put_text(out, "here");
    rn_buf_append_u8(out, list->labels);
    for (unsigned i = 0; i < list->labels; i++) {
        put_span(out);
        put_text(out, "label");
    }
    rn_buf_append_u8(out, list->remarks);
    for (unsigned i = 0; i < list->remarks; i++) {
        rn_buf_append_u8(out, RN_REMARK_NOTE);
        put_text(out, "note");
    }
}

static void put_source(struct rn_buf *out, char byte)
{
    put_text(out, "main.rn");
    rn_buf_append_u8(out, 1);
    rn_buf_append_u32(out, TEXT_SIZE);
    void *text = malloc(TEXT_SIZE);
    assert_non_null(text);
    memset(text, byte, TEXT_SIZE);
    rn_buf_append(out, text, TEXT_SIZE);
    free(text);
}

static void encode(const struct list *list, struct rn_buf *out)
{
    rn_buf_init(out, RN_DIAGNOSTICS_BODY_MAX);
    rn_buf_append_u8(out, 1);
    rn_buf_append_u32(out, 1);
    put_source(out, list->byte);
    rn_buf_append_u32(out, list->errors);
    rn_buf_append_u32(out, list->warnings);
    rn_buf_append_u16(out, (uint16_t)(list->errors + list->warnings));
    for (unsigned i = 0; i < list->errors + list->warnings; i++) {
        put_diagnostic(out, list, i < list->errors ? RN_SEVERITY_ERROR : RN_SEVERITY_WARNING);
    }
    assert_int_equal(rn_buf_status(out), RN_OK);
}

static enum rn_error receive(rune_diagnostics *diagnostics, const struct list *list)
{
    RN_AUTO(rn_buf) struct rn_buf wire;
    encode(list, &wire);
    return rn_diagnostics_replace(diagnostics, wire.data, wire.size);
}

static void show(const rune_diagnostics *diagnostics)
{
    rune_text *text = NULL;
    assert_int_equal(rune_diagnostics_render(diagnostics, true, &text), RUNE_OK);
    rune_text_free(text);
    assert_int_equal(rune_diagnostics_to_json(diagnostics, &text), RUNE_OK);
    rune_text_free(text);
}

static void assert_cheap(char byte, uint32_t column)
{
    const struct list dearest = {.errors = RN_DIAGNOSTICS_MAX,
                                 .warnings = RN_DIAGNOSTICS_MAX,
                                 .labels = RN_DIAGNOSTIC_EXTRAS_MAX,
                                 .remarks = RN_DIAGNOSTIC_EXTRAS_MAX,
                                 .byte = byte};
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_non_null(diagnostics);
    double start = cpu_seconds();
    assert_int_equal(receive(diagnostics, &dearest), RN_OK);
    show(diagnostics);
    double seconds = cpu_seconds() - start;
    if (seconds > SECONDS_MAX) {
        fail_msg("took %.1f s of the processor", seconds);
    }
    rune_diagnostic last;
    assert_true(rune_diagnostics_at(diagnostics, 2 * RN_DIAGNOSTICS_MAX - 1, &last));
    assert_int_equal(last.line, byte == '\n' ? TEXT_SIZE - 1 : 1);
    assert_int_equal(last.column, column);
    rune_diagnostics_free(diagnostics);
}

static void long_lines_are_cheap(void **state)
{
    (void)state;
    assert_cheap('x', TEXT_SIZE - 1);
}

static void bytes_that_only_continue_characters_are_cheap(void **state)
{
    (void)state;
    assert_cheap('\x80', 1);
}

static void many_lines_are_cheap(void **state)
{
    (void)state;
    assert_cheap('\n', 1);
}

static void more_than_a_compiler_says_is_refused(void **state)
{
    (void)state;
    static const struct list lists[] = {
        {.errors = 1, .labels = RN_DIAGNOSTIC_EXTRAS_MAX + 1, .byte = 'x'},
        {.warnings = 1, .labels = 255, .byte = 'x'},
        {.errors = 1, .remarks = RN_DIAGNOSTIC_EXTRAS_MAX + 1, .byte = 'x'},
        {.warnings = 1, .remarks = 255, .byte = 'x'},
        {.errors = RN_DIAGNOSTICS_MAX + 1, .byte = 'x'},
        {.errors = 1, .warnings = RN_DIAGNOSTICS_MAX + 1, .byte = 'x'},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        rune_diagnostics *diagnostics = rune_diagnostics_new();
        assert_non_null(diagnostics);
        assert_int_equal(receive(diagnostics, &lists[i]), RN_E_MESSAGE_INVALID);
        assert_int_equal(rune_diagnostics_count(diagnostics), 0);
        rune_diagnostics_free(diagnostics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lines_are_cheap),
        cmocka_unit_test(bytes_that_only_continue_characters_are_cheap),
        cmocka_unit_test(many_lines_are_cheap),
        cmocka_unit_test(more_than_a_compiler_says_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
