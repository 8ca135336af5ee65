/*
 * console.h: what the command says, and how it looks.
 *
 * Results go to standard output, everything else to standard error. One console for the process.
 */
#ifndef RN_CLI_CONSOLE_H
#define RN_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include <runeward/runeward.h>

#include "cli/args.h"

enum rn_format {
    RN_FORMAT_TEXT,
    RN_FORMAT_JSON,  /* one object at the end */
    RN_FORMAT_JSONL, /* one object per event, the last one is the result */
};

struct rn_console {
    enum rn_format format;
    bool color; /* of standard error */
    bool quiet;
    bool verbose;
};

/* From the global options. False after a complaint about a value. */
bool rn_console_init(struct rn_console *console, const struct rn_args *args);

/* "runeward: ..." on standard error, one line, whatever names are in it (visible.h). */
void rn_console_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error of the library on standard error, or in JSON on standard output. Frees it. Returns the
 * exit code of its reason. */
int rn_console_take_error(const struct rn_console *console, rune_error *error);

/* Writes a text and frees it. False when standard output cannot take it. */
bool rn_console_take_text(rune_text *text);

/* A JSON string with its quotes to standard output. Bytes that are not UTF-8 become "?". */
void rn_console_json_string(const char *data, size_t size);

/* ,"key":"text" */
void rn_console_json_member(const char *key, const char *text);

/* Flushes standard output: `code`, or 74 when something did not get out. */
int rn_console_finish(int code);

#endif
