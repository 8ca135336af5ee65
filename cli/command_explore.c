/*
 * command_explore.c: explore: compiles, calls, and writes the page about it.
 *
 * Without `--no-run`, and if there is something to call, the script runs under the profiler. The page is there however
 * the call ended; the exit code is the call's.
 */
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/explore.h"
#include "cli/out_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- The page ---- */

static int fail(const struct rn_explore *explore, enum rn_explore_status status)
{
    if (status == RN_EXPLORE_NO_MEMORY) {
        rn_console_complain("out of memory");
        return rune_reason_exit_code(RUNE_REASON_INTERNAL, 0);
    }
    rn_console_complain(
        "%s: a page about it would have more than %zu lines and instructions, or more "
        "than %zu MiB; `runeward disasm` lists any Unit",
        explore->file, RN_EXPLORE_ROWS_MAX, RN_EXPLORE_PAGE_MAX >> 20);
    return RN_EXIT_FAILED;
}

static int write_file(const char *path, const struct rn_bytes *bytes)
{
    struct rn_out_file file = {.stream = NULL};
    FILE *out = rn_out_file_open(&file, path);
    bool written = out != NULL && fwrite(bytes->data, 1, bytes->size, out) == bytes->size;
    if (!rn_out_file_close(&file, written)) {
        rn_console_complain("%s: %s", path, strerror(errno));
        return RN_EXIT_OUTPUT;
    }
    return 0;
}

static size_t count_functions(const rune_listing *listing)
{
    size_t count = 0;
    rune_listing_function function;
    while (rune_listing_function_at(listing, count, &function)) {
        count++;
    }
    return count;
}

static void print_record(const rune_unit *unit, const rune_record *record)
{
    rune_text *text = NULL;
    if (record != NULL && rune_unit_record_to_json(unit, record, NULL, 0, &text) == RUNE_OK) {
        rn_console_take_text(text);
    } else {
        fputs("null", stdout);
    }
}

/* What was written, on standard output. */
static void say(const struct rn_session *session, const struct rn_explore *explore)
{
    const char *path = session->args->values[RN_OPTION_OUT];
    size_t instructions = rune_listing_instruction_count(explore->listing);
    size_t functions = count_functions(explore->listing);
    if (session->console.format == RN_FORMAT_TEXT) {
        if (!session->console.quiet) {
            printf("%s: %zu function%s, %zu instructions\n", path, functions,
                   functions == 1 ? "" : "s", instructions);
        }
        return;
    }
    fputs("{\"v\":1,\"page\":", stdout);
    rn_console_json_string(path, strlen(path));
    printf(",\"functions\":%zu,\"instructions\":%zu,\"spent\":", functions, instructions);
    if (explore->counts.counted) {
        printf("%llu", (unsigned long long)explore->counts.spent);
    } else {
        fputs("null", stdout);
    }
    fputs(",\"record\":", stdout);
    print_record(explore->unit, explore->record);
    puts("}");
}

static int put_out(const struct rn_session *session, const struct rn_explore *explore,
                   const struct rn_bytes *page)
{
    const char *path = session->args->values[RN_OPTION_OUT];
    if (path == NULL) {
        fwrite(page->data, 1, page->size, stdout);
        return 0;
    }
    int code = write_file(path, page);
    if (code == 0) {
        say(session, explore);
    }
    return code;
}

static int show(struct rn_session *session, struct rn_explore *explore)
{
    struct rn_html page = {.no_memory = false};
    enum rn_explore_status made = rn_explore_page(explore, &page);
    int code = made == RN_EXPLORE_OK ? put_out(session, explore, &page.out) : fail(explore, made);
    rn_explore_counts_done(&explore->counts);
    rn_bytes_done(&page.out);
    return code;
}

/* ---- The call ---- */

static int run(struct rn_session *session, struct rn_explore *explore, struct rn_call *call)
{
    if (!rn_call_aim(call, session->args)) {
        return RN_EXIT_USAGE;
    }
    rune_record *record = rn_call_make(call);
    if (record == NULL) {
        return session->code;
    }
    explore->item = call->item;
    explore->record = record;
    explore->output = &call->output;
    int code = show(session, explore);
    int end = rn_call_report_end(call, record);
    rune_record_free(record);
    return code == 0 ? end : code;
}

/* Words behind the file are for something that is called: without it they are a mistake, which is told. */
static bool is_called(const struct rn_args *args, const rune_unit *unit,
                      const rune_listing *listing)
{
    return !rn_args_has(args, RN_OPTION_NO_RUN) &&
           (rn_args_has(args, RN_OPTION_ITEM) || args->operand_count > 1 ||
            rune_unit_has(unit, "main") || rn_call_has_body(listing));
}

static int explore_unit(struct rn_session *session, rune_unit *unit)
{
    struct rn_explore explore = {
        .file = session->args->operands[0],
        .unit = unit,
        .diagnostics = session->console.quiet ? NULL : session->diagnostics,
    };
    rune_listing *listing = NULL;
    rune_status status = rune_listing_new(unit, &listing);
    if (status != RUNE_OK) {
        return fail(&explore,
                    status == RUNE_E_TOO_LARGE ? RN_EXPLORE_TOO_LARGE : RN_EXPLORE_NO_MEMORY);
    }
    struct rn_call call = {.session = session, .unit = unit, .collect = true};
    explore.listing = listing;
    int code = is_called(session->args, unit, listing) ? run(session, &explore, &call)
                                                       : show(session, &explore);
    rn_call_done(&call);
    rune_listing_free(listing);
    return code;
}

static bool check_no_run(const struct rn_args *args)
{
    bool called = rn_args_has(args, RN_OPTION_ITEM) || args->operand_count > 1;
    if (rn_args_has(args, RN_OPTION_NO_RUN) && called) {
        rn_console_complain("--no-run: nothing is called, so neither --item nor arguments mean "
                            "anything");
        return false;
    }
    return true;
}

int rn_command_explore(struct rn_session *session)
{
    const struct rn_args *args = session->args;
    if (!rn_call_check_options(session)) {
        return session->code;
    }
    if (rn_args_has(args, RN_OPTION_LIMITS)) {
        return rn_call_print_limits(session);
    }
    if (args->operand_count == 0) {
        return rn_command_misused(session);
    }
    if (!check_no_run(args)) {
        return RN_EXIT_USAGE;
    }
    const char *path = args->operands[0];
    bool only_read = rn_args_has(args, RN_OPTION_NO_RUN) && rn_session_is_unit_file(path);
    if (!only_read && !rn_session_start(session)) {
        return session->code;
    }
    session->keeps_diagnostics = true;
    rune_unit *unit = rn_session_unit(session, path, args->values[RN_OPTION_ITEM] == NULL);
    int code = unit == NULL ? session->code : explore_unit(session, unit);
    rune_unit_unref(unit);
    return code;
}
