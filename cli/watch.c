/* watch.c: inotify on the folders of the sources. */
#include "cli/watch.h"

#include "cli/console.h"
#include "cli/exit_codes.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_MS 20
#define FOLDERS_MAX 4096
#define LEVELS_MAX 32
#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR |           \
     IN_EXCL_UNLINK)

/* ---- What is watched ---- */

/* The kernel's own words for its limits speak of disks and files. */
static bool complain(const char *what)
{
    const char *why = errno == ENOSPC   ? "no more folders; raise fs.inotify.max_user_watches"
                      : errno == EMFILE ? "no more watches; raise fs.inotify.max_user_instances"
                                        : strerror(errno);
    rn_console_complain("%s: cannot be watched: %s", what, why);
    return false;
}

static bool add_folder(int fd, const char *path)
{
    bool there = inotify_add_watch(fd, path, CHANGES) >= 0 || errno == ENOENT || errno == EACCES;
    return there || complain(path);
}

/* The folder and those below it, but for hidden ones; what is watched already stays so. */
static bool add_tree(int fd, const char *root)
{
    char *const roots[] = {(char *)root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    bool ok = tree != NULL || complain(root);
    unsigned count = 0;
    for (FTSENT *entry; ok && (entry = fts_read(tree)) != NULL;) {
        bool hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
        if (entry->fts_info != FTS_D) {
            continue;
        }
        if (hidden || entry->fts_level > LEVELS_MAX || count == FOLDERS_MAX) {
            fts_set(tree, entry, FTS_SKIP);
            continue;
        }
        ok = add_folder(fd, entry->fts_path);
        count++;
    }
    if (tree != NULL) {
        fts_close(tree);
    }
    return ok;
}

/* An operand: a folder itself, the folder of a file; others (arguments, filters) are none. */
static bool add_operand(int fd, const char *word)
{
    struct stat status;
    if (stat(word, &status) != 0) {
        return true;
    }
    if (S_ISDIR(status.st_mode)) {
        return add_tree(fd, word);
    }
    char folder[PATH_MAX];
    const char *slash = strrchr(word, '/');
    int size = slash == NULL ? 0 : (int)(slash - word) + 1;
    snprintf(folder, sizeof(folder), "%.*s.", size, word);
    return add_tree(fd, folder);
}

/* Operands that may be files: words behind the file of `run` are the script's. */
static size_t count_files(const struct rn_args *args)
{
    return args->command == RN_COMMAND_RUN ? args->operand_count > 0 : args->operand_count;
}

static bool add_operands(int fd, const struct rn_args *args)
{
    for (size_t i = 0; i < count_files(args); i++) {
        if (!add_operand(fd, args->operands[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Waiting ---- */

static bool ends_with(const char *name, const char *ending)
{
    size_t size = strlen(name);
    size_t wanted = strlen(ending);
    return size > wanted && strcmp(name + size - wanted, ending) == 0;
}

static bool concerns(const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        return true;
    }
    if (event->len == 0 || event->name[0] == '.') {
        return false;
    }
    // Of a file, being made is not yet being written; a folder may come with files in it.
    if ((event->mask & IN_ISDIR) != 0) {
        return (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
    }
    bool source = ends_with(event->name, ".rn") || ends_with(event->name, ".rnu");
    return source && (event->mask & IN_CREATE) == 0;
}

/* Takes what has happened; true if something of it is a change. */
static bool take_events(int fd)
{
    _Alignas(struct inotify_event) char bytes[4096];
    bool changed = false;
    ssize_t size;
    while ((size = read(fd, bytes, sizeof(bytes))) > 0) {
        for (const char *at = bytes; at < bytes + size;) {
            const struct inotify_event *event = (const void *)at;
            changed = concerns(event) || changed;
            at += sizeof(*event) + event->len;
        }
    }
    return changed;
}

static bool wait_for_change(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    bool changed = false;
    for (;;) {
        int ready = poll(&poll_fd, 1, changed ? SETTLE_MS : -1);
        if (ready < 0 && errno != EINTR) {
            return complain("--watch");
        }
        if (ready == 0) {
            return true;
        }
        changed = take_events(fd) || changed;
    }
}

/* ---- Rounds ---- */

static void clear_screen(void)
{
    if (isatty(STDOUT_FILENO)) {
        fputs("\033[H\033[2J\033[3J", stdout);
        fflush(stdout);
    }
}

/* What is wrong with the command line shows at once; later on such codes come of what was saved. */
static bool is_last(int code, bool first)
{
    return code == RN_EXIT_CANCELLED ||
           (first && (code == RN_EXIT_USAGE || code == RN_EXIT_NO_INPUT || code == RN_EXIT_SETUP));
}

static int rounds(struct rn_args *args, rn_watch_round *round, int fd)
{
    bool quiet = rn_args_has(args, RN_OPTION_QUIET);
    for (bool first = true;; first = false) {
        if (!add_operands(fd, args)) {
            return RN_EXIT_SETUP;
        }
        int code = rn_console_finish(round(args));
        if (is_last(code, first)) {
            return code;
        }
        if (!quiet) {
            rn_console_complain("waiting for a change; Ctrl-C ends");
        }
        if (!wait_for_change(fd)) {
            return RN_EXIT_SETUP;
        }
        clear_screen();
    }
}

static bool reads_stdin(const struct rn_args *args)
{
    for (size_t i = 0; i < count_files(args); i++) {
        if (strcmp(args->operands[i], "-") == 0) {
            return true;
        }
    }
    return false;
}

int rn_watch_run(struct rn_args *args, rn_watch_round *round)
{
    if (args->operand_count == 0) {
        return rn_console_finish(round(args)); // which says what is missing
    }
    if (reads_stdin(args)) {
        rn_console_complain("--watch wants files: standard input cannot be saved again");
        return RN_EXIT_USAGE;
    }
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        complain("--watch");
        return RN_EXIT_SETUP;
    }
    int code = rounds(args, round, fd);
    close(fd);
    return code;
}
