/* News of a folder, asked for step by step: the watches of folders that are not there any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/watch_folders.h"

static char last_saved[64];

static bool on_news(void *user, enum rn_news news, const char *path)
{
    (void)user;
    if (news == RN_NEWS_SAVED) {
        (void)snprintf(last_saved, sizeof(last_saved), "%s", path);
    }
    return true;
}

static void make(const char *name)
{
    assert_int_equal(mkdir(name, 0700), 0);
}

/* Nothing but its own end tells that an empty folder went whose name another one took: no place is kept for it. */
static void test_folders_that_take_a_name(void **state)
{
    (void)state;
    char root[] = "/tmp/runeward-folders-XXXXXX";
    struct rn_folders *folders = NULL;
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    make("x");
    assert_int_equal(rn_folders_new(root, on_news, NULL, &folders), RN_OK);
    for (unsigned i = 0; i < RN_FOLDERS_MAX + 100; i++) {
        make("new");
        rn_folders_read(folders);
        assert_int_equal(rename("new", "x"), 0);
        rn_folders_read(folders);
    }
    make("z");
    rn_folders_read(folders);
    FILE *file = fopen("z/b.rn", "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    rn_folders_read(folders);
    assert_string_equal(last_saved, "z/b.rn");
    rn_folders_free(folders);
    assert_int_equal(remove("z/b.rn") | remove("z") | remove("x") | remove(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_that_take_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
