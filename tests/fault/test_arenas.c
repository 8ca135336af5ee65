/*
 * The arenas of real compilers and workers are too small, by every step from nothing to what is enough: a build, a format, an
 * outline ends as build_memory or gives the very result that it gives else; a call ends as `memory` or `overloaded`, or well, with
 * the same value; one that is too small to begin with is a worker or compiler that does not start. What comes next works.
 *
 * RUNEWARD_FAULT_ALL: by single pages of what is touched. In steps of bytes in this process: fault/compiler, fault/worker.
 */
#include "tests/fault/walled_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define STEPS 24u
#define STEPS_ALL 512u
#define PAGE 4096u
#define COMPILER_MAX ((uint64_t)64 << 20)
#define WORKER_MAX ((uint64_t)64 << 20)
#define LONG_SIZE 700000u
#define AT_ONCE 12u

/* Sizes of one sweep, as many as there are steps from the first that is not nothing. */
struct steps {
    uint64_t from;
    uint64_t to;
    uint64_t step;
};

static struct steps steps_between(uint64_t from, uint64_t to)
{
    uint64_t step = (to - from) / (sweeps_take_all() ? STEPS_ALL : STEPS);
    step -= step % PAGE;
    return (struct steps){from, to, step < PAGE ? PAGE : step};
}

/* ---- Compilers ---- */

struct made {
    rune_status status;
    rune_text *text;
    rune_text *said; /* diagnostics */
};

typedef void tool(const rune_sources *sources, struct made *made, rune_diagnostics *diagnostics,
                  rune_error **error);

static void build_it(const rune_sources *sources, struct made *made, rune_diagnostics *diagnostics,
                     rune_error **error)
{
    rune_unit *unit = NULL;
    made->status = rune_build(supervisor, sources, context, NULL, diagnostics, &unit, error);
    if (made->status == RUNE_OK) {
        assert_int_equal(rune_unit_save(unit, &made->text, NULL), RUNE_OK);
    }
    rune_unit_unref(unit);
}

static void format_it(const rune_sources *sources, struct made *made, rune_diagnostics *diagnostics,
                      rune_error **error)
{
    made->status = rune_format(supervisor, sources, NULL, diagnostics, &made->text, error);
}

static void outline_it(const rune_sources *sources, struct made *made,
                       rune_diagnostics *diagnostics, rune_error **error)
{
    made->status = rune_outline(supervisor, sources, NULL, diagnostics, &made->text, error);
}

static tool *const tools[] = {build_it, format_it, outline_it};

/* True: for want of memory. False: as with enough of it, by whatever error that is. */
static bool make(tool *how, const char *path, struct made *out_made)
{
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    assert_true(sources && diagnostics);
    assert_int_equal(rune_sources_insert_file(sources, path, NULL), RUNE_OK);
    *out_made = (struct made){.text = NULL};
    how(sources, out_made, diagnostics, &error);
    assert_int_equal(rune_diagnostics_render(diagnostics, false, &out_made->said), RUNE_OK);
    assert_true((error == NULL) == (out_made->status == RUNE_OK));
    const char *kind = error ? rune_error_kind(error) : "";
    bool wants = out_made->status == RUNE_E_LIMIT || out_made->status == RUNE_E_SETUP;
    if (wants && strcmp(kind, "build_memory") != 0 && out_made->status != RUNE_E_SETUP) {
        fail_msg("%s: %s: %s", path, kind, rune_error_message(error));
    }
    (void)WENT_WELL(out_made->status, error);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
    return wants;
}

static void done(struct made *made)
{
    rune_text_free(made->text);
    rune_text_free(made->said);
}

static bool is_same(const rune_text *a, const rune_text *b)
{
    size_t size = a ? rune_text_size(a) : 0;
    return size == (b ? rune_text_size(b) : 0) &&
           (size == 0 || memcmp(rune_text_data(a), rune_text_data(b), size) == 0);
}

/* With so little. True: it was enough, and all was as it is with more. */
static bool make_in(tool *how, const char *path, uint64_t arena, const struct made *good)
{
    struct made made;
    walled_arena(FAULT_COMPILER, arena);
    bool wants = make(how, path, &made);
    walled_arena(FAULT_COMPILER, 0);
    if (!wants && (made.status != good->status || !is_same(made.text, good->text) ||
                   !is_same(made.said, good->said))) {
        fail_msg("%s in %llu bytes: %s, not %s", path, (unsigned long long)arena,
                 rune_status_name(made.status), rune_status_name(good->status));
    }
    assert_true(!wants || made.text == NULL);
    done(&made);
    return !wants;
}

/* The least size, within a page, that is enough. */
static uint64_t needed_by(tool *how, const char *path, const struct made *good)
{
    uint64_t low = 0;
    uint64_t high = COMPILER_MAX;
    assert_true(make_in(how, path, high, good));
    while (high - low > PAGE) {
        uint64_t middle = low + (high - low) / 2;
        if (make_in(how, path, middle, good)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

static void sweep_tool(tool *how, const char *path)
{
    struct made good;
    unsigned refused = 0;
    unsigned tried = 0;
    assert_false(make(how, path, &good));
    uint64_t needed = needed_by(how, path, &good);
    struct steps steps = steps_between(PAGE, needed);
    for (uint64_t arena = steps.from; arena < steps.to; arena += steps.step) {
        refused += !make_in(how, path, arena, &good);
        tried++;
    }
    assert_true(make_in(how, path, needed, &good));
    print_message("%s: %llu bytes needed, %u sizes, %u too small\n", path,
                  (unsigned long long)needed, tried, refused);
    // Whoever has more may need more, by a turn of its heap; mostly it is enough from there on.
    assert_in_range(refused, tried / 2, tried);
    done(&good);
}

static void write_long(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "we");
    assert_non_null(file);
    for (unsigned size = 0; size < LONG_SIZE; size += 64) {
        assert_true(fprintf(file, "// %060u\n", size) > 0);
    }
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void compilers(void **state)
{
    static const char *const sources[] = {
        RN_SOURCE "/docs/examples/tour.rn",
        RN_SOURCE "/tests/lang/std/json.rn",
        RN_SOURCE "/tests/golden/duplicate_item.rn",
        RN_SOURCE "/tests/conformance/modules/14_nested_groups.rn",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        for (size_t t = 0; t < sizeof(tools) / sizeof(tools[0]); t++) {
            sweep_tool(tools[t], sources[i]);
        }
    }
    must_work(scene_of_a_walled_build);
}

/* More than a socket holds is under way when it turns out that there is no room for it. */
static void long_sources(void **state)
{
    (void)state;
    write_long("long.rn", "pub fn main() { 1 }\n");
    write_long("part_long.rn", "pub const ONE = 1;\n");
    FILE *file = fopen(at("long_parts.rn"), "we");
    assert_non_null(file);
    assert_true(fputs("mod part_long;\npub fn main() { part_long::ONE }\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", at("long.rn"));
    sweep_tool(build_it, path);
    sweep_tool(format_it, path);
    (void)snprintf(path, sizeof(path), "%s", at("long_parts.rn"));
    sweep_tool(build_it, path);
}

/* ---- Workers ---- */

static const char scripts[] =
    "static KEPT = [];\n"
    "fn count(n) { for i in 0..n { let text = `${i}`; yield text; } }\n"
    "pub fn strings() { let s = \"\"; for i in 0..2000 { s.push_str(`${i} `); } s.len() }\n"
    "pub fn maps() { let m = #{}; for i in 0..500 { m.insert(`k${i}`, [i, (i, i)]); } m.len() }\n"
    "pub fn closures() { let fs = []; for i in 0..500 { fs.push(|x| x + i); }\n"
    "    let sum = 0; for f in fs { sum += f(1); } sum }\n"
    "pub fn generators() { let n = 0; for text in count(500) { n += text.len() as i64; } n }\n"
    "pub fn host_calls() { let n = 0; for i in 0..20 { n += host::double(i); } n }\n"
    "pub async fn later() { let a = host::later(1); let b = host::later(2); a.await + b.await }\n"
    "pub fn encoded() { let v = []; for i in 0..300 { v.push((i, `text ${i}`, #{a: i})); } v }\n"
    "pub fn printed() { for i in 0..200 { println!(\"{} {:>40}\", i, i); } 7 }\n"
    "pub fn deep() { fn down(n) { if n == 0 { 0 } else { 1 + down(n - 1) } } down(900) }\n"
    "pub fn sorted() { let v = []; for i in 0..800 { v.push(800 - i); } v.sort(); v[0] }\n"
    "pub fn kept() { KEPT.push(`one more ${KEPT.len()}`); KEPT.len() }\n"
    "pub fn one() { 1 }\n";
static const char *const items[] = {
    "strings", "maps",    "closures", "generators", "host_calls", "later",
    "encoded", "printed", "deep",     "sorted",     "kept",
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

static rune_unit *unit;
static rune_const_value *good_values[ITEMS];

static rune_vm *vm_in(rune_supervisor *by, rune_isolation isolation)
{
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    rune_vm_options_set_isolation(options, isolation);
    assert_int_equal(rune_vm_new(by, runtime, unit, options, &vm, NULL), RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

/* Of one call. */
enum end {
    END_GOOD,
    END_FULL, /* `memory` or `overloaded` */
    END_NO_WORKER,
};

/* Consumes the record. The value, if there is one, is the one that it is with memory enough. */
static enum end judge(rune_status status, rune_record *record, rune_error *error, size_t index)
{
    rune_reason reason = record ? rune_record_reason(record) : rune_error_reason(error);
    enum end end = END_GOOD;
    if (reason != RUNE_REASON_OK) {
        bool full = reason == RUNE_REASON_MEMORY || reason == RUNE_REASON_OVERLOADED;
        if (!full && reason != RUNE_REASON_SETUP) {
            const rune_error *why = record ? rune_record_error(record) : error;
            fail_msg("%s: %s: %s", items[index], rune_reason_name(reason),
                     why ? rune_error_message(why) : "");
        }
        end = full ? END_FULL : END_NO_WORKER;
    } else if (good_values[index]) {
        assert_true(rune_value_equal(rune_record_value(record), good_values[index]));
    } else {
        good_values[index] =
            rune_value_ref((rune_const_value *)(uintptr_t)rune_record_value(record));
    }
    (void)WENT_WELL(status, error);
    rune_record_free(record);
    return end;
}

static enum end call_item(rune_vm *vm, size_t index)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_output(options, take, NULL);
    rune_status status = rune_vm_call_record(vm, items[index], NULL, 0, options, &record, &error);
    rune_call_options_free(options);
    return judge(status, record, error, index);
}

/* Each in a worker of its own, with so much of the arena. How many went well. */
static unsigned call_each(uint64_t arena, unsigned *out_full)
{
    unsigned good = 0;
    walled_arena(FAULT_WORKER, arena);
    for (size_t i = 0; i < ITEMS; i++) {
        rune_vm *vm = vm_in(supervisor, RUNE_ISOLATION_CALL);
        enum end end = call_item(vm, i);
        good += end == END_GOOD;
        *out_full += end == END_FULL;
        rune_vm_free(vm);
    }
    walled_arena(FAULT_WORKER, 0);
    return good;
}

/* The least size at which a worker starts, or at which all goes well. */
static uint64_t least(bool all)
{
    uint64_t low = 0;
    uint64_t high = WORKER_MAX;
    while (high - low > PAGE) {
        unsigned full = 0;
        uint64_t middle = low + (high - low) / 2;
        unsigned good = call_each(middle, &full);
        if (all ? good == ITEMS : good + full > 0) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

static void workers(void **state)
{
    (void)state;
    unsigned full = 0;
    assert_int_equal(call_each(0, &full), ITEMS);
    uint64_t first = least(false);
    uint64_t enough = least(true);
    struct steps steps = steps_between(first, enough);
    unsigned good = 0;
    for (uint64_t arena = steps.from; arena < steps.to; arena += steps.step) {
        good += call_each(arena, &full);
    }
    print_message("workers: %llu bytes to start, %llu are enough; %u calls well, %u full\n",
                  (unsigned long long)first, (unsigned long long)enough, good, full);
    assert_true(good > 0 && full > 0);
    assert_int_equal(call_each(enough, &full), ITEMS);
    must_work(scene_of_a_new_worker);
}

/* Many calls at once in one worker, twice: some have no room, none has another reason; then they are alone in it. */
static void call_together(rune_supervisor *by, unsigned *out_full)
{
    rune_vm *vms[AT_ONCE];
    rune_execution *executions[AT_ONCE] = {NULL};
    for (size_t i = 0; i < AT_ONCE; i++) {
        rune_error *error = NULL;
        vms[i] = vm_in(by, RUNE_ISOLATION_SHARED);
        rune_status status =
            rune_vm_send_execute(vms[i], items[i % ITEMS], NULL, 0, NULL, &executions[i], &error);
        (void)WENT_WELL(status, error);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        rune_record *record = NULL;
        if (executions[i]) {
            assert_int_equal(rune_execution_wait(executions[i], UINT64_MAX), RUNE_OK);
            rune_status status = rune_execution_complete(executions[i], &record);
            *out_full += judge(status, record, NULL, i % ITEMS) == END_FULL;
            rune_execution_free(executions[i]);
        }
        rune_vm_free(vms[i]);
    }
}

static void calls_at_once(void **state)
{
    (void)state;
    uint64_t first = least(false);
    struct steps steps = steps_between(first, first + ((uint64_t)2 << 20));
    unsigned full = 0;
    for (uint64_t arena = steps.from; arena < steps.to; arena += steps.step) {
        walled_arena(FAULT_WORKER, arena);
        rune_supervisor *own = walled_supervisor(0);
        call_together(own, &full);
        unsigned alone = 0;
        rune_vm *vm = vm_in(own, RUNE_ISOLATION_SHARED);
        for (size_t i = 0; i < ITEMS; i++) {
            alone += call_item(vm, i) != END_NO_WORKER;
            assert_int_equal(rune_vm_reset(vm), RUNE_OK);
        }
        assert_int_equal(alone, ITEMS);
        rune_vm_free(vm);
        walled_arena(FAULT_WORKER, 0);
        rune_supervisor_free(own);
    }
    print_message("at once: %u calls of %u were full\n", full,
                  (unsigned)((steps.to - steps.from) / steps.step + 1) * AT_ONCE);
    assert_true(full > 0);
    must_work(scene_of_a_shared_worker);
}

static int set_up(void **state)
{
    int failed = walled_set_up(state);
    unit = build(scripts);
    return failed;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < ITEMS; i++) {
        rune_value_unref(good_values[i]);
    }
    rune_unit_unref(unit);
    return walled_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compilers),
        cmocka_unit_test(long_sources),
        cmocka_unit_test(workers),
        cmocka_unit_test(calls_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
