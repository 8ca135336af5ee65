/* queries.c: from the editor's places to those of the compiler, and back. */
#include "cli/lsp/queries.h"

#include "cli/lsp/uri.h"

#include <string.h>

/* ---- Places ---- */

/* An answer that has the document among its texts: of several one about the document as it is now, else the first. */
static const struct rn_lsp_answer *find_answer(const struct rn_lsp_server *server,
                                               const struct rn_lsp_document *document,
                                               size_t *out_source)
{
    const struct rn_lsp_answer *found = NULL;
    size_t size = strlen(document->path.data);
    for (size_t i = 0; i < server->root_count; i++) {
        const struct rn_lsp_answer *answer = &rn_lsp_root_at(server, i)->answer;
        size_t source = rn_lsp_texts_index(&answer->texts, document->path.data, size);
        bool fresh = source != SIZE_MAX &&
                     rn_lsp_texts_at(&answer->texts, source)->revision == document->revision;
        if (source != SIZE_MAX && (fresh || found == NULL)) {
            *out_source = source;
            found = answer;
        }
        if (fresh) {
            break;
        }
    }
    return found;
}

bool rn_lsp_place_find(struct rn_lsp_server *server, const rune_const_value *params,
                       struct rn_lsp_place *out_place)
{
    struct rn_lsp_place place = {.document = rn_lsp_document_named(server, params)};
    server->carried = NULL;
    if (place.document == NULL || place.document->is_lost) {
        return false;
    }
    place.answer = find_answer(server, place.document, &place.source);
    if (place.answer == NULL) {
        return false;
    }
    const struct rn_lsp_text *text = rn_lsp_texts_at(&place.answer->texts, place.source);
    rune_const_value *position = rune_value_get(params, "position");
    place.offset = rn_lsp_document_offset(place.document, position, server->encoding);
    rune_value_unref(position);
    place.carried = rn_lsp_carry(place.document->text.data, place.document->text.size, text->data,
                                 text->size, place.offset);
    place.use = rn_lsp_index_find(&place.answer->index, place.source, place.carried);
    *out_place = place;
    return true;
}

const struct rn_lsp_meant *rn_lsp_place_meant(const struct rn_lsp_place *place)
{
    return place->use == NULL ? NULL : rn_lsp_meant_at(&place->answer->index, place->use->meant);
}

void rn_lsp_put_uri(struct rn_lsp_server *server, struct rn_lsp_out *out, const char *path)
{
    struct rn_lsp_document *document = rn_lsp_document_of_path(&server->documents, path);
    struct rn_bytes uri = {0};
    if (document != NULL || *path != '/') {
        rn_lsp_put_text(out, document == NULL ? path : document->uri.data);
        return;
    }
    out->failed = out->failed || !rn_lsp_uri_of_path(path, &uri);
    rn_lsp_put_string(out, uri.data, uri.size);
    rn_bytes_done(&uri);
}

/* In the document as it is now, if it is open. */
void rn_lsp_put_location_range(struct rn_lsp_server *server, struct rn_lsp_out *out,
                               const struct rn_lsp_answer *answer, size_t source, size_t start,
                               size_t end)
{
    const struct rn_lsp_text *text = rn_lsp_texts_at(&answer->texts, source);
    const struct rn_lsp_document *document =
        rn_lsp_document_of_path(&server->documents, text->path);
    if (document == NULL || document->is_lost || document->revision == text->revision) {
        rn_lsp_put_range(out, rn_lsp_text_position(text, start, server->encoding),
                         rn_lsp_text_position(text, end, server->encoding));
        return;
    }
    const char *now = document->text.data;
    size_t size = document->text.size;
    if (server->carried != text) {
        server->common = rn_lsp_common_of(text->data, text->size, now, size);
        server->carried = text;
    }
    start = rn_lsp_carry_by(server->common, text->size, size, start);
    end = rn_lsp_carry_by(server->common, text->size, size, end);
    rn_lsp_put_range(out, rn_lsp_position(now, size, &document->lines, start, server->encoding),
                     rn_lsp_position(now, size, &document->lines, end, server->encoding));
}

void rn_lsp_put_location(struct rn_lsp_server *server, struct rn_lsp_out *out,
                         const struct rn_lsp_answer *answer, size_t source, size_t start,
                         size_t end)
{
    rn_lsp_put_comma(out);
    rn_lsp_put(out, "{\"uri\":");
    rn_lsp_put_uri(server, out, rn_lsp_texts_at(&answer->texts, source)->path);
    rn_lsp_put(out, ",\"range\":");
    rn_lsp_put_location_range(server, out, answer, source, start, end);
    rn_lsp_put(out, "}");
}

/* ---- Meanings ---- */

static bool is_member(const struct rn_lsp_meant *meant)
{
    return meant->kind == RN_LSP_METHOD || meant->kind == RN_LSP_FIELD ||
           meant->kind == RN_LSP_MEMBER;
}

bool rn_lsp_same_meaning(const struct rn_lsp_index *index, size_t a, size_t b)
{
    const struct rn_lsp_meant *x = rn_lsp_meant_at(index, a);
    const struct rn_lsp_meant *y = rn_lsp_meant_at(index, b);
    bool open = x->kind == RN_LSP_MEMBER || y->kind == RN_LSP_MEMBER;
    return a == b || (open && is_member(x) && is_member(y) && strcmp(x->name, y->name) == 0);
}

const struct rn_outline_item *rn_lsp_library_find(const struct rn_lsp_server *server,
                                                  const char *path)
{
    for (size_t i = 0; i < server->library.count; i++) {
        const struct rn_outline_item *item = rn_outline_at(&server->library, i);
        if (strcmp(item->path, path) == 0) {
            return item;
        }
    }
    return NULL;
}

const char *rn_lsp_path_name(const char *path, size_t *out_before)
{
    const char *name = path;
    for (const char *at = path; (at = strstr(at, "::")) != NULL && at[2] != '<';) {
        at += 2;
        name = at;
    }
    *out_before = name == path ? 0 : (size_t)(name - path) - 2;
    return name;
}
