/* journal_folder.c: replay files of calls that have ended; see journal_folder.h. */
#include "supervisor/journal_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "shm/fd.h"
#include "supervisor/call.h"
#include "supervisor/error.h"
#include "supervisor/record.h"
#include "supervisor/replay_file.h"
#include "supervisor/supervisor.h"
#include "supervisor/text.h"
#include "supervisor/whole_file.h"

#define ENDING ".replay"
#define NAME_SIZE 96
/* Entries of a folder that are looked at for one file more; others there are nobody's business. */
#define ENTRIES_MAX 65536u

struct rn_journal_folder {
    int fd;
    struct rn_journal_bounds bounds;
    pthread_mutex_t lock;  /* of one writer at a time */
    pthread_mutex_t turns; /* never held for long; of: */
    time_t second;
    unsigned in_second; /* files of that second */
};

/* Records */

static rune_status no_journal(const rune_record *record, rune_error **error)
{
    return rn_fail(error, RUNE_E_NOT_FOUND, "there is no replay file of the call: %s",
                   record->no_journal ? record->no_journal : "none was asked for");
}

rune_status rune_record_journal(const rune_record *record, rune_text **out_bytes,
                                rune_error **error)
{
    RN_AUTO(rn_buf) struct rn_buf copy;
    if (!record) {
        return rn_fail_null(error, "record");
    }
    if (!record->journal) {
        return no_journal(record, error);
    }
    rn_buf_init(&copy, RN_REPLAY_FILE_MAX + 1);
    rn_buf_append(&copy, record->journal, record->journal_size);
    rune_status status = rn_text_take(&copy, out_bytes);
    return status == RUNE_OK ? RUNE_OK : rn_fail_plain(error, (enum rn_error)status);
}

rune_status rune_record_save_journal(const rune_record *record, const char *path,
                                     rune_error **error)
{
    if (!record || !path) {
        return rn_fail_null(error, record ? "path" : "record");
    }
    if (!record->journal) {
        return no_journal(record, error);
    }
    if (!rn_whole_file(path, record->journal, record->journal_size, 0600)) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    return RUNE_OK;
}

/* Folders */

/* A folder of ours that nobody else puts anything into. */
static rune_status check_folder(int fd, const char *path, rune_error **error)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return rn_fail(error, RUNE_E_SYSTEM, "%s: %s", path, strerrordesc_np(errno));
    }
    if (about.st_uid != geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return rn_fail(error, RUNE_E_DENIED,
                       "%s: a folder of replay files belongs to its user, and nobody else may "
                       "write to it",
                       path);
    }
    return RUNE_OK;
}

rune_status rn_journal_folder_open(const char *path, const struct rn_journal_bounds *bounds,
                                   struct rn_journal_folder **out_folder, rune_error **error)
{
    RN_AUTO_FD int fd = rn_fd_take_above_standard(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) {
        return rn_fail_folder(error, path);
    }
    rune_status status = check_folder(fd, path, error);
    if (status != RUNE_OK) {
        return status;
    }
    struct rn_journal_folder *folder = rn_alloc(sizeof(*folder));
    if (!folder) {
        return rn_fail_plain(error, RN_E_NO_MEMORY);
    }
    folder->fd = RN_TAKE_FD(fd);
    folder->bounds = *bounds;
    pthread_mutex_init(&folder->lock, NULL);
    pthread_mutex_init(&folder->turns, NULL);
    *out_folder = folder;
    return RUNE_OK;
}

void rn_journal_folder_free(struct rn_journal_folder *folder)
{
    if (folder) {
        rn_fd_close(folder->fd);
        pthread_mutex_destroy(&folder->lock);
        pthread_mutex_destroy(&folder->turns);
        rn_free(folder);
    }
}

/* What is there, and the oldest of it. */
struct content {
    unsigned files;
    uint64_t bytes;
    char oldest[NAME_SIZE];
};

static bool is_ours(const char *name)
{
    size_t size = strlen(name);
    return size > sizeof(ENDING) && size < NAME_SIZE &&
           strcmp(name + size - sizeof(ENDING) + 1, ENDING) == 0;
}

static void count_file(int folder_fd, const char *name, struct content *content)
{
    struct stat about;
    bool temporary = rn_whole_file_is_temporary(name);
    if (!(temporary || is_ours(name)) ||
        fstatat(folder_fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode)) {
        return;
    }
    if (temporary) {
        if (rn_whole_file_is_left(&about)) {
            (void)unlinkat(folder_fd, name, 0);
        }
        return;
    }
    content->files++;
    content->bytes += (uint64_t)about.st_size;
    if (content->oldest[0] == 0 || strcmp(name, content->oldest) < 0) {
        memcpy(content->oldest, name, strlen(name) + 1);
    }
}

static bool look(const struct rn_journal_folder *folder, struct content *out_content)
{
    *out_content = (struct content){.files = 0};
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        rn_fd_close(fd);
        return false;
    }
    const struct dirent *entry;
    for (unsigned i = 0; i < ENTRIES_MAX && (entry = readdir(entries)) != NULL; i++) {
        count_file(folder->fd, entry->d_name, out_content);
    }
    closedir(entries);
    return true;
}

/* Room for one file more: the oldest go. */
static bool make_room(const struct rn_journal_folder *folder, size_t size)
{
    struct content content;
    if (size > folder->bounds.bytes_max) {
        errno = EFBIG;
        return false;
    }
    for (unsigned i = 0; i <= RN_JOURNAL_FILES_MAX; i++) {
        if (!look(folder, &content)) {
            return false;
        }
        if (content.files < folder->bounds.files_max &&
            content.bytes + size <= folder->bounds.bytes_max) {
            return true;
        }
        if (unlinkat(folder->fd, content.oldest, 0) != 0 && errno != ENOENT) {
            return false;
        }
    }
    errno = ENOSPC;
    return false;
}

/* "20261126T130501.123456789Z-budget-4711-12.replay" */
static void name_file(const rune_record *record, const struct timespec *now, unsigned number,
                      char name[NAME_SIZE])
{
    struct tm parts;
    char time[32];
    gmtime_r(&now->tv_sec, &parts);
    (void)strftime(time, sizeof(time), "%Y%m%dT%H%M%S", &parts);
    (void)snprintf(name, NAME_SIZE, "%s.%09ldZ-%s-%d-%u" ENDING, time, now->tv_nsec,
                   rune_reason_name(record->reason), (int)getpid(), number);
}

/* Which of this second's files it may be; 0: the second has had its share. */
static unsigned take_turn(struct rn_journal_folder *folder)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&folder->turns);
    if (folder->second != now.tv_sec) {
        folder->second = now.tv_sec;
        folder->in_second = 0;
    }
    unsigned turn = folder->in_second < RN_JOURNAL_FILES_A_SECOND ? ++folder->in_second : 0;
    pthread_mutex_unlock(&folder->turns);
    return turn;
}

static void put_file(const struct rn_call *call, const rune_record *record)
{
    struct rn_journal_folder *folder = call->supervisor->journal_folder;
    struct timespec now;
    char name[NAME_SIZE];
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&folder->lock);
    name_file(record, &now, call->journal_turn, name);
    bool written = make_room(folder, record->journal_size) &&
                   rn_whole_file_at(folder->fd, name, record->journal, record->journal_size, 0600);
    int why = errno;
    pthread_mutex_unlock(&folder->lock);
    if (!written) {
        rn_supervisor_log(call->supervisor, 1, "a replay file could not be written: %s",
                          strerrordesc_np(why));
    }
}

/* Ends of calls */

static const char *why_none(const struct rn_call *call)
{
    if (call->was_pinned) {
        return "its Vm had Globals from earlier calls";
    }
    return call->replay.given_up ? "it took in too much" : "its result stays in the worker";
}

static void encode(const struct rn_call *call, rune_record *record)
{
    RN_AUTO(rn_buf) struct rn_buf bytes = {.data = NULL};
    enum rn_error error = rn_replay_file_encode(call, record, &bytes);
    if (error != RN_OK) {
        record->no_journal = rn_error_message(error);
        return;
    }
    record->journal = rn_buf_take(&bytes, &record->journal_size);
}

bool rn_journal_is_due(struct rn_call *call, rune_record *record)
{
    const struct rn_replay *replay = &call->replay;
    struct rn_journal_folder *folder =
        record->reason != RUNE_REASON_OK ? call->supervisor->journal_folder : NULL;
    if (!replay->asked || replay->from_file || (!replay->in_record && !folder)) {
        return false;
    }
    if (!replay->kept || replay->given_up) {
        record->no_journal = why_none(call);
        return false;
    }
    call->journal_turn = folder ? take_turn(folder) : 0;
    return replay->in_record || call->journal_turn != 0;
}

void rn_journal_keep(const struct rn_call *call, rune_record *record)
{
    encode(call, record);
    if (record->journal && call->journal_turn != 0) {
        put_file(call, record);
    }
    if (!call->replay.in_record) {
        rn_free(RN_TAKE(record->journal));
        record->no_journal = NULL;
    }
}
