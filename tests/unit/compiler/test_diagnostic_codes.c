/*
 * Every diagnostic is produced, where it should be: the wrong examples of docs/diagnostics.md have
 * the code that they stand under, at the marked places, and the right ones have no diagnostic at all.
 * What no short example shows is in diagnostic_sources.h.
 */
#include "base/alloc.h"
#include "bytecode/unit_layout.h"
#include "compiler/compile.h"
#include "compiler/files.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "diagnostic_sources.h"

static struct rn_context *context;
static bool produced[RN_DIAGNOSTIC_COUNT];

/* Modules: "words" is there, "unreadable" is not to be had, and so on; any "m.." is empty. */
static enum rn_error load(void *user, const char *item, char **out_name, char **out_text,
                          size_t *out_size)
{
    (void)user;
    if (strcmp(item, "unreadable") == 0) {
        return RN_E_SYSTEM;
    }
    if (strcmp(item, "stdin_has_no_neighbours") == 0) {
        return RN_E_UNSUPPORTED;
    }
    bool empty = item[0] == 'm';
    if (!empty && strcmp(item, "words") != 0) {
        return RN_E_NOT_FOUND;
    }
    const char *text = empty ? "" : "pub fn hello() { \"hello\" }\n";
    *out_name = rn_strndup("words.rn", 8);
    *out_text = rn_strndup(text, strlen(text));
    *out_size = strlen(text);
    return RN_OK;
}

static void compile(const char *text, size_t size, bool script, size_t memory_max,
                    struct rn_compile_output *output)
{
    static const struct rn_module_loader loader = {.load = load};
    struct rn_compile_input input = {
        .name = "example.rn",
        .text = text,
        .size = size,
        .context = context,
        .loader = &loader,
        .script = script,
        .memory_max = memory_max,
    };
    enum rn_error error = rn_compile(&input, output);
    assert_true(error == RN_OK || error == RN_E_COMPILE_FAILED || error == RN_E_NO_MEMORY);
    for (const struct rn_diagnostic *d = output->diagnostics.first; d != NULL; d = d->next) {
        produced[d->code] = true;
    }
}

/* ---- The page ---- */

static bool starts(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static const char *after_line(const char *text)
{
    const char *end = strchr(text, '\n');
    return end == NULL ? text + strlen(text) : end + 1;
}

/* Carets or dashes under the line above, which are no part of the example. */
static bool is_mark(const char *line)
{
    const char *at = line + strspn(line, " ");
    size_t carets = strspn(at, "^");
    size_t dashes = strspn(at, "-");
    size_t count = carets > 0 ? carets : dashes;
    return count > 0 && (at[count] == '\n' || at[count] == ' ');
}

static void put_mark(struct rn_buf *out, const struct rn_diagnostics *list, struct rn_span span,
                     uint32_t line, char mark, struct rn_utf8 text)
{
    const struct rn_source *source = &list->sources[0];
    struct rn_position from = rn_source_position(source, span.start);
    if (from.line != line) {
        return;
    }
    uint32_t end = span.start;
    while (end < span.end && source->text.data[end] != '\n') {
        end++;
    }
    uint32_t width = rn_source_position(source, end).column - from.column;
    rn_buf_append_format(out, "%*s", (int)from.column - 1, "");
    for (uint32_t i = 0; i < width || i == 0; i++) {
        rn_buf_append_u8(out, (uint8_t)mark);
    }
    rn_buf_append_format(out, "%s%.*s\n", text.size == 0 ? "" : " ", (int)text.size, text.data);
}

/* The example as the page should have it: with marks under what the diagnostics are about. */
static void mark(struct rn_buf *out, const struct rn_diagnostics *list,
                 enum rn_diagnostic_code code)
{
    uint32_t line = 1;
    for (const char *at = list->sources[0].text.data; *at != '\0'; at = after_line(at), line++) {
        size_t size = (size_t)(after_line(at) - at);
        rn_buf_append(out, at, size);
        if (at[size - 1] != '\n') {
            rn_buf_append_u8(out, '\n');
        }
        for (const struct rn_diagnostic *d = list->first; d != NULL; d = d->next) {
            if (d->code != (uint16_t)code) {
                continue;
            }
            put_mark(out, list, d->span, line, '^', d->span_text);
            for (const struct rn_diagnostic_label *l = d->labels; l != NULL; l = l->next) {
                put_mark(out, list, l->span, line, '-', l->text);
            }
        }
    }
}

static void check_wrong(const char *block, size_t size, enum rn_diagnostic_code code)
{
    RN_AUTO(rn_buf) struct rn_buf text;
    RN_AUTO(rn_buf) struct rn_buf marked;
    rn_buf_init(&text, 1 << 16);
    rn_buf_init(&marked, 1 << 16);
    for (const char *at = block; at < block + size; at = after_line(at)) {
        if (!is_mark(at)) {
            rn_buf_append(&text, at, (size_t)(after_line(at) - at));
        }
    }
    text.size--; // the last line end: some mistakes are at the end of the file
    rn_buf_append_u8(&text, 0);
    const char *example = (const char *)text.data;
    struct rn_compile_output output;
    compile(example, text.size - 1, strstr(example, "fn main") == NULL, 0, &output);
    mark(&marked, &output.diagnostics, code);
    if (marked.size != size || memcmp(marked.data, block, size) != 0) {
        fail_msg("%s: the example should be\n%.*s", rn_diagnostic_infos[code].code,
                 (int)marked.size, (const char *)marked.data);
    }
    rn_compile_output_done(&output);
}

static void check_right(const char *block, size_t size, enum rn_diagnostic_code code)
{
    RN_AUTO_FREE char *text = rn_strndup(block, size);
    struct rn_compile_output output;
    compile(text, size - 1, strstr(text, "fn main") == NULL, 0, &output);
    if (output.diagnostics.first != NULL) {
        fail_msg("%s: what to write instead has: %.*s", rn_diagnostic_infos[code].code,
                 (int)output.diagnostics.first->message.size,
                 output.diagnostics.first->message.data);
    }
    rn_compile_output_done(&output);
}

/* One section; what follows it. */
static const char *check_section(const char *at, enum rn_diagnostic_code code)
{
    static const char wrong[] = "```rune wrong\n";
    static const char right[] = "```rune right\n";
    unsigned examples = 0;
    for (at = after_line(at); *at != '\0' && !starts(at, "## "); at = after_line(at)) {
        bool is_wrong = starts(at, wrong);
        if (!is_wrong && !starts(at, right)) {
            continue;
        }
        const char *block = after_line(at);
        const char *end = strstr(block, "```\n");
        assert_non_null(end);
        (is_wrong ? check_wrong : check_right)(block, (size_t)(end - block), code);
        examples++;
        at = end;
    }
    assert_true(examples == 0 || examples == 2);
    return at;
}

/* Every code has a section, in the order of the table. */
static void test_page(void **state)
{
    (void)state;
    RN_AUTO_FREE char *page = NULL;
    size_t size;
    assert_int_equal(rn_files_read(RN_PAGE, &page, &size), RN_OK);
    const char *at = strstr(page, "\n## ") + 1;
    for (unsigned i = 1; i < RN_DIAGNOSTIC_COUNT; i++) {
        const struct rn_diagnostic_info *info = &rn_diagnostic_infos[i];
        char title[256];
        snprintf(title, sizeof(title), "## %s: %s\n", info->code, info->message);
        if (!starts(at, title)) {
            fail_msg("expected the section %sin place of %.60s", title, at);
        }
        at = check_section(at, (enum rn_diagnostic_code)i);
    }
    assert_int_equal(*at, '\0');
}

/* ---- Written sources ---- */

static bool is_as_written(const struct written_source *row)
{
    bool ok = true;
    RN_AUTO(rn_buf) struct rn_buf text;
    rn_buf_init(&text, 64u << 20);
    row->write(&text);
    assert_int_equal(rn_buf_status(&text), RN_OK);
    rn_buf_append_u8(&text, 0);
    struct rn_compile_output output;
    compile((const char *)text.data, text.size - 1, false, row->memory_max, &output);
    const struct rn_diagnostics *list = &output.diagnostics;
    const char *name = rn_diagnostic_infos[row->code].name;
    const struct rn_diagnostic *first = list->first;
    if (first == NULL || first->code != (uint16_t)row->code) {
        print_error("%s: %s\n", name,
                    first == NULL ? "compiles" : rn_diagnostic_infos[first->code].name);
        ok = false;
    } else if (row->line != 0) {
        struct rn_position at =
            rn_source_position(&list->sources[first->span.source], first->span.start);
        ok = at.line == row->line && at.column == row->column;
        if (!ok) {
            print_error("%s: at %u:%u\n", name, at.line, at.column);
        }
    }
    rn_compile_output_done(&output);
    return ok;
}

static void test_written(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < RN_COUNT_OF(written_sources); i++) {
        bad += !is_as_written(&written_sources[i]);
    }
    assert_int_equal(bad, 0);
}

/* ---- The table ---- */

static void test_every_row_is_produced(void **state)
{
    (void)state;
    for (unsigned i = 1; i < RN_DIAGNOSTIC_COUNT; i++) {
        const struct rn_diagnostic_info *info = &rn_diagnostic_infos[i];
        assert_true(strlen(info->code) == 5 && strlen(info->message) > 5);
        assert_int_equal(info->code[0], info->severity == RN_SEVERITY_ERROR ? 'E' : 'W');
        if (!produced[i]) {
            fail_msg("%s %s: nothing here produces it", info->code, info->name);
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    struct rn_context_item limit = {
        .path = {"limit", 5}, .kind = RN_ITEM_STATIC, .type_id = RN_NONE, .flags = RN_ITEM_HOST};
    bool ok = rn_context_new(&context) == RN_OK && rn_context_add(context, &limit) == RN_OK;
    return ok ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rn_context_free(context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_every_row_is_produced),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
