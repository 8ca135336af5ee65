/* session.c: supervisor, sources, Units. */
#include "cli/session.h"

#include "cli/bytes.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"
#include "cli/out_file.h"
#include "cli/quantity.h"
#include "cli/script_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool choose_speculation(const char *word, rune_speculation *out_speculation)
{
    bool stores = strcmp(word, "stores") == 0;
    *out_speculation = stores                      ? RUNE_SPECULATION_STORES
                       : strcmp(word, "free") == 0 ? RUNE_SPECULATION_FREE
                                                   : RUNE_SPECULATION_RESTRICTED;
    return rn_option_is_good(RN_OPTION_SPECULATION, word);
}

bool rn_session_init(struct rn_session *session, const struct rn_args *args)
{
    *session = (struct rn_session){.args = args, .code = RN_EXIT_USAGE};
    const char *policy = args->values[RN_OPTION_POLICY];
    if (policy != NULL && !rn_option_is_good(RN_OPTION_POLICY, policy)) {
        return false;
    }
    const char *speculation = args->values[RN_OPTION_SPECULATION];
    if (speculation != NULL && !choose_speculation(speculation, &session->speculation)) {
        return false;
    }
    session->best_effort = policy != NULL && strcmp(policy, "best_effort") == 0;
    return rn_console_init(&session->console, args);
}

static bool counts(const struct rn_args *args)
{
    return args->command == RN_COMMAND_PROFILE || args->command == RN_COMMAND_COVERAGE ||
           (args->command == RN_COMMAND_EXPLORE && !rn_args_has(args, RN_OPTION_NO_RUN));
}

static rune_status set_options(const struct rn_session *session, rune_supervisor_options *options)
{
    const char *helpers = session->args->values[RN_OPTION_HELPERS];
    bool serves = session->args->command == RN_COMMAND_SERVE;
    rune_supervisor_options_set_workers(options, serves ? session->workers : 1);
    bool again = serves || session->args->command == RN_COMMAND_REPL; // one after the other
    rune_supervisor_options_set_spares(options, again ? 1 : 0);
    if (session->limits != NULL &&
        rune_supervisor_options_set_limits(options, session->limits) != RUNE_OK) {
        return RUNE_E_NO_MEMORY;
    }
    const char *journal = serves ? session->args->values[RN_OPTION_JOURNAL] : NULL;
    if (journal != NULL && rune_supervisor_options_set_journal(options, journal, 0, 0) != RUNE_OK) {
        return RUNE_E_NO_MEMORY;
    }
    rune_supervisor_options_set_diagnose(options, rn_args_has(session->args, RN_OPTION_DIAGNOSE));
    rune_supervisor_options_set_profile(options, counts(session->args));
    rune_supervisor_options_set_policy(options, session->best_effort ? RUNE_POLICY_BEST_EFFORT
                                                                     : RUNE_POLICY_STRICT);
    rune_supervisor_options_set_speculation(options, session->speculation);
    return helpers == NULL ? RUNE_OK : rune_supervisor_options_set_helpers(options, helpers);
}

bool rn_session_start(struct rn_session *session)
{
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_status status = options == NULL ? RUNE_E_NO_MEMORY : set_options(session, options);
    if (status == RUNE_OK) {
        status = rune_supervisor_new(options, &session->supervisor, &error);
    }
    rune_supervisor_options_free(options);
    if (status == RUNE_OK) {
        return true;
    }
    session->code = rn_console_take_error(&session->console, error);
    session->wall_missing = status == RUNE_E_WALL_REFUSED || status == RUNE_E_SETUP;
    if (session->wall_missing && session->args->command != RN_COMMAND_DOCTOR) {
        rn_console_complain("`runeward doctor` shows what is missing");
    }
    return false;
}

void rn_session_done(struct rn_session *session)
{
    rune_supervisor_free(session->supervisor);
    session->supervisor = NULL;
    rune_text_free(session->remarks);
    session->remarks = NULL;
    rune_diagnostics_free(session->diagnostics);
    session->diagnostics = NULL;
}

/* Sources */

// One byte more than the library takes, so that its own message tells about too large a source.
#define SOURCE_MAX ((size_t)16 << 20)

bool rn_session_read(struct rn_session *session, const char *path, struct rn_bytes *source)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool complete = fd >= 0 && rn_bytes_read(source, fd, SOURCE_MAX);
    if (!complete) {
        rn_console_complain("%s: %s", path, strerror(errno));
        session->code = RN_EXIT_NO_INPUT;
    }
    if (fd >= 0 && !is_stdin) {
        close(fd);
    }
    return complete;
}

/* Building */

void rn_session_show(const struct rn_session *session, const rune_diagnostics *diagnostics)
{
    const struct rn_console *console = &session->console;
    rune_text *text = NULL;
    if (console->format != RN_FORMAT_TEXT || rune_diagnostics_count(diagnostics) == 0 ||
        (console->quiet && !rune_diagnostics_has_error(diagnostics))) {
        return;
    }
    if (rune_diagnostics_render(diagnostics, console->color, &text) == RUNE_OK) {
        fflush(stdout);
        fwrite(rune_text_data(text), 1, rune_text_size(text), stderr);
    }
    rune_text_free(text);
}

// The record of a build that failed.
static void print_failure(FILE *out, const rune_diagnostics *diagnostics)
{
    rune_text *text = NULL;
    if (rune_diagnostics_to_json(diagnostics, &text) == RUNE_OK) {
        fputs("{\"v\":1,\"reason\":\"failed\",\"diagnostics\":", out);
        fwrite(rune_text_data(text), 1, rune_text_size(text), out);
        fputs("}\n", out);
    }
    rune_text_free(text);
}

static void write_failure(const struct rn_session *session, const rune_diagnostics *diagnostics)
{
    const char *path = session->args->values[RN_OPTION_META];
    struct rn_out_file file = {.stream = NULL};
    FILE *out = path == NULL ? NULL : rn_out_file_open(&file, path);
    if (out != NULL) {
        print_failure(out, diagnostics);
    }
    if (path != NULL && !rn_out_file_close(&file, true)) {
        rn_console_complain("%s: %s", path, strerror(errno));
    }
    if (session->console.format != RN_FORMAT_TEXT) {
        print_failure(stdout, diagnostics);
    }
}

rune_options *rn_session_options(struct rn_session *session, bool script)
{
    const char *wall = session->args->values[RN_OPTION_BUILD_WALL];
    uint64_t nanoseconds = 0;
    if (wall != NULL && !(rn_option_is_good(RN_OPTION_BUILD_WALL, wall) &&
                          rn_quantity_parse(wall, RN_QUANTITY_TIME, &nanoseconds))) {
        session->code = RN_EXIT_USAGE;
        return NULL;
    }
    rune_options *options = rune_options_new();
    if (options == NULL) {
        session->code = rn_console_take_error(&session->console, NULL);
        return NULL;
    }
    rune_options_set_script(options, script);
    rune_options_set_wall(options, nanoseconds);
    return options;
}

bool rn_session_refuses(const struct rn_session *session, const rune_diagnostics *diagnostics)
{
    return rn_args_has(session->args, RN_OPTION_WARNINGS_ARE_ERRORS) &&
           rune_diagnostics_count(diagnostics) > 0;
}

struct build {
    rune_sources *sources;
    rune_options *options;
    rune_diagnostics *diagnostics;
};

static void build_done(struct build *build)
{
    rune_sources_free(build->sources);
    rune_options_free(build->options);
    rune_diagnostics_free(build->diagnostics);
}

static void keep_remarks(struct rn_session *session, const rune_diagnostics *diagnostics)
{
    rune_text_free(session->remarks);
    session->remarks = NULL;
    if (!session->console.quiet &&
        rune_diagnostics_to_json(diagnostics, &session->remarks) != RUNE_OK) {
        session->remarks = NULL;
    }
}

static void take_failure(struct rn_session *session, const rune_diagnostics *diagnostics)
{
    if (!session->keeps_failures) {
        write_failure(session, diagnostics);
    } else if (session->console.format != RN_FORMAT_TEXT) {
        keep_remarks(session, diagnostics);
    }
}

// Builds what was inserted into the sources.
static rune_unit *build_unit(struct rn_session *session, const struct build *build)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_status status = rune_build(session->supervisor, build->sources, NULL, build->options,
                                    build->diagnostics, &unit, &error);
    if (status == RUNE_OK && rn_session_refuses(session, build->diagnostics)) {
        rune_unit_unref(unit);
        status = RUNE_E_COMPILE_FAILED;
    }
    if (status == RUNE_OK || status == RUNE_E_COMPILE_FAILED) {
        rn_session_show(session, build->diagnostics);
    }
    if (status == RUNE_OK && session->console.format != RN_FORMAT_TEXT) {
        keep_remarks(session, build->diagnostics);
    }
    if (status == RUNE_E_COMPILE_FAILED) {
        take_failure(session, build->diagnostics);
    }
    if (status == RUNE_E_COMPILE_FAILED && rune_diagnostics_count(build->diagnostics) > 0) {
        session->code = rune_reason_exit_code(RUNE_REASON_FAILED, 0);
        rune_error_free(error);
    } else if (status != RUNE_OK) {
        session->code = rn_console_take_error(&session->console, error);
    }
    return status == RUNE_OK ? unit : NULL;
}

/* `path`: NULL, or where the text was read, so that `mod a;` finds its file. */
static rune_unit *build(struct rn_session *session, const char *path, const char *name,
                        const struct rn_bytes *text, bool script)
{
    struct build build = {rune_sources_new(), rn_session_options(session, script),
                          rune_diagnostics_new()};
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_status status = RUNE_E_NO_MEMORY;
    if (build.sources != NULL && build.diagnostics != NULL && build.options != NULL) {
        status = path != NULL ? rune_sources_insert_file(build.sources, path, &error)
                              : rune_sources_insert_memory(build.sources, name, text->data,
                                                           text->size, &error);
    }
    if (status == RUNE_OK) {
        unit = build_unit(session, &build);
    } else if (build.options != NULL) {
        session->code = rn_console_take_error(&session->console, error);
    }
    if (unit != NULL && session->keeps_diagnostics) {
        rune_diagnostics_free(session->diagnostics);
        session->diagnostics = build.diagnostics;
        build.diagnostics = NULL;
    }
    build_done(&build);
    return unit;
}

rune_unit *rn_session_build(struct rn_session *session, const char *name,
                            const struct rn_bytes *text, bool script)
{
    return build(session, NULL, name, text, script);
}

static rune_unit *compile(struct rn_session *session, const char *path, bool body_if_no_main)
{
    struct rn_bytes source = {0};
    rune_unit *unit = NULL;
    if (rn_session_read(session, path, &source)) {
        bool script = rn_args_has(session->args, RN_OPTION_SCRIPT) ||
                      (body_if_no_main && !rn_source_has_main(source.data, source.size));
        bool is_stdin = strcmp(path, "-") == 0;
        unit = build(session, is_stdin ? NULL : path, "<stdin>", &source, script);
    }
    rn_bytes_done(&source);
    return unit;
}

bool rn_session_is_unit_file(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".rnu") == 0;
}

rune_unit *rn_session_unit(struct rn_session *session, const char *path, bool body_if_no_main)
{
    if (!rn_session_is_unit_file(path)) {
        return compile(session, path, body_if_no_main);
    }
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    if (rune_unit_load_file(path, &unit, &error) != RUNE_OK) {
        session->code = rn_console_take_error(&session->console, error);
        return NULL;
    }
    return unit;
}
