/* scripts.c: see scripts.h. */
#include "tests/fault/scripts.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compiler/files.h"

#define SCRIPTS_MAX 1024u
#define WHOLE 4u
#define STEP 64u

static struct script scripts[SCRIPTS_MAX];
static size_t count;

size_t scripts_count(void)
{
    return count;
}

const struct script *scripts_at(size_t index)
{
    assert_in_range(index, 0, count - 1);
    return &scripts[index];
}

bool sweeps_take_all(void)
{
    return getenv("RUNEWARD_FAULT_ALL") != NULL;
}

static int add(const char *path, const struct stat *info, int type, struct FTW *place)
{
    size_t length = strlen(path);
    const char *part = getenv("RUNEWARD_FAULT_ALL");
    (void)info;
    (void)place;
    if (part && strcmp(part, "1") != 0 && !strstr(path, part)) {
        return 0;
    }
    if (type == FTW_F && length > 3 && strcmp(path + length - 3, ".rn") == 0) {
        assert_in_range(count, 0, SCRIPTS_MAX - 1);
        struct script *script = &scripts[count++];
        script->path = rn_strndup(path, length);
        assert_non_null(script->path);
        assert_int_equal(rn_files_read(path, &script->text, &script->size), RN_OK);
    }
    return 0;
}

/* By size, then by path: the order of a folder is not always the same. */
static int compare(const void *left, const void *right)
{
    const struct script *a = left;
    const struct script *b = right;
    if (a->size != b->size) {
        return a->size < b->size ? 1 : -1;
    }
    return strcmp(a->path, b->path);
}

int scripts_set_up(void **state)
{
    static const char *const folders[] = {
        RN_SOURCE "/tests/conformance",
        RN_SOURCE "/tests/lang",
        RN_SOURCE "/tests/golden",
        RN_SOURCE "/docs/examples",
    };
    (void)state;
    for (size_t i = 0; i < RN_COUNT_OF(folders); i++) {
        assert_int_equal(nftw(folders[i], add, 8, FTW_PHYS), 0);
    }
    qsort(scripts, count, sizeof(scripts[0]), compare);
    for (size_t i = 0; i < count; i++) {
        bool whole = i < WHOLE || sweeps_take_all();
        scripts[i].first = whole ? 1 : 1 + i % STEP;
        scripts[i].step = whole ? 1 : STEP;
    }
    return 0;
}

int scripts_tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        rn_free(scripts[i].path);
        rn_free(scripts[i].text);
    }
    count = 0;
    return 0;
}
