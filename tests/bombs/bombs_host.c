/*
 * bombs_host.c: every bomb of this folder in one process that lives on.
 *
 * bombs.py says what the heads of the scripts mean. After each bomb a good call works; in the end
 * the host holds what it held before.
 */
#include "tests/unit/supervisor/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536
#define BOUND_MS 30000

static const struct {
    const char *option;
    rune_limit limit;
    uint64_t unless_said;
} limits_said[] = {
    {"--budget ", RUNE_LIMIT_BUDGET, 20000000},     {"--memory ", RUNE_LIMIT_MEMORY, 32 << 20},
    {"--output ", RUNE_LIMIT_OUTPUT, 64 << 10},     {"--wall ", RUNE_LIMIT_WALL, 20000000000},
    {"--host-calls ", RUNE_LIMIT_HOST_CALLS, 1000}, {"--depth ", RUNE_LIMIT_DEPTH, UINT64_MAX},
};

/* "500M" of a size, "500M" of a count, "500ms": by the limit that it is for. */
static uint64_t quantity(const char *text, rune_limit limit)
{
    char *unit;
    uint64_t number = strtoull(text, &unit, 10);
    bool bytes = limit == RUNE_LIMIT_MEMORY || limit == RUNE_LIMIT_OUTPUT;
    if (strncmp(unit, "ms", 2) == 0) {
        return number * 1000000;
    }
    if (*unit == 'K') {
        return number * (bytes ? 1 << 10 : 1000);
    }
    return *unit == 'M' ? number * (bytes ? 1 << 20 : 1000000) : number;
}

static rune_call_options *options_of(const char *source)
{
    rune_limits *limits = rune_limits_new();
    rune_call_options *options = rune_call_options_new();
    for (size_t i = 0; i < sizeof(limits_said) / sizeof(limits_said[0]); i++) {
        const char *said = strstr(source, limits_said[i].option);
        uint64_t value = limits_said[i].unless_said;
        if (said) {
            value = quantity(said + strlen(limits_said[i].option), limits_said[i].limit);
        }
        if (value != UINT64_MAX) {
            assert_int_equal(rune_limits_set(limits, limits_said[i].limit, value), RUNE_OK);
        }
    }
    assert_int_equal(rune_call_options_set_limits(options, limits), RUNE_OK);
    rune_limits_free(limits);
    return options;
}

static rune_reason build_bomb(const char *source, rune_unit **out_unit)
{
    rune_error *error = NULL;
    rune_reason reason = RUNE_REASON_OK;
    rune_sources *sources = rune_sources_new();
    assert_int_equal(rune_sources_insert_memory(sources, "bomb.rn", source, strlen(source), NULL),
                     RUNE_OK);
    if (rune_build(supervisor, sources, context, NULL, NULL, out_unit, &error) != RUNE_OK) {
        reason = rune_error_reason(error);
    }
    rune_error_free(error);
    rune_sources_free(sources);
    return reason;
}

static rune_reason explode(const char *source)
{
    rune_unit *unit = NULL;
    rune_reason reason = build_bomb(source, &unit);
    if (unit) {
        rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
        rune_call_options *options = options_of(source);
        reason = call_reason(vm, "main", options);
        rune_call_options_free(options);
        rune_vm_free(vm);
    }
    rune_unit_unref(unit);
    return reason;
}

static void read_bomb(const char *name, char text[TEXT_MAX])
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", RN_BOMBS, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, TEXT_MAX - 1, file)] = 0;
    fclose(file);
}

static bool is_a_bomb(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end && strcmp(end, ".rn") == 0;
}

/* Whether it ended as its first line says. */
static bool as_it_must(const char *name)
{
    static char text[TEXT_MAX];
    char expected[32] = "";
    read_bomb(name, text);
    assert_int_equal(sscanf(text, "// reason: %31s", expected), 1);
    int64_t begun = now_ms();
    const char *reason = rune_reason_name(explode(text));
    int64_t took = now_ms() - begun;
    if (strcmp(reason, expected) == 0 && took < BOUND_MS) {
        return true;
    }
    print_error("%s: %s after %lld ms, expected %s\n", name, reason, (long long)took, expected);
    return false;
}

static void every_bomb(void **state)
{
    (void)state;
    rune_unit *good = build("pub fn main() { 40 + 2 }");
    rune_vm *vm = new_vm(good, RUNE_ISOLATION_SHARED, "");
    int bombs = 0;
    int failed = 0;
    struct dirent *entry;
    DIR *folder = opendir(RN_BOMBS);
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (is_a_bomb(entry)) {
            bombs++;
            failed += !as_it_must(entry->d_name);
            assert_int_equal(call_i64(vm, "main"), 42);
        }
    }
    closedir(folder);
    print_message("%d bombs, %d that did not end as they must\n", bombs, failed);
    assert_true(bombs >= 100 && failed == 0);
    rune_vm_free(vm);
    rune_unit_unref(good);
}

static void nothing_is_left(void **state)
{
    (void)state;
    static char memory[TEXT_MAX];
    static char compile[TEXT_MAX];
    int fds = 0;
    read_bomb("memory_double_add.rn", memory);
    read_bomb("compile_constants.rn", compile);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(explode(memory), RUNE_REASON_MEMORY);
        assert_int_equal(explode(compile), RUNE_REASON_FAILED);
        // The first round replaces what earlier tests left behind.
        fds = i == 0 ? settled_fds() : fds;
    }
    assert_int_equal(settled_fds(), fds);
    assert_false(has_children());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bomb),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
