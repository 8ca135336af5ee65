/* sources.c: the texts of a build. Trust: see sources.h. */
#include "supervisor/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "bytecode/diagnostic.h"
#include "bytecode/hash.h"
#include "shm/fd.h"
#include "supervisor/error.h"
#include "supervisor/unit.h"

#define ITEM_SIZE_MAX 4096u
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

rune_sources *rune_sources_new(void)
{
    rune_sources *sources = rn_alloc(sizeof(*sources));
    if (sources) {
        sources->root_fd = -1;
    }
    return sources;
}

void rune_sources_free(rune_sources *sources)
{
    if (!sources) {
        return;
    }
    for (size_t i = 0; i < sources->count; i++) {
        rn_free(sources->texts[i].name);
        rn_free(sources->texts[i].text);
    }
    rn_free(sources->texts);
    rn_free(sources->root_folder);
    rn_fd_close(sources->root_fd);
    rn_free(sources);
}

static bool grow(rune_sources *sources)
{
    if (sources->count < sources->capacity) {
        return true;
    }
    size_t capacity = sources->capacity == 0 ? 4 : sources->capacity * 2;
    void *texts = rn_realloc(sources->texts, capacity * sizeof(*sources->texts));
    if (!texts) {
        return false;
    }
    sources->texts = texts;
    sources->capacity = capacity;
    return true;
}

rune_status rune_sources_insert_memory(rune_sources *sources, const char *name, const char *data,
                                       size_t size, rune_error **error)
{
    if (!sources || !name || (!data && size > 0)) {
        return rn_fail_null(error, !sources ? "sources" : !name ? "name" : "data");
    }
    if (size > RN_SOURCE_SIZE_MAX || sources->count >= RN_SOURCES_MAX) {
        return rn_fail(error, RUNE_E_TOO_LARGE, "%s: a source has at most %u bytes", name,
                       RN_SOURCE_SIZE_MAX);
    }
    uint64_t hash = rn_hash_text(name, strlen(name));
    for (size_t i = 1; i < sources->count; i++) { // the root is no module
        const struct rn_source_text *known = &sources->texts[i];
        if (known->name_hash == hash && strcmp(known->name, name) == 0) {
            return rn_fail(error, RUNE_E_INVALID_ARGUMENT, "%s: this module is there already",
                           name);
        }
    }
    char *name_copy = rn_strndup(name, strlen(name));
    char *text = rn_strndup(data, size);
    if (!name_copy || !text || !grow(sources)) {
        rn_free(name_copy);
        rn_free(text);
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    sources->texts[sources->count++] =
        (struct rn_source_text){.name = name_copy, .text = text, .size = size, .name_hash = hash};
    return RUNE_OK;
}

/* Remembers the folder in which modules are looked for. */
static rune_status set_root(rune_sources *sources, const char *path, rune_error **error)
{
    const char *slash = strrchr(path, '/');
    char *folder = rn_strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!folder) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    int fd =
        rn_fd_take_above_standard(open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) {
        rn_free(folder);
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    rn_free(sources->root_folder);
    rn_fd_close(sources->root_fd);
    sources->root_folder = folder;
    sources->root_fd = fd;
    return RUNE_OK;
}

rune_status rune_sources_insert_file(rune_sources *sources, const char *path, rune_error **error)
{
    if (!sources || !path) {
        return rn_fail_null(error, sources ? "path" : "sources");
    }
    RN_AUTO(rn_buf) struct rn_buf text = {.data = NULL};
    rune_status status = rn_read_file(path, RN_SOURCE_SIZE_MAX, &text, error);
    if (status == RUNE_OK && sources->count == 0) {
        status = set_root(sources, path, error);
    }
    if (status == RUNE_OK) {
        status = rune_sources_insert_memory(sources, path, text.data ? (const char *)text.data : "",
                                            text.size, error);
    }
    return status;
}

void rune_sources_set_loader(rune_sources *sources, rune_loader_fn fn, void *user)
{
    sources->loader = fn;
    sources->loader_user = user;
}

rune_status rune_sources_loaded(rune_loaded *loaded, const char *name, const char *data,
                                size_t size)
{
    if (!name || (!data && size > 0)) {
        return RUNE_E_INVALID_ARGUMENT;
    }
    if (size > RN_SOURCE_SIZE_MAX) {
        return RUNE_E_TOO_LARGE;
    }
    if (loaded->given) {
        return RUNE_E_STALE;
    }
    loaded->name = rn_strndup(name, strlen(name));
    loaded->text = rn_strndup(data, size);
    loaded->size = size;
    loaded->given = loaded->name && loaded->text;
    if (!loaded->given) {
        rn_loaded_done(loaded);
        return RUNE_E_NO_MEMORY;
    }
    return RUNE_OK;
}

void rn_loaded_done(struct rune_loaded *loaded)
{
    rn_free(loaded->name);
    rn_free(loaded->text);
    *loaded = (struct rune_loaded){.name = NULL};
}

/* Finding modules */

/*
 * `a::b` as `a/b`. False unless each part is an identifier: letters, digits, underscore and
 * whatever is beyond ASCII; so no part is empty, a dot, or contains a slash.
 */
static bool to_path(const char *item, char out_path[ITEM_SIZE_MAX])
{
    size_t size = 0;
    size_t part = 0;
    for (const char *c = item; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        bool word = byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') ||
                    (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (size + 2 >= ITEM_SIZE_MAX) {
            return false;
        }
        if (word) {
            out_path[size++] = *c;
            part++;
        } else if (byte == ':' && c[1] == ':' && part > 0) {
            out_path[size++] = '/';
            part = 0;
            c++;
        } else {
            return false;
        }
    }
    out_path[size] = 0;
    return part > 0 && rn_utf8_valid(item, strlen(item), NULL);
}

/*
 * Mounts within the folder are followed (no RESOLVE_NO_XDEV): volumes of containers, bind mounts and
 * overlays are usual below a folder of sources, and whoever may mount there could as well put scripts
 * there. So a file system that never answers holds the thread that builds, here as in the folder itself;
 * build.h says so.
 */
static int open_beneath(int folder, const char *path, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return rn_fd_take_above_standard((int)syscall(SYS_openat2, folder, path, &how, sizeof(how)));
}

/* One candidate; NOT_FOUND if there is no such file. */
static enum rn_error try_file(const rune_sources *sources, const char *path, const char *ending,
                              struct rune_loaded *out_loaded)
{
    RN_AUTO(rn_buf) struct rn_buf name;
    RN_AUTO(rn_buf) struct rn_buf text = {.data = NULL};
    size_t folder = strlen(sources->root_folder);
    rn_buf_init(&name, 4 * ITEM_SIZE_MAX);
    rn_buf_append_format(&name, "%s%s%s", sources->root_folder, path, ending);
    rn_buf_append_u8(&name, 0);
    RN_TRY(rn_buf_status(&name));
    RN_AUTO_FD int fd =
        open_beneath(sources->root_fd, (const char *)name.data + folder, READ_FLAGS);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV
                   ? RN_E_NOT_FOUND
                   : RN_E_SYSTEM;
    }
    RN_TRY(rn_read_fd(fd, RN_SOURCE_SIZE_MAX, &text));
    return (enum rn_error)rune_sources_loaded(out_loaded, (const char *)name.data,
                                              text.data ? (const char *)text.data : "", text.size);
}

static enum rn_error find_file(const rune_sources *sources, const char *path,
                               struct rune_loaded *out_loaded)
{
    enum rn_error error = try_file(sources, path, ".rn", out_loaded);
    return error == RN_E_NOT_FOUND ? try_file(sources, path, "/mod.rn", out_loaded) : error;
}

/* The folder of `path` becomes the root folder. */
static enum rn_error set_root_beneath(rune_sources *sources, int folder, const char *shown,
                                      const char *path)
{
    RN_AUTO(rn_buf) struct rn_buf inner;
    RN_AUTO(rn_buf) struct rn_buf all;
    const char *slash = strrchr(path, '/');
    size_t ignored;
    rn_buf_init(&inner, ITEM_SIZE_MAX);
    rn_buf_init(&all, 4 * ITEM_SIZE_MAX);
    rn_buf_append(&inner, path, slash ? (size_t)(slash - path) + 1 : 0);
    rn_buf_append_text(&all, shown);
    rn_buf_append(&all, inner.data, inner.size);
    rn_buf_append_text(&inner, ".");
    rn_buf_append_u8(&inner, 0);
    rn_buf_append_u8(&all, 0);
    RN_TRY(rn_buf_status(&inner));
    RN_TRY(rn_buf_status(&all));
    int fd = open_beneath(folder, (const char *)inner.data, O_PATH | O_DIRECTORY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? RN_E_NOT_FOUND : RN_E_SYSTEM;
    }
    sources->root_fd = fd;
    sources->root_folder = (char *)rn_buf_take(&all, &ignored);
    return RN_OK;
}

enum rn_error rn_sources_insert_beneath(rune_sources *sources, int folder, const char *shown,
                                        const char *path)
{
    RN_AUTO(rn_buf) struct rn_buf name;
    RN_AUTO(rn_buf) struct rn_buf text = {.data = NULL};
    rn_buf_init(&name, 4 * ITEM_SIZE_MAX);
    rn_buf_append_format(&name, "%s%s", shown, path);
    rn_buf_append_u8(&name, 0);
    RN_TRY(rn_buf_status(&name));
    RN_TRY(set_root_beneath(sources, folder, shown, path));
    RN_AUTO_FD int fd = open_beneath(folder, path, READ_FLAGS);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? RN_E_NOT_FOUND : RN_E_SYSTEM;
    }
    RN_TRY(rn_read_fd(fd, RN_SOURCE_SIZE_MAX, &text));
    return (enum rn_error)rune_sources_insert_memory(sources, (const char *)name.data,
                                                     text.data ? (const char *)text.data : "",
                                                     text.size, NULL);
}

/* Of every module that a watch knows, for each piece of news: it leaves off where they first differ. */
bool rn_sources_is_candidate(const char *item, const char *path)
{
    while (*item) {
        bool colons = item[0] == ':' && item[1] == ':';
        if (*path != (colons ? '/' : *item)) {
            return false;
        }
        item += colons ? 2 : 1;
        path++;
    }
    return strcmp(path, ".rn") == 0 || strcmp(path, "/mod.rn") == 0;
}

enum rn_error rn_sources_find(const rune_sources *sources, const char *item,
                              struct rune_loaded *out_loaded)
{
    char path[ITEM_SIZE_MAX];
    *out_loaded = (struct rune_loaded){.name = NULL};
    // First of all: a loader of the host, or of a client, may take it for the name of a file.
    if (!to_path(item, path)) {
        return RN_E_NOT_FOUND;
    }
    for (size_t i = 1; i < sources->count; i++) {
        const struct rn_source_text *text = &sources->texts[i];
        if (strcmp(text->name, item) == 0) {
            return (enum rn_error)rune_sources_loaded(out_loaded, text->name, text->text,
                                                      text->size);
        }
    }
    enum rn_error error = RN_E_UNSUPPORTED;
    if (sources->root_fd >= 0) {
        error = find_file(sources, path, out_loaded);
    }
    if (sources->loader && (error == RN_E_NOT_FOUND || error == RN_E_UNSUPPORTED)) {
        error = (enum rn_error)sources->loader(sources->loader_user, item, out_loaded);
        error = error == RN_OK && !out_loaded->given ? RN_E_NOT_FOUND : error;
    }
    return error;
}
