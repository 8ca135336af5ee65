/* walled_host.c: see walled_host.h. */
#include "tests/fault/walled_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/fault/state.h"

#define BIG_SIZE 300000u
#define CALL_NS UINT64_C(1000000000)
#define GONE_MS 5000

struct fault_state *fault_state;

#define FUNCTIONS                                                                                  \
    "pub fn all(big) {\n"                                                                          \
    "    for i in 0..3 { println!(\"{} {}\", i, big); }\n"                                         \
    "    host::double(21) + part::ONE + big.len() as i64\n"                                        \
    "}\n"                                                                                          \
    "pub fn back(big) { big }\n"                                                                   \
    "pub async fn later() { host::later(1).await }\n"                                              \
    "pub fn endless() { loop {} }\n"

static const char source[] = "mod part;\n" FUNCTIONS;
static const char whole[] = "mod part { pub const ONE = 1; }\n" FUNCTIONS;
static const char part[] = "pub const ONE = 1;\n";

static rune_text *images[2]; /* of two Units */
static rune_const_value *big;

/* ---- Set up ---- */

static void map_state(void)
{
    int fd = open(RN_WALLED_STATE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(ftruncate(fd, sizeof(*fault_state)), 0);
    void *there = mmap(NULL, sizeof(*fault_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(there, MAP_FAILED);
    assert_int_equal(close(fd), 0);
    fault_state = there;
}

static bool make(unsigned spares, rune_supervisor **out_supervisor)
{
    rune_error *error = NULL;
    rune_supervisor_options *options = rune_supervisor_options_new();
    assert_non_null(options);
    assert_int_equal(rune_supervisor_options_set_helpers(options, RN_WALLED_FOLDER), RUNE_OK);
    rune_supervisor_options_set_policy(options, RUNE_POLICY_BEST_EFFORT);
    rune_supervisor_options_set_workers(options, 1);
    rune_supervisor_options_set_spares(options, spares);
    bool good = WENT_WELL(rune_supervisor_new(options, out_supervisor, &error), error);
    rune_supervisor_options_free(options);
    return good;
}

rune_supervisor *walled_supervisor(unsigned spares)
{
    rune_supervisor *made = NULL;
    assert_true(make(spares, &made));
    return made;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static rune_text *image_of(const char *text)
{
    rune_text *bytes = NULL;
    rune_unit *unit = build(text);
    assert_int_equal(rune_unit_save(unit, &bytes, NULL), RUNE_OK);
    rune_unit_unref(unit);
    return bytes;
}

static void make_big(void)
{
    char *text = rn_alloc(BIG_SIZE);
    assert_non_null(text);
    memset(text, 'b', BIG_SIZE);
    big = rune_value_string(text, BIG_SIZE);
    assert_non_null(big);
    rn_free(text);
}

int walled_set_up(void **state)
{
    int failed = scenes_set_up(state);
    map_state();
    write_file("walled.rn", source);
    write_file("part.rn", part);
    images[0] = image_of(whole);
    images[1] = image_of("pub fn one() { 1 }\n");
    make_big();
    rune_supervisor_free(supervisor);
    supervisor = walled_supervisor(0);
    return failed;
}

int walled_tear_down(void **state)
{
    rune_text_free(images[0]);
    rune_text_free(images[1]);
    rune_value_unref(big);
    int failed = scenes_tear_down(state);
    unsigned left = walled_processes(0);
    assert_int_equal(unlink(RN_WALLED_STATE), 0);
    assert_int_equal(munmap(fault_state, sizeof(*fault_state)), 0);
    return failed + (int)left;
}

void walled_arena(enum fault_scope scope, uint64_t bytes)
{
    fault_in(scope, false);
    atomic_store(&fault_state->arena, bytes);
}

static unsigned count_processes(void)
{
    unsigned count = 0;
    char path[64 + NAME_MAX];
    char program[PATH_MAX];
    struct dirent *entry;
    DIR *processes = opendir("/proc");
    assert_non_null(processes);
    while ((entry = readdir(processes)) != NULL) {
        (void)snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
        ssize_t size = readlink(path, program, sizeof(program) - 1);
        program[size < 0 ? 0 : size] = 0;
        count += strncmp(program, RN_WALLED_FOLDER "/", sizeof(RN_WALLED_FOLDER)) == 0;
    }
    closedir(processes);
    return count;
}

unsigned walled_processes(unsigned most)
{
    int64_t until_ms = now_ms() + GONE_MS;
    unsigned count = count_processes();
    while (count > most && now_ms() < until_ms) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        count = count_processes();
    }
    return count;
}

/* ---- Compilers ---- */

static rune_sources *sources_of_file(void)
{
    rune_sources *sources = rune_sources_new();
    assert_non_null(sources);
    assert_int_equal(rune_sources_insert_file(sources, at("walled.rn"), NULL), RUNE_OK);
    return sources;
}

bool scene_of_a_walled_build(void)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_sources *sources = sources_of_file();
    bool good =
        WENT_WELL(rune_build(supervisor, sources, context, NULL, NULL, &unit, &error), error);
    assert_true(good == (unit != NULL));
    rune_unit_unref(unit);
    rune_sources_free(sources);
    return good;
}

bool scene_of_a_walled_format(void)
{
    rune_text *out = NULL;
    rune_error *error = NULL;
    rune_sources *sources = sources_of_file();
    bool good = WENT_WELL(rune_format(supervisor, sources, NULL, NULL, &out, &error), error);
    rune_text_free(RN_TAKE(out));
    error = NULL;
    good = WENT_WELL(rune_outline(supervisor, sources, NULL, NULL, &out, &error), error) && good;
    rune_text_free(out);
    rune_sources_free(sources);
    return good;
}

/* ---- Workers ---- */

static bool new_of(rune_supervisor *by, rune_unit *unit, rune_isolation isolation, rune_vm **out_vm)
{
    rune_error *error = NULL;
    rune_vm_options *options = rune_vm_options_new();
    assert_non_null(options);
    rune_vm_options_set_isolation(options, isolation);
    bool good = WENT_WELL(rune_vm_new(by, runtime, unit, options, out_vm, &error), error);
    rune_vm_options_free(options);
    return good;
}

/* Ends for that reason. With `argument`, or without one. */
static bool ends_as(rune_vm *vm, const char *item, const rune_const_value *argument,
                    rune_limit limit, uint64_t value, rune_reason wanted)
{
    rune_error *error = NULL;
    rune_record *record = NULL;
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    const rune_const_value *args[] = {argument};
    assert_true(limits && options);
    assert_int_equal(rune_limits_set(limits, RUNE_LIMIT_WALL, CALL_NS), RUNE_OK);
    assert_int_equal(rune_limits_set(limits, limit, value), RUNE_OK);
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_call_options_set_output(options, take, NULL);
    rune_status status =
        rune_vm_call_record(vm, item, args, argument != NULL, options, &record, &error);
    bool good = WENT_WELL(status, error) && rune_record_reason(record) == wanted;
    rune_record_free(record);
    rune_call_options_free(options);
    rune_limits_free(limits);
    return good;
}

static bool ends_well(rune_vm *vm, const char *item, const rune_const_value *argument)
{
    return ends_as(vm, item, argument, RUNE_LIMIT_WALL, CALL_NS, RUNE_REASON_OK);
}

static rune_unit *load(unsigned index)
{
    rune_unit *unit = NULL;
    rune_status status =
        rune_unit_load(rune_text_data(images[index]), rune_text_size(images[index]), &unit, NULL);
    assert_int_equal(status, RUNE_OK);
    return unit;
}

bool scene_of_a_new_worker(void)
{
    rune_vm *vm = NULL;
    rune_unit *unit = load(0);
    bool good = new_of(supervisor, unit, RUNE_ISOLATION_CALL, &vm) && ends_well(vm, "all", big);
    good = good && ends_well(vm, "back", big);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return good;
}

static bool use_once(rune_supervisor *by, unsigned index, const char *item)
{
    rune_vm *vm = NULL;
    rune_unit *unit = load(index);
    bool good = new_of(by, unit, RUNE_ISOLATION_SHARED, &vm) && ends_well(vm, item, NULL);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return good;
}

bool scene_of_a_shared_worker(void)
{
    rune_vm *vm = NULL;
    rune_unit *unit = load(0);
    bool good = new_of(supervisor, unit, RUNE_ISOLATION_SHARED, &vm);
    good = good && ends_well(vm, "back", big) && ends_well(vm, "later", NULL);
    good = good && ends_as(vm, "endless", NULL, RUNE_LIMIT_BUDGET, 100000, RUNE_REASON_BUDGET);
    good = good && ends_as(vm, "endless", NULL, RUNE_LIMIT_WALL, 1000000, RUNE_REASON_WALL);
    rune_vm_free(vm);
    rune_unit_unref(unit);
    // What only the worker still holds is detached when others come.
    return good && use_once(supervisor, 1, "one") && use_once(supervisor, 1, "one");
}

/* ---- Zygotes ---- */

bool scene_of_a_zygote(void)
{
    rune_supervisor *own = NULL;
    bool good = make(1, &own) && use_once(own, 1, "one") && use_once(own, 0, "later");
    rune_supervisor_free(own);
    return good;
}
