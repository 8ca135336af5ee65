/* What anybody may send to the language server, and what a compiler may have said about a text. */
#include "cli/lsp/methods.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_body(struct rn_lsp_server *server, const char *body, size_t size)
{
    char head[64];
    int length = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", size);
    rn_lsp_take_bytes(server, head, (size_t)length);
    rn_lsp_take_bytes(server, body, size);
}

/* Each line is a message. */
static void take_lines(struct rn_lsp_server *server, const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - data);
        take_body(server, data, line);
        line += end != NULL;
        data += line;
        size -= line;
    }
}

/* What names mean in a text that is open, and every question about every place of it. */
static void take_names(struct rn_lsp_server *server, const char *data, size_t size)
{
    static const char open[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/didOpen\",\"params\":{\"textDocument\":{"
        "\"uri\":\"file:///a\",\"version\":2,\"text\":\"let a = m::f(b.c, 1);\\nx. self.\"}}}";
    static const char text[] = "let a = f(b, 1);\nx";
    struct rn_lsp_root *root;
    take_body(server, open, sizeof open - 1);
    if (server->root_count != 1) {
        return;
    }
    root = rn_lsp_root_at(server, 0);
    if (!rn_lsp_texts_add(&root->answer.texts, "/a", text, sizeof text - 1, 1) ||
        rn_lsp_index_parse(data, size, &root->answer.texts, &root->answer.index) != RUNE_OK) {
        return;
    }
    root->since_ns = 0;
    for (size_t i = 0; rn_lsp_requests[i].name != NULL; i++) {
        for (unsigned column = 0; column < 24; column += 3) {
            char body[300];
            int length =
                snprintf(body, sizeof body,
                         "{\"id\":%u,\"method\":\"%s\",\"params\":{\"textDocument\":{\"uri\":"
                         "\"file:///a\"},\"position\":{\"line\":%u,\"character\":%u}}}",
                         column, rn_lsp_requests[i].name, column % 2, column);
            if (strcmp(rn_lsp_requests[i].name, "shutdown") != 0) {
                take_body(server, body, (size_t)length);
            }
        }
    }
}

/* Diagnostics of a text that is open. */
static void take_diagnostics(struct rn_lsp_server *server, const char *data, size_t size)
{
    static const char text[] = "let a\r\n= \xf0\x9f\x98\x80;\n";
    struct rn_lsp_root root = {.has_answer = true};
    bool good = rn_bytes_append(&root.path, "/a", 3) &&
                rn_lsp_texts_add(&root.answer.texts, "/a", text, sizeof text - 1, 1) &&
                rune_value_from_json(data, size, &root.answer.diagnostics, NULL) == RUNE_OK;
    if (!good || !rn_bytes_append(&server->roots, (const char *)&root, sizeof root)) {
        rn_bytes_done(&root.path);
        rn_lsp_answer_done(&root.answer);
        return;
    }
    server->root_count++;
    rn_lsp_publish_path(server, "/a");
}

/* Whatever came in: what goes out is JSON behind heads that tell its size. */
static void check_out(const struct rn_lsp_server *server)
{
    struct rn_lsp_frames frames = {.at = 0};
    char *data;
    size_t size;
    rune_const_value *value = NULL;
    if (!rn_lsp_frames_feed(&frames, server->out.data, server->out.size)) {
        abort();
    }
    while (rn_lsp_frames_next(&frames, &data, &size) == RN_LSP_FRAME_MESSAGE) {
        if (rune_value_from_json(data, size, &value, NULL) != RUNE_OK) {
            abort();
        }
        rune_value_unref(value);
    }
    if (frames.at != frames.bytes.size || frames.why != NULL) {
        abort();
    }
    rn_lsp_frames_done(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_lsp_server server = {.done_fd = -1};
    const char *text = (const char *)data + 1;
    if (size < 2) {
        return 0;
    }
    if (*data % 4 != 0) {
        server.state = RN_LSP_RUNNING;
    }
    switch (*data % 8 == 7 ? 3 : *data % 3) {
    case 0:
        rn_lsp_take_bytes(&server, text, size - 1);
        break;
    case 1:
        take_lines(&server, text, size - 1);
        break;
    case 2:
        take_diagnostics(&server, text, size - 1);
        break;
    default:
        take_names(&server, text, size - 1);
        break;
    }
    check_out(&server);
    server.state = RN_LSP_ENDED;
    if (!rn_lsp_server_done(&server)) {
        abort();
    }
    return 0;
}
