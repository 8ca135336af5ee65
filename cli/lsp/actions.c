/*
 * actions.c: "did you mean" of diagnostics, as edits. Trust: reads diagnostics of compilers.
 */
#include "cli/lsp/queries.h"

#include "cli/members.h"

#include <string.h>

/* The name that a help proposes; false: it is of another kind. */
static bool find_proposal(const rune_const_value *help, const char **out_name, size_t *out_size)
{
    static const char before[] = "did you mean `";
    const char *data;
    size_t size;
    if (!rune_value_get_string(help, &data, &size) || size < sizeof before ||
        memcmp(data, before, sizeof before - 1) != 0) {
        return false;
    }
    data += sizeof before - 1;
    size -= sizeof before - 1;
    const char *end = memchr(data, '`', size);
    *out_name = data;
    *out_size = end == NULL ? 0 : (size_t)(end - data);
    return *out_size > 0;
}

/* A proposal is for the last name of a path. */
static size_t last_name(const struct rn_lsp_text *text, size_t start, size_t end)
{
    size_t at = start;
    for (size_t i = start; i + 2 <= end; i++) {
        at = memcmp(text->data + i, "::", 2) == 0 ? i + 2 : at;
    }
    return at;
}

static void put_action(struct rn_lsp_server *server, struct rn_lsp_out *out,
                       const struct rn_lsp_place *place, struct rn_lsp_span span, const char *name,
                       size_t size)
{
    struct rn_bytes title = {0};
    out->failed = out->failed || !rn_bytes_append(&title, "Replace by ", 11) ||
                  !rn_bytes_append(&title, name, size);
    rn_lsp_put_comma(out);
    rn_lsp_put(out, "{\"title\":");
    rn_lsp_put_string(out, title.data, title.size);
    rn_lsp_put(out, ",\"kind\":\"quickfix\",\"isPreferred\":true,\"edit\":{\"changes\":{");
    rn_lsp_put_text(out, place->document->uri.data);
    rn_lsp_put(out, ":[{\"range\":");
    rn_lsp_put_location_range(server, out, place->answer, place->source, span.start, span.end);
    rn_lsp_put(out, ",\"newText\":");
    rn_lsp_put_string(out, name, size);
    rn_lsp_put(out, "}]}}}");
    rn_bytes_done(&title);
}

static void take_row(struct rn_lsp_server *server, struct rn_lsp_out *out,
                     const struct rn_lsp_place *place, struct rn_lsp_span wanted,
                     const rune_const_value *row)
{
    const struct rn_lsp_text *text = rn_lsp_texts_at(&place->answer->texts, place->source);
    rune_const_value *span = rune_value_get(row, "span");
    rune_const_value *helps = rune_value_get(row, "helps");
    char file[4096];
    long long start = rn_member_number(span, "start");
    long long end = rn_member_number(span, "end");
    bool here = strcmp(rn_member_text(span, "file", file, sizeof file), text->path) == 0 &&
                start >= 0 && start <= end && (size_t)end <= text->size &&
                (size_t)start <= wanted.end && (size_t)end >= wanted.start;
    rune_const_value *help;
    rune_value_iter at;
    rune_value_iter_init(&at, helps);
    while (here && rune_value_iter_next(&at, &help) == RUNE_OK) {
        const char *name;
        size_t size;
        if (find_proposal(help, &name, &size)) {
            struct rn_lsp_span fix = {last_name(text, (size_t)start, (size_t)end), (size_t)end};
            put_action(server, out, place, fix, name, size);
        }
        rune_value_unref(help);
    }
    rune_value_unref(helps);
    rune_value_unref(span);
}

static size_t carried(const struct rn_lsp_server *server, const struct rn_lsp_place *place,
                      const rune_const_value *range, const char *end)
{
    const struct rn_lsp_text *text = rn_lsp_texts_at(&place->answer->texts, place->source);
    rune_const_value *position = rune_value_get(range, end);
    size_t offset = rn_lsp_document_offset(place->document, position, server->encoding);
    rune_value_unref(position);
    return rn_lsp_carry(place->document->text.data, place->document->text.size, text->data,
                        text->size, offset);
}

/* What mends one text damages another. */
static bool is_fresh(const struct rn_lsp_place *place)
{
    return rn_lsp_texts_at(&place->answer->texts, place->source)->revision ==
           place->document->revision;
}

void rn_lsp_code_actions(struct rn_lsp_server *server, const rune_const_value *id,
                         const rune_const_value *params)
{
    struct rn_lsp_place place;
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rune_const_value *range = rune_value_get(params, "range");
    rn_lsp_put(&out, "[");
    if (rn_lsp_place_find(server, params, &place) && is_fresh(&place)) {
        struct rn_lsp_span wanted = {carried(server, &place, range, "start"),
                                     carried(server, &place, range, "end")};
        rune_const_value *row;
        rune_value_iter at;
        rune_value_iter_init(&at, place.answer->diagnostics);
        while (rune_value_iter_next(&at, &row) == RUNE_OK) {
            take_row(server, &out, &place, wanted, row);
            rune_value_unref(row);
        }
    }
    rune_value_unref(range);
    rn_lsp_put(&out, "]");
    rn_lsp_answer_end(server, &out);
}
