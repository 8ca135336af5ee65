/*
 * watch_folders.c: what happens beneath a folder, by inotify.
 *
 * A folder is watched through its descriptor, so that what is watched is what was opened. Watches are
 * sorted by their numbers, which only grow.
 */
#include "supervisor/watch_folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "shm/fd.h"
#include "supervisor/clock.h"

#define WATCHED                                                                                    \
    (IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
/* Events of one system call, and how long one read goes on: a storm does not keep the reader for ever. */
#define EVENT_BYTES 8192u
#define READ_NS UINT64_C(100000000)
/* What the machine had no room to open is opened after this. */
#define AGAIN_NS UINT64_C(1000000000)

struct folder {
    int wd;
    char *path; /* owned: "" or "shop/" */
};

struct rn_folders {
    char *root;
    rn_news_fn fn;
    void *user;
    bool enough; /* whoever is told wants no more */
    int root_fd; /* -1: not there ... */
    int missing; /* ... for this reason, an errno */
    int inotify_fd;
    struct folder *folders;
    size_t count;
    size_t capacity;
    uint64_t again_ns; /* 0: all that is there is watched; else it was not possible .. */
    char again[RN_FOLDER_PATH_MAX]; /* .. somewhere in this folder */
};

static void tell(struct rn_folders *folders, enum rn_news news, const char *path)
{
    if (!folders->enough) {
        folders->enough = !folders->fn(folders->user, news, path);
    }
}

/* Names */

static bool is_plain(const char *name)
{
    if (name[0] == '.' || name[0] == '#' || !rn_utf8_valid(name, strlen(name), NULL)) {
        return false;
    }
    size_t size = strlen(name);
    size_t width;
    for (size_t at = 0; at < size; at += width) {
        if (!rn_unicode_is_printable(rn_utf8_decode(name, size, at, &width))) {
            return false;
        }
    }
    return true;
}

static bool is_script(const char *name)
{
    size_t size = strlen(name);
    return size > 3 && strcmp(name + size - 3, ".rn") == 0;
}

static bool join(const char *folder, const char *name, const char *ending,
                 char out_path[RN_FOLDER_PATH_MAX])
{
    int size = snprintf(out_path, RN_FOLDER_PATH_MAX, "%s%s%s", folder, name, ending);
    return size > 0 && (size_t)size < RN_FOLDER_PATH_MAX;
}

/* The table */

/* The place of a watch, or where it would stand. */
static size_t place_of(const struct rn_folders *folders, int wd)
{
    size_t low = 0;
    size_t high = folders->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (folders->folders[middle].wd < wd) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct folder *find(const struct rn_folders *folders, int wd)
{
    size_t at = place_of(folders, wd);
    return at < folders->count && folders->folders[at].wd == wd ? &folders->folders[at] : NULL;
}

static bool grow(struct rn_folders *folders)
{
    if (folders->count < folders->capacity) {
        return true;
    }
    size_t capacity = folders->capacity == 0 ? 16 : folders->capacity * 2;
    void *grown = rn_realloc(folders->folders, capacity * sizeof(*folders->folders));
    if (!grown) {
        return false;
    }
    folders->folders = grown;
    folders->capacity = capacity;
    return true;
}

static enum rn_error insert(struct rn_folders *folders, int wd, const char *path)
{
    size_t at = place_of(folders, wd);
    char *copy = rn_strndup(path, strlen(path));
    if (!copy) {
        return RN_E_NO_MEMORY;
    }
    if (at < folders->count && folders->folders[at].wd == wd) {
        rn_free(folders->folders[at].path);
        folders->folders[at].path = copy;
        return RN_OK;
    }
    if (folders->count >= RN_FOLDERS_MAX || !grow(folders)) {
        rn_free(copy);
        return folders->count >= RN_FOLDERS_MAX ? RN_E_TOO_LARGE : RN_E_NO_MEMORY;
    }
    memmove(&folders->folders[at + 1], &folders->folders[at],
            (folders->count - at) * sizeof(*folders->folders));
    folders->folders[at] = (struct folder){.wd = wd, .path = copy};
    folders->count++;
    return RN_OK;
}

/* Forgets a folder and all beneath it. */
static void forget(struct rn_folders *folders, const char *path)
{
    size_t kept = 0;
    for (size_t i = 0; i < folders->count; i++) {
        struct folder *folder = &folders->folders[i];
        if (strncmp(folder->path, path, strlen(path)) == 0) {
            (void)inotify_rm_watch(folders->inotify_fd, folder->wd);
            rn_free(folder->path);
        } else {
            folders->folders[kept++] = *folder;
        }
    }
    folders->count = kept;
}

/* The watch has ended, or the folder with it. */
static void drop(struct rn_folders *folders, int wd)
{
    size_t at = place_of(folders, wd);
    if (at < folders->count && folders->folders[at].wd == wd) {
        rn_free(folders->folders[at].path);
        folders->count--;
        memmove(&folders->folders[at], &folders->folders[at + 1],
                (folders->count - at) * sizeof(*folders->folders));
    }
}

/* Walking */

/* Rather than that there is no such folder, or none that may be read. */
static bool is_shortage(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOMEM;
}

/* To be looked at again soon; if there are several, all of the folder that they are in. */
static void put_off(struct rn_folders *folders, const char *path)
{
    size_t same = 0;
    if (folders->again_ns == 0) {
        memcpy(folders->again, path, strlen(path) + 1);
    }
    while (path[same] != 0 && path[same] == folders->again[same]) {
        same++;
    }
    while (same > 0 && path[same - 1] != '/') {
        same--;
    }
    folders->again[same] = 0;
    folders->again_ns = rn_after_ns(rn_now_ns(), AGAIN_NS);
}

/* Mounts are followed, for the reason given at open_beneath of sources.c. */
static int open_folder(const struct rn_folders *folders, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const char *name = path[0] == 0 ? "." : path;
    return rn_fd_take_above_standard(
        (int)syscall(SYS_openat2, folders->root_fd, name, &how, sizeof(how)));
}

static enum rn_error add_watch(struct rn_folders *folders, int fd, const char *path)
{
    char link[64];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int wd = inotify_add_watch(folders->inotify_fd, link, WATCHED);
    if (wd < 0) {
        return errno == ENOMEM ? RN_E_NO_MEMORY : errno == ENOSPC ? RN_E_TOO_LARGE : RN_E_SYSTEM;
    }
    return insert(folders, wd, path);
}

static enum rn_error walk(struct rn_folders *folders, const char *path, unsigned depth);

static enum rn_error walk_entry(struct rn_folders *folders, DIR *folder, const char *path,
                                const struct dirent *entry, unsigned depth)
{
    char inner[RN_FOLDER_PATH_MAX];
    struct stat about = {.st_mode = (mode_t)DTTOIF(entry->d_type)};
    if (!is_plain(entry->d_name)) {
        return RN_OK;
    }
    if (entry->d_type == DT_UNKNOWN &&
        fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        return RN_OK;
    }
    if (S_ISDIR(about.st_mode)) {
        if (depth + 1 >= RN_FOLDER_DEPTH_MAX || !join(path, entry->d_name, "/", inner)) {
            return RN_E_TOO_LARGE;
        }
        return walk(folders, inner, depth + 1);
    }
    if (S_ISREG(about.st_mode) && is_script(entry->d_name) &&
        join(path, entry->d_name, "", inner)) {
        tell(folders, RN_NEWS_SEEN, inner);
    }
    return RN_OK;
}

/* Watches first and looks then, so that nothing comes in between. A folder that has gone meanwhile
 * is no error. */
static enum rn_error walk(struct rn_folders *folders, const char *path, unsigned depth)
{
    int fd = open_folder(folders, path);
    if (fd < 0) {
        if (is_shortage(errno)) {
            put_off(folders, path);
        }
        return path[0] == 0 ? RN_E_SYSTEM : RN_OK;
    }
    enum rn_error error = add_watch(folders, fd, path);
    DIR *folder = error == RN_OK ? fdopendir(fd) : NULL;
    if (!folder) {
        rn_fd_close(fd);
        return error == RN_OK ? RN_E_SYSTEM : error;
    }
    const struct dirent *entry;
    while (error == RN_OK && !folders->enough && (errno = 0, entry = readdir(folder)) != NULL) {
        error = walk_entry(folders, folder, path, entry, depth);
    }
    int why = errno;
    if (error == RN_OK && why != 0) {
        error = RN_E_SYSTEM; // a folder of which less is known than is there
    }
    (void)closedir(folder);
    errno = why;
    return error;
}

/* Opening */

static void close_all(struct rn_folders *folders)
{
    for (size_t i = 0; i < folders->count; i++) {
        rn_free(folders->folders[i].path);
    }
    folders->count = 0;
    folders->again_ns = 0;
    rn_fd_close(RN_TAKE_FD(folders->inotify_fd));
    rn_fd_close(RN_TAKE_FD(folders->root_fd));
}

/* From the beginning: the root by its name, new watches. */
static enum rn_error open_all(struct rn_folders *folders)
{
    close_all(folders);
    folders->inotify_fd = rn_fd_take_above_standard(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (folders->inotify_fd < 0) {
        return RN_E_SYSTEM;
    }
    folders->root_fd =
        rn_fd_take_above_standard(open(folders->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folders->root_fd < 0) {
        return errno == ENOENT ? RN_E_NOT_FOUND : RN_E_SYSTEM;
    }
    return walk(folders, "", 0);
}

enum rn_error rn_folders_new(const char *root, rn_news_fn fn, void *user,
                             struct rn_folders **out_folders)
{
    struct rn_folders *folders = rn_alloc(sizeof(*folders));
    if (!folders) {
        return RN_E_NO_MEMORY;
    }
    *folders = (struct rn_folders){.fn = fn, .user = user, .root_fd = -1, .inotify_fd = -1};
    folders->root = rn_strndup(root, strlen(root));
    enum rn_error error = folders->root ? open_all(folders) : RN_E_NO_MEMORY;
    if (error != RN_OK) {
        int why = errno;
        rn_folders_free(folders);
        errno = why;
        return error;
    }
    *out_folders = folders;
    return RN_OK;
}

void rn_folders_free(struct rn_folders *folders)
{
    if (folders) {
        close_all(folders);
        rn_free(folders->folders);
        rn_free(folders->root);
        rn_free(folders);
    }
}

int rn_folders_fd(const struct rn_folders *folders)
{
    return folders->inotify_fd;
}

int rn_folders_root(const struct rn_folders *folders)
{
    return folders->root_fd;
}

const char *rn_folders_name(const struct rn_folders *folders)
{
    return folders->root;
}

int rn_folders_missing(const struct rn_folders *folders)
{
    return folders->root_fd < 0 ? folders->missing : 0;
}

uint64_t rn_folders_again_ns(const struct rn_folders *folders)
{
    return folders->again_ns;
}

bool rn_folders_is_deleted(const struct rn_folders *folders)
{
    struct stat about;
    return folders->root_fd >= 0 && fstat(folders->root_fd, &about) == 0 && about.st_nlink == 0;
}

/* Reading */

/* What cannot be watched any more is as good as gone, until the next time. */
void rn_folders_look_again(struct rn_folders *folders)
{
    if (folders->root_fd >= 0) {
        tell(folders, RN_NEWS_LOST, "");
    }
    enum rn_error error = open_all(folders);
    if (error != RN_OK && error != RN_E_TOO_LARGE) {
        folders->missing = error == RN_E_NO_MEMORY || errno == 0 ? ENOMEM : errno;
        rn_fd_close(RN_TAKE_FD(folders->root_fd));
    }
}

/* A bound that is reached leaves the rest unwatched, as the header says of names. */
static void walk_again(struct rn_folders *folders, const char *path)
{
    unsigned depth = 0;
    for (const char *c = path; *c; c++) {
        depth += *c == '/';
    }
    if (depth < RN_FOLDER_DEPTH_MAX) {
        (void)!walk(folders, path, depth);
    }
}

/* Of two folders that were exchanged, that the second has gone is told after the first took its name: what is there now
 * counts, whatever was told. */
static void on_folder(struct rn_folders *folders, uint32_t mask, const char *path)
{
    char inner[RN_FOLDER_PATH_MAX];
    if (!join(path, "/", "", inner)) {
        return;
    }
    if (mask & (IN_MOVED_FROM | IN_DELETE)) {
        forget(folders, inner);
        tell(folders, RN_NEWS_GONE, inner);
    }
    if (mask & (IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE)) {
        walk_again(folders, inner);
    }
}

static void on_file(struct rn_folders *folders, uint32_t mask, const char *path)
{
    if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
        tell(folders, RN_NEWS_SAVED, path);
    } else if (mask & (IN_MODIFY | IN_CREATE)) {
        // Of a new hard link this is all that comes; of other files there is more.
        tell(folders, RN_NEWS_WRITTEN, path);
    } else if (mask & (IN_DELETE | IN_MOVED_FROM)) {
        tell(folders, RN_NEWS_GONE, path);
    }
}

/* False: everything must be looked at again. */
static bool handle(struct rn_folders *folders, const struct inotify_event *event)
{
    char path[RN_FOLDER_PATH_MAX];
    if (event->mask & IN_Q_OVERFLOW) {
        return false;
    }
    const struct folder *folder = find(folders, event->wd);
    if (!folder) {
        return true;
    }
    if (event->mask & IN_UNMOUNT) {
        return false; // of which the folder above tells nothing
    }
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
        return folder->path[0] != 0; // of others the folder above tells
    }
    if (event->mask & IN_IGNORED) {
        drop(folders, event->wd); // if another one took its name, nothing else tells
        return true;
    }
    if (event->len == 0 || !is_plain(event->name) || !join(folder->path, event->name, "", path)) {
        return true;
    }
    if (event->mask & IN_ISDIR) {
        on_folder(folders, event->mask, path);
    } else if (is_script(event->name)) {
        on_file(folders, event->mask, path);
    }
    return true;
}

/* True: there may be more. */
static bool read_some(struct rn_folders *folders)
{
    _Alignas(struct inotify_event) char bytes[EVENT_BYTES];
    ssize_t size = read(folders->inotify_fd, bytes, sizeof(bytes));
    if (size <= 0) {
        return size < 0 && errno == EINTR;
    }
    for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= size && !folders->enough;) {
        struct inotify_event event;
        memcpy(&event, bytes + at, sizeof(event));
        if (!handle(folders, (const struct inotify_event *)(const void *)(bytes + at))) {
            rn_folders_look_again(folders);
            return false;
        }
        at += (ssize_t)(sizeof(event) + event.len);
    }
    return true;
}

void rn_folders_read(struct rn_folders *folders)
{
    if (folders->root_fd < 0) {
        rn_folders_look_again(folders);
        return;
    }
    if (folders->again_ns != 0 && rn_now_ns() >= folders->again_ns) {
        char path[RN_FOLDER_PATH_MAX];
        memcpy(path, folders->again, strlen(folders->again) + 1);
        folders->again_ns = 0;
        walk_again(folders, path);
    }
    uint64_t until_ns = rn_after_ns(rn_now_ns(), READ_NS);
    while (!folders->enough && read_some(folders) && rn_now_ns() < until_ns) {
        // what is left is read the next time
    }
}
