/* console.c: standard output, standard error, colours. */
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/option_value.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPLAINT_SIZE 8192u

void rn_console_complain(const char *format, ...)
{
    char line[COMPLAINT_SIZE];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    fflush(stdout);
    fputs("runeward: ", stderr);
    rn_visible_put(stderr, line, size < 0 ? 0 : strlen(line), false);
    fputs((size_t)size < sizeof line ? "\n" : "...\n", stderr);
}

static bool wants_color(const char *choice)
{
    if (choice != NULL && strcmp(choice, "auto") != 0) {
        return strcmp(choice, "always") == 0;
    }
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) != 0 && (no_color == NULL || *no_color == '\0') &&
           terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static enum rn_format wants_format(const char *choice)
{
    return choice == NULL || strcmp(choice, "text") == 0 ? RN_FORMAT_TEXT
           : strcmp(choice, "json") == 0                 ? RN_FORMAT_JSON
                                                         : RN_FORMAT_JSONL;
}

bool rn_console_init(struct rn_console *console, const struct rn_args *args)
{
    const char *color = args->values[RN_OPTION_COLOR];
    const char *format = args->values[RN_OPTION_FORMAT];
    if ((color != NULL && !rn_option_is_good(RN_OPTION_COLOR, color)) ||
        (format != NULL && !rn_option_is_good(RN_OPTION_FORMAT, format))) {
        return false;
    }
    *console = (struct rn_console){
        .format = wants_format(format),
        .color = wants_color(color),
        .quiet = rn_args_has(args, RN_OPTION_QUIET),
        .verbose = rn_args_has(args, RN_OPTION_VERBOSE),
    };
    return true;
}

static bool write_out(FILE *out, const rune_text *text)
{
    return fwrite(rune_text_data(text), 1, rune_text_size(text), out) == rune_text_size(text);
}

bool rn_console_take_text(rune_text *text)
{
    bool written = write_out(stdout, text);
    rune_text_free(text);
    return written;
}

static void print_error_json(const rune_error *error)
{
    rune_text *text = NULL;
    if (rune_error_to_json(error, &text) == RUNE_OK) {
        fputs("{\"v\":1,\"reason\":\"", stdout);
        fputs(rune_reason_name(rune_error_reason(error)), stdout);
        fputs("\",\"error\":", stdout);
        write_out(stdout, text);
        fputs("}\n", stdout);
    }
    rune_text_free(text);
}

static void print_error_text(const struct rn_console *console, const rune_error *error)
{
    rune_text *text = NULL;
    fflush(stdout);
    if (rune_error_render(error, console->color, &text) == RUNE_OK) {
        write_out(stderr, text);
        size_t size = rune_text_size(text);
        if (size == 0 || rune_text_data(text)[size - 1] != '\n') {
            fputc('\n', stderr);
        }
    } else {
        rn_console_complain("%s", rune_error_message(error));
    }
    rune_text_free(text);
}

int rn_console_take_error(const struct rn_console *console, rune_error *error)
{
    if (error == NULL) {
        rn_console_complain("out of memory");
        return rune_reason_exit_code(RUNE_REASON_INTERNAL, 0);
    }
    if (console->format == RN_FORMAT_TEXT) {
        print_error_text(console, error);
    } else {
        print_error_json(error);
    }
    int code = rune_reason_exit_code(rune_error_reason(error), rune_error_signal(error));
    rune_error_free(error);
    return code;
}

void rn_console_json_string(const char *data, size_t size)
{
    rune_const_value *value = rune_value_string(data, size);
    rune_text *text = NULL;
    if (value != NULL && rune_value_to_json(value, &text, NULL) == RUNE_OK) {
        write_out(stdout, text);
    } else {
        fputs("\"?\"", stdout);
    }
    rune_text_free(text);
    rune_value_unref(value);
}

void rn_console_json_member(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    rn_console_json_string(text, strlen(text));
}

int rn_console_finish(int code)
{
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        rn_console_complain("standard output: %s", errno != 0 ? strerror(errno) : "write error");
        return code == 0 ? RN_EXIT_OUTPUT : code;
    }
    return code;
}
