/*
 * command_fmt.c: fmt: sources in the usual layout.
 *
 * A file is replaced by a new one that has its mode, under its name, in one step: whoever reads it
 * meanwhile finds the old text or the new one. One that changed since it was read stays as it is. Of several
 * hard links only the one that was named gets the new text.
 */
#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"
#include "cli/out_file.h"
#include "cli/paths.h"
#include "cli/quantity.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum result {
    RESULT_UNCHANGED,
    RESULT_FORMATTED,   /* the file was replaced, or written to standard output */
    RESULT_UNFORMATTED, /* with --check or --diff: it would be replaced */
    RESULT_FAILED,
};

static const char *const result_names[] = {"unchanged", "formatted", "unformatted", "failed"};

struct fmt {
    struct rn_session *session;
    rune_options *options;
    rune_diagnostics *diagnostics;
    bool check; /* look only */
    bool diff;
    struct stat before; /* the file that is handled, when it was read */
    int code;
    size_t counts[4]; /* by enum result */
};

/* ---- Replacing a file ---- */

static bool is_as_before(const struct stat *now, const struct stat *before)
{
    return now->st_dev == before->st_dev && now->st_ino == before->st_ino &&
           now->st_size == before->st_size && now->st_mtim.tv_sec == before->st_mtim.tv_sec &&
           now->st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* `before`: what the file was when it was read. ESTALE: it has changed since. */
static bool replace_file(const char *path, const struct stat *before, const rune_text *text)
{
    struct stat now;
    struct rn_out_file file;
    size_t size = rune_text_size(text);
    FILE *out = rn_out_file_replace(&file, path);
    bool good = out != NULL && fwrite(rune_text_data(text), 1, size, out) == size &&
                fflush(out) == 0 && fsync(fileno(out)) == 0 && stat(path, &now) == 0;
    bool stale = good && !is_as_before(&now, before);
    good = out != NULL && rn_out_file_close(&file, good && !stale);
    errno = stale ? ESTALE : errno;
    return good;
}

/* ---- One source ---- */

static rune_text *format(struct fmt *fmt, const char *path, const struct rn_bytes *source)
{
    rune_text *text = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_status status = RUNE_E_NO_MEMORY;
    const char *name = strcmp(path, "-") == 0 ? "<stdin>" : path;
    if (sources != NULL) {
        status = rune_sources_insert_memory(sources, name, source->data, source->size, &error);
    }
    if (status == RUNE_OK) {
        status = rune_format(fmt->session->supervisor, sources, fmt->options, fmt->diagnostics,
                             &text, &error);
    }
    rune_sources_free(sources);
    if (status == RUNE_OK && rn_session_refuses(fmt->session, fmt->diagnostics)) {
        rune_text_free(text);
        text = NULL;
        status = RUNE_E_COMPILE_FAILED;
    }
    if (status == RUNE_E_COMPILE_FAILED) {
        rn_session_show(fmt->session, fmt->diagnostics);
        rune_error_free(error);
        fmt->code = RN_EXIT_FAILED;
    } else if (status != RUNE_OK) {
        fmt->code = rn_console_take_error(&fmt->session->console, error);
    }
    return text;
}

static void show_diff(struct fmt *fmt, const char *path, const struct rn_bytes *source,
                      const rune_text *text)
{
    struct rn_bytes out = {0};
    struct rn_diff diff = {
        .name = path,
        .before = source->data,
        .before_size = source->size,
        .after = rune_text_data(text),
        .after_size = rune_text_size(text),
        .color = fmt->session->console.color && isatty(STDOUT_FILENO) != 0,
        .visible = isatty(STDOUT_FILENO) != 0,
    };
    if (rn_diff_append(&diff, &out)) {
        fwrite(out.data, 1, out.size, stdout);
    } else {
        fmt->code = rn_console_take_error(&fmt->session->console, NULL);
    }
    rn_bytes_done(&out);
}

static enum result store(struct fmt *fmt, const char *path, const rune_text *text, bool same)
{
    if (strcmp(path, "-") == 0) {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stdout);
        return same ? RESULT_UNCHANGED : RESULT_FORMATTED;
    }
    if (same || replace_file(path, &fmt->before, text)) {
        return same ? RESULT_UNCHANGED : RESULT_FORMATTED;
    }
    rn_console_complain("%s: %s", path,
                        errno == ESTALE ? "was changed meanwhile, and is left as it is"
                                        : strerror(errno));
    fmt->code = RN_EXIT_OUTPUT;
    return RESULT_FAILED;
}

static enum result handle(struct fmt *fmt, const char *path, const struct rn_bytes *source)
{
    rune_text *text = format(fmt, path, source);
    if (text == NULL) {
        return RESULT_FAILED;
    }
    bool same =
        rune_text_size(text) == source->size &&
        (source->size == 0 || memcmp(rune_text_data(text), source->data, source->size) == 0);
    enum result result = RESULT_UNFORMATTED;
    if (!fmt->check && !fmt->diff) {
        result = store(fmt, path, text, same);
    } else if (same) {
        result = RESULT_UNCHANGED;
    } else if (fmt->diff && fmt->session->console.format == RN_FORMAT_TEXT) {
        show_diff(fmt, path, source, text);
    }
    rune_text_free(text);
    return result;
}

/* ---- What is said ---- */

static void say_json(const struct fmt *fmt, const char *path, enum result result, bool first)
{
    rune_text *text = NULL;
    bool lines = fmt->session->console.format == RN_FORMAT_JSONL;
    fputs(lines ? "{\"event\":\"fmt\",\"file\":" : first ? "{\"file\":" : ",{\"file\":", stdout);
    rn_console_json_string(path, strlen(path));
    printf(",\"result\":\"%s\",\"diagnostics\":", result_names[result]);
    if (result == RESULT_FAILED && rune_diagnostics_to_json(fmt->diagnostics, &text) == RUNE_OK) {
        rn_console_take_text(text);
    } else {
        fputs("[]", stdout);
    }
    fputs(lines ? "}\n" : "}", stdout);
}

static void say_text(const struct fmt *fmt, const char *path, enum result result)
{
    if (result == RESULT_UNFORMATTED && fmt->check && !fmt->diff) {
        rn_visible_list(path, strlen(path), false);
        puts("");
    } else if (result == RESULT_FORMATTED && fmt->session->console.verbose) {
        rn_visible_put(stderr, path, strlen(path), false);
        fputs(": formatted\n", stderr);
    }
}

static void say(const struct fmt *fmt, const char *path, enum result result, bool first)
{
    if (fmt->session->console.format == RN_FORMAT_TEXT) {
        say_text(fmt, path, result);
    } else if (strcmp(path, "-") != 0 || fmt->check || fmt->diff) {
        say_json(fmt, path, result, first);
    }
}

static void one(struct fmt *fmt, const char *path, bool first)
{
    struct rn_bytes source = {0};
    enum result result = RESULT_FAILED;
    if (stat(path, &fmt->before) != 0) {
        fmt->before = (struct stat){.st_size = -1}; // standard input, or reading says why not
    }
    if (rn_session_read(fmt->session, path, &source)) {
        result = handle(fmt, path, &source);
    } else {
        fmt->code = fmt->session->code;
    }
    if (result == RESULT_UNFORMATTED && fmt->code == 0) {
        fmt->code = RN_EXIT_FAILED;
    }
    fmt->counts[result]++;
    say(fmt, path, result, first);
    rn_bytes_done(&source);
}

static void finish(const struct fmt *fmt)
{
    const struct rn_console *console = &fmt->session->console;
    if (console->format != RN_FORMAT_TEXT) {
        return;
    }
    if (fmt->counts[RESULT_UNFORMATTED] > 0 && !console->quiet) {
        fflush(stdout);
        fprintf(stderr,
                "%zu of %zu files are not formatted; `runeward fmt` without --check and "
                "--diff writes them\n",
                fmt->counts[RESULT_UNFORMATTED],
                fmt->counts[0] + fmt->counts[1] + fmt->counts[2] + fmt->counts[3]);
    }
}

static int run(struct fmt *fmt, const struct rn_paths *paths)
{
    bool json = fmt->session->console.format == RN_FORMAT_JSON;
    if (json) {
        fputs("{\"v\":1,\"files\":[", stdout);
    }
    bool first = true;
    for (const char *path = rn_paths_next(paths, NULL); path != NULL;
         path = rn_paths_next(paths, path)) {
        one(fmt, path, first);
        first = false;
    }
    if (json) {
        printf("],\"reason\":\"%s\"}\n", fmt->code == 0 ? "ok" : "failed");
    }
    finish(fmt);
    return fmt->code;
}

/* ---- Options ---- */

static bool set_indent(const struct rn_session *session, rune_options *options)
{
    const char *text = session->args->values[RN_OPTION_INDENT];
    uint64_t columns = 4;
    if (text != NULL && !rn_option_is_good(RN_OPTION_INDENT, text)) {
        return false;
    }
    if (text != NULL && !rn_quantity_parse(text, RN_QUANTITY_COUNT, &columns)) {
        columns = 0; // tab
    }
    rune_options_set_indent(options, (uint32_t)columns);
    return true;
}

static bool set_options(struct fmt *fmt)
{
    const struct rn_session *session = fmt->session;
    fmt->check = rn_args_has(session->args, RN_OPTION_CHECK);
    fmt->diff = rn_args_has(session->args, RN_OPTION_DIFF);
    rune_options_set_final_newline(fmt->options,
                                   !rn_args_has(session->args, RN_OPTION_NO_FINAL_NEWLINE));
    if (!set_indent(session, fmt->options)) {
        fmt->code = RN_EXIT_USAGE;
        return false;
    }
    return true;
}

static int with_paths(struct fmt *fmt)
{
    struct rn_paths paths;
    if (!rn_paths_expand(fmt->session, fmt->session->args->operand_count, &paths)) {
        return fmt->session->code;
    }
    int code = rn_session_start(fmt->session) ? run(fmt, &paths) : fmt->session->code;
    rn_paths_done(&paths);
    return code;
}

int rn_command_fmt(struct rn_session *session)
{
    struct fmt fmt = {.session = session};
    if (session->args->operand_count == 0) {
        return rn_command_misused(session);
    }
    fmt.options = rn_session_options(session, false);
    fmt.diagnostics = rune_diagnostics_new();
    if (fmt.options == NULL || fmt.diagnostics == NULL) {
        fmt.code = session->code;
    } else if (set_options(&fmt)) {
        fmt.code = with_paths(&fmt);
    }
    rune_options_free(fmt.options);
    rune_diagnostics_free(fmt.diagnostics);
    return fmt.code;
}
