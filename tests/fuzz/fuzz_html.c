/* Doc comments, code and names of anybody become HTML: whatever they hold, tags are ours and are closed in order. */
#include "cli/html.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const known[] = {"p",  "ul", "ol", "li", "pre", "code", "strong", "em", "h1",
                                    "h2", "h3", "h4", "h5", "h6",  "span", "a",      "i"};

static int find_tag(const char *name, size_t size)
{
    for (int i = 0; i < (int)(sizeof known / sizeof *known); i++) {
        if (strlen(known[i]) == size && memcmp(known[i], name, size) == 0) {
            return i;
        }
    }
    abort();
}

/* Steps over attributes: only ours, quoted, without a script. */
static const char *skip_attributes(const char *at, const char *end)
{
    while (at < end && *at != '>') {
        if (*at == '"') {
            const char *value = at + 1;
            at = memchr(value, '"', (size_t)(end - value));
            if (at == NULL || memmem(value, (size_t)(at - value), "<", 1) != NULL ||
                (at - value >= 11 && strncasecmp(value, "javascript:", 11) == 0)) {
                abort();
            }
        }
        at++;
    }
    return at;
}

static void check(const char *at, size_t size)
{
    const char *end = at + size;
    int open[64];
    int depth = 0;
    while (at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        size_t length = 0;
        while (name + length < end && name[length] != '>' && name[length] != ' ') {
            length++;
        }
        int tag = find_tag(name, length);
        at = skip_attributes(name + length, end);
        if (at >= end || (closes && (depth == 0 || open[--depth] != tag))) {
            abort();
        }
        if (!closes) {
            open[depth++] = tag;
        }
    }
    if (depth != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes docs = {0};
    struct rn_html html = {.no_memory = false};
    if (!rn_bytes_append(&docs, (const char *)data, size) || !rn_bytes_append(&docs, "", 1)) {
        abort();
    }
    rn_html_markdown(&html, docs.data, 1);
    rn_html_summary(&html, docs.data);
    rn_html_code(&html, docs.data, size);
    rn_html_visible(&html, docs.data, size, false);
    check(html.out.data, html.out.size);
    rn_bytes_done(&docs);
    rn_bytes_done(&html.out);
    return 0;
}
