/* server.c: beginning and end. */
#include "cli/lsp/server.h"

#include <runeward/tools.h>

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LAST_WAIT_NS 2000000000u

uint64_t rn_lsp_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

rune_const_value *rn_lsp_get(const rune_const_value *object, const char *outer, const char *inner)
{
    rune_const_value *middle = rune_value_get(object, outer);
    rune_const_value *value = rune_value_get(middle, inner);
    rune_value_unref(middle);
    return value;
}

struct rn_lsp_document *rn_lsp_document_named(struct rn_lsp_server *server,
                                              const rune_const_value *params)
{
    rune_const_value *uri = rn_lsp_get(params, "textDocument", "uri");
    struct rn_lsp_document *document = NULL;
    const char *data;
    size_t size;
    if (rune_value_get_string(uri, &data, &size)) {
        document = rn_lsp_document_find(&server->documents, data, size);
    }
    rune_value_unref(uri);
    return document;
}

static void analyse(void *user)
{
    struct rn_lsp_server *server = user;
    rn_lsp_analyse(&server->question, &server->answer);
}

/* Without it less is offered. */
static void read_library(struct rn_lsp_server *server)
{
    rune_text *text = NULL;
    if (rune_tools_library(&text) == RUNE_OK &&
        rn_outline_parse(rune_text_data(text), rune_text_size(text), &server->library, NULL) !=
            RUNE_OK) {
        server->library = (struct rn_outline){.count = 0};
    }
    rune_text_free(text);
}

bool rn_lsp_server_init(struct rn_lsp_server *server, struct rn_session *session)
{
    *server = (struct rn_lsp_server){.session = session};
    server->question.supervisor = session->supervisor;
    server->layout.supervisor = session->supervisor;
    read_library(server);
    server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->done_fd < 0) {
        return false;
    }
    bool good =
        rn_lsp_desk_init(&server->analyst, analyse, server, server->done_fd) &&
        rn_lsp_desk_init(&server->typist, rn_lsp_layout_work, &server->layout, server->done_fd);
    if (!good) {
        (void)rn_lsp_desk_done(&server->analyst, LAST_WAIT_NS);
        close(server->done_fd);
    }
    return good;
}

bool rn_lsp_server_done(struct rn_lsp_server *server)
{
    bool ended = rn_lsp_desk_done(&server->analyst, LAST_WAIT_NS);
    if (!rn_lsp_desk_done(&server->typist, LAST_WAIT_NS) || !ended) {
        return false;
    }
    rn_lsp_question_done(&server->question);
    rn_lsp_answer_done(&server->answer);
    rn_lsp_layouts_done(server);
    rn_lsp_parked_done(server);
    rn_outline_done(&server->library);
    rn_lsp_documents_done(&server->documents);
    rn_lsp_roots_tidy(server);
    rn_bytes_done(&server->roots);
    rn_bytes_done(&server->published);
    rn_bytes_done(&server->top);
    rn_bytes_done(&server->out);
    rn_lsp_frames_done(&server->frames);
    close(server->done_fd);
    return true;
}
