/* call.c: options to limits, the call itself, its output and its record. */
#include "cli/call.h"

#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/option_value.h"
#include "cli/out_file.h"
#include "cli/quantity.h"
#include "cli/visible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    enum rn_option option;
    rune_limit limit;
    enum rn_quantity quantity;
} limit_options[] = {
    {RN_OPTION_BUDGET, RUNE_LIMIT_BUDGET, RN_QUANTITY_COUNT},
    {RN_OPTION_WALL, RUNE_LIMIT_WALL, RN_QUANTITY_TIME},
    {RN_OPTION_CPU, RUNE_LIMIT_CPU, RN_QUANTITY_TIME},
    {RN_OPTION_MEMORY, RUNE_LIMIT_MEMORY, RN_QUANTITY_SIZE},
    {RN_OPTION_OUTPUT, RUNE_LIMIT_OUTPUT, RN_QUANTITY_SIZE},
    {RN_OPTION_DEPTH, RUNE_LIMIT_DEPTH, RN_QUANTITY_COUNT},
    {RN_OPTION_HOST_CALLS, RUNE_LIMIT_HOST_CALLS, RN_QUANTITY_COUNT},
};
#define LIMIT_COUNT (sizeof(limit_options) / sizeof(limit_options[0]))

/* Bytes of what was returned as a failure. */
#define FAILED_SHOWN 1000

/* Options */

// False after a complaint; *out_given tells whether there is a value.
static bool read_limit(const struct rn_session *session, size_t index, bool *out_given,
                       uint64_t *out_value)
{
    const char *text = session->args->values[limit_options[index].option];
    *out_given = text != NULL;
    return text == NULL || (rn_option_is_good(limit_options[index].option, text) &&
                            rn_quantity_parse(text, limit_options[index].quantity, out_value));
}

static bool set_limits(const struct rn_session *session, rune_limits *limits)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        bool given;
        uint64_t value = 0;
        if (!read_limit(session, i, &given, &value)) {
            return false;
        }
        if (given && rune_limits_set(limits, limit_options[i].limit, value) != RUNE_OK) {
            return false; // never: the value is one that a limit may have
        }
    }
    return true;
}

static bool read_seed(const struct rn_session *session, uint64_t *out_seed)
{
    const char *text = session->args->values[RN_OPTION_SEED];
    *out_seed = 0;
    return text == NULL || (rn_option_is_good(RN_OPTION_SEED, text) &&
                            rn_quantity_parse(text, RN_QUANTITY_COUNT, out_seed));
}

bool rn_call_check_options(struct rn_session *session)
{
    uint64_t seed;
    rune_limits *limits = rune_limits_new();
    bool sound = limits != NULL && set_limits(session, limits) && read_seed(session, &seed);
    rune_limits_free(limits);
    if (!sound) {
        session->code = RN_EXIT_USAGE;
    }
    return sound;
}

/* What a daemon's calls get without an option only the daemon knows. */
static void print_limit_unknown(size_t index, bool text)
{
    const char *name = rune_limit_name(limit_options[index].limit);
    if (text) {
        printf("%-11s %-10s the daemon's\n", name, "?");
    } else {
        printf("%s\"%s\":{\"value\":null,\"from\":\"daemon\"}", index == 0 ? "" : ",", name);
    }
}

static void print_origin(const struct rn_args *args, enum rn_option option)
{
    if (args->values[option] == NULL) {
        puts("default");
    } else if (args->lines[option] == 0) {
        printf("--%s\n", rn_option_info(option)->name);
    } else {
        fputs("from ", stdout);
        rn_visible_put(stdout, args->config, strlen(args->config), false);
        printf(":%u\n", args->lines[option]);
    }
}

static void print_limit_text(const struct rn_args *args, size_t index, uint64_t value)
{
    char buffer[32];
    const char *text =
        value == RUNE_UNLIMITED
            ? "unlimited"
            : rn_quantity_format(value, limit_options[index].quantity, buffer, sizeof(buffer));
    printf("%-11s %-10s ", rune_limit_name(limit_options[index].limit), text);
    print_origin(args, limit_options[index].option);
}

static void print_limit_json(const struct rn_args *args, size_t index, uint64_t value)
{
    enum rn_option option = limit_options[index].option;
    printf("%s\"%s\":{\"value\":", index == 0 ? "" : ",",
           rune_limit_name(limit_options[index].limit));
    if (value == RUNE_UNLIMITED) {
        printf("null");
    } else {
        printf("%llu", (unsigned long long)value);
    }
    if (args->lines[option] > 0) {
        fputs(",\"from\":\"config\"", stdout);
        rn_console_json_member("file", args->config);
        printf(",\"line\":%u}", args->lines[option]);
    } else {
        printf(",\"from\":\"%s\"}", args->values[option] != NULL ? "option" : "default");
    }
}

int rn_call_print_limits(struct rn_session *session)
{
    bool text = session->console.format == RN_FORMAT_TEXT;
    fputs(text ? "" : "{\"v\":1,\"limits\":{", stdout);
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        bool given;
        uint64_t value = 0;
        if (!read_limit(session, i, &given, &value)) {
            return RN_EXIT_USAGE;
        }
        if (!given && session->args->values[RN_OPTION_SOCKET] != NULL) {
            print_limit_unknown(i, text);
            continue;
        }
        value = given ? value : rune_limits_default(limit_options[i].limit);
        (text ? print_limit_text : print_limit_json)(session->args, i, value);
    }
    fputs(text ? "" : "}}\n", stdout);
    return 0;
}

/* Calling */

static void print_event(int stream, const char *data, size_t size)
{
    printf("{\"event\":\"output\",\"stream\":\"%s\",\"text\":",
           stream == RUNE_STREAM_STDERR ? "stderr" : "stdout");
    rn_console_json_string(data, size);
    puts("}");
    fflush(stdout);
}

static bool take_output(void *user, int stream, const char *data, size_t size)
{
    struct rn_call *call = user;
    enum rn_format format = call->session->console.format;
    if (format == RN_FORMAT_JSONL && !call->collect) {
        print_event(stream, data, size);
    } else if (stream == RUNE_STREAM_STDERR && !call->collect) {
        fwrite(data, 1, size, stderr);
    } else if (call->collect || format == RN_FORMAT_JSON) {
        rn_bytes_append(&call->output, data, size);
    } else {
        fwrite(data, 1, size, stdout);
    }
    return true;
}

static bool set_call_options(struct rn_call *call, rune_limits *limits, rune_call_options *options)
{
    uint64_t seed;
    if (!set_limits(call->session, limits) || !read_seed(call->session, &seed)) {
        call->session->code = RN_EXIT_USAGE;
        return false;
    }
    if (rune_call_options_set_limits(options, limits) != RUNE_OK) {
        call->session->code = rn_console_take_error(&call->session->console, NULL);
        return false;
    }
    rune_call_options_set_seed(options, seed);
    rune_call_options_set_clock(options, rn_args_has(call->session->args, RN_OPTION_CLOCK));
    rune_call_options_set_output(options, take_output, call);
    rune_call_options_set_wait(options, true);
    rune_call_options_set_journal(options, rn_args_has(call->session->args, RN_OPTION_JOURNAL));
    return true;
}

static rune_record *call_vm(struct rn_call *call, rune_vm *vm, const rune_call_options *options)
{
    rune_record *record = NULL;
    rune_error *error = NULL;
    rune_status status =
        rune_vm_call_record(vm, call->item, (const rune_const_value *const *)call->args,
                            call->arg_count, options, &record, &error);
    if (status != RUNE_OK) {
        call->session->code = rn_console_take_error(&call->session->console, error);
        return NULL;
    }
    return record;
}

static rune_record *call_interruptibly(struct rn_call *call, rune_vm *vm,
                                       rune_call_options *options)
{
    struct rn_interrupt interrupt;
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options_set_cancel_token(options, token);
    rn_interrupt_begin(&interrupt, token, true);
    rune_record *record = call_vm(call, vm, options);
    rn_interrupt_end(&interrupt);
    call->session->interrupted = call->session->interrupted || interrupt.cancelled;
    rune_cancel_token_unref(token);
    return record;
}

rune_limits *rn_call_limits(const struct rn_session *session)
{
    rune_limits *limits = rune_limits_new();
    if (limits != NULL && !set_limits(session, limits)) {
        rune_limits_free(limits);
        return NULL;
    }
    return limits;
}

void rn_call_set_inputs(const struct rn_session *session, rune_call_options *options)
{
    uint64_t seed;
    (void)read_seed(session, &seed);
    rune_call_options_set_seed(options, seed);
    rune_call_options_set_clock(options, rn_args_has(session->args, RN_OPTION_CLOCK));
}

static rune_status new_vm(const struct rn_call *call, rune_vm **out_vm, rune_error **error)
{
    rune_supervisor *supervisor = call->session->supervisor;
    return call->script != NULL ? rune_connect_vm(supervisor, call->script, NULL, out_vm, error)
                                : rune_vm_new(supervisor, NULL, call->unit, NULL, out_vm, error);
}

rune_record *rn_call_make(struct rn_call *call)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    if (limits == NULL || options == NULL) {
        call->session->code = rn_console_take_error(&call->session->console, NULL);
    } else if (new_vm(call, &vm, &error) != RUNE_OK) {
        call->session->code = rn_console_take_error(&call->session->console, error);
    } else if (set_call_options(call, limits, options)) {
        record = call_interruptibly(call, vm, options);
    }
    rune_vm_free(vm);
    rune_call_options_free(options);
    rune_limits_free(limits);
    return record;
}

void rn_call_done(struct rn_call *call)
{
    for (size_t i = 0; i < call->arg_count; i++) {
        rune_value_unref(call->args[i]);
    }
    call->arg_count = 0;
    rn_bytes_done(&call->output);
}

/* Reporting */

static rune_text *record_text(const struct rn_call *call, const rune_record *record)
{
    rune_text *text = NULL;
    if (rune_unit_record_to_json(call->unit, record, call->output.data, call->output.size, &text) !=
        RUNE_OK) {
        rn_console_complain("out of memory");
        return NULL;
    }
    return text;
}

static bool write_meta(const struct rn_call *call, const rune_record *record)
{
    const char *path = call->session->args->values[RN_OPTION_META];
    if (path == NULL) {
        return true;
    }
    rune_text *text = record_text(call, record);
    struct rn_out_file file = {.stream = NULL};
    FILE *out = text == NULL ? NULL : rn_out_file_open(&file, path);
    bool written =
        out != NULL &&
        fwrite(rune_text_data(text), 1, rune_text_size(text), out) == rune_text_size(text) &&
        fputc('\n', out) != EOF;
    if (!rn_out_file_close(&file, written)) {
        written = false;
        rn_console_complain("%s: %s", path, strerror(errno));
    }
    rune_text_free(text);
    return written;
}

// The replay file; one that the call does not have is said, and no failure of the command.
static bool write_journal(const struct rn_call *call, const rune_record *record)
{
    const char *path = call->session->args->values[RN_OPTION_JOURNAL];
    rune_error *error = NULL;
    if (path == NULL || rune_record_save_journal(record, path, &error) == RUNE_OK) {
        return true;
    }
    bool written = rune_error_status(error) == RUNE_E_NOT_FOUND;
    rn_console_complain("--journal: %s", rune_error_message(error));
    rune_error_free(error);
    return written;
}

static void print_record(const struct rn_call *call, const rune_record *record)
{
    rune_text *text = record_text(call, record);
    if (text == NULL) {
        return;
    }
    if (call->session->console.format == RN_FORMAT_JSONL) {
        fputs("{\"event\":\"result\",\"record\":", stdout);
        rn_console_take_text(text);
        puts("}");
    } else {
        rn_console_take_text(text);
        puts("");
    }
}

static void print_value_text(const struct rn_call *call, const rune_record *record)
{
    rune_text *text = NULL;
    const rune_const_value *value = rune_record_value(record);
    if (value != NULL && rune_unit_value_to_json(call->unit, value, &text, NULL) == RUNE_OK) {
        rn_console_take_text(text);
        puts("");
    }
}

/* At most FAILED_SHOWN bytes of it, and whole characters. */
static size_t shown_size(const rune_text *text)
{
    size_t size = rune_text_size(text);
    if (size > FAILED_SHOWN) {
        size = FAILED_SHOWN;
        while (((unsigned char)rune_text_data(text)[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    return size;
}

bool rn_call_failure(const rune_unit *unit, const rune_record *record,
                     char out[RN_CALL_FAILURE_MAX])
{
    const rune_const_value *value = rune_record_value(record);
    rune_text *text = NULL;
    if (!value || rune_value_kind_of(value) != RUNE_VALUE_RESULT || rune_value_is_ok(value)) {
        return false;
    }
    rune_const_value *why = rune_value_at(value, 0);
    if (why && rune_unit_value_to_json(unit, why, &text, NULL) == RUNE_OK) {
        (void)snprintf(out, RN_CALL_FAILURE_MAX, "Err(%.*s)%s", (int)shown_size(text),
                       rune_text_data(text),
                       rune_text_size(text) > FAILED_SHOWN ? " and more" : "");
    } else {
        (void)snprintf(out, RN_CALL_FAILURE_MAX, "an Err");
    }
    rune_text_free(text);
    rune_value_unref(why);
    return true;
}

/* A main that returns an Err has failed in its own eyes; with Rune it says so to nobody. */
static void say_that_it_failed(const struct rn_call *call, const rune_record *record)
{
    char failure[RN_CALL_FAILURE_MAX];
    if (rn_call_failure(call->unit, record, failure)) {
        fflush(stdout);
        rn_console_complain("main returned %s", failure);
    }
}

static void print_error(const struct rn_console *console, const rune_error *error)
{
    rune_text *text = NULL;
    fflush(stdout);
    if (rune_error_render(error, console->color, &text) == RUNE_OK) {
        fwrite(rune_text_data(text), 1, rune_text_size(text), stderr);
    }
    rune_text_free(text);
}

static void print_usage(const rune_record *record)
{
    char memory[32];
    const rune_usage *usage = rune_record_usage(record);
    fflush(stdout);
    fprintf(stderr, "%s: %llu instructions, %s bytes at most, %llu us, %llu bytes of output\n",
            rune_reason_name(rune_record_reason(record)), (unsigned long long)usage->budget,
            rn_quantity_format(usage->memory_peak, RN_QUANTITY_SIZE, memory, sizeof(memory)),
            (unsigned long long)usage->wall_us, (unsigned long long)usage->output_bytes);
}

/* A limit has the name of its reason, and an option, which a daemon follows up to its own limit. */
static void say_how_to_raise(const struct rn_call *call, rune_reason reason)
{
    const char *hint =
        call->script != NULL ? "up to the limit of the daemon" : "--limits shows all of them";
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (strcmp(rune_limit_name(limit_options[i].limit), rune_reason_name(reason)) == 0) {
            rn_console_complain("%s: --%s sets this limit, %s", rune_reason_name(reason),
                                rn_option_info(limit_options[i].option)->name, hint);
        }
    }
}

void rn_call_show_error(struct rn_session *session, const rune_record *record)
{
    const struct rn_call call = {.session = session};
    print_error(&session->console, rune_record_error(record));
    say_how_to_raise(&call, rune_record_reason(record));
}

/* What went wrong, if anything did. */
static void say_failure(const struct rn_call *call, const rune_record *record)
{
    const rune_error *error = rune_record_error(record);
    if (error != NULL) {
        print_error(&call->session->console, error);
        say_how_to_raise(call, rune_record_reason(record));
    } else if (!call->session->console.quiet) {
        say_that_it_failed(call, record);
    }
}

/* The files that were asked for, and the exit code. */
static int settle(const struct rn_call *call, const rune_record *record)
{
    const rune_error *error = rune_record_error(record);
    if (call->session->console.verbose) {
        print_usage(record);
    }
    bool written = write_meta(call, record);
    written = write_journal(call, record) && written;
    int code = rune_reason_exit_code(rune_record_reason(record),
                                     error == NULL ? 0 : rune_error_signal(error));
    return code == 0 && !written ? RN_EXIT_OUTPUT : code;
}

static int report(const struct rn_call *call, const rune_record *record, bool print_value)
{
    if (call->session->console.format != RN_FORMAT_TEXT) {
        print_record(call, record);
    } else if (print_value && rune_record_error(record) == NULL) {
        print_value_text(call, record);
    } else {
        say_failure(call, record);
    }
    return settle(call, record);
}

/* Something in it has a name that only the Unit knows: a type's hash stands there, or a member of that very name. */
static bool wants_names(const rune_record *record)
{
    rune_text *text = NULL;
    const rune_const_value *value = rune_record_value(record);
    bool wants = value != NULL && rune_value_to_json(value, &text, NULL) == RUNE_OK &&
                 strstr(rune_text_data(text), "{\"type\":\"0x") != NULL;
    rune_text_free(text);
    return wants;
}

int rn_call_report(const struct rn_call *call, const rune_record *record, bool print_value)
{
    struct rn_call named = *call;
    rune_unit *unit = NULL;
    // A daemon's script has been called by its name; its Unit is as large as the script.
    if (call->script != NULL && wants_names(record) &&
        rune_connect_unit(call->session->supervisor, call->script, &unit, NULL) == RUNE_OK) {
        named.unit = unit;
    }
    int code = report(&named, record, print_value);
    rune_unit_unref(unit);
    return code;
}

int rn_call_report_end(const struct rn_call *call, const rune_record *record)
{
    if (call->session->console.format == RN_FORMAT_TEXT) {
        say_failure(call, record);
    }
    return settle(call, record);
}
