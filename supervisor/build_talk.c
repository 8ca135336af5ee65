/*
 * build_talk.c: the talk with one compiler.
 *
 * Trust: reads packets from compilers, each decoded once; sizes are checked before memory is taken.
 */
#include "supervisor/build_talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "shm/transport.h"
#include "supervisor/clock.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/sources.h"
#include "supervisor/supervisor.h"

#define WALL_DEFAULT_NS UINT64_C(10000000000)

uint64_t rn_build_memory_max(const rune_options *options)
{
    return options && options->memory_max > 0 ? options->memory_max : RN_COMPILER_MEMORY_DEFAULT;
}

/* ---- Begin and end ---- */

rune_status rn_build_talk_begin(struct rn_build_talk *talk, rune_supervisor *supervisor,
                                const rune_sources *sources, const rune_options *options,
                                rune_error **error)
{
    uint64_t wall_ns = options && options->wall_ns > 0 ? options->wall_ns : WALL_DEFAULT_NS;
    *talk =
        (struct rn_build_talk){.sources = sources, .until_ns = rn_after_ns(rn_now_ns(), wall_ns)};
    return rn_compiler_take(supervisor, &talk->compiler, error);
}

void rn_build_talk_done(struct rn_build_talk *talk)
{
    for (unsigned i = 0; i < RN_BUILD_PART_COUNT; i++) {
        rn_free(talk->parts[i].bytes);
    }
    rn_compiler_free(talk->compiler);
}

/* ---- Sending ---- */

/* Waits for the socket until the build's deadline. */
static enum rn_error wait_for(const struct rn_build_talk *talk, short events)
{
    for (;;) {
        uint64_t now = rn_now_ns();
        if (now >= talk->until_ns) {
            return RN_E_TIMED_OUT;
        }
        uint64_t left = talk->until_ns - now;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                                   .tv_nsec = (long)(left % 1000000000u)};
        struct pollfd polled = {.fd = talk->compiler->fd, .events = events};
        int ready = ppoll(&polled, 1, &timeout, NULL);
        if (ready > 0) {
            return RN_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return RN_E_SYSTEM;
        }
    }
}

static enum rn_error send_message(struct rn_build_talk *talk, const struct rn_message *message)
{
    struct rn_compiler *compiler = talk->compiler;
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    for (;;) {
        size_t size = rn_outgoing_packet(&outgoing, compiler->sequence_out, compiler->packet);
        enum rn_error error =
            rn_transport_send(compiler->fd, compiler->packet, size, RN_WAIT_NEVER);
        if (error == RN_E_WOULD_BLOCK) {
            RN_TRY(wait_for(talk, POLLOUT));
            continue;
        }
        RN_TRY(error);
        compiler->sequence_out++;
        if (rn_outgoing_sent(&outgoing)) {
            return RN_OK;
        }
    }
}

/* Answers NEED. */
static enum rn_error send_module(struct rn_build_talk *talk, const char *item)
{
    RN_AUTO(rn_buf) struct rn_buf body;
    size_t name_size;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    enum rn_error found = rn_inputs_answer(talk->inputs, talk->sources, item, &body, &name_size);
    struct rn_message message = {
        .type = RN_MESSAGE_MODULE,
        .body = body.data,
        .body_size = body.size,
        .as.MODULE = {.status = (uint32_t) - (int)found, .name_size = (uint32_t)name_size},
    };
    return send_message(talk, &message);
}

/* ---- Receiving ---- */

/* Adds a packet to its part; the size is known to be within the message's maximum. */
static enum rn_error add_part(struct rn_build_part *part, const struct rn_message *message)
{
    if (message->first) {
        if (part->open || part->whole) {
            return RN_E_MESSAGE_STATE;
        }
        part->bytes = rn_alloc((size_t)message->body_total + 1);
        if (!part->bytes) {
            return RN_E_NO_MEMORY;
        }
        part->total = message->body_total;
        part->open = true;
    }
    if (!part->open || message->body_size > part->total - part->size ||
        message->last != (message->body_size == part->total - part->size)) {
        return RN_E_MESSAGE_STATE;
    }
    if (message->body_size > 0) {
        memcpy(part->bytes + part->size, message->body, message->body_size);
        part->size += message->body_size;
    }
    part->open = !message->last;
    part->whole = message->last;
    return RN_OK;
}

static enum rn_error handle_need(struct rn_build_talk *talk, const struct rn_message *message)
{
    // A compiler asks for no more modules than a build may have (compiler/main.c).
    if (message->first && talk->modules++ >= RN_SOURCES_MAX) {
        return RN_E_MESSAGE_STATE;
    }
    RN_TRY(add_part(&talk->parts[RN_BUILD_NEED], message));
    if (!talk->parts[RN_BUILD_NEED].whole) {
        return RN_OK;
    }
    // With the zero byte behind it; one inside cuts the path short, which then is not found.
    enum rn_error error = send_module(talk, (const char *)talk->parts[RN_BUILD_NEED].bytes);
    rn_free(talk->parts[RN_BUILD_NEED].bytes);
    talk->parts[RN_BUILD_NEED] = (struct rn_build_part){.bytes = NULL};
    return error;
}

/* The part that a message belongs to; false if this talk has no such message. */
static bool find_part(struct rn_build_talk *talk, enum rn_message_type type,
                      struct rn_build_part **out_part)
{
    static const struct {
        enum rn_message_type type;
        enum rn_build_part_kind kind;
    } rows[] = {
        {RN_MESSAGE_IMAGE, RN_BUILD_IMAGE},
        {RN_MESSAGE_DEBUG, RN_BUILD_DEBUG},
        {RN_MESSAGE_DIAGNOSTICS, RN_BUILD_DIAGNOSTICS},
        {RN_MESSAGE_FORMATTED, RN_BUILD_FORMATTED},
        {RN_MESSAGE_OUTLINED, RN_BUILD_OUTLINED},
        {RN_MESSAGE_NAMED, RN_BUILD_NAMED},
    };
    for (size_t i = 0; i < RN_COUNT_OF(rows); i++) {
        if (rows[i].type == type && (talk->wanted & 1u << rows[i].kind) != 0) {
            *out_part = &talk->parts[rows[i].kind];
            return true;
        }
    }
    return false;
}

static bool is_between(const struct rn_build_talk *talk)
{
    for (unsigned i = 0; i < RN_BUILD_PART_COUNT; i++) {
        if (talk->parts[i].open) {
            return true;
        }
    }
    return false;
}

static enum rn_error handle(struct rn_build_talk *talk, const struct rn_message *message)
{
    struct rn_build_part *part;
    if (message->first && is_between(talk)) {
        return RN_E_MESSAGE_STATE;
    }
    if (message->type == RN_MESSAGE_NEED && (talk->wanted & 1u << RN_BUILD_NEED) != 0) {
        return handle_need(talk, message);
    }
    if (message->type == RN_MESSAGE_BUILT) {
        talk->status = message->as.BUILT.status;
        talk->built = true;
        return RN_OK;
    }
    return find_part(talk, message->type, &part) ? add_part(part, message) : RN_E_MESSAGE_STATE;
}

static enum rn_error receive(struct rn_build_talk *talk)
{
    struct rn_compiler *compiler = talk->compiler;
    struct rn_wire_message wire = {.bytes = compiler->packet};
    struct rn_message message;
    enum rn_error error =
        rn_transport_receive(compiler->fd, compiler->packet, RN_WAIT_NEVER, &wire.size);
    if (error == RN_E_WOULD_BLOCK) {
        return wait_for(talk, POLLIN);
    }
    // A packet that is larger than any is the compiler's fault, not the caller's.
    RN_TRY(error == RN_E_TOO_LARGE ? RN_E_MESSAGE_INVALID : error);
    RN_TRY(rn_message_decode(wire, RN_FROM_COMPILER, &message));
    if (message.sequence != compiler->sequence_in || message.call != 0) {
        return RN_E_MESSAGE_STATE;
    }
    compiler->sequence_in++;
    return handle(talk, &message);
}

static enum rn_error converse(struct rn_build_talk *talk, const struct rn_message *request)
{
    RN_TRY(send_message(talk, request));
    // A compiler that never lets the socket run dry has no more time than another.
    while (!talk->built) {
        RN_TRY(rn_now_ns() >= talk->until_ns ? RN_E_TIMED_OUT : receive(talk));
    }
    return RN_OK;
}

/* ---- Results ---- */

/* Why the talk ended without BUILT. */
static rune_status fail_talk(struct rn_build_talk *talk, enum rn_error failed, rune_error **error)
{
    struct rn_child_exit exit;
    if (failed == RN_E_TIMED_OUT) {
        return rn_fail_reason(error, RUNE_E_LIMIT, RUNE_REASON_WALL, "wall",
                              "the build took longer than it may");
    }
    if (failed != RN_E_CLOSED) {
        bool own = failed == RN_E_NO_MEMORY || failed == RN_E_SYSTEM || failed == RN_E_TOO_LARGE;
        return own ? rn_fail_plain(error, failed)
                   : rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                                    "the compiler sent a message that is not permitted");
    }
    if (rn_compiler_exit(talk->compiler, &exit) && exit.signalled) {
        if (exit.code == 31) { // SIGSYS
            return rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "seccomp",
                                  "the compiler tried a forbidden system call");
        }
        const char *name = sigabbrev_np(exit.code);
        rune_status status = rn_fail_reason(error, RUNE_E_CRASHED, RUNE_REASON_CRASHED, "signal",
                                            "the compiler died of SIG%s", name ? name : "?");
        if (error && *error) {
            (*error)->signal = exit.code;
            (*error)->retry_safe = true;
        }
        return status;
    }
    return rn_fail_reason(error, RUNE_E_WORKER_LOST, RUNE_REASON_WORKER_LOST, "compiler_lost",
                          "the compiler ended before the build did");
}

/* What BUILT said. A compiler knows three failures; whoever claims another is none of ours. */
static rune_status fail_status(const struct rn_build_talk *talk, rune_error **error)
{
    switch (talk->status) {
    case -RN_E_NO_MEMORY:
        return rn_fail_reason(error, RUNE_E_LIMIT, RUNE_REASON_FAILED, "build_memory",
                              "the build needs more memory than it may have");
    case -RN_E_COMPILE_FAILED:
        return rn_fail_plain(error, RN_E_COMPILE_FAILED);
    case -RN_E_TOO_LARGE:
        return rn_fail_plain(error, RN_E_TOO_LARGE);
    default:
        return rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                              "the compiler claimed a failure that no compiler has");
    }
}

rune_status rn_build_talk_run(struct rn_build_talk *talk, const struct rn_message *request,
                              rune_diagnostics *diagnostics, rune_error **error)
{
    const struct rn_build_part *said = &talk->parts[RN_BUILD_DIAGNOSTICS];
    enum rn_error failed = RN_OK;
    if (diagnostics) {
        failed = rn_diagnostics_replace(diagnostics, NULL, 0);
    }
    if (failed == RN_OK) {
        failed = converse(talk, request);
    }
    if (failed == RN_OK && diagnostics && said->whole) {
        failed = rn_diagnostics_replace(diagnostics, said->bytes, said->size);
    }
    if (failed != RN_OK) {
        return fail_talk(talk, failed, error);
    }
    return talk->status == 0 ? RUNE_OK : fail_status(talk, error);
}

rune_status rn_build_talk_fail_missing(rune_error **error)
{
    return rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                          "the compiler reported success without a result");
}
