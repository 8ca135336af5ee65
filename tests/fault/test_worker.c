/*
 * The machine without room: every script runs with every memory limit from nothing to what it needs, then in a region
 * with ever less room. With too low a limit it ends as `memory`, without room as `overloaded`, and it has printed the
 * beginning of what it prints else, for no more budget; with enough all is as it was; and nothing is left in the region.
 * Arguments, replies and results that have no room likewise. Scripts and what RUNEWARD_FAULT_ALL adds: scripts.h.
 */
#include "tests/fault/scripts.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "bytecode/context.h"
#include "bytecode/hash.h"
#include "compiler/compile.h"
#include "compiler/files.h"
#include "worker/std/library.h"
#include "worker/vm/vm.h"

#define REGION_SIZE ((size_t)64 << 20)
#define OUTPUT_MAX ((size_t)16 << 20)
#define BUDGET_MAX UINT64_C(300000)
#define SPARSE 8192u
#define PEAK_MAX UINT64_C(2000000)
#define SLICE 100000u
#define PIECE 16u
#define SMALL ((size_t)512) // a page of the region
#define RUN_HEAD 5u         // stream and size

static struct rn_context *context;
static struct rn_engine *engine;

/* A script, compiled. */
struct program {
    struct rn_compile_output output;
    struct rune_verified_unit unit;
    uint64_t item; /* 0: a script body */
    bool good;     /* there is something to run */
};

/* What is given to a run, and what came of it. */
struct run {
    struct rn_vm_call call;
    const struct rn_buf *reply; /* of every host call; NULL: there is none */
    enum rn_error error;        /* of linking, beginning, replying, result */
    enum rn_event event;
    enum rn_limit limit;
    struct rn_vm_usage usage;
    struct rn_buf output;
    struct rn_buf result;
};

static const struct rn_host_function host[] = {{.arity = -1}};

static bool compile_as(struct program *program, const struct script *script, bool body)
{
    struct rn_files files = {.root = script->path};
    struct rn_module_loader loader = rn_files_loader(&files);
    struct rn_compile_input input = {.name = script->path,
                                     .text = script->text,
                                     .size = script->size,
                                     .context = context,
                                     .loader = &loader,
                                     .script = body};
    enum rn_error error = rn_compile(&input, &program->output);
    if (error == RN_OK) {
        struct rune_unit_image image = {program->output.image.data, program->output.image.size};
        assert_int_equal(rn_unit_verify(image, false, &program->unit, NULL), RN_OK);
        program->item = body ? 0 : rn_hash_item("main", 4);
        program->good = body || rn_unit_find_export(&program->unit, program->item) != RN_NONE;
    }
    return error == RN_OK;
}

static void compile(struct program *program, const struct script *script)
{
    *program = (struct program){.good = false};
    if (compile_as(program, script, false) && program->good) {
        return;
    }
    rn_compile_output_done(&program->output);
    (void)compile_as(program, script, true);
}

/* ---- Running ---- */

static void take_output(struct rn_vm *vm, struct run *run)
{
    struct rn_vm_output output = rn_vm_output(vm);
    uint32_t size;
    // What is printed in a row comes as one or as several.
    for (size_t at = 0; at < output.size; at += RUN_HEAD + size) {
        memcpy(&size, output.data + at + 1, sizeof(size));
        rn_buf_append(&run->output, output.data + at + RUN_HEAD, size);
    }
    rn_vm_output_taken(vm);
}

static bool answer(struct rn_vm *vm, struct run *run)
{
    uint32_t id = rn_vm_host_call(vm)->id;
    rn_vm_host_call_taken(vm);
    run->error = run->reply ? rn_vm_reply(vm, id, run->reply->data, run->reply->size)
                            : rn_vm_reply_error(vm, id, "no", 2);
    return run->error == RN_OK;
}

static void drive(struct rn_vm *vm, struct run *run)
{
    uint64_t now_ns = run->call.clock_ns;
    for (;;) {
        uint64_t ns;
        run->event = rn_vm_run(vm, SLICE);
        take_output(vm, run);
        if (run->event == RN_EVENT_WAITING && rn_vm_take_sleep(vm, &ns)) {
            now_ns += ns;
            rn_vm_wake(vm, now_ns);
        } else if (run->event == RN_EVENT_HOST_CALL) {
            if (!answer(vm, run)) {
                return;
            }
        } else if (run->event != RN_EVENT_SLICE && run->event != RN_EVENT_OUTPUT) {
            return;
        }
    }
}

static void end(struct rn_vm *vm, struct run *run)
{
    const uint8_t *data;
    size_t size;
    if (run->event == RN_EVENT_DONE) {
        run->error = rn_vm_result(vm, &data, &size);
        if (run->error == RN_OK) {
            rn_buf_append(&run->result, data, size);
        }
    }
    if (run->event == RN_EVENT_RAISED) {
        const struct rn_vm_error_report *report = rn_vm_error(vm);
        rn_buf_append(&run->result, report->message, report->message_size);
    }
    run->limit = rn_vm_limit(vm);
    run->usage = rn_vm_usage(vm);
}

/* An end for want of something, be it only to encode the result. */
static bool is_over(const struct run *run, enum rn_limit limit)
{
    bool ends = run->event == RN_EVENT_LIMIT ||
                (run->event == RN_EVENT_DONE && run->error == RN_E_NO_MEMORY);
    return ends && run->limit == limit;
}

static void run_vm(struct rn_vm *vm, struct run *run)
{
    rn_vm_reset(vm, NULL); // statics
    rn_buf_clear(&run->output);
    rn_buf_clear(&run->result);
    run->event = RN_EVENT_WAITING;
    run->limit = RN_LIMIT_NONE;
    run->usage = (struct rn_vm_usage){0};
    run->error = rn_vm_start(vm, &run->call);
    if (run->error == RN_OK) {
        drive(vm, run);
        end(vm, run);
    }
    rn_vm_end(vm);
}

/* Linked for this once: there may be no room for that either. */
static void run_once(const struct program *program, struct run *run)
{
    struct rn_link *link = NULL;
    struct rn_vm *vm = NULL;
    rn_buf_clear(&run->output);
    rn_buf_clear(&run->result);
    run->event = RN_EVENT_WAITING;
    run->error = rn_link_new(engine, &program->unit, host, RN_COUNT_OF(host), &link);
    if (run->error == RN_OK) {
        run->error = rn_vm_new(engine, link, &vm);
    }
    if (run->error == RN_OK) {
        run_vm(vm, run);
        rn_vm_free(vm);
    }
    rn_link_free(engine, link);
}

static void run_init(struct run *run, const struct program *program)
{
    *run = (struct run){.call = {.item = program->item,
                                 .export_hint = RN_NONE,
                                 .seed = 1,
                                 .limits = {.budget = BUDGET_MAX}}};
    rn_buf_init(&run->output, OUTPUT_MAX);
    rn_buf_init(&run->result, OUTPUT_MAX);
}

static void run_done(struct run *run)
{
    rn_buf_done(&run->output);
    rn_buf_done(&run->result);
}

static bool begins_with(const struct rn_buf *whole, const struct rn_buf *part)
{
    return part->size <= whole->size &&
           (part->size == 0 || memcmp(whole->data, part->data, part->size) == 0);
}

/* ---- Limits ---- */

static void complain(const struct script *script, const struct run *run, const char *what)
{
    fail_msg("%s: memory %llu: %s: %s, event %d, limit %d, budget %llu, peak %llu, %zu bytes "
             "printed, %zu of the result",
             script->path, (unsigned long long)run->call.limits.memory, what,
             rn_error_name(run->error), (int)run->event, (int)run->limit,
             (unsigned long long)run->usage.budget, (unsigned long long)run->usage.memory_peak,
             run->output.size, run->result.size);
}

/* The budget of one that ended is no more than that of any with a higher limit. */
static bool check(const struct script *script, const struct run *good, const struct run *run)
{
    bool over = is_over(run, RN_LIMIT_MEMORY);
    if (!begins_with(&good->output, &run->output) || run->usage.budget > good->usage.budget) {
        complain(script, run, "not the beginning");
    }
    bool same = run->event == good->event && run->error == good->error && run->limit == good->limit;
    if (!same && !over) {
        complain(script, run, "neither the same nor `memory`");
    }
    if (same && (run->usage.budget != good->usage.budget || run->output.size != good->output.size ||
                 run->result.size != good->result.size)) {
        complain(script, run, "the same end, but not the same");
    }
    return !same;
}

static uint64_t sweep_limits(const struct script *script, const struct program *program,
                             struct run *good)
{
    struct rn_link *link;
    struct rn_vm *vm;
    struct run run;
    uint64_t refused = 0;
    uint64_t budget = 0;
    run_init(&run, program);
    run.call = good->call;
    run.reply = good->reply;
    assert_int_equal(rn_link_new(engine, &program->unit, host, RN_COUNT_OF(host), &link), RN_OK);
    assert_int_equal(rn_vm_new(engine, link, &vm), RN_OK);
    bool sparse = script->step == 1 && good->usage.memory_peak > SPARSE && !sweeps_take_all();
    uint64_t step = sparse ? PIECE * 16 : script->step * PIECE;
    for (uint64_t max = script->first * PIECE; max < good->usage.memory_peak + step; max += step) {
        run.call.limits.memory = max;
        run_vm(vm, &run);
        bool over = check(script, good, &run);
        if (run.usage.budget < budget) {
            complain(script, &run, "ends sooner with more memory");
        }
        budget = run.usage.budget;
        refused += over;
    }
    rn_vm_free(vm);
    rn_link_free(engine, link);
    run_done(&run);
    return refused;
}

/* ---- Rooms ---- */

struct ballast {
    void *big;
    size_t big_size;
    void *small[REGION_SIZE / SMALL];
    size_t small_count;
};

/* Leaves so much of the region, in one piece. */
static void fill(struct ballast *ballast, size_t room)
{
    size_t size = REGION_SIZE;
    while ((ballast->big = rn_engine_take(engine, size)) == NULL) {
        size -= SMALL;
    }
    ballast->small_count = 0;
    void *small;
    while ((small = rn_engine_take(engine, SMALL)) != NULL) {
        ballast->small[ballast->small_count++] = small;
    }
    rn_engine_give_back(engine, ballast->big, size);
    assert_in_range(room, 0, size - SMALL);
    ballast->big_size = size - room;
    ballast->big = rn_engine_take(engine, ballast->big_size);
    assert_non_null(ballast->big);
}

static void empty(struct ballast *ballast)
{
    rn_engine_give_back(engine, ballast->big, ballast->big_size);
    for (size_t i = 0; i < ballast->small_count; i++) {
        rn_engine_give_back(engine, ballast->small[i], SMALL);
    }
}

/* True if all was well with so little room. */
static bool run_in(const struct script *script, const struct program *program, size_t room,
                   const struct run *good, struct run *run)
{
    static struct ballast ballast;
    size_t before = rn_engine_used(engine);
    fill(&ballast, room);
    run_once(program, run);
    empty(&ballast);
    assert_int_equal(rn_engine_used(engine), before);
    bool full = (run->error == RN_E_NO_MEMORY && run->event != RN_EVENT_DONE) ||
                is_over(run, RN_LIMIT_REGION);
    bool same = run->event == good->event && run->error == good->error &&
                run->result.size == good->result.size;
    if (!same && !full) {
        complain(script, run, "neither the same nor without room");
    }
    if (!begins_with(&good->output, &run->output)) {
        complain(script, run, "not the beginning, without room");
    }
    return same;
}

static uint64_t sweep_rooms(const struct script *script, const struct program *program,
                            const struct run *good)
{
    struct run run;
    uint64_t refused = 0;
    run_init(&run, program);
    run.call = good->call;
    run.reply = good->reply;
    for (size_t room = 0; room < REGION_SIZE / 2; room += SMALL) {
        if (run_in(script, program, room, good, &run)) {
            break;
        }
        refused++;
    }
    run_done(&run);
    return refused;
}

/* ---- The scripts of the tree ---- */

static void sweep_all(const char *name, bool limits)
{
    uint64_t refused = 0;
    unsigned ran = 0;
    for (size_t i = 0; i < scripts_count(); i++) {
        struct program program;
        struct run good;
        const struct script *script = scripts_at(i);
        compile(&program, script);
        run_init(&good, &program);
        if (program.good) {
            run_once(&program, &good);
        }
        bool small = good.usage.memory_peak < PEAK_MAX && good.usage.budget < BUDGET_MAX;
        if (program.good && small && (limits || i % 8 == 0 || sweeps_take_all())) {
            ran++;
            refused += limits ? sweep_limits(script, &program, &good)
                              : sweep_rooms(script, &program, &good);
        }
        run_done(&good);
        rn_compile_output_done(&program.output);
    }
    print_message("%s: %u scripts, %llu times too little\n", name, ran,
                  (unsigned long long)refused);
    assert_true(ran > 0 && refused > ran);
}

static void limits(void **state)
{
    (void)state;
    sweep_all("limits", true);
}

static void rooms(void **state)
{
    (void)state;
    sweep_all("rooms", false);
}

/* ---- Values that come and go ---- */

static const char value_text[] =
    "pub fn main() { (1, \"text\", [1.5, 'c', b\"bytes\", (), None, Some([[], #{}])],\n"
    "    #{ a: [\"x\", \"y\", \"a longer text, which is no small one any more\"], b: (1, (2, "
    "(3,))) },\n"
    "    std::iter::range(0, 100).collect::<Vec>()) }\n";

static struct script of_text(const char *text)
{
    return (struct script){.path = (char *)"test.rn",
                           .text = (char *)text,
                           .size = strlen(text),
                           .first = 1,
                           .step = 1};
}

/* The value as a tuple in CBOR: made by a script. */
static void make_value(struct rn_buf *out)
{
    struct program program;
    struct run run;
    struct script script = of_text(value_text);
    compile(&program, &script);
    assert_true(program.good);
    run_init(&run, &program);
    run_once(&program, &run);
    assert_int_equal(run.error, RN_OK);
    assert_int_equal(run.event, RN_EVENT_DONE);
    rn_buf_append(out, run.result.data, run.result.size);
    run_done(&run);
    rn_compile_output_done(&program.output);
}

static void sweep_text(const char *text, const struct rn_buf *args, const struct rn_buf *reply,
                       enum rn_error wanted)
{
    struct program program;
    struct run good;
    struct script script = of_text(text);
    compile(&program, &script);
    assert_true(program.good);
    run_init(&good, &program);
    good.reply = reply;
    if (args) {
        good.call.args = args->data;
        good.call.args_size = args->size;
    }
    run_once(&program, &good);
    assert_int_equal(good.event, RN_EVENT_DONE);
    assert_int_equal(good.error, wanted);
    assert_true(sweep_limits(&script, &program, &good) > 0);
    assert_true(sweep_rooms(&script, &program, &good) > 0);
    run_done(&good);
    rn_compile_output_done(&program.output);
}

static void arguments(void **state)
{
    (void)state;
    RN_AUTO(rn_buf) struct rn_buf value;
    rn_buf_init(&value, OUTPUT_MAX);
    make_value(&value);
    sweep_text("pub fn main(a, b, c, d, e) { (e, d, c, b, a) }", &value, NULL, RN_OK);
}

static void results(void **state)
{
    (void)state;
    sweep_text(value_text, NULL, NULL, RN_OK);
    sweep_text("pub fn main() { [1, [(1, std::iter::once(2))]] }", NULL, NULL,
               RN_E_CONST_UNSUPPORTED);
    sweep_text("pub fn main() { let v = []; v.push(v); v }", NULL, NULL, RN_E_CONST_UNSUPPORTED);
    sweep_text("pub fn main() { #{ a: #{ b: std::iter::range(0, 3) } } }", NULL, NULL,
               RN_E_CONST_UNSUPPORTED);
}

/* Every size that a result may have, up to what it needs. */
static void encoded_sizes(void **state)
{
    struct program program;
    struct run run;
    struct script script = of_text(value_text);
    (void)state;
    compile(&program, &script);
    run_init(&run, &program);
    run_once(&program, &run);
    size_t needed = run.result.size;
    for (size_t max = 1; max < needed; max++) {
        run.call.limits.encoded_size = max;
        run_once(&program, &run);
        assert_int_equal(run.event, RN_EVENT_DONE);
        assert_int_equal(run.error, RN_E_CONST_UNSUPPORTED);
    }
    run.call.limits.encoded_size = needed;
    run_once(&program, &run);
    assert_int_equal(run.error, RN_OK);
    assert_int_equal(run.result.size, needed);
    run_done(&run);
    rn_compile_output_done(&program.output);
}

/* ---- Set up ---- */

static int set_up(void **state)
{
    void *region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(region, MAP_FAILED);
    assert_int_equal(rn_engine_new(region, REGION_SIZE, &rn_std_library, &engine), RN_OK);
    assert_int_equal(rn_context_new(&context), RN_OK);
    *state = region;
    return scripts_set_up(NULL);
}

static int tear_down(void **state)
{
    rn_context_free(context);
    assert_int_equal(munmap(*state, REGION_SIZE), 0);
    return scripts_tear_down(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),  cmocka_unit_test(rooms),         cmocka_unit_test(arguments),
        cmocka_unit_test(results), cmocka_unit_test(encoded_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
