/*
 * build.c: from sources to a Unit: the talk with one compiler.
 *
 *      BUILD ──► (NEED ──► MODULE)* ──► DIAGNOSTICS, IMAGE, DEBUG ──► BUILT ──► publish
 *
 * With a cache there is no talk if the result is kept already (cache.h).
 *
 * Trust: reads packets from compilers, each decoded once; sizes are checked before memory is taken;
 * the image is sealed and verified before it is anything.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "bytecode/context.h"
#include "shm/transport.h"
#include "supervisor/build.h"
#include "supervisor/build_peer.h"
#include "supervisor/cache.h"
#include "supervisor/clock.h"
#include "supervisor/context.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/sources.h"
#include "supervisor/statics.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

#define WALL_DEFAULT_NS UINT64_C(10000000000)
#define MODULES_MAX 4096u
#define CACHE_BYTES_DEFAULT (UINT64_C(256) << 20)

rune_options *rune_options_new(void)
{
    return rn_alloc(sizeof(struct rune_options));
}

void rune_options_set_script(rune_options *options, bool script)
{
    options->script = script;
}

void rune_options_set_memory_max(rune_options *options, uint64_t bytes)
{
    options->memory_max = bytes;
}

void rune_options_set_wall(rune_options *options, uint64_t wall_ns)
{
    options->wall_ns = wall_ns;
}

void rune_options_set_statics(rune_options *options, const rune_statics *statics)
{
    options->statics = statics;
}

static bool set_text(char **text, const char *value)
{
    char *copy = rn_strndup(value, strlen(value));
    if (!copy) {
        return false;
    }
    rn_free(*text);
    *text = copy;
    return true;
}

rune_status rune_options_set_domain(rune_options *options, const char *domain)
{
    return set_text(&options->domain, domain) ? RUNE_OK : RUNE_E_NO_MEMORY;
}

rune_status rune_options_set_cache(rune_options *options, const char *directory, uint64_t bytes_max)
{
    options->cache_bytes_max = bytes_max > 0 ? bytes_max : CACHE_BYTES_DEFAULT;
    return set_text(&options->cache_directory, directory) ? RUNE_OK : RUNE_E_NO_MEMORY;
}

rune_options *rn_options_copy(const rune_options *options)
{
    rune_options *copy = rune_options_new();
    if (!copy || !options) {
        return copy;
    }
    copy->script = options->script;
    copy->statics = options->statics;
    copy->memory_max = options->memory_max;
    copy->wall_ns = options->wall_ns;
    if ((options->domain && rune_options_set_domain(copy, options->domain) != RUNE_OK) ||
        (options->cache_directory && rune_options_set_cache(copy, options->cache_directory,
                                                            options->cache_bytes_max) != RUNE_OK)) {
        rune_options_free(copy);
        return NULL;
    }
    return copy;
}

void rune_options_free(rune_options *options)
{
    if (options) {
        rn_free(options->domain);
        rn_free(options->cache_directory);
        rn_free(options);
    }
}

/* One part of what comes back. */
struct part {
    uint8_t *bytes;
    size_t size;
    size_t total;
    bool open;
    bool whole;
};

struct build {
    struct rn_compiler *compiler;
    const rune_sources *sources;
    struct rn_inputs *inputs;
    uint64_t until_ns;
    struct part image;
    struct part debug;
    struct part diagnostics;
    struct part need;
    uint32_t modules;
    uint32_t status; /* of BUILT */
    bool built;
};

static void build_done(struct build *build)
{
    rn_free(build->image.bytes);
    rn_free(build->debug.bytes);
    rn_free(build->diagnostics.bytes);
    rn_free(build->need.bytes);
    rn_compiler_free(build->compiler);
}

/* Waits for the socket until the build's deadline. */
static enum rn_error wait_for(const struct build *build, short events)
{
    for (;;) {
        uint64_t now = rn_now_ns();
        if (now >= build->until_ns) {
            return RN_E_TIMED_OUT;
        }
        uint64_t left = build->until_ns - now;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                                   .tv_nsec = (long)(left % 1000000000u)};
        struct pollfd polled = {.fd = build->compiler->fd, .events = events};
        int ready = ppoll(&polled, 1, &timeout, NULL);
        if (ready > 0) {
            return RN_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return RN_E_SYSTEM;
        }
    }
}

static enum rn_error send_message(struct build *build, const struct rn_message *message)
{
    struct rn_compiler *compiler = build->compiler;
    struct rn_outgoing outgoing;
    rn_outgoing_init(&outgoing, message);
    for (;;) {
        size_t size = rn_outgoing_packet(&outgoing, compiler->sequence_out, compiler->packet);
        enum rn_error error =
            rn_transport_send(compiler->fd, compiler->packet, size, RN_WAIT_NEVER);
        if (error == RN_E_WOULD_BLOCK) {
            RN_TRY(wait_for(build, POLLOUT));
            continue;
        }
        RN_TRY(error);
        compiler->sequence_out++;
        if (rn_outgoing_sent(&outgoing)) {
            return RN_OK;
        }
    }
}

static enum rn_error send_build(struct build *build, const rune_context *context,
                                const rune_options *options)
{
    const struct rn_source_text *root = &build->sources->texts[0];
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    rn_buf_append_text(&body, root->name);
    size_t name_size = body.size;
    RN_TRY(rn_statics_append(options ? options->statics : NULL, context, &body));
    size_t context_size = body.size - name_size;
    rn_buf_append(&body, root->text, root->size);
    RN_TRY(rn_buf_status(&body));
    uint64_t memory_max =
        options && options->memory_max > 0 ? options->memory_max : RN_COMPILER_MEMORY_DEFAULT;
    struct rn_message message = {
        .type = RN_MESSAGE_BUILD,
        .body = body.data,
        .body_size = body.size,
        .as.BUILD = {.script = options && options->script,
                     .name_size = (uint32_t)name_size,
                     .context_size = (uint32_t)context_size,
                     .memory_max = memory_max},
    };
    return send_message(build, &message);
}

/* Answers NEED. */
static enum rn_error send_module(struct build *build, const char *item)
{
    struct rune_loaded loaded = {.name = NULL};
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    enum rn_error found = build->modules++ < MODULES_MAX
                              ? rn_sources_find(build->sources, item, &loaded)
                              : RN_E_TOO_LARGE;
    size_t name_size = 0;
    rn_inputs_add(build->inputs, item, found, &loaded);
    if (found == RN_OK) {
        rn_buf_append_text(&body, loaded.name);
        name_size = body.size;
        rn_buf_append(&body, loaded.text, loaded.size);
        found = rn_buf_status(&body);
    }
    rn_loaded_done(&loaded);
    if (found != RN_OK) {
        body.size = 0;
    }
    struct rn_message message = {
        .type = RN_MESSAGE_MODULE,
        .body = body.data,
        .body_size = body.size,
        .as.MODULE = {.status = (uint32_t) - (int)found, .name_size = (uint32_t)name_size},
    };
    return send_message(build, &message);
}

/* Adds a packet to its part; the size is known to be within the message's maximum. */
static enum rn_error add_part(struct part *part, const struct rn_message *message)
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

static enum rn_error handle_need(struct build *build, const struct rn_message *message)
{
    RN_TRY(add_part(&build->need, message));
    if (!build->need.whole) {
        return RN_OK;
    }
    // With the zero byte behind it; one inside cuts the path short, which then is not found.
    enum rn_error error = send_module(build, (const char *)build->need.bytes);
    rn_free(build->need.bytes);
    build->need = (struct part){.bytes = NULL};
    return error;
}

static enum rn_error handle(struct build *build, const struct rn_message *message)
{
    bool between =
        build->need.open || build->image.open || build->debug.open || build->diagnostics.open;
    if (message->first && between) {
        return RN_E_MESSAGE_STATE;
    }
    switch ((uint32_t)message->type) {
    case RN_MESSAGE_NEED:
        return handle_need(build, message);
    case RN_MESSAGE_IMAGE:
        return add_part(&build->image, message);
    case RN_MESSAGE_DEBUG:
        return add_part(&build->debug, message);
    case RN_MESSAGE_DIAGNOSTICS:
        return add_part(&build->diagnostics, message);
    case RN_MESSAGE_BUILT:
        build->status = message->as.BUILT.status;
        build->built = true;
        return RN_OK;
    default:
        return RN_E_MESSAGE_STATE;
    }
}

static enum rn_error receive(struct build *build)
{
    struct rn_compiler *compiler = build->compiler;
    struct rn_wire_message wire = {.bytes = compiler->packet};
    struct rn_message message;
    enum rn_error error =
        rn_transport_receive(compiler->fd, compiler->packet, RN_WAIT_NEVER, &wire.size);
    if (error == RN_E_WOULD_BLOCK) {
        return wait_for(build, POLLIN);
    }
    RN_TRY(error);
    RN_TRY(rn_message_decode(wire, RN_FROM_COMPILER, &message));
    if (message.sequence != compiler->sequence_in) {
        return RN_E_MESSAGE_STATE;
    }
    compiler->sequence_in++;
    return handle(build, &message);
}

static enum rn_error converse(struct build *build, const rune_context *context,
                              const rune_options *options)
{
    RN_TRY(send_build(build, context, options));
    while (!build->built) {
        RN_TRY(receive(build));
    }
    return RN_OK;
}

/* Why the talk ended without BUILT. */
static rune_status fail_talk(struct build *build, enum rn_error failed, rune_error **error)
{
    struct rn_child_exit exit;
    if (failed == RN_E_TIMED_OUT) {
        return rn_fail_reason(error, RUNE_E_LIMIT, RUNE_REASON_WALL, "wall",
                              "the build took longer than it may");
    }
    if (failed != RN_E_CLOSED) {
        if (failed == RN_E_INVALID_ARGUMENT) {
            return rn_fail(
                error, RUNE_E_INVALID_ARGUMENT,
                "a static that the host declares has the path of an item of the context");
        }
        bool own = failed == RN_E_NO_MEMORY || failed == RN_E_SYSTEM || failed == RN_E_TOO_LARGE;
        return own ? rn_fail_plain(error, failed)
                   : rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                                    "the compiler sent a message that is not permitted");
    }
    if (rn_compiler_exit(build->compiler, &exit) && exit.signalled) {
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

static rune_status finish(struct build *build, rune_unit **out_unit, rune_error **error)
{
    if (build->status != 0) {
        enum rn_error failed =
            build->status <= 1000 ? (enum rn_error) - (int)build->status : RN_E_INTERNAL;
        if (failed == RN_E_NO_MEMORY) {
            return rn_fail_reason(error, RUNE_E_LIMIT, RUNE_REASON_FAILED, "build_memory",
                                  "the build needs more memory than it may have");
        }
        return rn_fail_plain(error, failed);
    }
    if (!build->image.whole || !build->debug.whole) {
        return rn_fail_reason(error, RUNE_E_VIOLATION, RUNE_REASON_VIOLATION, "protocol",
                              "the compiler reported success without an image");
    }
    return rn_unit_publish(build->image.bytes, build->image.size, RN_TAKE(build->debug.bytes),
                           build->debug.size, false, out_unit, error);
}

static rune_status run(struct build *build, const struct rn_build_request *request,
                       rune_unit **out_unit, rune_error **error)
{
    enum rn_error failed = converse(build, request->context, request->options);
    if (failed != RN_OK) {
        return fail_talk(build, failed, error);
    }
    if (request->diagnostics && build->diagnostics.whole) {
        failed = rn_diagnostics_replace(request->diagnostics, build->diagnostics.bytes,
                                        build->diagnostics.size);
        if (failed != RN_OK) {
            return fail_talk(build, failed, error);
        }
    }
    return finish(build, out_unit, error);
}

/* By a compiler; kept in `cache` (may be NULL) if it is good. */
static rune_status compile(rune_supervisor *supervisor, const struct rn_build_request *request,
                           const struct rn_cache *cache, rune_unit **out_unit, rune_error **error)
{
    const rune_options *options = request->options;
    uint64_t wall_ns = options && options->wall_ns > 0 ? options->wall_ns : WALL_DEFAULT_NS;
    struct build build = {.sources = request->sources,
                          .inputs = request->inputs,
                          .until_ns = rn_after_ns(rn_now_ns(), wall_ns)};
    rune_status status = rn_compiler_take(supervisor, &build.compiler, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = run(&build, request, out_unit, error);
    if (status == RUNE_OK && cache) {
        rn_cache_store(cache, request->inputs, build.diagnostics.bytes, build.diagnostics.size,
                       *out_unit);
    }
    build_done(&build);
    return status;
}

static rune_status fail_cache(rune_error **error, const char *directory, enum rn_error failed)
{
    if (failed == RN_E_DENIED) {
        return rn_fail(error, RUNE_E_DENIED,
                       "%s: a cache must be a folder of this user that nobody else may write to",
                       directory);
    }
    return rn_fail(error, (rune_status)failed, "%s: %s", directory,
                   failed == RN_E_SYSTEM ? strerrordesc_np(errno) : rn_error_message(failed));
}

static rune_status build_cached(rune_supervisor *supervisor, const struct rn_build_request *request,
                                rune_unit **out_unit, rune_error **error)
{
    const char *directory = request->options->cache_directory;
    uint8_t compiler[RN_DIGEST_SIZE];
    RN_AUTO(rn_cache) struct rn_cache cache = {.directory_fd = -1};
    enum rn_error failed = rn_supervisor_compiler_digest(supervisor, compiler);
    if (failed == RN_OK) {
        failed = rn_cache_open(&cache, request, compiler);
    }
    if (failed != RN_OK) {
        return fail_cache(error, directory, failed);
    }
    if (rn_cache_find(&cache, request, request->inputs, out_unit)) {
        return RUNE_OK;
    }
    rn_inputs_done(request->inputs);
    return compile(supervisor, request, &cache, out_unit, error);
}

rune_status rn_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                     rune_unit **out_unit, rune_error **error)
{
    if (rn_supervisor_is_forked(supervisor)) {
        return rn_fail_plain(error, RN_E_FORKED);
    }
    if (request->sources->count == 0) {
        return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "there is no source");
    }
    if (request->diagnostics && rn_diagnostics_replace(request->diagnostics, NULL, 0) != RN_OK) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    RN_AUTO(rn_inputs) struct rn_inputs unasked = {.items = NULL};
    struct rn_build_request whole = *request;
    whole.inputs = request->inputs ? request->inputs : &unasked;
    rn_inputs_done(whole.inputs);
    return request->options && request->options->cache_directory
               ? build_cached(supervisor, &whole, out_unit, error)
               : compile(supervisor, &whole, NULL, out_unit, error);
}

rune_status rune_build(rune_supervisor *supervisor, const rune_sources *sources,
                       const rune_context *context, const rune_options *options,
                       rune_diagnostics *diagnostics, rune_unit **out_unit, rune_error **error)
{
    struct rn_build_request request = {
        .sources = sources, .context = context, .options = options, .diagnostics = diagnostics};
    return rn_build(supervisor, &request, out_unit, error);
}
