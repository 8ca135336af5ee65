/* lifecycle.c: initialize to exit, and the tables of methods. Trust: see server.h. */
#include "cli/lsp/methods.h"

#include "cli/lsp/uri.h"
#include "cli/members.h"

#include <string.h>

/* ---- initialize ---- */

static bool is_text(const rune_const_value *value, const char *word)
{
    const char *data;
    size_t size;
    return rune_value_get_string(value, &data, &size) && size == strlen(word) &&
           memcmp(data, word, size) == 0;
}

/* UTF-8 if the editor has it; else what every editor has. */
static enum rn_lsp_encoding choose_encoding(const rune_const_value *capabilities)
{
    enum rn_lsp_encoding chosen = RN_LSP_UTF16;
    rune_const_value *offered = rn_lsp_get(capabilities, "general", "positionEncodings");
    rune_const_value *word;
    rune_value_iter at;
    rune_value_iter_init(&at, offered);
    while (rune_value_iter_next(&at, &word) == RUNE_OK) {
        chosen = is_text(word, "utf-8") ? RN_LSP_UTF8 : chosen;
        rune_value_unref(word);
    }
    rune_value_unref(offered);
    return chosen;
}

static void set_top(struct rn_lsp_server *server, const rune_const_value *params)
{
    rune_const_value *folders = rune_value_get(params, "workspaceFolders");
    rune_const_value *first = rune_value_at(folders, 0);
    rune_const_value *uri = rune_value_get(first, "uri");
    const char *data;
    size_t size;
    if (uri == NULL) {
        uri = rune_value_get(params, "rootUri");
    }
    if (rune_value_get_string(uri, &data, &size) && server->top.size == 0) {
        (void)rn_lsp_uri_to_path(data, size, &server->top);
    }
    while (server->top.size > 1 && server->top.data[server->top.size - 1] == '/') {
        server->top.data[--server->top.size] = 0;
    }
    rune_value_unref(uri);
    rune_value_unref(first);
    rune_value_unref(folders);
}

static bool can_watch(const rune_const_value *capabilities)
{
    rune_const_value *files = rn_lsp_get(capabilities, "workspace", "didChangeWatchedFiles");
    bool can = rn_member_flag(files, "dynamicRegistration");
    rune_value_unref(files);
    return can;
}

static void initialize(struct rn_lsp_server *server, const rune_const_value *id,
                       const rune_const_value *params)
{
    if (server->state != RN_LSP_FRESH) {
        rn_lsp_refuse(server, id, RN_LSP_INVALID_REQUEST, "initialize comes once");
        return;
    }
    rune_const_value *capabilities = rune_value_get(params, "capabilities");
    server->encoding = choose_encoding(capabilities);
    server->watches_files = can_watch(capabilities);
    server->state = RN_LSP_RUNNING;
    set_top(server, params);
    rune_value_unref(capabilities);
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    rn_lsp_put(&out, "{\"capabilities\":{\"positionEncoding\":");
    rn_lsp_put(&out, server->encoding == RN_LSP_UTF8 ? "\"utf-8\"" : "\"utf-16\"");
    rn_lsp_put(&out, ",\"textDocumentSync\":{\"openClose\":true,\"change\":2,\"save\":true}"
                     ",\"documentFormattingProvider\":true,\"documentSymbolProvider\":true"
                     ",\"hoverProvider\":true,\"definitionProvider\":true"
                     ",\"referencesProvider\":true,\"documentHighlightProvider\":true"
                     ",\"completionProvider\":{\"triggerCharacters\":[\".\",\":\"]}"
                     ",\"signatureHelpProvider\":{\"triggerCharacters\":[\"(\",\",\"]}"
                     ",\"codeActionProvider\":{\"codeActionKinds\":[\"quickfix\"]}"
                     "},\"serverInfo\":{\"name\":\"runeward\",\"version\":");
    rn_lsp_put_text(&out, rune_version_string());
    rn_lsp_put(&out, "}}");
    rn_lsp_answer_end(server, &out);
}

/* Scripts are compiled again when a file changes that is not open. */
static void initialized(struct rn_lsp_server *server, const rune_const_value *params)
{
    (void)params;
    if (!server->watches_files) {
        return;
    }
    struct rn_lsp_out out = {.failed = false};
    rn_lsp_put(&out,
               "{\"jsonrpc\":\"2.0\",\"id\":\"watch\",\"method\":\"client/registerCapability\","
               "\"params\":{\"registrations\":[{\"id\":\"watch\",\"method\":"
               "\"workspace/didChangeWatchedFiles\",\"registerOptions\":{\"watchers\":["
               "{\"globPattern\":\"**/*.rn\"}]}}]}}");
    rn_lsp_send(server, &out);
}

/* ---- The end ---- */

static void shut_down(struct rn_lsp_server *server, const rune_const_value *id,
                      const rune_const_value *params)
{
    (void)params;
    struct rn_lsp_out out = rn_lsp_answer_begin(id);
    server->state = RN_LSP_SHUT;
    rn_lsp_put(&out, "null");
    rn_lsp_answer_end(server, &out);
}

static void leave(struct rn_lsp_server *server, const rune_const_value *params)
{
    (void)params;
    server->code = server->state == RN_LSP_SHUT ? 0 : 1;
    server->state = RN_LSP_ENDED;
}

/* What waits is answered; what is answered already stays so. */
static void cancel(struct rn_lsp_server *server, const rune_const_value *params)
{
    rune_const_value *id = rune_value_get(params, "id");
    if (id != NULL) {
        (void)(rn_lsp_layouts_cancel(server, id) || rn_lsp_parked_cancel(server, id));
    }
    rune_value_unref(id);
}

/* ---- Tables ---- */

const struct rn_lsp_request rn_lsp_requests[] = {
    {"initialize", initialize, true, RN_LSP_WAITS_NOT},
    {"shutdown", shut_down, false, RN_LSP_WAITS_NOT},
    {"textDocument/formatting", rn_lsp_formatting, false, RN_LSP_WAITS_NOT},
    {"textDocument/hover", rn_lsp_hover, false, RN_LSP_WAITS_ONCE},
    {"textDocument/definition", rn_lsp_definition, false, RN_LSP_WAITS_ONCE},
    {"textDocument/completion", rn_lsp_completion, false, RN_LSP_WAITS_ONCE},
    {"textDocument/signatureHelp", rn_lsp_signature_help, false, RN_LSP_WAITS_ONCE},
    {"textDocument/references", rn_lsp_references, false, RN_LSP_WAITS_FRESH},
    {"textDocument/documentHighlight", rn_lsp_highlight, false, RN_LSP_WAITS_FRESH},
    {"textDocument/documentSymbol", rn_lsp_document_symbols, false, RN_LSP_WAITS_FRESH},
    {"textDocument/codeAction", rn_lsp_code_actions, false, RN_LSP_WAITS_FRESH},
    {NULL, NULL, false, RN_LSP_WAITS_NOT},
};

const struct rn_lsp_notification rn_lsp_notifications[] = {
    {"initialized", initialized, false},
    {"exit", leave, true},
    {"$/cancelRequest", cancel, false},
    {"textDocument/didOpen", rn_lsp_did_open, false},
    {"textDocument/didChange", rn_lsp_did_change, false},
    {"textDocument/didSave", rn_lsp_did_save, false},
    {"textDocument/didClose", rn_lsp_did_close, false},
    {"workspace/didChangeWatchedFiles", rn_lsp_did_change_files, false},
    {NULL, NULL, false},
};
