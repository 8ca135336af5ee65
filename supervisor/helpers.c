/*
 * helpers.c: where the helper programs are.
 *
 * By option, then relative to the library (as installed: lib/…/libruneward.so and
 * libexec/runeward), then the directory fixed at compile time. Never PATH, never the environment,
 * nothing else that whoever started the host or its working directory could choose: the loader calls
 * a program by argv[0], so the kernel is asked where it is, and a library that was loaded by a
 * relative name has no place. A host with more rights than its user has only the last of the three.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "supervisor/supervisor.h"

#ifndef RN_HELPER_DIR
#define RN_HELPER_DIR "/usr/libexec/runeward"
#endif

#ifndef RN_HELPERS_OF_LIBRARY
#define RN_HELPERS_OF_LIBRARY "../libexec/runeward"
#endif

#define PATH_SIZE_MAX 8192u
#define PLACES_MAX 4u

/* `directory[0..size)/relative/name` as text of the caller's, or NULL. */
static char *join(const char *directory, size_t size, const char *relative, const char *name)
{
    RN_AUTO(rn_buf) struct rn_buf path;
    rn_buf_init(&path, PATH_SIZE_MAX);
    rn_buf_append(&path, directory, size);
    rn_buf_append_format(&path, "/%s%s", relative, name);
    rn_buf_append_u8(&path, 0);
    size_t ignored;
    return rn_buf_status(&path) == RN_OK ? (char *)rn_buf_take(&path, &ignored) : NULL;
}

/* Where to look: `relative` to the first `size` bytes of `directory`. */
struct place {
    const char *directory;
    size_t size;
    const char *relative;
};

/* All of them, in their order. */
struct places {
    struct place list[PLACES_MAX];
    size_t count;
    char library[PATH_MAX];
};

static bool try_place(const struct place *place, const char *name, char **out_worker,
                      char **out_compiler)
{
    const char *directory = place->directory;
    const char *relative = place->relative;
    size_t size = place->size;
    RN_AUTO_FREE char *worker = join(directory, size, relative, name);
    RN_AUTO_FREE char *compiler = join(directory, size, relative, "runeward-compiler");
    if (!worker || !compiler || access(worker, X_OK) != 0 || access(compiler, X_OK) != 0) {
        return false;
    }
    *out_worker = RN_TAKE(worker);
    *out_compiler = RN_TAKE(compiler);
    return true;
}

/* The absolute path of the file that this code was loaded from. */
static bool find_library(char out_path[PATH_MAX])
{
    Dl_info info;
    struct link_map *map = NULL;
    if (dladdr1((const void *)(uintptr_t)&rn_helpers_find, &info, (void **)&map, RTLD_DL_LINKMAP) ==
            0 ||
        !map) {
        return false;
    }
    size_t size = strlen(map->l_name);
    if (size > 0 && size < PATH_MAX) {
        memcpy(out_path, map->l_name, size + 1);
    } else {
        // The program itself has no name in the loader's list.
        ssize_t read = readlink("/proc/self/exe", out_path, PATH_MAX - 1);
        out_path[read < 0 ? 0 : read] = 0;
    }
    return out_path[0] == '/';
}

static void add_place(struct places *places, const char *directory, size_t size,
                      const char *relative)
{
    places->list[places->count++] = (struct place){directory, size, relative};
}

static void add_beside_library(struct places *places)
{
    // As installed; in the tree of a build, or beside a program that is the library itself; below lib/TRIPLE.
    static const char *const relative[] = {
        RN_HELPERS_OF_LIBRARY "/",
        "../libexec/runeward/",
        "../../libexec/runeward/",
    };
    if (getauxval(AT_SECURE) != 0 || !find_library(places->library)) {
        return;
    }
    size_t size = (size_t)(strrchr(places->library, '/') - places->library);
    for (size_t i = 0; i < RN_COUNT_OF(relative); i++) {
        if (i == 0 || strcmp(relative[i], relative[0]) != 0) {
            add_place(places, places->library, size, relative[i]);
        }
    }
}

static void list_places(const char *directory, struct places *out_places)
{
    out_places->count = 0;
    if (directory) {
        add_place(out_places, directory, strlen(directory), "");
        return;
    }
    add_beside_library(out_places);
    add_place(out_places, RN_HELPER_DIR, sizeof(RN_HELPER_DIR) - 1, "");
}

enum rn_error rn_helpers_find(const char *directory, const char *worker, char **out_worker,
                              char **out_compiler)
{
    struct places places;
    list_places(directory, &places);
    for (size_t i = 0; i < places.count; i++) {
        if (try_place(&places.list[i], worker, out_worker, out_compiler)) {
            return RN_OK;
        }
    }
    return RN_E_NOT_FOUND;
}

char *rn_helpers_searched(const char *directory)
{
    struct places places;
    RN_AUTO(rn_buf) struct rn_buf text;
    size_t ignored;
    list_places(directory, &places);
    rn_buf_init(&text, PLACES_MAX * PATH_SIZE_MAX);
    for (size_t i = 0; i < places.count; i++) {
        const struct place *place = &places.list[i];
        size_t size = strlen(place->relative);
        rn_buf_append_text(&text, i == 0 ? "" : ", ");
        rn_buf_append(&text, place->directory, place->size);
        rn_buf_append_text(&text, size > 0 ? "/" : "");
        rn_buf_append(&text, place->relative, size > 0 ? size - 1 : 0); // without its last slash
    }
    rn_buf_append_u8(&text, 0);
    return rn_buf_status(&text) == RN_OK ? (char *)rn_buf_take(&text, &ignored) : NULL;
}
