/* sync.c: what is open, as the editor says it. Trust: see server.h. */
#include "cli/lsp/server.h"

#include "cli/members.h"

#include <stdio.h>

/* Said once, when it is lost. */
static void tell_if_lost(struct rn_lsp_server *server, const struct rn_lsp_document *document,
                         bool was_lost)
{
    char text[512];
    if (document->is_lost && !was_lost) {
        snprintf(text, sizeof text, "%.400s: %s; it is left alone until it is opened again",
                 document->uri.data, document->why);
        rn_lsp_log(server, text);
    }
}

void rn_lsp_lose_all(struct rn_lsp_server *server, const char *why)
{
    for (size_t i = 0; i < server->documents.count; i++) {
        struct rn_lsp_document *document = rn_lsp_document_at(&server->documents, i);
        bool was_lost = document->is_lost;
        rn_lsp_document_lose(document, why);
        rn_lsp_document_renew(&server->documents, document);
        tell_if_lost(server, document, was_lost);
    }
}

void rn_lsp_did_open(struct rn_lsp_server *server, const rune_const_value *params)
{
    rune_const_value *item = rune_value_get(params, "textDocument");
    rune_const_value *uri = rune_value_get(item, "uri");
    rune_const_value *text = rune_value_get(item, "text");
    const char *name;
    const char *data;
    size_t name_size;
    size_t size;
    struct rn_lsp_document *document = NULL;
    if (rune_value_get_string(uri, &name, &name_size) &&
        rune_value_get_string(text, &data, &size)) {
        document = rn_lsp_document_open(&server->documents, name, name_size);
    }
    if (document != NULL) {
        rn_lsp_document_set(document, data, size);
        rn_lsp_document_renew(&server->documents, document);
        document->version = rn_member_number(item, "version");
        tell_if_lost(server, document, false);
        rn_lsp_roots_touch(server, document, true);
    } else {
        rn_lsp_log(server, "a document could not be opened");
    }
    rune_value_unref(text);
    rune_value_unref(uri);
    rune_value_unref(item);
}

void rn_lsp_did_change(struct rn_lsp_server *server, const rune_const_value *params)
{
    struct rn_lsp_document *document = rn_lsp_document_named(server, params);
    rune_const_value *changes = rune_value_get(params, "contentChanges");
    rune_const_value *version = rn_lsp_get(params, "textDocument", "version");
    rune_const_value *change;
    rune_value_iter at;
    bool was_lost = document != NULL && document->is_lost;
    rune_value_iter_init(&at, changes);
    while (document != NULL && rune_value_iter_next(&at, &change) == RUNE_OK) {
        rn_lsp_document_change(document, change, server->encoding);
        rune_value_unref(change);
    }
    if (document != NULL) {
        int64_t number = document->version;
        document->version = rune_value_get_i64(version, &number) ? number : document->version;
        rn_lsp_document_renew(&server->documents, document);
        tell_if_lost(server, document, was_lost);
        rn_lsp_roots_touch(server, document, false);
    }
    rune_value_unref(version);
    rune_value_unref(changes);
}

void rn_lsp_did_save(struct rn_lsp_server *server, const rune_const_value *params)
{
    struct rn_lsp_document *document = rn_lsp_document_named(server, params);
    if (document != NULL) {
        rn_lsp_roots_touch(server, document, true);
    }
}

/* What the file has counts again, for those who have it as a module. */
void rn_lsp_did_close(struct rn_lsp_server *server, const rune_const_value *params)
{
    struct rn_lsp_document *document = rn_lsp_document_named(server, params);
    if (document == NULL) {
        return;
    }
    struct rn_bytes path = {0};
    bool kept = rn_bytes_append(&path, document->path.data, document->path.size + 1);
    rn_lsp_roots_touch(server, document, true);
    rn_lsp_document_close(&server->documents, document);
    rn_lsp_roots_tidy(server);
    if (kept) {
        rn_lsp_publish_path(server, path.data);
    }
    rn_bytes_done(&path);
}

void rn_lsp_did_change_files(struct rn_lsp_server *server, const rune_const_value *params)
{
    (void)params;
    rn_lsp_roots_touch_all(server);
}
