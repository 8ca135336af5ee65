/* source_tools.c: what a compiler can say about sources besides building them. */
#include <runeward/source.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "supervisor/build_talk.h"
#include "supervisor/error.h"
#include "supervisor/sources.h"
#include "supervisor/text.h"

#define INDENT_MAX 16u

static enum rn_error make_format(const rune_sources *sources, const rune_options *options,
                                 struct rn_buf *body, struct rn_message *out_message)
{
    const struct rn_source_text *root = &sources->texts[0];
    rn_buf_append_text(body, root->name);
    uint32_t name_size = (uint32_t)body->size;
    rn_buf_append(body, root->text, root->size);
    RN_TRY(rn_buf_status(body));
    *out_message = (struct rn_message){
        .type = RN_MESSAGE_FORMAT,
        .body = body->data,
        .body_size = body->size,
        .as.FORMAT = {.name_size = name_size,
                      .indent = options ? options->indent : 4,
                      .bare_end = options && options->bare_end,
                      .memory_max = rn_build_memory_max(options)},
    };
    return RN_OK;
}

/* The text that came back. */
static rune_status take_text(const struct rn_build_talk *talk, rune_text **out_text,
                             rune_error **error)
{
    const struct rn_build_part *part = &talk->parts[RN_BUILD_TEXT];
    if (!part->whole) {
        return rn_build_talk_fail_missing(error);
    }
    rune_text *text = rune_text_new((const char *)part->bytes, part->size);
    if (!text) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    *out_text = text;
    return RUNE_OK;
}

rune_status rune_format(rune_supervisor *supervisor, const rune_sources *sources,
                        const rune_options *options, rune_diagnostics *diagnostics,
                        rune_text **out_text, rune_error **error)
{
    struct rn_build_talk talk;
    struct rn_message request;
    if (options && options->indent > INDENT_MAX) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "a level is indented by at most 16 columns");
    }
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    rune_status status = rn_build_talk_begin(&talk, supervisor, sources, options, error);
    if (status != RUNE_OK) {
        return status;
    }
    talk.wanted = 1u << RN_BUILD_TEXT | 1u << RN_BUILD_DIAGNOSTICS;
    enum rn_error failed = make_format(sources, options, &body, &request);
    status = failed == RN_OK ? rn_build_talk_run(&talk, &request, diagnostics, error)
                             : rn_fail_plain(error, failed);
    if (status == RUNE_OK) {
        status = take_text(&talk, out_text, error);
    }
    rn_build_talk_done(&talk);
    return status;
}
