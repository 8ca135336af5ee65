/*
 * Watching a folder: saves of every kind, modules, broken scripts, folders that come and go. With a supervisor of
 * one's own, and the same through a daemon.
 */
#include "tests/unit/supervisor/daemon.h"
#include "tests/unit/supervisor/watching.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/watch_state.h"

static rune_supervisor *by; /* what watches */

static int set_up(void **state)
{
    by = supervisor;
    return watching_set_up(state);
}

static int set_up_daemon(void **state)
{
    daemon_start("pub fn main() { 1 }", NULL);
    by = daemon_connect();
    return watching_set_up(state);
}

static int tear_down_daemon(void **state)
{
    daemon_leave(by);
    return watching_tear_down(state);
}

static rune_watch *watch_folder(void)
{
    return watch_with(by, NULL);
}

static int64_t result(rune_watch *watch, const char *name)
{
    return result_by(by, watch, name);
}

static bool is_broken(rune_watch *watch, const char *name)
{
    rune_diagnostics *diagnostics = NULL;
    assert_int_equal(rune_watch_diagnostics(watch, name, &diagnostics), RUNE_OK);
    bool broken = rune_diagnostics_has_error(diagnostics);
    rune_diagnostics_free(diagnostics);
    return broken;
}

static void test_what_is_there_is_built(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("shop"), 0700), 0);
    write_file("a.rn", "pub fn main() { 1 }");
    write_file("shop/prices.rn", "pub fn main() { 2 }");
    write_file("bad.rn", "pub fn main() { let x = ; }");
    write_file(".hidden.rn", "pub fn main() { 3 }");
    // What could mislead whoever reads a log: a control character of C1, one that turns the direction.
    write_file("c1\xc2\x9b.rn", "pub fn main() { 4 }");
    write_file("bidi\xe2\x80\xae.rn", "pub fn main() { 4 }");
    write_file("\xc3\xbc.rn", "pub fn main() { 5 }");
    write_file("notes.txt", "no script");
    assert_int_equal(symlink(at("a.rn"), at("link.rn")), 0);
    assert_int_equal(symlink("/", at("everything")), 0);
    rune_watch *watch = watch_folder();
    assert_int_equal(result(watch, "a"), 1);
    assert_int_equal(result(watch, "shop/prices"), 2);
    assert_int_equal(result(watch, "bad"), -1);
    assert_true(is_broken(watch, "bad"));
    rune_diagnostics *none = NULL;
    assert_int_equal(rune_watch_diagnostics(watch, ".hidden", &none), RUNE_E_NOT_FOUND);
    assert_null(rune_watch_current(watch, "link"));
    assert_null(rune_watch_current(watch, "c1\xc2\x9b"));
    assert_null(rune_watch_current(watch, "bidi\xe2\x80\xae"));
    assert_int_equal(result(watch, "\xc3\xbc"), 5);
    assert_null(rune_watch_current(watch, "shop"));
    rune_text *text = NULL;
    assert_int_equal(rune_watch_to_json(watch, &text), RUNE_OK);
    assert_non_null(
        strstr(rune_text_data(text), "{\"name\":\"bad\",\"unit\":null,\"broken\":true"));
    assert_non_null(strstr(rune_text_data(text), "shop/prices"));
    rune_text_free(text);
    rune_watch_free(watch);
}

static void test_saves_of_every_kind(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    write_file("a.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "a"), 2);
    replace_file("a.rn", "pub fn main() { 3 }");
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "a"), 3);
    // Removed first, written then: nobody finds the name without a Unit meanwhile.
    assert_int_equal(unlink(at("a.rn")), 0);
    assert_int_equal(result(watch, "a"), 3);
    write_file("a.rn", "pub fn main() { 4 }");
    wait_for(&told.loaded, 3);
    assert_int_equal(result(watch, "a"), 4);
    // The old one kept as a backup.
    assert_int_equal(rename(at("a.rn"), at("a.rn~")), 0);
    write_file("a.rn", "pub fn main() { 5 }");
    wait_for(&told.loaded, 4);
    assert_int_equal(result(watch, "a"), 5);
    // A hard link is all there at once.
    write_file("other", "pub fn main() { 6 }");
    assert_int_equal(link(at("other"), at("linked.rn")), 0);
    wait_for(&told.loaded, 5);
    assert_int_equal(result(watch, "linked"), 6);
    assert_int_equal(count_of(&told.broken) + count_of(&told.gone), 0);
    rune_watch_free(watch);
}

static void test_the_same_again_is_no_change(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    write_file("b.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    rune_unit *before = rune_watch_current(watch, "a");
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch_reload(watch);
    write_file("b.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 1);
    rune_unit *after = rune_watch_current(watch, "a");
    assert_ptr_equal(before, after);
    assert_string_equal(told.last, "b");
    rune_unit_unref(before);
    rune_unit_unref(after);
    rune_watch_free(watch);
}

static void test_a_broken_script_keeps_its_unit(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    write_file("a.rn", "pub fn main() { 1 +");
    wait_for(&told.broken, 1);
    assert_int_equal(result(watch, "a"), 1);
    assert_true(is_broken(watch, "a"));
    write_file("a.rn", "pub fn main() { 1 }");
    wait_for(&told.loaded, 1);
    assert_false(is_broken(watch, "a"));
    rune_watch_free(watch);
}

/* A script of a comment, so large, and a number. */
static void write_large(const char *name, size_t size, int number)
{
    char *text = malloc(size + 64);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "//", 2);
    (void)snprintf(text + size, 64, "\npub fn main() { %d }\n", number);
    replace_file(name, text);
    free(text);
}

/* Texts of sources are kept for errors: all of them together are bounded. */
static void test_units_of_all_scripts_are_bounded(void **state)
{
    (void)state;
    rune_watch *watch = NULL;
    rune_watch_options *options = rune_watch_options_new();
    rune_watch_options_set_bytes_max(options, 3u << 20);
    write_large("a.rn", 1u << 20, 1);
    write_large("b.rn", 1u << 20, 2);
    assert_int_equal(rune_watch_new(by, folder, options, &watch, NULL), RUNE_OK);
    rune_watch_options_free(options);
    rune_watch_on_change(watch, on_change, NULL);
    // One too many, and one that has grown too large: what it was serves on.
    write_large("c.rn", 1u << 20, 3);
    wait_for(&told.broken, 1);
    assert_int_equal(result(watch, "c"), -1);
    write_large("b.rn", 2u << 20, 4);
    wait_for(&told.broken, 2);
    assert_int_equal(result(watch, "b"), 2);
    // With less there is room.
    write_large("b.rn", 1u << 10, 5);
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "b"), 5);
    write_large("c.rn", 1u << 20, 6);
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "c"), 6);
    rune_watch_free(watch);
}

/* One broken file under many names. */
static void write_links(const char *first, unsigned count)
{
    char name[16];
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "l%02u.rn", i);
        assert_int_equal(link(at(first), at(name)), 0);
    }
}

/* One error; true if its line can be shown. */
static bool can_quote(rune_watch *watch, const char *name)
{
    rune_diagnostics *diagnostics;
    rune_diagnostic one;
    rune_text *text;
    assert_int_equal(rune_watch_diagnostics(watch, name, &diagnostics), RUNE_OK);
    assert_true(rune_diagnostics_at(diagnostics, 0, &one));
    assert_string_equal(one.code, "E0402");
    assert_int_equal(one.line, 2);
    assert_int_equal(rune_diagnostics_render(diagnostics, false, &text), RUNE_OK);
    bool quotes = strstr(rune_text_data(text), "pub fn main() { nothing }") != NULL;
    assert_non_null(strstr(rune_text_data(text), name));
    rune_text_free(text);
    rune_diagnostics_free(diagnostics);
    return quotes;
}

/* Whoever writes scripts decides how long those are that do not compile. */
static void test_what_is_kept_to_be_shown_is_bounded(void **state)
{
    (void)state;
    const size_t size = 7u << 20;
    const unsigned count = (unsigned)(RN_WATCH_DIAGNOSTICS_MAX / size) + 3;
    char *text = malloc(size + 64);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "//", 2);
    (void)snprintf(text + size, 64, "\npub fn main() { nothing }\n");
    write_file("first.rn", text);
    free(text);
    write_links("first.rn", count);
    rune_watch *watch = watch_folder();
    unsigned quoted = 0;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "l%02u", i);
        quoted += can_quote(watch, name);
    }
    assert_in_range(quoted + can_quote(watch, "first"), 1, RN_WATCH_DIAGNOSTICS_MAX / size);
    rune_watch_free(watch);
}

/* Each asks for as many modules as there may be, none of which is there. */
static void write_asking(const char *name, unsigned count)
{
    char line[256];
    FILE *file = fopen(at(name), "w");
    assert_non_null(file);
    memset(line, 'm', sizeof(line));
    for (unsigned i = 0; i < count; i++) {
        (void)fprintf(file, "mod %.240s%u;\n", line, i);
    }
    (void)fprintf(file, "pub fn main() { 1 }\n");
    assert_int_equal(fclose(file), 0);
}

static void test_modules_of_all_scripts_are_bounded(void **state)
{
    (void)state;
    const unsigned count = RN_WATCH_INPUTS_MAX / (4000 * 300) + 2;
    write_asking("first.rn", 4000);
    write_links("first.rn", count);
    write_file("zz.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    rune_text *json;
    assert_int_equal(rune_watch_to_json(watch, &json), RUNE_OK);
    assert_non_null(strstr(rune_text_data(json), "more modules than a watch can follow: 4000"));
    rune_text_free(json);
    // News goes through all of their lists, and others are built as ever.
    assert_int_equal(result(watch, "zz"), 1);
    write_file("zz.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "zz"), 2);
    rune_watch_free(watch);
}

static void test_modules_rebuild_who_uses_them(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("shop"), 0700), 0);
    write_file("one.rn", "mod shop; pub fn main() { shop::tax::rate() + 1 }");
    write_file("two.rn", "mod shop; pub fn main() { shop::tax::rate() + 2 }");
    write_file("three.rn", "pub fn main() { 3 }");
    write_file("shop/mod.rn", "pub mod tax;");
    write_file("shop/tax.rn", "pub fn rate() { 10 }");
    rune_watch *watch = watch_folder();
    assert_int_equal(result(watch, "one"), 11);
    assert_null(rune_watch_current(watch, "shop/tax"));
    assert_null(rune_watch_current(watch, "shop/mod"));
    write_file("shop/tax.rn", "pub fn rate() { 20 }");
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "one"), 21);
    assert_int_equal(result(watch, "two"), 22);
    // A module that breaks takes nobody down, a missing one neither.
    write_file("shop/tax.rn", "pub fn rate( { 30 }");
    wait_for(&told.broken, 2);
    assert_int_equal(result(watch, "one"), 21);
    assert_int_equal(unlink(at("shop/tax.rn")), 0);
    wait_for(&told.broken, 4);
    assert_int_equal(result(watch, "two"), 22);
    write_file("shop/tax.rn", "pub fn rate() { 40 }");
    wait_for(&told.loaded, 4);
    assert_int_equal(result(watch, "one"), 41);
    // Another file for the same module wins as soon as it is there.
    write_file("shop.rn", "pub mod tax { pub fn rate() { 50 } }");
    wait_for(&told.loaded, 6);
    assert_int_equal(result(watch, "one"), 51);
    assert_null(rune_watch_current(watch, "shop"));
    assert_int_equal(count_of(&told.gone), 0);
    rune_watch_free(watch);
}

static void test_a_module_becomes_a_script(void **state)
{
    (void)state;
    write_file("one.rn", "mod part; pub fn main() { part::main() }");
    write_file("part.rn", "pub fn main() { 7 }");
    rune_watch *watch = watch_folder();
    assert_null(rune_watch_current(watch, "part"));
    write_file("one.rn", "pub fn main() { 8 }");
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "part"), 7);
    write_file("one.rn", "mod part; pub fn main() { part::main() }");
    wait_for(&told.gone, 1);
    assert_null(rune_watch_current(watch, "part"));
    assert_int_equal(result(watch, "one"), 7);
    rune_watch_free(watch);
}

/* What a broken script had for a module only while it was broken is its module no longer than that. */
static void test_a_broken_script_lets_its_module_go(void **state)
{
    (void)state;
    write_file("one.rn", "pub fn main() { 1 }");
    write_file("part.rn", "pub fn main() { 7 }");
    rune_watch *watch = watch_folder();
    write_file("one.rn", "mod part; pub fn main() { let x = ; }");
    wait_for(&told.gone, 1);
    assert_null(rune_watch_current(watch, "part"));
    write_file("one.rn", "pub fn main() { let x = ; }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "part"), 7);
    assert_int_equal(result(watch, "one"), 1);
    rune_watch_free(watch);
}

static void test_folders_come_and_go(void **state)
{
    (void)state;
    rune_watch *watch = watch_folder();
    assert_int_equal(mkdir(at("x"), 0700), 0);
    assert_int_equal(mkdir(at("x/y"), 0700), 0);
    write_file("x/y/a.rn", "pub fn main() { 1 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "x/y/a"), 1);
    assert_int_equal(rename(at("x"), at("z")), 0);
    wait_for(&told.loaded, 2);
    wait_for(&told.gone, 1);
    assert_int_equal(result(watch, "z/y/a"), 1);
    assert_null(rune_watch_current(watch, "x/y/a"));
    write_file("z/y/a.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 3);
    assert_int_equal(result(watch, "z/y/a"), 2);
    assert_int_equal(unlink(at("z/y/a.rn")), 0);
    assert_int_equal(rmdir(at("z/y")), 0);
    wait_for(&told.gone, 2);
    assert_null(rune_watch_current(watch, "z/y/a"));
    assert_int_equal(mkdir(at("z/y"), 0700), 0);
    write_file("z/y/a.rn", "pub fn main() { 3 }");
    wait_for(&told.loaded, 4);
    assert_int_equal(result(watch, "z/y/a"), 3);
    rune_watch_free(watch);
}

/* The kernel tells of one move after the other: that the second has gone when the first is there in its place. */
static void test_folders_that_are_exchanged(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("x"), 0700), 0);
    assert_int_equal(mkdir(at("y"), 0700), 0);
    write_file("x/a.rn", "pub fn main() { 1 }");
    write_file("y/a.rn", "pub fn main() { 2 }");
    rune_watch *watch = watch_folder();
    assert_int_equal(renameat2(AT_FDCWD, at("x"), AT_FDCWD, at("y"), RENAME_EXCHANGE), 0);
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "x/a"), 2);
    assert_int_equal(result(watch, "y/a"), 1);
    write_file("x/a.rn", "pub fn main() { 3 }");
    write_file("y/a.rn", "pub fn main() { 4 }");
    wait_for(&told.loaded, 4);
    assert_int_equal(result(watch, "x/a"), 3);
    assert_int_equal(result(watch, "y/a"), 4);
    assert_int_equal(count_of(&told.gone), 0);
    rune_watch_free(watch);
}

static void test_a_file_system_that_goes(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("x"), 0700), 0);
    if (mount("none", at("x"), "tmpfs", 0, NULL) != 0) {
        skip();
    }
    write_file("x/a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    assert_int_equal(result(watch, "x/a"), 1);
    assert_int_equal(umount2(at("x"), UMOUNT_NOFOLLOW), 0);
    wait_for(&told.gone, 1);
    assert_null(rune_watch_current(watch, "x/a"));
    write_file("x/b.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "x/b"), 2);
    rune_watch_free(watch);
}

/* A folder that could not be opened when it came is opened once there are descriptors. */
static void test_folders_without_descriptors(void **state)
{
    (void)state;
    struct rlimit before;
    rune_watch *watch = watch_folder();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}), 0);
    int made = mkdir(at("x"), 0700) | mkdir(at("x/y"), 0700) | mkdir(at("z"), 0700);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(made, 0);
    write_file("x/y/a.rn", "pub fn main() { 1 }");
    write_file("z/b.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "x/y/a"), 1);
    write_file("z/b.rn", "pub fn main() { 3 }");
    wait_for(&told.loaded, 3);
    assert_int_equal(result(watch, "z/b"), 3);
    rune_watch_free(watch);
}

/* Taken as it is after ten seconds, which may be empty. */
static void test_a_file_that_is_written_without_end(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    int fd = open(at("a.rn"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int64_t until = now_ms() + (int64_t)(RN_WATCH_UNSETTLED_MAX_NS / 1000000) + 3000;
    while (count_of(&told.loaded) + count_of(&told.broken) == 0 && now_ms() < until) {
        assert_int_equal(pwrite(fd, " ", 1, 0), 1);
        assert_int_equal(ftruncate(fd, 0), 0);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_int_equal(count_of(&told.broken), 0);
    assert_int_equal(count_of(&told.loaded), 1);
    close(fd);
    rune_watch_free(watch);
}

static void test_the_root_comes_back(void **state)
{
    char away[80];
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    (void)snprintf(away, sizeof(away), "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    wait_for(&told.gone, 1);
    assert_null(rune_watch_current(watch, "a"));
    assert_int_equal(rename(away, folder), 0);
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "a"), 1);
    write_file("a.rn", "pub fn main() { 2 }");
    wait_for(&told.loaded, 2);
    rune_watch_free(watch);
}

static struct told said; /* by the log */

static void on_line(void *user, int level, const char *line)
{
    (void)user;
    (void)level;
    pthread_mutex_lock(&said.lock);
    said.gone += strstr(line, ": the folder is gone: ") != NULL;
    said.loaded += strstr(line, ": the folder is back") != NULL;
    pthread_mutex_unlock(&said.lock);
}

static void wait_until_said(const unsigned *count, unsigned wanted)
{
    unsigned now = 0;
    for (int i = 0; i < 2000 && now < wanted; i++) {
        usleep(5000);
        pthread_mutex_lock(&said.lock);
        now = *count;
        pthread_mutex_unlock(&said.lock);
    }
    assert_int_equal(now, wanted);
}

/* A reload that finds the folder back says so, too, and one that does not says once more that it is gone. */
static void test_the_log_says_that_the_root_has_gone_and_is_back(void **state)
{
    char away[80];
    (void)state;
    said = (struct told){.lock = PTHREAD_MUTEX_INITIALIZER};
    rune_supervisor_set_log(supervisor, on_line, NULL);
    rune_watch *watch = watch_with(supervisor, NULL);
    (void)snprintf(away, sizeof(away), "%s-away", folder);
    for (unsigned round = 1; round <= 5; round++) {
        assert_int_equal(rename(folder, away), 0);
        wait_until_said(&said.gone, 2 * round - 1);
        rune_watch_reload(watch);
        wait_until_said(&said.gone, 2 * round);
        assert_int_equal(rename(away, folder), 0);
        rune_watch_reload(watch);
        wait_until_said(&said.loaded, round);
    }
    rune_watch_free(watch);
    rune_supervisor_set_log(supervisor, NULL, NULL);
}

/* As deployments do: the name is a link that is exchanged for another one. */
static void test_a_reload_follows_the_name(void **state)
{
    rune_watch *watch = NULL;
    (void)state;
    assert_int_equal(mkdir(at("v1"), 0700), 0);
    assert_int_equal(mkdir(at("v2"), 0700), 0);
    write_file("v1/a.rn", "pub fn main() { 1 }");
    write_file("v1/old.rn", "pub fn main() { 1 }");
    write_file("v2/a.rn", "pub fn main() { 2 }");
    assert_int_equal(symlink("v1", at("now")), 0);
    assert_int_equal(rune_watch_new(by, at("now"), NULL, &watch, NULL), RUNE_OK);
    rune_watch_on_change(watch, on_change, NULL);
    assert_int_equal(result(watch, "a"), 1);
    assert_int_equal(symlink("v2", at("next")), 0);
    assert_int_equal(rename(at("next"), at("now")), 0);
    rune_watch_reload(watch);
    wait_for(&told.loaded, 1);
    wait_for(&told.gone, 1);
    assert_int_equal(result(watch, "a"), 2);
    assert_null(rune_watch_current(watch, "old"));
    write_file("v2/a.rn", "pub fn main() { 3 }");
    wait_for(&told.loaded, 2);
    assert_int_equal(result(watch, "a"), 3);
    rune_watch_free(watch);
}

/* More events than the kernel's queue holds: the end is what counts. */
static void test_a_storm(void **state)
{
    (void)state;
    write_file("a.rn", "pub fn main() { 1 }");
    rune_watch *watch = watch_folder();
    for (int i = 0; i < 20000; i++) {
        int fd = open(at(i % 2 ? "noise.txt" : "other.txt"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    for (int i = 0; i < 300; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "pub fn main() { %d }", i);
        if (i % 2) {
            write_file("a.rn", text);
        } else {
            replace_file("a.rn", text);
        }
    }
    int64_t until = now_ms() + PATIENCE_MS;
    while (result(watch, "a") != 299 && now_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(result(watch, "a"), 299);
    assert_int_equal(count_of(&told.broken) + count_of(&told.gone), 0);
    rune_watch_free(watch);
}

/* Built at once, a save serves no sooner than it has settled, and with what was saved behind it. */
static void test_saves_that_belong_together(void **state)
{
    (void)state;
    write_file("a.rn", "mod part;\npub fn main() { part::name() }");
    write_file("part.rn", "pub fn name() { 1 }");
    rune_watch_options *options = rune_watch_options_new();
    assert_non_null(options);
    rune_watch_options_set_settle(options, 1000000000);
    rune_watch *watch = watch_with(by, options);
    rune_watch_options_free(options);
    assert_int_equal(result(watch, "a"), 1);
    write_file("a.rn", "mod part;\npub fn main() { part::new_name() }");
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    write_file("part.rn", "pub fn new_name() { 2 }");
    wait_for(&told.loaded, 1);
    assert_int_equal(result(watch, "a"), 2);
    assert_int_equal(count_of(&told.broken), 0);
    assert_int_equal(count_of(&told.loaded), 1);
    rune_watch_free(watch);
}

static void test_what_cannot_be_watched(void **state)
{
    (void)state;
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    assert_int_equal(rune_watch_new(by, at("nothing"), NULL, &watch, &error), RUNE_E_NOT_FOUND);
    assert_non_null(strstr(rune_error_message(error), "nothing"));
    rune_error_free(error);
    write_file("file", "");
    assert_int_equal(rune_watch_new(by, at("file"), NULL, &watch, NULL), RUNE_E_SYSTEM);
    char deep[512] = "d";
    for (int i = 0; i < 34; i++) {
        assert_int_equal(mkdir(at(deep), 0700), 0);
        strcat(deep, "/d");
    }
    assert_int_equal(rune_watch_new(by, folder, NULL, &watch, NULL), RUNE_E_TOO_LARGE);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    write_file("a.rn", "mod b; pub fn main() { 1 }");
    write_file("b.rn", "");
    rune_watch_free(watch_folder());
    int before = settled_fds();
    for (int i = 0; i < 20; i++) {
        rune_watch *watch = watch_folder();
        write_file("b.rn", i % 2 ? "" : "pub fn f() { 1 }");
        wait_for(&told.loaded, (unsigned)i + 1);
        rune_watch_free(watch);
    }
    assert_int_equal(settled_fds(), before);
}

/* Each of them twice. */
#define EACH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, set_up, watching_tear_down),                             \
        cmocka_unit_test_setup_teardown(test, set_up_daemon, tear_down_daemon)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_what_is_there_is_built),
        EACH(test_saves_of_every_kind),
        EACH(test_the_same_again_is_no_change),
        EACH(test_a_broken_script_keeps_its_unit),
        EACH(test_units_of_all_scripts_are_bounded),
        EACH(test_what_is_kept_to_be_shown_is_bounded),
        cmocka_unit_test_setup_teardown(test_modules_of_all_scripts_are_bounded, set_up,
                                        watching_tear_down),
        EACH(test_modules_rebuild_who_uses_them),
        EACH(test_a_module_becomes_a_script),
        EACH(test_a_broken_script_lets_its_module_go),
        EACH(test_folders_come_and_go),
        EACH(test_folders_that_are_exchanged),
        cmocka_unit_test_setup_teardown(test_a_file_system_that_goes, set_up, watching_tear_down),
        cmocka_unit_test_setup_teardown(test_folders_without_descriptors, set_up,
                                        watching_tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_written_without_end, set_up,
                                        watching_tear_down),
        EACH(test_the_root_comes_back),
        cmocka_unit_test_setup_teardown(test_the_log_says_that_the_root_has_gone_and_is_back,
                                        set_up, watching_tear_down),
        EACH(test_a_reload_follows_the_name),
        EACH(test_a_storm),
        EACH(test_saves_that_belong_together),
        EACH(test_what_cannot_be_watched),
        EACH(test_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, harness_set_up, harness_tear_down);
}
