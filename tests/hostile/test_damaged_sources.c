/*
 * Sources in which one token is missing, stands twice, or is another one: the compiler makes a Unit that the verifier
 * takes, or says what is wrong at a place in the text; the formatter, the outline and names likewise; nothing is left.
 *
 * tests/hostile/sources has each construct of the language in one text, and in others what is refused by the parser,
 * among items and in bodies. Each token of each is damaged in some ways, its neighbours in others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "bytecode/json.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "compiler/format.h"
#include "compiler/lexer.h"
#include "compiler/names.h"
#include "compiler/outline.h"

#define MEMORY_MAX ((size_t)64 << 20)

static const char *const intruders[] = {
    "",  "#",   "(", ")",     "[", "]",  "{",     "}",   ",",  ";",    "::",  "a",
    "1", "'b'", "=", "\"s\"", "|", "fn", "match", "let", "..", "`t${", "'l:", "?.",
};

static struct rn_context *context;

static int set_up(void **state)
{
    (void)state;
    return rn_context_new(&context) == RN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rn_context_free(context);
    return 0;
}

/* Errors lie in the text, and can be shown. */
static void check_diagnostics(const struct rn_diagnostics *list, const struct rn_buf *text)
{
    RN_AUTO(rn_buf) struct rn_buf shown;
    rn_buf_init(&shown, 1u << 22);
    assert_true(list->error_count > 0);
    for (const struct rn_diagnostic *d = list->first; d; d = d->next) {
        assert_true(d->message.size > 0);
        assert_int_equal(d->span.source, 0);
        assert_in_range(d->span.start, 0, d->span.end);
        assert_in_range(d->span.end, 0, text->size);
    }
    rn_diagnostics_render(list, &(struct rn_render_options){.color = false}, &shown);
    rn_diagnostics_render_json(list, &shown);
    assert_int_equal(shown.error, RN_OK);
    assert_true(shown.size > 0);
}

static struct rn_compile_input input_of(const struct rn_buf *text, bool script)
{
    return (struct rn_compile_input){.name = "damaged.rn",
                                     .text = (const char *)text->data,
                                     .size = text->size,
                                     .context = context,
                                     .script = script,
                                     .memory_max = MEMORY_MAX};
}

static bool check_compile(const struct rn_buf *text, bool script)
{
    struct rn_compile_output output;
    struct rn_compile_input input = input_of(text, script);
    enum rn_error error = rn_compile(&input, &output);
    if (error == RN_OK) {
        struct rune_unit_image image = {output.image.data, output.image.size};
        struct rune_verified_unit unit;
        assert_int_equal(rn_unit_verify(image, false, &unit, NULL), RN_OK);
    } else {
        assert_int_equal(error, RN_E_COMPILE_FAILED);
        check_diagnostics(&output.diagnostics, text);
    }
    rn_compile_output_done(&output);
    return error == RN_OK;
}

static void check_lines(const struct rn_buf *out)
{
    for (size_t at = 0; at < out->size;) {
        const char *line = (const char *)out->data + at;
        const char *end = memchr(line, '\n', out->size - at);
        struct rn_json_fault fault;
        RN_AUTO(rn_buf) struct rn_buf value;
        rn_buf_init(&value, MEMORY_MAX);
        assert_non_null(end);
        assert_int_equal(rn_json_read(line, (size_t)(end - line), &value, &fault), RN_OK);
        at += (size_t)(end - line) + 1;
    }
}

/* Names are there whatever is wrong. */
static void check_names(const struct rn_buf *text, bool script)
{
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    struct rn_compile_input input = input_of(text, script);
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&out, MEMORY_MAX);
    assert_int_equal(rn_names(&input, &diagnostics, &out), RN_OK);
    assert_true(out.size > 0);
    check_lines(&out);
}

static void check_outline(const struct rn_buf *text)
{
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    RN_AUTO(rn_buf) struct rn_buf out;
    struct rn_compile_input input = input_of(text, false);
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(&out, MEMORY_MAX);
    if (rn_outline(&input, &diagnostics, &out) != RN_OK) {
        check_diagnostics(&diagnostics, text);
        return;
    }
    check_lines(&out);
}

static bool format(const struct rn_buf *text, struct rn_buf *out)
{
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    struct rn_format_input input = {.name = "damaged.rn",
                                    .text = (const char *)text->data,
                                    .size = text->size,
                                    .memory_max = MEMORY_MAX};
    rn_diagnostics_init(&diagnostics);
    rn_buf_init(out, MEMORY_MAX);
    enum rn_error error = rn_format(&input, &diagnostics, out);
    if (error != RN_OK) {
        assert_int_equal(error, RN_E_COMPILE_FAILED);
        check_diagnostics(&diagnostics, text);
    }
    return error == RN_OK;
}

/* What was laid out stays as it is. */
static void check_format(const struct rn_buf *text)
{
    RN_AUTO(rn_buf) struct rn_buf once;
    RN_AUTO(rn_buf) struct rn_buf twice;
    rn_buf_init(&twice, 0);
    if (format(text, &once)) {
        assert_true(format(&once, &twice));
        assert_int_equal(once.size, twice.size);
        assert_memory_equal(once.data, twice.data, once.size);
    }
}

struct tokens {
    struct rn_arena arena;
    struct rn_symbols symbols;
    struct rn_tokens list;
};

static void lex(struct tokens *tokens, const char *text, size_t size)
{
    rn_arena_init(&tokens->arena, MEMORY_MAX);
    assert_int_equal(rn_symbols_init(&tokens->symbols, &tokens->arena), RN_OK);
    assert_int_equal(rn_lexer_keywords(&tokens->symbols), RN_OK);
    assert_int_equal(rn_lex(&tokens->symbols, 0, (struct rn_utf8){text, size}, true, &tokens->list),
                     RN_OK);
}

static void put(struct rn_buf *out, const char *data, size_t size)
{
    rn_buf_append(out, data, size);
    rn_buf_append_text(out, " ");
}

/* The text with something in the place of a token; `twice`: behind it. */
static void damage(const struct rn_utf8 *text, const struct rn_token *token, const char *with,
                   bool twice, struct rn_buf *out)
{
    rn_buf_clear(out);
    rn_buf_append(out, text->data, token->start);
    if (twice) {
        put(out, text->data + token->start, token->end - token->start);
        put(out, text->data + token->start, token->end - token->start);
    } else {
        put(out, with, strlen(with));
    }
    rn_buf_append(out, text->data + token->end, text->size - token->end);
    assert_int_equal(out->error, RN_OK);
}

/* Damages each token in every STEP-th way; how many texts compiled. */
static unsigned damage_each(const char *name, size_t step, unsigned *out_tried)
{
    struct tokens tokens;
    struct rn_utf8 whole;
    char *read;
    RN_AUTO(rn_buf) struct rn_buf text;
    unsigned good = 0;
    rn_buf_init(&text, MEMORY_MAX);
    assert_int_equal(rn_files_read(name, &read, &whole.size), RN_OK);
    whole.data = read;
    lex(&tokens, whole.data, whole.size);
    assert_true(tokens.list.count > 100);
    *out_tried = 0;
    for (uint32_t i = 1; i < tokens.list.count; i++) {
        for (size_t k = i % step; k <= RN_COUNT_OF(intruders); k += step) {
            bool twice = k == RN_COUNT_OF(intruders);
            damage(&whole, &tokens.list.items[i], twice ? "" : intruders[k], twice, &text);
            uint64_t live = rn_alloc_live();
            good += check_compile(&text, k % 2 == 1);
            check_outline(&text);
            check_names(&text, k % 2 == 1);
            check_format(&text);
            assert_int_equal(rn_alloc_live(), live);
            ++*out_tried;
        }
    }
    rn_arena_done(&tokens.arena);
    rn_free(read);
    return good;
}

static void test_what_is_valid(void **state)
{
    unsigned tried;
    (void)state;
    unsigned good = damage_each(RN_SOURCES "/valid.rn", 5, &tried);
    // Of names, values and what stands between items much may be exchanged.
    assert_in_range(good, tried / 20, tried / 2);
}

static void test_what_is_refused(void **state)
{
    static const char *const names[] = {RN_SOURCES "/refused_items.rn",
                                        RN_SOURCES "/refused_bodies.rn",
                                        RN_SOURCES "/unreadable.rn"};
    unsigned tried;
    (void)state;
    for (size_t i = 0; i < RN_COUNT_OF(names); i++) {
        assert_int_equal(damage_each(names[i], 13, &tried), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_valid),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
