/*
 * explain.c: what a diagnostic means. The text is a section of docs/diagnostics.md, which the build
 * puts into this file; tests compile its examples.
 */
#include <runeward/tools.h>

#include "bytecode/diagnostic.h"
#include "supervisor/tools/diagnostics_page.h"
#include "supervisor/tools/take.h"

#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)

static const struct rn_diagnostic_info *find_code(const char *code)
{
    for (unsigned i = 1; i < RN_DIAGNOSTIC_COUNT; i++) {
        if (strcmp(rn_diagnostic_infos[i].code, code) == 0) {
            return &rn_diagnostic_infos[i];
        }
    }
    return NULL;
}

/* The page, line by line. */
struct reader {
    const char *text;
    size_t size;
    size_t at;
};

struct line {
    const char *text;
    size_t size; /* without its end */
};

static bool next_line(struct reader *reader, struct line *out)
{
    size_t start = reader->at;
    size_t end = start;
    while (end < reader->size && reader->text[end] != '\n') {
        end++;
    }
    *out = (struct line){reader->text + start, end - start};
    reader->at = end + 1;
    return start < reader->size;
}

static bool starts(struct line line, const char *word)
{
    size_t size = strlen(word);
    return line.size >= size && memcmp(line.text, word, size) == 0;
}

/* Examples are set off by four columns in place of their fences. */
static void put_section(struct reader *reader, struct rn_buf *out)
{
    struct line line;
    bool example = false;
    while (next_line(reader, &line) && !starts(line, "## ")) {
        if (starts(line, "```")) {
            example = !example;
            continue;
        }
        rn_buf_append_text(out, example && line.size > 0 ? "    " : "");
        rn_buf_append(out, line.text, line.size);
        rn_buf_append_text(out, "\n");
    }
}

static void put_page(const char *code, struct rn_buf *out)
{
    struct reader reader = {.text = (const char *)rn_diagnostics_page,
                            .size = sizeof(rn_diagnostics_page)};
    struct line line;
    while (next_line(&reader, &line)) {
        if (starts(line, "## ") && line.size > 8 && memcmp(line.text + 3, code, 5) == 0) {
            put_section(&reader, out);
            return;
        }
    }
}

rune_status rune_tools_explain(const char *code, rune_text **out_text)
{
    const struct rn_diagnostic_info *info = find_code(code);
    if (info == NULL) {
        return RUNE_E_NOT_FOUND;
    }
    struct rn_buf buf;
    rn_buf_init(&buf, TEXT_MAX);
    rn_buf_append_format(&buf, "%s[%s]: %s\n",
                         info->severity == RN_SEVERITY_ERROR ? "error" : "warning", info->code,
                         info->message);
    put_page(code, &buf);
    while (buf.size > 1 && buf.data[buf.size - 2] == '\n') {
        buf.size--; // the empty line before the next section
    }
    return rn_tools_take(&buf, out_text);
}

const char *rune_tools_code_at(size_t index)
{
    // The first row stands for "none" and has no code.
    return index + 1 < RN_DIAGNOSTIC_COUNT ? rn_diagnostic_infos[index + 1].code : NULL;
}
