/*
 * many.c: 50,000 executions in one walled worker at once, through the API.
 *
 *   wait   each waits for its host. One is cancelled, the others are answered: each ends with its own
 *          value.
 *   sleep  each sleeps.
 *   kill   each waits for its host, and the worker is killed: each ends once, as crashed if it is not to
 *          run again, else with its own value once it was answered.
 *   stay   one with a short deadline ends well before it, and another is there long after it: the zygote,
 *          which kills at the earliest deadline of a worker's calls, has been told.
 *
 * Prints what those that wait, and those that sleep, cost in the worker and in the host program; fails
 * beyond 250 MiB in both together.
 */
#include <runeward/runeward.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef RN_SANITIZED
#define COUNT 2000
#else
#define COUNT 50000
#endif

#define USED_MAX ((size_t)250 << 20)
#define CANCELLED_INDEX (COUNT / 3)

static const char source[] =
    "pub async fn wait(n) { let name = \"answer\"; name.len() as i64 + host::ask(n).await }\n"
    "pub async fn sleep(n) { time::sleep(time::Duration::from_millis(4000 + n % 7)).await; n + 1 "
    "}\n"
    "pub fn one() { 1 }\n";

struct one {
    rune_vm *vm;
    rune_execution *execution;
    rune_host_call *asked;
    atomic_uint ends;
};

static struct one all[COUNT];
static atomic_uint asked_count;
static atomic_uint ended_count;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "many: line %d: %s\n", __LINE__, #x);                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Waits for a count; what counts has no condition to wait for. */
static void await(const atomic_uint *count, unsigned wanted)
{
    while (atomic_load(count) < wanted) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void ask(void *user, rune_host_call *call)
{
    int64_t index = -1;
    (void)user;
    CHECK(rune_value_get_i64(rune_host_call_arg(call, 0), &index) && index >= 0 && index < COUNT);
    all[index].asked = call;
    atomic_fetch_add(&asked_count, 1);
}

static void on_end(void *user, rune_execution *execution)
{
    struct one *one = user;
    (void)execution;
    atomic_fetch_add(&one->ends, 1);
    atomic_fetch_add(&ended_count, 1);
}

struct setup {
    rune_supervisor *supervisor;
    rune_context *context;
    rune_runtime *runtime;
    rune_unit *unit;
    rune_limits *limits;
};

static void start(struct setup *s)
{
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_spares(options, 0);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_calls_per_worker(options, COUNT + 10);
    rune_status status = rune_supervisor_new(options, &s->supervisor, &error);
    if (status != RUNE_OK) {
        fprintf(stderr, "many: %s\n", rune_error_message(error));
        exit(1);
    }
    rune_supervisor_options_free(options);
    s->context = rune_context_with_default_modules();
    rune_module *module = rune_module_new("host");
    CHECK(rune_module_function(module, "ask", 1, RUNE_FUNCTION_ASYNC, ask, NULL, NULL) == RUNE_OK);
    CHECK(rune_context_install(s->context, module, NULL) == RUNE_OK);
    rune_module_free(module);
    CHECK(rune_context_runtime(s->context, &s->runtime, NULL) == RUNE_OK);
    rune_sources *sources = rune_sources_new();
    CHECK(rune_sources_insert_memory(sources, "many.rn", source, sizeof(source) - 1, NULL) ==
          RUNE_OK);
    CHECK(rune_build(s->supervisor, sources, s->context, NULL, NULL, &s->unit, &error) == RUNE_OK);
    rune_sources_free(sources);
    s->limits = rune_limits_new();
    CHECK(rune_limits_set(s->limits, RUNE_LIMIT_WALL, UINT64_C(1000000000000)) == RUNE_OK);
    CHECK(rune_limits_set(s->limits, RUNE_LIMIT_CPU, UINT64_C(1000000000000)) == RUNE_OK);
}

static rune_vm *new_vm(struct setup *s)
{
    rune_vm *vm = NULL;
    rune_vm_options *options = rune_vm_options_new();
    CHECK(rune_vm_options_set_limits(options, s->limits) == RUNE_OK);
    CHECK(rune_vm_new(s->supervisor, s->runtime, s->unit, options, &vm, NULL) == RUNE_OK);
    rune_vm_options_free(options);
    return vm;
}

/* Private memory of a process, bytes. */
static size_t private_bytes(const char *pid)
{
    char path[64];
    char line[200];
    size_t sum = 0;
    size_t kib;
    snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Private_Clean: %zu", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %zu", &kib) == 1) {
            sum += kib << 10;
        }
    }
    if (file) {
        fclose(file);
    }
    return sum;
}

/* The process of the only worker, from the record of a call. */
static long worker_pid(struct setup *s)
{
    rune_record *record = NULL;
    rune_text *text = NULL;
    rune_vm *vm = new_vm(s);
    CHECK(rune_vm_call_record(vm, "one", NULL, 0, NULL, &record, NULL) == RUNE_OK);
    CHECK(rune_record_to_json(record, NULL, 0, &text) == RUNE_OK);
    const char *at = strstr(rune_text_data(text), "\"pid\":");
    CHECK(at);
    long pid = strtol(at + 6, NULL, 10);
    rune_text_free(text);
    rune_record_free(record);
    rune_vm_free(vm);
    return pid;
}

static void begin(struct setup *s, const char *item, const rune_call_options *options)
{
    atomic_store(&asked_count, 0);
    atomic_store(&ended_count, 0);
    for (int i = 0; i < COUNT; i++) {
        rune_error *error = NULL;
        rune_const_value *number = rune_value_i64(i);
        const rune_const_value *args[] = {number};
        all[i].vm = new_vm(s);
        atomic_store(&all[i].ends, 0);
        rune_status status =
            rune_vm_send_execute(all[i].vm, item, args, 1, options, &all[i].execution, &error);
        if (status != RUNE_OK) {
            fprintf(stderr, "many: %d of them: %s\n", i, rune_error_message(error));
            abort();
        }
        CHECK(rune_execution_on_end(all[i].execution, on_end, &all[i]) == RUNE_OK);
        rune_value_unref(number);
    }
}

static rune_record *finish(struct one *one)
{
    rune_record *record = NULL;
    CHECK(atomic_load(&one->ends) == 1);
    CHECK(rune_execution_complete(one->execution, &record) == RUNE_OK);
    rune_execution_free(one->execution);
    rune_vm_free(one->vm);
    return record;
}

static void expect_value(struct one *one, int64_t wanted)
{
    int64_t got = 0;
    rune_record *record = finish(one);
    CHECK(rune_record_reason(record) == RUNE_REASON_OK);
    CHECK(rune_value_get_i64(rune_record_value(record), &got) && got == wanted);
    rune_record_free(record);
}

/* `before`: the host program had so much without any. */
static bool report(const char *what, long pid, size_t before)
{
    char name[32];
    snprintf(name, sizeof(name), "%ld", pid);
    size_t worker = private_bytes(name);
    size_t host = private_bytes("self") - before;
    printf(
        "%d executions that %s: worker %zu MiB, host program %zu MiB more; %zu + %zu bytes each\n",
        COUNT, what, worker >> 20, host >> 20, worker / COUNT, host / COUNT);
    if (worker == 0) {
        printf("the worker was not measured: only root may look into it\n");
    }
    return worker + host <= USED_MAX && (worker > 0 || geteuid() != 0);
}

static bool all_wait(struct setup *s, size_t before)
{
    long pid = worker_pid(s);
    double begun = now_s();
    begin(s, "wait", NULL);
    await(&asked_count, COUNT);
    double asked = now_s();
    bool fits = report("wait for their host", pid, before);
    rune_execution_cancel(all[CANCELLED_INDEX].execution);
    await(&ended_count, 1);
    for (int i = 0; i < COUNT; i++) {
        rune_const_value *value = rune_value_i64(i * 3);
        rune_status status = rune_host_call_reply(all[i].asked, value);
        CHECK(status == (i == CANCELLED_INDEX ? RUNE_E_STALE : RUNE_OK));
        rune_value_unref(value);
    }
    await(&ended_count, COUNT);
    printf("begun in %.2f s, answered in %.2f s\n", asked - begun, now_s() - asked);
    for (int i = 0; i < COUNT; i++) {
        if (i != CANCELLED_INDEX) {
            expect_value(&all[i], i * 3 + 6);
            continue;
        }
        rune_record *record = finish(&all[i]);
        CHECK(rune_record_reason(record) == RUNE_REASON_CANCELLED);
        rune_record_free(record);
    }
    return fits;
}

/* On a machine that takes longer to begin them than they sleep, fewer sleep at once. */
static bool all_sleep(struct setup *s, size_t before)
{
    long pid = worker_pid(s);
    double begun = now_s();
    begin(s, "sleep", NULL);
    bool fits = report("sleep", pid, before);
    await(&ended_count, COUNT);
    printf("slept in %.2f s\n", now_s() - begun);
    for (int i = 0; i < COUNT; i++) {
        expect_value(&all[i], i + 1);
    }
    return fits;
}

static void all_die(struct setup *s)
{
    long pid = worker_pid(s);
    rune_call_options *options = rune_call_options_new();
    rune_call_options_set_replay(options, false);
    begin(s, "wait", options);
    rune_call_options_free(options);
    await(&asked_count, COUNT);
    double killed = now_s();
    CHECK(kill((pid_t)pid, SIGKILL) == 0);
    await(&ended_count, COUNT);
    printf("ended in %.2f s after a kill\n", now_s() - killed);
    for (int i = 0; i < COUNT; i++) {
        rune_record *record = finish(&all[i]);
        CHECK(rune_record_reason(record) == RUNE_REASON_CRASHED);
        rune_record_free(record);
        rune_const_value *value = rune_value_i64(0);
        CHECK(rune_host_call_reply(all[i].asked, value) == RUNE_E_STALE);
        rune_value_unref(value);
    }
}

static void all_run_again(struct setup *s)
{
    long pid = worker_pid(s);
    begin(s, "wait", NULL);
    await(&asked_count, COUNT);
    double killed = now_s();
    CHECK(kill((pid_t)pid, SIGKILL) == 0);
    for (int i = 0; i < COUNT; i++) {
        rune_const_value *value = rune_value_i64(i * 3);
        CHECK(rune_host_call_reply(all[i].asked, value) == RUNE_OK);
        rune_value_unref(value);
    }
    await(&ended_count, COUNT);
    printf("run again and answered in %.2f s after a kill\n", now_s() - killed);
    for (int i = 0; i < COUNT; i++) {
        expect_value(&all[i], i * 3 + 6);
    }
    CHECK(atomic_load(&asked_count) == COUNT);
}

static void one_stays(struct setup *s)
{
    rune_vm *short_lived = NULL;
    rune_const_value *zero = rune_value_i64(0);
    const rune_const_value *args[] = {zero};
    atomic_store(&asked_count, 0);
    atomic_store(&ended_count, 0);
    atomic_store(&all[0].ends, 0);
    all[0].vm = new_vm(s);
    CHECK(rune_vm_send_execute(all[0].vm, "wait", args, 1, NULL, &all[0].execution, NULL) ==
          RUNE_OK);
    CHECK(rune_execution_on_end(all[0].execution, on_end, &all[0]) == RUNE_OK);
    await(&asked_count, 1);
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    CHECK(rune_limits_set(limits, RUNE_LIMIT_WALL, 100000000) == RUNE_OK);
    CHECK(rune_call_options_set_limits(options, limits) == RUNE_OK);
    short_lived = new_vm(s);
    rune_const_value *value = NULL;
    rune_status status = RUNE_E_LIMIT;
    for (int i = 0; i < 50 && status == RUNE_E_LIMIT; i++) { // it may get no processor in its time
        status = rune_vm_call(short_lived, "one", NULL, 0, options, &value, NULL);
    }
    CHECK(status == RUNE_OK);
    rune_value_unref(value);
    nanosleep(&(struct timespec){.tv_sec = 4}, NULL);
    CHECK(atomic_load(&ended_count) == 0);
    CHECK(rune_host_call_reply(all[0].asked, zero) == RUNE_OK);
    await(&ended_count, 1);
    expect_value(&all[0], 6);
    rune_vm_free(short_lived);
    rune_call_options_free(options);
    rune_limits_free(limits);
    rune_value_unref(zero);
}

int main(void)
{
    struct setup s;
    start(&s);
    size_t before = private_bytes("self");
    bool fits = all_wait(&s, before);
    fits = all_sleep(&s, before) && fits;
    one_stays(&s);
    all_run_again(&s);
    all_die(&s);
    // The next call has a worker again.
    CHECK(worker_pid(&s) > 0);
    rune_limits_free(s.limits);
    rune_unit_unref(s.unit);
    rune_runtime_unref(s.runtime);
    rune_context_free(s.context);
    rune_supervisor_free(s.supervisor);
    return fits ? 0 : 1;
}
