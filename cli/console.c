/* console.c: standard output, standard error, colours. */
#include "cli/console.h"
#include "cli/exit_codes.h"
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

static bool wants_color(const char *choice, bool *out_color)
{
    if (choice == NULL || strcmp(choice, "auto") == 0) {
        const char *no_color = getenv("NO_COLOR");
        const char *terminal = getenv("TERM");
        *out_color = isatty(STDERR_FILENO) != 0 && (no_color == NULL || *no_color == '\0') &&
                     terminal != NULL && strcmp(terminal, "dumb") != 0;
        return true;
    }
    *out_color = strcmp(choice, "always") == 0;
    return *out_color || strcmp(choice, "never") == 0;
}

static bool wants_format(const char *choice, enum rn_format *out_format)
{
    static const char *const names[] = {"text", "json", "jsonl"};
    *out_format = RN_FORMAT_TEXT;
    for (unsigned i = 0; choice != NULL && i < 3; i++) {
        if (strcmp(choice, names[i]) == 0) {
            *out_format = (enum rn_format)i;
            return true;
        }
    }
    return choice == NULL;
}

bool rn_console_init(struct rn_console *console, const struct rn_args *args)
{
    *console = (struct rn_console){
        .quiet = rn_args_has(args, RN_OPTION_QUIET),
        .verbose = rn_args_has(args, RN_OPTION_VERBOSE),
    };
    if (!wants_color(args->values[RN_OPTION_COLOR], &console->color)) {
        rn_console_complain("--color is auto, always or never");
        return false;
    }
    if (!wants_format(args->values[RN_OPTION_FORMAT], &console->format)) {
        rn_console_complain("--format is text, json or jsonl");
        return false;
    }
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
