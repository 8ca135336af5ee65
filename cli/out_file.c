/* out_file.c: see out_file.h. */
#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What takes the place of the old one is to others as that was. */
static bool take_after(int fd, const struct stat *old)
{
    bool owned = fchown(fd, old->st_uid, old->st_gid) == 0 || errno == EPERM;
    return owned && fchmod(fd, old->st_mode & 07777) == 0;
}

/* The stream of a fresh file, which goes again if there is none. `old` may be NULL. */
static FILE *begin(struct rn_out_file *file, int fd, const struct stat *old)
{
    bool good = fd >= 0 && (old == NULL || take_after(fd, old));
    file->stream = good ? fdopen(fd, "w") : NULL;
    if (file->stream == NULL) {
        int why = errno;
        if (fd >= 0) {
            (void)unlinkat(file->folder, file->fresh, 0);
            (void)close(fd);
        }
        file->fresh[0] = 0;
        errno = why;
    }
    return file->stream;
}

FILE *rn_out_file_replace(struct rn_out_file *file, const char *path)
{
    struct stat old;
    *file = (struct rn_out_file){.folder = AT_FDCWD};
    if (realpath(path, file->real) == NULL || stat(file->real, &old) != 0 ||
        access(file->real, W_OK) != 0) {
        return NULL;
    }
    (void)snprintf(file->fresh, sizeof(file->fresh), "%s.XXXXXX", file->real);
    return begin(file, mkostemp(file->fresh, O_CLOEXEC), &old);
}

/* True: a regular file, or none, which *out_there says. */
static bool may_replace(int folder, const char *name, struct stat *old, bool *out_there)
{
    *out_there = fstatat(folder, name, old, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*out_there) {
        return errno == ENOENT;
    }
    if (!S_ISREG(old->st_mode)) {
        errno = ENXIO; // a pipe, a device or a link in the folder
        return false;
    }
    return faccessat(folder, name, W_OK, 0) == 0;
}

FILE *rn_out_file_open_in(struct rn_out_file *file, int folder, const char *name)
{
    struct stat old;
    bool there;
    *file = (struct rn_out_file){.folder = folder};
    if (!may_replace(folder, name, &old, &there)) {
        return NULL;
    }
    (void)snprintf(file->real, sizeof(file->real), "%s", name);
    (void)snprintf(file->fresh, sizeof(file->fresh), ".new-%d", (int)getpid());
    (void)unlinkat(folder, file->fresh, 0); // of a process that was killed
    int fd = openat(folder, file->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return begin(file, fd, there ? &old : NULL);
}

FILE *rn_out_file_open(struct rn_out_file *file, const char *path)
{
    struct stat old;
    *file = (struct rn_out_file){.folder = AT_FDCWD};
    if (stat(path, &old) == 0 && S_ISREG(old.st_mode)) {
        // A folder that takes no more files may have one that can be written.
        if (rn_out_file_replace(file, path) == NULL && (errno == EACCES || errno == EPERM)) {
            file->stream = fopen(path, "we");
        }
        return file->stream;
    }
    file->stream = fopen(path, "wxe");
    file->made = file->stream != NULL && strlen(path) < sizeof(file->real);
    if (file->made) {
        (void)snprintf(file->real, sizeof(file->real), "%s", path);
    }
    if (file->stream == NULL && errno == EEXIST) {
        file->stream = fopen(path, "we");
    }
    return file->stream;
}

bool rn_out_file_close(struct rn_out_file *file, bool good)
{
    if (file->stream == NULL) {
        return false;
    }
    int why = errno;
    if (good && ferror(file->stream) == 0) {
        good = fflush(file->stream) == 0;
        why = errno;
    } else {
        good = false;
    }
    if (fclose(file->stream) != 0 && good) {
        good = false;
        why = errno;
    }
    file->stream = NULL;
    if (good && file->fresh[0] != 0 &&
        renameat(file->folder, file->fresh, file->folder, file->real) != 0) {
        good = false;
        why = errno;
    }
    if (!good && (file->fresh[0] != 0 || file->made)) {
        (void)unlinkat(file->folder, file->fresh[0] != 0 ? file->fresh : file->real, 0);
    }
    errno = why;
    return good;
}
