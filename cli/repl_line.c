/* repl_line.c: libedit on a terminal, plain lines elsewhere. */
#include "cli/repl_line.h"

#include "cli/console.h"
#include "cli/repl_history.h"
#include "cli/visible.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define CHUNK 4096u
#define CANDIDATES_SHOWN 200u

struct rn_repl_lines {
    EditLine *edit; /* NULL: plain lines */
    History *history;
    char history_path[PATH_MAX]; /* "": not kept */
    bool history_failed;         /* said so */
    const char *prompt;
    rn_repl_complete *complete;
    void *user;
    struct rn_bytes ahead; /* plain: read, and not given yet */
    size_t given;
    bool ended;
};

/* Ctrl-C while a line is edited ends the read; nothing is to be done. */
static void on_interrupt(int number)
{
    (void)number;
}

/* History */

static bool write_history(void *user, FILE *out)
{
    struct rn_repl_lines *lines = user;
    HistEvent event;
    return history(lines->history, &event, H_SAVE_FP, out) >= 0 && ferror(out) == 0;
}

/* Said once: the session goes on without. */
static void history_lost(struct rn_repl_lines *lines)
{
    if (!lines->history_failed) {
        rn_console_complain("history: %s; it is not kept", strerror(errno));
        lines->history_failed = true;
    }
}

static void begin_history(struct rn_repl_lines *lines)
{
    HistEvent event;
    history(lines->history, &event, H_SETSIZE, RN_REPL_HISTORY_LINES);
    history(lines->history, &event, H_SETUNIQUE, 1);
    if (!rn_repl_history_path(lines->history_path)) {
        history_lost(lines);
        lines->history_path[0] = '\0';
        return;
    }
    history(lines->history, &event, H_LOAD, lines->history_path);
}

static void note(struct rn_repl_lines *lines, const char *text)
{
    HistEvent event;
    if (text[0] == '\0' || text[0] == '\n') {
        return;
    }
    history(lines->history, &event, H_ENTER, text);
    if (lines->history_path[0] != '\0' &&
        !rn_repl_history_save(lines->history_path, write_history, lines)) {
        history_lost(lines);
    }
}

/* Completion */

struct candidates {
    size_t count;
    char common[256]; /* that all have in common */
    struct rn_bytes shown;
};

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':' || (c & 0x80) != 0;
}

/* What a compiler says is a name may be anything, and would be typed. */
static bool is_a_name(const char *name, size_t size)
{
    size_t at = 0;
    while (at < size && is_of_name(name[at])) {
        at++;
    }
    return at == size;
}

static void take_candidate(void *to, const char *name, size_t size)
{
    struct candidates *candidates = to;
    if (size >= sizeof candidates->common || !is_a_name(name, size)) {
        return;
    }
    if (candidates->count++ == 0) {
        memcpy(candidates->common, name, size);
        candidates->common[size] = '\0';
    }
    size_t same = 0;
    while (same < size && candidates->common[same] == name[same]) {
        same++;
    }
    candidates->common[same] = '\0';
    if (candidates->count <= CANDIDATES_SHOWN && rn_bytes_append(&candidates->shown, name, size)) {
        (void)rn_bytes_append(&candidates->shown, "  ", 2);
    }
}

static unsigned char complete(EditLine *edit, int key)
{
    (void)key;
    struct rn_repl_lines *lines;
    struct candidates candidates = {.count = 0};
    const LineInfo *line = el_line(edit);
    const char *start = line->cursor;
    el_get(edit, EL_CLIENTDATA, &lines);
    while (start > line->buffer && is_of_name(start[-1])) {
        start--;
    }
    size_t size = (size_t)(line->cursor - start);
    unsigned char done = CC_ERROR;
    if (size > 0) {
        lines->complete(lines->user, start, size, take_candidate, &candidates);
    }
    if (candidates.count > 0 && strlen(candidates.common) > size) {
        el_insertstr(edit, candidates.common + size);
        done = CC_REFRESH;
    } else if (candidates.count > 1) {
        puts("");
        rn_visible_put(stdout, candidates.shown.data, candidates.shown.size, false);
        puts("");
        fflush(stdout);
        done = CC_REDISPLAY;
    }
    rn_bytes_done(&candidates.shown);
    return done;
}

/* Characters */

/* Waits for a byte. SIGINT is blocked but here, so that one that comes when nobody reads is not lost: EINTR. */
static int read_byte(char *out)
{
    struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t open;
    pthread_sigmask(SIG_BLOCK, NULL, &open);
    sigdelset(&open, SIGINT);
    if (ppoll(&polled, 1, NULL, &open) < 0) {
        return -1;
    }
    return (int)read(STDIN_FILENO, out, 1);
}

/* For libedit: 1, 0 at the end, -1. What is no character goes byte by byte, as it reads by itself. */
static int read_character(EditLine *edit, wchar_t *out)
{
    (void)edit;
    mbstate_t state = {0};
    for (;;) {
        char byte;
        int size = read_byte(&byte);
        if (size <= 0) {
            return size;
        }
        size_t taken = mbrtowc(out, &byte, 1, &state);
        if (taken == (size_t)-1) {
            *out = (unsigned char)byte;
        }
        if (taken != (size_t)-2) {
            return 1;
        }
    }
}

/* Beginning and end */

static char *prompt_of(EditLine *edit)
{
    struct rn_repl_lines *lines;
    el_get(edit, EL_CLIENTDATA, &lines);
    return (char *)(uintptr_t)lines->prompt;
}

static bool begin_editing(struct rn_repl_lines *lines, bool keeps)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(setlocale(LC_CTYPE, NULL), "C") == 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8"); // so that characters are edited, and not bytes
    }
    lines->edit = el_init("runeward", stdin, stdout, stderr);
    lines->history = history_init();
    if (!lines->edit || !lines->history) {
        return false;
    }
    el_set(lines->edit, EL_CLIENTDATA, lines);
    el_set(lines->edit, EL_PROMPT, prompt_of);
    el_set(lines->edit, EL_EDITOR, "emacs");
    el_set(lines->edit, EL_HIST, history, lines->history);
    el_set(lines->edit, EL_ADDFN, "runeward-complete", "Complete a name", complete);
    el_set(lines->edit, EL_BIND, "^I", "runeward-complete", NULL);
    // Ctrl-D that was typed ahead, when the terminal took lines, comes as this.
    el_set(lines->edit, EL_BIND, "^@", "ed-end-of-file", NULL);
    el_set(lines->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(lines->edit, EL_GETCFN, read_character);
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
    if (keeps) {
        begin_history(lines);
    }
    return true;
}

struct rn_repl_lines *rn_repl_lines_new(bool keeps, rn_repl_complete *complete_fn, void *user)
{
    struct rn_bytes room = {0};
    struct rn_repl_lines lines = {.prompt = "", .complete = complete_fn, .user = user};
    if (!rn_bytes_append(&room, (const char *)&lines, sizeof lines)) {
        return NULL;
    }
    struct rn_repl_lines *made = (struct rn_repl_lines *)(void *)room.data;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !begin_editing(made, keeps)) {
        rn_repl_lines_free(made);
        return NULL;
    }
    return made;
}

void rn_repl_lines_free(struct rn_repl_lines *lines)
{
    if (!lines) {
        return;
    }
    if (lines->edit) {
        el_end(lines->edit);
    }
    if (lines->history) {
        history_end(lines->history);
    }
    rn_bytes_done(&lines->ahead);
    struct rn_bytes room = {.data = (char *)lines};
    rn_bytes_done(&room);
}

bool rn_repl_lines_edited(const struct rn_repl_lines *lines)
{
    return lines->edit != NULL;
}

/* Lines */

static enum rn_repl_read edit_line(struct rn_repl_lines *lines, const char *prompt,
                                   struct rn_bytes *line)
{
    int count = 0;
    lines->prompt = prompt;
    el_resize(lines->edit);
    errno = 0;
    const char *text = el_gets(lines->edit, &count);
    int why = errno;
    if (!text || count <= 0) {
        bool interrupted = count < 0 && why == EINTR;
        el_reset(lines->edit);
        puts(interrupted ? "^C" : "");
        return interrupted ? RN_REPL_INTERRUPT : RN_REPL_END;
    }
    note(lines, text);
    return rn_bytes_append(line, text, strlen(text)) ? RN_REPL_LINE : RN_REPL_END;
}

static bool read_on(struct rn_repl_lines *lines)
{
    char chunk[CHUNK];
    ssize_t size;
    do {
        size = read(STDIN_FILENO, chunk, sizeof chunk);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        rn_console_complain("standard input: %s", strerror(errno));
    }
    return size > 0 && rn_bytes_append(&lines->ahead, chunk, (size_t)size);
}

static enum rn_repl_read plain_line(struct rn_repl_lines *lines, struct rn_bytes *line)
{
    size_t looked = lines->given;
    const char *end = NULL;
    for (;;) {
        size_t left = lines->ahead.size - looked;
        end = left > 0 ? memchr(lines->ahead.data + looked, '\n', left) : NULL;
        looked = lines->ahead.size;
        if (end || lines->ended) {
            break;
        }
        lines->ended = !read_on(lines);
    }
    size_t until = end ? (size_t)(end + 1 - lines->ahead.data) : lines->ahead.size;
    size_t size = until - lines->given;
    bool taken = size > 0 && rn_bytes_append(line, lines->ahead.data + lines->given, size);
    lines->given = until;
    if (lines->given == lines->ahead.size) {
        lines->given = lines->ahead.size = 0;
    }
    return taken ? RN_REPL_LINE : RN_REPL_END;
}

enum rn_repl_read rn_repl_lines_next(struct rn_repl_lines *lines, const char *prompt,
                                     struct rn_bytes *line)
{
    return lines->edit ? edit_line(lines, prompt, line) : plain_line(lines, line);
}
