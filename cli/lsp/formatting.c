/*
 * formatting.c: a document in the usual layout.
 *
 * Requests wait for the typist in the order in which they came. What comes out is sent as edits of the
 * lines that differ, so that an editor keeps its place. Trust: see server.h.
 */
#include "cli/lsp/server.h"

#include "cli/lsp/edits.h"
#include "cli/members.h"

#include <string.h>

#define INDENT_MAX 16

static struct rn_lsp_waiting *waiting_at(const struct rn_lsp_server *server, size_t index)
{
    return (struct rn_lsp_waiting *)(void *)server->layouts.data + index;
}

static size_t waiting_count(const struct rn_lsp_server *server)
{
    return server->layouts.size / sizeof(struct rn_lsp_waiting);
}

/* ---- The typist ---- */

void rn_lsp_layout_work(void *user)
{
    struct rn_lsp_layout *layout = user;
    rune_sources *sources = rune_sources_new();
    rune_options *options = rune_options_new();
    const char *text = layout->text.size == 0 ? "" : layout->text.data;
    bool good =
        sources != NULL && options != NULL &&
        rune_sources_insert_memory(sources, "document", text, layout->text.size, NULL) == RUNE_OK;
    if (good) {
        rune_options_set_indent(options, layout->indent);
        rune_options_set_final_newline(options, !layout->bare_end);
        good =
            rune_format(layout->supervisor, sources, options, NULL, &layout->laid, NULL) == RUNE_OK;
    }
    layout->laid = good ? layout->laid : NULL;
    rune_sources_free(sources);
    rune_options_free(options);
}

static void layout_clear(struct rn_lsp_layout *layout)
{
    rn_bytes_done(&layout->text);
    rn_bytes_done(&layout->uri);
    rune_text_free(layout->laid);
    layout->laid = NULL;
}

/* ---- Giving ---- */

static bool flag_or(const rune_const_value *options, const char *key, bool otherwise)
{
    rune_const_value *value = rune_value_get(options, key);
    bool flag = otherwise;
    (void)rune_value_get_bool(value, &flag);
    rune_value_unref(value);
    return flag;
}

static bool prepare(struct rn_lsp_server *server, const struct rn_lsp_waiting *waiting)
{
    struct rn_lsp_layout *layout = &server->layout;
    struct rn_lsp_document *document = rn_lsp_document_named(server, waiting->params);
    rune_const_value *options = rune_value_get(waiting->params, "options");
    long long columns = rn_member_number(options, "tabSize");
    columns = columns < 1 ? 4 : columns > INDENT_MAX ? INDENT_MAX : columns;
    layout_clear(layout);
    layout->indent = flag_or(options, "insertSpaces", true) ? (uint32_t)columns : 0;
    bool inserts = flag_or(options, "insertFinalNewline", true);
    rune_value_unref(options);
    if (document == NULL || document->is_lost) {
        return false;
    }
    // A line break that is there stays: the wish is about one that is not.
    size_t size = document->text.size;
    layout->bare_end = !inserts && (size == 0 || document->text.data[size - 1] != '\n');
    layout->revision = document->revision;
    return rn_bytes_append(&layout->text, document->text.data, document->text.size) &&
           rn_bytes_append(&layout->uri, document->uri.data, document->uri.size);
}

static void drop_first(struct rn_lsp_server *server)
{
    struct rn_lsp_waiting *first = waiting_at(server, 0);
    rune_value_unref(first->id);
    rune_value_unref(first->params);
    server->layouts.size -= sizeof *first;
    memmove(first, first + 1, server->layouts.size);
}

static void answer_none(struct rn_lsp_server *server, const rune_const_value *id)
{
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "null");
    rn_lsp_answer_end(server, &out);
}

/* The typist rests: it gets the first that is still wanted. */
static void give_next(struct rn_lsp_server *server)
{
    while (waiting_count(server) > 0) {
        struct rn_lsp_waiting *first = waiting_at(server, 0);
        if (first->cancelled) {
            rn_lsp_refuse(server, first->id, RN_LSP_REQUEST_CANCELLED, "cancelled");
        } else if (prepare(server, first)) {
            rn_lsp_desk_give(&server->typist);
            return;
        } else {
            answer_none(server, first->id);
        }
        drop_first(server);
    }
}

void rn_lsp_formatting(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params)
{
    if (rn_lsp_document_named(server, params) == NULL) {
        rn_lsp_refuse(server, id, RN_LSP_INVALID_PARAMS, "no such document is open");
        return;
    }
    struct rn_lsp_waiting waiting = {.id = rune_value_ref((rune_const_value *)id),
                                     .params = rune_value_ref((rune_const_value *)params)};
    if (waiting_count(server) >= RN_LSP_WAITING_MAX ||
        !rn_bytes_append(&server->layouts, (const char *)&waiting, sizeof waiting)) {
        rn_lsp_refuse(server, id, RN_LSP_INTERNAL_ERROR, "too many requests wait");
        rune_value_unref(waiting.id);
        rune_value_unref(waiting.params);
    } else if (waiting_count(server) == 1) {
        give_next(server);
    }
}

/* ---- Taking ---- */

static void answer(struct rn_lsp_server *server, const rune_const_value *id)
{
    const struct rn_lsp_layout *layout = &server->layout;
    struct rn_lsp_document *document =
        rn_lsp_document_find(&server->documents, layout->uri.data, layout->uri.size);
    if (document == NULL || document->revision != layout->revision) {
        rn_lsp_refuse(server, id, RN_LSP_CONTENT_MODIFIED, "the document was changed meanwhile");
        return;
    }
    if (layout->laid == NULL) { // its diagnostics say why
        answer_none(server, id);
        return;
    }
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put_edits(&out, document, rune_text_data(layout->laid), rune_text_size(layout->laid),
                     server->encoding);
    rn_lsp_answer_end(server, &out);
}

void rn_lsp_layouts_take(struct rn_lsp_server *server)
{
    if (!rn_lsp_desk_take(&server->typist)) {
        return;
    }
    struct rn_lsp_waiting *first = waiting_at(server, 0);
    if (!first->cancelled) {
        answer(server, first->id);
        drop_first(server);
    }
    give_next(server);
}

bool rn_lsp_layouts_cancel(struct rn_lsp_server *server, const rune_const_value *id)
{
    for (size_t i = 0; i < waiting_count(server); i++) {
        if (rune_value_equal(waiting_at(server, i)->id, id)) {
            waiting_at(server, i)->cancelled = true;
            return true;
        }
    }
    return false;
}

void rn_lsp_layouts_done(struct rn_lsp_server *server)
{
    while (waiting_count(server) > 0) {
        drop_first(server);
    }
    rn_bytes_done(&server->layouts);
    layout_clear(&server->layout);
}
