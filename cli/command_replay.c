/*
 * command_replay.c: a call out of a replay file, run again: what happens in it, and whether it is the same.
 */
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/visible.h"

#include <stdio.h>
#include <string.h>

struct replay {
    struct rn_session *session;
    rune_replay_info info;
    bool trace; /* steps are the result, in place of the script's output */
    bool begun; /* JSON: there was an event */
};

static const char *const verdict_names[] = {"same", "as_far", "diverged"};
static const char *const event_names[] = {"host_call", "answer", "failure", "wake", "output"};

/* Text */

static void print_value(const rune_unit *unit, const rune_const_value *value)
{
    rune_text *text = NULL;
    if (value != NULL && rune_unit_value_to_json(unit, value, &text, NULL) == RUNE_OK) {
        rn_console_take_text(text);
    } else {
        fputs(value == NULL ? "" : "?", stdout);
    }
}

// Arguments as they stand in a call: a vec in JSON without its brackets.
static void print_args(const rune_unit *unit, const rune_const_value *args)
{
    rune_value_iter at;
    rune_const_value *item = NULL;
    const char *comma = "";
    rune_value_iter_init(&at, args);
    putchar('(');
    while (rune_value_iter_next(&at, &item) == RUNE_OK) {
        fputs(comma, stdout);
        print_value(unit, item);
        rune_value_unref(item);
        comma = ", ";
    }
    putchar(')');
}

// Names in a replay file are whoever's it was.
static void print_name(const char *name)
{
    rn_visible_put(stdout, name, strlen(name), false);
}

static void print_place(const rune_frame *place)
{
    if (place->line > 0) {
        fputs("  ", stdout);
        print_name(place->source);
        printf(":%u:%u", place->line, place->column);
    }
    if (place->function[0] != 0) {
        fputs(" in ", stdout);
        print_name(place->function);
    }
}

static void print_step(const rune_unit *unit, const rune_replay_event *event)
{
    if (event->kind == RUNE_REPLAY_HOST_CALL) {
        printf("%14llu  call %-4u ", (unsigned long long)event->budget, event->number);
        print_name(event->item);
        print_args(unit, event->value);
        print_place(&event->place);
    } else if (event->kind == RUNE_REPLAY_ANSWER) {
        printf("%14s  answer %-2u ", "", event->number);
        print_value(unit, event->value);
    } else if (event->kind == RUNE_REPLAY_FAILURE) {
        printf("%14s  failed %-2u ", "", event->number);
        rn_console_json_string(event->text, event->text_size);
    } else if (event->kind == RUNE_REPLAY_WAKE) {
        printf("%14s  wake", "");
    } else {
        printf("%14s  %-9s ", "", event->stream == RUNE_STREAM_STDERR ? "stderr" : "stdout");
        rn_console_json_string(event->text, event->text_size);
    }
    puts(event->differs ? "  <- differs" : "");
}

/* JSON */

static void print_json_value(const char *key, const rune_unit *unit, const rune_const_value *value)
{
    printf(",\"%s\":", key);
    if (value == NULL) {
        fputs("null", stdout);
    } else {
        print_value(unit, value);
    }
}

static void print_json_place(const rune_frame *place)
{
    rn_console_json_member("function", place->function);
    rn_console_json_member("source", place->source);
    printf(",\"line\":%u,\"column\":%u", place->line, place->column);
}

static void print_json_event(const rune_unit *unit, const rune_replay_event *event)
{
    printf("{\"event\":\"%s\"", event_names[event->kind]);
    if (event->item != NULL) {
        printf(",\"number\":%u", event->number);
        rn_console_json_member("item", event->item);
    }
    if (event->kind == RUNE_REPLAY_HOST_CALL) {
        printf(",\"budget\":%llu", (unsigned long long)event->budget);
        print_json_place(&event->place);
        print_json_value("args", unit, event->value);
    } else if (event->kind == RUNE_REPLAY_ANSWER) {
        print_json_value("value", unit, event->value);
    } else if (event->kind == RUNE_REPLAY_OUTPUT) {
        rn_console_json_member("stream", event->stream == RUNE_STREAM_STDERR ? "stderr" : "stdout");
    }
    if (event->text != NULL) {
        printf(",\"text\":");
        rn_console_json_string(event->text, event->text_size);
    }
    printf(",\"differs\":%s}", event->differs ? "true" : "false");
}

/* Steps */

static void take_event(void *user, const rune_replay_event *event)
{
    struct replay *replay = user;
    enum rn_format format = replay->session->console.format;
    if (format == RN_FORMAT_TEXT && replay->trace) {
        print_step(replay->info.unit, event);
    } else if (format == RN_FORMAT_JSONL) {
        print_json_event(replay->info.unit, event);
        puts("");
    } else if (format == RN_FORMAT_JSON) {
        fputs(replay->begun ? "," : "{\"v\":1,\"events\":[", stdout);
        print_json_event(replay->info.unit, event);
    }
    replay->begun = true;
}

static bool take_output(void *user, int stream, const char *data, size_t size)
{
    const struct replay *replay = user;
    if (replay->session->console.format == RN_FORMAT_TEXT && !replay->trace) {
        fwrite(data, 1, size, stream == RUNE_STREAM_STDERR ? stderr : stdout);
    }
    return true;
}

/* The end */

static void print_error(const struct rn_console *console, const rune_error *error)
{
    rune_text *text = NULL;
    fflush(stdout);
    if (error != NULL && rune_error_render(error, console->color, &text) == RUNE_OK) {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stderr);
    }
    rune_text_free(text);
}

static void print_verdict(const struct replay *replay, const rune_replay_result *result)
{
    const char *difference = rune_replay_result_difference(result);
    const char *before = rune_reason_name(replay->info.reason);
    uint64_t budget = rune_record_usage(rune_replay_result_record(result))->budget;
    switch (rune_replay_result_verdict(result)) {
    case RUNE_REPLAY_SAME:
        fprintf(stderr, "replay: the same as before: %s", before);
        // The worker may not have been able to tell; where time ended it, each run took its own.
        if (budget > 0 && budget == replay->info.budget) {
            fprintf(stderr, ", %llu instructions", (unsigned long long)budget);
        }
        fputs("\n", stderr);
        break;
    case RUNE_REPLAY_AS_FAR:
        fprintf(stderr,
                "replay: the same as far as the journal goes, where the call ended as %s%s%s\n",
                before, difference[0] == 0 ? "" : "; ", difference);
        break;
    case RUNE_REPLAY_DIVERGED:
        fprintf(stderr, "replay: not the same as before, when the call ended as %s: %s\n", before,
                difference);
        break;
    }
}

static void print_json_end(const struct replay *replay, const rune_replay_result *result)
{
    rune_text *text = NULL;
    bool lines = replay->session->console.format == RN_FORMAT_JSONL;
    fputs(lines ? "{\"event\":\"result\"" : replay->begun ? "]" : "{\"v\":1,\"events\":[]", stdout);
    rn_console_json_member("verdict", verdict_names[rune_replay_result_verdict(result)]);
    rn_console_json_member("difference", rune_replay_result_difference(result));
    printf(",\"before\":{\"reason\":\"%s\"", rune_reason_name(replay->info.reason));
    rn_console_json_member("kind", replay->info.kind);
    rn_console_json_member("message", replay->info.message);
    printf(",\"budget\":%llu},\"record\":", (unsigned long long)replay->info.budget);
    if (rune_unit_record_to_json(replay->info.unit, rune_replay_result_record(result), NULL, 0,
                                 &text) == RUNE_OK) {
        rn_console_take_text(text);
    } else {
        fputs("null", stdout);
    }
    puts("}");
}

// The call's own, be it that of the first run if the second one was stopped where its journal ends.
static int exit_code(const struct replay *replay, const rune_replay_result *result)
{
    const rune_record *record = rune_replay_result_record(result);
    const rune_error *error = rune_record_error(record);
    rune_replay_verdict verdict = rune_replay_result_verdict(result);
    if (verdict == RUNE_REPLAY_DIVERGED) {
        return RN_EXIT_DIVERGED;
    }
    bool stopped = strcmp(rune_error_kind(error), "replay_ended") == 0;
    return stopped ? rune_reason_exit_code(replay->info.reason, replay->info.signal)
                   : rune_reason_exit_code(rune_record_reason(record), rune_error_signal(error));
}

static int report(const struct replay *replay, const rune_replay_result *result)
{
    const struct rn_console *console = &replay->session->console;
    if (console->format != RN_FORMAT_TEXT) {
        print_json_end(replay, result);
    } else {
        print_error(console, rune_record_error(rune_replay_result_record(result)));
        print_verdict(replay, result);
    }
    return exit_code(replay, result);
}

static int run(struct rn_session *session, const rune_replay *file)
{
    rune_error *error = NULL;
    rune_replay_result *result = NULL;
    struct replay replay = {.session = session,
                            .trace = rn_args_has(session->args, RN_OPTION_TRACE)};
    rune_replay_options options = {
        .event = take_event, .event_user = &replay, .output = take_output, .output_user = &replay};
    rune_replay_describe(file, &replay.info);
    if (rune_replay_run(session->supervisor, file, &options, &result, &error) != RUNE_OK) {
        return rn_console_take_error(&session->console, error);
    }
    int code = report(&replay, result);
    rune_replay_result_free(result);
    return code;
}

int rn_command_replay(struct rn_session *session)
{
    rune_replay *file = NULL;
    rune_error *error = NULL;
    if (session->args->operand_count != 1) {
        return rn_command_misused(session);
    }
    rune_status status = rune_replay_load_file(session->args->operands[0], &file, &error);
    if (status != RUNE_OK) {
        int code = rn_console_take_error(&session->console, error);
        if (status == RUNE_E_REPLAY_INVALID && !session->console.quiet) {
            rn_console_complain(
                "replay: `runeward run --journal FILE` keeps a call in such a file");
        }
        return code;
    }
    int code = rn_session_start(session) ? run(session, file) : session->code;
    rune_replay_free(file);
    return code;
}
