/*
 * test_module_paths.c: what a taken-over compiler may ask for as a module.
 *
 * A folder with two modules, and beside and inside of it what no item path may reach: a file
 * outside, a link to it, a folder and a pipe under names of modules. A loader of the host gets to see no
 * other items than modules may have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/fd.h"
#include "supervisor/sources.h"

#define SECRET "secret"

struct folder {
    int fd;
    char path[64];
    rune_sources *sources;
};

static void write_file(int folder, const char *name, const char *text)
{
    RN_AUTO_FD int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int set_up(void **state)
{
    static struct folder folder;
    char root[96];
    strcpy(folder.path, "/tmp/runeward-modules-XXXXXX");
    assert_non_null(mkdtemp(folder.path));
    folder.fd = open(folder.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(folder.fd, "root", 0700), 0);
    assert_int_equal(mkdirat(folder.fd, "root/near", 0700), 0);
    assert_int_equal(mkdirat(folder.fd, "root/folder.rn", 0700), 0);
    assert_int_equal(mkfifoat(folder.fd, "root/pipe.rn", 0600), 0);
    assert_int_equal(symlinkat("../secret.rn", folder.fd, "root/link.rn"), 0);
    assert_int_equal(symlinkat("..", folder.fd, "root/up"), 0);
    write_file(folder.fd, "secret.rn", SECRET);
    write_file(folder.fd, "root/main.rn", "main");
    write_file(folder.fd, "root/far.rn", "far");
    write_file(folder.fd, "root/near/mod.rn", "near");
    folder.sources = rune_sources_new();
    assert_non_null(folder.sources);
    (void)snprintf(root, sizeof(root), "%s/root/main.rn", folder.path);
    assert_int_equal(rune_sources_insert_file(folder.sources, root, NULL), RUNE_OK);
    *state = &folder;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"root/link.rn",    "root/up",      "root/pipe.rn",
                                        "secret.rn",       "root/main.rn", "root/far.rn",
                                        "root/near/mod.rn"};
    static const char *const folders[] = {"root/near", "root/folder.rn", "root"};
    struct folder *folder = *state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)unlinkat(folder->fd, files[i], 0);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void)unlinkat(folder->fd, folders[i], AT_REMOVEDIR);
    }
    (void)close(folder->fd);
    (void)rmdir(folder->path);
    rune_sources_free(folder->sources);
    return 0;
}

static void assert_found(const struct folder *folder, const char *item, const char *text)
{
    struct rune_loaded loaded;
    assert_int_equal(rn_sources_find(folder->sources, item, &loaded), RN_OK);
    assert_int_equal(loaded.size, strlen(text));
    assert_memory_equal(loaded.text, text, loaded.size);
    rn_loaded_done(&loaded);
}

static void modules_are_found(void **state)
{
    assert_found(*state, "far", "far");
    assert_found(*state, "near", "near");
}

static void nothing_else_is(void **state)
{
    static const char *const items[] = {
        "",
        "secret",
        "..",
        "../secret",
        "..::secret",
        "near::..::far",
        "near/../far",
        "/etc/hostname",
        "::far",
        "far::",
        "near::::far",
        "near:far",
        "near/mod",
        "./far",
        "far.rn",
        "far\n",
        "far\xff",
        ("\xc0\xaf"
         "far"),
        "link",
        "up::secret",
        "up::root::far",
        "folder",
        "pipe",
        "far::mod",
        "missing",
        " far",
    };
    const struct folder *folder = *state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct rune_loaded loaded;
        enum rn_error error = rn_sources_find(folder->sources, items[i], &loaded);
        if (error != RN_E_NOT_FOUND || loaded.given) {
            fail_msg("`%s`: %s", items[i], rn_error_name(error));
        }
    }
}

/* A loader that gives whatever it is asked for. */
static rune_status give(void *user, const char *item, rune_loaded *loaded)
{
    (*(unsigned *)user)++;
    return rune_sources_loaded(loaded, item, SECRET, strlen(SECRET));
}

static void refuse_all(const rune_sources *sources)
{
    static char long_item[4097];
    static const char *const items[] = {
        "../../../etc/passwd",
        "/etc/passwd",
        "",
        "::far",
        "far::",
        "a::..::b",
        "far.rn",
        "a b",
        "far\xff",
        "\xc0\xaf",
        "a\nb",
        "a:b",
        "~root",
        "a\\b",
        long_item,
    };
    memset(long_item, 'a', sizeof(long_item) - 1);
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct rune_loaded loaded;
        assert_int_equal(rn_sources_find(sources, items[i], &loaded), RN_E_NOT_FOUND);
        assert_false(loaded.given);
    }
}

static void loaders_are_asked_for_modules_only(void **state)
{
    struct folder *folder = *state;
    rune_sources *bare = rune_sources_new();
    assert_non_null(bare);
    unsigned asked = 0;
    rune_sources_set_loader(bare, give, &asked);
    rune_sources_set_loader(folder->sources, give, &asked);
    refuse_all(bare);
    refuse_all(folder->sources);
    assert_int_equal(asked, 0);
    assert_found(folder, "far", "far");
    assert_int_equal(asked, 0);
    assert_found(folder,
                 "b\xc3\xbc"
                 "cher::_1",
                 SECRET);
    assert_int_equal(asked, 1);
    rune_sources_set_loader(folder->sources, NULL, NULL);
    rune_sources_free(bare);
}

/* Nor has a host a text for what is no module. */
static void texts_in_memory_are_modules_only(void **state)
{
    (void)state;
    rune_sources *sources = rune_sources_new();
    struct rune_loaded loaded;
    assert_non_null(sources);
    assert_int_equal(rune_sources_insert_memory(sources, "main", "", 0, NULL), RUNE_OK);
    assert_int_equal(rune_sources_insert_memory(sources, "../far", "", 0, NULL), RUNE_OK);
    assert_int_equal(rn_sources_find(sources, "../far", &loaded), RN_E_NOT_FOUND);
    assert_int_equal(rn_sources_find(sources, "far", &loaded), RN_E_UNSUPPORTED);
    rune_sources_free(sources);
}

static void long_paths_are_refused(void **state)
{
    static char item[8192];
    const struct folder *folder = *state;
    for (size_t size = 4000; size < sizeof(item) - 1; size += 37) {
        struct rune_loaded loaded;
        memset(item, 'a', size);
        item[size] = 0;
        assert_int_not_equal(rn_sources_find(folder->sources, item, &loaded), RN_OK);
        assert_false(loaded.given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_found),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(long_paths_are_refused),
        cmocka_unit_test(loaders_are_asked_for_modules_only),
        cmocka_unit_test(texts_in_memory_are_modules_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
