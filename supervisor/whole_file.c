/* whole_file.c: a temporary name, the bytes, the real name. */
#include "supervisor/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"

#define ENDING ".tmp"
#define NOISE_SIZE 8u
#define NAME_SIZE (2 * NOISE_SIZE + sizeof(ENDING))
#define LEFT_AFTER_S 3600

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *data = bytes;
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static void make_name(char name[NAME_SIZE])
{
    uint8_t noise[NOISE_SIZE];
    randombytes_buf(noise, sizeof(noise));
    sodium_bin2hex(name, NAME_SIZE, noise, sizeof(noise));
    memcpy(name + 2 * NOISE_SIZE, ENDING, sizeof(ENDING));
}

bool rn_whole_file_at(int folder_fd, const char *name, const void *bytes, size_t size, mode_t mode)
{
    char temporary[NAME_SIZE];
    make_name(temporary);
    RN_AUTO_FD int fd = rn_fd_take_above_standard(
        openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd < 0) {
        return false;
    }
    if (write_all(fd, bytes, size) && renameat(folder_fd, temporary, folder_fd, name) == 0) {
        return true;
    }
    int why = errno;
    (void)unlinkat(folder_fd, temporary, 0);
    errno = why;
    return false;
}

/* The folder and the name in a path; the folder's descriptor is the caller's, -1 with errno. */
static int open_folder_of(const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    *out_name = slash ? slash + 1 : path;
    if (!slash) {
        return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    RN_AUTO_FREE char *folder = rn_strndup(path, size);
    errno = ENOMEM;
    return folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* A device, a pipe: it is not ours to replace. */
static bool write_into(const char *path, const void *bytes, size_t size)
{
    RN_AUTO_FD int fd = rn_fd_take_above_standard(open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC));
    return fd >= 0 && write_all(fd, bytes, size);
}

bool rn_whole_file(const char *path, const void *bytes, size_t size, mode_t mode)
{
    struct stat old;
    char real[PATH_MAX];
    if (stat(path, &old) == 0) {
        if (!S_ISREG(old.st_mode)) {
            return write_into(path, bytes, size);
        }
        if (!realpath(path, real)) {
            return false;
        }
        path = real;
        mode &= old.st_mode;
    }
    const char *name;
    RN_AUTO_FD int folder_fd = open_folder_of(path, &name);
    return folder_fd >= 0 && rn_whole_file_at(folder_fd, name, bytes, size, mode);
}

bool rn_whole_file_is_temporary(const char *name)
{
    return strlen(name) == NAME_SIZE - 1 && strspn(name, "0123456789abcdef") == 2 * NOISE_SIZE &&
           strcmp(name + 2 * NOISE_SIZE, ENDING) == 0;
}

bool rn_whole_file_is_left(const struct stat *about)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - about->st_mtim.tv_sec > LEFT_AFTER_S;
}
