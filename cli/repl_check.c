/*
 * repl_check.c: is an entry whole, is it an expression, and what does it declare?
 *
 * The compiler answers, in its jail: it reads the entry by itself as the body of a script. An entry that is not whole is one
 * whose text ended too early for it: an unexpected end of file, or a text or comment that was not closed.
 *
 * Trust: reads what is entered, files among it, and what a compiler process made of it.
 */
#include "cli/exit_codes.h"
#include "cli/outline.h"
#include "cli/repl.h"

#include <stdio.h>
#include <string.h>

/* How an attempt to read a text ended. */
struct reading {
    rune_diagnostics *diagnostics;
    rune_text *outline; /* NULL: it cannot be read */
    rune_error *error;
    rune_status status;
};

static void reading_done(struct reading *reading)
{
    rune_diagnostics_free(reading->diagnostics);
    rune_text_free(reading->outline);
    rune_error_free(reading->error);
}

static struct reading read_text(struct rn_repl *repl, const char *name, const char *text,
                                size_t size)
{
    struct reading reading = {.diagnostics = rune_diagnostics_new(), .status = RUNE_E_NO_MEMORY};
    rune_sources *sources = rune_sources_new();
    rune_options *options = rn_session_options(repl->session, true);
    if (reading.diagnostics && sources && options) {
        reading.status = rune_sources_insert_memory(sources, name, text, size, &reading.error);
    }
    if (reading.status == RUNE_OK) {
        reading.status = rune_outline(repl->session->supervisor, sources, options,
                                      reading.diagnostics, &reading.outline, &reading.error);
    }
    rune_options_free(options);
    rune_sources_free(sources);
    return reading;
}

/* The same with words around it. */
static struct reading read_within(struct rn_repl *repl, const char *before,
                                  const struct rn_repl_new *entry, const char *behind)
{
    struct rn_bytes text = {0};
    struct reading reading = {.status = RUNE_E_NO_MEMORY};
    if (rn_bytes_append(&text, before, strlen(before)) &&
        rn_bytes_append(&text, entry->text, entry->size) &&
        rn_bytes_append(&text, behind, strlen(behind))) {
        reading = read_text(repl, entry->name, text.data, text.size);
    }
    rn_bytes_done(&text);
    return reading;
}

static bool reads_within(struct rn_repl *repl, const char *before, const struct rn_repl_new *entry,
                         const char *behind)
{
    struct reading reading = read_within(repl, before, entry, behind);
    bool reads = reading.outline != NULL;
    reading_done(&reading);
    return reads;
}

/* E0101 of the end of the file is about nothing: no other token is so small. The others were not closed. */
static bool ends_early(const rune_diagnostic *at)
{
    static const char *const unclosed[] = {"E0006", "E0007", "E0010", "E0011", "E0108"};
    for (size_t i = 0; i < sizeof unclosed / sizeof *unclosed; i++) {
        if (strcmp(at->code, unclosed[i]) == 0) {
            return true;
        }
    }
    return strcmp(at->code, "E0101") == 0 && at->line == at->end_line &&
           at->column == at->end_column;
}

static bool wants_more(const struct reading *reading)
{
    rune_diagnostic at;
    for (size_t i = 0; rune_diagnostics_at(reading->diagnostics, i, &at); i++) {
        if (ends_early(&at)) {
            return true;
        }
    }
    return false;
}

/* Places count lines, and characters in them. */
static size_t offset_at(const struct rn_repl_new *entry, uint32_t line, uint32_t column)
{
    const char *at = entry->text;
    const char *end = at + entry->size;
    for (; line > 1 && at < end; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    for (; column > 1 && at < end; column--) {
        do {
            at++;
        } while (at < end && (*at & 0xc0) == 0x80);
    }
    return (size_t)(at - entry->text);
}

static bool splits_at(struct rn_repl *repl, const struct rn_repl_new *entry, size_t at)
{
    const struct rn_repl_new head = {.name = entry->name, .text = entry->text, .size = at};
    const struct rn_repl_new tail = {
        .name = entry->name, .text = entry->text + at, .size = entry->size - at};
    return at > 0 && at < entry->size && reads_within(repl, "(\n", &tail, "\n)") &&
           reads_within(repl, "", &head, "\nlet after = ();");
}

/*
 * Where the expression begins that gives statements their value, or 0. More behind it, and the compiler misses the semicolon
 * and says of what. What ends with a block needs none, unless the block is the beginning of something.
 */
static size_t find_tail(struct rn_repl *repl, const struct rn_repl_new *entry)
{
    bool in_block = entry->form == RN_REPL_STATEMENTS;
    struct reading reading =
        read_within(repl, "", entry, in_block ? "\n.x\nlet after = ();" : "\nlet after = ();");
    size_t tail = 0;
    rune_diagnostic at;
    for (size_t i = 0; rune_diagnostics_at(reading.diagnostics, i, &at); i++) {
        if (strcmp(at.code, "E0106") == 0) {
            tail = offset_at(entry, at.line, at.column);
            break;
        }
    }
    reading_done(&reading);
    return splits_at(repl, entry, tail) ? tail : 0;
}

static void show(struct rn_repl *repl, struct reading *reading)
{
    if (rune_diagnostics_count(reading->diagnostics) > 0) {
        rn_session_show(repl->session, reading->diagnostics);
        rn_repl_failed(repl, rune_reason_exit_code(RUNE_REASON_FAILED, 0));
    } else {
        rn_repl_failed(repl, rn_console_take_error(&repl->session->console, reading->error));
        reading->error = NULL;
    }
}

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80) != 0;
}

/* A name that begins like those of the session's own, wherever it stands: in a text it does no harm, but neither is it
 * worth a reading of the language here. */
static bool has_own_name(const struct rn_repl_new *entry)
{
    const char *at = entry->text;
    const char *end = entry->text + entry->size;
    while ((at = memmem(at, (size_t)(end - at), RN_REPL_OWN, strlen(RN_REPL_OWN))) != NULL) {
        if (at == entry->text || !is_of_word(at[-1])) {
            return true;
        }
        at += strlen(RN_REPL_OWN);
    }
    return false;
}

/* An item of that name would be what `let it` matches, of this entry and all later ones. */
static bool declares_it(const rune_text *items)
{
    struct rn_outline outline;
    bool declares = false;
    if (rn_outline_parse(rune_text_data(items), rune_text_size(items), &outline, NULL) != RUNE_OK) {
        return false;
    }
    for (size_t i = 0; i < outline.count && !declares; i++) {
        declares = strcmp(rn_outline_at(&outline, i)->path, "it") == 0;
    }
    rn_outline_done(&outline);
    return declares;
}

/* NULL: it may be entered. */
static const char *find_taken(const struct rn_repl_new *entry, const rune_text *items)
{
    return has_own_name(entry)  ? "names that begin with `" RN_REPL_OWN "` are the session's own"
           : declares_it(items) ? "`it` is the last value, and no item can be called so"
                                : NULL;
}

enum rn_repl_state rn_repl_check(struct rn_repl *repl, struct rn_repl_new *entry, bool may_go_on,
                                 rune_text **out_items)
{
    struct reading reading = read_text(repl, entry->name, entry->text, entry->size);
    enum rn_repl_state state = RN_REPL_WHOLE;
    *out_items = NULL;
    if (reading.outline) {
        entry->form = reads_within(repl, "(\n", entry, "\n)")              ? RN_REPL_EXPRESSION
                      : reads_within(repl, "", entry, "\nlet after = ();") ? RN_REPL_STATEMENTS
                                                                           : RN_REPL_TRAILING;
        entry->tail = entry->form == RN_REPL_EXPRESSION ? 0 : find_tail(repl, entry);
    } else {
        struct reading closed = read_within(repl, "", entry, "\n;");
        entry->form = RN_REPL_UNFINISHED;
        state = closed.outline         ? RN_REPL_WHOLE
                : wants_more(&reading) ? RN_REPL_MORE
                                       : RN_REPL_WRONG;
        reading.outline = closed.outline;
        closed.outline = NULL;
        reading_done(&closed);
    }
    const char *taken = state == RN_REPL_WHOLE ? find_taken(entry, reading.outline) : NULL;
    if (taken) {
        rn_console_complain("%s: %s; the entry is not kept", entry->name, taken);
        rn_repl_failed(repl, RN_EXIT_FAILED);
        state = RN_REPL_WRONG;
    } else if (state == RN_REPL_WHOLE) {
        *out_items = reading.outline;
        reading.outline = NULL;
    } else if (state == RN_REPL_WRONG || !may_go_on) {
        show(repl, &reading);
    }
    reading_done(&reading);
    return state;
}
