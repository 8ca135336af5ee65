/*
 * parked.c: requests that wait for a compilation.
 *
 * A question about a document that was never compiled waits until it was; one about all of a document, such as
 * its symbols, until what was compiled is what the editor has. Trust: see server.h.
 */
#include "cli/lsp/methods.h"

#include <string.h>

static struct rn_lsp_parked *parked_at(const struct rn_lsp_server *server, size_t index)
{
    return (struct rn_lsp_parked *)(void *)server->parked.data + index;
}

static size_t parked_count(const struct rn_lsp_server *server)
{
    return server->parked.size / sizeof(struct rn_lsp_parked);
}

/* True if a compilation that the document is in is still to come, or to come again. */
static bool is_to_come(const struct rn_lsp_server *server, const struct rn_lsp_document *document,
                       bool fresh)
{
    bool to_come = false;
    for (size_t i = 0; i < server->root_count; i++) {
        const struct rn_lsp_root *root = rn_lsp_root_at(server, i);
        const struct rn_lsp_text *text =
            rn_lsp_texts_find(&root->answer.texts, document->path.data);
        if (text != NULL && (!fresh || text->revision == document->revision)) {
            return false;
        }
        bool its = text != NULL || strcmp(root->path.data, document->path.data) == 0;
        to_come = to_come || (its && (root->since_ns != 0 || root->asked));
    }
    return to_come;
}

static bool has_to_wait(struct rn_lsp_server *server, const rune_const_value *params, bool fresh)
{
    const struct rn_lsp_document *document = rn_lsp_document_named(server, params);
    return document != NULL && !document->is_lost && is_to_come(server, document, fresh);
}

bool rn_lsp_park(struct rn_lsp_server *server, size_t request, const rune_const_value *id,
                 const rune_const_value *params)
{
    const struct rn_lsp_request *row = &rn_lsp_requests[request];
    if (row->wait == RN_LSP_WAITS_NOT ||
        !has_to_wait(server, params, row->wait == RN_LSP_WAITS_FRESH)) {
        return false;
    }
    struct rn_lsp_parked parked = {.request = request,
                                   .id = rune_value_ref((rune_const_value *)id),
                                   .params = rune_value_ref((rune_const_value *)params)};
    if (parked_count(server) < RN_LSP_WAITING_MAX &&
        rn_bytes_append(&server->parked, (const char *)&parked, sizeof parked)) {
        return true;
    }
    rune_value_unref(parked.id);
    rune_value_unref(parked.params);
    return false;
}

/* It is the caller's. */
static struct rn_lsp_parked take_at(struct rn_lsp_server *server, size_t index)
{
    struct rn_lsp_parked taken = *parked_at(server, index);
    server->parked.size -= sizeof taken;
    memmove(parked_at(server, index), parked_at(server, index + 1),
            (parked_count(server) - index) * sizeof taken);
    return taken;
}

static void parked_done(struct rn_lsp_parked *parked)
{
    rune_value_unref(parked->id);
    rune_value_unref(parked->params);
}

void rn_lsp_parked_go(struct rn_lsp_server *server)
{
    for (size_t i = 0; i < parked_count(server) && server->state == RN_LSP_RUNNING;) {
        const struct rn_lsp_parked *waits = parked_at(server, i);
        bool fresh = rn_lsp_requests[waits->request].wait == RN_LSP_WAITS_FRESH;
        if (has_to_wait(server, waits->params, fresh)) {
            i++;
            continue;
        }
        struct rn_lsp_parked taken = take_at(server, i);
        rn_lsp_requests[taken.request].handle(server, taken.id, taken.params);
        parked_done(&taken);
    }
}

bool rn_lsp_parked_cancel(struct rn_lsp_server *server, const rune_const_value *id)
{
    for (size_t i = 0; i < parked_count(server); i++) {
        if (rune_value_equal(parked_at(server, i)->id, id)) {
            struct rn_lsp_parked taken = take_at(server, i);
            rn_lsp_refuse(server, taken.id, RN_LSP_REQUEST_CANCELLED, "cancelled");
            parked_done(&taken);
            return true;
        }
    }
    return false;
}

void rn_lsp_parked_done(struct rn_lsp_server *server)
{
    while (parked_count(server) > 0) {
        struct rn_lsp_parked taken = take_at(server, parked_count(server) - 1);
        parked_done(&taken);
    }
    rn_bytes_done(&server->parked);
}
