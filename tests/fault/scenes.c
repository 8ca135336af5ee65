/* scenes.c: see scenes.h. */
#include "tests/fault/scenes.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char source[] = "pub static COUNT = 1;\n"
                             "pub fn main() { println!(\"{}\", COUNT); host::double(21) }\n";
static char folder[64];
static rune_unit *unit;
/* What failed last. */
static rune_status last_status;
static char last_text[512];

const char *at(const char *name)
{
    static char path[2][128];
    static unsigned next;
    char *there = path[next++ % 2];
    (void)snprintf(there, sizeof(path[0]), "%s/%s", folder, name);
    return there;
}

int scenes_set_up(void **state)
{
    int failed = harness_set_up(state);
    (void)snprintf(folder, sizeof(folder), "/tmp/rn-fault-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0700), 0);
    FILE *file = fopen(at("main.rn"), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(source, 1, sizeof(source) - 1, file), sizeof(source) - 1);
    fclose(file);
    unit = build(source);
    return failed + scenes_wide_set_up();
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

int scenes_tear_down(void **state)
{
    scenes_wide_tear_down();
    rune_unit_unref(unit);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return harness_tear_down(state);
}

bool sweeps_take_all(void)
{
    return getenv("RUNEWARD_FAULT_ALL") != NULL;
}

bool is_wanted(const struct scene *scene)
{
    const char *name = getenv("RUNEWARD_FAULT_ALL");
    return !name || strcmp(name, "1") == 0 || strcmp(name, scene->name) == 0;
}

void must_work(bool (*scene)(void))
{
    bool good = scene();
    // A process that a fault took away may be missed by one call, and no more.
    if (!good && !scene()) {
        fail_msg("it does not work again: %s: %s", rune_status_name(last_status), last_text);
    }
}

int fds_at_rest(void)
{
    rune_stats stats;
    must_work(scene_of_an_execution);
    must_work(scene_of_files);
    int fds = settled_fds();
    rune_supervisor_stats(supervisor, &stats);
    return fds - 2 * (int)stats.workers_now;
}

void expect_no_more_fds(int before)
{
    int now = fds_at_rest();
    for (int again = 0; again < 5 && now > before; again++) {
        now = fds_at_rest();
    }
    assert_in_range(now, 0, before);
}

const char *what_was_said(void)
{
    return last_text;
}

bool has_reason(const char *name, int why)
{
    bool by_system = last_status == RUNE_E_SYSTEM || last_status == RUNE_E_SETUP;
    bool named = !by_system || last_text[0] == 0 || strstr(last_text, strerrordesc_np(why));
    if (!named) {
        print_error("%s: %s: not named in: %s\n", name, strerrordesc_np(why), last_text);
    }
    last_status = RUNE_OK;
    return named;
}

/* What failed must have a name. Frees the error. */
bool went_well(rune_status status, rune_error *error)
{
    if (status != RUNE_OK) {
        assert_string_not_equal(rune_status_name(status), "UNKNOWN");
        assert_true(error == NULL || strlen(rune_error_message(error)) > 0);
        last_status = status;
        (void)snprintf(last_text, sizeof(last_text), "%s", error ? rune_error_message(error) : "");
    }
    rune_error_free(error);
    return status == RUNE_OK;
}

bool take(void *user, int stream, const char *data, size_t size)
{
    (void)user;
    (void)stream;
    (void)data;
    (void)size;
    return true;
}

static rune_call_options *call_options(void)
{
    rune_call_options *options = rune_call_options_new();
    if (options) {
        rune_call_options_set_output(options, take, NULL);
    }
    return options;
}

/* Consumes the record. */
bool is_good(rune_status status, rune_record *record, rune_error *error)
{
    bool good = WENT_WELL(status, error) && rune_record_reason(record) == RUNE_REASON_OK;
    if (record && rune_record_error(record)) {
        (void)snprintf(last_text, sizeof(last_text), "%s",
                       rune_error_message(rune_record_error(record)));
    }
    rune_record_free(record);
    return good;
}

static bool call_in(rune_supervisor *by, rune_unit *called, rune_isolation isolation)
{
    rune_vm *vm = NULL;
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_vm_options *vm_options = rune_vm_options_new();
    if (!vm_options) {
        return false;
    }
    rune_vm_options_set_isolation(vm_options, isolation);
    bool good = WENT_WELL(rune_vm_new(by, runtime, called, vm_options, &vm, &error), error);
    rune_vm_options_free(vm_options);
    if (good) {
        rune_call_options *options = call_options();
        error = NULL;
        rune_status status = rune_vm_call_record(vm, "main", NULL, 0, options, &record, &error);
        good = is_good(status, record, error);
        rune_call_options_free(options);
    }
    rune_vm_free(vm);
    return good;
}

static bool build_with(rune_supervisor *by, const rune_options *options, rune_unit **out_unit)
{
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    bool good =
        sources && WENT_WELL(rune_sources_insert_file(sources, at("main.rn"), &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_build(by, sources, context, options, NULL, out_unit, &error), error);
    }
    rune_sources_free(sources);
    return good;
}

static bool scene_of_a_life(void)
{
    rune_unit *made = NULL;
    rune_error *error = NULL;
    rune_supervisor *own = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    if (!options) {
        return false;
    }
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_spares(options, 0);
    bool good = WENT_WELL(rune_supervisor_new(options, &own, &error), error);
    rune_supervisor_options_free(options);
    good = good && build_with(own, NULL, &made) && call_in(own, made, RUNE_ISOLATION_SHARED);
    rune_unit_unref(made);
    rune_supervisor_free(own);
    return good;
}

static bool scene_of_a_call(void)
{
    return call_in(supervisor, unit, RUNE_ISOLATION_CALL);
}

bool scene_of_an_execution(void)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_execution *execution = NULL;
    rune_vm *vm = NULL;
    rune_call_options *options = call_options();
    bool good = WENT_WELL(rune_vm_new(supervisor, runtime, unit, NULL, &vm, &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_vm_send_execute(vm, "main", NULL, 0, options, &execution, &error),
                         error);
    }
    if (execution) {
        assert_int_equal(rune_execution_wait(execution, UINT64_MAX), RUNE_OK);
        rune_status status = rune_execution_complete(execution, &record);
        good = is_good(status, record, NULL);
        rune_execution_free(execution);
    }
    rune_call_options_free(options);
    rune_vm_free(vm);
    return good;
}

static bool scene_of_globals(void)
{
    rune_error *error = NULL;
    rune_globals *globals = NULL;
    rune_vm *vm = NULL;
    rune_const_value *value = rune_value_i64(7);
    bool good =
        value && WENT_WELL(rune_vm_new(supervisor, runtime, unit, NULL, &vm, &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_vm_set_static(vm, "COUNT", value, &error), error);
    }
    if (good) {
        rune_record *record = NULL;
        rune_call_options *options = call_options();
        error = NULL;
        rune_status status = rune_vm_call_record(vm, "main", NULL, 0, options, &record, &error);
        good = is_good(status, record, error);
        rune_call_options_free(options);
    }
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_vm_globals(vm, &globals, &error), error);
    }
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_vm_set_globals(vm, globals, &error), error);
    }
    rune_globals_free(globals);
    rune_value_unref(value);
    rune_vm_free(vm);
    return good;
}

bool scene_of_files(void)
{
    rune_unit *made = NULL;
    rune_unit *loaded = NULL;
    rune_error *error = NULL;
    rune_options *options = rune_options_new();
    // What is in the cache already would be found, and nothing built.
    (void)nftw(at("cache"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    bool good = options && WENT_WELL(rune_options_set_cache(options, at("cache"), 0), NULL);
    good = good && build_with(supervisor, options, &made) &&
           WENT_WELL(rune_unit_save_file(made, at("main.rnu"), &error), error);
    if (good) {
        error = NULL;
        good = WENT_WELL(rune_unit_load_file(at("main.rnu"), &loaded, &error), error);
    }
    rune_unit_unref(loaded);
    rune_unit_unref(made);
    rune_options_free(options);
    return good;
}

static bool scene_of_a_watch(void)
{
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    rune_watch_options *options = rune_watch_options_new();
    if (!options) {
        return false;
    }
    rune_watch_options_set_context(options, context);
    bool good = WENT_WELL(rune_watch_new(supervisor, folder, options, &watch, &error), error);
    if (good) {
        rune_unit *current = rune_watch_current(watch, "main");
        good = current != NULL;
        rune_unit_unref(current);
    }
    rune_watch_free(watch);
    rune_watch_options_free(options);
    return good;
}

const struct scene scenes[SCENES] = {
    {"a life", scene_of_a_life, 4},
    {"a call", scene_of_a_call, 2},
    {"an execution", scene_of_an_execution, 1},
    {"statics", scene_of_globals, 1},
    {"files", scene_of_files, 3},
    {"a watch", scene_of_a_watch, 4},
    {"functions", scene_of_functions, 1},
    {"a batch", scene_of_a_batch, 1},
    {"later replies", scene_of_later_replies, 1},
    {"a killed worker", scene_of_a_killed_worker, 2},
    {"ends", scene_of_ends, 1},
    {"names", scene_of_names, 1},
    {"source tools", scene_of_source_tools, 3},
    {"a daemon", scene_of_a_daemon, 8},
};
