/*
 * limits.c: scripts that misbehave, and how the program learns of it.
 *
 * Each call ends with exactly one reason; the program goes on after all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runeward/runeward.h>

static const char script[] = "pub fn forever() { loop {} }\n"
                             "pub fn grow() { let all = []; loop { all.push([all.len(), 0]); } }\n"
                             "pub fn wrong() { panic!(\"out of stock\") }\n"
                             "pub fn fine(n) { n * 2 }\n";

static void fail(rune_error *error)
{
    (void)fprintf(stderr, "limits: %s\n", error ? rune_error_message(error) : "no memory");
    rune_error_free(error);
    exit(70);
}

static rune_unit *build(rune_supervisor *supervisor)
{
    rune_sources *sources = rune_sources_new();
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    if (!sources ||
        rune_sources_insert_memory(sources, "script.rn", script, strlen(script), &error) !=
            RUNE_OK ||
        rune_build(supervisor, sources, NULL, NULL, NULL, &unit, &error) != RUNE_OK) {
        fail(error);
    }
    rune_sources_free(sources);
    return unit;
}

/* What the program grants one call: whatever is not set has a finite default. */
static rune_call_options *grant(uint64_t budget, uint64_t memory)
{
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    if (!limits || !options || rune_limits_set(limits, RUNE_LIMIT_BUDGET, budget) != RUNE_OK ||
        rune_limits_set(limits, RUNE_LIMIT_MEMORY, memory) != RUNE_OK ||
        rune_limits_set(limits, RUNE_LIMIT_WALL, UINT64_C(5000000000)) != RUNE_OK ||
        rune_call_options_set_limits(options, limits) != RUNE_OK) {
        fail(NULL);
    }
    rune_limits_free(limits);
    return options;
}

static void print(const char *item, rune_record *record)
{
    rune_reason reason = rune_record_reason(record);
    const rune_error *error = rune_record_error(record);
    (void)printf("%s: %s (%d)", item, rune_reason_name(reason), rune_reason_exit_code(reason, 0));
    if (reason == RUNE_REASON_SCRIPT_ERROR) {
        (void)printf(": %s", rune_error_message(error));
    }
    (void)printf("\n");
    rune_record_free(record);
}

static void call(rune_vm *vm, const char *item, const rune_call_options *options)
{
    rune_record *record;
    rune_error *error = NULL;
    if (rune_vm_call_record(vm, item, NULL, 0, options, &record, &error) != RUNE_OK) {
        fail(error);
    }
    print(item, record);
}

/* Runs while the program does something else; the program loses patience. */
static void call_and_cancel(rune_vm *vm, const char *item, const rune_call_options *options)
{
    rune_execution *execution;
    rune_record *record = NULL;
    rune_error *error = NULL;
    if (rune_vm_send_execute(vm, item, NULL, 0, options, &execution, &error) != RUNE_OK) {
        fail(error);
    }
    if (rune_execution_wait(execution, 20000000) == RUNE_E_TIMED_OUT) {
        rune_execution_cancel(execution);
    }
    if (rune_execution_wait(execution, UINT64_MAX) != RUNE_OK ||
        rune_execution_complete(execution, &record) != RUNE_OK) {
        fail(NULL);
    }
    print(item, record);
    rune_execution_free(execution);
}

static void call_fine(rune_vm *vm)
{
    rune_const_value *n = rune_value_i64(21);
    const rune_const_value *args[] = {n};
    rune_const_value *value = NULL;
    rune_error *error = NULL;
    int64_t result = 0;
    if (rune_vm_call(vm, "fine", args, 1, NULL, &value, &error) != RUNE_OK ||
        !rune_value_get_i64(value, &result)) {
        fail(error);
    }
    (void)printf("fine: %lld\n", (long long)result);
    rune_value_unref(value);
    rune_value_unref(n);
}

int main(void)
{
    rune_supervisor *supervisor;
    rune_vm *vm;
    rune_error *error = NULL;
    if (rune_supervisor_new(NULL, &supervisor, &error) != RUNE_OK) {
        fail(error);
    }
    rune_unit *unit = build(supervisor);
    if (rune_vm_new(supervisor, NULL, unit, NULL, &vm, &error) != RUNE_OK) {
        fail(error);
    }
    rune_call_options *little = grant(1000000, UINT64_C(8) << 20);
    rune_call_options *much = grant(UINT64_C(1000000000000), UINT64_C(8) << 20);
    call(vm, "forever", little);
    call(vm, "grow", much);
    call(vm, "wrong", little);
    call_and_cancel(vm, "forever", much);
    call_fine(vm);
    rune_call_options_free(little);
    rune_call_options_free(much);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_supervisor_free(supervisor);
    return 0;
}
