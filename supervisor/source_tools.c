/* source_tools.c: what a compiler can say about sources besides building them. */
#include <runeward/source.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "supervisor/build_talk.h"
#include "supervisor/error.h"
#include "supervisor/remote.h"
#include "supervisor/sources.h"
#include "supervisor/supervisor.h"
#include "supervisor/text.h"

#define INDENT_MAX 16u

/* Name and text of the root source one behind the other; *out_size: of the name. */
static enum rn_error make_body(const rune_sources *sources, struct rn_buf *body, uint32_t *out_size)
{
    const struct rn_source_text *root = &sources->texts[0];
    rn_buf_append_text(body, root->name);
    *out_size = (uint32_t)body->size;
    rn_buf_append(body, root->text, root->size);
    return rn_buf_status(body);
}

static enum rn_error make_format(const rune_sources *sources, const rune_options *options,
                                 struct rn_buf *body, struct rn_message *out_message)
{
    uint32_t name_size;
    RN_TRY(make_body(sources, body, &name_size));
    *out_message = (struct rn_message){
        .type = RN_MESSAGE_FORMAT,
        .body = body->data,
        .body_size = body->size,
        .as.FORMAT = {.name_size = name_size,
                      .indent = options ? options->indent : RN_INDENT_DEFAULT,
                      .bare_end = options && options->bare_end,
                      .memory_max = rn_build_memory_max(options)},
    };
    return RN_OK;
}

static enum rn_error make_outline(const rune_sources *sources, const rune_options *options,
                                  struct rn_buf *body, struct rn_message *out_message)
{
    uint32_t name_size;
    RN_TRY(make_body(sources, body, &name_size));
    *out_message = (struct rn_message){
        .type = RN_MESSAGE_OUTLINE,
        .body = body->data,
        .body_size = body->size,
        .as.OUTLINE = {.script = options && options->script,
                       .name_size = name_size,
                       .memory_max = rn_build_memory_max(options)},
    };
    return RN_OK;
}

static enum rn_error make_names(const rune_sources *sources, const rune_options *options,
                                struct rn_buf *body, struct rn_message *out_message)
{
    uint32_t name_size;
    RN_TRY(make_body(sources, body, &name_size));
    *out_message = (struct rn_message){
        .type = RN_MESSAGE_NAMES,
        .body = body->data,
        .body_size = body->size,
        .as.NAMES = {.script = options && options->script,
                     .name_size = name_size,
                     .memory_max = rn_build_memory_max(options)},
    };
    return RN_OK;
}

static rune_status take_text(const struct rn_build_part *part, rune_text **out_text,
                             rune_error **error)
{
    if (!part->whole) {
        return rn_build_talk_fail_missing(error);
    }
    enum rn_error failed = rn_text_copy(part->bytes, part->size, out_text);
    if (failed == RN_E_MESSAGE_INVALID) {
        return rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                              "the compiler sent a text that is none");
    }
    return failed == RN_OK ? RUNE_OK : rn_fail_plain(error, failed);
}

/* What is asked of a compiler, and which part the answer is. */
struct question {
    enum rn_error (*make)(const rune_sources *sources, const rune_options *options,
                          struct rn_buf *body, struct rn_message *out_message);
    enum rn_build_part_kind answer;
    uint32_t wanted; /* besides answer and diagnostics */
};

static rune_status converse(struct rn_build_talk *talk, const struct question *question,
                            const struct rn_build_request *request, rune_error **error)
{
    struct rn_message message;
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    talk->wanted = 1u << question->answer | 1u << RN_BUILD_DIAGNOSTICS | question->wanted;
    enum rn_error failed = question->make(talk->sources, request->options, &body, &message);
    return failed == RN_OK ? rn_build_talk_run(talk, &message, request->diagnostics, error)
                           : rn_fail_plain(error, failed);
}

static rune_status ask_compiler(rune_supervisor *supervisor, const struct question *question,
                                const struct rn_build_request *request, rune_text **out_text,
                                rune_error **error)
{
    struct rn_build_talk talk;
    rune_status status =
        rn_build_talk_begin(&talk, supervisor, request->sources, request->options, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = converse(&talk, question, request, error);
    if (status == RUNE_OK) {
        status = take_text(&talk.parts[question->answer], out_text, error);
    }
    rn_build_talk_done(&talk);
    return status;
}

static rune_status ask(rune_supervisor *supervisor, const struct question *question,
                       const struct rn_build_request *request, rune_text **out_text,
                       rune_error **error)
{
    rune_status status = rn_build_prepare(supervisor, request, error);
    if (status != RUNE_OK) {
        return status;
    }
    return supervisor->remote ? rn_remote_text(supervisor->remote, request, out_text, error)
                              : ask_compiler(supervisor, question, request, out_text, error);
}

rune_status rune_format(rune_supervisor *supervisor, const rune_sources *sources,
                        const rune_options *options, rune_diagnostics *diagnostics,
                        rune_text **out_text, rune_error **error)
{
    static const struct question question = {make_format, RN_BUILD_FORMATTED, 0};
    struct rn_build_request request = {.kind = RN_BUILD_KIND_FORMAT,
                                       .sources = sources,
                                       .options = options,
                                       .diagnostics = diagnostics};
    if (options && options->indent > INDENT_MAX) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a level is indented by at most 16 columns");
    }
    return ask(supervisor, &question, &request, out_text, error);
}

rune_status rune_outline(rune_supervisor *supervisor, const rune_sources *sources,
                         const rune_options *options, rune_diagnostics *diagnostics,
                         rune_text **out_text, rune_error **error)
{
    static const struct question question = {make_outline, RN_BUILD_OUTLINED, 1u << RN_BUILD_NEED};
    struct rn_build_request request = {.kind = RN_BUILD_KIND_OUTLINE,
                                       .sources = sources,
                                       .options = options,
                                       .diagnostics = diagnostics};
    return ask(supervisor, &question, &request, out_text, error);
}

rune_status rune_names(rune_supervisor *supervisor, const rune_sources *sources,
                       const rune_options *options, rune_diagnostics *diagnostics,
                       rune_text **out_text, rune_error **error)
{
    static const struct question question = {make_names, RN_BUILD_NAMED, 1u << RN_BUILD_NEED};
    struct rn_build_request request = {.kind = RN_BUILD_KIND_NAMES,
                                       .sources = sources,
                                       .options = options,
                                       .diagnostics = diagnostics};
    return ask(supervisor, &question, &request, out_text, error);
}
