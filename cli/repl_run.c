/*
 * repl_run.c: an entry behind all earlier ones, compiled and run.
 *
 * The script says where it is: it calls `__session::mark` when the entry begins, and again when its value is known. What is
 * printed before that is what was printed already; limits are those of the entry, and what the past takes comes on top.
 */
#include "cli/call.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/repl_names.h"

#include <runeward/tools.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SLOW_NS 1000000000u
#define DIGEST_BEGIN 0xcbf29ce484222325u
#define DIGEST_PRIME 0x100000001b3u

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What the run tells */

/* What was printed before the entry is what was printed then. */
static bool repeats(const struct rn_repl *repl)
{
    return repl->run.output_bytes == repl->past.output && repl->run.digest == repl->digest;
}

static void on_mark(void *user, rune_host_call *call)
{
    struct rn_repl_run *run = &((struct rn_repl *)user)->run;
    if (run->marks < 2) {
        run->budget[run->marks] = rune_host_call_budget(call);
        run->output[run->marks] = run->output_bytes;
        *(run->marks == 0 ? &run->entry_ns : &run->end_ns) = now_ns();
        run->differs = run->differs || (run->marks == 0 && !repeats(user));
        run->marks++;
    }
    rune_const_value *unit = rune_value_unit();
    (void)!rune_host_call_reply(call, unit);
    rune_value_unref(unit);
}

/* FNV-1a: what came before must be what came before; nobody has a reason to forge it. */
static uint64_t digest_more(uint64_t digest, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ (unsigned char)data[i]) * DIGEST_PRIME;
    }
    return digest;
}

static bool take_output(void *user, int stream, const char *data, size_t size)
{
    struct rn_repl_run *run = &((struct rn_repl *)user)->run;
    run->output_bytes += size;
    if (run->marks < 2) {
        run->digest = digest_more(run->digest, data, size);
    }
    if (run->marks > 0) {
        FILE *out = stream == RUNE_STREAM_STDERR ? stderr : stdout;
        fwrite(data, 1, size, out);
        fflush(out);
    }
    return true;
}

/* The session */

static bool make_runtime(struct rn_repl *repl, rune_error **error)
{
    rune_module *module = rune_module_new(RN_REPL_OWN);
    repl->context = rune_context_with_default_modules();
    bool good = module && repl->context &&
                rune_module_function(module, "mark", 0, 0, on_mark, repl, error) == RUNE_OK &&
                rune_context_install(repl->context, module, error) == RUNE_OK &&
                rune_context_runtime(repl->context, &repl->runtime, error) == RUNE_OK;
    rune_module_free(module);
    return good;
}

bool rn_repl_init(struct rn_repl *repl, struct rn_session *session)
{
    rune_error *error = NULL;
    *repl = (struct rn_repl){
        .session = session, .timeline = rune_timeline_new(), .digest = DIGEST_BEGIN};
    if (repl->timeline && rn_repl_script_init(&repl->script) && make_runtime(repl, &error)) {
        return true;
    }
    session->code = rn_console_take_error(&session->console, error);
    return false;
}

void rn_repl_done(struct rn_repl *repl)
{
    rn_repl_script_done(&repl->script);
    rn_bytes_done(&repl->pasts);
    rn_bytes_done(&repl->items);
    rune_runtime_unref(repl->runtime);
    rune_context_free(repl->context);
    rune_timeline_free(repl->timeline);
}

bool rn_repl_reset(struct rn_repl *repl)
{
    rn_repl_script_done(&repl->script);
    repl->pasts.size = 0;
    repl->items.size = 0;
    repl->block_items = 0;
    repl->past = (struct rn_repl_past){.budget = 0};
    repl->digest = DIGEST_BEGIN;
    repl->told_slow = false;
    rune_timeline_cut(repl->timeline, 0);
    return rn_repl_script_init(&repl->script);
}

/* What is kept beside the script, of each entry. */
struct before {
    struct rn_repl_past past;
    uint64_t digest;
    size_t items;
    size_t block_items;
};

bool rn_repl_undo(struct rn_repl *repl)
{
    if (!rn_repl_script_undo(&repl->script)) {
        return false;
    }
    struct before before;
    repl->pasts.size -= sizeof before;
    memcpy(&before, repl->pasts.data + repl->pasts.size, sizeof before);
    repl->past = before.past;
    repl->digest = before.digest;
    repl->items.size = before.items;
    repl->block_items = before.block_items;
    rune_timeline_cut(repl->timeline, before.past.moments);
    return true;
}

void rn_repl_failed(struct rn_repl *repl, int code)
{
    repl->code = repl->code == 0 ? code : repl->code;
}

/* Limits */

static void raise_limit(rune_limits *limits, rune_limit limit, uint64_t by)
{
    uint64_t value = rune_limits_get(limits, limit);
    value = value == RUNE_UNLIMITED ? rune_limits_default(limit) : value;
    if (value != RUNE_UNLIMITED && by > 0) {
        value = value > UINT64_MAX / 2 - by ? UINT64_MAX / 2 : value + by;
        (void)!rune_limits_set(limits, limit, value);
    }
}

/* Those of the entry, and what comes before it; of time twice that, since it varies. */
static rune_limits *make_limits(const struct rn_repl *repl)
{
    rune_limits *limits = rn_call_limits(repl->session);
    if (limits) {
        raise_limit(limits, RUNE_LIMIT_BUDGET, repl->past.budget);
        raise_limit(limits, RUNE_LIMIT_OUTPUT, repl->past.output);
        raise_limit(limits, RUNE_LIMIT_WALL, repl->past.wall_us * 2000);
        raise_limit(limits, RUNE_LIMIT_CPU, repl->past.cpu_us * 2000);
        raise_limit(limits, RUNE_LIMIT_HOST_CALLS, 2);
    }
    return limits;
}

/* Compiling */

static const struct rune_part *parts_of(const struct rn_bytes *parts)
{
    return (const struct rune_part *)(const void *)parts->data;
}

/* A whole that was put together, and what the compiler made of it. */
struct whole {
    struct rn_bytes text;
    struct rn_bytes parts;
    rune_diagnostics *diagnostics;
    rune_unit *unit; /* NULL: */
    rune_error *error;
    rune_status status;
};

static void whole_done(struct whole *whole)
{
    rn_bytes_done(&whole->text);
    rn_bytes_done(&whole->parts);
    rune_diagnostics_free(whole->diagnostics);
    rune_unit_unref(whole->unit);
    rune_error_free(whole->error);
}

static size_t part_count(const struct whole *whole)
{
    return whole->parts.size / sizeof(struct rune_part);
}

static void build(struct rn_repl *repl, struct whole *whole)
{
    rune_sources *sources = rune_sources_new();
    rune_options *options = rn_session_options(repl->session, true);
    whole->diagnostics = rune_diagnostics_new();
    if (sources && options && whole->diagnostics) {
        whole->status = rune_sources_insert_memory(sources, RN_REPL_SOURCE, whole->text.data,
                                                   whole->text.size, &whole->error);
    }
    if (whole->status == RUNE_OK) {
        whole->status = rune_build(repl->session->supervisor, sources, repl->context, options,
                                   whole->diagnostics, &whole->unit, &whole->error);
        (void)!rune_diagnostics_set_parts(whole->diagnostics, RN_REPL_SOURCE,
                                          parts_of(&whole->parts), part_count(whole));
        rune_diagnostics_drop_warnings(whole->diagnostics);
    }
    rune_options_free(options);
    rune_sources_free(sources);
}

static struct whole compile(struct rn_repl *repl, const struct rn_repl_new *entry,
                            enum rn_repl_use use)
{
    struct whole whole = {.status = RUNE_E_NO_MEMORY};
    if (rn_repl_script_compose(&repl->script, entry, use, &whole.text, &whole.parts)) {
        build(repl, &whole);
    }
    return whole;
}

static int show_build(struct rn_repl *repl, struct whole *whole)
{
    if (rune_diagnostics_count(whole->diagnostics) > 0 && whole->status == RUNE_E_COMPILE_FAILED) {
        rn_session_show(repl->session, whole->diagnostics);
        return rune_reason_exit_code(RUNE_REASON_FAILED, 0);
    }
    rune_error *error = whole->error;
    whole->error = NULL;
    return rn_console_take_error(&repl->session->console, error);
}

/* Running */

static rune_record *call(struct rn_repl *repl, rune_vm *vm, rune_call_options *options,
                         rune_error **error)
{
    struct rn_interrupt interrupt;
    rune_record *record = NULL;
    rune_cancel_token *token = rune_cancel_token_new();
    rune_call_options_set_cancel_token(options, token);
    rn_interrupt_begin(&interrupt, token, false);
    repl->run = (struct rn_repl_run){.begun_ns = now_ns(), .digest = DIGEST_BEGIN};
    rune_status status = rune_vm_call_record(vm, "", NULL, 0, options, &record, error);
    rn_interrupt_end(&interrupt);
    repl->hung_up = repl->hung_up || (interrupt.cancelled && interrupt.number != SIGINT);
    rune_cancel_token_unref(token);
    return status == RUNE_OK ? record : NULL;
}

static rune_record *run_unit(struct rn_repl *repl, rune_unit *unit, rune_error **error)
{
    rune_vm *vm = NULL;
    rune_record *record = NULL;
    rune_limits *limits = make_limits(repl);
    rune_call_options *options = rune_call_options_new();
    if (limits && options && rune_call_options_set_limits(options, limits) == RUNE_OK &&
        rune_vm_new(repl->session->supervisor, repl->runtime, unit, NULL, &vm, error) == RUNE_OK) {
        rn_call_set_inputs(repl->session, options);
        rune_call_options_set_output(options, take_output, repl);
        rune_call_options_set_timeline(options, repl->timeline);
        rune_call_options_set_wait(options, true);
        record = call(repl, vm, options, error);
    }
    rune_vm_free(vm);
    rune_call_options_free(options);
    rune_limits_free(limits);
    return record;
}

/* That the past took long, once, until the session is shorter. */
static void tell_time(struct rn_repl *repl)
{
    uint64_t past_ns = repl->run.marks > 0 ? repl->run.entry_ns - repl->run.begun_ns : 0;
    if (past_ns > SLOW_NS && !repl->told_slow && !repl->session->console.quiet) {
        rn_console_complain(
            "what was entered before took %.1f s to run again; :reset or :undo make the "
            "session shorter, :time runs an expression without keeping it",
            (double)past_ns / 1e9);
        repl->told_slow = true;
    }
}

static bool came_to_its_end(const struct rn_repl *repl, const rune_record *record)
{
    const char *data;
    size_t size;
    char end[32];
    rn_repl_script_end(&repl->script, end);
    return repl->run.marks == 2 && rune_value_get_string(rune_record_value(record), &data, &size) &&
           size == strlen(end) && memcmp(data, end, size) == 0;
}

static int judge(struct rn_repl *repl, rune_record *record)
{
    const rune_error *error = rune_record_error(record);
    fflush(stdout);
    if (error) {
        rn_call_show_error(repl->session, record);
        return rune_reason_exit_code(rune_record_reason(record), rune_error_signal(error));
    }
    if (repl->run.differs) {
        rn_console_complain(
            "what was entered before did not print the same again, so the entry is not kept");
        return RN_EXIT_DIVERGED;
    }
    if (!came_to_its_end(repl, record)) {
        rn_console_complain(
            "the entry left the session's script (`return`, `yield`), and is not kept");
        return RN_EXIT_FAILED;
    }
    return 0;
}

static int run_whole(struct rn_repl *repl, struct whole *whole)
{
    rune_error *error = NULL;
    rune_record *record = run_unit(repl, whole->unit, &error);
    if (!record) {
        return rn_console_take_error(&repl->session->console, error);
    }
    (void)!rune_record_set_parts(record, RN_REPL_SOURCE, parts_of(&whole->parts),
                                 part_count(whole));
    tell_time(repl);
    int code = judge(repl, record);
    if (code == 0) {
        const rune_usage *usage = rune_record_usage(record);
        repl->past.budget = repl->run.budget[1];
        repl->past.wall_us = usage->wall_us;
        repl->past.cpu_us = usage->cpu_us;
    }
    rune_record_free(record);
    return code;
}

int rn_repl_try(struct rn_repl *repl, struct rn_repl_new *entry, enum rn_repl_use use)
{
    struct whole whole = compile(repl, entry, use);
    struct rn_repl_past past = repl->past;
    int code = whole.unit ? run_whole(repl, &whole) : show_build(repl, &whole);
    if (code != 0 || use != RN_REPL_SHOW) {
        repl->past = past;
        rune_timeline_cut(repl->timeline, past.moments);
    }
    whole_done(&whole);
    return code;
}

rune_text *rn_repl_listing(struct rn_repl *repl)
{
    rune_text *listing = NULL;
    struct whole whole = {.status = RUNE_E_NO_MEMORY};
    if (rn_repl_script_close(&repl->script, &whole.text)) {
        build(repl, &whole);
    }
    if (!whole.unit) {
        (void)show_build(repl, &whole);
    } else if (rune_tools_disassemble(whole.unit, &listing) != RUNE_OK) {
        rn_console_complain("out of memory");
    }
    whole_done(&whole);
    return listing;
}

/* Keeping */

static bool keep(struct rn_repl *repl, const struct rn_repl_new *entry, const struct before *before,
                 const rune_text *items)
{
    const char *text = rune_text_data(items);
    const char *rest = strchr(text, '\n'); // behind the root module
    if (!rn_bytes_append(&repl->pasts, (const char *)before, sizeof *before)) {
        return false;
    }
    if (entry->in_block) {
        repl->block_items = repl->items.size;
    }
    if (!rn_repl_script_add(&repl->script, entry)) {
        repl->pasts.size -= sizeof *before;
        return false;
    }
    if (rest && rest[1] != '\0') {
        (void)rn_bytes_append(&repl->items, rest + 1, strlen(rest + 1));
    }
    repl->past.output = repl->run.output[1];
    repl->past.moments = rune_timeline_count(repl->timeline);
    repl->digest = repl->run.digest;
    return true;
}

static void run_and_keep(struct rn_repl *repl, struct rn_repl_new *entry, const rune_text *items)
{
    struct before before = {repl->past, repl->digest, repl->items.size, repl->block_items};
    entry->in_block = rn_repl_names_hide(repl, entry, rune_text_data(items));
    if (entry->in_block && repl->script.blocks >= RN_REPL_BLOCKS_MAX) {
        rn_console_complain(
            "things were defined anew %u times: :save and :load what counts in a new session",
            RN_REPL_BLOCKS_MAX);
        rn_repl_failed(repl, RN_EXIT_FAILED);
        return;
    }
    int code = rn_repl_try(repl, entry, RN_REPL_SHOW);
    if (code == 0 && !keep(repl, entry, &before, items)) {
        code = rn_console_take_error(&repl->session->console, NULL);
        repl->past = before.past;
        rune_timeline_cut(repl->timeline, before.past.moments);
    }
    rn_repl_failed(repl, code);
}

enum rn_repl_state rn_repl_enter(struct rn_repl *repl, const char *name, const char *text,
                                 size_t size, bool may_go_on)
{
    rune_text *items = NULL;
    struct rn_repl_new entry = {.name = name, .text = text, .size = size};
    enum rn_repl_state state = rn_repl_check(repl, &entry, may_go_on, &items);
    if (state == RN_REPL_WHOLE) {
        run_and_keep(repl, &entry, items);
    }
    rune_text_free(items);
    return state;
}
