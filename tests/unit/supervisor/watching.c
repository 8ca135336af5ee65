/* watching.c: a folder that is watched, and what the watch tells. */
#include "tests/unit/supervisor/watching.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

char folder[64];

struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void on_change(void *user, const rune_change *change)
{
    (void)user;
    pthread_mutex_lock(&told.lock);
    told.loaded += change->kind == RUNE_CHANGE_LOADED;
    told.broken += change->kind == RUNE_CHANGE_BROKEN;
    told.gone += change->kind == RUNE_CHANGE_GONE;
    (void)snprintf(told.last, sizeof(told.last), "%s", change->name);
    pthread_cond_broadcast(&told.changed);
    pthread_mutex_unlock(&told.lock);
}

unsigned count_of(const unsigned *count)
{
    pthread_mutex_lock(&told.lock);
    unsigned now = *count;
    pthread_mutex_unlock(&told.lock);
    return now;
}

void wait_for(const unsigned *count, unsigned wanted)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&told.lock);
    while (*count < wanted) {
        if (pthread_cond_timedwait(&told.changed, &told.lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    unsigned reached = *count;
    pthread_mutex_unlock(&told.lock);
    if (reached < wanted) {
        fail_msg("waited in vain: %u of %u (loaded %u, broken %u, gone %u)", reached, wanted,
                 told.loaded, told.broken, told.gone);
    }
}

const char *at(const char *name)
{
    static char path[4][512];
    static unsigned next;
    char *there = path[next++ % 4];
    (void)snprintf(there, sizeof(path[0]), "%s/%s", folder, name);
    return there;
}

void write_file(const char *name, const char *text)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void replace_file(const char *name, const char *text)
{
    write_file(".new~", text);
    assert_int_equal(rename(at(".new~"), at(name)), 0);
}

int watching_set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/runeward-watch-XXXXXX");
    assert_non_null(mkdtemp(folder));
    told.loaded = 0;
    told.broken = 0;
    told.gone = 0;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

int watching_tear_down(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

rune_watch *watch_with(rune_supervisor *by, const rune_watch_options *options)
{
    rune_watch *watch = NULL;
    rune_error *error = NULL;
    if (rune_watch_new(by, folder, options, &watch, &error) != RUNE_OK) {
        fail_msg("%s", rune_error_message(error));
    }
    rune_watch_on_change(watch, on_change, NULL);
    return watch;
}

int64_t result_by(rune_supervisor *by, rune_watch *watch, const char *name)
{
    rune_vm *vm = NULL;
    rune_unit *unit = rune_watch_current(watch, name);
    if (!unit) {
        return -1;
    }
    assert_int_equal(rune_vm_new(by, runtime, unit, NULL, &vm, NULL), RUNE_OK);
    int64_t number = call_i64(vm, "main");
    rune_vm_free(vm);
    rune_unit_unref(unit);
    return number;
}
