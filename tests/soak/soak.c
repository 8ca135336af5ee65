/*
 * soak.c: a host that does everything for a long time, and must hold as much at the end as in between.
 *
 * usage: soak [SECONDS [INTERVAL]]
 *
 * Calls, executions, batches, statics, functions, builds good and bad, reloads after saves, limits that
 * are hit, workers that are killed, supervisors that come and go; in several trust domains. Prints a
 * line of counts at each interval (a sixtieth of the time, at least a tenth of a second), then whether
 * they are flat (measure.h); that decides its end.
 */
#include "tests/soak/measure.h"
#include "tests/unit/supervisor/harness.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS 1800
#define SAMPLES_MAX 4096
#define BATCH 8

static const char source[] =
    "pub static COUNT = 1;\n"
    "pub fn count() { COUNT += 1; COUNT }\n"
    "pub fn work() { let v = []; for i in 0..500 { v.push(`item ${i}`); } println!(\"{}\", "
    "v.len()); v.len() }\n"
    "pub fn ask() { let n = 0; for i in 0..20 { n += host::double(i); } n }\n"
    "pub async fn later() { host::later(1).await }\n"
    "pub fn spin() { loop {} }\n"
    "pub fn grow() { let v = []; loop { v.push(v.len()); } }\n"
    "pub fn panics() { panic!(\"on purpose\") }\n"
    "pub fn adder() { let n = 3; move |a| a + n }\n";

static rune_unit *unit;
static rune_watch *watch;
static char folder[64];
static uint64_t random_state = 88172645463325252u;

static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % limit);
}

static const char *a_domain(void)
{
    static const char *const domains[] = {"", "one", "two"};
    return domains[below(3)];
}

static bool swallow(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return true;
}

static rune_call_options *quiet_options(void)
{
    rune_call_options *options = with_limit(RUNE_LIMIT_WALL, UINT64_C(5000000000));
    rune_call_options_set_output(options, swallow, NULL);
    rune_call_options_set_wait(options, true);
    return options;
}

/* --- What a host does --- */

static void a_call(void)
{
    static const char *const items[] = {"count", "work", "ask", "panics"};
    rune_vm *vm = new_vm(unit, (rune_isolation)below(4), a_domain());
    rune_call_options *options = quiet_options();
    for (unsigned i = 0; i < 4; i++) {
        rune_record_free(call_record(vm, items[below(4)], options));
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static void a_limit(void)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, a_domain());
    rune_call_options *budget = with_limit(RUNE_LIMIT_BUDGET, 100000);
    rune_call_options *memory = with_limit(RUNE_LIMIT_MEMORY, 1 << 20);
    assert_int_equal(call_reason(vm, "spin", budget), RUNE_REASON_BUDGET);
    assert_int_equal(call_reason(vm, "grow", memory), RUNE_REASON_MEMORY);
    rune_call_options_free(budget);
    rune_call_options_free(memory);
    rune_vm_free(vm);
}

static void an_execution(void)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, a_domain());
    rune_call_options *options = quiet_options();
    rune_execution *execution = NULL;
    rune_record *record = NULL;
    bool cancelled = below(3) == 0;
    const char *item = cancelled ? "spin" : below(2) == 0 ? "later" : "work";
    if (rune_vm_send_execute(vm, item, NULL, 0, options, &execution, NULL) == RUNE_OK) {
        if (cancelled) {
            rune_execution_cancel(execution);
        }
        assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
        assert_int_equal(rune_execution_complete(execution, &record), RUNE_OK);
        rune_record_free(record);
        rune_execution_free(execution);
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
}

static void a_batch(void)
{
    rune_vm *vms[BATCH];
    rune_execution *executions[BATCH] = {NULL};
    rune_call_options *options = quiet_options();
    for (unsigned i = 0; i < BATCH; i++) {
        vms[i] = new_vm(unit, RUNE_ISOLATION_SHARED, a_domain());
        (void)!rune_vm_send_execute(vms[i], "work", NULL, 0, options, &executions[i], NULL);
    }
    for (unsigned i = 0; i < BATCH; i++) {
        rune_execution_free(executions[i]); // whether it has ended or not
        rune_vm_free(vms[i]);
    }
    rune_call_options_free(options);
}

static void a_function(void)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, a_domain());
    rune_function *function = NULL;
    rune_sync_function *sync = NULL;
    rune_const_value *value = NULL;
    rune_const_value *number = rune_value_i64(4);
    if (rune_vm_call_function(vm, "adder", NULL, 0, NULL, &function, NULL) == RUNE_OK) {
        if (rune_function_into_sync(function, &sync, NULL) == RUNE_OK) {
            const rune_const_value *args[] = {number};
            (void)!rune_sync_function_call(sync, args, 1, NULL, &value, NULL);
        }
    }
    rune_value_unref(value);
    rune_value_unref(number);
    rune_sync_function_unref(sync);
    rune_function_unref(function);
    rune_vm_free(vm);
}

static void statics(void)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, a_domain());
    rune_globals *globals = NULL;
    rune_const_value *value = rune_value_i64(7);
    if (rune_vm_set_static(vm, "COUNT", value, NULL) == RUNE_OK &&
        rune_vm_globals(vm, &globals, NULL) == RUNE_OK) {
        (void)!rune_vm_set_globals(vm, globals, NULL);
    }
    rune_globals_free(globals);
    rune_value_unref(value);
    rune_vm_free(vm);
}

static void a_build(void)
{
    char text[256];
    bool bad = below(4) == 0;
    rune_unit *made = NULL;
    rune_sources *sources = rune_sources_new();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    int size = snprintf(text, sizeof(text), "pub fn main() { let x = %u; %s }\n", below(1000000),
                        bad ? "y" : "x + 1");
    assert_int_equal(rune_sources_insert_memory(sources, "made.rn", text, (size_t)size, NULL), 0);
    rune_status status = rune_build(supervisor, sources, context, NULL, diagnostics, &made, NULL);
    assert_true((status == RUNE_OK) == !bad);
    if (made != NULL) {
        rune_vm *vm = new_vm(made, RUNE_ISOLATION_SHARED, a_domain());
        rune_record_free(call_record(vm, "main", NULL));
        rune_vm_free(vm);
    }
    rune_unit_unref(made);
    rune_diagnostics_free(diagnostics);
    rune_sources_free(sources);
}

static void save(unsigned number)
{
    char path[128];
    char other[128];
    (void)snprintf(path, sizeof(path), "%s/script%u.rn", folder, number);
    (void)snprintf(other, sizeof(other), "%s/.saving", folder);
    FILE *file = fopen(other, "we");
    assert_non_null(file);
    (void)fprintf(file, "pub fn main() { %u%s }\n", below(1000000), below(8) == 0 ? " +" : "");
    fclose(file);
    assert_int_equal(rename(other, path), 0);
}

static void a_reload(void)
{
    char name[32];
    unsigned number = below(4);
    save(number);
    (void)snprintf(name, sizeof(name), "script%u", number);
    rune_unit *current = rune_watch_current(watch, name);
    if (current != NULL) {
        rune_vm *vm = new_vm(current, RUNE_ISOLATION_SHARED, a_domain());
        rune_record_free(call_record(vm, "main", NULL));
        rune_vm_free(vm);
    }
    rune_unit_unref(current);
}

/* The number of the worker that the record's call ran on, or 0. */
static int worker_of(const rune_record *record)
{
    int worker = 0;
    rune_text *text = NULL;
    if (rune_record_to_json(record, NULL, 0, &text) == RUNE_OK) {
        const char *at = strstr(rune_text_data(text), "\"worker\":{\"pid\":");
        worker = at == NULL ? 0 : atoi(at + strlen("\"worker\":{\"pid\":"));
    }
    rune_text_free(text);
    return worker;
}

/* The worker is this Vm's own and kept for it, so the number is still its. */
static void a_kill(void)
{
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_VM, a_domain());
    rune_record *record = call_record(vm, "count", NULL);
    int worker = rune_record_reason(record) == RUNE_REASON_OK ? worker_of(record) : 0;
    rune_record_free(record);
    if (worker > 1) {
        (void)kill(worker, SIGKILL);
        rune_record_free(call_record(vm, "count", NULL));
    }
    rune_vm_free(vm);
}

static void a_life(void)
{
    if (below(8) == 0) {
        rune_supervisor *own = new_supervisor(1, 0);
        rune_unit_unref(build_in(own, "pub fn main() { 1 }", false));
        rune_supervisor_free(own);
    }
}

static void (*const deeds[])(void) = {a_call,  a_call,  a_limit,  an_execution, a_batch, a_function,
                                      statics, a_build, a_reload, a_kill,       a_life};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* --- The whole --- */

static int set_up(void **state)
{
    int failed = harness_set_up(state);
    (void)snprintf(folder, sizeof(folder), "/tmp/rn-soak-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < 4; i++) {
        save(i);
    }
    unit = build(source);
    rune_watch_options *options = rune_watch_options_new();
    rune_watch_options_set_context(options, context);
    rune_watch_options_set_settle(options, 1000000);
    assert_int_equal(rune_watch_new(supervisor, folder, options, &watch, NULL), RUNE_OK);
    rune_watch_options_free(options);
    return failed;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

static int tear_down(void **state)
{
    rune_watch_free(watch);
    rune_unit_unref(unit);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return harness_tear_down(state);
}

static void print_line(double second, uint64_t done, const struct sample *sample)
{
    printf("%8.1f s %9llu done", second, (unsigned long long)done);
    for (unsigned q = 0; q < QUANTITIES; q++) {
        printf(", %.0f %s", sample->of[q], quantity_name(q));
    }
    puts("");
    fflush(stdout);
}

static double seconds = SECONDS;
static double interval;

static void holds_as_much_as_before(void **state)
{
    (void)state;
    static struct sample samples[SAMPLES_MAX];
    size_t count = 0;
    uint64_t done = 0;
    int64_t begun = now_ms();
    for (double second = 0; second < seconds; second = (double)(now_ms() - begun) / 1000) {
        deeds[below(DEEDS)]();
        done++;
        if (second >= (double)(count + 1) * interval && count < SAMPLES_MAX) {
            samples[count] = take_sample();
            print_line(second, done, &samples[count]);
            count++;
        }
    }
    assert_true(judge(samples, count));
}

int main(int argc, char **argv)
{
    seconds = argc > 1 ? atof(argv[1]) : SECONDS;
    interval = argc > 2 ? atof(argv[2]) : seconds / 60;
    interval = interval < 0.1 ? 0.1 : interval;
    interval = seconds / interval < SAMPLES_MAX ? interval : seconds / SAMPLES_MAX * 1.01;
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_as_much_as_before)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
