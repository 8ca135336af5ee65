/*
 * helpers.c: where the helper programs are.
 *
 * By option, then relative to the library (as installed: lib/…/libruneward.so and
 * libexec/runeward), then the directory fixed at compile time. Never PATH, never the environment.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "supervisor/supervisor.h"

#ifndef RN_HELPER_DIR
#define RN_HELPER_DIR "/usr/libexec/runeward"
#endif

#define PATH_SIZE_MAX 8192u

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

static bool try_beside_library(const char *name, char **out_worker, char **out_compiler)
{
    static const char *const places[] = {
        "../libexec/runeward/",
        "../../libexec/runeward/",
    };
    Dl_info info;
    if (dladdr((const void *)(uintptr_t)&rn_helpers_find, &info) == 0 || !info.dli_fname) {
        return false;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    if (!slash) {
        return false;
    }
    size_t size = (size_t)(slash - info.dli_fname);
    for (size_t i = 0; i < RN_COUNT_OF(places); i++) {
        struct place place = {info.dli_fname, size, places[i]};
        if (try_place(&place, name, out_worker, out_compiler)) {
            return true;
        }
    }
    return false;
}

enum rn_error rn_helpers_find(const char *directory, const char *worker, char **out_worker,
                              char **out_compiler)
{
    struct place given = {directory, directory ? strlen(directory) : 0, ""};
    struct place compiled_in = {RN_HELPER_DIR, sizeof(RN_HELPER_DIR) - 1, ""};
    if (directory) {
        return try_place(&given, worker, out_worker, out_compiler) ? RN_OK : RN_E_NOT_FOUND;
    }
    if (try_beside_library(worker, out_worker, out_compiler) ||
        try_place(&compiled_in, worker, out_worker, out_compiler)) {
        return RN_OK;
    }
    return RN_E_NOT_FOUND;
}
