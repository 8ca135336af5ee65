/*
 * remote_ask.c: one question to a daemon, and its answer; of a build also the modules that it needs meanwhile.
 *
 * A question that nobody wants the answer of any more is handed to the thread that receives: there its modules are
 * refused, and what it made in the daemon is dropped. Trust: see remote.h.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "supervisor/error.h"
#include "supervisor/inputs.h"
#include "supervisor/remote_state.h"
#include "supervisor/wire.h"

/* What is out: somebody's who waits, or, once he has given it up, the receiving thread's. */
struct asked {
    struct rn_remote_request request; /* first */
    struct rn_remote *remote;
    bool is_context;
};

/* Answers a module that the daemon's compiler needs. */
static void send_module(struct rn_remote *remote, const struct rn_build_request *request,
                        uint64_t id, const char *item)
{
    RN_AUTO(rn_buf) struct rn_buf body;
    size_t name_size;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    enum rn_error found =
        rn_inputs_answer(request->inputs, request->sources, item, &body, &name_size);
    if (found == RN_OK && !rn_utf8_valid(body.data, name_size, NULL)) {
        rn_buf_clear(&body);
        name_size = 0;
        found = RN_E_INVALID_UTF8; // the name of its file
    }
    struct rn_message message = {
        .type = RN_MESSAGE_CLIENT_MODULE,
        .call = id,
        .body = body.data,
        .body_size = body.size,
        .as.CLIENT_MODULE = {.status = (uint32_t) - (int)found, .name_size = (uint32_t)name_size}};
    rn_remote_tell(remote, &message);
}

static void refuse_module(struct rn_remote *remote, uint64_t id)
{
    struct rn_message message = {.type = RN_MESSAGE_CLIENT_MODULE,
                                 .call = id,
                                 .as.CLIENT_MODULE = {.status = (uint32_t)-RN_E_CANCELLED}};
    rn_remote_tell(remote, &message);
}

/* The three below are for what was given up: it is to end soon, and to leave nothing there. */

static bool refuse_modules(struct rn_remote_request *request)
{
    struct asked *asked = (struct asked *)request;
    struct rn_remote_event *event;
    while ((event = rn_remote_take_event(asked->remote, request)) != NULL) {
        if (event->type == RN_MESSAGE_DAEMON_NEED) {
            refuse_module(asked->remote, request->id);
        }
        rn_remote_event_free(event);
    }
    return true;
}

static void drop_answer(struct rn_remote_request *request)
{
    struct asked *asked = (struct asked *)request;
    const struct rn_fields_DAEMON_ANSWER *fields = &request->answer.fields;
    if (!request->lost && fields->status == 0) {
        uint32_t number = (uint32_t)fields->value;
        rn_remote_leave(asked->remote, asked->is_context ? 0 : number,
                        asked->is_context ? number : 0);
    }
    rn_remote_request_done(request);
    rn_free(asked);
}

/* Acts on what comes until the end, or until nobody wants it any more; then it is not the caller's: false. */
static bool await(struct asked *asked, const struct rn_build_request *build)
{
    struct rn_remote *remote = asked->remote;
    struct rn_remote_request *request = &asked->request;
    bool given_up;
    do {
        struct rn_remote_event *event;
        while ((event = rn_remote_wait(remote, request)) != NULL) {
            bool is_need = event->type == RN_MESSAGE_DAEMON_NEED;
            if (is_need && build && !(request->stop && atomic_load(request->stop))) {
                send_module(remote, build, request->id, (const char *)event->data);
            } else if (is_need) {
                refuse_module(remote, request->id);
            }
            rn_remote_event_free(event);
        }
        given_up = rn_remote_abandon(remote, request, refuse_modules, drop_answer);
    } while (!given_up && !rn_remote_is_done(remote, request));
    return !given_up;
}

rune_status rn_remote_converse(struct rn_remote *remote, const struct rn_build_request *build,
                               struct rn_message *message, struct rn_remote_answer *out_answer,
                               rune_error **error)
{
    rune_status status = rn_remote_may_wait(remote, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct asked *asked = rn_alloc(sizeof(*asked));
    if (!asked) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    rn_remote_request_init(&asked->request);
    asked->request.stop = build ? build->stop : NULL;
    asked->remote = remote;
    asked->is_context = message->type == RN_MESSAGE_CLIENT_CONTEXT;
    if (rn_remote_begin(remote, &asked->request, message) != RN_OK) {
        status = rn_remote_fail(remote, error);
    } else if (!await(asked, build)) {
        return rn_fail_plain(error, RN_E_CANCELLED);
    } else if (asked->request.lost) {
        status = rn_remote_fail(remote, error);
    } else {
        *out_answer = asked->request.answer;
        asked->request.answer.body = NULL;
    }
    rn_remote_request_done(&asked->request);
    rn_free(asked);
    return status;
}

rune_status rn_remote_read_answer(const struct rn_remote_answer *answer, rune_error **error)
{
    uint32_t status = answer->fields.status;
    rune_error *why = NULL;
    struct rn_cursor cursor;
    if (status == 0) {
        return RUNE_OK;
    }
    rn_cursor_init(&cursor, answer->body, answer->size);
    (void)rn_cursor_bytes(&cursor, answer->fields.said_size);
    if (rn_wire_get_error(&cursor, &why) != RN_OK || status > 1000) {
        return rn_fail(error, RUNE_E_MESSAGE_INVALID, "the daemon sent an error that is none");
    }
    if (error) {
        *error = why;
    } else {
        rune_error_free(why);
    }
    return (rune_status) - (int)status;
}

rune_status rn_remote_ask(struct rn_remote *remote, struct rn_message *message,
                          struct rn_remote_answer *out_answer, rune_error **error)
{
    struct rn_remote_answer answer = {.body = NULL};
    rune_status status = rn_remote_converse(remote, NULL, message, &answer, error);
    if (status == RUNE_OK) {
        status = rn_remote_read_answer(&answer, error);
    }
    if (status == RUNE_OK) {
        *out_answer = answer;
    } else {
        rn_free(answer.body);
    }
    return status;
}
