/*
 * log.c: lines to standard error, by a thread of their own.
 *
 *      rn_log_say ──► waiting ──► batch, of the thread alone ──► write(2)
 *
 * All of it is static: a thread that write(2) holds stays behind when the log ends, until the process has.
 */
#include "cli/log.h"

#include "cli/visible.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define END_NS 500000000L
#define NOTE_MAX 64u

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t over;
    pthread_t thread;
    bool for_journal; /* the service manager reads priorities in front of lines */
    bool is_ending;
    bool is_over;
    size_t size;
    char waiting[RN_LOG_WAITING_MAX];
    unsigned long long lost; /* lines, since the last one that went */
} log_lines = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

/* Writing */

static bool write_all(const char *bytes, size_t size)
{
    struct pollfd polled = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written < 0 && errno == EAGAIN) {
            (void)poll(&polled, 1, -1); // somebody else has made it non-blocking
        } else if (written < 0 && errno != EINTR) {
            return false;
        } else if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

/* Under the lock. What was lost came after all that waits. */
static size_t take(char batch[RN_LOG_WAITING_MAX + NOTE_MAX])
{
    size_t size = log_lines.size;
    memcpy(batch, log_lines.waiting, size);
    log_lines.size = 0;
    if (log_lines.lost > 0) {
        int more = snprintf(batch + size, NOTE_MAX, "%s%llu lines of the log were lost\n",
                            log_lines.for_journal ? "<4>" : "", log_lines.lost);
        size += more > 0 ? (size_t)more : 0;
        log_lines.lost = 0;
    }
    return size;
}

static unsigned long long lines_of(const char *batch, size_t size)
{
    unsigned long long lines = 0;
    for (size_t i = 0; i < size; i++) {
        lines += batch[i] == '\n';
    }
    return lines;
}

static void *write_lines(void *unused)
{
    static char batch[RN_LOG_WAITING_MAX + NOTE_MAX];
    (void)unused;
    pthread_mutex_lock(&log_lines.lock);
    while (!log_lines.is_ending || log_lines.size > 0) {
        if (log_lines.size == 0) {
            pthread_cond_wait(&log_lines.work, &log_lines.lock);
            continue;
        }
        size_t size = take(batch);
        pthread_mutex_unlock(&log_lines.lock);
        bool written = write_all(batch, size);
        pthread_mutex_lock(&log_lines.lock);
        log_lines.lost += written ? 0 : lines_of(batch, size);
    }
    log_lines.is_over = true;
    pthread_cond_signal(&log_lines.over);
    pthread_mutex_unlock(&log_lines.lock);
    return NULL;
}

/* Beginning and end */

static void init_over(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log_lines.over, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool rn_log_begin(void)
{
    sigset_t all;
    sigset_t old;
    init_over();
    log_lines.for_journal = getenv("JOURNAL_STREAM") != NULL;
    // SIGPIPE as well: a log without a reader is no reason to end.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    errno = pthread_create(&log_lines.thread, NULL, write_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return errno == 0;
}

void rn_log_say(bool grave, const char *line)
{
    char shown[RN_LOG_LINE_MAX];
    char whole[RN_LOG_LINE_MAX + 8];
    rn_visible_copy(line, strlen(line), shown, sizeof(shown));
    int size = snprintf(whole, sizeof(whole), "%s%s\n",
                        !log_lines.for_journal ? "" : (grave ? "<4>" : "<5>"), shown);
    pthread_mutex_lock(&log_lines.lock);
    if (size > 0 && (size_t)size <= RN_LOG_WAITING_MAX - log_lines.size) {
        memcpy(log_lines.waiting + log_lines.size, whole, (size_t)size);
        log_lines.size += (size_t)size;
        pthread_cond_signal(&log_lines.work);
    } else {
        log_lines.lost++;
    }
    pthread_mutex_unlock(&log_lines.lock);
}

void rn_log_end(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += END_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&log_lines.lock);
    log_lines.is_ending = true;
    pthread_cond_signal(&log_lines.work);
    int failed = 0;
    while (!log_lines.is_over && failed == 0) {
        failed = pthread_cond_timedwait(&log_lines.over, &log_lines.lock, &until);
    }
    bool is_over = log_lines.is_over;
    pthread_mutex_unlock(&log_lines.lock);
    if (is_over) {
        pthread_join(log_lines.thread, NULL);
    }
}
