/* Units kept on disk: hits, misses, damage, foreign folders, bounds. */
#include "tests/unit/supervisor/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char cache[80];

static const char *at(const char *in, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", in, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(at(folder, name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/runeward-cache-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cache, sizeof(cache), "%s/cache", folder);
    write_file("main.rn", "mod part; pub fn main() { return part::two(); 1 }");
    write_file("part.rn", "pub fn two() { 2 }");
    return 0;
}

/* Calls `fn` (may be NULL) for each file in a folder; their number. */
static unsigned each_file(const char *in, void (*fn)(const char *path))
{
    DIR *opened = opendir(in);
    const struct dirent *entry;
    unsigned count = 0;
    while (opened && (entry = readdir(opened)) != NULL) {
        if (entry->d_type == DT_REG) {
            count++;
            if (fn) {
                fn(at(in, entry->d_name));
            }
        }
    }
    if (opened) {
        closedir(opened);
    }
    return count;
}

static void remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static int tear_down(void **state)
{
    (void)state;
    (void)chmod(cache, 0700);
    (void)each_file(cache, remove_file);
    (void)rmdir(cache);
    (void)each_file(folder, remove_file);
    return rmdir(folder);
}

static uint64_t builds(void)
{
    rune_stats stats;
    rune_supervisor_stats(supervisor, &stats);
    return stats.builds;
}

struct how {
    const rune_context *context;
    const char *domain;
    uint64_t bytes_max;
    bool script;
};

/* Builds main.rn; true if a compiler was asked. The result of main goes to `out_value`. */
static bool was_compiled(struct how how, int64_t *out_value)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    uint64_t before = builds();
    rune_diagnostics *diagnostics = rune_diagnostics_new();
    rune_sources *sources = rune_sources_new();
    rune_options *options = rune_options_new();
    assert_int_equal(rune_options_set_cache(options, cache, how.bytes_max), RUNE_OK);
    assert_int_equal(rune_options_set_domain(options, how.domain ? how.domain : ""), RUNE_OK);
    assert_int_equal(rune_sources_insert_file(sources, at(folder, "main.rn"), NULL), RUNE_OK);
    if (rune_build(supervisor, sources, how.context, options, diagnostics, &unit, &error) !=
        RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    // Warnings come out of the cache as they come out of the compiler.
    assert_int_equal(rune_diagnostics_count(diagnostics), 1);
    rune_vm *vm = new_vm(unit, RUNE_ISOLATION_SHARED, "");
    *out_value = call_i64(vm, "main");
    rune_vm_free(vm);
    rune_unit_unref(unit);
    rune_options_free(options);
    rune_sources_free(sources);
    rune_diagnostics_free(diagnostics);
    return builds() != before;
}

static void test_the_second_build_is_found(void **state)
{
    int64_t value = 0;
    (void)state;
    assert_true(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 2);
    assert_false(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 2);
}

static void test_whatever_changes_is_built(void **state)
{
    int64_t value = 0;
    (void)state;
    assert_true(was_compiled((struct how){0}, &value));
    assert_true(was_compiled((struct how){.context = context}, &value));
    assert_true(was_compiled((struct how){.domain = "other"}, &value));
    write_file("part.rn", "pub fn two() { 22 }");
    assert_true(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 22);
    // Back again: both are kept.
    write_file("part.rn", "pub fn two() { 2 }");
    assert_false(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 2);
    // Another file takes the module's place.
    write_file("main.rn", "mod part; mod more; pub fn main() { return more::two(); 1 }");
    write_file("more.rn", "pub fn two() { 3 }");
    assert_true(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 3);
    assert_false(was_compiled((struct how){0}, &value));
}

static unsigned damage_at;

static void damage(const char *path)
{
    unsigned char byte = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    off_t where = damage_at % size;
    assert_int_equal(pread(fd, &byte, 1, where), 1);
    byte ^= 0x20;
    assert_int_equal(pwrite(fd, &byte, 1, where), 1);
    close(fd);
}

static void cut(const char *path)
{
    assert_int_equal(truncate(path, damage_at), 0);
}

static void test_damage_is_built_again(void **state)
{
    int64_t value = 0;
    (void)state;
    assert_true(was_compiled((struct how){0}, &value));
    for (damage_at = 0; damage_at < 4000; damage_at = damage_at * 3 + 7) {
        (void)each_file(cache, damage);
        assert_true(was_compiled((struct how){0}, &value));
        assert_int_equal(value, 2);
        assert_false(was_compiled((struct how){0}, &value));
    }
    for (damage_at = 0; damage_at < 200; damage_at += 33) {
        (void)each_file(cache, cut);
        assert_true(was_compiled((struct how){0}, &value));
        assert_int_equal(value, 2);
    }
}

/* An entry under another key's name is another program. */
static void test_entries_do_not_change_places(void **state)
{
    int64_t value = 0;
    char first[512] = "";
    char other[512] = "";
    (void)state;
    assert_true(was_compiled((struct how){0}, &value));
    write_file("part.rn", "pub fn two() { 22 }");
    assert_true(was_compiled((struct how){0}, &value));
    DIR *opened = opendir(cache);
    const struct dirent *entry;
    while ((entry = readdir(opened)) != NULL) {
        if (strstr(entry->d_name, ".unit")) {
            (void)snprintf(first[0] ? other : first, sizeof(first), "%s", at(cache, entry->d_name));
        }
    }
    closedir(opened);
    assert_true(other[0] != 0);
    assert_int_equal(renameat2(AT_FDCWD, first, AT_FDCWD, other, RENAME_EXCHANGE), 0);
    assert_true(was_compiled((struct how){0}, &value));
    assert_int_equal(value, 22);
}

static void test_folders_of_strangers_are_refused(void **state)
{
    rune_unit *unit = NULL;
    rune_error *error = NULL;
    rune_sources *sources = rune_sources_new();
    rune_options *options = rune_options_new();
    (void)state;
    assert_int_equal(mkdir(cache, 0700), 0);
    assert_int_equal(chmod(cache, 0777), 0);
    assert_int_equal(rune_options_set_cache(options, cache, 0), RUNE_OK);
    assert_int_equal(rune_sources_insert_file(sources, at(folder, "main.rn"), NULL), RUNE_OK);
    assert_int_equal(rune_build(supervisor, sources, NULL, options, NULL, &unit, &error),
                     RUNE_E_DENIED);
    assert_non_null(strstr(rune_error_message(error), cache));
    rune_error_free(error);
    rune_options_free(options);
    rune_sources_free(sources);
}

static uint64_t total;

static void add_size(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    total += (uint64_t)about.st_size;
}

static void test_the_folder_is_bounded(void **state)
{
    int64_t value = 0;
    struct how how = {.bytes_max = 16384};
    (void)state;
    for (int i = 0; i < 40; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "pub fn two() { %d }", i);
        write_file("part.rn", text);
        assert_true(was_compiled(how, &value));
        total = 0;
        (void)each_file(cache, add_size);
        assert_true(total <= how.bytes_max);
    }
    assert_false(was_compiled(how, &value));
    assert_int_equal(value, 39);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_second_build_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whatever_changes_is_built, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_built_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entries_do_not_change_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders_of_strangers_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_folder_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
