/* modules.c: from the path of an item to a text. What an item may be is checked by whoever asks (build.h). */
#include "cli/lsp/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE_MAX ((size_t)16 << 20)
/* Of one script with its modules; whoever compiles them asks for what it likes. */
#define ALL_SOURCES_MAX ((size_t)256 << 20)
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* ---- Files ---- */

/* As build.h says it of files: what is no plain file is none, and not read: it may be our own input. */
static rune_status read_fd(int fd, struct rn_bytes *out_text)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return RUNE_E_SYSTEM;
    }
    if (!S_ISREG(about.st_mode)) {
        return RUNE_E_NOT_FOUND;
    }
    if (!rn_bytes_read(out_text, fd, SOURCE_MAX)) {
        return errno == ENOMEM ? RUNE_E_NO_MEMORY : RUNE_E_SYSTEM;
    }
    return out_text->size > SOURCE_MAX ? RUNE_E_TOO_LARGE : RUNE_OK;
}

static rune_status status_of_errno(void)
{
    bool missing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO;
    return missing ? RUNE_E_NOT_FOUND : RUNE_E_SYSTEM;
}

static rune_status read_file(int folder, const char *name, bool follows, struct rn_bytes *out_text)
{
    int fd =
        follows ? openat(folder, name, READ_FLAGS) : openat(folder, name, READ_FLAGS | O_NOFOLLOW);
    if (fd < 0) {
        return status_of_errno();
    }
    rune_status status = read_fd(fd, out_text);
    close(fd);
    return status;
}

/* `a/b.rn` below a folder, one name after another, so that none is followed that is a link. */
static rune_status read_below(int folder, char *path, struct rn_bytes *out_text)
{
    char *slash = strchr(path, '/');
    if (slash == NULL) {
        return read_file(folder, path, false, out_text);
    }
    *slash = 0;
    int inner = openat(folder, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    *slash = '/';
    if (inner < 0) {
        return status_of_errno();
    }
    rune_status status = read_below(inner, slash + 1, out_text);
    close(inner);
    return status;
}

/* ---- The root ---- */

static rune_status add(const struct rn_lsp_modules *modules, const char *path, const char *data,
                       size_t size, int64_t revision, const struct rn_lsp_text **out_text)
{
    if (size > ALL_SOURCES_MAX || modules->used->size > ALL_SOURCES_MAX - size) {
        return RUNE_E_TOO_LARGE;
    }
    if (!rn_lsp_texts_add(modules->used, path, data, size, revision)) {
        return RUNE_E_NO_MEMORY;
    }
    *out_text = rn_lsp_texts_at(modules->used, modules->used->count - 1);
    return RUNE_OK;
}

static rune_status keep(const struct rn_lsp_modules *modules, const char *path,
                        const struct rn_bytes *text, const struct rn_lsp_text **out_text)
{
    return add(modules, path, text->size == 0 ? "" : text->data, text->size, -1, out_text);
}

/* What is kept already, whoever asks for it how often, or what the editor has open; NOT_FOUND: it has not. */
static rune_status keep_open(const struct rn_lsp_modules *modules, const char *path,
                             const struct rn_lsp_text **out_text)
{
    *out_text = rn_lsp_texts_find(modules->used, path);
    if (*out_text != NULL) {
        return RUNE_OK;
    }
    const struct rn_lsp_text *open = rn_lsp_texts_find(modules->open, path);
    if (open == NULL) {
        return RUNE_E_NOT_FOUND;
    }
    return add(modules, path, open->data, open->size, open->revision, out_text);
}

rune_status rn_lsp_modules_root(const struct rn_lsp_modules *modules, const char *path,
                                const struct rn_lsp_text **out_text)
{
    rune_status status = keep_open(modules, path, out_text);
    if (status != RUNE_E_NOT_FOUND) {
        return status;
    }
    if (*path != '/') {
        return RUNE_E_NOT_FOUND; // of no file: there is what the editor has, or nothing
    }
    struct rn_bytes text = {0};
    status = read_file(AT_FDCWD, path, modules->follows, &text);
    if (status == RUNE_OK) {
        status = keep(modules, path, &text, out_text);
    }
    rn_bytes_done(&text);
    return status;
}

/* ---- Modules ---- */

/* The folder of the root, `a::b` as `a/b`, and the ending; with a zero byte. False without memory. */
static bool make_path(struct rn_bytes *path, const char *root, size_t folder, const char *item,
                      const char *ending)
{
    bool good = rn_bytes_append(path, root, folder);
    for (; *item != 0 && good; item++) {
        bool colons = item[0] == ':' && item[1] == ':';
        good = rn_bytes_append(path, colons ? "/" : item, 1);
        item += colons;
    }
    return good && rn_bytes_append(path, ending, strlen(ending) + 1);
}

static rune_status read_module(const struct rn_lsp_modules *modules, char *path, size_t folder,
                               const struct rn_lsp_text **out_text)
{
    struct rn_bytes text = {0};
    char kept = path[folder];
    path[folder] = 0;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    path[folder] = kept;
    rune_status status = fd < 0 ? status_of_errno() : read_below(fd, path + folder, &text);
    if (fd >= 0) {
        close(fd);
    }
    if (status == RUNE_OK) {
        status = keep(modules, path, &text, out_text);
    }
    rn_bytes_done(&text);
    return status;
}

static rune_status find_module(const struct rn_lsp_modules *modules, const char *item,
                               const char *ending, const struct rn_lsp_text **out_text)
{
    const char *root = rn_lsp_texts_at(modules->used, 0)->path;
    const char *slash = strrchr(root, '/');
    struct rn_bytes path = {0};
    size_t folder = slash == NULL ? 0 : (size_t)(slash - root) + 1;
    rune_status status = RUNE_E_NO_MEMORY;
    if (*root != '/') {
        return RUNE_E_NOT_FOUND; // beside no file there is nothing
    }
    if (make_path(&path, root, folder, item, ending)) {
        status = keep_open(modules, path.data, out_text);
        status =
            status == RUNE_E_NOT_FOUND ? read_module(modules, path.data, folder, out_text) : status;
    }
    rn_bytes_done(&path);
    return status;
}

rune_status rn_lsp_modules_load(void *user, const char *item, rune_loaded *loaded)
{
    const struct rn_lsp_modules *modules = user;
    const struct rn_lsp_text *text = NULL;
    rune_status status = find_module(modules, item, ".rn", &text);
    if (status == RUNE_E_NOT_FOUND) {
        status = find_module(modules, item, "/mod.rn", &text);
    }
    return status == RUNE_OK ? rune_sources_loaded(loaded, text->path, text->data, text->size)
                             : status;
}
