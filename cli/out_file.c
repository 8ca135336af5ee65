/* out_file.c: see out_file.h. */
#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beside the old one, as it is to others. -1 with errno. */
static int open_beside(struct rn_out_file *file, const struct stat *old)
{
    (void)snprintf(file->fresh, sizeof(file->fresh), "%s.XXXXXX", file->real);
    int fd = mkostemp(file->fresh, O_CLOEXEC);
    if (fd < 0) {
        file->fresh[0] = 0;
        return -1;
    }
    bool good = fchown(fd, old->st_uid, old->st_gid) == 0 || errno == EPERM;
    if (!good || fchmod(fd, old->st_mode & 07777) != 0) {
        int why = errno;
        (void)unlink(file->fresh);
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

FILE *rn_out_file_replace(struct rn_out_file *file, const char *path)
{
    struct stat old;
    *file = (struct rn_out_file){.stream = NULL};
    if (realpath(path, file->real) == NULL || stat(file->real, &old) != 0 ||
        access(file->real, W_OK) != 0) {
        return NULL;
    }
    int fd = open_beside(file, &old);
    file->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd >= 0 && file->stream == NULL) {
        int why = errno;
        (void)close(fd);
        (void)unlink(file->fresh);
        errno = why;
    }
    return file->stream;
}

FILE *rn_out_file_open(struct rn_out_file *file, const char *path)
{
    struct stat old;
    *file = (struct rn_out_file){.stream = NULL};
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
    if (good && file->fresh[0] != 0 && rename(file->fresh, file->real) != 0) {
        good = false;
        why = errno;
    }
    if (!good && (file->fresh[0] != 0 || file->made)) {
        (void)unlink(file->fresh[0] != 0 ? file->fresh : file->real);
    }
    errno = why;
    return good;
}
