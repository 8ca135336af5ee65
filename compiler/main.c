/*
 * main.c: runeward-compiler: one build behind the wall, then the end.
 *
 *      READY ─┬► BUILD ──► rn_compile ─┬─► NEED ──► MODULE ─┐
 *             │                ▲       │                    │
 *             │                └───────┼────────────────────┘
 *             │                        └─► DIAGNOSTICS, IMAGE, DEBUG, BUILT
 *             ├► FORMAT ──► rn_format ───► DIAGNOSTICS, FORMATTED, BUILT
 *             ├► OUTLINE ─► rn_outline ──► (NEED, MODULE) DIAGNOSTICS, OUTLINED, BUILT
 *             └► NAMES ───► rn_names ────► (NEED, MODULE) DIAGNOSTICS, NAMED, BUILT
 *
 * It receives and sends with waiting only: there is nothing else to do meanwhile. Memory is the
 * arena behind rn_alloc. Nothing of one build can reach another.
 */
#include <string.h>

#include "base/alloc.h"
#include "bytecode/unit.h"
#include "compiler/compile.h"
#include "compiler/format.h"
#include "compiler/names.h"
#include "compiler/outline.h"
#include "policy/process.h"
#include "shm/message.h"
#include "shm/transport.h"

enum {
    EXIT_DONE = 0,
    EXIT_PROTOCOL = 65,
    EXIT_MEMORY = 67,
};

struct server {
    int socket_fd;
    uint32_t sequence_out;
    uint32_t sequence_in;
    enum rn_error failure; /* of the connection; the build is pointless after it */
    uint32_t modules;      /* asked for */
    uint8_t packet[RN_PACKET_MAX];
};

static enum rn_error send_message(struct server *server, const struct rn_message *message)
{
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    bool done = false;
    while (!done) {
        size_t size = rn_outgoing_packet(&outgoing, server->sequence_out, server->packet);
        RN_TRY(rn_transport_send(server->socket_fd, server->packet, size, RN_WAIT_ALLOWED));
        server->sequence_out++;
        done = rn_outgoing_sent(&outgoing);
    }
    return RN_OK;
}

static enum rn_error receive_packet(struct server *server, struct rn_message *out_message)
{
    struct rn_wire_message wire = {.bytes = server->packet};
    RN_TRY(rn_transport_receive(server->socket_fd, server->packet, RN_WAIT_ALLOWED, &wire.size));
    RN_TRY(rn_message_decode(wire, RN_TO_COMPILER, out_message));
    if (out_message->sequence != server->sequence_in) {
        return RN_E_MESSAGE_STATE;
    }
    server->sequence_in++;
    return RN_OK;
}

/* Receives one whole message; *out_body is the caller's (rn_free), with a zero byte behind it. */
static enum rn_error receive_message(struct server *server, struct rn_message *out_message,
                                     char **out_body)
{
    struct rn_message message;
    RN_TRY(receive_packet(server, &message));
    if (!message.first) {
        return RN_E_MESSAGE_STATE;
    }
    *out_message = message;
    // What there is no room for is received all the same: the other side sends all of it before it listens.
    RN_AUTO_FREE char *body = rn_alloc((size_t)message.body_total + 1);
    size_t size = 0;
    for (;;) {
        if (message.body_size > out_message->body_total - size) {
            return RN_E_MESSAGE_STATE;
        }
        if (body) {
            memcpy(body + size, message.body, message.body_size);
        }
        size += message.body_size;
        if (message.last) {
            break;
        }
        RN_TRY(receive_packet(server, &message));
        if (message.first || message.type != out_message->type) {
            return RN_E_MESSAGE_STATE;
        }
    }
    if (size != out_message->body_total) {
        return RN_E_MESSAGE_STATE;
    }
    if (!body) {
        return RN_E_NO_MEMORY;
    }
    *out_body = RN_TAKE(body);
    return RN_OK;
}

/* Splits the body of MODULE into name and text, both the compiler's. */
static enum rn_error split_module(const char *body, size_t size, size_t name_size, char **out_name,
                                  char **out_text, size_t *out_size)
{
    if (name_size > size) {
        return RN_E_MESSAGE_INVALID;
    }
    char *name = rn_strndup(body, name_size);
    char *text = rn_strndup(body + name_size, size - name_size);
    if (!name || !text) {
        rn_free(name);
        rn_free(text);
        return RN_E_NO_MEMORY;
    }
    *out_name = name;
    *out_text = text;
    *out_size = size - name_size;
    return RN_OK;
}

static enum rn_error request_module(struct server *server, const char *item,
                                    struct rn_message *out_message, char **out_body)
{
    size_t size = strlen(item);
    if (size > RN_NEED_BODY_MAX) {
        return RN_E_TOO_LARGE;
    }
    struct rn_message need = {
        .type = RN_MESSAGE_NEED, .body = (const uint8_t *)item, .body_size = size};
    RN_TRY(send_message(server, &need));
    RN_TRY(receive_message(server, out_message, out_body));
    return out_message->type == RN_MESSAGE_MODULE ? RN_OK : RN_E_MESSAGE_STATE;
}

static enum rn_error load_module(void *user, const char *item, char **out_name, char **out_text,
                                 size_t *out_size)
{
    struct server *server = user;
    if (server->failure != RN_OK) {
        return server->failure;
    }
    if (server->modules >= RN_SOURCES_MAX) {
        return RN_E_OVERFLOW; // without asking: whoever asks more often is ended
    }
    server->modules++;
    struct rn_message answer;
    RN_AUTO_FREE char *body = NULL;
    enum rn_error error = request_module(server, item, &answer, &body);
    if (error != RN_OK) {
        server->failure = error == RN_E_TOO_LARGE ? RN_OK : error;
        return error;
    }
    uint32_t status = answer.as.MODULE.status;
    if (status != 0) {
        return status <= 1000 ? (enum rn_error) - (int)status : RN_E_SYSTEM;
    }
    return split_module(body, answer.body_total, answer.as.MODULE.name_size, out_name, out_text,
                        out_size);
}

static enum rn_error send_part(struct server *server, enum rn_message_type type,
                               const struct rn_buf *part)
{
    struct rn_message message = {.type = type, .body = part->data, .body_size = part->size};
    const struct rn_message_info *info = rn_message_info(type);
    return part->size > info->body_max ? RN_E_TOO_LARGE : send_message(server, &message);
}

static enum rn_error send_built(struct server *server, enum rn_error status)
{
    struct rn_message message = {.type = RN_MESSAGE_BUILT,
                                 .as.BUILT = {.status = (uint32_t) - (int)status}};
    return send_message(server, &message);
}

static enum rn_error send_diagnostics(struct server *server,
                                      const struct rn_diagnostics *diagnostics)
{
    RN_AUTO(rn_buf) struct rn_buf wire;
    rn_buf_init(&wire, RN_DIAGNOSTICS_BODY_MAX);
    // The supervisor has the texts of memory and files already, but not the order of modules.
    enum rn_error error = rn_diagnostics_encode(diagnostics, true, &wire);
    if (error == RN_E_TOO_LARGE) {
        rn_buf_clear(&wire);
        error = rn_diagnostics_encode(diagnostics, false, &wire);
    }
    RN_TRY(error);
    return send_part(server, RN_MESSAGE_DIAGNOSTICS, &wire);
}

static enum rn_error send_output(struct server *server, enum rn_error status,
                                 const struct rn_compile_output *output)
{
    RN_TRY(send_diagnostics(server, &output->diagnostics));
    if (status == RN_OK) {
        RN_TRY(send_part(server, RN_MESSAGE_IMAGE, &output->image));
        RN_TRY(send_part(server, RN_MESSAGE_DEBUG, &output->debug));
    }
    return send_built(server, status);
}

static enum rn_error compile(struct server *server, const struct rn_message *request,
                             const char *body, const struct rn_context *context)
{
    uint32_t name_size = request->as.BUILD.name_size;
    uint32_t context_size = request->as.BUILD.context_size;
    RN_AUTO_FREE char *name = rn_strndup(body, name_size);
    if (!name) {
        return RN_E_NO_MEMORY;
    }
    struct rn_module_loader loader = {.user = server, .load = load_module};
    struct rn_compile_input input = {
        .name = name,
        .text = body + name_size + context_size,
        .size = request->body_total - name_size - context_size,
        .context = context,
        .loader = &loader,
        .script = request->as.BUILD.script != 0,
        .memory_max = request->as.BUILD.memory_max,
    };
    RN_AUTO(rn_compile_output) struct rn_compile_output output = {.image = {.data = NULL}};
    enum rn_error status = rn_compile(&input, &output);
    RN_TRY(server->failure);
    return send_output(server, status, &output);
}

static enum rn_error build(struct server *server, const struct rn_message *request,
                           const char *body)
{
    uint64_t front = (uint64_t)request->as.BUILD.name_size + request->as.BUILD.context_size;
    if (front > request->body_total) {
        return RN_E_MESSAGE_INVALID;
    }
    struct rn_context *context = NULL;
    enum rn_error error = rn_context_new(&context);
    if (error == RN_OK && request->as.BUILD.context_size > 0) {
        error = rn_context_decode(context, body + request->as.BUILD.name_size,
                                  request->as.BUILD.context_size);
    }
    error = error == RN_OK ? compile(server, request, body, context) : send_built(server, error);
    rn_context_free(context);
    return error;
}

/* The text that a request other than BUILD asks for. */
static enum rn_error send_text(struct server *server, enum rn_message_type type,
                               enum rn_error status, const struct rn_diagnostics *diagnostics,
                               const struct rn_buf *text)
{
    RN_TRY(send_diagnostics(server, diagnostics));
    if (status == RN_OK) {
        RN_TRY(send_part(server, type, text));
    }
    return send_built(server, status);
}

static enum rn_error format(struct server *server, const struct rn_message *request,
                            const char *body)
{
    uint32_t name_size = request->as.FORMAT.name_size;
    uint32_t indent = request->as.FORMAT.indent;
    if (name_size > request->body_total || indent > RN_FORMAT_INDENT_MAX) {
        return RN_E_MESSAGE_INVALID;
    }
    RN_AUTO_FREE char *name = rn_strndup(body, name_size);
    if (!name) {
        return RN_E_NO_MEMORY;
    }
    struct rn_format_input input = {
        .name = name,
        .text = body + name_size,
        .size = request->body_total - name_size,
        .memory_max = request->as.FORMAT.memory_max,
        .indent = (uint8_t)indent,
        .tabs = indent == 0,
        .no_final_newline = request->as.FORMAT.bare_end != 0,
    };
    RN_AUTO(rn_buf) struct rn_buf text;
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    rn_buf_init(&text, RN_TEXT_BODY_MAX);
    rn_diagnostics_init(&diagnostics);
    enum rn_error status = rn_format(&input, &diagnostics, &text);
    return send_text(server, RN_MESSAGE_FORMATTED, status, &diagnostics, &text);
}

/* A text that is made of a script and its modules, as a request wants it. */
struct tool {
    uint32_t name_size;
    bool script;
    uint64_t memory_max;
    const struct rn_context *context; /* NULL: needs none */
    enum rn_error (*make)(const struct rn_compile_input *input, struct rn_diagnostics *diagnostics,
                          struct rn_buf *out);
    enum rn_message_type answer;
};

static enum rn_error serve_tool(struct server *server, const struct rn_message *request,
                                const char *body, const struct tool *tool)
{
    if (tool->name_size > request->body_total) {
        return RN_E_MESSAGE_INVALID;
    }
    RN_AUTO_FREE char *name = rn_strndup(body, tool->name_size);
    if (!name) {
        return RN_E_NO_MEMORY;
    }
    struct rn_module_loader loader = {.user = server, .load = load_module};
    struct rn_compile_input input = {
        .name = name,
        .text = body + tool->name_size,
        .size = request->body_total - tool->name_size,
        .context = tool->context,
        .loader = &loader,
        .script = tool->script,
        .memory_max = tool->memory_max,
    };
    RN_AUTO(rn_buf) struct rn_buf text;
    RN_AUTO(rn_diagnostics) struct rn_diagnostics diagnostics;
    rn_buf_init(&text, RN_TEXT_BODY_MAX);
    rn_diagnostics_init(&diagnostics);
    enum rn_error status = tool->make(&input, &diagnostics, &text);
    RN_TRY(server->failure);
    return send_text(server, tool->answer, status, &diagnostics, &text);
}

static enum rn_error outline(struct server *server, const struct rn_message *request,
                             const char *body)
{
    const struct rn_fields_OUTLINE *fields = &request->as.OUTLINE;
    struct tool tool = {.name_size = fields->name_size,
                        .script = fields->script != 0,
                        .memory_max = fields->memory_max,
                        .make = rn_outline,
                        .answer = RN_MESSAGE_OUTLINED};
    return serve_tool(server, request, body, &tool);
}

static enum rn_error names(struct server *server, const struct rn_message *request,
                           const char *body)
{
    const struct rn_fields_NAMES *fields = &request->as.NAMES;
    struct rn_context *context = NULL;
    RN_TRY(rn_context_new(&context));
    struct tool tool = {.name_size = fields->name_size,
                        .script = fields->script != 0,
                        .memory_max = fields->memory_max,
                        .context = context,
                        .make = rn_names,
                        .answer = RN_MESSAGE_NAMED};
    enum rn_error error = serve_tool(server, request, body, &tool);
    rn_context_free(context);
    return error;
}

static enum rn_error serve_request(struct server *server)
{
    struct rn_message request;
    RN_AUTO_FREE char *body = NULL;
    RN_TRY(receive_message(server, &request, &body));
    switch ((uint32_t)request.type) {
    case RN_MESSAGE_BUILD:
        return build(server, &request, body);
    case RN_MESSAGE_FORMAT:
        return format(server, &request, body);
    case RN_MESSAGE_OUTLINE:
        return outline(server, &request, body);
    case RN_MESSAGE_NAMES:
        return names(server, &request, body);
    default:
        return RN_E_MESSAGE_STATE;
    }
}

static int serve_one(struct rn_process *process)
{
    struct server *server = rn_alloc(sizeof(*server));
    if (!server) {
        return EXIT_MEMORY;
    }
    server->socket_fd = process->socket_fd;
    struct rn_message ready = {
        .type = RN_MESSAGE_COMPILER_READY,
        .as.COMPILER_READY = {.isa_digest = rn_isa_digest(), .layers = process->report.active}};
    enum rn_error error = send_message(server, &ready);
    if (error == RN_OK) {
        error = serve_request(server);
    }
    // No part of an answer that is too large has been sent.
    if (error == RN_E_NO_MEMORY || error == RN_E_TOO_LARGE) {
        error = send_built(server, error);
    }
    return error == RN_OK || error == RN_E_CLOSED ? EXIT_DONE : EXIT_PROTOCOL;
}

int main(int argc, char **argv)
{
    rn_process_run(argc, argv, RN_ROLE_COMPILER, serve_one);
}
