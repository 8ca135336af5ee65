/*
 * build.c: from sources to a Unit.
 *
 *      BUILD ──► build_talk.h ──► DIAGNOSTICS, IMAGE, DEBUG ──► publish
 *
 * With a cache there is no talk if the result is kept already (cache.h). The image is sealed and
 * verified before it is anything.
 */
#include "supervisor/build.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "supervisor/build_talk.h"
#include "supervisor/cache.h"
#include "supervisor/diagnostics.h"
#include "supervisor/error.h"
#include "supervisor/probes.h"
#include "supervisor/remote.h"
#include "supervisor/sources.h"
#include "supervisor/statics.h"
#include "supervisor/supervisor.h"
#include "supervisor/unit.h"

#define CACHE_BYTES_DEFAULT (UINT64_C(256) << 20)

rune_options *rune_options_new(void)
{
    struct rune_options *options = rn_alloc(sizeof(*options));
    if (options) {
        options->indent = RN_INDENT_DEFAULT;
    }
    return options;
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
    rune_statics *old = options->statics;
    options->statics = rn_statics_ref(statics);
    rune_statics_free(old);
}

void rune_options_set_indent(rune_options *options, uint32_t columns)
{
    options->indent = columns;
}

void rune_options_set_final_newline(rune_options *options, bool newline)
{
    options->bare_end = !newline;
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
    copy->statics = rn_statics_ref(options->statics);
    copy->memory_max = options->memory_max;
    copy->wall_ns = options->wall_ns;
    copy->indent = options->indent;
    copy->bare_end = options->bare_end;
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
        rune_statics_free(options->statics);
        rn_free(options->domain);
        rn_free(options->cache_directory);
        rn_free(options);
    }
}

/* The body of BUILD, and the message around it, which borrows it. */
static enum rn_error make_message(const struct rn_build_request *request, struct rn_buf *body,
                                  struct rn_message *out_message)
{
    const struct rn_source_text *root = &request->sources->texts[0];
    const rune_options *options = request->options;
    rn_buf_append_text(body, root->name);
    size_t name_size = body->size;
    RN_TRY(rn_statics_append(options ? options->statics : NULL, request->context, body));
    size_t context_size = body->size - name_size;
    rn_buf_append(body, root->text, root->size);
    RN_TRY(rn_buf_status(body));
    *out_message = (struct rn_message){
        .type = RN_MESSAGE_BUILD,
        .body = body->data,
        .body_size = body->size,
        .as.BUILD = {.script = options && options->script,
                     .name_size = (uint32_t)name_size,
                     .context_size = (uint32_t)context_size,
                     .memory_max = rn_build_memory_max(options)},
    };
    return RN_OK;
}

static rune_status fail_message(rune_error **error, enum rn_error failed)
{
    return failed == RN_E_INVALID_ARGUMENT ? rn_fail_static_path(error)
                                           : rn_fail_plain(error, failed);
}

/* An image that does not verify is no mistake of the caller's; the verifier's words stay. */
static rune_status blame_compiler(rune_status status, rune_error **error)
{
    if (status != RUNE_E_UNIT_INVALID && status != RUNE_E_UNIT_VERSION &&
        status != RUNE_E_UNIT_DEBUG) {
        return status;
    }
    if (error && *error) {
        (*error)->status = RUNE_E_VIOLATION;
        (*error)->reason = RUNE_REASON_VIOLATION;
    }
    return RUNE_E_VIOLATION;
}

static rune_status publish(struct rn_build_talk *talk, rune_unit **out_unit, rune_error **error)
{
    struct rn_build_part *image = &talk->parts[RN_BUILD_IMAGE];
    struct rn_build_part *debug = &talk->parts[RN_BUILD_DEBUG];
    if (!image->whole || !debug->whole) {
        return rn_build_talk_fail_missing(error);
    }
    rune_status status = rn_unit_publish(image->bytes, image->size, RN_TAKE(debug->bytes),
                                         debug->size, false, out_unit, error);
    return status == RUNE_OK ? status : blame_compiler(status, error);
}

static rune_status run(struct rn_build_talk *talk, const struct rn_build_request *request,
                       rune_unit **out_unit, rune_error **error)
{
    struct rn_message message;
    RN_AUTO(rn_buf) struct rn_buf body;
    rn_buf_init(&body, RN_BUILD_BODY_MAX);
    enum rn_error failed = make_message(request, &body, &message);
    if (failed != RN_OK) {
        return fail_message(error, failed);
    }
    talk->inputs = request->inputs;
    talk->wanted = 1u << RN_BUILD_IMAGE | 1u << RN_BUILD_DEBUG | 1u << RN_BUILD_DIAGNOSTICS |
                   1u << RN_BUILD_NEED;
    rune_status status = rn_build_talk_run(talk, &message, request->diagnostics, error);
    return status == RUNE_OK ? publish(talk, out_unit, error) : status;
}

/* By a compiler; kept in `cache` (may be NULL) if it is good. */
static rune_status compile(rune_supervisor *supervisor, const struct rn_build_request *request,
                           const struct rn_cache *cache, rune_unit **out_unit, rune_error **error)
{
    struct rn_build_talk talk;
    rune_status status =
        rn_build_talk_begin(&talk, supervisor, request->sources, request->options, error);
    if (status != RUNE_OK) {
        return status;
    }
    status = run(&talk, request, out_unit, error);
    if (status == RUNE_OK && cache) {
        const struct rn_build_part *said = &talk.parts[RN_BUILD_DIAGNOSTICS];
        rn_cache_store(cache, request->inputs, said->bytes, said->size, *out_unit);
    }
    rn_build_talk_done(&talk);
    return status;
}

static rune_status fail_cache(rune_error **error, const char *directory, enum rn_error failed)
{
    if (failed == RN_E_DENIED) {
        return rn_fail(error, RUNE_E_DENIED,
                       "%s: a cache must be a folder of this user that nobody else may write to",
                       directory);
    }
    return failed == RN_E_SYSTEM
               ? rn_fail_folder(error, directory)
               : rn_fail(error, (rune_status)failed, "%s: %s", directory, rn_error_message(failed));
}

rune_status rn_build_check_cache(const rune_options *options, rune_error **error)
{
    const char *directory = options->cache_directory;
    enum rn_error failed = directory ? rn_cache_check(directory) : RN_OK;
    return failed == RN_OK ? RUNE_OK : fail_cache(error, directory, failed);
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

rune_status rn_build_prepare(rune_supervisor *supervisor, const struct rn_build_request *request,
                             rune_error **error)
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
    return RUNE_OK;
}

rune_status rn_build(rune_supervisor *supervisor, const struct rn_build_request *request,
                     rune_unit **out_unit, rune_error **error)
{
    rune_status status = rn_build_prepare(supervisor, request, error);
    if (status != RUNE_OK) {
        return status;
    }
    RN_AUTO(rn_inputs) struct rn_inputs unasked = {.items = NULL};
    struct rn_build_request whole = *request;
    whole.inputs = request->inputs ? request->inputs : &unasked;
    rn_inputs_done(whole.inputs);
    if (supervisor->remote) {
        return rn_remote_build(supervisor, &whole, out_unit, error);
    }
    uint64_t begun_ns = rn_now_ns();
    status = request->options && request->options->cache_directory
                 ? build_cached(supervisor, &whole, out_unit, error)
                 : compile(supervisor, &whole, NULL, out_unit, error);
    rn_probe_build_end((int)status, status == RUNE_OK ? (*out_unit)->id_text : "",
                       rn_now_ns() - begun_ns);
    return status;
}

rune_status rune_build(rune_supervisor *supervisor, const rune_sources *sources,
                       const rune_context *context, const rune_options *options,
                       rune_diagnostics *diagnostics, rune_unit **out_unit, rune_error **error)
{
    struct rn_build_request request = {
        .sources = sources, .context = context, .options = options, .diagnostics = diagnostics};
    if (!supervisor || !sources) {
        return rn_fail_null(error, supervisor ? "sources" : "supervisor");
    }
    return rn_build(supervisor, &request, out_unit, error);
}
