/* repl_history.c: a file beside the old one, which takes its place. */
#include "cli/repl_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each folder of the path that is not there. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!there) {
            return false;
        }
    }
    return true;
}

bool rn_repl_history_path(char path[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    bool own = state && state[0] == '/';
    if (!own && (!home || home[0] != '/')) {
        errno = ENOENT;
        return false;
    }
    int size = snprintf(path, PATH_MAX, "%s%s/runeward/repl_history", own ? state : home,
                        own ? "" : "/.local/state");
    if (size < 0 || size >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    return make_folders(path);
}

static bool write_all(int fd, bool (*write)(void *user, FILE *out), void *user)
{
    FILE *out = fdopen(fd, "w");
    if (!out) {
        int error = errno;
        close(fd);
        errno = error;
        return false;
    }
    bool written = write(user, out) && fflush(out) == 0;
    int error = errno;
    if (fclose(out) != 0 && written) {
        return false;
    }
    errno = error;
    return written;
}

bool rn_repl_history_save(const char *path, bool (*write)(void *user, FILE *out), void *user)
{
    char fresh[PATH_MAX + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    (void)unlink(fresh); // of a session that was ended meanwhile
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    bool good = write_all(fd, write, user) && renameat(AT_FDCWD, fresh, AT_FDCWD, path) == 0;
    int error = errno;
    if (!good) {
        (void)unlink(fresh);
    }
    errno = error;
    return good;
}
