/* rpc.c: messages in and out, and which function is for which. Trust: see server.h. */
#include "cli/lsp/server.h"

#include "cli/lsp/methods.h"
#include "cli/lsp/surrogates.h"

#include <stdio.h>
#include <string.h>

/* ---- Out ---- */

void rn_lsp_send(struct rn_lsp_server *server, struct rn_lsp_out *out)
{
    char head[64];
    int size = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", out->bytes.size);
    size_t before = server->out.size;
    bool good = !out->failed && rn_bytes_append(&server->out, head, (size_t)size) &&
                rn_bytes_append(&server->out, out->bytes.data, out->bytes.size);
    if (!good) { // an editor that waits for an answer in vain is better off without us
        server->out.size = before;
        server->state = RN_LSP_ENDED;
        server->code = 1;
        rn_console_complain("not enough memory for an answer");
    }
    rn_lsp_out_done(out);
}

struct rn_lsp_out rn_lsp_answer_begin(const rune_const_value *id)
{
    struct rn_lsp_out out = {.failed = false};
    rn_lsp_put(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
    rn_lsp_put_value(&out, id);
    rn_lsp_put(&out, ",\"result\":");
    return out;
}

void rn_lsp_answer_end(struct rn_lsp_server *server, struct rn_lsp_out *out)
{
    rn_lsp_put(out, "}");
    rn_lsp_send(server, out);
}

void rn_lsp_refuse(struct rn_lsp_server *server, const rune_const_value *id, enum rn_lsp_code code,
                   const char *why)
{
    struct rn_lsp_out out = {.failed = false};
    rn_lsp_put(&out, "{\"jsonrpc\":\"2.0\",\"id\":");
    rn_lsp_put_value(&out, id);
    rn_lsp_put(&out, ",\"error\":{\"code\":");
    rn_lsp_put_number(&out, code);
    rn_lsp_put(&out, ",\"message\":");
    rn_lsp_put_text(&out, why);
    rn_lsp_put(&out, "}}");
    rn_lsp_send(server, &out);
}

void rn_lsp_log(struct rn_lsp_server *server, const char *text)
{
    struct rn_lsp_out out = {.failed = false};
    rn_lsp_put(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"window/logMessage\",\"params\":{\"type\":2,"
                     "\"message\":");
    rn_lsp_put_text(&out, text);
    rn_lsp_put(&out, "}}");
    rn_lsp_send(server, &out);
}

/* ---- In ---- */

struct message {
    rune_const_value *id; /* NULL: a notification */
    rune_const_value *method;
    rune_const_value *params;
};

static bool is_id(const rune_const_value *id)
{
    rune_value_kind kind = rune_value_kind_of(id);
    return kind == RUNE_VALUE_I64 || kind == RUNE_VALUE_U64 || kind == RUNE_VALUE_STRING;
}

static bool text_is(const rune_const_value *value, const char *word)
{
    const char *data;
    size_t size;
    return rune_value_get_string(value, &data, &size) && size == strlen(word) &&
           memcmp(data, word, size) == 0;
}

static void request(struct rn_lsp_server *server, const struct message *message)
{
    for (size_t i = 0; rn_lsp_requests[i].name != NULL; i++) {
        if (!text_is(message->method, rn_lsp_requests[i].name)) {
            continue;
        }
        if (server->state == RN_LSP_FRESH && !rn_lsp_requests[i].first) {
            break;
        }
        if (!rn_lsp_park(server, i, message->id, message->params)) {
            rn_lsp_requests[i].handle(server, message->id, message->params);
        }
        return;
    }
    if (server->state == RN_LSP_FRESH) {
        rn_lsp_refuse(server, message->id, RN_LSP_NOT_INITIALIZED, "initialize comes first");
    } else {
        rn_lsp_refuse(server, message->id, RN_LSP_METHOD_NOT_FOUND, "there is no such method");
    }
}

static void notification(struct rn_lsp_server *server, const struct message *message)
{
    for (size_t i = 0; rn_lsp_notifications[i].name != NULL; i++) {
        bool ready = server->state == RN_LSP_RUNNING || rn_lsp_notifications[i].always;
        if (ready && text_is(message->method, rn_lsp_notifications[i].name)) {
            rn_lsp_notifications[i].handle(server, message->params);
        }
    }
}

/* An object with a method, or else an answer to a request of ours, which nobody waits for. */
static void handle(struct rn_lsp_server *server, const struct message *message, bool is_object)
{
    if (message->id != NULL && !is_id(message->id)) {
        rn_lsp_refuse(server, NULL, RN_LSP_INVALID_REQUEST, "an id is a number or a text");
    } else if (rune_value_kind_of(message->method) != RUNE_VALUE_STRING) {
        if (!is_object || message->method != NULL || message->id == NULL) {
            rn_lsp_refuse(server, message->id, RN_LSP_INVALID_REQUEST,
                          "a message is an object with a method");
        }
    } else if (message->id == NULL) {
        notification(server, message);
    } else if (server->state == RN_LSP_SHUT) {
        rn_lsp_refuse(server, message->id, RN_LSP_INVALID_REQUEST, "shutdown has come");
    } else {
        request(server, message);
    }
}

static void take_message(struct rn_lsp_server *server, char *data, size_t size)
{
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    rn_lsp_mend_surrogates(data, size);
    if (rune_value_from_json(data, size, &value, &error) != RUNE_OK) {
        rn_lsp_refuse(server, NULL, RN_LSP_PARSE_ERROR,
                      error == NULL ? "no JSON" : rune_error_message(error));
        rune_error_free(error);
        rn_lsp_lose_all(server, "a message that may have changed it could not be read");
        return;
    }
    struct message message = {.id = rune_value_get(value, "id"),
                              .method = rune_value_get(value, "method"),
                              .params = rune_value_get(value, "params")};
    handle(server, &message, rune_value_kind_of(value) == RUNE_VALUE_OBJECT);
    rune_value_unref(message.id);
    rune_value_unref(message.method);
    rune_value_unref(message.params);
    rune_value_unref(value);
}

static void end_broken(struct rn_lsp_server *server, const char *why)
{
    rn_lsp_refuse(server, NULL, RN_LSP_PARSE_ERROR, why);
    server->state = RN_LSP_ENDED;
    server->code = 1;
}

void rn_lsp_take_bytes(struct rn_lsp_server *server, const char *data, size_t size)
{
    char *message;
    size_t message_size;
    if (!rn_lsp_frames_feed(&server->frames, data, size)) {
        end_broken(server, "not enough memory for a message");
    }
    while (server->state != RN_LSP_ENDED) {
        switch (rn_lsp_frames_next(&server->frames, &message, &message_size)) {
        case RN_LSP_FRAME_NONE:
            return;
        case RN_LSP_FRAME_MESSAGE:
            take_message(server, message, message_size);
            break;
        case RN_LSP_FRAME_TOO_LARGE:
            rn_lsp_refuse(server, NULL, RN_LSP_INVALID_REQUEST, "a message of more than 32 MiB");
            rn_lsp_lose_all(server, "a message that may have changed it was too large");
            break;
        case RN_LSP_FRAME_BROKEN:
            end_broken(server, server->frames.why);
            break;
        }
    }
}
