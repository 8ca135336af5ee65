/* hover.c: what is known about a name, and what its diagnostics mean. Trust: see server.h. */
#include "cli/lsp/queries.h"

#include "cli/members.h"

#include <runeward/tools.h>

#include <string.h>

#define CANDIDATES_MAX 12u

/* ---- Names ---- */

static void add(struct rn_bytes *text, const char *more, bool *good)
{
    *good = *good && rn_bytes_append(text, more, strlen(more));
}

static void add_code(struct rn_bytes *text, const char *code, bool *good)
{
    add(text, "```rune\n", good);
    add(text, code, good);
    add(text, "\n```\n", good);
}

static void add_item(struct rn_bytes *text, const char *signature, const char *path,
                     const char *docs, bool *good)
{
    add_code(text, signature, good);
    if (*path != 0) {
        add(text, "`", good);
        add(text, path, good);
        add(text, "`\n", good);
    }
    if (*docs != 0) {
        add(text, "\n", good);
        add(text, docs, good);
    }
}

/* The line on which a variable comes into being. */
static void add_line(struct rn_bytes *text, const struct rn_lsp_answer *answer,
                     const struct rn_lsp_meant *meant, bool *good)
{
    const struct rn_lsp_text *source = rn_lsp_texts_at(&answer->texts, meant->source);
    size_t start = meant->start;
    size_t end = meant->end;
    while (start > 0 && source->data[start - 1] != '\n' && meant->start - start < 200) {
        start--;
    }
    while (start < meant->start && strchr(" \t", source->data[start]) != NULL) {
        start++;
    }
    while (end < source->size && source->data[end] != '\n' && end - meant->end < 200) {
        end++;
    }
    add(text, "```rune\n", good);
    *good = *good && rn_bytes_append(text, source->data + start, end - start);
    add(text, "\n```\n", good);
}

/* Whatever of the sources and the library has that name behind a dot. */
static void add_candidates(struct rn_bytes *text, const struct rn_lsp_server *server,
                           const struct rn_lsp_index *index, const struct rn_lsp_meant *member,
                           bool *good)
{
    size_t count = 0;
    for (size_t i = 0; i < index->meant_count && count < CANDIDATES_MAX; i++) {
        const struct rn_lsp_meant *meant = rn_lsp_meant_at(index, i);
        bool fits = meant->kind == RN_LSP_METHOD || meant->kind == RN_LSP_FIELD;
        if (fits && strcmp(meant->name, member->name) == 0) {
            add_item(text, meant->signature, meant->path, meant->docs, good);
            count++;
        }
    }
    for (size_t i = 0; i < server->library.count && count < CANDIDATES_MAX; i++) {
        const struct rn_outline_item *item = rn_outline_at(&server->library, i);
        if (strcmp(item->kind, "method") == 0 && strcmp(item->name, member->name) == 0) {
            add_item(text, item->signature, item->path, item->docs, good);
            count++;
        }
    }
}

static void add_meant(struct rn_bytes *text, const struct rn_lsp_server *server,
                      const struct rn_lsp_answer *answer, const struct rn_lsp_meant *meant,
                      bool *good)
{
    if (meant->kind < RN_LSP_LOCAL) {
        add_item(text, meant->signature, meant->path, meant->docs, good);
    } else if (meant->kind == RN_LSP_MEMBER) {
        add_candidates(text, server, &answer->index, meant, good);
    } else if (meant->kind == RN_LSP_LIBRARY) {
        const struct rn_outline_item *item = rn_lsp_library_find(server, meant->path);
        add_item(text, item == NULL ? meant->path : item->signature, meant->path,
                 item == NULL ? "" : item->docs, good);
    } else if (meant->source != UINT32_MAX) {
        add_line(text, answer, meant, good);
    }
}

/* ---- Diagnostics ---- */

static void add_explanation(struct rn_bytes *text, const char *code, bool *good)
{
    rune_text *said = NULL;
    if (rune_tools_explain(code, &said) == RUNE_OK) {
        add(text, text->size > 0 ? "\n---\n\n" : "", good);
        add(text, "```text\n", good);
        add(text, rune_text_data(said), good);
        add(text, "\n```\n", good);
    }
    rune_text_free(said);
}

/* Those whose place the offset is in, each code once. */
static void add_diagnostics(struct rn_bytes *text, const struct rn_lsp_place *place, bool *good)
{
    char before[16] = "";
    const char *path = rn_lsp_texts_at(&place->answer->texts, place->source)->path;
    rune_const_value *row;
    rune_value_iter at;
    rune_value_iter_init(&at, place->answer->diagnostics);
    while (rune_value_iter_next(&at, &row) == RUNE_OK) {
        char code[16];
        char file[4096];
        rune_const_value *span = rune_value_get(row, "span");
        bool here = strcmp(rn_member_text(span, "file", file, sizeof file), path) == 0 &&
                    (long long)place->carried >= rn_member_number(span, "start") &&
                    (long long)place->carried <= rn_member_number(span, "end");
        rn_member_text(row, "code", code, sizeof code);
        if (here && strcmp(code, before) != 0) {
            add_explanation(text, code, good);
            memcpy(before, code, sizeof before);
        }
        rune_value_unref(span);
        rune_value_unref(row);
    }
}

void rn_lsp_hover(struct rn_lsp_server *server, const rune_const_value *id,
                  const rune_const_value *params)
{
    struct rn_lsp_place place;
    struct rn_bytes text = {0};
    bool good = true;
    bool known = rn_lsp_place_find(server, params, &place);
    if (known && place.use != NULL) {
        add_meant(&text, server, place.answer, rn_lsp_place_meant(&place), &good);
    }
    if (known) {
        add_diagnostics(&text, &place, &good);
    }
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    if (good && text.size > 0) {
        rn_lsp_put(&out, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
        rn_lsp_put_string(&out, text.data, text.size);
        rn_lsp_put(&out, "}");
        if (place.use != NULL) {
            rn_lsp_put(&out, ",\"range\":");
            rn_lsp_put_location_range(server, &out, place.answer, place.source, place.use->start,
                                      place.use->end);
        }
        rn_lsp_put(&out, "}");
    } else {
        rn_lsp_put(&out, "null");
    }
    rn_lsp_answer_end(server, &out);
    rn_bytes_done(&text);
}
